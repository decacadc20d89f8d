/* check_socket.c - whether a WebSocket to a ComfyUI opens, brings its first message, and stays.
 *
 * Proxies that do not know of WebSockets answer the handshake themselves, pass it on as a plain GET, or cut the connection
 * when nothing has been said for a moment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/version.h"
#include "core/comfy_wire.h"
#include "doctor/checks.h"
#include "net/ws.h"

#define OPEN_MS    10000
#define MESSAGE_MS 5000
#define STAY_MS    1500 /* behind the first message, with pings */
#define PING_MS    500
#define TEXT_MAX   (8L << 20)
#define TURN_MS    50

static const char upgrade_advice[] = "Let the proxy before it pass WebSockets on. nginx: "
                                     "proxy_http_version 1.1; proxy_set_header Upgrade "
                                     "$http_upgrade; proxy_set_header Connection \"upgrade\". "
                                     "Apache: mod_proxy_wstunnel, or upgrade=websocket in "
                                     "ProxyPass. Caddy's reverse_proxy does it by itself.";

struct probe {
    bool is_open;
    bool has_status; /* ComfyUI's first message */
    bool is_closed;
    int64_t opened_mono_ms;
    int64_t closed_mono_ms;
    int refused_status;
    int close_code;
    char reason[256];
};

static void on_opened(void *arg)
{
    struct probe *p = arg;

    p->is_open = true;
    p->opened_mono_ms = clock_mono_ms();
}

static void on_text(void *arg, struct span message)
{
    struct probe *p = arg;
    struct comfy_message m;

    comfy_message_text(message, &m);
    p->has_status = p->has_status || m.kind == COMFY_STATUS;
    comfy_message_clear(&m);
}

static void on_binary(void *arg, struct span message)
{
    (void)arg;
    (void)message;
}

static void on_skipped(void *arg, int64_t bytes)
{
    (void)arg;
    (void)bytes;
}

static void on_closed(void *arg, const struct ws_end *end)
{
    struct probe *p = arg;

    p->is_closed = true;
    p->closed_mono_ms = clock_mono_ms();
    p->refused_status = end->refused_status;
    p->close_code = end->close_code;
    (void)snprintf(p->reason, sizeof p->reason, "%s", end->reason);
}

/* Turns the loop until *flag or the end of the connection, at most so long. */
static void wait_for(struct loop *loop, const struct probe *p, const bool *flag, int64_t ms)
{
    int64_t due = clock_mono_ms() + ms;

    while (!*flag && !p->is_closed && clock_mono_ms() < due) {
        loop_turn(loop, TURN_MS);
    }
}

static void tell_refusal(struct doctor *d, const struct probe *p)
{
    int status = p->refused_status;

    if (status == 403) {
        report_wrong(
            &d->report,
            "ComfyUI, or a proxy before it, does not accept the Host or Origin: with nginx, "
            "proxy_set_header Host $host, and no Origin of another host.",
            "the handshake is refused with 403");
    } else if (status == 401 || status == 407 || (status >= 300 && status < 400)) {
        report_wrong(&d->report, "A proxy before ComfyUI wants a login: let the gateway pass it.",
                     "the handshake is answered with %d", status);
    } else if (status >= 502 && status <= 504) {
        report_wrong(&d->report, upgrade_advice,
                     "the handshake is answered with %d: a proxy does not reach ComfyUI by it",
                     status);
    } else if (status != 0) {
        /* ComfyUI itself says 400 when the fields have been taken out on the way. */
        report_wrong(&d->report, upgrade_advice,
                     "the handshake does not arrive as one: it is answered with %d, not with 101",
                     status);
    } else {
        report_wrong(&d->report, upgrade_advice, "it does not open: %s",
                     p->is_closed ? p->reason : "no answer within 10 s");
    }
}

static void tell(struct doctor *d, const struct probe *p)
{
    if (!p->is_open) {
        tell_refusal(d, p);
    } else if (p->is_closed) {
        report_wrong(&d->report,
                     "See what the proxy before ComfyUI allows: nginx, proxy_read_timeout 1h; "
                     "HAProxy, timeout "
                     "tunnel 1h.",
                     "it opens, and is closed again after %lld ms: %s",
                     (long long)(p->closed_mono_ms - p->opened_mono_ms), p->reason);
    } else if (!p->has_status) {
        report_wrong(&d->report,
                     "See whether a proxy before ComfyUI holds messages back (nginx: "
                     "proxy_buffering off), or "
                     "whether ComfyUI hangs.",
                     "it opens, and nothing is said on it within 5 s");
    } else {
        report_ok(&d->report, "opens, speaks and stays open");
    }
}

void check_socket(struct doctor *d, const struct backend_address *backend)
{
    static const struct ws_events EVENTS = {.opened = on_opened,
                                            .text = on_text,
                                            .binary = on_binary,
                                            .skipped = on_skipped,
                                            .closed = on_closed};
    AUTO(free_ptr) char *agent = xasprintf("comfygate-doctor/%s", comfygate_version());
    struct id client = id_new(); /* a ComfyUI gives messages of one id to one socket only */
    AUTO(free_ptr) char *url = xasprintf("%s/ws?clientId=%s", backend->url, client.text);
    const struct ws_config config = {.url = url,
                                     .user_agent = agent,
                                     .greeting = comfy_feature_flags(),
                                     .ping_ms = PING_MS,
                                     .pong_ms = MESSAGE_MS,
                                     .connect_ms = OPEN_MS,
                                     .max_text = TEXT_MAX,
                                     .max_binary = TEXT_MAX};
    struct probe probe = {.is_open = false};
    struct ws *ws = ws_new(d->loop, &config, &EVENTS, &probe);

    wait_for(d->loop, &probe, &probe.is_open, OPEN_MS);
    if (probe.is_open) {
        wait_for(d->loop, &probe, &probe.has_status, MESSAGE_MS);
    }
    if (probe.has_status) {
        wait_for(d->loop, &probe, &probe.is_closed, STAY_MS);
    }
    ws_free(ws);
    tell(d, &probe);
}
