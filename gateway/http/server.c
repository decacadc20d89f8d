/* server.c - the daemon. See server.h; the way of a request is in request.h.
 *
 * libmicrohttpd calls back on one of its threads, always the same one for a
 * connection. Its own decoding of escapes is off: the target is taken as it was
 * received (on_target) and read by uri.c.
 */
#include "http/server.h"

#include <fcntl.h>
#include <sodium/utils.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/listen.h"
#include "http/request.h"
#include "http/signed_link.h"
#include "http/slow_peers.h"

/* Of one connection: header fields in, header fields out, a piece of the body. */
#define CONNECTION_MEMORY (16U << 10)
/* Longest silence of a client from which something is expected. */
#define SILENCE_S 30U
/* Longest wait, when stopping, for answers that are being sent. */
#define DRAIN_MS 1000
/* Of the store, the files, ComfyUI and the threads, beside the connections. */
#define OTHER_DESCRIPTORS 512
/* Requests that may wait for slow work; each holds its body. */
#define OFFLOAD_WAITING 256

/* ---- callbacks ------------------------------------------------------------------------------------ */

/* Called with the request line, before the fields are read. */
static void *on_target(void *server, const char *target, struct MHD_Connection *connection)
{
    return request_new(server, connection, target);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    struct request *r = *request;
    enum MHD_Result result;

    (void)server;
    (void)connection;
    (void)url;
    if (!r->is_begun) {
        request_enter(r, PEER_BODY);
        return request_begin(r, method, version);
    }
    if (*size == 0) {
        request_enter(r, PEER_SERVED);
        return request_run(r);
    }
    result = request_body(r, (struct span){data, *size});
    *size = 0;
    return result;
}

static void on_completed(void *server, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *s = server;
    struct request *r = *request;

    (void)connection;
    if (r != NULL && r->is_stream && why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) {
        metrics_add(s->parts.metrics, METRIC_STREAMS_CLOSED, 0, 0, 1);
    }
    if (r != NULL) {
        request_enter(r, PEER_HEAD);
    }
    request_free(r);
    *request = NULL;
}

static void on_connection(void *server, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = server;

    /* The socket is closed after the second of these. */
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = slow_peers_add(
            s->slow_peers,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
        (void)atomic_fetch_add(&s->connections, 1);
    } else {
        slow_peers_remove(s->slow_peers, *context);
        (void)atomic_fetch_sub(&s->connections, 1);
    }
}

static size_t keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static PRINTF_LIKE(2, 0) void on_message(void *arg, const char *fmt, va_list args)
{
    char text[256];

    (void)arg;
    (void)vsnprintf(text, sizeof text, fmt, args);
    log_debug("http_library", LOG_S("text", text));
}

/* ---- life ----------------------------------------------------------------------------------------- */

/* A system that is set up for small programs lets them have 1024 descriptors, fewer than waiters. */
static void raise_descriptor_limit(rlim_t needed)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < needed) {
        log_warn("descriptors_short", LOG_I("wanted", needed), LOG_I("limit", limit.rlim_cur));
    }
}

static enum errc start_daemon(struct http_server *s, struct err *e)
{
    const struct config *c = s->parts.config;
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;

    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)c->server_threads, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)c->server_max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)c->server_max_per_address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_END);
    return s->daemon != NULL ? ERR_NONE
                             : err_set(e, ERR_INTERNAL_ERROR,
                                       "The HTTP server did not start: %s threads and %s "
                                       "connections may be more than this system allows.",
                                       "server_threads", "server_max_connections");
}

enum errc http_server_start(const struct http_parts *parts, struct http_server **out, struct err *e)
{
    struct http_server *s = xcalloc(1, sizeof *s);
    enum errc rc;

    s->parts = *parts;
    s->id = id_new();
    s->listen_fd = -1;
    s->asks_keys = strcmp(parts->config->auth_mode, "keys") == 0;
    s->keyring = keyring_new(parts->key_uses);
    s->rates = rates_new(parts->config);
    signed_links_derive(parts->links, "session", s->session_secret);
    atomic_init(&s->is_quiesced, false);
    atomic_init(&s->open_requests, 0);
    atomic_init(&s->connections, 0);
    s->slow_peers = slow_peers_new(parts->config);
    templates_reload_names(&s->parts);
    reader_key_open(s);
    raise_descriptor_limit((rlim_t)parts->config->server_max_connections + OTHER_DESCRIPTORS);
    rc = host_list_new(parts->config, &s->hosts, e);
    if (rc == ERR_NONE) {
        rc = listen_open(parts->config->server_listen,
                         strcmp(parts->config->auth_mode, "loopback") == 0, &s->listen_fd, &s->url,
                         e);
    }
    if (rc == ERR_NONE) {
        rc = fetch_policy_add_own(parts->fetch, s->url, e);
    }
    if (rc == ERR_NONE) {
        rc = receiver_policy_add_own(parts->receivers, s->url, e);
    }
    if (rc == ERR_NONE) {
        s->offload = offload_new((size_t)parts->config->server_helpers, OFFLOAD_WAITING);
        rc = s->offload != NULL
                 ? start_daemon(s, e)
                 : err_set(e, ERR_INTERNAL_ERROR, "The threads for slow work did not start.");
    }
    if (rc != ERR_NONE) {
        http_server_stop(s);
        return rc;
    }
    *out = s;
    return ERR_NONE;
}

const char *http_server_url(const struct http_server *s)
{
    return s->url;
}

void http_server_look_around(struct http_server *s, int64_t file_bytes)
{
    int count = slow_peers_look(s->slow_peers, clock_mono_ms());

    atomic_store(&s->room.used_bytes, file_bytes);
    if (count > 0) {
        log_info("slow_clients_closed", LOG_I("count", count));
    }
}

/* Puts a socket that nobody can reach in the place of the one that listens: the kernel takes the old
 * one out of every epoll set and refuses who calls. MHD_quiesce_daemon would do it, but in 0.9.75 it
 * takes the socket out of a worker's set while the worker may be doing the same, and then
 * ends the process. */
static void unlisten(int listen_fd)
{
    AUTO(file_close) int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (deaf < 0 || dup3(deaf, listen_fd, O_CLOEXEC) < 0) {
        (void)shutdown(listen_fd, SHUT_RDWR);
    }
}

void http_server_quiesce(struct http_server *s)
{
    if (atomic_exchange(&s->is_quiesced, true)) {
        return;
    }
    unlisten(s->listen_fd);
}

/* Lets those that have just been woken send what they have to say. */
static void drain(struct http_server *s)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int64_t until = clock_mono_ms() + DRAIN_MS;

    while (atomic_load(&s->open_requests) > 0 && clock_mono_ms() < until) {
        (void)nanosleep(&pause, NULL);
    }
}

void http_server_stop(struct http_server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->daemon != NULL) {
        http_server_quiesce(s);
        offload_close(s->offload); /* resumes whom it serves */
        drain(s);
        MHD_stop_daemon(s->daemon); /* closes the listening socket, too */
        s->listen_fd = -1;
    }
    offload_free(s->offload);
    slow_peers_free(s->slow_peers);
    file_close(&s->listen_fd);
    reader_key_close(s);
    host_list_free(s->hosts);
    rates_free(s->rates);
    keyring_free(s->keyring);
    free(s->url);
    sodium_memzero(s->session_secret, sizeof s->session_secret);
    free(s);
}
