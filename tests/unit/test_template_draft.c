/* Each graph of drafts/ with all that is expected of its draft; the same drafts are then loaded, bound
 * with the workflow's own values, and must give the workflow again. */
#include "wire_fixture.h"

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_draft.h"

#define FOLDER   TEST_DATA_DIR "/unit/drafts/"
#define TEXT_MAX (1U << 22)

static const struct template_limits limits = {
    .json = {.depth = 64, .nodes = 100000},
    .graph_nodes = 200,
};

static char *graph_text(const char *name)
{
    char path[512];
    struct buf text;

    (void)snprintf(path, sizeof path, FOLDER "%s.json", name);
    text = read_whole(path);
    return buf_take(&text);
}

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;

    if (json_parse(span_of(text), JSON_STRICT, limits.json, &doc, NULL) != ERR_NONE) {
        fail_msg("no JSON: %s", text);
    }
    return doc;
}

static enum errc draft(const char *name, const char *graph, const struct object_info *info,
                       struct template_draft *out, struct err *e)
{
    const struct template_draft_request r = {
        .name = name, .workflow = span_of(graph), .info = info, .limits = &limits};

    *e = ERR_INIT;
    return template_draft(&r, out, e);
}

/* A draft that must succeed. */
static struct template_draft drafted(const char *name, const char *graph,
                                     const struct object_info *info)
{
    struct template_draft out;
    struct err e;

    if (draft(name, graph, info, &out, &e) != ERR_NONE) {
        fail_msg("%s: %s %s %s", name, e.detail, e.item[0].at, e.item[0].detail);
    }
    return out;
}

static struct object_info *known_info(struct buf *text)
{
    const struct json_limits wide = {.depth = 64, .nodes = 100000};
    struct object_info *info = NULL;
    struct err e = ERR_INIT;

    *text = read_whole(FOLDER "object_info.json");
    if (object_info_new(buf_span(text), wide, &info, &e) != ERR_NONE) {
        fail_msg("%s", e.detail);
    }
    return info;
}

/* ---- what is found ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool has_info;
    const char *category;
    const char *outputs;
    const char *findings; /* "parameter node.input confidence", one a line */
} drafts[] = {
    {"sd15", false, "text-to-image", "[{\"node\": \"9\", \"type\": \"image\"}]",
     "prompt 6.text likely\n"
     "negative 7.text likely\n"
     "width 5.width likely\n"
     "height 5.height likely\n"
     "count 5.batch_size likely\n"
     "steps 3.steps likely\n"
     "cfg 3.cfg likely\n"
     "seed 3.seed likely\n"
     "loras 4. likely\n"},
    {"sdxl-refiner", false, "text-to-image", "[{\"node\": \"19\", \"type\": \"image\"}]",
     "prompt 6.text likely\n"
     "prompt 15.text likely\n"
     "negative 7.text likely\n"
     "negative 16.text likely\n"
     "width 5.width likely\n"
     "height 5.height likely\n"
     "count 5.batch_size likely\n"
     "cfg 10.cfg likely\n"
     "cfg 11.cfg likely\n"
     "seed 10.noise_seed likely\n"
     "seed 11.noise_seed likely\n"
     "loras 4. likely\n"
     " 10.steps left\n"
     " 11.steps left\n"
     " 12. left\n"},
    {"img2img", false, "image-edit", "[{\"node\": \"9\", \"type\": \"image\"}]",
     "prompt 6.text likely\n"
     "negative 7.text likely\n"
     "image 10.image likely\n"
     "strength 3.denoise likely\n"
     "steps 3.steps likely\n"
     "cfg 3.cfg likely\n"
     "seed 3.seed likely\n"
     "loras 14. likely\n"},
    {"flux-custom", false, "text-to-image", "[{\"title\": \"Result\", \"type\": \"image\"}]",
     "prompt 6.text likely\n"
     "width 5.width likely\n"
     "width 30.width likely\n"
     "height 5.height likely\n"
     "height 30.height likely\n"
     "count 5.batch_size likely\n"
     "steps 17.steps likely\n"
     "guidance 26.guidance likely\n"
     "seed 25.noise_seed likely\n"
     "loras 12. likely\n"},
    {"kontext", false, "image-edit", "[{\"node\": \"136\", \"type\": \"image\"}]",
     "prompt 6.text likely\n"
     "image 142.image likely\n"
     "image2 147.image likely\n"
     "steps 31.steps likely\n"
     "guidance 35.guidance likely\n"
     "seed 31.seed likely\n"
     "loras 37. likely\n"
     " 31.cfg left\n"
     " 31.denoise left\n"},
    {"upscale", false, "upscale", "[{\"node\": \"4\", \"type\": \"image\"}]",
     "image 1.image likely\n"},
    {"wan-i2v", false, "image-to-video", "[{\"node\": \"59\", \"type\": \"video\"}]",
     "prompt 6.text likely\n"
     "negative 7.text likely\n"
     "image 52.image likely\n"
     "width 50.width likely\n"
     "height 50.height likely\n"
     "frames 50.length likely\n"
     "count 50.batch_size likely\n"
     "steps 3.steps likely\n"
     "cfg 3.cfg likely\n"
     "seed 3.seed likely\n"
     "loras 37. likely\n"},
    {"hires-fix", false, "text-to-image",
     "[{\"node\": \"9\", \"type\": \"image\"}, "
     "{\"node\": \"12\", \"type\": \"image\", \"primary\": true}]",
     "prompt 6.text likely\n"
     "negative 7.text likely\n"
     "width 5.width likely\n"
     "height 5.height likely\n"
     "count 5.batch_size likely\n"
     "steps 3.steps likely\n"
     "steps_2 11.steps guess\n"
     "cfg 3.cfg likely\n"
     "cfg 11.cfg likely\n"
     "seed 3.seed likely\n"
     "seed 11.seed likely\n"
     "loras 4. likely\n"
     " 10.width left\n"},
    {"no-sampler", false, "image-edit", "[{\"node\": \"3\", \"type\": \"image\"}]",
     "prompt 1.prompt guess\n"
     "image 2.image likely\n"
     "seed 1.seed guess\n"},
    {"titles", false, "text-to-image", "[{\"title\": \"$Ünïcode\", \"type\": \"image\"}]",
     "prompt 6.text sure\n"
     "prompt 7.text sure\n"
     "height 5.height likely\n"
     "count 5.batch_size likely\n"
     "model 4.ckpt_name sure\n"
     "wide 5.width sure\n"
     "n_code 9.filename_prefix sure\n"
     "steps 3.steps sure\n"
     "cfg 3.cfg likely\n"
     "seed 3.seed likely\n"
     "loras 4. likely\n"
     " 11. left\n"
     " 41. left\n"
     " 7. left\n"
     " 40. left\n"},
    {"shared", false, "text-to-image", "[{\"node\": \"27\", \"type\": \"image\"}]",
     "prompt 22.value likely\n"
     "width 21.value likely\n"
     "count 24.value likely\n"
     "contrast 25.value likely\n"
     "steps 3.steps likely\n"
     "cfg 3.cfg likely\n"
     "seed 20.value likely\n"
     "loras 4. likely\n"
     " 6. left\n"
     " 5. left\n"},
    {"subgraph", false, "text-to-image", "[{\"node\": \"9\", \"type\": \"image\"}]",
     "prompt 12:6.text likely\n"
     "negative 12:7.text likely\n"
     "width 12:5.width likely\n"
     "height 12:5.height likely\n"
     "count 12:5.batch_size likely\n"
     "steps 12:3.steps likely\n"
     "cfg 12:3.cfg likely\n"
     "seed 12:3.seed likely\n"
     "loras 12:4. likely\n"},
    {"cycle", false, "other",
     "[{\"title\": \"e\", \"type\": \"image\", \"primary\": true}, "
     "{\"title\": \"h\", \"type\": \"image\"}]",
     "steps 1.steps likely\n"
     "cfg 1.cfg likely\n"
     "seed 1.seed likely\n"},
    {"qwen-edit", false, "image-edit", "[{\"node\": \"13\", \"type\": \"image\"}]",
     "prompt 1.prompt likely\n"
     "negative 8.prompt likely\n"
     "image 4.image likely\n"
     "image2 5.image likely\n"
     "image3 7.image likely\n"
     "width 11.width likely\n"
     "height 11.height likely\n"
     "count 11.batch_size likely\n"
     "steps 10.steps likely\n"
     "cfg 10.cfg likely\n"
     "seed 10.seed likely\n"
     "loras 9. likely\n"},
    {"pattern", false, "other", "[{\"title\": \"Save\", \"type\": \"image\"}]",
     "width 1.width guess\n"
     "height 1.height guess\n"
     "count 1.batch_size guess\n"
     "seed 4.seed guess\n"},
    {"split-sigmas", false, "image-edit", "[{\"node\": \"15\", \"type\": \"image\"}]",
     "prompt 2.text likely\n"
     "negative 3.text likely\n"
     "image 4.image likely\n"
     "cfg 11.cfg likely\n"
     "seed 9.noise_seed likely\n"
     "loras 1. likely\n"
     " 6.steps left\n"
     " 7.denoise left\n"},
    {"custom-node", true, "other", "[{\"node\": \"3\", \"type\": \"image\"}]",
     "image 1.image likely\n"
     "image2 6.image likely\n"
     "image3 2.reference likely\n"
     "image4 5.reference likely\n"
     "style 2.style sure\n"
     "amount 4.amount sure\n"
     "mono 5.mono sure\n"},
};

static char *findings_of(const struct template_draft *d)
{
    struct buf text = BUF_INIT(TEXT_MAX);

    for (size_t i = 0; i < d->finding_count; i++) {
        const struct template_finding *f = &d->finding[i];

        assert_true(f->why[0] != '\0');
        (void)buf_appendf(&text, "%s %s.%s %s\n", f->parameter, f->node, f->input,
                          template_confidence_name(f->confidence));
    }
    return buf_take(&text);
}

static char *in_line(const struct json_doc *doc, json_ref node)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct span raw = json_raw(doc, node);

    /* Undoes the layout: one blank for each line end and what is before the next word. */
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\n') {
            (void)buf_append_char(&text, raw.ptr[i]);
            continue;
        }
        while (i + 1 < raw.len && raw.ptr[i + 1] == ' ') {
            i++;
        }
        if (text.data[text.len - 1] == ',') {
            (void)buf_append_char(&text, ' ');
        }
    }
    return buf_take(&text);
}

static struct template_draft draft_of(size_t i, char **graph)
{
    struct buf info_text = BUF_INIT(1);
    AUTO(object_info_free_ptr)
    struct object_info *info = drafts[i].has_info ? known_info(&info_text) : NULL;
    struct template_draft out;

    *graph = graph_text(drafts[i].name);
    out = drafted(drafts[i].name, *graph, info);
    buf_clear(&info_text);
    return out;
}

static void test_each_graph(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(drafts); i++) {
        AUTO(free_ptr) char *graph = NULL;
        AUTO(template_draft_clear) struct template_draft d = draft_of(i, &graph);
        AUTO(json_free_ptr) struct json_doc *doc = parse(buf_str(&d.manifest));
        AUTO(free_ptr) char *found = findings_of(&d);
        AUTO(free_ptr) char *outputs = in_line(doc, json_get(doc, 0, "outputs"));

        print_message("%s\n", drafts[i].name);
        assert_string_equal(found, drafts[i].findings);
        assert_string_equal(outputs, drafts[i].outputs);
        assert_true(json_str_is(doc, json_get(doc, 0, "category"), drafts[i].category));
    }
}

/* ---- there and back ------------------------------------------------------------------------------ */

/* A reference stands for the file that it names. */
static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    (void)arg;
    (void)why;
    (void)snprintf(out->name, sizeof out->name, "%s", reference + strlen("asset:"));
    (void)snprintf(out->reference, sizeof out->reference, "%s", reference);
    return true;
}

static json_ref node_of(const struct json_doc *graph, const struct json_doc *doc, json_ref selector)
{
    json_ref id = json_get(doc, selector, "node");
    AUTO(free_ptr)
    char *wanted = json_str_dup(doc, id != JSON_NONE ? id : json_get(doc, selector, "title"));
    json_ref n = json_first(graph, 0);

    while (n != JSON_NONE &&
           !(id != JSON_NONE
                 ? json_key_is(graph, n, wanted)
                 : json_str_is(graph, json_get(graph, json_get(graph, n, "_meta"), "title"),
                               wanted))) {
        n = json_next(graph, n);
    }
    assert_true(n != JSON_NONE);
    return n;
}

/* The workflow's own value of what a parameter's first target sets. */
static struct span own_value(const struct json_doc *graph, const struct json_doc *doc,
                             json_ref binding)
{
    json_ref targets = json_get(doc, binding, "targets");
    json_ref target = targets != JSON_NONE ? json_at(doc, targets, 0) : binding;
    AUTO(free_ptr) char *input = json_str_dup(doc, json_get(doc, target, "input"));

    return json_raw(graph,
                    json_get(graph, json_get(graph, node_of(graph, doc, target), "inputs"), input));
}

static bool is_required(const struct json_doc *doc, json_ref property)
{
    json_ref list = json_get(doc, json_get(doc, 0, "input"), "required");
    AUTO(buf_clear) struct buf name = BUF_INIT(100);
    json_ref n = json_first(doc, list);

    assert_true(json_key(doc, property, &name));
    while (n != JSON_NONE && !json_str_is(doc, n, buf_str(&name))) {
        n = json_next(doc, n);
    }
    return n != JSON_NONE;
}

/* What a job must say so that nothing changes: seed, files, and what is required. */
static char *own_input(const struct json_doc *graph, const struct json_doc *doc)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    json_ref properties = json_get(doc, json_get(doc, 0, "input"), "properties");

    (void)buf_append_char(&text, '{');
    for (json_ref n = json_first(doc, properties); n != JSON_NONE; n = json_next(doc, n)) {
        json_ref binding = json_get(doc, n, "x-comfy");
        json_ref op = json_get(doc, binding, "op");
        struct span own;

        if (!json_str_is(doc, op, "seed") && !json_str_is(doc, op, "asset") &&
            !is_required(doc, n)) {
            continue;
        }
        own = own_value(graph, doc, binding);
        (void)buf_append_str(&text, text.len > 1 ? "," : "");
        (void)buf_append_span(&text, json_key_raw(doc, n));
        (void)buf_append_char(&text, ':');
        if (json_str_is(doc, op, "asset")) {
            (void)buf_appendf(&text, "\"asset:%.*s", (int)own.len - 1, own.ptr + 1);
        } else {
            (void)buf_append_span(&text, own);
        }
    }
    (void)buf_append_char(&text, '}');
    return buf_take(&text);
}

/* Both, node by node; a seed that several share may have become the one that was given. */
static void assert_same(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y,
                        const char *seed)
{
    bool is_seed = x != 0 && (json_key_is(a, x, "seed") || json_key_is(a, x, "noise_seed"));

    assert_int_equal(json_type(a, x), json_type(b, y));
    assert_int_equal(json_size(a, x), json_size(b, y));
    if (json_type(a, x) == JSON_NUMBER) {
        if (json_number_compare(json_number_read(json_raw(a, x)),
                                json_number_read(json_raw(b, y))) != 0) {
            assert_true(is_seed && span_is(json_raw(b, y), seed));
        }
    } else if (json_size(a, x) == 0) {
        assert_true(span_eq(json_raw(a, x), json_raw(b, y)));
    }
    y = json_first(b, y);
    for (json_ref n = json_first(a, x); n != JSON_NONE; n = json_next(a, n)) {
        assert_true(json_type(a, x) != JSON_OBJECT ||
                    span_eq(json_key_raw(a, n), json_key_raw(b, y)));
        assert_same(a, n, b, y, seed);
        y = json_next(b, y);
    }
}

static void test_round_trip(void **state)
{
    const struct template_files files = {NULL, resolve};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(drafts); i++) {
        AUTO(free_ptr) char *graph = NULL;
        AUTO(template_draft_clear) struct template_draft d = draft_of(i, &graph);
        AUTO(json_free_ptr) struct json_doc *before = parse(graph);
        AUTO(json_free_ptr) struct json_doc *manifest = parse(buf_str(&d.manifest));
        AUTO(free_ptr) char *input = own_input(before, manifest);
        AUTO(json_free_ptr) struct json_doc *given = parse(input);
        AUTO(json_free_ptr) struct json_doc *after = NULL;
        AUTO(template_free_ptr) struct template *t = NULL;
        AUTO(template_bound_clear) struct template_bound bound = {0};
        struct template_request r = {
            .doc = given, .input = 0, .pointer = "/input", .max_bytes = TEXT_MAX, .files = &files};
        struct err e = ERR_INIT;

        print_message("%s %s\n", drafts[i].name, input);
        if (template_load(drafts[i].name, buf_span(&d.manifest), span_of(graph), &limits, &t, &e) !=
                ERR_NONE ||
            template_bind(t, &r, &bound, &e) != ERR_NONE) {
            fail_msg("%s: %s %s", e.detail, e.item[0].at, e.item[0].detail);
        }
        after = parse(buf_str(&bound.graph));
        assert_same(before, 0, after, 0, bound.seed);
    }
}

/* ---- what it says of a parameter ------------------------------------------------------------------ */

static int count_of(const char *text, const char *word)
{
    int count = 0;

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void assert_param(const struct template_draft *d, const char *name, const char *expected)
{
    AUTO(json_free_ptr) struct json_doc *doc = parse(buf_str(&d->manifest));
    json_ref p = json_get(doc, json_get(doc, json_get(doc, 0, "input"), "properties"), name);
    AUTO(free_ptr) char *line = in_line(doc, p);

    assert_true(p != JSON_NONE);
    if (strstr(line, expected) == NULL) {
        fail_msg("%s: %s is not in %s", name, expected, line);
    }
}

static void test_bounds_hold_the_workflows_own_values(void **state)
{
    AUTO(free_ptr) char *plain = graph_text("sd15");
    AUTO(free_ptr) char *odd = graph_text("subgraph");
    AUTO(free_ptr) char *large = graph_text("img2img");
    AUTO(template_draft_clear) struct template_draft a = drafted("sd15", plain, NULL);
    AUTO(template_draft_clear) struct template_draft b = drafted("subgraph", odd, NULL);
    AUTO(template_draft_clear) struct template_draft c = drafted("img2img", large, NULL);

    (void)state;
    assert_param(&a, "width", "\"minimum\": 64, \"maximum\": 4096, \"multipleOf\": 8");
    assert_param(&b, "width", "\"maximum\": 4096, \"default\": 500");
    assert_param(&c, "seed", "\"maximum\": 18446744073709551615");
    assert_param(&a, "seed", "\"maximum\": 9007199254740991");
    assert_param(&a, "cfg", "\"type\": \"number\"");
    assert_param(&a, "steps", "\"type\": \"integer\"");
}

/* The words that docs/templates.md has, because chats and dashboards go by them. */
static void test_roles(void **state)
{
    AUTO(free_ptr) char *plain = graph_text("sd15");
    AUTO(free_ptr) char *edit = graph_text("qwen-edit");
    AUTO(free_ptr) char *custom = graph_text("flux-custom");
    AUTO(template_draft_clear) struct template_draft a = drafted("sd15", plain, NULL);
    AUTO(template_draft_clear) struct template_draft b = drafted("qwen-edit", edit, NULL);
    AUTO(template_draft_clear) struct template_draft c = drafted("flux-custom", custom, NULL);

    (void)state;
    assert_param(&a, "cfg", "\"role\": \"guidance\"");
    assert_param(&a, "prompt", "\"role\": \"prompt\"");
    assert_param(&b, "image", "\"role\": \"image\"");
    assert_param(&b, "image2", "\"role\": \"image\"");
    assert_param(&c, "guidance", "\"role\": \"guidance\"");
}

/* The node of "cfg": 1 in kontext takes another value, so that the draft has both. */
static char *with_cfg(const char *name)
{
    char *text = graph_text(name);
    char *cfg = strstr(text, "\"cfg\": 1");

    assert_non_null(cfg);
    cfg[strlen("\"cfg\": ")] = '3';
    return text;
}

/* Two that steer: the model's own has the role. */
static void test_one_guidance(void **state)
{
    AUTO(free_ptr) char *text = with_cfg("kontext");
    AUTO(template_draft_clear) struct template_draft d = drafted("kontext", text, NULL);

    (void)state;
    assert_param(&d, "guidance", "\"role\": \"guidance\"");
    assert_param(&d, "cfg", "\"advanced\": true");
    assert_int_equal(count_of(buf_str(&d.manifest), "\"role\": \"guidance\""), 1);
    assert_int_equal(count_of(buf_str(&d.manifest), "\"role\": \"cfg\""), 0);
}

static void test_what_comfyui_declares_is_used(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1);
    AUTO(object_info_free_ptr) struct object_info *info = known_info(&text);
    AUTO(free_ptr) char *custom = graph_text("custom-node");
    AUTO(free_ptr) char *plain = graph_text("sd15");
    AUTO(free_ptr) char *titles = graph_text("titles");
    AUTO(template_draft_clear) struct template_draft a = drafted("custom-node", custom, info);
    AUTO(template_draft_clear) struct template_draft b = drafted("sd15", plain, info);
    AUTO(template_draft_clear) struct template_draft c = drafted("titles", titles, info);

    (void)state;
    assert_param(&a, "style",
                 "\"enum\": [\"film\", \"digital\"], \"default\": \"film\", "
                 "\"description\": \"The look of the grain.\"");
    assert_param(&a, "amount",
                 "\"type\": \"number\", \"minimum\": 0.0, \"maximum\": 2.0, "
                 "\"default\": 0.25");
    assert_param(&a, "mono", "\"type\": \"boolean\", \"default\": true");
    /* The node takes an extra picture or none; but not the scaled one without its source. */
    assert_param(&a, "image2",
                 "\"absent\": \"remove\", \"remove\": [{\"title\": \"Extra grain\"}]");
    assert_contains(buf_str(&a.manifest), "\"required\": [\"image\", \"image3\", \"image4\"]");
    assert_contains(buf_str(&a.manifest), "\"requires\": {\"nodes\": [\"Grain\"]}");
    /* A choice of models is no enum: they come and go. */
    assert_param(&c, "model", "\"x-options\": {\"source\": \"models:checkpoints\"}");
    assert_param(&b, "width", "\"minimum\": 64, \"maximum\": 4096, \"multipleOf\": 8");
    assert_param(&b, "cfg", "\"type\": \"number\", \"minimum\": 0, \"maximum\": 30");
}

static void test_pictures_that_may_be_absent(void **state)
{
    AUTO(free_ptr) char *graph = graph_text("qwen-edit");
    AUTO(free_ptr) char *stitch = graph_text("kontext");
    AUTO(template_draft_clear) struct template_draft d = drafted("qwen-edit", graph, NULL);
    AUTO(template_draft_clear) struct template_draft k = drafted("kontext", stitch, NULL);

    (void)state;
    assert_contains(buf_str(&d.manifest), "\"required\": [\"prompt\", \"image\"]");
    assert_param(&d, "image2", "\"absent\": \"remove\", \"remove\": [{\"title\": \"Scale 2\"}]");
    assert_param(&d, "image3", "\"absent\": \"remove\"}");
    assert_param(&k, "image2",
                 "\"title\": \"Second\", \"input\": \"image\", "
                 "\"absent\": \"remove\"}");
    /* A picture that nothing is made of is not asked for. */
    assert_null(strstr(buf_str(&d.manifest), "Forgotten"));
}

static void test_absent_pictures_leave_no_trace(void **state)
{
    const struct template_files files = {NULL, resolve};
    AUTO(free_ptr) char *graph = graph_text("qwen-edit");
    AUTO(template_draft_clear) struct template_draft d = drafted("qwen-edit", graph, NULL);
    AUTO(json_free_ptr) struct json_doc *before = parse(graph);
    AUTO(json_free_ptr) struct json_doc *given = parse("{\"prompt\":\"x\",\"image\":\"asset:a\"}");
    AUTO(template_free_ptr) struct template *t = NULL;
    AUTO(template_bound_clear) struct template_bound bound = {0};
    struct template_request r = {
        .doc = given, .input = 0, .pointer = "/input", .max_bytes = TEXT_MAX, .files = &files};

    (void)state;
    assert_int_equal(
        template_load("qwen-edit", buf_span(&d.manifest), span_of(graph), &limits, &t, NULL),
        ERR_NONE);
    assert_int_equal(template_bind(t, &r, &bound, NULL), ERR_NONE);
    assert_int_equal(bound.node_count, json_size(before, 0) - 3);
    assert_null(strstr(buf_str(&bound.graph), "Scale 2"));
    assert_null(strstr(buf_str(&bound.graph), "image3"));
    assert_contains(buf_str(&bound.graph), "image1");
}

static void test_models_and_examples(void **state)
{
    AUTO(free_ptr) char *graph = graph_text("sdxl-refiner");
    AUTO(template_draft_clear) struct template_draft d = drafted("sdxl-refiner", graph, NULL);

    (void)state;
    assert_contains(buf_str(&d.manifest),
                    "{\"folder\": \"checkpoints\", \"name\": \"sd_xl_refiner_1.0.safetensors\"}");
    assert_contains(buf_str(&d.manifest), "{\"title\": \"As it was exported\", \"input\": "
                                          "{\"prompt\": \"daguerreotype of a lighthouse\"}}");
    assert_contains(buf_str(&d.manifest), "\"title\": \"Sdxl refiner\"");
    assert_param(&d, "loras", "\"clip\": {\"title\": \"Base\", \"output\": 1}");
}

/* ---- what cannot be drafted, or not all of it ------------------------------------------------------ */

static void assert_refused(const char *graph, enum errc code, const char *place)
{
    AUTO(template_draft_clear) struct template_draft d;
    struct err e;

    assert_int_equal(draft("x", graph, NULL, &d, &e), code);
    assert_int_equal(e.code, code);
    assert_int_equal(d.finding_count, 0);
    assert_string_equal(e.item_count > 0 ? e.item[0].at : "", place);
}

static void test_no_workflow_is_refused(void **state)
{
    AUTO(free_ptr) char *dangling = graph_text("dangling");
    AUTO(template_draft_clear) struct template_draft d;
    struct err e;

    (void)state;
    assert_refused(dangling, ERR_INVALID_WORKFLOW, "/workflow/3/inputs/positive");
    assert_refused("{\"nodes\":[],\"links\":[]}", ERR_WORKFLOW_FORMAT_UI, "/workflow");
    assert_int_equal(draft("x", "{\"nodes\":[],\"links\":[]}", NULL, &d, &e),
                     ERR_WORKFLOW_FORMAT_UI);
    assert_contains(e.item[0].detail, "Workflow > Export (API)");
    assert_refused("{", ERR_MALFORMED_JSON, "");
    assert_refused("[]", ERR_INVALID_WORKFLOW, "/workflow");
}

/* Nodes in a row, each "<before><number><between><number><after>". */
static char *many(size_t count, const char *node)
{
    struct buf text = BUF_INIT(TEXT_MAX);

    (void)buf_append_str(&text, "{\"s\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":"
                                "[\"n0\",0]}}");
    for (size_t i = 0; i < count; i++) {
        (void)buf_appendf(&text, ",\"n%zu\":{\"_meta\":{\"title\":\"$p%zu\"},%s}", i, i, node);
    }
    (void)buf_append_char(&text, '}');
    return buf_take(&text);
}

static void test_limits_hold(void **state)
{
    AUTO(free_ptr)
    char *many_params =
        many(TEMPLATE_PARAMS_MAX + 1, "\"class_type\":\"PrimitiveInt\",\"inputs\":{\"value\":1}");
    AUTO(free_ptr)
    char *too_many =
        many(limits.graph_nodes, "\"class_type\":\"PrimitiveInt\",\"inputs\":{\"value\":1}");
    AUTO(template_draft_clear) struct template_draft d = drafted("x", many_params, NULL);

    (void)state;
    assert_int_equal(d.finding_count, TEMPLATE_PARAMS_MAX + 1);
    assert_int_equal(d.finding[TEMPLATE_PARAMS_MAX].confidence, TEMPLATE_LEFT);
    assert_contains(d.finding[TEMPLATE_PARAMS_MAX].why, "asks for \"p64\"");
    assert_refused(too_many, ERR_INVALID_WORKFLOW, "/workflow");
}

/* A text that no manifest can hold costs its parameter, and is told. */
static void test_a_text_that_is_too_long(void **state)
{
    AUTO(free_ptr) char *text = xmalloc(TEXT_MAX / 4);
    AUTO(free_ptr) char *graph = NULL;

    (void)state;
    memset(text, 'a', TEXT_MAX / 4 - 1);
    text[TEXT_MAX / 4 - 1] = '\0';
    graph = xasprintf("{\"s\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"n\",0]}},"
                      "\"n\":{\"class_type\":\"T\",\"inputs\":{\"note\":\"%s\",\"n\":1},"
                      "\"_meta\":{\"title\":\"$note\"}}}",
                      text);
    {
        AUTO(template_draft_clear) struct template_draft d = drafted("x", graph, NULL);
        AUTO(free_ptr) char *found = findings_of(&d);

        assert_string_equal(found, " n.note left\n");
        assert_contains(d.finding[0].why, "too large");
        assert_true(d.manifest.len < 1000);
    }
}

static const struct {
    const char *title;
    const char *inputs;
    const char *finding; /* the first */
} titles[] = {
    {"$note", "\"value\":1", "note n.value sure"},
    {"$Big Note: value", "\"value\":1,\"other\":2", "big n.value sure"},
    {"$note:other", "\"value\":1,\"other\":2", "note n.other sure"},
    {"$other", "\"value\":1,\"other\":2", "other n.other sure"},
    {"$note", "\"value\":1,\"other\":2", "note n.value sure"},
    {"$note", "\"first\":1,\"other\":2", " n. left"},
    {"$note:gone", "\"value\":1", " n. left"},
    {"$", "\"value\":1", " n. left"},
    {"$:value", "\"value\":1", " n. left"},
    {"$note:value", "\"value\":[\"s\",0]", " n.value left"},
    {"$note:value", "\"value\":{\"a\":1}", " n.value left"},
    {"$note", "\"value\":\"a\\u0000b\"", " n.value left"},
    {"$seed", "\"value\":1.5", "seed n.value sure"},
    {"$seed", "\"noise_seed\":3", "seed n.noise_seed sure"},
    {"$width", "\"value\":\"wide\"", "width n.value sure"},
    {"$a-name-that-is-much-longer-than-a-name-may-be", "\"value\":true",
     "a-name-that-is-much-longer-than n.value sure"},
};

static void test_titles_that_ask(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(titles); i++) {
        AUTO(free_ptr)
        char *graph = xasprintf("{\"s\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":"
                                "[\"n\",0]}},\"n\":{\"class_type\":\"Thing\",\"inputs\":{%s},"
                                "\"_meta\":{\"title\":\"%s\"}}}",
                                titles[i].inputs, titles[i].title);
        AUTO(template_draft_clear) struct template_draft d = drafted("x", graph, NULL);
        AUTO(free_ptr) char *found = findings_of(&d);

        print_message("%s %s\n", titles[i].title, titles[i].inputs);
        *strchr(found, '\n') = '\0';
        assert_string_equal(found, titles[i].finding);
    }
}

/* One output that is both model and clip cannot carry a chain of both. */
static void test_a_chain_yields(void **state)
{
    AUTO(free_ptr) char *plain = graph_text("sd15");
    char *clip;

    (void)state;
    while ((clip = strstr(plain, "\"4\",\n        1")) != NULL) {
        *strchr(clip, '1') = '0';
    }
    {
        AUTO(template_draft_clear) struct template_draft d = drafted("sd15", plain, NULL);

        assert_param(&d, "loras", "\"loader\": \"LoraLoaderModelOnly\"");
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL = none */
    } rows[] = {
        {"My SDXL (v2)", "my-sdxl-v2"},
        {"2 faces", "faces"},
        {"__x__", "x"},
        {"Größe", "gr-e"},
        {"123", NULL},
        {"", NULL},
        {"a.b..c", "a-b-c"},
        {"keeps_this-", "keeps_this"},
        {"abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[TEMPLATE_NAME_MAX + 1];
        bool is_one = template_draft_name(span_of(rows[i].text), '-', name);

        print_message("%s\n", rows[i].text);
        assert_int_equal(is_one, rows[i].name != NULL);
        assert_string_equal(name, rows[i].name != NULL ? rows[i].name : "");
        assert_int_equal(is_one, template_is_name(span_of(name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_graph),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bounds_hold_the_workflows_own_values),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_one_guidance),
        cmocka_unit_test(test_what_comfyui_declares_is_used),
        cmocka_unit_test(test_pictures_that_may_be_absent),
        cmocka_unit_test(test_absent_pictures_leave_no_trace),
        cmocka_unit_test(test_models_and_examples),
        cmocka_unit_test(test_no_workflow_is_refused),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_a_text_that_is_too_long),
        cmocka_unit_test(test_titles_that_ask),
        cmocka_unit_test(test_a_chain_yields),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
