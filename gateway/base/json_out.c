#include "base/json_out.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

struct json_out json_out_to(struct buf *buf)
{
    return (struct json_out){.buf = buf};
}

/* Bytes of a character that needs no escape, or 0. DEL and U+0080..U+009F are legal in JSON but
 * steer terminals that show it. */
static size_t plain_len(struct span text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t len = utf8_len(text);

    if (first < 0x20 || first == '"' || first == '\\' || first == '<' || first == 0x7f) {
        return 0;
    }
    return len == 2 && first == 0xc2 && (unsigned char)text.ptr[1] < 0xa0 ? 0 : len;
}

/* Writes the first character of text as an escape; returns the bytes that it took. */
static size_t put_escape(struct buf *b, struct span text)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    unsigned char first = (unsigned char)text.ptr[0];
    const char *at = first != 0 ? strchr(plain, first) : NULL;

    if (at != NULL) {
        (void)buf_append_char(b, '\\');
        (void)buf_append_char(b, letter[at - plain]);
        return 1;
    }
    if (first < 0x80) {
        (void)buf_appendf(b, "\\u%04x", first);
        return 1;
    }
    if (utf8_len(text) == 0) {
        (void)buf_append_str(b, "\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    (void)buf_appendf(b, "\\u%04x", (unsigned char)text.ptr[1]);
    return 2;
}

/* Most of what is written: keys, ids, words. */
static size_t ascii_run(struct span text)
{
    size_t run = 0;

    while (run < text.len && text.ptr[run] >= 0x20 && text.ptr[run] < 0x7f &&
           text.ptr[run] != '"' && text.ptr[run] != '\\' && text.ptr[run] != '<') {
        run++;
    }
    return run;
}

static void put_string(struct buf *b, struct span text)
{
    (void)buf_append_char(b, '"');
    while (text.len > 0) {
        size_t run = ascii_run(text);
        size_t len;

        while (run < text.len &&
               (len = plain_len((struct span){text.ptr + run, text.len - run})) > 0) {
            run += len;
        }
        (void)buf_append(b, text.ptr, run);
        if (run < text.len) {
            run += put_escape(b, (struct span){text.ptr + run, text.len - run});
        }
        text.ptr += run;
        text.len -= run;
    }
    (void)buf_append_char(b, '"');
}

/* The comma and the key that go before a value. */
static void begin(struct json_out *o, const char *key)
{
    bool in_object = o->depth > 0 && o->closer[o->depth - 1] == '}';

    bug_if((key != NULL) != in_object);
    if (o->depth > 0) {
        if (o->has_items[o->depth - 1]) {
            (void)buf_append_char(o->buf, ',');
        }
        o->has_items[o->depth - 1] = true;
    }
    if (key != NULL) {
        put_string(o->buf, span_of(key));
        (void)buf_append_char(o->buf, ':');
    }
}

static void open_bracket(struct json_out *o, const char *key, char opener, char closer)
{
    begin(o, key);
    bug_if(o->depth >= JSON_OUT_DEPTH);
    (void)buf_append_char(o->buf, opener);
    o->closer[o->depth] = closer;
    o->has_items[o->depth] = false;
    o->depth++;
}

void jo_obj(struct json_out *o, const char *key)
{
    open_bracket(o, key, '{', '}');
}

void jo_arr(struct json_out *o, const char *key)
{
    open_bracket(o, key, '[', ']');
}

void jo_end(struct json_out *o)
{
    bug_if(o->depth == 0);
    o->depth--;
    (void)buf_append_char(o->buf, o->closer[o->depth]);
}

void jo_str(struct json_out *o, const char *key, const char *text)
{
    jo_span(o, key, span_of(text));
}

void jo_span(struct json_out *o, const char *key, struct span text)
{
    if (text.ptr == NULL) {
        jo_null(o, key);
        return;
    }
    begin(o, key);
    put_string(o->buf, text);
}

void jo_int(struct json_out *o, const char *key, int64_t value)
{
    begin(o, key);
    (void)buf_appendf(o->buf, "%lld", (long long)value);
}

void jo_num(struct json_out *o, const char *key, double value, int decimals)
{
    if (!isfinite(value)) {
        jo_null(o, key);
        return;
    }
    begin(o, key);
    (void)buf_appendf(o->buf, "%.*f", decimals, value);
}

void jo_bool(struct json_out *o, const char *key, bool value)
{
    begin(o, key);
    (void)buf_append_str(o->buf, value ? "true" : "false");
}

void jo_null(struct json_out *o, const char *key)
{
    begin(o, key);
    (void)buf_append_str(o->buf, "null");
}

void jo_time(struct json_out *o, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];

    jo_str(o, key, wall_ms != 0 ? clock_format(wall_ms, text) : NULL);
}

void jo_raw(struct json_out *o, const char *key, struct span json)
{
    begin(o, key);
    (void)buf_append_span(o->buf, json);
}
