#include "http/dry_run.h"

#include "base/json_out.h"
#include "core/graph.h"
#include "http/reply.h"
#include "http/request.h"

/* The graph with its file prefixes, the input, and the problems. */
#define ANSWER_EXTRA (4U << 20)

static void write_problems(struct json_out *o, const struct err *e)
{
    jo_arr(o, "problems");
    for (size_t i = 0; i < e->item_count; i++) {
        jo_obj(o, NULL);
        jo_str(o, "pointer", e->item[i].at);
        jo_str(o, "code", e->item[i].code);
        jo_str(o, "detail", e->item[i].detail);
        jo_end(o);
    }
    if (e->code != ERR_NONE && e->item_count == 0) {
        jo_obj(o, NULL);
        jo_str(o, "pointer", "");
        jo_str(o, "code", err_code(e->code));
        jo_str(o, "detail", e->detail);
        jo_end(o);
    }
    jo_end(o);
}

static void write_workflow(struct json_out *o, const struct submission *job, struct buf *graph)
{
    struct err e;

    err_fresh(&e);
    if (job->graph.len == 0 ||
        graph_own_prefix(buf_span(&job->graph), job_prefix(&job->row), graph, &e) != ERR_NONE) {
        jo_null(o, "workflow");
        return;
    }
    jo_raw(o, "workflow", buf_span(graph));
}

enum MHD_Result dry_run_answer(struct request *r, const struct submission *job,
                               const struct err *problems)
{
    size_t max = job->graph.len + ANSWER_EXTRA;
    AUTO(buf_clear) struct buf graph = BUF_INIT(max);
    AUTO(buf_clear) struct buf text = BUF_INIT(max * 2);
    struct json_out json = json_out_to(&text);

    jo_obj(&json, NULL);
    write_workflow(&json, job, &graph);
    jo_str(&json, "template", job->row.template_name);
    jo_raw(&json, "input", span_of(job->row.input_json));
    if (job->row.seed != NULL) {
        jo_raw(&json, "seed", span_of(job->row.seed));
    } else {
        jo_null(&json, "seed");
    }
    write_problems(&json, problems);
    jo_end(&json);
    return reply_json(r, MHD_HTTP_OK, &text);
}
