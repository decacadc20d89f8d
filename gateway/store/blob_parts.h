/* blob_parts.h - what the parts of blob.h share: the folder, the holds, and the storage behind the folder.
 *
 * For blob*.c alone.
 */
#ifndef CG_STORE_BLOB_PARTS_H
#define CG_STORE_BLOB_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/map.h"
#include "store/blob.h"

#define BLOB_HASH_LEN 64
#define BLOB_SHARDS   256
#define BLOB_TMP_SIZE (sizeof "tmp-" + ID_LEN)

struct blob_remote;

/* Of one folder below files/. */
struct shard_usage {
    int64_t files;
    int64_t bytes;
};

struct blobs {
    int files_fd;
    int staging_fd;
    pthread_mutex_t lock; /* of the names in both folders, and of holds; never held during fsync */
    struct map *holds;    /* hash -> struct hold */
    struct blob_remote *remote; /* NULL: the folder is where files are kept; else it is a cache */

    struct shard_usage usage[BLOB_SHARDS]; /* of who counts, as the next two */
    size_t counted;                        /* shards that have been looked at, up to all */
    size_t next_shard;
};

bool blob_is_hash(const char *text);
struct shard_path {
    char text[BLOB_HASH_LEN + 4]; /* ab/abcdef… */
};
struct shard_path blob_shard_path(const char *sha256);
/* Makes a file of that name, for reading and writing; -1 with errno. */
int blob_tmp_open(const struct blobs *b, char name[BLOB_TMP_SIZE]);

/* ---- of the storage behind the folder (blob_remote.c); none is called without one -------------- */

void blob_remote_close(struct blob_remote *r); /* ends its thread; NULL is fine */
/* Under b->lock: the file is to go from the storage; soon, by the thread. One of before goes at once. */
void blob_remote_remove(struct blob_remote *r, const char *sha256);
/* The cache may be too large now. */
void blob_remote_grown(struct blob_remote *r);
/* The file has been opened: it is the last that goes from the cache. */
void blob_remote_touch(int fd);
/* Of a file that was kept before there was a storage behind the folder; -1 with errno. */
int blob_remote_open_old(const struct blob_remote *r, const char *sha256);

#endif
