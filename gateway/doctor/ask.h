/* ask.h - one question over HTTP, waited for.
 *
 * Turns the loop until the answer is there, hence not for a thread that has anything else to do.
 */
#ifndef CG_DOCTOR_ASK_H
#define CG_DOCTOR_ASK_H

#include <stdint.h>

#include "base/buf.h"
#include "net/http_call.h"

struct answer {
    enum http_end end;
    int status; /* of HTTP_ANSWERED, as all below */
    struct buf body;
    char *type; /* Content-Type; NULL = none, as the next */
    char *location;
    int64_t date_ms;  /* the server's clock; 0 = not told */
    int64_t asked_ms; /* our clock, half-way through */
    int64_t took_ms;
    char *reason; /* of anything but HTTP_ANSWERED */
    bool is_done;
};

/* GET. *out is overwritten, and the caller's to clear. */
void ask(struct loop *loop, struct http_client *http, const char *url, int64_t timeout_ms,
         struct answer *out);
void answer_clear(struct answer *a); /* for AUTO */
/* Content-Type text/html: a page for people. */
bool answer_is_page(const struct answer *a);

#endif
