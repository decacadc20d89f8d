#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"

#define MILLION 1000000

static void test_vectors(void **state)
{
    /* FIPS 180-4 examples. */
    static const struct {
        const char *text;
        const char *sum;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sum[SHA256_TEXT_SIZE];

        sha256_hex(span_of(rows[i].text), sum);
        if (strcmp(sum, rows[i].sum) != 0) {
            fail_msg("\"%s\": %s", rows[i].text, sum);
        }
    }
}

static void test_stream(void **state)
{
    char sum[SHA256_TEXT_SIZE];
    char piece[997];
    struct sha256 s;
    size_t left = MILLION;

    (void)state;
    memset(piece, 'a', sizeof piece);
    sha256_init(&s);
    sha256_update(&s, NULL, 0);
    while (left > 0) {
        size_t len = left < sizeof piece ? left : sizeof piece;

        sha256_update(&s, piece, len);
        left -= len;
    }
    sha256_final_hex(&s, sum);
    assert_string_equal(sum, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
