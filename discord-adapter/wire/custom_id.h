/* custom_id.h - what a button or modal stands for, in its custom_id.
 *
 * Nothing about a button is kept in memory: `v1:<action>:<job>:<output>[:<extra>]` says all, at most 100
 * characters (Discord), so that a button works for ever and after any restart. What comes back from Discord
 * is untrusted: an unknown version or action reads as such, never as an error of ours.
 *
 * Pure. To add an action: a row in custom_id.def, a handler in bot/press.c.
 */
#ifndef CGD_WIRE_CUSTOM_ID_H
#define CGD_WIRE_CUSTOM_ID_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/id.h"

#define CUSTOM_ID_SIZE  101
#define CUSTOM_ID_EXTRA 48 /* with the zero */

enum press_action {
#define A(name, code, doc) PRESS_##name,
#include "wire/custom_id.def"
#undef A
    PRESS_COUNT
};

struct custom_id {
    enum press_action action;
    struct id job;               /* all zero = none */
    int output;                  /* index of the job's output; 0 when it is about none */
    char extra[CUSTOM_ID_EXTRA]; /* [A-Za-z0-9._-]; "" = none: a setup's id, a template's name */
};

enum custom_id_read { CUSTOM_ID_OK, CUSTOM_ID_OTHER_VERSION, CUSTOM_ID_UNKNOWN };

/* Writes it; a bug_if when it would be longer than Discord takes. Returns out. */
char *custom_id_write(const struct custom_id *c, char out[CUSTOM_ID_SIZE]);
/* `out` is filled only with CUSTOM_ID_OK. */
enum custom_id_read custom_id_read(const char *text, struct custom_id *out) MUST_CHECK;

#endif
