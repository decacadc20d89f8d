/* user_settings.c - /settings: a user's default model of each kind, and default values, as the preference `user.<id>`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/params.h"
#include "bot/prefs.h"
#include "bot/say.h"
#include "bot/with.h"
#include "bot/work.h"
#include "wire/read.h"
#include "wire/text.h"

#define COLOUR     0x5865F2U
#define SELECT_MAX 25
#define VALUE_MAX  4000 /* bytes of an escaped value */

static const struct {
    const char *code; /* in custom_ids */
    const char *category;
    const char *placeholder;
} kinds[] = {
    {"t2i", "text-to-image", "Model of /generate"},
    {"edit", "image-edit", "Model of /edit"},
    {"up", "upscale", "Model of /upscale"},
    {"vid", "image-to-video", "Model of /animate"},
};

/* ---- the view ------------------------------------------------------------------------------- */

static void add_kind(struct message *m, const struct catalog *c, size_t kind, const cJSON *user)
{
    struct select_option option[SELECT_MAX];
    struct custom_id id = {.action = PRESS_PREFS};
    const char *chosen = user_model(user, kinds[kind].category);
    size_t count = 0;

    for (size_t i = 0; i < catalog_count(c) && count < SELECT_MAX; i++) {
        const struct template_entry *t = catalog_at(c, i);

        if (catalog_is_of(t, kinds[kind].category)) {
            option[count++] = (struct select_option){
                .label = t->title, .value = t->name, .is_default = strcmp(t->name, chosen) == 0};
        }
    }
    (void)snprintf(id.extra, sizeof id.extra, "%s", kinds[kind].code);
    if (count > 0) {
        message_select(m, &id, kinds[kind].placeholder, option, count);
    }
}

static struct message *make_view(const struct bot *b, const cJSON *user)
{
    struct message *m = message_new();
    struct custom_id values = {.action = PRESS_PREFS, .extra = "values"};
    struct custom_id reset = {.action = PRESS_PREFS, .extra = "reset"};
    const cJSON *value = NULL;
    int shown = 0;

    message_ephemeral(m);
    message_embed(m, "Your defaults", "They are taken where a command does not say otherwise.",
                  COLOUR);
    cJSON_ArrayForEach(value, user_values(user)) {
        AUTO(free_ptr)
        char *print = cJSON_IsString(value) ? xstrdup(value->valuestring)
                                            : (char *)require_memory(cJSON_PrintUnformatted(value));
        AUTO(buf_clear) struct buf text = BUF_INIT(VALUE_MAX);

        if (shown++ < 10 && print[0] != '\0') {
            text_escape(&text, print, 500);
            message_field(m, value->string, buf_str(&text), strlen(print) < 40);
        }
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        add_kind(m, b->catalog, i, user);
    }
    message_row(m);
    message_button(m, BUTTON_SECONDARY, "Values", "✏️", &values, false);
    message_button(m, BUTTON_DANGER, "Reset", NULL, &reset, false);
    return m;
}

static void show(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
                 const cJSON *defaults, const void *arg)
{
    struct message *m = make_view(b, defaults);

    (void)id;
    (void)arg;
    answer_say(a, m, NULL, NULL);
    message_free(m);
    interaction_free(i);
}

void cmd_settings(struct bot *b, struct interaction *i, struct answer *a)
{
    answer_in_time(a, true, false);
    user_defaults(b, i, a, NULL, show, NULL);
}

/* ---- changes -------------------------------------------------------------------------------- */

struct saving {
    struct work work;
    struct bot *bot;
    struct answer *a;
    cJSON *user;
};

static void saving_drop(struct work *w)
{
    struct saving *s = container_of(w, struct saving, work);

    answer_unref(s->a);
    cJSON_Delete(s->user);
    free(s);
}

static void on_saved(void *arg, bool ok)
{
    struct saving *s = arg;
    struct message *m = NULL;

    if (ok) {
        m = make_view(s->bot, s->user);
        answer_say(s->a, m, NULL, NULL);
        message_free(m);
    } else {
        say_error(s->a, "This could not be kept: the picture service cannot be reached just now.");
    }
    work_end(&s->work);
    saving_drop(&s->work);
}

/* Takes user and i. */
static void save(struct bot *b, struct interaction *i, struct answer *a, cJSON *user)
{
    struct saving *s = NULL;

    if (!prefs_fits(user)) {
        say_error(a, "This is too long to be kept as a default.");
        cJSON_Delete(user);
        interaction_free(i);
        return;
    }
    s = xcalloc(1, sizeof *s);
    work_begin(b, &s->work, saving_drop);
    s->bot = b;
    s->a = answer_ref(a);
    s->user = user;
    answer_in_time(a, true, true);
    prefs_put(b, "user", i->user_id, user, on_saved, s);
    interaction_free(i);
}

static cJSON *copy_of(const cJSON *defaults)
{
    return require_memory(defaults != NULL ? cJSON_Duplicate(defaults, true)
                                           : cJSON_CreateObject());
}

static cJSON *part(cJSON *user, const char *key)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(user, key);

    if (!cJSON_IsObject(found)) {
        cJSON_DeleteItemFromObjectCaseSensitive(user, key);
        found = cJSON_AddObjectToObject(user, key);
    }
    return found;
}

static void choose(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, const cJSON *defaults)
{
    const char *name = interaction_value(i);
    cJSON *user = copy_of(defaults);
    cJSON *models = part(user, "models");

    for (size_t n = 0; n < COUNT_OF(kinds); n++) {
        if (strcmp(kinds[n].code, id->extra) == 0 && catalog_find(b->catalog, name) != NULL) {
            cJSON_DeleteItemFromObjectCaseSensitive(models, kinds[n].category);
            (void)cJSON_AddStringToObject(models, kinds[n].category, name);
        }
    }
    save(b, i, a, user);
}

/* A prompt is no default: it is asked for each time. */
static void ask_values(struct bot *b, struct interaction *i, struct answer *a,
                       const cJSON *defaults)
{
    const struct template_entry *t =
        catalog_default(b->catalog, "text-to-image", user_model(defaults, "text-to-image"));
    struct custom_id send = {.action = PRESS_PREFS_SEND};
    struct modal_form form;
    size_t kept = 0;

    if (t == NULL) {
        say_error(a, "There is no model here.");
        interaction_free(i);
        return;
    }
    form = params_modal_form(t, user_values(defaults));
    for (size_t n = 0; n < form.count; n++) {
        if (strcmp(form.input[n].custom_id, "prompt") != 0) {
            form.input[kept] = form.input[n];
            form.input[kept++].is_required = false;
        }
    }
    (void)snprintf(send.extra, sizeof send.extra, "%s", t->name);
    answer_modal(a, modal_tree(&send, "Your default values", form.input, kept));
    params_modal_form_clear(&form);
    interaction_free(i);
}

static void change(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, const cJSON *defaults, const void *arg)
{
    (void)arg;
    if (strcmp(id->extra, "values") == 0) {
        ask_values(b, i, a, defaults);
    } else if (strcmp(id->extra, "reset") == 0) {
        save(b, i, a, require_memory(cJSON_CreateObject()));
    } else {
        choose(b, i, a, id, defaults);
    }
}

void press_prefs(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id)
{
    user_defaults_to_change(b, i, a, id, change);
}

static void take_values(struct bot *b, struct interaction *i, struct answer *a,
                        const struct custom_id *id, const cJSON *defaults, const void *arg)
{
    const struct template_entry *t = catalog_find(b->catalog, id->extra);
    cJSON *user = copy_of(defaults);
    cJSON *kept = NULL;
    struct params p;

    (void)arg;
    if (t == NULL) {
        say_error(a, "This model is not here any more.");
        cJSON_Delete(user);
        interaction_free(i);
        return;
    }
    params_init(&p, t);
    params_defaults(&p, user_values(defaults));
    if (params_modal(&p, i)) {
        kept = params_to_keep(p.input);
        read_replace(user, "values", kept);
        cJSON_Delete(kept);
        save(b, i, a, user);
    } else {
        answer_whisper_text(a, buf_str(&p.why));
        cJSON_Delete(user);
        interaction_free(i);
    }
    params_clear(&p);
}

void press_prefs_send(struct bot *b, struct interaction *i, struct answer *a,
                      const struct custom_id *id)
{
    user_defaults_to_change(b, i, a, id, take_values);
}
