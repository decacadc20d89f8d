/* floor.h - what the floors share: the gateway's HTTP library, set up as the gateway has it, and one answer.
 *
 * A floor does the least that a promise costs, and nothing else. What the gateway reaches of it is its own doing;
 * how fast the machine and the library are is not.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <microhttpd.h>

#include "base/buf.h"

struct floor_answer {
    struct MHD_Response *response; /* made once, for all */
    struct buf bytes;
};

/* Reads the body from a file and gives it the headers that the gateway's answers have. Ends the program on failure. */
void floor_answer_read(const char *path, struct floor_answer *out);
/* Serves on 127.0.0.1, says "listening" and waits until standard input ends. Returns the exit code. */
int floor_serve(const char *port, const char *threads, MHD_AccessHandlerCallback handler,
                MHD_RequestCompletedCallback completed, void *arg);

#endif
