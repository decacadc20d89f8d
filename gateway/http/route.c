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

size_t route_index(const struct route *route)
{
    return (size_t)(route - TABLE);
}

static bool is_place(const char *pattern, size_t len, const char *place)
{
    return len == strlen(place) && strncmp(pattern, place, len) == 0;
}

/* Compares a path pattern with the segments of a target; those at its places are noted in m. */
static bool path_matches(const char *pattern, const struct uri *uri, struct route_match *m)
{
    size_t i = 0;

    while (*pattern == '/') {
        size_t len = strcspn(++pattern, "/");

        if (i >= uri->segment_count || i >= URI_SEGMENTS_MAX) {
            return false;
        }
        if (is_place(pattern, len, "{path}")) {
            return uri->segment_count <= URI_SEGMENTS_MAX;
        }
        if (is_place(pattern, len, "{id}")) {
            m->id = uri->segment[i];
        } else if (is_place(pattern, len, "{name}")) {
            m->name = uri->segment[i];
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

/* Whether a row has exactly this path: then it is not the place of an id or a name. */
static bool has_literal(const struct uri *uri)
{
    for (const struct route *row = TABLE; row->method != NULL; row++) {
        struct route_match found = {.route = row};

        if (path_matches(row->path, uri, &found) && found.id == NULL && found.name == NULL) {
            return true;
        }
    }
    return false;
}

void route_find(const char *method, const struct uri *uri, struct route_match *out)
{
    bool is_literal = has_literal(uri);
    bool is_head = strcmp(method, "HEAD") == 0;
    bool has_head = false;
    bool has_get = false;

    *out = (struct route_match){.route = NULL};
    for (const struct route *row = TABLE; row->method != NULL; row++) {
        struct route_match found = {.route = row};
        bool is_get = strcmp(row->method, "GET") == 0;

        if (!path_matches(row->path, uri, &found) ||
            (is_literal && (found.id != NULL || found.name != NULL))) {
            continue;
        }
        allow_add(out->allow, row->method);
        has_get |= is_get;
        has_head |= strcmp(row->method, "HEAD") == 0;
        /* A row for HEAD, if there is one, comes after that for GET and wins. */
        if (strcmp(row->method, method) == 0 || (is_head && is_get)) {
            out->route = row;
            out->id = found.id;
            out->name = found.name;
        }
    }
    if (has_get && !has_head) {
        allow_add(out->allow, "HEAD");
    }
    if (out->allow[0] != '\0') {
        allow_add(out->allow, "OPTIONS");
    }
}
