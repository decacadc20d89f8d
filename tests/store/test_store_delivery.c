/* test_store_delivery.c - messages of webhooks. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW  INT64_C(1700000000000)
#define HOUR INT64_C(3600000)

static struct id add_hooked_job(struct fixture *f, const char *owner)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    row.webhook_url = xstrdup("https://a.example/hook");
    row.webhook_events_json = xstrdup("[\"job.queued\"]");
    row.webhook_secret = xstrdup("whsec_x");
    if (owner != NULL) {
        row.owner = xstrdup(owner);
    }
    add_job(f, &row);
    return row.id;
}

static struct id add_for(struct fixture *f, struct id job, const char *owner, const char *host,
                         int64_t at)
{
    struct delivery_new d = {.id = id_new(),
                             .job = job,
                             .owner = owner,
                             .event_seq = 7,
                             .event_type = "job.queued",
                             .host = host,
                             .body = SPAN_LIT("{\"id\":\"7\"}"),
                             .at = at};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_delivery_insert(f->w, &d));
    assert_st(ST_OK, store_commit(f->w));
    return d.id;
}

static struct id add(struct fixture *f, struct id job, const char *host, int64_t at)
{
    return add_for(f, job, NULL, host, at);
}

static void end_try(struct fixture *f, struct delivery_result r)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_delivery_result(f->w, &r));
    assert_st(ST_OK, store_commit(f->w));
}

/* "state attempts last_status next-NOW done-NOW|" of each, the newest first. */
static void note_delivery(void *arg, const struct delivery *d)
{
    (void)buf_appendf(arg, "%s %d %d %lld %lld %s|", delivery_state_word(d->state), d->attempts,
                      d->last_status, d->next_at != 0 ? (long long)(d->next_at - NOW) : -1,
                      d->completed_at != 0 ? (long long)(d->completed_at - NOW) : -1,
                      d->last_error != NULL ? d->last_error : "-");
}

static void assert_all(struct fixture *f, struct id job, const char *expected)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(10000);
    struct delivery_filter filter = {.job = job, .limit = 100};
    bool has_more = true;

    assert_st(ST_OK, store_deliveries(f->r, &filter, note_delivery, &text, &has_more));
    assert_false(has_more);
    assert_string_equal(buf_str(&text), expected);
}

static void note_due(void *arg, const struct delivery_due *d)
{
    assert_string_equal(d->url, "https://a.example/hook");
    assert_string_equal(d->secret, "whsec_x");
    assert_string_equal(d->event_type, "job.queued");
    assert_true(span_is(d->body, "{\"id\":\"7\"}"));
    id_list_add(arg, d->id);
}

static size_t due(struct fixture *f, const char *host, int64_t now, int limit, struct id *first)
{
    AUTO(id_list_clear) struct id_list found = {0};

    assert_st(ST_OK, store_deliveries_due(f->r, host, now, limit, note_due, &found));
    if (first != NULL && found.count > 0) {
        *first = found.item[0];
    }
    return found.count;
}

static void test_a_job_keeps_its_webhook(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    AUTO(job_row_clear) struct job_row row = {.version = 0};

    assert_st(ST_OK, store_job(f->r, job, &row));
    assert_string_equal(row.webhook_url, "https://a.example/hook");
    assert_string_equal(row.webhook_events_json, "[\"job.queued\"]");
    assert_string_equal(row.webhook_secret, "whsec_x");
}

static void test_one_from_its_begin_to_its_end(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct id id = add(f, job, "a", NOW);

    assert_all(f, job, "pending 0 0 0 -1 -|");
    assert_int_equal(due(f, "a", NOW - 1, 9, NULL), 0);
    assert_int_equal(due(f, "a", NOW, 9, NULL), 1);
    assert_int_equal(due(f, "b", NOW, 9, NULL), 0);
    end_try(f, (struct delivery_result){.id = id,
                                        .job = job,
                                        .state = DELIVERY_PENDING,
                                        .next_at = NOW + 9,
                                        .at = NOW + 1,
                                        .ended_at = NOW + 4,
                                        .status = 500,
                                        .error = "It said \"no\"."});
    assert_all(f, job, "pending 1 500 9 -1 It said \"no\".|");
    assert_int_equal(due(f, "a", NOW + 8, 9, NULL), 0);
    assert_int_equal(due(f, "a", NOW + 9, 9, NULL), 1);
    end_try(f, (struct delivery_result){.id = id,
                                        .job = job,
                                        .state = DELIVERY_DELIVERED,
                                        .next_at = NOW + 99,
                                        .at = NOW + 9,
                                        .ended_at = NOW + 12,
                                        .status = 204});
    assert_all(f, job, "delivered 2 204 -1 12 -|");
    assert_int_equal(due(f, "a", INT64_MAX, 9, NULL), 0);
}

static void note_tries(void *arg, const struct delivery *d)
{
    (void)buf_append_span(arg, d->tries_json);
}

static void test_the_last_tries_are_kept(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct id id = add(f, job, "a", NOW);
    AUTO(buf_clear) struct buf text = BUF_INIT(100000);
    struct delivery_filter filter = {.job = job, .limit = 1};
    struct delivery_result r = {.id = id, .job = job, .state = DELIVERY_PENDING, .error = "x\n\"y"};
    bool has_more = false;
    int count = 0;

    for (int i = 1; i <= DELIVERY_TRIES_KEPT + 3; i++) {
        r.at = NOW + i * 1000;
        r.ended_at = r.at + i;
        r.next_at = r.ended_at;
        r.status = i == 4 ? 0 : 500 + i;
        end_try(f, r);
    }
    assert_st(ST_OK, store_deliveries(f->r, &filter, note_tries, &text, &has_more));
    for (const char *at = buf_str(&text); (at = strstr(at, "\"at\"")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, DELIVERY_TRIES_KEPT);
    assert_ptr_equal(strstr(buf_str(&text), "[{\"at\":\"2023-11-14T22:13:24.000Z\",\"status\":null,"
                                            "\"error\":\"x\\n\\\"y\",\"duration_ms\":4}"),
                     buf_str(&text));
    assert_non_null(strstr(buf_str(&text), "\"status\":523"));
}

static void test_hosts_in_turn(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    AUTO(buf_clear) struct buf host = BUF_INIT(100);
    struct id first = ID_NONE;
    struct id late = add(f, job, "b", NOW + 5);
    struct id early = add(f, job, "b", NOW);

    (void)add(f, job, "a:9", NOW);
    assert_st(ST_OK, store_deliveries_host(f->r, "", &host));
    assert_string_equal(buf_str(&host), "a:9");
    buf_reset(&host);
    assert_st(ST_OK, store_deliveries_host(f->r, "a:9", &host));
    assert_string_equal(buf_str(&host), "b");
    assert_st(ST_NONE, store_deliveries_host(f->r, "b", &host));
    assert_int_equal(due(f, "b", NOW + 5, 9, &first), 2);
    assert_true(id_eq(first, early)); /* the longest due */
    assert_int_equal(due(f, "b", NOW + 5, 1, NULL), 1);
    end_try(f, (struct delivery_result){
                   .id = early, .job = job, .state = DELIVERY_FAILED, .ended_at = NOW});
    end_try(f, (struct delivery_result){
                   .id = late, .job = job, .state = DELIVERY_DELIVERED, .ended_at = NOW});
    assert_st(ST_NONE, store_deliveries_host(f->r, "a:9", &host));
}

static void test_gone_ends_all_of_the_job(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct id other = add_hooked_job(f, NULL);
    struct id done = add(f, job, "a", NOW);
    struct id gone = add(f, job, "a", NOW);

    (void)add(f, job, "a", NOW);
    (void)add(f, other, "a", NOW);
    end_try(f, (struct delivery_result){.id = done,
                                        .job = job,
                                        .state = DELIVERY_DELIVERED,
                                        .ended_at = NOW + 1,
                                        .status = 200});
    end_try(f, (struct delivery_result){.id = gone,
                                        .job = job,
                                        .state = DELIVERY_GONE,
                                        .ended_at = NOW + 2,
                                        .status = 410,
                                        .error = "Gone."});
    (void)add(f, job, "a", NOW + 3);
    assert_all(f, job,
               "gone 0 0 -1 3 The receiver has answered 410 to another message of this job.|"
               "gone 0 0 -1 2 The receiver has answered 410 to another message of this job.|"
               "gone 1 410 -1 2 Gone.|delivered 1 200 -1 1 -|");
    assert_all(f, other, "pending 0 0 0 -1 -|");
}

static void test_again(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct id other = add_hooked_job(f, NULL);
    struct id id = add(f, job, "a", NOW);

    end_try(f, (struct delivery_result){.id = id,
                                        .job = job,
                                        .state = DELIVERY_FAILED,
                                        .ended_at = NOW + 1,
                                        .status = 500,
                                        .error = "No."});
    assert_int_equal(due(f, "a", INT64_MAX, 9, NULL), 0);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_delivery_again(f->w, other, id, NOW + 5));
    assert_st(ST_NONE, store_delivery_again(f->w, job, job, NOW + 5));
    assert_st(ST_OK, store_delivery_again(f->w, job, id, NOW + 5));
    assert_st(ST_OK, store_commit(f->w));
    assert_all(f, job, "pending 1 500 5 -1 No.|");
    assert_int_equal(due(f, "a", NOW + 5, 9, NULL), 1);
}

static void test_it_goes_with_its_job(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct id id = add(f, job, "a", NOW);
    int64_t count = -1;
    int64_t oldest = -1;

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_st(ST_OK, store_commit(f->w));
    assert_all(f, job, "");
    assert_int_equal(due(f, "a", INT64_MAX, 9, NULL), 0);
    end_try(f, (struct delivery_result){
                   .id = id, .job = job, .state = DELIVERY_DELIVERED, .ended_at = NOW});
    assert_st(ST_OK, store_deliveries_pending(f->r, &count, &oldest));
    assert_int_equal(count, 0);
    assert_int_equal(oldest, 0);
}

static void test_what_is_rolled_back_was_not(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    struct delivery_new d = {.id = id_new(),
                             .job = job,
                             .event_type = "job.queued",
                             .host = "a",
                             .body = SPAN_LIT("{}"),
                             .at = NOW};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_delivery_insert(f->w, &d));
    store_rollback(f->w);
    assert_all(f, job, "");
}

static void note_last(void *arg, const struct delivery *d)
{
    struct id *last = arg;

    *last = d->id;
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    struct id one = add_hooked_job(f, "anna");
    struct id two = add_hooked_job(f, "bob");
    struct delivery_filter filter = {.limit = 2};
    bool has_more = false;
    int64_t count = 0;
    int64_t oldest = 0;

    for (int i = 0; i < 5; i++) {
        bool is_one = i % 2 == 0;
        struct id job = is_one ? one : two;
        struct id id = add_for(f, job, is_one ? "anna" : "bob", "a", NOW + i);

        if (i < 2) {
            end_try(f, (struct delivery_result){
                           .id = id, .job = job, .state = DELIVERY_FAILED, .ended_at = NOW + 10});
        }
    }
    for (int page = 0; page < 3; page++) {
        AUTO(buf_clear) struct buf text = BUF_INIT(10000);

        assert_st(ST_OK, store_deliveries(f->r, &filter, note_delivery, &text, &has_more));
        assert_int_equal(has_more, page < 2);
        assert_st(ST_OK, store_deliveries(f->r, &filter, note_last, &filter.after, &has_more));
        assert_string_equal(buf_str(&text), page == 0   ? "pending 0 0 4 -1 -|pending 0 0 3 -1 -|"
                                            : page == 1 ? "pending 0 0 2 -1 -|failed 1 0 -1 10 -|"
                                                        : "failed 1 0 -1 10 -|");
    }
    assert_st(ST_OK, store_deliveries_pending(f->r, &count, &oldest));
    assert_int_equal(count, 3);
    assert_int_equal(oldest, NOW + 2);
    filter = (struct delivery_filter){.owner = "anna", .limit = 10};
    {
        AUTO(buf_clear) struct buf text = BUF_INIT(10000);

        assert_st(ST_OK, store_deliveries(f->r, &filter, note_delivery, &text, &has_more));
        assert_string_equal(buf_str(&text),
                            "pending 0 0 4 -1 -|pending 0 0 2 -1 -|failed 1 0 -1 10 -|");
        buf_reset(&text);
        filter.has_state = true;
        filter.state = DELIVERY_FAILED;
        assert_st(ST_OK, store_deliveries(f->r, &filter, note_delivery, &text, &has_more));
        assert_string_equal(buf_str(&text), "failed 1 0 -1 10 -|");
        buf_reset(&text);
        filter.job = two;
        filter.owner = NULL;
        assert_st(ST_OK, store_deliveries(f->r, &filter, note_delivery, &text, &has_more));
        assert_string_equal(buf_str(&text), "failed 1 0 -1 10 -|");
    }
}

static void test_what_is_over_goes_in_time(void **state)
{
    struct fixture *f = *state;
    struct id job = add_hooked_job(f, NULL);
    int removed = -1;

    for (int i = 0; i < 4; i++) {
        struct id id = add(f, job, "a", NOW);

        if (i > 0) {
            end_try(f, (struct delivery_result){.id = id,
                                                .job = job,
                                                .state = DELIVERY_DELIVERED,
                                                .ended_at = NOW + i * HOUR,
                                                .status = 200});
        }
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_deliveries_expire(f->w, NOW + 3 * HOUR, 1, &removed));
    assert_int_equal(removed, 1);
    assert_st(ST_OK, store_deliveries_expire(f->w, NOW + 3 * HOUR, 10, &removed));
    assert_int_equal(removed, 1);
    assert_st(ST_OK, store_deliveries_expire(f->w, NOW + 3 * HOUR, 10, &removed));
    assert_int_equal(removed, 0);
    assert_st(ST_OK, store_commit(f->w));
    assert_all(f, job, "delivered 1 200 -1 10800000 -|pending 0 0 0 -1 -|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_a_job_keeps_its_webhook),
        store_test(test_one_from_its_begin_to_its_end),
        store_test(test_the_last_tries_are_kept),
        store_test(test_hosts_in_turn),
        store_test(test_gone_ends_all_of_the_job),
        store_test(test_again),
        store_test(test_it_goes_with_its_job),
        store_test(test_what_is_rolled_back_was_not),
        store_test(test_lists),
        store_test(test_what_is_over_goes_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
