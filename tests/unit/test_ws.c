/* Against ws_peer.py, which says what each path of it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>

#include "ws_peer.h"

#define GREETING  "hello, server"
#define AGENT     "test/1.0 (unit)"
#define LONG_MS   60000
#define TEXTS_MAX 130

enum event { NO_EVENT, OPENED, TEXT, BINARY, SKIPPED, CLOSED };

/* A connection and what it has told. */
struct probe {
    struct ws_place *place;
    struct ws *ws;
    int sends_at_opened;
    int sends_at_text;
    enum event free_at; /* frees the object within this event */
    int opened;
    int texts;
    char *text[TEXTS_MAX];
    int64_t binary_bytes;
    int64_t skipped[TEXTS_MAX];
    int skips;
    int closed;
    int close_code;
    int refused_status;
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

/* ---- the probe ---------------------------------------------------------------------------------- */

static void free_if(struct probe *c, enum event now)
{
    if (c->free_at == now) {
        ws_free(take_ptr(&c->ws));
    }
}

static void send_many(struct probe *c, int count)
{
    for (int i = 0; i < count; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "%d", i);
        ws_send(c->ws, span_of(text));
    }
}

static void on_opened(void *arg)
{
    struct probe *c = arg;

    c->opened++;
    send_many(c, c->sends_at_opened);
    free_if(c, OPENED);
}

static void on_text(void *arg, struct span message)
{
    struct probe *c = arg;

    if (c->texts < TEXTS_MAX) {
        c->text[c->texts] = xstrndup(message.ptr, message.len);
    }
    c->texts++;
    send_many(c, c->sends_at_text);
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
    c->close_code = end->close_code;
    c->refused_status = end->refused_status;
    free_if(c, CLOSED);
    /* After the freeing: the words must still be there. */
    (void)snprintf(c->reason, sizeof c->reason, "%s", end->reason);
}

static const struct ws_events EVENTS = {.opened = on_opened,
                                        .text = on_text,
                                        .binary = on_binary,
                                        .skipped = on_skipped,
                                        .closed = on_closed};

static struct ws_config usual_config(void)
{
    return (struct ws_config){.user_agent = AGENT,
                              .greeting = SPAN_LIT(GREETING),
                              .ping_ms = LONG_MS,
                              .pong_ms = LONG_MS,
                              .connect_ms = PATIENCE_MS,
                              .max_text = 100000,
                              .max_binary = 200000};
}

static void connect_with(struct ws_place *p, struct probe *c, struct ws_config config,
                         const char *mode)
{
    AUTO(free_ptr) char *url = xasprintf("ws://127.0.0.1:%d/%s?v=10", p->port, mode);

    *c = (struct probe){.place = p,
                        .free_at = c->free_at,
                        .sends_at_opened = c->sends_at_opened,
                        .sends_at_text = c->sends_at_text};
    config.url = config.url != NULL ? config.url : url;
    c->ws = ws_new(p->loop, &config, &EVENTS, c);
    assert_int_equal(c->opened + c->closed, 0);
}

/* c is zeroed but for free_at. */
static void connect_to(struct ws_place *p, struct probe *c, const char *mode)
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

static void turn_for(struct ws_place *p, int64_t ms)
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
    struct ws_place *p = *state;
    AUTO(free_ptr) char *host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", p->port);
    struct probe c = {.free_at = NO_EVENT};
    int64_t began = 0;

    connect_to(p, &c, "echo");
    turn_until(&c, &c.texts, 2);
    assert_int_equal(c.opened, 1);
    assert_string_equal(c.text[0], GREETING);
    assert_non_null(strstr(c.text[1], "GET /echo?v=10 HTTP/1.1\r\n"));
    assert_non_null(strcasestr(c.text[1], "\r\nUser-Agent: " AGENT "\r\n"));
    assert_non_null(strstr(c.text[1], host));
    assert_null(strcasestr(c.text[1], "\nOrigin"));
    assert_null(strcasestr(c.text[1], "\nSec-WebSocket-Protocol"));
    assert_null(strcasestr(c.text[1], "\nSec-WebSocket-Extensions"));

    began = clock_mono_ms();
    ws_close(c.ws, 4321);
    ws_close(c.ws, WS_CLOSE_NORMAL);
    assert_int_equal(c.closed, 0);
    turn_until(&c, &c.closed, 1);
    assert_true(clock_mono_ms() - began < 1500);
    assert_string_equal(c.reason, "closed");
    ws_close(c.ws, WS_CLOSE_NORMAL);
    turn_until_said(p, "close 4321\nend EOFError\n");
    assert_int_equal(c.close_code, 0);
    assert_int_equal(c.closed, 1);
    clear(&c);
}

static void test_messages(void **state)
{
    struct ws_place *p = *state;
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
    struct ws_place *p = *state;
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

/* ---- sending ------------------------------------------------------------------------------------ */

#define LARGE (6U << 20) /* more than the sockets between us take at once */

/* Behind a greeting that has been answered or not. */
static void assert_large_comes_back(struct probe *c)
{
    AUTO(free_ptr) char *large = xmalloc(LARGE + 1);

    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (char)('a' + i % 26);
    }
    large[LARGE] = '\0';
    ws_send(c->ws, SPAN_LIT("before"));
    ws_send(c->ws, (struct span){large, LARGE});
    ws_send(c->ws, SPAN_LIT(""));
    ws_send(c->ws, SPAN_LIT("after"));
    turn_until(c, &c->texts, 5);
    assert_string_equal(c->text[0], GREETING);
    assert_string_equal(c->text[1], "before");
    assert_int_equal(strlen(c->text[2]), LARGE);
    assert_memory_equal(c->text[2], large, LARGE);
    assert_string_equal(c->text[3], "");
    assert_string_equal(c->text[4], "after");
}

static void test_large_messages_and_their_order(void **state)
{
    struct ws_place *p = *state;
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.max_text = LARGE;
    config.ping_ms = 1; /* in between */
    connect_with(p, &c, config, "plain");
    turn_until(&c, &c.opened, 1);
    assert_large_comes_back(&c);
    assert_int_equal(c.closed, 0);
    clear(&c);
}

/* The greeting is one of those that wait. */
static void test_a_full_queue(void **state)
{
    struct ws_place *p = *state;
    struct probe c = {.sends_at_opened = WS_QUEUE_MAX - 1};

    connect_to(p, &c, "plain");
    turn_until(&c, &c.texts, WS_QUEUE_MAX);
    assert_string_equal(c.text[0], GREETING);
    for (int i = 1; i < WS_QUEUE_MAX; i++) {
        assert_int_equal(strtol(c.text[i], NULL, 10), i - 1);
    }
    /* There is room again. */
    send_many(&c, WS_QUEUE_MAX);
    turn_until(&c, &c.texts, 2 * WS_QUEUE_MAX);
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void test_a_queue_that_overflows(void **state)
{
    struct ws_place *p = *state;
    struct probe c = {.sends_at_opened = WS_QUEUE_MAX};

    connect_to(p, &c, "plain");
    turn_until(&c, &c.closed, 1);
    assert_string_equal(c.reason, "64 messages wait to be sent already");
    assert_int_equal(c.texts, 0);
    ws_send(c.ws, SPAN_LIT("too late"));
    ws_close(c.ws, WS_CLOSE_NORMAL);
    turn_until_said(p, "end ");
    assert_int_equal(c.closed, 1);
    clear(&c);

    c = (struct probe){.sends_at_text = WS_QUEUE_MAX + 1};
    connect_to(p, &c, "plain");
    turn_until(&c, &c.closed, 1);
    assert_int_equal(c.texts, 1);
    clear(&c);

    c = (struct probe){.sends_at_text = WS_QUEUE_MAX + 1, .free_at = TEXT};
    connect_to(p, &c, "plain");
    while (c.ws != NULL) {
        loop_turn(p->loop, 100);
    }
    turn_for(p, 30);
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void test_sent_before_the_close(void **state)
{
    struct ws_place *p = *state;
    struct probe c = {.sends_at_opened = 3};

    connect_to(p, &c, "plain");
    ws_send(c.ws, SPAN_LIT("not open yet"));
    turn_until(&c, &c.opened, 1);
    ws_close(c.ws, WS_CLOSE_NORMAL);
    ws_send(c.ws, SPAN_LIT("closing already"));
    turn_until(&c, &c.closed, 1);
    assert_string_equal(c.reason, "closed");
    turn_until_said(p, "text " GREETING "\ntext 0\ntext 1\ntext 2\nclose 1000\n");
    clear(&c);
}

static void test_no_greeting_and_no_agent(void **state)
{
    struct ws_place *p = *state;
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.greeting = (struct span){NULL, 0};
    config.user_agent = NULL;
    config.ping_ms = 0;
    config.pong_ms = 0;
    connect_with(p, &c, config, "echo");
    turn_until(&c, &c.opened, 1);
    turn_for(p, 100);
    assert_int_equal(c.texts, 0);
    send_many(&c, 1);
    turn_until(&c, &c.texts, 2);
    assert_string_equal(c.text[0], "0");
    assert_null(strcasestr(c.text[1], "\nUser-Agent"));
    assert_null(strstr(buf_str(&p->said), "ping"));
    clear(&c);
}

static void test_long_handshake(void **state)
{
    struct ws_place *p = *state;
    struct probe c = {.free_at = NO_EVENT};

    connect_to(p, &c, "headers");
    turn_until(&c, &c.texts, 1);
    clear(&c);
}

/* Each of them says which server it has come to. */
static void test_two_servers(void **state)
{
    struct ws_place *p = *state;
    struct ws_place second = {.loop = p->loop};
    struct probe c[4] = {{.free_at = NO_EVENT}};

    run_peer(&second, NULL);
    for (int i = 0; i < 4; i++) {
        connect_to(i % 2 == 0 ? p : &second, &c[i], "echo");
    }
    for (int i = 0; i < 4; i++) {
        AUTO(free_ptr)
        char *host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", i % 2 == 0 ? p->port : second.port);

        turn_until(&c[i], &c[i].texts, 2);
        assert_non_null(strstr(c[i].text[1], host));
    }
    for (int i = 0; i < 4; i++) {
        clear(&c[i]);
    }
    stop_peer(&second);
}

/* ---- life and death ----------------------------------------------------------------------------- */

static void test_pings_while_silent(void **state)
{
    struct ws_place *p = *state;
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.ping_ms = 50;
    connect_with(p, &c, config, "echo");
    turn_until_said(p, "ping\nping\nping\n");
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void test_no_pong(void **state)
{
    struct ws_place *p = *state;
    struct ws_config config = usual_config();
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
    struct ws_place *p = *state;
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.ping_ms = 10;
    config.pong_ms = 2000;
    connect_with(p, &c, config, "talk");
    turn_until_said(p, "ping\n");
    turn_for(p, 2500);
    assert_int_equal(c.closed, 0);
    clear(&c);
}

static void assert_closes(struct ws_place *p, struct ws_config config, const char *mode, int opened,
                          const char *words)
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
    static const struct {
        const char *mode;
        int code;
        const char *reason;
    } rows[] = {
        {"cut", 0, "the connection was cut"},
        {"bye", 1009, "closed by the server with code 1009: too large for me"},
        {"close-4004", 4004, "closed by the server with code 4004"},
        {"close-1000", 1000, "closed by the server with code 1000"},
        {"leave", 0, "closed by the server"},
    };
    struct ws_place *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct probe c = {.free_at = NO_EVENT};

        connect_to(p, &c, rows[i].mode);
        turn_until(&c, &c.closed, 1);
        turn_for(p, 20);
        assert_int_equal(c.opened, 1);
        assert_int_equal(c.closed, 1);
        assert_int_equal(c.close_code, rows[i].code);
        assert_int_equal(c.refused_status, 0);
        assert_string_equal(c.reason, rows[i].reason);
        clear(&c);
    }
    turn_until_said(p, "close 1009");
    turn_until_said(p, "close 4004");
}

static const char *explain(int status)
{
    return status == 403 ? ": it is forbidden" : "";
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {200, "the WebSocket was refused with status 200"},
        {302, "the WebSocket was refused with status 302"},
        {403, "the WebSocket was refused with status 403: it is forbidden"},
        {503, "the WebSocket was refused with status 503"},
    };
    struct ws_place *p = *state;

    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        size_t row = i / 2;
        AUTO(free_ptr) char *mode = xasprintf("status-%d", rows[row].status);
        struct ws_config config = usual_config();
        struct probe c = {.free_at = NO_EVENT};

        config.explain_refusal = i % 2 == 0 ? explain : NULL;
        connect_with(p, &c, config, mode);
        turn_until(&c, &c.closed, 1);
        assert_int_equal(c.refused_status, rows[row].status);
        assert_int_equal(c.close_code, 0);
        if (i % 2 == 0) {
            assert_string_equal(c.reason, rows[row].reason);
        } else {
            assert_null(strstr(c.reason, "forbidden"));
        }
        clear(&c);
    }
}

static void test_no_connection(void **state)
{
    struct ws_config config = usual_config();

    config.url = "http://127.0.0.1:1";
    assert_closes(*state, config, "", 0, "no connection: ");
    config.url = "no address";
    assert_closes(*state, config, "", 0, "its URL is not that of a WebSocket");
    config.url = "http://nosuch.invalid:8188";
    assert_closes(*state, config, "", 0, "the host name \"nosuch.invalid\" cannot be resolved: ");
    config.url = NULL;
    config.connect_ms = 200;
    assert_closes(*state, config, "hang", 0, "no connection within 0.2 s");
}

/* lws would take one from the environment by itself. */
static void test_no_proxy(void **state)
{
    struct ws_place *p = NULL;
    struct probe c = {.free_at = NO_EVENT};

    (void)state;
    /* NOLINTBEGIN(concurrency-mt-unsafe): nobody else reads it meanwhile */
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    p = open_ws_place(NULL);
    (void)unsetenv("http_proxy");
    /* NOLINTEND(concurrency-mt-unsafe) */
    connect_to(p, &c, "echo");
    turn_until(&c, &c.opened, 1);
    clear(&c);
    close_ws_place(p);
}

/* A name with two addresses, of which the first has no server. */
static void test_next_address(void **state)
{
    struct ws_place *p = *state;
    AUTO(free_ptr) char *url = xasprintf("http://localhost:%d/echo", p->port);
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    config.url = url;
    connect_with(p, &c, config, "");
    turn_until(&c, &c.texts, 2);
    assert_non_null(strstr(c.text[1], "\r\nHost: localhost:"));
    clear(&c);
}

static void test_close_early_and_late(void **state)
{
    struct ws_place *p = *state;
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
    struct ws_place *p = *state;

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
    struct ws_place *p = *state;

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
    struct ws_place *p = *state;
    struct probe c = {.free_at = NO_EVENT};

    connect_to(p, &c, "echo");
    turn_until(&c, &c.texts, 2);
    clear(&c);
    turn_until_said(p, "end ");
    assert_null(strstr(buf_str(&p->said), "close"));
}

/* ---- TLS ---------------------------------------------------------------------------------------- */

/* Two servers: of the first one, `mine` is the certificate, of the other one, `other`. */
struct tls {
    char mine[32];
    char other[32];
    struct ws_place *p;
    struct ws_place second; /* on the loop of the first */
};

static int set_up_tls(void **state)
{
    struct tls *t = xcalloc(1, sizeof *t);

    (void)snprintf(t->mine, sizeof t->mine, "/tmp/test_ws.XXXXXX");
    (void)snprintf(t->other, sizeof t->other, "/tmp/test_ws.XXXXXX");
    (void)close(mkstemp(t->mine));
    (void)close(mkstemp(t->other));
    *state = t;
    if (!make_certificate(t->mine, "DNS:localhost,IP:127.0.0.1") ||
        !make_certificate(t->other, "DNS:elsewhere.example")) {
        return 0; /* no openssl: the test sees that there is no place */
    }
    t->p = open_ws_place(t->mine);
    t->second.loop = t->p->loop;
    run_peer(&t->second, t->other);
    return 0;
}

static int tear_down_tls(void **state)
{
    struct tls *t = *state;

    if (t->p != NULL) {
        stop_peer(&t->second);
        close_ws_place(t->p);
    }
    (void)unlink(t->mine);
    (void)unlink(t->other);
    free(t);
    return 0;
}

static void test_certificates_are_checked(void **state)
{
    struct tls *t = *state;
    AUTO(free_ptr) char *first = NULL;
    AUTO(free_ptr) char *second = NULL;
    AUTO(free_ptr) char *by_number = NULL;
    struct ws_config config = usual_config();

    if (t->p == NULL) {
        skip();
        return;
    }
    first = xasprintf("https://localhost:%d/plain", t->p->port);
    by_number = xasprintf("wss://127.0.0.1:%d/plain", t->p->port);
    second = xasprintf("wss://localhost:%d/plain", t->second.port);
    config.url = first;
    assert_closes(t->p, config, "", 0, "self-signed certificate");
    config.ca_file = t->other;
    assert_closes(t->p, config, "", 0, "self-signed certificate");
    config.ca_file = "/nonexistent/ca.pem";
    assert_closes(t->p, config, "", 0, "no certificate can be read from /nonexistent/ca.pem");
    config.ca_file = PEER;
    assert_closes(t->p, config, "", 0, "no certificate can be read from " PEER);
    /* Trusted, but it is another one's. */
    config.ca_file = t->other;
    config.url = second;
    assert_closes(t->p, config, "", 0, "no connection: ");
    for (int i = 0; i < 3; i++) {
        struct probe c = {.free_at = NO_EVENT};

        config.ca_file = t->mine;
        config.url = i == 1 ? by_number : first;
        connect_with(t->p, &c, config, "");
        turn_until(&c, &c.texts, 1);
        clear(&c);
    }
}

/* Whom one of them trusts is nothing to the other, and what is said of one is not said of the other. */
static void test_certificates_of_two(void **state)
{
    struct tls *t = *state;
    AUTO(free_ptr) char *url = NULL;
    struct ws_config config = usual_config();
    struct probe good = {.free_at = NO_EVENT};
    struct probe bad = {.free_at = NO_EVENT};
    struct probe nobody = {.free_at = NO_EVENT};

    if (t->p == NULL) {
        skip();
        return;
    }
    url = xasprintf("wss://localhost:%d/plain", t->p->port);
    config.url = url;
    config.ca_file = t->mine;
    connect_with(t->p, &good, config, "");
    config.ca_file = NULL;
    connect_with(t->p, &bad, config, "");
    config.url = "wss://127.0.0.1:1/";
    connect_with(t->p, &nobody, config, "");
    turn_until(&good, &good.texts, 1);
    turn_until(&bad, &bad.closed, 1);
    turn_until(&nobody, &nobody.closed, 1);
    assert_int_equal(bad.opened, 0);
    assert_non_null(strstr(bad.reason, "self-signed certificate"));
    assert_null(strstr(nobody.reason, "certificate"));
    clear(&good);
    clear(&bad);
    clear(&nobody);
}

static void test_large_over_tls(void **state)
{
    struct tls *t = *state;
    AUTO(free_ptr) char *url = NULL;
    struct ws_config config = usual_config();
    struct probe c = {.free_at = NO_EVENT};

    if (t->p == NULL) {
        skip();
        return;
    }
    url = xasprintf("wss://localhost:%d/plain", t->p->port);
    config.url = url;
    config.ca_file = t->mine;
    config.max_text = LARGE;
    connect_with(t->p, &c, config, "");
    turn_until(&c, &c.opened, 1);
    assert_large_comes_back(&c);
    clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshake_and_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_is_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_messages_and_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_queue_that_overflows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sent_before_the_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_greeting_and_no_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_handshake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_servers, set_up, tear_down),
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
        cmocka_unit_test_setup_teardown(test_certificates_are_checked, set_up_tls, tear_down_tls),
        cmocka_unit_test_setup_teardown(test_certificates_of_two, set_up_tls, tear_down_tls),
        cmocka_unit_test_setup_teardown(test_large_over_tls, set_up_tls, tear_down_tls),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
