/* replay_main.c - runs a fuzz target over files, as an ordinary test and without a fuzzer.
 *
 * Arguments are files and folders of files. No input at all is a failure: a
 * corpus that went missing must not look like a success.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

#define INPUT_MAX_BYTES 16777216

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay_file(const char *path)
{
    AUTO(buf_clear) struct buf input = BUF_INIT(INPUT_MAX_BYTES);
    AUTO(free_ptr) uint8_t *data = NULL;
    struct err e = ERR_INIT;

    if (file_read(path, INPUT_MAX_BYTES, &input, &e) != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", e.detail);
        return false;
    }
    /* A copy of the exact size, so that a sanitizer sees a read behind the end. */
    data = xmalloc(input.len);
    memcpy(data, buf_str(&input), input.len);
    (void)LLVMFuzzerTestOneInput(data, input.len);
    return true;
}

static bool is_dir(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool replay_dir(const char *path, int *count)
{
    struct dirent **entries = NULL;
    int entry_count = scandir(path, &entries, NULL, alphasort);
    bool is_good = entry_count >= 0;

    for (int i = 0; i < entry_count; i++) {
        AUTO(free_ptr) char *name = xasprintf("%s/%s", path, entries[i]->d_name);

        if (entries[i]->d_name[0] != '.' && !is_dir(name)) {
            is_good = replay_file(name) && is_good;
            ++*count;
        }
        free(entries[i]);
    }
    free(entries);
    return is_good;
}

int main(int argc, char **argv)
{
    bool is_good = true;
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (is_dir(argv[i])) {
            is_good = replay_dir(argv[i], &count) && is_good;
        } else {
            is_good = replay_file(argv[i]) && is_good;
            count++;
        }
    }
    (void)printf("%d inputs\n", count);
    return is_good && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
