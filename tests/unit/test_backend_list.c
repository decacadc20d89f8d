#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/backend_list.h"

static void test_good(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *name; /* of the last one */
        const char *url;
    } rows[] = {
        {"gpu0=http://127.0.0.1:8188", 1, "gpu0", "http://127.0.0.1:8188"},
        {"gpu0=http://127.0.0.1:8188/", 1, "gpu0", "http://127.0.0.1:8188"},
        {"a=http://h,b=https://h:8443/comfy/one//", 2, "b", "https://h:8443/comfy/one"},
        {" a = http://h , b = http://i ", 2, "b", "http://i"},
        {"a=http://h,", 1, "a", "http://h"},
        {"0-_z=http://h", 1, "0-_z", "http://h"},
        {"a=http://[::1]:8188/x", 1, "a", "http://[::1]:8188/x"},
        {"a=http://[fe80::1.2.3.4]", 1, "a", "http://[fe80::1.2.3.4]"},
        {"a=http://my_host.local:1", 1, "a", "http://my_host.local:1"},
        {"a=http://h:65535/p=q", 1, "a", "http://h:65535/p=q"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct backend_list list;
        struct err e = ERR_INIT;

        assert_int_equal(backend_list_parse(rows[i].text, &list, &e), ERR_NONE);
        assert_int_equal(list.count, rows[i].count);
        assert_string_equal(list.item[list.count - 1].name, rows[i].name);
        assert_string_equal(list.item[list.count - 1].url, rows[i].url);
        assert_ptr_equal(backend_list_find(&list, rows[i].name), &list.item[list.count - 1]);
        assert_null(backend_list_find(&list, "nobody"));
        backend_list_clear(&list);
        backend_list_clear(&list);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        const char *said; /* a part of the sentence */
    } rows[] = {
        {"", "at least one"},
        {"  ", "at least one"},
        {",", "\"\" is not name=url"},
        {"http://h", "\"http://h\" is not name=url"},
        {"a=http://h,,b=http://h", "\"\" is not name=url"},
        {"A=http://h", "\"A=http://h\" is not"},
        {"-a=http://h", "is not name=url"},
        {"a b=http://h", "is not name=url"},
        {"=http://h", "is not name=url"},
        {"a", "\"\" of \"a\" must begin with http://"},
        {"a=", "must begin with http://"},
        {"a=ftp://h", "must begin with http://"},
        {"a=HTTP://h", "must begin with http://"},
        {"a=http://", "must begin with http://"},
        {"a=http:///x", "must name a host"},
        {"a=http://:80", "must name a host"},
        {"a=http://h:", "must name a host"},
        {"a=http://h:0", "must name a host"},
        {"a=http://h:65536", "must name a host"},
        {"a=http://h:8x", "must name a host"},
        {"a=http://h h", "must name a host"},
        {"a=http://::1", "must name a host"},
        {"a=http://[::1", "must name a host"},
        {"a=http://[]", "must name a host"},
        {"a=http://h\xc3\xa9", "must name a host"},
        {"a=http://u:p@h", "user name"},
        {"a=http://h/x?y", "query"},
        {"a=http://h/x#y", "query"},
        {"a=http://h/x y", "spaces"},
        {"a=http://h,a=http://i", "\"a\" is given more than once"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct backend_list list = {.count = 77};
        struct err e = ERR_INIT;

        assert_int_equal(backend_list_parse(rows[i].text, &list, &e), ERR_INVALID_PARAMETER);
        assert_int_equal(list.count, 77);
        if (strstr(e.detail, rows[i].said) == NULL) {
            fail_msg("\"%s\" gave: %s", rows[i].text, e.detail);
        }
    }
}

static void test_limits(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 20);
    AUTO(free_ptr) char *name = xmalloc(65);
    AUTO(free_ptr) char *path = xmalloc(2001);
    struct backend_list list;
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < BACKENDS_MAX; i++) {
        (void)buf_appendf(&text, "%sg%d=http://h:%d", i > 0 ? "," : "", i, i + 1);
    }
    assert_int_equal(backend_list_parse(buf_str(&text), &list, &e), ERR_NONE);
    assert_int_equal(list.count, BACKENDS_MAX);
    backend_list_clear(&list);
    (void)buf_append_str(&text, ",last=http://h");
    assert_int_equal(backend_list_parse(buf_str(&text), &list, &e), ERR_INVALID_PARAMETER);

    memset(name, 'n', 64);
    name[64] = '\0';
    buf_reset(&text);
    (void)buf_appendf(&text, "%s=http://h", name + 1);
    assert_int_equal(backend_list_parse(buf_str(&text), &list, &e), ERR_NONE);
    backend_list_clear(&list);
    buf_reset(&text);
    (void)buf_appendf(&text, "%s=http://h", name);
    assert_int_equal(backend_list_parse(buf_str(&text), &list, &e), ERR_INVALID_PARAMETER);

    memset(path, 'p', 2000);
    path[2000] = '\0';
    buf_reset(&text);
    (void)buf_appendf(&text, "a=http://h/%s", path);
    assert_int_equal(backend_list_parse(buf_str(&text), &list, &e), ERR_INVALID_PARAMETER);
    assert_non_null(strstr(e.detail, "too long"));
}

static void test_tags(void **state)
{
    static const struct {
        const char *wanted;
        const char *who; /* by the first letters of their names */
    } rows[] = {
        {NULL, "abc"},           {"a", "a"},
        {"tag:large", "ab"},     {"tag:fast", "bc"},
        {"tag:large+fast", "b"}, {"tag:fast+large", "b"},
        {"tag:small", ""},       {"tag:", ""},
        {"tag:large+", "ab"},    {"tag:+large", ""},
        {"large", ""},           {"nobody", ""},
    };
    AUTO(backend_list_clear) struct backend_list list = {NULL, 0};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(backend_list_parse("a=http://h,b=http://i,c=http://j", &list, &e), ERR_NONE);
    assert_int_equal(backend_list_tag(&list, " a=large, b = large + fast+large ,c=fast", &e),
                     ERR_NONE);
    assert_int_equal(list.item[1].tag_count, 2);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char who[4] = "";

        for (size_t j = 0, n = 0; j < list.count; j++) {
            if (backend_is_wanted(&list.item[j], rows[i].wanted)) {
                who[n++] = list.item[j].name[0];
            }
        }
        assert_string_equal(who, rows[i].who);
        assert_int_equal(backend_list_has(&list, rows[i].wanted), who[0] != '\0');
    }
}

static void test_bad_tags(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"x=large", "\"x\" is not a name"},
        {"large", "\"large\" is not a name"},
        {"a=large,a=fast", "\"a\" is given more than once"},
        {"a=", "\"\" of \"a\" is not a tag"},
        {"a=large++fast", "\"\" of \"a\" is not a tag"},
        {"a=Large", "\"Large\" of \"a\" is not a tag"},
        {"a=1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17", "\"a\" has more than 16"},
    };
    AUTO(backend_list_clear) struct backend_list list = {NULL, 0};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(backend_list_parse("a=http://h", &list, &e), ERR_NONE);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(backend_list_tag(&list, rows[i].text, &e), ERR_INVALID_PARAMETER);
        if (strstr(e.detail, rows[i].said) == NULL) {
            fail_msg("\"%s\" gave: %s", rows[i].text, e.detail);
        }
        assert_int_equal(list.item[0].tag_count, 0);
    }
    assert_int_equal(backend_list_tag(&list, "", &e), ERR_NONE);
    assert_int_equal(backend_list_tag(&list, "a=large", &e), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_bad),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tags), cmocka_unit_test(test_bad_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
