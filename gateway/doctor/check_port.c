/* check_port.c - where the gateway is reached: whether it answers there, or could, and who may come in. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "doctor/ask.h"
#include "doctor/checks.h"

#define ANSWER_MS 3000

struct place {
    char *host; /* without brackets; "" = every address */
    char *port;
};

static void place_clear(struct place *p)
{
    free(p->host);
    free(p->port);
}

static struct place place_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    size_t len = colon != NULL ? (size_t)(colon - listen) : strlen(listen);
    bool has_brackets = len >= 2 && listen[0] == '[' && listen[len - 1] == ']';

    return (struct place){.host =
                              has_brackets ? xstrndup(listen + 1, len - 2) : xstrndup(listen, len),
                          .port = xstrdup(colon != NULL ? colon + 1 : "")};
}

static bool is_every(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

/* ---- who may come in --------------------------------------------------------------------------- */

static void check_access(struct doctor *d, const struct place *p)
{
    const char *mode = d->config.auth_mode;
    const char *listen = d->config.server_listen;

    report_about(&d->report, "access", NULL);
    if (is_loopback(p->host)) {
        report_ok(&d->report, "auth_mode is %s, and only this machine reaches %s", mode, listen);
    } else if (strcmp(mode, "loopback") == 0) {
        report_wrong(
            &d->report,
            "Listen on 127.0.0.1, or set auth_mode to keys and make keys for those who may come "
            "in: comfygate keys create.",
            "auth_mode is loopback, and others reach %s: serve will refuse to start", listen);
    } else if (strcmp(mode, "off") == 0) {
        report_warning(
            &d->report,
            "Set auth_mode to keys, or let nobody reach it but a proxy that asks who comes.",
            "auth_mode is off: whoever reaches %s may do everything, and workflows are programs",
            listen);
    } else {
        report_ok(&d->report,
                  "keys are asked for at %s; they travel in the clear unless a proxy before it "
                  "speaks TLS",
                  listen);
    }
}

/* ---- who answers ------------------------------------------------------------------------------- */

/* The word of /readyz; NULL = it is not ours. The caller frees it. */
static char *readiness(const struct answer *a)
{
    static const struct json_limits LIMITS = {.depth = 16, .nodes = 1000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    if (a->end != HTTP_ANSWERED ||
        json_parse(buf_span(&a->body), JSON_STRICT, LIMITS, &doc, &e) != ERR_NONE ||
        json_type(doc, json_get(doc, 0, "checks")) != JSON_OBJECT ||
        json_type(doc, json_get(doc, 0, "status")) != JSON_STRING) {
        return NULL;
    }
    return json_str_dup(doc, json_get(doc, 0, "status"));
}

static void tell_readiness(struct doctor *d, const char *word)
{
    const char *listen = d->config.server_listen;

    d->is_served = true;
    if (strcmp(word, "ready") == 0) {
        report_ok(&d->report, "a gateway answers at %s, and is ready", listen);
    } else if (strcmp(word, "degraded") == 0) {
        report_warning(&d->report, "comfygate health tells which of its checks says so.",
                       "a gateway answers at %s, and is degraded", listen);
    } else {
        report_wrong(&d->report, "comfygate health tells which of its checks says so.",
                     "a gateway answers at %s, and is not ready", listen);
    }
}

/* 0 when it could be listened on, else errno. */
static int try_to_bind(const struct place *p)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    AUTO(file_close) int fd = -1;
    struct addrinfo *found = NULL;
    int one = 1;
    int failed = 0;

    if (getaddrinfo(p->host[0] != '\0' ? p->host : NULL, p->port, &hints, &found) != 0) {
        return EADDRNOTAVAIL;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        failed = errno;
    }
    freeaddrinfo(found);
    return failed;
}

static void tell_free(struct doctor *d, const struct place *p)
{
    int failed = try_to_bind(p);
    const char *advice = "Correct server_listen.";

    if (failed == 0) {
        report_ok(&d->report, "%s is free; no gateway runs there", d->config.server_listen);
        return;
    }
    if (failed == EADDRINUSE) {
        advice =
            "Something else listens there (ss -ltnp tells what): end it, or choose another port.";
    } else if (failed == EACCES) {
        advice = "Ports below 1024 are for root: choose a higher one, and let a proxy pass it on.";
    } else if (failed == EADDRNOTAVAIL) {
        advice = "This machine has no such address: correct server_listen.";
    }
    report_wrong(&d->report, advice, "%s cannot be listened on: %s", d->config.server_listen,
                 strerrordesc_np(failed));
}

void check_port(struct doctor *d)
{
    AUTO(place_clear) struct place p = place_of(d->config.server_listen);
    AUTO(answer_clear) struct answer answer = {.end = HTTP_NOT_SENT};
    AUTO(free_ptr) char *url = NULL;
    AUTO(free_ptr) char *word = NULL;

    check_access(d, &p);
    report_about(&d->report, "port", NULL);
    if (strcmp(p.port, "0") == 0) {
        report_ok(&d->report, "serve picks a free one");
        return;
    }
    if (is_every(p.host)) {
        url = xasprintf("http://127.0.0.1:%s/readyz", p.port);
    } else {
        url =
            xasprintf(strchr(p.host, ':') != NULL ? "http://[%s]:%s/readyz" : "http://%s:%s/readyz",
                      p.host, p.port);
    }
    ask(d->loop, d->http, url, ANSWER_MS, &answer);
    word = readiness(&answer);
    if (word != NULL) {
        tell_readiness(d, word);
    } else {
        tell_free(d, &p);
    }
}
