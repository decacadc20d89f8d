/* trace.h - the header field `traceparent` (W3C Trace Context): which trace a request belongs to.
 *
 * Whoever asks us may be part of a trace. Its id goes on to ComfyUI and into the log, each time under a new
 * span, so that one can follow what a click has caused through all programs. Not a tracer: nothing is
 * exported, no trace is begun here, and `tracestate` is not passed on.
 *
 * Pure but for the span's random bytes. Any thread.
 */
#ifndef CG_BASE_TRACE_H
#define CG_BASE_TRACE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

#define TRACE_ID_LEN 32

struct trace {
    char id[TRACE_ID_LEN + 1]; /* lower-case hex, not all zero; "" = there is none */
    int flags;                 /* sampled (1) and random (2); others are not passed on */
};

/* Reads the field's value: version 00, and of later versions what 00 has. *out is untouched when it is malformed:
 * then it is as if it had not come. */
bool trace_parse(struct span field, struct trace *out) MUST_CHECK;

#define TRACE_PARENT_SIZE (2 + 1 + TRACE_ID_LEN + 1 + 16 + 1 + 2 + 1)
/* The field's value for a request of ours that belongs to the trace, with a new span. Returns out. */
char *trace_parent(const char *id, int flags, char out[TRACE_PARENT_SIZE]);

#endif
