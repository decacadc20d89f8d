/* store_pg_migrate.c - brings a database to the schema of this program.
 *
 * As store_sqlite_migrate.c does a file: the files of migrations/postgresql/ in the order of their numbers, each in one transaction
 * with the row that says so. Programs that start at once wait for each other at an advisory lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_pg.h"

/* Older ones lack pg_terminate_backend with a time limit. */
#define SERVER_OLDEST 140000

extern const struct embedded_file pg_migrations[];

static void clear(PGresult **result)
{
    PQclear(*result);
}

static enum st failed(const PGresult *result)
{
    enum st st = pg_failed(result);

    return st == ST_OK ? ST_FAIL : st;
}

/* Texts without results, or with one that nobody reads. */
static enum st run(PGconn *conn, const char *sql)
{
    AUTO(clear) PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? ST_OK : failed(result);
}

/* The first column of the first row; ST_NONE without one, or when it is NULL. The caller frees *out. */
static enum st look(PGconn *conn, const char *sql, char **out)
{
    AUTO(clear) PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        return failed(result);
    }
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0) == 1) {
        return ST_NONE;
    }
    *out = xstrdup(PQgetvalue(result, 0, 0));
    return ST_OK;
}

static enum errc broken(const char *shown, enum st st, struct err *e)
{
    return err_set(e, st == ST_FULL ? ERR_INSUFFICIENT_STORAGE : ERR_STORE_UNAVAILABLE,
                   "The database %s cannot be used: %s.", shown, store_reason());
}

/* ---- what is in the database ------------------------------------------------------------------ */

static enum errc check_server(PGconn *conn, const char *shown, struct err *e)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");

    if (PQserverVersion(conn) < SERVER_OLDEST) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The server of %s is PostgreSQL %d; 14 or newer is needed.", shown,
                       PQserverVersion(conn) / 10000);
    }
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database %s is encoded in %s; make one with ENCODING 'UTF8'.", shown,
                       encoding != NULL ? encoding : "an unknown way");
    }
    return ERR_NONE;
}

static int64_t number_of(const struct embedded_file *f)
{
    return strtoll(f->name, NULL, 10);
}

static const struct embedded_file *newest_known(void)
{
    const struct embedded_file *f = pg_migrations;

    while (f[1].name != NULL) {
        bug_if(number_of(&f[1]) <= number_of(f));
        f++;
    }
    return f;
}

static enum errc check_age(PGconn *conn, const char *shown, struct err *e)
{
    const struct embedded_file *known = newest_known();
    AUTO(free_ptr) char *name = NULL;
    enum st st = look(conn,
                      "SELECT name FROM " PG_SCHEMA ".schema_migration"
                      " ORDER BY number DESC LIMIT 1",
                      &name);

    if (st == ST_NONE) {
        return ERR_NONE;
    }
    if (st != ST_OK) {
        return broken(shown, st, e);
    }
    if (strtoll(name, NULL, 10) > number_of(known)) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database %s is newer than this program: it is at migration %s, the "
                       "program knows those up to %s. Start the newer program.",
                       shown, name, known->name);
    }
    return ERR_NONE;
}

/* ---- one migration --------------------------------------------------------------------------- */

static enum st apply_new(PGconn *conn, const struct embedded_file *file, const char *sha256)
{
    AUTO(free_ptr)
    char *note = xasprintf("INSERT INTO schema_migration (number, name, sha256, applied_at)"
                           " VALUES (%" PRId64 ", '%s', '%s', %" PRId64 ")",
                           number_of(file), file->name, sha256, clock_wall_ms());
    enum st st = run(conn, file->data);

    return st == ST_OK ? run(conn, note) : st;
}

static enum st apply(PGconn *conn, const struct embedded_file *file, bool *is_changed)
{
    char sha256[SHA256_TEXT_SIZE];
    AUTO(free_ptr) char *there = NULL;
    AUTO(free_ptr) char *known = NULL;
    AUTO(free_ptr)
    char *ask =
        xasprintf("SELECT sha256 FROM schema_migration WHERE number = %" PRId64, number_of(file));
    enum st st = look(conn, "SELECT to_regclass('schema_migration')", &there);

    sha256_hex((struct span){file->data, file->len}, sha256);
    if (st == ST_OK) {
        st = look(conn, ask, &known);
    }
    if (st == ST_OK) {
        *is_changed = strcmp(known, sha256) != 0;
        return ST_OK;
    }
    return st == ST_NONE ? apply_new(conn, file, sha256) : st;
}

static enum errc apply_in_transaction(PGconn *conn, const char *shown,
                                      const struct embedded_file *file, struct err *e)
{
    bool is_changed = false;
    enum st st = run(conn, "BEGIN");

    if (st == ST_OK) {
        st = apply(conn, file, &is_changed);
    }
    if (st != ST_OK) {
        PQclear(PQexec(conn, "ROLLBACK")); /* keeps the reason */
        return broken(shown, st, e);
    }
    st = run(conn, "COMMIT");
    if (st != ST_OK) {
        return broken(shown, st, e);
    }
    if (is_changed) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The migration %s was changed after it had been applied to %s. "
                       "Applied migrations are never edited: use the program that wrote it.",
                       file->name, shown);
    }
    return ERR_NONE;
}

/* Only where it is missing: to make a schema takes a right that one who uses it need not have. */
static enum st make_schema(PGconn *conn)
{
    AUTO(free_ptr) char *there = NULL;
    enum st st = run(conn, "SELECT pg_advisory_lock(" PG_LOCK_MIGRATE ")");

    if (st == ST_OK) {
        st = look(conn, "SELECT to_regnamespace('" PG_SCHEMA "')", &there);
    }
    if (st == ST_NONE) {
        st = run(conn, "CREATE SCHEMA " PG_SCHEMA);
    }
    return st == ST_OK ? run(conn, "SET search_path = " PG_SCHEMA) : st;
}

enum errc pg_check(PGconn *conn, const char *shown, struct err *e)
{
    AUTO(free_ptr) char *there = NULL;
    enum errc errc = check_server(conn, shown, e);
    enum st st = ST_OK;

    if (errc != ERR_NONE) {
        return errc;
    }
    st = look(conn, "SELECT to_regclass('" PG_SCHEMA ".schema_migration')", &there);
    if (st == ST_NONE) {
        return ERR_NONE;
    }
    return st == ST_OK ? check_age(conn, shown, e) : broken(shown, st, e);
}

int pg_behind(PGconn *conn)
{
    AUTO(free_ptr) char *there = NULL;
    AUTO(free_ptr) char *applied = NULL;
    int known = 0;
    enum st st = look(conn, "SELECT to_regclass('" PG_SCHEMA ".schema_migration')", &there);

    for (const struct embedded_file *f = pg_migrations; f->name != NULL; f++) {
        known++;
    }
    if (st == ST_OK) {
        st = look(conn, "SELECT count(*) FROM " PG_SCHEMA ".schema_migration", &applied);
    }
    if (st == ST_NONE) {
        return known;
    }
    return st == ST_OK ? known - (int)strtol(applied, NULL, 10) : -1;
}

enum errc pg_migrate(PGconn *conn, const char *shown, struct err *e)
{
    enum errc errc = pg_check(conn, shown, e);
    enum st st = ST_OK;

    if (errc == ERR_NONE) {
        st = make_schema(conn);
    }
    if (st != ST_OK) {
        return broken(shown, st, e);
    }
    for (const struct embedded_file *f = pg_migrations; f->name != NULL && errc == ERR_NONE; f++) {
        errc = apply_in_transaction(conn, shown, f, e);
    }
    return errc;
}
