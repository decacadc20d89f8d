/* commands.c - what users ask for: submit, cancel, change, delete.
 *
 * A command is looked at when it is taken from the inbox (which may change a
 * copy of a row), written in the turn's transaction, and answered after it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

/* Bounds one turn, and so the size of one transaction. */
#define COMMANDS_PER_TURN 2000

static void refuse(struct cmd *c, enum errc code, const char *detail)
{
    c->result = code;
    (void)snprintf(c->detail, sizeof c->detail, "%s", detail);
}

static void refuse_by_store(struct cmd *c, enum st st)
{
    switch (st) {
    case ST_NONE:
        refuse(c, ERR_NOT_FOUND,
               c->kind == CMD_ASSET_DELETE        ? "There is no asset of this id."
               : c->kind == CMD_PREFERENCE_DELETE ? "There is no preference of this key."
               : c->kind == CMD_REDELIVER         ? "This job has no delivery of this id."
                                                  : "There is no job of this id.");
        return;
    case ST_FULL:
        refuse(c, ERR_INSUFFICIENT_STORAGE, "The disk is full; nothing was changed.");
        return;
    case ST_OK:
    case ST_CONFLICT:
    case ST_RETRY:
    case ST_FAIL:
        refuse(c, ERR_STORE_UNAVAILABLE,
               "The job store cannot be written now; nothing was changed.");
        return;
    }
}

/* What belongs to another key does not exist for this one. */
static bool is_visible(const struct cmd *c, const struct job_row *row)
{
    return c->owner == NULL || (row->owner != NULL && strcmp(c->owner, row->owner) == 0);
}

static struct live_job *find(struct engine *e, struct cmd *c) ON_ENGINE;
static struct live_job *find(struct engine *e, struct cmd *c)
{
    enum st st = ST_OK;
    struct live_job *j = jobs_load(e, c->job, &st);

    if (j != NULL && (j->is_deleted || !is_visible(c, jobs_row(j)))) {
        st = ST_NONE;
    }
    if (st != ST_OK) {
        refuse_by_store(c, st);
        return NULL;
    }
    return j;
}

static void cancel(struct engine *e, struct cmd *c) ON_ENGINE;
static void cancel(struct engine *e, struct cmd *c)
{
    struct live_job *j = find(e, c);

    if (j == NULL) {
        return;
    }
    c->had_ended = job_has_ended(jobs_row(j)->status);
    if (!c->had_ended) {
        (void)jobs_event(e, j, (struct job_event){.kind = EV_CANCEL});
        c->had_ended = job_has_ended(jobs_row(j)->status);
    }
}

static void patch(struct engine *e, struct cmd *c) ON_ENGINE;
static void patch(struct engine *e, struct cmd *c)
{
    struct live_job *j = find(e, c);
    AUTO(free_ptr) struct err *err = xcalloc(1, sizeof *err);
    struct job_row *row = NULL;
    char etag[JOB_ETAG_SIZE];
    bool changed = false;

    if (j == NULL) {
        return;
    }
    job_etag(jobs_row(j)->version, hub_position(e->hub, c->job), etag);
    if (c->if_match != NULL && strcmp(c->if_match, "*") != 0 && strcmp(c->if_match, etag) != 0) {
        refuse(c, ERR_PRECONDITION_FAILED, "The job has changed since this ETag was read.");
        return;
    }
    row = jobs_edit(e, j);
    c->result = job_patch_apply(c->patch, row, &changed, err);
    if (c->result != ERR_NONE) {
        refuse(c, c->result, err->item_count > 0 ? err->item[0].detail : err->detail);
    } else if (changed) {
        row->version++;
    }
}

static void delete_job(struct engine *e, struct cmd *c) ON_ENGINE;
static void delete_job(struct engine *e, struct cmd *c)
{
    struct live_job *j = find(e, c);

    if (j == NULL) {
        return;
    }
    /* An end of this turn is not on disk yet: nobody can know of it. */
    if (!job_has_ended(j->row.status)) {
        refuse(c, ERR_JOB_ACTIVE, "The job has not ended; cancel it first.");
        return;
    }
    jobs_mark_deleted(j);
}

static void submit(struct engine *e, struct cmd *c) ON_ENGINE;
static void submit(struct engine *e, struct cmd *c)
{
    if (hub_queue_length(e->hub) >= e->config->queue_max_jobs) {
        refuse(c, ERR_QUEUE_FULL, "Too many jobs are waiting already.");
    } else if (!shares_admit(e->shares, c->submit.row->owner)) {
        refuse(c, ERR_QUOTA_EXCEEDED,
               "As many jobs of this key wait as queue_max_jobs_per_key allows; submit more when "
               "some of "
               "them have begun.");
    }
}

/* Writes nothing, so that no commit is to be waited for. */
static void refresh_nodes(struct engine *e, struct cmd *c) ON_ENGINE;
static void refresh_nodes(struct engine *e, struct cmd *c)
{
    for (size_t i = 0; i < e->backend_count; i++) {
        nodes_soon(&e->backend[i]);
    }
    list_remove(&c->node);
    list_push(&e->answered, &c->node);
}

void commands_collect(struct engine *e)
{
    struct list fresh;

    list_init(&fresh);
    shares_begin_arrivals(e->shares);
    /* What is left there wakes nobody: its push has. */
    e->has_more_work |= inbox_take(e->inbox, &fresh, COMMANDS_PER_TURN) == COMMANDS_PER_TURN;
    list_each(node, next, &fresh) {
        struct cmd *c = container_of(node, struct cmd, node);

        c->result = ERR_NONE;
        switch (c->kind) {
        case CMD_SUBMIT:
            submit(e, c);
            break;
        case CMD_CANCEL:
            cancel(e, c);
            break;
        case CMD_PATCH:
            patch(e, c);
            break;
        case CMD_DELETE:
            delete_job(e, c);
            break;
        case CMD_ASSET_PUT:
        case CMD_ASSET_DELETE:
        case CMD_PREFERENCE_PUT:
        case CMD_PREFERENCE_DELETE:
        case CMD_HOLD:
        case CMD_DELIVERY_RESULT:
        case CMD_KEY_PUT:
        case CMD_KEY_REVOKE:
            break; /* all is done in the transaction */
        case CMD_REDELIVER:
            (void)find(e, c);
            break;
        case CMD_REFRESH_NODES:
            refresh_nodes(e, c);
            break;
        }
    }
    list_move_all(&e->commands, &fresh);
}

/* ---- in the transaction ---------------------------------------------------------------------- */

static enum st write_submit(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_submit(struct engine *e, struct cmd *c)
{
    struct idempotency idem = {.owner = c->actor != NULL ? c->actor : "",
                               .key = c->idempotency_key};
    char known_sha256[65];
    enum st st = ST_OK;

    memcpy(idem.body_sha256, c->body_sha256, sizeof idem.body_sha256);
    idem.expires_at = clock_wall_ms() + e->config->idempotency_hours * 3600 * 1000;
    c->job = c->submit.row->id;
    c->submit.idem = c->idempotency_key != NULL ? &idem : NULL;
    st = store_job_insert(e->writer, &c->submit, &c->job, known_sha256);
    c->submit.idem = NULL;
    if (st == ST_NONE) {
        refuse(c, ERR_MISSING_ASSET, "A file that the input names was removed meanwhile.");
        return ST_OK;
    }
    if (st != ST_CONFLICT) {
        return st == ST_OK ? events_write_arrival(e, &c->submit) : st;
    }
    if (strcmp(known_sha256, c->body_sha256) == 0) {
        c->is_replay = true;
    } else {
        refuse(c, ERR_IDEMPOTENCY_KEY_REUSE, "This Idempotency-Key was used with another body.");
    }
    return ST_OK;
}

static enum st write_asset(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_asset(struct engine *e, struct cmd *c)
{
    enum st st = ST_OK;

    if (c->kind == CMD_ASSET_PUT) {
        st = store_asset_insert(e->writer, c->asset, &c->known);
        c->is_known = st == ST_CONFLICT;
        return st == ST_CONFLICT ? ST_OK : st;
    }
    st = store_asset_delete(e->writer, c->asset_id, c->owner);
    if (st == ST_NONE) {
        refuse_by_store(c, st);
        return ST_OK;
    }
    return st;
}

/* Looks at what earlier commands of this turn have written, too. */
static enum st check_preference(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st check_preference(struct engine *e, struct cmd *c)
{
    AUTO(buf_clear) struct buf value = BUF_INIT(PREFERENCE_VALUE_MAX + 1);
    char etag[PREFERENCE_ETAG_SIZE] = "";
    enum st st = ST_OK;

    if (c->if_match == NULL && !c->if_there && !c->if_new) {
        return ST_OK;
    }
    st = store_writer_preference(e->writer, c->actor, c->preference.key, &value);
    if (st != ST_OK && st != ST_NONE) {
        return st;
    }
    if (st == ST_OK) {
        preference_etag(buf_span(&value), etag);
    }
    if (c->if_new && st == ST_OK) {
        refuse(c, ERR_PRECONDITION_FAILED, "There is a preference of this key already.");
    } else if (st == ST_NONE && c->kind == CMD_PREFERENCE_DELETE) {
        refuse_by_store(c, st);
    } else if (c->if_there && st == ST_NONE) {
        refuse(c, ERR_PRECONDITION_FAILED, "There is no preference of this key.");
    } else if (c->if_match != NULL && strcmp(c->if_match, etag) != 0) {
        refuse(c, ERR_PRECONDITION_FAILED, "The preference has changed since this ETag was read.");
    }
    return ST_OK;
}

static enum st write_preference(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_preference(struct engine *e, struct cmd *c)
{
    enum st st = check_preference(e, c);

    c->preference.owner = c->actor;
    if (st != ST_OK || c->result != ERR_NONE) {
        return st;
    }
    if (c->kind == CMD_PREFERENCE_PUT) {
        st = store_preference_put(e->writer, &c->preference, e->config->preferences_max_keys,
                                  &c->is_new);
    } else {
        st = store_preference_delete(e->writer, c->actor, c->preference.key);
    }
    if (st == ST_CONFLICT) {
        refuse(c, ERR_QUOTA_EXCEEDED,
               "There are as many preferences as preferences_max_keys allows.");
    } else if (st == ST_NONE) {
        refuse_by_store(c, st);
    }
    return st == ST_CONFLICT || st == ST_NONE ? ST_OK : st;
}

static enum st write_delete(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_delete(struct engine *e, struct cmd *c)
{
    const struct live_job *j = jobs_find(e, c->job); /* live for this turn since it was marked */
    enum st st = store_job_delete(e->writer, c->job);

    if (st == ST_OK && j != NULL) {
        st = events_write_job(e, &j->row, NULL, NULL);
    }
    return st == ST_NONE ? ST_OK : st;
}

static enum st write_delivery(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_delivery(struct engine *e, struct cmd *c)
{
    enum st st = delivery_write(e, c);

    if (st == ST_NONE) {
        refuse_by_store(c, st);
        return ST_OK;
    }
    return st;
}

static enum st write_command(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st write_command(struct engine *e, struct cmd *c)
{
    switch (c->kind) {
    case CMD_SUBMIT:
        return write_submit(e, c);
    case CMD_DELETE:
        return write_delete(e, c);
    case CMD_ASSET_PUT:
    case CMD_ASSET_DELETE:
        return write_asset(e, c);
    case CMD_PREFERENCE_PUT:
    case CMD_PREFERENCE_DELETE:
        return write_preference(e, c);
    case CMD_HOLD:
        return hold_write(e, c);
    case CMD_DELIVERY_RESULT:
    case CMD_REDELIVER:
        return write_delivery(e, c);
    case CMD_KEY_PUT:
    case CMD_KEY_REVOKE:
        return keys_write(e, c);
    case CMD_CANCEL:
    case CMD_PATCH:
    case CMD_REFRESH_NODES:
        break;
    }
    return ST_OK;
}

enum st commands_write(struct engine *e)
{
    enum st st = ST_OK;

    list_each(node, next, &e->commands) {
        struct cmd *c = container_of(node, struct cmd, node);

        if (c->result == ERR_NONE) {
            st = write_command(e, c);
        }
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

void commands_unwrite(struct engine *e)
{
    list_each(node, next, &e->commands) {
        struct cmd *c = container_of(node, struct cmd, node);

        c->is_replay = false;
        c->is_known = false;
        asset_clear(&c->known);
    }
}

/* ---- after it -------------------------------------------------------------------------------- */

static void settle_submit(struct engine *e, struct cmd *c) ON_ENGINE;
static void settle_submit(struct engine *e, struct cmd *c)
{
    if (c->is_replay) {
        return;
    }
    for (size_t i = 0; i < c->submit.asset_count; i++) {
        blob_publish(e->blobs, c->submit.asset[i].sha256);
        measure_asset(e, &c->submit.asset[i]);
    }
    c->has_taken = true;
    dispatch_put(e, c->submit.row);
    measure_accepted(e, c->submit.row);
    log_info("job_accepted", LOG_JOB(c->submit.row), LOG_S("request_id", c->request_id),
             LOG_OPT("template", c->submit.row->template_name),
             LOG_I("priority", c->submit.row->priority));
}

static void settle_asset(struct engine *e, struct cmd *c) ON_ENGINE;
static void settle_asset(struct engine *e, struct cmd *c)
{
    blob_publish(e->blobs, c->asset->sha256);
    c->has_taken = true;
    measure_asset(e, c->asset);
    log_info("asset_stored", LOG_S("asset", (c->is_known ? c->known.id : c->asset->id).text),
             LOG_S("request_id", c->request_id), LOG_I("bytes", c->asset->size_bytes));
}

static void settle(struct engine *e, struct cmd *c) ON_ENGINE;
static void settle(struct engine *e, struct cmd *c)
{
    if (c->kind == CMD_SUBMIT) {
        settle_submit(e, c);
    } else if (c->kind == CMD_ASSET_PUT) {
        settle_asset(e, c);
    } else if (c->kind == CMD_DELETE) {
        hub_touch(e->hub, c->job, true);
        log_info("job_deleted", LOG_S("job", c->job.text), LOG_S("request_id", c->request_id));
    } else if (c->kind == CMD_HOLD) {
        hold_settle(e, c);
    } else {
        keys_settle(c);
        delivery_settle(c);
    }
}

void commands_answer(struct engine *e, enum st committed)
{
    struct list answered;

    list_init(&answered);
    list_move_all(&answered, &e->commands);
    for (struct list *node = list_shift(&answered); node != NULL; node = list_shift(&answered)) {
        struct cmd *c = container_of(node, struct cmd, node);

        if (c->result == ERR_NONE && committed != ST_OK) {
            asset_clear(&c->known);
            refuse_by_store(c, committed);
        } else if (c->result == ERR_NONE) {
            settle(e, c);
        }
        list_push(&e->answered, &c->node);
    }
}

void commands_release(struct engine *e)
{
    for (struct list *node = list_shift(&e->answered); node != NULL;
         node = list_shift(&e->answered)) {
        struct cmd *c = container_of(node, struct cmd, node);

        c->done(c);
    }
}
