"""Commands that leave nothing behind.

This process makes itself the reaper of all its descendants, so that one whose parent has died becomes its
own child instead of init's: whatever a test forgot is found by descent, never by name, and ended.
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def _raise_interrupt(_number, _frame):
    raise KeyboardInterrupt


def own_all_descendants():
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_interrupt)


def _before_exec():
    # A session of its own keeps a terminal's Ctrl-C away, which is ours to pass on.
    os.setsid()
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _parents():
    """pid -> parent of every living process."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything, so what counts begins after the last one.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    return parents


def descendants():
    """The living ones, as pid -> command line."""
    parents = _parents()
    me = os.getpid()
    found = {}
    for pid in parents:
        above = pid
        while above in parents and above != me:
            above = parents[above]
        if above == me and pid != me:
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found[pid] = b" ".join(words).decode(errors="replace").strip()
            except OSError:
                continue
    return found


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def end_descendants(grace=0.0):
    """Ends what is still there after `grace` seconds; returns the command lines."""
    until = time.monotonic() + grace
    left = descendants()
    while left and time.monotonic() < until:
        time.sleep(0.1)
        _reap()
        left = descendants()
    named = list(left.values())
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        until = time.monotonic() + patience
        for pid in descendants():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        while descendants() and time.monotonic() < until:
            time.sleep(0.05)
            _reap()
    _reap()
    return named


class Ended:
    def __init__(self, code, seconds, left_behind, timed_out):
        self.code = code
        self.seconds = seconds
        self.left_behind = left_behind
        self.timed_out = timed_out


def run(words, log, limit, env=None, tick=None):
    """Runs one command with its output added to the file `log`; `tick(seconds)` is called every second."""
    began = time.monotonic()
    with open(log, "ab", buffering=0) as out:
        out.write(("$ " + " ".join(words) + "\n").encode())
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                 env=env, preexec_fn=_before_exec)
        done = threading.Event()
        timed_out = False
        while not done.is_set():
            try:
                child.wait(1)
                done.set()
            except subprocess.TimeoutExpired:
                if tick is not None:
                    tick(time.monotonic() - began)
                if time.monotonic() - began > limit:
                    timed_out = True
                    out.write(f"\n./check: ended after its limit of {limit} s\n".encode())
                    break
        left_behind = [] if timed_out else end_descendants(grace=3.0)
        if timed_out:
            end_descendants()
            child.wait()
        return Ended(child.returncode, time.monotonic() - began, left_behind, timed_out)
