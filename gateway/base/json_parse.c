/* json_parse.c - the scan that makes a json_doc.
 *
 * No recursion: the stack of open containers is the chain of `parent`. While a
 * container is open its `len` holds its newest child, since the length is not
 * known before the closing bracket.
 *
 * Keys are compared when an object closes, by sorting its members: n log n
 * whatever the keys are, without a hash that a stranger could aim at.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_doc.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FIRST_NODES 32
#define PLACE_MAX   96

struct parser {
    struct json_doc *doc;
    const char *text;
    size_t len;
    size_t at;
    json_ref open; /* innermost open container, or JSON_NONE */
    size_t depth;
    bool lenient;
    struct json_limits limits;
    json_ref *members; /* scratch of the duplicate check */
    size_t members_cap;
    struct err *e;
    enum errc failed;
};

/* "byte 812 (line 31, column 7)", as an editor counts lines; a text of one line has its byte alone. */
static void name_place(const struct parser *p, size_t at, char *out, size_t size)
{
    size_t end = at < p->len ? at : p->len;
    size_t line = 1;
    size_t start = 0;

    for (size_t i = 0; i < end; i++) {
        if (p->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    if (line == 1) {
        (void)snprintf(out, size, "byte %zu", at);
    } else {
        (void)snprintf(out, size, "byte %zu (line %zu, column %zu)", at, line, end - start + 1);
    }
}

/* Reports a fault at byte `at` inside `where`; gives false, so that callers return it. */
static bool fail(struct parser *p, enum errc code, json_ref where, size_t at, const char *what)
{
    char pointer[sizeof p->e->item[0].at] = "";
    char place[PLACE_MAX];

    p->failed = code;
    if (where != JSON_NONE) {
        json_pointer(p->doc, where, pointer, sizeof pointer);
    }
    name_place(p, at, place, sizeof place);
    (void)err_set(p->e, code, "%s: %s at %s", err_title(code), what, place);
    (void)err_at(p->e, code, pointer, err_code(code), "%s at %s", what, place);
    return false;
}

static bool malformed(struct parser *p, json_ref where, const char *what)
{
    if (p->at >= p->len) {
        what = "the text ends too early";
    }
    return fail(p, ERR_MALFORMED_JSON, where, p->at, what);
}

static int peek(const struct parser *p)
{
    return p->at < p->len ? (unsigned char)p->text[p->at] : -1;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\n' ||
                              p->text[p->at] == '\r' || p->text[p->at] == '\t')) {
        p->at++;
    }
}

static struct span rest(const struct parser *p)
{
    return (struct span){p->text + p->at, p->len - p->at};
}

/* Checks the escape at p->at (on the backslash) and steps over it. */
static bool escape(struct parser *p, json_ref where)
{
    struct span at = rest(p);
    int32_t unit;

    if (at.len < 2) {
        p->at = p->len;
        return malformed(p, where, "");
    }
    if (at.ptr[1] != 'u') {
        if (at.ptr[1] == '\0' || strchr("\"\\/bfnrt", at.ptr[1]) == NULL) {
            return malformed(p, where, "unknown escape in a string");
        }
        p->at += 2;
        return true;
    }
    unit = json_hex4((struct span){at.ptr + 2, at.len - 2});
    if (unit < 0) {
        return malformed(p, where, "\\u without four hexadecimal digits");
    }
    if (unit >= 0xd800 && unit <= 0xdbff && at.len >= 12 && at.ptr[6] == '\\' && at.ptr[7] == 'u') {
        int32_t low = json_hex4((struct span){at.ptr + 8, at.len - 8});

        if (low >= 0xdc00 && low <= 0xdfff) {
            p->at += 12;
            return true;
        }
    }
    if (unit >= 0xd800 && unit <= 0xdfff && !p->lenient) {
        return malformed(p, where, "half of a surrogate pair");
    }
    p->at += 6;
    return true;
}

/* Steps over the string at p->at (on its opening quote). */
static bool string(struct parser *p, json_ref where, bool *has_escapes)
{
    *has_escapes = false;
    p->at++;
    for (;;) {
        int c = peek(p);
        size_t len;

        if (c == '"') {
            p->at++;
            return true;
        }
        if (c == '\\') {
            *has_escapes = true;
            if (!escape(p, where)) {
                return false;
            }
            continue;
        }
        if (c < 0x20) { /* also the end of the text */
            return malformed(p, where, "control character in a string");
        }
        len = c < 0x80 ? 1 : utf8_len(rest(p));
        if (len == 0) {
            return fail(p, ERR_INVALID_UTF8, where, p->at, "bad UTF-8");
        }
        p->at += len;
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool digits(struct parser *p, json_ref where)
{
    if (!is_digit(peek(p))) {
        return malformed(p, where, "a digit is missing in a number");
    }
    while (is_digit(peek(p))) {
        p->at++;
    }
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    struct span left = rest(p);
    size_t len = strlen(word);

    if (left.len < len || memcmp(left.ptr, word, len) != 0) {
        return false;
    }
    p->at += len;
    return true;
}

static bool number(struct parser *p, json_ref where)
{
    if (p->lenient &&
        (take_word(p, "NaN") || take_word(p, "Infinity") || take_word(p, "-Infinity"))) {
        return true;
    }
    if (peek(p) == '-') {
        p->at++;
    }
    if (peek(p) == '0') {
        p->at++;
        if (is_digit(peek(p))) {
            return malformed(p, where, "a number starts with a needless 0");
        }
    } else if (!digits(p, where)) {
        return false;
    }
    if (peek(p) == '.') {
        p->at++;
        if (!digits(p, where)) {
            return false;
        }
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') {
            p->at++;
        }
        return digits(p, where);
    }
    return true;
}

/* Adds a node as the newest child of the open container. JSON_NONE when the limit is reached. */
static json_ref add_node(struct parser *p)
{
    struct json_doc *doc = p->doc;
    json_ref ref = (json_ref)doc->count;

    if (doc->count >= p->limits.nodes || doc->count >= JSON_NONE) {
        return JSON_NONE;
    }
    if (doc->count == doc->cap) {
        doc->cap = doc->cap > 0 ? doc->cap * 2 : FIRST_NODES;
        doc->node = xrealloc(doc->node, doc->cap * sizeof *doc->node);
    }
    doc->count++;
    doc->node[ref] = (struct json_node){
        .start = (uint32_t)p->at, .parent = p->open, .next = JSON_NONE, .type = JSON_NULL};
    if (p->open != JSON_NONE) {
        struct json_node *parent = &doc->node[p->open];

        if (parent->size > 0) {
            doc->node[parent->len].next = ref;
        }
        parent->len = ref;
        parent->size++;
    }
    return ref;
}

static bool open_container(struct parser *p, json_ref ref, enum json_type type)
{
    if (p->depth >= p->limits.depth) {
        return fail(p, ERR_TOO_DEEP, ref, p->at, "one level too many");
    }
    p->doc->node[ref].type = (uint8_t)type;
    p->at++;
    p->depth++;
    p->open = ref;
    return true;
}

static bool scalar(struct parser *p, json_ref ref)
{
    struct json_node *node = &p->doc->node[ref];
    int c = peek(p);

    if (c == '"') {
        node->type = JSON_STRING;
        return string(p, ref, &node->has_escapes);
    }
    if (take_word(p, "null")) {
        node->type = JSON_NULL;
    } else if (take_word(p, "true")) {
        node->type = JSON_TRUE;
    } else if (take_word(p, "false")) {
        node->type = JSON_FALSE;
    } else if (c == '-' || is_digit(c) || (p->lenient && (c == 'N' || c == 'I'))) {
        node->type = JSON_NUMBER;
        return number(p, ref);
    } else {
        return malformed(p, ref, "a value is missing");
    }
    return true;
}

/* Reads a scalar, or the opening bracket of a container, as the next child of the open one. The
 * key, if any, lies at key_start and was `key_len` bytes long. */
static bool value(struct parser *p, size_t key_start, size_t key_len, bool key_has_escapes)
{
    json_ref ref = add_node(p);
    struct json_node *node;

    if (ref == JSON_NONE) {
        return fail(p, ERR_CONTENT_TOO_LARGE, p->open, p->at, "one value too many");
    }
    node = &p->doc->node[ref];
    node->key = (uint32_t)key_start;
    node->key_len = (uint32_t)key_len;
    node->key_has_escapes = key_has_escapes;
    if (peek(p) == '{') {
        return open_container(p, ref, JSON_OBJECT);
    }
    if (peek(p) == '[') {
        return open_container(p, ref, JSON_ARRAY);
    }
    if (!scalar(p, ref)) {
        return false;
    }
    node->len = (uint32_t)(p->at - node->start);
    return true;
}

static bool member(struct parser *p)
{
    size_t start = p->at;
    size_t len;
    bool has_escapes;

    if (peek(p) != '"') {
        return malformed(p, p->open, "a member's name is missing");
    }
    if (!string(p, p->open, &has_escapes)) {
        return false;
    }
    len = p->at - start;
    skip_space(p);
    if (peek(p) != ':') {
        return malformed(p, p->open, "a colon is missing");
    }
    p->at++;
    skip_space(p);
    return value(p, start, len, has_escapes);
}

static int compare_members(const void *a, const void *b, void *doc)
{
    const json_ref *left = a;
    const json_ref *right = b;
    int order = json_key_compare(doc, *left, *right);

    /* Equal keys stay in the order of the text: of a pair, the later one is the fault. */
    return order != 0 ? order : *left < *right ? -1 : 1;
}

static bool no_duplicates(struct parser *p, json_ref object)
{
    const struct json_doc *doc = p->doc;
    size_t count = 0;
    json_ref fault = JSON_NONE;

    if (p->lenient || doc->node[object].size < 2) {
        return true;
    }
    if (doc->node[object].size > p->members_cap) {
        p->members_cap = doc->node[object].size;
        p->members = xrealloc(p->members, p->members_cap * sizeof *p->members);
    }
    for (json_ref ref = json_first(doc, object); ref != JSON_NONE; ref = json_next(doc, ref)) {
        p->members[count++] = ref;
    }
    qsort_r(p->members, count, sizeof *p->members, compare_members, p->doc);
    for (size_t i = 1; i < count; i++) {
        if (p->members[i] < fault && json_key_compare(doc, p->members[i - 1], p->members[i]) == 0) {
            fault = p->members[i];
        }
    }
    return fault == JSON_NONE || fail(p, ERR_DUPLICATE_KEY, fault, doc->node[fault].key,
                                      "the name was used before in the same object");
}

static bool close_container(struct parser *p)
{
    json_ref ref = p->open;
    struct json_node *node = &p->doc->node[ref];

    p->at++;
    p->depth--;
    p->open = node->parent;
    node->len = (uint32_t)(p->at - node->start);
    return node->type != JSON_OBJECT || no_duplicates(p, ref);
}

/* Reads the next child of the open container, or its end. */
static bool step(struct parser *p)
{
    struct json_node *node = &p->doc->node[p->open];
    bool is_object = node->type == JSON_OBJECT;

    skip_space(p);
    if (peek(p) == (is_object ? '}' : ']')) {
        return close_container(p);
    }
    if (node->size > 0) {
        if (peek(p) != ',') {
            return malformed(p, p->open, "a comma or a closing bracket is missing");
        }
        p->at++;
        skip_space(p);
    }
    return is_object ? member(p) : value(p, 0, 0, false);
}

static bool document(struct parser *p)
{
    if (p->len >= UINT32_MAX) {
        return fail(p, ERR_CONTENT_TOO_LARGE, JSON_NONE, 0, "4 GiB or more");
    }
    skip_space(p);
    if (peek(p) == -1) {
        return fail(p, ERR_MALFORMED_JSON, JSON_NONE, p->at, "there is no text");
    }
    if (!value(p, 0, 0, false)) {
        return false;
    }
    while (p->open != JSON_NONE) {
        if (!step(p)) {
            return false;
        }
    }
    skip_space(p);
    if (p->at < p->len) {
        return fail(p, ERR_MALFORMED_JSON, JSON_NONE, p->at, "text after the value");
    }
    return true;
}

enum errc json_parse(struct span text, enum json_flags flags, struct json_limits limits,
                     struct json_doc **out, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = xcalloc(1, sizeof *doc);
    struct parser p = {
        .doc = doc,
        .text = text.ptr,
        .len = text.len,
        .open = JSON_NONE,
        .lenient = (flags & JSON_LENIENT) != 0,
        .limits = limits,
        .e = e,
    };
    bool good;

    doc->text = text;
    good = document(&p);
    free(p.members);
    if (!good) {
        return p.failed;
    }
    *out = take_ptr(&doc);
    return ERR_NONE;
}
