/* fuzz_json.c - any bytes into the JSON reader; then everything that was read is asked for.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const struct json_doc *doc, json_ref node)
{
    AUTO(free_ptr) char *text = json_str_dup(doc, node);

    if (text != NULL) {
        bug_if(!utf8_valid(span_of(text)));
        bug_if(!json_str_is(doc, node, text));
    }
}

static void check_number(const struct json_doc *doc, json_ref node)
{
    int64_t whole = 0;
    double real = 0;

    if (json_int(doc, node, &whole)) {
        bug_if(!json_double(doc, node, &real));
        bug_if((double)whole > real || (double)whole < real);
    }
}

/* Checks that a child lies behind `at`; returns where it ends. */
static const char *check_place(const struct json_doc *doc, json_ref ref, const char *at)
{
    struct span key = json_key_raw(doc, ref);
    struct span raw = json_raw(doc, ref);

    if (key.ptr != NULL) {
        bug_if(key.ptr < at);
        at = key.ptr + key.len;
    }
    bug_if(raw.len == 0 || raw.ptr < at);
    return raw.ptr + raw.len;
}

/* Children lie inside their container, in order, and there are as many as it says. */
static void check_children(const struct json_doc *doc, json_ref node)
{
    bool is_object = json_type(doc, node) == JSON_OBJECT;
    struct span outer = json_raw(doc, node);
    const char *at = outer.ptr + 1;
    size_t count = 0;

    for (json_ref ref = json_first(doc, node); ref != JSON_NONE; ref = json_next(doc, ref)) {
        bug_if((json_key_raw(doc, ref).ptr != NULL) != is_object);
        at = check_place(doc, ref, at);
        count++;
    }
    bug_if(at >= outer.ptr + outer.len || count != json_size(doc, node));
}

static void check_key(const struct json_doc *doc, json_ref parent, json_ref node, bool is_strict)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(doc, node).len);

    if (json_key(doc, node, &key)) {
        json_ref found = json_get(doc, parent, buf_str(&key));

        bug_if(!json_key_is(doc, node, buf_str(&key)));
        bug_if(is_strict ? found != node : found > node);
    }
}

/* The deeper levels are bounded by the limit that was given to the parser. */
static void check_node(const struct json_doc *doc, json_ref node, bool is_strict)
{
    char pointer[64];

    json_pointer(doc, node, pointer, sizeof pointer);
    check_string(doc, node);
    check_number(doc, node);
    if (json_type(doc, node) == JSON_ARRAY || json_type(doc, node) == JSON_OBJECT) {
        check_children(doc, node);
    }
    for (json_ref ref = json_first(doc, node); ref != JSON_NONE; ref = json_next(doc, ref)) {
        if (json_type(doc, node) == JSON_OBJECT) {
            check_key(doc, node, ref, is_strict);
        }
        check_node(doc, ref, is_strict);
    }
}

/* A part that was read as a value is itself a text that reads. */
static void check_again(struct span raw, enum json_flags flags, struct json_limits limits)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;

    bug_if(json_parse(raw, flags, limits, &doc, NULL) != ERR_NONE);
}

static enum errc try(struct span text, enum json_flags flags)
{
    const struct json_limits limits = {.depth = 16, .nodes = 2000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err e = ERR_INIT;
    enum errc code = json_parse(text, flags, limits, &doc, &e);

    bug_if((code == ERR_NONE) != (doc != NULL));
    if (doc == NULL) {
        bug_if(e.code != code || e.item_count != 1);
        bug_if(!utf8_valid(span_of(e.item[0].at)));
        return code;
    }
    check_node(doc, 0, flags == JSON_STRICT);
    check_again(json_raw(doc, 0), flags, limits);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    enum errc strict = try(text, JSON_STRICT);
    enum errc lenient = try(text, JSON_LENIENT);

    bug_if(strict == ERR_NONE && lenient != ERR_NONE);
    return 0;
}
