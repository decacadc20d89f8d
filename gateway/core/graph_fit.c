/* graph_fit.c - see graph_fit.h.
 */
#include "core/graph_fit.h"

#include <stdlib.h>

#include "base/mem.h"

#define NAME_MAX_SIZE 1024
#define HASH_START    UINT64_C(0xcbf29ce484222325)
#define HASH_FACTOR   UINT64_C(0x100000001b3)

/* Appends to `lacks` and gives false when the input is a choice that is not there. */
static bool has_choice(const struct json_doc *doc, json_ref input, const char *class_type,
                       const struct node_catalog *catalog, struct buf *lacks)
{
    AUTO(buf_clear) struct buf name = BUF_INIT(NAME_MAX_SIZE);
    AUTO(free_ptr) char *value = json_str_dup(doc, input);

    if (value == NULL || !json_key(doc, input, &name) ||
        catalog->has_choice(catalog->arg, class_type, buf_str(&name), value)) {
        return true;
    }
    if (lacks != NULL) {
        (void)buf_appendf(lacks, "\"%.80s\" for \"%.60s\"", value, class_type);
    }
    return false;
}

static bool node_fits(const struct json_doc *doc, json_ref node, const struct node_catalog *catalog,
                      struct buf *lacks)
{
    AUTO(free_ptr) char *class_type = json_str_dup(doc, json_get(doc, node, "class_type"));
    json_ref inputs = json_get(doc, node, "inputs");

    if (class_type == NULL) {
        return true;
    }
    if (!catalog->has_class(catalog->arg, class_type)) {
        if (lacks != NULL) {
            (void)buf_appendf(lacks, "the node \"%.100s\"", class_type);
        }
        return false;
    }
    for (json_ref n = json_first(doc, inputs); n != JSON_NONE; n = json_next(doc, n)) {
        if (!has_choice(doc, n, class_type, catalog, lacks)) {
            return false;
        }
    }
    return true;
}

bool graph_fits(const struct json_doc *graph, const struct node_catalog *catalog, struct buf *lacks)
{
    for (json_ref n = json_first(graph, 0); n != JSON_NONE; n = json_next(graph, n)) {
        if (!node_fits(graph, n, catalog, lacks)) {
            return false;
        }
    }
    return true;
}

static uint64_t add_text(uint64_t hash, const struct json_doc *doc, json_ref value)
{
    struct span text = {NULL, 0};

    if (value == JSON_NONE || json_type(doc, value) != JSON_STRING) {
        return hash;
    }
    text = json_raw(doc, value);
    hash = hash == 0 ? HASH_START : hash;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * HASH_FACTOR;
    }
    return hash == 0 ? 1 : hash;
}

uint64_t graph_model(const struct json_doc *graph)
{
    uint64_t hash = 0;

    for (json_ref n = json_first(graph, 0); n != JSON_NONE; n = json_next(graph, n)) {
        json_ref inputs = json_get(graph, n, "inputs");
        json_ref checkpoint = json_get(graph, inputs, "ckpt_name");
        json_ref unet = json_get(graph, inputs, "unet_name");

        hash = add_text(hash, graph, checkpoint);
        hash = add_text(hash, graph, unet);
    }
    return hash;
}
