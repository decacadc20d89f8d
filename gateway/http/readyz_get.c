/* readyz_get.c - GET /readyz (getReadiness): whether jobs can be accepted, and whether they can run.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/json_out.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

#define ANSWER_MAX 4096
/* Below the first, outputs of a usual size may not fit; below the second, nothing may. A setting for new
 * work (room.h) that asks for more is the second, and twice as much the first. */
#define FREE_LOW  (INT64_C(512) << 20)
#define FREE_NONE (INT64_C(16) << 20)

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL };

struct readiness {
    struct json_out *json;
    enum health worst;
};

static void add_check(struct readiness *all, const char *name, enum health health,
                      const char *detail)
{
    static const char *const WORD[] = {"ok", "warn", "fail"};

    jo_obj(all->json, name);
    jo_str(all->json, "status", WORD[health]);
    jo_str(all->json, "detail", detail);
    jo_end(all->json);
    all->worst = health > all->worst ? health : all->worst;
}

static void check_store(struct request *r, struct readiness *all)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_health(reader) : ST_FAIL;

    add_check(all, "store", st == ST_OK ? HEALTH_OK : HEALTH_FAIL,
              st == ST_OK     ? "answers and can be written"
              : st == ST_FULL ? "the disk is full"
                              : "does not answer or cannot be written");
}

static void check_storage(struct request *r, struct readiness *all)
{
    int64_t needed = r->parts->config->storage_min_free_mb << 20;
    int64_t free_bytes = room_free_bytes(r->server);
    int64_t none = needed > FREE_NONE ? needed : FREE_NONE;
    int64_t low = needed > FREE_LOW / 2 ? needed * 2 : FREE_LOW;
    enum health health = free_bytes >= low ? HEALTH_OK : HEALTH_WARN;
    char detail[256];

    if (free_bytes >= 0 && free_bytes < none) {
        health = HEALTH_FAIL;
    }
    (void)snprintf(detail, sizeof detail, "%" PRId64 " MiB are free; new work needs %" PRId64,
                   free_bytes >> 20, none >> 20);
    if (room_is_used_up(r->server)) {
        health = HEALTH_FAIL;
        (void)snprintf(detail, sizeof detail,
                       "files take more than the %" PRId64 " MiB of storage_max_mb",
                       r->parts->config->storage_max_mb);
    }
    if (health == HEALTH_OK && !blobs_are_reachable(r->parts->blobs, detail, sizeof detail)) {
        /* Jobs are accepted and run; outputs wait on our disk until it answers. */
        health = HEALTH_WARN;
    }
    add_check(all, "storage", health, free_bytes < 0 ? "nobody knows how much is free" : detail);
}

static void check_backends(struct request *r, struct readiness *all)
{
    int total = (int)r->parts->backends->count;
    struct backend_counts counts;
    char detail[80];
    char drained[32] = "";

    bytes_unref(hub_backends(r->parts->hub, &counts));
    if (counts.draining > 0) {
        (void)snprintf(drained, sizeof drained, ", %d of them drained", counts.draining);
    }
    (void)snprintf(detail, sizeof detail, "%d of %d are up%s", counts.up, total, drained);
    add_check(all, "backends", counts.up - counts.draining == total ? HEALTH_OK : HEALTH_WARN,
              detail);
    add_check(all, "queue", counts.paused_since == 0 ? HEALTH_OK : HEALTH_WARN,
              counts.paused_since == 0 ? "moves"
                                       : "paused: no ComfyUI gets new jobs until it is resumed");
}

enum MHD_Result readyz_get(struct request *r)
{
    static const char *const STATUS[] = {"ready", "degraded", "not_ready"};
    AUTO(buf_clear) struct buf checks = BUF_INIT(ANSWER_MAX);
    AUTO(buf_clear) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out inner = json_out_to(&checks);
    struct json_out json = json_out_to(&text);
    struct readiness all = {.json = &inner};

    jo_obj(&inner, NULL);
    check_store(r, &all);
    check_storage(r, &all);
    check_backends(r, &all);
    if (atomic_load(&r->server->is_quiesced)) {
        add_check(&all, "server", HEALTH_FAIL, "the gateway is shutting down");
    }
    jo_end(&inner);
    jo_obj(&json, NULL);
    jo_str(&json, "status", STATUS[all.worst]);
    jo_raw(&json, "checks", buf_span(&checks));
    jo_end(&json);
    return reply_json(r, all.worst == HEALTH_FAIL ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                      &text);
}
