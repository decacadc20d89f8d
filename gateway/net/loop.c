/* loop.c - one epoll set inside libwebsockets' wait.
 *
 * lws_service() waits in poll() on the WebSockets and on one more descriptor,
 * our epoll set, which becomes readable when anything in it is. lws does
 * nothing with it; after lws_service() we ask the set ourselves, so that no
 * callback of ours runs inside lws. lws gets a duplicate of the descriptor,
 * since it closes what it has adopted.
 *
 * lws_service() ignores its timeout and sleeps until something happens. So one
 * timerfd in the set stands for the nearest timer and for the longest wait
 * that was asked for.
 *
 * A callback may end the watch of a descriptor whose event is already in the
 * batch at hand, and even watch a new one of the same number. Each event
 * therefore carries the number of its watch beside its descriptor.
 */
#include "net/loop.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH          64
#define LWS_FDS_MAX    512   /* lws sizes its tables by it; else by the limit of the process */
#define LWS_CHUNK      65536 /* bytes that lws reads at once */
#define KEEPALIVE_S    60
#define KEEPALIVE_GAP  10
#define KEEPALIVE_TRY  3
#define LWS_PATIENCE_S 600   /* longest setting of a connect; ours are shorter and exact */
#define LWS_HEADERS    16384 /* bytes of all headers of an answer */
#define WAIT_MAX_MS    3600000

struct watch {
    void (*ready)(void *arg, int fd, int events);
    void *arg;
    int events; /* 0 = not watched */
    uint32_t number;
};

/* Whom to trust is a matter of the vhost, of which each process has at least one. */
struct authority {
    char *ca_file;           /* lws keeps it as the vhost's name */
    struct lws_vhost *vhost; /* NULL = the file cannot be used */
    struct authority *next;
};

struct loop {
    int epoll_fd;
    int wake_fd;
    int timer_fd;
    struct watch *watch; /* by descriptor */
    size_t watch_count;
    uint32_t last_number;
    struct loop_timer *timers;
    size_t timer_count;
    struct lws_protocols *protocols;
    struct lws_context *lws;
    struct authority *authorities;
};

/* ---- descriptors -----------------------------------------------------------------------------
 */

static struct watch *watch_of(struct loop *l, int fd)
{
    size_t index = (size_t)fd;

    if (index >= l->watch_count) {
        size_t count = index < 32 ? 64 : index * 2;

        l->watch = xrealloc(l->watch, count * sizeof *l->watch);
        memset(l->watch + l->watch_count, 0, (count - l->watch_count) * sizeof *l->watch);
        l->watch_count = count;
    }
    return &l->watch[index];
}

/* The kernel forgets a descriptor that is closed and keeps one that is not: what it has need not be
 * what we remember, so both ways are tried. */
static void epoll_set(struct loop *l, int fd, uint32_t number, int events)
{
    struct epoll_event event = {.data.u64 = (uint64_t)number << 32 | (uint32_t)fd};
    int rc = 0;

    if ((events & LOOP_READ) != 0) {
        event.events |= EPOLLIN;
    }
    if ((events & LOOP_WRITE) != 0) {
        event.events |= EPOLLOUT;
    }
    rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    if (rc != 0 && errno == ENOENT) {
        rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    if (rc != 0) {
        log_error("watch_failed", LOG_I("fd", fd), LOG_I("errno", errno));
    }
}

void loop_watch(struct loop *l, int fd, int events, void (*ready)(void *arg, int fd, int events),
                void *arg)
{
    struct watch *watch = NULL;

    bug_if(fd < 0);
    watch = watch_of(l, fd);
    if (events == 0) {
        if (watch->events != 0) {
            watch->events = 0;
            /* Fails when it is closed already: then it is out of the set. */
            (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        }
        return;
    }
    if (watch->events == 0) {
        watch->number = ++l->last_number;
    }
    watch->events = events;
    watch->ready = ready;
    watch->arg = arg;
    epoll_set(l, fd, watch->number, events);
}

static void run_ready(struct loop *l)
{
    struct epoll_event batch[BATCH];
    int count = epoll_wait(l->epoll_fd, batch, BATCH, 0);

    for (int i = 0; i < count; i++) {
        int fd = (int)(uint32_t)batch[i].data.u64;
        uint32_t number = (uint32_t)(batch[i].data.u64 >> 32);
        const struct watch *watch = watch_of(l, fd);
        int events = 0;

        if (watch->events == 0 || watch->number != number) {
            continue;
        }
        if ((batch[i].events & EPOLLIN) != 0) {
            events |= LOOP_READ;
        }
        if ((batch[i].events & EPOLLOUT) != 0) {
            events |= LOOP_WRITE;
        }
        if ((batch[i].events & (EPOLLERR | EPOLLHUP)) != 0) {
            events |= watch->events;
        }
        watch->ready(watch->arg, fd, events);
    }
}

static void drain(void *arg, int fd, int events)
{
    uint64_t count = 0;

    (void)arg;
    (void)events;
    /* Nothing to read is fine: only the waking counts. */
    if (read(fd, &count, sizeof count) < 0) {
        return;
    }
}

void loop_wake(struct loop *l)
{
    const uint64_t one = 1;
    int before = errno;

    /* Fails only when the counter is full, and then a wake-up is pending anyway. */
    if (write(l->wake_fd, &one, sizeof one) < 0) {
        errno = before;
    }
}

/* ---- timers ----------------------------------------------------------------------------------
 */

static void unlist(struct loop *l, struct loop_timer *t)
{
    struct loop_timer **at = &l->timers;

    while (*at != NULL && *at != t) {
        at = &(*at)->next;
    }
    bug_if(*at == NULL);
    *at = t->next;
    t->next = NULL;
    t->is_listed = false;
    l->timer_count--;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms, void (*fire)(void *arg),
                    void *arg)
{
    t->fire = fire;
    t->arg = arg;
    t->due_mono_ms = clock_mono_ms() + (in_ms > 0 ? in_ms : 0);
    if (!t->is_listed) {
        t->next = l->timers;
        l->timers = t;
        t->is_listed = true;
        l->timer_count++;
    }
}

void loop_timer_off(struct loop *l, struct loop_timer *t)
{
    if (t->is_listed) {
        unlist(l, t);
    }
    t->due_mono_ms = 0;
}

static struct loop_timer *nearest_timer(const struct loop *l)
{
    struct loop_timer *nearest = l->timers;

    for (struct loop_timer *t = l->timers; t != NULL; t = t->next) {
        if (t->due_mono_ms < nearest->due_mono_ms) {
            nearest = t;
        }
    }
    return nearest;
}

/* As many as there were: timers that are set meanwhile to fire at once get the next turn, so that
 * two that set each other do not keep us here. */
static void run_timers(struct loop *l)
{
    int64_t now = clock_mono_ms();

    for (size_t left = l->timer_count; left > 0; left--) {
        struct loop_timer *t = nearest_timer(l);

        if (t == NULL || t->due_mono_ms > now) {
            return;
        }
        loop_timer_off(l, t);
        t->fire(t->arg);
    }
}

/* ---- the turn --------------------------------------------------------------------------------
 */

/* False when there is nothing to wait for. */
static bool arm(struct loop *l, int max_ms)
{
    const struct loop_timer *nearest = nearest_timer(l);
    int64_t now = clock_mono_ms();
    int64_t until = now + (max_ms < WAIT_MAX_MS ? max_ms : WAIT_MAX_MS);
    struct itimerspec spec = {.it_value = {0}};

    if (nearest != NULL && nearest->due_mono_ms < until) {
        until = nearest->due_mono_ms;
    }
    if (until <= now) {
        return false;
    }
    spec.it_value.tv_sec = until / 1000;
    spec.it_value.tv_nsec = until % 1000 * 1000000;
    (void)timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    return true;
}

void loop_turn(struct loop *l, int max_ms)
{
    bool is_waiting = arm(l, max_ms);

    /* To lws a negative time means "do not wait", any other "as long as it takes". */
    (void)lws_service(l->lws, is_waiting ? 0 : -1);
    run_ready(l);
    run_timers(l);
}

/* ---- opening and closing ---------------------------------------------------------------------
 */

/* The epoll set's place among the sockets of lws. We look into the set after each wait. */
static int on_epoll(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    (void)wsi;
    (void)reason;
    (void)user;
    (void)in;
    (void)len;
    return 0;
}

static const struct lws_protocols EPOLL_PROTOCOL = {.name = "comfygate-epoll",
                                                    .callback = on_epoll};

/* lws wants one table that lives as long as the context. */
static void make_protocols(struct loop *l, const struct lws_protocols *ws_protocols)
{
    size_t count = 0;

    while (ws_protocols != NULL && ws_protocols[count].callback != NULL) {
        count++;
    }
    l->protocols = xcalloc(count + 2, sizeof *l->protocols);
    if (count > 0) {
        memcpy(l->protocols, ws_protocols, count * sizeof *l->protocols);
    }
    l->protocols[count] = EPOLL_PROTOCOL;
}

/* Why a certificate is refused, lws tells its log and nobody else. Its log belongs to the process,
 * but it is written on the thread that calls lws. */
static _Thread_local char complaint[160];

static void log_lws(int level, const char *line)
{
    (void)level;
    (void)snprintf(complaint, sizeof complaint, "%.*s", (int)strcspn(line, "\n"), line);
    log_debug("lws", LOG_S("text", complaint));
}

const char *loop_complaint(void)
{
    return complaint;
}

void loop_forget_complaint(void)
{
    complaint[0] = '\0';
}

/* The authorities that curl trusts: HTTP and the WebSocket of one server must not disagree. */
static const char *usual_authorities(CURL *curl)
{
    const char *path = NULL;

    return curl != NULL && curl_easy_getinfo(curl, CURLINFO_CAINFO, &path) == CURLE_OK ? path
                                                                                       : NULL;
}

static struct lws_context_creation_info lws_settings(const struct loop *l)
{
    return (struct lws_context_creation_info){
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = l->protocols,
        .http_proxy_address = "", /* without it: the environment's */
        .fd_limit_per_thread = LWS_FDS_MAX,
        .pt_serv_buf_size = LWS_CHUNK,
        .max_http_header_data = LWS_HEADERS,
        .ka_time = KEEPALIVE_S,
        .ka_interval = KEEPALIVE_GAP,
        .ka_probes = KEEPALIVE_TRY,
        .timeout_secs = LWS_PATIENCE_S,
        .connect_timeout_secs = LWS_PATIENCE_S,
    };
}

static bool open_lws(struct loop *l, bool has_ws)
{
    CURL *curl = has_ws ? curl_easy_init() : NULL;
    struct lws_context_creation_info info = lws_settings(l);

    /* What a second context of a process has read for TLS is never let go of. */
    info.options = has_ws ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0;
    info.client_ssl_ca_filepath = usual_authorities(curl);
    lws_set_log_level(LLL_ERR, log_lws);
    l->lws = lws_create_context(&info);
    curl_easy_cleanup(curl);
    return l->lws != NULL;
}

static struct lws_vhost *make_vhost(struct loop *l, const char *ca_file)
{
    struct lws_context_creation_info info = lws_settings(l);
    struct lws_vhost *vhost = NULL;

    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.client_ssl_ca_filepath = ca_file;
    info.vhost_name = ca_file;
    loop_forget_complaint();
    vhost = lws_create_vhost(l->lws, &info);
    /* It goes on without a file that it cannot use. Then it would trust nobody. */
    return strstr(complaint, "certs file") == NULL ? vhost : NULL;
}

struct lws_vhost *loop_vhost(struct loop *l, const char *ca_file)
{
    struct authority *a = l->authorities;

    if (ca_file == NULL) {
        return lws_get_vhost_by_name(l->lws, "default");
    }
    while (a != NULL && strcmp(a->ca_file, ca_file) != 0) {
        a = a->next;
    }
    if (a == NULL) {
        a = xcalloc(1, sizeof *a);
        a->ca_file = xstrdup(ca_file);
        a->vhost = make_vhost(l, a->ca_file);
        a->next = l->authorities;
        l->authorities = a;
    }
    return a->vhost;
}

static bool adopt_epoll(struct loop *l)
{
    lws_sock_file_fd_type fd = {.filefd = fcntl(l->epoll_fd, F_DUPFD_CLOEXEC, 0)};
    struct lws_vhost *vhost = loop_vhost(l, NULL);

    /* On failure lws closes it. */
    return fd.filefd >= 0 && vhost != NULL &&
           lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd, EPOLL_PROTOCOL.name,
                                      NULL) != NULL;
}

enum errc loop_open(const struct lws_protocols *ws_protocols, struct loop **out, struct err *e)
{
    struct loop *l = xcalloc(1, sizeof *l);

    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->epoll_fd < 0 || l->wake_fd < 0 || l->timer_fd < 0) {
        enum errc rc =
            err_set(e, ERR_INTERNAL_ERROR, "The wait for sockets and timers cannot be set up: %m");

        loop_close(l);
        return rc;
    }
    make_protocols(l, ws_protocols);
    if (!open_lws(l, ws_protocols != NULL) || !adopt_epoll(l)) {
        loop_close(l);
        return err_set(e, ERR_INTERNAL_ERROR, "The WebSocket library cannot be set up.");
    }
    loop_watch(l, l->wake_fd, LOOP_READ, drain, l);
    loop_watch(l, l->timer_fd, LOOP_READ, drain, l);
    *out = l;
    return ERR_NONE;
}

void loop_close(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    if (l->lws != NULL) {
        lws_context_destroy(l->lws);
    }
    while (l->authorities != NULL) {
        struct authority *a = l->authorities;

        l->authorities = a->next;
        free(a->ca_file);
        free(a);
    }
    file_close(&l->timer_fd);
    file_close(&l->wake_fd);
    file_close(&l->epoll_fd);
    free(l->protocols);
    free(l->watch);
    free(l);
}

struct lws_context *loop_lws(struct loop *l)
{
    return l->lws;
}
