/* completion.h - what a shell needs to complete a program's command line: its verbs and their flags.
 *
 * A program fills it from the very tables that it reads its command line by, and prints it as a script for bash,
 * zsh or fish; so the scripts cannot tell of other verbs and flags than there are. Texts are borrowed for
 * its life, but for those of settings, which it makes itself. Threads: one at a time.
 */
#ifndef CG_BASE_COMPLETION_H
#define CG_BASE_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/setting_table.h"

struct completion;

/* The shells, for help and for messages. */
#define COMPLETION_SHELLS "bash, zsh or fish"

struct completion *completion_new(const char *program) MUST_CHECK;
void completion_free(struct completion *c); /* NULL is fine */
/* What is added before the first verb is for the program without one. One verb, or part of one ("templates list", after "templates"). `operands` as --help shows them: a word that
 * begins with DIR is completed by folders, GRAPH and FILE by files, choices "a|b|c" by themselves. */
void completion_verb(struct completion *c, const char *verb, const char *operands,
                     const char *summary);
/* A flag of the verb that was added last, without dashes. `letter` 0 = none; `value` as --help calls it
 * (completed as operands are), NULL = takes none. */
void completion_flag(struct completion *c, const char *flag, char letter, const char *value,
                     const char *doc);
/* All settings of the table, and --config and --help, as flags of the verb that was added last. */
void completion_settings(struct completion *c, const struct setting_table *t);
/* Prints the script; false when there is no such shell, and then nothing was printed. */
bool completion_print(const struct completion *c, const char *shell, FILE *out) MUST_CHECK;

#endif
