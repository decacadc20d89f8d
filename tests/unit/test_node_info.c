#include "wire_fixture.h"

#include "base/mem.h"
#include "core/node_info.h"

static const struct json_limits limits = {.depth = 64, .nodes = 4000000};

/* Both ways to write a choice, what custom nodes get wrong, and what Python writes. */
static const char known[] =
    "{\"A\":{\"input\":{\"required\":{\"n\":[\"INT\",{\"default\":NaN,\"min\":-Infinity}],"
    "\"old\":[[\"y\",7,\"x\",true,\"y\",null,[\"z\"]]],\"new\":[\"COMBO\",{\"options\":[\"p\"]}],"
    "\"far\":[\"COMBO\",{\"remote\":{}}],\"word\":[\"COMBO\",{\"options\":\"p\"}],"
    "\"file\":[[\"a.png\"],{\"image_upload\":true}],"
    "\"clip\":[\"COMBO\",{\"options\":[\"a.mp4\"],\"video_upload\":true}],"
    "\"none\":[[],{}],\"bare\":[\"MODEL\"],\"odd\":7,\"nothing\":[],\"what\":{\"a\":1}},"
    "\"optional\":{\"f\":[\"FLOAT\"],\"old\":[[\"other\"]],\"maybe\":[[\"m\"]]},"
    "\"hidden\":{\"prompt\":\"PROMPT\"}}},"
    "\"B\":{},\"C\":null,\"D\":{\"input\":null},\"E\":{\"input\":{\"required\":[1,2]}},\"F\":[],"
    "\"B\":{\"input\":{\"required\":{\"late\":[\"INT\"]}}},\"G\\u0000H\":{},"
    "\"Gr\\u00fc\\u00dfe \\ud83d\\ude00\":{\"input\":{\"required\":{\"m\":[[\"sub\\\\a "
    "\\ud83d\\ude00.pt\"]]}}}}";

static struct node_info *read(const char *text)
{
    struct node_info *n = NULL;
    struct err e = ERR_INIT;

    if (node_info_parse(span_of(text), limits, &n, &e) != ERR_NONE) {
        fail_msg("%s", e.detail);
    }
    return n;
}

static void test_classes(void **state)
{
    AUTO(node_info_unref_ptr) struct node_info *n = read(known);

    (void)state;
    assert_int_equal(node_info_class_count(n), 5);
    assert_true(node_info_has_class(n, "A"));
    assert_true(node_info_has_class(n, "B"));
    assert_false(node_info_has_class(n, "C"));
    assert_true(node_info_has_class(n, "D"));
    assert_true(node_info_has_class(n, "E"));
    assert_false(node_info_has_class(n, "F"));
    assert_false(node_info_has_class(n, "G"));
    assert_false(node_info_has_class(n, ""));
    assert_true(node_info_has_class(n, "Grüße 😀"));
    assert_false(node_info_has_class(NULL, "A"));
    assert_int_equal(node_info_class_count(NULL), 0);
}

static void test_choices(void **state)
{
    static const struct {
        const char *input;
        const char *value;
        bool is_there;
    } rows[] = {
        {"old", "x", true},         {"old", "y", true},       {"old", "z", false},
        {"old", "7", false},        {"old", "other", false},  {"new", "p", true},
        {"new", "q", false},        {"none", "x", false},     {"maybe", "m", true},
        {"maybe", "n", false},      {"far", "any", true},     {"word", "any", true},
        {"file", "any.png", true},  {"clip", "any", true},    {"bare", "any", true},
        {"odd", "any", true},       {"nothing", "any", true}, {"what", "any", true},
        {"not there", "any", true},
    };
    AUTO(node_info_unref_ptr) struct node_info *n = read(known);
    struct node_catalog c = node_info_catalog(n);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("%s %s\n", rows[i].input, rows[i].value);
        assert_int_equal(c.has_choice(c.arg, "A", rows[i].input, rows[i].value), rows[i].is_there);
    }
    assert_true(c.has_choice(c.arg, "not there", "old", "z"));
    assert_true(c.has_choice(c.arg, "Grüße 😀", "m", "sub\\a 😀.pt"));
    assert_false(c.has_choice(c.arg, "Grüße 😀", "m", "sub/a 😀.pt"));
    c = node_info_catalog(NULL);
    assert_true(c.has_choice(c.arg, "A", "old", "z"));
    assert_false(c.has_class(c.arg, "A"));
    assert_false(c.needs_input(c.arg, "A", "n"));
}

static void test_required(void **state)
{
    AUTO(node_info_unref_ptr) struct node_info *n = read(known);
    struct node_catalog c = node_info_catalog(n);

    (void)state;
    assert_true(c.has_class(c.arg, "A"));
    assert_true(c.needs_input(c.arg, "A", "n"));
    assert_true(c.needs_input(c.arg, "A", "bare"));
    assert_true(c.needs_input(c.arg, "A", "old"));
    assert_false(c.needs_input(c.arg, "A", "f"));
    assert_false(c.needs_input(c.arg, "A", "maybe"));
    assert_false(c.needs_input(c.arg, "A", "odd"));
    assert_false(c.needs_input(c.arg, "A", "prompt"));
    assert_false(c.needs_input(c.arg, "B", "late")); /* the first of two of a name */
    assert_false(c.needs_input(c.arg, "not there", "n"));
}

static void test_other_texts(void **state)
{
    struct node_info *n = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(node_info_parse(SPAN_LIT("[1]"), limits, &n, &e), ERR_VALIDATION_ERROR);
    assert_contains(e.detail, "/object_info");
    assert_int_equal(node_info_parse(SPAN_LIT("<html>"), limits, &n, &e), ERR_MALFORMED_JSON);
    assert_int_equal(node_info_parse(SPAN_LIT(""), limits, &n, NULL), ERR_MALFORMED_JSON);
    assert_int_equal(node_info_parse(SPAN_LIT("{\"A\":{\"B\":{}}}"),
                                     (struct json_limits){.depth = 2, .nodes = 10}, &n, &e),
                     ERR_TOO_DEEP);
    assert_int_equal(node_info_parse(SPAN_LIT("{\"A\":{\"B\":{}}}"),
                                     (struct json_limits){.depth = 9, .nodes = 2}, &n, &e),
                     ERR_CONTENT_TOO_LARGE);
    assert_null(n);
    n = read("{}");
    assert_int_equal(node_info_class_count(n), 0);
    assert_false(node_info_has_class(n, "A"));
    node_info_unref(n);
    node_info_unref(NULL);
    assert_null(node_info_ref(NULL));
}

/* A reference outlives the one that it was made from. */
static void test_references(void **state)
{
    struct node_info *n = read(known);
    AUTO(node_info_unref_ptr) struct node_info *second = node_info_ref(n);

    (void)state;
    assert_ptr_equal(second, n);
    node_info_unref(n);
    assert_true(node_info_has_class(second, "A"));
}

/* ---- models ---------------------------------------------------------------------------------- */

static void add_name(void *arg, const char *name)
{
    struct buf *out = arg;

    (void)buf_appendf(out, "%s;", name);
}

static void assert_models(const struct node_info *n, const char *folder, const char *names)
{
    AUTO(buf_clear) struct buf found = BUF_INIT(4096);

    node_info_models(n, folder, add_name, &found);
    assert_string_equal(buf_str(&found), names);
}

static void test_models(void **state)
{
    AUTO(node_info_unref_ptr)
    struct node_info *n = read(
        "{\"CheckpointLoaderSimple\":{\"input\":{\"required\":{\"ckpt_name\":[[\"b\",\"a\"]]}}},"
        "\"CheckpointLoader\":{\"input\":{\"required\":{\"ckpt_name\":[\"COMBO\",{\"options\":"
        "[\"c\",\"b\"]}],\"config_name\":[[\"v1.yaml\"]]}}},"
        "\"LoraLoader\":{\"input\":{\"required\":{\"lora_name\":[[]]}}},"
        "\"UNETLoader\":{\"input\":{\"required\":{\"unet_name\":[[\"u\",\"\\u00fc\"]]}}},"
        "\"CLIPLoader\":{\"input\":{\"required\":{\"clip_name\":[[\"t5\"]]}}},"
        "\"VAELoader\":{\"input\":{\"optional\":{\"vae_name\":[\"STRING\"]}}}}");

    (void)state;
    assert_models(n, "checkpoints", "a;b;c;");
    assert_models(n, "configs", "v1.yaml;");
    assert_models(n, "diffusion_models", "u;ü;");
    assert_models(n, "unet", "u;ü;");
    assert_models(n, "text_encoders", "t5;");
    assert_models(n, "clip", "t5;");
    assert_models(n, "loras", "");
    assert_models(n, "vae", "");
    assert_models(n, "gligen", "");
    assert_models(n, "no_folder", "");
    assert_models(NULL, "checkpoints", "");
}

static void test_folders(void **state)
{
    static const char *const must[] = {
        "audio_encoders",
        "checkpoints",
        "clip_vision",
        "controlnet",
        "diffusion_models",
        "gligen",
        "hypernetworks",
        "latent_upscale_models",
        "loras",
        "model_patches",
        "photomaker",
        "style_models",
        "text_encoders",
        "upscale_models",
        "vae",
        "unet",
        "clip",
    };
    size_t count = 0;

    (void)state;
    for (; node_info_folder(count) != NULL; count++) {
        assert_true(node_info_folder_known(node_info_folder(count)));
        if (count > 0) {
            assert_true(strcmp(node_info_folder(count - 1), node_info_folder(count)) < 0);
        }
    }
    assert_true(count >= COUNT_OF(must) - 2);
    assert_null(node_info_folder(count + 1));
    for (size_t i = 0; i < COUNT_OF(must); i++) {
        print_message("%s\n", must[i]);
        assert_true(node_info_folder_known(must[i]));
    }
    assert_false(node_info_folder_known(""));
    assert_false(node_info_folder_known("lora"));
    assert_false(node_info_folder_known("../loras"));
}

/* ---- what ComfyUI writes ---------------------------------------------------------------------- */

static void check_recorded(const char *name, struct span text)
{
    AUTO(node_info_unref_ptr) struct node_info *n = NULL;
    AUTO(free_ptr) char *class = xstrdup(strrchr(name, '_') + 1);
    struct node_catalog c;

    *strchr(class, '.') = '\0';
    assert_int_equal(node_info_parse(text, limits, &n, NULL), ERR_NONE);
    assert_true(node_info_has_class(n, class));
    assert_int_equal(node_info_class_count(n), 1);
    c = node_info_catalog(n);
    if (strcmp(class, "LoadImage") == 0) {
        assert_true(c.needs_input(c.arg, class, "image"));
        assert_true(c.has_choice(c.arg, class, "image", "comfygate/new.png"));
    } else if (strcmp(class, "SaveVideo") == 0) {
        assert_true(c.has_choice(c.arg, class, "codec", "h264"));
        assert_false(c.has_choice(c.arg, class, "codec", "av1"));
    } else {
        assert_false(c.needs_input(c.arg, class, "prompt"));
    }
}

static void test_genuine_answers(void **state)
{
    (void)state;
    each_recorded("object_info_", check_recorded);
}

/* As many loaders as custom nodes bring, with one long list: it is held once. */
static void test_large(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(64U << 20);
    AUTO(node_info_unref_ptr) struct node_info *n = NULL;
    struct node_catalog c;

    (void)state;
    (void)buf_append_str(&text, "{");
    for (int class = 0; class < 200; class ++) {
        (void)buf_appendf(&text, "%s\"Loader%d\":{\"input\":{\"required\":{\"name\":[[",
                          class > 0 ? "," : "", class);
        for (int i = 0; i < 1000; i++) {
            (void)buf_appendf(&text, "%s\"a folder/model %d.safetensors\"", i > 0 ? ", " : "",
                              i * 7919 % 1000);
        }
        (void)buf_append_str(&text, "],{}]}}}");
    }
    (void)buf_append_str(&text, "}");
    assert_true(buf_ok(&text) && text.len > 6000000);
    assert_int_equal(node_info_parse(buf_span(&text), limits, &n, NULL), ERR_NONE);
    assert_int_equal(node_info_class_count(n), 200);
    c = node_info_catalog(n);
    assert_true(c.has_choice(c.arg, "Loader0", "name", "a folder/model 0.safetensors"));
    assert_true(c.has_choice(c.arg, "Loader199", "name", "a folder/model 999.safetensors"));
    assert_false(c.has_choice(c.arg, "Loader100", "name", "a folder/model 1000.safetensors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),    cmocka_unit_test(test_choices),
        cmocka_unit_test(test_required),   cmocka_unit_test(test_other_texts),
        cmocka_unit_test(test_references), cmocka_unit_test(test_models),
        cmocka_unit_test(test_folders),    cmocka_unit_test(test_genuine_answers),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
