#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "http/header.h"

#define PORT_MAX 65535

static void free_addresses(struct addrinfo **list)
{
    if (*list != NULL) {
        freeaddrinfo(*list);
    }
}

/* Splits "host:port" at the last colon; brackets around the host are taken off. */
static enum errc split(const char *address, char host[NI_MAXHOST], const char **port, struct err *e)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;
    bool is_bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';
    int number = 0;

    if (colon == NULL || len >= NI_MAXHOST || !decimal_parse(colon + 1, 0, PORT_MAX, &number) ||
        (!is_bracketed && memchr(address, ':', len) != NULL)) {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "server_listen: \"%s\" is not host:port, such as 127.0.0.1:8090 or [::1]:8090",
            address);
    }
    len -= is_bracketed ? 2 : 0;
    memcpy(host, address + (is_bracketed ? 1 : 0), len);
    host[len] = '\0';
    *port = colon + 1;
    return ERR_NONE;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) != 0;
    }
    return false;
}

/* The socket, or -1 with *failure set to its errno. */
static int bind_to(const struct addrinfo *address, int *failure)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        *failure = errno;
        file_close(&fd);
    }
    return fd;
}

/* "http://127.0.0.1:8090", with the port that the kernel chose. */
static char *url_of(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof address;
    char host[INET6_ADDRSTRLEN + 16] = "?";
    char port[8] = "0";

    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    return xasprintf(address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

enum errc listen_open(const char *address, bool is_loopback_only, int *out_fd, char **out_url,
                      struct err *e)
{
    char host[NI_MAXHOST] = "";
    AUTO(free_addresses) struct addrinfo *list = NULL;
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    enum errc rc = split(address, host, &port, e);
    int fd;
    int failed;

    if (rc != ERR_NONE) {
        return rc;
    }
    failed = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &list);
    if (failed != 0) {
        return err_set(e, ERR_INVALID_PARAMETER, "server_listen: %s cannot be found: %s", address,
                       gai_strerror(failed));
    }
    if (is_loopback_only && !is_loopback(list->ai_addr)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "server_listen: %s can be reached from other machines, and auth_mode "
                       "\"loopback\" asks nobody for a key; listen on 127.0.0.1 or [::1]",
                       address);
    }
    fd = bind_to(list, &failed);
    if (fd < 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "Cannot listen on %s: %s", address,
                       failed == EADDRINUSE ? "another program already does"
                                            : strerrordesc_np(failed));
    }
    *out_fd = fd;
    *out_url = url_of(fd);
    return ERR_NONE;
}
