#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "http/job_query.h"
#include "http/list_query.h"

#define JOB "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"

static enum errc read(const char *target, struct uri *uri, struct job_filter *filter, struct err *e)
{
    *e = ERR_INIT;
    assert_int_equal(uri_parse(span_of(target), uri, e), ERR_NONE);
    return job_query_parse(uri, filter, e);
}

static void test_defaults(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct job_filter f;
    struct err e;

    (void)state;
    assert_int_equal(read("/v1/jobs", &uri, &f, &e), ERR_NONE);
    assert_int_equal(f.limit, 50);
    assert_int_equal(f.sort, SORT_NEWEST);
    assert_int_equal(f.status_mask, 0);
    assert_null(f.tag);
    assert_null(f.text);
    assert_null(f.backend);
    assert_null(f.template_name);
    assert_false(f.has_starred);
    assert_null(f.owner);
    assert_true(id_is_none(f.after));
    assert_true(id_is_none(f.parent_id));
}

static void test_everything(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct job_filter f;
    struct err e;
    char cursor[CURSOR_SIZE];
    char target[512];
    struct id id;

    (void)state;
    assert_true(id_parse(span_of(JOB), &id));
    cursor_write(id, cursor);
    (void)snprintf(target, sizeof target,
                   "/v1/"
                   "jobs?status=queued,failed&tag=a&q=b+c&backend=gpu0&template=x&starred=false&"
                   "sort=created_at&limit=200&"
                   "created_after=2023-11-14&created_before=2023-11-14T23:13:20%%2B01:00&"
                   "parent_id=" JOB "&cursor=%s&metadata.k=v&metadata.l=",
                   cursor);
    assert_int_equal(read(target, &uri, &f, &e), ERR_NONE);
    assert_int_equal(f.status_mask, 1U << JOB_QUEUED | 1U << JOB_FAILED);
    assert_string_equal(f.tag, "a");
    assert_string_equal(f.text, "b c");
    assert_string_equal(f.backend, "gpu0");
    assert_string_equal(f.template_name, "x");
    assert_true(f.has_starred);
    assert_false(f.is_starred);
    assert_int_equal(f.sort, SORT_OLDEST);
    assert_int_equal(f.limit, 200);
    assert_true(id_eq(f.parent_id, id));
    assert_true(id_eq(f.after, id));
    assert_int_equal(f.created_from, 1699920000000);
    assert_int_equal(f.created_before, 1700000000000);
    assert_int_equal(f.metadata_count, 2);
    assert_string_equal(f.metadata[0].key, "k");
    assert_string_equal(f.metadata[0].value, "v");
    assert_string_equal(f.metadata[1].value, "");
}

static void test_faults(void **state)
{
    static const struct {
        const char *target;
        const char *at;
    } rows[] = {
        {"/v1/jobs?status=", "status"},
        {"/v1/jobs?status=queued,", "status"},
        {"/v1/jobs?status=Queued", "status"},
        {"/v1/jobs?status=queued,nonsense", "status"},
        {"/v1/jobs?tag=", "tag"},
        {"/v1/jobs?q=", "q"},
        {"/v1/jobs?backend=", "backend"},
        {"/v1/jobs?template=", "template"},
        {"/v1/jobs?template=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         "template"},
        {"/v1/jobs?starred=", "starred"},
        {"/v1/jobs?starred=1", "starred"},
        {"/v1/jobs?starred=True", "starred"},
        {"/v1/jobs?tag=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "tag"},
        {"/v1/jobs?sort=title", "sort"},
        {"/v1/jobs?sort=", "sort"},
        {"/v1/jobs?limit=0", "limit"},
        {"/v1/jobs?limit=201", "limit"},
        {"/v1/jobs?limit=-1", "limit"},
        {"/v1/jobs?limit=", "limit"},
        {"/v1/jobs?limit=1e2", "limit"},
        {"/v1/jobs?cursor=", "cursor"},
        {"/v1/jobs?cursor=!", "cursor"},
        {"/v1/jobs?cursor=MDE5MzU4NmU", "cursor"},
        {"/v1/jobs?cursor=" JOB, "cursor"},
        {"/v1/jobs?parent_id=", "parent_id"},
        {"/v1/jobs?parent_id=1", "parent_id"},
        {"/v1/jobs?created_after=", "created_after"},
        {"/v1/jobs?created_after=yesterday", "created_after"},
        {"/v1/jobs?created_after=1969-12-31", "created_after"},
        {"/v1/jobs?created_before=2026-11-22T23:07:00", "created_before"},
        {"/v1/jobs?created_before=2026-11-22T23:07:00+01:00", "created_before"},
        {"/v1/jobs?metadata.=1", "metadata."},
        {"/v1/jobs?metadata.a&metadata.b&metadata.c&metadata.d&metadata.e", "metadata.e"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(uri_clear) struct uri uri;
        struct job_filter f;
        struct err e;

        if (read(rows[i].target, &uri, &f, &e) != ERR_INVALID_PARAMETER || e.item_count != 1 ||
            strcmp(e.item[0].at, rows[i].at) != 0) {
            fail_msg("%s: %zu faults, first at %s", rows[i].target, e.item_count, e.item[0].at);
        }
    }
}

static void test_all_faults_at_once(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct job_filter f;
    struct err e;

    (void)state;
    assert_int_equal(read("/v1/jobs?status=x&tag=&limit=x&cursor=x", &uri, &f, &e),
                     ERR_INVALID_PARAMETER);
    assert_int_equal(e.item_count, 4);
}

static void test_cursor_comes_back(void **state)
{
    char cursor[CURSOR_SIZE];
    char damaged[CURSOR_SIZE];
    struct id made = id_new();
    struct id read_back;

    (void)state;
    cursor_write(made, cursor);
    assert_true(cursor_parse(cursor, &read_back));
    assert_true(id_eq(made, read_back));
    assert_null(strpbrk(cursor, "+/="));
    for (size_t len = 0; len < strlen(cursor); len++) {
        memcpy(damaged, cursor, len);
        damaged[len] = '\0';
        assert_false(cursor_parse(damaged, &read_back));
    }
}

static void test_next_page(void **state)
{
    AUTO(uri_clear) struct uri uri;
    AUTO(buf_clear) struct buf next = BUF_INIT(500);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(
        uri_parse(span_of("/v1/jobs?q=a+%26b&cursor=old&limit=2&metadata.%C3%A9=%3E"), &uri, &e),
        ERR_NONE);
    list_query_next(&uri, "/v1/jobs", "NEW", &next);
    assert_string_equal(buf_str(&next),
                        "/v1/jobs?q=a%20%26b&limit=2&metadata.%C3%A9=%3E&cursor=NEW");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_all_faults_at_once),
        cmocka_unit_test(test_cursor_comes_back),
        cmocka_unit_test(test_next_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
