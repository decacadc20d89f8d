#include "http/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"

struct offload {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct list waiting;
    size_t waiting_count;
    size_t max_waiting;
    bool is_closed;
    size_t thread_count;
    pthread_t thread[];
};

/* NULL when there is none and there will be none. */
static struct offload_work *next_work(struct offload *o)
{
    struct list *node = NULL;

    (void)pthread_mutex_lock(&o->lock);
    while (list_empty(&o->waiting) && !o->is_closed) {
        (void)pthread_cond_wait(&o->moved, &o->lock);
    }
    node = list_shift(&o->waiting);
    o->waiting_count -= node != NULL ? 1 : 0;
    (void)pthread_mutex_unlock(&o->lock);
    return node != NULL ? container_of(node, struct offload_work, node) : NULL;
}

static void *offload_main(void *arg)
{
    struct offload *o = arg;

    for (struct offload_work *w = next_work(o); w != NULL; w = next_work(o)) {
        w->run(w);
    }
    return NULL;
}

struct offload *offload_new(size_t threads, size_t max_waiting)
{
    struct offload *o = xcalloc(1, sizeof *o + threads * sizeof o->thread[0]);
    sigset_t all;
    sigset_t before;

    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->moved, NULL);
    list_init(&o->waiting);
    o->max_waiting = max_waiting;
    /* Signals are main's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (o->thread_count < threads &&
           pthread_create(&o->thread[o->thread_count], NULL, offload_main, o) == 0) {
        o->thread_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (o->thread_count == 0) {
        offload_free(o);
        return NULL;
    }
    return o;
}

void offload_close(struct offload *o)
{
    (void)pthread_mutex_lock(&o->lock);
    o->is_closed = true;
    (void)pthread_cond_broadcast(&o->moved);
    (void)pthread_mutex_unlock(&o->lock);
    for (size_t i = 0; i < o->thread_count; i++) {
        (void)pthread_join(o->thread[i], NULL);
    }
    o->thread_count = 0;
}

void offload_free(struct offload *o)
{
    if (o == NULL) {
        return;
    }
    offload_close(o);
    (void)pthread_cond_destroy(&o->moved);
    (void)pthread_mutex_destroy(&o->lock);
    free(o);
}

bool offload_push(struct offload *o, struct offload_work *w)
{
    bool is_taken;

    (void)pthread_mutex_lock(&o->lock);
    is_taken = !o->is_closed && o->waiting_count < o->max_waiting;
    if (is_taken) {
        list_push(&o->waiting, &w->node);
        o->waiting_count++;
        (void)pthread_cond_signal(&o->moved);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return is_taken;
}
