/* store_sqlite_examine.c - see store_examine.h.
 *
 * A database that nobody has open, and that was closed in good order, has no log beside it. It is then opened as one that
 * cannot change, for a reader of a database in WAL mode would make the files beside it. One that has a log is read as
 * the gateway's own readers do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_examine.h"
#include "store/store_sqlite.h"

#define STEPS_BETWEEN_LOOKS 20000
#define URI_MAX             8192

extern const struct embedded_file sqlite_migrations[];

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

static enum errc broken(struct sqlite_handle *h, const char *path, struct err *e)
{
    return err_set(e, ERR_STORE_UNAVAILABLE, "The database %s cannot be read: %s.", path,
                   sqlite3_errmsg(h->db));
}

/* The first number of the first row; `missing` when there is none. */
static int64_t number_of(struct sqlite_handle *h, const char *sql, int64_t parameter,
                         int64_t missing)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return missing;
    }
    if (sqlite3_bind_parameter_count(stmt) > 0) {
        (void)sqlite3_bind_int64(stmt, 1, parameter);
    }
    return sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : missing;
}

/* ---- opening ---------------------------------------------------------------------------------- */

/* As a URI, in which only what is not plain is escaped. */
static void put_path(struct buf *uri, const char *path)
{
    for (; *path != '\0'; path++) {
        if (strchr("%?#", *path) != NULL) {
            (void)buf_appendf(uri, "%%%02X", (unsigned)*path);
        } else {
            (void)buf_append_char(uri, *path);
        }
    }
}

static enum errc open_read_only(const char *path, struct sqlite_handle *h, struct err *e)
{
    AUTO(buf_clear) struct buf uri = BUF_INIT(URI_MAX);
    AUTO(free_ptr) char *log = xasprintf("%s-wal", path);
    struct stat st;
    bool has_log = stat(log, &st) == 0;

    (void)buf_append_str(&uri, "file:");
    put_path(&uri, path);
    (void)buf_append_str(&uri, has_log ? "?mode=ro" : "?mode=ro&immutable=1");
    if (sqlite3_open_v2(buf_str(&uri), &h->db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return broken(h, path, e);
    }
    (void)sqlite3_busy_timeout(h->db, 2000);
    return ERR_NONE;
}

/* ---- migrations ------------------------------------------------------------------------------- */

static const struct embedded_file *migration_of(const char *name)
{
    for (const struct embedded_file *f = sqlite_migrations; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static enum errc check_migration(const char *path, const char *name, const char *sha256,
                                 struct err *e)
{
    const struct embedded_file *f = migration_of(name);
    char known[SHA256_TEXT_SIZE];

    if (f == NULL) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database %s is newer than this program: it is at migration %s.", path,
                       name);
    }
    sha256_hex((struct span){f->data, f->len}, known);
    if (strcmp(known, sha256) != 0) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The migration %s was changed after it had been applied to %s.", name, path);
    }
    return ERR_NONE;
}

static enum errc check_migrations(struct sqlite_handle *h, const char *path,
                                  struct store_findings *out, struct err *e)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    for (const struct embedded_file *f = sqlite_migrations; f->name != NULL; f++) {
        out->behind++;
    }
    rc = sqlite3_prepare_v2(h->db, "SELECT name, sha256 FROM schema_migration ORDER BY number", -1,
                            &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        if (check_migration(path, (const char *)sqlite3_column_text(stmt, 0),
                            (const char *)sqlite3_column_text(stmt, 1), e) != ERR_NONE) {
            return e->code;
        }
        out->behind--;
    }
    return rc == SQLITE_DONE ? ERR_NONE : broken(h, path, e);
}

/* An empty file is one that is about to become ours. */
static enum errc check_owner(struct sqlite_handle *h, const char *path, bool *is_empty,
                             struct err *e)
{
    int64_t tables = number_of(h, "SELECT count(*) FROM sqlite_schema", 0, -1);

    if (tables < 0) {
        return broken(h, path, e);
    }
    *is_empty = tables == 0;
    if (tables > 0 &&
        number_of(h, "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migration'", 0, 0) == 0) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The file %s is an SQLite database of another program.", path);
    }
    return ERR_NONE;
}

/* ---- its contents ----------------------------------------------------------------------------- */

static int is_late(void *due_mono_ms)
{
    return clock_mono_ms() > *(const int64_t *)due_mono_ms ? 1 : 0;
}

static void check_contents(struct sqlite_handle *h, int64_t limit_ms, struct store_findings *out)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    int64_t due = clock_mono_ms() + limit_ms;
    int rc = sqlite3_prepare_v2(h->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    sqlite3_progress_handler(h->db, STEPS_BETWEEN_LOOKS, is_late, &due);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    sqlite3_progress_handler(h->db, 0, NULL, NULL);
    out->is_partly_seen = rc == SQLITE_INTERRUPT;
    if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0) {
        (void)snprintf(out->fault, sizeof out->fault, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
    } else if (rc != SQLITE_ROW && rc != SQLITE_INTERRUPT) {
        (void)snprintf(out->fault, sizeof out->fault, "%s", sqlite3_errmsg(h->db));
    }
}

static enum errc examine(struct sqlite_handle *h, const char *path, int64_t now, int64_t limit_ms,
                         struct store_findings *out, struct err *e)
{
    bool is_empty = false;

    if (check_owner(h, path, &is_empty, e) != ERR_NONE || is_empty) {
        return e->code;
    }
    if (check_migrations(h, path, out, e) != ERR_NONE) {
        return e->code;
    }
    out->jobs = number_of(h, "SELECT count(*) FROM job", 0, -1);
    out->keys = number_of(h,
                          "SELECT count(*) FROM api_key WHERE revoked_at IS NULL AND "
                          "(expires_at IS NULL OR expires_at > ?)",
                          now, -1);
    check_contents(h, limit_ms, out);
    return ERR_NONE;
}

enum errc sqlite_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                         struct err *e)
{
    struct sqlite_handle h = {.db = NULL};
    const char *path = url + strlen("sqlite:");
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT) {
        return ERR_NONE;
    }
    out->is_there = true;
    if (open_read_only(path, &h, e) == ERR_NONE) {
        (void)examine(&h, path, now, limit_ms, out, e);
    }
    sqlite_disconnect(&h);
    return e->code;
}
