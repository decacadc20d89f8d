/* media_webm.c - EBML: WebM and Matroska, up to the first cluster behind the list of tracks.
 *
 * An element may not reach beyond the one that it is in, and each step goes at least two bytes further.
 */
#include "core/media_parts.h"

#define ID_DOC_TYPE       0x4282
#define ID_SEGMENT        0x18538067
#define ID_INFO           0x1549A966
#define ID_TICK_NS        0x2AD7B1
#define ID_DURATION       0x4489
#define ID_TRACKS         0x1654AE6B
#define ID_TRACK          0xAE
#define ID_TRACK_TYPE     0x83
#define ID_VIDEO          0xE0
#define ID_PIXEL_WIDTH    0xB0
#define ID_PIXEL_HEIGHT   0xBA
#define ID_DISPLAY_WIDTH  0x54B0
#define ID_DISPLAY_HEIGHT 0x54BA
#define ID_DISPLAY_UNIT   0x54B2
#define ID_CLUSTER        0x1F43B675

#define TRACK_VIDEO 1
#define TRACK_AUDIO 2
#define TICK_NS     1000000 /* when the file does not say */
#define MS_MAX      31536000000.0

struct element {
    uint64_t id;
    int64_t body;
    int64_t end;
};

struct picture {
    uint64_t pixel_width;
    uint64_t pixel_height;
    uint64_t display_width;
    uint64_t display_height;
    uint64_t display_unit; /* 0 = pixels */
};

struct webm {
    struct media_reader *r;
    const char *fault; /* of the last walk */
    struct picture picture;
    int64_t duration_ms;
    bool has_info;
    bool has_tracks;
    bool has_video;
    bool has_audio;
};

/* ---- elements -------------------------------------------------------------------------------- */

/* A number whose first byte says how long it is; its mark is left in it. Gives 0 bytes when it is
 * longer than size_max. */
static size_t read_number(struct webm *f, int64_t at, size_t size_max, uint64_t *out)
{
    uint64_t first = media_big(f->r, at, 1);
    size_t size = 1;

    while (size <= size_max && (first & (UINT64_C(0x100) >> size)) == 0) {
        size++;
    }
    if (size > size_max) {
        return 0;
    }
    *out = media_big(f->r, at, size);
    return size;
}

/* A segment, or a cluster, that is written as it comes, does not know where it ends. */
static bool may_be_open(uint64_t id)
{
    return id == ID_SEGMENT || id == ID_CLUSTER;
}

static bool stop(struct webm *f, const char *fault)
{
    f->fault = fault;
    return false;
}

/* The element that begins at `at` in one that ends at `end`; false behind the last one, or with a
 * fault. */
static bool next_element(struct webm *f, int64_t at, int64_t end, struct element *out)
{
    uint64_t size = 0;
    size_t id_size = 0;
    size_t size_size = 0;
    uint64_t mark = 0;

    f->fault = NULL;
    if (at >= end) {
        return false;
    }
    id_size = read_number(f, at, 4, &out->id);
    size_size = id_size > 0 ? read_number(f, at + (int64_t)id_size, 8, &size) : 0;
    if (f->r->is_cut || size_size == 0) {
        return stop(f, f->r->is_cut ? media_cut(f->r) : MEDIA_CONTRADICTS);
    }
    mark = UINT64_C(1) << (7 * size_size);
    out->body = at + (int64_t)(id_size + size_size);
    size &= mark - 1;
    if (size == mark - 1) {
        out->end = end;
        return may_be_open(out->id) ? true : stop(f, MEDIA_CONTRADICTS);
    }
    out->end = media_end(out->body, size);
    return out->end <= end ? true : stop(f, MEDIA_CONTRADICTS);
}

/* 0 when it is longer than any. */
static uint64_t whole(struct webm *f, const struct element *e)
{
    int64_t size = e->end - e->body;

    return size > 0 && size <= 8 ? media_big(f->r, e->body, (size_t)size) : 0;
}

static double real(struct webm *f, const struct element *e)
{
    uint64_t bits = whole(f, e);
    double value = 0;

    if (e->end - e->body == 4) {
        uint32_t few = (uint32_t)bits;
        float small = 0;

        memcpy(&small, &few, sizeof small);
        return (double)small;
    }
    if (e->end - e->body == 8) {
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

/* ---- what is in a segment -------------------------------------------------------------------- */

static void read_info(struct webm *f, const struct element *info)
{
    struct element e;
    uint64_t tick_ns = TICK_NS;
    double ticks = 0;
    double ms = 0;

    for (int64_t at = info->body; next_element(f, at, info->end, &e); at = e.end) {
        if (e.id == ID_TICK_NS) {
            tick_ns = whole(f, &e);
        } else if (e.id == ID_DURATION) {
            ticks = real(f, &e);
        }
    }
    f->has_info = true;
    ms = ticks * (double)tick_ns / 1e6;
    /* Not a number is not between the two either. */
    f->duration_ms = f->fault == NULL && ms > 0 && ms < MS_MAX ? (int64_t)(ms + 0.5) : 0;
}

static void read_video(struct webm *f, const struct element *video, struct picture *out)
{
    struct element e;

    for (int64_t at = video->body; next_element(f, at, video->end, &e); at = e.end) {
        switch (e.id) {
        case ID_PIXEL_WIDTH:
            out->pixel_width = whole(f, &e);
            break;
        case ID_PIXEL_HEIGHT:
            out->pixel_height = whole(f, &e);
            break;
        case ID_DISPLAY_WIDTH:
            out->display_width = whole(f, &e);
            break;
        case ID_DISPLAY_HEIGHT:
            out->display_height = whole(f, &e);
            break;
        case ID_DISPLAY_UNIT:
            out->display_unit = whole(f, &e);
            break;
        default:
            break;
        }
    }
}

/* The first track with a picture counts. */
static bool read_track(struct webm *f, const struct element *track)
{
    struct element e;
    struct picture picture = {0};
    uint64_t type = 0;

    for (int64_t at = track->body; next_element(f, at, track->end, &e); at = e.end) {
        if (e.id == ID_TRACK_TYPE) {
            type = whole(f, &e);
        } else if (e.id == ID_VIDEO) {
            read_video(f, &e, &picture);
            if (f->fault != NULL) {
                return false;
            }
        }
    }
    f->has_audio |= type == TRACK_AUDIO;
    if (type == TRACK_VIDEO && !f->has_video) {
        f->has_video = true;
        f->picture = picture;
    }
    return f->fault == NULL;
}

static void read_tracks(struct webm *f, const struct element *tracks)
{
    struct element e;

    for (int64_t at = tracks->body; next_element(f, at, tracks->end, &e); at = e.end) {
        if (e.id == ID_TRACK && !read_track(f, &e)) {
            return;
        }
    }
    f->has_tracks = f->fault == NULL;
}

/* Up to what is needed; what lies behind the tracks may be missing. */
static const char *read_segment(struct webm *f, const struct element *segment)
{
    struct element e;

    for (int64_t at = segment->body; next_element(f, at, segment->end, &e); at = e.end) {
        if (e.id == ID_INFO) {
            read_info(f, &e);
        } else if (e.id == ID_TRACKS) {
            read_tracks(f, &e);
        }
        if (f->fault != NULL || (f->has_tracks && (f->has_info || e.id == ID_CLUSTER))) {
            break;
        }
    }
    if (f->has_tracks) {
        f->r->is_cut = false;
        return NULL;
    }
    return f->fault != NULL ? f->fault : MEDIA_CONTRADICTS;
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_matroska(struct webm *f, const struct element *header)
{
    struct element e;

    for (int64_t at = header->body; next_element(f, at, header->end, &e); at = e.end) {
        if (e.id == ID_DOC_TYPE) {
            return media_is(f->r, e.body, SPAN_LIT("matroska"));
        }
    }
    return false;
}

static void name_type(const struct webm *f, struct media *m, bool is_mkv)
{
    if (f->has_tracks && f->has_audio && !f->has_video) {
        m->type = OUTPUT_AUDIO;
        m->content_type = is_mkv ? "audio/x-matroska" : "audio/webm";
    } else if (is_mkv) {
        m->content_type = "video/x-matroska";
    }
}

static const char *picture_size(const struct webm *f, struct media *m)
{
    const struct picture *p = &f->picture;

    if (p->display_unit == 0 && p->display_width > 0 && p->display_height > 0) {
        return media_size(f->r, m, p->display_width, p->display_height);
    }
    return media_size(f->r, m, p->pixel_width, p->pixel_height);
}

const char *media_webm(struct media_reader *r, struct media *m)
{
    struct webm f = {.r = r};
    struct element header;
    struct element segment = {0};
    const char *fault = NULL;
    int64_t at = 0;

    if (!next_element(&f, 0, INT64_MAX, &header)) {
        return f.fault;
    }
    /* The segment may end behind the file, of which the end may be missing. */
    at = header.end;
    while (segment.id != ID_SEGMENT) {
        if (!next_element(&f, at, INT64_MAX, &segment)) {
            return f.fault != NULL ? f.fault : MEDIA_CONTRADICTS;
        }
        at = segment.end;
    }
    fault = read_segment(&f, &segment);
    name_type(&f, m, is_matroska(&f, &header));
    if (fault != NULL) {
        return fault;
    }
    m->duration_ms = f.duration_ms;
    if (f.has_video) {
        return picture_size(&f, m);
    }
    return f.has_audio ? NULL : MEDIA_CONTRADICTS;
}
