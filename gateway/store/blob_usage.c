/* blob_usage.c - how many files there are, and how much is in them.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/blob_parts.h"

/* Without the lock: a file that comes or goes meanwhile is counted the next time. */
static struct shard_usage count_shard(int files_fd, size_t shard)
{
    struct shard_usage usage = {0};
    char name[3];
    int fd = -1;
    DIR *dir = NULL;
    const struct dirent *entry = NULL;

    (void)snprintf(name, sizeof name, "%02zx", shard & 0xff);
    fd = openat(files_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        file_close(&fd);
        return usage;
    }
    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        struct stat info;

        if (blob_is_hash(entry->d_name) &&
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
            usage.files++;
            usage.bytes += info.st_size;
        }
    }
    (void)closedir(dir); /* and fd */
    return usage;
}

struct blobs_usage blobs_count(struct blobs *b, int64_t budget_ms)
{
    struct blobs_usage all = {0};
    int64_t until = clock_mono_ms() + budget_ms;

    for (size_t i = 0; i < BLOB_SHARDS && (i == 0 || clock_mono_ms() < until); i++) {
        b->usage[b->next_shard] = count_shard(b->files_fd, b->next_shard);
        b->next_shard = (b->next_shard + 1) % BLOB_SHARDS;
        b->counted += b->counted < BLOB_SHARDS ? 1 : 0;
    }
    all.is_whole = b->counted == BLOB_SHARDS;
    for (size_t i = 0; i < BLOB_SHARDS; i++) {
        all.files += b->usage[i].files;
        all.bytes += b->usage[i].bytes;
    }
    return all;
}
