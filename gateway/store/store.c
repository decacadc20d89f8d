/* store.c - finds the engine by the URL and hands every verb to it. No SQL here.
 */
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_ops.h"

static const struct store_ops *const engines[] = {
    &store_sqlite_ops,
};

/* ---- why ------------------------------------------------------------------------------------- */

static _Thread_local char reason[512] = "nothing went wrong";

void store_reason_set(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
}

const char *store_reason(void)
{
    return reason;
}

/* ---- opening --------------------------------------------------------------------------------- */

enum errc store_open(const char *url, struct store **out, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        size_t len = strlen(engines[i]->scheme);

        if (strncmp(url, engines[i]->scheme, len) == 0) {
            return engines[i]->open(url + len, out, e);
        }
    }
    return err_set(e, ERR_STORE_UNAVAILABLE,
                   "The database URL \"%.*s…\" names no known kind of store; \"sqlite:PATH\" does.",
                   (int)strcspn(url, ":"), url);
}

void store_close(struct store *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

int64_t store_size_bytes(struct store *s)
{
    return s->ops->size_bytes(s);
}

enum st store_writer_open(struct store *s, struct store_writer **out)
{
    return s->ops->writer_open(s, out);
}

void store_writer_close(struct store_writer *w)
{
    if (w != NULL) {
        w->ops->writer_close(w);
    }
}

enum st store_reader_open(struct store *s, struct store_reader **out)
{
    return s->ops->reader_open(s, out);
}

void store_reader_close(struct store_reader *r)
{
    if (r != NULL) {
        r->ops->reader_close(r);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

enum st store_begin(struct store_writer *w)
{
    return w->ops->begin(w);
}

enum st store_commit(struct store_writer *w)
{
    return w->ops->commit(w);
}

int64_t store_changes(struct store_writer *w)
{
    return w->ops->changes(w);
}

void store_rollback(struct store_writer *w)
{
    w->ops->rollback(w);
}

enum st store_job_insert(struct store_writer *w, const struct arrival *n, struct id *known_job,
                         char known_sha256[65])
{
    return w->ops->job_insert(w, n, known_job, known_sha256);
}

enum st store_job_save(struct store_writer *w, const struct job_row *row, int64_t was_version)
{
    return w->ops->job_save(w, row, was_version);
}

enum st store_job_delete(struct store_writer *w, struct id job)
{
    return w->ops->job_delete(w, job);
}

enum st store_writer_job(struct store_writer *w, struct id job, struct job_row *out)
{
    return w->ops->writer_job(w, job, out);
}

enum st store_writer_graph(struct store_writer *w, struct id job, struct buf *out)
{
    return w->ops->writer_graph(w, job, out);
}

enum st store_output_insert(struct store_writer *w, const struct job_output *output)
{
    return w->ops->output_insert(w, output);
}

enum st store_waiting(struct store_writer *w, const char *user_key,
                      void (*visit)(void *arg, const struct waiting_job *job), void *arg)
{
    return w->ops->waiting(w, user_key, visit, arg);
}

enum st store_in_flight(struct store_writer *w, void (*visit)(void *arg, struct job_row *row),
                        void *arg)
{
    return w->ops->in_flight(w, visit, arg);
}

enum st store_overdue(struct store_writer *w, int64_t now, int limit,
                      void (*visit)(void *arg, struct id job), void *arg)
{
    return w->ops->overdue(w, now, limit, visit, arg);
}

enum st store_next_deadline(struct store_writer *w, int64_t *out)
{
    return w->ops->next_deadline(w, out);
}

enum st store_idempotency_purge(struct store_writer *w, int64_t now, int limit)
{
    return w->ops->idempotency_purge(w, now, limit);
}

enum st store_trash(struct store_writer *w, int limit, void (*visit)(void *arg, const char *sha256),
                    void *arg)
{
    return w->ops->trash(w, limit, visit, arg);
}

enum st store_trash_done(struct store_writer *w, const char *sha256)
{
    return w->ops->trash_done(w, sha256);
}

enum st store_file_is_used(struct store_writer *w, const char *sha256)
{
    return w->ops->file_is_used(w, sha256);
}

enum st store_writer_files(struct store_writer *w, struct id job, struct job_file **out,
                           size_t *out_count)
{
    return w->ops->writer_files(w, job, out, out_count);
}

enum st store_preference_put(struct store_writer *w, const struct preference *p, int64_t max,
                             bool *is_new)
{
    return w->ops->preference_put(w, p, max, is_new);
}

enum st store_preference_delete(struct store_writer *w, const char *owner, const char *key)
{
    return w->ops->preference_delete(w, owner, key);
}

enum st store_preference(struct store_reader *r, const char *owner, const char *key,
                         struct buf *out)
{
    return r->ops->preference(r, owner, key, out);
}

enum st store_preferences(struct store_reader *r, const struct preference_filter *filter,
                          void (*visit)(void *arg, const struct preference *p), void *arg,
                          bool *has_more)
{
    return r->ops->preferences(r, filter, visit, arg, has_more);
}

enum st store_hold_put(struct store_writer *w, const char *backend, int64_t since)
{
    return w->ops->hold_put(w, backend, since);
}

enum st store_hold_remove(struct store_writer *w, const char *backend)
{
    return w->ops->hold_remove(w, backend);
}

enum st store_holds(struct store_writer *w,
                    void (*visit)(void *arg, const char *backend, int64_t since), void *arg)
{
    return w->ops->holds(w, visit, arg);
}

enum st store_writer_preference(struct store_writer *w, const char *owner, const char *key,
                                struct buf *out)
{
    return w->ops->writer_preference(w, owner, key, out);
}

enum st store_asset_insert(struct store_writer *w, const struct asset *a, struct asset *known)
{
    return w->ops->asset_insert(w, a, known);
}

enum st store_keys_writer_open(struct store *s, struct store_writer **out)
{
    return s->ops->keys_writer_open(s, out);
}

enum st store_key_insert(struct store_writer *w, const struct api_key *k)
{
    return w->ops->key_insert(w, k);
}

enum st store_key_revoke(struct store_writer *w, struct id key, int64_t now)
{
    return w->ops->key_revoke(w, key, now);
}

enum st store_key_used(struct store_writer *w, struct id key, int64_t at)
{
    return w->ops->key_used(w, key, at);
}

enum st store_keys_active(struct store_writer *w, int64_t now, int64_t *out)
{
    return w->ops->keys_active(w, now, out);
}

enum st store_asset_delete(struct store_writer *w, struct id asset, const char *owner)
{
    return w->ops->asset_delete(w, asset, owner);
}

enum st store_jobs_expire(struct store_writer *w, int64_t ended_before, int limit,
                          void (*visit)(void *arg, struct id job), void *arg)
{
    return w->ops->jobs_expire(w, ended_before, limit, visit, arg);
}

enum st store_outputs_expire(struct store_writer *w, int64_t made_before, int limit,
                             void (*visit)(void *arg, struct id job), void *arg)
{
    return w->ops->outputs_expire(w, made_before, limit, visit, arg);
}

enum st store_outputs_delete(struct store_writer *w, struct id job)
{
    return w->ops->outputs_delete(w, job);
}

enum st store_assets_expire(struct store_writer *w, int64_t used_before, int limit,
                            void (*visit)(void *arg, struct id asset), void *arg)
{
    return w->ops->assets_expire(w, used_before, limit, visit, arg);
}

enum st store_event_insert(struct store_writer *w, const struct event_row *row, int64_t *seq)
{
    return w->ops->event_insert(w, row, seq);
}

enum st store_events_expire(struct store_writer *w, int64_t before, int limit, int *removed)
{
    return w->ops->events_expire(w, before, limit, removed);
}

enum st store_events_range(struct store_writer *w, int64_t *oldest, int64_t *newest)
{
    return w->ops->events_range(w, oldest, newest);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum st store_job(struct store_reader *r, struct id job, struct job_row *out)
{
    return r->ops->job(r, job, out);
}

enum st store_idempotency(struct store_reader *r, const struct idempotency_key *key,
                          struct id *out_job, char out_sha256[65])
{
    return r->ops->idempotency(r, key, out_job, out_sha256);
}

enum st store_graph(struct store_reader *r, struct id job, struct buf *out)
{
    return r->ops->graph(r, job, out);
}

enum st store_outputs(struct store_reader *r, struct id job, struct job_outputs *out)
{
    return r->ops->outputs(r, job, out);
}

enum st store_output(struct store_reader *r, struct id output, struct job_output *out)
{
    return r->ops->output(r, output, out);
}

enum st store_jobs(struct store_reader *r, const struct job_filter *filter,
                   void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more)
{
    return r->ops->jobs(r, filter, visit, arg, has_more);
}

enum st store_asset(struct store_reader *r, struct id asset, struct asset *out)
{
    return r->ops->asset(r, asset, out);
}

enum st store_asset_by_file(struct store_reader *r, const char *owner, const char *sha256,
                            struct asset *out)
{
    return r->ops->asset_by_file(r, owner, sha256, out);
}

enum st store_output_list(struct store_reader *r, const struct output_filter *filter,
                          void (*visit)(void *arg, const struct output_entry *entry), void *arg,
                          bool *has_more)
{
    return r->ops->output_list(r, filter, visit, arg, has_more);
}

enum st store_events(struct store_reader *r, struct id job, int64_t after, int limit,
                     void (*visit)(void *arg, const struct event_row *row), void *arg)
{
    return r->ops->events(r, job, after, limit, visit, arg);
}

enum st store_delivery_insert(struct store_writer *w, const struct delivery_new *d)
{
    return w->ops->delivery_insert(w, d);
}

enum st store_delivery_result(struct store_writer *w, const struct delivery_result *result)
{
    return w->ops->delivery_result(w, result);
}

enum st store_delivery_again(struct store_writer *w, struct id job, struct id delivery, int64_t now)
{
    return w->ops->delivery_again(w, job, delivery, now);
}

enum st store_deliveries_expire(struct store_writer *w, int64_t before, int limit, int *removed)
{
    return w->ops->deliveries_expire(w, before, limit, removed);
}

enum st store_deliveries_host(struct store_reader *r, const char *after, struct buf *out)
{
    return r->ops->deliveries_host(r, after, out);
}

enum st store_deliveries_due(struct store_reader *r, const char *host, int64_t now, int limit,
                             void (*visit)(void *arg, const struct delivery_due *d), void *arg)
{
    return r->ops->deliveries_due(r, host, now, limit, visit, arg);
}

enum st store_deliveries_pending(struct store_reader *r, int64_t *count, int64_t *oldest)
{
    return r->ops->deliveries_pending(r, count, oldest);
}

enum st store_deliveries(struct store_reader *r, const struct delivery_filter *filter,
                         void (*visit)(void *arg, const struct delivery *d), void *arg,
                         bool *has_more)
{
    return r->ops->deliveries(r, filter, visit, arg, has_more);
}

enum st store_ended(struct store_reader *r, const char *owner, int64_t since, int limit,
                    void (*visit)(void *arg, const struct ended_job *job), void *arg)
{
    return r->ops->ended(r, owner, since, limit, visit, arg);
}

enum st store_open_counts(struct store_reader *r, const char *owner, int64_t out[JOB_STATUS_COUNT])
{
    return r->ops->open_counts(r, owner, out);
}

enum st store_owns(struct store_reader *r, enum owned what, struct id id, const char *owner)
{
    return r->ops->owns(r, what, id, owner);
}

enum st store_key_by_hash(struct store_reader *r, const char *sha256, struct api_key *out)
{
    return r->ops->key_by_hash(r, sha256, out);
}

enum st store_key_by_name(struct store_reader *r, const char *name, struct api_key *out)
{
    return r->ops->key_by_name(r, name, out);
}

enum st store_key(struct store_reader *r, struct id key, struct api_key *out)
{
    return r->ops->key(r, key, out);
}

enum st store_keys(struct store_reader *r, struct id after, int limit,
                   void (*visit)(void *arg, const struct api_key *k), void *arg, bool *has_more)
{
    return r->ops->keys(r, after, limit, visit, arg, has_more);
}

enum st store_in_flight_counts(struct store_reader *r, int64_t out[JOB_STATUS_COUNT])
{
    return r->ops->in_flight_counts(r, out);
}

enum st store_health(struct store_reader *r)
{
    return r->ops->health(r);
}
