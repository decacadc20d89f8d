/* take_up.c - at start: what the store knows to be under way becomes live again, what waits gets
 * its place.
 *
 * Nothing is decided here about prompts that were inside a ComfyUI: the first
 * look at its queue tells what became of them.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

/* After a restart of the gateway no version that a client has seen may come again: progress counts
 * versions too, and is not stored. */
#define VERSION_LEAP 100000

static void take_up(void *arg, struct job_row *row)
{
    struct engine *e = arg;
    struct live_job *j = NULL;
    int64_t mono = clock_mono_ms();

    assume_engine_role();
    j = jobs_adopt(e, row);
    j->row.version += VERSION_LEAP;
    jobs_begin_attempt(e, j);
    j->stop_began_mono_ms = mono;
    j->is_unseen = true;
    if (j->row.started_at > 0) {
        int64_t ran_ms = clock_wall_ms() - j->row.started_at;

        /* May be before the machine's own start. Only 0 has a meaning of its own. */
        j->started_mono_ms = mono - (ran_ms > 0 ? ran_ms : 0);
        j->started_mono_ms -= j->started_mono_ms == 0 ? 1 : 0;
        j->last_sign_mono_ms = mono;
    }
    if (j->row.is_delivered) {
        j->delivered_mono_ms = mono;
    } else {
        j->doubt_until_mono_ms = mono + e->config->backend_doubt_ms;
    }
}

static void take_up_waiting(void *arg, const struct waiting_job *waiting)
{
    assume_engine_role();
    dispatch_put_waiting(arg, waiting);
}

/* Gives a job that was under way back to the turn. One whose backend was taken out of the settings
 * goes back to the queue with the next tick. */
static void settle_taken_up(struct engine *e, struct live_job *j) ON_ENGINE;
static void settle_taken_up(struct engine *e, struct live_job *j)
{
    if (!jobs_load_graph(e, j)) {
        log_error("graph_unreadable", LOG_JOB(&j->row), LOG_S("reason", store_reason()));
    }
    if (j->backend == NULL) {
        return;
    }
    jobs_show(e, j);
    log_info("job_adopted", LOG_JOB(&j->row), LOG_S("backend", j->row.backend),
             LOG_S("prompt", j->row.prompt_id.text));
}

static bool is_file_used(void *arg, const char *sha256)
{
    struct engine *e = arg;

    assume_engine_role();
    return store_file_is_used(e->writer, sha256) == ST_OK;
}

enum errc jobs_take_up(struct engine *e, struct err *err)
{
    enum st st = ST_OK;

    blob_recover(e->blobs, is_file_used, e);
    st = store_in_flight(e->writer, take_up, e);
    if (st == ST_OK || st == ST_NONE) {
        st = store_waiting(e->writer, e->config->queue_user_metadata, take_up_waiting, e);
    }
    if (st == ST_OK || st == ST_NONE) {
        st = events_begin(e);
    }
    if (st == ST_OK || st == ST_NONE) {
        st = holds_open(e);
    }
    if (st != ST_OK && st != ST_NONE) {
        return err_set(err, ERR_STORE_UNAVAILABLE, "The job store cannot be read: %s",
                       store_reason());
    }
    list_each(node, next, &e->live) {
        settle_taken_up(e, container_of(node, struct live_job, in_engine));
    }
    return ERR_NONE;
}
