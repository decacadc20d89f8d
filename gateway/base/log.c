/* log.c - a line is built on the stack, since running out of memory is one of the things to log.
 *
 * A line is at most 4096 bytes, which a pipe takes in one piece however many
 * threads write to it. What does not fit is left out, and the line says so.
 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES  4096
#define VALUE_MAX_BYTES 1024
#define TAIL_BYTES      32 /* kept free for the end of the line */

static struct {
    enum log_format format;
    enum log_level level;
    bool has_colour;
} setup = {LOG_TEXT, LOG_INFO, false};

static const struct {
    const char *name;
    const char *padded;
    const char *colour;
} levels[] = {
    [LOG_DEBUG] = {"debug", "DEBUG", "\x1b[2m"},
    [LOG_INFO] = {"info", "INFO ", "\x1b[32m"},
    [LOG_WARN] = {"warn", "WARN ", "\x1b[33m"},
    [LOG_ERROR] = {"error", "ERROR", "\x1b[31m"},
};

void log_setup(enum log_format format, enum log_level level)
{
    const char *no_colour = getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): no other thread

    setup.format = format;
    setup.level = level;
    setup.has_colour = isatty(STDERR_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

static struct span value_of(const struct log_field *field)
{
    struct span text = span_of(field->text);

    text.len = utf8_cut(text, VALUE_MAX_BYTES);
    return text;
}

static void json_line(struct buf *line, enum log_level level, const char *event,
                      const struct log_field *fields, size_t count)
{
    struct json_out out = json_out_to(line);

    jo_obj(&out, NULL);
    jo_time(&out, "t", clock_wall_ms());
    jo_str(&out, "lvl", levels[level].name);
    jo_str(&out, "ev", event);
    for (size_t i = 0; i < count; i++) {
        struct json_out before = out;
        size_t len = line->len;

        if (fields[i].key == NULL) {
            continue;
        }
        if (fields[i].text != NULL) {
            jo_span(&out, fields[i].key, value_of(&fields[i]));
        } else {
            jo_int(&out, fields[i].key, fields[i].number);
        }
        if (!buf_ok(line)) {
            out = before;
            line->len = len;
            line->overflow = false;
            line->max += TAIL_BYTES / 2;
            jo_bool(&out, "cut", true);
            break;
        }
    }
    line->max = LINE_MAX_BYTES - 1;
    jo_end(&out);
}

/* True for a character that could steer a terminal: C0, DEL and C1. */
static bool is_control(struct span character)
{
    unsigned char first = (unsigned char)character.ptr[0];

    return first < 0x20 || first == 0x7f ||
           (character.len == 2 && first == 0xc2 && (unsigned char)character.ptr[1] < 0xa0);
}

static bool needs_quotes(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
            return true;
        }
    }
    return value.len == 0;
}

static void put_quoted(struct buf *line, struct span value)
{
    (void)buf_append_char(line, '"');
    while (value.len > 0) {
        size_t len = utf8_len(value);
        struct span piece = {value.ptr, len > 0 ? len : 1};

        if (len == 0 || is_control(piece)) {
            for (size_t i = 0; i < piece.len; i++) {
                (void)buf_appendf(line, "\\x%02x", (unsigned char)piece.ptr[i]);
            }
        } else {
            if (piece.ptr[0] == '"' || piece.ptr[0] == '\\') {
                (void)buf_append_char(line, '\\');
            }
            (void)buf_append_span(line, piece);
        }
        value.ptr += piece.len;
        value.len -= piece.len;
    }
    (void)buf_append_char(line, '"');
}

static void text_field(struct buf *line, const struct log_field *field)
{
    struct span value = value_of(field);

    (void)buf_appendf(line, " %s=", field->key);
    if (field->text == NULL) {
        (void)buf_appendf(line, "%lld", (long long)field->number);
    } else if (needs_quotes(value)) {
        put_quoted(line, value);
    } else {
        (void)buf_append_span(line, value);
    }
}

static void text_line(struct buf *line, enum log_level level, const char *event,
                      const struct log_field *fields, size_t count)
{
    char now[CLOCK_TEXT_SIZE];

    (void)buf_appendf(line, "%s %s%s%s %s", clock_format(clock_wall_ms(), now),
                      setup.has_colour ? levels[level].colour : "", levels[level].padded,
                      setup.has_colour ? "\x1b[0m" : "", event);
    for (size_t i = 0; i < count; i++) {
        size_t len = line->len;

        if (fields[i].key == NULL) {
            continue;
        }
        text_field(line, &fields[i]);
        if (!buf_ok(line)) {
            line->len = len;
            line->overflow = false;
            line->max += TAIL_BYTES / 2;
            (void)buf_append_str(line, " cut=true");
            break;
        }
    }
    line->max = LINE_MAX_BYTES - 1;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    char storage[LINE_MAX_BYTES];
    /* Storage as large as the ceiling, so that the buf never asks for more. */
    struct buf line = {
        .data = storage, .cap = sizeof storage, .max = sizeof storage - 1 - TAIL_BYTES};
    int saved_errno = errno;
    ssize_t written;

    if (level < setup.level) {
        return;
    }
    if (setup.format == LOG_JSON) {
        json_line(&line, level, event, fields, count);
    } else {
        text_line(&line, level, event, fields, count);
    }
    (void)buf_append_char(&line, '\n');
    do {
        written = write(STDERR_FILENO, line.data, line.len);
    } while (written < 0 && errno == EINTR);
    errno = saved_errno;
}
