-- 0006_stats.sql - what has ended lately, for GET /v1/stats.

-- store_ended: the newest end first. It has all that is read, so that the rows themselves are not: 20,000 of them
-- lie on as many pages of a large file.
CREATE INDEX job_ended_lately ON job (completed_at, phase, status, template_name, backend, created_at, started_at)
WHERE phase IS NULL;
