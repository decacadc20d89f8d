/* autocomplete.c - what is offered while somebody types. An empty list rather than a late one: Discord drops what comes after 3 s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/handlers.h"
#include "bot/options.h"
#include "bot/work.h"
#include "wire/read.h"
#include "wire/text.h"

#define PATIENCE_MS  2000
#define CHOICE_CHARS 100 /* characters, of name and value */
#define PATH_SIZE    2048

struct asked {
    struct work work;
    struct answer *a;
    bool is_job;
    char *typed;
};

/* ---- choices -------------------------------------------------------------------------------- */

static bool has(const char *text, const char *part)
{
    return part[0] == '\0' || strcasestr(text, part) != NULL;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* A value that is too long cannot be chosen, so it is not offered. */
static void add(cJSON *choices, const char *name, const char *value)
{
    AUTO(buf_clear) struct buf cut = BUF_INIT(CHOICE_CHARS * 4 + 8);
    cJSON *choice = NULL;

    if (cJSON_GetArraySize(choices) >= CHOICES_MAX || is_blank(value) || is_blank(name) ||
        text_count(value) > CHOICE_CHARS) {
        return;
    }
    text_cut(&cut, name, CHOICE_CHARS);
    choice = require_memory(cJSON_CreateObject());
    (void)cJSON_AddStringToObject(choice, "name", buf_str(&cut));
    (void)cJSON_AddStringToObject(choice, "value", value);
    (void)cJSON_AddItemToArray(choices, choice);
}

static const char *category_of(const char *command)
{
    static const char *const known[][2] = {
        {"generate", "text-to-image"}, {"edit", "image-edit"}, {"editflux", "image-edit"},
        {"editqwen", "image-edit"},    {"upscale", "upscale"}, {"animate", "image-to-video"}};

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(known[i][0], command) == 0) {
            return known[i][1];
        }
    }
    return "";
}

/* ---- from the catalog ----------------------------------------------------------------------- */

static cJSON *models(const struct catalog *c, const char *category, const char *typed)
{
    cJSON *choices = require_memory(cJSON_CreateArray());

    for (size_t pass = 0; pass < 2; pass++) { /* first those that can run */
        for (size_t i = 0; i < catalog_count(c); i++) {
            const struct template_entry *t = catalog_at(c, i);
            AUTO(free_ptr)
            char *name = t->is_available ? xstrdup(t->title) : xasprintf("%s (not now)", t->title);

            if (catalog_is_of(t, category) && t->is_available == (pass == 0) &&
                (has(t->title, typed) || has(t->name, typed))) {
                add(choices, name, t->name);
            }
        }
    }
    return choices;
}

static bool is_there(const cJSON *choices, const char *text)
{
    const cJSON *known = NULL;

    cJSON_ArrayForEach(known, choices) {
        if (strcmp(read_text(known, "value"), text) == 0) {
            return true;
        }
    }
    return false;
}

static void add_values(cJSON *choices, const cJSON *values, const char *typed)
{
    const cJSON *value = NULL;

    cJSON_ArrayForEach(value, values) {
        AUTO(free_ptr) char *text = choice_text(value);

        if (has(text, typed) && !is_there(choices, text)) {
            add(choices, text, text);
        }
    }
}

static cJSON *values(const struct catalog *c, const char *category, const char *option,
                     const char *typed)
{
    cJSON *choices = require_memory(cJSON_CreateArray());

    for (size_t i = 0; i < catalog_count(c); i++) {
        const struct template_entry *t = catalog_at(c, i);
        const struct param *p = catalog_is_of(t, category) ? param_by_name(t, option) : NULL;

        if (p != NULL && p->kind == PARAM_CHOICE) {
            add_values(choices, p->choice, typed);
        }
    }
    return choices;
}

/* What is still being typed is no size yet. */
static bool is_size(const char *typed)
{
    size_t width = strspn(typed, "0123456789");
    size_t sign = strspn(typed + width, " x*X");
    const char *height = typed + width + sign;

    return width > 0 && sign > 0 && height[0] != '\0' &&
           height[strspn(height, "0123456789")] == '\0';
}

static cJSON *sizes(const char *typed)
{
    static const char *const usual[] = {"1024x1024", "832x1216", "1216x832", "768x1344",
                                        "1344x768",  "512x512",  "768x768"};
    cJSON *choices = require_memory(cJSON_CreateArray());

    if (is_size(typed)) {
        add(choices, typed, typed);
    }
    for (size_t i = 0; i < COUNT_OF(usual); i++) {
        if (has(usual[i], typed) && strcmp(usual[i], typed) != 0) {
            add(choices, usual[i], usual[i]);
        }
    }
    return choices;
}

/* ---- from comfygate ------------------------------------------------------------------------- */

static void asked_drop(struct work *w)
{
    struct asked *q = container_of(w, struct asked, work);

    answer_unref(q->a);
    free(q->typed);
    free(q);
}

static void add_job(cJSON *choices, const cJSON *job, const char *typed)
{
    const char *title = read_text(job, "title");
    const char *template = read_text(job, "template");
    AUTO(free_ptr)
    char *name = xasprintf("%s: %s", read_text(job, "status"), title[0] != '\0' ? title : template);

    if (has(name, typed) || has(read_text(job, "id"), typed)) {
        add(choices, name, read_text(job, "id"));
    }
}

static void on_list(void *arg, const struct comfygate_result *result)
{
    struct asked *q = arg;
    cJSON *choices = require_memory(cJSON_CreateArray());
    const cJSON *item = NULL;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(result->json, "data")) {
        if (q->is_job) {
            add_job(choices, item, q->typed);
        } else {
            const char *name = cJSON_IsString(item) ? item->valuestring : read_text(item, "name");

            add(choices, name, name);
        }
    }
    answer_choices(q->a, choices);
    work_end(&q->work);
    asked_drop(&q->work);
}

static void ask(struct bot *b, struct answer *a, const char *path, bool is_job, const char *typed)
{
    struct asked *q = xcalloc(1, sizeof *q);

    work_begin(b, &q->work, asked_drop);
    q->a = answer_ref(a);
    q->is_job = is_job;
    q->typed = xstrdup(typed);
    (void)comfygate_start(
        b->comfygate,
        &(struct comfygate_request){
            .method = "GET", .path = path, .patience_ms = PATIENCE_MS, .done = on_list, .arg = q});
}

static void ask_loras(struct bot *b, struct answer *a, const char *typed)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(PATH_SIZE);

    (void)buf_appendf(&path, "/v1/models/loras?limit=%d", CHOICES_MAX);
    if (typed[0] != '\0') {
        (void)buf_append_str(&path, "&q=");
        comfygate_escape(&path, typed);
    }
    ask(b, a, buf_str(&path), false, typed);
}

static void ask_jobs(struct bot *b, const struct interaction *i, struct answer *a,
                     const char *typed)
{
    bool is_cancel = strcmp(i->command, "cancel") == 0;
    AUTO(free_ptr)
    char *path =
        xasprintf("/v1/jobs?metadata.discord.app=%s&metadata.discord.user=%s&limit=50%s",
                  b->application_id, i->user_id, is_cancel ? "&status=queued,running" : "");

    ask(b, a, path, true, typed);
}

/* ---- all ------------------------------------------------------------------------------------ */

void autocomplete(struct bot *b, struct interaction *i, struct answer *a)
{
    const char *typed = "";
    const char *option = interaction_focused(i, &typed);
    const char *category = category_of(i->command);

    if (option == NULL) {
        answer_choices(a, require_memory(cJSON_CreateArray()));
    } else if (strcmp(option, "model") == 0) {
        answer_choices(a, models(b->catalog, category, typed));
    } else if (strcmp(option, "lora") == 0 || strcmp(i->command, "loras") == 0) {
        ask_loras(b, a, typed);
    } else if (strcmp(option, "job") == 0) {
        ask_jobs(b, i, a, typed);
    } else if (strcmp(option, "size") == 0) {
        answer_choices(a, sizes(typed));
    } else {
        answer_choices(a, values(b->catalog, category, option, typed));
    }
    interaction_free(i);
}
