/* json_pretty.c - see json_pretty.h.
 */
#include "core/json_pretty.h"

#include <string.h>

#define COLUMNS 100
#define INDENT  2

static bool is_container(const struct json_doc *doc, json_ref node)
{
    return json_type(doc, node) == JSON_ARRAY || json_type(doc, node) == JSON_OBJECT;
}

static void put_key(const struct json_doc *doc, json_ref node, bool is_member, struct buf *out)
{
    if (is_member) {
        (void)buf_append_span(out, json_key_raw(doc, node));
        (void)buf_append_str(out, ": ");
    }
}

/* In one line; false, with more or less of it in `out`, when out's ceiling does not let it. */
static bool put_flat(const struct json_doc *doc, json_ref node, struct buf *out)
{
    bool is_object = json_type(doc, node) == JSON_OBJECT;

    if (!is_container(doc, node)) {
        return buf_append_span(out, json_raw(doc, node));
    }
    (void)buf_append_char(out, is_object ? '{' : '[');
    for (json_ref n = json_first(doc, node); n != JSON_NONE && buf_ok(out); n = json_next(doc, n)) {
        if (n != json_first(doc, node)) {
            (void)buf_append_str(out, ", ");
        }
        put_key(doc, n, is_object, out);
        (void)!put_flat(doc, n, out);
    }
    (void)buf_append_char(out, is_object ? '}' : ']');
    return buf_ok(out);
}

static void new_line(unsigned level, struct buf *out)
{
    (void)buf_append_char(out, '\n');
    for (unsigned i = 0; i < level * INDENT; i++) {
        (void)buf_append_char(out, ' ');
    }
}

/* `column` is where the value begins. */
static void put(const struct json_doc *doc, json_ref node, unsigned level, size_t column,
                struct buf *out)
{
    bool is_object = json_type(doc, node) == JSON_OBJECT;
    AUTO(buf_clear) struct buf line = BUF_INIT(column < COLUMNS ? COLUMNS - column : 0);

    if (!is_container(doc, node)) {
        (void)buf_append_span(out, json_raw(doc, node));
        return;
    }
    /* The root and a short list of long things are easier to edit line by line. */
    if (json_size(doc, node) == 0 || (level > 0 && put_flat(doc, node, &line))) {
        (void)(json_size(doc, node) == 0 ? buf_append_str(out, is_object ? "{}" : "[]")
                                         : buf_append_span(out, buf_span(&line)));
        return;
    }
    (void)buf_append_char(out, is_object ? '{' : '[');
    for (json_ref n = json_first(doc, node); n != JSON_NONE; n = json_next(doc, n)) {
        if (n != json_first(doc, node)) {
            (void)buf_append_char(out, ',');
        }
        new_line(level + 1, out);
        put_key(doc, n, is_object, out);
        put(doc, n, level + 1,
            (size_t)(level + 1) * INDENT + (is_object ? json_key_raw(doc, n).len + 2 : 0), out);
    }
    new_line(level, out);
    (void)buf_append_char(out, is_object ? '}' : ']');
}

void json_pretty(const struct json_doc *doc, struct buf *out)
{
    put(doc, 0, 0, 0, out);
    (void)buf_append_char(out, '\n');
}
