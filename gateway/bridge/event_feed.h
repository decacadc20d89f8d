/* event_feed.h - how events reach those who listen.
 *
 * The engine puts in what has happened; each reader is a cursor that takes it out at
 * its own speed. The newest durable events are held rendered, shared by all
 * readers; who is further behind reads the store until it has caught up. Of passing
 * events only the newest of each kind and job is held: a reader that is slow misses
 * what was before, and never holds anything up.
 *
 * Not durable: the store is. Not a queue: nothing is kept for a reader but its place.
 *
 * Threads: functions marked ON_ENGINE on the engine, the rest anywhere; one
 * reader is used by one thread at a time. Locks: one, inside; never held while a
 * reader's wake() runs, nor over I/O.
 */
#ifndef CG_BRIDGE_EVENT_FEED_H
#define CG_BRIDGE_EVENT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/list.h"
#include "bridge/wheel.h"
#include "core/event.h"

struct event_feed;
struct feed_topic;

/* At most max_readers are entered at once. */
struct event_feed *event_feed_new(int64_t max_readers) MUST_CHECK;
void event_feed_free(struct event_feed *f); /* after all readers have left; NULL is fine */

/* ---- reading --------------------------------------------------------------------------------- */

/* Embedded in a stream or a long-poll, which fills the upper part. */
struct feed_reader {
    struct id job;      /* whose events; none = all */
    int64_t seq;        /* the last durable event that is done with */
    bool wants_passing; /* progress, previews, updates; stays as it is while entered */
    bool wants_moves;   /* to be woken when places in the queue have changed */
    void (*wake)(struct feed_reader *r); /* called once for each parking, on any thread, unlocked */

    int64_t passing; /* likewise of passing ones; the feed's count */
    int64_t moves;
    int64_t updates;
    struct feed_topic *topic;
    int64_t *passers;   /* where it is counted when it wants what passes */
    struct list parked; /* of the topic, or of all */
    struct wheel_entry deadline;
    bool is_parked;
};

/* False when too many listen, or the feed is closed. Begins with the newest passing events there are,
 * behind all updates, and, when r->seq is negative, behind the newest durable event. */
bool event_feed_enter(struct event_feed *f, struct feed_reader *r) MUST_CHECK;
void event_feed_leave(struct event_feed *f, struct feed_reader *r); /* is not parked */

enum feed_take {
    FEED_TAKEN,  /* some, or none: nothing is left when fewer came than were asked for */
    FEED_BEHIND, /* what follows r->seq is in the store only: read it there, then feed_reader_seen */
};
/* Gives up to `max` durable events that follow r->seq, and moves r behind them. The caller owns them. */
enum feed_take event_feed_take(struct event_feed *f, struct feed_reader *r, struct event *out,
                               size_t max, size_t *out_count) MUST_CHECK;
/* The same of passing ones that are newer than those the reader has seen. What does not fit is dropped, but for
 * updates. */
size_t event_feed_take_passing(struct event_feed *f, struct feed_reader *r, struct event *out,
                               size_t max) MUST_CHECK;
/* True, once, when places in the queue have changed since the reader asked last. */
bool event_feed_take_moves(struct event_feed *f, struct feed_reader *r) MUST_CHECK;

/* Parks r until there is something for it, the deadline passes or the feed closes. Its connection must be
 * suspended before the call. False when there is something already: then r is not parked. */
bool event_feed_park(struct event_feed *f, struct feed_reader *r, int64_t deadline_mono_ms)
    MUST_CHECK;
bool event_feed_is_closed(struct event_feed *f);

struct feed_range {
    int64_t oldest; /* kept in the store; newest + 1 when none is */
    int64_t newest; /* that was told; 0 = none yet */
};
struct feed_range event_feed_range(struct event_feed *f);
int64_t event_feed_readers(struct event_feed *f);
/* Passing events so far that somebody was too slow for: he missed them, or nobody had taken them when newer ones took
 * their place. */
int64_t event_feed_dropped(struct event_feed *f);

/* ---- the engine's side ----------------------------------------------------------------------- */

/* At start, and when old ones were removed: what the store holds. */
void event_feed_begin(struct event_feed *f, struct feed_range range) ON_ENGINE;
void event_feed_forgotten(struct event_feed *f, int64_t oldest) ON_ENGINE;
/* Takes over the event. Durable: its number is one more than that of the last; without a text, which is worth
 * making only for who listens, it is read from the store. Passing: it takes the place of the one of its kind and
 * job; those of a job are forgotten when its attempt ends. An update is told to who listens now, unless he is some
 * hundred of them behind. */
void event_feed_put(struct event_feed *f, struct event *event) ON_ENGINE;
/* Places in the queue have changed. */
void event_feed_moved(struct event_feed *f) ON_ENGINE;
/* Wakes every reader whose deadline has passed. */
void event_feed_expire(struct event_feed *f, int64_t mono_ms) ON_ENGINE;
/* Wakes all, and lets none enter or park any more. Any thread. */
void event_feed_close(struct event_feed *f);

#endif
