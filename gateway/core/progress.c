#include "core/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

/* The map's values: a node is in at most one of these states. */
static char IS_CACHED[] = "cached";
static char IS_DONE[] = "done";

struct progress {
    const struct graph_index *index;
    struct map *settled; /* node id -> IS_CACHED or IS_DONE */
    double fraction;     /* of the node at work */
    int weight_done;     /* of the nodes that are settled */
    struct job_progress now;
};

struct progress *progress_new(const struct graph_index *index)
{
    struct progress *p = xcalloc(1, sizeof *p);

    p->index = index;
    p->settled = map_new();
    p->now.nodes_total = (int)graph_index_count(index);
    return p;
}

void progress_free(struct progress *p)
{
    if (p != NULL) {
        map_free(p->settled);
        free_ptr(&p);
    }
}

const struct job_progress *progress_now(const struct progress *p)
{
    return &p->now;
}

/* Nodes that a subgraph expands to are not nodes of the graph: they do not count. */
static bool settle(struct progress *p, const char *node, char *state)
{
    if (graph_index_class(p->index, node) == NULL || map_get(p->settled, node) != NULL) {
        return false;
    }
    map_put(p->settled, node, state);
    if (state == IS_CACHED) {
        p->now.nodes_cached++;
    }
    p->now.nodes_done++;
    p->weight_done += graph_index_weight(p->index, node);
    return true;
}

static void copy_text(char out[JOB_NODE_TEXT], const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (len >= JOB_NODE_TEXT) {
        len = JOB_NODE_TEXT - 1;
        /* not within a UTF-8 character */
        while (len > 0 && ((unsigned char)text[len] & 0xC0U) == 0x80U) {
            len--;
        }
    }
    if (len > 0) {
        memcpy(out, text, len);
    }
    out[len] = '\0';
}

static bool set_node(struct progress *p, const char *told)
{
    /* A node that another one expanded to is shown as that one. */
    const char *own = graph_index_own_node(p->index, told);
    const char *node = own != NULL ? own : told;
    char cut[JOB_NODE_TEXT];

    copy_text(cut, node);
    if (strcmp(cut, p->now.node) == 0) {
        return false;
    }
    copy_text(p->now.node, node);
    copy_text(p->now.node_class, graph_index_class(p->index, node));
    copy_text(p->now.node_title, graph_index_title(p->index, node));
    p->now.step = 0;
    p->now.steps = 0;
    p->fraction = 0;
    return true;
}

static bool set_step(struct progress *p, const char *node, double value, double max)
{
    bool changed = set_node(p, node);
    int step = 0;
    int steps = 0;

    if (!(max >= 1 && max < 1e9 && value >= 0 && value <= max)) {
        return changed;
    }
    step = (int)value;
    steps = (int)max;
    p->fraction = value / max;
    /* A node of one step has no steps worth showing. */
    if (steps > 1 && (p->now.step != step || p->now.steps != steps)) {
        p->now.step = step;
        p->now.steps = steps;
        changed = true;
    }
    return changed;
}

static bool on_states(struct progress *p, const struct comfy_message *m)
{
    bool changed = false;

    for (size_t i = 0; i < m->state_count; i++) {
        const struct comfy_node_state *s = &m->states[i];

        if (s->is_finished) {
            changed |= settle(p, s->node_id, IS_DONE);
        } else {
            changed |= set_step(p, s->node_id, s->value, s->max);
        }
    }
    return changed;
}

static bool raise_value(struct progress *p)
{
    int weights = graph_index_weights(p->index);
    bool is_counted = p->now.node[0] != '\0' && map_get(p->settled, p->now.node) == NULL;
    double at_work = is_counted ? p->fraction * graph_index_weight(p->index, p->now.node) : 0;
    double value = (p->weight_done + at_work) / (weights > 0 ? weights : 1);

    if (value > 1) {
        value = 1;
    }
    if (value <= p->now.value) {
        return false;
    }
    p->now.value = value;
    return true;
}

static bool take_message(struct progress *p, const struct comfy_message *m)
{
    bool changed = false;

    switch (m->kind) {
    case COMFY_CACHED:
        for (size_t i = 0; i < m->node_count; i++) {
            changed |= settle(p, m->nodes[i], IS_CACHED);
        }
        return changed;
    case COMFY_EXECUTING:
        return m->node != NULL && m->node[0] != '\0' && set_node(p, m->node);
    case COMFY_PROGRESS:
        return m->node != NULL && set_step(p, m->node, m->value, m->max);
    case COMFY_PROGRESS_STATE:
        return on_states(p, m);
    case COMFY_EXECUTED:
        return m->node != NULL && settle(p, m->node, IS_DONE);
    case COMFY_IGNORED:
    case COMFY_STATUS:
    case COMFY_START:
    case COMFY_SUCCESS:
    case COMFY_ERROR:
    case COMFY_INTERRUPTED:
    case COMFY_FEATURE_FLAGS:
    case COMFY_PREVIEW:
        return false;
    }
    return false;
}

bool progress_message(struct progress *p, const struct comfy_message *m, int64_t now)
{
    bool changed = take_message(p, m);

    changed |= raise_value(p);
    if (changed) {
        p->now.updated_at = now;
    }
    return changed;
}

void progress_preview(struct progress *p, int64_t seq, int64_t now)
{
    p->now.preview_seq = seq;
    p->now.updated_at = now;
}
