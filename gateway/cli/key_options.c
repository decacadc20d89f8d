#include "cli/key_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "core/access.h"

#define ROW_COUNT 5

static void rows_of(struct key_options *o, struct option_row out[ROW_COUNT])
{
    const struct option_row rows[ROW_COUNT] = {
        OPTION_TEXT_ROW("role", "viewer|user|operator|admin", &o->role, "create: what it may do"),
        OPTION_LIST_ROW("scope", "SCOPE", &o->scopes,
                        "create: one thing more that it may do; again for another"),
        OPTION_TEXT_ROW(
            "expires", "WHEN", &o->expires,
            "create: how long it lives, as 90d (m, h, d, w), or until when, as 2027-01-31; "
            "for ever without it"),
        OPTION_FLAG_ROW("json", 0, &o->is_json, "print JSON, as the API tells it"),
        {.name = NULL},
    };

    memcpy(out, rows, sizeof rows);
}

/* ---- help ------------------------------------------------------------------------------------ */

static void print_roles(FILE *out)
{
    (void)fputs("\nRoles, each with the scopes of the one before it:\n", out);
    for (size_t i = ROLE_NONE + 1; i < ROLE_COUNT; i++) {
        (void)fprintf(out, "    %-15s %s\n", role_word((enum role)i), role_doc((enum role)i));
    }
    (void)fputs("\nScopes:\n", out);
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        (void)fprintf(out, "    %-15s %s\n", scope_word((enum scope)i), scope_doc((enum scope)i));
    }
}

void key_options_help(FILE *out)
{
    struct key_options o = {.part = NULL};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    (void)fputs(
        "comfygate keys " KEY_PARTS " - make, list and revoke keys of the API\n\n"
        "Usage: comfygate keys create NAME --role ROLE [--scope SCOPE]... [--expires WHEN] "
        "[SETTING]...\n"
        "       comfygate keys list [SETTING]...\n"
        "       comfygate keys revoke NAME [SETTING]...\n\n"
        "Works on the job store itself, with the settings that serve has, whether the gateway runs "
        "or "
        "not;\n"
        "one that runs takes notice within seconds. A key is printed once, and cannot be had "
        "again. Its "
        "name\n"
        "owns the jobs that are submitted with it, and is never given to another key, also when it "
        "has "
        "been\n"
        "revoked. Keys are asked for when auth_mode is \"keys\".\n\n"
        "Example:\n"
        "  comfygate keys create anna --role user --expires 90d --data-dir /var/lib/comfygate\n\n"
        "Flags:\n",
        out);
    options_print(out, rows);
    print_roles(out);
    (void)fputs("\nSettings:\n", out);
    config_print_help(out);
}

void key_options_complete(struct completion *c)
{
    struct key_options o = {.part = NULL};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    for (const struct option_row *row = rows; row->name != NULL; row++) {
        completion_flag(c, row->name, row->letter, row->value, row->doc);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum errc check_part(const struct key_options *o, struct err *e)
{
    bool is_create = o->part != NULL && strcmp(o->part, "create") == 0;
    bool is_list = o->part != NULL && strcmp(o->part, "list") == 0;
    bool is_revoke = o->part != NULL && strcmp(o->part, "revoke") == 0;

    if (!is_create && !is_list && !is_revoke) {
        return err_set(e, ERR_INVALID_PARAMETER, "say what: comfygate keys " KEY_PARTS);
    }
    if (!is_list && o->name == NULL) {
        return err_set(e, ERR_INVALID_PARAMETER, "say the key's name: comfygate keys %s NAME",
                       o->part);
    }
    if (!is_create && (o->role != NULL || o->scopes.count > 0 || o->expires != NULL)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "--role, --scope and --expires belong to comfygate keys create");
    }
    return ERR_NONE;
}

static enum errc take_operands(struct key_options *o, const struct words *operands, struct err *e)
{
    size_t max = 2;

    o->part = operands->count > 0 ? operands->item[0] : NULL;
    o->name = operands->count > 1 ? operands->item[1] : NULL;
    max = o->part != NULL && strcmp(o->part, "list") == 0 ? 1 : max;
    if (operands->count > max) {
        return err_set(e, ERR_INVALID_PARAMETER, "\"%.80s\" is one word too many",
                       operands->item[max]);
    }
    return check_part(o, e);
}

enum errc key_options_read(struct key_options *o, int argc, char **argv, struct err *e)
{
    static const struct option_row none[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    AUTO(options_parted_clear) struct options_parted parted = {0};
    struct option_row rows[ROW_COUNT];

    *o = (struct key_options){.part = NULL};
    rows_of(o, rows);
    options_part(&parted, rows, argc, argv);
    o->settings = take_ptr(&parted.settings);
    o->settings_count = parted.settings_count;
    if (options_parse(rows, none, parted.own_count, parted.own, &operands, e) < 0) {
        e->code = ERR_INVALID_PARAMETER;
        return e->code;
    }
    return take_operands(o, &operands, e);
}

void key_options_clear(struct key_options *o)
{
    words_clear(&o->scopes);
    free(o->settings);
    *o = (struct key_options){.part = NULL};
}
