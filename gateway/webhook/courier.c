/* courier.c - which message is sent next.
 *
 * Hosts take turns, in the order of their names. Each is asked of the store for what of it is due, and gets
 * slots as long as it has not ATTEMPTS_PER_HOST already; so a receiver that hangs, with however many messages before it,
 * holds its few slots and nothing else. There is a look when the engine has made something due, when a slot
 * has become free, and at least every LOOK_MS, for what a pause had put off.
 */
#include "webhook/courier.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "net/loop.h"
#include "webhook/courier_parts.h"

#define LOOK_MS        1000
#define LOOK_MIN_MS    20
#define LEVELS_MS      1000
#define STORE_PAUSE_MS 1000
/* Hosts that one look asks for, so that very many of them do not keep what has ended from being told. */
#define HOSTS_PER_LOOK 256

/* ---- opening --------------------------------------------------------------------------------- */

static enum errc read_settings(struct courier *c, struct err *e)
{
    const char *secret = c->config->webhook_secret;
    const char *ca_file = c->config->webhook_ca_file;

    c->schedule = (struct webhook_schedule){
        .first_pause_ms = c->config->webhook_pause_ms,
        .give_up_ms = c->config->webhook_give_up_seconds * 1000,
    };
    if (secret[0] != '\0' && !webhook_secret_parse(span_of(secret), &c->key)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "webhook_secret must be \"whsec_\" followed by base64, with its padding, of "
                       "%d to %d bytes.",
                       WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX);
    }
    if (ca_file[0] != '\0' && access(ca_file, R_OK) != 0) {
        return err_set(e, ERR_INVALID_PARAMETER, "webhook_ca_file: %s cannot be read: %m", ca_file);
    }
    return ERR_NONE;
}

enum errc courier_new(const struct config *config, struct store *store,
                      const struct receiver_policy *receivers, struct courier **out, struct err *e)
{
    struct courier *c = xcalloc(1, sizeof *c);
    AUTO(free_ptr) char *agent = xasprintf("comfygate/%s", comfygate_version());
    enum errc rc = ERR_NONE;

    c->config = config;
    c->store = store;
    c->receivers = receivers;
    rc = read_settings(c, e);
    if (rc == ERR_NONE) {
        rc = loop_open(NULL, &c->loop, e);
    }
    if (rc != ERR_NONE) {
        courier_free(c);
        return rc;
    }
    c->http = http_client_new(c->loop, agent);
    http_client_trust(c->http, config->webhook_ca_file[0] != '\0' ? config->webhook_ca_file : NULL);
    *out = c;
    return ERR_NONE;
}

void courier_free(struct courier *c)
{
    if (c == NULL) {
        return;
    }
    bug_if(c->is_running);
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        bug_if(atomic_load(&c->attempt[i].phase) == ATTEMPT_TELLING);
        attempt_clear(&c->attempt[i]);
    }
    http_client_free(c->http);
    store_reader_close(c->reader);
    loop_close(c->loop);
    free(c);
}

/* ---- what is due ----------------------------------------------------------------------------- */

/* Deliveries of one host, copied while the store visits them. */
struct due_page {
    struct courier *courier;
    const char *host;
    int room; /* tries that this host may still begin */
};

static struct attempt *find_free(struct courier *c)
{
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        if (atomic_load(&c->attempt[i].phase) == ATTEMPT_NONE) {
            return &c->attempt[i];
        }
    }
    return NULL;
}

static bool is_under_way(struct courier *c, struct id delivery)
{
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        if (atomic_load(&c->attempt[i].phase) != ATTEMPT_NONE &&
            id_eq(c->attempt[i].id, delivery)) {
            return true;
        }
    }
    return false;
}

static int busy_with(struct courier *c, const char *host)
{
    int count = 0;

    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        count += atomic_load(&c->attempt[i].phase) != ATTEMPT_NONE &&
                         strcmp(c->attempt[i].host, host) == 0
                     ? 1
                     : 0;
    }
    return count;
}

static void begin_due(void *arg, const struct delivery_due *due)
{
    struct due_page *page = arg;
    struct attempt *a = find_free(page->courier);

    if (a == NULL || page->room == 0 || is_under_way(page->courier, due->id)) {
        return;
    }
    page->room--;
    attempt_begin(page->courier, a, page->host, due);
}

static enum st look_at_host(struct courier *c, const char *host)
{
    int busy = busy_with(c, host);
    struct due_page page = {.courier = c, .host = host, .room = ATTEMPTS_PER_HOST - busy};

    /* Those under way are still due as the store sees it. */
    return page.room > 0 ? store_deliveries_due(c->reader, host, clock_wall_ms(), ATTEMPTS_PER_HOST,
                                                begin_due, &page)
                         : ST_OK;
}

/* The next host in turn, in c->last_host; ST_NONE when there is none at all. */
static enum st next_host(struct courier *c)
{
    AUTO(buf_clear) struct buf host = BUF_INIT(WEBHOOK_HOST_SIZE);
    enum st st = store_deliveries_host(c->reader, c->last_host, &host);

    if (st == ST_NONE && c->last_host[0] != '\0') {
        st = store_deliveries_host(c->reader, "", &host);
    }
    if (st == ST_OK) {
        (void)snprintf(c->last_host, sizeof c->last_host, "%s", buf_str(&host));
    }
    return st;
}

/* Once round all hosts, or as far as there are slots. */
static enum st look(struct courier *c, bool *is_round)
{
    char first[WEBHOOK_HOST_SIZE] = "";
    enum st st = ST_OK;

    *is_round = true;
    for (int i = 0; i < HOSTS_PER_LOOK && find_free(c) != NULL; i++) {
        st = next_host(c);
        if (st != ST_OK || strcmp(first, c->last_host) == 0) {
            return st == ST_NONE ? ST_OK : st;
        }
        if (i == 0) {
            memcpy(first, c->last_host, sizeof first);
        }
        st = look_at_host(c, c->last_host);
        if (st != ST_OK) {
            return st;
        }
    }
    *is_round = find_free(c) == NULL; /* else there are more hosts, and room for theirs */
    return st;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void read_levels(struct courier *c, int64_t mono)
{
    int64_t count = 0;
    int64_t oldest = 0;

    if (mono < c->levels_due_mono_ms ||
        store_deliveries_pending(c->reader, &count, &oldest) != ST_OK) {
        return;
    }
    c->levels_due_mono_ms = mono + LEVELS_MS;
    atomic_store_explicit(&c->pending, count, memory_order_relaxed);
    atomic_store_explicit(&c->oldest_at, oldest, memory_order_relaxed);
}

static int64_t look_pause(const struct courier *c)
{
    int64_t pause = c->schedule.first_pause_ms / 4;

    return pause > LOOK_MS ? LOOK_MS : pause < LOOK_MIN_MS ? LOOK_MIN_MS : pause;
}

static void turn(struct courier *c)
{
    int64_t mono = clock_mono_ms();
    bool is_free = false;
    bool is_round = true;
    enum st st = ST_OK;

    loop_turn(c->loop, c->look_due_mono_ms > mono ? (int)(c->look_due_mono_ms - mono) : 0);
    mono = clock_mono_ms();
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        is_free |= attempt_step(&c->attempt[i], mono);
    }
    if (!atomic_exchange(&c->is_woken, false) && !is_free && mono < c->look_due_mono_ms) {
        return;
    }
    st = look(c, &is_round);
    c->look_due_mono_ms = is_round ? mono + look_pause(c) : mono;
    if (st != ST_OK) {
        log_error("webhook_store_failed", LOG_S("reason", store_reason()));
        c->look_due_mono_ms = mono + STORE_PAUSE_MS;
    }
    read_levels(c, mono);
    /* A try that could not even begin has ended already. */
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        (void)attempt_step(&c->attempt[i], mono);
    }
}

static void *courier_main(void *arg)
{
    struct courier *c = arg;

    (void)pthread_setname_np(pthread_self(), "courier");
    while (!atomic_load(&c->is_stopping)) {
        turn(c);
    }
    return NULL;
}

enum errc courier_start(struct courier *c, struct inbox *inbox, struct err *e)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    c->inbox = inbox;
    if (store_reader_open(c->store, &c->reader) != ST_OK) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "The job store cannot be read: %s",
                       store_reason());
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&c->thread, NULL, courier_main, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "The thread that sends webhooks cannot be started.");
    }
    c->is_running = true;
    return ERR_NONE;
}

void courier_stop(struct courier *c)
{
    if (c == NULL || !c->is_running) {
        return;
    }
    atomic_store(&c->is_stopping, true);
    loop_wake(c->loop);
    (void)pthread_join(c->thread, NULL);
    c->is_running = false;
}

void courier_wake(void *courier)
{
    struct courier *c = courier;

    atomic_store(&c->is_woken, true);
    loop_wake(c->loop);
}

struct courier_counts courier_counts(const struct courier *c)
{
    int64_t oldest_at = atomic_load_explicit(&c->oldest_at, memory_order_relaxed);
    int64_t age = oldest_at != 0 ? clock_wall_ms() - oldest_at : 0;

    return (struct courier_counts){
        .delivered = atomic_load_explicit(&c->delivered, memory_order_relaxed),
        .failed_tries = atomic_load_explicit(&c->failed_tries, memory_order_relaxed),
        .given_up = atomic_load_explicit(&c->given_up, memory_order_relaxed),
        .gone = atomic_load_explicit(&c->gone, memory_order_relaxed),
        .pending = atomic_load_explicit(&c->pending, memory_order_relaxed),
        .oldest_ms = age > 0 ? age : 0,
    };
}
