/* json_schema.c - see json_schema.h.
 *
 * One walk over schema and value together; it goes as deep as the schema is, so its recursion is
 * bounded. A fault is noted and the walk goes on.
 */
#include "core/json_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_node.h"

struct validation {
    const struct json_doc *doc;
    const char *pointer; /* of the outermost value */
    size_t skip;         /* bytes of that value's own pointer in doc */
    struct err *e;
    size_t faults;
    size_t work; /* what is left of it */
};

static void place_of(const struct validation *v, json_ref node, char *out, size_t size)
{
    char inside[256];

    json_pointer(v->doc, node, inside, sizeof inside);
    (void)snprintf(out, size, "%s%s", v->pointer, inside + v->skip);
}

/* A place may be cut; err_at cuts it again, at a character. */
#define PLACE_SIZE 512

static PRINTF_LIKE(4, 5) void fault(struct validation *v, json_ref node, const char *kind,
                                    const char *fmt, ...)
{
    char at[PLACE_SIZE];
    char text[sizeof v->e->item[0].detail + 8];
    va_list args;

    v->faults++;
    if (v->e == NULL || v->e->item_count >= ERR_ITEMS_MAX) {
        return; /* finding the place of each of a million faults would take hours */
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    place_of(v, node, at, sizeof at);
    (void)err_at(v->e, ERR_VALIDATION_ERROR, at, kind, "%s", text);
}

static void validate(struct validation *v, const struct json_schema *s, json_ref value);

/* ---- any value ------------------------------------------------------------------------------- */

static unsigned type_bits(const struct json_doc *doc, json_ref value)
{
    switch (json_type(doc, value)) {
    case JSON_NULL:
        return SCHEMA_NULL;
    case JSON_FALSE:
    case JSON_TRUE:
        return SCHEMA_BOOLEAN;
    case JSON_NUMBER:
        return json_number_is_integer(json_number_read(json_raw(doc, value)))
                   ? SCHEMA_NUMBER | SCHEMA_INTEGER
                   : SCHEMA_NUMBER;
    case JSON_STRING:
        return SCHEMA_STRING;
    case JSON_ARRAY:
        return SCHEMA_ARRAY;
    case JSON_OBJECT:
        return SCHEMA_OBJECT;
    }
    return 0;
}

static void append_types(struct buf *out, unsigned types)
{
    static const struct {
        unsigned bit;
        const char *text;
    } words[] = {
        {SCHEMA_STRING, "a string"}, {SCHEMA_INTEGER, "a whole number"},
        {SCHEMA_NUMBER, "a number"}, {SCHEMA_BOOLEAN, "true or false"},
        {SCHEMA_ARRAY, "a list"},    {SCHEMA_OBJECT, "an object"},
        {SCHEMA_NULL, "null"},
    };

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if ((types & words[i].bit) != 0) {
            (void)buf_appendf(out, "%s%s", out->len > 0 ? " or " : "", words[i].text);
        }
    }
}

static bool check_type(struct validation *v, const struct json_schema *s, json_ref value)
{
    AUTO(buf_clear) struct buf words = BUF_INIT(200);

    if (s->types == 0 || (s->types & type_bits(v->doc, value)) != 0) {
        return true;
    }
    append_types(&words, s->types);
    fault(v, value, "wrong_type", "must be %s", buf_str(&words));
    return false;
}

/* What may be chosen, as written, as far as there is room. */
static void append_choices(struct buf *out, const struct json_schema *s)
{
    for (json_ref n = json_first(s->doc, s->choices); n != JSON_NONE; n = json_next(s->doc, n)) {
        struct span text = json_raw(s->doc, n);

        if (out->len + text.len + 8 > out->max) {
            (void)buf_append_str(out, ", …");
            return;
        }
        (void)buf_appendf(out, "%s%.*s", out->len > 0 ? ", " : "", (int)text.len, text.ptr);
    }
}

static void check_choice(struct validation *v, const struct json_schema *s, json_ref value)
{
    AUTO(buf_clear) struct buf words = BUF_INIT(200);
    json_ref n = json_first(s->doc, s->choices);

    if (s->constant != JSON_NONE &&
        !json_schema_same(s->doc, s->constant, v->doc, value, &v->work)) {
        struct span text = json_raw(s->doc, s->constant);

        fault(v, value, "not_in_list", "must be %.*s", text.len < 100 ? (int)text.len : 100,
              text.ptr);
    }
    if (n == JSON_NONE) {
        return;
    }
    while (n != JSON_NONE && !json_schema_same(s->doc, n, v->doc, value, &v->work)) {
        n = json_next(s->doc, n);
    }
    if (n == JSON_NONE) {
        append_choices(&words, s);
        fault(v, value, "not_in_list", "must be one of: %s", buf_str(&words));
    }
}

/* ---- numbers and strings --------------------------------------------------------------------- */

static bool keeps(enum json_schema_bound bound, struct json_number n, struct json_number limit)
{
    switch (bound) {
    case BOUND_MINIMUM:
        return json_number_compare(n, limit) >= 0;
    case BOUND_MAXIMUM:
        return json_number_compare(n, limit) <= 0;
    case BOUND_EXCLUSIVE_MINIMUM:
        return json_number_compare(n, limit) > 0;
    case BOUND_EXCLUSIVE_MAXIMUM:
        return json_number_compare(n, limit) < 0;
    case BOUND_MULTIPLE_OF:
        return json_number_is_multiple(n, limit);
    case BOUND_COUNT:
        break;
    }
    return true;
}

static void check_number(struct validation *v, const struct json_schema *s, json_ref value)
{
    static const struct {
        enum json_schema_bound bound;
        const char *kind;
        const char *words;
    } bounds[] = {
        {BOUND_MINIMUM, "out_of_range", "at least"},
        {BOUND_MAXIMUM, "out_of_range", "at most"},
        {BOUND_EXCLUSIVE_MINIMUM, "out_of_range", "more than"},
        {BOUND_EXCLUSIVE_MAXIMUM, "out_of_range", "less than"},
        {BOUND_MULTIPLE_OF, "not_a_multiple", "a multiple of"},
    };
    struct json_number n = json_number_read(json_raw(v->doc, value));

    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        struct span limit = json_raw(s->doc, s->bound[bounds[i].bound]);

        if (limit.ptr != NULL && !keeps(bounds[i].bound, n, json_number_read(limit))) {
            fault(v, value, bounds[i].kind, "must be %s %.*s", bounds[i].words,
                  limit.len < 64 ? (int)limit.len : 64, limit.ptr);
        }
    }
}

static void check_count(struct validation *v, json_ref value, size_t count,
                        struct json_schema_range range, const char *noun)
{
    bool is_text = json_type(v->doc, value) == JSON_STRING;

    if (count < range.min && range.min == 1) {
        fault(v, value, is_text ? "too_short" : "too_few", "must not be empty");
    } else if (count < range.min) {
        fault(v, value, is_text ? "too_short" : "too_few", "must have at least %llu %s; it has %zu",
              (unsigned long long)range.min, noun, count);
    } else if (count > range.max) {
        fault(v, value, is_text ? "too_long" : "too_many", "must have at most %llu %s; it has %zu",
              (unsigned long long)range.max, noun, count);
    }
}

static void check_string(struct validation *v, const struct json_schema *s, json_ref value)
{
    if (s->length.min > 0 || s->length.max < UINT64_MAX) {
        check_count(v, value, json_schema_characters(json_raw(v->doc, value)), s->length,
                    "characters");
    }
}

/* ---- lists and objects ----------------------------------------------------------------------- */

static bool is_repeated(struct validation *v, json_ref list, json_ref element)
{
    for (json_ref n = json_first(v->doc, list); n != element; n = json_next(v->doc, n)) {
        if (json_schema_same(v->doc, n, v->doc, element, &v->work)) {
            return true;
        }
    }
    return false;
}

static void check_array(struct validation *v, const struct json_schema *s, json_ref value)
{
    check_count(v, value, json_size(v->doc, value), s->items_count, "entries");
    for (json_ref n = json_first(v->doc, value); n != JSON_NONE && v->work > 0;
         n = json_next(v->doc, n)) {
        if (s->is_unique && is_repeated(v, value, n)) {
            fault(v, n, "duplicate", "is there twice");
        }
        if (s->items != NULL) {
            validate(v, s->items, n);
        }
    }
}

static void spend(struct validation *v, size_t amount)
{
    v->work = v->work > amount ? v->work - amount : 0;
}

static const struct json_schema *schema_of(struct validation *v, const struct json_schema *s,
                                           json_ref member)
{
    struct span key = json_key_raw(v->doc, member);

    for (size_t i = 0; i < s->property_count; i++) {
        spend(v, 1);
        if (json_schema_same_text(json_key_raw(s->doc, s->property[i].name), key)) {
            return s->property[i].schema;
        }
    }
    return NULL;
}

static void check_required(struct validation *v, const struct json_schema *s, json_ref value)
{
    for (json_ref n = json_first(s->doc, s->required); n != JSON_NONE; n = json_next(s->doc, n)) {
        AUTO(buf_clear) struct buf name = BUF_INIT(json_raw(s->doc, n).len);
        char at[PLACE_SIZE];
        json_ref member = json_first(v->doc, value);

        while (member != JSON_NONE &&
               !json_schema_same_text(json_raw(s->doc, n), json_key_raw(v->doc, member))) {
            spend(v, 1);
            member = json_next(v->doc, member);
        }
        if (member == JSON_NONE) {
            (void)json_str(s->doc, n, &name);
            place_of(v, value, at, sizeof at);
            (void)err_pointer_add(at, sizeof at, buf_span(&name));
            (void)err_at(v->e, ERR_VALIDATION_ERROR, at, "required", "is required");
            v->faults++;
        }
    }
}

static void check_object(struct validation *v, const struct json_schema *s, json_ref value)
{
    check_count(v, value, json_size(v->doc, value), s->members, "members");
    check_required(v, s, value);
    for (json_ref n = json_first(v->doc, value); n != JSON_NONE && v->work > 0;
         n = json_next(v->doc, n)) {
        const struct json_schema *own = schema_of(v, s, n);

        if (own != NULL) {
            validate(v, own, n);
        } else if (s->additional != NULL && s->additional->is_never) {
            fault(v, n, "unknown_field", "is not known here");
        } else if (s->additional != NULL) {
            validate(v, s->additional, n);
        }
    }
}

static void validate(struct validation *v, const struct json_schema *s, json_ref value)
{
    spend(v, 1);
    if (s->is_never) {
        fault(v, value, "not_allowed", "is not allowed");
        return;
    }
    if (!check_type(v, s, value)) {
        return;
    }
    check_choice(v, s, value);
    switch (json_type(v->doc, value)) {
    case JSON_NUMBER:
        check_number(v, s, value);
        break;
    case JSON_STRING:
        check_string(v, s, value);
        break;
    case JSON_ARRAY:
        check_array(v, s, value);
        break;
    case JSON_OBJECT:
        check_object(v, s, value);
        break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
}

enum errc json_schema_validate(const struct json_schema *s, const struct json_doc *doc,
                               json_ref value, const char *pointer, struct err *e)
{
    struct validation v = {.doc = doc, .pointer = pointer, .e = e, .work = JSON_SCHEMA_WORK_MAX};
    char own[256];

    json_pointer(doc, value, own, sizeof own);
    v.skip = strlen(own);
    validate(&v, s, value);
    if (v.work == 0) {
        fault(&v, value, "too_complex", "takes too long to check; send less");
    }
    if (v.faults == 0) {
        return ERR_NONE;
    }
    return e != NULL ? e->code : ERR_VALIDATION_ERROR;
}

const struct json_schema *json_schema_property(const struct json_schema *s, const char *name)
{
    for (size_t i = 0; i < s->property_count; i++) {
        if (json_key_is(s->doc, s->property[i].name, name)) {
            return s->property[i].schema;
        }
    }
    return NULL;
}
