/* input_files.c - see input_files.h.
 *
 * A reference is a client's text. An id that is none, one that does not exist and one that belongs to
 * somebody else give the same answer.
 */
#include "http/input_files.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/media_type.h"
#include "fetch/fetch.h"
#include "http/asset_intake.h"
#include "http/request.h"

#define DECODE_PIECE ((size_t)48 * 1024) /* of base64; a multiple of 4 */

void input_files_init(struct input_files *f, struct request *r, bool may_block)
{
    *f = (struct input_files){.r = r, .may_block = may_block};
}

void input_files_clear(struct input_files *f)
{
    for (size_t i = 0; i < f->asset_count; i++) {
        if (!f->r->cmd.has_taken) {
            blob_unstage(f->r->parts->blobs, f->asset[i].sha256);
        }
        asset_clear(&f->asset[i]);
    }
    free(f->asset);
    free(f->file);
    *f = (struct input_files){.r = f->r};
}

/* ---- results --------------------------------------------------------------------------------------- */

static bool fault(struct err_item *why, const char *kind, const char *detail)
{
    (void)snprintf(why->code, sizeof why->code, "%s", kind);
    (void)snprintf(why->detail, sizeof why->detail, "%s", detail);
    return false;
}

/* What went wrong is not the input's fault alone: the whole answer takes its code. */
static bool fail(struct input_files *f, struct err_item *why, const struct err *e)
{
    f->failure = f->failure != ERR_NONE ? f->failure : e->code;
    return fault(why, err_code(e->code), e->detail);
}

static bool missing(struct err_item *why, const char *what)
{
    char detail[sizeof why->detail];

    (void)snprintf(detail, sizeof detail, "there is no %s of this id; it may have been removed",
                   what);
    return fault(why, "missing_asset", detail);
}

static bool must_wait(struct input_files *f, struct err_item *why)
{
    f->has_to_block = true;
    return fault(why, "pending", "is not there yet");
}

/* The content, under the name that it has inside every ComfyUI. */
static bool give(struct input_files *f, const char *sha256, const char *content_type,
                 const char *reference, struct template_file *out)
{
    struct job_file file = {.name = ""};

    (void)snprintf(file.sha256, sizeof file.sha256, "%s", sha256);
    (void)snprintf(file.name, sizeof file.name, "comfygate/%.64s.%.8s", sha256,
                   media_type_extension(content_type));
    (void)snprintf(out->name, sizeof out->name, "%s", file.name);
    (void)snprintf(out->reference, sizeof out->reference, "%s", reference);
    for (size_t i = 0; i < f->file_count; i++) {
        if (strcmp(f->file[i].sha256, sha256) == 0) {
            /* Two types for one content cannot be: both were read from its bytes. */
            return true;
        }
    }
    f->file = xrealloc(f->file, (f->file_count + 1) * sizeof *f->file);
    f->file[f->file_count++] = file;
    return true;
}

/* ---- what is there already -------------------------------------------------------------------------- */

static bool from_asset(struct input_files *f, const char *reference, struct template_file *out,
                       struct err_item *why)
{
    AUTO(asset_clear) struct asset asset = {.name = NULL};
    struct store_reader *reader = reader_get(f->r->server);
    struct id id;
    enum st st = ST_NONE;

    if (id_parse(span_of(reference + strlen("asset:")), &id)) {
        st = reader != NULL ? store_asset(reader, id, &asset) : ST_FAIL;
    }
    if (st == ST_NONE || (st == ST_OK && !caller_may_see(&f->r->caller, asset.owner))) {
        return missing(why, "asset");
    }
    if (st != ST_OK) {
        f->failure = ERR_STORE_UNAVAILABLE;
        return fault(why, "store_unavailable", "cannot be looked up now");
    }
    return give(f, asset.sha256, asset.content_type, reference, out);
}

static enum st find_output(struct request *r, struct id id, struct job_output *out)
{
    struct store_reader *reader = reader_get(r->server);
    const char *owner = caller_sees(&r->caller);
    enum st st = ST_FAIL;

    if (reader != NULL) {
        st = owner != NULL ? store_owns(reader, OWNED_OUTPUT, id, owner) : ST_OK;
    }
    return st == ST_OK ? store_output(reader, id, out) : st;
}

static bool from_output(struct input_files *f, const char *reference, struct template_file *out,
                        struct err_item *why)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct id id;
    enum st st = ST_NONE;

    if (id_parse(span_of(reference + strlen("output:")), &id)) {
        st = find_output(f->r, id, &output);
    }
    if (st == ST_NONE) {
        return missing(why, "output");
    }
    if (st != ST_OK) {
        f->failure = ERR_STORE_UNAVAILABLE;
        return fault(why, "store_unavailable", "cannot be looked up now");
    }
    if (output.type == OUTPUT_TEXT || output.type == OUTPUT_FILE) {
        return fault(why, "wrong_type", "is no picture, video or sound");
    }
    if (id_is_none(f->source_job)) {
        f->source_job = output.job_id;
    }
    return give(f, output.sha256, output.content_type, reference, out);
}

/* ---- what is brought along -------------------------------------------------------------------------- */

/* The asset by which its owner has this content already, from this request or from before. */
static bool find_known(struct input_files *f, const struct asset *asset, struct id *out)
{
    AUTO(asset_clear) struct asset known = {.name = NULL};
    struct store_reader *reader = reader_get(f->r->server);

    for (size_t i = 0; i < f->asset_count; i++) {
        if (strcmp(f->asset[i].sha256, asset->sha256) == 0) {
            *out = f->asset[i].id;
            return true;
        }
    }
    if (reader == NULL ||
        store_asset_by_file(reader, asset->owner, asset->sha256, &known) != ST_OK) {
        return false;
    }
    *out = known.id;
    return true;
}

/* Takes the asset. */
static bool keep_asset(struct input_files *f, struct asset *asset, struct template_file *out)
{
    char reference[sizeof out->reference];
    struct id id = asset->id;
    bool is_known = find_known(f, asset, &id);
    bool is_given = false;

    (void)snprintf(reference, sizeof reference, "asset:%s", id.text);
    is_given = give(f, asset->sha256, asset->content_type, reference, out);
    if (is_known) {
        blob_unstage(f->r->parts->blobs, asset->sha256);
        asset_clear(asset);
    } else {
        f->asset = xrealloc(f->asset, (f->asset_count + 1) * sizeof *f->asset);
        f->asset[f->asset_count++] = *asset;
    }
    return is_given;
}

static enum errc decode(struct asset_intake *in, const char *text, struct err *e)
{
    unsigned char piece[DECODE_PIECE / 4 * 3];
    size_t left = strlen(text);

    while (left > 0) {
        size_t take = left < DECODE_PIECE ? left : DECODE_PIECE;
        size_t len = 0;
        enum errc rc = ERR_NONE;

        if (sodium_base642bin(piece, sizeof piece, text, take, NULL, &len, NULL,
                              sodium_base64_VARIANT_ORIGINAL) != 0) {
            return err_set(e, ERR_VALIDATION_ERROR, "is not valid base64");
        }
        rc = asset_intake_write(in, (struct span){(const char *)piece, len}, e);
        if (rc != ERR_NONE) {
            return rc;
        }
        text += take;
        left -= take;
    }
    return ERR_NONE;
}

static enum errc fetch_piece(void *arg, struct span data, struct err *e)
{
    return asset_intake_write(arg, data, e);
}

static enum errc bring(struct input_files *f, const char *reference, struct asset_intake *in,
                       struct err *e)
{
    const struct http_server *s = f->r->server;
    static const char BASE64[] = ";base64,";
    const struct fetch_limits limits = {.max_bytes = s->parts.config->assets_max_bytes,
                                        .stop = &s->is_quiesced};
    const char *data = NULL;

    if (strncmp(reference, "data:", 5) != 0) {
        return fetch_url(s->parts.fetch, reference, &limits,
                         (struct fetch_sink){.arg = in, .write = fetch_piece}, e);
    }
    data = strstr(reference, BASE64);
    if (data == NULL || data - reference > 128) {
        return err_set(e, ERR_VALIDATION_ERROR, "must be data:<type>;base64,<content>");
    }
    return decode(in, data + sizeof BASE64 - 1, e);
}

static bool from_outside(struct input_files *f, const char *reference, struct template_file *out,
                         struct err_item *why)
{
    const struct http_parts *parts = f->r->parts;
    struct asset_intake *in = NULL;
    struct asset asset = {.name = NULL};
    struct err e;
    enum errc rc;

    err_fresh(&e);
    if (!f->may_block) {
        return must_wait(f, why);
    }
    rc = asset_intake_begin(parts->blobs, parts->config, &in, &e);
    if (rc == ERR_NONE) {
        rc = bring(f, reference, in, &e);
        if (rc != ERR_NONE) {
            asset_intake_drop(in);
        } else {
            rc = asset_intake_finish(in, f->r->cmd.actor, NULL, &asset, &e);
        }
    }
    if (rc == ERR_VALIDATION_ERROR) {
        return fault(why, "invalid", e.detail);
    }
    return rc == ERR_NONE ? keep_asset(f, &asset, out) : fail(f, why, &e);
}

static bool resolve(void *arg, const char *reference, struct template_file *out,
                    struct err_item *why)
{
    struct input_files *f = arg;

    if (strncmp(reference, "asset:", 6) == 0) {
        return from_asset(f, reference, out, why);
    }
    if (strncmp(reference, "output:", 7) == 0) {
        return from_output(f, reference, out, why);
    }
    return from_outside(f, reference, out, why);
}

struct template_files input_files_resolver(struct input_files *f)
{
    return (struct template_files){.arg = f, .resolve = resolve};
}
