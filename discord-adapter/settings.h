/* settings.h - the settings of comfygate-discord: flag over environment over file over default.
 *
 * Filled once by main, immutable afterwards. The rows are in settings.def; --help, the reader of the file and
 * docs/configuration-discord.md come from the same rows. An unknown flag, key or COMFYGATE_DISCORD_ variable
 * is an error that names it; the gateway's own variables are passed over. Threads: any.
 */
#ifndef CGD_SETTINGS_H
#define CGD_SETTINGS_H

#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/setting_table.h"

struct settings {
#define STR(field, section, key, def, doc)                 char *field;
#define CHOICE(field, section, key, def, choices, doc)     char *field;
#define INT(field, section, key, def, min, max, unit, doc) int64_t field;
#include "settings.def"
#undef STR
#undef CHOICE
#undef INT
};

/* As setting_load says; the file is the one of --config or COMFYGATE_DISCORD_CONFIG. Also refuses what
 * cannot work: no token, an address that is none, a public key that is none, a shard that is none. */
enum errc settings_load(struct settings *s, const struct setting_sources *from, struct err *e)
    MUST_CHECK;
void settings_clear(struct settings *s);

/* The two numbers of `shard`; count 0 = not sharded. */
void settings_shard(const struct settings *s, int *index, int *count);

void settings_print_help(FILE *out);
/* The rows, for who prints them otherwise. */
const struct setting_table *settings_table(void);
/* The whole of docs/configuration-discord.md. */
void settings_print_markdown(FILE *out);

#endif
