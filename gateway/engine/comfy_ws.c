/* comfy_ws.c - a connection to ComfyUI, put into the words of net/ws.h. */
#include "engine/comfy_ws.h"

#include "base/mem.h"
#include "base/version.h"
#include "core/comfy_wire.h"

static const char *explain_refusal(int status)
{
    if (status == 403) {
        return ": ComfyUI, or a proxy before it, does not accept the Host or Origin; or the proxy "
               "wants a login";
    }
    if (status == 401 || status == 407) {
        return ": a proxy before ComfyUI wants a login";
    }
    if (status >= 300 && status < 400) {
        return ", a redirect, which is not followed: a proxy before ComfyUI wants a login, or the "
               "backend's URL should be another";
    }
    if (status == 404 || status == 405) {
        return ": there is no ComfyUI at this address; is the path of its URL right?";
    }
    if (status == 200) {
        return ": what answers there is not ComfyUI, or a proxy that does not pass WebSockets on";
    }
    return status >= 502 && status <= 504 ? ": the proxy before ComfyUI does not reach it" : "";
}

struct ws *comfy_ws_new(struct loop *loop, const struct comfy_ws_config *config,
                        const struct ws_events *events, void *arg)
{
    AUTO(free_ptr) char *agent = xasprintf("comfygate/%s", comfygate_version());
    AUTO(free_ptr) char *url = xasprintf("%s/ws?clientId=%s", config->url, config->client_id);

    return ws_new(loop,
                  &(struct ws_config){.url = url,
                                      .user_agent = agent,
                                      .greeting = comfy_feature_flags(),
                                      .ping_ms = config->ping_ms,
                                      .pong_ms = config->pong_ms,
                                      .connect_ms = config->connect_ms,
                                      .max_text = config->max_text,
                                      .max_binary = config->max_binary,
                                      .explain_refusal = explain_refusal},
                  events, arg);
}
