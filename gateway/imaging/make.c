/* make.c - the search for the smallest loss.
 *
 * First lossless, and nearly so. Then, at full size, the lowest quality that we would show: if
 * that fits, bisection finds the highest that does; if not, the picture is made
 * smaller and asked again. A size is tried that is a little larger than the sizes
 * so far promise to fit, so that few are tried and not much is given away.
 *
 * Each try encodes the whole picture, which for a large one takes seconds. When
 * HURRY_MS of CPU time are gone, the search takes what it has, or goes down to
 * the smallest size at once.
 */
#include "imaging/make.h"

#include <math.h>
#include <time.h>

#include "base/mem.h"
#include "imaging/scale.h"

#define THUMBNAIL_QUALITY 80
#define QUALITY_MAX       100
#define NEAR_OFF          100
#define WEBP_SIDE_MAX     WEBP_MAX_DIMENSION
#define HURRY_MS          12000
/* Above this, what finds a little more takes too long. */
#define CAREFUL_PIXELS 16777216
/* The long edge of a step relative to the one before it, at most. */
#define STEP 0.85
/* How much larger a step may be than what the last size promises to fit. */
#define HOPE 1.1

struct
try {
    const struct picture *picture;
    size_t max_bytes;
    int quality;       /* of lossy; not looked at when the next is set */
    int near_lossless; /* libwebp's level: NEAR_OFF is lossless, less is nearly so; 0 = lossy */
};

static void settle(WebPConfig *config, const struct try *t)
{
    int64_t pixels = (int64_t)t->picture->width * t->picture->height;

    if (t->near_lossless > 0) {
        config->lossless = 1;
        config->near_lossless = t->near_lossless;
        config->method = pixels <= CAREFUL_PIXELS ? 3 : 0;
        config->quality = pixels <= CAREFUL_PIXELS ? 50.0F : 20.0F; /* effort, not quality */
        return;
    }
    config->quality = (float)t->quality;
    config->method = pixels <= CAREFUL_PIXELS ? 4 : 2;
    config->alpha_quality = t->quality;
}

/* Encodes; true when it worked and fits: then `out`, empty before, has the bytes. Whatever keeps
 * libwebp from encoding a picture (a limit of the format, memory) is less of a picture. */
static bool fits(const struct try *t, WebPMemoryWriter *out)
{
    WebPConfig config;
    WebPPicture p;
    bool is_good = WebPConfigInit(&config) && WebPPictureInit(&p);

    if (!is_good) {
        return false;
    }
    settle(&config, t);
    p.use_argb = 1;
    p.width = t->picture->width;
    p.height = t->picture->height;
    /* Lent, not copied. Lossless may change colours of pixels that are fully transparent. */
    p.argb = t->picture->pixel;
    p.argb_stride = t->picture->width;
    p.writer = WebPMemoryWrite;
    p.custom_ptr = out;
    is_good = WebPEncode(&config, &p) && out->size <= t->max_bytes;
    WebPPictureFree(&p);
    if (!is_good) {
        WebPMemoryWriterClear(out);
    }
    return is_good;
}

static bool is_late(void)
{
    struct timespec used = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000 >= HURRY_MS;
}

/* Between a quality that fits, whose bytes `out` has, and one that is too much: the best. */
static void improve(struct try *t, WebPMemoryWriter *out)
{
    int good = t->quality;
    int bad = QUALITY_MAX + 1;

    while (bad - good > 1 && !is_late()) {
        WebPMemoryWriter better;

        WebPMemoryWriterInit(&better);
        t->quality = good + (bad - good) / 2;
        if (fits(t, &better)) {
            WebPMemoryWriterClear(out);
            *out = better;
            good = t->quality;
        } else {
            bad = t->quality;
        }
    }
}

/* The best WebP of a picture in its size. When none fits, *size tells what the worst would take; 0 when
 * that is unknown. */
static bool find_quality(const struct picture *p, size_t max_bytes, WebPMemoryWriter *out,
                         size_t *size)
{
    struct try t = {.picture = p, .max_bytes = SIZE_MAX, .quality = MAKE_QUALITY_MIN};

    *size = 0;
    if (!fits(&t, out)) {
        return false;
    }
    if (out->size > max_bytes) {
        *size = out->size;
        WebPMemoryWriterClear(out);
        return false;
    }
    t.max_bytes = max_bytes;
    improve(&t, out);
    return true;
}

/* Lossless, or with changes of a channel by at most 2 of 255, which nobody sees and which save a
 * quarter, rarely a half. */
static bool find_lossless(const struct picture *p, size_t max_bytes, WebPMemoryWriter *out)
{
    static const int LEVELS[] = {NEAR_OFF, 80, 60};
    bool is_hopeless = false;

    for (size_t i = 0; i < COUNT_OF(LEVELS) && !is_hopeless; i++) {
        struct try t = {.picture = p, .max_bytes = SIZE_MAX, .near_lossless = LEVELS[i]};

        if (!fits(&t, out)) {
            return false;
        }
        if (out->size <= max_bytes) {
            return true;
        }
        is_hopeless = out->size / 2 > max_bytes || is_late();
        WebPMemoryWriterClear(out);
    }
    return false;
}

/* The long edge to try after one whose worst WebP takes `size` bytes (0 = unknown). */
static int next_edge(int edge, size_t size, size_t max_bytes)
{
    double next = edge * STEP;

    if (size > 0) {
        double promised = edge * sqrt((double)max_bytes / (double)size) * HOPE;

        next = promised < next ? promised : next;
    }
    return next > MAKE_EDGE_MIN && !is_late() ? (int)next : MAKE_EDGE_MIN;
}

static enum errc shrink_to_fit(const struct picture *p, size_t max_bytes, WebPMemoryWriter *out,
                               struct err *e)
{
    int edge = picture_long_edge(p);
    size_t size = 0;

    if (edge <= WEBP_SIDE_MAX && find_quality(p, max_bytes, out, &size)) {
        return ERR_NONE;
    }
    while (edge > MAKE_EDGE_MIN) {
        AUTO(picture_clear) struct picture smaller = {0};
        enum errc rc = ERR_NONE;

        edge = edge > WEBP_SIDE_MAX ? WEBP_SIDE_MAX : next_edge(edge, size, max_bytes);
        rc = scale_to_edge(p, edge, &smaller, e);
        if (rc != ERR_NONE || find_quality(&smaller, max_bytes, out, &size)) {
            return rc;
        }
    }
    return err_set(e, ERR_RENDITION_IMPOSSIBLE,
                   "At %d pixels and the lowest quality that is made it still takes %zu bytes, and "
                   "%zu are allowed.",
                   edge, size, max_bytes);
}

enum errc make_thumbnail(struct span file, int edge, int64_t max_pixels, WebPMemoryWriter *out,
                         struct err *e)
{
    struct picture_limits limits = {max_pixels, edge};
    AUTO(picture_clear) struct picture p = {0};
    AUTO(picture_clear) struct picture small = {0};
    struct try t = {.picture = &small, .max_bytes = SIZE_MAX, .quality = THUMBNAIL_QUALITY};
    enum errc rc = ERR_NONE;

    WebPMemoryWriterInit(out);
    rc = picture_read(file, &limits, &p, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (picture_long_edge(&p) <= edge) {
        t.picture = &p;
    } else {
        rc = scale_to_edge(&p, edge, &small, e);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return fits(&t, out) ? ERR_NONE
                         : err_set(e, ERR_INTERNAL_ERROR, "libwebp cannot encode the thumbnail.");
}

enum errc make_rendition(struct span file, int64_t max_bytes, int64_t max_pixels,
                         WebPMemoryWriter *out, struct err *e)
{
    struct picture_limits limits = {max_pixels, 0};
    AUTO(picture_clear) struct picture p = {0};
    enum errc rc = ERR_NONE;

    WebPMemoryWriterInit(out);
    rc = picture_read(file, &limits, &p, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (p.is_animation) {
        return err_set(e, ERR_RENDITION_IMPOSSIBLE,
                       "It is an animation, of which only a still picture could be made.");
    }
    if (picture_long_edge(&p) <= WEBP_SIDE_MAX && find_lossless(&p, (size_t)max_bytes, out)) {
        return ERR_NONE;
    }
    return shrink_to_fit(&p, (size_t)max_bytes, out, e);
}
