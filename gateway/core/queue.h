/* queue.h - the order in which jobs that have not begun will begin, and each one's place in it.
 *
 * Ordered by: already inside a ComfyUI, then priority (high first), then age
 * (ids are ordered by age). Put, remove and "which place has this job" cost
 * O(log n) also with a million jobs waiting. Not locked: see bridge/hub.h.
 */
#ifndef CG_CORE_QUEUE_H
#define CG_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"

struct queue;

struct queue *queue_new(void) MUST_CHECK;
void queue_free(struct queue *q); /* NULL is fine */
/* Adds the job, or moves it when it is there with another priority or place. */
void queue_put(struct queue *q, struct id job, int priority, bool is_inside);
bool queue_remove(struct queue *q, struct id job);            /* false when it was not there */
int64_t queue_position(const struct queue *q, struct id job); /* 1 = next; 0 = not in the queue */
size_t queue_count(const struct queue *q);
/* The job at a place (1..count). False beyond the end. */
bool queue_at(const struct queue *q, int64_t position, struct id *out, bool *is_inside);
/* Place of the first job that is not inside a ComfyUI; count + 1 when there is none. */
int64_t queue_first_waiting(const struct queue *q);

#endif
