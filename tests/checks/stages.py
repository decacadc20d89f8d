"""What ./check runs, in order. To add a stage: a function here and a row in STAGES."""
import os
import pathlib
import shutil
import subprocess

from tests.checks import processes, results
from tests.checks.report import Outcome

MINUTE = 60
FUZZ_SECONDS = 10  # each target, in a plain ./check
FUZZ_SECONDS_CAMPAIGN = 600
CAMPAIGN_SCALE = "0.02"  # of the sizes in the issues; --campaign runs them whole
REPORT_LINES = 30  # of a sanitizer, in the log of its stage
PRODUCT = ["comfygate", "comfygate-discord"]
PYTHON = "/usr/bin/python3"


class Settings:
    def __init__(self, quick, campaign, seed):
        self.quick = quick
        self.campaign = campaign
        self.seed = seed
        self.folder = pathlib.Path("build/check")
        self.jobs = len(os.sched_getaffinity(0))

    def campaign_environment(self):
        """Without a seed each campaign takes and tells its own."""
        env = {"CAMPAIGN_SCALE": "1" if self.campaign else CAMPAIGN_SCALE}
        return env if self.seed is None else {**env, "CAMPAIGN_SEED": self.seed}

    @property
    def gate_log(self):
        return self.folder / "schema-gate.jsonl"


class Stage:
    def __init__(self, name, doc, run, builds=(), sanitizer=False, preset="release"):
        self.name = name
        self.doc = doc
        self.run = run
        self.builds = builds
        self.sanitizer = sanitizer
        self.preset = preset


# ---- parts ---------------------------------------------------------------------------------


def environment(stage, settings, **more):
    """What a command gets to see: nothing that a shell has set for another comfygate, and sanitizers that
    write what they find where no test can swallow it."""
    env = {name: value for name, value in os.environ.items()
           if not name.upper().startswith(("COMFYGATE_", "COMFYUI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"))}
    found = (settings.folder / "sanitizer").resolve() / stage.name
    env.update({
        "LC_ALL": "C.UTF-8",
        # Programs in Python are started thousands of times: compiled once, and not into the checkout.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str((settings.folder / "pycache").resolve()),
        "ASAN_OPTIONS": f"log_path={found}:detect_leaks=1:halt_on_error=1:strict_string_checks=1",
        "UBSAN_OPTIONS": f"log_path={found}:print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"log_path={found}:halt_on_error=1:second_deadlock_stack=1",
    })
    env.update({name: str(value) for name, value in more.items()})
    return env


def call(outcome, words, log, tick, limit, env=None):
    """Runs a command; True when it succeeded. Counts what is wrong in itself: a limit, something left behind."""
    ended = processes.run(words, log, limit, env, tick)
    if ended.timed_out:
        outcome.failed(f"it was ended after {limit // MINUTE} minutes")
    for command in ended.left_behind:
        outcome.failed(f"left behind: {command[:120]}")
    return ended.code == 0 and not ended.timed_out


def call_one(outcome, words, log, tick, limit, problem, env=None):
    """A command that counts as one test."""
    before = outcome.counts.failed
    if call(outcome, words, log, tick, limit, env):
        outcome.passed()
    elif outcome.counts.failed == before:
        outcome.failed(problem)


def sanitizer_reports(outcome, stage, settings, log):
    """A report is a failure also when the test that caused it was content."""
    for path in sorted((settings.folder / "sanitizer").glob(f"{stage.name}.*")):
        lines = path.read_text(errors="replace").splitlines()
        head = next((line for line in lines if "ERROR" in line or "WARNING" in line or "runtime error" in line), "")
        outcome.failed(f"{path}: {head[:160]}")
        with open(log, "a", encoding="utf-8") as out:
            out.write("\n".join([f"---- {path}", *lines[:REPORT_LINES], ""]))


def forget_reports(stage, settings):
    folder = settings.folder / "sanitizer"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"{stage.name}.*"):
        path.unlink()


def without_random_addresses(stage):
    """clang's ThreadSanitizer cannot place its memory where newer kernels randomise addresses widely."""
    if stage.preset != "tsan" or shutil.which("setarch") is None:
        return []
    able = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return ["setarch", "-R"] if able else []


def our_files(*endings):
    """What is, or is about to be, in git."""
    words = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(words, capture_output=True, check=False)
    names = listed.stdout.decode().split("\0")
    return [name for name in names if name.endswith(endings) and os.path.isfile(name)]


def is_foreign(folder):
    """A build folder that came along when the checkout was copied or moved belongs to another place."""
    cache = pathlib.Path(folder, "CMakeCache.txt")
    return cache.exists() and f"CMAKE_HOME_DIRECTORY:INTERNAL={os.getcwd()}\n" not in cache.read_text()


# ---- stages --------------------------------------------------------------------------------


def setup_words(stage):
    return ["cmake", *(["--fresh"] if is_foreign(f"build/{stage.preset}") else []), "--preset", stage.preset]


def build(stage, settings, log, tick):
    """The product first: a test that does not compile keeps no other from running."""
    outcome = Outcome()
    env = environment(stage, settings)
    words = ["cmake", "--build", "--preset", stage.preset, "-j", str(settings.jobs)]
    if not call(outcome, setup_words(stage), log, tick, 5 * MINUTE, env):
        outcome.failed("cmake cannot set it up")
    elif not call(outcome, [*words, "--target", *PRODUCT], log, tick, 20 * MINUTE, env):
        outcome.failed("it does not build")
    else:
        outcome.passed()
        outcome.is_usable = True
        call_one(outcome, [*words, "--", "-k", "0"], log, tick, 20 * MINUTE, "its tests do not all build", env)
    return outcome


def tidy(stage, settings, log, tick):
    """All findings at once, each told by its own line."""
    outcome = Outcome()
    env = environment(stage, settings)
    words = ["cmake", "--build", "--preset", stage.preset, "-j", str(settings.jobs), "--target", *PRODUCT, "--", "-k", "0"]
    if not call(outcome, setup_words(stage), log, tick, 5 * MINUTE, env):
        outcome.failed("cmake cannot set it up")
    elif call(outcome, words, log, tick, 20 * MINUTE, env):
        outcome.passed()
    else:
        lines = log.read_text(errors="replace").splitlines()
        found = sorted({line.replace(os.getcwd() + "/", "") for line in lines if ": error: " in line})
        outcome.failed(f"{len(found)} findings")
        outcome.problems += found
        outcome.has_told = bool(found)
    return outcome


def lint_format(stage, settings, log, tick):
    outcome = Outcome()
    files = our_files(".c", ".h")
    call_one(outcome, ["clang-format", "--dry-run", "-Werror", *files], log, tick, 5 * MINUTE,
             "clang-format -i would change files", environment(stage, settings))
    return outcome


def lint_shell(stage, settings, log, tick):
    outcome = Outcome()
    scripts = ["demo", "check", "bench", ".ci/run", *our_files(".sh")]
    call_one(outcome, ["shellcheck", "-x", *scripts], log, tick, MINUTE, "shellcheck has found something",
             environment(stage, settings))
    return outcome


def lint_house(stage, settings, log, tick):
    outcome = Outcome()
    call_one(outcome, ["tests/house.sh"], log, tick, 2 * MINUTE, "the house rules are broken",
             environment(stage, settings))
    return outcome


def unit(stage, settings, log, tick):
    outcome = Outcome()
    forget_reports(stage, settings)
    junit = (settings.folder / f"{stage.name}.xml").resolve()
    junit.unlink(missing_ok=True)
    words = [*without_random_addresses(stage), "ctest", "--test-dir", f"build/{stage.preset}", "--output-on-failure",
             "--timeout", "300", "-j", str(settings.jobs), "--output-junit", str(junit),
             "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000"]
    good = call(outcome, words, log, tick, 15 * MINUTE, environment(stage, settings))
    results.add_ctest(outcome, junit, good, log)
    sanitizer_reports(outcome, stage, settings, log)
    return outcome


def pytest(outcome, stage, settings, log, tick, words, limit, before=(), **env):
    forget_reports(stage, settings)
    junit = settings.folder / f"{stage.name}.xml"
    junit.unlink(missing_ok=True)
    scratch = settings.folder / "tmp" / stage.name
    scratch.parent.mkdir(parents=True, exist_ok=True)
    command = [*without_random_addresses(stage), *before, PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-ra",
               f"--basetemp={scratch}", f"--junitxml={junit}", "-o", "junit_logging=no", *words]
    good = call(outcome, command, log, tick, limit, environment(
        stage, settings, COMFYGATE_BIN=pathlib.Path(f"build/{stage.preset}/bin/comfygate").resolve(),
        COMFYGATE_GATE_LOG=settings.gate_log.resolve(), **env))
    results.add_pytest(outcome, junit, good)
    sanitizer_reports(outcome, stage, settings, log)


def waiting_jobs(settings):
    """Tests with servers mostly wait: so many at once keep the cores busy. There are ports for ten (tests/api/stage.py)."""
    return min(2 * settings.jobs, 10)


def not_again(stage):
    """What a sanitizer cannot find anything new in (tests/api/marks.py)."""
    marks = (["once"] if stage.sanitizer else []) + (["one_thread"] if stage.preset == "tsan" else [])
    return ["-m", " and ".join(f"not {mark}" for mark in marks)] if marks else []


def api(stage, settings, log, tick):
    outcome = Outcome()
    if stage.preset == "release":
        settings.gate_log.unlink(missing_ok=True)
    words = ["-n", str(waiting_jobs(settings)), *not_again(stage), "tests/api", "--ignore=tests/api/test_demo.py"]
    if stage.sanitizer:
        # They test comfy-sim and the gate, without a comfygate.
        words += ["--ignore-glob=tests/api/test_sim_*.py", "--ignore=tests/api/test_schema.py"]
    env = settings.campaign_environment() if settings.campaign and not stage.sanitizer else {}
    pytest(outcome, stage, settings, log, tick, words, (180 if env else 25) * MINUTE, **env)
    return outcome


def discord(stage, settings, log, tick):
    """The fake Discord is tested once, by the released program's stage."""
    outcome = Outcome()
    # Under the sanitizer it computes more than it waits, and Discord gives an answer three seconds.
    jobs = settings.jobs + 1 if stage.sanitizer else waiting_jobs(settings)
    words = ["-n", str(jobs), *not_again(stage), "tests/discord"]
    if stage.sanitizer:
        words += ["--ignore-glob=tests/discord/test_fake_*.py"]
    env = settings.campaign_environment() if settings.campaign and not stage.sanitizer else {}
    pytest(outcome, stage, settings, log, tick, words, (180 if env else 25) * MINUTE, **env)
    return outcome


def pages(stage, settings, log, tick):
    """In a real Chromium; each process of pytest has one of its own."""
    outcome = Outcome()
    pytest(outcome, stage, settings, log, tick, ["-n", str(settings.jobs), "tests/pages"], 15 * MINUTE)
    return outcome


# What of the API has to do with how jobs are kept.
ON_POSTGRESQL = ["jobs_api", "events", "webhooks", "keys", "preferences", "operate", "gallery", "stats", "retention", "assets",
                 "outputs", "scenarios"]


def postgresql(stage, settings, log, tick):
    """The store's own tests, and the API's, on a server that is there for them."""
    outcome = Outcome()
    server = [PYTHON, "tests/api/postgres_server.py"]
    ctest = [*server, "ctest", "--test-dir", f"build/{stage.preset}", "--output-on-failure", "-R", "test_store", "-E", "sqlite"]
    call_one(outcome, ctest, log, tick, 5 * MINUTE, "the store's tests fail on PostgreSQL", environment(stage, settings))
    words = ["-n", str(waiting_jobs(settings)), "-m", "not only_sqlite",
             *(f"tests/api/test_{name}.py" for name in ON_POSTGRESQL)]
    pytest(outcome, stage, settings, log, tick, words, 15 * MINUTE, before=server)
    return outcome


def schema(stage, settings, log, tick):
    outcome = Outcome()
    call_one(outcome, [PYTHON, "tests/api/schema_gate.py", "--verify", str(settings.gate_log)], log, tick,
             5 * MINUTE, "the document and what the tests saw do not agree", environment(stage, settings))
    return outcome


def campaign(stage, settings, log, tick):
    outcome = Outcome()
    if not list(pathlib.Path("tests/campaign").glob("test_*.py")):
        outcome.failed("there are no campaigns")
        return outcome
    pytest(outcome, stage, settings, log, tick, ["tests/campaign"],
           48 * 60 * MINUTE if settings.campaign else 20 * MINUTE,
           **settings.campaign_environment())
    return outcome


def fuzz(stage, settings, log, tick):
    """What a run finds new is kept for the next one in build/, not in the corpus."""
    outcome = Outcome()
    seconds = FUZZ_SECONDS_CAMPAIGN if settings.campaign else FUZZ_SECONDS
    programs = len(list(pathlib.Path(f"build/{stage.preset}/bin").glob("fuzz_*")))
    limit = programs * (seconds + MINUTE) // settings.jobs + 5 * MINUTE
    pytest(outcome, stage, settings, log, tick, ["-n", str(settings.jobs), "tests/fuzz"], limit,
           FUZZ_SECONDS=seconds, FUZZ_KEPT=(settings.folder / "fuzz").resolve())
    return outcome


def demo(stage, settings, log, tick):
    outcome = Outcome()
    pytest(outcome, stage, settings, log, tick, ["tests/api/test_demo.py"], 10 * MINUTE)
    return outcome


def packaging(files):
    """Tests that make machines of their own, from a Debian that they share. What they fetch may need a proxy."""
    def run(stage, settings, log, tick):
        outcome = Outcome()
        proxies = {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ}
        pytest(outcome, stage, settings, log, tick, ["-x", *files], 20 * MINUTE, **proxies)
        return outcome
    return run


STAGES = [
    Stage("format", "every C file is as clang-format has it", lint_format),
    Stage("house", "the rules that no tool knows", lint_house),
    Stage("shell", "shellcheck of all scripts", lint_shell),
    Stage("build-release", "gcc, optimised and hardened", build),
    Stage("tidy", "clang, thread roles and clang-tidy", tidy, preset="lint"),
    Stage("unit-release", "unit tests and fuzz corpora, as released", unit, ("build-release",)),
    Stage("api-release", "the API through the released program", api, ("build-release",)),
    Stage("discord-release", "the Discord adapter, with a fake Discord", discord, ("build-release",)),
    Stage("postgresql", "the store and the API on a PostgreSQL server", postgresql, ("build-release",)),
    Stage("pages", "the pages of the gateway, in Chromium", pages, ("build-release",)),
    Stage("package", "the Debian package on a machine of its own", packaging(
        [f"tests/packaging/test_{what}.py" for what in ("units", "compose", "deb")]), ("build-release",)),
    Stage("image", "the container image, built and run", packaging(["tests/packaging/test_image.py"])),
    Stage("demo", "./demo --once", demo, ("build-release",)),
    Stage("build-dev", "gcc, address and undefined behaviour sanitizers", build, sanitizer=True, preset="dev"),
    Stage("unit-dev", "unit tests and fuzz corpora under them", unit, ("build-dev",), True, "dev"),
    Stage("api-dev", "the API under them", api, ("build-dev",), True, "dev"),
    Stage("discord-dev", "the Discord adapter under them", discord, ("build-dev",), True, "dev"),
    Stage("build-tsan", "clang, thread sanitizer", build, sanitizer=True, preset="tsan"),
    Stage("unit-tsan", "unit tests under it", unit, ("build-tsan",), True, "tsan"),
    Stage("api-tsan", "the API under it", api, ("build-tsan",), True, "tsan"),
    Stage("build-fuzz", "clang, libFuzzer", build, sanitizer=True, preset="fuzz"),
    Stage("fuzz", "a short run of each fuzz program", fuzz, ("build-fuzz",), True, "fuzz"),
    Stage("campaign", "crashes, faults and hostile input", campaign, ("build-release",)),
    Stage("schema", "every operation was seen, every answer was as promised", schema, ("build-release",)),
]
BUILDS = {stage.name for stage in STAGES if stage.name.startswith("build-")}
