"""The prompt queue: a heap of pending jobs, the ones running, and the history. All of it in memory.

The heap holds plain tuples, as the original's does. That is not laziness: two entries with equal number and
equal prompt_id make Python compare the prompts (dicts), and the TypeError, raised in the POST handler or in the
worker thread, is behaviour that the gateway must never provoke and that the tests must be able to show.
"""

from __future__ import annotations

import copy
import heapq
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

MAXIMUM_HISTORY = 10000

#: (number, prompt_id, prompt, extra_data, outputs to execute, post number)
Item = Tuple[Any, str, Dict[str, Any], Dict[str, Any], List[str], int]


class PromptQueue:
    """`changed` is called after each change that clients are told of by a `status` message."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.RLock()
        self._not_empty = threading.Condition(self._lock)
        self._pending: List[Item] = []
        self._running: Dict[int, Item] = {}
        self._task_counter = 0
        self._history: Dict[str, Dict[str, Any]] = {}
        self._visible_at: Dict[str, float] = {}
        self._flags: Dict[str, bool] = {}
        self._closed = False

    def put(self, item: Item) -> None:
        with self._lock:
            heapq.heappush(self._pending, item)
            self._changed()
            self._not_empty.notify()

    def get(self) -> Optional[Tuple[int, Item]]:
        """Wait for a job and move it to running; None when the queue was closed."""
        with self._not_empty:
            while not self._pending and not self._flags and not self._closed:
                self._not_empty.wait()
            if self._closed or not self._pending:
                return None
            item = heapq.heappop(self._pending)
            task = self._task_counter
            self._task_counter += 1
            self._running[task] = item
            self._changed()
            return task, item

    def done(self, task: int, entry: Optional[Dict[str, Any]], hidden_for: float = 0.0) -> None:
        """Move a job from running to history in one step. `entry` None: it leaves no trace."""
        with self._lock:
            item = self._running.pop(task)
            prompt_id = item[1]
            if entry is not None:
                if len(self._history) > MAXIMUM_HISTORY:
                    self._history.pop(next(iter(self._history)))
                self._history[prompt_id] = {"prompt": self.shown(item), "outputs": {}, **entry}
                if hidden_for:
                    self._visible_at[prompt_id] = time.monotonic() + hidden_for
            self._changed()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._not_empty.notify_all()

    def wake(self) -> None:
        with self._lock:
            self._not_empty.notify_all()

    @staticmethod
    def shown(item: Item) -> List[Any]:
        return list(item[:5])

    def remaining(self) -> int:
        with self._lock:
            return len(self._pending) + len(self._running)

    def running_items(self) -> List[Item]:
        with self._lock:
            return list(self._running.values())

    def pending_items(self) -> List[Item]:
        """In heap order, which is not the order of execution."""
        with self._lock:
            return list(self._pending)

    def clear(self) -> List[Item]:
        with self._lock:
            removed, self._pending = self._pending, []
            self._changed()
            return removed

    def delete(self, prompt_id: Any) -> List[Item]:
        """Remove the first pending job of that id. The last one left is removed by a clear, hence two `status`."""
        with self._lock:
            for index, item in enumerate(self._pending):
                if item[1] == prompt_id:
                    if len(self._pending) == 1:
                        removed = self.clear()
                    else:
                        removed = [self._pending.pop(index)]
                        heapq.heapify(self._pending)
                    self._changed()
                    return removed
            return []

    def history(self, prompt_id: Optional[str] = None, max_items: Optional[int] = None,
                offset: int = -1) -> Dict[str, Any]:
        with self._lock:
            if prompt_id is not None:
                entry = self._visible(prompt_id)
                return {prompt_id: copy.copy(entry)} if entry is not None else {}
            ids = [key for key in self._history if self._visible(key) is not None]
            if offset < 0 and max_items is not None:
                offset = len(ids) - max_items
            start = max(offset, 0)
            stop = len(ids) if max_items is None else start + max_items
            return {key: self._history[key] for key in ids[start:stop]}

    def _visible(self, prompt_id: str) -> Optional[Dict[str, Any]]:
        if self._visible_at and self._visible_at.get(prompt_id, 0) > time.monotonic():
            return None
        return self._history.get(prompt_id)

    def forget(self, prompt_id: Any) -> None:
        with self._lock:
            self._history.pop(prompt_id, None)

    def forget_all(self) -> None:
        with self._lock:
            self._history.clear()

    def set_flag(self, name: str, value: bool) -> None:
        """/free: the worker acts on it between jobs, or at once when it idles."""
        with self._lock:
            self._flags[name] = value
            self._not_empty.notify()

    def take_flags(self) -> Dict[str, bool]:
        with self._lock:
            flags, self._flags = self._flags, {}
            return flags
