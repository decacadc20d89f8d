/* template_bind.c - a job's input put into a template's graph.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_live.h"
#include "core/template_plan.h"

/* A random seed stays where a double is exact, for clients that know no better, unless the schema
 * says another bound. */
#define RANDOM_SEED_MAX ((UINT64_C(1) << 53) - 1)

void template_plan_fault(struct template_plan *plan, struct template_spot spot, const char *kind,
                         const char *fmt, ...)
{
    char at[256];
    char text[512]; /* err_at cuts it, at a character */
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (spot.member != NULL) {
        (void)snprintf(at, sizeof at, "%s/%s/%zu/%s", plan->r->pointer, spot.param->name,
                       spot.index, spot.member);
    } else {
        (void)snprintf(at, sizeof at, "%s/%s", plan->r->pointer, spot.param->name);
    }
    (void)err_at(plan->e, ERR_VALIDATION_ERROR, at, kind, "%s", text);
    plan->faults++;
}

void template_plan_ask(struct template_plan *plan, struct template_spot spot,
                       const char *class_type, const char *input, struct template_value value)
{
    const struct node_catalog *catalog = plan->r->catalog;
    AUTO(free_ptr) char *text = json_str_dup(value.doc, value.node);

    if (catalog != NULL && text != NULL &&
        !catalog->has_choice(catalog->arg, class_type, input, text)) {
        template_plan_fault(plan, spot, "not_available",
                            "is not among what the connected ComfyUI offers for \"%.64s\"", input);
    }
}

char *template_plan_number(struct template_plan *plan, struct template_spot spot,
                           struct template_value value, bool is_integer)
{
    struct span raw = json_raw(value.doc, value.node);
    struct json_number n = json_number_read(raw);
    uint64_t whole = 0;
    double number = 0;

    if (is_integer) {
        /* What ComfyUI's Python would read as a float, 1e3 or 7.0, goes there as an integer. */
        if (json_number_u64(n, &whole) && (!n.is_negative || whole <= UINT64_C(1) << 63)) {
            return xasprintf("%s%" PRIu64, n.is_negative ? "-" : "", whole);
        }
    } else if (json_double(value.doc, value.node, &number)) {
        return xstrndup(raw.ptr, raw.len);
    }
    template_plan_fault(plan, spot, "out_of_range", "is beyond what ComfyUI can compute with");
    return NULL;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void change_text(struct template_plan *plan, size_t input, const char *text)
{
    xreplace(&plan->change[input].text, text);
}

static void ask_targets(struct template_plan *plan, const struct template_param *p,
                        struct template_value value)
{
    const struct template_graph *g = &plan->t->graph;

    for (size_t i = 0; i < p->target_count; i++) {
        AUTO(free_ptr) char *input = template_graph_input_name(g, p->target[i]);

        template_plan_ask(plan, (struct template_spot){.param = p},
                          g->node[g->input[p->target[i]].node].class_type, input, value);
    }
}

static void plan_set(struct template_plan *plan, const struct template_param *p,
                     struct template_value value)
{
    struct span raw = json_raw(value.doc, value.node);
    AUTO(free_ptr) char *text = NULL;

    if (p->type == TEMPLATE_INTEGER || p->type == TEMPLATE_NUMBER) {
        text = template_plan_number(plan, (struct template_spot){.param = p}, value,
                                    p->type == TEMPLATE_INTEGER);
    } else {
        text = xstrndup(raw.ptr, raw.len);
        ask_targets(plan, p, value);
    }
    for (size_t i = 0; text != NULL && i < p->target_count; i++) {
        change_text(plan, p->target[i], text);
    }
}

static void use_seed(struct template_plan *plan, const struct template_param *p, uint64_t seed)
{
    (void)snprintf(plan->out->seed, sizeof plan->out->seed, "%" PRIu64, seed);
    for (size_t i = 0; i < p->target_count; i++) {
        change_text(plan, p->target[i], plan->out->seed);
    }
}

static void plan_seed(struct template_plan *plan, const struct template_param *p,
                      struct template_value value)
{
    struct json_number n = json_number_read(json_raw(value.doc, value.node));
    uint64_t seed = 0;

    if (n.is_negative || !json_number_u64(n, &seed)) {
        template_plan_fault(plan, (struct template_spot){.param = p}, "out_of_range",
                            "must be a whole number from 0 to %" PRIu64, UINT64_MAX);
        return;
    }
    use_seed(plan, p, seed);
}

static uint64_t seed_bound(const struct template *t, const struct template_param *p,
                           const char *keyword, uint64_t otherwise)
{
    json_ref bound = json_get(t->doc, p->schema, keyword);
    uint64_t value = otherwise;

    if (bound != JSON_NONE) {
        (void)!json_number_u64(json_number_read(json_raw(t->doc, bound)), &value);
    }
    return value;
}

static void random_seed(struct template_plan *plan, const struct template_param *p)
{
    uint64_t min = seed_bound(plan->t, p, "minimum", 0);
    uint64_t max =
        seed_bound(plan->t, p, "maximum", min < RANDOM_SEED_MAX ? RANDOM_SEED_MAX : UINT64_MAX);
    uint64_t count = max - min + 1; /* 0: all there are */

    use_seed(plan, p, count == 0 ? plan->r->random : min + plan->r->random % count);
}

static void plan_map(struct template_plan *plan, const struct template_param *p,
                     struct template_value value)
{
    const struct template_choice *c = template_choose(plan->t, p, value.doc, value.node);
    const struct template_graph *g = &plan->t->graph;

    bug_if(c == NULL); /* the schema's enum has the same choices */
    for (size_t i = 0; i < c->setting_count; i++) {
        const struct template_setting *s = &c->setting[i];
        struct span raw = json_raw(plan->t->doc, s->value);
        AUTO(free_ptr) char *text = xstrndup(raw.ptr, raw.len);
        AUTO(free_ptr) char *input = template_graph_input_name(g, s->input);

        template_plan_ask(plan, (struct template_spot){.param = p},
                          g->node[g->input[s->input].node].class_type, input,
                          (struct template_value){plan->t->doc, s->value});
        change_text(plan, s->input, text);
    }
}

static void plan_switch(struct template_plan *plan, const struct template_param *p,
                        struct template_value value)
{
    const struct template_choice *c = template_choose(plan->t, p, value.doc, value.node);

    bug_if(c == NULL);
    plan->change[p->target[0]].link = c->source;
}

static void plan_absent(struct template_plan *plan, const struct template_param *p)
{
    if (p->op == TEMPLATE_SEED) {
        random_seed(plan, p);
    }
    for (size_t i = 0; i < p->gone_count; i++) {
        plan->is_gone[p->gone[i]] = true;
    }
}

static void plan_param(struct template_plan *plan, const struct template_param *p,
                       struct template_value value, struct json_out *effective)
{
    if (p->op != TEMPLATE_ASSET) {
        jo_raw(effective, p->name, json_raw(value.doc, value.node));
    }
    switch (p->op) {
    case TEMPLATE_SET:
        plan_set(plan, p, value);
        break;
    case TEMPLATE_SEED:
        plan_seed(plan, p, value);
        break;
    case TEMPLATE_ASSET:
        template_plan_asset(plan, p, value, effective);
        break;
    case TEMPLATE_LORA_CHAIN:
        template_plan_chain(plan, p, value);
        break;
    case TEMPLATE_MAP:
        plan_map(plan, p, value);
        break;
    case TEMPLATE_SWITCH:
        plan_switch(plan, p, value);
        break;
    case TEMPLATE_OP_COUNT:
        break;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Those that replace a choice's value, or all others. */
static void plan_some(struct template_plan *plan, struct template_value input, bool is_over,
                      struct json_out *effective)
{
    for (size_t i = 0; i < plan->t->param_count; i++) {
        const struct template_param *p = &plan->t->param[i];
        struct template_value value = {input.doc, json_get(input.doc, input.node, p->name)};

        if ((p->over != NULL) != is_over) {
            continue;
        }
        if (value.node == JSON_NONE) {
            value = (struct template_value){plan->t->doc, p->fallback};
        }
        if (value.node != JSON_NONE) {
            plan_param(plan, p, value, effective);
        } else {
            plan_absent(plan, p);
        }
    }
}

static void plan_params(struct template_plan *plan, struct template_value input)
{
    struct json_out effective = json_out_to(&plan->out->input);

    jo_obj(&effective, NULL);
    plan_some(plan, input, false, &effective);
    plan_some(plan, input, true, &effective);
    jo_end(&effective);
}

static void plan_clear(struct template_plan *plan)
{
    for (size_t i = 0; i < plan->t->graph.input_count; i++) {
        free(plan->change[i].text);
    }
    for (size_t i = 0; i < plan->detour_count; i++) {
        free(plan->detour[i].id);
    }
    free(plan->change);
    free(plan->is_gone);
    free(plan->detour);
    buf_clear(&plan->added);
}

static enum errc bind_input(const struct template *t, const struct template_request *r,
                            struct template_bound *out, struct err *e)
{
    enum errc code = json_schema_validate(t->schema, r->doc, r->input, r->pointer, e);
    AUTO(plan_clear)
    struct template_plan plan = {
        .t = t,
        .r = r,
        .out = out,
        .e = e,
        .change = xcalloc(t->graph.input_count + 1, sizeof *plan.change),
        .is_gone = xcalloc(t->graph.node_count + 1, sizeof *plan.is_gone),
        .detour = xcalloc(2 * t->param_count + 1, sizeof *plan.detour),
        .added = BUF_INIT(r->max_bytes),
    };

    if (code != ERR_NONE) {
        return code;
    }
    for (size_t i = 0; i < t->graph.input_count; i++) {
        plan.change[i].link.node = TEMPLATE_NONE;
    }
    plan_params(&plan, (struct template_value){r->doc, r->input});
    if (plan.faults > 0) {
        return e->code;
    }
    return template_emit(&plan);
}

enum errc template_bind(const struct template *t, const struct template_request *r,
                        struct template_bound *out, struct err *e)
{
    const struct json_limits tiny = {.depth = 1, .nodes = 1};
    AUTO(json_free_ptr) struct json_doc *nothing = NULL;
    struct template_request request = *r;
    struct err unseen = ERR_INIT;
    enum errc code = json_parse(SPAN_LIT("{}"), JSON_STRICT, tiny, &nothing, NULL);

    bug_if(code != ERR_NONE);
    *out = (struct template_bound){
        .graph = BUF_INIT(r->max_bytes),
        /* as long as what was given and the manifest: defaults, commas and names come from there */
        .input = BUF_INIT(r->max_bytes + 2 * strlen(t->text)),
    };
    if (r->input == JSON_NONE) {
        request.doc = nothing;
        request.input = 0;
    }
    return bind_input(t, &request, out, e != NULL ? e : &unseen);
}

void template_bound_clear(struct template_bound *b)
{
    for (size_t i = 0; i < b->file_count; i++) {
        free(b->file[i]);
    }
    free(b->file);
    buf_clear(&b->graph);
    buf_clear(&b->input);
    *b = (struct template_bound){0};
}
