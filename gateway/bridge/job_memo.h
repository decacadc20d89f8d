/* job_memo.h - what lets "nothing has changed", and what was asked for a moment ago, be answered without asking the store.
 *
 * Two counts, of what lists of jobs show (views) and of what the store holds of jobs and outputs
 * (rows): as long as a count stays, a list that was made after it was read is as it was. And the
 * versions of jobs that were looked up in the store lately and have not changed since, with the
 * answers that were made of them.
 *
 * Threads: functions marked ON_ENGINE on the engine, the rest anywhere. Locks: one, inside.
 */
#ifndef CG_BRIDGE_JOB_MEMO_H
#define CG_BRIDGE_JOB_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "core/job_json.h"

struct job_memo;

struct job_memo *job_memo_new(void) MUST_CHECK;
void job_memo_free(struct job_memo *m); /* NULL is fine */

struct memo_counts {
    int64_t views; /* grows with all that can be seen: rows, progress, places */
    int64_t rows;
};
struct memo_counts job_memo_counts(struct job_memo *m);

/* Notes a version that was read from the store; `since` are the counts before the read. When anything has changed
 * meanwhile it is not noted. */
void job_memo_put(struct job_memo *m, struct id job, int64_t version, struct memo_counts since);
/* False when it is not known. */
bool job_memo_get(struct job_memo *m, struct id job, int64_t *version) MUST_CHECK;

/* A job as it is answered under its entity tag. */
struct memo_answer {
    struct bytes *json;
    char etag[JOB_ETAG_SIZE];
    bool has_ended;
};
/* Keeps an answer, of which it takes a reference, beside the version that was noted; a large one, or one too many, it does not. It
 * may be given until then. */
void job_memo_keep(struct job_memo *m, struct id job, const struct memo_answer *answer,
                   int64_t until_mono_ms);
/* The answer that holds for a job at this place in the queue (0 = none). The caller gets a reference. */
bool job_memo_answer(struct job_memo *m, struct id job, int64_t position, int64_t mono_ms,
                     struct memo_answer *out) MUST_CHECK;

/* The row of a job has changed, come or gone. After the commit, and after the hub shows it. */
void job_memo_changed(struct job_memo *m, struct id job) ON_ENGINE;
/* What is shown has changed, and no row. */
void job_memo_moved(struct job_memo *m) ON_ENGINE;

#endif
