/* scale.c - separable resampling, row by row.
 *
 * For each row of the result, the rows of the original that it covers are first
 * added up with their weights into one row of sums, then that row is brought to
 * its new width. So nothing but one row of floats is kept beside the two
 * pictures, and the costly loop runs over neighbours in memory.
 */
#include "imaging/scale.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define CHANNELS 4
/* Reach of the cubic, in pixels of the result. */
#define REACH 2.0

/* What one pixel of the result takes along one axis. */
struct taps {
    int first;
    int count;
    float *weight;
};

/* One axis: `size` pixels of the original become `count`. */
struct axis {
    int count;
    struct taps *taps;
    float *weights; /* of all taps */
};

/* Keys' cubic with a = -0.5: sharp, and exact for straight gradients. */
static double cubic(double x)
{
    x = fabs(x);
    if (x < 1.0) {
        return (1.5 * x - 2.5) * x * x + 1.0;
    }
    return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}

static void axis_clear(struct axis *a)
{
    free(a->taps);
    free(a->weights);
    *a = (struct axis){0};
}

static void fill_taps(struct taps *t, double center, double scale, int size)
{
    double reach = REACH * scale;
    int first = (int)(center - reach + 0.5);
    int end = (int)(center + reach + 0.5);
    double sum = 0.0;

    t->first = first > 0 ? first : 0;
    t->count = (end < size ? end : size) - t->first;
    for (int i = 0; i < t->count; i++) {
        double weight = cubic((t->first + i + 0.5 - center) / scale);

        t->weight[i] = (float)weight;
        sum += weight;
    }
    for (int i = 0; i < t->count; i++) {
        t->weight[i] = (float)(t->weight[i] / sum);
    }
}

static void axis_init(struct axis *a, int size, int count)
{
    double scale = (double)size / count;
    size_t most = (size_t)ceil(REACH * scale) * 2 + 2;

    a->count = count;
    a->taps = xcalloc((size_t)count, sizeof *a->taps);
    a->weights = xcalloc((size_t)count * most, sizeof *a->weights);
    for (int i = 0; i < count; i++) {
        a->taps[i].weight = a->weights + (size_t)i * most;
        fill_taps(&a->taps[i], (i + 0.5) * scale, scale, size);
    }
}

/* Adds a row to the sums, its colours multiplied by its alpha. */
static void add_row(const uint32_t *row, int width, float weight, float *sums)
{
    for (int x = 0; x < width; x++) {
        uint32_t p = row[x];
        float alpha = weight * (float)(p >> 24);

        sums[0] += alpha;
        sums[1] += alpha * (float)(p >> 16 & 0xff);
        sums[2] += alpha * (float)(p >> 8 & 0xff);
        sums[3] += alpha * (float)(p & 0xff);
        sums += CHANNELS;
    }
}

/* A channel as a byte; the cubic reaches a little below and above. */
static uint32_t to_byte(float value)
{
    if (!(value > 0.0F)) {
        return 0;
    }
    return value < 255.0F ? (uint32_t)(value + 0.5F) : 255;
}

static uint32_t make_pixel(const struct taps *t, const float *sums)
{
    float c[CHANNELS] = {0};

    for (int i = 0; i < t->count; i++) {
        const float *from = sums + (size_t)(t->first + i) * CHANNELS;

        for (int k = 0; k < CHANNELS; k++) {
            c[k] += t->weight[i] * from[k];
        }
    }
    if (c[0] < 0.5F) {
        return 0;
    }
    return to_byte(c[0]) << 24 | to_byte(c[1] / c[0]) << 16 | to_byte(c[2] / c[0]) << 8 |
           to_byte(c[3] / c[0]);
}

static void make_rows(const struct picture *p, const struct axis *across, const struct axis *down,
                      struct picture *out)
{
    size_t sums_size = (size_t)p->width * CHANNELS * sizeof(float);
    AUTO(free_ptr) float *sums = xmalloc(sums_size);

    for (int y = 0; y < out->height; y++) {
        const struct taps *t = &down->taps[y];

        memset(sums, 0, sums_size);
        for (int i = 0; i < t->count; i++) {
            add_row(p->pixel + (size_t)(t->first + i) * (size_t)p->width, p->width, t->weight[i],
                    sums);
        }
        for (int x = 0; x < out->width; x++) {
            out->pixel[(size_t)y * (size_t)out->width + (size_t)x] =
                make_pixel(&across->taps[x], sums);
        }
    }
}

/* `side` of a picture whose long edge goes from `from` to `to`. */
static int reduce_side(int side, int from, int to)
{
    int64_t reduced = ((int64_t)side * to + from / 2) / from;

    return reduced > 0 ? (int)reduced : 1;
}

enum errc scale_to_edge(const struct picture *p, int edge, struct picture *out, struct err *e)
{
    int from = picture_long_edge(p);
    AUTO(axis_clear) struct axis across = {0};
    AUTO(axis_clear) struct axis down = {0};
    struct picture made = {0};
    enum errc rc = ERR_NONE;

    bug_if(edge < 1 || edge > from);
    rc = picture_init(&made, reduce_side(p->width, from, edge), reduce_side(p->height, from, edge),
                      e);
    if (rc != ERR_NONE) {
        return rc;
    }
    axis_init(&across, p->width, made.width);
    axis_init(&down, p->height, made.height);
    make_rows(p, &across, &down, &made);
    made.is_animation = p->is_animation;
    *out = made;
    return ERR_NONE;
}
