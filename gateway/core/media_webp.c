/* media_webp.c - WebP: lossy, lossless, and extended, which may be an animation. */
#include "core/media_parts.h"

#define CHUNKS        12 /* where the first chunk begins */
#define BODY          20 /* its content */
#define EXTENDED_SIZE 10
#define IS_ANIMATED   0x02

static const char *read_lossy(struct media_reader *r, struct media *m)
{
    uint64_t tag = media_little(r, BODY, 3);
    const char *fault = media_size(r, m, media_little(r, BODY + 6, 2) & 0x3FFF,
                                   media_little(r, BODY + 8, 2) & 0x3FFF);

    if (fault == NULL && ((tag & 1) != 0 || !media_is(r, BODY + 3, SPAN_LIT("\x9d\x01\x2a")))) {
        return MEDIA_CONTRADICTS;
    }
    return fault;
}

static const char *read_lossless(struct media_reader *r, struct media *m)
{
    uint64_t bits = media_little(r, BODY + 1, 4);
    const char *fault = media_size(r, m, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);

    if (fault == NULL && (bits >> 29 != 0 || !media_is(r, BODY, SPAN_LIT("\x2f")))) {
        return MEDIA_CONTRADICTS;
    }
    return fault;
}

/* Adds up what the pictures take, up to the end that the file claims. */
static void read_pictures(struct media_reader *r, struct media *m)
{
    int64_t end = media_end(8, media_little(r, 4, 4));
    int64_t at = BODY + EXTENDED_SIZE;
    int64_t total_ms = 0;

    while (at < end && !r->is_cut) {
        uint64_t length = media_little(r, at + 4, 4);

        if (media_is(r, at, SPAN_LIT("ANMF"))) {
            total_ms += (int64_t)media_little(r, at + 20, 3);
        }
        at = media_end(at, 8 + length + (length & 1));
    }
    m->duration_ms = at == end && !r->is_cut ? total_ms : 0;
}

static const char *read_extended(struct media_reader *r, struct media *m)
{
    uint64_t length = media_little(r, CHUNKS + 4, 4);
    uint64_t flags = media_little(r, BODY, 1);
    uint64_t width = media_little(r, BODY + 4, 3) + 1;
    uint64_t height = media_little(r, BODY + 7, 3) + 1;
    const char *fault = media_size(r, m, width, height);

    if (fault == NULL && length != EXTENDED_SIZE) {
        return MEDIA_CONTRADICTS;
    }
    if (fault == NULL && (flags & IS_ANIMATED) != 0) {
        m->is_animated = true;
        read_pictures(r, m);
    }
    return fault;
}

const char *media_webp(struct media_reader *r, struct media *m)
{
    (void)media_little(r, CHUNKS, 8);
    if (media_is(r, CHUNKS, SPAN_LIT("VP8X"))) {
        return read_extended(r, m);
    }
    if (media_is(r, CHUNKS, SPAN_LIT("VP8 "))) {
        return read_lossy(r, m);
    }
    if (media_is(r, CHUNKS, SPAN_LIT("VP8L"))) {
        return read_lossless(r, m);
    }
    return r->is_cut ? media_cut(r) : MEDIA_CONTRADICTS;
}
