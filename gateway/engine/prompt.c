/* prompt.c - giving a prompt to a ComfyUI, and taking one out of it.
 *
 * The prompt's id is on disk before it is sent, and is our own. So an answer
 * that is lost is no riddle: the id is looked for (look.c), and only when it
 * stays absent is the same prompt sent again.
 *
 * `number` is never sent: ComfyUI's worker dies when two waiting prompts have
 * equal number and id, which is what a resent POST would make.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#define BODY_MAX     (260U << 20)
#define SMALL_BODY   256
#define SMALL_ANSWER (1U << 20)

static struct http_call *post_small(struct backend *b, const char *path, const struct buf *body,
                                    void (*done)(void *, const struct http_result *),
                                    struct live_job *j, void *arg) ON_ENGINE;
static struct http_call *post_small(struct backend *b, const char *path, const struct buf *body,
                                    void (*done)(void *, const struct http_result *),
                                    struct live_job *j, void *arg)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);

    return comfy_call_start(b->engine->http,
                            &(struct call_request){
                                .method = "POST",
                                .url = backend_url(b, path, &url),
                                .body = buf_span(body),
                                .job = j != NULL ? &j->row : NULL,
                                .timeout_ms = b->engine->config->backend_timeout_ms,
                                .max_bytes = SMALL_ANSWER,
                                .done = done,
                                .arg = arg,
                            });
}

/* ---- giving ---------------------------------------------------------------------------------- */

static void doubt(struct live_job *j, int64_t for_ms, const char *reason) ON_ENGINE;
static void doubt(struct live_job *j, int64_t for_ms, const char *reason)
{
    /* A look that began before this moment may have been answered before the prompt was queued. */
    j->posted_mono_ms = clock_mono_ms();
    j->doubt_until_mono_ms = j->posted_mono_ms + for_ms;
    measure_backend(j->backend, METRIC_PROMPT_DOUBTS);
    log_warn("prompt_in_doubt", LOG_JOB(&j->row), LOG_S("backend", j->backend->address->name),
             LOG_S("prompt", j->row.prompt_id.text), LOG_S("reason", reason));
    look_soon(j->backend, 2); /* in another millisecond than this one, so that it counts as later */
}

/* What it was thought to have may not be there any more. */
static void note_refusal(struct backend *b, const struct comfy_prompt_reply *reply) ON_ENGINE;
static void note_refusal(struct backend *b, const struct comfy_prompt_reply *reply)
{
    if (reply->lacks_something) {
        nodes_refused(b);
    }
}

static void accepted(struct live_job *j, const struct comfy_prompt_reply *reply) ON_ENGINE;
static void accepted(struct live_job *j, const struct comfy_prompt_reply *reply)
{
    struct backend *b = j->backend;
    struct job_event event = {.kind = EV_DELIVERED};

    b->holds = 0;
    backend_expect_status(b, j->posted_mono_ms);
    /* Servers before 0.3.44 choose the id themselves. */
    if (reply->prompt_id != NULL && !id_parse(span_of(reply->prompt_id), &event.prompt_id)) {
        event.prompt_id = ID_NONE;
    }
    if (reply->has_node_errors) {
        /* Some of its outputs would be missing: that is not what was asked for. */
        note_refusal(b, reply);
        prompt_abandon(b, id_is_none(event.prompt_id) ? j->row.prompt_id : event.prompt_id);
        job_error_set(&j->rejection, reply->error.code, reply->error.message, reply->error.node_id,
                      reply->error.class_type, reply->error.node_title);
        return;
    }
    (void)jobs_event(b->engine, j, event);
    if (jobs_row(j)->stop != STOP_NONE) {
        prompt_stop(j);
    }
}

/* Answers that say something about the way to ComfyUI, not about the prompt. */
static bool is_about_the_way(int status)
{
    return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 404 ||
           status == 405 || status == 407;
}

static void answered(struct live_job *j, const struct http_result *result) ON_ENGINE;
static void answered(struct live_job *j, const struct http_result *result)
{
    struct backend *b = j->backend;
    struct comfy_prompt_reply reply;

    comfy_prompt_reply_parse(result->status, result->body, buf_span(&j->graph), &reply);
    if (reply.is_accepted) {
        accepted(j, &reply);
    } else if (is_about_the_way(result->status)) {
        backend_hold(b, reply.error.message != NULL ? reply.error.message : "refuses prompts");
        (void)jobs_event(b->engine, j, (struct job_event){.kind = EV_NOT_SENT});
    } else if (result->status >= 500) {
        /* It can have queued the prompt all the same; one look tells. */
        job_error_set(&j->post_error, JOB_ERR_BACKEND_LOST, reply.error.message, NULL, NULL, NULL);
        doubt(j, 0, reply.error.message);
    } else if (!upload_again(j)) {
        note_refusal(b, &reply);
        (void)jobs_event_error(b->engine, j, EV_REJECTED, &reply.error);
    }
    comfy_prompt_reply_clear(&reply);
}

static void on_posted(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;
    struct backend *b = j->backend;

    assume_engine_role();
    j->post = NULL;
    measure_call(b, CALL_PROMPT, result);
    if (job_has_ended(jobs_row(j)->status)) {
        return;
    }
    switch (result->end) {
    case HTTP_ANSWERED:
        answered(j, result);
        return;
    case HTTP_NOT_SENT:
        backend_lost(b, result->reason);
        (void)jobs_event(b->engine, j, (struct job_event){.kind = EV_NOT_SENT});
        return;
    case HTTP_IN_DOUBT:
    case HTTP_TOO_LARGE:
    case HTTP_SINK_FAILED:
        doubt(j, b->engine->config->backend_doubt_ms, result->reason);
        return;
    }
}

void prompt_post(struct live_job *j)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);
    AUTO(buf_clear) struct buf body = BUF_INIT(BODY_MAX);
    AUTO(buf_clear) struct buf renamed = BUF_INIT(BODY_MAX);
    struct backend *b = j->backend;

    if (upload_begin(j)) {
        return;
    }
    job_error_clear(&j->post_error);
    j->doubt_until_mono_ms = 0;
    j->is_absent_in_queue = false;
    j->posted_mono_ms = clock_mono_ms();
    /* Without an open socket nobody will listen under this name: ComfyUI drops the events. */
    memcpy(j->client_id, b->client_id, sizeof j->client_id);
    comfy_prompt_body(&body, upload_graph(j, &renamed), j->row.prompt_id, b->client_id, j->row.id);
    j->post =
        comfy_call_start(b->engine->http, &(struct call_request){
                                              .method = "POST",
                                              .url = backend_url(b, "/prompt", &url),
                                              .body = buf_span(&body),
                                              .job = &j->row,
                                              .timeout_ms = b->engine->config->backend_timeout_ms,
                                              .max_bytes = b->engine->config->backend_max_answer,
                                              .done = on_posted,
                                              .arg = j,
                                          });
}

/* ---- memory ------------------------------------------------------------------------------------ */

static void on_freed(void *arg, const struct http_result *result)
{
    struct backend *b = arg;

    assume_engine_role();
    b->freeing = NULL;
    measure_call(b, CALL_FREE, result);
}

void prompt_free_memory(struct backend *b)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(SMALL_BODY);

    if (b->freeing == NULL) {
        (void)buf_append_str(&body, "{\"unload_models\":true,\"free_memory\":true}");
        b->freeing = post_small(b, "/free", &body, on_freed, NULL, b);
    }
}

/* ---- taking out ------------------------------------------------------------------------------ */

/* POST /api/jobs/{id}/cancel came with 0.26.0; a prompt id in /interrupt with 0.3.57. Before that
 * an interrupt stops whatever runs, which may be somebody else's. */
static bool has_cancel(const struct backend *b) ON_ENGINE;
static bool has_cancel(const struct backend *b)
{
    return b->info.version != NULL && !b->has_no_cancel &&
           comfy_version_at_least(b->info.version, 0, 26, 0);
}

static bool has_aimed_interrupt(const struct backend *b) ON_ENGINE;
static bool has_aimed_interrupt(const struct backend *b)
{
    return b->info.version == NULL || comfy_version_at_least(b->info.version, 0, 3, 57);
}

static void on_stopped(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;

    assume_engine_role();
    j->stop_call = NULL;
    measure_call(j->backend, CALL_STOP, result); /* 200 whatever happened: only a look tells */
    look_soon(j->backend, 0);
}

static void on_deleted(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;
    AUTO(buf_clear) struct buf body = BUF_INIT(SMALL_BODY);

    assume_engine_role();
    j->stop_call = NULL;
    measure_call(j->backend, CALL_STOP, result);
    if (job_has_ended(jobs_row(j)->status) || !has_aimed_interrupt(j->backend)) {
        look_soon(j->backend, 0);
        return;
    }
    comfy_interrupt_body(&body, jobs_row(j)->prompt_id);
    j->stop_call = post_small(j->backend, "/interrupt", &body, on_stopped, j, j);
}

static void on_canceled(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;

    assume_engine_role();
    j->stop_call = NULL;
    measure_call(j->backend, CALL_STOP, result);
    if (result->end == HTTP_ANSWERED && (result->status == 404 || result->status == 405)) {
        j->backend->has_no_cancel = true;
        prompt_stop(j);
        return;
    }
    look_soon(j->backend, 0);
}

void prompt_stop(struct live_job *j)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(SMALL_BODY);
    AUTO(buf_clear) struct buf path = BUF_INIT(SMALL_BODY);
    struct backend *b = j->backend;

    if (upload_stop(j)) {
        return;
    }
    /* A prompt on its way can be taken out only when it is there. */
    if (b == NULL || j->post != NULL || j->stop_call != NULL) {
        return;
    }
    j->stop_sent_mono_ms = clock_mono_ms();
    if (has_cancel(b)) {
        (void)buf_appendf(&path, "/api/jobs/%s/cancel", jobs_row(j)->prompt_id.text);
        j->stop_call = post_small(b, buf_str(&path), &body, on_canceled, j, j);
        return;
    }
    comfy_delete_body(&body, jobs_row(j)->prompt_id);
    j->stop_call = post_small(b, "/queue", &body, on_deleted, j, j);
}

/* ---- prompts that nobody waits for ----------------------------------------------------------- */

struct abandoned {
    struct list node;
    struct id prompt_id;
    int64_t since_mono_ms;
};

static void ignore(void *arg, const struct http_result *result)
{
    assume_engine_role();
    measure_call(arg, CALL_STOP, result);
}

void prompt_drop_copy(struct backend *b, struct id prompt_id)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(SMALL_BODY);

    log_warn("prompt_twice", LOG_S("backend", b->address->name), LOG_S("prompt", prompt_id.text));
    comfy_delete_body(&body, prompt_id);
    (void)post_small(b, "/queue", &body, ignore, NULL, b);
}

static struct abandoned *find_abandoned(const struct backend *b, struct id prompt_id) ON_ENGINE;
static struct abandoned *find_abandoned(const struct backend *b, struct id prompt_id)
{
    list_each(node, next, &b->abandoned) {
        struct abandoned *a = container_of(node, struct abandoned, node);

        if (id_eq(a->prompt_id, prompt_id)) {
            return a;
        }
    }
    return NULL;
}

void prompt_abandon(struct backend *b, struct id prompt_id)
{
    struct abandoned *a = find_abandoned(b, prompt_id);

    /* Known already when a commit fails, again and again, that would have let go of its job. */
    if (a == NULL) {
        a = xcalloc(1, sizeof *a);
        a->prompt_id = prompt_id;
        list_push(&b->abandoned, &a->node);
    }
    a->since_mono_ms = clock_mono_ms();
    look_soon(b, 0);
}

static void ask_out(struct backend *b, const struct abandoned *a, enum comfy_place place) ON_ENGINE;
static void ask_out(struct backend *b, const struct abandoned *a, enum comfy_place place)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(SMALL_BODY);

    if (place == COMFY_PENDING) {
        comfy_delete_body(&body, a->prompt_id);
        (void)post_small(b, "/queue", &body, ignore, NULL, b);
    } else if (has_aimed_interrupt(b)) {
        comfy_interrupt_body(&body, a->prompt_id);
        (void)post_small(b, "/interrupt", &body, ignore, NULL, b);
    }
}

void prompt_abandoned_tick(struct backend *b, const struct comfy_queue *queue)
{
    list_each(node, next, &b->abandoned) {
        struct abandoned *a = container_of(node, struct abandoned, node);
        enum comfy_place place = comfy_queue_find(queue, a->prompt_id);

        if (place != COMFY_NOWHERE) {
            /* Still a job's own while the commit that gives it up has not come about. */
            if (jobs_by_prompt(b->engine, a->prompt_id) == NULL) {
                ask_out(b, a, place);
            }
            look_soon(b, b->engine->config->backend_poll_ms);
        } else if (b->look_began_mono_ms > a->since_mono_ms) {
            list_remove(&a->node);
            free(a);
        }
    }
}

void prompt_abandoned_clear(struct backend *b)
{
    list_each(node, next, &b->abandoned) {
        free(container_of(node, struct abandoned, node));
    }
    list_init(&b->abandoned);
}
