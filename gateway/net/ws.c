/* ws.c - one WebSocket, from its name's resolution to its close.
 *
 * Addresses of the name are tried one after the other, within the time for the
 * whole connect. lws has an object of its own for the connection (wsi), which
 * points to ours and may outlive it: to let go of a connection is to clear that
 * pointer and to ask lws to end it; whatever lws still says of it is ignored.
 *
 * Events are told from callbacks of lws and of timers. The owner may free the
 * object within any of them, so nothing touches it after an event, except in
 * on_lws(), which puts off the freeing until the callback is over.
 */
#include "net/ws.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/resolve.h"
#include "net/ws_queue.h"
#include "net/ws_url.h"

#define CLOSE_MS      2000
#define REASON_SIZE   256
#define KEEP_BYTES    (1U << 20) /* a longer message's room is given back after it */
#define PROTOCOL_NAME "comfygate-ws"

static_assert(WS_FRAME_HEAD >= LWS_PRE, "lws writes the head of a frame before its text");

enum ws_state { WS_CONNECTING, WS_OPEN, WS_CLOSING, WS_CLOSED };

struct ws {
    struct loop *loop;
    struct ws_events events;
    void *arg;
    int64_t ping_ms;
    int64_t pong_ms;
    int64_t connect_ms;
    int64_t max_text;
    int64_t max_binary;
    const char *(*explain_refusal)(int status);
    char *user_agent;
    char *ca_file;

    bool has_url; /* one that can be used */
    struct ws_url url;

    enum ws_state state;
    struct resolve *resolve;
    struct resolve_result addresses;
    size_t next_address;
    struct lws *wsi;          /* NULL when lws has none that points to us */
    struct loop_timer timer;  /* begin; then the longest connect, or close */
    struct loop_timer beat;   /* pings */
    char reason[REASON_SIZE]; /* "" = not known yet */
    int peer_code;            /* of its close frame */
    int refused_status;
    int close_code;     /* of ours */
    bool is_in_connect; /* lws_client_connect_via_info is on the stack */
    bool has_sent_close;
    bool is_ping_due;
    bool is_pong_awaited;
    int64_t heard_mono_ms;
    struct ws_queue queue;

    struct buf message; /* as far as it has come */
    int64_t message_bytes;
    bool is_binary;
    bool is_skipping;

    int depth;     /* of on_lws for this object */
    bool is_freed; /* within it */
};

/* ---- letting go ------------------------------------------------------------------------------
 */

/* lws ends the connection in its next turn, and what it says of it until then is not heard. */
static void detach(struct ws *ws)
{
    if (ws->wsi != NULL) {
        lws_set_opaque_user_data(ws->wsi, NULL);
        lws_set_timeout(ws->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        ws->wsi = NULL;
    }
}

static void stop_all(struct ws *ws)
{
    loop_timer_off(ws->loop, &ws->timer);
    loop_timer_off(ws->loop, &ws->beat);
    resolve_drop(take_ptr(&ws->resolve));
    detach(ws);
    ws_queue_clear(&ws->queue);
}

static void destroy(struct ws *ws)
{
    buf_clear(&ws->message);
    ws_url_clear(&ws->url);
    free(ws->user_agent);
    free(ws->ca_file);
    free(ws);
}

void ws_free(struct ws *ws)
{
    if (ws == NULL) {
        return;
    }
    ws->state = WS_CLOSED;
    stop_all(ws);
    if (ws->depth > 0) {
        ws->is_freed = true;
    } else {
        destroy(ws);
    }
}

/* The last event; the object may be gone afterwards. */
static void finish(struct ws *ws, const char *reason)
{
    char copy[REASON_SIZE];
    const struct ws_end end = {
        .close_code = ws->peer_code, .refused_status = ws->refused_status, .reason = copy};

    (void)snprintf(copy, sizeof copy, "%s", reason);
    ws->state = WS_CLOSED;
    stop_all(ws);
    ws->events.closed(ws->arg, &end);
}

/* ---- connecting ------------------------------------------------------------------------------
 */

/* Without it lws would ping by its own clock too. */
static const lws_retry_bo_t NO_LWS_PINGS = {.secs_since_valid_ping = 0};

static bool connect_to(struct ws *ws, const char *address)
{
    struct lws_client_connect_info info = {
        .context = loop_lws(ws->loop),
        .vhost = loop_vhost(ws->loop, ws->ca_file),
        .address = address,
        .port = ws->url.port,
        .path = ws->url.path,
        .host = ws->url.authority,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (ws->url.is_tls ? LCCSCF_USE_SSL : 0),
        .local_protocol_name = PROTOCOL_NAME,
        .ietf_version_or_minus_one = -1,
        .opaque_user_data = ws,
        .retry_and_idle_policy = &NO_LWS_PINGS,
        .alpn = "http/1.1",
        .pwsi = &ws->wsi,
    };

    ws->reason[0] = '\0';
    loop_forget_complaint();
    ws->is_in_connect = true;
    if (lws_client_connect_via_info(&info) == NULL) {
        ws->wsi = NULL;
    }
    ws->is_in_connect = false;
    return ws->wsi != NULL;
}

static void try_next(struct ws *ws)
{
    while (ws->next_address < ws->addresses.count) {
        if (connect_to(ws, ws->addresses.address[ws->next_address++])) {
            return;
        }
    }
    finish(ws, ws->reason[0] != '\0' ? ws->reason : "no connection could be made");
}

static void on_resolved(void *arg, const struct resolve_result *result)
{
    struct ws *ws = arg;
    char reason[REASON_SIZE];

    if (result->count == 0) {
        (void)snprintf(reason, sizeof reason, "the host name \"%.100s\" cannot be resolved: %s",
                       ws->url.host, result->reason);
        finish(ws, reason);
        return;
    }
    ws->addresses = *result;
    resolve_drop(take_ptr(&ws->resolve));
    try_next(ws);
}

static void on_connect_late(void *arg)
{
    struct ws *ws = arg;
    char reason[REASON_SIZE];

    (void)snprintf(reason, sizeof reason, "no connection within %.3g s",
                   (double)ws->connect_ms / 1000);
    finish(ws, reason);
}

static void on_begin(void *arg)
{
    struct ws *ws = arg;

    if (!ws->has_url) {
        finish(ws, "its URL is not that of a WebSocket");
        return;
    }
    if (loop_vhost(ws->loop, ws->ca_file) == NULL) {
        char reason[REASON_SIZE];

        (void)snprintf(reason, sizeof reason, "no certificate can be read from %.200s",
                       ws->ca_file);
        finish(ws, reason);
        return;
    }
    loop_timer_set(ws->loop, &ws->timer, ws->connect_ms, on_connect_late, ws);
    ws->resolve = resolve_start(ws->loop, ws->url.host, on_resolved, ws);
}

struct ws *ws_new(struct loop *loop, const struct ws_config *config, const struct ws_events *events,
                  void *arg)
{
    struct ws *ws = xcalloc(1, sizeof *ws);

    ws->loop = loop;
    ws->events = *events;
    ws->arg = arg;
    ws->ping_ms = config->ping_ms;
    ws->pong_ms = config->pong_ms;
    ws->connect_ms = config->connect_ms;
    ws->max_text = config->max_text;
    ws->max_binary = config->max_binary;
    ws->explain_refusal = config->explain_refusal;
    ws->user_agent = config->user_agent != NULL ? xstrdup(config->user_agent) : NULL;
    ws->ca_file = config->ca_file != NULL ? xstrdup(config->ca_file) : NULL;
    bug_if(ws->user_agent != NULL && ws->user_agent[strcspn(ws->user_agent, "\r\n")] != '\0');
    ws_queue_init(&ws->queue);
    if (config->greeting.ptr != NULL) {
        ws_queue_add(&ws->queue, config->greeting);
    }
    ws->has_url = ws_url_read(&ws->url, config->url);
    loop_timer_set(loop, &ws->timer, 0, on_begin, ws);
    return ws;
}

/* ---- sending ---------------------------------------------------------------------------------
 */

static void on_queue_full(void *arg)
{
    char reason[REASON_SIZE];

    (void)snprintf(reason, sizeof reason, "%d messages wait to be sent already", WS_QUEUE_MAX);
    finish(arg, reason);
}

void ws_send(struct ws *ws, struct span text)
{
    if (ws->state != WS_OPEN) {
        return;
    }
    if (ws->queue.count >= WS_QUEUE_MAX) {
        stop_all(ws);
        ws->state = WS_CLOSING;
        loop_timer_set(ws->loop, &ws->timer, 0, on_queue_full, ws);
        return;
    }
    ws_queue_add(&ws->queue, text);
    (void)lws_callback_on_writable(ws->wsi);
}

/* ---- closing ---------------------------------------------------------------------------------
 */

static void on_close_late(void *arg)
{
    struct ws *ws = arg;

    finish(ws,
           ws->wsi == NULL ? "closed before it was open" : "closed without the server's answer");
}

void ws_close(struct ws *ws, int code)
{
    bool was_open = ws->state == WS_OPEN;

    bug_if(code < WS_CLOSE_NORMAL || code > 4999);
    if (!was_open && ws->state != WS_CONNECTING) {
        return;
    }
    ws->state = WS_CLOSING;
    ws->close_code = code;
    loop_timer_off(ws->loop, &ws->beat);
    if (was_open) {
        (void)lws_callback_on_writable(ws->wsi);
    } else {
        resolve_drop(take_ptr(&ws->resolve));
        detach(ws);
    }
    loop_timer_set(ws->loop, &ws->timer, was_open ? CLOSE_MS : 0, on_close_late, ws);
}

/* ---- pings -----------------------------------------------------------------------------------
 */

static void on_beat(void *arg);

/* Any byte from the server proves as much as a pong does. */
static void note_life(struct ws *ws)
{
    ws->heard_mono_ms = clock_mono_ms();
    if (ws->is_pong_awaited) {
        ws->is_pong_awaited = false;
        loop_timer_set(ws->loop, &ws->beat, ws->ping_ms, on_beat, ws);
    }
}

static void on_beat(void *arg)
{
    struct ws *ws = arg;
    int64_t silent_ms = clock_mono_ms() - ws->heard_mono_ms;
    char reason[REASON_SIZE];

    if (ws->is_pong_awaited) {
        (void)snprintf(reason, sizeof reason, "no pong within %.3g s", (double)ws->pong_ms / 1000);
        finish(ws, reason);
        return;
    }
    if (silent_ms < ws->ping_ms) {
        loop_timer_set(ws->loop, &ws->beat, ws->ping_ms - silent_ms, on_beat, ws);
        return;
    }
    ws->is_pong_awaited = true;
    ws->is_ping_due = true;
    (void)lws_callback_on_writable(ws->wsi);
    loop_timer_set(ws->loop, &ws->beat, ws->pong_ms, on_beat, ws);
}

/* ---- what lws says ---------------------------------------------------------------------------
 * Each function answers as the callback does: 0, or -1 to have the connection ended. */

static int on_established(struct ws *ws)
{
    ws->state = WS_OPEN;
    loop_timer_off(ws->loop, &ws->timer);
    note_life(ws);
    if (ws->ping_ms > 0) {
        loop_timer_set(ws->loop, &ws->beat, ws->ping_ms, on_beat, ws);
    }
    (void)lws_callback_on_writable(ws->wsi);
    ws->events.opened(ws->arg);
    return 0;
}

static int send_next(struct ws *ws)
{
    AUTO(free_ptr) struct ws_queued *m = ws_queue_take(&ws->queue);

    /* What the socket does not take, lws keeps, and calls us again when it is gone. */
    return lws_write(ws->wsi, m->frame + WS_FRAME_HEAD, m->len, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static int send_ping(struct ws *ws)
{
    unsigned char frame[LWS_PRE + 1] = {0};

    ws->is_ping_due = false;
    return lws_write(ws->wsi, frame + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
}

/* With a reason set, lws sends a close frame when told to end, and waits for the answer; told a
 * second time it ends at once. */
static int begin_close(struct ws *ws)
{
    if (ws->has_sent_close) {
        return 0;
    }
    ws->has_sent_close = true;
    lws_close_reason(ws->wsi, (enum lws_close_status)ws->close_code, NULL, 0);
    return -1;
}

/* One write a time: lws allows no more. */
static int on_writable(struct ws *ws)
{
    int rc = 0;

    if (ws->is_ping_due && ws->state == WS_OPEN) {
        rc = send_ping(ws);
    } else if (ws->queue.count > 0) {
        rc = send_next(ws);
    } else {
        return ws->state == WS_CLOSING ? begin_close(ws) : 0;
    }
    (void)lws_callback_on_writable(ws->wsi);
    return rc;
}

static void begin_message(struct ws *ws)
{
    int64_t max = 0;

    ws->is_binary = lws_frame_is_binary(ws->wsi) != 0;
    max = ws->is_binary ? ws->max_binary : ws->max_text;
    buf_reset(&ws->message);
    ws->message.max = (size_t)max;
    ws->message_bytes = 0;
    ws->is_skipping = false;
}

static void deliver(struct ws *ws)
{
    if (ws->is_skipping) {
        ws->events.skipped(ws->arg, ws->message_bytes);
    } else if (ws->is_binary) {
        ws->events.binary(ws->arg, buf_span(&ws->message));
    } else {
        ws->events.text(ws->arg, buf_span(&ws->message));
    }
    if (ws->message.cap > KEEP_BYTES) {
        buf_clear(&ws->message);
    }
}

static int on_receive(struct ws *ws, struct span data)
{
    note_life(ws);
    if (lws_is_first_fragment(ws->wsi)) {
        begin_message(ws);
    }
    ws->message_bytes += (int64_t)data.len;
    if (!ws->is_skipping && !buf_append_span(&ws->message, data)) {
        ws->is_skipping = true;
        buf_clear(&ws->message);
    }
    if (lws_is_final_fragment(ws->wsi)) {
        deliver(ws);
    }
    return 0;
}

/* The server's close frame: two bytes of code, then text. */
static int on_peer_close(struct ws *ws, struct span payload)
{
    const unsigned char *byte = (const unsigned char *)payload.ptr;
    struct span words;

    if (payload.len < 2) {
        (void)snprintf(ws->reason, sizeof ws->reason, "closed by the server");
        return 0;
    }
    ws->peer_code = byte[0] << 8 | byte[1];
    words = (struct span){payload.ptr + 2, payload.len - 2};
    words.len = utf8_valid(words) ? words.len : 0;
    (void)snprintf(ws->reason, sizeof ws->reason, "closed by the server with code %d%s%.*s",
                   ws->peer_code, words.len > 0 ? ": " : "", (int)words.len, words.ptr);
    return 0;
}

/* lws is done with it by itself. */
static void forget(struct ws *ws, struct lws *wsi)
{
    lws_set_opaque_user_data(wsi, NULL);
    ws->wsi = NULL;
}

static int on_closed(struct ws *ws, struct lws *wsi)
{
    forget(ws, wsi);
    if (ws->state == WS_CLOSING) {
        finish(ws, "closed");
    } else {
        finish(ws, ws->reason[0] != '\0' ? ws->reason : "the connection was cut");
    }
    return 0;
}

static void note_refusal(struct ws *ws, int status)
{
    ws->refused_status = status;
    (void)snprintf(ws->reason, sizeof ws->reason, "the WebSocket was refused with status %d%s",
                   status, ws->explain_refusal != NULL ? ws->explain_refusal(status) : "");
}

/* lws leaves us with this when a connection was never open. */
static int on_connect_failed(struct ws *ws, struct lws *wsi, struct span words)
{
    int status = (int)lws_http_client_http_response(wsi);

    forget(ws, wsi);
    if (status >= 100) {
        note_refusal(ws, status);
        ws->next_address = ws->addresses.count; /* it is there: no other needs to be asked */
    } else if (ws->url.is_tls && loop_complaint()[0] != '\0') {
        (void)snprintf(ws->reason, sizeof ws->reason, "no connection: %s", loop_complaint());
        loop_forget_complaint(); /* it is not about the next one */
    } else if (words.len > 0) {
        (void)snprintf(ws->reason, sizeof ws->reason, "no connection: %.*s",
                       words.len < 200 ? (int)words.len : 200, words.ptr);
    }
    if (!ws->is_in_connect) {
        try_next(ws);
    }
    return 0;
}

/* in: where the next header goes; len: how much room there is. */
static int on_handshake(const struct ws *ws, struct lws *wsi, void *in, size_t len)
{
    unsigned char **at = in;

    if (ws->user_agent == NULL) {
        return 0;
    }
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_USER_AGENT,
                                        (const unsigned char *)ws->user_agent,
                                        (int)strlen(ws->user_agent), at, *at + len) != 0
               ? -1
               : 0;
}

static int dispatch(struct ws *ws, struct lws *wsi, enum lws_callback_reasons reason,
                    struct span in)
{
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        return on_connect_failed(ws, wsi, in);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return on_established(ws);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return on_receive(ws, in);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        note_life(ws);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(ws);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_peer_close(ws, in);
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        return on_closed(ws, wsi);
    default:
        return 0;
    }
}

static bool is_about_data(enum lws_callback_reasons reason)
{
    return reason == LWS_CALLBACK_CLIENT_ESTABLISHED || reason == LWS_CALLBACK_CLIENT_RECEIVE ||
           reason == LWS_CALLBACK_CLIENT_RECEIVE_PONG || reason == LWS_CALLBACK_CLIENT_WRITEABLE;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct ws *ws = lws_get_opaque_user_data(wsi);
    int rc = 0;

    (void)user;
    if (ws == NULL) {
        return is_about_data(reason) ? -1 : 0;
    }
    if (reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER) {
        return on_handshake(ws, wsi, in, len);
    }
    ws->depth++;
    rc = dispatch(ws, wsi, reason, (struct span){in, in != NULL ? len : 0});
    ws->depth--;
    if (ws->depth == 0 && ws->is_freed) {
        destroy(ws);
        return is_about_data(reason) ? -1 : 0;
    }
    return rc;
}

static const struct lws_protocols PROTOCOLS[] = {{.name = PROTOCOL_NAME, .callback = on_lws},
                                                 {.callback = NULL}};

const struct lws_protocols *ws_protocols(void)
{
    return PROTOCOLS;
}
