/* doctor.c - the verb: its flags, the settings, and the order of the checks. See doctor.h. */
#include "doctor/doctor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "cli/doctor_options.h"
#include "cli/terminal.h"
#include "doctor/checks.h"
#include "net/ws.h"

#define EXIT_USAGE 2

static enum errc load(struct doctor *d, int argc, char **argv, struct err *e)
{
    enum errc rc = config_load(&d->config, argc, argv, environ, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = backend_list_parse(d->config.backends, &d->backends, e);
    if (rc == ERR_NONE) {
        rc = backend_list_tag(&d->backends, d->config.backend_tags, e);
    }
    if (rc != ERR_NONE) {
        backend_list_clear(&d->backends);
        config_clear(&d->config);
    }
    return rc;
}

static void unload(struct doctor *d)
{
    backend_list_clear(&d->backends);
    config_clear(&d->config);
}

/* Flags are this command's; a file and the environment are part of the set-up that is looked at. */
static bool is_fault_of_flags(const struct doctor_options *o)
{
    struct doctor without = {.loop = NULL};
    struct err e = ERR_INIT;

    if (load(&without, o->file_count, o->file, &e) != ERR_NONE) {
        return false;
    }
    unload(&without);
    return true;
}

static void look(struct doctor *d)
{
    AUTO(free_ptr) char *agent = xasprintf("comfygate-doctor/%s", comfygate_version());
    struct err e = ERR_INIT;

    report_ok(&d->report, "they can be read; %zu ComfyUI, serving at %s", d->backends.count,
              d->config.server_listen);
    check_machine(d);
    check_folder(d);
    if (loop_open(ws_protocols(), &d->loop, &e) != ERR_NONE) {
        report_about(&d->report, "network", NULL);
        report_wrong(&d->report, "Nothing that needs the network was looked at.", "%s", e.detail);
        return;
    }
    d->http = http_client_new(d->loop, agent);
    d->nodes = xcalloc(d->backends.count, sizeof(struct node_info *));
    check_port(d);
    check_database(d);
    check_storage(d);
    check_backends(d);
    check_templates(d);
    for (size_t i = 0; i < d->backends.count; i++) {
        node_info_unref(d->nodes[i]);
    }
    free(d->nodes);
    http_client_free(d->http);
    loop_close(d->loop);
}

static int tell(const struct doctor *d, const struct doctor_options *o)
{
    struct terminal out;

    terminal_init(&out, stdout, o->no_color);
    if (o->is_json) {
        report_print_json(&d->report, &out);
    } else {
        report_print(&d->report, &out);
    }
    if (fflush(stdout) != 0) {
        return EXIT_FAILURE;
    }
    return report_worst(&d->report) == MARK_WRONG ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct doctor_options *o)
{
    struct doctor d = {.loop = NULL};
    struct err e = ERR_INIT;
    int code = EXIT_SUCCESS;

    (void)signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_TEXT, LOG_ERROR);
    report_about(&d.report, "settings", NULL);
    if (load(&d, o->settings_count, o->settings, &e) == ERR_NONE) {
        look(&d);
        unload(&d);
    } else if (is_fault_of_flags(o)) {
        (void)fprintf(stderr, "comfygate: %s\n", e.detail);
        return EXIT_USAGE;
    } else {
        report_wrong(&d.report,
                     "Correct it where it was given; comfygate serve --help lists all settings.",
                     "%s", e.detail);
    }
    code = tell(&d, o);
    report_clear(&d.report);
    return code;
}

int doctor_command(int argc, char **argv)
{
    struct doctor_options o = {.is_json = false};
    int code = EXIT_SUCCESS;

    doctor_options_read(&o, argc, argv);
    if (o.wants_help) {
        doctor_options_help(stdout);
        (void)fputs("\nSettings:\n", stdout);
        config_print_help(stdout);
    } else {
        code = run(&o);
    }
    doctor_options_clear(&o);
    return code;
}
