-- 0001_init.sql - the tables of comfygate on a PostgreSQL server.
--
-- They are those of migrations/sqlite/ up to 0010, column for column, so that the store's statements serve both; what
-- a column means is said there where it is not said here. All is in a schema of its own, so that the database may
-- have others' tables beside it.
--
-- Forward only, as there: a file that was released is never edited, each is applied in one transaction.
--
-- Texts are compared by their bytes (COLLATE "C"): ids sort by age, and a page of a list begins where the last one ended
-- whatever the server's language. Flags are 0 and 1, as the statements have them.

-- What has been applied to this database.
CREATE TABLE schema_migration (
    number     BIGINT PRIMARY KEY,
    name       TEXT   NOT NULL,
    sha256     TEXT   NOT NULL,
    applied_at BIGINT NOT NULL
);

-- The gateway that writes, and the number of its last transaction: after a lost connection it sees by it whether
-- that one was committed. Its first statement is take_turn, so whoever removes the row has shut it out.
CREATE TABLE writer (
    id   TEXT   NOT NULL PRIMARY KEY, -- of one run of the program
    turn BIGINT NOT NULL
);
CREATE FUNCTION take_turn(who TEXT, number BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE writer SET turn = number WHERE id = who;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another gateway has taken this database over' USING ERRCODE = 'CG001';
    END IF;
END $$;

-- By the name that SQLite has for it.
CREATE FUNCTION instr(whole TEXT, part TEXT) RETURNS INTEGER LANGUAGE SQL IMMUTABLE PARALLEL SAFE AS $$
    SELECT strpos(whole, part)
$$;

CREATE TABLE job (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version          BIGINT   NOT NULL,
    owner            TEXT COLLATE "C",
    parent_id        TEXT COLLATE "C",
    created_at       BIGINT   NOT NULL,
    template_name    TEXT COLLATE "C",
    input_json       TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    seed             TEXT,
    primary_node     TEXT,
    trace_id         TEXT,
    trace_flags      INTEGER  NOT NULL DEFAULT 0,
    webhook_url      TEXT,
    webhook_events_json TEXT,
    webhook_secret   TEXT,
    status           TEXT COLLATE "C" NOT NULL CHECK (status IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'expired')),
    phase            TEXT COLLATE "C" CHECK (phase IN ('waiting', 'submitted', 'executing', 'collecting')),
    priority         INTEGER  NOT NULL CHECK (priority BETWEEN -100 AND 100),
    title            TEXT COLLATE "C",
    is_starred       SMALLINT NOT NULL DEFAULT 0 CHECK (is_starred IN (0, 1)),
    wanted_backend   TEXT COLLATE "C",
    tags_json        TEXT     NOT NULL,
    metadata_json    TEXT     NOT NULL,
    warnings_json    TEXT     NOT NULL,
    started_at       BIGINT,
    completed_at     BIGINT,
    deadline_at      BIGINT,
    not_before_at    BIGINT,
    timeout_ms       BIGINT   NOT NULL,
    attempt          INTEGER  NOT NULL,
    max_attempts     INTEGER  NOT NULL,
    deaths           INTEGER  NOT NULL,
    backend          TEXT COLLATE "C",
    prompt_id        TEXT COLLATE "C",
    is_delivered     SMALLINT NOT NULL CHECK (is_delivered IN (0, 1)),
    submitted_at     BIGINT,
    stop             TEXT CHECK (stop IN ('cancel', 'timeout', 'deadline')),
    stop_at          BIGINT,
    nodes_total      INTEGER  NOT NULL,
    error_code       TEXT,
    error_message    TEXT,
    error_node_id    TEXT,
    error_class_type TEXT,
    error_node_title TEXT,
    CHECK ((phase IS NULL) = (status IN ('succeeded', 'failed', 'canceled', 'expired')))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX job_waiting ON job (id) WHERE phase = 'waiting';
CREATE INDEX job_in_flight ON job (id) WHERE phase <> 'waiting';
CREATE INDEX job_deadline ON job (deadline_at, id) WHERE phase = 'waiting' AND deadline_at IS NOT NULL;
CREATE INDEX job_by_status ON job (status, id);
CREATE INDEX job_by_owner ON job (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX job_by_owner_status ON job (owner, status, id) WHERE owner IS NOT NULL;
CREATE INDEX job_by_backend ON job (backend, id) WHERE backend IS NOT NULL;
CREATE INDEX job_by_parent ON job (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX job_by_template ON job (template_name, id) WHERE template_name IS NOT NULL;
CREATE INDEX job_starred ON job (id) WHERE is_starred = 1;
CREATE INDEX job_ended ON job (completed_at, id) WHERE phase IS NULL AND is_starred = 0;
CREATE INDEX job_ended_lately ON job (completed_at) INCLUDE (status, template_name, backend, created_at, started_at)
    WHERE phase IS NULL;
CREATE INDEX job_ended_by_owner ON job (owner, completed_at) INCLUDE (status, template_name, backend, created_at, started_at)
    WHERE phase IS NULL AND owner IS NOT NULL;

CREATE TABLE job_graph (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    graph  BYTEA NOT NULL
);

CREATE TABLE job_tag (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    tag    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, tag)
);
CREATE INDEX job_tag_by_tag ON job_tag (tag, job_id);

CREATE TABLE job_metadata (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    key    TEXT COLLATE "C" NOT NULL,
    value  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, key)
);
CREATE INDEX job_metadata_by_value ON job_metadata (key, value, job_id);

CREATE TABLE output (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id       TEXT COLLATE "C" NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    position     INTEGER  NOT NULL,
    node_id      TEXT,
    name         TEXT,
    type         TEXT COLLATE "C" NOT NULL CHECK (type IN ('image', 'video', 'audio', 'text', 'file')),
    content_type TEXT,
    size_bytes   BIGINT   NOT NULL,
    sha256       TEXT COLLATE "C",
    width        INTEGER  NOT NULL,
    height       INTEGER  NOT NULL,
    text         TEXT,
    is_primary   SMALLINT NOT NULL CHECK (is_primary IN (0, 1)),
    created_at   BIGINT   NOT NULL,
    duration_ms  BIGINT   NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX output_by_job ON output (job_id, position);
CREATE INDEX output_by_file ON output (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX output_by_type ON output (type, id);
CREATE INDEX output_by_age ON output (created_at, job_id);

CREATE TABLE asset (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner        TEXT COLLATE "C" NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    name         TEXT,
    type         TEXT COLLATE "C" NOT NULL CHECK (type IN ('image', 'video', 'audio', 'text', 'file')),
    content_type TEXT     NOT NULL,
    size_bytes   BIGINT   NOT NULL,
    width        INTEGER  NOT NULL,
    height       INTEGER  NOT NULL,
    duration_ms  BIGINT   NOT NULL,
    created_at   BIGINT   NOT NULL,
    used_at      BIGINT   NOT NULL
);
CREATE UNIQUE INDEX asset_by_owner ON asset (owner, sha256);
CREATE INDEX asset_by_file ON asset (sha256);
CREATE INDEX asset_by_use ON asset (used_at);

CREATE TABLE job_file (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sha256 TEXT COLLATE "C" NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (job_id, sha256)
);
CREATE INDEX job_file_by_file ON job_file (sha256);

CREATE TABLE idempotency (
    owner       TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    job_id      TEXT COLLATE "C" NOT NULL,
    body_sha256 TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- A hash is in trash exactly when something has named it and nothing does any more.
CREATE TABLE trash (
    sha256 TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
CREATE FUNCTION file_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trash (sha256) SELECT OLD.sha256
    WHERE OLD.sha256 IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM output WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM asset WHERE sha256 = OLD.sha256)
      AND NOT EXISTS (SELECT 1 FROM job_file WHERE sha256 = OLD.sha256)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE FUNCTION file_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM trash WHERE sha256 = NEW.sha256;
    RETURN NULL;
END $$;
CREATE TRIGGER output_gone AFTER DELETE ON output FOR EACH ROW EXECUTE FUNCTION file_gone();
CREATE TRIGGER asset_gone AFTER DELETE ON asset FOR EACH ROW EXECUTE FUNCTION file_gone();
CREATE TRIGGER job_file_gone AFTER DELETE ON job_file FOR EACH ROW EXECUTE FUNCTION file_gone();
CREATE TRIGGER output_there AFTER INSERT ON output FOR EACH ROW EXECUTE FUNCTION file_there();
CREATE TRIGGER asset_there AFTER INSERT ON asset FOR EACH ROW EXECUTE FUNCTION file_there();
CREATE TRIGGER job_file_there AFTER INSERT ON job_file FOR EACH ROW EXECUTE FUNCTION file_there();

CREATE TABLE preference (
    owner      TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    value      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE TABLE preference_count (
    owner TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL
);
CREATE FUNCTION preference_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO preference_count (owner, count) VALUES (NEW.owner, 1)
    ON CONFLICT (owner) DO UPDATE SET count = preference_count.count + 1;
    RETURN NULL;
END $$;
CREATE FUNCTION preference_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE preference_count SET count = count - 1 WHERE owner = OLD.owner;
    RETURN NULL;
END $$;
CREATE TRIGGER preference_there AFTER INSERT ON preference FOR EACH ROW EXECUTE FUNCTION preference_there();
CREATE TRIGGER preference_gone AFTER DELETE ON preference FOR EACH ROW EXECUTE FUNCTION preference_gone();

-- Numbers are given by the writer, who holds an advisory lock from the first to the commit: they have no gaps,
-- and who sees one sees all below it.
CREATE TABLE event (
    seq    BIGINT PRIMARY KEY,
    job_id TEXT COLLATE "C",
    owner  TEXT COLLATE "C",
    type   TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    data   TEXT   NOT NULL
);
CREATE INDEX event_by_job ON event (job_id, seq) WHERE job_id IS NOT NULL;

CREATE TABLE delivery (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id         TEXT COLLATE "C" NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    owner          TEXT COLLATE "C",
    event_seq      BIGINT  NOT NULL,
    event_type     TEXT    NOT NULL,
    host           TEXT COLLATE "C" NOT NULL,
    body           TEXT    NOT NULL,
    state          TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'gone')),
    attempts       INTEGER NOT NULL,
    round          INTEGER NOT NULL,
    round_began_at BIGINT  NOT NULL,
    next_at        BIGINT,
    last_status    INTEGER NOT NULL,
    last_error     TEXT,
    tries_json     TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    completed_at   BIGINT
);
CREATE INDEX delivery_due ON delivery (host, next_at, id) WHERE state = 'pending';
CREATE INDEX delivery_pending ON delivery (created_at) WHERE state = 'pending';
CREATE INDEX delivery_by_job ON delivery (job_id, id);
CREATE INDEX delivery_by_state ON delivery (state, id);
CREATE INDEX delivery_ended ON delivery (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE hold (
    backend TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since   BIGINT NOT NULL
);

CREATE TABLE api_key (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL UNIQUE,
    role         TEXT,
    scopes       TEXT   NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    created_by   TEXT,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
