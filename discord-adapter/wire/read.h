/* read.h - members of a cJSON object that may be missing, null or of another type. Pure.
 */
#ifndef CGD_WIRE_READ_H
#define CGD_WIRE_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* The whole of text as JSON, blanks around it apart; NULL when it is anything else. The caller deletes it. */
cJSON *read_json(struct span text) MUST_CHECK;

/* The member's text; "" when there is none. Borrowed from the tree. `object` may be NULL everywhere. */
const char *read_text(const cJSON *object, const char *key);
/* The member as a whole number; `fallback` when there is none, or none that an int64 holds. */
int64_t read_int(const cJSON *object, const char *key, int64_t fallback);
double read_number(const cJSON *object, const char *key, double fallback);
bool read_true(const cJSON *object, const char *key);
/* An RFC 3339 time in UTC ("...Z") as wall clock in ms; 0 when there is none. */
int64_t read_time_ms(const cJSON *object, const char *key);
/* Sets a member to a copy of value, replacing one that is there. */
void read_replace(cJSON *object, const char *key, const cJSON *value);

#endif
