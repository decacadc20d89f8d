/* job_memo.c - see job_memo.h. The versions are kept in a ring: the one noted longest ago goes first.
 */
#include "bridge/job_memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define NOTES_MAX  8192
#define ANSWER_MAX ((size_t)16 * 1024)
#define KEPT_MAX   ((size_t)16 * 1024 * 1024)

struct note {
    struct id job; /* none = empty */
    int64_t version;
    struct memo_answer answer; /* its json may be NULL */
    int64_t until_mono_ms;
};

struct job_memo {
    pthread_mutex_t lock; /* over what follows */
    struct memo_counts counts;
    struct map *by_job; /* job id -> struct note */
    size_t next;
    size_t kept; /* bytes of all answers */
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
    for (size_t i = 0; i < NOTES_MAX; i++) {
        bytes_unref(m->note[i].answer.json);
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

/* Under the lock, like the next. */
static void drop_answer(struct job_memo *m, struct note *note)
{
    m->kept -= bytes_span(note->answer.json).len;
    bytes_unref(note->answer.json);
    note->answer.json = NULL;
}

static void forget(struct job_memo *m, struct note *note)
{
    if (note != NULL && !id_is_none(note->job)) {
        (void)map_remove(m->by_job, note->job.text);
        drop_answer(m, note);
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

void job_memo_keep(struct job_memo *m, struct id job, const struct memo_answer *answer,
                   int64_t until_mono_ms)
{
    size_t len = bytes_span(answer->json).len;
    struct note *note = NULL;

    (void)pthread_mutex_lock(&m->lock);
    note = map_get(m->by_job, job.text);
    if (note != NULL) {
        drop_answer(m, note);
    }
    if (note != NULL && len <= ANSWER_MAX && m->kept + len <= KEPT_MAX) {
        note->answer = *answer;
        note->answer.json = bytes_ref(answer->json);
        note->until_mono_ms = until_mono_ms;
        m->kept += len;
    }
    (void)pthread_mutex_unlock(&m->lock);
}

bool job_memo_answer(struct job_memo *m, struct id job, int64_t position, int64_t mono_ms,
                     struct memo_answer *out)
{
    const struct note *note = NULL;
    char etag[JOB_ETAG_SIZE];
    bool is_there = false;

    (void)pthread_mutex_lock(&m->lock);
    note = map_get(m->by_job, job.text);
    if (note != NULL && note->answer.json != NULL && mono_ms < note->until_mono_ms) {
        job_etag(note->version, position, etag);
        is_there = strcmp(etag, note->answer.etag) == 0;
    }
    if (is_there) {
        *out = note->answer;
        out->json = bytes_ref(note->answer.json);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return is_there;
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
