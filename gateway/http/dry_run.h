/* dry_run.h - the answer to a submission that shall not run. */
#ifndef CG_HTTP_DRY_RUN_H
#define CG_HTTP_DRY_RUN_H

#include <microhttpd.h>

#include "base/err.h"
#include "core/submit.h"

struct request;

/* What would be sent (null when no graph can be made), what it takes and what would keep it from
 * running. Nothing is stored. */
enum MHD_Result dry_run_answer(struct request *r, const struct submission *job,
                               const struct err *problems);

#endif
