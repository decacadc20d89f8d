-- 0010_api_keys.sql - who may use the gateway, and what of it.

-- A row is never removed: its name owns jobs, and is never given to another key.
CREATE TABLE api_key (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE, -- what owner says in other tables
    role         TEXT,                    -- NULL = none: it has the scopes of the next column only
    scopes       TEXT    NOT NULL,        -- words with blanks between, beside those of the role
    sha256       TEXT    NOT NULL UNIQUE, -- of the whole key, 64 hexadecimal digits; the key itself is nowhere
    created_at   INTEGER NOT NULL,        -- wall clock, ms, like all below
    created_by   TEXT,                    -- name of the key that made it; NULL = the command line
    expires_at   INTEGER,                 -- NULL = never
    revoked_at   INTEGER,                 -- NULL = it is not
    last_used_at INTEGER                  -- to the minute; NULL = never
) STRICT, WITHOUT ROWID;

-- store_ended for one owner: what of his ended in a window.
CREATE INDEX job_ended_by_owner ON job (owner, completed_at, phase, status, template_name, backend, created_at, started_at)
    WHERE phase IS NULL AND owner IS NOT NULL;
