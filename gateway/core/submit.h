/* submit.h - the body of POST /v1/jobs and PATCH /v1/jobs/{id}, checked. Pure; any thread.
 */
#ifndef CG_CORE_SUBMIT_H
#define CG_CORE_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/job.h"

struct submit_limits {
    struct json_limits json;
    size_t graph_nodes;
    int default_max_attempts;
};

struct submission {
    struct job_row row; /* id made, all that the body says filled in; times from `now` */
    struct buf
        graph; /* the bytes of the `workflow` member exactly as written; of a template nothing
                           yet */
    struct json_doc *doc; /* of a template: the body, which must outlive it */
    json_ref input;       /* of a template: `input`; JSON_NONE = {} */
    bool has_max_attempts;
    bool is_dry_run;
};

/* Reads a submission: a `workflow`, or a `template` (a name) with an `input` (an object, not looked into
 * here). All faults that can be told at once are told at once (up to 32 items with
 * pointers): unknown members, wrong types, ranges, a workflow that is none. `now` is wall clock ms.
 * The submission is the caller's, to be cleared, also on failure. Other members: title
 * (1..200 characters), tags (up to 32 distinct strings of 1..64 bytes), metadata (up to 32 keys of 1..64 and
 * values of up to 1024 bytes, strings), priority -100..100, deadline_seconds 1..604800, timeout_seconds 1..604800,
 * max_attempts 1..5, backend (string 1..64), parent_id (an id), webhook (webhook.h), dry_run (boolean). */
enum errc submission_parse(struct span body, const struct submit_limits *limits, int64_t now,
                           struct submission *out, struct err *e) MUST_CHECK;
void submission_clear(struct submission *s);

/* A PATCH: what is absent stays. */
struct job_patch {
    bool has_title; /* title NULL = remove */
    char *title;
    bool has_tags;
    char *tags_json;
    bool has_metadata;
    char *metadata_patch_json; /* merge patch: null removes a key */
    bool has_starred;
    bool is_starred;
    bool has_priority;
    int priority;
};
enum errc job_patch_parse(struct span body, struct json_limits limits, struct job_patch *out,
                          struct err *e) MUST_CHECK;
/* Applies the patch to row; VALIDATION_ERROR when metadata would grow past its limits,
 * JOB_NOT_WAITING when the priority would be another and the job has been given to a ComfyUI, or has
 * ended. Then nothing of it is applied. *changed tells whether anything differs. The version is not touched. */
enum errc job_patch_apply(const struct job_patch *patch, struct job_row *row, bool *changed,
                          struct err *e) MUST_CHECK;
void job_patch_clear(struct job_patch *p);

/* A job like `from` with a new id, attempt 0, parent_id = from->id (POST …/retry). */
void job_retry_row(const struct job_row *from, int64_t now, struct job_row *out);

#endif
