/* job_fsm.h - every way in which a job can move. Pure: no clock, no store, no socket.
 *
 *   queued/waiting --claim--> queued/submitted --started--> running/executing
 *        ^                         |                             |
 *        +------ lost, troubled ---+-----------------------------+
 *                                                                |
 *   succeeded <--collected-- running/collecting <----finished----+
 *
 * A cancel makes canceling out of anything that is inside a ComfyUI; what
 * ComfyUI then says decides (a result that was faster is kept). Ended states
 * never change: job_step ignores every event there.
 *
 * Nothing else in the program assigns status, phase or attempt.
 * To add an event: the enum, its row in the table of job_fsm.c, test_job_fsm.c.
 */
#ifndef CG_CORE_JOB_FSM_H
#define CG_CORE_JOB_FSM_H

#include <stdint.h>

#include "base/attr.h"
#include "core/job.h"

enum job_event_kind {
    EV_CLAIM,        /* a slot is free: `backend` and `prompt_id` of the new attempt */
    EV_NOT_SENT,     /* the POST never reached the backend: the attempt does not count */
    EV_DELIVERED,    /* the backend has the prompt; `prompt_id` when it chose another, else none */
    EV_REJECTED,     /* the backend refused the graph: `error` */
    EV_TROUBLED,     /* the attempt failed for a reason outside the graph: `error` */
    EV_STARTED,      /* the backend works on it */
    EV_FINISHED,     /* history says success: the outputs can be fetched */
    EV_COLLECTED,    /* all outputs are on disk */
    EV_FAILED,       /* history says error: `error` */
    EV_INTERRUPTED,  /* history says interrupted: `error` names the node */
    EV_GONE,         /* neither in the queue nor in history */
    EV_CANCEL,       /* the user wants it ended */
    EV_DEADLINE,     /* it should have begun by now */
    EV_TIMEOUT,      /* it has run for too long */
    EV_STOP_OVERDUE, /* the backend does not let go of it */
};

struct job_event {
    enum job_event_kind kind;
    int64_t now; /* wall clock, ms */
    const char *backend;
    struct id prompt_id;
    const struct job_error *error;
    int64_t retry_min_ms; /* bounds of the pause before another attempt */
    int64_t retry_max_ms;
};

/* What must follow, after the new row is on disk. */
enum job_effect {
    FX_CHANGED = 1,  /* the row differs: save and publish */
    FX_POST = 2,     /* give the prompt to its backend */
    FX_STOP = 4,     /* take the prompt out of its backend */
    FX_COLLECT = 8,  /* fetch the outputs */
    FX_RELEASE = 16, /* the backend's slot is free again */
    FX_REQUEUE = 32, /* it waits again, not before not_before_at */
    FX_ENDED = 64,
};

/* Applies the event to row (a copy of the committed one) and returns the effects; 0 = ignored. */
unsigned job_step(struct job_row *row, const struct job_event *event) MUST_CHECK;

#endif
