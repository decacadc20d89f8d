/* job_wait.c - see job_wait.h.
 *
 * No wake-up is lost: what the hub shows may change between a look and the
 * parking, so there is a second look after it. The first look spares most
 * requests the way through the hub.
 */
#include "http/job_wait.h"

#include "base/clock.h"
#include "base/mem.h"
#include "core/job_json.h"
#include "http/condition.h"
#include "http/reply.h"
#include "http/request.h"

/* A job with its outputs, each with up to 64 KiB of text. */
#define JOB_MAX (64U << 20)
/* When a job that waits is done is estimated anew after so long. */
#define ESTIMATE_HOLDS_MS 1000

/* ---- looking -------------------------------------------------------------------------------------- */

static bool peek(struct request *r, struct id job, struct job_look *out)
{
    struct hub_view view;

    if (!hub_peek(r->parts->hub, job, &view)) {
        return false;
    }
    *out = (struct job_look){.json = view.json, .has_ended = view.has_ended};
    memcpy(out->etag, view.etag, sizeof out->etag);
    return true;
}

/* Of a job that waits; the engine tells of the others. */
static int64_t done_at(struct request *r, int64_t position)
{
    int64_t in_ms = pace_done_in_ms(r->parts->pace, position);

    return in_ms > 0 ? clock_wall_ms() + in_ms : 0;
}

static void render(struct request *r, const struct job_row *row, const struct job_outputs *outputs,
                   int64_t position, struct job_look *out)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(JOB_MAX);
    struct json_out json = json_out_to(&text);
    struct job_view view = {.row = row,
                            .outputs = outputs,
                            .queue_position = position,
                            .estimated_completion_at = done_at(r, position)};

    job_json(&json, NULL, &view);
    job_etag(row->version, position, out->etag);
    out->json = bytes_from_buf(&text);
    out->has_ended = job_has_ended(row->status);
}

enum errc job_look_row(struct request *r, const struct job_row *row, struct job_look *out)
{
    AUTO(job_outputs_clear) struct job_outputs outputs = {.item = NULL};
    struct store_reader *reader = reader_get(r->server);
    int64_t position = hub_position(r->parts->hub, row->id);

    /* Also when it waited as the row was read, and has left the queue since. */
    if (position == 0 && peek(r, row->id, out)) {
        return ERR_NONE;
    }
    if (job_has_ended(row->status) &&
        (reader == NULL || store_outputs(reader, row->id, &outputs) != ST_OK)) {
        return ERR_STORE_UNAVAILABLE;
    }
    render(r, row, &outputs, position, out);
    return ERR_NONE;
}

/* What was answered a moment ago and still holds. */
static bool recall(struct request *r, struct id job, struct job_look *out)
{
    struct memo_answer known;

    if (!job_memo_answer(hub_memo(r->parts->hub), job, hub_position(r->parts->hub, job),
                         clock_mono_ms(), &known)) {
        return false;
    }
    *out = (struct job_look){.json = known.json, .has_ended = known.has_ended};
    memcpy(out->etag, known.etag, sizeof out->etag);
    return true;
}

static void remember(struct request *r, struct id job, const struct job_look *look)
{
    struct memo_answer answer = {.json = look->json, .has_ended = look->has_ended};

    memcpy(answer.etag, look->etag, sizeof answer.etag);
    job_memo_keep(hub_memo(r->parts->hub), job, &answer,
                  look->has_ended ? INT64_MAX : clock_mono_ms() + ESTIMATE_HOLDS_MS);
}

enum errc job_look(struct request *r, struct id job, struct job_look *out, struct err *e)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    struct job_memo *memo = hub_memo(r->parts->hub);
    struct memo_counts since = job_memo_counts(memo);
    struct store_reader *reader;
    enum st st;

    if (peek(r, job, out) || recall(r, job, out)) {
        return ERR_NONE;
    }
    reader = reader_get(r->server);
    st = reader != NULL ? store_job(reader, job, &row) : ST_FAIL;
    if (st == ST_NONE) {
        return err_set(e, ERR_NOT_FOUND, "There is no job of this id.");
    }
    if (st != ST_OK || job_look_row(r, &row, out) != ERR_NONE) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    job_memo_put(memo, job, row.version, since);
    remember(r, job, out);
    return ERR_NONE;
}

bool job_is_unchanged(struct request *r, struct id job, const char *unless_etag,
                      char out[JOB_ETAG_SIZE])
{
    struct hub_view view;
    int64_t version = 0;

    if (unless_etag == NULL) {
        return false;
    }
    if (hub_peek(r->parts->hub, job, &view)) {
        memcpy(out, view.etag, JOB_ETAG_SIZE);
        bytes_unref(view.json);
    } else if (job_memo_get(hub_memo(r->parts->hub), job, &version)) {
        job_etag(version, hub_position(r->parts->hub, job), out);
    } else {
        return false;
    }
    return etag_listed(unless_etag, out, true);
}

enum errc job_look_fresh(struct request *r, const struct job_row *row, struct job_look *out,
                         struct err *e)
{
    int64_t position;

    if (peek(r, row->id, out)) {
        return ERR_NONE;
    }
    position = hub_position(r->parts->hub, row->id);
    if (position == 0) {
        return job_look(r, row->id, out, e);
    }
    render(r, row, NULL, position, out);
    return ERR_NONE;
}

void job_look_clear(struct job_look *look)
{
    bytes_unref_ptr(&look->json);
}

/* ---- waiting -------------------------------------------------------------------------------------- */

static bool is_settled(const struct job_wait *w, const struct job_look *look)
{
    return w->unless_etag != NULL ? !etag_listed(w->unless_etag, look->etag, true)
                                  : look->has_ended;
}

static void wake(struct waiter *waiter)
{
    struct job_wait *w = container_of(waiter, struct job_wait, waiter);

    MHD_resume_connection(container_of(w, struct request, wait)->connection);
}

/* Parks the request, unless there is something new to see. It runs again in either case. */
static void park(struct request *r)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    struct job_wait *w = &r->wait;
    struct MHD_Connection *connection = r->connection;
    struct err e;
    bool is_over;

    err_fresh(&e);
    w->waiter = (struct waiter){.job = w->job,
                                .want = w->unless_etag != NULL ? WANT_CHANGE : WANT_END,
                                .deadline_mono_ms = w->until_mono_ms,
                                .wake = wake};
    MHD_suspend_connection(connection);
    if (!hub_wait(r->parts->hub, &w->waiter)) {
        w->is_refused = true;
        MHD_resume_connection(connection);
        return;
    }
    is_over = job_look(r, w->job, &look, &e) != ERR_NONE || is_settled(w, &look);
    /* When hub_unwait says no, somebody else resumes it. */
    if (is_over && hub_unwait(r->parts->hub, &w->waiter)) {
        MHD_resume_connection(connection);
    }
}

enum MHD_Result job_wait_run(struct request *r)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    struct job_wait *w = &r->wait;
    struct err e;

    err_fresh(&e);
    if (job_look(r, w->job, &look, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (w->until_mono_ms <= clock_mono_ms() || w->is_refused || is_settled(w, &look)) {
        return w->answer(r, &look);
    }
    r->next = job_wait_run;
    park(r);
    return MHD_YES;
}
