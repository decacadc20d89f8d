/* header.h - what header fields say, read strictly. Pure; any thread.
 */
#ifndef CG_HTTP_HEADER_H
#define CG_HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* ---- framing: what libmicrohttpd leaves to us ------------------------------------------------ */

/* Filled field by field, then judged. Zero is "none seen". */
struct framing {
    unsigned seen; /* bit by bit, the fields that may come once */
    bool has_host;
    bool has_length;
    bool has_encoding;
    bool is_chunked;
    const char *fault; /* what is wrong with a field, as a sentence; NULL = nothing */
};
void framing_field(struct framing *f, struct span name, struct span value);
/* BAD_REQUEST when the fields could be read in two ways (and so smuggle a request past a proxy), or
 * break HTTP's grammar. */
enum errc framing_check(const struct framing *f, const char *version, struct err *e) MUST_CHECK;

/* ---- who is asked ---------------------------------------------------------------------------- */

/* True for "localhost", 127.x.x.x and [::1], with or without a port. */
bool host_is_loopback(struct span host);
/* Without its port and the brackets of an IPv6 address. */
struct span host_without_port(struct span host);
/* True when both name the same host and port; upper and lower case are alike. */
bool host_eq(struct span a, struct span b);
/* True when an Origin field names this Host. "null" names none. */
bool origin_is_host(struct span origin, struct span host);

/* ---- single fields ---------------------------------------------------------------------------- */

/* True when the field is this media type, with no parameter but charset=utf-8. */
bool media_type_is(const char *field, const char *type);
/* How much an Accept field (RFC 9110, 12.5.1) wants a media type: 0 = not at all; else more for a greater
 * weight, and for one that is named rather than covered by a wildcard. A NULL field takes all. */
int accept_weight(const char *field, const char *type);
/* True when an Accept-Encoding field (RFC 9110, 12.5.3) names a coding, or "*", with a weight above 0. */
bool encoding_accepted(const char *field, const char *coding);
/* "Prefer: wait" and "wait=N" (RFC 7240) among other preferences: seconds, at most `max`; -1 when
 * there is none, or none that can be understood (then it is to be ignored). */
int prefer_wait_s(const char *field, int max);
/* 1..255 visible ASCII characters. */
bool idempotency_key_valid(const char *field);
/* [A-Za-z0-9._-]{1,64} */
bool request_id_valid(const char *field);
/* Decimal digits only, within min..max. */
bool decimal_parse(const char *text, int min, int max, int *out) MUST_CHECK;

/* Appends a Content-Disposition: `kind` is "inline" or "attachment". The name is written for old clients in
 * ASCII (RFC 6266) and, where that loses something, in UTF-8 (RFC 8187). */
void disposition_write(struct buf *out, const char *kind, const char *name);

#endif
