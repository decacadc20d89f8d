/* asset_intake.h - bytes from a stranger become a file of ours: counted, hashed, typed by what they are,
 * checked, made durable.
 *
 * The same way for an upload, a data: input and one fetched from an address. Nothing is decoded: what
 * is told of a picture is told by its header.
 *
 * Threads: one at a time; asset_intake_finish waits for the disk, so not on an HTTP thread.
 */
#ifndef CG_HTTP_ASSET_INTAKE_H
#define CG_HTTP_ASSET_INTAKE_H

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "core/asset.h"
#include "store/blob.h"

struct asset_intake;

/* Both are borrowed until the end. INSUFFICIENT_STORAGE or INTERNAL_ERROR. */
enum errc asset_intake_begin(struct blobs *blobs, const struct config *config,
                             struct asset_intake **out, struct err *e) MUST_CHECK;
/* CONTENT_TOO_LARGE above assets_max_bytes. */
enum errc asset_intake_write(struct asset_intake *in, struct span data, struct err *e) MUST_CHECK;
int64_t asset_intake_size(const struct asset_intake *in); /* bytes so far */
/* Ends the intake, also on failure. On success *out is the caller's, with an id of its own, and the
 * content is staged and held: blob_publish or blob_unstage must follow. `name` may be NULL; folders
 * and control characters in it are dropped. UNSUPPORTED_MEDIA_TYPE, CONTENT_TOO_LARGE (pixels),
 * VALIDATION_ERROR (empty, or a header that contradicts itself), INSUFFICIENT_STORAGE. */
enum errc asset_intake_finish(struct asset_intake *in, const char *owner, const char *name,
                              struct asset *out, struct err *e) MUST_CHECK;
void asset_intake_drop(struct asset_intake *in); /* NULL is fine */

#endif
