-- 0003_preferences.sql - small things that clients keep for their users.

CREATE TABLE preference (
    owner      TEXT    NOT NULL, -- '' = there are no keys
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL, -- JSON object, as the client wrote it
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
