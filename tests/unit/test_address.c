/* Every range with its edges, every way to carry an IPv4 address, and what beats what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "fetch/address.h"

static const struct address_rules NO_RULES = {.allow = NULL};

static struct address read_address(const char *text)
{
    struct address a;

    if (!address_from_text(text, &a)) {
        fail_msg("%s is no address", text);
    }
    return a;
}

/* From the bytes of a socket address, which keeps what inet_pton would tidy. */
static struct address from_v6(const char *text, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct address a;

    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    assert_true(address_from_socket((const struct sockaddr *)&v6, sizeof v6, &a));
    assert_int_equal(a.port, port);
    return a;
}

static void expect(const char *text, enum address_verdict verdict)
{
    struct address a = read_address(text);

    if (address_judge(&a, &NO_RULES) != verdict) {
        fail_msg("%s is %s", text, verdict == ADDRESS_PUBLIC ? "refused" : "let through");
    }
}

/* The IPv4 address in each of its wrappings. */
static void expect_v4(const char *text, enum address_verdict verdict)
{
    struct address a = read_address(text);

    expect(text, verdict);
    for (size_t i = 0; i < 4; i++) {
        AUTO(free_ptr)
        char *wrapped = i < 2 ? xasprintf("%s%s", i == 0 ? "::ffff:" : "64:ff9b::", text)
                              : xasprintf("2002:%02x%02x:%02x%02x%s", a.byte[0], a.byte[1],
                                          a.byte[2], a.byte[3], i == 2 ? "::" : ":1:2:3:4:5");
        struct address outer = from_v6(wrapped, 443);

        if (address_judge(&outer, &NO_RULES) != verdict) {
            fail_msg("%s: not judged as %s", wrapped, text);
        }
    }
}

/* What is just outside on each side is public, unless it is in another row. */
static void test_ranges_v4(void **state)
{
    static const struct {
        const char *before; /* NULL = there is none, or it is in another row */
        const char *first;
        const char *last;
        const char *behind;
    } RANGES[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"223.255.255.255", "224.0.0.0", "255.255.255.255", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        expect_v4(RANGES[i].first, ADDRESS_PRIVATE);
        expect_v4(RANGES[i].last, ADDRESS_PRIVATE);
        if (RANGES[i].before != NULL) {
            expect_v4(RANGES[i].before, ADDRESS_PUBLIC);
        }
        if (RANGES[i].behind != NULL) {
            expect_v4(RANGES[i].behind, ADDRESS_PUBLIC);
        }
    }
    expect_v4("169.254.169.254", ADDRESS_PRIVATE);
    expect_v4("127.0.0.1", ADDRESS_PRIVATE);
    expect_v4("240.0.0.1", ADDRESS_PRIVATE);
    expect_v4("8.8.8.8", ADDRESS_PUBLIC);
    expect_v4("93.184.216.34", ADDRESS_PUBLIC);
}

static const char *const PRIVATE_V6[] = {
    "::",
    "::1",
    "::2",
    "::7f00:1",        /* compatible: 127.0.0.1 */
    "::808:808",       /* the same of a public one */
    "::ffff:0:7f00:1", /* translated */
    "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b::1:0:0", /* not the /96 any more */
    "64:ff9b:1::",    /* NAT64 of one's own */
    "64:ff9b:1::808:808",
    "100::1", /* discard */
    "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001::", /* Teredo */
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "4000::",
    "5f00::1",
    "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "8000::",
    "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::",
    "fd00:ec2::254", /* a cloud's metadata */
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe00::",
    "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::",
    "fe80::1",
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::1", /* of one site */
    "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ff00::",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::", /* 6to4 of 0.0.0.0 */
};

static const char *const PUBLIC_V6[] = {
    "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2003::",
    "2a00:1450:4001:81b::200e",
    "2606:4700::6810:85e5",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

static void test_ranges_v6(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT_OF(PRIVATE_V6); i++) {
        expect(PRIVATE_V6[i], ADDRESS_PRIVATE);
    }
    for (size_t i = 0; i < COUNT_OF(PUBLIC_V6); i++) {
        expect(PUBLIC_V6[i], ADDRESS_PUBLIC);
    }
}

static void test_reading(void **state)
{
    static const char *const NOT[] = {"",          "1.2.3",     "1.2.3.4.5", "1.2.3.256", "0x7f.1",
                                      "017700001", "127.1",     "1.2.3.4 ",  " 1.2.3.4",  "[::1]",
                                      "::1%lo",    "fe80::1%1", "::g",       "1.2.3.4/8", ":::"};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct address a;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(NOT); i++) {
        if (address_from_text(NOT[i], &a)) {
            fail_msg("\"%s\" was read", NOT[i]);
        }
    }
    assert_false(address_from_socket((const struct sockaddr *)&local, sizeof local, &a));
    assert_false(address_from_socket((const struct sockaddr *)&v4, sizeof v4 - 1, &a));
    assert_true(address_from_socket((const struct sockaddr *)&v4, sizeof v4, &a));
    assert_true(a.is_v4);
    assert_int_equal(a.port, 443);
    assert_true(from_v6("::ffff:1.2.3.4", 1).is_v4);
}

static enum address_verdict judge_with(const char *allow, const char *text)
{
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    struct err e = ERR_INIT;
    struct address a = read_address(text);

    if (address_nets_parse("fetch_allow", allow, &nets, &e) != ERR_NONE) {
        fail_msg("%s: %s", allow, e.detail);
    }
    return address_judge(&a, &(struct address_rules){.allow = &nets});
}

static void test_allow_list(void **state)
{
    static const struct {
        const char *allow;
        const char *text;
        enum address_verdict verdict;
    } CASES[] = {
        {"", "10.1.0.1", ADDRESS_PRIVATE},
        {"10.1.0.0/16", "10.1.0.0", ADDRESS_ALLOWED},
        {"10.1.0.0/16", "10.1.255.255", ADDRESS_ALLOWED},
        {"10.1.0.0/16", "10.0.255.255", ADDRESS_PRIVATE},
        {"10.1.0.0/16", "10.2.0.0", ADDRESS_PRIVATE},
        {"10.1.0.0/16", "::ffff:10.1.2.3", ADDRESS_ALLOWED},
        {"10.1.0.0/16", "64:ff9b::10.1.2.3", ADDRESS_ALLOWED},
        {"10.1.0.0/16", "8.8.8.8", ADDRESS_PUBLIC},
        {"10.1.2.3", "10.1.2.3", ADDRESS_ALLOWED},
        {"10.1.2.3", "10.1.2.4", ADDRESS_PRIVATE},
        {"10.128.0.0/9", "10.127.255.255", ADDRESS_PRIVATE},
        {"10.128.0.0/9", "10.128.0.0", ADDRESS_ALLOWED},
        {" 192.168.7.0/24 , fd00:1::/32 ", "fd00:1:2::3", ADDRESS_ALLOWED},
        {" 192.168.7.0/24 , fd00:1::/32 ", "192.168.7.255", ADDRESS_ALLOWED},
        {" 192.168.7.0/24 , fd00:1::/32 ", "fd00:2::3", ADDRESS_PRIVATE},
        {"fd00:1::/33", "fd00:1:8000::", ADDRESS_PRIVATE},
        {"::1", "::1", ADDRESS_ALLOWED},
        {"::1", "127.0.0.1", ADDRESS_PRIVATE},
        {"0.0.0.0/0", "127.0.0.1", ADDRESS_ALLOWED},
        {"0.0.0.0/0", "::1", ADDRESS_PRIVATE},
        {"::/0", "::1", ADDRESS_ALLOWED},
        {"::/0", "127.0.0.1", ADDRESS_PRIVATE},
        {"::/0", "::ffff:127.0.0.1", ADDRESS_PRIVATE},
        {"0.0.0.0/0,::/0", "0.0.0.0", ADDRESS_PRIVATE},
        {"0.0.0.0/0,::/0", "::", ADDRESS_PRIVATE},
        {"0.0.0.0/0,::/0", "64:ff9b::", ADDRESS_PRIVATE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        if (judge_with(CASES[i].allow, CASES[i].text) != CASES[i].verdict) {
            fail_msg("allow %s: %s", CASES[i].allow, CASES[i].text);
        }
    }
}

static void test_bad_lists(void **state)
{
    static const char *const BAD[] = {"x",
                                      "10.1.0.0/33",
                                      "10.1.0.0/",
                                      "10.1.0.0/-1",
                                      "10.1.0.0/+8",
                                      "10.1.0.0/016x",
                                      "10.1.0.1/16",
                                      "10.1/16",
                                      "fd00::/129",
                                      "fd00::1/64",
                                      "[fd00::]/8",
                                      "::ffff:10.1.0.0/112",
                                      ",",
                                      "10.0.0.0/8,",
                                      "10.0.0.0/8,,127.0.0.1",
                                      "10.0.0.0/8;127.0.0.1",
                                      "10.0.0.0/8 127.0.0.1",
                                      "localhost",
                                      "10.0.0.0/0x8",
                                      "fe80::%1/10",
                                      "10.0.0.0//8",
                                      "10.0.0.0/0008"};
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct err e = ERR_INIT;

        if (address_nets_parse("fetch_allow", BAD[i], &nets, &e) != ERR_INVALID_PARAMETER ||
            nets.item != NULL || strncmp(e.detail, "fetch_allow: ", 13) != 0) {
            fail_msg("\"%s\" was taken", BAD[i]);
        }
    }
}

static void test_length_of_list(void **state)
{
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    char text[300 * 9] = "127.0.0.1";
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 1; i < 256; i++) {
        strcat(text, ",1.2.3.4"); // NOLINT: there is room
    }
    assert_int_equal(address_nets_parse("fetch_allow", text, &nets, &e), ERR_NONE);
    assert_int_equal(nets.count, 256);
    address_nets_clear(&nets);
    strcat(text, ",1.2.3.4"); // NOLINT: there is room
    assert_int_equal(address_nets_parse("fetch_allow", text, &nets, &e), ERR_INVALID_PARAMETER);
    assert_string_equal(e.detail, "fetch_allow: more than 256 networks");
}

static enum address_verdict judge_own(const char *own, const char *text, uint16_t port)
{
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    struct address ours = read_address(own);
    struct address a = from_v6(text, port);

    ours.port = 8188;
    assert_int_equal(address_nets_parse("fetch_allow", "0.0.0.0/0,::/0", &nets, NULL), ERR_NONE);
    return address_judge(&a, &(struct address_rules){.allow = &nets, .own = &ours, .own_count = 1});
}

static void test_own_servers(void **state)
{
    static const struct {
        const char *own;
        const char *text;
        uint16_t port;
        enum address_verdict verdict;
    } CASES[] = {
        {"10.1.0.5", "::ffff:10.1.0.5", 8188, ADDRESS_OWN},
        {"10.1.0.5", "64:ff9b::10.1.0.5", 8188, ADDRESS_OWN},
        {"10.1.0.5", "2002:a01:5::", 8188, ADDRESS_OWN},
        {"10.1.0.5", "::ffff:10.1.0.5", 443, ADDRESS_ALLOWED},
        {"10.1.0.5", "::ffff:10.1.0.6", 8188, ADDRESS_ALLOWED},
        {"8.8.8.8", "::ffff:8.8.8.8", 8188, ADDRESS_OWN},
        {"8.8.8.8", "::ffff:8.8.8.8", 443, ADDRESS_PUBLIC},
        {"2a00::5", "2a00::5", 8188, ADDRESS_OWN},
        {"127.0.0.1", "::ffff:127.9.9.9", 8188, ADDRESS_OWN},
        {"127.0.0.1", "::1", 8188, ADDRESS_OWN},
        {"::1", "::ffff:127.0.0.1", 8188, ADDRESS_OWN},
        {"0.0.0.0", "::ffff:127.0.0.1", 8188, ADDRESS_OWN},
        {"::", "::1", 8188, ADDRESS_OWN},
        {"::", "::1", 8189, ADDRESS_ALLOWED},
        {"127.0.0.1", "::", 8188, ADDRESS_PRIVATE},
        {"127.0.0.1", "::ffff:0.0.0.0", 8188, ADDRESS_PRIVATE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        if (judge_own(CASES[i].own, CASES[i].text, CASES[i].port) != CASES[i].verdict) {
            fail_msg("own %s: %s port %d", CASES[i].own, CASES[i].text, CASES[i].port);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_v4),   cmocka_unit_test(test_ranges_v6),
        cmocka_unit_test(test_reading),     cmocka_unit_test(test_allow_list),
        cmocka_unit_test(test_bad_lists),   cmocka_unit_test(test_length_of_list),
        cmocka_unit_test(test_own_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
