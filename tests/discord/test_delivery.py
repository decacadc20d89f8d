"""Each job ends in exactly one final message, whatever has become of its message, its channel, its files or its owner meanwhile."""
import concurrent.futures
import http.client
import io
import json
import pathlib
import random
import shutil
import time
import urllib.parse

import pytest
from PIL import Image

from adapter import frozen, wait_for
from chat import TEMPLATES
from discord import File, NotPossible
from test_faults import BOT_EDITS, BOT_POSTS, ORIGINAL, SLOW, STILL, delivered, shown, states

HALF_AN_HOUR_AND_MORE = 40 * 60
OLD = {"token_seconds": 1, **STILL}  # the adapter itself takes the token for old
LONG = {"steps": 1, "pause": 1600}  # longer than that


def under_way(chat, user=None, channel=None, **options):
    """The interaction and its message, with a job that the test ends by itself."""
    asked = chat.generate(user, channel, **(options or SLOW))
    asked.wait_answer()
    return asked, asked.wait_message(lambda message: "Cancel" in message.labels())


def everywhere(chat, *channels):
    """Messages with a picture, in these channels and in everybody's direct messages."""
    places = [chat.channel, chat.fake.dm(chat.anna), chat.fake.dm(chat.ben), *channels]
    return [message for place in dict.fromkeys(places) for message in shown(chat, place)]


def one(chat, *channels):
    """The one message with a picture."""
    found = everywhere(chat, *channels)
    assert len(found) == 1, found
    return found[0]


def has_metadata(chat, **expected):
    job = chat.jobs()[0]
    assert "discord.token" not in job["metadata"]
    for name, value in expected.items():
        assert job["metadata"].get(f"discord.{name}") == value, (name, job["metadata"])


def with_template(tmp_path, name, graph, **members):
    """The folder of the chats' templates with one more."""
    folder = tmp_path / "templates"
    if not folder.exists():
        shutil.copytree(TEMPLATES, folder)
    (folder / name).mkdir()
    manifest = {"manifest": 1, "name": name, "title": name, "description": "For tests.", "category": "text-to-image",
                "tags": ["test"], "input": {
                    "type": "object", "additionalProperties": False, "required": ["prompt"], "properties": {
                        "prompt": {"type": "string", "minLength": 1, "maxLength": 4000, "title": "Prompt", "description": "Any.",
                                   "x-ui": {"role": "prompt"}, "x-comfy": {"title": "Made", "input": "filename_prefix"}}}},
                "outputs": [{"title": "Made", "type": "image"}], **members}
    (folder / name / "manifest.json").write_text(json.dumps(manifest))
    (folder / name / "workflow.json").write_text(json.dumps(graph))
    return str(folder)


def big(tmp_path, size):
    return with_template(tmp_path, "chat-big", {"1": {
        "class_type": "SimBig", "inputs": {"size_bytes": size, "filename_prefix": "big"}, "_meta": {"title": "Made"}}})


def video(tmp_path, frames):
    return with_template(tmp_path, "chat-video", {"1": {
        "class_type": "SimVideo", "inputs": {"frames": frames, "frame_rate": 8.0, "filename_prefix": "v"}, "_meta": {"title": "Made"}}},
        outputs=[{"title": "Made", "type": "video"}])


def finish(chat):
    """The job that is under way ends now."""
    for job in chat.jobs("&status=queued,running"):
        chat.gateway.json("POST", f"/v1/jobs/{job['id']}/cancel")


def opened(url):
    """What a stranger gets there: (status, type, bytes)."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read()


# ---- long after the quarter of an hour ----------------------------------------------------------


@pytest.mark.patient
@pytest.mark.parametrize("settings", [{}, {"token_seconds": 1}], ids=["token_dies", "token_is_known_to_be_old"])
def test_a_job_of_40_minutes(chats, settings):
    chat = chats(adapter=settings)
    asked, message = under_way(chat, steps=30, pause=100)
    chat.fake.advance(HALF_AN_HOUR_AND_MORE)
    final = asked.final()
    delivered(chat)
    assert final.id == message.id and one(chat).id == message.id
    assert len([entry for entry in chat.fake.requests("/webhooks/") if entry["status"] == 401]) == (0 if settings else 1)
    has_metadata(chat, message=message.id, channel=chat.channel)
    pressed = chat.fake.press(chat.ben, final, "Vary")
    pressed.wait_answer()
    assert pressed.final().files()


@pytest.mark.parametrize("age", [0, HALF_AN_HOUR_AND_MORE])
def test_a_message_that_was_deleted_meanwhile(chat, age):
    asked, message = under_way(chat, steps=15, pause=100)
    chat.fake.delete(message)
    chat.fake.advance(age)
    delivered(chat)
    final = one(chat)
    assert final.id != message.id and final.kind == "channel" and final.content.startswith(f"<@{chat.anna}>")
    assert chat.fake.pings() == [{"user": chat.anna, "message": final.id}]
    has_metadata(chat, message=final.id, channel=chat.channel)
    chat.adapter.restart()
    pressed = chat.fake.press(chat.ben, final, "Upscale")
    pressed.wait_answer()
    assert pressed.final().files()
    assert asked.messages()[0].deleted


def test_a_thread_that_was_archived_meanwhile(chats):
    chat = chats(adapter=OLD)
    thread = chat.fake.channel(chat.guild, "thread", thread=True)
    chat.generate(channel=thread, **LONG).wait_answer()
    chat.fake.change_channel(thread, archived=True)
    delivered(chat)
    assert f"<@{chat.anna}>" in one(chat, thread).content


def test_a_channel_that_was_deleted_meanwhile(chats):
    chat = chats(adapter=OLD)
    channel = chat.fake.channel(chat.guild, "gone")
    chat.generate(channel=channel, **LONG).wait_answer()
    chat.fake.delete_channel(channel)
    delivered(chat)
    assert len(shown(chat, chat.fake.dm(chat.anna))) == 1


def test_messages_older_than_an_hour_have_a_limit_of_their_own(chats):
    """429 with a code of its own: the last edit waits, and comes."""
    chat = chats(adapter={"token_seconds": 1, "edit_ms": 100, "edit_slow_ms": 100})
    chat.fake.setting("old_edits", [2, 4.0])
    asked, message = under_way(chat, steps=30, pause=100)
    chat.fake.advance(3700)
    delivered(chat)
    assert one(chat).id == message.id and asked.final().id == message.id


# ---- where the bot may not write ----------------------------------------------------------------


def test_a_channel_without_permission(chats):
    """The picture comes as a direct message, whose buttons work, and whose picture is the only one."""
    chat = chats(adapter=OLD)
    closed = chat.fake.channel(chat.guild, "closed", permissions=[])
    chat.generate(channel=closed, **LONG).wait_answer()
    delivered(chat)
    final = one(chat, closed)
    dm = chat.fake.dm(chat.anna)
    assert final.json["channel_id"] == dm and final.json.get("message_reference") is None
    has_metadata(chat, message=final.id, channel=dm)
    assert not [ping for ping in chat.fake.pings() if ping["user"] != chat.anna]
    chat.adapter.restart()
    pressed = chat.fake.press(chat.anna, final, "Vary")
    pressed.wait_answer()
    assert pressed.final().files() and len(shown(chat, dm)) == 2


def test_a_permission_that_was_taken_away_meanwhile(chat):
    """The interaction's own token needs none."""
    closed = chat.fake.channel(chat.guild, "closing")
    asked, message = under_way(chat, channel=closed, steps=10, pause=100)
    chat.fake.change_channel(closed, permissions=[])
    assert asked.final().id == message.id
    delivered(chat)
    assert one(chat, closed).id == message.id and not shown(chat, chat.fake.dm(chat.anna))


def test_a_channel_where_the_bot_may_not_read_the_history(chats):
    """A reply needs that; a message does not."""
    chat = chats(adapter=OLD)
    channel = chat.fake.channel(chat.guild, "memoryless", permissions=["VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES"])
    asked = chat.generate(channel=channel, **LONG)
    asked.wait_answer()
    chat.fake.delete(asked.messages()[0])
    delivered(chat)
    final = one(chat, channel)
    assert final.json["channel_id"] == channel and f"<@{chat.anna}>" in final.content


def test_direct_messages_are_closed(chats):
    """It is kept, and /show brings it, also after a restart."""
    chat = chats(adapter=OLD)
    closed = chat.fake.channel(chat.guild, "closed", permissions=[])
    chat.fake.change_user(chat.anna, dms=False)
    chat.generate(channel=closed, **LONG).wait_answer()
    wait_for(lambda: states(chat) == ["kept"], what="the job, kept")
    assert not everywhere(chat, closed)
    has_metadata(chat)
    chat.adapter.restart(token_seconds=840)
    job = chat.jobs()[0]["id"]
    listed = chat.fake.command(chat.anna, chat.channel, "jobs")
    listed.wait_answer()
    assert "Show 1" in listed.message().labels(enabled=True)
    asked = chat.fake.command(chat.anna, chat.channel, "show", job=job)
    asked.wait_answer()
    final = asked.final()
    assert final.files() and "Vary" in final.labels()
    pressed = chat.fake.press(chat.anna, final, "Vary")
    pressed.wait_answer()
    assert pressed.final().files()
    assert states(chat).count("kept") == 1


# ---- other places -------------------------------------------------------------------------------


def test_in_direct_messages(chat):
    dm = chat.fake.dm(chat.anna)
    asked, message = under_way(chat, channel=dm, steps=10, pause=100)
    assert asked.final().id == message.id
    pressed = chat.fake.press(chat.anna, asked.final(), "Vary")
    pressed.wait_answer()
    pressed.final()
    delivered(chat, 2)
    assert len(shown(chat, dm)) == 2 and not shown(chat)


def test_in_direct_messages_after_40_minutes(chats):
    chat = chats(adapter=OLD)
    dm = chat.fake.dm(chat.anna)
    asked = chat.generate(channel=dm, **LONG)
    asked.wait_answer()
    delivered(chat)
    assert one(chat).id == asked.messages()[0].id


@pytest.mark.parametrize("settings, in_channel", [({}, 1), (OLD, 0)], ids=["at_once", "after_40_minutes"])
def test_a_user_has_installed_it_and_the_server_has_not(chats, settings, in_channel):
    """There is no bot in the channel: only the interaction's token writes there, and then a direct message."""
    chat = chats(adapter=settings)
    other = chat.fake.guild("Elsewhere", has_bot=False)
    channel = chat.fake.channel(other, "foreign")
    carla = chat.fake.user("Carla", other, installed=True)
    asked = chat.generate(carla, channel, **LONG)
    asked.wait_answer()
    delivered(chat)
    assert len(shown(chat, channel)) == in_channel
    assert len(shown(chat, chat.fake.dm(carla))) == 1 - in_channel
    assert not any("ermission" in message.text() for message in asked.messages())
    final = (shown(chat, channel) + shown(chat, chat.fake.dm(carla)))[0]
    pressed = chat.fake.press(carla, final, "Vary")
    pressed.wait_answer()
    wait_for(lambda: states(chat).count("delivered") == 2, what="the second picture")


@pytest.mark.parametrize("settings", [{}, OLD], ids=["at_once", "after_40_minutes"])
def test_seen_by_its_owner_alone(chats, settings):
    """Where members may not use applications of their own, Discord shows answers to them alone: nothing is told to others."""
    chat = chats(adapter=settings)
    other = chat.fake.guild("Strict", has_bot=False)
    channel = chat.fake.channel(other, "strict")
    carla = chat.fake.user("Carla", other, installed=True, permissions=["VIEW_CHANNEL", "SEND_MESSAGES", "USE_APPLICATION_COMMANDS"])
    asked = chat.generate(carla, channel, **LONG)
    asked.wait_answer()
    assert asked.messages()[0].ephemeral
    delivered(chat)
    pictures = [message for message in asked.messages() + chat.fake.messages(chat.fake.dm(carla)) if message.files()]
    assert len(pictures) == 1 and (pictures[0].ephemeral or pictures[0].json["channel_id"] == chat.fake.dm(carla))
    assert not [entry for entry in chat.fake.requests(BOT_POSTS) if chat.fake.dm(carla) not in entry["path"] and entry["status"] == 200]


def test_in_a_group_without_the_bot(chats):
    chat = chats()
    carla = chat.fake.user("Carla", installed=True)
    group = chat.fake.group([carla, chat.ben])
    try:
        asked = chat.generate(carla, group)
    except NotPossible:
        pytest.fail("the command is not offered in private channels")
    asked.wait_answer()
    assert asked.final().files()
    delivered(chat)


# ---- files --------------------------------------------------------------------------------------


def test_a_file_above_the_limit(chats, tmp_path):
    """As the picture that it is, only smaller."""
    chat = chats(templates_dir=big(tmp_path, 12 << 20))
    final = chat.made(model="chat-big")
    delivered(chat)
    data = one(chat).files()[0].data
    assert len(data) <= 10 << 20 and Image.open(io.BytesIO(data)).size == (64, 64)
    assert final.embeds[0]["image"]["url"]


def test_the_limit_is_the_one_that_discord_tells(chats, tmp_path):
    """Larger in a boosted server, while the token lives; by the bot's own token 10 MiB."""
    chat = chats(templates_dir=big(tmp_path, 12 << 20))
    boosted = chat.fake.guild("Boosted", attachment_limit=20 << 20)
    channel = chat.fake.channel(boosted)
    carla = chat.fake.user("Carla", boosted)
    asked = chat.generate(carla, channel, model="chat-big")
    asked.wait_answer()
    assert len(asked.final().files()[0].data) >= 12 << 20
    delivered(chat)
    chat.adapter.restart(**OLD)
    chat.fake.fault("webhook_gone", count=None)
    chat.generate(carla, channel, model="chat-big").wait_answer()
    delivered(chat, 2)
    assert [len(message.files()[0].data) < 10 << 20 for message in shown(chat, channel)] == [False, True]


def test_a_limit_of_the_settings(chats):
    chat = chats(adapter={"file_limit_bytes": 20000})
    final = chat.made(size="1024x1024")
    assert len(final.files()[0].data) <= 20000 and Image.open(io.BytesIO(final.files()[0].data)).format in ("WEBP", "JPEG", "PNG")
    assert chat.jobs()[0]["outputs"][0]["size_bytes"] > 20000


def test_ten_files_are_shown_and_more_are_named(chats, tmp_path):
    many = with_template(tmp_path, "chat-many", {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 32, "batch_size": 12, "color": 255}, "_meta": {"title": "Plain"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "many"}, "_meta": {"title": "Made"}}})
    chat = chats(templates_dir=many)
    final = chat.made(model="chat-many")
    assert len(final.files()) == 10 and "Only the first 10" in final.text()
    assert len({file.filename for file in final.files()}) == 10
    assert {"Upscale 1", "Upscale 5"} <= set(final.labels())


@pytest.mark.parametrize("settings", [{}, OLD], ids=["at_once", "after_40_minutes"])
def test_a_video_above_the_limit_is_a_link_that_opens(chats, tmp_path, settings):
    chat = chats(start=False, templates_dir=video(tmp_path, 1000))
    chat.adapter.start(file_limit_bytes=100000, public_url=chat.gateway.url, link_seconds=3600, **settings)
    asked = chat.generate(model="chat-video")
    asked.wait_answer()
    final = asked.final()
    delivered(chat)
    assert not final.files() and "too large" in final.text()
    url = final.text().split("](")[1].split(")")[0]
    assert url.startswith(chat.gateway.url + "/")
    status, kind, data = opened(url)
    output = chat.jobs()[0]["outputs"][0]
    assert (status, kind, len(data)) == (200, "video/mp4", output["size_bytes"]) and data[4:8] == b"ftyp"
    assert opened(url[:-1] + ("0" if url[-1] != "0" else "1"))[0] == 403
    until = int(final.text().split("<t:")[1].split(":")[0])
    assert abs(until - time.time() - 3600) < 60


def test_a_video_above_the_limit_without_an_address_for_links(chats, tmp_path):
    chat = chats(adapter={"file_limit_bytes": 100000}, templates_dir=video(tmp_path, 1000))
    final = chat.made(model="chat-video")
    assert "too large for this chat" in final.text() and "http" not in final.content and not final.files()
    assert chat.jobs()[0]["id"] in final.text(), "it names the id under which it is kept"


def test_a_video_below_the_limit(chats, tmp_path):
    chat = chats(templates_dir=video(tmp_path, 100))
    final = chat.made(model="chat-video")
    assert final.files()[0].data[4:8] == b"ftyp" and final.files()[0].filename.endswith(".mp4")
    assert not any(embed.get("image") for embed in final.embeds)


def test_413_again_and_again_is_smaller_each_time(chats):
    chat = chats(adapter=STILL)
    chat.fake.fault("too_large", route=ORIGINAL, count=2)
    final = chat.made(size="1024x1024", steps=1)
    delivered(chat)
    assert one(chat).id == final.id
    size = chat.jobs()[0]["outputs"][0]["size_bytes"]
    assert len(final.files()[0].data) <= size / 4 and Image.open(io.BytesIO(final.files()[0].data)).size[0] >= 512


# ---- exactly one --------------------------------------------------------------------------------


@pytest.mark.patient
@pytest.mark.parametrize("name, params", [("reset", {"done": True}), ("status", {"status": 500, "done": True}),
                                          ("status", {"status": 503}), ("reset", {}), ("hang", {"seconds": 20, "done": True})],
                         ids=["lost", "500_but_done", "503", "reset", "hang"])
def test_a_new_message_whose_answer_is_lost_is_not_posted_twice(chats, name, params):
    chat = chats(adapter=OLD)
    asked = chat.generate(**LONG)
    asked.wait_answer()
    chat.fake.delete(asked.messages()[0])
    chat.fake.fault(name, route=BOT_POSTS, **params)
    delivered(chat)
    posts = chat.fake.requests(BOT_POSTS)
    assert len(posts) == 2 and posts[1]["json"]["nonce"] and posts[1]["json"]["enforce_nonce"] is True
    assert len(posts[1]["json"]["nonce"]) <= 25
    one(chat)
    assert len(chat.fake.pings()) == 1


@pytest.mark.parametrize("way", ["edit", "post", "dm"])
def test_killed_between_the_message_and_its_mark(chats, way):
    """The message is out, comfygate does not know it: the next process says the same again, and no second message comes of it."""
    chat = chats(adapter=OLD)
    channel = chat.fake.channel(chat.guild, "closed", permissions=[]) if way == "dm" else chat.channel
    asked = chat.generate(channel=channel, **LONG)
    asked.wait_answer()
    if way == "post":
        chat.fake.delete(asked.messages()[0])
    route = BOT_EDITS if way == "edit" else BOT_POSTS
    chat.fake.fault("hang", route=route, seconds=3, done=True, after=1 if way == "dm" else 0)
    wait_for(lambda: everywhere(chat, channel), what="the message")
    chat.adapter.kill()
    assert states(chat) == ["open"]
    chat.adapter.start()
    delivered(chat)
    one(chat, channel)


def test_comfygate_hangs_while_it_is_marked(chats):
    """The mark waits; the message does not come twice."""
    chat = chats(adapter={"log_level": "debug"})
    chat.fake.fault("slow", route=ORIGINAL, seconds=1.5)
    asked = chat.generate(steps=1, pause=10)
    asked.wait_answer()
    wait_for(lambda: chat.fake.requests(ORIGINAL), what="the delivery")
    with frozen(chat.gateway.pid):
        wait_for(lambda: chat.adapter.events("delivered"), what="the message")
        time.sleep(1)
    delivered(chat)
    assert len(chat.adapter.events("delivered")) == 1
    one(chat)


def test_a_failure_and_a_cancellation_are_delivered_likewise(chats):
    """Also where the message was deleted: whoever waits hears of the end."""
    chat = chats(adapter=OLD)
    asked = chat.generate(model="chat-fail")
    asked.wait_answer()
    delivered(chat)
    running, message = under_way(chat)
    chat.fake.delete(message)
    finish(chat)
    delivered(chat, 2)
    told = [message for message in chat.fake.messages(chat.channel) if "anceled" in message.text()]
    assert len(told) == 1 and f"<@{chat.anna}>" in told[0].content and running.messages()[0].deleted


def test_everything_at_once(chats):
    """Twelve jobs in four places while Discord fails in all ways: twelve messages with a picture, one for each."""
    chat = chats(adapter={"jobs_at_once": 0, "edit_ms": 200})
    chance = random.Random(7)
    chat.fake.allow("LATE_ANSWER", "UNANSWERED", "EDIT_BEFORE_ANSWER")
    channels = [chat.channel, chat.fake.channel(chat.guild, "second"), chat.fake.dm(chat.anna),
                chat.fake.channel(chat.guild, "closed", permissions=[])]
    for n in range(24):
        name, params = chance.choice([("status", {"status": 500}), ("status", {"status": 502, "done": True}), ("reset", {}),
                                      ("reset", {"done": True}), ("limited", {"retry_after": 0.3}), ("slow", {"seconds": 0.5})])
        chat.fake.fault(name, route=chance.choice([ORIGINAL, ORIGINAL, BOT_EDITS, BOT_POSTS, "/callback"]), after=n // 3, **params)
    for n in range(12):
        chat.generate(channel=channels[n % 4], steps=3, pause=100, prompt=f"number {n}.")
        if n == 6:
            chat.fake.fault("drop", at="now")
            chat.fake.wait_ready()
    wait_for(lambda: len(chat.jobs()) == 12 or len(chat.fake.unanswered()) > 0, 60)
    wait_for(lambda: set(states(chat)) == {"delivered"}, 120, "every delivery")
    texts = [message.text() for message in everywhere(chat, *channels)]
    for job in chat.jobs():
        prompt = job["input"]["prompt"]
        assert sum(prompt.replace(".", "\\.") in text or prompt in text for text in texts) == 1, (prompt, texts)


# ---- interactions over HTTP ---------------------------------------------------------------------


@pytest.fixture
def posted(chats):
    chat = chats(start=False)
    chat.adapter.start(wait=False, mode="http", listen="127.0.0.1:0", public_key=chat.fake.public_key)
    line = wait_for(lambda: [row for row in chat.adapter.log().splitlines() if "listening on http" in row])
    chat.address = line[0].split(" on ")[1]
    wait_for(chat.fake.commands, what="the registration of commands")
    chat.fake.interactions_endpoint(chat.address)
    return chat


def post_to(chat, body, headers):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(chat.address).netloc, timeout=10)
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_http_after_40_minutes_and_deleted(posted):
    asked, message = under_way(posted, steps=15, pause=100)
    posted.fake.delete(message)
    posted.fake.advance(HALF_AN_HOUR_AND_MORE)
    delivered(posted)
    assert one(posted).content.startswith(f"<@{posted.anna}>")
    assert asked.answers[0]["via"] == "endpoint"


def test_http_with_a_picture(posted):
    source = posted.made().files()[0]
    asked = posted.fake.command(posted.anna, posted.channel, "edit", {"model": "test-edit", "image": File("mine.png", source.data)})
    answer = asked.wait_answer()
    assert (answer["type"], answer["via"]) == (5, "endpoint")
    assert asked.final().files()
    delivered(posted, 2)
    assert len(everywhere(posted)) == 2


def test_http_bad_signatures(posted):
    """Whoever cannot sign gets 401 and starts nothing; a signature is for one body at one time."""
    asked = posted.generate()
    asked.wait_answer()
    asked.final()
    body = json.dumps({**asked.payload, "id": str(int(asked.id) + 1)})
    good = posted.fake.sign(body)
    other = posted.fake.sign(body + " ")["X-Signature-Ed25519"]
    late = posted.fake.sign(body, str(int(time.time()) - 3600))
    early = posted.fake.sign(body, str(int(time.time()) + 3600))
    signature, stamp = good["X-Signature-Ed25519"], good["X-Signature-Timestamp"]
    bad = [{}, {"X-Signature-Ed25519": signature}, {"X-Signature-Timestamp": stamp},
           {**good, "X-Signature-Ed25519": other}, {**good, "X-Signature-Ed25519": signature[:-2]},
           {**good, "X-Signature-Ed25519": signature + "00"}, {**good, "X-Signature-Ed25519": ""},
           {**good, "X-Signature-Ed25519": "0" * 128}, {**good, "X-Signature-Ed25519": "x" * 128},
           {**good, "X-Signature-Timestamp": str(int(stamp) + 1)}, {**good, "X-Signature-Timestamp": ""}, late, early]
    for headers in bad:
        assert post_to(posted, body, headers)[0] == 401, headers
    assert post_to(posted, body.replace("lighthouse", "lighthou5e"), good)[0] == 401
    assert len(posted.jobs()) == 1
    posted.fake.interactions_endpoint(posted.address)  # Discord's own check passes still
    posted.generate(posted.ben).final()
    assert len(posted.jobs()) == 2


def test_http_a_request_that_is_sent_again(posted):
    """By somebody who has listened: it is signed, and begins nothing anew."""
    asked = posted.generate()
    asked.wait_answer()
    asked.final()
    body = json.dumps(asked.payload)
    headers = posted.fake.sign(body)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(lambda _: post_to(posted, body, headers), range(8))} <= {202, 204}
    assert len(posted.jobs()) == 1 and len(shown(posted)) == 1


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "{\"type\":2}", "{\"type\":\"1\"}", "{\"type\":99,\"id\":\"1\"}", "x" * 1000,
                                  "[" * 100000, "\x00"])
def test_http_signed_nonsense(posted, body):
    """Discord would not; it is a 400 and no fall."""
    status, _ = post_to(posted, body.encode(), posted.fake.sign(body))
    assert status in (400, 202, 204), status
    posted.generate().final()


def test_http_nobody_is_kept_waiting(posted):
    """A connection that says nothing holds nobody up."""
    connections = [http.client.HTTPConnection(urllib.parse.urlsplit(posted.address).netloc, timeout=10) for _ in range(30)]
    for each in connections:
        each.connect()
        each.sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n")
    asked = posted.generate()
    assert asked.wait_answer()["after"] < 2
    asked.final()
    for each in connections:
        each.close()


assert pathlib.Path(TEMPLATES).is_dir()
