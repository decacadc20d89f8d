/* session.h - Discord's Gateway v10, as rules: what to do about a payload, a close, a tick of time.
 *
 * Pure: no socket, no clock, no randomness of its own (both are given), so that every path is tested without waiting. It
 * tells what to do; link/gateway.c does it. Rules from Discord's "Gateway", "Gateway Events" and "Opcodes and Status Codes".
 */
#ifndef CGD_WIRE_SESSION_H
#define CGD_WIRE_SESSION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct session;

struct session_config {
    const char *token; /* all borrowed for the session's life */
    int shard;
    int shard_count; /* 0 = not sharded */
};

/* What the session wants. The functions below give one; nothing else is wanted until the next call. */
enum session_want {
    WANT_NOTHING,
    WANT_SEND,      /* `send` is a payload for the socket */
    WANT_RECONNECT, /* close with close_code, then connect to session_address() after wait_ms */
    WANT_ASK_URL, /* the same, but GET /gateway/bot first: its url and limits are unknown or stale */
    WANT_DISPATCH, /* an event for us: `event`, `data` */
    WANT_FATAL     /* never connect again: `reason` in plain words, exit_code */
};

struct session_act {
    enum session_want want;
    const char *send; /* borrowed until the next call; at most 4096 bytes */
    int close_code;   /* 0 = it is closed already */
    int64_t wait_ms;
    const char *event;  /* "INTERACTION_CREATE"; borrowed */
    cJSON *data;        /* the caller deletes it */
    const char *reason; /* for the log, also of RECONNECT; borrowed */
    int exit_code; /* of WANT_FATAL: 3 token wrong (4004), 4 sharding (4010, 4011), 5 intents or version (4012..4014) */
};

struct session *session_new(const struct session_config *config) MUST_CHECK;
void session_free(struct session *s);

/* GET /gateway/bot answered. `identifies_left` and `reset_ms` from session_start_limit. */
void session_url_told(struct session *s, const char *url, int64_t identifies_left, int64_t reset_ms,
                      int64_t now_ms);
/* GET /gateway/bot failed: when to ask again (WANT_ASK_URL). status 0 = no answer; 401 is fatal. */
struct session_act session_url_failed(struct session *s, int status, int64_t now_ms,
                                      uint64_t random);
/* Where to connect, with its query; borrowed until the next call. "" = ask first. */
const char *session_address(struct session *s);

/* The socket is open, closed (code 0 = none), or told something. `random` is any. */
void session_opened(struct session *s, int64_t now_ms);
struct session_act session_closed(struct session *s, int close_code, const char *reason,
                                  int64_t now_ms, uint64_t random);
struct session_act session_text(struct session *s, struct span text, int64_t now_ms,
                                uint64_t random);
/* Time has come (session_due): heartbeats, no HELLO, zombies, IDENTIFY that had to wait. */
struct session_act session_tick(struct session *s, int64_t now_ms, uint64_t random);
/* When session_tick is to be called next; INT64_MAX = not. */
int64_t session_due(const struct session *s);

bool session_is_ready(const struct session *s);
const char *session_application_id(const struct session *s); /* "" before READY */
const char *session_user_id(const struct session *s);
int64_t session_rtt_ms(const struct session *s); /* of the last heartbeat; -1 = none yet */
/* IDENTIFYs since the start, for the log and /status. */
int session_identify_count(const struct session *s);

#endif
