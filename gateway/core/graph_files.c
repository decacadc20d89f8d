/* graph_files.c - input files under the names that a ComfyUI has given them.
 */
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "core/graph.h"

static const struct json_limits stored_limits = {.depth = 1024, .nodes = 20000000};

static void rename_input(const struct json_doc *doc, json_ref input,
                         const struct graph_rename *rename, struct graph_edits *edits)
{
    AUTO(buf_clear) struct buf json = BUF_INIT(6 * strlen(rename->to) + 3);
    struct json_out o = json_out_to(&json);

    jo_str(&o, NULL, rename->to);
    graph_edits_add(edits, json_offset(doc, input), json_raw(doc, input).len, buf_span(&json));
}

static void rename_inputs(const struct json_doc *doc, json_ref node,
                          const struct graph_rename *rename, size_t count,
                          struct graph_edits *edits)
{
    json_ref inputs = json_get(doc, node, "inputs");

    for (json_ref n = json_first(doc, inputs); n != JSON_NONE; n = json_next(doc, n)) {
        for (size_t i = 0; i < count; i++) {
            if (json_str_is(doc, n, rename[i].from)) {
                rename_input(doc, n, &rename[i], edits);
                break;
            }
        }
    }
}

bool graph_rename_files(struct span graph, const struct graph_rename *rename, size_t count,
                        struct buf *out)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(graph_edits_clear) struct graph_edits edits = {0};

    if (json_parse(graph, JSON_STRICT, stored_limits, &doc, NULL) != ERR_NONE) {
        return false;
    }
    for (json_ref n = json_first(doc, 0); n != JSON_NONE; n = json_next(doc, n)) {
        rename_inputs(doc, n, rename, count, &edits);
    }
    return graph_edits_apply(graph, &edits, out);
}
