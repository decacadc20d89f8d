/* ws.h - one WebSocket (RFC 6455), as a client, on libwebsockets.
 *
 * One object is one connection from connect to close; who wants another makes another. Messages are
 * reassembled; one that passes its ceiling is skipped fragment by fragment and counted, the
 * connection stays. Pings, when asked for, go out while the server is silent, and the connection is
 * ended when no pong comes.
 *
 * Knows nothing of what is said over it. Threads: the loop's.
 */
#ifndef CG_NET_WS_H
#define CG_NET_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "net/loop.h"

#define WS_CLOSE_NORMAL 1000
#define WS_QUEUE_MAX    64 /* messages */

struct ws;
struct lws_protocols;

struct ws_end {
    int close_code;     /* of a close that the server began; 0 = it began none, or gave no code */
    int refused_status; /* HTTP status of a refused handshake; 0 = none */
    const char *reason; /* in plain words; borrowed */
};

struct ws_events {
    void (*opened)(void *arg);
    void (*text)(void *arg, struct span message); /* borrowed during the call */
    void (*binary)(void *arg, struct span message);
    void (*skipped)(void *arg, int64_t bytes);
    /* Connect failed, or the connection ended. Last event of the object unless ws_free comes first.
     * The object may be freed within, as within any other event. */
    void (*closed)(void *arg, const struct ws_end *end);
};

struct ws_config {
    const char *url;        /* ws(s)://host[:port][/path][?query]; http(s) is read as ws(s) */
    const char *user_agent; /* of the handshake; NULL = none */
    const char
        *ca_file; /* PEM file that servers are checked by, read once a loop; NULL = the system's */
    struct span greeting; /* a first text message, sent at once when open; ptr NULL = none */
    int64_t ping_ms;      /* silence before a ping; 0 = no pings */
    int64_t pong_ms;
    int64_t connect_ms;
    int64_t max_text;
    int64_t max_binary;
    /* Words to be put behind those that say that a handshake was refused with this status, with the
     * blank or colon before them; "" = nothing more. May be NULL. */
    const char *(*explain_refusal)(int status);
};

/* For loop_open. */
const struct lws_protocols *ws_protocols(void);

/* Begins to connect; config is copied. Events come from loop_turn only, never from within this call:
 * also `closed` for a url that is none. */
struct ws *ws_new(struct loop *loop, const struct ws_config *config, const struct ws_events *events,
                  void *arg) MUST_CHECK;
/* Queues a text message (copied). Ignored unless open. With WS_QUEUE_MAX messages waiting already the
 * connection is ended; `closed` follows. */
void ws_send(struct ws *ws, struct span text);
/* Begins a closing handshake with this code (1000 to 4999, RFC 6455 7.4) after what is queued;
 * `closed` follows, at the latest after 2 s. What the server still sends may be told or not. A second
 * call changes nothing. */
void ws_close(struct ws *ws, int code);
/* Drops the connection at once, without events. NULL is fine. */
void ws_free(struct ws *ws);

#endif
