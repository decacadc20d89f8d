/* A schema and two values: any list [schema, value, value]. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "core/json_schema.h"
#include "core/json_schema_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void validate(const struct json_schema *schema, const struct json_doc *doc, json_ref value)
{
    struct err e = ERR_INIT;
    enum errc code = json_schema_validate(schema, doc, value, "/in", &e);

    bug_if(code != e.code || (code == ERR_NONE) != (e.item_count == 0));
    bug_if(json_schema_validate(schema, doc, value, "/in", NULL) != code);
    for (size_t i = 0; i < e.item_count; i++) {
        bug_if(!span_eq((struct span){e.item[i].at, 3}, SPAN_LIT("/in")));
        bug_if(e.item[i].code[0] == '\0' || e.item[i].detail[0] == '\0');
    }
}

/* A number is neither above nor below itself, and doubles agree as far as they can tell. */
static void compare_numbers(const struct json_doc *doc, json_ref a, json_ref b)
{
    int order =
        json_number_compare(json_number_read(json_raw(doc, a)), json_number_read(json_raw(doc, b)));
    double x = 0;
    double y = 0;

    bug_if(order != -json_number_compare(json_number_read(json_raw(doc, b)),
                                         json_number_read(json_raw(doc, a))));
    if (json_double(doc, a, &x) && json_double(doc, b, &y)) {
        bug_if((x < y && order >= 0) || (x > y && order <= 0));
    }
}

/* What is the same stays so the other way round. */
static void compare(const struct json_doc *doc, json_ref a, json_ref b)
{
    size_t work = JSON_SCHEMA_WORK_MAX;
    bool is_same = json_schema_same(doc, a, doc, b, &work);
    bool is_same_back = json_schema_same(doc, b, doc, a, &work);

    bug_if(work > 0 && is_same != is_same_back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.depth = 64, .nodes = 20000};
    struct span text = {(const char *)data, size};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_schema *schema = NULL;
    struct err e = ERR_INIT;

    if (json_parse(text, JSON_STRICT, limits, &doc, NULL) != ERR_NONE ||
        json_type(doc, 0) != JSON_ARRAY || json_size(doc, 0) != 3) {
        return 0;
    }
    compare(doc, json_at(doc, 0, 1), json_at(doc, 0, 2));
    if (json_type(doc, json_at(doc, 0, 1)) == JSON_NUMBER &&
        json_type(doc, json_at(doc, 0, 2)) == JSON_NUMBER) {
        compare_numbers(doc, json_at(doc, 0, 1), json_at(doc, 0, 2));
    }
    if (json_schema_compile(doc, json_at(doc, 0, 0), NULL, &schema, &e) != ERR_NONE) {
        bug_if(e.item_count == 0 || schema != NULL);
        return 0;
    }
    validate(schema, doc, json_at(doc, 0, 1));
    validate(schema, doc, json_at(doc, 0, 2));
    json_schema_free(schema);
    return 0;
}
