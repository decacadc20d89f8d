/* waits.c - the floor of waiting: every GET is suspended until a POST comes, and then all are answered.
 *
 *   floor-waits PORT THREADS BODY_FILE
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "floor.h"

struct waiter {
    struct list node;
    struct MHD_Connection *connection;
    bool is_woken;
};

struct floor {
    struct floor_answer answer;
    pthread_mutex_t lock; /* of the list */
    struct list waiting;
};

static void wake_all(struct floor *f)
{
    struct list woken;

    list_init(&woken);
    (void)pthread_mutex_lock(&f->lock);
    list_move_all(&woken, &f->waiting);
    (void)pthread_mutex_unlock(&f->lock);
    for (struct list *node = list_shift(&woken); node != NULL; node = list_shift(&woken)) {
        struct waiter *w = container_of(node, struct waiter, node);

        w->is_woken = true;
        MHD_resume_connection(w->connection);
    }
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    struct floor *f = arg;
    struct waiter *w = *request;

    (void)url;
    (void)version;
    (void)data;
    if (w == NULL) {
        w = xcalloc(1, sizeof *w);
        w->connection = connection;
        *request = w;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (*method == 'P') {
        wake_all(f);
        w->is_woken = true;
    }
    if (w->is_woken) {
        return MHD_queue_response(connection, MHD_HTTP_OK, f->answer.response);
    }
    MHD_suspend_connection(connection);
    (void)pthread_mutex_lock(&f->lock);
    list_push(&f->waiting, &w->node);
    (void)pthread_mutex_unlock(&f->lock);
    return MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode why)
{
    (void)arg;
    (void)connection;
    (void)why;
    free(*request);
}

int main(int argc, char **argv)
{
    struct floor f = {.lock = PTHREAD_MUTEX_INITIALIZER};

    if (argc != 4) {
        (void)fputs("floor-waits PORT THREADS BODY_FILE\n", stderr);
        return 2;
    }
    list_init(&f.waiting);
    floor_answer_read(argv[3], &f.answer);
    return floor_serve(argv[1], argv[2], answer, completed, &f);
}
