/* event_poll.c - see event_poll.h.
 *
 * The same as a stream that is cut after the first events: without an id to begin after, or with one
 * that is not kept, the page begins with the snapshot. What passes is not told: it would be old.
 */
#include "http/event_poll.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/event_snapshot.h"
#include "http/event_source.h"
#include "http/reply.h"
#include "http/request.h"

#define PAGE_MAX (256U << 20)

struct event_poll {
    struct request *request;
    struct event_query query;
    struct event_source source;
    int64_t until_mono_ms;
    bool is_snapshot_due;
    bool is_reset;
    bool has_ended; /* the job: nothing is worth waiting for */
    bool is_full;   /* there may be more at once */
    struct buf text;
    struct json_out json; /* writes to it */
    int count;
};

static void free_poll(void *op)
{
    struct event_poll *p = op;

    event_source_close(&p->source);
    buf_clear(&p->text);
    free(p);
}

static void wake(struct feed_reader *reader)
{
    struct event_source *source = container_of(reader, struct event_source, reader);

    MHD_resume_connection(container_of(source, struct event_poll, source)->request->connection);
}

static void add_own(struct event_poll *p, const char *type, struct span data)
{
    AUTO(buf_clear) struct buf object = BUF_INIT(PAGE_MAX);

    event_append_object(&object, type, p->request->id, clock_wall_ms(), data);
    jo_raw(&p->json, NULL, buf_span(&object));
    p->count++;
}

/* Also tells whether the job is there, and has ended. */
static enum errc look(struct event_poll *p, struct err *e)
{
    AUTO(snapshot_clear) struct snapshot snapshot = {.has_ended = false};
    bool is_needed = p->is_snapshot_due || !id_is_none(p->request->id);

    if (is_needed && snapshot_make(p->request, &p->query.whose, &snapshot, e) != ERR_NONE) {
        return e->code;
    }
    p->has_ended = snapshot.has_ended;
    p->source.asks_store = snapshot.has_ended;
    if (p->is_reset) {
        add_own(p, "reset", SPAN_LIT("{}"));
    }
    if (p->is_snapshot_due) {
        add_own(p, "snapshot", buf_span(&snapshot.data));
    }
    return ERR_NONE;
}

/* False when the store does not answer. */
static bool collect(struct event_poll *p)
{
    enum source_next next = SOURCE_EVENT;

    while (next == SOURCE_EVENT && p->count < p->query.limit) {
        AUTO(event_clear) struct event event = {.seq = 0};

        next = event_source_next(&p->source, &event);
        if (next == SOURCE_EVENT &&
            event_filter_takes_type(&(struct event_filter){.types = p->query.types}, event.type)) {
            jo_raw(&p->json, NULL, event_json(&event));
            p->count++;
        }
    }
    p->has_ended |= p->source.has_seen_end;
    p->is_full =
        next == SOURCE_BUSY ||
        (next == SOURCE_EVENT && p->source.seq < event_feed_range(p->request->parts->feed).newest);
    return next != SOURCE_BROKEN;
}

static enum MHD_Result send_page(struct event_poll *p)
{
    char after[24];

    (void)snprintf(after, sizeof after, "%" PRId64, p->source.seq);
    jo_end(&p->json);
    jo_str(&p->json, "next_after", after);
    jo_bool(&p->json, "has_more", p->is_full);
    jo_end(&p->json);
    return reply_json(p->request, MHD_HTTP_OK, &p->text);
}

/* What it wanted to go on from may have been removed in this very moment: then it begins anew, with a reset. */
static enum MHD_Result answer_broken(struct request *r, struct event_poll *p)
{
    struct event_query query = p->query;

    if (p->is_reset || event_source_keeps(r->server, p->source.seq)) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    r->op = NULL;
    free_poll(p);
    return event_poll_answer(r, &query);
}

/* A handler_fn: runs at first, and whenever the feed has woken it. */
static enum MHD_Result run(struct request *r)
{
    struct event_poll *p = r->op;
    struct MHD_Connection *connection = r->connection;

    if (!collect(p)) {
        return answer_broken(r, p);
    }
    if (p->count > 0 || p->is_full || p->has_ended || clock_mono_ms() >= p->until_mono_ms ||
        event_feed_is_closed(r->parts->feed)) {
        return send_page(p);
    }
    r->next = run;
    MHD_suspend_connection(connection);
    if (!event_feed_park(r->parts->feed, &p->source.reader, p->until_mono_ms)) {
        MHD_resume_connection(connection);
    }
    return MHD_YES;
}

static struct event_poll *new_poll(struct request *r, const struct event_query *query)
{
    struct event_poll *p = xcalloc(1, sizeof *p);

    p->request = r;
    p->query = *query;
    p->until_mono_ms = clock_mono_ms() + (int64_t)query->wait_s * 1000;
    p->is_reset = query->has_after && !event_source_keeps(r->server, query->after);
    p->is_snapshot_due = !query->has_after || p->is_reset;
    p->source.server = r->server;
    p->source.whose = &p->query.whose;
    p->source.reader = (struct feed_reader){
        .job = r->id, .seq = p->is_snapshot_due ? -1 : query->after, .wake = wake};
    p->text = BUF_INIT(PAGE_MAX);
    p->json = json_out_to(&p->text);
    return p;
}

enum MHD_Result event_poll_answer(struct request *r, const struct event_query *query)
{
    struct event_poll *p = new_poll(r, query);
    struct err e;

    err_fresh(&e);
    r->op = p;
    r->op_free = free_poll;
    if (event_source_open(&p->source, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    jo_obj(&p->json, NULL);
    jo_arr(&p->json, "data");
    if (look(p, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    return run(r);
}
