/* submit_patch.c - PATCH of a job: what may be changed once it is there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "core/submit.h"
#include "core/submit_read.h"

static void patch_title(struct intake *in, json_ref value)
{
    in->patch->has_title = true;
    if (json_type(in->doc, value) != JSON_NULL) {
        in->patch->title = intake_title(in, value);
    }
}

static void patch_tags(struct intake *in, json_ref value)
{
    in->patch->has_tags = true;
    in->patch->tags_json = intake_tags_json(in, value);
}

static void patch_metadata(struct intake *in, json_ref value)
{
    in->patch->has_metadata = true;
    in->patch->metadata_patch_json = intake_metadata_json(in, value);
}

static void patch_starred(struct intake *in, json_ref value)
{
    in->patch->has_starred = true;
    if (!json_bool(in->doc, value, &in->patch->is_starred)) {
        intake_fault(in, value, "wrong_type", "must be true or false");
    }
}

static void patch_priority(struct intake *in, json_ref value)
{
    int64_t number = 0;

    if (intake_integer(in, value, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, &number)) {
        in->patch->has_priority = true;
        in->patch->priority = (int)number;
    }
}

static const struct member patch_members[] = {
    {"title", patch_title},     {"tags", patch_tags},         {"metadata", patch_metadata},
    {"starred", patch_starred}, {"priority", patch_priority}, {NULL, NULL},
};

enum errc job_patch_parse(struct span body, struct json_limits limits, struct job_patch *out,
                          struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err unseen = ERR_INIT;
    struct intake in = {.patch = out, .e = e != NULL ? e : &unseen};

    *out = (struct job_patch){0};
    *in.e = ERR_INIT;
    if (json_parse(body, JSON_STRICT, limits, &doc, in.e) != ERR_NONE) {
        return in.e->code;
    }
    in.doc = doc;
    intake_body(&in, patch_members);
    return in.e->code;
}

void job_patch_clear(struct job_patch *p)
{
    free(p->title);
    free(p->tags_json);
    free(p->metadata_patch_json);
    *p = (struct job_patch){0};
}

/* Both texts are ours: what cannot be read is a bug, not an input. */
static struct json_doc *read_own(const char *json)
{
    const struct json_limits limits = {.depth = 4, .nodes = 4096};
    struct json_doc *doc = NULL;
    enum errc code = json_parse(span_of(json), JSON_STRICT, limits, &doc, NULL);

    bug_if(code != ERR_NONE);
    return doc;
}

/* Writes the members of `from`, each with the value that `other` gives it, if it does; without
 * those whose value is null then, and without those of `other` when only_new. Returns how many. */
static size_t write_members(struct json_out *o, const struct json_doc *from,
                            const struct json_doc *other, bool only_new)
{
    size_t count = 0;

    for (json_ref n = json_first(from, 0); n != JSON_NONE; n = json_next(from, n)) {
        AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(from, n).len);
        bool is_readable = json_key(from, n, &key);
        json_ref twin = json_get(other, 0, buf_str(&key));
        const struct json_doc *doc = twin != JSON_NONE ? other : from;
        json_ref value = twin != JSON_NONE ? twin : n;

        bug_if(!is_readable);
        if ((only_new && twin != JSON_NONE) || json_type(doc, value) == JSON_NULL) {
            continue;
        }
        jo_raw(o, buf_str(&key), json_raw(doc, value));
        count++;
    }
    return count;
}

/* Merge patch (RFC 7396) of an object of strings: what was there keeps its place, what is new
 * follows. Gives the new text; *out_keys: how many it has. */
static char *merge_metadata(const char *old_json, const char *patch_json, size_t *out_keys)
{
    AUTO(json_free_ptr) struct json_doc *old = read_own(old_json);
    AUTO(json_free_ptr) struct json_doc *patch = read_own(patch_json);
    AUTO(buf_clear) struct buf json = BUF_INIT(6 * (strlen(old_json) + strlen(patch_json)));
    struct json_out o = json_out_to(&json);

    jo_obj(&o, NULL);
    *out_keys = write_members(&o, old, patch, false);
    *out_keys += write_members(&o, patch, old, true);
    jo_end(&o);
    bug_if(!buf_ok(&json));
    return buf_take(&json);
}

/* Takes text in place of *slot; true when it differs. */
static bool replace(char **slot, char *text)
{
    bool is_same = (*slot == NULL) == (text == NULL) && (text == NULL || strcmp(*slot, text) == 0);

    free(*slot);
    *slot = text;
    return !is_same;
}

/* What has left the queue is not moved in it. The same priority again is no move. */
static enum errc check_priority(const struct job_patch *patch, const struct job_row *row,
                                struct err *e)
{
    if (!patch->has_priority || patch->priority == row->priority || row->phase == PHASE_WAITING) {
        return ERR_NONE;
    }
    return err_set(e, ERR_JOB_NOT_WAITING,
                   row->phase == PHASE_NONE
                       ? "The job has ended; its priority means nothing any more."
                       : "The job has been given to a ComfyUI already; its priority can be changed "
                         "only while it waits.");
}

enum errc job_patch_apply(const struct job_patch *patch, struct job_row *row, bool *changed,
                          struct err *e)
{
    AUTO(free_ptr) char *metadata = NULL;
    size_t keys = 0;

    if (check_priority(patch, row, e) != ERR_NONE) {
        return ERR_JOB_NOT_WAITING;
    }
    if (patch->has_metadata) {
        metadata = merge_metadata(row->metadata_json, patch->metadata_patch_json, &keys);
    }
    if (keys > METADATA_KEYS_MAX) {
        return err_at(e, ERR_VALIDATION_ERROR, "/metadata", "too_many",
                      "must have at most %d keys; it would have %zu", METADATA_KEYS_MAX, keys);
    }
    *changed = false;
    if (patch->has_title) {
        *changed |= replace(&row->title, xstrdup_or_null(patch->title));
    }
    if (patch->has_tags) {
        *changed |= replace(&row->tags_json, xstrdup(patch->tags_json));
    }
    if (metadata != NULL) {
        *changed |= replace(&row->metadata_json, take_ptr(&metadata));
    }
    if (patch->has_starred) {
        *changed |= row->is_starred != patch->is_starred;
        row->is_starred = patch->is_starred;
    }
    if (patch->has_priority) {
        *changed |= row->priority != patch->priority;
        row->priority = patch->priority;
    }
    return ERR_NONE;
}
