#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>

#include "base/clock.h"
#include "http_peer.h"
#include "net/http_call.h"
#include "ws_peer.h"

#define TIMEOUT_MS INT64_C(20000)
#define SHORT_MS   300
#define AGENT      "test/1.0 (unit)"
#define MAX_BYTES  INT64_C(4194304)

struct place {
    struct loop *loop;
    struct http_client *http;
    struct peer *peer;
};

/* A call and what came of it. */
struct probe {
    struct http_call *call;
    int dones;
    struct http_result result;
    struct buf body;
    char reason[256];
    const char *header;  /* to be read in done() */
    char *value;         /* of it; NULL = none */
    struct probe *drop;  /* in done() */
    struct place *again; /* where done() starts it once more */
};

static void on_done(void *arg, const struct http_result *result);

static void start(struct place *p, struct probe *probe, struct http_request request,
                  const char *path)
{
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d%s", p->peer->port, path);

    request.method = request.method != NULL ? request.method : "GET";
    request.url = request.url != NULL ? request.url : url;
    request.max_bytes = request.max_bytes > 0 ? request.max_bytes : MAX_BYTES;
    if (request.timeout_ms == 0 && request.stall_ms == 0 && !request.is_endless) {
        request.timeout_ms = TIMEOUT_MS;
    }
    request.done = on_done;
    request.arg = probe;
    probe->call = http_start(p->http, &request);
    assert_int_equal(probe->dones, 0);
}

static void on_done(void *arg, const struct http_result *result)
{
    struct probe *probe = arg;

    probe->call = NULL;
    probe->dones++;
    probe->result = *result;
    probe->result.reason = probe->reason;
    (void)snprintf(probe->reason, sizeof probe->reason, "%s", result->reason);
    if (probe->header != NULL && http_header(result, probe->header) != NULL) {
        probe->value = xstrdup(http_header(result, probe->header));
    }
    buf_clear(&probe->body);
    probe->body = BUF_INIT((size_t)MAX_BYTES * 2);
    (void)buf_append_span(&probe->body, result->body);
    if (probe->drop != NULL) {
        http_drop(take_ptr(&probe->drop->call));
    }
    if (probe->again != NULL) {
        struct place *p = take_ptr(&probe->again);

        probe->dones = 0;
        start(p, probe, (struct http_request){0}, "/echo");
    }
}

static void wait_for(struct place *p, const struct probe *probe)
{
    int64_t began = clock_mono_ms();

    while (probe->dones == 0) {
        assert_true(clock_mono_ms() - began < 2 * TIMEOUT_MS);
        loop_turn(p->loop, 1000);
    }
    assert_int_equal(probe->dones, 1);
}

/* One call from its start to its end; the body is to be cleared. */
static struct probe call(struct place *p, struct http_request request, const char *path)
{
    struct probe probe = {.dones = 0};

    start(p, &probe, request, path);
    wait_for(p, &probe);
    return probe;
}

static void assert_end(struct place *p, struct http_request request, const char *path,
                       enum http_end end)
{
    struct probe probe = call(p, request, path);

    if (probe.result.end != end) {
        fail_msg("%s %s ended as %d, not %d: %s", request.method, path, probe.result.end, end,
                 probe.reason);
    }
    assert_int_equal(probe.reason[0] != '\0', end != HTTP_ANSWERED);
    buf_clear(&probe.body);
}

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof *p);

    assert_int_equal(loop_open(ws_protocols(), &p->loop, NULL), ERR_NONE);
    p->http = http_client_new(p->loop, AGENT);
    p->peer = peer_start();
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    http_client_free(p->http);
    http_client_free(NULL);
    loop_close(p->loop);
    peer_stop(p->peer);
    free(p);
    return 0;
}

/* ---- requests ----------------------------------------------------------------------------------- */

static void test_get(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", p->peer->port);
    struct probe probe = call(p, (struct http_request){0}, "/echo");

    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 200);
    assert_non_null(strstr(buf_str(&probe.body), "GET /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nUser-Agent: " AGENT "\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), host));
    assert_null(strcasestr(buf_str(&probe.body), "Origin"));
    assert_null(strcasestr(buf_str(&probe.body), "Upgrade"));
    buf_clear(&probe.body);
    for (int i = 0; i < 5; i++) {
        assert_end(p, (struct http_request){0}, "/status/404", HTTP_ANSWERED);
    }
    /* All on one connection. */
    assert_int_equal(atomic_load(&p->peer->connections), 1);
}

static void test_post(void **state)
{
    static const char *const JSON[] = {"Content-Type: application/json", NULL};
    struct place *p = *state;
    AUTO(free_ptr) char *body = xmalloc(2U << 20);
    struct span large = {body, 2U << 20};
    struct probe probe;
    const char *end = NULL;

    memset(body, 0x80, large.len);
    body[7] = '\0';
    probe =
        call(p, (struct http_request){.method = "POST", .body = large, .header = JSON}, "/echo");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_non_null(strstr(buf_str(&probe.body), "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Length: 2097152\r\n"));
    assert_null(strcasestr(buf_str(&probe.body), "Expect"));
    end = strstr(buf_str(&probe.body), "\r\n\r\n") + 4;
    assert_int_equal(probe.body.len - (size_t)(end - buf_str(&probe.body)), large.len);
    assert_memory_equal(end, body, large.len);
    buf_clear(&probe.body);
    probe = call(p, (struct http_request){.method = "POST"}, "/echo");
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(buf_str(&probe.body), "Content-Type"));
    buf_clear(&probe.body);
}

/* The server closes kept connections when the next request has come. curl then sends it again by
 * itself: fine for a GET, a second run for a POST. */
static void test_alone_is_sent_once(void **state)
{
    struct place *p = *state;

    assert_end(p, (struct http_request){0}, "/echo", HTTP_ANSWERED);
    assert_end(p, (struct http_request){0}, "/die-if-kept", HTTP_ANSWERED);
    assert_int_equal(atomic_load(&p->peer->gets), 3);
    for (int i = 1; i <= 50; i++) {
        assert_end(p, (struct http_request){0}, "/echo", HTTP_ANSWERED);
        assert_end(p, (struct http_request){.method = "POST", .is_alone = true}, "/die-if-kept",
                   HTTP_ANSWERED);
        assert_int_equal(atomic_load(&p->peer->posts), i);
    }
    for (int i = 51; i <= 100; i++) {
        assert_end(p, (struct http_request){.method = "POST", .is_alone = true}, "/die",
                   HTTP_IN_DOUBT);
        assert_int_equal(atomic_load(&p->peer->posts), i);
    }
}

static void test_methods(void **state)
{
    static const struct {
        const char *method;
        const char *body; /* NULL = none */
        const char *length;
    } rows[] = {
        {"PUT", "put this", "\r\nContent-Length: 8\r\n"},
        {"PUT", NULL, "\r\nContent-Length: 0\r\n"},
        {"PATCH", "{}", "\r\nContent-Length: 2\r\n"},
        {"PATCH", NULL, "\r\nContent-Length: 0\r\n"},
        {"DELETE", NULL, NULL},
        {"DELETE", "why", "\r\nContent-Length: 3\r\n"},
        {"POST", "", "\r\nContent-Length: 0\r\n"},
        {"GET", NULL, NULL},
    };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span body = rows[i].body != NULL ? span_of(rows[i].body) : (struct span){NULL, 0};
        AUTO(free_ptr) char *line = xasprintf("%s /echo HTTP/1.1\r\n", rows[i].method);
        struct probe probe =
            call(p, (struct http_request){.method = rows[i].method, .body = body}, "/echo");
        const char *got = buf_str(&probe.body);

        assert_int_equal(probe.result.end, HTTP_ANSWERED);
        assert_ptr_equal(strstr(got, line), got);
        if (rows[i].length != NULL) {
            assert_non_null(strstr(got, rows[i].length));
        } else {
            assert_null(strstr(got, "Content-Length"));
        }
        assert_string_equal(strstr(got, "\r\n\r\n") + 4, rows[i].body != NULL ? rows[i].body : "");
        buf_clear(&probe.body);
    }
    assert_int_equal(atomic_load(&p->peer->connections), 1);
}

static void test_request_headers(void **state)
{
    static const char *const GOOD[] = {"Authorization: Bot abc", "If-Match: \"7\"", NULL};
    static const char *const BAD[] = {"X-Good: yes", "X-Bad: a\r\nX-Other: b", NULL};
    struct place *p = *state;
    struct probe probe = call(p, (struct http_request){.header = GOOD}, "/echo");

    assert_non_null(strstr(buf_str(&probe.body), "\r\nAuthorization: Bot abc\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nIf-Match: \"7\"\r\n"));
    buf_clear(&probe.body);
    probe = call(p, (struct http_request){.header = BAD}, "/echo");
    assert_int_equal(probe.result.end, HTTP_NOT_SENT);
    assert_string_equal(probe.reason, "a header of the request has a line break");
    buf_clear(&probe.body);
    assert_int_equal(atomic_load(&p->peer->gets), 1);
}

static void test_answer_headers(void **state)
{
    static const struct {
        const char *path;
        const char *name;
        const char *value;
    } rows[] = {
        {"/headers", "Retry-After", "1.5"}, {"/headers", "retry-AFTER", "1.5"},
        {"/headers", "X-Twice", "two"},     {"/headers", "X-Empty", ""},
        {"/headers", "X-Nothing", NULL},    {"/status/429", "Content-Length", "12"},
        {"/redirect", "location", "/echo"}, {"/die", "Content-Length", NULL},
    };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct probe probe = {.header = rows[i].name};

        start(p, &probe, (struct http_request){0}, rows[i].path);
        wait_for(p, &probe);
        if (rows[i].value == NULL) {
            assert_null(probe.value);
        } else {
            assert_non_null(probe.value);
            assert_string_equal(probe.value, rows[i].value);
        }
        free(probe.value);
        buf_clear(&probe.body);
    }
}

static void test_redirect_and_proxy(void **state)
{
    struct place *p = *state;
    struct probe probe;

    /* NOLINTBEGIN(concurrency-mt-unsafe): nobody else reads it meanwhile */
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("all_proxy", "http://127.0.0.1:1", 1);
    probe = call(p, (struct http_request){0}, "/redirect");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 302);
    assert_string_equal(buf_str(&probe.body), "elsewhere");
    buf_clear(&probe.body);
    (void)unsetenv("http_proxy");
    (void)unsetenv("all_proxy");
    /* NOLINTEND(concurrency-mt-unsafe) */
}

/* ---- how calls end ------------------------------------------------------------------------------ */

static void test_not_sent(void **state)
{
    struct place *p = *state;
    int port = 0;
    int fd = peer_listen(1, &port);
    AUTO(free_ptr) char *refused = xasprintf("http://127.0.0.1:%d/", port);
    AUTO(free_ptr) char *no_tls = xasprintf("https://127.0.0.1:%d/", p->peer->port);
    const char *urls[] = {refused, no_tls, "http://nosuch.invalid/", "file:///etc/passwd",
                          "ftp://127.0.0.1/"};

    (void)close(fd);
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_end(p, (struct http_request){.url = urls[i]}, urls[i], HTTP_NOT_SENT);
        assert_end(p, (struct http_request){.url = urls[i], .method = "POST"}, urls[i],
                   HTTP_NOT_SENT);
    }
}

/* Nobody accepts: the kernel drops what does not fit into the backlog. */
static void test_no_connection_in_time(void **state)
{
    struct place *p = *state;
    int port = 0;
    int fd = peer_listen(0, &port);
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d/", port);
    struct probe filler[4] = {{.dones = 0}};
    struct probe last = {.dones = 0};

    for (size_t i = 0; i < COUNT_OF(filler); i++) {
        start(p, &filler[i], (struct http_request){.url = url}, "");
        loop_turn(p->loop, 20);
    }
    start(p, &last, (struct http_request){.url = url, .method = "POST", .timeout_ms = SHORT_MS},
          "");
    wait_for(p, &last);
    assert_int_equal(last.result.end, HTTP_NOT_SENT);
    for (size_t i = 0; i < COUNT_OF(filler); i++) {
        http_drop(filler[i].call);
        buf_clear(&filler[i].body);
    }
    buf_clear(&last.body);
    (void)close(fd);
}

static void test_in_doubt(void **state)
{
    static const char *const paths[] = {"/die", "/half-head", "/half", "/half-chunked"};
    struct place *p = *state;

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_end(p, (struct http_request){.method = "GET"}, paths[i], HTTP_IN_DOUBT);
        assert_end(p, (struct http_request){.method = "POST"}, paths[i], HTTP_IN_DOUBT);
    }
    assert_end(p, (struct http_request){.timeout_ms = SHORT_MS}, "/hang", HTTP_IN_DOUBT);
    assert_end(p, (struct http_request){.method = "POST", .timeout_ms = SHORT_MS}, "/hang",
               HTTP_IN_DOUBT);
}

static void test_too_large(void **state)
{
    struct place *p = *state;
    static const char *const paths[] = {"/bytes/100000", "/chunked/100000", "/error/100000"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_end(p, (struct http_request){.max_bytes = 100000}, paths[i], HTTP_ANSWERED);
        assert_end(p, (struct http_request){.max_bytes = 99999}, paths[i], HTTP_TOO_LARGE);
    }
}

/* ---- forms -------------------------------------------------------------------------------------- */

static int file_of(const char *text)
{
    char path[] = "/tmp/test_http_call.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd > 0);
    (void)unlink(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd; /* at its end: a call begins at the beginning all the same */
}

/* The part that begins with this head, up to its boundary. */
static void assert_part(const char *form, const char *head, const char *content)
{
    const char *at = strstr(form, head);

    if (at == NULL) {
        fail_msg("no part begins with \"%s\" in: %s", head, form);
        return;
    }
    at += strlen(head);
    assert_int_equal(strncmp(at, content, strlen(content)), 0);
    assert_int_equal(strncmp(at + strlen(content), "\r\n--", 4), 0);
}

static void test_parts(void **state)
{
    struct place *p = *state;
    int first = file_of("the first file");
    int second = file_of("");
    const struct http_part part[] = {
        {.name = "payload_json", .content_type = "application/json", .data = SPAN_LIT("{\"a\":1}")},
        {.name = "plain", .data = SPAN_LIT("text")},
        {.name = "nothing"},
        {.name = "files[0]",
         .filename = "cat.png",
         .content_type = "image/png",
         .fd = first,
         .size = 14},
        {.name = "files[1]", .filename = "empty", .fd = second},
        {.name = "files[2]", .filename = "a\"b\r\n.txt", .data = SPAN_LIT("in memory")},
    };
    struct probe probe = call(
        p, (struct http_request){.method = "PATCH", .part = part, .part_count = COUNT_OF(part)},
        "/echo");
    const char *got = buf_str(&probe.body);

    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_ptr_equal(strstr(got, "PATCH /echo HTTP/1.1\r\n"), got);
    assert_non_null(strstr(got, "\r\nContent-Type: multipart/form-data; boundary="));
    assert_null(strcasestr(got, "Expect"));
#define DISPOSITION "\r\nContent-Disposition: form-data; name="
    assert_part(got, DISPOSITION "\"payload_json\"\r\nContent-Type: application/json\r\n\r\n",
                "{\"a\":1}");
    assert_part(got, DISPOSITION "\"plain\"\r\n\r\n", "text");
    assert_part(got, DISPOSITION "\"nothing\"\r\n\r\n", "");
    assert_part(got,
                DISPOSITION "\"files[0]\"; filename=\"cat.png\"\r\nContent-Type: image/png\r\n\r\n",
                "the first file");
    assert_part(got,
                DISPOSITION "\"files[1]\"; filename=\"empty\"\r\n"
                            "Content-Type: application/octet-stream\r\n\r\n",
                "");
    assert_part(got,
                DISPOSITION "\"files[2]\"; filename=\"a%22b%0D%0A.txt\"\r\n"
                            "Content-Type: application/octet-stream\r\n\r\n",
                "in memory");
    buf_clear(&probe.body);
    /* They were the call's. */
    assert_int_equal(fcntl(first, F_GETFD), -1);
    assert_int_equal(fcntl(second, F_GETFD), -1);
}

static void test_bad_parts(void **state)
{
    struct place *p = *state;
    struct http_part part = {
        .name = "file", .filename = "f", .content_type = "a/b\r\nX: y", .fd = file_of("1")};
    struct http_request request = {.method = "POST", .part = &part, .part_count = 1};
    struct probe probe;
    int fd = part.fd;

    part.size = 1;
    probe = call(p, request, "/echo");
    assert_int_equal(probe.result.end, HTTP_NOT_SENT);
    assert_string_equal(probe.reason, "the type of a part of the request has a line break");
    buf_clear(&probe.body);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(atomic_load(&p->peer->posts), 0);
    /* A file that is shorter than it was. */
    part = (struct http_part){.name = "file", .filename = "f", .fd = file_of("12345"), .size = 6};
    assert_end(p, request, "/echo", HTTP_IN_DOUBT);
    assert_int_equal(atomic_load(&p->peer->posts), 0);
    /* One that is longer. */
    part = (struct http_part){.name = "file", .filename = "f", .fd = file_of("12345"), .size = 4};
    probe = call(p, request, "/echo");
    assert_part(buf_str(&probe.body), "octet-stream\r\n\r\n", "1234");
    buf_clear(&probe.body);
    /* Never sent. */
    part.fd = file_of("12345");
    fd = part.fd;
    probe = (struct probe){.dones = 0};
    start(p, &probe, request, "/hang");
    http_drop(probe.call);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* ---- sinks -------------------------------------------------------------------------------------- */

struct pot {
    struct place *place;
    struct buf got;
    int writes;
    enum errc answer;
    struct http_call *drop; /* in write() */
    struct probe *started;  /* begun in write() */
    bool is_started_dropped;
};

static enum errc pour(void *arg, struct span piece)
{
    struct pot *pot = arg;

    pot->writes++;
    assert_true(buf_append_span(&pot->got, piece));
    if (pot->started != NULL && pot->started->call == NULL && pot->started->dones == 0) {
        start(pot->place, pot->started, (struct http_request){0}, "/echo");
        if (pot->is_started_dropped) {
            http_drop(pot->started->call);
        }
    }
    http_drop(take_ptr(&pot->drop));
    return pot->answer;
}

static struct pot a_pot(struct place *p)
{
    return (struct pot){.place = p, .got = BUF_INIT((size_t)MAX_BYTES)};
}

static void test_sink(void **state)
{
    struct place *p = *state;
    struct pot pot = a_pot(p);
    const struct http_sink sink = {.write = pour, .arg = &pot};
    struct probe probe = call(p, (struct http_request){.sink = &sink}, "/bytes/3000000");

    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 200);
    assert_int_equal(probe.body.len, 0);
    assert_int_equal(pot.got.len, 3000000);
    buf_reset(&pot.got);
    buf_clear(&probe.body);
    probe = call(p, (struct http_request){.sink = &sink}, "/part");
    assert_int_equal(probe.result.status, 206);
    assert_int_equal(probe.body.len, 0);
    assert_string_equal(buf_str(&pot.got), "a part of it");
    buf_clear(&probe.body);

    assert_end(p, (struct http_request){.sink = &sink, .max_bytes = 99999}, "/bytes/100000",
               HTTP_TOO_LARGE);
    assert_end(p, (struct http_request){.sink = &sink}, "/half", HTTP_IN_DOUBT);
    buf_reset(&pot.got);

    /* What is not for it does not get into it, and is read only as far as it is of use. */
    probe = call(p, (struct http_request){.sink = &sink, .max_bytes = 10}, "/status/404");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 404);
    assert_string_equal(buf_str(&probe.body), "a short text");
    buf_clear(&probe.body);
    probe = call(p, (struct http_request){.sink = &sink}, "/error/70000");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 404);
    assert_int_equal(probe.body.len, 65536);
    buf_clear(&probe.body);
    assert_int_equal(pot.got.len, 0);
    buf_clear(&pot.got);
}

static void test_sink_refuses(void **state)
{
    struct place *p = *state;
    struct pot pot = a_pot(p);
    const struct http_sink sink = {.write = pour, .arg = &pot};
    struct probe probe;

    pot.answer = ERR_INTERNAL_ERROR;
    probe = call(p, (struct http_request){.sink = &sink}, "/bytes/3000000");
    assert_int_equal(probe.result.end, HTTP_SINK_FAILED);
    assert_int_equal(probe.result.sink_error, ERR_INTERNAL_ERROR);
    assert_int_equal(pot.writes, 1);
    buf_clear(&probe.body);
    buf_clear(&pot.got);
}

static void turn_until_poured(struct place *p, const struct pot *pot, size_t bytes)
{
    int64_t began = clock_mono_ms();

    while (pot->got.len < bytes) {
        assert_true(clock_mono_ms() - began < TIMEOUT_MS);
        loop_turn(p->loop, 100);
    }
}

static void turn_until_departed(struct place *p)
{
    int64_t began = clock_mono_ms();

    while (atomic_load(&p->peer->departures) == 0) {
        assert_true(clock_mono_ms() - began < TIMEOUT_MS);
        loop_turn(p->loop, 10);
    }
}

/* Times and ceilings are nothing to it. */
static void test_endless(void **state)
{
    struct place *p = *state;
    struct pot pot = a_pot(p);
    const struct http_sink sink = {.write = pour, .arg = &pot};
    struct probe probe = {.dones = 0};

    start(
        p, &probe,
        (struct http_request){
            .sink = &sink, .is_endless = true, .timeout_ms = 50, .stall_ms = 1000, .max_bytes = 7},
        "/endless");
    turn_until_poured(p, &pot, 1500);
    assert_int_equal(probe.dones, 0);
    assert_int_equal(strncmp(buf_str(&pot.got), "tick\ntick\ntick\n", 15), 0);
    http_drop(probe.call);
    turn_until_departed(p);
    assert_int_equal(probe.dones, 0);
    buf_clear(&pot.got);
}

static void test_drop_within_a_sink(void **state)
{
    struct place *p = *state;
    struct pot pot = a_pot(p);
    const struct http_sink sink = {.write = pour, .arg = &pot};
    struct probe probe = {.dones = 0};
    struct probe other = {.dones = 0};

    /* Itself. */
    start(p, &probe, (struct http_request){.sink = &sink, .is_endless = true}, "/endless");
    pot.drop = probe.call;
    turn_until_departed(p);
    assert_int_equal(pot.writes, 1);
    /* Another one, under way. */
    start(p, &other, (struct http_request){0}, "/hang");
    for (int i = 0; i < 5; i++) {
        loop_turn(p->loop, 10);
    }
    start(p, &probe, (struct http_request){.sink = &sink}, "/bytes/100000");
    pot.drop = other.call;
    wait_for(p, &probe);
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(other.dones, 0);
    buf_clear(&probe.body);
    buf_clear(&pot.got);
}

static void test_start_within_a_sink(void **state)
{
    struct place *p = *state;
    struct pot pot = a_pot(p);
    const struct http_sink sink = {.write = pour, .arg = &pot};
    struct probe probe = {.dones = 0};
    struct probe other = {.dones = 0};

    pot.started = &other;
    start(p, &probe, (struct http_request){.sink = &sink}, "/bytes/100000");
    wait_for(p, &probe);
    wait_for(p, &other);
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(other.result.status, 200);
    assert_non_null(strstr(buf_str(&other.body), "GET /echo HTTP/1.1"));
    buf_clear(&probe.body);
    buf_clear(&other.body);
    /* Started and dropped in one go: it is not heard of. */
    atomic_store(&p->peer->gets, 0);
    other = (struct probe){.dones = 0};
    pot.is_started_dropped = true;
    probe = call(p, (struct http_request){.sink = &sink}, "/part");
    for (int i = 0; i < 5; i++) {
        loop_turn(p->loop, 10);
    }
    assert_int_equal(probe.result.status, 206);
    assert_int_equal(other.dones, 0);
    assert_int_equal(atomic_load(&p->peer->gets), 1);
    buf_clear(&probe.body);
    buf_clear(&pot.got);
}

static void test_stall(void **state)
{
    struct place *p = *state;
    int64_t began = clock_mono_ms();

    assert_end(p, (struct http_request){.stall_ms = 1000}, "/hang", HTTP_IN_DOUBT);
    assert_in_range(clock_mono_ms() - began, 900, 8000);
}

/* ---- certificates ------------------------------------------------------------------------------- */

static void test_trust(void **state)
{
    struct place *p = *state;
    char mine[] = "/tmp/test_http_call.XXXXXX";
    char other[] = "/tmp/test_http_call.XXXXXX";
    AUTO(free_ptr) char *url = NULL;
    struct ws_place server = {.loop = p->loop};
    struct probe probe;

    (void)close(mkstemp(mine));
    (void)close(mkstemp(other));
    if (!make_certificate(mine, "DNS:localhost,IP:127.0.0.1") ||
        !make_certificate(other, "DNS:localhost")) {
        (void)unlink(mine);
        (void)unlink(other);
        skip();
    }
    run_peer(&server, mine);
    url = xasprintf("https://localhost:%d/status-200", server.port);
    assert_end(p, (struct http_request){.url = url}, "", HTTP_NOT_SENT);
    http_client_trust(p->http, other);
    assert_end(p, (struct http_request){.url = url}, "", HTTP_NOT_SENT);
    http_client_trust(p->http, mine);
    probe = call(p, (struct http_request){.url = url}, "");
    assert_int_equal(probe.result.status, 200);
    assert_string_equal(buf_str(&probe.body), "no");
    buf_clear(&probe.body);
    http_client_trust(p->http, NULL);
    assert_end(p, (struct http_request){.url = url}, "", HTTP_NOT_SENT);
    stop_peer(&server);
    (void)unlink(mine);
    (void)unlink(other);
}

/* ---- starting and dropping ---------------------------------------------------------------------- */

struct guard {
    int asked;
    bool is_open;
    uint16_t port;
};

static bool may_connect(void *arg, const struct sockaddr *to, size_t len)
{
    struct guard *guard = arg;
    struct sockaddr_in v4 = {.sin_port = 0};

    guard->asked++;
    if (to->sa_family == AF_INET && len >= sizeof v4) {
        memcpy(&v4, to, sizeof v4);
        guard->port = ntohs(v4.sin_port);
    }
    return guard->is_open;
}

/* Asked about what the name has led to, at each call; a refusal reaches nobody. */
static void test_guard(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *url = xasprintf("http://localhost:%d/echo", p->peer->port);
    int before = atomic_load(&p->peer->connections);

    for (int i = 0; i < 4; i++) {
        struct guard guard = {.is_open = i % 2 == 1};
        struct http_guard asks = {.may_connect = may_connect, .arg = &guard};

        assert_end(p, (struct http_request){.url = url, .guard = &asks, .is_alone = true}, "",
                   guard.is_open ? HTTP_ANSWERED : HTTP_NOT_SENT);
        assert_true(guard.asked > 0);
        assert_int_equal(guard.port, p->peer->port);
        assert_int_equal(atomic_load(&p->peer->connections) - before, (i + 1) / 2);
    }
}

static void test_drop(void **state)
{
    struct place *p = *state;
    struct probe probe = {.dones = 0};

    start(p, &probe, (struct http_request){0}, "/echo");
    http_drop(probe.call);
    start(p, &probe, (struct http_request){0}, "/hang");
    for (int i = 0; i < 5; i++) {
        loop_turn(p->loop, 20);
    }
    http_drop(probe.call);
    http_drop(NULL);
    for (int i = 0; i < 5; i++) {
        loop_turn(p->loop, 10);
    }
    assert_int_equal(probe.dones, 0);
    /* Left to http_client_free. */
    start(p, &probe, (struct http_request){0}, "/hang");
    loop_turn(p->loop, 20);
}

/* Each that ends drops its neighbour, which may have ended in the same moment. */
static void test_drop_within_done(void **state)
{
    struct place *p = *state;
    struct probe probe[2] = {{.dones = 0}};

    for (int round = 0; round < 20; round++) {
        int64_t began = clock_mono_ms();

        for (int i = 0; i < 2; i++) {
            probe[i].dones = 0;
            probe[i].drop = &probe[1 - i];
        }
        for (int i = 0; i < 2; i++) {
            start(p, &probe[i], (struct http_request){.url = "http://127.0.0.1:1/"}, "");
        }
        while (probe[0].dones + probe[1].dones == 0) {
            assert_true(clock_mono_ms() - began < TIMEOUT_MS);
            loop_turn(p->loop, 100);
        }
        loop_turn(p->loop, 5);
        assert_int_equal(probe[0].dones + probe[1].dones, 1);
    }
    buf_clear(&probe[0].body);
    buf_clear(&probe[1].body);
}

static void test_start_within_done(void **state)
{
    struct place *p = *state;
    struct probe probe = {.again = p};

    start(p, &probe, (struct http_request){0}, "/die");
    wait_for(p, &probe);
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(atomic_load(&p->peer->gets), 2);
    buf_clear(&probe.body);
}

#define MANY 200

static void test_many_at_once(void **state)
{
    struct place *p = *state;
    struct probe *probe = xcalloc(MANY, sizeof *probe);

    for (int i = 0; i < MANY; i++) {
        start(p, &probe[i], (struct http_request){.method = i % 2 == 0 ? "GET" : "POST"},
              i % 3 == 0 ? "/bytes/100000" : "/echo");
    }
    for (int i = 0; i < MANY; i++) {
        wait_for(p, &probe[i]);
        assert_int_equal(probe[i].result.end, HTTP_ANSWERED);
        assert_int_equal(probe[i].result.status, 200);
        buf_clear(&probe[i].body);
    }
    assert_int_equal(atomic_load(&p->peer->posts), MANY / 2);
    free(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_alone_is_sent_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redirect_and_proxy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_connection_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_doubt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_endless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_within_a_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start_within_a_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_within_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start_within_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
