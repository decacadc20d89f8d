/* allowance.c - see allowance.h. A hash has four places; who finds all of them in use takes that of the fullest bucket.
 */
#include "core/allowance.h"

#include <sodium/crypto_shorthash.h>
#include <sodium/randombytes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SETS      4096 /* a power of two */
#define WAYS      4
#define MINUTE_US INT64_C(60000000)
#define SECOND_US INT64_C(1000000)

struct place {
    uint64_t name;
    int64_t full_us; /* when the bucket is full again; one that is full is free for others */
};

struct allowance {
    int64_t limit;
    int64_t step_us; /* in which one comes in */
    unsigned char secret[crypto_shorthash_KEYBYTES];
    struct place place[SETS][WAYS];
};

struct allowance *allowance_new(int64_t per_minute)
{
    struct allowance *r = xcalloc(1, sizeof *r);

    bug_if(per_minute < 1 || per_minute > 100000);
    r->limit = per_minute;
    r->step_us = MINUTE_US / per_minute;
    randombytes_buf(r->secret, sizeof r->secret);
    return r;
}

void allowance_free(struct allowance *r)
{
    free(r);
}

static uint64_t hash_of(const struct allowance *r, const void *name, size_t len)
{
    uint64_t hash = 0;

    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word");
    (void)crypto_shorthash((unsigned char *)&hash, name, len, r->secret);
    return hash;
}

static struct place *find(struct allowance *r, uint64_t name)
{
    struct place *set = r->place[name % SETS];
    struct place *fullest = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (set[i].name == name) {
            return &set[i];
        }
        if (set[i].full_us < fullest->full_us) {
            fullest = &set[i];
        }
    }
    *fullest = (struct place){.name = name};
    return fullest;
}

static int64_t seconds_up(int64_t us)
{
    return us > 0 ? (us + SECOND_US - 1) / SECOND_US : 0;
}

bool allowance_take(struct allowance *r, const void *name, size_t len, int64_t now_us,
                    struct allowance_state *out)
{
    struct place *p = find(r, hash_of(r, name, len));
    int64_t whole_us = r->step_us * r->limit;
    int64_t missing_us = p->full_us > now_us ? p->full_us - now_us : 0;
    bool may = missing_us + r->step_us <= whole_us;

    out->wait_s = may ? 0 : seconds_up(missing_us + r->step_us - whole_us);
    if (may) {
        missing_us += r->step_us;
        p->full_us = now_us + missing_us;
    }
    out->limit = r->limit;
    out->remaining = (whole_us - missing_us) / r->step_us;
    out->full_s = seconds_up(missing_us);
    return may;
}
