#include "http/route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "http/handlers.h"

static const struct route TABLE[] = {
#define R(method, path, operation_id, handler, scope, query, body)                                 \
    {#method, path, #operation_id, handler, scope, query, body},
#include "http/routes.def"
#undef R
    {.method = NULL},
};

const struct route *route_table(void)
{
    return TABLE;
}

/* Compares a path pattern with the segments of a target; *id is set where the pattern says so. */
static bool path_matches(const char *pattern, const struct uri *uri, const char **id)
{
    size_t i = 0;

    *id = NULL;
    while (*pattern == '/') {
        size_t len = strcspn(++pattern, "/");

        if (i >= uri->segment_count || i >= URI_SEGMENTS_MAX) {
            return false;
        }
        if (len == 4 && strncmp(pattern, "{id}", len) == 0) {
            *id = uri->segment[i];
        } else if (strlen(uri->segment[i]) != len || strncmp(pattern, uri->segment[i], len) != 0) {
            return false;
        }
        pattern += len;
        i++;
    }
    return i == uri->segment_count;
}

static void allow_add(char allow[ROUTE_ALLOW_SIZE], const char *method)
{
    size_t used = strlen(allow);

    (void)snprintf(allow + used, ROUTE_ALLOW_SIZE - used, "%s%s", used > 0 ? ", " : "", method);
}

void route_find(const char *method, const struct uri *uri, struct route_match *out)
{
    bool is_head = strcmp(method, "HEAD") == 0;
    bool has_head = false;
    bool has_get = false;

    *out = (struct route_match){.route = NULL};
    for (const struct route *row = TABLE; row->method != NULL; row++) {
        const char *id = NULL;
        bool is_get = strcmp(row->method, "GET") == 0;

        if (!path_matches(row->path, uri, &id)) {
            continue;
        }
        allow_add(out->allow, row->method);
        has_get |= is_get;
        has_head |= strcmp(row->method, "HEAD") == 0;
        /* A row for HEAD, if there is one, comes after that for GET and wins. */
        if (strcmp(row->method, method) == 0 || (is_head && is_get)) {
            out->route = row;
            out->id = id;
        }
    }
    if (has_get && !has_head) {
        allow_add(out->allow, "HEAD");
    }
    if (out->allow[0] != '\0') {
        allow_add(out->allow, "OPTIONS");
    }
}
