/* new_job.h - handing a new job to the engine and answering with it: what POST /v1/jobs and
 * POST /v1/jobs/{id}/retry have in common.
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
/* VALIDATION_ERROR at /backend when the job asks for one that is not set up. */
enum errc new_job_check_backend(struct request *r, const struct job_row *row, struct err *e)
    MUST_CHECK;
/* Takes the contents of `job` and answers, after the commit, or, when the client prefers to
 * wait, after the job's end. `kind` tells requests apart that share an Idempotency-Key. */
enum MHD_Result new_job_push(struct request *r, struct submission *job, const char *kind);

#endif
