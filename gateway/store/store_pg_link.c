/* store_pg_link.c - the connection to the server: made, pumped with a time limit, found lost, made again.
 *
 * libpq would wait for an answer for ever. So the socket never blocks, and whoever waits does so here: what the server has not
 * answered in time counts as lost, as does a connection that breaks. The kernel is told to find out about a peer that is gone (tcp_user_timeout,
 * keepalives), the server to end what nobody waits for any more (statement_timeout and its like).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/store_pg.h"

#define LOOKS        4
#define ANSWER_MS    20000
#define TRY_FIRST_MS 100
#define TRY_LAST_MS  2000

/* For each session; one statement, so one round trip. Commits are on the disk whatever the server's file says, unless that
 * asks for more. */
static const char SETTINGS[] =
    "SELECT set_config('search_path', '" PG_SCHEMA "', false),"
    " set_config('statement_timeout', '15s', false), set_config('lock_timeout', '10s', false),"
    " set_config('idle_in_transaction_session_timeout', '60s', false),"
    " set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', "
    "false),"
    " set_config('tcp_keepalives_count', '3', false),"
    " CASE WHEN current_setting('synchronous_commit') = 'off'"
    " THEN set_config('synchronous_commit', 'on', false) END";

/* ---- failures -------------------------------------------------------------------------------- */

/* Its first line, without what libpq puts around it. */
static void reason_of(const char *message)
{
    static const char *const PREFIXES[] = {"ERROR:  ", "FATAL:  "};

    for (size_t i = 0; i < COUNT_OF(PREFIXES); i++) {
        if (strncmp(message, PREFIXES[i], strlen(PREFIXES[i])) == 0) {
            message += strlen(PREFIXES[i]);
        }
    }
    store_reason_set("%.*s", (int)strcspn(message, "\n"), message);
}

/* Conditions of PostgreSQL, Appendix A. */
static const struct {
    const char *state;
    enum st st;
} meanings[] = {
    {"53100", ST_FULL},  /* disk_full */
    {"40001", ST_RETRY}, /* serialization_failure */
    {"40P01", ST_RETRY}, /* deadlock_detected */
    {"55P03", ST_RETRY}, /* lock_not_available */
    {"57014", ST_RETRY}, /* query_canceled: it took too long */
    {"57P01", ST_RETRY}, /* admin_shutdown */
    {"57P02", ST_RETRY}, /* crash_shutdown */
    {"57P05", ST_RETRY}, /* idle_session_timeout */
    {"25P03", ST_RETRY}, /* idle_in_transaction_session_timeout */
    {"25006", ST_RETRY}, /* read_only_sql_transaction: the primary has moved */
};

enum st pg_failed(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    reason_of(message != NULL ? message : PQresultErrorMessage(result));
    for (size_t i = 0; state != NULL && i < COUNT_OF(meanings); i++) {
        if (strcmp(meanings[i].state, state) == 0) {
            return meanings[i].st;
        }
    }
    return ST_FAIL;
}

static bool is_read_only(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && strcmp(state, "25006") == 0;
}

static enum st lost(struct pg_handle *h, const char *why)
{
    if (why != NULL) {
        store_reason_set("%s", why);
    } else {
        reason_of(PQerrorMessage(h->conn));
    }
    pg_drop(h);
    return ST_RETRY;
}

void pg_drop(struct pg_handle *h)
{
    PQclear(h->last);
    h->last = NULL;
    PQfinish(h->conn);
    h->conn = NULL;
    h->unread = 0;
    if (h->use == HANDLE_WRITES) {
        atomic_store(&h->store->is_writable, false);
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void say_nothing(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* What comes before dbname holds where the URL says nothing else, what comes after it holds in any case. */
PGconn *pg_connect(const char *url, const char *name)
{
    const char *const keys[] = {"connect_timeout",  "tcp_user_timeout",
                                "keepalives_idle",  "keepalives_interval",
                                "keepalives_count", "target_session_attrs",
                                "dbname",           "client_encoding",
                                "application_name", NULL};
    const char *const values[] = {"5",          "15000", "10",   "5",  "3",
                                  "read-write", url,     "UTF8", name, NULL};
    PGconn *conn = PQconnectdbParams(keys, values, 1);

    if (PQstatus(conn) != CONNECTION_OK) {
        reason_of(PQerrorMessage(conn));
        PQfinish(conn);
        return NULL;
    }
    (void)PQsetNoticeReceiver(conn, say_nothing, NULL);
    return conn;
}

/* The kinds of handle are told apart in pg_stat_activity; a writer is found there by its run. */
static char *session_name(const struct pg_handle *h)
{
    static const char *const KINDS[] = {
        [HANDLE_READS] = "reader", [HANDLE_WRITES] = "writer", [HANDLE_KEYS] = "keys"};

    return xasprintf("comfygate %s %.13s", KINDS[h->use], h->store->run.text + ID_LEN - 13);
}

/* A session of ours that the server has not missed yet may be in the middle of a commit, and holds the lock. */
static enum st end_old_session(struct pg_handle *h, const char *name)
{
    AUTO(free_ptr)
    char *sql = xasprintf("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                          " WHERE application_name = '%s' AND datname = current_database()"
                          " AND pid <> pg_backend_pid()",
                          name);

    return pg_ask(h, sql);
}

static enum st lock_writer(struct pg_handle *h)
{
    enum st st = pg_ask(h, "SELECT pg_try_advisory_lock(" PG_LOCK_WRITER ")::int");

    if (st == ST_OK && PQgetvalue(h->last, 0, 0)[3] == 0) { /* a number of four bytes */
        store_reason_set("another gateway uses this database (%s)", h->store->shown);
        return ST_FAIL;
    }
    return st;
}

static enum st set_up(struct pg_handle *h)
{
    AUTO(free_ptr) char *name = session_name(h);
    enum st st = pg_ask(h, SETTINGS);

    if (st == ST_OK && h->use == HANDLE_WRITES) {
        if (h->connection > 1) {
            st = end_old_session(h, name);
        }
        if (st == ST_OK) {
            st = lock_writer(h);
        }
    }
    return st;
}

enum st pg_open(struct pg_handle *h)
{
    AUTO(free_ptr) char *name = session_name(h);
    enum st st = ST_OK;

    h->conn = pg_connect(h->store->url, name);
    if (h->conn == NULL) {
        return ST_FAIL;
    }
    h->connection++;
    h->failed = ST_OK;
    h->unread = 0;
    h->has_moved = false;
    if (PQsetnonblocking(h->conn, 1) != 0 || PQenterPipelineMode(h->conn) != 1) {
        st = lost(h, NULL);
    }
    if (st == ST_OK) {
        st = set_up(h);
    }
    if (st != ST_OK && h->conn != NULL) {
        pg_drop(h);
    }
    return st;
}

/* A server that ends a session says why before it closes; the end is seen behind those words. */
bool pg_is_linked(struct pg_handle *h)
{
    for (int i = 0; h->conn != NULL && i < LOOKS; i++) {
        struct pollfd p = {.fd = PQsocket(h->conn), .events = POLLIN};

        if (poll(&p, 1, 0) <= 0) {
            break;
        }
        if (PQconsumeInput(h->conn) != 1 || PQstatus(h->conn) != CONNECTION_OK) {
            pg_drop(h);
        }
    }
    return h->conn != NULL;
}

/* All handles share the pauses: what one of them finds out holds for the others. */
static void note_try(struct pg_store *s, bool is_linked)
{
    int64_t pause = 0;
    int failed = 0;

    if (is_linked) {
        atomic_store(&s->failed_tries, 0);
        atomic_store(&s->next_try_mono_ms, 0);
        return;
    }
    failed = atomic_fetch_add(&s->failed_tries, 1);
    pause = (int64_t)TRY_FIRST_MS << (failed < 5 ? failed : 5);
    pause = pause > TRY_LAST_MS ? TRY_LAST_MS : pause;
    atomic_store(&s->next_try_mono_ms, clock_mono_ms() + pause / 2 + random_below((uint32_t)pause));
}

enum st pg_link(struct pg_handle *h)
{
    enum st st = ST_OK;

    if (h->conn != NULL) {
        return ST_OK;
    }
    if (clock_mono_ms() < atomic_load(&h->store->next_try_mono_ms)) {
        store_reason_set("the database %s is not reached; it is tried again soon", h->store->shown);
        return ST_FAIL;
    }
    st = pg_open(h);
    note_try(h->store, st == ST_OK);
    if (st == ST_OK && h->use == HANDLE_WRITES) {
        atomic_store(&h->store->is_writable, true);
    }
    return st;
}

/* ---- sending --------------------------------------------------------------------------------- */

static enum st sent(struct pg_handle *h, int ok)
{
    if (ok != 1) {
        return lost(h, NULL);
    }
    h->unread++;
    return ST_OK;
}

enum st pg_send_text(struct pg_handle *h, const char *sql)
{
    return sent(h, PQsendQueryParams(h->conn, sql, 0, NULL, NULL, NULL, NULL, 1));
}

static enum st make(struct pg_handle *h, struct pg_stmt *stmt)
{
    (void)snprintf(stmt->name, sizeof stmt->name, "s%u", ++h->next_name);
    stmt->made_on = h->connection;
    stmt->made_in = h->batch;
    return sent(h, PQsendPrepare(h->conn, stmt->name, stmt->text, 0, NULL));
}

enum st pg_send(struct pg_handle *h, struct pg_stmt *stmt)
{
    enum st st = stmt->made_on == h->connection ? ST_OK : make(h, stmt);

    if (st != ST_OK) {
        return st;
    }
    return sent(h, PQsendQueryPrepared(h->conn, stmt->name, stmt->parameter_count, stmt->value,
                                       stmt->length, stmt->format, 1));
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Moves bytes both ways until something has come. False when the connection is lost, or the time is up. */
static bool pump(struct pg_handle *h, int64_t deadline_mono_ms, const char **why)
{
    int unsent = PQflush(h->conn);
    struct pollfd p = {.fd = PQsocket(h->conn),
                       .events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN)};
    int64_t left = deadline_mono_ms - clock_mono_ms();
    int ready = 0;

    if (unsent < 0) {
        return false;
    }
    if (left <= 0) {
        *why = "the database has not answered in time";
        return false;
    }
    ready = poll(&p, 1, (int)left);
    if (ready < 0) {
        return errno == EINTR;
    }
    return (p.revents & (POLLIN | POLLHUP | POLLERR)) == 0 || PQconsumeInput(h->conn) == 1;
}

/* A statement that was prepared since the last synchronisation may not be: what follows a failure is skipped. */
static void forget_new(struct pg_handle *h, struct pg_stmt *const *stmts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (stmts[i] != NULL && stmts[i]->made_in == h->batch) {
            stmts[i]->made_on = 0;
        }
    }
}

static void note_failure(struct pg_handle *h, const PGresult *result)
{
    if (h->failed == ST_OK) {
        h->failed = pg_failed(result);
    }
    h->has_moved |= is_read_only(result);
    forget_new(h, h->fixed, COUNT_OF(h->fixed));
    forget_new(h, h->list, COUNT_OF(h->list));
}

static void keep_last(struct pg_handle *h, PGresult *result)
{
    const char *changed = PQcmdTuples(result);

    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        h->all_changes += strtoll(changed, NULL, 10);
    }
    PQclear(h->last);
    h->last = result;
}

/* Takes one result; NULL ends those of a command. */
static void take(struct pg_handle *h, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        keep_last(h, result);
        return;
    }
    if (result != NULL && status == PGRES_FATAL_ERROR) {
        note_failure(h, result);
    }
    PQclear(result); /* what was skipped after a failure says nothing */
}

/* Reads until the answer to the synchronisation has come. False: lost. */
static bool read_all(struct pg_handle *h, int64_t deadline_mono_ms, const char **why)
{
    for (;;) {
        PGresult *result = NULL;

        while (PQflush(h->conn) == 1 || PQisBusy(h->conn) == 1) {
            if (!pump(h, deadline_mono_ms, why)) {
                return false;
            }
        }
        result = PQgetResult(h->conn);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return !h->has_moved;
        }
        take(h, result);
        if (PQstatus(h->conn) != CONNECTION_OK) {
            return false;
        }
    }
}

enum st pg_sync(struct pg_handle *h)
{
    const char *why = NULL;
    enum st st = ST_OK;

    if (h->conn == NULL) {
        return ST_RETRY; /* lost on the way; the reason is set */
    }
    if (PQpipelineSync(h->conn) == 1 && read_all(h, clock_mono_ms() + ANSWER_MS, &why)) {
        h->unread = 0;
        h->batch++;
        st = h->failed;
    } else if (h->failed != ST_OK) {
        /* What the server has said as it ended the session says more than the end itself. */
        st = h->failed;
        pg_drop(h);
    } else {
        st = lost(h, why);
    }
    h->failed = ST_OK;
    return st;
}

enum st pg_ask(struct pg_handle *h, const char *sql)
{
    enum st st = pg_send_text(h, sql);

    return st == ST_OK ? pg_sync(h) : st;
}
