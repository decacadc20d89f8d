"""Who may do what where: guilds, channels, roles, how many at once and a day, age-restricted channels, permissions of ours."""
import re
import time

import pytest

from adapter import wait_for
from discord import File
from test_buttons import make, newest, polite, said
from test_lists import asks, offered, under_way

DAY = 86400
WITHOUT = {
    "View Channel": ["SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES"],
    "Send Messages": ["VIEW_CHANNEL", "EMBED_LINKS", "ATTACH_FILES"],
    "Embed Links": ["VIEW_CHANNEL", "SEND_MESSAGES", "ATTACH_FILES"],
    "Attach Files": ["VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS"],
}


def policed(chats, what=None, **settings):
    """A chat whose adapter starts with settings that name its guild, channel or roles."""
    chat = chats(start=False)
    chat.adapter.start(**{**settings, **(what(chat) if what else {})})
    return chat


def refused(chat, sentence, user=None, channel=None):
    """By every way in: a command, a menu, a button; an autocomplete offers nothing."""
    user, channel = user or chat.anna, channel or chat.channel
    before = len(chat.jobs())
    assert sentence in said(chat.fake.command(user, channel, "generate", {"model": "chat-picture", "prompt": "x"}))
    for name in ("help", "queue", "jobs", "status", "settings", "loras"):
        assert sentence in said(chat.fake.command(user, channel, name, {}))
    assert chat.fake.autocomplete(user, channel, "generate", "model", "").choices() == []
    message = chat.fake.post(user, channel, "look", [File("x.png", b"x")])
    assert sentence in said(chat.fake.context_menu(user, message, "Upscale"))
    assert sentence in said(chat.fake.press(user, message, "v1:sg:-:0:1", forged=True))
    assert len(chat.jobs()) == before


def test_allowed_guilds(chats):
    chat = policed(chats, lambda chat: {"allowed_guilds": f"1234567,{chat.guild}"})
    chat.made()
    other = chat.fake.guild("other")
    eve = chat.fake.user("Eve", other)
    refused(chat, "not set up for this server", eve, chat.fake.channel(other))
    refused(chat, "not set up for direct messages", chat.anna, chat.fake.dm(chat.anna))


def test_all_guilds_and_direct_messages_without_the_setting(chat):
    dm = chat.fake.dm(chat.anna)
    asked = chat.generate(channel=dm)
    asked.wait_answer()
    make(chat, chat.anna, asked.final(), "Upscale")


def test_allowed_channels(chats):
    chat = policed(chats, lambda chat: {"allowed_channels": f"{chat.channel}, 99999"})
    chat.made()
    refused(chat, f"I do not work in this channel. Try <#{chat.channel}>.", channel=chat.fake.channel(chat.guild, "other"))


def test_allowed_roles(chats):
    chat = chats(start=False)
    painter = chat.fake.user("Paula", chat.guild, roles=["painter", "other"])
    chat.adapter.start(allowed_roles=chat.fake.role(chat.guild, "painter"))
    chat.generate(painter).final()
    refused(chat, "need a role for this")
    refused(chat, "need a role for this", painter, chat.fake.dm(painter))


def test_age_restricted_only(chats):
    chat = policed(chats, age_restricted_only="on")
    refused(chat, "only work in age-restricted channels")
    chat.generate(channel=chat.fake.channel(chat.guild, "late", nsfw=True)).final()


@pytest.mark.parametrize("setting", ["allowed_guilds", "allowed_channels", "allowed_roles", "spoiler_channels"])
def test_a_list_that_cannot_be_read_is_said_at_the_start(chats, setting):
    chat = chats(start=False)
    code, _, err = chat.adapter.run("run", **{setting: "general"})
    assert code == 2 and setting in err and "general" in err, (code, err)


# ---- press ------------------------------------------------------------------------------------


def test_press_owner(chats):
    chat = policed(chats, press="owner")
    source = chat.made()
    mod = chat.fake.user("Mod", chat.guild, moderator=True)
    opened = chat.fake.press(chat.anna, source, "Edit")
    opened.modal()
    changed = chat.fake.press(chat.anna, source, "Change and run")
    changed.modal()
    for user in (chat.ben, mod):
        for label in ("Upscale", "Edit", "Animate", "Vary", "Run again", "Change and run"):
            assert f"Only <@{chat.anna}> can do that." in said(chat.fake.press(user, source, label))
        for asked in (opened, changed):
            assert "Only <@" in said(chat.fake.submit_modal(user, asked, forged=True))
        assert "128" in said(chat.fake.press(user, source, "Show settings"))
    assert len(chat.jobs()) == 1
    make(chat, chat.anna, source, "Vary")


def test_press_anyone(chat):
    source = chat.made()
    make(chat, chat.ben, source, "Vary")
    assert newest(chat)["metadata"]["discord.user"] == chat.ben


# ---- how many ---------------------------------------------------------------------------------


def test_jobs_at_once(chats):
    chat = policed(chats, jobs_at_once=2)
    for _ in range(2):
        under_way(chat, chat.anna)
    text = said(chat.generate())
    assert "2 under way already" in text and "/cancel" in text
    under_way(chat, chat.ben)
    chat.adapter.restart()
    assert "2 under way" in said(chat.generate())
    for job in chat.jobs():
        if job["metadata"]["discord.user"] == chat.anna:
            said(asks(chat, "cancel", job=job["id"]))
    wait_for(lambda: "under way" not in str(chat.generate(steps=1).wait_answer()))


def test_jobs_at_once_all_in_one_moment(chats):
    chat = policed(chats, jobs_at_once=3)
    asked = [chat.generate(steps=300, pause=100) for _ in range(12)]
    for each in asked:
        each.wait_answer()
    assert len(chat.jobs()) == 3
    assert sum("under way already" in str(each.answers[0]) for each in asked) == 9


def test_jobs_at_once_counts_buttons_and_views(chats):
    chat = policed(chats, jobs_at_once=1)
    source = chat.made()
    under_way(chat, chat.anna)
    for label in ("Vary", "Run again", "Upscale"):
        assert "under way already" in said(chat.fake.press(chat.anna, source, label))
    assert "under way already" in said(chat.fake.context_menu(chat.anna, source, "Upscale"))


def test_jobs_per_day(chats):
    chat = policed(chats, jobs_per_day=2)
    began = time.time()
    source = chat.made()
    chat.made()
    text = said(chat.generate())
    assert "2 within a day" in text
    back = int(re.search(r"<t:(\d+):R>", text)[1])
    assert began + DAY - 2 <= back <= time.time() + DAY
    assert "within a day" in said(chat.fake.press(chat.anna, source, "Vary"))
    chat.generate(chat.ben).final()
    chat.adapter.stop()
    chat.gateway.restart()
    chat.adapter.start()
    assert "within a day" in said(chat.generate())
    # What is only looked at costs nothing.
    asks(chat, "show", job=chat.jobs()[1]["id"]).final()


def test_jobs_per_day_in_one_moment(chats):
    chat = policed(chats, jobs_per_day=3, jobs_at_once=0)
    asked = [chat.generate(steps=1, pause=0) for _ in range(12)]
    for each in asked:
        each.wait_answer()
    for each in asked:
        each.wait_message(lambda message: not message.loading and (message.files() or "within a day" in message.text()), 20)
    assert len(chat.jobs()) == 3


def test_no_limits(chats):
    chat = policed(chats, jobs_at_once=0)
    for _ in range(8):
        under_way(chat, chat.anna)
    assert len(chat.jobs()) == 8


# ---- spoilers ---------------------------------------------------------------------------------


def test_spoiler_channels(chats):
    chat = policed(chats, lambda chat: {"spoiler_channels": chat.channel})
    asked = chat.generate(steps=10, pause=100)
    asked.wait_answer()
    final = asked.final()
    assert all(file.is_spoiler or file.filename.startswith("SPOILER_") for file in final.files())
    assert not any(embed.get("image") for embed in final.embeds)
    for state in final.history():
        assert not any(embed.get("image") for embed in state["message"]["embeds"]), "a preview is no spoiler"
    other = chat.generate(channel=chat.fake.channel(chat.guild, "open")).final()
    assert not any(file.is_spoiler for file in other.files())


# ---- permissions ------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", list(WITHOUT))
def test_missing_permissions_are_named(chat, missing):
    """The interaction's own token needs none, so it is made; but who asked is told at once."""
    channel = chat.fake.channel(chat.guild, "closed", permissions=WITHOUT[missing])
    asked = chat.generate(channel=channel)
    asked.wait_answer()
    told = asked.wait_message(lambda message: missing in message.text())
    assert told.ephemeral
    asked.final()


def test_threads_need_a_permission_of_their_own(chat):
    channel = chat.fake.channel(chat.guild, "thread", thread=True, permissions=[
        "VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES"])
    asked = chat.generate(channel=channel)
    asked.wait_message(lambda message: "Send Messages in Threads" in message.text())
    asked.final()


def test_an_administrator_lacks_nothing(chat):
    channel = chat.fake.channel(chat.guild, "mine", permissions=["ADMINISTRATOR"])
    asked = chat.generate(channel=channel)
    asked.final()
    assert not any("ermission" in message.text() for message in asked.messages())


def test_nothing_is_offered_where_it_does_not_work(chats):
    chat = policed(chats, allowed_channels="1234")
    assert offered(chat, "model") == []
    polite(chat, asks(chat, "help"), "do not work in this channel")
