#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "wire/custom_id.h"

#define JOB     "0198c2a4-7b1e-7c3d-8a4f-1234567890ab"
#define EXTRA47 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ.-_0"

/* Messages keep these codes for ever: one that changes here breaks buttons that people still see. */
static const struct {
    enum press_action action;
    const char *code;
} codes[] = {
    {PRESS_CANCEL, "cn"},
    {PRESS_UPSCALE, "up"},
    {PRESS_EDIT, "ed"},
    {PRESS_EDIT_SEND, "eds"},
    {PRESS_ANIMATE, "an"},
    {PRESS_ANIMATE_SEND, "ans"},
    {PRESS_VARY, "va"},
    {PRESS_AGAIN, "ra"},
    {PRESS_CHANGE, "ch"},
    {PRESS_CHANGE_SEND, "chs"},
    {PRESS_SETTINGS_SHOW, "ss"},
    {PRESS_DELETE, "de"},
    {PRESS_DELETE_YES, "dey"},
    {PRESS_SHOW, "sh"},
    {PRESS_SETUP_MODEL, "sm"},
    {PRESS_SETUP_LORA, "sl"},
    {PRESS_SETUP_STRENGTH, "st"},
    {PRESS_SETUP_EDIT, "se"},
    {PRESS_SETUP_EDIT_SEND, "ses"},
    {PRESS_SETUP_GO, "sg"},
    {PRESS_MENU_SEND, "mes"},
    {PRESS_PREFS, "pf"},
    {PRESS_PREFS_SEND, "pfs"},
};

static struct id job_id(void)
{
    struct id id = ID_NONE;

    assert_true(id_parse(span_of(JOB), &id));
    return id;
}

static void test_codes_are_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct custom_id c = {.action = codes[i].action, .job = job_id(), .output = 2};
        AUTO(free_ptr) char *expected = xasprintf("v1:%s:" JOB ":2", codes[i].code);
        char text[CUSTOM_ID_SIZE];

        assert_string_equal(custom_id_write(&c, text), expected);
    }
}

static void assert_comes_back(const struct custom_id *c)
{
    struct custom_id back = {.action = PRESS_COUNT};
    char text[CUSTOM_ID_SIZE];

    assert_int_equal(custom_id_read(custom_id_write(c, text), &back), CUSTOM_ID_OK);
    assert_int_equal(back.action, c->action);
    assert_string_equal(back.job.text, c->job.text);
    assert_int_equal(back.output, c->output);
    assert_string_equal(back.extra, c->extra);
    assert_true(strlen(text) <= 100);
}

static void test_all_that_is_written_is_read(void **state)
{
    static const int outputs[] = {0, 1, 9, 10, 99, 100, 999};
    static const char *const extras[] = {"", "x", "sdxl-base_1.0", EXTRA47};

    (void)state;
    for (int action = 0; action < PRESS_COUNT; action++) {
        for (size_t o = 0; o < COUNT_OF(outputs) * COUNT_OF(extras) * 2; o++) {
            struct custom_id c = {.action = (enum press_action)action,
                                  .job = o % 2 == 0 ? job_id() : ID_NONE,
                                  .output = outputs[o / 2 % COUNT_OF(outputs)]};
            const char *extra = extras[o / 2 / COUNT_OF(outputs)];

            memcpy(c.extra, extra, strlen(extra) + 1);
            assert_comes_back(&c);
        }
    }
    assert_int_equal(strlen(EXTRA47), CUSTOM_ID_EXTRA - 1);
}

static const struct {
    const char *text;
    enum custom_id_read read;
} strange[] = {
    {"v1:cn:" JOB ":0", CUSTOM_ID_OK},
    {"v1:cn:-:0", CUSTOM_ID_OK},
    {"v1:cn:-:999:x", CUSTOM_ID_OK},
    {"v2:cn:" JOB ":0", CUSTOM_ID_OTHER_VERSION},
    {"v10:cn:" JOB ":0", CUSTOM_ID_OTHER_VERSION},
    {"v1", CUSTOM_ID_OTHER_VERSION},
    {"v0:", CUSTOM_ID_OTHER_VERSION},
    {"", CUSTOM_ID_UNKNOWN},
    {"v", CUSTOM_ID_UNKNOWN},
    {"vx:cn:-:0", CUSTOM_ID_UNKNOWN},
    {"V1:cn:-:0", CUSTOM_ID_UNKNOWN},
    {" v1:cn:-:0", CUSTOM_ID_UNKNOWN},
    {"MJ::JOB::upsample::1::" JOB, CUSTOM_ID_UNKNOWN},
    {"v1:", CUSTOM_ID_UNKNOWN},
    {"v1::-:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn", CUSTOM_ID_UNKNOWN},
    {"v1:cn:", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:", CUSTOM_ID_UNKNOWN},
    {"v1:c:-:0", CUSTOM_ID_UNKNOWN},
    {"v1:cnn:-:0", CUSTOM_ID_UNKNOWN},
    {"v1:CN:-:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn::0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:--:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:0198c2a4-7b1e-7c3d-8a4f-1234567890a:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:0198c2a4-7b1e-7c3d-8a4f-1234567890abc:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:0198C2A4-7B1E-7C3D-8A4F-1234567890AB:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:../../../../../../../../../etc/passwd:0", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:00", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:01", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:-1", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:+1", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-: 1", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1000", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:99999999999999999999", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1x", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:a:b", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:a b", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:a/b", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:\xc3\xa9", CUSTOM_ID_UNKNOWN},
    {"v1:cn:-:1:" EXTRA47 "x", CUSTOM_ID_UNKNOWN},
    {"v1:cn:" JOB ":999:" EXTRA47 "xxxxxxxxxxxxxxx", CUSTOM_ID_UNKNOWN},
};

/* Out is touched only by what is read. */
static void test_what_comes_from_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        struct custom_id out = {.action = PRESS_COUNT, .output = -7};
        enum custom_id_read read = custom_id_read(strange[i].text, &out);

        if (read != strange[i].read) {
            fail_msg("\"%s\" reads as %d", strange[i].text, read);
        }
        assert_int_equal(out.output == -7 && out.action == PRESS_COUNT, read != CUSTOM_ID_OK);
    }
}

/* Longer than Discord allows: nothing of it is believed. */
static void test_too_long(void **state)
{
    char text[4096];
    struct custom_id out;

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "v1:cn:-:1:", 10);
    assert_int_equal(custom_id_read(text, &out), CUSTOM_ID_UNKNOWN);
    memcpy(text, "v2:", 3);
    assert_int_equal(custom_id_read(text, &out), CUSTOM_ID_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_for_ever),
        cmocka_unit_test(test_all_that_is_written_is_read),
        cmocka_unit_test(test_what_comes_from_strangers),
        cmocka_unit_test(test_too_long),
    };

    /* A code without a row above is not kept for ever. */
    bug_if(COUNT_OF(codes) != PRESS_COUNT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
