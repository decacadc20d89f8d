/* slow_peers.h - clients that take too long for what they owe: the head of a request, its body, or reading the answer.
 *
 * libmicrohttpd closes who is silent; who sends a byte now and then it keeps for ever. Here each connection has a time for
 * the head of a request, counted from its first byte, and a lowest rate for all else, told by what the kernel has received
 * and what the client has acknowledged. Nobody is cut off while it is we who are slow, nor while a request waits for
 * something, nor on a stream of events, which has rules of its own (event_stream.c).
 *
 * Threads: a connection's own for what happens to it; slow_peers_look is for one other thread, about once a second.
 */
#ifndef CG_HTTP_SLOW_PEERS_H
#define CG_HTTP_SLOW_PEERS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/config.h"

struct slow_peers;
struct peer;

enum peer_phase {
    PEER_HEAD,   /* between requests, or sending the head of one */
    PEER_BODY,   /* the head is there */
    PEER_SERVED, /* it has sent all, and waits for us */
    PEER_ANSWER, /* it is being sent its answer */
    PEER_STREAM, /* the same of an answer that does not end */
};

struct slow_peers *slow_peers_new(const struct config *config) MUST_CHECK; /* config is borrowed */
void slow_peers_free(struct slow_peers *s); /* after its last peer; NULL is fine */

/* A connection has opened; it must be removed before its socket is closed. */
struct peer *slow_peers_add(struct slow_peers *s, int fd) MUST_CHECK;
void slow_peers_remove(struct slow_peers *s, struct peer *peer); /* frees it */
void peer_enter(struct peer *peer, enum peer_phase phase);

/* Shuts the sockets of those that are too slow; their threads find out, and close them. Gives how many. */
int slow_peers_look(struct slow_peers *s, int64_t mono_ms);

#endif
