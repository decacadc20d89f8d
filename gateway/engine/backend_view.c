/* backend_view.c - GET /v1/backends, rendered when something in it has changed.
 */
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "engine/internal.h"

#define VIEW_PAUSE_MS 200
#define VIEW_MAX      (4U << 20)

static void count_jobs(const struct backend *b, int *running, int *inside) ON_ENGINE;
static void count_jobs(const struct backend *b, int *running, int *inside)
{
    *running = 0;
    *inside = 0;
    list_each(node, next, &b->engine->live) {
        const struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend == b) {
            ++*inside;
            *running += j->row.phase == PHASE_EXECUTING ? 1 : 0;
        }
    }
}

static void write_devices(struct json_out *o, const struct comfy_system *info)
{
    jo_arr(o, "devices");
    for (size_t i = 0; i < info->device_count; i++) {
        jo_obj(o, NULL);
        jo_str(o, "name", info->device[i].name);
        jo_str(o, "type", info->device[i].type);
        jo_int(o, "vram_total", info->device[i].vram_total);
        jo_int(o, "vram_free", info->device[i].vram_free);
        jo_end(o);
    }
    jo_end(o);
}

static void write_backend(struct json_out *o, const struct backend *b) ON_ENGINE;
static void write_backend(struct json_out *o, const struct backend *b)
{
    int running = 0;
    int inside = 0;

    count_jobs(b, &running, &inside);
    jo_obj(o, NULL);
    jo_str(o, "name", b->address->name);
    jo_str(o, "url", b->address->url);
    jo_str(o, "status", b->status == BACKEND_UP ? "up" : "down");
    jo_str(o, "reason", b->status == BACKEND_UP ? NULL : b->reason);
    jo_time(o, "since", b->since);
    jo_str(o, "version", b->info.version);
    jo_obj(o, "ws");
    jo_bool(o, "connected", b->is_ws_open);
    jo_int(o, "connections_opened", b->connections_opened);
    jo_time(o, "last_message_at", b->last_message_at);
    jo_end(o);
    jo_int(o, "slots", b->engine->config->backend_slots);
    jo_int(o, "running", running);
    jo_int(o, "submitted", inside);
    if (b->queue_remaining >= 0) {
        jo_int(o, "queue_remaining", b->queue_remaining);
    } else {
        jo_null(o, "queue_remaining");
    }
    write_devices(o, &b->info);
    jo_end(o);
}

static bool take_stale(struct engine *e, int *up) ON_ENGINE;
static bool take_stale(struct engine *e, int *up)
{
    bool is_stale = false;

    *up = 0;
    for (size_t i = 0; i < e->backend_count; i++) {
        is_stale |= e->backend[i].is_view_stale;
        *up += e->backend[i].status == BACKEND_UP ? 1 : 0;
    }
    return is_stale;
}

void backends_publish(struct engine *e, int64_t mono)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(VIEW_MAX);
    struct json_out out = json_out_to(&text);
    int up = 0;

    if (mono < e->backends_view_due_mono_ms || !take_stale(e, &up)) {
        return;
    }
    e->backends_view_due_mono_ms = mono + VIEW_PAUSE_MS;
    jo_obj(&out, NULL);
    jo_arr(&out, "data");
    for (size_t i = 0; i < e->backend_count; i++) {
        e->backend[i].is_view_stale = false;
        write_backend(&out, &e->backend[i]);
    }
    jo_end(&out);
    jo_bool(&out, "has_more", false);
    jo_null(&out, "next_cursor");
    jo_end(&out);
    forecast_pace(e);
    hub_set_backends(e->hub, bytes_from_buf(&text), up, (int)e->backend_count);
}
