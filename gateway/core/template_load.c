/* template_load.c - a manifest read and checked, part by part.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_parts.h"

void template_fault(struct template_load *l, json_ref node, const char *kind, const char *fmt, ...)
{
    char at[sizeof l->e->item[0].at];
    char text[512]; /* err_at cuts it, at a character */
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_pointer(l->t->doc, node, at, sizeof at);
    (void)err_at(l->e, ERR_VALIDATION_ERROR, at, kind, "%s", text);
    l->faults++;
}

bool template_is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_later = (c >= '0' && c <= '9') || c == '_' || c == '-';

        if (!(c >= 'a' && c <= 'z') && !(is_later && i > 0)) {
            return false;
        }
    }
    return text.len >= 1 && text.len <= TEMPLATE_NAME_MAX;
}

/* ---- head ------------------------------------------------------------------------------------ */

static char *read_text(struct template_load *l, const char *member)
{
    json_ref node = json_get(l->t->doc, 0, member);
    char *text = json_str_dup(l->t->doc, node);

    if (text == NULL) {
        template_fault(l, node, "invalid_character", "must not contain U+0000");
    }
    return text;
}

static void read_head(struct template_load *l, const char *folder)
{
    struct template *t = l->t;
    json_ref limits = json_get(t->doc, 0, "limits");
    int64_t number = 0;

    t->name = read_text(l, "name");
    t->title = read_text(l, "title");
    t->category = read_text(l, "category");
    if (t->name == NULL || !template_is_name(span_of(t->name))) {
        template_fault(l, json_get(t->doc, 0, "name"), "invalid_name",
                       "has 1 to 32 of a-z, 0-9, _ and -, and begins with a letter");
    } else if (strcmp(t->name, folder) != 0) {
        template_fault(l, json_get(t->doc, 0, "name"), "wrong_name",
                       "must be the name of the folder, which is \"%.64s\"", folder);
    }
    if (json_int(t->doc, json_get(t->doc, limits, "timeout_seconds"), &number)) {
        t->timeout_ms = number * 1000;
    }
    if (json_int(t->doc, json_get(t->doc, limits, "max_attempts"), &number)) {
        t->max_attempts = (int)number;
    }
}

/* ---- input ----------------------------------------------------------------------------------- */

static bool is_required(const struct template *t, const char *name)
{
    json_ref list = json_get(t->doc, t->input, "required");
    json_ref n = json_first(t->doc, list);

    while (n != JSON_NONE && !json_str_is(t->doc, n, name)) {
        n = json_next(t->doc, n);
    }
    return n != JSON_NONE;
}

static void check_required(struct template_load *l)
{
    const struct json_doc *doc = l->t->doc;
    json_ref list = json_get(doc, l->t->input, "required");

    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *name = json_str_dup(doc, n);

        if (name == NULL || json_schema_property(l->t->schema, name) == NULL) {
            template_fault(l, n, "unknown_field", "is required, but is no property");
        }
    }
}

/* x-ui and x-options wherever schemas are; as deep as those, which is limited. */
static void check_hints(struct template_load *l, json_ref schema)
{
    static const struct {
        const char *name;
        enum template_shape shape;
    } hints[] = {{"x-ui", SHAPE_UI}, {"x-options", SHAPE_OPTIONS}};
    const struct json_doc *doc = l->t->doc;
    json_ref properties = json_get(doc, schema, "properties");

    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        json_ref hint = json_get(doc, schema, hints[i].name);

        if (hint != JSON_NONE) {
            (void)!template_shape_check(l, hints[i].shape, hint);
        }
    }
    for (json_ref n = json_first(doc, properties); n != JSON_NONE; n = json_next(doc, n)) {
        check_hints(l, n);
    }
    if (json_get(doc, schema, "items") != JSON_NONE) {
        check_hints(l, json_get(doc, schema, "items"));
    }
}

static void check_one_seed(struct template_load *l)
{
    const struct template_param *first = NULL;

    for (size_t i = 0; i < l->t->param_count; i++) {
        const struct template_param *p = &l->t->param[i];

        if (p->op == TEMPLATE_SEED && first != NULL) {
            template_fault(l, p->binding, "set_twice",
                           "\"%s\" is the seed already; use its \"targets\" for several nodes",
                           first->name);
        }
        first = p->op == TEMPLATE_SEED && first == NULL ? p : first;
    }
}

static void read_params(struct template_load *l)
{
    struct template *t = l->t;
    json_ref properties = json_get(t->doc, t->input, "properties");

    t->param = xcalloc(json_size(t->doc, properties) + 1, sizeof *t->param);
    for (json_ref n = json_first(t->doc, properties); n != JSON_NONE; n = json_next(t->doc, n)) {
        struct template_param *p = &t->param[t->param_count++];
        AUTO(buf_clear) struct buf name = BUF_INIT(json_key_raw(t->doc, n).len);

        (void)json_key(t->doc, n, &name);
        p->name = buf_take(&name);
        p->schema = n;
        p->is_required = is_required(t, p->name);
        (void)!template_param_load(l, p);
    }
}

static void read_input(struct template_load *l)
{
    static const struct json_schema_annotation annotations[] = {
        {"x-comfy", 1}, {"x-ui", 0}, {"x-options", 0}, {NULL, 0}};
    struct template *t = l->t;

    t->input = json_get(t->doc, 0, "input");
    if (!template_shape_check(l, SHAPE_INPUT, t->input)) {
        return;
    }
    if (json_schema_compile(t->doc, t->input, annotations, &t->schema, l->e) != ERR_NONE) {
        l->faults++;
        return;
    }
    check_required(l);
    check_hints(l, t->input);
    read_params(l);
    check_one_seed(l);
}

/* ---- outputs, requires, examples ------------------------------------------------------------- */

static void read_outcome(struct template_load *l, json_ref output)
{
    struct template *t = l->t;
    size_t node = template_select(l, output);
    struct template_outcome *o = &t->outcome[t->outcome_count];

    if (node == TEMPLATE_NONE) {
        return;
    }
    for (size_t i = 0; i < t->outcome_count; i++) {
        if (t->outcome[i].node == node) {
            template_fault(l, output, "duplicate", "this node is an output already");
            return;
        }
    }
    *o = (struct template_outcome){
        .node = node,
        .type = json_str_dup(t->doc, json_get(t->doc, output, "type")),
    };
    (void)json_bool(t->doc, json_get(t->doc, output, "primary"), &o->is_primary);
    t->outcome_count++;
}

static void read_outcomes(struct template_load *l)
{
    struct template *t = l->t;
    json_ref list = json_get(t->doc, 0, "outputs");
    size_t primaries = 0;

    t->outcome = xcalloc(json_size(t->doc, list) + 1, sizeof *t->outcome);
    for (json_ref n = json_first(t->doc, list); n != JSON_NONE; n = json_next(t->doc, n)) {
        read_outcome(l, n);
    }
    if (t->outcome_count == 1 && json_size(t->doc, list) == 1) {
        t->outcome[0].is_primary = true;
    }
    for (size_t i = 0; i < t->outcome_count; i++) {
        primaries += t->outcome[i].is_primary ? 1 : 0;
    }
    if (primaries != 1 && t->outcome_count == json_size(t->doc, list)) {
        template_fault(l, list, "primary", "exactly one output must be primary; %zu are",
                       primaries);
    }
}

static bool sets_to(const struct template *t, const struct template_choice *c, const char *name)
{
    for (size_t i = 0; i < c->setting_count; i++) {
        if (json_str_is(t->doc, c->setting[i].value, name)) {
            return true;
        }
    }
    return false;
}

static bool may_be(const struct template *t, const struct template_param *p, const char *name)
{
    json_ref choices = json_get(t->doc, p->schema, "enum");

    for (json_ref n = json_first(t->doc, choices); n != JSON_NONE; n = json_next(t->doc, n)) {
        if (json_str_is(t->doc, n, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < p->choice_count; i++) {
        if (sets_to(t, &p->choice[i], name)) {
            return true;
        }
    }
    return json_str_is(t->doc, p->fallback, name);
}

/* Whether an input of the workflow, or a value that a parameter may give one, is this name. */
static bool is_named(const struct template *t, const char *name)
{
    for (size_t i = 0; i < t->graph.input_count; i++) {
        if (json_str_is(t->graph.doc, t->graph.input[i].value, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < t->param_count; i++) {
        if (may_be(t, &t->param[i], name)) {
            return true;
        }
    }
    return false;
}

static void check_models(struct template_load *l)
{
    const struct json_doc *doc = l->t->doc;
    json_ref list = json_get(doc, json_get(doc, 0, "requires"), "models");

    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *name = json_str_dup(doc, json_get(doc, n, "name"));

        if (name == NULL || !is_named(l->t, name)) {
            template_fault(l, json_get(doc, n, "name"), "unused",
                           "no input of the workflow and no choice names this model");
        }
    }
}

static void check_examples(struct template_load *l)
{
    const struct json_doc *doc = l->t->doc;
    json_ref list = json_get(doc, 0, "examples");

    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        json_ref input = json_get(doc, n, "input");
        char at[128];

        json_pointer(doc, input, at, sizeof at);
        if (json_schema_validate(l->t->schema, doc, input, at, l->e) != ERR_NONE) {
            l->faults++;
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void read_manifest(struct template_load *l, const char *folder)
{
    if (!template_shape_check(l, SHAPE_MANIFEST, 0)) {
        return;
    }
    read_head(l, folder);
    read_input(l);
    read_outcomes(l);
    if (l->faults > 0) {
        return;
    }
    template_check_parts(l);
    check_models(l);
    check_examples(l);
}

/* Says which of the two files a fault of its text is in. */
static void name_file(struct err *e, const char *file)
{
    AUTO(free_ptr) char *detail = xstrdup(e->item_count > 0 ? e->item[0].detail : e->detail);

    if (e->code == ERR_INVALID_WORKFLOW || e->code == ERR_WORKFLOW_FORMAT_UI) {
        return; /* its pointers say so */
    }
    (void)snprintf(e->detail, sizeof e->detail, "%s: %s", file, detail);
}

/* All bytes, those behind a U+0000 too: they are refused later, but by their length. */
static char *copy_text(struct span text)
{
    char *copy = xcalloc(text.len + 1, 1);

    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return copy;
}

enum errc template_load(const char *folder, struct span manifest, struct span workflow,
                        const struct template_limits *limits, struct template **out, struct err *e)
{
    AUTO(template_free_ptr) struct template *t = xcalloc(1, sizeof *t);
    struct err unseen = ERR_INIT;
    struct template_load l = {.t = t, .e = e != NULL ? e : &unseen};

    *l.e = ERR_INIT;
    t->text = copy_text(manifest);
    t->workflow_text = copy_text(workflow);
    if (json_parse((struct span){t->text, manifest.len}, JSON_STRICT, limits->json, &t->doc, l.e) !=
        ERR_NONE) {
        name_file(l.e, "manifest.json");
        return l.e->code;
    }
    if (template_graph_read(&t->graph, (struct span){t->workflow_text, workflow.len}, limits->json,
                            limits->graph_nodes, l.e) != ERR_NONE) {
        name_file(l.e, "workflow.json");
        return l.e->code;
    }
    read_manifest(&l, folder);
    if (l.faults > 0) {
        return l.e->code;
    }
    *out = take_ptr(&t);
    return ERR_NONE;
}

void template_free(struct template *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->param_count; i++) {
        template_param_clear(&t->param[i]);
    }
    for (size_t i = 0; i < t->outcome_count; i++) {
        free(t->outcome[i].type);
    }
    free(t->param);
    free(t->outcome);
    json_schema_free(t->schema);
    json_free(t->doc);
    template_graph_clear(&t->graph);
    free(t->text);
    free(t->workflow_text);
    free(t->name);
    free(t->title);
    free(t->category);
    free(t);
}

void template_free_ptr(struct template **t)
{
    template_free(*t);
    *t = NULL;
}
