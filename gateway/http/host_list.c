#include "http/host_list.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/header.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]"
#define HOST_MAX   253

struct host_list {
    char *names;    /* server_hosts */
    char *listen;   /* where it listens, without port and brackets */
    bool takes_all; /* nobody asked for a list */
    bool takes_addresses;
    bool is_loopback_only; /* and nothing is in the list */
};

static bool is_wildcard(const char *address)
{
    return address[0] == '\0' || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* The address of server_listen without its port and brackets; the caller frees it. */
static char *address_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    struct span address = {listen, colon != NULL ? (size_t)(colon - listen) : strlen(listen)};

    if (address.len >= 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']') {
        address = (struct span){address.ptr + 1, address.len - 2};
    }
    return xstrndup(address.ptr, address.len);
}

/* The next name of a list with commas; false at its end. */
static bool next_name(const char **at, struct span *out)
{
    const char *start = *at + strspn(*at, " ,");
    size_t len = strcspn(start, ",");

    *at = start + len;
    while (len > 0 && start[len - 1] == ' ') {
        len--;
    }
    *out = (struct span){start, len};
    return len > 0;
}

static enum errc check_names(const char *names, struct err *e)
{
    struct span name;

    for (const char *at = names; next_name(&at, &name);) {
        for (size_t i = 0; i < name.len; i++) {
            if (name.len > HOST_MAX || strchr(NAME_CHARS, name.ptr[i]) == NULL) {
                return err_set(
                    e, ERR_INVALID_PARAMETER,
                    "server_hosts: \"%.*s\" is no name or address, such as gateway.example",
                    (int)(name.len < 80 ? name.len : 80), name.ptr);
            }
        }
    }
    return ERR_NONE;
}

enum errc host_list_new(const struct config *config, struct host_list **out, struct err *e)
{
    struct host_list *l = NULL;
    bool is_loopback = strcmp(config->auth_mode, "loopback") == 0;
    bool is_empty = strspn(config->server_hosts, " ,") == strlen(config->server_hosts);
    enum errc rc = check_names(config->server_hosts, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    l = xcalloc(1, sizeof *l);
    l->names = xstrdup(config->server_hosts);
    l->listen = address_of(config->server_listen);
    l->takes_all = is_empty && strcmp(config->auth_mode, "off") == 0;
    l->takes_addresses = is_wildcard(l->listen) && !is_loopback;
    l->is_loopback_only = is_empty && is_loopback;
    *out = l;
    return ERR_NONE;
}

void host_list_free(struct host_list *l)
{
    if (l != NULL) {
        free(l->names);
        free(l->listen);
        free(l);
    }
}

/* Nobody can let an address lead somewhere else, as can be done with a name. */
static bool is_address(struct span name)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;

    if (name.len == 0 || name.len >= sizeof text) {
        return false;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1;
}

static bool is_same(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool is_listed(const struct host_list *l, struct span name)
{
    struct span listed;

    for (const char *at = l->names; next_name(&at, &listed);) {
        if (is_same(host_without_port(listed), name)) {
            return true;
        }
    }
    return false;
}

bool host_list_allows(const struct host_list *l, struct span host)
{
    struct span name = host_without_port(host);

    if (l->takes_all || host_is_loopback(host)) {
        return true;
    }
    return name.len > 0 && (is_same(name, span_of(l->listen)) || is_listed(l, name) ||
                            (l->takes_addresses && is_address(name)));
}

const char *host_list_refusal(const struct host_list *l)
{
    return l->is_loopback_only
               ? "This gateway answers only to localhost, 127.0.0.1 and [::1]."
               : "This gateway does not answer to the name in the Host field; server_hosts in its "
                 "settings lists those that it answers to.";
}
