/* Which ComfyUI a job goes to, against a slow and plain way to say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/random.h"
#include "core/graph_fit.h"
#include "core/placement.h"

/* ---- the choice ------------------------------------------------------------------------------ */

static struct placement at(int inside, int64_t wait_ms, bool is_warm)
{
    return (struct placement){.is_allowed = true,
                              .room = 4 - inside,
                              .inside = inside,
                              .wait_ms = wait_ms,
                              .is_warm = is_warm};
}

static void test_an_idle_one_first(void **state)
{
    struct placement two[] = {at(1, 1, true), at(0, 0, false)};

    (void)state;
    assert_int_equal(placement_choose(two, 2), 1);
}

static void test_of_idle_ones_the_warm_one(void **state)
{
    struct placement three[] = {at(0, 0, false), at(0, 0, true), at(0, 0, false)};

    (void)state;
    assert_int_equal(placement_choose(three, 3), 1);
}

static void test_waiting_for_a_warm_one_pays_until_loading_is_faster(void **state)
{
    struct placement two[] = {at(1, 1000, false), at(1, 1000 + PLACEMENT_LOAD_MS - 1, true)};

    (void)state;
    assert_int_equal(placement_choose(two, 2), 1);
    two[1].wait_ms += 2;
    assert_int_equal(placement_choose(two, 2), 0);
}

static void test_none(void **state)
{
    struct placement two[] = {at(4, 0, true), at(0, 0, true)};

    (void)state;
    two[1].is_allowed = false;
    assert_int_equal(placement_choose(two, 2), PLACEMENT_NONE);
    assert_int_equal(placement_choose(two, 0), PLACEMENT_NONE);
}

/* True when nobody could say that `b` should have been chosen instead of `a`. */
static bool is_no_worse(const struct placement *a, const struct placement *b)
{
    int64_t load_a = a->is_warm ? 0 : PLACEMENT_LOAD_MS;
    int64_t load_b = b->is_warm ? 0 : PLACEMENT_LOAD_MS;

    if (!b->is_allowed || b->room <= 0) {
        return true;
    }
    if ((a->inside == 0) != (b->inside == 0)) {
        return a->inside == 0;
    }
    if (a->wait_ms + load_a != b->wait_ms + load_b) {
        return a->wait_ms + load_a < b->wait_ms + load_b;
    }
    return a->room >= b->room;
}

static void test_nobody_would_have_been_better(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct placement choice[8] = {{0}};
        size_t count = 1 + random_below(8);
        size_t best = PLACEMENT_NONE;
        bool is_any = false;

        for (size_t i = 0; i < count; i++) {
            int inside = (int)random_below(4);

            choice[i] = at(inside, inside * 2500, random_below(2) == 0);
            choice[i].room = (int)random_below(3);
            choice[i].is_allowed = random_below(4) != 0;
            is_any = is_any || (choice[i].is_allowed && choice[i].room > 0);
        }
        best = placement_choose(choice, count);
        assert_int_equal(best != PLACEMENT_NONE, is_any);
        if (!is_any) {
            continue;
        }
        assert_true(choice[best].is_allowed && choice[best].room > 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(is_no_worse(&choice[best], &choice[i]));
            /* Among equals the first one. */
            assert_true(i >= best || !is_no_worse(&choice[i], &choice[best]) ||
                        !choice[i].is_allowed || choice[i].room <= 0);
        }
    }
}

/* ---- who may have it ------------------------------------------------------------------------- */

static void test_allowed(void **state)
{
    (void)state;
    /* The first of three fits; the last has not told. */
    assert_int_equal(placement_allowed(7, 3, 1, 7), 1);
    /* It is away: the one that has not told may have it, and so may it when it comes back. */
    assert_int_equal(placement_allowed(7, 3, 1, 6), 5);
    /* None that has told fits: the one that has not, also while it is away. */
    assert_int_equal(placement_allowed(7, 3, 0, 3), 4);
    /* All have told, and none fits: any will say why. */
    assert_int_equal(placement_allowed(7, 7, 0, 7), 7);
    /* Nobody has told. */
    assert_int_equal(placement_allowed(7, 0, 0, 7), 7);
    /* One that fits is away and all have told: it is waited for. */
    assert_int_equal(placement_allowed(7, 7, 2, 5), 2);
    assert_true(placement_allowed(UINT64_MAX, UINT64_MAX, UINT64_C(1) << 63, UINT64_MAX) ==
                UINT64_C(1) << 63);
}

static void test_somebody_is_always_allowed(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint64_t all = 15;
        uint64_t known = random_below(16);
        uint64_t fits = random_below(16) & known;
        uint64_t up = random_below(16);
        uint64_t allowed = placement_allowed(all, known, fits, up);

        assert_true(allowed != 0 && (allowed & ~all) == 0);
        assert_true((allowed & fits) == fits);
        /* One that is known not to have it only if nobody has it. */
        assert_true((allowed & known & ~fits) == 0 || (known == all && fits == 0));
    }
}

/* ---- what a workflow asks for ---------------------------------------------------------------- */

static bool has_class(void *arg, const char *class_type)
{
    (void)arg;
    return strcmp(class_type, "Unknown") != 0;
}

static bool offers(void *arg, const char *class_type, const char *input, const char *value)
{
    (void)arg;
    (void)class_type;
    return strcmp(input, "ckpt_name") != 0 || strcmp(value, "gone.safetensors") != 0;
}

static const struct node_catalog CATALOG = {.has_class = has_class, .has_choice = offers};

static struct json_doc *parsed(const char *text)
{
    struct json_doc *doc = NULL;

    assert_int_equal(json_parse(span_of(text), JSON_STRICT,
                                (struct json_limits){.depth = 20, .nodes = 1000}, &doc, NULL),
                     ERR_NONE);
    return doc;
}

static void expect_fit(const char *text, const char *lacks)
{
    struct json_doc *doc = parsed(text);
    struct buf said = BUF_INIT(400);

    assert_int_equal(graph_fits(doc, &CATALOG, &said), lacks == NULL);
    assert_int_equal(graph_fits(doc, &CATALOG, NULL), lacks == NULL);
    assert_string_equal(buf_str(&said), lacks != NULL ? lacks : "");
    buf_clear(&said);
    json_free(doc);
}

static void test_fits(void **state)
{
    (void)state;
    expect_fit("{}", NULL);
    expect_fit(
        "{\"1\":{\"class_type\":\"A\"},\"2\":{\"class_type\":\"B\",\"inputs\":{\"x\":[\"1\",0],"
        "\"n\":1,\"ckpt_name\":\"here.safetensors\"}}}",
        NULL);
    expect_fit("{\"1\":{\"class_type\":\"A\",\"inputs\":{}},\"2\":{\"class_type\":\"Unknown\"}}",
               "the node \"Unknown\"");
    expect_fit("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"ckpt_name\":\"gone.safetensors\"}}}",
               "\"gone.safetensors\" for \"A\"");
}

static uint64_t model_of(const char *text)
{
    struct json_doc *doc = parsed(text);
    uint64_t model = graph_model(doc);

    json_free(doc);
    return model;
}

static void test_model(void **state)
{
    const char *one = "{\"1\":{\"inputs\":{\"ckpt_name\":\"a\",\"seed\":1}}}";
    const char *same = "{\"9\":{\"inputs\":{\"seed\":2,\"ckpt_name\":\"a\"}},\"2\":{}}";
    const char *other = "{\"1\":{\"inputs\":{\"ckpt_name\":\"b\"}}}";
    const char *unet = "{\"1\":{\"inputs\":{\"unet_name\":\"b\",\"ckpt_name\":[\"4\",0]}}}";

    (void)state;
    assert_true(model_of(one) != 0);
    assert_true(model_of(one) == model_of(same));
    assert_true(model_of(one) != model_of(other));
    assert_true(model_of(unet) != 0);
    assert_true(model_of("{\"1\":{\"inputs\":{\"text\":\"a\"}},\"2\":{}}") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_idle_one_first),
        cmocka_unit_test(test_of_idle_ones_the_warm_one),
        cmocka_unit_test(test_waiting_for_a_warm_one_pays_until_loading_is_faster),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_nobody_would_have_been_better),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_somebody_is_always_allowed),
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
