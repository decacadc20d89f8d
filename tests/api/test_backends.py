"""Several ComfyUIs behind one gateway, and several releases of it."""
import pytest

import graphs
from gateway import Gateway
from stage import eventually, stages  # noqa: F401  (stages is a fixture)

TWO = {"left": {}, "right": {}}
RELEASES = ["0.3.40", "0.3.50", "0.3.64", "0.5.0", "0.24.0", "0.33.0"]


def test_work_is_spread(stages):
    """Two servers share the work; each has one socket."""
    stage = stages(sims=TWO)
    for name in TWO:
        stage.backend(lambda b: b["ws"]["connected"], name=name)
    jobs = [stage.submit(graphs.steps(5, ms=30)) for _ in range(12)]
    ended = [stage.finish(job) for job in jobs]
    counts = {name: sum(job["backend"] == name for job in ended) for name in TWO}
    assert min(counts.values()) >= 3, counts
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    assert [sim.log()["ws_opened"] for sim in stage.sims.values()] == [1, 1]


def test_slots_are_kept(stages):
    """Never more prompts inside a ComfyUI than it has slots; the rest wait in the gateway."""
    stage = stages(backend_slots=2)
    jobs = [stage.submit(graphs.steps(4, ms=20)) for _ in range(8)]
    deepest = 0
    for _ in range(40):
        deepest = max(deepest, stage.sim.get("/prompt")["exec_info"]["queue_remaining"])
    for job in jobs:
        stage.finish(job)
    assert 1 <= deepest <= 2


def test_wanted_backend(stages):
    """A job that asks for a server runs there, and does not hold up those behind it."""
    stage = stages(sims=TWO)
    jobs = [stage.submit(graphs.steps(3, ms=30), backend="right") for _ in range(5)]
    free = stage.submit(graphs.picture())
    assert stage.finish(free)["backend"] == "left"
    assert {stage.finish(job)["backend"] for job in jobs} == {"right"}


def test_wanted_backend_is_unknown(stages):
    """Asking for a server that there is not: refused at the door, nothing is stored."""
    stage = stages()
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "backend": "nowhere"})
    assert answer.status == 422
    assert "/backend" in {item["pointer"] for item in answer.json()["errors"]}
    assert stage.gateway.json("GET", "/v1/jobs")["data"] == []


def test_one_dies_the_other_takes_over(stages):
    """The server that ran the job is killed and stays away: the job runs on the other one."""
    stage = stages(sims=TWO)
    job = stage.submit(graphs.steps(40, ms=50))
    running = stage.until(job, lambda j: j["status"] == "running")
    stage.sims[running["backend"]].kill9()
    stage.backend(lambda b: b["status"] == "down", name=running["backend"])
    assert stage.gateway.json("GET", "/readyz")["status"] in ("ready", "degraded")
    after = stage.submit(graphs.picture())
    assert stage.finish(after)["backend"] != running["backend"]
    # Nobody can say whether the dead one only lost its network: the job is its own until it is back or given up.
    stage.sims[running["backend"]].start()
    job = stage.finish(job, timeout=30)
    assert job["attempt"] == 2 and len(job["outputs"]) == 1


@pytest.mark.patient
def test_one_dies_for_good(stages):
    """The server that ran a job, and had another ready, never comes back: both run on the other one, in time."""
    stage = stages(sims=TWO, backend_lost_seconds=1)
    jobs = [stage.submit(graphs.steps(40, ms=50)) for _ in range(4)]
    for job in jobs:
        stage.until(job, lambda j: j["phase"] in ("submitted", "executing"))
    running = stage.until(jobs[0], lambda j: j["status"] == "running")
    stage.sims[running["backend"]].kill9()
    ended = [stage.finish(job, timeout=30) for job in jobs]
    assert {job["backend"] for job in ended} == set(TWO) - {running["backend"]}
    assert sorted(job["attempt"] for job in ended) == [1, 1, 2, 2]


@pytest.mark.patient
def test_one_that_was_only_unreachable(stages):
    """The server had only lost its network for longer than we wait: what it still has of ours is taken out again."""
    stage = stages(sims=TWO, backend_lost_seconds=1, backend_timeout_ms=500)
    job = stage.submit(graphs.steps(100, ms=50))
    running = stage.until(job, lambda j: j["status"] == "running")
    lost = stage.sims[running["backend"]]
    lost.pause()
    again = stage.until(job, lambda j: j["status"] == "running" and j["attempt"] == 2)
    assert again["backend"] != running["backend"]
    lost.resume()
    eventually(lambda: lost.log()["queue_running"], lambda count: count == 0, timeout=3)
    assert stage.finish(job)["attempt"] == 2


@pytest.mark.patient
def test_stalled_one_gives_its_jobs_back(stages):
    """A dead worker on one server: its jobs run on the other one, while it is still listed as down."""
    stage = stages(sims=TWO)
    stage.backend(lambda b: b["ws"]["connected"], name="left")
    stage.backend(lambda b: b["ws"]["connected"], name="right")
    stage.sims["left"].kill_worker()
    jobs = [stage.submit(graphs.steps(2, ms=20)) for _ in range(6)]
    ended = [stage.finish(job) for job in jobs]
    assert {job["backend"] for job in ended} == {"right"}
    assert stage.backend(lambda b: b["status"] == "down", name="left")["reason"]
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    # It has a worker again: the prompts given back are gone from it, and it gets new work.
    stage.sims["left"].restart()
    stage.backend(lambda b: b["status"] == "up", name="left")
    assert stage.finish(stage.submit(graphs.picture(), backend="left"))["backend"] == "left"


@pytest.mark.patient
def test_backend_taken_out_of_the_settings(stages):
    """The server that has the job is not configured any more at the next start: the job runs elsewhere."""
    stage = stages(sims=TWO)
    for name in TWO:
        stage.backend(lambda b: b["status"] == "up", name=name)
    job = stage.submit(graphs.steps(60, ms=50), backend="left")
    free = stage.submit(graphs.steps(60, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    on = stage.until(free, lambda j: j["status"] == "running")["backend"]
    assert on == "right"
    stage.gateway.stop()
    stage.gateway.start(backends=f"left={stage.sims['left'].url}")
    free = stage.finish(free, timeout=30)
    assert free["backend"] == "left" and free["attempt"] == 2
    assert stage.finish(job)["attempt"] == 1


def test_view_of_a_backend(stages):
    """What GET /v1/backends tells is what is so."""
    stage = stages()
    idle = stage.backend(lambda b: b["version"] == "0.33.0" and b["ws"]["connected"])
    assert idle["status"] == "up" and idle["reason"] is None and idle["slots"] == 2
    assert idle["running"] == 0 and idle["submitted"] == 0 and idle["devices"]
    jobs = [stage.submit(graphs.steps(40, ms=50)) for _ in range(3)]
    busy = stage.backend(lambda b: b["running"] == 1 and b["submitted"] == 2)
    assert busy["queue_remaining"] == 2
    for job in jobs:
        stage.cancel(job)
    stage.backend(lambda b: b["submitted"] == 0 and b["queue_remaining"] == 0)


def test_password_in_the_url(tmp_path):
    """A user and password have no place in the address: refused at the start, without saying them again."""
    gateway = Gateway(tmp_path / "data", backends="gpu0=http://ada:s3cret@127.0.0.1:9")
    with pytest.raises(AssertionError, match="did not start"):
        gateway.start()
    assert "gpu0" in gateway.log() and "s3cret" not in gateway.log()


@pytest.mark.parametrize("version", RELEASES)
def test_release(stages, version):
    """The same day with every release: run, watch, fail, cancel."""
    stage = stages(sim={"comfyui_version": version}, backend_cancel_ms=1500)
    stage.backend(lambda b: b["version"] == version and b["ws"]["connected"])
    job = stage.submit(graphs.steps(12, ms=50, previews=True))
    stage.until(job, lambda j: j["progress"] and j["progress"]["preview_seq"])
    assert stage.finish(job)["attempt"] == 1
    failed = stage.finish(stage.submit(graphs.failing(message="of its own")), "failed")
    assert failed["error"]["node_id"] == "2" and "of its own" in failed["error"]["message"]
    refused = stage.finish(stage.submit({"1": {"class_type": "NoSuchNode", "inputs": {}}}), "failed")
    assert refused["error"]["code"] == "missing_node"
    running = stage.submit(graphs.steps(60, ms=50))
    ready = stage.submit(graphs.picture())
    stage.until(running, lambda j: j["status"] == "running")
    stage.until_delivered(ready)
    stage.cancel(ready)
    stage.finish(ready, "canceled")
    stage.cancel(running)
    stage.finish(running, "canceled")  # releases that cannot aim an interrupt work on, and the job says so
    eventually(lambda: stage.sim.log()["queue_running"], lambda count: count == 0)
    stage.finish(stage.submit(graphs.picture()))
    assert stage.sim.log()["ws_opened"] == 1
