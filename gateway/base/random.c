#include "base/random.h"

#include <pthread.h>
#include <sodium.h>

#include "base/mem.h"

static void start_sodium(void)
{
    int failed = sodium_init();

    bug_if(failed < 0);
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, start_sodium);
}

void random_fill(void *out, size_t len)
{
    ready();
    randombytes_buf(out, len);
}

uint32_t random_below(uint32_t limit)
{
    ready();
    return limit > 0 ? randombytes_uniform(limit) : 0;
}
