#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/bytes.h"

static void test_life(void **state)
{
    AUTO(bytes_unref_ptr) struct bytes *b = bytes_new(SPAN_LIT("picture"));
    struct bytes *second = bytes_ref(b);

    (void)state;
    assert_ptr_equal(second, b);
    assert_true(span_is(bytes_span(b), "picture"));
    bytes_unref(b);
    assert_true(span_is(bytes_span(second), "picture"));
}

static void test_nothing(void **state)
{
    AUTO(bytes_unref_ptr) struct bytes *empty = bytes_new(SPAN_NONE);

    (void)state;
    assert_null(bytes_ref(NULL));
    bytes_unref(NULL);
    assert_int_equal(bytes_span(NULL).len, 0);
    assert_int_equal(bytes_span(empty).len, 0);
    assert_non_null(bytes_span(empty).ptr);
}

static void test_from_buf(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(100);
    AUTO(bytes_unref_ptr) struct bytes *b = NULL;
    const char *storage;

    (void)state;
    (void)buf_append_str(&text, "rendered");
    storage = text.data;
    b = bytes_from_buf(&text);
    assert_ptr_equal(bytes_span(b).ptr, storage);
    assert_true(span_is(bytes_span(b), "rendered"));
    assert_int_equal(text.len, 0);
}

#define ROUNDS 20000

static void *pass_around(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct bytes *mine = bytes_ref(arg);

        if (!span_is(bytes_span(mine), "shared")) {
            return arg;
        }
        bytes_unref(mine);
    }
    bytes_unref(arg);
    return NULL;
}

static void test_threads(void **state)
{
    struct bytes *b = bytes_new(SPAN_LIT("shared"));
    pthread_t thread[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, pass_around, bytes_ref(b)), 0);
    }
    bytes_unref(b);
    for (int i = 0; i < 4; i++) {
        void *fault = b;

        assert_int_equal(pthread_join(thread[i], &fault), 0);
        assert_null(fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_from_buf),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
