/* event_stream.c - see event_stream.h.
 *
 * libmicrohttpd asks for more when the last piece has gone out. Pieces come in this order: the
 * durable events that are left; then, only when there is none, what passes. So a slow reader
 * loses what passes first: by the time it is asked for, it is the newest. Its
 * place among durable events stays, and is read from the store if it lags far behind.
 *
 * Places in the queue are looked up, not told by the feed: for up to PLACES_MAX waiting jobs that this
 * reader has heard of, whenever the feed says that places have changed.
 */
#include "http/event_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "http/event_snapshot.h"
#include "http/event_source.h"
#include "http/reply.h"
#include "http/request.h"

#define STREAM_TYPE "text/event-stream"
#define HEAD_MAX    (96U << 20)
#define PLACES_MAX  SNAPSHOT_JOBS_MAX
#define PASSING_MAX 32
/* Of the connection: what a reader that has stopped costs the kernel. */
#define SEND_BUFFER (64 << 10)
#define BLOCK       4096
/* Browsers come back after so long, and not all at once. */
#define RETRY_MIN_MS    1000
#define RETRY_SPREAD_MS 2000

struct place {
    struct id job;
    int64_t position; /* that was told; 0 = none yet */
};

struct event_stream {
    struct MHD_Connection *connection;
    struct http_server *server;
    struct caller *caller; /* of the request, which outlives its answer */
    struct event_query query;
    struct event_source source;

    struct bytes *piece; /* being sent; NULL = none */
    size_t piece_at;
    struct event passing[PASSING_MAX];
    size_t passing_count;
    size_t passing_at;
    struct place *place;
    size_t place_count;

    int64_t told_seq; /* the last "id:" that was sent */
    int64_t heartbeat_due_mono_ms;
    bool was_live;  /* had seen all there was */
    bool has_ended; /* the job: what is left is told, then the stream ends */
    bool is_over;
};

/* ---- places ---------------------------------------------------------------------------------- */

static void add_place(struct event_stream *s, struct id job)
{
    if (event_filter_takes_type(&(struct event_filter){.types = s->query.types},
                                EVENT_JOB_POSITION) &&
        s->place_count < PLACES_MAX) {
        s->place = xrealloc(s->place, (s->place_count + 1) * sizeof *s->place);
        s->place[s->place_count++] = (struct place){.job = job};
        s->source.reader.wants_moves = true;
    }
}

static void remove_place(struct event_stream *s, struct id job)
{
    for (size_t i = 0; i < s->place_count; i++) {
        if (id_eq(s->place[i].job, job)) {
            s->place[i] = s->place[--s->place_count];
            break;
        }
    }
    s->source.reader.wants_moves = s->place_count > 0;
}

static void note_place(struct event_stream *s, const struct event *event)
{
    if (id_is_none(event->job)) {
        return;
    }
    remove_place(s, event->job);
    if (event->type == EVENT_JOB_QUEUED || event->type == EVENT_JOB_REQUEUED) {
        add_place(s, event->job);
    }
}

/* True when it has a place that was not told. One that has left the queue is told by other events. */
static bool has_moved(const struct event_stream *s, struct place *p)
{
    int64_t position = hub_position(s->server->parts.hub, p->job);

    if (position == 0 || position == p->position) {
        return false;
    }
    p->position = position;
    return true;
}

static void append_place(struct buf *out, const struct place *p)
{
    AUTO(buf_clear) struct buf data = BUF_INIT(256);
    struct json_out o = json_out_to(&data);

    event_position_data(&o, p->position);
    event_append(out, event_type_word(EVENT_JOB_POSITION), -1, p->job, clock_wall_ms(),
                 buf_span(&data));
}

/* NULL when no place has changed. */
static struct bytes *places(struct event_stream *s)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(HEAD_MAX);
    bool is_asked = false;

    for (size_t i = 0; i < s->place_count && !is_asked; i++) {
        is_asked = s->place[i].position == 0;
    }
    if (s->place_count > 0 && event_feed_take_moves(s->server->parts.feed, &s->source.reader)) {
        is_asked = true;
    }
    for (size_t i = 0; i < s->place_count && is_asked; i++) {
        if (has_moved(s, &s->place[i])) {
            append_place(&out, &s->place[i]);
        }
    }
    return out.len > 0 ? bytes_from_buf(&out) : NULL;
}

/* ---- pieces: each gives a reference, or NULL ----------------------------------------------------- */

static struct bytes *end_piece(struct event_stream *s)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(1024);

    event_append(&out, "end", -1, s->source.reader.job, clock_wall_ms(), SPAN_LIT("{}"));
    s->is_over = true;
    return bytes_from_buf(&out);
}

static bool wants(const struct event_stream *s, enum event_type type)
{
    return event_filter_takes_type(&(struct event_filter){.types = s->query.types}, type);
}

static struct bytes *passing_piece(struct event_stream *s)
{
    if (s->passing_at == s->passing_count) {
        s->passing_at = 0;
        s->passing_count = event_feed_take_passing(s->server->parts.feed, &s->source.reader,
                                                   s->passing, PASSING_MAX);
    }
    while (s->passing_at < s->passing_count) {
        AUTO(event_clear) struct event event = s->passing[s->passing_at++];

        if (wants(s, event.type) && event_filter_takes(&s->query.whose, &event)) {
            return bytes_ref(event.text);
        }
    }
    return NULL;
}

static void put_off_heartbeat(struct event_stream *s)
{
    s->heartbeat_due_mono_ms = clock_mono_ms() + s->server->parts.config->events_heartbeat_ms;
}

/* A comment, and with it the place from which a reader goes on that has heard nothing for long, because
 * nothing was for it. */
static struct bytes *heartbeat(struct event_stream *s)
{
    char text[64];

    if (clock_mono_ms() < s->heartbeat_due_mono_ms) {
        return NULL;
    }
    put_off_heartbeat(s);
    if (s->source.seq > s->told_seq) {
        s->told_seq = s->source.seq;
        (void)snprintf(text, sizeof text, ": hb\nid: %" PRId64 "\n\n", s->told_seq);
    } else {
        (void)snprintf(text, sizeof text, ": hb\n\n");
    }
    return bytes_new(span_of(text));
}

static bool lags(struct event_stream *s)
{
    int64_t newest = event_feed_range(s->server->parts.feed).newest;

    return s->was_live && id_is_none(s->source.reader.job) &&
           newest - s->source.seq > s->server->parts.config->events_max_lag;
}

enum step { STEP_PIECE, STEP_PARK, STEP_AGAIN, STEP_CLOSE };

static enum step passing_step(struct event_stream *s)
{
    s->was_live = true;
    if (s->has_ended) {
        s->piece = end_piece(s);
        return STEP_PIECE;
    }
    s->piece = places(s);
    if (s->piece == NULL) {
        s->piece = passing_piece(s);
    }
    if (s->piece == NULL) {
        s->piece = heartbeat(s);
    }
    return s->piece != NULL ? STEP_PIECE : STEP_PARK;
}

static enum step next_step(struct event_stream *s)
{
    AUTO(event_clear) struct event event = {.seq = 0};

    if (s->is_over) {
        return STEP_CLOSE;
    }
    if (lags(s)) {
        metrics_add(s->server->parts.metrics, METRIC_STREAMS_CLOSED, 0, 0, 1);
        return STEP_CLOSE;
    }
    if (s->has_ended && s->source.has_seen_end) {
        s->piece = end_piece(s);
        return STEP_PIECE;
    }
    switch (event_source_next(&s->source, &event)) {
    case SOURCE_EVENT:
        s->has_ended |= s->source.has_seen_end;
        note_place(s, &event);
        if (!wants(s, event.type)) {
            return STEP_AGAIN;
        }
        s->told_seq = event.seq;
        s->piece = bytes_ref(event.text);
        return STEP_PIECE;
    case SOURCE_NOTHING:
        return passing_step(s);
    case SOURCE_BUSY:
        return STEP_AGAIN;
    case SOURCE_BROKEN:
        break;
    }
    return STEP_CLOSE;
}

/* ---- what libmicrohttpd calls ---------------------------------------------------------------- */

static void wake(struct feed_reader *reader)
{
    struct event_source *source = container_of(reader, struct event_source, reader);

    MHD_resume_connection(container_of(source, struct event_stream, source)->connection);
}

static size_t copy_piece(struct event_stream *s, char *to, size_t max)
{
    struct span rest = bytes_span(s->piece);
    size_t len;

    rest.ptr += s->piece_at;
    rest.len -= s->piece_at;
    len = rest.len < max ? rest.len : max;
    memcpy(to, rest.ptr, len);
    s->piece_at += len;
    if (len == rest.len) {
        bytes_unref_ptr(&s->piece);
        s->piece_at = 0;
    }
    return len;
}

/* Nothing to send now: the connection sleeps until the feed wakes it. */
static ssize_t sleep_now(struct event_stream *s, enum step why)
{
    struct MHD_Connection *connection = s->connection;

    MHD_suspend_connection(connection);
    /* Afterwards s belongs to whoever wakes it. */
    if (why == STEP_AGAIN ||
        !event_feed_park(s->server->parts.feed, &s->source.reader, s->heartbeat_due_mono_ms)) {
        MHD_resume_connection(connection);
    }
    return 0;
}

static bool may_go_on(struct event_stream *s)
{
    return !event_feed_is_closed(s->server->parts.feed) && admission_holds(s->server, s->caller);
}

static ssize_t read_stream(void *arg, uint64_t position, char *to, size_t max)
{
    struct event_stream *s = arg;
    size_t len = 0;
    enum step step = STEP_PIECE;

    (void)position;
    while (len < max) {
        if (s->piece == NULL) {
            step = may_go_on(s) ? next_step(s) : STEP_CLOSE;
            if (step != STEP_PIECE) {
                break;
            }
        }
        len += copy_piece(s, to + len, max - len);
    }
    if (len > 0) {
        put_off_heartbeat(s);
        return (ssize_t)len;
    }
    return step == STEP_CLOSE ? MHD_CONTENT_READER_END_OF_STREAM : sleep_now(s, step);
}

static void free_stream(void *arg)
{
    struct event_stream *s = arg;

    event_source_close(&s->source);
    while (s->passing_at < s->passing_count) {
        event_clear(&s->passing[s->passing_at++]);
    }
    bytes_unref(s->piece);
    free(s->place);
    free(s);
}

/* ---- its beginning --------------------------------------------------------------------------- */

static void write_head(struct event_stream *s, struct request *r, const struct snapshot *snapshot,
                       bool is_reset)
{
    AUTO(buf_clear) struct buf head = BUF_INIT(HEAD_MAX);

    (void)buf_appendf(&head, "retry: %d\n\n", RETRY_MIN_MS + (int)random_below(RETRY_SPREAD_MS));
    if (is_reset) {
        event_append(&head, "reset", -1, r->id, clock_wall_ms(), SPAN_LIT("{}"));
    }
    s->told_seq = s->source.seq;
    event_append(&head, "snapshot", s->told_seq, r->id, clock_wall_ms(), buf_span(&snapshot->data));
    s->piece = bytes_from_buf(&head);
    s->has_ended = snapshot->has_ended;
    s->source.asks_store = snapshot->has_ended;
    for (size_t i = 0; i < snapshot->job_count; i++) {
        add_place(s, snapshot->job[i]);
    }
}

static void bound_connection(struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int size = SEND_BUFFER;

    if (info != NULL) {
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    (void)MHD_set_connection_option(r->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    (unsigned)r->parts->config->events_stall_seconds);
}

static enum MHD_Result send_stream(struct request *r, struct MHD_Response *response)
{
    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, STREAM_TYPE);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    reply_header(response, "X-Accel-Buffering", "no");
    return reply_send(r, MHD_HTTP_OK, response);
}

static bool wants_passing(const struct event_stream *s)
{
    return wants(s, EVENT_JOB_PROGRESS) || wants(s, EVENT_JOB_PREVIEW) ||
           wants(s, EVENT_JOB_UPDATED) || wants(s, EVENT_BACKEND_UPDATED) ||
           wants(s, EVENT_QUEUE_UPDATED);
}

static struct event_stream *new_stream(struct request *r, const struct event_query *query,
                                       bool is_reset)
{
    struct event_stream *s = xcalloc(1, sizeof *s);

    s->connection = r->connection;
    s->server = r->server;
    s->caller = &r->caller;
    s->query = *query;
    put_off_heartbeat(s);
    s->source.server = r->server;
    s->source.whose = &s->query.whose;
    s->source.reader = (struct feed_reader){
        .job = r->id,
        .seq = query->has_after && !is_reset ? query->after : -1,
        .wants_passing = wants_passing(s),
        .wake = wake,
    };
    return s;
}

static enum MHD_Result answer_head(struct request *r)
{
    AUTO(snapshot_clear) struct snapshot snapshot;
    struct err e;

    err_fresh(&e);
    if (snapshot_make(r, &(struct event_filter){.types = 0}, &snapshot, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    return send_stream(
        r, require_memory(MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)));
}

enum MHD_Result event_stream_answer(struct request *r, const struct event_query *query)
{
    AUTO(snapshot_clear) struct snapshot snapshot;
    bool is_reset = query->has_after && !event_source_keeps(r->server, query->after);
    struct event_stream *s = NULL;
    struct err e;

    if (strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0) {
        return answer_head(r);
    }
    err_fresh(&e);
    snapshot.data = BUF_INIT(0);
    s = new_stream(r, query, is_reset);
    /* First the place among the events, then the look: nothing falls between. */
    if (event_source_open(&s->source, &e) != ERR_NONE ||
        snapshot_make(r, &s->query.whose, &snapshot, &e) != ERR_NONE) {
        free_stream(s);
        return reply_problem(r, &e);
    }
    write_head(s, r, &snapshot, is_reset);
    bound_connection(r);
    r->is_stream = true;
    return send_stream(r, require_memory(MHD_create_response_from_callback(
                              MHD_SIZE_UNKNOWN, BLOCK, read_stream, s, free_stream)));
}
