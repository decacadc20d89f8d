/* job_memo.c - see job_memo.h. The versions are kept in a ring: the one noted longest ago goes first.
 */
#include "bridge/job_memo.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define NOTES_MAX 8192

struct note {
    struct id job; /* none = empty */
    int64_t version;
};

struct job_memo {
    pthread_mutex_t lock; /* over what follows */
    struct memo_counts counts;
    struct map *by_job; /* job id -> struct note */
    size_t next;
    struct note note[NOTES_MAX];
};

struct job_memo *job_memo_new(void)
{
    struct job_memo *m = xcalloc(1, sizeof *m);

    (void)pthread_mutex_init(&m->lock, NULL);
    m->by_job = map_new();
    return m;
}

void job_memo_free(struct job_memo *m)
{
    if (m == NULL) {
        return;
    }
    map_free(m->by_job);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

struct memo_counts job_memo_counts(struct job_memo *m)
{
    struct memo_counts counts = {0};

    (void)pthread_mutex_lock(&m->lock);
    counts = m->counts;
    (void)pthread_mutex_unlock(&m->lock);
    return counts;
}

/* Under the lock. */
static void forget(struct job_memo *m, struct note *note)
{
    if (note != NULL && !id_is_none(note->job)) {
        (void)map_remove(m->by_job, note->job.text);
        note->job = ID_NONE;
    }
}

void job_memo_put(struct job_memo *m, struct id job, int64_t version, struct memo_counts since)
{
    struct note *note = NULL;

    (void)pthread_mutex_lock(&m->lock);
    note = map_get(m->by_job, job.text);
    if (m->counts.rows == since.rows && note == NULL) {
        note = &m->note[m->next];
        m->next = (m->next + 1) % NOTES_MAX;
        forget(m, note);
        *note = (struct note){.job = job, .version = version};
        map_put(m->by_job, job.text, note);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

bool job_memo_get(struct job_memo *m, struct id job, int64_t *version)
{
    const struct note *note = NULL;

    (void)pthread_mutex_lock(&m->lock);
    note = map_get(m->by_job, job.text);
    if (note != NULL) {
        *version = note->version;
    }
    (void)pthread_mutex_unlock(&m->lock);
    return note != NULL;
}

void job_memo_changed(struct job_memo *m, struct id job)
{
    (void)pthread_mutex_lock(&m->lock);
    m->counts.views++;
    m->counts.rows++;
    forget(m, map_get(m->by_job, job.text));
    (void)pthread_mutex_unlock(&m->lock);
}

void job_memo_moved(struct job_memo *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->counts.views++;
    (void)pthread_mutex_unlock(&m->lock);
}
