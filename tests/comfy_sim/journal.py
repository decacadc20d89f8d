"""What comfy-sim remembers about its callers, for the checkers of tests and campaigns.

Two forms: counters and lists in memory (GET /sim/log), which outlive a simulated restart, and an optional file
with one JSON line per event, which outlives kill -9 as well. Times are wall clock seconds.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, OrderedDict, deque
from itertools import islice
from pathlib import Path
from typing import Any, Deque, Dict, List, Optional


#: bytes of request bodies that are kept; the oldest go first
MAXIMUM_RAW = 256 * 1024 * 1024


class Journal:
    """Called from the event loop and the worker thread; one lock covers all."""

    def __init__(self, keep: int, path: Optional[Path] = None) -> None:
        self._lock = threading.Lock()
        self._keep = keep
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if path else None
        self.requests: Counter = Counter()
        self.statuses: Counter = Counter()
        self.origins: Counter = Counter()
        self.in_flight = 0
        self.max_in_flight = 0
        self.lives = 1
        self.ws_opened = 0
        self.ws_refused = 0
        self.ws_open: Dict[int, str] = {}
        self.ws_closed: Deque[Dict[str, Any]] = deque(maxlen=1000)
        self.posts: "OrderedDict[int, Dict[str, Any]]" = OrderedDict()
        self._raw: "OrderedDict[int, bytes]" = OrderedDict()
        self._raw_bytes = 0
        self._posted = 0
        self.prompts: "OrderedDict[int, Dict[str, Any]]" = OrderedDict()
        self.executions: Counter = Counter()

    def _line(self, event: str, **fields: Any) -> None:
        """One write(2) of one line: whole or absent, and in the page cache at once."""
        if self._file is not None:
            record = {"t": time.time(), "event": event, **fields}
            os.write(self._file, (json.dumps(record, default=str) + "\n").encode())

    def request_begins(self, method: str, path: str, origin: Optional[str], trace: Optional[str] = None) -> None:
        with self._lock:
            if trace is not None:
                self._line("traced", request=f"{method} {path}", traceparent=trace)
            self.requests[f"{method} {path}"] += 1
            if origin is not None:
                self.origins[origin] += 1
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def request_ends(self, method: str, path: str, status: str) -> None:
        with self._lock:
            self.in_flight -= 1
            self.statuses[f"{method} {path} {status}"] += 1

    def post_arrived(self, raw: bytes) -> int:
        """A POST /prompt with its body as it came; the number names it from here on."""
        with self._lock:
            number = self._posted
            self._posted += 1
            self.posts[number] = {"n": number, "bytes": len(raw), "received_at": time.time(), "prompt_id": None,
                                  "status": None}
            if len(self.posts) > self._keep:
                self.posts.popitem(last=False)
            self._raw[number] = raw
            self._raw_bytes += len(raw)
            while len(self._raw) > self._keep or self._raw_bytes > MAXIMUM_RAW:
                self._raw_bytes -= len(self._raw.popitem(last=False)[1])
            return number

    def post_answered(self, number: int, status: Any, prompt_id: Optional[str]) -> None:
        with self._lock:
            if number in self.posts:
                self.posts[number].update(status=status, prompt_id=prompt_id)

    def raw(self, number: int) -> bytes:
        return self._raw.get(number, b"")

    def raw_of_prompt(self, prompt_id: str) -> Optional[bytes]:
        with self._lock:
            for number in reversed(self.posts):
                if self.posts[number]["prompt_id"] == prompt_id:
                    return self._raw.get(number)
        return None

    def accepted(self, post: int, prompt_id: str, number: Any, extra_data: Dict[str, Any]) -> None:
        with self._lock:
            self.prompts[post] = {
                "prompt_id": prompt_id, "number": number, "client_id": extra_data.get("client_id"),
                "received_at": time.time(), "started_at": None, "finished_at": None, "result": None,
                "life": self.lives,
            }
            if len(self.prompts) > self._keep:
                _, oldest = self.prompts.popitem(last=False)
                self.executions.pop(oldest["prompt_id"], None)
            self._line("accepted", prompt_id=prompt_id, number=number, post=post, extra_data=extra_data)

    def started(self, post: int, prompt_id: str) -> None:
        with self._lock:
            self.executions[prompt_id] += 1
            if post in self.prompts:
                self.prompts[post]["started_at"] = time.time()
            self._line("started", prompt_id=prompt_id, post=post, executions=self.executions[prompt_id])

    def finished(self, post: int, prompt_id: str, result: str) -> None:
        with self._lock:
            if post in self.prompts:
                self.prompts[post].update(finished_at=time.time(), result=result)
            self._line("finished", prompt_id=prompt_id, post=post, result=result)

    def removed(self, post: int, prompt_id: str) -> None:
        with self._lock:
            if post in self.prompts:
                self.prompts[post].update(finished_at=time.time(), result="deleted")
            self._line("deleted", prompt_id=prompt_id, post=post)

    def restarted(self) -> None:
        with self._lock:
            for prompt in self.prompts.values():
                if prompt["result"] is None:
                    prompt.update(finished_at=time.time(), result="lost")
            self.lives += 1
            self._line("restart", life=self.lives)

    def ws_opens(self, key: int, client_id: str) -> None:
        with self._lock:
            self.ws_opened += 1
            self.ws_open[key] = client_id
            self._line("ws_open", client_id=client_id)

    def ws_closes(self, key: int, code: Optional[int], by: str) -> None:
        with self._lock:
            client_id = self.ws_open.pop(key, None)
            close = {"client_id": client_id, "code": code, "close_frame": code not in (None, 1006), "by": by,
                     "at": time.time()}
            self.ws_closed.append(close)
            self._line("ws_close", **close)

    def ws_refusal(self) -> None:
        with self._lock:
            self.ws_refused += 1

    def note(self, event: str, **fields: Any) -> None:
        with self._lock:
            self._line(event, **fields)

    def summary(self, newest: Optional[int] = None) -> Dict[str, Any]:
        """All counters; of the prompts only the `newest` so many, if given."""
        with self._lock:
            skipped = 0 if newest is None else max(0, len(self.prompts) - newest)
            prompts: List[Dict[str, Any]] = [
                {**prompt, "executions": self.executions[prompt["prompt_id"]]}
                for prompt in islice(self.prompts.values(), skipped, None)
            ]
            return {
                "lives": self.lives,
                "ws_opened": self.ws_opened,
                "ws_open": len(self.ws_open),
                "ws_open_client_ids": list(self.ws_open.values()),
                "ws_refused": self.ws_refused,
                "ws_closes": list(self.ws_closed),
                "prompts": prompts,
                "requests": dict(self.requests),
                "statuses": dict(self.statuses),
                "max_concurrent_requests": self.max_in_flight,
                "origins": dict(self.origins),
            }
