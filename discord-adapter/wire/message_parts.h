/* message_parts.h - a message as the files of message.h see it. Private to wire/message*.c.
 */
#ifndef CGD_WIRE_MESSAGE_PARTS_H
#define CGD_WIRE_MESSAGE_PARTS_H

#include "wire/message.h"

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
    char *kept[MESSAGE_FILES_MAX];
    size_t kept_count;
};

/* Text cut to max characters; the caller frees. */
char *message_cut(const char *text, size_t max) MUST_CHECK;
void message_add_cut(cJSON *object, const char *key, const char *text, size_t max);
bool message_is_said(const char *text);
/* What is in a row of components. */
cJSON *message_row_parts(const cJSON *row);

#endif
