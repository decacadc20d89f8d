/* blob.c - files in a folder.
 *
 * Why a crash at any point leaves neither an orphan nor a missing file
 * ---------------------------------------------------------------------
 *
 * Three invariants, by the three places a name can be in:
 *
 *   (1) staging/tmp-…    belongs to a writer that lives. No row names it.
 *   (2) staging/HASH     whole and on the disk. A row may name it or not.
 *   (3) files/ab/HASH    whole and on the disk. A row of the store names HASH: an output,
 *                        or else the trash list.
 *
 * The life of a file, and what blob_recover finds after kill -9 behind each step:
 *
 *   write    tmp-… grows                    (1): removed; the job fetches it again
 *   stage    fsync(tmp-…), rename to HASH,
 *            fsync(staging)                 (2), no row: removed; likewise
 *   commit   the row that names HASH        (2), a row: published
 *   publish  rename to files/ab/HASH        (3)
 *   commit   the last row goes, and the
 *            trash list gets HASH           (3): the trash list still says what to do
 *   remove   unlink files/ab/HASH           the trash list names a file that is gone: harmless
 *   commit   HASH leaves the trash list     nothing is left
 *
 * rename is atomic, so no name is ever in neither place, and the fsyncs come before the commit that
 * relies on them, so no row names bytes that a loss of power could take. Publishing and removing
 * are not synced: they are on the engine thread, and need not be. A rename that a loss of power
 * undoes leaves (2) with a row, which is published at the next start. An unlink that it undoes
 * after the trash list has forgotten it leaves a file without a row; it costs its space and nothing
 * else.
 *
 * The same content twice
 * ----------------------
 *
 * Two jobs may make the same bytes, and one of them may be removed while the other is about to be
 * committed. Hence the holds: blob_stage counts who relies on a content, from before it looks
 * for an existing copy until publish or unstage; all three and blob_remove exclude each other. When
 * blob_remove meets a hold, it takes the file from (3) back to (2) rather than away, where either
 * the holder publishes it again, or the last one to let go removes it, or, after a crash,
 * blob_recover does. The store for its part never gives a hash from its trash list that a
 * row names, and the caller removes before it commits anything else; so (3) holds for removal too.
 *
 * Holds are in memory only: a crash ends all holders.
 */
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/blob_parts.h"

#define TMP_PREFIX "tmp-"

struct hold {
    int count;
};

struct blob_writer {
    struct blobs *blobs;
    int fd;
    char tmp_name[BLOB_TMP_SIZE];
    struct sha256 hash;
    int64_t written;
};

/* ---- names ----------------------------------------------------------------------------------- */

/* What comes from a request or from ComfyUI becomes part of a path only if this says so. */
bool blob_is_hash(const char *text)
{
    return text != NULL && strspn(text, "0123456789abcdef") == BLOB_HASH_LEN &&
           text[BLOB_HASH_LEN] == '\0';
}

struct shard_path blob_shard_path(const char *sha256)
{
    struct shard_path path;

    (void)snprintf(path.text, sizeof path.text, "%.2s/%s", sha256, sha256);
    return path;
}

static bool exists(int dir_fd, const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static bool is_full(int cause)
{
    return cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
}

/* `cause` is an errno. The sentence may reach a client: it names no path. */
static enum errc failed(struct err *e, int cause, const char *doing)
{
    if (is_full(cause)) {
        return err_set(e, ERR_INSUFFICIENT_STORAGE, "The disk for files is full.");
    }
    errno = cause;
    return err_set(e, ERR_INTERNAL_ERROR, "A file could not be stored: %s: %m.", doing);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Makes and opens a folder below dir_fd. */
static int open_folder(int dir_fd, const char *name)
{
    if (mkdirat(dir_fd, name, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* All at once and once only, so that publishing never makes a folder. */
static bool make_shards(int files_fd)
{
    for (unsigned i = 0; i < BLOB_SHARDS; i++) {
        char name[3];

        (void)snprintf(name, sizeof name, "%02x", i);
        if (mkdirat(files_fd, name, 0700) != 0 && errno != EEXIST) {
            return false;
        }
    }
    return fsync(files_fd) == 0;
}

static void free_hold(void *arg, const char *key, void *value)
{
    (void)arg;
    (void)key;
    free(value);
}

void blobs_close(struct blobs *b)
{
    if (b == NULL) {
        return;
    }
    blob_remote_close(b->remote);
    map_each(b->holds, free_hold, NULL);
    map_free(b->holds);
    (void)pthread_mutex_destroy(&b->lock);
    file_close(&b->files_fd);
    file_close(&b->staging_fd);
    free(b);
}

static void close_ptr(struct blobs **b)
{
    blobs_close(*b);
}

enum errc blobs_open(const char *dir, struct blobs **out, struct err *e)
{
    AUTO(close_ptr) struct blobs *b = xcalloc(1, sizeof *b);
    AUTO(file_close) int dir_fd = -1;

    b->files_fd = -1;
    b->staging_fd = -1;
    b->holds = map_new();
    (void)pthread_mutex_init(&b->lock, NULL);
    if (file_make_dirs(dir)) {
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (dir_fd >= 0) {
        b->files_fd = open_folder(dir_fd, "files");
    }
    if (b->files_fd >= 0) {
        b->staging_fd = open_folder(dir_fd, "staging");
    }
    if (b->staging_fd < 0 || !make_shards(b->files_fd) || fsync(dir_fd) != 0) {
        return err_set(e, is_full(errno) ? ERR_INSUFFICIENT_STORAGE : ERR_INTERNAL_ERROR,
                       "The folder %s for files cannot be used: %m.", dir);
    }
    *out = take_ptr(&b);
    return ERR_NONE;
}

int64_t blobs_free_bytes(const struct blobs *b)
{
    struct statvfs fs;

    if (fstatvfs(b->files_fd, &fs) != 0) {
        return -1;
    }
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}

/* ---- holds: under the lock ------------------------------------------------------------------- */

static void hold(struct blobs *b, const char *sha256)
{
    struct hold *h = map_get(b->holds, sha256);

    if (h == NULL) {
        h = xcalloc(1, sizeof *h);
        map_put(b->holds, sha256, h);
    }
    h->count++;
}

/* Tells whether anybody is left who holds it. */
static bool let_go(struct blobs *b, const char *sha256)
{
    struct hold *h = map_get(b->holds, sha256);

    if (h == NULL) {
        return false;
    }
    if (--h->count > 0) {
        return true;
    }
    free(map_remove(b->holds, sha256));
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

int blob_tmp_open(const struct blobs *b, char name[BLOB_TMP_SIZE])
{
    (void)snprintf(name, BLOB_TMP_SIZE, TMP_PREFIX "%s", id_random().text);
    return openat(b->staging_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum errc blob_write_begin(struct blobs *b, struct blob_writer **out, struct err *e)
{
    struct blob_writer *w = xcalloc(1, sizeof *w);

    w->blobs = b;
    w->fd = blob_tmp_open(b, w->tmp_name);
    if (w->fd < 0) {
        int cause = errno;

        free(w);
        return failed(e, cause, "open");
    }
    sha256_init(&w->hash);
    *out = w;
    return ERR_NONE;
}

enum errc blob_write(struct blob_writer *w, struct span data, struct err *e)
{
    size_t done = 0;

    while (done < data.len) {
        ssize_t n = write(w->fd, data.ptr + done, data.len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed(e, errno, "write");
        }
        done += (size_t)n;
    }
    sha256_update(&w->hash, data.ptr, data.len);
    w->written += (int64_t)data.len;
    return ERR_NONE;
}

int64_t blob_written(const struct blob_writer *w)
{
    return w->written;
}

size_t blob_read_at(const struct blob_writer *w, int64_t offset, void *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(w->fd, (char *)buf + done, len - done, offset + (int64_t)done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return done;
}

void blob_abort(struct blob_writer *w)
{
    if (w == NULL) {
        return;
    }
    (void)unlinkat(w->blobs->staging_fd, w->tmp_name, 0);
    file_close(&w->fd);
    free(w);
}

static void abort_ptr(struct blob_writer **w)
{
    blob_abort(*w);
}

/* ---- staging --------------------------------------------------------------------------------- */

/* Gives the bytes of w their name, unless a file has it already; holds them. False with errno. */
static bool name_and_hold(struct blob_writer *w, const char *sha256, bool *is_published)
{
    struct blobs *b = w->blobs;
    bool is_named = true;

    (void)pthread_mutex_lock(&b->lock);
    *is_published = exists(b->files_fd, blob_shard_path(sha256).text);
    if (!*is_published && !exists(b->staging_fd, sha256)) {
        is_named = renameat(b->staging_fd, w->tmp_name, b->staging_fd, sha256) == 0;
    }
    if (is_named) {
        hold(b, sha256);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return is_named;
}

enum errc blob_stage(struct blob_writer *w, char out_sha256[65], struct err *e)
{
    AUTO(abort_ptr) struct blob_writer *writer = w; /* also removes a tmp-… that was not needed */
    struct blobs *b = writer->blobs;
    char sha256[SHA256_TEXT_SIZE];
    bool is_published = false;

    sha256_final_hex(&writer->hash, sha256);
    if (fsync(writer->fd) != 0) {
        return failed(e, errno, "fsync");
    }
    if (!name_and_hold(writer, sha256, &is_published)) {
        return failed(e, errno, "rename");
    }
    /* Also when the staged name was there: whoever made it may not have come to this line yet. A
     * published one was staged before, that is, by somebody who has. */
    if (!is_published && fsync(b->staging_fd) != 0) {
        int cause = errno;

        blob_unstage(b, sha256);
        return failed(e, cause, "fsync of the folder");
    }
    memcpy(out_sha256, sha256, sizeof sha256);
    return ERR_NONE;
}

/* ---- from one place to another --------------------------------------------------------------- */

/* Under the lock, or before there are other threads. A copy that is published already stays as it
 * is, for it may be open. */
static void publish(struct blobs *b, const char *sha256)
{
    struct shard_path path = blob_shard_path(sha256);

    if (exists(b->files_fd, path.text)) {
        (void)unlinkat(b->staging_fd, sha256, 0);
    } else {
        (void)renameat(b->staging_fd, sha256, b->files_fd, path.text);
    }
}

void blob_publish(struct blobs *b, const char *sha256)
{
    if (!blob_is_hash(sha256)) {
        return;
    }
    (void)pthread_mutex_lock(&b->lock);
    (void)let_go(b, sha256);
    publish(b, sha256);
    (void)pthread_mutex_unlock(&b->lock);
    if (b->remote != NULL) {
        blob_remote_grown(b->remote);
    }
}

void blob_unstage(struct blobs *b, const char *sha256)
{
    if (!blob_is_hash(sha256)) {
        return;
    }
    (void)pthread_mutex_lock(&b->lock);
    if (!let_go(b, sha256)) {
        (void)unlinkat(b->staging_fd, sha256, 0);
    }
    (void)pthread_mutex_unlock(&b->lock);
}

void blob_remove(struct blobs *b, const char *sha256)
{
    struct shard_path path;

    if (!blob_is_hash(sha256)) {
        return;
    }
    path = blob_shard_path(sha256);
    (void)pthread_mutex_lock(&b->lock);
    if (map_get(b->holds, sha256) != NULL) {
        (void)renameat(b->files_fd, path.text, b->staging_fd, sha256);
    } else {
        (void)unlinkat(b->files_fd, path.text, 0);
        (void)unlinkat(b->staging_fd, sha256, 0);
        if (b->remote != NULL) {
            blob_remote_remove(b->remote, sha256);
        }
    }
    (void)pthread_mutex_unlock(&b->lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int open_either(const struct blobs *b, const char *sha256)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(b->files_fd, blob_shard_path(sha256).text, flags);

    if (fd < 0 && errno == ENOENT) {
        fd = openat(b->staging_fd, sha256, flags);
    }
    return fd < 0 && errno == ENOENT && b->remote != NULL ? blob_remote_open_old(b->remote, sha256)
                                                          : fd;
}

enum errc blob_open(struct blobs *b, const char *sha256, int *out_fd, int64_t *out_size)
{
    struct stat st;
    int fd = -1;

    if (!blob_is_hash(sha256)) {
        return ERR_NOT_FOUND;
    }
    fd = open_either(b, sha256);
    if (fd < 0 && errno == ENOENT) {
        /* It may have moved between the two looks: once more while nothing moves. */
        (void)pthread_mutex_lock(&b->lock);
        fd = open_either(b, sha256);
        (void)pthread_mutex_unlock(&b->lock);
    }
    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL_ERROR;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        file_close(&fd);
        return ERR_INTERNAL_ERROR;
    }
    if (b->remote != NULL) {
        blob_remote_touch(fd);
    }
    *out_fd = fd;
    *out_size = st.st_size;
    return ERR_NONE;
}

/* ---- after a crash --------------------------------------------------------------------------- */

void blob_recover(struct blobs *b, bool (*is_used)(void *arg, const char *sha256), void *arg)
{
    /* A descriptor of its own: closedir closes it. */
    int fd = openat(b->staging_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;

    if (dir == NULL) {
        file_close(&fd);
        return;
    }
    /* Names that are neither are nobody's business here. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of this thread's own */
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (blob_is_hash(name) && is_used(arg, name)) {
            publish(b, name);
        } else if (blob_is_hash(name) || strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX)) == 0) {
            (void)unlinkat(b->staging_fd, name, 0);
        }
    }
    (void)closedir(dir);
}
