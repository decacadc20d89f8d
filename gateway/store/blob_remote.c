/* blob_remote.c - files in an S3 bucket, and a folder that is their cache.
 *
 * What blob.c says of (1), (2) and (3) holds, with one more place:
 *
 *   (4) the bucket     whole. A row names it, or it is about to, or nobody does: then it is removed, at once
 *                      when the trash list says so, else by the sweep, when it has been there for long.
 *
 * blob_store comes between stage and commit, so what a row names is in (4). What is in (3) is also in (4), and
 * may be removed from (3) at any time; blob_fetch brings it back. After kill -9 blob_recover settles (2) as
 * ever; what was in (4) without a row is the sweep's.
 *
 * One content, one thing at a time: bringing, fetching and removing it exclude each other (`busy`). To bring a file
 * takes it off the list of those to remove, and one that is held is not removed. The sweep only doubts; who
 * commits asks the store and removes, so no commit comes between.
 *
 * The thread removes, sweeps, looks whether the bucket answers, and keeps the folder small.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/blob_cache.h"
#include "store/blob_parts.h"
#include "store/s3_client.h"

#define TURN_MS    500
#define PROBE_MS   5000
#define TOUCH_SECS 60
#define REASON_MAX 320

struct removal {
    struct list node;
    char sha256[BLOB_HASH_LEN + 1];
};

struct blob_remote {
    struct blobs *blobs;
    struct s3_client *s3;
    struct blob_storage settings; /* its texts are not ours */
    int old_fd;                   /* files of before; -1 = none */
    struct s3_place link_place;   /* for who is sent there */
    pthread_t thread;
    bool has_thread;

    /* Under blobs->lock: */
    pthread_cond_t settled; /* something is not busy any more */
    pthread_cond_t more;    /* for the thread */
    struct map *busy;       /* hash -> not NULL */
    struct list removals;
    struct map *removal_of; /* hash -> struct removal */
    struct s3_page *doubts; /* those from doubt_at on are to be looked at */
    int doubt_at;
    bool is_ending;
    char reason[REASON_MAX]; /* why the bucket cannot be used; "" = it can */

    /* The thread's: */
    int64_t probe_mono_ms;
    int64_t sweep_mono_ms;
    char sweep_after[BLOB_HASH_LEN + 1];
    atomic_bool is_grown; /* the folder has been added to */
};

/* ---- under the lock ------------------------------------------------------------------------------ */

static void lock(struct blob_remote *r)
{
    (void)pthread_mutex_lock(&r->blobs->lock);
}

static void unlock(struct blob_remote *r)
{
    (void)pthread_mutex_unlock(&r->blobs->lock);
}

static void become_busy(struct blob_remote *r, const char *sha256)
{
    while (map_get(r->busy, sha256) != NULL) {
        (void)pthread_cond_wait(&r->settled, &r->blobs->lock);
    }
    map_put(r->busy, sha256, r);
}

static void settle(struct blob_remote *r, const char *sha256)
{
    (void)map_remove(r->busy, sha256);
    (void)pthread_cond_broadcast(&r->settled);
}

static void forget_removal(struct blob_remote *r, const char *sha256)
{
    struct removal *removal = map_remove(r->removal_of, sha256);

    if (removal != NULL) {
        list_remove(&removal->node);
        free(removal);
    }
}

void blob_remote_remove(struct blob_remote *r, const char *sha256)
{
    struct removal *removal = NULL;

    if (r->old_fd >= 0) {
        (void)unlinkat(r->old_fd, blob_shard_path(sha256).text, 0);
    }
    if (map_get(r->removal_of, sha256) != NULL) {
        return;
    }
    removal = xcalloc(1, sizeof *removal);
    memcpy(removal->sha256, sha256, sizeof removal->sha256);
    list_push(&r->removals, &removal->node);
    map_put(r->removal_of, sha256, removal);
    (void)pthread_cond_signal(&r->more);
}

/* What a request has told about the bucket. */
static void note(struct blob_remote *r, enum errc rc, const struct err *e)
{
    const char *reason =
        rc == ERR_STORAGE_UNAVAILABLE || rc == ERR_INSUFFICIENT_STORAGE ? e->detail : "";
    bool was_well = false;
    bool is_well = reason[0] == '\0';

    if (rc == ERR_INTERNAL_ERROR) {
        return; /* our own disk */
    }
    lock(r);
    was_well = r->reason[0] == '\0';
    (void)snprintf(r->reason, sizeof r->reason, "%s", reason);
    unlock(r);
    if (was_well && !is_well) {
        log_warn("storage_lost", LOG_S("reason", reason));
    } else if (!was_well && is_well) {
        log_info("storage_found");
    }
}

bool blobs_are_reachable(struct blobs *b, char *reason, size_t size)
{
    bool is_well = true;

    if (b->remote != NULL) {
        lock(b->remote);
        is_well = b->remote->reason[0] == '\0';
        if (!is_well) {
            (void)snprintf(reason, size, "%s", b->remote->reason);
        }
        unlock(b->remote);
    }
    return is_well;
}

/* ---- bringing and fetching ----------------------------------------------------------------------- */

static enum errc put(struct blob_remote *r, const char *sha256, struct err *e)
{
    AUTO(file_close) int fd = -1;
    int64_t size = 0;

    if (blob_open(r->blobs, sha256, &fd, &size) != ERR_NONE) {
        return err_set(e, ERR_INTERNAL_ERROR, "A file that was stored cannot be read.");
    }
    return s3_client_put(r->s3, sha256, fd, size, e);
}

enum errc blob_store(struct blobs *b, const char *sha256, struct err *e)
{
    struct blob_remote *r = b->remote;
    struct err own = ERR_INIT;
    enum errc rc = ERR_NONE;

    if (r == NULL) {
        return ERR_NONE;
    }
    lock(r);
    become_busy(r, sha256);
    forget_removal(r, sha256);
    unlock(r);
    rc = put(r, sha256, &own);
    lock(r);
    settle(r, sha256);
    unlock(r);
    note(r, rc, &own);
    atomic_store(&r->is_grown, true);
    return rc == ERR_NONE ? ERR_NONE : err_set(e, rc, "%s", own.detail);
}

bool blobs_can_fetch(const struct blobs *b)
{
    return b->remote != NULL;
}

static bool is_here(struct blobs *b, const char *sha256)
{
    AUTO(file_close) int fd = -1;
    int64_t size = 0;

    return blob_open(b, sha256, &fd, &size) == ERR_NONE;
}

/* Nobody relies on the name before the bytes are there, also after a loss of power. */
static enum errc get(struct blob_remote *r, const char *sha256, struct err *e)
{
    const struct blobs *b = r->blobs;
    AUTO(file_close) int fd = -1;
    char name[BLOB_TMP_SIZE];
    enum errc rc = ERR_NONE;

    fd = blob_tmp_open(b, name);
    if (fd < 0) {
        return err_set(e, errno == ENOSPC ? ERR_INSUFFICIENT_STORAGE : ERR_INTERNAL_ERROR,
                       "The disk has no room for a file that is kept elsewhere.");
    }
    rc = s3_client_get(r->s3, sha256, fd, e);
    if (rc == ERR_NONE && (fsync(fd) != 0 || renameat(b->staging_fd, name, b->files_fd,
                                                      blob_shard_path(sha256).text) != 0)) {
        rc = err_set(e, ERR_INTERNAL_ERROR, "A file could not be copied on the disk.");
    }
    if (rc != ERR_NONE) {
        (void)unlinkat(b->staging_fd, name, 0);
    }
    return rc;
}

enum errc blob_fetch(struct blobs *b, const char *sha256, struct err *e)
{
    struct blob_remote *r = b->remote;
    struct err own = ERR_INIT;
    enum errc rc = ERR_NONE;

    if (r == NULL || !blob_is_hash(sha256)) {
        return ERR_NOT_FOUND;
    }
    lock(r);
    become_busy(r, sha256);
    unlock(r);
    /* Whoever was busy with it may have fetched it. */
    rc = is_here(b, sha256) ? ERR_NONE : get(r, sha256, &own);
    lock(r);
    settle(r, sha256);
    unlock(r);
    note(r, rc, &own);
    atomic_store(&r->is_grown, true);
    return rc == ERR_NONE ? ERR_NONE : err_set(e, rc, "%s", own.detail);
}

/* ---- reading --------------------------------------------------------------------------------------- */

void blob_remote_grown(struct blob_remote *r)
{
    atomic_store(&r->is_grown, true);
}

void blob_remote_touch(int fd)
{
    struct stat st;
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};

    if (fstat(fd, &st) == 0 && st.st_mtim.tv_sec + TOUCH_SECS < clock_wall_ms() / 1000) {
        (void)futimens(fd, now);
    }
}

int blob_remote_open_old(const struct blob_remote *r, const char *sha256)
{
    if (r->old_fd < 0) {
        errno = ENOENT;
        return -1;
    }
    return openat(r->old_fd, blob_shard_path(sha256).text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* What was kept before the storage is not in it. */
static bool is_old(const struct blob_remote *r, const char *sha256)
{
    return r->old_fd >= 0 && faccessat(r->old_fd, blob_shard_path(sha256).text, F_OK, 0) == 0;
}

bool blob_link(struct blobs *b, const char *sha256, const char *content_type,
               const char *disposition, struct buf *out)
{
    struct blob_remote *r = b->remote;
    char reason[REASON_MAX];
    struct s3_answer answer = {.content_type = content_type, .disposition = disposition};

    if (r == NULL || r->settings.link_seconds <= 0 || !blob_is_hash(sha256) || is_old(r, sha256) ||
        !blobs_are_reachable(b, reason, sizeof reason)) {
        return false;
    }
    answer.seconds = r->settings.link_seconds;
    return s3_client_link(r->s3, &r->link_place, sha256, &answer, out);
}

/* ---- the thread: removing --------------------------------------------------------------------------- */

/* The oldest that is to go. Under the lock. */
static bool next_removal(struct blob_remote *r, char out[BLOB_HASH_LEN + 1])
{
    while (!list_empty(&r->removals)) {
        const struct removal *removal = container_of(r->removals.next, struct removal, node);

        memcpy(out, removal->sha256, BLOB_HASH_LEN + 1);
        if (map_get(r->blobs->holds, out) == NULL) {
            return true;
        }
        forget_removal(r, out); /* who holds it is about to name it, or it is the sweep's */
    }
    return false;
}

/* False when there is none, or the bucket does not answer. */
static bool remove_one(struct blob_remote *r)
{
    char sha256[BLOB_HASH_LEN + 1];
    struct err e = ERR_INIT;
    enum errc rc = ERR_NONE;

    lock(r);
    if (r->is_ending || !next_removal(r, sha256)) {
        unlock(r);
        return false;
    }
    become_busy(r, sha256);
    /* It may have been brought again, or held, while we waited. */
    if (map_get(r->removal_of, sha256) == NULL || map_get(r->blobs->holds, sha256) != NULL) {
        settle(r, sha256);
        unlock(r);
        return true;
    }
    unlock(r);
    rc = s3_client_remove(r->s3, sha256, &e);
    lock(r);
    settle(r, sha256);
    if (rc == ERR_NONE) {
        forget_removal(r, sha256);
    }
    unlock(r);
    note(r, rc, &e);
    return rc == ERR_NONE;
}

/* ---- the thread: the sweep ----------------------------------------------------------------------------- */

void blobs_doubtful(struct blobs *b, int limit, void (*visit)(void *arg, const char *sha256),
                    void *arg)
{
    struct blob_remote *r = b->remote;
    char sha256[BLOB_HASH_LEN + 1];

    for (int i = 0; r != NULL && i < limit; i++) {
        bool has_one = false;

        lock(r);
        has_one = r->doubt_at < r->doubts->count;
        if (has_one) {
            memcpy(sha256, r->doubts->key[r->doubt_at++].sha256, sizeof sha256);
        }
        unlock(r);
        if (!has_one) {
            return;
        }
        visit(arg, sha256);
    }
}

/* What is younger may be about to be named. */
static void leave_out_young(const struct blob_remote *r, struct s3_page *page)
{
    int64_t before = clock_wall_ms() - r->settings.orphan_age_ms;
    int kept = 0;

    for (int i = 0; i < page->count; i++) {
        if (page->key[i].changed_at < before) {
            page->key[kept++] = page->key[i];
        }
    }
    page->count = kept;
}

/* One page, when that before it has been looked at. */
static void sweep(struct blob_remote *r, int64_t mono)
{
    AUTO(free_ptr) struct s3_page *page = NULL;
    struct err e = ERR_INIT;
    enum errc rc = ERR_NONE;
    bool is_looked_at = false;

    lock(r);
    is_looked_at = r->doubt_at >= r->doubts->count;
    unlock(r);
    if (!is_looked_at || mono < r->sweep_mono_ms) {
        return;
    }
    page = xcalloc(1, sizeof *page);
    rc = s3_client_list(r->s3, r->sweep_after, page, &e);
    note(r, rc, &e);
    if (rc != ERR_NONE) {
        r->sweep_mono_ms = mono + PROBE_MS;
        return;
    }
    if (page->has_more && page->count > 0) {
        memcpy(r->sweep_after, page->key[page->count - 1].sha256, sizeof r->sweep_after);
    } else {
        r->sweep_after[0] = '\0';
        r->sweep_mono_ms = mono + r->settings.sweep_ms;
    }
    leave_out_young(r, page);
    lock(r);
    *r->doubts = *page;
    r->doubt_at = 0;
    unlock(r);
}

/* ---- the thread ------------------------------------------------------------------------------------------ */

static void probe(struct blob_remote *r, int64_t mono)
{
    struct err e = ERR_INIT;

    if (mono >= r->probe_mono_ms) {
        r->probe_mono_ms = mono + PROBE_MS;
        note(r, s3_client_check(r->s3, &e), &e);
    }
}

/* False when it is to end. */
static bool pause_for_more(struct blob_remote *r)
{
    struct timespec until;
    bool goes_on = true;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TURN_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    lock(r);
    if (!r->is_ending) {
        (void)pthread_cond_timedwait(&r->more, &r->blobs->lock, &until);
    }
    goes_on = !r->is_ending;
    unlock(r);
    return goes_on;
}

static void *remote_main(void *arg)
{
    struct blob_remote *r = arg;

    while (pause_for_more(r)) {
        int64_t mono = clock_mono_ms();

        probe(r, mono);
        while (remove_one(r)) {
        }
        sweep(r, mono);
        if (atomic_exchange(&r->is_grown, false)) {
            blob_cache_trim(r->blobs->files_fd, r->settings.cache_bytes);
        }
    }
    return NULL;
}

static bool start_thread(struct blob_remote *r)
{
    sigset_t all;
    sigset_t before;

    /* Signals are main's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r->has_thread = pthread_create(&r->thread, NULL, remote_main, r) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r->has_thread;
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

void blobs_stop(struct blobs *b, int grace_ms)
{
    if (b->remote != NULL) {
        s3_client_stop(b->remote->s3, grace_ms);
    }
}

void blob_remote_close(struct blob_remote *r)
{
    struct list *node = NULL;

    if (r == NULL) {
        return;
    }
    lock(r);
    r->is_ending = true;
    (void)pthread_cond_signal(&r->more);
    unlock(r);
    if (r->has_thread) {
        s3_client_stop(r->s3, 0);
        (void)pthread_join(r->thread, NULL);
    }
    while ((node = list_shift(&r->removals)) != NULL) {
        free(container_of(node, struct removal, node));
    }
    (void)pthread_cond_destroy(&r->settled);
    (void)pthread_cond_destroy(&r->more);
    map_free(r->busy);
    map_free(r->removal_of);
    s3_client_free(r->s3);
    file_close(&r->old_fd);
    free(r->doubts);
    free(r);
}

static struct blob_remote *remote_new(struct blobs *b, const char *dir,
                                      const struct s3_place *place,
                                      const struct blob_storage *settings)
{
    struct blob_remote *r = xcalloc(1, sizeof *r);
    AUTO(free_ptr) char *old = xasprintf("%s/files", dir);

    r->blobs = b;
    r->settings = *settings;
    r->s3 = s3_client_new(place, settings->access_key, settings->secret_key);
    r->old_fd = open(old, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)pthread_cond_init(&r->settled, NULL);
    (void)pthread_cond_init(&r->more, NULL);
    r->busy = map_new();
    r->removal_of = map_new();
    list_init(&r->removals);
    r->doubts = xcalloc(1, sizeof *r->doubts);
    r->is_grown = true;
    r->sweep_mono_ms = clock_mono_ms() + settings->sweep_ms;
    r->probe_mono_ms = clock_mono_ms() + PROBE_MS;
    return r;
}

static void close_ptr(struct blobs **b)
{
    blobs_close(*b);
}

enum errc blobs_open_storage(const char *dir, const struct blob_storage *storage,
                             struct blobs **out, struct err *e)
{
    AUTO(close_ptr) struct blobs *b = NULL;
    AUTO(free_ptr) char *cache = xasprintf("%s/cache", dir);
    struct s3_place place;
    struct s3_place link_place;
    struct err why = ERR_INIT;
    enum errc rc = s3_place_parse(storage->url, &place, e);

    if (rc == ERR_NONE && (storage->access_key[0] == '\0' || storage->secret_key[0] == '\0')) {
        rc = err_set(e, ERR_INVALID_PARAMETER,
                     "storage_url: an access key and a secret key are needed: storage_access_key "
                     "and storage_secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    link_place = place;
    if (rc == ERR_NONE && storage->link_endpoint[0] != '\0') {
        rc = s3_place_parse_at(storage->url, storage->link_endpoint, &link_place, e);
    }
    rc = rc == ERR_NONE ? blobs_open(cache, &b, e) : rc;
    if (rc != ERR_NONE) {
        return rc;
    }
    b->remote = remote_new(b, dir, &place, storage);
    b->remote->link_place = link_place;
    rc = s3_client_check(b->remote->s3, &why);
    if (rc != ERR_NONE) {
        return err_set(e, rc, "Files cannot be kept in the bucket %s at %s: %s", place.bucket,
                       place.base, why.detail);
    }
    if (!start_thread(b->remote)) {
        return err_set(e, ERR_INTERNAL_ERROR, "No thread can be had for the storage of files.");
    }
    *out = take_ptr(&b);
    return ERR_NONE;
}
