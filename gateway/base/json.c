/* json.c - reading a finished json_doc. See json_parse.c for how it is made.
 */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_doc.h"
#include "base/mem.h"
#include "base/utf8.h"

void json_free(struct json_doc *doc)
{
    if (doc != NULL) {
        free(doc->node);
        free(doc);
    }
}

void json_free_ptr(struct json_doc **doc)
{
    json_free(*doc);
    *doc = NULL;
}

/* NULL for JSON_NONE. */
static const struct json_node *node_at(const struct json_doc *doc, json_ref ref)
{
    if (ref == JSON_NONE) {
        return NULL;
    }
    bug_if(ref >= doc->count);
    return &doc->node[ref];
}

enum json_type json_type(const struct json_doc *doc, json_ref node)
{
    const struct json_node *n = node_at(doc, node);

    return n != NULL ? (enum json_type)n->type : JSON_NULL;
}

struct span json_raw(const struct json_doc *doc, json_ref node)
{
    const struct json_node *n = node_at(doc, node);

    return n != NULL ? (struct span){doc->text.ptr + n->start, n->len} : SPAN_NONE;
}

size_t json_offset(const struct json_doc *doc, json_ref node)
{
    const struct json_node *n = node_at(doc, node);

    return n != NULL ? n->start : 0;
}

size_t json_size(const struct json_doc *doc, json_ref node)
{
    const struct json_node *n = node_at(doc, node);

    return n != NULL ? n->size : 0;
}

json_ref json_first(const struct json_doc *doc, json_ref container)
{
    return json_size(doc, container) > 0 ? container + 1 : JSON_NONE;
}

json_ref json_next(const struct json_doc *doc, json_ref node)
{
    const struct json_node *n = node_at(doc, node);

    return n != NULL ? n->next : JSON_NONE;
}

struct span json_key_raw(const struct json_doc *doc, json_ref member)
{
    const struct json_node *n = node_at(doc, member);

    return n != NULL && n->key_len > 0 ? (struct span){doc->text.ptr + n->key, n->key_len}
                                       : SPAN_NONE;
}

/* What stands between the quotes. */
static struct span inside(struct span quoted)
{
    return (struct span){quoted.ptr + 1, quoted.len - 2};
}

int32_t json_hex4(struct span at)
{
    int32_t value = 0;

    if (at.len < 4) {
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        char c = at.ptr[i];

        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            value = value * 16 + (c - 'A' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

struct json_unescape json_unescape_start(struct span inside_quotes)
{
    return (struct json_unescape){.at = inside_quotes.ptr,
                                  .end = inside_quotes.ptr + inside_quotes.len};
}

static bool is_between(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

/* The character of the \u escape whose digits u->at stands on; steps over it, and over the second
 * half of a pair. */
static uint32_t unicode_escape(struct json_unescape *u)
{
    int32_t unit = json_hex4((struct span){u->at, 4});

    u->at += 4;
    if (is_between(unit, 0xd800, 0xdbff) && u->end - u->at >= 6 && u->at[0] == '\\' &&
        u->at[1] == 'u') {
        int32_t low = json_hex4((struct span){u->at + 2, 4});

        if (is_between(low, 0xdc00, 0xdfff)) {
            u->at += 6;
            return 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
        }
    }
    return is_between(unit, 0xd800, 0xdfff) ? 0xfffd : (uint32_t)unit;
}

int json_unescape_next(struct json_unescape *u)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *short_form;
    char c;

    if (u->used < u->count) {
        return (unsigned char)u->pending[u->used++];
    }
    if (u->at == u->end) {
        return -1;
    }
    c = *u->at++;
    if (c != '\\') {
        return (unsigned char)c;
    }
    c = *u->at++;
    if (c == 'u') {
        u->count = (uint8_t)utf8_encode(unicode_escape(u), u->pending);
        u->used = 1;
        return (unsigned char)u->pending[0];
    }
    short_form = strchr(from, c);
    return (unsigned char)(short_form != NULL ? to[short_form - from] : c);
}

static struct span key_text(const struct json_doc *doc, json_ref member)
{
    const struct json_node *n = &doc->node[member];

    return inside((struct span){doc->text.ptr + n->key, n->key_len});
}

int json_key_compare(const struct json_doc *doc, json_ref a, json_ref b)
{
    struct span left = key_text(doc, a);
    struct span right = key_text(doc, b);
    struct json_unescape left_reader = json_unescape_start(left);
    struct json_unescape right_reader = json_unescape_start(right);

    if (!doc->node[a].key_has_escapes && !doc->node[b].key_has_escapes) {
        int order = memcmp(left.ptr, right.ptr, left.len < right.len ? left.len : right.len);

        return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
    }
    for (;;) {
        int l = json_unescape_next(&left_reader);
        int r = json_unescape_next(&right_reader);

        if (l != r) {
            return l - r;
        }
        if (l < 0) {
            return 0;
        }
    }
}

static bool text_is(struct span quoted, bool has_escapes, const char *text)
{
    struct json_unescape reader = json_unescape_start(inside(quoted));
    struct span wanted = span_of(text);

    if (!has_escapes) {
        return span_eq(inside(quoted), wanted);
    }
    for (size_t i = 0; i < wanted.len; i++) {
        if (json_unescape_next(&reader) != (unsigned char)wanted.ptr[i]) {
            return false;
        }
    }
    return json_unescape_next(&reader) < 0;
}

/* Appends the unescaped text to out, or nothing when it holds U+0000. */
static bool append_text(struct span quoted, bool has_escapes, struct buf *out)
{
    struct json_unescape reader = json_unescape_start(inside(quoted));
    size_t before = out->len;
    int c;

    if (!has_escapes) {
        return buf_append_span(out, inside(quoted));
    }
    while ((c = json_unescape_next(&reader)) > 0) {
        if (!buf_append_char(out, (char)c)) {
            break;
        }
    }
    if (c < 0) {
        return true;
    }
    if (out->data != NULL) {
        out->len = before;
        out->data[before] = '\0';
    }
    return false;
}

bool json_key(const struct json_doc *doc, json_ref member, struct buf *out)
{
    const struct json_node *n = node_at(doc, member);

    return n != NULL && n->key_len > 0 &&
           append_text(json_key_raw(doc, member), n->key_has_escapes, out);
}

bool json_key_is(const struct json_doc *doc, json_ref member, const char *key)
{
    const struct json_node *n = node_at(doc, member);

    return n != NULL && n->key_len > 0 &&
           text_is(json_key_raw(doc, member), n->key_has_escapes, key);
}

json_ref json_get(const struct json_doc *doc, json_ref object, const char *key)
{
    if (object == JSON_NONE || json_type(doc, object) != JSON_OBJECT) {
        return JSON_NONE;
    }
    for (json_ref ref = json_first(doc, object); ref != JSON_NONE; ref = json_next(doc, ref)) {
        if (json_key_is(doc, ref, key)) {
            return ref;
        }
    }
    return JSON_NONE;
}

json_ref json_at(const struct json_doc *doc, json_ref array, size_t index)
{
    json_ref ref;

    if (array == JSON_NONE || json_type(doc, array) != JSON_ARRAY ||
        index >= json_size(doc, array)) {
        return JSON_NONE;
    }
    ref = json_first(doc, array);
    while (index > 0) {
        ref = json_next(doc, ref);
        index--;
    }
    return ref;
}

static const struct json_node *node_of_type(const struct json_doc *doc, json_ref ref,
                                            enum json_type type)
{
    const struct json_node *n = node_at(doc, ref);

    return n != NULL && n->type == type ? n : NULL;
}

bool json_str(const struct json_doc *doc, json_ref node, struct buf *out)
{
    const struct json_node *n = node_of_type(doc, node, JSON_STRING);

    return n != NULL && append_text(json_raw(doc, node), n->has_escapes, out);
}

char *json_str_dup(const struct json_doc *doc, json_ref node)
{
    /* Unescaping only shortens. */
    AUTO(buf_clear) struct buf text = BUF_INIT(json_raw(doc, node).len);

    return json_str(doc, node, &text) ? buf_take(&text) : NULL;
}

bool json_str_is(const struct json_doc *doc, json_ref node, const char *text)
{
    const struct json_node *n = node_of_type(doc, node, JSON_STRING);

    return n != NULL && text_is(json_raw(doc, node), n->has_escapes, text);
}

bool json_int(const struct json_doc *doc, json_ref node, int64_t *out)
{
    struct span raw = json_raw(doc, node);
    bool is_negative = raw.len > 0 && raw.ptr[0] == '-';
    int64_t value = 0;

    if (node_of_type(doc, node, JSON_NUMBER) == NULL) {
        return false;
    }
    for (size_t i = is_negative ? 1 : 0; i < raw.len; i++) {
        int digit = raw.ptr[i] - '0';

        /* Built below zero, where one more value fits than above. */
        if (!is_between(digit, 0, 9) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (!is_negative && __builtin_sub_overflow(0, value, &value)) {
        return false;
    }
    *out = value;
    return true;
}

bool json_double(const struct json_doc *doc, json_ref node, double *out)
{
    struct span raw = json_raw(doc, node);
    AUTO(free_ptr) char *text = NULL;
    double value;

    if (node_of_type(doc, node, JSON_NUMBER) == NULL) {
        return false;
    }
    text = xstrndup(raw.ptr, raw.len);
    value = strtod(text, NULL);
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

bool json_bool(const struct json_doc *doc, json_ref node, bool *out)
{
    enum json_type type = json_type(doc, node);

    if (type != JSON_TRUE && type != JSON_FALSE) {
        return false;
    }
    *out = type == JSON_TRUE;
    return true;
}

static size_t index_of(const struct json_doc *doc, json_ref element)
{
    size_t index = 0;

    for (json_ref ref = doc->node[element].parent + 1; ref != element; ref = json_next(doc, ref)) {
        index++;
    }
    return index;
}

static bool add_token(const struct json_doc *doc, json_ref node, char *out, size_t size)
{
    const struct json_node *n = &doc->node[node];
    char number[24];

    if (n->key_len > 0) {
        AUTO(buf_clear) struct buf key = BUF_INIT(n->key_len);

        /* A key with U+0000 has no place in C text: its written form says more than nothing. */
        if (!json_key(doc, node, &key)) {
            (void)buf_append_span(&key, inside(json_key_raw(doc, node)));
        }
        return err_pointer_add(out, size, buf_span(&key));
    }
    (void)snprintf(number, sizeof number, "%zu", index_of(doc, node));
    return err_pointer_add(out, size, span_of(number));
}

/* As deep as the document, whose depth is limited. */
static bool add_path(const struct json_doc *doc, json_ref node, char *out, size_t size)
{
    return doc->node[node].parent == JSON_NONE ||
           (add_path(doc, doc->node[node].parent, out, size) && add_token(doc, node, out, size));
}

void json_pointer(const struct json_doc *doc, json_ref node, char *out, size_t size)
{
    out[0] = '\0';
    if (node_at(doc, node) != NULL) {
        (void)add_path(doc, node, out, size);
    }
}
