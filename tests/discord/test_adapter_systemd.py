"""What the service manager hears of comfygate-discord."""
import pytest

from service_manager import ServiceManager

WATCHDOG_MS = 600


@pytest.fixture
def watched(chats, monkeypatch):
    """(chat, manager): the chat's adapter is not started, and only what starts from now on is heard."""
    chat = chats(start=False)
    with ServiceManager(WATCHDOG_MS) as manager:
        for name, value in manager.environment.items():
            monkeypatch.setenv(name, value)
        yield chat, manager


def test_ready_status_beats_stopping(watched):
    chat, manager = watched
    chat.adapter.start()
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=connected to Discord")
    seconds = 1.5
    beats = manager.count("WATCHDOG=1", during=seconds)
    wanted = seconds * 3000 / WATCHDOG_MS
    assert wanted / 2 <= beats <= wanted + 2, beats
    assert chat.adapter.stop() == 0
    manager.wait_for("STOPPING=1")


def test_status_without_discord_and_without_comfygate(watched):
    chat, manager = watched
    chat.adapter.start(wait=False, api_base="http://127.0.0.1:9", url="http://127.0.0.1:9")
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=not connected to Discord, comfygate is not reached")


def test_no_ready_with_settings_that_cannot_be(watched):
    chat, manager = watched
    chat.adapter.start(wait=False, shard="nonsense")
    assert chat.adapter.wait_exit() == 2
    assert manager.count("READY=1", during=0.2) == 0
