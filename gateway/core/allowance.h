/* allowance.h - how often somebody may do something: a bucket for each, that holds so many and fills evenly within a minute.
 *
 * Kept as one time each (the generic cell rate algorithm): when the bucket will be full again. So who has been quiet for a
 * minute may come with the whole number at once, and from then on at an even pace.
 *
 * Of fixed size: whoever brings thousands of names pushes out those that have used least, and those only. Names are told
 * apart by a hash with a secret of this process, so nobody can choose to share a bucket with another.
 *
 * Pure, but for that secret; the clock is the caller's. Not locked.
 */
#ifndef CG_CORE_ALLOWANCE_H
#define CG_CORE_ALLOWANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct allowance;

/* What a bucket holds after it was asked. Seconds are rounded up. */
struct allowance_state {
    int64_t limit;     /* as many fit in */
    int64_t remaining; /* so many are in it now */
    int64_t full_s;    /* until it is full */
    int64_t wait_s;    /* until there is one in it; 0 = there was one */
};

/* `per_minute` is 1 to 100000. */
struct allowance *allowance_new(int64_t per_minute) MUST_CHECK;
void allowance_free(struct allowance *r); /* NULL is fine */

/* Takes one out of the bucket of that name, if there is one: true. `now_us` is of a clock that never goes back. */
bool allowance_take(struct allowance *r, const void *name, size_t len, int64_t now_us,
                    struct allowance_state *out) MUST_CHECK;

#endif
