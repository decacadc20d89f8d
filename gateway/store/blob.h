/* blob.h - files by the SHA-256 of their bytes: in a folder, or in an S3 bucket with a folder as its cache.
 *
 * A file is staged (durable, but nobody's), then a row that names it is
 * committed, then it is published. After a crash blob_recover() publishes what
 * the store refers to and removes the rest: no orphan file, no missing file
 * (the argument is in blob.c).
 *
 * Whoever stages a file holds it until blob_publish or blob_unstage, one call
 * for each stage: as long as anybody holds a content, no blob_remove takes it away.
 *
 *   data/files/ab/abcdef…      published
 *   data/staging/abcdef…       staged
 *   data/staging/tmp-…         being written
 *
 * Threads: a blob_writer belongs to one thread at a time; blob_stage does the
 * fsync and may take long (worker thread); the rest any thread. Locks: one, inside.
 */
#ifndef CG_STORE_BLOB_H
#define CG_STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct blobs;
struct blob_writer;

/* `dir` is made when absent. Fails with a sentence in e. */
enum errc blobs_open(const char *dir, struct blobs **out, struct err *e) MUST_CHECK;

struct blob_storage {
    const char *url; /* as the setting storage_url */
    const char *access_key;
    const char *secret_key;
    int64_t cache_bytes;       /* what the folder may hold of what is in the bucket */
    int64_t sweep_ms;          /* pause between two looks at all that is in the bucket */
    int64_t orphan_age_ms;     /* how long a file has been there before it is doubted */
    int link_seconds;          /* how long what blob_link gives lives; 0 = it gives none */
    const char *link_endpoint; /* http(s)://host[:port] for those links; "" = that of url */
};
/* Files are kept in a bucket, and `dir`/cache is for files on their way and for those used last. What is in the
 * folder already stays there and is found. Asks the bucket, and fails when it cannot be used. */
enum errc blobs_open_storage(const char *dir, const struct blob_storage *storage,
                             struct blobs **out, struct err *e) MUST_CHECK;
void blobs_close(struct blobs *b); /* NULL is fine */

/* ERR_INSUFFICIENT_STORAGE or ERR_INTERNAL_ERROR. */
enum errc blob_write_begin(struct blobs *b, struct blob_writer **out, struct err *e) MUST_CHECK;
enum errc blob_write(struct blob_writer *w, struct span data, struct err *e) MUST_CHECK;
int64_t blob_written(const struct blob_writer *w); /* bytes so far */
/* Copies up to len of those bytes from `offset` on (0 or more) and tells how many: fewer at the end,
 * and when the disk fails. */
size_t blob_read_at(const struct blob_writer *w, int64_t offset, void *buf, size_t len);
/* Makes the bytes durable under their hash and holds them. The writer is gone afterwards, also on
 * failure. Bytes that are published or staged already are not kept twice. */
enum errc blob_stage(struct blob_writer *w, char out_sha256[65], struct err *e) MUST_CHECK;
void blob_abort(struct blob_writer *w); /* removes what was written; NULL is fine */

/* After the commit: makes the staged file the published one and lets go of it; harmless when
 * repeated. */
void blob_publish(struct blobs *b, const char *sha256);
/* Instead of blob_publish, when no row will name the file: lets go of it, and removes what was
 * staged when nobody else holds it. A published file stays. */
void blob_unstage(struct blobs *b, const char *sha256);
/* Removes a published file that the store has just said nobody refers to (store_trash): no commit
 * may come between the two. A content that is held goes back to staged. Harmless when absent. */
void blob_remove(struct blobs *b, const char *sha256);

/* Opens for reading, published or still staged. Gives a close-on-exec fd and the size. NOT_FOUND
 * also for a text that is no hash. */
enum errc blob_open(struct blobs *b, const char *sha256, int *out_fd, int64_t *out_size) MUST_CHECK;

/* Between blob_stage and the commit of the first row that names the file: brings it to where it is kept. Does nothing
 * for a folder. May take long (helper thread). On failure the file is still staged and held, and this can be called
 * again. ERR_STORAGE_UNAVAILABLE, ERR_INSUFFICIENT_STORAGE, ERR_INTERNAL_ERROR. */
enum errc blob_store(struct blobs *b, const char *sha256, struct err *e) MUST_CHECK;
/* Whether a file that blob_open does not find may be found after blob_fetch. */
bool blobs_can_fetch(const struct blobs *b);
/* Brings a file to where blob_open finds it. May take long (helper thread). NOT_FOUND, and as blob_store. */
enum errc blob_fetch(struct blobs *b, const char *sha256, struct err *e) MUST_CHECK;

/* Adds to out a link by which anybody may GET the file from the storage for a while: with this type and this
 * Content-Disposition, whatever the one who has it does. False, and nothing added, when links are off, the file is
 * not known to be there, or the storage does not answer: then it is served from here. Never blocks. */
bool blob_link(struct blobs *b, const char *sha256, const char *content_type,
               const char *disposition, struct buf *out) MUST_CHECK;

/* At start, before anything is staged: settles what a crash left in staging/.
 * `is_used` tells whether the store refers to a hash. */
void blob_recover(struct blobs *b, bool (*is_used)(void *arg, const char *sha256), void *arg);
/* Free bytes where files are kept; -1 when unknown. */
int64_t blobs_free_bytes(const struct blobs *b);

/* Calls `visit` with up to `limit` files of the storage that have been there for long, and that the caller, the only
 * one who commits, removes (blob_remove) when the store does not refer to them. Never any of a folder. */
void blobs_doubtful(struct blobs *b, int limit, void (*visit)(void *arg, const char *sha256),
                    void *arg);
/* True when the storage answers; else a sentence in `reason`. A folder does. Never blocks. */
bool blobs_are_reachable(struct blobs *b, char *reason, size_t size);
/* What is under way ends within grace_ms, and so does what is begun later. */
void blobs_stop(struct blobs *b, int grace_ms);

/* What is published (of a bucket: what of it is in the folder), each content once, as it was when its part of the folder was looked at last. */
struct blobs_usage {
    bool is_whole; /* every part has been looked at */
    int64_t files;
    int64_t bytes;
};
/* Looks at as many parts of the folder as it can in budget_ms, at least one, at most each once, going on where it
 * stopped: it reads every file's entry, which takes its time when there are many. One thread at a time. */
struct blobs_usage blobs_count(struct blobs *b, int64_t budget_ms);

#endif
