/* store_sqlite_migrate.c - brings a database file to the schema of this program.
 *
 * The files of migrations/sqlite/ are part of the program (cmake/embed.py), in
 * the order of their numbers, which count from 1 without a gap. Each is
 * applied in one transaction, together with the row that says so, hence a crash
 * leaves the file at one number or the next. Which are applied is looked up
 * inside that transaction, so that two programs that start at once do not
 * apply one twice.
 *
 * Foreign keys are off meanwhile, for a migration may rebuild a table; they are
 * checked as a whole before the commit.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_sqlite.h"

extern const struct embedded_file sqlite_migrations[];

/* The statements are used at start only: they are not worth a place in the handle. */
static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

/* Runs a query for one row: ST_NONE without one. On ST_OK the caller finalizes *out. */
static enum st query_one(struct sqlite_handle *h, const char *sql, int64_t parameter,
                         sqlite3_stmt **out)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    errno = 0;
    rc = sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 0) {
        rc = sqlite3_bind_int64(stmt, 1, parameter);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW) {
        *out = take_ptr(&stmt);
        return ST_OK;
    }
    return rc == SQLITE_DONE ? ST_NONE : sqlite_failed(h->db, rc, sql);
}

static enum st query_exists(struct sqlite_handle *h, const char *sql)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;

    return query_one(h, sql, 0, &stmt);
}

static enum errc store_broken(const char *path, enum st st, struct err *e)
{
    return err_set(e, st == ST_FULL ? ERR_INSUFFICIENT_STORAGE : ERR_STORE_UNAVAILABLE,
                   "The database %s cannot be used: %s.", path, store_reason());
}

/* ---- what is in the file --------------------------------------------------------------------- */

#define HAS_MIGRATIONS                                                                             \
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'"

/* Is the file empty or ours? */
static enum errc check_owner(struct sqlite_handle *h, const char *path, struct err *e)
{
    enum st has_tables = query_exists(h, "SELECT 1 FROM sqlite_schema LIMIT 1");
    enum st is_ours = query_exists(h, HAS_MIGRATIONS);

    if (has_tables == ST_NONE) {
        return ERR_NONE;
    }
    if (has_tables != ST_OK || (is_ours != ST_OK && is_ours != ST_NONE)) {
        return store_broken(path, has_tables != ST_OK ? has_tables : is_ours, e);
    }
    if (is_ours == ST_NONE) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The file %s is an SQLite database of another program.", path);
    }
    return ERR_NONE;
}

/* The digits that begin its name. */
static int64_t number_of(const struct embedded_file *f)
{
    int64_t number = 0;

    for (int i = 0; i < 4; i++) {
        number = number * 10 + (f->name[i] - '0');
    }
    bug_if(f->name[4] != '_' || number < 1 || number > 9999);
    return number;
}

/* Their numbers rise. One that is missing is none of this program's: two changes that were made side by side
 * need not be released in order. */
static const struct embedded_file *newest_known(int64_t *number)
{
    const struct embedded_file *file = NULL;

    *number = 0;
    for (const struct embedded_file *f = sqlite_migrations; f->name != NULL; f++) {
        bug_if(number_of(f) <= *number);
        *number = number_of(f);
        file = f;
    }
    bug_if(file == NULL);
    return file;
}

/* A newer program may have left what this one would damage. */
static enum errc check_age(struct sqlite_handle *h, const char *path, struct err *e)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    int64_t known = 0;
    const struct embedded_file *file = newest_known(&known);
    enum st st = query_exists(h, HAS_MIGRATIONS);

    if (st == ST_NONE) {
        return ERR_NONE;
    }
    if (st == ST_OK) {
        st = query_one(h, "SELECT number, name FROM schema_migration ORDER BY number DESC LIMIT 1",
                       0, &stmt);
    }
    if (st == ST_NONE) {
        return ERR_NONE;
    }
    if (st != ST_OK) {
        return store_broken(path, st, e);
    }
    if (sqlite3_column_int64(stmt, 0) > known) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database %s is newer than this program: it is at migration %s, the "
                       "program knows those up to %s. Start the newer program.",
                       path, (const char *)sqlite3_column_text(stmt, 1), file->name);
    }
    return ERR_NONE;
}

/* ---- one migration --------------------------------------------------------------------------- */

static enum st remember(struct sqlite_handle *h, int64_t number, const char *name,
                        const char *sha256)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    errno = 0;
    rc = sqlite3_prepare_v2(h->db,
                            "INSERT INTO schema_migration (number, name, sha256, applied_at)"
                            " VALUES (?, ?, ?, ?)",
                            -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_int64(stmt, 1, number);
        (void)sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(stmt, 3, sha256, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 4, clock_wall_ms());
        rc = sqlite3_step(stmt);
    }
    return rc == SQLITE_DONE ? ST_OK : sqlite_failed(h->db, rc, "noting a migration");
}

/* In the open transaction: applies the file unless that has been done; *is_changed when it was done
 * with another text. */
static enum st apply(struct sqlite_handle *h, int64_t number, const struct embedded_file *file,
                     bool *is_changed)
{
    AUTO(finalize) sqlite3_stmt *stmt = NULL;
    char sha256[SHA256_TEXT_SIZE];
    enum st st = query_exists(h, HAS_MIGRATIONS);

    sha256_hex((struct span){file->data, file->len}, sha256);
    if (st == ST_OK) {
        st = query_one(h, "SELECT sha256 FROM schema_migration WHERE number = ?", number, &stmt);
    }
    if (st == ST_OK) {
        *is_changed = strcmp((const char *)sqlite3_column_text(stmt, 0), sha256) != 0;
        return ST_OK;
    }
    if (st != ST_NONE) {
        return st;
    }
    st = sqlite_exec(h, file->data);
    if (st == ST_OK) {
        st = remember(h, number, file->name, sha256);
    }
    if (st == ST_OK && query_exists(h, "PRAGMA foreign_key_check") != ST_NONE) {
        store_reason_set("migration %s leaves rows without their parent", file->name);
        return ST_FAIL;
    }
    return st;
}

static enum errc apply_in_transaction(struct sqlite_handle *h, const char *path, int64_t number,
                                      const struct embedded_file *file, struct err *e)
{
    bool is_changed = false;
    enum st st = sqlite_exec(h, "BEGIN IMMEDIATE");

    if (st == ST_OK) {
        st = apply(h, number, file, &is_changed);
    }
    if (st == ST_OK) {
        st = sqlite_exec(h, "COMMIT");
    }
    if (sqlite3_get_autocommit(h->db) == 0) {
        (void)sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL); /* keeps the reason */
    }
    if (st != ST_OK) {
        return store_broken(path, st, e);
    }
    if (is_changed) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The migration %s was changed after it had been applied to %s. "
                       "Applied migrations are never edited: use the program that wrote the file.",
                       file->name, path);
    }
    return ERR_NONE;
}

enum errc sqlite_migrate(struct sqlite_handle *h, const char *path, struct err *e)
{
    enum errc errc = check_owner(h, path, e);

    if (errc == ERR_NONE) {
        errc = check_age(h, path, e);
    }
    if (errc != ERR_NONE) {
        return errc;
    }
    if (sqlite_exec(h, "PRAGMA foreign_keys = OFF") != ST_OK) {
        return store_broken(path, ST_FAIL, e);
    }
    for (const struct embedded_file *f = sqlite_migrations; f->name != NULL; f++) {
        errc = apply_in_transaction(h, path, number_of(f), f, e);
        if (errc != ERR_NONE) {
            return errc;
        }
    }
    return ERR_NONE;
}
