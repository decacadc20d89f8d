/* Which URLs are taken, as what, and with which words the others are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/url_check.h"

#define HTTPS_ONLY "The URL must begin with https://."
#define BAD_HOST   "The host of the URL is not a name."
#define NO_ADDRESS "The URL must name its host; an IP address is not allowed."
#define BAD_PORT   "The port of the URL is not a number from 1 to 65535."
#define NO_USER    "The URL may not hold a user name or a password."
#define NO_HOST    "The URL names no host."
#define NO_PERCENT "The host of the URL may not hold a percent sign."
#define UNREADABLE "The URL cannot be read."
#define L10        "aaaaaaaaaa"
#define L63        L10 L10 L10 L10 L10 L10 "aaa"

static const struct url_rules STRICT = {.allow = NULL};
static const struct url_rules WITH_HTTP = {
    .is_http_allowed = true, .port = {8443, 9000}, .port_count = 2};

static void expect_refused(const struct url_rules *rules, const char *url, const char *says)
{
    struct url_target target = {.host = "untouched"};
    struct err e = ERR_INIT;

    if (url_check(rules, url, &target, &e) != ERR_URL_NOT_ALLOWED ||
        strstr(e.detail, says) == NULL || strcmp(target.host, "untouched") != 0) {
        fail_msg("%s: %s", url, e.detail);
    }
}

static void expect_taken(const struct url_rules *rules, const char *url, const char *as,
                         const char *host, int port)
{
    struct url_target target;
    struct err e = ERR_INIT;

    if (url_check(rules, url, &target, &e) != ERR_NONE) {
        fail_msg("%s: %s", url, e.detail);
    }
    assert_string_equal(target.url, as);
    assert_string_equal(target.host, host);
    assert_int_equal(target.port, port);
    assert_int_equal(target.is_https, strncmp(as, "https:", 6) == 0);
}

static void test_taken(void **state)
{
    (void)state;
    expect_taken(&STRICT, "https://example.com", "https://example.com/", "example.com", 443);
    expect_taken(&STRICT, "https://example.com/a.png?x=1&y=%20#part",
                 "https://example.com/a.png?x=1&y=%20", "example.com", 443);
    expect_taken(&STRICT, "HTTPS://Example.COM/A/../B/./c", "https://example.com/B/c",
                 "example.com", 443);
    expect_taken(&STRICT, "https://example.com:443/", "https://example.com:443/", "example.com",
                 443);
    expect_taken(&STRICT, "https://example.com./a", "https://example.com./a", "example.com.", 443);
    expect_taken(&STRICT, "https://example.com?q", "https://example.com/?q", "example.com", 443);
    expect_taken(&STRICT, "https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/a",
                 "xn--bcher-kva.example", 443);
    expect_taken(&STRICT, "https://a_b.example/@x:y", "https://a_b.example/@x:y", "a_b.example",
                 443);
    expect_taken(&STRICT, "https://1.2.3.4.example/", "https://1.2.3.4.example/", "1.2.3.4.example",
                 443);
    expect_taken(&STRICT, "https://" L63 ".de/", "https://" L63 ".de/", L63 ".de", 443);
    expect_taken(&WITH_HTTP, "http://example.com/a", "http://example.com/a", "example.com", 80);
    expect_taken(&WITH_HTTP, "http://example.com:9000/a", "http://example.com:9000/a",
                 "example.com", 9000);
    expect_taken(&WITH_HTTP, "https://example.com:8443/", "https://example.com:8443/",
                 "example.com", 8443);
}

static const struct {
    const char *url;
    const char *says;
} REFUSED[] = {
    {"", "no characters"},
    {"x", HTTPS_ONLY},
    {"http://example.com/", HTTPS_ONLY},
    {"file:///etc/passwd", HTTPS_ONLY},
    {"//example.com/", HTTPS_ONLY},
    {"https:/example.com/", HTTPS_ONLY},
    {"https:///example.com/", NO_HOST},
    {"https://", NO_HOST},
    {"https://?x", NO_HOST},
    {"https://:443/", NO_HOST},
    {" https://example.com/", "Byte 1 of the URL"},
    {"https://example.com/ ", "Byte 21 of the URL"},
    {"https://example.com/\n", "Byte 21 of the URL"},
    {"https://exam\tple.com/", "Byte 13 of the URL"},
    {"https://example.com\\@x/", "Byte 20 of the URL"},
    {"https://ex\303\244mple.com/", "Byte 11 of the URL"},
    {"https://example\343\200\202com/", "Byte 16 of the URL"},
    {"https://example.com/\177", "Byte 21 of the URL"},
    {"https://user@example.com/", NO_USER},
    {"https://user:secret@example.com/", NO_USER},
    {"https://@example.com/", NO_USER},
    {"https://:@example.com/", NO_HOST},
    {"https://exa%6dple.com/", NO_PERCENT},
    {"https://user%40x@example.com/", NO_PERCENT},
    {"https://[fe80::1%25eth0]/", NO_PERCENT},
    {"https://example.com:0/", BAD_PORT},
    {"https://example.com:65536/", BAD_PORT},
    {"https://example.com:4294967739/", BAD_PORT},
    {"https://example.com:-1/", BAD_PORT},
    {"https://example.com:443:443/", BAD_PORT},
    {"https://example.com:80/", "Port 80 is not allowed in the URL."},
    {"https://example.com:8443/", "Port 8443 is not allowed in the URL."},
    {"https://1.2.3.4/", NO_ADDRESS},
    {"https://2130706433/", NO_ADDRESS},
    {"https://0x7f.1/", NO_ADDRESS},
    {"https://0177.0.0.1/", NO_ADDRESS},
    {"https://127.1/", NO_ADDRESS},
    {"https://[::1]/", NO_ADDRESS},
    {"https://[2606:4700::6810:85e5]/", NO_ADDRESS},
    {"https://[::ffff:127.0.0.1]/", NO_ADDRESS},
    {"https://[1.2.3.4]/", UNREADABLE},
    {"https://[::1/", UNREADABLE},
    {"https://1.2.3.4.5/", BAD_HOST},
    {"https://127.0.0.1./", BAD_HOST},
    {"https://256.1.1.1/", BAD_HOST},
    {"https://4294967296/", BAD_HOST},
    {"https://example.0x7f/", BAD_HOST},
    {"https://example.1/", BAD_HOST},
    {"https://example..com/", BAD_HOST},
    {"https://.example.com/", BAD_HOST},
    {"https://./", BAD_HOST},
    {"https://example.com../", BAD_HOST},
    {"https://-example.com/", BAD_HOST},
    {"https://example-.com/", BAD_HOST},
    {"https://exam!ple.com/", UNREADABLE},
    {"https://exam~ple.com/", BAD_HOST},
    {"https://a" L63 ".de/", BAD_HOST},
    {"https://" L63 "." L63 "." L63 "." L63 "/", BAD_HOST},
};

static void test_refused(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        expect_refused(&STRICT, REFUSED[i].url, REFUSED[i].says);
    }
    expect_refused(&WITH_HTTP, "ftp://example.com/", "must begin with https:// or http://.");
    expect_refused(&WITH_HTTP, "http://example.com:443/", "Port 443 is not allowed");
    expect_refused(&WITH_HTTP, "https://example.com:80/", "Port 80 is not allowed");
}

static void test_length(void **state)
{
    char url[URL_LENGTH_MAX + 2];
    struct url_target target;
    struct err e = ERR_INIT;

    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://example.com/", 20);
    url[URL_LENGTH_MAX] = '\0';
    assert_int_equal(url_check(&STRICT, url, &target, &e), ERR_NONE);
    assert_string_equal(target.url, url);
    url[URL_LENGTH_MAX] = 'a';
    url[URL_LENGTH_MAX + 1] = '\0';
    expect_refused(&STRICT, url, "too many characters; up to 2048");
    /* The slash that curl adds makes it one too long. */
    memcpy(url, "https://example.com?", 20);
    url[URL_LENGTH_MAX] = '\0';
    expect_refused(&STRICT, url, "too many characters; up to 2048");
}

static void test_allowed_addresses(void **state)
{
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    struct url_rules rules = {.allow = &nets};

    (void)state;
    assert_int_equal(address_nets_parse("fetch_allow", "10.1.0.0/16,fd00::/16", &nets, NULL),
                     ERR_NONE);
    expect_taken(&rules, "https://10.1.2.3/a", "https://10.1.2.3/a", "10.1.2.3", 443);
    expect_taken(&rules, "https://0xa.0x1.515/a", "https://10.1.2.3/a", "10.1.2.3", 443);
    expect_taken(&rules, "https://[fd00::1]/a", "https://[fd00::1]/a", "[fd00::1]", 443);
    expect_taken(&rules, "https://[FD00::A]:443/", "https://[fd00::a]:443/", "[fd00::a]", 443);
    expect_refused(&rules, "https://10.2.0.1/", NO_ADDRESS);
    expect_refused(&rules, "https://8.8.8.8/", NO_ADDRESS);
    expect_refused(&rules, "https://[fd01::1]/", NO_ADDRESS);
    expect_refused(&rules, "https://10.1.2.3./", BAD_HOST);
}

static void test_ports(void **state)
{
    static const char *const BAD[] = {"x",    "0",       "65536", "443x", "-1",     "443,,80",
                                      "443,", "443;444", ",",     "4 43", "+443",   "000443",
                                      " , ",  "443,x",   "0x1bb", "1e3",  "443 444"};
    struct url_rules rules = {.port_count = 0};
    char many[URL_PORTS_MAX * 2 + 3] = "1";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct err e = ERR_INIT;

        if (url_ports_parse(BAD[i], &rules, &e) != ERR_INVALID_PARAMETER || rules.port_count != 0 ||
            strncmp(e.detail, "fetch_ports: ", 13) != 0) {
            fail_msg("\"%s\" was taken", BAD[i]);
        }
    }
    assert_int_equal(url_ports_parse(" 8443 , 65535,1", &rules, NULL), ERR_NONE);
    assert_int_equal(rules.port_count, 3);
    assert_int_equal(rules.port[0], 8443);
    assert_int_equal(rules.port[1], 65535);
    assert_int_equal(rules.port[2], 1);
    assert_int_equal(url_ports_parse("  ", &rules, NULL), ERR_NONE);
    assert_int_equal(rules.port_count, 0);
    for (int i = 1; i < URL_PORTS_MAX; i++) {
        strcat(many, ",1"); // NOLINT: there is room
    }
    assert_int_equal(url_ports_parse(many, &rules, NULL), ERR_NONE);
    strcat(many, ",1"); // NOLINT: there is room
    assert_int_equal(url_ports_parse(many, &rules, NULL), ERR_INVALID_PARAMETER);
}

static void test_redirects(void **state)
{
    static const struct {
        const char *location;
        const char *url;  /* where it leads, or NULL: */
        const char *says; /* why not */
    } CASES[] = {
        {"/b?c", "https://example.com:8443/b?c", ""},
        {"b", "https://example.com:8443/dir/b", ""},
        {"../b", "https://example.com:8443/b", ""},
        {"?c", "https://example.com:8443/dir/file?c", ""},
        {"//other.example/x#y", "https://other.example/x", ""},
        {"https://other.example/x", "https://other.example/x", ""},
        {"http://other.example/x", NULL, "from https:// to http://"},
        {"", NULL, "no characters"},
        {"/a b", NULL, "Byte 3"},
        {"/\\evil", NULL, "Byte 2"},
        {"file:///etc/passwd", NULL, "must begin with https:// or http://"},
        {"gopher://other.example/", NULL, "must begin with https:// or http://"},
        {"//127.0.0.1/", NULL, NO_ADDRESS},
        {"//0x7f.1/", NULL, NO_ADDRESS},
        {"//%31%32%37.0.0.1/", NULL, NO_ADDRESS},
        {"https://[::1]/", NULL, NO_ADDRESS},
        {"//user@other.example/", NULL, NO_USER},
        {"https://other.example:22/", NULL, "Port 22"},
    };
    struct url_target from;

    (void)state;
    assert_int_equal(url_check(&WITH_HTTP, "https://example.com:8443/dir/file?x", &from, NULL),
                     ERR_NONE);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct url_target to = {.url = ""};
        struct err e = ERR_INIT;
        enum errc rc = url_follow(&WITH_HTTP, &from, CASES[i].location, &to, &e);
        bool is_right = CASES[i].url != NULL
                            ? rc == ERR_NONE && strcmp(to.url, CASES[i].url) == 0
                            : rc == ERR_URL_NOT_ALLOWED && strstr(e.detail, CASES[i].says) != NULL;

        if (!is_right) {
            fail_msg("%s: %s %s", CASES[i].location, to.url, e.detail);
        }
    }
    assert_int_equal(url_check(&WITH_HTTP, "http://example.com/", &from, NULL), ERR_NONE);
    assert_int_equal(url_follow(&WITH_HTTP, &from, "https://example.com/", &from, NULL), ERR_NONE);
    assert_true(from.is_https);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length), cmocka_unit_test(test_allowed_addresses),
        cmocka_unit_test(test_ports),  cmocka_unit_test(test_redirects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
