/* test_store_hold.c - what an operator has stopped. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

static void hold(struct fixture *f, const char *backend, int64_t since)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_hold_put(f->w, backend, since));
    assert_st(ST_OK, store_commit(f->w));
}

static void let_go(struct fixture *f, const char *backend)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_hold_remove(f->w, backend));
    assert_st(ST_OK, store_commit(f->w));
}

static void note(void *arg, const char *backend, int64_t since)
{
    struct buf *text = arg;

    (void)buf_appendf(text, "%s+%d ", backend, (int)(since - NOW));
}

static void assert_held(struct fixture *f, const char *expected)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1000);

    assert_st(ST_OK, store_holds(f->w, note, &text));
    assert_string_equal(buf_str(&text), expected);
}

static void test_put_and_remove(void **state)
{
    struct fixture *f = *state;

    assert_held(f, "");
    let_go(f, "gpu0");
    hold(f, "gpu0", NOW);
    hold(f, "", NOW + 1);
    hold(f, "gpu0", NOW + 2); /* the first moment stays */
    assert_held(f, "+1 gpu0+0 ");
    let_go(f, "gpu1");
    let_go(f, "");
    assert_held(f, "gpu0+0 ");
    let_go(f, "gpu0");
    assert_held(f, "");
    hold(f, "gpu0", NOW + 3);
    assert_held(f, "gpu0+3 ");
    let_go(f, "gpu0");
}

static void test_what_is_rolled_back_was_not(void **state)
{
    struct fixture *f = *state;

    hold(f, "gpu0", NOW);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_hold_put(f->w, "gpu1", NOW));
    assert_st(ST_OK, store_hold_remove(f->w, "gpu0"));
    store_rollback(f->w);
    assert_held(f, "gpu0+0 ");
    let_go(f, "gpu0");
}

static void test_it_outlives_the_program(void **state)
{
    struct fixture *f = *state;

    hold(f, "gpu0", NOW);
    hold(f, "", NOW);
    fixture_close(f);
    fixture_open(f);
    assert_held(f, "+0 gpu0+0 ");
    let_go(f, "gpu0");
    let_go(f, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_put_and_remove),
        store_test(test_what_is_rolled_back_was_not),
        store_test(test_it_outlives_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
