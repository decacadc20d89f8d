/* message.c - see message.h. What a message says; message_json.c writes it.
 */
#include "wire/message_parts.h"

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
#define ROWS_MAX        5
#define BUTTONS_MAX     5
#define OPTIONS_MAX     25
#define LABEL_MAX       80
#define OPTION_MAX      100
#define PLACEHOLDER_MAX 150
#define URL_MAX         512
#define ALT_MAX         1024
#define NONCE_MAX       25

/* ---- making --------------------------------------------------------------------------------- */

char *message_cut(const char *text, size_t max)
{
    struct buf out = BUF_INIT(max * 4 + 8);

    text_cut(&out, text, max);
    return buf_take(&out);
}

void message_add_cut(cJSON *object, const char *key, const char *text, size_t max)
{
    AUTO(free_ptr) char *short_text = message_cut(text, max);

    (void)cJSON_AddStringToObject(object, key, short_text);
}

/* Discord strips blanks, and then refuses what is empty. */
bool message_is_said(const char *text)
{
    return text != NULL && text[strspn(text, " \t\r\n")] != '\0';
}

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

void message_content(struct message *m, const char *text)
{
    free(m->content);
    m->content = message_cut(text, CONTENT_MAX);
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
    if (message_is_said(title)) {
        message_add_cut(embed, "title", title, TITLE_MAX);
    }
    if (message_is_said(description)) {
        message_add_cut(embed, "description", description, DESCRIPTION_MAX);
    }
    (void)cJSON_AddNumberToObject(embed, "color", colour);
    (void)cJSON_AddItemToArray(m->embeds, embed);
}

void message_field(struct message *m, const char *name, const char *value, bool is_inline)
{
    cJSON *embed = last_embed(m);
    cJSON *fields = cJSON_GetObjectItemCaseSensitive(embed, "fields");
    cJSON *field = NULL;

    if (embed == NULL || !message_is_said(name) || !message_is_said(value)) {
        return;
    }
    fields = fields != NULL ? fields : cJSON_AddArrayToObject(embed, "fields");
    if (cJSON_GetArraySize(fields) == FIELDS_MAX) {
        return;
    }
    field = require_memory(cJSON_CreateObject());
    message_add_cut(field, "name", name, FIELD_NAME_MAX);
    message_add_cut(field, "value", value, FIELD_VALUE_MAX);
    (void)cJSON_AddBoolToObject(field, "inline", is_inline);
    (void)cJSON_AddItemToArray(fields, field);
}

void message_footer(struct message *m, const char *text)
{
    cJSON *embed = last_embed(m);

    if (embed != NULL && message_is_said(text)) {
        cJSON_DeleteItemFromObjectCaseSensitive(embed, "footer");
        message_add_cut(cJSON_AddObjectToObject(embed, "footer"), "text", text, FOOTER_MAX);
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

cJSON *message_row_parts(const cJSON *row)
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
    if (last_row(m) == NULL || cJSON_GetArraySize(message_row_parts(last_row(m))) > 0) {
        (void)new_row(m);
    }
}

static bool takes_button(const cJSON *row)
{
    const cJSON *first = cJSON_GetArrayItem(message_row_parts(row), 0);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(first, "type");

    return row != NULL && cJSON_GetArraySize(message_row_parts(row)) < BUTTONS_MAX &&
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
    if (message_is_said(label)) {
        message_add_cut(button, "label", label, LABEL_MAX);
    }
    (void)cJSON_AddItemToArray(message_row_parts(row), button);
    return button;
}

void message_button(struct message *m, enum button_style style, const char *label,
                    const char *emoji, const struct custom_id *id, bool is_disabled)
{
    bool has_emoji = message_is_said(emoji);
    bool is_shown = has_emoji || message_is_said(label);
    cJSON *button = is_shown ? add_button(m, (int)style, label) : NULL;
    char text[CUSTOM_ID_SIZE];

    if (button == NULL) {
        return;
    }
    (void)cJSON_AddStringToObject(button, "custom_id", custom_id_write(id, text));
    if (has_emoji) {
        (void)cJSON_AddStringToObject(cJSON_AddObjectToObject(button, "emoji"), "name", emoji);
    }
    if (is_disabled) {
        (void)cJSON_AddTrueToObject(button, "disabled");
    }
}

void message_link_button(struct message *m, const char *label, const char *url)
{
    bool is_url = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    bool is_fine = is_url && text_count(url) <= URL_MAX && message_is_said(label);
    cJSON *button = is_fine ? add_button(m, 5, label) : NULL;

    if (button != NULL) {
        (void)cJSON_AddStringToObject(button, "url", url);
    }
}

static cJSON *option_tree(const struct select_option *o, bool is_default)
{
    cJSON *option = require_memory(cJSON_CreateObject());

    message_add_cut(option, "label", message_is_said(o->label) ? o->label : o->value, OPTION_MAX);
    (void)cJSON_AddStringToObject(option, "value", o->value);
    if (message_is_said(o->description)) {
        message_add_cut(option, "description", o->description, OPTION_MAX);
    }
    if (is_default) {
        (void)cJSON_AddTrueToObject(option, "default");
    }
    return option;
}

/* A value cannot be cut without becoming another, and no value may come twice. */
static bool takes_option(const cJSON *options, const struct select_option *o)
{
    const cJSON *option = NULL;

    if (!message_is_said(o->value) || text_count(o->value) > OPTION_MAX) {
        return false;
    }
    cJSON_ArrayForEach(option, options) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(option, "value");

        if (strcmp(cJSON_GetStringValue(value), o->value) == 0) {
            return false;
        }
    }
    return cJSON_GetArraySize(options) < OPTIONS_MAX;
}

static cJSON *options_tree(const struct select_option *option, size_t count)
{
    cJSON *options = require_memory(cJSON_CreateArray());
    bool has_default = false;

    for (size_t i = 0; i < count; i++) {
        if (takes_option(options, &option[i])) {
            bool is_default = option[i].is_default && !has_default; /* one alone may be */

            has_default = has_default || is_default;
            (void)cJSON_AddItemToArray(options, option_tree(&option[i], is_default));
        }
    }
    return options;
}

void message_select(struct message *m, const struct custom_id *id, const char *placeholder,
                    const struct select_option *option, size_t count)
{
    cJSON *row = last_row(m);
    cJSON *select = NULL;
    cJSON *options = options_tree(option, count);
    char text[CUSTOM_ID_SIZE];

    if (cJSON_GetArraySize(options) > 0) {
        row = row != NULL && cJSON_GetArraySize(message_row_parts(row)) == 0 ? row : new_row(m);
    } else {
        row = NULL;
    }
    if (row == NULL) {
        cJSON_Delete(options);
        return;
    }
    select = require_memory(cJSON_CreateObject());
    (void)cJSON_AddNumberToObject(select, "type", COMPONENT_SELECT);
    (void)cJSON_AddStringToObject(select, "custom_id", custom_id_write(id, text));
    if (message_is_said(placeholder)) {
        message_add_cut(select, "placeholder", placeholder, PLACEHOLDER_MAX);
    }
    (void)cJSON_AddItemToObject(select, "options", options);
    (void)cJSON_AddItemToArray(message_row_parts(row), select);
}

/* ---- files ---------------------------------------------------------------------------------- */

bool message_file(struct message *m, const char *filename, const char *content_type,
                  struct bytes *data, const char *description, bool is_spoiler)
{
    struct file *f = NULL;
    AUTO(buf_clear) struct buf name = BUF_INIT(512);

    if (m->file_count + m->kept_count >= MESSAGE_FILES_MAX) {
        bytes_unref(data);
        return false;
    }
    f = &m->file[m->file_count];
    (void)buf_append_str(&name, is_spoiler ? "SPOILER_" : "");
    text_filename(&name, filename);
    f->filename = buf_take(&name);
    f->content_type =
        xstrdup(message_is_said(content_type) ? content_type : "application/octet-stream");
    f->description = message_is_said(description) ? message_cut(description, ALT_MAX) : NULL;
    f->data = data;
    f->is_spoiler = is_spoiler;
    m->file_count++;
    return true;
}

void message_keep_file(struct message *m, const char *attachment_id)
{
    if (m->file_count + m->kept_count < MESSAGE_FILES_MAX) {
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
