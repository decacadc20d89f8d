/* template_job.h - fills in a job from its template: the graph, the input with its defaults, the seed.
 *
 * Threads: any that may use its struct input_files.
 */
#ifndef CG_HTTP_TEMPLATE_JOB_H
#define CG_HTTP_TEMPLATE_JOB_H

#include "base/attr.h"
#include "base/err.h"
#include "core/submit.h"
#include "http/input_files.h"

struct request;

/* Binds job->input to the template that job->row names. UNKNOWN_TEMPLATE; VALIDATION_ERROR or, when that
 * is all, MISSING_ASSET and URL_NOT_ALLOWED with items below /input; TEMPLATE_UNAVAILABLE with the reasons,
 * after everything else; or what keeps a reference from being resolved now. */
enum errc template_job_bind(struct request *r, struct submission *job, struct input_files *files,
                            struct err *e) MUST_CHECK;

#endif
