/* config.h - settings: flag over environment over file over default.
 *
 * Filled once by main, immutable afterwards, so any thread reads it unlocked.
 * The rows are in config.def; --help, the file reader and docs/configuration.md
 * come from the same rows. An unknown key, section, flag or COMFYGATE_ variable
 * is an error that names it (those of comfygate-discord and of the command
 * line, COMFYGATE_DISCORD_*, COMFYGATE_URL and COMFYGATE_API_KEY, are known; those
 * that Kubernetes makes for a service called comfygate are passed over).
 */
#ifndef CG_BASE_CONFIG_H
#define CG_BASE_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/setting_table.h"

struct config {
#define STR(field, section, key, def, doc)                 char *field;
#define CHOICE(field, section, key, def, choices, doc)     char *field;
#define INT(field, section, key, def, min, max, unit, doc) int64_t field;
#include "base/config.def"
#undef STR
#undef CHOICE
#undef INT
};

/* Defaults, then the file (path from --config or COMFYGATE_CONFIG; none is fine), then the
 * environment (a secret or any text also as ..._FILE), then flags ("--server-listen=X",
 * "--server-listen X", also "--listen" for --server-listen). argv holds flags only, without program
 * and verb. On failure the detail says which setting, where it was given, and what is allowed. */
enum errc config_load(struct config *c, int argc, char **argv, char **envp, struct err *e)
    MUST_CHECK;
void config_clear(struct config *c);

/* The table for people: flag, environment name, default and meaning of every row. */
void config_print_help(FILE *out);
/* The rows, for who prints them otherwise. */
const struct setting_table *config_table(void);
/* The same as Markdown, for docs/configuration.md. */
void config_print_markdown(FILE *out);

#endif
