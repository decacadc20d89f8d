/* json_out.h - an append-only writer of JSON into a buf.
 *
 * Commas and quoting are its work; unbalanced brackets are a bug_if. Strings
 * must be UTF-8 (bad bytes become U+FFFD); `<` is escaped, so that an answer
 * shown as a page cannot open a tag. `key` is NULL inside arrays and at the root.
 */
#ifndef CG_BASE_JSON_OUT_H
#define CG_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define JSON_OUT_DEPTH 32

struct json_out {
    struct buf *buf; /* borrowed */
    unsigned depth;
    bool has_items[JSON_OUT_DEPTH];
    char closer[JSON_OUT_DEPTH];
};

struct json_out json_out_to(struct buf *buf);
void jo_obj(struct json_out *o, const char *key);
void jo_arr(struct json_out *o, const char *key);
void jo_end(struct json_out *o); /* closes the innermost object or array */
void jo_str(struct json_out *o, const char *key, const char *text);  /* NULL writes null */
void jo_span(struct json_out *o, const char *key, struct span text); /* ptr NULL writes null */
void jo_int(struct json_out *o, const char *key, int64_t value);
void jo_num(struct json_out *o, const char *key, double value, int decimals); /* not finite: null */
void jo_bool(struct json_out *o, const char *key, bool value);
void jo_null(struct json_out *o, const char *key);
void jo_time(struct json_out *o, const char *key, int64_t wall_ms); /* 0 writes null */
/* Bytes that are JSON already; the caller vouches for them. */
void jo_raw(struct json_out *o, const char *key, struct span json);

#endif
