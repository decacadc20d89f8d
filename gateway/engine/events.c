/* events.c - what those who listen are told.
 *
 * Durable events are rows of the very transaction that makes them true, and go to the feed
 * once it is committed. Which change is which event is decided in one place,
 * core/event.c. Whether a ComfyUI is up is a level: it is compared with what was told last, so that
 * a commit that fails only tells it later.
 *
 * What passes (progress, previews, places) is told at most every PASSING_PAUSE_MS for each job, and the
 * places every MOVES_PAUSE_MS.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#define DATA_MAX         (64U << 20)
#define PASSING_PAUSE_MS 100
#define MOVES_PAUSE_MS   1000
#define RETRY_MS         1000

enum st events_begin(struct engine *e)
{
    struct feed_range range = {.oldest = 1};
    enum st st = store_events_range(e->writer, &range.oldest, &range.newest);

    e->told.data = BUF_INIT(DATA_MAX);
    if (st == ST_OK) {
        event_feed_begin(e->feed, range);
    }
    return st;
}

static void forget(struct told *t, size_t from)
{
    for (size_t i = from; i < t->count; i++) {
        event_clear(&t->item[i]);
    }
    t->count = from;
}

void events_unwrite(struct engine *e)
{
    forget(&e->told, e->told.committed);
    deliveries_settle(e, ST_RETRY);
}

void events_free(struct engine *e)
{
    forget(&e->told, 0);
    free(e->told.item);
    buf_clear(&e->told.data);
}

/* ---- in the transaction ---------------------------------------------------------------------- */

static enum st write(struct engine *e, struct event_row *row) ON_ENGINE;
static enum st write(struct engine *e, struct event_row *row)
{
    struct told *t = &e->told;
    enum st st = ST_OK;

    if (event_is_durable(row->type)) {
        st = store_event_insert(e->writer, row, &row->seq);
    } else if (event_feed_readers(e->feed) == 0) {
        return ST_OK;
    }
    if (st != ST_OK) {
        return st;
    }
    if (t->count == t->capacity) {
        t->capacity = t->capacity > 0 ? 2 * t->capacity : 64;
        t->item = xrealloc(t->item, t->capacity * sizeof *t->item);
    }
    t->item[t->count] = (struct event){.seq = row->seq, .type = row->type, .job = row->job};
    /* Who begins to listen before it is told reads it from the store; what passes is not there. */
    if (event_feed_readers(e->feed) > 0 || row->seq == 0) {
        event_render(row, &t->item[t->count]);
    }
    t->count++;
    return ST_OK;
}

static enum st write_job(struct engine *e, enum event_type type, const struct job_row *row,
                         struct span data) ON_ENGINE;
static enum st write_job(struct engine *e, enum event_type type, const struct job_row *row,
                         struct span data)
{
    struct event_row event = {.type = type,
                              .job = row->id,
                              .owner = row->owner,
                              .at = clock_wall_ms(),
                              .data = data,
                              .metadata = span_of(row->metadata_json)};
    enum st st = write(e, &event);

    return st == ST_OK ? deliveries_write(e, row, &event) : st;
}

enum st events_write_arrival(struct engine *e, const struct arrival *n)
{
    enum event_type type[EVENT_CHANGES_MAX];
    size_t count = event_of_change(NULL, n->row, 0, type);

    bug_if(count != 1 || n->queued.len == 0);
    return write_job(e, type[0], n->row, n->queued);
}

enum st events_write_job(struct engine *e, const struct job_row *old, const struct job_row *now,
                         const struct job_outputs *outputs)
{
    struct buf *data = &e->told.data;
    const struct job_row *row = now != NULL ? now : old;
    enum event_type type[EVENT_CHANGES_MAX];
    size_t count = event_of_change(old, now, outputs != NULL ? outputs->count : 0, type);
    enum st st = ST_OK;

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        struct json_out o = json_out_to(data);
        bool tells_outputs = event_is_end(type[i]) || type[i] == EVENT_JOB_OUTPUT;

        buf_reset(data);
        event_job_data(&o, type[i], row, tells_outputs ? outputs : NULL);
        bug_if(!buf_ok(data));
        st = write_job(e, type[i], row, buf_span(data));
    }
    return st;
}

static bool is_news(const struct backend *b) ON_ENGINE;
static bool is_news(const struct backend *b)
{
    if (b->status == BACKEND_UP) {
        return b->told != TOLD_UP;
    }
    /* At the start nothing is known before the first answer, or the first that fails to come. */
    return b->told == TOLD_UP || (b->told == TOLD_NOTHING && b->look_failures > 0);
}

enum st events_write_backends(struct engine *e)
{
    enum st st = ST_OK;

    for (size_t i = 0; i < e->backend_count && st == ST_OK; i++) {
        AUTO(buf_clear) struct buf data = BUF_INIT(DATA_MAX);
        struct json_out o = json_out_to(&data);
        struct backend *b = &e->backend[i];
        struct backend_state state = backend_state_of(b);
        bool is_up = state.is_up;

        if (is_news(b)) {
            event_backend_data(&o, b->address->name, &state);
            st = write(e, &(struct event_row){.type = is_up ? EVENT_BACKEND_UP : EVENT_BACKEND_DOWN,
                                              .at = clock_wall_ms(),
                                              .data = buf_span(&data)});
            b->telling = is_up ? TOLD_UP : TOLD_DOWN;
        }
    }
    return st;
}

bool events_are_due(const struct engine *e, int64_t mono)
{
    for (size_t i = 0; i < e->backend_count && mono >= e->told_due_mono_ms; i++) {
        if (is_news(&e->backend[i])) {
            return true;
        }
    }
    return false;
}

void events_settle(struct engine *e, enum st committed, int64_t mono)
{
    deliveries_settle(e, committed);
    if (committed == ST_OK) {
        e->told.committed = e->told.count;
    } else {
        forget(&e->told, e->told.committed);
        e->told_due_mono_ms = mono + RETRY_MS;
    }
    for (size_t i = 0; i < e->backend_count; i++) {
        struct backend *b = &e->backend[i];

        if (b->telling != TOLD_NOTHING && committed == ST_OK) {
            b->told = b->telling;
            b->is_view_stale = true;
            e->backends_view_due_mono_ms = 0; /* who hears of it and looks shall see it */
        }
        b->telling = TOLD_NOTHING;
    }
}

/* ---- after it -------------------------------------------------------------------------------- */

static void pass(struct engine *e, const struct live_job *j, enum event_type type, struct span data)
    ON_ENGINE;
static void pass(struct engine *e, const struct live_job *j, enum event_type type, struct span data)
{
    struct event event;

    event_render(&(struct event_row){.type = type,
                                     .job = j->row.id,
                                     .owner = j->row.owner,
                                     .at = clock_wall_ms(),
                                     .data = data,
                                     .metadata = span_of(j->row.metadata_json)},
                 &event);
    event_feed_put(e->feed, &event);
}

static void tell_progress(struct engine *e, struct live_job *j, int64_t mono) ON_ENGINE;
static void tell_progress(struct engine *e, struct live_job *j, int64_t mono)
{
    AUTO(buf_clear) struct buf data = BUF_INIT(DATA_MAX);
    struct json_out o = json_out_to(&data);
    const struct job_progress *now = progress_now(j->progress);

    j->is_progress_untold = false;
    j->progress_due_mono_ms = mono + PASSING_PAUSE_MS;
    event_progress_data(&o, now);
    pass(e, j, EVENT_JOB_PROGRESS, buf_span(&data));
    if (now->preview_seq > j->told_preview) {
        j->told_preview = now->preview_seq;
        buf_reset(&data);
        o = json_out_to(&data);
        event_preview_data(&o, j->row.id, now->preview_seq);
        pass(e, j, EVENT_JOB_PREVIEW, buf_span(&data));
    }
}

static void tell_hold(struct engine *e, enum event_type type, const struct buf *data) ON_ENGINE;
static void tell_hold(struct engine *e, enum event_type type, const struct buf *data)
{
    struct event event;

    event_render(&(struct event_row){.type = type, .at = clock_wall_ms(), .data = buf_span(data)},
                 &event);
    event_feed_put(e->feed, &event);
}

/* What an operator has stopped, or let go on. */
static void tell_holds(struct engine *e) ON_ENGINE;
static void tell_holds(struct engine *e)
{
    AUTO(buf_clear) struct buf data = BUF_INIT(DATA_MAX);
    struct json_out o = json_out_to(&data);

    if (e->is_pause_untold) {
        e->is_pause_untold = false;
        event_queue_data(&o, e->paused_since);
        tell_hold(e, EVENT_QUEUE_UPDATED, &data);
    }
    for (size_t i = 0; i < e->backend_count; i++) {
        struct backend *b = &e->backend[i];
        struct backend_state state = backend_state_of(b);

        if (b->is_update_untold) {
            b->is_update_untold = false;
            buf_reset(&data);
            o = json_out_to(&data);
            event_backend_data(&o, b->address->name, &state);
            tell_hold(e, EVENT_BACKEND_UPDATED, &data);
        }
    }
}

void events_publish(struct engine *e, int64_t mono)
{
    for (size_t i = 0; i < e->told.committed; i++) {
        event_feed_put(e->feed, &e->told.item[i]);
    }
    e->told.count = 0;
    e->told.committed = 0;
    deliveries_publish(e);
    tell_holds(e);
    list_each(node, next, &e->live) {
        struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->is_progress_untold && j->progress != NULL && j->row.started_at != 0 &&
            mono >= j->progress_due_mono_ms) {
            tell_progress(e, j, mono);
        }
    }
    if (e->has_queue_moved && mono >= e->moves_due_mono_ms) {
        e->has_queue_moved = false;
        e->moves_due_mono_ms = mono + MOVES_PAUSE_MS;
        event_feed_moved(e->feed);
    }
}
