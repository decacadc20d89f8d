/* test_store_gallery.c - the list of all outputs, against a model in memory. Written against store.h only.
 */
#include "store_help.h"

#define MODEL_JOBS  120
#define MODEL_LISTS 800

static unsigned random_state = 7;

static unsigned pick(unsigned limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % limit;
}

static const char *const owners[] = {NULL, "alice", "bob"};
static const char *const templates[] = {NULL, "flux", "flux-dev"};
static const char *const titles[] = {NULL, "A Cat", "a dog", "100%"};
static const char *const inputs[] = {"{}", "{\"prompt\":\"a CAT on a mat\"}",
                                     "{\"prompt\":\"zebra\"}"};

struct made {
    struct id id;
    enum output_type type;
    const struct job_row *job;
};

struct model {
    struct job_row job[MODEL_JOBS];
    struct made output[MODEL_JOBS * 3];
    size_t output_count;
};

static struct job_row random_job(void)
{
    struct job_row row = new_job();

    xreplace(&row.owner, owners[pick(3)]);
    xreplace(&row.title, titles[pick(4)]);
    xreplace(&row.template_name, templates[pick(3)]);
    xreplace(&row.input_json, inputs[pick(3)]);
    row.is_starred = pick(4) == 0;
    return row;
}

static void make_outputs(struct fixture *f, struct model *m, const struct job_row *job)
{
    int count = (int)pick(4);

    for (int i = 0; i < count; i++) {
        AUTO(job_output_clear) struct job_output output = new_output(job->id, i, 'a');

        output.type = (enum output_type)pick(5);
        assert_st(ST_OK, store_output_insert(f->w, &output));
        m->output[m->output_count++] =
            (struct made){.id = output.id, .type = output.type, .job = job};
    }
}

/* Jobs end in another order than they came in, so outputs are not in the order of jobs. */
static struct model *new_model(struct fixture *f)
{
    struct model *m = xcalloc(1, sizeof *m);

    assert_st(ST_OK, store_begin(f->w));
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        m->job[i] = random_job();
        assert_st(ST_OK, insert_plain(f->w, &m->job[i]));
    }
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        make_outputs(f, m, &m->job[(i * 37) % MODEL_JOBS]);
    }
    assert_st(ST_OK, store_commit(f->w));
    assert_true(m->output_count > 60);
    return m;
}

static void free_model(struct model *m)
{
    for (size_t i = 0; i < MODEL_JOBS; i++) {
        job_row_clear(&m->job[i]);
    }
    free(m);
}

static bool is_or_any(const char *wanted, const char *text)
{
    return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

static bool contains(const char *text, const char *part)
{
    return text != NULL && strcasestr(text, part) != NULL;
}

static bool matches(const struct output_filter *f, const struct made *o)
{
    return (!f->has_type || f->type == o->type) &&
           is_or_any(f->template_name, o->job->template_name) &&
           is_or_any(f->owner, o->job->owner) && (!f->is_starred_only || o->job->is_starred) &&
           (f->text == NULL || contains(o->job->title, f->text) ||
            contains(o->job->input_json, f->text));
}

struct walk {
    const struct model *model;
    const struct output_filter *filter;
    size_t next; /* place in the model, in the order of the walk */
    int on_page;
    struct id last;
};

static const struct made *made_at(const struct walk *w, size_t place)
{
    size_t count = w->model->output_count;

    return &w->model->output[w->filter->sort == SORT_OLDEST ? place : count - 1 - place];
}

static void skip_to_match(struct walk *w)
{
    while (w->next < w->model->output_count && !matches(w->filter, made_at(w, w->next))) {
        w->next++;
    }
}

static void visit(void *arg, const struct output_entry *entry)
{
    struct walk *w = arg;
    const struct made *expected = NULL;

    skip_to_match(w);
    assert_true(w->next < w->model->output_count);
    expected = made_at(w, w->next++);
    assert_string_equal(entry->output.id.text, expected->id.text);
    assert_string_equal(entry->output.job_id.text, expected->job->id.text);
    assert_int_equal(entry->output.type, expected->type);
    assert_int_equal(entry->output.width, 640);
    assert_same_text(entry->job_title, expected->job->title);
    assert_same_text(entry->template_name, expected->job->template_name);
    assert_int_equal(entry->is_starred, expected->job->is_starred);
    w->last = entry->output.id;
    w->on_page++;
}

static void check_walk(struct fixture *f, const struct model *m, struct output_filter filter)
{
    struct walk w = {.model = m, .filter = &filter};
    bool has_more = true;

    while (has_more) {
        w.on_page = 0;
        assert_st(ST_OK, store_output_list(f->r, &filter, visit, &w, &has_more));
        assert_true(w.on_page <= filter.limit);
        assert_true(!has_more || w.on_page == filter.limit);
        filter.after = w.last;
    }
    skip_to_match(&w);
    assert_int_equal(w.next, m->output_count); /* none was left out */
}

static void test_lists_against_a_model(void **state)
{
    static const char *const texts[] = {"cat", "A", "%", "ZEBRA", "no such"};
    struct fixture *f = *state;
    struct model *m = new_model(f);

    for (int i = 0; i < MODEL_LISTS; i++) {
        check_walk(f, m,
                   (struct output_filter){
                       .limit = 1 + (int)pick(40),
                       .sort = pick(2) == 0 ? SORT_NEWEST : SORT_OLDEST,
                       .has_type = pick(3) == 0,
                       .type = (enum output_type)pick(5),
                       .template_name = pick(2) == 0 ? NULL : templates[pick(3)],
                       .owner = pick(3) == 0 ? owners[pick(3)] : NULL,
                       .text = pick(3) == 0 ? texts[pick(5)] : NULL,
                       .is_starred_only = pick(4) == 0,
                   });
    }
    free_model(m);
}

static void count_entry(void *arg, const struct output_entry *entry)
{
    (void)entry;
    ++*(int *)arg;
}

static int count_of(struct fixture *f, struct output_filter filter, bool *has_more)
{
    int count = 0;

    assert_st(ST_OK, store_output_list(f->r, &filter, count_entry, &count, has_more));
    return count;
}

static void test_edges(void **state)
{
    struct fixture *f = *state;
    struct id job;
    bool has_more = true;

    assert_int_equal(count_of(f, (struct output_filter){.limit = 3}, &has_more), 0);
    assert_false(has_more);
    job = add_new_job(f);
    for (int i = 0; i < 3; i++) {
        add_output(f, job, i, 'a');
    }
    has_more = true;
    assert_int_equal(count_of(f, (struct output_filter){.limit = 3}, &has_more), 3);
    assert_false(has_more); /* exactly full */
    assert_int_equal(count_of(f, (struct output_filter){.limit = 2}, &has_more), 2);
    assert_true(has_more);
    /* A cursor that names what is gone: everything is older than a new id. */
    assert_int_equal(count_of(f, (struct output_filter){.limit = 9, .after = id_new()}, &has_more),
                     3);
}

/* Values of clients reach the store as values, whatever they look like. */
static void test_hostile_filters(void **state)
{
    static const char *const values[] = {
        "' OR 1=1 --", "%", "_", "*", "\\", "?1", "$1", "a'; DROP TABLE job; --", "\xe2\x98\x83",
    };
    struct fixture *f = *state;
    bool has_more = false;

    add_output(f, add_new_job(f), 0, 'a');
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct output_filter by_text = {.limit = 9, .text = values[i]};
        struct output_filter by_template = {.limit = 9, .template_name = values[i]};
        struct output_filter by_owner = {.limit = 9, .owner = values[i]};

        assert_int_equal(count_of(f, by_text, &has_more), 0);
        assert_int_equal(count_of(f, by_template, &has_more), 0);
        assert_int_equal(count_of(f, by_owner, &has_more), 0);
    }
    assert_int_equal(count_of(f, (struct output_filter){.limit = 9}, &has_more), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_lists_against_a_model),
        store_test(test_edges),
        store_test(test_hostile_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
