#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bot/options.h"
#include "discord_catalog.h"

static const struct option *need(const struct options *o, const char *name)
{
    const struct option *found = options_find(o, name);

    if (found == NULL) {
        fail_msg("there is no option %s", name);
    }
    return found;
}

/* ---- the catalog ---------------------------------------------------------------------------- */

static void test_kinds(void **state)
{
    struct catalog *c = test_catalog();
    const struct template_entry *t = catalog_find(c, "alpha");

    (void)state;
    assert_int_equal(catalog_count(c), 8);
    assert_int_equal(param_by_name(t, "prompt")->kind, PARAM_TEXT);
    assert_int_equal(param_by_name(t, "steps")->kind, PARAM_INTEGER);
    assert_int_equal(param_by_name(t, "shape")->kind, PARAM_CHOICE);
    assert_int_equal(param_by_name(t, "tiled")->kind, PARAM_BOOL);
    assert_int_equal(param_by_name(t, "loras")->kind, PARAM_LORAS);
    assert_int_equal(param_by_name(catalog_find(c, "beta"), "guidance")->kind, PARAM_NUMBER);
    assert_int_equal(param_by_name(catalog_find(c, "edit"), "image")->kind, PARAM_PICTURE);
    assert_string_equal(param_picture(catalog_find(c, "edit"), 1)->name, "image2");
    assert_null(param_picture(catalog_find(c, "edit"), 2));
    assert_true(param_by_role(t, "prompt")->is_required);
    assert_null(param_by_role(t, "factor"));
    assert_null(param_by_name(t, ""));
    catalog_free(c);
}

static void test_which_is_taken(void **state)
{
    struct catalog *c = test_catalog();

    (void)state;
    /* The first that can run, not the first. */
    assert_string_equal(catalog_default(c, "text-to-image", NULL)->name, "alpha");
    assert_string_equal(catalog_default(c, "text-to-image", "")->name, "alpha");
    assert_string_equal(catalog_default(c, "text-to-image", "beta")->name, "beta");
    assert_string_equal(catalog_default(c, "text-to-image", "gone")->name, "gone");
    assert_string_equal(catalog_default(c, "text-to-image", "upscale")->name, "alpha");
    assert_null(catalog_default(c, "no-such", NULL));
    assert_string_equal(catalog_find(c, "gone")->reason, "no node (and 1 more)");
    assert_false(catalog_find(c, "gone")->is_available);
    assert_null(catalog_find(c, NULL));
    assert_null(catalog_find(c, "nothing"));
    assert_null(catalog_at(c, 8));
    catalog_free(c);
}

static void test_what_belongs_to_pictures(void **state)
{
    struct catalog *c = test_catalog();

    (void)state;
    assert_true(catalog_is_of(catalog_find(c, "other-video"), "text-to-image"));
    assert_false(catalog_is_of(catalog_find(c, "other-thing"), "text-to-image"));
    assert_false(catalog_is_of(catalog_find(c, "edit"), "text-to-image"));
    catalog_free(c);
}

/* ---- options -------------------------------------------------------------------------------- */

static void test_union(void **state)
{
    struct catalog *c = test_catalog();
    struct options o = options_of(c, "text-to-image");

    (void)state;
    /* Required first, then in their order. */
    assert_string_equal(o.item[0].name, "prompt");
    assert_true(o.item[0].is_required);
    assert_string_equal(o.item[1].name, "model");
    for (size_t i = 2; i < o.count; i++) {
        assert_true(o.item[i].order >= o.item[i - 1].order);
        assert_false(o.item[i].is_required);
    }
    /* Width and height are one, LoRAs are two, a seed is text. */
    assert_null(options_find(&o, "width"));
    assert_null(options_find(&o, "loras"));
    assert_int_equal(need(&o, "size")->meaning, OPTION_SIZE);
    assert_true(need(&o, "lora")->is_autocomplete);
    assert_int_equal(need(&o, "lora_strength")->type, OPTION_NUMBER);
    assert_int_equal(need(&o, "seed")->type, OPTION_STRING);
    assert_false(need(&o, "seed")->has_max);
    catalog_free(c);
}

static void test_what_differs_is_widened(void **state)
{
    struct catalog *c = test_catalog();
    struct options o = options_of(c, "text-to-image");
    const struct option *steps = need(&o, "steps");
    const struct option *shape = need(&o, "shape");

    (void)state;
    assert_true(steps->has_min && steps->has_max);
    assert_true(steps->min == 0 && steps->max == 900);
    assert_null(shape->choice);
    assert_true(shape->is_autocomplete);
    assert_int_equal(shape->order, 20);
    assert_int_equal(need(&o, "tiled")->type, OPTION_STRING);
    assert_int_equal(need(&o, "prompt")->max_length, 4000);
    catalog_free(c);
}

static void test_of_files(void **state)
{
    struct catalog *c = test_catalog();
    struct options edit = options_of(c, "image-edit");
    struct options upscale = options_of(c, "upscale");

    (void)state;
    assert_int_equal(need(&edit, "image")->type, OPTION_ATTACHMENT);
    assert_true(need(&edit, "image")->is_required);
    assert_false(need(&edit, "image2")->is_required);
    assert_string_equal(edit.item[0].name, "image");
    assert_string_equal(edit.item[1].name, "prompt");
    assert_non_null(need(&upscale, "factor")->choice);
    assert_false(need(&upscale, "factor")->is_autocomplete);
    catalog_free(c);
}

static void test_of_nothing(void **state)
{
    struct catalog *c = test_catalog();
    struct options o = options_of(c, "no-such");

    (void)state;
    assert_int_equal(o.count, 1);
    assert_string_equal(o.item[0].name, "model");
    assert_null(options_find(&o, "prompt"));
    catalog_free(c);
}

/* 40 parameters: Discord takes 25 options. */
static void test_too_many(void **state)
{
    static char text[16384];
    struct catalog *c = NULL;
    struct options o;
    size_t len = 0;

    (void)state;
    len = (size_t)snprintf(text, sizeof text,
                           "{\"name\":\"many\",\"title\":\"Many\",\"description\":\"\","
                           "\"category\":\"upscale\"," AVAILABLE
                           "\"input_schema\":{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < 40; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%s\"p%d\":{\"type\":\"string\",\"title\":\"P\",\"x-ui\":{"
                                "\"order\":%d}}",
                                i > 0 ? "," : "", i, 100 + i);
    }
    (void)snprintf(text + len, sizeof text - len, "}}}");
    test_extra_template = text;
    c = test_catalog();
    o = options_of(c, "upscale");
    assert_int_equal(o.count, OPTIONS_MAX);
    assert_non_null(options_find(&o, "factor"));
    assert_null(options_find(&o, "p39"));
    catalog_free(c);
    test_extra_template = NULL;
}

static void test_choices_as_text(void **state)
{
    static const struct {
        const char *json;
        const char *text;
    } cases[] = {{"\"a b\"", "a b"}, {"2", "2"}, {"2.5", "2.5"}, {"true", "true"}, {"\"\"", ""}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cJSON *value = cJSON_Parse(cases[i].json);
        AUTO(free_ptr) char *text = choice_text(value);

        assert_string_equal(text, cases[i].text);
        cJSON_Delete(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_which_is_taken),
        cmocka_unit_test(test_what_belongs_to_pictures),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_what_differs_is_widened),
        cmocka_unit_test(test_of_files),
        cmocka_unit_test(test_of_nothing),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_choices_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
