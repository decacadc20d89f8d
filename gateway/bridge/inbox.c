#include "bridge/inbox.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct inbox {
    size_t max;
    void (*wake)(void *arg);
    void *arg;

    pthread_mutex_t lock; /* over what follows */
    struct list commands;
    size_t count;
    bool is_closed;
};

struct inbox *inbox_new(size_t max, void (*wake)(void *arg), void *arg)
{
    struct inbox *b = xcalloc(1, sizeof *b);

    b->max = max;
    b->wake = wake;
    b->arg = arg;
    (void)pthread_mutex_init(&b->lock, NULL);
    list_init(&b->commands);
    return b;
}

void inbox_free(struct inbox *b)
{
    if (b == NULL) {
        return;
    }
    bug_if(!list_empty(&b->commands));
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

bool inbox_push(struct inbox *b, struct cmd *c)
{
    bool is_taken = false;
    bool is_first = false;

    (void)pthread_mutex_lock(&b->lock);
    if (!b->is_closed && b->count < b->max) {
        list_push(&b->commands, &c->node);
        is_first = b->count++ == 0;
        is_taken = true;
    }
    (void)pthread_mutex_unlock(&b->lock);

    /* From here on c may be gone: the engine may have answered already. */
    if (is_first) {
        b->wake(b->arg);
    }
    return is_taken;
}

size_t inbox_take(struct inbox *b, struct list *out, size_t max)
{
    size_t taken = 0;

    (void)pthread_mutex_lock(&b->lock);
    while (taken < max && !list_empty(&b->commands)) {
        list_push(out, list_shift(&b->commands));
        taken++;
    }
    b->count -= taken;
    (void)pthread_mutex_unlock(&b->lock);
    return taken;
}

bool inbox_is_empty(struct inbox *b)
{
    bool is_empty = false;

    (void)pthread_mutex_lock(&b->lock);
    is_empty = list_empty(&b->commands);
    (void)pthread_mutex_unlock(&b->lock);
    return is_empty;
}

void inbox_close(struct inbox *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->is_closed = true;
    (void)pthread_mutex_unlock(&b->lock);
}

bool inbox_is_closed(struct inbox *b)
{
    bool is_closed = false;

    (void)pthread_mutex_lock(&b->lock);
    is_closed = b->is_closed;
    (void)pthread_mutex_unlock(&b->lock);
    return is_closed;
}
