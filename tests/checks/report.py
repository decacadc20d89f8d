"""What the stages say to people, and the counts that come to the last line."""
import pathlib
import sys
import time

TAIL_LINES = 40
PROBLEMS = 25  # lines of them that a stage shows
BEAT_SECONDS = 30  # how often a stage that runs long is heard of, off a terminal


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed = passed
        self.failed = failed
        self.skipped = skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


class Outcome:
    """Of one stage."""

    def __init__(self):
        self.counts = Counts()
        self.problems = []  # sentences, shown below the stage's line
        self.is_usable = False  # of a build: what stands on it can run
        self.has_told = False  # the problems say it all, the end of the log adds nothing

    def passed(self):
        self.counts.passed += 1

    def skipped(self, which):
        self.counts.skipped += 1
        self.problems.append(f"skipped: {which}")

    def failed(self, problem):
        self.counts.failed += 1
        self.problems.append(problem)


def _time(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _last_line(log):
    try:
        with open(log, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 400))
            lines = file.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:70]
    except OSError:
        return ""


class Report:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.total = Counts()
        self.failures = []
        self.is_tty = sys.stdout.isatty()
        self._beat = 0.0

    def _line(self, text):
        print(("\r\033[K" if self.is_tty else "") + text, flush=True)

    def tick(self, name, log, seconds):
        """Called every second while a command of a stage runs."""
        if self.is_tty:
            print(f"\r\033[K{name:<14} {_time(seconds):>8}  {_last_line(log)}", end="", flush=True)
        elif time.monotonic() - self._beat > BEAT_SECONDS:
            self._beat = time.monotonic()
            self._line(f"  ... {name}, {_time(seconds)}: {_last_line(log)}")

    def cannot_run(self, name, why):
        self.total.failed += 1
        self.failures.append(name)
        self._line(f"{name:<14} FAILED   {why}")

    def run(self, stage, settings):
        """Runs one stage; gives its Outcome."""
        began = self._beat = time.monotonic()
        if not self.is_tty:
            self._line(f"{stage.name:<14} {stage.doc} ...")
        log = self.folder / f"{stage.name}.log"
        log.unlink(missing_ok=True)
        outcome = stage.run(stage, settings, log, lambda seconds: self.tick(stage.name, log, seconds))
        self.total.add(outcome.counts)
        is_good = outcome.counts.failed == 0
        word = "ok" if is_good else "FAILED"
        self._line(f"{stage.name:<14} {word:<7} {_time(time.monotonic() - began):>8}  {outcome.counts}")
        for problem in outcome.problems[:PROBLEMS]:
            self._line(f"    {problem}")
        if len(outcome.problems) > PROBLEMS:
            self._line(f"    ... and {len(outcome.problems) - PROBLEMS} more, see {log}")
        if not is_good:
            self.failures.append(stage.name)
            if not outcome.has_told:
                self._tail(log)
        return outcome

    def _tail(self, log):
        try:
            lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        except OSError:
            return
        self._line(f"  ---- the end of {log}")
        for line in lines:
            self._line("  | " + line[:220])
        self._line("  ----")

    def finish(self, seconds):
        """The last words; returns the exit code."""
        self._line("")
        if self.failures:
            self._line("failed: " + ", ".join(self.failures))
        self._line(f"all of it took {_time(seconds)}")
        self._line(str(self.total))
        return 1 if self.total.failed or self.total.passed == 0 else 0
