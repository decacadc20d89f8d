"""Is the fake a fair Discord? A bot on python3-discord, which was made for the real one, lives with it."""
import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from discord import File
from place import fakes  # noqa: F401  (a fixture)

PEER = Path(__file__).resolve().parent / "peer" / "bot.py"


@pytest.fixture
def peer(fakes, tmp_path):
    fake = fakes(check_answers=True)
    # its own ways, which Discord takes: no comma before the version, tts of an edit, payload_json without a type
    fake.allow("USER_AGENT", "UNKNOWN_PROPERTY", "PART_TYPE")
    log = open(tmp_path / "peer.log", "wb")
    process = subprocess.Popen(["/usr/bin/python3", str(PEER), fake.rest_url, fake.gateway_url, fake.token],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        fake.wait_ready()
        yield fake
        assert process.poll() is None
        strange = [item["text"] for item in fake.call("breaches") if item["rule"] == "UNKNOWN_PROPERTY"]
        assert all("tts: UNKNOWN_PROPERTY" in text for text in strange), strange
    finally:
        process.kill()
        process.wait()
        log.close()
        print((tmp_path / "peer.log").read_text())


@pytest.fixture
def home(peer):
    peer.home = peer.guild("Home")
    peer.place = peer.channel(peer.home)
    peer.anna = peer.user("Anna", peer.home)
    return peer


def picture():
    out = io.BytesIO()
    Image.new("RGB", (20, 10), (1, 2, 3)).save(out, "PNG")
    return File("a.png", out.getvalue())


def test_it_logs_in_and_registers(peer):
    assert set(peer.commands()) == {"draw", "Repeat"}
    assert peer.connections()[0]["query"].count("compress=zlib-stream") == 1


def test_it_answers_edits_follows_up_and_posts(home):
    asked = home.command(home.anna, home.place, "draw", prompt="a lighthouse", picture=picture())
    assert asked.wait_answer()["type"] == 5
    message = asked.wait_message(lambda message: message.content == "drawn: a lighthouse")
    assert message.files()[0].data == picture().data and message.labels() == ["Again", "Change"]
    assert asked.wait_message(lambda message: message.content == "and more").ephemeral
    home.wait_until(lambda: any(item.content == "edited by the bot" for item in home.messages(home.place)))


def test_its_buttons_selects_and_forms(home):
    asked = home.command(home.anna, home.place, "draw", prompt="x")
    message = asked.wait_message(lambda message: message.buttons())
    home.press(home.anna, message, "Again").wait_answer()
    home.wait_until(lambda: message.refresh().content == "again")
    chosen = home.select(home.anna, message, "One")
    assert chosen.wait_answer()["data"]["content"] == "chosen 1" and chosen.message().ephemeral
    changing = home.press(home.anna, message, "Change")
    assert changing.modal()["title"] == "Change it"
    home.submit_modal(home.anna, changing, {changing.modal()["components"][0]["components"][0]["custom_id"]: "new"})
    home.wait_until(lambda: message.refresh().content == "changed to new")


def test_its_menu_its_choices_and_its_direct_messages(home):
    post = home.post(home.anna, home.place, "hello")
    asked = home.context_menu(home.anna, post, "Repeat")
    assert asked.wait_answer()["data"]["content"] == "repeat: hello"
    typing = home.autocomplete(home.anna, home.place, "draw", "prompt", "light")
    assert typing.choices() == [{"name": "lighthouse", "value": "lighthouse"}]
    asked = home.command(home.anna, home.dm(home.anna), "draw", prompt="private")
    asked.wait_message(lambda message: message.content == "drawn: private")


@pytest.mark.parametrize("name, more", [("op7", {}), ("drop", {}), ("close", {"code": 4000})])
def test_it_resumes(home, name, more):
    assert home.fault(name, **more) == 1
    home.wait_until(lambda: any(item["resume"] for item in home.connections()), 15)
    home.command(home.anna, home.place, "draw", prompt="after").wait_answer()
    assert home.connections()[-1]["url"] == "resume"


def test_it_begins_anew_after_op_9(home):
    home.setting("identify_every", 0)
    home.fault("op9")
    home.wait_until(lambda: sum(1 for item in home.connections() if item["identify"]) == 2, 20)
    home.command(home.anna, home.place, "draw", prompt="after").wait_answer()


def test_it_waits_when_it_is_limited(home):
    home.fault("limited", route="PATCH /webhooks", retry_after=0.5)
    asked = home.command(home.anna, home.place, "draw", prompt="x")
    asked.wait_message(lambda message: message.content == "drawn: x")
    assert home.count_429() == 1
