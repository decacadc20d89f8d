/* read.c - see read.h.
 */
#include "wire/read.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53: up to here a double is exact */

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

int64_t read_time_ms(const cJSON *object, const char *key)
{
    struct tm t = {.tm_isdst = 0};
    int ms = 0;

    if (sscanf(read_text(object, key), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &t.tm_year,
               &t.tm_mon, // NOLINT(cert-err34-c): digits, bounded
               &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &ms) != 7) {
        return 0;
    }
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return (int64_t)timegm(&t) * 1000 + ms;
}

void read_replace(cJSON *object, const char *key, const cJSON *value)
{
    cJSON *copy = require_memory(cJSON_Duplicate(value, true));

    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    (void)cJSON_AddItemToObject(object, key, copy);
}
