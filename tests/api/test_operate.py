"""What an operator does to a running gateway: moves jobs in the queue, drains a ComfyUI, pauses all of them."""
import time

import graphs
import pytest
from events import listen, poll
from stage import eventually

TWO = {"left": {}, "right": {}}


def patch(stage, job, **members):
    return stage.gateway.request("PATCH", f"/v1/jobs/{job['id']}", json=members)


def order(stage):
    """The titles of those who wait, as they will begin."""
    jobs = stage.gateway.json("GET", "/v1/jobs?status=queued&limit=200")["data"]
    waiting = [job for job in jobs if job["phase"] == "waiting"]
    return "".join(job["title"] for job in sorted(waiting, key=lambda job: job["queue_position"]))


def tell(stage, path):
    return stage.gateway.request("POST", path)


def look(stage, name="gpu0"):
    return next(each for each in stage.gateway.json("GET", "/v1/backends")["data"] if each["name"] == name)


def checks(stage):
    ready = stage.gateway.json("GET", "/readyz")
    return ready["status"], ready["checks"]


def busy(stages, waiting="abcd", **what):
    """One job runs for long, and these wait."""
    stage = stages(backend_slots=1, **what)
    running = stage.submit(graphs.steps(600, 50), title="running")
    stage.until(running, lambda job: job["status"] == "running")
    return stage, running, {name: stage.submit(graphs.picture(), title=name) for name in waiting}


# ---- the place in the queue


def test_a_job_moves_at_once(stages):
    stage, running, jobs = busy(stages)
    assert order(stage) == "abcd"
    before = stage.job(jobs["d"])
    answer = patch(stage, jobs["d"], priority=10)
    after = answer.json()
    assert answer.status == 200 and after["priority"] == 10 and after["queue_position"] == 1
    assert after["version"] > before["version"] and answer.header("ETag") == stage.etag(jobs["d"])
    assert order(stage) == "dabc"
    assert [stage.job(jobs[name])["queue_position"] for name in "abcd"] == [2, 3, 4, 1]
    assert patch(stage, jobs["a"], priority=-1).json()["queue_position"] == 4
    assert order(stage) == "dbca"
    assert patch(stage, jobs["c"], priority=10).json()["queue_position"] == 1  # among equals, the older
    assert order(stage) == "cdba"
    stage.cancel(running)
    ended = sorted((stage.finish(job) for job in jobs.values()), key=lambda job: job["completed_at"])
    assert "".join(job["title"] for job in ended) == "cdba"


def test_the_same_priority_again_changes_nothing(stages):
    stage, _, jobs = busy(stages, "ab")
    etag = stage.etag(jobs["b"])
    assert patch(stage, jobs["b"], priority=0).header("ETag") == etag == stage.etag(jobs["b"])


def test_a_stale_etag_moves_nothing(stages):
    stage, _, jobs = busy(stages, "ab")
    etag = stage.etag(jobs["b"])
    assert patch(stage, jobs["b"], priority=1).status == 200
    answer = stage.gateway.request("PATCH", f"/v1/jobs/{jobs['b']['id']}", json={"priority": -9}, headers={"If-Match": etag})
    assert answer.status == 412 and stage.job(jobs["b"])["priority"] == 1


@pytest.mark.parametrize("value, code", [(101, "out_of_range"), (-101, "out_of_range"), ("1", "wrong_type"), (None, "wrong_type"),
                                         (1.5, "wrong_type")])
def test_a_priority_that_is_none(stages, value, code):
    stage, _, jobs = busy(stages, "a")
    answer = patch(stage, jobs["a"], priority=value, title="other")
    assert answer.status == 422 and answer.problem() == ("validation_error", ["/priority"])
    assert stage.job(jobs["a"])["title"] == "a"


def test_only_what_waits_is_moved(stages):
    stage, running, _ = busy(stages, "")
    answer = patch(stage, running, priority=5, title="other")
    assert answer.status == 409 and answer.json()["code"] == "job_not_waiting"
    assert "given to a ComfyUI" in answer.json()["detail"]
    assert stage.job(running)["title"] == "running"
    assert patch(stage, running, priority=0, title="other").json()["title"] == "other"  # it is no other priority
    stage.cancel(running)
    stage.finish(running, "canceled")
    answer = patch(stage, running, priority=5)
    assert answer.status == 409 and "has ended" in answer.json()["detail"]
    assert patch(stage, running, tags=["a"]).json()["tags"] == ["a"]


def test_a_place_outlives_the_gateway(stages):
    stage, _, jobs = busy(stages)
    patch(stage, jobs["c"], priority=7)
    stage.gateway.kill9()
    stage.gateway.start()
    eventually(lambda: order(stage), lambda seen: seen == "cabd")
    assert stage.job(jobs["c"])["priority"] == 7


def test_places_are_told_to_all(stages):
    stage, _, jobs = busy(stages, "abc")
    with listen(stage.gateway, f"/v1/jobs/{jobs['a']['id']}/events") as of_a, listen(stage.gateway) as of_all:
        of_a.until("snapshot")
        of_all.until("snapshot")
        patch(stage, jobs["c"], priority=1)
        while of_a.until("job.position")[-1].data["queue_position"] != 2:
            pass
        seen = of_all.until("job.updated")
        assert seen[-1].job == jobs["c"]["id"] and seen[-1].id is None


def test_a_long_poll_for_the_job_ends(stages):
    """Who waits for any change of the job hears of it."""
    stage, _, jobs = busy(stages, "ab")
    etag = stage.etag(jobs["b"])
    patch(stage, jobs["b"], priority=1)
    answer = stage.gateway.request("GET", f"/v1/jobs/{jobs['b']['id']}?wait=20", headers={"If-None-Match": etag})
    assert answer.status == 200 and answer.json()["queue_position"] == 1


# ---- job.updated


def test_a_change_is_told_to_other_watchers(stages):
    stage, _, jobs = busy(stages, "ab")
    ended = stage.submit(graphs.picture(), priority=100)
    stage.cancel(ended)
    stage.finish(ended, "canceled")
    with listen(stage.gateway) as of_all, listen(stage.gateway, "/v1/events?types=durable") as durable, \
            listen(stage.gateway, f"/v1/jobs/{jobs['a']['id']}/events?types=job.updated") as of_a:
        for stream in (of_all, durable, of_a):
            stream.until("snapshot")
        patch(stage, jobs["a"], title="new", tags=["t"], metadata={"k": "v"}, starred=True)
        event = of_all.until("job.updated")[-1]
        assert event.job == jobs["a"]["id"]
        assert event.data == {"version": stage.job(jobs["a"])["version"], "title": "new", "tags": ["t"],
                              "metadata": {"k": "v"}, "priority": 0, "starred": True}
        assert of_a.next().data == event.data
        patch(stage, jobs["a"], title="new")  # nothing new
        patch(stage, ended, title="old")
        event = of_all.until("job.updated")[-1]
        assert event.job == ended["id"] and event.data["title"] == "old"
        assert durable.quiet(0.3) == of_a.quiet(0.1) == []


def test_a_change_is_told_to_those_it_is_for(stages):
    stage, _, jobs = busy(stages, "a")
    with listen(stage.gateway, "/v1/events?metadata.k=v") as his:
        his.until("snapshot")
        patch(stage, jobs["a"], title="b")
        patch(stage, jobs["a"], metadata={"k": "v"})
        patch(stage, jobs["a"], metadata={"k": None})
        seen = his.quiet(0.5)
    assert [event.data["title"] for event in seen if event.type == "job.updated"] == ["b"]
    assert seen[-1].data["metadata"] == {"k": "v"}


def test_many_changes_are_all_told(stages):
    """One who reads at his ease misses none of a bulk change."""
    stage, _, jobs = busy(stages, "a")
    with listen(stage.gateway, "/v1/events?types=job.updated") as stream:
        stream.until("snapshot")
        for number in range(100):
            assert patch(stage, jobs["a"], title=str(number)).status == 200
        assert [stream.next().data["title"] for _ in range(100)] == [str(number) for number in range(100)]


def test_a_change_before_is_not_told_later(stages):
    stage, _, jobs = busy(stages, "a")
    patch(stage, jobs["a"], title="b")
    with listen(stage.gateway, "/v1/events?types=job.updated") as stream:
        stream.until("snapshot")
        assert stream.quiet(0.3) == []
    assert "job.updated" not in types_of(poll(stage.gateway, after=0))


def types_of(page):
    return [event["type"] for event in page["data"]]


# ---- draining one ComfyUI


def test_a_drained_comfyui_finishes_and_gets_nothing_new(stages):
    stage = stages(sims=TWO, backend_slots=1)
    for name in TWO:
        stage.backend(lambda b: b["ws"]["connected"], name=name)
    running = stage.submit(graphs.steps(20, 50), backend="left")
    stage.until(running, lambda job: job["status"] == "running")
    answer = tell(stage, "/v1/backends/left/drain")
    assert answer.status == 200
    left = answer.json()["data"][0]
    assert left == look(stage, "left") | {"ws": left["ws"]}
    assert left["status"] == "draining" and left["draining"] and left["reason"] and left["jobs"] == [running["id"]]
    assert left["since"] > answer.json()["data"][1]["since"] and answer.json()["paused_since"] is None
    pinned = stage.submit(graphs.picture(), backend="left")
    free = [stage.submit(graphs.picture()) for _ in range(4)]
    assert {stage.finish(job)["backend"] for job in free} == {"right"}
    assert stage.finish(running)["backend"] == "left"
    stage.backend(lambda b: b["submitted"] == 0 and b["jobs"] == [], name="left")
    waiting = stage.job(pinned)
    assert waiting["status"] == "queued" and waiting["phase"] == "waiting"
    assert stage.executions(pinned) == 0
    status, seen = checks(stage)
    assert status == "degraded" and seen["backends"] == {"status": "warn", "detail": "2 of 2 are up, 1 of them drained"}
    answer = tell(stage, "/v1/backends/left/resume")
    assert answer.json()["data"][0]["status"] == "up" and answer.json()["data"][0]["reason"] is None
    assert stage.finish(pinned)["backend"] == "left"
    assert checks(stage)[0] == "ready"


def test_draining_is_idempotent_and_outlives_the_gateway(stages):
    stage = stages()
    stage.backend(lambda b: b["status"] == "up")
    since = tell(stage, "/v1/backends/gpu0/drain").json()["data"][0]["since"]
    assert tell(stage, "/v1/backends/gpu0/drain").json()["data"][0]["since"] == since
    stage.gateway.kill9()
    stage.gateway.start()
    stage.backend(lambda b: b["status"] == "draining")
    job = stage.submit(graphs.picture())
    time.sleep(0.5)
    assert stage.job(job)["phase"] == "waiting"
    assert stage.executions(job) == 0
    assert tell(stage, "/v1/backends/gpu0/resume").status == 200
    assert tell(stage, "/v1/backends/gpu0/resume").status == 200
    stage.finish(job)
    stage.gateway.restart()
    stage.backend(lambda b: b["status"] == "up" and not b["draining"])


def test_what_is_drained_may_be_down_too(stages):
    stage = stages()
    stage.backend(lambda b: b["status"] == "up")
    tell(stage, "/v1/backends/gpu0/drain")
    stage.sim.kill9()
    down = stage.backend(lambda b: b["status"] == "down")
    assert down["draining"] and down["reason"]
    stage.sim.start()
    stage.backend(lambda b: b["status"] == "draining")


def test_one_that_is_taken_from_the_settings_comes_back_drained(stages):
    stage = stages(sims=TWO)
    tell(stage, "/v1/backends/right/drain")
    both = stage.gateway.backends
    stage.gateway.stop()
    stage.gateway.start(backends=both.split(",", maxsplit=1)[0])
    assert tell(stage, "/v1/backends/right/resume").status == 404
    stage.gateway.stop()
    stage.gateway.start(backends=both)
    stage.backend(lambda b: b["status"] == "draining", name="right")
    stage.backend(lambda b: b["status"] == "up", name="left")


def test_a_job_that_is_lost_does_not_come_back_to_it(stages):
    """The attempt on the drained one fails: the next is made elsewhere."""
    stage = stages(sims=TWO, backend_slots=1)
    for name in TWO:
        stage.backend(lambda b: b["ws"]["connected"], name=name)
    job = stage.submit(graphs.steps(100, 50))
    name = stage.until(job, lambda seen: seen["status"] == "running")["backend"]
    tell(stage, f"/v1/backends/{name}/drain")
    stage.sims[name].kill9()
    stage.sims[name].start()
    seen = stage.until(job, lambda seen: seen["attempt"] == 2 and seen["status"] == "running")
    assert seen["backend"] != name


def test_names_that_are_none(stages):
    stage = stages()
    for path in ("/v1/backends/gpu1/drain", "/v1/backends/gpu1/resume", "/v1/backends/%22/drain", "/v1/backends/GPU0/drain"):
        answer = tell(stage, path)
        assert answer.status == 404 and answer.json()["code"] == "not_found"
    assert stage.gateway.request("GET", "/v1/backends/gpu0/drain").status == 405
    for path in ("/v1/backends/gpu0/drain", "/v1/queue/pause"):
        assert stage.gateway.request("POST", path, json={"a": 1}).status == 422
        assert stage.gateway.request("POST", path, body=b"{").status == 400
        assert stage.gateway.request("POST", path + "?a=1").status == 400
    assert not look(stage)["draining"] and stage.gateway.json("GET", "/v1/backends")["paused_since"] is None
    assert stage.gateway.request("POST", "/v1/queue/pause", json={}).status == 200


def test_draining_is_told(stages):
    stage = stages()
    stage.backend(lambda b: b["status"] == "up")
    with listen(stage.gateway) as stream, listen(stage.gateway, "/v1/events?types=durable") as durable:
        stream.until("snapshot")
        durable.until("snapshot")
        tell(stage, "/v1/backends/gpu0/drain")
        event = stream.until("backend.updated")[-1]
        assert event.id is None and event.job is None and event.data["name"] == "gpu0"
        assert (event.data["status"], event.data["draining"]) == ("draining", True)
        tell(stage, "/v1/backends/gpu0/drain")
        tell(stage, "/v1/backends/gpu0/resume")
        event = stream.until("backend.updated")[-1]
        assert (event.data["status"], event.data["draining"], event.data["reason"]) == ("up", False, None)
        assert durable.quiet(0.2) == []
    tell(stage, "/v1/backends/gpu0/drain")
    with listen(stage.gateway) as stream:
        assert stream.until("snapshot")[-1].data["backends"]["data"][0]["status"] == "draining"


# ---- pausing all


def test_nothing_begins_while_the_queue_is_paused(stages):
    stage = stages(sims=TWO, backend_slots=1)
    running = stage.submit(graphs.steps(20, 50))
    stage.until(running, lambda job: job["status"] == "running")
    answer = tell(stage, "/v1/queue/pause")
    assert answer.status == 200 and answer.json()["paused_since"] is not None
    assert {each["status"] for each in answer.json()["data"]} == {"up"}
    waiting = [stage.submit(graphs.picture()) for _ in range(3)]
    stage.finish(running)
    time.sleep(0.3)
    assert {stage.job(job)["phase"] for job in waiting} == {"waiting"}
    assert stage.job(waiting[0])["estimated_completion_at"] is None
    status, seen = checks(stage)
    assert status == "degraded" and seen["queue"]["status"] == "warn" and "paused" in seen["queue"]["detail"]
    stage.cancel(waiting[2])
    stage.finish(waiting[2], "canceled")
    again = tell(stage, "/v1/queue/pause").json()
    assert again["paused_since"] == answer.json()["paused_since"]
    stage.gateway.kill9()
    stage.gateway.start()
    stage.backend(lambda b: b["status"] == "up", name="left")
    time.sleep(0.3)
    assert {stage.job(job)["phase"] for job in waiting[:2]} == {"waiting"}
    assert stage.gateway.json("GET", "/v1/backends")["paused_since"] == answer.json()["paused_since"]
    assert tell(stage, "/v1/queue/resume").json()["paused_since"] is None
    assert tell(stage, "/v1/queue/resume").status == 200
    for job in waiting[:2]:
        stage.finish(job)
    assert checks(stage)[1]["queue"]["status"] == "ok"


def test_pausing_is_told(stages):
    stage = stages()
    with listen(stage.gateway, "/v1/events?types=queue.updated") as stream:
        stream.until("snapshot")
        paused = tell(stage, "/v1/queue/pause").json()["paused_since"]
        assert stream.next().data == {"paused_since": paused}
        tell(stage, "/v1/queue/pause")
        tell(stage, "/v1/queue/resume")
        event = stream.next()
        assert event.data == {"paused_since": None} and event.id is None and event.job is None
        assert stream.quiet(0.2) == []
    tell(stage, "/v1/queue/pause")
    with listen(stage.gateway) as stream:
        assert stream.until("snapshot")[-1].data["backends"]["paused_since"] is not None


def test_a_deadline_passes_while_the_queue_is_paused(stages):
    stage = stages()
    tell(stage, "/v1/queue/pause")
    job = stage.submit(graphs.picture(), deadline_seconds=1)
    assert stage.finish(job, "expired")["error"]["code"] == "deadline_exceeded"


def test_resuming_all_leaves_what_is_drained(stages):
    stage = stages()
    tell(stage, "/v1/backends/gpu0/drain")
    tell(stage, "/v1/queue/pause")
    assert look(stage)["draining"]
    assert tell(stage, "/v1/queue/resume").json()["data"][0]["draining"]
    job = stage.submit(graphs.picture())
    time.sleep(0.3)
    assert stage.job(job)["phase"] == "waiting"


# ---- what a dashboard sees


def test_what_a_comfyui_has_now(stages):
    stage, running, jobs = busy(stages, "a")
    seen = stage.backend(lambda b: b["running"] == 1)
    assert seen["jobs"] == [running["id"]] and seen["submitted"] == 1 and seen["slots"] == 1
    assert seen["ws"]["connected"] and seen["ws"]["connections_opened"] == 1
    assert seen["devices"][0]["vram_total"] > seen["devices"][0]["vram_free"] >= 0
    assert seen["version"]
    stage.cancel(running)
    stage.finish(jobs["a"])
    stage.backend(lambda b: b["running"] == b["submitted"] == 0 and b["jobs"] == [])


def test_the_whole_story_of_an_ended_job(stages):
    stage = stages()
    job = stage.finish(stage.submit(graphs.steps(2, 10)))
    page = poll(stage.gateway, f"/v1/jobs/{job['id']}/events", after=0)
    assert types_of(page) == ["job.queued", "job.started", "job.output", "job.succeeded"] and not page["has_more"]
    assert [event["timestamp"] for event in page["data"]] == sorted(event["timestamp"] for event in page["data"])


def test_a_story_that_is_kept_is_told_whatever_is_kept_of_others(stages):
    """Events of older jobs go; those of a younger job are asked for with after=0 all the same."""
    stage = stages()
    old = stage.finish(stage.submit(graphs.picture()))
    between = stage.submit(graphs.picture())
    job, between = stage.finish(stage.submit(graphs.steps(2, 10))), stage.finish(between)
    stage.gateway.stop()
    first = stage.gateway.sql("SELECT min(seq) FROM event WHERE job_id = ?", job["id"])[0][0]
    queued = stage.gateway.sql("SELECT min(seq) FROM event WHERE job_id = ?", between["id"])[0][0]
    assert queued < first
    stage.gateway.sql("DELETE FROM event WHERE seq <= ?", queued)
    stage.gateway.start()
    whole = ["job.queued", "job.started", "job.output", "job.succeeded"]
    assert types_of(poll(stage.gateway, f"/v1/jobs/{job['id']}/events", after=0)) == whole
    with listen(stage.gateway, f"/v1/jobs/{job['id']}/events?after=0") as stream:
        assert [event.type for event in stream.rest()] == ["snapshot", *whole, "end"]
    for lost in (old, between):
        assert types_of(poll(stage.gateway, f"/v1/jobs/{lost['id']}/events", after=0)) == ["reset", "snapshot"]
    assert types_of(poll(stage.gateway, after=0)) == ["reset", "snapshot"]
    answer = stage.gateway.request("GET", "/v1/jobs/0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77/events?after=0",
                                   headers={"Accept": "application/json"})
    assert answer.status == 404


def test_jobs_of_a_time(stages):
    stage = stages()
    tell(stage, "/v1/queue/pause")
    jobs = []
    for number in range(6):
        jobs.append(stage.submit(graphs.picture(), title=str(number), tags=["even"] if number % 2 == 0 else []))
        time.sleep(0.005)
    at = [job["created_at"] for job in jobs]

    def titles(query):
        found, cursor = "", ""
        while True:
            page = stage.gateway.json("GET", f"/v1/jobs?limit=2&{query}{cursor}")
            found += "".join(job["title"] for job in page["data"])
            if not page["has_more"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert titles(f"created_after={at[2]}") == "5432"
    assert titles(f"created_before={at[2]}") == "10"
    assert titles(f"created_after={at[1]}&created_before={at[5]}&sort=created_at") == "1234"
    assert titles(f"created_after={at[1]}&created_before={at[5]}&tag=even") == "42"
    assert titles(f"created_after={at[1]}&status=queued,running&q=3&template=x") == ""
    assert titles(f"created_after={at[3]}&created_before={at[3]}") == ""
    assert titles(f"created_before={at[0][:10]}") == "" and titles("created_after=2020-01-01") == "543210"
    assert titles(f"created_after={at[4].replace('Z', '%2B00:00')}") == "54"
    for query in ("created_after=now", "created_before=2026-11-22T23:07:00", "created_after=2020-01-01T00:00:00+01:00"):
        answer = stage.gateway.request("GET", f"/v1/jobs?{query}")
        assert answer.status == 400 and answer.problem() == ("invalid_parameter", [query.split("=")[0]])
