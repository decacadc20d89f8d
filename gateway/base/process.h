/* process.h - what this process uses of the machine. Asks the kernel each time. Any thread.
 */
#ifndef CG_BASE_PROCESS_H
#define CG_BASE_PROCESS_H

#include <stdint.h>

/* -1 for what could not be found out. */
struct process_use {
    int64_t cpu_us; /* processor time, user and system; always known */
    int64_t resident_bytes;
    int64_t virtual_bytes;
    int64_t open_fds;
    int64_t max_fds;
};

struct process_use process_use_now(void);

#endif
