/* body.h - bodies of operations that have nothing to say. */
#ifndef CG_HTTP_BODY_H
#define CG_HTTP_BODY_H

#include "base/attr.h"
#include "base/err.h"

struct request;

/* No body, or an empty object; each member of another one is an UNKNOWN_FIELD. */
enum errc body_must_be_empty(const struct request *r, struct err *e) MUST_CHECK;

#endif
