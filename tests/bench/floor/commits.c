/* commits.c - the floor of submissions: each body is committed before it is answered, and nothing else is done.
 *
 *   floor-commits PORT THREADS DATABASE BODY_FILE
 *
 * One writer; the requests that come during a commit share the next one; their connections are suspended meanwhile.
 * SQLite as the gateway has it: WAL, synchronous=FULL.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "floor.h"

#define BODY_MAX (1U << 20)

struct submission {
    struct list node;
    struct MHD_Connection *connection;
    struct buf body;
    bool is_committed;
};

struct floor {
    struct floor_answer answer;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *commit;
    pthread_mutex_t lock; /* of the list */
    pthread_cond_t some;
    struct list waiting;
};

static void run(sqlite3_stmt *stmt)
{
    bug_if(sqlite3_step(stmt) != SQLITE_DONE);
    (void)sqlite3_reset(stmt);
}

static void commit(struct floor *f, struct list *batch)
{
    run(f->begin);
    list_each(node, next, batch) {
        const struct submission *s = container_of(node, struct submission, node);

        (void)sqlite3_bind_text(f->insert, 1, buf_str(&s->body), (int)s->body.len, SQLITE_STATIC);
        run(f->insert);
    }
    run(f->commit);
}

static void *write_all(void *arg)
{
    struct floor *f = arg;
    struct list batch;

    list_init(&batch);
    for (;;) {
        (void)pthread_mutex_lock(&f->lock);
        while (list_empty(&f->waiting)) {
            (void)pthread_cond_wait(&f->some, &f->lock);
        }
        list_move_all(&batch, &f->waiting);
        (void)pthread_mutex_unlock(&f->lock);
        commit(f, &batch);
        for (struct list *node = list_shift(&batch); node != NULL; node = list_shift(&batch)) {
            struct submission *s = container_of(node, struct submission, node);

            s->is_committed = true;
            MHD_resume_connection(s->connection);
        }
    }
    return NULL;
}

static void push(struct floor *f, struct submission *s)
{
    MHD_suspend_connection(s->connection);
    (void)pthread_mutex_lock(&f->lock);
    list_push(&f->waiting, &s->node);
    (void)pthread_cond_signal(&f->some);
    (void)pthread_mutex_unlock(&f->lock);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    struct floor *f = arg;
    struct submission *s = *request;

    (void)url;
    (void)method;
    (void)version;
    if (s == NULL) {
        s = xcalloc(1, sizeof *s);
        s->connection = connection;
        s->body = BUF_INIT(BODY_MAX);
        *request = s;
        return MHD_YES;
    }
    if (*size > 0) {
        (void)buf_append(&s->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (s->is_committed) {
        return MHD_queue_response(connection, MHD_HTTP_ACCEPTED, f->answer.response);
    }
    push(f, s);
    return MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode why)
{
    struct submission *s = *request;

    (void)arg;
    (void)connection;
    (void)why;
    if (s != NULL) {
        buf_clear(&s->body);
        free(s);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    bug_if(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK);
    return stmt;
}

static void open_database(struct floor *f, const char *path)
{
    bug_if(sqlite3_open(path, &f->db) != SQLITE_OK);
    bug_if(sqlite3_exec(f->db,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "CREATE TABLE job (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT",
                        NULL, NULL, NULL) != SQLITE_OK);
    f->begin = prepare(f->db, "BEGIN IMMEDIATE");
    f->insert = prepare(f->db, "INSERT INTO job (body) VALUES (?)");
    f->commit = prepare(f->db, "COMMIT");
}

int main(int argc, char **argv)
{
    struct floor f = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};
    pthread_t writer;

    if (argc != 5) {
        (void)fputs("floor-commits PORT THREADS DATABASE BODY_FILE\n", stderr);
        return 2;
    }
    list_init(&f.waiting);
    floor_answer_read(argv[4], &f.answer);
    open_database(&f, argv[3]);
    bug_if(pthread_create(&writer, NULL, write_all, &f) != 0);
    return floor_serve(argv[1], argv[2], answer, completed, &f);
}
