/* Against fetch_peer.py, which says what each path of it does, and a listener that must not be reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../store/sandbox.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "fetch/fetch.h"
#include "fetch/own_servers.h"
#include "forbidden_urls.h"

#define PEER          TEST_DATA_DIR "/unit/fetch_peer.py"
#define PATIENCE_MS   30000
#define FLAGS_MAX     12
#define PARALLEL      4
#define SAID_MAX      ((size_t)1 << 20)
#define BODY_MAX      ((size_t)1 << 20)
#define FORBIDDEN_MIN ((size_t)200)

enum { GOOD, OTHER_NAME, UNKNOWN, EXPIRED, PLAIN, PORTS };

struct place {
    char dir[SANDBOX_SIZE];
    pid_t pid;
    int to_peer;
    int from_peer;
    struct buf said;
    int port[PORTS];
    int trap_port; /* that the usual policy lets a URL name; 0 = none */
};

/* What one fetch gave. */
struct result {
    enum errc rc;
    struct err e;
    struct buf body;
    enum errc refusal; /* what the sink answers... */
    size_t refuse_at;  /* ...from this many bytes on; 0 = never */
    int64_t took_ms;
};

/* ---- the peer ----------------------------------------------------------------------------------- */

static void wait_for_words(struct place *p, const char *words)
{
    struct pollfd ready = {.fd = p->from_peer, .events = POLLIN};
    int64_t began = clock_mono_ms();

    while (strstr(buf_str(&p->said), words) == NULL) {
        char chunk[4096];
        ssize_t got = 0;

        if (clock_mono_ms() - began > PATIENCE_MS) {
            fail_msg("the peer did not say \"%s\" but: %s", words, buf_str(&p->said));
        }
        if (poll(&ready, 1, 100) > 0) {
            got = read(p->from_peer, chunk, sizeof chunk);
            assert_true(got > 0);
            assert_true(buf_append(&p->said, chunk, (size_t)got));
        }
    }
}

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof *p);
    char *const argv[] = {(char[]){"python3"}, (char[]){PEER}, p->dir, NULL};
    posix_spawn_file_actions_t actions;
    int in[2];
    int out[2];
    char *number = NULL;

    sandbox_make(p->dir);
    p->said = BUF_INIT(SAID_MAX);
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
    wait_for_words(p, "\n");
    number = p->said.data;
    for (int i = 0; i < PORTS; i++) {
        p->port[i] = (int)strtol(number, &number, 10);
        assert_true(p->port[i] > 0);
    }
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)close(p->to_peer);
    (void)waitpid(p->pid, NULL, 0);
    (void)close(p->from_peer);
    buf_clear(&p->said);
    sandbox_remove(p->dir);
    free(p);
    return 0;
}

/* ---- policies and fetches ----------------------------------------------------------------------- */

/* One flag after the other, NULL at the end; own is one server, or NULL. */
static struct fetch_policy *make_policy(const char *own, const char *const *flags)
{
    struct config config;
    struct fetch_policy *policy = NULL;
    struct err e = ERR_INIT;
    char *argv[FLAGS_MAX];
    int argc = 0;

    for (; flags[argc] != NULL; argc++) {
        argv[argc] = xstrdup(flags[argc]);
    }
    if (config_load(&config, argc, argv, NULL, &e) != ERR_NONE ||
        fetch_policy_new(&config, &own, own != NULL ? 1 : 0, &policy, &e) != ERR_NONE) {
        fail_msg("%s", e.detail);
    }
    config_clear(&config);
    while (argc > 0) {
        free(argv[--argc]);
    }
    return policy;
}

/* Everything on, and the peer within reach. */
static struct fetch_policy *usual_policy(const struct place *p, const char *own)
{
    AUTO(free_ptr)
    char *ports = xasprintf("--fetch-ports=%d,%d,%d,%d,%d,%d", p->port[0], p->port[1], p->port[2],
                            p->port[3], p->port[4], p->trap_port > 0 ? p->trap_port : p->port[0]);
    AUTO(free_ptr) char *ca_file = xasprintf("--fetch-ca-file=%s/ca.pem", p->dir);

    return make_policy(own, (const char *const[]){"--inputs-urls=on", "--fetch-http=on",
                                                  "--fetch-allow=127.0.0.1", ports, ca_file, NULL});
}

static enum errc keep(void *arg, struct span data, struct err *e)
{
    struct result *r = arg;

    assert_true(buf_append_span(&r->body, data));
    return r->refuse_at > 0 && r->body.len >= r->refuse_at
               ? err_set(e, r->refusal, "The sink is full.")
               : ERR_NONE;
}

/* Nothing that is told may hold an address, unless the URL did. */
static void check_words(const struct result *r, const char *url)
{
    static const char *const SECRET[] = {"127.0.0", "::1", "inner secret"};

    assert_int_equal(r->rc != ERR_NONE, r->e.detail[0] != '\0');
    assert_int_equal(r->e.code, r->rc);
    for (size_t i = 0; i < COUNT_OF(SECRET); i++) {
        if (strstr(url, SECRET[i]) == NULL && strstr(r->e.detail, SECRET[i]) != NULL) {
            fail_msg("%s: %s", url, r->e.detail);
        }
    }
}

static void fetch_into(struct result *r, const struct fetch_policy *policy, const char *url,
                       const struct fetch_limits *limits)
{
    int64_t began = clock_mono_ms();

    r->body = BUF_INIT(BODY_MAX);
    r->rc = fetch_url(policy, url, limits, (struct fetch_sink){keep, r}, &r->e);
    r->took_ms = clock_mono_ms() - began;
    check_words(r, url);
}

static void result_clear(struct result *r)
{
    buf_clear(&r->body);
}

static char *url_of(const struct place *p, int which, const char *path)
{
    return xasprintf("%s://localhost:%d%s", which == PLAIN ? "http" : "https", p->port[which],
                     path);
}

static void expect(const struct place *p, int which, const char *path, enum errc rc,
                   const char *says)
{
    struct fetch_limits limits = {.max_bytes = 100000, .total_ms = 10000};
    struct fetch_policy *policy = usual_policy(p, NULL);
    AUTO(free_ptr) char *url = url_of(p, which, path);
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    fetch_into(&r, policy, url, &limits);
    fetch_policy_free(policy);
    if (r.rc != rc || strcmp(r.e.detail, says) != 0) {
        fail_msg("%s: %d %s", url, r.rc, r.e.detail);
    }
    assert_true(r.took_ms < 5000);
}

/* ---- what must not be reached ------------------------------------------------------------------- */

struct trap {
    int v4;
    int v6; /* -1 where the machine has no IPv6 */
    int port;
};

static void trap_open(struct trap *t)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    socklen_t len = sizeof v4;

    t->v4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(t->v4, (struct sockaddr *)&v4, sizeof v4), 0);
    assert_int_equal(listen(t->v4, 64), 0);
    assert_int_equal(getsockname(t->v4, (struct sockaddr *)&v4, &len), 0);
    t->port = ntohs(v4.sin_port);
    v6.sin6_port = v4.sin_port;
    t->v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->v6 >= 0 &&
        (bind(t->v6, (struct sockaddr *)&v6, sizeof v6) != 0 || listen(t->v6, 64) != 0)) {
        file_close(&t->v6);
    }
}

static int trap_count(const struct trap *t)
{
    int count = 0;
    int fd = -1;

    while ((fd = accept(t->v4, NULL, NULL)) >= 0 ||
           (t->v6 >= 0 && (fd = accept(t->v6, NULL, NULL)) >= 0)) {
        (void)close(fd);
        count++;
    }
    return count;
}

static void trap_close(struct trap *t)
{
    file_close(&t->v4);
    file_close(&t->v6);
}

static char *with_port(const char *text, int port)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    const char *mark = NULL;

    while ((mark = strstr(text, "{P}")) != NULL) {
        buf_append(&out, text, (size_t)(mark - text));
        buf_appendf(&out, "%d", port);
        text = mark + 3;
    }
    buf_append_str(&out, text);
    return buf_take(&out);
}

static void expect_forbidden(const struct fetch_policy *policy, const struct trap *t,
                             const char *text)
{
    struct fetch_limits limits = {.max_bytes = 1000, .total_ms = 5000};
    AUTO(free_ptr) char *url = with_port(text, t->port);
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    fetch_into(&r, policy, url, &limits);
    if (r.rc != ERR_URL_NOT_ALLOWED || trap_count(t) != 0) {
        fail_msg("%s: %d %s", url, r.rc, r.e.detail);
    }
}

static struct fetch_policy *open_policy(const struct trap *t, const char *allow)
{
    AUTO(free_ptr) char *ports = xasprintf("--fetch-ports=%d", t->port);
    AUTO(free_ptr) char *allows = xasprintf("--fetch-allow=%s", allow);

    return make_policy(
        NULL, (const char *const[]){"--inputs-urls=on", "--fetch-http=on", ports, allows, NULL});
}

static void test_forbidden(void **state)
{
    static const char *const FORM[][2] = {{"https://", ":{P}/"},
                                          {"http://", ":{P}/"},
                                          {"https://", "/"},
                                          {"http://", "/latest/meta-data/"}};
    struct trap t;
    struct fetch_policy *policy = NULL;
    size_t count = 0;

    (void)state;
    trap_open(&t);
    policy = open_policy(&t, "");
    for (size_t i = 0; i < COUNT_OF(FORBIDDEN_HOSTS); i++) {
        for (size_t k = 0; k < COUNT_OF(FORM); k++, count++) {
            AUTO(free_ptr)
            char *text = xasprintf("%s%s%s", FORM[k][0], FORBIDDEN_HOSTS[i], FORM[k][1]);

            expect_forbidden(policy, &t, text);
        }
    }
    for (size_t i = 0; i < COUNT_OF(FORBIDDEN_URLS); i++, count++) {
        expect_forbidden(policy, &t, FORBIDDEN_URLS[i]);
    }
    fetch_policy_free(policy);
    assert_true(COUNT_OF(FORBIDDEN_HOSTS) + COUNT_OF(FORBIDDEN_URLS) >= FORBIDDEN_MIN);
    assert_true(count > 2 * FORBIDDEN_MIN);

    /* So that the trap is one: it springs for who may come. */
    policy = open_policy(&t, "127.0.0.1");
    {
        struct fetch_limits limits = {.max_bytes = 1, .total_ms = 300};
        AUTO(free_ptr) char *url = with_port("http://localhost:{P}/", t.port);
        AUTO(result_clear) struct result r = {.rc = ERR_NONE};

        fetch_into(&r, policy, url, &limits);
        assert_int_equal(r.rc, ERR_URL_FETCH_FAILED);
        assert_int_equal(trap_count(&t), 1);
    }
    fetch_policy_free(policy);
    trap_close(&t);
}

/* A name that leads inside is what rebinding comes down to: the check sees the address, not the name. */
static void test_name_of_inside(void **state)
{
    struct fetch_limits limits = {.max_bytes = 1000};
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    struct trap t;
    struct fetch_policy *policy = NULL;
    AUTO(free_ptr) char *url = NULL;

    (void)state;
    trap_open(&t);
    policy = open_policy(&t, "");
    url = with_port("https://localhost:{P}/a.png", t.port);
    fetch_into(&r, policy, url, &limits);
    assert_int_equal(r.rc, ERR_URL_NOT_ALLOWED);
    assert_string_equal(r.e.detail, "The address of localhost is not a public one.");
    assert_int_equal(trap_count(&t), 0);
    fetch_policy_free(policy);
    trap_close(&t);
}

static void test_off(void **state)
{
    struct fetch_limits limits = {.max_bytes = 1000};
    struct fetch_policy *policy = make_policy(NULL, (const char *const[]){NULL});
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    (void)state;
    fetch_into(&r, policy, "https://example.com/", &limits);
    assert_int_equal(r.rc, ERR_URL_NOT_ALLOWED);
    assert_non_null(strstr(r.e.detail, "its setting inputs_urls is off"));
    fetch_policy_free(policy);
}

static void test_own_servers(void **state)
{
    static const char *const OWN[] = {"127.0.0.1:%d", "localhost:%d", "http://localhost:%d/prefix",
                                      "0.0.0.0:%d",   "[::]:%d",      ":%d",
                                      "[::1]:%d"};
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 1000};

    for (size_t i = 0; i < COUNT_OF(OWN); i++) {
        for (int is_ours = 0; is_ours < 2; is_ours++) {
            char number[8];
            AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/10");
            AUTO(free_ptr) char *own = NULL;
            AUTO(result_clear) struct result r = {.rc = ERR_NONE};
            struct fetch_policy *policy = NULL;
            const char *mark = strstr(OWN[i], "%d");

            (void)snprintf(number, sizeof number, "%d", is_ours ? p->port[GOOD] : p->port[PLAIN]);
            own = xasprintf("%.*s%s%s", (int)(mark - OWN[i]), OWN[i], number, mark + 2);
            policy = usual_policy(p, own);
            fetch_into(&r, policy, url, &limits);
            assert_int_equal(r.rc, is_ours ? ERR_URL_NOT_ALLOWED : ERR_NONE);
            fetch_policy_free(policy);
        }
    }
}

/* With port 0 in the settings: what is listened on is told later. */
static void test_own_server_told_later(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 1000};
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/10");
    AUTO(free_ptr) char *own = xasprintf("http://127.0.0.1:%d", p->port[GOOD]);
    struct fetch_policy *policy = usual_policy(p, "127.0.0.1:0");
    struct err e = ERR_INIT;

    for (int is_told = 0; is_told < 2; is_told++) {
        AUTO(result_clear) struct result r = {.rc = ERR_NONE};

        if (is_told) {
            assert_int_equal(fetch_policy_add_own(policy, own, &e), ERR_NONE);
        }
        fetch_into(&r, policy, url, &limits);
        assert_int_equal(r.rc, is_told ? ERR_URL_NOT_ALLOWED : ERR_NONE);
    }
    fetch_policy_free(policy);
}

static void test_bad_own_servers(void **state)
{
    static const char *const BAD[] = {"",        "localhost", "localhost:", "localhost:x",
                                      "a:65536", "a:999999",  "://x",       "http://"};
    struct own_servers *own = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct err e = ERR_INIT;

        if (own_servers_new(&BAD[i], 1, &own, &e) != ERR_INVALID_PARAMETER || own != NULL) {
            fail_msg("\"%s\" was taken", BAD[i]);
        }
    }
}

static void test_bad_settings(void **state)
{
    static const struct {
        const char *flag;
        const char *says;
    } CASES[] = {
        {"--fetch-allow=10.0.0.1/8", "fetch_allow: \"10.0.0.1/8\" is not a network"},
        {"--fetch-ports=0", "fetch_ports: \"0\" is not a port"},
        {"--fetch-ca-file=/nowhere/x.pem", "fetch_ca_file: /nowhere/x.pem cannot be read: No such"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        AUTO(free_ptr) char *flag = xstrdup(CASES[i].flag);
        struct fetch_policy *policy = NULL;
        struct config config;
        struct err e = ERR_INIT;

        assert_int_equal(config_load(&config, 1, &flag, NULL, &e), ERR_NONE);
        assert_int_equal(fetch_policy_new(&config, NULL, 0, &policy, &e), ERR_INVALID_PARAMETER);
        assert_null(policy);
        if (strncmp(e.detail, CASES[i].says, strlen(CASES[i].says)) != 0) {
            fail_msg("%s: %s", CASES[i].flag, e.detail);
        }
        config_clear(&config);
    }
}

/* ---- what is fetched ---------------------------------------------------------------------------- */

static void expect_bytes(const struct place *p, int which, const char *path, size_t count,
                         int64_t max_bytes)
{
    struct fetch_limits limits = {.max_bytes = max_bytes, .total_ms = 10000};
    struct fetch_policy *policy = usual_policy(p, NULL);
    AUTO(free_ptr) char *url = url_of(p, which, path);
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    fetch_into(&r, policy, url, &limits);
    fetch_policy_free(policy);
    if (r.rc != ERR_NONE) {
        fail_msg("%s: %s", url, r.e.detail);
    }
    assert_int_equal(r.body.len, count);
    assert_int_equal(strspn(buf_str(&r.body), "b"), count);
}

static void test_files(void **state)
{
    const struct place *p = *state;

    expect_bytes(p, GOOD, "/ok/0", 0, 1);
    expect_bytes(p, GOOD, "/ok/1", 1, 1);
    expect_bytes(p, GOOD, "/ok/100000", 100000, 100000);
    expect_bytes(p, GOOD, "/chunked/0", 0, 1);
    expect_bytes(p, GOOD, "/chunked/100000", 100000, 100000);
    expect_bytes(p, GOOD, "/until-end/100000", 100000, 100000);
    expect_bytes(p, GOOD, "/identity", 10, 10);
    expect_bytes(p, GOOD, "/short", 10, 10);
    expect_bytes(p, PLAIN, "/ok/1000#fragment", 1000, 1000);
}

static void test_too_large(void **state)
{
    static const char *const PATH[] = {"/ok/100001", "/chunked/100001", "/until-end/100001",
                                       "/vast"};

    for (size_t i = 0; i < COUNT_OF(PATH); i++) {
        expect(*state, GOOD, PATH[i], ERR_URL_FETCH_FAILED,
               "The answer of localhost is larger than 100000 bytes.");
    }
}

static void test_certificates(void **state)
{
    expect(*state, OTHER_NAME, "/ok/1", ERR_URL_FETCH_FAILED,
           "The certificate of localhost is not valid.");
    expect(*state, UNKNOWN, "/ok/1", ERR_URL_FETCH_FAILED,
           "The certificate of localhost is not valid.");
    expect(*state, EXPIRED, "/ok/1", ERR_URL_FETCH_FAILED,
           "The certificate of localhost is not valid.");
}

/* Without the CA file those of the system count, which know nothing of ours. */
static void test_authorities_of_the_system(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 10};
    AUTO(free_ptr) char *ports = xasprintf("--fetch-ports=%d", p->port[GOOD]);
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/1");
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    struct fetch_policy *policy = make_policy(
        NULL, (const char *const[]){"--inputs-urls=on", "--fetch-allow=127.0.0.0/8", ports, NULL});

    fetch_into(&r, policy, url, &limits);
    assert_int_equal(r.rc, ERR_URL_FETCH_FAILED);
    assert_string_equal(r.e.detail, "The certificate of localhost is not valid.");
    fetch_policy_free(policy);
}

static void test_ca_file_gone(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 10};
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/1");
    AUTO(free_ptr) char *path = xasprintf("%s/ca.pem", p->dir);
    AUTO(free_ptr) char *aside = xasprintf("%s/aside.pem", p->dir);
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    struct fetch_policy *policy = usual_policy(p, NULL);

    assert_int_equal(rename(path, aside), 0);
    fetch_into(&r, policy, url, &limits);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(r.rc, ERR_INTERNAL_ERROR);
    assert_string_equal(r.e.detail, "fetch_ca_file cannot be read.");
    fetch_policy_free(policy);
}

static void test_bad_answers(void **state)
{
    static const struct {
        const char *path;
        const char *says;
    } CASES[] = {
        {"/status/404", "The answer of localhost is not the file."},
        {"/status/500", "The answer of localhost is not the file."},
        {"/status/201", "The answer of localhost is not the file."},
        {"/status/206", "The answer of localhost is not the file."},
        {"/status/304", "The answer of localhost is not the file."},
        {"/nowhere", "The answer of localhost is not the file."},
        {"/two", "The answer of localhost is not the file."},
        {"/long", "The answer of localhost was cut off."},
        {"/bomb", "The answer of localhost is compressed, which was not asked for."},
        {"/packed", "The answer of localhost is compressed, which was not asked for."},
        {"/head", "The answer of localhost cannot be understood."},
        {"/hundred", "The answer of localhost cannot be understood."},
        {"/zero", "The answer of localhost cannot be understood."},
        {"/noise", "The answer of localhost cannot be understood."},
    };

    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        expect(*state, GOOD, CASES[i].path, ERR_URL_FETCH_FAILED, CASES[i].says);
        expect(*state, PLAIN, CASES[i].path, ERR_URL_FETCH_FAILED, CASES[i].says);
    }
}

static void test_no_connection(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 10, .total_ms = 10000};
    struct trap t;
    struct fetch_policy *policy = NULL;
    AUTO(free_ptr) char *url = NULL;
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    AUTO(result_clear) struct result tls = {.rc = ERR_NONE};
    AUTO(free_ptr) char *wrong = xasprintf("https://127.0.0.1:%d/", p->port[PLAIN]);

    trap_open(&t);
    policy = open_policy(&t, "127.0.0.1");
    trap_close(&t);
    url = with_port("https://localhost:{P}/", t.port);
    fetch_into(&r, policy, url, &limits);
    fetch_policy_free(policy);
    assert_int_equal(r.rc, ERR_URL_FETCH_FAILED);
    /* ::1 was not allowed, and 127.0.0.1 is closed, if the name has both. */
    assert_string_equal(r.e.detail, "A connection to localhost could not be made.");

    policy = usual_policy(p, NULL);
    fetch_into(&tls, policy, wrong, &limits);
    fetch_policy_free(policy);
    assert_int_equal(tls.rc, ERR_URL_FETCH_FAILED);
    assert_string_equal(tls.e.detail, "A secure connection to 127.0.0.1 could not be made.");
}

/* ---- redirects ---------------------------------------------------------------------------------- */

static void test_redirects(void **state)
{
    const struct place *p = *state;
    AUTO(free_ptr) char *there = xasprintf("/to/301?https://127.0.0.1:%d/ok/7", p->port[GOOD]);

    expect_bytes(p, GOOD, "/hops/3", 10, 10);
    expect_bytes(p, GOOD, "/to/301?/ok/7", 7, 7);
    expect_bytes(p, GOOD, "/to/302?../ok/7", 7, 7);
    expect_bytes(p, GOOD, "/to/303?/ok/7", 7, 7);
    expect_bytes(p, GOOD, "/to/307?/ok/7", 7, 7);
    expect_bytes(p, GOOD, "/to/308?/ok/7", 7, 7);
    expect_bytes(p, GOOD, there, 7, 7);
    expect_bytes(p, PLAIN, there, 7, 7);
    /* Its own body is not waited for. */
    expect_bytes(p, GOOD, "/late/7", 7, 1000);
    expect(p, GOOD, "/hops/4", ERR_URL_FETCH_FAILED, "localhost redirects more than 3 times.");
    expect(p, GOOD, "/loop", ERR_URL_FETCH_FAILED, "localhost redirects more than 3 times.");
    expect(p, GOOD, "/to/302?/status/404", ERR_URL_FETCH_FAILED,
           "The answer of the server that localhost redirects to is not the file.");
}

/* Where url_follow() says why; here, that it is asked, and that nothing is told of what was answered. */
static void test_redirects_refused(void **state)
{
    static const char *const PLACE[] = {
        "http://localhost:{P}/",   "https://127.0.0.2:{P}/",     "https://[::1]:{P}/",
        "https://2130706434:{P}/", "//169.254.169.254/latest/",  "file:///etc/passwd",
        "gopher://localhost:{P}/", "https://a:b@localhost:{P}/", "https://localhost:22/",
    };
    struct place *p = *state;
    struct trap t;

    trap_open(&t);
    p->trap_port = t.port;
    for (size_t i = 0; i < COUNT_OF(PLACE); i++) {
        AUTO(free_ptr) char *place = with_port(PLACE[i], t.port);
        AUTO(free_ptr) char *path = xasprintf("/to/302?%s", place);

        expect(p, GOOD, path, ERR_URL_NOT_ALLOWED, "The redirect of localhost is not followed.");
        assert_int_equal(trap_count(&t), 0);
    }
    p->trap_port = 0;
    trap_close(&t);
}

/* The first server may be reached, and sends on to one that may not: here, one of ours. */
static void test_redirect_to_inside(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 100};
    struct trap t;
    AUTO(free_ptr) char *own = NULL;
    AUTO(free_ptr) char *ports = NULL;
    AUTO(free_ptr) char *path = NULL;
    AUTO(free_ptr) char *url = NULL;
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    struct fetch_policy *policy = NULL;

    trap_open(&t);
    own = xasprintf("localhost:%d", t.port);
    ports = xasprintf("--fetch-ports=%d,%d", p->port[PLAIN], t.port);
    policy = make_policy(own, (const char *const[]){"--inputs-urls=on", "--fetch-http=on",
                                                    "--fetch-allow=127.0.0.0/8", ports, NULL});
    path = xasprintf("/to/302?http://localhost:%d/queue", t.port);
    url = url_of(p, PLAIN, path);
    fetch_into(&r, policy, url, &limits);
    assert_int_equal(r.rc, ERR_URL_NOT_ALLOWED);
    assert_string_equal(r.e.detail,
                        "The address of the server that localhost redirects to is not a public "
                        "one.");
    assert_int_equal(trap_count(&t), 0);
    fetch_policy_free(policy);
    trap_close(&t);
}

/* ---- time --------------------------------------------------------------------------------------- */

static void expect_timeout(const struct place *p, const char *path,
                           const struct fetch_limits *limits, const char *says)
{
    struct fetch_policy *policy = usual_policy(p, NULL);
    AUTO(free_ptr) char *url = url_of(p, GOOD, path);
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    fetch_into(&r, policy, url, limits);
    fetch_policy_free(policy);
    if (r.rc != ERR_URL_FETCH_FAILED || strcmp(r.e.detail, says) != 0) {
        fail_msg("%s: %s", path, r.e.detail);
    }
    if (r.took_ms > 4000) {
        fail_msg("%s: %lld ms", path, (long long)r.took_ms);
    }
}

static void test_time_limits(void **state)
{
    const struct place *p = *state;
    struct fetch_limits total = {.max_bytes = 1000000, .total_ms = 600, .slow_bytes = 1};
    struct fetch_limits slow = {
        .max_bytes = 1000000, .total_ms = 30000, .slow_bytes = 4096, .slow_seconds = 1};

    expect_timeout(p, "/drip", &total,
                   "The answer of localhost was not complete within 0.6 seconds.");
    expect_timeout(p, "/mute", &total,
                   "The answer of localhost was not complete within 0.6 seconds.");
    expect_timeout(p, "/to/302?/drip", &total,
                   "The answer of the server that localhost redirects to was not complete within "
                   "0.6 seconds.");
    expect_timeout(p, "/drip", &slow, "The answer of localhost came too slowly.");
    expect_timeout(p, "/mute", &slow, "The answer of localhost came too slowly.");
}

/* The kernel takes the connection, and nobody shakes hands. */
static void test_connect_limit(void **state)
{
    struct fetch_limits limits = {.max_bytes = 1, .total_ms = 20000, .connect_ms = 300};
    struct trap t;
    struct fetch_policy *policy = NULL;
    AUTO(free_ptr) char *url = NULL;
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    (void)state;
    trap_open(&t);
    policy = open_policy(&t, "127.0.0.1");
    url = with_port("https://localhost:{P}/", t.port);
    fetch_into(&r, policy, url, &limits);
    assert_int_equal(r.rc, ERR_URL_FETCH_FAILED);
    assert_string_equal(r.e.detail, "A connection to localhost could not be made in time.");
    assert_in_range(r.took_ms, 250, 4000);
    fetch_policy_free(policy);
    trap_close(&t);
}

static void test_setting_of_time(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 1, .total_ms = 0};
    AUTO(free_ptr) char *ports = xasprintf("--fetch-ports=%d", p->port[PLAIN]);
    AUTO(free_ptr) char *url = url_of(p, PLAIN, "/mute");
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};
    struct fetch_policy *policy = make_policy(
        NULL, (const char *const[]){"--inputs-urls=on", "--fetch-http=on", "--fetch-timeout-ms=200",
                                    "--fetch-allow=127.0.0.1", ports, NULL});

    fetch_into(&r, policy, url, &limits);
    assert_string_equal(r.e.detail, "The answer of localhost was not complete within 0.2 seconds.");
    fetch_policy_free(policy);
}

static void *raise_flag(void *flag)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void test_stop(void **state)
{
    static const char *const PATH[] = {"/mute", "/drip"};
    const struct place *p = *state;
    struct fetch_policy *policy = usual_policy(p, NULL);

    for (size_t i = 0; i < COUNT_OF(PATH); i++) {
        atomic_bool stop = false;
        struct fetch_limits limits = {.max_bytes = 1000000, .stop = &stop};
        AUTO(free_ptr) char *url = url_of(p, GOOD, PATH[i]);
        AUTO(result_clear) struct result r = {.rc = ERR_NONE};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, raise_flag, &stop), 0);
        fetch_into(&r, policy, url, &limits);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(r.rc, ERR_SHUTTING_DOWN);
        assert_in_range(r.took_ms, 150, 3000);
    }
    fetch_policy_free(policy);
}

/* ---- who takes part ----------------------------------------------------------------------------- */

static void test_sink_refuses(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 1000000};
    struct fetch_policy *policy = usual_policy(p, NULL);
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/300000");
    AUTO(result_clear)
    struct result r = {.refusal = ERR_INSUFFICIENT_STORAGE, .refuse_at = 1};

    fetch_into(&r, policy, url, &limits);
    assert_int_equal(r.rc, ERR_INSUFFICIENT_STORAGE);
    assert_string_equal(r.e.detail, "The sink is full.");
    assert_true(r.body.len < 300000);
    fetch_policy_free(policy);
}

/* NOLINTBEGIN(concurrency-mt-unsafe): no thread is running */
static void set_proxies(const char *url)
{
    static const char *const NAME[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                       "ALL_PROXY",  "HTTP_PROXY",  "socks_proxy", "no_proxy"};

    for (size_t i = 0; i < COUNT_OF(NAME); i++) {
        if (url == NULL) {
            assert_int_equal(unsetenv(NAME[i]), 0);
        } else {
            assert_int_equal(setenv(NAME[i], i + 1 < COUNT_OF(NAME) ? url : "", 1), 0);
        }
    }
}

static void test_environment_is_ignored(void **state)
{
    const struct place *p = *state;
    struct trap t;
    AUTO(free_ptr) char *proxy = NULL;
    AUTO(free_ptr) char *path = xasprintf("%s/.netrc", p->dir);
    AUTO(free_ptr) char *home = getenv("HOME") != NULL ? xstrdup(getenv("HOME")) : NULL;
    FILE *netrc = fopen(path, "w");

    assert_non_null(netrc);
    assert_true(fputs("machine localhost login me password netrc-secret\n", netrc) >= 0);
    assert_int_equal(fclose(netrc), 0);
    trap_open(&t);
    proxy = with_port("http://127.0.0.1:{P}", t.port);
    set_proxies(proxy);
    assert_int_equal(setenv("HOME", p->dir, 1), 0);
    for (int which = GOOD; which <= PLAIN; which += PLAIN - GOOD) {
        struct fetch_limits limits = {.max_bytes = 10000, .total_ms = 3000};
        struct fetch_policy *policy = usual_policy(p, NULL);
        AUTO(free_ptr) char *url = url_of(p, which, "/echo");
        AUTO(result_clear) struct result r = {.rc = ERR_NONE};

        fetch_into(&r, policy, url, &limits);
        fetch_policy_free(policy);
        assert_int_equal(r.rc, ERR_NONE);
        assert_null(strcasestr(buf_str(&r.body), "Authorization"));
        assert_null(strcasestr(buf_str(&r.body), "Cookie"));
        assert_non_null(strstr(buf_str(&r.body), "GET /echo HTTP/1.1\r\n"));
        assert_non_null(strstr(buf_str(&r.body), "\r\nAccept-Encoding: identity\r\n"));
    }
    set_proxies(NULL);
    (void)(home != NULL ? setenv("HOME", home, 1) : unsetenv("HOME"));
    assert_int_equal(trap_count(&t), 0);
    trap_close(&t);
}
/* NOLINTEND(concurrency-mt-unsafe) */

static void test_agent(void **state)
{
    const struct place *p = *state;
    struct fetch_limits limits = {.max_bytes = 10000};
    struct fetch_policy *policy = usual_policy(p, NULL);
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/echo?a=b#fragment");
    AUTO(free_ptr) char *agent = xasprintf("\r\nUser-Agent: comfygate/%s\r\n", comfygate_version());
    AUTO(result_clear) struct result r = {.rc = ERR_NONE};

    fetch_into(&r, policy, url, &limits);
    fetch_policy_free(policy);
    assert_int_equal(r.rc, ERR_NONE);
    assert_non_null(strstr(buf_str(&r.body), agent));
    assert_non_null(strstr(buf_str(&r.body), "GET /echo?a=b HTTP/1.1\r\n"));
}

struct crowd {
    const struct fetch_policy *policy;
    const char *url;
    int failed;
};

static enum errc count_only(void *arg, struct span data, struct err *e)
{
    (void)e;
    *(size_t *)arg += data.len;
    return ERR_NONE;
}

static void *fetch_often(void *arg)
{
    struct crowd *c = arg;
    struct fetch_limits limits = {.max_bytes = 100000, .total_ms = 20000};

    for (int i = 0; i < 10; i++) {
        size_t count = 0;

        c->failed += fetch_url(c->policy, c->url, &limits, (struct fetch_sink){count_only, &count},
                               NULL) != ERR_NONE ||
                             count != 50000
                         ? 1
                         : 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    const struct place *p = *state;
    struct fetch_policy *policy = usual_policy(p, "localhost:1");
    AUTO(free_ptr) char *url = url_of(p, GOOD, "/ok/50000");
    struct crowd crowd[PARALLEL];
    pthread_t thread[PARALLEL];

    for (int i = 0; i < PARALLEL; i++) {
        crowd[i] = (struct crowd){.policy = policy, .url = url};
        assert_int_equal(pthread_create(&thread[i], NULL, fetch_often, &crowd[i]), 0);
    }
    for (int i = 0; i < PARALLEL; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(crowd[i].failed, 0);
    }
    fetch_policy_free(policy);
}

/* ---- a public address, in a network of our own --------------------------------------------------- */

#define NO_NETWORK 77
#define PUBLIC     0x0b000001U /* 11.0.0.1 */

static bool make_network(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(PUBLIC)}};
    AUTO(file_close) int fd = -1;

    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (fd < 0 || ioctl(fd, SIOCSIFADDR, &request) != 0) {
        return false;
    }
    request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

struct public_server {
    struct trap trap;
    const char *answer;
};

static void *answer_once(void *arg)
{
    const struct public_server *s = arg;
    struct pollfd ready = {.fd = s->trap.v4, .events = POLLIN};
    char head[4096];
    int fd = poll(&ready, 1, PATIENCE_MS) > 0 ? accept(s->trap.v4, NULL, NULL) : -1;

    if (fd >= 0 && recv(fd, head, sizeof head, 0) > 0) {
        (void)send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
    }
    (void)close(fd);
    return NULL;
}

static void check_in_public(const char *answer, enum errc rc, const char *says)
{
    struct fetch_limits limits = {.max_bytes = 10, .total_ms = 5000};
    struct public_server s = {.answer = answer};
    struct fetch_policy *policy = NULL;
    struct err e = ERR_INIT;
    size_t count = 0;
    pthread_t thread;
    AUTO(free_ptr) char *url = NULL;

    trap_open(&s.trap);
    policy = open_policy(&s.trap, "11.0.0.1"); /* the list only lets it stand in the URL */
    url = with_port("http://11.0.0.1:{P}/", s.trap.port);
    child_check(pthread_create(&thread, NULL, answer_once, &s) == 0);
    child_check(fetch_url(policy, url, &limits, (struct fetch_sink){count_only, &count}, &e) == rc);
    child_check(pthread_join(thread, NULL) == 0);
    child_check(strcmp(e.detail, says) == 0);
    fetch_policy_free(policy);
    trap_close(&s.trap);
}

static void fetch_in_public(void)
{
    check_in_public("HTTP/1.1 200 Yes\r\nContent-Length: 3\r\n\r\nyes", ERR_NONE, "");
    check_in_public("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ERR_URL_FETCH_FAILED,
                    "The answer of 11.0.0.1 has status 404, not 200.");
    check_in_public("HTTP/1.1 302 No\r\nLocation: http://169.254.169.254/\r\n\r\n",
                    ERR_URL_NOT_ALLOWED,
                    "The redirect of 11.0.0.1 is not followed: The URL must name its host; an IP "
                    "address is not allowed.");
    check_in_public("HTTP/1.1 302 No\r\nLocation: http://localhost/\r\n\r\n", ERR_URL_NOT_ALLOWED,
                    "The address of the server that 11.0.0.1 redirects to is not a public one.");
}

/* Of a server that everybody can ask, the status is told. */
static void test_public_status(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        if (!make_network()) {
            _exit(NO_NETWORK);
        }
        fetch_in_public();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NETWORK) {
        print_message("needs a network namespace, not checked\n");
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_name_of_inside),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_own_servers),
        cmocka_unit_test(test_own_server_told_later),
        cmocka_unit_test(test_bad_own_servers),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_authorities_of_the_system),
        cmocka_unit_test(test_ca_file_gone),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_redirects_refused),
        cmocka_unit_test(test_redirect_to_inside),
        cmocka_unit_test(test_time_limits),
        cmocka_unit_test(test_connect_limit),
        cmocka_unit_test(test_setting_of_time),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_sink_refuses),
        cmocka_unit_test(test_environment_is_ignored),
        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_public_status),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
