#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/receiver.h"
#include "forbidden_urls.h"

static struct receiver_policy *policy(const char *allow, const char *own)
{
    char text[200];
    struct config config = {.webhook_allow = text};
    const char *const owns[] = {own};
    struct receiver_policy *p = NULL;
    struct err e = ERR_INIT;

    (void)snprintf(text, sizeof text, "%s", allow);
    if (receiver_policy_new(&config, owns, own != NULL ? 1 : 0, &p, &e) != ERR_NONE) {
        fail_msg("%s", e.detail);
    }
    return p;
}

static bool may_connect(const struct receiver_policy *p, const char *address, uint16_t port,
                        const char **why)
{
    struct url_target target = {.port = port};
    struct receiver_call call;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct err e = ERR_INIT;
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    bool is_fine = false;

    assert_true(is_v4 || inet_pton(AF_INET6, address, &v6.sin6_addr) == 1);
    assert_int_equal(receiver_call_begin(p, &target, &call, &e), ERR_NONE);
    is_fine = is_v4 ? receiver_may_connect(&call, (struct sockaddr *)&v4, sizeof v4)
                    : receiver_may_connect(&call, (struct sockaddr *)&v6, sizeof v6);
    assert_int_equal(call.was_refused, !is_fine);
    *why = receiver_refusal(&call);
    receiver_call_end(&call);
    return is_fine;
}

/* What may be connected to, whatever name has led there. */
static void test_addresses(void **state)
{
    static const struct {
        const char *allow;
        const char *address;
        uint16_t port;
        bool is_fine;
    } ROWS[] = {
        {"", "93.184.216.34", 443, true},
        {"", "93.184.216.34", 8080, true},
        {"", "2606:2800:220:1::1", 443, true},
        {"", "127.0.0.1", 443, false},
        {"", "10.0.0.1", 443, false},
        {"", "169.254.169.254", 80, false},
        {"", "::1", 443, false},
        {"", "::ffff:127.0.0.1", 443, false},
        {"", "64:ff9b::a00:1", 443, false},
        {"", "fd00:ec2::254", 80, false},
        {"", "0.0.0.0", 443, false},
        {"127.0.0.1", "127.0.0.1", 443, true},
        {"127.0.0.1", "127.0.0.2", 443, false},
        {"127.0.0.1", "::1", 443, false},
        {"127.0.0.1", "127.0.0.1", 8188, false}, /* ours */
        {"0.0.0.0/0,::/0", "127.0.0.1", 8188, false},
        {"0.0.0.0/0,::/0", "::1", 8188, false},
        {"0.0.0.0/0,::/0", "0.0.0.0", 443, false},
        {"10.1.0.0/16", "10.1.2.3", 9000, true},
        {"10.1.0.0/16", "10.2.2.3", 9000, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct receiver_policy *p = policy(ROWS[i].allow, "http://127.0.0.1:8188");
        const char *why = NULL;

        if (may_connect(p, ROWS[i].address, ROWS[i].port, &why) != ROWS[i].is_fine) {
            fail_msg("%s with %s", ROWS[i].address, ROWS[i].allow);
        }
        if (!ROWS[i].is_fine) {
            assert_non_null(strstr(why, ROWS[i].port == 8188 ? "ComfyUI" : "webhook_allow"));
        }
        receiver_policy_free(p);
    }
}

static void test_what_is_no_address(void **state)
{
    struct receiver_policy *p = policy("", NULL);
    struct receiver_call call;
    struct sockaddr odd = {.sa_family = AF_UNIX};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(receiver_call_begin(p, &(struct url_target){.port = 1}, &call, &e), ERR_NONE);
    assert_false(receiver_may_connect(&call, &odd, sizeof odd));
    assert_true(call.was_refused);
    receiver_call_end(&call);
    receiver_policy_free(p);
}

/* None of the hosts that are this machine or another's inside is taken by its number or by localhost; what
 * is left are names, of which only a look-up tells. */
static void test_forbidden_hosts(void **state)
{
    static const char *const PUBLIC[] = {"8.8.8.8", "134744072", "[2001:4860:4860::8888]"};
    struct receiver_policy *p = policy("", NULL);
    size_t refused = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(FORBIDDEN_HOSTS); i++) {
        AUTO(free_ptr) char *url = xasprintf("http://%s:9/", FORBIDDEN_HOSTS[i]);
        struct url_target target = {.port = 0};
        struct err e = ERR_INIT;
        bool is_public = false;

        for (size_t k = 0; k < COUNT_OF(PUBLIC); k++) {
            is_public |= strcmp(FORBIDDEN_HOSTS[i], PUBLIC[k]) == 0;
        }
        if (receiver_check(p, url, &target, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_URL_NOT_ALLOWED);
            assert_false(is_public);
            refused++;
        } else if (!is_public) {
            struct address a;

            /* Another spelling of a public number, or a name that no resolver takes for loopback. */
            if (address_from_text(target.host, &a)
                    ? address_judge(&a, &(struct address_rules){.allow = NULL}) != ADDRESS_PUBLIC
                    : target.host[0] == '[' || strstr(target.host, "localhost") != NULL) {
                fail_msg("%s", FORBIDDEN_HOSTS[i]);
            }
        }
    }
    assert_true(refused > 100);
    receiver_policy_free(p);
}

static void test_urls(void **state)
{
    static const struct {
        const char *allow;
        const char *url;
        const char *says; /* NULL = taken */
    } ROWS[] = {
        {"", "https://example.com/hook?a=b", NULL},
        {"", "http://example.com:8080/", NULL},
        {"", "https://93.184.216.34/", NULL},
        {"", "http://localhost:9/", "webhook_allow"},
        {"", "http://LOCALHOST./", "webhook_allow"},
        {"", "http://a.localhost/", "webhook_allow"},
        {"127.0.0.0/8", "http://localhost:9/", NULL},
        {"127.0.0.0/8", "http://127.1:9/", NULL},
        {"192.168.0.0/16", "http://192.168.7.7:9000/hook", NULL},
        {"", "http://192.168.7.7:9000/hook", "webhook_allow"},
        {"", "http://[::1]/", "webhook_allow"},
        {"", "https://u@example.com/", "user name"},
        {"", "ftp://example.com/", "https:// or http://"},
        {"", "example.com", "https:// or http://"},
        {"", "https://example.com:0/", "port"},
        {"", "", "no characters"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct receiver_policy *p = policy(ROWS[i].allow, NULL);
        struct url_target target;
        struct err e = ERR_INIT;
        enum errc rc = receiver_check(p, ROWS[i].url, &target, &e);

        if ((rc == ERR_NONE) != (ROWS[i].says == NULL) ||
            (rc != ERR_NONE && strstr(e.detail, ROWS[i].says) == NULL)) {
            fail_msg("%s: %s", ROWS[i].url, e.detail);
        }
        receiver_policy_free(p);
    }
}

static void test_own_server_told_later(void **state)
{
    struct receiver_policy *p = policy("127.0.0.1", "127.0.0.1:0");
    const char *why = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_true(may_connect(p, "127.0.0.1", 4711, &why));
    assert_int_equal(receiver_policy_add_own(p, "http://127.0.0.1:4711", &e), ERR_NONE);
    assert_false(may_connect(p, "127.0.0.1", 4711, &why));
    receiver_policy_free(p);
    receiver_policy_free(NULL);
}

static void test_bad_setting(void **state)
{
    char text[] = "127.0.0.1,everything";
    struct config config = {.webhook_allow = text};
    struct receiver_policy *p = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(receiver_policy_new(&config, NULL, 0, &p, &e), ERR_INVALID_PARAMETER);
    assert_non_null(strstr(e.detail, "webhook_allow: \"everything\""));
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_forbidden_hosts),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_own_server_told_later),
        cmocka_unit_test(test_bad_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
