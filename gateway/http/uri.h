/* uri.h - a request target (RFC 9112, 3.2), taken apart and decoded strictly.
 *
 * Escapes are decoded piece by piece, after the split: "%2F" is a byte of a
 * segment, never a separator. Refused are broken escapes, U+0000, control
 * bytes, and what is not UTF-8 when decoded. Dots mean nothing: "/a/../b" has
 * three segments. Pure; any thread.
 */
#ifndef CG_HTTP_URI_H
#define CG_HTTP_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define URI_MAX          8000 /* bytes, as received */
#define URI_SEGMENTS_MAX 8
#define URI_PARAMS_MAX   24

struct uri_param {
    const char *name;
    const char *value; /* "" when there is no "=" */
};

struct uri {
    char *text;            /* owns all texts below */
    struct span authority; /* of an absolute target "http://authority/..."; else empty */
    size_t segment_count;  /* URI_SEGMENTS_MAX + 1 stands for "more" */
    const char *segment[URI_SEGMENTS_MAX];
    size_t param_count;
    struct uri_param param[URI_PARAMS_MAX];
};

/* BAD_REQUEST, INVALID_UTF8, INVALID_PARAMETER (too many of them) or HEADERS_TOO_LARGE. `authority`
 * borrows raw. *out is to be cleared, also on failure. */
enum errc uri_parse(struct span raw, struct uri *out, struct err *e) MUST_CHECK;
void uri_clear(struct uri *u);

/* The first value of that name; NULL when there is none. Borrowed. */
const char *uri_param(const struct uri *u, const char *name);
/* Every parameter must be one of `known` (names separated by spaces; "metadata.*" stands for all names that
 * begin so), and none may come twice. INVALID_PARAMETER naming each that is not. */
enum errc uri_check_params(const struct uri *u, const char *known, struct err *e) MUST_CHECK;

/* Appends text as one component: all but unreserved characters (RFC 3986) are escaped. */
void uri_encode(struct buf *out, const char *text);

#endif
