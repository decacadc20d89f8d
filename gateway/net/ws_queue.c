#include "net/ws_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void ws_queue_init(struct ws_queue *q)
{
    list_init(&q->messages);
    q->count = 0;
}

void ws_queue_clear(struct ws_queue *q)
{
    struct ws_queued *m = NULL;

    while ((m = ws_queue_take(q)) != NULL) {
        free(m);
    }
}

void ws_queue_add(struct ws_queue *q, struct span text)
{
    struct ws_queued *m = xmalloc(sizeof *m + WS_FRAME_HEAD + text.len);

    m->len = text.len;
    if (text.len > 0) {
        memcpy(m->frame + WS_FRAME_HEAD, text.ptr, text.len);
    }
    list_init(&m->node);
    list_push(&q->messages, &m->node);
    q->count++;
}

struct ws_queued *ws_queue_take(struct ws_queue *q)
{
    struct list *node = list_shift(&q->messages);

    if (node == NULL) {
        return NULL;
    }
    q->count--;
    return container_of(node, struct ws_queued, node);
}
