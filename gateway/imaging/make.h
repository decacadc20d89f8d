/* make.h - what comfygate-imaging makes of a picture: thumbnails and renditions, both WebP.
 *
 * Pure but for a look at the process's own CPU clock, which ends the search for
 * the best rendition in time. One thread.
 */
#ifndef CG_IMAGING_MAKE_H
#define CG_IMAGING_MAKE_H

#include <webp/encode.h>

#include "imaging/picture.h"

#define MAKE_QUALITY_MIN 50
/* A rendition is not made smaller than this; one that is smaller already stays as it is. */
#define MAKE_EDGE_MIN 512

/* A WebP of the file, its long edge at most `edge`. The bytes are out's, for WebPMemoryWriterClear; out is
 * initialised here, and empty on failure. Errors: those of picture_read. */
enum errc make_thumbnail(struct span file, int edge, int64_t max_pixels, WebPMemoryWriter *out,
                         struct err *e) MUST_CHECK;

/* A WebP of at most max_bytes: lossless if that fits, else with invisible changes, else lossy with the
 * highest quality that fits, else made smaller, in steps, until it fits. RENDITION_IMPOSSIBLE when nothing of
 * MAKE_QUALITY_MIN and MAKE_EDGE_MIN fits, and for an animation, of which only a still could be
 * made; else the errors of picture_read. */
enum errc make_rendition(struct span file, int64_t max_bytes, int64_t max_pixels,
                         WebPMemoryWriter *out, struct err *e) MUST_CHECK;

#endif
