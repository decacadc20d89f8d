"""Which nodes of a prompt have to run, and in what order."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Set

from comfy_sim.nodes import REGISTRY
from comfy_sim.validate import is_link


def links(body: Dict[str, Any]) -> List[str]:
    """Ids of the nodes that a node takes its inputs from (declared inputs only)."""
    node_class = REGISTRY[body["class_type"]]
    inputs = body["inputs"]
    return [inputs[name][0] for name in (*node_class.required, *node_class.optional)
            if name in inputs and is_link(inputs[name])]


class Schedule:
    """The nodes still to come. Cached nodes are leaves: nothing upstream of them is staged."""

    def __init__(self, prompt: Dict[str, Any], outputs: List[str], is_cached: Callable[[str], bool]) -> None:
        self._prompt = prompt
        self._waits_for: Dict[str, Set[str]] = {}
        self._feeds: Dict[str, List[str]] = {}
        todo = list(outputs)
        while todo:
            node_id = todo.pop(0)
            if node_id in self._waits_for:
                continue
            self._waits_for[node_id] = set()
            if is_cached(node_id):
                continue
            for source in links(prompt[node_id]):
                if not is_cached(source):
                    self._waits_for[node_id].add(source)
                    self._feeds.setdefault(source, []).append(node_id)
                    todo.append(source)

    def __bool__(self) -> bool:
        return bool(self._waits_for)

    def pick(self) -> str:
        """Output nodes as early as possible, then nodes that lead to one soonest: what the user waits for first."""
        ready = [node_id for node_id, waits in self._waits_for.items() if not waits]
        if not ready:
            raise RuntimeError("dependency cycle")
        return min(ready, key=self._distance)

    def _distance(self, node_id: str) -> int:
        if self._is_output(node_id):
            return 0
        near = self._feeds.get(node_id, [])
        if any(self._is_output(other) for other in near):
            return 1
        if any(self._is_output(far) for other in near for far in self._feeds.get(other, [])):
            return 2
        return 3

    def _is_output(self, node_id: str) -> bool:
        return REGISTRY[self._prompt[node_id]["class_type"]].output_node

    def finished(self, node_id: str) -> None:
        del self._waits_for[node_id]
        for other in self._feeds.get(node_id, []):
            self._waits_for[other].discard(node_id)
