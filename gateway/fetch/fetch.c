/* fetch.c - one hop after the other, each with a handle of its own.
 *
 * A hop ends at the end of the answer's head, unless that says 200: so neither the body of
 * a redirect nor that of an error is ever waited for.
 */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "fetch/fetch_parts.h"

#define CONNECT_MS       5000
#define SLOW_BYTES       1024
#define SLOW_SECONDS     10
#define HEAD_MAX         65536 /* of an answer, with every "100 Continue" before it */
#define LOOK_MS          100   /* between looks at the flag that stops it */
#define TIMEOUT_SLACK_MS 1000

/* ---- where it may go ------------------------------------------------------------------------- */

static enum address_verdict judge(const struct hop *h, const struct address *a)
{
    struct address_rules rules = {
        .allow = &h->fetch->policy->allow, .own = h->own.item, .own_count = h->own.count};

    return address_judge(a, &rules);
}

static bool is_welcome(struct hop *h, const struct address *a)
{
    enum address_verdict verdict = judge(h, a);

    h->is_behind_wall = h->is_behind_wall || verdict == ADDRESS_ALLOWED;
    h->was_refused = h->was_refused || verdict == ADDRESS_PRIVATE || verdict == ADDRESS_OWN;
    h->was_welcome = h->was_welcome || verdict == ADDRESS_PUBLIC || verdict == ADDRESS_ALLOWED;
    return verdict == ADDRESS_PUBLIC || verdict == ADDRESS_ALLOWED;
}

/* The last moment: this address is connected to next. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct hop *h = arg;
    struct address a;

    if (purpose != CURLSOCKTYPE_IPCXN || !address_from_socket(&to->addr, to->addrlen, &a)) {
        h->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return is_welcome(h, &a) ? socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol)
                             : CURL_SOCKET_BAD;
}

/* The same again of what curl says that it has connected to, before anything is asked there. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct hop *h = arg;
    struct address a;

    (void)local;
    (void)local_port;
    if (!address_from_text(remote, &a)) {
        h->was_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    a.port = (uint16_t)remote_port;
    return is_welcome(h, &a) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- what comes back ------------------------------------------------------------------------- */

static bool give_up(struct hop *h, enum hop_end end)
{
    h->end = end;
    return false;
}

/* The field's value without the blanks around it; false when the line is of another field. */
static bool field_value(struct span line, const char *name, struct span *value)
{
    size_t len = strlen(name);

    if (line.len <= len || strncasecmp(line.ptr, name, len) != 0 || line.ptr[len] != ':') {
        return false;
    }
    *value = (struct span){line.ptr + len + 1, line.len - len - 1};
    while (value->len > 0 && strchr(" \t\r\n", value->ptr[value->len - 1]) != NULL) {
        value->len--;
    }
    while (value->len > 0 && (value->ptr[0] == ' ' || value->ptr[0] == '\t')) {
        *value = (struct span){value->ptr + 1, value->len - 1};
    }
    return true;
}

static bool is_plain_coding(struct span value, const char *plain)
{
    return value.len == 0 ||
           (value.len == strlen(plain) && strncasecmp(value.ptr, plain, value.len) == 0);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool end_head(struct hop *h)
{
    long status = hop_status(h);

    if (status / 100 == 1) {
        return true;
    }
    if (is_redirect(status)) {
        return give_up(h, h->locations == 1 ? HOP_REDIRECT : HOP_STATUS);
    }
    if (status != STATUS_OK) {
        return give_up(h, HOP_STATUS);
    }
    return h->is_encoded ? give_up(h, HOP_ENCODED) : true;
}

static bool hear_line(struct hop *h, struct span line)
{
    struct span value;

    h->head_bytes += line.len;
    if (h->head_bytes > HEAD_MAX || memchr(line.ptr, '\0', line.len) != NULL) {
        return give_up(h, HOP_BAD_HEAD);
    }
    if (line.ptr[0] == '\r' || line.ptr[0] == '\n') {
        return h->received > 0 || end_head(h); /* else they are trailers */
    }
    if (field_value(line, "Location", &value)) {
        free(h->location);
        h->location = xstrndup(value.ptr, value.len);
        h->locations++;
    } else if (field_value(line, "Content-Encoding", &value)) {
        h->is_encoded = h->is_encoded || !is_plain_coding(value, "identity");
    } else if (field_value(line, "Transfer-Encoding", &value)) {
        h->is_encoded = h->is_encoded || !is_plain_coding(value, "chunked");
    }
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t on_line(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    return len == 0 || hear_line(arg, (struct span){data, len}) ? len : 0;
}

static bool receive(struct hop *h, struct span data)
{
    const struct fetch *f = h->fetch;

    h->received += (int64_t)data.len;
    if (h->received > f->limits.max_bytes) {
        return give_up(h, HOP_TOO_LARGE);
    }
    h->sink_error = f->sink.write(f->sink.arg, data, f->e);
    return h->sink_error == ERR_NONE || give_up(h, HOP_SINK);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    return receive(arg, (struct span){data, len}) ? len : CURL_WRITEFUNC_ERROR;
}

/* ---- one hop --------------------------------------------------------------------------------- */

/* True when curl has taken it: a setting that it does not know must not be missing in silence. */
static bool set_long(CURL *curl, CURLoption option, long value)
{
    return curl_easy_setopt(curl, option, value) == CURLE_OK;
}

static bool set_text(CURL *curl, CURLoption option, const char *value)
{
    return curl_easy_setopt(curl, option, value) == CURLE_OK;
}

/* Nothing of the environment or of the user's files, and nothing that leads elsewhere. */
static bool set_walls(const struct hop *h)
{
    CURL *curl = h->curl;
    const char *schemes = h->target->is_https ? "https" : "http";

    return set_text(curl, CURLOPT_PROTOCOLS_STR, schemes) &&
           set_text(curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes) &&
           set_long(curl, CURLOPT_FOLLOWLOCATION, 0) && set_text(curl, CURLOPT_PROXY, "") &&
           set_text(curl, CURLOPT_PRE_PROXY, NULL) && set_text(curl, CURLOPT_NOPROXY, "*") &&
           set_long(curl, CURLOPT_NETRC, CURL_NETRC_IGNORED) &&
           set_text(curl, CURLOPT_COOKIEFILE, NULL) && set_long(curl, CURLOPT_FRESH_CONNECT, 1) &&
           set_long(curl, CURLOPT_FORBID_REUSE, 1) &&
           set_long(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           set_long(curl, CURLOPT_HTTP09_ALLOWED, 0) && set_long(curl, CURLOPT_SSL_VERIFYPEER, 1) &&
           set_long(curl, CURLOPT_SSL_VERIFYHOST, 2) &&
           set_long(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) &&
           (h->fetch->policy->ca_file[0] == '\0' ||
            (set_text(curl, CURLOPT_CAINFO, h->fetch->policy->ca_file) &&
             set_text(curl, CURLOPT_CAPATH, NULL)));
}

static long at_most_long(int64_t value)
{
    return value < INT_MAX ? (long)value : INT_MAX;
}

static bool set_limits(const struct hop *h)
{
    CURL *curl = h->curl;
    const struct fetch_limits *l = &h->fetch->limits;
    int64_t left = h->fetch->deadline - clock_mono_ms();

    /* run() sees to the deadline to the millisecond; curl's is there in case it is stuck. */
    return set_long(curl, CURLOPT_TIMEOUT_MS,
                    at_most_long((left > 0 ? left : 0) + TIMEOUT_SLACK_MS)) &&
           set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, at_most_long(l->connect_ms)) &&
           set_long(curl, CURLOPT_LOW_SPEED_LIMIT, at_most_long(l->slow_bytes)) &&
           set_long(curl, CURLOPT_LOW_SPEED_TIME, at_most_long(l->slow_seconds)) &&
           curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)l->max_bytes) ==
               CURLE_OK &&
           /* A name server that does not answer holds up its own thread, not the end. */
           set_long(curl, CURLOPT_QUICK_EXIT, 1) && set_long(curl, CURLOPT_NOSIGNAL, 1);
}

static bool set_callbacks(struct hop *h)
{
    CURL *curl = h->curl;

    return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, h) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PREREQDATA, h) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, h) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, h) == CURLE_OK;
}

static bool set_request(const struct hop *h, const struct curl_slist *lines)
{
    return set_text(h->curl, CURLOPT_URL, h->target->url) &&
           set_long(h->curl, CURLOPT_HTTPGET, 1) &&
           set_text(h->curl, CURLOPT_USERAGENT, h->fetch->policy->agent) &&
           curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, lines) == CURLE_OK &&
           /* What is compressed all the same is refused by its head, and never unpacked. */
           set_text(h->curl, CURLOPT_ACCEPT_ENCODING, NULL) &&
           set_long(h->curl, CURLOPT_HTTP_CONTENT_DECODING, 0);
}

static CURLcode result_of(CURLM *multi)
{
    const struct CURLMsg *message = NULL;
    int left = 0;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            return message->data.result;
        }
    }
    return CURLE_FAILED_INIT;
}

/* Turns until curl has ended it or we have. */
static CURLcode run(struct hop *h, CURLM *multi)
{
    const struct fetch *f = h->fetch;
    int running = 1;

    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
        int64_t left = f->deadline - clock_mono_ms();

        if (f->limits.stop != NULL && atomic_load(f->limits.stop)) {
            h->end = HOP_STOPPED;
            return CURLE_ABORTED_BY_CALLBACK;
        }
        if (left <= 0) {
            h->end = HOP_OVERDUE;
            return CURLE_OPERATION_TIMEDOUT;
        }
        (void)curl_multi_poll(multi, NULL, 0, left < LOOK_MS ? (int)left : LOOK_MS, NULL);
    }
    return result_of(multi);
}

static CURLcode perform(struct hop *h)
{
    struct curl_slist *lines = require_memory(curl_slist_append(NULL, "Accept-Encoding: identity"));
    CURLM *multi = require_memory(curl_multi_init());
    CURLcode code = CURLE_FAILED_INIT;

    if (set_walls(h) && set_limits(h) && set_callbacks(h) && set_request(h, lines) &&
        curl_multi_add_handle(multi, h->curl) == CURLM_OK) {
        code = run(h, multi);
        (void)curl_multi_remove_handle(multi, h->curl);
    }
    (void)curl_multi_cleanup(multi);
    curl_slist_free_all(lines);
    return code;
}

/* ---- all hops -------------------------------------------------------------------------------- */

static void hop_clear(struct hop *h)
{
    curl_easy_cleanup(h->curl);
    own_addresses_clear(&h->own);
    free(h->location);
}

/* Gets *target, or says by *is_more that it is now what was redirected to. */
static enum errc hop_take(struct fetch *f, struct url_target *target, bool *is_more)
{
    AUTO(hop_clear) struct hop h = {.fetch = f, .target = target};
    struct url_target next;
    struct err why = ERR_INIT;
    CURLcode code = CURLE_OK;
    enum errc rc = own_servers_find(f->policy->own, target->port, &h.own, f->e);

    if (rc != ERR_NONE) {
        return rc;
    }
    h.curl = require_memory(curl_easy_init());
    code = perform(&h);
    *is_more = h.end == HOP_REDIRECT;
    rc = hop_tell(&h, code);
    if (rc != ERR_NONE || !*is_more) {
        return rc;
    }
    rc = url_follow(&f->policy->rules, target, h.location, &next, &why);
    if (rc != ERR_NONE) {
        /* Why not says something of what was answered. */
        return err_set(f->e, rc, "The redirect of %s is not followed%s%s", f->subject,
                       h.is_behind_wall ? "." : ": ", h.is_behind_wall ? "" : why.detail);
    }
    *target = next;
    return ERR_NONE;
}

static int64_t or_else(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void fill_limits(struct fetch *f, const struct fetch_limits *given)
{
    f->limits = *given;
    f->limits.total_ms = or_else(given->total_ms, f->policy->timeout_ms);
    f->limits.connect_ms = or_else(given->connect_ms, CONNECT_MS);
    f->limits.slow_bytes = or_else(given->slow_bytes, SLOW_BYTES);
    f->limits.slow_seconds = or_else(given->slow_seconds, SLOW_SECONDS);
    f->deadline = clock_mono_ms() + f->limits.total_ms;
}

enum errc fetch_url(const struct fetch_policy *p, const char *url,
                    const struct fetch_limits *limits, struct fetch_sink sink, struct err *e)
{
    struct fetch f = {.policy = p, .sink = sink, .e = e};
    struct url_target target;
    char first[URL_HOST_MAX + 3];
    bool is_more = true;
    enum errc rc = ERR_NONE;

    bug_if(limits->max_bytes < 1);
    if (!p->is_on) {
        return err_set(e, ERR_URL_NOT_ALLOWED,
                       "This gateway fetches nothing from URLs: its setting inputs_urls is off.");
    }
    rc = url_check(&p->rules, url, &target, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    fill_limits(&f, limits);
    memcpy(first, target.host, sizeof first);
    (void)snprintf(f.subject, sizeof f.subject, "%s", first);
    for (int hops = 0; hops <= FETCH_REDIRECTS_MAX && rc == ERR_NONE && is_more; hops++) {
        rc = hop_take(&f, &target, &is_more);
        /* Where it leads is told by who could be asked: it may be the inside's answer. */
        (void)snprintf(f.subject, sizeof f.subject, "the server that %s redirects to", first);
    }
    if (rc == ERR_NONE && is_more) {
        rc = err_set(e, ERR_URL_FETCH_FAILED, "%s redirects more than %d times.", first,
                     FETCH_REDIRECTS_MAX);
    }
    return rc;
}

/* ---- the policy ------------------------------------------------------------------------------ */

enum errc fetch_policy_new(const struct config *config, const char *const *own, size_t own_count,
                           struct fetch_policy **out, struct err *e)
{
    struct fetch_policy *p = xcalloc(1, sizeof *p);
    enum errc rc = ERR_NONE;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    p->is_on = strcmp(config->inputs_urls, "on") == 0;
    p->ca_file = xstrdup(config->fetch_ca_file);
    p->agent = xasprintf("comfygate/%s", comfygate_version());
    p->timeout_ms = config->fetch_timeout_ms;
    p->rules.is_http_allowed = strcmp(config->fetch_http, "on") == 0;
    p->rules.allow = &p->allow;
    rc = address_nets_parse("fetch_allow", config->fetch_allow, &p->allow, e);
    if (rc == ERR_NONE) {
        rc = url_ports_parse(config->fetch_ports, &p->rules, e);
    }
    if (rc == ERR_NONE) {
        rc = own_servers_new(own, own_count, &p->own, e);
    }
    if (rc == ERR_NONE && p->ca_file[0] != '\0' && access(p->ca_file, R_OK) != 0) {
        rc = err_set(e, ERR_INVALID_PARAMETER, "fetch_ca_file: %s cannot be read: %m", p->ca_file);
    }
    if (rc != ERR_NONE) {
        fetch_policy_free(p);
        return rc;
    }
    *out = p;
    return ERR_NONE;
}

enum errc fetch_policy_add_own(struct fetch_policy *p, const char *url, struct err *e)
{
    return own_servers_add(p->own, url, e);
}

void fetch_policy_free(struct fetch_policy *p)
{
    if (p == NULL) {
        return;
    }
    own_servers_free(p->own);
    address_nets_clear(&p->allow);
    free(p->ca_file);
    free(p->agent);
    free(p);
    curl_global_cleanup();
}
