/* test_store_sqlite.c - what only the SQLite store has: its file, its migrations, its plans.
 */
#include "store_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/embed.h"
#include "base/hash.h"
#include "store/store_sqlite.h"

extern const struct embedded_file sqlite_migrations[];

/* These tests look into the file: always one of their own. */
static int setup(void **state)
{
    (void)unsetenv("TEST_STORE_URL"); /* NOLINT(concurrency-mt-unsafe): one thread */
    return fixture_setup(state);
}

#define sqlite_test(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static const char *path_of(const struct fixture *f)
{
    return f->url + strlen("sqlite:");
}

/* Runs SQL on the file behind the store's back. */
static void tamper(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    (void)sqlite3_close(db);
}

/* The first column of the first row, as text. */
static void look(const char *path, const char *sql, char out[256])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    const char *text = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    text = (const char *)sqlite3_column_text(stmt, 0);
    (void)snprintf(out, 256, "%s", text != NULL ? text : "NULL");
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

static void assert_refused(const struct fixture *f, const char *first, const char *second)
{
    struct store *store = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(store_open(f->url, &store, &e), ERR_STORE_UNAVAILABLE);
    assert_null(store);
    if (strstr(e.detail, first) == NULL || strstr(e.detail, second) == NULL) {
        fail_msg("the reason does not name \"%s\" and \"%s\": %s", first, second, e.detail);
    }
}

/* ---- the file ------------------------------------------------------------------------------------ */

static void assert_mode(const char *dir, const char *name, unsigned mode)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", dir, name);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, mode);
}

static void test_file(void **state)
{
    struct fixture *f = *state;
    char value[256];

    (void)add_new_job(f);
    assert_mode(f->dir, "jobs.db", 0600);
    assert_mode(f->dir, "jobs.db-wal", 0600);
    assert_mode(f->dir, "jobs.db-shm", 0600);
    assert_mode(f->dir, "jobs.db-lock", 0600);
    look(path_of(f), "PRAGMA journal_mode", value);
    assert_string_equal(value, "wal");
    look(path_of(f),
         "SELECT group_concat(name, ' ') FROM pragma_table_list"
         " WHERE schema = 'main' AND name NOT LIKE 'sqlite%' AND NOT strict",
         value);
    assert_string_equal(value, "NULL"); /* all are STRICT */
}

static void assert_setting(const struct sqlite_handle *h, const char *name, int expected)
{
    AUTO(free_ptr) char *sql = xasprintf("PRAGMA %s", name);
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    if (sqlite3_column_int(stmt, 0) != expected) {
        fail_msg("%s is %d", name, sqlite3_column_int(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
}

/* What a commit and a strange file can do hangs on these; no other test would miss them. */
static void test_settings(void **state)
{
    struct fixture *f = *state;
    const struct sqlite_handle *handles[] = {
        sqlite_handle_of(f->w->h),
        sqlite_handle_of(f->r->h),
    };

    for (size_t i = 0; i < COUNT_OF(handles); i++) {
        assert_setting(handles[i], "synchronous", 2);
        assert_setting(handles[i], "foreign_keys", 1);
        assert_setting(handles[i], "trusted_schema", 0);
        assert_setting(handles[i], "mmap_size", 0);
        assert_setting(handles[i], "busy_timeout", 2000);
    }
}

static void test_folders_are_made(void **state)
{
    struct fixture *f = *state;
    AUTO(free_ptr) char *url = xasprintf("sqlite:%s/a/b/jobs.db", f->dir);
    AUTO(free_ptr) char *blocked = xasprintf("sqlite:%s/jobs.db/b/jobs.db", f->dir);
    struct store *store = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(store_open(url, &store, &e), ERR_NONE);
    store_close(store);
    assert_mode(f->dir, "a", 0700);
    assert_int_equal(store_open(blocked, &store, &e), ERR_STORE_UNAVAILABLE);
    assert_non_null(strstr(e.detail, f->dir));
}

static void test_one_writer(void **state)
{
    struct fixture *f = *state;
    struct store *other = NULL;
    struct store_writer *w = NULL;
    struct store_reader *r = NULL;

    assert_st(ST_FAIL, store_writer_open(f->store, &w));
    assert_non_null(strstr(store_reason(), "another gateway"));
    /* The same from another opening of the file; reading is free. */
    assert_int_equal(store_open(f->url, &other, NULL), ERR_NONE);
    assert_st(ST_FAIL, store_writer_open(other, &w));
    assert_st(ST_OK, store_reader_open(other, &r));
    store_reader_close(r);
    store_writer_close(take_ptr(&f->w));
    assert_st(ST_OK, store_writer_open(other, &w));
    store_writer_close(w);
    store_close(other);
    assert_st(ST_OK, store_writer_open(f->store, &f->w));
    (void)add_new_job(f);
}

static void test_readers_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct sqlite_handle *r = sqlite_handle_of(f->r->h);

    assert_int_equal(sqlite3_db_readonly(r->db, "main"), 1);
    assert_st(ST_FAIL, sqlite_exec(r, "DELETE FROM job"));
}

static void test_somebody_elses_lock(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path_of(f), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_st(ST_RETRY, store_begin(f->w));
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    (void)add_new_job(f);
}

static void test_words_nobody_knows(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(job_row_clear) struct job_row read = {0};

    job_error_set(&row.error, JOB_ERR_TIMEOUT, "m", NULL, NULL, NULL);
    add_job(f, &row);
    tamper(path_of(f), "UPDATE job SET error_code = 'of_a_newer_program'");
    assert_st(ST_OK, store_job(f->r, row.id, &read));
    assert_int_equal(read.error.code, JOB_ERR_INTERNAL_ERROR);
    tamper(path_of(f), "PRAGMA ignore_check_constraints = 1; UPDATE job SET status = 'lost'");
    job_row_clear(&read);
    assert_st(ST_FAIL, store_job(f->r, row.id, &read));
    assert_non_null(strstr(store_reason(), row.id.text));
    assert_null(read.tags_json);
}

/* ---- migrations ---------------------------------------------------------------------------------- */

static void test_migrations_are_noted(void **state)
{
    struct fixture *f = *state;
    char value[256];
    long number = 0;

    for (const struct embedded_file *m = sqlite_migrations; m->name != NULL; m++) {
        char sha256[65];
        AUTO(free_ptr)
        char *sql =
            xasprintf("SELECT name || ' ' || sha256 FROM schema_migration WHERE number = %ld",
                      strtol(m->name, NULL, 10));
        AUTO(free_ptr) char *expected = NULL;

        sha256_hex((struct span){m->data, m->len}, sha256);
        expected = xasprintf("%s %s", m->name, sha256);
        look(path_of(f), sql, value);
        assert_string_equal(value, expected);
        number = strtol(m->name, NULL, 10);
    }
    assert_true(number > 0);
    /* Opening again applies nothing again. */
    tamper(path_of(f), "UPDATE schema_migration SET applied_at = 5");
    fixture_close(f);
    fixture_open(f);
    look(path_of(f), "SELECT min(applied_at) || ' ' || max(applied_at) FROM schema_migration",
         value);
    assert_string_equal(value, "5 5");
}

static void test_changed_migration(void **state)
{
    struct fixture *f = *state;
    struct id job = add_new_job(f);
    AUTO(job_row_clear) struct job_row row = {0};
    char good[256];
    AUTO(free_ptr) char *repair = NULL;

    fixture_close(f);
    look(path_of(f), "SELECT sha256 FROM schema_migration WHERE number = 1", good);
    tamper(path_of(f), "UPDATE schema_migration SET sha256 = 'other' WHERE number = 1");
    assert_refused(f, sqlite_migrations[0].name, path_of(f));
    repair = xasprintf("UPDATE schema_migration SET sha256 = '%s' WHERE number = 1", good);
    tamper(path_of(f), repair);
    fixture_open(f);
    assert_st(ST_OK, store_job(f->r, job, &row)); /* nothing was harmed */
}

static void test_newer_database(void **state)
{
    struct fixture *f = *state;
    const char *newest = "";

    for (const struct embedded_file *m = sqlite_migrations; m->name != NULL; m++) {
        newest = m->name;
    }
    fixture_close(f);
    tamper(path_of(f), "INSERT INTO schema_migration VALUES (9000, '9000_future.sql', 'x', 1)");
    assert_refused(f, "9000_future.sql", newest);
    tamper(path_of(f), "DELETE FROM schema_migration WHERE number = 9000");
    fixture_open(f);
}

static void test_files_of_others(void **state)
{
    struct fixture *f = *state;
    FILE *file = NULL;

    fixture_close(f);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/theirs.db", f->dir);
    tamper(path_of(f), "CREATE TABLE bookmarks (url)");
    assert_refused(f, "another program", path_of(f));
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/text.db", f->dir);
    file = fopen(path_of(f), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is no database\n", file);
    }
    (void)fclose(file);
    assert_refused(f, "not a database", path_of(f));
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s", f->dir);
    assert_refused(f, "cannot be opened", f->dir);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/jobs.db", f->dir);
    fixture_open(f);
}

/* A store as the first version left it: only its migration, and rows as it wrote them. */
static void make_first_version(struct fixture *f, const struct id *job, const struct id *open_job,
                               const struct id *output)
{
    const struct embedded_file *first = &sqlite_migrations[0];
    AUTO(free_ptr) char *schema = xasprintf("%.*s", (int)first->len, first->data);
    AUTO(free_ptr) char *noted = NULL;
    AUTO(free_ptr) char *rows = NULL;
    char sha256[65];

    sha256_hex((struct span){first->data, first->len}, sha256);
    noted =
        xasprintf("INSERT INTO schema_migration VALUES (1, '%s', '%s', 1)", first->name, sha256);
    rows = xasprintf(
        "INSERT INTO job (id, version, created_at, status, phase, priority, title, tags_json,"
        " metadata_json, warnings_json, completed_at, timeout_ms, attempt, max_attempts, deaths,"
        " is_delivered, nodes_total) VALUES"
        " ('%s', 9, 1000, 'succeeded', NULL, 5, 'old', '[\"t\"]', '{}', '[]', 2000, 0, 1, 3, 0, 1, "
        "2),"
        " ('%s', 1, 1500, 'queued', 'waiting', 0, NULL, '[]', '{}', '[]', NULL, 0, 0, 3, 0, 0, 2);"
        "INSERT INTO job_graph SELECT id, CAST('{\"1\":{}}' AS BLOB) FROM job;"
        "INSERT INTO output VALUES ('%s', '%s', 0, '2', 'a.png', 'image', 'image/png', 5,"
        " '%064d', 1, 2, NULL, 1, 1900);"
        "INSERT INTO trash VALUES ('%064x')",
        job->text, open_job->text, output->text, job->text, 1, 10);
    tamper(path_of(f), "PRAGMA journal_mode = WAL");
    tamper(path_of(f), schema);
    tamper(path_of(f), noted);
    tamper(path_of(f), rows);
}

static void take_letter(void *arg, const char *sha256)
{
    char *last = arg;

    *last = sha256[63];
}

/* Everything that the first version kept is there, and its outputs are under the new triggers. */
static void test_store_of_the_first_version(void **state)
{
    struct fixture *f = *state;
    struct id job = id_new();
    struct id open_job = id_new();
    struct id output = id_new();
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    AUTO(job_output_clear) struct job_output read = {.index = 7};
    char value[256];
    char trashed = '?';

    fixture_close(f);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/first.db", f->dir);
    make_first_version(f, &job, &open_job, &output);
    fixture_open(f);
    assert_st(ST_OK, store_job(f->r, job, &row));
    assert_string_equal(row.title, "old");
    assert_int_equal(row.version, 9);
    assert_int_equal(row.completed_at, 2000);
    assert_null(row.template_name);
    assert_string_equal(row.input_json, "{}");
    assert_null(row.seed);
    assert_null(row.primary_node);
    assert_false(row.is_starred);
    assert_st(ST_OK, store_output(f->r, output, &read));
    assert_int_equal(read.width, 1);
    assert_int_equal(read.duration_ms, 0);
    assert_int_equal(read.created_at, 1900);
    look(path_of(f), "SELECT max(number) > 1 FROM schema_migration", value);
    assert_string_equal(value, "1");

    assert_st(ST_OK, store_trash(f->w, 9, take_letter, &trashed));
    assert_int_equal(trashed, 'a'); /* what waited to be removed still does */
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_trash_done(
                         f->w, "000000000000000000000000000000000000000000000000000000000000000a"));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_trash(f->w, 9, take_letter, &trashed));
    assert_int_equal(trashed, '1');
    job_row_clear(&row);
    assert_st(ST_OK, store_job(f->r, open_job, &row));
}

static void open_and_die(void *arg)
{
    const struct fixture *f = arg;
    struct store *store = NULL;

    child_check(store_open(f->url, &store, NULL) == ERR_NONE);
    (void)pause();
}

/* Killed in the middle of the first start: the next one begins anew. */
static void test_crash_while_migrating(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(f->url, sizeof f->url, "sqlite:%s/crash-%u.db", f->dir, i);
        kill_while(open_and_die, f, i * 300);
        fixture_open(f);
        (void)add_new_job(f);
        fixture_close(f);
    }
    fixture_open(f);
}

static void *open_and_close(void *arg)
{
    struct store *store = NULL;
    struct err e = ERR_INIT;

    if (store_open(arg, &store, &e) != ERR_NONE) {
        return xstrdup(e.detail);
    }
    store_close(store);
    return NULL;
}

static void test_several_open_a_new_file(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[4];

    fixture_close(f);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/shared.db", f->dir);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, open_and_close, f->url), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *reason = NULL;

        assert_int_equal(pthread_join(thread[i], &reason), 0);
        if (reason != NULL) {
            fail_msg("%s", (char *)reason);
        }
    }
    fixture_open(f);
}

/* ---- integrity after kill -9 --------------------------------------------------------------------- */

static void forget_asset(void *arg, struct id asset)
{
    child_check(store_asset_delete(arg, asset, NULL) == ST_OK);
}

/* A job with a file whose asset comes with it, and goes at once: only the job keeps it. */
static enum st insert_with_asset(struct store_writer *w, const struct job_row *row, char letter)
{
    struct job_file file = {.name = "comfygate/x.png"};
    char type[] = "image/png";
    struct asset asset = {.id = id_new(), .type = OUTPUT_IMAGE, .content_type = type};
    enum st st = ST_OK;

    memset(file.sha256, letter, 64);
    memset(asset.sha256, letter, 64);
    st = store_job_insert(w,
                          &(struct arrival){.row = row,
                                            .graph = SPAN_LIT("{}"),
                                            .file = &file,
                                            .file_count = 1,
                                            .asset = &asset,
                                            .asset_count = 1},
                          NULL, NULL);
    return st == ST_OK ? store_assets_expire(w, INT64_MAX, 100, forget_asset, w) : st;
}

static void churn_until_killed(void *arg)
{
    struct fixture *f = arg;
    struct id kept[50];

    fixture_open(f);
    for (int n = 0;; n++) {
        AUTO(job_row_clear) struct job_row row = new_job();
        AUTO(job_output_clear)
        struct job_output output = new_output(row.id, 0, (char)('a' + n % 6));

        xreplace(&row.tags_json, "[\"a\",\"b\"]");
        xreplace(&row.metadata_json, "{\"k\":\"v\"}");
        child_check(store_begin(f->w) == ST_OK);
        child_check(insert_with_asset(f->w, &row, (char)('a' + n % 7)) == ST_OK);
        child_check(store_output_insert(f->w, &output) == ST_OK);
        if (n >= 50) {
            child_check(store_job_delete(f->w, kept[n % 50]) == ST_OK);
        }
        child_check(store_commit(f->w) == ST_OK);
        kept[n % 50] = row.id;
    }
}

static void test_integrity_after_kills(void **state)
{
    static const char *const checks[] = {
        "SELECT count(*) FROM job_tag WHERE job_id NOT IN (SELECT id FROM job)",
        "SELECT count(*) FROM job_graph WHERE job_id NOT IN (SELECT id FROM job)",
        "SELECT count(*) FROM output WHERE job_id NOT IN (SELECT id FROM job)",
        "SELECT count(*) FROM job WHERE id NOT IN (SELECT job_id FROM job_graph)",
        "SELECT count(*) FROM job_file WHERE job_id NOT IN (SELECT id FROM job)",
        "SELECT count(*) FROM trash WHERE sha256 IN (SELECT sha256 FROM output)",
        "SELECT count(*) FROM trash WHERE sha256 IN (SELECT sha256 FROM asset)",
        "SELECT count(*) FROM trash WHERE sha256 IN (SELECT sha256 FROM job_file)",
    };
    struct fixture *f = *state;
    char value[256];

    fixture_close(f);
    for (int round = 0; round < 25; round++) {
        kill_while(churn_until_killed, f, 15000 + (unsigned)(round * 37 % 20) * 2000);
        look(path_of(f), "PRAGMA integrity_check", value);
        assert_string_equal(value, "ok");
        for (size_t i = 0; i < COUNT_OF(checks); i++) {
            look(path_of(f), checks[i], value);
            assert_string_equal(value, "0");
        }
    }
    fixture_open(f);
}

/* ---- a full disk --------------------------------------------------------------------------------- */

/* Inserts until the disk is full; gives how many commits succeeded. */
static int insert_until_full(struct fixture *f, struct span graph)
{
    enum st st = ST_OK;
    int count = 0;

    while (st == ST_OK && count < 100000) {
        AUTO(job_row_clear) struct job_row row = new_job();

        st = store_begin(f->w);
        if (st == ST_OK) {
            st = store_job_insert(
                f->w, &(struct arrival){.row = &row, .graph = graph, .idem = NULL}, NULL, NULL);
            if (st != ST_OK) {
                child_check(store_commit(f->w) == st);
            } else {
                st = store_commit(f->w);
            }
            store_rollback(f->w);
        }
        count += st == ST_OK ? 1 : 0;
    }
    if (st != ST_FULL) {
        (void)fprintf(stderr, "%d after %d: %s\n", (int)st, count, store_reason());
    }
    child_check(st == ST_FULL);
    child_check(strlen(store_reason()) > 0);
    return count;
}

static void check_full_disk(const char *dir)
{
    static char graph[20000];
    struct fixture f = {.store = NULL};
    struct job_filter all = {.limit = 100000};
    AUTO(id_list_clear) struct id_list found = {0};
    bool has_more = true;
    int count = 0;

    (void)snprintf(f.url, sizeof f.url, "sqlite:%s/small.db", dir);
    child_check(store_open(f.url, &f.store, NULL) == ERR_NONE);
    child_check(store_writer_open(f.store, &f.w) == ST_OK);
    child_check(store_reader_open(f.store, &f.r) == ST_OK);
    count = insert_until_full(&f, (struct span){graph, sizeof graph});
    child_check(count > 10);
    /* Still full, still readable, and exactly what was committed. */
    (void)insert_until_full(&f, (struct span){graph, sizeof graph});
    child_check(store_jobs(f.r, &all, note_row, &found, &has_more) == ST_OK);
    child_check(found.count >= (size_t)count);
    child_check(store_begin(f.w) == ST_OK);
    store_rollback(f.w);
    fixture_close(&f);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;

    (void)on_small_disk(DISK_LIMIT, f->dir, 2 * 1024 * 1024, check_full_disk);
    (void)on_small_disk(DISK_TMPFS, f->dir, 4 * 1024 * 1024, check_full_disk);
}

static void check_health_of_small_disk(const char *dir)
{
    struct fixture f = {.store = NULL};

    (void)snprintf(f.url, sizeof f.url, "sqlite:%s/small.db", dir);
    child_check(store_open(f.url, &f.store, NULL) == ERR_NONE);
    child_check(store_reader_open(f.store, &f.r) == ST_OK);
    child_check(store_health(f.r) == ST_FULL);
    child_check(strstr(store_reason(), "64 MiB") != NULL);
    child_check(mount(NULL, dir, NULL, MS_REMOUNT, "size=200M") == 0);
    child_check(store_health(f.r) == ST_OK);
    child_check(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0 ||
                store_health(f.r) ==
                    ST_FAIL); /* the kernel refuses while files are open for writing */
    store_reader_close(f.r);
    store_close(f.store);
}

static void test_health_of_a_small_disk(void **state)
{
    struct fixture *f = *state;

    (void)on_small_disk(DISK_TMPFS, f->dir, 16 * 1024 * 1024, check_health_of_small_disk);
}

/* ---- plans --------------------------------------------------------------------------------------- */

/* The plan of a statement must use an index for each table, and sort nothing. */
static void check_plan(sqlite3 *db, const char *sql)
{
    AUTO(free_ptr) char *explain = xasprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(stmt, 3);
        bool is_scan = strncmp(step, "SCAN", 4) == 0 && strstr(step, "INDEX") == NULL &&
                       strstr(step, "json_each") == NULL && strstr(step, "VIRTUAL") == NULL &&
                       strcmp(step, "SCAN trash") != 0 && /* the list of it */
                       strcmp(step, "SCAN hold") != 0 &&  /* all of it, once, at the start */
                       strcmp(step, "SCAN api_key") != 0; /* some hundred rows, when one is made */

        if (is_scan || strstr(step, "TEMP B-TREE") != NULL) {
            fail_msg("%s\n%s", step, sql);
        }
    }
    (void)sqlite3_finalize(stmt);
}

static void test_plans_of_fixed_statements(void **state)
{
    static const char *const texts[] = {
#define SQL(name, text)            (text),
#define SQL_EACH(name, sqlite, pg) (sqlite),
#include "store/store_sql.def"
    };
    struct fixture *f = *state;
    struct sqlite_handle *w = sqlite_handle_of(f->w->h);

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i] != NULL) {
            check_plan(w->db, texts[i]);
        }
    }
}

static void ignore_row(void *arg, const struct job_row *row)
{
    (void)arg;
    (void)row;
}

/* Each bit of a number is one part of a filter. */
static struct job_filter filter_of(unsigned bits)
{
    struct job_filter filter = {
        .status_mask =
            ((bits & 1) != 0 ? 1u << JOB_QUEUED : 0) | ((bits & 2) != 0 ? 1u << JOB_FAILED : 0),
        .sort = (bits & 4) != 0 ? SORT_OLDEST : SORT_NEWEST,
        .tag = (bits & 8) != 0 ? "t" : NULL,
        .owner = (bits & 16) != 0 ? "o" : NULL,
        .backend = (bits & 32) != 0 ? "b" : NULL,
        .metadata_count = (bits & 64) != 0 ? 2 : 0,
        .metadata = {{"k", "v"}, {"k", "w"}},
        .limit = 10,
    };

    if ((bits & 128) != 0) {
        filter.parent_id = id_new();
    }
    if ((bits & 512) != 0) {
        filter.template_name = "m";
    }
    filter.has_starred = (bits & 1024) != 0;
    filter.is_starred = (bits & 2048) != 0;
    filter.created_from = bits % 3 < 2 ? 1 : 0; /* with and without each of the bits */
    filter.created_before = bits % 3 < 1 ? 2 : 0;
    if ((bits & 256) != 0) {
        filter.after = id_new();
    }
    return filter;
}

/* Every combination of filters: no sorting, no scan of the table. */
static void test_plans_of_lists(void **state)
{
    struct fixture *f = *state;
    struct sqlite_handle *r = sqlite_handle_of(f->r->h);
    bool has_more = false;

    for (unsigned bits = 0; bits < 1u << 12; bits++) {
        struct job_filter filter = filter_of(bits);

        assert_st(ST_OK, store_jobs(f->r, &filter, ignore_row, NULL, &has_more));
        for (size_t i = 0; i < LIST_CACHE && r->list[i] != NULL; i++) {
            check_plan(r->db, sqlite3_sql(r->list[i]));
        }
    }
}

static void ignore_entry(void *arg, const struct output_entry *entry)
{
    (void)arg;
    (void)entry;
}

/* The same of the gallery. Outputs of starred jobs and of one owner are looked up by their jobs, and sorted. */
static void test_plans_of_the_gallery(void **state)
{
    struct fixture *f = *state;
    struct sqlite_handle *r = sqlite_handle_of(f->r->h);
    bool has_more = false;

    for (unsigned bits = 0; bits < 1u << 5; bits++) {
        struct output_filter filter = {
            .has_type = (bits & 1) != 0,
            .template_name = (bits & 2) != 0 ? "m" : NULL,
            .text = (bits & 4) != 0 ? "t" : NULL,
            .sort = (bits & 8) != 0 ? SORT_OLDEST : SORT_NEWEST,
            .after = (bits & 16) != 0 ? id_new() : ID_NONE,
            .limit = 10,
        };

        assert_st(ST_OK, store_output_list(f->r, &filter, ignore_entry, NULL, &has_more));
        for (size_t i = 0; i < LIST_CACHE && r->list[i] != NULL; i++) {
            check_plan(r->db, sqlite3_sql(r->list[i]));
        }
    }
}

/* Steps of SQLite's machine that a list took; the same on every machine. */
static int steps_since(struct fixture *f)
{
    struct sqlite_handle *r = sqlite_handle_of(f->r->h);
    int steps = 0;

    for (size_t i = 0; i < LIST_CACHE && r->list[i] != NULL; i++) {
        steps += sqlite3_stmt_status(r->list[i], SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

static int steps_of(struct fixture *f, const struct job_filter *filter)
{
    bool has_more = false;

    (void)steps_since(f);
    assert_st(ST_OK, store_jobs(f->r, filter, ignore_row, NULL, &has_more));
    return steps_since(f);
}

static int gallery_steps_of(struct fixture *f, const struct output_filter *filter)
{
    bool has_more = false;

    (void)steps_since(f);
    assert_st(ST_OK, store_output_list(f->r, filter, ignore_entry, NULL, &has_more));
    return steps_since(f);
}

static void insert_output(struct fixture *f, struct id job, enum output_type type)
{
    AUTO(job_output_clear) struct job_output output = new_output(job, 0, 'a');

    output.type = type;
    assert_st(ST_OK, store_output_insert(f->w, &output));
}

/* Three failed jobs among many queued ones, old and new ones mixed; each has an output. */
static void add_rare_among_many(struct fixture *f)
{
    assert_st(ST_OK, store_begin(f->w));
    for (int i = 0; i < 20000; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();
        bool is_rare = i % 7000 == 5;

        row.status = is_rare ? JOB_FAILED : JOB_QUEUED;
        row.phase = is_rare ? PHASE_NONE : PHASE_WAITING;
        xreplace(&row.owner, i % 7000 == 6 ? "rare" : "often");
        xreplace(&row.backend, is_rare ? "rare" : "often");
        xreplace(&row.tags_json, is_rare ? "[\"often\",\"rare\"]" : "[\"often\"]");
        xreplace(&row.metadata_json, is_rare ? "{\"k\":\"rare\"}" : "{\"k\":\"often\"}");
        xreplace(&row.template_name, is_rare ? "rare" : "often");
        row.is_starred = is_rare;
        assert_st(ST_OK, insert_plain(f->w, &row));
        insert_output(f, row.id, is_rare ? OUTPUT_VIDEO : OUTPUT_IMAGE);
    }
    assert_st(ST_OK, store_commit(f->w));
}

static void assert_cheap(const char *list, size_t number, int steps)
{
    if (steps > 20 * 200) {
        fail_msg("%s %zu took %d steps", list, number, steps);
    }
}

/* A page costs its length, not the length of the table. */
static void test_lists_cost_their_page(void **state)
{
    static const struct job_filter filters[] = {
        {.limit = 20},
        {.limit = 20, .status_mask = 1u << JOB_FAILED},
        {.limit = 20, .status_mask = 1u << JOB_FAILED | 1u << JOB_RUNNING},
        {.limit = 20, .status_mask = 1u << JOB_FAILED | 1u << JOB_QUEUED},
        {.limit = 20, .owner = "rare"},
        {.limit = 20, .owner = "often"},
        {.limit = 20, .owner = "often", .status_mask = 1u << JOB_FAILED},
        {.limit = 20, .tag = "rare"},
        {.limit = 20, .tag = "often", .sort = SORT_OLDEST},
        {.limit = 20, .metadata_count = 1, .metadata = {{"k", "rare"}}},
        {.limit = 20, .backend = "rare"},
        {.limit = 20, .template_name = "rare"},
        {.limit = 20, .template_name = "often", .sort = SORT_OLDEST},
        {.limit = 20, .has_starred = true, .is_starred = true},
        {.limit = 20, .has_starred = true},
        {.limit = 20, .has_starred = true, .is_starred = true, .tag = "often"},
    };
    static const struct output_filter gallery[] = {
        {.limit = 20},
        {.limit = 20, .sort = SORT_OLDEST},
        {.limit = 20, .has_type = true, .type = OUTPUT_VIDEO},
        {.limit = 20, .has_type = true, .type = OUTPUT_IMAGE},
        {.limit = 20, .template_name = "often"},
        {.limit = 20, .owner = "rare"},
        {.limit = 20, .owner = "rare", .sort = SORT_OLDEST},
        {.limit = 20, .is_starred_only = true},
        {.limit = 20, .is_starred_only = true, .has_type = true, .type = OUTPUT_IMAGE},
    };
    struct fixture *f = *state;

    add_rare_among_many(f);
    for (size_t i = 0; i < COUNT_OF(gallery); i++) {
        assert_cheap("gallery", i, gallery_steps_of(f, &gallery[i]));
    }
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        assert_cheap("list", i, steps_of(f, &filters[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sqlite_test(test_file),
        sqlite_test(test_settings),
        sqlite_test(test_folders_are_made),
        sqlite_test(test_one_writer),
        sqlite_test(test_readers_cannot_write),
        sqlite_test(test_somebody_elses_lock),
        sqlite_test(test_words_nobody_knows),
        sqlite_test(test_migrations_are_noted),
        sqlite_test(test_changed_migration),
        sqlite_test(test_newer_database),
        sqlite_test(test_files_of_others),
        sqlite_test(test_store_of_the_first_version),
        sqlite_test(test_crash_while_migrating),
        sqlite_test(test_several_open_a_new_file),
        sqlite_test(test_integrity_after_kills),
        sqlite_test(test_full_disk),
        sqlite_test(test_health_of_a_small_disk),
        sqlite_test(test_plans_of_fixed_statements),
        sqlite_test(test_plans_of_lists),
        sqlite_test(test_plans_of_the_gallery),
        sqlite_test(test_lists_cost_their_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
