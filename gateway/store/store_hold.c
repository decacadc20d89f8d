/* store_hold.c - what an operator has stopped.
 */
#include "base/mem.h"
#include "store/store_sql.h"

enum st store_hold_put(struct store_writer *w, const char *backend, int64_t since)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_HOLD_PUT);
    enum st st = write_allowed(w);

    put_str(&q, backend);
    put_int64(&q, &since);
    return written(w, st == ST_OK ? query_run(&q) : st);
}

enum st store_hold_remove(struct store_writer *w, const char *backend)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_HOLD_REMOVE);
    enum st st = write_allowed(w);

    put_str(&q, backend);
    return written(w, st == ST_OK ? query_run(&q) : st);
}

enum st store_holds(struct store_writer *w,
                    void (*visit)(void *arg, const char *backend, int64_t since), void *arg)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_HOLDS);
    enum st st = ST_OK;

    while ((st = query_step(&q)) == ST_OK) {
        const char *backend = get_str(&q);
        int64_t since = 0;

        get_int64(&q, &since);
        visit(arg, backend, since);
    }
    return st == ST_NONE ? ST_OK : st;
}
