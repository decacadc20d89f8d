/* show.c - see show.h.
 */
#include "bot/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/deliver.h"
#include "bot/policy.h"
#include "bot/say.h"
#include "bot/with.h"
#include "bot/work.h"
#include "wire/read.h"

struct showing {
    struct work work;
    struct bot *bot;
    struct answer *a;
    struct place place;
    cJSON *job;
    char *text;
    struct delivery *delivery;
};

static void showing_drop(struct work *w)
{
    struct showing *s = container_of(w, struct showing, work);

    deliver_drop(s->delivery);
    answer_unref(s->a);
    cJSON_Delete(s->job);
    free(s->text);
    free(s);
}

static void on_shown(void *arg, enum delivered how, const char *channel, const char *message)
{
    struct showing *s = arg;

    (void)how;
    (void)channel;
    (void)message;
    s->delivery = NULL;
    work_end(&s->work);
    showing_drop(&s->work);
}

static void on_deferred(void *arg, const struct discord_result *r)
{
    struct showing *s = arg;

    (void)r;
    s->delivery = deliver_start(s->bot, &s->place, s->job, span_of(s->text), on_shown, s);
}

static bool has_ended(const cJSON *job)
{
    return read_text(job, "completed_at")[0] != '\0';
}

static void show(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
                 const cJSON *job, struct span text)
{
    AUTO(buf_clear) struct buf why = BUF_INIT(512);
    struct showing *s = NULL;

    (void)id;
    if (!policy_may_press(b->policy, i, job_owner(job), true, true, &why)) {
        say_error(a, buf_str(&why));
    } else if (!has_ended(job)) {
        say_error(a, "It is still being made. Its message tells how far it is.");
    } else {
        s = xcalloc(1, sizeof *s);
        work_begin(b, &s->work, showing_drop);
        s->bot = b;
        s->a = answer_ref(a);
        s->place = place_of(i, b->settings->token_seconds * 1000);
        s->job = require_memory(cJSON_Duplicate(job, true));
        s->text = xstrndup(text.ptr, text.len);
        answer_defer(a, false, false, on_deferred, s);
    }
    interaction_free(i);
}

void show_job(struct bot *b, struct interaction *i, struct answer *a, const char *job)
{
    struct custom_id id = {.output = 0};

    if (!id_parse(span_of(job), &id.job)) {
        say_error(a, "That is no job's id. Choose one of the list that comes up while you type.");
        interaction_free(i);
        return;
    }
    with_job(b, i, a, &id, show);
}
