/* store_pg.c - the PostgreSQL engine: opening, handles, transactions, health.
 *
 * One gateway writes to a database: its session holds an advisory lock, and its name is in the table `writer`. Each transaction
 * begins by writing its number there, which fails once somebody else has put his name. After a connection that
 * was lost in the middle of a commit the number tells whether it was kept.
 */
#include "store/store_pg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* How long the engine waits to hear what has become of a commit. What it does without knowing would be a guess. */
#define DOUBT_MS       60000
#define DOUBT_PAUSE_US 50000

/* ---- the store ------------------------------------------------------------------------------- */

static void free_options(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

static const char *option(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, name) == 0 && options->val != NULL &&
            options->val[0] != '\0') {
            return options->val;
        }
    }
    return NULL;
}

/* libpq's own message could quote a password. */
enum errc pg_show(const char *url, char **out, struct err *e)
{
    char *message = NULL;
    AUTO(free_options) PQconninfoOption *options = PQconninfoParse(url, &message);
    const char *host = NULL;
    const char *name = NULL;

    PQfreemem(message);
    if (options == NULL) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database URL is none that libpq understands; it is written "
                       "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with what is special in a "
                       "password as %%XX.");
    }
    host = option(options, "host");
    name = option(options, "dbname");
    *out = xasprintf("postgresql://%s/%s", host != NULL ? host : "", name != NULL ? name : "");
    return ERR_NONE;
}

static void close_store(struct store *base)
{
    struct pg_store *s = container_of(base, struct pg_store, base);

    free(s->shown);
    free(s->url);
    free(s);
}

static enum errc open_store(const char *url, struct store **out, struct err *e)
{
    char *shown = NULL;
    struct pg_store *s = NULL;
    PGconn *conn = NULL;
    enum errc errc = pg_show(url, &shown, e);

    if (errc != ERR_NONE) {
        return errc;
    }
    s = xcalloc(1, sizeof *s);
    s->base.driver = &store_pg_driver;
    s->url = xstrdup(url);
    s->shown = shown;
    s->run = id_random();
    atomic_init(&s->is_writable, true);
    conn = pg_connect(url, "comfygate start");
    if (conn == NULL) {
        errc = err_set(e, ERR_STORE_UNAVAILABLE, "The database %s cannot be reached: %s.", shown,
                       store_reason());
    } else {
        errc = pg_migrate(conn, shown, e);
    }
    PQfinish(conn);
    if (errc != ERR_NONE) {
        close_store(&s->base);
        return errc;
    }
    *out = &s->base;
    return ERR_NONE;
}

static int64_t size_bytes(struct store *s)
{
    (void)s;
    return -1; /* the server's affair */
}

/* ---- handles --------------------------------------------------------------------------------- */

static void close_handle(struct handle *base)
{
    struct pg_handle *h = pg_handle_of(base);

    pg_stmts_free(h);
    PQclear(h->last);
    PQfinish(h->conn);
    free(h);
}

/* From here on no other run can write. */
static enum st put_name(struct pg_handle *h)
{
    AUTO(free_ptr)
    char *sql = xasprintf("WITH gone AS (DELETE FROM writer WHERE id <> '%s')"
                          " INSERT INTO writer (id, turn) VALUES ('%s', 0)",
                          h->store->run.text, h->store->run.text);

    return pg_ask(h, sql);
}

static enum st open_handle(struct store *base, enum handle_use use, struct handle **out)
{
    struct pg_handle *h = xcalloc(1, sizeof *h);
    enum st st = ST_OK;

    h->base.driver = &store_pg_driver;
    h->store = container_of(base, struct pg_store, base);
    h->use = use;
    st = pg_open(h);
    if (st == ST_OK && use == HANDLE_WRITES) {
        h->store->run = id_random(); /* a writer that was closed and opened again is another one */
        st = put_name(h);
    }
    if (st != ST_OK) {
        close_handle(&h->base);
        return st;
    }
    *out = &h->base;
    return ST_OK;
}

/* ---- the transaction ------------------------------------------------------------------------- */

static enum st take_turn(struct pg_handle *h)
{
    AUTO(free_ptr)
    char *sql = xasprintf("SELECT take_turn('%s', %" PRId64 ")", h->store->run.text, ++h->turn);

    return pg_send_text(h, sql);
}

static enum st begin(struct handle *base)
{
    struct pg_handle *h = pg_handle_of(base);
    enum st st = pg_is_linked(h) ? ST_OK : pg_link(h);

    if (st == ST_OK) {
        st = pg_send_text(h, "BEGIN");
    }
    if (st == ST_OK && h->use == HANDLE_WRITES) {
        st = take_turn(h);
    }
    h->spoiled = ST_OK;
    h->in_transaction = st == ST_OK;
    return st;
}

/* The number that the row has, once no session of ours is in the middle of a transaction any more. */
static enum st read_turn(struct pg_handle *h, int64_t *out)
{
    AUTO(free_ptr)
    char *sql =
        xasprintf("SELECT turn::text FROM writer WHERE id = '%s' FOR UPDATE", h->store->run.text);
    enum st st = pg_link(h);

    if (st == ST_OK) {
        st = pg_ask(h, sql);
    }
    if (st != ST_OK) {
        return st;
    }
    /* Without the row somebody else has the database: then it was not seen whether this one came before. */
    *out = PQntuples(h->last) > 0 ? strtoll(PQgetvalue(h->last, 0, 0), NULL, 10) : -1;
    return ST_OK;
}

/* The connection went while the commit was under way. */
static enum st settle_doubt(struct pg_handle *h)
{
    int64_t until = clock_mono_ms() + DOUBT_MS;
    int64_t turn = -1;
    enum st st = ST_FAIL;

    for (;;) {
        st = read_turn(h, &turn);
        if (st == ST_OK || clock_mono_ms() >= until) {
            break;
        }
        (void)usleep(DOUBT_PAUSE_US);
    }
    if (st != ST_OK || turn < 0) {
        log_error("store_commit_unknown", LOG_S("reason", store_reason()));
        _exit(EXIT_FAILURE); /* the next start reads what is there */
    }
    if (turn == h->turn) {
        return ST_OK;
    }
    store_reason_set("the connection to the database was lost before the commit");
    return ST_RETRY;
}

static enum st commit(struct handle *base)
{
    struct pg_handle *h = pg_handle_of(base);
    enum st st = h->spoiled;

    if (st != ST_OK) {
        return st;
    }
    st = pg_ask(h, "COMMIT");
    if (st != ST_OK && h->conn == NULL && h->use == HANDLE_WRITES) {
        h->in_transaction = false;
        st = settle_doubt(h);
    }
    if (st == ST_OK) {
        h->in_transaction = false;
    }
    return st;
}

/* Without a connection the server ends it by itself. */
static void rollback(struct handle *base)
{
    struct pg_handle *h = pg_handle_of(base);

    if (h->in_transaction && h->conn != NULL) {
        AUTO(free_ptr) char *reason = xstrdup(store_reason());
        enum st st = pg_sync(h); /* of what may have failed by now */

        if (h->conn != NULL) {
            st = pg_ask(h, "ROLLBACK");
        }
        if (st != ST_OK) {
            pg_drop(h);
        }
        store_reason_set("%s", reason);
    }
    h->in_transaction = false;
    h->spoiled = ST_OK;
}

static int64_t changes(struct handle *base)
{
    struct pg_handle *h = pg_handle_of(base);

    if (h->unread > 0) {
        enum st st = pg_sync(h);

        if (st != ST_OK) {
            h->spoiled = st;
            return 0;
        }
    }
    return h->last != NULL ? strtoll(PQcmdTuples(h->last), NULL, 10) : 0;
}

static int64_t all_changes(struct handle *base)
{
    return pg_handle_of(base)->all_changes;
}

/* ---- health ---------------------------------------------------------------------------------- */

static enum st health(struct handle *base)
{
    const struct pg_handle *h = pg_handle_of(base);
    AUTO(query_end) struct query q = query_begin(base, SQL_PROBE);
    enum st st = query_step(&q);

    if (st == ST_NONE) {
        store_reason_set("the database has lost its schema");
        return ST_FAIL;
    }
    if (st == ST_OK && !atomic_load(&h->store->is_writable)) {
        store_reason_set("the gateway has lost its connection for writing");
        return ST_FAIL;
    }
    return st;
}

const struct sql_driver store_pg_driver = {
    .has_other_writers = true,
    .examine = pg_examine,
    .open = open_store,
    .close = close_store,
    .size_bytes = size_bytes,
    .handle_open = open_handle,
    .handle_close = close_handle,
    .health = health,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .changes = changes,
    .all_changes = all_changes,
    .prepare = pg_prepare,
    .prepare_text = pg_prepare_text,
    .finish = pg_finish,
    .step = pg_step,
    .run = pg_run,
    .bind_str = pg_bind_str,
    .bind_bytes = pg_bind_bytes,
    .bind_int64 = pg_bind_int64,
    .is_null = pg_is_null,
    .column_span = pg_column_span,
    .column_int64 = pg_column_int64,
    .column_kind = pg_column_kind,
    .column_count = pg_column_count,
    .column_name = pg_column_name,
};
