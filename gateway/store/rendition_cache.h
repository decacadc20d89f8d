/* rendition_cache.h - pictures that were made of stored files, kept so that they are made once.
 *
 * A folder that may be emptied at any time: what is missing is made again. Nothing in it is worth an
 * fsync, a row or a backup.
 *
 *   data/renditions/ab/abcdef…-t256.webp     of the content abcdef…
 *   data/renditions/tmp-…                    being made; gone at the next start
 *
 * Threads: any. No lock: files appear under their names whole.
 */
#ifndef CG_STORE_RENDITION_CACHE_H
#define CG_STORE_RENDITION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct rendition_cache;

/* `dir` is the data folder. Removes what a crash left half made. Fails with a sentence in e. */
enum errc rendition_cache_open(const char *dir, struct rendition_cache **out, struct err *e)
    MUST_CHECK;
void rendition_cache_close(struct rendition_cache *c); /* NULL is fine */

/* `kind` is 1 to 31 of a-z 0-9. Gives a descriptor to read from, and the size; false when it is not there. */
bool rendition_cache_find(struct rendition_cache *c, const char *sha256, const char *kind,
                          int *out_fd, int64_t *out_size) MUST_CHECK;

/* A file to be written by its maker; then one of the two below. */
struct rendition_file {
    int fd;
    char path[512];
};
/* INSUFFICIENT_STORAGE or INTERNAL_ERROR. */
enum errc rendition_cache_begin(struct rendition_cache *c, struct rendition_file *out,
                                struct err *e) MUST_CHECK;
/* Keeps it, if it can; in any case the descriptor stays open, the caller's, and good to read from. */
void rendition_cache_keep(struct rendition_cache *c, struct rendition_file *file,
                          const char *sha256, const char *kind);
void rendition_cache_discard(struct rendition_file *file); /* closes it, too */

/* Forgets all that was made of a content. */
void rendition_cache_forget(struct rendition_cache *c, const char *sha256);

#endif
