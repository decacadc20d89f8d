/* json_schema.h - values of JSON checked against a schema: a subset of JSON Schema 2020-12.
 *
 * Understood: type (one or a list), enum, const, minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, multipleOf, minLength, maxLength (characters), items, minItems, maxItems,
 * uniqueItems, properties, required, additionalProperties, minProperties, maxProperties, and the
 * schemas `true` and `false`. Read over, being no rules: $schema, $comment, title, description,
 * default, examples, deprecated, readOnly, writeOnly, format, and the annotations that the caller
 * names. Every other keyword is refused when the schema is compiled: a rule that is not enforced
 * must not look like one that is. Left out on purpose: pattern (ECMA-262's expressions have no
 * library in Debian's C world, and a backtracking one can be made to run for years), $ref, and
 * what no form can show: anyOf, oneOf, allOf, not, if.
 *
 * Numbers compare as decimals, exactly: see json_schema_number.h. Pure; any thread, a compiled
 * schema may be used by many at once.
 */
#ifndef CG_CORE_JSON_SCHEMA_H
#define CG_CORE_JSON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"

#define JSON_SCHEMA_DEPTH_MAX 16   /* levels of schemas inside schemas */
#define JSON_SCHEMA_COUNT_MAX 2000 /* schemas in one */
/* Values and keys compared in one validation, a few hundred milliseconds' worth. */
#define JSON_SCHEMA_WORK_MAX 5000000

struct json_schema;

/* A keyword that is no rule. A table of these ends with a row without a name. */
struct json_schema_annotation {
    const char *name;
    unsigned level; /* only in schemas this deep; 1 = the properties of the outermost; 0 = in any */
};

/* Gives *out, to be freed with json_schema_free(); it borrows doc, which must outlive it. Faults go to
 * e as VALIDATION_ERROR items with pointers into doc: unsupported_keyword, wrong_type,
 * out_of_range, duplicate, too_deep, too_many. `annotations` may be NULL. */
enum errc json_schema_compile(const struct json_doc *doc, json_ref node,
                              const struct json_schema_annotation *annotations,
                              struct json_schema **out, struct err *e) MUST_CHECK;
void json_schema_free(struct json_schema *s); /* NULL is fine */

/* Checks `value` of a strictly read doc. All faults, up to 32, go to e as VALIDATION_ERROR items;
 * their places are below `pointer`, which names `value` itself. Kinds: wrong_type, required,
 * unknown_field, not_in_list, out_of_range, not_a_multiple, too_short, too_long, too_few, too_many,
 * duplicate, not_allowed, too_complex. */
enum errc json_schema_validate(const struct json_schema *s, const struct json_doc *doc,
                               json_ref value, const char *pointer, struct err *e) MUST_CHECK;

/* The schema of a property, borrowed; NULL when it is not among `properties`. */
const struct json_schema *json_schema_property(const struct json_schema *s, const char *name);

#endif
