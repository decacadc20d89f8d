/* event_feed.c - see event_feed.h.
 *
 * The ring holds the events floor + 1 .. newest; `floor` is the last that fell out of
 * it. A topic exists while somebody listens to its job or it has passing events. Its
 * last_seq tells a reader of one job that nothing of the ring is for it, without a look
 * at the ring.
 *
 * What somebody has changed by hand has a small ring of its own: it is neither replaced by what comes after it, nor
 * kept for who comes later.
 *
 * Whoever must be woken is taken off all lists under the lock and called after it is
 * released, like the hub does it.
 */
#include "bridge/event_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define RING_EVENTS 4096
#define RING_BYTES  (32U << 20)
#define UPDATES     256

enum slot { SLOT_PROGRESS, SLOT_PREVIEW, SLOT_COUNT };

struct feed_topic {
    struct id job;
    int64_t readers;        /* entered */
    int64_t passers;        /* of them, those who want what passes */
    struct list parked;     /* feed_reader.parked */
    int64_t last_seq;       /* no durable event of the job is newer */
    int64_t last_passing;   /* nor a passing one, */
    int64_t last_update;    /* nor an update */
    struct list in_passing; /* event_feed.passing, while a slot is filled */
    struct {
        struct event event;
        int64_t count; /* event_feed.passed at the time; 0 = empty */
        bool is_taken; /* by at least one reader */
    } slot[SLOT_COUNT];
};

struct event_feed {
    int64_t max_readers;

    pthread_mutex_t lock; /* over what follows */
    struct event ring[RING_EVENTS];
    size_t ring_bytes;
    int64_t floor;
    struct feed_range range;

    struct map *topics;  /* job id -> struct feed_topic */
    struct list passing; /* topics with passing events */
    int64_t passed;      /* passing events so far */
    int64_t moves;
    struct event update[UPDATES];
    int64_t updates; /* so far */

    struct list parked; /* readers of all jobs */
    struct wheel wheel;
    int64_t readers;
    int64_t passers; /* of them, those of all jobs who want what passes */
    _Atomic int64_t dropped;
    bool is_closed;
};

static void lock(struct event_feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
}

static void unlock(struct event_feed *f)
{
    (void)pthread_mutex_unlock(&f->lock);
}

struct event_feed *event_feed_new(int64_t max_readers)
{
    struct event_feed *f = xcalloc(1, sizeof *f);

    f->max_readers = max_readers;
    (void)pthread_mutex_init(&f->lock, NULL);
    f->topics = map_new();
    list_init(&f->passing);
    list_init(&f->parked);
    wheel_init(&f->wheel);
    f->range.oldest = 1;
    return f;
}

/* ---- topics; all under the lock -------------------------------------------------------------- */

static struct feed_topic *topic_get(struct event_feed *f, struct id job)
{
    struct feed_topic *t = map_get(f->topics, job.text);

    if (t == NULL) {
        t = xcalloc(1, sizeof *t);
        t->job = job;
        t->last_seq = f->range.newest; /* perhaps */
        list_init(&t->parked);
        list_init(&t->in_passing);
        map_put(f->topics, job.text, t);
    }
    return t;
}

static void drop_passing(struct feed_topic *t)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        event_clear(&t->slot[i].event);
        t->slot[i].count = 0;
    }
    list_remove(&t->in_passing);
}

static void topic_free(struct feed_topic *t)
{
    drop_passing(t);
    free(t);
}

static void tidy_topic(struct event_feed *f, struct feed_topic *t)
{
    if (t->readers == 0 && list_empty(&t->in_passing)) {
        (void)map_remove(f->topics, t->job.text);
        topic_free(t);
    }
}

static void free_one(void *arg, const char *key, void *value)
{
    struct event_feed *f = arg;

    (void)map_remove(f->topics, key);
    topic_free(value);
}

void event_feed_free(struct event_feed *f)
{
    if (f == NULL) {
        return;
    }
    bug_if(f->readers > 0);
    map_each(f->topics, free_one, f);
    map_free(f->topics);
    for (size_t i = 0; i < RING_EVENTS; i++) {
        event_clear(&f->ring[i]);
    }
    for (size_t i = 0; i < UPDATES; i++) {
        event_clear(&f->update[i]);
    }
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- the ring; all under the lock ------------------------------------------------------------ */

static struct event *ring_at(struct event_feed *f, int64_t seq)
{
    return &f->ring[seq % RING_EVENTS];
}

static void ring_drop_oldest(struct event_feed *f)
{
    struct event *oldest = ring_at(f, ++f->floor);

    f->ring_bytes -= bytes_span(oldest->text).len;
    event_clear(oldest);
}

/* The ring has no gaps: without the text of this one, all before it are left to the store, too. */
static void ring_skip(struct event_feed *f, int64_t seq)
{
    while (f->floor < f->range.newest) {
        ring_drop_oldest(f);
    }
    f->floor = seq;
}

static void ring_push(struct event_feed *f, const struct event *event)
{
    bug_if(event->seq != f->range.newest + 1);
    if (event->text == NULL) {
        ring_skip(f, event->seq);
        f->range.newest = event->seq;
        return;
    }
    while (f->range.newest - f->floor >= RING_EVENTS ||
           (f->ring_bytes > RING_BYTES && f->floor < f->range.newest)) {
        ring_drop_oldest(f);
    }
    *ring_at(f, event->seq) = *event;
    f->ring_bytes += bytes_span(event->text).len;
    f->range.newest = event->seq;
}

/* ---- parking; all under the lock except wake_all --------------------------------------------- */

static void unpark(struct feed_reader *r)
{
    list_remove(&r->parked);
    list_remove(&r->deadline.node);
    r->is_parked = false;
}

static void collect(struct list *parked, struct list *woken,
                    bool (*is_due)(const struct feed_reader *r))
{
    list_each(node, next, parked) {
        struct feed_reader *r = container_of(node, struct feed_reader, parked);

        if (is_due(r)) {
            unpark(r);
            list_push(woken, &r->parked);
        }
    }
}

static void wake_all(struct list *woken)
{
    struct list *node = NULL;

    while ((node = list_shift(woken)) != NULL) {
        struct feed_reader *r = container_of(node, struct feed_reader, parked);

        r->wake(r);
    }
}

static bool always(const struct feed_reader *r)
{
    (void)r;
    return true;
}

static bool wants_passing(const struct feed_reader *r)
{
    return r->wants_passing;
}

static bool has_news(const struct event_feed *f, const struct feed_reader *r)
{
    int64_t seq = r->topic != NULL ? r->topic->last_seq : f->range.newest;
    int64_t passing = r->topic != NULL ? r->topic->last_passing : f->passed;
    int64_t updates = r->topic != NULL ? r->topic->last_update : f->updates;

    return f->is_closed || seq > r->seq ||
           (r->wants_passing && (passing > r->passing || updates > r->updates)) ||
           (r->wants_moves && f->moves > r->moves);
}

bool event_feed_park(struct event_feed *f, struct feed_reader *r, int64_t deadline_mono_ms)
{
    bool is_parked = false;

    lock(f);
    is_parked = !has_news(f, r);
    r->is_parked = is_parked;
    if (is_parked) {
        list_push(r->topic != NULL ? &r->topic->parked : &f->parked, &r->parked);
        r->deadline.deadline_mono_ms = deadline_mono_ms;
        wheel_add(&f->wheel, &r->deadline);
    }
    unlock(f);
    return is_parked;
}

/* ---- readers --------------------------------------------------------------------------------- */

bool event_feed_enter(struct event_feed *f, struct feed_reader *r)
{
    bool is_room = false;

    lock(f);
    is_room = !f->is_closed && f->readers < f->max_readers;
    if (is_room) {
        f->readers++;
        list_init(&r->parked);
        list_init(&r->deadline.node);
        r->seq = r->seq < 0 ? f->range.newest : r->seq;
        r->passing = 0;
        r->moves = f->moves;
        r->updates = f->updates;
        r->topic = id_is_none(r->job) ? NULL : topic_get(f, r->job);
        if (r->topic != NULL) {
            r->topic->readers++;
        }
        r->passers = r->topic != NULL ? &r->topic->passers : &f->passers;
        *r->passers += r->wants_passing ? 1 : 0;
    }
    unlock(f);
    return is_room;
}

void event_feed_leave(struct event_feed *f, struct feed_reader *r)
{
    lock(f);
    bug_if(r->is_parked);
    f->readers--;
    *r->passers -= r->wants_passing ? 1 : 0;
    if (r->topic != NULL) {
        r->topic->readers--;
        tidy_topic(f, r->topic);
        r->topic = NULL;
    }
    unlock(f);
}

static size_t take(struct event_feed *f, struct feed_reader *r, struct event *out, size_t max)
{
    size_t count = 0;

    if (r->topic != NULL && r->topic->last_seq <= r->seq) {
        r->seq = r->seq > f->range.newest ? r->seq : f->range.newest;
        return 0;
    }
    while (r->seq < f->range.newest && count < max) {
        const struct event *event = ring_at(f, ++r->seq);

        if (r->topic == NULL || id_eq(event->job, r->job)) {
            out[count++] = event_ref(event);
        }
    }
    return count;
}

enum feed_take event_feed_take(struct event_feed *f, struct feed_reader *r, struct event *out,
                               size_t max, size_t *out_count)
{
    bool is_behind = false;

    lock(f);
    is_behind = r->seq < f->floor && (r->topic == NULL || r->topic->last_seq > r->seq);
    *out_count = is_behind ? 0 : take(f, r, out, max);
    unlock(f);
    return is_behind ? FEED_BEHIND : FEED_TAKEN;
}

/* What does not fit is dropped. */
static size_t take_slots(struct event_feed *f, struct feed_topic *t, int64_t after,
                         struct event *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (t->slot[i].count > after && count < max) {
            t->slot[i].is_taken = true;
            out[count++] = event_ref(&t->slot[i].event);
        } else if (t->slot[i].count > after) {
            f->dropped++;
        }
    }
    return count;
}

/* What does not fit is left for the next time. */
static size_t take_updates(struct event_feed *f, struct feed_reader *r, struct event *out,
                           size_t max)
{
    size_t count = 0;

    if (r->updates < f->updates - UPDATES) {
        f->dropped += f->updates - UPDATES - r->updates;
        r->updates = f->updates - UPDATES;
    }
    while (r->updates < f->updates && count < max) {
        const struct event *event = &f->update[r->updates++ % UPDATES];

        if (r->topic == NULL || id_eq(event->job, r->job)) {
            out[count++] = event_ref(event);
        }
    }
    return count;
}

size_t event_feed_take_passing(struct event_feed *f, struct feed_reader *r, struct event *out,
                               size_t max)
{
    size_t count = 0;

    lock(f);
    if (r->topic != NULL) {
        count = take_slots(f, r->topic, r->passing, out, max);
    } else {
        list_each(node, next, &f->passing) {
            count += take_slots(f, container_of(node, struct feed_topic, in_passing), r->passing,
                                out + count, max - count);
        }
    }
    r->passing = f->passed;
    count += take_updates(f, r, out + count, max - count);
    unlock(f);
    return count;
}

bool event_feed_take_moves(struct event_feed *f, struct feed_reader *r)
{
    bool has_moved = false;

    lock(f);
    has_moved = f->moves > r->moves;
    r->moves = f->moves;
    unlock(f);
    return has_moved;
}

bool event_feed_is_closed(struct event_feed *f)
{
    bool is_closed = false;

    lock(f);
    is_closed = f->is_closed;
    unlock(f);
    return is_closed;
}

struct feed_range event_feed_range(struct event_feed *f)
{
    struct feed_range range = {0};

    lock(f);
    range = f->range;
    unlock(f);
    return range;
}

int64_t event_feed_readers(struct event_feed *f)
{
    int64_t readers = 0;

    lock(f);
    readers = f->readers;
    unlock(f);
    return readers;
}

int64_t event_feed_dropped(struct event_feed *f)
{
    return atomic_load(&f->dropped);
}

/* ---- the engine's side ----------------------------------------------------------------------- */

void event_feed_begin(struct event_feed *f, struct feed_range range)
{
    lock(f);
    bug_if(f->range.newest != 0);
    f->range = range;
    f->floor = range.newest;
    unlock(f);
}

void event_feed_forgotten(struct event_feed *f, int64_t oldest)
{
    lock(f);
    f->range.oldest = oldest;
    unlock(f);
}

static void put_durable(struct event_feed *f, const struct event *event, struct list *woken)
{
    struct feed_topic *t = map_get(f->topics, event->job.text);

    ring_push(f, event);
    collect(&f->parked, woken, always);
    if (t == NULL) {
        return;
    }
    t->last_seq = event->seq;
    collect(&t->parked, woken, always);
    if (event_is_end(event->type) || event->type == EVENT_JOB_REQUEUED) {
        drop_passing(t);
        tidy_topic(f, t);
    }
}

static void put_update(struct event_feed *f, const struct event *event, struct list *woken)
{
    struct feed_topic *t = map_get(f->topics, event->job.text);
    struct event *place = &f->update[f->updates++ % UPDATES];

    event_clear(place);
    *place = *event;
    collect(&f->parked, woken, wants_passing);
    if (t != NULL) {
        t->last_update = f->updates;
        collect(&t->parked, woken, wants_passing);
    }
}

static void put_passing(struct event_feed *f, const struct event *event, struct list *woken)
{
    struct feed_topic *t = topic_get(f, event->job);
    enum slot slot = event->type == EVENT_JOB_PREVIEW ? SLOT_PREVIEW : SLOT_PROGRESS;

    bug_if(event->type != EVENT_JOB_PREVIEW && event->type != EVENT_JOB_PROGRESS);
    if (t->slot[slot].count > 0 && !t->slot[slot].is_taken && t->passers + f->passers > 0) {
        f->dropped++;
    }
    event_clear(&t->slot[slot].event);
    t->slot[slot].is_taken = false;
    t->slot[slot].event = *event;
    t->slot[slot].count = ++f->passed;
    t->last_passing = f->passed;
    if (list_empty(&t->in_passing)) {
        list_push(&f->passing, &t->in_passing);
    }
    collect(&f->parked, woken, wants_passing);
    collect(&t->parked, woken, wants_passing);
}

void event_feed_put(struct event_feed *f, struct event *event)
{
    struct list woken;

    list_init(&woken);
    lock(f);
    if (event_is_durable(event->type)) {
        put_durable(f, event, &woken);
    } else if (event_is_update(event->type)) {
        put_update(f, event, &woken);
    } else {
        put_passing(f, event, &woken);
    }
    unlock(f);
    *event = (struct event){.seq = 0};
    wake_all(&woken);
}

/* Every parked reader has its place in the wheel. */
static void collect_movers(struct event_feed *f, struct list *woken)
{
    for (int i = 0; i < WHEEL_SLOTS; i++) {
        list_each(node, next, &f->wheel.slot[i]) {
            struct feed_reader *r = container_of(container_of(node, struct wheel_entry, node),
                                                 struct feed_reader, deadline);

            if (r->wants_moves) {
                unpark(r);
                list_push(woken, &r->parked);
            }
        }
    }
}

void event_feed_moved(struct event_feed *f)
{
    struct list woken;

    list_init(&woken);
    lock(f);
    f->moves++;
    collect_movers(f, &woken);
    unlock(f);
    wake_all(&woken);
}

void event_feed_expire(struct event_feed *f, int64_t mono_ms)
{
    struct list due;
    struct list woken;

    list_init(&due);
    list_init(&woken);
    lock(f);
    wheel_expire(&f->wheel, mono_ms, &due);
    list_each(node, next, &due) {
        struct feed_reader *r = container_of(container_of(node, struct wheel_entry, node),
                                             struct feed_reader, deadline);

        unpark(r);
        list_push(&woken, &r->parked);
    }
    unlock(f);
    wake_all(&woken);
}

static void close_topic(void *arg, const char *key, void *value)
{
    struct feed_topic *t = value;

    (void)key;
    collect(&t->parked, arg, always);
}

void event_feed_close(struct event_feed *f)
{
    struct list woken;

    list_init(&woken);
    lock(f);
    f->is_closed = true;
    collect(&f->parked, &woken, always);
    map_each(f->topics, close_topic, &woken);
    unlock(f);
    wake_all(&woken);
}
