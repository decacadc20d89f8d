/* program.h - what comfygate-imaging and the gateway have agreed on: the program's name and how it
 * ends.
 *
 *   comfygate-imaging thumbnail --edge N [--max-pixels N]      <picture >result.webp
 *   comfygate-imaging rendition --max-bytes N [--max-pixels N] <picture >result.webp
 *
 * Standard input is a regular file, read from its beginning. What goes wrong is one sentence on
 * standard error, and the exit code.
 */
#ifndef CG_IMAGING_PROGRAM_H
#define CG_IMAGING_PROGRAM_H

#define PROGRAM_NAME "comfygate-imaging"

enum program_exit {
    PROGRAM_DONE = 0,
    PROGRAM_BROKEN = 1, /* nothing to do with the picture: no sandbox, no output */
    PROGRAM_USAGE = 2,
    PROGRAM_UNREADABLE = 3,
    PROGRAM_NO_FIT = 4,
    PROGRAM_TOO_MANY_PIXELS = 5,
    PROGRAM_DISK_FULL = 6
};

/* No thumbnail comes near it. */
#define PROGRAM_THUMBNAIL_BYTES_MAX 33554432

#endif
