/* fuzz_url_check.c - two lines: a URL, and where a redirect from it leads. What is taken is plain, and reads
 * the same when it is read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/url_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_allowed_port(const struct url_rules *rules, const struct url_target *t)
{
    bool is_listed = t->port == (t->is_https ? 443 : 80);

    for (size_t i = 0; i < rules->port_count; i++) {
        is_listed = is_listed || rules->port[i] == t->port;
    }
    return is_listed;
}

/* No program takes it for a number: the last label holds a letter. */
static bool is_plain_name(const char *host)
{
    AUTO(free_ptr) char *name = xstrdup(host);
    size_t len = strlen(name);
    const char *dot = NULL;
    const char *last = NULL;

    if (name[len - 1] == '.') {
        name[len - 1] = '\0';
    }
    dot = strrchr(name, '.');
    last = dot != NULL ? dot + 1 : name;
    return strpbrk(name, "[:]") == NULL && strspn(last, "0123456789") != strlen(last);
}

static bool is_allowed_host(const struct url_rules *rules, const char *host)
{
    size_t len = strlen(host);
    bool is_bracketed = host[0] == '[';
    AUTO(free_ptr) char *bare = xstrndup(host + is_bracketed, len - (is_bracketed ? 2 : 0));
    struct address a;

    if (is_bracketed || address_from_text(host, &a)) {
        return address_from_text(bare, &a) && rules->allow != NULL &&
               address_in_nets(&a, rules->allow);
    }
    return is_plain_name(host);
}

static bool is_plain_url(const struct url_target *t)
{
    size_t scheme = t->is_https ? 8 : 7;
    size_t host = strlen(t->host);

    return strlen(t->url) <= URL_LENGTH_MAX && host > 0 && host <= URL_HOST_MAX &&
           strspn(t->host, "abcdefghijklmnopqrstuvwxyz0123456789-_.[:]") == host &&
           strncmp(t->url, t->is_https ? "https://" : "http://", scheme) == 0 &&
           strncmp(t->url + scheme, t->host, host) == 0 &&
           strchr(":/", t->url[scheme + host]) != NULL && strpbrk(t->url, "#\\ \t\r\n") == NULL;
}

static bool is_read_the_same(const struct url_rules *rules, const struct url_target *t)
{
    struct url_target again;

    return url_check(rules, t->url, &again, NULL) == ERR_NONE && strcmp(again.url, t->url) == 0 &&
           strcmp(again.host, t->host) == 0 && again.port == t->port &&
           again.is_https == t->is_https;
}

static void check_taken(const struct url_rules *rules, const struct url_target *t)
{
    bug_if(!t->is_https && !rules->is_http_allowed);
    bug_if(!is_plain_url(t));
    bug_if(!is_allowed_port(rules, t));
    bug_if(!is_allowed_host(rules, t->host));
    bug_if(!is_read_the_same(rules, t));
}

static void try_redirect(const struct url_rules *rules, const struct url_target *from,
                         const char *location)
{
    struct url_target to;
    struct err e = ERR_INIT;

    if (url_follow(rules, from, location, &to, &e) != ERR_NONE) {
        bug_if(e.code != ERR_URL_NOT_ALLOWED || e.detail[0] == '\0');
        return;
    }
    check_taken(rules, &to);
    bug_if(from->is_https && !to.is_https);
}

static void try_rules(const struct url_rules *rules, const char *url, const char *location)
{
    struct url_target from;
    struct err e = ERR_INIT;

    if (url_check(rules, url, &from, &e) != ERR_NONE) {
        bug_if(e.code != ERR_URL_NOT_ALLOWED || e.detail[0] == '\0');
        return;
    }
    check_taken(rules, &from);
    try_redirect(rules, &from, location);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct url_rules STRICT = {.allow = NULL};
    AUTO(free_ptr) char *url = xstrndup((const char *)data, size);
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    struct url_rules wide = {
        .is_http_allowed = true, .allow = &nets, .port = {8443, 9000}, .port_count = 2};
    char *line_end = strchr(url, '\n');
    const char *location = line_end != NULL ? line_end + 1 : "";

    if (line_end != NULL) {
        *line_end = '\0';
    }
    bug_if(address_nets_parse("fetch_allow", "10.0.0.0/8,127.0.0.0/8,fd00::/8", &nets, NULL) !=
           ERR_NONE);
    try_rules(&STRICT, url, location);
    try_rules(&wide, url, location);
    return 0;
}
