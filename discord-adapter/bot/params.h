/* params.h - what a user gave, as the input of a template: from a command's options, from a modal's fields, from their defaults.
 *
 * Checked here as far as a friendly sentence needs it; comfygate checks all. Pure.
 */
#ifndef CGD_BOT_PARAMS_H
#define CGD_BOT_PARAMS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "bot/catalog.h"
#include "bot/submit.h"
#include "wire/interaction.h"
#include "wire/message.h"

#define MODAL_INPUTS_MAX 5

struct params {
    const struct template_entry *template;
    cJSON *input; /* owned */
    struct {
        const char *param;
        struct attachment file; /* borrowed from the interaction */
    } picture[SUBMIT_PICTURES_MAX];
    size_t picture_count;
    struct buf why; /* the first thing that is wrong, in one sentence; "" = nothing */
};

void params_init(struct params *p, const struct template_entry *t);
void params_clear(struct params *p);
/* Each adds to what is there (later ones replace) and returns false, with `why`, when something cannot be taken. */
bool params_options(struct params *p, const struct interaction *i) MUST_CHECK;
bool params_modal(struct params *p, const struct interaction *i) MUST_CHECK;
bool params_set_text(struct params *p, const struct param *param, const char *text) MUST_CHECK;
/* Puts a picture that comfygate has ("output:<id>", "asset:<id>") into the n-th picture parameter; false when there is none. */
bool params_set_picture(struct params *p, size_t n, const char *reference);
/* A file of Discord's for the n-th picture parameter; false when there is none. */
bool params_add_file(struct params *p, size_t n, const struct attachment *file);
bool params_set_lora(struct params *p, const char *name, double strength);
/* Fills in what was not given from an object {param: value}; what the template does not have is passed over. */
void params_defaults(struct params *p, const cJSON *values);
/* A copy of an input that can be kept as JSON: seeds, which may have more digits than a reader of JSON keeps, as text. params_defaults
 * takes it. The caller deletes it. */
cJSON *params_to_keep(const cJSON *input) MUST_CHECK;
/* Everything that is required is there; else false with a sentence. */
bool params_complete(struct params *p) MUST_CHECK;

/* The inputs of a modal for a template, the most useful five, prefilled from `values` (an input; NULL = defaults). Their texts are in `texts`, which the
 * caller frees with params_modal_clear. Returns how many. */
struct modal_form {
    struct modal_input input[MODAL_INPUTS_MAX];
    char *text[MODAL_INPUTS_MAX * 2];
    size_t count;
};
struct modal_form params_modal_form(const struct template_entry *t, const cJSON *values);
void params_modal_form_clear(struct modal_form *f);

/* Submits them: submit() with the template's name. */
void params_submit(struct bot *b, const struct interaction *i, struct answer *a,
                   const struct params *p, const char *parent_id);

#endif
