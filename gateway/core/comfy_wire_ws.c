/* comfy_wire_ws.c - messages of ComfyUI's WebSocket.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/comfy_wire.h"
#include "core/comfy_wire_read.h"
#include "core/media.h"

/* The first word of a binary frame (big endian). 2 is internal to ComfyUI, 3 is text of a node. */
enum binary_event { BINARY_PREVIEW = 1, BINARY_PREVIEW_WITH_METADATA = 4 };

#define WORD 4U

/* ---- text ----------------------------------------------------------------------------------- */

/* The node as the user's graph knows it: nodes that a node expands to show as that node. */
static char *display_node(const struct json_doc *doc, json_ref data)
{
    json_ref node = json_get(doc, data, "node");

    if (wire_is(doc, node, JSON_NULL)) {
        return xstrdup("");
    }
    return wire_text(doc, json_get(doc, data, "display_node"), node);
}

static void read_status(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    json_ref info = json_get(doc, json_get(doc, data, "status"), "exec_info");

    out->queue_remaining = wire_int(doc, json_get(doc, info, "queue_remaining"), -1);
}

static void read_plain(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    (void)doc;
    (void)data;
    (void)out;
}

static void read_cached(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    json_ref nodes = json_get(doc, data, "nodes");

    if (!wire_is(doc, nodes, JSON_ARRAY)) {
        return;
    }
    out->nodes = xcalloc(json_size(doc, nodes) + 1, sizeof *out->nodes);
    for (json_ref n = json_first(doc, nodes); n != JSON_NONE; n = json_next(doc, n)) {
        char *text = wire_text(doc, n, JSON_NONE);

        if (text != NULL) {
            out->nodes[out->node_count++] = text;
        }
    }
}

static void read_executing(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    out->node = display_node(doc, data);
}

static void read_progress(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    out->node = display_node(doc, data);
    out->value = wire_number(doc, json_get(doc, data, "value"), 0);
    out->max = wire_number(doc, json_get(doc, data, "max"), 0);
}

/* An inner node that a node expanded to says how far the node it stands in is, but its own end is
 * not the end of that node: it is told while it runs only. */
static void read_state(const struct json_doc *doc, json_ref member, struct comfy_message *out)
{
    AUTO(free_ptr) char *id = wire_key(doc, member);
    AUTO(free_ptr)
    char *display = wire_text(doc, json_get(doc, member, "display_node_id"), JSON_NONE);
    bool is_inner = display != NULL && strcmp(display, id) != 0;
    bool is_finished = json_str_is(doc, json_get(doc, member, "state"), "finished");

    if (json_type(doc, member) != JSON_OBJECT || id[0] == '\0' || (is_inner && is_finished)) {
        return;
    }
    out->states[out->state_count++] = (struct comfy_node_state){
        .node_id = is_inner ? take_ptr(&display) : take_ptr(&id),
        .is_finished = is_finished,
        .value = wire_number(doc, json_get(doc, member, "value"), 0),
        .max = wire_number(doc, json_get(doc, member, "max"), 0),
    };
}

static void read_progress_state(const struct json_doc *doc, json_ref data,
                                struct comfy_message *out)
{
    json_ref nodes = json_get(doc, data, "nodes");

    if (!wire_is(doc, nodes, JSON_OBJECT)) {
        return;
    }
    out->states = xcalloc(json_size(doc, nodes) + 1, sizeof *out->states);
    for (json_ref n = json_first(doc, nodes); n != JSON_NONE; n = json_next(doc, n)) {
        read_state(doc, n, out);
    }
}

static void read_executed(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    json_ref output = json_get(doc, data, "output");

    out->node = display_node(doc, data);
    if (wire_is(doc, output, JSON_OBJECT)) {
        out->output_json = json_raw(doc, output);
    }
}

static void read_error(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    if (!wire_execution_error(doc, data, &out->error)) {
        out->kind = COMFY_IGNORED;
    }
    out->node = xstrdup_or_null(out->error.node_id);
}

static void read_interrupted(const struct json_doc *doc, json_ref data, struct comfy_message *out)
{
    wire_interruption(doc, data, &out->error);
    out->node = xstrdup_or_null(out->error.node_id);
}

static const struct {
    const char *type;
    enum comfy_message_kind kind;
    void (*read)(const struct json_doc *doc, json_ref data, struct comfy_message *out);
} message_types[] = {
    {"status", COMFY_STATUS, read_status},
    {"execution_start", COMFY_START, read_plain},
    {"execution_cached", COMFY_CACHED, read_cached},
    {"executing", COMFY_EXECUTING, read_executing},
    {"progress", COMFY_PROGRESS, read_progress},
    {"progress_state", COMFY_PROGRESS_STATE, read_progress_state},
    {"executed", COMFY_EXECUTED, read_executed},
    {"execution_success", COMFY_SUCCESS, read_plain},
    {"execution_error", COMFY_ERROR, read_error},
    {"execution_interrupted", COMFY_INTERRUPTED, read_interrupted},
    {"feature_flags", COMFY_FEATURE_FLAGS, read_plain},
};

void comfy_message_text(struct span text, struct comfy_message *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(text);
    json_ref type = JSON_NONE;
    json_ref data = JSON_NONE;

    *out = (struct comfy_message){.kind = COMFY_IGNORED, .queue_remaining = -1};
    if (doc == NULL) {
        return;
    }
    type = json_get(doc, 0, "type");
    data = json_get(doc, 0, "data");
    if (!wire_is(doc, data, JSON_OBJECT)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(message_types); i++) {
        if (json_str_is(doc, type, message_types[i].type)) {
            out->kind = message_types[i].kind;
            out->prompt_id = wire_id(doc, json_get(doc, data, "prompt_id"));
            message_types[i].read(doc, data, out);
            break;
        }
    }
}

/* ---- binary --------------------------------------------------------------------------------- */

/* Takes the big-endian word at the front of *frame. */
static bool take_word(struct span *frame, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)frame->ptr;

    if (frame->len < WORD) {
        return false;
    }
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
    frame->ptr += WORD;
    frame->len -= WORD;
    return true;
}

/* What a frame says of its type is a claim; the bytes decide what a browser is told. */
static const char *picture_type(struct span image)
{
    size_t len = image.len < MEDIA_READ_BYTES ? image.len : MEDIA_READ_BYTES;
    struct media m = media_probe_span((struct span){image.ptr, len});

    return m.type == OUTPUT_IMAGE ? m.content_type : NULL;
}

static bool read_preview_metadata(struct span text, struct comfy_message *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(text);

    if (doc == NULL || json_type(doc, 0) != JSON_OBJECT) {
        return false;
    }
    out->prompt_id = wire_id(doc, json_get(doc, 0, "prompt_id"));
    out->node = wire_text(doc, json_get(doc, 0, "display_node_id"), json_get(doc, 0, "node_id"));
    return true;
}

void comfy_message_binary(struct span frame, struct comfy_message *out)
{
    uint32_t event = 0;
    uint32_t word = 0; /* event 1: claimed image type; event 4: length of the metadata */

    *out = (struct comfy_message){.kind = COMFY_IGNORED, .queue_remaining = -1};
    if (!take_word(&frame, &event) || !take_word(&frame, &word)) {
        return;
    }
    if (event == BINARY_PREVIEW_WITH_METADATA) {
        if (word > frame.len || !read_preview_metadata((struct span){frame.ptr, word}, out)) {
            return;
        }
        frame.ptr += word;
        frame.len -= word;
    } else if (event != BINARY_PREVIEW) {
        return;
    }
    out->kind = COMFY_PREVIEW;
    out->image = frame;
    out->mime = picture_type(frame);
}

void comfy_message_clear(struct comfy_message *m)
{
    for (size_t i = 0; i < m->node_count; i++) {
        free(m->nodes[i]);
    }
    for (size_t i = 0; i < m->state_count; i++) {
        free(m->states[i].node_id);
    }
    free((void *)m->nodes);
    free(m->states);
    free(m->node);
    job_error_clear(&m->error);
    *m = (struct comfy_message){.kind = COMFY_IGNORED, .queue_remaining = -1};
}
