/* span.h - borrowed bytes: a pointer and a length, not NUL-terminated, owned by somebody else.
 */
#ifndef CG_BASE_SPAN_H
#define CG_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN_LIT(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE         ((struct span){NULL, 0})

static inline struct span span_of(const char *text)
{
    return (struct span){text, text != NULL ? strlen(text) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
    return span_eq(a, span_of(text));
}

#endif
