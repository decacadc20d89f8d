#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/file.h"
#include "base/version.h"

static void test_is_that_of_the_file(void **state)
{
    AUTO(buf_clear) struct buf file = BUF_INIT(100);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(file_read(SOURCE_DIR "/VERSION", 100, &file, &e), ERR_NONE);
    assert_int_equal(strcspn(buf_str(&file), "\n"), strlen(comfygate_version()));
    assert_memory_equal(buf_str(&file), comfygate_version(), strlen(comfygate_version()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_is_that_of_the_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
