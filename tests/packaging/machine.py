"""A machine of its own for a Debian in a folder: systemd-nspawn boots it, with a network that has nothing but a loopback.

    with Machine(folder) as machine:
        machine.run("apt-get", "install", "-y", "/comfygate.deb")
        assert machine.state("comfygate") == "active"

It is gone after the `with`, with all its processes and mounts; if this process is killed, the kernel ends it.
"""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import signal
import subprocess
import time
import uuid

from debian_root import run

BOOT_LIMIT = 60
STOP_LIMIT = 20
PROGRAM = "/usr/bin/systemd-nspawn"
# /run is its own: nspawn keeps notes there which it does not all remove. So are the processes' numbers: whoever kills
# unshare, kills them all.
SCRIPT = 'mount -t tmpfs tmpfs /run && exec systemd-nspawn "$@"'


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Machine:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.name = f"comfygate-{uuid.uuid4().hex[:8]}"
        self.leader = 0
        self._process = None
        self._turn = None

    def __enter__(self):
        words = ["--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe", "--directory",
                 str(self.folder), f"--machine={self.name}", "--boot"]
        # One at a time on a host: all of them would put their processes into groups of the same names.
        self._turn = open(PROGRAM, "rb")  # noqa: SIM115  (closed when the machine is gone)
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        self._remove_groups()  # of one that was killed
        self._process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                                          SCRIPT, "sh", *words],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         preexec_fn=_die_with_parent)
        try:
            self._wait_until_it_runs()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def _find_leader(self):
        """unshare's child is nspawn, and nspawn's is it."""
        with contextlib.suppress(OSError, IndexError):
            pid = self._process.pid
            for _ in range(2):
                pid = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return int(pid)
        return 0

    def _wait_until_it_runs(self):
        until = time.monotonic() + BOOT_LIMIT
        state = ""
        while state not in ("running", "degraded"):
            assert self._process.poll() is None, f"systemd-nspawn has ended: {self._process.stdout.read().decode()[-2000:]}"
            assert time.monotonic() < until, f"the machine did not boot within {BOOT_LIMIT} s; it is {state!r}"
            time.sleep(0.2)
            self.leader = self._find_leader()
            if self.leader:
                state = self.ask("systemctl", "is-system-running")[1].strip()
        assert state == "running", self.ask("systemctl", "--failed")[1]

    def _end(self):
        if self._process.poll() is None and self.leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd: power off
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader or self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._remove_groups()
        self._turn.close()

    @staticmethod
    def _remove_groups():
        """Groups of processes are the host's. One can be removed when the last of its processes is not only dead but gone."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            groups = pathlib.Path("/sys/fs/cgroup").glob("**/")
            left = [path for path in groups if {"payload", "supervisor"} & set(path.parts)]
            if not left:
                return
            for path in sorted(left, key=lambda path: -len(path.parts)):
                with contextlib.suppress(OSError):
                    path.rmdir()
            time.sleep(0.05)

    # ---- inside

    def into(self, *words):
        """A command line that runs these words inside it."""
        return ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--net", "--root", "--wd",
                "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", *map(str, words)]

    def ask(self, *words, limit=60):
        """(exit code, all that it said)"""
        done = subprocess.run(self.into(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=limit, check=False)
        return done.returncode, done.stdout

    def run(self, *words, limit=120):
        return run(*self.into(*words), limit=limit)

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def state(self, unit):
        return self.property(unit, "ActiveState")

    def pid_outside(self, unit):
        """The number by which this machine's host knows the unit's main process."""
        inside = self.property(unit, "MainPID")
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
                numbers = fields["NSpid"].split()
                if len(numbers) > 1 and numbers[-1] == inside and self._is_ours(int(numbers[0])):
                    return int(numbers[0])
        raise AssertionError(f"{unit} has no process {inside}")

    def _is_ours(self, pid):
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink(f"/proc/{self.leader}/ns/net")
