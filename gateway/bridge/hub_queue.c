/* hub_queue.c - places in the queue, and those who wait for a change of theirs.
 *
 * A change at place p moves the jobs at p and behind, so the lowest p since the last settling says who may
 * have moved.
 */
#include "bridge/hub_parts.h"

static void note_move(struct hub *h, int64_t position)
{
    if (position > 0 && position < h->moved_from) {
        h->moved_from = position;
    }
}

void hub_queue_put(struct hub *h, struct id job, int priority, int64_t start, bool is_inside)
{
    int64_t before = 0;
    int64_t after = 0;

    hub_lock(h);
    before = queue_position(h->queue, job);
    queue_put(h->queue, job, priority, start, is_inside);
    after = queue_position(h->queue, job);
    if (before != after) {
        note_move(h, before);
        note_move(h, after);
    }
    hub_unlock(h);
}

bool hub_queue_start(struct hub *h, struct id job, int64_t *start)
{
    bool is_waiting = false;

    hub_lock(h);
    is_waiting = queue_start(h->queue, job, start);
    hub_unlock(h);
    return is_waiting;
}

void hub_queue_remove(struct hub *h, struct id job)
{
    hub_lock(h);
    note_move(h, queue_position(h->queue, job));
    (void)queue_remove(h->queue, job);
    hub_unlock(h);
}

size_t hub_queue_next(struct hub *h, size_t skip, struct id *out, size_t max)
{
    size_t count = 0;
    int64_t first = 0;
    bool is_inside = false;

    hub_lock(h);
    first = queue_first_waiting(h->queue) + (int64_t)skip;
    while (count < max && queue_at(h->queue, first + (int64_t)count, &out[count], &is_inside)) {
        count++;
    }
    hub_unlock(h);
    return count;
}

/* Those whose job moved, found from the shorter side: the jobs that moved, or those waited for. */
static void collect_moved(struct hub *h, struct list *woken)
{
    int64_t moved = (int64_t)queue_count(h->queue) - h->moved_from + 1;
    struct id job = ID_NONE;
    bool is_inside = false;

    if (moved < (int64_t)h->waited_count) {
        for (int64_t at = h->moved_from; queue_at(h->queue, at, &job, &is_inside); at++) {
            struct topic *t = map_get(h->topics, job.text);

            if (t != NULL) {
                hub_collect(h, t, false, woken);
                hub_tidy_topic(h, t);
            }
        }
        return;
    }
    list_each(node, next, &h->waited) {
        struct topic *t = container_of(node, struct topic, in_waited);

        if (queue_position(h->queue, t->job) >= h->moved_from) {
            hub_collect(h, t, false, woken);
            hub_tidy_topic(h, t);
        }
    }
}

bool hub_queue_settle(struct hub *h)
{
    struct list woken;
    bool has_moved = false;

    list_init(&woken);
    hub_lock(h);
    has_moved = h->moved_from != NOT_MOVED;
    if (has_moved) {
        collect_moved(h, &woken);
        h->moved_from = NOT_MOVED;
    }
    hub_unlock(h);
    if (has_moved) {
        job_memo_moved(h->memo);
    }
    hub_wake_all(&woken);
    return has_moved;
}
