/* download.c - see download.h. */
#include "cli/download.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"

#define STEM_MAX      180 /* leaves room for -N and the extension below the usual 255 */
#define EXTENSION_MAX 32
#define SUFFIX_MAX    10000
#define TRIES         4
#define TRY_PAUSE_MS  500

struct transfer {
    int fd;
    int64_t size;
    int64_t got;
    struct sha256 hash;
    int error; /* errno of a failed write */
};

static bool is_fit_for_a_name(char c)
{
    return (unsigned char)c >= ' ' && c != 127 && strchr("\\:*?\"<>|", c) == NULL;
}

void download_safe_name(const char *name, int index, struct buf *out)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    size_t extension = dot != NULL && strlen(dot) <= EXTENSION_MAX ? strlen(dot) : 0;
    size_t len = strlen(base);
    size_t stem = len - extension;

    if (len == 0) {
        buf_appendf(out, "output-%d", index);
        return;
    }
    /* A long name loses the end of its stem, never its extension. */
    if (stem > STEM_MAX) {
        stem = utf8_cut((struct span){base, stem}, STEM_MAX);
    }
    for (size_t i = 0; i < len; i = i + 1 == stem ? len - extension : i + 1) {
        /* A leading dot would hide the file, a leading dash makes it an option of other programs.
         */
        bool is_bad = !is_fit_for_a_name(base[i]) || (i == 0 && (base[i] == '.' || base[i] == '-'));

        if (is_bad) {
            buf_append_char(out, '_');
        } else {
            buf_append_char(out, base[i]);
        }
    }
}

static bool make_folders(const char *dir)
{
    AUTO(free_ptr) char *path = xstrdup(dir);

    for (char *slash = path; *slash != '\0'; slash++) {
        if (*slash != '/' || slash == path) {
            continue;
        }
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static bool write_part(void *arg, const void *data, size_t len)
{
    struct transfer *t = arg;
    const char *at = data;
    size_t left = len;

    while (left > 0) {
        ssize_t n = write(t->fd, at, left);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            t->error = errno;
            return false;
        }
        at += n;
        left -= (size_t)n;
    }
    sha256_update(&t->hash, data, len);
    t->got += (int64_t)len;
    return true;
}

static bool start_over(struct transfer *t)
{
    t->got = 0;
    t->error = 0;
    sha256_init(&t->hash);
    return ftruncate(t->fd, 0) == 0 && lseek(t->fd, 0, SEEK_SET) == 0;
}

static bool is_genuine(struct transfer *t, const char *sha256)
{
    char text[SHA256_TEXT_SIZE];

    sha256_final_hex(&t->hash, text);
    return t->got == t->size && strcmp(text, sha256) == 0;
}

/* Fills t->fd with the output's bytes. */
static int fetch(struct cli *cli, const cJSON *output, struct transfer *t)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(buf_clear) struct buf path = BUF_INIT(256);
    struct client_request request = {.method = "GET", .sink = write_part, .arg = t};
    const char *name = member_text(output, "name");

    /* Made from the id, so that no answer can send us, and the API key, to another place. */
    buf_appendf(&path, "/v1/outputs/%s/content?redirect=0", member_text(output, "id"));
    request.path = buf_str(&path);
    for (int attempt = 0; attempt < TRIES && !terminal_is_interrupted(); attempt++) {
        (void)poll(NULL, 0, TRY_PAUSE_MS * attempt);
        if (!start_over(t)) {
            return cli_failed(cli, "cannot write: %m");
        }
        if (client_call(cli->client, &request, &reply) && reply.status == 200 &&
            is_genuine(t, member_text(output, "sha256"))) {
            return EXIT_OK;
        }
        if (reply.fault == CLIENT_SINK_FULL) {
            errno = t->error;
            return cli_failed(cli, "cannot write: %m");
        }
        if (reply.fault == CLIENT_ANSWERED && reply.status != 200 && reply.status < 500) {
            break;
        }
    }
    if (reply.fault == CLIENT_ANSWERED && reply.status == 200) {
        return cli_failed(
            cli, "%.100s did not arrive whole: its sha256 or size is not what the gateway states",
            name);
    }
    return cli_refused(cli, &reply);
}

/* Renames without ever replacing. */
static bool rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return false;
    }
    /* File systems that cannot do it in one step can usually link. */
    return link(from, to) == 0 && unlink(from) == 0;
}

/* Gives the finished file the first free name; the path is appended to out. */
static int settle(struct cli *cli, const char *temporary, const char *dir, const char *name,
                  struct buf *out)
{
    const char *dot = strrchr(name, '.');
    int stem = dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);

    for (int n = 0; n < SUFFIX_MAX; n++) {
        buf_reset(out);
        buf_appendf(out, "%s/%.*s", dir, stem, name);
        if (n > 0) {
            buf_appendf(out, "-%d", n);
        }
        buf_append_str(out, name + stem);
        if (rename_new(temporary, buf_str(out))) {
            return EXIT_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return cli_failed(cli, "cannot make %s: %m", buf_str(out));
}

static int download_one(struct cli *cli, const cJSON *output, const char *dir,
                        const struct terminal *paths)
{
    AUTO(buf_clear) struct buf name = BUF_INIT(1024);
    AUTO(buf_clear) struct buf path = BUF_INIT(16384);
    AUTO(free_ptr) char *temporary = xasprintf("%s/.comfygate-XXXXXX", dir);
    struct transfer t = {.size = member_int(output, "size_bytes")};
    mode_t mask = umask(0);
    struct id id;
    int code;

    (void)umask(mask);
    if (!id_parse(span_of(member_text(output, "id")), &id)) {
        return cli_failed(cli, "the gateway's answer names an output without an id");
    }
    download_safe_name(member_text(output, "name"), (int)member_int(output, "index"), &name);
    t.fd = mkostemp(temporary, O_CLOEXEC);
    if (t.fd < 0) {
        return cli_failed(cli, "cannot write into %s: %m", dir);
    }
    code = fetch(cli, output, &t);
    (void)fchmod(t.fd, 0666 & ~mask);
    if (close(t.fd) != 0 && code == EXIT_OK) {
        code = cli_failed(cli, "cannot write into %s: %m", dir);
    }
    if (code == EXIT_OK) {
        code = settle(cli, temporary, dir, buf_str(&name), &path);
    }
    if (code != EXIT_OK) {
        (void)unlink(temporary);
        return code;
    }
    terminal_put(paths, buf_str(&path));
    (void)fputc('\n', paths->file);
    (void)fflush(paths->file);
    return EXIT_OK;
}

int download_outputs(struct cli *cli, const struct job_facts *job, const char *dir,
                     const struct terminal *paths)
{
    const cJSON *output;
    int code = EXIT_OTHER;

    if (cli_client(cli, &code) == NULL) {
        return code;
    }
    if (!make_folders(dir)) {
        return cli_failed(cli, "cannot make the folder %s: %m", dir);
    }
    /* A temporary file is taken away also on Ctrl-C. */
    terminal_catch_interrupt();
    cJSON_ArrayForEach(output, job->outputs) {
        code = terminal_is_interrupted() ? EXIT_INTERRUPTED : download_one(cli, output, dir, paths);
        if (code != EXIT_OK) {
            return code;
        }
    }
    return EXIT_OK;
}
