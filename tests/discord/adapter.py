"""comfygate-discord as a test fixture: the real binary, its log, and what the kernel says of it."""
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import time

BIN = pathlib.Path(os.environ.get("COMFYGATE_BIN", "build/dev/bin/comfygate")).resolve().parent / "comfygate-discord"
PR_SET_PDEATHSIG = 1
STOP_LIMIT = 10

# Pauses for people, made short for tests.
QUICK = {"edit_ms": 100, "edit_slow_ms": 1000, "preview_ms": 200, "log_format": "json", "log_level": "debug"}


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Adapter:
    """One process of comfygate-discord at a time. `settings` are rows of settings.def by their name."""

    def __init__(self, log_path, gate_url, fake, settings=None):
        self.log_path = pathlib.Path(log_path)
        self.fake = fake
        self.settings = {"url": gate_url, "token": fake.token, "api_base": fake.rest_url, **QUICK, **(settings or {})}
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    def environment(self):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("COMFYGATE_") and not name.lower().endswith("_proxy")}
        env.setdefault("TSAN_OPTIONS", "halt_on_error=1")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        return env

    def command(self, verb, **settings):
        flags = {**self.settings, **settings}
        return [str(BIN), verb, *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items())]

    def run(self, verb, timeout=20, **settings):
        """A verb that ends by itself: (exit code, stdout, stderr)."""
        done = subprocess.run(self.command(verb, **settings), capture_output=True, text=True, timeout=timeout,
                              env=self.environment(), check=False)
        return done.returncode, done.stdout, done.stderr

    def start(self, wait=True, **settings):
        assert not self.alive, "it is running already"
        self.settings.update(settings)
        before = len(self.events("bot_ready"))
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(self.command("run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=self.environment(), preexec_fn=_die_with_parent)
        if wait:  # the fake may still see its predecessor, and may refuse an IDENTIFY that comes too soon after it
            wait_for(lambda: len(self.events("bot_ready")) > before, 30, "READY")
            self.fake.wait_ready()

    def stop(self):
        """TERM; it must end cleanly."""
        code = self._end(signal.SIGTERM)
        assert code in (0, None), f"exit code {code}; its log ends: {self.log()[-4000:]}"
        return code

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self, **settings):
        self.stop()
        self.start(**settings)

    def wait_exit(self, timeout=20):
        """The exit code of one that ends by itself."""
        process, self._process = self._process, None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _end(self, how):
        if self._process is None:
            return None
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            return process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end; its log ends: {self.log()[-4000:]}") from late

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def events(self, name):
        """Lines of the log of that event."""
        lines = (line for line in self.log().splitlines() if line.startswith("{") and line.endswith("}"))
        return [entry for entry in map(json.loads, lines) if entry.get("event", entry.get("ev")) == name]

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def frozen(pid):
    """That process does nothing meanwhile: connections stay, nothing answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: all(pathlib.Path(task, "stat").read_text().rsplit(")", 1)[1].split()[0] in "Tt"
                             for task in pathlib.Path(f"/proc/{pid}/task").iterdir()), what="a stopped process")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wait_for(look, timeout=20, what="it"):
    until = time.monotonic() + timeout
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < until, f"{what} did not come within {timeout} s"
        time.sleep(0.02)
