/* answer_parts.h - what answer.c and answer_first.c share, and nobody else.
 *
 * An answer is fresh, then asked (its first answer is on its way), then begun. What is said while it is asked is prepared at once and
 * held, since an edit of a message that is not there yet is refused. It refers to itself for as long as a call of it is under way.
 */
#ifndef CGD_LINK_ANSWER_PARTS_H
#define CGD_LINK_ANSWER_PARTS_H

#include "base/list.h"
#include "link/answer.h"
#include "link/discord_parts.h"

/* Types of first answers (Discord, "Interaction Callback Type"). */
enum answer_type {
    TYPE_MESSAGE = 4,
    TYPE_DEFER = 5,
    TYPE_DEFER_UPDATE = 6,
    TYPE_UPDATE = 7,
    TYPE_CHOICES = 8,
    TYPE_MODAL = 9
};

enum stage { FRESH, ASKED, BEGUN, NEVER };

/* Who is to be told, and of what. */
struct waiter {
    struct list node;
    discord_done *done; /* may be NULL */
    void *arg;
    int status; /* of those that are told later */
};

struct answer {
    struct discord_follower follower;
    unsigned refs;
    unsigned own_refs; /* of them, by itself */
    struct loop *loop;
    struct discord *d; /* NULL when it is gone */
    char app[24];
    char interaction[24];
    char message_id[24];
    char *token;
    int64_t begun_mono_ms;
    int64_t until_wall_ms;
    answer_respond *respond; /* until the first answer */
    void *respond_arg;

    enum stage stage;
    bool is_autocomplete;
    bool is_component;
    bool has_message; /* one that it can update */
    bool plans_ephemeral;
    bool plans_update;
    bool is_ephemeral;
    bool is_thinking; /* deferred as a reply, and nothing said yet */
    bool is_token_dead;
    bool wants_id;   /* of the message that the first answer makes */
    bool has_failed; /* and it was told so */
    struct loop_timer in_time;
    struct loop_timer grace;

    struct waiter first;           /* of the first answer */
    struct discord_call *fallback; /* says the same when the first answer was lost */
    bool is_fallback_edit;
    struct list waiters;       /* also for the first answer */
    struct list held;          /* struct held: follow-ups until it has begun */
    struct discord_call *edit; /* on its way */
    struct waiter edit_waiter;
    struct discord_call *next; /* the one after it */
    struct waiter next_waiter;
    struct list later; /* struct waiter, told by the timer */
    struct loop_timer later_timer;
};

struct held {
    struct list node;
    struct discord_call *call;
    struct waiter waiter;
};

void answer_own(struct answer *a);
void answer_disown(struct answer *a);
void answer_note_message(struct answer *a, const cJSON *message);
void answer_tell(const struct waiter *w, const struct discord_result *r);
/* Never within the call that asked for it. */
void answer_tell_later(struct answer *a, const struct waiter *from, int status);
/* The edit that waits goes, if it may. */
void answer_start_next(struct answer *a);

/* answer_first.c. Takes data, which may be NULL; a->first and a->fallback are set. */
void answer_start_first(struct answer *a, enum answer_type type, cJSON *data,
                        const struct message *files);
void answer_start_deferral(struct answer *a, bool is_ephemeral, bool is_update);
/* `data` of a message. The caller deletes it. */
cJSON *answer_tree(const struct message *m, bool is_edit, bool is_ephemeral) MUST_CHECK;

#endif
