/* fair_order.h - where a new job stands among those of others: start-time fair queueing.
 *
 * Each tenant (a key, or a user that a key acts for) has a line of its own for each priority, and lines take turns by
 * the work that their jobs bring. A job's start is where its tenant's line has got to, but never before the job that was begun
 * last; its end, start and work, is where the tenant's next one starts. So who brings a thousand jobs has them
 * spread over a long stretch, and who comes later with ten is among the next.
 *
 * Starts are milliseconds of work, not of any clock. Kept in memory only: after a restart all that wait are given
 * starts anew, in the order of their age. Not locked; one thread.
 */
#ifndef CG_CORE_FAIR_ORDER_H
#define CG_CORE_FAIR_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct fair_order;

struct fair_order *fair_order_new(void) MUST_CHECK;
void fair_order_free(struct fair_order *f); /* NULL is fine */

/* The start of a new job in this line, which brings work_ms (at least 1) of work. */
int64_t fair_order_next(struct fair_order *f, const char *line, int64_t work_ms);
/* The start of a job that had been begun and waits again: before all that have not. */
int64_t fair_order_again(const struct fair_order *f);
/* The job of this start is begun. */
void fair_order_begun(struct fair_order *f, int64_t start);
/* Lines that are remembered: those that are ahead of what was begun last, and some that are not. For tests. */
size_t fair_order_lines(const struct fair_order *f);

#endif
