"""What the adapter's connections survive: each fault of the Gateway, of REST, of files and of comfygate's stream, once."""
import os
import signal
import time

import pytest

from adapter import wait_for
from discord import File

GATEWAY_FAULTS = [
    ("op1", {}), ("op7", {}), ("op9", {"resumable": True}), ("op9", {"resumable": False}), ("drop", {}),
    ("half_frame", {}), ("junk", {}), ("unknown_op", {}), ("unknown_event", {}),
    *(("close", {"code": code}) for code in (4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009, 1001, 1012)),
]
CALLBACK = "/callback"


@pytest.fixture
def png(chat):
    return chat.made().files()[0].data


@pytest.mark.parametrize("name, params", GATEWAY_FAULTS,
                         ids=[name + "_".join(["", *map(str, params.values())]) for name, params in GATEWAY_FAULTS])
def test_of_the_open_gateway(chat, name, params):
    takes_time = name == "op9" or params.get("code") in (4007, 4009)
    chat.fake.fault(name, at="now", **params)
    if takes_time:  # longer than a user's 3 seconds, by Discord's own rules
        wait_for(lambda: [entry for entry in chat.fake.connections()[1:] if entry["identify"] or entry["resume"]])
        chat.fake.wait_ready()
    asked = chat.generate()
    asked.wait_answer(10)
    assert asked.final().files()


@pytest.mark.parametrize("name, params", [
    ("refuse", {"status": 503}), ("drop", {"at": "hello"}), ("drop", {"at": "identify"}), ("op9", {"at": "identify"}),
    ("close", {"at": "hello", "code": 4000}), ("big_ready", {}), ("junk", {"at": "hello"}), ("op1", {"at": "ready"}),
    ("unknown_op", {"at": "ready"}),
], ids=lambda value: value if isinstance(value, str) else str(value.get("at", "")))
def test_of_the_gateway_at_the_start(chats, name, params):
    chat = chats(start=False)
    chat.fake.fault(name, **params)
    chat.adapter.start(wait=False)
    wait_for(chat.fake.commands, what="the registration")
    chat.fake.wait_ready()
    assert chat.made().files()


def test_identify_exhausted(chats):
    chat = chats(start=False)
    chat.fake.fault("identify_exhausted", reset_after=2500)
    begun = time.monotonic()
    chat.adapter.start(wait=False)
    wait_for(chat.fake.commands, timeout=40, what="the registration")
    assert time.monotonic() - begun > 2.4
    assert chat.made().files()


@pytest.mark.patient
def test_no_hello(chats):
    chat = chats(start=False)
    chat.fake.fault("no_hello")
    chat.adapter.start(wait=False)
    wait_for(chat.fake.commands, timeout=40, what="the registration")
    assert chat.made().files()


def test_no_ack_is_a_zombie(chats):
    chat = chats(start=False)
    chat.fake.setting("interval_ms", 400)
    chat.adapter.start()
    chat.fake.fault("no_ack", count=2)
    wait_for(lambda: [entry for entry in chat.fake.connections() if entry["resume"]], what="the RESUME")
    assert chat.fake.connections()[0]["client_close"] == 4000
    assert chat.made().files()


@pytest.mark.parametrize("name", ["duplicate_interaction", "unknown_type", "missing_data"])
def test_odd_interactions(chat, name):
    chat.fake.fault(name)
    asked = chat.generate()
    asked.wait_answer()
    assert asked.final().files() and len(chat.jobs()) == 1


def test_replayed_interactions_are_one_job(chat):
    asked = chat.generate()
    asked.wait_answer()
    asked.final()
    chat.fake.fault("replay_interaction")
    chat.fake.fault("op7", at="now")
    wait_for(lambda: chat.adapter.events("interaction_repeated"), what="the replay")
    other = chat.generate()
    other.wait_answer(10)
    other.final()
    assert len(chat.jobs()) == 2 and len(asked.messages()) == 1


@pytest.mark.patient
def test_rest_is_away_at_the_start(chats):
    chat = chats(start=False)
    chat.fake.kill_rest()
    chat.adapter.start(wait=False)
    wait_for(lambda: "gateway_url_failed" in chat.adapter.log(), timeout=40)
    chat.fake.start_rest()
    wait_for(chat.fake.commands, timeout=30, what="the registration")
    assert chat.made().files()


@pytest.mark.parametrize("name, params", [
    ("limited", {"retry_after": 0.4}), ("limited", {"retry_after": 1, "json": False}),
    ("limited", {"retry_after": 0.3, "scope": "shared"}), ("limited", {"retry_after": 0.3, "scope": "global"}),
    ("remaining_0", {"reset_after": 0.7}), ("status", {"status": 500}), ("status", {"status": 502, "done": True}),
    ("status", {"status": 503}), ("reset", {}), ("reset", {"done": True}), ("slow", {"seconds": 1}),
], ids=lambda value: value if isinstance(value, str) else "_".join(map(str, value.values())))
def test_edits_of_the_message(chat, name, params):
    chat.fake.fault(name, count=3, route="@original", **params)
    asked = chat.generate()
    asked.wait_answer()
    assert asked.final().files()
    assert len([message for message in asked.messages() if not message.deleted]) == 1


@pytest.mark.parametrize("name, params", [
    ("reset", {}), ("reset", {"done": True}), ("status", {"status": 500}), ("status", {"status": 500, "done": True}),
    ("slow", {"seconds": 1}), ("html", {"status": 502}), ("unknown_interaction", {}), ("hang", {"seconds": 4}),
    ("hang", {"seconds": 4, "done": True}),
], ids=lambda value: value if isinstance(value, str) else "_".join(map(str, value.values())))
def test_the_first_answer_is_lost(chat, name, params):
    """The job is on disk by then: its picture still comes, once."""
    chat.fake.allow("LATE_ANSWER", "UNANSWERED")
    chat.fake.fault(name, route=CALLBACK, **params)
    chat.generate()
    wait_for(lambda: [job for job in chat.jobs() if job["metadata"].get("discord.state") == "delivered"], what="delivery")
    shown = [message for message in chat.fake.messages(chat.channel) if message.files() and not message.deleted]
    assert len(shown) == 1


def test_thinking_when_comfygate_hangs(chats):
    """1.2 s after the command at the latest, whatever comfygate does."""
    chat = chats()
    os.kill(chat.gateway.pid, signal.SIGSTOP)
    try:
        asked = chat.generate()
        answer = asked.wait_answer()
        assert answer["type"] == 5 and 1.0 < answer["after"] < 2.0
    finally:
        os.kill(chat.gateway.pid, signal.SIGCONT)
    assert asked.final().files()


@pytest.mark.parametrize("name, params, words", [
    ("cdn_expired", {}, "does not have this file any more"), ("cdn_expired", {"status": 403}, "any more"),
    ("cdn_redirect", {"url": "http://127.0.0.1:9/"}, "could not be fetched"), ("cdn_html", {}, "cannot be used"),
    ("cdn_huge", {}, "too large"),
], ids=lambda value: value if isinstance(value, str) else "_".join(map(str, value.values())))
def test_files_of_the_cdn(chat, png, name, params, words):
    chat.fake.fault(name, **params)
    asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": File("in.png", png)})
    asked.wait_answer()
    asked.wait_message(lambda message: words in message.text(), timeout=20)
    assert len(chat.jobs()) == 1  # the one that made the picture


def test_a_file_that_is_cut_is_fetched_again(chat, png):
    chat.fake.fault("cdn_cut", bytes=20)
    asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": File("in.png", png)})
    asked.wait_answer()
    assert asked.final().files()


def test_the_stream_comes_back(chat):
    """comfygate is killed while a job waits: its end is heard by the stream of the next one."""
    asked = chat.generate()
    asked.wait_answer()
    chat.gateway.kill()
    chat.gateway.start()
    assert asked.final(60).files()
    assert len([message for message in asked.messages() if not message.deleted]) == 1


def test_a_revoked_token_stops_everything(chat):
    chat.fake.allow("BAD_TOKEN", "ON_AFTER_401", "UNANSWERED", "LATE_ANSWER")
    chat.fake.fault("unauthorized", count=None)
    chat.fake.fault("webhook_gone", count=None)
    chat.generate()
    assert chat.adapter.wait_exit(60) == 3
    assert len([entry for entry in chat.fake.requests() if entry["status"] == 401]) <= 2
