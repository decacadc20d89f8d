/* What is about ComfyUI; the rest is in test_ws.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "base/version.h"
#include "core/comfy_wire.h"
#include "engine/comfy_ws.h"
#include "ws_peer.h"

#define CLIENT_ID "0b6dd4d5-3a36-4e5c-8a0c-6f1f6a2b9c11"

struct probe {
    int opened;
    int texts;
    char *text[2];
    int closed;
    char reason[300];
};

static int set_up(void **state)
{
    *state = open_ws_place(NULL);
    return 0;
}

static int tear_down(void **state)
{
    close_ws_place(*state);
    return 0;
}

static void on_opened(void *arg)
{
    struct probe *c = arg;

    c->opened++;
}

static void on_text(void *arg, struct span message)
{
    struct probe *c = arg;

    assert_in_range(c->texts, 0, 1);
    c->text[c->texts++] = xstrndup(message.ptr, message.len);
}

static void on_other(void *arg, struct span message)
{
    (void)arg;
    (void)message;
    fail();
}

static void on_skipped(void *arg, int64_t bytes)
{
    (void)arg;
    (void)bytes;
    fail();
}

static void on_closed(void *arg, const struct ws_end *end)
{
    struct probe *c = arg;

    c->closed++;
    (void)snprintf(c->reason, sizeof c->reason, "%s", end->reason);
}

static struct ws *connect_to(struct ws_place *p, struct probe *c, const char *prefix)
{
    static const struct ws_events EVENTS = {.opened = on_opened,
                                            .text = on_text,
                                            .binary = on_other,
                                            .skipped = on_skipped,
                                            .closed = on_closed};
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d/%s", p->port, prefix);
    const struct comfy_ws_config config = {.url = url,
                                           .client_id = CLIENT_ID,
                                           .ping_ms = PATIENCE_MS,
                                           .pong_ms = PATIENCE_MS,
                                           .connect_ms = PATIENCE_MS,
                                           .max_text = 100000,
                                           .max_binary = 200000};

    return comfy_ws_new(p->loop, &config, &EVENTS, c);
}

static void turn_until(struct ws_place *p, const int *count, int wanted)
{
    int64_t began = clock_mono_ms();

    while (*count < wanted) {
        assert_true(clock_mono_ms() - began < PATIENCE_MS);
        loop_turn(p->loop, 100);
    }
}

static void test_handshake_and_greeting(void **state)
{
    struct ws_place *p = *state;
    AUTO(free_ptr) char *agent = xasprintf("\r\nUser-Agent: comfygate/%s\r\n", comfygate_version());
    struct probe c = {.opened = 0};
    struct ws *ws = connect_to(p, &c, "echo");

    turn_until(p, &c.texts, 2);
    assert_int_equal(c.opened, 1);
    assert_true(span_is(comfy_feature_flags(), c.text[0]));
    assert_non_null(strstr(c.text[1], "GET /echo/ws?clientId=" CLIENT_ID " HTTP/1.1\r\n"));
    assert_non_null(strcasestr(c.text[1], agent));
    /* ComfyUI refuses an Origin that is not its own. */
    assert_null(strcasestr(c.text[1], "\nOrigin"));
    ws_free(ws);
    free(c.text[0]);
    free(c.text[1]);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *prefix;
        const char *words;
    } rows[] = {
        {"status-200", "refused with status 200: what answers there is not ComfyUI"},
        {"status-302", "refused with status 302, a redirect"},
        {"status-307", "refused with status 307, a redirect"},
        {"status-400", "refused with status 400"},
        {"status-401", "refused with status 401: a proxy before ComfyUI wants a login"},
        {"status-403", "refused with status 403: ComfyUI, or a proxy before it, does not accept"},
        {"status-404", "refused with status 404: there is no ComfyUI"},
        {"status-500", "refused with status 500"},
        {"status-502", "refused with status 502: the proxy before ComfyUI does not reach it"},
    };
    struct ws_place *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct probe c = {.opened = 0};
        struct ws *ws = connect_to(p, &c, rows[i].prefix);

        turn_until(p, &c.closed, 1);
        assert_int_equal(c.opened, 0);
        if (strstr(c.reason, rows[i].words) == NULL) {
            fail_msg("closed because \"%s\", not because \"%s\"", c.reason, rows[i].words);
        }
        ws_free(ws);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshake_and_greeting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
