"""comfy-sim says what real ComfyUI said: the requests of recorded conversations are put to it, and what comes back
on HTTP and on every WebSocket is compared with the recording (tests/wire/README.md)."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator, List

import aiohttp
import pytest

from sim import Sim

WIRE = Path(__file__).resolve().parent.parent / "wire"
sys.path.insert(0, str(WIRE))

import normalize  # noqa: E402  (it lives with the fixtures)

#: scenarios that go on where another left the server
CHAINS = [["02-success-previews", "03-all-cached"]]
ALONE = ["01-idle-endpoints", "03b-cached-output-file-deleted", "04-validation-errors", "05-execution-error",
         "06-interrupt-and-delete", "07-two-jobs-and-two-sockets", "08-ws-drop-and-reconnect",
         "10-prompt-id-number-front-extra", "13-feature-flags-and-binary-frames", "15-ws-control-frames-and-orphan",
         "19-duplicate-number-and-prompt-id", "21-jobs-api", "23-hostile-values"]
VERSIONS = ["0.3.64", "0.33.0"]

_FILE = re.compile(r"\{FILE:([^:}]+):([^:}]+):(\d+)\}")


class Socket:
    """A client's socket that keeps what it is sent."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.items: List[Dict[str, Any]] = []
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                self.items.append({"text": message.data})
            elif message.type == aiohttp.WSMsgType.BINARY:
                self.items.append(self._describe(message.data))

    @staticmethod
    def _describe(frame: bytes) -> Dict[str, Any]:
        event, number = int.from_bytes(frame[:4], "big"), int.from_bytes(frame[4:8], "big")
        if event == 4:
            return {"event": event, "format": json.loads(frame[8:8 + number])["image_type"]}
        return {"event": event, "format": {1: "JPEG", 2: "PNG"}[number]}

    def reached(self, wanted: List[int]) -> bool:
        """[lifecycle messages, progress value after the last of them], or further."""
        count, value = 0, 0
        for item in self.items:
            body = json.loads(item["text"]) if "text" in item else {"type": "preview"}
            if body["type"].startswith("execut"):
                count, value = count + 1, 0
            elif body["type"] == "progress":
                value = body["data"]["value"]
        return (count, value) >= tuple(wanted)


class Replay:
    """Plays one fixture against one comfy-sim."""

    def __init__(self, sim: Sim, output_dir: Path, fixture: Dict[str, Any]) -> None:
        self._sim = sim
        self._output_dir = output_dir
        self._fixture = fixture
        self._real: Dict[str, str] = {}
        self._names: normalize.Names = {}
        self._sockets: Dict[str, Socket] = {}

    async def run(self) -> None:
        async with aiohttp.ClientSession() as self._session:
            for number, step in enumerate(self._fixture["steps"]):
                await self._wait(step, number)
                await self._do(step, number)
            await asyncio.sleep(self._fixture["settle_ms"] / 1000 + 0.1)
            for socket in self._sockets.values():
                socket.reader.cancel()
        self._compare_sockets()

    async def _wait(self, step: Dict[str, Any], number: int) -> None:
        for name, wanted in step.get("after", {}).items():
            if name in self._fixture["cut"] and self._sockets[name].reader.done():
                continue
            for _ in range(2000):
                if self._sockets[name].reached(wanted):
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError(f"step {number} {step}: {name} got only {self._sockets[name].items[-3:]}")
        await asyncio.sleep(step.get("pause_ms", 0) / 1000)

    def _fill(self, text: str) -> str:
        for placeholder, real in self._real.items():
            text = text.replace(placeholder, real)
        return _FILE.sub(self._file_name, text)

    def _file_name(self, found: "re.Match[str]") -> str:
        prompt, node, index = found.groups()
        prompt_id = self._real.get("{" + prompt + "}", prompt)
        outputs = self._sim.get(f"/history/{prompt_id}")[prompt_id]["outputs"]
        return outputs[node]["images"][int(index)]["filename"]

    async def _do(self, step: Dict[str, Any], number: int) -> None:
        if "http" in step:
            await self._http(step, number)
        elif "open" in step:
            socket = Socket(await self._session.ws_connect(self._sim.url + self._fill(step["path"])))
            self._sockets[step["open"]] = socket
            while not socket.items:
                await asyncio.sleep(0.005)
            self._real["{SID:" + step["open"] + "}"] = json.loads(socket.items[0]["text"])["data"]["sid"]
        elif "close" in step:
            await self._sockets[step["close"]].socket.close()
        elif "abort" in step:
            self._sockets[step["abort"]].socket._response.connection.transport.abort()
        elif "send" in step:
            await self._sockets[step["send"]].socket.send_str(step["text"])
        elif "unlink" in step:
            (self._output_dir / step["unlink"]).unlink()
        elif "restart" in step:
            await asyncio.get_running_loop().run_in_executor(None, self._sim.restart)

    async def _http(self, step: Dict[str, Any], number: int) -> None:
        method, path = step["http"]
        headers = dict(step.get("headers", {}))
        if headers.get("Origin", "").startswith("http://127.0.0.1"):
            headers["Origin"] = self._sim.url
        body = step.get("body")
        data = self._fill(body).encode("latin-1" if "\xff" in body else "utf-8") if body is not None else None
        url = aiohttp.client.URL(self._sim.url + self._fill(path), encoded=True)
        async with self._session.request(method, url, data=data, headers=headers,
                                         skip_auto_headers=["Content-Type"]) as answer:
            raw = await answer.read()
            status, content_type = answer.status, answer.headers.get("Content-Type", "")
        text = raw.decode() if content_type.startswith(("application/json", "text/")) else None
        expected = dict(step["expect"])
        if method == "POST" and path.endswith("/prompt") and status == 200:
            self._learn(json.loads(text)["prompt_id"], body)
        got = normalize.answer(method, path, status, text, self._names)
        recorded_type = expected.pop("content_type", None)
        assert got == expected, f"step {number}: {method} {path} {str(body)[:300]}"
        if recorded_type is not None:
            assert content_type == recorded_type, f"step {number}: {method} {path}"

    def _learn(self, prompt_id: str, body: str) -> None:
        if prompt_id in self._names:
            return
        chosen = prompt_id in body
        self._names[prompt_id] = prompt_id if chosen else f"P{len(self._names) + 1}"
        if not chosen:
            self._real["{" + self._names[prompt_id] + "}"] = prompt_id

    def _compare_sockets(self) -> None:
        for name, expected in self._fixture["sockets"].items():
            cut = name in self._fixture["cut"]
            got = normalize.conversation(self._sockets[name].items, self._names, cut)
            assert json.loads(json.dumps(got["events"])) == expected["events"], name
            if not cut:
                assert got["statuses"] == expected["statuses"], name
            assert normalize.ends_in_order(self._sockets[name].items), name


def play(names: List[str], version: str, tries: int = 3) -> None:
    """What was recorded is one schedule: on a busy machine a client's step may come a message later than it did then.
    So a difference counts when it is there each time."""
    while True:
        tries -= 1
        try:
            return play_once(names, version)
        except AssertionError:
            if tries == 0:
                raise


def play_once(names: List[str], version: str) -> None:
    fixtures = [WIRE / "scenarios" / f"{name}-{version}.json" for name in names]
    with tempfile.TemporaryDirectory() as folder, Sim(comfyui_version=version, output_dir=folder) as sim:
        for fixture in fixtures:
            asyncio.run(Replay(sim, Path(folder), json.loads(fixture.read_text())).run())


CASES = [pytest.param(names, version, id=f"{'+'.join(name.split('-')[0] for name in names)}-{version}")
         for names in [*CHAINS, *([name] for name in ALONE)] for version in VERSIONS
         if all((WIRE / "scenarios" / f"{name}-{version}.json").exists() for name in names)]


@pytest.fixture(scope="module")
def plays(request: pytest.FixtureRequest) -> Iterator[Dict[str, "Future[None]"]]:
    """All selected cases at once, each with its own server: a replay mostly waits."""
    wanted = [item.callspec for item in request.session.items if "conversation" in getattr(item, "fixturenames", [])]
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield {spec.id: pool.submit(play, *spec.params["conversation"]) for spec in wanted}


@pytest.mark.parametrize("conversation", [pytest.param(case.values, id=case.id) for case in CASES])
def test_as_recorded(conversation: tuple, plays: Dict[str, "Future[None]"], request: pytest.FixtureRequest) -> None:
    plays[request.node.callspec.id].result()
