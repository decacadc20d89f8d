/* models_get.c - GET /v1/models (listModelFolders), GET /v1/models/{folder} (listModels): which models
 * the ComfyUIs have, as far as they have told.
 *
 * A page begins behind a name, not at a number: a model that comes or goes between two pages neither
 * repeats nor hides another.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/node_info.h"
#include "http/handlers.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX     1000
#define TEXT_MAX      200
#define PAGE_MAX      ((size_t)64 << 20)
/* So that no cursor is taken for that of another list. */
#define CURSOR_PREFIX "models:"

/* One name on one backend; the name is borrowed from its snapshot. */
struct model {
    const char *name;
    size_t backend;
};

struct catalog {
    const struct backend_list *backends;
    struct node_info *nodes[BACKENDS_MAX]; /* NULL = has told nothing */
    bool is_complete;                      /* all have told */

    struct model *model; /* of one folder, in the order of names, then of backends */
    size_t count;
    size_t room;
    size_t at_backend; /* while it is filled */
};

static void clear_catalog(struct catalog *c)
{
    for (size_t i = 0; i < c->backends->count; i++) {
        node_info_unref(c->nodes[i]);
    }
    free(c->model);
}

static struct catalog take_catalog(const struct request *r)
{
    struct catalog c = {.backends = r->parts->backends, .is_complete = true};

    for (size_t i = 0; i < c.backends->count; i++) {
        c.nodes[i] = hub_nodes(r->parts->hub, i);
        c.is_complete &= c.nodes[i] != NULL;
    }
    return c;
}

static void add_model(void *arg, const char *name)
{
    struct catalog *c = arg;

    if (c->count == c->room) {
        c->room = c->room > 0 ? c->room * 2 : 256;
        c->model = xrealloc(c->model, c->room * sizeof *c->model);
    }
    c->model[c->count++] = (struct model){.name = name, .backend = c->at_backend};
}

static int compare_models(const void *a, const void *b)
{
    const struct model *x = a;
    const struct model *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->backend > y->backend) - (x->backend < y->backend);
}

static void fill(struct catalog *c, const char *folder)
{
    c->count = 0;
    for (size_t i = 0; i < c->backends->count; i++) {
        c->at_backend = i;
        node_info_models(c->nodes[i], folder, add_model, c);
    }
    if (c->count > 0) {
        qsort(c->model, c->count, sizeof *c->model, compare_models);
    }
}

/* Behind the last entry of the name that stands at i. */
static size_t skip_name(const struct catalog *c, size_t i)
{
    size_t next = i + 1;

    while (next < c->count && strcmp(c->model[next].name, c->model[i].name) == 0) {
        next++;
    }
    return next;
}

/* ---- the query ------------------------------------------------------------------------------- */

struct query {
    const char *text; /* NULL = all */
    int limit;
    char *after; /* NULL = from the first */
};

static void clear_query(struct query *q)
{
    free(q->after);
}

static char *cursor_of(const char *name)
{
    AUTO(free_ptr) char *plain = xasprintf(CURSOR_PREFIX "%s", name);
    size_t size =
        sodium_base64_ENCODED_LEN(strlen(plain), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *out = xmalloc(size);

    return sodium_bin2base64(out, size, (const unsigned char *)plain, strlen(plain),
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* The name that it stands for, to be freed; NULL when it is no cursor of this list. */
static char *name_of(const char *cursor)
{
    size_t size = strlen(cursor);
    AUTO(free_ptr) char *plain = xcalloc(size + 1, 1);
    size_t prefix = sizeof CURSOR_PREFIX - 1;
    size_t len = 0;

    if (sodium_base642bin((unsigned char *)plain, size, cursor, size, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len <= prefix || strncmp(plain, CURSOR_PREFIX, prefix) != 0 || strlen(plain) != len) {
        return NULL;
    }
    return xstrdup(plain + prefix);
}

static size_t count_characters(const char *text)
{
    size_t count = 0;

    for (struct span rest = span_of(text); rest.len > 0; count++) {
        size_t len = utf8_len(rest); /* not 0: the target was checked */

        rest = (struct span){rest.ptr + len, rest.len - len};
    }
    return count;
}

static enum errc read_query(const struct uri *uri, struct query *out, struct err *e)
{
    const char *limit = uri_param(uri, "limit");
    const char *cursor = uri_param(uri, "cursor");

    *out = (struct query){.text = uri_param(uri, "q"), .limit = LIMIT_DEFAULT};
    if (out->text != NULL && (out->text[0] == '\0' || count_characters(out->text) > TEXT_MAX)) {
        (void)err_param(e, "q", "must be 1 to %d characters", TEXT_MAX);
    }
    if (limit != NULL && !decimal_parse(limit, 1, LIMIT_MAX, &out->limit)) {
        (void)err_param(e, "limit", "must be 1 to %d", LIMIT_MAX);
    }
    if (cursor != NULL) {
        out->after = name_of(cursor);
        if (out->after == NULL) {
            (void)err_param(e, "cursor", "is none that this gateway gave out");
        }
    }
    return e->code;
}

static bool is_wanted(const struct query *q, const char *name)
{
    size_t len = q->text != NULL ? strlen(q->text) : 0;

    if (q->after != NULL && strcmp(name, q->after) <= 0) {
        return false;
    }
    if (len == 0) {
        return true;
    }
    for (; *name != '\0'; name++) {
        if (strncasecmp(name, q->text, len) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- one folder ------------------------------------------------------------------------------ */

static void write_model(struct json_out *o, const struct catalog *c, size_t from, size_t to)
{
    jo_obj(o, NULL);
    jo_str(o, "name", c->model[from].name);
    jo_arr(o, "backends");
    for (size_t i = from; i < to; i++) {
        jo_str(o, NULL, c->backends->item[c->model[i].backend].name);
    }
    jo_end(o);
    jo_end(o);
}

/* The cursor of the next page, to be freed; NULL when this is the last. */
static char *write_page(struct json_out *o, const struct catalog *c, const struct query *q)
{
    const char *last = NULL;
    int count = 0;

    for (size_t i = 0, next = 0; i < c->count; i = next) {
        next = skip_name(c, i);
        if (!is_wanted(q, c->model[i].name)) {
            continue;
        }
        if (count == q->limit) {
            return cursor_of(last);
        }
        write_model(o, c, i, next);
        last = c->model[i].name;
        count++;
    }
    return NULL;
}

static enum MHD_Result refuse_folder(struct request *r)
{
    AUTO(buf_clear) struct buf known = BUF_INIT(512);
    struct err e;

    for (size_t i = 0; node_info_folder(i) != NULL; i++) {
        (void)buf_appendf(&known, "%s%s", i > 0 ? ", " : "", node_info_folder(i));
    }
    err_fresh(&e);
    (void)err_set(&e, ERR_NOT_FOUND, "No such folder; there are %s.", buf_str(&known));
    return reply_problem(r, &e);
}

enum MHD_Result models_get(struct request *r)
{
    AUTO(clear_catalog) struct catalog c = take_catalog(r);
    AUTO(clear_query) struct query q = {.after = NULL};
    AUTO(buf_clear) struct buf body = BUF_INIT(PAGE_MAX);
    AUTO(free_ptr) char *cursor = NULL;
    struct json_out o = json_out_to(&body);
    struct err e;

    err_fresh(&e);
    if (!node_info_folder_known(r->name)) {
        return refuse_folder(r);
    }
    if (read_query(&r->uri, &q, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    fill(&c, r->name);
    jo_obj(&o, NULL);
    jo_arr(&o, "data");
    cursor = write_page(&o, &c, &q);
    jo_end(&o);
    jo_bool(&o, "has_more", cursor != NULL);
    jo_str(&o, "next_cursor", cursor);
    jo_bool(&o, "complete", c.is_complete);
    jo_end(&o);
    return reply_json_tagged(r, &body);
}

/* ---- all folders ----------------------------------------------------------------------------- */

static int64_t count_names(const struct catalog *c)
{
    int64_t count = 0;

    for (size_t i = 0; i < c->count; i = skip_name(c, i)) {
        count++;
    }
    return count;
}

enum MHD_Result models_folders(struct request *r)
{
    AUTO(clear_catalog) struct catalog c = take_catalog(r);
    AUTO(buf_clear) struct buf body = BUF_INIT(PAGE_MAX);
    struct json_out o = json_out_to(&body);

    jo_obj(&o, NULL);
    jo_arr(&o, "data");
    for (size_t i = 0; node_info_folder(i) != NULL; i++) {
        fill(&c, node_info_folder(i));
        jo_obj(&o, NULL);
        jo_str(&o, "folder", node_info_folder(i));
        jo_int(&o, "count", count_names(&c));
        jo_end(&o);
    }
    jo_end(&o);
    jo_bool(&o, "has_more", false);
    jo_null(&o, "next_cursor");
    jo_bool(&o, "complete", c.is_complete);
    jo_end(&o);
    return reply_json_tagged(r, &body);
}
