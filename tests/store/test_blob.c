/* test_blob.c - files by their hash: what is staged, published, removed, and what a crash leaves.
 */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/blob.h"

struct fixture {
    char dir[SANDBOX_SIZE];
    struct blobs *blobs;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    sandbox_make(f->dir);
    assert_int_equal(blobs_open(f->dir, &f->blobs, NULL), ERR_NONE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    blobs_close(f->blobs);
    sandbox_remove(f->dir);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    blobs_close(f->blobs);
    assert_int_equal(blobs_open(f->dir, &f->blobs, NULL), ERR_NONE);
}

struct hash {
    char text[65];
};

static struct hash hash_of(const char *text)
{
    struct hash hash;

    sha256_hex(span_of(text), hash.text);
    return hash;
}

/* Stages a text; gives its hash. */
static enum errc stage(struct blobs *b, const char *text, struct hash *out)
{
    struct blob_writer *w = NULL;
    enum errc errc = blob_write_begin(b, &w, NULL);

    if (errc == ERR_NONE) {
        errc = blob_write(w, span_of(text), NULL);
        if (errc != ERR_NONE) {
            blob_abort(w);
        }
    }
    return errc == ERR_NONE ? blob_stage(w, out->text, NULL) : errc;
}

static struct hash staged(struct fixture *f, const char *text)
{
    struct hash hash;

    assert_int_equal(stage(f->blobs, text, &hash), ERR_NONE);
    assert_string_equal(hash.text, hash_of(text).text);
    return hash;
}

enum place { NOWHERE = 0, STAGED = 1, PUBLISHED = 2 };

static int places_of(struct fixture *f, struct hash hash)
{
    AUTO(free_ptr) char *in_staging = xasprintf("%s/staging/%s", f->dir, hash.text);
    AUTO(free_ptr) char *in_files = xasprintf("%s/files/%.2s/%s", f->dir, hash.text, hash.text);

    return (access(in_staging, F_OK) == 0 ? STAGED : 0) |
           (access(in_files, F_OK) == 0 ? PUBLISHED : 0);
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int count_names(const char *dir)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_shown, NULL);

    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    return count;
}

static int count_staging(struct fixture *f)
{
    AUTO(free_ptr) char *dir = xasprintf("%s/staging", f->dir);

    return count_names(dir);
}

static int count_files(struct fixture *f)
{
    int count = 0;

    for (unsigned i = 0; i < 256; i++) {
        AUTO(free_ptr) char *dir = xasprintf("%s/files/%02x", f->dir, i);

        count += count_names(dir);
    }
    return count;
}

static void assert_content(struct fixture *f, struct hash hash, const char *text)
{
    char bytes[256] = "";
    int64_t size = -1;
    int fd = -1;

    assert_int_equal(blob_open(f->blobs, hash.text, &fd, &size), ERR_NONE);
    assert_int_equal(size, strlen(text));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
    (void)close(fd);
}

static bool nobody(void *arg, const char *sha256)
{
    (void)arg;
    (void)sha256;
    return false;
}

static bool only(void *arg, const char *sha256)
{
    return strcmp(arg, sha256) == 0;
}

/* ---- the usual way ------------------------------------------------------------------------------- */

static void test_stage_and_publish(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "hello");

    assert_int_equal(places_of(f, a), STAGED);
    assert_content(f, a, "hello");         /* readable before it is published */
    assert_int_equal(count_staging(f), 1); /* no tmp-… is left */
    blob_publish(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    assert_content(f, a, "hello");
    blob_publish(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    reopen(f);
    assert_content(f, a, "hello");
    blob_remove(f->blobs, a.text);
    blob_remove(f->blobs, a.text);
    assert_int_equal(places_of(f, a), NOWHERE);
}

/* Only what is published, each content once, and after a budget of nothing one part of the folder at a time. */
static void test_how_much_there_is(void **state)
{
    struct fixture *f = *state;
    struct blobs_usage usage = blobs_count(f->blobs, 10000);
    struct hash held;
    int parts = 0;

    assert_true(usage.is_whole && usage.files == 0 && usage.bytes == 0);
    for (int i = 0; i < 40; i++) {
        AUTO(free_ptr) char *text = xasprintf("%03d", i);
        struct hash hash = staged(f, text);

        blob_publish(f->blobs, hash.text);
        hash = staged(f, text); /* once more the same */
        blob_publish(f->blobs, hash.text);
    }
    held = staged(f, "not yet");
    usage = blobs_count(f->blobs, 10000);
    assert_int_equal(usage.files, 40);
    assert_int_equal(usage.bytes, 40 * 3);
    blob_publish(f->blobs, held.text);
    assert_int_equal(blobs_count(f->blobs, 10000).bytes, 40 * 3 + 7);
    blob_remove(f->blobs, held.text);
    for (parts = 0; parts < 256; parts++) {
        usage = blobs_count(f->blobs, 0);
    }
    assert_int_equal(usage.files, 40);
    reopen(f);
    for (parts = 0; !usage.is_whole || parts == 0; parts++) {
        usage = blobs_count(f->blobs, 0);
    }
    assert_int_equal(parts, 256);
    assert_true(usage.files == 40 && usage.bytes == 40 * 3);
}

static void test_writer(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *w = NULL;
    char chunk[1000];
    char back[1000];
    struct hash hash;
    struct hash empty;
    struct sha256 expected;
    struct hash expected_hash;

    sha256_init(&expected);
    assert_int_equal(blob_write_begin(f->blobs, &w, NULL), ERR_NONE);
    assert_int_equal(blob_read_at(w, 0, back, sizeof back), 0);
    for (int i = 0; i < 10; i++) {
        memset(chunk, 'a' + i, sizeof chunk);
        assert_int_equal(blob_write(w, (struct span){chunk, sizeof chunk}, NULL), ERR_NONE);
        sha256_update(&expected, chunk, sizeof chunk);
        assert_int_equal(blob_written(w), (i + 1) * 1000);
        assert_int_equal(blob_read_at(w, i * 1000, back, sizeof back), 1000); /* moves nothing */
        assert_memory_equal(back, chunk, sizeof chunk);
    }
    assert_int_equal(blob_write(w, SPAN_NONE, NULL), ERR_NONE);
    assert_int_equal(blob_read_at(w, 3500, back, sizeof back), 1000);
    assert_int_equal(back[499], 'd');
    assert_int_equal(back[500], 'e');
    assert_int_equal(blob_read_at(w, 9990, back, sizeof back), 10);
    assert_int_equal(back[9], 'j');
    assert_int_equal(blob_read_at(w, 10000, back, sizeof back), 0);
    assert_int_equal(blob_read_at(w, INT64_MAX - 1000, back, sizeof back), 0);
    sha256_final_hex(&expected, expected_hash.text);
    assert_int_equal(blob_stage(w, hash.text, NULL), ERR_NONE);
    assert_string_equal(hash.text, expected_hash.text);

    assert_int_equal(blob_write_begin(f->blobs, &w, NULL), ERR_NONE);
    assert_int_equal(blob_stage(w, empty.text, NULL), ERR_NONE);
    assert_string_equal(empty.text, hash_of("").text);
    assert_content(f, empty, "");

    assert_int_equal(blob_write_begin(f->blobs, &w, NULL), ERR_NONE);
    assert_int_equal(blob_write(w, SPAN_LIT("x"), NULL), ERR_NONE);
    assert_int_equal(count_staging(f), 3);
    blob_abort(w);
    blob_abort(NULL);
    assert_int_equal(count_staging(f), 2);
}

static void test_modes(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "private");
    AUTO(free_ptr) char *file = xasprintf("%s/staging/%s", f->dir, a.text);
    AUTO(free_ptr) char *staging = xasprintf("%s/staging", f->dir);
    AUTO(free_ptr) char *shard = xasprintf("%s/files/00", f->dir);
    struct stat st;

    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(staging, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(shard, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(blobs_free_bytes(f->blobs) > 0);
}

static void test_folder_that_cannot_be_made(void **state)
{
    struct fixture *f = *state;
    AUTO(free_ptr) char *file = xasprintf("%s/file", f->dir);
    AUTO(free_ptr) char *below = xasprintf("%s/file/data", f->dir);
    AUTO(free_ptr) char *deep = xasprintf("%s/a/b/c", f->dir);
    struct blobs *b = NULL;
    struct err e = ERR_INIT;
    int fd = open(file, O_CREAT | O_WRONLY, 0600);

    (void)close(fd);
    assert_int_not_equal(blobs_open(below, &b, &e), ERR_NONE);
    assert_non_null(strstr(e.detail, below));
    assert_null(b);
    assert_int_equal(blobs_open(deep, &b, &e), ERR_NONE);
    blobs_close(b);
    blobs_close(NULL);
}

/* ---- what is no hash ----------------------------------------------------------------------------- */

static void test_hostile_hashes(void **state)
{
    static const char *const texts[] = {
        NULL,
        "",
        ".",
        "..",
        "/etc/passwd",
        "../../../../../../../../../../../../../../../../../../../../etc/pass", /* 64 bytes */
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982",      /* 63 */
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244",    /* 65 */
        "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982/",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982\n",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98g4",
        "tmp-00000000-0000-4000-8000-000000000000",
        "../staging/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043",
    };
    struct fixture *f = *state;
    struct hash a = staged(f, "hello");

    blob_publish(f->blobs, a.text);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t size = -5;
        int fd = -5;

        assert_int_equal(blob_open(f->blobs, texts[i], &fd, &size), ERR_NOT_FOUND);
        assert_int_equal(fd, -5);
        assert_int_equal(size, -5);
        blob_publish(f->blobs, texts[i]);
        blob_unstage(f->blobs, texts[i]);
        blob_remove(f->blobs, texts[i]);
    }
    assert_content(f, a, "hello");
}

static void test_no_symbolic_links(void **state)
{
    struct fixture *f = *state;
    struct hash a = hash_of("link");
    AUTO(free_ptr) char *in_files = xasprintf("%s/files/%.2s/%s", f->dir, a.text, a.text);
    int64_t size = 0;
    int fd = -1;

    assert_int_equal(blob_open(f->blobs, a.text, &fd, &size), ERR_NOT_FOUND);
    assert_int_equal(symlink("/etc/passwd", in_files), 0);
    assert_int_equal(blob_open(f->blobs, a.text, &fd, &size), ERR_INTERNAL_ERROR);
    assert_int_equal(fd, -1);
    assert_int_equal(unlink(in_files), 0);
    assert_int_equal(mkdir(in_files, 0700), 0);
    assert_int_equal(blob_open(f->blobs, a.text, &fd, &size), ERR_INTERNAL_ERROR);
}

/* ---- the same content twice ---------------------------------------------------------------------- */

static void test_same_content_is_kept_once(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "same");
    AUTO(free_ptr) char *path = xasprintf("%s/files/%.2s/%s", f->dir, a.text, a.text);
    struct stat before;
    struct stat after;

    (void)staged(f, "same");
    assert_int_equal(count_staging(f), 1);
    blob_publish(f->blobs, a.text);
    blob_publish(f->blobs, a.text);
    assert_int_equal(stat(path, &before), 0);
    (void)staged(f, "same");
    assert_int_equal(count_staging(f), 0); /* the published one does */
    blob_publish(f->blobs, a.text);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void test_unstage(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "one job");

    blob_unstage(f->blobs, a.text);
    assert_int_equal(places_of(f, a), NOWHERE);

    /* Two make it; one gives up, in either order. */
    a = staged(f, "two jobs");
    (void)staged(f, "two jobs");
    blob_unstage(f->blobs, a.text);
    assert_int_equal(places_of(f, a), STAGED);
    blob_publish(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    (void)staged(f, "two jobs");
    blob_unstage(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
}

/* A job is deleted while another has just made the same bytes and is not yet committed. */
static void test_removal_spares_what_is_held(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "again");

    blob_publish(f->blobs, a.text);
    (void)staged(f, "again"); /* finds the published one */
    blob_remove(f->blobs, a.text);
    assert_int_equal(places_of(f, a), STAGED);
    assert_content(f, a, "again");
    blob_publish(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);

    /* … and gives up after all: then nobody wants it. */
    (void)staged(f, "again");
    blob_remove(f->blobs, a.text);
    blob_unstage(f->blobs, a.text);
    assert_int_equal(places_of(f, a), NOWHERE);

    /* Only the last of several lets it go. */
    (void)staged(f, "again");
    (void)staged(f, "again");
    blob_publish(f->blobs, a.text);
    blob_remove(f->blobs, a.text);
    assert_int_equal(places_of(f, a), STAGED);
    blob_publish(f->blobs, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    blob_remove(f->blobs, a.text);
    assert_int_equal(places_of(f, a), NOWHERE);
}

/* ---- crashes, step by step ----------------------------------------------------------------------- */

/* A crash is a reopening without the holds and with what is on the disk. */

static void test_crash_while_writing(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *w = NULL;

    assert_int_equal(blob_write_begin(f->blobs, &w, NULL), ERR_NONE);
    assert_int_equal(blob_write(w, SPAN_LIT("half"), NULL), ERR_NONE);
    blob_recover(f->blobs, nobody, NULL);
    assert_int_equal(count_staging(f), 0);
    assert_int_equal(count_files(f), 0);
    blob_abort(w);
}

static void test_crash_before_the_commit(void **state)
{
    struct fixture *f = *state;

    (void)staged(f, "staged");
    reopen(f);
    blob_recover(f->blobs, nobody, NULL);
    assert_int_equal(count_staging(f), 0);
    assert_int_equal(count_files(f), 0);
}

static void test_crash_after_the_commit(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "staged");

    (void)staged(f, "another");
    reopen(f);
    blob_recover(f->blobs, only, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    assert_int_equal(count_staging(f), 0);
    assert_int_equal(count_files(f), 1);
    assert_content(f, a, "staged");
    blob_recover(f->blobs, only, a.text); /* again, after a crash in the middle of it */
    assert_int_equal(places_of(f, a), PUBLISHED);
}

static void test_crash_after_publishing(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "staged");

    blob_publish(f->blobs, a.text);
    reopen(f);
    blob_recover(f->blobs, only, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
}

/* A loss of power may undo the rename of a publication: both names, or the old one. */
static void test_crash_that_undoes_a_rename(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "staged");
    AUTO(free_ptr) char *in_staging = xasprintf("%s/staging/%s", f->dir, a.text);
    AUTO(free_ptr) char *in_files = xasprintf("%s/files/%.2s/%s", f->dir, a.text, a.text);

    assert_int_equal(link(in_staging, in_files), 0);
    reopen(f);
    blob_recover(f->blobs, only, a.text);
    assert_int_equal(places_of(f, a), PUBLISHED);
    assert_content(f, a, "staged");
}

static void test_crash_after_a_removal_was_put_off(void **state)
{
    struct fixture *f = *state;
    struct hash a = staged(f, "again");

    blob_publish(f->blobs, a.text);
    (void)staged(f, "again");
    blob_remove(f->blobs, a.text);
    reopen(f);
    blob_recover(f->blobs, nobody, NULL);
    assert_int_equal(places_of(f, a), NOWHERE);
}

static void test_recovery_leaves_other_names_alone(void **state)
{
    struct fixture *f = *state;
    AUTO(free_ptr) char *note = xasprintf("%s/staging/README", f->dir);
    int fd = open(note, O_CREAT | O_WRONLY, 0600);

    (void)close(fd);
    blob_recover(f->blobs, nobody, NULL);
    assert_int_equal(access(note, F_OK), 0);
}

/* ---- crashes at any time ------------------------------------------------------------------------- */

#define CONTENTS 40

enum row { NO_ROW, ROW_USED, ROW_TRASH };

/* The store of this test: rows that survive the child. Storing one is a commit. */
struct rows {
    volatile enum row row[CONTENTS];
};

static void content_of(int i, char text[64])
{
    (void)snprintf(text, 64, "content %d", i);
}

struct life {
    struct fixture *f;
    struct rows *rows;
    unsigned seed;
};

static void make_content(struct blobs *b, const char *text, volatile enum row *row,
                         bool is_given_up)
{
    struct hash hash;

    child_check(stage(b, text, &hash) == ERR_NONE);
    if (is_given_up) {
        blob_unstage(b, hash.text);
        return;
    }
    *row = ROW_USED;
    blob_publish(b, hash.text);
}

static void unmake_content(struct blobs *b, const char *text, volatile enum row *row)
{
    struct hash hash = hash_of(text);

    *row = ROW_TRASH;
    blob_remove(b, hash.text);
    *row = NO_ROW;
}

/* What the engine does with a content, over and over, until it is killed. */
static void live_until_killed(void *arg)
{
    const struct life *life = arg;
    struct blobs *b = NULL;

    child_check(blobs_open(life->f->dir, &b, NULL) == ERR_NONE);
    for (unsigned n = life->seed;; n = n * 1103515245u + 12345u) {
        int i = (int)((n >> 16) % CONTENTS);
        char text[64];

        content_of(i, text);
        if (life->rows->row[i] == NO_ROW || (n >> 8) % 2 == 0) {
            make_content(b, text, &life->rows->row[i], (n >> 9) % 4 == 0);
        } else {
            unmake_content(b, text, &life->rows->row[i]);
        }
    }
}

static bool is_used(void *arg, const char *sha256)
{
    const struct rows *rows = arg;

    for (int i = 0; i < CONTENTS; i++) {
        char text[64];

        content_of(i, text);
        if (strcmp(hash_of(text).text, sha256) == 0) {
            return rows->row[i] == ROW_USED;
        }
    }
    return false;
}

static void check_after_crash(struct fixture *f, struct rows *rows)
{
    int used = 0;

    reopen(f);
    blob_recover(f->blobs, is_used, rows);
    for (int i = 0; i < CONTENTS; i++) {
        char text[64];

        content_of(i, text);
        if (rows->row[i] == ROW_TRASH) {
            blob_remove(f->blobs, hash_of(text).text);
            rows->row[i] = NO_ROW;
        }
        if (rows->row[i] == ROW_USED) {
            assert_content(f, hash_of(text), text);
            used++;
        }
    }
    assert_int_equal(count_staging(f), 0);
    assert_int_equal(count_files(f), used);
}

static void test_kill_at_any_time(void **state)
{
    struct fixture *f = *state;
    struct rows *rows =
        mmap(NULL, sizeof *rows, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(rows != MAP_FAILED);
    for (unsigned round = 0; round < 60; round++) {
        struct life life = {f, rows, round * 7919u + 1};

        kill_while(live_until_killed, &life, 5000 + (round * 37 % 20) * 1000);
        check_after_crash(f, rows);
    }
    (void)munmap(rows, sizeof *rows);
}

/* ---- threads ------------------------------------------------------------------------------------- */

#define STAGINGS 200

static void *stage_many(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < STAGINGS; i++) {
        struct hash hash;
        char text[64];

        content_of(i % 5, text);
        if (stage(f->blobs, text, &hash) != ERR_NONE) {
            return f;
        }
        if (i % 3 == 0) {
            blob_unstage(f->blobs, hash.text);
        } else {
            blob_publish(f->blobs, hash.text);
        }
    }
    return NULL;
}

/* While one thread removes, what another holds stays readable. */
static void test_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[3];
    void *failed = NULL;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, stage_many, f), 0);
    }
    for (int i = 0; i < STAGINGS; i++) {
        struct hash hash;
        char text[64];
        int64_t size = 0;
        int fd = -1;

        content_of(i % 5, text);
        assert_int_equal(stage(f->blobs, text, &hash), ERR_NONE);
        blob_remove(f->blobs, hash.text);
        assert_int_equal(blob_open(f->blobs, hash.text, &fd, &size), ERR_NONE);
        (void)close(fd);
        blob_unstage(f->blobs, hash.text);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    for (int i = 0; i < 5; i++) {
        char text[64];

        content_of(i, text);
        blob_remove(f->blobs, hash_of(text).text);
    }
    assert_int_equal(count_staging(f), 0);
    assert_int_equal(count_files(f), 0);
}

/* ---- a full disk --------------------------------------------------------------------------------- */

static void fill_disk(const char *dir)
{
    static char chunk[65536];
    struct blobs *b = NULL;
    struct blob_writer *w = NULL;
    struct hash hash;
    struct err e = ERR_INIT;
    enum errc errc = ERR_NONE;
    int chunks = 0;

    child_check(blobs_open(dir, &b, NULL) == ERR_NONE);
    child_check(blob_write_begin(b, &w, NULL) == ERR_NONE);
    while (errc == ERR_NONE && chunks < 1000) {
        errc = blob_write(w, (struct span){chunk, sizeof chunk}, &e);
        chunks++;
    }
    child_check(errc == ERR_INSUFFICIENT_STORAGE);
    child_check(strstr(e.detail, dir) == NULL);
    child_check(chunks > 2);
    blob_abort(w);
    /* What did not fit is gone, and the next one fits again. */
    child_check(stage(b, "small", &hash) == ERR_NONE);
    blob_publish(b, hash.text);
    blobs_close(b);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;

    (void)on_small_disk(DISK_LIMIT, f->dir, 1024 * 1024, fill_disk);
    /* 256 folders take a page each. */
    (void)on_small_disk(DISK_TMPFS, f->dir, 4 * 1024 * 1024, fill_disk);
}

#define blob_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        blob_test(test_stage_and_publish),
        blob_test(test_how_much_there_is),
        blob_test(test_writer),
        blob_test(test_modes),
        blob_test(test_folder_that_cannot_be_made),
        blob_test(test_hostile_hashes),
        blob_test(test_no_symbolic_links),
        blob_test(test_same_content_is_kept_once),
        blob_test(test_unstage),
        blob_test(test_removal_spares_what_is_held),
        blob_test(test_crash_while_writing),
        blob_test(test_crash_before_the_commit),
        blob_test(test_crash_after_the_commit),
        blob_test(test_crash_after_publishing),
        blob_test(test_crash_that_undoes_a_rename),
        blob_test(test_crash_after_a_removal_was_put_off),
        blob_test(test_recovery_leaves_other_names_alone),
        blob_test(test_kill_at_any_time),
        blob_test(test_threads),
        blob_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
