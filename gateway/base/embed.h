/* embed.h - files that are part of the program (cmake/embed.cmake makes the tables).
 */
#ifndef CG_BASE_EMBED_H
#define CG_BASE_EMBED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* NULL ends a table */
    const char *data; /* followed by a NUL that is not counted */
    size_t len;
};

#endif
