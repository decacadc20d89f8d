/* test_rendition_cache.c - what was made of stored files is found again, and can be forgotten.
 */
#include "sandbox.h"

#include <string.h>

#include "base/file.h"
#include "store/rendition_cache.h"

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "1122222222222222222222222222222222222222222222222222222222222222"

static void put(struct rendition_cache *c, const char *sha256, const char *kind, const char *text)
{
    struct rendition_file file;

    assert_int_equal(rendition_cache_begin(c, &file, NULL), ERR_NONE);
    assert_int_equal(write(file.fd, text, strlen(text)), strlen(text));
    rendition_cache_keep(c, &file, sha256, kind);
    file_close(&file.fd);
}

static bool has(struct rendition_cache *c, const char *sha256, const char *kind, const char *text)
{
    AUTO(file_close) int fd = -1;
    char found[64] = "";
    int64_t size = 0;

    if (!rendition_cache_find(c, sha256, kind, &fd, &size)) {
        return false;
    }
    assert_int_equal(read(fd, found, sizeof found - 1), size);
    assert_string_equal(found, text);
    return true;
}

static void keeps_and_forgets(void **state)
{
    char dir[SANDBOX_SIZE];
    struct rendition_cache *c = NULL;
    struct rendition_file lost;

    (void)state;
    sandbox_make(dir);
    assert_int_equal(rendition_cache_open(dir, &c, NULL), ERR_NONE);
    assert_false(has(c, ONE, "t256", ""));
    put(c, ONE, "t256", "small");
    put(c, ONE, "t512", "large");
    put(c, TWO, "t256", "other");
    put(c, TWO, "t256", "again");
    assert_int_equal(rendition_cache_begin(c, &lost, NULL), ERR_NONE);
    rendition_cache_close(c);

    assert_int_equal(rendition_cache_open(dir, &c, NULL), ERR_NONE);
    assert_int_not_equal(access(lost.path, F_OK), 0);
    file_close(&lost.fd);
    assert_true(has(c, ONE, "t256", "small"));
    assert_true(has(c, ONE, "t512", "large"));
    assert_true(has(c, TWO, "t256", "again"));
    rendition_cache_forget(c, ONE);
    assert_false(has(c, ONE, "t256", ""));
    assert_false(has(c, ONE, "t512", ""));
    assert_true(has(c, TWO, "t256", "again"));
    rendition_cache_close(c);
    rendition_cache_close(NULL);
    sandbox_remove(dir);
}

static void discards(void **state)
{
    char dir[SANDBOX_SIZE];
    struct rendition_cache *c = NULL;
    struct rendition_file file;

    (void)state;
    sandbox_make(dir);
    assert_int_equal(rendition_cache_open(dir, &c, NULL), ERR_NONE);
    assert_int_equal(rendition_cache_begin(c, &file, NULL), ERR_NONE);
    rendition_cache_discard(&file);
    assert_int_equal(file.fd, -1);
    assert_int_not_equal(access(file.path, F_OK), 0);
    rendition_cache_close(c);
    sandbox_remove(dir);
}

static void says_why_it_cannot_open(void **state)
{
    struct rendition_cache *c = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(rendition_cache_open("/proc/none", &c, &e), ERR_INTERNAL_ERROR);
    assert_non_null(strstr(e.detail, "/proc/none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_and_forgets),
        cmocka_unit_test(discards),
        cmocka_unit_test(says_why_it_cannot_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
