/* media_mp4.c - files of boxes: MP4, M4A, QuickTime and AVIF.
 *
 * A box may not reach beyond the one that it is in, and each step goes at least a box's head further:
 * so there is no loop and no depth but that of the code. HEIC and other pictures in boxes are
 * files of bytes.
 */
#include "base/mem.h"
#include "core/media_parts.h"

#define NAME(a, b, c, d)                                                                           \
    ((uint64_t)(a) << 24 | (uint64_t)(b) << 16 | (uint64_t)(c) << 8 | (uint64_t)(d))

#define BOX_HEAD      8
#define LONG_BOX_HEAD 16
#define BRANDS_MAX    64
#define VERSION_SIZE  4 /* version and flags, before the fields of many boxes */

struct box {
    uint64_t name;
    int64_t body;
    int64_t end;
};

struct mp4 {
    struct media_reader *r;
    const char *fault; /* of the last walk */
    uint64_t width;    /* of the first picture track that has one */
    uint64_t height;
    bool has_picture;
    bool has_sound;
};

/* ---- boxes ----------------------------------------------------------------------------------- */

static bool stop(struct mp4 *f, const char *fault)
{
    f->fault = fault;
    return false;
}

/* The box that begins at `at` in a box that ends at `end`; false behind the last one, or with a
 * fault. */
static bool next_box(struct mp4 *f, int64_t at, int64_t end, struct box *out)
{
    uint64_t size = 0;
    uint64_t head = BOX_HEAD;

    f->fault = NULL;
    if (end - at < BOX_HEAD) {
        return false;
    }
    size = media_big(f->r, at, 4);
    out->name = media_big(f->r, at + 4, 4);
    if (size == 1) {
        size = media_big(f->r, at + BOX_HEAD, 8);
        head = LONG_BOX_HEAD;
    } else if (size == 0) {
        size = (uint64_t)(end - at);
    }
    if (f->r->is_cut) {
        return stop(f, media_cut(f->r));
    }
    if (size < head || size > (uint64_t)(end - at)) {
        return stop(f, MEDIA_CONTRADICTS);
    }
    out->body = at + (int64_t)head;
    out->end = at + (int64_t)size;
    return true;
}

/* The first box of that name between `at` and `end`. */
static bool find(struct mp4 *f, int64_t at, int64_t end, uint64_t name, struct box *out)
{
    while (next_box(f, at, end, out)) {
        if (out->name == name) {
            return true;
        }
        at = out->end;
    }
    return false;
}

/* `out` may be the outer one. */
static bool find_in(struct mp4 *f, const struct box *outer, uint64_t name, struct box *out)
{
    return find(f, outer->body, outer->end, name, out);
}

/* A box that reaches beyond the file is one that was cut off. */
static bool find_at_top(struct mp4 *f, uint64_t name, struct box *out)
{
    bool is_found = find(f, 0, f->r->source->size, name, out);

    if (!is_found) {
        f->r->is_cut = true;
    }
    return is_found;
}

static bool has_bytes(const struct box *b, int64_t size)
{
    return b->end - b->body >= size;
}

/* ---- films ----------------------------------------------------------------------------------- */

struct clock {
    uint64_t per_second;
    uint64_t count; /* 0 = not told */
};

/* Of a film's head or a track's: both begin alike. */
static struct clock read_clock(struct mp4 *f, const struct box *head)
{
    struct clock c = {0};
    bool is_long = has_bytes(head, 20) && media_big(f->r, head->body, 1) == 1;

    if (!has_bytes(head, is_long ? 32 : 20)) {
        return c;
    }
    c.per_second = media_big(f->r, head->body + (is_long ? 20 : 12), 4);
    c.count = media_big(f->r, head->body + (is_long ? 24 : 16), is_long ? 8 : 4);
    if (c.count == (is_long ? UINT64_MAX : UINT32_MAX)) {
        c.count = 0;
    }
    return c;
}

/* A film in fragments says elsewhere how long they are together. */
static uint64_t fragments_count(struct mp4 *f, const struct box *moov)
{
    struct box mvex;
    struct box mehd;
    bool is_long = false;

    if (!find_in(f, moov, NAME('m', 'v', 'e', 'x'), &mvex) ||
        !find_in(f, &mvex, NAME('m', 'e', 'h', 'd'), &mehd) || !has_bytes(&mehd, 8)) {
        return 0;
    }
    is_long = media_big(f->r, mehd.body, 1) == 1 && has_bytes(&mehd, 12);
    return media_big(f->r, mehd.body + VERSION_SIZE, is_long ? 8 : 4);
}

static int64_t film_ms(struct mp4 *f, const struct box *moov)
{
    struct box head;
    struct box track;
    struct clock c = {0};

    if (find_in(f, moov, NAME('m', 'v', 'h', 'd'), &head)) {
        c = read_clock(f, &head);
    }
    if (c.count == 0) {
        c.count = fragments_count(f, moov);
    }
    if (c.count == 0 && find_in(f, moov, NAME('t', 'r', 'a', 'k'), &track) &&
        find_in(f, &track, NAME('m', 'd', 'i', 'a'), &track) &&
        find_in(f, &track, NAME('m', 'd', 'h', 'd'), &head)) {
        c = read_clock(f, &head);
    }
    return media_ms(c.count, c.per_second);
}

/* A quarter turn: the matrix takes x from y and y from x. */
static bool is_turned(struct mp4 *f, int64_t matrix)
{
    return media_big(f->r, matrix, 4) == 0 && media_big(f->r, matrix + 16, 4) == 0 &&
           media_big(f->r, matrix + 4, 4) != 0 && media_big(f->r, matrix + 12, 4) != 0;
}

/* As it is coded, for a track whose head does not say how large it is shown. */
static void read_coded_size(struct mp4 *f, const struct box *minf)
{
    struct box stbl;
    struct box stsd;

    if (find_in(f, minf, NAME('s', 't', 'b', 'l'), &stbl) &&
        find_in(f, &stbl, NAME('s', 't', 's', 'd'), &stsd) && has_bytes(&stsd, 44)) {
        f->width = media_big(f->r, stsd.body + 40, 2);
        f->height = media_big(f->r, stsd.body + 42, 2);
    }
}

static void read_shown_size(struct mp4 *f, const struct box *trak, const struct box *minf)
{
    struct box tkhd;
    int64_t matrix = 0;

    f->width = 0;
    f->height = 0;
    if (!find_in(f, trak, NAME('t', 'k', 'h', 'd'), &tkhd) || !has_bytes(&tkhd, 84)) {
        return;
    }
    matrix = tkhd.body + (media_big(f->r, tkhd.body, 1) == 1 ? 52 : 40);
    if (tkhd.end < matrix + 44) {
        return;
    }
    /* Fixed point, 16 bits behind it. */
    f->width = media_big(f->r, matrix + 36, 4) >> 16;
    f->height = media_big(f->r, matrix + 40, 4) >> 16;
    if (f->width == 0 || f->height == 0) {
        read_coded_size(f, minf);
    }
    if (is_turned(f, matrix)) {
        uint64_t width = f->width;

        f->width = f->height;
        f->height = width;
    }
}

static void read_track(struct mp4 *f, const struct box *trak)
{
    struct box mdia;
    struct box hdlr;
    struct box minf;
    uint64_t handler = 0;

    if (!find_in(f, trak, NAME('m', 'd', 'i', 'a'), &mdia) ||
        !find_in(f, &mdia, NAME('h', 'd', 'l', 'r'), &hdlr) || !has_bytes(&hdlr, 12)) {
        return;
    }
    handler = media_big(f->r, hdlr.body + 8, 4);
    f->has_sound |= handler == NAME('s', 'o', 'u', 'n');
    if (handler == NAME('v', 'i', 'd', 'e') && (f->width == 0 || f->height == 0) &&
        find_in(f, &mdia, NAME('m', 'i', 'n', 'f'), &minf)) {
        f->has_picture = true;
        read_shown_size(f, trak, &minf);
    }
}

static const char *read_film(struct mp4 *f, struct media *m)
{
    struct box moov;
    struct box child;

    if (!find_at_top(f, NAME('m', 'o', 'o', 'v'), &moov)) {
        return media_cut(f->r);
    }
    for (int64_t at = moov.body; next_box(f, at, moov.end, &child); at = child.end) {
        if (child.name == NAME('t', 'r', 'a', 'k')) {
            read_track(f, &child);
        }
    }
    if (f->fault != NULL || (!f->has_picture && !f->has_sound)) {
        return f->fault != NULL ? f->fault : MEDIA_CONTRADICTS;
    }
    m->duration_ms = film_ms(f, &moov);
    if (f->has_picture) {
        return media_size(f->r, m, f->width, f->height);
    }
    m->type = OUTPUT_AUDIO;
    m->content_type = "audio/mp4";
    return media_cut(f->r);
}

/* ---- AVIF ------------------------------------------------------------------------------------ */

/* The largest size that a picture's parts have is that of the whole: tiles, masks and thumbnails are
 * not larger. */
static const char *read_picture(struct mp4 *f, struct media *m)
{
    struct box meta;
    struct box iprp;
    struct box ipco;
    struct box child;
    uint64_t angle = 0;

    if (!find_at_top(f, NAME('m', 'e', 't', 'a'), &meta)) {
        return media_cut(f->r);
    }
    if (!find(f, media_end(meta.body, VERSION_SIZE), meta.end, NAME('i', 'p', 'r', 'p'), &iprp) ||
        !find_in(f, &iprp, NAME('i', 'p', 'c', 'o'), &ipco)) {
        return f->fault != NULL ? f->fault : MEDIA_CONTRADICTS;
    }
    for (int64_t at = ipco.body; next_box(f, at, ipco.end, &child); at = child.end) {
        if (child.name == NAME('i', 's', 'p', 'e') && has_bytes(&child, 12)) {
            uint64_t width = media_big(f->r, child.body + 4, 4);
            uint64_t height = media_big(f->r, child.body + 8, 4);
            bool is_larger = width * height > f->width * f->height;

            f->width = is_larger ? width : f->width;
            f->height = is_larger ? height : f->height;
        } else if (child.name == NAME('i', 'r', 'o', 't') && has_bytes(&child, 1)) {
            angle = media_big(f->r, child.body, 1);
        }
    }
    if (f->fault != NULL) {
        return f->fault;
    }
    return (angle & 1) != 0 ? media_size(f->r, m, f->height, f->width)
                            : media_size(f->r, m, f->width, f->height);
}

static const char *read_avif(struct mp4 *f, struct media *m, bool is_sequence)
{
    const char *fault = read_picture(f, m);
    struct box moov;

    if (fault != NULL || !is_sequence) {
        return fault;
    }
    m->is_animated = true;
    if (find_at_top(f, NAME('m', 'o', 'o', 'v'), &moov)) {
        m->duration_ms = film_ms(f, &moov);
    }
    return NULL;
}

/* ---- what kind it is ------------------------------------------------------------------------- */

struct brands {
    uint64_t major;
    bool is_avif;
    bool is_sequence; /* an AVIF of more than one picture */
    bool is_picture;  /* of any kind */
};

static void note_brand(struct brands *b, uint64_t brand)
{
    static const uint64_t PICTURES[] = {
        NAME('m', 'i', 'f', '1'), NAME('m', 's', 'f', '1'), NAME('h', 'e', 'i', 'c'),
        NAME('h', 'e', 'i', 'x'), NAME('h', 'e', 'v', 'c'), NAME('h', 'e', 'v', 'x'),
        NAME('h', 'e', 'i', 'm'), NAME('h', 'e', 'i', 's'), NAME('j', 'p', 'e', 'g'),
    };

    b->is_sequence |= brand == NAME('a', 'v', 'i', 's');
    b->is_avif |= brand == NAME('a', 'v', 'i', 'f') || b->is_sequence;
    for (size_t i = 0; i < COUNT_OF(PICTURES); i++) {
        b->is_picture |= b->major == PICTURES[i];
    }
}

static struct brands read_brands(struct mp4 *f)
{
    struct brands b = {.major = media_big(f->r, BOX_HEAD, 4)};
    int64_t end = (int64_t)media_big(f->r, 0, 4);

    note_brand(&b, b.major);
    for (int i = 0; i < BRANDS_MAX && BOX_HEAD + 8 + 4 * (i + 1) <= end && !f->r->is_cut; i++) {
        note_brand(&b, media_big(f->r, BOX_HEAD + 8 + INT64_C(4) * i, 4));
    }
    return b;
}

const char *media_mp4(struct media_reader *r, struct media *m)
{
    struct mp4 f = {.r = r};
    struct brands b = read_brands(&f);

    if (b.is_avif) {
        m->type = OUTPUT_IMAGE;
        m->content_type = "image/avif";
        return read_avif(&f, m, b.is_sequence);
    }
    if (b.is_picture) {
        *m = MEDIA_UNKNOWN;
        return NULL;
    }
    if (b.major == NAME('q', 't', ' ', ' ')) {
        m->content_type = "video/quicktime";
    } else if (b.major == NAME('M', '4', 'A', ' ') || b.major == NAME('M', '4', 'B', ' ')) {
        m->type = OUTPUT_AUDIO;
        m->content_type = "audio/mp4";
    }
    return read_film(&f, m);
}
