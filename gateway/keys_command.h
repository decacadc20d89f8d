/* keys_command.h - `comfygate keys`: makes, lists and revokes keys in the job store itself, beside a gateway that may be running.
 */
#ifndef CG_KEYS_COMMAND_H
#define CG_KEYS_COMMAND_H

#include "base/attr.h"
#include "base/config.h"

/* argv holds what follows the verb. Returns the exit code. */
int keys_command(int argc, char **argv);

/* Where the store is, by the settings. The caller frees it. */
char *database_url_of(const struct config *c) MUST_CHECK;

#endif
