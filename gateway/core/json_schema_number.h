/* json_schema_number.h - JSON numbers as the decimals they are written as. Private to json_schema*.c
 * and template*.c.
 *
 * No number becomes a double: 18446744073709551615 is not 18446744073709551616, 0.1 is a tenth, and
 * 1.0 and 1e0 are the integer 1, as JSON Schema counts it. Pure; any thread.
 */
#ifndef CG_CORE_JSON_SCHEMA_NUMBER_H
#define CG_CORE_JSON_SCHEMA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* The significant digits of a number, borrowed from its text, and the powers of ten they stand for. */
struct json_number {
    const char *first; /* first digit that is not 0; NULL when the number is zero */
    const char *last;  /* last digit that is not 0; a point may lie between */
    int64_t high;      /* power of ten of *first */
    int64_t low;       /* power of ten of *last */
    bool is_negative;
};

/* Reads the text of a JSON number; no text at all reads as zero. */
struct json_number json_number_read(struct span text);
/* Below, at or above zero, as a is smaller than, equal to or greater than b. */
int json_number_compare(struct json_number a, struct json_number b);
bool json_number_is_integer(struct json_number n);
/* How many digits are significant. */
size_t json_number_digits(struct json_number n);
/* Whether n is a whole multiple of step, which is above zero and has at most
 * JSON_NUMBER_STEP_DIGITS significant digits. */
#define JSON_NUMBER_STEP_DIGITS 18
bool json_number_is_multiple(struct json_number n, struct json_number step);
/* The magnitude, when n is an integer that fits; false, *out untouched, when not. */
bool json_number_u64(struct json_number n, uint64_t *out) MUST_CHECK;

#endif
