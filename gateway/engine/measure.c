/* measure.c - what the engine counts for GET /metrics (bridge/metrics.h).
 *
 * Counts follow the commit, as all that is told does. What is a level (who is up, how many jobs there are)
 * is set again a few times a second rather than wherever it may change.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/internal.h"

#define LEVELS_PAUSE_MS 250
#define MS              1000 /* microseconds */

static size_t index_of(const struct backend *b) ON_ENGINE;
static size_t index_of(const struct backend *b)
{
    return (size_t)(b - b->engine->backend);
}

void measure_backend(const struct backend *b, enum metric which)
{
    if (b != NULL) {
        metrics_add(b->engine->metrics, which, index_of(b), 0, 1);
    }
}

void measure_call(const struct backend *b, enum metrics_call kind, const struct http_result *result)
{
    bool is_good = result->status >= 200 && result->status < 300;
    enum metrics_result how = result->end != HTTP_ANSWERED ? RESULT_FAILED
                              : is_good                    ? RESULT_OK
                                                           : RESULT_REFUSED;

    metrics_add(b->engine->metrics, METRIC_BACKEND_CALLS, kind, how, 1);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void measure_accepted(struct engine *e, const struct job_row *row)
{
    size_t template = metrics_template(e->metrics, row->template_name);

    metrics_add(e->metrics, METRIC_JOBS_SUBMITTED, template, 0, 1);
}

static void ended(struct engine *e, const struct job_row *row) ON_ENGINE;
static void ended(struct engine *e, const struct job_row *row)
{
    size_t template = metrics_template(e->metrics, row->template_name);
    int64_t total = row->completed_at - row->created_at;

    metrics_add(e->metrics, METRIC_JOBS_ENDED, template, row->status, 1);
    metrics_observe(e->metrics, METRIC_JOB_TOTAL, template, total * MS);
    if (row->started_at > 0) {
        metrics_observe(e->metrics, METRIC_JOB_QUEUE, template,
                        (row->started_at - row->created_at) * MS);
        metrics_observe(e->metrics, METRIC_JOB_RUN, template,
                        (row->completed_at - row->started_at) * MS);
    }
    if (row->error.code != JOB_ERR_NONE) {
        metrics_add(e->metrics, METRIC_JOB_ERRORS, row->error.code, 0, 1);
    }
}

static void made(struct engine *e, const struct job_outputs *outputs) ON_ENGINE;
static void made(struct engine *e, const struct job_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        metrics_add(e->metrics, METRIC_OUTPUTS, 0, 0, 1);
        metrics_add(e->metrics, METRIC_OUTPUT_BYTES, 0, 0, outputs->item[i].size_bytes);
    }
}

void measure_moved(struct engine *e, const struct live_job *j, unsigned effects)
{
    const struct job_row *row = &j->row;

    if ((effects & FX_POST) != 0) {
        measure_backend(backend_named(e, row->backend), METRIC_JOB_ATTEMPTS);
    }
    if ((effects & FX_REQUEUE) != 0) {
        measure_backend(backend_named(e, row->backend), METRIC_JOB_REQUEUES);
    }
    if ((effects & FX_ENDED) != 0) {
        ended(e, row);
        made(e, &j->outputs);
    }
}

void measure_estimate(struct engine *e, int64_t estimate_ms, int64_t run_ms)
{
    if (estimate_ms > 0 && run_ms > 0) {
        metrics_observe(e->metrics, METRIC_ESTIMATE_ERROR, 0, llabs(estimate_ms - run_ms) * MS);
        metrics_observe(e->metrics, METRIC_ESTIMATE_RATIO, 0, estimate_ms * 1000000 / run_ms);
    }
}

void measure_asset(struct engine *e, const struct asset *asset)
{
    metrics_add(e->metrics, METRIC_ASSETS, 0, 0, 1);
    metrics_add(e->metrics, METRIC_ASSET_BYTES, 0, 0, asset->size_bytes);
}

/* ---- commits --------------------------------------------------------------------------------- */

struct commit_measure measure_commit_begin(struct engine *e)
{
    return (struct commit_measure){.began_us = clock_mono_us(), .rows = store_changes(e->writer)};
}

void measure_commit(struct engine *e, const struct commit_measure *before, enum st st)
{
    int64_t rows = store_changes(e->writer) - before->rows;

    if (st != ST_OK) {
        metrics_add(e->metrics, METRIC_COMMIT_FAILURES, 0, 0, 1);
    } else if (rows > 0) {
        metrics_observe(e->metrics, METRIC_COMMIT, 0, clock_mono_us() - before->began_us);
        metrics_observe(e->metrics, METRIC_COMMIT_ROWS, 0, rows);
    }
}

/* ---- levels ---------------------------------------------------------------------------------- */

/* What may be unknown is left out then, for 0 would be an answer. */
static void set_or_unset(struct engine *e, enum metric which, size_t i, int64_t value,
                         bool is_known)
{
    if (is_known) {
        metrics_set(e->metrics, which, i, value);
    } else {
        metrics_unset(e->metrics, which, i);
    }
}

static void measure_memory(struct engine *e, const struct backend *b) ON_ENGINE;
static void measure_memory(struct engine *e, const struct backend *b)
{
    int64_t all = 0;
    int64_t free_bytes = 0;

    for (size_t i = 0; i < b->info.device_count; i++) {
        all += b->info.device[i].vram_total;
        free_bytes += b->info.device[i].vram_free;
    }
    set_or_unset(e, METRIC_BACKEND_VRAM, index_of(b), all, all > 0);
    set_or_unset(e, METRIC_BACKEND_VRAM_FREE, index_of(b), free_bytes, all > 0);
}

static void measure_levels_of(struct engine *e, const struct backend *b) ON_ENGINE;
static void measure_levels_of(struct engine *e, const struct backend *b)
{
    size_t i = index_of(b);

    metrics_set(e->metrics, METRIC_BACKEND_UP, i, b->status == BACKEND_UP);
    metrics_set(e->metrics, METRIC_BACKEND_DRAINING, i, b->draining_since != 0);
    metrics_set(e->metrics, METRIC_BACKEND_SLOTS, i, e->config->backend_slots);
    metrics_set(e->metrics, METRIC_BACKEND_JOBS, i, b->live_count);
    metrics_set(e->metrics, METRIC_WS_CONNECTED, i, b->is_ws_open);
    set_or_unset(e, METRIC_BACKEND_QUEUE, i, b->queue_remaining,
                 b->is_known && b->queue_remaining >= 0);
    measure_memory(e, b);
}

void measure_levels(struct engine *e, int64_t mono)
{
    int64_t open[JOB_STATUS_COUNT] = {0};

    if (mono < e->levels_due_mono_ms) {
        return;
    }
    e->levels_due_mono_ms = mono + LEVELS_PAUSE_MS;
    list_each(node, next, &e->live) {
        open[container_of(node, struct live_job, in_engine)->row.status]++;
    }
    open[JOB_QUEUED] += hub_queue_length(e->hub);
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        if (!job_has_ended((enum job_status)i)) {
            metrics_set(e->metrics, METRIC_JOBS, i, open[i]);
        }
    }
    metrics_set(e->metrics, METRIC_QUEUE_PAUSED, 0, e->paused_since != 0);
    for (size_t i = 0; i < e->backend_count; i++) {
        measure_levels_of(e, &e->backend[i]);
    }
}
