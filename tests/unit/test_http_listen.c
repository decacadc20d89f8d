#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "http/listen.h"

static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        bool is_loopback_only;
        const char *url; /* its beginning; NULL = refused */
    } rows[] = {
        {"127.0.0.1:0", true, "http://127.0.0.1:"},
        {"127.0.0.9:0", true, "http://127.0.0.9:"},
        {"localhost:0", true, "http://"},
        {"0.0.0.0:0", false, "http://0.0.0.0:"},
        {"0.0.0.0:0", true, NULL},
        {":0", true, NULL},
        {"127.0.0.1", true, NULL},
        {"127.0.0.1:", true, NULL},
        {"127.0.0.1:x", true, NULL},
        {"127.0.0.1:65536", true, NULL},
        {"127.0.0.1:-1", true, NULL},
        {"::1:0", true, NULL},
        {"", true, NULL},
        {"no.such.host.invalid:0", true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(file_close) int fd = -1;
        AUTO(free_ptr) char *url = NULL;
        struct err e = ERR_INIT;
        enum errc code = listen_open(rows[i].address, rows[i].is_loopback_only, &fd, &url, &e);

        if ((code == ERR_NONE) != (rows[i].url != NULL)) {
            fail_msg("%s: %s", rows[i].address, e.detail);
        }
        if (code != ERR_NONE) {
            assert_true(fd == -1 && url == NULL);
            assert_true(rows[i].address[0] == '\0' || strstr(e.detail, rows[i].address) != NULL);
        } else if (strncmp(url, rows[i].url, strlen(rows[i].url)) != 0 ||
                   strstr(url, ":0") != NULL) {
            fail_msg("%s: %s", rows[i].address, url);
        }
    }
}

static void test_a_port_that_is_taken(void **state)
{
    AUTO(file_close) int first = -1;
    AUTO(file_close) int second = -1;
    AUTO(free_ptr) char *url = NULL;
    AUTO(free_ptr) char *none = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", true, &first, &url, &e), ERR_NONE);
    assert_int_equal(listen_open(url + strlen("http://"), true, &second, &none, &e),
                     ERR_INTERNAL_ERROR);
    assert_non_null(strstr(e.detail, "another program"));
    assert_non_null(strstr(e.detail, url + strlen("http://")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_a_port_that_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
