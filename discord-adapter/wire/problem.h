/* problem.h - what comfygate says when something does not work (RFC 9457), as one sentence for a chat user.
 *
 * Knows the codes of comfygate's API. Detail that is shown was partly typed by strangers: it is escaped and cut. Pure.
 */
#ifndef CGD_WIRE_PROBLEM_H
#define CGD_WIRE_PROBLEM_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/* What became of a request that got no answer. */
enum unanswered {
    UNANSWERED_READ,    /* it was to change nothing, or may be asked for again */
    UNANSWERED_NOTHING, /* it was to start something, and cannot have */
    UNANSWERED_IN_DOUBT /* it was to start something, and may have */
};

/* Appends it. `problem` NULL = the answer had no JSON; retry_after_s < 0 = not told. */
void problem_sentence(struct buf *out, int status, const cJSON *problem, int64_t retry_after_s);
void problem_unanswered(struct buf *out, enum unanswered which);

#endif
