/* store_asset.c - files that clients bring, files of jobs, and what is past its time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

/* ---- assets ----------------------------------------------------------------------------------- */

static const char *owner_text(const char *owner)
{
    return owner != NULL ? owner : "";
}

static enum st find_by_file(struct handle *h, const char *owner, const char *sha256,
                            struct asset *out)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_ASSET_BY_FILE);
    enum st st = ST_OK;

    put_str(&q, owner_text(owner));
    put_str(&q, sha256);
    st = query_step(&q);
    return st == ST_OK ? asset_get(&q, out) : st;
}

static enum st insert_asset(struct handle *h, const struct asset *a)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_ASSET_INSERT);
    enum st st = ST_OK;

    asset_put(&q, a);
    st = query_run(&q);
    return st == ST_OK && handle_changes(h) == 0 ? ST_CONFLICT : st;
}

/* The owner's asset of that content, if there is one, was used now. */
static enum st touch(struct handle *h, const char *owner, const char *sha256, int64_t now)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_ASSET_USED);

    put_int64(&q, &now);
    put_str(&q, owner_text(owner));
    put_str(&q, sha256);
    return query_run(&q);
}

enum st store_asset_insert(struct store_writer *w, const struct asset *a, struct asset *known)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = insert_asset(w->h, a);
    }
    if (st == ST_CONFLICT) {
        st = touch(w->h, a->owner, a->sha256, a->used_at);
        if (st == ST_OK) {
            st = find_by_file(w->h, a->owner, a->sha256, known);
        }
        st = st == ST_OK ? ST_CONFLICT : st;
    }
    return written(w, st);
}

enum st store_asset_delete(struct store_writer *w, struct id asset, const char *owner)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_ASSET_DELETE);
    enum st st = write_allowed(w);

    put_id(&q, &asset);
    put_str(&q, owner);
    if (st == ST_OK) {
        st = query_run(&q);
    }
    if (st == ST_OK && handle_changes(w->h) == 0) {
        st = ST_NONE;
    }
    w->has_new_trash = w->has_new_trash || st == ST_OK;
    return written(w, st);
}

enum st store_asset(struct store_reader *r, struct id asset, struct asset *out)
{
    struct handle *h = r->h;
    AUTO(query_end) struct query q = query_begin(h, SQL_ASSET_BY_ID);
    enum st st = ST_OK;

    put_id(&q, &asset);
    st = query_step(&q);
    return st == ST_OK ? asset_get(&q, out) : st;
}

enum st store_asset_by_file(struct store_reader *r, const char *owner, const char *sha256,
                            struct asset *out)
{
    return find_by_file(r->h, owner, sha256, out);
}

/* ---- files of a job --------------------------------------------------------------------------- */

static bool comes_along(const struct arrival *n, const char *sha256)
{
    for (size_t i = 0; i < n->asset_count; i++) {
        if (strcmp(n->asset[i].sha256, sha256) == 0) {
            return true;
        }
    }
    return false;
}

enum st files_exist(struct store_writer *w, const struct arrival *n)
{
    enum st st = ST_OK;

    for (size_t i = 0; i < n->file_count && st == ST_OK; i++) {
        if (!comes_along(n, n->file[i].sha256)) {
            st = store_file_is_used(w, n->file[i].sha256);
        }
    }
    return st;
}

static enum st insert_file(struct handle *h, const struct id *job, const struct job_file *file)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_JOB_FILE_INSERT);

    put_id(&q, job);
    put_str(&q, file->sha256);
    put_str(&q, file->name);
    return query_run(&q);
}

enum st files_insert(struct store_writer *w, const struct arrival *n)
{
    enum st st = ST_OK;

    for (size_t i = 0; i < n->asset_count && st == ST_OK; i++) {
        st = insert_asset(w->h, &n->asset[i]);
        st = st == ST_CONFLICT ? ST_OK : st;
    }
    for (size_t i = 0; i < n->file_count && st == ST_OK; i++) {
        st = insert_file(w->h, &n->row->id, &n->file[i]);
        if (st == ST_OK) {
            st = touch(w->h, n->row->owner, n->file[i].sha256, n->row->created_at);
        }
    }
    return st;
}

static void add_file(struct query *q, struct job_file **files, size_t *count)
{
    struct job_file file = {.name = ""};
    struct span sha256 = get_span(q);
    struct span name = get_span(q);

    if (sha256.len >= sizeof file.sha256 || name.len >= sizeof file.name) {
        q->is_bad = true;
        return;
    }
    memcpy(file.sha256, sha256.ptr, sha256.len);
    memcpy(file.name, name.ptr, name.len);
    *files = xrealloc(*files, (*count + 1) * sizeof **files);
    (*files)[(*count)++] = file;
}

enum st store_writer_files(struct store_writer *w, struct id job, struct job_file **out,
                           size_t *out_count)
{
    AUTO(query_end) struct query q = query_begin(w->h, SQL_JOB_FILES);
    AUTO(free_ptr) struct job_file *files = NULL;
    size_t count = 0;
    enum st st = ST_OK;

    put_id(&q, &job);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        add_file(&q, &files, &count);
        if (q.is_bad) {
            store_reason_set("a file of job %s has no proper hash or name", job.text);
            return ST_FAIL;
        }
    }
    if (st != ST_NONE) {
        return st;
    }
    *out_count = count;
    *out = take_ptr(&files);
    return ST_OK;
}

/* ---- what is past its time -------------------------------------------------------------------- */

struct expired {
    enum sql which;
    int64_t before;
    int limit;
};

static enum st find_expired(struct handle *h, const struct expired *what, struct id *found,
                            int *out_count)
{
    AUTO(query_end) struct query q = query_begin(h, what->which);
    enum st st = ST_OK;
    int count = 0;

    put_int64(&q, &what->before);
    put_int(&q, &what->limit);
    for (st = query_step(&q); st == ST_OK && count < what->limit; st = query_step(&q)) {
        get_id(&q, &found[count++]);
        if (q.is_bad) {
            store_reason_set("a row that is past its time has no proper id");
            return ST_FAIL;
        }
    }
    *out_count = count;
    return st == ST_NONE ? ST_OK : st;
}

static enum st visit_expired(struct store_writer *w, struct expired what,
                             void (*visit)(void *arg, struct id id), void *arg)
{
    AUTO(free_ptr) struct id *found = NULL;
    int count = 0;
    enum st st = ST_OK;

    if (what.limit < 1) {
        return ST_OK;
    }
    found = xcalloc((size_t)what.limit, sizeof *found);
    st = find_expired(w->h, &what, found, &count);
    for (int i = 0; st == ST_OK && i < count; i++) {
        visit(arg, found[i]);
    }
    return st;
}

enum st store_jobs_expire(struct store_writer *w, int64_t ended_before, int limit,
                          void (*visit)(void *arg, struct id job), void *arg)
{
    return visit_expired(w, (struct expired){SQL_JOBS_EXPIRED, ended_before, limit}, visit, arg);
}

enum st store_outputs_expire(struct store_writer *w, int64_t made_before, int limit,
                             void (*visit)(void *arg, struct id job), void *arg)
{
    return visit_expired(w, (struct expired){SQL_OUTPUTS_EXPIRED, made_before, limit}, visit, arg);
}

enum st store_outputs_delete(struct store_writer *w, struct id job)
{
    enum st st = write_allowed(w);

    if (st == ST_OK) {
        st = run_by_job(w->h, SQL_OUTPUTS_DELETE, &job);
    }
    w->has_new_trash = true; /* perhaps */
    return written(w, st);
}

enum st store_assets_expire(struct store_writer *w, int64_t used_before, int limit,
                            void (*visit)(void *arg, struct id asset), void *arg)
{
    return visit_expired(w, (struct expired){SQL_ASSETS_EXPIRED, used_before, limit}, visit, arg);
}
