/* store_sqlite_hold.c - what an operator has stopped.
 */
#include "base/mem.h"
#include "store/store_sqlite.h"

enum st sqlite_hold_put(struct store_writer *base, const char *backend, int64_t since)
{
    struct sqlite_writer *w = sqlite_writer_of(base);
    AUTO(query_end) struct query q = query_begin(&w->h, SQL_HOLD_PUT);
    enum st st = sqlite_write_allowed(w);

    put_str(&q, backend);
    put_int64(&q, &since);
    return sqlite_written(w, st == ST_OK ? query_run(&q) : st);
}

enum st sqlite_hold_remove(struct store_writer *base, const char *backend)
{
    struct sqlite_writer *w = sqlite_writer_of(base);
    AUTO(query_end) struct query q = query_begin(&w->h, SQL_HOLD_REMOVE);
    enum st st = sqlite_write_allowed(w);

    put_str(&q, backend);
    return sqlite_written(w, st == ST_OK ? query_run(&q) : st);
}

enum st sqlite_holds(struct store_writer *base,
                     void (*visit)(void *arg, const char *backend, int64_t since), void *arg)
{
    AUTO(query_end) struct query q = query_begin(&sqlite_writer_of(base)->h, SQL_HOLDS);
    enum st st = ST_OK;

    while ((st = query_step(&q)) == ST_OK) {
        const char *backend = get_str(&q);
        int64_t since = 0;

        get_int64(&q, &since);
        visit(arg, backend, since);
    }
    return st == ST_NONE ? ST_OK : st;
}
