/* resolve.h - the addresses of a host name, without making the loop wait.
 *
 * libwebsockets asks the resolver on the thread that connects; a name server
 * that does not answer would stop the loop for many seconds each time. So a
 * thread asks, one for each question.
 *
 * Threads: the loop's.
 */
#ifndef CG_NET_RESOLVE_H
#define CG_NET_RESOLVE_H

#include <stddef.h>

#include "base/attr.h"
#include "net/loop.h"

#define RESOLVE_ADDRESSES    8
#define RESOLVE_ADDRESS_SIZE 64

struct resolve;

struct resolve_result {
    char address[RESOLVE_ADDRESSES][RESOLVE_ADDRESS_SIZE]; /* numbers, in the order to try them */
    size_t count;
    const char *reason; /* the resolver's words when count is 0; a constant */
};

/* `done` is called once, from loop_turn, never from within this call. */
struct resolve *resolve_start(struct loop *loop, const char *host,
                              void (*done)(void *arg, const struct resolve_result *result),
                              void *arg) MUST_CHECK;
/* Ends it without done(), or frees what is left after done(). NULL is fine. */
void resolve_drop(struct resolve *r);

#endif
