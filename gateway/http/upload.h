/* upload.h - a request body that is one file: raw, or the one file of a multipart/form-data form (RFC 7578).
 *
 * It is written to the disk as it comes in; nothing is held in memory. Errors are found as early as
 * the bytes allow. Threads: that of its request.
 */
#ifndef CG_HTTP_UPLOAD_H
#define CG_HTTP_UPLOAD_H

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "http/asset_intake.h"

struct request;
struct upload;

/* Takes a piece of the body; the first one makes r->op an upload. After a failure no more may be given.
 * BAD_REQUEST for a form that is none or has more than one file; else as asset_intake.h says. */
enum errc upload_write(struct request *r, struct span data, struct err *e) MUST_CHECK;
/* At the end of the body. Gives the intake, for the caller to end, and the file's name as the client told
 * it (in the form or as ?name=), borrowed until the request ends, or NULL. VALIDATION_ERROR when no
 * file has come. */
enum errc upload_end(struct request *r, struct asset_intake **out, const char **name, struct err *e)
    MUST_CHECK;

#endif
