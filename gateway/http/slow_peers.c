/* slow_peers.c - see slow_peers.h.
 *
 * A connection's thread only says which phase it has entered: one store, no system call. Whoever looks asks the kernel, and
 * takes the first look at a phase as its beginning, so that all is judged a second too late rather than too early.
 */
#include "http/slow_peers.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/mem.h"

/* Who reads is given more time than who sends: networks stand still now and then. */
#define READ_WINDOWS 3

struct peer {
    struct list node;
    int fd;
    _Atomic uint32_t entered; /* the phase, and above it how many there have been */

    /* Of who looks. */
    uint32_t seen;    /* `entered` at the look before */
    bool has_moved;   /* since the phase began */
    int64_t since_ms; /* of the head: its first byte; else the window's beginning */
    uint64_t moved;   /* at that time: bytes received, or acknowledged */
};

struct slow_peers {
    pthread_mutex_t lock; /* over the list, and so over the sockets being open */
    struct list peers;
    int64_t head_ms;
    uint64_t rate; /* bytes a second; 0 = any will do */
};

#define PHASE_BITS 3
#define PHASE_MASK ((1U << PHASE_BITS) - 1)

struct slow_peers *slow_peers_new(const struct config *config)
{
    struct slow_peers *s = xcalloc(1, sizeof *s);

    (void)pthread_mutex_init(&s->lock, NULL);
    list_init(&s->peers);
    s->head_ms = config->server_head_seconds * 1000;
    s->rate = (uint64_t)config->server_min_rate;
    return s;
}

void slow_peers_free(struct slow_peers *s)
{
    if (s != NULL) {
        bug_if(!list_empty(&s->peers));
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

struct peer *slow_peers_add(struct slow_peers *s, int fd)
{
    struct peer *p = xcalloc(1, sizeof *p);

    p->fd = fd;
    atomic_init(&p->entered, PEER_HEAD);
    (void)pthread_mutex_lock(&s->lock);
    list_push(&s->peers, &p->node);
    (void)pthread_mutex_unlock(&s->lock);
    return p;
}

void slow_peers_remove(struct slow_peers *s, struct peer *peer)
{
    (void)pthread_mutex_lock(&s->lock);
    list_remove(&peer->node);
    (void)pthread_mutex_unlock(&s->lock);
    free(peer);
}

void peer_enter(struct peer *peer, enum peer_phase phase)
{
    uint32_t before = atomic_load_explicit(&peer->entered, memory_order_relaxed);

    atomic_store_explicit(&peer->entered, ((before >> PHASE_BITS) + 1) << PHASE_BITS | phase,
                          memory_order_relaxed);
}

/* ---- looking ---------------------------------------------------------------------------------- */

static bool ask_kernel(int fd, struct tcp_info *out)
{
    socklen_t len = sizeof *out;

    *out = (struct tcp_info){.tcpi_state = 0};
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, out, &len) == 0 &&
           len >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof out->tcpi_bytes_received;
}

static int waiting_bytes(int fd, unsigned long which)
{
    int count = 0;

    return ioctl(fd, which, &count) == 0 ? count : 0;
}

static void begin_window(struct peer *p, int64_t now, uint64_t moved)
{
    p->since_ms = now;
    p->moved = moved;
}

/* Has it moved too little, now that a window is over? When it has not, the next one begins. */
static bool is_below_rate(const struct slow_peers *s, struct peer *p, int64_t now, uint64_t moved,
                          int64_t window_ms)
{
    int64_t took_ms = now - p->since_ms;
    bool is_slow = false;

    if (took_ms >= window_ms) {
        is_slow = moved - p->moved < s->rate * (uint64_t)took_ms / 1000;
        begin_window(p, now, moved);
    }
    return is_slow;
}

static bool is_slow_head(const struct slow_peers *s, struct peer *p, int64_t now, uint64_t received)
{
    if (waiting_bytes(p->fd, SIOCINQ) > 0) {
        p->has_moved = false; /* it is we who have not read them */
    } else if (!p->has_moved && received != p->moved) {
        p->has_moved = true;
        p->since_ms = now;
    }
    return p->has_moved && now - p->since_ms >= s->head_ms;
}

static bool is_slow(const struct slow_peers *s, struct peer *p, int64_t now)
{
    uint32_t entered = atomic_load_explicit(&p->entered, memory_order_relaxed);
    enum peer_phase phase = (enum peer_phase)(entered & PHASE_MASK);
    struct tcp_info info;

    if (phase == PEER_SERVED || phase == PEER_STREAM || !ask_kernel(p->fd, &info)) {
        return false;
    }
    if (entered != p->seen) {
        p->seen = entered;
        p->has_moved = false;
        begin_window(p, now,
                     phase == PEER_ANSWER ? info.tcpi_bytes_acked : info.tcpi_bytes_received);
        return false;
    }
    if (phase == PEER_HEAD) {
        return is_slow_head(s, p, now, info.tcpi_bytes_received);
    }
    if (phase == PEER_BODY) {
        /* What has come and was not read yet is no fault of the client. */
        if (waiting_bytes(p->fd, SIOCINQ) > 0) {
            begin_window(p, now, info.tcpi_bytes_received);
        }
        return is_below_rate(s, p, now, info.tcpi_bytes_received, s->head_ms);
    }
    if (waiting_bytes(p->fd, SIOCOUTQ) == 0) {
        begin_window(p, now, info.tcpi_bytes_acked);
    }
    return is_below_rate(s, p, now, info.tcpi_bytes_acked, READ_WINDOWS * s->head_ms);
}

static void cut(const struct peer *p)
{
    /* What it never reads shall not stay in the kernel's memory either. */
    const struct linger none = {.l_onoff = 1};

    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    (void)shutdown(p->fd, SHUT_RDWR);
}

int slow_peers_look(struct slow_peers *s, int64_t mono_ms)
{
    int count = 0;

    (void)pthread_mutex_lock(&s->lock);
    for (struct list *node = s->peers.next; node != &s->peers; node = node->next) {
        struct peer *p = container_of(node, struct peer, node);

        if (is_slow(s, p, mono_ms)) {
            cut(p);
            count++;
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return count;
}
