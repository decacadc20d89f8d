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

int64_t clock_mono_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
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

/* ---- reading --------------------------------------------------------------------------------- */

/* Takes exactly `digits` digits and, unless it is 0, `after`. */
static bool take(const char **at, int digits, char after, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        char c = *(*at)++;

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *out = value;
    return after == '\0' || *(*at)++ == after;
}

static bool take_date(const char **at, struct tm *out)
{
    static const int DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 0;
    int month = 0;
    bool is_leap = false;

    if (!take(at, 4, '-', &year) || !take(at, 2, '-', &month) ||
        !take(at, 2, '\0', &out->tm_mday) || month < 1 || month > 12) {
        return false;
    }
    is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    out->tm_year = year - 1900;
    out->tm_mon = month - 1;
    return out->tm_mday >= 1 && out->tm_mday <= DAYS[month - 1] &&
           (month != 2 || is_leap || out->tm_mday <= 28);
}

/* A leap second is the one after it. */
static bool take_time(const char **at, struct tm *out, int *ms)
{
    int digit_ms = 100;

    if (!take(at, 2, ':', &out->tm_hour) || !take(at, 2, ':', &out->tm_min) ||
        !take(at, 2, '\0', &out->tm_sec) || out->tm_hour > 23 || out->tm_min > 59 ||
        out->tm_sec > 60) {
        return false;
    }
    if (**at != '.') {
        return true;
    }
    ++*at;
    for (int digit = 0, count = 0; **at >= '0' && **at <= '9'; count++) {
        if (!take(at, 1, '\0', &digit) || count == 9) {
            return false;
        }
        *ms += digit * digit_ms;
        digit_ms /= 10;
    }
    return (*at)[-1] != '.';
}

static bool take_offset(const char **at, int *minutes)
{
    int sign = **at == '-' ? -1 : 1;
    int hour = 0;
    int minute = 0;

    if (**at == 'Z' || **at == 'z') {
        ++*at;
        return true;
    }
    if ((**at != '+' && **at != '-') || *(*at)++ == '\0' || !take(at, 2, ':', &hour) ||
        !take(at, 2, '\0', &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *minutes = sign * (hour * 60 + minute);
    return true;
}

bool clock_parse(const char *text, int64_t *wall_ms)
{
    struct tm utc = {.tm_mday = 1};
    const char *at = text;
    int ms = 0;
    int offset = 0;

    if (!take_date(&at, &utc)) {
        return false;
    }
    if (*at != '\0') {
        if (*at != 'T' && *at != 't') {
            return false;
        }
        at++;
        if (!take_time(&at, &utc, &ms) || !take_offset(&at, &offset) || *at != '\0') {
            return false;
        }
    }
    *wall_ms = ((int64_t)timegm(&utc) - (int64_t)offset * 60) * 1000 + ms;
    return true;
}
