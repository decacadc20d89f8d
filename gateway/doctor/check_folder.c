/* check_folder.c - the data folder: whose it is, on what it lies, what is free, whether it keeps what is written.
 *
 * Whether it can be written is tried with a file that has no name, so that nothing is left, however this ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doctor/checks.h"

/* Longest time after which a write is still taken for durable at a good pace. */
#define SLOW_MS 200
#define MIB     (1LL << 20)

/* Not all of them stand in <linux/magic.h>. */
#define CEPH_MAGIC 0x00c36400
#define FUSE_MAGIC 0x65735546

static const struct {
    unsigned long magic;
    enum mark mark;
    const char *what;
} file_systems[] = {
    {NFS_SUPER_MAGIC, MARK_WRONG, "a network share (NFS)"},
    {CIFS_SUPER_MAGIC, MARK_WRONG, "a network share (CIFS)"},
    {SMB_SUPER_MAGIC, MARK_WRONG, "a network share (SMB)"},
    {SMB2_SUPER_MAGIC, MARK_WRONG, "a network share (SMB)"},
    {CEPH_MAGIC, MARK_WRONG, "a network file system (Ceph)"},
    {AFS_SUPER_MAGIC, MARK_WRONG, "a network file system (AFS)"},
    {V9FS_MAGIC, MARK_WARNING, "a folder of the host (9p)"},
    {FUSE_MAGIC, MARK_WARNING, "a file system of FUSE"},
    {TMPFS_MAGIC, MARK_WARNING, "memory (tmpfs), and gone when the machine stops"},
    {RAMFS_MAGIC, MARK_WARNING, "memory (ramfs), and gone when the machine stops"},
    {OVERLAYFS_SUPER_MAGIC, MARK_WARNING,
     "the writable layer of a container, and gone with the container"},
};

static const char *user_name(uid_t uid, char out[64])
{
    char text[1024];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, text, sizeof text, &found) == 0 && found != NULL) {
        (void)snprintf(out, 64, "%s", entry.pw_name);
    } else {
        (void)snprintf(out, 64, "%u", (unsigned)uid);
    }
    return out;
}

/* ---- it is not there yet ----------------------------------------------------------------------- */

/* The nearest folder above that is there. */
static void check_above(struct doctor *d, const char *path)
{
    AUTO(free_ptr) char *above = xstrdup(path);
    struct stat st;

    do {
        char *slash = strrchr(above, '/');

        if (slash == above) {
            slash++;
        }
        if (slash == NULL) {
            above[0] = '.';
            slash = above + 1;
        }
        *slash = '\0';
    } while (stat(above, &st) != 0 && errno == ENOENT && strcmp(above, "/") != 0 &&
             strcmp(above, ".") != 0);
    if (access(above, W_OK | X_OK) == 0) {
        report_ok(&d->report, "%s is not there yet, and is made at the first start", path);
    } else {
        report_wrong(&d->report, "Make it, and give it to the user who runs the gateway.",
                     "%s is not there, and %s cannot be written by this user", path, above);
    }
}

/* ---- it is there ------------------------------------------------------------------------------- */

/* What root has made once, nobody else can open. */
static bool has_foreign_file(const char *folder, uid_t owner, char **out)
{
    static const char *const NAME[] = {"comfygate.db", "comfygate.db-wal", "comfygate.db-shm",
                                       "comfygate.db-lock", "files"};

    for (size_t i = 0; i < COUNT_OF(NAME); i++) {
        AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, NAME[i]);
        struct stat st;

        if (lstat(path, &st) == 0 && st.st_uid != owner) {
            *out = take_ptr(&path);
            return true;
        }
    }
    return false;
}

static bool check_owner(struct doctor *d, const char *path, const struct stat *st)
{
    AUTO(free_ptr) char *foreign = NULL;
    char owner[64];

    if (geteuid() != 0 && st->st_uid != geteuid()) {
        char self[64];

        report_wrong(&d->report, "Run as its owner, or give it to this user: chown -R USER FOLDER.",
                     "%s belongs to %s, and this user is %s", path, user_name(st->st_uid, owner),
                     user_name(geteuid(), self));
        return false;
    }
    if (has_foreign_file(path, st->st_uid, &foreign)) {
        report_wrong(
            &d->report, "It was made by another user, as by a start as root: chown -R USER FOLDER.",
            "%s does not belong to %s, as the folder does", foreign, user_name(st->st_uid, owner));
        return false;
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        report_wrong(&d->report, "Let its owner write there: chmod 700 FOLDER.",
                     "%s cannot be written: %m", path);
        return false;
    }
    if ((st->st_mode & 077) != 0) {
        report_warning(&d->report, "Keep others out: chmod 700 FOLDER.",
                       "%s may be entered or read by other users (mode %03o)", path,
                       (unsigned)st->st_mode & 0777);
        return true;
    }
    report_ok(&d->report, "%s belongs to %s, and to nobody else", path,
              user_name(st->st_uid, owner));
    return true;
}

static void check_file_system(struct doctor *d, const char *path)
{
    static const char ADVICE[] = "Put data_dir on a disk of this machine, or on a volume of it: "
                                 "SQLite's log and locks need one.";
    struct statfs fs;

    report_about(&d->report, "file_system", NULL);
    if (statfs(path, &fs) != 0) {
        report_wrong(&d->report, ADVICE, "it cannot be told on what %s lies: %m", path);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(file_systems); i++) {
        if (file_systems[i].magic != (unsigned long)fs.f_type) {
            continue;
        }
        if (file_systems[i].mark == MARK_WRONG) {
            report_wrong(&d->report, ADVICE, "%s lies on %s", path, file_systems[i].what);
        } else {
            report_warning(&d->report, ADVICE, "%s lies on %s", path, file_systems[i].what);
        }
        return;
    }
    report_ok(&d->report, "local");
}

static void check_space(struct doctor *d, const char *path)
{
    int64_t needed = d->config.storage_min_free_mb;
    struct statvfs fs;
    int64_t free_mb = 0;

    report_about(&d->report, "free_space", NULL);
    if (statvfs(path, &fs) != 0) {
        report_wrong(&d->report, "See df.", "it cannot be told: %m");
        return;
    }
    free_mb = (int64_t)((unsigned long long)fs.f_bavail * fs.f_frsize / MIB);
    if (free_mb < needed || free_mb < 64) {
        report_wrong(&d->report,
                     "Make room, keep less (retention_*_days), or lower storage_min_free_mb.",
                     "%lld MiB are free, and new jobs are refused below %lld", (long long)free_mb,
                     (long long)(needed > 64 ? needed : 64));
    } else if (free_mb < 2 * needed || fs.f_favail < 1000) {
        report_warning(&d->report, "Make room, or keep less (retention_*_days).",
                       "%lld MiB and %llu files are left, and new jobs are refused below %lld MiB",
                       (long long)free_mb, (unsigned long long)fs.f_favail, (long long)needed);
    } else {
        report_ok(&d->report, "%lld GiB %lld MiB", (long long)(free_mb / 1024),
                  (long long)(free_mb % 1024));
    }
}

/* A file without a name; where the file system has none, the folder alone. */
static bool write_durably(const char *path)
{
    char page[4096] = {0};
    AUTO(file_close) int fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd >= 0 && fsync(fd) == 0;
    }
    return fd >= 0 && write(fd, page, sizeof page) == (ssize_t)sizeof page && fsync(fd) == 0;
}

static void check_writing(struct doctor *d, const char *path)
{
    int64_t began = clock_mono_us();
    int64_t took_us = 0;

    report_about(&d->report, "disk", NULL);
    if (!write_durably(path)) {
        report_wrong(
            &d->report,
            errno == ENOSPC || errno == EDQUOT
                ? "Make room on the disk."
                : "See whether the disk is mounted for reading only, or has failed (dmesg).",
            "a file in %s cannot be written and made durable: %m", path);
        return;
    }
    took_us = clock_mono_us() - began;
    if (took_us > SLOW_MS * 1000L) {
        report_warning(
            &d->report,
            "Every accepted job waits for it: use a faster disk, or see what else uses this one.",
            "making 4 KiB durable took %lld ms", (long long)took_us / 1000);
    } else {
        report_ok(&d->report, "4 KiB were durable after %lld.%lld ms", (long long)took_us / 1000,
                  (long long)took_us / 100 % 10);
    }
}

void check_folder(struct doctor *d)
{
    const char *path = d->config.data_dir;
    struct stat st;

    report_about(&d->report, "data_folder", NULL);
    if (stat(path, &st) != 0 && errno == ENOENT) {
        check_above(d, path);
        return;
    }
    if (stat(path, &st) != 0) {
        report_wrong(&d->report, "Correct data_dir, or the permissions above it.",
                     "%s cannot be looked at: %m", path);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        report_wrong(&d->report, "Correct data_dir.", "%s is no folder", path);
        return;
    }
    if (check_owner(d, path, &st)) {
        check_file_system(d, path);
        check_space(d, path);
        check_writing(d, path);
    }
}
