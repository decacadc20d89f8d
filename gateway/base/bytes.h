/* bytes.h - immutable bytes shared between threads, counted.
 *
 * A rendered answer or a preview picture is made once and sent by many.
 * Contents never change after creation.
 * Any thread; the count is atomic.
 */
#ifndef CG_BASE_BYTES_H
#define CG_BASE_BYTES_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct bytes;

/* Copies s. The caller owns one reference. */
struct bytes *bytes_new(struct span s) MUST_CHECK;
/* Takes the storage of b without a copy and leaves b empty. */
struct bytes *bytes_from_buf(struct buf *b) MUST_CHECK;
struct bytes *bytes_ref(struct bytes *b); /* NULL gives NULL */
void bytes_unref(struct bytes *b);        /* NULL is fine */
void bytes_unref_ptr(struct bytes **b);   /* for AUTO */
/* Borrowed while a reference is held; NULL gives an empty span. */
struct span bytes_span(const struct bytes *b);

#endif
