/* store_pg_examine.c - see store_examine.h. Whether its contents are sound is the server's affair.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_pg.h"

static int64_t number(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    int64_t found = -1;

    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        found = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    return found;
}

static void count(PGconn *conn, int64_t now, struct store_findings *out)
{
    AUTO(free_ptr)
    char *keys = xasprintf("SELECT count(*) FROM " PG_SCHEMA ".api_key WHERE revoked_at IS NULL"
                           " AND coalesce(expires_at > %" PRId64 ", TRUE)",
                           now);

    out->behind = pg_behind(conn);
    out->jobs = number(conn, "SELECT count(*) FROM " PG_SCHEMA ".job");
    out->keys = number(conn, keys);
    out->is_there = out->jobs >= 0;
}

enum errc pg_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                     struct err *e)
{
    AUTO(free_ptr) char *shown = NULL;
    AUTO(free_ptr) char *limit = xasprintf("SET statement_timeout = %" PRId64, limit_ms);
    PGconn *conn = NULL;

    out->is_served = true;
    if (pg_show(url, &shown, e) != ERR_NONE) {
        return e->code;
    }
    conn = pg_connect(url, "comfygate doctor");
    if (conn == NULL) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "The database %s cannot be reached: %s.", shown,
                       store_reason());
    }
    PQclear(PQexec(conn, limit));
    if (pg_check(conn, shown, e) == ERR_NONE) {
        count(conn, now, out);
    }
    PQfinish(conn);
    return e->code;
}
