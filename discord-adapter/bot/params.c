/* params.c - see params.h.
 */
#include "bot/params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/options.h"
#include "wire/read.h"
#include "wire/text.h"

#define WHY_MAX        1000
#define SIDE_DIGITS    5
#define SEED_DIGITS    20
#define SHOWN_CHARS    60
#define EXACT_MAX      9007199254740992.0
#define MODAL_TEXT_MAX 4000

void params_init(struct params *p, const struct template_entry *t)
{
    *p = (struct params){
        .template = t, .input = require_memory(cJSON_CreateObject()), .why = BUF_INIT(WHY_MAX)};
}

void params_clear(struct params *p)
{
    cJSON_Delete(p->input);
    p->input = NULL;
    buf_clear(&p->why);
}

/* Takes value. */
static void put(struct params *p, const char *name, cJSON *value)
{
    read_replace(p->input, name, require_memory(value));
    cJSON_Delete(value);
}

/* ---- one value ------------------------------------------------------------------------------ */

static void explain_number(struct params *p, const struct param *param, const char *text)
{
    const char *whole = param->kind == PARAM_INTEGER ? "a whole number" : "a number";

    (void)buf_appendf(&p->why, "%s must be %s", param->title, whole);
    if (param->has_min && param->has_max) {
        (void)buf_appendf(&p->why, " from %.15g to %.15g", param->min, param->max);
    } else if (param->has_min) {
        (void)buf_appendf(&p->why, ", at least %.15g", param->min);
    }
    (void)buf_append_str(&p->why, "; you gave \"");
    text_escape(&p->why, text, SHOWN_CHARS);
    (void)buf_append_str(&p->why, "\".");
}

static bool is_digits(const char *text, size_t max)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len <= max && text[len] == '\0';
}

/* Kept as written: a seed may be larger than a double is exact. */
static bool put_seed(struct params *p, const struct param *param, const char *text)
{
    errno = 0;
    if (!is_digits(text, SEED_DIGITS) || (strtoull(text, NULL, 10), errno != 0)) {
        explain_number(p, param, text);
        return false;
    }
    put(p, param->name, cJSON_CreateRaw(text));
    return true;
}

/* No hexadecimal, no "infinity": strtod takes more than people mean. */
static bool is_decimal(const char *text)
{
    return text[strspn(text, "+-.0123456789eE ")] == '\0';
}

static bool put_number(struct params *p, const struct param *param, const char *text)
{
    char *end = NULL;
    double number = strtod(text, &end);
    bool is_whole = floor(number) == number && fabs(number) <= EXACT_MAX;

    while (*end == ' ') {
        end++;
    }
    if (end == text || *end != '\0' || !isfinite(number) || !is_decimal(text) ||
        (param->kind == PARAM_INTEGER && !is_whole) || (param->has_min && number < param->min) ||
        (param->has_max && number > param->max)) {
        explain_number(p, param, text);
        return false;
    }
    put(p, param->name, cJSON_CreateNumber(number));
    return true;
}

static bool put_choice(struct params *p, const struct param *param, const char *text)
{
    const cJSON *value = NULL;
    int shown = 0;

    cJSON_ArrayForEach(value, param->choice) {
        AUTO(free_ptr) char *word = choice_text(value);

        if (strcasecmp(word, text) == 0) {
            put(p, param->name, cJSON_Duplicate(value, true));
            return true;
        }
    }
    (void)buf_appendf(&p->why, "%s must be one of ", param->title);
    cJSON_ArrayForEach(value, param->choice) {
        AUTO(free_ptr) char *word = choice_text(value);

        if (shown++ < 12) {
            (void)buf_appendf(&p->why, "%s%s", shown > 1 ? ", " : "", word);
        }
    }
    (void)buf_append_char(&p->why, '.');
    return false;
}

static bool put_bool(struct params *p, const struct param *param, const char *text)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            put(p, param->name, cJSON_CreateBool(strcasecmp(text, yes[i]) == 0));
            return true;
        }
    }
    (void)buf_appendf(&p->why, "%s must be yes or no.", param->title);
    return false;
}

static bool put_text(struct params *p, const struct param *param, const char *text)
{
    if (param->max_length > 0 && (int64_t)text_count(text) > param->max_length) {
        (void)buf_appendf(&p->why, "%s is too long: %zu characters, and %lld are allowed.",
                          param->title, text_count(text), (long long)param->max_length);
        return false;
    }
    put(p, param->name, cJSON_CreateString(text));
    return true;
}

bool params_set_text(struct params *p, const struct param *param, const char *text)
{
    if (strcmp(param->role, "seed") == 0) {
        return put_seed(p, param, text);
    }
    switch (param->kind) {
    case PARAM_INTEGER:
    case PARAM_NUMBER:
        return put_number(p, param, text);
    case PARAM_CHOICE:
        return put_choice(p, param, text);
    case PARAM_BOOL:
        return put_bool(p, param, text);
    case PARAM_TEXT:
        return put_text(p, param, text);
    case PARAM_PICTURE:
    case PARAM_LORAS:
        break;
    }
    return true;
}

static bool has_no_such(struct params *p, const char *name)
{
    (void)buf_appendf(&p->why, "%s has no setting \"%s\". Leave it out, or choose another model.",
                      p->template->title, name);
    return false;
}

/* ---- pictures, LoRAs, sizes ----------------------------------------------------------------- */

bool params_set_picture(struct params *p, size_t n, const char *reference)
{
    const struct param *param = param_picture(p->template, n);

    if (param != NULL) {
        put(p, param->name, cJSON_CreateString(reference));
    }
    return param != NULL;
}

static bool add_file(struct params *p, const struct param *param, const struct attachment *file)
{
    if (p->picture_count == SUBMIT_PICTURES_MAX) {
        return false;
    }
    p->picture[p->picture_count].param = param->name;
    p->picture[p->picture_count].file = *file;
    p->picture_count++;
    return true;
}

bool params_add_file(struct params *p, size_t n, const struct attachment *file)
{
    const struct param *param = param_picture(p->template, n);

    return param != NULL && add_file(p, param, file);
}

bool params_set_lora(struct params *p, const char *name, double strength)
{
    const struct param *param = param_by_role(p->template, "loras");
    cJSON *list = NULL;
    cJSON *lora = NULL;

    if (param == NULL) {
        return has_no_such(p, "lora");
    }
    list = require_memory(cJSON_CreateArray());
    lora = require_memory(cJSON_CreateObject());
    (void)cJSON_AddStringToObject(lora, "name", name);
    (void)cJSON_AddNumberToObject(lora, "strength", strength);
    (void)cJSON_AddItemToArray(list, lora);
    put(p, param->name, list);
    return true;
}

static bool set_size(struct params *p, const char *text)
{
    const struct param *width = param_by_role(p->template, "width");
    const struct param *height = param_by_role(p->template, "height");
    size_t digits = strspn(text, "0123456789");
    AUTO(free_ptr) char *first = xstrndup(text, digits);
    const char *second = text + digits;

    if (width == NULL || height == NULL) {
        return has_no_such(p, "size");
    }
    second += strspn(second, " x*X");
    if (strncmp(second, "\xc3\x97", 2) == 0) { /* the multiplication sign */
        second += 2;
        second += strspn(second, " ");
    }
    if (!is_digits(first, SIDE_DIGITS) || !is_digits(second, SIDE_DIGITS) ||
        second == text + digits) {
        (void)buf_append_str(&p->why, "Size must be width and height, such as 1024x768.");
        return false;
    }
    return params_set_text(p, width, first) && params_set_text(p, height, second);
}

/* ---- a command's options -------------------------------------------------------------------- */

static bool take_file(struct params *p, const struct interaction *i, const struct param *param)
{
    struct attachment file;

    if (!interaction_attachment(i, param->name, &file)) {
        (void)buf_appendf(&p->why, "%s did not arrive. Please attach it again.", param->title);
        return false;
    }
    if (file.content_type[0] != '\0' && strncmp(file.content_type, "image/", 6) != 0 &&
        strncmp(file.content_type, "video/", 6) != 0 &&
        strncmp(file.content_type, "audio/", 6) != 0) {
        (void)buf_appendf(&p->why, "%s must be a picture; this is a file of the type ",
                          param->title);
        text_escape(&p->why, file.content_type, SHOWN_CHARS);
        (void)buf_append_char(&p->why, '.');
        return false;
    }
    return add_file(p, param, &file);
}

static bool take_option(struct params *p, const struct interaction *i, const char *name,
                        const cJSON *value)
{
    const struct param *param = param_by_name(p->template, name);
    AUTO(free_ptr)
    char *text =
        cJSON_IsBool(value) ? xstrdup(cJSON_IsTrue(value) ? "yes" : "no") : choice_text(value);

    if (strcmp(name, "model") == 0 || strcmp(name, "lora_strength") == 0) {
        return true; /* read with what they belong to */
    }
    if (strcmp(name, "lora") == 0) {
        const cJSON *strength = interaction_option(i, "lora_strength");

        return params_set_lora(p, text, cJSON_IsNumber(strength) ? strength->valuedouble : 1);
    }
    if (strcmp(name, "size") == 0 && param == NULL) {
        return set_size(p, text);
    }
    if (param == NULL) {
        return has_no_such(p, name);
    }
    return param->kind == PARAM_PICTURE ? take_file(p, i, param) : params_set_text(p, param, text);
}

bool params_options(struct params *p, const struct interaction *i)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(i->json, "data");
    const cJSON *option = NULL;

    cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(data, "options")) {
        const char *name = read_text(option, "name");
        const cJSON *value = interaction_option(i, name);

        if (value != NULL && !take_option(p, i, name, value)) {
            return false;
        }
    }
    return true;
}

/* ---- defaults, and the whole ---------------------------------------------------------------- */

void params_defaults(struct params *p, const cJSON *values)
{
    const cJSON *value = NULL;

    cJSON_ArrayForEach(value, values) {
        const struct param *param = param_by_name(p->template, value->string);
        AUTO(free_ptr) char *text = NULL;

        if (param == NULL || cJSON_GetObjectItemCaseSensitive(p->input, param->name) != NULL) {
            continue;
        }
        if (param->kind == PARAM_LORAS || param->kind == PARAM_PICTURE) {
            put(p, param->name, cJSON_Duplicate(value, true));
            continue;
        }
        text =
            cJSON_IsBool(value) ? xstrdup(cJSON_IsTrue(value) ? "yes" : "no") : choice_text(value);
        if (!params_set_text(p, param, text)) {
            buf_reset(&p->why); /* a default of another model's range */
        }
    }
}

cJSON *params_to_keep(const cJSON *input)
{
    cJSON *kept = require_memory(cJSON_CreateObject());
    const cJSON *value = NULL;

    cJSON_ArrayForEach(value, input) {
        (void)cJSON_AddItemToObject(kept, value->string,
                                    cJSON_IsRaw(value) ? cJSON_CreateString(value->valuestring)
                                                       : cJSON_Duplicate(value, true));
    }
    return kept;
}

static bool is_given(const struct params *p, const struct param *param)
{
    for (size_t i = 0; i < p->picture_count; i++) {
        if (strcmp(p->picture[i].param, param->name) == 0) {
            return true;
        }
    }
    return cJSON_GetObjectItemCaseSensitive(p->input, param->name) != NULL;
}

bool params_complete(struct params *p)
{
    for (size_t i = 0; i < p->template->param_count; i++) {
        const struct param *param = &p->template->param[i];

        if (param->is_required && !is_given(p, param)) {
            (void)buf_appendf(&p->why, "%s needs %s%s.", p->template->title,
                              param->kind == PARAM_PICTURE ? "a picture: " : "", param->title);
            return false;
        }
    }
    return true;
}

/* ---- modals --------------------------------------------------------------------------------- */

static bool is_of_modal(const struct param *param)
{
    return param->kind != PARAM_PICTURE && param->kind != PARAM_LORAS;
}

/* The most useful first; what has none of these roles comes last, in its own order. */
static int usefulness(const struct param *param)
{
    static const char *const roles[] = {"prompt", "negative", "strength", "frames",   "factor",
                                        "seed",   "steps",    "guidance", "shape",    "count",
                                        "width",  "height",   "sampler",  "scheduler"};

    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(param->role, roles[i]) == 0) {
            return (int)i;
        }
    }
    return (int)COUNT_OF(roles);
}

static const struct param *next_of_modal(const struct template_entry *t, const struct modal_form *f)
{
    const struct param *best = NULL;

    for (size_t i = 0; i < t->param_count; i++) {
        const struct param *param = &t->param[i];
        bool is_taken = !is_of_modal(param);

        for (size_t n = 0; n < f->count; n++) {
            is_taken = is_taken || strcmp(f->input[n].custom_id, param->name) == 0;
        }
        if (!is_taken && (best == NULL || usefulness(param) < usefulness(best))) {
            best = param;
        }
    }
    return best;
}

static char *value_text(const struct param *param, const cJSON *values)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(values, param->name);

    value = value == NULL ? param->fallback : value;
    if (value == NULL || cJSON_IsNull(value)) {
        return xstrdup("");
    }
    return cJSON_IsBool(value) ? xstrdup(cJSON_IsTrue(value) ? "yes" : "no") : choice_text(value);
}

static char *placeholder_of(const struct param *param)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1024);
    AUTO(buf_clear) struct buf cut = BUF_INIT(1024);
    const cJSON *value = NULL;

    if (param->kind == PARAM_CHOICE) {
        cJSON_ArrayForEach(value, param->choice) {
            AUTO(free_ptr) char *word = choice_text(value);

            (void)buf_appendf(&text, "%s%s", text.len > 0 ? ", " : "", word);
        }
    } else if (param->has_min && param->has_max && strcmp(param->role, "seed") != 0) {
        (void)buf_appendf(&text, "%.15g to %.15g", param->min, param->max);
    } else if (strcmp(param->role, "seed") == 0) {
        (void)buf_append_str(&text, "random when empty");
    } else {
        (void)buf_append_str(&text, param->description);
    }
    text_cut(&cut, buf_str(&text), 100);
    return buf_take(&cut);
}

struct modal_form params_modal_form(const struct template_entry *t, const cJSON *values)
{
    struct modal_form f = {.count = 0};
    const struct param *param = NULL;

    while (f.count < MODAL_INPUTS_MAX && (param = next_of_modal(t, &f)) != NULL) {
        char *text = value_text(param, values);
        char *placeholder = placeholder_of(param);
        int64_t max = param->kind == PARAM_TEXT && param->max_length > 0 ? param->max_length : 100;

        f.text[f.count * 2] = text;
        f.text[f.count * 2 + 1] = placeholder;
        f.input[f.count] = (struct modal_input){
            .custom_id = param->name,
            .label = param->title,
            .value = text,
            .placeholder = placeholder,
            .max = (int)(max < MODAL_TEXT_MAX ? max : MODAL_TEXT_MAX),
            .is_long = param->kind == PARAM_TEXT,
            .is_required = param->is_required,
        };
        f.count++;
    }
    return f;
}

void params_modal_form_clear(struct modal_form *f)
{
    for (size_t i = 0; i < COUNT_OF(f->text); i++) {
        free(f->text[i]);
        f->text[i] = NULL;
    }
}

/* An empty field takes the value away: the template's default, or a random seed. */
bool params_modal(struct params *p, const struct interaction *i)
{
    for (size_t n = 0; n < p->template->param_count; n++) {
        const struct param *param = &p->template->param[n];
        const char *text = interaction_field(i, param->name);

        if (text == NULL) {
            continue;
        }
        if (text[0] == '\0' && param->kind != PARAM_TEXT) {
            cJSON_DeleteItemFromObjectCaseSensitive(p->input, param->name);
        } else if (!params_set_text(p, param, text)) {
            return false;
        }
    }
    return true;
}

void params_submit(struct bot *b, const struct interaction *i, struct answer *a,
                   const struct params *p, const char *parent_id)
{
    struct submission s = {.template_name = p->template->name,
                           .input = p->input,
                           .parent_id = parent_id,
                           .picture_count = p->picture_count};

    for (size_t n = 0; n < p->picture_count; n++) {
        s.picture[n].param = p->picture[n].param;
        s.picture[n].url = p->picture[n].file.url;
        s.picture[n].filename = p->picture[n].file.filename;
        s.picture[n].size = p->picture[n].file.size;
    }
    submit(b, i, a, &s);
}
