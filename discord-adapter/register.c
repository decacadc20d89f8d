/* register.c - registers the commands now, whether they changed or not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/commands.h"

#define CATALOG_MS  20000
#define REGISTER_MS 60000
#define TURN_MS     200

struct registering {
    bool is_done;
    bool is_ok;
    char *sentence;
};

static void on_done(void *arg, bool ok, const char *sentence)
{
    struct registering *r = arg;

    r->is_done = true;
    r->is_ok = ok;
    r->sentence = xstrdup(sentence);
}

static int fail(const char *what, int exit_code)
{
    (void)fprintf(stderr, "comfygate-discord: %s\n", what);
    return exit_code;
}

static bool learn_application(struct app *a, int *exit_code)
{
    AUTO(app_answer_clear) struct app_answer answer = app_ask_discord(a, "/applications/@me");

    if (answer.status == 200) {
        app_learn(a, answer.json);
        return true;
    }
    *exit_code = answer.status == 401 ? fail("Discord does not accept the bot's token", EXIT_TOKEN)
                                      : fail(answer.reason, EXIT_FAILURE);
    return false;
}

static bool wait_for_catalog(struct app *a)
{
    int64_t until = clock_mono_ms() + CATALOG_MS;

    while (!catalog_is_known(a->bot.catalog) && clock_mono_ms() < until) {
        loop_turn(a->bot.loop, TURN_MS);
    }
    return catalog_is_known(a->bot.catalog);
}

static int register_now(struct app *a)
{
    struct registering r = {.is_done = false};
    int64_t until = clock_mono_ms() + REGISTER_MS;
    int exit_code = EXIT_FAILURE;

    if (!learn_application(a, &exit_code)) {
        return exit_code;
    }
    if (!wait_for_catalog(a)) {
        return fail("comfygate cannot be reached, or does not tell its templates, of which the "
                    "commands are made",
                    EXIT_FAILURE);
    }
    commands_register(&a->bot, true, on_done, &r);
    while (!r.is_done && clock_mono_ms() < until) {
        loop_turn(a->bot.loop, TURN_MS);
    }
    if (!r.is_done) {
        return fail("Discord did not answer in time", EXIT_FAILURE);
    }
    if (r.is_ok) {
        (void)printf("The commands are registered %s.\n", a->settings.guild_ids[0] != '\0'
                                                              ? "in the servers of guild_ids"
                                                              : "everywhere");
        exit_code = EXIT_SUCCESS;
    } else {
        exit_code = fail(r.sentence, EXIT_FAILURE);
    }
    free(r.sentence);
    return exit_code;
}

int register_verb(const struct setting_sources *from)
{
    struct app *a = xcalloc(1, sizeof *a);
    struct err e = ERR_INIT;
    int exit_code = app_open(a, from, &e) == ERR_NONE ? register_now(a) : app_complain(&e);

    app_close(a, NULL);
    free(a);
    return exit_code;
}
