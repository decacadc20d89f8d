/* test_http_route.c - the route table: what it finds, and that it says what schema/openapi.yaml says.
 *
 * The document is read as lines, not as YAML: a path is a key of two spaces' depth that begins with a
 * slash, a method one of four, and operationId stands below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/access.h"
#include "http/route.h"

static void find(const char *method, const char *target, struct route_match *out)
{
    AUTO(uri_clear) struct uri uri;
    struct err e = ERR_INIT;

    assert_int_equal(uri_parse(span_of(target), &uri, &e), ERR_NONE);
    route_find(method, &uri, out);
    /* The texts of the uri are gone after this. */
    out->id = out->id != NULL ? "some" : NULL;
    out->name = out->name != NULL ? "some" : NULL;
}

static void test_find(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *operation; /* NULL = none */
        const char *allow;     /* NULL = not looked at */
    } rows[] = {
        {"GET", "/livez", "getLiveness", "GET, HEAD, OPTIONS"},
        {"HEAD", "/livez", "getLiveness", NULL},
        {"POST", "/livez", NULL, "GET, HEAD, OPTIONS"},
        {"GET", "/v1/jobs", "listJobs", "POST, GET, HEAD, OPTIONS"},
        {"POST", "/v1/jobs", "submitJob", NULL},
        {"PATCH", "/v1/jobs", NULL, "POST, GET, HEAD, OPTIONS"},
        {"GET", "/v1/jobs/x", "getJob", "GET, PATCH, DELETE, HEAD, OPTIONS"},
        {"PATCH", "/v1/jobs/x", "updateJob", NULL},
        {"DELETE", "/v1/jobs/x", "deleteJob", NULL},
        {"POST", "/v1/jobs/x/cancel", "cancelJob", "POST, OPTIONS"},
        {"HEAD", "/v1/jobs/x/cancel", NULL, "POST, OPTIONS"},
        {"GET", "/v1/outputs/x/content", "getOutputContent", "GET, HEAD, OPTIONS"},
        {"HEAD", "/v1/outputs/x/content", "headOutputContent", NULL},
        {"GET", "/v1/templates/x", "getTemplate", "GET, HEAD, OPTIONS"},
        {"POST", "/v1/templates/x", NULL, "GET, HEAD, OPTIONS"},
        {"POST", "/v1/templates/reload", "reloadTemplates", "POST, OPTIONS"},
        {"GET", "/v1/templates/reload", NULL, "POST, OPTIONS"},
        {"OPTIONS", "/v1/jobs", NULL, "POST, GET, HEAD, OPTIONS"},
        {"get", "/livez", NULL, NULL},
        {"TRACE", "/livez", NULL, "GET, HEAD, OPTIONS"},
        {"GET", "/", "getDashboard", "GET, HEAD, OPTIONS"},
        {"GET", "/ui/0/a.js", "getDashboardFile", "GET, HEAD, OPTIONS"},
        {"GET", "/ui/0/a/b/c/d/e/f", "getDashboardFile", NULL},
        {"GET", "/ui/0/a/b/c/d/e/f/g", NULL, ""}, /* more parts than are read */
        {"GET", "/ui/0", NULL, ""},
        {"POST", "/ui/0/a.js", NULL, "GET, HEAD, OPTIONS"},
        {"GET", "/docs", "getDocs", "GET, HEAD, OPTIONS"},
        {"GET", "/docs/0/page.js", "getDocsFile", "GET, HEAD, OPTIONS"},
        {"GET", "/nope", NULL, ""},
        {"GET", "/livez/", NULL, ""},
        {"GET", "//livez", NULL, ""},
        {"GET", "/LIVEZ", NULL, ""},
        {"GET", "/v1", NULL, ""},
        {"GET", "/v1/jobs/", "getJob", NULL}, /* with an empty id, which is none */
        {"GET", "/v1/jobs/x/y", NULL, ""},
        {"GET", "/v1/jobs/x/cancel/", NULL, ""},
        {"GET", "/v1%2Fjobs", NULL, ""},
        {"GET", "/v1/jobs/../backends", NULL, ""},
        {"GET", "/a/b/c/d/e/f/g/h/i", NULL, ""},
        {"GET", "/{id}", NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct route_match match;
        const char *found;

        find(rows[i].method, rows[i].target, &match);
        found = match.route != NULL ? match.route->operation_id : "none";
        if (strcmp(found, rows[i].operation != NULL ? rows[i].operation : "none") != 0 ||
            (rows[i].allow != NULL && strcmp(match.allow, rows[i].allow) != 0)) {
            fail_msg("%s %s: %s, allowed %s", rows[i].method, rows[i].target, found, match.allow);
        }
        assert_true(match.route == NULL ||
                    (match.id != NULL) == (strstr(match.route->path, "{id}") != NULL));
        assert_true(match.route == NULL ||
                    (match.name != NULL) == (strstr(match.route->path, "{name}") != NULL));
    }
}

static const struct route *row_of(const char *operation_id)
{
    for (const struct route *row = route_table(); row->method != NULL; row++) {
        if (strcmp(row->operation_id, operation_id) == 0) {
            return row;
        }
    }
    return NULL;
}

static size_t count_rows(void)
{
    size_t count = 0;

    while (route_table()[count].method != NULL) {
        count++;
    }
    return count;
}

/* Checks the row of one operation of the document. */
static void check_operation(const char *operation_id, const char *path, const char *method)
{
    const struct route *row = row_of(operation_id);

    if (row == NULL || strcmp(row->path, path) != 0 || strcmp(row->method, method) != 0) {
        fail_msg("%s %s (%s) of schema/openapi.yaml is not in routes.def", method, path,
                 operation_id);
    }
}

/* The scope that the line behind the operationId names; "" when the operation is open, "any" when it names none. */
static void read_scope(const char *line, char out[64])
{
    out[0] = '\0';
    if (strstr(line, "      security: [{apiKey: []}") == line) {
        (void)snprintf(out, 64, "any");
    } else {
        (void)sscanf(line, "      security: [{apiKey: [%63[a-z:]]}", out);
    }
}

/* The word of a line "<indent>word:"; false when the line is none. */
static bool key_at(const char *line, int indent, char out[64])
{
    int end = 0;

    if (strspn(line, " ") != (size_t)indent ||
        sscanf(line + indent, "%63[A-Za-z0-9_./{}-]:%n", out, &end) != 1) {
        return false;
    }
    return end > 0;
}

static void test_table_is_what_the_document_says(void **state)
{
    FILE *file = fopen(SOURCE_DIR "/schema/openapi.yaml", "r");
    char line[1024];
    char path[64] = "";
    char method[64] = "";
    char operation_id[64];
    bool is_in_paths = false;
    size_t count = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != ' ' && line[0] != '\n' && line[0] != '#') {
            is_in_paths = strcmp(line, "paths:\n") == 0;
        }
        if (!is_in_paths) {
            continue;
        }
        (void)key_at(line, 2, path);
        if (key_at(line, 4, method)) {
            for (char *c = method; *c != '\0'; c++) {
                *c = (char)toupper((unsigned char)*c);
            }
        }
        if (sscanf(line, "      operationId: %63[A-Za-z0-9]", operation_id) == 1) {
            char scope[64];

            check_operation(operation_id, path, method);
            assert_non_null(fgets(line, sizeof line, file));
            read_scope(line, scope);
            assert_string_equal(scope, row_of(operation_id)->scope);
            count++;
        }
    }
    (void)fclose(file);
    assert_true(count > 10);
    assert_int_equal(count, count_rows());
}

static void test_rows_are_sound(void **state)
{
    enum scope scope = SCOPE_COUNT;

    (void)state;
    for (const struct route *row = route_table(); row->method != NULL; row++) {
        assert_non_null(row->handler);
        assert_true(row_of(row->operation_id) == row); /* no operationId twice */
        /* A browser that signs in or out has no key yet, or none any more. */
        assert_true(strncmp(row->path, "/v1/", 4) != 0 || row->scope[0] != '\0' ||
                    strcmp(row->path, "/v1/session") == 0);
        assert_true(row->scope[0] == '\0' || strcmp(row->scope, "any") == 0 ||
                    scope_parse(span_of(row->scope), &scope));
        assert_true(strcmp(row->method, "GET") != 0 || row->body == BODY_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_table_is_what_the_document_says),
        cmocka_unit_test(test_rows_are_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
