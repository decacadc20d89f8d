/* catalog.c - see catalog.h. A reading is whole or is nothing: entries are exchanged when the last template was read.
 */
#include "bot/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "wire/read.h"

#define RETRY_MS    3000
#define WHOLE_EVERY 10 /* refreshes: details may change while the list does not */
#define PATIENCE_MS 10000
#define COUNT_MAX   200

struct entry {
    struct template_entry public;
    cJSON *json; /* that its texts are in */
    struct param *param;
    char *reason;
};

struct entries {
    struct entry *item;
    size_t count;
};

struct catalog {
    struct loop *loop;
    struct comfygate *gate;
    int64_t refresh_ms;
    void (*changed)(void *arg);
    void *arg;
    struct entries now;
    struct entries next; /* being read */
    cJSON *names;        /* of the list that is being read */
    char *list_text;     /* by which now was read */
    char *next_list_text;
    bool is_known;
    int refreshes;
    struct comfygate_call *call;
    struct loop_timer timer;
};

/* ---- one template --------------------------------------------------------------------------- */

static void entries_clear(struct entries *e)
{
    for (size_t i = 0; i < e->count; i++) {
        cJSON_Delete(e->item[i].json);
        free(e->item[i].param);
        free(e->item[i].reason);
    }
    free(e->item);
    *e = (struct entries){.count = 0};
}

static bool is_type(const cJSON *schema, const char *type)
{
    return strcmp(read_text(schema, "type"), type) == 0;
}

static enum param_kind kind_of(const cJSON *schema, const char *role)
{
    if (read_true(schema, "x-file")) {
        return PARAM_PICTURE;
    }
    if (strcmp(role, "loras") == 0 && is_type(schema, "array")) {
        return PARAM_LORAS;
    }
    if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(schema, "enum"))) {
        return PARAM_CHOICE;
    }
    if (is_type(schema, "integer")) {
        return PARAM_INTEGER;
    }
    if (is_type(schema, "number")) {
        return PARAM_NUMBER;
    }
    return is_type(schema, "boolean") ? PARAM_BOOL : PARAM_TEXT;
}

static bool is_listed(const cJSON *array, const char *text)
{
    const cJSON *item = NULL;

    cJSON_ArrayForEach(item, array) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

static struct param read_param(const cJSON *schema, const cJSON *required)
{
    const cJSON *ui = cJSON_GetObjectItemCaseSensitive(schema, "x-ui");
    const cJSON *min = cJSON_GetObjectItemCaseSensitive(schema, "minimum");
    const cJSON *max = cJSON_GetObjectItemCaseSensitive(schema, "maximum");
    const char *title = read_text(schema, "title");
    struct param p = {
        .name = schema->string,
        .role = read_text(ui, "role"),
        .title = title[0] != '\0' ? title : schema->string,
        .description = read_text(schema, "description"),
        .is_required = is_listed(required, schema->string),
        .is_advanced = read_true(ui, "advanced"),
        .order = (int)read_int(ui, "order", 1000),
        .has_min = cJSON_IsNumber(min),
        .has_max = cJSON_IsNumber(max),
        .min = cJSON_IsNumber(min) ? min->valuedouble : 0,
        .max = cJSON_IsNumber(max) ? max->valuedouble : 0,
        .max_length = read_int(schema, "maxLength", 0),
        .choice = cJSON_GetObjectItemCaseSensitive(schema, "enum"),
        .fallback = cJSON_GetObjectItemCaseSensitive(schema, "default"),
    };

    p.kind = kind_of(schema, p.role);
    return p;
}

static int by_order(const void *a, const void *b)
{
    const struct param *x = a;
    const struct param *y = b;

    return x->order != y->order ? (x->order > y->order ? 1 : -1) : strcmp(x->name, y->name);
}

static char *reason_of(const cJSON *json)
{
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(json, "unavailable_reasons");
    const char *detail = read_text(cJSON_GetArrayItem(reasons, 0), "detail");
    int more = cJSON_GetArraySize(reasons) - 1;

    if (detail[0] == '\0') {
        return xstrdup("");
    }
    return more > 0 ? xasprintf("%s (and %d more)", detail, more) : xstrdup(detail);
}

/* Takes json. */
static void add_entry(struct entries *all, cJSON *json)
{
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(json, "input_schema");
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    const cJSON *available = cJSON_GetObjectItemCaseSensitive(json, "available");
    struct entry e = {.json = json, .reason = reason_of(json)};
    const cJSON *property = NULL;
    size_t count = 0;

    e.param = xcalloc((size_t)cJSON_GetArraySize(properties) + 1, sizeof *e.param);
    cJSON_ArrayForEach(property, properties) {
        e.param[count++] =
            read_param(property, cJSON_GetObjectItemCaseSensitive(schema, "required"));
    }
    qsort(e.param, count, sizeof *e.param, by_order);
    e.public = (struct template_entry){.name = read_text(json, "name"),
                                       .title = read_text(json, "title"),
                                       .description = read_text(json, "description"),
                                       .category = read_text(json, "category"),
                                       .is_available = !cJSON_IsFalse(available),
                                       .reason = e.reason,
                                       .param = e.param,
                                       .param_count = count};
    all->item = xrealloc(all->item, (all->count + 1) * sizeof *all->item);
    all->item[all->count++] = e;
}

/* ---- reading all ---------------------------------------------------------------------------- */

static void ask_next(struct catalog *c);

static void on_due(void *arg)
{
    catalog_refresh(arg);
}

static void plan(struct catalog *c, int64_t in_ms)
{
    loop_timer_set(c->loop, &c->timer, in_ms, on_due, c);
}

static void exchange(struct catalog *c)
{
    entries_clear(&c->now);
    c->now = c->next;
    c->next = (struct entries){.count = 0};
    free(c->list_text);
    c->list_text = take_ptr(&c->next_list_text);
    c->is_known = true;
    log_debug("catalog_read", LOG_I("templates", (int64_t)c->now.count));
    plan(c, c->refresh_ms);
    if (c->changed != NULL) {
        c->changed(c->arg);
    }
}

static void on_detail(void *arg, const struct comfygate_result *result)
{
    struct catalog *c = arg;

    c->call = NULL;
    if (result->status == 200 && cJSON_IsObject(result->json)) {
        add_entry(&c->next, require_memory(cJSON_Duplicate(result->json, true)));
    } else if (result->status != 404) { /* 404: removed meanwhile */
        plan(c, RETRY_MS);
        return;
    }
    cJSON_DeleteItemFromArray(c->names, 0);
    ask_next(c);
}

static void ask_next(struct catalog *c)
{
    const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(c->names, 0));
    AUTO(free_ptr) char *path = NULL;

    if (name == NULL) {
        exchange(c);
        return;
    }
    path = xasprintf("/v1/templates/%s", name);
    c->call = comfygate_start(c->gate, &(struct comfygate_request){.method = "GET",
                                                                   .path = path,
                                                                   .patience_ms = PATIENCE_MS,
                                                                   .done = on_detail,
                                                                   .arg = c});
}

static void on_list(void *arg, const struct comfygate_result *result)
{
    struct catalog *c = arg;
    const cJSON *entry = NULL;
    AUTO(free_ptr)
    char *text = xstrndup(result->body.ptr != NULL ? result->body.ptr : "", result->body.len);

    c->call = NULL;
    if (result->status != 200) {
        plan(c, c->is_known ? c->refresh_ms : RETRY_MS);
        return;
    }
    if (c->list_text != NULL && strcmp(text, c->list_text) == 0 && ++c->refreshes < WHOLE_EVERY) {
        plan(c, c->refresh_ms);
        return;
    }
    c->refreshes = 0;
    free(c->next_list_text);
    c->next_list_text = take_ptr(&text);
    cJSON_Delete(c->names);
    c->names = require_memory(cJSON_CreateArray());
    entries_clear(&c->next);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(result->json, "data")) {
        const char *name = read_text(entry, "name");

        if (read_text(entry, "category")[0] != '\0' && cJSON_GetArraySize(c->names) < COUNT_MAX) {
            (void)cJSON_AddItemToArray(c->names, require_memory(cJSON_CreateString(name)));
        }
    }
    ask_next(c);
}

void catalog_refresh(struct catalog *c)
{
    loop_timer_off(c->loop, &c->timer);
    if (c->call == NULL) {
        c->call = comfygate_start(c->gate, &(struct comfygate_request){.method = "GET",
                                                                       .path = "/v1/templates",
                                                                       .patience_ms = PATIENCE_MS,
                                                                       .done = on_list,
                                                                       .arg = c});
    }
}

/* ---- the catalog ---------------------------------------------------------------------------- */

struct catalog *catalog_new(struct loop *loop, struct comfygate *gate, int64_t refresh_ms,
                            void (*changed)(void *arg), void *arg)
{
    struct catalog *c = xcalloc(1, sizeof *c);

    c->loop = loop;
    c->gate = gate;
    c->refresh_ms = refresh_ms;
    c->changed = changed;
    c->arg = arg;
    plan(c, 0);
    return c;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL) {
        return;
    }
    loop_timer_off(c->loop, &c->timer);
    comfygate_drop(c->call);
    entries_clear(&c->now);
    entries_clear(&c->next);
    cJSON_Delete(c->names);
    free(c->list_text);
    free(c->next_list_text);
    free(c);
}

bool catalog_is_known(const struct catalog *c)
{
    return c->is_known;
}

size_t catalog_count(const struct catalog *c)
{
    return c->now.count;
}

const struct template_entry *catalog_at(const struct catalog *c, size_t index)
{
    return index < c->now.count ? &c->now.item[index].public : NULL;
}

const struct template_entry *catalog_find(const struct catalog *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->now.count; i++) {
        if (strcmp(c->now.item[i].public.name, name) == 0) {
            return &c->now.item[i].public;
        }
    }
    return NULL;
}

/* A video from a text alone is made where a picture from a text is. */
bool catalog_is_of(const struct template_entry *t, const char *category)
{
    if (strcmp(t->category, category) == 0) {
        return true;
    }
    return strcmp(category, "text-to-image") == 0 && strcmp(t->category, "other") == 0 &&
           param_by_role(t, "prompt") != NULL &&
           (param_picture(t, 0) == NULL || !param_picture(t, 0)->is_required);
}

const struct template_entry *catalog_default(const struct catalog *c, const char *category,
                                             const char *wanted)
{
    const struct template_entry *chosen = catalog_find(c, wanted);
    const struct template_entry *second = NULL;

    if (chosen != NULL && catalog_is_of(chosen, category)) {
        return chosen;
    }
    for (size_t i = 0; i < c->now.count; i++) {
        const struct template_entry *t = &c->now.item[i].public;

        if (!catalog_is_of(t, category)) {
            continue;
        }
        if (t->is_available) {
            return t;
        }
        second = second == NULL ? t : second;
    }
    return second;
}

const struct param *param_by_role(const struct template_entry *t, const char *role)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (strcmp(t->param[i].role, role) == 0) {
            return &t->param[i];
        }
    }
    return NULL;
}

const struct param *param_by_name(const struct template_entry *t, const char *name)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (strcmp(t->param[i].name, name) == 0) {
            return &t->param[i];
        }
    }
    return NULL;
}

const struct param *param_picture(const struct template_entry *t, size_t n)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (t->param[i].kind == PARAM_PICTURE && n-- == 0) {
            return &t->param[i];
        }
    }
    return NULL;
}
