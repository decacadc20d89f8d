/* test_host_list.c - by which names the gateway may be called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "http/host_list.h"

#define HOSTS_MAX 12

static void test_allowed_and_not(void **state)
{
    static struct {
        char mode[12];
        char listen[32];
        char hosts[64];
        const char *yes[HOSTS_MAX];
        const char *no[HOSTS_MAX];
    } rows[] = {
        {"loopback",
         "127.0.0.1:8090",
         "",
         {"localhost", "LOCALHOST:1", "127.0.0.1:8090", "127.9.9.9", "[::1]:8090"},
         {"", "evil.example", "localhost.evil.example", "192.168.1.5", "[::2]", "0.0.0.0"}},
        {"loopback",
         "127.0.0.1:8090",
         "gate.example",
         {"localhost", "gate.example", "Gate.Example:443"},
         {"evil.example", "192.168.1.5", "a.gate.example", "gate.example.evil", "gate.example."}},
        {"keys",
         "127.0.0.1:8090",
         "",
         {"localhost:8090", "127.0.0.1"},
         {"", "evil.example", "192.168.1.5"}},
        {"keys",
         "192.168.1.5:8090",
         "",
         {"localhost", "192.168.1.5", "192.168.1.5:80"},
         {"192.168.1.6", "evil.example"}},
        {"keys", "gate.lan:8090", "", {"gate.lan", "GATE.lan:1"}, {"192.168.1.5", "gate"}},
        {"keys",
         "[2001:db8::1]:8090",
         "",
         {"[2001:db8::1]", "[2001:db8::1]:8090"},
         {"[2001:db8::2]"}},
        {"keys",
         "0.0.0.0:8090",
         "a.example, b.example,10.0.0.1",
         {"a.example", "b.example:8090", "10.0.0.1", "192.168.1.5:8090", "[2001:db8::1]:8090"},
         {"", "c.example", "1.2.3", "1.2.3.4.example", "[x]", "a.example b.example",
          "a.example,b.example"}},
        {"keys", "[::]:8090", "", {"192.168.1.5", "[2001:db8::1]"}, {"evil.example"}},
        {"keys", ":8090", " , ", {"192.168.1.5"}, {"evil.example", ","}},
        {"keys",
         "127.0.0.1:1",
         "[2001:db8::7]:443",
         {"[2001:db8::7]", "[2001:db8::7]:80"},
         {"[2001:db8::8]"}},
        {"off", "0.0.0.0:8090", "", {"evil.example", "192.168.1.5", ""}, {NULL}},
        {"off", "0.0.0.0:8090", "gate.example", {"gate.example", "192.168.1.5"}, {"evil.example"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config c = {.auth_mode = rows[i].mode,
                           .server_listen = rows[i].listen,
                           .server_hosts = rows[i].hosts};
        struct host_list *l = NULL;
        struct err e = ERR_INIT;

        assert_int_equal(host_list_new(&c, &l, &e), ERR_NONE);
        for (size_t h = 0; h < HOSTS_MAX && rows[i].yes[h] != NULL; h++) {
            if (!host_list_allows(l, span_of(rows[i].yes[h]))) {
                fail_msg("row %zu: \"%s\" should be allowed", i, rows[i].yes[h]);
            }
        }
        for (size_t h = 0; h < HOSTS_MAX && rows[i].no[h] != NULL; h++) {
            if (host_list_allows(l, span_of(rows[i].no[h]))) {
                fail_msg("row %zu: \"%s\" should not be allowed", i, rows[i].no[h]);
            }
        }
        assert_true(strlen(host_list_refusal(l)) > 20);
        host_list_free(l);
    }
    host_list_free(NULL);
}

static void test_lists_that_are_none(void **state)
{
    static char BAD[][24] = {"a/b",       "http://a.example", "a b",
                             "*.example", "a,b\"c",           "\xc3\xa4.example"};

    char mode[] = "keys";
    char listen[] = "127.0.0.1:1";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct config c = {.auth_mode = mode, .server_listen = listen, .server_hosts = BAD[i]};
        struct host_list *l = NULL;
        struct err e = ERR_INIT;

        if (host_list_new(&c, &l, &e) != ERR_INVALID_PARAMETER) {
            fail_msg("%s", BAD[i]);
        }
        assert_memory_equal(e.detail, "server_hosts: \"", 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed_and_not),
        cmocka_unit_test(test_lists_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
