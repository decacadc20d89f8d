/* estimate.c - see estimate.h.
 */
#include "core/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

#define KEYS_MAX   2000 /* beyond, new ones are learnt as any job alone */
#define KEY_MAX    512
#define FORGETTING 0.1 /* weight of the newest once ten are known */
#define WORK_MAX   1e12
#define TIME_MAX   (INT64_C(30) * 86400 * 1000)

struct pace {
    double log_mean; /* of ms for a unit of work */
    int count;
};

struct estimate {
    struct map *by_key; /* struct pace; owned */
    struct pace any;    /* of whole jobs */
    struct pace error;  /* of the logarithm of the factor by which an estimate was off */
};

struct estimate *estimate_new(void)
{
    struct estimate *e = xcalloc(1, sizeof *e);

    e->by_key = map_new();
    return e;
}

static void free_pace(void *arg, const char *key, void *value)
{
    (void)arg;
    (void)key;
    free(value);
}

void estimate_free(struct estimate *e)
{
    if (e != NULL) {
        map_each(e->by_key, free_pace, NULL);
        map_free(e->by_key);
        free(e);
    }
}

/* ---- the size of the work -------------------------------------------------------------------- */

static double number_of(const struct json_doc *doc, const char *key)
{
    double number = 0;

    return json_double(doc, json_get(doc, 0, key), &number) && number >= 1 && number < 1e6 ? number
                                                                                           : 1;
}

/* Only to compare jobs of one template with each other: what is absent counts as one. */
static double work_of(const struct estimate_about *about)
{
    static const struct json_limits limits = {.depth = 64, .nodes = 10000};
    static const char *const parts[] = {"steps", "width", "height", "count", "frames"};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    double work = 1;

    if (about->template_name == NULL || about->input_json == NULL ||
        json_parse((struct span){about->input_json, strlen(about->input_json)}, JSON_LENIENT,
                   limits, &doc, NULL) != ERR_NONE) {
        return 1;
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        work *= number_of(doc, parts[i]);
    }
    return work < WORK_MAX ? work : WORK_MAX;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* False for a job that has no key of that kind. */
static bool write_key(struct buf *out, const struct estimate_about *about, bool with_backend)
{
    buf_reset(out);
    if (about->template_name == NULL || (with_backend && about->backend == NULL)) {
        return false;
    }
    return buf_appendf(out, "%s\n%s", about->template_name, with_backend ? about->backend : "");
}

static struct pace *find(const struct estimate *e, const struct estimate_about *about,
                         bool with_backend)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(KEY_MAX);

    return write_key(&key, about, with_backend) ? map_get(e->by_key, buf_str(&key)) : NULL;
}

static struct pace *find_or_add(struct estimate *e, const struct estimate_about *about,
                                bool with_backend)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(KEY_MAX);
    struct pace *p = NULL;

    if (!write_key(&key, about, with_backend)) {
        return NULL;
    }
    p = map_get(e->by_key, buf_str(&key));
    if (p == NULL && map_count(e->by_key) < KEYS_MAX) {
        p = xcalloc(1, sizeof *p);
        map_put(e->by_key, buf_str(&key), p);
    }
    return p;
}

/* ---- learning and telling -------------------------------------------------------------------- */

static void note(struct pace *p, double log_value)
{
    double weight = 0;

    if (p == NULL) {
        return;
    }
    p->count += p->count < 1000000 ? 1 : 0;
    weight = 1.0 / p->count > FORGETTING ? 1.0 / p->count : FORGETTING;
    p->log_mean += (log_value - p->log_mean) * weight;
}

void estimate_learn(struct estimate *e, const struct estimate_about *about, int64_t ms)
{
    int64_t guess = estimate_run_ms(e, about);
    double work = work_of(about);

    if (ms <= 0) {
        return;
    }
    if (guess > 0) {
        note(&e->error, fabs(log((double)guess / (double)ms)));
    }
    note(find_or_add(e, about, true), log((double)ms / work));
    note(find_or_add(e, about, false), log((double)ms / work));
    note(&e->any, log((double)ms));
}

static int64_t time_of(const struct pace *p, double work)
{
    double ms = exp(p->log_mean) * work;

    return ms < 1 ? 1 : ms < (double)TIME_MAX ? (int64_t)ms : TIME_MAX;
}

int64_t estimate_run_ms(const struct estimate *e, const struct estimate_about *about)
{
    const struct pace *p = find(e, about, true);

    p = p != NULL ? p : find(e, about, false);
    return p != NULL ? time_of(p, work_of(about)) : estimate_usual_ms(e);
}

int64_t estimate_usual_ms(const struct estimate *e)
{
    return e->any.count > 0 ? time_of(&e->any, 1) : 0;
}

double estimate_error(const struct estimate *e)
{
    return e->error.count > 0 ? exp(e->error.log_mean) : 0;
}
