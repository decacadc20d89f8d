#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"

#define ARGS_MAX 8

static char file_path[] = "/tmp/test_config.XXXXXX";

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

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* The sources of one load; "@" in an argument or variable stands for the path of the file. */
struct sources {
    const char *file; /* NULL: none */
    const char *env[ARGS_MAX];
    const char *flags[ARGS_MAX];
};

static char *fill_in_path(const char *text)
{
    const char *at = strchr(text, '@');

    return at == NULL ? xstrdup(text)
                      : xasprintf("%.*s%s%s", (int)(at - text), text, file_path, at + 1);
}

static enum errc load(const struct sources *from, struct config *c, struct err *e)
{
    char *env[ARGS_MAX + 1] = {NULL};
    char *flags[ARGS_MAX + 1] = {NULL};
    int count = 0;
    enum errc code;

    if (from->file != NULL) {
        write_file(from->file, strlen(from->file));
    }
    for (int i = 0; i < ARGS_MAX && from->env[i] != NULL; i++) {
        env[i] = fill_in_path(from->env[i]);
    }
    for (; count < ARGS_MAX && from->flags[count] != NULL; count++) {
        flags[count] = fill_in_path(from->flags[count]);
    }
    code = config_load(c, count, flags, env, e);
    for (int i = 0; i < ARGS_MAX; i++) {
        free(env[i]);
        free(flags[i]);
    }
    return code;
}

static void test_defaults(void **state)
{
    AUTO(config_clear) struct config c;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(config_load(&c, 0, NULL, NULL, &e), ERR_NONE);
    assert_string_equal(c.server_listen, "127.0.0.1:8090");
    assert_string_equal(c.backends, "gpu0=http://127.0.0.1:8188");
    assert_string_equal(c.database_url, "");
    assert_string_equal(c.auth_mode, "loopback");
    assert_int_equal(c.backend_slots, 2);
    assert_int_equal(c.backend_max_output, 4294967296);
}

/* Each names two settings, the address and the slots of a backend, and what they must be. */
static const struct {
    const char *name;
    struct sources from;
    const char *listen;
    int64_t slots;
} loads[] = {
    {"nothing", {.file = NULL}, "127.0.0.1:8090", 2},
    {"file by variable",
     {.file = "[server]\nlisten = 1.2.3.4:5\n[backend]\nslots=3\n", .env = {"COMFYGATE_CONFIG=@"}},
     "1.2.3.4:5",
     3},
    {"file by flag",
     {.file = "[backend]\nslots: 4 ; four\n", .flags = {"--config", "@"}},
     "127.0.0.1:8090",
     4},
    {"flag's file instead of the variable's",
     {.file = "[backend]\nslots = 5\n",
      .env = {"COMFYGATE_CONFIG=/nowhere"},
      .flags = {"--config=@"}},
     "127.0.0.1:8090",
     5},
    {"no file when the variable is empty", {.env = {"COMFYGATE_CONFIG="}}, "127.0.0.1:8090", 2},
    {"environment", {.env = {"COMFYGATE_BACKEND_SLOTS=6"}}, "127.0.0.1:8090", 6},
    {"flag with =", {.flags = {"--backend-slots=7"}}, "127.0.0.1:8090", 7},
    {"flag and value", {.flags = {"--backend-slots", "8"}}, "127.0.0.1:8090", 8},
    {"short flag", {.flags = {"--listen", "[::1]:0"}}, "[::1]:0", 2},
    {"last flag", {.flags = {"--listen=a", "--server-listen=b"}}, "b", 2},
    {"environment over file",
     {.file = "[backend]\nslots = 3\n", .env = {"COMFYGATE_BACKEND_SLOTS=4", "COMFYGATE_CONFIG=@"}},
     "127.0.0.1:8090",
     4},
    {"flag over environment over file",
     {.file = "[backend]\nslots = 3\n[server]\nlisten = f\n",
      .env = {"COMFYGATE_BACKEND_SLOTS=4", "COMFYGATE_CONFIG=@", "COMFYGATE_SERVER_LISTEN=e"},
      .flags = {"--backend-slots=5"}},
     "e",
     5},
    {"text from a file",
     {.file = "host:1\n", .env = {"COMFYGATE_SERVER_LISTEN_FILE=@"}},
     "host:1",
     2},
    {"text from a file of Windows",
     {.file = "host:1\r\n", .env = {"COMFYGATE_SERVER_LISTEN_FILE=@"}},
     "host:1",
     2},
    {"text from a file without line end",
     {.file = "host:1", .env = {"COMFYGATE_SERVER_LISTEN_FILE=@"}},
     "host:1",
     2},
    {"text from an empty file", {.file = "", .env = {"COMFYGATE_SERVER_LISTEN_FILE=@"}}, "", 2},
    {"flag over a text's file",
     {.file = "host:1\n", .env = {"COMFYGATE_SERVER_LISTEN_FILE=@"}, .flags = {"--listen=x"}},
     "x",
     2},
    {"others' variables",
     {.env = {"COMFYGATE_DISCORD_TOKEN=t", "COMFYGATE_URL=u", "COMFYGATE_API_KEY=k",
              "COMFYGATE_API_KEY_FILE=f", "PATH=/bin", "COMFYGATE", "COMFY_X=1"}},
     "127.0.0.1:8090",
     2},
    {"variables of Kubernetes",
     {.env = {"COMFYGATE_SERVICE_HOST=10.0.0.1", "COMFYGATE_SERVICE_PORT=8090",
              "COMFYGATE_SERVICE_PORT_HTTP=8090", "COMFYGATE_PORT=tcp://10.0.0.1:8090",
              "COMFYGATE_PORT_8090_TCP=tcp://10.0.0.1:8090",
              "COMFYGATE_PORT_8090_TCP_ADDR=10.0.0.1"}},
     "127.0.0.1:8090",
     2},
};

static void test_sources(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT_OF(loads); i++) {
        struct config c;
        struct err e = ERR_INIT;

        if (load(&loads[i].from, &c, &e) != ERR_NONE) {
            fail_msg("%s: %s", loads[i].name, e.detail);
        }
        if (strcmp(c.server_listen, loads[i].listen) != 0 || c.backend_slots != loads[i].slots) {
            fail_msg("%s: %s, %lld", loads[i].name, c.server_listen, (long long)c.backend_slots);
        }
        config_clear(&c);
    }
}

static void test_sections(void **state)
{
    static const struct sources from = {
        .file = "# a comment\n"
                "; another\n"
                "backends = a=http://x:1,b=http://y:2\n"
                "\n"
                "[backend]\n"
                "max_text = 64k\n"
                "max_answer = 1G\n"
                "[log]\n"
                "level = debug\n",
        .flags = {"--config=@", "--backend-max-binary", "3M", "--server_max_body=2048"},
    };
    AUTO(config_clear) struct config c;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(load(&from, &c, &e), ERR_NONE);
    assert_string_equal(c.backends, "a=http://x:1,b=http://y:2");
    assert_int_equal(c.backend_max_text, 65536);
    assert_int_equal(c.backend_max_answer, 1073741824);
    assert_int_equal(c.backend_max_binary, 3145728);
    assert_int_equal(c.server_max_body, 2048);
    assert_string_equal(c.log_level, "debug");
}

static void test_long_line(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(100000);
    AUTO(config_clear) struct config c;
    struct sources from = {.flags = {"--config=@"}};
    struct err e = ERR_INIT;

    (void)state;
    (void)buf_append_str(&text, "backends = ");
    for (int i = 0; i < 500; i++) {
        (void)buf_appendf(&text, "gpu%d=http://10.0.%d.%d:8188,", i, i / 256, i % 256);
    }
    from.file = buf_str(&text);
    assert_int_equal(load(&from, &c, &e), ERR_NONE);
    assert_string_equal(c.backends, buf_str(&text) + strlen("backends = "));
}

static const struct {
    struct sources from;
    const char *detail; /* "@" stands for the path of the file */
} refusals[] = {
    {{.env = {"COMFYGATE_BACKEND_SLOTS=zero"}},
     "COMFYGATE_BACKEND_SLOTS: \"zero\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots=0"}}, "--backend-slots: \"0\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots=17"}},
     "--backend-slots: \"17\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots", "-1"}},
     "--backend-slots: \"-1\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots="}}, "--backend-slots: \"\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots= 2"}},
     "--backend-slots: \" 2\" is not a whole number from 1 to 16"},
    {{.flags = {"--backend-slots=0x2"}},
     "--backend-slots: \"0x2\" is not a whole number from 1 to 16"},
    {{.flags = {"--server-threads=1k"}},
     "--server-threads: \"1k\" is not a whole number from 2 to 64"},
    {{.flags = {"--backend-slots=18446744073709551618"}},
     "--backend-slots: \"18446744073709551618\" is not a whole number from 1 to 16"},
    {{.flags = {"--server-max-body=1T"}},
     "--server-max-body: \"1T\" is not a whole number from 1024 to 104857600 "
     "(k, M and G stand for 1024, 1024^2 and 1024^3)"},
    {{.flags = {"--server-max-body=9223372036854775807G"}},
     "--server-max-body: \"9223372036854775807G\" is not a whole number from 1024 to 104857600 "
     "(k, M and G stand for 1024, 1024^2 and 1024^3)"},
    {{.env = {"COMFYGATE_AUTH_MODE=loop"}},
     "COMFYGATE_AUTH_MODE: \"loop\" is not one of loopback|keys|off"},
    {{.env = {"COMFYGATE_AUTH_MODE="}},
     "COMFYGATE_AUTH_MODE: \"\" is not one of loopback|keys|off"},
    {{.env = {"COMFYGATE_AUTH_MODE=loopback|off"}},
     "COMFYGATE_AUTH_MODE: \"loopback|off\" is not one of loopback|keys|off"},
    {{.env = {"COMFYGATE_BACKEND_SLOT=1"}},
     "COMFYGATE_BACKEND_SLOT: there is no such setting; did you mean COMFYGATE_BACKEND_SLOTS?"},
    {{.env = {"COMFYGATE_SOMETHING_ELSE=1"}},
     "COMFYGATE_SOMETHING_ELSE: there is no such setting (see --help)"},
    {{.env = {"COMFYGATE_BACKEND_SLOTS_FILE=/x"}},
     "COMFYGATE_BACKEND_SLOTS_FILE: there is no such setting (see --help)"},
    {{.env = {"COMFYGATE_SERVER_TCP=1"}},
     "COMFYGATE_SERVER_TCP: there is no such setting (see --help)"},
    {{.env = {"COMFYGATE_PORT=80"}}, "COMFYGATE_PORT: there is no such setting (see --help)"},
    {{.flags = {"--backend-slotz=1"}},
     "--backend-slotz: there is no such setting; did you mean --backend-slots?"},
    {{.flags = {"--lisen=1"}}, "--lisen: there is no such setting (see --help)"},
    {{.flags = {"serve"}}, "serve: not a flag (see --help)"},
    {{.flags = {"-x"}}, "-x: not a flag (see --help)"},
    {{.flags = {"--"}}, "--: not a flag (see --help)"},
    {{.flags = {"--listen"}}, "--server-listen: a value is missing"},
    {{.flags = {"--config"}}, "--config: a value is missing"},
    {{.flags = {"--config=/nowhere.ini"}}, "/nowhere.ini: No such file or directory"},
    {{.env = {"COMFYGATE_DATABASE_URL_FILE=/nowhere"}},
     "COMFYGATE_DATABASE_URL_FILE: /nowhere: No such file or directory"},
    {{.env = {"COMFYGATE_SERVER_LISTEN=a", "COMFYGATE_SERVER_LISTEN_FILE=@"}, .file = "b"},
     "COMFYGATE_SERVER_LISTEN_FILE: set twice (once with _FILE)"},
    {{.env = {"COMFYGATE_DATABASE_URL_FILE=@"}, .file = "postgresql://secret\nmore\n"},
     "COMFYGATE_DATABASE_URL_FILE: the value holds a line break or another control character"},
    {{.flags = {"--config=@"}, .file = "[backend]\nslots = many\n"},
     "@ line 2: [backend] slots: \"many\" is not a whole number from 1 to 16"},
    {{.flags = {"--config=@"}, .file = "[backend]\n\nslotss = 2\n"},
     "@ line 3: [backend] slotss: there is no such setting; did you mean [backend] slots?"},
    {{.flags = {"--config=@"}, .file = "[nothing]\nx = 2\n"},
     "@ line 2: [nothing] x: there is no such setting (see --help)"},
    {{.flags = {"--config=@"}, .file = "slots = 2\n"},
     "@ line 1: slots: there is no such setting (see --help)"},
    {{.flags = {"--config=@"}, .file = "[backend]\nslots = 2\nslots = 3\n"},
     "@ line 3: [backend] slots: set twice"},
    {{.flags = {"--config=@"}, .file = "[backend]\nslots\n"},
     "@ line 2: neither \"name = value\" nor \"[section]\""},
    {{.flags = {"--config=@"}, .file = "[backend\nslots = 2\n"},
     "@ line 1: neither \"name = value\" nor \"[section]\""},
    {{.flags = {"--backend-backoff-min-ms=5000", "--backend-backoff-max-ms=4000"}},
     "[backend] backoff_min_ms (5000) is above backoff_max_ms (4000)"},
    {{.flags = {"--job-retry-min-ms=5", "--job-retry-max-ms=4"}},
     "[job] retry_min_ms (5) is above retry_max_ms (4)"},
};

static void test_refused(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        AUTO(free_ptr) char *detail = fill_in_path(refusals[i].detail);
        struct config c;
        struct err e = ERR_INIT;

        if (load(&refusals[i].from, &c, &e) == ERR_NONE) {
            config_clear(&c);
            fail_msg("accepted: %s", refusals[i].detail);
        }
        if (strcmp(e.detail, detail) != 0) {
            fail_msg("expected %s\n     got %s", detail, e.detail);
        }
        assert_null(c.server_listen); /* nothing is left to free */
    }
}

static void test_binary_file(void **state)
{
    char flag[64];
    char *flags[] = {flag};
    struct config c;
    struct err e = ERR_INIT;

    (void)state;
    write_file("[log]\0level = debug\n", 20);
    (void)snprintf(flag, sizeof flag, "--config=%s", file_path);
    assert_int_not_equal(config_load(&c, 1, flags, NULL, &e), ERR_NONE);
    assert_non_null(strstr(e.detail, "is not a text file"));
}

static char *print_to_text(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_help(void **state)
{
    AUTO(free_ptr) char *help = print_to_text(config_print_help);

    (void)state;
#define STR(field, section, key, def, doc)                 assert_non_null(strstr(help, doc));
#define CHOICE(field, section, key, def, choices, doc)     assert_non_null(strstr(help, doc));
#define INT(field, section, key, def, min, max, unit, doc) assert_non_null(strstr(help, doc));
#include "base/config.def"
#undef STR
#undef CHOICE
#undef INT
    assert_non_null(strstr(help, "--backend-slots  (COMFYGATE_BACKEND_SLOTS)\n"));
    assert_non_null(strstr(help, "1 to 16 prompts; default 2\n"));
}

/* UPDATE_DOCS=1 writes the file instead of comparing it. */
static void test_markdown_is_current(void **state)
{
    static const char path[] = SOURCE_DIR "/docs/configuration.md";
    AUTO(free_ptr) char *made = print_to_text(config_print_markdown);
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
        fail_msg("docs/configuration.md is old: run this test once with UPDATE_DOCS=1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_sources),
        cmocka_unit_test(test_sections), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_binary_file),
        cmocka_unit_test(test_help),     cmocka_unit_test(test_markdown_is_current),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
