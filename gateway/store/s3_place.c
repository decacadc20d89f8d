#include "store/s3_place.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define SCHEME      "s3://"
#define LOWER       "abcdefghijklmnopqrstuvwxyz"
#define UPPER       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"
#define IN_BUCKET   LOWER DIGITS ".-"
#define IN_PREFIX   LOWER UPPER DIGITS "._-/"
#define IN_REGION   LOWER DIGITS "-"
#define IN_HOST     LOWER UPPER DIGITS ".-:[]"
#define BUCKET_MIN  3
#define KEY_HASH_AT 5 /* of o/ab/abcdef… */

static enum errc refuse(struct err *e, const char *why)
{
    return err_set(e, ERR_INVALID_PARAMETER,
                   "storage_url: %s; it is s3://bucket[/prefix]?endpoint=https://host[:port]"
                   "&region=name&path_style=0|1",
                   why);
}

/* Copies what is not longer than fits and made of `allowed` alone. */
static bool take(char *out, size_t size, const char *from, size_t len, const char *allowed)
{
    if (len >= size || strspn(from, allowed) < len) {
        return false;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

static enum errc take_prefix(const char *from, size_t len, struct s3_place *p, struct err *e)
{
    while (len > 0 && from[len - 1] == '/') {
        len--;
    }
    if (!take(p->prefix, sizeof p->prefix - 1, from, len, IN_PREFIX) || p->prefix[0] == '/' ||
        strstr(p->prefix, "//") != NULL || strstr(p->prefix, "..") != NULL) {
        return refuse(e, "the prefix may have letters, digits and . _ - / and 254 of them");
    }
    if (len > 0) {
        p->prefix[len] = '/';
        p->prefix[len + 1] = '\0';
    }
    return ERR_NONE;
}

struct options {
    char endpoint[256];
    char path_style[2];
};

static enum errc take_option(const char *from, size_t len, struct s3_place *p, struct options *o,
                             struct err *e)
{
    const char *equals = memchr(from, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - from) : len;
    const char *value = equals != NULL ? equals + 1 : from + len;
    size_t value_len = len - (size_t)(value - from);

    if (name_len == 8 && strncmp(from, "endpoint", name_len) == 0) {
        return take(o->endpoint, sizeof o->endpoint, value, value_len, IN_HOST "/")
                   ? ERR_NONE
                   : refuse(e, "endpoint is not http(s)://host[:port]");
    }
    if (name_len == 6 && strncmp(from, "region", name_len) == 0) {
        return value_len > 0 && take(p->region, sizeof p->region, value, value_len, IN_REGION)
                   ? ERR_NONE
                   : refuse(e, "region has small letters, digits and -");
    }
    if (name_len == 10 && strncmp(from, "path_style", name_len) == 0) {
        return value_len == 1 && take(o->path_style, sizeof o->path_style, value, value_len, "01")
                   ? ERR_NONE
                   : refuse(e, "path_style is 0 or 1");
    }
    return refuse(e, "it has an option that is none of endpoint, region and path_style");
}

static enum errc take_options(const char *query, struct s3_place *p, struct options *o,
                              struct err *e)
{
    enum errc rc = ERR_NONE;

    while (*query != '\0' && rc == ERR_NONE) {
        size_t len = strcspn(query, "&");

        rc = take_option(query, len, p, o, e);
        query += len + (query[len] == '&' ? 1 : 0);
    }
    return rc;
}

static enum errc settle_endpoint(struct s3_place *p, struct options *o, struct err *e)
{
    const char *host = NULL;
    size_t scheme_len = strncmp(o->endpoint, "https://", 8) == 0  ? 8
                        : strncmp(o->endpoint, "http://", 7) == 0 ? 7
                                                                  : 0;

    p->is_path_style = o->path_style[0] != '\0' ? o->path_style[0] == '1' : o->endpoint[0] != '\0';
    if (o->endpoint[0] == '\0') {
        (void)snprintf(o->endpoint, sizeof o->endpoint, "https://s3.%s.amazonaws.com", p->region);
        scheme_len = 8;
    }
    host = o->endpoint + scheme_len;
    if (scheme_len == 0 || *host == '\0' || strspn(host, IN_HOST) != strlen(host)) {
        return refuse(e, "endpoint is not http(s)://host[:port]");
    }
    if (p->is_path_style) {
        (void)snprintf(p->base, sizeof p->base, "%s", o->endpoint);
    } else {
        (void)snprintf(p->base, sizeof p->base, "%.*s%s.%s", (int)scheme_len, o->endpoint,
                       p->bucket, host);
    }
    return ERR_NONE;
}

enum errc s3_place_parse(const char *url, struct s3_place *out, struct err *e)
{
    struct s3_place p = {.region = "us-east-1"};
    struct options o = {.endpoint = ""};
    const char *at = url + strlen(SCHEME);
    size_t len = 0;
    enum errc rc = ERR_NONE;

    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0) {
        return refuse(e, "it does not begin with s3://");
    }
    len = strcspn(at, "/?");
    if (len < BUCKET_MIN || !take(p.bucket, sizeof p.bucket, at, len, IN_BUCKET)) {
        return refuse(e, "a bucket's name has 3 to 63 small letters, digits, . and -");
    }
    at += len;
    if (*at == '/') {
        at++;
        len = strcspn(at, "?");
        rc = take_prefix(at, len, &p, e);
        at += len;
    }
    if (rc == ERR_NONE && *at == '?') {
        rc = take_options(at + 1, &p, &o, e);
    }
    if (rc == ERR_NONE) {
        rc = settle_endpoint(&p, &o, e);
    }
    if (rc == ERR_NONE) {
        *out = p;
    }
    return rc;
}

enum errc s3_place_parse_at(const char *url, const char *endpoint, struct s3_place *out,
                            struct err *e)
{
    /* The later of two options counts. */
    AUTO(free_ptr)
    char *other = xasprintf("%s%cendpoint=%s", url, strchr(url, '?') != NULL ? '&' : '?', endpoint);

    if (strchr(endpoint, '&') != NULL || s3_place_parse(other, out, e) != ERR_NONE) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "storage_link_endpoint: it is http(s)://host[:port], without a path");
    }
    return ERR_NONE;
}

static int write_base(const struct s3_place *p, char out[S3_URL_SIZE])
{
    return snprintf(out, S3_URL_SIZE, "%s/%s%s", p->base, p->is_path_style ? p->bucket : "",
                    p->is_path_style ? "/" : "");
}

void s3_place_object(const struct s3_place *p, const char *sha256, char out[S3_URL_SIZE])
{
    int len = write_base(p, out);

    (void)snprintf(out + len, S3_URL_SIZE - (size_t)len, "%so/%.2s/%s", p->prefix, sha256, sha256);
}

/* With slashes as a query's signature wants them. */
static void write_escaped(char *out, size_t size, const char *text)
{
    size_t len = 0;

    for (; *text != '\0' && len + 4 < size; text++) {
        len += (size_t)snprintf(out + len, size - len, *text == '/' ? "%%2F" : "%c", *text);
    }
}

void s3_place_list(const struct s3_place *p, const char *after, int count, char out[S3_URL_SIZE])
{
    char prefix[3 * sizeof p->prefix] = "";
    int len = write_base(p, out);

    /* The slash behind a bucket in the path stays: with it every server knows which bucket is meant. */
    write_escaped(prefix, sizeof prefix, p->prefix);
    len += snprintf(out + len, S3_URL_SIZE - (size_t)len, "?list-type=2&max-keys=%d&prefix=%so%%2F",
                    count, prefix);
    if (after[0] != '\0' && len < S3_URL_SIZE) {
        (void)snprintf(out + len, S3_URL_SIZE - (size_t)len, "&start-after=%so%%2F%.2s%%2F%s",
                       prefix, after, after);
    }
}

const char *s3_place_hash(const struct s3_place *p, const char *key)
{
    size_t prefix_len = strlen(p->prefix);
    const char *own = key + prefix_len;

    if (strncmp(key, p->prefix, prefix_len) != 0 || strncmp(own, "o/", 2) != 0 ||
        strlen(own) != KEY_HASH_AT + SHA256_TEXT_SIZE - 1 || own[4] != '/') {
        return "";
    }
    own += KEY_HASH_AT;
    return strspn(own, "0123456789abcdef") == SHA256_TEXT_SIZE - 1 && strncmp(own, own - 3, 2) == 0
               ? own
               : "";
}
