"""comfygate migrate: a store into another, of whichever kind. What one gateway has done, another finds there."""
import os
import pty
import subprocess

import pytest

import databases
import gateway as gateway_module
import graphs
from gateway import free_port
from postgres_server import Server
from stage import Stage

pytestmark = pytest.mark.one_thread


FAILING = graphs.failing(message="it's so")


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


_names = iter(f"d{number}" for number in range(1000))


@pytest.fixture
def database(server):
    return databases.make(server.url, next(_names))


def migrate(*words, env=None):
    done = subprocess.run([str(gateway_module.BIN), "migrate", *words], capture_output=True, text=True, timeout=100,
                          check=False, env={**gateway_module.Gateway._environment(), **(env or {})})
    return done.returncode, done.stdout, done.stderr


def file_of(stage):
    return f"sqlite:{stage.gateway.data_dir}/comfygate.db"


@pytest.fixture
def used(tmp_path):
    """A stage whose gateway, on SQLite, has done all kinds of things, and is stopped."""
    stage = Stage(tmp_path / "stage", sim={"step_ms": 1}, database_url=f"sqlite:{tmp_path}/stage/data/comfygate.db")
    try:
        done = stage.finish(stage.submit(graphs.picture(), title="Ein Bär, \u4e00", tags=["a", "b\u00e9"],
                                         metadata={"user": "anna", "x": "\u2603"}))
        stage.gateway.json("PATCH", f"/v1/jobs/{done['id']}", json={"starred": True})
        stage.submit(FAILING, headers={"Idempotency-Key": "k1"})
        answer = stage.gateway.request("PUT", "/v1/preferences/a.b", json={"seed": 18446744073709551615})
        assert answer.status in (200, 201), answer
        stage.gateway.json("POST", "/v1/assets?name=p.png", body=stage.content(done["outputs"][0]),
                           headers={"Content-Type": "image/png"})
        for number in range(30):
            stage.submit(graphs.picture(), title=f"{number}")
        stage.gateway.stop()
        yield stage
    finally:
        stage.close()


def told(gateway):
    """All that users can ask for."""
    return {path: gateway.json("GET", path) for path in
            ("/v1/jobs?limit=100&status=succeeded", "/v1/outputs?limit=100", "/v1/preferences", "/v1/stats?window=1h")
            if gateway.request("GET", path).status == 200}


def test_to_a_server_and_back(tmp_path, used, database):
    code, out, err = migrate("--from", file_of(used), "--to", database)
    assert code == 0, err
    assert "Both are the same: 32 jobs" in out and "copying job, 32 rows" in err and "\033" not in err
    before = used.gateway.sql("SELECT count(*) FROM event")
    used.gateway.start(database_url=database)
    assert used.gateway.sql("SELECT count(*) FROM event")[0][0] >= before[0][0]
    for job in used.gateway.json("GET", "/v1/jobs?limit=100")["data"]:
        used.finish(job, "failed" if job["status"] == "failed" or job["title"] is None else "succeeded")
    there = told(used.gateway)
    assert len(there["/v1/jobs?limit=100&status=succeeded"]["data"]) == 31
    first = there["/v1/jobs?limit=100&status=succeeded"]["data"][-1]
    assert first["title"] == "Ein Bär, \u4e00" and first["starred"] and first["metadata"] == {"user": "anna", "x": "\u2603"}
    assert used.content(first["outputs"][0])[:4] == b"\x89PNG"
    # Events go on where they were, and what was submitted before is not submitted again.
    again = used.gateway.request("POST", "/v1/jobs", json={"workflow": FAILING},
                                 headers={"Idempotency-Key": "k1"})
    assert again.header("Idempotent-Replayed") == "true"
    used.gateway.stop()
    code, out, err = migrate(f"--from={database}", f"--to=sqlite:{tmp_path}/back.db", "--quiet")
    assert (code, out, err) == (0, "", "")
    used.gateway.start(database_url=f"sqlite:{tmp_path}/back.db")
    assert told(used.gateway)["/v1/jobs?limit=100&status=succeeded"] == there["/v1/jobs?limit=100&status=succeeded"]


def test_what_was_broken_off_goes_on(used, database):
    """As after a kill at some moment: the first tables are there, one of them in part."""
    assert migrate("--from", file_of(used), "--to", database)[0] == 0
    used.gateway.database_url = database
    ids = [row[0] for row in used.gateway.sql("SELECT id FROM job ORDER BY id")]
    for table in ("delivery", "event", "preference", "preference_count", "trash", "idempotency", "job_file", "output", "asset"):
        used.gateway.sql(f"DELETE FROM {table}")
    used.gateway.sql("DELETE FROM job WHERE id > ?", ids[10])
    used.gateway.sql("DELETE FROM trash")
    code, out, err = migrate("--from", file_of(used), "--to", database)
    assert code == 0, err
    assert "32 jobs" in out and "of which" in out and " 0 were copied now" not in out
    code, out, _ = migrate("--from", file_of(used), "--to", database)
    assert code == 0 and " 0 were copied now" in out


def test_every_table_is_copied(used, database):
    """Also one that is added later: all that there are, but for what an engine has for itself."""
    assert migrate("--from", file_of(used), "--to", database)[0] == 0
    used.gateway.database_url = ""
    tables = [row[0] for row in used.gateway.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    assert len(tables) > 12
    counts = {table: used.gateway.sql(f"SELECT count(*) FROM {table}") for table in tables if table != "schema_migration"}
    used.gateway.database_url = database
    assert counts == {table: used.gateway.sql(f"SELECT count(*) FROM {table}") for table in counts}
    there = {row[0] for row in used.gateway.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'comfygate'")}
    assert there == {*tables, "writer"}


@pytest.mark.parametrize("change, says", [
    ("UPDATE job SET title = 'another' WHERE title = '3'", "the table job is not the same in both: 32 and 32 rows"),
    ("DELETE FROM output WHERE id = (SELECT min(id) FROM output)", "it holds something else already (table output)"),
    ("INSERT INTO hold (backend, since) VALUES ('zz', 1)", "it holds something else already (table hold)"),
])
def test_what_is_not_the_same_is_found(used, database, change, says):
    assert migrate("--from", file_of(used), "--to", database)[0] == 0
    used.gateway.database_url = database
    assert used.gateway.sql(change) == 1
    code, _, err = migrate("--from", file_of(used), "--to", database)
    assert code == 1 and says in err, err


def test_not_while_a_gateway_runs(used, database):
    used.gateway.start()
    code, _, err = migrate("--from", file_of(used), "--to", database)
    assert code == 1 and "another gateway uses this database" in err, err


@pytest.mark.parametrize("words, code, says", [
    (["--from", "sqlite:/nowhere/x.db", "--to", "{db}"], 1, "There is no store in the first database"),
    (["--from", "{db}", "--to", "{db}"], 2, "Both databases are the same"),
    (["--from", "{db}"], 2, "--from and --to belong together"),
    (["--from", "mysql:x", "--to", "{db}"], 1, "names no known kind of store"),
    (["--from", "{db}", "--to", "postgresql://a:s3cret@127.0.0.1:{port}/x"], 1, "There is no store in the first"),
    (["--from", "{db}", "--to", "sqlite:x", "--data-dir", "y"], 2, "has no place beside them"),
    (["more"], 2, "one word too many"),
])
def test_mistakes(database, words, code, says):
    done, out, err = migrate(*(word.format(db=database, port=free_port()) for word in words))
    assert done == code and says in err and out == "" and "s3cret" not in err, err


def test_a_bar_on_a_terminal(used, database):
    ours, theirs = pty.openpty()
    done = subprocess.Popen([str(gateway_module.BIN), "migrate", "--from", file_of(used), "--to", database],
                            stdout=subprocess.PIPE, stderr=theirs, env=gateway_module.Gateway._environment())
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass
    os.close(ours)
    assert done.wait(60) == 0 and b"Both are the same" in done.stdout.read()
    assert b"copying   job " in seen and b"comparing api_key" in seen and seen.endswith(b"\r\033[K")
