/* test_s3_sign.c - links that carry their own signature: as AWS publishes them, and as browsers ask for them.
 */
#include "sandbox.h"

#include <string.h>

#include "store/s3_sign.h"

#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_DAY_MS 1369353600000LL /* 2013-05-24 */

static struct s3_link example(const char *url)
{
    return (struct s3_link){.url = url,
                            .region = "us-east-1",
                            .access_key = "AKIAIOSFODNN7EXAMPLE",
                            .secret_key = EXAMPLE_SECRET,
                            .at_ms = EXAMPLE_DAY_MS,
                            .seconds = 86400};
}

static void assert_link(const struct s3_link *link, const char *expected)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(20000);

    s3_link_write(link, &out);
    assert_true(buf_ok(&out));
    assert_string_equal(buf_str(&out), expected);
}

/* The example of "Authenticating Requests: Using Query Parameters". */
static void as_published(void **state)
{
    struct s3_link link = example("https://examplebucket.s3.amazonaws.com/test.txt");

    (void)state;
    assert_link(
        &link, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
               "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
               "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
               "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

/* Browsers send the host in small letters and leave the scheme's own port out, and so it is signed. */
static void the_host_is_as_it_is_sent(void **state)
{
    static const char *const SAME[] = {"https://ExampleBucket.S3.amazonaws.com/test.txt",
                                       "https://examplebucket.s3.amazonaws.com:443/test.txt"};

    for (size_t i = 0; i < 2; i++) {
        struct s3_link link = example(SAME[i]);
        AUTO(buf_clear) struct buf out = BUF_INIT(4096);

        s3_link_write(&link, &out);
        assert_non_null(strstr(buf_str(&out), "https://examplebucket.s3.amazonaws.com/test.txt?"));
        assert_non_null(strstr(buf_str(&out), "=aeeed9bbccd4d02ee5c0109b86d86835f995330d"));
    }
    (void)state;
}

static void another_port_stays(void **state)
{
    struct s3_link link = example("https://h:80/b/k");
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);

    (void)state;
    s3_link_write(&link, &out);
    assert_int_equal(strncmp(buf_str(&out), "https://h:80/b/k?", 17), 0);
}

/* The parts are escaped as they are signed, and any change of them changes the signature. */
static void what_the_answer_calls_itself(void **state)
{
    struct s3_link link = example("http://[::1]:9000/b/o/aa/aa");
    AUTO(buf_clear) struct buf first = BUF_INIT(4096);
    AUTO(buf_clear) struct buf second = BUF_INIT(4096);

    (void)state;
    link.content_type = "text/plain; charset=utf-8";
    link.disposition = "inline; filename=\"a b~\xc3\xa4.txt\"";
    s3_link_write(&link, &first);
    assert_non_null(strstr(
        buf_str(&first), "&response-content-disposition=inline%3B%20filename%3D%22a%20b~%C3%A4.txt"
                         "%22&response-content-type=text%2Fplain%3B%20charset%3Dutf-8&X-Amz-Sig"));
    link.content_type = "text/html";
    s3_link_write(&link, &second);
    assert_string_not_equal(strstr(buf_str(&first), "X-Amz-Signature"),
                            strstr(buf_str(&second), "X-Amz-Signature"));
}

static void what_is_no_url(void **state)
{
    static const char *const NONE[] = {"", "host/path", "https://host-without-path"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct s3_link link = example(NONE[i]);

        assert_link(&link, "");
    }
}

/* Nothing half: a link that is cut would be a wrong one. */
static void too_long(void **state)
{
    static char name[8000];
    struct s3_link link = example("https://h/b");
    AUTO(buf_clear) struct buf out = BUF_INIT(40000);
    AUTO(buf_clear) struct buf small = BUF_INIT(20);

    (void)state;
    memset(name, '"', sizeof name - 1);
    link.disposition = name;
    s3_link_write(&link, &out);
    assert_int_equal(out.len, 0);
    link.disposition = NULL;
    s3_link_write(&link, &small);
    assert_false(buf_ok(&small));
    assert_int_equal(small.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_published),       cmocka_unit_test(the_host_is_as_it_is_sent),
        cmocka_unit_test(another_port_stays), cmocka_unit_test(what_the_answer_calls_itself),
        cmocka_unit_test(what_is_no_url),     cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
