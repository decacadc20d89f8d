/* follow.c - what is made of a result: upscaled, edited, animated, changed and run again.
 *
 * A dialogue must be the first answer, within 3 s; what it needs to know when it comes back stands in its custom_id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/job_text.h"
#include "bot/params.h"
#include "bot/policy.h"
#include "bot/say.h"
#include "bot/with.h"
#include "wire/read.h"

#define REFERENCE_SIZE 64

/* Takes i. */
static void end_with(struct interaction *i, struct answer *a, const char *sentence)
{
    answer_whisper_text(a, sentence);
    interaction_free(i);
}

/* May the presser make something of this? Says why not, and frees i, when not. */
static bool may(struct bot *b, struct interaction *i, struct answer *a, const cJSON *job)
{
    AUTO(buf_clear) struct buf why = BUF_INIT(512);

    if (policy_may_press(b->policy, i, job_owner(job), false, false, &why)) {
        return true;
    }
    end_with(i, a, buf_str(&why));
    return false;
}

/* "output:<id>" of the job's output of this index; "" when it is not kept any more. */
static void reference_of(const cJSON *job, int index, char out[REFERENCE_SIZE])
{
    const cJSON *output = NULL;

    out[0] = '\0';
    cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(job, "outputs")) {
        if (read_int(output, "index", -1) == index) {
            (void)snprintf(out, REFERENCE_SIZE, "output:%s", read_text(output, "id"));
        }
    }
}

static const struct template_entry *runnable(struct bot *b, const char *category, const char *name,
                                             struct interaction *i, struct answer *a)
{
    const struct template_entry *t = catalog_default(b->catalog, category, name);
    AUTO(free_ptr) char *sentence = NULL;

    if (t != NULL && t->is_available) {
        return t;
    }
    sentence = t == NULL ? xstrdup("There is no model here that could do that.")
                         : xasprintf("%s cannot run just now: %s", t->title, t->reason);
    end_with(i, a, sentence);
    return NULL;
}

static void go(struct bot *b, struct interaction *i, struct answer *a, struct params *p,
               const char *parent)
{
    if (params_complete(p)) {
        params_submit(b, i, a, p, parent);
    } else {
        answer_whisper_text(a, buf_str(&p->why));
    }
    params_clear(p);
    interaction_free(i);
}

/* ---- upscale -------------------------------------------------------------------------------- */

static void upscale(struct bot *b, struct interaction *i, struct answer *a,
                    const struct custom_id *id, const cJSON *job, struct span text)
{
    const struct template_entry *t = NULL;
    char reference[REFERENCE_SIZE];
    struct params p;

    (void)text;
    reference_of(job, id->output, reference);
    if (!may(b, i, a, job)) {
        return;
    }
    if (reference[0] == '\0') {
        end_with(i, a, "This picture is not kept any more.");
        return;
    }
    t = runnable(b, "upscale", id->extra, i, a);
    if (t != NULL) {
        params_init(&p, t);
        (void)params_set_picture(&p, 0, reference);
        go(b, i, a, &p, id->job.text);
    }
}

void press_upscale(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id)
{
    with_job(b, i, a, id, upscale);
}

/* ---- dialogues ------------------------------------------------------------------------------ */

static void open_modal(struct answer *a, const struct template_entry *t, const cJSON *values,
                       const struct custom_id *id, enum press_action send)
{
    struct modal_form form = params_modal_form(t, values);
    struct custom_id modal = *id;

    modal.action = send;
    (void)snprintf(modal.extra, sizeof modal.extra, "%s", t->name);
    answer_modal(a, modal_tree(&modal, t->title, form.input, form.count));
    params_modal_form_clear(&form);
}

/* The picture's own prompt is a beginning for what is to move, or to be different. */
static void open_for_picture(struct bot *b, struct interaction *i, struct answer *a,
                             const struct custom_id *id, const cJSON *job, bool is_animate)
{
    const struct template_entry *t = NULL;
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(job, "input");
    cJSON *values = NULL;

    if (!may(b, i, a, job)) {
        return;
    }
    t = runnable(b, is_animate ? "image-to-video" : "image-edit", id->extra, i, a);
    if (t == NULL) {
        return;
    }
    values = require_memory(cJSON_CreateObject());
    if (is_animate) {
        (void)cJSON_AddStringToObject(values, "prompt", read_text(input, "prompt"));
    }
    open_modal(a, t, values, id, is_animate ? PRESS_ANIMATE_SEND : PRESS_EDIT_SEND);
    cJSON_Delete(values);
    interaction_free(i);
}

static void edit(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
                 const cJSON *job, struct span text)
{
    (void)text;
    open_for_picture(b, i, a, id, job, false);
}

static void animate(struct bot *b, struct interaction *i, struct answer *a,
                    const struct custom_id *id, const cJSON *job, struct span text)
{
    (void)text;
    open_for_picture(b, i, a, id, job, true);
}

void press_edit(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id)
{
    with_job(b, i, a, id, edit);
}

void press_animate(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id)
{
    with_job(b, i, a, id, animate);
}

/* ---- dialogues that come back --------------------------------------------------------------- */

static void picture_sent(struct bot *b, struct interaction *i, struct answer *a,
                         const struct custom_id *id, const cJSON *job, struct span text)
{
    const struct template_entry *t = catalog_find(b->catalog, id->extra);
    char reference[REFERENCE_SIZE];
    struct params p;

    (void)text;
    if (!may(b, i, a, job)) {
        return;
    }
    reference_of(job, id->output, reference);
    if (t == NULL || reference[0] == '\0') {
        end_with(i, a,
                 t == NULL ? "This model is not here any more."
                           : "This picture is not kept any more.");
        return;
    }
    params_init(&p, t);
    if (!params_modal(&p, i)) {
        answer_whisper_text(a, buf_str(&p.why));
        params_clear(&p);
        interaction_free(i);
        return;
    }
    (void)params_set_picture(&p, 0, reference);
    go(b, i, a, &p, id->job.text);
}

void press_edit_send(struct bot *b, struct interaction *i, struct answer *a,
                     const struct custom_id *id)
{
    with_job(b, i, a, id, picture_sent);
}

void press_animate_send(struct bot *b, struct interaction *i, struct answer *a,
                        const struct custom_id *id)
{
    with_job(b, i, a, id, picture_sent);
}

/* ---- change and run ------------------------------------------------------------------------- */

/* The job's input with the seed that was used, as it is written. */
static cJSON *whole_input(const struct template_entry *t, const cJSON *job, struct span text)
{
    cJSON *input =
        require_memory(cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(job, "input"), true));
    AUTO(free_ptr) char *seed = job_seed_text(text);
    const struct param *param = param_by_role(t, "seed");

    if (param != NULL && seed[0] != '\0') {
        cJSON_DeleteItemFromObjectCaseSensitive(input, param->name);
        (void)cJSON_AddRawToObject(input, param->name, seed);
    }
    return input;
}

static void change(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, const cJSON *job, struct span text)
{
    const struct template_entry *t = catalog_find(b->catalog, read_text(job, "template"));
    cJSON *values = NULL;

    if (!may(b, i, a, job)) {
        return;
    }
    if (t == NULL) {
        end_with(i, a, "The model that this was made with is not here any more.");
        return;
    }
    values = whole_input(t, job, text);
    open_modal(a, t, values, id, PRESS_CHANGE_SEND);
    cJSON_Delete(values);
    interaction_free(i);
}

void press_change(struct bot *b, struct interaction *i, struct answer *a,
                  const struct custom_id *id)
{
    with_job(b, i, a, id, change);
}

static void change_sent(struct bot *b, struct interaction *i, struct answer *a,
                        const struct custom_id *id, const cJSON *job, struct span text)
{
    const struct template_entry *t = catalog_find(b->catalog, read_text(job, "template"));
    struct params p;

    if (!may(b, i, a, job)) {
        return;
    }
    if (t == NULL) {
        end_with(i, a, "The model that this was made with is not here any more.");
        return;
    }
    params_init(&p, t);
    cJSON_Delete(p.input);
    p.input = whole_input(t, job, text);
    if (!params_modal(&p, i)) {
        answer_whisper_text(a, buf_str(&p.why));
        params_clear(&p);
        interaction_free(i);
        return;
    }
    go(b, i, a, &p, id->job.text);
}

void press_change_send(struct bot *b, struct interaction *i, struct answer *a,
                       const struct custom_id *id)
{
    with_job(b, i, a, id, change_sent);
}
