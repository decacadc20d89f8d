/* store_stats.c - what jobs that have ended tell together, and how many are under way. The former are
 * read from one index alone; the latter are as few as the ComfyUIs have slots.
 */
#include "base/mem.h"
#include "store/store_sql.h"

enum st store_ended(struct store_reader *r, const char *owner, int64_t since, int limit,
                    void (*visit)(void *arg, const struct ended_job *job), void *arg)
{
    AUTO(query_end)
    struct query q = query_begin(r->h, owner != NULL ? SQL_JOBS_ENDED_OF : SQL_JOBS_ENDED);
    enum st st = ST_OK;

    if (owner != NULL) {
        put_str(&q, owner);
    }
    put_int64(&q, &since);
    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        struct ended_job job = {.status = JOB_QUEUED};

        get_status(&q, &job.status);
        job.template_name = get_str(&q);
        job.backend = get_str(&q);
        get_int64(&q, &job.created_at);
        get_time(&q, &job.started_at);
        get_int64(&q, &job.completed_at);
        if (q.is_bad) {
            break; /* told by the next step */
        }
        visit(arg, &job);
    }
    return st == ST_NONE ? ST_OK : st;
}

enum st store_in_flight_counts(struct store_reader *r, int64_t out[JOB_STATUS_COUNT])
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_IN_FLIGHT_STATUS);
    int64_t found[JOB_STATUS_COUNT] = {0};
    enum st st = ST_OK;

    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        enum job_status status = JOB_QUEUED;

        get_status(&q, &status);
        found[status]++;
    }
    for (size_t i = 0; i < JOB_STATUS_COUNT && st == ST_NONE; i++) {
        out[i] = found[i];
    }
    return st == ST_NONE ? ST_OK : st;
}

static enum st count_open(struct handle *h, const char *owner, enum job_status status, int64_t *out)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_OPEN_COUNT_OF);
    enum st st = ST_OK;

    put_str(&q, owner);
    put_status(&q, &status);
    st = query_step(&q);
    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st;
}

enum st store_open_counts(struct store_reader *r, const char *owner, int64_t out[JOB_STATUS_COUNT])
{
    enum st st = ST_OK;

    for (size_t i = 0; i < JOB_STATUS_COUNT && st == ST_OK; i++) {
        out[i] = 0;
        if (!job_has_ended((enum job_status)i)) {
            st = count_open(r->h, owner, (enum job_status)i, &out[i]);
        }
    }
    return st;
}
