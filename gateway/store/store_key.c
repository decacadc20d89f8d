/* store_key.c - keys of the API, and what belongs to them. A key is looked up by its hash; the row of one that was revoked
 * stays, for its name owns things.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

#define SCOPES_MAX 1024

/* ---- rows ------------------------------------------------------------------------------------ */

static enum st insert(struct handle *h, const struct api_key *k)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_KEY_INSERT);
    AUTO(buf_clear) struct buf scopes = BUF_INIT(SCOPES_MAX);

    scopes_write(&scopes, k->extra_scopes);
    put_id(&q, &k->id);
    put_str(&q, k->name);
    put_str(&q, role_word(k->role));
    put_str(&q, buf_str(&scopes));
    put_str(&q, k->sha256);
    put_int64(&q, &k->created_at);
    put_str(&q, k->created_by[0] != '\0' ? k->created_by : NULL);
    put_time(&q, &k->expires_at);
    put_time(&q, &k->revoked_at);
    put_time(&q, &k->last_used_at);
    return query_run(&q);
}

/* Into an array of `size` bytes; NULL gives "". False when it does not fit. */
static bool get_into(struct query *q, char *out, size_t size)
{
    struct span text = get_span(q);

    if (text.len >= size) {
        return false;
    }
    if (text.len > 0) {
        memcpy(out, text.ptr, text.len);
    }
    out[text.len] = '\0';
    return true;
}

/* A role that this program does not know gives nothing beside the scopes that are written out. */
static enum st get(struct query *q, struct api_key *out)
{
    struct api_key k = {.role = ROLE_NONE};
    bool fits = true;

    get_id(q, &k.id);
    fits &= get_into(q, k.name, sizeof k.name);
    if (!role_parse(get_span(q), &k.role)) {
        k.role = ROLE_NONE;
    }
    k.extra_scopes = scopes_read(get_span(q));
    fits &= get_into(q, k.sha256, sizeof k.sha256);
    get_int64(q, &k.created_at);
    fits &= get_into(q, k.created_by, sizeof k.created_by);
    get_time(q, &k.expires_at);
    get_time(q, &k.revoked_at);
    get_time(q, &k.last_used_at);
    if (q->is_bad || !fits) {
        store_reason_set("a key has no proper id, name or hash");
        return ST_FAIL;
    }
    *out = k;
    return ST_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum st store_key_insert(struct store_writer *w, const struct api_key *k)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = insert(w->h, k);
    }
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_CONFLICT;
    }
    return written(w, st);
}

enum st store_key_revoke(struct store_writer *w, struct id key, int64_t now)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_KEY_REVOKE);
    enum st st = write_allowed(w);

    put_int64(&q, &now);
    put_id(&q, &key);
    if (st == ST_OK) {
        st = query_run(&q);
    }
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_NONE;
    }
    return written(w, st);
}

enum st store_key_used(struct store_writer *w, struct id key, int64_t at)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_KEY_USED);
    enum st st = write_allowed(w);

    put_int64(&q, &at);
    put_id(&q, &key);
    return written(w, st == ST_OK ? query_run(&q) : st);
}

enum st store_keys_active(struct store_writer *w, int64_t now, int64_t *out)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_KEYS_ACTIVE);
    enum st st = ST_OK;

    put_int64(&q, &now);
    st = query_step(&q);
    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum st find(struct store_reader *r, enum sql which, const char *by, struct api_key *out)
{
    AUTO(query_end) struct query q = query_begin(r->h, which);
    enum st st = ST_OK;

    put_str(&q, by);
    st = query_step(&q);
    return st == ST_OK ? get(&q, out) : st;
}

enum st store_key_by_hash(struct store_reader *r, const char *sha256, struct api_key *out)
{
    return find(r, SQL_KEY_BY_HASH, sha256, out);
}

enum st store_key_by_name(struct store_reader *r, const char *name, struct api_key *out)
{
    return find(r, SQL_KEY_BY_NAME, name, out);
}

enum st store_key(struct store_reader *r, struct id key, struct api_key *out)
{
    return find(r, SQL_KEY_BY_ID, key.text, out);
}

enum st store_keys(struct store_reader *r, struct id after, int limit,
                   void (*visit)(void *arg, const struct api_key *k), void *arg, bool *has_more)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_KEYS);
    int one_more = limit + 1;
    int count = 0;
    enum st st = ST_OK;

    put_id(&q, &after);
    put_int(&q, &one_more);
    for (st = query_step(&q); st == ST_OK && count < limit; st = query_step(&q)) {
        struct api_key k;

        st = get(&q, &k);
        if (st != ST_OK) {
            return st;
        }
        visit(arg, &k);
        count++;
    }
    if (st != ST_OK && st != ST_NONE) {
        return st;
    }
    *has_more = st == ST_OK;
    return ST_OK;
}

enum st store_owns(struct store_reader *r, enum owned what, struct id id, const char *owner)
{
    static const enum sql BY[] = {[OWNED_JOB] = SQL_JOB_OWNED,
                                  [OWNED_OUTPUT] = SQL_OUTPUT_OWNED,
                                  [OWNED_ASSET] = SQL_ASSET_OWNED};
    AUTO(query_end) struct query q = query_begin(r->h, BY[what]);

    put_id(&q, &id);
    put_str(&q, owner);
    return query_step(&q);
}
