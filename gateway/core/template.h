/* template.h - a named workflow: a graph, and a manifest that says which parameters it takes.
 *
 * A template is loaded from the bytes of manifest.json and workflow.json, checked in full, and never
 * changes. Binding puts a job's input into the graph by edits of its bytes: whatever no parameter
 * touches reaches ComfyUI as its author exported it. docs/templates.md describes the manifest.
 *
 * Not the folder of templates, nor the live state of any ComfyUI: what is asked of the outside goes
 * through struct template_files and struct node_catalog (template_live.h). Pure; any thread, a
 * loaded template may be used by many at once.
 */
#ifndef CG_CORE_TEMPLATE_H
#define CG_CORE_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_out.h"

#define TEMPLATE_NAME_MAX   32
#define TEMPLATE_PARAMS_MAX 64
#define TEMPLATE_LORAS_MAX  32 /* in one lora-chain */

struct template;
struct node_catalog;

/* ---- loading --------------------------------------------------------------------------------- */

struct template_limits {
    struct json_limits json;
    size_t graph_nodes;
};

/* Gives *out, to be freed with template_free(); copies both texts. `folder` is the name of the folder
 * that they come from. On failure e tells all faults that can be told at once: places in the manifest as
 * JSON Pointers into it, places in the workflow as pointers that begin with "/workflow" (code
 * INVALID_WORKFLOW or WORKFLOW_FORMAT_UI), everything else as VALIDATION_ERROR; a text that is no
 * JSON as json_parse() tells it, with the file's name in detail. */
enum errc template_load(const char *folder, struct span manifest, struct span workflow,
                        const struct template_limits *limits, struct template **out, struct err *e)
    MUST_CHECK;
void template_free(struct template *t); /* NULL is fine */
void template_free_ptr(struct template **t);

/* Whether text may name a template or a parameter: ^[a-z][a-z0-9_-]{0,31}$ */
bool template_is_name(struct span text);

/* ---- what it is ------------------------------------------------------------------------------ */

/* Borrowed from the template. */
const char *template_name(const struct template *t);
const char *template_title(const struct template *t);
const char *template_category(const struct template *t);
/* The graph as its author exported it. */
struct span template_workflow(const struct template *t);
/* What jobs that say nothing else get; 0 when the manifest says nothing either. */
int64_t template_timeout_ms(const struct template *t);
int template_max_attempts(const struct template *t);
/* The parameter with op "seed"; NULL when there is none. */
const char *template_seed_param(const struct template *t);
/* Id of the node whose results are to be shown first; borrowed, never NULL. */
const char *template_primary_node(const struct template *t);

/* Fills lists of choices (`x-options`), when somebody is there who knows them. */
struct template_options {
    void *arg;
    /* Appends a JSON array of strings for a source such as "models:loras"; false (out untouched)
     * when nothing is known of it. */
    bool (*append)(void *arg, const char *source, struct buf *out);
};

/* Members of an answer, written into the object that is open in o: name, title, description,
 * category, tags; when is_whole also input_schema (without x-comfy; with "x-file": true at
 * parameters of op asset; with `values` in x-options when options is not NULL), outputs, limits, requires, examples. The caller adds its own. */
void template_json(struct json_out *o, const struct template *t, bool is_whole,
                   const struct template_options *options);

/* ---- binding --------------------------------------------------------------------------------- */

/* What a reference to a file stands for. */
struct template_file {
    char name[256];      /* for ComfyUI: "comfygate/<sha256>.<ext>" */
    char reference[128]; /* what to keep in place of it: the same "asset:<id>", or the asset that a
                            data: or https: reference has become */
};

/* Turns references into files. */
struct template_files {
    void *arg;
    /* Fills *out for a reference that begins with "asset:", "output:", "data:" or "https://". False
     * when it cannot be had: then code and detail of *why are filled in, not its place. */
    bool (*resolve)(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why);
};

struct template_request {
    const struct json_doc *doc; /* strictly read */
    json_ref input;             /* JSON_NONE = {} */
    const char *pointer;        /* of input, for faults: "/input" */
    uint64_t random;            /* all 64 bits; for a seed that was not given */
    size_t max_bytes;           /* of the graph that results */
    const struct template_files *files;
    const struct node_catalog *catalog; /* NULL = names of models are not looked up */
};

struct template_bound {
    struct buf graph;
    size_t node_count;
    char seed[24];    /* decimal; "" when the template has no seed */
    struct buf input; /* JSON object: what was given, with defaults. A random seed is not in it, and
                         a file is in it as the reference that template_file gave. */
    char **file;      /* those references, each once */
    size_t file_count;
};

/* Checks the input and puts it into the graph. All faults, up to 32, go to e as VALIDATION_ERROR
 * items below r->pointer; a graph above max_bytes is CONTENT_TOO_LARGE. Files are resolved only
 * when the input keeps its schema. *out is the caller's, to be cleared, also on failure. */
enum errc template_bind(const struct template *t, const struct template_request *r,
                        struct template_bound *out, struct err *e) MUST_CHECK;
void template_bound_clear(struct template_bound *b);

#endif
