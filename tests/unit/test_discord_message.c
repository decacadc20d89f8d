#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/message.h"
#include "wire/text.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define EMOJI    "\xf0\x9f\x98\x80" /* counts two */
#define NOBODY   "\"allowed_mentions\":{\"parse\":[]}"

static const struct custom_id cancel = {.action = PRESS_CANCEL};

static void json_delete_ptr(cJSON **json)
{
    cJSON_Delete(*json);
}

/* `count` times the letter; static, until the next but three. */
static const char *letters(char letter, size_t count)
{
    static char text[4][8192];
    static size_t turn;
    char *out = text[turn++ % 4];

    assert_true(count < sizeof text[0]);
    memset(out, letter, count);
    out[count] = '\0';
    return out;
}

static void assert_json(const struct message *m, bool is_edit, const char *expected)
{
    AUTO(free_ptr) char *text = message_json(m, is_edit);

    assert_string_equal(text, expected);
}

/* The member at a path such as "embeds.0.title"; NULL when there is none. */
static const cJSON *at(const cJSON *json, const char *path)
{
    AUTO(free_ptr) char *copy = xstrdup(path);
    char *rest = copy;

    while (json != NULL && rest != NULL && *rest != '\0') {
        char *dot = strchr(rest, '.');

        if (dot != NULL) {
            *dot = '\0';
        }
        json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, (int)strtol(rest, NULL, 10))
                                   : cJSON_GetObjectItemCaseSensitive(json, rest);
        rest = dot != NULL ? dot + 1 : NULL;
    }
    return json;
}

static const char *text_at(const cJSON *json, const char *path)
{
    const char *text = cJSON_GetStringValue(at(json, path));

    return text != NULL ? text : "(none)";
}

static int count_at(const cJSON *json, const char *path)
{
    return cJSON_GetArraySize(at(json, path));
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void test_empty(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();

    (void)state;
    assert_json(m, false, "{" NOBODY "}");
    assert_json(m, true,
                "{\"content\":\"\",\"embeds\":[],\"components\":[],\"attachments\":[]," NOBODY "}");
    message_free(NULL);
}

static void test_all_parts(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();

    (void)state;
    message_content(m, "first");
    message_content(m, "hello @everyone");
    message_mention(m, "42");
    message_ephemeral(m);
    message_embed(m, "T", "D", 0x336699);
    message_field(m, "n", "v", true);
    message_footer(m, "old");
    message_footer(m, "f");
    message_image(m, "a b.png");
    message_image(m, "c d.png");
    message_button(m, BUTTON_DANGER, "Cancel", "\xe2\x9d\x8c", &cancel, true);
    message_keep_file(m, "900");
    assert_true(message_file(m, "c d.png", "image/png", bytes_new(span_of("123")), "a cat", false));
    message_nonce(m, "0123456789012345678901234");
    message_reply_to(m, "77");
    assert_json(
        m, false,
        "{\"content\":\"hello @everyone\",\"embeds\":[{\"title\":\"T\",\"description\":\"D\","
        "\"color\":3368601,\"fields\":[{\"name\":\"n\",\"value\":\"v\",\"inline\":true}],"
        "\"footer\":{\"text\":\"f\"},\"image\":{\"url\":\"attachment://c_d.png\"}}],"
        "\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":4,\"label\":\"Cancel\","
        "\"custom_id\":\"v1:cn:-:0\",\"emoji\":{\"name\":\"\xe2\x9d\x8c\"},\"disabled\":true}]}],"
        "\"attachments\":[{\"id\":\"900\"},{\"id\":\"0\",\"filename\":\"c_d.png\","
        "\"description\":\"a cat\"}],\"allowed_mentions\":{\"parse\":[],\"users\":[\"42\"],"
        "\"replied_user\":false},\"nonce\":\"0123456789012345678901234\",\"enforce_nonce\":true,"
        "\"message_reference\":{\"message_id\":\"77\",\"fail_if_not_exists\":false},\"flags\":64}");
}

/* What only a new message has is not sent with an edit: Discord would refuse it. */
static void test_edit_has_no_reply(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    message_ephemeral(m);
    message_nonce(m, "n");
    message_reply_to(m, "77");
    json = message_tree(m, true);
    assert_null(at(json, "nonce"));
    assert_null(at(json, "enforce_nonce"));
    assert_null(at(json, "message_reference"));
    assert_null(at(json, "flags"));
    assert_int_equal(count_at(json, "allowed_mentions.parse"), 0);
}

static void test_content(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    message_content(m, letters('c', 2000));
    json = message_tree(m, false);
    assert_string_equal(text_at(json, "content"), letters('c', 2000));
    cJSON_Delete(json);
    message_content(m, letters('c', 2001));
    json = message_tree(m, false);
    assert_int_equal(text_count(text_at(json, "content")), 2000);
    assert_non_null(strstr(text_at(json, "content"), "c" ELLIPSIS));
    message_content(m, "");
    assert_json(m, false, "{\"content\":\"\"," NOBODY "}");
}

/* ---- embeds --------------------------------------------------------------------------------- */

static void test_embed_limits(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    message_embed(m, letters('t', 257), NULL, 1);
    message_field(m, letters('n', 257), letters('v', 1025), false);
    message_embed(m, letters('t', 256), NULL, 1);
    message_field(m, letters('n', 256), letters('v', 1024), false);
    message_footer(m, letters('f', 2049));
    json = message_tree(m, false);
    assert_int_equal(text_count(text_at(json, "embeds.0.title")), 256);
    assert_non_null(strstr(text_at(json, "embeds.0.title"), ELLIPSIS));
    assert_int_equal(text_count(text_at(json, "embeds.0.fields.0.name")), 256);
    assert_int_equal(text_count(text_at(json, "embeds.0.fields.0.value")), 1024);
    assert_string_equal(text_at(json, "embeds.1.title"), letters('t', 256));
    assert_string_equal(text_at(json, "embeds.1.fields.0.name"), letters('n', 256));
    assert_string_equal(text_at(json, "embeds.1.fields.0.value"), letters('v', 1024));
    assert_int_equal(text_count(text_at(json, "embeds.1.footer.text")), 2048);
    assert_null(at(json, "embeds.0.footer"));
}

static void test_description(void **state)
{
    for (size_t more = 0; more < 2; more++) {
        AUTO(message_free_ptr) struct message *m = message_new();
        AUTO(json_delete_ptr) cJSON *json = NULL;

        (void)state;
        message_embed(m, NULL, letters('d', 4096 + more), 1);
        json = message_tree(m, false);
        assert_int_equal(text_count(text_at(json, "embeds.0.description")), 4096);
        assert_int_equal(strstr(text_at(json, "embeds.0.description"), ELLIPSIS) != NULL, more);
        assert_null(at(json, "embeds.0.title"));
    }
}

static void test_counts_of_embeds(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    for (int i = 0; i < 11; i++) {
        message_embed(m, "t", NULL, 1);
    }
    for (int i = 0; i < 26; i++) {
        message_field(m, "n", "v", false);
    }
    json = message_tree(m, false);
    assert_int_equal(count_at(json, "embeds"), 10);
    assert_null(at(json, "embeds.0.fields"));
    assert_int_equal(count_at(json, "embeds.9.fields"), 25);
}

/* Discord refuses what is nothing but blanks: it is not there. */
static void test_empty_parts(void **state)
{
    static const char *const blank[] = {NULL, "", " ", "\t\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(blank); i++) {
        AUTO(message_free_ptr) struct message *m = message_new();

        message_footer(m, "of no embed");
        message_image(m, "of_no_embed.png");
        message_field(m, "of no", "embed", false);
        message_embed(m, blank[i], blank[i], 1);
        message_footer(m, blank[i]);
        message_field(m, blank[i], "v", false);
        message_field(m, "n", blank[i], false);
        assert_json(m, false, "{" NOBODY "}"); /* a colour alone is no embed */
        message_button(m, BUTTON_PRIMARY, blank[i], blank[i], &cancel, false);
        message_link_button(m, blank[i], "https://x.y");
        message_row(m);
        assert_json(m, false, "{" NOBODY "}");
        message_image(m, "a.png");
        message_button(m, BUTTON_PRIMARY, blank[i], "*", &cancel, false);
        assert_json(m, false,
                    "{\"embeds\":[{\"color\":1,\"image\":{\"url\":\"attachment://a.png\"}}],"
                    "\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":1,"
                    "\"custom_id\":\"v1:cn:-:0\",\"emoji\":{\"name\":\"*\"}}]}]," NOBODY "}");
    }
}

static size_t chars_of(const cJSON *json)
{
    static const char *const parts[] = {"title", "description", "footer.text"};
    size_t total = 0;
    const cJSON *embed = NULL;
    const cJSON *field = NULL;

    cJSON_ArrayForEach(embed, at(json, "embeds")) {
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            total += at(embed, parts[i]) != NULL ? text_count(text_at(embed, parts[i])) : 0;
        }
        cJSON_ArrayForEach(field, at(embed, "fields")) {
            assert_true(text_count(text_at(field, "name")) > 0);
            assert_true(text_count(text_at(field, "value")) > 0);
            total += text_count(text_at(field, "name")) + text_count(text_at(field, "value"));
        }
    }
    return total;
}

/* 6000 over all embeds; what came last is shortened first. */
static void test_chars_of_all_embeds(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    message_embed(m, letters('t', 200), letters('d', 3800), 1);
    message_embed(m, NULL, letters('e', 1000), 1);
    message_field(m, "name", letters('v', 996), true);
    json = message_tree(m, false);
    assert_int_equal(chars_of(json), 6000); /* fits, and nothing is cut */
    assert_string_equal(text_at(json, "embeds.1.fields.0.value"), letters('v', 996));
    cJSON_Delete(json);

    message_field(m, "more", letters('w', 500), true);
    json = message_tree(m, false);
    assert_int_equal(chars_of(json), 6000);
    assert_string_equal(text_at(json, "embeds.1.fields.1.value"), ELLIPSIS);
    assert_string_equal(text_at(json, "embeds.1.fields.1.name"), "more");
    assert_true(text_count(text_at(json, "embeds.1.fields.0.value")) == 991);
    assert_string_equal(text_at(json, "embeds.1.description"), letters('e', 1000));
    assert_string_equal(text_at(json, "embeds.0.description"), letters('d', 3800));
}

/* Names and footers are not shortened: fields go, then embeds. */
static void test_chars_of_names_alone(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    AUTO(message_free_ptr) struct message *footers = message_new();

    (void)state;
    message_embed(m, "first", NULL, 1);
    message_embed(m, NULL, NULL, 1);
    for (int i = 0; i < 25; i++) {
        message_field(m, letters('n', 256), "v", false);
    }
    json = message_tree(m, false);
    assert_true(chars_of(json) <= 6000);
    assert_int_equal(count_at(json, "embeds.1.fields"), 23);
    cJSON_Delete(json);

    for (int i = 0; i < 4; i++) {
        message_embed(footers, NULL, "d", 1);
        message_footer(footers, letters('f', 2048));
    }
    json = message_tree(footers, false);
    assert_int_equal(count_at(json, "embeds"), 2);
    assert_true(chars_of(json) <= 6000);
}

/* An emoji is two characters of which no half is left. */
static void test_chars_that_count_two(void **state)
{
    AUTO(buf_clear) struct buf emojis = BUF_INIT(32768);
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    AUTO(free_ptr) char *text = NULL;

    (void)state;
    for (int i = 0; i < 2100; i++) {
        (void)buf_append_str(&emojis, EMOJI);
    }
    message_content(m, buf_str(&emojis));
    message_embed(m, "a", buf_str(&emojis), 1);
    message_embed(m, buf_str(&emojis), buf_str(&emojis), 1);
    json = message_tree(m, false);
    text = message_json(m, false);
    assert_true(utf8_valid(span_of(text)));
    assert_true(text_count(text_at(json, "content")) <= 2000);
    assert_in_range(chars_of(json), 5990, 6000);
}

/* ---- components ----------------------------------------------------------------------------- */

static void test_rows_of_buttons(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    message_row(m);
    message_row(m); /* the same one: it is empty still */
    message_button(m, BUTTON_PRIMARY, "a", NULL, &cancel, false);
    message_row(m);
    for (int i = 0; i < 30; i++) {
        message_button(m, BUTTON_SECONDARY, "b", NULL, &cancel, false);
    }
    message_row(m);
    message_link_button(m, "none", "https://x.y");
    json = message_tree(m, false);
    assert_int_equal(count_at(json, "components"), 5);
    assert_int_equal(count_at(json, "components.0.components"), 1);
    for (int i = 1; i < 5; i++) {
        AUTO(free_ptr) char *path = xasprintf("components.%d.components", i);

        assert_int_equal(count_at(json, path), 5);
    }
    assert_null(at(json, "components.0.components.0.disabled"));
    assert_null(at(json, "components.0.components.0.emoji"));
}

static void test_button_limits(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    struct custom_id longest = {.action = PRESS_SETUP_EDIT_SEND, .output = 999};

    (void)state;
    memset(longest.job.text, 'a', ID_LEN);
    memset(longest.extra, 'x', CUSTOM_ID_EXTRA - 1);
    message_button(m, BUTTON_PRIMARY, letters('l', 80), NULL, &longest, false);
    message_button(m, BUTTON_PRIMARY, letters('l', 81), NULL, &longest, false);
    json = message_tree(m, false);
    assert_string_equal(text_at(json, "components.0.components.0.label"), letters('l', 80));
    assert_int_equal(text_count(text_at(json, "components.0.components.1.label")), 80);
    assert_true(strlen(text_at(json, "components.0.components.0.custom_id")) <= 100);
}

static void test_link_buttons(void **state)
{
    static const struct {
        const char *url;
        size_t more; /* letters behind it */
        bool is_there;
    } rows[] = {
        {"https://x.y/", 0, true},
        {"http://x.y/", 0, true},
        {"https://x.y/", 500, true},
        {"https://x.y/", 501, false},
        {"", 0, false},
        {"javascript:alert(1)", 0, false},
        {"ftp://x.y/", 0, false},
        {" https://x.y/", 0, false},
        {"attachment://a.png", 0, false},
        {"https", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(message_free_ptr) struct message *m = message_new();
        AUTO(json_delete_ptr) cJSON *json = NULL;
        AUTO(free_ptr) char *url = xasprintf("%s%s", rows[i].url, letters('u', rows[i].more));

        message_link_button(m, "Open", url);
        json = message_tree(m, false);
        assert_int_equal(at(json, "components") != NULL, rows[i].is_there);
        if (rows[i].is_there) {
            assert_string_equal(text_at(json, "components.0.components.0.url"), url);
            assert_null(at(json, "components.0.components.0.custom_id"));
            assert_int_equal(at(json, "components.0.components.0.style")->valueint, 5);
        }
    }
}

static void test_select(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    const struct select_option options[] = {
        {.label = "One", .value = "1", .description = "d"},
        {.label = "Again", .value = "1"},                /* the value came before */
        {.label = "", .value = "2", .description = " "}, /* is called by its value */
        {.label = letters('l', 101), .value = letters('v', 100), .is_default = true},
        {.label = "too long", .value = letters('v', 101)},
        {.label = "empty", .value = ""},
        {.label = "blank", .value = "  "},
        {.label = "second default", .value = "3", .is_default = true},
    };

    (void)state;
    message_select(m, &cancel, letters('p', 151), options, COUNT_OF(options));
    json = message_tree(m, false);
    assert_int_equal(count_at(json, "components.0.components.0.options"), 4);
    assert_string_equal(text_at(json, "components.0.components.0.options.0.description"), "d");
    assert_string_equal(text_at(json, "components.0.components.0.options.1.label"), "2");
    assert_null(at(json, "components.0.components.0.options.1.description"));
    assert_int_equal(text_count(text_at(json, "components.0.components.0.options.2.label")), 100);
    assert_string_equal(text_at(json, "components.0.components.0.options.2.value"),
                        letters('v', 100));
    assert_true(cJSON_IsTrue(at(json, "components.0.components.0.options.2.default")));
    assert_null(at(json, "components.0.components.0.options.3.default"));
    assert_int_equal(text_count(text_at(json, "components.0.components.0.placeholder")), 150);
    assert_int_equal(at(json, "components.0.components.0.type")->valueint, 3);
}

static void test_select_has_a_row_of_its_own(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    const struct select_option option = {.label = "a", .value = "a"};
    const struct select_option none = {.label = "a", .value = ""};

    (void)state;
    message_button(m, BUTTON_PRIMARY, "b", NULL, &cancel, false);
    message_select(m, &cancel, NULL, &none, 1);
    message_select(m, &cancel, NULL, NULL, 0);
    message_select(m, &cancel, "", &option, 1);
    message_button(m, BUTTON_PRIMARY, "b", NULL, &cancel, false);
    message_row(m);
    message_select(m, &cancel, " ", &option, 1);
    message_select(m, &cancel, NULL, &option, 1);
    message_select(m, &cancel, NULL, &option, 1); /* the sixth */
    json = message_tree(m, false);
    assert_int_equal(count_at(json, "components"), 5);
    assert_int_equal(count_at(json, "components.1.components"), 1);
    assert_null(at(json, "components.1.components.0.placeholder"));
    assert_int_equal(at(json, "components.2.components.0.type")->valueint, 2);
    assert_int_equal(at(json, "components.3.components.0.type")->valueint, 3);
    assert_int_equal(at(json, "components.4.components.0.type")->valueint, 3);
}

static void test_select_of_many(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    char values[30][4];
    struct select_option options[30];

    (void)state;
    for (int i = 0; i < 30; i++) {
        values[i][0] = (char)('A' + i);
        values[i][1] = '\0';
        options[i] = (struct select_option){.label = values[i], .value = values[i]};
    }
    message_select(m, &cancel, NULL, options, COUNT_OF(options));
    json = message_tree(m, false);
    assert_int_equal(count_at(json, "components.0.components.0.options"), 25);
    assert_string_equal(text_at(json, "components.0.components.0.options.24.value"), "Y");
}

/* ---- files ---------------------------------------------------------------------------------- */

static void test_files(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;

    (void)state;
    assert_true(message_file(m, "../a b.png", "image/png", bytes_new(span_of("12345")),
                             letters('d', 1025), true));
    assert_true(message_file(m, "", " ", bytes_new(span_of("678")), " ", false));
    assert_int_equal(message_file_count(m), 2);
    assert_int_equal(message_file_bytes(m), 8);
    assert_string_equal(message_file_at(m, 0).filename, "SPOILER__a_b.png");
    assert_string_equal(message_file_at(m, 0).content_type, "image/png");
    assert_true(span_is(bytes_span(message_file_at(m, 0).data), "12345"));
    assert_string_equal(message_file_at(m, 1).filename, "file");
    assert_string_equal(message_file_at(m, 1).content_type, "application/octet-stream");
    json = message_tree(m, false);
    assert_int_equal(text_count(text_at(json, "attachments.0.description")), 1024);
    assert_string_equal(text_at(json, "attachments.0.filename"), "SPOILER__a_b.png");
    assert_string_equal(text_at(json, "attachments.1.id"), "1");
    assert_null(at(json, "attachments.1.description"));
}

static void test_ten_files(void **state)
{
    AUTO(message_free_ptr) struct message *m = message_new();
    AUTO(json_delete_ptr) cJSON *json = NULL;
    struct bytes *data = bytes_new(span_of("x"));

    (void)state;
    message_keep_file(m, "1");
    message_keep_file(m, "2");
    for (int i = 0; i < 8; i++) {
        assert_true(message_file(m, "a.png", "image/png", bytes_ref(data), NULL, false));
    }
    assert_false(
        message_file(m, "a.png", "image/png", data, NULL, false)); /* takes it all the same */
    message_keep_file(m, "3");
    assert_int_equal(message_file_count(m), 8);
    json = message_tree(m, true);
    assert_int_equal(count_at(json, "attachments"), 10);
    assert_string_equal(text_at(json, "attachments.1.id"), "2");
    assert_string_equal(text_at(json, "attachments.2.id"), "0");
    assert_string_equal(text_at(json, "attachments.9.id"), "7");
}

/* ---- fingerprint ---------------------------------------------------------------------------- */

static struct message *sample(int change)
{
    struct message *m = message_new();
    const struct select_option option = {.label = "a", .value = change == 8 ? "b" : "a"};

    message_content(m, change == 1 ? "d" : "c");
    message_embed(m, change == 2 ? "T" : "t", change == 3 ? "D" : "d", change == 4 ? 2 : 1);
    message_field(m, "n", change == 5 ? "V" : "v", change == 6);
    message_footer(m, change == 7 ? "F" : "f");
    message_select(m, &cancel, NULL, &option, 1);
    message_button(m, BUTTON_PRIMARY, "l", NULL, &cancel, change == 9);
    if (change != 10) {
        message_keep_file(m, change == 11 ? "6" : "5");
    }
    assert_true(message_file(m, change == 12 ? "B" : "b", "image/png",
                             bytes_new(span_of(change == 14 ? "other" : "same")), NULL, false));
    if (change == 13) {
        message_mention(m, "1");
    }
    if (change == 15) {
        message_nonce(m, "n");
        message_reply_to(m, NULL);
        message_ephemeral(m);
    }
    return m;
}

static void test_fingerprint(void **state)
{
    AUTO(message_free_ptr) struct message *first = sample(0);
    uint64_t seen[14] = {message_fingerprint(first)};

    (void)state;
    assert_true(message_fingerprint(first) == seen[0]);
    for (int change = 0; change <= 15; change++) {
        AUTO(message_free_ptr) struct message *m = sample(change);
        bool is_shown = change >= 1 && change <= 13;

        if ((message_fingerprint(m) != seen[0]) != is_shown) {
            fail_msg("change %d", change);
        }
        if (is_shown) {
            seen[change] = message_fingerprint(m);
        }
        for (int other = 1; other < change && is_shown; other++) {
            assert_true(seen[other] != seen[change]);
        }
    }
}

/* ---- modals --------------------------------------------------------------------------------- */

static void test_modal(void **state)
{
    const struct modal_input input[] = {
        {.custom_id = "prompt",
         .label = "Prompt",
         .value = "a cat",
         .placeholder = "what to see",
         .max = 2000,
         .is_long = true,
         .is_required = true},
        {.custom_id = "steps", .label = " ", .value = "", .placeholder = " ", .max = 3},
    };
    AUTO(json_delete_ptr) cJSON *json = modal_tree(&cancel, "Change", input, COUNT_OF(input));
    AUTO(free_ptr) char *text = cJSON_PrintUnformatted(json);

    (void)state;
    assert_string_equal(
        text, "{\"custom_id\":\"v1:cn:-:0\",\"title\":\"Change\",\"components\":["
              "{\"type\":18,\"label\":\"Prompt\",\"component\":{\"type\":4,\"custom_id\":"
              "\"prompt\",\"style\":2,\"required\":true,\"max_length\":2000,\"value\":\"a cat\","
              "\"placeholder\":\"what to see\"}},"
              "{\"type\":18,\"label\":\"steps\",\"component\":{\"type\":4,\"custom_id\":\"steps\","
              "\"style\":1,\"required\":false,\"max_length\":3}}]}");
}

static void test_modal_limits(void **state)
{
    static const struct {
        int max;
        int told;
    } rows[] = {{-1, 1}, {0, 1}, {1, 1}, {4000, 4000}, {4001, 4000}, {INT32_MAX, 4000}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct modal_input one = {.custom_id = "x",
                                        .label = letters('l', 46),
                                        .value = letters('v', 4001),
                                        .placeholder = letters('p', 101),
                                        .max = rows[i].max};
        const struct modal_input input[] = {one, one, one, one, one, one};
        AUTO(json_delete_ptr) cJSON *json = NULL;

        json = modal_tree(&cancel, letters('t', 46), input, COUNT_OF(input));
        assert_int_equal(text_count(text_at(json, "title")), 45);
        assert_int_equal(count_at(json, "components"), 5);
        assert_int_equal(text_count(text_at(json, "components.4.label")), 45);
        assert_int_equal(at(json, "components.4.component.max_length")->valueint, rows[i].told);
        assert_int_equal(text_count(text_at(json, "components.4.component.value")), rows[i].told);
        assert_int_equal(text_count(text_at(json, "components.4.component.placeholder")), 100);
    }
}

static void test_modal_without_a_title(void **state)
{
    AUTO(json_delete_ptr) cJSON *json = modal_tree(&cancel, " ", NULL, 0);

    (void)state;
    assert_string_equal(text_at(json, "title"), "Settings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_all_parts),
        cmocka_unit_test(test_edit_has_no_reply),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_embed_limits),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_counts_of_embeds),
        cmocka_unit_test(test_empty_parts),
        cmocka_unit_test(test_chars_of_all_embeds),
        cmocka_unit_test(test_chars_of_names_alone),
        cmocka_unit_test(test_chars_that_count_two),
        cmocka_unit_test(test_rows_of_buttons),
        cmocka_unit_test(test_button_limits),
        cmocka_unit_test(test_link_buttons),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_select_has_a_row_of_its_own),
        cmocka_unit_test(test_select_of_many),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_ten_files),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_modal),
        cmocka_unit_test(test_modal_limits),
        cmocka_unit_test(test_modal_without_a_title),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
