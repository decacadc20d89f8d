"""./demo as a newcomer runs it: on a terminal, in a folder of its own, ended by --once or by Ctrl-C."""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import urllib.request

import pytest

from sim import Sim

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 300  # seconds, a build from nothing included
NEEDED = ("demo", "packaging", "docs/examples", "docs/page", "CMakeLists.txt", "CMakePresets.json", "VERSION", "cmake", "gateway",
          "migrations", "schema", "tests", "discord-adapter", "templates", "dashboard")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git would give, with the build folder of the whole run to save its time."""
    folder = tmp_path_factory.mktemp("clone")
    for name in NEEDED:
        source = ROOT / name
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target)
    return folder


class Demo:
    """The script on a terminal of 100 columns; whatever it printed is in `text`."""

    def __init__(self, folder, *words, **env):
        self.text = ""
        self.code = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            # TERM, so that the script can end what it started.
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
            # Whoever started the tests in the background has them ignore Ctrl-C; a terminal's shell does not.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            os.chdir(folder)
            clean = {name: value for name, value in os.environ.items()
                     if not name.startswith(("COMFYGATE_", "COMFYUI_")) and name != "NO_COLOR"}
            os.execve(folder / "demo", ["./demo", *words], {**clean, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env})

    def read(self, is_enough=lambda: False):
        until = time.monotonic() + LIMIT
        while not is_enough():
            assert time.monotonic() < until, f"it hangs: {self.text[-3000:]}"
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    piece = os.read(self._fd, 65536)
                except OSError:
                    return
                if not piece:
                    return
                self.text += piece.decode(errors="replace")

    def until(self, words):
        self.read(lambda: words in self.text)
        assert words in self.text, self.text[-3000:]

    def end(self):
        self.read()
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def press_ctrl_c(self):
        os.write(self._fd, b"\x03")

    def close(self):
        """Whatever has become of it, it is gone after this."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            self.end()

    @property
    def picture(self):
        return pathlib.Path(re.search(r"is the file\s+(/\S+)", self.text).group(1))

    @property
    def picture_url(self):
        return re.search(r"fetched from\s+(http://\S+)", self.text).group(1)


@pytest.fixture
def demo(clone):
    running = []

    def run(*words, **env):
        running.append(Demo(clone, *words, **env))
        return running[-1]

    yield run
    for each in running:
        each.close()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_in(folder):
    """Those whose working directory is the clone: whatever the demo started is among them."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd") == str(folder) and is_alive(entry.name):
                found.append((int(entry.name), (entry / "cmdline").read_bytes()))
    return found


def test_once_ends_with_a_picture(demo, clone):
    run = demo("--once")
    assert run.end() == 0, run.text
    assert "comfy-sim" in run.text and "COMFYUI_URL is not set" in run.text
    assert run.picture.read_bytes().startswith(b"\x89PNG")
    percents = [int(each) for each in re.findall(r"(\d+) %", run.text)]
    assert len(set(percents)) >= 5 and percents == sorted(percents), percents
    assert "step 3 of 20" in run.text
    assert "fetched from" in run.text
    for what in ("edited", "enlarged", "moving", "pattern", "varied"):
        made = re.search(rf"^  {what} +(demo-data/pictures/\S+)", run.text, re.MULTILINE)
        assert made, run.text[-3000:]
        assert (clone / made.group(1)).read_bytes().startswith(b"RIFF" if what == "moving" else b"\x89PNG")
    assert processes_in(clone) == []


def test_serves_until_ctrl_c(demo, clone):
    run = demo()
    run.until("Ctrl-C ends it.")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(run.picture_url, timeout=10) as answer:
        assert answer.read() == run.picture.read_bytes()
    assert "The dashboard" in run.text and "curl " in run.text
    assert len(processes_in(clone)) >= 3
    run.press_ctrl_c()
    assert run.end() == 0, run.text[-2000:]
    assert processes_in(clone) == []


def test_two_at_once_take_two_ports(demo, clone, tmp_path):
    """The second finds port 8090, or its data folder, taken, and says so rather than to break the first."""
    first = demo()
    first.until("Ctrl-C ends it.")
    other = tmp_path / "other"
    shutil.copytree(clone, other, ignore=shutil.ignore_patterns("demo-data"))
    second = Demo(other, "--once")
    try:
        assert second.end() == 0, second.text
    finally:
        second.close()
    assert "takes a free one" in second.text
    assert first.picture_url.split("/v1")[0] != second.picture_url.split("/v1")[0]


def test_with_a_comfyui_of_its_own(demo, clone):
    with Sim() as sim:
        run = demo("--once", COMFYUI_URL=sim.url)
        assert run.end() == 0, run.text
        assert f"ComfyUI: {sim.url}" in run.text and "comfy-sim" not in run.text
        posts = sim.log()["prompts"]
    assert len(posts) == 6, "the job, and what templates make of its picture"
    assert run.picture.read_bytes().startswith(b"\x89PNG")


def test_a_comfyui_that_is_not_there(demo, clone):
    run = demo("--once", COMFYUI_URL="http://127.0.0.1:9")
    assert run.end() == 1
    assert "no ComfyUI answers at http://127.0.0.1:9" in run.text
    assert processes_in(clone) == []


def test_killed_without_a_chance(demo, clone):
    """kill -9 of the script: the kernel ends what it started."""
    run = demo()
    run.until("Ctrl-C ends it.")
    os.kill(run.pid, signal.SIGKILL)
    run.end()
    until = time.monotonic() + 15
    while processes_in(clone) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_in(clone) == []


def test_help_and_usage(clone):
    helped = subprocess.run(["./demo", "--help"], cwd=clone, capture_output=True, timeout=20, check=False)
    assert helped.returncode == 0 and b"--once" in helped.stdout
    assert subprocess.run(["./demo", "--twice"], cwd=clone, capture_output=True, timeout=20, check=False).returncode == 2
