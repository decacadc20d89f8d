/* store.c - finds the engine by the URL; opens and closes.
 */
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

static const struct {
    const char *scheme;
    const struct sql_driver *driver;
} engines[] = {
    {"sqlite:", &store_sqlite_driver},
    {"postgresql:", &store_pg_driver},
    {"postgres:", &store_pg_driver},
};

/* ---- why ------------------------------------------------------------------------------------- */

static _Thread_local char reason[512] = "nothing went wrong";

void store_reason_set(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
}

const char *store_reason(void)
{
    return reason;
}

/* ---- the store ------------------------------------------------------------------------------- */

static const struct sql_driver *driver_of(const char *url)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (strncmp(url, engines[i].scheme, strlen(engines[i].scheme)) == 0) {
            return engines[i].driver;
        }
    }
    return NULL;
}

static enum errc no_such_engine(const char *url, struct err *e)
{
    return err_set(e, ERR_STORE_UNAVAILABLE,
                   "The database URL \"%.*s…\" names no known kind of store; \"sqlite:PATH\" and "
                   "\"postgresql://HOST/DATABASE\" do.",
                   (int)strcspn(url, ":"), url);
}

enum errc store_open(const char *url, struct store **out, struct err *e)
{
    const struct sql_driver *driver = driver_of(url);

    if (driver == NULL) {
        return no_such_engine(url, e);
    }
    return driver->open(url, out, e);
}

enum errc store_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                        struct err *e)
{
    const struct sql_driver *driver = driver_of(url);
    struct store_findings found = {.jobs = -1, .keys = -1};

    e->code = ERR_NONE;
    if (driver == NULL) {
        return no_such_engine(url, e);
    }
    if (driver->examine(url, now, limit_ms, &found, e) == ERR_NONE) {
        *out = found;
    }
    return e->code;
}

void store_close(struct store *s)
{
    if (s != NULL) {
        s->driver->close(s);
    }
}

int64_t store_size_bytes(struct store *s)
{
    return s->driver->size_bytes(s);
}

/* ---- handles --------------------------------------------------------------------------------- */

static enum st open_writer(struct store *s, enum handle_use use, struct store_writer **out)
{
    struct handle *h = NULL;
    enum st st = s->driver->handle_open(s, use, &h);

    if (st == ST_OK) {
        *out = xcalloc(1, sizeof **out);
        (*out)->h = h;
    }
    return st;
}

enum st store_writer_open(struct store *s, struct store_writer **out)
{
    return open_writer(s, HANDLE_WRITES, out);
}

enum st store_keys_writer_open(struct store *s, struct store_writer **out)
{
    return open_writer(s, HANDLE_KEYS, out);
}

void store_writer_close(struct store_writer *w)
{
    if (w != NULL) {
        store_rollback(w);
        w->h->driver->handle_close(w->h);
        free(w);
    }
}

enum st store_reader_open(struct store *s, struct store_reader **out)
{
    struct handle *h = NULL;
    enum st st = s->driver->handle_open(s, HANDLE_READS, &h);

    if (st == ST_OK) {
        *out = xcalloc(1, sizeof **out);
        (*out)->h = h;
    }
    return st;
}

void store_reader_close(struct store_reader *r)
{
    if (r != NULL) {
        r->h->driver->handle_close(r->h);
        free(r);
    }
}

enum st store_health(struct store_reader *r)
{
    return r->h->driver->health(r->h);
}

int64_t handle_changes(struct handle *h)
{
    return h->driver->changes(h);
}
