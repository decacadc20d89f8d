/* menu.c - on any message with a picture: Edit, Upscale, Animate.
 *
 * Upscale starts at once. The others ask in a dialogue; which picture it is about is kept as the preference `setup.<interaction>` meanwhile, since a
 * custom_id has no room for an address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/params.h"
#include "bot/prefs.h"
#include "bot/say.h"
#include "bot/work.h"
#include "wire/read.h"

struct menu {
    struct work work;
    struct bot *bot;
    struct interaction *i;
    struct answer *a;
    char template[64];
};

static void menu_drop(struct work *w)
{
    struct menu *m = container_of(w, struct menu, work);

    interaction_free(m->i);
    answer_unref(m->a);
    free(m);
}

static void menu_end(struct menu *m)
{
    work_end(&m->work);
    menu_drop(&m->work);
}

static struct menu *menu_new(struct bot *b, struct interaction *i, struct answer *a,
                             const char *template)
{
    struct menu *m = xcalloc(1, sizeof *m);

    work_begin(b, &m->work, menu_drop);
    m->bot = b;
    m->i = i;
    m->a = answer_ref(a);
    (void)snprintf(m->template, sizeof m->template, "%s", template);
    return m;
}

/* The first picture of the message and a template that can run; false, with a sentence said and i freed, when there is none. */
static bool find(struct bot *b, struct interaction *i, struct answer *a, const char *category,
                 struct attachment *picture, const struct template_entry **t)
{
    const char *why = NULL;

    *t = catalog_default(b->catalog, category, NULL);
    if (interaction_target_pictures(i, picture, 1) == 0) {
        why = "There is no picture in this message.";
    } else if (*t == NULL || !(*t)->is_available) {
        why = "There is no model here that could do that just now.";
    } else {
        return true;
    }
    say_error(a, why);
    interaction_free(i);
    return false;
}

void menu_upscale(struct bot *b, struct interaction *i, struct answer *a)
{
    const struct template_entry *t = NULL;
    struct attachment picture;
    struct params p;

    if (!find(b, i, a, "upscale", &picture, &t)) {
        return;
    }
    params_init(&p, t);
    (void)params_add_file(&p, 0, &picture);
    if (params_complete(&p)) {
        params_submit(b, i, a, &p, NULL);
    } else {
        say_error(a, buf_str(&p.why));
    }
    params_clear(&p);
    interaction_free(i);
}

/* ---- with a dialogue ------------------------------------------------------------------------ */

static void on_kept(void *arg, bool ok)
{
    struct menu *m = arg;
    const struct template_entry *t = catalog_find(m->bot->catalog, m->template);
    struct custom_id id = {.action = PRESS_MENU_SEND};
    struct modal_form form;

    if (!ok || t == NULL) {
        say_error(m->a,
                  "The picture service cannot be reached just now. Please try again in a minute.");
        menu_end(m);
        return;
    }
    (void)snprintf(id.extra, sizeof id.extra, "%s", m->i->id);
    form = params_modal_form(t, NULL);
    answer_modal(m->a, modal_tree(&id, t->title, form.input, form.count));
    params_modal_form_clear(&form);
    menu_end(m);
}

static void ask(struct bot *b, struct interaction *i, struct answer *a, const char *category)
{
    const struct template_entry *t = NULL;
    struct attachment picture;
    cJSON *kept = NULL;

    if (!find(b, i, a, category, &picture, &t)) {
        return;
    }
    kept = require_memory(cJSON_CreateObject());
    (void)cJSON_AddStringToObject(kept, "user", i->user_id);
    (void)cJSON_AddStringToObject(kept, "template", t->name);
    (void)cJSON_AddStringToObject(kept, "url", picture.url);
    (void)cJSON_AddStringToObject(kept, "name", picture.filename);
    (void)cJSON_AddNumberToObject(kept, "size", (double)picture.size);
    prefs_put_soon(b, "setup", i->id, kept, on_kept, menu_new(b, i, a, t->name));
    cJSON_Delete(kept);
}

void menu_edit(struct bot *b, struct interaction *i, struct answer *a)
{
    ask(b, i, a, "image-edit");
}

void menu_animate(struct bot *b, struct interaction *i, struct answer *a)
{
    ask(b, i, a, "image-to-video");
}

static void submit_kept(struct menu *m, const struct template_entry *t, const cJSON *kept)
{
    struct attachment picture = {.id = "",
                                 .url = read_text(kept, "url"),
                                 .filename = read_text(kept, "name"),
                                 .content_type = "",
                                 .size = read_int(kept, "size", 0)};
    struct params p;

    params_init(&p, t);
    if (params_modal(&p, m->i) && params_add_file(&p, 0, &picture) && params_complete(&p)) {
        params_submit(m->bot, m->i, m->a, &p, NULL);
    } else {
        say_error(m->a, buf_str(&p.why));
    }
    params_clear(&p);
}

static void on_menu_sent(void *arg, const cJSON *kept, bool reached)
{
    struct menu *m = arg;
    const struct template_entry *t = catalog_find(m->bot->catalog, read_text(kept, "template"));

    if (!reached) {
        say_error(m->a,
                  "The picture service cannot be reached just now. Please try again in a minute.");
    } else if (t == NULL || strcmp(read_text(kept, "user"), m->i->user_id) != 0) {
        say_error(m->a,
                  "This dialogue is too old. Please choose it from the message's menu again.");
    } else {
        submit_kept(m, t, kept);
        prefs_delete(m->bot, "setup", m->template, NULL, NULL);
    }
    menu_end(m);
}

/* What is kept is named by the interaction that opened the dialogue. */
void press_menu_send(struct bot *b, struct interaction *i, struct answer *a,
                     const struct custom_id *id)
{
    prefs_get(b, "setup", id->extra, on_menu_sent, menu_new(b, i, a, id->extra));
}
