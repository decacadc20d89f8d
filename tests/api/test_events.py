"""Listening: streams and long-polls tell what happens, once and in order, whatever breaks on the way."""
import concurrent.futures
import contextlib
import json
import socket
import time

import pytest

import graphs
from events import Stream, check_event, durable, listen, poll, types
from stage import eventually, free_port, stages  # noqa: F401  (stages is a fixture)


def up(stage):
    stage.backend(lambda b: b["status"] == "up")
    eventually(lambda: poll(stage.gateway, after=0)["data"])  # its event is there, too
    return stage


# ---- what is told --------------------------------------------------------------------------


def test_a_job_from_its_beginning_to_its_end(stages):
    """The snapshot, then every step of a job, and what passes in between."""
    stage = up(stages())
    with listen(stage.gateway) as stream:
        snapshot = stream.next()
        assert snapshot.type == "snapshot" and snapshot.id is None and snapshot.job is None
        assert snapshot.data["jobs"] == [] and snapshot.data["jobs_cut"] is False
        assert [each["status"] for each in snapshot.data["backends"]["data"]] == ["up"]
        assert 1000 <= stream.retry < 3000
        job = stage.submit(graphs.steps(6, ms=150, previews=True), title="a title", metadata={"chat": "7"})
        seen = stream.until("job.succeeded", job)
    assert types(seen) == ["job.queued", "job.started", "job.output", "job.succeeded"]
    assert [each.data["status"] for each in durable(seen)] == ["queued", "running", "succeeded", "succeeded"]
    assert all(each.data["metadata"] == {"chat": "7"} and each.data["title"] == "a title" for each in durable(seen))
    numbers = [int(each.id) for each in durable(seen)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    done = stage.job(job)
    assert seen[-1].data["metrics"] == done["metrics"]
    told = seen[-1].data["outputs"]
    assert told == durable(seen)[2].data["outputs"]
    assert told == [{name: output[name] for name in told[0]} for output in done["outputs"]]
    passing = [each for each in seen if each.id is None]
    values = [each.data["progress"]["value"] for each in passing if each.type == "job.progress"]
    assert values == sorted(values) and len(values) >= 3
    previews = [each.data["preview_seq"] for each in passing if each.type == "job.preview"]
    assert previews == sorted(set(previews)) and previews
    # A picture that was told of can be fetched as long as the job runs; and nothing of it passes after its end.
    assert seen.index(passing[-1]) < seen.index(durable(seen)[2])


def test_a_job_that_has_ended_is_told_and_the_stream_ends(stages):
    stage = up(stages())
    job = stage.finish(stage.submit(graphs.picture()))
    with listen(stage.gateway, job["urls"]["events"]) as stream:
        seen = stream.rest()
    assert [each.type for each in seen] == ["snapshot", "end"]
    assert seen[0].data == job
    with listen(stage.gateway, job["urls"]["events"], last_id=0) as stream:
        seen = stream.rest()
    assert [each.type for each in seen] == ["snapshot", "job.queued", "job.started", "job.output", "job.succeeded", "end"]
    assert {each.job for each in seen} == {job["id"]}


def test_unknown_job(stages):
    stage = stages()
    answer = stage.gateway.request("GET", "/v1/jobs/0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77/events")
    assert answer.status == 404 and answer.problem()[0] == "not_found"


def test_every_other_fate(stages):
    """Canceled while waiting and while running, failed, expired, deleted, lost; and the ComfyUI that goes and comes."""
    stage = up(stages(backend_slots=1, backend_lost_seconds=1))
    with listen(stage.gateway) as stream:
        stream.next()
        runs = stage.submit(graphs.steps(500, ms=20))
        stream.until("job.started", runs)
        waits = stage.submit(graphs.picture())
        late = stage.submit(graphs.picture(), deadline_seconds=1)
        stage.cancel(waits)
        stream.until("job.canceled", waits)
        stream.until("job.expired", late)
        stage.cancel(runs)
        seen = stream.until("job.canceled", runs)
        assert "job.canceling" in types(seen, runs)
        bad = stage.submit(graphs.failing(message="it broke"))
        failed = stream.until("job.failed", bad)[-1]
        assert failed.data["error"]["node_title"] == "The bad one" and failed.data["outputs"] == []
        assert stage.gateway.request("DELETE", f"/v1/jobs/{bad['id']}").status == 204
        deleted = stream.until("job.deleted", bad)[-1]
        assert deleted.data["error"]["message"] == "node_execution_error"
        lost = stage.submit(graphs.steps(200, ms=20))
        stream.until("job.started", lost)
        stage.sim.kill9()
        down = stream.until("backend.down")[-1]
        assert down.data["status"] == "down" and down.data["reason"] and down.job is None
        stream.until("job.requeued", lost)
        stage.sim.start()
        assert stream.until("backend.up")[-1].data["reason"] is None
        assert stream.until("job.started", lost)[-1].data["attempt"] == 2
        stage.cancel(lost)
        stream.until("job.canceled", lost)


def test_places_in_the_queue(stages):
    stage = up(stages(backend_slots=1))
    with listen(stage.gateway) as stream:
        stream.next()
        first = stage.submit(graphs.sleep(2500))
        stream.until("job.started", first)
        jobs = [stage.submit(graphs.sleep(50), priority=priority) for priority in (0, 0, 5)]
        seen = stream.until("job.succeeded", jobs[1], timeout=30)
    told = [[each.data["queue_position"] for each in seen if each.type == "job.position" and each.job == job["id"]]
            for job in jobs]
    # Each at once, and the others that it moves back soon; never the same place twice in a row.
    assert told[0][:2] == [1, 2] and told[1][:2] == [2, 3] and told[2] == [1], told
    assert all(len(places) <= 5 and all(a != b for a, b in zip(places, places[1:])) for places in told), told
    waiting = stage.submit(graphs.sleep(3000))
    stage.until(waiting, lambda job: job["status"] == "running")
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    # Who begins to listen learns of the places at once, also of a single job.
    with listen(stage.gateway) as stream, listen(stage.gateway, jobs[2]["urls"]["events"]) as one:
        told = {}
        while len(told) < 3:
            event = stream.next()
            if event.type == "job.position":
                told[event.job] = event.data["queue_position"]
        assert [told[job["id"]] for job in jobs] == [1, 2, 3]
        assert one.until("job.position")[-1].data == {"queue_position": 3}
        stage.cancel(jobs[0])
        assert one.until("job.position")[-1].data == {"queue_position": 2}


def test_snapshot_of_many_jobs_is_cut_and_says_so(gateways):
    gateway = gateways()
    submit = [gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture(), "metadata": {"n": str(n % 2)}})["id"]
              for n in range(203)]
    with listen(gateway) as stream:
        data = stream.next().data
    assert data["jobs_cut"] is True and [job["id"] for job in data["jobs"]] == submit[:200]
    with listen(gateway, "/v1/events?metadata.n=1") as stream:
        data = stream.next().data
    assert data["jobs_cut"] is False and [job["id"] for job in data["jobs"]] == submit[1::2]


# ---- going on ------------------------------------------------------------------------------


def all_events(gateway):
    """Every durable event that is kept, by long-polls."""
    seen, after = [], 0
    while True:
        page = poll(gateway, after=after, limit=7)
        seen += page["data"]
        after = page["next_after"]
        if not page["has_more"]:
            return seen


def test_replay(stages):
    """Exactly what was missed, by header or parameter, from the store as from memory, as streams and as pages."""
    stage = up(stages())
    jobs = [stage.finish(stage.submit(graphs.picture())) for _ in range(3)]
    kept = all_events(stage.gateway)
    assert [int(each["id"]) for each in kept] == list(range(1, len(kept) + 1))
    for _ in range(2):
        for after in (0, 4, 7, len(kept)):
            with listen(stage.gateway, last_id=after) as stream:
                snapshot = stream.next()
                assert snapshot.type == "snapshot" and stream.last_id == str(after)
                missed = [stream.next().json for _ in kept[after:]]
                assert missed == kept[after:]
                assert durable(stream.quiet(0.1)) == []
        with listen(stage.gateway, "/v1/events?after=2") as stream:
            stream.next()
            assert stream.next().id == "3"
        with listen(stage.gateway, "/v1/events?after=2", last_id=5) as stream:  # a browser that comes back sends both
            stream.next()
            assert stream.next().id == "6"
        with listen(stage.gateway, jobs[1]["urls"]["events"], last_id=0) as stream:
            mine = [each.json for each in durable(stream.rest())]
        assert mine == [each for each in kept if each["job_id"] == jobs[1]["id"]]
        assert poll(stage.gateway, jobs[1]["urls"]["events"], after=0)["data"] == mine
        stage.gateway.kill()
        stage.gateway.start()
        stage.backend(lambda b: b["status"] == "up")
        eventually(lambda: all_events(stage.gateway), lambda seen: len(seen) > len(kept))
        assert all_events(stage.gateway)[:len(kept)] == kept
        kept = all_events(stage.gateway)


def test_once_and_in_order_over_crashes(stages):
    """A reader that comes back by its Last-Event-ID misses nothing and gets nothing twice, whatever the gateway dies of."""
    stage = up(stages())
    seen, jobs, last_id = [], [], 0
    for life in range(3):
        with listen(stage.gateway, last_id=last_id) as stream:
            assert stream.next().type == "snapshot"
            for _ in range(4):
                jobs.append(stage.submit(graphs.steps(2, ms=20)))
            seen += stream.until("job.started", jobs[-2])
            stage.gateway.kill()
            seen += stream.quiet(5)  # what was on the way
            last_id = durable(seen)[-1].id
        stage.gateway.start()
        assert life < 3
    for job in jobs:
        stage.finish(job)
    with listen(stage.gateway, last_id=last_id) as stream:
        missed = [event for event in stream.quiet(1.5)]
    seen += missed
    told = [each.json for each in durable(seen)]
    assert told == all_events(stage.gateway)[:len(told)]
    assert [int(each["id"]) for each in told] == list(range(1, len(told) + 1))
    for job in jobs:
        fate = types(seen, job)
        assert fate[0] == "job.queued" and fate.count("job.queued") == 1
        assert fate[-1] == "job.succeeded" and fate.count("job.succeeded") == 1


def test_what_is_not_kept_is_said(stages):
    """An id from another life, a made-up one, and one that is too old: reset, then the snapshot."""
    stage = up(stages())
    stage.finish(stage.submit(graphs.picture()))
    newest = int(all_events(stage.gateway)[-1]["id"])
    for last_id in ("999999", "x", "-1", "12345678901234567890", "1.5"):
        with listen(stage.gateway, last_id=last_id) as stream:
            assert [stream.next().type for _ in range(2)] == ["reset", "snapshot"]
            assert stream.last_id == str(newest)
    page = poll(stage.gateway, after=999999)
    assert [each["type"] for each in page["data"]] == ["reset", "snapshot"] and page["next_after"] == str(newest)
    stage.gateway.stop()
    stage.gateway.sql("DELETE FROM event WHERE seq <= 3")
    stage.gateway.start()
    with listen(stage.gateway, last_id=2) as stream:
        assert stream.next().type == "reset"
    with listen(stage.gateway, last_id=3) as stream:
        assert [stream.next().type for _ in range(2)] == ["snapshot", "job.output"]


def test_old_events_go(stages):
    stage = up(stages(retention_events_hours=5))
    stage.finish(stage.submit(graphs.picture()))
    newest = int(all_events(stage.gateway)[-1]["id"])
    stage.gateway.stop()
    stage.gateway.sql("UPDATE event SET at = at - 5 * 3600000 - 1000 WHERE seq < ?", newest)
    stage.gateway.sql("UPDATE event SET at = at - 5 * 3600000 + 60000 WHERE seq = ?", newest)
    stage.gateway.start()
    eventually(lambda: poll(stage.gateway, after=0)["data"][0]["type"], lambda type_: type_ == "reset")
    eventually(lambda: poll(stage.gateway, after=newest - 2)["data"][0]["type"], lambda type_: type_ == "reset")
    assert poll(stage.gateway, after=newest - 1)["data"][0]["id"] == str(newest)


# ---- filters -------------------------------------------------------------------------------


def test_types(stages):
    stage = up(stages())
    queries = ["job.succeeded,job.failed", "durable", "passing", "job.*", "backend.*", "job.queued,passing"]
    with contextlib.ExitStack() as stack:
        streams = {query: stack.enter_context(listen(stage.gateway, f"/v1/events?types={query}")) for query in queries}
        job = stage.finish(stage.submit(graphs.steps(4, ms=60)))
        stage.sim.kill9()
        stage.backend(lambda b: b["status"] == "down")
        seen = {query: [each.type for each in stream.quiet(0.7)] for query, stream in streams.items()}
    steps = ["job.queued", "job.started", "job.output", "job.succeeded"]

    def once(types_):
        return list(dict.fromkeys(types_))

    assert seen["job.succeeded,job.failed"] == ["snapshot", "job.succeeded"]
    assert seen["durable"] == ["snapshot", *steps, "backend.down"]
    assert set(seen["passing"]) <= {"snapshot", "job.progress", "job.position"} and "job.progress" in seen["passing"]
    assert [each for each in once(seen["job.*"]) if each in steps] == steps and "backend.down" not in seen["job.*"]
    assert seen["backend.*"] == ["snapshot", "backend.down"]
    assert {"job.queued", "job.progress"} <= set(seen["job.queued,passing"]) and "job.started" not in seen["job.queued,passing"]
    page = poll(stage.gateway, job["urls"]["events"], after=0, types="job.output,passing")
    assert [each["type"] for each in page["data"]] == ["job.output"]


def test_only_the_adapters_own_jobs(stages):
    """By metadata, in all that is told of a job, also when it is replayed and when the job is gone."""
    stage = up(stages())
    path = "/v1/events?metadata.adapter=discord&metadata.guild=5"
    with listen(stage.gateway, path) as stream:
        stream.next()
        for metadata in ({"adapter": "discord"}, {"adapter": "discord", "guild": "50"}, {}):
            stage.finish(stage.submit(graphs.steps(2, ms=60), metadata=metadata))
        mine = stage.submit(graphs.steps(4, ms=100, previews=True), metadata={"adapter": "discord", "guild": "5", "\u00e9": "\u2603"})
        seen = stream.until("job.succeeded", mine)
        assert {each.job for each in seen} == {mine["id"]}
        assert {"job.progress", "job.preview", "job.position"} <= {each.type for each in seen}
        assert stage.gateway.request("DELETE", f"/v1/jobs/{mine['id']}").status == 204
        stream.until("job.deleted", mine)
        stage.sim.kill9()
        stream.until("backend.down")
    stage.gateway.kill()
    stage.gateway.start()
    with listen(stage.gateway, path, last_id=0) as stream:
        replayed = [each for each in durable(stream.until("backend.down")) if each.job]
    assert types(replayed) == ["job.queued", "job.started", "job.output", "job.succeeded", "job.deleted"]
    assert {each.job for each in replayed} == {mine["id"]}


@pytest.mark.shares
@pytest.mark.parametrize("query, place", [
    ("types=", "types"), ("types=job", "types"), ("types=job.queued,", "types"), ("types=JOB.QUEUED", "types"),
    ("types=snapshot", "types"), ("after=-1", "after"), ("after=", "after"), ("after=1e3", "after"),
    ("after=1234567890123456789", "after"), ("wait=1", "wait"), ("limit=5", "limit"), ("metadata.=1", "metadata."),
    ("nonsense=1", "nonsense"), ("after=1&after=2", "after"),
])
def test_bad_queries(gateway, query, place):
    answer = gateway.request("GET", f"/v1/events?{query}")
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", [place])


@pytest.mark.shares
@pytest.mark.parametrize("query, place", [("wait=61", "wait"), ("wait=x", "wait"), ("limit=0", "limit"),
                                          ("limit=501", "limit")])
def test_bad_queries_of_long_polls(gateway, query, place):
    answer = gateway.request("GET", f"/v1/events?{query}", headers={"Accept": "application/json"})
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", [place])


def test_forms(gateway):
    """Which form is answered to whom; HEAD and OPTIONS; what is neither."""
    for accept in ("text/event-stream", "*/*", "text/*", "text/event-stream, application/json",
                   "application/json;q=0.5, text/event-stream"):
        with listen(gateway, headers={"Accept": accept}) as stream:
            assert stream.next().type == "snapshot"
    for accept in ("application/json", "application/*", "application/json, */*;q=0.8", "application/json, */*",
                   "text/event-stream;q=0, */*"):
        answer = gateway.request("GET", "/v1/events", headers={"Accept": accept})
        assert answer.header("Content-Type") == "application/json"
        assert [each["type"] for each in answer.json()["data"]] == ["snapshot"]
    for accept in ("text/html", "image/*;q=0.9", "application/json;q=0"):
        answer = gateway.request("GET", "/v1/events", headers={"Accept": accept})
        assert answer.status == 406 and answer.problem()[0] == "not_acceptable"
    head = gateway.request("HEAD", "/v1/events")
    assert head.status == 200 and head.header("Content-Type") == "text/event-stream" and head.body == b""
    head = gateway.request("HEAD", "/v1/events", headers={"Accept": "application/json"})
    assert head.status == 200 and head.header("Content-Type") == "application/json"
    nobody = "/v1/jobs/0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77/events"
    assert gateway.request("HEAD", nobody).status == 404
    for path in ("/v1/events", nobody):
        assert gateway.request("OPTIONS", path).header("Allow") == "GET, HEAD, OPTIONS"
        assert gateway.request("POST", path, json={}).status == 405


# ---- long-polls ----------------------------------------------------------------------------


def test_long_poll_waits(stages):
    """Held until something comes; every event exactly once; nothing is no fault."""
    stage = up(stages())
    began = time.monotonic()
    newest = poll(stage.gateway)["next_after"]
    assert poll(stage.gateway, after=newest, wait=1) == {"data": [], "next_after": newest, "has_more": False}
    assert 0.9 < time.monotonic() - began < 5
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(poll, stage.gateway, after=newest, wait=20) for _ in range(20)]
        time.sleep(0.2)
        job = stage.submit(graphs.picture())
        pages = [each.result(10) for each in waiting]
    assert all(page["data"][0]["type"] == "job.queued" for page in pages)
    seen, after = [], newest
    while not seen or seen[-1]["type"] != "job.succeeded":
        page = poll(stage.gateway, job["urls"]["events"], after=after, wait=10, limit=1)
        seen += page["data"]
        after = page["next_after"]
    assert [each["type"] for each in seen] == ["job.queued", "job.started", "job.output", "job.succeeded"]
    for event in seen:
        check_event(event)
    began = time.monotonic()
    page = poll(stage.gateway, job["urls"]["events"], after=after, wait=20)
    assert page["data"] == [] and time.monotonic() - began < 5, "it has ended: there is nothing to wait for"
    page = poll(stage.gateway, after=0, limit=2)
    assert len(page["data"]) == 2 and page["has_more"] is True


# ---- the connection ------------------------------------------------------------------------


def test_heartbeats(stages):
    """A comment in silence; and with it the place, for who hears nothing because nothing is for it."""
    stage = up(stages(events_heartbeat_ms=200))
    with listen(stage.gateway, "/v1/events?metadata.nobody=1&types=job.*") as stream:
        stream.next()
        begun_at = int(stream.last_id)
        job = stage.finish(stage.submit(graphs.picture()))
        assert stream.quiet(1.1) == [] and stream.heartbeats >= 3
        assert int(stream.last_id) == begun_at + 4
        with listen(stage.gateway, "/v1/events?metadata.nobody=1&types=job.*", last_id=stream.last_id) as again:
            assert again.next().type == "snapshot"
    assert job["status"] == "succeeded"


def test_limit_of_streams(gateways):
    """The one too many is told to come back; places of those who leave are given again."""
    gateway = gateways(events_max_streams=3, events_heartbeat_ms=100)
    streams = [listen(gateway) for _ in range(3)]
    for stream in streams:
        stream.next()
    with listen(gateway) as fourth:
        assert fourth.status == 429 and fourth.answer.problem()[0] == "rate_limited" and fourth.answer.header("Retry-After")
    answer = gateway.request("GET", "/v1/events", headers={"Accept": "application/json"})
    assert answer.status == 429
    streams.pop().close()

    def again():
        stream = listen(gateway)
        streams.append(stream)
        return stream.status == 200

    eventually(again)
    for stream in streams:
        stream.close()


def test_a_stop_ends_streams(stages):
    """At once, and by a proper end of the answer: a reader can tell it from a broken connection."""
    stage = up(stages())
    streams = [listen(stage.gateway) for _ in range(50)]
    for stream in streams:
        stream.next()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(stage.gateway.request, "GET", "/v1/events?wait=60&after=" + streams[0].last_id,
                              headers={"Accept": "application/json"})
        time.sleep(0.3)
        began = time.monotonic()
        assert stage.gateway.stop() == 0
        assert time.monotonic() - began < 3
        assert waiting.result(5).json()["data"] == []
    for stream in streams:
        assert durable(stream.rest()) == []
        stream.close()


def silent(gateway, path="/v1/events"):
    """A reader that asks, and never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", gateway.port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return sock


BULK = {str(n): "x" * 1000 for n in range(30)}  # makes an event of 30 KB


def test_readers_that_stop_reading_harm_nobody(stages):
    """They are closed; the others get everything, and soon; their places are free again."""
    stage = up(stages(events_stall_seconds=2, events_max_streams=52, backend_slots=4))
    stopped = [silent(stage.gateway) for _ in range(50)]
    with listen(stage.gateway) as stream:
        stream.next()
        jobs = [stage.submit(graphs.picture(), metadata=BULK) for _ in range(30)]
        seen = []
        for job in jobs:
            if job["id"] not in [each.job for each in seen if each.type == "job.succeeded"]:
                seen += stream.until("job.succeeded", job)
        numbers = [int(each.id) for each in durable(seen)]
        assert numbers == list(range(numbers[0], numbers[0] + 4 * 30))
        with listen(stage.gateway) as second:
            assert second.next().type == "snapshot"

            def free():
                with listen(stage.gateway) as third:
                    return third.status == 200

            eventually(free)
    for sock in stopped:
        sock.close()


def test_a_slow_reader_loses_what_passes_first(stages):
    """It gets every durable event; of the rest, the newest."""
    stage = up(stages(backend_slots=1))
    slow = silent(stage.gateway)
    with listen(stage.gateway, "/v1/events?types=passing") as quick:
        for _ in range(12):
            stage.submit(graphs.picture(), metadata=BULK)
        job = stage.finish(stage.submit(graphs.steps(60, ms=20, previews=True)), timeout=30)
        passed = [each for each in quick.quiet(1) if each.job == job["id"]]
    data = b""
    slow.settimeout(2)
    with contextlib.suppress(TimeoutError):
        while piece := slow.recv(65536):
            data += piece
    slow.close()
    text = data.decode()
    told = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    assert told[1:] == list(range(told[0] + 1, told[0] + 1 + 4 * 13))
    assert text.count("event: job.progress") < len([each for each in passed if each.type == "job.progress"]) / 2


def test_a_reader_that_falls_too_far_behind_is_closed(gateways):
    gateway = gateways(events_max_lag=100, events_stall_seconds=60)
    slow = silent(gateway, "/v1/events?types=durable")
    time.sleep(0.3)  # it has caught up
    body = {"workflow": graphs.picture(), "metadata": BULK}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: gateway.json("POST", "/v1/jobs", json=body), range(220)))
    data = b""
    while not data.endswith(b"\r\n0\r\n\r\n"):  # the answer ends, properly
        piece = slow.recv(1 << 20)
        assert piece
        data += piece
    slow.close()
    assert 1 <= data.count(b"event: job.queued") < 150


def test_http_1_0(gateway):
    """A client that knows no chunks reads to the end of the connection."""
    with gateway.connect() as sock:
        sock.sendall(b"GET /v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"event: snapshot" not in data or not data.endswith(b"\n\n"):
            data += sock.recv(65536)
        gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
        while b"event: job.queued" not in data:
            data += sock.recv(65536)
    assert b"transfer-encoding" not in data.lower()


def test_many_readers_of_one_job(stages):
    """Each gets every durable event once and in order, and ComfyUI does not notice them."""
    stage = up(stages())
    job = stage.submit(graphs.steps(20, ms=50))
    streams = [listen(stage.gateway, job["urls"]["events"], check=False) for _ in range(200)]
    asked = len(stage.sim_events())
    for stream in streams:
        seen = stream.rest()
        assert types(seen)[-2:] == ["job.output", "job.succeeded"] and seen[-1].type == "end"
        assert [int(each.id) for each in durable(seen)] == sorted({int(each.id) for each in durable(seen)})
        stream.close()
    assert stage.backend()["ws"]["connections_opened"] == 1
    assert asked <= len(stage.sim_events())


# ---- conditional requests ------------------------------------------------------------------


@contextlib.contextmanager
def broken_store(gateway, *tables):
    """Every question about these tables fails meanwhile."""
    for table in tables:
        gateway.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    yield
    for table in tables:
        gateway.sql(f"ALTER TABLE {table}_away RENAME TO {table}")


def test_unchanged_is_told_without_the_store(gateways):
    """Jobs and lists: who has the newest is answered 304 from memory."""
    gateway = gateways()
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    paths = [f"/v1/jobs/{job['id']}", "/v1/jobs", "/v1/jobs?status=queued&limit=1", "/v1/outputs", "/v1/outputs?type=image"]
    eventually(lambda: gateway.request("GET", "/v1/jobs").header("ETag") == gateway.request("GET", "/v1/jobs").header("ETag"))
    tags = {path: gateway.request("GET", path).header("ETag") for path in paths}
    with broken_store(gateway, "job"):
        for path, tag in tags.items():
            answer = gateway.request("GET", path, headers={"If-None-Match": tag})
            assert answer.status == 304 and answer.header("ETag") == tag and answer.body == b"", path
            # The job itself may be remembered from a moment ago.
            away = (200, 503) if path == paths[0] else (503,)
            assert gateway.request("GET", path).status in away, "the store was really away"
    other = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    for path in paths[1:3]:
        assert gateway.request("GET", path, headers={"If-None-Match": tags[path]}).status == 200
    assert gateway.request("GET", paths[0], headers={"If-None-Match": tags[paths[0]]}).status == 304
    gateway.json("PATCH", paths[0], json={"title": "another"})
    answer = gateway.request("GET", paths[0], headers={"If-None-Match": tags[paths[0]]})
    assert answer.status == 200 and answer.json()["title"] == "another"
    tags = {path: gateway.request("GET", path).header("ETag") for path in paths}
    gateway.request("POST", f"/v1/jobs/{other['id']}/cancel")
    assert gateway.request("GET", "/v1/jobs", headers={"If-None-Match": tags["/v1/jobs"]}).status == 200
    tag = gateway.request("GET", "/v1/jobs").header("ETag")
    gateway.restart()
    assert gateway.request("GET", "/v1/jobs", headers={"If-None-Match": tag}).status == 200, "another start, other counts"


def test_a_list_is_new_whenever_it_shows_something_new(stages):
    """Progress, ends and deletions; and the gallery only when outputs change."""
    stage = up(stages())

    def tag(path, before=None):
        answer = stage.gateway.request("GET", path, headers={"If-None-Match": before} if before else None)
        return answer.status, answer.header("ETag")

    job = stage.submit(graphs.steps(10, ms=100))
    stage.until(job, lambda seen: seen["progress"] and seen["progress"]["step"])
    _, jobs = tag("/v1/jobs")
    _, outputs = tag("/v1/outputs")
    eventually(lambda: tag("/v1/jobs", jobs)[0], lambda status: status == 200)
    assert tag("/v1/outputs", outputs)[0] == 304, "no output came"
    stage.finish(job)
    status, outputs = tag("/v1/outputs", outputs)
    assert status == 200
    _, jobs = tag("/v1/jobs")
    stage.gateway.request("DELETE", f"/v1/jobs/{job['id']}")
    assert tag("/v1/jobs", jobs)[0] == 200 and tag("/v1/outputs", outputs)[0] == 200
    assert stage.gateway.json("GET", "/v1/outputs")["data"] == []
