/* store_move.c - see store_move.h.
 *
 * The names of the columns are asked of the first store, so that a column which is added is not forgotten here. A row's
 * hash is over the kind, the length and the bytes of each of its values; both engines give the same for what means
 * the same.
 */
#include "store/store_move.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_examine.h"
#include "store/store_sql.h"

#define PAGE_ROWS 500
#define SQL_MAX   ((size_t)32 * 1024)
#define KEYS_MAX  2
#define TRIES     3 /* of a page, when the connection goes */

/* A table comes after those that it refers to. `preference_count` is made by triggers. */
static const struct table {
    const char *name;
    const char *key[KEYS_MAX];
} tables[] = {
    {"job", {"id"}},
    {"job_graph", {"job_id"}},
    {"job_tag", {"job_id", "tag"}},
    {"job_metadata", {"job_id", "key"}},
    {"output", {"id"}},
    {"asset", {"id"}},
    {"job_file", {"job_id", "sha256"}},
    {"idempotency", {"owner", "key"}},
    {"trash", {"sha256"}},
    {"preference", {"owner", "key"}},
    {"event", {"seq"}},
    {"delivery", {"id"}},
    {"hold", {"backend"}},
    {"api_key", {"id"}},
};

/* The key of a row, as text. */
struct place {
    char *key[KEYS_MAX];
};

static void place_clear(struct place *p)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        free(p->key[i]);
        p->key[i] = NULL;
    }
}

struct move {
    struct store *from_store;
    struct store *to_store;
    struct store_writer *from;
    struct store_writer *to;
    store_move_tell *tell;
    void *arg;
    const struct table *table;
    char *columns; /* of the table, with commas between */
    int column_count;
    int64_t total; /* rows of the table */
    struct store_moved moved;
};

static size_t keys_of(const struct table *t)
{
    return t->key[1] != NULL ? 2 : 1;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* "a > ?1" or "(a, b) > (?1, ?2)". */
static void put_condition(struct buf *sql, const struct table *t, const char *compare)
{
    if (keys_of(t) == 1) {
        (void)buf_appendf(sql, " WHERE %s %s ?1", t->key[0], compare);
    } else {
        (void)buf_appendf(sql, " WHERE (%s, %s) %s (?1, ?2)", t->key[0], t->key[1], compare);
    }
}

static void put_order(struct buf *sql, const struct table *t, const char *way)
{
    (void)buf_appendf(sql, " ORDER BY %s %s", t->key[0], way);
    if (keys_of(t) == 2) {
        (void)buf_appendf(sql, ", %s %s", t->key[1], way);
    }
}

static void put_keys(struct buf *sql, const struct table *t)
{
    (void)buf_appendf(sql, keys_of(t) == 2 ? "%s, %s" : "%s", t->key[0], t->key[1]);
}

static void bind_place(struct query *q, const struct table *t, const struct place *p)
{
    for (size_t i = 0; i < keys_of(t); i++) {
        put_str(q, p->key[i]);
    }
}

/* Numbers as text, too. */
static char *text_of(struct query *q, int column)
{
    const struct sql_driver *d = q->h->driver;

    return d->column_kind(q, column) == VALUE_NUMBER
               ? xasprintf("%" PRId64, d->column_int64(q, column))
               : xstrdup(d->column_span(q, column).ptr);
}

static void get_place(struct query *q, const struct table *t, struct place *p)
{
    place_clear(p);
    for (size_t i = 0; i < keys_of(t); i++) {
        p->key[i] = text_of(q, (int)i);
    }
}

/* One number; of a table, up to a place or (NULL) all of it. */
static enum st count_rows(struct handle *h, const struct table *t, const struct place *last,
                          int64_t *out)
{
    AUTO(buf_clear) struct buf sql = BUF_INIT(SQL_MAX);
    AUTO(query_end) struct query q = {.h = NULL};
    enum st st = ST_OK;

    (void)buf_appendf(&sql, "SELECT count(*) FROM %s", t->name);
    if (last != NULL) {
        put_condition(&sql, t, "<=");
    }
    q = query_begin_list(h, buf_str(&sql));
    if (last != NULL) {
        bind_place(&q, t, last);
    }
    st = query_step(&q);
    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st;
}

/* ST_NONE when the table is empty. */
static enum st find_last(struct handle *h, const struct table *t, struct place *out)
{
    AUTO(buf_clear) struct buf sql = BUF_INIT(SQL_MAX);
    AUTO(query_end) struct query q = {.h = NULL};
    enum st st = ST_OK;

    (void)buf_append_str(&sql, "SELECT ");
    put_keys(&sql, t);
    (void)buf_appendf(&sql, " FROM %s", t->name);
    put_order(&sql, t, "DESC");
    (void)buf_append_str(&sql, " LIMIT 1");
    q = query_begin_list(h, buf_str(&sql));
    st = query_step(&q);
    if (st == ST_OK) {
        get_place(&q, t, out);
    }
    return st;
}

static enum st find_columns(struct move *m)
{
    AUTO(buf_clear) struct buf sql = BUF_INIT(SQL_MAX);
    AUTO(buf_clear) struct buf names = BUF_INIT(SQL_MAX);
    AUTO(query_end) struct query q = {.h = NULL};
    enum st st = ST_OK;

    (void)buf_appendf(&sql, "SELECT * FROM %s LIMIT 0", m->table->name);
    q = query_begin_list(m->from->h, buf_str(&sql));
    st = query_step(&q);
    if (st != ST_NONE) {
        return st == ST_OK ? ST_FAIL : st;
    }
    m->column_count = q.h->driver->column_count(&q);
    for (int i = 0; i < m->column_count; i++) {
        (void)buf_appendf(&names, "%s%s", i > 0 ? ", " : "", q.h->driver->column_name(&q, i));
    }
    free(m->columns);
    m->columns = buf_take(&names);
    return ST_OK;
}

/* A page of whole rows behind a place: their keys, then all columns. */
static struct query begin_page(const struct move *m, struct handle *h, const struct place *behind)
{
    static const int PAGE = PAGE_ROWS;
    AUTO(buf_clear) struct buf sql = BUF_INIT(SQL_MAX);
    struct query q;

    (void)buf_append_str(&sql, "SELECT ");
    put_keys(&sql, m->table);
    (void)buf_appendf(&sql, ", %s FROM %s", m->columns, m->table->name);
    if (behind->key[0] != NULL) {
        put_condition(&sql, m->table, ">");
    }
    put_order(&sql, m->table, "ASC");
    (void)buf_appendf(&sql, " LIMIT ?%zu", behind->key[0] != NULL ? keys_of(m->table) + 1 : 1);
    q = query_begin_list(h, buf_str(&sql));
    if (behind->key[0] != NULL) {
        bind_place(&q, m->table, behind);
    }
    put_int(&q, &PAGE);
    return q;
}

/* ---- copying --------------------------------------------------------------------------------- */

static char *insert_text(const struct move *m)
{
    struct buf sql = BUF_INIT(SQL_MAX);

    (void)buf_appendf(&sql, "INSERT INTO %s (%s) VALUES (", m->table->name, m->columns);
    for (int i = 0; i < m->column_count; i++) {
        (void)buf_append_str(&sql, i > 0 ? ", ?" : "?");
    }
    (void)buf_append_str(&sql, ") ON CONFLICT DO NOTHING");
    return buf_take(&sql);
}

static void put_value(struct query *out, struct query *in, int column)
{
    const struct sql_driver *d = in->h->driver;
    int64_t number = 0;

    switch (d->column_kind(in, column)) {
    case VALUE_NULL:
        put_str(out, NULL);
        return;
    case VALUE_NUMBER:
        number = d->column_int64(in, column);
        put_int64(out, &number);
        return;
    case VALUE_TEXT:
        put_span(out, d->column_span(in, column));
        return;
    case VALUE_BLOB:
        put_blob(out, d->column_span(in, column));
        return;
    }
}

static enum st copy_row(const struct move *m, const char *insert, struct query *in)
{
    AUTO(query_end) struct query out = query_begin_list(m->to->h, insert);
    int first = (int)keys_of(m->table);

    for (int i = 0; i < m->column_count; i++) {
        put_value(&out, in, first + i);
    }
    return query_run(&out);
}

/* In one transaction. *at moves to its last row; *count tells how many it had. */
static enum st copy_page(const struct move *m, struct place *at, int *count)
{
    AUTO(query_end) struct query in = begin_page(m, m->from->h, at);
    AUTO(free_ptr) char *insert = insert_text(m);
    AUTO(place_clear) struct place last = {{NULL}};
    enum st st = store_begin(m->to);
    enum st read = st;
    int found = 0;

    while (st == ST_OK && (read = query_step(&in)) == ST_OK) {
        st = copy_row(m, insert, &in);
        get_place(&in, m->table, &last);
        found++;
    }
    if (st == ST_OK && read != ST_NONE) {
        st = read;
    }
    if (st != ST_OK) {
        store_rollback(m->to);
        return st;
    }
    st = store_commit(m->to);
    if (st == ST_OK && found > 0) {
        place_clear(at);
        *at = last;
        last = (struct place){{NULL}};
    }
    *count = found;
    return st;
}

static enum st copy_page_surely(const struct move *m, struct place *at, int *count)
{
    enum st st = ST_RETRY;

    for (int i = 0; i < TRIES && st == ST_RETRY; i++) {
        st = copy_page(m, at, count);
    }
    return st;
}

static enum st told(const struct move *m, bool is_compared, int64_t done)
{
    if (!m->tell(m->arg, m->table->name, is_compared, done, m->total)) {
        store_reason_set("it was broken off; begun again, it goes on from here");
        return ST_FAIL;
    }
    return ST_OK;
}

static enum st copy_table(struct move *m)
{
    AUTO(place_clear) struct place at = {{NULL}};
    enum st st = find_last(m->to->h, m->table, &at);
    int64_t done = 0;
    int count = PAGE_ROWS;

    if (st == ST_OK) {
        st = count_rows(m->to->h, m->table, NULL, &done);
    }
    st = st == ST_NONE ? ST_OK : st;
    while (st == ST_OK && count == PAGE_ROWS) {
        st = told(m, false, done);
        if (st == ST_OK) {
            st = copy_page_surely(m, &at, &count);
        }
        done += st == ST_OK ? count : 0;
        m->moved.new_rows += st == ST_OK ? count : 0;
    }
    return st;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void hash_value(struct sha256 *hash, struct query *q, int column)
{
    const struct sql_driver *d = q->h->driver;
    enum value_kind kind = d->column_kind(q, column);
    AUTO(free_ptr)
    char *number = kind == VALUE_NUMBER ? xasprintf("%" PRId64, d->column_int64(q, column)) : NULL;
    struct span bytes = number != NULL       ? span_of(number)
                        : kind == VALUE_NULL ? SPAN_LIT("")
                                             : d->column_span(q, column);
    char head[32];
    int len = snprintf(head, sizeof head, "%d %zu ", (int)kind, bytes.len);

    sha256_update(hash, head, (size_t)len);
    sha256_update(hash, bytes.ptr, bytes.len);
}

static enum st hash_page(const struct move *m, struct handle *h, struct place *at,
                         struct sha256 *hash, int *count)
{
    AUTO(query_end) struct query q = begin_page(m, h, at);
    int first = (int)keys_of(m->table);
    enum st st = ST_OK;

    *count = 0;
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        for (int i = 0; i < m->column_count; i++) {
            hash_value(hash, &q, first + i);
        }
        get_place(&q, m->table, at);
        ++*count;
    }
    return st == ST_NONE ? ST_OK : st;
}

/* Of all its rows, in the order of their keys. */
static enum st hash_table(const struct move *m, struct handle *h, char out[SHA256_TEXT_SIZE],
                          int64_t *rows)
{
    AUTO(place_clear) struct place at = {{NULL}};
    struct sha256 hash;
    int count = PAGE_ROWS;
    enum st st = ST_OK;

    sha256_init(&hash);
    *rows = 0;
    while (st == ST_OK && count == PAGE_ROWS) {
        st = hash_page(m, h, &at, &hash, &count);
        *rows += count;
        if (st == ST_OK) {
            st = told(m, true, *rows);
        }
    }
    sha256_final_hex(&hash, out);
    return st;
}

static enum st compare_table(struct move *m)
{
    char from[SHA256_TEXT_SIZE];
    char to[SHA256_TEXT_SIZE];
    int64_t from_rows = 0;
    int64_t to_rows = 0;
    enum st st = hash_table(m, m->from->h, from, &from_rows);

    if (st == ST_OK) {
        st = hash_table(m, m->to->h, to, &to_rows);
    }
    if (st == ST_OK && (from_rows != to_rows || strcmp(from, to) != 0)) {
        store_reason_set("the table %s is not the same in both: %" PRId64 " and %" PRId64 " rows",
                         m->table->name, from_rows, to_rows);
        return ST_FAIL;
    }
    m->moved.rows += to_rows;
    if (strcmp(m->table->name, "job") == 0) {
        m->moved.jobs = to_rows;
    } else if (strcmp(m->table->name, "output") == 0) {
        m->moved.outputs = to_rows;
    }
    return st;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What is there can only be the beginning of what is to come. */
static enum st check_beginning(struct move *m)
{
    AUTO(place_clear) struct place last = {{NULL}};
    int64_t there = 0;
    int64_t expected = 0;
    enum st st = find_last(m->to->h, m->table, &last);

    if (st != ST_OK) {
        return st == ST_NONE ? ST_OK : st;
    }
    st = count_rows(m->to->h, m->table, NULL, &there);
    if (st == ST_OK) {
        st = count_rows(m->from->h, m->table, &last, &expected);
    }
    if (st == ST_OK && there != expected) {
        store_reason_set("it holds something else already (table %s); give one that is empty",
                         m->table->name);
        return ST_FAIL;
    }
    return st;
}

static enum st for_each_table(struct move *m, enum st (*act)(struct move *m))
{
    enum st st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(tables) && st == ST_OK; i++) {
        m->table = &tables[i];
        st = find_columns(m);
        if (st == ST_OK) {
            st = count_rows(m->from->h, m->table, NULL, &m->total);
        }
        if (st == ST_OK) {
            st = act(m);
        }
    }
    return st;
}

static enum errc refuse(enum st st, const char *what, struct err *e)
{
    if (st == ST_OK) {
        return ERR_NONE;
    }
    return err_set(e, st == ST_FULL ? ERR_INSUFFICIENT_STORAGE : ERR_STORE_UNAVAILABLE, "%s: %s.",
                   what, store_reason());
}

/* To open it would make it. */
static enum errc check_source(const char *url, struct err *e)
{
    struct store_findings found = {.is_there = false};
    enum errc errc = store_examine(url, clock_wall_ms(), 0, &found, e);

    if (errc == ERR_NONE && !found.is_there) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "There is no store in the first database.");
    }
    return errc;
}

static enum errc open_both(struct move *m, const char *from_url, const char *to_url, struct err *e)
{
    enum errc errc = ERR_NONE;

    if (strcmp(from_url, to_url) == 0) {
        return err_set(e, ERR_INVALID_PARAMETER, "Both databases are the same.");
    }
    errc = check_source(from_url, e);
    if (errc == ERR_NONE) {
        errc = store_open(from_url, &m->from_store, e);
    }
    if (errc == ERR_NONE) {
        errc = store_open(to_url, &m->to_store, e);
    }
    if (errc == ERR_NONE) {
        errc = refuse(store_writer_open(m->from_store, &m->from),
                      "The first database cannot be used", e);
    }
    if (errc == ERR_NONE) {
        errc =
            refuse(store_writer_open(m->to_store, &m->to), "The second database cannot be used", e);
    }
    return errc;
}

static void close_both(struct move *m)
{
    free(m->columns);
    store_writer_close(m->to);
    store_writer_close(m->from);
    store_close(m->to_store);
    store_close(m->from_store);
}

enum errc store_move(const char *from_url, const char *to_url, store_move_tell *tell, void *arg,
                     struct store_moved *out, struct err *e)
{
    AUTO(close_both) struct move m = {.tell = tell, .arg = arg};
    enum errc errc = open_both(&m, from_url, to_url, e);

    if (errc == ERR_NONE) {
        bug_if(m.from == NULL || m.to == NULL);
        errc =
            refuse(for_each_table(&m, check_beginning), "The second database cannot be filled", e);
    }
    if (errc == ERR_NONE) {
        errc = refuse(for_each_table(&m, copy_table), "The databases could not be copied", e);
    }
    if (errc == ERR_NONE) {
        errc = refuse(for_each_table(&m, compare_table), "The databases could not be compared", e);
    }
    if (errc == ERR_NONE) {
        *out = m.moved;
    }
    return errc;
}
