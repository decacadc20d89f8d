/* place.h - where a job was asked for, and where its message is: what must be known to deliver it after any restart.
 *
 * Kept as metadata of the job, one string each (discord.app, .guild, .channel, .message, .user, .interaction, .token, .until, .ephemeral,
 * .limit). A plain value; pure.
 */
#ifndef CGD_BOT_PLACE_H
#define CGD_BOT_PLACE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/interaction.h"

#define SNOWFLAKE_SIZE 24
#define TOKEN_SIZE     320

struct place {
    char app[SNOWFLAKE_SIZE];
    char guild[SNOWFLAKE_SIZE]; /* "" = none, like all below */
    char channel[SNOWFLAKE_SIZE];
    char message[SNOWFLAKE_SIZE]; /* once it is known */
    char user[SNOWFLAKE_SIZE];
    char interaction[SNOWFLAKE_SIZE];
    char token[TOKEN_SIZE];
    int64_t token_until_ms; /* wall clock */
    bool is_ephemeral;
    int64_t file_limit; /* bytes of a file in an answer to the interaction */
};

/* `token_ms`: how long an interaction's token is trusted. */
struct place place_of(const struct interaction *i, int64_t token_ms);
/* Adds its strings to a metadata object; what is empty is left out. */
void place_write(const struct place *p, cJSON *metadata);
/* False when it is no job of ours: no application, user or channel. */
bool place_read(const cJSON *metadata, struct place *out) MUST_CHECK;

#endif
