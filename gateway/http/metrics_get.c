/* metrics_get.c - GET /metrics (getMetrics): what was counted, in Prometheus' text format.
 *
 * All of it is in memory. What the machine is asked for (sizes, free space, the process) main looks up once a
 * second; the engine is not asked.
 */
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

#define ANSWER_MAX ((size_t)64 << 20)

/* What is counted elsewhere. */
static void ask(const struct request *r)
{
    struct metrics *m = r->parts->metrics;

    metrics_set(m, METRIC_CONNECTIONS, 0, atomic_load(&r->server->connections));
    metrics_set(m, METRIC_CONNECTIONS_MAX, 0, r->parts->config->server_max_connections);
    metrics_set(m, METRIC_WAITERS, 0, hub_waiters(r->parts->hub));
    metrics_set(m, METRIC_LISTENERS, 0, event_feed_readers(r->parts->feed));
    metrics_set(m, METRIC_EVENTS_DROPPED, 0, event_feed_dropped(r->parts->feed));
}

enum MHD_Result metrics_get(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(ANSWER_MAX);
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;

    ask(r);
    metrics_write(r->parts->metrics, &text);
    if (!buf_ok(&text)) {
        return reply_error(r, ERR_INTERNAL_ERROR, "The answer would be too large.");
    }
    bytes = bytes_from_buf(&text);
    return reply_send(r, MHD_HTTP_OK, reply_bytes(bytes, METRICS_TYPE));
}
