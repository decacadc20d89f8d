"""The faults ws_reorder and ws_only: a prompt's messages in any order, or only some of them.

The eight lifecycle labels of a prompt, in their natural order. A label stands for all messages of its kind, which
keep their order among themselves (progress_state and previews belong to `progress`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Iterable, List

from comfy_sim.faults import FaultPlan

if TYPE_CHECKING:
    from comfy_sim.sockets import Message

LABELS = ("status", "execution_start", "execution_cached", "executing", "progress", "executed",
          "final", "done")

_FINAL = ("execution_success", "execution_error", "execution_interrupted")


def label_of(message: "Message") -> str:
    if message.type in _FINAL:
        return "final"
    if message.type == "executing":
        return "done" if message.data.get("node") is None else "executing"
    return message.type if message.type in LABELS else "progress"


def as_labels(values: Iterable[object]) -> List[str]:
    """Names, or positions in LABELS; `execution_success` and its kin are accepted for `final`."""
    names = [LABELS[value] if isinstance(value, int) else str(value) for value in values]
    return ["final" if name in _FINAL else name for name in names]


class Shuffler:
    """Holds back what belongs to a marked prompt until `executing null`, then lets it out as the plan says."""

    def __init__(self, faults: FaultPlan) -> None:
        self._faults = faults
        self._held: Dict[str, List["Message"]] = {}
        self._order: Dict[str, List[str]] = {}

    def pass_through(self, message: "Message") -> List["Message"]:
        if not self._held and not (self._faults.has("ws_reorder") or self._faults.has("ws_only")):
            return [message]
        prompt_id = message.prompt_id
        if message.type == "status":
            return self._status(message)
        if prompt_id is None:
            return [message]
        if message.type == "execution_start":
            self._mark(message)
        if prompt_id not in self._held:
            return [message]
        self._held[prompt_id].append(message)
        return self._release(prompt_id) if label_of(message) == "done" else []

    def _mark(self, message: "Message") -> None:
        fault = self._faults.strike("ws_reorder", message.subject)
        values = fault.get("order", range(8)) if fault else None
        if fault is None:
            fault = self._faults.strike("ws_only", message.subject)
            if fault is None:
                return
            wanted = as_labels(fault.get("labels", []))
            values = [label for label in LABELS if label in wanted]
        self._held[message.prompt_id] = []
        self._order[message.prompt_id] = as_labels(values)

    def _status(self, message: "Message") -> List["Message"]:
        """A status belongs to no prompt; while one is held (only one can run) it goes with that one."""
        for held in self._held.values():
            held.append(message)
            return []
        return [message]

    def _release(self, prompt_id: str) -> List["Message"]:
        held = self._held.pop(prompt_id)
        order = self._order.pop(prompt_id)
        groups: Dict[str, List["Message"]] = {label: [] for label in LABELS}
        for message in held:
            groups[label_of(message)].append(message)
        return [message for label in order for message in groups[label]]
