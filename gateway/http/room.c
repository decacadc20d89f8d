#include "http/room.h"

#include <inttypes.h>

#include "base/clock.h"
#include "http/internal.h"

#define FRESH_MS 1000

int64_t room_free_bytes(struct http_server *s)
{
    int64_t now = clock_mono_ms();
    int64_t asked = atomic_load(&s->room.asked_mono_ms);

    if (asked == 0 || now - asked >= FRESH_MS) {
        /* The number before its time: who sees the time sees this number, or one that is newer. */
        atomic_store(&s->room.free_bytes, blobs_free_bytes(s->parts.blobs));
        atomic_store(&s->room.asked_mono_ms, now);
    }
    return atomic_load(&s->room.free_bytes);
}

bool room_is_used_up(struct http_server *s)
{
    int64_t max = s->parts.config->storage_max_mb << 20;

    return max > 0 && atomic_load(&s->room.used_bytes) > max;
}

enum errc room_check(struct http_server *s, struct err *e)
{
    int64_t needed = s->parts.config->storage_min_free_mb;
    int64_t free_bytes = 0;

    if (room_is_used_up(s)) {
        return err_set(e, ERR_INSUFFICIENT_STORAGE,
                       "Files take more than the %" PRId64
                       " MiB that they may. Nothing was stored.",
                       s->parts.config->storage_max_mb);
    }
    if (needed == 0) {
        return ERR_NONE;
    }
    free_bytes = room_free_bytes(s);
    if (free_bytes < 0 || free_bytes >> 20 >= needed) {
        return ERR_NONE;
    }
    return err_set(e, ERR_INSUFFICIENT_STORAGE,
                   "The disk has %" PRId64 " MiB left; new work needs at least %" PRId64
                   " MiB. Nothing was stored.",
                   free_bytes >> 20, needed);
}

bool room_is_ample(struct http_server *s)
{
    int64_t needed = s->parts.config->storage_min_free_mb;
    int64_t free_bytes = needed > 0 ? room_free_bytes(s) : -1;

    return (free_bytes < 0 || (free_bytes >> 20) / 2 >= needed) && !room_is_used_up(s);
}
