/* queue.h - the order in which jobs that have not begun will begin, and each one's place in it.
 *
 * Ordered by: already inside a ComfyUI, then rank (low first), then age (ids are ordered by age). A job's rank
 * is its start (core/fair_order.h) less a head start for each step of its priority. So a job of high priority
 * goes before those of low priority that came a little before it, and not for ever before those that have
 * waited for long. Put, remove and "which place has this job" cost O(log n) also with a million jobs
 * waiting. Not locked: see bridge/hub.h.
 */
#ifndef CG_CORE_QUEUE_H
#define CG_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"

struct queue;

/* `head_start` of each step of priority, in the measure of starts; 0 = priority goes before everything. */
struct queue *queue_new(int64_t head_start) MUST_CHECK;
void queue_free(struct queue *q); /* NULL is fine */
/* Adds the job, or moves it when it is there with another priority, start or place. `start` is 0 to 2^48. */
void queue_put(struct queue *q, struct id job, int priority, int64_t start, bool is_inside);
/* The start that a job was put with; false when it is not there. */
bool queue_start(const struct queue *q, struct id job, int64_t *start) MUST_CHECK;
bool queue_remove(struct queue *q, struct id job);            /* false when it was not there */
int64_t queue_position(const struct queue *q, struct id job); /* 1 = next; 0 = not in the queue */
size_t queue_count(const struct queue *q);
/* The job at a place (1..count). False beyond the end. */
bool queue_at(const struct queue *q, int64_t position, struct id *out, bool *is_inside);
/* Place of the first job that is not inside a ComfyUI; count + 1 when there is none. */
int64_t queue_first_waiting(const struct queue *q);

#endif
