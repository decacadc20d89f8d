/* s3_sign.h - links to an object of a bucket that carry their own signature (AWS Signature Version 4, in the query).
 *
 * Who has such a link may GET that one object until it is over, without a key. What the answer calls itself is part
 * of what is signed: nobody can change it. Requests of our own are signed by libcurl, not here.
 *
 * Pure; any thread.
 */
#ifndef CG_STORE_S3_SIGN_H
#define CG_STORE_S3_SIGN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct s3_link {
    const char
        *url; /* of the object: http(s)://host[:port]/path, of characters that need no escape */
    const char *region;
    const char *access_key;
    const char *secret_key;
    int64_t at_ms;            /* wall clock, from when it holds */
    int seconds;              /* for how long; at most a week, says AWS */
    const char *content_type; /* that the answer shall tell; NULL = as the server likes */
    const char *disposition;  /* likewise */
};

/* Adds the link to out, and nothing when out is too small (buf_ok) or url is none. */
void s3_link_write(const struct s3_link *link, struct buf *out);

#endif
