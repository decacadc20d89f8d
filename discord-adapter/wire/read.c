/* read.c - see read.h.
 */
#include "wire/read.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53: up to here a double is exact */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

cJSON *read_json(struct span text)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text.ptr, text.len, &end, false);

    if (json == NULL) {
        return NULL;
    }
    while (end < text.ptr + text.len && is_blank(*end)) {
        end++;
    }
    if (end != text.ptr + text.len) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

const char *read_text(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    return text != NULL ? text : "";
}

double read_number(const cJSON *object, const char *key, double fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : fallback;
}

int64_t read_int(const cJSON *object, const char *key, int64_t fallback)
{
    double number = read_number(object, key, NAN);

    return isfinite(number) && fabs(number) <= EXACT_MAX ? (int64_t)number : fallback;
}

bool read_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key)) != 0;
}

/* `count` digits at text; -1 when there are others. */
static int digits(const char *text, size_t count)
{
    int number = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* As comfygate writes it: 2026-11-22T23:07:00.123Z. */
int64_t read_time_ms(const cJSON *object, const char *key)
{
    const char *text = read_text(object, key);
    struct tm t = {.tm_isdst = 0};
    int ms = 0;

    if (strlen(text) != strlen("2026-11-22T23:07:00.123Z")) {
        return 0;
    }
    t = (struct tm){.tm_year = digits(text, 4) - 1900,
                    .tm_mon = digits(text + 5, 2) - 1,
                    .tm_mday = digits(text + 8, 2),
                    .tm_hour = digits(text + 11, 2),
                    .tm_min = digits(text + 14, 2),
                    .tm_sec = digits(text + 17, 2)};
    ms = digits(text + 20, 3);
    if (t.tm_year < 70 || t.tm_mon < 0 || t.tm_mday < 1 || t.tm_hour < 0 || t.tm_min < 0 ||
        t.tm_sec < 0 || ms < 0) {
        return 0;
    }
    return (int64_t)timegm(&t) * 1000 + ms;
}

void read_replace(cJSON *object, const char *key, const cJSON *value)
{
    cJSON *copy = require_memory(cJSON_Duplicate(value, true));

    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    (void)cJSON_AddItemToObject(object, key, copy);
}
