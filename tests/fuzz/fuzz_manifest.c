/* Any manifest, and behind a U+0000 any workflow; without one, that of templates/every-op. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "core/graph.h"
#include "core/template_live.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (8U << 20)

static const struct json_limits wide = {.depth = 1024, .nodes = 10000000};
static const struct template_limits limits = {
    .json = {.depth = 64, .nodes = 20000},
    .graph_nodes = 200,
};

/* Reads a file beside this source. */
static struct span fixture(void)
{
    static struct buf text = BUF_INIT(OUT_MAX);

    if (text.len == 0) {
        AUTO(free_ptr) char *folder = xstrdup(__FILE__);
        AUTO(free_ptr) char *path = NULL;
        enum errc code;

        *strrchr(folder, '/') = '\0';
        path = xasprintf("%s/../unit/templates/every-op/workflow.json", folder);
        code = file_read(path, OUT_MAX, &text, NULL);
        bug_if(code != ERR_NONE);
    }
    return buf_span(&text);
}

static bool is_json(const struct buf *text)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;

    return json_parse(buf_span(text), JSON_STRICT, wide, &doc, NULL) == ERR_NONE;
}

static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    (void)arg;
    (void)reference;
    (void)why;
    memcpy(out->name, "comfygate/x.png", sizeof "comfygate/x.png");
    memcpy(out->reference, "asset:x", sizeof "asset:x");
    return true;
}

static bool has_class(void *arg, const char *class_type)
{
    (void)arg;
    return class_type[0] != 'X';
}

static bool has_choice(void *arg, const char *class_type, const char *input, const char *value)
{
    (void)arg;
    return class_type[0] != 'Y' && input[0] != 'Y' && value[0] != 'Y';
}

static bool needs_input(void *arg, const char *class_type, const char *input)
{
    (void)arg;
    return class_type[0] == input[0];
}

static bool append_options(void *arg, const char *source, struct buf *out)
{
    (void)arg;
    return source[0] != 'Y' && buf_append_str(out, "[\"a\"]");
}

static void check_shown(const struct template *t)
{
    const struct template_options options = {NULL, append_options};
    AUTO(buf_clear) struct buf text = BUF_INIT(OUT_MAX);
    struct json_out o = json_out_to(&text);

    jo_arr(&o, NULL);
    for (int i = 0; i < 3; i++) {
        jo_obj(&o, NULL);
        template_json(&o, t, i > 0, i > 1 ? &options : NULL);
        jo_end(&o);
    }
    jo_end(&o);
    bug_if(!is_json(&text));
}

/* A graph without loose ends, of that many nodes. */
static void check_graph(const struct template_bound *bound)
{
    AUTO(json_free_ptr) struct json_doc *graph = NULL;
    size_t nodes = 0;

    bug_if(json_parse(buf_span(&bound->graph), JSON_STRICT, wide, &graph, NULL) != ERR_NONE);
    bug_if(graph_check(graph, 0, "", SIZE_MAX, &nodes, NULL) != ERR_NONE);
    bug_if(nodes != bound->node_count);
}

/* Whatever a manifest that was accepted makes of an input can be sent. */
static void check_bound(const struct template *t, const struct json_doc *doc, json_ref input)
{
    const struct template_files files = {NULL, resolve};
    const struct template_request r = {
        .doc = doc,
        .input = input,
        .pointer = "/input",
        .random = UINT64_MAX / 3,
        .max_bytes = OUT_MAX,
        .files = &files,
    };
    AUTO(template_bound_clear) struct template_bound bound;
    struct err e = ERR_INIT;

    if (template_bind(t, &r, &bound, &e) != ERR_NONE) {
        bug_if(e.item_count == 0);
        return;
    }
    bug_if(!is_json(&bound.input));
    check_graph(&bound);
    bug_if((template_seed_param(t) != NULL) != (bound.seed[0] != '\0'));
}

static void check_accepted(const struct template *t, struct span manifest)
{
    const struct node_catalog catalog = {NULL, has_class, has_choice, needs_input};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err e = ERR_INIT;
    enum errc code = template_check_live(t, &catalog, &e);
    json_ref examples;

    bug_if((code == ERR_NONE) != (e.item_count == 0));
    check_shown(t);
    check_bound(t, NULL, JSON_NONE);
    code = json_parse(manifest, JSON_STRICT, limits.json, &doc, NULL);
    bug_if(code != ERR_NONE);
    examples = json_get(doc, 0, "examples");
    for (json_ref n = json_first(doc, examples); n != JSON_NONE; n = json_next(doc, n)) {
        check_bound(t, doc, json_get(doc, n, "input"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct span manifest = {(const char *)data, end != NULL ? (size_t)(end - data) : size};
    struct span workflow = fixture();
    AUTO(template_free_ptr) struct template *t = NULL;
    struct err e = ERR_INIT;

    if (end != NULL) {
        workflow = (struct span){(const char *)end + 1, size - manifest.len - 1};
    }
    if (template_load("every-op", manifest, workflow, &limits, &t, &e) == ERR_NONE) {
        check_accepted(t, manifest);
    } else {
        bug_if(t != NULL || (e.item_count == 0 && e.detail[0] == '\0'));
    }
    return 0;
}
