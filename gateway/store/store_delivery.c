/* store_delivery.c - messages of webhooks: written with their event, sent until they have arrived.
 */
#include "base/json_out.h"
#include "base/mem.h"
#include "store/store_sql.h"

#define OTHER_GONE "The receiver has answered 410 to another message of this job."
/* A sentence with escapes, and three numbers. */
#define TRY_MAX (DELIVERY_ERROR_MAX * 6 + 200)

/* ---- writing --------------------------------------------------------------------------------- */

static enum st insert(struct handle *h, const struct delivery_new *d, const char *why_gone)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_DELIVERY_INSERT);

    put_id(&q, &d->id);
    put_id(&q, &d->job);
    put_str(&q, d->owner);
    put_int64(&q, &d->event_seq);
    put_str(&q, d->event_type);
    put_str(&q, d->host);
    put_span(&q, d->body);
    put_int64(&q, &d->at);
    put_str(&q, why_gone);
    return query_run(&q);
}

/* ST_NONE = its receiver has not said that it wants no more. */
static enum st find_gone(struct handle *h, const struct id *job)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_DELIVERY_IS_GONE);

    put_id(&q, job);
    return query_step(&q);
}

enum st store_delivery_insert(struct store_writer *w, const struct delivery_new *d)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = find_gone(w->h, &d->job);
    }
    if (st == ST_OK || st == ST_NONE) {
        st = insert(w->h, d, st == ST_OK ? OTHER_GONE : NULL);
    }
    return written(w, st);
}

static void write_try(struct buf *out, const struct delivery_result *r)
{
    struct json_out o = json_out_to(out);

    jo_obj(&o, NULL);
    jo_time(&o, "at", r->at);
    if (r->status > 0) {
        jo_int(&o, "status", r->status);
    } else {
        jo_null(&o, "status");
    }
    jo_str(&o, "error", r->error[0] != '\0' ? r->error : NULL);
    jo_int(&o, "duration_ms", r->ended_at > r->at ? r->ended_at - r->at : 0);
    jo_end(&o);
    bug_if(!buf_ok(out));
}

static enum st note_result(struct handle *h, const struct delivery_result *r)
{
    static const int KEPT = DELIVERY_TRIES_KEPT;
    static const int64_t NEVER = 0;
    bool is_pending = r->state == DELIVERY_PENDING;
    AUTO(buf_clear) struct buf text = BUF_INIT(TRY_MAX);
    AUTO(query_end) struct query q = query_begin(h, SQL_DELIVERY_RESULT);

    write_try(&text, r);
    put_id(&q, &r->id);
    put_str(&q, delivery_state_word(r->state));
    put_time(&q, is_pending ? &r->next_at : &NEVER);
    put_time(&q, is_pending ? &NEVER : &r->ended_at);
    put_int(&q, &r->status);
    put_str(&q, r->error[0] != '\0' ? r->error : NULL);
    put_span(&q, buf_span(&text));
    put_int(&q, &KEPT);
    return query_run(&q);
}

static enum st end_others(struct handle *h, const struct delivery_result *r)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_DELIVERIES_GONE);

    put_id(&q, &r->job);
    put_int64(&q, &r->ended_at);
    put_str(&q, OTHER_GONE);
    return query_run(&q);
}

enum st store_delivery_result(struct store_writer *w, const struct delivery_result *result)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = note_result(w->h, result);
    }
    if (st == ST_OK && result->state == DELIVERY_GONE) {
        st = end_others(w->h, result);
    }
    return written(w, st);
}

enum st store_delivery_again(struct store_writer *w, struct id job, struct id delivery, int64_t now)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_DELIVERY_AGAIN);
    enum st st = write_allowed(w);

    put_id(&q, &delivery);
    put_id(&q, &job);
    put_int64(&q, &now);
    st = st == ST_OK ? query_run(&q) : st;
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_NONE;
    }
    return written(w, st);
}

enum st store_deliveries_expire(struct store_writer *w, int64_t before, int limit, int *removed)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_DELIVERIES_EXPIRE);
    enum st st = write_allowed(w);

    put_int64(&q, &before);
    put_int(&q, &limit);
    st = st == ST_OK ? query_run(&q) : st;
    if (st == ST_OK) {
        *removed = (int)handle_changes(w->h); /* at most limit */
    }
    return written(w, st);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum st unreadable(void)
{
    store_reason_set("a delivery holds a value that this program does not know");
    return ST_FAIL;
}

enum st store_deliveries_host(struct store_reader *r, const char *after, struct buf *out)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_DELIVERIES_HOST);
    enum st st = ST_OK;

    put_str(&q, after);
    st = query_step(&q);
    return st == ST_OK && !buf_append_span(out, get_span(&q)) ? unreadable() : st;
}

static bool read_due(struct query *q, struct delivery_due *out)
{
    *out = (struct delivery_due){.url = NULL};
    get_id(q, &out->id);
    get_id(q, &out->job);
    out->event_type = get_str(q);
    out->url = get_str(q);
    out->secret = get_str(q);
    out->body = get_span(q);
    get_int(q, &out->attempts);
    get_int(q, &out->round);
    get_int64(q, &out->round_began_at);
    return out->url != NULL && !q->is_bad;
}

enum st store_deliveries_due(struct store_reader *r, const char *host, int64_t now, int limit,
                             void (*visit)(void *arg, const struct delivery_due *d), void *arg)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_DELIVERIES_DUE);
    enum st st = ST_OK;

    put_str(&q, host);
    put_int64(&q, &now);
    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        struct delivery_due due;

        if (!read_due(&q, &due)) {
            return unreadable();
        }
        visit(arg, &due);
    }
    return st == ST_NONE ? ST_OK : st;
}

enum st store_deliveries_pending(struct store_reader *r, int64_t *count, int64_t *oldest)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_DELIVERIES_PENDING);
    enum st st = query_step(&q);

    if (st == ST_OK) {
        get_int64(&q, count);
        get_time(&q, oldest);
    }
    return st;
}

static bool read_delivery(struct query *q, struct delivery *out)
{
    bool is_known = false;

    *out = (struct delivery){.url = NULL};
    get_id(q, &out->id);
    get_id(q, &out->job);
    get_int64(q, &out->event_seq);
    out->event_type = get_str(q);
    out->url = get_str(q);
    is_known = delivery_state_parse(get_span(q), &out->state);
    get_int(q, &out->attempts);
    get_int(q, &out->last_status);
    out->last_error = get_str(q);
    get_time(q, &out->next_at);
    get_time(q, &out->created_at);
    get_time(q, &out->completed_at);
    out->tries_json = get_span(q);
    return is_known && !q->is_bad;
}

static struct query list(struct handle *h, const struct delivery_filter *f)
{
    bool is_of_job = !id_is_none(f->job);
    struct query q = query_begin(h, is_of_job      ? SQL_DELIVERIES_OF_JOB
                                    : f->has_state ? SQL_DELIVERIES_OF_STATE
                                                   : SQL_DELIVERIES);

    if (is_of_job) {
        put_id(&q, &f->job);
    }
    put_str(&q, f->owner);
    if (is_of_job || f->has_state) {
        put_str(&q, f->has_state ? delivery_state_word(f->state) : NULL);
    }
    put_id(&q, &f->after);
    return q;
}

enum st store_deliveries(struct store_reader *r, const struct delivery_filter *filter,
                         void (*visit)(void *arg, const struct delivery *d), void *arg,
                         bool *has_more)
{
    AUTO(query_end) struct query q = list(r->h, filter);
    int wanted = filter->limit + 1; /* one more, to know whether there is one */
    int count = 0;
    enum st st = ST_OK;

    put_int(&q, &wanted);
    for (st = query_step(&q); st == ST_OK && count < filter->limit; st = query_step(&q)) {
        struct delivery d;

        if (!read_delivery(&q, &d)) {
            return unreadable();
        }
        visit(arg, &d);
        count++;
    }
    if (st == ST_OK || st == ST_NONE) {
        *has_more = st == ST_OK;
        return ST_OK;
    }
    return st;
}
