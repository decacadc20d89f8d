"""Each thing that is known to go wrong with Discord, by its name: what the adapter does about it, and what its users get.

test_link.py goes through all connections in breadth; here each fault is looked at closely.
"""
import io
import time

import pytest
from PIL import Image

from adapter import wait_for
from discord import File

SLOW = {"steps": 400, "pause": 50}  # longer than any of these tests
BOT_EDITS = "PATCH /channels/{channel_id}/messages/{message_id}"
BOT_POSTS = "POST /channels/{channel_id}/messages"
ORIGINAL = "@original"
CALLBACK = "/callback"
STILL = {"edit_ms": 60000, "edit_slow_ms": 60000}  # no edit but the last


# ---- what is asked of the stage -----------------------------------------------------------------


def sessions(chat):
    """Connections that have come to IDENTIFY or RESUME."""
    return [entry for entry in chat.fake.connections() if entry["identify"] or entry["resume"]]


def reconnected(chat, count=2, timeout=20):
    """The connections, when so many have come to IDENTIFY or RESUME."""
    return wait_for(lambda: len(sessions(chat)) >= count and sessions(chat), timeout, f"{count} connections")


def resumed(chat):
    """The second connection, which must have gone on with the first one's session, where Discord said."""
    first, second = reconnected(chat)[:2]
    assert second["resume"] and not second["identify"], second
    assert second["url"] == "resume" and first["url"] == "main"
    return first, second


def shown(chat, channel=None):
    """Messages with a picture that are there."""
    return [message for message in chat.fake.messages(channel or chat.channel) if message.files()]


def states(chat):
    return [job["metadata"].get("discord.state") for job in chat.jobs()]


def delivered(chat, count=1, timeout=30):
    return wait_for(lambda: states(chat).count("delivered") == count, timeout, f"{count} deliveries")


def works(chat):
    """Somebody asks, and gets one picture within an ordinary time."""
    asked = chat.generate()
    asked.wait_answer()
    final = asked.final()
    assert final.files() and len([message for message in asked.messages() if not message.deleted]) == 1


def picture_of(message):
    return Image.open(io.BytesIO(message.files()[0].data))


def edit_of(message, options=None):
    return {"model": "test-edit", "image": message.files()[0], **(options or {})}


# ---- the Gateway --------------------------------------------------------------------------------


@pytest.mark.patient
def test_no_hello(chat):
    """A connection that says nothing is left after 15 s; what was asked meanwhile comes by replay."""
    chat.fake.fault("no_hello")
    chat.fake.fault("drop", at="now")
    wait_for(lambda: len(chat.fake.connections()) == 2, what="the connection that says nothing")
    asked = chat.generate()
    third = wait_for(lambda: [entry for entry in chat.fake.connections()[2:] if entry["resume"]], 20, "the third")[0]
    silent = chat.fake.connections()[1]
    assert 10 <= silent["ended"] - silent["at"] <= 20 and silent["client_close"] == 4000
    wait_for(lambda: third["replayed"] or chat.fake.connections()[2]["replayed"], what="the replay")
    delivered(chat)
    assert len(shown(chat)) == 1 and asked.sent == 1


def test_no_ack_is_a_zombie(chats):
    chat = chats(start=False)
    chat.fake.setting("interval_ms", 400)
    chat.adapter.start()
    chat.fake.fault("no_ack", count=1)
    first, _ = resumed(chat)
    assert first["client_close"] == 4000, "1000 would have ended the session"
    wait_for(lambda: chat.fake.connections()[1]["heartbeats"] > 3, what="heartbeats")
    assert len(chat.fake.connections()) == 2
    works(chat)


def test_op_1_is_answered_at_once(chat):
    before = chat.fake.connections()[0]["heartbeats"]
    for _ in range(3):
        chat.fake.fault("op1", at="now")
    wait_for(lambda: chat.fake.connections()[0]["heartbeats"] >= before + 3, 1.5, "heartbeats that were asked for")
    works(chat)
    assert len(chat.fake.connections()) == 1


def test_op_7_reconnect(chat):
    asked = chat.generate(steps=10, pause=100)
    asked.wait_answer()
    chat.fake.fault("op7", at="now")
    first, second = resumed(chat)
    assert first["client_close"] == 4000 and second["at"] - first["ended"] < 1.5
    assert asked.final().files()
    works(chat)


@pytest.mark.patient
@pytest.mark.parametrize("at", ["now", "resume"])
def test_op_9_true_resumes_after_a_while(chat, at):
    chat.fake.fault("op9", at=at, resumable=True)
    if at == "resume":
        chat.fake.fault("drop", at="now")
    count = 2 if at == "now" else 3
    left, last = reconnected(chat, count)[-2:]
    assert last["resume"] and not last["identify"]
    assert left["client_close"] == 4000 and 0.9 < last["at"] - left["ended"] < 6.5
    chat.fake.wait_ready()
    works(chat)


@pytest.mark.patient
@pytest.mark.parametrize("at", ["now", "resume"])
def test_op_9_false_begins_a_new_session(chat, at):
    chat.fake.fault("op9", at=at, resumable=False)
    if at == "resume":
        chat.fake.fault("drop", at="now")
    count = 2 if at == "now" else 3
    left, last = reconnected(chat, count)[-2:]
    assert last["identify"] and not last["resume"] and last["url"] == "main"
    assert 0.9 < last["at"] - left["ended"] < 6.5
    assert len([entry for entry in chat.fake.connections() if entry["identify"]]) == 2
    works(chat)


@pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4005, 4008, 1000, 1001, 1011, 1012, 3000])
def test_a_close_that_leaves_the_session(chat, code):
    chat.fake.fault("close", code=code, at="now")
    first, second = resumed(chat)
    assert first["server_close"] == code and second["at"] - first["ended"] < 2.5
    works(chat)


@pytest.mark.patient
@pytest.mark.parametrize("code", [4007, 4009])
def test_a_close_that_ends_the_session(chat, code):
    chat.fake.fault("close", code=code, at="now")
    first, second = reconnected(chat)[:2]
    assert first["server_close"] == code and second["identify"] and not second["resume"] and second["url"] == "main"
    works(chat)


FATAL = {4004: (3, "token is wrong"), 4010: (4, "shard"), 4011: (4, "sharded"), 4012: (5, "version 10"),
         4013: (5, "intents"), 4014: (5, "intents")}


@pytest.mark.parametrize("at", ["identify", "now", "resume"])
@pytest.mark.parametrize("code", list(FATAL))
def test_a_close_for_good(chats, code, at):
    """It says in words what to do, ends with a code of its own, and does not come again."""
    chat = chats(start=False)
    chat.fake.fault("close", at=at, code=code) if at != "now" else None
    if at == "identify":
        chat.adapter.start(wait=False)
    else:
        chat.adapter.start()
        chat.fake.fault("close" if at == "now" else "drop", at="now", code=code)
    expected, words = FATAL[code]
    assert chat.adapter.wait_exit() == expected
    said = [line for line in chat.adapter.log().splitlines() if line.startswith("comfygate-discord: ")]
    assert len(said) == 1 and words in said[0], said
    assert chat.fake.token not in chat.adapter.log()
    assert len(chat.fake.connections()) == (2 if at == "resume" else 1)


def test_a_close_that_comes_again_and_again(chat):
    """Others have come back dozens of times in 20 s."""
    chat.fake.fault("close", at="resume", code=4002, count=None)
    chat.fake.fault("close", at="identify", code=4002, count=None)
    chat.fake.fault("close", at="now", code=4002)
    begun = time.monotonic()
    reconnected(chat, 4, 30)
    assert time.monotonic() - begun > 2
    assert len(chat.fake.connections()) <= 5
    chat.fake.clear_faults()
    wait_for(lambda: chat.fake.connections()[-1]["ended"] is None and len(chat.adapter.events("gateway_ready")) > 1, 30,
             "READY")
    works(chat)


@pytest.mark.parametrize("name", ["drop", "half_frame"])
def test_a_connection_that_is_cut(chat, name):
    """Without a close; in the middle of a frame."""
    chat.fake.fault(name, at="now")
    _, second = resumed(chat)
    assert second["resume"]["session_id"] and second["resume"]["seq"] >= 1
    works(chat)


@pytest.mark.parametrize("text", ["{this is no JSON", "", "[]", "7", "\"x\"", "{}", '{"op":"x","d":5}', '{"op":0}', '{"op":10,"d":null}',
                                  '{"op":0,"t":7,"s":"x","d":7}', '{"op":0,"t":"INTERACTION_CREATE","s":null,"d":null}', "[" * 5000])
def test_junk(chat, text):
    """What is no JSON ends the connection and leaves the session; what is odd is passed over."""
    chat.fake.fault("junk", at="now", text=text)
    if text.startswith("{this") or text == "" or text.startswith("[["):
        first, _ = resumed(chat)
        assert first["client_close"] == 4000
    works(chat)
    assert len(chat.fake.connections()) <= 2


@pytest.mark.parametrize("size, fragments", [(2 << 20, 64), (2 << 20, 1), (12 << 20, 3000)])
def test_a_large_ready_in_many_frames(chats, size, fragments):
    chat = chats(start=False)
    chat.fake.fault("big_ready", bytes=size, fragments=fragments)
    chat.adapter.start()
    works(chat)
    assert len(chat.fake.connections()) == 1


def test_the_address_to_resume_at_is_gone(chat):
    """Two tries there, then the address that Discord tells now; the session goes on."""
    asked = len(chat.fake.requests("GET /gateway/bot"))
    chat.fake.fault("refuse", count=2, status=503)
    chat.fake.fault("drop", at="now")
    last = reconnected(chat, 2, 30)[-1]
    assert last["url"] == "main" and last["resume"]
    assert len(chat.fake.requests("GET /gateway/bot")) == asked + 1
    works(chat)


def test_a_message_has_at_most_4096_bytes(chats):
    """The fake holds every message of ours to it; a token that would not fit is refused before."""
    chat = chats(start=False)
    code, _, errors = chat.adapter.run("run", token="x" * 4090)
    assert code == 2 and "token" in errors and "xxxx" not in errors, errors
    assert not chat.fake.connections()
    chat.adapter.start(shard="0/1")
    assert chat.fake.connections()[0]["identify"]["shard"] == [0, 1]


def test_at_most_120_messages_a_minute(chat):
    """However often Discord asks for a heartbeat."""
    chat.fake.allow("HEARTBEAT_ASKED")
    for _ in range(200):
        chat.fake.fault("op1", at="now")
    wait_for(lambda: chat.fake.connections()[0]["heartbeats"] >= 90, what="heartbeats")
    works(chat)
    assert chat.fake.connections()[0]["heartbeats"] <= 118
    assert len(chat.fake.connections()) == 1 and chat.fake.connections()[0]["ended"] is None


def test_no_identify_is_left(chats):
    """Discord tells session_start_limit.remaining 0: one more IDENTIFY would make the token worthless."""
    chat = chats(start=False)
    chat.fake.fault("identify_exhausted", reset_after=3000)
    chat.adapter.start(wait=False)
    first = reconnected(chat, 1)[0]
    wait_for(lambda: chat.adapter.events("bot_ready"), what="READY")
    told = chat.fake.requests("GET /gateway/bot")[0]["at"]
    identified = wait_for(lambda: chat.adapter.events("gateway_ready"))
    assert identified and time.time() - told >= 2.9 and first["identify"]
    wait_for(lambda: chat.adapter.events("commands"), what="the commands")
    works(chat)


@pytest.mark.patient
def test_no_identify_is_left_for_a_new_session(chats):
    """What was told at the start is old by the time that the session is lost: it is asked again."""
    chat = chats(start=False)
    chat.fake.setting("remaining", 1)
    chat.adapter.start()
    asked = len(chat.fake.requests("GET /gateway/bot"))
    chat.fake.fault("identify_exhausted", reset_after=7000)
    chat.fake.fault("op9", at="now", resumable=False)
    told = wait_for(lambda: chat.fake.requests("GET /gateway/bot")[asked:], what="the question")[0]["at"]
    wait_for(lambda: len(chat.fake.connections()) == 2, what="the connection")
    chat.fake.setting("remaining", 1000)
    wait_for(lambda: len(chat.adapter.events("gateway_ready")) == 2, what="READY")
    assert time.time() - told >= 6.9
    works(chat)


# ---- interactions -------------------------------------------------------------------------------


def test_a_duplicate_interaction(chat):
    """As two events at once: one answer, one job."""
    chat.fake.fault("duplicate_interaction", count=None)
    for options in ({}, {"prompt": "another"}):
        asked = chat.generate(**options)
        asked.wait_answer()
        asked.final()
        assert len(asked.answers) == 1
    final = chat.made()
    pressed = chat.fake.press(chat.anna, final, "Vary")
    pressed.wait_answer()
    assert pressed.final().files()
    assert len(chat.jobs()) == 4 and len(shown(chat)) == 4


def test_a_replayed_interaction(chat):
    """After a RESUME, and to a new process that has never seen it: its answer and its job are there already."""
    asked = chat.generate()
    asked.wait_answer()
    asked.final()
    delivered(chat)
    chat.fake.fault("replay_interaction")
    chat.fake.fault("op7", at="now")
    wait_for(lambda: chat.adapter.events("interaction_repeated"), what="the replay")
    works(chat)
    assert len(asked.answers) == 1 and len(chat.jobs()) == 2 and len(shown(chat)) == 2


def test_a_kind_of_interaction_that_nobody_knows(chat):
    chat.fake.fault("unknown_type")
    works(chat)
    assert len(chat.jobs()) == 1


def test_an_interaction_without_data(chat):
    chat.fake.fault("missing_data")
    works(chat)
    assert len(chat.jobs()) == 1


# ---- limits of requests -------------------------------------------------------------------------


def gap_after(chat, route, status):
    """Seconds from the first answer with that status to the next request of the route."""
    entries = chat.fake.requests(route)
    index = next(n for n, entry in enumerate(entries) if entry["status"] == status)
    return entries[index + 1]["at"] - entries[index]["at"] - entries[index]["ms"] / 1000


LIMITED = {"with_json": {"retry_after": 1.4}, "without_json": {"retry_after": 2, "json": False},
           "shared": {"retry_after": 1.3, "scope": "shared"}}


@pytest.mark.parametrize("how", list(LIMITED))
def test_429(chat, how):
    chat.fake.fault("limited", route=ORIGINAL, **LIMITED[how])
    asked = chat.generate(steps=20, pause=100)
    asked.wait_answer()
    assert asked.final().files()
    assert LIMITED[how]["retry_after"] - 0.01 <= gap_after(chat, ORIGINAL, 429) < LIMITED[how]["retry_after"] + 1.5
    assert chat.fake.count_429() == 1 and len(shown(chat)) == 1
    assert chat.fake.counts()["invalid"] == (0 if how == "shared" else 1)


def test_429_global(chats):
    """All that goes by the bot's token waits; answers to interactions do not."""
    chat = chats(adapter={"token_seconds": 1})
    chat.fake.fault("limited", route=BOT_EDITS, scope="global", retry_after=2.5)
    first = chat.generate(**SLOW)
    first.wait_answer()
    limited = wait_for(lambda: [entry for entry in chat.fake.requests(BOT_EDITS) if entry["status"] == 429])[0]
    asked = chat.generate(chat.ben, **SLOW)
    assert asked.wait_answer()["after"] < 1
    wait_for(lambda: [entry for entry in chat.fake.requests(BOT_EDITS) if entry["status"] == 200], what="the next edit")
    by_bot = [entry for entry in chat.fake.requests() if entry["at"] > limited["at"] + 0.05 and "/webhooks/" not in entry["path"]
              and CALLBACK not in entry["path"] and entry["route"] != "CDN"]
    assert by_bot[0]["at"] >= limited["at"] + 2.49, by_bot[0]


def test_remaining_0(chat):
    """It waits of itself: there is no 429."""
    chat.fake.fault("remaining_0", route=ORIGINAL, reset_after=1.6)
    asked = chat.generate(steps=20, pause=100)
    asked.wait_answer()
    asked.final()
    entries = chat.fake.requests(ORIGINAL)
    assert entries[1]["at"] - entries[0]["at"] >= 1.59 and chat.fake.count_429() == 0


@pytest.mark.patient
def test_a_storm_of_invalid_requests_stops(chats):
    """Discord shuts out whoever makes 10,000 in 10 minutes. Answers to interactions go on."""
    chat = chats(adapter={"invalid_max": 8, "jobs_at_once": 0, "token_seconds": 1})
    closed = chat.fake.channel(chat.guild, "closed", permissions=[])
    for _ in range(6):
        chat.generate(channel=closed, steps=1, pause=1500).wait_answer()
    wait_for(lambda: chat.adapter.events("discord_stopped"), what="the stop")
    refused = [entry for entry in chat.fake.requests() if entry["status"] in (401, 403, 429)]
    assert 8 <= len(refused) <= 12
    before = len([entry for entry in chat.fake.requests() if CALLBACK not in entry["path"]])
    for user in (chat.anna, chat.ben):
        assert chat.generate(user, **SLOW).wait_answer()["after"] < 3
    time.sleep(2.5)
    assert len([entry for entry in chat.fake.requests() if CALLBACK not in entry["path"]]) == before
    chat.adapter.restart(invalid_max=5000)
    wait_for(lambda: states(chat).count("delivered") == 6, what="the deliveries, as direct messages")


# ---- the first answer ---------------------------------------------------------------------------


LOST = {"500": ("status", {"status": 500}), "502": ("status", {"status": 502}), "503_html": ("html", {"status": 503}),
        "500_but_done": ("status", {"status": 500, "done": True}), "timeout": ("slow", {"seconds": 4}),
        "hang": ("hang", {"seconds": 5}), "hang_but_done": ("hang", {"seconds": 5, "done": True}),
        "429": ("limited", {"retry_after": 5}), "10062": ("unknown_interaction", {}), "reset_but_done": ("reset", {"done": True})}


@pytest.mark.parametrize("how", list(LOST))
def test_a_callback_that_fails(chat, how):
    """It is not sent again: it may have been heard. The job is there, and its picture comes once, at the right place.

    The first answer to the next interaction does not wait for the end of a limit: it would come too late.
    """
    name, params = LOST[how]
    chat.fake.allow("LATE_ANSWER", "UNANSWERED", "EDIT_BEFORE_ANSWER", "EARLY_AFTER_429")
    chat.fake.fault(name, route=CALLBACK, **params)
    asked = chat.generate()
    delivered(chat)
    assert len(chat.fake.requests(CALLBACK)) == 1 and len(chat.jobs()) == 1
    pictures = shown(chat)
    assert len(pictures) == 1
    if "done" in how:
        assert [message.id for message in asked.messages()] == [pictures[0].id]
    else:
        assert f"<@{chat.anna}>" in pictures[0].content and [ping["user"] for ping in chat.fake.pings()] == [chat.anna]
    chat.fake.press(chat.ben, pictures[0], "Vary").final()


@pytest.mark.parametrize("name, params", [("unknown_interaction", {}), ("status", {"status": 500}),
                                          ("status", {"status": 500, "done": True})], ids=["10062", "500", "500_but_done"])
def test_a_callback_that_fails_at_the_beginning_of_a_long_job(chat, name, params):
    """Where nothing was answered there is nothing to edit: that is tried once, and not at every step."""
    chat.fake.allow("UNANSWERED", "EDIT_BEFORE_ANSWER")
    chat.fake.fault(name, route=CALLBACK, **params)
    chat.generate(steps=30, pause=100)
    delivered(chat)
    assert len(shown(chat)) == 1
    gone = [entry for entry in chat.fake.requests(ORIGINAL) if entry["status"] == 404]
    assert len(gone) == (0 if "done" in params else 1)


def test_a_callback_of_a_button_that_fails(chat):
    final = chat.made()
    chat.fake.allow("LATE_ANSWER", "UNANSWERED")
    for name, params in (("status", {"status": 500}), ("unknown_interaction", {})):
        chat.fake.fault(name, route=CALLBACK, **params)
        chat.fake.press(chat.ben, final, "Vary")
    delivered(chat, 3)
    assert len(shown(chat)) == 3 and len(chat.jobs()) == 3


@pytest.mark.parametrize("name", ["autocomplete", "modal", "help"])
def test_a_callback_without_a_job_that_fails(chat, name):
    """Nothing is owed; the next one works."""
    final = chat.made()
    chat.fake.allow("UNANSWERED", "LATE_ANSWER")
    chat.fake.fault("status", route=CALLBACK, status=500)

    def ask():
        if name == "autocomplete":
            return chat.fake.autocomplete(chat.anna, chat.channel, "generate", "model", "")
        return chat.fake.press(chat.anna, final, "Edit") if name == "modal" else chat.fake.command(chat.anna, chat.channel, "help")
    ask()
    wait_for(lambda: [entry for entry in chat.fake.requests(CALLBACK) if entry["status"] == 500])
    assert ask().wait_answer()["after"] < 2
    assert len(chat.jobs()) == 1


# ---- the token of an interaction, and its message -----------------------------------------------


def test_401_50027_from_minute_15(chat):
    """Edits go on by the bot's token; the dead one is tried once."""
    asked = chat.generate(steps=60, pause=100)
    asked.wait_answer()
    message = asked.wait_message(lambda message: "In the making" in message.text())
    chat.fake.advance(901)
    wait_for(lambda: [step for step in message.history() if step["via"] == "channel"], what="an edit by the bot's token")
    final = asked.final()
    assert final.id == message.id and final.files()
    assert [entry["code"] for entry in chat.fake.requests("/webhooks/") if entry["status"] == 401] == [50027]
    assert not chat.fake.pings() and len(shown(chat)) == 1


def test_404_10015_within_the_15_minutes(chat):
    """Discord does so at times, and nobody knows why."""
    asked = chat.generate(steps=30, pause=100)
    asked.wait_answer()
    message = asked.wait_message(lambda message: "In the making" in message.text())
    chat.fake.fault("webhook_gone", count=None)
    final = asked.final()
    assert final.id == message.id and final.files() and len(shown(chat)) == 1
    assert len([entry for entry in chat.fake.requests("/webhooks/") if entry["status"] == 404]) == 1


@pytest.mark.parametrize("status, code", [(413, 40005), (400, 40005)])
def test_413(chats, status, code):
    """A smaller one of the same picture."""
    chat = chats(adapter=STILL)
    chat.fake.fault("error", route=ORIGINAL, status=status, code=code)
    asked = chat.generate(size="512x512")
    asked.wait_answer()
    final = asked.final()
    assert [entry["status"] for entry in chat.fake.requests(ORIGINAL)] == [status, 200]
    assert len(final.files()[0].data) <= chat.jobs()[0]["outputs"][0]["size_bytes"] / 2
    assert picture_of(final).size[0] >= 64 and len(shown(chat)) == 1


def test_413_whatever_is_sent(chats):
    """Then it comes without the file, and says where that is."""
    chat = chats(adapter=STILL)
    chat.fake.fault("too_large", route=ORIGINAL, count=None, after=0)
    asked = chat.generate()
    asked.wait_answer()
    final = wait_for(lambda: [message for message in chat.fake.messages(chat.channel) if "too large" in message.text()] or (
        len(chat.fake.requests(ORIGINAL)) > 7 and chat.fake.clear_faults()), what="the message")[0]
    assert "Vary" in final.labels() and not final.files()
    assert len(chat.fake.requests(ORIGINAL)) <= 10
    delivered(chat)


def test_10008_the_message_was_deleted(chat):
    """By a user, while it is being made: the picture comes in a new message that names its owner."""
    asked = chat.generate(steps=20, pause=100)
    asked.wait_answer()
    message = asked.wait_message(lambda message: "In the making" in message.text())
    chat.fake.delete(message)
    delivered(chat)
    final = shown(chat)[0]
    assert final.id != message.id and f"<@{chat.anna}>" in final.content
    assert [ping["user"] for ping in chat.fake.pings()] == [chat.anna] and len(shown(chat)) == 1
    gone = [entry for entry in chat.fake.requests() if entry["code"] == 10008]
    assert 1 <= len(gone) <= 3


@pytest.mark.parametrize("name, code", [("missing_permissions", 50013), ("missing_access", 50001)])
def test_403_in_a_channel(chats, name, code):
    """The bot may do nothing there, and the interaction's token is old: it comes as a direct message."""
    chat = chats(adapter={"token_seconds": 1, **STILL})
    chat.fake.fault(name, route="/channels/{channel_id}/messages", count=2)
    chat.generate(steps=1, pause=1500).wait_answer()
    delivered(chat)
    assert len(shown(chat, chat.fake.dm(chat.anna))) == 1 and not shown(chat)
    assert [entry["code"] for entry in chat.fake.requests() if entry["status"] == 403] == [code, code]


def test_403_50007_no_direct_messages(chats):
    """Nobody can be told; it is kept, and not tried for ever."""
    chat = chats(adapter={"token_seconds": 1, **STILL})
    closed = chat.fake.channel(chat.guild, "closed", permissions=[])
    chat.fake.change_user(chat.anna, dms=False)
    chat.generate(channel=closed, steps=1, pause=1500).wait_answer()
    wait_for(lambda: states(chat) == ["kept"], what="the job, kept")
    assert [entry["code"] for entry in chat.fake.requests() if entry["status"] == 403][-1] == 50007
    requests = len(chat.fake.requests())
    time.sleep(1)
    assert len(chat.fake.requests()) == requests and not shown(chat, closed)


def test_400_200000_automod(chats):
    """Of the channel's rules; a direct message has none."""
    chat = chats(adapter=STILL)
    chat.fake.fault("automod", route=ORIGINAL, count=None)
    chat.fake.fault("automod", route=BOT_EDITS, count=None)
    chat.fake.fault("automod", route=BOT_POSTS)
    chat.generate().wait_answer()
    delivered(chat)
    assert len(shown(chat, chat.fake.dm(chat.anna))) == 1 and not shown(chat)


# ---- files of users -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 403])
def test_an_expired_address_of_a_file(chat, status):
    source = chat.made()
    chat.fake.fault("cdn_expired", status=status)
    asked = chat.fake.command(chat.anna, chat.channel, "edit", edit_of(source))
    asked.wait_answer()
    asked.wait_message(lambda message: "does not have this file any more" in message.text())
    again = chat.fake.command(chat.anna, chat.channel, "edit", edit_of(source))
    again.wait_answer()
    assert again.final().files() and len(chat.jobs()) == 2


@pytest.mark.patient
def test_a_slow_file(chat):
    """Slow is not gone; one that stands still is asked for again."""
    source = chat.made()
    chat.fake.fault("cdn_slow", seconds=4, bytes=500)
    asked = chat.fake.command(chat.anna, chat.channel, "edit", edit_of(source))
    answer = asked.wait_answer()
    assert answer["type"] == 5 and answer["after"] < 2
    assert asked.final().files()
    chat.fake.fault("cdn_slow", seconds=60, bytes=500)
    stuck = chat.fake.command(chat.anna, chat.channel, "edit", edit_of(source))
    stuck.wait_answer()
    assert stuck.final().files() and len(chat.jobs()) == 3


@pytest.mark.parametrize("name", ["cdn_html", "cdn_html_named_png"])
def test_html_instead_of_a_picture(chat, name):
    source = chat.made()
    if name == "cdn_html":
        chat.fake.fault("cdn_html")
        options = edit_of(source)
    else:
        options = edit_of(source, {"image": File("picture.png", b"<html><script>alert(1)</script></html>", "image/png")})
    asked = chat.fake.command(chat.anna, chat.channel, "edit", options)
    asked.wait_answer()
    asked.wait_message(lambda message: "cannot be used" in message.text())
    assert len(chat.jobs()) == 1
    works(chat)


# ---- the bot's own token ------------------------------------------------------------------------


def test_401_while_it_works(chats):
    """The token was reset: all stops at once, with words. With a new one everything goes on."""
    chat = chats(adapter={"token_seconds": 1})
    asked = [chat.generate(user, **SLOW) for user in (chat.anna, chat.ben)]
    for each in asked:
        each.wait_answer()
    wait_for(lambda: chat.fake.requests(BOT_EDITS), what="an edit by the bot's token")
    chat.fake.new_token("another.token.altogether")
    assert chat.adapter.wait_exit() == 3
    assert len([entry for entry in chat.fake.requests() if entry["status"] == 401]) <= 2
    assert "does not accept the bot's token" in chat.adapter.log()
    for job in chat.jobs():
        chat.gateway.json("POST", f"/v1/jobs/{job['id']}/cancel")
    chat.adapter.start(token="another.token.altogether")
    delivered(chat, 2)
    for each in asked:
        assert "Canceled" in each.final().text()
        assert len([message for message in each.messages() if not message.deleted]) == 1


def test_a_refusal_by_the_guard_before_discord(chats):
    """A page of Cloudflare's at the start is no wrong token."""
    chat = chats(start=False)
    chat.fake.fault("html", route="GET /gateway/bot", count=1, status=403)
    chat.fake.fault("html", route="GET /gateway/bot", count=1, status=200, after=1)
    chat.adapter.start(wait=False)
    wait_for(chat.fake.commands, 30, "the registration")
    works(chat)
