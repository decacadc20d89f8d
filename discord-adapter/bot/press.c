/* press.c - buttons that need nothing more to be asked: cancel, vary, run again, show settings, show, delete.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/job_text.h"
#include "bot/policy.h"
#include "bot/say.h"
#include "bot/show.h"
#include "bot/submit.h"
#include "bot/track.h"
#include "bot/view.h"
#include "bot/with.h"
#include "bot/work.h"
#include "wire/read.h"

#define PATIENCE_MS 10000

/* May the presser do this with this job? Says why not, and frees i, when not. */
static bool may(struct bot *b, struct interaction *i, struct answer *a, const cJSON *job,
                bool is_owner_only, bool is_moderation)
{
    AUTO(buf_clear) struct buf why = BUF_INIT(512);

    if (policy_may_press(b->policy, i, job_owner(job), is_owner_only, is_moderation, &why)) {
        return true;
    }
    answer_whisper_text(a, buf_str(&why));
    interaction_free(i);
    return false;
}

/* ---- cancel --------------------------------------------------------------------------------- */

struct canceling {
    struct work work;
    struct answer *a;
};

static void canceling_drop(struct work *w)
{
    struct canceling *c = container_of(w, struct canceling, work);

    answer_unref(c->a);
    free(c);
}

static void on_canceled(void *arg, const struct comfygate_result *result)
{
    struct canceling *c = arg;

    if (result->status == 202) {
        answer_whisper_text(c->a, "It is being canceled.");
    } else if (result->status == 200) {
        answer_whisper_text(c->a, "It had ended already.");
    } else {
        answer_whisper_text(c->a, result->status == 404 ? "This job is not kept any more."
                                                        : result->sentence);
    }
    work_end(&c->work);
    canceling_drop(&c->work);
}

void cancel_job(struct bot *b, struct answer *a, const char *job)
{
    struct canceling *c = xcalloc(1, sizeof *c);
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s/cancel", job);

    work_begin(b, &c->work, canceling_drop);
    c->a = answer_ref(a);
    answer_in_time(a, true, false);
    (void)comfygate_start(b->comfygate, &(struct comfygate_request){.method = "POST",
                                                                    .path = path,
                                                                    .patience_ms = PATIENCE_MS,
                                                                    .done = on_canceled,
                                                                    .arg = c});
}

static void cancel(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, const cJSON *job, struct span text)
{
    (void)text;
    if (may(b, i, a, job, true, true)) {
        cancel_job(b, a, id->job.text);
        interaction_free(i);
    }
}

void press_cancel(struct bot *b, struct interaction *i, struct answer *a,
                  const struct custom_id *id)
{
    with_job(b, i, a, id, cancel);
}

/* ---- again ---------------------------------------------------------------------------------- */

/* Its template and input; with the seed it had, or (seed NULL) with another. */
static void repeat(struct bot *b, struct interaction *i, struct answer *a, const cJSON *job,
                   const char *seed)
{
    const struct template_entry *t = catalog_find(b->catalog, read_text(job, "template"));
    const struct param *param = t != NULL ? param_by_role(t, "seed") : NULL;
    cJSON *input = NULL;

    if (!may(b, i, a, job, false, false)) {
        return;
    }
    if (t == NULL) {
        answer_whisper_text(a, "The model that this was made with is not here any more.");
        interaction_free(i);
        return;
    }
    input = require_memory(cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(job, "input"), true));
    if (param != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(input, param->name);
        if (seed != NULL && seed[0] != '\0') {
            (void)cJSON_AddRawToObject(input, param->name, seed);
        }
    }
    submit(b, i, a,
           &(struct submission){
               .template_name = t->name, .input = input, .parent_id = read_text(job, "id")});
    cJSON_Delete(input);
    interaction_free(i);
}

static void vary(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
                 const cJSON *job, struct span text)
{
    (void)id;
    (void)text;
    repeat(b, i, a, job, NULL);
}

static void again(struct bot *b, struct interaction *i, struct answer *a,
                  const struct custom_id *id, const cJSON *job, struct span text)
{
    AUTO(free_ptr) char *seed = job_seed_text(text);

    (void)id;
    repeat(b, i, a, job, seed);
}

void press_vary(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id)
{
    with_job(b, i, a, id, vary);
}

void press_again(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id)
{
    with_job(b, i, a, id, again);
}

/* ---- settings, show ------------------------------------------------------------------------- */

static void settings_show(struct bot *b, struct interaction *i, struct answer *a,
                          const struct custom_id *id, const cJSON *job, struct span text)
{
    AUTO(free_ptr) char *seed = job_seed_text(text);
    struct view_options o = {.catalog = b->catalog, .now_ms = clock_wall_ms()};
    struct message *m = view_settings(job, seed, &o);

    (void)id;
    answer_whisper(a, m, NULL, NULL);
    message_free(m);
    interaction_free(i);
}

void press_settings_show(struct bot *b, struct interaction *i, struct answer *a,
                         const struct custom_id *id)
{
    with_job(b, i, a, id, settings_show);
}

void press_show(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id)
{
    show_job(b, i, a, id->job.text);
}

/* ---- delete --------------------------------------------------------------------------------- */

static void ask_delete(struct bot *b, struct interaction *i, struct answer *a,
                       const struct custom_id *id, const cJSON *job, struct span text)
{
    struct message *m = NULL;
    struct custom_id yes = {.action = PRESS_DELETE_YES, .job = id->job};

    (void)text;
    if (!may(b, i, a, job, true, true)) {
        return;
    }
    m = message_new();
    message_content(m, "Delete this message and what was made? This cannot be undone.");
    message_row(m);
    message_button(m, BUTTON_DANGER, "Delete", NULL, &yes, false);
    answer_whisper(a, m, NULL, NULL);
    message_free(m);
    interaction_free(i);
}

void press_delete(struct bot *b, struct interaction *i, struct answer *a,
                  const struct custom_id *id)
{
    with_job(b, i, a, id, ask_delete);
}

struct deleting {
    struct work work;
    struct bot *bot;
    struct answer *a;
    struct place place;
    char job[ID_LEN + 1];
};

static void deleting_drop(struct work *w)
{
    struct deleting *d = container_of(w, struct deleting, work);

    answer_unref(d->a);
    free(d);
}

static void say_deleted(struct deleting *d, const char *sentence)
{
    struct message *m = message_new();

    message_content(m, sentence);
    answer_say(d->a, m, NULL, NULL);
    message_free(m);
    work_end(&d->work);
    deleting_drop(&d->work);
}

static void on_message_deleted(void *arg, const struct discord_result *r)
{
    struct deleting *d = arg;
    bool is_gone = r->status / 100 == 2 || r->status == 404;

    say_deleted(d, is_gone ? "Deleted."
                           : "What was made is deleted, but I may not delete the message.");
}

static void on_job_deleted(void *arg, const struct comfygate_result *result)
{
    struct deleting *d = arg;

    if (result->status / 100 != 2 && result->status != 404) {
        say_deleted(d, result->status == 409
                           ? "It is still being made. Cancel it first, then delete it."
                           : result->sentence);
        return;
    }
    tracker_forget(d->bot->tracker, d->job);
    if (d->place.message[0] == '\0') {
        say_deleted(d, "Deleted.");
        return;
    }
    (void)discord_delete(d->bot->discord, d->place.channel, d->place.message, on_message_deleted,
                         d);
}

static void delete_it(struct bot *b, struct interaction *i, struct answer *a,
                      const struct custom_id *id, const cJSON *job, struct span text)
{
    struct deleting *d = NULL;
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s", id->job.text);

    (void)text;
    if (!may(b, i, a, job, true, true)) {
        return;
    }
    d = xcalloc(1, sizeof *d);
    work_begin(b, &d->work, deleting_drop);
    d->bot = b;
    d->a = answer_ref(a);
    (void)!place_read(cJSON_GetObjectItemCaseSensitive(job, "metadata"), &d->place);
    (void)snprintf(d->job, sizeof d->job, "%s", id->job.text);
    answer_in_time(a, true, true);
    (void)comfygate_start(b->comfygate, &(struct comfygate_request){.method = "DELETE",
                                                                    .path = path,
                                                                    .patience_ms = PATIENCE_MS,
                                                                    .done = on_job_deleted,
                                                                    .arg = d});
    interaction_free(i);
}

void press_delete_yes(struct bot *b, struct interaction *i, struct answer *a,
                      const struct custom_id *id)
{
    with_job(b, i, a, id, delete_it);
}
