#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char folder[64];

static char *path_to(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/test_file.XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"text", "a/b/c", "a/b", "a", ""};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(free_ptr) char *path = path_to(names[i]);

        (void)remove(path);
    }
    return 0;
}

static void test_read(void **state)
{
    AUTO(free_ptr) char *path = path_to("text");
    AUTO(buf_clear) struct buf out = BUF_INIT(100);
    struct err e = ERR_INIT;
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    assert_true(fputs("0123456789", file) >= 0);
    assert_int_equal(fclose(file), 0);

    (void)buf_append_str(&out, "had ");
    assert_int_equal(file_read(path, 10, &out, &e), ERR_NONE);
    assert_string_equal(buf_str(&out), "had 0123456789");
    assert_int_equal(file_read(path, 9, &out, &e), ERR_CONTENT_TOO_LARGE);
    assert_string_equal(buf_str(&out), "had 0123456789");
    out.max = 20;
    assert_int_equal(file_read(path, 10, &out, &e), ERR_CONTENT_TOO_LARGE);
    assert_true(buf_ok(&out));
    assert_string_equal(buf_str(&out), "had 0123456789");
}

static void test_read_faults(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(100);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(file_read("/nowhere/at/all", 10, &out, &e), ERR_NOT_FOUND);
    assert_string_equal(e.detail, "/nowhere/at/all: No such file or directory");
    assert_int_equal(file_read(folder, 10, &out, &e), ERR_INTERNAL_ERROR);
    assert_int_equal(out.len, 0);
}

static void test_make_dirs(void **state)
{
    AUTO(free_ptr) char *deep = path_to("a//b/c/");
    AUTO(free_ptr) char *below_a_file = path_to("text/x");
    AUTO(free_ptr) char *a_file = path_to("text");
    struct stat info;

    (void)state;
    assert_true(file_make_dirs(deep));
    assert_true(file_make_dirs(deep));
    assert_int_equal(stat(deep, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_true(file_make_dirs("/"));
    assert_true(file_sync_dir(deep));
    assert_false(file_sync_dir(a_file));
    assert_false(file_make_dirs(""));
    assert_false(file_make_dirs(below_a_file));
    assert_int_equal(errno, ENOTDIR);
    assert_false(file_make_dirs(a_file));
    assert_int_equal(errno, ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_faults),
        cmocka_unit_test(test_make_dirs),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
