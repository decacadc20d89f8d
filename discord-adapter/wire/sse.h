/* sse.h - Server-Sent Events, out of the bytes of a stream (WHATWG HTML, "Server-sent events").
 *
 * Bytes come in pieces cut anywhere; events go out one at a time, so that whoever takes one may end the stream.
 * Pure. Not thread-safe.
 */
#ifndef CGD_WIRE_SSE_H
#define CGD_WIRE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct sse;

/* Borrowed until the next call; texts end with NUL, which stands nowhere else in type. */
struct sse_event {
    const char *type; /* "message" when the stream names none */
    struct span data; /* its lines, with a line feed between them; ptr[len] is NUL */
};

/* `max_bytes` of an event with all its lines; a longer one breaks the parser. */
struct sse *sse_new(size_t max_bytes) MUST_CHECK;
void sse_free(struct sse *s); /* NULL is fine */
/* For a new connection: forgets what was begun, keeps the last id. */
void sse_restart(struct sse *s);

/* Takes bytes from the front of *input until an event is whole: true with it, else false when all is taken. Call again
 * with the rest. */
bool sse_next(struct sse *s, struct span *input, struct sse_event *out) MUST_CHECK;
/* An event was too long: what comes after it means nothing. */
bool sse_is_broken(const struct sse *s);
/* The last "id" that was told; "" = none. Borrowed until the next call. */
const char *sse_last_id(const struct sse *s);
/* Forgets it: the server does not know it any more. */
void sse_forget_id(struct sse *s);
/* How long the server wants to be left alone before a new connection; -1 = it has not said. */
int64_t sse_retry_ms(const struct sse *s);

#endif
