/* hub.c - topics and the requests that wait for them.
 *
 * A topic exists while it holds an answer or somebody waits for it. Whoever
 * must be woken is taken off all lists under the lock (is_parked = false) and
 * called after it is released; between the two the waiter belongs to the
 * thread that took it, which is why hub_unwait leaves it alone.
 *
 * Places in the queue: a change at place p moves the jobs at p and behind, so
 * the lowest p since the last settling says who may have moved.
 */
#include "bridge/hub.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "core/queue.h"

#define ENDED_MAX 1024 /* answers of ended jobs that are kept */
#define NOT_MOVED INT64_MAX

struct topic {
    struct id job;
    struct list waiters;   /* waiter.in_topic */
    struct list in_waited; /* hub.waited, while there are waiters */
    struct list in_ended;  /* hub.ended, while it holds the answer of an ended job */
    struct bytes *json;    /* NULL = ask the store */
    char etag[JOB_ETAG_SIZE];
    bool has_ended;
    struct bytes *preview;
    const char *preview_mime;
    int64_t preview_seq;
};

struct hub {
    int64_t max_waiters;
    struct job_memo *memo;

    pthread_mutex_t lock; /* over what follows */
    struct map *topics;   /* job id -> struct topic */
    struct list waited;   /* topics with waiters */
    struct list ended;    /* topics of ended jobs, the one looked at last at the end */
    size_t waited_count;
    size_t ended_count;
    struct wheel wheel; /* waiter.deadline */
    int64_t waiter_count;
    bool is_closed;

    struct queue *queue;
    int64_t moved_from;

    struct bytes *backends;
    struct backend_counts backend_counts;

    struct node_info **nodes; /* of each backend; NULL = it has told nothing */
    size_t nodes_count;
    int64_t nodes_generation;
};

static void lock(struct hub *h)
{
    (void)pthread_mutex_lock(&h->lock);
}

static void unlock(struct hub *h)
{
    (void)pthread_mutex_unlock(&h->lock);
}

struct hub *hub_new(int64_t max_waiters)
{
    struct hub *h = xcalloc(1, sizeof *h);

    h->max_waiters = max_waiters;
    h->memo = job_memo_new();
    (void)pthread_mutex_init(&h->lock, NULL);
    h->topics = map_new();
    list_init(&h->waited);
    list_init(&h->ended);
    wheel_init(&h->wheel);
    h->queue = queue_new();
    h->moved_from = NOT_MOVED;
    return h;
}

/* ---- topics; all under the lock -------------------------------------------------------------- */

static struct topic *topic_get(struct hub *h, struct id job)
{
    struct topic *t = map_get(h->topics, job.text);

    if (t == NULL) {
        t = xcalloc(1, sizeof *t);
        t->job = job;
        list_init(&t->waiters);
        list_init(&t->in_waited);
        list_init(&t->in_ended);
        map_put(h->topics, job.text, t);
    }
    return t;
}

static void drop_answer(struct hub *h, struct topic *t)
{
    if (!list_empty(&t->in_ended)) {
        list_remove(&t->in_ended);
        h->ended_count--;
    }
    bytes_unref(t->json);
    t->json = NULL;
    bytes_unref(t->preview);
    t->preview = NULL;
    t->has_ended = false;
}

static void topic_free(struct hub *h, struct topic *t)
{
    drop_answer(h, t);
    free(t);
}

static void tidy_topic(struct hub *h, struct topic *t)
{
    if (t->json == NULL && t->preview == NULL && list_empty(&t->waiters)) {
        (void)map_remove(h->topics, t->job.text);
        topic_free(h, t);
    }
}

/* The answer of an ended job was made, or looked at: it is the last one to be forgotten. */
static void touch_ended(struct hub *h, struct topic *t)
{
    if (list_empty(&t->in_ended)) {
        h->ended_count++;
    }
    list_remove(&t->in_ended);
    list_push(&h->ended, &t->in_ended);
    if (h->ended_count > ENDED_MAX) {
        struct topic *oldest = container_of(h->ended.next, struct topic, in_ended);

        drop_answer(h, oldest);
        tidy_topic(h, oldest);
    }
}

static void free_one(void *arg, const char *key, void *value)
{
    struct hub *h = arg;

    (void)map_remove(h->topics, key);
    topic_free(h, value);
}

void hub_free(struct hub *h)
{
    if (h == NULL) {
        return;
    }
    bug_if(h->waiter_count > 0);
    map_each(h->topics, free_one, h);
    map_free(h->topics);
    queue_free(h->queue);
    job_memo_free(h->memo);
    bytes_unref(h->backends);
    for (size_t i = 0; i < h->nodes_count; i++) {
        node_info_unref(h->nodes[i]);
    }
    free(h->nodes);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

/* ---- waiters; all under the lock except wake_all --------------------------------------------- */

static void park(struct hub *h, struct waiter *w)
{
    struct topic *t = topic_get(h, w->job);

    if (list_empty(&t->waiters)) {
        list_push(&h->waited, &t->in_waited);
        h->waited_count++;
    }
    list_push(&t->waiters, &w->in_topic);
    w->deadline.deadline_mono_ms = w->deadline_mono_ms;
    wheel_add(&h->wheel, &w->deadline);
    w->is_parked = true;
    h->waiter_count++;
}

/* May free the topic when `is_tidy`. */
static void unpark(struct hub *h, struct waiter *w, struct topic *t, bool is_tidy)
{
    list_remove(&w->in_topic);
    list_remove(&w->deadline.node);
    w->is_parked = false;
    h->waiter_count--;
    if (list_empty(&t->waiters)) {
        list_remove(&t->in_waited);
        h->waited_count--;
        if (is_tidy) {
            tidy_topic(h, t);
        }
    }
}

/* Moves those of the topic who wait for what happened to `woken`. The topic stays. */
static void collect(struct hub *h, struct topic *t, bool has_ended, struct list *woken)
{
    list_each(node, next, &t->waiters) {
        struct waiter *w = container_of(node, struct waiter, in_topic);

        if (has_ended || w->want == WANT_CHANGE) {
            unpark(h, w, t, false);
            list_push(woken, &w->in_topic);
        }
    }
}

/* After the lock is released. A waiter may be gone, or parked again, once it is called. */
static void wake_all(struct list *woken)
{
    struct list *node = NULL;

    while ((node = list_shift(woken)) != NULL) {
        struct waiter *w = container_of(node, struct waiter, in_topic);

        w->wake(w);
    }
}

bool hub_wait(struct hub *h, struct waiter *w)
{
    bool is_room = false;

    lock(h);
    w->is_parked = false;
    is_room = !h->is_closed && h->waiter_count < h->max_waiters;
    if (is_room) {
        park(h, w);
    }
    unlock(h);
    return is_room;
}

bool hub_unwait(struct hub *h, struct waiter *w)
{
    bool was_parked = false;

    lock(h);
    was_parked = w->is_parked;
    if (was_parked) {
        unpark(h, w, map_get(h->topics, w->job.text), true);
    }
    unlock(h);
    return was_parked;
}

int64_t hub_waiters(struct hub *h)
{
    int64_t count = 0;

    lock(h);
    count = h->waiter_count;
    unlock(h);
    return count;
}

void hub_expire(struct hub *h, int64_t mono_ms)
{
    struct list due;
    struct list woken;

    list_init(&due);
    list_init(&woken);
    lock(h);
    wheel_expire(&h->wheel, mono_ms, &due);
    list_each(node, next, &due) {
        struct waiter *w =
            container_of(container_of(node, struct wheel_entry, node), struct waiter, deadline);

        unpark(h, w, map_get(h->topics, w->job.text), true);
        list_push(&woken, &w->in_topic);
    }
    unlock(h);
    wake_all(&woken);
}

void hub_close(struct hub *h)
{
    struct list woken;

    list_init(&woken);
    lock(h);
    h->is_closed = true;
    list_each(node, next, &h->waited) {
        struct topic *t = container_of(node, struct topic, in_waited);

        collect(h, t, true, &woken);
        tidy_topic(h, t);
    }
    unlock(h);
    wake_all(&woken);
}

bool hub_is_closed(struct hub *h)
{
    bool is_closed = false;

    lock(h);
    is_closed = h->is_closed;
    unlock(h);
    return is_closed;
}

/* ---- what is true now ------------------------------------------------------------------------ */

bool hub_peek(struct hub *h, struct id job, struct hub_view *out)
{
    struct topic *t = NULL;
    bool is_held = false;

    lock(h);
    t = map_get(h->topics, job.text);
    is_held = t != NULL && t->json != NULL;
    if (is_held) {
        out->json = bytes_ref(t->json);
        memcpy(out->etag, t->etag, sizeof out->etag);
        out->has_ended = t->has_ended;
        if (t->has_ended) {
            touch_ended(h, t);
        }
    }
    unlock(h);
    return is_held;
}

int64_t hub_position(struct hub *h, struct id job)
{
    int64_t position = 0;

    lock(h);
    position = queue_position(h->queue, job);
    unlock(h);
    return position;
}

int64_t hub_queue_length(struct hub *h)
{
    int64_t length = 0;

    lock(h);
    length = (int64_t)queue_count(h->queue);
    unlock(h);
    return length;
}

struct bytes *hub_preview(struct hub *h, struct id job, const char **mime, int64_t *seq)
{
    struct topic *t = NULL;
    struct bytes *image = NULL;

    lock(h);
    t = map_get(h->topics, job.text);
    if (t != NULL && t->preview != NULL) {
        image = bytes_ref(t->preview);
        *mime = t->preview_mime;
        *seq = t->preview_seq;
    }
    unlock(h);
    return image;
}

struct bytes *hub_backends(struct hub *h, struct backend_counts *counts)
{
    struct bytes *json = NULL;

    lock(h);
    json = bytes_ref(h->backends);
    *counts = h->backend_counts;
    unlock(h);
    return json;
}

struct node_info *hub_nodes(struct hub *h, size_t backend)
{
    struct node_info *nodes = NULL;

    lock(h);
    if (backend < h->nodes_count) {
        nodes = node_info_ref(h->nodes[backend]);
    }
    unlock(h);
    return nodes;
}

int64_t hub_nodes_generation(struct hub *h)
{
    int64_t generation = 0;

    lock(h);
    generation = h->nodes_generation;
    unlock(h);
    return generation;
}

struct job_memo *hub_memo(struct hub *h)
{
    return h->memo;
}

/* ---- the engine's side ----------------------------------------------------------------------- */

void hub_publish(struct hub *h, struct id job, struct bytes *json, const char *etag, bool has_ended)
{
    struct list woken;
    struct topic *t = NULL;
    size_t etag_len = strnlen(etag, JOB_ETAG_SIZE - 1);

    list_init(&woken);
    lock(h);
    t = topic_get(h, job);
    bytes_unref(t->json);
    t->json = json;
    memset(t->etag, 0, sizeof t->etag);
    memcpy(t->etag, etag, etag_len);
    if (t->has_ended && !has_ended) {
        list_remove(&t->in_ended);
        h->ended_count--;
    }
    t->has_ended = has_ended;
    collect(h, t, has_ended, &woken);
    if (has_ended) {
        touch_ended(h, t);
    }
    unlock(h);
    if (has_ended) {
        job_memo_changed(h->memo, job);
    } else {
        job_memo_moved(h->memo); /* while it is held, its version is known from here */
    }
    wake_all(&woken);
}

void hub_touch(struct hub *h, struct id job, bool has_ended)
{
    struct list woken;
    struct topic *t = NULL;

    list_init(&woken);
    lock(h);
    t = map_get(h->topics, job.text);
    if (t != NULL) {
        drop_answer(h, t);
        collect(h, t, has_ended, &woken);
        tidy_topic(h, t);
    }
    unlock(h);
    job_memo_changed(h->memo, job);
    wake_all(&woken);
}

void hub_set_preview(struct hub *h, struct id job, struct bytes *image, const char *mime,
                     int64_t seq)
{
    struct topic *t = NULL;

    lock(h);
    t = topic_get(h, job);
    bytes_unref(t->preview);
    t->preview = image;
    t->preview_mime = mime;
    t->preview_seq = seq;
    unlock(h);
}

void hub_set_backends(struct hub *h, struct bytes *json, const struct backend_counts *counts)
{
    lock(h);
    bytes_unref(h->backends);
    h->backends = json;
    h->backend_counts = *counts;
    unlock(h);
}

void hub_set_nodes(struct hub *h, size_t backend, struct node_info *nodes)
{
    struct node_info *before = NULL;

    lock(h);
    if (backend >= h->nodes_count) {
        h->nodes = xrealloc(h->nodes, (backend + 1) * sizeof(struct node_info *));
        while (h->nodes_count <= backend) {
            h->nodes[h->nodes_count++] = NULL;
        }
    }
    before = h->nodes[backend];
    h->nodes[backend] = nodes;
    h->nodes_generation++;
    unlock(h);
    node_info_unref(before); /* thousands of pieces to free: nobody shall wait for that */
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void note_move(struct hub *h, int64_t position)
{
    if (position > 0 && position < h->moved_from) {
        h->moved_from = position;
    }
}

void hub_queue_put(struct hub *h, struct id job, int priority, bool is_inside)
{
    int64_t before = 0;
    int64_t after = 0;

    lock(h);
    before = queue_position(h->queue, job);
    queue_put(h->queue, job, priority, is_inside);
    after = queue_position(h->queue, job);
    if (before != after) {
        note_move(h, before);
        note_move(h, after);
    }
    unlock(h);
}

void hub_queue_remove(struct hub *h, struct id job)
{
    lock(h);
    note_move(h, queue_position(h->queue, job));
    (void)queue_remove(h->queue, job);
    unlock(h);
}

size_t hub_queue_next(struct hub *h, size_t skip, struct id *out, size_t max)
{
    size_t count = 0;
    int64_t first = 0;
    bool is_inside = false;

    lock(h);
    first = queue_first_waiting(h->queue) + (int64_t)skip;
    while (count < max && queue_at(h->queue, first + (int64_t)count, &out[count], &is_inside)) {
        count++;
    }
    unlock(h);
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
                collect(h, t, false, woken);
                tidy_topic(h, t);
            }
        }
        return;
    }
    list_each(node, next, &h->waited) {
        struct topic *t = container_of(node, struct topic, in_waited);

        if (queue_position(h->queue, t->job) >= h->moved_from) {
            collect(h, t, false, woken);
            tidy_topic(h, t);
        }
    }
}

bool hub_queue_settle(struct hub *h)
{
    struct list woken;
    bool has_moved = false;

    list_init(&woken);
    lock(h);
    has_moved = h->moved_from != NOT_MOVED;
    if (has_moved) {
        collect_moved(h, &woken);
        h->moved_from = NOT_MOVED;
    }
    unlock(h);
    if (has_moved) {
        job_memo_moved(h->memo);
    }
    wake_all(&woken);
    return has_moved;
}
