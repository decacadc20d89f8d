/* test_store_event.c - events: numbers that rise and never come again, pages, removal from the old end. Written
 * against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

struct found {
    int count;
    int64_t first;
    int64_t last;
    bool is_in_order;
    char data[64]; /* of the last */
    enum event_type type;
    struct id job;
    char owner[16];
    int64_t at;
};

static void note(void *arg, const struct event_row *row)
{
    struct found *f = arg;

    f->is_in_order = (f->count == 0 || f->is_in_order) && row->seq > f->last;
    f->first = f->count++ == 0 ? row->seq : f->first;
    f->last = row->seq;
    f->type = row->type;
    f->job = row->job;
    f->at = row->at;
    assert_true(row->metadata.ptr == NULL);
    (void)snprintf(f->owner, sizeof f->owner, "%s", row->owner != NULL ? row->owner : "");
    (void)snprintf(f->data, sizeof f->data, "%.*s", (int)row->data.len, row->data.ptr);
}

static struct found read_events(struct fixture *f, struct id job, int64_t after, int limit)
{
    struct found found = {.last = after};

    assert_st(ST_OK, store_events(f->r, job, after, limit, note, &found));
    return found;
}

/* In the transaction that is open. */
static int64_t insert_event(struct fixture *f, struct id job, const char *owner,
                            enum event_type type, int64_t at, const char *data)
{
    struct event_row row = {
        .type = type, .job = job, .owner = owner, .at = at, .data = span_of(data)};
    int64_t seq = 0;

    assert_st(ST_OK, store_event_insert(f->w, &row, &seq));
    return seq;
}

static int64_t add_event(struct fixture *f, struct id job, int64_t at)
{
    int64_t seq = 0;

    assert_st(ST_OK, store_begin(f->w));
    seq = insert_event(f, job, NULL, EVENT_JOB_QUEUED, at, "{}");
    assert_st(ST_OK, store_commit(f->w));
    return seq;
}

static void assert_range(struct fixture *f, int64_t oldest, int64_t newest)
{
    int64_t first = -1;
    int64_t last = -1;

    assert_st(ST_OK, store_events_range(f->w, &first, &last));
    assert_int_equal(first, oldest);
    assert_int_equal(last, newest);
}

static void test_an_event_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    struct id job = id_new();
    struct found found;
    int64_t seq = 0;

    assert_st(ST_OK, store_begin(f->w));
    (void)insert_event(f, ID_NONE, NULL, EVENT_BACKEND_DOWN, NOW, "{\"name\":\"gpu0\"}");
    seq = insert_event(f, job, "me", EVENT_JOB_SUCCEEDED, NOW + 1, "{\"a\":\"\xe2\x98\x83'\"}");
    /* Nothing is seen before its commit. */
    assert_int_equal(read_events(f, ID_NONE, 0, 10).count, 0);
    assert_st(ST_OK, store_commit(f->w));
    found = read_events(f, ID_NONE, seq - 1, 10);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.type, EVENT_JOB_SUCCEEDED);
    assert_string_equal(found.job.text, job.text);
    assert_string_equal(found.owner, "me");
    assert_int_equal(found.at, NOW + 1);
    assert_string_equal(found.data, "{\"a\":\"\xe2\x98\x83'\"}");
    found = read_events(f, ID_NONE, seq - 2, 1);
    assert_int_equal(found.type, EVENT_BACKEND_DOWN);
    assert_true(id_is_none(found.job));
    assert_string_equal(found.owner, "");
}

static void test_every_type_is_read_again(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct found found;
        int64_t seq = 0;

        if (event_is_durable((enum event_type)i)) {
            assert_st(ST_OK, store_begin(f->w));
            seq = insert_event(f, id_new(), NULL, (enum event_type)i, NOW, "{}");
            assert_st(ST_OK, store_commit(f->w));
            found = read_events(f, ID_NONE, seq - 1, 1);
            assert_int_equal(found.type, i);
        }
    }
}

static void test_pages_in_order(void **state)
{
    struct fixture *f = *state;
    struct id a = id_new();
    struct id b = id_new();
    int64_t first = add_event(f, a, NOW);
    int64_t after = first - 1;
    struct found found;

    for (int i = 1; i < 10; i++) {
        assert_int_equal(add_event(f, i % 2 == 0 ? a : b, NOW + i), first + i);
    }
    for (int i = 0; i < 3; i++) {
        found = read_events(f, ID_NONE, after, 4);
        assert_int_equal(found.count, i < 2 ? 4 : 2);
        assert_int_equal(found.first, after + 1);
        assert_true(found.is_in_order);
        after = found.last;
    }
    assert_int_equal(read_events(f, ID_NONE, after, 4).count, 0);
    found = read_events(f, a, 0, 100);
    assert_int_equal(found.count, 5);
    assert_true(found.is_in_order);
    assert_int_equal(found.last, first + 8);
    assert_int_equal(read_events(f, b, first + 3, 2).first, first + 5);
    assert_int_equal(read_events(f, id_new(), 0, 100).count, 0);
}

/* They tell of the job when it is gone; and a rollback leaves neither event nor gap. */
static void test_events_outlive_their_job_and_not_their_transaction(void **state)
{
    struct fixture *f = *state;
    struct id job = add_new_job(f);
    int64_t seq = add_event(f, job, NOW);

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_int_equal(insert_event(f, job, NULL, EVENT_JOB_DELETED, NOW, "{}"), seq + 1);
    store_rollback(f->w);
    assert_int_equal(read_events(f, job, 0, 10).count, 1);
    assert_range(f, read_events(f, ID_NONE, 0, 1).first, seq);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_int_equal(insert_event(f, job, NULL, EVENT_JOB_DELETED, NOW, "{}"), seq + 1);
    assert_st(ST_OK, store_commit(f->w));
    assert_int_equal(read_events(f, job, 0, 10).count, 2);
}

static int expire(struct fixture *f, int64_t before, int limit)
{
    int removed = -1;

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_events_expire(f->w, before, limit, &removed));
    assert_st(ST_OK, store_commit(f->w));
    return removed;
}

static void test_removal(void **state)
{
    struct fixture *f = *state;
    struct id job = id_new();
    int64_t first = 0;

    first = add_event(f, job, NOW);
    (void)expire(f, INT64_MAX, 1000000); /* of tests before this one */
    for (int i = 1; i < 6; i++) {
        (void)add_event(f, job, NOW + i);
    }
    assert_range(f, first, first + 5);
    assert_int_equal(expire(f, NOW, 100), 0);
    assert_int_equal(expire(f, NOW + 3, 2), 2);
    assert_range(f, first + 2, first + 5);
    assert_int_equal(expire(f, NOW + 3, 2), 1);
    assert_int_equal(expire(f, NOW + 3, 2), 0);
    assert_range(f, first + 3, first + 5);
    assert_int_equal(read_events(f, job, 0, 100).first, first + 3);
    /* What the clock has set back is kept with what came before it: there are no gaps. */
    (void)add_event(f, job, 5);
    assert_int_equal(expire(f, NOW + 5, 100), 2);
    assert_range(f, first + 5, first + 6);
    assert_int_equal(expire(f, INT64_MAX, 100), 1);
    assert_range(f, first + 6, first + 6);
    fixture_close(f);
    fixture_open(f);
    assert_range(f, first + 6, first + 6);
    assert_int_equal(add_event(f, job, NOW), first + 7);
    assert_int_equal(expire(f, INT64_MAX, 100), 1);
    assert_range(f, first + 7, first + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_an_event_is_kept_whole),
        store_test(test_every_type_is_read_again),
        store_test(test_pages_in_order),
        store_test(test_events_outlive_their_job_and_not_their_transaction),
        store_test(test_removal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
