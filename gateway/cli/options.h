/* options.h - the flags of a verb as a table, from which parsing and --help both come.
 *
 * `--name value` and `--name=value`; `--` ends the flags; flags and operands may be mixed.
 */
#ifndef CG_CLI_OPTIONS_H
#define CG_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"

/* Words of the command line, borrowed from argv. */
struct words {
    const char **item;
    size_t count;
};
void words_add(struct words *w, const char *word);
void words_clear(struct words *w); /* for AUTO */

struct whole_number {
    bool is_given;
    int64_t value;
};

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_LIST };

struct option_row {
    const char *name;  /* without dashes; NULL ends a table */
    const char *value; /* what --help calls the value; NULL for a flag */
    const char *doc;
    enum option_kind kind;
    char letter; /* short form, or 0 */
    union {
        bool *flag;
        const char **text;
        struct whole_number *number;
        struct words *list;
    } out;
    int64_t min;
    int64_t max;
};

#define OPTION_FLAG_ROW(name_, letter_, out_, doc_)                                                \
    {                                                                                              \
        .name = (name_), .letter = (letter_), .doc = (doc_), .kind = OPTION_FLAG,                  \
        .out.flag = (out_)                                                                         \
    }
#define OPTION_TEXT_ROW(name_, value_, out_, doc_)                                                 \
    {                                                                                              \
        .name = (name_), .value = (value_), .doc = (doc_), .kind = OPTION_TEXT, .out.text = (out_) \
    }
#define OPTION_LIST_ROW(name_, value_, out_, doc_)                                                 \
    {                                                                                              \
        .name = (name_), .value = (value_), .doc = (doc_), .kind = OPTION_LIST, .out.list = (out_) \
    }
#define OPTION_NUMBER_ROW(name_, value_, out_, min_, max_, doc_)                                   \
    {                                                                                              \
        .name = (name_), .value = (value_), .doc = (doc_), .kind = OPTION_NUMBER,                  \
        .out.number = (out_), .min = (min_), .max = (max_)                                         \
    }

/* Reads argv[0..argc) with the rows of both tables; operands go to `operands`, or, when that is
 * NULL, reading stops at the first one. Returns how many words were read; -1 on failure, where e's
 * detail is a sentence for the user. */
int options_parse(const struct option_row *own, const struct option_row *global, int argc,
                  char **argv, struct words *operands, struct err *e) MUST_CHECK;
/* Words of a command line that has settings beside its own flags, each in their order. */
struct options_parted {
    char **own; /* flags of the rows, and operands */
    int own_count;
    char **settings; /* all other flags, as config_load takes them */
    int settings_count;
};
/* The words stay argv's. */
void options_part(struct options_parted *out, const struct option_row *rows, int argc, char **argv);
void options_parted_clear(struct options_parted *p); /* for AUTO */

void options_print(FILE *out, const struct option_row *rows);

#endif
