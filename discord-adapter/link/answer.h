/* answer.h - the answer to one interaction: first within 3 s, then as often as needed while its token lives.
 *
 * Knows what Discord allows when: one first answer (callback, or the HTTP response when it came over HTTP); afterwards edits of
 * @original and follow-ups for 15 minutes. Who takes long calls answer_in_time() at the beginning: when nothing was said after
 * 1.2 s (2 s for components), it defers by itself, and the first answer becomes an edit. Nobody has to know which it was.
 *
 * Counted: shared by a job's tracker and a handler; freed with the last. After discord_free it says nothing any more, and may still be
 * unreferenced. Threads: the loop's.
 */
#ifndef CGD_LINK_ANSWER_H
#define CGD_LINK_ANSWER_H

#include <stdbool.h>

#include "base/attr.h"
#include "link/discord.h"
#include "wire/interaction.h"
#include "wire/message.h"

struct answer;

/* Where the first answer goes when the interaction came over HTTP: the JSON text of the response, or NULL when there is nothing to say.
 * Called once. False: it is too late for a response, and the callback is to be used. */
typedef bool answer_respond(void *arg, const char *json, const struct message *files);

/* The interaction is borrowed for the call. `respond` NULL: by callback. */
struct answer *answer_new(struct loop *loop, struct discord *d, const struct interaction *i,
                          answer_respond *respond, void *arg) MUST_CHECK;
/* For an interaction that was answered before this process began (its token may still live). */
struct answer *answer_resume(struct loop *loop, struct discord *d, const char *app,
                             const char *interaction, const char *token, bool is_ephemeral)
    MUST_CHECK;
struct answer *answer_ref(struct answer *a);
void answer_unref(
    struct answer
        *a); /* says "did not work" by itself when nothing was answered at all; NULL is fine */

/* Defers by itself when it takes long. `is_ephemeral`: decides for good (Discord). is_update: of a component, silently (type 6):
 * a later answer edits the message the component is under; else a new reply (type 5). */
void answer_in_time(struct answer *a, bool is_ephemeral, bool is_update);
/* Defers now, and tells when Discord has it (or has refused it). done may be NULL, as everywhere here. */
void answer_defer(struct answer *a, bool is_ephemeral, bool is_update, discord_done *done,
                  void *arg);
/* Says it: type 4 (or 7 with is_update) when it is the first, else an edit of @original. json of done: with the first, resource.message; with an
 * edit, the message. A second call while one is under way replaces what waits (the latest wins); its done is called with status 0. */
void answer_say(struct answer *a, const struct message *m, discord_done *done, void *arg);
/* Whoever has said something with this arg goes: its done is not called any more. What was said is said all the same. */
void answer_hush(struct answer *a, const void *arg);
/* A reply to the presser alone that leaves the message as it is: first answer or follow-up, ephemeral. */
void answer_whisper(struct answer *a, const struct message *m, discord_done *done, void *arg);
void answer_whisper_text(struct answer *a, const char *text);
/* First answers only: bug_if otherwise. Both are taken over. */
void answer_modal(struct answer *a, cJSON *modal);
void answer_choices(struct answer *a, cJSON *choices);

/* Nothing is to be said: a repetition, which was answered when it came first. */
void answer_never(struct answer *a);

bool answer_is_begun(const struct answer *a); /* something was said or deferred */
/* What is said replaces the message that the component is under. */
bool answer_is_update(const struct answer *a);
bool answer_is_ephemeral(const struct answer *a);
/* The id of @original once it is known; "" before. */
const char *answer_message_id(const struct answer *a);
/* Less than 14 minutes since the interaction, and no answer has said otherwise. */
bool answer_token_lives(const struct answer *a);

#endif
