/* job_query.h - the query of GET /v1/jobs, read into a filter. Pure; any thread.
 */
#ifndef CG_HTTP_JOB_QUERY_H
#define CG_HTTP_JOB_QUERY_H

#include "base/attr.h"
#include "base/err.h"
#include "http/uri.h"
#include "store/store.h"

/* The filter borrows the uri's texts. INVALID_PARAMETER naming every parameter that is at fault. */
enum errc job_query_parse(const struct uri *uri, struct job_filter *out, struct err *e) MUST_CHECK;
/* Only the metadata.<key> parameters. */
void job_query_metadata(const struct uri *uri, struct job_filter *out, struct err *e);

#endif
