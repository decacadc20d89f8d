/* test_store.c - what every store does: the definition of store.h. Written against store.h only; run it
 * against another engine with TEST_STORE_URL.
 */
#include "store_help.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* ---- rows ---------------------------------------------------------------------------------------- */

static void assert_text(const char *name, const char *a, const char *b)
{
    if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
        fail_msg("%s: \"%s\" became \"%s\"", name, a != NULL ? a : "NULL", b != NULL ? b : "NULL");
    }
}

static void assert_same(const struct job_row *a, const struct job_row *b)
{
    struct job_row x = *a;
    struct job_row y = *b;

#define TEXT(member)                                                                               \
    assert_text(#member, a->member, b->member);                                                    \
    x.member = NULL;                                                                               \
    y.member = NULL
    TEXT(title);
    TEXT(owner);
    TEXT(wanted_backend);
    TEXT(tags_json);
    TEXT(metadata_json);
    TEXT(warnings_json);
    TEXT(template_name);
    TEXT(input_json);
    TEXT(seed);
    TEXT(primary_node);
    TEXT(trace_id);
    TEXT(backend);
    TEXT(error.message);
    TEXT(error.node_id);
    TEXT(error.class_type);
    TEXT(error.node_title);
#undef TEXT
    /* The rest is numbers and ids; both rows began as all zero, so their padding is the same. */
    assert_memory_equal(&x.id, &y.id, sizeof x.id);
    assert_int_equal(x.status, y.status);
    assert_int_equal(x.phase, y.phase);
    assert_int_equal(x.version, y.version);
    assert_int_equal(x.priority, y.priority);
    assert_int_equal(x.is_starred, y.is_starred);
    assert_int_equal(x.trace_flags, y.trace_flags);
    assert_string_equal(x.parent_id.text, y.parent_id.text);
    assert_int_equal(x.created_at, y.created_at);
    assert_int_equal(x.started_at, y.started_at);
    assert_int_equal(x.completed_at, y.completed_at);
    assert_int_equal(x.deadline_at, y.deadline_at);
    assert_int_equal(x.not_before_at, y.not_before_at);
    assert_int_equal(x.timeout_ms, y.timeout_ms);
    assert_int_equal(x.attempt, y.attempt);
    assert_int_equal(x.max_attempts, y.max_attempts);
    assert_int_equal(x.deaths, y.deaths);
    assert_string_equal(x.prompt_id.text, y.prompt_id.text);
    assert_int_equal(x.is_delivered, y.is_delivered);
    assert_int_equal(x.submitted_at, y.submitted_at);
    assert_int_equal(x.stop, y.stop);
    assert_int_equal(x.stop_at, y.stop_at);
    assert_int_equal(x.nodes_total, y.nodes_total);
    assert_int_equal(x.error.code, y.error.code);
}

static void assert_stored(struct fixture *f, const struct job_row *row)
{
    AUTO(job_row_clear) struct job_row read = {0};
    AUTO(job_row_clear) struct job_row written = {0};

    assert_st(ST_OK, store_job(f->r, row->id, &read));
    assert_same(row, &read);
    assert_st(ST_OK, store_writer_job(f->w, row->id, &written));
    assert_same(row, &written);
}

/* Every column another value, so that two that are swapped are seen. */
static void fill(struct job_row *row)
{
    row->status = JOB_CANCELING;
    row->phase = PHASE_EXECUTING;
    row->version = 41;
    row->priority = -100;
    xreplace(&row->title, "Robert'); DROP TABLE job;-- \xe2\x98\x83 \"quoted\" %_\\");
    xreplace(&row->owner, "owner-1");
    xreplace(&row->wanted_backend, "gpu9");
    xreplace(&row->tags_json, "[\"a\",\"b \\u00e9\"]");
    xreplace(&row->metadata_json, "{\"k\":\"v\",\"k2\":\"\"}");
    xreplace(&row->warnings_json, "[{\"code\":\"c\",\"detail\":\"d\"}]");
    xreplace(&row->template_name, "flux-dev");
    xreplace(&row->input_json, "{\"prompt\":\"a \\\"cat\\\"\",\"seed\":18446744073709551615}");
    xreplace(&row->seed, "18446744073709551615");
    xreplace(&row->primary_node, "12:3");
    xreplace(&row->trace_id, "0af7651916cd43dd8448eb211c80319c");
    row->trace_flags = 3;
    row->is_starred = true;
    row->parent_id = id_new();
    row->created_at = 1700000000001;
    row->started_at = 1700000000002;
    row->completed_at = 1700000000003;
    row->deadline_at = 1700000000004;
    row->not_before_at = 1700000000005;
    row->timeout_ms = 3600000;
    row->attempt = 2;
    row->max_attempts = 5;
    row->deaths = 1;
    xreplace(&row->backend, "gpu0");
    row->prompt_id = id_random();
    row->is_delivered = true;
    row->submitted_at = 1700000000006;
    row->stop = STOP_DEADLINE;
    row->stop_at = 1700000000007;
    row->nodes_total = 77;
    job_error_set(&row->error, JOB_ERR_OUT_OF_MEMORY, "CUDA out of memory", "3", "KSampler",
                  "My sampler");
}

static void test_row_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row bare = new_job();
    AUTO(job_row_clear) struct job_row full = new_job();

    fill(&full);
    add_job(f, &bare);
    add_job(f, &full);
    assert_stored(f, &bare);
    assert_stored(f, &full);
    fixture_close(f);
    fixture_open(f);
    assert_stored(f, &bare);
    assert_stored(f, &full);
}

/* A save writes each changeable column, also back to nothing. */
static void test_save_writes_all_columns(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(job_row_clear) struct job_row bare = {0};
    struct id id = row.id;

    job_row_copy(&bare, &row);
    fill(&row);
    add_job(f, &bare);
    /* The columns that never change. */
    xreplace(&row.owner, NULL);
    row.parent_id = ID_NONE;
    row.created_at = bare.created_at;
    xreplace(&row.template_name, NULL);
    xreplace(&row.input_json, "{}");
    xreplace(&row.seed, NULL);
    xreplace(&row.primary_node, NULL);
    xreplace(&row.trace_id, NULL);
    row.trace_flags = 0;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_save(f->w, &row, bare.version));
    assert_st(ST_OK, store_commit(f->w));
    assert_stored(f, &row);

    bare.version = 42;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_save(f->w, &bare, row.version));
    assert_st(ST_OK, store_commit(f->w));
    assert_stored(f, &bare);
    assert_true(id_eq(id, bare.id));
}

static enum job_phase phase_for(enum job_status status)
{
    return job_has_ended(status) ? PHASE_NONE : PHASE_COLLECTING;
}

/* Each word of job.def can be stored: a new one needs a migration, and this says so. */
static void test_every_word(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < JOB_STATUS_COUNT; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.status = (enum job_status)i;
        row.phase = phase_for(row.status);
        add_job(f, &row);
        assert_stored(f, &row);
    }
    for (int i = PHASE_WAITING; i <= PHASE_COLLECTING; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.phase = (enum job_phase)i;
        add_job(f, &row);
        assert_stored(f, &row);
    }
    for (int i = 0; i < JOB_ERR_COUNT; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.error.code = (enum job_errc)i;
        add_job(f, &row);
        assert_stored(f, &row);
    }
    for (int i = STOP_NONE; i <= STOP_DEADLINE; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.stop = (enum job_stop)i;
        add_job(f, &row);
        assert_stored(f, &row);
    }
}

static void test_graph_is_kept_to_the_byte(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(job_row_clear) struct job_row empty = new_job();
    char bytes[256 * 300];
    struct span graph = {bytes, sizeof bytes};
    AUTO(buf_clear) struct buf out = BUF_INIT(sizeof bytes);
    AUTO(buf_clear) struct buf small = BUF_INIT(sizeof bytes - 1);

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i; /* NUL too, and more than a page of it */
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK,
              store_job_insert(f->w, &(struct arrival){.row = &row, .graph = graph, .idem = NULL},
                               NULL, NULL));
    assert_st(ST_OK, store_job_insert(
                         f->w, &(struct arrival){.row = &empty, .graph = SPAN_NONE, .idem = NULL},
                         NULL, NULL));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_graph(f->r, row.id, &out));
    assert_true(span_eq(buf_span(&out), graph));
    buf_reset(&out);
    assert_st(ST_OK, store_writer_graph(f->w, row.id, &out));
    assert_true(span_eq(buf_span(&out), graph));
    buf_reset(&out);
    assert_st(ST_OK, store_graph(f->r, empty.id, &out));
    assert_int_equal(out.len, 0);
    assert_st(ST_FAIL, store_graph(f->r, row.id, &small));
    assert_int_equal(small.len, 0);
}

static void test_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct job_row row = {.priority = 7};
    struct job_output output = {.index = 7};
    AUTO(job_outputs_clear) struct job_outputs outputs = {0};
    AUTO(buf_clear) struct buf graph = BUF_INIT(100);
    int64_t deadline = 7;
    struct id nobody = id_new();

    assert_st(ST_NONE, store_job(f->r, nobody, &row));
    assert_st(ST_NONE, store_writer_job(f->w, nobody, &row));
    assert_st(ST_NONE, store_job(f->r, ID_NONE, &row));
    assert_st(ST_NONE, store_graph(f->r, nobody, &graph));
    assert_st(ST_NONE, store_writer_graph(f->w, nobody, &graph));
    assert_st(ST_NONE, store_output(f->r, nobody, &output));
    assert_st(ST_OK, store_outputs(f->r, nobody, &outputs));
    assert_st(ST_NONE, store_next_deadline(f->w, &deadline));
    assert_int_equal(outputs.count, 0);
    assert_int_equal(row.priority, 7);
    assert_int_equal(output.index, 7);
    assert_int_equal(deadline, 7);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_job_delete(f->w, nobody));
    assert_st(ST_OK, store_commit(f->w));
}

/* ---- transactions -------------------------------------------------------------------------------- */

static bool is_there(struct fixture *f, struct id job)
{
    AUTO(job_row_clear) struct job_row row = {0};
    enum st st = store_job(f->r, job, &row);

    assert_true(st == ST_OK || st == ST_NONE);
    return st == ST_OK;
}

static void test_commit_and_rollback(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row a = new_job();
    AUTO(job_row_clear) struct job_row b = new_job();
    AUTO(job_row_clear) struct job_row seen = {0};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_plain(f->w, &a));
    assert_false(is_there(f, a.id)); /* readers see commits only */
    assert_st(ST_OK, store_writer_job(f->w, a.id, &seen));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(is_there(f, a.id));

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_plain(f->w, &b));
    store_rollback(f->w);
    store_rollback(f->w); /* without one: harmless */
    assert_false(is_there(f, b.id));

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_plain(f->w, &b));
    fixture_close(f); /* rolls back */
    fixture_open(f);
    assert_true(is_there(f, a.id));
    assert_false(is_there(f, b.id));
}

static void test_what_was_changed_is_counted(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    int64_t before = store_changes(f->w);

    add_job(f, &row);
    assert_true(store_changes(f->w) - before >= 2); /* the job, its graph */
    before = store_changes(f->w);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_commit(f->w));
    assert_int_equal(store_changes(f->w), before);
    assert_true(store_size_bytes(f->store) != 0);
}

static void test_save_compares_versions(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(job_row_clear) struct job_row stale = {0};
    AUTO(job_row_clear) struct job_row nobody = new_job();

    add_job(f, &row);
    job_row_copy(&stale, &row);
    row.version = 2;
    row.priority = 5;
    stale.version = 2;
    stale.priority = 9;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_save(f->w, &row, 1));
    assert_st(ST_CONFLICT, store_job_save(f->w, &stale, 1));
    assert_st(ST_CONFLICT, store_job_save(f->w, &stale, 3));
    assert_st(ST_CONFLICT, store_job_save(f->w, &nobody, 1));
    assert_st(ST_OK, store_commit(f->w)); /* a conflict leaves the transaction usable */
    assert_stored(f, &row);
}

/* After a failure nothing of the transaction is kept, whatever else is tried in it. */
static void test_failed_transaction_is_worthless(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row a = new_job();
    AUTO(job_row_clear) struct job_row b = new_job();
    AUTO(job_row_clear) struct job_row same_id = new_job();

    same_id.id = a.id;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_plain(f->w, &a));
    (void)insert_plain(f->w,
                       &same_id); /* an engine may find out later, at the latest at the commit */
    (void)insert_plain(f->w, &b);
    assert_st(ST_FAIL, store_commit(f->w));
    assert_true(strlen(store_reason()) > 0);
    assert_false(is_there(f, a.id));
    assert_false(is_there(f, b.id));
    add_job(f, &a); /* the next one is fine */
    assert_true(is_there(f, a.id));
}

/* ---- Idempotency-Keys ---------------------------------------------------------------------------- */

static struct idempotency new_key(const char *owner, const char *key, char body, int64_t expires_at)
{
    struct idempotency idem = {.owner = owner, .key = key, .expires_at = expires_at};

    memset(idem.body_sha256, body, 64);
    return idem;
}

/* Inserts a new job under the key; gives its id. */
static enum st insert_with_key(struct fixture *f, const struct idempotency *idem,
                               int64_t created_at, struct id *job, struct id *known)
{
    AUTO(job_row_clear) struct job_row row = new_job();
    char known_sha256[65] = "";
    enum st st = ST_OK;

    row.created_at = created_at;
    *job = row.id;
    st = store_job_insert(f->w,
                          &(struct arrival){.row = &row, .graph = SPAN_LIT("{}"), .idem = idem},
                          known, known_sha256);
    if (st == ST_CONFLICT) {
        assert_int_equal(strlen(known_sha256), 64);
        assert_int_equal(known_sha256[0], 'a'); /* all tests make the first with body 'a' */
    } else {
        assert_string_equal(known_sha256, "");
    }
    return st;
}

static void test_key_replay(void **state)
{
    struct fixture *f = *state;
    struct idempotency first = new_key("alice", "key", 'a', 2000);
    struct idempotency other_body = new_key("alice", "key", 'b', 2000);
    struct idempotency other_owner = new_key("bob", "key", 'a', 2000);
    struct idempotency nobody = new_key(NULL, "key", 'a', 2000);
    struct idempotency other_key = new_key("alice", "Key", 'a', 2000);
    struct id job;
    struct id refused;
    struct id other;
    struct id known = ID_NONE;
    char known_sha256[65] = "";

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_with_key(f, &first, 1000, &job, &known));
    assert_true(id_is_none(known));
    /* In the same transaction, and in a later one. */
    assert_st(ST_CONFLICT, insert_with_key(f, &first, 1000, &refused, &known));
    assert_true(id_eq(known, job));
    assert_st(ST_OK, insert_with_key(f, &other_owner, 1000, &other, &known));
    assert_st(ST_OK, insert_with_key(f, &nobody, 1000, &other, &known));
    assert_st(ST_CONFLICT, insert_with_key(f, &nobody, 1000, &refused, &known));
    assert_true(id_eq(known, other));
    assert_st(ST_OK, insert_with_key(f, &other_key, 1000, &other, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_false(is_there(f, refused));
    assert_true(is_there(f, other));

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, insert_with_key(f, &other_body, 1500, &refused, &known));
    assert_true(id_eq(known, job));
    assert_st(ST_OK, store_commit(f->w));
    assert_false(is_there(f, refused));

    assert_st(ST_OK, store_idempotency(f->r, &(struct idempotency_key){"alice", "key", 1999},
                                       &known, known_sha256));
    assert_true(id_eq(known, job));
    assert_string_equal(known_sha256, first.body_sha256);
    assert_st(ST_NONE, store_idempotency(f->r, &(struct idempotency_key){"alice", "key", 2000},
                                         &known, known_sha256));
    assert_st(ST_NONE, store_idempotency(f->r, &(struct idempotency_key){"carol", "key", 1999},
                                         &known, known_sha256));
}

static void test_key_expires(void **state)
{
    struct fixture *f = *state;
    struct idempotency first = new_key("alice", "key", 'a', 2000);
    struct idempotency second = new_key("alice", "key", 'a', 9000);
    struct id job;
    struct id later;
    struct id refused;
    struct id known = ID_NONE;

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_with_key(f, &first, 1000, &job, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, insert_with_key(f, &second, 1999, &refused, &known));
    assert_true(id_eq(known, job));
    assert_st(ST_OK, insert_with_key(f, &second, 2000, &later, &known));
    assert_st(ST_CONFLICT, insert_with_key(f, &second, 8999, &refused, &known));
    assert_true(id_eq(known, later));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(is_there(f, job));
    assert_true(is_there(f, later));
}

static void test_key_without_its_job(void **state)
{
    struct fixture *f = *state;
    struct idempotency key = new_key("alice", "key", 'a', 2000);
    struct id job;
    struct id known = ID_NONE;
    struct id other;

    /* Rolled back with its job … */
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_with_key(f, &key, 1000, &job, &known));
    store_rollback(f->w);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, insert_with_key(f, &key, 1000, &job, &known));
    assert_st(ST_OK, store_commit(f->w));
    /* … but not deleted with it. */
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_st(ST_CONFLICT, insert_with_key(f, &key, 1000, &other, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(id_eq(known, job));
}

static void test_key_purge(void **state)
{
    struct fixture *f = *state;
    struct id job;
    struct id known = ID_NONE;
    int left = 0;

    assert_st(ST_OK, store_begin(f->w));
    for (int i = 0; i < 10; i++) {
        char name[16];
        struct idempotency key = new_key("alice", name, 'a', 2000 + i);

        (void)snprintf(name, sizeof name, "%d", i);
        assert_st(ST_OK, insert_with_key(f, &key, 1000, &job, &known));
    }
    assert_st(ST_OK, store_idempotency_purge(f->w, 2005, 4)); /* the oldest: 0 to 3 */
    assert_st(ST_OK, store_idempotency_purge(f->w, 2005, 4)); /* 4 and 5 */
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_begin(f->w));
    for (int i = 0; i < 10; i++) {
        char name[16];
        struct idempotency key = new_key("alice", name, 'a', 3000);

        (void)snprintf(name, sizeof name, "%d", i);
        if (insert_with_key(f, &key, 1000, &job, &known) == ST_CONFLICT) {
            assert_true(i >= 6);
            left++;
        }
    }
    assert_st(ST_OK, store_commit(f->w));
    assert_int_equal(left, 4);
}

/* ---- what there is to do ------------------------------------------------------------------------- */

struct waiting_seen {
    struct id_list ids;
    int priority_sum;
    const char *wanted;
    int64_t not_before_at;
    int64_t deadline_at;
};

static void note_waiting(void *arg, const struct waiting_job *job)
{
    struct waiting_seen *seen = arg;

    id_list_add(&seen->ids, job->id);
    seen->priority_sum += job->priority;
    if (job->wanted_backend != NULL) {
        assert_string_equal(job->wanted_backend, "gpu1");
        assert_string_equal(job->owner, "anna");
        assert_string_equal(job->user, "42");
        assert_int_equal(seen->ids.count, 1); /* the oldest first */
        seen->wanted = "gpu1";
        seen->not_before_at = job->not_before_at;
        seen->deadline_at = job->deadline_at;
    } else {
        assert_int_equal(job->not_before_at, 0);
        assert_int_equal(job->deadline_at, 0);
        assert_null(job->owner);
        assert_null(job->user);
    }
}

static void note_in_flight(void *arg, struct job_row *row)
{
    id_list_add(arg, row->id);
    assert_non_null(row->tags_json);
    job_row_clear(row);
}

static void note_id(void *arg, struct id job)
{
    id_list_add(arg, job);
}

static void test_waiting_and_in_flight(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row special = new_job();
    AUTO(id_list_clear) struct id_list flying = {0};
    struct waiting_seen seen = {.priority_sum = 0};
    struct id inside[3];

    special.priority = 50;
    special.not_before_at = 5000;
    special.deadline_at = 6000;
    xreplace(&special.wanted_backend, "gpu1");
    xreplace(&special.owner, "anna");
    xreplace(&special.metadata_json, "{\"other\":\"x\",\"user\":\"42\"}");
    add_job(f, &special);
    (void)add_new_job(f);
    for (int i = 0; i < JOB_STATUS_COUNT; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.status = (enum job_status)i;
        row.phase = job_has_ended(row.status) ? PHASE_NONE : (enum job_phase)(PHASE_SUBMITTED + i);
        if (i < 3) {
            inside[i] = row.id;
        }
        add_job(f, &row);
    }
    assert_st(ST_OK, store_waiting(f->w, "user", note_waiting, &seen));
    assert_int_equal(seen.ids.count, 2);
    assert_int_equal(seen.priority_sum, 50);
    assert_string_equal(seen.wanted, "gpu1");
    assert_int_equal(seen.not_before_at, 5000);
    assert_int_equal(seen.deadline_at, 6000);
    id_list_clear(&seen.ids);
    assert_st(ST_OK, store_in_flight(f->w, note_in_flight, &flying));
    assert_int_equal(flying.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(id_eq(flying.item[i], inside[0]) || id_eq(flying.item[i], inside[1]) ||
                    id_eq(flying.item[i], inside[2]));
    }
}

static void test_deadlines(void **state)
{
    struct fixture *f = *state;
    struct id with[5];
    int64_t next = 0;

    (void)add_new_job(f); /* has none */
    for (int i = 0; i < 5; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.deadline_at = 5000 - i * 100;
        if (i == 4) {
            row.phase = PHASE_SUBMITTED; /* has begun: cannot miss it */
        }
        with[i] = row.id;
        add_job(f, &row);
    }
    assert_st(ST_OK, store_next_deadline(f->w, &next));
    assert_int_equal(next, 4700);
    {
        AUTO(id_list_clear) struct id_list overdue = {0};

        assert_st(ST_OK, store_overdue(f->w, 4699, 10, note_id, &overdue));
        assert_int_equal(overdue.count, 0);
        assert_st(ST_OK, store_overdue(f->w, 4800, 10, note_id, &overdue));
        assert_int_equal(overdue.count, 2);
        assert_true(id_eq(overdue.item[0], with[3]));
        assert_true(id_eq(overdue.item[1], with[2]));
    }
    {
        AUTO(id_list_clear) struct id_list overdue = {0};

        assert_st(ST_OK, store_overdue(f->w, 9999, 3, note_id, &overdue));
        assert_int_equal(overdue.count, 3);
        assert_st(ST_OK, store_overdue(f->w, 9999, 0, note_id, &overdue));
        assert_int_equal(overdue.count, 3);
    }
}

struct expiry {
    struct fixture *f;
    int count;
};

static void expire(void *arg, struct id job)
{
    struct expiry *x = arg;
    AUTO(job_row_clear) struct job_row row = {0};

    assert_st(ST_OK, store_writer_job(x->f->w, job, &row));
    row.status = JOB_EXPIRED;
    row.phase = PHASE_NONE;
    row.version++;
    assert_st(ST_OK, store_job_save(x->f->w, &row, row.version - 1));
    x->count++;
}

static void interrupt(void *arg, struct job_row *row)
{
    struct expiry *x = arg;

    row->phase = PHASE_WAITING;
    row->version++;
    assert_st(ST_OK, store_job_save(x->f->w, row, row->version - 1));
    job_row_clear(row);
    x->count++;
}

/* Visitors of overdue, in_flight and trash may change what they are given. */
static void test_visitors_may_write(void **state)
{
    struct fixture *f = *state;
    struct expiry x = {.f = f};
    int64_t next = 0;

    for (int i = 0; i < 300; i++) {
        AUTO(job_row_clear) struct job_row row = new_job();

        row.deadline_at = i % 2 == 0 ? 1000 : 0;
        row.phase = i % 2 == 0 ? PHASE_WAITING : PHASE_SUBMITTED;
        add_job(f, &row);
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_overdue(f->w, 2000, 1000, expire, &x));
    assert_int_equal(x.count, 150);
    x.count = 0;
    assert_st(ST_OK, store_in_flight(f->w, interrupt, &x));
    assert_int_equal(x.count, 150);
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_NONE, store_next_deadline(f->w, &next));
}

/* ---- outputs, and what becomes of their files ---------------------------------------------------- */

static void test_outputs(void **state)
{
    struct fixture *f = *state;
    struct id job = add_new_job(f);
    AUTO(job_outputs_clear) struct job_outputs read = {0};
    AUTO(job_output_clear) struct job_output text = new_output(job, 2, 'c');
    AUTO(job_output_clear) struct job_output one = {0};
    AUTO(job_output_clear)
    struct job_output without_file = {
        .id = id_new(), .job_id = job, .index = 3, .type = OUTPUT_TEXT, .created_at = 1};

    text.type = OUTPUT_TEXT;
    text.duration_ms = 86400001;
    xreplace(&text.text, "a \"text\"\nof two lines");
    xreplace(&text.node_id, NULL);
    add_output(f, job, 1, 'b');
    add_output(f, job, 0, 'a');
    add_output(f, add_new_job(f), 0, 'd');
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_output_insert(f->w, &text));
    assert_st(ST_OK, store_output_insert(f->w, &without_file));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_outputs(f->r, job, &read));
    assert_int_equal(read.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(read.item[i].index, i);
        assert_true(id_eq(read.item[i].job_id, job));
    }
    assert_int_equal(read.item[0].sha256[0], 'a');
    assert_true(read.item[0].is_primary);
    assert_false(read.item[1].is_primary);
    assert_string_equal(read.item[1].name, "a_00001_.png");
    assert_string_equal(read.item[1].content_type, "image/png");
    assert_string_equal(read.item[1].node_id, "9");
    assert_int_equal(read.item[1].size_bytes, 12345678901);
    assert_int_equal(read.item[1].width, 640);
    assert_int_equal(read.item[1].height, 480);
    assert_int_equal(read.item[1].duration_ms, 0);
    assert_int_equal(read.item[2].duration_ms, 86400001);
    assert_int_equal(read.item[1].created_at, 1700000000123);
    assert_int_equal(read.item[1].type, OUTPUT_IMAGE);
    assert_null(read.item[1].text);
    assert_string_equal(read.item[2].text, text.text);
    assert_null(read.item[2].node_id);
    assert_string_equal(read.item[3].sha256, "");
    assert_st(ST_OK, store_output(f->r, text.id, &one));
    assert_string_equal(one.text, text.text);
    assert_int_equal(one.type, OUTPUT_TEXT);
}

static void note_hash(void *arg, const char *sha256)
{
    char *letters = arg;

    assert_int_equal(strlen(sha256), 64);
    letters[strlen(letters)] = sha256[0];
}

static void assert_trash(struct fixture *f, const char *expected)
{
    char letters[32] = "";

    assert_st(ST_OK, store_trash(f->w, 16, note_hash, letters));
    assert_string_equal(letters, expected);
}

static void delete_job(struct fixture *f, struct id job)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_st(ST_OK, store_commit(f->w));
}

static struct span hash_of(char letter)
{
    static char text[65];

    memset(text, letter, 64);
    return (struct span){text, 64};
}

static void trash_done(struct fixture *f, char letter)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_trash_done(f->w, hash_of(letter).ptr));
    assert_st(ST_OK, store_commit(f->w));
}

static void test_delete_takes_all_along(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(job_outputs_clear) struct job_outputs outputs = {0};
    AUTO(buf_clear) struct buf graph = BUF_INIT(100);
    AUTO(id_list_clear) struct id_list found = {0};
    struct job_filter by_tag = {.tag = "t", .limit = 10};
    bool has_more = true;

    xreplace(&row.tags_json, "[\"t\"]");
    xreplace(&row.metadata_json, "{\"k\":\"v\"}");
    add_job(f, &row);
    add_output(f, row.id, 0, 'a');
    delete_job(f, row.id);
    assert_false(is_there(f, row.id));
    assert_st(ST_NONE, store_graph(f->r, row.id, &graph));
    assert_st(ST_OK, store_outputs(f->r, row.id, &outputs));
    assert_int_equal(outputs.count, 0);
    assert_st(ST_OK, store_jobs(f->r, &by_tag, note_row, &found, &has_more));
    assert_int_equal(found.count, 0);
    assert_false(has_more);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_job_delete(f->w, row.id));
    assert_st(ST_OK, store_commit(f->w));
    add_job(f, &row); /* nothing is left in its way */
}

static void test_trash(void **state)
{
    struct fixture *f = *state;
    struct id first = add_new_job(f);
    struct id second = add_new_job(f);

    add_output(f, first, 0, 'a');
    add_output(f, first, 1, 'b');
    add_output(f, first, 2, 'b'); /* twice the same picture */
    add_output(f, second, 0, 'a');
    assert_trash(f, "");
    assert_st(ST_OK, store_file_is_used(f->w, hash_of('a').ptr));
    assert_st(ST_NONE, store_file_is_used(f->w, hash_of('c').ptr));

    delete_job(f, first);
    assert_trash(f, "b"); /* 'a' is still the second's */
    assert_trash(f, "b"); /* until it is done */
    assert_st(ST_NONE, store_file_is_used(f->w, hash_of('b').ptr));
    fixture_close(f);
    fixture_open(f);
    assert_trash(f, "b");
    trash_done(f, 'b');
    assert_trash(f, "");
    delete_job(f, second);
    assert_trash(f, "a");
    /* The same bytes are made again. */
    add_output(f, add_new_job(f), 0, 'a');
    assert_trash(f, "");
    trash_done(f, 'a'); /* too late, and harmless */
    assert_st(ST_OK, store_file_is_used(f->w, hash_of('a').ptr));
}

/* The files of a deletion that may yet be rolled back are not given. */
static void test_trash_of_the_open_transaction(void **state)
{
    struct fixture *f = *state;
    struct id first = add_new_job(f);
    struct id second = add_new_job(f);

    add_output(f, first, 0, 'a');
    add_output(f, second, 0, 'b');
    delete_job(f, first);
    assert_st(ST_OK, store_begin(f->w));
    assert_trash(f, "a");
    assert_st(ST_OK, store_job_delete(f->w, second));
    assert_trash(f, "");
    store_rollback(f->w);
    assert_trash(f, "a");
    delete_job(f, second);
    assert_trash(f, "ab");
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_trash(f->w, 1, note_trash, f)); /* a visitor that writes */
    assert_st(ST_OK, store_commit(f->w));
    assert_trash(f, "b");
}

/* ---- lists --------------------------------------------------------------------------------------- */

/* The jobs of a list, page by page. */
static void list_all(struct fixture *f, struct job_filter filter, struct id_list *out)
{
    bool has_more = true;

    while (has_more) {
        size_t before = out->count;

        assert_st(ST_OK, store_jobs(f->r, &filter, note_row, out, &has_more));
        assert_true(out->count - before <= (size_t)filter.limit);
        assert_true(!has_more || out->count - before == (size_t)filter.limit);
        if (out->count > 0) {
            filter.after = out->item[out->count - 1];
        }
    }
}

static void assert_count(struct fixture *f, struct job_filter filter, size_t expected)
{
    AUTO(id_list_clear) struct id_list found = {0};

    filter.limit = 7;
    list_all(f, filter, &found);
    assert_int_equal(found.count, expected);
}

/* A model: the same filter over rows in memory. */
#define MODEL_JOBS  400
#define MODEL_LISTS 1500

static unsigned random_state = 1;

static unsigned pick(unsigned limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % limit;
}

static const char *const owners[] = {NULL, "alice", "bob"};
static const char *const backends[] = {NULL, "gpu0", "gpu1"};
static const char *const tags[] = {NULL, "red", "green"};
static const char *const tag_texts[] = {"[]", "[\"red\"]", "[\"green\",\"red\"]"};
static const char *const metadata_texts[] = {"{}", "{\"a\":\"1\"}", "{\"a\":\"1\",\"b\":\"2\"}",
                                             "{\"b\":\"1\",\"a\":\"2\"}"};
static const char *const templates[] = {NULL, "flux", "flux-dev"};
static const char *const titles[] = {NULL, "A Cat", "a dog", "100%"};

static struct job_row random_job(const struct job_row *rows, size_t count)
{
    struct job_row row = new_job();

    row.status = (enum job_status)pick(JOB_STATUS_COUNT);
    row.phase = phase_for(row.status);
    xreplace(&row.owner, owners[pick(3)]);
    xreplace(&row.backend, backends[pick(3)]);
    xreplace(&row.tags_json, tag_texts[pick(3)]);
    xreplace(&row.metadata_json, metadata_texts[pick(4)]);
    xreplace(&row.title, titles[pick(4)]);
    xreplace(&row.template_name, templates[pick(3)]);
    row.is_starred = pick(5) == 0;
    row.created_at = clock_wall_ms() - 500 + pick(1000);
    if (count > 0 && pick(2) == 0) {
        row.parent_id = rows[pick(count < 5 ? (unsigned)count : 5)].id;
    }
    return row;
}

static bool has_pair(const struct job_row *row, const char *key, const char *text)
{
    char pair[32];

    (void)snprintf(pair, sizeof pair, "\"%s\":\"%s\"", key, text);
    return strstr(row->metadata_json, pair) != NULL;
}

static bool is_or_any(const char *wanted, const char *text)
{
    return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

static bool matches(const struct job_filter *f, const struct job_row *row)
{
    char tag[16] = "";
    bool is_match = (f->status_mask == 0 || (f->status_mask & (1u << row->status)) != 0) &&
                    is_or_any(f->owner, row->owner) && is_or_any(f->backend, row->backend) &&
                    is_or_any(f->template_name, row->template_name) &&
                    (!f->has_starred || f->is_starred == row->is_starred) &&
                    (id_is_none(f->parent_id) || id_eq(f->parent_id, row->parent_id)) &&
                    (f->created_from == 0 || row->created_at >= f->created_from) &&
                    (f->created_before == 0 || row->created_at < f->created_before);

    for (size_t i = 0; i < f->metadata_count; i++) {
        is_match = is_match && has_pair(row, f->metadata[i].key, f->metadata[i].value);
    }
    if (f->tag != NULL) {
        (void)snprintf(tag, sizeof tag, "\"%s\"", f->tag);
        is_match = is_match && strstr(row->tags_json, tag) != NULL;
    }
    if (f->text != NULL) {
        is_match = is_match && row->title != NULL && strcasestr(row->title, f->text) != NULL;
    }
    return is_match;
}

static struct job_filter random_filter(const struct job_row *rows)
{
    static const char *const texts[] = {"cat", "A", "%", "zebra"};
    struct job_filter filter = {.limit = 1 + (int)pick(60)};

    filter.sort = pick(2) == 0 ? SORT_NEWEST : SORT_OLDEST;
    filter.status_mask = pick(2) == 0 ? 0 : pick(1u << JOB_STATUS_COUNT);
    filter.owner = owners[pick(3)];
    filter.backend = pick(2) == 0 ? NULL : backends[pick(3)];
    filter.tag = pick(2) == 0 ? NULL : tags[pick(3)];
    filter.text = pick(4) != 0 ? NULL : texts[pick(4)];
    filter.template_name = pick(2) == 0 ? NULL : templates[pick(3)];
    filter.has_starred = pick(3) == 0;
    filter.is_starred = pick(2) == 0;
    if (pick(4) == 0) {
        filter.parent_id = rows[pick(5)].id;
    }
    filter.created_from = pick(4) != 0 ? 0 : rows[pick(5)].created_at;
    filter.created_before = pick(4) != 0 ? 0 : rows[pick(5)].created_at;
    filter.metadata_count = pick(3) == 0 ? 1 + pick(2) : 0;
    filter.metadata[0].key = "a";
    filter.metadata[0].value = pick(2) == 0 ? "1" : "2";
    filter.metadata[1].key = "b";
    filter.metadata[1].value = pick(2) == 0 ? "1" : "2";
    return filter;
}

static void check_list(struct fixture *f, const struct job_filter *filter,
                       const struct job_row *rows)
{
    AUTO(id_list_clear) struct id_list found = {0};
    size_t expected = 0;

    list_all(f, *filter, &found);
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        const struct job_row *row = &rows[filter->sort == SORT_OLDEST ? i : MODEL_JOBS - 1 - i];

        if (matches(filter, row)) {
            assert_true(expected < found.count);
            assert_string_equal(found.item[expected].text, row->id.text);
            expected++;
        }
    }
    assert_int_equal(found.count, expected);
}

static void test_lists_against_a_model(void **state)
{
    struct fixture *f = *state;
    struct job_row *rows = xcalloc(MODEL_JOBS, sizeof *rows);

    assert_st(ST_OK, store_begin(f->w));
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        rows[i] = random_job(rows, i);
    }
    /* Put in any order: lists are by id. */
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        assert_st(ST_OK, insert_plain(f->w, &rows[(i * 131) % MODEL_JOBS]));
    }
    assert_st(ST_OK, store_commit(f->w));
    for (int i = 0; i < MODEL_LISTS; i++) {
        struct job_filter filter = random_filter(rows);

        check_list(f, &filter, rows);
    }
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        job_row_clear(&rows[i]);
    }
    free(rows);
}

static void test_list_edges(void **state)
{
    struct fixture *f = *state;
    AUTO(id_list_clear) struct id_list found = {0};
    struct job_filter filter = {.limit = 3};
    struct id ids[3];
    bool has_more = true;

    assert_st(ST_OK, store_jobs(f->r, &filter, note_row, &found, &has_more));
    assert_int_equal(found.count, 0);
    assert_false(has_more);
    for (int i = 0; i < 3; i++) {
        ids[i] = add_new_job(f);
    }
    has_more = true;
    assert_st(ST_OK, store_jobs(f->r, &filter, note_row, &found, &has_more));
    assert_int_equal(found.count, 3);
    assert_false(has_more); /* exactly full */
    /* The cursor need not exist any more: the job it names was deleted between the pages. */
    delete_job(f, ids[1]);
    filter.after = ids[1];
    found.count = 0;
    assert_st(ST_OK, store_jobs(f->r, &filter, note_row, &found, &has_more));
    assert_int_equal(found.count, 1);
    assert_true(id_eq(found.item[0], ids[0]));
    filter.sort = SORT_OLDEST;
    found.count = 0;
    assert_st(ST_OK, store_jobs(f->r, &filter, note_row, &found, &has_more));
    assert_int_equal(found.count, 1);
    assert_true(id_eq(found.item[0], ids[2]));
}

/* Values of clients reach the store as values, whatever they look like. */
static void test_hostile_filters(void **state)
{
    static const char *const values[] = {
        "' OR 1=1 --",  "\"", "%", "_", "*", "\\", "?1", "$1", "a'; DROP TABLE job; --",
        "\xe2\x98\x83", "",
    };
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();

    xreplace(&row.title, "plain");
    xreplace(&row.tags_json, "[\"plain\"]");
    add_job(f, &row);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_count(f, (struct job_filter){.tag = values[i]}, 0);
        assert_count(f, (struct job_filter){.owner = values[i]}, 0);
        assert_count(f, (struct job_filter){.backend = values[i]}, 0);
        assert_count(f, (struct job_filter){.template_name = values[i]}, 0);
        assert_count(f, (struct job_filter){.text = values[i]}, values[i][0] == '\0' ? 1 : 0);
        assert_count(
            f, (struct job_filter){.metadata_count = 1, .metadata = {{values[i], values[i]}}}, 0);
    }
    assert_count(f, (struct job_filter){.text = "LAI"}, 1);
}

static void test_tags_follow_a_save(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    struct job_filter old_pair = {.metadata_count = 1, .metadata = {{"k", "1"}}};
    struct job_filter new_pair = {.metadata_count = 1, .metadata = {{"k", "2 \xc3\xa9"}}};

    xreplace(&row.tags_json, "[\"a\",\"b\",\"b\"]");
    xreplace(&row.metadata_json, "{\"k\":\"1\",\"x\":\"y\"}");
    add_job(f, &row);
    assert_count(f, (struct job_filter){.tag = "b"}, 1);
    assert_count(f, old_pair, 1);
    xreplace(&row.tags_json, "[\"b\",\"c \\\"q\\\"\"]");
    xreplace(&row.metadata_json, "{\"k\":\"2 \\u00e9\"}");
    row.version = 2;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_save(f->w, &row, 1));
    assert_st(ST_OK, store_commit(f->w));
    assert_count(f, (struct job_filter){.tag = "a"}, 0);
    assert_count(f, (struct job_filter){.tag = "b"}, 1);
    assert_count(f, (struct job_filter){.tag = "c \"q\""}, 1);
    assert_count(f, old_pair, 0);
    assert_count(f, new_pair, 1);
    assert_stored(f, &row);
}

/* ---- several at once ----------------------------------------------------------------------------- */

#define RACE_JOBS 300

struct race {
    struct fixture *f;
    struct id id[RACE_JOBS];
    atomic_int committed;
    atomic_int misses;
};

static void *read_along(void *arg)
{
    struct race *race = arg;
    struct store_reader *r = NULL;
    int seen = 0;

    if (store_reader_open(race->f->store, &r) != ST_OK) {
        atomic_fetch_add(&race->misses, 1);
        return NULL;
    }
    while (seen < RACE_JOBS) {
        struct job_row row = {0};

        seen = atomic_load(&race->committed);
        if (seen > 0 && store_job(r, race->id[seen - 1], &row) != ST_OK) {
            atomic_fetch_add(&race->misses, 1);
        }
        job_row_clear(&row);
    }
    store_reader_close(r);
    return NULL;
}

static void test_readers_see_every_commit(void **state)
{
    struct fixture *f = *state;
    struct race *race = xcalloc(1, sizeof *race);
    pthread_t reader[2];

    race->f = f;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&reader[i], NULL, read_along, race), 0);
    }
    for (int i = 0; i < RACE_JOBS; i++) {
        race->id[i] = add_new_job(f);
        atomic_store(&race->committed, i + 1);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(reader[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race->misses), 0);
    free(race);
}

/* ---- crashes ------------------------------------------------------------------------------------- */

#define CRASH_BATCH 20

/* In the child: commits batches, naming each to the parent once it is on disk, until it is killed.
 * The title of a job is the number of its batch. */
static NORETURN void write_until_killed(struct fixture *f, int out_fd)
{
    fixture_open(f);
    for (int batch = 0;; batch++) {
        child_check(store_begin(f->w) == ST_OK);
        for (int i = 0; i < CRASH_BATCH; i++) {
            AUTO(job_row_clear) struct job_row row = new_job();

            row.title = xasprintf("%d", batch);
            child_check(insert_plain(f->w, &row) == ST_OK);
        }
        child_check(store_commit(f->w) == ST_OK);
        child_check(write(out_fd, &batch, sizeof batch) == sizeof batch);
    }
}

struct batch_count {
    int rows[100000];
    int highest;
};

static void count_batch(void *arg, const struct job_row *row)
{
    struct batch_count *count = arg;
    int batch = atoi(row->title); /* NOLINT(cert-err34-c): our own number */

    assert_in_range(batch, 0, 99999);
    count->rows[batch]++;
    count->highest = batch > count->highest ? batch : count->highest;
}

/* What was said to be committed is there, and each batch is there whole or not at all. */
static void check_after_crash(struct fixture *f, int acknowledged)
{
    struct batch_count *count = xcalloc(1, sizeof *count);
    struct job_filter all = {.limit = 1000000};
    bool has_more = false;

    fixture_open(f);
    count->highest = -1;
    assert_st(ST_OK, store_jobs(f->r, &all, count_batch, count, &has_more));
    assert_true(count->highest == acknowledged || count->highest == acknowledged + 1);
    for (int i = 0; i <= count->highest; i++) {
        assert_int_equal(count->rows[i], CRASH_BATCH);
    }
    fixture_empty(f);
    fixture_close(f);
    free(count);
}

static void test_kill_at_any_time(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    for (int round = 0; round < 25; round++) {
        int pipe_fd[2];
        int acknowledged = -1;
        pid_t child = 0;

        assert_int_equal(pipe(pipe_fd), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_until_killed(f, pipe_fd[1]);
        }
        (void)close(pipe_fd[1]);
        /* In every other round not before the first commit, which takes its time on a busy machine. */
        if (round % 2 == 0) {
            assert_int_equal(read(pipe_fd[0], &acknowledged, sizeof acknowledged),
                             sizeof acknowledged);
        }
        (void)usleep(pick(40000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipe_fd[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        (void)close(pipe_fd[0]);
        check_after_crash(f, acknowledged);
    }
    fixture_open(f);
}

static void die_between_begin_and_commit(struct fixture *f)
{
    fixture_open(f);
    child_check(store_begin(f->w) == ST_OK);
    for (int i = 0; i < 2000; i++) { /* enough to reach the disk before the commit */
        AUTO(job_row_clear) struct job_row row = new_job();
        struct idempotency key = new_key("alice", row.id.text, 'a', INT64_MAX);

        child_check(store_job_insert(
                        f->w, &(struct arrival){.row = &row, .graph = SPAN_LIT("{}"), .idem = &key},
                        NULL, NULL) == ST_OK);
    }
    (void)raise(SIGKILL);
}

static void test_kill_before_the_commit(void **state)
{
    struct fixture *f = *state;
    AUTO(id_list_clear) struct id_list found = {0};
    struct id kept = add_new_job(f);
    int status = 0;
    pid_t child = 0;

    fixture_close(f);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        die_between_begin_and_commit(f);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fixture_open(f);
    list_all(f, (struct job_filter){.limit = 100}, &found);
    assert_int_equal(found.count, 1);
    assert_true(id_eq(found.item[0], kept));
}

/* ---- size ---------------------------------------------------------------------------------------- */

static void count_waiting(void *arg, const struct waiting_job *job)
{
    int *count = arg;

    (void)job;
    ++*count;
}

/* The bounds are loose, for sanitizers and busy machines; what they catch is a cost that grows. */
static void test_hundred_thousand_wait(void **state)
{
    struct fixture *f = *state;
    int64_t began = 0;
    int64_t took[10];
    int count = 0;

    for (int tenth = 0; tenth < 10; tenth++) {
        began = clock_mono_ms();
        for (int batch = 0; batch < 10; batch++) {
            assert_st(ST_OK, store_begin(f->w));
            for (int i = 0; i < 1000; i++) {
                AUTO(job_row_clear) struct job_row row = new_job();

                assert_st(ST_OK, insert_plain(f->w, &row));
            }
            assert_st(ST_OK, store_commit(f->w));
        }
        took[tenth] = clock_mono_ms() - began;
    }
    assert_true(took[9] < 10 * took[1] + 1000);
    began = clock_mono_ms();
    assert_st(ST_OK, store_waiting(f->w, "user", count_waiting, &count));
    assert_int_equal(count, 100000);
    assert_true(clock_mono_ms() - began < 2000);
    began = clock_mono_ms();
    assert_count(f, (struct job_filter){.status_mask = 1u << JOB_FAILED}, 0);
    assert_st(ST_OK, store_in_flight(f->w, note_in_flight, NULL));
    assert_st(ST_NONE, store_next_deadline(f->w, &began));
    assert_true(clock_mono_ms() - began < 500);
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static void test_health(void **state)
{
    struct fixture *f = *state;
    enum st st = store_health(f->r);

    assert_true(st == ST_OK || st == ST_FULL); /* this machine's disk may be full */
}

static void test_urls_that_name_nothing(void **state)
{
    static const char *const urls[] = {"",        "jobs.db",         "mongodb://x", "sqlite",
                                       "sqlite:", "sqlite::memory:", "SQLITE:x"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct store *store = NULL;
        struct err e = ERR_INIT;

        assert_int_equal(store_open(urls[i], &store, &e), ERR_STORE_UNAVAILABLE);
        assert_null(store);
        assert_true(strlen(e.detail) > 20);
    }
    store_close(NULL);
    store_writer_close(NULL);
    store_reader_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_row_is_kept_whole),
        store_test(test_save_writes_all_columns),
        store_test(test_every_word),
        store_test(test_graph_is_kept_to_the_byte),
        store_test(test_what_is_not_there),
        store_test(test_commit_and_rollback),
        store_test(test_what_was_changed_is_counted),
        store_test(test_save_compares_versions),
        store_test(test_failed_transaction_is_worthless),
        store_test(test_key_replay),
        store_test(test_key_expires),
        store_test(test_key_without_its_job),
        store_test(test_key_purge),
        store_test(test_waiting_and_in_flight),
        store_test(test_deadlines),
        store_test(test_visitors_may_write),
        store_test(test_outputs),
        store_test(test_delete_takes_all_along),
        store_test(test_trash),
        store_test(test_trash_of_the_open_transaction),
        store_test(test_lists_against_a_model),
        store_test(test_list_edges),
        store_test(test_hostile_filters),
        store_test(test_tags_follow_a_save),
        store_test(test_readers_see_every_commit),
        store_test(test_kill_at_any_time),
        store_test(test_kill_before_the_commit),
        store_test(test_hundred_thousand_wait),
        store_test(test_health),
        cmocka_unit_test(test_urls_that_name_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
