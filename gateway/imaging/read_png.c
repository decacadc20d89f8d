#include <png.h>

#include "imaging/readers.h"

/* Bytes in memory that are 0xAARRGGBB as a number. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FORMAT PNG_FORMAT_BGRA
#else
#define FORMAT PNG_FORMAT_ARGB
#endif

/* libpng's own reader for programs that want just pixels: it takes every depth, palettes, gamma and
 * interlacing, and is the part of libpng that is hardest to use wrongly. */
static enum errc read_pixels(png_image *image, const struct picture_limits *limits,
                             struct picture *p, struct err *e)
{
    enum errc rc = picture_check_size(image->width, image->height, limits->max_pixels, e);

    if (rc == ERR_NONE) {
        rc = picture_init(p, (int)image->width, (int)image->height, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    image->format = FORMAT;
    /* 16 bits a channel without a word about gamma are what 8 bits would be. */
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    if (png_image_finish_read(image, NULL, p->pixel, 0, NULL) == 0) {
        picture_clear(p);
        return err_set(e, ERR_PICTURE_UNREADABLE, "The PNG is damaged: %s.", image->message);
    }
    return ERR_NONE;
}

enum errc read_png(struct span file, const struct picture_limits *limits, struct picture *out,
                   struct err *e)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    struct picture p = {0};
    enum errc rc = ERR_NONE;

    if (png_image_begin_read_from_memory(&image, file.ptr, file.len) == 0) {
        rc = err_set(e, ERR_PICTURE_UNREADABLE, "The PNG is damaged: %s.", image.message);
    } else {
        rc = read_pixels(&image, limits, &p, e);
    }
    png_image_free(&image);
    if (rc == ERR_NONE) {
        *out = p;
    }
    return rc;
}
