/* Any body of POST /v1/jobs and of PATCH /v1/jobs/{id}. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "core/graph.h"
#include "core/job_json.h"
#include "core/submit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct submit_limits limits = {
    .json = {.depth = 64, .nodes = 100000},
    .graph_nodes = 2000,
    .default_max_attempts = 3,
};

static bool is_json(struct span text)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_limits wide = {.depth = 1024, .nodes = 10000000};

    return json_parse(text, JSON_STRICT, wide, &doc, NULL) == ERR_NONE;
}

/* What was accepted is what was written, and shows as JSON. */
static void check_accepted(struct submission *s, struct span body)
{
    AUTO(buf_clear) struct buf shown = BUF_INIT(16U << 20);
    AUTO(buf_clear) struct buf graph = BUF_INIT(16U << 20);
    AUTO(job_row_clear) struct job_row again = {0};
    struct graph_index *index = graph_index_new(buf_span(&s->graph));
    struct json_out o = json_out_to(&shown);

    bug_if(memmem(body.ptr, body.len, s->graph.data, s->graph.len) == NULL);
    bug_if(index == NULL || graph_index_count(index) != (size_t)s->row.nodes_total);
    if (graph_own_prefix(buf_span(&s->graph), s->row.id, &graph, NULL) == ERR_NONE) {
        bug_if(!is_json(buf_span(&graph)));
    }
    job_retry_row(&s->row, 1, &again);
    job_json(&o, NULL, &(struct job_view){.row = &s->row});
    bug_if(!is_json(buf_span(&shown)));
    graph_index_free(index);
}

static void patch(struct span body)
{
    AUTO(job_patch_clear) struct job_patch p = {0};
    AUTO(job_row_clear) struct job_row row = {0};
    bool changed = false;

    job_row_init(&row);
    if (job_patch_parse(body, limits.json, &p, NULL) == ERR_NONE &&
        job_patch_apply(&p, &row, &changed, NULL) == ERR_NONE) {
        bug_if(!is_json(span_of(row.metadata_json)) || !is_json(span_of(row.tags_json)));
        bug_if(job_patch_apply(&p, &row, &changed, NULL) != ERR_NONE || changed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = {(const char *)data, size};
    AUTO(submission_clear) struct submission s;
    AUTO(buf_clear) struct buf problem = BUF_INIT(1U << 20);
    struct err e = ERR_INIT;

    if (submission_parse(body, &limits, 1, &s, &e) == ERR_NONE) {
        check_accepted(&s, body);
    } else {
        bug_if(e.item_count == 0);
        problem_json(&problem, &e, "r");
        bug_if(!is_json(buf_span(&problem)));
    }
    patch(body);
    return 0;
}
