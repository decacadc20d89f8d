/* forecast.c - what jobs that ran say of those under way (core/estimate.h), and how fast the queue moves (bridge/pace.h).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/estimate.h"
#include "engine/internal.h"

#define SEED_JOBS  500  /* of the store, at the start */
#define TRUST_FROM 0.05 /* of the work must be done before its own progress counts */
#define OVERTIME   1.1  /* who is late already is a tenth from its end */

static struct estimate_about about(const struct job_row *row)
{
    return (struct estimate_about){.template_name = row->template_name,
                                   .backend = row->backend,
                                   .input_json = row->input_json};
}

static void learn(struct estimate *estimate, const struct job_row *row)
{
    struct estimate_about job = about(row);

    if (row->status == JOB_SUCCEEDED && row->started_at > 0) {
        estimate_learn(estimate, &job, row->completed_at - row->started_at);
    }
}

struct past {
    struct job_row *row;
    size_t count;
};

static void clear_past(struct past *p)
{
    for (size_t i = 0; i < p->count; i++) {
        job_row_clear(&p->row[i]);
    }
    free(p->row);
}

static void remember(void *arg, const struct job_row *row)
{
    struct past *p = arg;

    job_row_copy(&p->row[p->count++], row);
}

/* The store gives the newest first, but what is learnt last weighs most. Without the store's help it is learnt anew. */
void forecast_open(struct engine *e)
{
    struct job_filter filter = {.status_mask = 1U << JOB_SUCCEEDED, .limit = SEED_JOBS};
    AUTO(clear_past) struct past past = {.row = xcalloc(SEED_JOBS, sizeof *past.row)};
    struct store_reader *reader = NULL;
    bool has_more = false;

    e->estimate = estimate_new();
    if (store_reader_open(e->store, &reader) == ST_OK &&
        store_jobs(reader, &filter, remember, &past, &has_more) != ST_OK) {
        log_warn("forecast_not_seeded", LOG_S("reason", store_reason()));
    }
    for (size_t i = past.count; i > 0; i--) {
        learn(e->estimate, &past.row[i - 1]);
    }
    store_reader_close(reader);
}

void forecast_pace(struct engine *e)
{
    int lanes = 0;

    for (size_t i = 0; i < e->backend_count; i++) {
        const struct backend *b = &e->backend[i];
        bool moves = b->status == BACKEND_UP && b->draining_since == 0 && e->paused_since == 0;

        lanes += moves ? 1 : 0;
    }
    pace_set(e->pace, estimate_usual_ms(e->estimate), lanes);
}

void forecast_learn(struct engine *e, const struct job_row *row)
{
    struct estimate_about job = about(row);

    if (row->started_at > 0) {
        measure_estimate(e, estimate_run_ms(e->estimate, &job),
                         row->completed_at - row->started_at);
    }
    learn(e->estimate, row);
    forecast_pace(e);
}

int64_t forecast_run_ms(struct engine *e, const struct job_row *row)
{
    struct estimate_about job = about(row);

    return estimate_run_ms(e->estimate, &job);
}

/* Its own progress counts the more, the farther it has come. */
static double total_ms(const struct engine *e, const struct job_row *row, double value,
                       double elapsed)
{
    struct estimate_about job = about(row);
    double known = (double)estimate_run_ms(e->estimate, &job);
    double own = value > TRUST_FROM ? elapsed / value : 0;
    double total = known > 0 && own > 0 ? known * (1 - value) + own * value : known + own;

    return total > elapsed || total <= 0 ? total : elapsed * OVERTIME;
}

int64_t forecast_end(struct engine *e, const struct job_row *row,
                     const struct job_progress *progress, int64_t position)
{
    int64_t now = clock_wall_ms();
    int64_t wait = pace_done_in_ms(e->pace, position);
    double elapsed = (double)(now - row->started_at);
    double total = 0;

    if (job_has_ended(row->status)) {
        return 0;
    }
    if (row->started_at == 0) {
        return wait > 0 ? now + wait : 0;
    }
    total = total_ms(e, row, progress != NULL ? progress->value : 0, elapsed > 0 ? elapsed : 0);
    return total > 0 ? row->started_at + (int64_t)total : 0;
}
