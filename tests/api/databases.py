"""Where the gateways of a test run keep their jobs: in a file of their data folder, or, with COMFYGATE_TEST_POSTGRESQL, the URL of
a server without a database, in a database of their own on it."""
import contextlib
import hashlib
import os
import pathlib
import sqlite3

import pytest

SERVER = os.environ.get("COMFYGATE_TEST_POSTGRESQL", "")

only_sqlite = pytest.mark.only_sqlite

_made = set()


def connect(url):
    import psycopg2  # there only when it is needed
    return psycopg2.connect(url, options="-c search_path=comfygate")


def name_for(data_dir):
    """The same folder has the same database for the whole run."""
    return "t_" + hashlib.sha256(str(pathlib.Path(data_dir).absolute()).encode()).hexdigest()[:24]


def make(server, name):
    """A database of that name on the server, unless there is one."""
    with contextlib.closing(connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def settings_for(data_dir):
    """What a gateway with this data folder is told about its database."""
    if not SERVER:
        return {}
    name = name_for(data_dir)
    if name not in _made:
        make(SERVER, name)
        _made.add(name)
    return {"database_url": f"{SERVER}/{name}"}


def run(data_dir, url, text, *values):
    """Runs a statement, with "?" for its values, behind a gateway's back: the rows that it gives, or how many it has changed."""
    if url.startswith("postgres"):
        text, database = text.replace("%", "%%").replace("?", "%s"), connect(url)
    else:
        database = sqlite3.connect(url.removeprefix("sqlite:") or pathlib.Path(data_dir) / "comfygate.db", timeout=10)
        database.execute("PRAGMA legacy_alter_table = ON")  # a table that is renamed is missed by those that refer to it
    with contextlib.closing(database), database, contextlib.closing(database.cursor()) as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description is not None else cursor.rowcount
