/* comfygate_parts.h - what comfygate.c and comfygate_feed.c share, and nobody else.
 */
#ifndef CGD_LINK_COMFYGATE_PARTS_H
#define CGD_LINK_COMFYGATE_PARTS_H

#include "base/list.h"
#include "link/comfygate.h"

struct comfygate {
    struct loop *loop;
    struct http_client *http;
    char *url;
    char *authorization; /* the header line; NULL = none */
    struct list calls;
    struct list feeds;
    bool is_up;
    bool is_known; /* is_up was told of at least once */
};

/* What was learnt of it by an answer, or by none. Logs changes. */
void comfygate_note(struct comfygate *c, bool is_up, const char *reason);

#endif
