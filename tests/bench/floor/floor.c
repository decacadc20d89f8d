#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

#define ANSWER_MAX        (1U << 20)
#define CONNECTION_MEMORY 4096
#define CONNECTIONS       20000
#define SILENCE_S         120U

void floor_answer_read(const char *path, struct floor_answer *out)
{
    char piece[4096];
    FILE *file = fopen(path, "rb");
    size_t got = 0;

    bug_if(file == NULL);
    out->bytes = BUF_INIT(ANSWER_MAX);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) {
        bug_if(!buf_append(&out->bytes, piece, got));
    }
    (void)fclose(file);
    out->response = MHD_create_response_from_buffer(
        out->bytes.len, (void *)(uintptr_t)buf_str(&out->bytes), MHD_RESPMEM_PERSISTENT);
    (void)MHD_add_response_header(out->response, "Content-Type", "application/json");
    (void)MHD_add_response_header(out->response, "X-Request-Id",
                                  "019ff000-0000-7000-8000-000000000000");
    (void)MHD_add_response_header(out->response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(out->response, "Cache-Control", "no-cache");
    (void)MHD_add_response_header(out->response, "ETag", "\"1-0\"");
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int floor_serve(const char *port, const char *threads, MHD_AccessHandlerCallback handler,
                MHD_RequestCompletedCallback completed, void *arg)
{
    struct MHD_Daemon *daemon = NULL;
    char byte = 0;

    raise_descriptors();
    daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC,
        (uint16_t)strtoul(port, NULL, 10), NULL, NULL, handler, arg, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)strtoul(threads, NULL, 10), MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, MHD_OPTION_NOTIFY_COMPLETED, completed, arg,
        MHD_OPTION_END);
    if (daemon == NULL) {
        (void)fprintf(stderr, "The port %s cannot be served.\n", port);
        return EXIT_FAILURE;
    }
    (void)puts("listening");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    /* Not stopped: connections may be suspended, and the kernel takes all of it back. */
    _exit(EXIT_SUCCESS);
}
