/* picture.h - a picture as pixels, and how files become one: PNG, JPEG, GIF, WebP.
 *
 * Used by comfygate-imaging only: these decoders see hostile bytes, and belong
 * behind sandbox.h. A file is what its first bytes say.
 *
 * A picture owns its pixels until picture_clear. One thread.
 */
#ifndef CG_IMAGING_PICTURE_H
#define CG_IMAGING_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

/* The largest picture that is given any room, whatever a caller allows. */
#define PICTURE_PIXELS_CEILING 100000000

struct picture {
    int width;
    int height;
    uint32_t *pixel;   /* rows from the top, 0xAARRGGBB, alpha not multiplied in */
    bool is_animation; /* there are frames after this first one */
};

struct picture_limits {
    int64_t max_pixels;
    /* The long edge that will be made of it; 0 = the picture is wanted whole. A reader may then give
     * a smaller one, with a long edge of at least twice this. */
    int edge_wanted;
};

void picture_clear(struct picture *p); /* for AUTO; a zeroed one is fine */
/* Room for width x height transparent pixels. CONTENT_TOO_LARGE when that is more than the memory;
 * PICTURE_UNREADABLE for a size that is none. */
enum errc picture_init(struct picture *p, int width, int height, struct err *e) MUST_CHECK;
/* Refuses a size before anything is decoded: CONTENT_TOO_LARGE, or PICTURE_UNREADABLE for none. */
enum errc picture_check_size(int64_t width, int64_t height, int64_t max_pixels, struct err *e)
    MUST_CHECK;
/* Reads a file; of an animation the first frame. *out is overwritten, and untouched on failure.
 * PICTURE_UNREADABLE, or CONTENT_TOO_LARGE for too many pixels; e has a sentence. */
enum errc picture_read(struct span file, const struct picture_limits *limits, struct picture *out,
                       struct err *e) MUST_CHECK;
/* Turns it as EXIF's orientation (1 to 8, else as it is) says it is to be seen. */
enum errc picture_orient(struct picture *p, int orientation, struct err *e) MUST_CHECK;
static inline int picture_long_edge(const struct picture *p)
{
    return p->width > p->height ? p->width : p->height;
}

#endif
