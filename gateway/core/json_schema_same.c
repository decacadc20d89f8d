/* json_schema_same.c - when two values of JSON are the same.
 */
#include <string.h>

#include "base/json_doc.h"
#include "core/json_schema_node.h"

static bool spend(size_t *work, size_t amount)
{
    *work = *work > amount ? *work - amount : 0;
    return *work > 0;
}

static struct span inside(struct span quoted)
{
    return (struct span){quoted.ptr + 1, quoted.len - 2};
}

static bool has_escapes(struct span text)
{
    return memchr(text.ptr, '\\', text.len) != NULL;
}

bool json_schema_same_text(struct span a, struct span b)
{
    struct json_unescape a_reader = json_unescape_start(inside(a));
    struct json_unescape b_reader = json_unescape_start(inside(b));

    if (!has_escapes(a) && !has_escapes(b)) {
        return span_eq(a, b);
    }
    for (;;) {
        int x = json_unescape_next(&a_reader);
        int y = json_unescape_next(&b_reader);

        if (x != y) {
            return false;
        }
        if (x < 0) {
            return true;
        }
    }
}

size_t json_schema_characters(struct span quoted)
{
    struct json_unescape reader = json_unescape_start(inside(quoted));
    size_t count = 0;
    int c;

    while ((c = json_unescape_next(&reader)) >= 0) {
        count += ((unsigned)c & 0xC0U) != 0x80U ? 1 : 0;
    }
    return count;
}

static bool same_elements(const struct json_doc *a_doc, json_ref a, const struct json_doc *b_doc,
                          json_ref b, size_t *work)
{
    json_ref y = json_first(b_doc, b);

    for (json_ref x = json_first(a_doc, a); x != JSON_NONE; x = json_next(a_doc, x)) {
        if (!json_schema_same(a_doc, x, b_doc, y, work)) {
            return false;
        }
        y = json_next(b_doc, y);
    }
    return true;
}

/* The member of b that has x's key. */
static json_ref twin_of(const struct json_doc *a_doc, json_ref x, const struct json_doc *b_doc,
                        json_ref b, size_t *work)
{
    struct span key = json_key_raw(a_doc, x);

    for (json_ref y = json_first(b_doc, b); y != JSON_NONE; y = json_next(b_doc, y)) {
        if (!spend(work, 1 + key.len / 64)) {
            return JSON_NONE;
        }
        if (json_schema_same_text(key, json_key_raw(b_doc, y))) {
            return y;
        }
    }
    return JSON_NONE;
}

static bool same_members(const struct json_doc *a_doc, json_ref a, const struct json_doc *b_doc,
                         json_ref b, size_t *work)
{
    for (json_ref x = json_first(a_doc, a); x != JSON_NONE; x = json_next(a_doc, x)) {
        json_ref y = twin_of(a_doc, x, b_doc, b, work);

        if (y == JSON_NONE || !json_schema_same(a_doc, x, b_doc, y, work)) {
            return false;
        }
    }
    return true;
}

bool json_schema_same(const struct json_doc *a_doc, json_ref a, const struct json_doc *b_doc,
                      json_ref b, size_t *work)
{
    enum json_type type = json_type(a_doc, a);
    struct span a_text = json_raw(a_doc, a);
    struct span b_text = json_raw(b_doc, b);

    if (!spend(work, 1 + (type <= JSON_STRING ? a_text.len / 64 : 0)) ||
        type != json_type(b_doc, b) || json_size(a_doc, a) != json_size(b_doc, b)) {
        return false;
    }
    switch (type) {
    case JSON_NUMBER:
        return json_number_compare(json_number_read(a_text), json_number_read(b_text)) == 0;
    case JSON_STRING:
        return json_schema_same_text(a_text, b_text);
    case JSON_ARRAY:
        return same_elements(a_doc, a, b_doc, b, work);
    case JSON_OBJECT:
        return same_members(a_doc, a, b_doc, b, work);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
    return true;
}
