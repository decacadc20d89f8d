/* media_mp3.c - MP3: frames without a container, often behind an ID3 tag.
 *
 * Two bytes are no proof of MP3, so a frame counts only when another one follows where it says. The
 * first frame of many files says how many there are; else all are taken to be like the first.
 */
#include "core/media_parts.h"

#define TAG_HEAD    10
#define TAG_MAX     4     /* so many ID3 tags one behind the other */
#define SEARCH_MAX  65536 /* bytes between the tag and the first frame */
#define OLD_TAG     128   /* ID3v1, at the end */
#define FRAME_HEAD  4
#define LAYER_3     1
#define LAYER_2     2
#define MPEG_1      3
#define MPEG_2      2
#define MPEG_25     0
#define ONE_CHANNEL 3

struct frame {
    int64_t size; /* bytes, with its head */
    int64_t bits_per_second;
    uint64_t samples_per_second;
    uint64_t samples;
    int64_t index; /* where a Xing header would be, from the frame's beginning */
};

/* Kilobits a second, by version 1 or 2, layer 3 or 2. */
static int64_t bit_rate(bool is_first_version, uint64_t layer, uint64_t index)
{
    static const int16_t KILOBITS[3][16] = {
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
        {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0},
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
    };
    int row = is_first_version ? (layer == LAYER_3 ? 0 : 1) : 2;

    return INT64_C(1000) * KILOBITS[row][index];
}

static uint64_t sample_rate(uint64_t version, uint64_t index)
{
    static const uint16_t RATE[4] = {44100, 48000, 32000, 0};

    return version == MPEG_1 ? RATE[index] : version == MPEG_2 ? RATE[index] / 2 : RATE[index] / 4;
}

static int64_t index_place(bool is_first_version, bool is_mono)
{
    if (is_first_version) {
        return FRAME_HEAD + (is_mono ? 17 : 32);
    }
    return FRAME_HEAD + (is_mono ? 9 : 17);
}

/* False when no frame begins there. */
static bool read_head(uint64_t head, struct frame *out)
{
    uint64_t version = head >> 19 & 3;
    uint64_t layer = head >> 17 & 3;
    bool is_first = version == MPEG_1;
    bool is_padded = (head >> 9 & 1) != 0;

    if (head >> 21 != 0x7FF || version == 1 || (layer != LAYER_3 && layer != LAYER_2)) {
        return false;
    }
    out->bits_per_second = bit_rate(is_first, layer, head >> 12 & 15);
    out->samples_per_second = sample_rate(version, head >> 10 & 3);
    out->samples = is_first || layer == LAYER_2 ? 1152 : 576;
    out->index = index_place(is_first, (head >> 6 & 3) == ONE_CHANNEL);
    if (out->bits_per_second == 0 || out->samples_per_second == 0) {
        return false;
    }
    out->size = (int64_t)out->samples / 8 * out->bits_per_second / (int64_t)out->samples_per_second;
    out->size += is_padded ? 1 : 0;
    return true;
}

/* Whether a frame begins there, and behind it the next one, of the same kind, or the end, or what
 * of a next one is left of a file that was cut off. */
static bool is_frame(struct media_reader *r, int64_t at, struct frame *out)
{
    uint64_t head = media_big(r, at, FRAME_HEAD);
    struct frame next;
    int64_t behind = 0;

    if (!read_head(head, out)) {
        return false;
    }
    behind = at + out->size;
    if (behind > r->source->size - FRAME_HEAD) {
        return behind <= r->source->size;
    }
    return media_is(r, behind, SPAN_LIT("TAG")) ||
           (read_head(media_big(r, behind, FRAME_HEAD), &next) &&
            next.samples_per_second == out->samples_per_second && next.samples == out->samples);
}

/* How many frames the first one says there are; 0 when it does not. */
static uint64_t frame_count(struct media_reader *r, int64_t at, const struct frame *f)
{
    if (media_is(r, at + f->index, SPAN_LIT("Xing")) ||
        media_is(r, at + f->index, SPAN_LIT("Info"))) {
        bool has_count = (media_big(r, at + f->index + 4, 4) & 1) != 0;

        return has_count ? media_big(r, at + f->index + 8, 4) : 0;
    }
    return media_is(r, at + 36, SPAN_LIT("VBRI")) ? media_big(r, at + 36 + 14, 4) : 0;
}

static int64_t duration(struct media_reader *r, int64_t at, const struct frame *f)
{
    uint64_t count = frame_count(r, at, f);
    int64_t end = r->source->size;

    if (count > 0) {
        return media_ms(count * f->samples, f->samples_per_second);
    }
    if (end >= OLD_TAG && media_is(r, end - OLD_TAG, SPAN_LIT("TAG"))) {
        end -= OLD_TAG;
    }
    return end > at ? media_ms((uint64_t)(end - at), (uint64_t)f->bits_per_second / 8) : 0;
}

/* Behind the tags that begin at 0. */
static int64_t skip_tags(struct media_reader *r)
{
    int64_t at = 0;

    for (int i = 0; i < TAG_MAX && media_is(r, at, SPAN_LIT("ID3")); i++) {
        uint64_t flags = media_big(r, at + 5, 1);
        uint64_t size = media_big(r, at + 6, 4);

        /* Seven bits of each byte. */
        size =
            (size & 0x7F) | (size >> 1 & 0x3F80) | (size >> 2 & 0x1FC000) | (size >> 3 & 0xFE00000);
        at += TAG_HEAD + (int64_t)size + ((flags & 0x10) != 0 ? TAG_HEAD : 0);
    }
    return at;
}

const char *media_id3(struct media_reader *r, struct media *m)
{
    int64_t begin = skip_tags(r);
    struct frame f;

    for (int64_t at = begin; at < begin + SEARCH_MAX && !r->is_cut; at++) {
        if (is_frame(r, at, &f)) {
            m->duration_ms = duration(r, at, &f);
            return NULL;
        }
    }
    return r->is_cut ? media_cut(r) : "The file has a tag of music, and no music behind it.";
}

bool media_mp3(struct media_reader *r, struct media *m)
{
    struct frame f;

    if (!is_frame(r, 0, &f)) {
        return false;
    }
    *m = (struct media){
        .type = OUTPUT_AUDIO, .content_type = "audio/mpeg", .duration_ms = duration(r, 0, &f)};
    return true;
}
