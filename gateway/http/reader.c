/* reader.c - one store reader per HTTP thread, so that no read waits for another.
 */
#include "base/log.h"
#include "base/mem.h"
#include "http/internal.h"

static void close_reader(void *reader)
{
    store_reader_close(reader);
}

void reader_key_open(struct http_server *s)
{
    int failed = pthread_key_create(&s->reader_key, close_reader);

    bug_if(failed != 0); /* a process has hundreds of keys; we need one */
}

void reader_key_close(struct http_server *s)
{
    (void)pthread_key_delete(s->reader_key);
}

struct store_reader *reader_get(struct http_server *s)
{
    struct store_reader *reader = pthread_getspecific(s->reader_key);

    if (reader == NULL) {
        if (store_reader_open(s->parts.store, &reader) != ST_OK) {
            return NULL;
        }
        (void)pthread_setspecific(s->reader_key, reader);
    }
    return reader;
}
