/* comfy_wire_history.c - how a prompt ended, and what it produced.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/comfy_wire.h"
#include "core/comfy_wire_read.h"

/* More files than any graph makes; keeps the search for repeats short. */
#define OUTPUTS_MAX 4096

/* ---- outputs -------------------------------------------------------------------------------- */

static struct comfy_output *add_output(struct comfy_history *h, const char *node_id)
{
    struct comfy_output *o = NULL;

    if (h->output_count >= OUTPUTS_MAX) {
        return NULL;
    }
    if ((h->output_count & (h->output_count - 1)) == 0) { /* full at each power of two */
        h->output = xrealloc(h->output,
                             (h->output_count > 0 ? 2 * h->output_count : 1) * sizeof *h->output);
    }
    o = &h->output[h->output_count++];
    *o = (struct comfy_output){.node_id = xstrdup(node_id != NULL ? node_id : "")};
    return o;
}

static bool is_known_file(const struct comfy_history *h, const char *filename,
                          const char *subfolder, const char *type)
{
    for (size_t i = 0; i < h->output_count; i++) {
        const struct comfy_output *o = &h->output[i];

        if (o->filename != NULL && strcmp(o->filename, filename) == 0 &&
            strcmp(o->subfolder, subfolder) == 0 && strcmp(o->type, type) == 0) {
            return true;
        }
    }
    return false;
}

/* Any object with a `filename`, whatever the list is called (images, gifs, audio, video, 3d, ...).
 */
static void add_file(struct comfy_history *h, const struct json_doc *doc, const char *node_id,
                     json_ref file)
{
    AUTO(free_ptr) char *filename = wire_text(doc, json_get(doc, file, "filename"), JSON_NONE);
    AUTO(free_ptr) char *subfolder = wire_text(doc, json_get(doc, file, "subfolder"), JSON_NONE);
    AUTO(free_ptr) char *type = wire_text(doc, json_get(doc, file, "type"), JSON_NONE);
    struct comfy_output *o = NULL;

    if (filename == NULL) {
        return;
    }
    if (subfolder == NULL) {
        subfolder = xstrdup("");
    }
    if (type == NULL) {
        type = xstrdup("output");
    }
    if (is_known_file(h, filename, subfolder, type)) {
        return;
    }
    o = add_output(h, node_id);
    if (o != NULL) {
        o->filename = take_ptr(&filename);
        o->subfolder = take_ptr(&subfolder);
        o->type = take_ptr(&type);
    }
}

static void add_text(struct comfy_history *h, const struct json_doc *doc, const char *node_id,
                     json_ref node)
{
    AUTO(free_ptr) char *text = json_str_dup(doc, node);
    struct comfy_output *o = text != NULL ? add_output(h, node_id) : NULL;

    if (o != NULL) {
        o->text = take_ptr(&text);
        o->subfolder = xstrdup("");
        o->type = xstrdup("output");
    }
}

/* One node's ui object: lists of files, and of strings under "text". */
static void add_node_outputs(struct comfy_history *h, const struct json_doc *doc,
                             const char *node_id, json_ref ui)
{
    if (!wire_is(doc, ui, JSON_OBJECT)) {
        return;
    }
    for (json_ref list = json_first(doc, ui); list != JSON_NONE; list = json_next(doc, list)) {
        bool is_text = json_key_is(doc, list, "text");

        if (!wire_is(doc, list, JSON_ARRAY)) {
            continue;
        }
        for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
            if (json_type(doc, n) == JSON_OBJECT) {
                add_file(h, doc, node_id, n);
            } else if (is_text) {
                add_text(h, doc, node_id, n);
            }
        }
    }
}

void comfy_history_add_output(struct comfy_history *h, const char *node_id, struct span output_json)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(output_json);

    if (doc != NULL) {
        add_node_outputs(h, doc, node_id, 0);
    }
}

/* ---- the order of outputs ------------------------------------------------------------------- */

struct placed {
    size_t node; /* place of the node in the graph; SIZE_MAX when it is not there */
    size_t listed;
    struct comfy_output output;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *left = a;
    const struct placed *right = b;

    if (left->node != right->node) {
        return left->node < right->node ? -1 : 1;
    }
    return left->listed < right->listed ? -1 : left->listed > right->listed;
}

/* ComfyUI lists nodes in the order they ran, which differs between its processes. */
static void sort_outputs(struct comfy_history *h, const struct graph_index *index)
{
    AUTO(free_ptr) struct placed *all = NULL;

    if (index == NULL || h->output_count < 2) {
        return;
    }
    all = xcalloc(h->output_count, sizeof *all);
    for (size_t i = 0; i < h->output_count; i++) {
        all[i] = (struct placed){graph_index_place(index, h->output[i].node_id), i, h->output[i]};
    }
    qsort(all, h->output_count, sizeof *all, compare_placed);
    for (size_t i = 0; i < h->output_count; i++) {
        h->output[i] = all[i].output;
    }
}

static void read_outputs(const struct json_doc *doc, json_ref entry, struct comfy_history *out)
{
    json_ref outputs = json_get(doc, entry, "outputs");
    json_ref meta = json_get(doc, entry, "meta");

    if (!wire_is(doc, outputs, JSON_OBJECT)) {
        return;
    }
    for (json_ref n = json_first(doc, outputs); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *id = wire_key(doc, n);
        /* a node that another one expanded to is told as that one */
        json_ref shown = json_get(doc, json_get(doc, meta, id), "display_node");
        AUTO(free_ptr) char *display = wire_text(doc, shown, JSON_NONE);

        add_node_outputs(out, doc, display != NULL ? display : id, n);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

/* A later end takes the place of an earlier one. */
static void set_end(struct comfy_history *h, enum comfy_end end, int64_t ended_at,
                    const struct job_error *error)
{
    job_error_clear(&h->error);
    h->end = end;
    h->ended_at = ended_at;
    h->error = *error;
}

/* One [event, data] of status.messages. */
static void read_message(const struct json_doc *doc, json_ref message, struct comfy_history *out)
{
    json_ref event = wire_is(doc, message, JSON_ARRAY) ? json_first(doc, message) : JSON_NONE;
    json_ref data = event != JSON_NONE ? json_next(doc, event) : JSON_NONE;
    int64_t at = wire_int(doc, json_get(doc, data, "timestamp"), 0);
    struct job_error error = {0};

    if (json_str_is(doc, event, "execution_start")) {
        out->started_at = at;
    } else if (json_str_is(doc, event, "execution_success")) {
        set_end(out, COMFY_END_SUCCESS, at, &error);
    } else if (json_str_is(doc, event, "execution_interrupted")) {
        wire_interruption(doc, data, &error);
        set_end(out, COMFY_END_INTERRUPTED, at, &error);
    } else if (json_str_is(doc, event, "execution_error") &&
               wire_execution_error(doc, data, &error)) {
        set_end(out, COMFY_END_ERROR, at, &error);
    }
}

/* An entry exists only when the prompt has ended, so there is always an end to tell. */
static void read_end(const struct json_doc *doc, json_ref entry, struct comfy_history *out)
{
    json_ref status = json_get(doc, entry, "status");
    json_ref messages = json_get(doc, status, "messages");

    if (wire_is(doc, messages, JSON_ARRAY)) {
        for (json_ref n = json_first(doc, messages); n != JSON_NONE; n = json_next(doc, n)) {
            read_message(doc, n, out);
        }
    }
    if (out->end != COMFY_END_NONE) {
        return;
    }
    out->end = COMFY_END_SUCCESS;
    if (json_str_is(doc, json_get(doc, status, "status_str"), "error")) {
        out->end = COMFY_END_ERROR;
        wire_blame(&out->error, JOB_ERR_NODE_EXECUTION_ERROR, NULL, NULL,
                   SPAN_LIT("ComfyUI says that the run failed, but not why."));
    }
}

bool comfy_history_parse(struct span body, struct id prompt_id, struct span graph,
                         struct comfy_history *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);
    struct graph_index *index = NULL;
    json_ref entry = JSON_NONE;

    *out = (struct comfy_history){0};
    if (doc == NULL || !wire_is(doc, 0, JSON_OBJECT)) {
        return false;
    }
    entry = json_get(doc, 0, prompt_id.text);
    if (entry == JSON_NONE) {
        return json_size(doc, 0) == 0;
    }
    if (!wire_is(doc, entry, JSON_OBJECT)) {
        return false;
    }
    read_end(doc, entry, out);
    read_outputs(doc, entry, out);
    index = graph_index_new(graph);
    sort_outputs(out, index);
    wire_name_node(&out->error, index);
    graph_index_free(index);
    return true;
}

void comfy_history_clear(struct comfy_history *h)
{
    for (size_t i = 0; i < h->output_count; i++) {
        free(h->output[i].node_id);
        free(h->output[i].filename);
        free(h->output[i].subfolder);
        free(h->output[i].type);
        free(h->output[i].text);
    }
    free(h->output);
    job_error_clear(&h->error);
    *h = (struct comfy_history){0};
}
