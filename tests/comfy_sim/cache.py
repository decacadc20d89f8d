"""The result cache: what a node gave for the same inputs is not computed again.

Only results that the newest prompt could use are kept, which is what both recorded releases did.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Optional

from comfy_sim.folders import Folders
from comfy_sim.nodes import REGISTRY, Result
from comfy_sim.validate import is_link


def signatures(prompt: Dict[str, Any], folders: Folders) -> Dict[str, str]:
    """node id -> a text that is equal exactly when the node would give the same result.

    A link is replaced by the signature it points to, so a change anywhere upstream changes all that follows.
    """
    known: Dict[str, str] = {}

    def signature(node_id: str) -> str:
        if node_id not in known:
            body = prompt[node_id]
            inputs = body["inputs"]
            parts: list = [body["class_type"]]
            for name in sorted(inputs):
                value = inputs[name]
                parts.append((name, signature(value[0]), value[1]) if is_link(value) else (name, value))
            fingerprint = REGISTRY[body["class_type"]].fingerprint
            if fingerprint is not None:
                try:
                    parts.append(fingerprint(folders, inputs))
                except OSError as error:
                    parts.append(repr(error))
            known[node_id] = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        return known[node_id]

    result: Dict[str, str] = {}
    for node_id in prompt:
        try:
            result[node_id] = signature(node_id)
        except (KeyError, TypeError, IndexError, RecursionError):
            continue  # a bad node of a prompt whose other outputs are good: it will not be asked for
    return result


class ResultCache:
    """signature -> Result. Used by the worker thread alone."""

    def __init__(self) -> None:
        self._results: Dict[str, Result] = {}

    def keep_only(self, wanted: Dict[str, str]) -> None:
        alive = set(wanted.values())
        self._results = {key: result for key, result in self._results.items() if key in alive}

    def get(self, signature: Optional[str]) -> Optional[Result]:
        return self._results.get(signature) if signature is not None else None

    def put(self, signature: str, result: Result) -> None:
        self._results[signature] = result

    def clear(self) -> None:
        self._results.clear()
