/* store_preference.c - what clients keep for their users.
 */
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

static const char *owner_text(const char *owner)
{
    return owner != NULL ? owner : "";
}

static enum st count(struct handle *h, const char *owner, int64_t *out)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_PREFERENCE_COUNT);
    enum st st = ST_OK;

    put_str(&q, owner_text(owner));
    st = query_step(&q);
    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st == ST_NONE ? ST_OK : st; /* who has none yet has no row */
}

static enum st update(struct handle *h, const struct preference *p)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_PREFERENCE_UPDATE);
    enum st st = ST_OK;

    put_span(&q, p->value);
    put_int64(&q, &p->updated_at);
    put_str(&q, owner_text(p->owner));
    put_str(&q, p->key);
    st = query_run(&q);
    return st == ST_OK && handle_changes(h) == 0 ? ST_NONE : st;
}

static enum st insert(struct handle *h, const struct preference *p)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_PREFERENCE_INSERT);

    put_str(&q, owner_text(p->owner));
    put_str(&q, p->key);
    put_span(&q, p->value);
    put_int64(&q, &p->updated_at);
    return query_run(&q);
}

enum st store_preference_put(struct store_writer *w, const struct preference *p, int64_t max,
                             bool *is_new)
{
    enum st st = write_allowed(w);
    bool is_inserted = false;
    int64_t known = 0;

    if (st == ST_OK) {
        st = update(w->h, p);
    }
    if (st == ST_NONE) {
        is_inserted = true;
        st = count(w->h, p->owner, &known);
        if (st == ST_OK) {
            st = known >= max ? ST_CONFLICT : insert(w->h, p);
        }
    }
    if (st == ST_OK) {
        *is_new = is_inserted;
    }
    return written(w, st);
}

enum st store_preference_delete(struct store_writer *w, const char *owner, const char *key)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_PREFERENCE_DELETE);
    enum st st = write_allowed(w);

    put_str(&q, owner_text(owner));
    put_str(&q, key);
    if (st == ST_OK) {
        st = query_run(&q);
    }
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_NONE;
    }
    return written(w, st);
}

static enum st find(struct handle *h, const char *owner, const char *key, struct buf *out)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_PREFERENCE_BY_KEY);
    enum st st = ST_OK;

    put_str(&q, owner_text(owner));
    put_str(&q, key);
    st = query_step(&q);
    if (st == ST_OK) {
        (void)buf_append_span(out, get_span(&q));
    }
    return st;
}

enum st store_writer_preference(struct store_writer *w, const char *owner, const char *key,
                                struct buf *out)
{
    return find(w->h, owner, key, out);
}

enum st store_preference(struct store_reader *r, const char *owner, const char *key,
                         struct buf *out)
{
    return find(r->h, owner, key, out);
}

/* Keys that begin with prefix are those from prefix on and below the next text of its length: keys are ASCII, so "\x7f" is above all of theirs. */
enum st store_preferences(struct store_reader *r, const struct preference_filter *f,
                          void (*visit)(void *arg, const struct preference *p), void *arg,
                          bool *has_more)
{
    struct handle *h = r->h;
    AUTO(query_end) struct query q = query_begin(h, SQL_PREFERENCES);
    AUTO(free_ptr) char *end = xasprintf("%s\x7f", f->prefix);
    int limit = f->limit + 1;
    int given = 0;
    bool more = false;
    enum st st = ST_OK;

    put_str(&q, owner_text(f->owner));
    put_str(&q, f->prefix);
    put_str(&q, end);
    put_str(&q, f->after);
    put_int(&q, &limit);
    while ((st = query_step(&q)) == ST_OK) {
        struct preference p = {.owner = f->owner};

        if (given == f->limit) {
            more = true;
            break;
        }
        p.key = get_str(&q);
        p.value = get_span(&q);
        get_int64(&q, &p.updated_at);
        visit(arg, &p);
        given++;
    }
    if (st == ST_OK || st == ST_NONE) {
        *has_more = more;
        return ST_OK;
    }
    return st;
}
