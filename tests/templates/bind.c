/* bind.c - binds inputs to one template, for test_shipped.py, which knows by itself what must come out.
 *
 *   template-bind FOLDER <inputs
 *
 * An input is one line of JSON. For each, a line "ok SEED LENGTH" and the graph as it is, or
 * "refused POINTER CODE". A file asset:x is known to ComfyUI as comfygate/x.png; a random seed is 77.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "core/template.h"

#define FILE_MAX   ((size_t)1 << 20)
#define GRAPH_MAX  ((size_t)4 << 20)
#define SEED       77
#define PROBLEM    2
#define NODES_MAX  500
#define DEPTH_MAX  64
#define VALUES_MAX 100000

static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    const char *id = strchr(reference, ':');

    (void)arg;
    (void)why;
    (void)snprintf(out->reference, sizeof out->reference, "%s", reference);
    (void)snprintf(out->name, sizeof out->name, "comfygate/%s.png", id != NULL ? id + 1 : "");
    return true;
}

static const char *name_of(const char *folder)
{
    const char *slash = strrchr(folder, '/');

    return slash != NULL ? slash + 1 : folder;
}

static void print_faults(const struct err *e)
{
    (void)fprintf(stderr, "%s %s\n", err_code(e->code), e->detail);
    for (size_t i = 0; i < e->item_count; i++) {
        (void)fprintf(stderr, "%s: %s\n", e->item[i].at, e->item[i].detail);
    }
}

static struct template *load(const char *folder)
{
    static const struct template_limits limits = {.json = {.depth = DEPTH_MAX, .nodes = VALUES_MAX},
                                                  .graph_nodes = NODES_MAX};
    AUTO(free_ptr) char *manifest_path = xasprintf("%s/manifest.json", folder);
    AUTO(free_ptr) char *workflow_path = xasprintf("%s/workflow.json", folder);
    AUTO(buf_clear) struct buf manifest = BUF_INIT(FILE_MAX);
    AUTO(buf_clear) struct buf workflow = BUF_INIT(FILE_MAX);
    struct template *t = NULL;
    struct err e = ERR_INIT;

    if (file_read(manifest_path, FILE_MAX, &manifest, &e) != ERR_NONE ||
        file_read(workflow_path, FILE_MAX, &workflow, &e) != ERR_NONE ||
        template_load(name_of(folder), buf_span(&manifest), buf_span(&workflow), &limits, &t, &e) !=
            ERR_NONE) {
        print_faults(&e);
    }
    return t;
}

/* False when the line is no JSON at all. */
static bool bind_line(const struct template *t, struct span line)
{
    static const struct template_files files = {NULL, resolve};
    const struct json_limits limits = {.depth = DEPTH_MAX, .nodes = VALUES_MAX};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(template_bound_clear) struct template_bound bound = {0};
    struct err e = ERR_INIT;
    struct template_request r = {
        .pointer = "", .random = SEED, .max_bytes = GRAPH_MAX, .files = &files};

    if (json_parse(line, JSON_STRICT, limits, &doc, &e) != ERR_NONE) {
        print_faults(&e);
        return false;
    }
    r.doc = doc;
    if (template_bind(t, &r, &bound, &e) != ERR_NONE) {
        (void)printf("refused %s %s\n", e.item[0].at, e.item[0].code);
        return true;
    }
    (void)printf("ok %s %zu\n", bound.seed[0] != '\0' ? bound.seed : "-", bound.graph.len);
    (void)fwrite(buf_str(&bound.graph), 1, bound.graph.len, stdout);
    return true;
}

int main(int argc, char **argv)
{
    AUTO(template_free_ptr) struct template *t = argc == 2 ? load(argv[1]) : NULL;
    AUTO(free_ptr) char *line = NULL;
    size_t room = 0;
    ssize_t length;

    if (t == NULL) {
        return PROBLEM;
    }
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (!bind_line(t, (struct span){line, (size_t)length})) {
            return PROBLEM;
        }
    }
    return 0;
}
