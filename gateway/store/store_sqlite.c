/* store_sqlite.c - the SQLite store: opening, handles, health.
 *
 * One file in WAL mode. The store keeps a connection of its own (the keeper), so
 * that the WAL is not folded in and removed each time a last handle closes, and
 * so that readers, which cannot make one, always find it.
 *
 * SQLite lets several processes write to one file, the gateway does not: two
 * engines would both feed the queue to ComfyUI. The writer holds a lock on
 * PATH-lock, which the kernel gives back however the process ends. It is a file of its own
 * because closing any descriptor of the database drops SQLite's locks on it.
 */
#include "store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* Below this the disk counts as full: a commit that fails half-way through a WAL is survived, but
 * the rest of the machine may not take it as well. */
#define FREE_BYTES_MIN ((uint64_t)64 * 1024 * 1024)

#define WAL_TRIES    100
#define WAL_PAUSE_US 20000

/* ---- the store ------------------------------------------------------------------------------- */

/* The folder of path, "." when it names none. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return xstrdup(".");
    }
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* Makes the folder and an empty file that only this user reads; SQLite gives the files beside it
 * the same mode. Never opens a file that is there: closing it would drop locks (see the head). */
static enum errc make_file(const char *path, struct err *e)
{
    AUTO(free_ptr) char *folder = folder_of(path);
    AUTO(file_close) int fd = -1;

    if (!file_make_dirs(folder)) {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The folder %s of the database cannot be made: %m.", folder);
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "The database %s cannot be made: %m.", path);
    }
    return ERR_NONE;
}

/* SQLITE_OK when the file is in WAL mode; SQLITE_DONE when it cannot be. */
static int try_wal(struct handle *h)
{
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    errno = 0;
    rc = sqlite3_prepare_v2(h->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW) {
        rc = strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") == 0 ? SQLITE_OK
                                                                            : SQLITE_DONE;
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

static enum st set_wal(struct handle *h)
{
    int rc = try_wal(h);

    /* SQLite does not wait by itself here when somebody else opens the same new file. */
    for (int i = 0; i < WAL_TRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        (void)usleep(WAL_PAUSE_US);
        rc = try_wal(h);
    }
    if (rc == SQLITE_DONE) {
        store_reason_set(
            "the file system does not allow SQLite's WAL mode (is it a network share?)");
        return ST_FAIL;
    }
    return rc == SQLITE_OK ? ST_OK : sqlite_failed(h->db, rc, "switching to WAL mode");
}

static enum errc open_store(const char *path, struct store **out, struct err *e)
{
    struct sqlite_store *s = NULL;
    struct handle keeper = {0};
    enum errc errc = ERR_NONE;
    enum st st = ST_OK;

    if (path[0] == '\0' || path[0] == ':') {
        return err_set(e, ERR_STORE_UNAVAILABLE,
                       "The database URL \"sqlite:%s\" names no file; \"sqlite:PATH\" does.", path);
    }
    errc = make_file(path, e);
    if (errc != ERR_NONE) {
        return errc;
    }
    st = handle_open(&keeper, path, SQLITE_OPEN_READWRITE);
    if (st == ST_OK) {
        st = set_wal(&keeper);
    }
    if (st == ST_OK) {
        errc = sqlite_migrate(&keeper, path, e);
    } else {
        errc = err_set(e, st == ST_FULL ? ERR_INSUFFICIENT_STORAGE : ERR_STORE_UNAVAILABLE,
                       "The database %s cannot be opened: %s.", path, store_reason());
    }
    if (errc != ERR_NONE) {
        handle_close(&keeper);
        return errc;
    }
    s = xcalloc(1, sizeof *s);
    s->base.ops = &store_sqlite_ops;
    s->path = xstrdup(path);
    s->keeper = keeper;
    *out = &s->base;
    return ERR_NONE;
}

static void close_store(struct store *base)
{
    struct sqlite_store *s = container_of(base, struct sqlite_store, base);

    handle_close(&s->keeper);
    free(s->path);
    free(s);
}

/* ---- handles --------------------------------------------------------------------------------- */

static enum st lock_writer(const char *path, int *out_fd)
{
    AUTO(free_ptr) char *lock_path = xasprintf("%s-lock", path);
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum st st = ST_OK;

    if (fd < 0) {
        st = errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_FAIL;
        store_reason_set("%s cannot be opened: %m", lock_path);
        return st;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        store_reason_set("another gateway uses this database (%s is locked)", lock_path);
        file_close(&fd);
        return ST_FAIL;
    }
    *out_fd = fd;
    return st;
}

/* Takes the lock; -1 = without one. */
static enum st new_writer(struct store *base, int lock_fd, struct store_writer **out)
{
    const struct sqlite_store *s = container_of(base, struct sqlite_store, base);
    struct handle h = {0};
    struct sqlite_writer *w = NULL;
    enum st st = handle_open(&h, s->path, SQLITE_OPEN_READWRITE);

    if (st != ST_OK) {
        file_close(&lock_fd);
        return st;
    }
    w = xcalloc(1, sizeof *w);
    w->base.ops = &store_sqlite_ops;
    w->h = h;
    w->lock_fd = lock_fd;
    *out = &w->base;
    return ST_OK;
}

static enum st open_writer(struct store *base, struct store_writer **out)
{
    const struct sqlite_store *s = container_of(base, struct sqlite_store, base);
    int lock_fd = -1;
    enum st st = lock_writer(s->path, &lock_fd);

    return st == ST_OK ? new_writer(base, lock_fd, out) : st;
}

static enum st open_keys_writer(struct store *base, struct store_writer **out)
{
    return new_writer(base, -1, out);
}

static void close_writer(struct store_writer *base)
{
    struct sqlite_writer *w = container_of(base, struct sqlite_writer, base);

    sqlite_rollback(base);
    handle_close(&w->h);
    file_close(&w->lock_fd);
    free(w);
}

static enum st open_reader(struct store *base, struct store_reader **out)
{
    const struct sqlite_store *s = container_of(base, struct sqlite_store, base);
    struct handle h = {0};
    struct sqlite_reader *r = NULL;
    enum st st = handle_open(&h, s->path, SQLITE_OPEN_READONLY);

    if (st != ST_OK) {
        return st;
    }
    r = xcalloc(1, sizeof *r);
    r->base.ops = &store_sqlite_ops;
    r->h = h;
    r->path = xstrdup(s->path);
    *out = &r->base;
    return ST_OK;
}

static void close_reader(struct store_reader *base)
{
    struct sqlite_reader *r = container_of(base, struct sqlite_reader, base);

    handle_close(&r->h);
    free(r->path);
    free(r);
}

/* ---- health ---------------------------------------------------------------------------------- */

static enum st probe(struct handle *h)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_PROBE);
    enum st st = query_step(&q);

    if (st == ST_NONE) {
        store_reason_set("the database has lost its schema");
        return ST_FAIL;
    }
    return st;
}

static enum st health(struct store_reader *base)
{
    struct sqlite_reader *r = container_of(base, struct sqlite_reader, base);
    struct statvfs fs = {0};
    enum st st = probe(&r->h);

    if (st != ST_OK) {
        return st;
    }
    if (access(r->path, R_OK | W_OK) != 0 || statvfs(r->path, &fs) != 0) {
        store_reason_set("%s cannot be written: %m", r->path);
        return ST_FAIL;
    }
    if ((uint64_t)fs.f_bavail * fs.f_frsize < FREE_BYTES_MIN) {
        store_reason_set("less than %d MiB are free where %s lies",
                         (int)(FREE_BYTES_MIN / 1024 / 1024), r->path);
        return ST_FULL;
    }
    return ST_OK;
}

static int64_t size_bytes(struct store *base)
{
    static const char *const FILES[] = {"", "-wal", "-shm"};
    const struct sqlite_store *s = container_of(base, struct sqlite_store, base);
    int64_t total = 0;

    for (size_t i = 0; i < COUNT_OF(FILES); i++) {
        AUTO(free_ptr) char *path = xasprintf("%s%s", s->path, FILES[i]);
        struct stat info;

        if (stat(path, &info) == 0) {
            total += info.st_size;
        } else if (i == 0) {
            return -1;
        }
    }
    return total;
}

const struct store_ops store_sqlite_ops = {
    .scheme = "sqlite:",
    .open = open_store,
    .close = close_store,
    .size_bytes = size_bytes,
    .writer_open = open_writer,
    .writer_close = close_writer,
    .keys_writer_open = open_keys_writer,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .changes = sqlite_changes,
    .job_insert = sqlite_job_insert,
    .job_save = sqlite_job_save,
    .job_delete = sqlite_job_delete,
    .writer_job = sqlite_writer_job,
    .writer_graph = sqlite_writer_graph,
    .output_insert = sqlite_output_insert,
    .waiting = sqlite_waiting,
    .in_flight = sqlite_in_flight,
    .overdue = sqlite_overdue,
    .next_deadline = sqlite_next_deadline,
    .idempotency_purge = sqlite_idempotency_purge,
    .trash = sqlite_trash,
    .trash_done = sqlite_trash_done,
    .file_is_used = sqlite_file_is_used,
    .writer_files = sqlite_writer_files,
    .preference_put = sqlite_preference_put,
    .preference_delete = sqlite_preference_delete,
    .writer_preference = sqlite_writer_preference,
    .preference = sqlite_preference,
    .hold_put = sqlite_hold_put,
    .hold_remove = sqlite_hold_remove,
    .holds = sqlite_holds,
    .preferences = sqlite_preferences,
    .key_insert = sqlite_key_insert,
    .key_revoke = sqlite_key_revoke,
    .key_used = sqlite_key_used,
    .keys_active = sqlite_keys_active,
    .asset_insert = sqlite_asset_insert,
    .asset_delete = sqlite_asset_delete,
    .jobs_expire = sqlite_jobs_expire,
    .outputs_expire = sqlite_outputs_expire,
    .outputs_delete = sqlite_outputs_delete,
    .assets_expire = sqlite_assets_expire,
    .event_insert = sqlite_event_insert,
    .events_expire = sqlite_events_expire,
    .events_range = sqlite_events_range,
    .delivery_insert = sqlite_delivery_insert,
    .delivery_result = sqlite_delivery_result,
    .delivery_again = sqlite_delivery_again,
    .deliveries_expire = sqlite_deliveries_expire,
    .reader_open = open_reader,
    .reader_close = close_reader,
    .job = sqlite_job,
    .idempotency = sqlite_idempotency,
    .graph = sqlite_graph,
    .outputs = sqlite_outputs,
    .output = sqlite_output,
    .jobs = sqlite_jobs,
    .asset = sqlite_asset,
    .asset_by_file = sqlite_asset_by_file,
    .output_list = sqlite_output_list,
    .events = sqlite_events,
    .deliveries_host = sqlite_deliveries_host,
    .deliveries_due = sqlite_deliveries_due,
    .deliveries_pending = sqlite_deliveries_pending,
    .deliveries = sqlite_deliveries,
    .ended = sqlite_ended,
    .in_flight_counts = sqlite_in_flight_counts,
    .open_counts = sqlite_open_counts,
    .owns = sqlite_owns,
    .key_by_hash = sqlite_key_by_hash,
    .key_by_name = sqlite_key_by_name,
    .key = sqlite_key,
    .keys = sqlite_keys,
    .health = health,
};
