/* check.c - tells in plain words what is wrong, before a user meets it.
 *
 * One line per thing: "ok", "warn" or "FAIL", and what to do about it. Changes nothing anywhere.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "wire/read.h"

#define FEW_STARTS 50

enum verdict { OK, WARN, FAIL };

struct check {
    struct app *app;
    int exit_code;
};

static PRINTF_LIKE(3, 4) void tell(struct check *c, enum verdict verdict, const char *format, ...)
{
    static const char *const WORDS[] = {"ok  ", "warn", "FAIL"};
    va_list args;

    (void)printf("%s  ", WORDS[verdict]);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\n");
    (void)fflush(stdout);
    if (verdict == FAIL && c->exit_code == EXIT_SUCCESS) {
        c->exit_code = EXIT_FAILURE;
    }
}

/* Names come from elsewhere and go to a terminal. */
static const char *plain(const char *text, char out[64])
{
    size_t len = 0;

    for (; *text != '\0' && len < 63; text++) {
        out[len++] = (char)((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    }
    out[len] = '\0';
    return out;
}

/* ---- Discord --------------------------------------------------------------------------------- */

static bool check_token(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_discord(c->app, "/users/@me");
    char name[64];

    if (answer.status == 200) {
        tell(c, OK, "The token is right: it is that of %s (%s).",
             plain(read_text(answer.json, "username"), name), read_text(answer.json, "id"));
        return true;
    }
    if (answer.status == 401) {
        tell(c, FAIL,
             "The token is wrong. Make a new one in the Developer Portal (Bot, Reset Token).");
        c->exit_code = EXIT_TOKEN;
    } else {
        tell(c, FAIL, "Discord at %s: %s.", c->app->settings.api_base, answer.reason);
    }
    return false;
}

static void check_key(struct check *c, const cJSON *application)
{
    const char *key = read_text(application, "verify_key");

    if (c->app->settings.public_key[0] != '\0' && key[0] != '\0' &&
        strcasecmp(key, c->app->settings.public_key) != 0) {
        tell(c, FAIL, "public_key is that of another application: this one's is %.64s.", key);
    }
}

static void check_endpoint(struct check *c, const cJSON *application)
{
    const char *url = read_text(application, "interactions_endpoint_url");
    bool is_http = strcmp(c->app->settings.mode, "http") == 0;
    char shown[64];

    if (url[0] != '\0' && !is_http) {
        tell(c, FAIL,
             "The application has the Interactions Endpoint URL %s, so Discord sends no command to "
             "this bot. Remove it in the Developer Portal (General Information), or set mode to "
             "http.",
             plain(url, shown));
    } else if (url[0] == '\0' && is_http) {
        tell(c, WARN,
             "mode is http, but the application has no Interactions Endpoint URL. Start the bot, "
             "then set it in the Developer Portal (General Information).");
    } else if (is_http) {
        tell(c, OK, "Discord sends commands to %s.", plain(url, shown));
    }
}

static void check_application(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_discord(c->app, "/applications/@me");
    const cJSON *is_public = cJSON_GetObjectItemCaseSensitive(answer.json, "bot_public");
    char name[64];

    if (answer.status != 200) {
        tell(c, FAIL, "The application is not known: %s.", answer.reason);
        return;
    }
    app_learn(c->app, answer.json);
    tell(c, OK, "The application is %s (%s).", plain(read_text(answer.json, "name"), name),
         c->app->bot.application_id);
    if (cJSON_IsFalse(is_public)) {
        tell(c, OK, "It is not public: only its owner can invite it.");
    }
    check_endpoint(c, answer.json);
    check_key(c, answer.json);
}

static void check_gateway(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_discord(c->app, "/gateway/bot");
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(answer.json, "session_start_limit");
    int64_t left = read_int(limit, "remaining", -1);
    int64_t shards = read_int(answer.json, "shards", 1);
    int index = 0;
    int count = 0;

    if (strcmp(c->app->settings.mode, "gateway") != 0) {
        return;
    }
    if (answer.status != 200) {
        tell(c, FAIL, "Discord's Gateway: %s.", answer.reason);
        return;
    }
    settings_shard(&c->app->settings, &index, &count);
    tell(c, left >= 0 && left < FEW_STARTS ? WARN : OK,
         "The bot may connect %lld more times before %lld minutes are over.", (long long)left,
         (long long)(read_int(limit, "reset_after", 0) / 60000));
    if (shards > 1 && count < shards) {
        tell(c, WARN,
             "Discord advises %lld shards for so many servers; the setting shard says which this "
             "process serves.",
             (long long)shards);
    }
}

static void check_commands_at(struct check *c, const char *guild)
{
    AUTO(free_ptr)
    char *path =
        guild[0] != '\0'
            ? xasprintf("/applications/%s/guilds/%s/commands", c->app->bot.application_id, guild)
            : xasprintf("/applications/%s/commands", c->app->bot.application_id);
    AUTO(app_answer_clear) struct app_answer answer = app_ask_discord(c->app, path);
    const char *where = guild[0] != '\0' ? guild : "everywhere";

    if (answer.status == 200 && cJSON_GetArraySize(answer.json) > 0) {
        tell(c, OK, "Commands (%s): %d are registered.", where, cJSON_GetArraySize(answer.json));
    } else if (answer.status == 200) {
        tell(c, OK, "Commands (%s): none yet; they are registered when the bot starts.", where);
    } else if (guild[0] != '\0' && (answer.status == 403 || answer.status == 404)) {
        tell(c, FAIL,
             "Commands (%s): the bot is not in this server, or was invited without "
             "applications.commands. Use the link below.",
             where);
    } else {
        tell(c, FAIL, "Commands (%s): %s.", where, answer.reason);
    }
}

static void check_commands(struct check *c)
{
    const char *at = c->app->settings.guild_ids;

    if (c->app->bot.application_id[0] == '\0') {
        return;
    }
    if (at[strspn(at, ", ")] == '\0') {
        check_commands_at(c, "");
        return;
    }
    for (at += strspn(at, ", "); *at != '\0'; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ", ");
        AUTO(free_ptr) char *guild = xstrndup(at, len);

        check_commands_at(c, guild);
        at += len;
    }
}

/* ---- comfygate ------------------------------------------------------------------------------- */

static bool check_reached(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_gate(c->app, "/openapi.json");
    const cJSON *info = cJSON_GetObjectItemCaseSensitive(answer.json, "info");
    const char *version = read_text(info, "version");
    char shown[64];

    if (answer.status == 0) {
        tell(c, FAIL,
             "comfygate at %s cannot be reached. Is it running, and is COMFYGATE_URL right?",
             c->app->settings.gate_url);
        return false;
    }
    if (answer.status != 200) {
        tell(c, FAIL, "What is at %s answers with status %d: is it comfygate?",
             c->app->settings.gate_url, answer.status);
        return false;
    }
    tell(c, OK, "comfygate at %s answers; it is version %s.", c->app->settings.gate_url,
         plain(version, shown));
    return true;
}

static void check_ready(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_gate(c->app, "/readyz");
    const char *status = read_text(answer.json, "status");

    if (strcmp(status, "ready") == 0) {
        tell(c, OK, "It takes jobs, and a ComfyUI is there.");
    } else if (strcmp(status, "degraded") == 0) {
        tell(c, WARN, "It takes jobs, but a ComfyUI is away: they may wait.");
    } else {
        tell(c, FAIL, "It takes no jobs now; GET /readyz tells why.");
    }
}

static void check_templates(struct check *c)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_gate(c->app, "/v1/templates");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer.json, "data");
    const cJSON *entry = NULL;
    int can_run = 0;
    int unknown = 0;

    cJSON_ArrayForEach(entry, list) {
        can_run += read_true(entry, "available") ? 1 : 0;
        unknown += cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(entry, "available")) ? 1 : 0;
    }
    if (answer.status == 401) {
        tell(c, FAIL,
             "comfygate asks for a key, and that of COMFYGATE_API_KEY is missing, mistyped, "
             "expired or "
             "revoked: `comfygate keys create discord --role user` makes one.");
    } else if (answer.status == 403) {
        tell(c, FAIL,
             "The key of COMFYGATE_API_KEY may not see the templates: the adapter needs one of the "
             "role "
             "user.");
    } else if (answer.status != 200) {
        tell(c, FAIL, "The templates: %s", answer.reason);
    } else if (can_run == 0 && unknown > 0) {
        tell(c, WARN,
             "Whether its templates can run is not known: no ComfyUI has told yet what it has.");
    } else if (can_run == 0) {
        tell(c, FAIL,
             "None of its %d templates can run: `comfygate templates` tells what they lack.",
             cJSON_GetArraySize(list));
    } else {
        tell(c, OK, "%d of its %d templates can run.", can_run, cJSON_GetArraySize(list));
    }
}

/* ---- the verb -------------------------------------------------------------------------------- */

static void print_invitation(const struct check *c)
{
    if (c->app->bot.application_id[0] != '\0') {
        (void)printf(
            "\nInvite the bot to a server:\n"
            "https://discord.com/oauth2/"
            "authorize?client_id=%s&scope=bot+applications.commands&permissions=" INVITE_RIGHTS
            "\n",
            c->app->bot.application_id);
    }
}

int check_verb(const struct setting_sources *from)
{
    struct app *a = xcalloc(1, sizeof *a);
    struct check c = {.app = a, .exit_code = EXIT_SUCCESS};
    struct err e = ERR_INIT;

    if (app_open(a, from, &e) == ERR_NONE) {
        log_setup(LOG_TEXT, LOG_ERROR);
        if (check_token(&c)) {
            check_application(&c);
            check_gateway(&c);
            check_commands(&c);
        }
        if (check_reached(&c)) {
            check_ready(&c);
            check_templates(&c);
        }
        print_invitation(&c);
    } else {
        c.exit_code = app_complain(&e);
    }
    app_close(a, NULL);
    free(a);
    return c.exit_code;
}
