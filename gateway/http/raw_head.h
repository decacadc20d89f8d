/* raw_head.h - whether the head of a request came as HTTP wants it, byte for byte.
 *
 * libmicrohttpd 0.9.75 takes a bare LF for the end of a line, goes on with a folded one, drops a field without a name, and
 * takes a NUL for the end of a text: a proxy before us may have read something else in each, and its idea of where the
 * request ends would differ from ours. The library tells none of it. But it reads the head in place: in one that is well
 * formed, each part begins where the one before it ends, and so does the body. Only addresses are compared; nothing is read.
 *
 * Later releases check for themselves, and may keep the parts otherwise: with them this says that all is well.
 * Any thread.
 */
#ifndef CG_HTTP_RAW_HEAD_H
#define CG_HTTP_RAW_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct raw_head {
    uintptr_t begin;
    uintptr_t at; /* where the next part must begin */
    bool is_odd;
};

/* The three are the library's own texts, not copies. */
void raw_head_begin(struct raw_head *h, const char *method, struct span target,
                    const char *version);
void raw_head_field(struct raw_head *h, struct span name, struct span value);
/* After the last field; `size` is that of the whole head, with the empty line. */
bool raw_head_is_odd(const struct raw_head *h, size_t size) MUST_CHECK;

#endif
