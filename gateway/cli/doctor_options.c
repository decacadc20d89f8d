/* doctor_options.c - see doctor_options.h. */
#include "cli/doctor_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/options.h"

#define ROW_COUNT 3

static void rows_of(struct doctor_options *o, struct option_row out[ROW_COUNT])
{
    const struct option_row rows[ROW_COUNT] = {
        OPTION_FLAG_ROW("json", 0, &o->is_json, "print what was found as JSON"),
        OPTION_FLAG_ROW("no-color", 0, &o->no_color, "no colour (also NO_COLOR)"),
        {.name = NULL},
    };

    memcpy(out, rows, sizeof rows);
}

void doctor_options_help(FILE *out)
{
    struct doctor_options o = {.is_json = false};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    (void)fputs(
        "comfygate doctor - say what is wrong with a set-up, and what to do\n\n"
        "Usage: comfygate doctor [FLAG]... [SETTING]...\n\n"
        "Looks at what the gateway needs: settings, data folder, database, port, who may come in, "
        "each\n"
        "ComfyUI and its WebSocket, models that templates want. Takes the settings that serve "
        "takes; run\n"
        "it as the same user. The gateway may run or not; nothing is changed, and no job is "
        "submitted.\n\n"
        "Exits 0 when all is well or there are warnings only, 1 when something is wrong.\n\n"
        "Example:\n"
        "  comfygate doctor --backends gpu0=http://192.168.1.20:8188\n\n"
        "Flags:\n",
        out);
    options_print(out, rows);
}

void doctor_options_complete(struct completion *c)
{
    struct doctor_options o = {.is_json = false};
    struct option_row rows[ROW_COUNT];

    rows_of(&o, rows);
    for (const struct option_row *row = rows; row->name != NULL; row++) {
        completion_flag(c, row->name, row->letter, row->value, row->doc);
    }
}

static bool take_flag(struct doctor_options *o, const char *word)
{
    struct option_row rows[ROW_COUNT];

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        o->wants_help = true;
        return true;
    }
    rows_of(o, rows);
    for (const struct option_row *row = rows; row->name != NULL; row++) {
        if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, row->name) == 0) {
            *row->out.flag = true;
            return true;
        }
    }
    return false;
}

void doctor_options_read(struct doctor_options *o, int argc, char **argv)
{
    o->settings = xcalloc((size_t)argc + 1, sizeof(char *));
    o->file = xcalloc((size_t)argc + 1, sizeof(char *));
    for (int i = 0; i < argc; i++) {
        bool is_file = strncmp(argv[i], "--config", strlen("--config")) == 0;
        bool has_value = strncmp(argv[i], "--", 2) == 0 && strchr(argv[i], '=') == NULL;

        if (take_flag(o, argv[i])) {
            continue;
        }
        /* The word behind it may look like a flag of ours. */
        for (int last = has_value && i + 1 < argc ? i + 1 : i; i <= last; i++) {
            o->settings[o->settings_count++] = argv[i];
            if (is_file) {
                o->file[o->file_count++] = argv[i];
            }
        }
        i--;
    }
}

void doctor_options_clear(struct doctor_options *o)
{
    free((void *)o->settings);
    free((void *)o->file);
}
