/* deliveries.c - the messages of webhooks, as the engine sees them: rows.
 *
 * One is written in the very transaction of the event that it tells, and holds the event's object as text, so
 * that each try sends the same bytes. Who sends them (webhook/courier.h) reads them from the store, and tells by a
 * command how a try has ended.
 */
#include "base/clock.h"
#include "base/log.h"
#include "core/webhook.h"
#include "engine/internal.h"

enum st deliveries_write(struct engine *e, const struct job_row *job, const struct event_row *row)
{
    struct event event;
    char host[WEBHOOK_HOST_SIZE];
    enum st st = ST_OK;

    if (!webhook_wants(job, row->type)) {
        return ST_OK;
    }
    event_render(row, &event);
    webhook_host(job->webhook_url, host);
    st = store_delivery_insert(e->writer, &(struct delivery_new){
                                              .id = id_new(),
                                              .job = job->id,
                                              .owner = job->owner,
                                              .event_seq = row->seq,
                                              .event_type = event_type_word(row->type),
                                              .host = host,
                                              .body = event_json(&event),
                                              .at = row->at,
                                          });
    event_clear(&event);
    e->told.deliveries++;
    return st;
}

enum st delivery_write(struct engine *e, const struct cmd *c)
{
    enum st st = ST_OK;

    if (c->kind == CMD_DELIVERY_RESULT) {
        return store_delivery_result(e->writer, c->delivery);
    }
    st = store_delivery_again(e->writer, c->job, c->delivery_id, clock_wall_ms());
    e->told.deliveries++;
    return st;
}

void delivery_settle(const struct cmd *c)
{
    if (c->kind == CMD_REDELIVER) {
        log_info("webhook_redelivery_asked", LOG_S("job", c->job.text),
                 LOG_S("delivery", c->delivery_id.text), LOG_S("request_id", c->request_id));
    }
}

void deliveries_settle(struct engine *e, enum st committed)
{
    e->told.is_delivery_due |= committed == ST_OK && e->told.deliveries > 0;
    e->told.deliveries = 0;
}

void deliveries_publish(struct engine *e)
{
    if (e->told.is_delivery_due && e->deliveries_due != NULL) {
        e->deliveries_due(e->deliveries_arg);
    }
    e->told.is_delivery_due = false;
}
