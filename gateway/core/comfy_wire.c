/* comfy_wire.c - what the readers of ComfyUI's text share; see comfy_wire.h for the modules'
 * purpose.
 *
 *   comfy_wire_ws.c       messages of the WebSocket
 *   comfy_wire_reply.c    the answer to POST /prompt
 *   comfy_wire_history.c  GET /history/{id} and what a prompt produced
 *   comfy_wire_http.c     the other answers
 *   comfy_wire_send.c     what we send
 */
#include "core/comfy_wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "core/comfy_wire_read.h"

/* Python's writer gives up at about 1000 levels, so nothing deeper can arrive from ComfyUI. */
#define WIRE_DEPTH 1024
#define WIRE_NODES 2000000
#define WORDS_MAX  2000U

struct json_doc *wire_parse(struct span text)
{
    const struct json_limits limits = {.depth = WIRE_DEPTH, .nodes = WIRE_NODES};
    struct json_doc *doc = NULL;

    return json_parse(text, JSON_LENIENT, limits, &doc, NULL) == ERR_NONE ? doc : NULL;
}

/* ---- values --------------------------------------------------------------------------------- */

bool wire_is(const struct json_doc *doc, json_ref node, enum json_type type)
{
    return node != JSON_NONE && json_type(doc, node) == type;
}

double wire_number(const struct json_doc *doc, json_ref node, double fallback)
{
    double value = fallback;

    return json_double(doc, node, &value) && isfinite(value) ? value : fallback;
}

int64_t wire_int(const struct json_doc *doc, json_ref node, int64_t fallback)
{
    int64_t value = fallback;
    double wide = 0;

    if (json_int(doc, node, &value)) {
        return value;
    }
    wide = wire_number(doc, node, -1e300);
    return wide > -9e18 && wide < 9e18 ? (int64_t)wide : fallback;
}

struct id wire_id(const struct json_doc *doc, json_ref node)
{
    struct id id = ID_NONE;
    AUTO(free_ptr) char *text = json_str_dup(doc, node);

    if (text == NULL || !id_parse(span_of(text), &id)) {
        return ID_NONE;
    }
    return id;
}

char *wire_text(const struct json_doc *doc, json_ref first, json_ref second)
{
    AUTO(free_ptr) char *text = json_str_dup(doc, first);

    if (text != NULL && text[0] != '\0') {
        return take_ptr(&text);
    }
    free_ptr(&text);
    text = json_str_dup(doc, second);
    return text != NULL && text[0] != '\0' ? take_ptr(&text) : NULL;
}

char *wire_key(const struct json_doc *doc, json_ref member)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(doc, member).len + 1);

    return json_key(doc, member, &key) ? buf_take(&key) : xstrdup("");
}

bool wire_contains(const struct json_doc *doc, json_ref node, const char *part)
{
    AUTO(free_ptr) char *text = json_str_dup(doc, node);

    return text != NULL && strcasestr(text, part) != NULL;
}

struct span wire_trim(struct span text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL) {
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL) {
        text.ptr++;
        text.len--;
    }
    return text;
}

/* ---- errors --------------------------------------------------------------------------------- */

static void append_cut(struct buf *out, struct span text, size_t max)
{
    (void)buf_append(out, text.ptr, utf8_cut(text, max));
}

void wire_blame(struct job_error *error, enum job_errc code, const char *node_id,
                const char *class_type, struct span words)
{
    AUTO(buf_clear) struct buf text = BUF_INIT((size_t)4 * WORDS_MAX);

    if (class_type != NULL) {
        append_cut(&text, span_of(class_type), WORDS_MAX / 4);
        (void)buf_append_str(&text, node_id != NULL ? " (" : ": ");
    }
    if (node_id != NULL) {
        (void)buf_append_str(&text, class_type != NULL ? "node " : "Node ");
        append_cut(&text, span_of(node_id), WORDS_MAX / 4);
        (void)buf_append_str(&text, class_type != NULL ? "): " : ": ");
    }
    append_cut(&text, wire_trim(words), WORDS_MAX);
    job_error_set(error, code, buf_str(&text), node_id, class_type, NULL);
}

void wire_name_node(struct job_error *error, const struct graph_index *g)
{
    if (g == NULL || error->node_id == NULL) {
        return;
    }
    if (error->class_type == NULL) {
        error->class_type = xstrdup_or_null(graph_index_class(g, error->node_id));
    }
    if (error->node_title == NULL) {
        error->node_title = xstrdup_or_null(graph_index_title(g, error->node_id));
    }
}

/* torch.OutOfMemoryError and its older names, python's own MemoryError, and what drivers say. */
static bool is_out_of_memory(const struct json_doc *doc, json_ref type, json_ref message)
{
    return wire_contains(doc, type, "OutOfMemory") || wire_contains(doc, type, "MemoryError") ||
           wire_contains(doc, message, "out of memory") ||
           wire_contains(doc, message, "Allocation on device");
}

/* What CUDA and HIP say of themselves, rarely of the graph. Often nothing runs on the device any more until ComfyUI is restarted. */
static bool is_device_failure(const struct json_doc *doc, json_ref type, json_ref message)
{
    return wire_contains(doc, type, "AcceleratorError") ||
           wire_contains(doc, message, "CUDA error") || wire_contains(doc, message, "HIP error");
}

static enum job_errc cause_of(const struct json_doc *doc, json_ref type, json_ref message)
{
    if (is_out_of_memory(doc, type, message)) {
        return JOB_ERR_OUT_OF_MEMORY;
    }
    return is_device_failure(doc, type, message) ? JOB_ERR_BACKEND_LOST
                                                 : JOB_ERR_NODE_EXECUTION_ERROR;
}

bool wire_execution_error(const struct json_doc *doc, json_ref data, struct job_error *out)
{
    json_ref type = json_get(doc, data, "exception_type");
    json_ref message = json_get(doc, data, "exception_message");
    AUTO(free_ptr) char *node = wire_text(doc, json_get(doc, data, "node_id"), JSON_NONE);
    AUTO(free_ptr) char *class = wire_text(doc, json_get(doc, data, "node_type"), JSON_NONE);
    AUTO(free_ptr) char *words = json_str_dup(doc, message);

    if (json_str_is(doc, type, "ExecutionBlocked")) {
        return false;
    }
    if (words == NULL || wire_trim(span_of(words)).len == 0) {
        free_ptr(&words);
        words = wire_text(doc, type, JSON_NONE); /* NotImplementedError comes without a message */
    }
    wire_blame(out, cause_of(doc, type, message), node, class,
               words != NULL ? span_of(words) : SPAN_LIT("The node failed without a message."));
    return true;
}

void wire_interruption(const struct json_doc *doc, json_ref data, struct job_error *out)
{
    AUTO(free_ptr) char *node = wire_text(doc, json_get(doc, data, "node_id"), JSON_NONE);
    AUTO(free_ptr) char *class = wire_text(doc, json_get(doc, data, "node_type"), JSON_NONE);

    wire_blame(out, JOB_ERR_INTERRUPTED, node, class,
               SPAN_LIT("The run was interrupted in ComfyUI."));
}
