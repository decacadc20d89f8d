/* fit.c - which backends have what a waiting job needs, and to which of them it goes.
 *
 * What a job needs is looked up in its stored graph once, when it could be given away, and again when what a backend has
 * has changed. With one backend nothing is looked up: it is the only choice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/backend_list.h"
#include "core/estimate.h"
#include "core/graph_fit.h"
#include "core/job_json.h"
#include "core/node_info.h"
#include "core/placement.h"
#include "engine/internal.h"

#define GRAPH_MAX    (256U << 20)
#define LOOKS_MAX    64    /* graphs read in one turn */
#define KEPT_MAX     8192  /* more are looked up again; twice what a turn scans */
#define WORK_MS      10000 /* of a prompt of which nothing is known */
#define WARNING_CODE "waited_for_backend"

/* A bit of a mask for each backend. */
_Static_assert(BACKENDS_MAX <= 64, "");

struct fit {
    int64_t generation; /* of what the backends have */
    uint64_t known;
    uint64_t fits;
    uint64_t model; /* graph_model() */
    char lacks[200];
};

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

static uint64_t all_of(const struct engine *e) ON_ENGINE;
static uint64_t all_of(const struct engine *e)
{
    return e->backend_count >= 64 ? UINT64_MAX : bit(e->backend_count) - 1;
}

static bool is_one(uint64_t backends)
{
    return backends != 0 && (backends & (backends - 1)) == 0;
}

uint64_t fit_wanted(const struct engine *e, const char *wanted)
{
    uint64_t backends = 0;

    for (size_t i = 0; i < e->backend_count && wanted != NULL; i++) {
        backends |= backend_is_wanted(e->backend[i].address, wanted) ? bit(i) : 0;
    }
    return wanted != NULL ? backends : FIT_ANY;
}

static void free_fit(void *arg, const char *key, void *value)
{
    (void)arg;
    (void)key;
    free(value);
}

void fits_free(struct engine *e)
{
    map_each(e->fits, free_fit, NULL);
    map_free(e->fits);
    e->fits = NULL;
}

void fit_forget(struct engine *e, struct id job)
{
    (void)map_remove(e->avoided, job.text);
    free(map_remove(e->fits, job.text));
}

void fits_begin_turn(struct engine *e)
{
    e->fit_looks = LOOKS_MAX;
    if (map_count(e->fits) > KEPT_MAX) {
        fits_free(e);
        e->fits = map_new();
    }
}

/* What the graph asks for, of those that have told what they have. */
static void compare(struct engine *e, const struct json_doc *graph, struct fit *fit) ON_ENGINE;
static void compare(struct engine *e, const struct json_doc *graph, struct fit *fit)
{
    AUTO(buf_clear) struct buf lacks = BUF_INIT(sizeof fit->lacks);

    for (size_t i = 0; i < e->backend_count; i++) {
        AUTO(node_info_unref_ptr) struct node_info *nodes = hub_nodes(e->hub, i);
        struct node_catalog catalog = node_info_catalog(nodes);

        if (nodes == NULL) {
            continue;
        }
        fit->known |= bit(i);
        buf_reset(&lacks);
        if (graph_fits(graph, &catalog, &lacks)) {
            fit->fits |= bit(i);
        } else if (fit->lacks[0] == '\0') {
            (void)snprintf(fit->lacks, sizeof fit->lacks, "%s", buf_str(&lacks));
        }
    }
    fit->model = graph_model(graph);
}

static void look_up(struct engine *e, struct id job, struct fit *fit) ON_ENGINE;
static void look_up(struct engine *e, struct id job, struct fit *fit)
{
    static const struct json_limits LIMITS = {.depth = 1024, .nodes = 20000000};
    AUTO(buf_clear) struct buf graph = BUF_INIT(GRAPH_MAX);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;

    *fit = (struct fit){.generation = hub_nodes_generation(e->hub)};
    if (store_writer_graph(e->writer, job, &graph) == ST_OK &&
        json_parse(buf_span(&graph), JSON_STRICT, LIMITS, &doc, NULL) == ERR_NONE) {
        compare(e, doc, fit);
    }
}

/* NULL when it must wait for another turn. */
static const struct fit *fit_of(struct engine *e, struct id job) ON_ENGINE;
static const struct fit *fit_of(struct engine *e, struct id job)
{
    struct fit *fit = map_get(e->fits, job.text);

    if (fit != NULL && fit->generation == hub_nodes_generation(e->hub)) {
        return fit;
    }
    if (e->fit_looks == 0) {
        e->has_more_work = true;
        return NULL;
    }
    e->fit_looks--;
    if (fit == NULL) {
        fit = xcalloc(1, sizeof *fit);
        map_put(e->fits, job.text, fit);
    }
    look_up(e, job, fit);
    return fit;
}

/* Its owner is told why others go before it. */
static void warn_waiting(struct engine *e, struct id job, const struct fit *fit) ON_ENGINE;
static void warn_waiting(struct engine *e, struct id job, const struct fit *fit)
{
    enum st st = ST_OK;
    struct live_job *j = jobs_load(e, job, &st);
    struct job_row *row = NULL;
    char detail[400];

    if (j == NULL || strstr(jobs_row(j)->warnings_json, "\"" WARNING_CODE "\"") != NULL) {
        return;
    }
    (void)snprintf(
        detail, sizeof detail,
        "The job waited because no ComfyUI that was up had %s; one that was down may have it.",
        fit->lacks);
    row = jobs_edit(e, j);
    job_warn(row, WARNING_CODE, detail);
    row->version++;
    log_info("job_waits_for_backend", LOG_JOB(row), LOG_S("reason", fit->lacks));
}

static uint64_t up_of(const struct engine *e) ON_ENGINE;
static uint64_t up_of(const struct engine *e)
{
    uint64_t up = 0;

    for (size_t i = 0; i < e->backend_count; i++) {
        up |= e->backend[i].status == BACKEND_UP ? bit(i) : 0;
    }
    return up;
}

static uint64_t allowed_by_fit(struct engine *e, struct id job, const struct fit *fit,
                               uint64_t wanted) ON_ENGINE;
static uint64_t allowed_by_fit(struct engine *e, struct id job, const struct fit *fit,
                               uint64_t wanted)
{
    uint64_t up = up_of(e) & wanted;
    uint64_t allowed = placement_allowed(all_of(e) & wanted, fit->known, fit->fits, up);

    if ((allowed & up) == 0 && (up & fit->known) != 0) {
        warn_waiting(e, job, fit);
    }
    return allowed;
}

/* ---- another attempt -------------------------------------------------------------------------- */

void fit_avoid(struct engine *e, struct id job, struct backend *b)
{
    if (e->backend_count > 1) {
        map_put(e->avoided, job.text, b);
    }
}

/* Of these, the ones that are up and may be given jobs, without this one. */
static uint64_t others_of(struct engine *e, uint64_t allowed, const struct backend *without)
    ON_ENGINE;
static uint64_t others_of(struct engine *e, uint64_t allowed, const struct backend *without)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        const struct backend *b = &e->backend[i];

        if (b == without || b->status != BACKEND_UP || b->draining_since != 0) {
            allowed &= ~bit(i);
        }
    }
    return allowed;
}

bool fit_has_other(struct engine *e, const struct live_job *j)
{
    uint64_t wanted = fit_wanted(e, jobs_row(j)->wanted_backend) & all_of(e);
    const struct fit *fit = NULL;

    if (is_one(wanted)) {
        return false;
    }
    fit = fit_of(e, j->row.id);
    return fit == NULL || others_of(e, placement_allowed(wanted, fit->known, fit->fits, up_of(e)),
                                    j->backend) != 0;
}

static uint64_t without_avoided(struct engine *e, struct id job, uint64_t allowed) ON_ENGINE;
static uint64_t without_avoided(struct engine *e, struct id job, uint64_t allowed)
{
    const struct backend *avoided = map_get(e->avoided, job.text);
    uint64_t others = avoided != NULL ? others_of(e, allowed, avoided) : 0;

    return others != 0 ? others : allowed;
}

/* ---- choosing ---------------------------------------------------------------------------------- */

static int64_t work_inside(struct engine *e, const struct backend *b) ON_ENGINE;
static int64_t work_inside(struct engine *e, const struct backend *b)
{
    int64_t usual = estimate_usual_ms(e->estimate);

    return (b->live_count + b->claimed) * (usual > 0 ? usual : WORK_MS);
}

struct backend *fit_choose(struct engine *e, struct id job, uint64_t wanted)
{
    struct placement choice[BACKENDS_MAX] = {{0}};
    const struct fit *fit = NULL;
    uint64_t allowed = all_of(e) & wanted;
    size_t best = PLACEMENT_NONE;

    /* Where there is no choice, the one that is asked for tells best what it lacks. */
    if (allowed != 0 && !is_one(allowed)) {
        fit = fit_of(e, job);
        if (fit == NULL) {
            return NULL;
        }
        allowed = without_avoided(e, job, allowed_by_fit(e, job, fit, wanted));
    }
    for (size_t i = 0; i < e->backend_count; i++) {
        struct backend *b = &e->backend[i];

        choice[i] = (struct placement){
            .is_allowed = (allowed & bit(i)) != 0,
            .room = dispatch_free_slots(b),
            .inside = b->live_count + b->claimed,
            .wait_ms = work_inside(e, b),
            .is_warm = fit != NULL && fit->model != 0 && b->model == fit->model,
        };
    }
    best = placement_choose(choice, e->backend_count);
    return best != PLACEMENT_NONE ? &e->backend[best] : NULL;
}

void fit_given(struct engine *e, struct id job, struct backend *b)
{
    const struct fit *fit = map_get(e->fits, job.text);

    if (fit != NULL && fit->model != 0) {
        b->model = fit->model;
    }
}
