#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

static int real_stderr;
static int ends[2];

static int catch_stderr(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    return real_stderr >= 0 && pipe(ends) == 0 ? 0 : -1;
}

static int release_stderr(void **state)
{
    (void)state;
    (void)close(real_stderr);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

/* Only while a line is written: cmocka, too, writes to stderr. */
static void begin(void)
{
    (void)dup2(ends[1], STDERR_FILENO);
}

static char *end(void)
{
    static char text[16384];
    ssize_t got;

    (void)dup2(real_stderr, STDERR_FILENO);
    /* A line of its own, so that an empty log does not block. */
    (void)!write(ends[1], ".", 1);
    got = read(ends[0], text, sizeof text - 1);
    text[got > 0 ? got - 1 : 0] = '\0';
    return text;
}

static void test_text(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        const char *written;
    } rows[] = {
        {"plain", "gpu0", "v=gpu0\n"},
        {"empty", "", "v=\"\"\n"},
        {"space", "a b", "v=\"a b\"\n"},
        {"quote", "a\"b\\", "v=\"a\\\"b\\\\\"\n"},
        {"looks like a field", "a=b", "v=\"a=b\"\n"},
        {"second line", "a\n2023 ERROR fake", "v=\"a\\x0a2023 ERROR fake\"\n"},
        {"terminal", "\x1b[31mred\x7f", "v=\"\\x1b[31mred\\x7f\"\n"},
        {"C1",
         "\xc2\x9b"
         "31m",
         "v=\"\\xc2\\x9b31m\"\n"},
        {"UTF-8", "\xc3\xa4", "v=\"\xc3\xa4\"\n"},
        {"bad UTF-8", "\xff\xc3", "v=\"\\xff\\xc3\"\n"},
    };

    (void)state;
    log_setup(LOG_TEXT, LOG_INFO);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text;

        begin();
        log_info("event", LOG_S("v", rows[i].value));
        text = end();
        if (strlen(text) < 37 || strncmp(text + 24, " INFO  event ", 13) != 0 ||
            strcmp(text + 37, rows[i].written) != 0) {
            fail_msg("%s: %s", rows[i].name, text);
        }
    }
}

static void test_levels(void **state)
{
    (void)state;
    log_setup(LOG_TEXT, LOG_WARN);
    begin();
    log_debug("a");
    log_info("b");
    assert_string_equal(end(), "");
    begin();
    log_warn("c", LOG_I("n", -5));
    assert_non_null(strstr(end(), "Z WARN  c n=-5\n"));
    begin();
    log_error("d");
    assert_non_null(strstr(end(), "Z ERROR d\n"));
    log_setup(LOG_TEXT, LOG_DEBUG);
    begin();
    log_debug("e");
    assert_non_null(strstr(end(), "Z DEBUG e\n"));
}

static struct json_doc *parse_line(const char *line)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    if (json_parse(span_of(line), JSON_STRICT, (struct json_limits){.depth = 1, .nodes = 1000},
                   &doc, &e) != ERR_NONE) {
        fail_msg("%s: %s", e.detail, line);
    }
    return doc;
}

static void test_json(void **state)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    const char *line;
    int64_t number = 0;

    (void)state;
    log_setup(LOG_JSON, LOG_INFO);
    begin();
    log_warn("job_lost", LOG_S("job", "a\n\"\x1b\xff"), LOG_I("ms", INT64_MIN),
             LOG_S("nothing", (const char *)NULL));
    line = end();
    doc = parse_line(line);
    assert_true(json_str_is(doc, json_get(doc, 0, "lvl"), "warn"));
    assert_true(json_str_is(doc, json_get(doc, 0, "ev"), "job_lost"));
    assert_true(json_str_is(doc, json_get(doc, 0, "job"), "a\n\"\x1b\xef\xbf\xbd"));
    assert_true(json_int(doc, json_get(doc, 0, "ms"), &number));
    assert_true(number == INT64_MIN);
    assert_true(json_str_is(doc, json_get(doc, 0, "nothing"), ""));
    assert_int_equal(json_raw(doc, json_get(doc, 0, "t")).len, 26);
}

/* What is not there has no field; what is empty neither. */
static void test_optional(void **state)
{
    (void)state;
    log_setup(LOG_TEXT, LOG_INFO);
    begin();
    log_info("e", LOG_OPT("a", NULL), LOG_S("b", "x"), LOG_OPT("c", ""), LOG_OPT("d", "y z"));
    assert_non_null(strstr(end(), " INFO  e b=x d=\"y z\"\n"));
    log_setup(LOG_JSON, LOG_INFO);
    begin();
    log_info("e", LOG_OPT("a", NULL), LOG_OPT("b", "x"), LOG_OPT("c", ""));
    assert_non_null(strstr(end(), "\"ev\":\"e\",\"b\":\"x\"}\n"));
    begin();
    log_info("e", LOG_OPT("a", NULL));
    assert_non_null(strstr(end(), "\"ev\":\"e\"}\n"));
}

static void fill_with_controls(char *text, size_t size)
{
    memset(text, '\x01', size - 1);
    text[size - 1] = '\0';
}

/* However long the values are, a line stays one write that a pipe does not split. */
static void test_long_lines(void **state)
{
    static char plain[100000];
    static char controls[100000];
    const char *values[] = {plain, controls};

    (void)state;
    memset(plain, 'x', sizeof plain - 1);
    fill_with_controls(controls, sizeof controls);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = NULL;
        const char *line;
        bool is_cut = false;

        log_setup(LOG_JSON, LOG_INFO);
        begin();
        log_info("long", LOG_I("first", 1), LOG_S("a", values[i]), LOG_S("b", values[i]),
                 LOG_S("c", values[i]), LOG_S("d", values[i]), LOG_S("e", values[i]));
        line = end();
        assert_true(strlen(line) <= 4096);
        doc = parse_line(line);
        assert_true(json_bool(doc, json_get(doc, 0, "cut"), &is_cut));
        assert_int_not_equal(json_get(doc, 0, "first"), JSON_NONE);

        log_setup(LOG_TEXT, LOG_INFO);
        begin();
        log_info("long", LOG_I("first", 1), LOG_S("a", values[i]), LOG_S("b", values[i]),
                 LOG_S("c", values[i]), LOG_S("d", values[i]), LOG_S("e", values[i]));
        line = end();
        assert_true(strlen(line) <= 4096);
        assert_non_null(strstr(line, " first=1 "));
        assert_non_null(strstr(line, " cut=true\n"));
    }
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    log_setup(LOG_TEXT, LOG_INFO);
    begin();
    (void)close(STDERR_FILENO);
    errno = ENOSPC;
    log_info("into nothing");
    assert_int_equal(errno, ENOSPC);
    (void)end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_levels),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_errno_is_kept), cmocka_unit_test(test_optional),
    };

    return cmocka_run_group_tests(tests, catch_stderr, release_stderr);
}
