/* hub.h - how the engine tells HTTP threads what is true now.
 *
 * The engine publishes; HTTP threads look and wait. For each job inside a
 * ComfyUI, and for those that ended lately, the hub holds the rendered answer;
 * for all others the store is asked, and the hub knows only the place in the
 * queue. Nothing here is durable: after a restart the hub is empty and the
 * store still tells all.
 *
 * Not a queue of events: a waiter is told "it moved", then looks again.
 *
 * Threads: functions marked ON_ENGINE on the engine, the rest anywhere.
 * Locks: one, inside; never held while a waiter's wake() runs.
 */
#ifndef CG_BRIDGE_HUB_H
#define CG_BRIDGE_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/list.h"
#include "bridge/job_memo.h"
#include "bridge/wheel.h"
#include "core/job_json.h"
#include "core/node_info.h"

struct hub;

/* At most max_waiters requests wait at once. `head_start` as for queue_new(). */
struct hub *hub_new(int64_t max_waiters, int64_t head_start) MUST_CHECK;
void hub_free(struct hub *h); /* after hub_close and the end of all threads; NULL is fine */

/* ---- what is true now ---------------------------------------------------------------------- */

/* A rendered Job. The holder of a view owns one reference to json. */
struct hub_view {
    struct bytes *json;
    char etag[JOB_ETAG_SIZE];
    bool has_ended;
};

/* False when the hub holds no answer for this job: ask the store. Gives a reference. */
bool hub_peek(struct hub *h, struct id job, struct hub_view *out) MUST_CHECK;
/* 1 = next; 0 = not in the queue. */
int64_t hub_position(struct hub *h, struct id job);
int64_t hub_queue_length(struct hub *h);
/* Newest preview; NULL while there is none. Gives a reference; *mime is a constant. */
struct bytes *hub_preview(struct hub *h, struct id job, const char **mime, int64_t *seq) MUST_CHECK;
/* For /readyz. */
struct backend_counts {
    int total;
    int up;
    int draining;         /* of those that are up */
    int64_t paused_since; /* wall clock; 0 = the queue is not paused */
};
/* The answer of GET /v1/backends; gives a reference. NULL, and nothing counted, before the first. */
struct bytes *hub_backends(struct hub *h, struct backend_counts *counts) MUST_CHECK;
/* What the ComfyUI of that index in the settings has, as it told last, even if it is down now; NULL
 * while it has told nothing. Gives a reference. */
struct node_info *hub_nodes(struct hub *h, size_t backend) MUST_CHECK;
/* Grows with each hub_set_nodes: what was found out from the nodes of all holds as long as it stays. */
int64_t hub_nodes_generation(struct hub *h);

/* What has changed, for conditional requests; kept up to date by the hub. Borrowed for its life. */
struct job_memo *hub_memo(struct hub *h);

/* ---- waiting -------------------------------------------------------------------------------- */

enum waiter_want { WANT_CHANGE, WANT_END };

/* Embedded in a request. The request fills the upper part; the hub owns the rest while parked. */
struct waiter {
    struct id job;
    enum waiter_want want;
    int64_t deadline_mono_ms;
    void (*wake)(struct waiter *w); /* called once, on any thread, unlocked; may free w */

    struct list in_topic;
    struct wheel_entry deadline;
    bool is_parked;
};

/* Parks w until its job moves, its deadline passes or the hub closes. The connection must be
 * suspended before the call. To lose no wake-up: park first, then look; when the look shows that
 * there is nothing to wait for, hub_unwait. False when too many wait or the hub is closed: then w
 * is not parked. */
bool hub_wait(struct hub *h, struct waiter *w) MUST_CHECK;
/* True: w was parked and is not any more; wake() will not be called. False: wake() was or will be called. */
bool hub_unwait(struct hub *h, struct waiter *w) MUST_CHECK;
int64_t hub_waiters(struct hub *h); /* that are parked */

/* ---- the engine's side ---------------------------------------------------------------------- */

/* Takes over the reference to json. Wakes who waits for a change, and, when ended, for the end. */
void hub_publish(struct hub *h, struct id job, struct bytes *json, const char *etag, bool has_ended)
    ON_ENGINE;
/* The store has news about a job that has no answer here: forgets a held one, wakes. */
void hub_touch(struct hub *h, struct id job, bool has_ended) ON_ENGINE;
/* Takes over the reference to image; mime is a constant. */
void hub_set_preview(struct hub *h, struct id job, struct bytes *image, const char *mime,
                     int64_t seq) ON_ENGINE;
void hub_set_backends(struct hub *h, struct bytes *json, const struct backend_counts *counts)
    ON_ENGINE;
/* Takes over the reference; nodes is not NULL. */
void hub_set_nodes(struct hub *h, size_t backend, struct node_info *nodes) ON_ENGINE;

/* As queue_put() and queue_start(). */
void hub_queue_put(struct hub *h, struct id job, int priority, int64_t start, bool is_inside)
    ON_ENGINE;
bool hub_queue_start(struct hub *h, struct id job, int64_t *start) ON_ENGINE;
void hub_queue_remove(struct hub *h, struct id job) ON_ENGINE;
/* Up to `max` waiting jobs in order, after skipping `skip`; returns how many. */
size_t hub_queue_next(struct hub *h, size_t skip, struct id *out, size_t max) ON_ENGINE;
/* Once per turn: if places moved, says so and wakes who waits for a change of a job in the queue. */
bool hub_queue_settle(struct hub *h) ON_ENGINE;

/* Wakes every waiter whose deadline has passed. */
void hub_expire(struct hub *h, int64_t mono_ms) ON_ENGINE;
/* Wakes all, and lets none park any more. Any thread. */
void hub_close(struct hub *h);
bool hub_is_closed(struct hub *h);

#endif
