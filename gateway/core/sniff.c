#include "core/sniff.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

static const struct sniffed UNKNOWN = {OUTPUT_FILE, "application/octet-stream", 0, 0};

static uint32_t byte_at(struct span s, size_t i)
{
    return i < s.len ? (unsigned char)s.ptr[i] : 0;
}

static int big16(struct span s, size_t i)
{
    return (int)(byte_at(s, i) << 8 | byte_at(s, i + 1));
}

static int little16(struct span s, size_t i)
{
    return (int)(byte_at(s, i + 1) << 8 | byte_at(s, i));
}

static int little24(struct span s, size_t i)
{
    return (int)(byte_at(s, i + 2) << 16 | byte_at(s, i + 1) << 8 | byte_at(s, i));
}

/* Sizes above what any picture has are a lie of the header. */
static int sane(uint32_t size)
{
    return size <= 1000000 ? (int)size : 0;
}

static uint32_t big32(struct span s, size_t i)
{
    return byte_at(s, i) << 24 | byte_at(s, i + 1) << 16 | byte_at(s, i + 2) << 8 |
           byte_at(s, i + 3);
}

static bool has_at(struct span s, size_t at, struct span magic)
{
    return magic.len == 0 ||
           (at + magic.len <= s.len && memcmp(s.ptr + at, magic.ptr, magic.len) == 0);
}

static void measure_png(struct span s, struct sniffed *out)
{
    if (has_at(s, 12, SPAN_LIT("IHDR"))) {
        out->width = sane(big32(s, 16));
        out->height = sane(big32(s, 20));
    }
}

static void measure_gif(struct span s, struct sniffed *out)
{
    out->width = little16(s, 6);
    out->height = little16(s, 8);
}

/* A start-of-frame marker carries the size; DHT, JPG and DAC share its range. */
static bool is_jpeg_frame(uint32_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static void measure_jpeg(struct span s, struct sniffed *out)
{
    size_t at = 2;

    while (at + 9 < s.len && byte_at(s, at) == 0xFF) {
        uint32_t marker = byte_at(s, at + 1);

        if (is_jpeg_frame(marker)) {
            out->height = big16(s, at + 5);
            out->width = big16(s, at + 7);
            return;
        }
        at += marker == 0xFF ? 1 : 2 + (size_t)big16(s, at + 2);
    }
}

static void measure_webp(struct span s, struct sniffed *out)
{
    if (has_at(s, 12, SPAN_LIT("VP8X"))) {
        out->width = little24(s, 24) + 1;
        out->height = little24(s, 27) + 1;
    } else if (has_at(s, 12, SPAN_LIT("VP8 "))) {
        out->width = little16(s, 26) & 0x3FFF;
        out->height = little16(s, 28) & 0x3FFF;
    } else if (has_at(s, 12, SPAN_LIT("VP8L"))) {
        uint32_t bits =
            byte_at(s, 21) | byte_at(s, 22) << 8 | byte_at(s, 23) << 16 | byte_at(s, 24) << 24;

        out->width = (int)(bits & 0x3FFF) + 1;
        out->height = (int)(bits >> 14 & 0x3FFF) + 1;
    }
}

struct kind {
    size_t at;
    struct span magic;
    size_t at2; /* a second mark that must hold as well; none when magic2 is empty */
    struct span magic2;
    struct sniffed what;
    void (*measure)(struct span head, struct sniffed *out);
};

#define MAGIC(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define NO_MAGIC                                                                                   \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct kind KINDS[] = {
    {0, MAGIC("\x89PNG\r\n\x1a\n"), 0, NO_MAGIC, {OUTPUT_IMAGE, "image/png", 0, 0}, measure_png},
    {0, MAGIC("\xff\xd8\xff"), 0, NO_MAGIC, {OUTPUT_IMAGE, "image/jpeg", 0, 0}, measure_jpeg},
    {0, MAGIC("GIF8"), 0, NO_MAGIC, {OUTPUT_IMAGE, "image/gif", 0, 0}, measure_gif},
    {0, MAGIC("RIFF"), 8, MAGIC("WEBP"), {OUTPUT_IMAGE, "image/webp", 0, 0}, measure_webp},
    {0, MAGIC("RIFF"), 8, MAGIC("WAVE"), {OUTPUT_AUDIO, "audio/wav", 0, 0}, NULL},
    {0, MAGIC("fLaC"), 0, NO_MAGIC, {OUTPUT_AUDIO, "audio/flac", 0, 0}, NULL},
    {0, MAGIC("OggS"), 0, NO_MAGIC, {OUTPUT_AUDIO, "audio/ogg", 0, 0}, NULL},
    {0, MAGIC("ID3"), 0, NO_MAGIC, {OUTPUT_AUDIO, "audio/mpeg", 0, 0}, NULL},
    {0, MAGIC("\xff\xfb"), 0, NO_MAGIC, {OUTPUT_AUDIO, "audio/mpeg", 0, 0}, NULL},
    {4, MAGIC("ftypM4A"), 0, NO_MAGIC, {OUTPUT_AUDIO, "audio/mp4", 0, 0}, NULL},
    {4, MAGIC("ftyp"), 0, NO_MAGIC, {OUTPUT_VIDEO, "video/mp4", 0, 0}, NULL},
    {0, MAGIC("\x1a\x45\xdf\xa3"), 0, NO_MAGIC, {OUTPUT_VIDEO, "video/webm", 0, 0}, NULL},
};

struct sniffed sniff(struct span head)
{
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        const struct kind *k = &KINDS[i];

        if (has_at(head, k->at, k->magic) && has_at(head, k->at2, k->magic2)) {
            struct sniffed out = k->what;

            if (k->measure != NULL) {
                k->measure(head, &out);
            }
            return out;
        }
    }
    return UNKNOWN;
}
