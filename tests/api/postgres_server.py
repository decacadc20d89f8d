#!/usr/bin/python3
"""A PostgreSQL server of a test's own: made in a temporary folder, on a port of loopback, gone with the test.

    with Server() as server:
        ... server.url ...               # without a database: f"{server.url}/postgres"
        server.stop("immediate"); server.start()

As a program it runs a command with such a server, which the command finds in COMFYGATE_TEST_POSTGRESQL (see databases.py) and, as
a database, in TEST_STORE_URL (see tests/store/store_help.h):

    tests/api/postgres_server.py ctest --test-dir build/release -R test_store
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_LIMIT = 60
OWNER = "postgres"  # PostgreSQL refuses to run as root

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
log_line_prefix = '%m %a '
"""


def _programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql-15")
    return found[-1]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="comfygate-pg-")
        self.port = _free_port()
        self.url = f"postgresql://{OWNER}@127.0.0.1:{self.port}"
        self._process = None
        self._as_owner = ["setpriv"]
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as_owner += ["--reuid", OWNER, "--regid", OWNER, "--clear-groups"]
        self._run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", OWNER, "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync")
        with open(f"{self.folder}/data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"{SETTINGS}port = {self.port}\n")
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, program, *words):
        done = subprocess.run([*self._as_owner, f"{_programs()}/{program}", *words], capture_output=True, text=True,
                              timeout=120, check=False, cwd="/", stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")

    def start(self):
        """Until it answers. It ends when whoever has started it does, whichever way."""
        with open(f"{self.folder}/log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._as_owner, "--pdeathsig", "QUIT", f"{_programs()}/postgres", "-D", f"{self.folder}/data"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        until = time.monotonic() + START_LIMIT
        while subprocess.run([f"{_programs()}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                             check=False).returncode != 0:
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start; its log ends: {self.log()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how="fast"):
        """"fast" ends the sessions in good order, "immediate" is a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def restart(self, how="fast"):
        self.stop(how)
        self.start()

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def close(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    with Server() as server:
        subprocess.run(["psql", "-Xq", f"{server.url}/postgres", "-c", "CREATE DATABASE store"], check=True)
        env = {**os.environ, "COMFYGATE_TEST_POSTGRESQL": server.url, "TEST_STORE_URL": f"{server.url}/store"}
        return subprocess.run(sys.argv[1:], env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
