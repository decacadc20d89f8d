/* new_job.h - from a submission that has been read to the answer: what POST /v1/jobs and
 * POST /v1/jobs/{id}/retry have in common.
 *
 * A job from a template is bound here: its input is checked, its references become files, its graph
 * is made. Where that takes long (an input that brings or names content from outside) it is done on a
 * helper thread.
 */
#ifndef CG_HTTP_NEW_JOB_H
#define CG_HTTP_NEW_JOB_H

#include <microhttpd.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/submit.h"

struct request;

/* INVALID_PARAMETER when the request has an Idempotency-Key that is none. */
enum errc new_job_check_header(struct request *r, struct err *e) MUST_CHECK;
/* Takes the contents of `job`, whose document borrows r->body or *text; takes the contents of text, too
 * (NULL = there is none). Answers after the commit, or, when the client prefers to wait,
 * after the job's end; a dry run at once. `kind` tells requests apart that share an Idempotency-Key. */
enum MHD_Result new_job_run(struct request *r, struct submission *job, struct buf *text,
                            const char *kind);

#endif
