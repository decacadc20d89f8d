/* prefs.c - see prefs.h.
 */
#include "bot/prefs.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "bot/work.h"
#include "wire/read.h"

#define PATIENCE_MS 10000
#define SOON_MS     1500 /* somebody waits at a dialogue that Discord closes after 3 s */
#define VALUE_MAX   8000 /* of 8 KiB */
#define KEY_MAX     ((size_t)512)
#define PAGE        100

struct ask {
    struct work work;
    struct bot *bot;
    prefs_got *got;
    prefs_done *done;
    void (*each)(void *arg, const char *id, const cJSON *value);
    void *arg;
    char *prefix; /* of a list */
};

static void ask_drop(struct work *w)
{
    struct ask *a = container_of(w, struct ask, work);

    free(a->prefix);
    free(a);
}

static struct ask *ask_new(struct bot *b, void *arg)
{
    struct ask *a = xcalloc(1, sizeof *a);

    a->bot = b;
    a->arg = arg;
    work_begin(b, &a->work, ask_drop);
    return a;
}

static void ask_end(struct ask *a)
{
    work_end(&a->work);
    ask_drop(&a->work);
}

static void start(struct ask *a, const char *method, const char *path, const char *body,
                  int64_t patience_ms, comfygate_done *done)
{
    (void)comfygate_start(a->bot->comfygate, &(struct comfygate_request){.method = method,
                                                                         .path = path,
                                                                         .body = body,
                                                                         .patience_ms = patience_ms,
                                                                         .done = done,
                                                                         .arg = a});
}

static void add_key(struct buf *out, const struct bot *b, const char *kind, const char *id)
{
    (void)buf_appendf(out, "discord.%s.%s", b->application_id, kind);
    if (id != NULL) {
        (void)buf_appendf(out, ".%s", id);
    }
}

static char *path_of(const struct bot *b, const char *kind, const char *id)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(KEY_MAX);

    (void)buf_append_str(&path, "/v1/preferences/");
    add_key(&path, b, kind, id);
    return buf_take(&path);
}

/* ---- one ------------------------------------------------------------------------------------ */

static void on_got(void *arg, const struct comfygate_result *result)
{
    struct ask *a = arg;

    a->got(a->arg, result->status == 200 && cJSON_IsObject(result->json) ? result->json : NULL,
           result->status == 200 || result->status == 404);
    ask_end(a);
}

void prefs_get(struct bot *b, const char *kind, const char *id, prefs_got *got, void *arg)
{
    struct ask *a = ask_new(b, arg);
    AUTO(free_ptr) char *path = path_of(b, kind, id);

    a->got = got;
    start(a, "GET", path, NULL, SOON_MS, on_got);
}

bool prefs_fits(const cJSON *value)
{
    AUTO(free_ptr) char *text = require_memory(cJSON_PrintUnformatted(value));

    return strlen(text) <= VALUE_MAX;
}

static void on_done(void *arg, const struct comfygate_result *result)
{
    struct ask *a = arg;

    if (a->done != NULL) {
        a->done(a->arg, result->status / 100 == 2 || result->status == 404);
    }
    ask_end(a);
}

static void put(struct bot *b, const char *kind, const char *id, const cJSON *value,
                int64_t patience_ms, struct ask *a)
{
    AUTO(free_ptr) char *path = path_of(b, kind, id);
    AUTO(free_ptr) char *body = require_memory(cJSON_PrintUnformatted(value));

    start(a, "PUT", path, body, patience_ms, on_done);
}

void prefs_put(struct bot *b, const char *kind, const char *id, const cJSON *value,
               prefs_done *done, void *arg)
{
    struct ask *a = ask_new(b, arg);

    a->done = done;
    put(b, kind, id, value, PATIENCE_MS, a);
}

void prefs_put_soon(struct bot *b, const char *kind, const char *id, const cJSON *value,
                    prefs_done *done, void *arg)
{
    struct ask *a = ask_new(b, arg);

    a->done = done;
    put(b, kind, id, value, SOON_MS, a);
}

void prefs_delete(struct bot *b, const char *kind, const char *id, prefs_done *done, void *arg)
{
    struct ask *a = ask_new(b, arg);
    AUTO(free_ptr) char *path = path_of(b, kind, id);

    a->done = done;
    start(a, "DELETE", path, NULL, PATIENCE_MS, on_done);
}

/* ---- all of a kind -------------------------------------------------------------------------- */

static void ask_page(struct ask *a, const char *cursor);

static void on_page(void *arg, const struct comfygate_result *result)
{
    struct ask *a = arg;
    const cJSON *entry = NULL;
    const char *cursor = read_text(result->json, "next_cursor");

    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(result->json, "data")) {
        const char *key = read_text(entry, "key");

        if (strncmp(key, a->prefix, strlen(a->prefix)) == 0) {
            a->each(a->arg, key + strlen(a->prefix),
                    cJSON_GetObjectItemCaseSensitive(entry, "value"));
        }
    }
    if (result->status == 200 && cursor[0] != '\0') {
        ask_page(a, cursor);
        return;
    }
    if (a->done != NULL) {
        a->done(a->arg, result->status == 200);
    }
    ask_end(a);
}

static void ask_page(struct ask *a, const char *cursor)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(KEY_MAX * 4);

    (void)buf_appendf(&path, "/v1/preferences?limit=%d&prefix=", PAGE);
    comfygate_escape(&path, a->prefix);
    if (cursor[0] != '\0') {
        (void)buf_append_str(&path, "&cursor=");
        comfygate_escape(&path, cursor);
    }
    start(a, "GET", buf_str(&path), NULL, PATIENCE_MS, on_page);
}

void prefs_list(struct bot *b, const char *kind,
                void (*each)(void *arg, const char *id, const cJSON *value), prefs_done *end,
                void *arg)
{
    struct ask *a = ask_new(b, arg);
    AUTO(buf_clear) struct buf prefix = BUF_INIT(KEY_MAX);

    add_key(&prefix, b, kind, "");
    a->each = each;
    a->done = end;
    a->prefix = buf_take(&prefix);
    ask_page(a, "");
}
