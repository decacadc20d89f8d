/* sse.c - see sse.h.
 */
#include "wire/sse.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define ID_MAX       256
#define RETRY_MAX_MS 600000

struct sse {
    size_t max_bytes;
    size_t bytes; /* of the event that is being read */
    struct buf line;
    struct buf type;
    struct buf data;
    bool has_data;
    bool is_after_cr; /* a line feed that follows belongs to the line end before it */
    bool is_first;    /* line: a byte order mark may stand before it */
    bool is_broken;
    bool is_told;    /* data and type are the caller's until the next call */
    char id[ID_MAX]; /* becomes the last one when its event is whole */
    char last_id[ID_MAX];
    int64_t retry_ms;
};

struct sse *sse_new(size_t max_bytes)
{
    struct sse *s = xcalloc(1, sizeof *s);

    s->max_bytes = max_bytes;
    s->line = BUF_INIT(max_bytes + 1);
    s->type = BUF_INIT(max_bytes + 1);
    s->data = BUF_INIT(max_bytes + 1);
    s->is_first = true;
    s->retry_ms = -1;
    return s;
}

void sse_free(struct sse *s)
{
    if (s == NULL) {
        return;
    }
    buf_clear(&s->line);
    buf_clear(&s->type);
    buf_clear(&s->data);
    free(s);
}

static void begin_event(struct sse *s)
{
    buf_reset(&s->type);
    buf_reset(&s->data);
    s->has_data = false;
    s->is_told = false;
    s->bytes = 0;
}

void sse_restart(struct sse *s)
{
    buf_clear(&s->line);
    buf_clear(&s->data);
    begin_event(s);
    memcpy(s->id, s->last_id, sizeof s->id);
    s->is_after_cr = false;
    s->is_first = true;
    s->is_broken = false;
}

/* ---- a line ---------------------------------------------------------------------------------- */

static void take_id(struct sse *s, struct span value)
{
    if (value.len < ID_MAX && memchr(value.ptr, '\0', value.len) == NULL) {
        memcpy(s->id, value.ptr, value.len);
        s->id[value.len] = '\0';
    }
}

static void take_retry(struct sse *s, struct span value)
{
    int64_t ms = 0;

    if (value.len == 0) {
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9') {
            return;
        }
        ms = ms < RETRY_MAX_MS ? ms * 10 + (value.ptr[i] - '0') : ms;
    }
    s->retry_ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void take_field(struct sse *s, struct span name, struct span value)
{
    if (span_is(name, "data")) {
        if (s->has_data) {
            (void)buf_append_char(&s->data, '\n');
        }
        (void)buf_append_span(&s->data, value);
        s->has_data = true;
    } else if (span_is(name, "event")) {
        buf_reset(&s->type);
        (void)buf_append(&s->type, value.ptr, strnlen(value.ptr, value.len));
    } else if (span_is(name, "id")) {
        take_id(s, value);
    } else if (span_is(name, "retry")) {
        take_retry(s, value);
    }
}

/* True when the line ends an event. */
static bool take_line(struct sse *s, struct span line)
{
    const char *colon = NULL;
    struct span name = line;
    struct span value = {line.ptr + line.len, 0};

    if (s->is_first && line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0) {
        line = (struct span){line.ptr + 3, line.len - 3};
        name = line;
    }
    s->is_first = false;
    if (line.len == 0) {
        return true;
    }
    colon = memchr(line.ptr, ':', line.len);
    if (colon != NULL) {
        name.len = (size_t)(colon - line.ptr);
        value = (struct span){colon + 1, line.len - name.len - 1};
        if (value.len > 0 && value.ptr[0] == ' ') {
            value = (struct span){value.ptr + 1, value.len - 1};
        }
    }
    take_field(s, name, value);
    return false;
}

/* ---- the bytes ------------------------------------------------------------------------------- */

static void drop_first(struct span *input, size_t count)
{
    input->ptr += count;
    input->len -= count;
}

static size_t find_line_end(struct span input)
{
    size_t len = 0;

    while (len < input.len && input.ptr[len] != '\n' && input.ptr[len] != '\r') {
        len++;
    }
    return len;
}

/* True with a whole line in s->line, without its end. */
static bool next_line(struct sse *s, struct span *input)
{
    size_t len = 0;

    if (s->is_after_cr && input->len > 0) {
        s->is_after_cr = false;
        if (input->ptr[0] == '\n') {
            drop_first(input, 1);
        }
    }
    len = find_line_end(*input);
    s->bytes += len;
    if (s->bytes > s->max_bytes) {
        s->is_broken = true;
        return false;
    }
    (void)buf_append(&s->line, input->ptr, len);
    drop_first(input, len);
    if (input->len == 0) {
        return false;
    }
    s->is_after_cr = input->ptr[0] == '\r';
    drop_first(input, 1);
    return true;
}

bool sse_next(struct sse *s, struct span *input, struct sse_event *out)
{
    if (s->is_told) {
        begin_event(s);
    }
    while (!s->is_broken && next_line(s, input)) {
        bool ends = take_line(s, (struct span){buf_str(&s->line), s->line.len});

        buf_reset(&s->line);
        if (ends) {
            memcpy(s->last_id, s->id, sizeof s->last_id);
        }
        if (ends && s->has_data) {
            s->is_told = true;
            out->type = s->type.len > 0 ? buf_str(&s->type) : "message";
            out->data = (struct span){buf_str(&s->data), s->data.len};
            return true;
        }
        if (ends) {
            begin_event(s);
        }
    }
    if (s->is_broken) {
        drop_first(input, input->len);
    }
    return false;
}

bool sse_is_broken(const struct sse *s)
{
    return s->is_broken;
}

const char *sse_last_id(const struct sse *s)
{
    return s->last_id;
}

void sse_forget_id(struct sse *s)
{
    s->last_id[0] = '\0';
    s->id[0] = '\0';
}

int64_t sse_retry_ms(const struct sse *s)
{
    return s->retry_ms;
}
