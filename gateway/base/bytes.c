#include "base/bytes.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct bytes {
    atomic_size_t count;
    size_t len;
    char *data;
};

static struct bytes *make(char *data, size_t len)
{
    struct bytes *b = xmalloc(sizeof *b);

    atomic_init(&b->count, 1);
    b->len = len;
    b->data = data;
    return b;
}

struct bytes *bytes_new(struct span s)
{
    char *data = xmalloc(s.len + 1);

    if (s.len > 0) {
        memcpy(data, s.ptr, s.len);
    }
    data[s.len] = '\0';
    return make(data, s.len);
}

struct bytes *bytes_from_buf(struct buf *b)
{
    size_t len = b->len;

    return make(buf_take(b), len);
}

struct bytes *bytes_ref(struct bytes *b)
{
    if (b != NULL) {
        /* Relaxed: whoever holds a reference already sees the contents. */
        atomic_fetch_add_explicit(&b->count, 1, memory_order_relaxed);
    }
    return b;
}

void bytes_unref(struct bytes *b)
{
    /* Release and acquire: every reader is done before the last one frees. */
    if (b != NULL && atomic_fetch_sub_explicit(&b->count, 1, memory_order_acq_rel) == 1) {
        free(b->data);
        free(b);
    }
}

void bytes_unref_ptr(struct bytes **b)
{
    bytes_unref(*b);
    *b = NULL;
}

struct span bytes_span(const struct bytes *b)
{
    return b != NULL ? (struct span){b->data, b->len} : SPAN_LIT("");
}
