/* say.c - see say.h.
 */
#include "bot/say.h"

#include "base/mem.h"
#include "wire/text.h"

#define COLOUR_REFUSED 0xED4245U
#define SENTENCE_MAX   4000

void say_error(struct answer *a, const char *sentence)
{
    struct message *m = message_new();

    message_embed(m, NULL, sentence[0] != '\0' ? sentence : "That did not work.", COLOUR_REFUSED);
    /* A view stays as it is; what went wrong is told beside it. */
    if (answer_is_begun(a) && !answer_is_update(a)) {
        answer_say(a, m, NULL, NULL);
    } else {
        answer_whisper(a, m, NULL, NULL);
    }
    message_free(m);
}

void say_title(struct buf *out, const char *text, size_t max)
{
    AUTO(buf_clear) struct buf line = BUF_INIT((size_t)SENTENCE_MAX * 4);

    for (const char *c = text; *c != '\0'; c++) {
        (void)buf_append_char(&line, (char)(*c == '\n' || *c == '\r' || *c == '\t' ? ' ' : *c));
    }
    text_cut(out, buf_str(&line), max);
}
