/* store_write.c - what the engine thread writes, and what it reads to know its work.
 *
 * One transaction per turn. What makes it worthless (anything but ST_CONFLICT and
 * ST_NONE) is remembered, for two reasons: a verb of several statements may have
 * done half of its work, and on some errors, a full disk above all, SQLite
 * rolls back by itself and would run every later statement as a transaction of its own.
 * So nothing more is written, and the commit fails.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

/* ---- the transaction ------------------------------------------------------------------------- */

static void end_transaction(struct store_writer *w)
{
    w->is_open = false;
    w->has_new_trash = false;
    w->last_event = 0;
    w->failed = ST_OK;
}

enum st store_begin(struct store_writer *w)
{
    enum st st = ST_OK;

    bug_if(w->is_open);
    st = w->h->driver->begin(w->h);
    w->is_open = st == ST_OK;
    return st;
}

enum st store_commit(struct store_writer *w)
{
    enum st st = ST_OK;

    bug_if(!w->is_open);
    st = w->failed;
    if (st == ST_OK) {
        st = w->h->driver->commit(w->h);
    }
    if (st == ST_OK) {
        end_transaction(w);
    } else {
        store_rollback(w);
    }
    return st;
}

void store_rollback(struct store_writer *w)
{
    w->h->driver->rollback(w->h);
    end_transaction(w);
}

int64_t store_changes(struct store_writer *w)
{
    return w->h->driver->all_changes(w->h);
}

enum st write_allowed(const struct store_writer *w)
{
    bug_if(!w->is_open);
    return w->failed;
}

enum st written(struct store_writer *w, enum st st)
{
    if (st != ST_OK && st != ST_CONFLICT && st != ST_NONE) {
        w->failed = st;
    }
    return st;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static enum st insert_row(struct handle *h, const struct job_row *row)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOB_INSERT);

    job_row_put(&q, row);
    return query_run(&q);
}

static enum st insert_graph(struct handle *h, const struct id *job, struct span graph)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_GRAPH_INSERT);

    put_id(&q, job);
    put_blob(&q, graph);
    return query_run(&q);
}

/* Writes the index rows of tags_json or metadata_json. */
static enum st insert_indexed(struct handle *h, enum sql which, const struct id *job,
                              const char *json)
{
    AUTO(query_end) struct query q = {0};

    if (strlen(json) <= 2) { /* [] or {} */
        return ST_OK;
    }
    q = query_begin(h, which);
    put_id(&q, job);
    put_str(&q, json);
    return query_run(&q);
}

static enum st claim_key(struct handle *h, const struct job_row *row,
                         const struct idempotency *idem, struct id *known_job, char *known_sha256)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_IDEMPOTENCY_PUT);
    enum st st = ST_OK;

    put_str(&q, idem->owner != NULL ? idem->owner : "");
    put_str(&q, idem->key);
    put_id(&q, &row->id);
    put_str(&q, idem->body_sha256);
    put_int64(&q, &idem->expires_at);
    put_int64(&q, &row->created_at);
    st = query_run(&q);
    if (st == ST_OK && handle_changes(h) == 0) {
        st = idempotency_find(h, &(struct idempotency_key){idem->owner, idem->key, row->created_at},
                              known_job, known_sha256);
        if (st != ST_NONE) {
            return st == ST_OK ? ST_CONFLICT : st;
        }
        store_reason_set("an Idempotency-Key is both known and unknown");
        return ST_FAIL;
    }
    return st;
}

static enum st insert_job(struct store_writer *w, const struct arrival *n)
{
    const struct job_row *row = n->row;
    enum st st = insert_row(w->h, row);

    if (st == ST_OK) {
        st = insert_graph(w->h, &row->id, n->graph);
    }
    if (st == ST_OK) {
        st = insert_indexed(w->h, SQL_TAGS_INSERT, &row->id, row->tags_json);
    }
    if (st == ST_OK) {
        st = insert_indexed(w->h, SQL_METADATA_INSERT, &row->id, row->metadata_json);
    }
    return st == ST_OK ? files_insert(w, n) : st;
}

static enum st forget_key(struct handle *h, const struct idempotency *idem)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_IDEMPOTENCY_DELETE);

    put_str(&q, idem->owner != NULL ? idem->owner : "");
    put_str(&q, idem->key);
    return query_run(&q);
}

/* A key that is known comes first: what it stands for needs no files any more. */
static enum st check_arrival(struct store_writer *w, const struct arrival *n, struct id *known_job,
                             char *known_sha256)
{
    enum st st = ST_OK;

    if (n->idem != NULL) {
        st = claim_key(w->h, n->row, n->idem, known_job, known_sha256);
    }
    if (st == ST_OK) {
        st = files_exist(w, n);
        if (st == ST_NONE && n->idem != NULL) {
            enum st forgotten = forget_key(w->h, n->idem);

            st = forgotten == ST_OK ? ST_NONE : forgotten;
        }
    }
    return st;
}

enum st store_job_insert(struct store_writer *w, const struct arrival *n, struct id *known_job,
                         char known_sha256[65])
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = check_arrival(w, n, known_job, known_sha256);
    }
    if (st == ST_OK) {
        st = insert_job(w, n);
    }
    return written(w, st);
}

/* Which index rows a save has to write anew. ST_CONFLICT when there is no such version. */
static enum st compare_indexed(struct handle *h, const struct job_row *row, int64_t was_version,
                               bool *has_new_tags, bool *has_new_metadata)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOB_INDEXED_TEXTS);
    enum st st = ST_OK;

    put_id(&q, &row->id);
    put_int64(&q, &was_version);
    st = query_step(&q);
    if (st == ST_OK) {
        *has_new_tags = !span_is(get_span(&q), row->tags_json);
        *has_new_metadata = !span_is(get_span(&q), row->metadata_json);
    }
    return st == ST_NONE ? ST_CONFLICT : st;
}

static enum st update_row(struct handle *h, const struct job_row *row, int64_t was_version)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOB_SAVE);

    job_row_put_changing(&q, row);
    put_id(&q, &row->id);
    put_int64(&q, &was_version);
    return query_run(&q);
}

enum st store_job_save(struct store_writer *w, const struct job_row *row, int64_t was_version)
{
    bool has_new_tags = false;
    bool has_new_metadata = false;
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = compare_indexed(w->h, row, was_version, &has_new_tags, &has_new_metadata);
    }
    if (st == ST_OK) {
        st = update_row(w->h, row, was_version);
    }
    if (st == ST_OK && has_new_tags) {
        st = run_by_job(w->h, SQL_TAGS_DELETE, &row->id);
        st = st == ST_OK ? insert_indexed(w->h, SQL_TAGS_INSERT, &row->id, row->tags_json) : st;
    }
    if (st == ST_OK && has_new_metadata) {
        st = run_by_job(w->h, SQL_METADATA_DELETE, &row->id);
        st = st == ST_OK ? insert_indexed(w->h, SQL_METADATA_INSERT, &row->id, row->metadata_json)
                         : st;
    }
    if (st == ST_OK && row->phase == PHASE_NONE) {
        st = run_by_job(w->h, SQL_JOB_FILES_DELETE, &row->id);
        w->has_new_trash = w->has_new_trash || handle_changes(w->h) > 0;
    }
    return written(w, st);
}

enum st store_job_delete(struct store_writer *w, struct id job)
{
    enum st st = write_allowed(w);

    w->has_new_trash = true; /* perhaps */
    if (st == ST_OK) {
        st = run_by_job(w->h, SQL_JOB_DELETE, &job); /* the rest goes by ON DELETE CASCADE */
    }
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_NONE;
    }
    return written(w, st);
}

enum st store_writer_job(struct store_writer *w, struct id job, struct job_row *out)
{
    return job_row_find(w->h, SQL_JOB_BY_ID, &job, out);
}

enum st store_writer_graph(struct store_writer *w, struct id job, struct buf *out)
{
    return job_graph_find(w->h, &job, out);
}

/* ---- outputs and their files ----------------------------------------------------------------- */

static enum st by_hash(struct handle *h, enum sql which, const char *sha256)
{
    AUTO(query_end) struct query q = query_begin(h, which);

    put_str(&q, sha256);
    return query_step(&q);
}

static enum st insert_output(struct handle *h, const struct job_output *output)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_OUTPUT_INSERT);

    job_output_put(&q, output);
    return query_run(&q);
}

enum st store_output_insert(struct store_writer *w, const struct job_output *output)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = insert_output(w->h, output);
    }
    return written(w, st);
}

struct hash {
    char text[65];
};

static enum st find_trash(struct handle *h, int limit, struct hash *found, int *out_count)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_TRASH_LIST);
    int count = 0;
    enum st st = ST_OK;

    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK && count < limit; st = query_step(&q)) {
        struct span text = get_span(&q);

        if (text.len < sizeof found->text) {
            memcpy(found[count++].text, text.ptr, text.len);
        }
    }
    *out_count = count;
    return st == ST_NONE ? ST_OK : st;
}

/* Like the two that follow below it reads all before the first visit, for the visitor may write. */
enum st store_trash(struct store_writer *w, int limit, void (*visit)(void *arg, const char *sha256),
                    void *arg)
{
    AUTO(free_ptr) struct hash *found = NULL;
    int count = 0;
    enum st st = ST_OK;

    if (w->has_new_trash || limit < 1) {
        return ST_OK;
    }
    found = xcalloc((size_t)limit, sizeof *found);
    st = find_trash(w->h, limit, found, &count);
    for (int i = 0; st == ST_OK && i < count; i++) {
        visit(arg, found[i].text);
    }
    return st;
}

enum st store_trash_done(struct store_writer *w, const char *sha256)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = by_hash(w->h, SQL_TRASH_DELETE, sha256);
        st = st == ST_NONE ? ST_OK : st;
    }
    return written(w, st);
}

enum st store_file_is_used(struct store_writer *w, const char *sha256)
{
    return by_hash(w->h, SQL_FILE_IS_USED, sha256);
}

/* ---- what there is to do --------------------------------------------------------------------- */

enum st store_waiting(struct store_writer *w, const char *user_key,
                      void (*visit)(void *arg, const struct waiting_job *job), void *arg)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_JOBS_WAITING);
    enum st st = ST_OK;

    put_str(&q, user_key);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        struct waiting_job job;

        get_id(&q, &job.id);
        get_int(&q, &job.priority);
        get_time(&q, &job.not_before_at);
        get_time(&q, &job.deadline_at);
        job.wanted_backend = get_str(&q);
        job.owner = get_str(&q);
        job.user = get_str(&q);
        if (q.is_bad) {
            store_reason_set("a waiting job has no proper id");
            return ST_FAIL;
        }
        visit(arg, &job);
    }
    return st == ST_NONE ? ST_OK : st;
}

struct found_rows {
    struct job_row *item;
    size_t count;
};

static void found_rows_clear(struct found_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        job_row_clear(&rows->item[i]);
    }
    free(rows->item);
}

static enum st find_in_flight(struct handle *h, struct found_rows *rows)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOBS_IN_FLIGHT);
    enum st st = ST_OK;

    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        rows->item = xrealloc(rows->item, (rows->count + 1) * sizeof *rows->item);
        st = job_row_get(&q, &rows->item[rows->count]);
        if (st != ST_OK) {
            return st;
        }
        rows->count++;
    }
    return st == ST_NONE ? ST_OK : st;
}

enum st store_in_flight(struct store_writer *w, void (*visit)(void *arg, struct job_row *row),
                        void *arg)
{
    AUTO(found_rows_clear) struct found_rows rows = {0};
    enum st st = find_in_flight(w->h, &rows);

    for (size_t i = 0; st == ST_OK && i < rows.count; i++) {
        visit(arg, &rows.item[i]);
        rows.item[i] = (struct job_row){0};
    }
    return st;
}

static enum st find_overdue(struct handle *h, int64_t now, int limit, struct id *found,
                            int *out_count)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOBS_OVERDUE);
    int count = 0;
    enum st st = ST_OK;

    put_int64(&q, &now);
    put_int(&q, &limit);
    for (st = query_step(&q); st == ST_OK && count < limit; st = query_step(&q)) {
        get_id(&q, &found[count++]);
    }
    *out_count = count;
    return st == ST_NONE ? ST_OK : st;
}

enum st store_overdue(struct store_writer *w, int64_t now, int limit,
                      void (*visit)(void *arg, struct id job), void *arg)
{
    AUTO(free_ptr) struct id *found = NULL;
    int count = 0;
    enum st st = ST_OK;

    if (limit < 1) {
        return ST_OK;
    }
    found = xcalloc((size_t)limit, sizeof *found);
    st = find_overdue(w->h, now, limit, found, &count);
    for (int i = 0; st == ST_OK && i < count; i++) {
        visit(arg, found[i]);
    }
    return st;
}

enum st store_next_deadline(struct store_writer *w, int64_t *out)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_NEXT_DEADLINE);
    enum st st = query_step(&q);

    if (st == ST_OK) {
        get_int64(&q, out);
    }
    return st;
}

enum st store_idempotency_purge(struct store_writer *w, int64_t now, int limit)
{
    AUTO(query_end) struct query q = {0};
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        q = query_begin(w->h, SQL_IDEMPOTENCY_PURGE);
        put_int64(&q, &now);
        put_int(&q, &limit);
        st = query_run(&q);
    }
    return written(w, st);
}
