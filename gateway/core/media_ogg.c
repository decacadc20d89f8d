/* media_ogg.c - Ogg: the first page says what is inside, the last one how long it is. */
#include "core/media_parts.h"

#define PAGE_HEAD    27
#define PAGE_MAX     65307
#define OPUS_RATE    48000
#define GRANULE_NONE UINT64_MAX /* also in a file: no packet ends on this page */

struct ogg {
    uint64_t samples_per_second; /* 0 = the last page does not simply count samples */
    uint64_t skipped;            /* samples at the beginning that are not heard */
};

/* Where the first packet begins. */
static int64_t first_packet(struct media_reader *r)
{
    return PAGE_HEAD + (int64_t)media_big(r, PAGE_HEAD - 1, 1);
}

static const char *read_theora(struct media_reader *r, struct media *m, int64_t at)
{
    m->type = OUTPUT_VIDEO;
    m->content_type = "video/ogg";
    return media_size(r, m, media_big(r, at + 14, 3), media_big(r, at + 17, 3));
}

static const char *read_packet(struct media_reader *r, struct media *m, struct ogg *o)
{
    int64_t at = first_packet(r);

    if (media_is(r, at, SPAN_LIT("\x80theora"))) {
        return read_theora(r, m, at);
    }
    if (media_is(r, at, SPAN_LIT("\1vorbis"))) {
        o->samples_per_second = media_little(r, at + 12, 4);
    } else if (media_is(r, at, SPAN_LIT("OpusHead"))) {
        o->samples_per_second = OPUS_RATE;
        o->skipped = media_little(r, at + 10, 2);
    } else if (media_is(r, at,
                        SPAN_LIT("\x7f"
                                 "FLAC"))) {
        o->samples_per_second = media_big(r, at + 27, 4) >> 12;
    } else {
        (void)media_big(r, at, 8);
        return media_cut(r); /* another codec: its type is known, its length is not */
    }
    if (r->is_cut) {
        return media_cut(r);
    }
    return o->samples_per_second == 0 ? MEDIA_CONTRADICTS : NULL;
}

/* How far the last page of this stream counts; GRANULE_NONE when there is none. */
static uint64_t last_granule(struct media_reader *r, uint64_t serial)
{
    int64_t size = r->source->size;
    uint64_t last = GRANULE_NONE;

    for (int64_t at = size > PAGE_MAX ? size - PAGE_MAX : 0; at <= size - PAGE_HEAD; at++) {
        uint64_t granule = 0;

        if (!media_is(r, at, SPAN_LIT("OggS\0")) || media_little(r, at + 14, 4) != serial) {
            continue;
        }
        granule = media_little(r, at + 6, 8);
        if (granule != GRANULE_NONE) {
            last = granule;
        }
    }
    return last;
}

const char *media_ogg(struct media_reader *r, struct media *m)
{
    struct ogg o = {0};
    uint64_t serial = media_little(r, 14, 4);
    const char *fault = read_packet(r, m, &o);
    uint64_t granule = GRANULE_NONE;

    if (fault != NULL || o.samples_per_second == 0) {
        return fault;
    }
    granule = last_granule(r, serial);
    if (granule != GRANULE_NONE && granule > o.skipped) {
        m->duration_ms = media_ms(granule - o.skipped, o.samples_per_second);
    }
    return NULL;
}
