/* Edits of a graph: eight bytes for two edits (place and length, 16 bits each), then the graph. */
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const uint8_t *numbers, struct span graph)
{
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    AUTO(buf_clear) struct buf out = BUF_INIT(graph.len + 64);
    size_t removed = 0;

    for (size_t i = 0; i < 8; i += 4) {
        size_t len = (size_t)numbers[i + 2] << 8 | numbers[i + 3];

        graph_edits_add(&edits, (size_t)numbers[i] << 8 | numbers[i + 1], len, SPAN_LIT("<edit>"));
        removed += len;
    }
    if (graph_edits_apply(graph, &edits, &out)) {
        bug_if(out.len != graph.len - removed + 2 * sizeof "<edit>" - 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_clear) struct buf once = BUF_INIT(64 * size + 4096);
    AUTO(buf_clear) struct buf twice = BUF_INIT(64 * size + 4096);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_limits limits = {.depth = 1024, .nodes = 10000000};
    struct span graph;
    struct id job = id_new();

    if (size < 8) {
        return 0;
    }
    graph = (struct span){(const char *)data + 8, size - 8};
    apply(data, graph);
    if (graph_own_prefix(graph, job, &once, NULL) != ERR_NONE) {
        return 0;
    }
    bug_if(json_parse(buf_span(&once), JSON_STRICT, limits, &doc, NULL) != ERR_NONE);
    /* a graph that has its prefix is not changed again */
    bug_if(graph_own_prefix(buf_span(&once), job, &twice, NULL) != ERR_NONE);
    bug_if(!span_eq(buf_span(&once), buf_span(&twice)));
    return 0;
}
