/* backend_view.c - GET /v1/backends, rendered when something in it has changed.
 */
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "engine/internal.h"

#define VIEW_PAUSE_MS 200
#define VIEW_MAX      (4U << 20)

struct backend_state backend_state_of(const struct backend *b)
{
    return (struct backend_state){.is_up = b->status == BACKEND_UP,
                                  .reason = b->reason,
                                  .since = b->since,
                                  .draining_since = b->draining_since};
}

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

static void write_tags(struct json_out *o, const struct backend_address *address)
{
    jo_arr(o, "tags");
    for (size_t i = 0; i < address->tag_count; i++) {
        jo_str(o, NULL, address->tag[i]);
    }
    jo_end(o);
}

/* Those that it works on first, as the list of live jobs has them. */
static void write_jobs(struct json_out *o, const struct backend *b) ON_ENGINE;
static void write_jobs(struct json_out *o, const struct backend *b)
{
    jo_arr(o, "jobs");
    for (int pass = 0; pass < 2; pass++) {
        list_each(node, next, &b->engine->live) {
            const struct live_job *j = container_of(node, struct live_job, in_engine);
            bool is_running = j->row.phase == PHASE_EXECUTING;

            if (j->backend == b && is_running == (pass == 0)) {
                jo_str(o, NULL, j->row.id.text);
            }
        }
    }
    jo_end(o);
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
    struct backend_state state = backend_state_of(b);
    int running = 0;
    int inside = 0;

    count_jobs(b, &running, &inside);
    jo_obj(o, NULL);
    jo_str(o, "name", b->address->name);
    jo_str(o, "url", b->address->url);
    write_tags(o, b->address);
    backend_state_json(o, &state);
    jo_str(o, "version", b->info.version);
    jo_obj(o, "ws");
    jo_bool(o, "connected", b->is_ws_open);
    jo_int(o, "connections_opened", b->connections_opened);
    jo_time(o, "last_message_at", b->last_message_at);
    jo_end(o);
    jo_int(o, "slots", b->engine->config->backend_slots);
    jo_int(o, "running", running);
    jo_int(o, "submitted", inside);
    write_jobs(o, b);
    if (b->queue_remaining >= 0) {
        jo_int(o, "queue_remaining", b->queue_remaining);
    } else {
        jo_null(o, "queue_remaining");
    }
    write_devices(o, &b->info);
    jo_end(o);
}

static bool take_stale(struct engine *e, struct backend_counts *counts) ON_ENGINE;
static bool take_stale(struct engine *e, struct backend_counts *counts)
{
    bool is_stale = false;

    *counts =
        (struct backend_counts){.total = (int)e->backend_count, .paused_since = e->paused_since};
    for (size_t i = 0; i < e->backend_count; i++) {
        const struct backend *b = &e->backend[i];
        bool is_up = b->status == BACKEND_UP;

        is_stale |= b->is_view_stale;
        counts->up += is_up ? 1 : 0;
        counts->draining += is_up && b->draining_since != 0 ? 1 : 0;
    }
    return is_stale;
}

void backends_publish(struct engine *e, int64_t mono)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(VIEW_MAX);
    struct json_out out = json_out_to(&text);
    struct backend_counts counts;

    if (mono < e->backends_view_due_mono_ms || !take_stale(e, &counts)) {
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
    jo_time(&out, "paused_since", e->paused_since);
    jo_end(&out);
    forecast_pace(e);
    hub_set_backends(e->hub, bytes_from_buf(&text), &counts);
}
