"""One life of the server: everything that a real ComfyUI loses when its process ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Dict, Optional

from comfy_sim.cache import ResultCache
from comfy_sim.execution import Execution, LifeEnded
from comfy_sim.faults import Subject
from comfy_sim.nodes.base import Interrupted
from comfy_sim.prompt_queue import Item, PromptQueue
from comfy_sim.sockets import Message, Sockets

if TYPE_CHECKING:
    from comfy_sim.server import Sim


class Life:
    """Queue, history, cache, counter, sockets and the worker thread."""

    def __init__(self, sim: "Sim", loop: asyncio.AbstractEventLoop) -> None:
        self._sim = sim
        self._loop = loop
        self.options = sim.options
        self.traits = sim.options.traits
        self.folders = sim.folders
        self.faults = sim.faults
        self.journal = sim.journal
        self.number = 0
        self.client_id: Optional[str] = None
        self.last_node_id: Optional[str] = None
        self.ended = threading.Event()
        self.cache = ResultCache()
        self.sockets = Sockets(loop, sim.faults)
        self.queue = PromptQueue(self.queue_updated)
        self._interrupt = False
        self._interrupt_lock = threading.Lock()
        self._delivery = loop.create_task(self.sockets.deliver_forever())
        self.worker_alive = False
        self._worker_shall_die = False
        self.start_worker()

    def end(self) -> None:
        """All is forgotten. The worker thread finds out by itself."""
        self.ended.set()
        self.queue.close()
        self._delivery.cancel()

    def queue_updated(self) -> None:
        self.sockets.post(Message("status", {"status": self.status()}, None))

    def status(self) -> Dict[str, Any]:
        return {"exec_info": {"queue_remaining": self.queue.remaining()}}

    def subject(self, item: Item) -> Subject:
        return Subject(item[1], self.journal.raw(item[5]))

    # -- interrupts ---------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        running = self.queue.running_items()
        if running and self.faults.strike("interrupt_lost", self.subject(running[0])):
            return
        with self._interrupt_lock:
            self._interrupt = True

    def reset_interrupt(self) -> None:
        with self._interrupt_lock:
            self._interrupt = False

    def raise_if_interrupted(self) -> None:
        if self.ended.is_set():
            raise LifeEnded
        with self._interrupt_lock:
            if self._interrupt:
                self._interrupt = False
                raise Interrupted

    # -- the worker thread --------------------------------------------------------------------------------------

    def start_worker(self) -> None:
        if not self.worker_alive:
            self.worker_alive = True
            self._worker_shall_die = False
            threading.Thread(target=self._work, name="worker", daemon=True).start()

    def kill_worker(self) -> None:
        """The thread ends before it takes another job; HTTP and ws go on as if nothing had happened."""
        self._worker_shall_die = True
        self.queue.set_flag("die", True)

    def _work(self) -> None:
        try:
            while not self.ended.is_set() and not self._worker_shall_die:
                self._take_flags()
                try:
                    taken = self.queue.get()
                except TypeError:
                    return  # two jobs with equal number and prompt_id met in the heap (recording 19)
                if taken is not None and not self._run(*taken):
                    return
        except LifeEnded:
            return
        finally:
            self.worker_alive = False

    def _take_flags(self) -> None:
        flags = self.queue.take_flags()
        if flags.get("free_memory"):
            self.cache.clear()

    def _run(self, task: int, item: Item) -> bool:
        """One job. False: the worker dies of it."""
        prompt_id, post = item[1], item[5]
        subject = self.subject(item)
        if self.faults.strike("worker_dead", subject):
            return False
        self._refuse_unusable_client_id(item)
        self.journal.started(post, prompt_id)
        execution = Execution(self, item, subject)
        execution.run()
        if not self._is_json(execution.ui_outputs):
            self._process_ends("a node's output cannot be written as JSON")
        self.crash_point("success", subject)
        hidden_for = self._late_history(subject)
        entry: Optional[Dict[str, Any]] = {
            "outputs": execution.ui_outputs,
            "status": {"status_str": "success" if execution.success else "error", "completed": execution.success,
                       "messages": [list(message) for message in execution.messages]},
            "meta": {node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None,
                               "real_node_id": node_id} for node_id in execution.ui_outputs},
        }
        if self.faults.strike("history_forget", subject):
            entry = None
        if self.ended.is_set():
            raise LifeEnded
        self.journal.finished(post, prompt_id, execution.messages[-1][0])
        self.last_node_id = None
        self.queue.done(task, entry, hidden_for)
        if self.client_id is not None:
            self.sockets.post(Message("executing", {"node": None, "prompt_id": prompt_id}, self.client_id,
                                      prompt_id=prompt_id, subject=subject))
        self.crash_point("end", subject)
        return True

    def _late_history(self, subject: Subject) -> float:
        """The real gap is between execution_success and the history entry; the job counts as running in it."""
        late = self.faults.strike("history_late_ms", subject)
        if late is None:
            return 0.0
        seconds = late.get("ms", 0) / 1000
        if late.get("keep_in_queue", True):
            self.ended.wait(seconds)
            return 0.0
        return seconds

    def _refuse_unusable_client_id(self, item: Item) -> None:
        try:
            hash(item[3].get("client_id"))
        except TypeError:
            self._process_ends("client_id is not hashable (recording 23)")

    @staticmethod
    def _is_json(value: Any) -> bool:
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            return False
        return True

    def _process_ends(self, why: str) -> None:
        self.journal.note("process_ends", why=why)
        os.kill(os.getpid(), signal.SIGTERM)
        raise LifeEnded

    # -- the end of the process, as a fault ---------------------------------------------------------------------

    def crash_point(self, phase: str, subject: Optional[Subject]) -> None:
        fault = self.faults.strike("crash_at", subject, phase=lambda value: value == phase)
        if fault is None:
            return
        self.journal.note("crash", phase=phase)
        if fault.get("mode", "kill") == "restart":
            self._loop.call_soon_threadsafe(self._sim.restart_soon, fault.get("down_ms", 0), 0.0)
            self.ended.set()
            raise LifeEnded
        os.kill(os.getpid(), signal.SIGKILL)
