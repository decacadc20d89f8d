-- 0007_deliveries.sql - webhooks: where the events of a job are posted, and what became of each message.
--
-- A message is written in the transaction of the event that it tells, so that there is neither a change
-- without its message nor a message of what did not happen. It goes with its job.

ALTER TABLE job ADD COLUMN webhook_url TEXT;         -- NULL = none
ALTER TABLE job ADD COLUMN webhook_events_json TEXT; -- array of words of gateway/core/event.def
ALTER TABLE job ADD COLUMN webhook_secret TEXT;      -- whsec_...; NULL = the gateway's own. Needed at each try, so it is kept as it is

CREATE TABLE delivery (
    id             TEXT    NOT NULL PRIMARY KEY, -- UUIDv7, the message's webhook-id
    job_id         TEXT    NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    owner          TEXT,             -- of the job; NULL = there are no keys
    event_seq      INTEGER NOT NULL, -- of the event; that row may go before this one
    event_type     TEXT    NOT NULL, -- a word of gateway/core/event.def
    host           TEXT    NOT NULL, -- of job.webhook_url with its port, so that one receiver does not hold up others
    body           TEXT    NOT NULL, -- the event's object, the same bytes at each try
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'gone')),
    attempts       INTEGER NOT NULL, -- tries so far
    round          INTEGER NOT NULL, -- of these, those since round_began_at
    round_began_at INTEGER NOT NULL, -- when it was made, or asked for again by hand: the pauses grow from then
    next_at        INTEGER,          -- next try; NULL = it is not pending
    last_status    INTEGER NOT NULL, -- of the last answer; 0 = none
    last_error     TEXT,             -- a sentence; NULL = none
    tries_json     TEXT    NOT NULL, -- the newest tries: array of {at, status, error, duration_ms}
    created_at     INTEGER NOT NULL,
    completed_at   INTEGER           -- NULL = it is pending
) STRICT;
-- store_deliveries_due: the next host that has some, and what of it is due.
CREATE INDEX delivery_due ON delivery (host, next_at, id) WHERE state = 'pending';
-- store_deliveries_pending: how many, and the oldest.
CREATE INDEX delivery_pending ON delivery (created_at) WHERE state = 'pending';
-- store_deliveries of one job; removal with the job; what of it is gone.
CREATE INDEX delivery_by_job ON delivery (job_id, id);
-- store_deliveries of one state.
CREATE INDEX delivery_by_state ON delivery (state, id);
-- store_deliveries_expire: the oldest end first.
CREATE INDEX delivery_ended ON delivery (completed_at) WHERE completed_at IS NOT NULL;
