"""Ways that close, and ways that only seem to: edits that fail while a job is under way, and comfygate failing as it ends."""
import contextlib
import time

import pytest

from adapter import frozen, wait_for
from between import Between
from test_delivery import LONG, OLD, everywhere, one, opened, video
from test_faults import BOT_EDITS, BOT_POSTS, CALLBACK, ORIGINAL, delivered


@contextlib.contextmanager
def between(chat, fail, **settings):
    """The adapter, with a server between it and comfygate."""
    server = Between(chat.gateway.url, fail)
    try:
        chat.adapter.start(url=server.url, **settings)
        yield server
        chat.adapter.stop()
    finally:
        server.close()


def in_the_making(chat, **options):
    asked = chat.generate(**options)
    asked.wait_answer()
    return asked, asked.wait_message(lambda message: "In the making" in message.text())


# ---- edits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status, code", [(400, 50035), (413, 40005)])
def test_one_edit_that_is_refused_closes_nothing(chat, status, code):
    """It was at fault, and not the token: the next one goes the same way."""
    asked, _ = in_the_making(chat, steps=40, pause=100)
    chat.fake.fault("error", route=ORIGINAL, status=status, code=code)
    wait_for(lambda: [entry for entry in chat.fake.requests(ORIGINAL) if entry["status"] == status], what="the refusal")
    before = len(chat.fake.requests(ORIGINAL))
    wait_for(lambda: len(chat.fake.requests(ORIGINAL)) > before + 1, what="the edits after it")
    assert asked.final().files()
    assert not chat.fake.requests(BOT_EDITS)
    delivered(chat)


def test_a_token_that_ends_while_an_edit_is_under_way(chats):
    """The answer comes when the token is old, and still speaks of the token: the bot's own way is open."""
    chat = chats(adapter={"token_seconds": 5})
    asked, message = in_the_making(chat, steps=120, pause=100)
    before = len(chat.fake.requests(ORIGINAL))
    wait_for(lambda: len(chat.fake.requests(ORIGINAL)) > before, what="an edit; the next one is more than a second away")
    chat.fake.fault("slow", route=ORIGINAL, seconds=4.5)
    chat.fake.advance(901)
    wait_for(lambda: [entry for entry in chat.fake.requests(ORIGINAL) if entry["status"] == 401], what="the late refusal")
    wait_for(lambda: chat.fake.requests(BOT_EDITS), 4, "an edit by the bot's token")
    assert "Cancel" in message.refresh().labels()
    assert asked.final().id == message.id
    delivered(chat)


def test_a_first_message_that_was_lost_is_said_again(chat):
    """The job waits and nothing of it changes; its user is not to look at "thinking" meanwhile."""
    chat.gateway.json("POST", "/v1/queue/pause")
    with frozen(chat.gateway.pid):
        asked = chat.generate()
        assert asked.wait_answer()["type"] == 5
        chat.fake.fault("status", route=ORIGINAL, status=503, count=5)
    asked.wait_message(lambda message: "Cancel" in message.labels(), 20)
    assert len([entry for entry in chat.fake.requests(ORIGINAL) if entry["status"] == 503]) == 5
    chat.gateway.json("POST", "/v1/queue/resume")
    assert asked.final().files()
    delivered(chat)


def test_a_job_that_is_deleted_before_its_first_message_was_heard_of(chat):
    """The answer to that message comes when nobody is there to hear it."""
    chat.fake.fault("status", route=CALLBACK, status=500, done=True)
    chat.fake.fault("hang", route=ORIGINAL, seconds=5, done=True)
    chat.generate(steps=1, pause=1).wait_answer()
    job = wait_for(lambda: chat.jobs("&status=succeeded"), what="the job")[0]["id"]
    told = chat.fake.command(chat.anna, chat.channel, "show", job=job)
    told.wait_answer()
    asked = chat.fake.press(chat.anna, told.final(), "Delete")
    asked.wait_answer()
    sure = chat.fake.press(chat.anna, asked.message(), "Delete")
    sure.wait_answer()
    wait_for(lambda: not chat.jobs(), what="the deletion")
    wait_for(lambda: len(chat.fake.requests(ORIGINAL)) > 1, 15, "what was said last")
    time.sleep(5)
    assert chat.made().files()


# ---- comfygate, as a job ends -------------------------------------------------------------------


def test_a_mark_that_comfygate_refuses_at_first(chats):
    """Its disk is full for a while. The message is out, and does not come again with every look at the list."""
    chat = chats(start=False)
    refused = []

    def fail(method, _, body):
        if method == "PATCH" and b"discord.state" in body and not refused:
            refused.append(body)
            return 507
        return None

    with between(chat, fail, **OLD) as server:
        asked = chat.generate(**LONG)
        asked.wait_answer()
        chat.fake.delete(asked.messages()[0])
        wait_for(lambda: refused, what="the mark")
        server.cut_streams()
        delivered(chat)
        assert len(refused) == 1 and len(chat.fake.requests(BOT_POSTS)) == 1
        assert len(chat.adapter.events("delivered")) == 1
        one(chat)


def test_comfygate_goes_while_a_link_is_made(chats, tmp_path):
    """Its user gets the link when it is back, and not a message without."""
    chat = chats(start=False, templates_dir=video(tmp_path, 1000))
    lost = []

    def fail(method, path, _):
        if method == "POST" and path.endswith("/link") and not lost:
            lost.append(path)
            return 0
        return None

    with between(chat, fail, file_limit_bytes=100000, public_url=chat.gateway.url):
        asked = chat.generate(model="chat-video")
        asked.wait_answer()
        final = asked.final()
        delivered(chat)
        assert lost and "](" in final.text()
        assert opened(final.text().split("](")[1].split(")")[0])[0] == 200
        assert not everywhere(chat)


# ---- requests that are no jobs yet --------------------------------------------------------------


def pending(chat):
    """What is kept of requests that are no jobs yet."""
    listed = chat.gateway.json("GET", f"/v1/preferences?prefix=discord.{chat.fake.application_id}.pending.")
    return listed["data"]


def test_what_is_pending_is_taken_up_when_comfygate_tells_it_later(chats):
    """The adapter died while it fetched a picture, and comfygate is not well when it begins again."""
    chat = chats()
    source = chat.made()
    chat.fake.fault("cdn_slow", seconds=60, bytes=500)
    asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": source.files()[0]})
    asked.wait_answer()
    wait_for(lambda: pending(chat), what="the record of it")
    chat.adapter.kill()
    failed = []

    def fail(method, path, _):
        if method == "GET" and ".pending" in path and not failed:
            failed.append(path)
            return 500
        return None

    with between(chat, fail):
        assert asked.final().files() and failed
        delivered(chat, 2)
        wait_for(lambda: not pending(chat), what="the end of the record")


def test_a_pending_record_that_outlived_its_job(chats):
    """It could not be removed. The next process finds that all was said long ago, and says nothing."""
    chat = chats(start=False)

    def fail(method, path, _):
        return 500 if method == "DELETE" and ".pending." in path else None

    with between(chat, fail):
        source = chat.made()
        asked = chat.fake.command(chat.anna, chat.channel, "edit", {"model": "test-edit", "image": source.files()[0]})
        asked.wait_answer()
        asked.final()
        delivered(chat, 2)
    assert pending(chat)
    chat.adapter.start(url=chat.gateway.url)
    wait_for(lambda: not pending(chat), what="the end of the record")
    time.sleep(1)
    assert len(chat.adapter.events("delivered")) == 2
    assert len(everywhere(chat)) == 2
