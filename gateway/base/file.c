#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

void file_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static enum errc fail(struct err *e, const char *path)
{
    return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL_ERROR, "%s: %m", path);
}

static enum errc read_all(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    size_t total = 0;

    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(e, path);
        }
        if (got == 0) {
            return ERR_NONE;
        }
        total += (size_t)got;
        if (total > max || !buf_append(out, chunk, (size_t)got)) {
            return err_set(e, ERR_CONTENT_TOO_LARGE, "%s is larger than allowed", path);
        }
    }
}

/* Reads fd, which may be -1 with errno set, to its end. */
static enum errc read_opened(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    struct buf before = *out;
    enum errc code;

    if (fd < 0) {
        return fail(e, path);
    }
    code = read_all(fd, path, max, out, e);
    if (code != ERR_NONE) {
        out->len = before.len;
        out->overflow = before.overflow;
        if (out->data != NULL) {
            out->data[out->len] = '\0';
        }
    }
    return code;
}

enum errc file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

    return read_opened(fd, path, max, out, e);
}

enum errc file_read_regular(const char *path, size_t max, struct buf *out, struct err *e)
{
    AUTO(file_close) int fd = -1;
    struct stat info;

    if (stat(path, &info) != 0) {
        return fail(e, path);
    }
    /* O_NONBLOCK: should a pipe have taken its place meanwhile, nothing waits for its other end. */
    if (S_ISREG(info.st_mode)) {
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &info) != 0) {
            return fail(e, path);
        }
    }
    if (!S_ISREG(info.st_mode)) {
        return err_set(e, ERR_INTERNAL_ERROR, "%s: is no regular file", path);
    }
    return read_opened(fd, path, max, out, e);
}

static bool make_dir(const char *path)
{
    struct stat info;

    if (mkdir(path, 0700) == 0) {
        return true;
    }
    if (errno != EEXIST) {
        return false;
    }
    /* Something of that name is there: fine only if it is a folder. */
    if (stat(path, &info) != 0) {
        return false;
    }
    errno = ENOTDIR;
    return S_ISDIR(info.st_mode);
}

bool file_make_dirs(const char *path)
{
    AUTO(free_ptr) char *part = xstrdup(path);

    if (part[0] == '\0') {
        errno = ENOENT;
        return false;
    }
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            if (!make_dir(part)) {
                return false;
            }
            *at = '/';
        }
    }
    return make_dir(part);
}

bool file_sync_dir(const char *path)
{
    AUTO(file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0;
}

int file_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}
