/* work.c - see work.h.
 */
#include "bot/work.h"

#include "base/mem.h"
#include "bot/bot.h"

void work_begin(struct bot *b, struct work *w, void (*drop)(struct work *w))
{
    w->drop = drop;
    list_push(&b->work, &w->node);
}

void work_end(struct work *w)
{
    list_remove(&w->node);
}

void work_drop_all(struct bot *b)
{
    struct list *node = NULL;

    while ((node = list_shift(&b->work)) != NULL) {
        struct work *w = container_of(node, struct work, node);

        w->drop(w);
    }
}
