/* graph_prefix.c - every job's files in a folder of their own.
 *
 * ComfyUI answers an output node from its cache when the graph has run before,
 * and then names the earlier job's files, which may be another user's or gone.
 * A prefix that holds the job's id makes output nodes run every time, while all
 * that is upstream of them stays cached.
 */
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "core/graph.h"

#define OWN_FOLDER     "comfygate/"
#define COMFYUI_PREFIX "ComfyUI" /* its own default */

static const struct json_limits stored_limits = {.depth = 1024, .nodes = 20000000};

/* Windows counts both as separators. */
static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

/* Leaves out the folder of another job: a graph may come from a finished job, and again from that.
 */
static const char *after_own_folder(const char *text)
{
    struct id id = ID_NONE;

    while (strncmp(text, OWN_FOLDER, sizeof OWN_FOLDER - 1) == 0) {
        const char *rest = text + sizeof OWN_FOLDER - 1;

        if (strlen(rest) <= ID_LEN || rest[ID_LEN] != '/' ||
            !id_parse((struct span){rest, ID_LEN}, &id)) {
            break;
        }
        text = rest + ID_LEN + 1;
    }
    return text;
}

/* Appends the old prefix without what would lead out of the job's folder. */
static void append_inside(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "/\\");
        bool is_upward = len == 2 && text[0] == '.' && text[1] == '.';
        bool has_separator = is_separator(text[len]);

        if (len > 0 && !is_upward) {
            (void)buf_append(out, text, len + (has_separator ? 1 : 0));
        }
        text += len + (has_separator ? 1 : 0);
    }
}

static enum errc own_prefix(const struct json_doc *doc, json_ref prefix, struct id job_id,
                            struct graph_edits *edits, struct err *e)
{
    AUTO(free_ptr) char *old = json_str_dup(doc, prefix);
    AUTO(buf_clear) struct buf inside = BUF_INIT(json_raw(doc, prefix).len + 1);
    AUTO(buf_clear) struct buf text = BUF_INIT(json_raw(doc, prefix).len + 128);
    AUTO(buf_clear) struct buf json = BUF_INIT(6 * (json_raw(doc, prefix).len + 128));
    struct json_out o = json_out_to(&json);
    const char *rest = NULL;

    if (old == NULL) {
        char at[128];

        json_pointer(doc, prefix, at, sizeof at);
        return err_at(e, ERR_INVALID_WORKFLOW, at, "invalid_character",
                      "a file prefix must not contain U+0000");
    }
    append_inside(&inside, old);
    rest = after_own_folder(buf_str(&inside));
    (void)buf_appendf(&text, OWN_FOLDER "%s/%s", job_id.text,
                      rest[0] != '\0' ? rest : COMFYUI_PREFIX);
    jo_span(&o, NULL, buf_span(&text));
    graph_edits_add(edits, json_offset(doc, prefix), json_raw(doc, prefix).len, buf_span(&json));
    return ERR_NONE;
}

enum errc graph_own_prefix(struct span graph, struct id job_id, struct buf *out, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    enum errc code = json_parse(graph, JSON_STRICT, stored_limits, &doc, e);

    for (json_ref n = code == ERR_NONE ? json_first(doc, 0) : JSON_NONE;
         n != JSON_NONE && code == ERR_NONE; n = json_next(doc, n)) {
        json_ref prefix = json_get(doc, json_get(doc, n, "inputs"), "filename_prefix");

        if (prefix != JSON_NONE && json_type(doc, prefix) == JSON_STRING) {
            code = own_prefix(doc, prefix, job_id, &edits, e);
        }
    }
    if (code == ERR_NONE && !graph_edits_apply(graph, &edits, out)) {
        code =
            err_set(e, ERR_CONTENT_TOO_LARGE, "The workflow is too large with its file prefixes.");
    }
    return code;
}
