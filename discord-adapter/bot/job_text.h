/* job_text.h - what cJSON would lose of a Job.
 */
#ifndef CGD_BOT_JOB_TEXT_H
#define CGD_BOT_JOB_TEXT_H

#include "base/attr.h"
#include "base/span.h"

/* The seed as it is written in comfygate's answer: it may have 20 digits, which a double rounds. "" when there is none; the caller
 * frees. */
char *job_seed_text(struct span job) MUST_CHECK;

#endif
