-- 0004_events.sql - what happened to jobs and backends, for those who were away for a while.
--
-- One row for each durable event, written in the transaction of the change that it tells. Rows are only
-- ever added at the end and removed at the beginning.

CREATE TABLE event (
    seq    INTEGER PRIMARY KEY, -- the event's id, one more than that of the newest row. That row always stays, so that no number comes twice; AUTOINCREMENT would say so, too, at the price of another row to write for each
    job_id TEXT,             -- NULL = of a backend. No REFERENCES: events outlive their job
    owner  TEXT,             -- of the job; NULL = there are no keys
    type   TEXT    NOT NULL, -- a word of gateway/core/event.def
    at     INTEGER NOT NULL,
    data   TEXT    NOT NULL  -- JSON object, made at the time
) STRICT;
-- store_events of one job.
CREATE INDEX event_by_job ON event (job_id, seq) WHERE job_id IS NOT NULL;
