"""The jobs on a PostgreSQL server: what a start says when something is wrong with it, and what users see when it goes.

That all else is as with SQLite is seen by running the other tests on a server (docs/hacking.md)."""
import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest

import databases
import gateway as gateway_module
import graphs
from gateway import free_port
from postgres_server import Server
from stage import Stage, eventually

pytestmark = pytest.mark.one_thread


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


_names = iter(f"d{number}" for number in range(1000))


@pytest.fixture
def database(server):
    return databases.make(server.url, next(_names))


@contextlib.contextmanager
def staged(tmp_path, database, **settings):
    stage = Stage(tmp_path / "stage", sim={"step_ms": 1}, database_url=database, **settings)
    try:
        yield stage
    finally:
        stage.close()


def start_fails(tmp_path, url, **settings):
    """Exit code and log of a gateway that does not come up."""
    flags = {"server-listen": f"127.0.0.1:{free_port()}", "data-dir": tmp_path / "data", "database-url": url,
             "backends": "gpu0=http://127.0.0.1:9", "log-format": "text", **settings}
    done = subprocess.run([str(gateway_module.BIN), "serve", *(f"--{name}={value}" for name, value in flags.items())],
                          capture_output=True, text=True, timeout=60, check=False,
                          env=gateway_module.Gateway._environment())
    return done.returncode, done.stdout + done.stderr


# ---- the start -----------------------------------------------------------------------------


@pytest.mark.parametrize("url, says", [
    ("postgresql://postgres:s3cret@127.0.0.1:{closed}/x", "cannot be reached: connection to server"),
    ("postgresql://postgres:s3cret@{address}/nowhere", 'database "nowhere" does not exist'),
    ("postgresql://nobody:s3cret@{address}/postgres", 'role "nobody" does not exist'),
    ("postgresql://postgres:s3cret@127.0.0.1:port/x", 'invalid integer value "port"'),
    ("postgresql://postgres:s3cret@[::1/x", "none that libpq understands"),
    ("postgresql://postgres:s3cret@{address}/postgres?no_such_option=1", "none that libpq understands"),
    ("mysql://root:s3cret@127.0.0.1/x", "names no known kind of store"),
])
def test_what_a_wrong_url_comes_to(tmp_path, server, url, says):
    code, told = start_fails(tmp_path, url.format(closed=free_port(), address=f"127.0.0.1:{server.port}"))
    assert code not in (0, -6, -11) and says in told, told
    assert "s3cret" not in told


def test_an_encoding_that_cannot_hold_all(tmp_path, server):
    with contextlib.closing(databases.connect(f"{server.url}/postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    code, told = start_fails(tmp_path, f"{server.url}/latin")
    assert code != 0 and "is encoded in LATIN1; make one with ENCODING 'UTF8'" in told, told


def test_a_second_gateway_is_refused(tmp_path, database):
    with staged(tmp_path, database) as stage:
        code, told = start_fails(tmp_path, database)
        assert code != 0 and "another gateway uses this database" in told, told
        stage.finish(stage.submit(graphs.picture()))


def test_a_newer_database_is_left_alone(tmp_path, database):
    with staged(tmp_path, database) as stage:
        stage.gateway.stop()
        stage.gateway.sql("INSERT INTO schema_migration (number, name, sha256, applied_at) VALUES (9999, '9999_x.sql', '', 0)")
        code, told = start_fails(tmp_path, database)
        assert code != 0 and "is newer than this program: it is at migration 9999_x.sql" in told, told


def test_a_changed_migration_is_refused(tmp_path, database):
    with staged(tmp_path, database) as stage:
        stage.gateway.stop()
        stage.gateway.sql("UPDATE schema_migration SET sha256 = 'other' WHERE number = 1")
        code, told = start_fails(tmp_path, database)
        assert code != 0 and "was changed after it had been applied" in told, told


def test_two_that_start_at_once(tmp_path, database):
    """One of them makes the tables and serves, the other says why it does not."""
    both = [gateway_module.Gateway(tmp_path / name, settings={"database_url": database, "log_format": "json"})
            for name in ("one", "two")]
    started = []
    for each in both:
        with contextlib.suppress(AssertionError):
            each.start()
            started.append(each)
    assert len(started) == 1
    assert started[0].request("GET", "/readyz").status in (200, 503)
    started[0].stop()


def test_a_role_without_the_right_to_make_a_schema(tmp_path, server, database):
    with contextlib.closing(databases.connect(database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("CREATE ROLE plain LOGIN PASSWORD 'x'")
    url = database.replace("postgres@", "plain:x@")
    code, told = start_fails(tmp_path, url)
    assert code != 0 and "permission denied" in told, told
    with contextlib.closing(databases.connect(database)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE SCHEMA comfygate AUTHORIZATION plain")
    with staged(tmp_path, url) as stage:
        stage.finish(stage.submit(graphs.picture()))


def test_others_tables_beside_ours(tmp_path, database):
    with contextlib.closing(databases.connect(database)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE TABLE public.job (theirs TEXT)")
        connection.cursor().execute("INSERT INTO public.job VALUES ('kept')")
    with staged(tmp_path, database) as stage:
        stage.finish(stage.submit(graphs.picture()))
        assert stage.gateway.sql("SELECT theirs FROM public.job") == [("kept",)]


# ---- doctor --------------------------------------------------------------------------------


def doctor(tmp_path, url):
    done = subprocess.run([str(gateway_module.BIN), "doctor", f"--data-dir={tmp_path}", f"--database-url={url}",
                           "--backends=gpu0=http://127.0.0.1:9"],
                          capture_output=True, text=True, timeout=60, check=False,
                          env={**gateway_module.Gateway._environment(), "NO_COLOR": "1"})
    return done.stdout


def test_doctor(tmp_path, server, database):
    assert "it is made at the first start" in doctor(tmp_path, database)
    with staged(tmp_path, database) as stage:
        stage.finish(stage.submit(graphs.picture()))
        assert "its server answers, with 1 jobs" in doctor(tmp_path, database)
    told = doctor(tmp_path, f"postgresql://postgres:s3cret@127.0.0.1:{free_port()}/x")
    assert "cannot be reached" in told and "s3cret" not in told


# ---- it goes -------------------------------------------------------------------------------


def cut_all(stage):
    return stage.gateway.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE datname = current_database() AND pid <> pg_backend_pid()")


def test_a_cut_session_is_not_seen_by_users(tmp_path, database):
    with staged(tmp_path, database) as stage:
        for number in range(10):
            assert len(cut_all(stage)) > 0
            job = stage.submit(graphs.picture(), title=f"{number}")
            assert stage.gateway.request("GET", "/v1/jobs").status == 200
            stage.finish(job)
        assert stage.gateway.json("GET", "/v1/jobs?limit=50")["data"][0]["title"] == "9"


def test_while_the_server_is_away(tmp_path):
    """Nothing is accepted, all that can be told without it is told, and what ran meanwhile comes to its end."""
    with Server() as server, staged(tmp_path, databases.make(server.url, "away")) as stage:
        job = stage.submit(graphs.steps(40, ms=25))
        stage.until(job, lambda seen: seen["status"] == "running")
        server.stop("immediate")
        answer = eventually(lambda: stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}),
                            lambda answer: answer.status == 503)
        assert answer.json()["code"] == "store_unavailable"
        assert answer.header("Retry-After") is not None
        eventually(lambda: stage.gateway.request("GET", "/readyz").status, lambda status: status == 503)
        assert stage.gateway.request("GET", "/livez").status == 200
        time.sleep(1.5)
        server.start()
        eventually(lambda: stage.gateway.request("GET", "/readyz").status, lambda status: status == 200)
        stage.finish(job)
        stage.finish(stage.submit(graphs.picture()))
        assert stage.sim.log()["ws_opened"] == 1


class Cutter:
    """Stands between the gateway and the server. Armed, it cuts the next connection that commits: "before" the server has heard of
    it, or "after" it has answered."""

    def __init__(self, port):
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.arm = None
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._copy, args=(server, client), daemon=True).start()

    def _to_server(self, client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                arm = self.arm if b"COMMIT" in data else None
                if arm is not None:
                    self.arm = None
                    if arm == "after":
                        self._end(client)  # it hears nothing more
                        server.sendall(data)
                        time.sleep(0.2)
                    self.cuts += 1
                    break
                server.sendall(data)
        self._end(client)
        self._end(server)

    def _copy(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        self._end(client)

    @staticmethod
    def _end(connection):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_that_is_not_answered(tmp_path, server, when):
    """The gateway looks what has become of it: each submission is there, and there once."""
    name = next(_names)
    databases.make(server.url, name)
    cutter = Cutter(server.port)
    with staged(tmp_path, f"postgresql://postgres@127.0.0.1:{cutter.port}/{name}") as stage:
        jobs = []
        for number in range(5):
            cutter.arm = when
            jobs.append(stage.submit(graphs.picture(), title=f"{number}"))
            eventually(lambda: cutter.cuts, lambda cuts: cuts == number + 1)
        for job in jobs:
            stage.finish(job)
        rows = stage.gateway.sql("SELECT id, title FROM job ORDER BY title")
        assert rows == [(job["id"], job["title"]) for job in jobs]
    cutter.close()


def test_who_lost_the_database_to_another_writes_no_more(tmp_path, database):
    with staged(tmp_path, database) as stage:
        stage.finish(stage.submit(graphs.picture()))
        stage.gateway.sql("DELETE FROM writer")
        answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()})
        assert answer.status == 503
        assert "another gateway has taken this database over" in stage.gateway.log()
        assert stage.gateway.sql("SELECT count(*) FROM job") == [(1,)]


def test_no_password_in_the_log(tmp_path, server, database):
    url = database.replace("postgres@", "postgres:s3cret@")
    with staged(tmp_path, url) as stage:
        stage.finish(stage.submit(graphs.picture()))
        cut_all(stage)
        stage.finish(stage.submit(graphs.picture()))
        assert "s3cret" not in stage.gateway.log()
        cmdline = open(f"/proc/{stage.gateway.pid}/cmdline", "rb").read()
        assert b"s3cret" in cmdline  # why docs/scaling.md says to use the environment or PGPASSFILE
    assert os.path.exists(stage.gateway.log_path)
