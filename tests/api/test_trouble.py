"""ComfyUIs that fail by themselves: out of memory, broken devices, and answers that nobody can use."""
import pytest

import graphs
from exposition import Exposition
from stage import eventually
from test_many_backends import until_known

TWO = {"left": {}, "right": {}}
FULL = ("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB")
BROKEN = ("torch.AcceleratorError", "CUDA error: an illegal memory access was encountered")


def where(stage, job):
    """The doubles that have begun the job, in order."""
    jobs = stage.jobs_by_prompt()
    return [each["sim"] for each in stage.sim_events("started") if jobs.get(each["prompt_id"]) == job["id"]]


def test_out_of_memory_is_tried_elsewhere(stages):
    stage = stages(sims=TWO)
    until_known(stage)
    job = stage.finish(stage.submit(graphs.failing(*FULL)), "failed")
    assert job["error"]["code"] == "out_of_memory" and job["attempt"] == 2
    assert [each["code"] for each in job["warnings"]] == ["out_of_memory"]
    assert sorted(where(stage, job)) == ["left", "right"]
    assert stage.sim_events("free") == [], "there was another one to go to"


@pytest.mark.parametrize("pinned", [False, True])
def test_out_of_memory_is_tried_again_after_memory_was_freed(stages, pinned):
    """The only one there is, and the only one that was asked for."""
    stage = stages(sims=TWO)
    until_known(stage)
    wish = {"backend": "right"} if pinned else {}
    if not pinned:
        stage.gateway.request("POST", "/v1/backends/left/drain")
    job = stage.finish(stage.submit(graphs.failing(*FULL), **wish), "failed")
    assert job["error"]["code"] == "out_of_memory" and where(stage, job) == ["right", "right"]
    story = [each for each in stage.sim_events() if each["event"] in ("started", "free")]
    assert [each["event"] for each in story] == ["started", "free", "started"], "once, between the two"
    assert story[1]["unload_models"] is True and story[1]["free_memory"] is True and story[1]["sim"] == "right"
    assert [each["job"] for each in stage.gateway_log("memory_freed")] == [job["id"]]


def test_a_lost_job_goes_elsewhere(stages):
    """The one that lost it is up again and idle, and named first."""
    stage = stages(sims=TWO)
    until_known(stage)
    stage.gateway.request("POST", "/v1/backends/right/drain")
    job = stage.submit(graphs.steps(40, ms=50))
    stage.until(job, lambda seen: seen["status"] == "running")
    stage.gateway.request("POST", "/v1/backends/right/resume")
    stage.sims["left"].restart()
    ended = stage.finish(job)
    assert (ended["backend"], ended["attempt"]) == ("right", 2)


def test_a_broken_device_is_not_the_job_s_fault(stages):
    """The job is tried on another one; when that breaks under it too, on no third."""
    stage = stages(sims={**TWO, "third": {}}, job_max_attempts=5)
    until_known(stage)
    job = stage.finish(stage.submit(graphs.failing(*BROKEN)), "failed")
    assert job["error"]["code"] == "backend_lost" and job["error"]["retryable"]
    assert "illegal memory access" in job["error"]["message"] and job["error"]["class_type"] == "SimFail"
    assert job["attempt"] == 2 and len(set(where(stage, job))) == 2


def test_one_whose_device_is_broken_gets_no_more_jobs(stages):
    stage = stages(sims={"gpu0": {}}, backend_max_faults=2, job_max_attempts=1)
    until_known(stage)
    for _ in range(2):
        assert stage.finish(stage.submit(graphs.failing(*BROKEN)), "failed")["attempt"] == 1
    down = stage.gateway_log("backend_down")
    assert down[-1]["reason"].startswith("failed 2 times in a row: SimFail (node 2): CUDA error")
    # After its pause one job shows that it is well again.
    assert stage.finish(stage.submit(graphs.picture()))["attempt"] == 1
    assert Exposition(stage.gateway).value("comfygate_backend_rests_total", backend="gpu0") == 1


def test_one_that_takes_no_prompts_gets_no_more_jobs(stages):
    """The others do all the work, and no job pays for it with more than an attempt."""
    stage = stages(sims=TWO, backend_backoff_min_ms=2000, backend_backoff_max_ms=2000)
    until_known(stage)
    stage.sims["left"].faults({"http_fail": {"path": "/prompt", "method": "POST", "status": 500}})
    jobs = [stage.submit(graphs.steps(2, ms=20)) for _ in range(20)]
    ended = [stage.finish(job, timeout=60) for job in jobs]
    assert {job["backend"] for job in ended} == {"right"} and max(job["attempt"] for job in ended) == 2
    assert "failed 3 times in a row" in stage.gateway_log("backend_down")[-1]["reason"]
    assert stage.sims["left"].faults_seen()["http_fail"][0]["struck"] <= 6


def test_one_job_at_a_time_tries_it(stages):
    stage = stages(sims={"gpu0": {}}, backend_max_faults=1, backend_slots=3, job_max_attempts=1)
    until_known(stage)
    stage.finish(stage.submit(graphs.failing(*BROKEN)), "failed")
    jobs = [stage.submit(graphs.steps(20, ms=50)) for _ in range(5)]
    stage.until(jobs[0], lambda seen: seen["status"] == "running")
    assert [stage.job(job)["backend"] for job in jobs] == ["gpu0"] + [None] * 4
    assert stage.backend()["submitted"] == 1
    stage.finish(jobs[0])
    eventually(lambda: stage.backend()["submitted"] == 3)
    for job in jobs:
        stage.finish(job)
