"""The fault plan: what shall go wrong, how often, and for which prompts.

A plan is an object `{name: parameters}`. Parameters are an object, a list of objects (several faults of one
kind), `true`, or a scalar that stands for the fault's main parameter: `{"history_late_ms": 300}`.
Three parameters belong to every fault: `count` (how many times it strikes, default always), `after` (how many
chances it lets pass first) and `match` (a text that must occur in the raw body of the prompt's POST or in its
prompt_id; faults that belong to no prompt ignore it).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

#: name -> (main parameter or "", help)
KINDS: Dict[str, tuple] = {
    "ws_drop_after": ("messages", "messages=N or event=TYPE: cut the socket after it; mode=abort|close"),
    "ws_refuse": ("status", "status=403|500|...|'reset': handshake fails"),
    "ws_swallow": ("types", "types=[...] or 'all': these messages are not delivered; 'preview' = binary frames"),
    "ws_duplicate": ("types", "types=[...] or 'all': delivered twice"),
    "ws_delay_ms": ("ms", "ms, types: the ONE delivery loop waits before these"),
    "ws_reorder": ("order", "order=[labels or 0..7]: a prompt's messages are held to its end, then sent in this order"),
    "ws_only": ("labels", "labels=[...]: of the 8 lifecycle labels of a prompt only these are delivered"),
    "ws_junk": ("text", "text or hex: sent before execution_start"),
    "history_late_ms": ("ms", "ms: history filled late; keep_in_queue=true|false (job stays in running meanwhile)"),
    "history_forget": ("", "the entry is never written"),
    "http_fail": ("path", "path, method, status=500 | mode='reset'|'close', body"),
    "http_hang": ("path", "path, method, ms: no answer, then the connection is closed"),
    "http_delay": ("path", "path, method, ms: answered late"),
    "prompt_reply_lost": ("", "prompt is queued, connection closed without an answer"),
    "prompt_reply_lost_before": ("", "prompt is NOT queued, connection closed without an answer"),
    "prompt_refuse": ("status", "POST /prompt answers status with {error,node_errors}: type, message"),
    "node_errors_with_200": ("", "the 200 names a bad output node"),
    "view_truncate": ("bytes", "bytes: so many are sent of the promised Content-Length, then cut"),
    "view_404": ("", "/view: 404"),
    "upload_fail": ("status", "status=500: /upload/*"),
    "worker_dead": ("", "the worker thread ends when it takes this prompt"),
    "never_end": ("", "the prompt hangs in its first node and ignores interrupts"),
    "interrupt_lost": ("", "interrupt and cancel of a running job answer 200 and do nothing"),
    "crash_at": ("phase", "phase=accepted|start|progress|executed|success|end|view; mode=kill|restart, down_ms"),
    "big_preview": ("bytes", "previews are padded to this many bytes"),
    "big_message": ("mib", "a text message of so many MiB comes after execution_start; type"),
    "progress_storm": ("messages", "so many extra progress messages in the first node"),
}


def describe_faults() -> str:
    """The table for --help."""
    return "\n".join(f"  {name:24} {text}" for name, (_, text) in KINDS.items())


class BadPlan(ValueError):
    """The plan names an unknown fault or has parameters of a wrong shape."""


@dataclass
class Fault:
    """One entry of the plan with its own counters."""

    kind: str
    params: Dict[str, Any]
    chances: int = 0
    struck: int = 0

    def get(self, key: str, default: Any = None) -> Any:
        return self.params.get(key, default)

    def types(self) -> Any:
        """`types` as a set, or "all"."""
        types = self.params.get("types", "all")
        return types if types == "all" else set([types] if isinstance(types, str) else types)

    def covers(self, message_type: str) -> bool:
        types = self.types()
        return types == "all" or message_type in types

    def fits(self, subject: Optional["Subject"]) -> bool:
        text = self.params.get("match")
        return text is None or (subject is not None and subject.mentions(text))

    def take(self) -> bool:
        """Count this chance; true if the fault strikes now."""
        self.chances += 1
        if self.chances <= self.params.get("after", 0):
            return False
        count = self.params.get("count")
        if count is not None and self.struck >= count:
            return False
        self.struck += 1
        return True

    def describe(self) -> Dict[str, Any]:
        return {**self.params, "struck": self.struck, "chances": self.chances}


@dataclass(frozen=True)
class Subject:
    """The prompt that a fault may be limited to."""

    prompt_id: str
    raw: bytes = field(repr=False)

    def mentions(self, text: str) -> bool:
        return text in self.prompt_id or text.encode() in self.raw


class FaultPlan:
    """The current plan. Asked by the event loop and by the worker thread."""

    def __init__(self, plan: Any = None) -> None:
        self._lock = threading.Lock()
        self._faults: Dict[str, List[Fault]] = {}
        self.replace(plan or {})

    def replace(self, plan: Any) -> None:
        if not isinstance(plan, dict):
            raise BadPlan("a fault plan is an object {name: parameters}")
        faults: Dict[str, List[Fault]] = {}
        for kind, value in plan.items():
            if kind not in KINDS:
                raise BadPlan(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
            entries = value if self._is_list_of_faults(value) else [value]
            faults[kind] = [Fault(kind, self._params(kind, entry)) for entry in entries]
        with self._lock:
            self._faults = faults

    @staticmethod
    def _is_list_of_faults(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)

    @staticmethod
    def _params(kind: str, value: Any) -> Dict[str, Any]:
        if isinstance(value, dict):
            return dict(value)
        if value is True:
            return {}
        main = KINDS[kind][0]
        if not main or value is None or value is False:
            raise BadPlan(f"{kind}: give an object, a list of objects or true")
        return {main: value}

    def has(self, kind: str) -> bool:
        return kind in self._faults

    def strike(self, kind: str, subject: Optional[Subject] = None, **wanted: Any) -> Optional[Fault]:
        """The first fault of this kind that applies now, counted; or None.

        `wanted` are predicates by parameter name: the fault's value (None if absent) is given to each.
        """
        if kind not in self._faults:
            return None
        with self._lock:
            for fault in self._faults.get(kind, []):
                if fault.fits(subject) and all(test(fault.get(name)) for name, test in wanted.items()):
                    if fault.take():
                        return fault
        return None

    def describe(self) -> Dict[str, Any]:
        with self._lock:
            return {kind: [fault.describe() for fault in faults] for kind, faults in self._faults.items()}
