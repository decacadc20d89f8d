/* hub.c - topics and the requests that wait for them.
 *
 * A topic exists while it holds an answer or somebody waits for it. Whoever
 * must be woken is taken off all lists under the lock (is_parked = false) and
 * called after it is released; between the two the waiter belongs to the
 * thread that took it, which is why hub_unwait leaves it alone.
 */
#include "bridge/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bridge/hub_parts.h"

#define ENDED_MAX 1024 /* answers of ended jobs that are kept */
void hub_lock(struct hub *h)
{
    (void)pthread_mutex_lock(&h->lock);
}

void hub_unlock(struct hub *h)
{
    (void)pthread_mutex_unlock(&h->lock);
}

struct hub *hub_new(int64_t max_waiters, int64_t head_start)
{
    struct hub *h = xcalloc(1, sizeof *h);

    h->max_waiters = max_waiters;
    h->memo = job_memo_new();
    (void)pthread_mutex_init(&h->lock, NULL);
    h->topics = map_new();
    list_init(&h->waited);
    list_init(&h->ended);
    wheel_init(&h->wheel);
    h->queue = queue_new(head_start);
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

void hub_tidy_topic(struct hub *h, struct topic *t)
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
        hub_tidy_topic(h, oldest);
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
            hub_tidy_topic(h, t);
        }
    }
}

/* Moves those of the topic who wait for what happened to `woken`. The topic stays. */
void hub_collect(struct hub *h, struct topic *t, bool has_ended, struct list *woken)
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
void hub_wake_all(struct list *woken)
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

    hub_lock(h);
    w->is_parked = false;
    is_room = !h->is_closed && h->waiter_count < h->max_waiters;
    if (is_room) {
        park(h, w);
    }
    hub_unlock(h);
    return is_room;
}

bool hub_unwait(struct hub *h, struct waiter *w)
{
    bool was_parked = false;

    hub_lock(h);
    was_parked = w->is_parked;
    if (was_parked) {
        unpark(h, w, map_get(h->topics, w->job.text), true);
    }
    hub_unlock(h);
    return was_parked;
}

int64_t hub_waiters(struct hub *h)
{
    int64_t count = 0;

    hub_lock(h);
    count = h->waiter_count;
    hub_unlock(h);
    return count;
}

void hub_expire(struct hub *h, int64_t mono_ms)
{
    struct list due;
    struct list woken;

    list_init(&due);
    list_init(&woken);
    hub_lock(h);
    wheel_expire(&h->wheel, mono_ms, &due);
    list_each(node, next, &due) {
        struct waiter *w =
            container_of(container_of(node, struct wheel_entry, node), struct waiter, deadline);

        unpark(h, w, map_get(h->topics, w->job.text), true);
        list_push(&woken, &w->in_topic);
    }
    hub_unlock(h);
    hub_wake_all(&woken);
}

void hub_close(struct hub *h)
{
    struct list woken;

    list_init(&woken);
    hub_lock(h);
    h->is_closed = true;
    list_each(node, next, &h->waited) {
        struct topic *t = container_of(node, struct topic, in_waited);

        hub_collect(h, t, true, &woken);
        hub_tidy_topic(h, t);
    }
    hub_unlock(h);
    hub_wake_all(&woken);
}

bool hub_is_closed(struct hub *h)
{
    bool is_closed = false;

    hub_lock(h);
    is_closed = h->is_closed;
    hub_unlock(h);
    return is_closed;
}

/* ---- what is true now ------------------------------------------------------------------------ */

bool hub_peek(struct hub *h, struct id job, struct hub_view *out)
{
    struct topic *t = NULL;
    bool is_held = false;

    hub_lock(h);
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
    hub_unlock(h);
    return is_held;
}

int64_t hub_position(struct hub *h, struct id job)
{
    int64_t position = 0;

    hub_lock(h);
    position = queue_position(h->queue, job);
    hub_unlock(h);
    return position;
}

int64_t hub_queue_length(struct hub *h)
{
    int64_t length = 0;

    hub_lock(h);
    length = (int64_t)queue_count(h->queue);
    hub_unlock(h);
    return length;
}

struct bytes *hub_preview(struct hub *h, struct id job, const char **mime, int64_t *seq)
{
    struct topic *t = NULL;
    struct bytes *image = NULL;

    hub_lock(h);
    t = map_get(h->topics, job.text);
    if (t != NULL && t->preview != NULL) {
        image = bytes_ref(t->preview);
        *mime = t->preview_mime;
        *seq = t->preview_seq;
    }
    hub_unlock(h);
    return image;
}

struct bytes *hub_backends(struct hub *h, struct backend_counts *counts)
{
    struct bytes *json = NULL;

    hub_lock(h);
    json = bytes_ref(h->backends);
    *counts = h->backend_counts;
    hub_unlock(h);
    return json;
}

struct node_info *hub_nodes(struct hub *h, size_t backend)
{
    struct node_info *nodes = NULL;

    hub_lock(h);
    if (backend < h->nodes_count) {
        nodes = node_info_ref(h->nodes[backend]);
    }
    hub_unlock(h);
    return nodes;
}

int64_t hub_nodes_generation(struct hub *h)
{
    int64_t generation = 0;

    hub_lock(h);
    generation = h->nodes_generation;
    hub_unlock(h);
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
    hub_lock(h);
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
    hub_collect(h, t, has_ended, &woken);
    if (has_ended) {
        touch_ended(h, t);
    }
    hub_unlock(h);
    if (has_ended) {
        job_memo_changed(h->memo, job);
    } else {
        job_memo_moved(h->memo); /* while it is held, its version is known from here */
    }
    hub_wake_all(&woken);
}

void hub_touch(struct hub *h, struct id job, bool has_ended)
{
    struct list woken;
    struct topic *t = NULL;

    list_init(&woken);
    hub_lock(h);
    t = map_get(h->topics, job.text);
    if (t != NULL) {
        drop_answer(h, t);
        hub_collect(h, t, has_ended, &woken);
        hub_tidy_topic(h, t);
    }
    hub_unlock(h);
    job_memo_changed(h->memo, job);
    hub_wake_all(&woken);
}

void hub_set_preview(struct hub *h, struct id job, struct bytes *image, const char *mime,
                     int64_t seq)
{
    struct topic *t = NULL;

    hub_lock(h);
    t = topic_get(h, job);
    bytes_unref(t->preview);
    t->preview = image;
    t->preview_mime = mime;
    t->preview_seq = seq;
    hub_unlock(h);
}

void hub_set_backends(struct hub *h, struct bytes *json, const struct backend_counts *counts)
{
    hub_lock(h);
    bytes_unref(h->backends);
    h->backends = json;
    h->backend_counts = *counts;
    hub_unlock(h);
}

void hub_set_nodes(struct hub *h, size_t backend, struct node_info *nodes)
{
    struct node_info *before = NULL;

    hub_lock(h);
    if (backend >= h->nodes_count) {
        h->nodes = xrealloc(h->nodes, (backend + 1) * sizeof(struct node_info *));
        while (h->nodes_count <= backend) {
            h->nodes[h->nodes_count++] = NULL;
        }
    }
    before = h->nodes[backend];
    h->nodes[backend] = nodes;
    h->nodes_generation++;
    hub_unlock(h);
    node_info_unref(before); /* thousands of pieces to free: nobody shall wait for that */
}
