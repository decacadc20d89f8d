/* message.c - see message.h.
 */
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/text.h"

#define CONTENT_MAX     2000
#define TITLE_MAX       256
#define DESCRIPTION_MAX 4096
#define FIELDS_MAX      25
#define FIELD_NAME_MAX  256
#define FIELD_VALUE_MAX 1024
#define FOOTER_MAX      2048
#define EMBEDS_MAX      10
#define EMBEDS_CHARS    6000
#define ROWS_MAX        5
#define BUTTONS_MAX     5
#define OPTIONS_MAX     25
#define LABEL_MAX       80
#define OPTION_MAX      100
#define PLACEHOLDER_MAX 150
#define URL_MAX         512
#define ALT_MAX         1024
#define KEPT_MAX        10
#define NONCE_MAX       25
#define FLAG_EPHEMERAL  64

enum component {
    COMPONENT_ROW = 1,
    COMPONENT_BUTTON = 2,
    COMPONENT_SELECT = 3,
    COMPONENT_TEXT = 4,
    COMPONENT_LABEL = 18
};

struct file {
    char *filename;
    char *content_type;
    char *description;
    struct bytes *data;
    bool is_spoiler;
};

struct message {
    char *content; /* NULL = not said */
    char *mention;
    char *nonce;
    char *reply_to;
    bool is_ephemeral;
    cJSON *embeds;
    cJSON *rows;
    struct file file[MESSAGE_FILES_MAX];
    size_t file_count;
    char *kept[KEPT_MAX];
    size_t kept_count;
};

/* ---- making --------------------------------------------------------------------------------- */

struct message *message_new(void)
{
    struct message *m = xcalloc(1, sizeof *m);

    m->embeds = require_memory(cJSON_CreateArray());
    m->rows = require_memory(cJSON_CreateArray());
    return m;
}

void message_free(struct message *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->file_count; i++) {
        free(m->file[i].filename);
        free(m->file[i].content_type);
        free(m->file[i].description);
        bytes_unref(m->file[i].data);
    }
    for (size_t i = 0; i < m->kept_count; i++) {
        free(m->kept[i]);
    }
    cJSON_Delete(m->embeds);
    cJSON_Delete(m->rows);
    free(m->content);
    free(m->mention);
    free(m->nonce);
    free(m->reply_to);
    free(m);
}

void message_free_ptr(struct message **m)
{
    message_free(*m);
    *m = NULL;
}

static char *cut(const char *text, size_t max)
{
    struct buf out = BUF_INIT(max * 4 + 8);

    text_cut(&out, text, max);
    return buf_take(&out);
}

static void add_cut(cJSON *object, const char *key, const char *text, size_t max)
{
    AUTO(free_ptr) char *short_text = cut(text, max);

    (void)cJSON_AddStringToObject(object, key, short_text);
}

static bool is_said(const char *text)
{
    return text != NULL && text[0] != '\0';
}

void message_content(struct message *m, const char *text)
{
    free(m->content);
    m->content = cut(text, CONTENT_MAX);
}

void message_mention(struct message *m, const char *user_id)
{
    xreplace(&m->mention, user_id);
}

void message_ephemeral(struct message *m)
{
    m->is_ephemeral = true;
}

void message_nonce(struct message *m, const char *nonce)
{
    bug_if(strlen(nonce) > NONCE_MAX);
    xreplace(&m->nonce, nonce);
}

void message_reply_to(struct message *m, const char *message_id)
{
    xreplace(&m->reply_to, message_id);
}

/* ---- embeds --------------------------------------------------------------------------------- */

static cJSON *last_embed(const struct message *m)
{
    int count = cJSON_GetArraySize(m->embeds);

    return cJSON_GetArrayItem(m->embeds, count - 1);
}

void message_embed(struct message *m, const char *title, const char *description, unsigned colour)
{
    cJSON *embed = NULL;

    if (cJSON_GetArraySize(m->embeds) == EMBEDS_MAX) {
        return;
    }
    embed = require_memory(cJSON_CreateObject());
    if (is_said(title)) {
        add_cut(embed, "title", title, TITLE_MAX);
    }
    if (is_said(description)) {
        add_cut(embed, "description", description, DESCRIPTION_MAX);
    }
    (void)cJSON_AddNumberToObject(embed, "color", colour);
    (void)cJSON_AddItemToArray(m->embeds, embed);
}

void message_field(struct message *m, const char *name, const char *value, bool is_inline)
{
    cJSON *embed = last_embed(m);
    cJSON *fields = cJSON_GetObjectItemCaseSensitive(embed, "fields");
    cJSON *field = NULL;

    if (embed == NULL || !is_said(name) || !is_said(value)) {
        return;
    }
    fields = fields != NULL ? fields : cJSON_AddArrayToObject(embed, "fields");
    if (cJSON_GetArraySize(fields) == FIELDS_MAX) {
        return;
    }
    field = require_memory(cJSON_CreateObject());
    add_cut(field, "name", name, FIELD_NAME_MAX);
    add_cut(field, "value", value, FIELD_VALUE_MAX);
    (void)cJSON_AddBoolToObject(field, "inline", is_inline);
    (void)cJSON_AddItemToArray(fields, field);
}

void message_footer(struct message *m, const char *text)
{
    cJSON *embed = last_embed(m);

    if (embed != NULL && is_said(text)) {
        cJSON_DeleteItemFromObjectCaseSensitive(embed, "footer");
        add_cut(cJSON_AddObjectToObject(embed, "footer"), "text", text, FOOTER_MAX);
    }
}

void message_image(struct message *m, const char *filename)
{
    cJSON *embed = last_embed(m);
    AUTO(buf_clear) struct buf url = BUF_INIT(512);

    if (embed != NULL) {
        (void)buf_append_str(&url, "attachment://");
        text_filename(&url, filename);
        cJSON_DeleteItemFromObjectCaseSensitive(embed, "image");
        (void)cJSON_AddStringToObject(cJSON_AddObjectToObject(embed, "image"), "url",
                                      buf_str(&url));
    }
}

/* ---- components ----------------------------------------------------------------------------- */

static cJSON *last_row(const struct message *m)
{
    return cJSON_GetArrayItem(m->rows, cJSON_GetArraySize(m->rows) - 1);
}

static cJSON *parts_of(const cJSON *row)
{
    return cJSON_GetObjectItemCaseSensitive(row, "components");
}

/* NULL when there are five. */
static cJSON *new_row(struct message *m)
{
    cJSON *row = NULL;

    if (cJSON_GetArraySize(m->rows) == ROWS_MAX) {
        return NULL;
    }
    row = require_memory(cJSON_CreateObject());
    (void)cJSON_AddNumberToObject(row, "type", COMPONENT_ROW);
    (void)cJSON_AddArrayToObject(row, "components");
    (void)cJSON_AddItemToArray(m->rows, row);
    return row;
}

/* A row that is empty already is the new one. */
void message_row(struct message *m)
{
    if (last_row(m) == NULL || cJSON_GetArraySize(parts_of(last_row(m))) > 0) {
        (void)new_row(m);
    }
}

static bool takes_button(const cJSON *row)
{
    const cJSON *first = cJSON_GetArrayItem(parts_of(row), 0);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(first, "type");

    return row != NULL && cJSON_GetArraySize(parts_of(row)) < BUTTONS_MAX &&
           (first == NULL || type->valueint == COMPONENT_BUTTON);
}

/* NULL when there is no room left. */
static cJSON *add_button(struct message *m, int style, const char *label)
{
    cJSON *row = last_row(m);
    cJSON *button = NULL;

    row = takes_button(row) ? row : new_row(m);
    if (row == NULL) {
        return NULL;
    }
    button = require_memory(cJSON_CreateObject());
    (void)cJSON_AddNumberToObject(button, "type", COMPONENT_BUTTON);
    (void)cJSON_AddNumberToObject(button, "style", style);
    add_cut(button, "label", label, LABEL_MAX);
    (void)cJSON_AddItemToArray(parts_of(row), button);
    return button;
}

void message_button(struct message *m, enum button_style style, const char *label,
                    const char *emoji, const struct custom_id *id, bool is_disabled)
{
    cJSON *button = add_button(m, (int)style, label);
    char text[CUSTOM_ID_SIZE];

    if (button == NULL) {
        return;
    }
    (void)cJSON_AddStringToObject(button, "custom_id", custom_id_write(id, text));
    if (emoji != NULL) {
        (void)cJSON_AddStringToObject(cJSON_AddObjectToObject(button, "emoji"), "name", emoji);
    }
    if (is_disabled) {
        (void)cJSON_AddTrueToObject(button, "disabled");
    }
}

void message_link_button(struct message *m, const char *label, const char *url)
{
    cJSON *button = text_count(url) <= URL_MAX ? add_button(m, 5, label) : NULL;

    if (button != NULL) {
        (void)cJSON_AddStringToObject(button, "url", url);
    }
}

static cJSON *option_tree(const struct select_option *o, bool is_default)
{
    cJSON *option = require_memory(cJSON_CreateObject());

    add_cut(option, "label", o->label, OPTION_MAX);
    (void)cJSON_AddStringToObject(option, "value", o->value);
    if (is_said(o->description)) {
        add_cut(option, "description", o->description, OPTION_MAX);
    }
    if (is_default) {
        (void)cJSON_AddTrueToObject(option, "default");
    }
    return option;
}

void message_select(struct message *m, const struct custom_id *id, const char *placeholder,
                    const struct select_option *option, size_t count)
{
    cJSON *row = last_row(m);
    cJSON *select = NULL;
    cJSON *options = NULL;
    char text[CUSTOM_ID_SIZE];
    bool has_default = false;

    row = row != NULL && cJSON_GetArraySize(parts_of(row)) == 0 ? row : new_row(m);
    if (row == NULL || count == 0) {
        return;
    }
    select = require_memory(cJSON_CreateObject());
    (void)cJSON_AddNumberToObject(select, "type", COMPONENT_SELECT);
    (void)cJSON_AddStringToObject(select, "custom_id", custom_id_write(id, text));
    add_cut(select, "placeholder", placeholder, PLACEHOLDER_MAX);
    options = cJSON_AddArrayToObject(select, "options");
    for (size_t i = 0; i < count && i < OPTIONS_MAX; i++) {
        bool is_default = option[i].is_default && !has_default; /* one alone may be */

        has_default = has_default || is_default;
        (void)cJSON_AddItemToArray(options, option_tree(&option[i], is_default));
    }
    (void)cJSON_AddItemToArray(parts_of(row), select);
}

/* ---- files ---------------------------------------------------------------------------------- */

bool message_file(struct message *m, const char *filename, const char *content_type,
                  struct bytes *data, const char *description, bool is_spoiler)
{
    struct file *f = &m->file[m->file_count];
    AUTO(buf_clear) struct buf name = BUF_INIT(512);

    if (m->file_count == MESSAGE_FILES_MAX) {
        bytes_unref(data);
        return false;
    }
    (void)buf_append_str(&name, is_spoiler ? "SPOILER_" : "");
    text_filename(&name, filename);
    f->filename = buf_take(&name);
    f->content_type = xstrdup(is_said(content_type) ? content_type : "application/octet-stream");
    f->description = is_said(description) ? cut(description, ALT_MAX) : NULL;
    f->data = data;
    f->is_spoiler = is_spoiler;
    m->file_count++;
    return true;
}

void message_keep_file(struct message *m, const char *attachment_id)
{
    if (m->kept_count < KEPT_MAX) {
        m->kept[m->kept_count++] = xstrdup(attachment_id);
    }
}

size_t message_file_count(const struct message *m)
{
    return m->file_count;
}

struct message_file message_file_at(const struct message *m, size_t index)
{
    bug_if(index >= m->file_count);
    return (struct message_file){.filename = m->file[index].filename,
                                 .content_type = m->file[index].content_type,
                                 .data = m->file[index].data};
}

int64_t message_file_bytes(const struct message *m)
{
    int64_t total = 0;

    for (size_t i = 0; i < m->file_count; i++) {
        total += (int64_t)bytes_span(m->file[i].data).len;
    }
    return total;
}

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
    text = cut(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key)), keep);
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    (void)cJSON_AddStringToObject(object, key, text);
    *excess -= now - text_count(text) < *excess ? now - text_count(text) : *excess;
}

/* What came last says least: fields from behind, then descriptions. */
static void fit_embeds(cJSON *embeds)
{
    size_t total = 0;
    size_t excess = 0;
    const cJSON *embed = NULL;

    cJSON_ArrayForEach(embed, embeds) {
        total += embed_chars(embed);
    }
    excess = total > EMBEDS_CHARS ? total - EMBEDS_CHARS : 0;
    for (int i = cJSON_GetArraySize(embeds) - 1; i >= 0 && excess > 0; i--) {
        cJSON *each = cJSON_GetArrayItem(embeds, i);
        const cJSON *fields = cJSON_GetObjectItemCaseSensitive(each, "fields");

        for (int n = cJSON_GetArraySize(fields) - 1; n >= 0 && excess > 0; n--) {
            shorten(cJSON_GetArrayItem(fields, n), "value", &excess);
        }
        shorten(each, "description", &excess);
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
        if (!has_items(parts_of(cJSON_GetArrayItem(rows, i)))) {
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

    (void)cJSON_AddNumberToObject(row, "type", COMPONENT_LABEL);
    add_cut(row, "label", in->label, 45);
    (void)cJSON_AddNumberToObject(text, "type", COMPONENT_TEXT);
    (void)cJSON_AddStringToObject(text, "custom_id", in->custom_id);
    (void)cJSON_AddNumberToObject(text, "style", in->is_long ? 2 : 1);
    (void)cJSON_AddBoolToObject(text, "required", in->is_required);
    (void)cJSON_AddNumberToObject(text, "max_length", in->max);
    if (is_said(in->value)) {
        add_cut(text, "value", in->value, (size_t)in->max);
    }
    if (is_said(in->placeholder)) {
        add_cut(text, "placeholder", in->placeholder, 100);
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
    add_cut(modal, "title", title, 45);
    rows = cJSON_AddArrayToObject(modal, "components");
    for (size_t i = 0; i < count && i < 5; i++) {
        (void)cJSON_AddItemToArray(rows, input_tree(&input[i]));
    }
    return modal;
}
