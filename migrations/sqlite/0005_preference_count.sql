-- 0005_preference_count.sql - how many preferences an owner has, so that nobody must count them.

CREATE TABLE preference_count (
    owner TEXT    NOT NULL PRIMARY KEY, -- as preference.owner
    count INTEGER NOT NULL              -- store_preference_put: may there be one more?
) STRICT, WITHOUT ROWID;
INSERT INTO preference_count (owner, count) SELECT owner, count(*) FROM preference GROUP BY owner;

CREATE TRIGGER preference_there AFTER INSERT ON preference
BEGIN
    INSERT INTO preference_count (owner, count) VALUES (NEW.owner, 1)
    ON CONFLICT (owner) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER preference_gone AFTER DELETE ON preference
BEGIN
    UPDATE preference_count SET count = count - 1 WHERE owner = OLD.owner;
END;
