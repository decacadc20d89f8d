/* check_machine.c - the clock, and how many descriptors a process may have. */
#include <sys/resource.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "doctor/checks.h"

/* Nobody runs this program before it was written, nor long after. */
#define WALL_MIN_MS 1767225600000LL /* 2026-01-01 */
#define WALL_MAX_MS 4102444800000LL /* 2100-01-01 */

/* Of the store, the files, ComfyUI and the threads, beside the connections. */
#define OTHER_DESCRIPTORS 512

static void check_clock(struct doctor *d)
{
    struct timex state = {.modes = 0}; /* asks only */
    int64_t now = clock_wall_ms();
    char text[CLOCK_TEXT_SIZE];

    report_about(&d->report, "clock", NULL);
    if (now < WALL_MIN_MS || now > WALL_MAX_MS) {
        report_wrong(&d->report,
                     "Set the clock, best by NTP: times of jobs, keys and links depend on it.",
                     "it says %s, which cannot be", clock_format(now, text));
        return;
    }
    report_ok(&d->report, "%s, %s", clock_format(now, text),
              adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0
                  ? "synchronised"
                  : "not known to be synchronised");
}

static void check_descriptors(struct doctor *d)
{
    rlim_t needed = (rlim_t)d->config.server_max_connections + OTHER_DESCRIPTORS;
    struct rlimit limit;

    report_about(&d->report, "descriptors", NULL);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        report_warning(&d->report, "See ulimit -n.", "their limit cannot be read: %m");
    } else if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed) {
        report_warning(
            &d->report,
            "Raise it (LimitNOFILE= in the unit, ulimit -Hn in a shell, --ulimit nofile= of a "
            "container), or lower server_max_connections.",
            "a process may have %llu, and %llu are needed for %lld connections",
            (unsigned long long)limit.rlim_max, (unsigned long long)needed,
            (long long)d->config.server_max_connections);
    } else {
        report_ok(&d->report, "enough for %lld connections",
                  (long long)d->config.server_max_connections);
    }
}

void check_machine(struct doctor *d)
{
    check_clock(d);
    check_descriptors(d);
}
