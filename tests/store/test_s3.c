/* test_s3.c - where in a bucket the files are, what a list of it says, and how its cache is kept small.
 */
#include "sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/blob_cache.h"
#include "store/blob_parts.h"
#include "store/s3_client.h"

#define HASH_A "aa00000000000000000000000000000000000000000000000000000000000000"
#define HASH_B "bb00000000000000000000000000000000000000000000000000000000000000"

static struct s3_place parsed(const char *url)
{
    struct s3_place p = {.region = ""};
    struct err e = ERR_INIT;

    assert_int_equal(s3_place_parse(url, &p, &e), ERR_NONE);
    return p;
}

static void assert_object(const char *url, const char *expected)
{
    struct s3_place p = parsed(url);
    char object[S3_URL_SIZE];

    s3_place_object(&p, HASH_A, object);
    assert_string_equal(object, expected);
}

static void places(void **state)
{
    (void)state;
    assert_object("s3://pictures", "https://pictures.s3.us-east-1.amazonaws.com/o/aa/" HASH_A);
    assert_object("s3://pictures?region=eu-west-3",
                  "https://pictures.s3.eu-west-3.amazonaws.com/o/aa/" HASH_A);
    assert_object("s3://pictures/a/b/?path_style=1&region=x-1",
                  "https://s3.x-1.amazonaws.com/pictures/a/b/o/aa/" HASH_A);
    assert_object("s3://pictures/a?endpoint=http://[::1]:9000",
                  "http://[::1]:9000/pictures/a/o/aa/" HASH_A);
    assert_object("s3://pictures?path_style=0&endpoint=https://s3.example",
                  "https://pictures.s3.example/o/aa/" HASH_A);
}

static void lists_have_a_sorted_query(void **state)
{
    struct s3_place p = parsed("s3://pictures/a/b?endpoint=http://h");
    char url[S3_URL_SIZE];

    (void)state;
    s3_place_list(&p, "", 7, url);
    assert_string_equal(url, "http://h/pictures/?list-type=2&max-keys=7&prefix=a%2Fb%2Fo%2F");
    s3_place_list(&p, HASH_B, 7, url);
    assert_string_equal(url, "http://h/pictures/?list-type=2&max-keys=7&prefix=a%2Fb%2Fo%2F"
                             "&start-after=a%2Fb%2Fo%2Fbb%2F" HASH_B);
}

/* As long as each part may be: nothing is cut. */
static void the_longest(void **state)
{
    char url[1024];
    char list[S3_URL_SIZE];
    struct s3_place p;
    int len = 0;

    (void)state;
    len = snprintf(url, sizeof url, "s3://%063d/", 0);
    memset(url + len, 'p', 254);
    (void)snprintf(url + len + 254, sizeof url - (size_t)len - 254, "?path_style=0&region=%063d",
                   0);
    p = parsed(url);
    assert_int_equal(strlen(p.prefix), 255);
    s3_place_list(&p, HASH_A, 1000, list);
    assert_string_equal(list + strlen(list) - 64, HASH_A);
}

static void refused(void **state)
{
    static const char *const URL[] = {"",
                                      "s3:/pictures",
                                      "s3://ab",
                                      "s3://Pictures",
                                      "s3://pictures//a",
                                      "s3://pictures/a?",
                                      "s3://pictures/ä",
                                      "s3://pictures/a%20b",
                                      "s3://pictures?region=",
                                      "s3://pictures?region",
                                      "s3://pictures?endpoint=host",
                                      "s3://pictures?endpoint=https://",
                                      "s3://pictures?endpoint=https://user@host",
                                      "s3://pictures?path_style=10",
                                      "s3://pictures?regions=a"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(URL); i++) {
        struct s3_place p;
        struct err e = ERR_INIT;
        enum errc expected =
            strcmp(URL[i], "s3://pictures/a?") == 0 ? ERR_NONE : ERR_INVALID_PARAMETER;

        assert_int_equal(s3_place_parse(URL[i], &p, &e), expected);
    }
}

static void hashes_of_keys(void **state)
{
    struct s3_place p = parsed("s3://pictures/a");

    (void)state;
    assert_string_equal(s3_place_hash(&p, "a/o/aa/" HASH_A), HASH_A);
    assert_string_equal(s3_place_hash(&p, "o/aa/" HASH_A), "");
    assert_string_equal(s3_place_hash(&p, "a/o/bb/" HASH_A), "");
    assert_string_equal(s3_place_hash(&p, "a/o/aa/" HASH_A "0"), "");
    assert_string_equal(s3_place_hash(&p, "a/o/aa/"), "");
    assert_string_equal(s3_place_hash(&p, "a/"), "");
    assert_string_equal(s3_place_hash(&p, ""), "");
}

static bool parse(const char *xml, struct s3_page *out)
{
    struct s3_place p = parsed("s3://pictures");
    AUTO(free_ptr) char *copy = xstrdup(xml);

    return s3_page_parse(&p, copy, out);
}

static void pages(void **state)
{
    AUTO(free_ptr) struct s3_page *page = xcalloc(1, sizeof *page);

    (void)state;
    assert_true(parse("<ListBucketResult><IsTruncated>true</IsTruncated>"
                      "<Contents><Key>o/aa/" HASH_A "</Key>"
                      "<LastModified>2026-11-23T10:00:00.000Z</LastModified></Contents>"
                      "<Contents><Key>o/other</Key>"
                      "<LastModified>2026-11-23T10:00:00.000Z</LastModified></Contents>"
                      "<Contents><LastModified>2026-11-23T10:00:01Z</LastModified><Size>1</Size>"
                      "<Key>o/bb/" HASH_B "</Key></Contents></ListBucketResult>",
                      page));
    assert_true(page->has_more);
    assert_int_equal(page->count, 2);
    assert_string_equal(page->key[0].sha256, HASH_A);
    assert_string_equal(page->key[1].sha256, HASH_B);
    assert_int_equal(page->key[1].changed_at - page->key[0].changed_at, 1000);
}

static void pages_that_are_none(void **state)
{
    AUTO(free_ptr) struct s3_page *page = xcalloc(1, sizeof *page);

    (void)state;
    assert_false(parse("", page));
    assert_false(parse("<html>", page));
    assert_true(parse("<ListBucketResult/>", page));
    assert_int_equal(page->count, 0);
    assert_false(page->has_more);
    assert_true(parse("<ListBucketResult><Contents><Key>o/aa/" HASH_A "</Key></Contents>"
                      "<Contents><LastModified>soon</LastModified></Contents>"
                      "<Contents><Key>o/aa/" HASH_A,
                      page));
    assert_int_equal(page->count, 0);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static void put(int files_fd, const char *sha256, size_t size, time_t used)
{
    const struct timespec times[2] = {{.tv_sec = used}, {.tv_sec = used}};
    char shard[3] = {sha256[0], sha256[1], '\0'};
    int fd = -1;

    (void)mkdirat(files_fd, shard, 0700);
    fd = openat(files_fd, blob_shard_path(sha256).text, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static bool has(int files_fd, const char *sha256)
{
    return faccessat(files_fd, blob_shard_path(sha256).text, F_OK, 0) == 0;
}

static void what_was_used_longest_ago_goes(void **state)
{
    static const char NEW[] = "aa11111111111111111111111111111111111111111111111111111111111111";
    char dir[SANDBOX_SIZE];
    int fd = -1;

    (void)state;
    sandbox_make(dir);
    fd = open(dir, O_RDONLY | O_DIRECTORY);
    put(fd, HASH_A, 400, 2000);
    put(fd, HASH_B, 400, 1000);
    put(fd, NEW, 400, 3000);
    blob_cache_trim(fd, 1200);
    assert_true(has(fd, HASH_A) && has(fd, HASH_B) && has(fd, NEW));
    blob_cache_trim(fd, 1199);
    assert_true(has(fd, HASH_A) && !has(fd, HASH_B) && has(fd, NEW));
    blob_cache_trim(fd, 1);
    assert_false(has(fd, HASH_A) || has(fd, NEW));
    (void)close(fd);
    sandbox_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(lists_have_a_sorted_query),
        cmocka_unit_test(the_longest),
        cmocka_unit_test(refused),
        cmocka_unit_test(hashes_of_keys),
        cmocka_unit_test(pages),
        cmocka_unit_test(pages_that_are_none),
        cmocka_unit_test(what_was_used_longest_ago_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
