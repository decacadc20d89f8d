#include "http/template_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/template.h"
#include "http/request.h"
#include "http/template_live.h"
#include "library/template_set.h"

/* The input alone is not to blame for everything: a reference may point at nothing, or at something that
 * nobody can reach now. */
static enum errc judge(const struct input_files *files, struct err *e)
{
    size_t missing = 0;

    for (size_t i = 0; i < e->item_count; i++) {
        missing += strcmp(e->item[i].code, "missing_asset") == 0 ? 1 : 0;
    }
    if (files->failure != ERR_NONE) {
        e->code = files->failure;
    } else if (missing > 0 && missing == e->item_count) {
        e->code = ERR_MISSING_ASSET;
    }
    return e->code;
}

/* What the job has not said itself. */
static void take_defaults(struct submission *job, const struct template *t)
{
    if (job->row.timeout_ms == 0) {
        job->row.timeout_ms = template_timeout_ms(t);
    }
    if (!job->has_max_attempts && template_max_attempts(t) != 0) {
        job->row.max_attempts = template_max_attempts(t);
    }
    xreplace(&job->row.primary_node, template_primary_node(t));
}

static void take_bound(struct submission *job, const struct template *t, struct template_bound *b)
{
    buf_clear(&job->graph);
    job->graph = b->graph;
    b->graph = BUF_INIT(0);
    job->row.nodes_total = (int)b->node_count;
    free(job->row.input_json);
    job->row.input_json = buf_take(&b->input);
    xreplace(&job->row.seed, b->seed[0] != '\0' ? b->seed : NULL);
    take_defaults(job, t);
}

/* What no ComfyUI that could be asked has would only fail there. */
static enum errc check_live(struct request *r, const struct template *t, const char *wanted,
                            struct err *e)
{
    if (template_availability(r, t, wanted, e) != TEMPLATE_CANNOT_RUN) {
        err_fresh(e);
        return ERR_NONE;
    }
    e->code = ERR_TEMPLATE_UNAVAILABLE;
    return e->code;
}

enum errc template_job_bind(struct request *r, struct submission *job, struct input_files *files,
                            struct err *e)
{
    AUTO(template_ref_release)
    struct template_ref ref = template_set_find(r->parts->templates, job->row.template_name);
    AUTO(template_bound_clear) struct template_bound bound = {.graph = BUF_INIT(0)};
    AUTO(live_catalog_clear) struct live_catalog live = {.info = NULL};
    struct template_files resolver = input_files_resolver(files);
    struct template_request request = {.doc = job->doc,
                                       .input = job->input,
                                       .pointer = "/input",
                                       .max_bytes = (size_t)r->parts->config->server_max_body,
                                       .files = &resolver};
    enum errc rc = ERR_NONE;

    if (ref.t == NULL) {
        return err_at(e, ERR_UNKNOWN_TEMPLATE, "/template", "unknown_template",
                      ref.is_broken ? "the files of this template cannot be loaded; GET "
                                      "/v1/templates/{name} tells why"
                                    : "there is no template of this name; GET /v1/templates lists "
                                      "them");
    }
    live_catalog_init(&live, r, job->row.wanted_backend);
    request.catalog = &live.nodes;
    random_fill(&request.random, sizeof request.random);
    rc = template_bind(ref.t, &request, &bound, e);
    if (files->has_to_block) {
        return rc;
    }
    if (rc != ERR_NONE) {
        return judge(files, e);
    }
    take_bound(job, ref.t, &bound);
    if (id_is_none(job->row.parent_id)) {
        job->row.parent_id = files->source_job;
    }
    return check_live(r, ref.t, job->row.wanted_backend, e);
}
