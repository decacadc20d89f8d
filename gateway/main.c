/* main.c - settings, then store, hub, engine, HTTP; a signal; then the same backwards.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/service.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/key_options.h"
#include "cli/migrate_options.h"
#include "doctor/doctor.h"
#include "engine/engine.h"
#include "fetch/fetch.h"
#include "fetch/receiver.h"
#include "http/route.h"
#include "http/server.h"
#include "http/signed_link.h"
#include "keys_command.h"
#include "library/template_set.h"
#include "migrate_command.h"
#include "webhook/courier.h"

#define EXIT_USAGE  2
#define STATUS_SIZE 200
/* Of a second, for files that are counted. */
#define COUNT_FILES_MS 20

struct gateway {
    struct config config;
    struct backend_list backends;
    struct store *store;
    struct blobs *blobs;
    struct rendition_cache *renditions;
    struct template_set *templates;
    struct fetch_policy *fetch;
    struct receiver_policy *receivers;
    struct courier *courier;
    struct hub *hub;
    struct event_feed *feed;
    struct metrics *metrics;
    struct engine *engine;
    struct pace_of_queue pace;
    struct signed_links *links;
    struct key_uses *key_uses;
    struct http_server *http;
    sigset_t signals;
};

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "comfygate: %s\n", e->detail[0] != '\0' ? e->detail : err_title(e->code));
    return e->code == ERR_INVALID_PARAMETER ? EXIT_USAGE : EXIT_FAILURE;
}

static enum log_level level_of(const char *word)
{
    static const char *const WORDS[] = {"debug", "info", "warn", "error"};

    for (int i = 0; i < (int)COUNT_OF(WORDS); i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

static enum errc load_settings(struct gateway *g, int argc, char **argv, struct err *e)
{
    enum errc rc = config_load(&g->config, argc, argv, environ, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    log_setup(strcmp(g->config.log_format, "json") == 0 ? LOG_JSON : LOG_TEXT,
              level_of(g->config.log_level));
    rc = backend_list_parse(g->config.backends, &g->backends, e);
    return rc == ERR_NONE ? backend_list_tag(&g->backends, g->config.backend_tags, e) : rc;
}

static enum errc open_store(struct gateway *g, struct err *e)
{
    AUTO(free_ptr) char *url = NULL;

    if (!file_make_dirs(g->config.data_dir)) {
        return err_set(e, ERR_INTERNAL_ERROR, "The data folder %s cannot be made.",
                       g->config.data_dir);
    }
    url = database_url_of(&g->config);
    return store_open(url, &g->store, e);
}

static const char *setting_or(const char *setting, const char *name)
{
    const char *found = getenv(name); // NOLINT(concurrency-mt-unsafe): no other thread yet

    return setting[0] != '\0' || found == NULL ? setting : found;
}

static enum errc open_blobs(struct gateway *g, struct err *e)
{
    const struct config *c = &g->config;
    struct blob_storage storage = {
        .url = c->storage_url,
        .access_key = setting_or(c->storage_access_key, "AWS_ACCESS_KEY_ID"),
        .secret_key = setting_or(c->storage_secret_key, "AWS_SECRET_ACCESS_KEY"),
        .cache_bytes = c->storage_cache_mb << 20,
        .sweep_ms = c->storage_sweep_seconds * 1000,
        .orphan_age_ms = c->storage_orphan_seconds * 1000,
        .link_seconds = (int)c->storage_link_seconds,
        .link_endpoint = c->storage_link_endpoint};

    return c->storage_url[0] != '\0' ? blobs_open_storage(c->data_dir, &storage, &g->blobs, e)
                                     : blobs_open(c->data_dir, &g->blobs, e);
}

static enum errc open_renditions(struct gateway *g, struct err *e)
{
    return rendition_cache_open(g->config.data_dir, &g->renditions, e);
}

/* What is broken keeps nothing from starting. */
static enum errc open_templates(struct gateway *g, struct err *e)
{
    AUTO(template_report_clear) struct template_report report;
    enum errc rc = template_set_open(&g->config, &g->templates, &report, e);

    template_report_log(&report);
    return rc;
}

static enum errc start_engine(struct gateway *g, struct err *e)
{
    struct engine_parts parts = {.config = &g->config,
                                 .backends = &g->backends,
                                 .store = g->store,
                                 .blobs = g->blobs,
                                 .renditions = g->renditions,
                                 .pace = &g->pace,
                                 .metrics = g->metrics,
                                 .deliveries_due = courier_wake,
                                 .deliveries_arg = g->courier};
    enum errc rc = ERR_NONE;

    g->hub = hub_new(g->config.server_max_waiters, g->config.queue_ageing_seconds * 1000);
    g->feed = event_feed_new(g->config.events_max_streams);
    g->key_uses = key_uses_new();
    parts.hub = g->hub;
    parts.key_uses = g->key_uses;
    parts.feed = g->feed;
    rc = engine_new(&parts, &g->engine, e);
    return rc != ERR_NONE ? rc : engine_start(g->engine, e);
}

/* All that labels can say is known before anything is counted. */
static enum errc open_metrics(struct gateway *g, struct err *e)
{
    AUTO(free_ptr) const char **backend = xcalloc(g->backends.count + 1, sizeof *backend);
    AUTO(free_ptr) struct metrics_route *route = NULL;
    struct metrics_labels labels = {.backend = backend, .backend_count = g->backends.count};

    (void)e;
    for (size_t i = 0; i < g->backends.count; i++) {
        backend[i] = g->backends.item[i].name;
    }
    while (route_table()[labels.route_count].method != NULL) {
        labels.route_count++;
    }
    route = xcalloc(labels.route_count, sizeof *route);
    for (size_t i = 0; i < labels.route_count; i++) {
        route[i] = (struct metrics_route){.method = route_table()[i].method,
                                          .path = route_table()[i].path};
    }
    labels.route = route;
    g->metrics = metrics_new(&labels);
    metrics_set(g->metrics, METRIC_STARTED, 0, clock_wall_ms() * 1000);
    return ERR_NONE;
}

/* What clients may have fetched, and where they may have webhooks posted; never us or a ComfyUI. */
static enum errc open_fetch(struct gateway *g, struct err *e)
{
    size_t count = g->backends.count + 1;
    AUTO(free_ptr) const char **own = xcalloc(count, sizeof *own);
    enum errc rc = ERR_NONE;

    own[0] = g->config.server_listen;
    for (size_t i = 0; i < g->backends.count; i++) {
        own[i + 1] = g->backends.item[i].url;
    }
    rc = fetch_policy_new(&g->config, own, count, &g->fetch, e);
    return rc != ERR_NONE ? rc : receiver_policy_new(&g->config, own, count, &g->receivers, e);
}

static enum errc open_courier(struct gateway *g, struct err *e)
{
    return courier_new(&g->config, g->store, g->receivers, &g->courier, e);
}

static enum errc open_links(struct gateway *g, struct err *e)
{
    return signed_links_open(&g->config, &g->links, e);
}

static enum errc start_http(struct gateway *g, struct err *e)
{
    struct http_parts parts = {.config = &g->config,
                               .backends = &g->backends,
                               .store = g->store,
                               .blobs = g->blobs,
                               .renditions = g->renditions,
                               .templates = g->templates,
                               .fetch = g->fetch,
                               .receivers = g->receivers,
                               .hub = g->hub,
                               .feed = g->feed,
                               .inbox = engine_inbox(g->engine),
                               .links = g->links,
                               .key_uses = g->key_uses,
                               .pace = &g->pace,
                               .metrics = g->metrics};

    enum errc rc = http_server_start(&parts, &g->http, e);

    /* Now that our own address is known. */
    return rc != ERR_NONE ? rc : courier_start(g->courier, engine_inbox(g->engine), e);
}

/* Stops what was started, in the order that lets nothing wait for what is gone: no new connection,
 * no new command, no waiter, no HTTP. */
static void stop(struct gateway *g)
{
    int grace_ms = (int)g->config.server_shutdown_seconds * 1000 / 2;

    if (g->blobs != NULL) {
        blobs_stop(g->blobs, grace_ms);
    }
    if (g->http != NULL) {
        http_server_quiesce(g->http);
    }
    courier_stop(g->courier);
    if (g->engine != NULL) {
        engine_stop(g->engine, grace_ms);
    }
    if (g->hub != NULL) {
        hub_close(g->hub);
        event_feed_close(g->feed);
    }
    http_server_stop(g->http);
    courier_free(g->courier);
    engine_free(g->engine);
    hub_free(g->hub);
    event_feed_free(g->feed);
    metrics_free(g->metrics);
    template_set_free(g->templates);
    fetch_policy_free(g->fetch);
    receiver_policy_free(g->receivers);
    signed_links_close(g->links);
    key_uses_free(g->key_uses);
    rendition_cache_close(g->renditions);
    blobs_close(g->blobs);
    store_close(g->store);
    backend_list_clear(&g->backends);
    config_clear(&g->config);
}

static void set_if_known(struct gateway *g, enum metric which, int64_t value)
{
    if (value >= 0) {
        metrics_set(g->metrics, which, 0, value);
    } else {
        metrics_unset(g->metrics, which, 0);
    }
}

/* What the machine has to be asked for, so that neither the engine nor an answer waits for its disk. */
static void look_around(struct gateway *g)
{
    struct process_use use = process_use_now();
    struct blobs_usage files = blobs_count(g->blobs, COUNT_FILES_MS);
    struct courier_counts webhooks = courier_counts(g->courier);

    metrics_set(g->metrics, METRIC_CPU, 0, use.cpu_us);
    set_if_known(g, METRIC_RESIDENT, use.resident_bytes);
    set_if_known(g, METRIC_VIRTUAL, use.virtual_bytes);
    set_if_known(g, METRIC_OPEN_FDS, use.open_fds);
    set_if_known(g, METRIC_MAX_FDS, use.max_fds);
    set_if_known(g, METRIC_FREE_BYTES, blobs_free_bytes(g->blobs));
    set_if_known(g, METRIC_STORE_BYTES, store_size_bytes(g->store));
    metrics_set(g->metrics, METRIC_FREE_NEEDED, 0, g->config.storage_min_free_mb << 20);
    metrics_set(g->metrics, METRIC_WEBHOOKS_DELIVERED, 0, webhooks.delivered);
    metrics_set(g->metrics, METRIC_WEBHOOK_FAILURES, 0, webhooks.failed_tries);
    metrics_set(g->metrics, METRIC_WEBHOOKS_GIVEN_UP, 0, webhooks.given_up);
    metrics_set(g->metrics, METRIC_WEBHOOKS_GONE, 0, webhooks.gone);
    metrics_set(g->metrics, METRIC_WEBHOOKS_PENDING, 0, webhooks.pending);
    metrics_set(g->metrics, METRIC_WEBHOOK_OLDEST, 0, webhooks.oldest_ms * 1000);
    if (files.is_whole) {
        metrics_set(g->metrics, METRIC_FILES, 0, files.files);
        metrics_set(g->metrics, METRIC_FILES_BYTES, 0, files.bytes);
    }
    http_server_look_around(g->http, files.is_whole ? files.bytes : 0);
}

/* For people who ask the service manager; said again when it has changed. */
static void tell_status(struct gateway *g, char told[STATUS_SIZE])
{
    struct backend_counts counts;
    char now[STATUS_SIZE];

    bytes_unref(hub_backends(g->hub, &counts));
    (void)snprintf(now, sizeof now, "serving at %s, %d of %d ComfyUI up%s",
                   http_server_url(g->http), counts.up, (int)g->backends.count,
                   counts.paused_since != 0 ? ", the queue is paused" : "");
    if (strcmp(now, told) != 0) {
        memcpy(told, now, sizeof now);
        service_status(now);
    }
}

static void wait_for_signal(struct gateway *g)
{
    static const struct timespec PAUSE = {.tv_sec = 1};
    const sigset_t *signals = &g->signals;
    char told[STATUS_SIZE] = "";
    int number = -1;

    while (number < 0) {
        tell_status(g, told);
        look_around(g);
        number = sigtimedwait(signals, NULL, &PAUSE);
    }
    service_stopping();
    log_info("stopping", LOG_S("signal", number == SIGTERM ? "TERM" : "INT"));
    /* A second one ends the process at once. */
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static enum errc start(struct gateway *g, int argc, char **argv, struct err *e)
{
    static enum errc (*const STEP[])(struct gateway *, struct err *) = {
        open_metrics, open_store,   open_blobs, open_renditions, open_templates,
        open_fetch,   open_courier, open_links, start_engine,    start_http};
    enum errc rc = load_settings(g, argc, argv, e);

    for (size_t i = 0; i < COUNT_OF(STEP) && rc == ERR_NONE; i++) {
        rc = STEP[i](g, e);
    }
    return rc;
}

static void see_key(void *arg, const struct api_key *k)
{
    (void)k;
    *(bool *)arg = true;
}

/* A gateway that asks for keys and has none serves nobody: that is told before somebody wonders. */
static void warn_without_keys(struct gateway *g)
{
    struct store_reader *reader = NULL;
    bool has_key = false;
    bool has_more = false;

    if (strcmp(g->config.auth_mode, "keys") != 0 || store_reader_open(g->store, &reader) != ST_OK) {
        return;
    }
    /* One that is revoked counts: somebody knew how. */
    if (store_keys(reader, ID_NONE, 1, see_key, &has_key, &has_more) == ST_OK && !has_key) {
        log_warn(
            "no_keys",
            LOG_S("make_one", "comfygate keys create NAME --role admin, with the same settings"));
    }
    store_reader_close(reader);
}

static int serve(int argc, char **argv)
{
    struct gateway g = {0};
    struct err e = ERR_INIT;
    int exit_code = EXIT_SUCCESS;

    (void)signal(SIGPIPE, SIG_IGN);
    /* Who started us may ignore it, and then nobody could learn how a child of ours ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&g.signals);
    (void)sigaddset(&g.signals, SIGTERM);
    (void)sigaddset(&g.signals, SIGINT);
    /* Before any thread: all inherit the mask, and sigwait takes the signals. */
    (void)pthread_sigmask(SIG_BLOCK, &g.signals, NULL);
    if (start(&g, argc, argv, &e) == ERR_NONE) {
        warn_without_keys(&g);
        log_info("listening", LOG_S("url", http_server_url(g.http)),
                 LOG_S("version", comfygate_version()), LOG_S("auth", g.config.auth_mode));
        (void)printf("comfygate listening on %s\n", http_server_url(g.http));
        (void)fflush(stdout);
        service_ready("serving");
        wait_for_signal(&g);
    } else {
        exit_code = complain(&e);
    }
    stop(&g);
    if (exit_code == EXIT_SUCCESS) {
        log_info("stopped");
    }
    return exit_code;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int serve_help(const char *verb)
{
    if (strcmp(verb, "keys") == 0) {
        key_options_help(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(verb, "migrate") == 0) {
        migrate_options_help(stdout);
        return EXIT_SUCCESS;
    }
    (void)printf("Usage: comfygate %s [--config FILE] [SETTING]...\n\nSettings:\n", verb);
    config_print_help(stdout);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "doctor") == 0) {
        return doctor_command(argc - 2, argv + 2);
    }
    if (strcmp(verb, "serve") != 0 && strcmp(verb, "migrate") != 0 && strcmp(verb, "keys") != 0) {
        return cli_main(argc, argv);
    }
    if (wants_help(argc - 2, argv + 2)) {
        return serve_help(verb);
    }
    if (strcmp(verb, "keys") == 0) {
        return keys_command(argc - 2, argv + 2);
    }
    return strcmp(verb, "serve") == 0 ? serve(argc - 2, argv + 2)
                                      : migrate_command(argc - 2, argv + 2);
}
