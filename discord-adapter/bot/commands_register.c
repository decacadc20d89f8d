/* commands_register.c - see commands.h. Which places have which commands is noted in comfygate, one preference for each.
 *
 * A place is a server, or all of them ("everywhere"). One where commands were registered, and that is not wanted any more, has them taken
 * away: else its users would see each twice. A place that refuses does not keep the others from theirs.
 */
#include "bot/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/prefs.h"
#include "bot/work.h"
#include "wire/read.h"

#define KIND       "commands"
#define EVERYWHERE "everywhere"
#define REASON_MAX 1024

struct registration {
    struct work work;
    struct bot *bot;
    char *body;
    char hash[SHA256_TEXT_SIZE];
    cJSON *noted;   /* place: hash */
    cJSON *places;  /* texts, wanted and still to do; the first is being done */
    cJSON *surplus; /* the same, of those to be cleared */
    bool is_forced;
    bool has_changed;
    struct buf failures;
    void (*done)(void *arg, bool ok, const char *sentence);
    void *arg;
};

static void registration_drop(struct work *w)
{
    struct registration *r = container_of(w, struct registration, work);

    cJSON_Delete(r->noted);
    cJSON_Delete(r->places);
    cJSON_Delete(r->surplus);
    buf_clear(&r->failures);
    free(r->body);
    free(r);
}

static void finish(struct registration *r)
{
    bool ok = r->failures.len == 0;
    const char *sentence = !ok              ? buf_str(&r->failures)
                           : r->has_changed ? "registered"
                                            : "unchanged";

    if (ok) {
        log_info("commands", LOG_S("state", sentence));
    } else {
        log_warn("commands_not_registered", LOG_S("reason", sentence));
    }
    if (r->done != NULL) {
        r->done(r->arg, ok, sentence);
    }
    work_end(&r->work);
    registration_drop(&r->work);
}

static bool is_everywhere(const char *place)
{
    return strcmp(place, EVERYWHERE) == 0;
}

static void note_failure(struct registration *r, const char *place, const char *reason)
{
    (void)buf_appendf(&r->failures, "%s%s%s: %s", r->failures.len > 0 ? "; " : "",
                      is_everywhere(place) ? "" : "server ", place, reason);
}

/* ---- one place ------------------------------------------------------------------------------- */

static void next_place(struct registration *r);

static void put(struct registration *r, const char *place, const char *body, discord_done *done)
{
    AUTO(free_ptr)
    char *path =
        is_everywhere(place)
            ? xasprintf("/applications/%s/commands", r->bot->application_id)
            : xasprintf("/applications/%s/guilds/%s/commands", r->bot->application_id, place);

    (void)discord_request(r->bot->discord, "PUT", path, "PUT commands", body, done, r);
}

static void note_place(const struct registration *r, const char *place)
{
    cJSON *value = require_memory(cJSON_CreateObject());

    (void)cJSON_AddStringToObject(value, "hash", r->hash);
    prefs_put(r->bot, KIND, place, value, NULL, NULL);
    cJSON_Delete(value);
}

static void on_put(void *arg, const struct discord_result *result)
{
    struct registration *r = arg;
    const char *place = cJSON_GetStringValue(cJSON_GetArrayItem(r->places, 0));

    if (result->status / 100 == 2) {
        r->has_changed = true;
        note_place(r, place);
    } else {
        note_failure(r, place, result->reason);
    }
    cJSON_DeleteItemFromArray(r->places, 0);
    next_place(r);
}

/* Where we are not any more there is nothing to take away. */
static void on_cleared(void *arg, const struct discord_result *result)
{
    struct registration *r = arg;
    const char *place = cJSON_GetStringValue(cJSON_GetArrayItem(r->surplus, 0));

    if (result->status / 100 == 2 || result->status == 403 || result->status == 404) {
        r->has_changed = true;
        prefs_delete(r->bot, KIND, place, NULL, NULL);
    } else {
        note_failure(r, place, result->reason);
    }
    cJSON_DeleteItemFromArray(r->surplus, 0);
    next_place(r);
}

static void next_place(struct registration *r)
{
    const char *place = NULL;

    while ((place = cJSON_GetStringValue(cJSON_GetArrayItem(r->places, 0))) != NULL) {
        if (r->is_forced || strcmp(read_text(r->noted, place), r->hash) != 0) {
            put(r, place, r->body, on_put);
            return;
        }
        cJSON_DeleteItemFromArray(r->places, 0);
    }
    place = cJSON_GetStringValue(cJSON_GetArrayItem(r->surplus, 0));
    if (place != NULL) {
        put(r, place, "[]", on_cleared);
    } else {
        finish(r);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void add_text(cJSON *array, const char *text, size_t len)
{
    AUTO(free_ptr) char *copy = xstrndup(text, len);

    (void)cJSON_AddItemToArray(array, require_memory(cJSON_CreateString(copy)));
}

static cJSON *wanted_places(const struct bot *b)
{
    cJSON *places = require_memory(cJSON_CreateArray());
    const char *at = b->settings->guild_ids + strspn(b->settings->guild_ids, ", ");

    while (*at != '\0') {
        size_t len = strcspn(at, ", ");

        add_text(places, at, len);
        at += len;
        at += strspn(at, ", ");
    }
    if (cJSON_GetArraySize(places) == 0) {
        add_text(places, EVERYWHERE, strlen(EVERYWHERE));
    }
    return places;
}

static bool has_text(const cJSON *array, const char *text)
{
    const cJSON *item = NULL;

    cJSON_ArrayForEach(item, array) {
        if (strcmp(cJSON_GetStringValue(item), text) == 0) {
            return true;
        }
    }
    return false;
}

static void on_noted(void *arg, const char *place, const cJSON *value)
{
    struct registration *r = arg;

    (void)cJSON_AddStringToObject(r->noted, place, read_text(value, "hash"));
    if (!has_text(r->places, place) && (is_everywhere(place) || is_snowflake(place))) {
        add_text(r->surplus, place, strlen(place));
    }
}

static void on_all_noted(void *arg, bool ok)
{
    struct registration *r = arg;

    if (ok || r->is_forced) {
        next_place(r);
    } else {
        (void)buf_append_str(&r->failures, "comfygate did not tell what is registered already");
        finish(r);
    }
}

void commands_register(struct bot *b, bool is_forced,
                       void (*done)(void *arg, bool ok, const char *sentence), void *arg)
{
    struct registration *r = NULL;
    cJSON *tree = NULL;

    if (b->application_id[0] == '\0' || !catalog_is_known(b->catalog)) {
        if (done != NULL) {
            done(arg, false, "the application or comfygate's templates are not known yet");
        }
        return;
    }
    r = xcalloc(1, sizeof *r);
    work_begin(b, &r->work, registration_drop);
    tree = commands_tree(b);
    r->bot = b;
    r->body = require_memory(cJSON_PrintUnformatted(tree));
    cJSON_Delete(tree);
    sha256_hex(span_of(r->body), r->hash);
    r->noted = require_memory(cJSON_CreateObject());
    r->places = wanted_places(b);
    r->surplus = require_memory(cJSON_CreateArray());
    r->failures = BUF_INIT(REASON_MAX);
    r->is_forced = is_forced;
    r->done = done;
    r->arg = arg;
    prefs_list(b, KIND, on_noted, on_all_noted, r);
}
