#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bot/view.h"
#include "discord_catalog.h"

#define ID  "01900000-0000-7000-8000-000000000000"
#define NOW INT64_C(1800000060000) /* a minute after 2027-01-15T08:00:00Z */
#define JOB(status, more)                                                                          \
    "{\"id\":\"" ID "\",\"status\":\"" status "\",\"template\":\"alpha\",\"title\":\"t\","         \
    "\"input\":{\"prompt\":\"a *fox*\\n# two\",\"steps\":7}" more "}"
#define PICTURE_OUTPUT(n)                                                                          \
    "{\"id\":\"o\",\"index\":" #n ",\"type\":\"image\",\"width\":64,\"height\":48}"

static struct catalog *catalog;

static struct view_options plain_options(void)
{
    return (struct view_options){
        .catalog = catalog, .now_ms = NOW, .user_id = "300", .is_cancel_shown = true};
}

static cJSON *written(struct message *m)
{
    cJSON *tree = message_tree(m, false);

    message_free(m);
    return tree;
}

static cJSON *open_view(const char *json, const struct view_options *o)
{
    cJSON *job = cJSON_Parse(json);
    cJSON *tree = NULL;

    assert_non_null(job);
    tree = written(view_open(job, o));
    cJSON_Delete(job);
    return tree;
}

static const cJSON *embed(const cJSON *tree)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "embeds"), 0);
}

/* "Label=custom_id;..." of all buttons, a "|" for each row. */
static const char *buttons(const cJSON *tree)
{
    static char out[4096];
    const cJSON *row = NULL;
    const cJSON *button = NULL;
    size_t len = 0;

    out[0] = '\0';
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(tree, "components")) {
        len += (size_t)snprintf(out + len, sizeof out - len, "%s", len > 0 ? "|" : "");
        cJSON_ArrayForEach(button, cJSON_GetObjectItem(row, "components")) {
            len += (size_t)snprintf(out + len, sizeof out - len, "%s;", read_text(button, "label"));
        }
    }
    return out;
}

static void says(const cJSON *tree, const char *part)
{
    const cJSON *e = embed(tree);
    char text[8192];

    (void)snprintf(text, sizeof text, "%s\n%s\n%s", read_text(e, "title"),
                   read_text(e, "description"),
                   read_text(cJSON_GetObjectItem(e, "footer"), "text"));
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* ---- open ----------------------------------------------------------------------------------- */

static const struct {
    const char *json;
    const char *says[4];
} open_jobs[] = {
    {JOB("queued", ""), {"Waiting: The alpha", "In the queue", "> a \\*fox\\* # two\n", "job " ID}},
    {JOB("queued", ",\"queue_position\":1"), {"Next in the queue"}},
    {JOB("queued",
         ",\"queue_position\":3,\"estimated_completion_at\":\"2027-01-15T08:10:00.000Z\""),
     {"Place **3** in the queue, done about <t:1800000600:R>"}},
    {JOB("running", ""), {"In the making: The alpha", "0 %"}},
    {JOB("running", ",\"started_at\":\"2027-01-15T08:00:00.000Z\",\"progress\":{\"value\":0.5,"
                    "\"current_node_title\":\"My *node*\",\"step\":3,\"steps\":7}"),
     {"50 %", "My \\*node\\*, step 3 of 7", "1 min so far, about 1 min to go"}},
    {JOB("running",
         ",\"started_at\":\"2027-01-15T08:00:00.000Z\",\"estimated_completion_at\":"
         "\"2027-01-15T08:01:30.000Z\",\"progress\":{\"value\":0.5,\"current_node_class\":"
         "\"KSampler\"}"),
     {"KSampler", "1 min so far, about 30 s to go"}},
    {JOB("running", ",\"started_at\":\"2027-01-15T08:00:00.000Z\",\"progress\":{\"value\":0.01}"),
     {"1 min so far\n"}},
    {JOB("running", ",\"progress\":{\"value\":77}"), {"100 %"}},
    {JOB("running", ",\"progress\":{\"value\":-1,\"step\":\"x\"}"), {"0 %"}},
    {JOB("running", ",\"phase\":\"collecting\""), {"Fetching the result: The alpha"}},
    {JOB("canceling", ""), {"Being canceled"}},
    {"{\"id\":\"" ID "\",\"status\":\"queued\",\"title\":\"@everyone\"}",
     {"Waiting: A workflow", "> @\xe2\x80\x8b"
                             "everyone"}},
    {"{\"status\":7,\"input\":[],\"progress\":\"x\"}", {"A workflow"}},
};

static void test_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(open_jobs); i++) {
        struct view_options o = plain_options();
        cJSON *tree = open_view(open_jobs[i].json, &o);

        for (size_t n = 0; n < COUNT_OF(open_jobs[i].says) && open_jobs[i].says[n] != NULL; n++) {
            says(tree, open_jobs[i].says[n]);
        }
        cJSON_Delete(tree);
    }
}

static void test_cancel_is_offered(void **state)
{
    struct view_options o = plain_options();
    cJSON *tree = open_view(JOB("running", ""), &o);

    (void)state;
    assert_string_equal(buttons(tree), "Cancel;");
    cJSON_Delete(tree);
    tree = open_view(JOB("canceling", ""), &o);
    assert_string_equal(buttons(tree), "");
    cJSON_Delete(tree);
    o.is_cancel_shown = false;
    tree = open_view(JOB("running", ""), &o);
    assert_string_equal(buttons(tree), "");
    cJSON_Delete(tree);
}

static void test_preview(void **state)
{
    static const struct {
        const char *type;
        bool is_spoiler;
        const char *image;
    } cases[] = {{"image/jpeg", false, "attachment://preview.jpg"},
                 {"image/png", false, "attachment://preview.png"},
                 {"image/webp", false, "attachment://preview.webp"},
                 {NULL, false, "attachment://preview.jpg"},
                 {"image/png", true, ""}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view_options o = plain_options();
        cJSON *tree = NULL;

        o.preview = bytes_new(span_of("picture"));
        o.preview_type = cases[i].type;
        o.is_spoiler = cases[i].is_spoiler;
        tree = open_view(JOB("running", ""), &o);
        assert_string_equal(read_text(cJSON_GetObjectItem(embed(tree), "image"), "url"),
                            cases[i].image);
        cJSON_Delete(tree);
        bytes_unref(o.preview);
    }
}

static void test_what_changes_the_fingerprint(void **state)
{
    struct view_options o = plain_options();
    cJSON *one = cJSON_Parse(JOB("running", ",\"progress\":{\"value\":0.5}"));
    cJSON *two = cJSON_Parse(JOB("running", ",\"progress\":{\"value\":0.6},\"version\":9"));
    struct message *first = view_open(one, &o);
    struct message *again = view_open(one, &o);
    struct message *other = view_open(two, &o);

    (void)state;
    assert_true(message_fingerprint(first) == message_fingerprint(again));
    assert_true(message_fingerprint(first) != message_fingerprint(other));
    message_free(first);
    message_free(again);
    message_free(other);
    cJSON_Delete(one);
    cJSON_Delete(two);
}

/* ---- ended otherwise ------------------------------------------------------------------------ */

static const struct {
    const char *json;
    const char *says[4];
} failed_jobs[] = {
    {JOB("failed", ",\"error\":{\"code\":\"out_of_memory\",\"node_title\":\"My *node*\","
                   "\"class_type\":\"KSampler\",\"message\":\"``` *boom*\"}"),
     {"Failed: The alpha", "ran out of memory", "At: My \\*node\\*\n",
      "```\n`\xe2\x80\x8b`\xe2\x80\x8b`\xe2\x80\x8b *boom*\n```"}},
    {JOB("failed", ",\"error\":{\"code\":\"node_execution_error\",\"class_type\":\"KSampler\"}"),
     {"Something went wrong while it was made.", "At: KSampler"}},
    {JOB("failed", ",\"error\":{\"code\":\"of tomorrow\"}"), {"Something went wrong."}},
    {JOB("failed", ""), {"Something went wrong.", "job " ID}},
    {JOB("canceled", ""), {"Canceled: The alpha", "It was canceled."}},
    {JOB("expired", ""), {"Expired: The alpha", "deadline"}},
};

static void test_failed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(failed_jobs); i++) {
        struct view_options o = plain_options();
        cJSON *job = cJSON_Parse(failed_jobs[i].json);
        cJSON *tree = written(view_failed(job, &o));

        for (size_t n = 0; n < COUNT_OF(failed_jobs[i].says) && failed_jobs[i].says[n] != NULL;
             n++) {
            says(tree, failed_jobs[i].says[n]);
        }
        assert_string_equal(buttons(tree), "Run again;Change and run;Delete;");
        cJSON_Delete(tree);
        cJSON_Delete(job);
    }
}

static void test_a_failed_workflow_of_its_own(void **state)
{
    struct view_options o = plain_options();
    cJSON *job = cJSON_Parse("{\"id\":\"" ID "\",\"status\":\"failed\"}");
    cJSON *tree = written(view_failed(job, &o));

    (void)state;
    assert_string_equal(buttons(tree), "Delete;");
    cJSON_Delete(tree);
    cJSON_Delete(job);
}

static void test_sentences(void **state)
{
    (void)state;
    assert_string_equal(view_error_sentence("timeout"), "It took longer than is allowed.");
    assert_string_equal(view_error_sentence(""), "Something went wrong.");
}

/* ---- results -------------------------------------------------------------------------------- */

#define LAST "Vary;Run again;Change and run;Show settings;Delete;"

static const struct {
    const char *outputs;
    const char *seed;
    const char *buttons;
} results[] = {
    {PICTURE_OUTPUT(0), "5", "Upscale;Edit;Animate;|" LAST},
    {PICTURE_OUTPUT(0) "," PICTURE_OUTPUT(1), "5",
     "Upscale 1;Upscale 2;|Edit 1;Edit 2;|Animate 1;Animate 2;|" LAST},
    {PICTURE_OUTPUT(0) "," PICTURE_OUTPUT(1) "," PICTURE_OUTPUT(2) "," PICTURE_OUTPUT(
         3) "," PICTURE_OUTPUT(4) "," PICTURE_OUTPUT(5),
     "5",
     "Upscale 1;Upscale 2;Upscale 3;Upscale 4;Upscale 5;|Edit 1;Edit 2;Edit 3;Edit 4;Edit 5;|"
     "Animate 1;Animate 2;Animate 3;Animate 4;Animate 5;|" LAST},
    {"{\"id\":\"o\",\"index\":0,\"type\":\"video\"}", "5", LAST},
    {"{\"id\":\"o\",\"index\":0,\"type\":\"text\",\"text\":\"hello\"}", "",
     "Run again;Change and run;Show settings;Delete;"},
    {"", "5", LAST},
};

static cJSON *result_view(const char *outputs, const char *seed, const char *links,
                          const struct view_options *o)
{
    char json[4096];
    cJSON *job = NULL;
    cJSON *tree = NULL;

    (void)snprintf(json, sizeof json,
                   JOB("succeeded", ",\"outputs\":[%s],\"metrics\":{\"execution_ms\":61000}"),
                   outputs);
    job = cJSON_Parse(json);
    assert_non_null(job);
    tree = written(view_result(job, seed, o, links));
    cJSON_Delete(job);
    return tree;
}

static void test_buttons_of_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        struct view_options o = plain_options();
        cJSON *tree = result_view(results[i].outputs, results[i].seed, NULL, &o);

        assert_string_equal(buttons(tree), results[i].buttons);
        cJSON_Delete(tree);
    }
}

static void test_no_button_for_what_nobody_can_do(void **state)
{
    struct view_options o = plain_options();
    cJSON *tree = NULL;

    (void)state;
    o.catalog = NULL;
    tree = result_view(PICTURE_OUTPUT(0), "5", NULL, &o);
    assert_string_equal(buttons(tree), LAST);
    cJSON_Delete(tree);
}

static void test_facts(void **state)
{
    struct view_options o = plain_options();
    cJSON *tree = result_view(PICTURE_OUTPUT(0), "18446744073709551615", "A link\n", &o);

    (void)state;
    says(tree, "> a \\*fox\\* # two\n");
    says(tree, "A link");
    says(tree, "The alpha · seed 18446744073709551615 · 64×48 · 7 steps · 1 min 1 s");
    cJSON_Delete(tree);
    tree = result_view("{\"id\":\"o\",\"index\":0,\"type\":\"text\",\"text\":\"a ``` b\"}", "",
                       NULL, &o);
    says(tree, "```\na `\xe2\x80\x8b`\xe2\x80\x8b`\xe2\x80\x8b b\n```");
    cJSON_Delete(tree);
}

/* An output keeps its own index, whatever stands before it. */
static void test_buttons_name_the_output(void **state)
{
    struct view_options o = plain_options();
    cJSON *tree = result_view("{\"index\":0,\"type\":\"video\"}," PICTURE_OUTPUT(1), "5", NULL, &o);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "components"), 0);
    const cJSON *button = cJSON_GetArrayItem(cJSON_GetObjectItem(row, "components"), 0);
    struct custom_id id;

    (void)state;
    assert_int_equal(custom_id_read(read_text(button, "custom_id"), &id), CUSTOM_ID_OK);
    assert_int_equal(id.action, PRESS_UPSCALE);
    assert_int_equal(id.output, 1);
    assert_string_equal(id.job.text, ID);
    cJSON_Delete(tree);
}

static void test_settings(void **state)
{
    struct view_options o = plain_options();
    cJSON *job = cJSON_Parse(JOB("succeeded", ",\"seed\":5"));
    cJSON *tree = written(view_settings(job, "18446744073709551615", &o));
    const cJSON *fields = cJSON_GetObjectItem(embed(tree), "fields");

    (void)state;
    says(tree, "Settings: The alpha");
    assert_int_equal(cJSON_GetArraySize(fields), 3);
    assert_string_equal(read_text(cJSON_GetArrayItem(fields, 0), "value"), "18446744073709551615");
    assert_string_equal(read_text(cJSON_GetArrayItem(fields, 1), "value"),
                        "```\na *fox*\n# two\n```");
    assert_string_equal(read_text(cJSON_GetArrayItem(fields, 2), "value"), "```\n7\n```");
    cJSON_Delete(tree);
    cJSON_Delete(job);
}

static int open_catalog(void **state)
{
    (void)state;
    catalog = test_catalog();
    return 0;
}

static int close_catalog(void **state)
{
    (void)state;
    catalog_free(catalog);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_cancel_is_offered),
        cmocka_unit_test(test_preview),
        cmocka_unit_test(test_what_changes_the_fingerprint),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_a_failed_workflow_of_its_own),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_buttons_of_results),
        cmocka_unit_test(test_no_button_for_what_nobody_can_do),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_buttons_name_the_output),
        cmocka_unit_test(test_settings),
    };

    return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
