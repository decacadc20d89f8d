/* engine.c - the turn.
 *
 *   wait      loop_turn(): sockets, timers, wake-ups; callbacks turn what they hear into
 *             job events, which change copies of rows, nothing else
 *   collect   commands from the inbox, timers that are due: the same
 *   dispatch  waiting jobs to free slots: the same
 *   commit    one transaction for all rows that differ; skipped when none does
 *   publish   the copies become the rows; the hub, those who listen and the waiting commands are told
 *   act       POST, stop, fetch: what the changes ask for
 *
 * From this order follow the promises:
 *   - Nothing is seen before it is on disk: publish follows commit.
 *   - Nothing is done outside before it is on disk: act follows commit. A prompt id is
 *     durable before its POST, so that a crash between the two leaves a prompt that can be
 *     looked for, not one that nobody knows.
 *   - A commit that fails loses nothing: the copies are dropped, clients are told, and what was
 *     heard is heard again, because the next look at the queue tells the same truth.
 *   - All submissions that came while the last commit was under way share the next one.
 */
#include "engine/engine.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "core/estimate.h"
#include "engine/internal.h"

#define BUSY_TICK_MS    50
#define IDLE_TICK_MS    200
#define HOUSEKEEPING_MS 1000
#define INBOX_MAX       20000
#define PURGE_LIMIT     500
#define DOUBTS_LIMIT    100 /* of files that are kept elsewhere */
#define WORKERS_MAX     4   /* when files are kept elsewhere: to bring them takes long */

static void wake_engine(void *arg)
{
    loop_wake(arg);
}

static enum errc open_parts(struct engine *e, const struct engine_parts *parts, struct err *err)
{
    enum errc rc = loop_open(ws_protocols(), &e->loop, err);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (store_writer_open(parts->store, &e->writer) != ST_OK) {
        return err_set(err, ERR_STORE_UNAVAILABLE, "The job store cannot be written: %s",
                       store_reason());
    }
    e->http = comfy_http_new(e->loop);
    e->worker = worker_new(e->loop, blobs_can_fetch(parts->blobs) ? WORKERS_MAX : 1);
    e->inbox = inbox_new(INBOX_MAX, wake_engine, e->loop);
    return ERR_NONE;
}

enum errc engine_new(const struct engine_parts *parts, struct engine **out, struct err *err)
{
    struct engine *e = xcalloc(1, sizeof *e);
    enum errc rc = ERR_NONE;

    e->config = parts->config;
    e->store = parts->store;
    e->blobs = parts->blobs;
    e->renditions = parts->renditions;
    e->key_uses = parts->key_uses;
    e->hub = parts->hub;
    e->feed = parts->feed;
    e->pace = parts->pace;
    e->metrics = parts->metrics;
    e->deliveries_due = parts->deliveries_due;
    e->deliveries_arg = parts->deliveries_arg;
    list_init(&e->live);
    list_init(&e->dirty);
    list_init(&e->commands);
    list_init(&e->answered);
    e->by_id = map_new();
    e->by_prompt = map_new();
    e->pinned = map_new();
    e->fits = map_new();
    e->avoided = map_new();
    e->delayed = map_new();
    e->fair = fair_order_new();
    e->shares = shares_new(e->config->queue_max_jobs_per_key, e->config->queue_max_running_per_key);
    rc = open_parts(e, parts, err);
    if (rc != ERR_NONE) {
        engine_free(e);
        return rc;
    }
    enter_engine_role();
    e->backend_count = parts->backends->count;
    e->backend = xcalloc(e->backend_count, sizeof *e->backend);
    for (size_t i = 0; i < e->backend_count; i++) {
        backend_init(&e->backend[i], e, &parts->backends->item[i]);
    }
    leave_engine_role();
    *out = e;
    return ERR_NONE;
}

struct inbox *engine_inbox(struct engine *e)
{
    return e->inbox;
}

void engine_free(struct engine *e)
{
    if (e == NULL) {
        return;
    }
    bug_if(e->is_running);
    enter_engine_role();
    jobs_free_all(e);
    if (e->worker != NULL) {
        /* What it was staging for a job that is live no more is let go of. */
        worker_finish(e->worker);
        worker_collect(e->worker);
    }
    for (size_t i = 0; i < e->backend_count; i++) {
        backend_clear(&e->backend[i]);
    }
    dispatch_free(e);
    fits_free(e);
    events_free(e);
    leave_engine_role();
    free(e->backend);
    http_client_free(e->http);
    worker_free(e->worker);
    inbox_free(e->inbox);
    estimate_free(e->estimate);
    store_writer_close(e->writer);
    loop_close(e->loop);
    map_free(e->by_id);
    map_free(e->by_prompt);
    map_free(e->pinned);
    map_free(e->delayed);
    map_free(e->avoided);
    fair_order_free(e->fair);
    shares_free(e->shares);
    free(e);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static int wait_ms(const struct engine *e) ON_ENGINE;
static int wait_ms(const struct engine *e)
{
    if (e->has_more_work) {
        return 0;
    }
    return list_empty(&e->live) && map_count(e->delayed) == 0 ? IDLE_TICK_MS : BUSY_TICK_MS;
}

struct trash_can {
    struct engine *engine;
    enum st st;
};

static void empty_trash(void *arg, const char *sha256)
{
    struct trash_can *can = arg;

    blob_remove(can->engine->blobs, sha256);
    rendition_cache_forget(can->engine->renditions, sha256);
    if (can->st == ST_OK) {
        can->st = store_trash_done(can->engine->writer, sha256);
    }
}

/* Nothing is known of it but that it has been in the storage for long. */
static void settle_doubt(void *arg, const char *sha256)
{
    struct engine *e = arg;

    assume_engine_role();
    if (store_file_is_used(e->writer, sha256) == ST_NONE) {
        blob_remove(e->blobs, sha256);
        rendition_cache_forget(e->renditions, sha256);
        log_info("orphan_removed", LOG_S("sha256", sha256));
    }
}

/* Files whose last row is gone, and Idempotency-Keys whose time is over. */
static enum st write_housekeeping(struct engine *e) ON_ENGINE;
static enum st write_housekeeping(struct engine *e)
{
    struct trash_can can = {.engine = e, .st = ST_OK};
    enum st st = store_trash(e->writer, PURGE_LIMIT, empty_trash, &can);

    if (st == ST_OK) {
        st = can.st;
    }
    blobs_doubtful(e->blobs, DOUBTS_LIMIT, settle_doubt, e);
    if (st == ST_OK || st == ST_NONE) {
        st = store_idempotency_purge(e->writer, clock_wall_ms(), PURGE_LIMIT);
    }
    return st == ST_NONE ? ST_OK : st;
}

static enum st write_all(struct engine *e, bool is_housekeeping, bool *has_begun) ON_ENGINE;
static enum st write_all(struct engine *e, bool is_housekeeping, bool *has_begun)
{
    enum st st = store_begin(e->writer);

    *has_begun = st == ST_OK;
    /* First: a file may go only when the end of its last row is committed, and a DELETE of this turn
     * is not yet. */
    if (st == ST_OK && is_housekeeping) {
        st = write_housekeeping(e);
    }
    if (st == ST_OK) {
        st = commands_write(e);
    }
    if (st == ST_OK) {
        st = jobs_write(e);
    }
    if (st == ST_OK) {
        st = events_write_backends(e);
    }
    if (st == ST_OK) {
        return store_commit(e->writer);
    }
    store_rollback(e->writer);
    return st;
}

/* A connection that went, or a deadlock, is no fault of what was written: it is written once more before anybody is told that
 * it was not. */
static enum st write_twice(struct engine *e, bool is_housekeeping) ON_ENGINE;
static enum st write_twice(struct engine *e, bool is_housekeeping)
{
    bool has_begun = false;
    enum st st = write_all(e, is_housekeeping, &has_begun);

    if (st != ST_RETRY || !has_begun) {
        return st;
    }
    log_warn("store_written_again", LOG_S("reason", store_reason()));
    events_unwrite(e);
    commands_unwrite(e);
    return write_all(e, false, &has_begun);
}

static enum st commit(struct engine *e, int64_t mono) ON_ENGINE;
static enum st commit(struct engine *e, int64_t mono)
{
    bool is_housekeeping = mono >= e->housekeeping_due_mono_ms;
    struct commit_measure before;
    enum st st = ST_OK;

    if (list_empty(&e->dirty) && list_empty(&e->commands) && !is_housekeeping &&
        !events_are_due(e, mono)) {
        return ST_OK;
    }
    if (is_housekeeping) {
        e->housekeeping_due_mono_ms = mono + HOUSEKEEPING_MS;
    }
    before = measure_commit_begin(e);
    st = write_twice(e, is_housekeeping);
    measure_commit(e, &before, st);
    events_settle(e, st, mono);
    if (st != ST_OK) {
        log_error("store_commit_failed", LOG_S("reason", store_reason()), LOG_I("result", st));
    } else if (is_housekeeping) {
        retention_run(e, mono);
    }
    return st;
}

static void tick(struct engine *e, int64_t mono) ON_ENGINE;
static void tick(struct engine *e, int64_t mono)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        backend_tick(&e->backend[i], mono);
    }
    jobs_tick(e, mono);
    dispatch_overdue(e);
    hub_expire(e->hub, mono);
    event_feed_expire(e->feed, mono);
}

static void turn(struct engine *e, int max_wait_ms) ON_ENGINE;
static void turn(struct engine *e, int max_wait_ms)
{
    int64_t mono = 0;
    enum st st = ST_OK;

    loop_turn(e->loop, max_wait_ms);
    e->has_more_work = false;
    worker_collect(e->worker);
    mono = clock_mono_ms();
    commands_collect(e);
    tick(e, mono);
    if (!atomic_load(&e->is_stopping)) {
        dispatch_waiting(e);
    }
    st = commit(e, mono);
    if (st != ST_OK) {
        jobs_forget_changes(e);
    }
    commands_answer(e, st);
    jobs_settle(e);
    e->has_queue_moved |= hub_queue_settle(e->hub);
    backends_publish(e, mono);
    events_publish(e, mono);
    measure_levels(e, mono);
    commands_release(e);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool any_socket_open(const struct engine *e) ON_ENGINE;
static bool any_socket_open(const struct engine *e)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        if (backend_is_open(&e->backend[i])) {
            return true;
        }
    }
    return false;
}

static void close_sockets(struct engine *e) ON_ENGINE;
static void close_sockets(struct engine *e)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        backend_close(&e->backend[i]);
    }
    while (any_socket_open(e) && clock_mono_ms() < e->stop_by_mono_ms) {
        turn(e, BUSY_TICK_MS);
    }
}

static void *engine_main(void *arg)
{
    struct engine *e = arg;
    struct service_beat beat;

    (void)pthread_setname_np(pthread_self(), "engine");
    service_beat_init(&beat);
    enter_engine_role();
    while (!atomic_load(&e->is_stopping)) {
        service_beat(&beat, clock_mono_ms());
        turn(e, service_beat_wait(&beat, wait_ms(e)));
    }
    close_sockets(e);
    do {
        turn(e, 0);
    } while (!inbox_is_empty(e->inbox)); /* all that reached it before it was closed is answered */
    leave_engine_role();
    return NULL;
}

enum errc engine_start(struct engine *e, struct err *err)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;
    enum errc code = ERR_NONE;

    enter_engine_role();
    forecast_open(e);
    code = jobs_take_up(e, err);
    if (code == ERR_NONE) {
        backends_publish(e, clock_mono_ms()); /* there is an answer before the first turn */
        measure_levels(e, clock_mono_ms());
    }
    leave_engine_role();
    if (code != ERR_NONE) {
        return code;
    }
    /* Signals are main's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&e->thread, NULL, engine_main, e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        return err_set(err, ERR_INTERNAL_ERROR, "The engine's thread cannot be started.");
    }
    e->is_running = true;
    return ERR_NONE;
}

void engine_stop(struct engine *e, int grace_ms)
{
    if (!e->is_running) {
        return;
    }
    inbox_close(e->inbox);
    e->stop_by_mono_ms = clock_mono_ms() + grace_ms;
    atomic_store(&e->is_stopping, true);
    loop_wake(e->loop);
    (void)pthread_join(e->thread, NULL);
    e->is_running = false;
}
