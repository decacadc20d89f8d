"""One prompt's run through its nodes, with the events that it causes, in the recorded order."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from PIL import Image

from comfy_sim.cache import signatures
from comfy_sim.faults import Subject
from comfy_sim.graph import Schedule, links
from comfy_sim.nodes import REGISTRY, Result, Running
from comfy_sim.nodes.base import Interrupted
from comfy_sim.prompt_queue import Item
from comfy_sim.sockets import Message, preview_frame, preview_frame_with_metadata, text_frame

if TYPE_CHECKING:
    from comfy_sim.life import Life

#: newer releases report progress without a preview at most this often
PROGRESS_INTERVAL = 0.1


class LifeEnded(BaseException):
    """The server that this worker belongs to is no more (simulated restart, exit). Leaves no trace."""


def now_ms() -> int:
    return int(time.time() * 1000)


def _shown(value: Any) -> str:
    """A node input as execution_error prints it."""
    if isinstance(value, list) and value and isinstance(value[0], Image.Image):
        return f"tensor(comfy-sim picture batch [{len(value)}, {value[0].height}, {value[0].width}, 3])"
    return str(value)


class Execution(Running):
    """Runs in the worker thread."""

    def __init__(self, life: "Life", item: Item, subject: Subject) -> None:
        _, self.prompt_id, self.prompt, self.extra_data, self._outputs = item[:5]
        self._life = life
        self._subject = subject
        self._client_id: Optional[str] = self.extra_data.get("client_id")
        self.options = life.options
        self.folders = life.folders
        self.node_id = ""
        self._results: Dict[str, Result] = {}
        self._executed: List[str] = []
        self._states: Dict[str, Dict[str, Any]] = {}
        self._last_report = 0.0
        self.messages: List[Tuple[str, Dict[str, Any]]] = []
        self.ui_outputs: Dict[str, Any] = {}
        self.success = False

    # -- what nodes may call ------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        if self._life.ended.wait(seconds) if seconds > 0 else self._life.ended.is_set():
            raise LifeEnded

    def progress(self, value: float, maximum: float, preview: Optional[Image.Image] = None,
                 image_format: str = "JPEG") -> None:
        now = time.monotonic()
        quiet = (self._life.traits.modern and preview is None and value < maximum
                 and now - self._last_report < PROGRESS_INTERVAL)
        if quiet:
            return
        self._last_report = now
        self._life.raise_if_interrupted()
        self._crash_point("progress")
        state = self._states[self.node_id]
        state.update(value=value, max=maximum)
        self._send_states()
        with_metadata = preview is not None and self._life.sockets.wants_metadata(self._client_id)
        if with_metadata:
            self._send_preview(preview, image_format, with_metadata=True)
        self._send("progress", {"value": value, "max": maximum, "prompt_id": self.prompt_id, "node": self.node_id})
        if preview is not None and not with_metadata:
            self._send_preview(preview, image_format, with_metadata=False)

    def progress_text(self, text: str) -> None:
        self._life.sockets.post(Message("text", None, self._client_id, frame=text_frame(self.node_id, text),
                                        prompt_id=self.prompt_id, subject=self._subject))

    # -- the run ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        self._life.client_id = self._client_id
        self._life.reset_interrupt()
        self._add_message("execution_start", {"prompt_id": self.prompt_id})
        self._crash_point("start")
        self._start_faults()
        keys = signatures(self.prompt, self.folders)
        cache = self._life.cache
        cache.keep_only(keys)
        cached = [node_id for node_id in self.prompt if cache.get(keys.get(node_id)) is not None]
        self._results = {node_id: cache.get(keys[node_id]) for node_id in cached}
        self._add_message("execution_cached", {"nodes": cached, "prompt_id": self.prompt_id})
        schedule = Schedule(self.prompt, self._outputs, self._results.__contains__)
        while schedule:
            node_id = self.node_id = schedule.pick()
            if node_id in self._results:
                self._resend(node_id, self._results[node_id])
            elif self._execute(node_id):
                cache.put(keys[node_id], self._results[node_id])
            else:
                return
            schedule.finished(node_id)
        self.success = True
        self._add_message("execution_success", {"prompt_id": self.prompt_id})

    def _resend(self, node_id: str, result: Result) -> None:
        """A cached output node: its old result is told again, without `executing`."""
        if self._client_id is not None:
            self._send("executed", {"node": node_id, "display_node": node_id, "output": result.ui,
                                    "prompt_id": self.prompt_id})
        if result.ui is not None:
            self.ui_outputs[node_id] = result.ui
        self._set_state(node_id, 1, 1, "finished")

    def _execute(self, node_id: str) -> bool:
        """False when the job has ended here."""
        node_class = REGISTRY[self.prompt[node_id]["class_type"]]
        self._last_report = 0.0
        self._set_state(node_id, 0.0, 1.0, "running")
        self._life.last_node_id = node_id
        if self._client_id is not None:
            self._send("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.prompt_id})
        values: Dict[str, Any] = {}
        try:
            values = self._inputs(node_id)
            self._life.raise_if_interrupted()
            self._first_node_faults()
            result = node_class.run(self, **values)
        except Interrupted:
            self._add_message("execution_interrupted", {
                "prompt_id": self.prompt_id, "node_id": node_id, "node_type": node_class.name,
                "executed": list(self._executed)}, to_all=True)
            return False
        except Exception as error:
            self._fail(node_id, node_class.name, values, error)
            return False
        self._results[node_id] = result
        self._executed.append(node_id)
        if result.ui is not None:
            self.ui_outputs[node_id] = result.ui
            if self._client_id is not None:
                self._send("executed", {"node": node_id, "display_node": node_id, "output": result.ui,
                                        "prompt_id": self.prompt_id})
            self._crash_point("executed")
        state = self._states[node_id]
        self._set_state(node_id, state["max"], state["max"], "finished")
        return True

    def _inputs(self, node_id: str) -> Dict[str, Any]:
        body = self.prompt[node_id]
        node_class = REGISTRY[body["class_type"]]
        linked = set(links(body))
        values: Dict[str, Any] = {}
        for name in (*node_class.required, *node_class.optional):
            if name in body["inputs"]:
                value = body["inputs"][name]
                is_link = isinstance(value, list) and value[0] in linked
                values[name] = self._results[value[0]].values[value[1]] if is_link else value
        return values

    def _fail(self, node_id: str, node_type: str, values: Dict[str, Any], error: Exception) -> None:
        kind = type(error)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        self._add_message("execution_error", {
            "prompt_id": self.prompt_id, "node_id": node_id, "node_type": node_type, "executed": list(self._executed),
            "exception_message": f"{error}\n", "exception_type": name,
            "traceback": [f'  File "/opt/comfy-sim/execution.py", line {line}, in {function}\n    {source}\n'
                          for line, function, source in ((1, "execute", "comfy-sim has no source line to show"),
                                                         (2, "run", f"raise {kind.__name__}"))],
            "current_inputs": {name: [_shown(value)] for name, value in values.items()},
            "current_outputs": list(self.prompt),
        })

    # -- messages -----------------------------------------------------------------------------------------------

    def _send(self, kind: str, data: Dict[str, Any]) -> None:
        """To the job's client, or to everybody when the job has none."""
        self._life.sockets.post(Message(kind, data, self._client_id, prompt_id=self.prompt_id, subject=self._subject))

    def _add_message(self, kind: str, data: Dict[str, Any], to_all: bool = False) -> None:
        """A message that also goes into the history's status.messages."""
        data = {**data, "timestamp": now_ms()}
        self.messages.append((kind, data))
        if self._client_id is not None or to_all:
            self._send(kind, data)

    def _set_state(self, node_id: str, value: float, maximum: float, state: str) -> None:
        self._states[node_id] = {
            "value": value, "max": maximum, "state": state, "node_id": node_id, "prompt_id": self.prompt_id,
            "display_node_id": node_id, "parent_node_id": None, "real_node_id": node_id}
        self._send_states()

    def _send_states(self) -> None:
        nodes = {node_id: dict(state) for node_id, state in self._states.items()}
        self._send("progress_state", {"prompt_id": self.prompt_id, "nodes": nodes})

    def _send_preview(self, image: Image.Image, image_format: str, with_metadata: bool) -> None:
        buffer = io.BytesIO()
        image.save(buffer, image_format, **({"quality": 85} if image_format == "JPEG" else {"compress_level": 1}))
        encoded = buffer.getvalue()
        fault = self._life.faults.strike("big_preview", self._subject)
        if fault:
            encoded += bytes(max(0, fault.get("bytes", 0) - len(encoded)))
        if with_metadata:
            frame = preview_frame_with_metadata(encoded, {
                "node_id": self.node_id, "prompt_id": self.prompt_id, "display_node_id": self.node_id,
                "parent_node_id": None, "real_node_id": self.node_id, "image_type": f"image/{image_format.lower()}"})
        else:
            frame = preview_frame(encoded, image_format)
        self._life.sockets.post(Message("preview", None, self._client_id, frame=frame, prompt_id=self.prompt_id,
                                        subject=self._subject))

    # -- faults -------------------------------------------------------------------------------------------------

    def _crash_point(self, phase: str) -> None:
        self._life.crash_point(phase, self._subject)

    def _start_faults(self) -> None:
        faults = self._life.faults
        junk = faults.strike("ws_junk", self._subject)
        if junk:
            frame = bytes.fromhex(junk.get("hex")) if junk.get("hex") is not None else None
            self._life.sockets.post_raw(self._client_id, junk.get("text", "{not json"), frame)
        big = faults.strike("big_message", self._subject)
        if big:
            self._send(big.get("type", "sim_text"), {
                "prompt_id": self.prompt_id, "text": "x" * int(big.get("mib", 1) * 1024 * 1024)})

    def _first_node_faults(self) -> None:
        faults = self._life.faults
        if self._executed:
            return
        storm = faults.strike("progress_storm", self._subject)
        for value in range(storm.get("messages", 1000) if storm else 0):
            self._send("progress", {"value": value, "max": storm.get("messages", 1000), "prompt_id": self.prompt_id,
                                    "node": self.node_id})
        if faults.strike("never_end", self._subject):
            while True:
                self.sleep(3600)
