#!/usr/bin/python3
"""Makes the fixtures in this folder from the recordings of two real ComfyUI servers.

    extract.py RECORDINGS_DIR

The recordings are large and not part of this repository; this script is here to say exactly what was taken from
them. It needs to run again only when there are new ones.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import normalize

HERE = Path(__file__).resolve().parent

#: scenario -> (name of the fixture, stop before the note that begins so)
SCENARIOS = {
    "01-idle-endpoints": None, "02-success-previews": None, "03-all-cached": None,
    "03b-cached-output-file-deleted": None, "04-validation-errors": None, "05-execution-error": None,
    "06-interrupt-and-delete": None, "07-two-jobs-and-two-sockets": None, "08-ws-drop-and-reconnect": None,
    "10-prompt-id-number-front-extra": None, "13-feature-flags-and-binary-frames": "CASE g",
    "15-ws-control-frames-and-orphan": "clientId empty", "19-duplicate-number-and-prompt-id": None,
    "21-jobs-api": None, "23-hostile-values": "CASE c",
}
VERSIONS = {"0.3.64": ".", "0.33.0": "v0.33.0"}
EARLIER = ["6f9619ff-8b86-d011-b42d-00c04fc964ff"]  # of a recording made before on the same server
PAUSE = 150.0  # ms of silence that count as a pause of the client
LONGEST_PAUSE = 2000  # longer ones were the start of a server process


class Extractor:
    """Turns one recording into steps (what the client did) and expectations (what it got)."""

    def __init__(self, records: List[Dict[str, Any]]) -> None:
        self._records = records
        self._names: normalize.Names = {}
        self._placeholders: Dict[str, str] = {}
        self._got: Dict[str, List[Dict[str, Any]]] = {}
        self._paths: Dict[str, str] = {}
        self._cut: Dict[str, bool] = {}
        self._steps: List[Dict[str, Any]] = []
        self._last_ms = 0.0
        self._asked: Dict[str, Any] = {}
        self._files: Dict[str, str] = {}
        self._orders = self._output_orders()

    def _output_orders(self) -> Dict[frozenset, List[str]]:
        """In which order that server process ran a set of output nodes: chance, told by its queue items."""
        orders: Dict[frozenset, List[str]] = {}
        for record in self._records:
            body = record.get("body")
            if record["channel"] == "http" and record["dir"] == "s2c" and body and body.startswith("{"):
                for found in re.findall(r'\}, (\["[^]{}]*"\])\]', body):
                    order = json.loads(found)
                    orders[frozenset(order)] = order
        return orders

    def _in_order(self, body: str) -> str:
        """comfy-sim runs outputs as they are written; so they are written as that server ran them."""
        try:
            request = json.loads(body)
            prompt = request["prompt"]
            for nodes, order in self._orders.items():
                if len(nodes) > 1 and nodes <= set(prompt):
                    if [node for node in prompt if node in nodes] != order:
                        rest = {node: part for node, part in prompt.items() if node not in nodes}
                        request["prompt"] = {**rest, **{node: prompt[node] for node in order}}
                        return json.dumps(request)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # a body that is meant to be bad
        return body

    def run(self, stop: Optional[str]) -> Dict[str, Any]:
        for record in self._records:
            if record["channel"] == "note":
                if stop and record["text"].startswith(stop):
                    break
                self._note(record)
            elif record["channel"] == "http":
                self._http(record)
            else:
                self._ws(record)
            if record["channel"] != "note":
                self._last_ms = record["t_ms"]
        settle = round(self._last_ms - self._steps[-1].pop("t_ms"))
        for step in self._steps:
            step.pop("t_ms", None)
        sockets = {name: normalize.conversation(items, self._names, self._cut.get(name, False))
                   for name, items in self._got.items()}
        return {"settle_ms": min(settle, LONGEST_PAUSE), "steps": self._steps, "sockets": sockets,
                "cut": sorted(name for name, cut in self._cut.items() if cut)}

    def _step(self, record: Dict[str, Any], **step: Any) -> None:
        self._steps.append({**step, **self._moment(record)})

    def _moment(self, record: Dict[str, Any]) -> Dict[str, Any]:
        """When the client did this: after which messages, and after how long a silence."""
        moment: Dict[str, Any] = {"t_ms": record["t_ms"]}
        pause = record["t_ms"] - self._last_ms
        if pause > PAUSE:
            moment["pause_ms"] = min(round(pause), LONGEST_PAUSE)
        after = {name: self._progress_of(items) for name, items in self._got.items()
                 if items and name in self._paths}
        if after:
            moment["after"] = after
        return moment

    @staticmethod
    def _progress_of(items: List[Dict[str, Any]]) -> List[int]:
        """[lifecycle messages so far, progress value after the last of them]: what a replay waits for."""
        count, value = 0, 0
        for item in items:
            body = json.loads(item["text"]) if "text" in item else {"type": "preview"}
            if body["type"].startswith("execut"):
                count, value = count + 1, 0
            elif body["type"] == "progress":
                value = body["data"]["value"]
        return [count, value]

    def _note(self, record: Dict[str, Any]) -> None:
        gone = re.search(r"output file (\S+) was deleted", record["text"])
        if gone:
            self._step(record, unlink=f"wire/{gone.group(1)}")
        elif "(fresh server)" in record["text"]:
            self._step(record, restart=True)

    def _place(self, text: Optional[str]) -> Optional[str]:
        for real, placeholder in self._placeholders.items():
            text = text.replace(real, placeholder) if text else text
        if text and "/view?" in text:
            for name, placeholder in self._files.items():
                text = text.replace(f"filename={name}", f"filename={placeholder}")
        return text

    def _http(self, record: Dict[str, Any]) -> None:
        if record["dir"] == "c2s":
            self._asked = {**record, "moment": self._moment(record)}
            return
        asked = self._asked
        if "status" not in record or asked.get("body") and str(asked["body"]).startswith("<"):
            return
        headers = {key: value for key, value in asked.get("headers", {}).items() if key != "Accept-Encoding"}
        body, path = self._place(asked["body"]), self._place(asked["path"])
        if any(earlier in path for earlier in EARLIER):
            return
        if asked["method"] == "POST" and path.endswith("/prompt") and record["status"] == 200:
            self._name(json.loads(record["body"])["prompt_id"], asked["body"])
        expect = normalize.answer(asked["method"], path, record["status"], record.get("body"), self._names)
        content_type = record.get("headers", {}).get("Content-Type", "")
        if content_type and record["status"] not in (304,):
            expect["content_type"] = content_type
        step: Dict[str, Any] = {"http": [asked["method"], path], "expect": expect}
        if body is not None:
            step["body"] = self._in_order(body)
        if headers:
            step["headers"] = headers
        self._steps.append({**step, **asked["moment"]})

    def _name(self, prompt_id: str, request_body: str) -> None:
        if prompt_id in self._names:
            return
        chosen = prompt_id in request_body
        self._names[prompt_id] = prompt_id if chosen else f"P{len(self._names) + 1}"
        if not chosen:
            self._placeholders[prompt_id] = "{" + self._names[prompt_id] + "}"

    def _ws(self, record: Dict[str, Any]) -> None:
        name = record["conn"]
        if record.get("event") == "open":
            client = record["path"].split("clientId=")[-1] if "clientId=" in record["path"] else ""
            for other, path in self._paths.items():
                if client and path == record["path"]:
                    self._cut[other] = True
            self._got[name] = []
            self._paths[name] = record["path"]
            self._step(record, open=name, path=self._place(record["path"]))
        elif "event" in record and record["event"].startswith("client "):
            how = "abort" if "aborts" in record["event"] else "close"
            if how == "abort":
                self._cut[name] = True
            for other, path in self._paths.items():
                if other != name and path == self._paths[name]:
                    self._cut[other] = True
            self._step(record, **{how: name})
            self._paths.pop(name)
        elif record.get("dir") == "c2s" and "text" in record and not record["text"].startswith("<"):
            self._step(record, send=name, text=record["text"])
        elif record.get("dir") == "s2c" and "text" in record:
            self._got[name].append({"text": record["text"]})
            body = json.loads(record["text"])
            self._remember_files(body)
            sid = body["data"].get("sid") if body["type"] == "status" else None
            if sid and sid not in self._paths[name] and "clientId=" not in self._paths[name]:
                self._placeholders[sid] = "{SID:" + name + "}"
        elif "binary" in record and record.get("dir") == "s2c":
            self._got[name].append(self._binary(record["binary"]))

    def _remember_files(self, body: Dict[str, Any]) -> None:
        """A file name of a recording becomes {FILE:prompt:node:index}; the replay asks its history for the real one."""
        if body["type"] == "executed" and body["data"]["prompt_id"] in self._names:
            prompt, node = self._names[body["data"]["prompt_id"]], body["data"]["node"]
            for index, file in enumerate((body["data"]["output"] or {}).get("images", [])):
                self._files[file["filename"]] = f"{{FILE:{prompt}:{node}:{index}}}"

    @staticmethod
    def _binary(binary: Dict[str, Any]) -> Dict[str, Any]:
        kind = binary.get("image_format") or binary.get("metadata", {}).get("image_type")
        return {"event": binary["event"], "format": kind}


def read(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def dump(path: Path, value: Any) -> None:
    """One step per line: small, and a diff shows what changed."""
    lines = []
    for key, part in value.items():
        if isinstance(part, list):
            rows = ",\n  ".join(json.dumps(item, allow_nan=False) for item in part)
            lines.append(f' {json.dumps(key)}: [\n  {rows}\n ]')
        elif isinstance(part, dict):
            rows = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(item, allow_nan=False)}"
                               for name, item in part.items())
            lines.append(f' {json.dumps(key)}: {{\n  {rows}\n }}')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(part)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def scenarios(recordings: Path) -> None:
    for version, folder in VERSIONS.items():
        for name, stop in SCENARIOS.items():
            source = recordings / folder / f"{name}.jsonl"
            if source.exists():
                fixture = Extractor(read(source)).run(stop)
                dump(HERE / "scenarios" / f"{name}-{version}.json", {"comfyui": version, **fixture})


def samples(recordings: Path) -> None:
    """Genuine messages and bodies, for the parsers' tests."""
    seen: set = set()
    lines: List[str] = []
    bodies: Dict[str, str] = {}
    for version, folder in VERSIONS.items():
        for source in sorted((recordings / folder).glob("*.jsonl")):
            for record in read(source):
                if record["channel"] == "ws" and record.get("dir") == "s2c":
                    _add_message(record, seen, lines, version)
                elif record["channel"] == "http" and record.get("dir") == "s2c":
                    _add_body(record, bodies, version)
    (HERE / "ws_messages.jsonl").write_text("".join(line + "\n" for line in lines))
    for name, body in bodies.items():
        (HERE / name).write_text(body)


def _add_message(record: Dict[str, Any], seen: set, lines: List[str], version: str) -> None:
    if "text" in record:
        text = record["text"]
        if len(text) > 6000:
            return
        shape = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d+(\.\d+)?|_[a-z]{5}_", "#", text)
        key, line = (version, shape), json.dumps({"text": text})
    elif "binary" in record:
        binary = record["binary"]
        kind = binary.get("image_format") or str(binary.get("metadata", {}).get("image_type"))
        key = (version, binary["event"], kind)
        # only the head was recorded: 64 bytes, whole for short frames
        line = json.dumps({"binary_hex": binary["head_hex"], "len": binary["len"]})
    else:
        return
    if key not in seen:
        seen.add(key)
        lines.append(line)


def _add_body(record: Dict[str, Any], bodies: Dict[str, str], version: str) -> None:
    body, path = record.get("body"), record["path"]
    if not body or len(body) > 8000:
        return
    v = "a" if version == "0.3.64" else "b"
    if record["status"] == 400 and path == "/prompt" and body.startswith("{"):
        data = json.loads(body)
        kinds = [error["type"] for node in data["node_errors"].values() for error in node["errors"]]
        name = "-".join([data["error"]["type"], *sorted(set(kinds))])
        bodies.setdefault(f"prompt_error_{v}_{name}.json", body)
    elif path.startswith("/history/") and body != "{}" and record["status"] == 200:
        last = re.findall(r'"(execution_[a-z]+)", \{"prompt_id"', body)
        odd = "-nan" if "NaN" in body else ""
        key = re.findall(r'"outputs": \{"[^"]*": \{"([a-z_]+)"', body)
        bodies.setdefault(f"history_{v}_{last[-1]}{'-' + key[0] if key else ''}{odd}.json", body)
    elif path == "/queue" and record["method"] == "GET":
        data = json.loads(body)
        kind = f"{len(data['queue_running'])}_running_{len(data['queue_pending'])}_pending"
        bodies.setdefault(f"queue_{v}_{kind}.json", body)
    elif path in ("/system_stats", "/features"):
        bodies.setdefault(f"{path[1:]}_{v}.json", body)
    elif path.startswith("/object_info/") and len(body) > 2:
        bodies.setdefault(f"object_info_{v}_{path.rsplit('/', 1)[1]}.json", body)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    (HERE / "scenarios").mkdir(exist_ok=True)
    scenarios(Path(sys.argv[1]))
    samples(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
