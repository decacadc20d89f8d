#include "migrate_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/migrate_options.h"
#include "cli/terminal.h"
#include "keys_command.h"
#include "store/store.h"
#include "store/store_move.h"

#define EXIT_USAGE  2
#define BAR_WIDTH   30
#define DRAWN_EVERY 100 /* ms */

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "comfygate: %s%s\n", e->detail,
                  e->code == ERR_INVALID_PARAMETER ? " (see: comfygate migrate --help)" : "");
    return e->code == ERR_INVALID_PARAMETER ? EXIT_USAGE : EXIT_FAILURE;
}

/* ---- this version's form ----------------------------------------------------------------------- */

static enum errc bring_up_to_date(const struct config *c, struct err *e)
{
    AUTO(free_ptr) char *url = database_url_of(c);
    struct store *store = NULL;
    enum errc errc = ERR_NONE;

    if (!file_make_dirs(c->data_dir)) {
        return err_set(e, ERR_INTERNAL_ERROR, "The data folder %s cannot be made.", c->data_dir);
    }
    errc = store_open(url, &store, e);
    store_close(store);
    return errc;
}

static int migrate_settings(const struct migrate_options *o)
{
    struct config config = {0};
    struct err e = ERR_INIT;
    enum errc errc = config_load(&config, o->settings_count, o->settings, environ, &e);

    if (errc == ERR_NONE) {
        errc = bring_up_to_date(&config, &e);
    }
    if (errc == ERR_NONE && !o->is_quiet) {
        (void)fprintf(stdout, "The job store in %s is up to date.\n", config.data_dir);
    }
    config_clear(&config);
    return errc == ERR_NONE ? EXIT_SUCCESS : complain(&e);
}

/* ---- into another ---------------------------------------------------------------------------- */

struct shown {
    struct terminal terminal;
    bool is_quiet;
    bool is_drawn;
    const char *table;
    bool is_compared;
    int64_t due_mono_ms;
};

static void wipe(struct shown *s)
{
    if (s->is_drawn) {
        (void)fputs("\r\033[K", s->terminal.file);
        s->is_drawn = false;
    }
}

static void draw(struct shown *s, int64_t done, int64_t total)
{
    int full = total > 0 ? (int)(done * BAR_WIDTH / total) : BAR_WIDTH;

    full = full > BAR_WIDTH ? BAR_WIDTH : full;
    wipe(s);
    (void)fprintf(s->terminal.file, "%s %-12s [%.*s%*s] %" PRId64 " of %" PRId64,
                  s->is_compared ? "comparing" : "copying  ", s->table, full,
                  "##############################", BAR_WIDTH - full, "", done, total);
    (void)fflush(s->terminal.file);
    s->is_drawn = true;
}

/* On a terminal a bar; elsewhere a line for each table. */
static bool show(void *arg, const char *table, bool is_compared, int64_t done, int64_t total)
{
    struct shown *s = arg;
    bool is_new = s->table != table || s->is_compared != is_compared;
    int64_t now = clock_mono_ms();

    s->table = table;
    s->is_compared = is_compared;
    if (s->is_quiet) {
        return !terminal_is_interrupted();
    }
    if (s->terminal.is_tty && (is_new || now >= s->due_mono_ms)) {
        draw(s, done, total);
        s->due_mono_ms = now + DRAWN_EVERY;
    } else if (!s->terminal.is_tty && is_new && !is_compared) {
        (void)fprintf(s->terminal.file, "copying %s, %" PRId64 " rows\n", table, total);
    }
    return !terminal_is_interrupted();
}

static int copy(const struct migrate_options *o)
{
    struct shown shown = {.is_quiet = o->is_quiet};
    struct store_moved moved = {0};
    struct err e = ERR_INIT;
    enum errc errc = ERR_NONE;

    terminal_init(&shown.terminal, stderr, false);
    terminal_catch_interrupt();
    errc = store_move(o->from, o->to, show, &shown, &moved, &e);
    wipe(&shown);
    if (errc != ERR_NONE) {
        return complain(&e);
    }
    if (!o->is_quiet) {
        (void)fprintf(stdout,
                      "Both are the same: %" PRId64 " jobs, %" PRId64 " outputs, %" PRId64
                      " rows in all, of which %" PRId64 " were copied now.\n",
                      moved.jobs, moved.outputs, moved.rows, moved.new_rows);
    }
    return EXIT_SUCCESS;
}

int migrate_command(int argc, char **argv)
{
    AUTO(migrate_options_clear) struct migrate_options o;
    struct err e = ERR_INIT;

    if (migrate_options_read(&o, argc, argv, &e) != ERR_NONE) {
        return complain(&e);
    }
    if (o.from != NULL && o.settings_count > 0) {
        (void)err_set(&e, ERR_INVALID_PARAMETER,
                      "--from and --to say it all; %.80s has no place beside them", o.settings[0]);
        return complain(&e);
    }
    return o.from != NULL ? copy(&o) : migrate_settings(&o);
}
