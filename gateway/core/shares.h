/* shares.h - how many jobs each key has waiting and inside a ComfyUI, and whether it may have one more.
 *
 * A limit of 0 is none; with neither nothing is remembered. Jobs that belong to no key have no limit. Whoever was seen is
 * remembered for good: a few bytes for each key. Not locked; one thread.
 */
#ifndef CG_CORE_SHARES_H
#define CG_CORE_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"

struct shares;

struct shares *shares_new(int64_t max_waiting, int64_t max_inside) MUST_CHECK;
void shares_free(struct shares *s); /* NULL is fine */

/* The job waits; owner NULL = it belongs to no key. Again is fine. */
void shares_put(struct shares *s, struct id job, const char *owner);
/* It waits no more; unknown is fine. */
void shares_remove(struct shares *s, struct id job);

/* Those that are let in from here on are counted beside those that wait, until this is called again: they are put, or not, meanwhile. */
void shares_begin_arrivals(struct shares *s);
/* Whether this owner may bring one more job; if so, it is counted. */
bool shares_admit(struct shares *s, const char *owner) MUST_CHECK;

/* What is inside is counted anew. */
void shares_begin_turn(struct shares *s);
/* One of this owner's jobs is inside. */
void shares_inside(struct shares *s, const char *owner);
/* Whether the owner of this job that waits may have one more inside. */
bool shares_may_begin(const struct shares *s, struct id job) MUST_CHECK;

#endif
