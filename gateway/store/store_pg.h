/* store_pg.h - the parts of the PostgreSQL engine, for its own files only.
 *
 *   store_pg.c          opening, handles, transactions, health; the driver
 *   store_pg_link.c     the connection: made, pumped with a time limit, found lost
 *   store_pg_query.c    statements: made once per connection, bound, sent, their rows read
 *   store_pg_text.c     how the store's statements are written for PostgreSQL
 *   store_pg_migrate.c  brings a database to the newest schema
 *   store_pg_examine.c  looks at a database without changing it
 *
 * A handle is one connection in libpq's pipeline mode (libpq, "Pipeline Mode"). Inside a transaction what gives no rows is sent
 * and not waited for, so that a turn of the engine costs as many round trips as it asks questions, and one for its
 * commit. One thread at a time.
 */
#ifndef CG_STORE_STORE_PG_H
#define CG_STORE_STORE_PG_H

#include <libpq-fe.h>
#include <stdatomic.h>

#include "base/id.h"
#include "store/store_sql.h"

#define PG_SCHEMA         "comfygate"
#define PG_LOCK_WRITER    "7162450020" /* advisory: held by the session of the one writer */
#define PG_LOCK_MIGRATE   "7162450022" /* advisory: one program at a time changes the schema */
#define PG_LIST_CACHE     32
#define PG_PARAMETERS_MAX 96

/* ---- text ------------------------------------------------------------------------------------ */

/* A statement of the store as PostgreSQL reads it: "?" and "?7" become "$1" and "$7", INDEXED BY goes, CROSS JOIN (SQLite's way to fix the
 * order) becomes JOIN. Text in quotes stays. The caller frees it. *parameters = how many it has. */
char *pg_text(const char *sql, int *parameters) MUST_CHECK;

/* ---- connections ----------------------------------------------------------------------------- */

struct pg_store {
    struct store base;
    char *url;                        /* may hold a password: never shown */
    char *shown;                      /* "postgresql://HOST/DATABASE" */
    struct id run;                    /* of this program: names the writer */
    atomic_bool is_writable;          /* false while the writer has no connection */
    _Atomic int64_t next_try_mono_ms; /* no handle connects before; 0 = the last try went well */
    atomic_int failed_tries;
};

/* A statement of one handle. */
struct pg_stmt {
    char *source; /* of one that is kept by its text: as it was asked for; else NULL */
    char *text;
    int parameter_count;
    char name[16];
    unsigned made_on;   /* connection it was prepared on; 0 = none */
    unsigned made_in;   /* and the batch */
    const char **value; /* of each parameter, as PQsendQueryPrepared takes them */
    int *length;
    int *format;
    char (*number)[24]; /* texts of numbers */
    PGresult *result;   /* of the last step; NULL = not stepped */
    int row;
};

struct pg_handle {
    struct handle base;
    struct pg_store *store;
    enum handle_use use;
    PGconn *conn;        /* NULL = lost, or not made yet */
    unsigned connection; /* counts them, from 1 */

    bool in_transaction;
    enum st spoiled; /* what has ended the open transaction before its time; ST_OK = nothing */
    int64_t turn;    /* number of the transaction, as the row of the writer has it */
    unsigned batch;  /* counts synchronisations */
    unsigned unread; /* commands since the last one */
    enum st failed;  /* what one of them came to */
    bool has_moved;  /* the server has become one that is only read */
    PGresult *last;  /* of the last command that was read */
    int64_t all_changes;

    unsigned next_name;
    struct pg_stmt *fixed[SQL_COUNT]; /* made at first use */
    struct pg_stmt *list[PG_LIST_CACHE];
    unsigned next_list;
};

/* Connects; without pipeline mode. NULL: the reason is set. Blocks for its connect_timeout at most. */
PGconn *pg_connect(const char *url, const char *name) MUST_CHECK;
/* Connects the handle. */
enum st pg_open(struct pg_handle *h) MUST_CHECK;
/* ST_OK when there is a connection, made anew if need be; soon after a failure it fails at once. */
enum st pg_link(struct pg_handle *h) MUST_CHECK;
/* Is the connection there as far as one can tell without asking? A lost one is dropped. */
bool pg_is_linked(struct pg_handle *h);
/* What was sent is as good as unsent; the next pg_link connects. */
void pg_drop(struct pg_handle *h);

/* Sends a text without parameters, or a statement with its values. */
enum st pg_send_text(struct pg_handle *h, const char *sql) MUST_CHECK;
enum st pg_send(struct pg_handle *h, struct pg_stmt *stmt) MUST_CHECK;
/* Waits until all that was sent has been answered; h->last is the answer to the last. The first failure comes out,
 * with its reason. When it is that of the connection, the handle has none any more. */
enum st pg_sync(struct pg_handle *h) MUST_CHECK;
/* Both. */
enum st pg_ask(struct pg_handle *h, const char *sql) MUST_CHECK;

/* What an error of the server means; sets the reason. */
enum st pg_failed(const PGresult *result);

/* ---- the rest -------------------------------------------------------------------------------- */

struct pg_handle *pg_handle_of(struct handle *base);

/* What of the URL may be shown: "postgresql://HOST/DATABASE", for the caller to free. Fails when libpq does not understand it. */
enum errc pg_show(const char *url, char **out, struct err *e) MUST_CHECK;

/* The driver's, as in store_sql.h. */
enum errc pg_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                     struct err *e);

/* `conn` is as pg_connect has made it. The server is new enough, and what is there is not newer than this program. */
enum errc pg_check(PGconn *conn, const char *shown, struct err *e) MUST_CHECK;
/* How many migrations are still to be applied; -1 = it cannot be told. */
int pg_behind(PGconn *conn);

/* `conn` is as pg_connect has made it. */
enum errc pg_migrate(PGconn *conn, const char *shown, struct err *e) MUST_CHECK;

/* Frees them; for closing. */
void pg_stmts_free(struct pg_handle *h);

/* The statements of the driver, as in store_sql.h. */
void pg_prepare(struct query *q, enum sql which);
void pg_prepare_text(struct query *q, const char *sql);
void pg_finish(struct query *q);
enum st pg_step(struct query *q);
enum st pg_run(struct query *q);
void pg_bind_str(struct query *q, int index, const char *text);
void pg_bind_bytes(struct query *q, int index, struct span bytes, bool is_blob);
void pg_bind_int64(struct query *q, int index, int64_t number);
bool pg_is_null(struct query *q, int column);
struct span pg_column_span(struct query *q, int column);
int64_t pg_column_int64(struct query *q, int column);
enum value_kind pg_column_kind(struct query *q, int column);
int pg_column_count(struct query *q);
const char *pg_column_name(struct query *q, int column);

#endif
