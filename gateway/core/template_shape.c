/* template_shape.c - what the parts of a manifest look like, as JSON Schemas.
 *
 * Declared, not walked: one validator finds unknown members, wrong types and wrong sizes for all of
 * them. What a schema cannot say (selectors that find one node, names that fit) is code elsewhere.
 */
#include <string.h>

#include "base/mem.h"
#include "core/template_parts.h"

#define TEXT(min, max) "{\"type\":\"string\",\"minLength\":" #min ",\"maxLength\":" #max "}"
#define CLOSED         "\"type\":\"object\",\"additionalProperties\":false,"

/* Members that select a node; which of them may stand together is checked by template_select(). */
#define SELECTOR "\"title\":" TEXT(1, 200) ",\"node\":" TEXT(1, 256) ",\"class\":" TEXT(1, 200)
#define TARGET   SELECTOR ",\"input\":" TEXT(1, 200)
#define SOURCE                                                                                     \
    "{" CLOSED "\"required\":[\"output\"],\"properties\":{" SELECTOR                               \
    ",\"output\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":255}}}"
#define ONE_TARGET "{" CLOSED "\"required\":[\"input\"],\"properties\":{" TARGET "}}"
#define TARGETS    "{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"items\":" ONE_TARGET "}"
#define OP(name)   "\"op\":{\"const\":\"" name "\"}"
#define DIRECT(op, more)                                                                           \
    "{" CLOSED "\"properties\":{" OP(op) more                                                      \
        "," TARGET ",\"targets\":" TARGETS ",\"absent\":{\"const\":\"remove\"},\"remove\":"        \
        "{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,"                                      \
        "\"items\":{" CLOSED "\"properties\":{" SELECTOR "}}}}}"

static const char *const shapes[SHAPE_COUNT] = {
    [SHAPE_MANIFEST] =
        "{" CLOSED "\"required\":[\"manifest\",\"name\",\"title\",\"category\",\"input\","
        "\"outputs\"],\"properties\":{\"manifest\":{\"type\":\"integer\",\"const\":1},"
        "\"name\":" TEXT(1, 32) ",\"title\":" TEXT(1, 100) ",\"description\":" TEXT(
            0,
            2000) ","
                  "\"category\":{\"enum\":[\"text-to-image\",\"image-edit\",\"upscale\","
                  "\"image-to-video\",\"other\"]},"
                  "\"tags\":{\"type\":\"array\",\"maxItems\":16,\"uniqueItems\":true,"
                  "\"items\":" TEXT(
                      1,
                      64) "},"
                          "\"input\":{\"type\":\"object\"},"
                          "\"outputs\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,"
                          "\"items\":{" CLOSED "\"required\":[\"type\"],\"properties\":{" SELECTOR
                          ",\"type\":{\"enum\":[\"image\",\"video\",\"audio\",\"text\",\"file\"]},"
                          "\"primary\":{\"type\":\"boolean\"}}}},"
                          "\"limits\":{" CLOSED "\"properties\":{"
                          "\"timeout_seconds\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":"
                          "604800},"
                          "\"max_attempts\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":5}}},"
                          "\"requires\":{" CLOSED "\"properties\":{"
                          "\"nodes\":{\"type\":\"array\",\"maxItems\":64,\"uniqueItems\":true,"
                          "\"items\":" TEXT(
                              1,
                              200) "},"
                                   "\"models\":{\"type\":\"array\",\"maxItems\":64,\"items\":"
                                   "{" CLOSED "\"required\":[\"folder\",\"name\"],\"properties\":{"
                                   "\"folder\":" TEXT(1, 100) ",\"name\":" TEXT(
                                       1,
                                       300) ",\"url\":" TEXT(1,
                                                             1000) "}}}}},"
                                                                   "\"examples\":{\"type\":"
                                                                   "\"array\",\"maxItems\":16,"
                                                                   "\"items\":{" CLOSED
                                                                   "\"required\":[\"input\"],"
                                                                   "\"properties\":{"
                                                                   "\"title\":" TEXT(
                                                                       1,
                                                                       100) ",\"input\":{\"type\":"
                                                                            "\"object\"}}}}}}",
    [SHAPE_INPUT] =
        "{" CLOSED "\"required\":[\"type\",\"properties\",\"additionalProperties\"],"
        "\"properties\":{\"type\":{\"const\":\"object\"},\"additionalProperties\":"
        "{\"const\":false},\"properties\":{\"type\":\"object\",\"maxProperties\":64},"
        "\"required\":{\"type\":\"array\",\"uniqueItems\":true},\"title\":true,"
        "\"description\":true,\"$schema\":true,\"$comment\":true,\"minProperties\":true}}",
    [SHAPE_UI] = "{" CLOSED "\"properties\":{\"order\":{\"type\":\"integer\",\"minimum\":-10000,"
                 "\"maximum\":10000},\"group\":" TEXT(
                     1, 64) ",\"advanced\":{\"type\":"
                            "\"boolean\"},\"widget\":" TEXT(1, 32) ",\"role\":" TEXT(1, 32) "}}",
    [SHAPE_OPTIONS] =
        "{" CLOSED "\"required\":[\"source\"],\"properties\":{\"source\":" TEXT(1, 100) "}}",
    /* What forms and chat commands may rely on, and what template_bind_ops.c reads. */
    [SHAPE_LORAS] =
        "{\"required\":[\"items\",\"maxItems\"],\"properties\":{\"maxItems\":{\"maximum\":32},"
        "\"items\":{\"type\":\"object\",\"required\":[\"type\",\"required\",\"properties\","
        "\"additionalProperties\"],\"properties\":{\"type\":{\"const\":\"object\"},"
        "\"required\":{\"const\":[\"name\"]},\"additionalProperties\":{\"const\":false},"
        "\"properties\":{" CLOSED "\"required\":[\"name\"],\"properties\":{"
        "\"name\":{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":"
        "{\"const\":\"string\"}}},"
        "\"strength\":{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":"
        "{\"const\":\"number\"}}},"
        "\"strength_clip\":{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":"
        "{\"const\":\"number\"}}}}}}}}}",
    [SHAPE_BINDINGS + TEMPLATE_SET] = DIRECT("set", ",\"over\":" TEXT(1, 32)),
    [SHAPE_BINDINGS + TEMPLATE_ASSET] = DIRECT("asset", ""),
    [SHAPE_BINDINGS + TEMPLATE_SEED] =
        "{" CLOSED "\"properties\":{" OP("seed") "," TARGET ",\"targets\":" TARGETS "}}",
    [SHAPE_BINDINGS + TEMPLATE_LORA_CHAIN] =
        "{" CLOSED "\"required\":[\"loader\",\"model\"],\"properties\":{" OP(
            "lora-chain") ",\"loader\":{\"enum\":[\"" TEMPLATE_LOADER
                          "\",\"" TEMPLATE_LOADER_MODEL_ONLY "\"]},\"model\":" SOURCE
                          ",\"clip\":" SOURCE "}}",
    [SHAPE_BINDINGS + TEMPLATE_MAP] = "{" CLOSED "\"required\":[\"map\"],\"properties\":{" OP(
        "map") ",\"map\":{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":64,"
               "\"additionalProperties\":{\"type\":\"array\",\"maxItems\":64,"
               "\"items\":{" CLOSED "\"required\":[\"input\",\"value\"],\"properties\":{" TARGET
               ",\"value\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}}}}}",
    [SHAPE_BINDINGS + TEMPLATE_SWITCH] =
        "{" CLOSED "\"required\":[\"target\",\"cases\"],\"properties\":{" OP(
            "switch") ",\"target\":" ONE_TARGET ",\"cases\":{\"type\":\"object\","
                      "\"minProperties\":1,\"maxProperties\":64,"
                      "\"additionalProperties\":" SOURCE "}}}",
};

bool template_shape_check(struct template_load *l, unsigned shape, json_ref node)
{
    const struct json_limits limits = {.depth = 32, .nodes = 1000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_schema *schema = NULL;
    char at[128];
    enum errc code = json_parse(span_of(shapes[shape]), JSON_STRICT, limits, &doc, NULL);

    bug_if(code != ERR_NONE);
    code = json_schema_compile(doc, 0, NULL, &schema, NULL);
    bug_if(code != ERR_NONE);
    json_pointer(l->t->doc, node, at, sizeof at);
    code = json_schema_validate(schema, l->t->doc, node, at, l->e);
    json_schema_free(schema);
    if (code != ERR_NONE) {
        l->faults++;
    }
    return code == ERR_NONE;
}
