/* generate.c - the commands that make something: model, options, the user's defaults, and off.
 */
#include <string.h>

#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/params.h"
#include "bot/say.h"
#include "bot/with.h"
#include "wire/read.h"

struct maker {
    const char *category;
    const char *template_name; /* "" = the one that is chosen */
    const char *what;          /* that there is no model for */
};

/* The model that was asked for, the user's own, or the first that can run. NULL with a sentence. */
static const struct template_entry *choose(struct bot *b, const struct interaction *i,
                                           const cJSON *defaults, const struct maker *maker,
                                           struct buf *why)
{
    const char *asked = interaction_option_text(i, "model");
    const char *wanted = maker->template_name[0] != '\0' ? maker->template_name
                         : asked != NULL                 ? asked
                                                         : user_model(defaults, maker->category);
    const struct template_entry *t = catalog_default(b->catalog, maker->category, wanted);

    if (asked != NULL && (t == NULL || strcmp(t->name, asked) != 0)) {
        (void)buf_append_str(
            why, "I do not know this model. Choose one of the list that comes up while you type.");
        return NULL;
    }
    if (t == NULL) {
        (void)buf_appendf(why, "%s %s.",
                          catalog_is_known(b->catalog)
                              ? "There is no model here that could"
                              : "The picture service cannot be reached just now, so I cannot",
                          maker->what);
        return NULL;
    }
    if (!t->is_available) {
        (void)buf_appendf(why, "%s cannot run just now: %s", t->title, t->reason);
        return NULL;
    }
    return t;
}

/* What is complete starts at once. A picture from a text can be completed in a view of its own. Takes i and p. */
static void go(struct bot *b, struct interaction *i, struct answer *a, struct params *p,
               bool has_setup)
{
    bool is_complete = params_complete(p);

    if (!is_complete && has_setup) {
        setup_show(b, i, a, p->template, p->input);
        params_clear(p);
        return;
    }
    if (is_complete) {
        params_submit(b, i, a, p, NULL);
    } else {
        say_error(a, buf_str(&p->why));
    }
    params_clear(p);
    interaction_free(i);
}

static void make(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
                 const cJSON *defaults, const void *arg)
{
    const struct maker *maker = arg;
    AUTO(buf_clear) struct buf why = BUF_INIT(2000);
    const struct template_entry *t = choose(b, i, defaults, maker, &why);
    struct params p;

    (void)id;
    if (t == NULL) {
        say_error(a, buf_str(&why));
        interaction_free(i);
        return;
    }
    params_init(&p, t);
    if (!params_options(&p, i)) {
        say_error(a, buf_str(&p.why));
        params_clear(&p);
        interaction_free(i);
        return;
    }
    params_defaults(&p, user_values(defaults));
    go(b, i, a, &p, strcmp(maker->category, "text-to-image") == 0);
}

static void begin(struct bot *b, struct interaction *i, struct answer *a, const struct maker *maker)
{
    answer_in_time(a, false, false);
    user_defaults(b, i, a, NULL, make, maker);
}

void cmd_generate(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"text-to-image", "", "make a picture"};

    begin(b, i, a, &maker);
}

void cmd_edit(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"image-edit", "", "edit a picture"};

    begin(b, i, a, &maker);
}

void cmd_editflux(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"image-edit", "flux-kontext-edit",
                                       "edit a picture with FLUX"};

    begin(b, i, a, &maker);
}

void cmd_editqwen(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"image-edit", "qwen-image-edit", "edit a picture with Qwen"};

    begin(b, i, a, &maker);
}

void cmd_upscale(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"upscale", "", "make a picture larger"};

    begin(b, i, a, &maker);
}

void cmd_animate(struct bot *b, struct interaction *i, struct answer *a)
{
    static const struct maker maker = {"image-to-video", "", "set a picture in motion"};

    begin(b, i, a, &maker);
}
