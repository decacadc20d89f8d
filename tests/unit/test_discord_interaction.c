#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/interaction.h"
#include "wire/read.h"

/* An interaction with `more` in it; in a guild, or with "user" in `more` in a direct message. */
#define BASE "\"id\":\"1300000000000000001\",\"application_id\":\"42\",\"token\":\"tok\""
#define MEMBER                                                                                     \
    "\"member\":{\"user\":{\"id\":\"7\",\"username\":\"ann\"},\"roles\":[\"8\",\"9\"],"            \
    "\"permissions\":\"8192\"}"
#define USER            "\"user\":{\"id\":\"7\",\"username\":\"ann\"}"
#define COMMAND(data)   "{" BASE ",\"type\":2," USER ",\"data\":" data "}"
#define COMPONENT(data) "{" BASE ",\"type\":3," USER ",\"data\":" data "}"
#define MODAL(data)     "{" BASE ",\"type\":5," USER ",\"data\":" data "}"

static void interaction_free_ptr(struct interaction **i)
{
    interaction_free(*i);
}

static struct interaction *parse(const char *json)
{
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    if (interaction_parse(span_of(json), &i, &e) != ERR_NONE) {
        fail_msg("%s: %s", json, e.detail);
    }
    return i;
}

static void test_in_a_guild(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i =
        parse(" {" BASE ",\"type\":2,\"guild_id\":\"5\",\"channel_id\":\"6\",\"channel\":{\"id\":"
              "\"66\",\"type\":11,"
              "\"nsfw\":true},\"member\":{\"nick\":\"Annie\",\"user\":{\"id\":\"7\",\"username\":"
              "\"ann\",\"global_name\":"
              "\"Ann\"},\"roles\":[\"8\",\"9\"],\"permissions\":\"18446744073709551615\"},\"app_"
              "permissions\":\"274878024704\","
              "\"locale\":\"de\",\"attachment_size_limit\":52428800,\"authorizing_integration_"
              "owners\":{\"0\":\"5\"},"
              "\"new\":{\"from\":[2027]},\"data\":{\"name\":\"generate\",\"type\":1}} \r\n");

    (void)state;
    assert_int_equal(i->type, INTERACTION_COMMAND);
    assert_string_equal(i->id, "1300000000000000001");
    assert_string_equal(i->application_id, "42");
    assert_string_equal(i->token, "tok");
    assert_string_equal(i->guild_id, "5");
    assert_string_equal(i->channel_id, "6");
    assert_int_equal(i->channel_type, 11);
    assert_true(i->is_nsfw_channel);
    assert_string_equal(i->user_id, "7");
    assert_string_equal(i->user_name, "Annie");
    assert_int_equal(cJSON_GetArraySize(i->roles), 2);
    assert_true(i->member_permissions == UINT64_MAX);
    assert_true(i->has_app_permissions);
    assert_true(i->app_permissions ==
                (PERMISSION_VIEW_CHANNEL | PERMISSION_SEND_MESSAGES | PERMISSION_EMBED_LINKS |
                 PERMISSION_ATTACH_FILES | PERMISSION_READ_MESSAGE_HISTORY |
                 PERMISSION_SEND_IN_THREADS));
    assert_string_equal(i->locale, "de");
    assert_int_equal(i->attachment_limit, 52428800);
    assert_false(i->is_user_install);
    assert_string_equal(i->command, "generate");
    assert_int_equal(i->command_type, COMMAND_CHAT);
    assert_null(i->custom_id);
    assert_null(i->message_id);
    assert_true(i->created_ms == (INT64_C(1300000000000000001) >> 22) + INT64_C(1420070400000));
}

static void test_in_a_direct_message(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(
        "{" BASE ",\"type\":3,\"channel\":{\"id\":\"66\"}," USER
        ",\"authorizing_integration_owners\":{\"1\":\"7\"},\"message\":{\"id\":\"99\"},"
        "\"data\":{\"custom_id\":\"v1:cn:-:0\",\"component_type\":3,\"values\":[\"a\",\"b\"]}}");

    (void)state;
    assert_int_equal(i->type, INTERACTION_COMPONENT);
    assert_null(i->guild_id);
    assert_string_equal(i->channel_id, "66");
    assert_int_equal(i->channel_type, -1);
    assert_false(i->is_nsfw_channel);
    assert_string_equal(i->user_name, "ann");
    assert_null(i->roles);
    assert_true(i->member_permissions == 0);
    assert_false(i->has_app_permissions);
    assert_string_equal(i->locale, "en-US");
    assert_int_equal(i->attachment_limit, 10485760);
    assert_true(i->is_user_install);
    assert_null(i->command);
    assert_string_equal(i->custom_id, "v1:cn:-:0");
    assert_string_equal(i->message_id, "99");
    assert_string_equal(interaction_value(i), "a");
}

static void test_ping(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse("{\"id\":\"1\",\"application_id\":\"2\",\"type\":1}");

    (void)state;
    assert_int_equal(i->type, INTERACTION_PING);
    assert_string_equal(i->token, "");
}

/* Later than this was written: it is read as far as it is known. */
static void test_unknown_things(void **state)
{
    static const char *const types[] = {"0",     "6",    "99",    "-1",
                                        "\"2\"", "null", "1e300", "2147483650"};

    (void)state;
    for (size_t n = 0; n < COUNT_OF(types); n++) {
        AUTO(free_ptr) char *json = xasprintf("{" BASE ",\"type\":%s," USER "}", types[n]);
        AUTO(interaction_free_ptr) struct interaction *i = parse(json);

        assert_int_equal(i->type, INTERACTION_UNKNOWN);
        assert_null(i->command);
        assert_null(i->custom_id);
    }
}

/* A member of the wrong kind is one that is not there. */
static void test_wrong_kinds(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse("{" BASE ",\"type\":2,\"guild_id\":5,\"channel_id\":{},"
                                  "\"channel\":[],\"member\":{\"user\":{\"id\":\"7\"},"
                                  "\"roles\":\"8\",\"permissions\":-1},\"app_permissions\":\"x\","
                                  "\"locale\":7,\"attachment_size_limit\":-1,"
                                  "\"authorizing_integration_owners\":[],\"data\":[1]}");

    (void)state;
    assert_null(i->guild_id);
    assert_null(i->channel_id);
    assert_string_equal(i->user_name, "");
    assert_null(i->roles);
    assert_true(i->member_permissions == 0 && i->app_permissions == 0 && !i->has_app_permissions);
    assert_string_equal(i->locale, "en-US");
    assert_int_equal(i->attachment_limit, 10485760);
    assert_string_equal(i->command, "");
    assert_null(interaction_option(i, "prompt"));
    assert_null(interaction_value(i));
    assert_null(interaction_field(i, "prompt"));
}

static const struct {
    const char *json;
    enum errc code;
} bad[] = {
    {"", ERR_MALFORMED_JSON},
    {"{", ERR_MALFORMED_JSON},
    {"{}x", ERR_MALFORMED_JSON},
    {"{" BASE ",\"type\":2," USER "}}", ERR_MALFORMED_JSON},
    {"null", ERR_VALIDATION_ERROR},
    {"[]", ERR_VALIDATION_ERROR},
    {"[{\"id\":\"1\"}]", ERR_VALIDATION_ERROR},
    {"{}", ERR_VALIDATION_ERROR},
    {"{\"id\":1,\"application_id\":\"2\",\"type\":1}", ERR_VALIDATION_ERROR},
    {"{\"id\":\"1x\",\"application_id\":\"2\",\"type\":1}", ERR_VALIDATION_ERROR},
    {"{\"id\":\"1\",\"application_id\":\"../2\",\"type\":1}", ERR_VALIDATION_ERROR},
    {"{\"id\":\"1\",\"application_id\":\"2\",\"type\":2," USER "}", ERR_VALIDATION_ERROR},
    {"{\"id\":\"1\",\"application_id\":\"2\",\"token\":\"\",\"type\":2," USER "}",
     ERR_VALIDATION_ERROR},
    {"{" BASE ",\"type\":2}", ERR_VALIDATION_ERROR},
    {"{" BASE ",\"type\":99}", ERR_VALIDATION_ERROR},
    {"{" BASE ",\"type\":2,\"user\":{\"id\":7}}", ERR_VALIDATION_ERROR},
    {"{" BASE ",\"type\":2,\"user\":{\"id\":\"123456789012345678901\"}}", ERR_VALIDATION_ERROR},
    {"{" BASE ",\"type\":2,\"member\":{}," USER "}", ERR_VALIDATION_ERROR},
};

static void test_no_interactions(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        struct interaction *i = NULL;
        struct err e = ERR_INIT;

        if (interaction_parse(span_of(bad[n].json), &i, &e) != bad[n].code) {
            fail_msg("%s: %s", bad[n].json, e.detail);
        }
        assert_null(i);
        assert_true(e.detail[0] != '\0');
    }
}

static void test_whole_and_not_too_large(void **state)
{
    static const char whole[] = "{" BASE ",\"type\":2," USER "}";
    AUTO(buf_clear) struct buf large = BUF_INIT(INTERACTION_MAX_BYTES + 10);
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    (void)state;
    /* With its NUL: a byte that is no blank. */
    assert_int_equal(interaction_parse((struct span){whole, sizeof whole}, &i, &e),
                     ERR_MALFORMED_JSON);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        assert_int_equal(interaction_parse((struct span){whole, len}, &i, &e), ERR_MALFORMED_JSON);
    }
    (void)buf_append_str(&large, whole);
    while (large.len < INTERACTION_MAX_BYTES) {
        (void)buf_append_char(&large, ' ');
    }
    assert_int_equal(interaction_parse(buf_span(&large), &i, &e), ERR_NONE);
    interaction_free(take_ptr(&i));
    (void)buf_append_char(&large, ' ');
    assert_int_equal(interaction_parse(buf_span(&large), &i, &e), ERR_CONTENT_TOO_LARGE);
    assert_null(i);
}

/* Each bracket opens one level: deeper than cJSON goes, it is no JSON; it never takes the stack. */
static void test_deep(void **state)
{
    AUTO(buf_clear) struct buf deep = BUF_INIT(INTERACTION_MAX_BYTES);
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    (void)state;
    while (deep.len < INTERACTION_MAX_BYTES) {
        (void)buf_append_char(&deep, '[');
    }
    assert_int_equal(interaction_parse(buf_span(&deep), &i, &e), ERR_MALFORMED_JSON);
    interaction_free(NULL);
}

/* ---- options -------------------------------------------------------------------------------- */

static void test_options(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(
        COMMAND("{\"name\":\"x\",\"options\":[{\"name\":\"prompt\",\"type\":3,\"value\":\"a cat\"},"
                "{\"name\":\"steps\",\"type\":4,\"value\":20},{\"name\":\"private\",\"type\":5,"
                "\"value\":false},"
                "{\"name\":\"odd\",\"value\":[1]},{\"name\":\"none\"},{\"name\":\"prompt\","
                "\"value\":\"second\"}]}"));

    (void)state;
    assert_string_equal(interaction_option_text(i, "prompt"), "a cat");
    assert_int_equal(interaction_option(i, "steps")->valueint, 20);
    assert_null(interaction_option_text(i, "steps"));
    assert_true(cJSON_IsFalse(interaction_option(i, "private")));
    assert_null(interaction_option(i, "odd"));
    assert_null(interaction_option(i, "none"));
    assert_null(interaction_option(i, "Prompt"));
    assert_null(interaction_option(i, ""));
}

static void test_sub_commands(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(COMMAND(
        "{\"name\":\"x\",\"options\":[{\"name\":\"group\",\"type\":2,\"options\":[{\"name\":"
        "\"sub\",\"type\":1,\"options\":[{\"name\":\"job\",\"value\":\"j\",\"focused\":true}]}]}]"
        "}"));
    const char *typed = NULL;

    (void)state;
    assert_string_equal(interaction_option_text(i, "job"), "j");
    assert_null(interaction_option(i, "sub"));
    assert_string_equal(interaction_focused(i, &typed), "job");
    assert_string_equal(typed, "j");
}

static void test_focused(void **state)
{
    static const struct {
        const char *options;
        const char *name;
        const char *typed;
    } rows[] = {
        {"[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"value\":\"2\",\"focused\":true}]",
         "b", "2"},
        {"[{\"name\":\"a\",\"value\":\"\",\"focused\":true}]", "a", ""},
        {"[{\"name\":\"a\",\"focused\":true}]", "a", ""},
        {"[{\"name\":\"a\",\"value\":3,\"focused\":true}]", "a", ""},
        {"[{\"name\":\"a\",\"value\":\"1\",\"focused\":false}]", NULL, ""},
        {"[{\"name\":\"a\",\"value\":\"1\",\"focused\":\"true\"}]", NULL, ""},
        {"[]", NULL, ""},
        {"7", NULL, ""},
    };

    (void)state;
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        AUTO(free_ptr)
        char *json =
            xasprintf("{" BASE ",\"type\":4," USER ",\"data\":{\"name\":\"x\",\"options\":%s}}",
                      rows[n].options);
        AUTO(interaction_free_ptr) struct interaction *i = parse(json);
        const char *typed = NULL;
        const char *name = interaction_focused(i, &typed);

        assert_true((name == NULL) == (rows[n].name == NULL));
        if (name != NULL) {
            assert_string_equal(name, rows[n].name);
        }
        assert_string_equal(typed, rows[n].typed);
    }
}

/* ---- files ---------------------------------------------------------------------------------- */

static void test_attachments(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(COMMAND(
        "{\"name\":\"edit\",\"options\":[{\"name\":\"image\",\"type\":11,\"value\":\"9\"},"
        "{\"name\":\"lost\",\"value\":\"10\"},{\"name\":\"bare\",\"value\":\"11\"},"
        "{\"name\":\"nourl\",\"value\":\"12\"}],\"resolved\":{\"attachments\":{"
        "\"9\":{\"id\":\"9\",\"url\":\"https://c/9\",\"filename\":\"a.png\",\"content_type\":"
        "\"image/png\",\"size\":5000000000},\"11\":{\"url\":\"https://c/11\",\"size\":-5},"
        "\"12\":{\"filename\":\"x\"}}}}"));
    struct attachment a;

    (void)state;
    assert_true(interaction_attachment(i, "image", &a));
    assert_string_equal(a.id, "9");
    assert_string_equal(a.url, "https://c/9");
    assert_string_equal(a.filename, "a.png");
    assert_string_equal(a.content_type, "image/png");
    assert_true(a.size == INT64_C(5000000000));
    assert_false(interaction_attachment(i, "lost", &a));
    assert_false(interaction_attachment(i, "nourl", &a));
    assert_false(interaction_attachment(i, "absent", &a));
    assert_true(interaction_attachment(i, "bare", &a));
    assert_string_equal(a.content_type, "");
    assert_int_equal(a.size, 0);
}

static void test_pictures_of_a_message(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(COMMAND(
        "{\"name\":\"Upscale\",\"type\":3,\"target_id\":\"30\",\"resolved\":{\"messages\":{\"31\":{"
        "\"attachments\":[{\"url\":\"https://c/other\",\"width\":1}]},\"30\":{\"attachments\":["
        "{\"url\":\"https://c/text\",\"content_type\":\"text/plain\"},"
        "{\"url\":\"https://c/1\",\"content_type\":\"image/png\",\"size\":7},"
        "{\"url\":\"https://c/2\",\"width\":64}],\"embeds\":[{\"title\":\"none\"},"
        "{\"image\":{\"url\":\"https://e/3\",\"proxy_url\":\"https://c/3\"}},"
        "{\"thumbnail\":{\"url\":\"https://c/4\"}}]}}}}"));
    struct attachment a[8];

    (void)state;
    assert_int_equal(i->command_type, COMMAND_MESSAGE);
    assert_int_equal(interaction_target_pictures(i, a, COUNT_OF(a)), 4);
    for (size_t n = 0; n < 4; n++) {
        AUTO(free_ptr) char *url = xasprintf("https://c/%zu", n + 1);

        assert_string_equal(a[n].url, url);
    }
    assert_int_equal(a[0].size, 7);
    assert_int_equal(interaction_target_pictures(i, a, 1), 1);
    assert_int_equal(interaction_target_pictures(i, a, 0), 0);
}

/* ---- modals --------------------------------------------------------------------------------- */

static void test_fields(void **state)
{
    AUTO(interaction_free_ptr)
    struct interaction *i = parse(MODAL(
        "{\"custom_id\":\"v1:eds:-:0\",\"components\":["
        "{\"type\":1,\"components\":[{\"type\":4,\"custom_id\":\"old\",\"value\":\"row\"}]},"
        "{\"type\":18,\"component\":{\"type\":4,\"custom_id\":\"new\",\"value\":\"label\"}},"
        "{\"type\":18,\"component\":{\"type\":4,\"custom_id\":\"empty\",\"value\":\"\"}},"
        "{\"type\":18,\"component\":{\"type\":3,\"custom_id\":\"choice\",\"values\":[\"c\"]}},"
        "7,null]}"));

    (void)state;
    assert_string_equal(i->custom_id, "v1:eds:-:0");
    assert_string_equal(interaction_field(i, "old"), "row");
    assert_string_equal(interaction_field(i, "new"), "label");
    assert_string_equal(interaction_field(i, "empty"), "");
    assert_null(interaction_field(i, "choice"));
    assert_null(interaction_field(i, "absent"));
}

static void test_fields_at_a_depth(void **state)
{
    AUTO(buf_clear) struct buf json = BUF_INIT(1 << 16);
    struct interaction *i = NULL;

    (void)state;
    (void)buf_append_str(&json, "{" BASE ",\"type\":5," USER ",\"data\":{\"components\":[");
    for (int n = 0; n < 400; n++) {
        (void)buf_append_str(&json, "{\"component\":");
    }
    (void)buf_append_str(&json, "{\"custom_id\":\"deep\",\"value\":\"x\"}");
    for (int n = 0; n < 400; n++) {
        (void)buf_append_char(&json, '}');
    }
    (void)buf_append_str(&json, "]}}");
    i = parse(buf_str(&json));
    assert_null(interaction_field(i, "deep"));
    interaction_free(i);
}

/* ---- ids ------------------------------------------------------------------------------------ */

static void test_snowflakes(void **state)
{
    static const char *const none[] = {"",   "x",  "1x",  " 1",
                                       "-1", "+1", "1.0", "123456789012345678901"};

    (void)state;
    for (size_t n = 0; n < COUNT_OF(none); n++) {
        assert_false(is_snowflake(none[n]));
        assert_true(snowflake_ms(none[n]) == 0);
    }
    assert_true(is_snowflake("0") && is_snowflake("18446744073709551615"));
    assert_true(snowflake_ms("175928847299117063") ==
                INT64_C(1462015105796)); /* Discord's own example */
    assert_true(snowflake_ms("99999999999999999999") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_guild),
        cmocka_unit_test(test_in_a_direct_message),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_unknown_things),
        cmocka_unit_test(test_wrong_kinds),
        cmocka_unit_test(test_no_interactions),
        cmocka_unit_test(test_whole_and_not_too_large),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_sub_commands),
        cmocka_unit_test(test_focused),
        cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_pictures_of_a_message),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_fields_at_a_depth),
        cmocka_unit_test(test_snowflakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
