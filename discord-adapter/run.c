/* run.c - the bot at work, from its start to a signal.
 *
 * Interactions come in by the Gateway or over HTTP, never both (Discord's rule). Once the application is known, the list of open jobs is
 * taken up; once comfygate's templates are known, too, the commands are registered if they changed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "base/version.h"
#include "bot/catalog.h"
#include "bot/commands.h"
#include "bot/handlers.h"
#include "bot/submit.h"
#include "bot/track.h"
#include "link/answer.h"
#include "link/gateway.h"
#include "link/http_in.h"
#include "wire/read.h"

#define TURN_MS      60000
#define STOP_MS      4000 /* for answers that are on their way */
#define STOP_TURN_MS 50
#define ASK_AGAIN_MS 5000
#define REGISTER_MS  60000 /* after a failure */
#define STATUS_SIZE  200

struct run {
    struct app app;
    sigset_t signals;
    int signal_fd;
    struct gateway_link *gateway;
    struct http_in *http;
    struct loop_timer ask_timer;
    struct loop_timer register_timer;
    bool is_begun; /* the application is known, and open jobs are taken up */
    bool is_registering;
    bool must_register_again;
    bool is_stopping;
    int exit_code;
    struct service_beat beat;
    char told_status[STATUS_SIZE];
};

static void stop(struct run *r, int exit_code)
{
    if (!r->is_stopping) {
        r->is_stopping = true;
        r->exit_code = exit_code;
    }
}

/* ---- commands -------------------------------------------------------------------------------- */

static void register_commands(struct run *r);

static void on_register_due(void *arg)
{
    register_commands(arg);
}

static void on_registered(void *arg, bool ok, const char *sentence)
{
    struct run *r = arg;

    r->is_registering = false;
    if (ok) {
        log_info("commands_registered", LOG_S("text", sentence));
    } else {
        /* The old ones go on working. */
        log_warn("commands_not_registered", LOG_S("reason", sentence));
        loop_timer_set(r->app.bot.loop, &r->register_timer, REGISTER_MS, on_register_due, r);
    }
    if (r->must_register_again) {
        r->must_register_again = false;
        register_commands(r);
    }
}

static void register_commands(struct run *r)
{
    struct bot *b = &r->app.bot;

    if (!r->is_begun || !catalog_is_known(b->catalog)) {
        return;
    }
    if (r->is_registering) {
        r->must_register_again = true;
        return;
    }
    r->is_registering = true;
    loop_timer_off(b->loop, &r->register_timer);
    commands_register(b, false, on_registered, r);
}

static void on_catalog(void *arg)
{
    struct run *r = arg;

    register_commands(r);
    tracker_give_turns(r->app.bot.tracker);
}

/* ---- the application ------------------------------------------------------------------------- */

/* Each time that Discord has told who we are. */
static void begin(struct run *r)
{
    struct bot *b = &r->app.bot;

    if (r->is_begun || b->application_id[0] == '\0') {
        return;
    }
    r->is_begun = true;
    log_info("bot_ready", LOG_S("application", b->application_id), LOG_S("user", b->user_id));
    tracker_start(b->tracker);
    submit_resume(b);
    setup_sweep(b);
    register_commands(r);
}

/* With the other way in switched on in the Developer Portal, this bot would stay silent. */
static void compare_ways(const struct run *r, const cJSON *application)
{
    bool has_endpoint = read_text(application, "interactions_endpoint_url")[0] != '\0';
    bool is_http = strcmp(r->app.settings.mode, "http") == 0;

    if (has_endpoint && !is_http) {
        log_error("interactions_go_elsewhere",
                  LOG_S("reason", "the application has an Interactions Endpoint URL, so Discord "
                                  "sends no command here; remove it in the Developer Portal, or "
                                  "set mode = http"));
    }
    if (!has_endpoint && is_http) {
        log_warn("interactions_endpoint_missing",
                 LOG_S("reason", "the application has no Interactions Endpoint URL yet: set it in "
                                 "the Developer Portal to the address that leads here"));
    }
}

static void ask_application(void *arg);

static void on_application(void *arg, const struct discord_result *result)
{
    struct run *r = arg;

    if (result->status == 200) {
        compare_ways(r, result->json);
        app_learn(&r->app, result->json);
        begin(r);
    } else if (!discord_is_refused(r->app.bot.discord)) {
        log_warn("application_unknown", LOG_S("reason", result->reason));
        loop_timer_set(r->app.bot.loop, &r->ask_timer, ASK_AGAIN_MS, ask_application, r);
    }
}

static void ask_application(void *arg)
{
    struct run *r = arg;

    (void)discord_request(r->app.bot.discord, "GET", "/applications/@me", "/applications/@me", NULL,
                          on_application, r);
}

/* ---- interactions ---------------------------------------------------------------------------- */

static void handle(struct run *r, struct interaction *i, answer_respond *respond, void *arg)
{
    struct bot *b = &r->app.bot;
    struct answer *a = answer_new(b->loop, b->discord, i, respond, arg);

    bot_interaction(b, i, a);
    answer_unref(a);
}

static void on_dispatch(void *arg, const char *event, cJSON *data)
{
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    if (strcmp(event, "INTERACTION_CREATE") != 0 || data == NULL) {
        cJSON_Delete(data);
        return;
    }
    if (interaction_from(data, &i, &e) != ERR_NONE) {
        log_warn("interaction_refused", LOG_S("reason", e.detail));
        return;
    }
    handle(arg, i, NULL, NULL);
}

static bool on_respond(void *arg, const char *json, const struct message *files)
{
    return http_in_respond(arg, json, files);
}

static void on_http_interaction(void *arg, struct interaction *i, struct http_in_request *request)
{
    handle(arg, i, on_respond, request);
}

/* ---- the Gateway ----------------------------------------------------------------------------- */

static void on_ready(void *arg)
{
    struct run *r = arg;
    struct bot *b = &r->app.bot;
    const struct session *s = gateway_link_session(r->gateway);

    (void)snprintf(b->application_id, sizeof b->application_id, "%s", session_application_id(s));
    (void)snprintf(b->user_id, sizeof b->user_id, "%s", session_user_id(s));
    if (!r->is_begun) {
        ask_application(r);
    }
    begin(r);
}

static void on_fatal(void *arg, const char *reason, int exit_code)
{
    log_error("gateway_refused", LOG_S("reason", reason));
    (void)fprintf(stderr, "comfygate-discord: %s\n", reason);
    stop(arg, exit_code);
}

/* ---- the start, and the end ------------------------------------------------------------------ */

static void open_gateway(struct run *r)
{
    static const struct gateway_events events = {
        .ready = on_ready, .dispatch = on_dispatch, .fatal = on_fatal};
    struct settings *s = &r->app.settings;
    struct session_config config = {.token = s->token};

    settings_shard(s, &config.shard, &config.shard_count);
    r->gateway = gateway_link_new(r->app.bot.loop, r->app.bot.discord, &config,
                                  s->ca_file[0] != '\0' ? s->ca_file : NULL, &events, r);
    r->app.bot.gateway = r->gateway;
}

static enum errc open_http(struct run *r, struct err *e)
{
    const struct settings *s = &r->app.settings;
    enum errc code = http_in_open(r->app.bot.loop, s->listen, s->public_key, on_http_interaction, r,
                                  &r->http, e);

    if (code == ERR_NONE) {
        (void)printf("comfygate-discord listening on http://%s\n", http_in_address(r->http));
        (void)fflush(stdout);
        log_info("listening", LOG_S("address", http_in_address(r->http)));
        ask_application(r);
    }
    return code;
}

static void on_signal(void *arg, int fd, int events)
{
    struct run *r = arg;
    struct signalfd_siginfo info = {.ssi_signo = 0};

    (void)events;
    if (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        log_info("stopping", LOG_S("signal", info.ssi_signo == SIGTERM ? "TERM" : "INT"));
        /* A second one ends the process at once. */
        (void)pthread_sigmask(SIG_UNBLOCK, &r->signals, NULL);
        stop(r, EXIT_SUCCESS);
    }
}

static enum errc watch_signals(struct run *r, struct err *e)
{
    r->signal_fd = signalfd(-1, &r->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signal_fd < 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "signals cannot be watched");
    }
    loop_watch(r->app.bot.loop, r->signal_fd, LOOP_READ, on_signal, r);
    return ERR_NONE;
}

static enum errc start(struct run *r, const struct setting_sources *from, struct err *e)
{
    enum errc code = app_open(&r->app, from, e);

    if (code == ERR_NONE) {
        code = watch_signals(r, e);
    }
    if (code != ERR_NONE) {
        return code;
    }
    r->app.catalog_changed = on_catalog;
    r->app.arg = r;
    log_info("starting", LOG_S("version", comfygate_version()), LOG_S("mode", r->app.settings.mode),
             LOG_S("comfygate", r->app.settings.gate_url));
    if (strcmp(r->app.settings.mode, "http") == 0) {
        return open_http(r, e);
    }
    open_gateway(r);
    return ERR_NONE;
}

/* For people who ask the service manager; said again when it has changed. */
static void tell_status(struct run *r)
{
    char now[STATUS_SIZE];

    if (r->http != NULL) {
        (void)snprintf(now, sizeof now, "Discord calls at http://%s", http_in_address(r->http));
    } else {
        (void)snprintf(now, sizeof now, "%s to Discord",
                       session_is_ready(gateway_link_session(r->gateway)) ? "connected"
                                                                          : "not connected");
    }
    if (!comfygate_is_up(r->app.bot.comfygate)) {
        (void)snprintf(now + strlen(now), sizeof now - strlen(now), ", comfygate is not reached");
    }
    if (strcmp(now, r->told_status) != 0) {
        memcpy(r->told_status, now, sizeof now);
        service_status(now);
    }
}

static void work(struct run *r)
{
    service_beat_init(&r->beat);
    service_ready("starting to connect");
    while (!r->is_stopping) {
        tell_status(r);
        service_beat(&r->beat, clock_mono_ms());
        loop_turn(r->app.bot.loop, service_beat_wait(&r->beat, TURN_MS));
        if (discord_is_refused(r->app.bot.discord) && !r->is_stopping) {
            (void)fprintf(stderr,
                          "comfygate-discord: Discord does not accept the bot's token; make "
                          "a new one in the Developer Portal (Bot, Reset Token)\n");
            stop(r, EXIT_TOKEN);
        }
    }
}

/* Handlers that wait may still answer; jobs go on at comfygate and are taken up at the next start. */
static void wind_up(struct run *r)
{
    struct bot *b = &r->app.bot;
    int64_t until = clock_mono_ms() + STOP_MS;
    bool is_closed = false;

    if (b->loop == NULL) {
        return;
    }
    while (clock_mono_ms() < until) {
        is_closed = r->gateway == NULL || gateway_link_close(r->gateway);
        if (is_closed && (list_empty(&b->work) || r->exit_code != EXIT_SUCCESS)) {
            break;
        }
        loop_turn(b->loop, STOP_TURN_MS);
    }
}

static void close_all(struct run *r)
{
    struct loop *loop = r->app.bot.loop;

    gateway_link_free(r->gateway);
    r->app.bot.gateway = NULL;
    if (loop != NULL) {
        loop_timer_off(loop, &r->ask_timer);
        loop_timer_off(loop, &r->register_timer);
    }
    if (r->signal_fd >= 0) {
        loop_watch(loop, r->signal_fd, 0, NULL, NULL);
        file_close(&r->signal_fd);
    }
}

int run_verb(const struct setting_sources *from)
{
    struct run *r = xcalloc(1, sizeof *r);
    struct err e = ERR_INIT;
    int exit_code = EXIT_SUCCESS;

    r->signal_fd = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&r->signals);
    (void)sigaddset(&r->signals, SIGTERM);
    (void)sigaddset(&r->signals, SIGINT);
    /* Before any thread, so that all inherit it. */
    (void)pthread_sigmask(SIG_BLOCK, &r->signals, NULL);
    if (start(r, from, &e) == ERR_NONE) {
        work(r);
        service_stopping();
        wind_up(r);
        exit_code = r->exit_code;
    } else {
        exit_code = app_complain(&e);
    }
    close_all(r);
    app_close(&r->app, r->http);
    if (exit_code == EXIT_SUCCESS) {
        log_info("stopped");
    }
    free(r);
    return exit_code;
}
