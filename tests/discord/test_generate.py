"""A chat user asks for pictures, and gets them: the story that comfygate was made for, and its neighbours."""
import re

import pytest

from adapter import wait_for
from discord import File

PNG = b"\x89PNG"


def states(asked):
    return [step["message"] for step in asked.edits]


def texts(asked):
    return [" ".join(filter(None, [embed.get("title"), embed.get("description")]))
            for message in states(asked) for embed in message["embeds"]]


def test_a_picture(chat):
    asked = chat.generate(prompt="a *lighthouse* by @everyone", seed="18446744073709551615")
    asked.wait_answer()
    final = asked.final()
    assert final.files()[0].data.startswith(PNG)
    assert "18446744073709551615" in final.text()
    assert "\\*lighthouse\\*" in final.text() and "@everyone" not in final.text()
    job = chat.jobs()[0]
    assert job["status"] == "succeeded" and job["input"]["prompt"] == "a *lighthouse* by @everyone"
    assert {"Vary", "Run again", "Change and run", "Show settings", "Delete", "Upscale", "Edit", "Animate"} <= set(final.labels())
    wait_for(lambda: chat.jobs()[0]["metadata"].get("discord.state") == "delivered")
    assert "discord.token" not in chat.jobs()[0]["metadata"]
    assert len([message for message in asked.messages() if not message.deleted]) == 1


def test_it_is_on_disk_before_it_is_told(chat):
    asked = chat.generate()
    asked.wait_answer()
    assert len(chat.jobs()) == 1


def test_what_is_seen_meanwhile(chat):
    asked = chat.generate(steps=20, pause=150)
    asked.wait_answer()
    asked.final()
    seen = texts(asked)
    assert any("In the making" in text for text in seen)
    assert any(re.search(r"\d+ %", text) for text in seen) and any("step" in text for text in seen)
    assert any(message["attachments"] or any(embed.get("image") for embed in message["embeds"])
               for message in states(asked)[:-1]), "no preview was shown"


def test_concurrent(chat):
    """The story: two at once, and nobody needs a third."""
    first = chat.generate(chat.anna, prompt="first", steps=10, pause=400)
    second = chat.generate(chat.ben, prompt="second", steps=10, pause=400)
    first.wait_answer()
    second.wait_answer()
    for asked, prompt in ((first, "first"), (second, "second")):
        final = asked.final()
        assert prompt in final.text() and len(final.files()) == 1
        assert any("In the making" in text for text in texts(asked))
    assert any("queue" in text for text in texts(second))


def test_rapid_fire(chat):
    asked = [chat.generate(prompt=f"picture {n}", steps=2, pause=10) for n in range(5)]
    finals = [each.final() for each in asked]
    for n, final in enumerate(finals):
        assert f"picture {n}" in final.text()
    ends = [next(step["at"] for step in each.edits if step["message"]["attachments"] or any(
        embed.get("image") for embed in step["message"]["embeds"] if "Making" not in str(embed))) for each in asked]
    assert len(ends) == 5
    assert len(chat.jobs()) == 5


def test_ten_users(chats):
    chat = chats(adapter={"jobs_at_once": 0})
    users = [chat.fake.user(f"user {n}", chat.guild) for n in range(10)]
    channels = [chat.fake.channel(chat.guild, f"channel {n}") for n in range(5)]
    asked = [(user, chat.generate(user, channels[n % 5], prompt=f"{n} of {user}", steps=1, pause=1))
             for n in range(5) for user in users]
    for n, (user, each) in enumerate(asked):
        final = each.final(timeout=90)
        assert f"{n // 10} of {user}" in final.text() and len(final.files()) == 1
        assert len([message for message in each.messages() if not message.deleted]) == 1
    assert len(chat.jobs()) == 50
    assert chat.fake.count_429() < 25, chat.fake.counts()
    assert chat.sim.log()["ws_opened"] == 1


def test_what_the_user_typed_wrong_is_said(chat):
    for options, words in (({"seed": "-1"}, "Seed"), ({"seed": "abc"}, "Seed"), ({"size": "big"}, "1024x768"),
                           ({"size": "9999x9999"}, "4096"), ({"model": "no-such"}, "do not know"),
                           ({"seed": "99999999999999999999"}, "Seed")):
        asked = chat.generate(**options)
        answer = asked.wait_answer()
        assert answer["type"] == 4 and answer["data"]["flags"] & 64, answer
        assert words in str(answer["data"]["embeds"]), answer
    assert chat.jobs() == []


def test_a_failure_is_told(chat):
    final = chat.made(model="chat-fail", prompt="the lens cap was on")
    assert "went wrong" in final.text() and "the lens cap was on" in final.text() and "The bad one" in final.text()
    assert chat.jobs()[0]["id"] in final.text()
    assert "Cancel" not in final.labels() and "Run again" in final.labels()


def test_cancel(chat):
    asked = chat.generate(steps=100, pause=100)
    asked.wait_answer()
    message = asked.wait_message(lambda message: "Cancel" in message.labels())
    refused = chat.fake.press(chat.ben, message, "Cancel")
    assert "can do that" in str(refused.wait_answer()["data"])
    chat.fake.press(chat.anna, message, "Cancel").wait_answer()
    final = asked.final()
    assert "anceled" in final.text()
    assert chat.jobs()[0]["status"] == "canceled"


def test_a_picture_of_ones_own(chat):
    source = chat.made().files()[0]
    asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": File("mine.png", source.data)})
    asked.wait_answer()
    final = asked.final()
    assert final.files()[0].data.startswith(PNG)
    assert next(job for job in chat.jobs() if job["template"] == "test-edit")["input"]["image"].startswith("asset:")


@pytest.mark.parametrize("data", [b"<html>not a picture</html>", b"", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture(chat, data):
    asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": File("mine.png", data, "image/png")})
    asked.wait_answer()
    message = asked.wait_message(lambda message: not message.loading and message.embeds)
    assert message.embeds[0]["description"]
    assert chat.jobs() == []


def test_the_same_interaction_twice_is_one_job(chat):
    chat.fake.fault("duplicate_interaction", count=None)
    asked = chat.generate()
    asked.wait_answer()
    asked.final()
    assert asked.sent >= 1 and len(chat.jobs()) == 1
