-- 0009_hold.sql - what an operator has stopped, so that it stays so over a restart.

CREATE TABLE hold (
    backend TEXT    NOT NULL PRIMARY KEY, -- name in the settings; '' = the queue: no ComfyUI gets new jobs
    since   INTEGER NOT NULL              -- wall clock, ms
) STRICT, WITHOUT ROWID;
