/* interaction.h - what a Discord user did, read from INTERACTION_CREATE or an HTTP interaction.
 *
 * Discord documents it under "Receiving and Responding to Interactions". Everything in it was typed or
 * chosen by strangers: strings are UTF-8 but otherwise unchecked. Ids stay text, as Discord sends them.
 *
 * Pure: no I/O. Not thread-safe. All pointers of the struct live as long as it does.
 */
#ifndef CGD_WIRE_INTERACTION_H
#define CGD_WIRE_INTERACTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

#define INTERACTION_MAX_BYTES (1 << 20)

enum interaction_type {
    INTERACTION_PING = 1,
    INTERACTION_COMMAND = 2,
    INTERACTION_COMPONENT = 3,
    INTERACTION_AUTOCOMPLETE = 4,
    INTERACTION_MODAL = 5,
    INTERACTION_UNKNOWN = 0 /* a type that came after this was written */
};

enum command_type { COMMAND_CHAT = 1, COMMAND_USER = 2, COMMAND_MESSAGE = 3 };

/* Bits of app_permissions and member_permissions (Discord, "Permissions"). */
#define PERMISSION_MANAGE_MESSAGES      (UINT64_C(1) << 13)
#define PERMISSION_VIEW_CHANNEL         (UINT64_C(1) << 10)
#define PERMISSION_SEND_MESSAGES        (UINT64_C(1) << 11)
#define PERMISSION_EMBED_LINKS          (UINT64_C(1) << 14)
#define PERMISSION_ATTACH_FILES         (UINT64_C(1) << 15)
#define PERMISSION_READ_MESSAGE_HISTORY (UINT64_C(1) << 16)
#define PERMISSION_SEND_IN_THREADS      (UINT64_C(1) << 38)
#define PERMISSION_ADMINISTRATOR        (UINT64_C(1) << 3)

struct interaction {
    cJSON *json; /* the whole; owned */
    enum interaction_type type;
    const char *id; /* digits only, as are all ids; never NULL */
    const char *application_id;
    const char *token;
    const char *guild_id;   /* NULL outside a guild */
    const char *channel_id; /* NULL when Discord did not say */
    int channel_type;       /* 0 text, 1 DM, 11 public thread, ...; -1 unknown */
    bool is_nsfw_channel;
    const char *user_id;         /* never NULL */
    const char *user_name;       /* as shown: nick, else global name, else name; never NULL */
    const cJSON *roles;          /* array of ids; NULL outside a guild */
    uint64_t member_permissions; /* of the user here; 0 outside a guild */
    uint64_t app_permissions;    /* ours here */
    bool has_app_permissions;
    const char *locale; /* never NULL; "en-US" when not told */
    bool
        is_user_install; /* the app belongs to the user, not to the guild: no bot in this channel */
    int64_t attachment_limit; /* bytes of a file that our answers may have; 10 MiB when not told */
    int64_t created_ms;       /* wall clock, from the id */

    const char
        *command; /* of COMMAND and AUTOCOMPLETE, else NULL: name, lower case for chat commands */
    enum command_type command_type;
    const char *custom_id;  /* of COMPONENT and MODAL, else NULL */
    const char *message_id; /* of COMPONENT: the message the component is under; else NULL */
};

/* Gives *out, freed with interaction_free. Fails with VALIDATION_ERROR and a sentence when it is no
 * interaction (no id, token, user, ...); never because of something unknown in it. */
enum errc interaction_parse(struct span json, struct interaction **out, struct err *e) MUST_CHECK;
/* From a tree already parsed; takes it, also on failure. */
enum errc interaction_from(cJSON *json, struct interaction **out, struct err *e) MUST_CHECK;
void interaction_free(struct interaction *i); /* NULL is fine */

/* ---- chat commands -------------------------------------------------------------------------- */

/* The value of an option (string, number or bool); NULL when it was not given. Sub-commands are
 * descended into. */
const cJSON *interaction_option(const struct interaction *i, const char *name);
/* The same as text; NULL when not given or no string. */
const char *interaction_option_text(const struct interaction *i, const char *name);
/* The option that is being typed (AUTOCOMPLETE): its name, and what is typed so far in *typed ("" when
 * nothing); NULL when there is none. */
const char *interaction_focused(const struct interaction *i, const char **typed);

/* ---- what came with it ---------------------------------------------------------------------- */

struct attachment {
    const char *id;
    const char *url; /* cdn.discordapp.com, signed, for about a day */
    const char *filename;
    const char *content_type; /* "" when not told; a claim, not a fact */
    int64_t size;             /* 0 = not told */
};

/* The file that an option of type 11 names. */
bool interaction_attachment(const struct interaction *i, const char *option, struct attachment *out)
    MUST_CHECK;
/* Of a message command: pictures of the message it was used on, attachments first, then pictures of its
 * embeds (as far as they are on Discord's CDN); up to `max`; returns how many. */
size_t interaction_target_pictures(const struct interaction *i, struct attachment *out, size_t max);

/* ---- components and modals ------------------------------------------------------------------ */

/* The chosen value of a select (the first); NULL when none. */
const char *interaction_value(const struct interaction *i);
/* A modal's input by its custom_id, at any depth (old rows and new labels); NULL when not there. */
const char *interaction_field(const struct interaction *i, const char *custom_id);

/* Wall clock of a snowflake in ms (Discord, "Snowflakes"); 0 when it is none. */
int64_t snowflake_ms(const char *id);
/* 1..20 digits, as Discord's ids are. */
bool is_snowflake(const char *text);

#endif
