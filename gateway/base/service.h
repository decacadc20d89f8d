/* service.h - tells the service manager how this process fares (sd_notify); where there is none, nothing.
 *
 * Not the health of the API: that is /livez and /readyz. Whoever says it must know it: READY is said by who has opened
 * the door, the beats come from the very loop whose hanging they are to show. No call waits or fails: a
 * manager that does not listen is no fault of ours.
 *
 * Threads: any; a service_beat belongs to the one thread whose loop it watches.
 */
#ifndef CG_BASE_SERVICE_H
#define CG_BASE_SERVICE_H

#include <stdint.h>

/* It serves from now on. `status` is a short sentence for people (systemctl status). */
void service_ready(const char *status);
void service_status(const char *status);
/* It is about to end; no beat is expected any more. */
void service_stopping(void);

struct service_beat {
    int64_t every_ms; /* 0 = nobody waits for beats */
    int64_t due_mono_ms;
};

/* Learns from the environment (WATCHDOG_USEC, WATCHDOG_PID) how often a beat is wanted: three times
 * in that span. */
void service_beat_init(struct service_beat *b);
/* To be called in every round of the loop: beats when it is due. */
void service_beat(struct service_beat *b, int64_t now_mono_ms);
/* How long the loop may wait so that no beat comes late: at most max_ms. */
int service_beat_wait(const struct service_beat *b, int max_ms);

#endif
