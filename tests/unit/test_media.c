/* test_media.c - a file is what its bytes say: recorded files, the same cut off anywhere, headers that
 * lie, and files that are too large to be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "core/media.h"
#include "core/media_type.h"

#define FOLDER    TEST_DATA_DIR "/media/"
#define BYTES_MAX 65536

/* ---- recorded files -------------------------------------------------------------------------- */

struct recorded {
    const char *name;
    enum output_type type;
    const char *content_type;
    const char *extension;
    int width;
    int height;
    int64_t duration_ms;
    bool is_animated;
};

/* What tests/media/make.py asks for. Codecs add what fills their last frame. */
static const struct recorded RECORDED[] = {
    {"grey1.png", OUTPUT_IMAGE, "image/png", "png", 9, 7, 0, false},
    {"rgb.png", OUTPUT_IMAGE, "image/png", "png", 33, 17, 0, false},
    {"palette.png", OUTPUT_IMAGE, "image/png", "png", 12, 10, 0, false},
    {"grey16.png", OUTPUT_IMAGE, "image/png", "png", 6, 11, 0, false},
    {"alpha.png", OUTPUT_IMAGE, "image/png", "png", 1, 1, 0, false},
    {"workflow.png", OUTPUT_IMAGE, "image/png", "png", 16, 8, 0, false},
    {"interlaced.png", OUTPUT_IMAGE, "image/png", "png", 5, 3, 0, false},
    {"moving.png", OUTPUT_IMAGE, "image/png", "png", 20, 10, 650, true},
    {"still.gif", OUTPUT_IMAGE, "image/gif", "gif", 15, 9, 0, false},
    {"moving.gif", OUTPUT_IMAGE, "image/gif", "gif", 20, 10, 650, true},
    {"lossy.webp", OUTPUT_IMAGE, "image/webp", "webp", 35, 21, 0, false},
    {"lossless.webp", OUTPUT_IMAGE, "image/webp", "webp", 35, 22, 0, false},
    {"extended.webp", OUTPUT_IMAGE, "image/webp", "webp", 37, 23, 0, false},
    {"moving.webp", OUTPUT_IMAGE, "image/webp", "webp", 20, 10, 650, true},
    {"baseline.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 41, 27, 0, false},
    {"progressive.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 43, 29, 0, false},
    {"grey.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 1, 13, 0, false},
    {"cmyk.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 24, 18, 0, false},
    {"turned3.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 30, 20, 0, false},
    {"turned5-big-endian.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 20, 30, 0, false},
    {"turned6.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 20, 30, 0, false},
    {"turned8.jpg", OUTPUT_IMAGE, "image/jpeg", "jpg", 20, 30, 0, false},
    {"still.avif", OUTPUT_IMAGE, "image/avif", "avif", 38, 26, 0, false},
    {"turned.avif", OUTPUT_IMAGE, "image/avif", "avif", 26, 38, 0, false},
    {"moving.avif", OUTPUT_IMAGE, "image/avif", "avif", 38, 26, 1250, true},
    {"index-first.mp4", OUTPUT_VIDEO, "video/mp4", "mp4", 64, 48, 1500, false},
    {"index-last.mp4", OUTPUT_VIDEO, "video/mp4", "mp4", 64, 48, 1500, false},
    {"fragments.mp4", OUTPUT_VIDEO, "video/mp4", "mp4", 64, 48, 0, false},
    {"both.mp4", OUTPUT_VIDEO, "video/mp4", "mp4", 64, 48, 1500, false},
    {"turned.mp4", OUTPUT_VIDEO, "video/mp4", "mp4", 48, 64, 1500, false},
    {"film.mov", OUTPUT_VIDEO, "video/quicktime", "mov", 64, 48, 1500, false},
    {"sound.mp4", OUTPUT_AUDIO, "audio/mp4", "m4a", 0, 0, 1200, false},
    {"sound.m4a", OUTPUT_AUDIO, "audio/mp4", "m4a", 0, 0, 1200, false},
    {"vp8.webm", OUTPUT_VIDEO, "video/webm", "webm", 64, 48, 1500, false},
    {"vp9.webm", OUTPUT_VIDEO, "video/webm", "webm", 64, 48, 1500, false},
    {"both.webm", OUTPUT_VIDEO, "video/webm", "webm", 64, 48, 1507, false},
    {"live.webm", OUTPUT_VIDEO, "video/webm", "webm", 64, 48, 0, false},
    {"sound.webm", OUTPUT_AUDIO, "audio/webm", "webm", 0, 0, 1208, false},
    {"film.mkv", OUTPUT_VIDEO, "video/x-matroska", "mkv", 64, 48, 1500, false},
    {"wide.mkv", OUTPUT_VIDEO, "video/x-matroska", "mkv", 64, 48, 1500, false},
    {"film.ogv", OUTPUT_VIDEO, "video/ogg", "ogv", 64, 48, 0, false},
    {"sound.wav", OUTPUT_AUDIO, "audio/wav", "wav", 0, 0, 800, false},
    {"piped.wav", OUTPUT_AUDIO, "audio/wav", "wav", 0, 0, 800, false},
    {"sound.flac", OUTPUT_AUDIO, "audio/flac", "flac", 0, 0, 1200, false},
    {"vorbis.ogg", OUTPUT_AUDIO, "audio/ogg", "ogg", 0, 0, 1200, false},
    {"opus.ogg", OUTPUT_AUDIO, "audio/ogg", "ogg", 0, 0, 1200, false},
    {"info.mp3", OUTPUT_AUDIO, "audio/mpeg", "mp3", 0, 0, 1368, false},
    {"plain.mp3", OUTPUT_AUDIO, "audio/mpeg", "mp3", 0, 0, 1368, false},
    {"variable.mp3", OUTPUT_AUDIO, "audio/mpeg", "mp3", 0, 0, 1368, false},
    {"stereo44.mp3", OUTPUT_AUDIO, "audio/mpeg", "mp3", 0, 0, 731, false},
    {"two-tags.mp3", OUTPUT_AUDIO, "audio/mpeg", "mp3", 0, 0, 1368, false},
};

static struct buf read_recorded(const char *name)
{
    struct buf bytes = BUF_INIT(BYTES_MAX);
    AUTO(free_ptr) char *path = xasprintf(FOLDER "%s", name);

    assert_int_equal(file_read(path, BYTES_MAX, &bytes, NULL), ERR_NONE);
    return bytes;
}

/* A copy of the exact size, so that a sanitizer sees a read behind the end. */
static struct media probe_copy(const char *bytes, size_t len)
{
    AUTO(free_ptr) char *copy = xmalloc(len > 0 ? len : 1);

    memcpy(copy, bytes, len);
    return media_probe_span((struct span){copy, len});
}

static bool is_same_kind(const struct media *m, const struct recorded *r)
{
    return m->type == r->type && strcmp(m->content_type, r->content_type) == 0 &&
           strcmp(media_type_extension(m->content_type), r->extension) == 0;
}

static void test_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(RECORDED); i++) {
        const struct recorded *r = &RECORDED[i];
        AUTO(buf_clear) struct buf bytes = read_recorded(r->name);
        struct media m = probe_copy(buf_str(&bytes), bytes.len);

        if (!is_same_kind(&m, r) || m.width != r->width || m.height != r->height ||
            m.duration_ms != r->duration_ms || m.is_animated != r->is_animated || m.fault != NULL) {
            fail_msg("%s: %s .%s %dx%d %lld ms: %s", r->name, m.content_type,
                     media_type_extension(m.content_type), m.width, m.height,
                     (long long)m.duration_ms, m.fault);
        }
    }
}

/* A file that nobody expects anything of tests nothing. */
static void test_all_are_expected(void **state)
{
    DIR *dir = opendir(FOLDER);
    const struct dirent *entry = NULL;
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && strstr(entry->d_name, ".py") == NULL) {
            count++;
        }
    }
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(count, COUNT_OF(RECORDED));
}

/* Nothing is told of a header that is not believed. */
static void check_fault(const char *name, const struct media *m)
{
    if (m->width != 0 || m->height != 0 || m->duration_ms != 0 || m->is_animated ||
        m->fault[0] == '\0' || m->fault[strlen(m->fault) - 1] != '.') {
        fail_msg("%s: told in spite of a fault: %s", name, m->fault);
    }
}

/* How much may be missing before the kind itself is not seen. */
static size_t magic_len(const struct recorded *r)
{
    bool is_bare = strcmp(r->name, "plain.mp3") == 0;

    return is_bare ? 300 : 12;
}

/* Half a tag at the end looks like sound: 128 bytes, which are as many milliseconds at 8 kbit/s. */
static int64_t duration_max(const struct recorded *r)
{
    return r->duration_ms + (strcmp(r->name, "two-tags.mp3") == 0 ? 128 : 0);
}

static void check_cut(const struct recorded *r, const struct buf *bytes)
{
    bool was_whole = false;

    for (size_t len = 0; len < bytes->len; len++) {
        struct media m = probe_copy(buf_str(bytes), len);

        if (m.type == OUTPUT_FILE || m.type == OUTPUT_TEXT) {
            if (len >= magic_len(r)) {
                fail_msg("%s cut to %zu is not seen for what it is", r->name, len);
            }
            continue;
        }
        if (m.fault != NULL) {
            check_fault(r->name, &m);
            if (was_whole) {
                fail_msg("%s cut to %zu, but not when cut shorter: %s", r->name, len, m.fault);
            }
            continue;
        }
        was_whole = true;
        if (!is_same_kind(&m, r) || m.width != r->width || m.height != r->height ||
            m.duration_ms > duration_max(r) || m.is_animated > r->is_animated) {
            fail_msg("%s cut to %zu: %s %dx%d %lld ms", r->name, len, m.content_type, m.width,
                     m.height, (long long)m.duration_ms);
        }
    }
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(RECORDED); i++) {
        AUTO(buf_clear) struct buf bytes = read_recorded(RECORDED[i].name);

        check_cut(&RECORDED[i], &bytes);
    }
}

/* Each byte of the header set to what breaks most: no crash, and no size beyond the limits. */
static void test_broken_anywhere(void **state)
{
    static const unsigned char VALUES[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(RECORDED); i++) {
        AUTO(buf_clear) struct buf bytes = read_recorded(RECORDED[i].name);
        AUTO(free_ptr) char *copy = xmalloc(bytes.len);

        for (size_t at = 0; at < bytes.len * COUNT_OF(VALUES); at++) {
            struct media m;

            memcpy(copy, buf_str(&bytes), bytes.len);
            copy[at / COUNT_OF(VALUES)] = (char)VALUES[at % COUNT_OF(VALUES)];
            m = media_probe_span((struct span){copy, bytes.len});
            if (m.fault != NULL) {
                check_fault(RECORDED[i].name, &m);
            }
            assert_true((m.width > 0) == (m.height > 0) && m.duration_ms >= 0);
            assert_true((int64_t)m.width * m.height <= MEDIA_PIXELS_MAX);
        }
    }
}

/* ---- written by hand ------------------------------------------------------------------------- */

struct written {
    const char *name;
    struct span bytes;
    const char *content_type;
    int width;
    int height;
    int64_t duration_ms;
    const char *fault; /* how it begins; NULL when there is none */
};

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define UNKNOWN    "application/octet-stream"
#define TEXT       "text/plain; charset=utf-8"
#define CUT        "The file ends before"
#define EMPTY      "The file's header says that the picture has no"
#define TOO_LARGE  "The file's header claims a picture larger"
#define CONTRADICT "The file's header contradicts"

#define PNG  "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
#define TAIL "\1\2\3\4" /* a checksum, which nobody looks at */

static const struct written PICTURES[] = {
    {"png", BYTES(PNG "\0\0\2\0\0\0\1\0\x08\2\0\0\0" TAIL), "image/png", 512, 256, 0, NULL},
    {"png, cut in its magic bytes", BYTES("\x89PNG\r\n\x1a"), UNKNOWN, 0, 0, 0, NULL},
    {"png, cut behind them", BYTES("\x89PNG\r\n\x1a\n\0\0"), "image/png", 0, 0, 0, CUT},
    {"png of four thousand million", BYTES(PNG "\xff\xff\xff\xff\xff\xff\xff\xff\x08\2\0\0\0" TAIL),
     "image/png", 0, 0, 0, TOO_LARGE},
    {"png without a width", BYTES(PNG "\0\0\0\0\0\0\1\0\x08\2\0\0\0" TAIL), "image/png", 0, 0, 0,
     EMPTY},
    {"png without a height", BYTES(PNG "\0\0\1\0\0\0\0\0\x08\2\0\0\0" TAIL), "image/png", 0, 0, 0,
     EMPTY},
    {"png, the largest side", BYTES(PNG "\0\x0f\x42\x40\0\0\0\1\x08\2\0\0\0" TAIL), "image/png",
     1000000, 1, 0, NULL},
    {"png, a side larger than that", BYTES(PNG "\0\x0f\x42\x41\0\0\0\1\x08\2\0\0\0" TAIL),
     "image/png", 0, 0, 0, TOO_LARGE},
    {"png of the most pixels", BYTES(PNG "\0\1\0\0\0\1\0\0\x08\2\0\0\0" TAIL), "image/png", 65536,
     65536, 0, NULL},
    {"png of more pixels than that", BYTES(PNG "\0\1\0\1\0\1\0\0\x08\2\0\0\0" TAIL), "image/png", 0,
     0, 0, TOO_LARGE},
    {"png of a depth that its colours have not", BYTES(PNG "\0\0\2\0\0\0\1\0\4\2\0\0\0" TAIL),
     "image/png", 0, 0, 0, CONTRADICT},
    {"png of no depth", BYTES(PNG "\0\0\2\0\0\0\1\0\0\2\0\0\0" TAIL), "image/png", 0, 0, 0,
     CONTRADICT},
    {"png of unknown colours", BYTES(PNG "\0\0\2\0\0\0\1\0\x08\7\0\0\0" TAIL), "image/png", 0, 0, 0,
     CONTRADICT},
    {"png of an unknown order", BYTES(PNG "\0\0\2\0\0\0\1\0\x08\2\0\0\2" TAIL), "image/png", 0, 0,
     0, CONTRADICT},
    {"png packed in an unknown way", BYTES(PNG "\0\0\2\0\0\0\1\0\x08\2\1\0\0" TAIL), "image/png", 0,
     0, 0, CONTRADICT},
    {"png whose first chunk is another",
     BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\2\0\0\0\1\0\x08\2\0\0\0" TAIL), "image/png", 0, 0, 0,
     CONTRADICT},
    {"gif", BYTES("GIF89a\x10\0\x20\0\0\0\0;"), "image/gif", 16, 32, 0, NULL},
    {"gif, the older kind", BYTES("GIF87a\x10\0\x20\0\0\0\0;"), "image/gif", 16, 32, 0, NULL},
    {"gif, cut", BYTES("GIF89a\x10\0\x20\0\0\0"), "image/gif", 0, 0, 0, CUT},
    {"gif, a delay that counts once",
     BYTES("GIF89a\x10\0\x20\0\0\0\0!\xf9\4\0\x0a\0\0\0"
           ",\0\0\0\0\x10\0\x20\0\0\2\0,\0\0\0\0\x10\0\x20\0\0\2\0;"),
     "image/gif", 16, 32, 100, NULL},
    {"gif without a width", BYTES("GIF89a\0\0\x20\0\0\0\0;"), "image/gif", 0, 0, 0, EMPTY},
    {"gif of an unknown version", BYTES("GIF90a\x10\0\x20\0\0\0\0;"), UNKNOWN, 0, 0, 0, NULL},
    {"jpeg", BYTES("\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x0b\x08\0\x30\0\x40\1\1\x11\0\xff\xda"),
     "image/jpeg", 64, 48, 0, NULL},
    {"jpeg, cut behind its frame",
     BYTES("\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x0b\x08\0\x30\0\x40\1\1\x11\0\xff"), "image/jpeg", 0,
     0, 0, CUT},
    {"jpeg with something between",
     BYTES("\xff\xd8\xff\xff\xe0\0\4xx..\0\xff\xff\xc2\0\x0b\x08"
           "\0\x30\0\x40\1\1\x11\0\xff\xd0\xff\x01\xff\xda"),
     "image/jpeg", 64, 48, 0, NULL},
    {"jpeg with a segment of no length", BYTES("\xff\xd8\xff\xe0\0\0\xff\xe0\0\0\xff\xe0\0\0"),
     "image/jpeg", 0, 0, 0, CONTRADICT},
    {"jpeg without a height", BYTES("\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x40\1\1\x11\0\xff\xda"),
     "image/jpeg", 0, 0, 0, EMPTY},
    {"jpeg of two frames",
     BYTES("\xff\xd8\xff\xc0\0\x0b\x08\0\x30\0\x40\1\1\x11\0"
           "\xff\xc0\0\x0b\x08\0\x31\0\x41\1\1\x11\0\xff\xda"),
     "image/jpeg", 0, 0, 0, CONTRADICT},
    {"jpeg whose frame is too long", BYTES("\xff\xd8\xff\xc0\0\x0c\x08\0\x30\0\x40\1\1\x11\0\0"),
     "image/jpeg", 0, 0, 0, CONTRADICT},
    {"jpeg without a frame", BYTES("\xff\xd8\xff\xda"), "image/jpeg", 0, 0, 0, CONTRADICT},
    {"jpeg that ends at once", BYTES("\xff\xd8\xff\xd9"), "image/jpeg", 0, 0, 0, CONTRADICT},
    {"jpeg whose exif points behind itself",
     BYTES("\xff\xd8\xff\xe1\0\x14"
           "Exif\0\0II\x2a\0\xff\xff\xff\xff\x01\0\x12\x01\xff\xc0\0\x0b\x08"
           "\0\x30\0\x40\1\1\x11\0\xff\xda"),
     "image/jpeg", 64, 48, 0, NULL},
    {"jpeg whose exif counts more than it has",
     BYTES("\xff\xd8\xff\xe1\0\x1e"
           "Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff\x01\0\0\3\0\0\0\1\0\6\0\0\xff\xc0\0\x0b\x08"
           "\0\x30\0\x40\1\1\x11\0\xff\xda"),
     "image/jpeg", 64, 48, 0, NULL},
    {"webp, extended", BYTES("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0"),
     "image/webp", 64, 32, 0, NULL},
    {"webp, extended too far", BYTES("RIFF\x16\0\0\0WEBPVP8X\x0b\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0"),
     "image/webp", 0, 0, 0, CONTRADICT},
    {"webp, as large as can be said",
     BYTES("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff"), "image/webp", 0, 0,
     0, TOO_LARGE},
    {"webp, animated, of a picture longer than the file",
     BYTES("RIFF\x3e\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\x3f\0\0\x1f\0\0ANMF\xff\xff\xff\xff\0\0\0\0"
           "\0\0\0\0\0\0\0\0\x64\0\0\0"),
     "image/webp", 64, 32, 0, NULL},
    {"webp, lossy, without a start",
     BYTES("RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2b\x40\0\x20\0"), "image/webp", 0, 0, 0,
     CONTRADICT},
    {"webp, lossy, that begins in the middle",
     BYTES("RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\1\0\0\x9d\x01\x2a\x40\0\x20\0"), "image/webp", 0, 0, 0,
     CONTRADICT},
    {"webp, lossy, scaled",
     BYTES("RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x40\x40\x20\xc0"), "image/webp", 64,
     32, 0, NULL},
    {"webp, lossless, of a later version", BYTES("RIFF\x16\0\0\0WEBPVP8L\5\0\0\0\x2f\x3f\0\0\x20"),
     "image/webp", 0, 0, 0, CONTRADICT},
    {"webp of an unknown kind", BYTES("RIFF\x16\0\0\0WEBPVP9 \x0a\0\0\0"), "image/webp", 0, 0, 0,
     CONTRADICT},
    {"riff of another kind", BYTES("RIFF\x16\0\0\0AVI LIST\x0a\0\0\0"), UNKNOWN, 0, 0, 0, NULL},
    {"bmp", BYTES("BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0"), UNKNOWN, 0, 0, 0,
     NULL},
};

#define FTYP(brand)                                                                                \
    "\0\0\0\x10"                                                                                   \
    "ftyp" brand "\0\0\0\0"
#define MVHD                                                                                       \
    "\0\0\0\x1c"                                                                                   \
    "mvhd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\xe8\0\0\x0f\xa0"
#define SOUND_TRACK "\0\0\0\x24trak\0\0\0\x1cmdia\0\0\0\x14hdlr\0\0\0\0\0\0\0\0soun"
#define EBML        "\x1a\x45\xdf\xa3\x80"

static const struct written FILMS[] = {
    {"mp4 without anything", BYTES(FTYP("isom")), "video/mp4", 0, 0, 0, CUT},
    {"mp4, sound only", BYTES(FTYP("isom") "\0\0\0\x48moov" MVHD SOUND_TRACK), "audio/mp4", 0, 0,
     4000, NULL},
    {"mp4, sound only, in a box up to the end", BYTES(FTYP("isom") "\0\0\0\0moov" MVHD SOUND_TRACK),
     "audio/mp4", 0, 0, 4000, NULL},
    {"mp4, sound only, in a box of the large kind",
     BYTES(FTYP("isom") "\0\0\0\1moov\0\0\0\0\0\0\0\x50" MVHD SOUND_TRACK), "audio/mp4", 0, 0, 4000,
     NULL},
    {"mp4 in a box as large as can be said",
     BYTES(FTYP("isom") "\0\0\0\1moov\xff\xff\xff\xff\xff\xff\xff\xff" MVHD SOUND_TRACK),
     "video/mp4", 0, 0, 0, CUT},
    {"mp4 without tracks", BYTES(FTYP("isom") "\0\0\0\x24moov" MVHD), "video/mp4", 0, 0, 0,
     CONTRADICT},
    {"mp4, a box inside larger than the outer", BYTES(FTYP("isom") "\0\0\0\x10moov\0\0\0\x40trak"),
     "video/mp4", 0, 0, 0, CONTRADICT},
    {"mp4, a box smaller than its head", BYTES(FTYP("isom") "\0\0\0\x10moov\0\0\0\4trak"),
     "video/mp4", 0, 0, 0, CONTRADICT},
    {"mp4, a small box that leads to a good one",
     BYTES(FTYP("isom") "\0\0\0\x30moov\0\0\0\4" SOUND_TRACK), "video/mp4", 0, 0, 0, CONTRADICT},
    {"mp4, boxes without a size, one in the other",
     BYTES(FTYP("isom") "\0\0\0\0moov\0\0\0\0trak\0\0\0\0mdia\0\0\0\0minf"), "video/mp4", 0, 0, 0,
     CONTRADICT},
    {"mp4, a head that is too short",
     BYTES(FTYP("isom") "\0\0\0\x34moov\0\0\0\x08mvhd" SOUND_TRACK), "audio/mp4", 0, 0, 0, NULL},
    {"m4a, cut", BYTES(FTYP("M4A ")), "audio/mp4", 0, 0, 0, CUT},
    {"heic", BYTES(FTYP("heic")), UNKNOWN, 0, 0, 0, NULL},
    {"avif without a size", BYTES(FTYP("avif") "\0\0\0\x0cmeta\0\0\0\0"), "image/avif", 0, 0, 0,
     CONTRADICT},
    {"avif of no height",
     BYTES(FTYP("avif") "\0\0\0\x30meta\0\0\0\0\0\0\0\x24iprp\0\0\0\x1cipco"
                        "\0\0\0\x14ispe\0\0\0\0\0\0\0\5\0\0\0\0"),
     "image/avif", 0, 0, 0, EMPTY},
    {"avif under another brand first",
     BYTES("\0\0\0\x14"
           "ftypmif1\0\0\0\0avif"
           "\0\0\0\x30meta\0\0\0\0\0\0\0\x24iprp\0\0\0\x1cipco"
           "\0\0\0\x14ispe\0\0\0\0\0\0\0\5\0\0\0\6"),
     "image/avif", 5, 6, 0, NULL},
    {"webm, cut", BYTES("\x1a\x45\xdf\xa3\x01"), "video/webm", 0, 0, 0, CUT},
    {"webm without a segment", BYTES(EBML), "video/webm", 0, 0, 0, CUT},
    {"webm without tracks", BYTES(EBML "\x18\x53\x80\x67\x80"), "video/webm", 0, 0, 0, CONTRADICT},
    {"webm of no track", BYTES(EBML "\x18\x53\x80\x67\x85\x16\x54\xae\x6b\x80"), "video/webm", 0, 0,
     0, CONTRADICT},
    {"webm of pixels",
     BYTES(EBML "\x18\x53\x80\x67\x92\x16\x54\xae\x6b\x8d\xae\x8b\x83\x81\1\xe0"
                "\x86\xb0\x81\x40\xba\x81\x30"),
     "video/webm", 64, 48, 0, NULL},
    {"webm shown otherwise",
     BYTES(EBML "\x18\x53\x80\x67\x9a\x16\x54\xae\x6b\x95\xae\x93\x83\x81\1\xe0"
                "\x8e\xb0\x81\x40\xba\x81\x30\x54\xb0\x81\x50\x54\xba\x81\x28"),
     "video/webm", 80, 40, 0, NULL},
    {"webm shown in no pixels",
     BYTES(EBML "\x18\x53\x80\x67\x9e\x16\x54\xae\x6b\x99\xae\x97\x83\x81\1\xe0"
                "\x92\xb0\x81\x40\xba\x81\x30\x54\xb0\x81\x50\x54\xba\x81\x28\x54\xb2\x81\3"),
     "video/webm", 64, 48, 0, NULL},
    {"webm without a height",
     BYTES(EBML "\x18\x53\x80\x67\x8f\x16\x54\xae\x6b\x8a\xae\x88\x83\x81\1\xe0\x83\xb0\x81\x40"),
     "video/webm", 0, 0, 0, EMPTY},
    {"webm, an element larger than its outer one",
     BYTES(EBML "\x18\x53\x80\x67\x88\x16\x54\xae\x6b\x83\xae\x88\x83\x81\1\xe0\x83\xb0\x81\x40"),
     "video/webm", 0, 0, 0, CONTRADICT},
    {"webm, tracks without an end",
     BYTES(EBML "\x18\x53\x80\x67\xff\x16\x54\xae\x6b\xff\xae\x88\x83\x81\1\xe0\x83\xb0\x81\x40"),
     "video/webm", 0, 0, 0, CONTRADICT},
    {"webm, an element without an id", BYTES(EBML "\x18\x53\x80\x67\x85\0\0\0\0\0"), "video/webm",
     0, 0, 0, CONTRADICT},
    {"webm that lasts no number of seconds",
     BYTES(EBML "\x18\x53\x80\x67\x9e\x15\x49\xa9\x66\x87\x44\x89\x84\x7f\xc0\0\0"
                "\x16\x54\xae\x6b\x8d\xae\x8b\x83\x81\1\xe0\x86\xb0\x81\x40\xba\x81\x30"),
     "video/webm", 64, 48, 0, NULL},
    {"webm that lasts forever",
     BYTES(EBML "\x18\x53\x80\x67\x9e\x15\x49\xa9\x66\x87\x44\x89\x84\x7f\x7f\xff\xff"
                "\x16\x54\xae\x6b\x8d\xae\x8b\x83\x81\1\xe0\x86\xb0\x81\x40\xba\x81\x30"),
     "video/webm", 64, 48, 0, NULL},
    {"webm that lasts two seconds",
     BYTES(EBML "\x18\x53\x80\x67\x9e\x15\x49\xa9\x66\x87\x44\x89\x84\x44\xfa\0\0"
                "\x16\x54\xae\x6b\x8d\xae\x8b\x83\x81\1\xe0\x86\xb0\x81\x40\xba\x81\x30"),
     "video/webm", 64, 48, 2000, NULL},
};

#define FORMAT(per_second) "fmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0" per_second "\1\0\x08\0"

static const struct written SOUNDS[] = {
    {"wav without a format", BYTES("RIFF\0\0\0\0WAVEfmt "), "audio/wav", 0, 0, 0, CUT},
    {"wav", BYTES("RIFF\0\0\0\0WAVE" FORMAT("\x40\x1f\0\0") "data\x80\x3e\0\0"), "audio/wav", 0, 0,
     2000, NULL},
    {"wav, sound first", BYTES("RIFF\0\0\0\0WAVEdata\x80\x3e\0\0"), "audio/wav", 0, 0, 0,
     CONTRADICT},
    {"wav of no bytes a second", BYTES("RIFF\0\0\0\0WAVE" FORMAT("\0\0\0\0") "data\x80\x3e\0\0"),
     "audio/wav", 0, 0, 0, CONTRADICT},
    {"flac, cut", BYTES("fLaC\0\0\0\x22"), "audio/flac", 0, 0, 0, CUT},
    {"flac of no samples a second",
     BYTES("fLaC\0\0\0\x22\x10\0\x10\0\0\0\x0e\0\0\x10\0\0\0\xf0\0\0\0\0"
           "0123456789abcdef"),
     "audio/flac", 0, 0, 0, CONTRADICT},
    {"ogg, cut", BYTES("OggS\0\2"), "audio/ogg", 0, 0, 0, CUT},
    {"ogg of an unknown codec",
     BYTES("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0\1\x08"
           "Speex   "),
     "audio/ogg", 0, 0, 0, NULL},
    {"ogg, vorbis of no samples a second",
     BYTES("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0\1\x1e"
           "\1vorbis\0\0\0\0\1\0\0\0\0"),
     "audio/ogg", 0, 0, 0, CONTRADICT},
    {"id3 without music", BYTES("ID3\4\0\0\0\0\0\0"), "audio/mpeg", 0, 0, 0, CUT},
    {"two bytes of an mp3", BYTES("\xff\xfb"), UNKNOWN, 0, 0, 0, NULL},
    {"one head of an mp3, and something else",
     BYTES("\xff\xfb\x90\0 and something else that is no frame at all"), UNKNOWN, 0, 0, 0, NULL},
    {"utf-16", BYTES("\xff\xfe\x61\0\x62\0"), UNKNOWN, 0, 0, 0, NULL},
};

static const struct written TEXTS[] = {
    {"nothing", {"", 0}, UNKNOWN, 0, 0, 0, NULL},
    {"text", BYTES("a \xe7\x8c\xab\r\n\tsits"), TEXT, 0, 0, 0, NULL},
    {"one letter", BYTES("a"), TEXT, 0, 0, 0, NULL},
    {"text with a mark", BYTES("\xef\xbb\xbftext"), TEXT, 0, 0, 0, NULL},
    {"script", BYTES("alert(1)"), TEXT, 0, 0, 0, NULL},
    {"a smaller-than later", BYTES("a < b"), TEXT, 0, 0, 0, NULL},
    {"json", BYTES(" {\"a\": [1, 2.0]}\n"), "application/json", 0, 0, 0, NULL},
    {"json, an array", BYTES("[]"), "application/json", 0, 0, 0, NULL},
    {"not quite json", BYTES("{red|blue} house"), TEXT, 0, 0, 0, NULL},
    {"blanks only", BYTES(" \n\t"), UNKNOWN, 0, 0, 0, NULL},
    {"html", BYTES("<html><script>"), UNKNOWN, 0, 0, 0, NULL},
    {"html behind blanks", BYTES("\xef\xbb\xbf \r\n\t\f<html>"), UNKNOWN, 0, 0, 0, NULL},
    {"svg", BYTES("<svg onload=alert(1)>"), UNKNOWN, 0, 0, 0, NULL},
    {"xml", BYTES("<?xml version='1.0'?><a/>"), UNKNOWN, 0, 0, 0, NULL},
    {"pdf", BYTES("%PDF-1.7 ..."), UNKNOWN, 0, 0, 0, NULL},
    {"a zero byte", BYTES("text\0"), UNKNOWN, 0, 0, 0, NULL},
    {"a zero byte first", BYTES("\0text"), UNKNOWN, 0, 0, 0, NULL},
    {"a control character", BYTES("te\x1b[0mxt"), UNKNOWN, 0, 0, 0, NULL},
    {"latin-1", BYTES("caf\xe9 au lait"), UNKNOWN, 0, 0, 0, NULL},
    {"half a character at the end", BYTES("caf\xc3"), UNKNOWN, 0, 0, 0, NULL},
    {"archive", BYTES("PK\3\4"), UNKNOWN, 0, 0, 0, NULL},
};

static bool is_fault(const char *fault, const char *begins)
{
    return begins == NULL ? fault == NULL
                          : fault != NULL && strncmp(fault, begins, strlen(begins)) == 0;
}

static void check_written(const struct written *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct written *w = &table[i];
        struct media m = probe_copy(w->bytes.ptr, w->bytes.len);

        if (strcmp(m.content_type, w->content_type) != 0 || m.width != w->width ||
            m.height != w->height || m.duration_ms != w->duration_ms ||
            !is_fault(m.fault, w->fault)) {
            fail_msg("%s: %s %dx%d %lld ms: %s", w->name, m.content_type, m.width, m.height,
                     (long long)m.duration_ms, m.fault);
        }
        if (m.fault != NULL) {
            check_fault(w->name, &m);
        }
    }
}

static void test_pictures(void **state)
{
    (void)state;
    check_written(PICTURES, COUNT_OF(PICTURES));
}

static void test_films(void **state)
{
    (void)state;
    check_written(FILMS, COUNT_OF(FILMS));
}

static void test_sounds(void **state)
{
    (void)state;
    check_written(SOUNDS, COUNT_OF(SOUNDS));
}

static void test_texts(void **state)
{
    (void)state;
    check_written(TEXTS, COUNT_OF(TEXTS));
}

/* The other header that counts frames, which few programs write: 48 kHz stereo, 384 bytes a frame. */
static void test_mp3_vbri(void **state)
{
    char bytes[2 * 384] = "";

    (void)state;
    memcpy(bytes, "\xff\xfb\x94\0", 4);
    memcpy(bytes + 384, "\xff\xfb\x94\0", 4);
    assert_int_equal(probe_copy(bytes, sizeof bytes).duration_ms, 48);
    memcpy(bytes + 36, "VBRI\0\1\0\0\0\0\0\0\0\0\0\0\1\xf4", 18);
    assert_int_equal(probe_copy(bytes, sizeof bytes).duration_ms, 12000);
}

/* ---- files that are larger than what is read of them ------------------------------------------ */

struct made {
    struct span head;
    struct span loop; /* again and again up to the tail */
    struct span tail;
    int64_t size;
    int64_t fails_from; /* reads from here on fail; 0 = none */
    int reads;
};

static char byte_at(const struct made *f, int64_t at)
{
    if (at < (int64_t)f->head.len) {
        return f->head.ptr[at];
    }
    if (at >= f->size - (int64_t)f->tail.len) {
        return f->tail.ptr[at - (f->size - (int64_t)f->tail.len)];
    }
    return f->loop.ptr[(uint64_t)(at - (int64_t)f->head.len) % f->loop.len];
}

static size_t read_made(void *arg, int64_t offset, void *buf, size_t len)
{
    struct made *f = arg;

    f->reads++;
    assert_true(offset >= 0 && offset < f->size && len <= MEDIA_READ_BYTES);
    assert_true((int64_t)len <= f->size - offset);
    if (f->fails_from > 0 && offset + (int64_t)len > f->fails_from) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        ((char *)buf)[i] = byte_at(f, offset + (int64_t)i);
    }
    return len;
}

static struct media probe_made(struct made *f)
{
    return media_probe(&(struct media_source){.arg = f, .read_at = read_made, .size = f->size});
}

#define GIBIBYTE (INT64_C(1) << 30)

static void test_index_behind_eight_gibibytes(void **state)
{
    struct made f = {
        .head = SPAN_LIT(FTYP("isom") "\0\0\0\1mdat\0\0\0\2\0\0\0\x10"),
        .loop = SPAN_LIT("moov"),
        .tail = SPAN_LIT("\0\0\0\x48moov" MVHD SOUND_TRACK),
        .size = 8 * GIBIBYTE + 32 + 72,
    };
    struct media m = probe_made(&f);

    (void)state;
    assert_null(m.fault);
    assert_int_equal(m.duration_ms, 4000);
    assert_in_range(f.reads, 1, 4);

    f.fails_from = 8 * GIBIBYTE;
    m = probe_made(&f);
    assert_string_equal(m.content_type, "video/mp4");
    assert_true(is_fault(m.fault, CUT));
}

/* 200 KB of colour profile, in segments as large as can be. */
static void test_frame_behind_a_profile(void **state)
{
    AUTO(buf_clear) struct buf bytes = BUF_INIT(1 << 20);
    AUTO(free_ptr) char *profile = xcalloc(1, 65535 + 2);
    struct made f = {0};
    struct media m;

    (void)state;
    memcpy(profile, "\xff\xe2\xff\xff", 4);
    (void)buf_append(&bytes, "\xff\xd8", 2);
    for (int i = 0; i < 4; i++) {
        (void)buf_append(&bytes, profile, 65535 + 2);
    }
    (void)buf_append_span(&bytes, SPAN_LIT("\xff\xc0\0\x0b\x08\0\x30\0\x40\1\1\x11\0\xff\xda"));
    assert_true(buf_ok(&bytes));
    f.head = buf_span(&bytes);
    f.size = (int64_t)bytes.len;
    m = probe_made(&f);
    assert_null(m.fault);
    assert_int_equal(m.width, 64);
    assert_int_equal(m.height, 48);
    assert_in_range(f.reads, 1, 8);
}

/* Each goes on and on; all are left in time. What was known before that is told. */
static void test_without_end(void **state)
{
    static const struct {
        const char *name;
        struct span head;
        struct span loop;
        int width;
        bool is_faulty;
    } ENDLESS[] = {
        {"png of empty chunks", BYTES(PNG "\0\0\2\0\0\0\1\0\x08\2\0\0\0" TAIL),
         BYTES("\0\0\0\0tEXt\1\2\3\4"), 512, false},
        {"gif of pieces", BYTES("GIF89a\x10\0\x20\0\0\0\0,\0\0\0\0\x10\0\x20\0\0\2"), BYTES("\1"),
         16, false},
        {"gif of pictures", BYTES("GIF89a\x10\0\x20\0\0\0\0"), BYTES(",\0\0\0\0\x10\0\x20\0\0\2\0"),
         16, false},
        {"jpeg of nothing between", BYTES("\xff\xd8\xff\xe0\0\2"), BYTES("\0"), 0, true},
        {"jpeg of filling", BYTES("\xff\xd8\xff\xe0\0\2"), BYTES("\xff"), 0, true},
        {"jpeg of restarts", BYTES("\xff\xd8\xff\xe0\0\2"), BYTES("\xff\xd0"), 0, true},
        {"jpeg of segments", BYTES("\xff\xd8\xff"), BYTES("\xe0\0\2\xff"), 0, true},
        {"webp of pictures",
         BYTES("RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\2\0\0\0\x3f\0\0\x1f\0\0"),
         BYTES("ANMF\0\0\0\0"), 64, false},
        {"wav of chunks", BYTES("RIFF\xff\xff\xff\xffWAVE"), BYTES("junk\0\0\0\0"), 0, true},
        {"mp4 of boxes", BYTES(FTYP("isom")),
         BYTES("\0\0\0\x08"
               "free"),
         0, true},
        {"mp4 of tracks", BYTES(FTYP("isom") "\0\0\0\0moov"), BYTES("\0\0\0\x08trak"), 0, true},
        {"avif of sizes", BYTES(FTYP("avif") "\0\0\0\0meta\0\0\0\0\0\0\0\0iprp\0\0\0\0ipco"),
         BYTES("\0\0\0\x14ispe\0\0\0\0\0\0\0\5\0\0\0\6"), 0, true},
        {"webm of voids", BYTES(EBML "\x18\x53\x80\x67\xff"), BYTES("\xec\x80"), 0, true},
        {"webm of segments", BYTES(EBML), BYTES("\xec\x80"), 0, true},
        {"webm of tracks",
         BYTES(EBML "\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x01\0\xff\xff\xff\xff\xff\xff"),
         BYTES("\xae\x80"), 0, true},
        {"mp3 of nothing", BYTES("ID3\4\0\0\0\0\0\0"), BYTES("\0"), 0, true},
        {"ogg of pages",
         BYTES("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0\1\x1e"
               "\1vorbis\0\0\0\0\1\x40\x1f\0\0"),
         BYTES("OggS\0"), 0, false},
        {"text", BYTES("text"), BYTES("\xe7\x8c\xab"), 0, false},
        {"json", BYTES("[0"), BYTES(",0"), 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ENDLESS); i++) {
        struct made f = {.head = ENDLESS[i].head, .loop = ENDLESS[i].loop, .size = INT64_MAX};
        struct media m = probe_made(&f);

        if (f.reads > MEDIA_READS_MAX || m.width != ENDLESS[i].width || m.duration_ms < 0 ||
            (m.fault != NULL) != ENDLESS[i].is_faulty) {
            fail_msg("%s: %d reads, %s %d: %s", ENDLESS[i].name, f.reads, m.content_type, m.width,
                     m.fault);
        }
    }
}

/* A large text is one by its beginning; a short one in all of its bytes. */
static void test_large_texts(void **state)
{
    struct made f = {.head = SPAN_LIT("{"),
                     .loop = SPAN_LIT("\xe7\x8c\xab"),
                     .tail = SPAN_LIT("\0"),
                     .size = 1 + 3 * INT64_C(90000) + 1};
    struct media m = probe_made(&f);

    (void)state;
    assert_string_equal(m.content_type, TEXT);
    assert_in_range(f.reads, 1, 80);
    f.size = 1 + 3 * INT64_C(80000) + 1;
    m = probe_made(&f);
    assert_string_equal(m.content_type, UNKNOWN);
    f.tail = SPAN_LIT("}");
    m = probe_made(&f);
    assert_string_equal(m.content_type, TEXT);
    assert_string_equal(media_type_extension(m.content_type), "txt");

    f = (struct made){.head = SPAN_LIT("[0"),
                      .loop = SPAN_LIT(",0"),
                      .tail = SPAN_LIT("]"),
                      .size = 2 + 2 * INT64_C(20000) + 1};
    m = probe_made(&f);
    assert_string_equal(m.content_type, "application/json");
    assert_string_equal(media_type_extension(m.content_type), "json");
    assert_int_equal(m.type, OUTPUT_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_all_are_expected),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_broken_anywhere),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_films),
        cmocka_unit_test(test_sounds),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_mp3_vbri),
        cmocka_unit_test(test_index_behind_eight_gibibytes),
        cmocka_unit_test(test_frame_behind_a_profile),
        cmocka_unit_test(test_without_end),
        cmocka_unit_test(test_large_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
