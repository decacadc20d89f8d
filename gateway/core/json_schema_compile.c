/* json_schema_compile.c - reading a schema, keyword by keyword.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/json_schema_node.h"

struct compile {
    const struct json_doc *doc;
    const struct json_schema_annotation *annotations;
    struct err *e;
    size_t faults;
    size_t count; /* schemas so far */
    unsigned level;
};

typedef void keyword_read(struct compile *c, struct json_schema *s, json_ref value);

static PRINTF_LIKE(4, 5) void fault(struct compile *c, json_ref node, const char *kind,
                                    const char *fmt, ...)
{
    char at[sizeof c->e->item[0].at];
    char text[sizeof c->e->item[0].detail + 8]; /* err_at cuts it, at a character */
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_pointer(c->doc, node, at, sizeof at);
    (void)err_at(c->e, ERR_VALIDATION_ERROR, at, kind, "%s", text);
    c->faults++;
}

static struct json_schema *compile_schema(struct compile *c, json_ref node);

/* ---- keywords -------------------------------------------------------------------------------- */

/* The bits of a type's name; 0 when it is none. */
static unsigned type_bits(const struct json_doc *doc, json_ref name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        {"null", SCHEMA_NULL},       {"boolean", SCHEMA_BOOLEAN}, {"string", SCHEMA_STRING},
        {"array", SCHEMA_ARRAY},     {"object", SCHEMA_OBJECT},   {"number", SCHEMA_NUMBER},
        {"integer", SCHEMA_INTEGER},
    };

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (json_str_is(doc, name, types[i].name)) {
            return types[i].bits;
        }
    }
    return 0;
}

static void add_type(struct compile *c, struct json_schema *s, json_ref name)
{
    unsigned bits = type_bits(c->doc, name);

    if (bits == 0) {
        fault(c, name, "not_in_list",
              "must be null, boolean, string, array, object, number or integer");
    } else if ((s->types & bits) != 0) {
        fault(c, name, "duplicate", "names a type twice");
    }
    s->types |= bits;
}

static void read_type(struct compile *c, struct json_schema *s, json_ref value)
{
    if (json_type(c->doc, value) != JSON_ARRAY) {
        add_type(c, s, value);
        return;
    }
    if (json_size(c->doc, value) == 0) {
        fault(c, value, "too_few", "must name at least one type");
    }
    for (json_ref n = json_first(c->doc, value); n != JSON_NONE; n = json_next(c->doc, n)) {
        add_type(c, s, n);
    }
}

static void read_enum(struct compile *c, struct json_schema *s, json_ref value)
{
    if (json_type(c->doc, value) != JSON_ARRAY || json_size(c->doc, value) == 0) {
        fault(c, value, "wrong_type", "must be a list of at least one value");
        return;
    }
    s->choices = value;
}

static void read_const(struct compile *c, struct json_schema *s, json_ref value)
{
    (void)c;
    s->constant = value;
}

static void read_bound(struct compile *c, json_ref value, json_ref *bound)
{
    if (json_type(c->doc, value) != JSON_NUMBER) {
        fault(c, value, "wrong_type", "must be a number");
        return;
    }
    *bound = value;
}

static void read_minimum(struct compile *c, struct json_schema *s, json_ref value)
{
    read_bound(c, value, &s->bound[BOUND_MINIMUM]);
}

static void read_maximum(struct compile *c, struct json_schema *s, json_ref value)
{
    read_bound(c, value, &s->bound[BOUND_MAXIMUM]);
}

static void read_exclusive_minimum(struct compile *c, struct json_schema *s, json_ref value)
{
    read_bound(c, value, &s->bound[BOUND_EXCLUSIVE_MINIMUM]);
}

static void read_exclusive_maximum(struct compile *c, struct json_schema *s, json_ref value)
{
    read_bound(c, value, &s->bound[BOUND_EXCLUSIVE_MAXIMUM]);
}

static void read_multiple_of(struct compile *c, struct json_schema *s, json_ref value)
{
    struct json_number step = json_number_read(json_raw(c->doc, value));

    if (json_type(c->doc, value) != JSON_NUMBER || step.first == NULL || step.is_negative) {
        fault(c, value, "out_of_range", "must be a number above 0");
    } else if (json_number_digits(step) > JSON_NUMBER_STEP_DIGITS) {
        fault(c, value, "out_of_range", "must have at most %d significant digits",
              JSON_NUMBER_STEP_DIGITS);
    } else {
        s->bound[BOUND_MULTIPLE_OF] = value;
    }
}

static void read_count(struct compile *c, json_ref value, uint64_t *out)
{
    struct json_number n = json_number_read(json_raw(c->doc, value));

    if (json_type(c->doc, value) != JSON_NUMBER || n.is_negative || !json_number_u64(n, out)) {
        fault(c, value, "wrong_type", "must be a whole number that is not negative");
    }
}

static void read_min_length(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->length.min);
}

static void read_max_length(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->length.max);
}

static void read_min_items(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->items_count.min);
}

static void read_max_items(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->items_count.max);
}

static void read_min_properties(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->members.min);
}

static void read_max_properties(struct compile *c, struct json_schema *s, json_ref value)
{
    read_count(c, value, &s->members.max);
}

static void read_unique_items(struct compile *c, struct json_schema *s, json_ref value)
{
    if (!json_bool(c->doc, value, &s->is_unique)) {
        fault(c, value, "wrong_type", "must be true or false");
    }
}

static void read_items(struct compile *c, struct json_schema *s, json_ref value)
{
    s->items = compile_schema(c, value);
}

static void read_additional(struct compile *c, struct json_schema *s, json_ref value)
{
    s->additional = compile_schema(c, value);
}

static void read_properties(struct compile *c, struct json_schema *s, json_ref value)
{
    if (json_type(c->doc, value) != JSON_OBJECT) {
        fault(c, value, "wrong_type", "must be an object of schemas");
        return;
    }
    s->property = xcalloc(json_size(c->doc, value) + 1, sizeof *s->property);
    for (json_ref n = json_first(c->doc, value); n != JSON_NONE; n = json_next(c->doc, n)) {
        s->property[s->property_count++] = (struct json_schema_property){n, compile_schema(c, n)};
    }
}

static void read_required(struct compile *c, struct json_schema *s, json_ref value)
{
    if (json_type(c->doc, value) != JSON_ARRAY) {
        fault(c, value, "wrong_type", "must be a list of names");
        return;
    }
    for (json_ref n = json_first(c->doc, value); n != JSON_NONE; n = json_next(c->doc, n)) {
        if (json_type(c->doc, n) != JSON_STRING) {
            fault(c, n, "wrong_type", "must be a string");
        }
    }
    s->required = value;
}

static void read_over(struct compile *c, struct json_schema *s, json_ref value)
{
    (void)c;
    (void)s;
    (void)value;
}

/* ---- a schema -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    keyword_read *read;
} keywords[] = {
    {"type", read_type},
    {"enum", read_enum},
    {"const", read_const},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"exclusiveMinimum", read_exclusive_minimum},
    {"exclusiveMaximum", read_exclusive_maximum},
    {"multipleOf", read_multiple_of},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"items", read_items},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"uniqueItems", read_unique_items},
    {"properties", read_properties},
    {"required", read_required},
    {"additionalProperties", read_additional},
    {"minProperties", read_min_properties},
    {"maxProperties", read_max_properties},
    {"$schema", read_over},
    {"$comment", read_over},
    {"title", read_over},
    {"description", read_over},
    {"default", read_over},
    {"examples", read_over},
    {"deprecated", read_over},
    {"readOnly", read_over},
    {"writeOnly", read_over},
    {"format", read_over},
};

static bool is_annotation(const struct compile *c, json_ref member)
{
    const struct json_schema_annotation *a = c->annotations;

    while (a != NULL && a->name != NULL) {
        if (json_key_is(c->doc, member, a->name)) {
            return a->level == 0 || a->level + 1 == c->level; /* c->level is 1 in the outermost */
        }
        a++;
    }
    return false;
}

static void read_keyword(struct compile *c, struct json_schema *s, json_ref member)
{
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        if (json_key_is(c->doc, member, keywords[i].name)) {
            keywords[i].read(c, s, member);
            return;
        }
    }
    if (!is_annotation(c, member)) {
        fault(c, member, "unsupported_keyword", "is not supported here");
    }
}

static void read_schema(struct compile *c, struct json_schema *s, json_ref node)
{
    switch (json_type(c->doc, node)) {
    case JSON_FALSE:
        s->is_never = true;
        break;
    case JSON_OBJECT:
        for (json_ref n = json_first(c->doc, node); n != JSON_NONE; n = json_next(c->doc, n)) {
            read_keyword(c, s, n);
        }
        break;
    case JSON_TRUE:
        break;
    case JSON_NULL:
    case JSON_NUMBER:
    case JSON_STRING:
    case JSON_ARRAY:
        fault(c, node, "wrong_type", "must be a schema: an object, true or false");
        break;
    }
}

/* Never NULL; recursion is bounded by JSON_SCHEMA_DEPTH_MAX. */
static struct json_schema *compile_schema(struct compile *c, json_ref node)
{
    const struct json_schema_range any = {0, UINT64_MAX};
    struct json_schema *s = xcalloc(1, sizeof *s);

    *s = (struct json_schema){
        .doc = c->doc,
        .choices = JSON_NONE,
        .constant = JSON_NONE,
        .required = JSON_NONE,
        .length = any,
        .items_count = any,
        .members = any,
    };
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        s->bound[i] = JSON_NONE;
    }
    c->count++;
    if (c->count > JSON_SCHEMA_COUNT_MAX) {
        fault(c, node, "too_many", "there are more than %d schemas", JSON_SCHEMA_COUNT_MAX);
    } else if (c->level >= JSON_SCHEMA_DEPTH_MAX) {
        fault(c, node, "too_deep", "schemas may be nested %d deep", JSON_SCHEMA_DEPTH_MAX);
    } else {
        c->level++;
        read_schema(c, s, node);
        c->level--;
    }
    return s;
}

enum errc json_schema_compile(const struct json_doc *doc, json_ref node,
                              const struct json_schema_annotation *annotations,
                              struct json_schema **out, struct err *e)
{
    struct compile c = {.doc = doc, .annotations = annotations, .e = e};
    struct json_schema *s = compile_schema(&c, node);

    if (c.faults > 0) {
        json_schema_free(s);
        return e != NULL ? e->code : ERR_VALIDATION_ERROR;
    }
    *out = s;
    return ERR_NONE;
}

void json_schema_free(struct json_schema *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->property_count; i++) {
        json_schema_free(s->property[i].schema);
    }
    free(s->property);
    json_schema_free(s->items);
    json_schema_free(s->additional);
    free(s);
}
