/* condition.h - conditional and partial requests (RFC 9110, 13 and 14). Pure; any thread.
 */
#ifndef CG_HTTP_CONDITION_H
#define CG_HTTP_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* True when a list of entity tags, or "*", names `etag`. Weak comparison is for If-None-Match; the
 * strong one, in which W/"x" equals nothing, for If-Match and If-Range. A NULL field names nothing. */
bool etag_listed(const char *field, const char *etag, bool is_weak_enough);
/* True when the field is "*". */
bool etag_is_any(const char *field);

enum range_kind {
    RANGE_WHOLE, /* no Range, one that is not understood, or several parts: send everything */
    RANGE_PART,
    RANGE_OUTSIDE, /* 416 */
};

struct range {
    enum range_kind kind;
    int64_t first;
    int64_t length;
};

/* Reads a Range field (NULL = none) for a content of `size` bytes. */
struct range range_parse(const char *field, int64_t size);

#endif
