/* fuzz_discord_text.c - any bytes as text of strangers: what is shown is valid, short enough, pings nobody and stays in its place.
 *
 * The first byte is the limit; the rest is the text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/text.h"

#define OUT_MAX  (4U << 20)
#define NAME_MAX 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_limit(const struct buf *out, size_t max)
{
    bug_if(!buf_ok(out) || !utf8_valid(buf_span(out)));
    bug_if(text_count(buf_str(out)) > max);
}

/* A mark of Discord's counts unless it stands behind an odd number of backslashes. */
static bool is_escaped(const char *text, const char *mark)
{
    const char *at = mark;

    while (at > text && at[-1] == '\\') {
        at--;
    }
    return (mark - at) % 2 == 1;
}

static void check_cut(const char *text, size_t max)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(OUT_MAX);
    AUTO(buf_clear) struct buf again = BUF_INIT(OUT_MAX);

    text_cut(&out, text, max);
    check_limit(&out, max);
    text_cut(&again, buf_str(&out), max);
    bug_if(!span_eq(buf_span(&out), buf_span(&again)));
    if (text_count(text) <= max && utf8_valid(span_of(text))) {
        bug_if(strcmp(buf_str(&out), text) != 0);
    }
}

static void check_char(const char *shown, const char *at)
{
    bug_if(strchr("*_~`|<>[]():", *at) != NULL && !is_escaped(shown, at));
    bug_if(*at == '@' && strncmp(at + 1, "\xe2\x80\x8b", 3) != 0);
    bug_if((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t');
}

/* Neither a heading nor a list, also behind blanks. */
static void check_line(const char *line)
{
    char first = line[strspn(line, " \t")];

    bug_if(first == '#' || first == '-' || first == '+');
}

static void check_escape(const char *text, size_t max)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(OUT_MAX);
    const char *shown = NULL;

    text_escape(&out, text, max);
    check_limit(&out, max);
    shown = buf_str(&out);
    check_line(shown);
    for (const char *at = shown; *at != '\0'; at++) {
        check_char(shown, at);
        if (*at == '\n') {
            check_line(at + 1);
        }
    }
}

static void check_code(const char *text, size_t max)
{
    static const size_t frame = 8; /* two fences, two line ends */
    AUTO(buf_clear) struct buf out = BUF_INIT(OUT_MAX);
    const char *inside = NULL;

    text_code(&out, text, max);
    check_limit(&out, max > frame ? max : frame);
    inside = buf_str(&out) + 4;
    bug_if(strstr(inside, "```") != buf_str(&out) + out.len - 3);
}

static void check_filename(const char *text)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(OUT_MAX);
    AUTO(buf_clear) struct buf again = BUF_INIT(OUT_MAX);

    text_filename(&out, text);
    check_limit(&out, NAME_MAX);
    bug_if(out.len == 0 || out.data[0] == '.' || strchr(buf_str(&out), '/') != NULL);
    text_filename(&again, buf_str(&out));
    bug_if(!span_eq(buf_span(&out), buf_span(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = NULL;

    if (size == 0) {
        return 0;
    }
    /* Of its own, so that a byte too far is seen. */
    text = xstrndup((const char *)data + 1, size - 1);
    bug_if(text_count(text) > size);
    check_cut(text, data[0]);
    check_escape(text, data[0]);
    check_code(text, data[0]);
    check_filename(text);
    return 0;
}
