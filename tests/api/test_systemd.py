"""What the service manager hears of comfygate: ready, a status for people, beats of its heart, and that it stops."""
import platform

import pytest

from gateway import Gateway
from service_manager import Frozen, ServiceManager, engine_in_poll
from stage import eventually

WATCHDOG_MS = 600


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A factory: a gateway that is not started yet, and who listens to it."""
    built = []

    def build(watchdog_ms=None, **options):
        manager = ServiceManager(watchdog_ms)
        for name, value in manager.environment.items():
            monkeypatch.setenv(name, value)
        gateway = Gateway(tmp_path / "data", **options)
        built.append((gateway, manager))
        return gateway, manager

    yield build
    for gateway, manager in built:
        gateway.stop()
        manager.__exit__()


def test_ready_status_stopping(watched, stages):
    stage = stages()
    gateway, manager = watched(backends=f"gpu0={stage.sim.url},gone=http://127.0.0.1:9")
    gateway.start()
    manager.wait_for("READY=1")
    assert gateway.request("GET", "/livez").status == 200
    manager.wait_for(f"STATUS=serving at {gateway.url}, 1 of 2 ComfyUI up")
    assert not any(line.startswith("WATCHDOG") for line in manager.heard), "nobody has asked for beats"
    stage.sim.kill9()
    manager.wait_for(f"STATUS=serving at {gateway.url}, 0 of 2 ComfyUI up")
    assert gateway.stop() == 0
    manager.wait_for("STOPPING=1")
    assert manager.heard[-1] == "STATUS=stopping"


def test_status_of_a_paused_queue(watched):
    gateway, manager = watched()
    gateway.start()
    manager.wait_for("STATUS=serving at")
    assert gateway.request("POST", "/v1/queue/pause").status < 300
    assert manager.wait_for(f"STATUS=serving at {gateway.url}, 0 of 1 ComfyUI up, the queue is paused")


def test_not_ready_when_it_cannot_start(watched, tmp_path):
    gateway, manager = watched()
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(AssertionError, match="did not start"):
        gateway.start()
    assert manager.count("READY=1", during=0.2) == 0


def test_starts_without_anybody_who_listens(watched):
    """A socket that is gone keeps nothing from starting, running, or stopping."""
    gateway, manager = watched(watchdog_ms=100)
    manager.__exit__()
    gateway.start()
    assert gateway.request("GET", "/livez").status == 200
    assert gateway.stop() == 0


def test_beats_come_three_times_in_a_span(watched):
    gateway, manager = watched(WATCHDOG_MS)
    gateway.start()
    manager.wait_for("WATCHDOG=1")
    seconds = 2
    beats = manager.count("WATCHDOG=1", during=seconds)
    wanted = seconds * 3000 / WATCHDOG_MS
    assert wanted / 2 <= beats <= wanted + 1, beats


@pytest.mark.skipif(platform.machine() != "x86_64", reason="finds the thread by a number of x86-64's system calls")
def test_a_hung_engine_beats_no_more(watched):
    """HTTP still answers; the beats are the engine's own, so they stop, and come again when it goes on."""
    gateway, manager = watched(WATCHDOG_MS)
    gateway.start()
    manager.wait_for("WATCHDOG=1")
    engine = eventually(lambda: engine_in_poll(gateway.pid))
    with Frozen(engine):
        assert manager.count("WATCHDOG=1", during=1.5 * WATCHDOG_MS / 1000) == 0
        assert gateway.request("GET", "/livez").status == 200
    assert manager.count("WATCHDOG=1", during=WATCHDOG_MS / 1000) >= 1


def test_beats_under_another_process_id_are_not_ours(watched, monkeypatch):
    """WATCHDOG_PID names who is to beat: a parent that passes its environment on has not asked us."""
    gateway, manager = watched(100)
    monkeypatch.setenv("WATCHDOG_PID", "1")
    gateway.start()
    manager.wait_for("READY=1")
    assert manager.count("WATCHDOG=1", during=0.5) == 0
