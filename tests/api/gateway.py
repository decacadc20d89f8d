"""The real comfygate as a test fixture: start it, ask it, kill it, start it again on the same data.

    gateway = Gateway(tmp_path / "data", backends=f"gpu0={sim.url}", settings={"log_level": "debug"})
    gateway.start()
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graph})
    assert answer.status == 202 and answer.json()["status"] == "queued"
    assert gateway.stop() == 0

Every answer passes through the schema gate. No process is left behind: the kernel kills it when this process
dies. A finding of a sanitizer fails the test that stops the gateway.
"""
import contextlib
import ctypes
import http.client
import itertools
import json as json_module
import os
import pathlib
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import databases
import schema_gate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("COMFYGATE_BIN", ROOT / "build" / "release" / "bin" / "comfygate"))
START_LIMIT = 30  # seconds; sanitizers are slow
STOP_LIMIT = 15
FINDING = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:|bug_found")

_gate = None
_gate_lock = threading.Lock()


def check_answer(method, path, answer, request_body=None):
    """Holds an answer to schema/openapi.yaml. The gate is made once, and is not thread-safe."""
    global _gate
    with _gate_lock:
        if _gate is None:
            _gate = schema_gate.Gate()
        _gate.check(method, path, answer.status, answer.headers, answer.body, request_body)


def _ports():
    """Each worker of pytest-xdist has a range of its own, below that from which the kernel takes ports for connections:
    nobody else takes a port between its choice and its use, nor while who had it is started again. Shuffled, because
    another run beside this one has the same ranges."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(10000 + worker % 10 * 2000, 12000 + worker % 10 * 2000))
    random.shuffle(ports)
    return itertools.cycle(ports)


_next_port = _ports()


def free_port():
    for port in _next_port:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Answer:
    """An HTTP answer, whatever its status."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # pairs, as they came
        self.body = body

    def header(self, name):
        """The first header field of that name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self):
        return json_module.loads(self.body)

    def problem(self):
        """(code, [places]) of a problem document."""
        problem = self.json()
        places = [item.get("pointer", item.get("parameter")) for item in problem.get("errors", [])]
        return problem["code"], places

    def __repr__(self):
        return f"<Answer {self.status} {self.body[:300]!r}>"


class Gateway:
    """One data folder, and at most one process on it at a time. `settings` are rows of config.def by their name."""

    def __init__(self, data_dir, backends="gpu0=http://127.0.0.1:9", log_path=None, settings=None):
        self.data_dir = pathlib.Path(data_dir)
        self.backends = backends
        self.log_path = pathlib.Path(log_path or f"{data_dir}.log")
        self.settings = dict(settings or {})
        self.port = 0
        self.url = ""
        self.database_url = ""  # "" = the file in the data folder
        self._process = None
        self._log_seen = 0

    # ---- process

    @property
    def pid(self):
        return self._process.pid

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    def start(self, backends=None, **settings):
        """Starts it; after a stop or a kill on the same port and data, possibly with other settings."""
        assert not self.alive, "it is running already"
        self.backends = backends or self.backends
        self.settings.update(settings)
        self.port = self.port or free_port()
        flags = {"server_listen": f"127.0.0.1:{self.port}", "data_dir": self.data_dir, "backends": self.backends,
                 **databases.settings_for(self.data_dir), **self.settings}
        self.database_url = flags.get("database_url", "")
        command = [str(BIN), "serve"]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                             env=self._environment(), preexec_fn=_die_with_parent)
        self.url = self._read_url()
        self.port = urllib.parse.urlsplit(self.url).port

    @staticmethod
    def _environment():
        """An unknown COMFYGATE_ variable is an error, and ours are for the tests."""
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("COMFYGATE_") and not name.lower().endswith("_proxy")}
        env.setdefault("TSAN_OPTIONS", "halt_on_error=1")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        return env

    def _read_url(self):
        out, line = self._process.stdout, b""
        until = time.monotonic() + START_LIMIT
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([out], [], [], max(0, until - time.monotonic()))
            piece = os.read(out.fileno(), 4096) if ready else b""
            if not piece:
                self._end(signal.SIGKILL)
                raise AssertionError(f"comfygate did not start; its log ends: {self.log()[-2000:]}")
            line += piece
        return re.search(rb"http://\S+", line).group().decode()

    def sql(self, text, *values):
        """See databases.run."""
        return databases.run(self.data_dir, self.database_url, text, *values)

    def stop(self):
        """TERM; its exit code. None when it was not running."""
        code = self._end(signal.SIGTERM)
        assert code in (0, None), f"exit code {code}; its log ends: {self.log()[-3000:]}"
        return code

    def kill(self):
        """What the OOM killer does."""
        self._end(signal.SIGKILL)

    kill9 = kill

    def term(self):
        """Asks it to stop, and does not wait for it."""
        self._process.send_signal(signal.SIGTERM)

    def restart(self, **settings):
        self.stop()
        self.start(**settings)

    def _end(self, how):
        if self._process is None:
            return None
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            code = process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not stop within {STOP_LIMIT} s; its log ends: "
                                 f"{self.log()[-3000:]}") from None
        finally:
            process.stdout.close()
        self._look_for_findings()
        return code

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _look_for_findings(self):
        text = self.log()
        new, self._log_seen = text[self._log_seen:], len(text)
        found = FINDING.search(new)
        assert not found, f"a sanitizer has found something: {new[found.start():found.start() + 4000]}"

    # ---- HTTP

    def request(self, method, path, json=None, body=None, headers=None, timeout=70, check=True):
        """One request on a connection of its own; no proxy, no redirect, no retry."""
        headers = dict(headers or {})
        if json is not None:
            body = json_module.dumps(json).encode()
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        if check:
            check_answer(method, path, answer, body)
        return answer

    def json(self, method, path, **what):
        """The body of a request that must succeed."""
        answer = self.request(method, path, **what)
        assert 200 <= answer.status < 300, answer
        return answer.json()

    def connect(self, timeout=10):
        """A raw socket."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
