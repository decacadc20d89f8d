/* stats_get.c - GET /v1/stats (getStats).
 *
 * It costs the same however many jobs are stored: the newest STATS_JOBS_MAX that ended in the window are read, from an
 * index of their own; those that wait are counted by the hub.
 */
#include "base/clock.h"
#include "base/json_out.h"
#include "core/stats.h"
#include "http/handlers.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

#define HOURS_DEFAULT 24
#define HOURS_MAX     720
#define HOUR_MS       INT64_C(3600000)
#define STATS_MAX     ((size_t)16 << 20)

struct sample {
    struct stats *stats;
    int count;
};

static void free_stats(struct stats **s)
{
    stats_free(*s);
}

static void add(void *arg, const struct ended_job *job)
{
    struct sample *sample = arg;

    if (sample->count < STATS_JOBS_MAX) {
        stats_add(sample->stats, job);
    }
    sample->count++;
}

static void write_open(struct json_out *o, const int64_t count[JOB_STATUS_COUNT])
{
    jo_obj(o, "open");
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        if (!job_has_ended((enum job_status)i)) {
            jo_int(o, job_status_word((enum job_status)i), count[i]);
        }
    }
    jo_end(o);
}

static enum errc read_hours(const struct request *r, int *hours, struct err *e)
{
    const char *text = uri_param(&r->uri, "hours");

    if (text != NULL && !decimal_parse(text, 1, HOURS_MAX, hours)) {
        (void)err_param(e, "hours", "must be 1 to %d", HOURS_MAX);
    }
    return e->code;
}

static enum MHD_Result answer(struct request *r, const struct sample *sample, int64_t begin,
                              const int64_t open[JOB_STATUS_COUNT])
{
    AUTO(buf_clear) struct buf text = BUF_INIT(STATS_MAX);
    struct json_out o = json_out_to(&text);
    bool is_complete = sample->count <= STATS_JOBS_MAX;

    jo_obj(&o, NULL);
    jo_time(&o, "since", is_complete ? begin : stats_since(sample->stats));
    jo_bool(&o, "complete", is_complete);
    write_open(&o, open);
    stats_json(&o, sample->stats);
    jo_end(&o);
    return reply_json(r, MHD_HTTP_OK, &text);
}

static enum st count_open(struct request *r, struct store_reader *reader,
                          int64_t open[JOB_STATUS_COUNT])
{
    const char *owner = caller_sees(&r->caller);
    enum st st = ST_OK;

    if (owner != NULL) {
        return store_open_counts(reader, owner, open);
    }
    st = store_in_flight_counts(reader, open);
    open[JOB_QUEUED] += hub_queue_length(r->parts->hub);
    return st;
}

enum MHD_Result stats_get(struct request *r)
{
    AUTO(free_stats) struct stats *stats = stats_new();
    struct sample sample = {.stats = stats};
    struct store_reader *reader = reader_get(r->server);
    int64_t open[JOB_STATUS_COUNT] = {0};
    int hours = HOURS_DEFAULT;
    int64_t begin = 0;
    struct err e;

    err_fresh(&e);
    if (read_hours(r, &hours, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    begin = clock_wall_ms() - hours * HOUR_MS;
    if (reader == NULL || count_open(r, reader, open) != ST_OK ||
        store_ended(reader, caller_sees(&r->caller), begin, STATS_JOBS_MAX + 1, add, &sample) !=
            ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return answer(r, &sample, begin, open);
}
