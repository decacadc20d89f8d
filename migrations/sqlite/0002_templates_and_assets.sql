-- 0002_templates_and_assets.sql - jobs from templates, files that clients bring, and what is kept for how long.
--
-- A file is used as long as an output, an asset or an open job names it; see trash below.

-- The template that the job was made from; NULL = a workflow of the client's own.
ALTER TABLE job ADD COLUMN template_name TEXT;
-- The template's input with its defaults, as shown; an object.
ALTER TABLE job ADD COLUMN input_json TEXT NOT NULL DEFAULT '{}';
-- The seed that was used: decimal, for 2^64 - 1 is more than an INTEGER holds.
ALTER TABLE job ADD COLUMN seed TEXT;
-- Node whose outputs are shown first; NULL = any.
ALTER TABLE job ADD COLUMN primary_node TEXT;
-- Never removed because of its age.
ALTER TABLE job ADD COLUMN is_starred INTEGER NOT NULL DEFAULT 0 CHECK (is_starred IN (0, 1));

-- store_jobs of one template.
CREATE INDEX job_by_template ON job (template_name, id) WHERE template_name IS NOT NULL;
-- store_jobs that are starred; a handful.
CREATE INDEX job_starred ON job (id) WHERE is_starred = 1;
-- store_jobs_expire: what has ended, the oldest end first.
CREATE INDEX job_ended ON job (completed_at, id) WHERE phase IS NULL AND is_starred = 0;

-- How long it plays; 0 = it does not, or unknown.
ALTER TABLE output ADD COLUMN duration_ms INTEGER NOT NULL DEFAULT 0;
-- store_output_list of one type.
CREATE INDEX output_by_type ON output (type, id);
-- store_outputs_expire: the oldest first.
CREATE INDEX output_by_age ON output (created_at, job_id);

-- Files that clients have brought.
CREATE TABLE asset (
    id           TEXT    NOT NULL PRIMARY KEY,
    owner        TEXT    NOT NULL,         -- API key that brought it; '' = there are no keys
    sha256       TEXT    NOT NULL,         -- name of the file
    name         TEXT,                     -- as the client called it, without folders
    type         TEXT    NOT NULL CHECK (type IN ('image', 'video', 'audio', 'text', 'file')),
    content_type TEXT    NOT NULL,         -- told by its bytes
    size_bytes   INTEGER NOT NULL,
    width        INTEGER NOT NULL,         -- 0 = unknown
    height       INTEGER NOT NULL,         -- 0 = unknown
    duration_ms  INTEGER NOT NULL,         -- 0 = unknown
    created_at   INTEGER NOT NULL,
    used_at      INTEGER NOT NULL          -- last brought, or given to a job
) STRICT;
-- store_asset_insert: an owner has a content once. Also store_asset_by_file.
CREATE UNIQUE INDEX asset_by_owner ON asset (owner, sha256);
-- store_file_is_used; store_job_insert: who else refers to a file.
CREATE INDEX asset_by_file ON asset (sha256);
-- store_assets_expire: what was not used for longest first.
CREATE INDEX asset_by_use ON asset (used_at);

-- Files that an open job brings to its ComfyUI. The rows go when the job ends.
CREATE TABLE job_file (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    name   TEXT NOT NULL, -- by which the graph calls it
    PRIMARY KEY (job_id, sha256) -- store_writer_files; and removal with the job
) STRICT, WITHOUT ROWID;
-- store_file_is_used: who else refers to a file.
CREATE INDEX job_file_by_file ON job_file (sha256);

-- A hash is in trash exactly when something has named it and nothing does any more. Triggers see to it,
-- because rows also go by ON DELETE CASCADE.
CREATE TRIGGER output_gone AFTER DELETE ON output WHEN OLD.sha256 IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO trash (sha256) SELECT OLD.sha256
    WHERE NOT EXISTS (SELECT 1 FROM output WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM asset WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM job_file WHERE sha256 = OLD.sha256);
END;
CREATE TRIGGER asset_gone AFTER DELETE ON asset
BEGIN
    INSERT OR IGNORE INTO trash (sha256) SELECT OLD.sha256
    WHERE NOT EXISTS (SELECT 1 FROM output WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM asset WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM job_file WHERE sha256 = OLD.sha256);
END;
CREATE TRIGGER job_file_gone AFTER DELETE ON job_file
BEGIN
    INSERT OR IGNORE INTO trash (sha256) SELECT OLD.sha256
    WHERE NOT EXISTS (SELECT 1 FROM output WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM asset WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM job_file WHERE sha256 = OLD.sha256);
END;
CREATE TRIGGER output_there AFTER INSERT ON output WHEN NEW.sha256 IS NOT NULL
BEGIN
    DELETE FROM trash WHERE sha256 = NEW.sha256;
END;
CREATE TRIGGER asset_there AFTER INSERT ON asset
BEGIN
    DELETE FROM trash WHERE sha256 = NEW.sha256;
END;
CREATE TRIGGER job_file_there AFTER INSERT ON job_file
BEGIN
    DELETE FROM trash WHERE sha256 = NEW.sha256;
END;
