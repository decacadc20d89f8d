"""A stage for stories: one or more comfy-sims, a comfygate in front of them, and the questions that tests ask.

Every wait has a deadline; whatever was started is ended when the test is over, by its own process id.
"""
import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
import time

import pytest

import gateway as gateway_module
from gateway import free_port
from sim import Sim

ENDED = ("succeeded", "failed", "canceled", "expired")
DEADLINE = 20  # seconds that nothing here may take
TEST_LIMIT = 120  # seconds after which a whole test counts as hung

# Times of a patient service, made short: what takes 30 s there shall take 1 s here.
QUICK = {
    "backend_status_ms": 1500, "backend_poll_ms": 100, "backend_reconcile_ms": 500, "backend_doubt_ms": 800,
    "backend_worker_ms": 800, "backend_cancel_ms": 5000, "backend_timeout_ms": 3000, "backend_backoff_min_ms": 50,
    "backend_backoff_max_ms": 400, "job_retry_min_ms": 50, "job_retry_max_ms": 200, "log_format": "json",
}


def eventually(look, is_right=bool, timeout=DEADLINE, every=0.02):
    """What look() gives as soon as it is right; AssertionError with the last of it otherwise."""
    until = time.monotonic() + timeout
    while True:
        seen = look()
        if is_right(seen):
            return seen
        assert time.monotonic() < until, f"did not come within {timeout} s; last seen: {seen!r}"
        time.sleep(every)


def give_up(seconds):
    """Ends the process, which pytest-xdist reports with the name of the test."""
    faulthandler.dump_traceback()
    print(f"the test took more than {seconds} s", file=sys.stderr, flush=True)
    os._exit(1)


@contextlib.contextmanager
def time_limit(seconds):
    """No test hangs: the alarm raises in the main thread wherever it waits.

    pytest-xdist may run tests in another thread; then only the end of the whole process is sure.
    """
    if threading.current_thread() is not threading.main_thread():
        timer = threading.Timer(seconds, give_up, [seconds])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        return

    def ring(_number, _frame):
        raise TimeoutError(f"the test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Stage:
    """`sim` are options of one comfy-sim, `sims` names several of them; other keywords are settings of comfygate.

    `backends` maps names to URLs when the gateway shall reach the doubles through something else.
    """

    def __init__(self, directory, sim=None, sims=None, start_sim=True, sim_port=None, backends=None, **settings):
        directory.mkdir(parents=True)
        self.directory = directory
        self.sims = {name: Sim(start=start_sim, port=sim_port or free_port(), log_file=self.sim_log_path(name),
                               base_dir=directory / f"sim-{name}", **options)
                     for name, options in (sims or {"gpu0": sim or {}}).items()}
        self.sim = next(iter(self.sims.values()))
        backends = backends or {name: f"http://127.0.0.1:{each.port}" for name, each in self.sims.items()}
        self.gateway = gateway_module.Gateway(
            directory / "data", backends=",".join(f"{name}={url}" for name, url in backends.items()),
            log_path=directory / "gateway.log", settings={**QUICK, **settings})
        self.gateway.start()

    def close(self):
        with contextlib.ExitStack() as stack:
            for each in self.sims.values():
                stack.callback(each.stop)
            stack.callback(self.gateway.stop)

    # ---- what users do

    def submit(self, graph, headers=None, **members):
        answer = self.gateway.request("POST", "/v1/jobs", json={"workflow": graph, **members}, headers=headers)
        assert answer.status == 202, (answer.status, answer.body)
        return answer.json()

    def submit_many(self, graph_list, **members):
        return [self.submit(graph, **members) for graph in graph_list]

    def job(self, job, wait=None):
        return self.gateway.json("GET", f"/v1/jobs/{job['id']}" + (f"?wait={wait}" if wait is not None else ""))

    def etag(self, job):
        return self.gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")

    def cancel(self, job):
        answer = self.gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
        assert answer.status in (200, 202), (answer.status, answer.body)
        return answer

    def until(self, job, is_right, timeout=DEADLINE):
        """The job as soon as it is as wished; fails at once when it has ended otherwise."""

        def is_right_or_over(seen):
            if is_right(seen):
                return True
            assert seen["status"] not in ENDED, f"it ended instead: {brief(seen)}"
            return False

        return eventually(lambda: self.job(job), is_right_or_over, timeout)

    def finish(self, job, status="succeeded", timeout=DEADLINE):
        """The job at its end, which must be this one."""
        until = time.monotonic() + timeout
        while True:
            seen = self.job(job, wait=5)
            if seen["status"] in ENDED:
                break
            assert time.monotonic() < until, f"the job did not end within {timeout} s: {brief(seen)}"
        assert seen["status"] == status, brief(seen)
        if status == "succeeded":
            assert seen["outputs"], brief(seen)
        return seen

    # ---- what can be seen

    def backend(self, is_right=bool, name=None, timeout=DEADLINE):
        name = name or next(iter(self.sims))

        def look():
            page = self.gateway.json("GET", "/v1/backends")
            return next(each for each in page["data"] if each["name"] == name)

        return eventually(look, is_right, timeout)

    def gateway_log(self, event=None):
        lines = []
        for line in (self.directory / "gateway.log").read_text().splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if event is None or entry.get("ev") == event:
                    lines.append(entry)
        return lines

    def sim_log_path(self, name):
        return self.directory / f"sim-{name}.log"

    def sim_events(self, event=None):
        """What the doubles wrote down, through all their lives."""
        events = []
        for name in self.sims:
            path = self.sim_log_path(name)
            lines = path.read_text().splitlines() if path.exists() else []
            events += [{"sim": name, **json.loads(line)} for line in lines]
        return [each for each in events if event in (None, each["event"])]

    def jobs_by_prompt(self):
        """prompt id -> job id, told by what the gateway put into extra_data."""
        return {each["prompt_id"]: each["extra_data"]["comfygate"]["job_id"] for each in self.sim_events("accepted")
                if "comfygate" in each["extra_data"]}

    def job_of_prompt(self, prompt_id):
        return self.jobs_by_prompt().get(prompt_id)

    def executions_by_job(self):
        """How often each job was begun by a double. Jobs of others are left out."""
        jobs, counts = self.jobs_by_prompt(), {}
        for each in self.sim_events("started"):
            job = jobs.get(each["prompt_id"])
            if job is not None:
                counts[job] = counts.get(job, 0) + 1
        return counts

    def executions(self, job):
        return self.executions_by_job().get(job["id"], 0)

    def prompts(self, job):
        """The prompts under which a job was accepted, oldest first."""
        return [prompt for prompt, owner in self.jobs_by_prompt().items() if owner == job["id"]]

    def raw_prompt(self, job):
        """The bytes of the job's latest POST /prompt, or None."""
        for each in self.sims.values():
            for prompt in reversed(self.prompts(job)):
                raw = each.raw(prompt)
                if raw:
                    return raw
        return None

    def until_delivered(self, job):
        eventually(lambda: self.prompts(job))

    def content(self, output):
        answer = self.gateway.request("GET", output["url"])
        assert answer.status == 200
        return answer.body


def brief(job):
    return {key: job[key] for key in ("id", "status", "phase", "attempt", "error", "warnings", "backend")}


@pytest.fixture(scope="session")
def shared_stages():
    """The stages that tests marked `shares` have had; the last one is alive, unless a test has ended it."""
    shared = []
    yield shared
    for stage in shared:
        stage.close()


@pytest.fixture
def stages(request, tmp_path):
    """A factory: stages(**what) sets one up; all of it is gone after the test, but for the one that is shared."""
    built = []
    is_sharing = request.node.get_closest_marker("shares") is not None

    def build(**what):
        if is_sharing and not what:
            return shared_stage(request.getfixturevalue("shared_stages"), request.getfixturevalue("tmp_path_factory"))
        built.append(Stage(tmp_path / f"stage{len(built)}", **what))
        return built[-1]

    with time_limit(TEST_LIMIT):
        yield build
    for stage in built:
        stage.close()
    if is_sharing:
        assert request.getfixturevalue("shared_stages")[-1].gateway.alive, "the comfygate that it shares has ended"


def shared_stage(shared, tmp_path_factory):
    if not shared or not shared[-1].gateway.alive:
        shared.append(Stage(tmp_path_factory.mktemp("shared") / "stage"))
    return shared[-1]
