#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define SMALLEST_CAP 64

/* Makes room for `more` bytes and the NUL. False, with overflow set, when they pass the ceiling. */
static bool reserve(struct buf *b, size_t more)
{
    size_t needed;
    size_t cap;

    if (b->overflow || b->len > b->max || more > b->max - b->len) {
        b->overflow = true;
        return false;
    }
    needed = b->len + more + 1;
    if (needed <= b->cap) {
        return true;
    }
    cap = b->cap < SMALLEST_CAP ? SMALLEST_CAP : b->cap;
    while (cap < needed) {
        cap = cap > SIZE_MAX / 2 ? needed : cap * 2;
    }
    /* Doubling must not take more than the ceiling promises. */
    if (cap - 1 > b->max) {
        cap = b->max + 1;
    }
    b->data = xrealloc(b->data, cap);
    b->cap = cap;
    return true;
}

void buf_clear(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

bool buf_append(struct buf *b, const void *data, size_t len)
{
    if (!reserve(b, len)) {
        return false;
    }
    if (len > 0) {
        memcpy(b->data + b->len, data, len);
    }
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

bool buf_append_span(struct buf *b, struct span s)
{
    return buf_append(b, s.ptr, s.len);
}

bool buf_append_str(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

bool buf_append_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

bool buf_appendf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !reserve(b, (size_t)len)) {
        b->overflow = true;
        return false;
    }
    va_start(args, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return true;
}

bool buf_ok(const struct buf *b)
{
    return !b->overflow;
}

const char *buf_str(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

struct span buf_span(const struct buf *b)
{
    return (struct span){buf_str(b), b->len};
}

char *buf_take(struct buf *b)
{
    char *data = b->data != NULL ? b->data : xstrdup("");

    *b = BUF_INIT(b->max);
    return data;
}
