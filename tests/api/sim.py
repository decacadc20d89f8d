"""comfy-sim as a test fixture: start it, break it, look into it.

    with Sim(step_ms=5) as sim:
        sim.faults({"history_late_ms": 200})
        ... sim.url ...
        assert sim.log()["ws_opened"] == 1

No process is left behind: comfy-sim ends when its standard input does, however this process dies. (The kernel's
parent-death signal would not do: it is bound to the thread that started the child.)
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional

PROGRAM = Path(__file__).resolve().parent.parent / "comfy_sim" / "comfy-sim"

Graph = Dict[str, Any]

_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wait_until(condition: Callable[[], Any], timeout: float = 10.0, what: str = "condition") -> Any:
    """The first true value of `condition`, polled."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not met within {timeout} s")
        time.sleep(0.01)


class Answer:
    """An HTTP answer, whatever its status."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Sim:
    """One comfy-sim process. Options are those of its command line, with underscores: step_ms=5, steps=3, ..."""

    def __init__(self, *, start: bool = True, port: int = 0, faults: Any = None, log_file: Optional[Path] = None,
                 **options: Any) -> None:
        self._options = options
        self._faults = faults
        self._process: Optional[subprocess.Popen] = None
        self.log_file = log_file
        self.port = port
        self.url = ""
        if start:
            self.start()

    # -- process ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, or start again on the same port after kill9() or stop()."""
        if self.alive:
            raise RuntimeError("comfy-sim is running already")
        command = [str(PROGRAM), "--listen", f"127.0.0.1:{self.port}", "--exit-with-parent"]
        for name, value in self._options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        if self._faults is not None:
            command += ["--faults", json.dumps(self._faults)]
        if self.log_file is not None:
            command += ["--log-file", str(self.log_file)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if "listening on " not in line:
            raise RuntimeError(f"comfy-sim did not start: {line!r}, exit {self._process.wait(5)}")
        self.url = line.split("listening on ")[1].strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill9(self) -> None:
        """What the OOM killer does. start() brings it back, with nothing remembered."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """The process freezes: connections stay, nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)  # a paused process acts on no signal
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process = None

    def __enter__(self) -> "Sim":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    # -- HTTP ---------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None,
                timeout: float = 10.0) -> Answer:
        """`body`: bytes as they are, anything else as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        try:
            with _NO_PROXY.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Any:
        return self.request("GET", path).json()

    def _admin(self, method: str, path: str, body: Any = None) -> Any:
        """Admin requests wait out a restart in progress."""
        deadline = time.monotonic() + 10
        while True:
            try:
                answer = self.request(method, path, body)
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or not self.alive:
                    raise
                time.sleep(0.02)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body!r}")
        return answer.json()

    # -- admin --------------------------------------------------------------------------------------------------

    def log(self) -> Dict[str, Any]:
        return self._admin("GET", "/sim/log")

    def prompts(self) -> List[Dict[str, Any]]:
        """What was accepted, oldest first."""
        return self.log()["prompts"]

    def raw(self, prompt_id: str) -> bytes:
        """The body of the POST /prompt that became this prompt, byte for byte."""
        return self.request("GET", f"/sim/prompts/{prompt_id}/raw").body

    def posts(self) -> List[Dict[str, Any]]:
        return self._admin("GET", "/sim/posts")

    def faults(self, plan: Any) -> None:
        """Replace the whole plan."""
        self._admin("POST", "/sim/faults", plan)

    def faults_seen(self) -> Dict[str, Any]:
        """The plan with how often each fault struck."""
        return self._admin("GET", "/sim/faults")

    def clear_faults(self) -> None:
        self._admin("DELETE", "/sim/faults")

    def restart(self, down_ms: int = 0, wait: bool = True) -> None:
        """Everything is forgotten and the port refuses for down_ms. Returns when it is up again, or (wait=False)
        as soon as it refuses."""
        lives = self.log()["lives"]
        self._admin("POST", "/sim/restart", {"down_ms": down_ms})
        if wait:
            wait_until(lambda: self.log()["lives"] > lives, what="restart")
        else:
            wait_until(self._refuses, what="a closed port")

    def _refuses(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0

    def kill_worker(self) -> None:
        self._admin("POST", "/sim/kill-worker", {})
        wait_until(lambda: not self.log()["worker_alive"], what="the worker's end")

    def revive_worker(self) -> None:
        self._admin("POST", "/sim/revive-worker", {})

    def foreign(self, **wish: Any) -> List[str]:
        """Jobs of somebody else: count, steps, ms, client_id (None: no client), number."""
        return self._admin("POST", "/sim/foreign", wish)["prompt_ids"]

    def forget(self, prompt_id: str) -> None:
        self._admin("POST", "/sim/history-forget", {"prompt_id": prompt_id})

    def ws_drop(self, client_id: Optional[str] = None) -> int:
        return self._admin("POST", "/sim/ws-drop", {"client_id": client_id})["dropped"]

    def speed(self, **wish: Any) -> None:
        self._admin("POST", "/sim/speed", wish)

    def models(self, **folders: List[str]) -> None:
        """What is in these folders from now on: models(loras=["a.safetensors"])."""
        self._admin("POST", "/sim/models", folders)

    def nodes(self, add: Optional[Dict[str, Optional[str]]] = None, remove: Iterable[str] = ()) -> None:
        """Adds classes, each like one that there is (None: one that was removed), and removes others."""
        self._admin("POST", "/sim/nodes", {"add": add or {}, "remove": list(remove)})

    def wait_idle(self, timeout: float = 10.0) -> None:
        wait_until(lambda: self.get("/prompt")["exec_info"]["queue_remaining"] == 0, timeout, "an empty queue")

    def log_lines(self) -> List[Dict[str, Any]]:
        """--log-file, parsed. It is there after kill9() too."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    # -- prompts ------------------------------------------------------------------------------------------------

    def submit(self, graph: Graph, prompt_id: Optional[str] = None, **more: Any) -> str:
        """Queue a graph as any client would."""
        body = {"prompt": graph, "prompt_id": prompt_id or str(uuid.uuid4()), **more}
        answer = self.request("POST", "/prompt", body)
        if answer.status != 200:
            raise RuntimeError(f"POST /prompt: {answer.status} {answer.body!r}")
        return answer.json()["prompt_id"]

    def history(self, prompt_id: str, timeout: float = 10.0) -> Dict[str, Any]:
        """The entry of a finished prompt, waited for."""
        return wait_until(lambda: self.get(f"/history/{prompt_id}").get(prompt_id), timeout, "a history entry")


def graph_tiny(color: Optional[int] = None, prefix: str = "tiny", size: int = 64) -> Graph:
    """The smallest job that leaves a file. A random colour keeps it out of the result cache."""
    color = random.randrange(1 << 24) if color is None else color
    return {"1": {"class_type": "EmptyImage",
                  "inputs": {"width": size, "height": size, "batch_size": 1, "color": color}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}}}


def graph_image(seed: int = 1, steps: int = 20, prompt: str = "a lighthouse at dusk", width: int = 512,
                height: int = 512, batch: int = 1, prefix: str = "image") -> Graph:
    """Text to image as everybody does it: checkpoint, two prompts, KSampler, VAEDecode, SaveImage."""
    return {
        "3": {"class_type": "KSampler", "inputs": {
            "seed": seed, "steps": steps, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": width, "height": height, "batch_size": batch}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": prefix}},
    }


def graph_steps(steps: int = 5, ms: int = 20, previews: bool = False, seed: int = 1, prefix: str = "steps") -> Graph:
    """Known duration, progress, and previews if wanted."""
    return {"1": {"class_type": "SimSteps", "inputs": {"steps": steps, "ms": ms, "previews": previews, "seed": seed,
                                                       "width": 64, "height": 64}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}}}


def graph_sleep(ms: int = 500, prefix: str = "sleep") -> Graph:
    """No progress reports: an interrupt waits for the end of the node."""
    return {"1": {"class_type": "SimSleep", "inputs": {"ms": ms}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}}}


def graph_node(class_type: str, output: Optional[str] = "SaveImage", **inputs: Any) -> Graph:
    """One node of the given class; its first value is saved unless `output` is None (it is an output itself)."""
    graph: Graph = {"1": {"class_type": class_type, "inputs": inputs}}
    if output is not None:
        graph["2"] = {"class_type": output, "inputs": {"images": ["1", 0], "filename_prefix": "node"}}
    return graph


def graph_fail(exception_type: str = "ValueError", message: str = "boom") -> Graph:
    return graph_node("SimFail", exception_type=exception_type, message=message)


def graph_text(text: str = "hello") -> Graph:
    return graph_node("SimText", output=None, text=text)
