/* ws_queue.h - text messages that wait to be sent, in their order.
 *
 * No ceiling of its own. Threads: its owner's.
 */
#ifndef CG_NET_WS_QUEUE_H
#define CG_NET_WS_QUEUE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/span.h"

#define WS_FRAME_HEAD 32 /* room before the text, for the frame's head: at least LWS_PRE */

struct ws_queued {
    struct list node;
    size_t len;
    unsigned char frame[]; /* WS_FRAME_HEAD bytes, then the text */
};

struct ws_queue {
    struct list messages;
    size_t count;
};

void ws_queue_init(struct ws_queue *q);
void ws_queue_clear(struct ws_queue *q);                 /* leaves it empty, and fit for use */
void ws_queue_add(struct ws_queue *q, struct span text); /* copied */
/* The first one, to be freed by the caller; NULL = none. */
struct ws_queued *ws_queue_take(struct ws_queue *q) MUST_CHECK;

#endif
