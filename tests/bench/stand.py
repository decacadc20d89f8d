"""What is measured, as processes: the gateway, comfy-sim, floors and loads. Each ends with this process."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))

import gateway as gateway_module  # noqa: E402
from sim import Sim  # noqa: E402

BIN = gateway_module.BIN.parent
THREADS = 4  # of the gateway's pool, and of each floor's
CONNECTIONS = 64
SUBMISSION_BYTES = 2048


class Stand:
    """One folder for all that is written, removed at the end."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="comfygate-bench-")
        self.path = pathlib.Path(self._folder.name)
        self._open = []
        self._count = 0

    def close(self):
        for end in reversed(self._open):
            end()
        self._folder.cleanup()

    def file(self, content, name=None):
        self._count += 1
        path = self.path / (name or f"file-{self._count}")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def gateway(self, backends="gpu0=http://127.0.0.1:9", data=None, **settings):
        """Nothing but its own limits is switched off: what runs is what users run."""
        self._count += 1
        gateway = gateway_module.Gateway(data or self.path / f"data-{self._count}", backends=backends, settings={
            "server_threads": THREADS, "queue_max_jobs": 10_000_000, "log_level": "warn", **settings})
        gateway.start()
        self._open.append(gateway.kill)
        return gateway

    def sim(self, **options):
        sim = Sim(port=gateway_module.free_port(), **options)
        self._open.append(sim.stop)
        return sim

    def floor(self, name, *arguments):
        """A floor program; its port."""
        port = gateway_module.free_port()
        process = subprocess.Popen([BIN / f"floor-{name}", str(port), str(THREADS), *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._open.append(lambda: (process.stdin.close(), process.wait(10), process.stdout.close()))
        if process.stdout.readline() != b"listening\n":
            raise RuntimeError(f"floor-{name} did not start")
        return Floor(process, port)


class Floor:
    def __init__(self, process, port):
        self.pid = process.pid
        self.url = f"http://127.0.0.1:{port}"
        self.port = port


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(url, seconds, script=None, headers=()):
    """Answers in a second, and the median of how long one took, in seconds. Each must be the one that was wanted."""
    words = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    words += ["-s", str(script)] if script else []
    out = subprocess.run([*words, url], capture_output=True, text=True, check=True).stdout
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if wrong:
        raise RuntimeError(f"not every answer was the wanted one: {wrong.group()}")
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1}[median.group(2)]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(median.group(1)) * unit


def client(name, url, text_file, count, at_once):
    """What bench-direct-client or bench-gateway-client tells."""
    words = [BIN / f"bench-{name}-client", url, text_file, count, at_once]
    return json.loads(subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout)


class Crowd:
    """Many connections that wait for a text."""

    def __init__(self, port, count, request_file, text):
        self._process = subprocess.Popen([BIN / "bench-crowd", str(port), str(count), str(request_file), text],
                                         stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the crowd did not come together")

    def end(self):
        """When the first and the last have seen it, by this machine's monotonic clock."""
        out, _ = self._process.communicate(timeout=150)
        if self._process.returncode != 0:
            raise RuntimeError("somebody of the crowd was left alone")
        return json.loads(out)
