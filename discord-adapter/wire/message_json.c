/* message_json.c - a message, and a modal, as JSON: fitted to what Discord takes in all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/message_parts.h"
#include "wire/text.h"

#define EMBEDS_CHARS   6000
#define FLAG_EPHEMERAL 64
#define INPUT_MAX      4000

/* ---- 6000 characters over all embeds -------------------------------------------------------- */

static size_t count_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    return text != NULL ? text_count(text) : 0;
}

static size_t embed_chars(const cJSON *embed)
{
    size_t total = count_of(embed, "title") + count_of(embed, "description") +
                   count_of(cJSON_GetObjectItemCaseSensitive(embed, "footer"), "text");
    const cJSON *field = NULL;

    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(embed, "fields")) {
        total += count_of(field, "name") + count_of(field, "value");
    }
    return total;
}

static void shorten(cJSON *object, const char *key, size_t *excess)
{
    size_t now = count_of(object, key);
    size_t keep = now > *excess + 1 ? now - *excess : 1;
    AUTO(free_ptr) char *text = NULL;

    if (*excess == 0 || now <= 1) {
        return;
    }
    text = message_cut(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key)), keep);
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    (void)cJSON_AddStringToObject(object, key, text);
    *excess -= now - text_count(text) < *excess ? now - text_count(text) : *excess;
}

static size_t excess_of(const cJSON *embeds)
{
    size_t total = 0;
    const cJSON *embed = NULL;

    cJSON_ArrayForEach(embed, embeds) {
        total += embed_chars(embed);
    }
    return total > EMBEDS_CHARS ? total - EMBEDS_CHARS : 0;
}

/* Where names, titles and footers alone are too many: the last field goes, then the last embed. */
static void drop_last(cJSON *embeds)
{
    int last = cJSON_GetArraySize(embeds) - 1;
    cJSON *fields = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(embeds, last), "fields");
    int count = cJSON_GetArraySize(fields);

    if (count > 0) {
        cJSON_DeleteItemFromArray(fields, count - 1);
    } else {
        cJSON_DeleteItemFromArray(embeds, last);
    }
}

/* Its colour alone is no embed. */
static bool is_empty(const cJSON *embed)
{
    return embed_chars(embed) == 0 && !cJSON_HasObjectItem(embed, "image");
}

/* What came last says least: fields from behind, then descriptions. */
static void fit_embeds(cJSON *embeds)
{
    size_t excess = excess_of(embeds);

    for (int i = cJSON_GetArraySize(embeds) - 1; i >= 0 && excess > 0; i--) {
        cJSON *each = cJSON_GetArrayItem(embeds, i);
        const cJSON *fields = cJSON_GetObjectItemCaseSensitive(each, "fields");

        for (int n = cJSON_GetArraySize(fields) - 1; n >= 0 && excess > 0; n--) {
            shorten(cJSON_GetArrayItem(fields, n), "value", &excess);
        }
        shorten(each, "description", &excess);
    }
    while (excess_of(embeds) > 0) {
        drop_last(embeds);
    }
    for (int i = cJSON_GetArraySize(embeds) - 1; i >= 0; i--) {
        if (is_empty(cJSON_GetArrayItem(embeds, i))) {
            cJSON_DeleteItemFromArray(embeds, i);
        }
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void add_mentions(const struct message *m, cJSON *json)
{
    cJSON *mentions = cJSON_AddObjectToObject(json, "allowed_mentions");

    (void)cJSON_AddArrayToObject(mentions, "parse");
    if (m->mention != NULL) {
        (void)cJSON_AddItemToArray(cJSON_AddArrayToObject(mentions, "users"),
                                   require_memory(cJSON_CreateString(m->mention)));
    }
    if (m->reply_to != NULL) {
        (void)cJSON_AddFalseToObject(mentions, "replied_user");
    }
}

static void add_attachments(const struct message *m, cJSON *json)
{
    cJSON *list = cJSON_AddArrayToObject(json, "attachments");
    char id[24];

    for (size_t i = 0; i < m->kept_count; i++) {
        cJSON *kept = require_memory(cJSON_CreateObject());

        (void)cJSON_AddStringToObject(kept, "id", m->kept[i]);
        (void)cJSON_AddItemToArray(list, kept);
    }
    for (size_t i = 0; i < m->file_count; i++) {
        cJSON *file = require_memory(cJSON_CreateObject());

        (void)snprintf(id, sizeof id, "%zu", i);
        (void)cJSON_AddStringToObject(file, "id", id);
        (void)cJSON_AddStringToObject(file, "filename", m->file[i].filename);
        if (m->file[i].description != NULL) {
            (void)cJSON_AddStringToObject(file, "description", m->file[i].description);
        }
        (void)cJSON_AddItemToArray(list, file);
    }
}

static bool has_items(const cJSON *array)
{
    return cJSON_GetArraySize(array) > 0;
}

/* Rows that stayed empty are no rows. */
static cJSON *filled_rows(const struct message *m)
{
    cJSON *rows = require_memory(cJSON_Duplicate(m->rows, true));

    for (int i = cJSON_GetArraySize(rows) - 1; i >= 0; i--) {
        if (!has_items(message_row_parts(cJSON_GetArrayItem(rows, i)))) {
            cJSON_DeleteItemFromArray(rows, i);
        }
    }
    return rows;
}

static void add_reply(const struct message *m, cJSON *json)
{
    cJSON *reference = NULL;

    if (m->nonce != NULL) {
        (void)cJSON_AddStringToObject(json, "nonce", m->nonce);
        (void)cJSON_AddTrueToObject(json, "enforce_nonce");
    }
    if (m->reply_to != NULL) {
        reference = cJSON_AddObjectToObject(json, "message_reference");
        (void)cJSON_AddStringToObject(reference, "message_id", m->reply_to);
        (void)cJSON_AddFalseToObject(reference, "fail_if_not_exists");
    }
}

cJSON *message_tree(const struct message *m, bool is_edit)
{
    cJSON *json = require_memory(cJSON_CreateObject());
    cJSON *embeds = require_memory(cJSON_Duplicate(m->embeds, true));
    cJSON *rows = filled_rows(m);

    if (m->content != NULL || is_edit) {
        (void)cJSON_AddStringToObject(json, "content", m->content != NULL ? m->content : "");
    }
    fit_embeds(embeds);
    if (has_items(embeds) || is_edit) {
        (void)cJSON_AddItemToObject(json, "embeds", embeds);
    } else {
        cJSON_Delete(embeds);
    }
    if (has_items(rows) || is_edit) {
        (void)cJSON_AddItemToObject(json, "components", rows);
    } else {
        cJSON_Delete(rows);
    }
    if (m->file_count + m->kept_count > 0 || is_edit) {
        add_attachments(m, json);
    }
    add_mentions(m, json);
    if (!is_edit) {
        add_reply(m, json);
        if (m->is_ephemeral) {
            (void)cJSON_AddNumberToObject(json, "flags", FLAG_EPHEMERAL);
        }
    }
    return json;
}

char *message_json(const struct message *m, bool is_edit)
{
    cJSON *tree = message_tree(m, is_edit);
    char *text = require_memory(cJSON_PrintUnformatted(tree));

    cJSON_Delete(tree);
    return text;
}

/* FNV-1a: it only has to tell two states of one message apart. */
uint64_t message_fingerprint(const struct message *m)
{
    AUTO(free_ptr) char *text = message_json(m, true);
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *c = text; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    }
    return hash;
}

/* ---- a modal -------------------------------------------------------------------------------- */

static cJSON *input_tree(const struct modal_input *in)
{
    cJSON *row = require_memory(cJSON_CreateObject());
    cJSON *text = require_memory(cJSON_CreateObject());
    int max = in->max < 1 ? 1 : (in->max > INPUT_MAX ? INPUT_MAX : in->max);

    (void)cJSON_AddNumberToObject(row, "type", COMPONENT_LABEL);
    message_add_cut(row, "label", message_is_said(in->label) ? in->label : in->custom_id, 45);
    (void)cJSON_AddNumberToObject(text, "type", COMPONENT_TEXT);
    (void)cJSON_AddStringToObject(text, "custom_id", in->custom_id);
    (void)cJSON_AddNumberToObject(text, "style", in->is_long ? 2 : 1);
    (void)cJSON_AddBoolToObject(text, "required", in->is_required);
    (void)cJSON_AddNumberToObject(text, "max_length", max);
    if (message_is_said(in->value)) {
        message_add_cut(text, "value", in->value, (size_t)max);
    }
    if (message_is_said(in->placeholder)) {
        message_add_cut(text, "placeholder", in->placeholder, 100);
    }
    (void)cJSON_AddItemToObject(row, "component", text);
    return row;
}

cJSON *modal_tree(const struct custom_id *id, const char *title, const struct modal_input *input,
                  size_t count)
{
    cJSON *modal = require_memory(cJSON_CreateObject());
    cJSON *rows = NULL;
    char text[CUSTOM_ID_SIZE];

    (void)cJSON_AddStringToObject(modal, "custom_id", custom_id_write(id, text));
    message_add_cut(modal, "title", message_is_said(title) ? title : "Settings", 45);
    rows = cJSON_AddArrayToObject(modal, "components");
    for (size_t i = 0; i < count && i < 5; i++) {
        (void)cJSON_AddItemToArray(rows, input_tree(&input[i]));
    }
    return modal;
}
