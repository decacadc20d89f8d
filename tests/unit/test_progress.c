/* Progress is the truth about the whole graph, and never falls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/progress.h"

static const char GRAPH[] =
    "{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{}},"
    "\"2\":{\"class_type\":\"KSampler\",\"inputs\":{\"image\":[\"1\",0]},\"_meta\":{\"title\":"
    "\"Paint\"}},"
    "\"3\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"2\",0]}},"
    "\"4\":{\"class_type\":\"PreviewImage\",\"inputs\":{\"images\":[\"2\",0]}}}";

struct fixture {
    struct graph_index *index;
    struct progress *progress;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->index = graph_index_new(span_of(GRAPH));
    f->progress = progress_new(f->index);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    progress_free(f->progress);
    graph_index_free(f->index);
    free(f);
    return 0;
}

static bool tell(struct fixture *f, const char *text)
{
    struct comfy_message m;
    bool changed = false;

    comfy_message_text(span_of(text), &m);
    changed = progress_message(f->progress, &m, 7);
    comfy_message_clear(&m);
    return changed;
}

static void test_counts_nodes_and_steps(void **state)
{
    struct fixture *f = *state;
    const struct job_progress *p = progress_now(f->progress);

    assert_int_equal(p->nodes_total, 4);
    assert_true(tell(
        f, "{\"type\":\"execution_cached\",\"data\":{\"nodes\":[\"1\"],\"prompt_id\":\"x\"}}"));
    assert_int_equal(p->nodes_cached, 1);
    assert_int_equal(p->nodes_done, 1);
    assert_true(p->value > 0.249 && p->value < 0.251);
    assert_true(
        tell(f, "{\"type\":\"executing\",\"data\":{\"node\":\"2\",\"display_node\":\"2\"}}"));
    assert_string_equal(p->node_title, "Paint");
    assert_string_equal(p->node_class, "KSampler");
    assert_true(
        tell(f, "{\"type\":\"progress\",\"data\":{\"value\":5,\"max\":10,\"node\":\"2\"}}"));
    assert_int_equal(p->step, 5);
    assert_int_equal(p->steps, 10);
    assert_true(p->value > 0.374 && p->value < 0.376);
}

static void test_a_sampler_weighs_as_many_as_it_has_steps(void **state)
{
    struct graph_index *index = graph_index_new(
        SPAN_LIT("{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{}},"
                 "\"2\":{\"class_type\":\"KSampler\",\"inputs\":{\"steps\":18}},"
                 "\"3\":{\"class_type\":\"SaveImage\",\"inputs\":{\"steps\":\"none\"}}}"));
    struct fixture f = {.index = index, .progress = progress_new(index)};
    const struct job_progress *p = progress_now(f.progress);

    (void)state;
    assert_int_equal(graph_index_weights(index), 20);
    (void)tell(&f, "{\"type\":\"executed\",\"data\":{\"node\":\"1\",\"output\":{}}}");
    assert_true(p->value > 0.049 && p->value < 0.051);
    (void)tell(&f, "{\"type\":\"progress\",\"data\":{\"value\":9,\"max\":18,\"node\":\"2\"}}");
    assert_true(p->value > 0.499 && p->value < 0.501);
    assert_int_equal(p->nodes_done, 1);
    progress_free(f.progress);
    graph_index_free(index);
}

static void test_never_falls(void **state)
{
    struct fixture *f = *state;
    const struct job_progress *p = progress_now(f->progress);
    double before = 0;

    (void)tell(f, "{\"type\":\"progress\",\"data\":{\"value\":9,\"max\":10,\"node\":\"2\"}}");
    before = p->value;
    (void)tell(f, "{\"type\":\"progress\",\"data\":{\"value\":1,\"max\":10,\"node\":\"2\"}}");
    assert_true(p->value >= before);
    (void)tell(f, "{\"type\":\"executing\",\"data\":{\"node\":\"3\",\"display_node\":\"3\"}}");
    assert_true(p->value >= before);
}

static void test_hostile_numbers(void **state)
{
    struct fixture *f = *state;
    const struct job_progress *p = progress_now(f->progress);

    (void)tell(f, "{\"type\":\"progress\",\"data\":{\"value\":NaN,\"max\":NaN,\"node\":\"2\"}}");
    (void)tell(f,
               "{\"type\":\"progress\",\"data\":{\"value\":1e300,\"max\":1e300,\"node\":\"2\"}}");
    (void)tell(f, "{\"type\":\"progress\",\"data\":{\"value\":-5,\"max\":10,\"node\":\"2\"}}");
    (void)tell(f, "{\"type\":\"progress\",\"data\":{\"value\":50,\"max\":10,\"node\":\"2\"}}");
    assert_int_equal(p->steps, 0);
    assert_true(p->value >= 0 && p->value <= 1);
}

static void test_nodes_of_nobody_do_not_count(void **state)
{
    struct fixture *f = *state;

    (void)tell(
        f,
        "{\"type\":\"executed\",\"data\":{\"node\":\"99\",\"display_node\":\"99\",\"output\":{}}}");
    assert_int_equal(progress_now(f->progress)->nodes_done, 0);
    (void)tell(
        f,
        "{\"type\":\"executed\",\"data\":{\"node\":\"3\",\"display_node\":\"3\",\"output\":{}}}");
    (void)tell(
        f,
        "{\"type\":\"executed\",\"data\":{\"node\":\"3\",\"display_node\":\"3\",\"output\":{}}}");
    assert_int_equal(progress_now(f->progress)->nodes_done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_nodes_and_steps, set_up, tear_down),
        cmocka_unit_test(test_a_sampler_weighs_as_many_as_it_has_steps),
        cmocka_unit_test_setup_teardown(test_never_falls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nodes_of_nobody_do_not_count, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
