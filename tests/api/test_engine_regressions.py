"""What went wrong in the engine once, and shall not again."""
import contextlib
import sqlite3
import threading
import time

import pytest

import databases
import graphs
from stage import eventually, stages  # noqa: F401  (stages is a fixture)


@contextlib.contextmanager
def locked_store(stage):
    """Another program holds the job store: until the end of this, every commit waits 2 s and fails."""
    store = sqlite3.connect(stage.directory / "data" / "comfygate.db", isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        store.execute("ROLLBACK")
        store.close()


def in_threads(*calls):
    """Their results, in order; all are under way at once."""
    results = [None] * len(calls)

    def run(i, call):
        results[i] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    return results, threads


@pytest.mark.patient
@databases.only_sqlite
def test_finish_whose_commit_failed(stages):
    """The end of a prompt was read while the store could not be written: it must be heard again."""
    stage = stages()
    job = stage.submit(graphs.steps(20, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    with locked_store(stage):
        stage.sim.wait_idle()
        eventually(lambda: len(stage.gateway_log("store_commit_failed")) >= 4)
    job = stage.finish(job)
    assert job["attempt"] == 1
    assert stage.executions_by_job() == {job["id"]: 1}


@databases.only_sqlite
def test_outputs_are_shown_when_they_are_stored(stages):
    """Also to who cancels a job that is done but for the commit."""
    stage = stages()
    stage.sim.faults({"http_delay": {"path": "/view", "ms": 1500}})
    job = stage.submit(graphs.steps(3, ms=50))
    stage.until(job, lambda seen: seen["phase"] == "collecting")
    with locked_store(stage):
        eventually(lambda: len(stage.gateway_log("store_commit_failed")) > 0)
        # From here on what has been collected is not heard of again before the cancel.
        stage.sim.faults({"http_delay": {"path": "/history", "ms": 3000}})
        eventually(lambda: len(stage.gateway_log("store_commit_failed")) > 2)
    answer = stage.cancel(job).json()
    assert answer["status"] == "canceling" and answer["outputs"] == []
    # It was done before the cancel, as ComfyUI tells in the end.
    assert len(stage.finish(job)["outputs"]) == 1


def test_history_that_never_answers(stages):
    """The queue answers, history does not, ever: no storm of requests, and no job that hangs."""
    stage = stages(job_max_attempts=1, backend_lost_seconds=2)
    stage.sim.faults({"http_fail": {"path": "/history", "status": 500}, "ws_swallow": "all"})
    job = stage.submit(graphs.picture())
    time.sleep(2)
    seen = stage.sim.faults_seen()["http_fail"][0]["struck"]
    assert seen < 60, f"{seen} requests in 2 s"
    stage.finish(job, "failed", timeout=40)


@databases.only_sqlite
def test_patch_and_delete_in_one_turn(stages):
    """Whatever two clients do to one job at once, a third one's submission is none the worse."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.picture()))
    path = f"/v1/jobs/{job['id']}"
    with locked_store(stage):
        eventually(lambda: stage.gateway.request("GET", "/livez").status == 200)
        time.sleep(1.2)  # the engine waits for the store: what comes now comes into one turn
        answers, threads = in_threads(
            lambda: stage.gateway.request("PATCH", path, json={"title": "new"}),
            lambda: stage.gateway.request("DELETE", path),
            lambda: stage.gateway.request("PATCH", path, json={"title": "newer"}),
            lambda: stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}))
        time.sleep(0.3)
    for thread in threads:
        thread.join(20)
    patched, deleted, patched_too, submitted = [answer.status for answer in answers]
    assert (deleted, submitted) == (204, 202), [answer.body for answer in answers]
    assert patched in (200, 404) and patched_too in (200, 404), [answer.body for answer in answers]
    assert stage.gateway.request("GET", path).status == 404


@pytest.mark.patient
def test_silence_of_an_adopted_prompt(stages):
    """Nobody hears of a prompt that was sent under the client id of an earlier life: its silence says nothing."""
    stage = stages(backend_stall_seconds=1)
    job = stage.submit(graphs.steps(60, ms=80))
    stage.until(job, lambda j: j["status"] == "running")
    stage.gateway.restart()
    job = stage.finish(job)
    assert job["attempt"] == 1
    assert stage.executions_by_job() == {job["id"]: 1}


@pytest.mark.patient
@pytest.mark.parametrize("becomes, status", [("done", "succeeded"), ("lost", "succeeded"), ("runs", "failed")])
def test_the_gateway_was_away_for_longer_than_a_job_may_run(stages, becomes, status):
    """Only what still runs then has run for too long. What was done meanwhile is fetched; what was lost runs again."""
    stage = stages()
    job = stage.submit(graphs.steps(200 if becomes == "runs" else 30, ms=50), timeout_seconds=3)
    stage.until(job, lambda j: j["status"] == "running")
    stage.gateway.kill()
    if becomes == "lost":
        stage.sim.restart()
    time.sleep(3.5)
    stage.gateway.start()
    job = stage.finish(job, status)
    assert job["attempt"] == (2 if becomes == "lost" else 1)
    assert job["error"] is None if status == "succeeded" else job["error"]["code"] == "timeout"
