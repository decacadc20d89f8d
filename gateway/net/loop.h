/* loop.h - the wait of one thread: sockets, timers and wake-ups.
 *
 * libwebsockets owns the outermost wait (Debian's package cannot be driven from another loop), so
 * one epoll set with everything else hangs inside it as a single adopted
 * descriptor. Only this file knows that.
 *
 * Threads: the one that runs loop_turn, except loop_wake (any).
 */
#ifndef CG_NET_LOOP_H
#define CG_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct loop;
struct lws_context;
struct lws_protocols;
struct lws_vhost;

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };

/* `ws_protocols` (ended by an all-zero entry) are those of the WebSocket client module; NULL = no WebSocket is opened on
 * this loop, and no certificates are read for it. */
enum errc loop_open(const struct lws_protocols *ws_protocols, struct loop **out, struct err *e)
    MUST_CHECK;
void loop_close(struct loop *l); /* destroys the lws context; NULL is fine */
struct lws_context *loop_lws(struct loop *l);
/* For connections that check servers by the certificates of this PEM file and no others; NULL = by the
 * system's. The file is read once in the life of the loop. NULL when it has none. */
struct lws_vhost *loop_vhost(struct loop *l, const char *ca_file);
/* The last error that lws has told in words since loop_forget_complaint; "" = none. Borrowed until
 * the next turn. */
const char *loop_complaint(void);
void loop_forget_complaint(void);

/* Waits until something happens, at most max_ms, and runs the callbacks that are due. */
void loop_turn(struct loop *l, int max_ms);
/* Makes the wait that is under way, or the next, return. Async-signal-safe; any thread. */
void loop_wake(struct loop *l);

/* Watches fd; events 0 removes it. A second call changes events. One callback per fd. */
void loop_watch(struct loop *l, int fd, int events, void (*ready)(void *arg, int fd, int events),
                void *arg);

/* A timer embedded in its owner. Zero-initialise. */
struct loop_timer {
    void (*fire)(void *arg);
    void *arg;
    int64_t due_mono_ms; /* 0 = off */
    struct loop_timer *next;
    bool is_listed;
};
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms, void (*fire)(void *arg),
                    void *arg);
void loop_timer_off(struct loop *l, struct loop_timer *t); /* harmless when off */

#endif
