#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "net/ws_url.h"

static void test_good(void **state)
{
    static const struct {
        const char *url;
        bool is_tls;
        const char *host;
        const char *authority;
        const char *path;
        int port;
    } rows[] = {
        {"ws://a.example", false, "a.example", "a.example", "/", 80},
        {"wss://a.example", true, "a.example", "a.example", "/", 443},
        {"http://a.example:8188/", false, "a.example", "a.example:8188", "/", 8188},
        {"https://a.example/ws?x=1", true, "a.example", "a.example", "/ws?x=1", 443},
        {"WSS://A.example/?v=10&encoding=json", true, "A.example", "A.example",
         "/?v=10&encoding=json", 443},
        {"wss://a.example?v=10", true, "a.example", "a.example", "/?v=10", 443},
        {"ws://a.example/p#part", false, "a.example", "a.example", "/p", 80},
        {"ws://a.example#part", false, "a.example", "a.example", "/", 80},
        {"ws://127.0.0.1:65535", false, "127.0.0.1", "127.0.0.1:65535", "/", 65535},
        {"ws://[::1]/x", false, "::1", "[::1]", "/x", 80},
        {"ws://[::1]:81/x", false, "::1", "[::1]:81", "/x", 81},
        {"ws://a/x:1@2", false, "a", "a", "/x:1@2", 80},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ws_url u;

        if (!ws_url_read(&u, rows[i].url)) {
            fail_msg("%s is refused", rows[i].url);
        }
        assert_int_equal(u.is_tls, rows[i].is_tls);
        assert_string_equal(u.host, rows[i].host);
        assert_string_equal(u.authority, rows[i].authority);
        assert_string_equal(u.path, rows[i].path);
        assert_int_equal(u.port, rows[i].port);
        ws_url_clear(&u);
    }
}

static void test_bad(void **state)
{
    static const char *const rows[] = {
        "",
        "a.example",
        "ftp://a.example",
        "ws:/a.example",
        "ws://",
        "ws:///path",
        "ws://:80/",
        "ws://a.example:",
        "ws://a.example:0",
        "ws://a.example:65536",
        "ws://a.example:000080",
        "ws://a.example:8o",
        "ws://a.example:-1",
        "ws://user@a.example",
        "ws://user:word@a.example/",
        "ws://a.example\\@b.example/",
        "ws://::1/",
        "ws://[::1",
        "ws://[]/",
        "ws://::1]/",
        "ws://[::1]x/",
        "ws://x[::1]:80/",
        "ws://a.example/a b",
        "ws://a.example/a\r\nX: y",
        "ws://a.example/\x7f",
        " ws://a.example/",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ws_url u = {.port = 7};

        if (ws_url_read(&u, rows[i])) {
            fail_msg("%s is taken", rows[i]);
        }
        assert_int_equal(u.port, 7);
        assert_null(u.host);
    }
}

static void test_length(void **state)
{
    char url[4098] = "ws://a/";
    struct ws_url u = {.port = 0};

    (void)state;
    memset(url + 7, 'x', 4096 - 7);
    assert_true(ws_url_read(&u, url));
    ws_url_clear(&u);
    url[4096] = 'x';
    assert_false(ws_url_read(&u, url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
