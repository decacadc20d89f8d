/* verb_wait.c - wait, and watch of one job: the same thing, for several jobs or for one. */
#include "base/clock.h"
#include "cli/await.h"
#include "cli/verbs.h"

/* How bad an end is: the worst of several jobs is the exit code. */
static int badness(int code)
{
    static const int order[] = {EXIT_OK, EXIT_JOB_STOPPED, EXIT_JOB_FAILED, EXIT_WAIT_OVER};

    for (int i = 0; i < (int)(sizeof order / sizeof order[0]); i++) {
        if (order[i] == code) {
            return i;
        }
    }
    return 100;
}

static int wait_for_all(struct cli *cli, const struct words *ids, int64_t limit_s)
{
    int64_t deadline = clock_mono_ms() + limit_s * 1000;
    int worst = EXIT_OK;

    for (size_t i = 0; i < ids->count; i++) {
        int64_t left = (deadline - clock_mono_ms() + 999) / 1000;
        struct await_options options = {.limit_s = -1};
        int code;

        if (limit_s >= 0) {
            /* Also the last one is looked at when the time is over: it may have ended. */
            options.limit_s = left > 0 ? left : 0;
        }
        code = await_job(cli, ids->item[i], &options);
        worst = badness(code) > badness(worst) ? code : worst;
        if (code == EXIT_UNREACHABLE || code == EXIT_INTERRUPTED) {
            return code;
        }
    }
    return worst;
}

int verb_wait(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words ids = {0};
    struct whole_number limit = {0};
    const struct option_row rows[] = {
        OPTION_NUMBER_ROW("for", "SECONDS", &limit, 0, 604800, "wait at most; then exit with 5"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &ids, &code) ||
        !cli_operands(cli, &ids, 1, (size_t)-1, &code)) {
        return code;
    }
    for (size_t i = 0; i < ids.count; i++) {
        if (!cli_is_id(cli, ids.item[i])) {
            return EXIT_USAGE;
        }
    }
    return wait_for_all(cli, &ids, limit.is_given ? limit.value : -1);
}
