#include "imaging/picture.h"

#include <stdlib.h>

#include "base/mem.h"
#include "imaging/readers.h"

void picture_clear(struct picture *p)
{
    free(p->pixel);
    *p = (struct picture){0};
}

enum errc picture_check_size(int64_t width, int64_t height, int64_t max_pixels, struct err *e)
{
    /* Each factor first, so that the product cannot overflow. */
    if (width <= 0 || height <= 0 || width > INT32_MAX || height > INT32_MAX) {
        return err_set(e, ERR_PICTURE_UNREADABLE, "The picture's header gives no size.");
    }
    if (max_pixels > PICTURE_PIXELS_CEILING) {
        max_pixels = PICTURE_PIXELS_CEILING;
    }
    if (width * height > max_pixels) {
        return err_set(e, ERR_CONTENT_TOO_LARGE,
                       "The picture has %lld x %lld pixels, and at most %lld in all are read.",
                       (long long)width, (long long)height, (long long)max_pixels);
    }
    return ERR_NONE;
}

enum errc picture_init(struct picture *p, int width, int height, struct err *e)
{
    enum errc rc = picture_check_size(width, height, PICTURE_PIXELS_CEILING, e);
    uint32_t *pixel = NULL;

    if (rc != ERR_NONE) {
        return rc;
    }
    pixel = calloc_or_null((size_t)width * (size_t)height, sizeof *pixel);
    if (pixel == NULL) {
        return err_set(e, ERR_CONTENT_TOO_LARGE,
                       "The picture of %d x %d pixels takes more memory than it is given.", width,
                       height);
    }
    *p = (struct picture){.width = width, .height = height, .pixel = pixel};
    return ERR_NONE;
}

static bool starts_with(struct span file, size_t at, struct span magic)
{
    return file.len >= at + magic.len && memcmp(file.ptr + at, magic.ptr, magic.len) == 0;
}

static picture_reader *find_reader(struct span file)
{
    if (starts_with(file, 0, SPAN_LIT("\x89PNG\r\n\x1a\n"))) {
        return read_png;
    }
    if (starts_with(file, 0, SPAN_LIT("\xff\xd8\xff"))) {
        return read_jpeg;
    }
    if (starts_with(file, 0, SPAN_LIT("GIF87a")) || starts_with(file, 0, SPAN_LIT("GIF89a"))) {
        return read_gif;
    }
    if (starts_with(file, 0, SPAN_LIT("RIFF")) && starts_with(file, 8, SPAN_LIT("WEBP"))) {
        return read_webp;
    }
    return NULL;
}

enum errc picture_read(struct span file, const struct picture_limits *limits, struct picture *out,
                       struct err *e)
{
    picture_reader *reader = find_reader(file);

    if (reader == NULL) {
        return err_set(e, ERR_PICTURE_UNREADABLE,
                       "The file is none of the pictures that are read: PNG, JPEG, GIF or WebP.");
    }
    return reader(file, limits, out, e);
}

/* Where the pixel that is seen at x, y of the turned picture is in the original. */
static size_t source_of(const struct picture *p, int orientation, int x, int y)
{
    int right = p->width - 1;
    int bottom = p->height - 1;
    int from_x = x;
    int from_y = y;

    switch (orientation) {
    case 2:
        from_x = right - x;
        break;
    case 3:
        from_x = right - x;
        from_y = bottom - y;
        break;
    case 4:
        from_y = bottom - y;
        break;
    case 5:
        from_x = y;
        from_y = x;
        break;
    case 6:
        from_x = y;
        from_y = bottom - x;
        break;
    case 7:
        from_x = right - y;
        from_y = bottom - x;
        break;
    case 8:
        from_x = right - y;
        from_y = x;
        break;
    default:
        break;
    }
    return (size_t)from_y * (size_t)p->width + (size_t)from_x;
}

enum errc picture_orient(struct picture *p, int orientation, struct err *e)
{
    bool is_swapped = orientation >= 5;
    struct picture turned = {0};
    enum errc rc = ERR_NONE;

    if (orientation < 2 || orientation > 8) {
        return ERR_NONE;
    }
    rc = picture_init(&turned, is_swapped ? p->height : p->width, is_swapped ? p->width : p->height,
                      e);
    if (rc != ERR_NONE) {
        return rc;
    }
    turned.is_animation = p->is_animation;
    for (int y = 0; y < turned.height; y++) {
        uint32_t *row = turned.pixel + (size_t)y * (size_t)turned.width;

        for (int x = 0; x < turned.width; x++) {
            row[x] = p->pixel[source_of(p, orientation, x, y)];
        }
    }
    picture_clear(p);
    *p = turned;
    return ERR_NONE;
}
