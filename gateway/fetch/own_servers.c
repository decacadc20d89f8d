#include "fetch/own_servers.h"

#include <curl/curl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PORT_MAX 65535UL

struct own_servers {
    size_t count;
    struct own_server {
        char *host; /* without brackets; "" = every address of this machine */
        uint16_t port;
    } * item;
};

/* ---- reading --------------------------------------------------------------------------------- */

static void free_curl_text(char **text)
{
    curl_free(*text);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

/* Own settings may be in any spelling that curl understands. */
static bool read_url(const char *text, char **host, unsigned long *port)
{
    AUTO(free_url) CURLU *url = require_memory(curl_url());
    AUTO(free_curl_text) char *name = NULL;
    AUTO(free_curl_text) char *number = NULL;

    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &name, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        return false;
    }
    *host = xstrdup(name);
    *port = strtoul(number, NULL, 10);
    return true;
}

static bool read_host_port(const char *text, char **host, unsigned long *port)
{
    const char *colon = strrchr(text, ':');
    size_t digits = colon != NULL ? strlen(colon + 1) : 0;

    if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") != digits) {
        return false;
    }
    *port = strtoul(colon + 1, NULL, 10);
    if (*port > PORT_MAX) {
        return false;
    }
    *host = xstrndup(text, (size_t)(colon - text));
    return true;
}

static void take_brackets_off(char *host)
{
    size_t len = strlen(host);

    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
}

enum errc own_servers_add(struct own_servers *own, const char *text, struct err *e)
{
    char *host = NULL;
    unsigned long port = 0;
    bool is_url = strstr(text, "://") != NULL;

    if (!(is_url ? read_url : read_host_port)(text, &host, &port)) {
        return err_set(e, ERR_INVALID_PARAMETER, "\"%.200s\" is not host:port, nor a URL", text);
    }
    take_brackets_off(host);
    own->item = xrealloc(own->item, (own->count + 1) * sizeof own->item[0]);
    own->item[own->count++] = (struct own_server){.host = host, .port = (uint16_t)port};
    return ERR_NONE;
}

enum errc own_servers_new(const char *const *texts, size_t count, struct own_servers **out,
                          struct err *e)
{
    struct own_servers *own = xcalloc(1, sizeof *own);

    for (size_t i = 0; i < count; i++) {
        enum errc rc = own_servers_add(own, texts[i], e);

        if (rc != ERR_NONE) {
            own_servers_free(own);
            return rc;
        }
    }
    *out = own;
    return ERR_NONE;
}

void own_servers_free(struct own_servers *own)
{
    if (own == NULL) {
        return;
    }
    for (size_t i = 0; i < own->count; i++) {
        free(own->item[i].host);
    }
    free(own->item);
    free(own);
}

/* ---- finding --------------------------------------------------------------------------------- */

void own_addresses_clear(struct own_addresses *list)
{
    free(list->item);
    *list = (struct own_addresses){NULL, 0};
}

static void add(struct own_addresses *list, struct address a, uint16_t port)
{
    a.port = port;
    list->item = xrealloc(list->item, (list->count + 1) * sizeof list->item[0]);
    list->item[list->count++] = a;
}

static void add_socket(struct own_addresses *list, const struct sockaddr *sa, uint16_t port)
{
    size_t len = sa->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
                 : sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                             : 0;
    struct address a;

    if (address_from_socket(sa, len, &a)) {
        add(list, a, port);
    }
}

static enum errc add_machine(struct own_addresses *list, uint16_t port, struct err *e)
{
    struct ifaddrs *all = NULL;

    add(list, (struct address){.is_v4 = true}, port);
    if (getifaddrs(&all) != 0) {
        return err_set(e, ERR_URL_FETCH_FAILED,
                       "What the gateway's own addresses are cannot be told now.");
    }
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        if (at->ifa_addr != NULL) {
            add_socket(list, at->ifa_addr, port);
        }
    }
    freeifaddrs(all);
    return ERR_NONE;
}

static enum errc add_name(struct own_addresses *list, const struct own_server *server,
                          struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    int failed = getaddrinfo(server->host, NULL, &hints, &all);

    if (failed == EAI_NONAME || failed == EAI_NODATA) {
        return ERR_NONE;
    }
    if (failed != 0) {
        return err_set(e, ERR_URL_FETCH_FAILED,
                       "What the gateway's own addresses are cannot be told now.");
    }
    for (const struct addrinfo *at = all; at != NULL; at = at->ai_next) {
        add_socket(list, at->ai_addr, server->port);
    }
    freeaddrinfo(all);
    return ERR_NONE;
}

static bool is_every(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

enum errc own_servers_find(const struct own_servers *own, uint16_t port, struct own_addresses *out,
                           struct err *e)
{
    AUTO(own_addresses_clear) struct own_addresses list = {NULL, 0};
    enum errc rc = ERR_NONE;

    for (size_t i = 0; rc == ERR_NONE && i < own->count; i++) {
        const struct own_server *server = &own->item[i];

        if (server->port == port) {
            rc = is_every(server->host) ? add_machine(&list, port, e) : add_name(&list, server, e);
        }
    }
    if (rc == ERR_NONE) {
        *out = list;
        list = (struct own_addresses){NULL, 0};
    }
    return rc;
}
