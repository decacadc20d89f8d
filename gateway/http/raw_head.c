/* raw_head.c - see raw_head.h. */
#include "http/raw_head.h"

#include <microhttpd.h>
#include <string.h>

#define LAST_VERSION_KNOWN 0x00097600
#define LINE_END           2 /* CR LF */

static void expect(struct raw_head *h, const char *part)
{
    h->is_odd = h->is_odd || (uintptr_t)part != h->at;
}

void raw_head_begin(struct raw_head *h, const char *method, struct span target, const char *version)
{
    *h =
        (struct raw_head){.begin = (uintptr_t)method, .at = (uintptr_t)method + strlen(method) + 1};
    expect(h, target.ptr);
    h->at += target.len + 1;
    expect(h, version);
    h->at += strlen(version) + LINE_END;
}

void raw_head_field(struct raw_head *h, struct span name, struct span value)
{
    expect(h, name.ptr);
    /* Between the two are a colon and blanks. */
    h->is_odd = h->is_odd || (uintptr_t)value.ptr < (uintptr_t)name.ptr + name.len + 1;
    h->at = (uintptr_t)value.ptr + value.len + LINE_END;
}

bool raw_head_is_odd(const struct raw_head *h, size_t size)
{
    return MHD_VERSION <= LAST_VERSION_KNOWN && (h->is_odd || h->at + LINE_END != h->begin + size);
}
