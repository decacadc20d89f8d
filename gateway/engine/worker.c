#include "engine/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

struct worker {
    struct loop *loop;
    pthread_t *thread;
    size_t thread_count;

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t more;
    struct list waiting;
    struct list finished;
    bool is_ending;

    bool is_joined; /* the engine's: the threads have ended */
};

/* The oldest work, waiting for it; NULL when all is done and no more will come. Under the lock. */
static struct work *next_work(struct worker *w)
{
    struct list *node = NULL;

    while ((node = list_shift(&w->waiting)) == NULL) {
        if (w->is_ending) {
            return NULL;
        }
        (void)pthread_cond_wait(&w->more, &w->lock);
    }
    return container_of(node, struct work, node);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct work *work = NULL;

    (void)pthread_mutex_lock(&w->lock);
    while ((work = next_work(w)) != NULL) {
        (void)pthread_mutex_unlock(&w->lock);
        work->run(work);
        (void)pthread_mutex_lock(&w->lock);
        list_push(&w->finished, &work->node);
        loop_wake(w->loop);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct worker *worker_new(struct loop *loop, size_t threads)
{
    struct worker *w = xcalloc(1, sizeof *w);
    sigset_t all;
    sigset_t before;
    int rc = 0;

    w->loop = loop;
    w->thread = xcalloc(threads, sizeof *w->thread);
    list_init(&w->waiting);
    list_init(&w->finished);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->more, NULL);
    /* Signals are main's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (w->thread_count < threads && rc == 0) {
        rc = pthread_create(&w->thread[w->thread_count], NULL, worker_main, w);
        w->thread_count += rc == 0 ? 1 : 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* No room for one thread at the start is no room to run at all. */
    return require_memory(w->thread_count > 0 ? w : NULL);
}

void worker_finish(struct worker *w)
{
    if (w->is_joined) {
        return;
    }
    (void)pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    (void)pthread_cond_broadcast(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->thread_count; i++) {
        (void)pthread_join(w->thread[i], NULL);
    }
    w->is_joined = true;
}

void worker_free(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    worker_finish(w);
    (void)pthread_cond_destroy(&w->more);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->thread);
    free(w);
}

void worker_add(struct worker *w, struct work *work)
{
    (void)pthread_mutex_lock(&w->lock);
    list_push(&w->waiting, &work->node);
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
}

void worker_collect(struct worker *w)
{
    struct list finished;
    struct list *node = NULL;

    list_init(&finished);
    (void)pthread_mutex_lock(&w->lock);
    list_move_all(&finished, &w->finished);
    (void)pthread_mutex_unlock(&w->lock);
    while ((node = list_shift(&finished)) != NULL) {
        struct work *work = container_of(node, struct work, node);

        work->done(work);
    }
}
