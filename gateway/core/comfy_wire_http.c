/* comfy_wire_http.c - GET /queue, GET /system_stats and the answer to a cancel.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/comfy_wire.h"
#include "core/comfy_wire_read.h"

/* ---- /queue --------------------------------------------------------------------------------- */

/* One list of [number, prompt_id, graph, ...]. An item that is none is kept without an id: it takes
 * its place in the count. */
static void read_items(const struct json_doc *doc, json_ref list, enum comfy_place place,
                       struct comfy_queue *out)
{
    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        bool is_list = json_type(doc, n) == JSON_ARRAY;
        json_ref number = is_list ? json_first(doc, n) : JSON_NONE;
        json_ref id = number != JSON_NONE ? json_next(doc, number) : JSON_NONE;
        char *text = json_str_dup(doc, id);

        out->item[out->count++] = (struct comfy_queue_item){
            .prompt_id = text != NULL ? text : xstrdup(""),
            .place = place,
            .number = wire_number(doc, number, 0),
        };
    }
}

/* The order in which ComfyUI takes them; its answer lists a heap. */
static int compare_items(const void *a, const void *b)
{
    const struct comfy_queue_item *left = a;
    const struct comfy_queue_item *right = b;

    if (left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return strcmp(left->prompt_id, right->prompt_id);
}

bool comfy_queue_parse(struct span body, struct comfy_queue *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);
    json_ref running = JSON_NONE;
    json_ref pending = JSON_NONE;

    *out = (struct comfy_queue){0};
    if (doc == NULL) {
        return false;
    }
    running = json_get(doc, 0, "queue_running");
    pending = json_get(doc, 0, "queue_pending");
    if (!wire_is(doc, running, JSON_ARRAY) || !wire_is(doc, pending, JSON_ARRAY)) {
        return false;
    }
    out->item = xcalloc(json_size(doc, running) + json_size(doc, pending) + 1, sizeof *out->item);
    read_items(doc, running, COMFY_RUNNING, out);
    out->running = out->count;
    read_items(doc, pending, COMFY_PENDING, out);
    qsort(out->item + out->running, out->count - out->running, sizeof *out->item, compare_items);
    return true;
}

enum comfy_place comfy_queue_find(const struct comfy_queue *q, struct id prompt_id)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->item[i].prompt_id, prompt_id.text) == 0) {
            return q->item[i].place;
        }
    }
    return COMFY_NOWHERE;
}

size_t comfy_queue_copies(const struct comfy_queue *q, struct id prompt_id)
{
    size_t copies = 0;

    for (size_t i = 0; i < q->count; i++) {
        copies += strcmp(q->item[i].prompt_id, prompt_id.text) == 0 ? 1 : 0;
    }
    return copies;
}

void comfy_queue_clear(struct comfy_queue *q)
{
    for (size_t i = 0; i < q->count; i++) {
        free(q->item[i].prompt_id);
    }
    free(q->item);
    *q = (struct comfy_queue){0};
}

/* ---- /system_stats -------------------------------------------------------------------------- */

static void read_devices(const struct json_doc *doc, json_ref list, struct comfy_system *out)
{
    if (!wire_is(doc, list, JSON_ARRAY)) {
        return;
    }
    out->device = xcalloc(json_size(doc, list) + 1, sizeof *out->device);
    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        out->device[out->device_count++] = (struct comfy_device){
            .name = wire_text(doc, json_get(doc, n, "name"), JSON_NONE),
            .type = wire_text(doc, json_get(doc, n, "type"), JSON_NONE),
            .vram_total = wire_int(doc, json_get(doc, n, "vram_total"), 0),
            .vram_free = wire_int(doc, json_get(doc, n, "vram_free"), 0),
        };
    }
}

bool comfy_system_parse(struct span body, struct comfy_system *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);
    json_ref system = JSON_NONE;

    *out = (struct comfy_system){0};
    if (doc == NULL) {
        return false;
    }
    system = json_get(doc, 0, "system");
    if (!wire_is(doc, system, JSON_OBJECT)) {
        return false;
    }
    out->version = wire_text(doc, json_get(doc, system, "comfyui_version"), JSON_NONE);
    read_devices(doc, json_get(doc, 0, "devices"), out);
    return true;
}

void comfy_system_clear(struct comfy_system *s)
{
    for (size_t i = 0; i < s->device_count; i++) {
        free(s->device[i].name);
        free(s->device[i].type);
    }
    free(s->device);
    free(s->version);
    *s = (struct comfy_system){0};
}

/* Takes the number at *text and the dot after it. */
static bool take_number(const char **text, long *out)
{
    char *end = NULL;

    if (**text < '0' || **text > '9') {
        return false;
    }
    *out = strtol(*text, &end, 10);
    *text = *end == '.' ? end + 1 : end;
    return true;
}

bool comfy_version_at_least(const char *version, int major, int minor, int patch)
{
    const int wanted[] = {major, minor, patch};

    if (version == NULL) {
        return true;
    }
    if (*version == 'v') {
        version++;
    }
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        long part = 0;

        if (!take_number(&version, &part) && i == 0) {
            return true;
        }
        if (part != wanted[i]) {
            return part > wanted[i];
        }
    }
    return true;
}

/* ---- /api/jobs/{id}/cancel ------------------------------------------------------------------ */

bool comfy_upload_reply_parse(struct span body, struct buf *out_name)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);
    AUTO(free_ptr) char *name = doc != NULL ? json_str_dup(doc, json_get(doc, 0, "name")) : NULL;
    AUTO(free_ptr)
    char *folder = doc != NULL ? json_str_dup(doc, json_get(doc, 0, "subfolder")) : NULL;

    if (name == NULL || name[0] == '\0') {
        return false;
    }
    if (folder != NULL && folder[0] != '\0') {
        (void)buf_append_str(out_name, folder);
        (void)buf_append_char(out_name, '/');
    }
    return buf_append_str(out_name, name);
}

bool comfy_cancel_reply_parse(struct span body, bool *out_cancelled)
{
    AUTO(json_free_ptr) struct json_doc *doc = wire_parse(body);

    return doc != NULL && json_bool(doc, json_get(doc, 0, "cancelled"), out_cancelled);
}
