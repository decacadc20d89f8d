/* reply.h - answers. Each function queues exactly one and returns what the handler must return.
 *
 * Every answer carries X-Request-Id, X-Content-Type-Options: nosniff,
 * Referrer-Policy and Cache-Control (no-store unless said otherwise).
 */
#ifndef CG_HTTP_REPLY_H
#define CG_HTTP_REPLY_H

#include <microhttpd.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct request;

#define JSON_TYPE "application/json"
/* For what has an ETag and may change: kept, but asked for again each time. */
#define CACHE_REVALIDATE "private, no-cache"
/* For bytes that never change. */
#define CACHE_FOR_EVER "private, max-age=31536000, immutable"

/* ---- whole answers ---------------------------------------------------------------------------- */

/* Takes the contents of json. */
enum MHD_Result reply_json(struct request *r, unsigned status, struct buf *json);
/* The same with an ETag made of the bytes: 304 to who has them already. */
enum MHD_Result reply_json_tagged(struct request *r, struct buf *json);
/* The only maker of application/problem+json. Also logs what is our fault. */
enum MHD_Result reply_problem(struct request *r, const struct err *e);
struct MHD_Response *reply_problem_make(struct request *r,
                                        const struct err *e); /* for one more header */
/* Sets e and sends it. */
enum MHD_Result reply_error(struct request *r, enum errc code, const char *detail);
enum MHD_Result reply_no_content(struct request *r);
enum MHD_Result reply_not_modified(struct request *r, const char *etag, const char *cache);

/* ---- in steps: make, add headers, send ------------------------------------------------------- */

/* Borrows bytes by a reference of its own; nothing is copied. */
struct MHD_Response *reply_bytes(struct bytes *bytes, const char *content_type);
/* For data that lives as long as the program. */
struct MHD_Response *reply_static(const char *data, size_t len, const char *content_type);
/* Takes the descriptor. */
struct MHD_Response *reply_file(int fd, int64_t offset, int64_t len, const char *content_type);
void reply_header(struct MHD_Response *response, const char *name, const char *value);
/* Takes the response. */
enum MHD_Result reply_send(struct request *r, unsigned status, struct MHD_Response *response);

#endif
