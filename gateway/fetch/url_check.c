#include "fetch/url_check.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "fetch/comma.h"

#define HTTPS       "https://"
#define HTTP        "http://"
#define PORT_HTTPS  443
#define PORT_HTTP   80
#define PORT_MAX    65535UL
#define LABEL_MAX   63U
#define SHOWN_CHARS 40U
#define DIGITS      "0123456789"
#define HEX_DIGITS  "0123456789abcdefABCDEF"

static void free_curl_text(char **text)
{
    curl_free(*text);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

/* ---- the setting ----------------------------------------------------------------------------- */

static enum errc add_port(struct url_rules *rules, struct span part, struct err *e)
{
    unsigned long port = 0;

    if (part.len > 0 && part.len <= 5 && strspn(part.ptr, DIGITS) >= part.len) {
        port = strtoul(part.ptr, NULL, 10);
    }
    if (port == 0 || port > PORT_MAX) {
        return err_set(e, ERR_INVALID_PARAMETER, "fetch_ports: \"%.*s\" is not a port",
                       (int)(part.len < SHOWN_CHARS ? part.len : SHOWN_CHARS), part.ptr);
    }
    if (rules->port_count >= URL_PORTS_MAX) {
        return err_set(e, ERR_INVALID_PARAMETER, "fetch_ports: more than %d ports", URL_PORTS_MAX);
    }
    rules->port[rules->port_count++] = (uint16_t)port;
    return ERR_NONE;
}

enum errc url_ports_parse(const char *text, struct url_rules *rules, struct err *e)
{
    struct url_rules read = *rules;
    struct span part = SPAN_NONE;
    enum errc rc = ERR_NONE;

    read.port_count = 0;
    while (rc == ERR_NONE && comma_next(&text, &part)) {
        rc = add_port(&read, part, e);
    }
    if (rc == ERR_NONE) {
        *rules = read;
    }
    return rc;
}

/* ---- before curl reads it -------------------------------------------------------------------- */

static enum errc refuse(struct err *e, const char *why)
{
    return err_set(e, ERR_URL_NOT_ALLOWED, "%s", why);
}

/* Plain characters only: what one program drops or turns into a slash, another does not. */
static enum errc check_characters(const char *text, struct err *e)
{
    size_t len = strlen(text);

    if (len == 0 || len > URL_LENGTH_MAX) {
        return err_set(e, ERR_URL_NOT_ALLOWED, "The URL has %s; up to %d characters are allowed.",
                       len == 0 ? "no characters" : "too many characters", URL_LENGTH_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '\\') {
            return err_set(e, ERR_URL_NOT_ALLOWED,
                           "Byte %zu of the URL is a character that has to be written in another "
                           "way: in the host as xn--..., elsewhere as %%XX.",
                           i + 1);
        }
    }
    return ERR_NONE;
}

/* "https://host...": curl would take fewer slashes or more, and escapes within the host. */
static enum errc check_beginning(const struct url_rules *rules, const char *text, struct err *e)
{
    const char *host = strncasecmp(text, HTTPS, strlen(HTTPS)) == 0 ? text + strlen(HTTPS)
                       : strncasecmp(text, HTTP, strlen(HTTP)) == 0 ? text + strlen(HTTP)
                                                                    : NULL;

    if (host == NULL) {
        return refuse(e, rules->is_http_allowed ? "The URL must begin with https:// or http://."
                                                : "The URL must begin with https://.");
    }
    if (memchr(host, '%', strcspn(host, "/?#")) != NULL) {
        return refuse(e, "The host of the URL may not hold a percent sign.");
    }
    return strchr("/?#:", host[0]) == NULL ? ERR_NONE : refuse(e, "The URL names no host.");
}

/* ---- what curl has read ---------------------------------------------------------------------- */

static enum errc say_fault(CURLUcode fault, struct err *e)
{
    if (fault == CURLUE_USER_NOT_ALLOWED) {
        return refuse(e, "The URL may not hold a user name or a password.");
    }
    if (fault == CURLUE_BAD_PORT_NUMBER) {
        return refuse(e, "The port of the URL is not a number from 1 to 65535.");
    }
    if (fault == CURLUE_UNSUPPORTED_SCHEME) {
        return refuse(e, "The URL must begin with https://.");
    }
    return refuse(e, "The URL cannot be read.");
}

static enum errc check_scheme(const struct url_rules *rules, CURLU *url, struct url_target *out,
                              struct err *e)
{
    AUTO(free_curl_text) char *scheme = NULL;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        return refuse(e, "The URL must begin with https://.");
    }
    out->is_https = strcmp(scheme, "https") == 0;
    if (!out->is_https && (!rules->is_http_allowed || strcmp(scheme, "http") != 0)) {
        return refuse(e, rules->is_http_allowed ? "The URL must begin with https:// or http://."
                                                : "The URL must begin with https://.");
    }
    return ERR_NONE;
}

static enum errc check_user(CURLU *url, struct err *e)
{
    static const CURLUPart NOT_ALLOWED[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS};

    for (size_t i = 0; i < COUNT_OF(NOT_ALLOWED); i++) {
        AUTO(free_curl_text) char *part = NULL;

        if (curl_url_get(url, NOT_ALLOWED[i], &part, 0) == CURLUE_OK) {
            return say_fault(CURLUE_USER_NOT_ALLOWED, e);
        }
    }
    return ERR_NONE;
}

/* 1.2.3.4 with something wrong, or an older spelling of it, that somebody else might yet understand. */
static bool is_like_number(const char *label, size_t len)
{
    if (len > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
        return strspn(label + 2, HEX_DIGITS) >= len - 2;
    }
    return strspn(label, DIGITS) >= len;
}

/* Labels of letters, digits, - and _; one dot may end it. */
static bool is_name(const char *host)
{
    const char *last = host;
    size_t last_len = 0;

    for (const char *at = host; *at != '\0'; at += at[last_len] == '.' ? last_len + 1 : last_len) {
        last = at;
        last_len = strcspn(at, ".");
        if (last_len == 0 || last_len > LABEL_MAX || at[0] == '-' || at[last_len - 1] == '-' ||
            strspn(at, DIGITS "abcdefghijklmnopqrstuvwxyz-_") < last_len) {
            return false;
        }
    }
    return last_len > 0 && !is_like_number(last, last_len);
}

static enum errc check_address(const struct url_rules *rules, const struct address *a,
                               struct err *e)
{
    if (!rules->is_any_address && (rules->allow == NULL || !address_in_nets(a, rules->allow))) {
        return refuse(e, "The URL must name its host; an IP address is not allowed.");
    }
    return ERR_NONE;
}

static enum errc check_host(const struct url_rules *rules, CURLU *url, struct url_target *out,
                            struct err *e)
{
    AUTO(free_curl_text) char *host = NULL;
    AUTO(free_curl_text) char *zone = NULL;
    char bare[URL_HOST_MAX + 1];
    struct address a;
    size_t len = 0;
    bool is_v6 = false;

    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0') {
        return refuse(e, "The URL names no host.");
    }
    len = strlen(host);
    if (len > URL_HOST_MAX || curl_url_get(url, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK) {
        return refuse(e, "The host of the URL is not a name.");
    }
    for (size_t i = 0; i <= len; i++) {
        out->host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + ('a' - 'A') : host[i]);
    }
    is_v6 = out->host[0] == '[' && out->host[len - 1] == ']';
    len -= is_v6 ? 2 : 0;
    memcpy(bare, out->host + (is_v6 ? 1 : 0), len);
    bare[len] = '\0';
    if (address_from_text(bare, &a) && is_v6 == (strchr(bare, ':') != NULL)) {
        return check_address(rules, &a, e);
    }
    return is_name(out->host) ? ERR_NONE : refuse(e, "The host of the URL is not a name.");
}

static enum errc check_port(const struct url_rules *rules, CURLU *url, struct url_target *out,
                            struct err *e)
{
    AUTO(free_curl_text) char *text = NULL;
    unsigned long port = 0;

    if (curl_url_get(url, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        return say_fault(CURLUE_BAD_PORT_NUMBER, e);
    }
    port = strtoul(text, NULL, 10);
    if (port == 0 || port > PORT_MAX) {
        return say_fault(CURLUE_BAD_PORT_NUMBER, e);
    }
    out->port = (uint16_t)port;
    if (rules->is_any_port || port == (out->is_https ? PORT_HTTPS : PORT_HTTP)) {
        return ERR_NONE;
    }
    for (size_t i = 0; i < rules->port_count; i++) {
        if (rules->port[i] == port) {
            return ERR_NONE;
        }
    }
    return err_set(e, ERR_URL_NOT_ALLOWED, "Port %lu is not allowed in the URL.", port);
}

static enum errc put_together(CURLU *url, struct url_target *out, struct err *e)
{
    AUTO(free_curl_text) char *text = NULL;

    if (curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_HOST, out->host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK) {
        return refuse(e, "The URL cannot be read.");
    }
    if (check_characters(text, e) != ERR_NONE) {
        return ERR_URL_NOT_ALLOWED;
    }
    memcpy(out->url, text, strlen(text) + 1);
    return ERR_NONE;
}

static enum errc judge(const struct url_rules *rules, CURLU *url, struct url_target *out,
                       struct err *e)
{
    struct url_target target = {.port = 0};
    enum errc rc = check_scheme(rules, url, &target, e);

    if (rc == ERR_NONE) {
        rc = check_user(url, e);
    }
    if (rc == ERR_NONE) {
        rc = check_host(rules, url, &target, e);
    }
    if (rc == ERR_NONE) {
        rc = check_port(rules, url, &target, e);
    }
    if (rc == ERR_NONE) {
        rc = put_together(url, &target, e);
    }
    if (rc == ERR_NONE) {
        *out = target;
    }
    return rc;
}

enum errc url_check(const struct url_rules *rules, const char *text, struct url_target *out,
                    struct err *e)
{
    AUTO(free_url) CURLU *url = require_memory(curl_url());
    CURLUcode fault = CURLUE_OK;
    enum errc rc = check_characters(text, e);

    if (rc == ERR_NONE) {
        rc = check_beginning(rules, text, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    fault = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    return fault == CURLUE_OK ? judge(rules, url, out, e) : say_fault(fault, e);
}

enum errc url_follow(const struct url_rules *rules, const struct url_target *from,
                     const char *location, struct url_target *out, struct err *e)
{
    AUTO(free_url) CURLU *url = require_memory(curl_url());
    CURLUcode fault = CURLUE_OK;
    struct url_target target = {.port = 0};
    enum errc rc = check_characters(location, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    /* The second is read in the light of the first. */
    fault = curl_url_set(url, CURLUPART_URL, from->url, CURLU_DISALLOW_USER);
    if (fault == CURLUE_OK) {
        fault = curl_url_set(url, CURLUPART_URL, location, CURLU_DISALLOW_USER);
    }
    rc = fault == CURLUE_OK ? judge(rules, url, &target, e) : say_fault(fault, e);
    if (rc == ERR_NONE && from->is_https && !target.is_https) {
        rc = refuse(e, "It leads from https:// to http://.");
    }
    if (rc == ERR_NONE) {
        *out = target;
    }
    return rc;
}
