/* with.c - see with.h.
 */
#include "bot/with.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/prefs.h"
#include "bot/say.h"
#include "bot/work.h"
#include "wire/read.h"

#define GET_PATIENCE_MS 10000
#define JOB_PATIENCE_MS 1800 /* a modal must be the first answer, within 3 s of the interaction */

struct step {
    struct work work;
    struct bot *bot;
    struct interaction *i;
    struct answer *a;
    struct custom_id id;
    user_go *user;
    bool must_reach;
    job_go *job;
    get_go *get;
    const void *arg;
};

static void step_drop(struct work *w)
{
    struct step *s = container_of(w, struct step, work);

    interaction_free(s->i);
    answer_unref(s->a);
    free(s);
}

static void step_end(struct step *s)
{
    work_end(&s->work);
    step_drop(&s->work);
}

/* Takes i. */
static struct step *step_new(struct bot *b, struct interaction *i, struct answer *a,
                             const struct custom_id *id)
{
    struct step *s = xcalloc(1, sizeof *s);

    work_begin(b, &s->work, step_drop);
    s->bot = b;
    s->i = i;
    s->a = answer_ref(a);
    if (id != NULL) {
        s->id = *id;
    }
    return s;
}

static void on_user(void *arg, const cJSON *value, bool reached)
{
    struct step *s = arg;

    if (!reached && s->must_reach) {
        say_error(s->a,
                  "The picture service cannot be reached just now. Nothing was changed; please "
                  "try again in a minute.");
        step_end(s);
        return;
    }
    s->user(s->bot, take_ptr(&s->i), s->a, &s->id, value, s->arg);
    step_end(s);
}

void user_defaults(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, user_go *go, const void *arg)
{
    struct step *s = step_new(b, i, a, id);

    s->user = go;
    s->arg = arg;
    prefs_get(b, "user", i->user_id, on_user, s);
}

void user_defaults_to_change(struct bot *b, struct interaction *i, struct answer *a,
                             const struct custom_id *id, user_go *go)
{
    struct step *s = step_new(b, i, a, id);

    s->user = go;
    s->must_reach = true;
    prefs_get(b, "user", i->user_id, on_user, s);
}

const char *user_model(const cJSON *defaults, const char *category)
{
    return read_text(cJSON_GetObjectItemCaseSensitive(defaults, "models"), category);
}

const cJSON *user_values(const cJSON *defaults)
{
    return cJSON_GetObjectItemCaseSensitive(defaults, "values");
}

/* Ids of jobs can be typed by anybody, and who moderates one server has no say in another: a job is in reach where it was asked for,
 * and everywhere of who asked for it. */
static bool is_in_reach(const struct step *s, const cJSON *job)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(job, "metadata");
    const char *here = s->i->guild_id != NULL ? s->i->guild_id : s->i->channel_id;
    const char *there =
        read_text(metadata, s->i->guild_id != NULL ? "discord.guild" : "discord.channel");

    if (strcmp(read_text(metadata, "discord.app"), s->bot->application_id) != 0) {
        return false;
    }
    return strcmp(job_owner(job), s->i->user_id) == 0 || (here != NULL && strcmp(there, here) == 0);
}

static void on_job(void *arg, const struct comfygate_result *result)
{
    struct step *s = arg;
    bool is_there = result->status == 200 && cJSON_IsObject(result->json);

    if (is_there && is_in_reach(s, result->json)) {
        s->job(s->bot, take_ptr(&s->i), s->a, &s->id, result->json, result->body);
    } else if (is_there || result->status == 404) {
        say_error(s->a, "This job is not kept any more.");
    } else {
        say_error(s->a, result->sentence);
    }
    step_end(s);
}

void with_job(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
              job_go *go)
{
    struct step *s = step_new(b, i, a, id);
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s", id->job.text);

    s->job = go;
    (void)comfygate_start(b->comfygate, &(struct comfygate_request){.method = "GET",
                                                                    .path = path,
                                                                    .patience_ms = JOB_PATIENCE_MS,
                                                                    .done = on_job,
                                                                    .arg = s});
}

static void on_get(void *arg, const struct comfygate_result *result)
{
    struct step *s = arg;

    s->get(s->bot, take_ptr(&s->i), s->a, result);
    step_end(s);
}

void with_get(struct bot *b, struct interaction *i, struct answer *a, const char *path, get_go *go)
{
    struct step *s = step_new(b, i, a, NULL);

    s->get = go;
    (void)comfygate_start(b->comfygate, &(struct comfygate_request){.method = "GET",
                                                                    .path = path,
                                                                    .patience_ms = GET_PATIENCE_MS,
                                                                    .done = on_get,
                                                                    .arg = s});
}

const char *job_owner(const cJSON *job)
{
    return read_text(cJSON_GetObjectItemCaseSensitive(job, "metadata"), "discord.user");
}
