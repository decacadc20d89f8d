#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/event.h"

#define AT  1763856420123
#define JOB "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"

static struct id job_id(void)
{
    struct id id = ID_NONE;

    assert_true(id_parse(SPAN_LIT(JOB), &id));
    return id;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void test_words(void **state)
{
    enum event_type type = EVENT_JOB_QUEUED;

    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        enum event_type parsed = EVENT_TYPE_COUNT;

        assert_true(event_type_parse(span_of(event_type_word((enum event_type)i)), &parsed));
        assert_int_equal(parsed, i);
    }
    assert_false(event_type_parse(SPAN_LIT("job.queue"), &type));
    assert_false(event_type_parse(SPAN_LIT("job.queuedx"), &type));
    assert_false(event_type_parse(SPAN_LIT(""), &type));
    assert_int_equal(type, EVENT_JOB_QUEUED);
    assert_true(event_is_durable(EVENT_BACKEND_DOWN));
    assert_false(event_is_durable(EVENT_JOB_PROGRESS));
    assert_true(event_is_end(EVENT_JOB_EXPIRED));
    assert_true(event_is_end(EVENT_JOB_DELETED));
    assert_false(event_is_end(EVENT_JOB_REQUEUED));
}

/* ---- what a change is ------------------------------------------------------------------------ */

struct moment {
    enum job_status status;
    enum job_phase phase;
    int64_t started_at;
    int attempt;
};

#define WAITS                                                                                      \
    {                                                                                              \
        JOB_QUEUED, PHASE_WAITING, 0, 0                                                            \
    }
#define GIVEN                                                                                      \
    {                                                                                              \
        JOB_QUEUED, PHASE_SUBMITTED, 0, 1                                                          \
    }
#define RUNS                                                                                       \
    {                                                                                              \
        JOB_RUNNING, PHASE_EXECUTING, 5, 1                                                         \
    }
#define FETCHED                                                                                    \
    {                                                                                              \
        JOB_RUNNING, PHASE_COLLECTING, 5, 1                                                        \
    }
#define STOPPING                                                                                   \
    {                                                                                              \
        JOB_CANCELING, PHASE_EXECUTING, 5, 1                                                       \
    }
#define NOTHING EVENT_TYPE_COUNT

static const struct {
    const char *name;
    struct moment old;
    struct moment now;
    size_t outputs;
    enum event_type type[EVENT_CHANGES_MAX];
} changes[] = {
    {"given to a ComfyUI", WAITS, GIVEN, 0, {NOTHING}},
    {"begun", GIVEN, RUNS, 0, {EVENT_JOB_STARTED}},
    {"done before it was seen to run", GIVEN, FETCHED, 0, {EVENT_JOB_STARTED}},
    {"done", RUNS, FETCHED, 0, {NOTHING}},
    {"succeeded",
     FETCHED,
     {JOB_SUCCEEDED, PHASE_NONE, 5, 1},
     2,
     {EVENT_JOB_OUTPUT, EVENT_JOB_SUCCEEDED}},
    {"succeeded with nothing",
     FETCHED,
     {JOB_SUCCEEDED, PHASE_NONE, 5, 1},
     0,
     {EVENT_JOB_SUCCEEDED}},
    {"failed at once", GIVEN, {JOB_FAILED, PHASE_NONE, 5, 1}, 0, {EVENT_JOB_FAILED}},
    {"failed", RUNS, {JOB_FAILED, PHASE_NONE, 5, 1}, 3, {EVENT_JOB_FAILED}},
    {"stopping", RUNS, STOPPING, 0, {EVENT_JOB_CANCELING}},
    {"stopping as it begins", GIVEN, STOPPING, 0, {EVENT_JOB_STARTED, EVENT_JOB_CANCELING}},
    {"still stopping", STOPPING, STOPPING, 0, {NOTHING}},
    {"stopped", STOPPING, {JOB_CANCELED, PHASE_NONE, 5, 1}, 0, {EVENT_JOB_CANCELED}},
    {"stopped while it waits", WAITS, {JOB_CANCELED, PHASE_NONE, 0, 0}, 0, {EVENT_JOB_CANCELED}},
    {"too late", WAITS, {JOB_EXPIRED, PHASE_NONE, 0, 0}, 0, {EVENT_JOB_EXPIRED}},
    {"lost", RUNS, {JOB_QUEUED, PHASE_WAITING, 0, 1}, 0, {EVENT_JOB_REQUEUED}},
    {"lost before it began", GIVEN, {JOB_QUEUED, PHASE_WAITING, 0, 1}, 0, {EVENT_JOB_REQUEUED}},
    {"never sent", GIVEN, {JOB_QUEUED, PHASE_WAITING, 0, 0}, 0, {NOTHING}},
    {"begun again",
     {JOB_QUEUED, PHASE_SUBMITTED, 0, 2},
     {JOB_RUNNING, PHASE_EXECUTING, 9, 2},
     0,
     {EVENT_JOB_STARTED}},
    {"renamed after its end",
     {JOB_FAILED, PHASE_NONE, 5, 1},
     {JOB_FAILED, PHASE_NONE, 5, 1},
     0,
     {NOTHING}},
};

static struct job_row row_at(const struct moment *m)
{
    struct job_row row;

    job_row_init(&row);
    row.status = m->status;
    row.phase = m->phase;
    row.started_at = m->started_at;
    row.attempt = m->attempt;
    return row;
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        AUTO(job_row_clear) struct job_row old = row_at(&changes[i].old);
        AUTO(job_row_clear) struct job_row now = row_at(&changes[i].now);
        enum event_type type[EVENT_CHANGES_MAX] = {NOTHING, NOTHING};
        size_t count = event_of_change(&old, &now, changes[i].outputs, type);
        size_t expected = 0;

        /* What the table leaves out is 0, which is job.queued: never told of a change. */
        while (expected < EVENT_CHANGES_MAX && changes[i].type[expected] != NOTHING &&
               changes[i].type[expected] != EVENT_JOB_QUEUED) {
            expected++;
        }
        if (count != expected || memcmp(type, changes[i].type, count * sizeof type[0]) != 0) {
            fail_msg("%s: %zu events, the first is %d", changes[i].name, count, (int)type[0]);
        }
    }
}

static void test_arrival_and_removal(void **state)
{
    static const struct moment waits = WAITS;
    AUTO(job_row_clear) struct job_row row = row_at(&waits);
    enum event_type type[EVENT_CHANGES_MAX];

    (void)state;
    assert_int_equal(event_of_change(NULL, &row, 0, type), 1);
    assert_int_equal(type[0], EVENT_JOB_QUEUED);
    assert_int_equal(event_of_change(&row, NULL, 0, type), 1);
    assert_int_equal(type[0], EVENT_JOB_DELETED);
}

static void set_title(struct job_row *row)
{
    xreplace(&row->title, "b");
}

static void set_no_title(struct job_row *row)
{
    free(row->title);
    row->title = NULL;
}

static void set_tags(struct job_row *row)
{
    xreplace(&row->tags_json, "[\"a\"]");
}

static void set_metadata(struct job_row *row)
{
    xreplace(&row->metadata_json, "{\"a\":\"b\"}");
}

static void set_starred(struct job_row *row)
{
    row->is_starred = true;
}

static void set_priority(struct job_row *row)
{
    row->priority = -1;
}

/* Between two rows of this moment; the first is titled "a". */
static size_t change_of(const struct moment *at, void (*set)(struct job_row *row),
                        enum event_type type[EVENT_CHANGES_MAX])
{
    AUTO(job_row_clear) struct job_row old = row_at(at);
    AUTO(job_row_clear) struct job_row now = row_at(at);

    xreplace(&old.title, "a");
    xreplace(&now.title, "a");
    set(&now);
    return event_of_change(&old, &now, 0, type);
}

static void test_what_people_change(void **state)
{
    static void (*const sets[])(struct job_row * row) = {set_title,    set_no_title, set_tags,
                                                         set_metadata, set_starred,  set_priority};
    static const struct moment waits = WAITS;
    static const struct moment ended = {JOB_FAILED, PHASE_NONE, 5, 1};
    enum event_type type[EVENT_CHANGES_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        type[0] = NOTHING;
        assert_int_equal(change_of(&waits, sets[i], type), 1);
        assert_int_equal(type[0], EVENT_JOB_UPDATED);
        type[0] = NOTHING;
        assert_int_equal(change_of(&ended, sets[i], type), 1);
        assert_int_equal(type[0], EVENT_JOB_UPDATED);
    }
}

/* What tells of a job's life tells its new title, too. */
static void test_a_change_is_told_once(void **state)
{
    static const struct moment given = GIVEN;
    static const struct moment runs = RUNS;
    AUTO(job_row_clear) struct job_row old = row_at(&given);
    AUTO(job_row_clear) struct job_row now = row_at(&runs);
    enum event_type type[EVENT_CHANGES_MAX];

    (void)state;
    set_title(&now);
    assert_int_equal(event_of_change(&old, &now, 0, type), 1);
    assert_int_equal(type[0], EVENT_JOB_STARTED);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void test_an_update_tells_what_can_be_changed(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 16);
    struct json_out o = json_out_to(&text);
    AUTO(job_row_clear) struct job_row row;

    (void)state;
    job_row_init(&row);
    row.version = 7;
    row.priority = -3;
    row.is_starred = true;
    xreplace(&row.title, "a");
    xreplace(&row.metadata_json, "{\"chat\":\"7\"}");
    event_job_data(&o, EVENT_JOB_UPDATED, &row, NULL);
    assert_string_equal(buf_str(&text), "{\"version\":7,\"title\":\"a\",\"tags\":[],"
                                        "\"metadata\":{\"chat\":\"7\"},"
                                        "\"priority\":-3,\"starred\":true}");
}

static void test_a_deleted_job_leaves_nothing_private(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 16);
    struct json_out o = json_out_to(&text);
    AUTO(job_row_clear) struct job_row row;

    (void)state;
    job_row_init(&row);
    row.id = job_id();
    row.status = JOB_FAILED;
    row.phase = PHASE_NONE;
    xreplace(&row.title, "secret");
    xreplace(&row.input_json, "{\"prompt\":\"secret\"}");
    xreplace(&row.metadata_json, "{\"chat\":\"7\"}");
    job_error_set(&row.error, JOB_ERR_NODE_EXECUTION_ERROR, "secret", "secret", "secret", "secret");
    event_job_data(&o, EVENT_JOB_DELETED, &row, NULL);
    assert_null(strstr(buf_str(&text), "secret"));
    assert_non_null(strstr(buf_str(&text), "\"metadata\":{\"chat\":\"7\"}"));
    assert_non_null(strstr(buf_str(&text), "\"code\":\"node_execution_error\""));
    buf_reset(&text);
    o = json_out_to(&text);
    event_job_data(&o, EVENT_JOB_FAILED, &row, NULL);
    assert_null(strstr(buf_str(&text), "prompt"));
    assert_non_null(strstr(buf_str(&text), "\"title\":\"secret\""));
}

static void assert_data(struct buf *text, const char *expected)
{
    assert_string_equal(buf_str(text), expected);
    buf_reset(text);
}

/* It is up since AT, and drained since `draining_since`. */
static void assert_drained(int64_t draining_since, const char *since)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 16);
    struct json_out o = json_out_to(&text);

    event_backend_data(
        &o, "gpu0",
        &(struct backend_state){.is_up = true, .since = AT, .draining_since = draining_since});
    assert_non_null(strstr(buf_str(&text), "\"status\":\"draining\",\"reason\":\"It is drained"));
    assert_non_null(strstr(buf_str(&text), since));
}

static void test_what_is_drained_is_so_since_both(void **state)
{
    (void)state;
    assert_drained(AT + 1000, "\"since\":\"2025-11-23T00:07:01.123Z\",\"draining\":true}");
    assert_drained(AT - 1000, "\"since\":\"2025-11-23T00:07:00.123Z\",\"draining\":true}");
}

static void test_small_data(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 16);
    struct json_out o = json_out_to(&text);

    (void)state;
    event_backend_data(&o, "gpu0",
                       &(struct backend_state){.is_up = true, .reason = "is fine", .since = AT});
    assert_data(&text, "{\"name\":\"gpu0\",\"status\":\"up\",\"reason\":null,"
                       "\"since\":\"2025-11-23T00:07:00.123Z\",\"draining\":false}");
    event_backend_data(
        &o, "gpu0",
        &(struct backend_state){.reason = "gone", .since = AT, .draining_since = AT + 1000});
    assert_data(&text, "{\"name\":\"gpu0\",\"status\":\"down\",\"reason\":\"gone\","
                       "\"since\":\"2025-11-23T00:07:00.123Z\",\"draining\":true}");
    event_queue_data(&o, AT);
    assert_data(&text, "{\"paused_since\":\"2025-11-23T00:07:00.123Z\"}");
    event_queue_data(&o, 0);
    assert_data(&text, "{\"paused_since\":null}");
    event_preview_data(&o, job_id(), 3);
    assert_data(&text, "{\"preview_seq\":3,\"url\":\"/v1/jobs/" JOB "/preview\"}");
    event_position_data(&o, 12);
    assert_data(&text, "{\"queue_position\":12}");
}

/* ---- as it is told --------------------------------------------------------------------------- */

#define OBJECT                                                                                     \
    "{\"id\":\"12\",\"type\":\"job.started\",\"timestamp\":\"2025-11-23T00:07:00.123Z\","          \
    "\"job_id\":\"" JOB "\",\"data\":{\"a\": 1 }}"

static void test_rendering(void **state)
{
    struct event_row row = {.seq = 12,
                            .type = EVENT_JOB_STARTED,
                            .job = job_id(),
                            .owner = "me",
                            .at = AT,
                            .data = SPAN_LIT("{\"a\":\n1\r}")};
    AUTO(event_clear) struct event event = {.seq = 0};
    AUTO(event_clear) struct event copy = {.seq = 0};

    (void)state;
    event_render(&row, &event);
    assert_true(
        span_is(bytes_span(event.text), "id: 12\nevent: job.started\ndata: " OBJECT "\n\n"));
    assert_true(span_is(event_json(&event), OBJECT));
    assert_true(span_is((struct span){bytes_span(event.text).ptr + event.data_at, event.data_len},
                        "{\"a\": 1 }"));
    assert_true(span_is(bytes_span(event.owner), "me"));
    copy = event_ref(&event);
    event_clear(&event);
    event_clear(&event);
    assert_true(span_is(event_json(&copy), OBJECT));
}

static void test_passing_events_have_no_number(void **state)
{
    struct event_row row = {
        .type = EVENT_JOB_POSITION, .job = job_id(), .at = AT, .data = SPAN_LIT("{}")};
    AUTO(event_clear) struct event event = {.seq = 0};

    (void)state;
    event_render(&row, &event);
    assert_true(span_is(bytes_span(event.text),
                        "event: job.position\ndata: {\"id\":null,\"type\":\"job.position\","
                        "\"timestamp\":\"2025-11-23T00:07:00.123Z\",\"job_id\":\"" JOB
                        "\",\"data\":{}}\n\n"));
}

static void test_events_about_the_stream(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 16);

    (void)state;
    event_append(&text, "snapshot", 0, ID_NONE, AT, SPAN_LIT("{\"jobs\":\n[]}"));
    event_append(&text, "end", -1, job_id(), AT, SPAN_LIT("{}"));
    assert_string_equal(buf_str(&text),
                        "id: 0\nevent: snapshot\ndata: {\"id\":null,\"type\":\"snapshot\","
                        "\"timestamp\":\"2025-11-23T00:07:00.123Z\",\"job_id\":null,"
                        "\"data\":{\"jobs\": []}}\n\n"
                        "event: end\ndata: {\"id\":null,\"type\":\"end\","
                        "\"timestamp\":\"2025-11-23T00:07:00.123Z\",\"job_id\":\"" JOB
                        "\",\"data\":{}}\n\n");
}

/* ---- who hears what -------------------------------------------------------------------------- */

static bool takes(struct event_filter filter, struct id job, const char *owner, const char *data,
                  const char *metadata)
{
    struct event_row row = {.seq = 1,
                            .type = id_is_none(job) ? EVENT_BACKEND_UP : EVENT_JOB_FAILED,
                            .job = job,
                            .owner = owner,
                            .at = AT,
                            .data = span_of(data),
                            .metadata = span_of(metadata)};
    AUTO(event_clear) struct event event = {.seq = 0};

    event_render(&row, &event);
    return event_filter_takes(&filter, &event);
}

static void test_filters(void **state)
{
    struct event_filter chat = {.metadata_count = 1, .metadata = {{"chat", "7"}}};
    struct event_filter both = {.metadata_count = 2, .metadata = {{"chat", "7"}, {"\xc3\xa9", ""}}};
    struct event_filter mine = {.owner = "me"};
    struct event_filter failed = {.types = 1U << EVENT_JOB_FAILED};
    struct event_filter other = {.types = 1U << EVENT_JOB_STARTED};
    static const char DATA[] = "{\"metadata\":{\"chat\":\"7\",\"\\u00e9\":\"\"},\"chat\":\"8\"}";

    (void)state;
    assert_true(takes((struct event_filter){.types = 0}, job_id(), NULL, DATA, NULL));
    assert_true(takes(chat, job_id(), NULL, DATA, NULL));
    assert_true(takes(both, job_id(), NULL, DATA, NULL));
    assert_false(takes(chat, job_id(), NULL, "{\"chat\":\"7\",\"metadata\":{}}", NULL));
    assert_false(takes(chat, job_id(), NULL, "{}", NULL));
    assert_false(takes(chat, job_id(), NULL, "{\"metadata\":{\"chat\":\"70\"}}", NULL));
    /* What comes with it goes before what its data tells. */
    assert_true(takes(chat, job_id(), NULL, "{}", "{\"chat\":\"7\"}"));
    assert_false(takes(chat, job_id(), NULL, DATA, "{}"));
    assert_true(takes(mine, job_id(), "me", "{}", NULL));
    assert_false(takes(mine, job_id(), "you", "{}", NULL));
    assert_false(takes(mine, job_id(), NULL, "{}", NULL));
    assert_true(takes(failed, job_id(), NULL, "{}", NULL));
    assert_false(takes(other, job_id(), NULL, "{}", NULL));
    assert_true(takes(chat, ID_NONE, NULL, "{}", NULL));
    assert_true(takes(mine, ID_NONE, NULL, "{}", NULL));
    assert_false(takes(failed, ID_NONE, NULL, "{}", NULL));
    assert_true(event_filter_takes_metadata(&chat, SPAN_LIT("{\"chat\":\"7\"}")));
    assert_false(event_filter_takes_metadata(&chat, SPAN_LIT("{}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_arrival_and_removal),
        cmocka_unit_test(test_what_people_change),
        cmocka_unit_test(test_a_change_is_told_once),
        cmocka_unit_test(test_an_update_tells_what_can_be_changed),
        cmocka_unit_test(test_what_is_drained_is_so_since_both),
        cmocka_unit_test(test_a_deleted_job_leaves_nothing_private),
        cmocka_unit_test(test_small_data),
        cmocka_unit_test(test_rendering),
        cmocka_unit_test(test_passing_events_have_no_number),
        cmocka_unit_test(test_events_about_the_stream),
        cmocka_unit_test(test_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
