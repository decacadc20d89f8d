/* dispatch.c - where every interaction comes in: each once, by who may, to its handler.
 */
#include "bot/bot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/handlers.h"
#include "bot/policy.h"
#include "bot/say.h"
#include "bot/work.h"
#include "wire/custom_id.h"

#define EARLY_MS      800
#define EARLY_STEP_MS 20
#define UNREACHED     "The picture service cannot be reached just now. Please try again in a minute."

static const struct {
    const char *name;
    enum command_type type;
    bot_handler *handler;
} commands[] = {
    {"generate", COMMAND_CHAT, cmd_generate},   {"edit", COMMAND_CHAT, cmd_edit},
    {"upscale", COMMAND_CHAT, cmd_upscale},     {"animate", COMMAND_CHAT, cmd_animate},
    {"editflux", COMMAND_CHAT, cmd_editflux},   {"editqwen", COMMAND_CHAT, cmd_editqwen},
    {"queue", COMMAND_CHAT, cmd_queue},         {"cancel", COMMAND_CHAT, cmd_cancel},
    {"jobs", COMMAND_CHAT, cmd_jobs},           {"show", COMMAND_CHAT, cmd_show},
    {"settings", COMMAND_CHAT, cmd_settings},   {"status", COMMAND_CHAT, cmd_status},
    {"loras", COMMAND_CHAT, cmd_loras},         {"help", COMMAND_CHAT, cmd_help},
    {"Edit", COMMAND_MESSAGE, menu_edit},       {"Upscale", COMMAND_MESSAGE, menu_upscale},
    {"Animate", COMMAND_MESSAGE, menu_animate},
};

static press_handler *const presses[PRESS_COUNT] = {
    [PRESS_CANCEL] = press_cancel,
    [PRESS_UPSCALE] = press_upscale,
    [PRESS_EDIT] = press_edit,
    [PRESS_EDIT_SEND] = press_edit_send,
    [PRESS_ANIMATE] = press_animate,
    [PRESS_ANIMATE_SEND] = press_animate_send,
    [PRESS_VARY] = press_vary,
    [PRESS_AGAIN] = press_again,
    [PRESS_CHANGE] = press_change,
    [PRESS_CHANGE_SEND] = press_change_send,
    [PRESS_SETTINGS_SHOW] = press_settings_show,
    [PRESS_DELETE] = press_delete,
    [PRESS_DELETE_YES] = press_delete_yes,
    [PRESS_SHOW] = press_show,
    [PRESS_SETUP_MODEL] = press_setup_model,
    [PRESS_SETUP_LORA] = press_setup_lora,
    [PRESS_SETUP_STRENGTH] = press_setup_strength,
    [PRESS_SETUP_EDIT] = press_setup_edit,
    [PRESS_SETUP_EDIT_SEND] = press_setup_edit_send,
    [PRESS_SETUP_GO] = press_setup_go,
    [PRESS_MENU_SEND] = press_menu_send,
    [PRESS_PREFS] = press_prefs,
    [PRESS_PREFS_SEND] = press_prefs_send,
};

/* Takes i. */
static void refuse(struct interaction *i, struct answer *a, const char *sentence)
{
    if (i->type == INTERACTION_AUTOCOMPLETE) {
        answer_choices(a, require_memory(cJSON_CreateArray()));
    } else {
        say_error(a, sentence);
    }
    interaction_free(i);
}

static void run_command(struct bot *b, struct interaction *i, struct answer *a)
{
    for (size_t n = 0; n < COUNT_OF(commands); n++) {
        if (strcmp(commands[n].name, i->command) == 0 && commands[n].type == i->command_type) {
            commands[n].handler(b, i, a);
            return;
        }
    }
    refuse(i, a,
           "I do not know this command any more. It may take an hour until Discord has forgotten "
           "it, too.");
}

/* Without the templates it would say that a model is gone. */
static bool needs_catalog(enum press_action action)
{
    static const enum press_action does_not[] = {PRESS_CANCEL, PRESS_SETTINGS_SHOW, PRESS_DELETE,
                                                 PRESS_DELETE_YES, PRESS_SHOW};

    for (size_t n = 0; n < COUNT_OF(does_not); n++) {
        if (does_not[n] == action) {
            return false;
        }
    }
    return true;
}

static void run_press(struct bot *b, struct interaction *i, struct answer *a)
{
    struct custom_id id;

    switch (custom_id_read(i->custom_id, &id)) {
    case CUSTOM_ID_OK:
        if (!catalog_is_known(b->catalog) && needs_catalog(id.action)) {
            refuse(i, a, UNREACHED);
        } else {
            presses[id.action](b, i, a, &id);
        }
        return;
    case CUSTOM_ID_OTHER_VERSION:
        refuse(i, a, "This button was made by another version of me. Please use a newer message.");
        return;
    case CUSTOM_ID_UNKNOWN:
        break;
    }
    refuse(i, a, "I do not know this button.");
}

/* Discord repeats what it is not sure of, and a RESUME replays: the same id is the same interaction. Bounded: the oldest is forgotten. */
static bool is_new(struct bot *b, const char *id)
{
    char *oldest = b->seen_order[b->seen_next];

    if (map_get(b->seen, id) != NULL) {
        return false;
    }
    if (oldest[0] != '\0') {
        (void)map_remove(b->seen, oldest);
    }
    (void)snprintf(oldest, sizeof b->seen_order[0], "%s", id);
    map_put(b->seen, id, b);
    b->seen_next = (b->seen_next + 1) % BOT_SEEN_MAX;
    return true;
}

static const char *kind_of(const struct interaction *i)
{
    return i->command != NULL ? i->command : i->type == INTERACTION_MODAL ? "modal" : "component";
}

static void run(struct bot *b, struct interaction *i, struct answer *a)
{
    switch (i->type) {
    case INTERACTION_COMMAND:
        run_command(b, i, a);
        return;
    case INTERACTION_AUTOCOMPLETE:
        autocomplete(b, i, a);
        return;
    case INTERACTION_COMPONENT:
    case INTERACTION_MODAL:
        run_press(b, i, a);
        return;
    case INTERACTION_PING:
    case INTERACTION_UNKNOWN:
        break;
    }
    log_info("interaction_unknown", LOG_S("interaction", i->id));
    answer_never(a);
    interaction_free(i);
}

/* ---- what comes before the templates are known, just after the start ------------------------- */

struct early {
    struct work work;
    struct bot *bot;
    struct interaction *i;
    struct answer *a;
    struct loop_timer timer;
    int64_t until_mono_ms;
};

static void early_drop(struct work *w)
{
    struct early *e = container_of(w, struct early, work);

    loop_timer_off(e->bot->loop, &e->timer);
    interaction_free(e->i);
    answer_unref(e->a);
    free(e);
}

static void look_again(void *arg)
{
    struct early *e = arg;

    if (!catalog_is_known(e->bot->catalog) && clock_mono_ms() < e->until_mono_ms) {
        loop_timer_set(e->bot->loop, &e->timer, EARLY_STEP_MS, look_again, e);
        return;
    }
    run(e->bot, take_ptr(&e->i), e->a);
    work_end(&e->work);
    early_drop(&e->work);
}

/* A moment of patience, which leaves enough of Discord's 3 s for the handler. Takes i. */
static void run_early(struct bot *b, struct interaction *i, struct answer *a)
{
    struct early *e = xcalloc(1, sizeof *e);

    work_begin(b, &e->work, early_drop);
    e->bot = b;
    e->i = i;
    e->a = answer_ref(a);
    e->until_mono_ms = clock_mono_ms() + EARLY_MS;
    look_again(e);
}

void bot_interaction(struct bot *b, struct interaction *i, struct answer *a)
{
    AUTO(buf_clear) struct buf why = BUF_INIT(512);

    if (!is_new(b, i->id)) {
        log_info("interaction_repeated", LOG_S("interaction", i->id));
        answer_never(a);
        interaction_free(i);
        return;
    }
    log_info("interaction", LOG_S("interaction", i->id), LOG_S("kind", kind_of(i)),
             LOG_I("type", i->type));
    if (!policy_admits(b->policy, i, &why)) {
        refuse(i, a, buf_str(&why));
        return;
    }
    if (catalog_is_known(b->catalog) || i->type == INTERACTION_AUTOCOMPLETE) {
        run(b, i, a);
    } else {
        run_early(b, i, a);
    }
}
