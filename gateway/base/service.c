/* service.c - see service.h. */
#include "base/service.h"

#include <systemd/sd-daemon.h>

#define BEATS_IN_A_SPAN 3

void service_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void service_beat_init(struct service_beat *b)
{
    uint64_t span_us = 0;

    *b = (struct service_beat){.every_ms = 0};
    if (sd_watchdog_enabled(0, &span_us) > 0) {
        b->every_ms = (int64_t)(span_us / 1000 / BEATS_IN_A_SPAN);
        /* A span of a few milliseconds is no use to anybody, but it is not "off". */
        b->every_ms = b->every_ms > 0 ? b->every_ms : 1;
    }
}

void service_beat(struct service_beat *b, int64_t now_mono_ms)
{
    if (b->every_ms != 0 && now_mono_ms >= b->due_mono_ms) {
        b->due_mono_ms = now_mono_ms + b->every_ms;
        (void)sd_notify(0, "WATCHDOG=1");
    }
}

int service_beat_wait(const struct service_beat *b, int max_ms)
{
    return b->every_ms != 0 && b->every_ms < max_ms ? (int)b->every_ms : max_ms;
}
