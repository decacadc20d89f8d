-- 0001_init.sql - the tables of comfygate in an SQLite file.
--
-- Forward only: a file that was released is never edited (its SHA-256 is kept below and compared at
-- every start); a change is a new file with the next number. Each file is applied in one transaction.
--
-- Words, not numbers, for states, so that a person with the sqlite3 program sees what is going on; the
-- words are those of gateway/core/job.def. Times are milliseconds since 1970 (UTC), NULL = not yet.
-- Every list of the program walks one of the indexes below in the order of ids and stops when the
-- page is full; gateway/store/store_sqlite_list.c says which index for which filter.

PRAGMA application_id = 0x63666774; -- "cfgt": the file is ours

-- What has been applied to this file.
CREATE TABLE schema_migration (
    number     INTEGER PRIMARY KEY, -- the digits that begin the file's name
    name       TEXT    NOT NULL,    -- the file's name
    sha256     TEXT    NOT NULL,    -- of the file's bytes; another one at start is an error
    applied_at INTEGER NOT NULL
) STRICT;

-- One row per job, as struct job_row. The graph is apart, so that this table stays small and warm.
--
-- A table with a rowid and an index on the id, rather than WITHOUT ROWID: the rows are wide (600 bytes
-- and more). In a WITHOUT ROWID table they would lie in the inner pages of the tree and spill to
-- overflow pages from 1 KB on; with a rowid a new row is appended to the last page, and a
-- look-up costs one more step in a small index.
CREATE TABLE job (
    id               TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: sorts by age
    version          INTEGER NOT NULL,             -- grows with every visible change; a save names the one it read
    owner            TEXT,                         -- key that submitted it; NULL = there are no keys
    parent_id        TEXT,                         -- job that this one repeats or follows; kept when that one is deleted
    created_at       INTEGER NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'expired')),
    phase            TEXT             CHECK (phase IN ('waiting', 'submitted', 'executing', 'collecting')), -- NULL = ended
    priority         INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100), -- high first
    title            TEXT,
    wanted_backend   TEXT,                         -- backend that the submission named
    tags_json        TEXT    NOT NULL,             -- array of strings, as shown; job_tag is its index
    metadata_json    TEXT    NOT NULL,             -- object of strings, as shown; job_metadata is its index
    warnings_json    TEXT    NOT NULL,             -- array of {code, detail}
    started_at       INTEGER,                      -- of the attempt that ran last
    completed_at     INTEGER,
    deadline_at      INTEGER,                      -- must have begun by then
    not_before_at    INTEGER,                      -- pause before another attempt
    timeout_ms       INTEGER NOT NULL,             -- longest run; 0 = the gateway's default
    attempt          INTEGER NOT NULL,             -- 0 until it is first given to a ComfyUI
    max_attempts     INTEGER NOT NULL,
    deaths           INTEGER NOT NULL,             -- ComfyUIs that died while they ran it
    backend          TEXT,                         -- that holds, or last held, the prompt
    prompt_id        TEXT,                         -- of this attempt; on disk before the prompt is sent
    is_delivered     INTEGER NOT NULL CHECK (is_delivered IN (0, 1)), -- the backend has said that it has it
    submitted_at     INTEGER,
    stop             TEXT             CHECK (stop IN ('cancel', 'timeout', 'deadline')), -- why the prompt shall leave its backend
    stop_at          INTEGER,
    nodes_total      INTEGER NOT NULL,             -- nodes of the graph
    error_code       TEXT,                         -- no CHECK: codes are added more often than a table is rebuilt
    error_message    TEXT,
    error_node_id    TEXT,
    error_class_type TEXT,
    error_node_title TEXT,
    CHECK ((phase IS NULL) = (status IN ('succeeded', 'failed', 'canceled', 'expired')))
) STRICT;

-- store_waiting: the queue, read once at start. It covers the query, so that 100,000 waiting jobs are one
-- walk over a small index; `phase` is in it because SQLite 3.40 would fetch the row to look at it.
CREATE INDEX job_waiting ON job (id, phase, priority, not_before_at, deadline_at, wanted_backend) WHERE phase = 'waiting';
-- store_in_flight: what was inside a ComfyUI when the gateway stopped; a handful.
CREATE INDEX job_in_flight ON job (id) WHERE phase <> 'waiting';
-- store_overdue, store_next_deadline: jobs that may still miss their deadline.
CREATE INDEX job_deadline ON job (deadline_at, id) WHERE phase = 'waiting' AND deadline_at IS NOT NULL;
-- store_jobs with a status, for all owners.
CREATE INDEX job_by_status ON job (status, id);
-- store_jobs of one owner.
CREATE INDEX job_by_owner ON job (owner, id) WHERE owner IS NOT NULL;
-- store_jobs of one owner with a status.
CREATE INDEX job_by_owner_status ON job (owner, status, id) WHERE owner IS NOT NULL;
-- store_jobs that ran on one backend.
CREATE INDEX job_by_backend ON job (backend, id) WHERE backend IS NOT NULL;
-- store_jobs that came from one job.
CREATE INDEX job_by_parent ON job (parent_id, id) WHERE parent_id IS NOT NULL;

-- The workflow as it was submitted, byte for byte.
CREATE TABLE job_graph (
    job_id TEXT NOT NULL PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    graph  BLOB NOT NULL
) STRICT;

-- The tags of job.tags_json, one row each.
CREATE TABLE job_tag (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    tag    TEXT NOT NULL,
    PRIMARY KEY (job_id, tag) -- "has this job that tag", and removal with the job
) STRICT, WITHOUT ROWID;
-- store_jobs with a tag.
CREATE INDEX job_tag_by_tag ON job_tag (tag, job_id);

-- The members of job.metadata_json, one row each.
CREATE TABLE job_metadata (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (job_id, key) -- "has this job that value", and removal with the job
) STRICT, WITHOUT ROWID;
-- store_jobs with a metadata value.
CREATE INDEX job_metadata_by_value ON job_metadata (key, value, job_id);

-- The results of a job, in the order in which they are shown.
CREATE TABLE output (
    id           TEXT    NOT NULL PRIMARY KEY,
    job_id       TEXT    NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,         -- `index` of the API: 0, 1, …
    node_id      TEXT,                     -- node of the graph that made it
    name         TEXT,                     -- file name that ComfyUI gave, without folders
    type         TEXT    NOT NULL CHECK (type IN ('image', 'video', 'audio', 'text', 'file')),
    content_type TEXT,                     -- told by its bytes
    size_bytes   INTEGER NOT NULL,
    sha256       TEXT,                     -- name of the file; NULL = text only
    width        INTEGER NOT NULL,         -- 0 = unknown
    height       INTEGER NOT NULL,         -- 0 = unknown
    text         TEXT,                     -- of a short text, else NULL
    is_primary   INTEGER NOT NULL CHECK (is_primary IN (0, 1)), -- the one to show when there is room for one
    created_at   INTEGER NOT NULL
) STRICT;
-- store_outputs: those of a job in order; and removal with the job.
CREATE UNIQUE INDEX output_by_job ON output (job_id, position);
-- store_file_is_used, store_job_delete: who else refers to a file.
CREATE INDEX output_by_file ON output (sha256) WHERE sha256 IS NOT NULL;

-- Idempotency-Keys that are remembered. Not tied to the job: a key outlives a deleted job, for a request
-- sent twice must not run again because the first job was deleted in between.
CREATE TABLE idempotency (
    owner       TEXT    NOT NULL, -- API key that used it; '' = there are no keys
    key         TEXT    NOT NULL, -- as the client wrote it
    job_id      TEXT    NOT NULL, -- job of the first request
    body_sha256 TEXT    NOT NULL, -- of the first request's body: another body is refused
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
-- store_idempotency_purge: the oldest first.
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Published files that no output refers to any more and that are still to be removed. No hash is here and
-- in `output` at once: store_job_delete puts it in when the last reference goes, and
-- store_output_insert takes it out.
CREATE TABLE trash (
    sha256 TEXT NOT NULL PRIMARY KEY -- store_trash
) STRICT, WITHOUT ROWID;
