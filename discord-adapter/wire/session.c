/* session.c - see session.h.
 *
 * A connection goes: opened, HELLO, IDENTIFY or RESUME, READY or RESUMED. The session (id, address, last sequence number) outlives
 * connections; it is given up only when Discord says so.
 */
#include "wire/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/read.h"

#define HELLO_MS        15000
#define READY_MS        60000 /* from HELLO to READY or RESUMED */
#define IDENTIFY_GAP_MS 5500  /* Discord: one in 5 s */
#define BACKOFF_MIN_MS  1000
#define BACKOFF_MAX_MS  60000
#define STABLE_MS       60000
#define RESUME_TRIES    2
#define WINDOW_MS       60000
#define SENDS_MAX       118 /* of 120 in 60 s; IDENTIFY or RESUME is one more */
#define ANSWERS_MAX     100 /* so that heartbeats of our own are not crowded out by those asked for */
#define SENDS_KEPT      (SENDS_MAX + 2)
#define BUDGET_LOOK_MS  15000    /* longer than this no connection is held only to wait */
#define BUDGET_WAIT_MS  60000    /* where Discord does not say how long none is left */
#define BUDGET_MAX_MS   86400000 /* what it counts is counted for a day */
#define PAYLOAD_MAX     4096
#define DEFAULT_BEAT_MS 41250
#define BEAT_MIN_MS     100
#define ADDRESS_SIZE    512
#define QUERY           "?v=10&encoding=json"
#define CLOSE_KEEP      4000 /* a code that leaves the session alive, as 1000 and 1001 would not */

enum op {
    OP_DISPATCH = 0,
    OP_HEARTBEAT = 1,
    OP_IDENTIFY = 2,
    OP_RESUME = 6,
    OP_RECONNECT = 7,
    OP_INVALID = 9,
    OP_HELLO = 10,
    OP_ACK = 11
};
enum phase { PHASE_CLOSED, PHASE_OPEN, PHASE_GREETED, PHASE_ASKED, PHASE_READY };

struct session {
    const struct session_config config;
    enum phase phase;

    char url[ADDRESS_SIZE];   /* of GET /gateway/bot; "" = not known */
    int64_t budget_from_ms;   /* no IDENTIFY before: Discord has none left for us */
    int64_t identify_from_ms; /* nor before: the gap after the last one */
    char address[ADDRESS_SIZE + sizeof QUERY + 1];

    char session_id[128]; /* "" = none */
    char resume_url[ADDRESS_SIZE];
    int64_t seq; /* -1 = none */
    int resume_fails;

    int attempts; /* connections that did not come to READY */
    int errors;   /* closes that tell of a fault, since it was stable */
    int64_t ready_since_ms;
    int identify_count;

    int64_t deadline_ms; /* of HELLO, then of READY; 0 = none */
    int64_t interval_ms;
    int64_t beat_ms; /* when the next heartbeat is due; 0 = not yet */
    int64_t beat_sent_ms;
    bool is_ack_due;
    int64_t rtt_ms;

    int64_t sent_ms[SENDS_KEPT]; /* of this connection, a ring */
    int64_t sends;

    char application_id[24];
    char user_id[24];
    char payload[PAYLOAD_MAX + 1];
    char reason[256];
};

struct session *session_new(const struct session_config *config)
{
    struct session first = {.config = *config, .seq = -1, .rtt_ms = -1};
    struct session *s = xmalloc(sizeof *s);

    memcpy(s, &first, sizeof *s);
    return s;
}

void session_free(struct session *s)
{
    free(s);
}

/* ---- what to do ----------------------------------------------------------------------------- */

static struct session_act nothing(void)
{
    return (struct session_act){.want = WANT_NOTHING};
}

/* 1, 2, 4 .. 60 s with a quarter of jitter; none the first time. */
static int64_t backoff(const struct session *s, uint64_t random)
{
    int tries = s->attempts > s->errors ? s->attempts : s->errors;
    int64_t wait = BACKOFF_MIN_MS;

    if (tries == 0) {
        return 0;
    }
    for (int i = 1; i < tries && wait < BACKOFF_MAX_MS; i++) {
        wait *= 2;
    }
    wait = wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
    return wait * 3 / 4 + (int64_t)(random % (uint64_t)(wait / 2 + 1));
}

static void close_state(struct session *s, int64_t now_ms)
{
    bool was_stable = s->phase == PHASE_READY && now_ms - s->ready_since_ms >= STABLE_MS;

    if (s->phase != PHASE_READY) {
        s->attempts++;
        s->resume_fails += s->session_id[0] != '\0' ? 1 : 0;
    } else {
        s->attempts = 0;
    }
    if (was_stable) {
        s->errors = 0;
    }
    s->phase = PHASE_CLOSED;
    s->deadline_ms = 0;
    s->beat_ms = 0;
    s->is_ack_due = false;
}

/* Leaves the connection; gives how long to stay away. After a fault in a session that was ready it is waited for from the next time on. */
static int64_t leave(struct session *s, int64_t now_ms, uint64_t random)
{
    bool was_ready = s->phase == PHASE_READY;
    int64_t wait = 0;

    close_state(s, now_ms);
    wait = backoff(s, random);
    s->errors += was_ready ? 1 : 0;
    return wait;
}

static void forget_session(struct session *s)
{
    s->session_id[0] = '\0';
    s->resume_url[0] = '\0';
    s->seq = -1;
    s->resume_fails = 0;
}

static struct session_act reconnect(struct session *s, int close_code, const char *reason,
                                    int64_t wait_ms)
{
    bool may_resume = s->session_id[0] != '\0' && s->resume_fails < RESUME_TRIES;

    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    if (!may_resume) {
        s->url[0] = '\0'; /* it may be what is wrong; and how many IDENTIFYs are left is old */
    }
    return (struct session_act){.want = may_resume ? WANT_RECONNECT : WANT_ASK_URL,
                                .close_code = close_code,
                                .wait_ms = wait_ms,
                                .reason = s->reason};
}

static struct session_act fatal(struct session *s, int exit_code, const char *reason)
{
    s->phase = PHASE_CLOSED;
    s->deadline_ms = 0;
    s->beat_ms = 0;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    return (struct session_act){.want = WANT_FATAL, .exit_code = exit_code, .reason = s->reason};
}

/* ---- addresses ------------------------------------------------------------------------------ */

void session_url_told(struct session *s, const char *url, int64_t identifies_left, int64_t reset_ms,
                      int64_t now_ms)
{
    int64_t wait = reset_ms > 0 ? reset_ms : BUDGET_WAIT_MS;

    (void)snprintf(s->url, sizeof s->url, "%s", url);
    wait = wait < BUDGET_MAX_MS ? wait : BUDGET_MAX_MS;
    s->budget_from_ms = identifies_left > 0 ? now_ms : now_ms + wait;
}

struct session_act session_url_failed(struct session *s, int status, int64_t now_ms,
                                      uint64_t random)
{
    (void)now_ms;
    if (status == 401) {
        return fatal(
            s, 3,
            "The token is wrong: Discord answers 401 to it. Reset it in the Developer Portal "
            "(Bot, Reset Token) and set it anew.");
    }
    s->attempts++;
    (void)snprintf(s->reason, sizeof s->reason, "the Gateway's address could not be asked for");
    return (struct session_act){
        .want = WANT_ASK_URL, .wait_ms = backoff(s, random), .reason = s->reason};
}

const char *session_address(struct session *s)
{
    bool is_resume =
        s->session_id[0] != '\0' && s->resume_url[0] != '\0' && s->resume_fails < RESUME_TRIES;
    const char *base = is_resume ? s->resume_url : s->url;
    size_t len = strlen(base);

    if (len == 0) {
        return "";
    }
    (void)snprintf(s->address, sizeof s->address, "%s%s%s", base, base[len - 1] == '/' ? "" : "/",
                   QUERY);
    return s->address;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* When fewer than max have gone out within the last minute. */
static int64_t may_send_from(const struct session *s, int max)
{
    return s->sends < max ? INT64_MIN : s->sent_ms[(s->sends - max) % SENDS_KEPT] + WINDOW_MS;
}

static struct session_act send_payload(struct session *s, int64_t now_ms)
{
    s->sent_ms[s->sends++ % SENDS_KEPT] = now_ms;
    return (struct session_act){.want = WANT_SEND, .send = s->payload};
}

static struct session_act heartbeat(struct session *s, int64_t now_ms)
{
    if (s->seq < 0) {
        (void)snprintf(s->payload, sizeof s->payload, "{\"op\":1,\"d\":null}");
    } else {
        (void)snprintf(s->payload, sizeof s->payload, "{\"op\":1,\"d\":%lld}", (long long)s->seq);
    }
    return send_payload(s, now_ms);
}

static void write_payload(struct session *s, cJSON *payload)
{
    AUTO(free_ptr) char *text = require_memory(cJSON_PrintUnformatted(payload));

    cJSON_Delete(payload);
    bug_if(strlen(text) > PAYLOAD_MAX);
    (void)snprintf(s->payload, sizeof s->payload, "%s", text);
}

static cJSON *new_payload(enum op op, cJSON **d)
{
    cJSON *payload = require_memory(cJSON_CreateObject());

    (void)cJSON_AddNumberToObject(payload, "op", op);
    *d = require_memory(cJSON_AddObjectToObject(payload, "d"));
    return payload;
}

static struct session_act identify(struct session *s, int64_t now_ms)
{
    cJSON *d = NULL;
    cJSON *payload = new_payload(OP_IDENTIFY, &d);
    cJSON *properties = cJSON_AddObjectToObject(d, "properties");
    int shard[2] = {s->config.shard, s->config.shard_count};

    (void)cJSON_AddStringToObject(d, "token", s->config.token);
    (void)cJSON_AddNumberToObject(d, "intents", 0);
    (void)cJSON_AddStringToObject(properties, "os", "linux");
    (void)cJSON_AddStringToObject(properties, "browser", "comfygate");
    (void)cJSON_AddStringToObject(properties, "device", "comfygate");
    if (s->config.shard_count > 0) {
        (void)cJSON_AddItemToObject(d, "shard", require_memory(cJSON_CreateIntArray(shard, 2)));
    }
    write_payload(s, payload);
    s->identify_from_ms = now_ms + IDENTIFY_GAP_MS;
    s->identify_count++;
    s->phase = PHASE_ASKED;
    s->deadline_ms = now_ms + READY_MS;
    return send_payload(s, now_ms);
}

static struct session_act resume(struct session *s, int64_t now_ms)
{
    cJSON *d = NULL;
    cJSON *payload = new_payload(OP_RESUME, &d);
    char seq[24]; /* as text: cJSON writes 15 digits of a number */

    (void)snprintf(seq, sizeof seq, "%lld", (long long)(s->seq > 0 ? s->seq : 0));
    (void)cJSON_AddStringToObject(d, "token", s->config.token);
    (void)cJSON_AddStringToObject(d, "session_id", s->session_id);
    (void)cJSON_AddRawToObject(d, "seq", seq);
    write_payload(s, payload);
    s->phase = PHASE_ASKED;
    s->deadline_ms = now_ms + READY_MS;
    return send_payload(s, now_ms);
}

static struct session_act greet(struct session *s, int64_t now_ms)
{
    int64_t from =
        s->budget_from_ms > s->identify_from_ms ? s->budget_from_ms : s->identify_from_ms;

    if (s->session_id[0] != '\0') {
        return resume(s, now_ms);
    }
    if (now_ms >= from) {
        return identify(s, now_ms);
    }
    if (from - now_ms > BUDGET_LOOK_MS) {
        close_state(s, now_ms);
        return reconnect(s, CLOSE_KEEP, "Discord says that no IDENTIFY is left for now",
                         from - now_ms);
    }
    s->deadline_ms = from; /* then it is done by session_tick */
    return nothing();
}

/* ---- what Discord says ---------------------------------------------------------------------- */

static struct session_act on_hello(struct session *s, const cJSON *d, int64_t now_ms,
                                   uint64_t random)
{
    int64_t interval = read_int(d, "heartbeat_interval", DEFAULT_BEAT_MS);

    if (s->phase != PHASE_OPEN) {
        return nothing();
    }
    s->interval_ms = interval >= BEAT_MIN_MS && interval <= 3600000 ? interval : DEFAULT_BEAT_MS;
    s->beat_ms = now_ms + 1 + (int64_t)(random % (uint64_t)s->interval_ms);
    s->phase = PHASE_GREETED;
    return greet(s, now_ms);
}

static void note_ready(struct session *s, int64_t now_ms)
{
    s->phase = PHASE_READY;
    s->ready_since_ms = now_ms;
    s->deadline_ms = 0;
    s->attempts = 0;
    s->resume_fails = 0;
}

static void copy_id(char out[24], const char *id)
{
    (void)snprintf(out, 24, "%.20s", id);
}

static void on_ready(struct session *s, const cJSON *d, int64_t now_ms)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(d, "user");
    const cJSON *application = cJSON_GetObjectItemCaseSensitive(d, "application");
    const char *id = read_text(d, "session_id");
    const char *url = read_text(d, "resume_gateway_url");

    if (strlen(id) < sizeof s->session_id && strlen(url) < sizeof s->resume_url) {
        (void)snprintf(s->session_id, sizeof s->session_id, "%s", id);
        (void)snprintf(s->resume_url, sizeof s->resume_url, "%s", url[0] != '\0' ? url : s->url);
    }
    copy_id(s->user_id, read_text(user, "id"));
    copy_id(s->application_id, read_text(application, "id"));
    note_ready(s, now_ms);
}

/* Takes json. */
static struct session_act on_dispatch(struct session *s, cJSON *json, int64_t now_ms)
{
    const char *event = read_text(json, "t");
    int64_t seq = read_int(json, "s", -1);
    cJSON *d = cJSON_GetObjectItemCaseSensitive(json, "d");
    static const char *const known[] = {"READY", "RESUMED", "INTERACTION_CREATE"};
    bool is_ready = strcmp(event, "READY") == 0;
    bool is_resumed = strcmp(event, "RESUMED") == 0;
    bool is_asked = s->phase == PHASE_ASKED; /* at another time they mean nothing */
    struct session_act act = nothing();

    s->seq = seq > s->seq ? seq : s->seq;
    if (is_ready && is_asked) {
        s->seq = seq;
        on_ready(s, d, now_ms);
    } else if (is_resumed && is_asked) {
        note_ready(s, now_ms);
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(event, known[i]) == 0 && (is_asked || !(is_ready || is_resumed))) {
            act.want = WANT_DISPATCH;
            act.event = known[i];
            act.data = cJSON_DetachItemViaPointer(json, d);
        }
    }
    cJSON_Delete(json);
    return act;
}

static struct session_act on_invalid(struct session *s, const cJSON *json, int64_t now_ms,
                                     uint64_t random)
{
    bool is_resumable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "d")) != 0;
    int64_t pause = 1000 + (int64_t)(random % 4001);
    int64_t back = leave(s, now_ms, random);

    if (!is_resumable) {
        forget_session(s);
    }
    return reconnect(s, CLOSE_KEEP, "Discord says that the session is not valid",
                     back > pause ? back : pause);
}

static void on_ack(struct session *s, int64_t now_ms)
{
    if (s->is_ack_due) {
        s->is_ack_due = false;
        s->rtt_ms = now_ms - s->beat_sent_ms;
    }
}

/* Takes json. */
static struct session_act on_payload(struct session *s, cJSON *json, int64_t now_ms,
                                     uint64_t random)
{
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(json, "op");
    struct session_act act = nothing();

    if (!cJSON_IsNumber(op)) {
        cJSON_Delete(json);
        return act;
    }
    switch (op->valueint) {
    case OP_DISPATCH:
        return on_dispatch(s, json, now_ms);
    case OP_HEARTBEAT:
        act = now_ms >= may_send_from(s, ANSWERS_MAX) ? heartbeat(s, now_ms) : nothing();
        break;
    case OP_RECONNECT:
        act = reconnect(s, CLOSE_KEEP, "Discord asks to connect anew", leave(s, now_ms, random));
        break;
    case OP_INVALID:
        act = on_invalid(s, json, now_ms, random);
        break;
    case OP_HELLO:
        act = on_hello(s, cJSON_GetObjectItemCaseSensitive(json, "d"), now_ms, random);
        break;
    case OP_ACK:
        on_ack(s, now_ms);
        break;
    default:
        break;
    }
    cJSON_Delete(json);
    return act;
}

struct session_act session_text(struct session *s, struct span text, int64_t now_ms,
                                uint64_t random)
{
    cJSON *json = NULL;

    if (s->phase == PHASE_CLOSED) {
        return nothing();
    }
    json = read_json(text);
    if (json == NULL) {
        return reconnect(s, CLOSE_KEEP, "Discord sent something that is no JSON",
                         leave(s, now_ms, random));
    }
    return on_payload(s, json, now_ms, random);
}

/* ---- connections ---------------------------------------------------------------------------- */

void session_opened(struct session *s, int64_t now_ms)
{
    s->phase = PHASE_OPEN;
    s->deadline_ms = now_ms + HELLO_MS;
    s->beat_ms = 0;
    s->is_ack_due = false;
    s->sends = 0;
}

static struct session_act closed_for_good(struct session *s, int code)
{
    switch (code) {
    case 4004:
        return fatal(s, 3,
                     "The token is wrong: Discord closed the connection with 4004. Reset it in the "
                     "Developer Portal (Bot, Reset Token) and set it anew.");
    case 4010:
        return fatal(s, 4,
                     "The shard is not one that Discord knows (4010). The setting shard must be "
                     "INDEX/COUNT, "
                     "such as 0/2.");
    case 4011:
        return fatal(s, 4,
                     "The bot is in so many servers that Discord wants it sharded (4011). Set "
                     "shard, such as "
                     "0/2, and run one process for each.");
    case 4012:
        return fatal(s, 5,
                     "Discord no longer speaks version 10 of its Gateway (4012). A newer "
                     "comfygate-discord is "
                     "needed.");
    case 4013:
    case 4014:
        return fatal(
            s, 5,
            "Discord refuses the bot's intents (4013 or 4014), although none are asked for. Please "
            "report this.");
    default:
        return nothing();
    }
}

struct session_act session_closed(struct session *s, int close_code, const char *reason,
                                  int64_t now_ms, uint64_t random)
{
    struct session_act act = closed_for_good(s, close_code);
    int64_t wait = 0;

    if (act.want == WANT_FATAL) {
        return act;
    }
    wait = leave(s, now_ms, random);
    if (close_code == 4007 || close_code == 4009) {
        forget_session(s);
    }
    return reconnect(s, 0, reason, wait);
}

struct session_act session_tick(struct session *s, int64_t now_ms, uint64_t random)
{
    if (s->deadline_ms != 0 && now_ms >= s->deadline_ms) {
        if (s->phase == PHASE_GREETED) {
            return greet(s, now_ms);
        }
        return reconnect(s, CLOSE_KEEP, "Discord did not answer in time", leave(s, now_ms, random));
    }
    if (s->beat_ms == 0 || now_ms < s->beat_ms) {
        return nothing();
    }
    if (s->is_ack_due) {
        return reconnect(s, CLOSE_KEEP, "no heartbeat was acknowledged: the connection is dead",
                         leave(s, now_ms, random));
    }
    if (now_ms < may_send_from(s, SENDS_MAX)) {
        s->beat_ms = may_send_from(s, SENDS_MAX);
        return nothing();
    }
    s->beat_ms = now_ms + s->interval_ms;
    s->is_ack_due = true;
    s->beat_sent_ms = now_ms;
    return heartbeat(s, now_ms);
}

int64_t session_due(const struct session *s)
{
    int64_t due = INT64_MAX;

    if (s->deadline_ms != 0) {
        due = s->deadline_ms;
    }
    if (s->beat_ms != 0 && s->beat_ms < due) {
        due = s->beat_ms;
    }
    return due;
}

bool session_is_ready(const struct session *s)
{
    return s->phase == PHASE_READY;
}

const char *session_application_id(const struct session *s)
{
    return s->application_id;
}

const char *session_user_id(const struct session *s)
{
    return s->user_id;
}

int64_t session_rtt_ms(const struct session *s)
{
    return s->rtt_ms;
}

int session_identify_count(const struct session *s)
{
    return s->identify_count;
}
