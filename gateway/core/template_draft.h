/* template_draft.h - a first manifest for a workflow, guessed from how its nodes are linked.
 *
 * A help for who writes a template, not a judge: what it writes can be loaded, and it tells of
 * every parameter how sure it is and why, so that a person can strike out the rest. The workflow
 * itself is never changed. Pure; any thread.
 *
 * To teach it a node: the tables in template_draft_media.c (files, outputs), template_draft_manifest.c
 * (models) and template_draft_sampler.c; then a graph in tests/unit/test_template_draft.c.
 */
#ifndef CG_CORE_TEMPLATE_DRAFT_H
#define CG_CORE_TEMPLATE_DRAFT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/object_info.h"
#include "core/template.h"

enum template_confidence {
    TEMPLATE_LEFT,   /* looked at, and left as it is: no parameter */
    TEMPLATE_GUESS,  /* by names alone */
    TEMPLATE_LIKELY, /* by what nodes that are known do with it */
    TEMPLATE_SURE    /* the title says so: "$name" or "$name:input" */
};
/* "left", "guess", "likely", "sure". */
const char *template_confidence_name(enum template_confidence confidence);

struct template_finding {
    char *parameter; /* "" when left */
    char *node;      /* its id */
    char *input;     /* "" when it is about the node as a whole */
    char *why;       /* part of a sentence */
    enum template_confidence confidence;
};

struct template_draft_request {
    const char *name;               /* of the template; template_is_name() */
    struct span workflow;           /* as ComfyUI exported it */
    const struct object_info *info; /* NULL = not known: kinds and bounds are guessed */
    const struct template_limits *limits;
};

struct template_draft {
    struct buf manifest;              /* for people, ends in a line end; template_load() takes it */
    struct template_finding *finding; /* parameters in the manifest's order, then what was left */
    size_t finding_count;
};

/* *out is the caller's, to be cleared, also on failure. Fails as template_load() does when the
 * workflow is none (WORKFLOW_FORMAT_UI, INVALID_WORKFLOW, MALFORMED_JSON, ...), and with
 * VALIDATION_ERROR when no manifest can be written for it: then e tells what template_load() said. */
enum errc template_draft(const struct template_draft_request *r, struct template_draft *out,
                         struct err *e) MUST_CHECK;
void template_draft_clear(struct template_draft *d);

/* Makes a name for a template (or a parameter) of any text: "My SDXL.json" gives "my-sdxl-json".
 * False when nothing of it can stand in one. */
bool template_draft_name(struct span text, char glue, char out[TEMPLATE_NAME_MAX + 1]) MUST_CHECK;

#endif
