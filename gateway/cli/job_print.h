/* job_print.h - jobs for people: one in full, or many as a table.
 */
#ifndef CG_CLI_JOB_PRINT_H
#define CG_CLI_JOB_PRINT_H

#include "cli/job_facts.h"
#include "cli/terminal.h"

/* How an ended (or any) job stands: one line, then its error, or its outputs with their addresses
 * below `url`. */
void job_print_result(const struct terminal *t, const struct job_facts *job, const char *url);
/* All that is known of it, a line each; the seed and the input are read from the gateway's answer itself. */
void job_print_all(const struct terminal *t, const struct job_facts *job, struct span answer,
                   const char *url);
/* A table of an array of Jobs, fitted to the terminal; at most `rows` of them. A job without a title has
 * its template's name there. Every line ends in `end` ("\n", or with a terminal's erase-to-end before it). */
void job_print_table(const struct terminal *t, const cJSON *jobs, int rows, const char *end);

#endif
