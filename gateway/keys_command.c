#include "keys_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/key_options.h"
#include "store/store.h"

#define EXIT_USAGE 2
#define PAGE       100
#define JSON_MAX   (64U << 20)

struct keys_run {
    struct key_options options;
    struct config config;
    struct store *store;
};

char *database_url_of(const struct config *c)
{
    return c->database_url[0] != '\0' ? xstrdup(c->database_url)
                                      : xasprintf("sqlite:%s/comfygate.db", c->data_dir);
}

/* ---- the store ------------------------------------------------------------------------------- */

static enum errc store_says(enum st st, struct err *e)
{
    if (st == ST_OK) {
        return ERR_NONE;
    }
    return err_set(e, st == ST_FULL ? ERR_INSUFFICIENT_STORAGE : ERR_STORE_UNAVAILABLE,
                   "The job store cannot be used: %s.", store_reason());
}

/* Root may make the first key before the gateway was ever started: what is made belongs to whom the folder belongs to, for he
 * is who serves. */
static void give_away(const struct config *c)
{
    AUTO(free_ptr) char *path = xasprintf("%s/comfygate.db", c->data_dir);
    struct stat folder;
    struct stat file;

    if (geteuid() != 0 || c->database_url[0] != '\0' || stat(c->data_dir, &folder) != 0 ||
        lstat(path, &file) != 0 || file.st_uid == folder.st_uid) {
        return;
    }
    /* SQLite gives the files beside it to its owner by itself. */
    if (lchown(path, folder.st_uid, folder.st_gid) != 0) {
        log_warn("store_not_given_away", LOG_S("path", path));
    }
}

static enum errc open_store(struct keys_run *k, struct err *e)
{
    AUTO(free_ptr) char *url = database_url_of(&k->config);
    enum errc rc = ERR_NONE;

    if (!file_make_dirs(k->config.data_dir)) {
        return err_set(e, ERR_INTERNAL_ERROR, "The data folder %s cannot be made.",
                       k->config.data_dir);
    }
    rc = store_open(url, &k->store, e);
    if (rc == ERR_NONE) {
        give_away(&k->config);
    }
    return rc;
}

static enum errc find_key(struct keys_run *k, struct api_key *out, struct err *e)
{
    struct store_reader *reader = NULL;
    enum st st = store_reader_open(k->store, &reader);

    if (st == ST_OK) {
        st = store_key_by_name(reader, k->options.name, out);
        store_reader_close(reader);
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no key of the name \"%.64s\".",
                                   k->options.name)
                         : store_says(st, e);
}

/* In a transaction of its own; `write` gives what came of it. */
static enum st in_transaction(struct keys_run *k,
                              enum st (*write)(struct store_writer *w, void *arg), void *arg)
{
    struct store_writer *writer = NULL;
    enum st st = store_keys_writer_open(k->store, &writer);
    enum st done = ST_OK;

    if (st == ST_OK) {
        st = store_begin(writer);
    }
    if (st == ST_OK) {
        done = write(writer, arg);
        st = store_commit(writer);
    }
    store_writer_close(writer);
    return st != ST_OK ? st : done;
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void print_json(const struct buf *text)
{
    (void)fprintf(stdout, "%s\n", buf_str(text));
}

static const char *moment(int64_t at, char out[CLOCK_TEXT_SIZE])
{
    return at != 0 ? clock_format(at, out) : "never";
}

/* The role, and what it has beside it. */
static void print_access(FILE *out, const struct api_key *k)
{
    AUTO(buf_clear) struct buf extra = BUF_INIT(1024);
    const char *role = role_word(k->role);

    scopes_write(&extra, k->extra_scopes & ~role_scopes(k->role));
    (void)fprintf(out, "%s%s%s", role != NULL ? role : "", role != NULL && extra.len > 0 ? " " : "",
                  buf_str(&extra));
}

/* ---- create ---------------------------------------------------------------------------------- */

static enum errc read_access(const struct key_options *o, struct api_key *k, struct err *e)
{
    if (o->role != NULL && !role_parse(span_of(o->role), &k->role)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "there is no role \"%.40s\": --role takes viewer, user, operator or admin",
                       o->role);
    }
    for (size_t i = 0; i < o->scopes.count; i++) {
        enum scope scope = SCOPE_COUNT;

        if (!scope_parse(span_of(o->scopes.item[i]), &scope)) {
            return err_set(e, ERR_INVALID_PARAMETER,
                           "there is no scope \"%.40s\"; comfygate keys --help lists them",
                           o->scopes.item[i]);
        }
        k->extra_scopes |= SCOPE_BIT(scope);
    }
    return api_key_scopes(k) != 0
               ? ERR_NONE
               : err_set(e, ERR_INVALID_PARAMETER,
                         "say what the key may do: --role viewer, user, operator or admin");
}

static enum errc read_new(const struct key_options *o, int64_t now, struct api_key *k,
                          struct err *e)
{
    if (!api_key_name_ok(span_of(o->name))) {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "a key's name is 1 to %d of a-z 0-9 . _ - and begins with a letter or a digit",
            API_KEY_NAME_MAX);
    }
    (void)snprintf(k->name, sizeof k->name, "%s", o->name);
    if (o->expires != NULL && !api_key_expiry_parse(o->expires, now, &k->expires_at)) {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "--expires takes a time to live, as 90d (m, h, d or w), or a moment that is to "
            "come, as 2027-01-31");
    }
    return read_access(o, k, e);
}

struct creation {
    const struct api_key *key;
    int64_t max;
    bool is_full;
};

static enum st write_key(struct store_writer *w, void *arg)
{
    struct creation *c = arg;
    int64_t active = 0;
    enum st st = store_keys_active(w, c->key->created_at, &active);

    c->is_full = st == ST_OK && active >= c->max;
    return st == ST_OK && !c->is_full ? store_key_insert(w, c->key) : st;
}

static void tell_created(const struct keys_run *k, const struct api_key *key, const char *secret)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(API_KEY_JSON_MAX);
    struct json_out o = json_out_to(&text);
    char at[CLOCK_TEXT_SIZE];

    if (k->options.is_json) {
        api_key_json(&o, NULL, key, key->created_at, secret);
        print_json(&text);
        return;
    }
    (void)fprintf(stdout, "%s\n", secret);
    (void)fflush(stdout);
    (void)fprintf(stderr, "The key %s (", key->name);
    print_access(stderr, key);
    (void)fprintf(stderr, ") is shown this once. It expires: %s.\n", moment(key->expires_at, at));
    if (strcmp(k->config.auth_mode, "keys") != 0) {
        (void)fprintf(
            stderr,
            "Note: auth_mode is \"%s\" by the settings of this command: a gateway that runs so "
            "asks nobody for a key.\n",
            k->config.auth_mode);
    }
}

static enum errc create_key(struct keys_run *k, struct err *e)
{
    int64_t now = clock_wall_ms();
    struct api_key key = {.role = ROLE_NONE};
    struct creation creation = {.key = &key, .max = k->config.keys_max};
    char secret[API_KEY_SIZE];
    enum st st = ST_OK;

    if (read_new(&k->options, now, &key, e) != ERR_NONE || open_store(k, e) != ERR_NONE) {
        return e->code;
    }
    api_key_make(&key, now, secret);
    st = in_transaction(k, write_key, &creation);
    if (creation.is_full) {
        return err_set(
            e, ERR_QUOTA_EXCEEDED,
            "There are %lld keys that are neither revoked nor expired, as many as keys_max "
            "allows.",
            (long long)creation.max);
    }
    if (st == ST_CONFLICT) {
        return err_set(
            e, ERR_KEY_EXISTS,
            "There is a key of the name \"%s\" already, or was: a name is never given again.",
            key.name);
    }
    if (store_says(st, e) == ERR_NONE) {
        tell_created(k, &key, secret);
    }
    return e->code;
}

/* ---- list ------------------------------------------------------------------------------------ */

struct listing {
    bool is_json;
    int64_t now;
    struct json_out json;
    struct id last;
};

static void print_row(void *arg, const struct api_key *key)
{
    struct listing *l = arg;
    char expires[CLOCK_TEXT_SIZE];
    char used[CLOCK_TEXT_SIZE];

    l->last = key->id;
    if (l->is_json) {
        api_key_json(&l->json, NULL, key, l->now, NULL);
        return;
    }
    (void)fprintf(stdout, "%-20s %-8s expires %-24s used %-24s ", key->name,
                  api_key_status_word(api_key_status(key, l->now)),
                  moment(key->expires_at, expires), moment(key->last_used_at, used));
    print_access(stdout, key);
    (void)fputc('\n', stdout);
}

static enum st read_all(struct keys_run *k, struct listing *l)
{
    struct store_reader *reader = NULL;
    enum st st = store_reader_open(k->store, &reader);
    bool has_more = st == ST_OK;

    while (has_more && st == ST_OK) {
        st = store_keys(reader, l->last, PAGE, print_row, l, &has_more);
    }
    store_reader_close(reader);
    return st;
}

static enum errc list_keys(struct keys_run *k, struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(JSON_MAX);
    struct listing l = {.is_json = k->options.is_json,
                        .now = clock_wall_ms(),
                        .json = json_out_to(&text),
                        .last = ID_NONE};

    if (open_store(k, e) != ERR_NONE) {
        return e->code;
    }
    jo_obj(&l.json, NULL);
    jo_arr(&l.json, "data");
    if (store_says(read_all(k, &l), e) != ERR_NONE) {
        return e->code;
    }
    jo_end(&l.json);
    jo_end(&l.json);
    if (l.is_json) {
        print_json(&text);
    }
    return ERR_NONE;
}

/* ---- revoke ---------------------------------------------------------------------------------- */

static enum st write_revocation(struct store_writer *w, void *arg)
{
    const struct api_key *key = arg;

    return store_key_revoke(w, key->id, key->revoked_at);
}

static enum errc revoke_key(struct keys_run *k, struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(API_KEY_JSON_MAX);
    struct json_out o = json_out_to(&text);
    struct api_key key = {.role = ROLE_NONE};
    bool was_revoked = false;

    if (open_store(k, e) != ERR_NONE || find_key(k, &key, e) != ERR_NONE) {
        return e->code;
    }
    was_revoked = key.revoked_at != 0;
    if (!was_revoked) {
        key.revoked_at = clock_wall_ms();
        if (store_says(in_transaction(k, write_revocation, &key), e) != ERR_NONE) {
            return e->code;
        }
    }
    if (k->options.is_json) {
        api_key_json(&o, NULL, &key, key.revoked_at, NULL);
        print_json(&text);
    } else {
        (void)fprintf(stdout, "%s %s\n", key.name,
                      was_revoked ? "was revoked before" : "is revoked");
    }
    return ERR_NONE;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static enum errc run(struct keys_run *k, struct err *e)
{
    enum errc rc =
        config_load(&k->config, k->options.settings_count, k->options.settings, environ, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    log_setup(LOG_TEXT, LOG_WARN);
    if (strcmp(k->options.part, "create") == 0) {
        rc = create_key(k, e);
    } else {
        rc = strcmp(k->options.part, "list") == 0 ? list_keys(k, e) : revoke_key(k, e);
    }
    store_close(k->store);
    config_clear(&k->config);
    return rc;
}

int keys_command(int argc, char **argv)
{
    struct keys_run k = {.store = NULL};
    struct err e = ERR_INIT;
    enum errc rc = key_options_read(&k.options, argc, argv, &e);

    if (rc == ERR_NONE) {
        rc = run(&k, &e);
    }
    key_options_clear(&k.options);
    if (rc != ERR_NONE) {
        (void)fprintf(stderr, "comfygate: %s\n", e.detail);
        return rc == ERR_INVALID_PARAMETER ? EXIT_USAGE : EXIT_FAILURE;
    }
    /* A full disk or a closed pipe must not look like success. */
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
