/* store_examine.h - what a database file is, looked at without changing it: for who asks whether it is sound.
 *
 * Not a way to read jobs (store.h). Works beside a gateway that has the database open, or without one. Blocks. Any thread.
 */
#ifndef CG_STORE_STORE_EXAMINE_H
#define CG_STORE_STORE_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct store_findings {
    bool is_there;  /* else it will be made */
    bool is_served; /* by a server that sees to its soundness, so that this was not looked at */
    int64_t jobs;   /* in it; -1 = not counted */
    int64_t keys;   /* of the API that are neither revoked nor expired; -1 = not counted */
    int behind;     /* migrations that the next start applies */
    bool is_partly_seen; /* the time was over before all of it had been checked */
    char fault[320];     /* what is wrong with its contents, in its own words; "" = nothing */
};

/* `url` as for store_open. Checks at most for so long. STORE_UNAVAILABLE with a sentence when it cannot be opened, is of
 * another or a newer program, or a migration was changed. */
enum errc store_examine(const char *url, int64_t now, int64_t limit_ms, struct store_findings *out,
                        struct err *e) MUST_CHECK;

#endif
