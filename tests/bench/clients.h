/* clients.h - what both clients share: so many jobs, so many at once, and how long each took.
 *
 * The two differ only in the way of a job; what they measure, from the first byte sent to the last byte of the picture
 * received, is the same.
 */
#ifndef BENCH_CLIENTS_H
#define BENCH_CLIENTS_H

#include <stddef.h>

#include "base/buf.h"
#include "net/http_call.h"
#include "net/loop.h"

struct clients;

/* One place in which job after job is done. */
struct place {
    struct clients *clients;
    size_t number; /* of the job */
    double began;  /* seconds */
    void *data;    /* of who does it; zeroed at the start */
};

struct clients {
    struct loop *loop;
    struct http_client *http;
    const char *url; /* of the server, without a slash at its end */
    struct buf text; /* of a job; each @N@ stands for its number */
    size_t count;
    size_t begun;
    size_t done;
    double *took; /* seconds, of each job */
    struct place *place;
    size_t at_once;
    void (*begin)(struct place *place);
    void *data; /* of who does them */
};

/* `arguments` are URL, TEXT_FILE, COUNT and AT_ONCE. Ends the program with a sentence when they are none. */
void clients_open(struct clients *c, int argc, char **argv, void (*begin)(struct place *place));
/* Does all jobs, and prints what came of it as a line of JSON. Returns the exit code. */
int clients_run(struct clients *c);
/* The job of that place is done; the next one begins there. */
void clients_done(struct place *place);
/* The text of the place's job. The caller clears it. */
struct buf clients_text(const struct place *place);
/* Ends the program: what is measured has failed. */
_Noreturn void clients_fail(const char *what, const char *why);

#endif
