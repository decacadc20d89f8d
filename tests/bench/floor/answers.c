/* answers.c - the floor of reads: every request is answered by the same bytes from memory.
 *
 *   floor-answers PORT THREADS BODY_FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include "floor.h"

/* libmicrohttpd calls once for the head, and once more when there is no body to come. */
static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    static int seen;
    struct floor_answer *a = arg;

    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)size;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, a->response);
}

int main(int argc, char **argv)
{
    struct floor_answer a;

    if (argc != 4) {
        (void)fputs("floor-answers PORT THREADS BODY_FILE\n", stderr);
        return 2;
    }
    floor_answer_read(argv[3], &a);
    return floor_serve(argv[1], argv[2], answer, NULL, &a);
}
