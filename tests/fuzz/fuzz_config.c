/* fuzz_config.c - any bytes as the settings file, as a variable and as flags.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FLAGS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(int argc, char **argv, char **envp)
{
    struct config c;
    struct err e = ERR_INIT;
    enum errc code = config_load(&c, argc, argv, envp, &e);

    if (code == ERR_NONE) {
        bug_if(c.backend_slots < 1 || c.backend_slots > 16 || c.server_listen == NULL);
        config_clear(&c);
    }
    bug_if(code != ERR_NONE && (e.code != code || e.detail[0] == '\0'));
}

static void try_file(const uint8_t *data, size_t size)
{
    AUTO(file_close) int fd = memfd_create("config", MFD_CLOEXEC);
    char flag[64];
    char *flags[] = {flag};

    bug_if(fd < 0 || write(fd, data, size) != (ssize_t)size);
    (void)snprintf(flag, sizeof flag, "--config=/proc/self/fd/%d", fd);
    try(1, flags, NULL);
}

/* Each line is one flag or value. --config would open files that the fuzzer names. */
static void try_flags(char *text)
{
    char *flags[FLAGS_MAX];
    int count = 0;
    char *rest = text;

    for (char *line = strsep(&rest, "\n"); line != NULL && count < FLAGS_MAX;
         line = strsep(&rest, "\n")) {
        if (strncmp(line, "--config", 8) != 0) {
            flags[count++] = line;
        }
    }
    try(count, flags, NULL);
}

/* A variable, without those that name a file to open. */
static void try_variable(const char *text)
{
    AUTO(free_ptr) char *variable = xasprintf("COMFYGATE_%s", text);
    char *envp[] = {variable, NULL};

    if (strncmp(text, "CONFIG", 6) != 0 && strstr(text, "_FILE=") == NULL) {
        try(0, NULL, envp);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = xstrndup((const char *)data, size);

    try_file(data, size);
    try_variable(text);
    try_flags(text);
    return 0;
}
