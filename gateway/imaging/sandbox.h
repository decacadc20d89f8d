/* sandbox.h - takes from this process all that decoding a picture does not need.
 *
 * Afterwards it has three descriptors, no environment, 1 GiB of memory and 30 s
 * of CPU, can open, connect, start and signal nothing, and can gain no rights.
 * Code that a hostile picture smuggles in may compute, and write to standard
 * output and error.
 *
 * There is no way back. Call it before the first byte of the picture is read,
 * with one thread. Builds with a sanitizer go without the limit of memory and
 * the filter of system calls, because a sanitizer needs more; all else is the same.
 */
#ifndef CG_IMAGING_SANDBOX_H
#define CG_IMAGING_SANDBOX_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* output_max: how long standard output may become, where it is a file. INTERNAL_ERROR when the system does not
 * grant any part of it: then nothing may be decoded. */
enum errc sandbox_enter(int64_t output_max, struct err *e) MUST_CHECK;

#endif
