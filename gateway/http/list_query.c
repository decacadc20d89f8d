#include "http/list_query.h"

#include <sodium/utils.h>
#include <string.h>

#include "base/mem.h"
#include "http/header.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200

/* Names the version of the format, so that another one can be told apart. */
#define CURSOR_PREFIX "1."

/* ---- cursor --------------------------------------------------------------------------------------- */

void cursor_write(struct id last, char out[CURSOR_SIZE])
{
    char text[sizeof CURSOR_PREFIX + ID_LEN] = CURSOR_PREFIX;

    memcpy(text + sizeof CURSOR_PREFIX - 1, last.text, sizeof last.text);
    (void)sodium_bin2base64(out, CURSOR_SIZE, (const unsigned char *)text, strlen(text),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool cursor_parse(const char *text, struct id *out)
{
    char plain[sizeof CURSOR_PREFIX + ID_LEN];
    size_t len = 0;
    size_t prefix = sizeof CURSOR_PREFIX - 1;

    if (sodium_base642bin((unsigned char *)plain, sizeof plain, text, strlen(text), NULL, &len,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return false;
    }
    return len > prefix && memcmp(plain, CURSOR_PREFIX, prefix) == 0 &&
           id_parse((struct span){plain + prefix, len - prefix}, out);
}

/* ---- parameters ----------------------------------------------------------------------------------- */

size_t list_query_characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

void list_query_text(const struct uri *uri, const char *name, size_t max, const char **out,
                     struct err *e)
{
    const char *value = uri_param(uri, name);

    if (value == NULL) {
        return;
    }
    if (value[0] == '\0' || list_query_characters(value) > max) {
        (void)err_param(e, name, "must be 1 to %zu characters", max);
        return;
    }
    *out = value;
}

void list_query_sort(const struct uri *uri, enum job_sort *out, struct err *e)
{
    const char *value = uri_param(uri, "sort");

    if (value == NULL || strcmp(value, "-created_at") == 0) {
        *out = SORT_NEWEST;
    } else if (strcmp(value, "created_at") == 0) {
        *out = SORT_OLDEST;
    } else {
        (void)err_param(e, "sort", "must be created_at or -created_at");
    }
}

bool list_query_starred(const struct uri *uri, bool *out, struct err *e)
{
    const char *value = uri_param(uri, "starred");

    if (value == NULL) {
        return false;
    }
    *out = strcmp(value, "true") == 0;
    if (!*out && strcmp(value, "false") != 0) {
        (void)err_param(e, "starred", "must be true or false");
    }
    return true;
}

void list_query_page(const struct uri *uri, int *limit, struct id *after, struct err *e)
{
    const char *limit_text = uri_param(uri, "limit");
    const char *cursor = uri_param(uri, "cursor");

    *limit = LIMIT_DEFAULT;
    if (limit_text != NULL && !decimal_parse(limit_text, 1, LIMIT_MAX, limit)) {
        (void)err_param(e, "limit", "must be 1 to %d", LIMIT_MAX);
    }
    if (cursor != NULL && !cursor_parse(cursor, after)) {
        (void)err_param(e, "cursor", "is none that this gateway gave out");
    }
}

/* ---- the next page -------------------------------------------------------------------------------- */

void list_query_next(const struct uri *uri, const char *path, const char *cursor, struct buf *out)
{
    (void)buf_append_str(out, path);
    (void)buf_append_char(out, '?');
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->param[i].name, "cursor") != 0) {
            uri_encode(out, uri->param[i].name);
            (void)buf_append_char(out, '=');
            uri_encode(out, uri->param[i].value);
            (void)buf_append_char(out, '&');
        }
    }
    (void)buf_append_str(out, "cursor=");
    (void)buf_append_str(out, cursor);
}
