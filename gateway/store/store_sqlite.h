/* store_sqlite.h - the parts of the SQLite store, for its own files only.
 *
 *   store_sqlite.c          opening, handles, health; the table of verbs
 *   store_sqlite_migrate.c  brings a file to the newest schema
 *   store_sqlite_query.c    statements: made once per handle, bound, stepped, told apart when they
 * fail store_sqlite_sql.def    every fixed statement store_sqlite_row.c      rows in and out
 *   store_sqlite_write.c    what the engine thread does
 *   store_sqlite_read.c     what HTTP threads do, but for
 *   store_sqlite_list.c     lists with filters
 *   store_sqlite_event.c    events, written and read
 *   store_sqlite_hold.c     what an operator has stopped
 *   store_sqlite_delivery.c messages of webhooks
 *   store_sqlite_key.c      keys of the API, and what belongs to them
 *
 * A handle is one connection, opened without SQLite's mutexes: one thread at a time.
 */
#ifndef CG_STORE_STORE_SQLITE_H
#define CG_STORE_STORE_SQLITE_H

#include <sqlite3.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/job.h"
#include "store/store_ops.h"

/* ---- statements ------------------------------------------------------------------------------ */

enum sql {
#define SQL(name, text) SQL_##name,
#include "store/store_sqlite_sql.def"
    SQL_COUNT
};

#define LIST_CACHE 32

struct handle {
    sqlite3 *db;
    sqlite3_stmt *fixed[SQL_COUNT]; /* made at first use */
    sqlite3_stmt *list[LIST_CACHE]; /* statements whose text depends on the filter */
    unsigned next_list;             /* to be replaced next */
};

/* Opens a connection with the settings that all share. On failure nothing is left open. */
enum st handle_open(struct handle *h, const char *path, int flags);
void handle_close(struct handle *h); /* also one that is all zero */
/* Runs texts without results, such as pragmas. */
enum st handle_exec(struct handle *h, const char *sql);

/* What an SQLite result means to a caller; sets the reason. `doing` says at what. */
enum st sqlite_failed(sqlite3 *db, int rc, const char *doing);

/* A statement in use, borrowed from its handle: AUTO(query_end) struct query q = query_begin(…).
 * Values are bound from left to right and must live until query_end, columns are read likewise.
 * A failure is kept and comes out of query_step. */
struct query {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int rc;
    int bound; /* parameters bound so far */
    int read;  /* columns read so far of this row */
};

struct query query_begin(struct handle *h, enum sql which);
struct query query_begin_list(struct handle *h, const char *sql);
void query_end(struct query *q);
/* ST_OK: a row is there. ST_NONE: no more. */
enum st query_step(struct query *q) MUST_CHECK;
/* For a statement without rows: ST_OK when it is done. */
enum st query_run(struct query *q) MUST_CHECK;

/* put: NULL, an id that is none, a time 0, PHASE_NONE, JOB_ERR_NONE, STOP_NONE become NULL.
 * get: what put wrote; text is the caller's to free. An unknown word is a failure. */
void put_text(struct query *q, char *const *text);
void put_str(struct query *q, const char *text);
void put_span(struct query *q, struct span text);
void put_blob(struct query *q, struct span bytes);
void put_id(struct query *q, const struct id *id);
void put_int(struct query *q, const int *number);
void put_int64(struct query *q, const int64_t *number);
void put_time(struct query *q, const int64_t *ms);
void put_bool(struct query *q, const bool *flag);
void put_status(struct query *q, const enum job_status *status);
void put_phase(struct query *q, const enum job_phase *phase);
void put_errc(struct query *q, const enum job_errc *code);
void put_stop(struct query *q, const enum job_stop *stop);

struct span get_span(struct query *q); /* borrowed until the next step */
const char *get_str(struct query *q);  /* likewise; NULL for NULL */
void get_text(struct query *q, char **out);
void get_id(struct query *q, struct id *out);
void get_int(struct query *q, int *out);
void get_int64(struct query *q, int64_t *out);
void get_time(struct query *q, int64_t *out);
void get_bool(struct query *q, bool *out);
void get_status(struct query *q, enum job_status *out);
void get_phase(struct query *q, enum job_phase *out);
void get_errc(struct query *q, enum job_errc *out);
void get_stop(struct query *q, enum job_stop *out);

/* ---- rows ------------------------------------------------------------------------------------ */

/* The columns of table job after id and version: X(kind, column, member of struct job_row). */
#define JOB_COLUMNS_FIXED(X)                                                                       \
    X(text, owner, owner)                                                                          \
    X(id, parent_id, parent_id)                                                                    \
    X(int64, created_at, created_at)                                                               \
    X(text, template_name, template_name)                                                          \
    X(text, input_json, input_json)                                                                \
    X(text, seed, seed)                                                                            \
    X(text, primary_node, primary_node)                                                            \
    X(text, trace_id, trace_id)                                                                    \
    X(int, trace_flags, trace_flags)                                                               \
    X(text, webhook_url, webhook_url)                                                              \
    X(text, webhook_events_json, webhook_events_json)                                              \
    X(text, webhook_secret, webhook_secret)
#define JOB_COLUMNS_CHANGING(X)                                                                    \
    X(status, status, status)                                                                      \
    X(phase, phase, phase)                                                                         \
    X(int, priority, priority)                                                                     \
    X(text, title, title)                                                                          \
    X(bool, is_starred, is_starred)                                                                \
    X(text, wanted_backend, wanted_backend)                                                        \
    X(text, tags_json, tags_json)                                                                  \
    X(text, metadata_json, metadata_json)                                                          \
    X(text, warnings_json, warnings_json)                                                          \
    X(time, started_at, started_at)                                                                \
    X(time, completed_at, completed_at)                                                            \
    X(time, deadline_at, deadline_at)                                                              \
    X(time, not_before_at, not_before_at)                                                          \
    X(int64, timeout_ms, timeout_ms)                                                               \
    X(int, attempt, attempt)                                                                       \
    X(int, max_attempts, max_attempts)                                                             \
    X(int, deaths, deaths)                                                                         \
    X(text, backend, backend)                                                                      \
    X(id, prompt_id, prompt_id)                                                                    \
    X(bool, is_delivered, is_delivered)                                                            \
    X(time, submitted_at, submitted_at)                                                            \
    X(stop, stop, stop)                                                                            \
    X(time, stop_at, stop_at)                                                                      \
    X(int, nodes_total, nodes_total)                                                               \
    X(errc, error_code, error.code)                                                                \
    X(text, error_message, error.message)                                                          \
    X(text, error_node_id, error.node_id)                                                          \
    X(text, error_class_type, error.class_type)                                                    \
    X(text, error_node_title, error.node_title)

#define JOB_COLUMN_SELECTED(kind, column, member) ", j." #column
#define JOB_COLUMN_NAME(kind, column, member)     ", " #column
#define JOB_COLUMN_VALUE(kind, column, member)    ", ?"
#define JOB_COLUMN_SET(kind, column, member)      ", " #column " = ?"

/* Follows the id in a SELECT from `job AS j`; job_row_get reads both. */
#define JOB_SELECTED                                                                               \
    ", j.version" JOB_COLUMNS_FIXED(JOB_COLUMN_SELECTED) JOB_COLUMNS_CHANGING(JOB_COLUMN_SELECTED)

void job_row_put(struct query *q, const struct job_row *row);          /* INSERT */
void job_row_put_changing(struct query *q, const struct job_row *row); /* UPDATE … SET */
/* Reads the row that query_step has found. On failure (a word that no program of ours wrote)
 * nothing is given. */
enum st job_row_get(struct query *q, struct job_row *out) MUST_CHECK;
/* Runs a query for one row. */
enum st job_row_find(struct handle *h, enum sql which, const struct id *job, struct job_row *out)
    MUST_CHECK;
/* As store_idempotency. */
enum st idempotency_find(struct handle *h, const struct idempotency_key *key, struct id *out_job,
                         char *out_sha256) MUST_CHECK;
enum st job_graph_find(struct handle *h, const struct id *job, struct buf *out) MUST_CHECK;

/* The columns of table output in the order of job_output_put and job_output_get. */
#define OUTPUT_COLUMNS_OF(o)                                                                       \
    o "id, " o "job_id, " o "position, " o "node_id, " o "name, " o "type, " o "content_type, " o  \
      "size_bytes, " o "sha256, " o "width, " o "height, " o "text, " o "is_primary, " o           \
      "created_at, " o "duration_ms"
#define OUTPUT_COLUMNS OUTPUT_COLUMNS_OF("")

/* The columns of table asset in the order of asset_put and asset_get. */
#define ASSET_COLUMNS                                                                              \
    "id, owner, sha256, name, type, content_type, size_bytes, width, height, duration_ms, "        \
    "created_at, used_at"

/* The columns of table delivery as d, with its job as j, in the order of what store_sqlite_delivery.c reads. */
#define DELIVERY_COLUMNS                                                                           \
    "d.id, d.job_id, d.event_seq, d.event_type, j.webhook_url, d.state, d.attempts, "              \
    "d.last_status, d.last_error, d.next_at, d.created_at, d.completed_at, d.tries_json"

/* The columns of table api_key in the order of what store_sqlite_key.c binds and reads. */
#define KEY_COLUMNS                                                                                \
    "id, name, role, scopes, sha256, created_at, created_by, expires_at, revoked_at, last_used_at"

void asset_put(struct query *q, const struct asset *asset);
enum st asset_get(struct query *q, struct asset *out) MUST_CHECK;

void job_output_put(struct query *q, const struct job_output *output);
enum st job_output_get(struct query *q, struct job_output *out) MUST_CHECK;

/* ---- handles --------------------------------------------------------------------------------- */

struct sqlite_store {
    struct store base;
    char *path;
    struct handle keeper; /* keeps the WAL alive between other handles; migrates at start */
};

struct sqlite_writer {
    struct store_writer base;
    struct handle h;
    int lock_fd;        /* held: no other process may be the writer */
    bool is_open;       /* between begin and commit or rollback */
    bool has_new_trash; /* the open transaction has put files on the trash list */
    enum st failed;     /* what made the open transaction worthless; ST_OK = it is fine */
};

struct sqlite_reader {
    struct store_reader base;
    struct handle h;
    char *path;
};

/* The verbs, as in store_ops.h. */
enum errc sqlite_migrate(struct handle *h, const char *path, struct err *e) MUST_CHECK;

enum st sqlite_begin(struct store_writer *base);
enum st sqlite_commit(struct store_writer *base);
void sqlite_rollback(struct store_writer *base);
int64_t sqlite_changes(struct store_writer *base);
enum st sqlite_job_insert(struct store_writer *base, const struct arrival *n, struct id *known_job,
                          char *known_sha256);
enum st sqlite_job_save(struct store_writer *base, const struct job_row *row, int64_t was_version);
enum st sqlite_job_delete(struct store_writer *base, struct id job);
enum st sqlite_writer_job(struct store_writer *base, struct id job, struct job_row *out);
enum st sqlite_writer_graph(struct store_writer *base, struct id job, struct buf *out);
enum st sqlite_output_insert(struct store_writer *base, const struct job_output *output);
enum st sqlite_waiting(struct store_writer *base, const char *user_key,
                       void (*visit)(void *arg, const struct waiting_job *job), void *arg);
enum st sqlite_in_flight(struct store_writer *base, void (*visit)(void *arg, struct job_row *row),
                         void *arg);
enum st sqlite_overdue(struct store_writer *base, int64_t now, int limit,
                       void (*visit)(void *arg, struct id job), void *arg);
enum st sqlite_next_deadline(struct store_writer *base, int64_t *out);
enum st sqlite_idempotency_purge(struct store_writer *base, int64_t now, int limit);
enum st sqlite_trash(struct store_writer *base, int limit,
                     void (*visit)(void *arg, const char *sha256), void *arg);
enum st sqlite_trash_done(struct store_writer *base, const char *sha256);
enum st sqlite_file_is_used(struct store_writer *base, const char *sha256);
enum st sqlite_writer_files(struct store_writer *base, struct id job, struct job_file **out,
                            size_t *out_count);
enum st sqlite_asset_insert(struct store_writer *base, const struct asset *a, struct asset *known);
enum st sqlite_preference_put(struct store_writer *base, const struct preference *p, int64_t max,
                              bool *is_new);
enum st sqlite_preference_delete(struct store_writer *base, const char *owner, const char *key);
enum st sqlite_writer_preference(struct store_writer *base, const char *owner, const char *key,
                                 struct buf *out);
enum st sqlite_hold_put(struct store_writer *base, const char *backend, int64_t since);
enum st sqlite_hold_remove(struct store_writer *base, const char *backend);
enum st sqlite_holds(struct store_writer *base,
                     void (*visit)(void *arg, const char *backend, int64_t since), void *arg);
enum st sqlite_delivery_insert(struct store_writer *base, const struct delivery_new *d);
enum st sqlite_delivery_result(struct store_writer *base, const struct delivery_result *result);
enum st sqlite_delivery_again(struct store_writer *base, struct id job, struct id delivery,
                              int64_t now);
enum st sqlite_deliveries_expire(struct store_writer *base, int64_t before, int limit,
                                 int *removed);
enum st sqlite_deliveries_host(struct store_reader *base, const char *after, struct buf *out);
enum st sqlite_deliveries_due(struct store_reader *base, const char *host, int64_t now, int limit,
                              void (*visit)(void *arg, const struct delivery_due *d), void *arg);
enum st sqlite_deliveries_pending(struct store_reader *base, int64_t *count, int64_t *oldest);
enum st sqlite_deliveries(struct store_reader *base, const struct delivery_filter *filter,
                          void (*visit)(void *arg, const struct delivery *d), void *arg,
                          bool *has_more);
enum st sqlite_preference(struct store_reader *base, const char *owner, const char *key,
                          struct buf *out);
enum st sqlite_preferences(struct store_reader *base, const struct preference_filter *f,
                           void (*visit)(void *arg, const struct preference *p), void *arg,
                           bool *has_more);
enum st sqlite_asset_delete(struct store_writer *base, struct id asset, const char *owner);
enum st sqlite_jobs_expire(struct store_writer *base, int64_t ended_before, int limit,
                           void (*visit)(void *arg, struct id job), void *arg);
enum st sqlite_outputs_expire(struct store_writer *base, int64_t made_before, int limit,
                              void (*visit)(void *arg, struct id job), void *arg);
enum st sqlite_outputs_delete(struct store_writer *base, struct id job);
enum st sqlite_assets_expire(struct store_writer *base, int64_t used_before, int limit,
                             void (*visit)(void *arg, struct id asset), void *arg);
enum st sqlite_event_insert(struct store_writer *base, const struct event_row *row, int64_t *seq);
enum st sqlite_events_expire(struct store_writer *base, int64_t before, int limit, int *removed);
enum st sqlite_events_range(struct store_writer *base, int64_t *oldest, int64_t *newest);

enum st sqlite_job(struct store_reader *base, struct id job, struct job_row *out);
enum st sqlite_idempotency(struct store_reader *base, const struct idempotency_key *key,
                           struct id *out_job, char *out_sha256);
enum st sqlite_graph(struct store_reader *base, struct id job, struct buf *out);
enum st sqlite_outputs(struct store_reader *base, struct id job, struct job_outputs *out);
enum st sqlite_output(struct store_reader *base, struct id output, struct job_output *out);
enum st sqlite_jobs(struct store_reader *base, const struct job_filter *filter,
                    void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more);
enum st sqlite_asset(struct store_reader *base, struct id asset, struct asset *out);
enum st sqlite_asset_by_file(struct store_reader *base, const char *owner, const char *sha256,
                             struct asset *out);
enum st sqlite_output_list(struct store_reader *base, const struct output_filter *filter,
                           void (*visit)(void *arg, const struct output_entry *entry), void *arg,
                           bool *has_more);
enum st sqlite_events(struct store_reader *base, struct id job, int64_t after, int limit,
                      void (*visit)(void *arg, const struct event_row *row), void *arg);
enum st sqlite_ended(struct store_reader *base, const char *owner, int64_t since, int limit,
                     void (*visit)(void *arg, const struct ended_job *job), void *arg);
enum st sqlite_open_counts(struct store_reader *base, const char *owner, int64_t *out);
enum st sqlite_owns(struct store_reader *base, enum owned what, struct id id, const char *owner);
enum st sqlite_key_insert(struct store_writer *base, const struct api_key *k);
enum st sqlite_key_revoke(struct store_writer *base, struct id key, int64_t now);
enum st sqlite_key_used(struct store_writer *base, struct id key, int64_t at);
enum st sqlite_keys_active(struct store_writer *base, int64_t now, int64_t *out);
enum st sqlite_key_by_hash(struct store_reader *base, const char *sha256, struct api_key *out);
enum st sqlite_key_by_name(struct store_reader *base, const char *name, struct api_key *out);
enum st sqlite_key(struct store_reader *base, struct id key, struct api_key *out);
enum st sqlite_keys(struct store_reader *base, struct id after, int limit,
                    void (*visit)(void *arg, const struct api_key *k), void *arg, bool *has_more);
enum st sqlite_in_flight_counts(struct store_reader *base, int64_t *out);

/* ---- what the files of the writer share ------------------------------------------------------- */

struct sqlite_writer *sqlite_writer_of(struct store_writer *base);
/* May a verb write now? */
enum st sqlite_write_allowed(const struct sqlite_writer *w);
/* Ends a verb that writes. */
enum st sqlite_written(struct sqlite_writer *w, enum st st);
/* Runs a statement with one parameter, a job's id. */
enum st sqlite_by_job(struct handle *h, enum sql which, const struct id *job);
/* ST_NONE when the content of a file of the submission is neither there nor comes with it. */
enum st sqlite_files_exist(struct sqlite_writer *w, const struct arrival *n);
/* Its assets and its files. */
enum st sqlite_files_insert(struct sqlite_writer *w, const struct arrival *n);

#endif
