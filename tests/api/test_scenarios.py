"""A user's day: each test is a story that runs through the real comfygate, over real sockets, to comfy-sim.

The first eight carry the names of the user's own tests. Nothing here is broken on purpose; see test_faults.py.
"""
import concurrent.futures
import json
import os
import re
import threading
import time

import pytest

import graphs
from stage import ENDED, DEADLINE, eventually, stages  # noqa: F401  (stages is a fixture)

SCALE = float(os.environ.get("CAMPAIGN_SCALE", "0.15"))


# ---- the user's own tests ------------------------------------------------------------------


def test_startup_socket(stages):
    """The WebSocket is there before the first job, and nothing but looking has happened on it."""
    stage = stages()
    log = eventually(lambda: stage.sim.log(), lambda log: log["ws_open"] == 1)
    assert log["ws_opened"] == 1
    assert log["prompts"] == []
    backend = stage.backend(lambda b: b["ws"]["connected"])
    assert backend["status"] == "up"
    assert backend["ws"]["connections_opened"] == 1
    assert stage.gateway.json("GET", "/readyz")["status"] == "ready"


def test_single(stages):
    """One job: accepted, run, and its picture is the one that ComfyUI made."""
    stage = stages()
    accepted = stage.submit(graphs.steps(3, ms=20, prefix="mine/picture"), title="A single picture")
    assert accepted["status"] in ("queued", "running")
    job = stage.finish(accepted)
    assert job["attempt"] == 1
    assert [o["node_id"] for o in job["outputs"]] == ["2"]
    output = job["outputs"][0]
    answer = stage.gateway.request("GET", output["url"])
    assert answer.status == 200
    assert answer.body.startswith(b"\x89PNG") and len(answer.body) == output["size_bytes"]
    assert output["primary"] and output["type"] == "image" and (output["width"], output["height"]) == (64, 64)
    assert stage.executions(job) == 1


def test_sequential(stages):
    """One after the other, each begun when the last has ended."""
    stage = stages()
    for number in range(5):
        job = stage.finish(stage.submit(graphs.steps(2, ms=10), title=f"number {number}"))
        assert stage.executions(job) == 1
    assert stage.sim.log()["ws_opened"] == 1


def test_concurrent(stages):
    """Two at once: the second waits visibly, then runs, then is done. Nobody has to send a third one."""
    stage = stages()
    first = stage.submit(graphs.steps(15, ms=40, previews=True))
    second = stage.submit(graphs.steps(15, ms=40, previews=True))

    stage.until(first, lambda j: j["status"] == "running")
    waiting = stage.until(second, lambda j: j["phase"] == "submitted" and j["queue_position"] == 1)
    assert waiting["status"] == "queued"
    assert waiting["progress"] is None, "a job that waits has a place, not a made-up percentage"

    running = stage.until(second, lambda j: j["progress"] and j["progress"]["value"] > 0)
    assert running["status"] == "running" and running["queue_position"] is None
    first, second = stage.finish(first), stage.finish(second)
    assert first["completed_at"] <= second["completed_at"]
    assert len(stage.sim.log()["prompts"]) == 2


def test_rapid_fire(stages):
    """Five in quick succession: all complete, and are begun in the order in which they came."""
    stage = stages()
    jobs = [stage.submit(graphs.steps(2, ms=10)) for _ in range(5)]
    jobs = [stage.finish(job) for job in jobs]
    ran = [prompt["prompt_id"] for prompt in sorted(stage.sim.log()["prompts"], key=lambda p: p["started_at"])]
    assert [stage.job_of_prompt(prompt_id) for prompt_id in ran] == [job["id"] for job in jobs]


def test_ten_users(stages):
    """Ten clients at once, fifty jobs. Each gets its own five back, each job ran once."""
    stage = stages()

    def user(number):
        jobs = [stage.submit(graphs.picture(), tags=[f"user-{number}"]) for _ in range(5)]
        return [stage.finish(job, timeout=60)["id"] for job in jobs]

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        mine = list(pool.map(user, range(10)))
    for number, jobs in enumerate(mine):
        page = stage.gateway.json("GET", f"/v1/jobs?tag=user-{number}&status=succeeded")
        assert {job["id"] for job in page["data"]} == set(jobs)
    assert stage.executions_by_job() == {job: 1 for jobs in mine for job in jobs}


def test_shutdown(stages):
    """TERM: a clean log, exit code 0 within 5 s, and ComfyUI sees a close frame rather than a broken pipe."""
    stage = stages()
    stage.backend(lambda b: b["ws"]["connected"])
    stage.submit(graphs.steps(50, ms=100))
    began = time.monotonic()
    assert stage.gateway.stop() == 0
    assert time.monotonic() - began < 5
    closes = eventually(lambda: stage.sim.log()["ws_closes"], lambda closes: len(closes) == 1)
    assert closes[0]["close_frame"] and closes[0]["code"] == 1000
    bad = [line for line in stage.gateway_log() if line["lvl"] in ("warn", "error")]
    assert bad == []
    events = [line["ev"] for line in stage.gateway_log()]
    assert events.index("stopping") < events.index("stopped") == len(events) - 1


def test_shutdown_with_waiters(stages):
    """Clients that wait for a job do not hold the gateway up; each gets an answer."""
    stage = stages()
    job = stage.submit(graphs.steps(100, ms=100))
    answers = []
    waiter = threading.Thread(
        target=lambda: answers.append(stage.gateway.request("GET", f"/v1/jobs/{job['id']}?wait=30")))
    waiter.start()
    stage.until(job, lambda j: j["status"] == "running")
    began = time.monotonic()
    assert stage.gateway.stop() == 0
    waiter.join(5)
    assert not waiter.is_alive() and time.monotonic() - began < 5
    assert answers and answers[0].status in (200, 503)


def test_reconnect(stages):
    """The socket is cut while a job runs: another one under another name, and the job ends as if nothing had been."""
    stage = stages()
    job = stage.submit(graphs.steps(20, ms=40))
    stage.until(job, lambda j: j["status"] == "running")
    assert stage.sim.ws_drop() == 1
    job = stage.finish(job)
    assert job["attempt"] == 1 and stage.executions(job) == 1
    log = eventually(lambda: stage.sim.log(), lambda log: log["ws_open"] == 1)
    assert log["ws_opened"] == 2
    # The new socket works: the next job shows progress.
    second = stage.submit(graphs.steps(20, ms=40))
    stage.until(second, lambda j: j["progress"] and j["progress"]["value"] > 0.1)
    stage.finish(second)


# ---- one socket ------------------------------------------------------------------------------


def test_one_socket_for_many_jobs(stages):
    """Hundreds of jobs, one WebSocket. (1,000 with CAMPAIGN_SCALE=1.)"""
    count = max(50, int(1000 * SCALE))
    stage = stages(sim={"step_ms": 0})
    jobs = stage.submit_many([graphs.picture() for _ in range(count)])
    for job in jobs:
        stage.finish(job, timeout=120)
    log = stage.sim.log()
    assert log["ws_opened"] == 1 and log["ws_open"] == 1
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    assert log["origins"] == {}


# ---- restarts ----------------------------------------------------------------------------------


def test_gateway_restart_adopts_running_prompt(stages):
    """The GPU works on while the gateway is away, and the next gateway takes the prompt up instead of sending it again."""
    stage = stages()
    running = stage.submit(graphs.steps(30, ms=50))
    ready = stage.submit(graphs.steps(3, ms=20))
    waiting = [stage.submit(graphs.picture()) for _ in range(3)]
    stage.until(running, lambda j: j["status"] == "running")
    stage.until(ready, lambda j: j["phase"] == "submitted")
    assert stage.gateway.stop() == 0
    stage.gateway.start()
    jobs = [stage.finish(job) for job in (running, ready, *waiting)]
    assert [job["attempt"] for job in jobs] == [1] * 5
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    assert len([line for line in stage.gateway_log() if line["ev"] == "job_adopted"]) == 2


def test_gateway_restart_finds_finished_prompt(stages):
    """What ended while the gateway was away is read from history."""
    stage = stages()
    job = stage.submit(graphs.steps(10, ms=40))
    stage.until(job, lambda j: j["status"] == "running")
    assert stage.gateway.stop() == 0
    eventually(lambda: stage.sim.log()["prompts"][0], lambda prompt: prompt["result"] is not None)
    stage.gateway.start()
    job = stage.finish(job)
    assert job["attempt"] == 1 and stage.executions(job) == 1


def test_versions_do_not_fall_over_a_restart(stages):
    """Who waits with the ETag of before the restart is answered, because no version comes again."""
    stage = stages()
    job = stage.submit(graphs.steps(40, ms=50))
    before = stage.until(job, lambda j: j["progress"] and j["progress"]["value"] > 0.1)
    stage.gateway.stop()
    stage.gateway.start()
    assert stage.job(job)["version"] > before["version"]
    stage.cancel(job)
    assert stage.finish(job, "canceled")["version"] > before["version"]


def test_gateway_before_comfyui(stages):
    """The gateway comes up alone: it is degraded, takes jobs, and runs them when ComfyUI arrives."""
    stage = stages(start_sim=False)
    ready = stage.gateway.request("GET", "/readyz")
    assert ready.status == 200 and ready.json()["status"] == "degraded"
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    assert [stage.job(job)["queue_position"] for job in jobs] == [1, 2, 3]
    assert stage.backend()["status"] == "down" and stage.backend()["reason"]
    stage.sim.start()
    for job in jobs:
        assert stage.finish(job)["attempt"] == 1
    eventually(lambda: stage.gateway.json("GET", "/readyz")["status"], lambda status: status == "ready")


# ---- progress ------------------------------------------------------------------------------------


def test_progress_is_monotone(stages):
    """Over the whole graph, never falling, and near its end when the last node works."""
    stage = stages()
    graph = graphs.steps(20, ms=30)
    graph["3"] = {"class_type": "SimSteps", "inputs": {"steps": 20, "ms": 30, "previews": False, "seed": 1, "image": ["1", 0]}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    job = stage.submit(graph)
    seen = follow_changes(stage, job)
    progress = [j["progress"] for j in seen if j["progress"]]
    values = [p["value"] for p in progress]
    assert values == sorted(values)
    assert len(set(values)) > 10 and values[0] < 0.3 and values[-1] > 0.6
    versions = [j["version"] for j in seen]
    assert versions == sorted(versions)
    assert {p["nodes_total"] for p in progress} == {3}
    assert max(p["nodes_done"] for p in progress) >= 2
    assert "SimSteps" in {p["current_node_class"] for p in progress}
    # ComfyUI tells of steps at most ten times a second: the last ones may not be among them.
    assert max(p["step"] or 0 for p in progress) >= 14 and {p["steps"] for p in progress} >= {20}
    assert seen[-1]["status"] == "succeeded"


def follow_changes(stage, job):
    """Every change of the job, by long-poll with If-None-Match, to its end."""
    seen, etag = [], stage.etag(job)
    until = time.monotonic() + DEADLINE
    while not seen or seen[-1]["status"] not in ENDED:
        assert time.monotonic() < until, f"the job did not end; last seen: {seen[-1:]}"
        answer = stage.gateway.request("GET", f"/v1/jobs/{job['id']}?wait=5", headers={"If-None-Match": etag})
        if answer.status == 304:
            continue
        etag = answer.header("ETag")
        seen.append(answer.json())
    return seen


def test_progress_reaches_the_end(stages):
    """The last thing shown of a run is more than nine tenths, when there is a moment to show it."""
    stage = stages()
    graph = graphs.steps(3, ms=20)
    for number in range(4, 14):
        graph[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1) if number > 4 else "1", 0]}}
    graph["14"] = {"class_type": "SimSteps", "inputs": {"steps": 10, "ms": 40, "previews": False, "seed": 1, "image": ["13", 0]}}
    graph["2"]["inputs"]["images"] = ["14", 0]
    seen = follow_changes(stage, stage.submit(graph))
    values = [j["progress"]["value"] for j in seen if j["progress"]]
    assert values == sorted(values) and values[-1] > 0.9
    assert seen[-1]["status"] == "succeeded"


def test_cached_nodes_count_as_done(stages):
    """The second run of a graph has its upstream cached, and says so; its output node runs all the same."""
    stage = stages()
    graph = graphs.steps(3, ms=10, seed=77)
    first = stage.finish(stage.submit(graph))
    graph["3"] = {"class_type": "SimSteps", "inputs": {"steps": 10, "ms": 40, "previews": False, "seed": 5, "image": ["1", 0]}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    second = stage.submit(graph)
    running = stage.until(second, lambda j: j["progress"] and j["progress"]["nodes_cached"] > 0)
    assert running["progress"]["nodes_cached"] == 1 and running["progress"]["nodes_done"] >= 1
    second = stage.finish(second)
    assert second["outputs"][0]["id"] != first["outputs"][0]["id"]


PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png", b"RIF": "image/webp"}


def test_preview_is_a_picture(stages):
    """Between steps there is a small picture, of the type that it says, and a new one when it changes."""
    stage = stages()
    job = stage.submit(graphs.steps(30, ms=50, previews=True))
    stage.until(job, lambda j: j["progress"] and j["progress"]["preview_seq"])
    answer = stage.gateway.request("GET", f"/v1/jobs/{job['id']}/preview")
    assert answer.status == 200
    assert PICTURES[answer.body[:3]] == answer.header("Content-Type")
    etag = answer.header("ETag")
    newer = eventually(
        lambda: stage.gateway.request("GET", f"/v1/jobs/{job['id']}/preview", headers={"If-None-Match": etag}),
        lambda answer: answer.status == 200)
    assert newer.header("ETag") != etag and newer.body[:3] in PICTURES
    stage.finish(job)


def test_queue_positions(stages):
    """Everyone who waits sees a place; places move up."""
    stage = stages()
    blocker = stage.submit(graphs.steps(200, ms=50))
    stage.until(blocker, lambda j: j["status"] == "running")
    jobs = [stage.submit(graphs.picture()) for _ in range(5)]
    stage.until(jobs[0], lambda j: j["phase"] == "submitted")
    assert [stage.job(job)["queue_position"] for job in jobs] == [1, 2, 3, 4, 5]
    stage.cancel(jobs[1])
    assert [stage.job(job)["queue_position"] for job in (jobs[0], *jobs[2:])] == [1, 2, 3, 4]
    stage.cancel(blocker)
    for job in (jobs[0], *jobs[2:]):
        stage.finish(job)


# ---- bytes ------------------------------------------------------------------------------------------


RAW_GRAPH = (
    '{ "9" :{"class_type":"SimSteps","inputs":{"seed":18446744073709551615,"steps": 2,"ms":0e0,"previews":false,'
    '"width":64,"height":64,"zeta":7.0,"alpha":1e400,"tiny":-0.0,"exp":1E+2,"text":"\\u00e4\\ud83d\\ude00\\/ \u00e4\U0001F600"},'
    '"_meta":{"title":"z\\u0065ro"},"extra":{"b":1,"a":[ 1.10, 2 ]}},\n'
    ' "2":{"inputs":{"filename_prefix":"my\\u0020prefix","images":["9",0]},"class_type":"SaveImage"}}')


def test_bytes_are_preserved(stages):
    """Numbers, key order, escapes and blanks reach ComfyUI as they were written; only the prefix is edited."""
    stage = stages()
    body = b'{"title":"raw","workflow":' + RAW_GRAPH.encode() + b"}"
    answer = stage.gateway.request("POST", "/v1/jobs", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 202, answer.body
    job = answer.json()
    sent = eventually(lambda: stage.raw_prompt(job), lambda raw: raw is not None).decode()
    start = sent.index('"prompt":') + len('"prompt":')
    graph = sent[start:sent.index(',"prompt_id":')]
    prefix = re.search(r'"filename_prefix":"((?:[^"\\]|\\.)*)"', graph).group(1)
    assert job["id"] in prefix and "my" in prefix
    assert graph.replace(prefix, "my\\u0020prefix") == RAW_GRAPH
    shown = stage.gateway.request("GET", f"/v1/jobs/{job['id']}/workflow")
    assert shown.body.decode() == graph, "GET …/workflow is what was sent"
    # The seed is in range for ComfyUI, 1e400 is a float for Python, so the double really runs it.
    stage.finish(job)


def test_number_is_never_sent(stages):
    """ComfyUI's worker dies of two prompts of equal number and id; ours carry none. client_id is that of the socket."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.picture()))
    body = json.loads(stage.raw_prompt(job))
    assert set(body) == {"prompt", "prompt_id", "client_id", "extra_data"}
    assert body["client_id"] in stage.sim.log()["ws_open_client_ids"]
    assert body["extra_data"]["comfygate"]["job_id"] == job["id"]


# ---- cancel, timeout, deadline, priority, retry ---------------------------------------------------


def test_cancel_waiting(stages):
    """A job that only the gateway knows is canceled at once and never reaches ComfyUI."""
    stage = stages()
    blocker = stage.submit(graphs.steps(100, ms=50))
    ready = stage.submit(graphs.picture())
    waiting = stage.submit(graphs.picture())
    stage.until(ready, lambda j: j["phase"] == "submitted")
    answer = stage.cancel(waiting)
    assert answer.status == 200 and answer.json()["status"] == "canceled"
    assert stage.cancel(waiting).status == 200, "repeating it is harmless"
    stage.cancel(blocker)
    stage.finish(blocker, "canceled")
    stage.finish(ready)
    assert waiting["id"] not in stage.executions_by_job()


@pytest.mark.parametrize("version", ["0.33.0", "0.3.64", "0.3.40"])
def test_cancel_submitted(stages, version):
    """A job that waits inside ComfyUI is taken out there; what runs beside it is not touched."""
    stage = stages(sim={"comfyui_version": version})
    running = stage.submit(graphs.steps(20, ms=50))
    ready = stage.submit(graphs.steps(20, ms=50))
    stage.until(running, lambda j: j["status"] == "running")
    stage.until_delivered(ready)
    assert stage.cancel(ready).status in (200, 202)
    stage.finish(ready, "canceled")
    assert stage.finish(running)["attempt"] == 1
    assert stage.executions_by_job() == {running["id"]: 1}


@pytest.mark.parametrize("version", ["0.33.0", "0.3.64"])
def test_cancel_running(stages, version):
    """A running job is canceling until ComfyUI has let go, then canceled, and the next one runs."""
    stage = stages(sim={"comfyui_version": version})
    graph = graphs.sleep(700)  # a node that looks at no interrupt before its end
    graph["3"] = {"class_type": "SimSteps", "inputs": {"steps": 200, "ms": 50, "previews": False, "seed": 1, "image": ["1", 0]}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    job = stage.submit(graph)
    following = stage.submit(graphs.picture())
    stage.until(job, lambda j: j["status"] == "running")
    for _ in range(2):
        answer = stage.cancel(job)
        assert answer.status == 202 and answer.json()["status"] == "canceling", "repeating it is harmless"
    job = stage.finish(job, "canceled")
    assert job["outputs"] == [] and job["error"] is None
    stage.finish(following)


def test_cancel_while_the_post_is_under_way(stages):
    """Canceled between the claim and ComfyUI's answer: it is taken out as soon as it is there."""
    stage = stages()
    stage.sim.faults({"http_delay": {"path": "/prompt", "method": "POST", "ms": 400, "count": 1}})
    job = stage.submit(graphs.steps(100, ms=50))
    stage.until(job, lambda j: j["phase"] == "submitted")
    stage.cancel(job)
    stage.finish(job, "canceled")
    eventually(lambda: stage.sim.log(), lambda log: log["queue_running"] + log["queue_pending"] == 0)


def test_cancel_while_fetching(stages):
    """Canceled when ComfyUI is through with it: the result is kept, and whoever runs meanwhile is left alone."""
    stage = stages(backend_cancel_ms=300)
    stage.sim.faults({"http_delay": {"path": "/view", "ms": 800, "count": 1}})
    job = stage.submit(graphs.picture())
    beside = stage.submit(graphs.steps(30, ms=50))
    stage.until(job, lambda j: j["phase"] == "collecting")
    assert stage.cancel(job).json()["status"] == "canceling"
    job = stage.finish(job)
    assert [w["code"] for w in job["warnings"]] == ["cancel_too_late"]
    assert stage.finish(beside)["attempt"] == 1
    assert stage.gateway_log("backend_stalled") == []


def test_timeout(stages):
    """A job that runs longer than it may is stopped and says so; the next one is not harmed."""
    stage = stages()
    job = stage.submit(graphs.steps(400, ms=50), timeout_seconds=1)
    following = stage.submit(graphs.picture())
    job = stage.finish(job, "failed")
    assert job["error"]["code"] == "timeout" and job["error"]["retryable"]
    assert stage.executions(job) == 1, "a timeout is no reason to run again"
    stage.finish(following)


def test_deadline_expires(stages):
    """A job that could not begin by its deadline expires, whether it waits in the gateway or in ComfyUI."""
    stage = stages()
    blocker = stage.submit(graphs.steps(400, ms=50))
    stage.until(blocker, lambda j: j["status"] == "running")
    inside = stage.submit(graphs.picture(), deadline_seconds=1)
    waiting = stage.submit(graphs.picture(), deadline_seconds=1)
    for job in (inside, waiting):
        job = stage.finish(job, "expired")
        assert job["error"]["code"] == "deadline_exceeded"
    stage.cancel(blocker)
    stage.finish(blocker, "canceled")
    assert list(stage.executions_by_job()) == [blocker["id"]]


def test_deadline_does_not_stop_what_runs(stages):
    """The deadline is about beginning."""
    stage = stages()
    job = stage.submit(graphs.steps(30, ms=60), deadline_seconds=1)
    stage.finish(job)


def test_priority(stages):
    """High before low, old before young among equals."""
    stage = stages(backend_slots=1)
    blocker = stage.submit(graphs.steps(200, ms=50))
    stage.until(blocker, lambda j: j["status"] == "running")
    low = stage.submit(graphs.picture(), priority=-5)
    normal = [stage.submit(graphs.picture()) for _ in range(2)]
    high = [stage.submit(graphs.picture(), priority=7) for _ in range(2)]
    expected = [job["id"] for job in (*high, *normal, low)]
    assert [stage.job(job)["queue_position"] for job in (*high, *normal, low)] == [1, 2, 3, 4, 5]
    stage.cancel(blocker)
    for job in expected:
        stage.finish({"id": job})
    started = sorted(stage.sim.log()["prompts"], key=lambda p: p["started_at"])[1:]
    assert [stage.job_of_prompt(prompt["prompt_id"]) for prompt in started] == expected


def test_retry(stages):
    """A failed job is begun anew as another job, which names the first as its parent."""
    stage = stages()
    failed = stage.finish(stage.submit(graphs.failing(message="no luck"), tags=["again"]), "failed")
    assert failed["error"]["code"] == "node_execution_error"
    assert failed["error"]["node_id"] == "2" and failed["error"]["class_type"] == "SimFail"
    assert failed["error"]["node_title"] == "The bad one" and "no luck" in failed["error"]["message"]
    answer = stage.gateway.request("POST", f"/v1/jobs/{failed['id']}/retry")
    assert answer.status == 202
    child = answer.json()
    assert child["parent_id"] == failed["id"] and child["id"] != failed["id"] and child["tags"] == ["again"]
    stage.finish(child, "failed")
    assert stage.executions_by_job() == {failed["id"]: 1, child["id"]: 1}


def test_retry_of_a_success_draws_a_new_file(stages):
    """A repeated job has its own folder in ComfyUI, so it gets its own file even when all is cached."""
    stage = stages()
    first = stage.finish(stage.submit(graphs.picture(color=5)))
    second = stage.finish(stage.gateway.json("POST", f"/v1/jobs/{first['id']}/retry"))
    assert len(second["outputs"]) == 1
    prefixes = [json.loads(stage.raw_prompt(job))["prompt"]["2"]["inputs"]["filename_prefix"] for job in (first, second)]
    assert first["id"] in prefixes[0] and second["id"] in prefixes[1] and first["id"] not in prefixes[1]
