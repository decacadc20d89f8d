#include "http/header.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "http/uri.h"

/* ---- framing ------------------------------------------------------------------------------------ */

static bool is_token_char(unsigned char c)
{
    static const char SYMBOLS[] = "!#$%&'*+-.^_`|~";

    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr(SYMBOLS, c) != NULL);
}

static bool is_token(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_char((unsigned char)name.ptr[i])) {
            return false;
        }
    }
    return name.len > 0;
}

static bool has_control(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool span_is_nocase(struct span a, const char *text)
{
    return a.len == strlen(text) && strncasecmp(a.ptr, text, a.len) == 0;
}

/* Of these, whoever reads the first and whoever reads the last would disagree. */
static bool is_repeated(struct framing *f, struct span name)
{
    static const char *const ONCE[] = {
        "Host",   "Content-Length",  "Transfer-Encoding", "Content-Type", "Content-Encoding",
        "Origin", "Idempotency-Key", "Authorization",     "Range",        "If-Range"};

    for (unsigned i = 0; i < COUNT_OF(ONCE); i++) {
        if (span_is_nocase(name, ONCE[i])) {
            bool was_seen = (f->seen & 1U << i) != 0;

            f->seen |= 1U << i;
            return was_seen;
        }
    }
    return false;
}

void framing_field(struct framing *f, struct span name, struct span value)
{
    if (!is_token(name)) {
        f->fault = "The name of a header field is not well formed.";
    } else if (has_control(value)) {
        f->fault = "A header field holds a control character.";
    }
    if (is_repeated(f, name)) {
        f->fault = "A header field that may come once comes twice.";
    }
    if (span_is_nocase(name, "Host")) {
        f->has_host = true;
    } else if (span_is_nocase(name, "Content-Length")) {
        f->has_length = true;
    } else if (span_is_nocase(name, "Transfer-Encoding")) {
        f->has_encoding = true;
        f->is_chunked = span_is_nocase(value, "chunked");
    }
}

enum errc framing_check(const struct framing *f, const char *version, struct err *e)
{
    const char *fault = f->fault;
    bool is_http11 = strcmp(version, "HTTP/1.1") == 0;

    if (fault == NULL && !is_http11 && strcmp(version, "HTTP/1.0") != 0) {
        fault = "Only HTTP/1.1 and HTTP/1.0 are understood.";
    }
    if (fault == NULL && !f->has_host && is_http11) {
        fault = "The Host field is missing.";
    }
    if (fault == NULL && f->has_encoding) {
        if (f->has_length) {
            fault = "There are both Content-Length and Transfer-Encoding.";
        } else if (!f->is_chunked || !is_http11) {
            fault = "The only Transfer-Encoding that is understood is chunked, in HTTP/1.1.";
        }
    }
    return fault == NULL ? ERR_NONE : err_set(e, ERR_BAD_REQUEST, "%s", fault);
}

/* ---- who is asked ------------------------------------------------------------------------------- */

/* Splits "host:port"; the brackets of an IPv6 address belong to the host. */
static struct span host_name(struct span host, struct span *port)
{
    const char *end = host.ptr + host.len;
    const char *colon = NULL;

    if (host.len > 0 && host.ptr[0] == '[') {
        const char *bracket = memchr(host.ptr, ']', host.len);

        colon = bracket != NULL && bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (host.len > 0) {
        colon = memchr(host.ptr, ':', host.len);
    }
    *port = colon != NULL ? (struct span){colon + 1, (size_t)(end - colon - 1)} : SPAN_NONE;
    return colon != NULL ? (struct span){host.ptr, (size_t)(colon - host.ptr)} : host;
}

struct span host_without_port(struct span host)
{
    struct span port;
    struct span name = host_name(host, &port);

    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        return (struct span){name.ptr + 1, name.len - 2};
    }
    return name;
}

bool host_is_loopback(struct span host)
{
    struct span port;
    struct span name = host_name(host, &port);
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (span_is_nocase(name, "localhost") || span_is(name, "[::1]")) {
        return true;
    }
    if (name.len == 0 || name.len >= sizeof text) {
        return false;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return strlen(text) == name.len && inet_pton(AF_INET, text, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == 127;
}

bool host_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

/* Browsers leave out the port that goes without saying. */
static struct span without_default_port(struct span host, const char *default_port)
{
    struct span port;
    struct span name = host_name(host, &port);

    return span_is(port, default_port) ? name : host;
}

bool origin_is_host(struct span origin, struct span host)
{
    static const struct {
        const char *scheme;
        const char *port;
    } KIND[] = {{"http://", "80"}, {"https://", "443"}};

    for (size_t i = 0; i < COUNT_OF(KIND); i++) {
        size_t len = strlen(KIND[i].scheme);

        if (origin.len > len && strncasecmp(origin.ptr, KIND[i].scheme, len) == 0) {
            struct span rest = {origin.ptr + len, origin.len - len};

            return host_eq(without_default_port(rest, KIND[i].port),
                           without_default_port(host, KIND[i].port));
        }
    }
    return false;
}

/* ---- single fields ------------------------------------------------------------------------------ */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

bool media_type_is(const char *field, const char *type)
{
    size_t len = strlen(type);
    const char *at;

    if (field == NULL || strncasecmp(field, type, len) != 0) {
        return false;
    }
    at = skip_blanks(field + len);
    if (*at == '\0') {
        return true;
    }
    if (*at != ';') {
        return false;
    }
    at = skip_blanks(at + 1);
    return *at == '\0' || strcasecmp(at, "charset=utf-8") == 0 ||
           strcasecmp(at, "charset=\"utf-8\"") == 0;
}

bool decimal_parse(const char *text, int min, int max, int *out)
{
    int64_t value = 0;

    if (*text == '\0' || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text)) {
        return false;
    }
    for (; *text != '\0'; text++) {
        value = value * 10 + (*text - '0');
    }
    if (value < min || value > max) {
        return false;
    }
    *out = (int)value;
    return true;
}

/* ---- Accept --------------------------------------------------------------------------------------- */

/* "q=0.5" among the parameters of a media range, in thousandths; 1000 when there is none. */
static int quality_of(struct span parameters)
{
    const char *at = parameters.ptr;
    const char *end = at + parameters.len;
    int value = 0;

    while (at < end && !((*at == 'q' || *at == 'Q') && at + 1 < end && at[1] == '=')) {
        at++;
    }
    if (at == end) {
        return 1000;
    }
    at += 2;
    value = at < end && *at == '1' ? 1000 : 0;
    at += at + 1 < end && at[1] == '.' ? 2 : 1;
    for (int unit = 100; value < 1000 && unit > 0 && at < end && *at >= '0' && *at <= '9'; at++) {
        value += (*at - '0') * unit;
        unit /= 10;
    }
    return value;
}

/* 0 = does not match, 1 = any type, 2 = any of its kind, 3 = itself. */
static int specificity_of(struct span range, const char *type)
{
    size_t kind = strcspn(type, "/") + 1;

    if (range.len == strlen(type) && strncasecmp(range.ptr, type, range.len) == 0) {
        return 3;
    }
    if (range.len == kind + 1 && range.ptr[kind] == '*' &&
        strncasecmp(range.ptr, type, kind) == 0) {
        return 2;
    }
    return span_is(range, "*/*") ? 1 : 0;
}

int accept_weight(const char *field, const char *type)
{
    int best = 0;
    int quality = 0;

    if (field == NULL) {
        return 1000 * 4 + 1;
    }
    while (*field != '\0') {
        const char *start = skip_blanks(field);
        size_t len = strcspn(start, ",");
        size_t range = strcspn(start, ",; \t");
        int specificity = specificity_of((struct span){start, range}, type);

        /* The most specific range counts, whatever the others say. */
        if (specificity > best) {
            best = specificity;
            quality = quality_of((struct span){start + range, len - range});
        }
        field = start + len + (start[len] == ',' ? 1 : 0);
    }
    return quality > 0 ? quality * 4 + best : 0;
}

bool encoding_accepted(const char *field, const char *coding)
{
    int by_any = 0;

    while (field != NULL && *field != '\0') {
        const char *start = skip_blanks(field);
        size_t len = strcspn(start, ",");
        size_t word = strcspn(start, ",; \t");
        int quality = quality_of((struct span){start + word, len - word});

        /* What is said of the coding itself counts before what is said of all. */
        if (word == strlen(coding) && strncasecmp(start, coding, word) == 0) {
            return quality > 0;
        }
        if (word == 1 && *start == '*') {
            by_any = quality;
        }
        field = start + len + (start[len] == ',' ? 1 : 0);
    }
    return by_any > 0;
}

/* ---- Prefer and others ---------------------------------------------------------------------------- */

/* The value of one preference, without quotes, when it is "wait"; see prefer_wait_s. */
static int wait_of(struct span preference, int max)
{
    char text[16];
    size_t len = 4;
    struct span value;
    int seconds = 0;

    if (preference.len < len || strncasecmp(preference.ptr, "wait", len) != 0) {
        return -1;
    }
    while (len < preference.len && strchr(" \t=", preference.ptr[len]) != NULL) {
        len++;
    }
    if (len == 4) {
        return preference.len == 4 ? max : -1;
    }
    value = (struct span){preference.ptr + len, preference.len - len};
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value = (struct span){value.ptr + 1, value.len - 2};
    }
    if (value.len == 0 || value.len >= sizeof text) {
        return -1;
    }
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    if (!decimal_parse(text, 0, 999999999, &seconds)) {
        return -1;
    }
    return seconds < max ? seconds : max;
}

int prefer_wait_s(const char *field, int max)
{
    while (field != NULL && *field != '\0') {
        const char *start = skip_blanks(field);
        size_t len = strcspn(start, ",");
        size_t word = strcspn(start, ",;"); /* parameters of a preference mean nothing here */
        int seconds;

        while (word > 0 && strchr(" \t", start[word - 1]) != NULL) {
            word--;
        }
        seconds = wait_of((struct span){start, word}, max);
        if (seconds >= 0) {
            return seconds;
        }
        field = start + len + (start[len] == ',' ? 1 : 0);
    }
    return -1;
}

bool idempotency_key_valid(const char *field)
{
    size_t len = strlen(field);

    for (size_t i = 0; i < len; i++) {
        if (field[i] < 0x21 || field[i] > 0x7e) {
            return false;
        }
    }
    return len >= 1 && len <= 255;
}

bool request_id_valid(const char *field)
{
    size_t len = strlen(field);

    return len >= 1 && len <= 64 &&
           strspn(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               len;
}

/* ---- Content-Disposition -------------------------------------------------------------------------- */

/* What stands in a quoted string without harm; all else is written as "_" there. */
static bool is_quotable(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%' && c != '/';
}

void disposition_write(struct buf *out, const char *kind, const char *name)
{
    bool is_lossy = false;

    (void)buf_append_str(out, kind);
    (void)buf_append_str(out, "; filename=\"");
    for (const char *at = name; *at != '\0';) {
        size_t len = utf8_len(span_of(at));
        bool is_plain = is_quotable((unsigned char)*at);

        (void)buf_append_char(out, (char)(is_plain ? *at : '_'));
        is_lossy |= !is_plain;
        at += len > 0 ? len : 1;
    }
    (void)buf_append_char(out, '"');
    if (is_lossy && utf8_valid(span_of(name))) {
        (void)buf_append_str(out, "; filename*=UTF-8''");
        uri_encode(out, name);
    }
}
