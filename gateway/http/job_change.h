/* job_change.h - the end of every operation that changes one job: its new state, or why not. */
#ifndef CG_HTTP_JOB_CHANGE_H
#define CG_HTTP_JOB_CHANGE_H

#include <microhttpd.h>
#include <stdbool.h>

struct request;

/* After request_push: answers with the error of r->cmd, or with the job as it is now, 200 when it has
 * ended or `is_ok_open`, else 202. */
enum MHD_Result job_change_answer(struct request *r, bool is_ok_open);

#endif
