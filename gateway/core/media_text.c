/* media_text.c - text: what has no magic bytes and reads as UTF-8, without control characters.
 *
 * Markup stays a file of bytes, whatever else it may be: nobody is given HTML or SVG to look at.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/media_parts.h"

static const struct json_limits JSON_LIMITS = {.depth = 64, .nodes = 65536};

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_printed(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' && !is_blank(text[i])) {
            return false;
        }
    }
    return true;
}

/* How many bytes the whole characters take at the beginning of `text`. */
static size_t valid_len(struct span text)
{
    size_t done = 0;
    size_t len = utf8_len(text);

    while (len > 0) {
        done += len;
        len = utf8_len((struct span){text.ptr + done, text.len - done});
    }
    return done;
}

/* One piece of a text that goes on to `end`; tells how much of it are whole characters. What is left
 * begins the next piece; 0 when it begins no character. */
static size_t read_piece(struct media_reader *r, int64_t at, int64_t end)
{
    size_t len = end - at < MEDIA_READ_BYTES ? (size_t)(end - at) : MEDIA_READ_BYTES;
    const unsigned char *bytes = media_bytes(r, at, len);

    return bytes != NULL && is_printed(bytes, len)
               ? valid_len((struct span){(const char *)bytes, len})
               : 0;
}

/* Where only a part is looked at, a character may be cut in two by its end. */
static bool is_all_text(struct media_reader *r, int64_t end)
{
    int64_t at = 0;

    while (at < end && (end - at >= UTF8_MAX || end == r->source->size)) {
        size_t done = read_piece(r, at, end);

        if (done == 0) {
            return false;
        }
        at += (int64_t)done;
    }
    return true;
}

/* The first character that shows; 0 when there is none at the beginning. */
static unsigned char first_shown(struct media_reader *r)
{
    int64_t at = media_is(r, 0, SPAN_LIT("\xef\xbb\xbf")) ? 3 : 0;

    for (; at < r->source->size && at < MEDIA_READ_BYTES; at++) {
        unsigned char c = (unsigned char)media_big(r, at, 1);

        if (!is_blank(c)) {
            return c;
        }
    }
    return 0;
}

/* A text that is larger than what is looked at is never JSON. */
static bool is_json(struct media_reader *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(MEDIA_TEXT_BYTES);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    int64_t size = r->source->size;

    for (int64_t at = 0; at < size && !r->is_cut; at += MEDIA_READ_BYTES) {
        size_t len = size - at < MEDIA_READ_BYTES ? (size_t)(size - at) : MEDIA_READ_BYTES;
        const unsigned char *bytes = media_bytes(r, at, len);

        if (bytes == NULL || !buf_append(&text, bytes, len)) {
            return false;
        }
    }
    return json_parse(buf_span(&text), JSON_STRICT, JSON_LIMITS, &doc, NULL) == ERR_NONE;
}

bool media_text(struct media_reader *r, struct media *m)
{
    int64_t size = r->source->size;
    unsigned char first = first_shown(r);

    if (first == 0 || first == '<' || media_is(r, 0, SPAN_LIT("%PDF-")) ||
        !is_all_text(r, size < MEDIA_TEXT_BYTES ? size : MEDIA_TEXT_BYTES)) {
        return false;
    }
    *m = (struct media){.type = OUTPUT_TEXT, .content_type = "text/plain; charset=utf-8"};
    if ((first == '{' || first == '[') && size <= MEDIA_TEXT_BYTES && is_json(r)) {
        m->content_type = "application/json";
    }
    return true;
}
