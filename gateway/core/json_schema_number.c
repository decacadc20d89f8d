/* json_schema_number.c - see json_schema_number.h.
 */
#include "core/json_schema_number.h"

#include "base/mem.h"

/* Far beyond what a text of allowed length could balance, and far from overflow. */
#define EXPONENT_MAX INT64_C(1000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t read_exponent(const char *at, const char *end)
{
    bool is_negative = at < end && *at == '-';
    int64_t value = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    while (at < end && is_digit(*at)) {
        value = value < EXPONENT_MAX ? 10 * value + (*at - '0') : EXPONENT_MAX;
        at++;
    }
    return is_negative ? -value : value;
}

struct json_number json_number_read(struct span text)
{
    struct json_number n = {NULL, NULL, 0, 0, text.len > 0 && text.ptr[0] == '-'};
    const char *at = text.len > 0 ? text.ptr : "";
    const char *end = at + text.len;
    int64_t power = 0; /* of the digit at hand, counted from the first one down */
    int64_t shift = 0; /* what to add to such a power */
    bool is_fraction = false;

    at += n.is_negative ? 1 : 0;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            is_fraction = true;
            continue;
        }
        power--;
        shift += is_fraction ? 0 : 1;
        if (*at != '0') {
            n.high = n.first == NULL ? power : n.high;
            n.first = n.first == NULL ? at : n.first;
            n.last = at;
            n.low = power;
        }
    }
    if (at < end) {
        shift += read_exponent(at + 1, end);
    }
    n.high += shift;
    n.low += shift;
    n.is_negative = n.is_negative && n.first != NULL;
    return n;
}

/* The next significant digit, stepping over the point; -1 behind the last. */
static int next_digit(const char **at, const char *last)
{
    if (*at <= last && **at == '.') {
        ++*at;
    }
    return *at <= last ? *(*at)++ - '0' : -1;
}

static int compare_magnitudes(struct json_number a, struct json_number b)
{
    const char *a_at = a.first;
    const char *b_at = b.first;

    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    for (;;) {
        int x = next_digit(&a_at, a.last);
        int y = next_digit(&b_at, b.last);

        if (x != y) {
            return x < y ? -1 : 1;
        }
        if (x < 0) {
            return 0;
        }
    }
}

static int sign(struct json_number n)
{
    if (n.first == NULL) {
        return 0;
    }
    return n.is_negative ? -1 : 1;
}

int json_number_compare(struct json_number a, struct json_number b)
{
    if (sign(a) != sign(b)) {
        return sign(a) < sign(b) ? -1 : 1;
    }
    return sign(a) == 0 ? 0 : sign(a) * compare_magnitudes(a, b);
}

bool json_number_is_integer(struct json_number n)
{
    return n.first == NULL || n.low >= 0;
}

size_t json_number_digits(struct json_number n)
{
    return n.first == NULL ? 0 : (size_t)(n.high - n.low) + 1;
}

bool json_number_is_multiple(struct json_number n, struct json_number step)
{
    /* A step of 18 digits has fewer than 60 factors 2 and 5 each: more tens add nothing. */
    const int64_t enough_tens = 60;
    uint64_t divisor = 0;
    uint64_t rest = 0;
    int digit = 0;

    if (n.first == NULL) {
        return true;
    }
    if (n.low < step.low) {
        return false; /* the digits of n end in no 0, those of a multiple would */
    }
    for (const char *at = step.first; (digit = next_digit(&at, step.last)) >= 0;) {
        divisor = 10 * divisor + (uint64_t)digit;
    }
    bug_if(divisor == 0);
    for (const char *at = n.first; (digit = next_digit(&at, n.last)) >= 0;) {
        rest = (10 * rest + (uint64_t)digit) % divisor;
    }
    for (int64_t tens = n.low - step.low; tens > 0 && rest != 0; tens--) {
        rest = 10 * rest % divisor;
        tens = tens < enough_tens ? tens : enough_tens;
    }
    return rest == 0;
}

bool json_number_u64(struct json_number n, uint64_t *out)
{
    uint64_t value = 0;
    int digit = 0;

    if (n.first == NULL) {
        *out = 0;
        return true;
    }
    if (n.low < 0 || n.high > 19) {
        return false;
    }
    for (const char *at = n.first; (digit = next_digit(&at, n.last)) >= 0;) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    for (int64_t tens = n.low; tens > 0; tens--) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}
