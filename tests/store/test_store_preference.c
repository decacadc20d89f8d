/* test_store_preference.c - what clients keep for their users. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

static struct preference entry(const char *owner, const char *key, const char *value)
{
    return (struct preference){
        .owner = owner, .key = key, .value = span_of(value), .updated_at = NOW};
}

static enum st put(struct fixture *f, const char *owner, const char *key, const char *value,
                   int64_t max, bool *is_new)
{
    const struct preference p = entry(owner, key, value);
    enum st st = ST_OK;

    assert_st(ST_OK, store_begin(f->w));
    st = store_preference_put(f->w, &p, max, is_new);
    assert_st(ST_OK, store_commit(f->w));
    return st;
}

static void keep(struct fixture *f, const char *owner, const char *key, const char *value)
{
    bool is_new = false;

    assert_st(ST_OK, put(f, owner, key, value, 1000, &is_new));
}

static enum st remove_key(struct fixture *f, const char *owner, const char *key)
{
    enum st st = ST_OK;

    assert_st(ST_OK, store_begin(f->w));
    st = store_preference_delete(f->w, owner, key);
    assert_st(ST_OK, store_commit(f->w));
    return st;
}

static void assert_kept(struct fixture *f, const char *owner, const char *key, const char *value)
{
    AUTO(buf_clear) struct buf found = BUF_INIT(1000);
    AUTO(buf_clear) struct buf written = BUF_INIT(1000);
    enum st expected = value != NULL ? ST_OK : ST_NONE;

    assert_st(expected, store_preference(f->r, owner, key, &found));
    assert_st(expected, store_writer_preference(f->w, owner, key, &written));
    assert_string_equal(buf_str(&found), value != NULL ? value : "");
    assert_string_equal(buf_str(&written), value != NULL ? value : "");
}

static void test_put_replace_delete(void **state)
{
    struct fixture *f = *state;
    bool is_new = false;

    assert_kept(f, NULL, "a", NULL);
    assert_st(ST_NONE, remove_key(f, NULL, "a"));
    assert_st(ST_OK, put(f, NULL, "a", "{ \"x\": 7.0 }", 10, &is_new));
    assert_true(is_new);
    assert_kept(f, NULL, "a", "{ \"x\": 7.0 }");
    assert_st(ST_OK, put(f, NULL, "a", "{}", 10, &is_new));
    assert_false(is_new);
    assert_kept(f, NULL, "a", "{}");
    assert_kept(f, NULL, "A", NULL);
    assert_st(ST_OK, remove_key(f, NULL, "a"));
    assert_kept(f, NULL, "a", NULL);
    assert_st(ST_NONE, remove_key(f, NULL, "a"));
}

static void test_owners_are_apart(void **state)
{
    struct fixture *f = *state;
    bool is_new = false;

    keep(f, NULL, "a", "{\"of\":0}");
    keep(f, "k1", "a", "{\"of\":1}");
    keep(f, "k2", "a", "{\"of\":2}");
    assert_kept(f, NULL, "a", "{\"of\":0}");
    assert_kept(f, "k1", "a", "{\"of\":1}");
    assert_kept(f, "k3", "a", NULL);
    assert_st(ST_NONE, remove_key(f, "k3", "a"));
    assert_st(ST_OK, remove_key(f, "k1", "a"));
    assert_kept(f, "k1", "a", NULL);
    assert_kept(f, "k2", "a", "{\"of\":2}");
    assert_st(ST_OK, put(f, "k1", "b", "{}", 1, &is_new));
    assert_true(is_new); /* those of others are not counted */
}

static void test_the_most_that_an_owner_has(void **state)
{
    struct fixture *f = *state;
    bool is_new = true;

    assert_st(ST_OK, put(f, "k", "a", "{}", 2, &is_new));
    assert_st(ST_OK, put(f, "k", "b", "{}", 2, &is_new));
    assert_st(ST_CONFLICT, put(f, "k", "c", "{}", 2, &is_new));
    assert_kept(f, "k", "c", NULL);
    assert_st(ST_OK, put(f, "k", "b", "{\"n\":1}", 2, &is_new));
    assert_false(is_new);
    assert_st(ST_CONFLICT, put(f, "k", "c", "{}", 2, &is_new));
    assert_st(ST_OK, remove_key(f, "k", "a"));
    assert_st(ST_OK, put(f, "k", "c", "{}", 2, &is_new));
    assert_st(ST_CONFLICT, put(f, "k", "d", "{}", 2, &is_new));
    fixture_close(f);
    fixture_open(f);
    assert_st(ST_CONFLICT, put(f, "k", "d", "{}", 2, &is_new));
    assert_st(ST_OK, put(f, "k", "d", "{}", 3, &is_new));
}

/* What was rolled back counts for nothing. */
static void test_a_transaction_that_fails(void **state)
{
    struct fixture *f = *state;
    const struct preference p = entry("k", "a", "{}");
    AUTO(buf_clear) struct buf value = BUF_INIT(100);
    bool is_new = false;

    for (int i = 0; i < 3; i++) {
        assert_st(ST_OK, store_begin(f->w));
        assert_st(ST_OK, store_preference_put(f->w, &p, 1, &is_new));
        buf_reset(&value);
        assert_st(ST_OK, store_writer_preference(f->w, "k", "a", &value));
        assert_st(ST_NONE, store_preference(f->r, "k", "a", &value)); /* not committed */
        store_rollback(f->w);
        assert_kept(f, "k", "a", NULL);
    }
    assert_st(ST_OK, put(f, "k", "b", "{}", 1, &is_new));
    assert_true(is_new);
}

/* ---- lists ------------------------------------------------------------------------------------ */

static void note_key(void *arg, const struct preference *p)
{
    char *keys = arg;
    size_t len = strlen(keys);

    assert_int_equal(p->updated_at, NOW);
    assert_int_equal(p->value.ptr[0], '{');
    (void)snprintf(keys + len, 200 - len, "%s ", p->key);
}

static void assert_list(struct fixture *f, struct preference_filter filter, const char *expected,
                        bool expected_more)
{
    char keys[200] = "";
    bool has_more = !expected_more;

    assert_st(ST_OK, store_preferences(f->r, &filter, note_key, keys, &has_more));
    assert_string_equal(keys, expected);
    assert_int_equal(has_more, expected_more);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {"b.2", "a", "b.1", "b", "b.10", "c", "B.1", "b-x"};

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        keep(f, "k", keys[i], "{}");
    }
    keep(f, NULL, "b.9", "{}");
    assert_list(f, (struct preference_filter){"k", "", "", 100}, "B.1 a b b-x b.1 b.10 b.2 c ",
                false);
    assert_list(f, (struct preference_filter){"k", "b.", "", 100}, "b.1 b.10 b.2 ", false);
    assert_list(f, (struct preference_filter){"k", "b.", "", 2}, "b.1 b.10 ", true);
    assert_list(f, (struct preference_filter){"k", "b.", "b.10", 2}, "b.2 ", false);
    assert_list(f, (struct preference_filter){"k", "b.", "", 3}, "b.1 b.10 b.2 ", false);
    assert_list(f, (struct preference_filter){"k", "b.1", "b.1", 9}, "b.10 ", false);
    assert_list(f, (struct preference_filter){"k", "z", "", 9}, "", false);
    assert_list(f, (struct preference_filter){NULL, "", "", 9}, "b.9 ", false);
    assert_list(f, (struct preference_filter){"other", "", "", 9}, "", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_put_replace_delete),
        store_test(test_owners_are_apart),
        store_test(test_the_most_that_an_owner_has),
        store_test(test_a_transaction_that_fails),
        store_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
