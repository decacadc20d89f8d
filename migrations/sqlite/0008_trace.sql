-- 0008_trace.sql - the trace that a job's submission belonged to (W3C Trace Context), for calls to ComfyUI and the log.

ALTER TABLE job ADD COLUMN trace_id TEXT;                          -- 32 hex digits; NULL = its client named none
ALTER TABLE job ADD COLUMN trace_flags INTEGER NOT NULL DEFAULT 0; -- those that are passed on
