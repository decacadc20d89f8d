/* Folders of templates are made in a sandbox; each test begins with an empty one. */
#include "wire_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "library/template_set.h"

static char sandbox[64];
static struct config config;

/* ---- sandbox --------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void wipe(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    char *no_env[] = {NULL};

    (void)state;
    (void)snprintf(sandbox, sizeof sandbox, "/tmp/test_template_set.XXXXXX");
    if (mkdtemp(sandbox) == NULL || config_load(&config, 0, NULL, no_env, &e) != ERR_NONE) {
        return -1;
    }
    xreplace(&config.data_dir, sandbox);
    xreplace(&config.templates_shipped, "off");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wipe(sandbox);
    config_clear(&config);
    return 0;
}

static void write_text(const char *dir, const char *name, const char *file, const char *text)
{
    AUTO(free_ptr) char *folder = xasprintf("%s/%s/%s", sandbox, dir, name);
    AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, file);
    FILE *out;

    assert_true(file_make_dirs(folder));
    out = fopen(path, "w");
    assert_non_null(out);
    (void)fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

#define WORKFLOW                                                                                   \
    "{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":64,\"height\":64},"               \
    "\"_meta\":{\"title\":\"Picture\"}},"                                                          \
    "\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0],"                        \
    "\"filename_prefix\":\"x\"},\"_meta\":{\"title\":\"Save\"}}}"

static char *manifest(const char *name, const char *title, const char *target)
{
    return xasprintf("{\"manifest\":1,\"name\":\"%s\",\"title\":\"%s\",\"category\":\"other\","
                     "\"input\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":"
                     "{\"width\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":512,"
                     "\"x-comfy\":{\"title\":\"%s\",\"input\":\"width\"}}}},"
                     "\"outputs\":[{\"title\":\"Save\",\"type\":\"image\"}]}",
                     name, title, target);
}

static void write_template(const char *dir, const char *name, const char *title)
{
    AUTO(free_ptr) char *text = manifest(name, title, "Picture");

    write_text(dir, name, "manifest.json", text);
    write_text(dir, name, "workflow.json", WORKFLOW);
}

/* Its only parameter goes to a node that is not there. */
static void write_broken(const char *dir, const char *name)
{
    AUTO(free_ptr) char *text = manifest(name, "broken", "Nowhere");

    write_text(dir, name, "manifest.json", text);
    write_text(dir, name, "workflow.json", WORKFLOW);
}

static void remove_template(const char *dir, const char *name)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s/%s", sandbox, dir, name);

    wipe(path);
}

static void name_dirs(const char *first, const char *second)
{
    AUTO(free_ptr)
    char *text = second != NULL ? xasprintf("%s/%s:%s/%s/", sandbox, first, sandbox, second)
                                : xasprintf("%s/%s", sandbox, first);

    xreplace(&config.templates_dir, text);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct template_set *open_set(struct template_report *report)
{
    struct template_set *set = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(template_set_open(&config, &set, report, &e), ERR_NONE);
    return set;
}

/* The title of what is served under a name; "" when nothing is. */
static void expect_title(struct template_set *set, const char *name, const char *title)
{
    AUTO(template_ref_release) struct template_ref ref = template_set_find(set, name);

    assert_string_equal(ref.t != NULL ? template_title(ref.t) : "", title);
}

/* Words with blanks between them. */
static void expect_names(const struct template_names *names, const char *expected)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1000);

    for (size_t i = 0; i < names->count; i++) {
        (void)buf_appendf(&text, "%s%s", i > 0 ? " " : "", names->item[i]);
    }
    assert_string_equal(buf_str(&text), expected);
}

static void reload(struct template_set *set, const char *added, const char *changed,
                   const char *removed, size_t broken)
{
    AUTO(template_report_clear) struct template_report report;

    template_set_reload(set, &report);
    expect_names(&report.added, added);
    expect_names(&report.changed, changed);
    expect_names(&report.removed, removed);
    assert_int_equal(report.broken_count, broken);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_own_folder_may_be_missing(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set = open_set(&report);
    struct template_list *list = template_set_list(set);

    (void)state;
    assert_int_equal(report.broken_count, 0);
    assert_int_equal(template_list_count(list), 0);
    expect_title(set, "one", "");
    write_template("templates", "one", "One");
    reload(set, "one", "", "", 0);
    expect_title(set, "one", "One");
    assert_int_equal(template_list_count(list), 0); /* a list never changes */
    template_list_unref(list);
    template_set_free(set);
}

static void test_reload_tells_what_moved(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;
    struct template_ref old;

    (void)state;
    name_dirs("a", NULL);
    write_template("a", "stays", "Stays");
    write_template("a", "goes", "Goes");
    write_template("a", "turns", "Before");
    set = open_set(&report);
    expect_names(&report.added, "goes stays turns");
    assert_int_equal(report.loaded, 3);

    old = template_set_find(set, "goes");
    remove_template("a", "goes");
    write_template("a", "turns", "After");
    write_template("a", "comes", "Comes");
    reload(set, "comes", "turns", "goes", 0);
    expect_title(set, "turns", "After");
    expect_title(set, "goes", "");
    /* The reference outlives the list. */
    assert_string_equal(template_title(old.t), "Goes");
    template_ref_release(&old);
    assert_null(old.t);
    reload(set, "", "", "", 0);
    template_set_free(set);
}

static void test_unchanged_templates_are_kept(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;
    struct template_ref before;
    struct template_ref after;

    (void)state;
    name_dirs("a", NULL);
    write_template("a", "one", "One");
    set = open_set(&report);
    before = template_set_find(set, "one");
    write_template("a", "one", "One"); /* the same bytes, newly written */
    reload(set, "", "", "", 0);
    after = template_set_find(set, "one");
    assert_ptr_equal(before.t, after.t);
    template_ref_release(&before);
    template_ref_release(&after);
    template_set_free(set);
}

static void test_later_folder_wins(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;

    (void)state;
    name_dirs("a", "b");
    write_template("a", "one", "from a");
    write_template("b", "one", "from b");
    write_template("a", "two", "from a");
    set = open_set(&report);
    assert_int_equal(report.broken_count, 0);
    expect_title(set, "one", "from b");
    expect_title(set, "two", "from a");
    remove_template("b", "one");
    reload(set, "", "one", "", 0);
    expect_title(set, "one", "from a");
    template_set_free(set);
}

static void expect_item(struct template_set *set, const char *name, bool is_served,
                        const char *fault_code)
{
    AUTO(template_list_unref_ptr) struct template_list *list = template_set_list(set);
    const struct template_item *item = template_list_find(list, name);

    assert_non_null(item);
    assert_int_equal(item->t != NULL, is_served);
    assert_int_equal(item->faults != NULL, fault_code != NULL);
    if (item->faults != NULL) {
        assert_true(item->faults->count > 0);
        assert_string_equal(item->faults->item[0].code, fault_code);
    }
}

static void test_broken_leaves_the_old_one(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;
    struct template_ref ref;

    (void)state;
    name_dirs("a", NULL);
    write_template("a", "one", "Good");
    write_broken("a", "two");
    set = open_set(&report);
    assert_int_equal(report.loaded, 1);
    assert_int_equal(report.broken_count, 1);
    assert_string_equal(report.broken[0].name, "two");
    assert_false(report.broken[0].is_served);
    assert_string_equal(report.broken[0].faults.item[0].at,
                        "/input/properties/width/x-comfy/title");
    expect_item(set, "one", true, NULL);
    expect_item(set, "two", false, report.broken[0].faults.item[0].code);
    ref = template_set_find(set, "two");
    assert_true(ref.t == NULL && ref.is_broken);
    template_ref_release(&ref);

    write_broken("a", "one");
    write_text("a", "two", "manifest.json", "{");
    reload(set, "", "", "", 2);
    expect_title(set, "one", "Good");
    expect_item(set, "one", true, report.broken[0].faults.item[0].code);
    reload(set, "", "", "", 2); /* broken for longer: still served */
    expect_title(set, "one", "Good");

    write_template("a", "one", "Good");
    write_template("a", "two", "Mended");
    reload(set, "two", "", "", 0);
    expect_item(set, "one", true, NULL);
    expect_title(set, "two", "Mended");
    write_broken("a", "one");
    reload(set, "", "", "", 1);
    remove_template("a", "one");
    reload(set, "", "", "one", 0);
    expect_title(set, "one", "");
    template_set_free(set);
}

static void test_broken_override_stands_for_itself_at_start(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;

    (void)state;
    name_dirs("a", "b");
    write_template("a", "one", "from a");
    write_broken("b", "one");
    set = open_set(&report);
    expect_item(set, "one", false, report.broken[0].faults.item[0].code);
    remove_template("b", "one");
    reload(set, "one", "", "", 0);
    expect_title(set, "one", "from a");
    write_broken("b", "one");
    reload(set, "", "", "", 1);
    expect_title(set, "one", "from a"); /* what was served before */
    template_set_free(set);
}

/* The only thing broken. */
static void expect_fault(const char *name, const char *code, const char *word)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set = open_set(&report);

    if (report.broken_count != 1 || (name == NULL) != (report.broken[0].name == NULL) ||
        (name != NULL && strcmp(report.broken[0].name, name) != 0) ||
        strcmp(report.broken[0].faults.item[0].code, code) != 0 ||
        strstr(report.broken[0].faults.item[0].detail, word) == NULL) {
        fail_msg("%zu broken; %s: %s %s", report.broken_count,
                 report.broken_count > 0 ? report.broken[0].name : "",
                 report.broken_count > 0 ? report.broken[0].faults.item[0].code : "",
                 report.broken_count > 0 ? report.broken[0].faults.item[0].detail : "");
    }
    template_set_free(set);
}

static void test_what_is_no_template(void **state)
{
    AUTO(free_ptr) char *good = manifest("one", "One", "Picture");
    AUTO(free_ptr) char *device = xasprintf("%s/a/one/workflow.json", sandbox);
    AUTO(free_ptr) char *long_text = xcalloc(TEMPLATE_SET_MANIFEST_MAX + 2, 1);

    (void)state;
    name_dirs("a", NULL);
    expect_fault(NULL, "missing_folder", "templates_dir");
    write_text("a", "one", "workflow.json", WORKFLOW);
    expect_fault("one", "missing_file", "manifest.json");
    write_text("a", "one", "manifest.json", good);
    assert_int_equal(remove(device), 0);
    expect_fault("one", "missing_file", "no workflow.json");
    assert_int_equal(mkfifo(device, 0600), 0);
    expect_fault("one", "unreadable", "workflow.json cannot be read: is no regular file");
    assert_int_equal(remove(device), 0);
    assert_int_equal(symlink("/dev/zero", device), 0);
    expect_fault("one", "unreadable", "is no regular file");
    assert_int_equal(remove(device), 0);
    write_text("a", "one", "workflow.json", WORKFLOW);
    memset(long_text, ' ', TEMPLATE_SET_MANIFEST_MAX + 1);
    write_text("a", "one", "manifest.json", long_text);
    expect_fault("one", "too_large", "1048576");
    write_text("a", "one", "manifest.json", "{\"a\":1,}");
    expect_fault("one", "malformed_json", "manifest.json: ");
    write_text("a", "one", "manifest.json", good);
    write_text("a", "one", "workflow.json", "[");
    expect_fault("one", "malformed_json", "workflow.json: ");
    remove_template("a", "one");
    write_text("a", "Not One", "manifest.json", good);
    expect_fault("Not One", "invalid_name", "1 to 32");
    remove_template("a", "Not One");
    write_template("a", "reload", "Not by this name");
    expect_fault("reload", "invalid_name", "/v1/templates/reload");
    remove_template("a", "reload");
    write_text("a", "other", "manifest.json", good);
    write_text("a", "other", "workflow.json", WORKFLOW);
    expect_fault("other", "wrong_name", "\"other\"");
    remove_template("a", "other");
    write_text("a", ".hidden", "manifest.json", "{");
    write_text("a", "notes", "readme.txt", "nothing");
    write_text("a", "", "manifest.json", "{");
    {
        AUTO(template_report_clear) struct template_report report;
        struct template_set *set = open_set(&report);

        assert_int_equal(report.broken_count, 0);
        assert_int_equal(report.loaded, 0);
        template_set_free(set);
    }
}

static void test_links_to_templates_are_followed(void **state)
{
    AUTO(free_ptr) char *link_path = xasprintf("%s/a/one", sandbox);
    AUTO(free_ptr) char *target = xasprintf("%s/elsewhere/one", sandbox);
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;

    (void)state;
    name_dirs("a", NULL);
    write_template("elsewhere", "one", "Linked");
    write_text("a", "", "notes.txt", "");
    assert_int_equal(symlink(target, link_path), 0);
    set = open_set(&report);
    expect_title(set, "one", "Linked");
    template_set_free(set);
}

static void test_a_folder_that_cannot_be_read_keeps_what_it_had(void **state)
{
    AUTO(free_ptr) char *dir = xasprintf("%s/a", sandbox);
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;

    (void)state;
    name_dirs("a", "b");
    write_template("a", "one", "One");
    write_template("b", "two", "Two");
    set = open_set(&report);
    assert_int_equal(report.loaded, 2);
    wipe(dir);
    write_text("", "", "a", "a file stands where the folder was");
    {
        AUTO(template_report_clear) struct template_report again;

        template_set_reload(set, &again);
        assert_int_equal(again.loaded, 2);
        assert_int_equal(again.broken_count, 1);
        assert_null(again.broken[0].name);
        assert_string_equal(again.broken[0].folder, dir);
        assert_true(again.broken[0].is_served);
        assert_string_equal(again.broken[0].faults.item[0].code, "unreadable");
    }
    expect_title(set, "one", "One");
    assert_int_equal(remove(dir), 0);
    reload(set, "", "", "one", 1); /* it is not there any more, and nor are its templates */
    template_set_free(set);
}

static void test_limits_of_the_setting(void **state)
{
    static const char *const wrong[] = {"a::b", ":a",
                                        "a:", "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17"};
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set = NULL;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        xreplace(&config.templates_dir, wrong[i]);
        assert_int_equal(template_set_open(&config, &set, &report, &e), ERR_INVALID_PARAMETER);
        assert_non_null(strstr(e.detail, "templates_dir"));
        assert_null(set);
    }
    xreplace(&config.templates_dir, "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16");
    set = open_set(&report);
    assert_int_equal(report.broken_count, 16);
    template_set_free(set);
}

static void test_too_many_templates(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;

    (void)state;
    name_dirs("a", NULL);
    for (int i = 0; i <= TEMPLATE_SET_PER_FOLDER; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "t%04d", i);
        write_template("a", name, "One of many");
    }
    set = open_set(&report);
    assert_int_equal(report.loaded, TEMPLATE_SET_PER_FOLDER);
    assert_int_equal(report.broken_count, 1);
    assert_string_equal(report.broken[0].faults.item[0].code, "too_many");
    assert_non_null(strstr(report.broken[0].faults.item[0].detail, "\"t1000\""));
    expect_title(set, "t0999", "One of many");
    expect_title(set, "t1000", "");
    template_set_free(set);
}

static void test_all_that_is_built_in_can_be_loaded(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct template_set *set;
    struct template_list *list;

    (void)state;
    xreplace(&config.templates_shipped, "on");
    set = open_set(&report);
    for (size_t i = 0; i < report.broken_count; i++) {
        print_error("%s: %s: %s\n", report.broken[i].name, report.broken[i].faults.item[0].at,
                    report.broken[i].faults.item[0].detail);
    }
    assert_int_equal(report.broken_count, 0);
    list = template_set_list(set);
    for (size_t i = 0; i < template_list_count(list); i++) {
        assert_null(template_list_at(list, i)->folder);
    }
    template_list_unref(list);
    template_set_free(set);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define READERS 8
#define RELOADS 60

struct crowd {
    struct template_set *set;
    atomic_bool is_over;
    atomic_int looks;
};

static void *read_on(void *arg)
{
    struct crowd *c = arg;

    while (!atomic_load(&c->is_over)) {
        struct template_list *list = template_set_list(c->set);
        struct template_ref ref = template_set_find(c->set, "one");

        /* Either of the two, whole. */
        if (ref.t != NULL && strncmp(template_title(ref.t), "Title ", 6) == 0 &&
            template_list_count(list) == 1) {
            (void)atomic_fetch_add(&c->looks, 1);
        } else {
            (void)atomic_exchange(&c->looks, -1000000);
        }
        template_ref_release(&ref);
        template_list_unref(list);
    }
    return NULL;
}

static void *reload_on(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < RELOADS; i++) {
        AUTO(template_report_clear) struct template_report report;

        template_set_reload(c->set, &report);
    }
    return NULL;
}

static void test_reading_while_it_is_reloaded(void **state)
{
    AUTO(template_report_clear) struct template_report report;
    struct crowd c = {.set = NULL};
    pthread_t reader[READERS];
    pthread_t other;

    (void)state;
    name_dirs("a", NULL);
    write_template("a", "one", "Title 0");
    c.set = open_set(&report);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&reader[i], NULL, read_on, &c), 0);
    }
    assert_int_equal(pthread_create(&other, NULL, reload_on, &c), 0);
    for (int i = 0; i < RELOADS; i++) {
        AUTO(template_report_clear) struct template_report again;
        AUTO(free_ptr) char *title = xasprintf("Title %d", i);

        /* The other one may read a half-written file: then the old one stays. */
        write_template("a", "one", title);
        template_set_reload(c.set, &again);
        assert_int_equal(again.loaded, 1);
    }
    assert_int_equal(pthread_join(other, NULL), 0);
    atomic_store(&c.is_over, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(reader[i], NULL), 0);
    }
    assert_true(atomic_load(&c.looks) > 0);
    template_set_free(c.set);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_own_folder_may_be_missing),
        TEST(test_reload_tells_what_moved),
        TEST(test_unchanged_templates_are_kept),
        TEST(test_later_folder_wins),
        TEST(test_broken_leaves_the_old_one),
        TEST(test_broken_override_stands_for_itself_at_start),
        TEST(test_what_is_no_template),
        TEST(test_links_to_templates_are_followed),
        TEST(test_a_folder_that_cannot_be_read_keeps_what_it_had),
        TEST(test_limits_of_the_setting),
        TEST(test_too_many_templates),
        TEST(test_all_that_is_built_in_can_be_loaded),
        TEST(test_reading_while_it_is_reloaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
