/* clock.h - the two clocks, and how times are written.
 *
 * Timeouts use the monotonic clock, people see the wall clock. Any thread.
 */
#ifndef CG_BASE_CLOCK_H
#define CG_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

int64_t clock_mono_ms(void); /* never falls; its zero means nothing */
int64_t clock_mono_us(void); /* the same clock, finer */
int64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */

#define CLOCK_TEXT_SIZE 25
/* RFC 3339 UTC with milliseconds: 2026-11-22T23:07:00.123Z. Returns out. */
char *clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);
/* Reads RFC 3339: a date, or a date and a time with Z or an offset; what is finer than a millisecond is cut. A
 * date alone is its first moment in UTC. *wall_ms is untouched on failure. */
bool clock_parse(const char *text, int64_t *wall_ms) MUST_CHECK;

#endif
