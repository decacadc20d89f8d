/* store_event.c - events: added at the end, read from a number on, removed at the beginning.
 */
#include "base/mem.h"
#include "store/store_sql.h"

/* ---- writing --------------------------------------------------------------------------------- */

/* NULL, of an empty table, reads as 0. */
static enum st read_number(struct handle *h, enum sql which, int64_t *out)
{
    AUTO(query_end) struct query q = query_begin(h, which);
    enum st st = query_step(&q);

    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st;
}

/* With other writers: who has asked for it keeps them from adding events until the transaction ends. So numbers have no gaps,
 * and who sees one has seen all below it. */
static enum st find_last(struct store_writer *w)
{
    enum st st = ST_OK;

    if (w->last_event > 0) {
        return ST_OK;
    }
    if (w->h->driver->has_other_writers) {
        st = run_plain(w->h, SQL_EVENTS_LOCK);
    }
    return st == ST_OK ? read_number(w->h, SQL_EVENTS_LAST, &w->last_event) : st;
}

static enum st insert(struct handle *h, int64_t seq, const struct event_row *row)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_EVENT_INSERT);

    put_int64(&q, &seq);
    put_id(&q, &row->job);
    put_str(&q, row->owner);
    put_str(&q, event_type_word(row->type));
    put_int64(&q, &row->at);
    put_span(&q, row->data);
    return query_run(&q);
}

enum st store_event_insert(struct store_writer *w, const struct event_row *row, int64_t *seq)
{
    int64_t next = 0;
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = find_last(w);
    }
    if (st == ST_OK) {
        next = w->last_event + 1;
        st = insert(w->h, next, row);
    }
    if (st == ST_OK) {
        w->last_event = next;
        *seq = next;
    }
    return written(w, st);
}

/* The last of those that go; 0 = none goes. */
static enum st find_last_expired(struct handle *h, int64_t before, int limit, int64_t *out_last,
                                 int *out_count)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_EVENTS_OLDEST);
    int64_t last = 0;
    int count = 0;
    enum st st = ST_OK;

    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        int64_t seq = 0;
        int64_t at = 0;

        get_int64(&q, &seq);
        get_int64(&q, &at);
        if (at >= before) {
            st = ST_NONE;
            break;
        }
        last = seq;
        count++;
    }
    *out_last = last;
    *out_count = count;
    return st == ST_NONE ? ST_OK : st;
}

enum st store_events_expire(struct store_writer *w, int64_t before, int limit, int *removed)
{
    int64_t last = 0;
    int count = 0;
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = find_last_expired(w->h, before, limit, &last, &count);
    }
    if (st == ST_OK && count > 0) {
        AUTO(query_end) struct query q = query_begin(w->h, SQL_EVENTS_DELETE);

        put_int64(&q, &last);
        st = query_run(&q);
    }
    if (st == ST_OK) {
        *removed = count;
    }
    return written(w, st);
}

enum st store_events_range(struct store_writer *w, int64_t *oldest, int64_t *newest)
{
    struct handle *h = w->h;
    int64_t last = 0;
    int64_t first = 0;
    enum st st = read_number(h, SQL_EVENTS_LAST, &last);

    if (st == ST_OK) {
        st = read_number(h, SQL_EVENTS_FIRST, &first);
    }
    if (st == ST_OK) {
        *newest = last;
        *oldest = first > 0 ? first : last + 1;
    }
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_row(struct query *q, struct event_row *out)
{
    bool is_known = false;

    *out = (struct event_row){.metadata = SPAN_NONE};
    get_int64(q, &out->seq);
    get_id(q, &out->job);
    out->owner = get_str(q);
    is_known = event_type_parse(get_span(q), &out->type);
    get_int64(q, &out->at);
    out->data = get_span(q);
    return is_known && !q->is_bad;
}

enum st store_events(struct store_reader *r, struct id job, int64_t after, int limit,
                     void (*visit)(void *arg, const struct event_row *row), void *arg)
{
    struct handle *h = r->h;
    AUTO(query_end)
    struct query q = query_begin(h, id_is_none(job) ? SQL_EVENTS_AFTER : SQL_EVENTS_OF_JOB);
    enum st st = ST_OK;

    if (!id_is_none(job)) {
        put_id(&q, &job);
    }
    put_int64(&q, &after);
    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        struct event_row row;

        if (!read_row(&q, &row)) {
            store_reason_set("an event holds a value that this program does not know");
            return ST_FAIL;
        }
        visit(arg, &row);
    }
    return st == ST_NONE ? ST_OK : st;
}
