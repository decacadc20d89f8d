/* comfy_ws.h - one WebSocket to one ComfyUI on libwebsockets.
 *
 * One object is one connection from connect to close; who wants another makes
 * another, with a fresh client id: ComfyUI removes the new socket of an id
 * when the old one dies, and the new one is then deaf for good.
 *
 * Sends the feature flags as the first message, pings while silent, and closes
 * when no pong comes. Messages are reassembled; one that passes its ceiling is
 * skipped fragment by fragment and counted, the connection stays.
 *
 * Threads: the engine's.
 */
#ifndef CG_ENGINE_COMFY_WS_H
#define CG_ENGINE_COMFY_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "net/loop.h"

struct comfy_ws;
struct lws_protocols;

struct comfy_ws_events {
    void (*opened)(void *arg);
    void (*text)(void *arg, struct span message); /* borrowed during the call */
    void (*binary)(void *arg, struct span message);
    void (*skipped)(void *arg, int64_t bytes);
    /* Connect failed, or the connection ended; `reason` in plain words (status code of a refused
     * handshake, "no pong within 10 s", ...). Last event of the object unless comfy_ws_free comes
     * first. The object may be freed within. */
    void (*closed)(void *arg, const char *reason);
};

struct comfy_ws_config {
    const char *url;       /* http(s)://host[:port][/prefix]; the scheme is mapped to ws(s) */
    const char *client_id; /* goes into ?clientId= */
    int64_t ping_ms;
    int64_t pong_ms;
    int64_t connect_ms;
    int64_t max_text;
    int64_t max_binary;
};

/* For loop_open. */
const struct lws_protocols *comfy_ws_protocols(void);

/* Begins to connect; config is copied. Events come from loop_turn only, never from within this
 * call. */
struct comfy_ws *comfy_ws_new(struct loop *loop, const struct comfy_ws_config *config,
                              const struct comfy_ws_events *events, void *arg) MUST_CHECK;
/* Begins a closing handshake (1000); `closed` follows, at the latest after 2 s. */
void comfy_ws_close(struct comfy_ws *ws);
/* Drops the connection at once, without events. NULL is fine. */
void comfy_ws_free(struct comfy_ws *ws);

#endif
