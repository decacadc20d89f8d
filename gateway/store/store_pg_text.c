/* store_pg_text.c - how the store's statements are written for PostgreSQL.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_pg.h"

#define TEXT_MAX ((size_t)64 * 1024)

#define INDEX_HINT " INDEXED BY "
#define ORDERED    "CROSS JOIN"

/* Past the quoted text that begins here. */
static const char *copy_quoted(struct buf *out, const char *p)
{
    const char *end = strchr(p + 1, '\'');

    bug_if(end == NULL);
    (void)buf_append(out, p, (size_t)(end + 1 - p));
    return end + 1;
}

static const char *copy_parameter(struct buf *out, const char *p, int *count)
{
    char *end = NULL;
    long number = strtol(p + 1, &end, 10);

    if (end == p + 1) {
        number = *count + 1;
    }
    *count = (int)number > *count ? (int)number : *count;
    (void)buf_appendf(out, "$%ld", number);
    return end;
}

static const char *skip_hint(const char *p)
{
    p += strlen(INDEX_HINT);
    while (isalnum((unsigned char)*p) || *p == '_') {
        p++;
    }
    return p;
}

static bool begins(const char *p, const char *word)
{
    return strncmp(p, word, strlen(word)) == 0;
}

char *pg_text(const char *sql, int *parameters)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    const char *p = sql;
    int count = 0;

    while (*p != '\0') {
        if (*p == '\'') {
            p = copy_quoted(&out, p);
        } else if (*p == '?' || (*p == '$' && isdigit((unsigned char)p[1]))) {
            p = copy_parameter(&out, p, &count);
        } else if (begins(p, INDEX_HINT)) {
            p = skip_hint(p);
        } else if (begins(p, ORDERED)) {
            (void)buf_append_str(&out, "JOIN");
            p += strlen(ORDERED);
        } else {
            (void)buf_append_char(&out, *p++);
        }
    }
    bug_if(!buf_ok(&out) || count > PG_PARAMETERS_MAX);
    *parameters = count;
    return buf_take(&out);
}
