/* ws_url.c - reads RFC 3986 as far as a WebSocket's URL goes (RFC 6455 3). */
#include "net/ws_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define URL_MAX 4096

/* The scheme's length; 0 = none of ours. */
static size_t read_scheme(struct ws_url *u, const char *url)
{
    static const struct {
        const char *text;
        bool is_tls;
    } SCHEMES[] = {{"wss://", true}, {"https://", true}, {"ws://", false}, {"http://", false}};

    for (size_t i = 0; i < COUNT_OF(SCHEMES); i++) {
        size_t len = strlen(SCHEMES[i].text);

        if (strncasecmp(url, SCHEMES[i].text, len) == 0) {
            u->is_tls = SCHEMES[i].is_tls;
            return len;
        }
    }
    return 0;
}

static bool read_port(struct ws_url *u, const char *digits)
{
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || len > 5 || digits[len] != '\0') {
        return false;
    }
    u->port = (int)strtol(digits, NULL, 10);
    return u->port > 0 && u->port <= 65535;
}

static bool read_authority(struct ws_url *u)
{
    const char *host = u->authority;
    const char *bracket = strrchr(host, ']');
    const char *colon = strrchr(host, ':');
    size_t len = strlen(host);

    u->port = u->is_tls ? 443 : 80;
    if (bracket == NULL && strchr(host, ':') != colon) {
        return false;
    }
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        len = (size_t)(colon - host);
        if (!read_port(u, colon + 1)) {
            return false;
        }
    }
    if (bracket != NULL) {
        if (host[0] != '[' || len != (size_t)(bracket - host) + 1) {
            return false;
        }
        host++;
        len -= 2;
    }
    u->host = xstrndup(host, len);
    return len > 0 && strpbrk(u->authority, "@\\") == NULL;
}

/* What lws is given goes into the request's head as it is. */
static bool has_only_visible(const char *url)
{
    for (const char *at = url; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool read_url(struct ws_url *u, const char *url)
{
    size_t scheme_len = read_scheme(u, url);
    const char *rest = url + scheme_len + strcspn(url + scheme_len, "/?#");

    if (scheme_len == 0 || strlen(url) > URL_MAX || !has_only_visible(url)) {
        return false;
    }
    u->authority = xstrndup(url + scheme_len, (size_t)(rest - url) - scheme_len);
    u->path = xasprintf("%s%.*s", rest[0] == '/' ? "" : "/", (int)strcspn(rest, "#"), rest);
    return read_authority(u);
}

bool ws_url_read(struct ws_url *out, const char *url)
{
    struct ws_url u = {.port = 0};

    if (!read_url(&u, url)) {
        ws_url_clear(&u);
        return false;
    }
    *out = u;
    return true;
}

void ws_url_clear(struct ws_url *u)
{
    free(u->host);
    free(u->authority);
    free(u->path);
    *u = (struct ws_url){.port = 0};
}
