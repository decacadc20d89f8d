/* discord_catalog.h - a catalog of templates for tests of discord-adapter/bot, without comfygate.
 *
 * The linker passes the catalog's calls of comfygate and of the loop to the functions here (--wrap, see tests/CMakeLists.txt): every answer is
 * there at once. Include it once, after cmocka.h. The templates: alpha and beta make pictures and differ in much, gone cannot run, other-video
 * belongs to the pictures, edit, upscale and animate take some.
 */
#ifndef TEST_DISCORD_CATALOG_H
#define TEST_DISCORD_CATALOG_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bot/catalog.h"
#include "wire/read.h"

#define UI(order, role) "\"x-ui\":{\"order\":" #order ",\"role\":\"" role "\"}"
#define TEMPLATE(name, category, more, required, properties)                                       \
    "{\"name\":\"" name "\",\"title\":\"The " name "\",\"description\":\"About " name "\","        \
    "\"category\":\"" category "\"," more                                                          \
    "\"input_schema\":{\"type\":\"object\",\"required\":[" required                                \
    "],\"properties\":{" properties "}}}"
#define AVAILABLE "\"available\":true,\"unavailable_reasons\":[],"
#define PICTURE(name, order)                                                                       \
    "\"" name "\":{\"type\":\"string\",\"title\":\"" name                                          \
    "\",\"x-file\":true," UI(order, "image") "}"
#define SEED                                                                                       \
    "\"seed\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":18446744073709551615,\"title\":"     \
    "\"Seed\"," UI(60, "seed") "}"
#define SIZE                                                                                       \
    "\"width\":{\"type\":\"integer\",\"minimum\":16,\"maximum\":2048,\"default\":1024,\"title\":"  \
    "\"Width\"," UI(31, "width") "},"                                                              \
                                 "\"height\":{\"type\":\"integer\",\"minimum\":16,\"maximum\":"    \
                                 "2048,\"default\":1024,\"title\":\"Height\"," UI(32,              \
                                                                                  "height") "}"
#define PROMPT(max)                                                                                \
    "\"prompt\":{\"type\":\"string\",\"maxLength\":" #max                                          \
    ",\"title\":\"Prompt\",\"description\":\"What it shows.\"," UI(10, "prompt") "}"

static const char *const test_templates[] = {
    TEMPLATE("gone", "text-to-image",
             "\"available\":false,\"unavailable_reasons\":[{\"detail\":\"no node\"},{\"detail\":"
             "\"no model\"}],",
             "\"prompt\"", PROMPT(100)),
    TEMPLATE(
        "alpha", "text-to-image", AVAILABLE, "\"prompt\"",
        PROMPT(4000) "," SIZE "," SEED
                     ",\"steps\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":20,"
                     "\"title\":\"Steps\"," UI(
                         40,
                         "steps") "},"
                                  "\"shape\":{\"type\":\"string\",\"enum\":[\"square\",\"wide\"],"
                                  "\"default\":\"square\",\"title\":\"Shape\"," UI(
                                      30, "shape") "},"
                                                   "\"tiled\":{\"type\":\"boolean\",\"default\":"
                                                   "false,\"title\":"
                                                   "\"Tiled\"," UI(
                                                       70, "") "},"
                                                               "\"loras\":{\"type\":\"array\","
                                                               "\"title\":\"LoRAs\"," UI(
                                                                   80, "loras") "}"),
    TEMPLATE(
        "beta", "text-to-image", AVAILABLE, "\"prompt\"",
        PROMPT(9000) ",\"steps\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":900,"
                     "\"title\":\"Steps\"," UI(
                         40,
                         "steps") "},"
                                  "\"shape\":{\"type\":\"string\",\"enum\":[\"square\",\"tall\"],"
                                  "\"title\":\"Shape\"," UI(
                                      20, "shape") "},"
                                                   "\"tiled\":{\"type\":\"number\",\"title\":"
                                                   "\"Tiled\"," UI(
                                                       70, "") "},"
                                                               "\"guidance\":{\"type\":\"number\","
                                                               "\"minimum\":0,"
                                                               "\"maximum\":10,\"default\":3.5,"
                                                               "\"title\":\"Guidance\"," UI(
                                                                   41, "guidance") "}"),
    TEMPLATE("other-video", "other", AVAILABLE, "\"prompt\"", PROMPT(100)),
    TEMPLATE("other-thing", "other", AVAILABLE, "\"image\"", PROMPT(100) "," PICTURE("image", 1)),
    TEMPLATE("edit", "image-edit", AVAILABLE, "\"image\",\"prompt\"",
             PROMPT(500) "," PICTURE("image", 1) "," PICTURE("image2", 2)),
    TEMPLATE("upscale", "upscale", AVAILABLE, "\"image\"",
             PICTURE("image", 1) ",\"factor\":{\"type\":\"integer\",\"enum\":[2,4],\"default\":2,"
                                 "\"title\":\"Factor\"," UI(10, "factor") "}"),
    TEMPLATE("animate", "image-to-video", AVAILABLE, "\"image\"", PICTURE("image", 1) "," SEED),
};

/* Templates that a test adds to those, or instead of them. */
static const char *test_extra_template;
static bool test_is_empty;

/* What the linker puts in their place. */
struct comfygate_call *__wrap_comfygate_start(struct comfygate *c,
                                              const struct comfygate_request *request);
void __wrap_loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms,
                           void (*fire)(void *arg), void *arg);
void __wrap_loop_timer_off(struct loop *l, struct loop_timer *t);

static void test_answer(const struct comfygate_request *request, cJSON *json)
{
    char *text = require_memory(cJSON_PrintUnformatted(json));

    request->done(
        request->arg,
        &(struct comfygate_result){
            .status = 200, .json = json, .body = span_of(text), .code = "", .sentence = ""});
    free(text);
    cJSON_Delete(json);
}

static cJSON *test_template(size_t index)
{
    bool is_extra = index >= COUNT_OF(test_templates);
    cJSON *json = cJSON_Parse(is_extra ? test_extra_template : test_templates[index]);

    assert_non_null(json);
    return json;
}

static size_t test_template_count(void)
{
    return test_is_empty ? 0 : COUNT_OF(test_templates) + (test_extra_template != NULL ? 1 : 0);
}

struct comfygate_call *__wrap_comfygate_start(struct comfygate *c,
                                              const struct comfygate_request *request)
{
    cJSON *page = NULL;
    cJSON *data = NULL;

    (void)c;
    for (size_t i = 0; i < test_template_count(); i++) {
        cJSON *json = test_template(i);
        char path[128];

        (void)snprintf(path, sizeof path, "/v1/templates/%s", read_text(json, "name"));
        if (strcmp(path, request->path) == 0) {
            test_answer(request, json);
            return NULL;
        }
        cJSON_Delete(json);
    }
    assert_string_equal(request->path, "/v1/templates");
    page = cJSON_CreateObject();
    data = cJSON_AddArrayToObject(page, "data");
    for (size_t i = 0; i < test_template_count(); i++) {
        assert_true(cJSON_AddItemToArray(data, test_template(i)));
    }
    test_answer(request, page);
    return NULL;
}

void __wrap_loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms,
                           void (*fire)(void *arg), void *arg)
{
    (void)l;
    (void)t;
    (void)in_ms;
    (void)fire;
    (void)arg;
}

void __wrap_loop_timer_off(struct loop *l, struct loop_timer *t)
{
    (void)l;
    (void)t;
}

/* Read, and known. The caller frees. */
static struct catalog *test_catalog(void)
{
    struct catalog *c = catalog_new(NULL, NULL, 0, NULL, NULL);

    catalog_refresh(c);
    assert_true(catalog_is_known(c));
    return c;
}

#endif
