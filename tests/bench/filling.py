"""A store with many jobs, made out of a few that the gateway has run: their rows are copied under ids of their own."""
import sqlite3
import time
import uuid


def _ids(first_ms, count):
    """UUIDv7, rising, a millisecond apart."""
    for number in range(count):
        value = (first_ms + number) << 80 | 7 << 76 | 2 << 62 | number
        yield str(uuid.UUID(int=value))


def _copy(db, table, id_column, original):
    """The statement that copies a row of a table under another id, which it takes as its parameter."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    wanted = ["?1" if column == id_column else column for column in columns]
    return (f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(wanted)} FROM {table} "
            f"WHERE {id_column} = '{original}'")


def fill(database, original, count, older=True):
    """Copies one job `count` times: older than all there are, or as young as now. Returns the ids."""
    now = int(time.time() * 1000)
    ids = list(_ids(now - count - 1000 if older else now, count))
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    for table, column in (("job", "id"), ("job_graph", "job_id")):
        db.executemany(_copy(db, table, column, original), ((each,) for each in ids))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return ids
