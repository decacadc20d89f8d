/* store.h - where jobs live, in an SQLite file or on a PostgreSQL server: domain verbs, no SQL, no type of a library.
 *
 * Two kinds of handle, so that an HTTP thread cannot write even by mistake:
 *   struct store_writer   one per process, on the engine thread; one transaction per turn.
 *   struct store_reader   any number; used by one thread at a time.
 * What a committed transaction wrote is on disk and
 * seen by every reader call that begins afterwards.
 *
 * Rows that are given out are owned by the caller (job_row_clear). Out-parameters
 * are untouched unless ST_OK.
 */
#ifndef CG_STORE_STORE_H
#define CG_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/api_key.h"
#include "core/arrival.h"
#include "core/asset.h"
#include "core/delivery.h"
#include "core/event.h"
#include "core/job.h"
#include "core/preference.h"
#include "core/stats.h"

enum st {
    ST_OK,
    ST_NONE,     /* no such row */
    ST_CONFLICT, /* the row is not as expected: another version, or a key that exists */
    ST_RETRY,    /* serialisation failure: replay the transaction */
    ST_FULL,     /* the disk is full */
    ST_FAIL,     /* broken or unreachable; store_reason() says how */
};

struct store;
struct store_writer;
struct store_reader;

/* Opens (and makes) the database and brings it to the newest schema. `url` is "sqlite:PATH", or one of libpq's
 * ("postgresql://USER:PASSWORD@HOST/DATABASE?…").
 * Fails with a sentence in e: path, permissions, a migration that was changed, a newer schema. The
 * sentence is for the terminal and the log: it names paths. */
enum errc store_open(const char *url, struct store **out, struct err *e) MUST_CHECK;
void store_close(struct store *s); /* after its handles; NULL is fine */
/* What it takes on the disk; -1 = nobody knows. Any thread. */
int64_t store_size_bytes(struct store *s);

/* ---- writing: engine thread only --------------------------------------------------------- *
 *
 * What writes needs an open transaction. ST_CONFLICT and ST_NONE leave it as it was; after any other
 * failure it can only be rolled back. An engine may find a failure only later: what has given ST_OK is certain once
 * the commit has. What gives or visits works without a transaction too.
 */

/* ST_FAIL when another process has the writer of this database. */
enum st store_writer_open(struct store *s, struct store_writer **out) MUST_CHECK;
/* A writer for keys and nothing else, for another program than the gateway, which may be running: where both write, one waits for
 * the other. */
enum st store_keys_writer_open(struct store *s, struct store_writer **out) MUST_CHECK;
void store_writer_close(struct store_writer *w); /* rolls back what is open; NULL is fine */

enum st store_begin(struct store_writer *w) MUST_CHECK;
enum st store_commit(struct store_writer *w)
    MUST_CHECK; /* on failure the transaction is rolled back */
void store_rollback(struct store_writer *w);
/* Rows that were changed through this handle so far, those of triggers and of transactions that were rolled back
 * included. */
int64_t store_changes(struct store_writer *w);

/* Inserts all of it. ST_CONFLICT when the Idempotency-Key is known and had not expired at
 * row->created_at: *known_job and known_sha256[65] tell what it stands for and nothing is inserted.
 * A key outlives its job and its files: *known_job may have been deleted. ST_NONE, and nothing is inserted, when
 * nothing refers to the content of one of its files: it was removed meanwhile. */
enum st store_job_insert(struct store_writer *w, const struct arrival *n, struct id *known_job,
                         char known_sha256[65]) MUST_CHECK;
/* Writes all changeable columns (all but id, owner, parent_id, created_at, template_name, input_json,
 * seed, primary_node, trace_id, trace_flags) where the stored version is was_version; else ST_CONFLICT. A job that has ended lets go of its files. */
enum st store_job_save(struct store_writer *w, const struct job_row *row, int64_t was_version)
    MUST_CHECK;
/* Deletes job, graph, outputs; files that nothing refers to any more go to the trash list. */
enum st store_job_delete(struct store_writer *w, struct id job) MUST_CHECK;
enum st store_writer_job(struct store_writer *w, struct id job, struct job_row *out) MUST_CHECK;
enum st store_writer_graph(struct store_writer *w, struct id job, struct buf *out) MUST_CHECK;
enum st store_output_insert(struct store_writer *w, const struct job_output *output) MUST_CHECK;

/* What the queue needs to know of a waiting job; borrowed during the visit. */
struct waiting_job {
    struct id id;
    int priority;
    int64_t not_before_at;
    int64_t deadline_at;
    const char *wanted_backend; /* NULL = any */
    const char *owner;          /* NULL = there are no keys */
    const char *user;           /* what its metadata has under `user_key`; NULL = nothing */
};
/* Visits every waiting job, the oldest first. The visitor must not write. */
enum st store_waiting(struct store_writer *w, const char *user_key,
                      void (*visit)(void *arg, const struct waiting_job *job), void *arg)
    MUST_CHECK;
/* Gives every job that was inside a ComfyUI (open and not waiting). The visitor takes the row. */
enum st store_in_flight(struct store_writer *w, void (*visit)(void *arg, struct job_row *row),
                        void *arg) MUST_CHECK;
/* Visits waiting jobs whose deadline_at is set and <= now, at most `limit`. */
enum st store_overdue(struct store_writer *w, int64_t now, int limit,
                      void (*visit)(void *arg, struct id job), void *arg) MUST_CHECK;
/* The earliest deadline of a waiting job; ST_NONE when none has one. */
enum st store_next_deadline(struct store_writer *w, int64_t *out) MUST_CHECK;
/* Forgets expired Idempotency-Keys, at most `limit`. */
enum st store_idempotency_purge(struct store_writer *w, int64_t now, int limit) MUST_CHECK;
/* Files to remove: visit, remove the file at once, then tell store_trash_done. A hash that is referred
 * to again meanwhile is not given, nor is any while the open transaction has itself deleted jobs:
 * should it fail, their files must still be there. */
enum st store_trash(struct store_writer *w, int limit, void (*visit)(void *arg, const char *sha256),
                    void *arg) MUST_CHECK;
enum st store_trash_done(struct store_writer *w, const char *sha256) MUST_CHECK;
/* ST_OK when an output, an asset or an open job refers to the file, else ST_NONE. */
enum st store_file_is_used(struct store_writer *w, const char *sha256) MUST_CHECK;

/* The files of an open job, in an array that the caller frees; NULL and 0 when it has none. */
enum st store_writer_files(struct store_writer *w, struct id job, struct job_file **out,
                           size_t *out_count) MUST_CHECK;
/* ST_CONFLICT when its owner has an asset of that content: *known is filled in, for the caller to
 * clear, and counts as used at a->used_at. */
enum st store_asset_insert(struct store_writer *w, const struct asset *a, struct asset *known)
    MUST_CHECK;
/* `owner` NULL = whosever it is. */
enum st store_asset_delete(struct store_writer *w, struct id asset, const char *owner) MUST_CHECK;

/* Makes or replaces it. ST_CONFLICT when it would be new and its owner has `max` already. */
enum st store_preference_put(struct store_writer *w, const struct preference *p, int64_t max,
                             bool *is_new) MUST_CHECK;
enum st store_preference_delete(struct store_writer *w, const char *owner, const char *key)
    MUST_CHECK;
/* As store_preference, of what the open transaction has made of it. */
enum st store_writer_preference(struct store_writer *w, const char *owner, const char *key,
                                struct buf *out) MUST_CHECK;

/* What an operator has stopped: a ComfyUI that gets no new jobs, or, "", the whole queue. Harmless when it is so
 * already: the first moment stays. */
enum st store_hold_put(struct store_writer *w, const char *backend, int64_t since) MUST_CHECK;
/* ST_OK also when it was not there. */
enum st store_hold_remove(struct store_writer *w, const char *backend) MUST_CHECK;
/* Visits all; also those of a ComfyUI that is not in the settings now. */
enum st store_holds(struct store_writer *w,
                    void (*visit)(void *arg, const char *backend, int64_t since), void *arg)
    MUST_CHECK;

/* Keys of the API. They may also be written by who has a store_keys_writer_open beside the gateway.
 * ST_CONFLICT when the name was ever given to a key. */
enum st store_key_insert(struct store_writer *w, const struct api_key *k) MUST_CHECK;
/* Harmless when it is revoked already: the first moment stays. */
enum st store_key_revoke(struct store_writer *w, struct id key, int64_t now) MUST_CHECK;
/* ST_OK also when there is no such key; a later moment stays. */
enum st store_key_used(struct store_writer *w, struct id key, int64_t at) MUST_CHECK;
/* How many are neither revoked nor expired. */
enum st store_keys_active(struct store_writer *w, int64_t now, int64_t *out) MUST_CHECK;

/* What is past its time, the oldest first, at most `limit`. All is read before the first visit, for the
 * visitor may write. Starred jobs and jobs that have not ended are never given. */
enum st store_jobs_expire(struct store_writer *w, int64_t ended_before, int limit,
                          void (*visit)(void *arg, struct id job), void *arg) MUST_CHECK;
/* Jobs that have outputs made before then; one may come several times. */
enum st store_outputs_expire(struct store_writer *w, int64_t made_before, int limit,
                             void (*visit)(void *arg, struct id job), void *arg) MUST_CHECK;
enum st store_outputs_delete(struct store_writer *w, struct id job) MUST_CHECK;
enum st store_assets_expire(struct store_writer *w, int64_t used_before, int limit,
                            void (*visit)(void *arg, struct id asset), void *arg) MUST_CHECK;

/* Keeps an event; its number, one more than that of the event before, is told in *seq. Numbers never come
 * again, whatever is removed. row->seq and row->metadata are not looked at. */
enum st store_event_insert(struct store_writer *w, const struct event_row *row, int64_t *seq)
    MUST_CHECK;
/* Removes, the oldest first, events from before then, at most `limit`; stops at the first that is younger. The
 * newest of all always stays. *removed tells how many. */
enum st store_events_expire(struct store_writer *w, int64_t before, int limit, int *removed)
    MUST_CHECK;
/* The numbers of the oldest and the newest event; 1 and 0 = there was none yet. */
enum st store_events_range(struct store_writer *w, int64_t *oldest, int64_t *newest) MUST_CHECK;

/* Keeps a message of a webhook. It is `gone` at once when its job's receiver has said that it wants no more. */
enum st store_delivery_insert(struct store_writer *w, const struct delivery_new *d) MUST_CHECK;
/* How a try has ended: counts it, and notes it among the last. With DELIVERY_GONE all that its job has pending is gone, too. ST_OK
 * also when it is not there any more. */
enum st store_delivery_result(struct store_writer *w, const struct delivery_result *result)
    MUST_CHECK;
/* Makes it pending, to be tried now, whatever had become of it. ST_NONE when the job has no such delivery. */
enum st store_delivery_again(struct store_writer *w, struct id job, struct id delivery, int64_t now)
    MUST_CHECK;
/* Removes, the oldest end first, those that had ended before then, at most `limit`. *removed tells how many. */
enum st store_deliveries_expire(struct store_writer *w, int64_t before, int limit, int *removed)
    MUST_CHECK;

/* ---- reading: any thread ------------------------------------------------------------------ */

enum st store_reader_open(struct store *s, struct store_reader **out) MUST_CHECK;
void store_reader_close(struct store_reader *r); /* NULL is fine */

enum st store_job(struct store_reader *r, struct id job, struct job_row *out) MUST_CHECK;
struct idempotency_key {
    const char *owner; /* NULL = there are no keys */
    const char *key;
    int64_t now;
};
/* The job that it stands for, which may have been deleted, and the hash of its request. ST_NONE when it is not
 * known, or has expired by now. */
enum st store_idempotency(struct store_reader *r, const struct idempotency_key *key,
                          struct id *out_job, char out_sha256[65]) MUST_CHECK;
enum st store_graph(struct store_reader *r, struct id job, struct buf *out) MUST_CHECK;
/* ST_OK also when there are none. */
enum st store_outputs(struct store_reader *r, struct id job, struct job_outputs *out) MUST_CHECK;
enum st store_output(struct store_reader *r, struct id output, struct job_output *out) MUST_CHECK;

enum job_sort { SORT_NEWEST, SORT_OLDEST };

#define FILTER_METADATA_MAX 4
struct job_filter {
    unsigned status_mask; /* 1u << enum job_status; 0 = all */
    enum job_sort sort;
    const char *tag; /* NULL = any, like all below */
    const char *owner;
    const char *backend;
    const char *template_name;
    const char *text; /* substring of title, case-insensitive for ASCII */
    bool has_starred;
    bool is_starred;
    size_t metadata_count;
    struct {
        const char *key;
        const char *value;
    } metadata[FILTER_METADATA_MAX];
    struct id parent_id;
    int64_t created_from;   /* wall clock; 0 = any, like the next */
    int64_t created_before; /* not at it any more */
    struct id after;        /* cursor: the last id of the page before */
    int limit;              /* at least 1 */
};

/* Visits up to filter->limit rows in order (ids are ordered by age). The visitor borrows the
 * row. *has_more tells whether another page exists. */
enum st store_jobs(struct store_reader *r, const struct job_filter *filter,
                   void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more)
    MUST_CHECK;
enum st store_asset(struct store_reader *r, struct id asset, struct asset *out) MUST_CHECK;
/* The asset by which an owner (NULL = there are no keys) has a content. */
enum st store_asset_by_file(struct store_reader *r, const char *owner, const char *sha256,
                            struct asset *out) MUST_CHECK;

struct output_filter {
    bool has_type;
    enum output_type type;
    const char *template_name; /* NULL = any, like the two below */
    const char *owner;
    const char *text; /* substring of the job's title or input, case-insensitive for ASCII */
    bool is_starred_only;
    enum job_sort sort;
    struct id after; /* cursor: the last id of the page before */
    int limit;       /* at least 1 */
};

/* An output with what its job tells about it; borrowed during the visit. */
struct output_entry {
    struct job_output output;
    const char *job_title;
    const char *template_name;
    bool is_starred;
};

/* Visits up to filter->limit outputs of all jobs in order. */
enum st store_output_list(struct store_reader *r, const struct output_filter *filter,
                          void (*visit)(void *arg, const struct output_entry *entry), void *arg,
                          bool *has_more) MUST_CHECK;
/* Visits up to `limit` events with numbers above `after`, in order; of one job, or, with ID_NONE, all. The visitor
 * borrows the row, whose metadata is SPAN_NONE. */
enum st store_events(struct store_reader *r, struct id job, int64_t after, int limit,
                     void (*visit)(void *arg, const struct event_row *row), void *arg) MUST_CHECK;
/* Appends the value. */
enum st store_preference(struct store_reader *r, const char *owner, const char *key,
                         struct buf *out) MUST_CHECK;
/* The first host behind `after` ("" = the first of all) that has a pending delivery, appended. ST_NONE = there is
 * none behind it. */
enum st store_deliveries_host(struct store_reader *r, const char *after, struct buf *out)
    MUST_CHECK;
/* Visits up to `limit` deliveries of this host that are due, the longest due first. */
enum st store_deliveries_due(struct store_reader *r, const char *host, int64_t now, int limit,
                             void (*visit)(void *arg, const struct delivery_due *d), void *arg)
    MUST_CHECK;
/* How many are pending, and since when the oldest of them; 0 and 0 = none. */
enum st store_deliveries_pending(struct store_reader *r, int64_t *count, int64_t *oldest)
    MUST_CHECK;
struct delivery_filter {
    struct id job;     /* none = of all jobs */
    const char *owner; /* of the job; NULL = whosever */
    bool has_state;
    enum delivery_state state;
    struct id after; /* cursor: the last id of the page before */
    int limit;       /* at least 1 */
};
/* Visits up to filter->limit, the newest first. */
enum st store_deliveries(struct store_reader *r, const struct delivery_filter *filter,
                         void (*visit)(void *arg, const struct delivery *d), void *arg,
                         bool *has_more) MUST_CHECK;
struct preference_filter {
    const char *owner;  /* NULL = there are no keys */
    const char *prefix; /* of the key; "" = all */
    const char *after;  /* cursor: the last key of the page before; "" = from the first */
    int limit;          /* at least 1 */
};
/* Visits up to filter->limit in the order of their keys. */
enum st store_preferences(struct store_reader *r, const struct preference_filter *filter,
                          void (*visit)(void *arg, const struct preference *p), void *arg,
                          bool *has_more) MUST_CHECK;
/* Visits up to `limit` jobs of an owner (NULL = of all) that ended at `since` or later, the newest end first. */
enum st store_ended(struct store_reader *r, const char *owner, int64_t since, int limit,
                    void (*visit)(void *arg, const struct ended_job *job), void *arg) MUST_CHECK;
/* How many jobs are inside a ComfyUI (open and not waiting), by status. */
enum st store_in_flight_counts(struct store_reader *r, int64_t out[JOB_STATUS_COUNT]) MUST_CHECK;
/* How many open jobs an owner has, by status; also those that wait. */
enum st store_open_counts(struct store_reader *r, const char *owner, int64_t out[JOB_STATUS_COUNT])
    MUST_CHECK;

/* What an id may belong to. */
enum owned { OWNED_JOB, OWNED_OUTPUT, OWNED_ASSET };
/* Whether a thing of that id is there and belongs to that owner: ST_OK or ST_NONE. What belongs to nobody is not his. */
enum st store_owns(struct store_reader *r, enum owned what, struct id id, const char *owner)
    MUST_CHECK;

enum st store_key_by_hash(struct store_reader *r, const char *sha256, struct api_key *out)
    MUST_CHECK;
enum st store_key_by_name(struct store_reader *r, const char *name, struct api_key *out) MUST_CHECK;
enum st store_key(struct store_reader *r, struct id key, struct api_key *out) MUST_CHECK;
/* Visits up to `limit` keys, also revoked ones, the newest first, that are older than `after` (ID_NONE = from the newest). */
enum st store_keys(struct store_reader *r, struct id after, int limit,
                   void (*visit)(void *arg, const struct api_key *k), void *arg, bool *has_more)
    MUST_CHECK;
/* ST_OK when the database answers and can be written (disk space, read-only file). */
enum st store_health(struct store_reader *r) MUST_CHECK;

/* What went wrong last on this thread, for the log; never for clients. Never NULL. */
const char *store_reason(void);

#endif
