/* migrate_options.h - the flags of `comfygate migrate`, beside the settings that serve has too.
 *
 * One table, from which reading, --help and what a shell completes come. One thread.
 */
#ifndef CG_CLI_MIGRATE_OPTIONS_H
#define CG_CLI_MIGRATE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/completion.h"
#include "base/err.h"

struct migrate_options {
    const char *from; /* URL of a database; NULL = nothing is copied */
    const char *to;
    bool is_quiet;
    /* The rest: flags of settings, as config_load takes them. */
    char **settings;
    int settings_count;
};

/* INVALID_PARAMETER with a sentence for the user. What is given is borrowed from argv. */
enum errc migrate_options_read(struct migrate_options *o, int argc, char **argv, struct err *e)
    MUST_CHECK;
void migrate_options_clear(struct migrate_options *o); /* for AUTO */
/* The help of the verb. */
void migrate_options_help(FILE *out);
/* Adds the flags to the verb that was added last. */
void migrate_options_complete(struct completion *c);

#endif
