/* template_set.c - see template_set.h.
 *
 * A reading builds a whole new list beside the one that is served and puts it in its place at the
 * end. Templates whose files are the same bytes go over from list to list, and what is broken takes
 * its template from the list before.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "library/template_set_parts.h"

struct template_set {
    struct template_read_limits limits;
    struct template_place place[TEMPLATE_SET_FOLDERS_MAX + 1];
    size_t place_count;

    pthread_mutex_t lock;
    pthread_cond_t was_read;
    struct template_list *list; /* below: under the lock */
    bool is_reading;
};

/* ---- lists ----------------------------------------------------------------------------------- */

static struct template_list *list_new(size_t max)
{
    struct template_list *list = xcalloc(1, sizeof *list);

    atomic_init(&list->count_refs, 1);
    list->entry = xcalloc(max + 1, sizeof *list->entry);
    return list;
}

static struct template_list *list_ref(struct template_list *list)
{
    (void)atomic_fetch_add_explicit(&list->count_refs, 1, memory_order_relaxed);
    return list;
}

void template_list_unref(struct template_list *list)
{
    if (list == NULL ||
        atomic_fetch_sub_explicit(&list->count_refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct template_entry *entry = &list->entry[i];

        template_held_unref(entry->held);
        template_faults_clear(&entry->faults);
        free(entry->name);
        free(entry->folder);
    }
    free(list->entry);
    free(list);
}

void template_list_unref_ptr(struct template_list **list)
{
    template_list_unref(*list);
    *list = NULL;
}

size_t template_list_count(const struct template_list *list)
{
    return list->count;
}

const struct template_item *template_list_at(const struct template_list *list, size_t i)
{
    bug_if(i >= list->count);
    return &list->entry[i].item;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, ((const struct template_entry *)entry)->name);
}

static const struct template_entry *find_entry(const struct template_list *list, const char *name)
{
    return bsearch(name, list->entry, list->count, sizeof *list->entry, compare_name);
}

const struct template_item *template_list_find(const struct template_list *list, const char *name)
{
    const struct template_entry *entry = find_entry(list, name);

    return entry != NULL ? &entry->item : NULL;
}

struct template_held *template_list_held(const struct template_list *list, const char *name)
{
    const struct template_entry *entry = find_entry(list, name);

    return entry != NULL ? entry->held : NULL;
}

/* ---- one template ---------------------------------------------------------------------------- */

struct template_list *template_set_list(struct template_set *set)
{
    struct template_list *list;

    (void)pthread_mutex_lock(&set->lock);
    list = list_ref(set->list);
    (void)pthread_mutex_unlock(&set->lock);
    return list;
}

struct template_ref template_set_find(struct template_set *set, const char *name)
{
    AUTO(template_list_unref_ptr) struct template_list *list = template_set_list(set);
    const struct template_entry *entry = find_entry(list, name);

    if (entry == NULL) {
        return (struct template_ref){.held = NULL};
    }
    return (struct template_ref){.held = template_held_ref(entry->held),
                                 .t = entry->item.t,
                                 .is_broken = entry->item.faults != NULL};
}

void template_ref_release(struct template_ref *ref)
{
    template_held_unref(ref->held);
    *ref = (struct template_ref){.held = NULL};
}

/* ---- reading --------------------------------------------------------------------------------- */

static void add_entry(struct template_set *set, const struct template_candidate *c,
                      const struct template_list *before, struct template_list *list,
                      struct template_report *report)
{
    struct template_entry *entry = &list->entry[list->count++];
    struct template_held *old = template_list_held(before, c->name);
    bool is_good = template_read(c, &set->limits, old, &entry->held, &entry->faults);

    entry->name = xstrdup(c->name);
    if (!is_good) {
        entry->held = template_held_ref(old);
        template_report_broken(report, c->name, c->folder, &entry->faults, old != NULL);
    }
    entry->folder = xstrdup_or_null(entry->held != NULL ? entry->held->folder : c->folder);
    entry->item = (struct template_item){.name = entry->name,
                                         .t = entry->held != NULL ? entry->held->t : NULL,
                                         .folder = entry->folder,
                                         .faults = is_good ? NULL : &entry->faults};
}

static struct template_list *read_places(struct template_set *set,
                                         const struct template_list *before,
                                         struct template_report *report)
{
    AUTO(template_candidates_clear) struct template_candidates found = {.item = NULL};
    struct template_list *list;

    for (size_t i = 0; i < set->place_count; i++) {
        template_scan(&set->place[i], before, &found, report);
    }
    list = list_new(found.count);
    for (size_t i = 0; i < found.count; i++) {
        add_entry(set, &found.item[i], before, list, report);
    }
    return list;
}

static void compare_lists(const struct template_list *before, const struct template_list *after,
                          struct template_report *report)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct template_entry *entry = &after->entry[i];
        const struct template_held *old = template_list_held(before, entry->name);

        report->loaded += entry->held != NULL ? 1 : 0;
        if (entry->held != NULL && old == NULL) {
            template_report_name(&report->added, entry->name);
        } else if (entry->held != old) {
            template_report_name(&report->changed, entry->name);
        }
    }
    for (size_t i = 0; i < before->count; i++) {
        if (before->entry[i].held != NULL &&
            template_list_held(after, before->entry[i].name) == NULL) {
            template_report_name(&report->removed, before->entry[i].name);
        }
    }
}

void template_set_reload(struct template_set *set, struct template_report *report)
{
    AUTO(template_list_unref_ptr) struct template_list *before = NULL;
    struct template_list *after;

    *report = (struct template_report){.loaded = 0};
    (void)pthread_mutex_lock(&set->lock);
    while (set->is_reading) {
        (void)pthread_cond_wait(&set->was_read, &set->lock);
    }
    set->is_reading = true;
    before = set->list;
    (void)pthread_mutex_unlock(&set->lock);

    /* Nobody else takes the list from the set now, so its reference is ours to drop below. */
    after = read_places(set, before, report);
    compare_lists(before, after, report);

    (void)pthread_mutex_lock(&set->lock);
    set->list = after;
    set->is_reading = false;
    (void)pthread_cond_signal(&set->was_read);
    (void)pthread_mutex_unlock(&set->lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum errc add_place(struct template_set *set, struct span dir, struct err *e)
{
    while (dir.len > 1 && dir.ptr[dir.len - 1] == '/') {
        dir.len--;
    }
    if (dir.len == 0) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "templates_dir: there is an empty name between the colons");
    }
    if (set->place_count == COUNT_OF(set->place)) {
        return err_set(e, ERR_INVALID_PARAMETER, "templates_dir: at most %d folders",
                       TEMPLATE_SET_FOLDERS_MAX);
    }
    set->place[set->place_count++].dir = xstrndup(dir.ptr, dir.len);
    return ERR_NONE;
}

/* The first place is what is built in, or nothing: so that as many folders fit with it as without. */
static enum errc add_places(struct template_set *set, const struct config *config, struct err *e)
{
    const char *text = config->templates_dir;
    enum errc rc = ERR_NONE;

    set->place_count = 1;
    if (text[0] == '\0') {
        struct template_place *own = &set->place[set->place_count++];

        own->dir = xasprintf("%s/templates", config->data_dir);
        own->may_be_missing = true;
        return ERR_NONE;
    }
    while (rc == ERR_NONE) {
        size_t len = strcspn(text, ":");

        rc = add_place(set, (struct span){text, len}, e);
        if (text[len] == '\0') {
            break;
        }
        text += len + 1;
    }
    return rc;
}

/* Leaves out the first place. */
static void drop_shipped(struct template_set *set)
{
    set->place_count--;
    memmove(set->place, set->place + 1, set->place_count * sizeof set->place[0]);
}

enum errc template_set_open(const struct config *config, struct template_set **out,
                            struct template_report *report, struct err *e)
{
    struct template_set *set = xcalloc(1, sizeof *set);
    enum errc rc = add_places(set, config, e);

    *report = (struct template_report){.loaded = 0};
    (void)pthread_mutex_init(&set->lock, NULL);
    (void)pthread_cond_init(&set->was_read, NULL);
    set->list = list_new(0);
    if (rc != ERR_NONE) {
        template_set_free(set);
        return rc;
    }
    if (strcmp(config->templates_shipped, "off") == 0) {
        drop_shipped(set);
    }
    set->limits =
        (struct template_read_limits){.load = {.json = {.depth = (size_t)config->json_max_depth,
                                                        .nodes = (size_t)config->json_max_nodes},
                                               .graph_nodes = (size_t)config->graph_max_nodes},
                                      .workflow_bytes = (size_t)config->server_max_body};
    template_set_reload(set, report);
    *out = set;
    return ERR_NONE;
}

void template_set_free(struct template_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->place_count; i++) {
        free(set->place[i].dir);
    }
    template_list_unref(set->list);
    (void)pthread_cond_destroy(&set->was_read);
    (void)pthread_mutex_destroy(&set->lock);
    free(set);
}
