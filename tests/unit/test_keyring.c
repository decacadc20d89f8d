/* test_keyring.c - which keys are known, for how long, and when their use is noted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/keyring.h"

/* A store with one key, and how often it was asked. */
struct shelf {
    struct api_key key;
    enum st st;
    int looks;
    struct keyring *forgets; /* while it is looked at: somebody revokes; NULL = nobody does */
};

static enum st look(void *arg, const char *sha256, struct api_key *out)
{
    struct shelf *s = arg;

    s->looks++;
    if (s->st != ST_OK) {
        return s->st;
    }
    if (strcmp(s->key.sha256, sha256) != 0) {
        return ST_NONE;
    }
    *out = s->key;
    if (s->forgets != NULL) {
        s->key.revoked_at = 1;
        keyring_forget(s->forgets);
    }
    return ST_OK;
}

struct fixture {
    struct key_uses *uses;
    struct keyring *ring;
    struct shelf shelf;
    char key[API_KEY_SIZE];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->uses = key_uses_new();
    f->ring = keyring_new(f->uses);
    f->shelf.key.role = ROLE_USER;
    api_key_make(&f->shelf.key, clock_wall_ms(), f->key);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    keyring_free(f->ring);
    key_uses_free(f->uses);
    free(f);
    return 0;
}

static enum errc find(struct fixture *f, const char *sha256)
{
    struct api_key found;
    enum errc rc = keyring_find(f->ring, sha256, look, &f->shelf, &found);

    if (rc == ERR_NONE) {
        assert_string_equal(found.id.text, f->shelf.key.id.text);
    }
    return rc;
}

static void wait_ms(int ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void test_looked_up_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    }
    assert_int_equal(f->shelf.looks, 1);
}

static void test_unknown_ones_are_looked_up_once_and_push_nobody_out(void **state)
{
    struct fixture *f = *state;
    char hash[65];

    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    for (int i = 0; i < 5000; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "%d", i);
        api_key_hash(span_of(text), hash);
        assert_int_equal(find(f, hash), ERR_UNAUTHORIZED);
    }
    assert_int_equal(f->shelf.looks, 1 + 5000);
    assert_int_equal(find(f, hash), ERR_UNAUTHORIZED);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    assert_int_equal(f->shelf.looks, 1 + 5000);
}

static void test_revoked_by_another_program(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    f->shelf.key.revoked_at = 1;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE); /* for a moment */
    wait_ms(KEYRING_MS + 50);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_UNAUTHORIZED);
}

static void test_revoked_here(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    f->shelf.key.revoked_at = 1;
    keyring_forget(f->ring);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_UNAUTHORIZED);
}

/* What was read just before the revocation is used this once, and not kept. */
static void test_revoked_while_it_is_looked_up(void **state)
{
    struct fixture *f = *state;

    f->shelf.forgets = f->ring;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    f->shelf.forgets = NULL;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_UNAUTHORIZED);
    assert_int_equal(f->shelf.looks, 2);
}

static void test_made_just_now(void **state)
{
    struct fixture *f = *state;
    char hash[65];

    memcpy(hash, f->shelf.key.sha256, sizeof hash);
    f->shelf.key.sha256[0] = 'x';
    assert_int_equal(find(f, hash), ERR_UNAUTHORIZED);
    memcpy(f->shelf.key.sha256, hash, sizeof hash);
    keyring_forget(f->ring);
    assert_int_equal(find(f, hash), ERR_NONE);
}

static void test_expires_while_it_is_remembered(void **state)
{
    struct fixture *f = *state;

    f->shelf.key.expires_at = clock_wall_ms() + 200;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    wait_ms(250);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_UNAUTHORIZED);
    assert_int_equal(f->shelf.looks, 1);
}

static void test_a_store_that_does_not_answer(void **state)
{
    struct fixture *f = *state;

    f->shelf.st = ST_FAIL;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_STORE_UNAVAILABLE);
    f->shelf.st = ST_OK;
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
}

static void test_uses(void **state)
{
    struct fixture *f = *state;
    struct key_use use[4];
    int64_t before = clock_wall_ms();

    assume_engine_role();
    assert_int_equal(key_uses_last(f->uses, f->shelf.key.id), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    }
    assert_true(key_uses_last(f->uses, f->shelf.key.id) >= before);
    assert_int_equal(key_uses_take(f->uses, use, COUNT_OF(use)), 1);
    assert_true(id_eq(use[0].key, f->shelf.key.id) && use[0].at >= before);
    assert_int_equal(key_uses_take(f->uses, use, COUNT_OF(use)), 0);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_NONE);
    assert_int_equal(key_uses_take(f->uses, use, COUNT_OF(use)), 0); /* within the same second */
    assert_int_equal(key_uses_last(f->uses, f->shelf.key.id), use[0].at);
    /* Who is refused has not used it. */
    f->shelf.key.revoked_at = 1;
    keyring_forget(f->ring);
    wait_ms(1050);
    assert_int_equal(find(f, f->shelf.key.sha256), ERR_UNAUTHORIZED);
    assert_int_equal(key_uses_take(f->uses, use, COUNT_OF(use)), 0);
}

static void test_more_uses_than_there_is_room_for(void **state)
{
    struct fixture *f = *state;
    struct key_use *use = xcalloc(10000, sizeof *use);
    struct id first = id_new();

    assume_engine_role();
    key_uses_note(f->uses, first, 5);
    key_uses_note(f->uses, first, 4); /* an older one changes nothing */
    assert_int_equal(key_uses_last(f->uses, first), 5);
    for (int i = 0; i < 5000; i++) {
        key_uses_note(f->uses, id_new(), 7);
    }
    assert_int_equal(key_uses_take(f->uses, use, 10), 10);
    assert_true(id_eq(use[0].key, first) && use[0].at == 5);
    assert_int_equal(key_uses_take(f->uses, use, 10000), 4096 - 10);
    key_uses_note(f->uses, id_new(), 8); /* those that were taken make room */
    assert_int_equal(key_uses_take(f->uses, use, 10000), 1);
    assert_int_equal(use[0].at, 8);
    assert_int_equal(key_uses_last(f->uses, first), 0);
    free(use);
}

#define ring_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ring_test(test_looked_up_once),
        ring_test(test_unknown_ones_are_looked_up_once_and_push_nobody_out),
        ring_test(test_revoked_by_another_program),
        ring_test(test_revoked_here),
        ring_test(test_revoked_while_it_is_looked_up),
        ring_test(test_made_just_now),
        ring_test(test_expires_while_it_is_remembered),
        ring_test(test_a_store_that_does_not_answer),
        ring_test(test_uses),
        ring_test(test_more_uses_than_there_is_room_for),
    };
    int failed = 0;

    enter_engine_role();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return failed;
}
