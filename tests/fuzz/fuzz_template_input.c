/* Any input of a job by template, for templates/every-op. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "core/graph.h"
#include "core/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (8U << 20)

static const struct json_limits wide = {.depth = 1024, .nodes = 10000000};

static struct buf fixture(const char *name)
{
    struct buf text = BUF_INIT(OUT_MAX);
    AUTO(free_ptr) char *folder = xstrdup(__FILE__);
    AUTO(free_ptr) char *path = NULL;
    enum errc code;

    *strrchr(folder, '/') = '\0';
    path = xasprintf("%s/../unit/templates/every-op/%s", folder, name);
    code = file_read(path, OUT_MAX, &text, NULL);
    bug_if(code != ERR_NONE);
    return text;
}

static const struct template *every_op(void)
{
    static struct template *t;

    if (t == NULL) {
        const struct template_limits limits = {.json = wide, .graph_nodes = 200};
        AUTO(buf_clear) struct buf manifest = fixture("manifest.json");
        AUTO(buf_clear) struct buf workflow = fixture("workflow.json");
        enum errc code =
            template_load("every-op", buf_span(&manifest), buf_span(&workflow), &limits, &t, NULL);

        bug_if(code != ERR_NONE);
    }
    return t;
}

/* References that are short stay; all others have become this asset. */
static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    (void)arg;
    (void)snprintf(why->code, sizeof why->code, "missing_asset");
    (void)snprintf(out->name, sizeof out->name, "comfygate/%zu.png",
                   strlen(reference) < 20 ? strlen(reference) : 12);
    (void)snprintf(out->reference, sizeof out->reference, "%s",
                   strlen(reference) < 20 ? reference : "asset:other1");
    return strstr(reference, "gone") == NULL;
}

static bool bind(struct span input, struct template_bound *bound, struct err *e)
{
    const struct template_files files = {NULL, resolve};
    const struct json_limits limits = {.depth = 64, .nodes = 20000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct template_request r = {
        .pointer = "/input",
        .random = 12345,
        .max_bytes = OUT_MAX,
        .files = &files,
    };

    *bound = (struct template_bound){.graph = BUF_INIT(0), .input = BUF_INIT(0)};
    if (json_parse(input, JSON_STRICT, limits, &doc, e) != ERR_NONE) {
        return false;
    }
    r.doc = doc;
    return template_bind(every_op(), &r, bound, e) == ERR_NONE;
}

static void check_graph(const struct template_bound *bound)
{
    AUTO(json_free_ptr) struct json_doc *graph = NULL;
    size_t nodes = 0;

    bug_if(json_parse(buf_span(&bound->graph), JSON_STRICT, wide, &graph, NULL) != ERR_NONE);
    bug_if(graph_check(graph, 0, "", SIZE_MAX, &nodes, NULL) != ERR_NONE);
    bug_if(nodes != bound->node_count);
}

/* The effective input says the same as the one it comes from. */
static void check_again(const struct template_bound *once)
{
    AUTO(template_bound_clear) struct template_bound twice = {.file_count = 0};
    struct err e = ERR_INIT;
    bool is_bound = bind(buf_span(&once->input), &twice, &e);

    bug_if(!is_bound);
    bug_if(!span_eq(buf_span(&once->graph), buf_span(&twice.graph)));
    bug_if(!span_eq(buf_span(&once->input), buf_span(&twice.input)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(template_bound_clear) struct template_bound bound = {.file_count = 0};
    struct err e = ERR_INIT;

    if (!bind((struct span){(const char *)data, size}, &bound, &e)) {
        bug_if(e.item_count == 0);
        return 0;
    }
    bug_if(bound.seed[0] == '\0' || bound.file_count == 0);
    check_graph(&bound);
    check_again(&bound);
    return 0;
}
