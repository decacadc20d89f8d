/* config.c - the gateway's settings, as a table. The reader is setting_table.c.
 */
#include "base/config.h"

#include <string.h>

#include "base/mem.h"
#include "base/setting_table.h"

#define ADAPTER_PREFIX "COMFYGATE_DISCORD_"

static const struct setting_row rows[] = {
#define STR(field, section, key, def, doc)                                                         \
    SETTING_STR_ROW(struct config, field, section, key, def, doc),
#define CHOICE(field, section, key, def, choices, doc)                                             \
    SETTING_CHOICE_ROW(struct config, field, section, key, def, choices, doc),
#define INT(field, section, key, def, min, max, unit, doc)                                         \
    SETTING_INT_ROW(struct config, field, section, key, def, min, max, unit, doc),
#include "base/config.def"
#undef STR
#undef CHOICE
#undef INT
};

/* Variables of this prefix that belong to somebody else: comfygate-discord, the command line, and
 * what Kubernetes and Docker set in every container beside a service that is called comfygate. */
static bool is_foreign(const char *name, const char *value)
{
    static const char *const others[] = {"COMFYGATE_URL", "COMFYGATE_API_KEY",
                                         "COMFYGATE_API_KEY_FILE", "COMFYGATE_URL_FILE"};

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (strcmp(name, others[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, ADAPTER_PREFIX, strlen(ADAPTER_PREFIX)) == 0 ||
           setting_is_of_service(name, value);
}

/* A first pause longer than the longest one is a mistake that no single row can see. */
static enum errc check_together(const void *target, struct err *e)
{
    const struct config *c = target;

    if (c->backend_backoff_min_ms > c->backend_backoff_max_ms) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "[backend] backoff_min_ms (%lld) is above backoff_max_ms (%lld)",
                       (long long)c->backend_backoff_min_ms, (long long)c->backend_backoff_max_ms);
    }
    if (c->job_retry_min_ms > c->job_retry_max_ms) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "[job] retry_min_ms (%lld) is above retry_max_ms (%lld)",
                       (long long)c->job_retry_min_ms, (long long)c->job_retry_max_ms);
    }
    return ERR_NONE;
}

static const struct setting_table table = {.row = rows,
                                           .count = COUNT_OF(rows),
                                           .size = sizeof(struct config),
                                           .config_env = "COMFYGATE_CONFIG",
                                           .short_flag = "--listen",
                                           .long_flag = "--server-listen",
                                           .is_foreign = is_foreign,
                                           .check_together = check_together};

enum errc config_load(struct config *c, int argc, char **argv, char **envp, struct err *e)
{
    struct setting_sources from = {.argc = argc, .argv = argv, .envp = envp};

    return setting_load(&table, c, &from, e);
}

void config_clear(struct config *c)
{
    setting_clear(&table, c);
}

const struct setting_table *config_table(void)
{
    return &table;
}

void config_print_help(FILE *out)
{
    setting_print_help(&table, out);
}

void config_print_markdown(FILE *out)
{
    (void)fprintf(
        out,
        "# Settings\n"
        "\n"
        "Made from `gateway/base/config.def`; not edited by hand: `UPDATE_DOCS=1 test_config` "
        "writes\n"
        "it anew.\n"
        "\n"
        "A flag wins over the environment, the environment over the file, the file over the\n"
        "default. The file is the one that `--config` or `COMFYGATE_CONFIG` names; without either\n"
        "none is read. In it a setting is a line `name = value` below its `[section]`; what "
        "stands\n"
        "behind ` ;` is a comment. A flag is written `--name value` or `--name=value`; `--listen`\n"
        "is short for `--server-listen`. A text can also be kept in a file of its own, whose path\n"
        "is given in the environment with `_FILE` behind the name: `COMFYGATE_DATABASE_URL_FILE`.\n"
        "Numbers of bytes may end in `k`, `M` or `G` (1024, 1024², 1024³). Any name that is not\n"
        "below is refused at the start.\n");
    setting_print_markdown(&table, out);
}
