#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/sse.h"

/* Each event as "type=data@last_id;". */
static void read_all(struct sse *s, const char *bytes, size_t len, struct buf *out)
{
    struct span input = {bytes, len};
    struct sse_event event;

    while (sse_next(s, &input, &event)) {
        (void)buf_appendf(out, "%s=%s@%s;", event.type, event.data.ptr, sse_last_id(s));
        assert_int_equal(strlen(event.data.ptr), event.data.len);
    }
    assert_int_equal(input.len, 0);
}

static const struct {
    const char *name;
    const char *stream;
    const char *events;
} streams[] = {
    {"nothing", "", ""},
    {"one", "data: x\n\n", "message=x@;"},
    {"the gateway's", "id: 7\nevent: job.queued\ndata: {\"id\":7}\n\n", "job.queued={\"id\":7}@7;"},
    {"no blank", "data:x\nevent:y\n\n", "y=x@;"},
    {"one blank only is taken", "data:  x \n\n", "message= x @;"},
    {"lines", "data: a\ndata\ndata: c\n\n", "message=a\n\nc@;"},
    {"empty data", "data\n\n", "message=@;"},
    {"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", "message=a@;message=b@;"},
    {"CR", "data: a\r\rdata: b\r\r", "message=a@;message=b@;"},
    {"LF after CR is one end", "data: a\r\n\r\n", "message=a@;"},
    {"comments", ": hb\n\n:\n: x\ndata: a\n: y\n\n", "message=a@;"},
    {"no data, no event", "event: x\n\nid: 3\n\ndata: a\n\n", "message=a@3;"},
    {"type does not stay", "event: x\ndata: a\n\ndata: b\n\n", "x=a@;message=b@;"},
    {"id stays", "id: 1\ndata: a\n\ndata: b\n\n", "message=a@1;message=b@1;"},
    {"empty id takes it away", "id: 1\ndata: a\n\nid\ndata: b\n\n", "message=a@1;message=b@;"},
    {"unknown fields", "datas: x\nDATA: y\ndata: z\n\n", "message=z@;"},
    {"byte order mark",
     "\xef\xbb\xbf"
     "data: a\n\n",
     "message=a@;"},
    {"mark in the middle is none",
     "data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "message=a@;"},
    {"not whole", "data: a\n\ndata: b\n", "message=a@;"},
    {"colon in data", "data: a: b\n\n", "message=a: b@;"},
};

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        size_t len = strlen(streams[i].stream);

        for (size_t piece = 1; piece <= len + 1; piece++) {
            AUTO(buf_clear) struct buf out = BUF_INIT(4096);
            struct sse *s = sse_new(1000);

            for (size_t at = 0; at < len; at += piece) {
                read_all(s, streams[i].stream + at, len - at < piece ? len - at : piece, &out);
            }
            if (strcmp(buf_str(&out), streams[i].events) != 0) {
                fail_msg("%s, in pieces of %zu: %s", streams[i].name, piece, buf_str(&out));
            }
            sse_free(s);
        }
    }
}

/* An event that was lost with its connection must be asked for again. */
static void test_id_of_half_an_event(void **state)
{
    static const char stream[] = "id: 1\ndata: a\n\nid: 2\ndata: b\n";
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    struct sse *s = sse_new(1000);

    (void)state;
    read_all(s, stream, strlen(stream), &out);
    assert_string_equal(sse_last_id(s), "1");
    sse_restart(s);
    read_all(s, "data: c\n\n", 9, &out);
    assert_string_equal(buf_str(&out), "message=a@1;message=c@1;");
    sse_forget_id(s);
    assert_string_equal(sse_last_id(s), "");
    sse_free(s);
}

static void test_id_with_nul_or_too_long(void **state)
{
    static const char stream[] = "id: 1\n\nid: \0x\n\n";
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    char longest[400] = "id: ";
    struct sse *s = sse_new(1000);

    (void)state;
    read_all(s, stream, sizeof stream - 1, &out);
    assert_string_equal(sse_last_id(s), "1");
    memset(longest + 4, 'x', 255);
    (void)memcpy(longest + 259, "\n\n", 3);
    read_all(s, longest, 261, &out);
    assert_int_equal(strlen(sse_last_id(s)), 255);
    memset(longest + 4, 'y', 256);
    (void)memcpy(longest + 260, "\n\n", 3);
    read_all(s, longest, 262, &out);
    assert_int_equal(sse_last_id(s)[0], 'x');
    sse_free(s);
}

static void test_retry(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(64);
    struct sse *s = sse_new(1000);

    (void)state;
    assert_int_equal(sse_retry_ms(s), -1);
    read_all(s, "retry: 1500\n", 12, &out);
    assert_int_equal(sse_retry_ms(s), 1500);
    read_all(s, "retry: x\nretry\nretry: 1x\n", 25, &out);
    assert_int_equal(sse_retry_ms(s), 1500);
    read_all(s, "retry: 99999999999999999999\n", 28, &out);
    assert_int_equal(sse_retry_ms(s), 600000);
    sse_free(s);
}

static void test_limit(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    struct sse *s = sse_new(16);

    (void)state;
    read_all(s, "data: 0123456789\n\n", 18, &out);
    assert_false(sse_is_broken(s));
    assert_string_equal(buf_str(&out), "message=0123456789@;");
    read_all(s, "data: 01\ndata: 34\n\ndata: x\n\n", 28, &out);
    assert_false(sse_is_broken(s));
    read_all(s, "data: 0123456789a", 17, &out);
    assert_true(sse_is_broken(s));
    buf_reset(&out);
    read_all(s, "\n\ndata: x\n\n", 11, &out);
    assert_string_equal(buf_str(&out), "");
    sse_restart(s);
    read_all(s, "data: x\n\n", 9, &out);
    assert_string_equal(buf_str(&out), "message=x@;");
    sse_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_id_of_half_an_event),
        cmocka_unit_test(test_id_with_nul_or_too_long),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
