#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bot/commands.h"
#include "discord_catalog.h"
#include "wire/text.h"

#define COMMAND_CHARS   8000
#define LIST_MAX        25
#define DESCRIPTION_MAX 100

static cJSON *tree(void)
{
    struct catalog *c = test_catalog();
    struct bot b = {.catalog = c};
    cJSON *all = commands_tree(&b);

    /* Nothing of it refers to the catalog. */
    catalog_free(c);
    return all;
}

static const cJSON *named(const cJSON *list, const char *name)
{
    const cJSON *item = NULL;

    cJSON_ArrayForEach(item, list) {
        if (strcmp(read_text(item, "name"), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static const cJSON *options_of_command(const cJSON *all, const char *name)
{
    return cJSON_GetObjectItem(named(all, name), "options");
}

static void test_which_there_are(void **state)
{
    static const char *const wanted[] = {"generate", "edit", "upscale", "animate",  "queue",
                                         "cancel",   "jobs", "show",    "settings", "status",
                                         "loras",    "help", "Edit",    "Upscale",  "Animate"};
    cJSON *all = tree();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_non_null(named(all, wanted[i]));
    }
    assert_int_equal(cJSON_GetArraySize(all), COUNT_OF(wanted));
    /* For models that are not here there is no command of their own. */
    assert_null(named(all, "editflux"));
    assert_null(named(all, "editqwen"));
    cJSON_Delete(all);
}

static void test_nothing_to_make(void **state)
{
    cJSON *all = NULL;

    (void)state;
    test_is_empty = true;
    all = tree();
    test_is_empty = false;
    assert_null(named(all, "generate"));
    assert_null(named(all, "upscale"));
    assert_non_null(named(all, "help"));
    cJSON_Delete(all);
}

static void test_names_that_earlier_users_know(void **state)
{
    cJSON *all = NULL;
    const cJSON *options = NULL;

    (void)state;
    test_extra_template = TEMPLATE("flux-kontext-edit", "image-edit", AVAILABLE, "\"image\"",
                                   PICTURE("image", 1) "," PROMPT(100));
    all = tree();
    test_extra_template = NULL;
    options = options_of_command(all, "editflux");
    assert_non_null(named(options, "prompt"));
    assert_null(named(options, "model"));
    assert_null(named(options, "image2")); /* of another template */
    assert_non_null(named(options_of_command(all, "edit"), "image2"));
    assert_null(named(all, "editqwen"));
    cJSON_Delete(all);
}

static void test_required(void **state)
{
    cJSON *all = tree();

    (void)state;
    /* /generate without a prompt opens the view. */
    assert_false(read_true(named(options_of_command(all, "generate"), "prompt"), "required"));
    assert_true(read_true(named(options_of_command(all, "edit"), "image"), "required"));
    assert_true(read_true(named(options_of_command(all, "cancel"), "job"), "required"));
    assert_false(read_true(named(options_of_command(all, "loras"), "search"), "required"));
    cJSON_Delete(all);
}

static void check_option(const cJSON *option, bool *seen_optional)
{
    const cJSON *choices = cJSON_GetObjectItem(option, "choices");
    const char *description = read_text(option, "description");

    if (read_true(option, "required")) {
        assert_false(*seen_optional);
    } else {
        *seen_optional = true;
    }
    assert_true(description[0] != '\0' && text_count(description) <= DESCRIPTION_MAX);
    assert_false(choices != NULL && read_true(option, "autocomplete"));
    assert_true(cJSON_GetArraySize(choices) <= LIST_MAX);
    assert_true(read_int(option, "max_length", 1) <= 6000);
}

/* What Discord refuses a whole list of commands for. */
static void test_limits(void **state)
{
    static char text[32768];
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "{\"name\":\"many\",\"title\":\"Many\",\"description\":\"\","
                                  "\"category\":\"upscale\"," AVAILABLE
                                  "\"input_schema\":{\"type\":\"object\",\"properties\":{");
    cJSON *all = NULL;
    const cJSON *command = NULL;

    (void)state;
    for (int i = 0; i < 24; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%s\"p%d\":{\"type\":\"string\",\"title\":\"P\",\"description\":\""
                                "%0500d\",\"enum\":[\"%0200d\",\"b\"],\"x-ui\":{\"order\":%d}}",
                                i > 0 ? "," : "", i, 7, 8, 100 + i);
    }
    (void)snprintf(text + len, sizeof text - len, "}}}");
    test_extra_template = text;
    all = tree();
    test_extra_template = NULL;
    cJSON_ArrayForEach(command, all) {
        const cJSON *options = cJSON_GetObjectItem(command, "options");
        const cJSON *option = NULL;
        char *print = cJSON_PrintUnformatted(command);
        bool seen_optional = false;

        assert_true(strlen(print) <= COMMAND_CHARS);
        assert_true(cJSON_GetArraySize(options) <= LIST_MAX);
        cJSON_ArrayForEach(option, options) {
            check_option(option, &seen_optional);
        }
        free(print);
    }
    cJSON_Delete(all);
}

static void test_a_menu_has_no_description(void **state)
{
    cJSON *all = tree();

    (void)state;
    assert_null(cJSON_GetObjectItem(named(all, "Edit"), "description"));
    assert_int_equal(read_int(named(all, "Edit"), "type", 0), COMMAND_MESSAGE);
    cJSON_Delete(all);
}

/* It is registered when it differs, so the same templates give the same bytes. */
static void test_the_same_again(void **state)
{
    cJSON *one = tree();
    cJSON *two = tree();
    char *first = cJSON_PrintUnformatted(one);
    char *second = cJSON_PrintUnformatted(two);

    (void)state;
    assert_string_equal(first, second);
    free(first);
    free(second);
    cJSON_Delete(one);
    cJSON_Delete(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_there_are),
        cmocka_unit_test(test_nothing_to_make),
        cmocka_unit_test(test_names_that_earlier_users_know),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_menu_has_no_description),
        cmocka_unit_test(test_the_same_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
