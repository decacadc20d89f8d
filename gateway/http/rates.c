#include "http/rates.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

#define WINDOW_S  60
#define V6_PREFIX 8
#define TEXT_SIZE 200

struct counter {
    pthread_mutex_t lock;
    struct allowance *rate; /* NULL = there is no limit */
};

struct rates {
    struct counter of[RATE_KIND_COUNT];
    struct counter wrong_keys;
};

/* Whoever is counted. */
struct who {
    char name[ID_LEN];
    size_t len;
};

static const char *const KIND_WORD[RATE_KIND_COUNT] = {"requests", "submissions"};

static void open_counter(struct counter *c, bool is_counting, int64_t per_minute)
{
    (void)pthread_mutex_init(&c->lock, NULL);
    c->rate = is_counting && per_minute > 0 ? allowance_new(per_minute) : NULL;
}

static void close_counter(struct counter *c)
{
    (void)pthread_mutex_destroy(&c->lock);
    allowance_free(c->rate);
}

struct rates *rates_new(const struct config *config)
{
    struct rates *r = xcalloc(1, sizeof *r);
    bool is_counting = strcmp(config->auth_mode, "loopback") != 0;

    open_counter(&r->of[RATE_REQUESTS], is_counting, config->rate_requests);
    open_counter(&r->of[RATE_SUBMISSIONS], is_counting, config->rate_submissions);
    open_counter(&r->wrong_keys, is_counting, config->rate_wrong_keys);
    return r;
}

void rates_free(struct rates *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(r->of); i++) {
        close_counter(&r->of[i]);
    }
    close_counter(&r->wrong_keys);
    free(r);
}

static void set_who(struct who *who, const void *name, size_t len)
{
    memcpy(who->name, name, len);
    who->len = len;
}

static void address_of(const struct request *r, struct who *who)
{
    const struct sockaddr *address =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

    who->len = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;

        set_who(who, &v4->sin_addr, sizeof v4->sin_addr);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) != 0;

        set_who(who, &v6->sin6_addr, is_v4 ? sizeof v6->sin6_addr : V6_PREFIX);
    }
}

/* Without a limit all may, and nothing is said. */
static bool take(struct counter *c, const struct who *who, struct allowance_state *state)
{
    bool may = true;

    if (c->rate != NULL) {
        (void)pthread_mutex_lock(&c->lock);
        may = allowance_take(c->rate, who->name, who->len, clock_mono_us(), state);
        (void)pthread_mutex_unlock(&c->lock);
    }
    return may;
}

static bool is_submission(const struct request *r)
{
    return r->route != NULL && (r->route->handler == jobs_post || r->route->handler == jobs_retry);
}

static enum errc count(struct request *r, enum rate_kind kind, const struct who *who, struct err *e)
{
    struct allowance_state *state = &r->rate[kind];

    if (take(&r->server->rates->of[kind], who, state)) {
        return ERR_NONE;
    }
    metrics_add(r->parts->metrics, METRIC_RATE_LIMITED, kind, 0, 1);
    (void)err_set(e, ERR_RATE_LIMITED,
                  "There may be %lld %s a minute from %s. Try again in %lld s.",
                  (long long)state->limit, KIND_WORD[kind],
                  r->caller.is_known ? "one key" : "one address", (long long)state->wait_s);
    e->retry_after_s = (int)state->wait_s;
    return e->code;
}

enum errc rates_check(struct request *r, struct err *e)
{
    struct who who;
    enum errc rc = ERR_NONE;

    if ((r->route != NULL && r->route->scope[0] == '\0') ||
        (r->server->asks_keys && !r->caller.is_known)) {
        return ERR_NONE;
    }
    if (r->caller.is_known) {
        set_who(&who, r->caller.key.id.text, ID_LEN);
    } else {
        address_of(r, &who);
    }
    rc = count(r, RATE_REQUESTS, &who, e);
    return rc == ERR_NONE && is_submission(r) ? count(r, RATE_SUBMISSIONS, &who, e) : rc;
}

enum errc rates_wrong_key(struct request *r, struct err *e)
{
    struct allowance_state state;
    struct who who;

    address_of(r, &who);
    if (take(&r->server->rates->wrong_keys, &who, &state)) {
        return e->code;
    }
    metrics_add(r->parts->metrics, METRIC_RATE_LIMITED, LIMIT_WRONG_KEYS, 0, 1);
    (void)err_set(e, ERR_RATE_LIMITED,
                  "Too many keys that are not valid came from this address. Try again in %lld s.",
                  (long long)state.wait_s);
    e->retry_after_s = (int)state.wait_s;
    return e->code;
}

void rates_tell(const struct request *r, struct MHD_Response *response)
{
    char policy[TEXT_SIZE] = "";
    char left[TEXT_SIZE] = "";
    int policy_len = 0;
    int left_len = 0;

    for (size_t i = 0; i < RATE_KIND_COUNT; i++) {
        const struct allowance_state *state = &r->rate[i];

        if (state->limit > 0) {
            policy_len += snprintf(policy + policy_len, sizeof policy - (size_t)policy_len,
                                   "%s\"%s\";q=%lld;w=%d", policy_len > 0 ? ", " : "", KIND_WORD[i],
                                   (long long)state->limit, WINDOW_S);
            left_len += snprintf(left + left_len, sizeof left - (size_t)left_len,
                                 "%s\"%s\";r=%lld;t=%lld", left_len > 0 ? ", " : "", KIND_WORD[i],
                                 (long long)state->remaining, (long long)state->full_s);
        }
    }
    if (policy_len > 0) {
        reply_header(response, "RateLimit-Policy", policy);
        reply_header(response, "RateLimit", left);
    }
}
