/* submit_read.h - reading a client's JSON object by a table of its members. Private to submit*.c.
 *
 * A reader checks one value, notes what is wrong with it and goes on, so that
 * one answer tells all faults. Members that are in no row are refused.
 */
#ifndef CG_CORE_SUBMIT_READ_H
#define CG_CORE_SUBMIT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/submit.h"

#define METADATA_KEYS_MAX 32

/* A body being read. */
struct intake {
    const struct json_doc *doc;
    struct err *e;                      /* not NULL */
    const struct submit_limits *limits; /* of a submission */
    struct submission *submission;      /* what is filled: one of the two */
    struct job_patch *patch;
};

/* A table of these ends with a row without a name. */
struct member {
    const char *name;
    void (*read)(struct intake *in, json_ref value);
};

void intake_body(struct intake *in, const struct member *members);
/* Notes a fault at node, in words that follow the member's name. */
void intake_fault(const struct intake *in, json_ref node, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* A string of min..max bytes into *out, which the caller clears; false with the fault noted. */
bool intake_text(const struct intake *in, json_ref value, size_t min, size_t max, struct buf *out)
    MUST_CHECK;
bool intake_integer(const struct intake *in, json_ref value, int64_t min, int64_t max, int64_t *out)
    MUST_CHECK;
/* These give what the row keeps, or NULL with the faults noted. */
char *intake_title(const struct intake *in, json_ref value) MUST_CHECK;
char *intake_tags_json(const struct intake *in, json_ref value) MUST_CHECK;
/* In a patch a value may be null. */
char *intake_metadata_json(const struct intake *in, json_ref value) MUST_CHECK;

#endif
