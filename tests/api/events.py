"""Listening to events, strictly: a reader of Server-Sent Events that holds all it sees to the contract.

    with listen(gateway, "/v1/events") as stream:
        assert stream.next().type == "snapshot"
        job = gateway.json("POST", "/v1/jobs", json={...})
        stream.until("job.succeeded", job)
"""
import collections
import json
import socket
import threading
import time

import schema_gate
from gateway import Answer, check_answer

Event = collections.namedtuple("Event", "id type job data json")

_schema = None
_schema_lock = threading.Lock()


def check_event(value):
    """Holds one event object to schemas/Event."""
    global _schema
    with _schema_lock:
        if _schema is None:
            document = schema_gate.load_document(schema_gate.DEFAULT_PATH)
            schema = schema_gate.inline(document, document["components"]["schemas"]["Event"])
            _schema = schema_gate.Validator(schema)
        errors = list(_schema.iter_errors(value))
    assert not errors, schema_gate.explain(errors)


class Silence(AssertionError):
    """Nothing came in time."""


class Cut(AssertionError):
    """The connection is gone."""


class Stream:
    """One stream. `last_id` is what a browser would send as Last-Event-ID."""

    def __init__(self, gateway, path, last_id=None, headers=None, check=True):
        self.last_id = last_id
        self.retry = None
        self.heartbeats = 0
        self._check = check
        self._raw = b""  # as it came, after the header
        self._buffer = b""  # out of its chunks
        self._is_over = False
        self._sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        fields = {"Host": "localhost", "Accept": "text/event-stream", **(headers or {})}
        if last_id is not None:
            fields["Last-Event-ID"] = str(last_id)
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self._sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self._read_header()
        self.answer = Answer(self.status, self.headers, b"" if self.status == 200 else self._read_body())
        if check:
            check_answer("GET", path, self.answer)
        if self.status == 200:
            assert self.answer.header("Content-Type") == "text/event-stream"
            assert self.answer.header("Cache-Control") == "no-store"
            assert self.answer.header("X-Accel-Buffering") == "no"
            assert self.answer.header("Transfer-Encoding") == "chunked"

    def _read_header(self):
        while b"\r\n\r\n" not in self._raw:
            piece = self._sock.recv(65536)
            assert piece, f"the connection ended in the header: {self._raw!r}"
            self._raw += piece
        header, self._raw = self._raw.split(b"\r\n\r\n", 1)
        first, *lines = header.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = [tuple(line.split(": ", 1)) for line in lines]

    def _read_body(self):
        length = next(int(value) for name, value in self.headers if name == "Content-Length")
        while len(self._raw) < length:
            self._raw += self._sock.recv(65536)
        return self._raw

    def close(self):
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _unchunk(self):
        """Moves whole chunks on."""
        while not self._is_over and b"\r\n" in self._raw:
            size, rest = self._raw.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            assert rest[length:length + 2] == b"\r\n"
            self._buffer += rest[:length]
            self._raw = rest[length + 2:]
            self._is_over = length == 0

    def _block(self, timeout):
        """The next block of lines; None at the end of the stream. Silence when nothing comes in time."""
        until = time.monotonic() + timeout
        if timeout <= 0:
            raise Silence("nothing but comments came in time")
        self._unchunk()
        while b"\n\n" not in self._buffer:
            if self._is_over:
                assert not self._buffer, "the stream ended in the middle of an event"
                return None
            self._sock.settimeout(max(0.001, until - time.monotonic()))
            try:
                piece = self._sock.recv(65536)
            except TimeoutError:
                raise Silence(f"nothing came within {timeout} s; at hand: {self._buffer!r}") from None
            if not piece:
                raise Cut("the connection ended before the stream did")
            self._raw += piece
            self._unchunk()
        block, self._buffer = self._buffer.split(b"\n\n", 1)
        return block.decode()

    def next(self, timeout=20):
        """The next event; None when the stream has ended."""
        until = time.monotonic() + timeout
        while True:
            block = self._block(until - time.monotonic())
            if block is None:
                return None
            fields = collections.defaultdict(list)
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                fields[name].append(value.removeprefix(" "))
            assert set(fields) <= {"", "id", "event", "data", "retry"}, block
            if "id" in fields:
                self.last_id = fields["id"][0]
            if "retry" in fields:
                self.retry = int(fields["retry"][0])
            self.heartbeats += fields[""].count("hb")
            if "data" in fields:
                break
        assert len(fields["data"]) == len(fields["event"]) == 1, block
        value = json.loads(fields["data"][0])
        if self._check:
            check_event(value)
        assert value["type"] == fields["event"][0]
        if value["id"] is not None:
            assert [value["id"]] == fields["id"]
        return Event(value["id"], value["type"], value["job_id"], value["data"], value)

    def until(self, type_, job=None, timeout=20):
        """All events up to the first of that type (and job), which is the last of them."""
        seen = []
        until = time.monotonic() + timeout
        while True:
            event = self.next(max(0.01, until - time.monotonic()))
            assert event is not None, f"the stream ended before {type_}: {[each.type for each in seen]}"
            seen.append(event)
            if event.type == type_ and (job is None or event.job == job["id"]):
                return seen

    def rest(self, timeout=20):
        """All events up to the end of the stream."""
        return list(iter(lambda: self.next(timeout), None))

    def quiet(self, seconds):
        """Events of the next seconds, however few; also when the stream ends meanwhile."""
        seen, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                event = self.next(left)
            except (Silence, Cut, ConnectionError):
                break
            if event is None:
                break
            seen.append(event)
        return seen


def listen(gateway, path="/v1/events", **what):
    return Stream(gateway, path, **what)


def durable(events):
    return [event for event in events if event.id is not None]


def types(events, job=None):
    """Of the durable ones."""
    return [event.type for event in durable(events) if job is None or event.job == job["id"]]


def poll(gateway, path="/v1/events", **query):
    """One page of a long-poll."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return gateway.json("GET", path + ("?" + text if text else ""), headers={"Accept": "application/json"})
