#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/place.h"
#include "bot/policy.h"
#include "wire/read.h"

#define DAY_MS 86400000

/* Settings own their texts; here nobody changes them. */
static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

/* Nothing is limited. */
static struct settings open_settings(void)
{
    return (struct settings){.allowed_guilds = text(""),
                             .allowed_channels = text(""),
                             .allowed_roles = text(""),
                             .spoiler_channels = text(""),
                             .press = text("anyone"),
                             .age_restricted_only = text("off")};
}

static struct policy *policy_of(const struct settings *s)
{
    struct err e = ERR_INIT;
    struct policy *p = policy_new(s, &e);

    assert_non_null(p);
    return p;
}

static struct interaction *interaction_of(const char *json)
{
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(interaction_parse(span_of(json), &i, &e), ERR_NONE);
    return i;
}

#define BEGIN "{\"id\":\"100\",\"application_id\":\"200\",\"type\":3,\"token\":\"tok\","
#define END   "\"data\":{\"custom_id\":\"x\"}}"
#define IN_GUILD(more)                                                                             \
    BEGIN "\"guild_id\":\"10\",\"channel_id\":\"20\",\"channel\":{\"id\":\"20\",\"type\":0},"      \
          "\"member\":{\"user\":{\"id\":\"300\",\"username\":\"anna\"},\"roles\":[\"31\",\"32\"]," \
          "\"permissions\":\"0\"}," more END
#define IN_DM                                                                                      \
    BEGIN "\"channel_id\":\"21\",\"channel\":{\"id\":\"21\",\"type\":1},\"user\":{\"id\":\"300\"," \
          "\"username\":\"anna\"}," END

/* ---- where ---------------------------------------------------------------------------------- */

static const struct {
    const char *guilds, *channels, *roles, *nsfw;
    const char *json;
    const char *why; /* NULL = admitted */
} places[] = {
    {"", "", "", "off", IN_GUILD(""), NULL},
    {"", "", "", "off", IN_DM, NULL},
    {"10", "", "", "off", IN_GUILD(""), NULL},
    {"9, 10,11", "", "", "off", IN_GUILD(""), NULL},
    {"1", "", "", "off", IN_GUILD(""), "I am not set up for this server."},
    {"100", "", "", "off", IN_GUILD(""), "I am not set up for this server."},
    {"10", "", "", "off", IN_DM, "I am not set up for direct messages."},
    {"", "20", "", "off", IN_GUILD(""), NULL},
    {"", "7,8", "", "off", IN_GUILD(""), "I do not work in this channel. Try <#7>."},
    {"", "", "32", "off", IN_GUILD(""), NULL},
    {"", "", "33,34", "off", IN_GUILD(""), "You need a role for this that you do not have here."},
    {"", "", "32", "off", IN_DM, "You need a role for this that you do not have here."},
    {"", "", "", "on", IN_GUILD(""), "I only work in age-restricted channels."},
    {"", "", "", "on",
     BEGIN "\"guild_id\":\"10\",\"channel\":{\"id\":\"20\",\"type\":0,\"nsfw\":true},"
           "\"user\":{\"id\":\"300\",\"username\":\"a\"}," END,
     NULL},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(places); n++) {
        struct settings s = open_settings();
        struct policy *p = NULL;
        struct interaction *i = interaction_of(places[n].json);
        AUTO(buf_clear) struct buf why = BUF_INIT(512);

        s.allowed_guilds = text(places[n].guilds);
        s.allowed_channels = text(places[n].channels);
        s.allowed_roles = text(places[n].roles);
        s.age_restricted_only = text(places[n].nsfw);
        p = policy_of(&s);
        assert_int_equal(policy_admits(p, i, &why), places[n].why == NULL);
        assert_string_equal(buf_str(&why), places[n].why != NULL ? places[n].why : "");
        interaction_free(i);
        policy_free(p);
    }
}

static void test_lists_that_are_none(void **state)
{
    static const char *const bad[] = {"general", "1;2",  "1,x", "-1", "123456789012345678901",
                                      "#1",      "1, ,a"};

    (void)state;
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        struct settings s = open_settings();
        struct err e = ERR_INIT;

        s.spoiler_channels = text(bad[n]);
        assert_null(policy_new(&s, &e));
        assert_non_null(strstr(e.detail, "spoiler_channels"));
    }
}

static void test_spoilers(void **state)
{
    struct settings s = open_settings();
    struct policy *p = NULL;

    (void)state;
    s.spoiler_channels = text(",5 , 6,");
    p = policy_of(&s);
    assert_true(policy_is_spoiler(p, "5") && policy_is_spoiler(p, "6"));
    assert_false(policy_is_spoiler(p, "56") || policy_is_spoiler(p, "") ||
                 policy_is_spoiler(p, NULL));
    policy_free(p);
    policy_free(NULL);
}

/* ---- permissions ---------------------------------------------------------------------------- */

static void test_missing_permissions(void **state)
{
    static const struct {
        const char *json;
        const char *missing;
    } cases[] = {
        {IN_GUILD(""), NULL}, /* not told */
        {IN_GUILD("\"app_permissions\":\"274878024704\","), NULL},
        {IN_GUILD("\"app_permissions\":\"8\","), NULL},
        {IN_GUILD("\"app_permissions\":\"0\","), "View Channel"},
        {IN_GUILD("\"app_permissions\":\"1024\","), "Send Messages"},
        {IN_GUILD("\"app_permissions\":\"3072\","), "Embed Links"},
        {IN_GUILD("\"app_permissions\":\"19456\","), "Attach Files"},
        {IN_GUILD("\"app_permissions\":\"52224\","), NULL},
        {IN_GUILD("\"app_permissions\":\"0\",\"authorizing_integration_owners\":{\"1\":\"300\"},"),
         NULL},
        {BEGIN "\"guild_id\":\"10\",\"channel\":{\"id\":\"20\",\"type\":11},\"user\":{\"id\":"
               "\"300\",\"username\":\"a\"},\"app_permissions\":\"52224\"," END,
         "Send Messages in Threads"},
    };

    (void)state;
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        struct interaction *i = interaction_of(cases[n].json);
        const char *missing = policy_missing_permission(i);

        assert_string_equal(missing != NULL ? missing : "-",
                            cases[n].missing != NULL ? cases[n].missing : "-");
        interaction_free(i);
    }
}

/* ---- who ------------------------------------------------------------------------------------ */

#define PRESSER(permissions)                                                                       \
    BEGIN "\"guild_id\":\"10\",\"member\":{\"user\":{\"id\":\"300\",\"username\":\"a\"},"          \
          "\"permissions\":\"" permissions "\"}," END
#define MODERATOR "8192"
#define ADMIN     "8"

static const struct {
    const char *press, *json, *owner;
    bool is_owner_only, is_moderation;
    const char *why; /* NULL = may */
} presses[] = {
    {"anyone", PRESSER("0"), "300", true, false, NULL},
    {"owner", PRESSER("0"), "300", false, false, NULL},
    {"anyone", PRESSER("0"), "301", false, false, NULL},
    {"anyone", PRESSER("0"), "", false, false, NULL},
    {"owner", PRESSER("0"), "301", false, false, "Only <@301> can do that."},
    {"owner", PRESSER(MODERATOR), "301", false, false, "Only <@301> can do that."},
    {"anyone", PRESSER("0"), "301", true, true, "Only <@301> can do that, or a moderator."},
    {"anyone", PRESSER(MODERATOR), "301", true, true, NULL},
    {"anyone", PRESSER(ADMIN), "301", true, true, NULL},
    {"anyone", PRESSER(MODERATOR), "301", true, false, "Only <@301> can do that."},
    {"owner", PRESSER("0"), "", false, false, "This is not yours."},
    {"owner", IN_DM, "30", true, true, "Only <@30> can do that, or a moderator."},
};

static void test_presses(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(presses); n++) {
        struct settings s = open_settings();
        struct policy *p = NULL;
        struct interaction *i = interaction_of(presses[n].json);
        AUTO(buf_clear) struct buf why = BUF_INIT(512);

        s.press = text(presses[n].press);
        p = policy_of(&s);
        assert_int_equal(policy_may_press(p, i, presses[n].owner, presses[n].is_owner_only,
                                          presses[n].is_moderation, &why),
                         presses[n].why == NULL);
        assert_string_equal(buf_str(&why), presses[n].why != NULL ? presses[n].why : "");
        interaction_free(i);
        policy_free(p);
    }
}

/* ---- how many ------------------------------------------------------------------------------- */

static void test_quotas(void **state)
{
    static const struct {
        int64_t at_once, a_day;
        int open, today;
        const char *why; /* NULL = one more */
    } cases[] = {
        {0, 0, 1000, 1000, NULL},    {5, 0, 4, 100, NULL}, {5, 0, 5, 0, "5 under way already"},
        {5, 0, 9, 0, "9 under way"}, {0, 3, 0, 2, NULL},   {0, 3, 0, 3, "3 within a day"},
        {1, 1, 1, 1, "under way"},
    };
    const int64_t now = INT64_C(1800000000000);

    (void)state;
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        struct settings s = open_settings();
        struct policy *p = NULL;
        AUTO(buf_clear) struct buf why = BUF_INIT(512);

        s.jobs_at_once = cases[n].at_once;
        s.jobs_per_day = cases[n].a_day;
        p = policy_of(&s);
        assert_int_equal(policy_quota(p, cases[n].open, cases[n].today, now - 1000, now, &why),
                         cases[n].why == NULL);
        assert_non_null(strstr(buf_str(&why), cases[n].why != NULL ? cases[n].why : ""));
        policy_free(p);
    }
}

/* When to come back: a day after the oldest of them, and never further away than a day, whatever the clocks say. */
static void test_when_to_come_back(void **state)
{
    const int64_t now = INT64_C(1800000000000);
    const int64_t oldest[] = {now - 3600000, now, now + DAY_MS};
    const int64_t back[] = {now - 3600000 + DAY_MS, now + DAY_MS, now + DAY_MS};
    struct settings s = open_settings();
    struct policy *p = NULL;

    (void)state;
    s.jobs_per_day = 1;
    p = policy_of(&s);
    for (size_t n = 0; n < COUNT_OF(oldest); n++) {
        AUTO(buf_clear) struct buf why = BUF_INIT(512);
        char wanted[32];

        (void)snprintf(wanted, sizeof wanted, "<t:%lld:R>", (long long)(back[n] / 1000));
        assert_false(policy_quota(p, 0, 1, oldest[n], now, &why));
        assert_non_null(strstr(buf_str(&why), wanted));
    }
    policy_free(p);
}

/* ---- places --------------------------------------------------------------------------------- */

static void test_place_is_written_and_read(void **state)
{
    struct interaction *i = interaction_of(IN_GUILD("\"attachment_size_limit\":1234,"));
    struct place p = place_of(i, 840000);
    struct place again;
    cJSON *metadata = cJSON_CreateObject();

    (void)state;
    assert_string_equal(p.app, "200");
    assert_string_equal(p.guild, "10");
    assert_string_equal(p.channel, "20");
    assert_string_equal(p.user, "300");
    assert_string_equal(p.interaction, "100");
    assert_string_equal(p.token, "tok");
    assert_int_equal(p.file_limit, 1234);
    assert_int_equal(p.token_until_ms, snowflake_ms("100") + 840000);
    (void)snprintf(p.message, sizeof p.message, "77");
    p.is_ephemeral = true;
    place_write(&p, metadata);
    assert_true(place_read(metadata, &again));
    assert_string_equal(again.app, p.app);
    assert_string_equal(again.guild, p.guild);
    assert_string_equal(again.channel, p.channel);
    assert_string_equal(again.message, "77");
    assert_string_equal(again.user, p.user);
    assert_string_equal(again.interaction, p.interaction);
    assert_string_equal(again.token, p.token);
    assert_int_equal(again.token_until_ms, p.token_until_ms);
    assert_int_equal(again.file_limit, 1234);
    assert_true(again.is_ephemeral);
    cJSON_Delete(metadata);
    interaction_free(i);
}

static void test_place_leaves_out_what_is_empty(void **state)
{
    struct interaction *i = interaction_of(IN_DM);
    struct place p = place_of(i, 0);
    cJSON *metadata = cJSON_CreateObject();

    (void)state;
    place_write(&p, metadata);
    assert_null(cJSON_GetObjectItem(metadata, "discord.guild"));
    assert_null(cJSON_GetObjectItem(metadata, "discord.message"));
    assert_null(cJSON_GetObjectItem(metadata, "discord.ephemeral"));
    cJSON_Delete(metadata);
    interaction_free(i);
}

static void test_places_that_are_none(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "null",
        "{\"discord.app\":\"1\",\"discord.user\":\"2\"}",
        "{\"discord.app\":\"1\",\"discord.channel\":\"2\"}",
        "{\"discord.user\":\"1\",\"discord.channel\":\"2\"}",
        "{\"discord.app\":\"x\",\"discord.user\":\"2\",\"discord.channel\":\"3\"}",
        "{\"discord.app\":\"1\",\"discord.user\":\"../2\",\"discord.channel\":\"3\"}",
        "{\"discord.app\":1,\"discord.user\":\"2\",\"discord.channel\":\"3\"}",
        "{\"discord.app\":\"123456789012345678901\",\"discord.user\":\"2\"}",
        "{\"discord.user\":\"2\",\"discord.channel\":\"123456789012345678901\"}",
    };

    (void)state;
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        cJSON *metadata = cJSON_Parse(bad[n]);
        struct place p = {.app = "before"};

        assert_non_null(metadata);
        assert_false(place_read(metadata, &p));
        assert_string_equal(p.app, "before");
        cJSON_Delete(metadata);
    }
}

static void test_an_id_that_is_too_long(void **state)
{
    static const char json[] = "{\"discord.app\":\"1\",\"discord.user\":\"2\",\"discord.channel\":"
                               "\"123456789012345678901\"}";
    cJSON *metadata = cJSON_Parse(json);
    struct place p;

    (void)state;
    assert_false(place_read(metadata, &p));
    cJSON_Delete(metadata);
}

/* A token that is longer than there is room is none: half of one would be refused for ever. */
static void test_a_token_that_is_too_long(void **state)
{
    char json[1024];
    char token[TOKEN_SIZE + 1];
    struct place p;
    cJSON *metadata = NULL;

    (void)state;
    (void)memset(token, 'x', TOKEN_SIZE);
    token[TOKEN_SIZE] = '\0';
    (void)snprintf(json, sizeof json,
                   "{\"discord.app\":\"1\",\"discord.user\":\"2\",\"discord.channel\":\"3\","
                   "\"discord.token\":\"%s\"}",
                   token);
    metadata = cJSON_Parse(json);
    assert_true(place_read(metadata, &p));
    assert_string_equal(p.token, "");
    cJSON_Delete(metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_lists_that_are_none),
        cmocka_unit_test(test_spoilers),
        cmocka_unit_test(test_missing_permissions),
        cmocka_unit_test(test_presses),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_when_to_come_back),
        cmocka_unit_test(test_place_is_written_and_read),
        cmocka_unit_test(test_place_leaves_out_what_is_empty),
        cmocka_unit_test(test_places_that_are_none),
        cmocka_unit_test(test_an_id_that_is_too_long),
        cmocka_unit_test(test_a_token_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
