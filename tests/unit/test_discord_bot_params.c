#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bot/params.h"
#include "discord_catalog.h"

struct fixture {
    struct catalog *catalog;
    struct params params;
};

static void open_for(struct fixture *f, const char *template)
{
    f->catalog = test_catalog();
    params_init(&f->params, catalog_find(f->catalog, template));
}

static void close_it(struct fixture *f)
{
    params_clear(&f->params);
    catalog_free(f->catalog);
}

static const char *printed(const struct params *p)
{
    static char out[8192];
    char *text = require_memory(cJSON_PrintUnformatted(p->input));

    (void)snprintf(out, sizeof out, "%s", text);
    free(text);
    return out;
}

/* ---- one value ------------------------------------------------------------------------------ */

static const struct {
    const char *template;
    const char *param;
    const char *text;
    const char *input; /* NULL = refused */
    const char *why;   /* a part of it */
} values[] = {
    {"alpha", "steps", "7", "{\"steps\":7}", ""},
    {"alpha", "steps", " 7 ", "{\"steps\":7}", ""},
    {"alpha", "steps", "+7", "{\"steps\":7}", ""},
    {"alpha", "steps", "0", NULL, "Steps must be a whole number from 1 to 50; you gave \"0\"."},
    {"alpha", "steps", "51", NULL, "from 1 to 50"},
    {"alpha", "steps", "7.5", NULL, "whole number"},
    {"alpha", "steps", "", NULL, "Steps"},
    {"alpha", "steps", "seven", NULL, "you gave \"seven\""},
    {"alpha", "steps", "7 8", NULL, "Steps"},
    {"alpha", "steps", "nan", NULL, "Steps"},
    {"alpha", "steps", "inf", NULL, "Steps"},
    {"alpha", "steps", "0x7", NULL, "Steps"},
    {"alpha", "steps", "1e1", "{\"steps\":10}", ""},
    {"alpha", "steps", "**7**", NULL, "you gave \"\\*\\*7\\*\\*\""},
    {"beta", "guidance", "2.25", "{\"guidance\":2.25}", ""},
    {"beta", "guidance", "-0.1", NULL, "a number from 0 to 10"},
    {"beta", "guidance", "1e999", NULL, "Guidance"},
    {"beta", "guidance", "2,5", NULL, "Guidance"},
    {"alpha", "shape", "WIDE", "{\"shape\":\"wide\"}", ""},
    {"alpha", "shape", "round", NULL, "Shape must be one of square, wide."},
    {"upscale", "factor", "4", "{\"factor\":4}", ""},
    {"upscale", "factor", "3", NULL, "Factor must be one of 2, 4."},
    {"alpha", "tiled", "Yes", "{\"tiled\":true}", ""},
    {"alpha", "tiled", "off", "{\"tiled\":false}", ""},
    {"alpha", "tiled", "maybe", NULL, "Tiled must be yes or no."},
    {"alpha", "seed", "18446744073709551615", "{\"seed\":18446744073709551615}", ""},
    {"alpha", "seed", "18446744073709551616", NULL, "Seed"},
    {"alpha", "seed", "99999999999999999999", NULL, "Seed"},
    {"alpha", "seed", "-1", NULL, "Seed"},
    {"alpha", "seed", "1.5", NULL, "Seed"},
    {"alpha", "seed", "1}", NULL, "Seed"},
    {"alpha", "prompt", "a \"b\"\n", "{\"prompt\":\"a \\\"b\\\"\\n\"}", ""},
    {"alpha", "prompt", "", "{\"prompt\":\"\"}", ""},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct fixture f;
        const struct param *param = NULL;
        bool ok = false;

        open_for(&f, values[i].template);
        param = param_by_name(f.params.template, values[i].param);
        assert_non_null(param);
        ok = params_set_text(&f.params, param, values[i].text);
        if (ok != (values[i].input != NULL)) {
            fail_msg("%s = \"%s\": %s", values[i].param, values[i].text, buf_str(&f.params.why));
        }
        assert_string_equal(printed(&f.params), ok ? values[i].input : "{}");
        assert_non_null(strstr(buf_str(&f.params.why), values[i].why));
        assert_int_equal(buf_str(&f.params.why)[0] == '\0', ok);
        close_it(&f);
    }
}

static void test_too_long_is_counted_in_characters(void **state)
{
    struct fixture f;
    char text[400] = "";

    (void)state;
    open_for(&f, "other-video");
    for (size_t i = 0; i < 100; i++) {
        text[i * 2] = '\xc3';
        text[i * 2 + 1] = '\xa9';
    }
    assert_true(params_set_text(&f.params, param_by_name(f.params.template, "prompt"), text));
    text[200] = 'e';
    assert_false(params_set_text(&f.params, param_by_name(f.params.template, "prompt"), text));
    assert_string_equal(buf_str(&f.params.why),
                        "Prompt is too long: 101 characters, and 100 are allowed.");
    close_it(&f);
}

static void test_the_last_value_stays(void **state)
{
    struct fixture f;
    const struct param *steps = NULL;

    (void)state;
    open_for(&f, "alpha");
    steps = param_by_name(f.params.template, "steps");
    assert_true(params_set_text(&f.params, steps, "7"));
    assert_true(params_set_text(&f.params, steps, "8"));
    assert_false(params_set_text(&f.params, steps, "900"));
    assert_string_equal(printed(&f.params), "{\"steps\":8}");
    close_it(&f);
}

/* ---- a command's options -------------------------------------------------------------------- */

#define COMMAND(options)                                                                           \
    "{\"id\":\"100\",\"application_id\":\"200\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":"      \
    "\"300\",\"username\":\"anna\"},\"channel_id\":\"400\",\"data\":{\"name\":\"generate\","       \
    "\"type\":1,\"resolved\":{\"attachments\":{\"900\":{\"id\":\"900\",\"filename\":\"a.png\","    \
    "\"size\":10,\"url\":\"https://cdn.discordapp.com/a.png\",\"content_type\":\"image/png\"},"    \
    "\"901\":{\"id\":\"901\",\"filename\":\"a.txt\",\"size\":10,\"url\":\"u\",\"content_type\":"   \
    "\"text/plain\"}}},\"options\":[" options "]}}"
#define OPTION(name, type, value) "{\"name\":\"" name "\",\"type\":" #type ",\"value\":" value "}"

static const struct {
    const char *template;
    const char *json;
    const char *input; /* NULL = refused */
    const char *why;
} commands[] = {
    {"alpha",
     COMMAND(OPTION("prompt", 3, "\"x\"") "," OPTION("steps", 4, "7") "," OPTION("model", 3,
                                                                                 "\"alpha\"")),
     "{\"prompt\":\"x\",\"steps\":7}", ""},
    {"alpha", COMMAND(OPTION("size", 3, "\"640x480\"")), "{\"width\":640,\"height\":480}", ""},
    {"alpha", COMMAND(OPTION("size", 3, "\"640 X 480\"")), "{\"width\":640,\"height\":480}", ""},
    {"alpha", COMMAND(OPTION("size", 3, "\"640\xc3\x97 480\"")), "{\"width\":640,\"height\":480}",
     ""},
    {"alpha", COMMAND(OPTION("size", 3, "\"640*480\"")), "{\"width\":640,\"height\":480}", ""},
    {"alpha", COMMAND(OPTION("size", 3, "\"640\"")), NULL, "such as 1024x768"},
    {"alpha", COMMAND(OPTION("size", 3, "\"x480\"")), NULL, "such as 1024x768"},
    {"alpha", COMMAND(OPTION("size", 3, "\"640x480x3\"")), NULL, "such as 1024x768"},
    {"alpha", COMMAND(OPTION("size", 3, "\"640x999999\"")), NULL, "such as 1024x768"},
    {"alpha", COMMAND(OPTION("size", 3, "\"640x4096\"")), NULL, "Height must be"},
    {"beta", COMMAND(OPTION("size", 3, "\"640x480\"")), NULL, "The beta has no setting \"size\""},
    {"alpha", COMMAND(OPTION("lora", 3, "\"a.safetensors\"")),
     "{\"loras\":[{\"name\":\"a.safetensors\",\"strength\":1}]}", ""},
    {"alpha",
     COMMAND(OPTION("lora_strength", 10, "-0.5") "," OPTION("lora", 3, "\"a.safetensors\"")),
     "{\"loras\":[{\"name\":\"a.safetensors\",\"strength\":-0.5}]}", ""},
    {"alpha", COMMAND(OPTION("lora_strength", 10, "2")), "{}", ""},
    {"beta", COMMAND(OPTION("lora", 3, "\"a\"")), NULL, "The beta has no setting \"lora\""},
    {"alpha", COMMAND(OPTION("guidance", 10, "2")), NULL, "has no setting \"guidance\""},
    {"alpha", COMMAND(OPTION("tiled", 5, "true")), "{\"tiled\":true}", ""},
    {"alpha", COMMAND(OPTION("seed", 3, "\"18446744073709551615\"")),
     "{\"seed\":18446744073709551615}", ""},
    {"alpha", COMMAND(""), "{}", ""},
    {"edit", COMMAND(OPTION("image", 11, "\"900\"")), "{}", ""},
    {"edit", COMMAND(OPTION("image", 11, "\"901\"")), NULL, "of the type text/plain."},
    {"edit", COMMAND(OPTION("image", 11, "\"902\"")), NULL, "did not arrive"},
};

static void test_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct fixture f;
        struct interaction *interaction = NULL;
        struct err e = ERR_INIT;
        bool ok = false;

        assert_int_equal(interaction_parse(span_of(commands[i].json), &interaction, &e), ERR_NONE);
        open_for(&f, commands[i].template);
        ok = params_options(&f.params, interaction);
        if (ok != (commands[i].input != NULL)) {
            fail_msg("%s: %s", commands[i].json, buf_str(&f.params.why));
        }
        if (ok) {
            assert_string_equal(printed(&f.params), commands[i].input);
        }
        assert_non_null(strstr(buf_str(&f.params.why), commands[i].why));
        close_it(&f);
        interaction_free(interaction);
    }
}

static void test_files(void **state)
{
    struct fixture f;
    struct interaction *interaction = NULL;
    struct err e = ERR_INIT;
    static const char json[] =
        COMMAND(OPTION("image2", 11, "\"900\"") "," OPTION("prompt", 3, "\"x\""));

    (void)state;
    assert_int_equal(interaction_parse(span_of(json), &interaction, &e), ERR_NONE);
    open_for(&f, "edit");
    assert_true(params_options(&f.params, interaction));
    assert_int_equal(f.params.picture_count, 1);
    assert_string_equal(f.params.picture[0].param, "image2");
    assert_string_equal(f.params.picture[0].file.url, "https://cdn.discordapp.com/a.png");
    assert_false(params_complete(&f.params));
    assert_string_equal(buf_str(&f.params.why), "The edit needs a picture: image.");
    buf_reset(&f.params.why);
    assert_true(params_add_file(&f.params, 0, &f.params.picture[0].file));
    assert_true(params_complete(&f.params));
    assert_false(params_add_file(&f.params, 2, &f.params.picture[0].file));
    close_it(&f);
    interaction_free(interaction);
}

static void test_pictures_that_are_there(void **state)
{
    struct fixture f;

    (void)state;
    open_for(&f, "upscale");
    assert_true(params_set_picture(&f.params, 0, "output:1"));
    assert_false(params_set_picture(&f.params, 1, "output:2"));
    assert_string_equal(printed(&f.params), "{\"image\":\"output:1\"}");
    assert_true(params_complete(&f.params));
    close_it(&f);
    open_for(&f, "alpha");
    assert_false(params_set_picture(&f.params, 0, "output:1"));
    close_it(&f);
}

/* ---- defaults ------------------------------------------------------------------------------- */

static const struct {
    const char *template;
    const char *defaults;
    const char *input;
} defaults[] = {
    {"alpha", "{\"steps\":9,\"tiled\":true,\"shape\":\"wide\"}",
     "{\"prompt\":\"x\",\"steps\":9,\"tiled\":true,\"shape\":\"wide\"}"},
    {"alpha", "{\"prompt\":\"mine\"}", "{\"prompt\":\"x\"}"},
    {"alpha", "{\"steps\":900}", "{\"prompt\":\"x\"}"},
    {"alpha", "{\"guidance\":2,\"no such\":[1]}", "{\"prompt\":\"x\"}"},
    {"alpha", "{\"seed\":\"18446744073709551615\"}",
     "{\"prompt\":\"x\",\"seed\":18446744073709551615}"},
    {"alpha", "{\"loras\":[{\"name\":\"a\"}]}", "{\"prompt\":\"x\",\"loras\":[{\"name\":\"a\"}]}"},
    {"beta", "{\"tiled\":true,\"steps\":\"many\"}", "{\"prompt\":\"x\"}"},
    {"alpha", "[]", "{\"prompt\":\"x\"}"},
    {"alpha", "null", "{\"prompt\":\"x\"}"},
};

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(defaults); i++) {
        struct fixture f;
        cJSON *given = cJSON_Parse(defaults[i].defaults);

        open_for(&f, defaults[i].template);
        assert_true(params_set_text(&f.params, param_by_name(f.params.template, "prompt"), "x"));
        params_defaults(&f.params, given);
        assert_string_equal(printed(&f.params), defaults[i].input);
        assert_string_equal(buf_str(&f.params.why), "");
        close_it(&f);
        cJSON_Delete(given);
    }
}

/* What is kept as JSON and read again is what it was. */
static void test_to_keep(void **state)
{
    struct fixture f;
    struct fixture again;
    cJSON *kept = NULL;
    char *text = NULL;

    (void)state;
    open_for(&f, "alpha");
    assert_true(params_set_text(&f.params, param_by_name(f.params.template, "seed"),
                                "18446744073709551615"));
    assert_true(params_set_text(&f.params, param_by_name(f.params.template, "steps"), "7"));
    kept = params_to_keep(f.params.input);
    text = require_memory(cJSON_PrintUnformatted(kept));
    cJSON_Delete(kept);
    assert_string_equal(text, "{\"seed\":\"18446744073709551615\",\"steps\":7}");
    kept = cJSON_Parse(text);
    open_for(&again, "alpha");
    params_defaults(&again.params, kept);
    assert_string_equal(printed(&again.params), "{\"seed\":18446744073709551615,\"steps\":7}");
    cJSON_Delete(kept);
    free(text);
    close_it(&again);
    close_it(&f);
    kept = params_to_keep(NULL);
    assert_int_equal(cJSON_GetArraySize(kept), 0);
    cJSON_Delete(kept);
}

static void test_complete(void **state)
{
    struct fixture f;

    (void)state;
    open_for(&f, "alpha");
    assert_false(params_complete(&f.params));
    assert_string_equal(buf_str(&f.params.why), "The alpha needs Prompt.");
    close_it(&f);
}

/* ---- modals --------------------------------------------------------------------------------- */

static void test_form(void **state)
{
    struct catalog *c = test_catalog();
    cJSON *given = cJSON_Parse("{\"prompt\":\"p\",\"width\":64,\"steps\":3}");
    struct modal_form f = params_modal_form(catalog_find(c, "alpha"), given);
    static const struct {
        const char *name;
        const char *value;
        const char *placeholder;
    } wanted[] = {{"prompt", "p", "What it shows."},
                  {"seed", "", "random when empty"},
                  {"steps", "3", "1 to 50"},
                  {"shape", "square", "square, wide"},
                  {"width", "64", "16 to 2048"}};

    (void)state;
    assert_int_equal(f.count, MODAL_INPUTS_MAX);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(f.input[i].custom_id, wanted[i].name);
        assert_string_equal(f.input[i].value, wanted[i].value);
        assert_string_equal(f.input[i].placeholder, wanted[i].placeholder);
    }
    assert_true(f.input[0].is_required && f.input[0].is_long && f.input[0].max == 4000);
    assert_false(f.input[1].is_required);
    params_modal_form_clear(&f);
    params_modal_form_clear(&f);
    f = params_modal_form(catalog_find(c, "beta"), NULL);
    assert_int_equal(f.input[0].max, 4000); /* of 9000: more than Discord takes is not asked for */
    params_modal_form_clear(&f);
    f = params_modal_form(catalog_find(c, "upscale"), NULL);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.input[0].value, "2");
    params_modal_form_clear(&f);
    cJSON_Delete(given);
    catalog_free(c);
}

#define FIELD(name, value)                                                                         \
    "{\"type\":18,\"component\":{\"type\":4,\"custom_id\":\"" name "\",\"value\":\"" value "\"}}"
#define MODAL(fields)                                                                              \
    "{\"id\":\"100\",\"application_id\":\"200\",\"type\":5,\"token\":\"t\",\"user\":{\"id\":"      \
    "\"300\",\"username\":\"anna\"},\"channel_id\":\"400\",\"data\":{\"custom_id\":\"v1:x\","      \
    "\"components\":[" fields "]}}"

static const struct {
    const char *json;
    const char *input; /* of steps 3, seed 5 and prompt "p" before; NULL = refused */
} modals[] = {
    {MODAL(FIELD("steps", "7")), "{\"prompt\":\"p\",\"seed\":5,\"steps\":7}"},
    {MODAL(FIELD("steps", "")), "{\"prompt\":\"p\",\"seed\":5}"},
    {MODAL(FIELD("seed", "")), "{\"prompt\":\"p\",\"steps\":3}"},
    {MODAL(FIELD("prompt", "")), "{\"prompt\":\"\",\"steps\":3,\"seed\":5}"},
    {MODAL(FIELD("nothing", "x")), "{\"prompt\":\"p\",\"steps\":3,\"seed\":5}"},
    {MODAL(""), "{\"prompt\":\"p\",\"steps\":3,\"seed\":5}"},
    {MODAL(FIELD("steps", "many")), NULL},
};

static void test_modals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modals); i++) {
        struct fixture f;
        struct interaction *interaction = NULL;
        struct err e = ERR_INIT;
        cJSON *wanted = cJSON_Parse(modals[i].input != NULL ? modals[i].input : "{}");

        assert_int_equal(interaction_parse(span_of(modals[i].json), &interaction, &e), ERR_NONE);
        open_for(&f, "alpha");
        cJSON_Delete(f.params.input);
        f.params.input = cJSON_Parse("{\"prompt\":\"p\",\"steps\":3,\"seed\":5}");
        assert_int_equal(params_modal(&f.params, interaction), modals[i].input != NULL);
        if (modals[i].input != NULL) {
            assert_true(cJSON_Compare(f.params.input, wanted, true));
        }
        cJSON_Delete(wanted);
        close_it(&f);
        interaction_free(interaction);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_too_long_is_counted_in_characters),
        cmocka_unit_test(test_the_last_value_stays),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_pictures_that_are_there),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_to_keep),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_modals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
