/* app.c - see app.h.
 */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/policy.h"
#include "bot/track.h"
#include "bot/work.h"
#include "link/http_in.h"
#include "net/ws.h"
#include "wire/read.h"

#define ASK_MS        30000
#define GATE_PATIENCE 3000
#define TURN_MS       1000

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

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void on_catalog(void *arg)
{
    struct app *a = arg;

    if (a->catalog_changed != NULL) {
        a->catalog_changed(a->arg);
    }
}

static void open_links(struct app *a)
{
    const struct settings *s = &a->settings;
    struct bot *b = &a->bot;

    b->discord = discord_new(
        b->loop, &(struct discord_config){.api_base = s->api_base,
                                          .token = s->token,
                                          .ca_file = or_null(s->ca_file),
                                          .global_per_second = (int)s->global_per_second,
                                          .invalid_max = (int)s->invalid_max});
    b->comfygate = comfygate_new(
        b->loop, &(struct comfygate_config){
                     .url = s->gate_url, .key = s->gate_key, .ca_file = or_null(s->gate_ca_file)});
}

enum errc app_open(struct app *a, const struct setting_sources *from, struct err *e)
{
    struct bot *b = &a->bot;
    enum errc code = ERR_NONE;

    list_init(&b->work);
    list_init(&b->submissions);
    code = settings_load(&a->settings, from, e);
    if (code != ERR_NONE) {
        return code;
    }
    a->has_settings = true;
    log_setup(strcmp(a->settings.log_format, "json") == 0 ? LOG_JSON : LOG_TEXT,
              level_of(a->settings.log_level));
    code = loop_open(ws_protocols(), &b->loop, e);
    if (code != ERR_NONE) {
        return code;
    }
    b->settings = &a->settings;
    b->policy = policy_new(&a->settings, e);
    if (b->policy == NULL) {
        return e->code != ERR_NONE ? e->code : ERR_INVALID_PARAMETER;
    }
    b->seen = map_new();
    open_links(a);
    b->catalog = catalog_new(b->loop, b->comfygate, a->settings.templates_ms, on_catalog, a);
    b->tracker = tracker_new(b);
    return ERR_NONE;
}

/* First what has calls under way, then the calls, then who waited for them. */
void app_close(struct app *a, struct http_in *http)
{
    struct bot *b = &a->bot;

    if (b->tracker != NULL) {
        tracker_free(b->tracker);
    }
    if (b->catalog != NULL) {
        catalog_free(b->catalog);
    }
    if (b->loop != NULL) {
        loop_timer_off(b->loop, &b->sweep);
        loop_timer_off(b->loop, &b->resume);
    }
    discord_free(b->discord);
    comfygate_free(b->comfygate);
    work_drop_all(b);
    http_in_close(http);
    if (b->policy != NULL) {
        policy_free(b->policy);
    }
    map_free(b->seen);
    loop_close(b->loop);
    if (a->has_settings) {
        settings_clear(&a->settings);
    }
}

int app_complain(const struct err *e)
{
    (void)fprintf(stderr, "comfygate-discord: %s\n",
                  e->detail[0] != '\0' ? e->detail : err_title(e->code));
    return e->code == ERR_INVALID_PARAMETER || e->code == ERR_NOT_FOUND ? EXIT_USAGE : EXIT_FAILURE;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asking {
    struct app_answer answer;
    bool is_done;
};

void app_answer_clear(struct app_answer *answer)
{
    cJSON_Delete(answer->json);
    free(answer->reason);
    *answer = (struct app_answer){.status = 0};
}

static void on_discord(void *arg, const struct discord_result *r)
{
    struct asking *asking = arg;

    asking->is_done = true;
    asking->answer.status = r->status;
    asking->answer.json = r->json != NULL ? cJSON_Duplicate(r->json, true) : NULL;
    asking->answer.reason = xstrdup(r->reason);
}

static void on_gate(void *arg, const struct comfygate_result *r)
{
    struct asking *asking = arg;

    asking->is_done = true;
    asking->answer.status = r->status;
    asking->answer.json = r->json != NULL ? cJSON_Duplicate(r->json, true) : NULL;
    asking->answer.reason = xstrdup(r->sentence);
}

static void wait_for(struct app *a, const struct asking *asking)
{
    int64_t until = clock_mono_ms() + ASK_MS;

    while (!asking->is_done && clock_mono_ms() < until) {
        loop_turn(a->bot.loop, TURN_MS);
    }
}

struct app_answer app_ask_discord(struct app *a, const char *path)
{
    struct asking asking = {.is_done = false};
    struct discord_call *call =
        discord_request(a->bot.discord, "GET", path, path, NULL, on_discord, &asking);

    wait_for(a, &asking);
    if (!asking.is_done) {
        discord_drop(call);
        asking.answer.reason = xstrdup("Discord did not answer in time");
    }
    return asking.answer;
}

struct app_answer app_ask_gate(struct app *a, const char *path)
{
    struct asking asking = {.is_done = false};
    struct comfygate_call *call =
        comfygate_start(a->bot.comfygate, &(struct comfygate_request){.method = "GET",
                                                                      .path = path,
                                                                      .patience_ms = GATE_PATIENCE,
                                                                      .done = on_gate,
                                                                      .arg = &asking});

    wait_for(a, &asking);
    if (!asking.is_done) {
        comfygate_drop(call);
        asking.answer.reason = xstrdup("comfygate did not answer in time");
    }
    return asking.answer;
}

void app_learn(struct app *a, const cJSON *application)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(application, "bot");
    struct bot *b = &a->bot;

    if (is_snowflake(read_text(application, "id"))) {
        (void)snprintf(b->application_id, sizeof b->application_id, "%s",
                       read_text(application, "id"));
    }
    if (is_snowflake(read_text(user, "id"))) {
        (void)snprintf(b->user_id, sizeof b->user_id, "%s", read_text(user, "id"));
    }
}
