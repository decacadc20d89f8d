"""What systemd hears of a program: a datagram socket of our own in NOTIFY_SOCKET's place.

    with ServiceManager(watchdog_ms=300) as manager:
        ... start the program with manager.environment ...
        manager.wait_for("READY=1")
        assert manager.count("WATCHDOG=1", during=1.0) >= 3
"""
import ctypes
import os
import pathlib
import socket
import time
import uuid

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000  # waitpid: a thread too
WAITS_IN_POLL = {"7", "271"}  # x86-64: poll, ppoll


class ServiceManager:
    def __init__(self, watchdog_ms=None):
        # An abstract name: nothing to remove, and no limit to how deep a test's folder may be.
        self._name = f"comfygate-test-{uuid.uuid4()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self._name}")
        self.heard = []  # lines, as they came
        self.environment = {"NOTIFY_SOCKET": f"@{self._name}"}
        if watchdog_ms is not None:
            self.environment["WATCHDOG_USEC"] = str(watchdog_ms * 1000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _listen(self, until):
        """The lines of the next datagram; none when the time is over."""
        self._socket.settimeout(max(0.001, until - time.monotonic()))
        try:
            lines = self._socket.recv(65536).decode().splitlines()
        except (TimeoutError, BlockingIOError):
            return []
        self.heard += lines
        return lines

    def wait_for(self, line, timeout=30):
        """A line that begins so; also when it has come before."""
        until = time.monotonic() + timeout
        while not any(heard.startswith(line) for heard in self.heard):
            assert time.monotonic() < until, f"no {line!r} among {self.heard}"
            self._listen(until)
        return next(heard for heard in self.heard if heard.startswith(line))

    def count(self, line, during):
        """How often the line comes from now on, for so many seconds."""
        self.forget()
        until, found = time.monotonic() + during, 0
        while time.monotonic() < until:
            found += self._listen(until).count(line)
        return found

    def forget(self):
        """What has come so far."""
        while self._listen(0):
            pass
        self.heard.clear()


class Frozen:
    """One thread of a process stands still, all others go on; for a `with`."""

    def __init__(self, tid):
        self.tid = tid
        self._ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self._ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def _ask(self, what):
        if self._ptrace(what, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self._ask(PTRACE_SEIZE)
        self._ask(PTRACE_INTERRUPT)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *_):
        try:
            self._ask(PTRACE_DETACH)
        except OSError:  # it was killed; who traces it must see that, before anybody else can
            os.waitpid(self.tid, WALL)


def _is_engine_in_poll(task):
    try:
        return (task / "comm").read_text() == "engine\n" and (task / "syscall").read_text().split()[0] in WAITS_IN_POLL
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return False


def engine_in_poll(pid):
    """The engine's thread while it waits, and so holds no lock; None while it does not."""
    return next((int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if _is_engine_in_poll(task)), None)
