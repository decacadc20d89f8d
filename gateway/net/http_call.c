/* http_call.c - curl's multi interface on the loop.
 *
 * curl tells which sockets and which one timer it wants watched; each event
 * goes to curl_multi_socket_action(). Transfers that ended are first taken out
 * of curl, then told, one by one, when no function of curl is on the stack: so
 * done() may start and drop calls as it likes. A sink is told from within curl;
 * what it starts or drops waits until curl has returned.
 *
 * What a failure proves: curl notes the moment at which a connection is ready
 * for the request ("pretransfer"). A call that never came that far cannot have
 * been seen by the server. All others are in doubt, whatever went wrong.
 */
#include "net/http_call.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/http_parts.h"

#define IDLE_MAX       128L  /* kept connections, to all servers together */
#define ERROR_BODY_MAX 65536 /* kept of an answer that is not what a sink waits for */

/* ---- receiving -------------------------------------------------------------------------------
 */

static void note_status(struct http_call *c)
{
    long status = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    c->has_status = true;
    c->is_to_sink = c->sink.write != NULL && (status == 200 || status == 206);
}

/* The text of an answer that is not for the sink: enough of it to tell what is wrong. */
static bool receive_error(struct http_call *c, struct span data)
{
    size_t room = ERROR_BODY_MAX - c->answer.len;

    c->has_enough = data.len > room;
    data.len = c->has_enough ? room : data.len;
    return buf_append_span(&c->answer, data) && !c->has_enough;
}

static bool receive(struct http_call *c, struct span data)
{
    if (c->is_dropped) {
        return false;
    }
    if (!c->has_status) {
        note_status(c);
    }
    if (c->sink.write != NULL && !c->is_to_sink) {
        return receive_error(c, data);
    }
    c->received += (int64_t)data.len;
    c->is_too_large = !c->is_endless && c->received > c->max_bytes;
    if (c->is_too_large) {
        return false;
    }
    if (c->sink.write == NULL) {
        return buf_append_span(&c->answer, data);
    }
    c->sink_error = c->sink.write(c->sink.arg, data);
    return c->sink_error == ERR_NONE && !c->is_dropped;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    /* Anything else than the length makes curl end the transfer. */
    return receive(arg, (struct span){data, len}) ? len : CURL_WRITEFUNC_ERROR;
}

const char *http_header(const struct http_result *result, const char *name)
{
    struct curl_header *header = NULL;
    CURL *curl = result->call->curl;

    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return NULL;
    }
    if (header->amount > 1 &&
        curl_easy_header(curl, name, header->amount - 1, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return NULL;
    }
    /* Of an empty value curl 7.88 leaves the end of the line. */
    return header->value + strspn(header->value, "\r\n");
}

/* ---- the end of a call -----------------------------------------------------------------------
 */

static bool was_sent(const struct http_call *c)
{
    curl_off_t ready_us = 0;
    long sent = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    (void)curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &sent);
    return ready_us > 0 || sent > 0;
}

static void call_free(struct http_call *c)
{
    list_remove(&c->node);
    curl_easy_cleanup(c->curl);
    curl_mime_free(c->form);
    curl_slist_free_all(c->headers);
    for (size_t i = 0; i < c->file_count; i++) {
        file_close(&c->file[i].fd);
    }
    free(c->file);
    free(c->body);
    buf_clear(&c->answer);
    free(c);
}

static enum http_end end_of(const struct http_call *c)
{
    if (c->is_too_large) {
        return HTTP_TOO_LARGE;
    }
    if (c->sink_error != ERR_NONE) {
        return HTTP_SINK_FAILED;
    }
    if (c->code == CURLE_OK || c->has_enough) {
        return HTTP_ANSWERED;
    }
    return was_sent(c) ? HTTP_IN_DOUBT : HTTP_NOT_SENT;
}

/* Of what curl tells, the sentences that say less than we know. */
static const char *reason_of(const struct http_call *c, enum http_end end)
{
    switch (end) {
    case HTTP_ANSWERED:
        return "";
    case HTTP_TOO_LARGE:
        return "the answer is larger than allowed";
    case HTTP_SINK_FAILED:
        return "what was received cannot be kept";
    case HTTP_NOT_SENT:
    case HTTP_IN_DOUBT:
        break;
    }
    if (c->refusal != NULL) {
        return c->refusal;
    }
    return c->reason[0] != '\0' ? c->reason : curl_easy_strerror(c->code);
}

static void tell(struct http_call *c)
{
    struct http_result result = {.end = end_of(c), .sink_error = c->sink_error, .call = c};
    long status = 0;

    if (result.end == HTTP_ANSWERED || result.end == HTTP_TOO_LARGE) {
        (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
        result.status = (int)status;
    }
    if (result.end == HTTP_ANSWERED) {
        result.body = buf_span(&c->answer);
    }
    result.reason = reason_of(c, result.end);
    c->done(c->arg, &result);
    call_free(c);
}

static void reap(struct http_client *h)
{
    const struct CURLMsg *message = NULL;
    struct list *node = NULL;
    int left = 0;

    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURL *curl = message->easy_handle;
        CURLcode code = message->data.result;
        struct http_call *c = NULL;

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
        tell(container_of(node, struct http_call, node));
    }
}

/* ---- curl on the loop ------------------------------------------------------------------------
 */

/* curl only sets its timer here; the call begins in a later turn. */
static void begin(struct http_call *c)
{
    list_push(&c->http->calls, &c->node);
    (void)curl_multi_add_handle(c->http->multi, c->curl);
}

static void run_curl(struct http_client *h, curl_socket_t fd, int mask)
{
    struct list *node = NULL;
    int running = 0;

    h->is_in_curl = true;
    (void)curl_multi_socket_action(h->multi, fd, mask, &running);
    h->is_in_curl = false;
    while ((node = list_shift(&h->dropped)) != NULL) {
        http_drop(container_of(node, struct http_call, node));
    }
    while ((node = list_shift(&h->starting)) != NULL) {
        begin(container_of(node, struct http_call, node));
    }
    reap(h);
}

static void on_ready(void *arg, int fd, int events)
{
    run_curl(arg, fd,
             ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
                 ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct http_client *h = arg;
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
    run_curl(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long in_ms, void *arg)
{
    struct http_client *h = arg;

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

struct http_client *http_client_new(struct loop *loop, const char *agent)
{
    struct http_client *h = xcalloc(1, sizeof *h);

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    h->loop = loop;
    h->multi = require_memory(curl_multi_init());
    h->agent = xstrdup(agent);
    list_init(&h->calls);
    list_init(&h->finished);
    list_init(&h->starting);
    list_init(&h->dropped);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    /* How many run at once is the caller's to say: a ceiling here would let a POST wait behind
     * downloads. */
    (void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
    return h;
}

void http_client_trust(struct http_client *h, const char *ca_file)
{
    free(h->ca_file);
    h->ca_file = ca_file != NULL ? xstrdup(ca_file) : NULL;
}

void http_client_free(struct http_client *h)
{
    if (h == NULL) {
        return;
    }
    bug_if(h->is_in_curl);
    list_each(node, next, &h->calls) {
        http_drop(container_of(node, struct http_call, node));
    }
    (void)curl_multi_cleanup(h->multi);
    loop_timer_off(h->loop, &h->timer);
    curl_global_cleanup();
    free(h->agent);
    free(h->ca_file);
    free(h);
}

/* ---- a call ----------------------------------------------------------------------------------
 */

struct http_call *http_start(struct http_client *h, const struct http_request *request)
{
    struct http_call *c = xcalloc(1, sizeof *c);

    bug_if(request->is_endless && request->sink == NULL);
    list_init(&c->node);
    c->http = h;
    c->curl = require_memory(curl_easy_init());
    c->max_bytes = request->max_bytes;
    c->is_endless = request->is_endless;
    c->done = request->done;
    c->arg = request->arg;
    c->answer = BUF_INIT(request->sink != NULL ? ERROR_BODY_MAX : (size_t)request->max_bytes);
    if (request->sink != NULL) {
        c->sink = *request->sink;
    }
    if (request->guard != NULL) {
        bug_if(!request->is_alone);
        c->guard = *request->guard;
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_PRIVATE, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->reason);
    http_call_prepare(c, request);
    if (h->is_in_curl) {
        list_push(&h->starting, &c->node);
    } else {
        begin(c);
    }
    return c;
}

void http_drop(struct http_call *c)
{
    if (c == NULL) {
        return;
    }
    if (c->http->is_in_curl) {
        c->is_dropped = true;
        list_remove(&c->node);
        list_push(&c->http->dropped, &c->node);
        return;
    }
    /* Harmless for one that has ended and was taken out already. */
    (void)curl_multi_remove_handle(c->http->multi, c->curl);
    call_free(c);
}
