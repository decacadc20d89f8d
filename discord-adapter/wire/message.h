/* message.h - a message as Discord's API takes it: built once, checked against its limits, sent as JSON.
 *
 * Every message has allowed_mentions (nobody, or the one user named), is cut where Discord would refuse it,
 * and names its files. Limits: content 2000; embed title 256, description 4096, 25 fields of 256/1024, footer 2048,
 * 6000 characters over all embeds; 5 rows of 5 buttons or 1 select of 25 options; 10 files. (Discord, "Create
 * Message", "Embed Limits", "Component Reference".)
 *
 * Pure, opaque, not thread-safe.
 */
#ifndef CGD_WIRE_MESSAGE_H
#define CGD_WIRE_MESSAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "wire/custom_id.h"

#define MESSAGE_FILES_MAX 10

struct message;

enum button_style {
    BUTTON_PRIMARY = 1,
    BUTTON_SECONDARY = 2,
    BUTTON_SUCCESS = 3,
    BUTTON_DANGER = 4
};

struct message *message_new(void) MUST_CHECK;
void message_free(struct message *m); /* NULL is fine */
void message_free_ptr(struct message **m);

/* Copied, cut to the limit. "" takes it away on an edit. */
void message_content(struct message *m, const char *text);
/* Only this user is told (pinged); without it nobody is. */
void message_mention(struct message *m, const char *user_id);
/* Only the user who asked sees it. For first answers and follow-ups, not for edits. */
void message_ephemeral(struct message *m);

/* One embed: begins a new one; the next four are about the last begun. NULL or "" leaves a part out, and
 * an embed with none is not there. Colour 0xRRGGBB. */
void message_embed(struct message *m, const char *title, const char *description, unsigned colour);
void message_field(struct message *m, const char *name, const char *value, bool is_inline);
void message_footer(struct message *m, const char *text);
void message_image(
    struct message *m,
    const char *filename); /* shown in the embed: a file of this message, picture formats only */

/* Begins a row of components; buttons are put into the last row, and a new one when it is full. */
void message_row(struct message *m);
/* Not there without a label and an emoji; a link not without a label, nor to anything but http and https. */
void message_button(struct message *m, enum button_style style, const char *label,
                    const char *emoji, const struct custom_id *id, bool is_disabled);
void message_link_button(struct message *m, const char *label, const char *url);
struct select_option {
    const char *label;
    const char *value;
    const char *description; /* NULL = none */
    bool is_default;
};
/* A select in a row of its own; the first 25 options whose value has 1 to 100 characters and did not come before. None without one. */
void message_select(struct message *m, const struct custom_id *id, const char *placeholder,
                    const struct select_option *option, size_t count);

/* A file to send along; takes over the reference. `filename` is made safe; is_spoiler hides it. False when there are ten,
 * with those kept. */
bool message_file(struct message *m, const char *filename, const char *content_type,
                  struct bytes *data, const char *description, bool is_spoiler) MUST_CHECK;
/* A file of the message as it stands that stays on an edit. */
void message_keep_file(struct message *m, const char *attachment_id);
size_t message_file_count(const struct message *m);
struct message_file {
    const char *filename;
    const char *content_type;
    struct bytes *data; /* borrowed */
};
struct message_file message_file_at(const struct message *m, size_t index);
int64_t message_file_bytes(const struct message *m);

/* For POST of a channel message: a nonce of at most 25 characters, enforced, so that a repetition makes no second
 * message; and the message it replies to (fail_if_not_exists false). NULL = none. */
void message_nonce(struct message *m, const char *nonce);
void message_reply_to(struct message *m, const char *message_id);

/* The JSON of the message: `is_edit` writes all that a PATCH replaces (embeds, components, attachments also when empty).
 * Gives the text; the caller frees. */
char *message_json(const struct message *m, bool is_edit) MUST_CHECK;
/* The same as a tree, for the `data` of a callback; the caller deletes it. */
cJSON *message_tree(const struct message *m, bool is_edit) MUST_CHECK;
/* A hash of what shows (of files their names): an edit that changes nothing is not sent. */
uint64_t message_fingerprint(const struct message *m);

/* ---- a modal -------------------------------------------------------------------------------- */

struct modal_input {
    const char *custom_id; /* [a-z0-9_-]{1,32}: the parameter's name */
    const char *label;     /* cut to 45 */
    const char *value;     /* NULL = empty; cut to max */
    const char *placeholder;
    int max; /* characters, at most 4000 */
    bool is_long;
    bool is_required;
};
/* `data` of a type 9 answer: title cut to 45, 1 to 5 inputs; an input without a label is called by its name. The caller deletes it. */
cJSON *modal_tree(const struct custom_id *id, const char *title, const struct modal_input *input,
                  size_t count) MUST_CHECK;

#endif
