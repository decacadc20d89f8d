/* setup.c - the view before generating: model, LoRA, strength, a dialogue of settings, Generate.
 *
 * What was chosen is the preference `setup.<interaction>` (template, values, LoRA, strength, user), named in every custom_id of the view; so it works after any
 * restart, for as long as the preference is kept (a day: setup_sweep).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/params.h"
#include "bot/prefs.h"
#include "bot/say.h"
#include "bot/work.h"
#include "wire/read.h"
#include "wire/text.h"

#define KEPT_MS      INT64_C(86400000)
#define COLOUR       0x5865F2U
#define SELECT_MAX   25
#define NO_LORA      "-"
#define LORAS_PATH   "/v1/models/loras?limit=24"
#define PATIENCE_MS  2000
#define VALUES_SHOWN 8
#define TEXT_MAX     4000

enum change {
    CHANGE_NONE,
    CHANGE_MODEL,
    CHANGE_LORA,
    CHANGE_STRENGTH,
    CHANGE_VALUES,
    CHANGE_GO,
    CHANGE_ASK
};

struct setup {
    struct work work;
    struct bot *bot;
    struct interaction *i;
    struct answer *a;
    char id[48]; /* of the preference */
    enum change change;
    cJSON *state;
};

static void setup_drop(struct work *w)
{
    struct setup *s = container_of(w, struct setup, work);

    interaction_free(s->i);
    answer_unref(s->a);
    cJSON_Delete(s->state);
    free(s);
}

static void setup_end(struct setup *s)
{
    work_end(&s->work);
    setup_drop(&s->work);
}

static struct setup *setup_new(struct bot *b, struct interaction *i, struct answer *a,
                               const char *id, enum change change)
{
    struct setup *s = xcalloc(1, sizeof *s);

    work_begin(b, &s->work, setup_drop);
    s->bot = b;
    s->i = i;
    s->a = answer_ref(a);
    s->change = change;
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    return s;
}

static void set_text(cJSON *object, const char *key, const char *text)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    (void)cJSON_AddStringToObject(object, key, text);
}

static const struct template_entry *template_of(const struct setup *s)
{
    return catalog_default(s->bot->catalog, "text-to-image", read_text(s->state, "template"));
}

/* ---- the view ------------------------------------------------------------------------------- */

static struct custom_id press_id(const struct setup *s, enum press_action action)
{
    struct custom_id id = {.action = action};

    (void)snprintf(id.extra, sizeof id.extra, "%s", s->id);
    return id;
}

static void add_models(struct message *m, const struct setup *s, const struct template_entry *now)
{
    struct select_option option[SELECT_MAX];
    struct custom_id id = press_id(s, PRESS_SETUP_MODEL);
    size_t count = 0;

    for (size_t n = 0; n < catalog_count(s->bot->catalog) && count < SELECT_MAX; n++) {
        const struct template_entry *t = catalog_at(s->bot->catalog, n);

        if (catalog_is_of(t, "text-to-image")) {
            option[count++] =
                (struct select_option){.label = t->title,
                                       .value = t->name,
                                       .description = t->is_available ? t->description : t->reason,
                                       .is_default = t == now};
        }
    }
    message_select(m, &id, "Model", option, count);
}

static void add_loras(struct message *m, const struct setup *s, const cJSON *models)
{
    struct select_option option[SELECT_MAX] = {{.label = "No LoRA", .value = NO_LORA}};
    struct custom_id id = press_id(s, PRESS_SETUP_LORA);
    const char *chosen = read_text(s->state, "lora");
    const cJSON *model = NULL;
    size_t count = 1;

    cJSON_ArrayForEach(model, models) {
        const char *name = cJSON_IsString(model) ? model->valuestring : read_text(model, "name");

        if (count < SELECT_MAX && name[0] != '\0' && text_count(name) <= 100) {
            option[count++] = (struct select_option){
                .label = name, .value = name, .is_default = strcmp(name, chosen) == 0};
        }
    }
    if (count > 1) {
        message_select(m, &id, "LoRA (more with /generate lora:)", option, count);
    }
}

static void add_strengths(struct message *m, const struct setup *s)
{
    static const char *const strengths[] = {"0.25", "0.5", "0.75", "1", "1.25", "1.5", "2"};
    struct select_option option[COUNT_OF(strengths)];
    struct custom_id id = press_id(s, PRESS_SETUP_STRENGTH);
    double now = read_number(s->state, "strength", 1);

    for (size_t n = 0; n < COUNT_OF(strengths); n++) {
        option[n] =
            (struct select_option){.label = strengths[n],
                                   .value = strengths[n],
                                   .is_default = fabs(strtod(strengths[n], NULL) - now) < 0.001};
    }
    message_select(m, &id, "LoRA strength", option, COUNT_OF(strengths));
}

static void add_values(struct message *m, const struct setup *s)
{
    const cJSON *value = NULL;
    int shown = 0;

    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(s->state, "values")) {
        AUTO(free_ptr)
        char *print = cJSON_IsString(value) ? xstrdup(value->valuestring)
                                            : (char *)require_memory(cJSON_PrintUnformatted(value));
        AUTO(buf_clear) struct buf text = BUF_INIT(TEXT_MAX);

        if (shown++ < VALUES_SHOWN && print[0] != '\0') {
            text_escape(&text, print, 500);
            message_field(m, value->string, buf_str(&text), strlen(print) < 40);
        }
    }
}

static void say_view(struct setup *s, const cJSON *loras)
{
    const struct template_entry *t = template_of(s);
    struct message *m = message_new();
    struct custom_id edit = press_id(s, PRESS_SETUP_EDIT);
    struct custom_id go = press_id(s, PRESS_SETUP_GO);

    message_ephemeral(m);
    message_embed(m, t != NULL ? t->title : "Generate", t != NULL ? t->description : NULL, COLOUR);
    add_values(m, s);
    add_models(m, s, t);
    if (t != NULL && param_by_role(t, "loras") != NULL) {
        add_loras(m, s, loras);
        if (read_text(s->state, "lora")[0] != '\0') {
            add_strengths(m, s);
        }
    }
    message_row(m);
    message_button(m, BUTTON_SECONDARY, "Prompt and settings", "✏️", &edit, false);
    message_button(m, BUTTON_SUCCESS, "Generate", "🎨", &go, false);
    answer_say(s->a, m, NULL, NULL);
    message_free(m);
}

static void on_loras(void *arg, const struct comfygate_result *result)
{
    struct setup *s = arg;

    say_view(s, cJSON_GetObjectItemCaseSensitive(result->json, "data"));
    setup_end(s);
}

static void show_view(struct setup *s)
{
    (void)comfygate_start(s->bot->comfygate, &(struct comfygate_request){.method = "GET",
                                                                         .path = LORAS_PATH,
                                                                         .patience_ms = PATIENCE_MS,
                                                                         .done = on_loras,
                                                                         .arg = s});
}

static void on_put(void *arg, bool ok)
{
    struct setup *s = arg;

    if (!ok) {
        say_error(s->a,
                  "The picture service cannot be reached just now. Please try again in a minute.");
        setup_end(s);
        return;
    }
    show_view(s);
}

static void keep(struct setup *s)
{
    if (!prefs_fits(s->state)) {
        answer_whisper_text(s->a, "This is too long for the view. Give the prompt with /generate "
                                  "prompt: instead.");
        setup_end(s);
        return;
    }
    prefs_put(s->bot, "setup", s->id, s->state, on_put, s);
}

void setup_show(struct bot *b, struct interaction *i, struct answer *a,
                const struct template_entry *t, const cJSON *values)
{
    struct setup *s = setup_new(b, i, a, i->id, CHANGE_NONE);

    s->state = require_memory(cJSON_CreateObject());
    set_text(s->state, "user", i->user_id);
    set_text(s->state, "template", t->name);
    (void)cJSON_AddItemToObject(s->state, "values", params_to_keep(values));
    keep(s);
}

/* ---- what is pressed ------------------------------------------------------------------------ */

static void go(struct setup *s)
{
    const struct template_entry *t = template_of(s);
    const char *lora = read_text(s->state, "lora");
    struct params p;

    if (t == NULL || !t->is_available) {
        say_error(s->a, t == NULL ? "There is no model here." : t->reason);
        return;
    }
    params_init(&p, t);
    params_defaults(&p, cJSON_GetObjectItemCaseSensitive(s->state, "values"));
    if (lora[0] != '\0' && param_by_role(t, "loras") != NULL) {
        (void)!params_set_lora(&p, lora, read_number(s->state, "strength", 1));
    }
    if (params_complete(&p)) {
        params_submit(s->bot, s->i, s->a, &p, NULL);
    } else {
        answer_whisper_text(s->a, "Press \"Prompt and settings\" first, and write a prompt.");
    }
    params_clear(&p);
}

static void ask(struct setup *s)
{
    const struct template_entry *t = template_of(s);
    struct custom_id id = press_id(s, PRESS_SETUP_EDIT_SEND);
    struct modal_form form;

    if (t == NULL) {
        say_error(s->a, "There is no model here.");
        return;
    }
    form = params_modal_form(t, cJSON_GetObjectItemCaseSensitive(s->state, "values"));
    answer_modal(s->a, modal_tree(&id, t->title, form.input, form.count));
    params_modal_form_clear(&form);
}

/* False, with a sentence said, when a field cannot be taken. */
static bool take_values(struct setup *s)
{
    const struct template_entry *t = template_of(s);
    struct params p;
    cJSON *kept = NULL;
    bool ok = false;

    if (t == NULL) {
        say_error(s->a, "There is no model here.");
        return false;
    }
    params_init(&p, t);
    params_defaults(&p, cJSON_GetObjectItemCaseSensitive(s->state, "values"));
    ok = params_modal(&p, s->i);
    if (ok) {
        kept = params_to_keep(p.input);
        read_replace(s->state, "values", kept);
        cJSON_Delete(kept);
    } else {
        answer_whisper_text(s->a, buf_str(&p.why));
    }
    params_clear(&p);
    return ok;
}

/* Whether the state was changed, and is to be kept and shown. */
static bool apply(struct setup *s)
{
    const char *value = interaction_value(s->i);
    cJSON *number = NULL;

    value = value != NULL ? value : "";
    switch (s->change) {
    case CHANGE_MODEL:
        set_text(s->state, "template", value);
        return true;
    case CHANGE_LORA:
        set_text(s->state, "lora", strcmp(value, NO_LORA) == 0 ? "" : value);
        return true;
    case CHANGE_STRENGTH:
        number = require_memory(cJSON_CreateNumber(strtod(value, NULL)));
        read_replace(s->state, "strength", number);
        cJSON_Delete(number);
        return true;
    case CHANGE_VALUES:
        return take_values(s);
    case CHANGE_GO:
        go(s);
        return false;
    case CHANGE_ASK:
        ask(s);
        return false;
    case CHANGE_NONE:
        break;
    }
    return false;
}

static void on_state(void *arg, const cJSON *state, bool reached)
{
    struct setup *s = arg;

    if (state == NULL) {
        answer_whisper_text(s->a,
                            reached ? "This view is too old. /generate opens a new one."
                                    : "The picture service cannot be reached just now. Please try "
                                      "again in a minute.");
        setup_end(s);
        return;
    }
    if (strcmp(read_text(state, "user"), s->i->user_id) != 0) {
        answer_whisper_text(s->a, "This view is somebody else's. /generate opens one of your own.");
        setup_end(s);
        return;
    }
    s->state = require_memory(cJSON_Duplicate(state, true));
    if (apply(s)) {
        keep(s);
    } else {
        setup_end(s);
    }
}

static void press(struct bot *b, struct interaction *i, struct answer *a,
                  const struct custom_id *id, enum change change)
{
    struct setup *s = setup_new(b, i, a, id->extra, change);

    if (change != CHANGE_ASK && change != CHANGE_GO) {
        answer_in_time(a, true, true);
    }
    prefs_get(b, "setup", s->id, on_state, s);
}

void press_setup_model(struct bot *b, struct interaction *i, struct answer *a,
                       const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_MODEL);
}

void press_setup_lora(struct bot *b, struct interaction *i, struct answer *a,
                      const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_LORA);
}

void press_setup_strength(struct bot *b, struct interaction *i, struct answer *a,
                          const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_STRENGTH);
}

void press_setup_edit(struct bot *b, struct interaction *i, struct answer *a,
                      const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_ASK);
}

void press_setup_edit_send(struct bot *b, struct interaction *i, struct answer *a,
                           const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_VALUES);
}

void press_setup_go(struct bot *b, struct interaction *i, struct answer *a,
                    const struct custom_id *id)
{
    press(b, i, a, id, CHANGE_GO);
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static void forget_old(void *arg, const char *id, const cJSON *value)
{
    struct bot *b = arg;

    (void)value;
    if (snowflake_ms(id) < clock_wall_ms() - KEPT_MS) {
        prefs_delete(b, "setup", id, NULL, NULL);
    }
}

static void on_sweep_due(void *arg)
{
    setup_sweep(arg);
}

void setup_sweep(struct bot *b)
{
    prefs_list(b, "setup", forget_old, NULL, b);
    loop_timer_set(b->loop, &b->sweep, KEPT_MS, on_sweep_due, b);
}
