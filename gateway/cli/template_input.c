#include "cli/template_input.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "cli/job_facts.h"
#include "cli/verbs.h"

#define PATH_MAX_BYTES  4096
#define KNOWN_MAX       1024
#define UPLOAD_LIMIT_MS 600000

/* One word of -p. */
struct param {
    char *name;
    const char *value; /* borrowed from the word */
    const cJSON *schema;
};

static void param_clear(struct param *p)
{
    free(p->name);
}

static const char *type_of(const cJSON *schema)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type");

    return cJSON_IsString(type) ? type->valuestring : "";
}

/* ---- the template's schema ---------------------------------------------------------------------------- */

static cJSON *fetch_template(struct cli *cli, const char *name, int *code)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(PATH_MAX_BYTES);
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    struct client_request request = {.method = "GET"};
    cJSON *tree = NULL;

    (void)buf_append_str(&path, "/v1/templates/");
    client_escape(&path, name);
    request.path = buf_str(&path);
    if (!cli_call(cli, &request, &reply, code)) {
        return NULL;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    if (tree == NULL) {
        *code = cli_failed(cli, "the gateway's answer about the template is not understood");
    }
    return tree;
}

static void list_names(const cJSON *properties, struct buf *out)
{
    const cJSON *property = NULL;

    cJSON_ArrayForEach(property, properties) {
        (void)buf_append_str(out, out->len > 0 ? ", " : "");
        (void)buf_append_str(out, property->string);
    }
}

static bool read_word(const struct cli *cli, const char *word, const cJSON *properties,
                      struct param *out, int *code)
{
    AUTO(buf_clear) struct buf known = BUF_INIT(KNOWN_MAX);
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals == word) {
        *code = cli_usage(cli, "-p wants NAME=VALUE, not \"%.80s\"", word);
        return false;
    }
    out->name = xstrndup(word, (size_t)(equals - word));
    out->value = equals + 1;
    out->schema = cJSON_GetObjectItemCaseSensitive(properties, out->name);
    if (out->schema == NULL) {
        list_names(properties, &known);
        *code = cli_usage(cli, "the template has no parameter \"%.40s\"; it has: %s", out->name,
                          buf_str(&known));
        return false;
    }
    return true;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* Uploads the file and gives its asset's reference. */
static int upload(struct cli *cli, const char *path, struct json_out *o, const char *key)
{
    AUTO(buf_clear) struct buf target = BUF_INIT(PATH_MAX_BYTES);
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    AUTO(close_file) FILE *file = fopen(path, "rbe");
    AUTO(free_ptr) char *reference = NULL;
    struct client_request request = {.method = "POST", .limit_ms = UPLOAD_LIMIT_MS};
    struct stat about;
    int code = EXIT_OTHER;

    if (file == NULL || fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode)) {
        return cli_failed(cli, "cannot read the file %s: %s", path,
                          file == NULL ? strerrordesc_np(errno) : "it is no regular file");
    }
    if (about.st_size == 0) {
        return cli_failed(cli, "the file %s is empty", path);
    }
    (void)buf_append_str(&target, "/v1/assets?name=");
    client_escape(&target, base_name(path));
    request.path = buf_str(&target);
    request.upload = file;
    request.upload_len = about.st_size;
    if (!cli_call(cli, &request, &reply, &code)) {
        if (reply.fault == CLIENT_ANSWERED) {
            (void)fputs("  file: ", cli->err.file);
            terminal_put(&cli->err, path);
            (void)fputc('\n', cli->err.file);
        }
        return code;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(tree, "id"))) {
        return cli_failed(cli, "the gateway's answer to the upload is not understood");
    }
    reference = xasprintf("asset:%s", cJSON_GetObjectItemCaseSensitive(tree, "id")->valuestring);
    jo_str(o, key, reference);
    return EXIT_OK;
}

/* ---- values ------------------------------------------------------------------------------------------------ */

/* The text when it is one JSON value of the wanted kind; SPAN_NONE otherwise. */
static struct span as_json(const char *value, bool (*is_kind)(const cJSON *tree))
{
    AUTO(cjson_delete_ptr) cJSON *tree = cJSON_ParseWithOpts(value, NULL, true);

    return tree != NULL && is_kind(tree) ? span_of(value) : SPAN_NONE;
}

static bool is_number(const cJSON *tree)
{
    return cJSON_IsNumber(tree);
}

static bool is_bool(const cJSON *tree)
{
    return cJSON_IsBool(tree);
}

static bool is_container(const cJSON *tree)
{
    return cJSON_IsArray(tree) || cJSON_IsObject(tree);
}

/* What is no number stays a text, so that the gateway can say what it should be. */
static void put_scalar(struct json_out *o, const char *key, const struct param *p)
{
    const char *type = type_of(p->schema);
    struct span raw = SPAN_NONE;

    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0) {
        raw = as_json(p->value, is_number);
    } else if (strcmp(type, "boolean") == 0) {
        raw = as_json(p->value, is_bool);
    }
    if (raw.ptr != NULL) {
        jo_raw(o, key, raw);
    } else {
        jo_str(o, key, p->value);
    }
}

/* "detail.safetensors:0.8" as {"name", "strength"}; a name may have a colon of its own. */
static void put_named(struct json_out *o, const char *value)
{
    const char *colon = strrchr(value, ':');
    struct span strength = colon != NULL ? as_json(colon + 1, is_number) : SPAN_NONE;
    AUTO(free_ptr)
    char *name = xstrndup(value, strength.ptr != NULL ? (size_t)(colon - value) : strlen(value));

    jo_obj(o, NULL);
    jo_str(o, "name", name);
    if (strength.ptr != NULL) {
        jo_raw(o, "strength", strength);
    }
    jo_end(o);
}

static bool has_named_items(const cJSON *schema)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(items, "properties");

    return cJSON_GetObjectItemCaseSensitive(properties, "name") != NULL;
}

/* A word of a list that is an element, not the list itself. */
static void put_element(struct json_out *o, const struct param *p)
{
    struct param item = {.value = p->value,
                         .schema = cJSON_GetObjectItemCaseSensitive(p->schema, "items")};

    if (has_named_items(p->schema)) {
        put_named(o, p->value);
    } else {
        put_scalar(o, NULL, &item);
    }
}

static bool is_file(const cJSON *schema)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(schema, "x-file"));
}

static int put_param(struct cli *cli, const struct param *p, struct json_out *o)
{
    if (is_file(p->schema) && p->value[0] == '@') {
        return upload(cli, p->value + 1, o, p->name);
    }
    put_scalar(o, p->name, p);
    return EXIT_OK;
}

/* ---- all words --------------------------------------------------------------------------------------------- */

static bool is_same_name(const char *word, const char *name)
{
    size_t len = strlen(name);

    return strncmp(word, name, len) == 0 && word[len] == '=';
}

/* A list is written where its first word stands, from all its words. */
static void put_list(const struct words *params, size_t at, const struct param *first,
                     struct json_out *o)
{
    struct span whole = as_json(first->value, is_container);

    if (whole.ptr != NULL) {
        jo_raw(o, first->name, whole);
        return;
    }
    jo_arr(o, first->name);
    for (size_t i = at; i < params->count; i++) {
        if (is_same_name(params->item[i], first->name)) {
            struct param p = *first;

            p.value = params->item[i] + strlen(first->name) + 1;
            put_element(o, &p);
        }
    }
    jo_end(o);
}

static bool is_repeated(const struct words *params, size_t at, const char *name)
{
    for (size_t i = 0; i < at; i++) {
        if (is_same_name(params->item[i], name)) {
            return true;
        }
    }
    return false;
}

static int put_word(struct cli *cli, const struct words *params, size_t at, const cJSON *properties,
                    struct json_out *o)
{
    AUTO(param_clear) struct param p = {.name = NULL};
    int code = EXIT_OK;
    bool is_list = false;

    if (!read_word(cli, params->item[at], properties, &p, &code)) {
        return code;
    }
    is_list = strcmp(type_of(p.schema), "array") == 0;
    if (is_repeated(params, at, p.name)) {
        return is_list ? EXIT_OK : cli_usage(cli, "-p %s is given twice", p.name);
    }
    if (is_list) {
        put_list(params, at, &p, o);
        return EXIT_OK;
    }
    return put_param(cli, &p, o);
}

int template_input_make(struct cli *cli, const char *template_name, const struct words *params,
                        struct buf *out)
{
    int code = EXIT_OK;
    AUTO(cjson_delete_ptr) cJSON *tree = fetch_template(cli, template_name, &code);
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(tree, "input_schema");
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    struct json_out o = json_out_to(out);

    if (tree == NULL) {
        return code;
    }
    if (!cJSON_IsObject(schema)) {
        return cli_failed(
            cli,
            "the files of the template \"%.40s\" cannot be loaded; comfygate templates "
            "show %.40s tells why",
            template_name, template_name);
    }
    jo_obj(&o, NULL);
    for (size_t i = 0; i < params->count && code == EXIT_OK; i++) {
        code = put_word(cli, params, i, properties, &o);
    }
    jo_end(&o);
    return code;
}
