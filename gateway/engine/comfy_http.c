/* comfy_http.c - curl's multi interface on the loop.
 *
 * curl tells which sockets and which one timer it wants watched; each event
 * goes to curl_multi_socket_action(). Transfers that ended are first taken out
 * of curl, then told, one by one, when no function of curl is on the stack: so
 * done() may start and drop calls as it likes.
 *
 * What a failure proves: curl notes the moment at which a connection is ready
 * for the request ("pretransfer"). A call that never came that far cannot have
 * been seen by the server. All others are in doubt, whatever went wrong.
 */
#include "engine/comfy_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/version.h"

#define CONNECT_MS     5000L
#define STALL_S        30L
#define STALL_BYTES    1024L /* a second, on average over that time */
#define KEEPALIVE_S    60L
#define IDLE_MAX       128L         /* kept connections, to all servers together */
#define RECEIVE_BYTES  (128L << 10) /* at a time, for large files */
#define ERROR_BODY_MAX 65536        /* kept of an answer that is not the file a sink waits for */

struct comfy_http {
    struct loop *loop;
    CURLM *multi;
    struct curl_slist *post_headers;
    struct curl_slist *upload_headers;
    char *agent;
    struct loop_timer timer;
    struct list calls;    /* under way */
    struct list finished; /* done() is due */
};

struct comfy_call {
    struct list node; /* calls or finished */
    struct comfy_http *http;
    CURL *curl;
    char *body;
    curl_mime *form;
    int fd; /* of an upload; -1 = none */
    int64_t max_bytes;
    int64_t received;
    struct blob_writer *sink;
    void (*done)(void *arg, const struct call_result *result);
    void *arg;

    bool has_status; /* of an answer whose body has begun */
    bool is_to_sink;
    bool is_too_large;
    bool has_enough; /* of an error's text: the rest was not waited for */
    enum errc sink_error;
    CURLcode code;
    struct buf answer;
    char reason[CURL_ERROR_SIZE];
};

/* ---- receiving -------------------------------------------------------------------------------
 */

static void note_status(struct comfy_call *c)
{
    long status = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    c->has_status = true;
    c->is_to_sink = c->sink != NULL && status == 200;
}

/* The text of an answer that is not the file: enough of it to tell what is wrong. */
static bool receive_error(struct comfy_call *c, struct span data)
{
    size_t room = ERROR_BODY_MAX - c->answer.len;

    c->has_enough = data.len > room;
    data.len = c->has_enough ? room : data.len;
    return buf_append_span(&c->answer, data) && !c->has_enough;
}

static bool receive(struct comfy_call *c, struct span data)
{
    if (!c->has_status) {
        note_status(c);
    }
    if (c->sink != NULL && !c->is_to_sink) {
        return receive_error(c, data);
    }
    c->received += (int64_t)data.len;
    c->is_too_large = c->received > c->max_bytes;
    if (c->is_too_large) {
        return false;
    }
    if (c->is_to_sink) {
        c->sink_error = blob_write(c->sink, data, NULL);
        return c->sink_error == ERR_NONE;
    }
    return buf_append_span(&c->answer, data);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    /* Anything else than the length makes curl end the transfer. */
    return receive(arg, (struct span){data, len}) ? len : CURL_WRITEFUNC_ERROR;
}

/* ---- the end of a call -----------------------------------------------------------------------
 */

static bool was_sent(const struct comfy_call *c)
{
    curl_off_t ready_us = 0;
    long sent = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    (void)curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &sent);
    return ready_us > 0 || sent > 0;
}

static void call_free(struct comfy_call *c)
{
    list_remove(&c->node);
    curl_easy_cleanup(c->curl);
    curl_mime_free(c->form);
    file_close(&c->fd);
    free(c->body);
    buf_clear(&c->answer);
    free(c);
}

static enum call_end end_of(const struct comfy_call *c)
{
    if (c->is_too_large) {
        return CALL_TOO_LARGE;
    }
    if (c->sink_error != ERR_NONE) {
        return CALL_SINK_FAILED;
    }
    if (c->code == CURLE_OK || c->has_enough) {
        return CALL_ANSWERED;
    }
    return was_sent(c) ? CALL_IN_DOUBT : CALL_NOT_SENT;
}

/* Of what curl tells, the sentences that say less than we know. */
static const char *reason_of(const struct comfy_call *c, enum call_end end)
{
    switch (end) {
    case CALL_ANSWERED:
        return "";
    case CALL_TOO_LARGE:
        return "the answer is larger than allowed";
    case CALL_SINK_FAILED:
        return "the file cannot be written";
    case CALL_NOT_SENT:
    case CALL_IN_DOUBT:
        break;
    }
    return c->reason[0] != '\0' ? c->reason : curl_easy_strerror(c->code);
}

static void tell(struct comfy_call *c)
{
    struct call_result result = {.end = end_of(c), .sink_error = c->sink_error};
    long status = 0;

    if (result.end == CALL_ANSWERED) {
        (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
        result.status = (int)status;
        result.body = buf_span(&c->answer);
    }
    result.reason = reason_of(c, result.end);
    c->done(c->arg, &result);
    call_free(c);
}

static void reap(struct comfy_http *h)
{
    const struct CURLMsg *message = NULL;
    struct list *node = NULL;
    int left = 0;

    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURL *curl = message->easy_handle;
        CURLcode code = message->data.result;
        struct comfy_call *c = NULL;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &c);
        c->code = code;
        (void)curl_multi_remove_handle(h->multi, curl);
        list_remove(&c->node);
        list_push(&h->finished, &c->node);
    }
    while ((node = list_shift(&h->finished)) != NULL) {
        tell(container_of(node, struct comfy_call, node));
    }
}

/* ---- curl on the loop ------------------------------------------------------------------------
 */

static void on_ready(void *arg, int fd, int events)
{
    struct comfy_http *h = arg;
    int running = 0;
    int mask = ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
               ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0);

    (void)curl_multi_socket_action(h->multi, fd, mask, &running);
    reap(h);
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct comfy_http *h = arg;
    int events = 0;

    (void)curl;
    (void)unused;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= LOOP_READ;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= LOOP_WRITE;
    }
    loop_watch(h->loop, fd, events, on_ready, h);
    return 0;
}

static void on_timer_due(void *arg)
{
    struct comfy_http *h = arg;
    int running = 0;

    (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(h);
}

static int on_timer(CURLM *multi, long in_ms, void *arg)
{
    struct comfy_http *h = arg;

    (void)multi;
    if (in_ms < 0) {
        loop_timer_off(h->loop, &h->timer);
    } else {
        loop_timer_set(h->loop, &h->timer, in_ms, on_timer_due, h);
    }
    return 0;
}

/* ---- opening and closing ---------------------------------------------------------------------
 */

struct comfy_http *comfy_http_new(struct loop *loop)
{
    struct comfy_http *h = xcalloc(1, sizeof *h);

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    h->loop = loop;
    h->multi = require_memory(curl_multi_init());
    h->agent = xasprintf("comfygate/%s", comfygate_version());
    /* Without the second, curl would wait for a "100 Continue" before it sends a larger body. */
    h->post_headers = require_memory(curl_slist_append(NULL, "Content-Type: application/json"));
    h->post_headers = require_memory(curl_slist_append(h->post_headers, "Expect:"));
    h->upload_headers = require_memory(curl_slist_append(NULL, "Expect:"));
    list_init(&h->calls);
    list_init(&h->finished);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    /* How many run at once is the engine's to say: a ceiling here would let a POST wait behind
     * downloads. */
    (void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
    return h;
}

void comfy_http_free(struct comfy_http *h)
{
    if (h == NULL) {
        return;
    }
    list_each(node, next, &h->calls) {
        comfy_call_drop(container_of(node, struct comfy_call, node));
    }
    (void)curl_multi_cleanup(h->multi);
    loop_timer_off(h->loop, &h->timer);
    curl_slist_free_all(h->post_headers);
    curl_slist_free_all(h->upload_headers);
    curl_global_cleanup();
    free(h->agent);
    free(h);
}

/* ---- a call ----------------------------------------------------------------------------------
 */

static void set_common(struct comfy_call *c, const struct call_request *request)
{
    CURL *curl = c->curl;

    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, c);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->reason);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, c->http->agent);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    /* Not even from the environment: a proxy between two machines of one house is a mistake. */
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A name that does not resolve must not hold up the engine when its call is dropped. */
    (void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
}

static void set_times(struct comfy_call *c, int64_t timeout_ms)
{
    long connect_ms = CONNECT_MS;

    if (timeout_ms > 0) {
        (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        connect_ms = timeout_ms < CONNECT_MS ? (long)timeout_ms : CONNECT_MS;
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    if (c->sink != NULL || c->fd >= 0) {
        (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
        (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
    }
}

/* A connection of its own, before and after: see the head of comfy_http.h. */
static void set_alone(struct comfy_call *c)
{
    (void)curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_FORBID_REUSE, 1L);
}

static size_t read_file(char *out, size_t size, size_t count, void *arg)
{
    const struct comfy_call *c = arg;
    ssize_t n = 0;

    do {
        n = read(c->fd, out, size * count);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? (size_t)n : CURL_READFUNC_ABORT;
}

static int seek_file(void *arg, curl_off_t offset, int origin)
{
    const struct comfy_call *c = arg;

    return lseek(c->fd, offset, origin) >= 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void add_field(struct comfy_call *c, const char *name, const char *value)
{
    curl_mimepart *part = require_memory(curl_mime_addpart(c->form));

    (void)curl_mime_name(part, name);
    (void)curl_mime_data(part, value, CURL_ZERO_TERMINATED);
}

static void set_upload(struct comfy_call *c, const struct call_upload *upload)
{
    curl_mimepart *part = NULL;

    c->form = require_memory(curl_mime_init(c->curl));
    add_field(c, "type", "input");
    add_field(c, "subfolder", upload->subfolder);
    part = require_memory(curl_mime_addpart(c->form));
    (void)curl_mime_name(part, "image");
    (void)curl_mime_filename(part, upload->name);
    (void)curl_mime_type(part, "application/octet-stream");
    (void)curl_mime_data_cb(part, (curl_off_t)upload->size, read_file, seek_file, NULL, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_MIMEPOST, c->form);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->http->upload_headers);
    set_alone(c);
}

static void set_post(struct comfy_call *c, struct span body)
{
    c->body = xmalloc(body.len + 1);
    if (body.len > 0) {
        memcpy(c->body, body.ptr, body.len);
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, c->body);
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->http->post_headers);
    set_alone(c);
}

struct comfy_call *comfy_call_start(struct comfy_http *h, const struct call_request *request)
{
    struct comfy_call *c = xcalloc(1, sizeof *c);
    bool is_post = strcmp(request->method, "POST") == 0;
    size_t ceiling = request->sink != NULL ? ERROR_BODY_MAX : (size_t)request->max_bytes;

    bug_if(!is_post && strcmp(request->method, "GET") != 0);
    bug_if(request->timeout_ms <= 0 && request->sink == NULL && request->upload == NULL);
    c->http = h;
    c->fd = request->upload != NULL ? request->upload->fd : -1;
    c->curl = require_memory(curl_easy_init());
    c->max_bytes = request->max_bytes;
    c->sink = request->sink;
    c->done = request->done;
    c->arg = request->arg;
    c->answer = BUF_INIT(ceiling);
    set_common(c, request);
    set_times(c, request->timeout_ms);
    if (request->upload != NULL) {
        set_upload(c, request->upload);
    } else if (is_post) {
        set_post(c, request->body);
    }
    list_push(&h->calls, &c->node);
    /* curl only sets its timer here; the call begins in a later turn. */
    (void)curl_multi_add_handle(h->multi, c->curl);
    return c;
}

void comfy_call_drop(struct comfy_call *c)
{
    if (c == NULL) {
        return;
    }
    /* Harmless for one that has ended and was taken out already. */
    (void)curl_multi_remove_handle(c->http->multi, c->curl);
    call_free(c);
}
