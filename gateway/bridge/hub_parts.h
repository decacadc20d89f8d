/* hub_parts.h - what hub.c and hub_queue.c share, and nobody else.
 */
#ifndef CG_BRIDGE_HUB_PARTS_H
#define CG_BRIDGE_HUB_PARTS_H

#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"
#include "bridge/hub.h"
#include "core/queue.h"

#define NOT_MOVED INT64_MAX

struct topic {
    struct id job;
    struct list waiters;   /* waiter.in_topic */
    struct list in_waited; /* hub.waited, while there are waiters */
    struct list in_ended;  /* hub.ended, while it holds the answer of an ended job */
    struct bytes *json;    /* NULL = ask the store */
    char etag[JOB_ETAG_SIZE];
    bool has_ended;
    struct bytes *preview;
    const char *preview_mime;
    int64_t preview_seq;
};

struct hub {
    int64_t max_waiters;
    struct job_memo *memo;

    pthread_mutex_t lock; /* over what follows */
    struct map *topics;   /* job id -> struct topic */
    struct list waited;   /* topics with waiters */
    struct list ended;    /* topics of ended jobs, the one looked at last at the end */
    size_t waited_count;
    size_t ended_count;
    struct wheel wheel; /* waiter.deadline */
    int64_t waiter_count;
    bool is_closed;

    struct queue *queue;
    int64_t moved_from;

    struct bytes *backends;
    struct backend_counts backend_counts;

    struct node_info **nodes; /* of each backend; NULL = it has told nothing */
    size_t nodes_count;
    int64_t nodes_generation;
};

void hub_lock(struct hub *h);
void hub_unlock(struct hub *h);
/* Under the lock: takes who waits for a change of the topic, or, when it has ended, all its waiters. */
void hub_collect(struct hub *h, struct topic *t, bool has_ended, struct list *woken);
/* Under the lock: frees a topic that holds nothing. */
void hub_tidy_topic(struct hub *h, struct topic *t);
/* After the lock: who was collected is woken. */
void hub_wake_all(struct list *woken);

#endif
