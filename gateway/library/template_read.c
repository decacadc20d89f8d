/* template_read.c - the two files of one template, read and loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/mem.h"
#include "library/template_set_parts.h"

extern const struct embedded_file shipped_templates[];

struct template_held *template_held_ref(struct template_held *held)
{
    if (held != NULL) {
        /* Relaxed: whoever holds a reference already sees the template. */
        (void)atomic_fetch_add_explicit(&held->count, 1, memory_order_relaxed);
    }
    return held;
}

void template_held_unref(struct template_held *held)
{
    /* Release and acquire: every reader is done before the last one frees. */
    if (held != NULL && atomic_fetch_sub_explicit(&held->count, 1, memory_order_acq_rel) == 1) {
        template_free(held->t);
        free(held->folder);
        free(held);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum errc read_shipped(const char *name, const char *file, struct buf *out, struct err *e)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", name, file);

    for (const struct embedded_file *f = shipped_templates; f->name != NULL; f++) {
        if (strcmp(f->name, path) == 0) {
            out->max = f->len + 1;
            (void)buf_append(out, f->data, f->len);
            return ERR_NONE;
        }
    }
    return err_at(e, ERR_VALIDATION_ERROR, "", "missing_file", "there is no %s", file);
}

/* Says nothing of the path: it is told to people who need not know it. */
static enum errc read_file(const char *folder, const char *file, struct buf *out, struct err *e)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, file);
    struct err why = ERR_INIT;

    switch ((int)file_read_regular(path, out->max, out, &why)) {
    case ERR_NONE:
        return ERR_NONE;
    case ERR_NOT_FOUND:
        return err_at(e, ERR_VALIDATION_ERROR, "", "missing_file", "there is no %s", file);
    case ERR_CONTENT_TOO_LARGE:
        return err_at(e, ERR_VALIDATION_ERROR, "", "too_large", "%s has more than %zu bytes", file,
                      out->max);
    default:
        return err_at(e, ERR_VALIDATION_ERROR, "", "unreadable", "%s cannot be read: %.100s", file,
                      strlen(why.detail) > strlen(path) + 2 ? why.detail + strlen(path) + 2
                                                            : err_title(why.code));
    }
}

static enum errc read_text(const struct template_candidate *c, const char *file, struct buf *out,
                           struct err *e)
{
    return c->folder != NULL ? read_file(c->folder, file, out, e)
                             : read_shipped(c->name, file, out, e);
}

/* The manifest's length keeps the two apart. */
static void hash_both(const struct buf *manifest, const struct buf *workflow,
                      char out[SHA256_TEXT_SIZE])
{
    struct sha256 hash;
    size_t len = manifest->len;

    sha256_init(&hash);
    sha256_update(&hash, &len, sizeof len);
    sha256_update(&hash, manifest->data, manifest->len);
    sha256_update(&hash, workflow->data, workflow->len);
    sha256_final_hex(&hash, out);
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool is_same(const struct template_held *before, const struct template_candidate *c,
                    const char *sha256)
{
    const char *old = before != NULL && before->folder != NULL ? before->folder : "";
    const char *new = c->folder != NULL ? c->folder : "";

    return before != NULL && strcmp(old, new) == 0 && strcmp(before->sha256, sha256) == 0;
}

static enum errc load(const struct template_candidate *c, const struct template_read_limits *limits,
                      struct template_held *before, struct template_held **out, struct err *e)
{
    AUTO(buf_clear) struct buf manifest = BUF_INIT(TEMPLATE_SET_MANIFEST_MAX);
    AUTO(buf_clear) struct buf workflow = BUF_INIT(limits->workflow_bytes);
    struct template *t = NULL;
    char sha256[SHA256_TEXT_SIZE];
    enum errc rc = read_text(c, "manifest.json", &manifest, e);

    if (rc == ERR_NONE) {
        rc = read_text(c, "workflow.json", &workflow, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    hash_both(&manifest, &workflow, sha256);
    if (is_same(before, c, sha256)) {
        *out = template_held_ref(before);
        return ERR_NONE;
    }
    rc = template_load(c->name, buf_span(&manifest), buf_span(&workflow), &limits->load, &t, e);
    if (rc == ERR_NONE) {
        *out = xcalloc(1, sizeof **out);
        atomic_init(&(*out)->count, 1);
        (*out)->t = t;
        (*out)->folder = xstrdup_or_null(c->folder);
        memcpy((*out)->sha256, sha256, sizeof sha256);
    }
    return rc;
}

bool template_read(const struct template_candidate *c, const struct template_read_limits *limits,
                   struct template_held *before, struct template_held **out,
                   struct template_faults *faults)
{
    struct err e = ERR_INIT;

    if (c->kept != NULL) {
        *out = template_held_ref(c->kept);
        return true;
    }
    if (load(c, limits, before, out, &e) == ERR_NONE) {
        return true;
    }
    template_faults_from(faults, &e);
    return false;
}
