/* json.h - a strict reader of JSON (RFC 8259) that loses nothing.
 *
 * The text is scanned once into a flat array of nodes, each naming the bytes
 * it came from. Nothing is converted: 18446744073709551615, 7.0 and the order
 * of members can be forwarded as they were written, which a reader that turns
 * numbers into doubles (cJSON) cannot do. See docs/decisions.md, "JSON".
 *
 * Refused, with a JSON Pointer to the place: trailing text, bad UTF-8, lone
 * surrogate escapes, control characters in strings, duplicate keys, too many
 * levels or nodes, and NaN/Infinity unless JSON_LENIENT.
 * JSON_LENIENT is for ComfyUI's answers: NaN, Infinity and -Infinity are read
 * as numbers, duplicate keys are tolerated (the first one is found), and so is
 * half a surrogate pair (a prompt that was cut inside an emoji), read as U+FFFD.
 *
 * A doc borrows the text: the text must outlive it. Node 0 is the root.
 * Not thread-safe; a finished doc may be read by many.
 */
#ifndef CG_BASE_JSON_H
#define CG_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

enum json_flags { JSON_STRICT = 0, JSON_LENIENT = 1 };

struct json_limits {
    size_t depth; /* levels of nesting; the root array or object is level 1 */
    size_t nodes;
};

typedef uint32_t json_ref;
#define JSON_NONE UINT32_MAX

struct json_doc;

/* Gives *out, freed with json_free(). On failure fills e with MALFORMED_JSON,
 * INVALID_UTF8, DUPLICATE_KEY, TOO_DEEP or, above limits.nodes, CONTENT_TOO_LARGE (one item:
 * pointer; its detail has the byte offset and, in a text of several lines, line and column). */
enum errc json_parse(struct span text, enum json_flags flags, struct json_limits limits,
                     struct json_doc **out, struct err *e) MUST_CHECK;
void json_free(struct json_doc *doc);
void json_free_ptr(struct json_doc **doc); /* for AUTO */

/* JSON_NONE may be asked for everything: it reads as a null without bytes and children. */
enum json_type json_type(const struct json_doc *doc, json_ref node);
/* The node's bytes exactly as written (strings with quotes, containers with brackets). */
struct span json_raw(const struct json_doc *doc, json_ref node);
/* Offset of those bytes in the text. */
size_t json_offset(const struct json_doc *doc, json_ref node);
/* Number of elements or members; 0 for scalars. */
size_t json_size(const struct json_doc *doc, json_ref node);

/* Iteration: first child (element or member), then next sibling; JSON_NONE at the end.
 * A member is addressed by its value; json_key_raw gives the key's bytes with quotes. */
json_ref json_first(const struct json_doc *doc, json_ref container);
json_ref json_next(const struct json_doc *doc, json_ref node);
struct span json_key_raw(const struct json_doc *doc, json_ref member);
/* Key as unescaped text into out (appended). False if it holds U+0000 or overflows out. */
bool json_key(const struct json_doc *doc, json_ref member, struct buf *out);
bool json_key_is(const struct json_doc *doc, json_ref member, const char *key);

/* Member by name; JSON_NONE when absent or when `object` is JSON_NONE or no object. Both walk: they
 * take time in proportion to the container. */
json_ref json_get(const struct json_doc *doc, json_ref object, const char *key);
json_ref json_at(const struct json_doc *doc, json_ref array, size_t index);

/* Converters; false (out untouched) when the node is JSON_NONE, of another type or out of range. */

/* Appends the text as unescaped UTF-8; false on U+0000. */
bool json_str(const struct json_doc *doc, json_ref node, struct buf *out);
/* NULL when not a string, or one with U+0000; the caller frees. */
char *json_str_dup(const struct json_doc *doc, json_ref node) MUST_CHECK;
bool json_str_is(const struct json_doc *doc, json_ref node, const char *text);
/* Only integers as written: 7 yes, 7.0 no. */
bool json_int(const struct json_doc *doc, json_ref node, int64_t *out);
/* Finite ones only: 1e400 and NaN are out of range. */
bool json_double(const struct json_doc *doc, json_ref node, double *out);
bool json_bool(const struct json_doc *doc, json_ref node, bool *out);

/* JSON Pointer of a node, cut to size. */
void json_pointer(const struct json_doc *doc, json_ref node, char *out, size_t size);

#endif
