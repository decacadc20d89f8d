#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define STATM_MAX 4096
#define MILLION   INT64_C(1000000)

static int64_t cpu_us(void)
{
    struct rusage use;

    (void)getrusage(RUSAGE_SELF, &use); /* fails for no argument that we could give */
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * MILLION + use.ru_utime.tv_usec +
           use.ru_stime.tv_usec;
}

/* The file begins with the two sizes, in pages. */
static void read_memory(struct process_use *use)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(STATM_MAX);
    AUTO(free_ptr) struct err *e = xcalloc(1, sizeof *e);
    long page = sysconf(_SC_PAGESIZE);
    char *end = NULL;
    int64_t pages = 0;

    if (page <= 0 || file_read("/proc/self/statm", STATM_MAX, &text, e) != ERR_NONE) {
        return;
    }
    pages = strtoll(buf_str(&text), &end, 10);
    use->virtual_bytes = pages * page;
    use->resident_bytes = strtoll(end, NULL, 10) * page;
}

static int64_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry = NULL;
    int64_t count = -1; /* that of the folder itself */

    if (dir == NULL) {
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(dir);
    return count;
}

static int64_t max_fds(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
               ? (int64_t)limit.rlim_cur
               : -1;
}

struct process_use process_use_now(void)
{
    struct process_use use = {.cpu_us = cpu_us(),
                              .resident_bytes = -1,
                              .virtual_bytes = -1,
                              .open_fds = open_fds(),
                              .max_fds = max_fds()};

    read_memory(&use);
    return use;
}
