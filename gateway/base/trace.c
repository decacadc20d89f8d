#include "base/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

#define SPAN_ID_LEN 16
/* version "-" trace "-" span "-" flags */
#define AT_TRACE 3
#define AT_SPAN  (AT_TRACE + TRACE_ID_LEN + 1)
#define AT_FLAGS (AT_SPAN + SPAN_ID_LEN + 1)
#define LEN      (AT_FLAGS + 2)
#define KEPT     3

/* The value of up to 16 digits; false for anything but lower-case hex. */
static bool read_hex(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = value;
    return true;
}

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* Two hex digits, and a version that can be read: ff is none, and what follows the flags of a later one is
 * set off. */
static bool is_known_form(struct span field)
{
    uint64_t version = 0;

    if (field.len < LEN || !read_hex(field.ptr, 2, &version) || version == 0xff) {
        return false;
    }
    return version == 0 ? field.len == LEN : field.len == LEN || field.ptr[LEN] == '-';
}

bool trace_parse(struct span field, struct trace *out)
{
    uint64_t high = 0;
    uint64_t low = 0;
    uint64_t span = 0;
    uint64_t flags = 0;

    field = trim(field);
    if (!is_known_form(field) || field.ptr[AT_TRACE - 1] != '-' || field.ptr[AT_SPAN - 1] != '-' ||
        field.ptr[AT_FLAGS - 1] != '-') {
        return false;
    }
    if (!read_hex(field.ptr + AT_TRACE, TRACE_ID_LEN / 2, &high) ||
        !read_hex(field.ptr + AT_TRACE + TRACE_ID_LEN / 2, TRACE_ID_LEN / 2, &low) ||
        !read_hex(field.ptr + AT_SPAN, SPAN_ID_LEN, &span) ||
        !read_hex(field.ptr + AT_FLAGS, 2, &flags)) {
        return false;
    }
    if ((high == 0 && low == 0) || span == 0) {
        return false;
    }
    memcpy(out->id, field.ptr + AT_TRACE, TRACE_ID_LEN);
    out->id[TRACE_ID_LEN] = '\0';
    out->flags = (int)(flags & KEPT);
    return true;
}

char *trace_parent(const char *id, int flags, char out[TRACE_PARENT_SIZE])
{
    uint64_t span = 0;

    while (span == 0) {
        random_fill(&span, sizeof span);
    }
    (void)snprintf(out, TRACE_PARENT_SIZE, "00-%.32s-%016" PRIx64 "-%02x", id, span,
                   (unsigned)flags & KEPT);
    return out;
}
