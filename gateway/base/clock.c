#include "base/clock.h"

#include <time.h>

#define EARLIEST_MS (INT64_C(-62167219200) * 1000)     /* 0000-01-01T00:00:00.000Z */
#define LATEST_MS   (INT64_C(253402300800) * 1000 - 1) /* 9999-12-31T23:59:59.999Z */

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

/* Writes `digits` decimal digits and one character after them; returns where to go on. */
static char *put(char *at, int value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = after;
    return at + digits + 1;
}

char *clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
    struct tm utc;
    time_t seconds;
    int ms;
    char *at = out;

    /* Years of more than four digits have no place in RFC 3339. */
    if (wall_ms < EARLIEST_MS) {
        wall_ms = EARLIEST_MS;
    } else if (wall_ms > LATEST_MS) {
        wall_ms = LATEST_MS;
    }
    ms = (int)(wall_ms % 1000);
    ms += ms < 0 ? 1000 : 0;
    seconds = (time_t)((wall_ms - ms) / 1000);
    (void)gmtime_r(&seconds, &utc);

    at = put(at, utc.tm_year + 1900, 4, '-');
    at = put(at, utc.tm_mon + 1, 2, '-');
    at = put(at, utc.tm_mday, 2, 'T');
    at = put(at, utc.tm_hour, 2, ':');
    at = put(at, utc.tm_min, 2, ':');
    at = put(at, utc.tm_sec, 2, '.');
    at = put(at, ms, 3, 'Z');
    *at = '\0';
    return out;
}
