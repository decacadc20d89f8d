/* What is about ComfyUI; the rest is in test_http_call.c. */
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
#include "http_peer.h"
#include "net/ws.h"

#define TIMEOUT_MS INT64_C(20000)
#define MAX_BYTES  INT64_C(4194304)

struct place {
    struct loop *loop;
    struct http_client *http;
    struct peer *peer;
    char dir[64]; /* of the blobs */
    struct blobs *blobs;
};

/* What came of a call. */
struct probe {
    int dones;
    struct http_result result;
    struct buf body;
};

static void on_done(void *arg, const struct http_result *result)
{
    struct probe *probe = arg;

    probe->dones++;
    probe->result = *result;
    probe->body = BUF_INIT((size_t)MAX_BYTES);
    (void)buf_append_span(&probe->body, result->body);
}

/* One call from its start to its end; the body is to be cleared. */
static struct probe call(struct place *p, struct call_request request, const char *path)
{
    AUTO(free_ptr) char *url = xasprintf("http://127.0.0.1:%d%s", p->peer->port, path);
    struct probe probe = {.dones = 0};
    int64_t began = clock_mono_ms();

    request.method = request.method != NULL ? request.method : "GET";
    request.url = url;
    request.max_bytes = MAX_BYTES;
    request.timeout_ms = request.sink != NULL || request.upload != NULL ? 0 : TIMEOUT_MS;
    request.done = on_done;
    request.arg = &probe;
    assert_non_null(comfy_call_start(p->http, &request));
    while (probe.dones == 0) {
        assert_true(clock_mono_ms() - began < 2 * TIMEOUT_MS);
        loop_turn(p->loop, 1000);
    }
    assert_int_equal(probe.dones, 1);
    return probe;
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

static void test_get(void **state)
{
    struct place *p = *state;
    AUTO(free_ptr) char *agent = xasprintf("\r\nUser-Agent: comfygate/%s\r\n", comfygate_version());

    for (int i = 0; i < 3; i++) {
        struct probe probe = call(p, (struct call_request){0}, "/echo");

        assert_int_equal(probe.result.end, HTTP_ANSWERED);
        assert_non_null(strstr(buf_str(&probe.body), agent));
        assert_null(strcasestr(buf_str(&probe.body), "Origin"));
        buf_clear(&probe.body);
    }
    assert_int_equal(atomic_load(&p->peer->connections), 1);
}

/* The trace of the job that a call is for goes with it, under a span of its own, whatever kind of call it is. */
static void test_the_trace_of_a_job(void **state)
{
    static const char BEGIN[] = "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-";
    struct place *p = *state;
    char id[] = "0af7651916cd43dd8448eb211c80319c";
    char span[2][17] = {"", ""};
    struct job_row traced = {.trace_id = id, .trace_flags = 1};
    struct job_row other = {.trace_id = NULL};

    for (int i = 0; i < 2; i++) {
        struct probe probe =
            call(p,
                 (struct call_request){
                     .method = i == 0 ? "GET" : "POST", .body = SPAN_LIT("{}"), .job = &traced},
                 "/echo");
        const char *at = strstr(buf_str(&probe.body), BEGIN);

        assert_non_null(at);
        at += strlen(BEGIN);
        assert_int_equal(strspn(at, "0123456789abcdef"), 16);
        memcpy(span[i], at, 16);
        assert_memory_equal(at + 16, "-01\r\n", 5);
        assert_int_equal(strstr(buf_str(&probe.body), "Content-Type") != NULL, i);
        buf_clear(&probe.body);
        probe = call(p, (struct call_request){.job = i == 0 ? &other : NULL}, "/echo");
        assert_null(strcasestr(buf_str(&probe.body), "traceparent"));
        buf_clear(&probe.body);
    }
    assert_string_not_equal(span[0], span[1]);
}

/* The server closes kept connections when the next request has come; curl then sends it again by
 * itself, which would be a second run. */
static void test_a_post_is_sent_once(void **state)
{
    struct place *p = *state;

    for (int i = 1; i <= 20; i++) {
        struct probe probe = call(p, (struct call_request){0}, "/echo");

        buf_clear(&probe.body);
        probe = call(p, (struct call_request){.method = "POST", .body = SPAN_LIT("{}")},
                     i % 2 == 0 ? "/die-if-kept" : "/echo");
        assert_int_equal(probe.result.end, HTTP_ANSWERED);
        if (i % 2 != 0) {
            assert_non_null(strstr(buf_str(&probe.body), "\r\nContent-Type: application/json\r\n"));
            assert_non_null(strstr(buf_str(&probe.body), "\r\n\r\n{}"));
        }
        buf_clear(&probe.body);
        assert_int_equal(atomic_load(&p->peer->posts), i);
        assert_int_equal(atomic_load(&p->peer->connections), i + 1);
    }
}

static void test_upload(void **state)
{
    struct place *p = *state;
    char path[] = "/tmp/test_comfy_http.XXXXXX";
    struct call_upload upload = {
        .fd = mkstemp(path), .size = 11, .name = "a.png", .subfolder = "comfygate"};
    struct probe probe;

    assert_int_equal(write(upload.fd, "eleven byte", 11), 11);
    (void)unlink(path);
    probe = call(p, (struct call_request){.method = "POST", .upload = &upload}, "/echo");
    assert_int_equal(probe.result.end, HTTP_ANSWERED);
    assert_non_null(strstr(buf_str(&probe.body), "name=\"type\"\r\n\r\ninput\r\n--"));
    assert_non_null(strstr(buf_str(&probe.body), "name=\"subfolder\"\r\n\r\ncomfygate\r\n--"));
    assert_non_null(strstr(buf_str(&probe.body),
                           "name=\"image\"; filename=\"a.png\"\r\n"
                           "Content-Type: application/octet-stream\r\n\r\neleven byte\r\n--"));
    buf_clear(&probe.body);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_trace_of_a_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_post_is_sent_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_upload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink_fails, set_up, tear_down),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
