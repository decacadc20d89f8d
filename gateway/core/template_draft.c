/* template_draft.c - a draft from the graph to a manifest that can be loaded.
 *
 * The finders guess; template_load() judges. What it refuses is taken out, the weakest first, until
 * it takes the rest: so a wrong guess costs a parameter and never the draft.
 */
#include "core/template_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_pretty.h"
#include "core/template_draft_parts.h"

#define MANIFEST_MAX ((size_t)1 << 20)  /* what a gateway reads */
#define COMPACT_MAX  (MANIFEST_MAX / 2) /* before it is laid out */

static void draft_clear(struct draft *d)
{
    for (size_t i = 0; i < d->param_count; i++) {
        draft_param_clear(&d->param[i]);
    }
    for (size_t i = 0; i < d->left_count; i++) {
        free(d->left[i].why);
    }
    free(d->order);
    free(d->is_alive);
    template_graph_clear(&d->g);
}

static void find_all(struct draft *d)
{
    draft_find_outcomes(d);
    draft_sort(d);
    draft_find_titles(d);
    draft_find_samplers(d);
    draft_find_files(d);
    draft_find_constants(d);
    draft_find_leftovers(d);
}

/* ---- what cannot be loaded ---------------------------------------------------------------------- */

static enum template_confidence confidence_of(const struct draft_param *p)
{
    enum template_confidence least = TEMPLATE_SURE;

    for (size_t i = 0; i < p->target_count; i++) {
        least = p->target[i].confidence < least ? p->target[i].confidence : least;
    }
    return least;
}

/* The parameter that a pointer into the manifest is about; NULL when it is about none. */
static struct draft_param *named_by(struct draft *d, const char *pointer)
{
    static const char start[] = "/input/properties/";
    const char *name = pointer + sizeof start - 1;

    if (strncmp(pointer, start, sizeof start - 1) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < d->param_count; i++) {
        size_t len = strlen(d->param[i].name);

        if (!d->param[i].is_dropped && strncmp(name, d->param[i].name, len) == 0 &&
            (name[len] == '/' || name[len] == '\0')) {
            return &d->param[i];
        }
    }
    return NULL;
}

/* The weakest of those that the faults are about, else the weakest of all; *why tells its fault. */
static struct draft_param *weakest(struct draft *d, const struct err *e, const char **why)
{
    struct draft_param *found = NULL;
    bool is_about_none;

    *why = e->item_count > 0 ? e->item[0].detail : e->detail;
    for (size_t i = 0; i < e->item_count; i++) {
        struct draft_param *p = named_by(d, e->item[i].at);

        if (p != NULL && (found == NULL || confidence_of(p) < confidence_of(found))) {
            found = p;
            *why = e->item[i].detail;
        }
    }
    is_about_none = found == NULL;
    for (size_t i = 0; i < d->param_count && is_about_none; i++) {
        struct draft_param *p = &d->param[i];

        if (!p->is_dropped && (found == NULL || confidence_of(p) < confidence_of(found))) {
            found = p;
        }
    }
    return found;
}

/* Makes the manifest ask for less; false when there is nothing left to take out. */
static bool yield_to(struct draft *d, const struct err *e)
{
    const char *why = NULL;
    struct draft_param *p = weakest(d, e, &why);

    if (p == NULL) {
        return false;
    }
    if (p->removes) {
        p->removes = false;
        p->is_required = true;
        return true;
    }
    if (p->op == TEMPLATE_LORA_CHAIN && p->clip.node != TEMPLATE_NONE) {
        p->clip.node = TEMPLATE_NONE;
        return true;
    }
    p->is_dropped = true;
    for (size_t i = 0; i < p->target_count; i++) {
        draft_left(d, p->target[i].node, p->target[i].input, "\"%s\" was refused: %s", p->name,
                   why);
    }
    return true;
}

static enum errc try_load(const struct draft *d, struct buf *line, struct err *e)
{
    AUTO(template_free_ptr) struct template *t = NULL;

    buf_reset(line);
    draft_write_manifest(d, line);
    if (!buf_ok(line)) {
        return err_set(e, ERR_CONTENT_TOO_LARGE, "the manifest would be too large");
    }
    return template_load(d->r->name, buf_span(line), d->r->workflow, d->r->limits, &t, e);
}

/* ---- the answer -------------------------------------------------------------------------------- */

static void add_finding(const struct draft *d, struct template_draft *out, const char *parameter,
                        const struct draft_target *t)
{
    struct template_finding *f;

    out->finding = xrealloc(out->finding, (out->finding_count + 1) * sizeof *out->finding);
    f = &out->finding[out->finding_count++];
    *f = (struct template_finding){
        .parameter = xstrdup(parameter),
        .node = xstrdup(d->g.node[t->node].id),
        .input =
            t->input != TEMPLATE_NONE ? template_graph_input_name(&d->g, t->input) : xstrdup(""),
        .why = xstrdup(t->why),
        .confidence = t->confidence,
    };
}

static void tell(const struct draft *d, struct template_draft *out)
{
    size_t order[TEMPLATE_PARAMS_MAX];
    size_t count = draft_in_order(d, order);

    for (size_t i = 0; i < count; i++) {
        const struct draft_param *p = &d->param[order[i]];

        for (size_t k = 0; k < p->target_count; k++) {
            add_finding(d, out, p->name, &p->target[k]);
        }
    }
    for (size_t i = 0; i < d->left_count; i++) {
        const struct draft_target left = {d->left[i].node, d->left[i].input, TEMPLATE_LEFT,
                                          d->left[i].why};

        add_finding(d, out, "", &left);
    }
}

static enum errc lay_out(struct span line, struct buf *out, struct err *e)
{
    const struct json_limits wide = {.depth = 64, .nodes = MANIFEST_MAX};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    enum errc code = json_parse(line, JSON_STRICT, wide, &doc, e);

    if (code != ERR_NONE) {
        return code;
    }
    json_pretty(doc, out);
    return buf_ok(out) ? ERR_NONE
                       : err_set(e, ERR_CONTENT_TOO_LARGE, "the manifest would be too large");
}

enum errc template_draft(const struct template_draft_request *r, struct template_draft *out,
                         struct err *e)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(COMPACT_MAX);
    AUTO(draft_clear) struct draft d = {.r = r, .encoder = TEMPLATE_NONE};
    struct err unseen = ERR_INIT;
    struct err *why = e != NULL ? e : &unseen;
    enum errc code;

    *out = (struct template_draft){.manifest = BUF_INIT(MANIFEST_MAX)};
    code = template_graph_read(&d.g, r->workflow, r->limits->json, r->limits->graph_nodes, why);
    if (code != ERR_NONE) {
        return code;
    }
    d.order = xcalloc(d.g.node_count + 1, sizeof *d.order);
    d.is_alive = xcalloc(d.g.node_count + 1, sizeof *d.is_alive);
    find_all(&d);
    code = try_load(&d, &line, why);
    while (code != ERR_NONE && yield_to(&d, why)) {
        code = try_load(&d, &line, why);
    }
    if (code == ERR_NONE) {
        code = lay_out(buf_span(&line), &out->manifest, why);
    }
    if (code == ERR_NONE) {
        tell(&d, out);
    }
    return code;
}

void template_draft_clear(struct template_draft *d)
{
    for (size_t i = 0; i < d->finding_count; i++) {
        free(d->finding[i].parameter);
        free(d->finding[i].node);
        free(d->finding[i].input);
        free(d->finding[i].why);
    }
    free(d->finding);
    buf_clear(&d->manifest);
    *d = (struct template_draft){0};
}
