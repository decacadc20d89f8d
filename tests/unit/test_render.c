/* Pictures become thumbnails and renditions, or an error: whatever the picture, and whatever the program does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../store/sandbox.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "imaging/render.h"

#define SIDE       1500
#define GIF_MAX    8000000
#define SCRIPT_MAX 512
#define ALONE      "alone" /* argument of this program when it is its own copy */

/* ---- pictures ----------------------------------------------------------------------------------- */

/* Noise in 128 greys. Codes stay eight bits wide, since the table is cleared before it grows. */
static void put_noise(struct buf *out, size_t count)
{
    uint32_t seed = 1;
    char block[256];
    size_t used = 1;

    for (size_t i = 0; i < count; i++) {
        if (i % 100 == 0) {
            block[used++] = (char)0x80; /* clear */
        }
        seed = seed * 1664525U + 1013904223U;
        block[used++] = (char)(seed >> 25);
        if (used >= 250 || i + 1 == count) {
            block[0] = (char)(used - 1);
            buf_append(out, block, used);
            used = 1;
        }
    }
    buf_append(out, "\x01\x81\0;", 4); /* the end of the data, and of the file */
}

static void put_gif(struct buf *out, int width, int height)
{
    char sizes[4] = {(char)width, (char)(width >> 8), (char)height, (char)(height >> 8)};

    buf_append_str(out, "GIF89a");
    buf_append(out, sizes, 4);
    buf_append(out, "\xf6\0\0", 3);
    for (int grey = 0; grey < 128; grey++) {
        buf_append(out, (char[3]){(char)(grey * 2), (char)(grey * 2), (char)(grey * 2)}, 3);
    }
    buf_append(out, ",\0\0\0\0", 5);
    buf_append(out, sizes, 4);
    buf_append(out, "\0\x07", 2);
    put_noise(out, (size_t)width * (size_t)height);
    assert_true(buf_ok(out));
}

static int make_file(struct span content)
{
    FILE *file = tmpfile();
    int fd = -1;

    assert_non_null(file);
    fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    (void)fclose(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.ptr, content.len), (ssize_t)content.len);
    return fd;
}

static int make_picture(int width, int height)
{
    AUTO(buf_clear) struct buf gif = BUF_INIT(GIF_MAX);

    put_gif(&gif, width, height);
    return make_file(buf_span(&gif));
}

static off_t size_of(int fd)
{
    struct stat info;

    assert_int_equal(fstat(fd, &info), 0);
    return info.st_size;
}

static void check_no_child_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Width and height of a WebP that is lossy, without transparency. */
static void check_webp(int fd, off_t at, int width, int height)
{
    unsigned char head[30];

    assert_int_equal(pread(fd, head, sizeof head, at), sizeof head);
    assert_memory_equal(head, "RIFF", 4);
    assert_memory_equal(head + 8, "WEBPVP8 ", 8);
    assert_int_equal(head[26] | (head[27] & 0x3f) << 8, width);
    assert_int_equal(head[28] | (head[29] & 0x3f) << 8, height);
}

/* ---- what is made ------------------------------------------------------------------------------- */

static void test_thumbnail(void **state)
{
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 256};
    AUTO(file_close) int in = make_picture(600, 300);
    AUTO(file_close) int out = make_file(SPAN_LIT("before"));
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(render_check(&e), ERR_NONE);
    assert_int_equal(lseek(in, 17, SEEK_SET), 17);
    assert_int_equal(render_run(&r, in, out, &e), ERR_NONE);
    check_webp(out, 6, 256, 128);
    assert_int_equal(lseek(in, 0, SEEK_CUR), 17);
    check_no_child_left();
}

static void test_rendition(void **state)
{
    struct render_request r = {.kind = RENDER_RENDITION, .max_bytes = 60000};
    AUTO(file_close) int in = make_picture(600, 300);
    AUTO(file_close) int out = make_file(SPAN_NONE);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(render_run(&r, in, out, &e), ERR_NONE);
    assert_in_range(size_of(out), 36000, 60000);
    r.max_bytes = INT64_MAX;
    assert_int_equal(render_run(&r, in, out, &e), ERR_NONE);
    check_no_child_left();
}

static void test_no_fit(void **state)
{
    struct render_request r = {.kind = RENDER_RENDITION, .max_bytes = RENDER_BYTES_MIN};
    AUTO(file_close) int in = make_picture(600, 300);
    AUTO(file_close) int out = make_file(SPAN_NONE);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(render_run(&r, in, out, &e), ERR_RENDITION_IMPOSSIBLE);
    assert_non_null(strstr(e.detail, "1024 are allowed"));
    assert_int_equal(size_of(out), 0);
}

static void test_bad_pictures(void **state)
{
    static const struct {
        struct span file;
        const char *says;
    } CASES[] = {
        {SPAN_LIT(""), "empty"},
        {SPAN_LIT("<svg onload=alert(1)>"), "none of the pictures"},
        {SPAN_LIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "The PNG is damaged"},
        {SPAN_LIT("\xff\xd8\xff\xe0\0\x10JFIF"), "The JPEG is damaged"},
        {SPAN_LIT("GIF89a\xff\xff\xff\xff\0\0\0"), "65535 x 65535 pixels"},
        {SPAN_LIT("RIFF\xff\xff\xff\xffWEBPVP8 "), "The WebP is damaged"},
    };
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 256};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        AUTO(file_close) int in = make_file(CASES[i].file);
        AUTO(file_close) int out = make_file(SPAN_NONE);
        struct err e = ERR_INIT;

        assert_int_equal(render_run(&r, in, out, &e), ERR_PICTURE_UNREADABLE);
        if (strstr(e.detail, CASES[i].says) == NULL) {
            fail_msg("%s: %s", CASES[i].says, e.detail);
        }
    }
    check_no_child_left();
}

static void test_limit_of_pixels(void **state)
{
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 16, .max_pixels = 2000};
    AUTO(file_close) int in = make_picture(50, 40);
    AUTO(file_close) int out = make_file(SPAN_NONE);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(render_run(&r, in, out, &e), ERR_NONE);
    r.max_pixels = 1999;
    assert_int_equal(render_run(&r, in, out, &e), ERR_PICTURE_UNREADABLE);
    assert_non_null(strstr(e.detail, "50 x 40 pixels"));
}

static void test_full_disk(void **state)
{
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 16};
    AUTO(file_close) int in = make_picture(50, 40);
    AUTO(file_close) int out = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(render_run(&r, in, out, &e), ERR_INSUFFICIENT_STORAGE);
}

/* Several at once do not get each other's descriptors: one that did would wait for the others. */
static void *run_one(void *arg)
{
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 64};
    AUTO(file_close) int out = make_file(SPAN_NONE);
    struct err e = ERR_INIT;

    for (int i = 0; i < 5; i++) {
        if (render_run(&r, *(int *)arg, out, &e) != ERR_NONE) {
            return arg;
        }
    }
    return NULL;
}

static void test_several_at_once(void **state)
{
    AUTO(file_close) int in = make_picture(300, 300);
    pthread_t thread[4];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, run_one, &in), 0);
    }
    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        void *failed = NULL;

        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    check_no_child_left();
}

/* ---- a child that does not end by itself ---------------------------------------------------------- */

struct slow {
    struct render_request request;
    int in;
    int out;
    enum errc rc;
    struct err e;
    int64_t took_ms;
    atomic_bool is_done;
};

static void slow_run(struct slow *s)
{
    int64_t began = clock_mono_ms();

    s->rc = render_run(&s->request, s->in, s->out, &s->e);
    s->took_ms = clock_mono_ms() - began;
    atomic_store(&s->is_done, true);
}

static void *slow_main(void *arg)
{
    slow_run(arg);
    return NULL;
}

static void slow_init(struct slow *s, int64_t deadline_ms)
{
    *s = (struct slow){
        .request = {.kind = RENDER_RENDITION, .max_bytes = 700000, .deadline_ms = deadline_ms},
        .in = make_picture(SIDE, SIDE),
        .out = make_file(SPAN_NONE)};
}

static void slow_clear(struct slow *s)
{
    file_close(&s->in);
    file_close(&s->out);
    check_no_child_left();
}

/* The one child of this process that is the program by now; 0 when there is none. */
static pid_t find_child(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry = NULL;
    pid_t found = 0;

    assert_non_null(proc);
    while (found == 0 && (entry = readdir(proc)) != NULL) {
        AUTO(free_ptr) char *path = xasprintf("/proc/%s/stat", entry->d_name);
        AUTO(buf_clear) struct buf text = BUF_INIT(4096);
        const char *behind = NULL;
        int parent = 0;

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
            file_read(path, 4096, &text, NULL) != ERR_NONE) {
            continue;
        }
        /* Before its exec it holds up its parent, and a child that is stopped then does so for ever. */
        if (strstr(buf_str(&text), "(comfygate-imagi") == NULL) {
            continue;
        }
        behind = strrchr(buf_str(&text), ')');
        if (behind != NULL && sscanf(behind, ") %*c %d", &parent) == 1 && parent == getpid()) {
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        }
    }
    (void)closedir(proc);
    return found;
}

static void send_to_child(struct slow *s, int number)
{
    pthread_t thread;
    pid_t child = 0;

    assert_int_equal(pthread_create(&thread, NULL, slow_main, s), 0);
    while (child == 0 && !atomic_load(&s->is_done)) {
        child = find_child();
    }
    assert_true(child > 0);
    assert_int_equal(kill(child, number), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_deadline(void **state)
{
    struct slow s;

    (void)state;
    slow_init(&s, 150);
    slow_run(&s);
    assert_int_equal(s.rc, ERR_PICTURE_UNREADABLE);
    assert_non_null(strstr(s.e.detail, "longer than it is given"));
    assert_in_range(s.took_ms, 150, 5000);
    slow_clear(&s);
}

static void test_canceled(void **state)
{
    atomic_bool is_canceled = true;
    struct slow s;

    (void)state;
    slow_init(&s, 0);
    s.request.is_canceled = &is_canceled;
    slow_run(&s);
    assert_int_equal(s.rc, ERR_PICTURE_UNREADABLE);
    assert_in_range(s.took_ms, 0, 5000);
    slow_clear(&s);
}

static void test_child_that_hangs(void **state)
{
    struct slow s;

    (void)state;
    slow_init(&s, 1000);
    send_to_child(&s, SIGSTOP);
    assert_int_equal(s.rc, ERR_PICTURE_UNREADABLE);
    assert_non_null(strstr(s.e.detail, "longer than it is given"));
    assert_in_range(s.took_ms, 1000, 6000);
    slow_clear(&s);
}

static void test_child_that_crashes(void **state)
{
    struct slow s;

    (void)state;
    slow_init(&s, 0);
    send_to_child(&s, SIGKILL);
    assert_int_equal(s.rc, ERR_PICTURE_UNREADABLE);
    assert_non_null(strstr(s.e.detail, "(signal 9)"));
    slow_clear(&s);
}

/* ---- a program that is another: this one, copied beside a script, runs it ------------------------- */

/* In the copy: what render_run says, for the parent to read. */
static int run_alone(const char *how)
{
    struct render_request r = {.kind = RENDER_THUMBNAIL, .edge = 16, .deadline_ms = 600};
    int in = make_picture(20, 20);
    int out = make_file(SPAN_NONE);
    struct err e = ERR_INIT;
    enum errc rc = ERR_NONE;

    if (strcmp(how, "deaf") == 0) {
        (void)signal(SIGCHLD, SIG_IGN);
    }
    rc = render_run(&r, in, out, &e);
    (void)printf("%d %s", (int)rc, e.detail);
    (void)fflush(stdout);
    _exit(0);
}

static void copy_self(const char *to)
{
    char block[65536];
    AUTO(file_close) int from_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    AUTO(file_close) int to_fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    ssize_t got = 0;

    while ((got = read(from_fd, block, sizeof block)) > 0) {
        assert_int_equal(write(to_fd, block, (size_t)got), got);
    }
    assert_int_equal(got, 0);
}

static void write_script(const char *path, const char *body)
{
    AUTO(file_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

    assert_int_equal(dprintf(fd, "#!/bin/sh\n%s\n", body), (int)strlen(body) + 11);
}

/* What the copy in `dir` says. */
static enum errc ask_copy(const char *dir, const char *how, char *says, size_t size)
{
    AUTO(free_ptr) char *path = xasprintf("%s/copy", dir);
    int ends[2] = {-1, -1};
    ssize_t got = 0;
    size_t len = 0;
    pid_t pid = 0;
    char *text = NULL;
    long rc = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(path, path, ALONE, how, (char *)NULL);
        _exit(1);
    }
    (void)close(ends[1]);
    while ((got = read(ends[0], says + len, size - 1 - len)) > 0) {
        len += (size_t)got;
    }
    (void)close(ends[0]);
    says[len] = '\0';
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    rc = strtol(says, &text, 10);
    assert_int_equal(*text, ' ');
    return (enum errc)rc;
}

static void test_programs_that_lie(void **state)
{
    static const struct {
        const char *script; /* NULL = none is there */
        const char *how;
        enum errc rc;
        const char *says;
    } CASES[] = {
        {NULL, "", ERR_INTERNAL_ERROR, "/comfygate-imaging cannot be run: No such file"},
        {"exit 0", "", ERR_PICTURE_UNREADABLE, "gave no result"},
        {"printf x", "", ERR_NONE, ""},
        {"printf 'A sentence.\\nAnother.' >&2; exit 3", "", ERR_PICTURE_UNREADABLE, "A sentence."},
        {"printf 'a\\033[31m\\377b' >&2; exit 4", "", ERR_RENDITION_IMPOSSIBLE, "a?[31m?b"},
        {"exit 3", "", ERR_PICTURE_UNREADABLE, "The picture cannot be read."},
        {"exit 5", "", ERR_PICTURE_UNREADABLE, "The picture cannot be read."},
        {"exit 4", "", ERR_RENDITION_IMPOSSIBLE, "The picture cannot be made to fit."},
        {"exit 6", "", ERR_INSUFFICIENT_STORAGE, "The disk is full."},
        {"exit 77", "", ERR_INTERNAL_ERROR, "exit code 77"},
        {"kill -SEGV $$", "", ERR_PICTURE_UNREADABLE, "(signal 11)"},
        {"kill -XCPU $$", "", ERR_PICTURE_UNREADABLE, "longer than it is given"},
        {"exec sleep 20", "", ERR_PICTURE_UNREADABLE, "longer than it is given"},
        {"exec sleep 20 2>&-", "", ERR_PICTURE_UNREADABLE, "longer than it is given"},
        {"exec yes >&2", "", ERR_PICTURE_UNREADABLE, "longer than it is given"},
        {"exec head -c 40000000 /dev/zero", "", ERR_PICTURE_UNREADABLE, "gave no result"},
        {"test \"$(env | grep -vc -e PWD -e _= -e SHLVL)\" = 0 || exit 3; printf x", "", ERR_NONE,
         ""},
        {"printf x", "deaf", ERR_INTERNAL_ERROR, "SIGCHLD is ignored"},
    };
    char dir[SANDBOX_SIZE];
    AUTO(free_ptr) char *copy = NULL;
    AUTO(free_ptr) char *program = NULL;

    (void)state;
    sandbox_make(dir);
    copy = xasprintf("%s/copy", dir);
    program = xasprintf("%s/comfygate-imaging", dir);
    copy_self(copy);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char says[SCRIPT_MAX];
        enum errc rc = ERR_NONE;

        if (CASES[i].script != NULL) {
            write_script(program, CASES[i].script);
        }
        rc = ask_copy(dir, CASES[i].how, says, sizeof says);
        if (rc != CASES[i].rc || strstr(says, CASES[i].says) == NULL ||
            strstr(says, "Another") != NULL) {
            fail_msg("%s: %s", CASES[i].script, says);
        }
    }
    sandbox_remove(dir);
    check_no_child_left();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thumbnail),
        cmocka_unit_test(test_rendition),
        cmocka_unit_test(test_no_fit),
        cmocka_unit_test(test_bad_pictures),
        cmocka_unit_test(test_limit_of_pixels),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_child_that_hangs),
        cmocka_unit_test(test_child_that_crashes),
        cmocka_unit_test(test_programs_that_lie),
    };

    if (argc == 3 && strcmp(argv[1], ALONE) == 0) {
        return run_alone(argv[2]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
