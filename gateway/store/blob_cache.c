#include "store/blob_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/blob_parts.h"

struct entry {
    char sha256[BLOB_HASH_LEN + 1];
    struct timespec used;
    int64_t size;
};

struct entries {
    struct entry *item;
    size_t count;
    size_t cap;
    int64_t bytes;
};

static void add(struct entries *all, const char *sha256, const struct stat *about)
{
    struct entry *entry = NULL;

    if (all->count == all->cap) {
        all->cap = all->cap == 0 ? 256 : all->cap * 2;
        all->item = xrealloc(all->item, all->cap * sizeof *all->item);
    }
    entry = &all->item[all->count++];
    memcpy(entry->sha256, sha256, sizeof entry->sha256);
    entry->used = about->st_mtim;
    entry->size = about->st_size;
    all->bytes += about->st_size;
}

static void read_shard(int files_fd, unsigned shard, struct entries *all)
{
    char name[4];
    int fd = -1;
    DIR *dir = NULL;
    const struct dirent *entry = NULL;

    (void)snprintf(name, sizeof name, "%02x", shard & 0xffU);
    fd = openat(files_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        file_close(&fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        struct stat about;

        if (blob_is_hash(entry->d_name) &&
            fstatat(fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0) {
            add(all, entry->d_name, &about);
        }
    }
    (void)closedir(dir); /* and fd */
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used;
    const struct timespec *y = &((const struct entry *)b)->used;

    if (x->tv_sec != y->tv_sec) {
        return x->tv_sec < y->tv_sec ? -1 : 1;
    }
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec ? 1 : 0;
}

void blob_cache_trim(int files_fd, int64_t max_bytes)
{
    struct entries all = {.count = 0};

    for (unsigned i = 0; i < BLOB_SHARDS; i++) {
        read_shard(files_fd, i, &all);
    }
    if (all.bytes > max_bytes) {
        qsort(all.item, all.count, sizeof *all.item, by_use);
        for (size_t i = 0; i < all.count && all.bytes > max_bytes / 10 * 9; i++) {
            (void)unlinkat(files_fd, blob_shard_path(all.item[i].sha256).text, 0);
            all.bytes -= all.item[i].size;
        }
    }
    free(all.item);
}
