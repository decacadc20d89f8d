/* doctor_options.h - the flags of `comfygate doctor`, beside the settings that serve has too.
 *
 * One table, from which reading, --help and what a shell completes come. One thread.
 */
#ifndef CG_CLI_DOCTOR_OPTIONS_H
#define CG_CLI_DOCTOR_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/completion.h"

struct doctor_options {
    bool is_json;
    bool no_color;
    bool wants_help;
    char **settings; /* for config_load; the words are argv's */
    int settings_count;
    char **file; /* of these, --config and its value */
    int file_count;
};

/* Takes out its own flags; whatever is left is a setting, or will be refused as one. */
void doctor_options_read(struct doctor_options *o, int argc, char **argv);
void doctor_options_clear(struct doctor_options *o);
/* All but the settings. */
void doctor_options_help(FILE *out);
void doctor_options_complete(struct completion *c);

#endif
