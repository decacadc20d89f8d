/* clock.h - the two clocks, and how times are written.
 *
 * Timeouts use the monotonic clock, people see the wall clock. Any thread.
 */
#ifndef CG_BASE_CLOCK_H
#define CG_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* never falls; its zero means nothing */
int64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */

#define CLOCK_TEXT_SIZE 25
/* RFC 3339 UTC with milliseconds: 2026-11-22T23:07:00.123Z. Returns out. */
char *clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);

#endif
