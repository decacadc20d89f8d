#include "http/event_source.h"

#include "base/mem.h"

/* Events that are passed over in one go. */
#define PASS_MAX 512

bool event_source_keeps(struct http_server *server, int64_t after)
{
    struct feed_range range = event_feed_range(server->parts.feed);

    return after >= 0 && after <= range.newest && after + 1 >= range.oldest;
}

static void note_first(void *arg, const struct event_row *row)
{
    int64_t *before_first = arg;

    if (row->type == EVENT_JOB_QUEUED) {
        *before_first = row->seq - 1;
    }
}

int64_t event_source_from(struct http_server *server, struct id job, int64_t after)
{
    struct store_reader *store = NULL;
    int64_t before_first = -1;

    if (after < 0 || event_source_keeps(server, after)) {
        return after;
    }
    store = reader_get(server);
    if (store == NULL || store_events(store, job, 0, 1, note_first, &before_first) != ST_OK) {
        return after;
    }
    return before_first > after ? before_first : after;
}

enum errc event_source_open(struct event_source *s, struct err *e)
{
    struct event_feed *feed = s->server->parts.feed;

    s->is_entered = event_feed_enter(feed, &s->reader);
    s->seq = s->reader.seq;
    if (s->is_entered) {
        return ERR_NONE;
    }
    return event_feed_is_closed(feed)
               ? err_set(e, ERR_SHUTTING_DOWN, "The gateway is shutting down.")
               : err_set(e, ERR_RATE_LIMITED, "Too many listen to events already.");
}

void event_source_close(struct event_source *s)
{
    while (s->at < s->count) {
        event_clear(&s->batch[s->at++]);
    }
    if (s->is_entered) {
        event_feed_leave(s->server->parts.feed, &s->reader);
        s->is_entered = false;
    }
}

static void keep_row(void *arg, const struct event_row *row)
{
    struct event_source *s = arg;

    if (s->count < SOURCE_BATCH) {
        event_render(row, &s->batch[s->count++]);
    }
}

static bool read_store(struct event_source *s)
{
    struct store_reader *store = reader_get(s->server);
    struct feed_range range = event_feed_range(s->server->parts.feed);

    if (store == NULL || range.oldest > s->reader.seq + 1 ||
        store_events(store, s->reader.job, s->reader.seq, SOURCE_BATCH, keep_row, s) != ST_OK) {
        return false;
    }
    if (s->count > 0) {
        s->reader.seq = s->batch[s->count - 1].seq;
    }
    /* What was told before the question is all in the answer. */
    if (s->count < SOURCE_BATCH && s->reader.seq < range.newest) {
        s->reader.seq = range.newest;
    }
    return true;
}

static bool refill(struct event_source *s)
{
    s->at = 0;
    s->count = 0;
    if (s->asks_store) {
        return read_store(s);
    }
    if (event_feed_take(s->server->parts.feed, &s->reader, s->batch, SOURCE_BATCH, &s->count) ==
        FEED_BEHIND) {
        return read_store(s);
    }
    return true;
}

enum source_next event_source_next(struct event_source *s, struct event *out)
{
    for (int passed = 0; passed < PASS_MAX; passed++) {
        struct event *event = NULL;

        if (s->at == s->count) {
            int64_t before = s->reader.seq;

            s->seq = before;
            if (!refill(s)) {
                return SOURCE_BROKEN;
            }
            if (s->count == 0) {
                s->seq = s->reader.seq;
                return SOURCE_NOTHING;
            }
        }
        event = &s->batch[s->at++];
        s->seq = event->seq;
        s->has_seen_end |= !id_is_none(s->reader.job) && event_is_end(event->type);
        if (event_filter_takes(s->whose, event)) {
            *out = *event;
            *event = (struct event){.seq = 0};
            return SOURCE_EVENT;
        }
        event_clear(event);
    }
    return SOURCE_BUSY;
}
