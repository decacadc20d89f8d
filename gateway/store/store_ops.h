/* store_ops.h - what an engine of the store implements. For store.c and store_<engine>*.c only.
 *
 * One function per verb of store.h, with its contract. Every handle of an engine
 * begins with the struct below that names its table, so that store.c finds the
 * function without knowing the engine.
 *
 * To add an engine: its files store_<engine>*.c with one struct store_ops, the row
 * in store.c, migrations/<engine>/, and TEST_STORE_URL in the test run.
 */
#ifndef CG_STORE_STORE_OPS_H
#define CG_STORE_STORE_OPS_H

#include "store/store.h"

struct store_ops;

struct store {
    const struct store_ops *ops;
};

struct store_writer {
    const struct store_ops *ops;
};

struct store_reader {
    const struct store_ops *ops;
};

struct store_ops {
    const char *scheme; /* with its colon; what follows it in the URL is given to open() */

    enum errc (*open)(const char *place, struct store **out, struct err *e);
    void (*close)(struct store *s);
    int64_t (*size_bytes)(struct store *s);

    enum st (*writer_open)(struct store *s, struct store_writer **out);
    void (*writer_close)(struct store_writer *w);
    enum st (*begin)(struct store_writer *w);
    enum st (*commit)(struct store_writer *w);
    void (*rollback)(struct store_writer *w);
    int64_t (*changes)(struct store_writer *w);
    enum st (*job_insert)(struct store_writer *w, const struct arrival *n, struct id *known_job,
                          char *known_sha256);
    enum st (*job_save)(struct store_writer *w, const struct job_row *row, int64_t was_version);
    enum st (*job_delete)(struct store_writer *w, struct id job);
    enum st (*writer_job)(struct store_writer *w, struct id job, struct job_row *out);
    enum st (*writer_graph)(struct store_writer *w, struct id job, struct buf *out);
    enum st (*output_insert)(struct store_writer *w, const struct job_output *output);
    enum st (*waiting)(struct store_writer *w, const char *user_key,
                       void (*visit)(void *arg, const struct waiting_job *job), void *arg);
    enum st (*in_flight)(struct store_writer *w, void (*visit)(void *arg, struct job_row *row),
                         void *arg);
    enum st (*overdue)(struct store_writer *w, int64_t now, int limit,
                       void (*visit)(void *arg, struct id job), void *arg);
    enum st (*next_deadline)(struct store_writer *w, int64_t *out);
    enum st (*idempotency_purge)(struct store_writer *w, int64_t now, int limit);
    enum st (*trash)(struct store_writer *w, int limit,
                     void (*visit)(void *arg, const char *sha256), void *arg);
    enum st (*trash_done)(struct store_writer *w, const char *sha256);
    enum st (*file_is_used)(struct store_writer *w, const char *sha256);
    enum st (*writer_files)(struct store_writer *w, struct id job, struct job_file **out,
                            size_t *out_count);
    enum st (*preference_put)(struct store_writer *w, const struct preference *p, int64_t max,
                              bool *is_new);
    enum st (*preference_delete)(struct store_writer *w, const char *owner, const char *key);
    enum st (*writer_preference)(struct store_writer *w, const char *owner, const char *key,
                                 struct buf *out);
    enum st (*hold_put)(struct store_writer *w, const char *backend, int64_t since);
    enum st (*hold_remove)(struct store_writer *w, const char *backend);
    enum st (*holds)(struct store_writer *w,
                     void (*visit)(void *arg, const char *backend, int64_t since), void *arg);
    enum st (*keys_writer_open)(struct store *s, struct store_writer **out);
    enum st (*key_insert)(struct store_writer *w, const struct api_key *k);
    enum st (*key_revoke)(struct store_writer *w, struct id key, int64_t now);
    enum st (*key_used)(struct store_writer *w, struct id key, int64_t at);
    enum st (*keys_active)(struct store_writer *w, int64_t now, int64_t *out);
    enum st (*asset_insert)(struct store_writer *w, const struct asset *a, struct asset *known);
    enum st (*asset_delete)(struct store_writer *w, struct id asset, const char *owner);
    enum st (*jobs_expire)(struct store_writer *w, int64_t ended_before, int limit,
                           void (*visit)(void *arg, struct id job), void *arg);
    enum st (*outputs_expire)(struct store_writer *w, int64_t made_before, int limit,
                              void (*visit)(void *arg, struct id job), void *arg);
    enum st (*outputs_delete)(struct store_writer *w, struct id job);
    enum st (*assets_expire)(struct store_writer *w, int64_t used_before, int limit,
                             void (*visit)(void *arg, struct id asset), void *arg);
    enum st (*event_insert)(struct store_writer *w, const struct event_row *row, int64_t *seq);
    enum st (*events_expire)(struct store_writer *w, int64_t before, int limit, int *removed);
    enum st (*events_range)(struct store_writer *w, int64_t *oldest, int64_t *newest);
    enum st (*delivery_insert)(struct store_writer *w, const struct delivery_new *d);
    enum st (*delivery_result)(struct store_writer *w, const struct delivery_result *result);
    enum st (*delivery_again)(struct store_writer *w, struct id job, struct id delivery,
                              int64_t now);
    enum st (*deliveries_expire)(struct store_writer *w, int64_t before, int limit, int *removed);

    enum st (*reader_open)(struct store *s, struct store_reader **out);
    void (*reader_close)(struct store_reader *r);
    enum st (*job)(struct store_reader *r, struct id job, struct job_row *out);
    enum st (*idempotency)(struct store_reader *r, const struct idempotency_key *key,
                           struct id *out_job, char *out_sha256);
    enum st (*graph)(struct store_reader *r, struct id job, struct buf *out);
    enum st (*outputs)(struct store_reader *r, struct id job, struct job_outputs *out);
    enum st (*output)(struct store_reader *r, struct id output, struct job_output *out);
    enum st (*jobs)(struct store_reader *r, const struct job_filter *filter,
                    void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more);
    enum st (*asset)(struct store_reader *r, struct id asset, struct asset *out);
    enum st (*asset_by_file)(struct store_reader *r, const char *owner, const char *sha256,
                             struct asset *out);
    enum st (*output_list)(struct store_reader *r, const struct output_filter *filter,
                           void (*visit)(void *arg, const struct output_entry *entry), void *arg,
                           bool *has_more);
    enum st (*events)(struct store_reader *r, struct id job, int64_t after, int limit,
                      void (*visit)(void *arg, const struct event_row *row), void *arg);
    enum st (*deliveries_host)(struct store_reader *r, const char *after, struct buf *out);
    enum st (*deliveries_due)(struct store_reader *r, const char *host, int64_t now, int limit,
                              void (*visit)(void *arg, const struct delivery_due *d), void *arg);
    enum st (*deliveries_pending)(struct store_reader *r, int64_t *count, int64_t *oldest);
    enum st (*deliveries)(struct store_reader *r, const struct delivery_filter *filter,
                          void (*visit)(void *arg, const struct delivery *d), void *arg,
                          bool *has_more);
    enum st (*preference)(struct store_reader *r, const char *owner, const char *key,
                          struct buf *out);
    enum st (*preferences)(struct store_reader *r, const struct preference_filter *filter,
                           void (*visit)(void *arg, const struct preference *p), void *arg,
                           bool *has_more);
    enum st (*ended)(struct store_reader *r, const char *owner, int64_t since, int limit,
                     void (*visit)(void *arg, const struct ended_job *job), void *arg);
    enum st (*in_flight_counts)(struct store_reader *r, int64_t *out);
    enum st (*open_counts)(struct store_reader *r, const char *owner, int64_t *out);
    enum st (*owns)(struct store_reader *r, enum owned what, struct id id, const char *owner);
    enum st (*key_by_hash)(struct store_reader *r, const char *sha256, struct api_key *out);
    enum st (*key_by_name)(struct store_reader *r, const char *name, struct api_key *out);
    enum st (*key)(struct store_reader *r, struct id key, struct api_key *out);
    enum st (*keys)(struct store_reader *r, struct id after, int limit,
                    void (*visit)(void *arg, const struct api_key *k), void *arg, bool *has_more);
    enum st (*health)(struct store_reader *r);
};

/* The engines there are; store.c has the list. */
extern const struct store_ops store_sqlite_ops;

/* Sets what store_reason() says on this thread; cut to fit. */
void store_reason_set(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
