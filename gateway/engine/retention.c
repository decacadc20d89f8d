/* retention.c - what is past its time goes: jobs that have ended, outputs of jobs that stay, assets, events, webhooks that were delivered or given up.
 *
 * A transaction of its own, after the turn's: what a submission of the turn has named is used by then, and
 * stays; and when it fails, nothing that users asked for fails with it. A job that the turn touches is left
 * for the next time.
 *
 * Once in RETENTION_MS, at most BATCH rows a turn; while there is more, with every housekeeping. Files
 * follow through the trash list.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/job_json.h"
#include "engine/internal.h"

#define RETENTION_MS 60000
#define BATCH        RETENTION_BATCH
#define DAY_MS       (INT64_C(24) * 3600 * 1000)
#define HOUR_MS      (INT64_C(3600) * 1000)
/* Small rows that nothing refers to. */
#define EVENTS_BATCH 5000

struct pass {
    struct engine *engine;
    int found; /* rows that the store gave, also those that were left */
    enum st st;
};

static struct retention *retention_of(struct pass *p) ON_ENGINE;
static struct retention *retention_of(struct pass *p)
{
    return &p->engine->retention;
}

static void note_touched(struct retention *r, struct id job) ON_ENGINE;
static void note_touched(struct retention *r, struct id job)
{
    r->touched[r->touched_count++] = job; /* one for each visit at most, of which there are BATCH */
}

static enum st delete_job(struct engine *e, struct id job) ON_ENGINE;
static enum st delete_job(struct engine *e, struct id job)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    enum st st = store_writer_job(e->writer, job, &row);

    if (st == ST_OK) {
        st = store_job_delete(e->writer, job);
    }
    return st == ST_OK ? events_write_job(e, &row, NULL, NULL) : st;
}

static void remove_job(void *arg, struct id job)
{
    struct pass *p = arg;

    assume_engine_role();
    p->found++;
    if (p->st != ST_OK || jobs_find(p->engine, job) != NULL) {
        return;
    }
    p->st = delete_job(p->engine, job);
    if (p->st == ST_OK) {
        retention_of(p)->jobs++;
        note_touched(retention_of(p), job);
    }
}

/* The job says what became of its outputs, and is another version: clients may hold the one before. */
static enum st strip(struct engine *e, struct id job) ON_ENGINE;
static enum st strip(struct engine *e, struct id job)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    int64_t was_version = 0;
    int64_t days = e->config->retention_outputs_days;
    char detail[160];
    enum st st = store_writer_job(e->writer, job, &row);

    if (st != ST_OK) {
        return st;
    }
    (void)snprintf(
        detail, sizeof detail,
        "The outputs were removed: those of jobs that are not starred are kept for %" PRId64
        " day%s here.",
        days, days == 1 ? "" : "s");
    job_warn(&row, "outputs_removed", detail);
    was_version = row.version++;
    st = store_job_save(e->writer, &row, was_version);
    return st == ST_OK ? store_outputs_delete(e->writer, job) : st;
}

static bool is_touched(const struct retention *r, struct id job) ON_ENGINE;
static bool is_touched(const struct retention *r, struct id job)
{
    for (size_t i = 0; i < r->touched_count; i++) {
        if (id_eq(r->touched[i], job)) {
            return true;
        }
    }
    return false;
}

static void remove_outputs(void *arg, struct id job)
{
    struct pass *p = arg;

    assume_engine_role();
    p->found++;
    /* It comes once for each of its outputs. */
    if (p->st != ST_OK || jobs_find(p->engine, job) != NULL || is_touched(retention_of(p), job)) {
        return;
    }
    p->st = strip(p->engine, job);
    if (p->st == ST_OK) {
        retention_of(p)->stripped_jobs++;
        note_touched(retention_of(p), job);
    }
}

static void remove_asset(void *arg, struct id asset)
{
    struct pass *p = arg;

    assume_engine_role();
    p->found++;
    if (p->st == ST_OK) {
        p->st = store_asset_delete(p->engine->writer, asset, NULL);
        retention_of(p)->assets += p->st == ST_OK ? 1 : 0;
    }
}

typedef enum st expire_fn(struct store_writer *w, int64_t before, int limit,
                          void (*visit)(void *arg, struct id id), void *arg);

/* What is older than that many days; 0 = nothing ever is. */
static void run(struct pass *p, int64_t days, expire_fn *expire,
                void (*visit)(void *arg, struct id id)) ON_ENGINE;
static void run(struct pass *p, int64_t days, expire_fn *expire,
                void (*visit)(void *arg, struct id id))
{
    if (days > 0 && p->st == ST_OK && p->found < BATCH) {
        enum st st =
            expire(p->engine->writer, clock_wall_ms() - days * DAY_MS, BATCH - p->found, visit, p);

        p->st = st != ST_OK ? st : p->st;
    }
}

static enum st remove_events(struct engine *e) ON_ENGINE;
static enum st remove_events(struct engine *e)
{
    int64_t hours = e->config->retention_events_hours;
    enum st st = ST_OK;

    if (hours > 0) {
        int64_t before = clock_wall_ms() - hours * HOUR_MS;

        st = store_events_expire(e->writer, before, EVENTS_BATCH, &e->retention.events);
        if (st == ST_OK) {
            st = store_deliveries_expire(e->writer, before, EVENTS_BATCH, &e->retention.deliveries);
        }
    }
    return st;
}

static enum st write_all(struct engine *e) ON_ENGINE;
static enum st write_all(struct engine *e)
{
    const struct config *c = e->config;
    struct pass p = {.engine = e, .st = ST_OK};

    run(&p, c->retention_jobs_days, store_jobs_expire, remove_job);
    /* Else they go with their jobs. */
    if (c->retention_jobs_days == 0 || c->retention_outputs_days < c->retention_jobs_days) {
        run(&p, c->retention_outputs_days, store_outputs_expire, remove_outputs);
    }
    run(&p, c->retention_assets_days, store_assets_expire, remove_asset);
    if (p.st == ST_OK) {
        p.st = remove_events(e);
    }
    if (p.st == ST_OK) {
        p.st = keys_write_uses(e);
    }
    if (p.found >= BATCH || e->retention.events >= EVENTS_BATCH ||
        e->retention.deliveries >= EVENTS_BATCH) {
        e->retention.due_mono_ms = 0;
    }
    return p.st;
}

static void tell(struct engine *e) ON_ENGINE;
static void tell(struct engine *e)
{
    const struct retention *r = &e->retention;
    int64_t oldest = 0;
    int64_t newest = 0;

    for (size_t i = 0; i < r->touched_count; i++) {
        hub_touch(e->hub, r->touched[i], true);
    }
    if (r->events > 0 && store_events_range(e->writer, &oldest, &newest) == ST_OK) {
        event_feed_forgotten(e->feed, oldest);
    }
    if (r->jobs + r->stripped_jobs + r->assets + r->events + r->deliveries > 0) {
        log_info("retention_removed", LOG_I("jobs", r->jobs),
                 LOG_I("jobs_without_outputs", r->stripped_jobs), LOG_I("assets", r->assets),
                 LOG_I("events", r->events), LOG_I("deliveries", r->deliveries));
    }
}

void retention_run(struct engine *e, int64_t mono)
{
    struct retention *r = &e->retention;
    struct commit_measure before;
    enum st st = ST_OK;

    if (mono < r->due_mono_ms) {
        return;
    }
    *r = (struct retention){.due_mono_ms = mono + RETENTION_MS};
    before = measure_commit_begin(e);
    st = store_begin(e->writer);
    if (st == ST_OK) {
        st = write_all(e);
        if (st == ST_OK) {
            st = store_commit(e->writer);
        } else {
            store_rollback(e->writer);
        }
    }
    measure_commit(e, &before, st);
    events_settle(e, st, mono);
    if (st == ST_OK) {
        tell(e);
    } else {
        r->due_mono_ms = mono + RETENTION_MS;
        log_error("retention_failed", LOG_S("reason", store_reason()), LOG_I("result", st));
    }
}
