/* media_png.c - PNG, and APNG, which is a PNG with further pictures in chunks of its own. */
#include "core/media_parts.h"

#define CHUNK(a, b, c, d)                                                                          \
    ((uint64_t)(a) << 24 | (uint64_t)(b) << 16 | (uint64_t)(c) << 8 | (uint64_t)(d))

#define HEADER     16 /* where the fields of IHDR begin */
#define FIRST      33 /* where the chunk behind it does */
#define OVERHEAD   12 /* length, name, checksum */
#define DEPTH(bit) (1U << (bit))

/* Which depths go with which colour type (PNG, 11.2.1). */
static bool is_colour(uint64_t depth, uint64_t colour)
{
    static const uint32_t DEPTHS[] = {
        [0] = DEPTH(1) | DEPTH(2) | DEPTH(4) | DEPTH(8) | DEPTH(16),
        [2] = DEPTH(8) | DEPTH(16),
        [3] = DEPTH(1) | DEPTH(2) | DEPTH(4) | DEPTH(8),
        [4] = DEPTH(8) | DEPTH(16),
        [6] = DEPTH(8) | DEPTH(16),
    };

    return colour <= 6 && depth <= 16 && (DEPTHS[colour] & DEPTH(depth)) != 0;
}

/* Of one picture; a divisor of 0 stands for 100. */
static int64_t delay_ms(struct media_reader *r, int64_t control)
{
    uint64_t count = media_big(r, control + 20, 2);
    uint64_t per_second = media_big(r, control + 22, 2);

    return media_ms(count, per_second == 0 ? 100 : per_second);
}

/* What comes behind the header is no part of it: when it is cut off, there is no duration. */
static void read_animation(struct media_reader *r, struct media *m)
{
    int64_t at = FIRST;
    int64_t total_ms = 0;

    while (!r->is_cut) {
        uint64_t length = media_big(r, at, 4);
        uint64_t name = media_big(r, at + 4, 4);

        if (name == CHUNK('a', 'c', 'T', 'L')) {
            m->is_animated = media_big(r, at + 8, 4) > 1;
        } else if (name == CHUNK('f', 'c', 'T', 'L')) {
            total_ms += delay_ms(r, at + 8);
        } else if (name == CHUNK('I', 'D', 'A', 'T') && !m->is_animated) {
            return;
        } else if (name == CHUNK('I', 'E', 'N', 'D')) {
            m->duration_ms = m->is_animated ? total_ms : 0;
            return;
        }
        at = media_end(at, OVERHEAD + length);
    }
}

const char *media_png(struct media_reader *r, struct media *m)
{
    uint64_t width = media_big(r, HEADER, 4);
    uint64_t height = media_big(r, HEADER + 4, 4);
    uint64_t depth = media_big(r, HEADER + 8, 1);
    uint64_t colour = media_big(r, HEADER + 9, 1);
    uint64_t is_interlaced = media_big(r, HEADER + 12, 1);
    const char *fault = NULL;

    (void)media_big(r, HEADER + 13, 4);
    fault = media_size(r, m, width, height);
    if (fault != NULL) {
        return fault;
    }
    if (!media_is(r, 8, SPAN_LIT("\0\0\0\rIHDR")) || !is_colour(depth, colour) ||
        is_interlaced > 1 || media_big(r, HEADER + 10, 2) != 0) {
        return MEDIA_CONTRADICTS;
    }
    read_animation(r, m);
    return NULL;
}
