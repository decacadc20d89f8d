#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/version.h"
#include "engine/comfy_http.h"
#include "engine/comfy_ws.h"
#include "http_peer.h"

#define TIMEOUT_MS INT64_C(20000)
#define SHORT_MS   300
#define MAX_BYTES  INT64_C(4194304)

struct place {
    struct loop *loop;
    struct http_client *http;
    struct peer *peer;
    char dir[64]; /* of the blobs */
    struct blobs *blobs;
};

/* A call and what came of it. */
struct probe {
    struct http_call *call;
    int dones;
    struct http_result result;
    struct buf body;
    char reason[256];
    struct probe *drop;  /* in done() */
    struct place *again; /* where done() starts it once more */
};

static void on_done(void *arg, const struct http_result *result);

static void start(struct place *p, struct probe *probe, struct call_request request,
                  const char *path)
{
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d%s", p->peer->port, path);

    request.method = request.method != NULL ? request.method : "GET";
    request.url = request.url != NULL ? request.url : url;
    request.max_bytes = request.max_bytes > 0 ? request.max_bytes : MAX_BYTES;
    request.timeout_ms =
        request.timeout_ms > 0 || request.sink != NULL ? request.timeout_ms : TIMEOUT_MS;
    request.done = on_done;
    request.arg = probe;
    probe->call = comfy_call_start(p->http, &request);
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
    buf_clear(&probe->body);
    probe->body = BUF_INIT((size_t)MAX_BYTES * 2);
    (void)buf_append_span(&probe->body, result->body);
    if (probe->drop != NULL) {
        http_drop(take_ptr(&probe->drop->call));
    }
    if (probe->again != NULL) {
        struct place *p = take_ptr(&probe->again);

        probe->dones = 0;
        start(p, probe, (struct call_request){0}, "/echo");
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
static struct probe call(struct place *p, struct call_request request, const char *path)
{
    struct probe probe = {.dones = 0};

    start(p, &probe, request, path);
    wait_for(p, &probe);
    return probe;
}

static void assert_end(struct place *p, struct call_request request, const char *path,
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
    p->http = comfy_http_new(p->loop);
    p->peer = peer_start();
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/test_comfy_http.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(blobs_open(p->dir, &p->blobs, NULL), ERR_NONE);
    *state = p;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct place *p = *state;

    http_client_free(p->http);
    loop_close(p->loop);
    peer_stop(p->peer);
    blobs_close(p->blobs);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this folder */
    (void)nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

/* ---- requests ----------------------------------------------------------------------------------- */

static void test_get(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *agent = xasprintf("\r\nUser-Agent: comfygate/%s\r\n", comfygate_version());
    AUTO(free_ptr) char *host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", p->peer->port);
    struct probe probe = call(p, (struct call_request){0}, "/echo");

    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 200);
    assert_non_null(strstr(buf_str(&probe.body), "GET /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), agent));
    assert_non_null(strstr(buf_str(&probe.body), host));
    assert_null(strcasestr(buf_str(&probe.body), "Origin"));
    assert_null(strcasestr(buf_str(&probe.body), "Upgrade"));
    buf_clear(&probe.body);
    for (int i = 0; i < 5; i++) {
        assert_end(p, (struct call_request){0}, "/status/404", HTTP_ANSWERED);
    }
    /* All on one connection. */
    assert_int_equal(atomic_load(&p->peer->connections), 1);
}

static void test_post(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *body = xmalloc(2U << 20);
    struct span large = {body, 2U << 20};
    struct probe probe;
    const char *end = NULL;

    memset(body, 0x80, large.len);
    body[7] = '\0';
    probe = call(p, (struct call_request){.method = "POST", .body = large}, "/echo");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_non_null(strstr(buf_str(&probe.body), "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Length: 2097152\r\n"));
    assert_null(strcasestr(buf_str(&probe.body), "Expect"));
    end = strstr(buf_str(&probe.body), "\r\n\r\n") + 4;
    assert_int_equal(probe.body.len - (size_t)(end - buf_str(&probe.body)), large.len);
    assert_memory_equal(end, body, large.len);
    buf_clear(&probe.body);
    probe = call(p, (struct call_request){.method = "POST"}, "/echo");
    assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Length: 0\r\n"));
    buf_clear(&probe.body);
}

/* The server closes kept connections when the next request has come. curl then sends it again by
 * itself: fine for a GET, a second run for a POST. */
static void test_a_post_is_sent_once(void **state)
{
    struct place *p = *state;

    assert_end(p, (struct call_request){0}, "/echo", HTTP_ANSWERED);
    assert_end(p, (struct call_request){0}, "/die-if-kept", HTTP_ANSWERED);
    assert_int_equal(atomic_load(&p->peer->gets), 3);
    for (int i = 1; i <= 50; i++) {
        assert_end(p, (struct call_request){0}, "/echo", HTTP_ANSWERED);
        assert_end(p, (struct call_request){.method = "POST"}, "/die-if-kept", HTTP_ANSWERED);
        assert_int_equal(atomic_load(&p->peer->posts), i);
    }
    for (int i = 51; i <= 100; i++) {
        assert_end(p, (struct call_request){.method = "POST"}, "/die", HTTP_IN_DOUBT);
        assert_int_equal(atomic_load(&p->peer->posts), i);
    }
}

static void test_redirect_and_proxy(void **state)
{
    struct place *p = *state;
    struct probe probe;

    /* NOLINTBEGIN(concurrency-mt-unsafe): nobody else reads it meanwhile */
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("all_proxy", "http://127.0.0.1:1", 1);
    probe = call(p, (struct call_request){0}, "/redirect");
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
        assert_end(p, (struct call_request){.url = urls[i]}, urls[i], HTTP_NOT_SENT);
        assert_end(p, (struct call_request){.url = urls[i], .method = "POST"}, urls[i],
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
        start(p, &filler[i], (struct call_request){.url = url}, "");
        loop_turn(p->loop, 20);
    }
    start(p, &last, (struct call_request){.url = url, .method = "POST", .timeout_ms = SHORT_MS},
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
        assert_end(p, (struct call_request){.method = "GET"}, paths[i], HTTP_IN_DOUBT);
        assert_end(p, (struct call_request){.method = "POST"}, paths[i], HTTP_IN_DOUBT);
    }
    assert_end(p, (struct call_request){.timeout_ms = SHORT_MS}, "/hang", HTTP_IN_DOUBT);
    assert_end(p, (struct call_request){.method = "POST", .timeout_ms = SHORT_MS}, "/hang",
               HTTP_IN_DOUBT);
}

static void test_too_large(void **state)
{
    struct place *p = *state;
    static const char *const paths[] = {"/bytes/100000", "/chunked/100000", "/error/100000"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_end(p, (struct call_request){.max_bytes = 100000}, paths[i], HTTP_ANSWERED);
        assert_end(p, (struct call_request){.max_bytes = 99999}, paths[i], HTTP_TOO_LARGE);
    }
}

/* ---- files -------------------------------------------------------------------------------------- */

static struct blob_writer *sink(struct place *p)
{
    struct blob_writer *w = NULL;

    assert_int_equal(blob_write_begin(p->blobs, &w, NULL), ERR_NONE);
    return w;
}

static void test_sink(void **state)
{
    struct place *p = *state;
    struct blob_writer *w = sink(p);
    struct probe probe = call(p, (struct call_request){.sink = w}, "/bytes/3000000");

    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 200);
    assert_int_equal(probe.body.len, 0);
    assert_int_equal(blob_written(w), 3000000);
    buf_clear(&probe.body);
    blob_abort(w);

    w = sink(p);
    assert_end(p, (struct call_request){.sink = w, .max_bytes = 99999}, "/bytes/100000",
               HTTP_TOO_LARGE);
    assert_end(p, (struct call_request){.sink = w}, "/half", HTTP_IN_DOUBT);
    blob_abort(w);

    /* What is not the file does not get into it, and is read only as far as it is of use. */
    w = sink(p);
    probe = call(p, (struct call_request){.sink = w, .max_bytes = 10}, "/status/404");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 404);
    assert_string_equal(buf_str(&probe.body), "a short text");
    buf_clear(&probe.body);
    probe = call(p, (struct call_request){.sink = w}, "/error/70000");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_int_equal(probe.result.status, 404);
    assert_int_equal(probe.body.len, 65536);
    buf_clear(&probe.body);
    assert_int_equal(blob_written(w), 0);
    blob_abort(w);
}

static void test_sink_fails(void **state)
{
    struct place *p = *state;
    struct blob_writer *w = sink(p);
    struct rlimit before;
    struct rlimit low = {.rlim_cur = 100000};
    struct probe probe;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    probe = call(p, (struct call_request){.sink = w}, "/bytes/3000000");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(probe.result.end, HTTP_SINK_FAILED);
    assert_true(probe.result.sink_error != ERR_NONE);
    buf_clear(&probe.body);
    blob_abort(w);
}

/* ---- starting and dropping ---------------------------------------------------------------------- */

static void test_drop(void **state)
{
    struct place *p = *state;
    struct probe probe = {.dones = 0};

    start(p, &probe, (struct call_request){0}, "/echo");
    http_drop(probe.call);
    start(p, &probe, (struct call_request){0}, "/hang");
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
    start(p, &probe, (struct call_request){0}, "/hang");
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
            start(p, &probe[i], (struct call_request){.url = "http://127.0.0.1:1/"}, "");
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

    start(p, &probe, (struct call_request){0}, "/die");
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
        start(p, &probe[i], (struct call_request){.method = i % 2 == 0 ? "GET" : "POST"},
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
        cmocka_unit_test_setup_teardown(test_a_post_is_sent_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redirect_and_proxy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_connection_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_doubt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_within_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start_within_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
