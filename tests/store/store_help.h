/* store_help.h - what the tests of the store share: a store to test, jobs to put in it.
 *
 * TEST_STORE_URL names a database on a PostgreSQL server, of which each test drops all that comfygate has there; without it
 * each test gets an SQLite file in a folder of its own.
 */
#ifndef CG_TESTS_STORE_HELP_H
#define CG_TESTS_STORE_HELP_H

#include "sandbox.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store.h"

struct fixture {
    char dir[SANDBOX_SIZE];
    char url[256];
    struct store *store;
    struct store_writer *w;
    struct store_reader *r;
};

static inline void assert_st_at(enum st expected, enum st st, const char *call, const char *file,
                                int line)
{
    if (st != expected) {
        print_error("%s gave %d: %s\n", call, (int)st, store_reason());
        _fail(file, line);
    }
}

/* assert_st(ST_OK, store_…): says why when it is something else. */
#define assert_st(expected, call) assert_st_at((expected), (call), #call, __FILE__, __LINE__)

/* NULL is like NULL only. */
static inline void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL && b != NULL) {
        assert_string_equal(a, b);
    }
}

static inline void fixture_open(struct fixture *f)
{
    struct err e = ERR_INIT;

    if (store_open(f->url, &f->store, &e) != ERR_NONE) {
        fail_msg("%s", e.detail);
    }
    assert_st(ST_OK, store_writer_open(f->store, &f->w));
    assert_st(ST_OK, store_reader_open(f->store, &f->r));
}

static inline void fixture_close(struct fixture *f)
{
    store_reader_close(take_ptr(&f->r));
    store_writer_close(take_ptr(&f->w));
    store_close(take_ptr(&f->store));
}

struct id_list {
    struct id *item;
    size_t count;
};

static inline void id_list_clear(struct id_list *l)
{
    free(l->item);
    *l = (struct id_list){0};
}

static inline void id_list_add(struct id_list *l, struct id id)
{
    l->item = xrealloc(l->item, (l->count + 1) * sizeof *l->item);
    l->item[l->count++] = id;
}

static inline void note_row(void *arg, const struct job_row *row)
{
    id_list_add(arg, row->id);
}

static inline void note_trash(void *arg, const char *sha256)
{
    struct fixture *f = arg;

    assert_st(ST_OK, store_trash_done(f->w, sha256));
}

static inline void remove_any_asset(void *arg, struct id asset)
{
    struct fixture *f = arg;

    assert_st(ST_OK, store_asset_delete(f->w, asset, NULL));
}

/* Through the interface of the store. */
static inline void fixture_empty(struct fixture *f)
{
    struct job_filter all = {.limit = 1000};
    bool has_more = true;

    while (has_more) {
        AUTO(id_list_clear) struct id_list found = {0};

        assert_st(ST_OK, store_jobs(f->r, &all, note_row, &found, &has_more));
        assert_st(ST_OK, store_begin(f->w));
        for (size_t i = 0; i < found.count; i++) {
            assert_st(ST_OK, store_job_delete(f->w, found.item[i]));
        }
        assert_st(ST_OK, store_idempotency_purge(f->w, INT64_MAX, 1000000));
        assert_st(ST_OK, store_commit(f->w));
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_assets_expire(f->w, INT64_MAX, 1000000, remove_any_asset, f));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_trash(f->w, 1000000, note_trash, f));
    assert_st(ST_OK, store_commit(f->w));
}

/* For a server that other tests have used before. */
static inline void server_empty(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    PGresult *result =
        PQexec(conn, "SET client_min_messages = error; DROP SCHEMA IF EXISTS comfygate CASCADE");

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    const char *url = getenv("TEST_STORE_URL"); /* NOLINT(concurrency-mt-unsafe): one thread */

    sandbox_make(f->dir);
    if (url != NULL) {
        (void)snprintf(f->url, sizeof f->url, "%s", url);
        server_empty(url);
    } else {
        (void)snprintf(f->url, sizeof f->url, "sqlite:%s/jobs.db", f->dir);
    }
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    sandbox_remove(f->dir);
    free(f);
    return 0;
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A waiting job as a submission makes it. */
static inline struct job_row new_job(void)
{
    struct job_row row;

    job_row_init(&row);
    row.id = id_new();
    row.created_at = clock_wall_ms();
    row.max_attempts = 3;
    row.nodes_total = 9;
    return row;
}

static inline enum st insert_plain(struct store_writer *w, const struct job_row *row)
{
    return store_job_insert(
        w, &(struct arrival){.row = row, .graph = SPAN_LIT("{\"1\":{}}"), .idem = NULL}, NULL,
        NULL);
}

/* Inserts in a transaction of its own. */
static inline void add_job(struct fixture *f, const struct job_row *row)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_plain(f->w, row));
    assert_st(ST_OK, store_commit(f->w));
}

static inline struct id add_new_job(struct fixture *f)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    add_job(f, &row);
    return row.id;
}

/* A picture whose hash is 64 times `letter`. */
static inline struct job_output new_output(struct id job, int index, char letter)
{
    struct job_output output = {
        .id = id_new(),
        .job_id = job,
        .index = index,
        .node_id = xstrdup("9"),
        .name = xstrdup("a_00001_.png"),
        .type = OUTPUT_IMAGE,
        .content_type = xstrdup("image/png"),
        .size_bytes = 12345678901,
        .width = 640,
        .height = 480,
        .is_primary = index == 0,
        .created_at = 1700000000123,
    };

    memset(output.sha256, letter, 64);
    return output;
}

static inline void add_output(struct fixture *f, struct id job, int index, char letter)
{
    AUTO(job_output_clear) struct job_output output = new_output(job, index, letter);

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_output_insert(f->w, &output));
    assert_st(ST_OK, store_commit(f->w));
}

#endif
