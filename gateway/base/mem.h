/* mem.h - allocation that cannot fail.
 *
 * Out of memory ends the process with a log line: every size that a stranger
 * controls has a ceiling (config.def), and the store makes a crash recoverable.
 * So no caller has an error path for it. Any thread.
 */
#ifndef CG_BASE_MEM_H
#define CG_BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* All give storage that the caller frees with free(). */
void *xmalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *ptr, size_t size) MUST_CHECK;
char *xstrdup(const char *text) MUST_CHECK;
/* xstrdup that maps NULL to NULL. */
char *xstrdup_or_null(const char *text) MUST_CHECK;
char *xstrndup(const char *text, size_t len) MUST_CHECK;
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

/* NULL when there is no room, which is then an answer: for what is as large as a stranger says. The
 * bytes are zero. */
void *calloc_or_null(size_t count, size_t size) MUST_CHECK;

/* The door for library calls that return NULL only when memory is out. */
void *require_memory(void *ptr) MUST_CHECK;

/* For AUTO: frees *(void **)ptr. */
void free_ptr(void *ptr_to_ptr);

/* Replaces *slot by a copy of text (NULL allowed), freeing what was there. */
void xreplace(char **slot, const char *text);

/* Hands over what an AUTO variable owns: returns it and leaves NULL behind. */
#define take_ptr(ptr_to_ptr)                                                                       \
    ({                                                                                             \
        __typeof__(*(ptr_to_ptr)) taken_ = *(ptr_to_ptr);                                          \
        *(ptr_to_ptr) = NULL;                                                                      \
        taken_;                                                                                    \
    })

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A condition that only a programming error can make true: logs and aborts, in every build. */
#define bug_if(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0)) {                                                       \
            bug_found(#cond, __FILE__, __LINE__);                                                  \
        }                                                                                          \
    } while (0)
void bug_found(const char *cond, const char *file, int line) NORETURN;

#endif
