/* store_sqlite.h - the parts of the SQLite engine, for its own files only.
 *
 *   store_sqlite.c          opening, handles, health; the driver
 *   store_sqlite_query.c    statements: made once per handle, bound, stepped, told apart when they fail
 *   store_sqlite_migrate.c  brings a file to the newest schema
 *   store_sqlite_examine.c  looks at a file without changing it
 *
 * A handle is one connection, opened without SQLite's mutexes: one thread at a time.
 */
#ifndef CG_STORE_STORE_SQLITE_H
#define CG_STORE_STORE_SQLITE_H

#include <sqlite3.h>

#include "store/store_sql.h"

#define LIST_CACHE 32

struct sqlite_handle {
    struct handle base;
    sqlite3 *db;
    sqlite3_stmt *fixed[SQL_COUNT]; /* made at first use */
    sqlite3_stmt *list[LIST_CACHE]; /* statements whose text depends on the filter */
    unsigned next_list;             /* to be replaced next */
    int lock_fd;      /* held by the one writer: no other process may be it; else -1 */
    const char *path; /* the store's */
};

struct sqlite_store {
    struct store base;
    char *path;
    struct sqlite_handle keeper; /* keeps the WAL alive between other handles; migrates at start */
};

/* Opens a connection with the settings that all share. On failure nothing is left open. */
enum st sqlite_connect(struct sqlite_handle *h, const char *path, int flags);
void sqlite_disconnect(struct sqlite_handle *h); /* also one that is all zero */
/* Runs texts without results, such as pragmas. */
enum st sqlite_exec(struct sqlite_handle *h, const char *sql);

/* What an SQLite result means to a caller; sets the reason. `doing` says at what. */
enum st sqlite_failed(sqlite3 *db, int rc, const char *doing);

/* The driver's, as in store_sql.h. */
enum errc sqlite_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                         struct err *e);

enum errc sqlite_migrate(struct sqlite_handle *h, const char *path, struct err *e) MUST_CHECK;

struct sqlite_handle *sqlite_handle_of(struct handle *base);

/* The statements of the driver, as in store_sql.h. */
void sqlite_prepare(struct query *q, enum sql which);
void sqlite_prepare_text(struct query *q, const char *sql);
void sqlite_finish(struct query *q);
enum st sqlite_step(struct query *q);
enum st sqlite_run(struct query *q);
void sqlite_bind_str(struct query *q, int index, const char *text);
void sqlite_bind_bytes(struct query *q, int index, struct span bytes, bool is_blob);
void sqlite_bind_int64(struct query *q, int index, int64_t number);
bool sqlite_is_null(struct query *q, int column);
struct span sqlite_column_span(struct query *q, int column);
int64_t sqlite_column_int64(struct query *q, int column);
enum value_kind sqlite_column_kind(struct query *q, int column);
int sqlite_column_count(struct query *q);
const char *sqlite_column_name(struct query *q, int column);

#endif
