/* media_jpeg.c - JPEG: segments up to the first scan; among them the frame, which has the size, and
 * Exif, which may turn it.
 */
#include "core/media_parts.h"

#define MARKER_ALONE   0x01
#define MARKER_RESTART 0xD0 /* eight of them */
#define MARKER_END     0xD9
#define MARKER_SCAN    0xDA
#define MARKER_EXIF    0xE1

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define ENTRY_SIZE      12

struct jpeg {
    struct media_reader *r;
    uint64_t width;
    uint64_t height;
    bool has_frame;
    bool has_exif;
    bool is_turned; /* by a quarter, one way or the other */
};

/* ---- Exif: a TIFF file inside the segment ---------------------------------------------------- */

struct tiff {
    int64_t at;
    int64_t size;
    bool is_big;
};

/* 0 when it lies outside. */
static uint64_t number_at(const struct jpeg *j, const struct tiff *t, int64_t at, int64_t size)
{
    if (at > t->size - size) {
        return 0;
    }
    return t->is_big ? media_big(j->r, t->at + at, (size_t)size)
                     : media_little(j->r, t->at + at, (size_t)size);
}

static uint64_t orientation(const struct jpeg *j, const struct tiff *t)
{
    int64_t folder = (int64_t)number_at(j, t, 4, 4);
    int64_t count = (int64_t)number_at(j, t, folder, 2);

    for (int64_t i = 0; i < count; i++) {
        int64_t entry = folder + 2 + i * ENTRY_SIZE;

        if (entry + ENTRY_SIZE > t->size) {
            break;
        }
        if (number_at(j, t, entry, 2) == TAG_ORIENTATION &&
            number_at(j, t, entry + 2, 2) == TYPE_SHORT) {
            return number_at(j, t, entry + 8, 2);
        }
    }
    return 1;
}

/* `at`: the segment's content, of `size` bytes. The first Exif counts. */
static void read_exif(struct jpeg *j, int64_t at, int64_t size)
{
    struct tiff t = {.at = at + 6, .size = size - 6};
    uint64_t turn = 1;

    if (j->has_exif || t.size < 8 || !media_is(j->r, at, SPAN_LIT("Exif\0\0"))) {
        return;
    }
    j->has_exif = true;
    t.is_big = media_is(j->r, t.at, SPAN_LIT("MM\0\x2a"));
    if (t.is_big || media_is(j->r, t.at, SPAN_LIT("II\x2a\0"))) {
        turn = orientation(j, &t);
    }
    j->is_turned = turn >= 5 && turn <= 8;
}

/* ---- segments -------------------------------------------------------------------------------- */

/* Steps over what lies between segments, as decoders do, and over the marker, which it gives. */
static uint64_t next_marker(struct media_reader *r, int64_t *at)
{
    uint64_t marker = 0;

    while (!r->is_cut && media_big(r, *at, 1) != 0xFF) {
        ++*at;
    }
    do {
        ++*at;
        marker = media_big(r, *at, 1);
    } while (marker == 0xFF && !r->is_cut);
    ++*at;
    return marker;
}

static bool is_alone(uint64_t marker)
{
    return marker <= MARKER_ALONE || (marker >= MARKER_RESTART && marker < MARKER_END);
}

/* DHT, JPG and DAC share the range of the frames. */
static bool is_frame(uint64_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static const char *read_frame(struct jpeg *j, int64_t at, uint64_t length)
{
    uint64_t component_count = media_big(j->r, at + 7, 1);

    if (j->has_frame || component_count == 0 || length != 8 + 3 * component_count) {
        return j->r->is_cut ? media_cut(j->r) : MEDIA_CONTRADICTS;
    }
    j->has_frame = true;
    j->height = media_big(j->r, at + 3, 2);
    j->width = media_big(j->r, at + 5, 2);
    return NULL;
}

/* `at` is behind the marker, where the length is. */
static const char *read_segment(struct jpeg *j, uint64_t marker, int64_t at, uint64_t length)
{
    if (length < 2) {
        return j->r->is_cut ? media_cut(j->r) : MEDIA_CONTRADICTS;
    }
    if (marker == MARKER_EXIF) {
        read_exif(j, at + 2, (int64_t)length - 2);
    }
    return is_frame(marker) ? read_frame(j, at, length) : NULL;
}

/* Everything before the first scan. */
static const char *read_header(struct jpeg *j)
{
    int64_t at = 2;

    while (!j->r->is_cut) {
        uint64_t marker = next_marker(j->r, &at);
        uint64_t length = 0;
        const char *fault = NULL;

        if (is_alone(marker)) {
            continue;
        }
        if (marker == MARKER_SCAN || marker == MARKER_END) {
            return j->has_frame ? NULL : MEDIA_CONTRADICTS;
        }
        length = media_big(j->r, at, 2);
        fault = read_segment(j, marker, at, length);
        if (fault != NULL) {
            return fault;
        }
        at += (int64_t)length;
    }
    return media_cut(j->r);
}

const char *media_jpeg(struct media_reader *r, struct media *m)
{
    struct jpeg j = {.r = r};
    const char *fault = read_header(&j);

    if (fault != NULL) {
        return fault;
    }
    return j.is_turned ? media_size(r, m, j.height, j.width) : media_size(r, m, j.width, j.height);
}
