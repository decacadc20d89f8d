/* http_peer.h - an HTTP server for tests that misbehaves as its paths say. One thread per connection.
 *
 *   /echo            200 with the request as it came
 *   /status/N        status N with a short text
 *   /bytes/N         200 with N bytes
 *   /chunked/N       the same without a length told before
 *   /error/N         404 with N bytes
 *   /redirect        302 to /echo
 *   /part            206 with a short text
 *   /headers         200 with headers of all kinds
 *   /endless         200 with "tick\n" every 5 ms until the client goes, which counts as a departure
 *   /die             closes when the request has come
 *   /die-if-kept     the same, unless it is the first request of its connection
 *   /half-head       closes within the answer's head
 *   /half            closes within the answer's body
 *   /half-chunked    the same without a length told before
 *   /hang            says nothing
 */
#ifndef CG_TESTS_HTTP_PEER_H
#define CG_TESTS_HTTP_PEER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define PEER_CONNECTIONS 1024
#define PEER_REQUEST_MAX (8U << 20)

struct peer;

struct peer_connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
    int requests;
};

struct peer {
    int listen_fd;
    int port;
    pthread_t thread;
    struct peer_connection connection[PEER_CONNECTIONS];
    atomic_int connections;
    atomic_int gets;
    atomic_int posts;
    atomic_int departures;
};

/* ---- reading a request -------------------------------------------------------------------------- */

static inline size_t peer_length(const struct buf *head)
{
    const char *field = strcasestr(buf_str(head), "\r\nContent-Length:");

    return field != NULL ? strtoul(field + 17, NULL, 10) : 0;
}

/* False at the end of the connection. */
static inline bool peer_read(struct peer_connection *c, struct buf *request)
{
    size_t needed = 0;

    buf_reset(request);
    while (needed == 0 || request->len < needed) {
        char chunk[16384];
        const char *end = NULL;
        ssize_t got =
            recv(c->fd, chunk,
                 needed > 0 && needed - request->len < sizeof chunk ? needed - request->len
                                                                    : sizeof chunk,
                 0);

        if (got <= 0 || !buf_append(request, chunk, (size_t)got)) {
            return false;
        }
        end = needed == 0 ? strstr(buf_str(request), "\r\n\r\n") : NULL;
        if (end != NULL) {
            needed = (size_t)(end - buf_str(request)) + 4 + peer_length(request);
        }
    }
    return true;
}

/* ---- answering ---------------------------------------------------------------------------------- */

static inline void peer_send(struct peer_connection *c, struct span s)
{
    while (s.len > 0) {
        ssize_t sent = send(c->fd, s.ptr, s.len, MSG_NOSIGNAL);

        if (sent <= 0) {
            return;
        }
        s.ptr += sent;
        s.len -= (size_t)sent;
    }
}

static inline void peer_answer(struct peer_connection *c, int status, const char *more,
                               struct span body)
{
    char head[256];
    int len = snprintf(head, sizeof head, "HTTP/1.1 %d Test\r\n%sContent-Length: %zu\r\n\r\n",
                       status, more, body.len);

    peer_send(c, (struct span){head, (size_t)len});
    peer_send(c, body);
}

static inline void peer_bytes(struct peer_connection *c, int status, size_t count, bool is_chunked)
{
    AUTO(free_ptr) char *bytes = xmalloc(count + 1);
    char size[32];
    int len = snprintf(size, sizeof size, "%zx\r\n", count);

    memset(bytes, 'b', count);
    if (!is_chunked) {
        peer_answer(c, status, "", (struct span){bytes, count});
        return;
    }
    peer_send(c, SPAN_LIT("HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n"));
    peer_send(c, (struct span){size, (size_t)len});
    peer_send(c, (struct span){bytes, count});
    peer_send(c, SPAN_LIT("\r\n0\r\n\r\n"));
}

static inline bool peer_path_is(const char *path, const char *wanted)
{
    size_t len = strlen(wanted);

    return strncmp(path, wanted, len) == 0 && (path[len] == ' ' || path[len - 1] == '/');
}

/* The tail of the path as a number. */
static inline size_t peer_number(const char *path)
{
    const char *at = path + strcspn(path, " ");

    while (at[-1] != '/') {
        at--;
    }
    return strtoul(at, NULL, 10);
}

/* False for a path that belongs to peer_serve_badly. */
static inline bool peer_serve_well(struct peer_connection *c, const char *path, struct span request)
{
    if (peer_path_is(path, "/echo")) {
        peer_answer(c, 200, "", request);
    } else if (peer_path_is(path, "/status/")) {
        peer_answer(c, (int)peer_number(path), "", SPAN_LIT("a short text"));
    } else if (peer_path_is(path, "/bytes/")) {
        peer_bytes(c, 200, peer_number(path), false);
    } else if (peer_path_is(path, "/chunked/")) {
        peer_bytes(c, 200, peer_number(path), true);
    } else if (peer_path_is(path, "/error/")) {
        peer_bytes(c, 404, peer_number(path), false);
    } else if (peer_path_is(path, "/redirect")) {
        peer_answer(c, 302, "Location: /echo\r\n", SPAN_LIT("elsewhere"));
    } else if (peer_path_is(path, "/part")) {
        peer_answer(c, 206, "", SPAN_LIT("a part of it"));
    } else if (peer_path_is(path, "/headers")) {
        peer_answer(c, 200, "Retry-After:   1.5  \r\nX-Twice: one\r\nX-Empty:\r\nx-twice: two\r\n",
                    SPAN_LIT("body"));
    } else if (peer_path_is(path, "/die-if-kept") && c->requests == 1) {
        peer_answer(c, 200, "", SPAN_LIT("first"));
    } else {
        return false;
    }
    return true;
}

static inline void peer_tick(struct peer_connection *c)
{
    static const char TICK[] = "5\r\ntick\n\r\n";

    peer_send(c, SPAN_LIT("HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n"));
    while (send(c->fd, TICK, sizeof TICK - 1, MSG_NOSIGNAL) > 0) {
        (void)usleep(5000);
    }
    atomic_fetch_add(&c->peer->departures, 1);
}

static inline void peer_serve_badly(struct peer_connection *c, const char *path)
{
    char byte = 0;

    if (peer_path_is(path, "/half-head")) {
        peer_send(c, SPAN_LIT("HTTP/1.1 200 Te"));
    } else if (peer_path_is(path, "/half")) {
        peer_send(c, SPAN_LIT("HTTP/1.1 200 Test\r\nContent-Length: 100\r\n\r\nonly this"));
    } else if (peer_path_is(path, "/half-chunked")) {
        peer_send(c, SPAN_LIT("HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nthis"));
    } else if (peer_path_is(path, "/endless")) {
        peer_tick(c);
    } else if (peer_path_is(path, "/hang")) {
        (void)recv(c->fd, &byte, 1, 0);
    }
}

static inline void *peer_connection_main(void *arg)
{
    struct peer_connection *c = arg;
    AUTO(buf_clear) struct buf request = BUF_INIT(PEER_REQUEST_MAX);
    bool is_kept = true;

    while (is_kept && peer_read(c, &request)) {
        const char *path = buf_str(&request) + strcspn(buf_str(&request), " ") + 1;
        bool is_post = strncmp(buf_str(&request), "POST", 4) == 0;

        c->requests++;
        atomic_fetch_add(is_post ? &c->peer->posts : &c->peer->gets, 1);
        is_kept = peer_serve_well(c, path, buf_span(&request));
        if (!is_kept) {
            peer_serve_badly(c, path);
        }
    }
    (void)shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

/* ---- starting and stopping ---------------------------------------------------------------------- */

static inline void *peer_main(void *arg)
{
    struct peer *p = arg;
    int fd = -1;

    while ((fd = accept(p->listen_fd, NULL, NULL)) >= 0) {
        int number = atomic_load(&p->connections);
        struct peer_connection *c = &p->connection[number];

        bug_if(number == PEER_CONNECTIONS);
        c->peer = p;
        c->fd = fd;
        /* Before it can answer: whoever has its answer may count. */
        atomic_store(&p->connections, number + 1);
        bug_if(pthread_create(&c->thread, NULL, peer_connection_main, c) != 0);
    }
    return NULL;
}

/* A socket that listens on the port that it writes to *port. */
static inline int peer_listen(int backlog, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bug_if(bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, backlog) != 0);
    bug_if(getsockname(fd, (struct sockaddr *)&address, &size) != 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline struct peer *peer_start(void)
{
    struct peer *p = xcalloc(1, sizeof *p);

    p->listen_fd = peer_listen(SOMAXCONN, &p->port);
    bug_if(pthread_create(&p->thread, NULL, peer_main, p) != 0);
    return p;
}

static inline void peer_stop(struct peer *p)
{
    (void)shutdown(p->listen_fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listen_fd);
    for (int i = 0; i < atomic_load(&p->connections); i++) {
        (void)shutdown(p->connection[i].fd, SHUT_RDWR);
        (void)pthread_join(p->connection[i].thread, NULL);
        (void)close(p->connection[i].fd);
    }
    free(p);
}

#endif
