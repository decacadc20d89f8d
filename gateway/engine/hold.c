/* hold.c - what an operator has stopped: one ComfyUI, or all.
 *
 * What has been claimed for a ComfyUI before goes on there, whatever becomes of it: only dispatch.c asks
 * what is held. So nothing is ever taken back, and letting go on is no more than a look at the queue.
 */
#include <string.h>

#include "base/log.h"
#include "engine/internal.h"

static bool is_queue(const char *backend)
{
    return *backend == '\0';
}

/* Where it is kept; NULL when the ComfyUI is not in the settings: it is held when it comes back. */
static int64_t *since_of(struct engine *e, const char *backend) ON_ENGINE;
static int64_t *since_of(struct engine *e, const char *backend)
{
    struct backend *b = is_queue(backend) ? NULL : backend_named(e, backend);

    if (is_queue(backend)) {
        return &e->paused_since;
    }
    return b != NULL ? &b->draining_since : NULL;
}

static void log_hold(struct engine *e, const char *backend, bool is_held) ON_ENGINE;
static void log_hold(struct engine *e, const char *backend, bool is_held)
{
    if (is_queue(backend)) {
        log_info(is_held ? "queue_paused" : "queue_resumed",
                 LOG_I("waiting", hub_queue_length(e->hub)));
    } else {
        log_info(is_held ? "backend_drained" : "backend_resumed", LOG_S("backend", backend));
    }
}

static void take_up(void *arg, const char *backend, int64_t since)
{
    struct engine *e = arg;
    int64_t *place = NULL;

    assume_engine_role();
    place = since_of(e, backend);
    if (place != NULL) {
        *place = since;
        log_hold(e, backend, true);
    }
}

enum st holds_open(struct engine *e)
{
    return store_holds(e->writer, take_up, e);
}

enum st hold_write(struct engine *e, const struct cmd *c)
{
    return c->is_held ? store_hold_put(e->writer, c->hold_backend, c->hold_since)
                      : store_hold_remove(e->writer, c->hold_backend);
}

void hold_settle(struct engine *e, const struct cmd *c)
{
    int64_t *place = since_of(e, c->hold_backend);

    if (place == NULL || (*place != 0) == c->is_held) {
        return;
    }
    *place = c->is_held ? c->hold_since : 0;
    if (is_queue(c->hold_backend)) {
        e->is_pause_untold = true;
    } else {
        backend_named(e, c->hold_backend)->is_update_untold = true;
    }
    e->backend[0].is_view_stale = true;
    e->backends_view_due_mono_ms = 0; /* the answer of this very request shows it */
    e->has_more_work = true;
    log_hold(e, c->hold_backend, c->is_held);
}
