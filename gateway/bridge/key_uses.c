/* key_uses.c - see key_uses.h. A list that is searched from its begin: a key is noted once a second at most, and there are not
 * many.
 */
#include "bridge/key_uses.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* Of more keys than this, those whose use was written are forgotten. */
#define USES_MAX 4096

struct note {
    struct key_use use;
    bool is_new; /* not taken yet */
};

struct key_uses {
    pthread_mutex_t lock; /* over what follows */
    size_t count;
    struct note note[USES_MAX];
};

struct key_uses *key_uses_new(void)
{
    struct key_uses *u = xcalloc(1, sizeof *u);

    (void)pthread_mutex_init(&u->lock, NULL);
    return u;
}

void key_uses_free(struct key_uses *u)
{
    if (u != NULL) {
        (void)pthread_mutex_destroy(&u->lock);
        free(u);
    }
}

/* Under the lock, like what follows. */
static struct note *find(struct key_uses *u, struct id key)
{
    for (size_t i = 0; i < u->count; i++) {
        if (id_eq(u->note[i].use.key, key)) {
            return &u->note[i];
        }
    }
    return NULL;
}

static void forget_written(struct key_uses *u)
{
    size_t kept = 0;

    for (size_t i = 0; i < u->count; i++) {
        if (u->note[i].is_new) {
            u->note[kept++] = u->note[i];
        }
    }
    u->count = kept;
}

void key_uses_note(struct key_uses *u, struct id key, int64_t wall_ms)
{
    struct note *note = NULL;

    (void)pthread_mutex_lock(&u->lock);
    note = find(u, key);
    if (note == NULL && u->count == USES_MAX) {
        forget_written(u);
    }
    if (note == NULL && u->count < USES_MAX) {
        note = &u->note[u->count++];
        *note = (struct note){.use.key = key};
    }
    if (note != NULL && note->use.at < wall_ms) {
        note->use.at = wall_ms;
        note->is_new = true;
    }
    (void)pthread_mutex_unlock(&u->lock);
}

int64_t key_uses_last(struct key_uses *u, struct id key)
{
    const struct note *note = NULL;
    int64_t at = 0;

    (void)pthread_mutex_lock(&u->lock);
    note = find(u, key);
    at = note != NULL ? note->use.at : 0;
    (void)pthread_mutex_unlock(&u->lock);
    return at;
}

size_t key_uses_take(struct key_uses *u, struct key_use *out, size_t max)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < u->count && count < max; i++) {
        if (u->note[i].is_new) {
            u->note[i].is_new = false;
            out[count++] = u->note[i].use;
        }
    }
    (void)pthread_mutex_unlock(&u->lock);
    return count;
}
