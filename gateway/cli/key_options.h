/* key_options.h - the command line of `comfygate keys`: a part, a name, flags of its own, and the settings of serve.
 *
 * Only reads it; the part itself is run beside main, for it works on the store.
 */
#ifndef CG_CLI_KEY_OPTIONS_H
#define CG_CLI_KEY_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/completion.h"
#include "base/err.h"
#include "cli/options.h"

#define KEY_PARTS "create|list|revoke"

struct key_options {
    const char *part; /* one of KEY_PARTS */
    const char *name; /* NULL with list */
    const char *role; /* NULL = none was given, like the next but one */
    struct words scopes;
    const char *expires;
    bool is_json;
    /* The rest: flags of settings, as config_load takes them. */
    char **settings;
    int settings_count;
};

/* INVALID_PARAMETER with a sentence for the user. What is given is borrowed from argv. */
enum errc key_options_read(struct key_options *o, int argc, char **argv, struct err *e) MUST_CHECK;
void key_options_clear(struct key_options *o); /* for AUTO */
/* The help of the verb. */
void key_options_help(FILE *out);
/* Adds the flags to the verb that was added last. */
void key_options_complete(struct completion *c);

#endif
