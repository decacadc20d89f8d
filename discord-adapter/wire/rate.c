/* rate.c - see rate.h.
 */
#include "wire/rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define GLOBAL_WINDOW_MS  1000
#define FORGET_MS         3600000
#define SWEEP_MS          60000
#define INVALID_WINDOW_MS 600000
#define INVALID_SLOTS     60 /* the window in parts of 10 s */
#define UNKNOWN_429_MS    60000
#define KEY_SIZE          512
#define IN_FLIGHT_MAX     1 /* of a bucket whose limit is not known yet */

struct bucket {
    int remaining; /* -1 = not known */
    int in_flight;
    int64_t reset_ms; /* when remaining is limit again */
    int limit;
    int64_t used_ms;
};

/* Requests under way: their bucket may be named anew before they are answered. */
struct flight {
    int count;
    char bucket[KEY_SIZE];
};

struct rate {
    int global_per_second;
    int invalid_max;
    int64_t *global_ms; /* when the last global_per_second went, a ring */
    int64_t global_sent;
    int64_t global_blocked_ms; /* until then */
    struct map *names;         /* route -> its bucket's name, as Discord told it; owned copies */
    struct map *buckets;       /* name + major parameter -> struct bucket; owned */
    struct map *flights;       /* route + major parameter -> struct flight; owned */
    int64_t swept_ms;
    int invalid[INVALID_SLOTS];
    int64_t invalid_slot; /* the newest, in units of its length */
};

/* ---- buckets -------------------------------------------------------------------------------- */

static void write_key(const char *name, const char *major, char out[KEY_SIZE])
{
    (void)snprintf(out, KEY_SIZE, "%s|%s", name, major != NULL ? major : "");
}

static void write_bucket_key(const struct rate *r, const char *route, const char *major,
                             char out[KEY_SIZE])
{
    const char *name = map_get(r->names, route);

    write_key(name != NULL ? name : route, major, out);
}

static struct bucket *find(struct rate *r, const char *route, const char *major, int64_t now_ms)
{
    char key[KEY_SIZE];
    struct bucket *b = NULL;

    write_bucket_key(r, route, major, key);
    b = map_get(r->buckets, key);
    if (b == NULL) {
        b = xcalloc(1, sizeof *b);
        b->remaining = -1;
        map_put(r->buckets, key, b);
    }
    b->used_ms = now_ms;
    return b;
}

static void depart(struct rate *r, const char *route, const char *major)
{
    char key[KEY_SIZE];
    struct flight *f = NULL;
    struct bucket *b = NULL;

    write_key(route, major, key);
    f = map_get(r->flights, key);
    if (f == NULL) {
        f = xcalloc(1, sizeof *f);
        write_bucket_key(r, route, major, f->bucket);
        map_put(r->flights, key, f);
    }
    f->count++;
    b = map_get(r->buckets, f->bucket);
    b->in_flight++;
}

/* In the bucket that it was counted in, whatever that is called now. */
static void land(struct rate *r, const char *route, const char *major)
{
    char key[KEY_SIZE];
    struct flight *f = NULL;
    struct bucket *b = NULL;

    write_key(route, major, key);
    f = map_get(r->flights, key);
    if (f == NULL) {
        return;
    }
    b = map_get(r->buckets, f->bucket);
    b->in_flight--;
    if (--f->count == 0) {
        (void)map_remove(r->flights, key);
        free(f);
    }
}

struct sweep {
    struct rate *rate;
    int64_t now_ms;
};

static void sweep_one(void *arg, const char *key, void *value)
{
    const struct sweep *s = arg;
    struct bucket *b = value;

    if (b->in_flight == 0 && b->used_ms < s->now_ms - FORGET_MS && b->reset_ms < s->now_ms) {
        (void)map_remove(s->rate->buckets, key);
        free(b);
    }
}

static void sweep(struct rate *r, int64_t now_ms)
{
    struct sweep s = {r, now_ms};

    if (now_ms - r->swept_ms >= SWEEP_MS) {
        r->swept_ms = now_ms;
        map_each(r->buckets, sweep_one, &s);
    }
}

static void free_value(void *arg, const char *key, void *value)
{
    (void)arg;
    (void)key;
    free(value);
}

struct rate *rate_new(int global_per_second, int invalid_max)
{
    struct rate *r = xcalloc(1, sizeof *r);

    r->global_per_second = global_per_second;
    r->invalid_max = invalid_max;
    r->names = map_new();
    r->buckets = map_new();
    r->flights = map_new();
    r->global_ms = xcalloc((size_t)global_per_second, sizeof *r->global_ms);
    return r;
}

void rate_free(struct rate *r)
{
    if (r == NULL) {
        return;
    }
    map_each(r->names, free_value, NULL);
    map_each(r->buckets, free_value, NULL);
    map_each(r->flights, free_value, NULL);
    map_free(r->names);
    map_free(r->buckets);
    map_free(r->flights);
    free(r->global_ms);
    free(r);
}

/* ---- invalid requests ----------------------------------------------------------------------- */

static void turn_slots(struct rate *r, int64_t now_ms)
{
    int64_t slot = now_ms / (INVALID_WINDOW_MS / INVALID_SLOTS);

    if (slot - r->invalid_slot >= INVALID_SLOTS) {
        memset(r->invalid, 0, sizeof r->invalid);
        r->invalid_slot = slot;
    }
    while (r->invalid_slot < slot) {
        r->invalid[++r->invalid_slot % INVALID_SLOTS] = 0;
    }
}

int rate_invalid_count(const struct rate *r, int64_t now_ms)
{
    int64_t newest = now_ms / (INVALID_WINDOW_MS / INVALID_SLOTS);
    int count = 0;

    for (int64_t slot = newest - INVALID_SLOTS + 1; slot <= r->invalid_slot; slot++) {
        if (slot >= 0 && slot > r->invalid_slot - INVALID_SLOTS) {
            count += r->invalid[slot % INVALID_SLOTS];
        }
    }
    return count;
}

bool rate_is_stopped(const struct rate *r, int64_t now_ms)
{
    return rate_invalid_count(r, now_ms) >= r->invalid_max;
}

static void note_invalid(struct rate *r, const struct rate_answer *a, int64_t now_ms)
{
    bool is_shared = a->scope != NULL && strcmp(a->scope, "shared") == 0;

    if (a->status == 401 || a->status == 403 || (a->status == 429 && !is_shared)) {
        turn_slots(r, now_ms);
        r->invalid[r->invalid_slot % INVALID_SLOTS]++;
    }
}

/* ---- taking --------------------------------------------------------------------------------- */

static int64_t global_wait(const struct rate *r, int64_t now_ms)
{
    int64_t from_ms = 0;

    if (now_ms < r->global_blocked_ms) {
        return r->global_blocked_ms - now_ms;
    }
    if (r->global_sent < r->global_per_second) {
        return 0;
    }
    from_ms = r->global_ms[r->global_sent % r->global_per_second] + GLOBAL_WINDOW_MS;
    return now_ms < from_ms ? from_ms - now_ms : 0;
}

/* One request alone finds out what a bucket takes. */
static int64_t bucket_wait(struct bucket *b, int64_t now_ms)
{
    if (b->remaining >= 0 && now_ms >= b->reset_ms) {
        b->remaining = b->limit > 0 ? b->limit - b->in_flight : -1;
        b->remaining = b->limit > 0 && b->remaining < 0 ? 0 : b->remaining;
    }
    if (b->remaining < 0) {
        return b->in_flight < IN_FLIGHT_MAX ? 0 : GLOBAL_WINDOW_MS / 20;
    }
    if (b->remaining > 0) {
        return 0;
    }
    return b->reset_ms > now_ms ? b->reset_ms - now_ms : GLOBAL_WINDOW_MS / 20;
}

int64_t rate_take(struct rate *r, const char *route, const char *major, bool is_exempt,
                  int64_t now_ms)
{
    struct bucket *b = NULL;
    int64_t wait = 0;

    sweep(r, now_ms);
    if (rate_is_stopped(r, now_ms)) {
        return INT64_MAX;
    }
    b = find(r, route, major, now_ms);
    wait = bucket_wait(b, now_ms);
    if (!is_exempt && wait == 0) {
        wait = global_wait(r, now_ms);
    }
    if (wait > 0) {
        return wait;
    }
    depart(r, route, major);
    b->remaining -= b->remaining > 0 ? 1 : 0;
    if (!is_exempt) {
        r->global_ms[r->global_sent++ % r->global_per_second] = now_ms;
    }
    return 0;
}

/* ---- noting --------------------------------------------------------------------------------- */

static double number_of(const char *text)
{
    char *end = NULL;
    double number = text != NULL ? strtod(text, &end) : -1;

    return text != NULL && end != text && isfinite(number) && number >= 0 ? number : -1;
}

static int64_t ms_of(double seconds)
{
    double capped = seconds < 86400 ? seconds : 86400;

    return (int64_t)ceil(capped * 1000);
}

/* From now on the route is in the bucket that Discord has named; what was learnt stays with the old name until it is forgotten. */
static void learn_name(struct rate *r, const char *route, const char *name)
{
    char *known = map_get(r->names, route);

    if (name != NULL && name[0] != '\0' && (known == NULL || strcmp(known, name) != 0)) {
        map_put(r->names, route, xstrdup(name));
        free(known);
    }
}

static int64_t wait_of_429(const struct rate_answer *a)
{
    double body = a->body_retry_after;
    double header = number_of(a->retry_after);

    if (body >= 0) {
        return ms_of(body);
    }
    return header >= 0 ? ms_of(header) : UNKNOWN_429_MS;
}

/* Answers overtake each other: within a window there is never more left than was known, nor is it over sooner. */
static void note_window(struct bucket *b, int remaining, int64_t reset_ms, int64_t now_ms)
{
    bool is_same = b->remaining >= 0 && now_ms < b->reset_ms;
    int left = remaining > b->in_flight ? remaining - b->in_flight : 0;

    b->remaining = is_same && b->remaining < left ? b->remaining : left;
    b->reset_ms = is_same && b->reset_ms > reset_ms ? b->reset_ms : reset_ms;
}

int64_t rate_note(struct rate *r, const char *route, const char *major,
                  const struct rate_answer *answer, int64_t now_ms)
{
    struct bucket *b = NULL;
    double remaining = number_of(answer->remaining);
    double limit = number_of(answer->limit);
    double reset = number_of(answer->reset_after);
    int64_t wait = 0;

    land(r, route, major);
    learn_name(r, route, answer->bucket);
    b = find(r, route, major, now_ms);
    note_invalid(r, answer, now_ms);
    if (limit >= 1 && limit < 1e6) {
        b->limit = (int)limit;
    }
    if (remaining >= 0 && remaining < 1e6 && reset >= 0) {
        note_window(b, (int)remaining, now_ms + ms_of(reset), now_ms);
    }
    if (answer->status != 429) {
        return 0;
    }
    wait = wait_of_429(answer);
    if (answer->is_global) {
        r->global_blocked_ms = now_ms + wait;
    } else {
        b->remaining = 0;
        b->reset_ms = now_ms + wait;
    }
    return wait;
}

void rate_lost(struct rate *r, const char *route, const char *major)
{
    land(r, route, major);
}
