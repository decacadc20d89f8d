"""The fake Discord's Gateway: sessions, heartbeats, limits, and each of its faults."""
import contextlib
import time

import aiohttp
import pytest

from place import fakes, place  # noqa: F401  (fixtures)
from small_bot import Socket


@pytest.fixture
def sockets(place):
    opened = []

    def build(url=None, **more):
        opened.append(Socket(url or place.fake.gateway_url, **more))
        return opened[-1]

    place.fake.setting("identify_every", 0)
    yield build
    for socket in opened:
        with contextlib.suppress(Exception):
            socket.close()


def rules(fake):
    return {breach["rule"] for breach in fake.call("breaches", clear=True)}


# ---- as it should be


def test_a_session(place, sockets):
    socket = sockets()
    ready = socket.identify(place.fake.token)
    assert ready["user"]["id"] == place.fake.bot_id and ready["application"]["id"] == place.fake.application_id
    assert ready["resume_gateway_url"] == place.fake.resume_url and ready["guilds"][0]["id"] == place.guild
    assert socket.wait(0, "READY")["s"] == 1
    asked = place.ask()
    event = socket.wait(0, "INTERACTION_CREATE")
    assert event["s"] == 2 and event["d"] == asked.payload and asked.sent == 1
    socket.beat(2)
    socket.wait(11)
    place.bot.say(asked, "x")
    record = place.fake.connections()[0]
    assert record["identify"]["intents"] == 0 and record["heartbeats"] == 1 and record["url"] == "main"


def test_a_resume_replays_what_was_missed(place, sockets):
    first = sockets()
    session = first.identify(place.fake.token)["session_id"]
    first.close(4000)
    place.fake.wait_until(lambda: place.fake.connections()[0]["ended"])
    missed = [place.ask(), place.ask()]
    second = sockets(place.fake.resume_url)
    second.resume(place.fake.token, session, 1)
    second.wait(0, "RESUMED")
    events = [item for item in second.received if item.get("t") == "INTERACTION_CREATE"]
    assert [event["d"]["id"] for event in events] == [asked.id for asked in missed]
    record = place.fake.connections()[1]
    assert record["replayed"] == 2 and record["url"] == "resume"
    for asked in missed:
        place.bot.say(asked, "x")


def test_nothing_is_kept_for_who_says_goodbye(place, sockets):
    first = sockets()
    session = first.identify(place.fake.token)["session_id"]
    first.close(1000)
    place.fake.wait_until(lambda: place.fake.connections()[0]["ended"])
    second = sockets(place.fake.resume_url)
    second.resume(place.fake.token, session, 1)
    assert second.wait(9)["d"] is False
    place.fake.wait_breach("RESUME_AFTER_1000")


def test_a_session_that_is_too_old_or_unknown(place, sockets):
    first = sockets()
    session = first.identify(place.fake.token)["session_id"]
    first.close(4000)
    place.fake.setting("session_life", 0.1)
    time.sleep(0.3)
    for wanted in (session, "unknown"):
        second = sockets(place.fake.resume_url)
        second.resume(place.fake.token, wanted, 1)
        assert second.wait(9)["d"] is False
    assert place.fake.breaches() == []


def test_it_is_killed_and_comes_back_with_its_sessions(place, sockets):
    first = sockets()
    session = first.identify(place.fake.token)["session_id"]
    place.fake.kill_gateway()
    first.wait_closed()
    with pytest.raises(aiohttp.ClientError):
        sockets()
    asked = place.ask()
    place.fake.start_gateway()
    second = sockets(place.fake.resume_url)
    second.resume(place.fake.token, session, 1)
    assert second.wait(0, "INTERACTION_CREATE")["d"]["id"] == asked.id
    assert place.bot.say(asked, "x").status == 204
    place.fake.forget_sessions()
    second.close()
    third = sockets(place.fake.resume_url)
    third.resume(place.fake.token, session, 2)
    assert third.wait(9)["d"] is False


def test_shards(place, sockets):
    place.fake.setting("shards_required", 2)
    alone = sockets()
    alone.wait(10)
    alone.send({"op": 2, "d": {"token": place.fake.token, "intents": 0,
                               "properties": {"os": "x", "browser": "x", "device": "x"}}})
    assert alone.wait_closed() == 4011
    mine = (int(place.guild) >> 22) % 2
    right, other = sockets(), sockets()
    right.identify(place.fake.token, shard=[mine, 2])
    other.identify(place.fake.token, shard=[1 - mine, 2])
    place.bot.say(place.ask(), "x")
    right.wait(0, "INTERACTION_CREATE")
    assert not [item for item in other.received if item.get("t") == "INTERACTION_CREATE"]
    place.fake.command(place.anna, place.fake.dm(place.anna), "generate", prompt="x")
    (right if mine == 0 else other).wait(0, "INTERACTION_CREATE", 2 if mine == 0 else 1)
    place.fake.allow("UNANSWERED")


def test_an_interaction_that_nobody_answers(place, sockets):
    place.fake.setting("answer_limit", 0.3)
    sockets().identify(place.fake.token)
    asked = place.ask()
    place.fake.wait_breach("UNANSWERED")
    assert place.fake.unanswered() == [asked.id]
    place.bot.say(asked, "late")
    place.fake.wait_breach("LATE_ANSWER")


def test_nobody_is_blamed_for_what_he_did_not_get(place, sockets):
    place.fake.setting("answer_limit", 0.2)
    asked = place.ask()
    place.fake.wait_until(place.fake.unanswered)
    socket = sockets()
    socket.identify(place.fake.token)
    place.ask()
    socket.close(4000)
    place.fake.wait_until(lambda: len(place.fake.unanswered()) == 2)
    assert asked.unanswered and place.fake.breaches() == []


# ---- what a client does wrong


@pytest.mark.parametrize("payload, code, rule", [
    ({"op": 1, "d": None, "pad": "x" * 4096}, 4002, "MESSAGE_TOO_LARGE"), ("{", 4002, "INVALID_PAYLOAD"),
    ([], 4002, "INVALID_PAYLOAD"), ({"op": 99}, 4001, "UNKNOWN_OPCODE"), ({"op": 3, "d": {}}, 4003, "NOT_IDENTIFIED"),
    ({"op": 2, "d": None}, 4002, "INVALID_PAYLOAD")])
def test_a_payload_that_is_wrong(place, sockets, payload, code, rule):
    socket = sockets()
    socket.wait(10)
    socket.send(payload)
    assert socket.wait_closed() == code and rules(place.fake) == {rule}


@pytest.mark.parametrize("more, code, rule", [
    ({"token": "wrong"}, 4004, None), ({"intents": 1 << 15}, 4014, "IDENTIFY_INTENTS"),
    ({"intents": -1}, 4013, "IDENTIFY_INTENTS"), ({"shard": [2, 2]}, 4010, "IDENTIFY_SHARD"),
    ({"properties": {"os": "x"}}, None, "IDENTIFY_PROPERTIES")])
def test_an_identify_that_is_wrong(place, sockets, more, code, rule):
    socket = sockets()
    socket.wait(10)
    properties = {"os": "x", "browser": "x", "device": "x"}
    socket.send({"op": 2, "d": {"token": place.fake.token, "intents": 0, "properties": properties, **more}})
    if code is None:
        socket.wait(0, "READY")
    else:
        assert socket.wait_closed() == code
    assert rules(place.fake) == ({rule} if rule else set())


def test_identify_twice_and_a_number_from_the_future(place, sockets):
    socket = sockets()
    session = socket.identify(place.fake.token)["session_id"]
    socket.send({"op": 2, "d": {"token": place.fake.token}})
    assert socket.wait_closed() == 4005 and rules(place.fake) == {"IDENTIFIED_TWICE"}
    other = sockets(place.fake.resume_url)
    other.resume(place.fake.token, session, 99)
    assert other.wait_closed() == 4007 and rules(place.fake) == {"RESUME_SEQ"}


def test_identify_too_soon_and_too_often(place, sockets):
    place.fake.setting("identify_every", 5)
    first, second = sockets(), sockets()
    first.identify(place.fake.token)
    with pytest.raises(TimeoutError):
        second.wait(10)
        second.send({"op": 2, "d": {"token": place.fake.token, "intents": 0,
                                    "properties": {"os": "x", "browser": "x", "device": "x"}}})
        assert second.wait(9)["d"] is False
        second.wait(0, "READY", timeout=0.2)
    assert rules(place.fake) == {"IDENTIFY_TOO_SOON"}
    place.fake.setting("identify_every", 0)
    place.fake.setting("remaining", 0)
    assert place.bot.request("GET", "/gateway/bot").json()["session_start_limit"]["remaining"] == 0
    sockets().identify(place.fake.token)
    assert rules(place.fake) == {"IDENTIFY_EXHAUSTED"}


def test_a_handshake_that_is_wrong(place, sockets):
    for more, rule in (({"query": "/?v=9&encoding=json"}, "GATEWAY_QUERY"), ({"query": "/?v=10"}, "GATEWAY_QUERY"),
                       ({"query": "//?v=10&encoding=json"}, "GATEWAY_PATH"), ({"agent": None}, "USER_AGENT")):
        sockets(**more).wait(10)
        assert rules(place.fake) == {rule}


def test_more_than_120_events_a_minute(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    for _ in range(120):
        socket.send({"op": 1, "d": 1})
    assert socket.wait_closed() == 4008 and rules(place.fake) == {"TOO_MANY_EVENTS"}


def test_no_heartbeat(place, sockets):
    place.fake.setting("interval_ms", 200)
    socket = sockets()
    assert socket.wait(10)["d"]["heartbeat_interval"] == 200
    assert socket.wait_closed() == 4009 and rules(place.fake) == {"HEARTBEAT_LATE"}


def test_a_heartbeat_with_a_wrong_number(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    socket.beat(7)
    place.fake.wait_breach("HEARTBEAT_SEQ")
    place.fake.call("breaches", clear=True)
    time.sleep(2.1)
    socket.beat(None)
    place.fake.wait_breach("HEARTBEAT_SEQ")


def test_first_heartbeats_that_are_all_alike(place, sockets):
    for _ in range(4):
        socket = sockets()
        socket.wait(10)
        socket.beat()
        socket.wait(11)
    place.fake.wait_breach("HEARTBEAT_JITTER")


def test_a_storm_of_connections(place, sockets):
    for _ in range(31):
        sockets().close()
    place.fake.wait_breach("CONNECT_STORM")


# ---- faults


def test_no_hello(place, sockets):
    place.fake.fault("no_hello")
    with pytest.raises(TimeoutError):
        sockets().wait(10, timeout=0.3)
    sockets().wait(10)


def test_no_ack(place, sockets):
    place.fake.fault("no_ack")
    socket = sockets()
    socket.beat()
    with pytest.raises(TimeoutError):
        socket.wait(11, timeout=0.3)
    socket.beat()
    socket.wait(11)


def test_refuse(place, sockets):
    place.fake.fault("refuse", status=503)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        sockets()
    sockets().wait(10)


def test_op1(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    assert place.fake.fault("op1") == 1
    socket.wait(1)
    socket.beat(1)
    socket.wait(11)
    place.fake.fault("op1")
    place.fake.wait_breach("HEARTBEAT_ASKED")


@pytest.mark.parametrize("name, more, op, data", [("op7", {}, 7, None), ("op9", {"resumable": True}, 9, True),
                                                  ("op9", {}, 9, False), ("unknown_op", {}, 42, {"what": "ever"}),
                                                  ("junk", {}, None, None)])
@pytest.mark.parametrize("at", ["now", "identify", "ready", "heartbeat", "interaction"])
def test_a_payload_on_purpose(place, sockets, name, more, op, data, at):
    if at != "now":
        place.fake.fault(name, at=at, **more)
    socket = sockets()
    socket.identify(place.fake.token)
    if at == "now":
        assert place.fake.fault(name, **more) == 1
    socket.beat(1)
    place.bot.say(place.ask(), "x")
    assert socket.wait(op).get("d") == data
    assert [seen["struck"] for seen in place.fake.faults_seen()] == [1]


@pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4004, 4005, 4007, 4008, 4009, 4010, 4011, 4012, 4013, 4014,
                                  1000, 1001])
def test_close(place, sockets, code):
    socket = sockets()
    socket.identify(place.fake.token)
    place.fake.fault("close", code=code, reason="because")
    assert socket.wait_closed() == code
    assert place.fake.connections()[0]["server_close"] == code


def test_close_4009_forgets_the_session(place, sockets):
    socket = sockets()
    session = socket.identify(place.fake.token)["session_id"]
    place.fake.fault("close", code=4009)
    socket.wait_closed()
    again = sockets(place.fake.resume_url)
    again.resume(place.fake.token, session, 1)
    assert again.wait(9)["d"] is False


@pytest.mark.parametrize("name", ["drop", "half_frame"])
def test_an_end_without_a_close_frame(place, sockets, name):
    socket = sockets()
    socket.identify(place.fake.token)
    place.fake.fault(name)
    socket.wait_closed()
    assert not [item for item in socket.received if item.get("t") == "HALF"]
    assert place.fake.connections()[0]["server_close"] is None


def test_big_ready(place, sockets):
    place.fake.fault("big_ready", bytes=2 << 20, fragments=64)
    socket = sockets()
    assert len(str(socket.identify(place.fake.token))) > 2_000_000
    place.bot.say(place.ask(), "x")
    assert socket.wait(0, "INTERACTION_CREATE")["s"] == 2


def test_duplicate_interaction(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    place.fake.fault("duplicate_interaction")
    place.bot.say(place.ask(), "x")
    first, second = socket.wait(0, "INTERACTION_CREATE"), socket.wait(0, "INTERACTION_CREATE", 2)
    assert first["d"] == second["d"] and first["s"] + 1 == second["s"]


def test_replay_interaction(place, sockets):
    first = sockets()
    session = first.identify(place.fake.token)["session_id"]
    asked = place.ask()
    first.wait(0, "INTERACTION_CREATE")
    place.bot.say(asked, "x")
    first.close(4000)
    place.fake.fault("replay_interaction")
    second = sockets(place.fake.resume_url)
    second.resume(place.fake.token, session, 2)
    assert second.wait(0, "INTERACTION_CREATE")["d"]["id"] == asked.id
    assert second.wait(0, "RESUMED")["s"] == 4


def test_unknown_type_and_missing_data_and_unknown_event(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    place.fake.fault("unknown_type")
    place.fake.fault("missing_data")
    place.fake.fault("unknown_event")
    asked = place.ask()
    strange, empty, right = [socket.wait(0, "INTERACTION_CREATE", n)["d"] for n in (1, 2, 3)]
    assert strange["type"] == 99 and "data" not in empty and right["id"] == asked.id
    assert len({strange["id"], empty["id"], right["id"]}) == 3
    socket.wait(0, "SOMETHING_NEW")
    place.bot.say(asked, "x")
    body = {"type": 4, "data": {"content": "what?", "allowed_mentions": {"parse": []}}}
    assert place.bot.request("POST", f"/interactions/{empty['id']}/{empty['token']}/callback", body).status == 204


def test_a_restart_within_five_seconds_is_no_fault_of_the_client(place, sockets):
    place.fake.setting("identify_every", 5)
    first = sockets()
    first.identify(place.fake.token)
    first.close(1000)
    second = sockets()
    second.wait(10)
    second.send({"op": 2, "d": {"token": place.fake.token, "intents": 0,
                                "properties": {"os": "x", "browser": "x", "device": "x"}}})
    assert second.wait(9)["d"] is False
    assert place.fake.breaches() == []


def test_it_freezes(place, sockets):
    socket = sockets()
    socket.identify(place.fake.token)
    place.fake.pause()
    socket.beat(1)
    with pytest.raises(TimeoutError):
        socket.wait(11, timeout=0.3)
    place.fake.resume()
    socket.wait(11)
