/* room.h - whether the disk has room for new work.
 *
 * Work that is refused in time costs a client an answer; work that finds the disk full in the middle costs
 * a run of a GPU. What runs already goes on below the limit: it is what the limit keeps room for.
 *
 * Threads: any. Locks: none; the disk is asked at most once a second or so.
 */
#ifndef CG_HTTP_ROOM_H
#define CG_HTTP_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct http_server;

/* In the server, all zero at its start. */
struct room {
    _Atomic int64_t free_bytes;
    _Atomic int64_t used_bytes;    /* of files, as counted last; 0 = not yet */
    _Atomic int64_t asked_mono_ms; /* 0 = not yet */
};

/* Free bytes where files are kept, at most a second old; -1 = nobody knows. */
int64_t room_free_bytes(struct http_server *s);
/* Whether files take more than they may. */
bool room_is_used_up(struct http_server *s);
/* INSUFFICIENT_STORAGE, with a sentence, when less is free than storage_min_free_mb, or files take more than
 * storage_max_mb. */
enum errc room_check(struct http_server *s, struct err *e) MUST_CHECK;
/* Whether there is so much left that what can be made again may be kept: it alone never makes the room short. */
bool room_is_ample(struct http_server *s);

#endif
