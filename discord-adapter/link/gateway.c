/* gateway.c - see gateway.h. wire/session.h says what to do; here it is done.
 *
 * There is one socket at a time. One that is left is given its two seconds for the closing handshake before the next is
 * opened, so that Discord hears the code that keeps the session.
 */
#include "link/gateway.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/version.h"
#include "net/ws.h"
#include "wire/read.h"

#define CONNECT_MS      15000
#define MAX_TEXT        (16 << 20) /* READY of an application in many guilds */
#define MAX_BINARY      65536
#define CLOSE_TOO_LARGE 4000 /* ours: keeps the session */

enum next_step { STEP_CONNECT, STEP_ASK };

struct gateway_link {
    struct loop *loop;
    struct discord *rest;
    struct session *session;
    char *ca_file;
    char *agent;
    struct gateway_events events;
    void *arg;

    struct ws *ws;
    struct discord_call *asking;
    struct loop_timer tick;
    struct loop_timer step;
    enum next_step next;
    int64_t next_in_ms;
    bool is_leaving; /* the socket closes, then comes the next step */
    bool is_over;    /* closed by us, or fatal */
    bool was_ready;
};

static void act(struct gateway_link *g, const struct session_act *a);

static uint64_t any_number(void)
{
    uint64_t number = 0;

    random_fill(&number, sizeof number);
    return number;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_tick(void *arg);

static void plan_tick(struct gateway_link *g)
{
    int64_t due = session_due(g->session);

    if (due == INT64_MAX || g->is_over) {
        loop_timer_off(g->loop, &g->tick);
    } else {
        loop_timer_set(g->loop, &g->tick, due - clock_mono_ms(), on_tick, g);
    }
}

static void on_tick(void *arg)
{
    struct gateway_link *g = arg;
    struct session_act a = {.want = WANT_NOTHING};

    if (!g->is_leaving) {
        a = session_tick(g->session, clock_mono_ms(), any_number());
        act(g, &a);
    }
}

/* ---- the socket ------------------------------------------------------------------------------ */

static void on_opened(void *arg)
{
    struct gateway_link *g = arg;

    session_opened(g->session, clock_mono_ms());
    plan_tick(g);
}

static void on_text(void *arg, struct span text)
{
    struct gateway_link *g = arg;
    struct session_act a = {.want = WANT_NOTHING};

    if (g->is_leaving || g->is_over) {
        return;
    }
    a = session_text(g->session, text, clock_mono_ms(), any_number());
    act(g, &a);
}

static void on_skipped(void *arg, int64_t bytes)
{
    struct gateway_link *g = arg;
    struct session_act a = {.want = WANT_NOTHING};

    if (g->is_leaving || g->is_over) {
        return;
    }
    log_warn("gateway_message_too_large", LOG_I("bytes", bytes));
    a = session_closed(g->session, 0, "a message was too large", clock_mono_ms(), any_number());
    a.close_code = CLOSE_TOO_LARGE;
    act(g, &a);
}

static void on_binary(void *arg, struct span bytes)
{
    /* Only what asked for compression is sent any. */
    (void)arg;
    log_debug("gateway_binary", LOG_I("bytes", bytes.len));
}

static void on_step(void *arg);

static void on_closed(void *arg, const struct ws_end *end)
{
    struct gateway_link *g = arg;
    struct session_act a = {.want = WANT_NOTHING};

    ws_free(take_ptr(&g->ws));
    if (g->is_over) {
        return;
    }
    if (g->is_leaving) {
        g->is_leaving = false;
        loop_timer_set(g->loop, &g->step, g->next_in_ms, on_step, g);
        return;
    }
    a = session_closed(g->session, end->close_code, end->reason, clock_mono_ms(), any_number());
    act(g, &a);
}

static void connect_now(struct gateway_link *g)
{
    static const struct ws_events events = {.opened = on_opened,
                                            .text = on_text,
                                            .binary = on_binary,
                                            .skipped = on_skipped,
                                            .closed = on_closed};

    g->ws = ws_new(g->loop,
                   &(struct ws_config){.url = session_address(g->session),
                                       .user_agent = g->agent,
                                       .ca_file = g->ca_file,
                                       .connect_ms = CONNECT_MS,
                                       .max_text = MAX_TEXT,
                                       .max_binary = MAX_BINARY},
                   &events, g);
    plan_tick(g);
}

/* ---- its address ----------------------------------------------------------------------------- */

static void on_url(void *arg, const struct discord_result *r)
{
    struct gateway_link *g = arg;
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(r->json, "session_start_limit");
    const char *url = read_text(r->json, "url");
    int64_t now = clock_mono_ms();
    struct session_act a = {.want = WANT_NOTHING};

    g->asking = NULL;
    if (r->status == 200 && url[0] != '\0') {
        session_url_told(g->session, url, read_int(limit, "remaining", 1),
                         read_int(limit, "reset_after", 0), now);
        connect_now(g);
        return;
    }
    log_warn("gateway_url_failed", LOG_I("status", r->status), LOG_S("reason", r->reason));
    /* An answer without an address is as good as none. */
    a = session_url_failed(g->session, r->status == 200 ? 0 : r->status, now, any_number());
    act(g, &a);
}

static void ask(struct gateway_link *g)
{
    g->asking = discord_request(g->rest, "GET", "/gateway/bot", "/gateway/bot", NULL, on_url, g);
}

static void on_step(void *arg)
{
    struct gateway_link *g = arg;

    if (g->next == STEP_ASK || session_address(g->session)[0] == '\0') {
        ask(g);
    } else {
        connect_now(g);
    }
}

/* ---- what the session wants ------------------------------------------------------------------ */

static void leave(struct gateway_link *g, enum next_step next, int64_t wait_ms, int close_code)
{
    g->next = next;
    g->next_in_ms = wait_ms;
    loop_timer_off(g->loop, &g->tick);
    if (g->ws != NULL && close_code != 0) {
        g->is_leaving = true;
        ws_close(g->ws, close_code);
        return;
    }
    ws_free(take_ptr(&g->ws));
    loop_timer_set(g->loop, &g->step, wait_ms, on_step, g);
}

static void tell_fatal(struct gateway_link *g, const struct session_act *a)
{
    g->is_over = true;
    loop_timer_off(g->loop, &g->tick);
    ws_free(take_ptr(&g->ws));
    g->events.fatal(g->arg, a->reason, a->exit_code);
}

static void tell_ready(struct gateway_link *g)
{
    bool is_ready = session_is_ready(g->session);
    bool became_ready = is_ready && !g->was_ready;

    g->was_ready = is_ready;
    if (became_ready) {
        log_info("gateway_ready", LOG_S("application", session_application_id(g->session)),
                 LOG_S("user", session_user_id(g->session)),
                 LOG_I("identifies", session_identify_count(g->session)));
        g->events.ready(g->arg);
    }
}

static void log_leaving(const struct session_act *a)
{
    log_info("gateway_reconnect", LOG_S("reason", a->reason), LOG_I("close_code", a->close_code),
             LOG_I("wait_ms", a->wait_ms));
}

static void act(struct gateway_link *g, const struct session_act *a)
{
    switch (a->want) {
    case WANT_NOTHING:
        break;
    case WANT_SEND:
        if (g->ws != NULL) {
            ws_send(g->ws, span_of(a->send));
        }
        break;
    case WANT_RECONNECT:
        log_leaving(a);
        leave(g, STEP_CONNECT, a->wait_ms, a->close_code);
        break;
    case WANT_ASK_URL:
        log_leaving(a);
        leave(g, STEP_ASK, a->wait_ms, a->close_code);
        break;
    case WANT_DISPATCH:
        tell_ready(g);
        g->events.dispatch(g->arg, a->event, a->data);
        break;
    case WANT_FATAL:
        tell_fatal(g, a);
        return;
    }
    tell_ready(g);
    if (!g->is_leaving) {
        plan_tick(g);
    }
}

/* ---- opening and closing --------------------------------------------------------------------- */

struct gateway_link *gateway_link_new(struct loop *loop, struct discord *rest,
                                      const struct session_config *config, const char *ca_file,
                                      const struct gateway_events *events, void *arg)
{
    struct gateway_link *g = xcalloc(1, sizeof *g);

    g->loop = loop;
    g->rest = rest;
    g->session = session_new(config);
    g->ca_file = xstrdup_or_null(ca_file);
    g->agent =
        xasprintf("DiscordBot (https://github.com/comfygate/comfygate, %s)", comfygate_version());
    g->events = *events;
    g->arg = arg;
    g->next = STEP_ASK;
    loop_timer_set(loop, &g->step, 0, on_step, g);
    return g;
}

void gateway_link_free(struct gateway_link *g)
{
    if (g == NULL) {
        return;
    }
    loop_timer_off(g->loop, &g->tick);
    loop_timer_off(g->loop, &g->step);
    discord_drop(g->asking);
    ws_free(g->ws);
    session_free(g->session);
    free(g->ca_file);
    free(g->agent);
    free(g);
}

bool gateway_link_close(struct gateway_link *g)
{
    if (!g->is_over || g->is_leaving) {
        g->is_over = true;
        g->is_leaving = false;
        loop_timer_off(g->loop, &g->tick);
        loop_timer_off(g->loop, &g->step);
        discord_drop(take_ptr(&g->asking));
        if (g->ws != NULL) {
            ws_close(g->ws, WS_CLOSE_NORMAL);
        }
    }
    return g->ws == NULL;
}

const struct session *gateway_link_session(const struct gateway_link *g)
{
    return g->session;
}
