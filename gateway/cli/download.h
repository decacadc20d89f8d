/* download.h - a job's outputs as files.
 *
 * Each file arrives under a temporary name in the same folder, is compared
 * with the size and sha256 that the gateway states, and is then renamed. The
 * name is made safe (no folders, no leading dot, nothing unprintable); a file that exists is
 * never replaced: the new one gets -1, -2, ... before its extension.
 */
#ifndef CG_CLI_DOWNLOAD_H
#define CG_CLI_DOWNLOAD_H

#include "cli/job_facts.h"
#include "cli/verbs.h"

/* Fetches all outputs of a job into folder `dir` (made when absent). Prints one path per line on
 * `paths`. EXIT_OK, or another code after having said why. */
int download_outputs(struct cli *cli, const struct job_facts *job, const char *dir,
                     const struct terminal *paths);
/* "name" as a file name that is safe anywhere: appended to out, never empty. */
void download_safe_name(const char *name, int index, struct buf *out);

#endif
