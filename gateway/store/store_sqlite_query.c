/* store_sqlite_query.c - connections and statements.
 *
 * A statement is made once per handle, at its first use. In between it is always
 * reset: a statement that is left half-way keeps a read transaction open, and
 * with it the whole WAL since then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sqlite.h"

/* Longest wait for another process that holds a lock (a backup, somebody's sqlite3 program). */
#define BUSY_MS 2000

static const char *const sql_text[SQL_COUNT] = {
#define SQL(name, text)            [SQL_##name] = (text),
#define SQL_EACH(name, sqlite, pg) [SQL_##name] = (sqlite),
#include "store/store_sql.def"
};

/* ---- connections ----------------------------------------------------------------------------- */

/* For every connection. synchronous=FULL: a commit is on the disk when it returns, also in WAL
 * mode. trusted_schema off and defensive: a file that somebody else has made cannot run code of its
 * choice. mmap off: a failing disk gives an error, not SIGBUS. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -16000;"           /* KiB */
                               "PRAGMA journal_size_limit = 67108864;" /* WAL left on disk, bytes */
                               "PRAGMA foreign_keys = ON;";

enum st sqlite_connect(struct sqlite_handle *h, const char *path, int flags)
{
    struct sqlite_handle fresh = {.base.driver = &store_sqlite_driver, .lock_fd = -1};
    enum st st = ST_OK;
    int rc = SQLITE_OK;

    errno = 0;
    rc = sqlite3_open_v2(path, &fresh.db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(fresh.db, 1);
        (void)sqlite3_busy_timeout(fresh.db, BUSY_MS);
        (void)sqlite3_db_config(fresh.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(fresh.db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
        (void)sqlite3_db_config(fresh.db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
        st = sqlite_exec(&fresh, settings);
    } else {
        st = sqlite_failed(fresh.db, rc, "opening the database file");
    }
    if (st != ST_OK) {
        sqlite_disconnect(&fresh);
        return st;
    }
    *h = fresh;
    return ST_OK;
}

void sqlite_disconnect(struct sqlite_handle *h)
{
    for (size_t i = 0; i < COUNT_OF(h->fixed); i++) {
        (void)sqlite3_finalize(h->fixed[i]);
    }
    for (size_t i = 0; i < COUNT_OF(h->list); i++) {
        (void)sqlite3_finalize(h->list[i]);
    }
    (void)sqlite3_close(h->db);
    *h = (struct sqlite_handle){0};
}

enum st sqlite_exec(struct sqlite_handle *h, const char *sql)
{
    int rc = SQLITE_OK;

    errno = 0;
    rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ST_OK : sqlite_failed(h->db, rc, "a statement");
}

/* ---- failures -------------------------------------------------------------------------------- */

static void out_of_memory(void)
{
    free(require_memory(NULL)); /* does not come back */
}

static bool is_disk_full(int rc, int cause)
{
    return (rc & 0xff) == SQLITE_FULL || cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
}

/* The errno behind a result; 0 when it has none.
 *
 * SQLite says SQLITE_FULL for ENOSPC in a write, but neither for a quota nor for what fsync or
 * ftruncate find out; and sqlite3_system_errno() knows only of some failures. So errno is looked
 * at too: every call that may end in sqlite_failed sets it to 0 before. */
static int cause_of(sqlite3 *db, int rc, int last_errno)
{
    int known = db != NULL ? sqlite3_system_errno(db) : 0;

    switch (rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return known != 0 ? known : last_errno;
    default:
        return 0;
    }
}

enum st sqlite_failed(sqlite3 *db, int rc, const char *doing)
{
    int cause = cause_of(db, rc, errno);

    if ((rc & 0xff) == SQLITE_NOMEM) {
        out_of_memory();
    }
    store_reason_set("%s (SQLite result %d%s%s): %.160s",
                     db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc,
                     cause != 0 ? ", " : "", cause != 0 ? strerrordesc_np(cause) : "", doing);
    if (is_disk_full(rc, cause)) {
        return ST_FULL;
    }
    return (rc & 0xff) == SQLITE_BUSY ? ST_RETRY : ST_FAIL;
}

/* ---- a statement in use ---------------------------------------------------------------------- */

struct sqlite_handle *sqlite_handle_of(struct handle *base)
{
    return container_of(base, struct sqlite_handle, base);
}

static void begin(struct query *q, sqlite3_stmt **slot, const char *sql)
{
    q->rc = SQLITE_OK;
    if (*slot == NULL) {
        errno = 0;
        q->rc = sqlite3_prepare_v3(sqlite_handle_of(q->h)->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                   slot, NULL);
    }
    q->stmt = *slot;
    /* A visitor of this very statement has asked for it again. */
    bug_if(*slot != NULL && sqlite3_stmt_busy(*slot) != 0);
}

void sqlite_prepare(struct query *q, enum sql which)
{
    begin(q, &sqlite_handle_of(q->h)->fixed[which], sql_text[which]);
}

void sqlite_prepare_text(struct query *q, const char *sql)
{
    struct sqlite_handle *h = sqlite_handle_of(q->h);
    sqlite3_stmt **slot = NULL;

    for (size_t i = 0; i < LIST_CACHE; i++) {
        if (h->list[i] != NULL && strcmp(sqlite3_sql(h->list[i]), sql) == 0) {
            begin(q, &h->list[i], sql);
            return;
        }
    }
    slot = &h->list[h->next_list];
    h->next_list = (h->next_list + 1) % LIST_CACHE;
    (void)sqlite3_finalize(*slot);
    *slot = NULL;
    begin(q, slot, sql);
}

void sqlite_finish(struct query *q)
{
    (void)sqlite3_reset(q->stmt);
    (void)sqlite3_clear_bindings(q->stmt);
}

enum st sqlite_step(struct query *q)
{
    if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW) {
        errno = 0;
        q->rc = sqlite3_step(q->stmt);
    }
    if (q->rc == SQLITE_ROW) {
        return ST_OK;
    }
    if (q->rc == SQLITE_DONE) {
        return ST_NONE;
    }
    return sqlite_failed(sqlite_handle_of(q->h)->db, q->rc,
                         q->stmt != NULL ? sqlite3_sql(q->stmt) : "a statement");
}

enum st sqlite_run(struct query *q)
{
    enum st st = sqlite_step(q);

    return st == ST_NONE ? ST_OK : st;
}

/* ---- values in ------------------------------------------------------------------------------- */

static void bound(struct query *q, int rc)
{
    if (q->rc == SQLITE_OK) {
        q->rc = rc;
    }
}

void sqlite_bind_str(struct query *q, int index, const char *text)
{
    bound(q, sqlite3_bind_text(q->stmt, index, text, -1, SQLITE_STATIC));
}

void sqlite_bind_bytes(struct query *q, int index, struct span bytes, bool is_blob)
{
    const char *data = bytes.len > 0 ? bytes.ptr : ""; /* a pointer that is NULL would bind NULL */

    bound(q, is_blob ? sqlite3_bind_blob64(q->stmt, index, data, bytes.len, SQLITE_STATIC)
                     : sqlite3_bind_text64(q->stmt, index, data, bytes.len, SQLITE_STATIC,
                                           SQLITE_UTF8));
}

void sqlite_bind_int64(struct query *q, int index, int64_t number)
{
    bound(q, sqlite3_bind_int64(q->stmt, index, number));
}

/* ---- values out ------------------------------------------------------------------------------ */

bool sqlite_is_null(struct query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

struct span sqlite_column_span(struct query *q, int column)
{
    bool is_blob = sqlite3_column_type(q->stmt, column) == SQLITE_BLOB;
    const char *data = is_blob ? sqlite3_column_blob(q->stmt, column)
                               : (const char *)sqlite3_column_text(q->stmt, column);
    int len = sqlite3_column_bytes(q->stmt, column);

    if (data == NULL && sqlite3_errcode(sqlite_handle_of(q->h)->db) == SQLITE_NOMEM) {
        out_of_memory();
    }
    return (struct span){len > 0 ? data : "", (size_t)len};
}

int64_t sqlite_column_int64(struct query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

enum value_kind sqlite_column_kind(struct query *q, int column)
{
    switch (sqlite3_column_type(q->stmt, column)) {
    case SQLITE_NULL:
        return VALUE_NULL;
    case SQLITE_INTEGER:
        return VALUE_NUMBER;
    case SQLITE_BLOB:
        return VALUE_BLOB;
    default:
        return VALUE_TEXT;
    }
}

int sqlite_column_count(struct query *q)
{
    return sqlite3_column_count(q->stmt);
}

const char *sqlite_column_name(struct query *q, int column)
{
    return sqlite3_column_name(q->stmt, column);
}
