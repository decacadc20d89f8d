/* templates/every-op is one template with each operation once; most tests change a text in it. */
#include "wire_fixture.h"

#include "base/mem.h"
#include "core/graph.h"
#include "core/template.h"
#include "core/template_live.h"

#define FOLDER     TEST_DATA_DIR "/unit/templates/every-op/"
#define PICTURE    "asset:0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"
#define TEXT_MAX   (1U << 20)
#define WITH(rest) "{\"prompt\":\"x\",\"image\":\"" PICTURE "\"" rest "}"

static const struct template_limits limits = {
    .json = {.depth = 64, .nodes = 100000},
    .graph_nodes = 200,
};

/* ---- texts ----------------------------------------------------------------------------------- */

struct swap {
    const char *old;
    const char *new;
};

#define SWAPS 16

/* text with each old, which must be there exactly once, replaced. */
static char *swapped(const char *text, const struct swap *swaps)
{
    char *result = xstrdup(text);

    for (size_t i = 0; i < SWAPS && swaps[i].old != NULL; i++) {
        char *found = strstr(result, swaps[i].old);
        AUTO(free_ptr) char *before = result;

        if (found == NULL || strstr(found + 1, swaps[i].old) != NULL) {
            fail_msg("not exactly once: %s", swaps[i].old);
        }
        result = xasprintf("%.*s%s%s", (int)(found - before), before, swaps[i].new,
                           found + strlen(swaps[i].old));
    }
    return result;
}

static char *fixture(const char *name)
{
    char path[512];
    struct buf text;

    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    text = read_whole(path);
    return buf_take(&text);
}

static struct template *load(const struct swap *in_manifest)
{
    static const struct swap none[SWAPS] = {{NULL, NULL}};
    AUTO(free_ptr) char *manifest_before = fixture("manifest.json");
    AUTO(free_ptr) char *workflow = fixture("workflow.json");
    AUTO(free_ptr)
    char *manifest = swapped(manifest_before, in_manifest != NULL ? in_manifest : none);
    struct template *t = NULL;
    struct err e = ERR_INIT;

    if (template_load("every-op", span_of(manifest), span_of(workflow), &limits, &t, &e) !=
        ERR_NONE) {
        fail_msg("%s: %s %s", e.detail, e.item[0].at, e.item[0].detail);
    }
    return t;
}

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    if (json_parse(span_of(text), JSON_STRICT, limits.json, &doc, &e) != ERR_NONE) {
        fail_msg("%s: %s", text, e.detail);
    }
    return doc;
}

/* ---- a world outside ------------------------------------------------------------------------- */

/* data: becomes an asset, "output:gone" is not there, all else is a file of its own name. */
static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    size_t *calls = arg;

    ++*calls;
    if (strcmp(reference, "output:gone") == 0) {
        (void)snprintf(why->code, sizeof why->code, "missing_asset");
        (void)snprintf(why->detail, sizeof why->detail, "there is no such output");
        return false;
    }
    if (strncmp(reference, "data:", 5) == 0) {
        reference = "asset:data";
    }
    (void)snprintf(out->reference, sizeof out->reference, "%s", reference);
    (void)snprintf(out->name, sizeof out->name, "comfygate/%s.png", strchr(reference, ':') + 1);
    return true;
}

struct world {
    const char *missing_class;
    const char *missing_choice;
    const char *needed; /* "Class.input" */
    size_t asked;
};

static bool has_class(void *arg, const char *class_type)
{
    struct world *w = arg;

    return w->missing_class == NULL || strcmp(w->missing_class, class_type) != 0;
}

static bool has_choice(void *arg, const char *class_type, const char *input, const char *value)
{
    struct world *w = arg;

    (void)class_type;
    (void)input;
    w->asked++;
    return w->missing_choice == NULL || strcmp(w->missing_choice, value) != 0;
}

static bool needs_input(void *arg, const char *class_type, const char *input)
{
    struct world *w = arg;
    AUTO(free_ptr) char *name = xasprintf("%s.%s", class_type, input);

    return w->needed != NULL && strcmp(w->needed, name) == 0;
}

struct bind_with {
    size_t max_bytes;
    uint64_t random;
    const struct node_catalog *catalog;
};

static enum errc bind(const struct template *t, const char *input, struct bind_with with,
                      struct template_bound *out, struct err *e)
{
    static size_t calls;
    const struct template_files files = {&calls, resolve};
    AUTO(json_free_ptr) struct json_doc *doc = parse(input);
    struct template_request r = {
        .doc = doc,
        .input = 0,
        .pointer = "/input",
        .random = with.random,
        .max_bytes = with.max_bytes != 0 ? with.max_bytes : TEXT_MAX,
        .files = &files,
        .catalog = with.catalog,
    };

    return template_bind(t, &r, out, e);
}

/* ---- binding: exactly these bytes change, and no others --------------------------------------- */

#define NO_2                                                                                       \
    {",\n  \"21\" : { \"inputs\" : { \"image\" : \"b.png\" } , \"class_type\" : "                  \
     "\"LoadImage\" , \"_meta\" : { \"title\" : \"Picture 2\" } }",                                \
     ""},                                                                                          \
    {                                                                                              \
        ", \"image2\": [\"21\", 0]", ""                                                            \
    }
#define NO_3                                                                                       \
    {" ,\n  \"22\": {\"inputs\": {\"image\": \"c.png\"}, \"class_type\": \"LoadImage\", "          \
     "\"_meta\": {\"title\": \"Picture 3\"}}",                                                     \
     ""},                                                                                          \
        {",\n  \"32\": {\"inputs\": {\"image\": [\"22\", 0], \"width\": 512, \"height\": 0, "      \
         "\"upscale_method\": \"lanczos\", \"crop\": \"disabled\"},\n         \"class_type\": "    \
         "\"ImageScale\", \"_meta\": {\"title\": \"Scale 3\"}}",                                   \
         ""},                                                                                      \
    {                                                                                              \
        ", \"image3\": [\"32\", 0]", ""                                                            \
    }
#define ALONE                                                                                      \
    {"\"\\u0061 h\\u00f6he, h\xc3\xb6he\"", "\"x\""}, {"\"a.png\"", "\"comfygate/1.png\""},        \
    {                                                                                              \
        "18446744073709551615", "77"                                                               \
    }
#define THREE                                                                                      \
    "{\"prompt\":\"x\",\"image\":\"asset:1\",\"image2\":\"asset:2\",\"image3\":\"asset:3\""
#define BASE                                                                                       \
    ALONE, {"\"b.png\"", "\"comfygate/2.png\""},                                                   \
    {                                                                                              \
        "\"c.png\"", "\"comfygate/3.png\""                                                         \
    }
#define LORA(id, name, strength, clip, from_model, from_clip, title)                               \
    ",\"" id "\":{\"inputs\":{\"lora_name\":\"" name "\",\"strength_model\":" strength             \
    ",\"strength_clip\":" clip ",\"model\":" from_model ",\"clip\":" from_clip                     \
    "},\"class_type\":\"LoraLoader\",\"_meta\":{\"title\":\"" title "\"}}"
#define LAST "\"class_type\": \"SaveImage\", \"_meta\": {\"title\": \"Save\"}}"
/* Consumers of the chain's source, now linked to this node. */
#define TAIL(id)                                                                                   \
    {"1e0, \"model\": [\"4\", 0]", "1e0, \"model\": [\"" id "\",0]"},                              \
        {"\n        \"model\": [\"4\", 0]", "\n        \"model\": [\"" id "\",0]"},                \
        {"[\"32\", 0], \"clip\": [\"4\", 1]", "[\"32\", 0], \"clip\": [\"" id "\",1]"},            \
    {                                                                                              \
        "\"text\": \"\", \"clip\": [\"4\", 1]", "\"text\": \"\", \"clip\": [\"" id "\",1]"         \
    }

static const struct {
    const char *name;
    const char *input;
    struct swap swaps[SWAPS];
    size_t nodes;
} bind_rows[] = {
    {"only what is required", "{\"prompt\":\"x\",\"image\":\"asset:1\"}", {ALONE, NO_2, NO_3}, 9},
    {"no second picture",
     "{\"image3\":\"asset:3\",\"prompt\":\"x\",\"image\":\"asset:1\"}",
     {ALONE, NO_2, {"\"c.png\"", "\"comfygate/3.png\""}},
     11},
    {"no third picture",
     "{\"prompt\":\"x\",\"image\":\"asset:1\",\"image2\":\"asset:2\"}",
     {ALONE, {"\"b.png\"", "\"comfygate/2.png\""}, NO_3},
     10},
    {"three pictures", THREE "}", {BASE}, 12},
    {"same value", THREE ",\"steps\":20,\"guidance\":7.0}", {BASE}, 12},
    {"texts as they were given",
     "{\"prompt\":\"<\\u0041\\ud83d\\ude00\\/>\",\"image\":\"asset:1\",\"image2\":\"asset:2\","
     "\"image3\":\"asset:3\",\"negative\":\"h\xc3\xb6he \\\"q\\\"\"}",
     {{"\"\\u0061 h\\u00f6he, h\xc3\xb6he\"", "\"<\\u0041\\ud83d\\ude00\\/>\""},
      {"\"a.png\"", "\"comfygate/1.png\""},
      {"18446744073709551615", "77"},
      {"\"b.png\"", "\"comfygate/2.png\""},
      {"\"c.png\"", "\"comfygate/3.png\""},
      {"\"text\": \"\"", "\"text\": \"h\xc3\xb6he \\\"q\\\"\""}},
     12},
    {"numbers",
     THREE ",\"steps\":1e1,\"guidance\":7.50,\"count\":4.0}",
     {BASE,
      {"\"steps\": 20", "\"steps\": 10"},
      {"7.0", "7.50"},
      {"\"batch_size\" : 1", "\"batch_size\" : 4"}},
     12},
    {"no lora", THREE ",\"loras\":[]}", {BASE}, 12},
    {"a lora",
     THREE ",\"loras\":[{\"name\":\"a.safetensors\"}]}",
     {BASE,
      TAIL("51"),
      {LAST, LAST LORA("51", "a.safetensors", "0.8", "0.8", "[\"4\",0]", "[\"4\",1]", "LoRA 1")}},
     13},
    {"three loras",
     THREE
     ",\"loras\":[{\"name\":\"a\",\"strength\":1.10},{\"strength_clip\":0,\"name\":\"b\\u0022\"},"
     "{\"name\":\"a\",\"strength\":-1}]}",
     {BASE,
      TAIL("53"),
      {LAST, LAST LORA("51", "a", "1.10", "1.10", "[\"4\",0]", "[\"4\",1]", "LoRA 1")
                 LORA("52", "b\\u0022", "0.8", "0", "[\"51\",0]", "[\"51\",1]", "LoRA 2")
                     LORA("53", "a", "-1", "-1", "[\"52\",0]", "[\"52\",1]", "LoRA 3")}},
     15},
    {"square",
     THREE ",\"shape\":\"square\"}",
     {BASE, {"\"width\": 1024", "\"width\": 768"}, {"\"height\": 1024", "\"height\": 768"}},
     12},
    {"wide",
     THREE ",\"shape\":\"w\\u0069de\"}",
     {BASE, {"\"width\": 1024", "\"width\": 1344"}, {"\"disabled\"", "\"center\""}},
     12},
    {"own shape", THREE ",\"shape\":\"own\"}", {BASE}, 12},
    {"a map into a node that is gone",
     "{\"prompt\":\"x\",\"image\":\"asset:1\",\"shape\":\"wide\"}",
     {ALONE, NO_2, NO_3, {"\"width\": 1024", "\"width\": 1344"}},
     9},
    {"switch off", THREE ",\"fast\":false}", {BASE}, 12},
    {"switch on",
     THREE ",\"fast\":true}",
     {BASE, {"\n        \"model\": [\"4\", 0]", "\n        \"model\": [\"50\",0]"}},
     12},
    {"switch on, with a lora behind it",
     THREE ",\"fast\":true,\"loras\":[{\"name\":\"a\",\"strength\":1}]}",
     {BASE,
      {"1e0, \"model\": [\"4\", 0]", "1e0, \"model\": [\"51\",0]"},
      {"\n        \"model\": [\"4\", 0]", "\n        \"model\": [\"50\",0]"},
      {"[\"32\", 0], \"clip\": [\"4\", 1]", "[\"32\", 0], \"clip\": [\"51\",1]"},
      {"\"text\": \"\", \"clip\": [\"4\", 1]", "\"text\": \"\", \"clip\": [\"51\",1]"},
      {LAST, LAST LORA("51", "a", "1", "1", "[\"4\",0]", "[\"4\",1]", "LoRA 1")}},
     13},
    {"switch off, with a lora",
     THREE ",\"fast\":false,\"loras\":[{\"name\":\"a\",\"strength\":1}]}",
     {BASE, TAIL("51"), {LAST, LAST LORA("51", "a", "1", "1", "[\"4\",0]", "[\"4\",1]", "LoRA 1")}},
     13},
};

/* What comes out is a graph: no link dangles. */
static void assert_is_graph(const struct template_bound *bound)
{
    AUTO(json_free_ptr) struct json_doc *doc = parse(bound->graph.data);
    size_t nodes = 0;
    struct err e = ERR_INIT;

    if (graph_check(doc, 0, "", 1000, &nodes, &e) != ERR_NONE) {
        fail_msg("%s: %s", e.item[0].at, e.item[0].detail);
    }
    assert_int_equal(nodes, bound->node_count);
}

static void test_bind(void **state)
{
    struct template *t = load(NULL);
    AUTO(free_ptr) char *workflow = fixture("workflow.json");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bind_rows); i++) {
        AUTO(free_ptr) char *expected = NULL;
        AUTO(template_bound_clear) struct template_bound bound;
        struct err e = ERR_INIT;

        print_message("%s\n", bind_rows[i].name);
        expected = swapped(workflow, bind_rows[i].swaps);
        if (bind(t, bind_rows[i].input, (struct bind_with){.random = 77}, &bound, &e) != ERR_NONE) {
            fail_msg("%s %s", e.item[0].at, e.item[0].detail);
        }
        assert_string_equal(buf_str(&bound.graph), expected);
        assert_int_equal(bound.node_count, bind_rows[i].nodes);
        assert_is_graph(&bound);
    }
    template_free(t);
}

/* ---- every combination of optional parameters -------------------------------------------------- */

static const char *const optional[] = {
    "\"negative\":\"n\"",
    "\"steps\":1",
    "\"guidance\":2.5",
    "\"count\":3",
    "\"seed\":0",
    "\"image2\":\"asset:2\"",
    "\"image3\":\"asset:3\"",
    "\"loras\":[{\"name\":\"a\"},{\"name\":\"b\"}]",
    "\"shape\":\"wide\"",
    "\"fast\":true",
};
enum {
    NEGATIVE = 1,
    STEPS = 2,
    GUIDANCE = 4,
    COUNT = 8,
    SEED = 16,
    IMAGE_2 = 32,
    IMAGE_3 = 64,
    LORAS = 128,
    SHAPE = 256,
    FAST = 512,
    ALWAYS = 1024,
    ABSENT = 2048 /* when the parameter is absent, not when it is there */
};

/* Every input that may change, and the parameters that may change it. */
static const struct {
    const char *node;
    const char *input;
    unsigned when;
} declared[] = {
    {"40", "prompt", ALWAYS},
    {"20", "image", ALWAYS},
    {"3", "seed", ALWAYS},
    {"7", "text", NEGATIVE},
    {"3", "steps", STEPS},
    {"3", "cfg", GUIDANCE},
    {"5", "batch_size", COUNT},
    {"21", "image", IMAGE_2},
    {"22", "image", IMAGE_3},
    {"40", "image2", ABSENT | IMAGE_2},
    {"40", "image3", ABSENT | IMAGE_3},
    {"50", "model", LORAS},
    {"3", "model", LORAS | FAST},
    {"40", "clip", LORAS},
    {"7", "clip", LORAS},
    {"5", "width", SHAPE},
    {"32", "crop", SHAPE},
};

static bool is_when(unsigned when, unsigned mask)
{
    if ((when & ALWAYS) != 0) {
        return true;
    }
    return (when & ABSENT) != 0 ? (when & (ALWAYS - 1U) & ~mask) != 0 : (when & mask) != 0;
}

static bool may_change(const char *node, const char *input, unsigned mask)
{
    for (size_t i = 0; i < COUNT_OF(declared); i++) {
        if (strcmp(declared[i].node, node) == 0 && strcmp(declared[i].input, input) == 0 &&
            is_when(declared[i].when, mask)) {
            return true;
        }
    }
    return false;
}

static bool is_gone(const char *node, unsigned mask)
{
    return (strcmp(node, "21") == 0 && (mask & IMAGE_2) == 0) ||
           ((strcmp(node, "22") == 0 || strcmp(node, "32") == 0) && (mask & IMAGE_3) == 0);
}

/* A node and its inputs as they were, and the same node now. */
static void assert_node(const struct json_doc *before, json_ref node, const struct json_doc *after,
                        json_ref now, unsigned mask)
{
    json_ref inputs = json_get(before, node, "inputs");
    AUTO(buf_clear) struct buf id = BUF_INIT(100);

    assert_true(json_key(before, node, &id));
    assert_int_equal(now == JSON_NONE, is_gone(buf_str(&id), mask));
    for (json_ref i = json_first(before, inputs); i != JSON_NONE && now != JSON_NONE;
         i = json_next(before, i)) {
        AUTO(buf_clear) struct buf name = BUF_INIT(100);
        json_ref new;

        assert_true(json_key(before, i, &name));
        new = json_get(after, json_get(after, now, "inputs"), buf_str(&name));
        if (!may_change(buf_str(&id), buf_str(&name), mask)) {
            assert_true(span_eq(json_raw(before, i), json_raw(after, new)));
        }
    }
}

static char *input_of(unsigned mask)
{
    struct buf input = BUF_INIT(1000);

    (void)buf_append_str(&input, "{\"prompt\":\"x\",\"image\":\"asset:1\"");
    for (size_t i = 0; i < COUNT_OF(optional); i++) {
        if ((mask >> i & 1U) != 0) {
            (void)buf_appendf(&input, ",%s", optional[i]);
        }
    }
    (void)buf_append_char(&input, '}');
    return buf_take(&input);
}

static void test_combinations(void **state)
{
    struct template *t = load(NULL);
    AUTO(free_ptr) char *workflow = fixture("workflow.json");
    AUTO(json_free_ptr) struct json_doc *before = parse(workflow);

    (void)state;
    for (unsigned mask = 0; mask < 1U << COUNT_OF(optional); mask++) {
        AUTO(free_ptr) char *input = input_of(mask);
        AUTO(template_bound_clear) struct template_bound bound;
        AUTO(json_free_ptr) struct json_doc *after = NULL;
        size_t nodes = 9 + ((mask & IMAGE_2) != 0 ? 1U : 0U) + ((mask & IMAGE_3) != 0 ? 2U : 0U) +
                       ((mask & LORAS) != 0 ? 2U : 0U);
        struct err e = ERR_INIT;

        assert_int_equal(bind(t, input, (struct bind_with){0}, &bound, &e), ERR_NONE);
        assert_is_graph(&bound);
        assert_int_equal(bound.node_count, nodes);
        after = parse(buf_str(&bound.graph));
        for (json_ref n = json_first(before, 0); n != JSON_NONE; n = json_next(before, n)) {
            AUTO(buf_clear) struct buf id = BUF_INIT(100);

            assert_true(json_key(before, n, &id));
            assert_node(before, n, after, json_get(after, 0, buf_str(&id)), mask);
        }
    }
    template_free(t);
}

/* ---- what is told beside the graph ------------------------------------------------------------ */

static void test_effective_input(void **state)
{
    struct template *t = load(NULL);
    AUTO(template_bound_clear) struct template_bound bound;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(bind(t,
                          "{\"image2\":\"data:image/png;base64,AAAA\",\"guidance\":7.10,"
                          "\"image\":\"asset:1\",\"image3\":\"asset:1\",\"prompt\":\"\\u0041\"}",
                          (struct bind_with){.random = 5}, &bound, &e),
                     ERR_NONE);
    assert_string_equal(buf_str(&bound.input),
                        "{\"prompt\":\"\\u0041\",\"steps\":20,\"guidance\":7.10,\"image\":"
                        "\"asset:1\",\"image2\":\"asset:data\",\"image3\":\"asset:1\"}");
    assert_string_equal(bound.seed, "5");
    assert_int_equal(bound.file_count, 2);
    assert_string_equal(bound.file[0], "asset:1");
    assert_string_equal(bound.file[1], "asset:data");
    assert_null(strstr(buf_str(&bound.graph), "base64"));
    template_free(t);
}

static const struct {
    const char *bounds; /* in place of the manifest's */
    const char *given;  /* NULL = none */
    uint64_t random;
    const char *seed; /* NULL = refused */
} seed_rows[] = {
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", NULL, UINT64_MAX, "18446744073709551615"},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", NULL, 0, "0"},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", "0", 7, "0"},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", "18446744073709551615", 7,
     "18446744073709551615"},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", "18446744073709551616", 7, NULL},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", "1e3", 7, "1000"},
    {"\"minimum\": 0, \"maximum\": 18446744073709551615", "7.0", 7, "7"},
    {"\"title\": \"none\"", NULL, UINT64_MAX, "9007199254740991"},
    {"\"title\": \"none\"", NULL, UINT64_C(1) << 53, "0"},
    {"\"title\": \"none\"", "18446744073709551615", 7, "18446744073709551615"},
    {"\"title\": \"none\"", "18446744073709551616", 7, NULL},
    {"\"title\": \"none\"", "1e400", 7, NULL},
    {"\"title\": \"none\"", "-1", 7, NULL},
    {"\"minimum\": 10, \"maximum\": 12", NULL, 0, "10"},
    {"\"minimum\": 10, \"maximum\": 12", NULL, 4, "11"},
    {"\"minimum\": 10, \"maximum\": 12", NULL, 5, "12"},
    {"\"minimum\": 18446744073709551615", NULL, 5, "18446744073709551615"},
};

static void test_seeds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(seed_rows); i++) {
        const struct swap swaps[SWAPS] = {
            {"\"minimum\": 0, \"maximum\": 18446744073709551615", seed_rows[i].bounds}};
        struct template *t = load(swaps);
        AUTO(free_ptr)
        char *member = seed_rows[i].given != NULL ? xasprintf(",\"seed\":%s", seed_rows[i].given)
                                                  : xstrdup("");
        AUTO(free_ptr)
        char *input = xasprintf("{\"prompt\":\"x\",\"image\":\"asset:1\"%s}", member);
        AUTO(template_bound_clear) struct template_bound bound;
        struct err e = ERR_INIT;
        enum errc code =
            bind(t, input, (struct bind_with){.random = seed_rows[i].random}, &bound, &e);

        print_message("%s %s\n", seed_rows[i].bounds, input);
        assert_int_equal(code, seed_rows[i].seed != NULL ? ERR_NONE : ERR_VALIDATION_ERROR);
        if (seed_rows[i].seed != NULL) {
            AUTO(free_ptr) char *in_graph = xasprintf("\"seed\": %s,", seed_rows[i].seed);

            assert_string_equal(bound.seed, seed_rows[i].seed);
            assert_contains(buf_str(&bound.graph), in_graph);
        } else {
            assert_string_equal(e.item[0].at, "/input/seed");
            assert_string_equal(e.item[0].code, "out_of_range");
        }
        template_free(t);
    }
}

/* ---- inputs that are refused ------------------------------------------------------------------ */

static const struct {
    const char *input;
    const char *at;
    const char *kind;
    size_t items;
} refused_rows[] = {
    {"{}", "/input/prompt", "required", 2},
    {"[]", "/input", "wrong_type", 1},
    {"null", "/input", "wrong_type", 1},
    {WITH(",\"promt\":1"), "/input/promt", "unknown_field", 1},
    {WITH(",\"steps\":0"), "/input/steps", "out_of_range", 1},
    {WITH(",\"steps\":[\"4\",0]"), "/input/steps", "wrong_type", 1},
    {WITH(",\"negative\":[\"4\",0]"), "/input/negative", "wrong_type", 1},
    {WITH(",\"steps\":\"20\""), "/input/steps", "wrong_type", 1},
    {WITH(",\"steps\":null"), "/input/steps", "wrong_type", 1},
    {WITH(",\"count\":1e30"), "/input/count", "out_of_range", 1},
    {WITH(",\"count\":-9223372036854775809"), "/input/count", "out_of_range", 1},
    {WITH(",\"guidance\":1e400"), "/input/guidance", "out_of_range", 1},
    {WITH(",\"image2\":\"b.png\""), "/input/image2", "no_reference", 1},
    {WITH(",\"image2\":\"../../etc/passwd\""), "/input/image2", "no_reference", 1},
    {WITH(",\"image2\":\"file:///etc/passwd\""), "/input/image2", "no_reference", 1},
    {WITH(",\"image2\":\"data:text/plain,x\""), "/input/image2", "no_reference", 1},
    {WITH(",\"image2\":\"asset:\\u0000\""), "/input/image2", "no_reference", 1},
    {WITH(",\"image2\":\"output:gone\""), "/input/image2", "missing_asset", 1},
    {WITH(",\"image2\":\"output:gone\",\"image3\":\"x\",\"count\":1e30"), "/input/count",
     "out_of_range", 3},
    {WITH(",\"loras\":[{}]"), "/input/loras/0/name", "required", 1},
    {WITH(",\"loras\":[{\"name\":\"a\",\"strength\":11}]"), "/input/loras/0/strength",
     "out_of_range", 1},
    {WITH(",\"loras\":[{\"name\":\"a\"},{\"name\":\"a\",\"strength_clip\":1e999}]"),
     "/input/loras/1/strength_clip", "out_of_range", 1},
    {WITH(",\"loras\":[{\"name\":\"a\",\"class_type\":\"X\"}]"), "/input/loras/0/class_type",
     "unknown_field", 1},
    {WITH(",\"loras\":[{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"},"
          "{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"}]"),
     "/input/loras", "too_many", 1},
    {WITH(",\"shape\":\"round\""), "/input/shape", "not_in_list", 1},
    {WITH(",\"fast\":\"true\""), "/input/fast", "wrong_type", 1},
};

static void test_refused(void **state)
{
    struct template *t = load(NULL);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused_rows); i++) {
        AUTO(template_bound_clear) struct template_bound bound;
        struct err e = ERR_INIT;

        print_message("%s\n", refused_rows[i].input);
        assert_int_equal(bind(t, refused_rows[i].input, (struct bind_with){0}, &bound, &e),
                         ERR_VALIDATION_ERROR);
        assert_string_equal(e.item[0].at, refused_rows[i].at);
        assert_string_equal(e.item[0].code, refused_rows[i].kind);
        assert_int_equal(e.item_count, refused_rows[i].items);
        assert_int_equal(bound.graph.len, 0);
    }
    template_free(t);
}

static void test_no_input(void **state)
{
    struct template *t = load(NULL);
    AUTO(template_bound_clear) struct template_bound bound;
    struct template_request r = {.input = JSON_NONE, .pointer = "/input", .max_bytes = TEXT_MAX};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(template_bind(t, &r, &bound, &e), ERR_VALIDATION_ERROR);
    assert_string_equal(e.item[1].at, "/input/image");
    template_free(t);
}

static void test_too_large(void **state)
{
    static const char input[] =
        WITH(",\"image2\":\"asset:2\",\"image3\":\"asset:2\",\"loras\":[{\"name\":\"a\"},"
             "{\"name\":\"a\"},{\"name\":\"a\"}]");
    struct template *t = load(NULL);
    AUTO(template_bound_clear) struct template_bound bound;
    size_t sizes[] = {1, 100, 2000, 0, 0};

    (void)state;
    assert_int_equal(bind(t, input, (struct bind_with){0}, &bound, NULL), ERR_NONE);
    sizes[3] = bound.graph.len - 1;
    sizes[4] = bound.graph.len;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        AUTO(template_bound_clear) struct template_bound again;
        struct err e = ERR_INIT;

        assert_int_equal(bind(t, input, (struct bind_with){.max_bytes = sizes[i]}, &again, &e),
                         i < 4 ? ERR_CONTENT_TOO_LARGE : ERR_NONE);
    }
    template_free(t);
}

/* ---- a value over a choice's ------------------------------------------------------------------ */

#define OVER(more, target, name)                                                                   \
    "      \"width\": {\"type\": \"integer\", \"minimum\": 64, \"maximum\": 4096" more             \
    ", \"x-comfy\": {\"title\": \"Size\", \"input\": \"" target "\", \"over\": \"" name "\"}},\n"
#define WIDTH OVER("", "width", "shape")
#define SHAPE "      \"shape\": {"
#define FAST  "      \"fast\": {"

/* A choice comes first, whichever of the two the manifest tells first. */
static const struct {
    const char *before; /* where the manifest tells it */
    const char *input;
    const char *width;
    const char *effective;
} over_rows[] = {
    {FAST, "\"shape\":\"wide\"", "\"width\": 1344", "\"shape\":\"wide\"}"},
    {FAST, "\"shape\":\"wide\",\"width\":640", "\"width\": 640",
     "\"shape\":\"wide\",\"width\":640}"},
    {SHAPE, "\"width\":64e1,\"shape\":\"wide\"", "\"width\": 640", "\"width\":64e1}"},
    {SHAPE, "\"shape\":\"own\",\"width\":640", "\"width\": 640", "\"width\":640}"},
    {SHAPE, "\"width\":640", "\"width\": 640", "\"width\":640}"},
    {SHAPE, "\"fast\":false", "\"width\": 1024", "\"fast\":false}"},
};

static void test_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(over_rows); i++) {
        AUTO(free_ptr) char *with = xasprintf(WIDTH "%s", over_rows[i].before);
        AUTO(free_ptr) char *input = xasprintf(THREE ",%s}", over_rows[i].input);
        const struct swap swaps[SWAPS] = {{over_rows[i].before, with}};
        struct template *t = load(swaps);
        AUTO(template_bound_clear) struct template_bound bound;

        print_message("%s\n", over_rows[i].input);
        assert_int_equal(bind(t, input, (struct bind_with){.random = 77}, &bound, NULL), ERR_NONE);
        assert_non_null(strstr(buf_str(&bound.graph), over_rows[i].width));
        assert_non_null(strstr(buf_str(&bound.input), over_rows[i].effective));
        template_free(t);
    }
}

/* ---- manifests that are refused, each for its own reason --------------------------------------- */

#define PROPS "/input/properties/"

static const struct {
    struct swap swap;
    const char *at;
    const char *kind;
    const char *detail;
} broken_rows[] = {
    {{"\"manifest\": 1", "\"manifest\": 2"}, "/manifest", "not_in_list", "must be 1"},
    {{"\"manifest\": 1,", ""}, "/manifest", "required", "is required"},
    {{"\"every-op\"", "\"Every Op\""}, "/name", "invalid_name", "begins with a letter"},
    {{"\"every-op\"", "\"other\""}, "/name", "wrong_name", "which is \"every-op\""},
    {{"\"image-edit\"", "\"painting\""}, "/category", "not_in_list", "\"text-to-image\""},
    {{"\"tags\": [\"test\"]", "\"tags\": [\"test\", \"test\"]"}, "/tags/1", "duplicate", "twice"},
    {{"\"tags\"", "\"tag\""}, "/tag", "unknown_field", "not known"},
    {{"\"title\": \"Every operation\"", "\"title\": \"\\u0000\""},
     "/title",
     "invalid_character",
     "U+0000"},
    {{"\"additionalProperties\": false,\n", "\n"}, "/input/additionalProperties", "required", ""},
    {{"\"additionalProperties\": false,\n", "\"additionalProperties\": true,"},
     "/input/additionalProperties",
     "not_in_list",
     "must be false"},
    {{"[\"prompt\", \"image\"]", "[\"promt\", \"image\"]"},
     "/input/required/0",
     "unknown_field",
     "is no property"},
    {{"\"minLength\": 1", "\"pattern\": \"^a\""},
     PROPS "prompt/pattern",
     "unsupported_keyword",
     "not supported"},
    {{"\"minLength\"", "\"minlength\""}, PROPS "prompt/minlength", "unsupported_keyword", ""},
    {{"\"order\"", "\"ordre\""}, PROPS "prompt/x-ui/ordre", "unknown_field", ""},
    {{"{\"source\": \"models:loras\"}", "\"loras\""},
     PROPS "loras/items/properties/name/x-options",
     "wrong_type",
     "an object"},
    /* bindings */
    {{", \"x-comfy\": {\"title\": \"Negative\", \"input\": \"text\"}", ""},
     PROPS "negative",
     "unbound",
     "no node takes this parameter"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}", "{}"},
     PROPS "negative/x-comfy",
     "required",
     "either a selector"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}", "{\"title\": \"Negative\"}"},
     PROPS "negative/x-comfy",
     "required",
     "either a selector"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}", "{\"input\": \"text\"}"},
     PROPS "negative/x-comfy",
     "selector",
     "exactly one"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Negative\", \"node\": \"7\", \"input\": \"text\"}"},
     PROPS "negative/x-comfy",
     "selector",
     "exactly one"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Negativ\", \"input\": \"text\"}"},
     PROPS "negative/x-comfy/title",
     "no_such_node",
     "0 have this title"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"class\": \"LoadImage\", \"input\": \"text\"}"},
     PROPS "negative/x-comfy/class",
     "ambiguous",
     "3 have this class"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Negative\", \"input\": \"txt\"}"},
     PROPS "negative/x-comfy/input",
     "no_such_input",
     "node \"7\" (CLIPTextEncode)"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Negative\", \"input\": \"clip\"}"},
     PROPS "negative/x-comfy",
     "linked",
     "linked to node \"4\""},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Prompt\", \"input\": \"prompt\"}"},
     PROPS "negative/x-comfy/input",
     "set_twice",
     "\"prompt\" sets this input already"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Scale 3\", \"input\": \"height\"}"},
     PROPS "negative/x-comfy",
     "wrong_type",
     "of another type"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"op\": \"put\", \"title\": \"Negative\", \"input\": \"text\"}"},
     PROPS "negative/x-comfy/op",
     "not_in_list",
     "lora-chain"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"targets\": [{\"title\": \"Negative\", \"input\": \"text\"}, {\"node\": \"7\", \"input\": "
      "\"text\"}]}"},
     PROPS "negative/x-comfy/targets/1",
     "duplicate",
     "there twice"},
    {{"{\"title\": \"Negative\", \"input\": \"text\"}",
      "{\"title\": \"Negative\", \"input\": \"text\", \"absent\": \"keep\"}"},
     PROPS "negative/x-comfy/absent",
     "not_in_list",
     "\"remove\""},
    {{"\"negative\": {", "\"Negative\": {"}, PROPS "Negative", "invalid_name", "1 to 32"},
    {{"\"default\": 20", "\"default\": 0"}, PROPS "steps/default", "out_of_range", "at least 1"},
    {{"\"integer\", \"x-comfy\": {\"title\": \"Size\"",
      "[\"integer\", \"null\"], \"x-comfy\": {\"title\": \"Size\""},
     PROPS "count",
     "wrong_type",
     "type must be string, integer, number or boolean"},
    /* a value over a choice's */
    {{FAST, OVER(", \"default\": 64", "width", "shape") FAST},
     PROPS "width/x-comfy/over",
     "contradiction",
     "neither required nor"},
    {{FAST, OVER("", "width", "fast") FAST},
     PROPS "width/x-comfy/input",
     "set_twice",
     "\"shape\" sets this input already"},
    {{FAST, OVER("", "batch_size", "shape") FAST},
     PROPS "width/x-comfy/input",
     "set_twice",
     "\"count\" sets this input already"},
    {{"\"title\": \"Negative\", \"input\": \"text\"",
      "\"title\": \"Negative\", \"input\": \"text\", \"over\": \"shape\""},
     PROPS "negative/x-comfy/over",
     "no_such_input",
     "\"shape\" sets none"},
    {{"\"title\": \"Negative\", \"input\": \"text\"",
      "\"title\": \"Negative\", \"input\": \"text\", \"over\": \"steps\""},
     PROPS "negative/x-comfy/over",
     "no_such_map",
     "op \"map\""},
    {{"\"title\": \"Negative\", \"input\": \"text\"",
      "\"title\": \"Negative\", \"input\": \"text\", \"over\": \"none\""},
     PROPS "negative/x-comfy/over",
     "no_such_map",
     "op \"map\""},
    {{"\"title\": \"Picture 3\", \"input\"",
      "\"over\": \"shape\", \"title\": \"Picture 3\", \"input\""},
     PROPS "image3/x-comfy/over",
     "unknown_field",
     ""},
    /* a second one over the same input, and one whose map is not the one that comes later */
    {{SHAPE,
      WIDTH "      \"w2\": {\"type\": \"integer\", \"x-comfy\": {\"title\": \"Size\", \"input\": "
            "\"width\", \"over\": \"shape\"}},\n" SHAPE},
     PROPS "w2/x-comfy/input",
     "set_twice",
     "\"width\" sets this input already"},
    {{SHAPE, OVER("", "height", "fast") SHAPE},
     PROPS "shape/x-comfy/map/square/1/input",
     "set_twice",
     "\"width\" sets this input already"},
    /* seed */
    {{"{\"op\": \"seed\"", "{\"absent\": \"remove\", \"op\": \"seed\""},
     PROPS "seed/x-comfy/absent",
     "unknown_field",
     ""},
    {{"\"maximum\": 18446744073709551615", "\"maximum\": 18446744073709551616"},
     PROPS "seed/maximum",
     "out_of_range",
     "to 18446744073709551615"},
    {{"\"maximum\": 18446744073709551615", "\"default\": 5"},
     PROPS "seed/default",
     "contradiction",
     "random"},
    {{"\"number\", \"x-comfy\": {\"node\": \"3\", \"input\": \"cfg\"",
      "\"integer\", \"x-comfy\": {\"op\": \"seed\", \"node\": \"3\", \"input\": \"cfg\""},
     PROPS "seed/x-comfy",
     "set_twice",
     "\"guidance\" is the seed already"},
    /* asset and absence */
    {{"\"image\": {\"type\": \"string\"",
      "\"image\": {\"default\": \"a.png\", \"type\": \"string\""},
     PROPS "image/default",
     "contradiction",
     "cannot have a default"},
    {{"\"title\": \"Picture 1\", \"input\": \"image\"",
      "\"title\": \"Picture 1\", \"input\": \"image\", \"absent\": \"remove\""},
     PROPS "image/x-comfy/absent",
     "contradiction",
     "neither required"},
    {{", \"absent\": \"remove\", \"remove\": [{\"title\": \"Scale 3\"}]",
      ", \"remove\": [{\"title\": \"Scale 3\"}]"},
     PROPS "image3/x-comfy/remove",
     "contradiction",
     "absent \"remove\""},
    {{", \"remove\": [{\"title\": \"Scale 3\"}]", ""},
     PROPS "image3/x-comfy/absent",
     "dangling",
     "node \"32\" (ImageScale) has no link left; name it in \"remove\""},
    {{"[{\"title\": \"Scale 3\"}]", "[{\"title\": \"Scale 3\"}, {\"node\": \"9\"}]"},
     PROPS "image3/x-comfy/absent",
     "contradiction",
     "output of the template"},
    {{"[{\"title\": \"Scale 3\"}]", "[{\"title\": \"Scale 3\"}, {\"node\": \"4\"}]"},
     PROPS "image3/x-comfy/absent",
     "contradiction",
     "\"loras\" hangs its loaders on"},
    {{"[{\"title\": \"Scale 3\"}]", "[{\"title\": \"Scale 4\"}]"},
     PROPS "image3/x-comfy/remove/0/title",
     "no_such_node",
     "0 have this title"},
    /* lora-chain */
    {{"\"maxItems\": 8,", ""}, PROPS "loras/maxItems", "required", ""},
    {{"\"maxItems\": 8,", "\"maxItems\": 800,"},
     PROPS "loras/maxItems",
     "out_of_range",
     "at most 32"},
    {{"\"required\": [\"name\"], \"additionalProperties\": false, \"properties\": {\n",
      "\"required\": [\"name\"], \"properties\": {"},
     PROPS "loras/items/additionalProperties",
     "required",
     ""},
    {{"\"strength_clip\": {", "\"clip\": {"},
     PROPS "loras/items/properties/clip",
     "unknown_field",
     ""},
    {{"\"LoraLoader\"", "\"LoraLoaderModelOnly\""},
     PROPS "loras/x-comfy",
     "contradiction",
     "\"clip\" belongs to"},
    {{"\"LoraLoader\"", "\"Exec\""}, PROPS "loras/x-comfy/loader", "not_in_list", ""},
    {{"\"clip\": {\"title\": \"Model\", \"output\": 1}",
      "\"clip\": {\"title\": \"Model\", \"output\": 7}"},
     PROPS "loras/x-comfy/clip",
     "no_consumer",
     "takes this output"},
    {{"\"model\": {\"title\": \"Model\", \"output\": 0}",
      "\"model\": {\"title\": \"Save\", \"output\": 0}"},
     PROPS "loras/x-comfy/model",
     "no_consumer",
     "takes this output"},
    {{"\"model\": {\"title\": \"Model\", \"output\": 0}",
      "\"model\": {\"title\": \"Model\", \"output\": 0.0}"},
     PROPS "loras/x-comfy/model",
     "wrong_type",
     "without point"},
    /* map and switch */
    {{"\"own\"]", "\"own\", \"tall\"]"}, PROPS "shape/enum/3", "required", "no entry in x-comfy"},
    {{", \"own\"]", "]"}, PROPS "shape/x-comfy/map", "unknown_field", "no choices of the enum"},
    {{"\"enum\": [\"square\", \"wide\", \"own\"], ", ""},
     PROPS "shape",
     "required",
     "needs an enum"},
    {{"\"value\": 1344", "\"value\": \"1344\""},
     PROPS "shape/x-comfy/map/wide/0/value",
     "wrong_type",
     "another type"},
    {{"\"value\": 1344", "\"value\": [\"4\", 0]"},
     PROPS "shape/x-comfy/map/wide/0/value",
     "wrong_type",
     "a string"},
    {{"\"input\": \"height\", \"value\": 768", "\"input\": \"width\", \"value\": 768"},
     PROPS "shape/x-comfy/map/square/1",
     "duplicate",
     "twice"},
    {{"\"true\": {\"title\": \"Lightning\", \"output\": 0}, ", ""},
     PROPS "fast/x-comfy/cases",
     "required",
     "\"true\" and \"false\""},
    {{"\"true\": {\"title\": \"Lightning\"", "\"true\": {\"title\": \"Decode\""},
     PROPS "fast/x-comfy/cases/true",
     "cycle",
     "itself made from"},
    {{"{\"title\": \"Sampler\", \"input\": \"model\"}",
      "{\"title\": \"Sampler\", \"input\": \"denoise\"}"},
     PROPS "fast/x-comfy/target",
     "not_linked",
     "no link"},
    /* the rest */
    {{"\"outputs\": [", "\"outputs\": [{\"node\": \"8\", \"type\": \"image\"}, "},
     "/outputs",
     "primary",
     "0 are"},
    {{"\"outputs\": [", "\"outputs\": [{\"node\": \"9\", \"type\": \"image\"}, "},
     "/outputs/1",
     "duplicate",
     "already"},
    {{"\"title\": \"Save\"", "\"title\": \"Sav\""}, "/outputs/0/title", "no_such_node", ""},
    {{"\"timeout_seconds\": 600", "\"timeout_seconds\": 0"},
     "/limits/timeout_seconds",
     "out_of_range",
     ""},
    {{"\"name\": \"model.safetensors\"", "\"name\": \"other.safetensors\""},
     "/requires/models/0/name",
     "unused",
     "no input of the workflow"},
    {{"\"prompt\": \"a cat\", ", ""}, "/examples/0/input/prompt", "required", ""},
};

static void test_broken(void **state)
{
    AUTO(free_ptr) char *manifest = fixture("manifest.json");
    AUTO(free_ptr) char *workflow = fixture("workflow.json");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken_rows); i++) {
        const struct swap swaps[SWAPS] = {broken_rows[i].swap};
        AUTO(free_ptr) char *broken = swapped(manifest, swaps);
        struct template *t = NULL;
        struct err e = ERR_INIT;

        print_message("%s\n", swaps[0].new);
        assert_int_equal(
            template_load("every-op", span_of(broken), span_of(workflow), &limits, &t, &e),
            ERR_VALIDATION_ERROR);
        assert_null(t);
        print_message("  %s: %s: %s\n", e.item[0].at, e.item[0].code, e.item[0].detail);
        assert_string_equal(e.item[0].at, broken_rows[i].at);
        assert_string_equal(e.item[0].code, broken_rows[i].kind);
        assert_contains(e.item[0].detail, broken_rows[i].detail);
        assert_int_equal(e.item_count, 1);
    }
}

static const struct {
    const char *manifest;
    const char *workflow; /* NULL = the fixture */
    enum errc code;
    const char *detail; /* of the error, or the place of its first item */
} unreadable_rows[] = {
    {"", "{}", ERR_MALFORMED_JSON, "manifest.json: "},
    {"{", "{}", ERR_MALFORMED_JSON, "manifest.json: "},
    {"{\"a\":1,\"a\":2}", "{}", ERR_DUPLICATE_KEY, "manifest.json: "},
    {"{}", "{\"1\":NaN}", ERR_MALFORMED_JSON, "workflow.json: "},
    {"{}", "[]", ERR_INVALID_WORKFLOW, "/workflow"},
    {"{}", "{\"nodes\":[],\"links\":[]}", ERR_WORKFLOW_FORMAT_UI, "/workflow"},
    {"{}", "{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":[\"2\",0]}}}", ERR_INVALID_WORKFLOW,
     "/workflow/1/inputs/a"},
    {"[]", "{\"1\":{\"class_type\":\"A\"}}", ERR_VALIDATION_ERROR, ""},
};

static void test_unreadable(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unreadable_rows); i++) {
        struct template *t = NULL;
        struct err e = ERR_INIT;
        enum errc code = template_load("x", span_of(unreadable_rows[i].manifest),
                                       span_of(unreadable_rows[i].workflow), &limits, &t, &e);

        assert_int_equal(code, unreadable_rows[i].code);
        assert_contains(e.detail[0] != '\0' ? e.detail : e.item[0].at, unreadable_rows[i].detail);
        assert_int_equal(template_load("x", span_of(unreadable_rows[i].manifest),
                                       span_of(unreadable_rows[i].workflow), &limits, &t, NULL),
                         code);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(template_is_name(SPAN_LIT("a")));
    assert_true(template_is_name(SPAN_LIT("qwen-image_2-edit")));
    assert_true(template_is_name(SPAN_LIT("a1234567890123456789012345678901")));
    assert_false(template_is_name(SPAN_LIT("a12345678901234567890123456789012")));
    assert_false(template_is_name(SPAN_LIT("")));
    assert_false(template_is_name(SPAN_LIT("1a")));
    assert_false(template_is_name(SPAN_LIT("-a")));
    assert_false(template_is_name(SPAN_LIT("A")));
    assert_false(template_is_name(SPAN_LIT("a/b")));
    assert_false(template_is_name(SPAN_LIT("h\xc3\xb6")));
}

/* ---- against a live ComfyUI ------------------------------------------------------------------- */

static const struct {
    struct world world;
    struct swap swap;
    const char *at; /* NULL = can run */
    const char *kind;
    const char *detail;
} live_rows[] = {
    {{0}, {NULL, NULL}, NULL, NULL, NULL},
    {{.missing_class = "KSampler"},
     {NULL, NULL},
     "/workflow/3/class_type",
     "missing_node",
     "no node \"KSampler\""},
    {{.missing_class = "LoadImage"}, {NULL, NULL}, "/workflow/20/class_type", "missing_node", ""},
    {{.missing_class = "LoraLoader"},
     {NULL, NULL},
     PROPS "loras/x-comfy",
     "missing_node",
     "\"LoraLoader\""},
    {{.missing_class = "Other"},
     {"[\"TextEncodeQwenImageEditPlus\"]", "[\"TextEncodeQwenImageEditPlus\", \"Other\"]"},
     "/requires/nodes/1",
     "missing_node",
     "\"Other\""},
    {{.missing_choice = "model.safetensors"},
     {NULL, NULL},
     "/workflow/4/inputs/ckpt_name",
     "missing_model",
     "\"model.safetensors\" is not among what \"CheckpointLoaderSimple\" offers; it belongs into "
     "models/checkpoints, from https://example.org/model.safetensors"},
    {{.missing_choice = "lightning.safetensors"},
     {NULL, NULL},
     "/workflow/50/inputs/lora_name",
     "missing_model",
     ""},
    /* pictures are uploaded for each job */
    {{.missing_choice = "a.png"}, {NULL, NULL}, NULL, NULL, NULL},
    {{.missing_choice = "c.png"}, {NULL, NULL}, NULL, NULL, NULL},
    {{.missing_choice = "c.png"},
     {", \"absent\": \"remove\", \"remove\": [{\"title\": \"Scale 3\"}]", ""},
     "/workflow/22/inputs/image",
     "missing_model",
     ""},
    /* what a map sets by default stands in for the workflow's own value */
    {{.missing_choice = "disabled"}, {NULL, NULL}, "/workflow/32/inputs/crop", "missing_model", ""},
    {{.missing_choice = "disabled"},
     {"\"own\"], ", "\"own\"], \"default\": \"wide\", "},
     NULL,
     NULL,
     NULL},
    {{.missing_choice = "center"},
     {"\"own\"], ", "\"own\"], \"default\": \"wide\", "},
     "/workflow/32/inputs/crop",
     "missing_model",
     "\"center\""},
    {{.missing_choice = "center"}, {NULL, NULL}, NULL, NULL, NULL},
    {{.needed = "TextEncodeQwenImageEditPlus.image2"},
     {NULL, NULL},
     PROPS "image2/x-comfy",
     "required_input",
     "node \"40\" (TextEncodeQwenImageEditPlus) has no \"image2\""},
    {{.needed = "ImageScale.image"}, {NULL, NULL}, NULL, NULL, NULL},
};

static void test_live(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(live_rows); i++) {
        const struct swap swaps[SWAPS] = {live_rows[i].swap};
        struct template *t = load(swaps);
        struct world world = live_rows[i].world;
        const struct node_catalog catalog = {&world, has_class, has_choice, needs_input};
        struct err e = ERR_INIT;
        enum errc code = template_check_live(t, &catalog, &e);

        print_message("%zu %s\n", i, e.item[0].detail);
        assert_int_equal(code, live_rows[i].at != NULL ? ERR_INVALID_WORKFLOW : ERR_NONE);
        assert_int_equal(e.item_count, live_rows[i].at != NULL ? 1 : 0);
        if (live_rows[i].at != NULL) {
            assert_string_equal(e.item[0].at, live_rows[i].at);
            assert_string_equal(e.item[0].code, live_rows[i].kind);
            assert_contains(e.item[0].detail, live_rows[i].detail);
        }
        assert_true(world.asked < 40);
        template_free(t);
    }
}

static void test_bind_asks_catalog(void **state)
{
    static const struct {
        const char *missing;
        const char *input;
        const char *at;
    } rows[] = {
        {"b", WITH(",\"loras\":[{\"name\":\"a\"},{\"name\":\"\\u0062\"}]"), "/input/loras/1/name"},
        {"center", WITH(",\"shape\":\"wide\""), "/input/shape"},
        {"n", WITH(",\"negative\":\"n\""), "/input/negative"},
    };
    struct template *t = load(NULL);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world world = {.missing_choice = rows[i].missing};
        const struct node_catalog catalog = {&world, has_class, has_choice, NULL};
        AUTO(template_bound_clear) struct template_bound bound;
        struct err e = ERR_INIT;

        assert_int_equal(
            bind(t, rows[i].input, (struct bind_with){.catalog = &catalog}, &bound, &e),
            ERR_VALIDATION_ERROR);
        assert_string_equal(e.item[0].at, rows[i].at);
        assert_string_equal(e.item[0].code, "not_available");
    }
    template_free(t);
}

/* ---- the example of docs/templates.md --------------------------------------------------------- */

static void test_documented(void **state)
{
    struct buf page = read_whole(SOURCE_DIR "/docs/templates.md");
    struct buf workflow = read_whole(TEST_DATA_DIR "/unit/templates/my-sdxl/workflow.json");
    const char *start = strstr(buf_str(&page), "```json\n");
    const char *end = start != NULL ? strstr(start, "\n```\n") : NULL;
    AUTO(template_bound_clear) struct template_bound bound;
    struct template *t = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_non_null(end);
    start += strlen("```json\n");
    if (template_load("my-sdxl", (struct span){start, (size_t)(end - start)}, buf_span(&workflow),
                      &limits, &t, &e) != ERR_NONE) {
        fail_msg("%s: %s %s", e.detail, e.item[0].at, e.item[0].detail);
    }
    assert_int_equal(bind(t,
                          "{\"prompt\":\"a cat\",\"shape\":\"portrait\",\"loras\":[{\"name\":"
                          "\"a\"}]}",
                          (struct bind_with){0}, &bound, &e),
                     ERR_NONE);
    assert_is_graph(&bound);
    assert_int_equal(bound.node_count, 8);
    assert_contains(buf_str(&bound.graph), "\"width\": 832, \"height\": 1216");
    template_free(t);
    buf_clear(&page);
    buf_clear(&workflow);
}

/* ---- how it shows ----------------------------------------------------------------------------- */

static bool some_options(void *arg, const char *source, struct buf *out)
{
    return strcmp(source, arg) == 0 && buf_append_str(out, "[\"a\",\"b\"]");
}

static void test_json(void **state)
{
    static char loras[] = "models:loras";
    static char others[] = "models:others";
    const struct template_options options[] = {{loras, some_options}, {others, some_options}};
    struct template *t = load(NULL);
    AUTO(buf_clear) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o = json_out_to(&text);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    json_ref item;
    json_ref hint;

    (void)state;
    jo_arr(&o, NULL);
    for (size_t i = 0; i < 4; i++) {
        jo_obj(&o, NULL);
        template_json(&o, t, i > 0, i >= 2 ? &options[i - 2] : NULL);
        jo_end(&o);
    }
    jo_end(&o);
    doc = parse(buf_str(&text));
    assert_null(strstr(buf_str(&text), "x-comfy"));
    assert_int_equal(json_size(doc, json_at(doc, 0, 0)), 5);
    item = json_at(doc, 0, 1);
    assert_int_equal(json_size(doc, item), 10);
    assert_true(json_str_is(doc, json_get(doc, item, "category"), "image-edit"));
    hint = json_get(doc, json_get(doc, item, "input_schema"), "properties");
    assert_int_equal(json_size(doc, hint), 12);
    assert_int_equal(json_size(doc, json_get(doc, hint, "negative")), 1);
    for (size_t i = 1; i < 4; i++) {
        hint = json_get(doc, json_get(doc, json_at(doc, 0, i), "input_schema"), "properties");
        hint = json_get(doc, json_get(doc, json_get(doc, hint, "loras"), "items"), "properties");
        hint = json_get(doc, json_get(doc, hint, "name"), "x-options");
        assert_int_equal(json_size(doc, json_get(doc, hint, "values")), i == 2 ? 2 : 0);
    }
    template_free(t);
}

static void test_facts(void **state)
{
    struct template *t = load(NULL);
    AUTO(free_ptr) char *workflow = fixture("workflow.json");

    (void)state;
    assert_string_equal(template_name(t), "every-op");
    assert_string_equal(template_title(t), "Every operation");
    assert_string_equal(template_category(t), "image-edit");
    assert_string_equal(template_seed_param(t), "seed");
    assert_int_equal(template_timeout_ms(t), 600000);
    assert_int_equal(template_max_attempts(t), 2);
    assert_true(span_is(template_workflow(t), workflow));
    assert_string_equal(template_primary_node(t), "9");
    template_free(t);
    template_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_effective_input),
        cmocka_unit_test(test_over),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_input),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_bind_asks_catalog),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
