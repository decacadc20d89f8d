/* main.c - comfygate-imaging: reads the order, locks itself in, makes the picture, writes it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"
#include "imaging/make.h"
#include "imaging/program.h"
#include "imaging/render.h"
#include "imaging/sandbox.h"

static const char HELP[] = PROGRAM_NAME
    " makes thumbnails and renditions of pictures for comfygate, in a sandbox.\n"
    "comfygate starts it; it is not meant to be called by people.\n"
    "\n"
    "  " PROGRAM_NAME " thumbnail --edge N [--max-pixels N] <picture >result.webp\n"
    "  " PROGRAM_NAME " rendition --max-bytes N [--max-pixels N] <picture >result.webp\n"
    "\n"
    "Reads PNG, JPEG, GIF and WebP from standard input, which must be a file.\n"
    "Exit codes: 0 done, 1 it cannot run here, 2 usage, 3 no picture that can be "
    "read,\n4 cannot be made to fit, 5 too many pixels, 6 the disk is full.\n";

struct order {
    enum render_kind kind;
    int64_t edge;
    int64_t max_bytes;
    int64_t max_pixels;
};

struct option_row {
    const char *name;
    int64_t min;
    int64_t max;
    int64_t *value;
};

static bool parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end = NULL;
    long long value = 0;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        return false;
    }
    *out = value;
    return true;
}

static bool parse_option(const char *name, const char *text, const struct option_row *rows,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, rows[i].name) == 0) {
            return text != NULL && parse_number(text, rows[i].min, rows[i].max, rows[i].value);
        }
    }
    return false;
}

static bool parse_order(int argc, char **argv, struct order *o)
{
    const struct option_row rows[] = {
        {"--edge", RENDER_EDGE_MIN, RENDER_EDGE_MAX, &o->edge},
        {"--max-bytes", RENDER_BYTES_MIN, RENDER_BYTES_MAX, &o->max_bytes},
        {"--max-pixels", 1, PICTURE_PIXELS_CEILING, &o->max_pixels},
    };

    *o = (struct order){.max_pixels = RENDER_PIXELS_MAX};
    if (argc < 2 || (strcmp(argv[1], "thumbnail") != 0 && strcmp(argv[1], "rendition") != 0)) {
        return false;
    }
    o->kind = argv[1][0] == 't' ? RENDER_THUMBNAIL : RENDER_RENDITION;
    for (int i = 2; i < argc; i += 2) {
        if (!parse_option(argv[i], argv[i + 1], rows, COUNT_OF(rows))) {
            return false;
        }
    }
    /* Each kind has one option that it needs, and does not take the other's. */
    return (o->edge > 0) == (o->kind == RENDER_THUMBNAIL) &&
           (o->max_bytes > 0) == (o->kind == RENDER_RENDITION);
}

/* Mapped, not read: that needs no system call once the sandbox is closed. */
static enum errc map_input(struct span *file, struct err *e)
{
    struct stat info;
    void *bytes = NULL;

    if (fstat(STDIN_FILENO, &info) != 0 || !S_ISREG(info.st_mode)) {
        return err_set(e, ERR_INVALID_PARAMETER, "Standard input must be a file.");
    }
    if (info.st_size == 0) {
        return err_set(e, ERR_PICTURE_UNREADABLE, "The file is empty.");
    }
    bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
    if (bytes == MAP_FAILED) {
        return err_set(e, ERR_INTERNAL_ERROR, "The file cannot be mapped: %m.");
    }
    *file = (struct span){bytes, (size_t)info.st_size};
    return ERR_NONE;
}

static enum errc write_all(const uint8_t *bytes, size_t size, struct err *e)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);

        if (written < 0 && errno != EINTR) {
            return err_set(e,
                           errno == ENOSPC || errno == EDQUOT ? ERR_INSUFFICIENT_STORAGE
                                                              : ERR_INTERNAL_ERROR,
                           "The result cannot be written: %m.");
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return ERR_NONE;
}

static enum errc work(const struct order *o, struct err *e)
{
    struct span file = SPAN_NONE;
    WebPMemoryWriter out;
    enum errc rc = map_input(&file, e);

    if (rc == ERR_NONE) {
        rc = sandbox_enter(o->kind == RENDER_THUMBNAIL ? PROGRAM_THUMBNAIL_BYTES_MAX : o->max_bytes,
                           e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = o->kind == RENDER_THUMBNAIL ? make_thumbnail(file, (int)o->edge, o->max_pixels, &out, e)
                                     : make_rendition(file, o->max_bytes, o->max_pixels, &out, e);
    /* What out owns goes with the process. */
    return rc == ERR_NONE ? write_all(out.mem, out.size, e) : rc;
}

static enum program_exit exit_of(enum errc rc)
{
    static const struct {
        enum errc rc;
        enum program_exit code;
    } ROWS[] = {
        {ERR_NONE, PROGRAM_DONE},
        {ERR_INVALID_PARAMETER, PROGRAM_USAGE},
        {ERR_PICTURE_UNREADABLE, PROGRAM_UNREADABLE},
        {ERR_RENDITION_IMPOSSIBLE, PROGRAM_NO_FIT},
        {ERR_CONTENT_TOO_LARGE, PROGRAM_TOO_MANY_PIXELS},
        {ERR_INSUFFICIENT_STORAGE, PROGRAM_DISK_FULL},
    };

    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (ROWS[i].rc == rc) {
            return ROWS[i].code;
        }
    }
    return PROGRAM_BROKEN;
}

int main(int argc, char **argv)
{
    struct order o;
    struct err e = ERR_INIT;
    enum errc rc = ERR_NONE;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return fputs(HELP, stdout) < 0 || fflush(stdout) != 0 ? PROGRAM_BROKEN : PROGRAM_DONE;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return fprintf(stdout, "%s %s\n", PROGRAM_NAME, comfygate_version()) < 0 ||
                       fflush(stdout) != 0
                   ? PROGRAM_BROKEN
                   : PROGRAM_DONE;
    }
    if (!parse_order(argc, argv, &o)) {
        (void)fputs("The arguments are not understood; --help tells them.\n", stderr);
        return PROGRAM_USAGE;
    }
    rc = work(&o, &e);
    if (rc != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", e.detail);
    }
    /* Not exit(): what it would run at the end needs calls that are not allowed any more. */
    _exit((int)exit_of(rc));
}
