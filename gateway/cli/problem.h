/* problem.h - an answer that is no success, said as a person would want it.
 */
#ifndef CG_CLI_PROBLEM_H
#define CG_CLI_PROBLEM_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "cli/client.h"
#include "cli/terminal.h"

/* Title, detail, then each fault with its place (RFC 9457); a plain sentence for other bodies. */
void problem_print(const struct terminal *t, const char *url, const struct client_reply *reply);
/* Each of an array of faults, with its place, on a line of its own. */
void problem_print_items(const struct terminal *t, const cJSON *errors);
/* The same as problem_print() for a fault found on this side, without status. */
void problem_print_err(const struct terminal *t, const struct err *e);

#endif
