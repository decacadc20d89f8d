#include "store/s3_sign.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/mem.h"

#define MAC_SIZE       crypto_auth_hmacsha256_BYTES
#define SIGNATURE_SIZE (MAC_SIZE * 2 + 1)
#define QUERY_MAX      16384
#define CANONICAL_MAX  32768
#define DATE_LEN       8
#define MOMENT_SIZE    24
#define UNRESERVED     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* What a link is signed with and for: date/region/s3/aws4_request. */
struct scope {
    char moment[MOMENT_SIZE]; /* 20130524T000000Z */
    char text[128];
};

static void append_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr(UNRESERVED, *text) != NULL) {
            (void)buf_append_char(out, *text);
        } else {
            (void)buf_appendf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

static void append_param(struct buf *out, const char *name, const char *value)
{
    if (value != NULL) {
        (void)buf_appendf(out, "&%s=", name);
        append_escaped(out, value);
    }
}

static struct scope scope_of(const struct s3_link *link)
{
    struct scope s;
    struct tm at;
    time_t seconds = (time_t)(link->at_ms / 1000);

    (void)gmtime_r(&seconds, &at);
    (void)strftime(s.moment, sizeof s.moment, "%Y%m%dT%H%M%SZ", &at);
    (void)snprintf(s.text, sizeof s.text, "%.*s/%s/s3/aws4_request", DATE_LEN, s.moment,
                   link->region);
    return s;
}

/* All of the query but the signature, in the order in which it is signed. */
static void append_query(struct buf *out, const struct s3_link *link, const struct scope *scope)
{
    (void)buf_append_str(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    append_escaped(out, link->access_key);
    (void)buf_append_str(out, "%2F");
    append_escaped(out, scope->text);
    (void)buf_appendf(out, "&X-Amz-Date=%s&X-Amz-Expires=%d&X-Amz-SignedHeaders=host",
                      scope->moment, link->seconds);
    append_param(out, "response-content-disposition", link->disposition);
    append_param(out, "response-content-type", link->content_type);
}

static void mac(const unsigned char *key, size_t key_len, const char *text, size_t len,
                unsigned char out[MAC_SIZE])
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

/* The key of a day, region and service: one step for each part of the scope. */
static void derive(const char *secret, const char *scope, unsigned char key[MAC_SIZE])
{
    AUTO(free_ptr) char *first = xasprintf("AWS4%s", secret);
    unsigned char next[MAC_SIZE];
    size_t len = strcspn(scope, "/");

    mac((const unsigned char *)first, strlen(first), scope, len, key);
    while (scope[len] == '/') {
        scope += len + 1;
        len = strcspn(scope, "/");
        mac(key, MAC_SIZE, scope, len, next);
        memcpy(key, next, MAC_SIZE);
    }
    sodium_memzero(next, sizeof next);
    sodium_memzero(first, strlen(first));
}

static void sign(const struct s3_link *link, const struct scope *scope, struct span canonical,
                 char out[SIGNATURE_SIZE])
{
    char hash[SHA256_TEXT_SIZE];
    char text[sizeof scope->text + sizeof hash + 64];
    unsigned char key[MAC_SIZE];
    unsigned char signature[MAC_SIZE];

    sha256_hex(canonical, hash);
    (void)snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", scope->moment, scope->text,
                   hash);
    derive(link->secret_key, scope->text, key);
    mac(key, sizeof key, text, strlen(text), signature);
    sodium_memzero(key, sizeof key);
    (void)sodium_bin2hex(out, SIGNATURE_SIZE, signature, sizeof signature);
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* As browsers send it in Host: in small letters, and without the port that the scheme has anyway. */
static bool read_host(const char *url, size_t *scheme_len, char host[512], const char **path)
{
    const char *at = strstr(url, "://");
    size_t len = 0;

    if (at == NULL) {
        return false;
    }
    at += 3;
    len = strcspn(at, "/");
    if (at[len] != '/' || len >= 512) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        host[i] = (char)tolower((unsigned char)at[i]);
    }
    host[len] = '\0';
    if (ends_in(host, strncmp(url, "https:", 6) == 0 ? ":443" : ":80")) {
        *strrchr(host, ':') = '\0';
    }
    *scheme_len = (size_t)(at - url);
    *path = at + len;
    return true;
}

void s3_link_write(const struct s3_link *link, struct buf *out)
{
    AUTO(buf_clear) struct buf query = BUF_INIT(QUERY_MAX);
    AUTO(buf_clear) struct buf canonical = BUF_INIT(CANONICAL_MAX);
    struct scope scope = scope_of(link);
    char signature[SIGNATURE_SIZE];
    char host[512];
    const char *path = NULL;
    size_t scheme_len = 0;

    if (!read_host(link->url, &scheme_len, host, &path)) {
        return;
    }
    append_query(&query, link, &scope);
    (void)buf_appendf(&canonical, "GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", path,
                      buf_str(&query), host);
    if (buf_ok(&query) && buf_ok(&canonical)) {
        sign(link, &scope, buf_span(&canonical), signature);
        (void)buf_appendf(out, "%.*s%s%s?%s&X-Amz-Signature=%s", (int)scheme_len, link->url, host,
                          path, buf_str(&query), signature);
    }
}
