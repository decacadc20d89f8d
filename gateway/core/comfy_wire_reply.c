/* comfy_wire_reply.c - the answer to POST /prompt, and why ComfyUI did not take a graph.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "core/comfy_wire.h"
#include "core/comfy_wire_read.h"

#define QUOTE_MAX 300

/* ---- answers that are not ComfyUI's JSON ----------------------------------------------------- */

/* First row whose range holds the status. Without words ComfyUI's own are quoted. */
static const struct {
    int first;
    int last;
    enum job_errc code;
    const char *words;
} by_status[] = {
    {200, 299, JOB_ERR_BACKEND_UNREACHABLE,
     "but not as ComfyUI does; a login page or another program seems to be there"},
    {300, 399, JOB_ERR_BACKEND_UNREACHABLE,
     "a redirect, which is not followed; a login page or proxy stands in front of it, or scheme or "
     "path of the backend's URL are wrong"},
    {401, 401, JOB_ERR_BACKEND_UNREACHABLE, "a login is asked for by a proxy in front of it"},
    {403, 403, JOB_ERR_BACKEND_UNREACHABLE,
     "which ComfyUI says when Host and Origin do not match, and authenticating proxies say too"},
    {404, 405, JOB_ERR_BACKEND_UNREACHABLE,
     "so there is no ComfyUI at that path; the backend's URL seems to be wrong"},
    {407, 407, JOB_ERR_BACKEND_UNREACHABLE, "a proxy on the way asks for a login"},
    {408, 408, JOB_ERR_BACKEND_UNREACHABLE, "the graph took too long to arrive"},
    {413, 413, JOB_ERR_INVALID_WORKFLOW, "it is larger than ComfyUI accepts"},
    {429, 429, JOB_ERR_BACKEND_UNREACHABLE, "a proxy in front of it limits the requests"},
    {400, 499, JOB_ERR_INVALID_WORKFLOW, NULL},
    {500, 500, JOB_ERR_INVALID_WORKFLOW, NULL},
    {501, 599, JOB_ERR_BACKEND_UNREACHABLE, "a proxy in front of it does not reach it"},
};

/* The last line of a plain text; nothing of a page or of bytes that are no ASCII. */
static struct span last_line(struct span body)
{
    struct span text = wire_trim(body);
    const char *line = NULL;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x7F || (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == '<' ||
            c == '{') {
            return SPAN_NONE;
        }
    }
    line = text.len > 0 ? memrchr(text.ptr, '\n', text.len) : NULL;
    if (line != NULL) {
        text.len -= (size_t)(line + 1 - text.ptr);
        text.ptr = line + 1;
    }
    return text.len <= QUOTE_MAX ? text : SPAN_NONE;
}

static void explain_status(int http_status, struct span body, struct job_error *error)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(2048);
    enum job_errc code = JOB_ERR_BACKEND_UNREACHABLE;
    struct span quote = last_line(body);
    const char *words = "which is no HTTP answer";

    for (size_t i = 0; i < COUNT_OF(by_status); i++) {
        if (http_status >= by_status[i].first && http_status <= by_status[i].last) {
            code = by_status[i].code;
            words = by_status[i].words;
            break;
        }
    }
    if (code == JOB_ERR_BACKEND_UNREACHABLE) {
        (void)buf_appendf(&text, "ComfyUI's address answered %d: %s.", http_status, words);
    } else {
        (void)buf_appendf(&text, "ComfyUI answered %d to this workflow", http_status);
        if (quote.len == 0) {
            quote = span_of(words);
        }
        if (quote.len > 0) {
            (void)buf_append_str(&text, ": ");
            (void)buf_append_span(&text, quote);
        }
    }
    wire_blame(error, code, NULL, NULL, buf_span(&text));
}

/* ---- validation errors ----------------------------------------------------------------------- */

/* Inputs that choose a model file in the loaders of ComfyUI and of its common extensions. */
static const char *const model_inputs[] = {
    "ckpt_name",        "lora_name",      "unet_name",         "vae_name",     "clip_name",
    "clip_name1",       "clip_name2",     "clip_name3",        "clip_name4",   "control_net_name",
    "style_model_name", "gligen_name",    "hypernetwork_name", "model_name",   "upscale_model",
    "ipadapter_file",   "embedding_name", "diffusion_model",   "text_encoder", "model_patch_name",
};
static const char *const model_endings[] = {".safetensors", ".ckpt", ".gguf", ".pt",
                                            ".sft",         ".pth",  ".bin",  ".onnx"};

static bool is_model(const char *input, const char *value)
{
    size_t len = value != NULL ? strlen(value) : 0;

    for (size_t i = 0; input != NULL && i < COUNT_OF(model_inputs); i++) {
        if (strcmp(input, model_inputs[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(model_endings); i++) {
        size_t ending = strlen(model_endings[i]);

        if (len > ending && strcasecmp(value + len - ending, model_endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ComfyUI's "message: details", as one text. */
static void append_words(struct buf *out, const struct json_doc *doc, json_ref error)
{
    AUTO(free_ptr)
    char *message = wire_text(doc, json_get(doc, error, "message"), json_get(doc, error, "type"));
    AUTO(free_ptr) char *details = wire_text(doc, json_get(doc, error, "details"), JSON_NONE);

    (void)buf_append_str(out, message != NULL ? message : "The node is not valid");
    /* older answers repeat the message in front of the details */
    if (details != NULL && (message == NULL || strstr(details, message) != details)) {
        (void)buf_appendf(out, ": %s", details);
    }
}

/* The first fault of the first node that has any. */
static void blame_node(const struct json_doc *doc, json_ref node, json_ref fault, size_t others,
                       struct job_error *out)
{
    json_ref info = json_get(doc, fault, "extra_info");
    AUTO(buf_clear) struct buf words = BUF_INIT(1U << 20);
    AUTO(free_ptr) char *id = wire_key(doc, node);
    AUTO(free_ptr) char *class = wire_text(doc, json_get(doc, node, "class_type"), JSON_NONE);
    AUTO(free_ptr) char *input = wire_text(doc, json_get(doc, info, "input_name"), JSON_NONE);
    AUTO(free_ptr) char *value = wire_text(doc, json_get(doc, info, "received_value"), JSON_NONE);
    enum job_errc code = JOB_ERR_INVALID_WORKFLOW;

    if (json_str_is(doc, json_get(doc, fault, "type"), "value_not_in_list") &&
        is_model(input, value)) {
        code = JOB_ERR_MISSING_MODEL;
        if (value != NULL) {
            (void)buf_appendf(&words, "The model %s is not there. ", value);
        }
    }
    append_words(&words, doc, fault);
    if (others > 0) {
        (void)buf_appendf(&words, " (and %zu more)", others);
    }
    wire_blame(out, code, id, class, buf_span(&words));
}

/* False when no node is blamed. */
static bool read_node_errors(const struct json_doc *doc, json_ref nodes, struct job_error *out)
{
    json_ref first_node = JSON_NONE;
    json_ref first_fault = JSON_NONE;
    size_t count = 0;

    if (!wire_is(doc, nodes, JSON_OBJECT)) {
        return false;
    }
    for (json_ref n = json_first(doc, nodes); n != JSON_NONE; n = json_next(doc, n)) {
        json_ref faults = json_get(doc, n, "errors");

        if (!wire_is(doc, faults, JSON_ARRAY) || json_size(doc, faults) == 0) {
            continue;
        }
        if (count == 0) {
            first_node = n;
            first_fault = json_first(doc, faults);
        }
        count += json_size(doc, faults);
    }
    if (count == 0) {
        return false;
    }
    blame_node(doc, first_node, first_fault, count - 1, out);
    return true;
}

/* Not only the first fault: each may show that its lists have changed. */
static bool has_unlisted(const struct json_doc *doc, json_ref nodes)
{
    for (json_ref n = json_first(doc, nodes); n != JSON_NONE; n = json_next(doc, n)) {
        json_ref faults = json_get(doc, n, "errors");

        for (json_ref f = json_first(doc, faults); f != JSON_NONE; f = json_next(doc, f)) {
            if (json_str_is(doc, json_get(doc, f, "type"), "value_not_in_list")) {
                return true;
            }
        }
    }
    return false;
}

/* ---- errors of the whole graph --------------------------------------------------------------- */

/* "Node ID '#12'" gives "12"; older servers name the node nowhere else. */
static char *node_in_details(const char *details)
{
    static const char before[] = "Node ID '#";
    const char *id = details != NULL ? strstr(details, before) : NULL;
    size_t len = id != NULL ? strlen(id += sizeof before - 1) : 0;

    return len > 1 && id[len - 1] == '\'' ? xstrndup(id, len - 1) : NULL;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len >= strlen(ending) && strcmp(text + len - strlen(ending), ending) == 0;
}

/* A class that this ComfyUI does not know: said by type (newer) or in words (older). A node without
 * a class_type has the same type, but then nothing is missing except in the graph. */
static bool is_missing_node(const struct json_doc *doc, json_ref error, const char *class,
                            const char *message)
{
    json_ref type = json_get(doc, error, "type");

    return (json_str_is(doc, type, "missing_node_type") && class != NULL) ||
           (json_str_is(doc, type, "invalid_prompt") && ends_with(message, "does not exist."));
}

static void read_graph_error(const struct json_doc *doc, json_ref error,
                             const struct graph_index *index, struct job_error *out)
{
    json_ref info = json_get(doc, error, "extra_info");
    AUTO(buf_clear) struct buf words = BUF_INIT(1U << 20);
    AUTO(free_ptr) char *message = wire_text(doc, json_get(doc, error, "message"), error);
    AUTO(free_ptr) char *details = wire_text(doc, json_get(doc, error, "details"), JSON_NONE);
    AUTO(free_ptr) char *class = wire_text(doc, json_get(doc, info, "class_type"), JSON_NONE);
    AUTO(free_ptr) char *node = wire_text(doc, json_get(doc, info, "node_id"), JSON_NONE);
    bool is_missing = is_missing_node(doc, error, class, message);

    if (node == NULL) {
        node = node_in_details(details);
    }
    if (class == NULL && node != NULL && index != NULL) {
        class = xstrdup_or_null(graph_index_class(index, node));
    }
    if (node != NULL || !wire_is(doc, error, JSON_OBJECT)) {
        (void)buf_append_str(&words, message != NULL ? message : "the graph is not accepted");
    } else {
        append_words(&words, doc, error);
    }
    if (json_str_is(doc, json_get(doc, error, "type"), "prompt_outputs_failed_validation")) {
        (void)buf_append_str(&words, " (no node is named; a loop in the graph gives this answer)");
    }
    wire_blame(out, is_missing ? JOB_ERR_MISSING_NODE : JOB_ERR_INVALID_WORKFLOW, node, class,
               buf_span(&words));
}

void comfy_prompt_reply_parse(int http_status, struct span body, struct span graph,
                              struct comfy_prompt_reply *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);
    struct graph_index *index = NULL;
    json_ref nodes = JSON_NONE;
    json_ref error = JSON_NONE;

    *out = (struct comfy_prompt_reply){0};
    if (doc != NULL) {
        nodes = json_get(doc, 0, "node_errors");
        error = json_get(doc, 0, "error");
    }
    if (http_status == 200 && doc != NULL) {
        out->prompt_id = wire_text(doc, json_get(doc, 0, "prompt_id"), JSON_NONE);
        out->is_accepted = out->prompt_id != NULL;
    }
    if (!out->is_accepted && (error == JSON_NONE || (http_status != 400 && http_status != 422))) {
        explain_status(http_status, body, &out->error);
        return;
    }
    if (out->is_accepted && json_size(doc, nodes) == 0) {
        return; /* the usual answer needs no look into the graph */
    }
    index = graph_index_new(graph);
    if (read_node_errors(doc, nodes, &out->error)) {
        out->has_node_errors = out->is_accepted;
        out->lacks_something = has_unlisted(doc, nodes);
    } else if (!out->is_accepted) {
        read_graph_error(doc, error, index, &out->error);
        out->lacks_something = out->error.code == JOB_ERR_MISSING_NODE;
    }
    wire_name_node(&out->error, index);
    graph_index_free(index);
}

void comfy_prompt_reply_clear(struct comfy_prompt_reply *r)
{
    free(r->prompt_id);
    job_error_clear(&r->error);
    *r = (struct comfy_prompt_reply){0};
}
