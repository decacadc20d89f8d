/* say.h - small things that are said in many places.
 */
#ifndef CGD_BOT_SAY_H
#define CGD_BOT_SAY_H

#include "base/buf.h"
#include "link/answer.h"

/* A refusal: to the user alone when nothing was said yet, else in the place of what was. */
void say_error(struct answer *a, const char *sentence);
/* One line of at most `max` characters out of any text. */
void say_title(struct buf *out, const char *text, size_t max);

#endif
