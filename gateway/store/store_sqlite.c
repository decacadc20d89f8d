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
static int try_wal(struct sqlite_handle *h)
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

static enum st set_wal(struct sqlite_handle *h)
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

static enum errc open_store(const char *url, struct store **out, struct err *e)
{
    const char *path = url + strlen("sqlite:");
    struct sqlite_store *s = NULL;
    struct sqlite_handle keeper = {0};
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
    st = sqlite_connect(&keeper, path, SQLITE_OPEN_READWRITE);
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
        sqlite_disconnect(&keeper);
        return errc;
    }
    s = xcalloc(1, sizeof *s);
    s->base.driver = &store_sqlite_driver;
    s->path = xstrdup(path);
    s->keeper = keeper;
    *out = &s->base;
    return ERR_NONE;
}

static void close_store(struct store *base)
{
    struct sqlite_store *s = container_of(base, struct sqlite_store, base);

    sqlite_disconnect(&s->keeper);
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

static enum st open_handle(struct store *base, enum handle_use use, struct handle **out)
{
    const struct sqlite_store *s = container_of(base, struct sqlite_store, base);
    struct sqlite_handle fresh = {.lock_fd = -1};
    struct sqlite_handle *h = NULL;
    int lock_fd = -1;
    enum st st = use == HANDLE_WRITES ? lock_writer(s->path, &lock_fd) : ST_OK;

    if (st == ST_OK) {
        st = sqlite_connect(&fresh, s->path,
                            use == HANDLE_READS ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    }
    if (st != ST_OK) {
        file_close(&lock_fd);
        return st;
    }
    h = xmalloc(sizeof *h);
    *h = fresh;
    h->lock_fd = lock_fd;
    h->path = s->path;
    *out = &h->base;
    return ST_OK;
}

static void close_handle(struct handle *base)
{
    struct sqlite_handle *h = sqlite_handle_of(base);
    int lock_fd = h->lock_fd;

    sqlite_disconnect(h);
    file_close(&lock_fd);
    free(h);
}

/* ---- the transaction ------------------------------------------------------------------------- */

static enum st begin(struct handle *h)
{
    return run_plain(h, SQL_BEGIN);
}

static enum st commit(struct handle *h)
{
    return run_plain(h, SQL_COMMIT);
}

static void rollback(struct handle *h)
{
    if (sqlite3_get_autocommit(sqlite_handle_of(h)->db) == 0) {
        AUTO(query_end) struct query q = query_begin(h, SQL_ROLLBACK);

        (void)sqlite3_step(q.stmt); /* cannot fail, and must not replace the reason */
    }
}

static int64_t changes(struct handle *h)
{
    return sqlite3_changes64(sqlite_handle_of(h)->db);
}

static int64_t all_changes(struct handle *h)
{
    return sqlite3_total_changes64(sqlite_handle_of(h)->db);
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

static enum st health(struct handle *base)
{
    const struct sqlite_handle *h = sqlite_handle_of(base);
    struct statvfs fs = {0};
    enum st st = probe(base);

    if (st != ST_OK) {
        return st;
    }
    if (access(h->path, R_OK | W_OK) != 0 || statvfs(h->path, &fs) != 0) {
        store_reason_set("%s cannot be written: %m", h->path);
        return ST_FAIL;
    }
    if ((uint64_t)fs.f_bavail * fs.f_frsize < FREE_BYTES_MIN) {
        store_reason_set("less than %d MiB are free where %s lies",
                         (int)(FREE_BYTES_MIN / 1024 / 1024), h->path);
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

const struct sql_driver store_sqlite_driver = {
    .examine = sqlite_examine,
    .open = open_store,
    .close = close_store,
    .size_bytes = size_bytes,
    .handle_open = open_handle,
    .handle_close = close_handle,
    .health = health,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .changes = changes,
    .all_changes = all_changes,
    .prepare = sqlite_prepare,
    .prepare_text = sqlite_prepare_text,
    .finish = sqlite_finish,
    .step = sqlite_step,
    .run = sqlite_run,
    .bind_str = sqlite_bind_str,
    .bind_bytes = sqlite_bind_bytes,
    .bind_int64 = sqlite_bind_int64,
    .is_null = sqlite_is_null,
    .column_span = sqlite_column_span,
    .column_int64 = sqlite_column_int64,
    .column_kind = sqlite_column_kind,
    .column_count = sqlite_column_count,
    .column_name = sqlite_column_name,
};
