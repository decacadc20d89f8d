/* id.h - UUIDv7 (RFC 9562), the id of everything: ordered by age, unguessable in its random part.
 *
 * Kept as its canonical lowercase text, which is what ComfyUI accepts as a
 * prompt_id in all versions. An id whose text is empty means "none".
 */
#ifndef CG_BASE_ID_H
#define CG_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

#define ID_LEN 36

struct id {
    char text[ID_LEN + 1];
};

#define ID_NONE ((struct id){""})

/* Strictly greater than every id made before by this process, also within one millisecond and
 * when the wall clock steps back. Any thread. */
struct id id_new(void);
/* Accepts the canonical lowercase form of any UUID; *out is untouched on failure. */
bool id_parse(struct span text, struct id *out) MUST_CHECK;
/* 122 random bits as a version 4 UUID, for names that must not tell their time. */
struct id id_random(void);

static inline bool id_is_none(struct id id)
{
    return id.text[0] == '\0';
}

static inline bool id_eq(struct id a, struct id b)
{
    return memcmp(a.text, b.text, sizeof a.text) == 0;
}

#endif
