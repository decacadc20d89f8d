/* err.h - the one way to report an error.
 *
 * A function that can fail returns enum errc (ERR_NONE is zero) and, where
 * there is something to say, fills a struct err that lives on the caller's
 * stack. It does not log; the boundary (handler, turn, main) does, once.
 */
#ifndef CG_BASE_ERR_H
#define CG_BASE_ERR_H

#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

enum errc {
    ERR_NONE = 0,
#define E(name, status, code, title) ERR_##name,
#include "base/errors.def"
#undef E
    ERR_COUNT
};

#define ERR_ITEMS_MAX 32

/* One fault inside a request: where, which kind, what. */
struct err_item {
    char at[128];     /* JSON Pointer (RFC 6901), or the name of a parameter or header */
    char code[32];    /* snake_case kind, such as "required" or "out_of_range" */
    char detail[320]; /* a model's name, where it belongs and where it can be had */
    bool is_parameter;
};

struct err {
    enum errc code;
    char detail[320];
    int retry_after_s; /* 0 = say nothing */
    size_t item_count;
    struct err_item item[ERR_ITEMS_MAX];
};

#define ERR_INIT ((struct err){.code = ERR_NONE})

int err_status(enum errc code);
const char *err_code(enum errc code);
const char *err_title(enum errc code);

/* Sets code and detail (cut to fit at a character), forgets items; returns code. e may be NULL. */
enum errc err_set(struct err *e, enum errc code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Adds an item while there is room; sets e->code to `code` if it was ERR_NONE. Returns e->code. */
enum errc err_at(struct err *e, enum errc code, const char *pointer, const char *kind,
                 const char *fmt, ...) PRINTF_LIKE(5, 6);
enum errc err_param(struct err *e, const char *parameter, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Appends "/token" with ~ and / escaped (RFC 6901) to a pointer text of `size` bytes; cuts.
 * False when it was cut: then nothing more belongs behind it. */
bool err_pointer_add(char *pointer, size_t size, struct span token);

#endif
