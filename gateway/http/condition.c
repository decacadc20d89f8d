#include "http/condition.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/span.h"

/* Cuts the next entity tag off *at, quotes included. False at the end, or where the list is none. */
static bool next_etag(const char **at, struct span *out, bool *is_weak)
{
    const char *start = *at + strspn(*at, " \t,");
    const char *close;

    *is_weak = strncmp(start, "W/", 2) == 0;
    start += *is_weak ? 2 : 0;
    if (*start != '"') {
        return false;
    }
    close = strchr(start + 1, '"');
    if (close == NULL) {
        return false;
    }
    *out = (struct span){start, (size_t)(close - start) + 1};
    *at = close + 1;
    return true;
}

bool etag_is_any(const char *field)
{
    return strcmp(field + strspn(field, " \t"), "*") == 0;
}

bool etag_listed(const char *field, const char *etag, bool is_weak_enough)
{
    struct span wanted = span_of(etag);
    struct span tag;
    bool is_weak = false;

    if (field == NULL) {
        return false;
    }
    if (etag_is_any(field)) {
        return true;
    }
    while (next_etag(&field, &tag, &is_weak)) {
        if (span_eq(tag, wanted) && (is_weak_enough || !is_weak)) {
            return true;
        }
    }
    return false;
}

/* Digits at *at; -1 when there are none. Too many of them stand for "very far". */
static int64_t read_number(const char **at)
{
    int64_t value = 0;
    const char *start = *at;

    while (**at >= '0' && **at <= '9') {
        value = value > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : value * 10 + (**at - '0');
        ++*at;
    }
    return *at == start ? -1 : value;
}

struct range range_parse(const char *field, int64_t size)
{
    static const char UNIT[] = "bytes=";
    struct range whole = {.kind = RANGE_WHOLE, .length = size};
    const char *at = field;
    int64_t first;
    int64_t last;

    if (field == NULL || strncasecmp(field, UNIT, sizeof UNIT - 1) != 0) {
        return whole;
    }
    at += sizeof UNIT - 1;
    at += strspn(at, " \t");
    first = read_number(&at);
    if (*at++ != '-') {
        return whole;
    }
    last = read_number(&at);
    at += strspn(at, " \t");
    if (*at != '\0' || (first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first)) {
        return whole;
    }
    if (first < 0) { /* "-N": the last N bytes */
        first = last < size ? size - last : 0;
        last = last == 0 ? -1 : size - 1;
    } else if (last < 0 || last >= size) {
        last = size - 1;
    }
    if (first > last) {
        return (struct range){.kind = RANGE_OUTSIDE};
    }
    return (struct range){.kind = RANGE_PART, .first = first, .length = last - first + 1};
}
