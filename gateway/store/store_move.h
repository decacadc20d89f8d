/* store_move.h - all that one store holds, copied into another one of whichever kind.
 *
 * Table by table in the order of their keys, a page in a transaction. So a copy that was broken off goes on where it stopped when it is begun
 * again. At the end all rows of both are read again, counted, and hashed. Nothing is removed from the first. One
 * thread; blocks.
 */
#ifndef CG_STORE_STORE_MOVE_H
#define CG_STORE_STORE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct store_moved {
    int64_t jobs;
    int64_t outputs;
    int64_t rows;     /* of all tables */
    int64_t new_rows; /* of these, those that this call has brought */
};

/* How far it is with a table: while it is copied, then while both are compared. Returns false to break it off. */
typedef bool store_move_tell(void *arg, const char *table, bool is_compared, int64_t done,
                             int64_t total);

/* Both URLs as for store_open; what is missing in the second is made. STORE_UNAVAILABLE with a sentence: one of them cannot be
 * used or is in use, they are the same, the second holds what is not in the first, or is not equal in the end. */
enum errc store_move(const char *from_url, const char *to_url, store_move_tell *tell, void *arg,
                     struct store_moved *out, struct err *e) MUST_CHECK;

#endif
