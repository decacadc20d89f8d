"""When a job will be done: learnt from those that ran before."""
import datetime

import graphs
from stage import eventually


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_it_is_learnt_and_told(stages):
    stage = stages(backend_slots=1)
    first = stage.submit(graphs.steps(10, 50))
    assert first["estimated_completion_at"] is None  # nothing ran before
    stage.finish(first)
    running = stage.submit(graphs.steps(20, 50))
    waiting = [stage.submit(graphs.steps(10, 50)) for _ in range(4)]
    stage.until(running, lambda job: job["status"] == "running")
    shown = stage.job(running)
    assert moment(shown["estimated_completion_at"]) > moment(shown["started_at"])
    ends = [moment(stage.job(job)["estimated_completion_at"]) for job in waiting]
    assert ends == sorted(ends) and ends[-1] - ends[0] > 0.5
    told = eventually(lambda: stage.job(running), lambda job: job["progress"] and job["progress"]["value"] > 0.3
                      or job["status"] != "running")
    for job in waiting:
        done = stage.finish(job)
        assert done["estimated_completion_at"] is None
    assert told is not None


def test_it_outlives_a_restart(stages):
    stage = stages(backend_slots=1)
    for _ in range(3):
        stage.finish(stage.submit(graphs.steps(5, 20)))
    stage.gateway.restart()
    eventually(lambda: stage.gateway.json("GET", "/v1/backends")["data"][0]["status"], lambda status: status == "up")
    stage.submit(graphs.steps(20, 100))
    waiting = stage.submit(graphs.steps(5, 20))
    stage.submit(graphs.steps(5, 20))
    seen = eventually(lambda: stage.job(waiting), lambda job: job["estimated_completion_at"] is not None)
    assert seen["status"] == "queued"
