"""Each fault of REST and of the CDN that the fake Discord can be told, and its rate limits."""
import http.client
import time

import pytest

from discord import File
from place import PNG, ROW, fakes, place  # noqa: F401  (two are fixtures)

PATCH = "PATCH /channels/{channel_id}/messages/{message_id}"
GONE = (http.client.RemoteDisconnected, ConnectionError, http.client.BadStatusLine)


# ---- rate limits


def test_a_bucket_is_told_and_kept(place):
    place.fake.limit(PATCH, 5, 1.0)
    told = place.bot.post(place.channel, {"content": "x"}).json()
    answers = [place.bot.edit_in(place.channel, told["id"], {"content": str(n)}) for n in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "5" and len(answers[0].headers["X-RateLimit-Bucket"]) == 32
    refused = answers[5]
    assert refused.json()["global"] is False and 0 < refused.json()["retry_after"] <= 1
    assert refused.headers["X-RateLimit-Scope"] == "user" and int(refused.headers["Retry-After"]) == 1
    assert place.fake.count_429() == 1 and place.fake.counts()["invalid"] == 1
    time.sleep(refused.json()["retry_after"])
    assert place.bot.edit_in(place.channel, told["id"], {"content": "x"}).status == 200


def test_buckets_are_for_one_channel_and_one_token(place):
    other = place.fake.channel(place.guild)
    for channel in (place.channel, other):
        for _ in range(5):
            assert place.bot.post(channel, {"content": "x"}).status == 200
    assert place.bot.post(other, {"content": "x"}).status == 429
    first, second = place.said(), place.said()
    for asked in (first, second):
        for _ in range(5):
            assert place.bot.edit(asked, {"content": "x"}).status == 200
    assert place.bot.edit(first, {"content": "x"}).status == 429


def test_coming_again_too_early(place):
    place.fake.limit(PATCH, 1, 2.0)
    told = place.bot.post(place.channel, {"content": "x"}).json()
    for _ in range(3):  # together: the last two were on their way
        place.bot.edit_in(place.channel, told["id"], {"content": "x"})
    assert place.fake.breaches() == []
    time.sleep(0.5)
    place.bot.edit_in(place.channel, told["id"], {"content": "x"})
    place.fake.wait_breach("EARLY_AFTER_429")


def test_the_global_limit_is_not_for_tokens(place):
    place.fake.limits(per_second=3)
    asked = place.said()
    time.sleep(1)
    statuses = [place.bot.request("GET", "/users/@me").status for _ in range(4)]
    assert statuses == [200] * 3 + [429]
    assert place.fake.limited()[-1]["scope"] == "global"
    assert place.bot.edit(asked, {"content": "x"}).status == 200


def test_too_many_invalid_requests(place):
    place.fake.limits(invalid_max=3)
    place.fake.limit("GET /users/@me", 1, 60)
    answers = [place.bot.request("GET", "/users/@me") for _ in range(5)]
    assert answers[3].headers["Content-Type"].startswith("application/json")
    assert answers[4].headers["Content-Type"].startswith("text/html")


# ---- faults of REST


def test_limited(place):
    place.fake.fault("limited", retry_after=7.5)
    answer = place.bot.request("GET", "/users/@me")
    assert (answer.status, answer.json()["retry_after"]) == (429, 7.5) and answer.headers["Retry-After"] == "8"
    place.fake.fault("limited", route="/applications/@me", scope="global")
    assert place.bot.request("GET", "/channels/" + place.channel).status == 200
    answer = place.bot.request("GET", "/applications/@me")
    assert answer.json()["global"] is True and answer.headers["X-RateLimit-Global"] == "true"
    invalid = place.fake.counts()["invalid"]
    place.fake.fault("limited", scope="shared", route="GET /channels")
    assert place.bot.request("GET", "/channels/" + place.channel).headers["X-RateLimit-Scope"] == "shared"
    assert place.fake.counts()["invalid"] == invalid
    place.fake.fault("limited", json=False, route="/gateway/bot")
    answer = place.bot.request("GET", "/gateway/bot")
    assert answer.status == 429 and answer.headers["Content-Type"].startswith("text/html")
    assert [item["on_purpose"] for item in place.fake.limited()] == [True] * 4


def test_remaining_0(place):
    place.fake.fault("remaining_0", route="POST /channels", reset_after=0.5)
    answer = place.bot.post(place.channel, {"content": "x"})
    assert answer.status == 200 and answer.headers["X-RateLimit-Remaining"] == "0"
    assert 0 < float(answer.headers["X-RateLimit-Reset-After"]) <= 0.5
    assert place.bot.post(place.channel, {"content": "x"}).status == 429
    time.sleep(0.55)
    assert place.bot.post(place.channel, {"content": "x"}).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_status(place, status):
    asked = place.ask()
    place.fake.fault("status", route="/callback", status=status)
    assert place.bot.say(asked, "x").status == status
    assert asked.answers == []
    assert place.bot.say(asked, "x").status == 204


def test_status_although_it_was_done(place):
    asked = place.ask()
    place.fake.fault("status", route="/callback", status=502, done=True)
    assert place.bot.say(asked, "x").status == 502
    assert asked.message().content == "x"


@pytest.mark.parametrize("name", ["reset", "hang"])
@pytest.mark.parametrize("done", [False, True])
def test_no_answer(place, name, done):
    asked = place.ask()
    place.fake.fault(name, route="/callback", done=done, seconds=0.2)
    with pytest.raises(GONE):
        place.bot.say(asked, "x")
    assert bool(asked.answers) == done


def test_slow(place):
    place.fake.fault("slow", seconds=0.3)
    began = time.monotonic()
    assert place.bot.request("GET", "/users/@me").status == 200
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize("name, call, status, code", [
    ("unknown_interaction", "say", 404, 10062), ("invalid_token", "edit", 401, 50027),
    ("webhook_gone", "edit", 404, 10015), ("too_large", "edit", 413, 40005),
    ("missing_permissions", "post", 403, 50013), ("missing_access", "post", 403, 50001),
    ("cannot_dm", "post", 403, 50007), ("blocked", "post", 403, 40333), ("automod", "post", 400, 200000),
    ("unauthorized", "post", 401, 0)])
def test_an_error_by_its_name(place, name, call, status, code):
    asked = place.ask() if call == "say" else place.said()
    calls = {"say": lambda: place.bot.say(asked, "x"), "edit": lambda: place.bot.edit(asked, {"content": "x"}),
             "post": lambda: place.bot.post(place.channel, {"content": "x"})}
    place.fake.fault(name)
    answer = calls[call]()
    assert (answer.status, answer.code) == (status, code)
    assert calls[call]().status in (200, 204)


def test_any_error(place):
    place.fake.fault("error", route="POST /channels", status=400, code=50006, message="no")
    answer = place.bot.post(place.channel, {"content": "x"})
    assert (answer.status, answer.code, answer.json()["message"]) == (400, 50006, "no")
    place.fake.fault("html")
    assert place.bot.request("GET", "/users/@me").body.startswith(b"<html>")


def test_for_some_times_after_some_and_for_ever(place):
    place.fake.fault("error", count=2, after=1)
    assert [place.bot.request("GET", "/users/@me").status for _ in range(4)] == [200, 400, 400, 200]
    assert place.fake.faults_seen()[0]["struck"] == 2
    place.fake.fault("error", count=None)
    assert [place.bot.request("GET", "/users/@me").status for _ in range(4)] == [400] * 4
    place.fake.clear_faults("error")
    assert place.bot.request("GET", "/users/@me").status == 200
    with pytest.raises(RuntimeError):
        place.fake.fault("no such fault")


def test_identify_exhausted(place):
    place.fake.fault("identify_exhausted", reset_after=5000)
    limit = place.bot.request("GET", "/gateway/bot").json()["session_start_limit"]
    assert (limit["remaining"], limit["reset_after"]) == (0, 5000)
    assert place.bot.request("GET", "/gateway/bot").json()["session_start_limit"]["remaining"] == 1000


def test_rest_is_killed_and_comes_back_with_all_it_knew(place):
    asked = place.said(components=ROW)
    place.fake.kill_rest()
    with pytest.raises(ConnectionError):
        place.bot.request("GET", "/users/@me")
    place.fake.start_rest()
    assert place.bot.edit(asked, {"content": "still here"}).status == 200
    assert asked.message().labels()[0] == "Upscale"


# ---- the CDN


@pytest.fixture
def url(place):
    data = bytes(range(256)) * 40
    resolved = place.ask(picture=File("a.bin", data)).payload["data"]["resolved"]["attachments"]
    return next(iter(resolved.values()))["url"]


@pytest.mark.parametrize("status", [403, 404])
def test_cdn_expired(place, url, status):
    place.fake.fault("cdn_expired", status=status)
    assert place.bot.fetch(url).status == status
    assert place.bot.fetch(url).status == 200


def test_cdn_html(place, url):
    place.fake.fault("cdn_html")
    assert place.bot.fetch(url).headers["Content-Type"].startswith("text/html")


def test_cdn_slow(place, url):
    place.fake.fault("cdn_slow", seconds=0.3)
    began = time.monotonic()
    assert len(place.bot.fetch(url).body) == 10240 and time.monotonic() - began > 0.3
    place.fake.fault("cdn_slow", seconds=5)
    with pytest.raises(TimeoutError):
        place.bot.fetch(url, timeout=0.3)


def test_cdn_cut(place, url):
    place.fake.fault("cdn_cut")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        place.bot.fetch(url)


def test_cdn_huge(place, url):
    place.fake.fault("cdn_huge", bytes=1 << 20)
    answer = place.bot.fetch(url)
    assert len(answer.body) == 1 << 20 and "Content-Length" not in answer.headers


def test_cdn_redirect(place, url):
    place.fake.fault("cdn_redirect", url="http://127.0.0.1:1/x")
    answer = place.bot.fetch(url)
    assert answer.status == 302 and answer.headers["Location"] == "http://127.0.0.1:1/x"


def test_a_picture_of_the_bot_can_be_looked_at(place):
    asked = place.said()
    place.bot.edit(asked, {"attachments": [{"id": "0", "filename": "a.png"}]}, files=[("a.png", PNG)])
    assert asked.message().files() == [File("a.png", PNG, "image/png", False)]
