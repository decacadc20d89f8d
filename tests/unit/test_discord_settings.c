#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "settings.h"

#define ARGS_MAX 6
#define KEY      "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static char file_path[] = "/tmp/test_discord_settings.XXXXXX";

static int make_file(void **state)
{
    AUTO(file_close) int fd = mkstemp(file_path);

    (void)state;
    return fd >= 0 ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return remove(file_path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* "@" stands for the path of the file. */
struct sources {
    const char *file;
    const char *env[ARGS_MAX];
    const char *flags[ARGS_MAX];
};

static int fill_in(const char *const *from, char **to)
{
    int count = 0;

    for (; count < ARGS_MAX && from[count] != NULL; count++) {
        const char *at = strchr(from[count], '@');

        to[count] = at == NULL ? xstrdup(from[count])
                               : xasprintf("%.*s%s%s", (int)(at - from[count]), from[count],
                                           file_path, at + 1);
    }
    return count;
}

static enum errc load(const struct sources *from, struct settings *s, struct err *e)
{
    char *env[ARGS_MAX + 1] = {NULL};
    char *flags[ARGS_MAX + 1] = {NULL};
    struct setting_sources sources = {.argv = flags, .envp = env};
    enum errc code;

    if (from->file != NULL) {
        write_file(from->file);
    }
    (void)fill_in(from->env, env);
    sources.argc = fill_in(from->flags, flags);
    code = settings_load(s, &sources, e);
    for (int i = 0; i < ARGS_MAX; i++) {
        free(env[i]);
        free(flags[i]);
    }
    return code;
}

static void test_defaults(void **state)
{
    AUTO(settings_clear) struct settings s;
    struct err e = ERR_INIT;
    int index = 9;
    int count = 9;

    (void)state;
    assert_int_equal(load(&(struct sources){.flags = {"--token=abc"}}, &s, &e), ERR_NONE);
    assert_string_equal(s.token, "abc");
    assert_string_equal(s.gate_url, "http://127.0.0.1:8090");
    assert_string_equal(s.gate_key, "");
    assert_string_equal(s.api_base, "https://discord.com/api/v10");
    assert_string_equal(s.mode, "gateway");
    assert_string_equal(s.press, "anyone");
    assert_int_equal(s.edit_ms, 2500);
    assert_int_equal(s.token_seconds, 840);
    assert_int_equal(s.max_input_bytes, 26214400);
    settings_shard(&s, &index, &count);
    assert_int_equal(count, 0);
    assert_int_equal(index, 0);
}

/* Each names the token, comfygate's key and jobs_at_once. */
static const struct {
    const char *name;
    struct sources from;
    const char *token;
    const char *key;
    int64_t jobs_at_once;
} loads[] = {
    {"environment",
     {.env = {"COMFYGATE_DISCORD_TOKEN=t", "COMFYGATE_API_KEY=k",
              "COMFYGATE_DISCORD_JOBS_AT_ONCE=7"}},
     "t",
     "k",
     7},
    {"secrets from files",
     {.file = "secret\n", .env = {"COMFYGATE_DISCORD_TOKEN_FILE=@", "COMFYGATE_API_KEY_FILE=@"}},
     "secret",
     "secret",
     5},
    {"settings file",
     {.file = "api_key = k\n[discord]\ntoken = t\njobs_at_once = 3\n", .flags = {"--config=@"}},
     "t",
     "k",
     3},
    {"file by the environment",
     {.file = "[discord]\ntoken = t\n", .env = {"COMFYGATE_DISCORD_CONFIG=@"}},
     "t",
     "",
     5},
    {"flag over environment over file",
     {.file = "[discord]\ntoken = f\njobs_at_once = 1\n",
      .env = {"COMFYGATE_DISCORD_TOKEN=e", "COMFYGATE_DISCORD_JOBS_AT_ONCE=2"},
      .flags = {"--config=@", "--jobs-at-once=3", "--api-key", "k"}},
     "e",
     "k",
     3},
    {"what is the gateway's",
     {.env = {"COMFYGATE_SERVER_LISTEN=127.0.0.1:1", "COMFYGATE_CONFIG=/nowhere",
              "COMFYGATE_NONSENSE=1", "COMFYGATE_DISCORD_TOKEN=t"}},
     "t",
     "",
     5},
    {"what Kubernetes sets",
     {.env = {"COMFYGATE_DISCORD_SERVICE_HOST=10.0.0.1", "COMFYGATE_DISCORD_PORT=tcp://10.0.0.1:80",
              "COMFYGATE_DISCORD_TOKEN=t"}},
     "t",
     "",
     5},
};

static void test_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(loads); i++) {
        struct settings s;
        struct err e = ERR_INIT;

        if (load(&loads[i].from, &s, &e) != ERR_NONE) {
            fail_msg("%s: %s", loads[i].name, e.detail);
        }
        assert_string_equal(s.token, loads[i].token);
        assert_string_equal(s.gate_key, loads[i].key);
        assert_int_equal(s.jobs_at_once, loads[i].jobs_at_once);
        settings_clear(&s);
    }
}

static const struct {
    struct sources from;
    const char *detail; /* its beginning */
} refused[] = {
    {{.file = NULL}, "the bot's token is missing"},
    {{.flags = {"--token="}}, "the bot's token is missing"},
    {{.flags = {"--token=Bot abc"}}, "token: it holds a blank"},
    {{.flags = {"--token=a\xc3\xa4"}}, "token: it holds a blank or a strange"},
    {{.env = {"COMFYGATE_DISCORD_TOKN=x"}},
     "COMFYGATE_DISCORD_TOKN: there is no such setting; did you mean COMFYGATE_DISCORD_TOKEN?"},
    {{.env = {"COMFYGATE_DISCORD_WHATEVER=x"}}, "COMFYGATE_DISCORD_WHATEVER: there is no such"},
    {{.env = {"COMFYGATE_DISCORD_EDIT_MS_FILE=x"}}, "COMFYGATE_DISCORD_EDIT_MS_FILE: there is no"},
    {{.flags = {"--discord-token=x"}}, "--discord-token: there is no such setting"},
    {{.flags = {"--config=@"}, .file = "[server]\nlisten = x\n"}, file_path},
    {{.flags = {"--token=t", "--url=ftp://x"}}, "url: \"ftp://x\" is no address"},
    {{.flags = {"--token=t", "--url=http://"}}, "url: \"http://\" is no address"},
    {{.flags = {"--token=t", "--url=http://a<b"}}, "url: a blank, a query"},
    {{.flags = {"--token=t", "--api-base=https://discord.com?v"}}, "api_base: a blank, a query"},
    {{.flags = {"--token=t", "--public-url=gate.example"}}, "public_url: \"gate.example\" is no"},
    {{.flags = {"--token=t", "--mode=both"}}, "--mode: \"both\" is not one of gateway|http"},
    {{.flags = {"--token=t", "--mode=http"}}, "public_key: mode http needs it; it has 64"},
    {{.flags = {"--token=t", "--public-key=12"}}, "public_key: this is no public key"},
    {{.flags = {"--token=t", "--public-key=" KEY "0"}}, "public_key: this is no public key"},
    {{.flags = {"--token=t", "--guild-ids=12,x"}}, "guild_ids: \"12,x\" is not a list of ids"},
    {{.flags = {"--token=t", "--shard=2/2"}}, "shard: \"2/2\" is not INDEX/COUNT"},
    {{.flags = {"--token=t", "--shard=0"}}, "shard: \"0\" is not"},
    {{.flags = {"--token=t", "--shard=-1/2"}}, "shard: \"-1/2\" is not"},
    {{.flags = {"--token=t", "--shard=0/2x"}}, "shard: \"0/2x\" is not"},
    {{.flags = {"--token=t", "--shard=0/"}}, "shard: \"0/\" is not"},
    {{.flags = {"--token=t", "--edit-ms=3000", "--edit-slow-ms=2999"}},
     "edit_ms (3000) is above edit_slow_ms (2999)"},
    {{.flags = {"--token=t", "--token-seconds=901"}},
     "--token-seconds: \"901\" is not a whole number from 1 to 900"},
    {{.flags = {"--token=t", "--max-input-bytes=1"}}, "--max-input-bytes: \"1\" is not"},
    {{.env = {"COMFYGATE_DISCORD_TOKEN=t", "COMFYGATE_DISCORD_TOKEN_FILE=/nowhere"}},
     "COMFYGATE_DISCORD_TOKEN_FILE: set twice"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct settings s;
        struct err e = ERR_INIT;

        if (load(&refused[i].from, &s, &e) == ERR_NONE) {
            settings_clear(&s);
            fail_msg("%zu is taken, but: %s", i, refused[i].detail);
        }
        assert_int_equal(e.code, ERR_INVALID_PARAMETER);
        if (strncmp(e.detail, refused[i].detail, strlen(refused[i].detail)) != 0) {
            fail_msg("%s: %s", refused[i].detail, e.detail);
        }
    }
}

/* A secret is never shown, whatever is wrong about it. */
static void test_secrets_are_not_shown(void **state)
{
    static const char *const flags[] = {"--token=sec ret", "--token=sec\nret",
                                        "--api-key=sec\nret"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        struct settings s;
        struct err e = ERR_INIT;

        assert_int_not_equal(load(&(struct sources){.flags = {flags[i]}}, &s, &e), ERR_NONE);
        assert_null(strstr(e.detail, "sec"));
    }
}

static void test_shard_and_http(void **state)
{
    AUTO(settings_clear) struct settings s;
    struct err e = ERR_INIT;
    int index = 0;
    int count = 0;

    (void)state;
    assert_int_equal(load(&(struct sources){.flags = {"--token=t", "--shard=1/16", "--mode=http",
                                                      "--public-key=" KEY, "--guild-ids=12, 34"}},
                          &s, &e),
                     ERR_NONE);
    settings_shard(&s, &index, &count);
    assert_int_equal(index, 1);
    assert_int_equal(count, 16);
}

static char *print_to_text(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_help(void **state)
{
    AUTO(free_ptr) char *help = print_to_text(settings_print_help);

    (void)state;
#define STR(field, section, key, def, doc)                 assert_non_null(strstr(help, doc));
#define CHOICE(field, section, key, def, choices, doc)     assert_non_null(strstr(help, doc));
#define INT(field, section, key, def, min, max, unit, doc) assert_non_null(strstr(help, doc));
#include "settings.def"
#undef STR
#undef CHOICE
#undef INT
    assert_non_null(strstr(help, "  --token  (COMFYGATE_DISCORD_TOKEN)\n"));
    assert_non_null(strstr(help, "  --url  (COMFYGATE_URL)\n"));
    assert_non_null(strstr(help, "  --api-key  (COMFYGATE_API_KEY)\n"));
    assert_non_null(strstr(help, "  --config PATH  (COMFYGATE_DISCORD_CONFIG)\n"));
}

/* UPDATE_DOCS=1 writes the file instead of comparing it. */
static void test_markdown_is_current(void **state)
{
    static const char path[] = SOURCE_DIR "/docs/configuration-discord.md";
    AUTO(free_ptr) char *made = print_to_text(settings_print_markdown);
    AUTO(buf_clear) struct buf stored = BUF_INIT(1000000);
    struct err e = ERR_INIT;

    (void)state;
    if (getenv("UPDATE_DOCS") != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(made, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(file_read(path, 1000000, &stored, &e), ERR_NONE);
    if (strcmp(buf_str(&stored), made) != 0) {
        fail_msg("docs/configuration-discord.md is old: run this test once with UPDATE_DOCS=1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_secrets_are_not_shown),
        cmocka_unit_test(test_shard_and_http),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_markdown_is_current),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
