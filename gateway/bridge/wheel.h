/* wheel.h - many deadlines, each of which is added and removed in constant time.
 *
 * A slot holds the deadlines of one slice of time, and of that slice one, two, ...
 * rounds later. Expiring looks only into the slots that the clock has passed. A
 * deadline with more than a round to go is looked at once a round; it comes up to
 * one slice late.
 *
 * Not locked: its owner's lock covers it.
 */
#ifndef CG_BRIDGE_WHEEL_H
#define CG_BRIDGE_WHEEL_H

#include <stdint.h>

#include "base/list.h"

#define WHEEL_SLICE_MS 32
#define WHEEL_SLOTS    2048 /* a round is 65 s: the longest that a request may wait is about one */

struct wheel {
    struct list slot[WHEEL_SLOTS];
    int64_t slice; /* up to which it is expired */
};

/* Embedded in what has the deadline. */
struct wheel_entry {
    struct list node;
    int64_t deadline_mono_ms;
};

void wheel_init(struct wheel *w);
/* The entry, its deadline set, is in no list. To remove it: list_remove(&entry->node). */
void wheel_add(struct wheel *w, struct wheel_entry *entry);
/* Moves the entries whose deadline has passed to the end of `due`. */
void wheel_expire(struct wheel *w, int64_t mono_ms, struct list *due);

#endif
