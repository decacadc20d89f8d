/* buf.h - growable bytes that cannot be made without a ceiling.
 *
 * Invariant: data[len] is always NUL once anything was appended; buf_str() is
 * never NULL. Appending past the ceiling appends nothing, sets `overflow` and
 * keeps it: callers append freely and ask buf_ok() once at the end.
 * Not shared between threads; for bytes that are, see bytes.h.
 */
#ifndef CG_BASE_BUF_H
#define CG_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool overflow;
};

#define BUF_INIT(ceiling_bytes) ((struct buf){.max = (ceiling_bytes)})

void buf_clear(struct buf *b); /* frees the storage; the ceiling stays; for AUTO */
void buf_reset(struct buf *b); /* empties, keeps the storage, forgets overflow */
bool buf_append(struct buf *b, const void *data, size_t len);
bool buf_append_span(struct buf *b, struct span s);
bool buf_append_str(struct buf *b, const char *text);
bool buf_append_char(struct buf *b, char c);
bool buf_appendf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool buf_ok(const struct buf *b) MUST_CHECK;
const char *buf_str(const struct buf *b);
struct span buf_span(const struct buf *b);
/* Gives the NUL-terminated storage to the caller (free()), leaves the buf empty. Never NULL. */
char *buf_take(struct buf *b) MUST_CHECK;

#endif
