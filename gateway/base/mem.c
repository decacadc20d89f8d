#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* log_write() needs no heap, so this cannot come back here. */
static NORETURN void out_of_memory(size_t size)
{
    log_error("out_of_memory", LOG_I("bytes", size));
    abort();
}

void *require_memory(void *ptr)
{
    if (ptr == NULL) {
        out_of_memory(0);
    }
    return ptr;
}

void *xmalloc(size_t size)
{
    /* One byte at least: malloc(0) may give NULL, which would look like a failure. */
    void *ptr = malloc(size > 0 ? size : 1);

    if (ptr == NULL) {
        out_of_memory(size);
    }
    return ptr;
}

void *xcalloc(size_t count, size_t size)
{
    void *ptr = count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);

    if (ptr == NULL) {
        out_of_memory(count);
    }
    return ptr;
}

void *calloc_or_null(size_t count, size_t size)
{
    return count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);
}

void *xrealloc(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size > 0 ? size : 1);

    if (grown == NULL) {
        out_of_memory(size);
    }
    return grown;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

char *xstrdup_or_null(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

char *xstrndup(const char *text, size_t len)
{
    size_t used = strnlen(text, len);
    char *copy = xmalloc(used + 1);

    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0) {
        out_of_memory(0);
    }
    return text;
}

void free_ptr(void *ptr_to_ptr)
{
    void *ptr;

    /* A copy instead of a cast: the caller's variable may be any kind of pointer. */
    memcpy(&ptr, ptr_to_ptr, sizeof ptr);
    free(ptr);
    ptr = NULL;
    memcpy(ptr_to_ptr, &ptr, sizeof ptr);
}

void xreplace(char **slot, const char *text)
{
    /* Copied first, since text may lie inside the old value. */
    char *copy = xstrdup_or_null(text);

    free(*slot);
    *slot = copy;
}

void bug_found(const char *cond, const char *file, int line)
{
    log_error("bug", LOG_S("condition", cond), LOG_S("file", file), LOG_I("line", line));
    abort();
}
