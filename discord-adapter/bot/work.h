/* work.h - what a handler keeps while it waits for an answer, so that the end of the process can let go of it.
 *
 * Embedded in the handler's own struct. Each is in the bot's list from work_begin until work_end.
 */
#ifndef CGD_BOT_WORK_H
#define CGD_BOT_WORK_H

#include "base/list.h"

struct bot;

struct work {
    struct list node;
    void (*drop)(struct work *w); /* frees the whole; no call of it is under way any more */
};

void work_begin(struct bot *b, struct work *w, void (*drop)(struct work *w));
void work_end(struct work *w);
/* After the calls of link/ were dropped. */
void work_drop_all(struct bot *b);

#endif
