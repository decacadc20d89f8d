/* fuzz_discord_custom_id.c - any bytes as what a button stands for: what is read is written again as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/custom_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(const char *text)
{
    struct custom_id c = {.action = PRESS_COUNT, .output = -1};
    char again[CUSTOM_ID_SIZE];

    if (custom_id_read(text, &c) != CUSTOM_ID_OK) {
        bug_if(c.action != PRESS_COUNT || c.output != -1);
        return;
    }
    bug_if(c.output < 0 || c.output > 999);
    bug_if(strcmp(custom_id_write(&c, again), text) != 0);
}

static void check_comes_back(const struct custom_id *c)
{
    struct custom_id back = {.action = PRESS_COUNT};
    char text[CUSTOM_ID_SIZE];

    bug_if(strlen(custom_id_write(c, text)) > 100);
    bug_if(custom_id_read(text, &back) != CUSTOM_ID_OK);
    bug_if(back.action != c->action || back.output != c->output || !id_eq(back.job, c->job));
    bug_if(strcmp(back.extra, c->extra) != 0);
}

/* One that is well-formed, made of the bytes: it comes back, and Discord takes its length. */
static void check_written(const uint8_t *data, size_t size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    struct custom_id c = {.action = (enum press_action)(data[0] % PRESS_COUNT),
                          .output = data[1] * 4 % 1000};

    for (size_t i = 0; i + 2 < size && i + 1 < CUSTOM_ID_EXTRA; i++) {
        c.extra[i] = letters[data[i + 2] % (sizeof letters - 1)];
    }
    if (data[0] >= 128) {
        bug_if(!id_parse(span_of("0198c2a4-7b1e-7c3d-8a4f-1234567890ab"), &c.job));
    }
    check_comes_back(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = xmalloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    check_read(text);
    if (size >= 2) {
        check_written(data, size);
    }
    return 0;
}
