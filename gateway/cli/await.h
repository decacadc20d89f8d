/* await.h - what `--wait` means: follow a job with a progress bar, say how it ended, fetch its
 * files.
 */
#ifndef CG_CLI_AWAIT_H
#define CG_CLI_AWAIT_H

#include "cli/verbs.h"

struct await_options {
    int64_t limit_s;          /* -1 = as long as it takes */
    const char *download_dir; /* NULL = do not fetch */
};

/* Tells the id of a job that is new, then awaits it. A script (--quiet) reads either the id or, with a
 * download_dir, the paths from standard output. */
int await_new_job(struct cli *cli, const char *id, const struct await_options *options);
/* Returns the exit code. Progress goes to standard error, the result to standard output. */
int await_job(struct cli *cli, const char *id, const struct await_options *options);

#endif
