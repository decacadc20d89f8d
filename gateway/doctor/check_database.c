/* check_database.c - the job store: whether it can be read, is of this program, and is sound. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doctor/checks.h"
#include "store/store_examine.h"

#define CHECK_MS 10000

static void tell_keys(struct doctor *d, const struct store_findings *found)
{
    report_about(&d->report, "keys", NULL);
    if (strcmp(d->config.auth_mode, "keys") != 0) {
        return;
    }
    if (found->keys > 0) {
        report_ok(&d->report, "%lld that may be used", (long long)found->keys);
    } else {
        report_wrong(
            &d->report, "Make one: comfygate keys create NAME --role admin.",
            "auth_mode is keys, and there is none that may be used: nobody can call the gateway");
    }
}

static const char *state_of(const struct store_findings *found)
{
    if (found->is_served) {
        return "its server answers";
    }
    return found->is_partly_seen ? "sound as far as 10 s of looking went" : "sound";
}

void check_database(struct doctor *d)
{
    AUTO(free_ptr)
    char *url = d->config.database_url[0] != '\0'
                    ? xstrdup(d->config.database_url)
                    : xasprintf("sqlite:%s/comfygate.db", d->config.data_dir);
    struct store_findings found;
    struct err e = ERR_INIT;

    report_about(&d->report, "database", NULL);
    if (store_examine(url, clock_wall_ms(), CHECK_MS, &found, &e) != ERR_NONE) {
        report_wrong(
            &d->report,
            "Run the program that wrote it, as the user who owns it; or correct data_dir or "
            "database_url.",
            "%.*s", (int)strcspn(e.detail, "\n") - 1, e.detail);
        return;
    }
    if (found.fault[0] != '\0') {
        report_wrong(
            &d->report,
            "Stop the gateway, keep a copy of the data folder, and put a backup in its place.",
            "it is damaged: %s", found.fault);
        return;
    }
    if (!found.is_there) {
        report_ok(&d->report, "it is made at the first start");
    } else if (found.behind > 0) {
        report_ok(&d->report, "%s; the next start brings it to this version's form (%d migrations)",
                  state_of(&found), found.behind);
    } else {
        report_ok(&d->report, "%s, with %lld jobs", state_of(&found), (long long)found.jobs);
    }
    tell_keys(d, &found);
}
