/* fuzz_discord_session.c - a life with Discord's Gateway, made of the bytes: whatever comes, its rules are kept.
 *
 * Each line of the input is a step: a letter, and what belongs to it. The program stands where link/gateway.c
 * stands, and closes, asks and waits as the session wants.
 *
 *   uLEFT RESET   GET /gateway/bot answers      fSTATUS  it fails
 *   o             the socket opens              cCODE    it closes
 *   tMS           time goes by, ticks and all   pTEXT    a payload
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/read.h"
#include "wire/session.h"

#define SENDS_MAX  120
#define MINUTE_MS  60000
#define DAY_MS     86400000
#define STEPS_MAX  200
#define TICKS_MAX  400
#define LINE_BYTES 8192
#define START_MS   1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct life {
    struct session *session;
    bool is_open;
    bool is_over;
    bool is_ack_due; /* of a heartbeat that was due by itself */
    int64_t now_ms;
    uint64_t random;
    int64_t sent_ms[SENDS_MAX]; /* of this connection, a ring */
    int64_t sends;
    int identifies;
    int64_t identified_ms;
    int64_t budget_from_ms;
};

static void check_identify(struct life *l)
{
    bug_if(l->identifies > 0 && l->now_ms - l->identified_ms < 5000);
    bug_if(l->now_ms < l->budget_from_ms);
    l->identifies++;
    l->identified_ms = l->now_ms;
    bug_if(session_identify_count(l->session) != l->identifies);
}

/* Never more of them in a minute than Discord takes. */
static void check_pace(struct life *l)
{
    int64_t before = l->sent_ms[l->sends % SENDS_MAX];

    bug_if(l->sends >= SENDS_MAX && l->now_ms - before < MINUTE_MS);
    l->sent_ms[l->sends++ % SENDS_MAX] = l->now_ms;
}

static void check_payload(struct life *l, int64_t op, const cJSON *d)
{
    switch (op) {
    case 1:
        bug_if(!cJSON_IsNull(d) && (!cJSON_IsNumber(d) || d->valuedouble < 0));
        break;
    case 2:
        check_identify(l);
        break;
    default:
        bug_if(op != 6 || read_text(d, "session_id")[0] == '\0' || read_int(d, "seq", -1) < 0);
        break;
    }
}

static void check_send(struct life *l, const char *text)
{
    cJSON *json = read_json(span_of(text));
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(json, "d");
    int64_t op = read_int(json, "op", -1);

    bug_if(!l->is_open || strlen(text) > 4096);
    bug_if(op != 1 && strcmp(read_text(d, "token"), "tok") != 0);
    check_pace(l);
    check_payload(l, op, d);
    cJSON_Delete(json);
}

static void check_leaving(const struct session_act *a)
{
    bug_if(a->wait_ms < 0 || a->wait_ms > DAY_MS);
    bug_if(a->close_code != 0 && a->close_code != 4000);
    bug_if(a->reason == NULL || strlen(a->reason) > 255);
}

static void leave(struct life *l, const struct session_act *a)
{
    check_leaving(a);
    bug_if(a->want == WANT_RECONNECT && session_address(l->session)[0] == '\0');
    l->is_open = false;
    bug_if(session_is_ready(l->session) || session_due(l->session) != INT64_MAX);
    bug_if(session_text(l->session, span_of("{\"op\":1}"), l->now_ms, 0).want != WANT_NOTHING);
}

static void dispatch(const struct life *l, const struct session_act *a)
{
    bool is_interaction = strcmp(a->event, "INTERACTION_CREATE") == 0;
    bool is_begin = strcmp(a->event, "READY") == 0 || strcmp(a->event, "RESUMED") == 0;

    bug_if(!l->is_open || is_begin == is_interaction);
    bug_if(is_begin && !session_is_ready(l->session));
    cJSON_Delete(a->data);
}

static void end(struct life *l, const struct session_act *a)
{
    bug_if(a->exit_code < 3 || a->exit_code > 5 || strlen(a->reason) < 20);
    bug_if(session_due(l->session) != INT64_MAX);
    l->is_over = true;
}

static void check_ids(const struct session *s)
{
    bug_if(strlen(session_user_id(s)) > 20 || strlen(session_application_id(s)) > 20);
}

static void act(struct life *l, const struct session_act *a)
{
    switch (a->want) {
    case WANT_NOTHING:
        break;
    case WANT_SEND:
        check_send(l, a->send);
        break;
    case WANT_RECONNECT:
    case WANT_ASK_URL:
        leave(l, a);
        break;
    case WANT_DISPATCH:
        dispatch(l, a);
        break;
    case WANT_FATAL:
        end(l, a);
        break;
    }
    check_ids(l->session);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static int64_t number(const char **at)
{
    char *end = NULL;
    int64_t value = strtoll(*at, &end, 10);

    *at = end;
    return value;
}

static void tell_url(struct life *l, const char *at)
{
    int64_t left = number(&at) % 1000;
    int64_t reset = number(&at);
    int64_t wait = reset > 0 && reset < DAY_MS ? reset : (reset > 0 ? DAY_MS : MINUTE_MS);

    if (!l->is_open) {
        session_url_told(l->session, "wss://gateway.discord.gg", (int)left, reset, l->now_ms);
        l->budget_from_ms = left > 0 ? l->now_ms : l->now_ms + wait;
    }
}

static void open_socket(struct life *l)
{
    if (!l->is_open && session_address(l->session)[0] != '\0') {
        session_opened(l->session, l->now_ms);
        l->is_open = true;
        l->is_ack_due = false;
        l->sends = 0;
        bug_if(session_due(l->session) <= l->now_ms);
    }
}

static void close_socket(struct life *l, const char *at)
{
    struct session_act a =
        session_closed(l->session, (int)(number(&at) % 10000), at, l->now_ms, l->random);

    act(l, &a);
}

/* A heartbeat of its own that follows one without an acknowledgement would be sent to the dead. */
static void tick(struct life *l)
{
    struct session_act a = session_tick(l->session, l->now_ms, l->random);
    bool is_beat = a.want == WANT_SEND && strncmp(a.send, "{\"op\":1,", 8) == 0;

    bug_if(is_beat && l->is_ack_due);
    l->is_ack_due = l->is_ack_due || is_beat;
    act(l, &a);
}

/* Whenever it wants to be asked, it is; it may not want that for ever at one time. */
static void tick_when_due(struct life *l)
{
    int at_once = 0;

    l->now_ms = session_due(l->session) > l->now_ms ? session_due(l->session) : l->now_ms;
    while (!l->is_over && session_due(l->session) <= l->now_ms) {
        bug_if(++at_once > 3);
        tick(l);
    }
}

static void pass_time(struct life *l, int64_t ms)
{
    int64_t until = l->now_ms + (ms > 0 && ms < DAY_MS ? ms : 1);

    for (int i = 0; i < TICKS_MAX && !l->is_over && session_due(l->session) <= until; i++) {
        tick_when_due(l);
    }
    if (session_due(l->session) > until) {
        l->now_ms = until;
    }
}

static void hear(struct life *l, const char *text)
{
    struct session_act a = session_text(l->session, span_of(text), l->now_ms, l->random);
    cJSON *json = read_json(span_of(text));

    bug_if(!l->is_open && a.want != WANT_NOTHING);
    if (read_int(json, "op", -1) == 11) {
        l->is_ack_due = false;
    }
    cJSON_Delete(json);
    act(l, &a);
}

static void fail_url(struct life *l, const char *at)
{
    struct session_act a = {.want = WANT_NOTHING};

    if (!l->is_open) {
        a = session_url_failed(l->session, (int)(number(&at) % 1000), l->now_ms, l->random);
        act(l, &a);
    }
}

static void step(struct life *l, const char *line)
{
    l->random = l->random * UINT64_C(6364136223846793005) + (uint64_t)line[0];
    switch (line[0]) {
    case 'u':
        tell_url(l, line + 1);
        break;
    case 'f':
        fail_url(l, line + 1);
        break;
    case 'o':
        open_socket(l);
        break;
    case 'c':
        close_socket(l, line + 1);
        break;
    case 't': {
        const char *at = line + 1;

        pass_time(l, number(&at));
        break;
    }
    default:
        hear(l, line + (line[0] == 'p' ? 1 : 0));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = xstrndup((const char *)data, size);
    char *rest = text;
    struct life l = {.now_ms = START_MS};

    l.session = session_new(&(struct session_config){.token = "tok"});
    for (int i = 0; i < STEPS_MAX && rest != NULL && !l.is_over; i++) {
        char *line = strsep(&rest, "\n");

        if (strlen(line) < LINE_BYTES) {
            step(&l, line);
        }
    }
    session_free(l.session);
    return 0;
}
