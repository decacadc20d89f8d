/* text.c - see text.h.
 */
#include "wire/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

#define ELLIPSIS    "\xe2\x80\xa6"
#define REPLACEMENT 0xFFFDU
#define ZERO_WIDTH  "\xe2\x80\x8b"
#define NAME_CHARS  80

/* ---- characters ----------------------------------------------------------------------------- */

/* The next character of text, U+FFFD for bytes that are none; *len is how many bytes it took. */
static uint32_t next_char(const char *text, size_t *len)
{
    const unsigned char *b = (const unsigned char *)text;
    uint32_t c = b[0];

    *len = utf8_len((struct span){text, strnlen(text, UTF8_MAX)});
    if (*len == 0) {
        *len = 1;
        return REPLACEMENT;
    }
    if (*len > 1) {
        c &= 0xFFU >> (*len + 1);
    }
    for (size_t i = 1; i < *len; i++) {
        c = c << 6 | (b[i] & 0x3FU);
    }
    return c;
}

static void put_char(struct buf *out, uint32_t c)
{
    char bytes[UTF8_MAX];

    (void)buf_append(out, bytes, utf8_encode(c, bytes));
}

/* UTF-16 code units. */
static size_t units(uint32_t c)
{
    return c >= 0x10000 ? 2 : 1;
}

/* Those that turn the direction of text, or are no text at all; line ends and tabs stay. */
static bool is_hidden(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
           c == 0x200F || c == 0x061C || c == 0xFEFF || c == 0x2028 || c == 0x2029;
}

size_t text_count(const char *text)
{
    size_t count = 0;
    size_t len = 0;

    for (const char *at = text; *at != '\0'; at += len) {
        count += units(next_char(at, &len));
    }
    return count;
}

/* ---- writing with a limit ------------------------------------------------------------------- */

/* What one character becomes; "" leaves it out. */
typedef void write_char(struct buf *out, uint32_t c, bool is_line_start);

static void write_plain(struct buf *out, uint32_t c, bool is_line_start)
{
    (void)is_line_start;
    put_char(out, c);
}

static void write_escaped(struct buf *out, uint32_t c, bool is_line_start)
{
    if (is_hidden(c)) {
        return;
    }
    if (c == '@') {
        (void)buf_append_str(out, "@" ZERO_WIDTH);
        return;
    }
    if (c < 0x80 && (strchr("\\*_~`|<>[]():", (int)c) != NULL ||
                     (is_line_start && strchr("#-+", (int)c) != NULL))) {
        (void)buf_append_char(out, '\\');
    }
    put_char(out, c);
}

/* Three backticks would end the block; a space of no width between them does not show. */
static void write_code(struct buf *out, uint32_t c, bool is_line_start)
{
    (void)is_line_start;
    if (is_hidden(c)) {
        return;
    }
    put_char(out, c);
    if (c == '`') {
        (void)buf_append_str(out, ZERO_WIDTH);
    }
}

/* Each character is written as a whole or not at all; what is left out is told by an ellipsis, for which there is always room. */
static void write_limited(struct buf *out, const char *text, size_t max, write_char *write)
{
    struct buf piece = BUF_INIT(16);
    size_t used = 0;
    size_t len = 0;
    size_t fits_len = out->len; /* where an ellipsis could still be put */
    bool is_line_start = true;

    for (const char *at = text; *at != '\0' && !out->overflow; at += len) {
        uint32_t c = next_char(at, &len);
        size_t needed = 0;

        buf_reset(&piece);
        write(&piece, c, is_line_start);
        /* Discord takes a list's mark behind blanks, too. */
        is_line_start = c == '\n' || (is_line_start && (piece.len == 0 || c == ' ' || c == '\t'));
        needed = text_count(buf_str(&piece));
        if (used + needed > max) {
            out->len = fits_len;
            (void)buf_append_str(out, max > 0 ? ELLIPSIS : "");
            break;
        }
        (void)buf_append_span(out, buf_span(&piece));
        used += needed;
        if (used + 1 <= max) {
            fits_len = out->len;
        }
    }
    buf_clear(&piece);
}

void text_cut(struct buf *out, const char *text, size_t max)
{
    write_limited(out, text, max, write_plain);
}

void text_escape(struct buf *out, const char *text, size_t max)
{
    write_limited(out, text, max, write_escaped);
}

void text_code(struct buf *out, const char *text, size_t max)
{
    static const char FENCE[] = "```";
    size_t frame = 2 * (sizeof FENCE - 1) + 2;

    (void)buf_append_str(out, "```\n");
    write_limited(out, text, max > frame ? max - frame : 0, write_code);
    (void)buf_append_str(out, "\n```");
}

void text_filename(struct buf *out, const char *name)
{
    size_t count = 0;

    for (const char *at = name; *at != '\0' && count < NAME_CHARS; at++) {
        bool is_fine = (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
                       (*at >= '0' && *at <= '9') || *at == '.' || *at == '_' || *at == '-';

        if (!is_fine && ((unsigned char)*at & 0xC0U) == 0x80) {
            continue; /* the rest of a character of several bytes */
        }
        if (*at == '.' && count == 0) {
            continue;
        }
        (void)buf_append_char(out, *at);
        if (!is_fine) {
            out->data[out->len - 1] = '_';
        }
        count++;
    }
    if (count == 0) {
        (void)buf_append_str(out, "file");
    }
}

/* ---- quantities ----------------------------------------------------------------------------- */

void text_duration(struct buf *out, int64_t ms)
{
    int64_t seconds = ms > 0 ? ms / 1000 + (ms % 1000 >= 500) : 0;
    int64_t days = seconds / 86400;

    if (seconds < 60) {
        (void)buf_appendf(out, "%" PRId64 " s", seconds);
    } else if (seconds < 3600) {
        (void)buf_appendf(out, "%" PRId64 " min", seconds / 60);
        if (seconds % 60 > 0 && seconds < 600) {
            (void)buf_appendf(out, " %" PRId64 " s", seconds % 60);
        }
    } else if (seconds < 172800) {
        (void)buf_appendf(out, "%" PRId64 " h", seconds / 3600);
        if (seconds % 3600 >= 60) {
            (void)buf_appendf(out, " %" PRId64 " min", seconds % 3600 / 60);
        }
    } else {
        (void)buf_appendf(out, "%" PRId64 " days", days);
    }
}

void text_bytes(struct buf *out, int64_t bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t n = 0;

    while (value >= 1024 && n + 1 < sizeof unit / sizeof *unit) {
        value /= 1024;
        n++;
    }
    (void)buf_appendf(out, "%.*f %s", n == 0 || value >= 100 ? 0 : 1, value, unit[n]);
}

void text_bar(struct buf *out, double value, unsigned cells)
{
    double part = value > 0 ? (value < 1 ? value : 1) : 0;
    unsigned full = (unsigned)(part * cells + 0.5);

    for (unsigned i = 0; i < cells; i++) {
        (void)buf_append_str(out, i < full ? "\xe2\x96\xb0" : "\xe2\x96\xb1");
    }
    (void)buf_appendf(out, " %d %%", (int)(part * 100));
}

void text_time(struct buf *out, int64_t wall_ms, char style)
{
    (void)buf_appendf(out, "<t:%" PRId64 ":%c>", wall_ms / 1000, style);
}
