"""How jobs fared lately: GET /v1/stats."""
import contextlib
import datetime
import sqlite3
import time

import databases
import graphs
import pytest
from stage import eventually

NOTHING = {"count": 0, "p50": None, "p95": None}


def stats(gateway, query=""):
    return gateway.json("GET", "/v1/stats" + query)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_there_was_nothing(gateway):
    seen = stats(gateway)
    assert seen["complete"] and abs(moment(seen["since"]) - (time.time() - 86400)) < 10
    assert seen["open"] == {"queued": 0, "running": 0, "canceling": 0}
    assert set(seen["ended"].values()) == {0}
    assert seen["queue_ms"] == NOTHING and seen["run_ms"] == NOTHING
    assert seen["templates"] == [] and seen["backends"] == []
    assert abs(moment(stats(gateway, "?hours=720")["since"]) - (time.time() - 720 * 3600)) < 10


def test_jobs_are_counted(stages):
    stage = stages(backend_slots=1)
    good = [stage.finish(stage.submit(graphs.steps(4, 50))) for _ in range(3)]
    bad = stage.finish(stage.submit(graphs.failing()), status="failed")
    running = stage.submit(graphs.steps(100, 100))
    stage.until(running, lambda job: job["status"] == "running")
    waiting = [stage.submit(graphs.steps(100, 100)) for _ in range(4)]
    seen = eventually(lambda: stats(stage.gateway), lambda seen: seen["open"]["queued"] == 4)
    assert seen["open"] == {"queued": 4, "running": 1, "canceling": 0}
    assert seen["ended"] == {"succeeded": 3, "failed": 1, "canceled": 0, "expired": 0}
    runs = sorted(job["metrics"]["execution_ms"] for job in good)
    assert seen["run_ms"] == {"count": 3, "p50": runs[1], "p95": runs[2]}
    queues = sorted(job["metrics"]["queue_ms"] for job in good + [bad])
    assert seen["queue_ms"] == {"count": 4, "p50": queues[1], "p95": queues[3]}
    assert [group["template"] for group in seen["templates"]] == [None]
    backend = seen["backends"][0]
    assert len(seen["backends"]) == 1 and backend["backend"] == good[0]["backend"]
    assert backend["run_ms"] == seen["run_ms"] and backend["ended"] == seen["ended"]
    stage.gateway.request("POST", f"/v1/jobs/{waiting[0]['id']}/cancel")
    seen = eventually(lambda: stats(stage.gateway), lambda seen: seen["ended"]["canceled"] == 1)
    assert seen["open"]["queued"] == 3
    assert seen["backends"][-1]["backend"] is None and seen["backends"][-1]["queue_ms"] == NOTHING


def multiply(path, count):
    """Puts copies of the one job, which has succeeded, into the store, each ended a second before the one before."""
    made = {"id": "'00000000-0000-7000-8000-' || printf('%012d', value)", "created_at": "completed_at - value * 1000 - 5000",
            "started_at": "completed_at - value * 1000 - 2000", "completed_at": "completed_at - value * 1000"}
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(job)")]
        db.execute("WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?)"
                   f" INSERT INTO job ({', '.join(names)}) SELECT {', '.join(made.get(name, name) for name in names)}"
                   " FROM job, n", (count,))


@databases.only_sqlite
def test_many_jobs_cost_no_more(stages):
    stage = stages()
    last = stage.finish(stage.submit(graphs.steps(1, 1)))
    stage.gateway.stop()
    multiply(stage.gateway.data_dir / "comfygate.db", 30000)
    stage.gateway.start()
    hour = stats(stage.gateway, "?hours=1")
    assert hour["complete"] and 3580 <= hour["ended"]["succeeded"] <= 3600  # one a second
    assert hour["run_ms"]["p50"] == 2000 and hour["queue_ms"]["p95"] == 3000
    began = time.monotonic()
    seen = stats(stage.gateway)
    assert time.monotonic() - began < 1
    assert not seen["complete"] and seen["ended"]["succeeded"] == 20000
    assert abs(moment(last["completed_at"]) - moment(seen["since"]) - 19999) < 1


def test_what_was_removed_does_not_count(stages):
    stage = stages()
    job = stage.finish(stage.submit(graphs.steps(1, 1)))
    assert stats(stage.gateway)["ended"]["succeeded"] == 1
    assert stage.gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
    assert stats(stage.gateway)["ended"]["succeeded"] == 0


@pytest.mark.parametrize("query", ["?hours=0", "?hours=721", "?hours=-1", "?hours=x", "?hours=", "?hours=1.5", "?days=1"])
def test_queries_that_are_none(gateway, query):
    answer = gateway.request("GET", "/v1/stats" + query)
    assert answer.status == 400 and answer.problem()[0] == "invalid_parameter"
