/* templates_remote.h - what the parts of `comfygate templates` that ask a gateway share.
 *
 * Answers are read with base/json, not cJSON: a seed's bounds are larger than a double can tell.
 */
#ifndef CG_CLI_TEMPLATES_REMOTE_H
#define CG_CLI_TEMPLATES_REMOTE_H

#include "base/json.h"
#include "cli/verbs.h"

struct templates_answer {
    struct client_reply reply;
    struct json_doc *doc;
};

#define TEMPLATES_ANSWER_INIT ((struct templates_answer){.reply = CLIENT_REPLY_INIT})

/* False after what is wrong was said; *code is the exit code. *out is to be cleared in any case. */
bool templates_ask(struct cli *cli, const char *method, const char *path,
                   struct templates_answer *out, int *code) MUST_CHECK;
void templates_answer_clear(struct templates_answer *a); /* for AUTO */

/* The text of a member; "" when it has none. The caller frees. */
char *templates_text(const struct json_doc *doc, json_ref object, const char *name) MUST_CHECK;
/* One line for each fault of an array: its place and what is wrong. */
void templates_put_faults(const struct terminal *t, const struct json_doc *doc, json_ref faults);
/* "yes", "no" or "not known yet", with its tone. */
const char *templates_can_word(const struct json_doc *doc, json_ref object, enum tone *tone);

#endif
