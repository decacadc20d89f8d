/* test_store_asset.c - files that clients bring, files that jobs bring, what keeps a file, and what is past
 * its time. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

static void set_hash(char sha256[65], char letter)
{
    memset(sha256, letter, 64);
    sha256[64] = '\0';
}

static struct asset new_asset(const char *owner, char letter, int64_t used_at)
{
    struct asset a = {
        .id = id_new(),
        .owner = xstrdup_or_null(owner),
        .name = xstrdup("a \"cat\" \xe2\x98\x83.png"),
        .type = OUTPUT_IMAGE,
        .content_type = xstrdup("image/png"),
        .size_bytes = 12345678901,
        .width = 640,
        .height = 480,
        .duration_ms = 2500,
        .created_at = NOW,
        .used_at = used_at,
    };

    set_hash(a.sha256, letter);
    return a;
}

static struct job_file new_file(char letter)
{
    struct job_file file = {.name = ""};

    set_hash(file.sha256, letter);
    (void)snprintf(file.name, sizeof file.name, "comfygate/%s.png", file.sha256);
    return file;
}

static struct id add_asset(struct fixture *f, const char *owner, char letter, int64_t used_at)
{
    AUTO(asset_clear) struct asset a = new_asset(owner, letter, used_at);
    AUTO(asset_clear) struct asset known = {.name = NULL};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_asset_insert(f->w, &a, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(id_is_none(known.id));
    return a.id;
}

static void delete_asset(struct fixture *f, struct id asset)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_asset_delete(f->w, asset, NULL));
    assert_st(ST_OK, store_commit(f->w));
}

/* A waiting job that brings one file. */
static enum st add_job_with(struct fixture *f, char letter, struct id *job)
{
    AUTO(job_row_clear) struct job_row row = new_job();
    struct job_file file = new_file(letter);
    enum st st = ST_OK;

    *job = row.id;
    assert_st(ST_OK, store_begin(f->w));
    st = store_job_insert(
        f->w,
        &(struct arrival){.row = &row, .graph = SPAN_LIT("{}"), .file = &file, .file_count = 1},
        NULL, NULL);
    assert_st(ST_OK, store_commit(f->w));
    return st;
}

/* In the transaction that is open. */
static void write_end(struct fixture *f, struct id job, int64_t completed_at, bool is_starred)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};

    assert_st(ST_OK, store_writer_job(f->w, job, &row));
    row.status = JOB_SUCCEEDED;
    row.phase = PHASE_NONE;
    row.completed_at = completed_at;
    row.is_starred = is_starred;
    row.version++;
    assert_st(ST_OK, store_job_save(f->w, &row, row.version - 1));
}

static void end_job(struct fixture *f, struct id job, int64_t completed_at, bool is_starred)
{
    assert_st(ST_OK, store_begin(f->w));
    write_end(f, job, completed_at, is_starred);
    assert_st(ST_OK, store_commit(f->w));
}

static void delete_job(struct fixture *f, struct id job)
{
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_delete(f->w, job));
    assert_st(ST_OK, store_commit(f->w));
}

static bool is_used(struct fixture *f, char letter)
{
    char sha256[65];
    enum st st = ST_OK;

    set_hash(sha256, letter);
    st = store_file_is_used(f->w, sha256);
    assert_true(st == ST_OK || st == ST_NONE);
    return st == ST_OK;
}

static void note_letter(void *arg, const char *sha256)
{
    char *letters = arg;

    letters[strlen(letters)] = sha256[0];
}

/* Files on the trash list, by their letters; a file is there or used, never both. */
static void assert_trash(struct fixture *f, const char *expected)
{
    char letters[32] = "";

    assert_st(ST_OK, store_trash(f->w, 16, note_letter, letters));
    assert_string_equal(letters, expected);
    for (const char *at = letters; *at != '\0'; at++) {
        assert_false(is_used(f, *at));
    }
}

/* ---- assets -------------------------------------------------------------------------------------- */

static void assert_same_asset(const struct asset *a, const struct asset *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_same_text(a->owner, b->owner);
    assert_string_equal(a->sha256, b->sha256);
    assert_same_text(a->name, b->name);
    assert_int_equal(a->type, b->type);
    assert_string_equal(a->content_type, b->content_type);
    assert_int_equal(a->size_bytes, b->size_bytes);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->duration_ms, b->duration_ms);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->used_at, b->used_at);
}

static void test_asset_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    AUTO(asset_clear) struct asset full = new_asset("alice", 'a', NOW + 5);
    AUTO(asset_clear)
    struct asset bare = {.id = id_new(), .type = OUTPUT_FILE, .content_type = xstrdup("x/y")};
    AUTO(asset_clear) struct asset known = {.name = NULL};
    const struct asset *both[] = {&full, &bare};

    set_hash(bare.sha256, 'b');
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_asset_insert(f->w, &full, &known));
    assert_st(ST_OK, store_asset_insert(f->w, &bare, &known));
    assert_st(ST_OK, store_commit(f->w));
    fixture_close(f);
    fixture_open(f);
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        AUTO(asset_clear) struct asset by_id = {.name = NULL};
        AUTO(asset_clear) struct asset by_file = {.name = NULL};

        assert_st(ST_OK, store_asset(f->r, both[i]->id, &by_id));
        assert_same_asset(both[i], &by_id);
        assert_st(ST_OK, store_asset_by_file(f->r, both[i]->owner, both[i]->sha256, &by_file));
        assert_same_asset(both[i], &by_file);
    }
    known.width = 7;
    assert_st(ST_NONE, store_asset(f->r, id_new(), &known));
    assert_st(ST_NONE, store_asset_by_file(f->r, "bob", full.sha256, &known));
    assert_st(ST_NONE, store_asset_by_file(f->r, NULL, full.sha256, &known));
    assert_int_equal(known.width, 7);
}

/* The second time the same owner brings a content, it is the first one's, and lives anew. */
static void test_same_content_again(void **state)
{
    struct fixture *f = *state;
    struct id first = add_asset(f, NULL, 'a', NOW);
    AUTO(asset_clear) struct asset again = new_asset(NULL, 'a', NOW + 9);
    AUTO(asset_clear) struct asset known = {.name = NULL};
    AUTO(asset_clear) struct asset read = {.name = NULL};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, store_asset_insert(f->w, &again, &known));
    assert_st(ST_OK, store_commit(f->w)); /* a conflict leaves the transaction usable */
    assert_true(id_eq(known.id, first));
    assert_int_equal(known.used_at, NOW + 9);
    assert_int_equal(known.created_at, NOW);
    assert_st(ST_NONE, store_asset(f->r, again.id, &read));
    assert_st(ST_OK, store_asset(f->r, first, &read));
    assert_int_equal(read.used_at, NOW + 9);

    /* A clock that was set back does not shorten its life. */
    asset_clear(&known);
    again.used_at = NOW - 1;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, store_asset_insert(f->w, &again, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_int_equal(known.used_at, NOW + 9);
}

/* Each owner has an asset of their own; the file goes with the last of them. */
static void test_two_owners_of_one_content(void **state)
{
    struct fixture *f = *state;
    struct id alice = add_asset(f, "alice", 'a', NOW);
    struct id bob = add_asset(f, "bob", 'a', NOW);
    struct id nobody = add_asset(f, NULL, 'a', NOW);
    AUTO(asset_clear) struct asset again = new_asset("bob", 'a', NOW + 9);
    AUTO(asset_clear) struct asset known = {.name = NULL};
    AUTO(asset_clear) struct asset read = {.name = NULL};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, store_asset_insert(f->w, &again, &known));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(id_eq(known.id, bob));
    assert_st(ST_OK, store_asset(f->r, alice, &read));
    assert_int_equal(read.used_at, NOW); /* what bob does is nothing to alice */

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_asset_delete(f->w, alice, "bob"));
    assert_st(ST_OK, store_asset_delete(f->w, alice, "alice"));
    assert_st(ST_NONE, store_asset_delete(f->w, alice, "alice"));
    assert_st(ST_NONE, store_asset_delete(f->w, id_new(), NULL));
    assert_st(ST_OK, store_commit(f->w));
    delete_asset(f, nobody);
    assert_true(is_used(f, 'a'));
    assert_trash(f, "");
    delete_asset(f, bob);
    assert_trash(f, "a");
    /* Brought again before it was taken away. */
    (void)add_asset(f, "alice", 'a', NOW);
    assert_trash(f, "");
    assert_true(is_used(f, 'a'));
}

static void test_rolled_back_asset(void **state)
{
    struct fixture *f = *state;
    struct id kept = add_asset(f, NULL, 'a', NOW);
    AUTO(asset_clear) struct asset b = new_asset(NULL, 'b', NOW);
    AUTO(asset_clear) struct asset known = {.name = NULL};

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_asset_insert(f->w, &b, &known));
    assert_st(ST_OK, store_asset_delete(f->w, kept, NULL));
    assert_trash(f, ""); /* not while the deletion may be rolled back */
    store_rollback(f->w);
    assert_true(is_used(f, 'a'));
    assert_false(is_used(f, 'b'));
    assert_trash(f, "");
}

/* ---- files of jobs ------------------------------------------------------------------------------- */

static void test_job_files(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(free_ptr) struct job_file *read = NULL;
    AUTO(free_ptr) struct job_file *none = NULL;
    struct job_file file[] = {new_file('b'), new_file('a'), new_file('c')};
    size_t count = 7;

    for (size_t i = 0; i < COUNT_OF(file); i++) {
        (void)add_asset(f, NULL, file[i].sha256[0], NOW);
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_insert(f->w,
                                      &(struct arrival){.row = &row,
                                                        .graph = SPAN_LIT("{}"),
                                                        .file = file,
                                                        .file_count = COUNT_OF(file)},
                                      NULL, NULL));
    assert_st(ST_OK, store_commit(f->w));
    fixture_close(f);
    fixture_open(f);
    assert_st(ST_OK, store_writer_files(f->w, row.id, &read, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        struct job_file expected = new_file((char)('a' + i));

        assert_string_equal(read[i].sha256, expected.sha256);
        assert_string_equal(read[i].name, expected.name);
    }
    assert_st(ST_OK, store_writer_files(f->w, add_new_job(f), &none, &count));
    assert_int_equal(count, 0);
    assert_null(none);
}

/* An asset is used by whose job brings it, not by others'. */
static void test_job_uses_assets(void **state)
{
    struct fixture *f = *state;
    struct id mine = add_asset(f, NULL, 'a', NOW);
    struct id theirs = add_asset(f, "alice", 'a', NOW);
    AUTO(asset_clear) struct asset read_mine = {.name = NULL};
    AUTO(asset_clear) struct asset read_theirs = {.name = NULL};
    struct id job;

    assert_st(ST_OK, add_job_with(f, 'a', &job));
    assert_st(ST_OK, store_asset(f->r, mine, &read_mine));
    assert_st(ST_OK, store_asset(f->r, theirs, &read_theirs));
    assert_true(read_mine.used_at > NOW);
    assert_int_equal(read_theirs.used_at, NOW);
}

/* A file stays for as long as the job that brings it is open, whatever else is removed. */
static void test_open_job_keeps_its_file(void **state)
{
    struct fixture *f = *state;
    AUTO(free_ptr) struct job_file *files = NULL;
    size_t count = 7;
    struct id job;
    struct id asset = add_asset(f, NULL, 'a', NOW);

    assert_st(ST_OK, add_job_with(f, 'a', &job));
    delete_asset(f, asset);
    assert_true(is_used(f, 'a'));
    assert_trash(f, "");
    assert_st(ST_OK, store_begin(f->w));
    write_end(f, job, NOW, false);
    assert_trash(f, ""); /* not while the end may be rolled back */
    store_rollback(f->w);
    assert_true(is_used(f, 'a'));
    assert_trash(f, "");
    end_job(f, job, NOW, false);
    assert_trash(f, "a");
    assert_st(ST_OK, store_writer_files(f->w, job, &files, &count));
    assert_int_equal(count, 0);
}

static void test_deleted_output_of_another_job(void **state)
{
    struct fixture *f = *state;
    struct id maker = add_new_job(f);
    struct id user;

    add_output(f, maker, 0, 'a');
    assert_st(ST_OK, add_job_with(f, 'a', &user));
    end_job(f, maker, NOW, false);
    delete_job(f, maker);
    assert_true(is_used(f, 'a'));
    assert_trash(f, "");
    delete_job(f, user); /* as it is; the engine deletes ended ones only */
    assert_trash(f, "a");
}

static void test_file_of_two_jobs(void **state)
{
    struct fixture *f = *state;
    struct id asset = add_asset(f, NULL, 'a', NOW);
    struct id first;
    struct id second;

    assert_st(ST_OK, add_job_with(f, 'a', &first));
    assert_st(ST_OK, add_job_with(f, 'a', &second));
    delete_asset(f, asset);
    end_job(f, first, NOW, false);
    assert_trash(f, "");
    add_output(f, second, 0, 'a'); /* it gives back what it was given */
    end_job(f, second, NOW, false);
    assert_trash(f, "");
    delete_job(f, second);
    assert_trash(f, "a");
}

/* ---- what keeps a file, in every order ------------------------------------------------------------ */

enum holder { AN_ASSET, ANOTHERS_ASSET, AN_OUTPUT, AN_OPEN_JOB, HOLDERS };

#define ORDERS  24 /* of four */
#define MANNERS 4  /* in which they can go: two of the output, two of the open job */

struct held {
    struct id asset;
    struct id anothers_asset;
    struct id maker;
    struct id user;
};

static struct held hold_in_every_way(struct fixture *f)
{
    struct held h = {.asset = add_asset(f, NULL, 'a', NOW),
                     .anothers_asset = add_asset(f, "alice", 'a', NOW),
                     .maker = add_new_job(f)};

    add_output(f, h.maker, 0, 'a');
    end_job(f, h.maker, NOW, false);
    assert_st(ST_OK, add_job_with(f, 'a', &h.user));
    assert_true(is_used(f, 'a'));
    assert_trash(f, ""); /* also when it was on the list before */
    return h;
}

static void let_go(struct fixture *f, const struct held *h, enum holder holder, unsigned manner)
{
    switch (holder) {
    case AN_ASSET:
        assert_st(ST_OK, store_asset_delete(f->w, h->asset, NULL));
        return;
    case ANOTHERS_ASSET:
        assert_st(ST_OK, store_asset_delete(f->w, h->anothers_asset, "alice"));
        return;
    case AN_OUTPUT:
        assert_st(ST_OK, (manner & 1) != 0 ? store_outputs_delete(f->w, h->maker)
                                           : store_job_delete(f->w, h->maker));
        return;
    case AN_OPEN_JOB:
        if ((manner & 2) != 0) {
            write_end(f, h->user, NOW, false);
        } else {
            assert_st(ST_OK, store_job_delete(f->w, h->user));
        }
        return;
    case HOLDERS:
        fail();
    }
}

/* Each number below ORDERS is another order. */
static void order_of(unsigned number, enum holder out[HOLDERS])
{
    enum holder left[HOLDERS] = {AN_ASSET, ANOTHERS_ASSET, AN_OUTPUT, AN_OPEN_JOB};

    for (unsigned count = HOLDERS; count > 0; count--) {
        unsigned at = number % count;

        number /= count;
        out[HOLDERS - count] = left[at];
        left[at] = left[count - 1];
    }
}

static void take_out_trash(struct fixture *f)
{
    char sha256[65];

    set_hash(sha256, 'a');
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_trash_done(f->w, sha256));
    assert_st(ST_OK, store_commit(f->w));
    assert_trash(f, "");
}

/* The file goes with the last that names it: not before, and not without being told of. */
static void test_file_goes_with_the_last(void **state)
{
    struct fixture *f = *state;

    for (unsigned run = 0; run < ORDERS * MANNERS; run++) {
        struct held h = hold_in_every_way(f);
        enum holder order[HOLDERS];

        order_of(run / MANNERS, order);
        for (size_t i = 0; i < HOLDERS; i++) {
            assert_true(is_used(f, 'a'));
            assert_trash(f, "");
            assert_st(ST_OK, store_begin(f->w));
            let_go(f, &h, order[i], run % MANNERS);
            assert_st(ST_OK, store_commit(f->w));
        }
        assert_trash(f, "a");
        if (run % 2 == 0) {
            take_out_trash(f); /* else it comes back before anybody has removed it */
        }
    }
}

/* The same when one turn of the engine removes them all. */
static void test_file_goes_with_all_at_once(void **state)
{
    struct fixture *f = *state;

    for (unsigned run = 0; run < ORDERS * MANNERS; run++) {
        struct held h = hold_in_every_way(f);
        enum holder order[HOLDERS];

        order_of(run / MANNERS, order);
        assert_st(ST_OK, store_begin(f->w));
        for (size_t i = 0; i < HOLDERS; i++) {
            let_go(f, &h, order[i], run % MANNERS);
        }
        assert_trash(f, ""); /* the transaction may still fail */
        assert_st(ST_OK, store_commit(f->w));
        assert_trash(f, "a");
    }
}

/* ---- submissions that cannot be ------------------------------------------------------------------ */

static void assert_nothing_of(struct fixture *f, const struct arrival *n)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    AUTO(buf_clear) struct buf graph = BUF_INIT(100);
    AUTO(free_ptr) struct job_file *files = NULL;
    AUTO(asset_clear) struct asset asset = {.name = NULL};
    size_t count = 7;

    assert_st(ST_NONE, store_job(f->r, n->row->id, &row));
    assert_st(ST_NONE, store_graph(f->r, n->row->id, &graph));
    assert_st(ST_OK, store_writer_files(f->w, n->row->id, &files, &count));
    assert_int_equal(count, 0);
    for (size_t i = 0; i < n->asset_count; i++) {
        assert_st(ST_NONE, store_asset(f->r, n->asset[i].id, &asset));
        assert_false(is_used(f, n->asset[i].sha256[0]));
    }
}

static void test_assets_come_with_a_job(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(asset_clear) struct asset read = {.name = NULL};
    struct asset asset[] = {new_asset(NULL, 'a', NOW), new_asset(NULL, 'b', NOW)};
    struct job_file file[] = {new_file('a'), new_file('b')};
    struct arrival n = {.row = &row,
                        .graph = SPAN_LIT("{}"),
                        .file = file,
                        .file_count = 2,
                        .asset = asset,
                        .asset_count = 2};
    struct id known = add_asset(f, NULL, 'b', NOW);

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_insert(f->w, &n, NULL, NULL));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_asset(f->r, asset[0].id, &read));
    asset_clear(&read);
    assert_st(ST_NONE, store_asset(f->r, asset[1].id, &read)); /* there is one already */
    delete_asset(f, asset[0].id);
    delete_asset(f, known);
    assert_trash(f, "");
    end_job(f, row.id, NOW, false);
    assert_trash(f, "ab");
    for (size_t i = 0; i < COUNT_OF(asset); i++) {
        asset_clear(&asset[i]);
    }
}

/* A file that was removed meanwhile: nothing is left of the submission, and its key is free. */
static void test_missing_file(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row row = new_job();
    AUTO(asset_clear) struct asset along = new_asset(NULL, 'b', NOW);
    struct job_file file[] = {new_file('b'), new_file('a')};
    struct idempotency idem = {.owner = NULL, .key = "k", .expires_at = INT64_MAX};
    struct arrival n = {.row = &row,
                        .graph = SPAN_LIT("{}"),
                        .file = file,
                        .file_count = 2,
                        .asset = &along,
                        .asset_count = 1,
                        .idem = &idem};
    struct id known = ID_NONE;
    char known_sha256[65] = "";

    set_hash(idem.body_sha256, 'f');
    delete_asset(f, add_asset(f, NULL, 'a', NOW)); /* it was there once */
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_NONE, store_job_insert(f->w, &n, &known, known_sha256));
    assert_st(ST_OK, store_commit(f->w));
    assert_nothing_of(f, &n);
    assert_true(id_is_none(known));

    (void)add_asset(f, NULL, 'a', NOW);
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_insert(f->w, &n, &known, known_sha256));
    assert_st(ST_OK, store_commit(f->w));
}

/* The answer of a first request is known, whatever became of its files. */
static void test_replay_needs_no_files(void **state)
{
    struct fixture *f = *state;
    AUTO(job_row_clear) struct job_row first = new_job();
    AUTO(job_row_clear) struct job_row second = new_job();
    AUTO(asset_clear) struct asset along = new_asset(NULL, 'b', NOW);
    struct job_file file[] = {new_file('a'), new_file('b')};
    struct idempotency idem = {.owner = NULL, .key = "k", .expires_at = INT64_MAX};
    struct arrival n = {
        .row = &first, .graph = SPAN_LIT("{}"), .file = file, .file_count = 1, .idem = &idem};
    struct id known = ID_NONE;
    char known_sha256[65] = "";
    struct id asset = add_asset(f, NULL, 'a', NOW);

    set_hash(idem.body_sha256, 'f');
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_job_insert(f->w, &n, &known, known_sha256));
    assert_st(ST_OK, store_commit(f->w));
    end_job(f, first.id, NOW, false);
    delete_asset(f, asset);
    assert_false(is_used(f, 'a'));

    n.row = &second;
    n.file_count = 2;
    n.asset = &along;
    n.asset_count = 1;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_CONFLICT, store_job_insert(f->w, &n, &known, known_sha256));
    assert_st(ST_OK, store_commit(f->w));
    assert_true(id_eq(known, first.id));
    assert_int_equal(known_sha256[0], 'f');
    assert_nothing_of(f, &n);
}

/* ---- what is past its time ----------------------------------------------------------------------- */

static void note_id(void *arg, struct id id)
{
    id_list_add(arg, id);
}

typedef enum st expire_fn(struct store_writer *w, int64_t before, int limit,
                          void (*visit)(void *arg, struct id id), void *arg);

static void assert_expired(struct fixture *f, expire_fn *expire, int64_t before,
                           const struct id *expected, size_t count)
{
    AUTO(id_list_clear) struct id_list found = {0};

    assert_st(ST_OK, expire(f->w, before, 100, note_id, &found));
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found.item[i].text, expected[i].text);
    }
    found.count = 0;
    assert_st(ST_OK, expire(f->w, before, 1, note_id, &found));
    assert_int_equal(found.count, count > 0 ? 1 : 0);
    assert_st(ST_OK, expire(f->w, before, 0, note_id, &found));
    assert_int_equal(found.count, count > 0 ? 1 : 0);
}

static void test_jobs_expire(void **state)
{
    struct fixture *f = *state;
    struct id newer = add_new_job(f);
    struct id old = add_new_job(f);
    struct id older = add_new_job(f);
    struct id starred = add_new_job(f);
    struct id expected[] = {older, old};

    (void)add_new_job(f); /* waits: never */
    end_job(f, newer, NOW, false);
    end_job(f, old, NOW - 1, false);
    end_job(f, older, NOW - 1000, false);
    end_job(f, starred, NOW - 1000, true);
    assert_expired(f, store_jobs_expire, NOW, expected, 2);
    assert_expired(f, store_jobs_expire, NOW - 1000, expected, 0);
    end_job(f, starred, NOW - 5000, false);
    assert_expired(f, store_jobs_expire, NOW - 1000, &starred, 1);
}

static void add_output_of(struct fixture *f, struct id job, char letter, int64_t created_at)
{
    AUTO(job_output_clear) struct job_output output = new_output(job, 0, letter);

    output.created_at = created_at;
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_output_insert(f->w, &output));
    assert_st(ST_OK, store_commit(f->w));
}

static void test_outputs_expire(void **state)
{
    struct fixture *f = *state;
    struct id newer = add_new_job(f);
    struct id old = add_new_job(f);
    struct id starred = add_new_job(f);
    struct id open = add_new_job(f);
    AUTO(job_outputs_clear) struct job_outputs outputs = {0};
    AUTO(job_row_clear) struct job_row row = {.version = 0};

    add_output_of(f, newer, 'a', NOW);
    add_output_of(f, old, 'b', NOW - 1);
    add_output_of(f, starred, 'c', NOW - 1000);
    add_output_of(f, open, 'd', NOW - 1000);
    end_job(f, newer, NOW, false);
    end_job(f, old, NOW, false);
    end_job(f, starred, NOW, true);
    assert_expired(f, store_outputs_expire, NOW, &old, 1);
    assert_expired(f, store_outputs_expire, NOW - 1, &old, 0);

    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_outputs_delete(f->w, old));
    assert_st(ST_OK, store_commit(f->w));
    assert_st(ST_OK, store_outputs(f->r, old, &outputs));
    assert_int_equal(outputs.count, 0);
    assert_st(ST_OK, store_job(f->r, old, &row)); /* the job stays */
    assert_trash(f, "b");
    assert_expired(f, store_outputs_expire, NOW, &old, 0);
}

static void test_assets_expire(void **state)
{
    struct fixture *f = *state;
    struct id old = add_asset(f, NULL, 'a', NOW - 1);
    struct id older = add_asset(f, "alice", 'b', NOW - 1000);
    struct id expected[] = {older, old};
    struct id job;

    (void)add_asset(f, NULL, 'c', NOW);
    assert_expired(f, store_assets_expire, NOW, expected, 2);
    assert_expired(f, store_assets_expire, NOW - 1000, expected, 0);
    /* A job of its owner gives it a new life. */
    assert_st(ST_OK, add_job_with(f, 'a', &job));
    assert_expired(f, store_assets_expire, NOW, &older, 1);
}

struct remover {
    struct fixture *f;
    int count;
};

static void remove_asset(void *arg, struct id asset)
{
    struct remover *r = arg;

    assert_st(ST_OK, store_asset_delete(r->f->w, asset, NULL));
    r->count++;
}

static void remove_job(void *arg, struct id job)
{
    struct remover *r = arg;

    assert_st(ST_OK, store_job_delete(r->f->w, job));
    r->count++;
}

static void test_visitors_may_delete(void **state)
{
    struct fixture *f = *state;
    struct remover r = {.f = f};

    for (int i = 0; i < 20; i++) {
        struct id job = add_new_job(f);

        end_job(f, job, NOW - i, false);
        (void)add_asset(f, NULL, (char)('a' + i), NOW - i);
    }
    assert_st(ST_OK, store_begin(f->w));
    assert_st(ST_OK, store_jobs_expire(f->w, NOW + 1, 15, remove_job, &r));
    assert_int_equal(r.count, 15);
    assert_st(ST_OK, store_jobs_expire(f->w, NOW + 1, 15, remove_job, &r));
    assert_int_equal(r.count, 20);
    assert_st(ST_OK, store_assets_expire(f->w, NOW + 1, 15, remove_asset, &r));
    assert_int_equal(r.count, 35);
    assert_st(ST_OK, store_commit(f->w));
    assert_false(is_used(f, 't'));
    assert_true(is_used(f, 'a')); /* the youngest */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_asset_is_kept_whole),
        store_test(test_same_content_again),
        store_test(test_two_owners_of_one_content),
        store_test(test_rolled_back_asset),
        store_test(test_job_files),
        store_test(test_job_uses_assets),
        store_test(test_open_job_keeps_its_file),
        store_test(test_deleted_output_of_another_job),
        store_test(test_file_of_two_jobs),
        store_test(test_file_goes_with_the_last),
        store_test(test_file_goes_with_all_at_once),
        store_test(test_assets_come_with_a_job),
        store_test(test_missing_file),
        store_test(test_replay_needs_no_files),
        store_test(test_jobs_expire),
        store_test(test_outputs_expire),
        store_test(test_assets_expire),
        store_test(test_visitors_may_delete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
