/* templates.h - what the parts of `comfygate templates` share.
 *
 * verb_templates.c finds the part: one row in its table for each. `init` and `check` work on files
 * and need no gateway; `list`, `show` and `reload` ask one (templates_remote.h).
 */
#ifndef CG_CLI_TEMPLATES_H
#define CG_CLI_TEMPLATES_H

#include "base/buf.h"
#include "cli/verbs.h"
#include "core/object_info.h"
#include "core/template.h"

#define TEMPLATES_MANIFEST     "manifest.json"
#define TEMPLATES_WORKFLOW     "workflow.json"
#define TEMPLATES_MANIFEST_MAX ((size_t)1 << 20)
#define TEMPLATES_INFO_MAX     ((size_t)256 << 20)

/* A gateway's own limits unless it is told others (config.def). */
#define TEMPLATES_WORKFLOW_MAX ((size_t)4 << 20)
extern const struct template_limits templates_limits;

int verb_templates_list(struct cli *cli, int argc, char **argv);
int verb_templates_show(struct cli *cli, int argc, char **argv);
int verb_templates_reload(struct cli *cli, int argc, char **argv);
int templates_init(struct cli *cli, int argc, char **argv);
int templates_check(struct cli *cli, int argc, char **argv);

/* Where to learn of a ComfyUI's nodes: --object-info FILE or --comfyui URL; both NULL = nowhere. */
struct templates_source {
    const char *file;
    const char *url;
};

/* What was learned; `info` is NULL when nothing was asked for. */
struct templates_info {
    struct buf text;
    struct object_info *info;
};

/* False after having said why; *code is the exit code. *out is the caller's, to be cleared. */
bool templates_info_read(struct cli *cli, const struct templates_source *source,
                         struct templates_info *out, int *code) MUST_CHECK;
void templates_info_clear(struct templates_info *i);

#endif
