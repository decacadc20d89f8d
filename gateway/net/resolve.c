/* resolve.c - one detached thread for one question.
 *
 * The resolver cannot be interrupted, so the thread outlives a question that is
 * dropped. What both sides use is counted: the last one frees it.
 */
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct shared {
    atomic_int users;
    int ready_fd; /* readable when result is there */
    char *host;
    atomic_bool is_ready;
    struct resolve_result result; /* the thread's until is_ready, the loop's afterwards */
};

struct resolve {
    struct loop *loop;
    struct shared *shared;
    struct loop_timer failed;
    void (*done)(void *arg, const struct resolve_result *result);
    void *arg;
};

static void leave(struct shared *s)
{
    if (atomic_fetch_sub(&s->users, 1) == 1) {
        file_close(&s->ready_fd);
        free(s->host);
        free(s);
    }
}

static void ask(struct shared *s)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolve_result *result = &s->result;
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(s->host, NULL, &hints, &list);

    if (rc != 0) {
        result->reason = gai_strerror(rc);
        return;
    }
    for (const struct addrinfo *a = list; a != NULL && result->count < RESOLVE_ADDRESSES;
         a = a->ai_next) {
        rc = getnameinfo(a->ai_addr, a->ai_addrlen, result->address[result->count],
                         RESOLVE_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST);
        result->count += rc == 0 ? 1 : 0;
    }
    result->reason = result->count == 0 ? "it has no address" : "";
    freeaddrinfo(list);
}

static void signal_ready(struct shared *s)
{
    const uint64_t one = 1;
    ssize_t written = 0;

    atomic_store(&s->is_ready, true);
    written = write(s->ready_fd, &one, sizeof one);
    bug_if(written != (ssize_t)sizeof one);
}

static void *thread_main(void *arg)
{
    struct shared *s = arg;

    ask(s);
    signal_ready(s);
    leave(s);
    return NULL;
}

static bool start_thread(struct shared *s)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    int rc = 0;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Signals are main's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, &attr, thread_main, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return rc == 0;
}

static void on_ready(void *arg, int fd, int events)
{
    struct resolve *r = arg;

    (void)events;
    if (atomic_load(&r->shared->is_ready)) {
        loop_watch(r->loop, fd, 0, NULL, NULL);
        /* The last use of r: done() may drop it. */
        r->done(r->arg, &r->shared->result);
    }
}

static void on_failed(void *arg)
{
    struct resolve *r = arg;

    r->shared->result.reason = "the process has no thread or descriptor left to ask";
    r->done(r->arg, &r->shared->result);
}

struct resolve *resolve_start(struct loop *loop, const char *host,
                              void (*done)(void *arg, const struct resolve_result *result),
                              void *arg)
{
    struct resolve *r = xcalloc(1, sizeof *r);
    struct shared *s = xcalloc(1, sizeof *s);

    r->loop = loop;
    r->shared = s;
    r->done = done;
    r->arg = arg;
    s->host = xstrdup(host);
    s->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&s->users, 2);
    if (s->ready_fd >= 0 && start_thread(s)) {
        loop_watch(loop, s->ready_fd, LOOP_READ, on_ready, r);
    } else {
        atomic_store(&s->users, 1);
        loop_timer_set(loop, &r->failed, 0, on_failed, r);
    }
    return r;
}

void resolve_drop(struct resolve *r)
{
    if (r == NULL) {
        return;
    }
    loop_timer_off(r->loop, &r->failed);
    if (r->shared->ready_fd >= 0) {
        loop_watch(r->loop, r->shared->ready_fd, 0, NULL, NULL);
    }
    leave(r->shared);
    free(r);
}
