/* template_input.h - `-p name=value` words, made into the `input` of a submission by a template's schema.
 *
 * A value is written as the schema's type asks: texts need no quotes. A file parameter takes
 * @FILE, which is uploaded first, or asset:, output:, data: and https: as they are. A list of objects
 * with a name (LoRAs) takes name or name:strength, and the word may be repeated. What is JSON already
 * may be given for lists. The gateway checks the values; here only what cannot be said is refused.
 */
#ifndef CG_CLI_TEMPLATE_INPUT_H
#define CG_CLI_TEMPLATE_INPUT_H

#include "base/attr.h"
#include "base/buf.h"
#include "cli/options.h"

struct cli;

/* Appends a JSON object to out. Returns EXIT_OK, or the exit code after what is wrong was said: no
 * such template, an unknown parameter, a file that cannot be read or uploaded. */
int template_input_make(struct cli *cli, const char *template_name, const struct words *params,
                        struct buf *out) MUST_CHECK;

#endif
