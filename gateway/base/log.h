/* log.h - one line, one event, one write(2), to stderr.
 *
 *     log_info("job_submitted", LOG_S("job", id.text), LOG_I("queue_ms", ms));
 *
 * The event is a constant name (greppable); values are typed fields. Prompts,
 * keys and bodies have no place here. `json` format for machines, `text` for
 * people (colour only on a terminal). Control bytes in values are escaped.
 * Any thread.
 */
#ifndef CG_BASE_LOG_H
#define CG_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *key;  /* NULL: it is left out */
    const char *text; /* NULL: `number` is the value */
    int64_t number;
};

static inline const char *log_text(const char *text)
{
    return text != NULL ? text : "";
}

#define LOG_S(k, v) ((struct log_field){.key = (k), .text = log_text(v)})
/* Left out when there is no such text, or an empty one. */
#define LOG_OPT(k, v)                                                                              \
    ((struct log_field){.key = log_text(v)[0] != '\0' ? (k) : NULL, .text = log_text(v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v)})

/* Before any other thread exists. */
void log_setup(enum log_format format, enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#define log_at(level, event, ...)                                                                  \
    log_write(level, event, (const struct log_field[]){{.key = NULL}, ##__VA_ARGS__} + 1,          \
              sizeof((const struct log_field[]){{.key = NULL}, ##__VA_ARGS__}) /                   \
                      sizeof(struct log_field) -                                                   \
                  1)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_INFO, event, ##__VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, event, ##__VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, ##__VA_ARGS__)

#endif
