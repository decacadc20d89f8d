#include "store/rendition_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define FOLDER    "renditions"
#define TEMPORARY "tmp-"
#define PATH_SIZE sizeof((struct rendition_file *)NULL)->path

struct rendition_cache {
    char *dir;
};

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

/* Removes the files of a folder whose names begin so. */
static void remove_all(const char *folder, const char *beginning)
{
    AUTO(close_dir) DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of this thread's own */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, beginning, strlen(beginning)) == 0) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
}

enum errc rendition_cache_open(const char *dir, struct rendition_cache **out, struct err *e)
{
    AUTO(free_ptr) char *folder = xasprintf("%s/" FOLDER, dir);
    struct rendition_cache *c = NULL;

    /* Room for the folder of two digits, the hash, the kind and the extension. */
    if (strlen(folder) > PATH_SIZE - 128) {
        return err_set(e, ERR_INTERNAL_ERROR, "The path of the data folder is too long.");
    }
    if (!file_make_dirs(folder)) {
        return err_set(e, ERR_INTERNAL_ERROR, "The folder %.200s cannot be made: %s.", folder,
                       strerrordesc_np(errno));
    }
    remove_all(folder, TEMPORARY);
    c = xcalloc(1, sizeof *c);
    c->dir = take_ptr(&folder);
    *out = c;
    return ERR_NONE;
}

void rendition_cache_close(struct rendition_cache *c)
{
    if (c != NULL) {
        free(c->dir);
        free(c);
    }
}

static void path_of(const struct rendition_cache *c, const char *sha256, const char *kind,
                    char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%.2s/%.64s-%.31s.webp", c->dir, sha256, sha256, kind);
}

bool rendition_cache_find(struct rendition_cache *c, const char *sha256, const char *kind,
                          int *out_fd, int64_t *out_size)
{
    char path[PATH_SIZE];
    AUTO(file_close) int fd = -1;
    struct stat about;

    path_of(c, sha256, kind, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size == 0) {
        return false;
    }
    *out_size = about.st_size;
    *out_fd = file_take(&fd);
    return true;
}

enum errc rendition_cache_begin(struct rendition_cache *c, struct rendition_file *out,
                                struct err *e)
{
    struct rendition_file file = {.fd = -1};

    (void)snprintf(file.path, sizeof file.path, "%s/" TEMPORARY "XXXXXX", c->dir);
    file.fd = mkostemp(file.path, O_CLOEXEC);
    if (file.fd < 0) {
        return errno == ENOSPC || errno == EDQUOT
                   ? err_set(e, ERR_INSUFFICIENT_STORAGE, "The disk is full.")
                   : err_set(e, ERR_INTERNAL_ERROR, "A file for the picture cannot be made: %s.",
                             strerrordesc_np(errno));
    }
    *out = file;
    return ERR_NONE;
}

void rendition_cache_keep(struct rendition_cache *c, struct rendition_file *file,
                          const char *sha256, const char *kind)
{
    char path[PATH_SIZE];
    char folder[PATH_SIZE];

    path_of(c, sha256, kind, path);
    (void)snprintf(folder, sizeof folder, "%s/%.2s", c->dir, sha256);
    if (!file_make_dirs(folder) || rename(file->path, path) != 0) {
        (void)unlink(file->path);
    }
}

void rendition_cache_discard(struct rendition_file *file)
{
    (void)unlink(file->path);
    file_close(&file->fd);
}

void rendition_cache_forget(struct rendition_cache *c, const char *sha256)
{
    char folder[PATH_SIZE];

    (void)snprintf(folder, sizeof folder, "%s/%.2s", c->dir, sha256);
    remove_all(folder, sha256);
}
