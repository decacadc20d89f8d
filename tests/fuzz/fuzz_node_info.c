/* Any answer to GET /object_info, as a snapshot and as it is looked up in place: they agree. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "core/node_info.h"
#include "core/object_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {.depth = 64, .nodes = 20000};

struct found {
    const char *last;
    size_t count;
};

static void check_name(void *arg, const char *name)
{
    struct found *found = arg;

    bug_if(found->last != NULL && strcmp(found->last, name) >= 0);
    found->last = name;
    found->count++;
}

static void check_models(const struct node_info *n)
{
    for (size_t i = 0; node_info_folder(i) != NULL; i++) {
        struct found found = {.count = 0};

        node_info_models(n, node_info_folder(i), check_name, &found);
    }
}

static size_t times_named(const struct json_doc *doc, json_ref group, const char *name)
{
    size_t times = 0;

    for (json_ref i = json_first(doc, group); i != JSON_NONE; i = json_next(doc, i)) {
        AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(doc, i).len);

        times += json_key(doc, i, &key) && strcmp(buf_str(&key), name) == 0 ? 1 : 0;
    }
    return times;
}

/* As with classes: of two inputs of one name each reader may tell of another. */
static bool is_named_once(const struct json_doc *doc, json_ref class, const char *name)
{
    json_ref inputs = json_get(doc, class, "input");

    return times_named(doc, json_get(doc, inputs, "required"), name) +
               times_named(doc, json_get(doc, inputs, "optional"), name) ==
           1;
}

/* An input whose name cannot be kept, for it has a U+0000, is not known to either. */
static void check_input(const struct json_doc *doc, json_ref member, const char *class,
                        const struct node_catalog *kept, const struct node_catalog *whole)
{
    AUTO(buf_clear) struct buf name = BUF_INIT(json_key_raw(doc, member).len);
    json_ref list = JSON_NONE;
    struct object_input in;

    if (!json_key(doc, member, &name) ||
        !is_named_once(doc, json_get(doc, 0, class), buf_str(&name))) {
        return;
    }
    bug_if(kept->needs_input(kept->arg, class, buf_str(&name)) !=
           whole->needs_input(whole->arg, class, buf_str(&name)));
    if (!object_info_input(whole->arg, class, buf_str(&name), &in)) {
        return;
    }
    list = in.choices;
    for (json_ref i = json_first(doc, list); i != JSON_NONE; i = json_next(doc, i)) {
        AUTO(free_ptr) char *value = json_str_dup(doc, i);

        bug_if(value != NULL && !kept->has_choice(kept->arg, class, buf_str(&name), value));
    }
    bug_if(kept->has_choice(kept->arg, class, buf_str(&name), "not there") !=
           (in.is_upload || whole->has_choice(whole->arg, class, buf_str(&name), "not there")));
}

static void check_class(const struct json_doc *doc, json_ref member,
                        const struct node_catalog *kept, const struct node_catalog *whole)
{
    static const char *const groups[] = {"required", "optional"};
    AUTO(buf_clear) struct buf name = BUF_INIT(json_key_raw(doc, member).len);

    if (!json_key(doc, member, &name)) {
        return;
    }
    bug_if(json_type(doc, member) == JSON_OBJECT && !kept->has_class(kept->arg, buf_str(&name)));
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        json_ref inputs = json_get(doc, json_get(doc, member, "input"), groups[i]);

        for (json_ref in = json_first(doc, inputs); in != JSON_NONE; in = json_next(doc, in)) {
            check_input(doc, in, buf_str(&name), kept, whole);
        }
    }
}

/* The same name twice: of two classes one is kept, and here that need not be the one looked up. */
static bool has_double(const struct json_doc *doc, struct node_info *n)
{
    size_t objects = 0;

    for (json_ref i = json_first(doc, 0); i != JSON_NONE; i = json_next(doc, i)) {
        AUTO(buf_clear) struct buf name = BUF_INIT(json_key_raw(doc, i).len);

        objects += json_type(doc, i) == JSON_OBJECT && json_key(doc, i, &name) ? 1 : 0;
    }
    return objects != node_info_class_count(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    AUTO(node_info_unref_ptr) struct node_info *n = NULL;
    AUTO(object_info_free_ptr) struct object_info *o = NULL;
    enum errc code = node_info_parse(text, limits, &n, NULL);

    bug_if(object_info_new(text, limits, &o, NULL) != code || (code == ERR_NONE) != (n != NULL));
    check_models(n);
    if (n != NULL && !has_double(object_info_doc(o), n)) {
        const struct json_doc *doc = object_info_doc(o);
        struct node_catalog kept = node_info_catalog(n);
        struct node_catalog whole = object_info_catalog(o);

        for (json_ref i = json_first(doc, 0); i != JSON_NONE; i = json_next(doc, i)) {
            check_class(doc, i, &kept, &whole);
        }
    }
    return 0;
}
