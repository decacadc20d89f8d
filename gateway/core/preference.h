/* preference.h - what a client keeps for its users under a key of its choice. Plain data; pure.
 */
#ifndef CG_CORE_PREFERENCE_H
#define CG_CORE_PREFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define PREFERENCE_KEY_MAX   128
#define PREFERENCE_VALUE_MAX (1U << 20) /* the most that preferences_max_bytes allows */

/* Borrowed throughout. */
struct preference {
    const char *owner; /* NULL = there are no keys */
    const char *key;
    struct span value; /* a JSON object */
    int64_t updated_at;
};

/* 1 to 128 of A-Z a-z 0-9 . _ : - */
bool preference_key_ok(const char *key);

#define PREFERENCE_ETAG_SIZE 67
/* The ETag text of a value, with its quotes. */
void preference_etag(struct span value, char out[PREFERENCE_ETAG_SIZE]);

#endif
