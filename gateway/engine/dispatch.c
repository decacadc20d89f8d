/* dispatch.c - which waiting job goes to which backend next.
 *
 * Where to: engine/fit.c. Order: as the queue has it, by priority, then by turns of those who submit (core/fair_order.h). A job that asks for a
 * backend is passed over until that one has a slot; a job in its pause before
 * another attempt is passed over until the pause is over; one whose key has as many inside as it may is passed over until
 * one of those is done. None holds up those behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

/* Jobs looked at in one turn: the cost of a long queue for a backend that is away. The next turn goes on behind them. */
#define SCAN_MAX     4096
#define SCAN_STEP    64
#define OVERDUE_STEP 200

struct delay {
    int64_t not_before_at;
};

struct pin {
    uint64_t backends; /* a bit for each */
};

/* ---- places ---------------------------------------------------------------------------------- */

#define LINE_SIZE  512
#define WORK_MS    10000 /* of a job of which nothing is known */
#define WORK_MIN   1000
#define WORK_MAX   INT64_C(3600000)
#define USER_DEPTH 4

/* Who takes turns with others: the key, and the user it acts for; at each priority. */
static void name_line(char line[LINE_SIZE], const char *owner, const char *user, int priority)
{
    (void)snprintf(line, LINE_SIZE, "%d/%s/%s", priority, owner != NULL ? owner : "",
                   user != NULL ? user : "");
}

static char *user_of(const struct engine *e, const struct job_row *row) ON_ENGINE;
static char *user_of(const struct engine *e, const struct job_row *row)
{
    static const struct json_limits LIMITS = {.depth = USER_DEPTH, .nodes = 1000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;

    if (strstr(row->metadata_json, e->config->queue_user_metadata) == NULL ||
        json_parse(span_of(row->metadata_json), JSON_STRICT, LIMITS, &doc, NULL) != ERR_NONE) {
        return NULL;
    }
    return json_str_dup(doc, json_get(doc, 0, e->config->queue_user_metadata));
}

static int64_t start_of_new(struct engine *e, const struct job_row *row) ON_ENGINE;
static int64_t start_of_new(struct engine *e, const struct job_row *row)
{
    AUTO(free_ptr) char *user = user_of(e, row);
    int64_t work = forecast_run_ms(e, row);
    char line[LINE_SIZE];

    work = work <= 0 ? WORK_MS : work < WORK_MIN ? WORK_MIN : work > WORK_MAX ? WORK_MAX : work;
    name_line(line, row->owner, user, row->priority);
    return fair_order_next(e->fair, line, work);
}

static void put(struct engine *e, const struct waiting_job *job, int64_t start) ON_ENGINE;
static void put(struct engine *e, const struct waiting_job *job, int64_t start)
{
    struct delay *delay = NULL;

    shares_put(e->shares, job->id, job->owner);
    free(map_remove(e->delayed, job->id.text));
    free(map_remove(e->pinned, job->id.text));
    hub_queue_put(e->hub, job->id, job->priority, start, false);
    e->has_more_work = true;
    if (job->not_before_at > 0) {
        delay = xcalloc(1, sizeof *delay);
        delay->not_before_at = job->not_before_at;
        map_put(e->delayed, job->id.text, delay);
    }
    if (job->wanted_backend != NULL) {
        struct pin *pin = xcalloc(1, sizeof *pin);

        /* None when that is not configured: it is waited for, and may come back with the next start. */
        pin->backends = fit_wanted(e, job->wanted_backend);
        map_put(e->pinned, job->id.text, pin);
    }
    if (job->deadline_at > 0 && (e->next_deadline == 0 || job->deadline_at < e->next_deadline)) {
        e->next_deadline = job->deadline_at;
    }
}

void dispatch_put(struct engine *e, const struct job_row *row)
{
    struct waiting_job job = {.id = row->id,
                              .priority = row->priority,
                              .not_before_at = row->not_before_at,
                              .deadline_at = row->deadline_at,
                              .wanted_backend = row->wanted_backend,
                              .owner = row->owner};
    int64_t start = 0; /* also of one that is inside a ComfyUI, and so will be the next again */

    if (!hub_queue_start(e->hub, row->id, &start)) {
        start = row->attempt > 0 ? fair_order_again(e->fair) : start_of_new(e, row);
    }
    put(e, &job, start);
}

void dispatch_put_waiting(struct engine *e, const struct waiting_job *job)
{
    char line[LINE_SIZE];

    name_line(line, job->owner, job->user, job->priority);
    put(e, job, fair_order_next(e->fair, line, WORK_MS));
}

void dispatch_remove(struct engine *e, struct id job)
{
    hub_queue_remove(e->hub, job);
    shares_remove(e->shares, job);
    free(map_remove(e->delayed, job.text));
    free(map_remove(e->pinned, job.text));
    fit_forget(e, job);
}

static void free_value(void *arg, const char *key, void *value)
{
    (void)arg;
    (void)key;
    free(value);
}

void dispatch_free(struct engine *e)
{
    map_each(e->delayed, free_value, NULL);
    map_each(e->pinned, free_value, NULL);
}

int dispatch_free_slots(const struct backend *b)
{
    int slots = trouble_is_suspect(b) ? 1 : (int)b->engine->config->backend_slots;
    int inside = b->live_count + b->claimed;

    return backend_takes_work(b) && inside < slots ? slots - inside : 0;
}

static bool is_delayed(struct engine *e, struct id job, int64_t now) ON_ENGINE;
static bool is_delayed(struct engine *e, struct id job, int64_t now)
{
    const struct delay *delay = map_get(e->delayed, job.text);

    return delay != NULL && delay->not_before_at > now;
}

static struct backend *choose(struct engine *e, struct id job, int64_t now) ON_ENGINE;
static struct backend *choose(struct engine *e, struct id job, int64_t now)
{
    const struct pin *pin = map_get(e->pinned, job.text);

    return is_delayed(e, job, now) || !shares_may_begin(e->shares, job)
               ? NULL
               : fit_choose(e, job, pin != NULL ? pin->backends : FIT_ANY);
}

static void claim(struct engine *e, struct id job, struct backend *b) ON_ENGINE;
static void claim(struct engine *e, struct id job, struct backend *b)
{
    enum st st = ST_OK;
    struct live_job *j = jobs_load(e, job, &st);
    int64_t start = 0;
    unsigned effects = 0;

    if (j == NULL) {
        /* Not in the store: it was deleted by hand, or the store does not answer now. */
        if (st == ST_NONE) {
            dispatch_remove(e, job);
        }
        return;
    }
    effects =
        jobs_event(e, j,
                   (struct job_event){
                       .kind = EV_CLAIM, .backend = b->address->name, .prompt_id = id_random()});
    if ((effects & FX_POST) == 0) {
        return;
    }
    if (hub_queue_start(e->hub, job, &start)) {
        fair_order_begun(e->fair, start);
    }
    /* After the event: the attempt's number and prompt are part of the file prefix. */
    if (jobs_load_graph(e, j)) {
        b->claimed++;
        shares_inside(e->shares, j->row.owner);
        fit_given(e, job, b);
    } else {
        log_error("graph_unreadable", LOG_JOB(&j->row), LOG_S("reason", store_reason()));
        jobs_forget_change(j);
    }
}

static bool any_free_slot(const struct engine *e) ON_ENGINE;
static bool any_free_slot(const struct engine *e)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        if (dispatch_free_slots(&e->backend[i]) > 0) {
            return true;
        }
    }
    return false;
}

static void count_inside(struct engine *e) ON_ENGINE;
static void count_inside(struct engine *e)
{
    shares_begin_turn(e->shares);
    list_each(node, next, &e->live) {
        const struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend != NULL) {
            shares_inside(e->shares, j->row.owner);
        }
    }
}

/* Looks at the places behind the first `from`, up to `to`. Gives how far it came; less when there is no more to do. */
static size_t scan(struct engine *e, size_t from, size_t to, int64_t now) ON_ENGINE;
static size_t scan(struct engine *e, size_t from, size_t to, int64_t now)
{
    struct id candidate[SCAN_STEP];
    size_t seen = from;

    while (seen < to && any_free_slot(e)) {
        size_t count = hub_queue_next(e->hub, seen, candidate, SCAN_STEP);

        for (size_t i = 0; i < count; i++) {
            struct backend *b = choose(e, candidate[i], now);

            if (b != NULL) {
                claim(e, candidate[i], b);
            }
        }
        if (count < SCAN_STEP) {
            return 0;
        }
        seen += count;
    }
    return any_free_slot(e) ? seen : 0;
}

void dispatch_waiting(struct engine *e)
{
    int64_t now = clock_wall_ms();
    size_t first = e->scanned > 0 ? SCAN_MAX / 2 : SCAN_MAX;
    size_t reached = 0;

    for (size_t i = 0; i < e->backend_count; i++) {
        e->backend[i].claimed = 0;
    }
    if (e->paused_since != 0) {
        return;
    }
    fits_begin_turn(e);
    count_inside(e);
    /* The first ones always, and then, as long as none of those can go, a part of the others: many that cannot go
     * keep nobody behind them from what is free. */
    reached = scan(e, 0, first, now);
    if (reached > 0 && e->scanned > reached) {
        reached = scan(e, e->scanned, e->scanned + SCAN_MAX / 2, now);
    }
    e->scanned = reached;
}

struct overdue {
    struct engine *engine;
    struct id job[OVERDUE_STEP];
    int count;
};

static void note_overdue(void *arg, struct id job)
{
    struct overdue *list = arg;

    list->job[list->count++] = job;
}

void dispatch_overdue(struct engine *e)
{
    int64_t now = clock_wall_ms();
    struct overdue list = {.engine = e};
    int64_t next_deadline = 0;
    enum st st = ST_OK;

    if (e->next_deadline == 0 || now < e->next_deadline) {
        return;
    }
    if (store_overdue(e->writer, now, OVERDUE_STEP, note_overdue, &list) == ST_FAIL) {
        return;
    }
    for (int i = 0; i < list.count; i++) {
        struct live_job *j = jobs_load(e, list.job[i], &st);

        if (j != NULL) {
            (void)jobs_event(e, j, (struct job_event){.kind = EV_DEADLINE});
        }
    }
    /* Those just found are still in the store until this turn's commit: ask again later. */
    e->next_deadline = now + 1;
    if (list.count == 0) {
        st = store_next_deadline(e->writer, &next_deadline);
        e->next_deadline = st == ST_OK ? next_deadline : st == ST_NONE ? 0 : now + 1;
    }
}
