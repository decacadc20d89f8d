/* Against ws_peer.py, which says what each path of it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/comfy_wire.h"
#include "engine/comfy_ws.h"

#define PEER        TEST_DATA_DIR "/unit/ws_peer.py"
#define CLIENT_ID   "0b6dd4d5-3a36-4e5c-8a0c-6f1f6a2b9c11"
#define PATIENCE_MS 20000
#define LONG_MS     60000
#define TEXTS_MAX   64

enum event { NO_EVENT, OPENED, TEXT, BINARY, SKIPPED, CLOSED };

struct place {
    struct loop *loop;
    pid_t pid;
    int to_peer;
    int from_peer;
    struct buf said; /* by the peer, all of it */
    int port;
};

/* A connection and what it has told. */
struct probe {
    struct place *place;
    struct ws *ws;
    enum event free_at; /* frees the object within this event */
    int opened;
    int texts;
    char *text[TEXTS_MAX];
    int64_t binary_bytes;
    int64_t skipped[TEXTS_MAX];
    int skips;
    int closed;
    char reason[300];
};

/* ---- the peer ----------------------------------------------------------------------------------- */

static void hear_peer(struct place *p)
{
    char chunk[1024];
    ssize_t got = 0;

    while ((got = read(p->from_peer, chunk, sizeof chunk)) > 0) {
        (void)buf_append(&p->said, chunk, (size_t)got);
    }
}

static void turn_until_said(struct place *p, const char *line)
{
    int64_t began = clock_mono_ms();

    while (strstr(buf_str(&p->said), line) == NULL) {
        if (clock_mono_ms() - began > PATIENCE_MS) {
            fail_msg("the peer did not say \"%s\" but: %s", line, buf_str(&p->said));
        }
        loop_turn(p->loop, 10);
        hear_peer(p);
    }
}

static void run_peer(struct place *p, char *certificate)
{
    char *const argv[] = {(char[]){"python3"}, (char[]){PEER}, certificate, NULL};
    posix_spawn_file_actions_t actions;
    int in[2];
    int out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    assert_int_equal(posix_spawn(&p->pid, "/usr/bin/python3", &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    p->to_peer = in[1];
    p->from_peer = out[0];
    assert_int_equal(fcntl(p->from_peer, F_SETFL, O_NONBLOCK), 0);
    turn_until_said(p, "\n");
    p->port = (int)strtol(buf_str(&p->said), NULL, 10);
}

static struct place *open_place(char *certificate)
{
    struct place *p = xcalloc(1, sizeof *p);

    p->said = BUF_INIT(1U << 20);
    assert_int_equal(loop_open(ws_protocols(), &p->loop, NULL), ERR_NONE);
    run_peer(p, certificate);
    return p;
}

static int set_up(void **state)
{
    *state = open_place(NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)close(p->to_peer);
    (void)waitpid(p->pid, NULL, 0);
    (void)close(p->from_peer);
    loop_close(p->loop);
    buf_clear(&p->said);
    free(p);
    return 0;
}

/* ---- the probe ---------------------------------------------------------------------------------- */

static void free_if(struct probe *c, enum event now)
{
    if (c->free_at == now) {
        ws_free(take_ptr(&c->ws));
    }
}

static void on_opened(void *arg)
{
    struct probe *c = arg;

    c->opened++;
    free_if(c, OPENED);
}

static void on_text(void *arg, struct span message)
{
    struct probe *c = arg;

    if (c->texts < TEXTS_MAX) {
        c->text[c->texts] = xstrndup(message.ptr, message.len);
    }
    c->texts++;
    free_if(c, TEXT);
}

static void on_binary(void *arg, struct span message)
{
    struct probe *c = arg;

    for (size_t i = 0; i < message.len; i++) {
        assert_int_equal((unsigned char)message.ptr[i], i % 2 == 0 ? 0 : 0xff);
    }
    c->binary_bytes += (int64_t)message.len;
    free_if(c, BINARY);
}

static void on_skipped(void *arg, int64_t bytes)
{
    struct probe *c = arg;

    c->skipped[c->skips++] = bytes;
    free_if(c, SKIPPED);
}

static void on_closed(void *arg, const struct ws_end *end)
{
    struct probe *c = arg;

    c->closed++;
    free_if(c, CLOSED);
    /* After the freeing: the words must still be there. */
    (void)snprintf(c->reason, sizeof c->reason, "%s", end->reason);
}

static const struct ws_events EVENTS = {.opened = on_opened,
                                        .text = on_text,
                                        .binary = on_binary,
                                        .skipped = on_skipped,
                                        .closed = on_closed};

static struct comfy_ws_config usual_config(void)
{
    return (struct comfy_ws_config){.client_id = CLIENT_ID,
                                    .ping_ms = LONG_MS,
                                    .pong_ms = LONG_MS,
                                    .connect_ms = PATIENCE_MS,
                                    .max_text = 100000,
                                    .max_binary = 200000};
}

static void connect_with(struct place *p, struct probe *c, struct comfy_ws_config config,
                         const char *mode)
{
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d/%s", p->port, mode);

    *c = (struct probe){.place = p, .free_at = c->free_at};
    config.url = config.url != NULL ? config.url : url;
    c->ws = comfy_ws_new(p->loop, &config, &EVENTS, c);
    assert_int_equal(c->opened + c->closed, 0);
}

/* c is zeroed but for free_at. */
static void connect_to(struct place *p, struct probe *c, const char *mode)
{
    connect_with(p, c, usual_config(), mode);
}

static void turn_until(struct probe *c, const int *count, int wanted)
{
    int64_t began = clock_mono_ms();

    while (*count < wanted) {
        if (clock_mono_ms() - began > PATIENCE_MS) {
            fail_msg("opened %d, texts %d, skips %d, closed %d: %s", c->opened, c->texts, c->skips,
                     c->closed, c->reason);
        }
        loop_turn(c->place->loop, 100);
    }
}

static void turn_for(struct place *p, int64_t ms)
{
    int64_t began = clock_mono_ms();

    while (clock_mono_ms() - began < ms) {
        loop_turn(p->loop, 10);
    }
}

static void clear(struct probe *c)
{
    ws_free(take_ptr(&c->ws));
    for (int i = 0; i < c->texts && i < TEXTS_MAX; i++) {
        free(c->text[i]);
    }
}

/* ---- messages ----------------------------------------------------------------------------------- */

static void test_handshake_and_close(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", p->port);
    struct probe c = {.free_at = NO_EVENT};
    int64_t began = 0;

    connect_to(p, &c, "echo");
    turn_until(&c, &c.texts, 2);
    assert_int_equal(c.opened, 1);
    assert_true(span_is(comfy_feature_flags(), c.text[0]));
    assert_non_null(strstr(c.text[1], "GET /echo/ws?clientId=" CLIENT_ID " HTTP/1.1\r\n"));
    assert_non_null(strstr(c.text[1], host));
    assert_null(strcasestr(c.text[1], "\nOrigin"));
    assert_null(strcasestr(c.text[1], "\nSec-WebSocket-Protocol"));
    assert_null(strcasestr(c.text[1], "\nSec-WebSocket-Extensions"));

    began = clock_mono_ms();
    ws_close(c.ws, WS_CLOSE_NORMAL);
    ws_close(c.ws, WS_CLOSE_NORMAL);
    assert_int_equal(c.closed, 0);
    turn_until(&c, &c.closed, 1);
    assert_true(clock_mono_ms() - began < 1500);
    assert_string_equal(c.reason, "closed");
    ws_close(c.ws, WS_CLOSE_NORMAL);
    turn_until_said(p, "close 1000\nend EOFError\n");
    assert_int_equal(c.closed, 1);
    clear(&c);
}

static void test_messages(void **state)
{
    struct place *p = *state;
    struct probe c = {.free_at = NO_EVENT};

    connect_to(p, &c, "mixed");
    turn_until_said(p, "pong between");
    turn_until(&c, &c.texts, 2);
    while (c.binary_bytes == 0) {
        loop_turn(p->loop, 100);
    }
    assert_string_equal(c.text[0], "");
    assert_string_equal(c.text[1], "one two three");
    assert_int_equal(c.binary_bytes, 200000);
    assert_int_equal(c.skips + c.closed, 0);
    clear(&c);
}

static void test_too_large_is_skipped(void **state)
{
    struct place *p = *state;
    struct probe c = {.free_at = NO_EVENT};

    connect_to(p, &c, "large");
    turn_until(&c, &c.texts, 2);
    assert_int_equal(c.skips, 3);
    assert_int_equal(c.skipped[0], 100001);
    assert_int_equal(c.skipped[1], 180000);
    assert_int_equal(c.skipped[2], 200001);
    assert_int_equal(strlen(c.text[0]), 100000);
    assert_string_equal(c.text[1], "short");
    assert_int_equal(c.closed, 0);
    clear(&c);
}

/* ---- life and death ----------------------------------------------------------------------------- */

static void test_pings_while_silent(void **state)
{
    struct place *p = *state;
    struct comfy_ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.ping_ms = 50;
    connect_with(p, &c, config, "echo");
    turn_until_said(p, "ping\nping\nping\n");
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void test_no_pong(void **state)
{
    struct place *p = *state;
    struct comfy_ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.ping_ms = 50;
    config.pong_ms = 100;
    connect_with(p, &c, config, "mute");
    turn_until(&c, &c.closed, 1);
    assert_int_equal(c.opened, 1);
    assert_string_equal(c.reason, "no pong within 0.1 s");
    turn_until_said(p, "end ");
    clear(&c);
}

/* Who talks lives, whatever becomes of the pings. */
static void test_talk_is_life(void **state)
{
    struct place *p = *state;
    struct comfy_ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.ping_ms = 10;
    config.pong_ms = 2000;
    connect_with(p, &c, config, "talk");
    turn_until_said(p, "ping\n");
    turn_for(p, 2500);
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void assert_closes(struct place *p, struct comfy_ws_config config, const char *mode,
                          int opened, const char *words)
{
    struct probe c = {.free_at = NO_EVENT};

    connect_with(p, &c, config, mode);
    turn_until(&c, &c.closed, 1);
    turn_for(p, 20);
    assert_int_equal(c.closed, 1);
    assert_int_equal(c.opened, opened);
    if (strstr(c.reason, words) == NULL) {
        fail_msg("%s closed because \"%s\", not because \"%s\"", mode, c.reason, words);
    }
    clear(&c);
}

static void test_the_server_ends_it(void **state)
{
    assert_closes(*state, usual_config(), "cut", 1, "the connection was cut");
    assert_closes(*state, usual_config(), "bye", 1,
                  "closed by the server with code 1009: too large for me");
    turn_until_said(*state, "close 1009");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *mode;
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

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_closes(*state, usual_config(), rows[i].mode, 0, rows[i].words);
    }
}

static void test_no_connection(void **state)
{
    struct comfy_ws_config config = usual_config();

    config.url = "http://127.0.0.1:1";
    assert_closes(*state, config, "", 0, "no connection: ");
    config.url = "http://nosuch.invalid:8188";
    assert_closes(*state, config, "", 0, "the host name \"nosuch.invalid\" cannot be resolved: ");
    config.url = NULL;
    config.connect_ms = 200;
    assert_closes(*state, config, "hang", 0, "no connection within 0.2 s");
}

/* lws would take one from the environment by itself. */
static void test_no_proxy(void **state)
{
    struct place *p = NULL;
    struct probe c = {.free_at = NO_EVENT};

    (void)state;
    /* NOLINTBEGIN(concurrency-mt-unsafe): nobody else reads it meanwhile */
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    p = open_place(NULL);
    (void)unsetenv("http_proxy");
    /* NOLINTEND(concurrency-mt-unsafe) */
    connect_to(p, &c, "echo");
    turn_until(&c, &c.opened, 1);
    clear(&c);
    (void)tear_down((void **)&p);
}

/* A name with two addresses, of which the first has no server. */
static void test_next_address(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *url = xasprintf("http://localhost:%d/echo", p->port);
    struct comfy_ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.url = url;
    connect_with(p, &c, config, "");
    turn_until(&c, &c.texts, 2);
    assert_non_null(strstr(c.text[1], "\r\nHost: localhost:"));
    clear(&c);
}

static void test_close_early_and_late(void **state)
{
    struct place *p = *state;
    struct probe c = {.free_at = NO_EVENT};
    int64_t began = 0;

    for (int turns = 0; turns < 4; turns++) {
        connect_to(p, &c, "hang");
        for (int i = 0; i < turns; i++) {
            loop_turn(p->loop, 5);
        }
        ws_close(c.ws, WS_CLOSE_NORMAL);
        assert_int_equal(c.closed, 0);
        turn_until(&c, &c.closed, 1);
        assert_string_equal(c.reason, "closed before it was open");
        clear(&c);
    }
    connect_to(p, &c, "stay");
    turn_until(&c, &c.opened, 1);
    began = clock_mono_ms();
    ws_close(c.ws, WS_CLOSE_NORMAL);
    turn_until(&c, &c.closed, 1);
    assert_in_range(clock_mono_ms() - began, 500, 4000);
    turn_until_said(p, "close 1000\nend ");
    clear(&c);
}

/* ---- freeing at any time ------------------------------------------------------------------------ */

static void test_free_within_events(void **state)
{
    static const struct {
        enum event at;
        const char *mode;
    } rows[] = {
        {OPENED, "echo"}, {OPENED, "mixed"},  {TEXT, "mixed"},        {BINARY, "mixed"},
        {TEXT, "large"},  {SKIPPED, "large"}, {CLOSED, "cut"},        {CLOSED, "bye"},
        {TEXT, "talk"},   {CLOSED, "nobody"}, {CLOSED, "status-403"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct probe c = {.free_at = rows[i].at};
        int64_t began = clock_mono_ms();

        connect_to(p, &c, rows[i].mode);
        if (strcmp(rows[i].mode, "nobody") == 0) {
            ws_close(c.ws, WS_CLOSE_NORMAL);
        }
        while (c.ws != NULL) {
            assert_true(clock_mono_ms() - began < PATIENCE_MS);
            loop_turn(p->loop, 100);
        }
        turn_for(p, 30);
        assert_int_equal(c.closed, rows[i].at == CLOSED ? 1 : 0);
        clear(&c);
    }
}

static void test_free_between_turns(void **state)
{
    static const char *const modes[] = {"echo", "large", "talk", "hang", "status-404"};
    struct place *p = *state;

    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        for (int turns = 0; turns < 16; turns++) {
            struct probe c = {.free_at = NO_EVENT};

            connect_to(p, &c, modes[i]);
            for (int turn = 0; turn < turns; turn++) {
                loop_turn(p->loop, 2);
            }
            clear(&c);
            /* Every other time the next one begins while the last one still dies. */
            turn_for(p, turns % 2 == 0 ? 0 : 5);
        }
    }
    ws_free(NULL);
}

static void test_free_ends_the_connection(void **state)
{
    struct place *p = *state;
    struct probe c = {.free_at = NO_EVENT};

    connect_to(p, &c, "echo");
    turn_until(&c, &c.texts, 2);
    clear(&c);
    turn_until_said(p, "end ");
    assert_null(strstr(buf_str(&p->said), "close"));
}

/* ---- TLS ---------------------------------------------------------------------------------------- */

static bool make_certificate(const char *path)
{
    char *const argv[] = {(char[]){"openssl"},
                          (char[]){"req"},
                          (char[]){"-x509"},
                          (char[]){"-newkey"},
                          (char[]){"rsa:2048"},
                          (char[]){"-nodes"},
                          (char[]){"-subj"},
                          (char[]){"/CN=localhost"},
                          (char[]){"-addext"},
                          (char[]){"subjectAltName=DNS:localhost,IP:127.0.0.1"},
                          (char[]){"-keyout"},
                          xstrdup(path),
                          (char[]){"-out"},
                          xstrdup(path),
                          NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = -1;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, "openssl", &actions, NULL, argv, environ) == 0) {
        (void)waitpid(pid, &status, 0);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    free(argv[11]);
    free(argv[13]);
    return status == 0;
}

static void test_self_signed_is_refused(void **state)
{
    char path[] = "/tmp/test_comfy_ws.XXXXXX";
    int fd = mkstemp(path);
    AUTO(free_ptr) char *url = NULL;
    struct comfy_ws_config config = usual_config();
    struct place *p = NULL;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    if (!make_certificate(path)) {
        (void)unlink(path);
        skip();
    }
    p = open_place(path);
    url = xasprintf("https://localhost:%d/echo", p->port);
    config.url = url;
    assert_closes(p, config, "", 0, "self-signed certificate");
    (void)tear_down((void **)&p);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshake_and_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_is_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pings_while_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_pong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_talk_is_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_server_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_connection, set_up, tear_down),
        cmocka_unit_test(test_no_proxy),
        cmocka_unit_test_setup_teardown(test_next_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_early_and_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_within_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_between_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_ends_the_connection, set_up, tear_down),
        cmocka_unit_test(test_self_signed_is_refused),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
