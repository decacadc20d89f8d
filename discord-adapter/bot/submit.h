/* submit.h - from what a user asked for to a job that is on disk.
 *
 * The interaction's id is the Idempotency-Key, so that a replay of it, and a repetition after a lost answer, is the same job. Files are
 * fetched from Discord and uploaded first; that takes time, and what is told meanwhile ("thinking") must not be lost with this process:
 * so the whole request is a preference `pending` before it is told, and is taken up at the next start. Threads: the loop's.
 */
#ifndef CGD_BOT_SUBMIT_H
#define CGD_BOT_SUBMIT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "bot/bot.h"
#include "bot/place.h"

#define SUBMIT_PICTURES_MAX 4

struct submission {
    const char *template_name;
    const cJSON *input; /* object; NULL = {}. Pictures are asset:.. or output:.. in it, or below */
    const char *parent_id; /* NULL = none */
    struct {
        const char *param; /* of the template */
        const char *url;   /* at Discord's CDN */
        const char *filename;
        int64_t size;
    } picture[SUBMIT_PICTURES_MAX];
    size_t picture_count;
};

/* Does all of it, and says in a sentence what it refuses: quotas, files, what comfygate finds wrong. Borrows all; the answer is
 * referred to until its first message is out. */
void submit(struct bot *b, const struct interaction *i, struct answer *a,
            const struct submission *s);
/* Takes up what was pending when this process began; tries until comfygate has told what that is. */
void submit_resume(struct bot *b);

#endif
