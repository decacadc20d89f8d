/* sniff.h - what a file is, told by its first bytes, never by its name or by who sent it. Pure.
 */
#ifndef CG_CORE_SNIFF_H
#define CG_CORE_SNIFF_H

#include "base/span.h"
#include "core/job.h"

struct sniffed {
    enum output_type type;
    const char *content_type; /* constant; application/octet-stream when unknown */
    int width;                /* 0 = the header does not tell */
    int height;
};

/* `head` is the beginning of the file; 4096 bytes are plenty. */
struct sniffed sniff(struct span head);

#endif
