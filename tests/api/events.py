"""Listening to events, strictly: a reader of Server-Sent Events that holds all it sees to the contract.

    with listen(gateway, "/v1/events") as stream:
        assert stream.next().type == "snapshot"
        job = gateway.json("POST", "/v1/jobs", json={...})
        stream.until("job.succeeded", job)
"""
import collections
import http.client
import json
import select
import threading
import time

import schema_gate
from gateway import Answer, check_answer

Event = collections.namedtuple("Event", "id type job data json")

_schema = None
_schema_lock = threading.Lock()
_last = collections.OrderedDict()


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


class Stream:
    """One stream. `last_id` is what a browser would send as Last-Event-ID."""

    def __init__(self, gateway, path, last_id=None, headers=None, check=True, sndbuf=None):
        self.last_id = last_id
        self.retry = None
        self.heartbeats = 0
        self.is_over = False
        self._check = check
        self._buffer = b""
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        fields = {"Accept": "text/event-stream", **(headers or {})}
        if last_id is not None:
            fields["Last-Event-ID"] = str(last_id)
        self._connection.request("GET", path, headers=fields)
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.getheaders()
        is_stream = self.status == 200
        body = b"" if is_stream else self._response.read()
        self.answer = Answer(self.status, self.headers, body)
        if check:
            check_answer("GET", path, self.answer)
        if is_stream:
            assert self.answer.header("Content-Type") == "text/event-stream"
            assert self.answer.header("Cache-Control") == "no-store"
            assert self.answer.header("X-Accel-Buffering") == "no"

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self._connection.sock.fileno()

    def _block(self, timeout):
        """The next block of lines; None at the end of the stream."""
        until = time.monotonic() + timeout
        while b"\n\n" not in self._buffer:
            left = until - time.monotonic()
            assert left > 0, f"nothing came within {timeout} s; at hand: {self._buffer!r}"
            self._connection.sock.settimeout(left)
            try:
                piece = self._response.read1(65536)
            except TimeoutError:
                raise AssertionError(f"nothing came within {timeout} s") from None
            if not piece:
                assert not self._buffer, "the stream ended in the middle of an event"
                return None
            self._buffer += piece
        block, self._buffer = self._buffer.split(b"\n\n", 1)
        return block.decode()

    def next(self, timeout=20):
        """The next event; None when the stream has ended."""
        while True:
            block = self._block(timeout)
            if block is None:
                self.is_over = True
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
        """Events of the next seconds, however few."""
        seen, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if b"\n\n" not in self._buffer and not select.select([self], [], [], left)[0]:
                break
            try:
                seen.append(self.next(max(0.05, left)))
            except AssertionError:
                break
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
