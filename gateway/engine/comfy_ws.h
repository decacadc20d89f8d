/* comfy_ws.h - what the WebSocket of a ComfyUI is, on top of net/ws.h.
 *
 * Each connection has a fresh client id: ComfyUI removes the new socket of an id when the old one
 * dies, and the new one is then deaf for good. Sends the feature flags as the first message.
 *
 * Threads: the engine's.
 */
#ifndef CG_ENGINE_COMFY_WS_H
#define CG_ENGINE_COMFY_WS_H

#include <stdint.h>

#include "base/attr.h"
#include "net/ws.h"

struct comfy_ws_config {
    const char *url;       /* http(s)://host[:port][/prefix] */
    const char *client_id; /* goes into ?clientId= */
    int64_t ping_ms;
    int64_t pong_ms;
    int64_t connect_ms;
    int64_t max_text;
    int64_t max_binary;
};

/* As ws_new. */
struct ws *comfy_ws_new(struct loop *loop, const struct comfy_ws_config *config,
                        const struct ws_events *events, void *arg) MUST_CHECK;

#endif
