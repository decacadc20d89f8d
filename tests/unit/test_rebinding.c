/* test_rebinding.c - a name that leads elsewhere each time it is looked up, as whoever owns it may make it: what is judged is what is
 * connected to, and not what another look-up has said.
 *
 * getaddrinfo() is this program's own, so that the name leads where a test says. 127.0.0.2 is allowed, 127.0.0.1 is not; both reach the
 * same listener, which tells them apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/receiver.h"
#include "net/http_call.h"

#define NAME      "rebind.example"
#define ALLOWED   "127.0.0.2"
#define FORBIDDEN "127.0.0.1"
#define SHORT_MS  100
#define CALLS     20

/* ---- where the name leads -------------------------------------------------------------------- */

/* Addresses of one look-up, with blanks between; the next one takes the next row. curl looks up on a thread of its own. */
static const char *const *answers;
static size_t answer_count;
static atomic_size_t lookups;

static struct addrinfo *entry(const char *address, const char *port, struct addrinfo *next)
{
    struct addrinfo *ai = xcalloc(1, sizeof *ai);
    struct sockaddr_in *to = xcalloc(1, sizeof *to);

    to->sin_family = AF_INET;
    to->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    (void)inet_pton(AF_INET, address, &to->sin_addr);
    *ai = (struct addrinfo){.ai_family = AF_INET,
                            .ai_socktype = SOCK_STREAM,
                            .ai_protocol = IPPROTO_TCP,
                            .ai_addrlen = sizeof *to,
                            .ai_addr = (struct sockaddr *)to,
                            .ai_next = next};
    return ai;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    AUTO(free_ptr) char *text = NULL;
    char *rest = NULL;
    struct addrinfo *list = NULL;

    (void)hints;
    if (node == NULL || service == NULL || strcmp(node, NAME) != 0) {
        return EAI_NONAME;
    }
    text = xstrdup(answers[atomic_fetch_add(&lookups, 1) % answer_count]);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        list = entry(word, service, list);
    }
    *out = list;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list->ai_addr);
        free(list);
        list = next;
    }
}

/* ---- who listens ----------------------------------------------------------------------------- */

struct place {
    int fd;
    uint16_t port;
    struct loop *loop;
    struct http_client *http;
    struct receiver_policy *policy;
};

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof *p);
    char allow[] = ALLOWED;
    struct config config = {.webhook_allow = allow};
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof any;

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(p->fd, CALLS), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&any, &len), 0);
    p->port = ntohs(any.sin_port);
    assert_int_equal(loop_open(NULL, &p->loop, NULL), ERR_NONE);
    p->http = http_client_new(p->loop, "test");
    assert_int_equal(receiver_policy_new(&config, NULL, 0, &p->policy, NULL), ERR_NONE);
    atomic_store(&lookups, 0);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    http_client_free(p->http);
    loop_close(p->loop);
    receiver_policy_free(p->policy);
    (void)close(p->fd);
    free(p);
    return 0;
}

/* Connections that have come since the last time, all of which must have been to the allowed address. */
static int connections(const struct place *p)
{
    int count = 0;
    int fd = -1;

    while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
        struct sockaddr_in at = {.sin_port = 0};
        socklen_t len = sizeof at;
        char text[INET_ADDRSTRLEN];

        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
        assert_string_equal(inet_ntop(AF_INET, &at.sin_addr, text, sizeof text), ALLOWED);
        (void)close(fd);
        count++;
    }
    return count;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool may_connect(void *arg, const struct sockaddr *to, size_t len)
{
    return receiver_may_connect(arg, to, len);
}

static void on_done(void *arg, const struct http_result *result)
{
    int *end = arg;

    *end = (int)result->end;
}

/* As the courier does it. Nobody answers: a call that has reached the listener ends in doubt. */
static enum http_end call(struct place *p, struct receiver_call *guard)
{
    AUTO(free_ptr) char *url = xasprintf("http://" NAME ":%u/", p->port);
    struct http_guard asks = {.may_connect = may_connect, .arg = guard};
    struct url_target target;
    int end = -1;

    assert_int_equal(receiver_check(p->policy, url, &target, NULL), ERR_NONE);
    assert_int_equal(receiver_call_begin(p->policy, &target, guard, NULL), ERR_NONE);
    (void)http_start(p->http, &(struct http_request){.method = "POST",
                                                     .url = target.url,
                                                     .body = SPAN_LIT("{}"),
                                                     .timeout_ms = SHORT_MS,
                                                     .max_bytes = 100,
                                                     .guard = &asks,
                                                     .is_alone = true,
                                                     .done = on_done,
                                                     .arg = &end});
    while (end < 0) {
        loop_turn(p->loop, 1000);
    }
    return (enum http_end)end;
}

static void test_each_look_up_is_another(void **state)
{
    static const char *const IN_TURN[] = {ALLOWED, FORBIDDEN};
    struct place *p = *state;
    int reached = 0;

    answers = IN_TURN;
    answer_count = COUNT_OF(IN_TURN);
    for (int i = 0; i < CALLS; i++) {
        struct receiver_call guard;
        enum http_end end = call(p, &guard);

        /* Looked up anew at each try, once. */
        assert_int_equal(atomic_load(&lookups), i + 1);
        assert_int_equal(end, i % 2 == 0 ? HTTP_IN_DOUBT : HTTP_NOT_SENT);
        assert_int_equal(guard.was_refused, i % 2 == 1);
        assert_int_equal(connections(p), i % 2 == 0 ? 1 : 0);
        reached += i % 2 == 0 ? 1 : 0;
        receiver_call_end(&guard);
    }
    assert_int_equal(reached, CALLS / 2);
}

/* Of several addresses those that may be are tried, and no other. */
static void test_a_look_up_with_both(void **state)
{
    static const char *const BOTH[] = {FORBIDDEN " " ALLOWED, ALLOWED " " FORBIDDEN,
                                       FORBIDDEN " 10.0.0.1 169.254.169.254"};
    struct place *p = *state;

    answers = BOTH;
    answer_count = COUNT_OF(BOTH);
    for (int i = 0; i < 3; i++) {
        struct receiver_call guard;
        enum http_end end = call(p, &guard);

        assert_int_equal(end, i < 2 ? HTTP_IN_DOUBT : HTTP_NOT_SENT);
        assert_int_equal(connections(p), i < 2 ? 1 : 0);
        receiver_call_end(&guard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_look_up_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_look_up_with_both, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
