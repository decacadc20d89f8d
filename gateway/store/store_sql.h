/* store_sql.h - the verbs of store.h, written once in SQL, and what an engine brings to run them. For store/ only.
 *
 *   store.c             finds the engine by the URL; opens and closes
 *   store_sql.def       every fixed statement
 *   store_query.c       statements in use: values in, values out
 *   store_row.c         rows in and out
 *   store_write.c       what the engine thread does
 *   store_read.c        what HTTP threads do, but for
 *   store_list.c        lists with filters
 *   store_event.c, store_asset.c, store_delivery.c, store_gallery.c, store_hold.c, store_key.c, store_preference.c,
 *   store_stats.c       a table each, written and read
 *   store_move.c        from one store into another
 *   store_sqlite*.c     the engine on a file
 *   store_pg*.c         the engine on a PostgreSQL server
 *
 * To add an engine: a struct sql_driver, its row in store.c, migrations/<engine>/, and TEST_STORE_URL in the test run.
 *
 * A handle is one connection: one thread at a time.
 */
#ifndef CG_STORE_STORE_SQL_H
#define CG_STORE_STORE_SQL_H

#include "base/buf.h"
#include "base/err.h"
#include "core/job.h"
#include "store/store.h"
#include "store/store_examine.h"

/* ---- engines --------------------------------------------------------------------------------- */

#define PG_LOCK_EVENTS "7162450021"

enum sql {
#define SQL(name, text)            SQL_##name,
#define SQL_EACH(name, sqlite, pg) SQL_##name,
#include "store/store_sql.def"
    SQL_COUNT
};

/* What every struct of an engine's own begins with. */
struct store {
    const struct sql_driver *driver;
};
struct handle {
    const struct sql_driver *driver;
};

struct query;

enum handle_use {
    HANDLE_READS,
    HANDLE_WRITES, /* the one writer: fails when there is one already */
    HANDLE_KEYS,   /* writes beside it */
};

enum value_kind { VALUE_NULL, VALUE_NUMBER, VALUE_TEXT, VALUE_BLOB };

struct sql_driver {
    bool has_other_writers; /* the numbers of events must be guarded against them */

    /* The whole URL. As store_examine; *out is filled in with what is not known, and e with nothing. */
    enum errc (*examine)(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                         struct err *e);
    enum errc (*open)(const char *url, struct store **out, struct err *e);
    void (*close)(struct store *s);
    int64_t (*size_bytes)(struct store *s);
    enum st (*handle_open)(struct store *s, enum handle_use use, struct handle **out);
    void (*handle_close)(struct handle *h);
    enum st (*health)(struct handle *h);

    enum st (*begin)(struct handle *h);
    enum st (*commit)(struct handle *h);  /* on failure rollback follows */
    void (*rollback)(struct handle *h);   /* harmless without a transaction; keeps the reason */
    int64_t (*changes)(struct handle *h); /* rows that the last query_run has changed */
    int64_t (*all_changes)(struct handle *h);

    void (*prepare)(struct query *q, enum sql which);
    void (*prepare_text)(struct query *q, const char *sql); /* kept by its text */
    void (*finish)(struct query *q);
    enum st (*step)(struct query *q);
    enum st (*run)(struct query *q);
    /* Parameters from 1, columns from 0. Only with a statement. */
    void (*bind_str)(struct query *q, int index, const char *text); /* NULL = NULL */
    void (*bind_bytes)(struct query *q, int index, struct span bytes, bool is_blob);
    void (*bind_int64)(struct query *q, int index, int64_t number);
    bool (*is_null)(struct query *q, int column);
    struct span (*column_span)(struct query *q,
                               int column);               /* ends in a NUL that it does not count */
    int64_t (*column_int64)(struct query *q, int column); /* NULL reads as 0 */
    enum value_kind (*column_kind)(struct query *q, int column);
    /* After a step, also one without a row. */
    int (*column_count)(struct query *q);
    const char *(*column_name)(struct query *q, int column);
};

extern const struct sql_driver store_sqlite_driver;
extern const struct sql_driver store_pg_driver;

/* Sets what store_reason() says on this thread; cut to fit. */
void store_reason_set(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* ---- handles --------------------------------------------------------------------------------- */

struct store_writer {
    struct handle *h;
    bool is_open;       /* between begin and commit or rollback */
    bool has_new_trash; /* the open transaction has put files on the trash list */
    enum st failed;     /* what made the open transaction worthless; ST_OK = it is fine */
    int64_t last_event; /* number of the newest; 0 = not looked up in this transaction */
};

struct store_reader {
    struct handle *h;
};

/* Rows that the last query_run has changed. */
int64_t handle_changes(struct handle *h);

/* ---- statements ------------------------------------------------------------------------------ */

/* A statement in use, borrowed from its handle: AUTO(query_end) struct query q = query_begin(…).
 * Values are bound from left to right and must live until query_end, columns are read likewise.
 * A failure is kept and comes out of query_step. */
struct query {
    struct handle *h;
    void *stmt;  /* the engine's; NULL when it could not be made */
    int rc;      /* the engine's last result */
    int bound;   /* parameters bound so far */
    int read;    /* columns read so far of this row */
    bool is_bad; /* a getter has met what no program of ours wrote */
};

struct query query_begin(struct handle *h, enum sql which);
struct query query_begin_list(struct handle *h, const char *sql);
void query_end(struct query *q);
/* ST_OK: a row is there. ST_NONE: no more. */
enum st query_step(struct query *q) MUST_CHECK;
/* For a statement without rows. In a transaction a failure may come out only at a later step or at its end. */
enum st query_run(struct query *q) MUST_CHECK;

/* As SQLite's lower() has it, ASCII letters only: for what is compared to it. The caller frees it. */
char *lower_copy(const char *text) MUST_CHECK;

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
                         char out_sha256[65]) MUST_CHECK;
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

/* The columns of table delivery as d, with its job as j, in the order of what store_delivery.c reads. */
#define DELIVERY_COLUMNS                                                                           \
    "d.id, d.job_id, d.event_seq, d.event_type, j.webhook_url, d.state, d.attempts, "              \
    "d.last_status, d.last_error, d.next_at, d.created_at, d.completed_at, d.tries_json"

/* The columns of table api_key in the order of what store_key.c binds and reads. */
#define KEY_COLUMNS                                                                                \
    "id, name, role, scopes, sha256, created_at, created_by, expires_at, revoked_at, last_used_at"

void asset_put(struct query *q, const struct asset *asset);
enum st asset_get(struct query *q, struct asset *out) MUST_CHECK;

void job_output_put(struct query *q, const struct job_output *output);
enum st job_output_get(struct query *q, struct job_output *out) MUST_CHECK;

/* ---- what the files of the writer share ------------------------------------------------------- */

/* May a verb write now? */
enum st write_allowed(const struct store_writer *w);
/* Ends a verb that writes. */
enum st written(struct store_writer *w, enum st st);
/* Runs a statement without parameters. */
enum st run_plain(struct handle *h, enum sql which);
/* Runs a statement with one parameter, a job's id. */
enum st run_by_job(struct handle *h, enum sql which, const struct id *job);
/* ST_NONE when the content of a file of the submission is neither there nor comes with it. */
enum st files_exist(struct store_writer *w, const struct arrival *n);
/* Its assets and its files. */
enum st files_insert(struct store_writer *w, const struct arrival *n);

#endif
