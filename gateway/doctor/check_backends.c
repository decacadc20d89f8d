/* check_backends.c - each ComfyUI over HTTP: its address, whether it answers, what it is, what it has.
 *
 * What answers is judged by what a proxy, a login page or another program would say in its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/comfy_wire.h"
#include "doctor/ask.h"
#include "doctor/checks.h"
#include "net/resolve.h"
#include "net/ws_url.h"

#define PATIENCE_MS 10000
#define CATALOG_MS  60000
#define SLOW_MS     1000
#define CLOCK_MS    5000
#define TURN_MS     100
#define GIB         (1LL << 30)

/* As engine/nodes.c reads it. */
static const struct json_limits node_limits = {.depth = 256, .nodes = 4000000};

/* No longer than the gateway would wait. */
static int64_t patience_ms(const struct doctor *d)
{
    return d->config.backend_timeout_ms < PATIENCE_MS ? d->config.backend_timeout_ms : PATIENCE_MS;
}

/* ---- its address ------------------------------------------------------------------------------- */

struct lookup {
    bool is_done;
    bool is_found;
    char reason[128];
};

static void on_resolved(void *arg, const struct resolve_result *result)
{
    struct lookup *l = arg;

    l->is_done = true;
    l->is_found = result->count > 0;
    if (!l->is_found) {
        (void)snprintf(l->reason, sizeof l->reason, "%s", result->reason);
    }
}

static bool check_address(struct doctor *d, const struct backend_address *b)
{
    struct ws_url url;
    struct lookup lookup = {.is_done = false};
    struct resolve *resolve = NULL;
    int64_t due = clock_mono_ms() + PATIENCE_MS;

    if (!ws_url_read(&url, b->url)) {
        report_wrong(&d->report, "Correct the setting backends.", "%s is no address", b->url);
        return false;
    }
    resolve = resolve_start(d->loop, url.host, on_resolved, &lookup);
    while (!lookup.is_done && clock_mono_ms() < due) {
        loop_turn(d->loop, TURN_MS);
    }
    resolve_drop(resolve);
    if (!lookup.is_found) {
        report_wrong(&d->report,
                     "Correct the setting backends, or see whether the name server is reached.",
                     "the name %s has no address: %s", url.host,
                     lookup.is_done ? lookup.reason : "the name server does not answer");
    }
    ws_url_clear(&url);
    return lookup.is_found;
}

/* ---- what does not answer as ComfyUI does ------------------------------------------------------- */

static void tell_silence(struct doctor *d, const struct backend_address *b, const struct answer *a)
{
    if (strstr(a->reason, "SSL") != NULL || strstr(a->reason, "ertificate") != NULL) {
        report_wrong(
            &d->report,
            "Write http:// if there is no TLS; else let the server have a certificate that this "
            "machine trusts, for the name in the address (update-ca-certificates adds an "
            "authority).",
            "no TLS with %s: %s", b->url, a->reason);
    } else if (a->end == HTTP_NOT_SENT) {
        report_wrong(
            &d->report,
            "Start ComfyUI there; on another machine with --listen, with its port open in the "
            "firewall; or correct the setting backends.",
            "%s is not reached: %s", b->url, a->reason);
    } else {
        report_wrong(
            &d->report,
            "See whether ComfyUI hangs or is still starting, and whether the address is its own.",
            "%s takes connections and does not answer: %s", b->url, a->reason);
    }
}

static const char *advice_for(const struct answer *a)
{
    if (a->status == 401 || a->status == 407 || (a->status >= 300 && a->status < 400)) {
        return "A proxy before ComfyUI wants a login: let the gateway pass it by its address, or "
               "give the "
               "address behind it.";
    }
    if (a->status == 403) {
        return "ComfyUI, or a proxy before it, does not accept the Host or Origin: with nginx, "
               "proxy_set_header "
               "Host $host, and no Origin of another host.";
    }
    if (a->status >= 502 && a->status <= 504) {
        return "The proxy there does not reach its ComfyUI: start that, or correct the proxy.";
    }
    return answer_is_page(a) ? "It is a page for people, as of a login or of another program: give "
                               "the address of ComfyUI itself."
                             : "There is something else at this address: correct the setting "
                               "backends, its path too.";
}

/* True when it is ComfyUI; then *info is the caller's to clear. */
static bool check_identity(struct doctor *d, const struct backend_address *b,
                           const struct answer *a, struct comfy_system *info)
{
    if (a->end != HTTP_ANSWERED) {
        tell_silence(d, b, a);
        return false;
    }
    if (a->status == 200 && !answer_is_page(a) && comfy_system_parse(buf_span(&a->body), info)) {
        return true;
    }
    report_wrong(&d->report, advice_for(a),
                 "%s/system_stats is answered with %d%s%s, not by ComfyUI", b->url, a->status,
                 a->location != NULL ? ", a redirect to "
                 : answer_is_page(a) ? ", a page"
                                     : "",
                 a->location != NULL ? a->location : "");
    return false;
}

/* ---- what it is --------------------------------------------------------------------------------- */

static void tell_version(struct doctor *d, const struct comfy_system *info)
{
    if (info->version == NULL) {
        report_warning(&d->report, "Update ComfyUI: releases from 0.3.44 on are known to work.",
                       "it does not tell its version, as old releases do");
    } else if (!comfy_version_at_least(info->version, 0, 3, 44)) {
        report_warning(
            &d->report, "Update ComfyUI: releases from 0.3.44 on are known to work.",
            "ComfyUI %s is old: it gives prompts ids of its own, and a lost answer may run twice",
            info->version);
    } else if (!comfy_version_at_least(info->version, 0, 3, 57)) {
        report_warning(
            &d->report, "Update ComfyUI to 0.3.57 or later.",
            "ComfyUI %s cannot be told which prompt to interrupt: a running job is stopped only "
            "when nobody else uses it",
            info->version);
    } else {
        report_ok(&d->report, "ComfyUI %s", info->version);
    }
}

static void tell_memory(struct doctor *d, const struct comfy_system *info)
{
    for (size_t i = 0; i < info->device_count; i++) {
        const struct comfy_device *device = &info->device[i];
        long long free_mb = (long long)(device->vram_free >> 20);

        if (device->vram_total <= 0) {
            continue;
        }
        if (device->vram_free < GIB / 4) {
            report_warning(&d->report, "See with nvidia-smi what else uses this device.",
                           "%lld MiB of %lld GiB are free on %s", free_mb,
                           (long long)(device->vram_total / GIB),
                           device->name != NULL ? device->name : "its device");
        } else {
            report_ok(&d->report, "%lld MiB of %lld GiB are free on %s", free_mb,
                      (long long)(device->vram_total / GIB),
                      device->name != NULL ? device->name : "its device");
        }
    }
}

static void tell_clock(struct doctor *d, const struct answer *a)
{
    int64_t apart = a->date_ms != 0 ? a->date_ms - a->asked_ms : 0;

    if (apart > CLOCK_MS || apart < -CLOCK_MS) {
        report_warning(&d->report, "Let both machines set their clocks by NTP.",
                       "its clock is %lld s %s ours", llabs(apart) / 1000,
                       apart > 0 ? "before" : "behind");
    }
}

static void check_pace(struct doctor *d, const struct backend_address *b)
{
    AUTO(free_ptr) char *url = xasprintf("%s/queue", b->url);
    AUTO(answer_clear) struct answer a = {.status = 0};
    struct comfy_queue queue;

    ask(d->loop, d->http, url, patience_ms(d), &a);
    if (a.end != HTTP_ANSWERED || a.status != 200 ||
        !comfy_queue_parse(buf_span(&a.body), &queue)) {
        report_wrong(&d->report, "See ComfyUI's log, and whether a proxy passes this path on.",
                     "%s cannot be read", url);
        return;
    }
    if (a.took_ms > SLOW_MS) {
        report_warning(&d->report, "See whether its machine or the way to it is overloaded.",
                       "it takes %lld ms to answer", (long long)a.took_ms);
    } else {
        report_ok(&d->report, "answers in %lld ms; %zu prompts run, %zu wait", (long long)a.took_ms,
                  queue.running, queue.count - queue.running);
    }
    comfy_queue_clear(&queue);
}

static void check_nodes(struct doctor *d, const struct backend_address *b, struct node_info **out)
{
    AUTO(free_ptr) char *url = xasprintf("%s/object_info", b->url);
    AUTO(answer_clear) struct answer a = {.status = 0};
    struct err e = ERR_INIT;

    ask(d->loop, d->http, url, CATALOG_MS, &a);
    if (a.end != HTTP_ANSWERED || a.status != 200) {
        report_wrong(
            &d->report,
            "See ComfyUI's log: a node that was added may be broken. A proxy may have a limit.",
            "its nodes (%s) cannot be had: %s", url,
            a.end == HTTP_ANSWERED ? "it refuses" : a.reason);
    } else if (node_info_parse(buf_span(&a.body), node_limits, out, &e) != ERR_NONE) {
        report_wrong(&d->report, "See ComfyUI's log: a node that was added may be broken.",
                     "its nodes (%s) cannot be read: %s", url, e.detail);
    } else {
        report_ok(&d->report, "%zu nodes", node_info_class_count(*out));
    }
}

static void check_backend(struct doctor *d, const struct backend_address *b,
                          struct node_info **nodes)
{
    AUTO(free_ptr) char *url = xasprintf("%s/system_stats", b->url);
    AUTO(answer_clear) struct answer a = {.status = 0};
    struct comfy_system info;

    report_about(&d->report, "comfyui", b->name);
    if (!check_address(d, b)) {
        return;
    }
    ask(d->loop, d->http, url, patience_ms(d), &a);
    if (!check_identity(d, b, &a, &info)) {
        return;
    }
    tell_version(d, &info);
    tell_memory(d, &info);
    comfy_system_clear(&info);
    tell_clock(d, &a);
    check_pace(d, b);
    check_nodes(d, b, nodes);
    report_about(&d->report, "websocket", b->name);
    check_socket(d, b);
}

void check_backends(struct doctor *d)
{
    for (size_t i = 0; i < d->backends.count; i++) {
        check_backend(d, &d->backends.item[i], &d->nodes[i]);
    }
}
