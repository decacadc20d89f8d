/* job_fsm.c - see job_fsm.h.
 *
 * Events are levels, not edges: the engine reads the same truth (queue,
 * history) again and again and may report it twice, late, or in any order. So
 * every handler asks "what does this say about the job as it stands?" and does
 * nothing when the answer is "nothing new".
 */
#include "core/job_fsm.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/job_json.h"

/* A ComfyUI that dies under a job may have died of it; the third one is spared. */
#define DEATHS_MAX 2
#define LOST_TWICE "The ComfyUI was lost twice while it ran this job; it is not tried again."

static bool is_inside(const struct job_row *row)
{
    return row->phase == PHASE_SUBMITTED || row->phase == PHASE_EXECUTING ||
           row->phase == PHASE_COLLECTING;
}

static unsigned end_as(struct job_row *row, enum job_status status, int64_t now)
{
    unsigned effects = FX_CHANGED | FX_ENDED | (is_inside(row) ? FX_RELEASE : 0u);

    row->status = status;
    row->phase = PHASE_NONE;
    row->completed_at = now;
    row->not_before_at = 0;
    return effects;
}

static unsigned fail(struct job_row *row, const struct job_error *error, int64_t now)
{
    job_error_set(&row->error, error->code, error->message, error->node_id, error->class_type,
                  error->node_title);
    return end_as(row, JOB_FAILED, now);
}

static unsigned fail_with(struct job_row *row, enum job_errc code, const char *message, int64_t now)
{
    struct job_error error = {.code = code};
    AUTO(free_ptr) char *text = xstrdup(message);

    error.message = text;
    return fail(row, &error, now);
}

/* The end of a job that the gateway itself wanted out of its ComfyUI. */
static unsigned end_stopped(struct job_row *row, int64_t now)
{
    switch (row->stop) {
    case STOP_CANCEL:
        return end_as(row, JOB_CANCELED, now);
    case STOP_DEADLINE:
        job_error_set(&row->error, JOB_ERR_DEADLINE_EXCEEDED,
                      "The job had not begun by its deadline.", NULL, NULL, NULL);
        return end_as(row, JOB_EXPIRED, now);
    case STOP_TIMEOUT:
        return fail_with(row, JOB_ERR_TIMEOUT, "The job ran longer than its timeout allows.", now);
    case STOP_NONE:
        break;
    }
    bug_if(true);
}

/* Pause before the next attempt: doubles each time; the job's own id spreads it, so that many jobs
 * lost at once do not come back at once. */
static int64_t retry_pause(const struct job_row *row, const struct job_event *ev)
{
    int64_t pause = ev->retry_min_ms;
    int64_t spread = 0;

    for (int i = 1; i < row->attempt && pause < ev->retry_max_ms; i++) {
        pause *= 2;
    }
    if (pause > ev->retry_max_ms) {
        pause = ev->retry_max_ms;
    }
    for (const char *c = row->id.text; *c != '\0'; c++) {
        spread = (spread * 31 + *c) % 1000;
    }
    return pause / 2 + pause * spread / 2000;
}

static unsigned wait_again(struct job_row *row, int64_t not_before_at)
{
    row->status = JOB_QUEUED;
    row->phase = PHASE_WAITING;
    row->prompt_id = ID_NONE;
    row->is_delivered = false;
    row->submitted_at = 0;
    row->started_at = 0;
    row->stop = STOP_NONE;
    row->stop_at = 0;
    row->not_before_at = not_before_at;
    return FX_CHANGED | FX_RELEASE | FX_REQUEUE;
}

/* The attempt is over through no fault of the graph: try again, or say why not. */
static unsigned try_again(struct job_row *row, const struct job_event *ev,
                          const struct job_error *error)
{
    if (row->stop != STOP_NONE) {
        return end_stopped(row, ev->now);
    }
    if (row->attempt >= row->max_attempts || row->deaths >= DEATHS_MAX) {
        return fail(row, error, ev->now);
    }
    return wait_again(row, ev->now + retry_pause(row, ev));
}

static unsigned on_claim(struct job_row *row, const struct job_event *ev)
{
    if (row->phase != PHASE_WAITING) {
        return 0;
    }
    row->phase = PHASE_SUBMITTED;
    row->attempt++;
    row->not_before_at = 0;
    row->submitted_at = ev->now;
    row->prompt_id = ev->prompt_id;
    row->is_delivered = false;
    xreplace(&row->backend, ev->backend);
    return FX_CHANGED | FX_POST;
}

static unsigned on_not_sent(struct job_row *row, const struct job_event *ev)
{
    if (row->phase != PHASE_SUBMITTED || row->is_delivered) {
        return 0;
    }
    if (row->stop != STOP_NONE) {
        return end_stopped(row, ev->now);
    }
    row->attempt--;
    return wait_again(row, 0);
}

static unsigned on_delivered(struct job_row *row, const struct job_event *ev)
{
    bool is_renamed = !id_is_none(ev->prompt_id) && !id_eq(ev->prompt_id, row->prompt_id);

    if (row->phase != PHASE_SUBMITTED || (row->is_delivered && !is_renamed)) {
        return 0;
    }
    row->is_delivered = true;
    if (is_renamed) {
        row->prompt_id = ev->prompt_id;
    }
    return FX_CHANGED;
}

static unsigned on_rejected(struct job_row *row, const struct job_event *ev)
{
    /* Its good part may have begun before the answer told of the bad one. */
    if (!is_inside(row)) {
        return 0;
    }
    if (row->stop != STOP_NONE) {
        return end_stopped(row, ev->now);
    }
    return fail(row, ev->error, ev->now);
}

static unsigned on_troubled(struct job_row *row, const struct job_event *ev)
{
    AUTO(job_error_clear) struct job_error lost = {0};

    if (!is_inside(row)) {
        return 0;
    }
    /* One that does not come back, or hangs, has died under it as much as one that says that it was restarted. */
    if (row->phase == PHASE_EXECUTING && ev->error->code == JOB_ERR_BACKEND_LOST) {
        row->deaths++;
    }
    if (row->deaths < DEATHS_MAX) {
        return try_again(row, ev, ev->error);
    }
    job_error_set(&lost, JOB_ERR_BACKEND_LOST, LOST_TWICE, NULL, NULL, NULL);
    return try_again(row, ev, &lost);
}

static unsigned on_started(struct job_row *row, const struct job_event *ev)
{
    /* A job past its deadline that begins while it is being taken out has not begun for its user.
     */
    if (row->phase != PHASE_SUBMITTED || row->stop == STOP_DEADLINE) {
        return 0;
    }
    row->phase = PHASE_EXECUTING;
    row->is_delivered = true;
    row->started_at = ev->now;
    if (row->status == JOB_QUEUED) {
        row->status = JOB_RUNNING;
    }
    return FX_CHANGED;
}

static unsigned on_finished(struct job_row *row, const struct job_event *ev)
{
    if (!is_inside(row)) {
        return 0;
    }
    if (row->phase == PHASE_COLLECTING) {
        return FX_COLLECT; /* the gateway was restarted meanwhile, or a fetch was given up */
    }
    if (row->started_at == 0) {
        row->started_at = ev->now;
    }
    row->phase = PHASE_COLLECTING;
    row->is_delivered = true;
    if (row->status == JOB_QUEUED) {
        row->status = JOB_RUNNING;
    }
    return FX_CHANGED | FX_COLLECT;
}

static unsigned on_collected(struct job_row *row, const struct job_event *ev)
{
    if (row->phase != PHASE_COLLECTING) {
        return 0;
    }
    if (row->stop == STOP_CANCEL) {
        job_warn(row, "cancel_too_late", "The job had finished before it could be canceled.");
    } else if (row->stop != STOP_NONE) {
        job_warn(row, "stop_too_late", "The job had finished before it could be stopped.");
    }
    return end_as(row, JOB_SUCCEEDED, ev->now);
}

static unsigned try_without_memory(struct job_row *row, const struct job_event *ev)
{
    unsigned effects = try_again(row, ev, ev->error);

    if ((effects & FX_REQUEUE) != 0) {
        job_warn(row, "out_of_memory",
                 "The first attempt ran out of memory; the job was tried again.");
    }
    return effects;
}

static unsigned on_failed(struct job_row *row, const struct job_event *ev)
{
    if (!is_inside(row)) {
        return 0;
    }
    if (row->started_at == 0) {
        row->started_at = ev->now;
    }
    if (ev->error->code == JOB_ERR_BACKEND_LOST) { /* its device has failed */
        row->deaths++;
        return try_again(row, ev, ev->error);
    }
    /* Elsewhere, or in a moment, there may be memory; every other error of a node would come again. */
    if (ev->error->code == JOB_ERR_OUT_OF_MEMORY && row->attempt == 1) {
        return try_without_memory(row, ev);
    }
    return fail(row, ev->error, ev->now);
}

static unsigned on_interrupted(struct job_row *row, const struct job_event *ev)
{
    if (!is_inside(row)) {
        return 0;
    }
    return row->stop != STOP_NONE ? end_stopped(row, ev->now) : fail(row, ev->error, ev->now);
}

static unsigned on_gone(struct job_row *row, const struct job_event *ev)
{
    char text[192];
    AUTO(job_error_clear) struct job_error lost = {0};

    if (!is_inside(row)) {
        return 0;
    }
    if (row->phase == PHASE_EXECUTING) {
        row->deaths++;
    }
    (void)snprintf(
        text, sizeof text,
        row->deaths >= DEATHS_MAX
            ? LOST_TWICE
            : "The ComfyUI lost the job (restarted, or its queue was cleared) in attempt %d of %d.",
        row->attempt, row->max_attempts);
    job_error_set(&lost, JOB_ERR_BACKEND_LOST, text, NULL, NULL, NULL);
    return try_again(row, ev, &lost);
}

static unsigned begin_stop(struct job_row *row, enum job_stop why, int64_t now)
{
    row->stop = why;
    row->stop_at = now;
    /* What is done there already is only being fetched: nothing is left to stop. */
    return FX_CHANGED | (row->phase == PHASE_COLLECTING ? 0u : FX_STOP);
}

static unsigned on_cancel(struct job_row *row, const struct job_event *ev)
{
    if (row->status == JOB_CANCELING) {
        return 0;
    }
    if (row->phase == PHASE_WAITING) {
        return end_as(row, JOB_CANCELED, ev->now);
    }
    row->status = JOB_CANCELING;
    return begin_stop(row, STOP_CANCEL, ev->now);
}

static unsigned on_deadline(struct job_row *row, const struct job_event *ev)
{
    if (row->status != JOB_QUEUED || row->stop != STOP_NONE) {
        return 0;
    }
    if (row->phase == PHASE_WAITING) {
        row->stop = STOP_DEADLINE;
        return end_stopped(row, ev->now);
    }
    return begin_stop(row, STOP_DEADLINE, ev->now);
}

static unsigned on_timeout(struct job_row *row, const struct job_event *ev)
{
    if (row->phase != PHASE_EXECUTING || row->stop != STOP_NONE) {
        return 0;
    }
    return begin_stop(row, STOP_TIMEOUT, ev->now);
}

static unsigned on_stop_overdue(struct job_row *row, const struct job_event *ev)
{
    if (!is_inside(row) || row->stop == STOP_NONE) {
        return 0;
    }
    job_warn(row, "still_running",
             "The ComfyUI did not let go of the job; it may still be working on it.");
    return end_stopped(row, ev->now);
}

unsigned job_step(struct job_row *row, const struct job_event *event)
{
    static unsigned (*const HANDLER[])(struct job_row *, const struct job_event *) = {
        [EV_CLAIM] = on_claim,
        [EV_NOT_SENT] = on_not_sent,
        [EV_DELIVERED] = on_delivered,
        [EV_REJECTED] = on_rejected,
        [EV_TROUBLED] = on_troubled,
        [EV_STARTED] = on_started,
        [EV_FINISHED] = on_finished,
        [EV_COLLECTED] = on_collected,
        [EV_FAILED] = on_failed,
        [EV_INTERRUPTED] = on_interrupted,
        [EV_GONE] = on_gone,
        [EV_CANCEL] = on_cancel,
        [EV_DEADLINE] = on_deadline,
        [EV_TIMEOUT] = on_timeout,
        [EV_STOP_OVERDUE] = on_stop_overdue,
    };
    unsigned effects = 0;

    if (job_has_ended(row->status)) {
        return 0;
    }
    effects = HANDLER[event->kind](row, event);
    if ((effects & FX_CHANGED) != 0) {
        row->version++;
    }
    return effects;
}
