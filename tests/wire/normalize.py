"""Makes two conversations comparable: a recorded one with real ComfyUI, and the same requests put to comfy-sim.

What may differ between any two runs is taken out (ids, times, file counters, how many progress reports fit into a
node); what a client can rely on stays (which messages, in which order, with which shape).
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Optional

Names = Dict[str, str]  # prompt_id or sid -> its name in the fixture

_COUNTER = re.compile(r"_\d{5}(_?)\.")
_TEMP = re.compile(r"ComfyUI_temp_[a-z]{5}")
_REPEATED = ("progress_state", "progress", "preview")


def file_names(value: Any) -> Any:
    """`basic_00007_.png` -> `basic_#_.png`, in any JSON value."""
    if isinstance(value, str):
        return _TEMP.sub("ComfyUI_temp", _COUNTER.sub(r"_#\1.", value))
    if isinstance(value, list):
        return [file_names(item) for item in value]
    if isinstance(value, dict):
        return {key: file_names(item) for key, item in value.items()}
    return value


def strict(value: Any) -> Any:
    """NaN is not equal to itself; as text it is."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, list):
        return [strict(item) for item in value]
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    return value


def node_errors(errors: Dict[str, Any]) -> Dict[str, Any]:
    return {node: {"errors": [{"type": each["type"], "message": each["message"], "details": each["details"],
                               "extra_info": sorted(each["extra_info"])} for each in body["errors"]],
                   "dependent_outputs": sorted(body["dependent_outputs"]), "class_type": body["class_type"]}
            for node, body in errors.items()}


def history_entry(entry: Dict[str, Any]) -> Dict[str, Any]:
    return {"outputs": strict(file_names(entry["outputs"])), "meta": sorted(entry["meta"]),
            "status_str": entry["status"]["status_str"], "completed": entry["status"]["completed"],
            "messages": [message[0] for message in entry["status"]["messages"]],
            "extra_data": sorted(entry["prompt"][3]), "to_execute": sorted(entry["prompt"][4])}


def job(body: Dict[str, Any]) -> Dict[str, Any]:
    return {"status": body["status"], "keys": sorted(body)}


def answer(method: str, path: str, status: int, body: Optional[str], names: Names) -> Dict[str, Any]:
    """What is compared of an HTTP answer. `body` is None when it is no text."""
    result: Dict[str, Any] = {"status": status}
    plain = path.split("?")[0]
    if plain.startswith("/api/") and not plain.startswith("/api/jobs"):
        plain = plain[4:]
    try:
        data = json.loads(body) if body else None
    except ValueError:
        result["text"] = body
        return result
    if plain == "/prompt" and method == "POST" and isinstance(data, dict):
        result["node_errors"] = node_errors(data["node_errors"])
        if "error" in data:
            result["error"] = {**data["error"], "extra_info": sorted(data["error"]["extra_info"])}
        else:
            result["number"] = data["number"] if isinstance(data["number"], float) else "counter"
    elif plain.startswith("/history") and isinstance(data, dict) and "?" not in path and plain != "/history":
        result["history"] = {names.get(key, key): history_entry(entry) for key, entry in data.items()}
    elif plain == "/queue" and method == "GET" and isinstance(data, dict):
        items = data["queue_running"] + data["queue_pending"]
        result["queue"] = sorted(names.get(item[1], item[1]) for item in items)
    elif plain.startswith("/api/jobs/") and isinstance(data, dict) and "status" in data:
        result["job"] = job(data)
    elif plain == "/api/jobs" and isinstance(data, dict) and "jobs" in data:
        result["pagination"] = sorted(data["pagination"])
    elif isinstance(data, dict) and "error" in data or isinstance(data, dict) and "cancelled" in data:
        result["body"] = data
    return result


def _lifecycle(kind: str, data: Dict[str, Any], names: Names) -> List[Any]:
    prompt = names.get(data.get("prompt_id"), data.get("prompt_id"))
    if kind == "execution_cached":
        return [kind, prompt, sorted(data["nodes"])]
    if kind == "executing":
        return [kind, prompt, data["node"], "display_node" in data]
    if kind == "executed":
        return [kind, prompt, data["node"], strict(file_names(data["output"]))]
    if kind == "execution_error":
        return [kind, prompt, data["node_id"], data["node_type"], data["exception_type"], data["exception_message"],
                sorted(data["executed"]), sorted(data), sorted(data["current_inputs"]), sorted(data["current_outputs"])]
    if kind == "execution_interrupted":
        return [kind, prompt, data["node_id"], data["node_type"], sorted(data["executed"])]
    return [kind, prompt]


def message(item: Dict[str, Any], names: Names) -> Optional[List[Any]]:
    """One delivered message: {"text": ...} or {"event": N, "image_type"|"metadata": ...}; None for `status`."""
    if "text" not in item:
        return ["preview", item["event"], item.get("format")]
    body = json.loads(item["text"])
    kind, data = body["type"], body["data"]
    if kind == "status":
        return None
    if kind == "progress_state":
        prompt = names.get(data["prompt_id"], data["prompt_id"])
        return [kind, prompt, {node: state["state"] for node, state in data["nodes"].items()}]
    if kind == "progress":
        return [kind, names.get(data["prompt_id"], data["prompt_id"]), data["node"], data["max"]]
    if kind == "feature_flags":
        return [kind, sorted(data)]
    return _lifecycle(kind, data, names)


def conversation(items: List[Dict[str, Any]], names: Names, cut: bool) -> Dict[str, Any]:
    """All that one socket was sent. `cut`: it was replaced or broken off, so its last reports are left to chance."""
    tokens = [token for token in (message(item, names) for item in items) if token is not None]
    if cut:
        while tokens and tokens[-1][0] in _REPEATED:
            tokens.pop()
    statuses = sum(1 for item in items if "text" in item and json.loads(item["text"])["type"] == "status")
    return {"events": _without_repeats(tokens), "statuses": statuses}


def _without_repeats(tokens: List[List[Any]]) -> List[List[Any]]:
    """One round of [progress_state, progress, preview] stands for any number of equal rounds in a row."""
    rounds: List[List[List[Any]]] = []
    for token in tokens:
        if token[0] in ("progress", "preview") and rounds and rounds[-1][0][0] == "progress_state":
            rounds[-1].append(token)
        else:
            rounds.append([token])
    kept: List[List[List[Any]]] = []
    for each in rounds:
        if not kept or each != kept[-1] or each[0][0] not in _REPEATED:
            kept.append(each)
    return [token for each in kept for token in each]


def ends_in_order(items: List[Dict[str, Any]]) -> bool:
    """After the final event of a job come a `status` and then `executing null`, nothing else of that job."""
    ended: Optional[str] = None
    told = False
    for item in items:
        body = json.loads(item["text"]) if "text" in item else {"type": "preview", "data": {}}
        kind, data = body["type"], body["data"]
        if kind in ("execution_success", "execution_error", "execution_interrupted"):
            ended, told = data["prompt_id"], False
        elif kind == "status":
            told = True
        elif ended is not None and data.get("prompt_id") == ended:
            if not (kind == "executing" and data["node"] is None and told):
                return False
            ended = None
    return True
