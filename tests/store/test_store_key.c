/* test_store_key.c - keys of the API, and what belongs to them. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

static struct api_key make(const char *name)
{
    struct api_key k = {.role = ROLE_USER, .extra_scopes = SCOPE_BIT(SCOPE_JOBS_RAW)};
    char key[API_KEY_SIZE];

    (void)snprintf(k.name, sizeof k.name, "%s", name);
    api_key_make(&k, NOW, key);
    return k;
}

static enum st insert(struct store_writer *w, const struct api_key *k)
{
    enum st st = ST_OK;

    assert_st(ST_OK, store_begin(w));
    st = store_key_insert(w, k);
    assert_st(ST_OK, store_commit(w));
    return st;
}

static void assert_same_key(const struct api_key *a, const struct api_key *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->extra_scopes, b->extra_scopes);
    assert_string_equal(a->sha256, b->sha256);
    assert_int_equal(a->created_at, b->created_at);
    assert_string_equal(a->created_by, b->created_by);
    assert_int_equal(a->expires_at, b->expires_at);
    assert_int_equal(a->revoked_at, b->revoked_at);
    assert_int_equal(a->last_used_at, b->last_used_at);
}

static void test_found_by_all_its_names(void **state)
{
    struct fixture *f = *state;
    struct api_key k = make("anna");
    struct api_key all = make("all");
    struct api_key found;

    all.role = ROLE_NONE;
    all.extra_scopes = SCOPES_ALL;
    all.expires_at = NOW + 1;
    all.revoked_at = NOW + 2;
    all.last_used_at = NOW + 3;
    (void)snprintf(all.created_by, sizeof all.created_by, "anna");
    assert_st(ST_OK, insert(f->w, &k));
    assert_st(ST_OK, insert(f->w, &all));
    assert_st(ST_OK, store_key_by_hash(f->r, k.sha256, &found));
    assert_same_key(&k, &found);
    assert_st(ST_OK, store_key_by_name(f->r, "all", &found));
    assert_same_key(&all, &found);
    assert_st(ST_OK, store_key(f->r, k.id, &found));
    assert_same_key(&k, &found);
    assert_st(ST_NONE, store_key_by_name(f->r, "Anna", &found));
    assert_st(ST_NONE, store_key_by_hash(f->r, "", &found));
    assert_st(ST_NONE, store_key(f->r, id_new(), &found));
    fixture_close(f);
    fixture_open(f);
    assert_st(ST_OK, store_key_by_hash(f->r, all.sha256, &found));
    assert_same_key(&all, &found);
}

static void test_a_name_is_given_once(void **state)
{
    struct fixture *f = *state;
    struct api_key first = make("anna");
    struct api_key second = make("anna");
    struct api_key found;

    assert_st(ST_OK, insert(f->w, &first));
    assert_st(ST_CONFLICT, insert(f->w, &second));
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_key_revoke(f->w, first.id, NOW));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_CONFLICT, insert(f->w, &second));
    assert_st(ST_NONE, store_key_by_hash(f->r, second.sha256, &found));
    assert_st(ST_OK, store_key_by_name(f->r, "anna", &found));
    assert_string_equal(found.id.text, first.id.text);
}

static void test_revoked_and_used(void **state)
{
    struct fixture *f = *state;
    struct api_key k = make("anna");
    struct api_key found;

    assert_st(ST_OK, insert(f->w, &k));
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_key_revoke(f->w, id_new(), NOW));
    assert_st(ST_OK, store_key_revoke(f->w, k.id, NOW + 5));
    assert_st(ST_OK, store_key_revoke(f->w, k.id, NOW + 9)); /* the first moment stays */
    assert_st(ST_OK, store_key_used(f->w, k.id, NOW + 7));
    assert_st(ST_OK, store_key_used(f->w, k.id, NOW + 6));
    assert_st(ST_OK, store_key_used(f->w, id_new(), NOW));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_key(f->r, k.id, &found));
    assert_int_equal(found.revoked_at, NOW + 5);
    assert_int_equal(found.last_used_at, NOW + 7);
    assert_int_equal(api_key_status(&found, NOW + 6), API_KEY_REVOKED);
}

static void test_how_many_are_active(void **state)
{
    struct fixture *f = *state;
    struct api_key for_ever = make("a");
    struct api_key expires = make("b");
    struct api_key revoked = make("c");
    int64_t count = -1;

    expires.expires_at = NOW + 10;
    revoked.revoked_at = NOW;
    assert_st(ST_OK, store_keys_active(f->w, NOW, &count));
    assert_int_equal(count, 0);
    assert_st(ST_OK, insert(f->w, &for_ever));
    assert_st(ST_OK, insert(f->w, &expires));
    assert_st(ST_OK, insert(f->w, &revoked));
    assert_st(ST_OK, store_keys_active(f->w, NOW, &count));
    assert_int_equal(count, 2);
    assert_st(ST_OK, store_keys_active(f->w, NOW + 10, &count));
    assert_int_equal(count, 1);
}

static void note_key(void *arg, const struct api_key *k)
{
    struct buf *text = arg;

    (void)buf_appendf(text, "%s ", k->name);
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    struct api_key k[5];
    AUTO(buf_clear) struct buf text = BUF_INIT(1000);
    bool has_more = true;

    assert_st(ST_OK, store_keys(f->r, ID_NONE, 10, note_key, &text, &has_more));
    assert_false(has_more);
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        k[i] = make(name);
        assert_st(ST_OK, insert(f->w, &k[i]));
    }
    assert_st(ST_OK, store_keys(f->r, ID_NONE, 2, note_key, &text, &has_more));
    assert_true(has_more);
    assert_st(ST_OK, store_keys(f->r, k[3].id, 2, note_key, &text, &has_more));
    assert_true(has_more);
    assert_st(ST_OK, store_keys(f->r, k[1].id, 2, note_key, &text, &has_more));
    assert_false(has_more);
    assert_string_equal(buf_str(&text), "e d c b a ");
}

static void test_written_beside_the_gateway(void **state)
{
    struct fixture *f = *state;
    struct store_writer *beside = NULL;
    struct store_writer *another = NULL;
    struct api_key k = make("anna");
    struct api_key found;

    /* The gateway's own writer is open; a second one of that kind is refused. */
    assert_st(ST_FAIL, store_writer_open(f->store, &another));
    assert_st(ST_OK, store_keys_writer_open(f->store, &beside));
    assert_st(ST_OK, insert(beside, &k));
    assert_st(ST_OK, store_key_by_hash(f->r, k.sha256, &found));
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_key_revoke(f->w, k.id, NOW));
    assert_st(ST_OK, store_commit(f->w));
    store_writer_close(beside);
    assert_st(ST_FAIL, store_writer_open(f->store, &another));
}

static struct id add_owned(struct fixture *f, const char *owner, enum job_status status)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    row.owner = xstrdup_or_null(owner);
    row.status = status;
    row.phase = job_has_ended(status) ? PHASE_NONE : row.phase;
    row.completed_at = job_has_ended(status) ? NOW : 0;
    add_job(f, &row);
    return row.id;
}

static struct id add_asset(struct fixture *f, const char *owner)
{
    struct asset a = {.id = id_new(),
                      .owner = xstrdup_or_null(owner),
                      .type = OUTPUT_IMAGE,
                      .content_type = xstrdup("image/png"),
                      .created_at = NOW,
                      .used_at = NOW};
    struct asset known;

    memset(a.sha256, 'c', 64);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_asset_insert(f->w, &a, &known));
    assert_st(ST_OK, store_commit(f->w));
    free(a.owner);
    free(a.content_type);
    return a.id;
}

static void assert_owner(struct fixture *f, enum owned what, struct id id, const char *owner)
{
    static const char *const WHO[] = {"anna", "ben", "Anna", "ann", ""};

    for (size_t i = 0; i < COUNT_OF(WHO); i++) {
        bool is_his = owner != NULL && strcmp(owner, WHO[i]) == 0;

        assert_st(is_his ? ST_OK : ST_NONE, store_owns(f->r, what, id, WHO[i]));
    }
}

static void test_owners(void **state)
{
    struct fixture *f = *state;
    struct output_filter of_all = {.limit = 10};
    struct id of_anna = add_owned(f, "anna", JOB_SUCCEEDED);
    struct id of_nobody = add_owned(f, NULL, JOB_QUEUED);
    bool has_more = false;

    add_output(f, of_anna, 0, 'a');
    add_output(f, of_nobody, 0, 'b');
    assert_owner(f, OWNED_JOB, of_anna, "anna");
    assert_owner(f, OWNED_JOB, of_nobody, NULL);
    assert_owner(f, OWNED_JOB, id_new(), NULL);
    assert_owner(f, OWNED_OUTPUT, of_anna, NULL); /* the id of a job is none of an output */
    assert_owner(f, OWNED_ASSET, add_asset(f, "ben"), "ben");
    assert_owner(f, OWNED_ASSET, add_asset(f, "anna"), "anna");
    of_all.owner = "carl";
    assert_st(ST_OK, store_output_list(f->r, &of_all, NULL, NULL, &has_more));
}

static void note_output(void *arg, const struct output_entry *entry)
{
    struct id_list *ids = arg;

    id_list_add(ids, entry->output.id);
}

static void test_outputs_of_an_owner(void **state)
{
    struct fixture *f = *state;
    AUTO(id_list_clear) struct id_list ids = {0};
    struct output_filter filter = {.owner = "anna", .limit = 2};
    bool has_more = false;
    struct id first = add_owned(f, "anna", JOB_SUCCEEDED);
    struct id foreign = add_owned(f, "ben", JOB_SUCCEEDED);
    struct id second = add_owned(f, "anna", JOB_SUCCEEDED);

    add_output(f, second, 0, 'a'); /* the job that came later ended earlier */
    add_output(f, foreign, 0, 'b');
    add_output(f, first, 0, 'c');
    add_output(f, first, 1, 'd');
    assert_st(ST_OK, store_output_list(f->r, &filter, note_output, &ids, &has_more));
    assert_true(has_more);
    filter.after = ids.item[1];
    assert_st(ST_OK, store_output_list(f->r, &filter, note_output, &ids, &has_more));
    assert_false(has_more);
    assert_int_equal(ids.count, 3);
    for (size_t i = 0; i < ids.count; i++) {
        assert_st(ST_OK, store_owns(f->r, OWNED_OUTPUT, ids.item[i], "anna"));
        assert_st(ST_NONE, store_owns(f->r, OWNED_OUTPUT, ids.item[i], "ben"));
        assert_true(i == 0 || strcmp(ids.item[i - 1].text, ids.item[i].text) > 0);
    }
}

static void count_ended(void *arg, const struct ended_job *job)
{
    int *count = arg;

    assert_int_equal(job->completed_at, NOW);
    (*count)++;
}

static void test_counts_of_an_owner(void **state)
{
    struct fixture *f = *state;
    int64_t open[JOB_STATUS_COUNT] = {0};
    int ended = 0;

    (void)add_owned(f, "anna", JOB_SUCCEEDED);
    (void)add_owned(f, "anna", JOB_QUEUED);
    (void)add_owned(f, "anna", JOB_QUEUED);
    (void)add_owned(f, "ben", JOB_QUEUED);
    (void)add_owned(f, "ben", JOB_FAILED);
    (void)add_owned(f, NULL, JOB_FAILED);
    assert_st(ST_OK, store_open_counts(f->r, "anna", open));
    assert_int_equal(open[JOB_QUEUED], 2);
    assert_int_equal(open[JOB_RUNNING], 0);
    assert_int_equal(open[JOB_SUCCEEDED], 0); /* not open */
    assert_st(ST_OK, store_ended(f->r, "anna", NOW, 10, count_ended, &ended));
    assert_int_equal(ended, 1);
    assert_st(ST_OK, store_ended(f->r, NULL, NOW, 10, count_ended, &ended));
    assert_int_equal(ended, 1 + 3);
    assert_st(ST_OK, store_ended(f->r, "", NOW, 10, count_ended, &ended));
    assert_int_equal(ended, 1 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_found_by_all_its_names),
        store_test(test_a_name_is_given_once),
        store_test(test_revoked_and_used),
        store_test(test_how_many_are_active),
        store_test(test_pages),
        store_test(test_written_beside_the_gateway),
        store_test(test_owners),
        store_test(test_outputs_of_an_owner),
        store_test(test_counts_of_an_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
