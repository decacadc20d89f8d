/* migrate_options.c - see migrate_options.h. */
#include "cli/migrate_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "cli/options.h"

#define ROW_COUNT 4

static void rows_of(struct migrate_options *o, struct option_row out[ROW_COUNT])
{
    const struct option_row rows[ROW_COUNT] = {
        OPTION_TEXT_ROW("from", "URL", &o->from,
                        "database to copy from, as sqlite:/var/lib/comfygate/comfygate.db"),
        OPTION_TEXT_ROW("to", "URL", &o->to,
                        "database to fill, as postgresql://comfygate@db/comfygate"),
        OPTION_FLAG_ROW("quiet", 'q', &o->is_quiet, "only say what is wrong"),
        {.name = NULL},
    };

    memcpy(out, rows, sizeof rows);
}

void migrate_options_help(FILE *out)
{
    struct migrate_options o = {.from = NULL};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    (void)fputs(
        "comfygate migrate - bring the store to this version's form, or copy it into another\n\n"
        "Usage: comfygate migrate [SETTING]...\n"
        "       comfygate migrate --from URL --to URL [--quiet]\n\n"
        "Without --from and --to, the store of the settings gets the form that this version needs; "
        "serve does\n"
        "the same at its start.\n\n"
        "With them, everything in the first database (jobs, outputs, events, keys, preferences "
        "...) is copied\n"
        "into the second, which must be empty, and both are compared, row by row. No gateway may "
        "run on\n"
        "either. What was broken off goes on where it stopped when it is begun again. The first "
        "stays as\n"
        "it is. Files are not in the database: keep the data folder, or its storage_url.\n\n"
        "Example:\n"
        "  comfygate migrate --from sqlite:/var/lib/comfygate/comfygate.db \\\n"
        "      --to postgresql://comfygate@db.example.net/comfygate\n\n"
        "Flags:\n",
        out);
    options_print(out, rows);
    (void)fputs("\nSettings:\n", out);
    config_print_help(out);
}

void migrate_options_complete(struct completion *c)
{
    struct migrate_options o = {.from = NULL};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    for (const struct option_row *row = rows; row->name != NULL; row++) {
        completion_flag(c, row->name, row->letter, row->value, row->doc);
    }
}

enum errc migrate_options_read(struct migrate_options *o, int argc, char **argv, struct err *e)
{
    static const struct option_row none[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    AUTO(options_parted_clear) struct options_parted parted = {0};
    struct option_row rows[ROW_COUNT];

    *o = (struct migrate_options){.from = NULL};
    rows_of(o, rows);
    options_part(&parted, rows, argc, argv);
    o->settings = take_ptr(&parted.settings);
    o->settings_count = parted.settings_count;
    if (options_parse(rows, none, parted.own_count, parted.own, &operands, e) < 0) {
        e->code = ERR_INVALID_PARAMETER;
        return e->code;
    }
    if (operands.count > 0) {
        return err_set(e, ERR_INVALID_PARAMETER, "\"%.80s\" is one word too many",
                       operands.item[0]);
    }
    if ((o->from == NULL) != (o->to == NULL)) {
        return err_set(e, ERR_INVALID_PARAMETER, "--from and --to belong together");
    }
    return ERR_NONE;
}

void migrate_options_clear(struct migrate_options *o)
{
    free((void *)o->settings);
    *o = (struct migrate_options){.from = NULL};
}
