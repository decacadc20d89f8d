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
#define SQL(name, text) [SQL_##name] = (text),
#include "store/store_sqlite_sql.def"
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

enum st handle_open(struct handle *h, const char *path, int flags)
{
    struct handle fresh = {0};
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
        st = handle_exec(&fresh, settings);
    } else {
        st = sqlite_failed(fresh.db, rc, "opening the database file");
    }
    if (st != ST_OK) {
        handle_close(&fresh);
        return st;
    }
    *h = fresh;
    return ST_OK;
}

void handle_close(struct handle *h)
{
    for (size_t i = 0; i < COUNT_OF(h->fixed); i++) {
        (void)sqlite3_finalize(h->fixed[i]);
    }
    for (size_t i = 0; i < COUNT_OF(h->list); i++) {
        (void)sqlite3_finalize(h->list[i]);
    }
    (void)sqlite3_close(h->db);
    *h = (struct handle){0};
}

enum st handle_exec(struct handle *h, const char *sql)
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

static struct query begin(struct handle *h, sqlite3_stmt **slot, const char *sql)
{
    struct query q = {.db = h->db, .rc = SQLITE_OK};

    if (*slot == NULL) {
        errno = 0;
        q.rc = sqlite3_prepare_v3(h->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
    }
    q.stmt = *slot;
    /* A visitor of this very statement has asked for it again. */
    bug_if(q.stmt != NULL && sqlite3_stmt_busy(q.stmt) != 0);
    return q;
}

struct query query_begin(struct handle *h, enum sql which)
{
    return begin(h, &h->fixed[which], sql_text[which]);
}

struct query query_begin_list(struct handle *h, const char *sql)
{
    sqlite3_stmt **slot = NULL;

    for (size_t i = 0; i < LIST_CACHE; i++) {
        if (h->list[i] != NULL && strcmp(sqlite3_sql(h->list[i]), sql) == 0) {
            return begin(h, &h->list[i], sql);
        }
    }
    slot = &h->list[h->next_list];
    h->next_list = (h->next_list + 1) % LIST_CACHE;
    (void)sqlite3_finalize(*slot);
    *slot = NULL;
    return begin(h, slot, sql);
}

void query_end(struct query *q)
{
    if (q->stmt != NULL) {
        (void)sqlite3_reset(q->stmt);
        (void)sqlite3_clear_bindings(q->stmt);
        q->stmt = NULL;
    }
}

enum st query_step(struct query *q)
{
    if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW) {
        errno = 0;
        q->rc = sqlite3_step(q->stmt);
    }
    q->read = 0;
    if (q->rc == SQLITE_ROW) {
        return ST_OK;
    }
    if (q->rc == SQLITE_DONE) {
        return ST_NONE;
    }
    return sqlite_failed(q->db, q->rc, q->stmt != NULL ? sqlite3_sql(q->stmt) : "a statement");
}

enum st query_run(struct query *q)
{
    enum st st = query_step(q);

    return st == ST_NONE ? ST_OK : st;
}

/* ---- values in ------------------------------------------------------------------------------- */

static void bound(struct query *q, int rc)
{
    if (q->rc == SQLITE_OK) {
        q->rc = rc;
    }
}

void put_str(struct query *q, const char *text)
{
    if (q->stmt != NULL) {
        bound(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
    }
}

void put_text(struct query *q, char *const *text)
{
    put_str(q, *text);
}

void put_span(struct query *q, struct span text)
{
    if (q->stmt != NULL) {
        bound(q, sqlite3_bind_text64(q->stmt, ++q->bound, text.len > 0 ? text.ptr : "", text.len,
                                     SQLITE_STATIC, SQLITE_UTF8));
    }
}

void put_blob(struct query *q, struct span bytes)
{
    if (q->stmt != NULL) {
        /* A pointer that is NULL would bind NULL. */
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, bytes.len > 0 ? bytes.ptr : "", bytes.len,
                                     SQLITE_STATIC));
    }
}

void put_id(struct query *q, const struct id *id)
{
    put_str(q, id_is_none(*id) ? NULL : id->text);
}

void put_int64(struct query *q, const int64_t *number)
{
    if (q->stmt != NULL) {
        bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, *number));
    }
}

void put_int(struct query *q, const int *number)
{
    int64_t wide = *number;

    put_int64(q, &wide);
}

void put_bool(struct query *q, const bool *flag)
{
    int64_t wide = *flag ? 1 : 0;

    put_int64(q, &wide);
}

void put_time(struct query *q, const int64_t *ms)
{
    if (*ms == 0) {
        put_str(q, NULL);
    } else {
        put_int64(q, ms);
    }
}

/* ---- values out ------------------------------------------------------------------------------ */

struct span get_span(struct query *q)
{
    int column = q->read++;
    const void *data = sqlite3_column_blob(q->stmt, column); /* of a text: its bytes */
    int len = sqlite3_column_bytes(q->stmt, column);

    if (data == NULL && sqlite3_errcode(q->db) == SQLITE_NOMEM) {
        out_of_memory();
    }
    return (struct span){len > 0 ? data : "", (size_t)len};
}

const char *get_str(struct query *q)
{
    int column = q->read++;
    const unsigned char *text = sqlite3_column_text(q->stmt, column);

    if (text == NULL && sqlite3_column_type(q->stmt, column) != SQLITE_NULL) {
        out_of_memory();
    }
    return (const char *)text;
}

void get_text(struct query *q, char **out)
{
    *out = xstrdup_or_null(get_str(q));
}

static void bad_value(struct query *q)
{
    q->rc = SQLITE_CORRUPT;
}

void get_id(struct query *q, struct id *out)
{
    const char *text = get_str(q);

    *out = ID_NONE;
    if (text != NULL && !id_parse(span_of(text), out)) {
        bad_value(q);
    }
}

void get_int64(struct query *q, int64_t *out)
{
    *out = sqlite3_column_int64(q->stmt, q->read++);
}

void get_int(struct query *q, int *out)
{
    *out = sqlite3_column_int(q->stmt, q->read++);
}

void get_bool(struct query *q, bool *out)
{
    *out = sqlite3_column_int(q->stmt, q->read++) != 0;
}

void get_time(struct query *q, int64_t *out)
{
    get_int64(q, out); /* NULL reads as 0 */
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The words of a stop are not part of the public contract: they live here. */
static const char *const stop_words[] = {
    [STOP_NONE] = NULL,
    [STOP_CANCEL] = "cancel",
    [STOP_TIMEOUT] = "timeout",
    [STOP_DEADLINE] = "deadline",
};

void put_status(struct query *q, const enum job_status *status)
{
    put_str(q, job_status_word(*status));
}

void put_phase(struct query *q, const enum job_phase *phase)
{
    put_str(q, job_phase_word(*phase));
}

void put_errc(struct query *q, const enum job_errc *code)
{
    put_str(q, job_errc_word(*code));
}

void put_stop(struct query *q, const enum job_stop *stop)
{
    put_str(q, stop_words[*stop]);
}

void get_status(struct query *q, enum job_status *out)
{
    if (!job_status_parse(span_of(get_str(q)), out)) {
        bad_value(q);
    }
}

void get_phase(struct query *q, enum job_phase *out)
{
    const char *word = get_str(q);

    *out = PHASE_NONE;
    if (word != NULL && !job_phase_parse(span_of(word), out)) {
        bad_value(q);
    }
}

void get_errc(struct query *q, enum job_errc *out)
{
    const char *word = get_str(q);

    *out = JOB_ERR_NONE;
    if (word != NULL) {
        *out = job_errc_parse(span_of(word));
        /* A code that this program does not know is still an error. */
        if (*out == JOB_ERR_NONE) {
            *out = JOB_ERR_INTERNAL_ERROR;
        }
    }
}

void get_stop(struct query *q, enum job_stop *out)
{
    const char *word = get_str(q);

    *out = STOP_NONE;
    for (size_t i = STOP_CANCEL; word != NULL && i < COUNT_OF(stop_words); i++) {
        if (strcmp(word, stop_words[i]) == 0) {
            *out = (enum job_stop)i;
        }
    }
    if (word != NULL && *out == STOP_NONE) {
        bad_value(q);
    }
}
