#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"

static const struct {
    int status;
    const char *code;
    const char *title;
} kinds[ERR_COUNT] = {
    [ERR_NONE] = {200, "none", "No error"},
#define E(name, status, code, title) [ERR_##name] = {status, code, title},
#include "base/errors.def"
#undef E
};

int err_status(enum errc code)
{
    bug_if(code >= ERR_COUNT);
    return kinds[code].status;
}

const char *err_code(enum errc code)
{
    bug_if(code >= ERR_COUNT);
    return kinds[code].code;
}

const char *err_title(enum errc code)
{
    bug_if(code >= ERR_COUNT);
    return kinds[code].title;
}

/* Copies text, cut at a character where it does not fit. */
static void put_text(char *out, size_t size, const char *text)
{
    size_t len = utf8_cut(span_of(text), size - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

static PRINTF_LIKE(3, 0) void put_format(char *out, size_t size, const char *fmt, va_list args)
{
    /* Formatted with room to spare, so that the byte after the cut tells whether it splits one. */
    char text[1024];

    (void)vsnprintf(text, sizeof text, fmt, args);
    put_text(out, size, text);
}

enum errc err_set(struct err *e, enum errc code, const char *fmt, ...)
{
    va_list args;

    if (e == NULL) {
        return code;
    }
    e->code = code;
    e->retry_after_s = 0;
    e->item_count = 0;
    va_start(args, fmt);
    put_format(e->detail, sizeof e->detail, fmt, args);
    va_end(args);
    return code;
}

/* The next item with its place filled in; NULL when there is no room. */
static struct err_item *add_item(struct err *e, const char *at, const char *kind)
{
    struct err_item *item;

    if (e->item_count >= ERR_ITEMS_MAX) {
        return NULL;
    }
    item = &e->item[e->item_count++];
    put_text(item->at, sizeof item->at, at);
    put_text(item->code, sizeof item->code, kind);
    item->is_parameter = false;
    return item;
}

enum errc err_at(struct err *e, enum errc code, const char *pointer, const char *kind,
                 const char *fmt, ...)
{
    struct err_item *item;
    va_list args;

    if (e == NULL) {
        return code;
    }
    if (e->code == ERR_NONE) {
        e->code = code;
    }
    item = add_item(e, pointer, kind);
    if (item != NULL) {
        va_start(args, fmt);
        put_format(item->detail, sizeof item->detail, fmt, args);
        va_end(args);
    }
    return e->code;
}

enum errc err_param(struct err *e, const char *parameter, const char *fmt, ...)
{
    struct err_item *item;
    va_list args;

    if (e == NULL) {
        return ERR_INVALID_PARAMETER;
    }
    if (e->code == ERR_NONE) {
        e->code = ERR_INVALID_PARAMETER;
    }
    item = add_item(e, parameter, "invalid");
    if (item != NULL) {
        item->is_parameter = true;
        va_start(args, fmt);
        put_format(item->detail, sizeof item->detail, fmt, args);
        va_end(args);
    }
    return e->code;
}

bool err_pointer_add(char *pointer, size_t size, struct span token)
{
    size_t used = strnlen(pointer, size);

    if (used + 1 >= size) {
        return false;
    }
    pointer[used++] = '/';
    while (token.len > 0) {
        size_t len = utf8_len(token);
        struct span piece = {token.ptr, len > 0 ? len : 1};

        token.ptr += piece.len;
        token.len -= piece.len;
        if (span_is(piece, "~")) {
            piece = SPAN_LIT("~0");
        } else if (span_is(piece, "/")) {
            piece = SPAN_LIT("~1");
        }
        /* A piece goes in whole or not at all: neither "~" alone nor half a character. */
        if (used + piece.len >= size) {
            pointer[used] = '\0';
            return false;
        }
        memcpy(pointer + used, piece.ptr, piece.len);
        used += piece.len;
    }
    pointer[used] = '\0';
    return true;
}
