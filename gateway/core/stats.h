/* stats.h - how jobs fared: how many ended how, how long they waited and ran; of all, of each template, of each backend.
 *
 * Waiting is from the submission to the start of the attempt that ran last, of jobs that were started; running is from
 * there to the end, of jobs that succeeded, for those that fail at once would flatter. A percentile is a time that a job had
 * (nearest rank).
 *
 * Pure: no clock, no I/O. One thread.
 */
#ifndef CG_CORE_STATS_H
#define CG_CORE_STATS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/json_out.h"
#include "core/job.h"

/* The most jobs that one stats holds: some 10 ms and 1 MB. */
#define STATS_JOBS_MAX 20000

/* Borrowed. */
struct ended_job {
    enum job_status status;
    const char *template_name; /* NULL = a raw workflow */
    const char *backend;       /* NULL = none had it */
    int64_t created_at;
    int64_t started_at; /* 0 = it never was */
    int64_t completed_at;
};

struct stats;

struct stats *stats_new(void) MUST_CHECK;
void stats_free(struct stats *s); /* NULL is fine */
/* At most STATS_JOBS_MAX times; the rest is passed over. */
void stats_add(struct stats *s, const struct ended_job *job);
/* When the earliest of those that were added ended; 0 = none was. */
int64_t stats_since(const struct stats *s);
/* Writes the members ended, queue_ms, run_ms, templates, backends of an object that is open. */
void stats_json(struct json_out *o, struct stats *s);

#endif
