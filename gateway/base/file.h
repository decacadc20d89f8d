/* file.h - the few things that several modules do with files. Any thread; they block.
 */
#ifndef CG_BASE_FILE_H
#define CG_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file to out, at most max bytes. NOT_FOUND when it is not there,
 * CONTENT_TOO_LARGE when it is longer or out's ceiling is lower, else INTERNAL_ERROR; the detail
 * names the path and is for the log, not for an answer. out keeps what it had on failure. */
enum errc file_read(const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;
/* The same for what a stranger may have put there: nothing but a regular file (or a link to one) is
 * opened, so that no pipe and no device is; those are INTERNAL_ERROR. */
enum errc file_read_regular(const char *path, size_t max, struct buf *out, struct err *e)
    MUST_CHECK;
/* Makes the folder and those above it, readable by this user only. True when it exists afterwards;
 * else errno says why. */
bool file_make_dirs(const char *path) MUST_CHECK;
/* Makes the names in a folder durable: after a rename or unlink, before relying on it. */
bool file_sync_dir(const char *path) MUST_CHECK;
/* Hands the descriptor over: gives it, and sets *fd to -1. */
int file_take(int *fd);
/* For AUTO: closes *fd unless it is negative, and sets it to -1. */
void file_close(int *fd);

#endif
