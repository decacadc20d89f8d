/* lists.c - /queue, /cancel, /jobs and /show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bot/handlers.h"
#include "bot/policy.h"
#include "bot/say.h"
#include "bot/show.h"
#include "bot/with.h"
#include "wire/read.h"
#include "wire/text.h"

#define COLOUR      0x5865F2U
#define TEXT_MAX    4000
#define MINE_SHOWN  10
#define JOBS_SHOWN  10
#define TITLE_CHARS 60

static const char *name_of(const cJSON *job)
{
    const char *title = read_text(job, "title");

    return title[0] != '\0' ? title : read_text(job, "template");
}

/* Takes i. */
static bool has_failed(struct interaction *i, struct answer *a, const struct comfygate_result *r)
{
    if (r->status == 200) {
        return false;
    }
    say_error(a, r->sentence);
    interaction_free(i);
    return true;
}

static void whisper_embed(struct answer *a, struct message *m)
{
    answer_whisper(a, m, NULL, NULL);
    message_free(m);
}

/* ---- queue ---------------------------------------------------------------------------------- */

static void add_open_line(struct buf *out, const cJSON *job)
{
    int64_t place = read_int(job, "queue_position", 0);
    int64_t end = read_time_ms(job, "estimated_completion_at");
    double value = read_number(cJSON_GetObjectItemCaseSensitive(job, "progress"), "value", 0);

    (void)buf_append_str(out, "• ");
    text_escape(out, name_of(job), TITLE_CHARS);
    if (place > 0) {
        (void)buf_appendf(out, ": place **%lld**", (long long)place);
    } else {
        (void)buf_appendf(out, ": %s, %d %%", read_text(job, "status"), (int)(value * 100));
    }
    if (end > 0) {
        (void)buf_append_str(out, ", done about ");
        text_time(out, end, 'R');
    }
    (void)buf_append_char(out, '\n');
}

static void show_queue(struct bot *b, struct interaction *i, struct answer *a,
                       const struct comfygate_result *r)
{
    AUTO(buf_clear) struct buf mine = BUF_INIT(TEXT_MAX);
    AUTO(buf_clear) struct buf all = BUF_INIT(TEXT_MAX);
    const cJSON *job = NULL;
    struct message *m = NULL;
    int own = 0;
    int waiting = 0;
    int running = 0;

    (void)b;
    if (has_failed(i, a, r)) {
        return;
    }
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(r->json, "data")) {
        bool is_waiting = strcmp(read_text(job, "status"), "queued") == 0;

        waiting += is_waiting ? 1 : 0;
        running += is_waiting ? 0 : 1;
        if (strcmp(job_owner(job), i->user_id) == 0 && own++ < MINE_SHOWN) {
            add_open_line(&mine, job);
        }
    }
    (void)buf_appendf(&all, "%d running, %d%s waiting", running, waiting,
                      read_true(r->json, "has_more") ? " or more" : "");
    if (own > MINE_SHOWN) {
        (void)buf_appendf(&mine, "and %d more", own - MINE_SHOWN);
    }
    m = message_new();
    message_embed(m, "Queue", NULL, COLOUR);
    message_field(m, "Yours", own > 0 ? buf_str(&mine) : "nothing under way", false);
    message_field(m, "In all", buf_str(&all), false);
    whisper_embed(a, m);
    interaction_free(i);
}

void cmd_queue(struct bot *b, struct interaction *i, struct answer *a)
{
    answer_in_time(a, true, false);
    with_get(b, i, a, "/v1/jobs?status=queued,running,canceling&sort=created_at&limit=200",
             show_queue);
}

/* ---- cancel --------------------------------------------------------------------------------- */

static void cancel(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, const cJSON *job, struct span text)
{
    AUTO(buf_clear) struct buf why = BUF_INIT(512);

    (void)text;
    if (policy_may_press(b->policy, i, job_owner(job), true, true, &why)) {
        cancel_job(b, a, id->job.text);
    } else {
        answer_whisper_text(a, buf_str(&why));
    }
    interaction_free(i);
}

void cmd_cancel(struct bot *b, struct interaction *i, struct answer *a)
{
    const char *job = interaction_option_text(i, "job");
    struct custom_id id = {.output = 0};

    if (job == NULL || !id_parse(span_of(job), &id.job)) {
        say_error(a, "That is no job's id. Choose one of the list that comes up while you type.");
        interaction_free(i);
        return;
    }
    answer_in_time(a, true, false);
    with_job(b, i, a, &id, cancel);
}

/* ---- jobs, show ----------------------------------------------------------------------------- */

static void add_job_line(struct buf *out, const cJSON *job, int number)
{
    (void)buf_appendf(out, "**%d** %s: ", number, read_text(job, "status"));
    text_escape(out, name_of(job), TITLE_CHARS);
    (void)buf_append_str(out, ", ");
    text_time(out, read_time_ms(job, "created_at"), 'R');
    (void)buf_append_char(out, '\n');
}

static void add_show_button(struct message *m, const cJSON *job, int number)
{
    struct custom_id id = {.action = PRESS_SHOW};
    char label[24];

    (void)snprintf(label, sizeof label, "Show %d", number);
    if (id_parse(span_of(read_text(job, "id")), &id.job)) {
        message_button(m, BUTTON_SECONDARY, label, NULL, &id,
                       read_text(job, "completed_at")[0] == '\0');
    }
}

static void show_jobs(struct bot *b, struct interaction *i, struct answer *a,
                      const struct comfygate_result *r)
{
    AUTO(buf_clear) struct buf lines = BUF_INIT(TEXT_MAX);
    struct message *m = NULL;
    const cJSON *job = NULL;
    int number = 0;

    (void)b;
    if (has_failed(i, a, r)) {
        return;
    }
    m = message_new();
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(r->json, "data")) {
        add_job_line(&lines, job, ++number);
    }
    message_embed(m, "Your last jobs",
                  number > 0 ? buf_str(&lines) : "There are none yet. /generate makes the first.",
                  COLOUR);
    number = 0;
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(r->json, "data")) > 0) {
        message_row(m);
    }
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(r->json, "data")) {
        add_show_button(m, job, ++number);
    }
    whisper_embed(a, m);
    interaction_free(i);
}

void cmd_jobs(struct bot *b, struct interaction *i, struct answer *a)
{
    AUTO(free_ptr)
    char *path = xasprintf("/v1/jobs?metadata.discord.app=%s&metadata.discord.user=%s&limit=%d",
                           b->application_id, i->user_id, JOBS_SHOWN);

    answer_in_time(a, true, false);
    with_get(b, i, a, path, show_jobs);
}

void cmd_show(struct bot *b, struct interaction *i, struct answer *a)
{
    const char *job = interaction_option_text(i, "job");

    show_job(b, i, a, job != NULL ? job : "");
}
