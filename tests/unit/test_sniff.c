/* Files are what their first bytes say, and a lying header does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/sniff.h"

struct row_case {
    const char *name;
    struct span head;
    enum output_type type;
    const char *content_type;
    int width;
    int height;
};

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct row_case CASES[] = {
    {"png", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\0\0\0\1\0"), OUTPUT_IMAGE, "image/png", 512,
     256},
    {"cut png", BYTES("\x89PNG\r\n\x1a\n\0\0"), OUTPUT_IMAGE, "image/png", 0, 0},
    {"png of four thousand million",
     BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff"), OUTPUT_IMAGE,
     "image/png", 0, 0},
    {"gif", BYTES("GIF89a\x10\0\x20\0"), OUTPUT_IMAGE, "image/gif", 16, 32},
    {"jpeg", BYTES("\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x11\x08\0\x30\0\x40\3"), OUTPUT_IMAGE,
     "image/jpeg", 64, 48},
    {"jpeg with a segment of no length", BYTES("\xff\xd8\xff\xe0\0\0\xff\xe0\0\0\xff\xe0\0\0"),
     OUTPUT_IMAGE, "image/jpeg", 0, 0},
    {"webp, extended", BYTES("RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0"),
     OUTPUT_IMAGE, "image/webp", 64, 32},
    {"wav", BYTES("RIFF\0\0\0\0WAVEfmt "), OUTPUT_AUDIO, "audio/wav", 0, 0},
    {"mp4",
     BYTES("\0\0\0\x20"
           "ftypisom"),
     OUTPUT_VIDEO, "video/mp4", 0, 0},
    {"webm", BYTES("\x1a\x45\xdf\xa3\x01"), OUTPUT_VIDEO, "video/webm", 0, 0},
    {"html", BYTES("<html><script>"), OUTPUT_FILE, "application/octet-stream", 0, 0},
    {"svg", BYTES("<svg onload=alert(1)>"), OUTPUT_FILE, "application/octet-stream", 0, 0},
    {"nothing", {"", 0}, OUTPUT_FILE, "application/octet-stream", 0, 0},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct row_case *c = &CASES[i];
        struct sniffed s = sniff(c->head);

        if (s.type != c->type || strcmp(s.content_type, c->content_type) != 0 ||
            s.width != c->width || s.height != c->height) {
            fail_msg("%s: %s %dx%d", c->name, s.content_type, s.width, s.height);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
