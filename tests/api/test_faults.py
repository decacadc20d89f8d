"""The fault table: section 1.3 of faults.md, one or more tests per row, named by its number.

Each test makes the fault happen between the real comfygate and comfy-sim, and holds the gateway to what the row says a
correct gateway does: every job ends in the right state within seconds. A hang is a failure (see stage.time_limit).

Rows that are left out here, and why:
  22  --multi-user: the gateway maps no users to ComfyUI's; there is nothing that it could do wrong yet.
  23  names of uploads, and the upload half of 24: there is no POST /v1/assets yet.
  29  Discord.
  30  version drift: test_backends.py runs the same jobs against several releases.
"""
import hashlib
import json
import threading
import time

import pytest

import graphs
from odd_servers import HangUp, Proxy, StalledSocket, TlsProxy
from stage import eventually, free_port, stages  # noqa: F401  (stages is a fixture)

ALL = {"types": "all"}


def address(sim):
    return "127.0.0.1", sim.port


# ---- 1: the socket is deaf ----------------------------------------------------------------------


def test_fault_01_stalled_client_blocks_events(stages):
    """Somebody else's page stopped reading, and ComfyUI's one delivery loop waits for it: no events for anyone.

    The prompt runs all the same, so the job must end by looking, and its socket must count as deaf.
    """
    stage = stages(backend_status_ms=400)
    stage.backend(lambda b: b["ws"]["connected"])
    with StalledSocket(address(stage.sim)):
        stage.sim.faults({"big_message": {"mib": 24, "match": "the plug"}})
        stage.sim.submit(graphs.steps(1, ms=0, mark="the plug"), client_id="stalled-reader")
        stage.sim.wait_idle()
        jobs = [stage.submit(graphs.steps(3, ms=50)) for _ in range(3)]
        for job in jobs:
            job = stage.finish(job)
            assert job["attempt"] == 1
        eventually(lambda: stage.gateway_log("ws_deaf"))
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    # The plug is pulled: events flow again, on one socket.
    job = stage.submit(graphs.steps(30, ms=60))
    stage.until(job, lambda j: j["progress"] and j["progress"]["value"] > 0.1)
    stage.finish(job)
    assert stage.sim.log()["ws_open"] == 1


def test_fault_01_deaf_socket_is_replaced(stages):
    """Not even the status broadcast comes: the socket is replaced under another name, and the next one hears."""
    stage = stages(backend_status_ms=300)
    stage.backend(lambda b: b["ws"]["connected"])
    stage.sim.faults({"ws_swallow": ALL})
    job = stage.submit(graphs.steps(10, ms=100))
    eventually(lambda: stage.gateway_log("ws_deaf"))
    stage.sim.clear_faults()
    assert stage.finish(job)["attempt"] == 1
    after = stage.submit(graphs.steps(20, ms=50))
    stage.until(after, lambda j: j["progress"] and j["progress"]["value"] > 0.2)
    stage.finish(after)
    names = [each["client_id"] for each in stage.sim_events("ws_open")]
    assert len(names) == len(set(names)) == 2


def test_fault_01_deaf_for_good_does_not_flap(stages):
    """Events never come back: jobs go on by looking, and sockets are not reopened faster and faster."""
    stage = stages(backend_status_ms=200, backend_backoff_min_ms=200, backend_backoff_max_ms=2000)
    stage.sim.faults({"ws_swallow": ALL})
    began = time.monotonic()
    while time.monotonic() < began + 4:
        stage.finish(stage.submit(graphs.picture()))
    assert stage.sim.log()["ws_opened"] <= 10
    assert stage.sim.log()["ws_open"] <= 1


# ---- 2, 3: reconnecting ---------------------------------------------------------------------------


def test_fault_02_fresh_client_id_per_connection(stages):
    """ComfyUI forgets the new socket of a name when the old one dies; so each connection has a name of its own."""
    stage = stages()
    job = stage.submit(graphs.steps(40, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    for round_number in range(3):
        stage.sim.ws_drop()
        eventually(lambda: stage.sim.log(), lambda log: log["ws_opened"] == 2 + round_number and log["ws_open"] == 1)
    assert stage.finish(job)["attempt"] == 1
    names = [each["client_id"] for each in stage.sim_events("ws_open")]
    assert len(set(names)) == len(names) == 4
    after = stage.submit(graphs.steps(20, ms=50))
    stage.until(after, lambda j: j["progress"] and j["progress"]["value"] > 0.2)
    stage.finish(after)


def test_fault_03_half_open_tcp(stages):
    """A NAT box forgot the connection: nothing comes, nobody says so. Pings find out."""
    sim_port = free_port()
    with Proxy(("127.0.0.1", sim_port)) as proxy:
        stage = stages(sim_port=sim_port, backends={"gpu0": proxy.url}, backend_ping_ms=300, backend_pong_ms=300,
                       backend_status_ms=10000)
        stage.backend(lambda b: b["ws"]["connected"])
        job = stage.submit(graphs.steps(30, ms=100))
        stage.until(job, lambda j: j["status"] == "running")
        proxy.freeze()
        eventually(lambda: proxy.frozen_tunnels)
        backend = stage.backend(lambda b: b["ws"]["connections_opened"] == 2, timeout=8)
        assert backend["ws"]["connected"]
        assert stage.finish(job)["attempt"] == 1
        assert "pong" in stage.gateway_log("ws_closed")[0]["reason"]


# ---- 4, 5, 9: what the end looks like -------------------------------------------------------------


@pytest.mark.parametrize("types", [
    ["executing"], ["executed"], ["execution_success"], ["executing", "execution_success"],
    ["executing", "executed", "execution_success", "status"]], ids=lambda types: "+".join(types))
def test_fault_04_missed_messages(stages, types):
    """Whatever message is missed, history decides."""
    stage = stages(backend_status_ms=10000)
    stage.sim.faults({"ws_swallow": {"types": types}})
    jobs = [stage.submit(graphs.steps(3, ms=20)) for _ in range(3)]
    for job in jobs:
        assert stage.finish(job)["attempt"] == 1
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}


def test_fault_04_duplicated_and_delayed_messages(stages):
    """Everything is said twice, and late: nothing is done twice."""
    stage = stages()
    stage.sim.faults({"ws_duplicate": ALL, "ws_delay_ms": {"ms": 20}})
    jobs = [stage.submit(graphs.steps(3, ms=20)) for _ in range(3)]
    for job in jobs:
        job = stage.finish(job)
        assert job["attempt"] == 1 and len(job["outputs"]) == 1


@pytest.mark.parametrize("keep_in_queue", [True, False])
def test_fault_05_history_late(stages, keep_in_queue):
    """execution_success is sent before history is written: the first look finds nothing, and that means nothing."""
    stage = stages()
    stage.sim.faults({"history_late_ms": {"ms": 700, "keep_in_queue": keep_in_queue}})
    job = stage.finish(stage.submit(graphs.steps(3, ms=10)))
    assert job["attempt"] == 1 and len(job["outputs"]) == 1
    assert stage.executions(job) == 1


def test_fault_05_history_gone(stages):
    """Seen to succeed, and then history has no entry (evicted, cleared): what `executed` said is enough."""
    stage = stages()
    stage.sim.faults({"history_forget": True})
    job = stage.finish(stage.submit(graphs.steps(3, ms=10)))
    assert job["attempt"] == 1 and len(job["outputs"]) == 1
    assert stage.executions(job) == 1


# ---- 6, 7: it does not work any more ---------------------------------------------------------------


def test_fault_06_dead_worker(stages):
    """The worker thread died; HTTP accepts everything and nothing runs. The backend is taken out, the jobs are not lost."""
    stage = stages()
    stage.finish(stage.submit(graphs.picture()))
    stage.backend(lambda b: b["status"] == "up")
    stage.sim.kill_worker()
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    stage.backend(lambda b: b["status"] == "down" and "none runs" in b["reason"])
    for job in jobs:
        stage.until(job, lambda j: j["phase"] == "waiting" and j["status"] == "queued")
    assert stage.gateway.json("GET", "/readyz")["status"] == "degraded"
    stage.sim.restart()
    for job in jobs:
        stage.finish(job)
    assert [stage.executions(job) for job in jobs] == [1, 1, 1]


def test_fault_06_silent_prompt(stages):
    """Our prompt is "running" and says nothing for longer than a prompt can: the backend is stalled."""
    stage = stages(backend_stall_seconds=1)
    stage.sim.faults({"never_end": {"count": 1}})
    job = stage.submit(graphs.steps(3, ms=10))
    stage.backend(lambda b: b["status"] == "down" and "sign of life" in b["reason"])
    assert stage.until(job, lambda j: j["phase"] == "waiting")["status"] == "queued"
    stage.sim.restart()
    assert stage.finish(job)["attempt"] == 2


def test_fault_07_endless_node_ignores_interrupt(stages):
    """A node loops and interrupts do nothing: the job ends by its timeout, and the backend gets no more work."""
    stage = stages(backend_cancel_ms=800)
    stage.sim.faults({"never_end": {"count": 1}})
    job = stage.submit(graphs.steps(3, ms=10), timeout_seconds=1)
    following = stage.submit(graphs.picture())
    job = stage.finish(job, "failed")
    assert job["error"]["code"] == "timeout"
    assert [w["code"] for w in job["warnings"]] == ["still_running"]
    stage.backend(lambda b: b["status"] == "down" and "cancel" in b["reason"])
    stage.sim.restart()
    stage.finish(following)
    assert stage.executions(job) == 1


# ---- 8: killed --------------------------------------------------------------------------------------


def test_fault_08_killed_while_running(stages):
    """The OOM killer took ComfyUI: what ran and what was ready run again, what waited waits on."""
    stage = stages()
    jobs = [stage.submit(graphs.steps(20, ms=50)) for _ in range(3)]
    stage.until(jobs[0], lambda j: j["status"] == "running")
    stage.until_delivered(jobs[1])
    stage.sim.kill9()
    stage.backend(lambda b: b["status"] == "down")
    stage.sim.start()
    ended = [stage.finish(job, timeout=30) for job in jobs]
    assert ended[0]["attempt"] == 2 and ended[2]["attempt"] == 1
    assert ended[1]["attempt"] in (1, 2), "1 when the kill came before the answer to its POST"
    assert stage.executions_by_job() == {jobs[0]["id"]: 2, jobs[1]["id"]: 1, jobs[2]["id"]: 1}


def test_fault_08_restart_faster_than_we_look(stages):
    """It was away for a blink: the queue is empty and the history too, so the job is lost there, and run again."""
    stage = stages()
    job = stage.submit(graphs.steps(20, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    stage.sim.restart(down_ms=0)
    assert stage.finish(job)["attempt"] == 2
    assert stage.executions(job) == 2


def test_fault_08_poison(stages):
    """A job under which ComfyUI died twice is not given to it a third time."""
    stage = stages()
    stage.sim.faults({"crash_at": {"phase": "progress", "match": "poison", "mode": "restart"}})
    job = stage.submit(graphs.steps(20, ms=20, mark="poison"), max_attempts=5)
    following = stage.submit(graphs.picture())
    job = stage.finish(job, "failed")
    assert job["error"]["code"] == "backend_lost" and job["attempt"] == 2
    assert stage.executions(job) == 2
    stage.finish(following)


def test_fault_08_poison_at_the_door(stages):
    """ComfyUI dies of a prompt before it has answered the POST, each time: that too must come to an end."""
    stage = stages(backend_doubt_ms=200)
    stage.sim.faults({"crash_at": {"phase": "accepted", "match": "poison", "mode": "restart"}})
    job = stage.submit(graphs.steps(20, ms=20, mark="poison"))
    job = stage.finish(job, "failed", timeout=15)
    assert job["error"]["code"] == "backend_lost"
    assert len(stage.sim_events("crash")) <= 6
    stage.finish(stage.submit(graphs.picture()))


def test_fault_08_killed_during_view(stages):
    """The picture is drawn and ComfyUI dies while we fetch it. Its history is gone, so the job runs again."""
    stage = stages()
    stage.sim.faults({"crash_at": {"phase": "view", "mode": "restart", "count": 1}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert len(job["outputs"]) == 1


# ---- 9, 10: lost is not done --------------------------------------------------------------------------


def test_fault_09_lost_is_not_done(stages):
    """In no queue and in no history, and never seen to succeed: lost. It runs again; it does not "succeed" empty."""
    stage = stages(backend_status_ms=10000)
    stage.sim.faults({"history_forget": {"count": 1}, "ws_swallow": ALL})
    job = stage.finish(stage.submit(graphs.steps(3, ms=20)))
    assert job["attempt"] == 2 and len(job["outputs"]) == 1
    assert stage.executions(job) == 2


def test_fault_09_lost_every_time(stages):
    """It gets lost in every attempt: failed, retryable, and says so."""
    stage = stages(backend_status_ms=10000)
    stage.sim.faults({"history_forget": {"match": "cursed"}, "ws_swallow": ALL})
    job = stage.finish(stage.submit(graphs.steps(1, ms=0, mark="cursed"), max_attempts=2), "failed")
    assert job["error"]["code"] == "backend_lost" and job["error"]["retryable"]
    assert job["attempt"] == 2 and job["outputs"] == []


def test_fault_10_queue_cleared(stages):
    """Somebody presses Clear queue: no event names our prompt, and it runs nevertheless."""
    stage = stages()
    running = stage.submit(graphs.steps(30, ms=50))
    ready = stage.submit(graphs.picture())
    stage.until(running, lambda j: j["status"] == "running")
    stage.until_delivered(ready)
    assert stage.sim.request("POST", "/queue", {"clear": True}).status == 200
    assert stage.finish(ready)["attempt"] == 2
    assert stage.finish(running)["attempt"] == 1
    assert stage.executions_by_job() == {running["id"]: 1, ready["id"]: 1}


def test_fault_10_history_cleared(stages):
    """Somebody presses Clear history again and again: no job hangs, and no job is called done without its outputs."""
    stage = stages()
    done = threading.Event()

    def clear():
        while not done.wait(0.005):
            stage.sim.request("POST", "/history", {"clear": True})

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for job in [stage.submit(graphs.steps(2, ms=10)) for _ in range(10)]:
            assert len(stage.finish(job)["outputs"]) == 1
    finally:
        done.set()
        clearing.join(5)


# ---- 11, 12: sending -----------------------------------------------------------------------------------


def test_fault_11_reply_lost_after_queueing(stages):
    """The prompt is queued and the answer is lost: it is found by its id, and runs once."""
    stage = stages()
    stage.sim.faults({"prompt_reply_lost": {"count": 1}})
    job = stage.finish(stage.submit(graphs.steps(5, ms=50)))
    assert stage.executions(job) == 1 and job["attempt"] == 1
    assert len(stage.gateway_log("prompt_in_doubt")) == 1 and stage.gateway_log("prompt_resent") == []


def test_fault_11_reply_lost_of_an_instant_prompt(stages):
    """The same, and the prompt has ended before anybody can look into the queue: it is found in history."""
    stage = stages()
    stage.sim.faults({"prompt_reply_lost": {"count": 3}})
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    for job in jobs:
        assert stage.finish(job)["attempt"] == 1
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}


def test_fault_11_lost_before_queueing(stages):
    """The connection broke before ComfyUI had read it: looked for as long as doubt lasts, then the same id is sent again."""
    stage = stages(backend_doubt_ms=700)
    stage.sim.faults({"prompt_reply_lost_before": {"count": 1}})
    began = time.monotonic()
    job = stage.finish(stage.submit(graphs.picture()))
    assert time.monotonic() - began >= 0.7
    assert stage.executions(job) == 1 and job["attempt"] == 1
    assert len(stage.gateway_log("prompt_resent")) == 1
    assert len(stage.prompts(job)) == 1


def test_fault_11_lost_every_time(stages):
    """ComfyUI hangs up on every POST of this prompt: sent again a few times, then failed; the next job is not held up."""
    stage = stages(backend_doubt_ms=150, backend_slots=1)
    stage.sim.faults({"prompt_reply_lost_before": {"match": "unlucky"}})
    job = stage.submit(graphs.picture(mark="unlucky"))
    following = stage.submit(graphs.picture())
    job = stage.finish(job, "failed", timeout=15)
    assert job["error"]["code"] in ("backend_lost", "backend_unreachable") and job["error"]["retryable"]
    assert stage.executions(job) == 0
    assert len(stage.gateway_log("prompt_resent")) <= 10
    stage.finish(following)


def test_fault_11_answer_comes_too_late(stages):
    """ComfyUI takes longer to answer than we wait: in doubt, found, run once."""
    stage = stages(backend_timeout_ms=300)
    stage.sim.faults({"http_delay": {"path": "/prompt", "method": "POST", "ms": 600, "count": 1}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert stage.executions(job) == 1


def test_fault_11_one_post_per_call(stages):
    """libcurl repeats a POST on a kept connection that dies; ours reaches the server once per call."""
    stage = stages(backend_doubt_ms=600)
    stage.finish(stage.submit(graphs.picture()))  # leaves connections in the pool
    stage.sim.faults({"http_fail": {"path": "/prompt", "method": "POST", "mode": "reset", "count": 1}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert stage.executions(job) == 1
    assert stage.sim.log()["requests"]["POST /prompt"] == 1 + 1 + 1  # the first job; refused; sent again


def test_fault_11_server_error(stages):
    """500 to a prompt that was not queued: tried again as another attempt, within max_attempts, then failed."""
    stage = stages()
    stage.sim.faults({"http_fail": {"path": "/prompt", "method": "POST", "status": 500, "count": 1}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert job["attempt"] == 2 and stage.executions(job) == 1
    stage.sim.faults({"http_fail": {"path": "/prompt", "method": "POST", "status": 500}})
    job = stage.finish(stage.submit(graphs.picture(), max_attempts=2), "failed")
    assert job["error"]["code"] == "backend_lost" and "500" in job["error"]["message"]


def test_fault_12_no_retry_storm(stages):
    """A server that hangs up on everybody is knocked at with growing pauses."""
    with HangUp() as wall:
        stage = stages(start_sim=False, backends={"gpu0": wall.url}, backend_backoff_min_ms=100,
                       backend_backoff_max_ms=1000)
        stage.submit(graphs.picture())
        time.sleep(4)
        early = [t for t in wall.accepted if t < wall.accepted[0] + 1]
        late = [t for t in wall.accepted if t > wall.accepted[0] + 2]
        # Three things knock: the socket, /queue and (every 30 s) /system_stats.
        assert len(early) <= 20 and len(late) <= 12, (len(early), len(late))
        assert stage.backend()["status"] == "down"


def test_fault_12_http_hangs(stages):
    """/queue hangs for good: the socket still tells, and the job ends; when nothing answers, nothing is lost."""
    stage = stages(backend_timeout_ms=500)
    stage.backend(lambda b: b["status"] == "up")
    stage.sim.faults({"http_hang": {"path": "/queue"}})
    stage.backend(lambda b: b["status"] == "down" and b["reason"])
    job = stage.submit(graphs.picture())
    stage.sim.clear_faults()
    stage.finish(job)


def test_fault_12_http_fails_in_mid_job(stages):
    """/queue and /history answer 500 for a while: the job ends when they are well again, in its first attempt."""
    stage = stages()
    job = stage.submit(graphs.steps(10, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    stage.sim.faults({"http_fail": [{"path": "/queue", "status": 500}, {"path": "/history", "status": 502}]})
    stage.sim.wait_idle()
    time.sleep(0.5)
    assert stage.job(job)["status"] == "running"
    stage.sim.clear_faults()
    assert stage.finish(job)["attempt"] == 1


# ---- 13, 14: stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.33.0", "0.3.64", "0.3.50"])
def test_fault_13_foreign_job_is_not_interrupted(stages, version):
    """Somebody else's prompt runs, ours waits behind it and is canceled: theirs ends well, whatever the release."""
    stage = stages(sim={"comfyui_version": version}, backend_cancel_ms=3000)
    stage.backend(lambda b: b["version"] == version)
    foreign = stage.sim.foreign(steps=20, ms=50)[0]
    job = stage.submit(graphs.picture())
    stage.until_delivered(job)
    stage.cancel(job)
    stage.finish(job, "canceled")
    stage.sim.wait_idle()
    assert {p["prompt_id"]: p["result"] for p in stage.sim.prompts()}[foreign] == "execution_success"


def test_fault_13_no_blind_interrupt(stages):
    """Before 0.3.56 an interrupt stops whatever runs, so none is sent; the job is canceled when its time is over."""
    stage = stages(sim={"comfyui_version": "0.3.50"}, backend_cancel_ms=600)
    stage.backend(lambda b: b["version"] == "0.3.50")
    job = stage.submit(graphs.steps(40, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    stage.cancel(job)
    job = stage.finish(job, "canceled")
    assert [w["code"] for w in job["warnings"]] == ["still_running"]
    assert "POST /interrupt" not in stage.sim.log()["requests"]
    # When ComfyUI is through with it, it is used again.
    stage.finish(stage.submit(graphs.picture()))


def test_fault_14_interrupt_lost(stages):
    """The interrupt hits the moment in which ComfyUI clears its flag: sent again until it works."""
    stage = stages(sim={"comfyui_version": "0.3.64"}, backend_cancel_ms=10000)
    stage.sim.faults({"interrupt_lost": {"count": 1}})
    job = stage.submit(graphs.steps(400, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    stage.cancel(job)
    assert stage.finish(job, "canceled")["warnings"] == []
    assert stage.sim.log()["requests"]["POST /interrupt"] >= 2


def test_fault_14_result_wins_the_race(stages):
    """Canceled too late: the result is stored, the job succeeded, and says that it was to be canceled."""
    stage = stages()
    stage.sim.faults({"interrupt_lost": True})
    job = stage.submit(graphs.steps(10, ms=60))
    stage.until(job, lambda j: j["status"] == "running")
    stage.cancel(job)
    job = stage.finish(job)
    assert [w["code"] for w in job["warnings"]] == ["cancel_too_late"]


def test_fault_14_interrupted_by_somebody_else(stages):
    """The stop button in ComfyUI: the job failed as interrupted; it is not silently run again."""
    stage = stages()
    job = stage.submit(graphs.steps(200, ms=50))
    stage.until(job, lambda j: j["status"] == "running")
    stage.sim.request("POST", "/interrupt", {})
    job = stage.finish(job, "failed")
    assert job["error"]["code"] == "interrupted" and job["error"]["retryable"]
    assert stage.executions(job) == 1


# ---- 15: the cache ---------------------------------------------------------------------------------------


def test_fault_15_identical_graph(stages):
    """The same graph twice: upstream is cached, yet each job has its own file."""
    stage = stages()
    graph = graphs.steps(3, ms=20, seed=4711)
    first, second = [stage.finish(stage.submit(graph)) for _ in range(2)]
    files = [json.loads(stage.raw_prompt(job))["prompt"]["2"]["inputs"]["filename_prefix"] for job in (first, second)]
    assert len(set(files)) == 2
    assert first["outputs"][0]["id"] != second["outputs"][0]["id"]
    for job in (first, second):
        assert hashlib.sha256(stage.content(job["outputs"][0])).hexdigest() == job["outputs"][0]["sha256"]


def test_fault_15_output_is_gone(stages):
    """/view says 404 for what history names: made again once, under another prefix."""
    stage = stages()
    stage.sim.faults({"view_404": {"count": 1}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert job["attempt"] == 2 and len(job["outputs"]) == 1
    prefixes = [json.loads(stage.sim.raw(prompt))["prompt"]["2"]["inputs"]["filename_prefix"]
                for prompt in stage.prompts(job)]
    assert len(set(prefixes)) == 2, "with the old prefix the cache would name the missing file again"


def test_fault_15_output_file_is_deleted(stages):
    """Somebody tidies ComfyUI's output folder while we fetch. All nodes are cached now, and only another prefix helps."""
    stage = stages()
    stage.sim.faults({"http_delay": {"path": "/view", "ms": 500, "count": 1}})
    job = stage.submit(graphs.picture())
    stage.until(job, lambda j: j["phase"] == "collecting")
    for path in (stage.directory / "sim-gpu0" / "output").rglob("*.png"):
        path.unlink()
    job = stage.finish(job)
    assert job["attempt"] == 2 and len(job["outputs"]) == 1


def test_fault_15_output_is_always_gone(stages):
    """404 for ever: the job failed, and says which output."""
    stage = stages()
    stage.sim.faults({"view_404": True})
    job = stage.finish(stage.submit(graphs.picture()), "failed")
    assert job["error"]["code"] == "output_missing" and "node 2" in job["error"]["message"]
    assert stage.executions(job) <= 3


# ---- 16, 17, 18: messages ------------------------------------------------------------------------------------


def test_fault_16_oversized_messages(stages):
    """A preview and a text over our limits are skipped and counted; the connection stays, what follows is heard."""
    stage = stages(backend_max_text=65536, backend_max_binary=65536)
    stage.sim.faults({"big_message": {"mib": 3}, "big_preview": {"bytes": 1 << 20, "count": 2}})
    job = stage.submit(graphs.steps(20, ms=50, previews=True))
    stage.until(job, lambda j: j["progress"] and j["progress"]["preview_seq"])
    stage.finish(job)
    assert stage.sim.log()["ws_opened"] == 1
    assert len(stage.gateway_log("ws_message_skipped")) == 3


def test_fault_16_large_messages_within_limits(stages):
    """Several MiB in one message are no reason to reconnect."""
    stage = stages()
    stage.sim.faults({"big_message": {"mib": 6}, "big_preview": {"bytes": 10 << 20, "count": 1}})
    job = stage.submit(graphs.steps(5, ms=50, previews=True))
    stage.finish(job)
    assert stage.sim.log()["ws_opened"] == 1 and stage.gateway_log("ws_message_skipped") == []


def test_fault_16_progress_storm(stages):
    """Twenty thousand progress messages: all drained, and the job ends soon after."""
    stage = stages()
    stage.sim.faults({"progress_storm": {"messages": 20000}})
    stage.finish(stage.submit(graphs.steps(3, ms=20)), timeout=30)
    assert stage.sim.log()["ws_opened"] == 1


def test_fault_16_junk(stages):
    """What is no JSON, no object, no known frame is nothing to us."""
    stage = stages()
    junk = ["{not json", "[]", "null", '{"type":7}', '{"type":"progress","data":{"value":"x","max":null}}',
            '{"type":"executing","data":null}', '{"type":"status","data":{"status":{"exec_info":{"queue_remaining":-9}}}}']
    stage.sim.faults({"ws_junk": [{"text": text, "count": 1} for text in junk]
                      + [{"hex": text, "count": 1} for text in ("", "00", "00000001", "00000004ffffffff", "000000630000")]})
    for job in [stage.submit(graphs.steps(1, ms=5)) for _ in range(len(junk) + 5)]:
        assert stage.finish(job)["attempt"] == 1
    assert stage.sim.log()["ws_opened"] == 1


def test_fault_17_foreign_preview(stages):
    """A foreign job without a client sends its previews to every socket; they are not shown as ours."""
    stage = stages()
    stage.sim.foreign(client_id=None, steps=25, ms=40, previews=True)
    job = stage.submit(graphs.steps(20, ms=50, previews=False))
    stage.until_delivered(job)
    for _ in range(10):
        answer = stage.gateway.request("GET", f"/v1/jobs/{job['id']}/preview")
        assert answer.status == 204, "a preview, though ours has not begun"
        time.sleep(0.05)
    stage.until(job, lambda j: j["status"] == "running")
    assert stage.gateway.request("GET", f"/v1/jobs/{job['id']}/preview").status == 204, "ours makes none"
    stage.finish(job)


def test_fault_17_nameless_previews_of_old_releases(stages):
    """Releases before 0.3.45 send previews without a prompt id: they belong to the prompt named last."""
    stage = stages(sim={"comfyui_version": "0.3.40"})
    job = stage.submit(graphs.steps(25, ms=50, previews=True))
    stage.until(job, lambda j: j["progress"] and j["progress"]["preview_seq"])
    assert stage.gateway.request("GET", f"/v1/jobs/{job['id']}/preview").status == 200
    stage.finish(job)


def test_fault_18_client_id(stages):
    """Two gateways, one ComfyUI: each has its own random name, sent in both places, and neither displaces the other."""
    stage = stages()
    other = stages(start_sim=False, backends={"gpu0": stage.sim.url})
    jobs = [(each, each.submit(graphs.steps(20, ms=40))) for each in (stage, other)]
    for each, job in jobs:
        each.until(job, lambda j: j["progress"] and j["progress"]["value"] > 0.1)
        each.finish(job)
    log = stage.sim.log()
    assert log["ws_opened"] == 2 and log["ws_open"] == 2
    assert len(set(log["ws_open_client_ids"])) == 2
    assert {prompt["client_id"] for prompt in log["prompts"]} == set(log["ws_open_client_ids"])


# ---- 19, 20, 21: what stands between -----------------------------------------------------------------------


def test_fault_19_no_origin(stages):
    """No Origin header is ever sent, by HTTP or by the handshake."""
    stage = stages()
    stage.finish(stage.submit(graphs.picture()))
    log = stage.sim.log()
    assert log["origins"] == {} and log["ws_opened"] == 1


def test_fault_19_forbidden(stages):
    """403 to the POST: the backend is held and says why; the job is not blamed and runs when the way is free."""
    stage = stages()
    stage.sim.faults({"http_fail": {"path": "/prompt", "method": "POST", "status": 403, "body": ""}})
    job = stage.submit(graphs.picture())
    stage.backend(lambda b: b["status"] == "down" and "403" in b["reason"] and "Origin" in b["reason"])
    assert stage.job(job)["status"] == "queued"
    stage.sim.clear_faults()
    assert stage.finish(job)["attempt"] == 1


def wall(status, headers=None, body=b"<html>please log in</html>", only=None):
    def rule(_method, path, _headers):
        return (status, headers or {}, body) if only is None or path.startswith(only) else None

    return rule


LOGIN = {"Location": "https://login.example/", "Content-Type": "text/html"}


@pytest.mark.parametrize("status, headers", [
    ("302 Found", LOGIN), ("307 Temporary Redirect", LOGIN), ("401 Unauthorized", {"WWW-Authenticate": "Basic realm=x"}),
    ("403 Forbidden", {}), ("404 Not Found", {}), ("200 OK", {"Content-Type": "text/html"})],
    ids=lambda value: value[:3] if isinstance(value, str) else "")
def test_fault_20_login_wall(stages, status, headers):
    """A login page in front of everything: explained, not followed, no job lost, and work goes on when it is gone."""
    sim_port = free_port()
    with Proxy(("127.0.0.1", sim_port), wall(status, headers)) as proxy:
        stage = stages(sim_port=sim_port, backends={"gpu0": proxy.url})
        backend = stage.backend(lambda b: status[:3] in (b["reason"] or ""))
        assert backend["status"] == "down" and not backend["ws"]["connected"]
        job = stage.submit(graphs.picture())
        assert stage.job(job)["status"] == "queued"
        proxy.rule = lambda *_: None
        assert stage.finish(job)["attempt"] == 1


@pytest.mark.parametrize("status", ["302 Found", "401 Unauthorized", "200 OK", "502 Bad Gateway"], ids=lambda s: s[:3])
def test_fault_20_handshake_refused(stages, status):
    """HTTP passes and the handshake does not (a proxy without WebSocket): explained, and jobs end by looking."""
    sim_port = free_port()
    with Proxy(("127.0.0.1", sim_port), wall(status, LOGIN, only="/ws")) as proxy:
        stage = stages(sim_port=sim_port, backends={"gpu0": proxy.url})
        jobs = [stage.submit(graphs.steps(2, ms=20)) for _ in range(3)]
        for job in jobs:
            assert stage.finish(job)["attempt"] == 1
        closed = eventually(lambda: stage.gateway_log("ws_closed"))
        assert status[:3] in closed[0]["reason"]
        assert not stage.backend()["ws"]["connected"]


def test_fault_20_path_prefix(stages):
    """ComfyUI behind https://host/comfy: the prefix is kept for HTTP and for the socket, a trailing slash is none."""
    sim_port = free_port()

    class Prefixed(Proxy):
        def edit(self, head):
            return head.replace(b" /comfy/", b" /", 1)

    with Prefixed(("127.0.0.1", sim_port)) as proxy:
        stage = stages(sim_port=sim_port, backends={"gpu0": proxy.url + "/comfy/"})
        stage.finish(stage.submit(graphs.picture()))
        stage.backend(lambda b: b["ws"]["connected"])
        assert all(path.startswith("/comfy/") for _, path in proxy.seen)


def test_fault_21_self_signed_tls(stages, tmp_path):
    """A certificate that nobody vouches for: refused, with a reason that says so. Verification is never switched off."""
    sim_port = free_port()
    with TlsProxy(("127.0.0.1", sim_port), tmp_path) as proxy:
        stage = stages(sim_port=sim_port, backends={"gpu0": proxy.url})
        backend = stage.backend(lambda b: "certificate" in (b["reason"] or "").lower())
        assert backend["status"] == "down" and not backend["ws"]["connected"]
        eventually(lambda: stage.gateway_log("ws_closed"))
        job = stage.submit(graphs.picture())
        time.sleep(0.5)
        assert stage.job(job)["status"] == "queued"
        assert proxy.seen == [], "something was said before the certificate was trusted"


# ---- 24, 25: sizes and files -------------------------------------------------------------------------------


def test_fault_24_prompt_too_large(stages):
    """413 to POST /prompt: the job failed, and the message speaks of size."""
    stage = stages(sim={"max_upload_size": 1})
    graph = graphs.picture()
    graph["1"]["_meta"] = {"title": "big", "padding": "x" * (2 << 20)}
    job = stage.finish(stage.submit(graph), "failed")
    assert job["error"]["code"] == "invalid_workflow" and "413" in job["error"]["message"]
    assert not job["error"]["retryable"]
    stage.finish(stage.submit(graphs.picture()))


def test_fault_25_truncated_view(stages):
    """/view breaks off in the middle: fetched again, whole, and its hash is that of the whole."""
    stage = stages()
    stage.sim.faults({"view_truncate": {"bytes": 40, "count": 2}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert job["attempt"] == 1
    body = stage.content(job["outputs"][0])
    assert hashlib.sha256(body).hexdigest() == job["outputs"][0]["sha256"] and body.endswith(b"IEND\xaeB`\x82")
    assert stage.sim.log()["requests"]["GET /view"] == 3


def test_fault_25_view_fails_for_a_while(stages):
    """/view answers 500, hangs up, and is slow: tried again; each output is fetched whole once."""
    stage = stages()
    stage.sim.faults({"http_fail": [{"path": "/view", "status": 500, "count": 1},
                                    {"path": "/view", "mode": "reset", "count": 1}],
                      "http_delay": {"path": "/view", "ms": 300}})
    job = stage.finish(stage.submit(graphs.picture()))
    assert job["attempt"] == 1 and stage.executions(job) == 1


def test_fault_25_fetched_once(stages):
    """Clients are served from the gateway's own store; /view is asked once per output, whoever reads how often."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.picture()))
    for _ in range(3):
        stage.content(job["outputs"][0])
    assert stage.sim.log()["requests"]["GET /view"] == 1
    stage.sim.kill9()
    stage.content(job["outputs"][0])


HOSTILE = [
    {"filename": "../../../../etc/passwd", "subfolder": "", "type": "output"},
    {"filename": "passwd", "subfolder": "../../../etc", "type": "output"},
    {"filename": "/etc/passwd", "subfolder": "", "type": "output"},
    {"filename": "a&type=input&filename=b", "subfolder": "x y?#%", "type": "output"},
    {"filename": "a\r\nX-Evil: 1", "subfolder": "", "type": "output"},
    {"filename": "x.png", "subfolder": "", "type": "nonsense"},
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_fault_25_hostile_names(stages, number):
    """History names a file outside: ComfyUI refuses it, nothing of ours follows it, and the job says what is missing."""
    stage = stages()
    graph = graphs.lists(json.dumps([HOSTILE[number]]))
    job = stage.finish(stage.submit(graph), "failed")
    assert job["error"]["code"] == "output_missing"
    stored = [path for path in (stage.directory / "data").rglob("*") if path.is_file() and path.name == "passwd"]
    assert stored == []
    stage.finish(stage.submit(graphs.picture()))


def test_fault_25_type_is_told_by_bytes(stages):
    """A "png" that is a page is served as no page: the type is sniffed, not believed."""
    stage = stages()
    output = stage.directory / "sim-gpu0" / "output"
    (output / "evil.png").write_bytes(b"<html><script>alert(1)</script></html>")
    graph = graphs.lists(json.dumps([{"filename": "evil.png", "subfolder": "", "type": "output"}]))
    job = stage.finish(stage.submit(graph))
    assert job["outputs"][0]["type"] != "image"
    answer = stage.gateway.request("GET", job["outputs"][0]["url"])
    assert "html" not in answer.header("Content-Type") and not answer.header("Content-Type").startswith("image/")
    assert answer.header("X-Content-Type-Options") == "nosniff"


OUTSIDE = ["../../etc/passwd", "/etc/passwd", "a/../../b.png", "..", "..\\..\\secret.png", "C:\\secret.png", "C:x.png"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_fault_26_file_outside(stages, name):
    """ComfyUI's loaders would read any file of their host: a graph that names one is refused, with the place."""
    stage = stages()
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": name}},
             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}
    problem = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graph}).json()
    assert problem["status"] == 422 and problem["code"] == "invalid_workflow"
    assert problem["errors"][0]["pointer"] == "/workflow/1/inputs/image"
    assert problem["errors"][0]["code"] == "file_outside"


@pytest.mark.parametrize("name", ["sub/dir/a.png", "a..b.png", "..a.png", "name.png [temp]", "a b/c.png"])
def test_fault_26_file_inside(stages, name):
    """Names within ComfyUI's own folders are none of our business."""
    stage = stages(start_sim=False)
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": name}},
             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}
    assert stage.submit(graph)["status"] == "queued"


# ---- 27, 28: what ComfyUI says about the graph ------------------------------------------------------------


def test_fault_27_node_errors_with_200(stages):
    """200 with node_errors: some outputs would be missing. The job failed, names the node, and is taken out of the queue."""
    stage = stages()
    blocker = stage.submit(graphs.steps(20, ms=50))
    stage.until(blocker, lambda j: j["status"] == "running")
    stage.sim.faults({"node_errors_with_200": {"match": "half"}})
    job = stage.finish(stage.submit(graphs.picture(mark="half")), "failed")
    assert job["error"]["code"] == "invalid_workflow" and job["error"]["node_id"] == "99"
    assert "Required input is missing" in job["error"]["message"]
    stage.finish(blocker)
    stage.finish(stage.submit(graphs.picture()))
    assert job["id"] not in stage.executions_by_job(), "it ran although its job had failed"


def test_fault_27_real_half_bad_graph(stages):
    """One good and one bad output in one graph, as a user would send it."""
    stage = stages()
    graph = graphs.picture()
    graph["3"] = {"class_type": "SaveImage", "inputs": {"filename_prefix": "bad"}}
    job = stage.finish(stage.submit(graph), "failed")
    assert job["error"]["code"] == "invalid_workflow" and job["error"]["node_id"] == "3"


@pytest.mark.parametrize("graph, code", [
    ({"1": {"class_type": "NoSuchNode", "inputs": {}}}, "missing_node"),
    ({"1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}}}, "invalid_workflow"),
    ({"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "absent.safetensors"}},
      "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}}}, "missing_model"),
], ids=["missing_node", "no_output", "missing_model"])
@pytest.mark.parametrize("version", ["0.33.0", "0.3.64"])
def test_fault_27_validation_errors(stages, graph, code, version):
    """400 with a reason: failed at once, in ComfyUI's words, and not tried again."""
    stage = stages(sim={"comfyui_version": version})
    job = stage.finish(stage.submit(graph), "failed")
    assert job["error"]["code"] == code and job["attempt"] == 1 and not job["error"]["retryable"]


def test_fault_28_out_of_memory(stages):
    """The GPU is full: one more try, then failed as out_of_memory, with the node, without a traceback."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.failing("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate")), "failed")
    assert job["error"]["code"] == "out_of_memory" and job["error"]["retryable"] and job["attempt"] == 2
    assert job["error"]["node_id"] == "2" and job["error"]["class_type"] == "SimFail"
    assert "Traceback" not in json.dumps(job) and "execution.py" not in json.dumps(job)
    assert stage.executions(job) == 2


def test_fault_28_node_exception(stages):
    """Any other exception would come again: no second try."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.failing("ValueError", "bad value")), "failed")
    assert job["error"]["code"] == "node_execution_error" and job["attempt"] == 1 and stage.executions(job) == 1
    assert "bad value" in job["error"]["message"] and not job["error"]["retryable"]


# ---- Python's JSON is not JSON (README of the recordings, section 2) --------------------------------------


def test_fault_30_nan_in_history(stages):
    """A node put NaN into its output: Python writes it bare, and the job ends all the same."""
    stage = stages()
    graph = graphs.picture()
    graph["3"] = {"class_type": "SimNaN", "inputs": {"text": "not a number"}}
    job = stage.finish(stage.submit(graph))
    assert {o["type"] for o in job["outputs"]} == {"image", "text"}
    assert next(o["text"] for o in job["outputs"] if o["type"] == "text") == "not a number"


def test_fault_30_no_outputs(stages):
    """It ran to its end and left nothing that we understand: failed, no_outputs, not a success without pictures."""
    stage = stages()
    job = stage.finish(stage.submit(graphs.lists(json.dumps({"odd": [1, 2.5, None], "images": "none"}))), "failed")
    assert job["error"]["code"] == "no_outputs"


def test_fault_30_own_prompt_id_is_ignored(stages):
    """Servers before 0.3.44 choose the prompt id themselves: theirs is taken over."""
    stage = stages(sim={"comfyui_version": "0.3.40"})
    jobs = [stage.submit(graphs.steps(5, ms=40)) for _ in range(2)]
    for job in jobs:
        assert stage.finish(job)["attempt"] == 1
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
