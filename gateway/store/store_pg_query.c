/* store_pg_query.c - statements: made once per connection, bound, sent, their rows read.
 *
 * Numbers go out as text, because the type of a parameter is the server's to find out; all comes back in binary form, which is that of the bytes for
 * texts and blobs and big-endian for numbers (PostgreSQL, "Formats and Format Codes").
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_pg.h"

static const char *const sql_text[SQL_COUNT] = {
#define SQL(name, text)            [SQL_##name] = (text),
#define SQL_EACH(name, sqlite, pg) [SQL_##name] = (pg),
#include "store/store_sql.def"
};

struct pg_handle *pg_handle_of(struct handle *base)
{
    return container_of(base, struct pg_handle, base);
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct pg_stmt *stmt_new(const char *sql)
{
    struct pg_stmt *stmt = xcalloc(1, sizeof *stmt);
    size_t count = 0;

    stmt->text = pg_text(sql, &stmt->parameter_count);
    count = (size_t)stmt->parameter_count + 1; /* never none */
    stmt->value = xcalloc(count, sizeof *stmt->value);
    stmt->length = xcalloc(count, sizeof *stmt->length);
    stmt->format = xcalloc(count, sizeof *stmt->format);
    stmt->number = xcalloc(count, sizeof *stmt->number);
    return stmt;
}

static void stmt_free(struct pg_stmt *stmt)
{
    if (stmt == NULL) {
        return;
    }
    PQclear(stmt->result);
    free(stmt->number);
    free(stmt->format);
    free(stmt->length);
    free((void *)stmt->value);
    free(stmt->text);
    free(stmt->source);
    free(stmt);
}

void pg_stmts_free(struct pg_handle *h)
{
    for (size_t i = 0; i < COUNT_OF(h->fixed); i++) {
        stmt_free(h->fixed[i]);
    }
    for (size_t i = 0; i < COUNT_OF(h->list); i++) {
        stmt_free(h->list[i]);
    }
}

static void begin(struct query *q, struct pg_stmt *stmt)
{
    bug_if(stmt->result != NULL); /* a visitor of this very statement has asked for it again */
    for (int i = 0; i < stmt->parameter_count; i++) {
        stmt->value[i] = NULL;
    }
    q->stmt = stmt;
}

void pg_prepare(struct query *q, enum sql which)
{
    struct pg_handle *h = pg_handle_of(q->h);

    if (h->fixed[which] == NULL) {
        h->fixed[which] = stmt_new(sql_text[which]);
    }
    begin(q, h->fixed[which]);
}

/* One whose place another takes stays on the server until the connection ends: there are few. */
void pg_prepare_text(struct query *q, const char *sql)
{
    struct pg_handle *h = pg_handle_of(q->h);
    struct pg_stmt **slot = NULL;

    for (size_t i = 0; i < PG_LIST_CACHE; i++) {
        if (h->list[i] != NULL && strcmp(h->list[i]->source, sql) == 0) {
            begin(q, h->list[i]);
            return;
        }
    }
    slot = &h->list[h->next_list];
    h->next_list = (h->next_list + 1) % PG_LIST_CACHE;
    stmt_free(*slot);
    *slot = stmt_new(sql);
    (*slot)->source = xstrdup(sql);
    begin(q, *slot);
}

void pg_finish(struct query *q)
{
    struct pg_stmt *stmt = q->stmt;

    PQclear(stmt->result);
    stmt->result = NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static enum st ask(struct pg_handle *h, struct pg_stmt *stmt)
{
    enum st st = pg_link(h);

    if (st == ST_OK) {
        st = pg_send(h, stmt);
    }
    return st == ST_OK ? pg_sync(h) : st;
}

/* Outside a transaction nothing is lost with a connection: the same is asked again on the next. */
static enum st ask_alone(struct pg_handle *h, struct pg_stmt *stmt)
{
    bool was_linked = pg_is_linked(h);
    enum st st = ask(h, stmt);

    return st != ST_OK && was_linked && h->conn == NULL ? ask(h, stmt) : st;
}

static enum st spoil(struct pg_handle *h, enum st st)
{
    if (st != ST_OK && h->spoiled == ST_OK) {
        h->spoiled = st;
    }
    return st;
}

static enum st ask_inside(struct pg_handle *h, struct pg_stmt *stmt)
{
    enum st st = h->spoiled;

    if (st == ST_OK) {
        st = pg_send(h, stmt);
    }
    if (st == ST_OK) {
        st = pg_sync(h);
    }
    return spoil(h, st);
}

enum st pg_step(struct query *q)
{
    struct pg_handle *h = pg_handle_of(q->h);
    struct pg_stmt *stmt = q->stmt;
    enum st st = ST_OK;

    if (stmt->result != NULL) {
        return ++stmt->row < PQntuples(stmt->result) ? ST_OK : ST_NONE;
    }
    st = h->in_transaction ? ask_inside(h, stmt) : ask_alone(h, stmt);
    if (st != ST_OK) {
        return st;
    }
    stmt->result = h->last;
    h->last = NULL;
    stmt->row = 0;
    return PQntuples(stmt->result) > 0 ? ST_OK : ST_NONE;
}

enum st pg_run(struct query *q)
{
    struct pg_handle *h = pg_handle_of(q->h);
    enum st st = ST_OK;

    if (h->in_transaction) {
        st = h->spoiled;
        return st == ST_OK ? spoil(h, pg_send(h, q->stmt)) : st;
    }
    return ask_alone(h, q->stmt);
}

/* ---- values in ------------------------------------------------------------------------------- */

static void bind(struct query *q, int index, struct span value, bool is_binary)
{
    struct pg_stmt *stmt = q->stmt;

    bug_if(index < 1 || index > stmt->parameter_count);
    stmt->value[index - 1] = value.ptr;
    stmt->length[index - 1] = (int)value.len;
    stmt->format[index - 1] = is_binary ? 1 : 0;
}

void pg_bind_str(struct query *q, int index, const char *text)
{
    bind(q, index, (struct span){text, 0}, false); /* libpq looks for its end */
}

void pg_bind_bytes(struct query *q, int index, struct span bytes, bool is_blob)
{
    (void)is_blob; /* their binary forms are the same */
    bind(q, index, bytes.len > 0 ? bytes : (struct span){"", 0}, true);
}

void pg_bind_int64(struct query *q, int index, int64_t number)
{
    struct pg_stmt *stmt = q->stmt;

    bug_if(index < 1 || index > stmt->parameter_count);
    (void)snprintf(stmt->number[index - 1], sizeof *stmt->number, "%" PRId64, number);
    bind(q, index, span_of(stmt->number[index - 1]), false);
}

/* ---- values out ------------------------------------------------------------------------------ */

bool pg_is_null(struct query *q, int column)
{
    const struct pg_stmt *stmt = q->stmt;

    return PQgetisnull(stmt->result, stmt->row, column) == 1;
}

/* libpq ends every value with a NUL. */
struct span pg_column_span(struct query *q, int column)
{
    const struct pg_stmt *stmt = q->stmt;

    return (struct span){PQgetvalue(stmt->result, stmt->row, column),
                         (size_t)PQgetlength(stmt->result, stmt->row, column)};
}

int64_t pg_column_int64(struct query *q, int column)
{
    struct span bytes = pg_column_span(q, column);
    uint64_t number = 0;

    bug_if(bytes.len > sizeof number);
    if (bytes.len == 0) {
        return 0;
    }
    number = (bytes.ptr[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++) {
        number = number << 8 | (unsigned char)bytes.ptr[i];
    }
    return (int64_t)number;
}

/* The numbers are those of pg_type, which never change. */
enum value_kind pg_column_kind(struct query *q, int column)
{
    enum { BYTEA = 17, INT8 = 20, INT2 = 21, INT4 = 23 };
    const struct pg_stmt *stmt = q->stmt;

    if (pg_is_null(q, column)) {
        return VALUE_NULL;
    }
    switch (PQftype(stmt->result, column)) {
    case BYTEA:
        return VALUE_BLOB;
    case INT8:
    case INT4:
    case INT2:
        return VALUE_NUMBER;
    default:
        return VALUE_TEXT;
    }
}

int pg_column_count(struct query *q)
{
    const struct pg_stmt *stmt = q->stmt;

    return PQnfields(stmt->result);
}

const char *pg_column_name(struct query *q, int column)
{
    const struct pg_stmt *stmt = q->stmt;

    return PQfname(stmt->result, column);
}
