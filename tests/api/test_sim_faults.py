"""Every fault of comfy-sim does what its name says. The gateway's tests build on them."""

from __future__ import annotations

import itertools
import sys
import time
import urllib.error
import uuid
from http.client import IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Iterator, List

import aiohttp
import pytest

from sim import Sim, graph_image, graph_node, graph_sleep, graph_steps, graph_tiny, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comfy_sim.listener import Listener  # noqa: E402

LOST = (urllib.error.URLError, ConnectionError, RemoteDisconnected)
LABELS = ["status", "execution_start", "execution_cached", "executing", "progress", "executed", "final", "done"]


@pytest.fixture(scope="module")
def server() -> Iterator[Sim]:
    with Sim(step_ms=2) as sim:
        yield sim


@pytest.fixture
def sim(server: Sim) -> Iterator[Sim]:
    yield server
    server.restart()
    server.clear_faults()


def run(sim: Sim, listener: Listener, graph: dict) -> str:
    prompt_id = sim.submit(graph, client_id="test")
    listener.wait_for("done")
    return prompt_id


def view_path(sim: Sim, prompt_id: str) -> str:
    file = sim.history(prompt_id)["outputs"]["2"]["images"][0]
    return f"/view?filename={file['filename']}&subfolder={file['subfolder']}&type={file['type']}"


def test_plan_is_checked(sim: Sim) -> None:
    assert sim.request("POST", "/sim/faults", {"no_such_fault": 1}).status == 400
    assert sim.request("POST", "/sim/faults", [1]).status == 400
    sim.faults({"view_404": {"count": 1, "after": 2}})
    assert sim.faults_seen()["view_404"][0]["struck"] == 0


def test_count_after_and_match(sim: Sim) -> None:
    sim.faults({"prompt_refuse": {"status": 400, "count": 1, "after": 1, "match": "needle"}})
    statuses = [sim.request("POST", "/prompt", {"prompt": graph_tiny(), "extra_data": {"job": word}}).status
                for word in ("hay", "needle", "hay", "needle", "needle")]
    assert statuses == [200, 200, 200, 400, 200]


def test_ws_drop_after_messages(sim: Sim) -> None:
    sim.faults({"ws_drop_after": {"messages": 3, "count": 1}})
    with Listener(sim.url) as listener:
        sim.submit(graph_tiny(), client_id="test")
        listener.wait_closed()
        assert listener.close_code == 1006 and len(listener.messages) == 3
    with Listener(sim.url) as listener:
        run(sim, listener, graph_tiny())


@pytest.mark.parametrize("mode,code", [("abort", 1006), ("close", 1000)])
def test_ws_drop_at_event(sim: Sim, mode: str, code: int) -> None:
    sim.faults({"ws_drop_after": {"event": "executed", "mode": mode, "count": 1}})
    with Listener(sim.url) as listener:
        sim.submit(graph_tiny(), client_id="test")
        listener.wait_closed()
        assert listener.types()[-1] == "executed" and listener.close_code == code


def test_ws_refuse(sim: Sim) -> None:
    sim.faults({"ws_refuse": [{"status": 403, "count": 1}, {"status": "reset", "count": 1}]})
    with pytest.raises(aiohttp.WSServerHandshakeError):
        Listener(sim.url)
    with pytest.raises(aiohttp.ClientError):
        Listener(sim.url)
    with Listener(sim.url) as listener:
        assert listener.types() == [] or listener.types() == ["status"]
    assert sim.log()["ws_refused"] >= 2


def test_ws_swallow(sim: Sim) -> None:
    sim.faults({"ws_swallow": {"types": ["executed", "preview"]}})
    with Listener(sim.url) as listener:
        run(sim, listener, graph_steps(previews=True))
        assert not {"executed", "binary"} & set(listener.types())
    sim.faults({"ws_swallow": "all"})
    with Listener(sim.url, client_id="deaf") as listener:
        sim.history(sim.submit(graph_tiny(), client_id="deaf"))
        assert listener.messages == [] and listener.open


def test_ws_duplicate(sim: Sim) -> None:
    sim.faults({"ws_duplicate": {"types": ["execution_success"]}})
    with Listener(sim.url) as listener:
        run(sim, listener, graph_tiny())
        assert listener.types().count("execution_success") == 2


def test_ws_delay_holds_everything_behind_it(sim: Sim) -> None:
    sim.faults({"ws_delay_ms": {"ms": 300, "types": ["execution_start"]}})
    with Listener(sim.url) as listener:
        begun = time.monotonic()
        prompt_id = sim.submit(graph_tiny(), client_id="test")
        sim.history(prompt_id, timeout=0.25)
        listener.wait_for("done")
        assert time.monotonic() - begun > 0.3


def order_of_labels(types: List[str]) -> List[str]:
    """First appearances, without the status that greets a connection."""
    names = ["final" if each == "execution_success" else "progress" if each == "progress_state" else each
             for each in types[1:]]
    return [label for label, _ in itertools.groupby(names)]


@pytest.mark.parametrize("order", [list(reversed(range(8))), [7, 0, 6, 1, 5, 2, 4, 3], LABELS])
def test_ws_reorder(sim: Sim, order: list) -> None:
    sim.faults({"ws_reorder": {"order": order}})
    with Listener(sim.url) as listener:
        sim.submit(graph_steps(steps=2), client_id="test")
        wanted = [LABELS[label] if isinstance(label, int) else label for label in order]
        listener.wait(lambda one: set(order_of_labels(one.types())) == set(LABELS)
                      and order_of_labels(one.types())[-1] == wanted[-1])
        got = order_of_labels(listener.types())
        # the two status messages of the POST and the pop come before the prompt is known
        assert got[got[0] == "status" and wanted[0] != "status":] == wanted


def test_ws_only(sim: Sim) -> None:
    sim.faults({"ws_only": {"labels": ["execution_start", "done"]}})
    with Listener(sim.url) as listener:
        run(sim, listener, graph_tiny())
        assert set(listener.types()) == {"status", "execution_start", "done"}


def test_ws_junk(sim: Sim) -> None:
    sim.faults({"ws_junk": [{"text": "{not json", "count": 1}, {"hex": "00000009ff", "count": 1}]})
    with Listener(sim.url) as listener:
        sim.submit(graph_tiny(), client_id="test")
        sim.submit(graph_tiny(), client_id="test")
        listener.wait_for("done", 2)
        assert listener.types().count("junk") == 1
        assert {"type": "binary", "data": bytes.fromhex("00000009ff")} in listener.messages


def test_history_late_keeps_the_job_running(sim: Sim) -> None:
    sim.faults({"history_late_ms": 300})
    with Listener(sim.url) as listener:
        prompt_id = sim.submit(graph_tiny(), client_id="test")
        listener.wait_for("execution_success")
        assert sim.get(f"/history/{prompt_id}") == {}
        assert [item[1] for item in sim.get("/queue")["queue_running"]] == [prompt_id]
        listener.wait_for("done")
        assert prompt_id in sim.get(f"/history/{prompt_id}")


def test_history_late_in_neither(sim: Sim) -> None:
    sim.faults({"history_late_ms": {"ms": 300, "keep_in_queue": False}})
    with Listener(sim.url) as listener:
        prompt_id = run(sim, listener, graph_tiny())
        assert sim.get(f"/history/{prompt_id}") == {} and sim.get("/queue")["queue_running"] == []
        sim.history(prompt_id)


def test_history_forget(sim: Sim) -> None:
    sim.faults({"history_forget": {"count": 1}})
    with Listener(sim.url) as listener:
        assert sim.get(f"/history/{run(sim, listener, graph_tiny())}") == {}
    kept = sim.submit(graph_tiny())
    sim.history(kept)
    sim.forget(kept)
    assert sim.get(f"/history/{kept}") == {}


def test_http_fail_status_and_cut(sim: Sim) -> None:
    sim.faults({"http_fail": [{"path": "/queue", "status": 503, "count": 1}, {"path": "/history", "mode": "reset"},
                              {"path": "/prompt", "mode": "close", "method": "GET"}]})
    assert [sim.request("GET", path).status for path in ("/api/queue", "/queue")] == [503, 200]
    for path in ("/history", "/api/history/x", "/prompt"):
        with pytest.raises(LOST):
            sim.request("GET", path)
    assert sim.request("POST", "/prompt", {"prompt": graph_tiny()}).status == 200


def test_http_hang_and_delay(sim: Sim) -> None:
    sim.faults({"http_hang": {"path": "/queue", "ms": 200}, "http_delay": {"path": "/features", "ms": 200}})
    begun = time.monotonic()
    with pytest.raises(LOST):
        sim.request("GET", "/queue")
    assert sim.request("GET", "/features").status == 200
    assert time.monotonic() - begun > 0.4


def test_reply_lost(sim: Sim) -> None:
    sim.faults({"prompt_reply_lost": {"count": 1}})
    prompt_id = str(uuid.uuid4())
    with pytest.raises(LOST):
        sim.submit(graph_tiny(), prompt_id)
    sim.history(prompt_id)
    assert sim.posts()[-1]["status"] == "cut" and sim.posts()[-1]["prompt_id"] == prompt_id


def test_reply_lost_before(sim: Sim) -> None:
    sim.faults({"prompt_reply_lost_before": {"count": 1}})
    prompt_id = str(uuid.uuid4())
    with pytest.raises(LOST):
        sim.submit(graph_tiny(), prompt_id)
    sim.submit(graph_tiny())
    sim.wait_idle()
    assert sim.get(f"/history/{prompt_id}") == {}


def test_refused_prompt_and_node_errors_with_200(sim: Sim) -> None:
    sim.faults({"prompt_refuse": {"status": 400, "type": "invalid_prompt", "count": 1}})
    refused = sim.request("POST", "/prompt", {"prompt": graph_tiny()})
    assert refused.status == 400 and refused.json()["error"]["type"] == "invalid_prompt"
    sim.faults({"node_errors_with_200": True})
    accepted = sim.request("POST", "/prompt", {"prompt": graph_tiny()})
    assert accepted.status == 200 and accepted.json()["node_errors"]["99"]["errors"]


def test_view_faults(sim: Sim) -> None:
    prompt_id = sim.submit(graph_tiny())
    path = view_path(sim, prompt_id)
    sim.faults({"view_404": {"count": 1}, "view_truncate": {"bytes": 20, "count": 1}})
    assert sim.request("GET", path).status == 404
    with pytest.raises(IncompleteRead):
        sim.request("GET", path)
    assert sim.request("GET", path).body.startswith(b"\x89PNG")


def test_upload_fail(sim: Sim) -> None:
    sim.faults({"upload_fail": {"status": 507}})
    assert sim.request("POST", "/upload/image", b"x").status == 507


def test_worker_dies_with_a_prompt(sim: Sim) -> None:
    sim.faults({"worker_dead": {"count": 1}})
    first, second = sim.submit(graph_tiny()), sim.submit(graph_tiny())
    wait_until(lambda: not sim.log()["worker_alive"])
    assert sim.get(f"/history/{first}") == {} and sim.request("GET", "/system_stats").status == 200
    sim.revive_worker()
    sim.history(second)


def test_killed_worker_leaves_the_queue(sim: Sim) -> None:
    sim.kill_worker()
    prompt_id = sim.submit(graph_tiny())
    time.sleep(0.1)
    queue = sim.get("/queue")
    assert queue["queue_running"] == [] and [item[1] for item in queue["queue_pending"]] == [prompt_id]
    sim.revive_worker()
    sim.history(prompt_id)


@pytest.mark.parametrize("graph", [graph_tiny(), graph_node("SimHang")])
def test_never_ending_prompt_ignores_interrupts(sim: Sim, graph: dict) -> None:
    sim.faults({"never_end": {"count": 1}})
    prompt_id = sim.submit(graph)
    wait_until(lambda: sim.get("/queue")["queue_running"])
    sim.request("POST", "/interrupt", {"prompt_id": prompt_id})
    time.sleep(0.15)
    assert [item[1] for item in sim.get("/queue")["queue_running"]] == [prompt_id]


def test_interrupt_lost(sim: Sim) -> None:
    sim.faults({"interrupt_lost": {"count": 1}})
    with Listener(sim.url) as listener:
        prompt_id = sim.submit(graph_steps(steps=100, ms=20), client_id="test")
        listener.wait_for("progress")
        assert sim.request("POST", "/interrupt", {"prompt_id": prompt_id}).status == 200
        listener.wait_for("progress", listener.types().count("progress") + 2)
        sim.request("POST", "/interrupt", {"prompt_id": prompt_id})
        listener.wait_for("execution_interrupted")


@pytest.mark.parametrize("phase", ["accepted", "start", "progress", "executed", "success", "end"])
def test_crash_at_by_restart(sim: Sim, phase: str) -> None:
    lives = sim.log()["lives"]
    sim.faults({"crash_at": {"phase": phase, "mode": "restart", "down_ms": 50, "count": 1}})
    try:
        sim.submit(graph_steps(steps=2, ms=1))
    except LOST:
        pass
    wait_until(lambda: sim.log()["lives"] == lives + 1)
    assert sim.get("/history") == {} and sim.get("/prompt")["exec_info"]["queue_remaining"] == 0
    sim.history(sim.submit(graph_tiny()))


def test_crash_at_view(sim: Sim) -> None:
    path = view_path(sim, sim.submit(graph_tiny()))
    lives = sim.log()["lives"]
    sim.faults({"crash_at": {"phase": "view", "mode": "restart", "count": 1}})
    with pytest.raises(LOST):
        sim.request("GET", path)
    wait_until(lambda: sim.log()["lives"] == lives + 1)


def test_crash_at_by_kill(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with Sim(faults={"crash_at": {"phase": "success"}}, log_file=log_file) as sim:
        prompt_id = sim.submit(graph_steps(steps=10, ms=20), extra_data={"job": 7})
        # It takes long enough for the answer to leave before the end.
        wait_until(lambda: not sim.alive)
        lines = sim.log_lines()
        assert [line["event"] for line in lines] == ["accepted", "started", "crash"]
        assert lines[0]["prompt_id"] == prompt_id and lines[0]["extra_data"]["job"] == 7
        port, url = sim.port, sim.url
        sim.kill9()
        sim.start()
        assert (sim.port, sim.url) == (port, url) and sim.get("/history") == {}


def test_restart_refuses_then_knows_nothing(sim: Sim) -> None:
    with Listener(sim.url) as listener:
        prompt_id = sim.submit(graph_steps(steps=1000, ms=20), client_id="test")
        pending = sim.submit(graph_tiny())
        listener.wait_for("progress")
        begun = time.monotonic()
        sim.restart(down_ms=200, wait=False)
        listener.wait_closed()
        assert listener.close_code == 1006
        sim.log()
        assert time.monotonic() - begun > 0.2
    assert sim.get("/queue") == {"queue_running": [], "queue_pending": []}
    assert sim.request("POST", "/prompt", {"prompt": graph_tiny()}).json()["number"] == 0
    results = {prompt["prompt_id"]: prompt["result"] for prompt in sim.prompts()}
    assert results[prompt_id] == results[pending] == "lost"


def test_big_messages(sim: Sim) -> None:
    sim.faults({"big_preview": {"bytes": 6 << 20, "count": 1}, "big_message": {"mib": 9, "count": 1}})
    with Listener(sim.url) as listener:
        run(sim, listener, graph_steps(previews=True))
        assert max(len(each["data"]) for each in listener.messages if each["type"] == "binary") >= 6 << 20
        assert max(len(each["data"].get("text", "")) for each in listener.messages
                   if each["type"] == "sim_text") == 9 << 20


def test_progress_storm(sim: Sim) -> None:
    sim.faults({"progress_storm": 500})
    with Listener(sim.url) as listener:
        run(sim, listener, graph_tiny())
        assert listener.types().count("progress") == 500


def test_foreign_jobs_take_their_turn(sim: Sim) -> None:
    ids = sim.foreign(count=2, steps=3, ms=5)
    own = sim.submit(graph_tiny())
    sim.history(own)
    assert [prompt["prompt_id"] for prompt in sim.prompts()][-3:] == [*ids, own]
    assert sim.get(f"/history/{ids[0]}")[ids[0]]["prompt"][3]["client_id"] == "foreign"


def test_cleared_queue(sim: Sim) -> None:
    sim.submit(graph_sleep(300))
    pending = sim.submit(graph_tiny())
    sim.request("POST", "/queue", {"clear": True})
    sim.wait_idle()
    assert sim.get(f"/history/{pending}") == {}
    assert {prompt["prompt_id"]: prompt["result"] for prompt in sim.prompts()}[pending] == "deleted"


def test_ws_drop_by_admin(sim: Sim) -> None:
    with Listener(sim.url, "one") as one, Listener(sim.url, "two") as two:
        assert sim.ws_drop("one") == 1
        one.wait_closed()
        assert two.open
    wait_until(lambda: sim.log()["ws_open"] == 0)
    closes = {close["client_id"]: close for close in sim.log()["ws_closes"]}
    assert closes["two"]["close_frame"] and not closes["one"]["close_frame"]


def test_speed(sim: Sim) -> None:
    sim.speed(steps=3, step_ms=1)
    with Listener(sim.url) as listener:
        run(sim, listener, graph_image(steps=20, width=64, height=64))
        assert [each["data"]["max"] for each in listener.messages if each["type"] == "progress"] == [3, 3, 3]
    sim.speed(steps=None, step_ms=2)


def test_thousand_jobs_are_quick(sim: Sim) -> None:
    begun = time.monotonic()
    for _ in range(300):
        sim.submit(graph_tiny())
    sim.wait_idle()
    assert time.monotonic() - begun < 3
