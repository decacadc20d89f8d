/* key_uses.h - when keys of the API were used, on its way from the HTTP threads to the store.
 *
 * Kept in memory for answers; the engine writes what is new with its housekeeping, so that a request never costs a commit. What was
 * not written when the program is killed is lost: a minute of "last used".
 *
 * Threads: take on the engine, the rest anywhere. Locks: one, inside.
 */
#ifndef CG_BRIDGE_KEY_USES_H
#define CG_BRIDGE_KEY_USES_H

#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"

struct key_uses;

struct key_uses *key_uses_new(void) MUST_CHECK;
void key_uses_free(struct key_uses *u); /* NULL is fine */

void key_uses_note(struct key_uses *u, struct id key, int64_t wall_ms);
/* 0 = not since the start. */
int64_t key_uses_last(struct key_uses *u, struct id key);

struct key_use {
    struct id key;
    int64_t at;
};
/* Gives up to `max` that were noted since they were taken; returns how many. */
size_t key_uses_take(struct key_uses *u, struct key_use *out, size_t max) ON_ENGINE;

#endif
