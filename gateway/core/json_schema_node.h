/* json_schema_node.h - the insides of a struct json_schema, for json_schema_compile.c (makes it) and
 * json_schema.c (asks it); and when two values are the same.
 */
#ifndef CG_CORE_JSON_SCHEMA_NODE_H
#define CG_CORE_JSON_SCHEMA_NODE_H

#include <stdint.h>

#include "core/json_schema.h"
#include "core/json_schema_number.h"

/* Bits of json_schema.types. A number that is an integer has both of the last two. */
enum json_schema_type {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_STRING = 4,
    SCHEMA_ARRAY = 8,
    SCHEMA_OBJECT = 16,
    SCHEMA_NUMBER = 32,
    SCHEMA_INTEGER = 64
};

enum json_schema_bound {
    BOUND_MINIMUM,
    BOUND_MAXIMUM,
    BOUND_EXCLUSIVE_MINIMUM,
    BOUND_EXCLUSIVE_MAXIMUM,
    BOUND_MULTIPLE_OF,
    BOUND_COUNT
};

struct json_schema_range {
    uint64_t min;
    uint64_t max; /* UINT64_MAX when there is none */
};

struct json_schema_property {
    json_ref name; /* the member of `properties`: its key is the name */
    struct json_schema *schema;
};

struct json_schema {
    const struct json_doc *doc; /* borrowed */
    unsigned types;             /* 0 = any */
    bool is_never;              /* the schema `false` */
    bool is_unique;
    json_ref choices;  /* enum; JSON_NONE when absent, as the next two */
    json_ref constant; /* const */
    json_ref required;
    json_ref bound[BOUND_COUNT];
    struct json_schema_range length;
    struct json_schema_range items_count;
    struct json_schema_range members;
    struct json_schema *items;      /* NULL = anything */
    struct json_schema *additional; /* NULL = anything */
    struct json_schema_property *property;
    size_t property_count;
};

/* Whether two values are equal as JSON Schema says: 1 is 1.0, and the order of members is nothing.
 * Takes from *work; when that is used up, the answer is false. */
bool json_schema_same(const struct json_doc *a_doc, json_ref a, const struct json_doc *b_doc,
                      json_ref b, size_t *work) MUST_CHECK;
/* Whether two texts between quotes are equal when unescaped. */
bool json_schema_same_text(struct span a, struct span b);
/* Characters (not bytes) of a string between its quotes. */
size_t json_schema_characters(struct span quoted);

#endif
