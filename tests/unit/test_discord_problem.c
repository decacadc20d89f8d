#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/problem.h"

static const struct {
    int status;
    int64_t retry_after_s;
    const char *problem;
    const char *sentence;
} cases[] = {
    {503, 30, "{\"code\":\"queue_full\"}",
     "Too many pictures are waiting already. Please try again in 30 s."},
    {429, -1, "{\"code\":\"rate_limited\"}",
     "That was too much at once. Please try again in 1 min."},
    {429, 7200, "{\"code\":\"quota_exceeded\",\"detail\":\"100 jobs a day.\"}",
     "You have used up what you may: 100 jobs a day. Please try again in 2 h."},
    {401, -1, "{\"code\":\"unauthorized\",\"detail\":\"x\"}",
     "The picture service does not accept this bot's key. Whoever runs the bot has to look at it."},
    {507, -1, "{\"code\":\"insufficient_storage\"}",
     "The picture service has no room left on its disk. Whoever runs it has to make some."},
    {422, -1, "{\"code\":\"template_unavailable\",\"detail\":\"gpu0 lacks the node X\"}",
     "This model cannot be used just now: gpu0 lacks the node X."},
    {422, -1,
     "{\"code\":\"validation_error\",\"detail\":\"d\",\"errors\":[{\"pointer\":\"/input/"
     "steps\",\"detail\":\"must be at most 150\"}]}",
     "Steps must be at most 150."},
    {422, -1,
     "{\"code\":\"validation_error\",\"errors\":[{\"pointer\":\"/input/loras/0/strength\","
     "\"detail\":\"must be at most 2\"},{\"pointer\":\"/input/negative_prompt\",\"detail\":\"is "
     "not "
     "known here\"}]}",
     "Loras 1 strength must be at most 2. Negative prompt is not known here."},
    {422, -1,
     "{\"code\":\"validation_error\",\"errors\":[{\"pointer\":\"/input/a\",\"detail\":\"x\"},"
     "{\"pointer\":\"/input/b\",\"detail\":\"x\"},{\"pointer\":\"/input/c\",\"detail\":\"x\"},"
     "{\"pointer\":\"/input/d\",\"detail\":\"x\"}]}",
     "A x. B x. C x. There is more that does not fit."},
    {400, -1,
     "{\"code\":\"invalid_parameter\",\"errors\":[{\"parameter\":\"limit\",\"detail\":\"must be "
     "1\"}]}",
     "limit must be 1."},
    {422, -1, "{\"code\":\"validation_error\",\"detail\":\"The body is odd\"}",
     "That does not work: The body is odd."},
    {422, -1, "{\"code\":\"of_tomorrow\",\"title\":\"Something new\"}",
     "That does not work: Something new."},
    {500, -1, "{\"code\":\"internal_error\",\"detail\":\"secret\",\"request_id\":\"req-1\"}",
     "Something went wrong in the picture service (request req-1)."},
    {502, -1, "", "Something went wrong in the picture service (status 502)."},
    {404, -1, "[]", "Something went wrong in the picture service (status 404)."},
    {404, -1, "{\"code\":7,\"detail\":[],\"errors\":{\"a\":1}}",
     "Something went wrong in the picture service (status 404)."},
};

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_clear) struct buf out = BUF_INIT(4096);
        cJSON *problem = cJSON_Parse(cases[i].problem);

        problem_sentence(&out, cases[i].status, problem, cases[i].retry_after_s);
        cJSON_Delete(problem);
        assert_string_equal(buf_str(&out), cases[i].sentence);
    }
}

/* What a stranger typed comes back in details: it pings nobody, formats nothing and does not fill the screen. */
static void test_hostile_detail(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(65536);
    cJSON *problem = cJSON_CreateObject();
    cJSON *errors = cJSON_AddArrayToObject(problem, "errors");
    char longest[5000];

    (void)state;
    memset(longest, '*', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "@everyone ", 10);
    (void)cJSON_AddStringToObject(problem, "code", "validation_error");
    for (int i = 0; i < 10; i++) {
        cJSON *item = cJSON_CreateObject();

        (void)cJSON_AddStringToObject(item, "pointer", longest);
        (void)cJSON_AddStringToObject(item, "detail", longest);
        (void)cJSON_AddItemToArray(errors, item);
    }
    problem_sentence(&out, 422, problem, -1);
    cJSON_Delete(problem);
    assert_true(out.len < 2000);
    assert_null(strstr(buf_str(&out), "@everyone"));
    assert_null(strstr(buf_str(&out), "***"));
}

static void test_unanswered(void **state)
{
    AUTO(buf_clear) struct buf read = BUF_INIT(1024);
    AUTO(buf_clear) struct buf nothing = BUF_INIT(1024);
    AUTO(buf_clear) struct buf doubt = BUF_INIT(1024);

    (void)state;
    problem_unanswered(&read, UNANSWERED_READ);
    problem_unanswered(&nothing, UNANSWERED_NOTHING);
    problem_unanswered(&doubt, UNANSWERED_IN_DOUBT);
    assert_null(strstr(buf_str(&read), "started"));
    assert_string_equal(buf_str(&nothing),
                        "The picture service cannot be reached just now. Nothing "
                        "was started; please try again in a minute.");
    assert_null(strstr(buf_str(&doubt), "Nothing was started"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_hostile_detail),
        cmocka_unit_test(test_unanswered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
