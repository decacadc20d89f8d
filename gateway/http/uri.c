/* uri.c - see uri.h. Every piece is decoded in place into one copy of the target, in which each
 * separator becomes the NUL that ends the piece before it.
 */
#include "http/uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes text[0..len) in place and ends it with a NUL. In a query "+" is a space, as forms and
 * browsers write it. */
static enum errc decode(char *text, size_t len, bool is_query, struct err *e)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        int high;
        int low;

        if (text[i] != '%') {
            text[out++] = (char)(is_query && text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
        low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0) {
            return err_set(e, ERR_BAD_REQUEST, "The address holds a broken %%-escape.");
        }
        if (high == 0 && low == 0) {
            return err_set(e, ERR_BAD_REQUEST, "The address holds %%00.");
        }
        text[out++] = (char)(high * 16 + low);
        i += 2;
    }
    text[out] = '\0';
    if (!utf8_valid((struct span){text, out})) {
        return err_set(e, ERR_INVALID_UTF8,
                       "The address is not UTF-8 when its escapes are decoded.");
    }
    return ERR_NONE;
}

static enum errc read_path(char *path, struct uri *out, struct err *e)
{
    char *at = path + 1;
    bool is_last = false;

    while (!is_last) {
        size_t len = strcspn(at, "/");
        enum errc rc;

        is_last = at[len] == '\0';
        if (out->segment_count >= URI_SEGMENTS_MAX) {
            out->segment_count = URI_SEGMENTS_MAX + 1;
            return ERR_NONE;
        }
        rc = decode(at, len, false, e);
        if (rc != ERR_NONE) {
            return rc;
        }
        out->segment[out->segment_count++] = at;
        at += len + 1;
    }
    return ERR_NONE;
}

static enum errc read_param(char *text, size_t len, struct uri *out, struct err *e)
{
    char *equals = memchr(text, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
    struct uri_param *param = &out->param[out->param_count];
    enum errc rc = decode(text, name_len, true, e);

    param->name = text;
    param->value = "";
    if (rc == ERR_NONE && equals != NULL) {
        rc = decode(equals + 1, len - name_len - 1, true, e);
        param->value = equals + 1;
    }
    out->param_count++;
    return rc;
}

static enum errc read_query(char *query, struct uri *out, struct err *e)
{
    char *at = query;

    while (*at != '\0') {
        size_t len = strcspn(at, "&");
        char *next = at + len + (at[len] == '&' ? 1 : 0);
        enum errc rc = ERR_NONE;

        if (len > 0 && out->param_count == URI_PARAMS_MAX) {
            return err_set(e, ERR_INVALID_PARAMETER, "There are more than %d query parameters.",
                           URI_PARAMS_MAX);
        }
        if (len > 0) {
            rc = read_param(at, len, out, e);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
        at = next;
    }
    return ERR_NONE;
}

/* An absolute target (RFC 9112, 3.2.2): gives its authority and returns what follows it. */
static struct span skip_authority(struct span raw, struct span *authority)
{
    static const char *const SCHEME[] = {"http://", "https://"};

    for (size_t i = 0; i < COUNT_OF(SCHEME); i++) {
        size_t len = strlen(SCHEME[i]);

        if (raw.len > len && strncasecmp(raw.ptr, SCHEME[i], len) == 0) {
            const char *slash = memchr(raw.ptr + len, '/', raw.len - len);
            size_t end = slash != NULL ? (size_t)(slash - raw.ptr) : raw.len;

            if (end == len) {
                break; /* an address without a host */
            }
            *authority = (struct span){raw.ptr + len, end - len};
            return (struct span){raw.ptr + end, raw.len - end};
        }
    }
    return raw;
}

static bool has_forbidden_byte(struct span raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];

        if (c <= 0x20 || c == 0x7f || c == '#' || c == '\\') {
            return true;
        }
    }
    return false;
}

enum errc uri_parse(struct span raw, struct uri *out, struct err *e)
{
    struct span rest;
    char *query;
    enum errc rc;

    *out = (struct uri){.text = NULL};
    if (raw.len > URI_MAX) {
        return err_set(e, ERR_HEADERS_TOO_LARGE, "The address is longer than %d bytes.", URI_MAX);
    }
    if (has_forbidden_byte(raw)) {
        return err_set(e, ERR_BAD_REQUEST, "The address holds a byte that must be escaped.");
    }
    rest = skip_authority(raw, &out->authority);
    if (rest.len == 0 || rest.ptr[0] != '/') {
        return err_set(e, ERR_BAD_REQUEST, "The address does not begin with a slash.");
    }
    out->text = xstrndup(rest.ptr, rest.len);
    query = strchr(out->text, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    rc = read_path(out->text, out, e);
    return rc == ERR_NONE && query != NULL ? read_query(query, out, e) : rc;
}

void uri_clear(struct uri *u)
{
    free(u->text);
    *u = (struct uri){.text = NULL};
}

const char *uri_param(const struct uri *u, const char *name)
{
    for (size_t i = 0; i < u->param_count; i++) {
        if (strcmp(u->param[i].name, name) == 0) {
            return u->param[i].value;
        }
    }
    return NULL;
}

/* Whether one of the words of `known` is the name, or ends in "*" and is its beginning. */
static bool is_known(const char *name, const char *known)
{
    size_t name_len = strlen(name);

    while (*known != '\0') {
        size_t len = strcspn(known, " ");

        if (len > 0 && known[len - 1] == '*' && name_len >= len &&
            strncmp(name, known, len - 1) == 0) {
            return true;
        }
        if (len == name_len && strncmp(name, known, len) == 0) {
            return true;
        }
        known += len;
        known += *known == ' ' ? 1 : 0;
    }
    return false;
}

enum errc uri_check_params(const struct uri *u, const char *known, struct err *e)
{
    enum errc rc = ERR_NONE;

    for (size_t i = 0; i < u->param_count; i++) {
        const char *name = u->param[i].name;

        if (!is_known(name, known)) {
            rc = err_param(e, name[0] != '\0' ? name : "(empty)", "is not known here");
        } else if (uri_param(u, name) != u->param[i].value) {
            rc = err_param(e, name, "is given more than once");
        }
    }
    return rc;
}

void uri_encode(struct buf *out, const char *text)
{
    static const char UNRESERVED[] = "-._~";

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (is_plain || strchr(UNRESERVED, c) != NULL) {
            (void)buf_append_char(out, (char)c);
        } else {
            (void)buf_appendf(out, "%%%02X", c);
        }
    }
}
