/* job_query.h - the query of GET /v1/jobs, read into a filter; and its cursor. Pure; any thread.
 */
#ifndef CG_HTTP_JOB_QUERY_H
#define CG_HTTP_JOB_QUERY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "http/uri.h"
#include "store/store.h"

#define CURSOR_SIZE 65

/* The filter borrows the uri's texts. INVALID_PARAMETER naming every parameter that is at fault. */
enum errc job_query_parse(const struct uri *uri, struct job_filter *out, struct err *e) MUST_CHECK;

/* A cursor stands for the last id of a page; its text means nothing to clients. */
void cursor_write(struct id last, char out[CURSOR_SIZE]);
bool cursor_parse(const char *text, struct id *out) MUST_CHECK;

/* Appends the address of the next page: the same query with another cursor. */
void job_query_next(const struct uri *uri, const char *cursor, struct buf *out);

#endif
