/* http_in.c - see http_in.h.
 *
 * libmicrohttpd has an epoll set of its own, which the loop watches; MHD_run does what is due. A request whose answer takes time is
 * suspended. Its struct belongs to two: the connection, until that has ended, and whoever is to answer, until that is done.
 */
#include "link/http_in.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "wire/message.h"
#include "wire/read.h"

#define CONNECTIONS_MAX  256U
#define IDLE_SECONDS     10U
#define HEADERS_MAX      32768U
#define BACKLOG          64
#define ANSWER_MS        2800
#define CLOCK_APART_S    300
#define TIMESTAMP_DIGITS 19
#define MULTIPART_MAX    (64U << 20)
#define TURN_MAX_MS      60000U

#define TYPE_JSON "application/json"

struct http_in {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    int epoll_fd;
    struct loop_timer timer;
    struct list requests;
    unsigned char key[crypto_sign_PUBLICKEYBYTES];
    char address[80];
    void (*interaction)(void *arg, struct interaction *i, struct http_in_request *request);
    void *arg;
};

struct http_in_request {
    struct list node;
    struct http_in *h;
    struct MHD_Connection *connection; /* NULL when it has ended */
    struct buf body;
    bool is_too_large;
    bool is_owed;      /* somebody is to answer */
    bool is_suspended; /* until then */
    unsigned status;   /* of the answer; 0 = none yet */
    char *content_type;
    struct buf content;
    struct loop_timer timer;
};

static void pump(void *arg);

/* ---- the loop -------------------------------------------------------------------------------- */

static void plan_pump(struct http_in *h)
{
    MHD_UNSIGNED_LONG_LONG in_ms = 0;

    if (MHD_get_timeout(h->daemon, &in_ms) == MHD_YES) {
        loop_timer_set(h->loop, &h->timer, (int64_t)(in_ms < TURN_MAX_MS ? in_ms : TURN_MAX_MS),
                       pump, h);
    } else {
        loop_timer_off(h->loop, &h->timer);
    }
}

static void pump(void *arg)
{
    struct http_in *h = arg;

    (void)MHD_run(h->daemon);
    plan_pump(h);
}

static void on_ready(void *arg, int fd, int events)
{
    (void)fd;
    (void)events;
    pump(arg);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void request_free(struct http_in_request *r)
{
    loop_timer_off(r->h->loop, &r->timer);
    list_remove(&r->node);
    buf_clear(&r->body);
    buf_clear(&r->content);
    free(r->content_type);
    free(r);
}

static void let_go(struct http_in_request *r)
{
    if (r->connection == NULL && !r->is_owed) {
        request_free(r);
    }
}

static void set_answer(struct http_in_request *r, unsigned status, const char *text)
{
    r->status = status;
    xreplace(&r->content_type, TYPE_JSON);
    buf_reset(&r->content);
    (void)buf_append_str(&r->content, text);
}

static enum MHD_Result send_answer(struct http_in_request *r)
{
    struct MHD_Response *response = require_memory(MHD_create_response_from_buffer(
        r->content.len, r->content.len > 0 ? r->content.data : NULL, MHD_RESPMEM_MUST_COPY));
    enum MHD_Result rc = MHD_YES;

    if (r->content.len > 0) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    }
    if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_POST);
    }
    rc = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return rc;
}

static void wake(struct http_in_request *r)
{
    struct http_in *h = r->h;

    loop_timer_off(h->loop, &r->timer);
    if (r->is_suspended) {
        r->is_suspended = false;
        MHD_resume_connection(r->connection);
        /* Not from here: we may be within MHD_run. */
        loop_timer_set(h->loop, &h->timer, 0, pump, h);
    }
}

/* Longer than this Discord does not wait. */
static void on_late(void *arg)
{
    struct http_in_request *r = arg;

    set_answer(r, MHD_HTTP_ACCEPTED, "");
    wake(r);
}

/* ---- answers with files ---------------------------------------------------------------------- */

static void add_file(struct buf *out, const char *boundary, size_t index, struct message_file file)
{
    struct span data = bytes_span(file.data);

    (void)buf_appendf(out,
                      "\r\n--%s\r\nContent-Disposition: form-data; name=\"files[%zu]\"; "
                      "filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
                      boundary, index, file.filename,
                      file.content_type != NULL ? file.content_type : "application/octet-stream");
    (void)buf_append_span(out, data);
}

/* File names are those that wire/message.h made safe. */
static bool set_multipart(struct http_in_request *r, const char *json, const struct message *files)
{
    char boundary[40];
    uint64_t number[2];

    random_fill(number, sizeof number);
    (void)snprintf(boundary, sizeof boundary, "%016llx%016llx", (unsigned long long)number[0],
                   (unsigned long long)number[1]);
    r->content.max = MULTIPART_MAX;
    (void)buf_appendf(&r->content,
                      "--%s\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n"
                      "Content-Type: " TYPE_JSON "\r\n\r\n%s",
                      boundary, json);
    for (size_t i = 0; i < message_file_count(files); i++) {
        add_file(&r->content, boundary, i, message_file_at(files, i));
    }
    (void)buf_appendf(&r->content, "\r\n--%s--\r\n", boundary);
    free(r->content_type);
    r->content_type = xasprintf("multipart/form-data; boundary=%s", boundary);
    r->status = MHD_HTTP_OK;
    return buf_ok(&r->content);
}

bool http_in_respond(struct http_in_request *request, const char *json, const struct message *files)
{
    bool is_in_time = request->status == 0 && request->connection != NULL;

    request->is_owed = false;
    if (!is_in_time) {
        let_go(request);
        return false;
    }
    if (json == NULL) {
        set_answer(request, MHD_HTTP_ACCEPTED, "");
    } else if (files == NULL || message_file_count(files) == 0) {
        set_answer(request, MHD_HTTP_OK, json);
    } else if (!set_multipart(request, json, files)) {
        /* By the callback then, which has no such limit. */
        set_answer(request, MHD_HTTP_ACCEPTED, "");
        is_in_time = false;
    }
    wake(request);
    return is_in_time;
}

/* ---- signatures ------------------------------------------------------------------------------ */

static bool from_hex(const char *text, unsigned char *out, size_t size)
{
    size_t len = 0;

    return text != NULL && strlen(text) == size * 2 &&
           sodium_hex2bin(out, size, text, size * 2, NULL, &len, NULL) == 0 && len == size;
}

static bool is_recent(const char *timestamp)
{
    int64_t apart = 0;

    if (timestamp == NULL || strlen(timestamp) > TIMESTAMP_DIGITS ||
        timestamp[strspn(timestamp, "0123456789")] != '\0') {
        return false;
    }
    apart = strtoll(timestamp, NULL, 10) - clock_wall_ms() / 1000;
    return apart <= CLOCK_APART_S && apart >= -CLOCK_APART_S;
}

static bool is_signed(const struct http_in_request *r)
{
    const char *signature =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "X-Signature-Ed25519");
    const char *timestamp =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "X-Signature-Timestamp");
    unsigned char bytes[crypto_sign_BYTES];
    AUTO(buf_clear) struct buf text = BUF_INIT(INTERACTION_MAX_BYTES + 64U);

    if (!from_hex(signature, bytes, sizeof bytes) || !is_recent(timestamp)) {
        return false;
    }
    (void)buf_append_str(&text, timestamp);
    (void)buf_append_span(&text, buf_span(&r->body));
    return buf_ok(&text) && crypto_sign_verify_detached(bytes, (const unsigned char *)text.data,
                                                        text.len, r->h->key) == 0;
}

/* ---- an interaction -------------------------------------------------------------------------- */

static void hand_over(struct http_in_request *r, cJSON *json)
{
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    if (interaction_from(json, &i, &e) != ERR_NONE) {
        log_warn("interaction_refused", LOG_S("reason", e.detail));
        set_answer(r, MHD_HTTP_BAD_REQUEST, "{\"message\":\"This is no interaction.\"}");
        return;
    }
    r->is_owed = true;
    r->h->interaction(r->h->arg, i, r);
}

/* The body is whole. Afterwards there is an answer, or somebody who owes it. */
static void judge(struct http_in_request *r)
{
    cJSON *json = NULL;

    if (r->is_too_large) {
        set_answer(r, MHD_HTTP_CONTENT_TOO_LARGE, "{\"message\":\"The body is too large.\"}");
        return;
    }
    if (!is_signed(r)) {
        log_info("interaction_unsigned");
        set_answer(r, MHD_HTTP_UNAUTHORIZED,
                   "{\"message\":\"The signature is missing, old or wrong.\"}");
        return;
    }
    json = cJSON_ParseWithLength(buf_str(&r->body), r->body.len);
    if (json == NULL) {
        set_answer(r, MHD_HTTP_BAD_REQUEST, "{\"message\":\"The body is not JSON.\"}");
        return;
    }
    if (read_int(json, "type", 0) == INTERACTION_PING) {
        cJSON_Delete(json);
        set_answer(r, MHD_HTTP_OK, "{\"type\":1}");
        return;
    }
    hand_over(r, json);
}

/* ---- libmicrohttpd --------------------------------------------------------------------------- */

static struct http_in_request *begin_request(struct http_in *h, struct MHD_Connection *connection)
{
    struct http_in_request *r = xcalloc(1, sizeof *r);

    r->h = h;
    r->connection = connection;
    r->body = BUF_INIT(INTERACTION_MAX_BYTES);
    r->content = BUF_INIT(INTERACTION_MAX_BYTES);
    list_push(&h->requests, &r->node);
    return r;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct http_in_request *r = *state;

    (void)url;
    (void)version;
    if (r == NULL) {
        *state = begin_request(arg, connection);
        return MHD_YES;
    }
    if (*size > 0) {
        r->is_too_large = !buf_append(&r->body, data, *size) || r->is_too_large;
        *size = 0;
        return MHD_YES;
    }
    if (r->status == 0 && strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        set_answer(r, MHD_HTTP_METHOD_NOT_ALLOWED, "{\"message\":\"Only POST is served here.\"}");
    }
    if (r->status == 0) {
        judge(r);
    }
    if (r->status != 0) {
        return send_answer(r);
    }
    r->is_suspended = true;
    MHD_suspend_connection(connection);
    loop_timer_set(r->h->loop, &r->timer, ANSWER_MS, on_late, r);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct http_in_request *r = *state;

    (void)arg;
    (void)connection;
    (void)how;
    if (r != NULL) {
        *state = NULL;
        r->connection = NULL;
        loop_timer_off(r->h->loop, &r->timer);
        let_go(r);
    }
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* "127.0.0.1:8091" or "[::1]:8091". */
static bool parse_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    const char *colon = strrchr(text, ':');
    AUTO(free_ptr) char *host = NULL;
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
    long port = 0;

    if (colon == NULL || colon[1] == '\0' || strlen(colon + 1) > 5 ||
        colon[1 + strspn(colon + 1, "0123456789")] != '\0') {
        return false;
    }
    port = strtol(colon + 1, NULL, 10);
    memset(out, 0, sizeof *out);
    host = xstrndup(text, (size_t)(colon - text));
    if (port > UINT16_MAX) {
        return false;
    }
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *len = sizeof *four;
        return true;
    }
    if (host[0] != '[' || host[strlen(host) - 1] != ']') {
        return false;
    }
    host[strlen(host) - 1] = '\0';
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    *len = sizeof *six;
    return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1;
}

static void tell_address(int fd, char out[80])
{
    struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    char port[8] = "";
    bool is_six = false;

    (void)getsockname(fd, (struct sockaddr *)(void *)&bound, &len);
    is_six = bound.ss_family == AF_INET6;
    (void)getnameinfo((const struct sockaddr *)(const void *)&bound, len, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(out, 80, "%s%s%s:%s", is_six ? "[" : "", host, is_six ? "]" : "", port);
}

static enum errc open_socket(const char *listen_at, int *out, struct err *e)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    AUTO(file_close) int fd = -1;
    const int on = 1;

    if (!parse_address(listen_at, &address, &len)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "listen: \"%.60s\" is no address with a port, such as 127.0.0.1:8091",
                       listen_at);
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "no socket can be made for %s", listen_at);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)(const void *)&address, len) != 0 ||
        listen(fd, BACKLOG) != 0) {
        return err_set(e, ERR_INTERNAL_ERROR,
                       "%s cannot be listened at; is another program there already?", listen_at);
    }
    *out = file_take(&fd);
    return ERR_NONE;
}

static enum errc start_daemon(struct http_in *h, int fd, struct err *e)
{
    const union MHD_DaemonInfo *info = NULL;

    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADERS_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
    if (h->daemon == NULL) {
        return err_set(e, ERR_INTERNAL_ERROR, "the HTTP server cannot be started");
    }
    info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    bug_if(info == NULL);
    h->epoll_fd = info->epoll_fd;
    loop_watch(h->loop, h->epoll_fd, LOOP_READ, on_ready, h);
    plan_pump(h);
    return ERR_NONE;
}

/* NOLINTNEXTLINE(readability-function-size): one thing, told once */
enum errc http_in_open(struct loop *loop, const char *listen_at, const char *public_key,
                       void (*interaction)(void *arg, struct interaction *i,
                                           struct http_in_request *request),
                       void *arg, struct http_in **out, struct err *e)
{
    struct http_in *h = xcalloc(1, sizeof *h);
    AUTO(file_close) int fd = -1;
    enum errc code = ERR_NONE;

    h->loop = loop;
    h->interaction = interaction;
    h->arg = arg;
    list_init(&h->requests);
    if (sodium_init() < 0 || !from_hex(public_key, h->key, sizeof h->key)) {
        code = err_set(e, ERR_INVALID_PARAMETER, "public_key: this is no public key");
    }
    if (code == ERR_NONE) {
        code = open_socket(listen_at, &fd, e);
    }
    if (code == ERR_NONE) {
        tell_address(fd, h->address);
        code = start_daemon(h, fd, e);
    }
    if (code != ERR_NONE) {
        free(h);
        return code;
    }
    (void)file_take(&fd); /* closed with the daemon */
    *out = h;
    return ERR_NONE;
}

void http_in_close(struct http_in *h)
{
    if (h == NULL) {
        return;
    }
    list_each(node, next, &h->requests) {
        struct http_in_request *r = container_of(node, struct http_in_request, node);

        if (r->status == 0) {
            set_answer(r, MHD_HTTP_SERVICE_UNAVAILABLE, "{\"message\":\"Stopping.\"}");
        }
        wake(r);
    }
    /* Lets those that were woken be answered; MHD_stop_daemon would cut them off. */
    (void)MHD_run(h->daemon);
    loop_watch(h->loop, h->epoll_fd, 0, NULL, NULL);
    loop_timer_off(h->loop, &h->timer);
    MHD_stop_daemon(h->daemon);
    list_each(node, next, &h->requests) {
        request_free(container_of(node, struct http_in_request, node));
    }
    free(h);
}

const char *http_in_address(const struct http_in *h)
{
    return h->address;
}
