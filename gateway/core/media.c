#include "core/media.h"

#include "base/mem.h"
#include "core/media_parts.h"

#define MS_MAX INT64_C(31536000000) /* a year */

const struct media MEDIA_UNKNOWN = {.type = OUTPUT_FILE,
                                    .content_type = "application/octet-stream"};
const char MEDIA_CONTRADICTS[] = "The file's header contradicts itself.";

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool load(struct media_reader *r, int64_t at)
{
    int64_t rest = r->source->size - at;
    size_t want = rest < MEDIA_READ_BYTES ? (size_t)rest : MEDIA_READ_BYTES;

    if (r->reads_left == 0) {
        return false;
    }
    r->reads_left--;
    r->window_at = at;
    r->window_len = r->source->read_at(r->source->arg, at, r->window, want);
    bug_if(r->window_len > want);
    return true;
}

static const unsigned char *in_window(const struct media_reader *r, int64_t at, size_t len)
{
    if (at < r->window_at || at - r->window_at > (int64_t)r->window_len ||
        len > r->window_len - (size_t)(at - r->window_at)) {
        return NULL;
    }
    return r->window + (at - r->window_at);
}

static const unsigned char *find(struct media_reader *r, int64_t at, size_t len)
{
    const unsigned char *found = in_window(r, at, len);

    bug_if(len > MEDIA_READ_BYTES);
    if (found != NULL) {
        return found;
    }
    if (at < 0 || at > r->source->size || (int64_t)len > r->source->size - at || !load(r, at)) {
        return NULL;
    }
    return in_window(r, at, len);
}

const unsigned char *media_bytes(struct media_reader *r, int64_t at, size_t len)
{
    const unsigned char *found = find(r, at, len);

    r->is_cut |= found == NULL;
    return found;
}

uint64_t media_big(struct media_reader *r, int64_t at, size_t size)
{
    const unsigned char *bytes = media_bytes(r, at, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes != NULL && i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint64_t media_little(struct media_reader *r, int64_t at, size_t size)
{
    const unsigned char *bytes = media_bytes(r, at, size);
    uint64_t value = 0;

    for (size_t i = size; bytes != NULL && i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

bool media_is(struct media_reader *r, int64_t at, struct span bytes)
{
    const unsigned char *found = bytes.len > 0 ? find(r, at, bytes.len) : NULL;

    return bytes.len == 0 || (found != NULL && memcmp(found, bytes.ptr, bytes.len) == 0);
}

/* ---- what was found -------------------------------------------------------------------------- */

const char *media_cut(const struct media_reader *r)
{
    if (!r->is_cut) {
        return NULL;
    }
    return r->reads_left == 0 ? "The file's header is longer than is read of any."
                              : "The file ends before its header does.";
}

const char *media_size(const struct media_reader *r, struct media *m, uint64_t width,
                       uint64_t height)
{
    if (r->is_cut) {
        return media_cut(r);
    }
    if (width == 0 || height == 0) {
        return "The file's header says that the picture has no width or no height.";
    }
    if (width > MEDIA_SIDE_MAX || height > MEDIA_SIDE_MAX || width * height > MEDIA_PIXELS_MAX) {
        return "The file's header claims a picture larger than any is.";
    }
    m->width = (int)width;
    m->height = (int)height;
    return NULL;
}

int64_t media_end(int64_t at, uint64_t size)
{
    return size > (uint64_t)(INT64_MAX - at) ? INT64_MAX : at + (int64_t)size;
}

int64_t media_ms(uint64_t count, uint64_t per_second)
{
    if (per_second == 0 || count / per_second > MS_MAX / 1000) {
        return 0;
    }
    /* The rest is below per_second, which is a number of 64 bits only in a file that lies. */
    if (per_second > UINT64_MAX / 1000) {
        return (int64_t)(count / per_second * 1000);
    }
    return (int64_t)(count / per_second * 1000 + count % per_second * 1000 / per_second);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

struct kind {
    size_t at;
    struct span magic;
    struct span form; /* what a RIFF file is: at 8; empty for others */
    enum output_type type;
    const char *content_type;
    const char *(*read)(struct media_reader *r, struct media *m);
};

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define NONE                                                                                       \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct kind KINDS[] = {
    {0, BYTES("\x89PNG\r\n\x1a\n"), NONE, OUTPUT_IMAGE, "image/png", media_png},
    {0, BYTES("\xff\xd8\xff"), NONE, OUTPUT_IMAGE, "image/jpeg", media_jpeg},
    {0, BYTES("GIF87a"), NONE, OUTPUT_IMAGE, "image/gif", media_gif},
    {0, BYTES("GIF89a"), NONE, OUTPUT_IMAGE, "image/gif", media_gif},
    {0, BYTES("RIFF"), BYTES("WEBP"), OUTPUT_IMAGE, "image/webp", media_webp},
    {0, BYTES("RIFF"), BYTES("WAVE"), OUTPUT_AUDIO, "audio/wav", media_wav},
    {0, BYTES("fLaC"), NONE, OUTPUT_AUDIO, "audio/flac", media_flac},
    {0, BYTES("OggS"), NONE, OUTPUT_AUDIO, "audio/ogg", media_ogg},
    {0, BYTES("ID3"), NONE, OUTPUT_AUDIO, "audio/mpeg", media_id3},
    {4, BYTES("ftyp"), NONE, OUTPUT_VIDEO, "video/mp4", media_mp4},
    {0, BYTES("\x1a\x45\xdf\xa3"), NONE, OUTPUT_VIDEO, "video/webm", media_webm},
};

static const struct kind *kind_of(struct media_reader *r)
{
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        if (media_is(r, (int64_t)KINDS[i].at, KINDS[i].magic) && media_is(r, 8, KINDS[i].form)) {
            return &KINDS[i];
        }
    }
    return NULL;
}

static struct media read_kind(struct media_reader *r, const struct kind *kind)
{
    struct media m = {.type = kind->type, .content_type = kind->content_type};
    const char *fault = kind->read(r, &m);

    if (fault != NULL) {
        m = (struct media){.type = m.type, .content_type = m.content_type, .fault = fault};
    }
    return m;
}

struct media media_probe(const struct media_source *source)
{
    struct media_reader r = {.source = source, .reads_left = MEDIA_READS_MAX};
    const struct kind *kind = kind_of(&r);
    struct media m = MEDIA_UNKNOWN;

    if (kind != NULL) {
        return read_kind(&r, kind);
    }
    if (media_mp3(&r, &m)) {
        return m;
    }
    r.is_cut = false;
    return media_text(&r, &m) ? m : MEDIA_UNKNOWN;
}

static size_t read_span(void *arg, int64_t offset, void *buf, size_t len)
{
    const struct span *file = arg;
    size_t rest = file->len - (size_t)offset;
    size_t count = len < rest ? len : rest;

    if (count > 0) {
        memcpy(buf, file->ptr + offset, count);
    }
    return count;
}

struct media media_probe_span(struct span file)
{
    return media_probe(
        &(struct media_source){.arg = &file, .read_at = read_span, .size = (int64_t)file.len});
}
