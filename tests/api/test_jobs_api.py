"""Jobs over HTTP: submit, look, wait, list, change, cancel, repeat, forget. Without a ComfyUI: jobs wait in the queue.

What happens inside a ComfyUI is told in test_scenarios.py and test_faults.py.
"""
import concurrent.futures
import json
import os
import random
import threading
import time
import urllib.parse
import uuid

import pytest

import graphs
from gateway import Gateway
from stage import eventually

HUGE = '{"1": {"class_type": "Any", "inputs": {"seed": 18446744073709551615, "x": 7.0, "z": 1e400, "a": [1,  2]}}}'


def submit(gateway, headers=None, **members):
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), **members}, headers=headers)
    assert answer.status == 202, answer
    return answer.json()


def cancel(gateway, job):
    answer = gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
    assert answer.status in (200, 202), answer
    return answer


def in_parallel(count, call):
    """call(number) on as many threads; the results in order."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


# ---- submitting ------------------------------------------------------------------------------------


def test_submit(gateway):
    answer = gateway.request("POST", "/v1/jobs", json={
        "workflow": graphs.picture(), "title": "A blue square \u00e9", "tags": ["one", "two"], "metadata": {"asked_by": "ada"},
        "priority": 10, "max_attempts": 5, "backend": "gpu0", "deadline_seconds": 600, "timeout_seconds": 60})
    job = answer.json()
    assert answer.status == 202 and answer.header("Location") == f"/v1/jobs/{job['id']}" and answer.header("ETag")
    assert answer.header("Idempotent-Replayed") is None and answer.header("Preference-Applied") is None
    assert (job["status"], job["phase"], job["version"], job["queue_position"]) == ("queued", "waiting", 1, 1)
    assert (job["title"], job["tags"], job["metadata"]) == ("A blue square \u00e9", ["one", "two"], {"asked_by": "ada"})
    assert (job["priority"], job["max_attempts"], job["attempt"], job["backend"]) == (10, 5, 0, None)
    assert job["outputs"] == [] and job["error"] is None and job["parent_id"] is None and job["owner"] is None
    assert uuid.UUID(job["id"]).version == 7
    again = gateway.request("GET", answer.header("Location"))
    assert again.json() == job and again.header("ETag") == answer.header("ETag")


def test_defaults(gateway):
    job = submit(gateway)
    assert (job["title"], job["tags"], job["metadata"], job["priority"]) == (None, [], {}, 0)
    assert job["max_attempts"] == 3


def test_workflow_comes_back_as_it_was_written(gateway):
    answer = gateway.request("POST", "/v1/jobs", body=f'{{"workflow":{HUGE}}}'.encode())
    assert answer.status == 202
    shown = gateway.request("GET", f"/v1/jobs/{answer.json()['id']}/workflow")
    assert shown.status == 200 and shown.body.decode() == HUGE
    same = gateway.request("GET", f"/v1/jobs/{answer.json()['id']}/workflow", headers={"If-None-Match": shown.header("ETag")})
    assert same.status == 304 and same.body == b""


def test_workflow_shows_its_own_file_prefix(gateway):
    job = submit(gateway, workflow=graphs.picture(prefix="blue"))
    shown = gateway.json("GET", f"/v1/jobs/{job['id']}/workflow")
    assert shown["2"]["inputs"]["filename_prefix"] == f"comfygate/{job['id']}/blue"


def test_dry_run(gateway):
    graph = graphs.picture(prefix="blue")
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graph, "dry_run": True})
    assert answer.status == 200 and answer.header("Location") is None
    shown = answer.json()
    assert shown["problems"] == []
    assert shown["workflow"]["2"]["inputs"].pop("filename_prefix").endswith("/blue")
    graph["2"]["inputs"].pop("filename_prefix")
    assert shown["workflow"] == graph
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graph, "dry_run": True, "backend": "nope"})
    assert answer.status == 200 and [problem["pointer"] for problem in answer.json()["problems"]] == ["/backend"]
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": {}, "dry_run": True})
    assert answer.status == 422
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_queue_is_ordered_by_priority_then_age(gateway):
    jobs = [submit(gateway, priority=priority) for priority in (0, 5, 0, -5, 5, 100)]
    places = [gateway.json("GET", f"/v1/jobs/{job['id']}")["queue_position"] for job in jobs]
    assert places == [4, 2, 5, 6, 3, 1]


def test_queue_ceiling(gateways):
    gateway = gateways(queue_max_jobs=2)
    submit(gateway), submit(gateway)
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    assert answer.status == 503 and answer.problem()[0] == "queue_full" and int(answer.header("Retry-After")) > 0


def test_jobs_survive_a_restart(gateways):
    gateway = gateways()
    jobs = [submit(gateway, title=str(number), priority=number % 2) for number in range(4)]
    before = [gateway.json("GET", f"/v1/jobs/{job['id']}") for job in jobs]
    gateway.restart()
    assert [gateway.json("GET", f"/v1/jobs/{job['id']}") for job in jobs] == before
    gateway.kill()
    gateway.start()
    assert [gateway.json("GET", f"/v1/jobs/{job['id']}") for job in jobs] == before


# ---- Idempotency-Key -------------------------------------------------------------------------------


def test_idempotency(gateway):
    body, key = {"workflow": graphs.picture(), "title": "once"}, {"Idempotency-Key": str(uuid.uuid4())}
    first = gateway.request("POST", "/v1/jobs", json=body, headers=key)
    second = gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert (first.status, second.status) == (202, 202) and second.json() == first.json()
    assert second.header("Location") == first.header("Location")
    assert (first.header("Idempotent-Replayed"), second.header("Idempotent-Replayed")) == (None, "true")
    other = gateway.request("POST", "/v1/jobs", json={**body, "title": "twice"}, headers=key)
    assert other.status == 422 and other.problem()[0] == "idempotency_key_reuse"
    assert gateway.request("POST", "/v1/jobs", json=body).status == 202, "without the key it is another job"
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 2


def test_idempotency_of_a_job_that_has_ended(gateway):
    body, key = {"workflow": graphs.picture()}, {"Idempotency-Key": "k"}
    job = gateway.json("POST", "/v1/jobs", json=body, headers=key)
    cancel(gateway, job)
    answer = gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert answer.status == 200 and answer.header("Idempotent-Replayed") == "true"
    assert (answer.json()["id"], answer.json()["status"]) == (job["id"], "canceled")
    gateway.request("DELETE", f"/v1/jobs/{job['id']}")
    answer = gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert answer.status == 404 and answer.problem()[0] == "not_found", "its job was deleted; it is not run again"


def test_idempotency_survives_a_restart(gateways):
    gateway = gateways()
    body, key = {"workflow": graphs.picture()}, {"Idempotency-Key": "k"}
    job = gateway.json("POST", "/v1/jobs", json=body, headers=key)
    gateway.kill()
    gateway.start()
    answer = gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert answer.json()["id"] == job["id"] and answer.header("Idempotent-Replayed") == "true"


def test_50_concurrent_duplicates(gateway):
    """One job, whoever comes first; all others are told so."""
    for number in range(5):
        body, key = {"workflow": graphs.picture(), "title": f"round {number}"}, {"Idempotency-Key": f"round-{number}"}
        answers = in_parallel(50, lambda _: gateway.request("POST", "/v1/jobs", json=body, headers=key))
        assert {answer.status for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum(answer.header("Idempotent-Replayed") is None for answer in answers) == 1
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 5


def test_50_concurrent_bodies_under_one_key(gateway):
    def send(number):
        return gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "title": str(number)},
                               headers={"Idempotency-Key": "one"})

    assert sorted(answer.status for answer in in_parallel(50, send)) == [202] + [422] * 49
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 1


@pytest.mark.shares
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00e9", "a\tb"])
def test_keys_that_are_none(gateway, key):
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()},
                             headers={"Idempotency-Key": key.encode()})
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", ["Idempotency-Key"])
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_a_key_of_any_visible_characters(gateway):
    for key in ("a", "x" * 255, "".join(map(chr, range(0x21, 0x7f)))):
        assert gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()},
                               headers={"Idempotency-Key": key}).status == 202


# ---- waiting -----------------------------------------------------------------------------------------


def test_wait_runs_out(gateway):
    job = submit(gateway)
    began = time.monotonic()
    assert gateway.json("GET", f"/v1/jobs/{job['id']}?wait=1")["status"] == "queued"
    assert 0.9 < time.monotonic() - began < 5
    etag = gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")
    began = time.monotonic()
    answer = gateway.request("GET", f"/v1/jobs/{job['id']}?wait=1", headers={"If-None-Match": etag})
    assert (answer.status, answer.header("ETag"), answer.body) == (304, etag, b"")
    assert 0.9 < time.monotonic() - began < 5


def test_wait_of_nothing(gateway):
    job = submit(gateway)
    etag = gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")
    began = time.monotonic()
    assert gateway.request("GET", f"/v1/jobs/{job['id']}?wait=0").status == 200
    assert gateway.request("GET", f"/v1/jobs/{job['id']}", headers={"If-None-Match": etag}).status == 304
    assert gateway.request("GET", f"/v1/jobs/{job['id']}?wait=60", headers={"If-None-Match": '"x"'}).status == 200
    cancel(gateway, job)
    assert gateway.json("GET", f"/v1/jobs/{job['id']}?wait=60")["status"] == "canceled"
    assert gateway.json("GET", f"/v1/jobs/{job['id']}?wait=60", headers={"If-None-Match": etag})["status"] == "canceled"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("wait", ["61", "-1", "", "x", "1.5", "1e1", "9999999999999999999", "+1", "%201"])
def test_waits_that_are_none(gateway, wait):
    job = submit(gateway)
    answer = gateway.request("GET", f"/v1/jobs/{job['id']}?wait={wait}")
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", ["wait"])


def test_long_poll_sees_each_change(gateway):
    """The place in the queue, a title, the end: each is answered at once, with another ETag."""
    ahead, job = submit(gateway), submit(gateway)
    path = f"/v1/jobs/{job['id']}?wait=30"

    def change_and_poll(change):
        etag = gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(gateway.request, "GET", path, headers={"If-None-Match": etag})
            time.sleep(0.3)
            assert not future.done()
            change()
            answer = future.result(10)
        assert answer.status == 200 and answer.header("ETag") != etag
        return answer.json()

    assert job["queue_position"] == 2
    assert change_and_poll(lambda: cancel(gateway, ahead))["queue_position"] == 1
    patch = lambda: gateway.json("PATCH", f"/v1/jobs/{job['id']}", json={"title": "new"})  # noqa: E731
    assert change_and_poll(patch)["title"] == "new"
    assert change_and_poll(lambda: cancel(gateway, job))["status"] == "canceled"


def test_wait_ends_when_the_job_is_deleted(gateway):
    job = submit(gateway)
    cancel(gateway, job)
    etag = gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(gateway.request, "GET", f"/v1/jobs/{job['id']}?wait=30", headers={"If-None-Match": etag})
        time.sleep(0.3)
        assert gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
        assert future.result(10).status == 404


def test_200_waiters(gateway):
    """All are woken by one end, and cost no thread each."""
    jobs = [submit(gateway) for _ in range(4)]
    threads_before = len(list_threads(gateway))

    def wait(number):
        answer = gateway.request("GET", f"/v1/jobs/{jobs[number % 4]['id']}?wait=60")
        return answer.json()["status"], time.monotonic()

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        futures = [pool.submit(wait, number) for number in range(200)]
        time.sleep(1.5)
        assert not any(future.done() for future in futures)
        assert len(list_threads(gateway)) == threads_before
        began = time.monotonic()
        for job in jobs:
            cancel(gateway, job)
        results = [future.result(30) for future in futures]
    assert {status for status, _ in results} == {"canceled"}
    assert max(when for _, when in results) - began < 10, "the schema gate is what takes most of it"


def list_threads(gateway):
    return os.listdir(f"/proc/{gateway.pid}/task")


def test_waiters_and_changes_at_random(gateway):
    """No wake-up is lost: each poller sees the end, whatever else happens at that moment."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    jobs = [submit(gateway) for _ in range(8)]

    def follow(number):
        job, etag, began = jobs[number % len(jobs)], '"none"', time.monotonic()
        while time.monotonic() - began < 30:  # a lost wake-up would hold it for 60
            answer = gateway.request("GET", f"/v1/jobs/{job['id']}?wait=60", headers={"If-None-Match": etag})
            assert answer.status == 200, (seed, answer)
            etag = answer.header("ETag")
            if answer.json()["status"] == "canceled":
                return time.monotonic() - began < 30
        return False

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(follow, number) for number in range(32)]
        for _ in range(40):
            job = rng.choice(jobs)
            gateway.request("PATCH", f"/v1/jobs/{job['id']}", json={"title": str(rng.random())})
        for job in jobs:
            cancel(gateway, job)
        assert all(future.result(60) for future in futures), seed


# ---- Prefer: wait --------------------------------------------------------------------------------------


def test_prefer_wait_runs_out(gateway):
    began = time.monotonic()
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers={"Prefer": "wait=1"})
    assert 0.9 < time.monotonic() - began < 5
    assert answer.status == 202 and answer.json()["status"] == "queued"
    assert answer.header("Preference-Applied") == "wait=1" and answer.header("Location")


def test_prefer_wait_sees_the_end(gateway):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(gateway.request, "POST", "/v1/jobs", json={"workflow": graphs.picture()},
                             headers={"Prefer": "respond-async, wait", "Idempotency-Key": "k"})
        job = eventually(lambda: gateway.json("GET", "/v1/jobs")["data"])[0]
        cancel(gateway, job)
        answer = future.result(10)
    assert answer.status == 200 and answer.json()["status"] == "canceled" and answer.json()["id"] == job["id"]
    assert answer.header("Preference-Applied") == "wait=60" and answer.header("Location") == f"/v1/jobs/{job['id']}"


def test_prefer_that_is_not_understood(gateway):
    began = time.monotonic()
    for prefer in ("wait=x", "return=minimal", "wait=-1", "waiting", "wait=0"):
        answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers={"Prefer": prefer})
        assert answer.status == 202
    assert time.monotonic() - began < 5


# ---- lists -----------------------------------------------------------------------------------------------


def fill(gateway):
    """Twelve jobs: all odd ones canceled, every third tagged, each with metadata and a title."""
    jobs = []
    for number in range(12):
        job = submit(gateway, title=f"Job No. {number}", tags=["third"] if number % 3 == 0 else ["other"],
                     metadata={"n": str(number), "half": str(number // 6)})
        if number % 2:
            cancel(gateway, job)
        jobs.append(job["id"])
    gateway.jobs = jobs
    return gateway


@pytest.fixture
def shelf(gateways):
    return fill(gateways())


@pytest.fixture(scope="module")
def standing_shelf(tmp_path_factory):
    """One for all who only look."""
    gateway = Gateway(tmp_path_factory.mktemp("shelf") / "data")
    gateway.start()
    yield fill(gateway)
    gateway.stop()


def numbers(gateway, query):
    page = gateway.json("GET", f"/v1/jobs{query}")
    return [gateway.jobs.index(job["id"]) for job in page["data"]]


@pytest.mark.parametrize("query, expected", [
    ("", [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("?sort=-created_at&limit=3", [11, 10, 9]),
    ("?sort=created_at&limit=3", [0, 1, 2]),
    ("?status=queued", [10, 8, 6, 4, 2, 0]),
    ("?status=canceled&sort=created_at", [1, 3, 5, 7, 9, 11]),
    ("?status=queued,canceled&limit=2", [11, 10]),
    ("?status=running,failed,succeeded,expired,canceling", []),
    ("?tag=third", [9, 6, 3, 0]),
    ("?tag=third&status=canceled", [9, 3]),
    ("?tag=thir", []),
    ("?q=no.%201", [11, 10, 1]),
    ("?q=NO.+11", [11]),
    ("?q=%25", []),
    ("?q=_", []),
    ("?metadata.n=7", [7]),
    ("?metadata.half=1&tag=third", [9, 6]),
    ("?metadata.half=1&metadata.n=3", []),
    ("?metadata.absent=1", []),
    ("?backend=gpu0", []),
])
def test_filters(standing_shelf, query, expected):
    assert numbers(standing_shelf, query) == expected


def next_path(answer):
    link = answer.header("Link")
    return link and link[1:link.index(">")]


@pytest.mark.parametrize("query", ["?limit=1", "?limit=5", "?limit=12", "?limit=200", "?limit=5&sort=created_at",
                                   "?limit=2&tag=third", "?limit=4&status=queued,canceled&q=job&metadata.half=0"])
def test_pages(standing_shelf, query):
    """By the Link header and by next_cursor: the same pages; each job once; the end is told."""
    unlimited = query.replace(query.split("&")[0], "?limit=200")
    whole = [job["id"] for job in standing_shelf.json("GET", f"/v1/jobs{unlimited}")["data"]]
    path, seen = f"/v1/jobs{query}", []
    while path:
        answer = standing_shelf.request("GET", path)
        page = answer.json()
        seen += [job["id"] for job in page["data"]]
        path = next_path(answer)
        assert page["has_more"] == bool(path) == bool(page["next_cursor"])
        if path:
            assert urllib.parse.parse_qs(path.split("?")[1])["cursor"] == [page["next_cursor"]]
            by_hand = f"/v1/jobs{query}&cursor={page['next_cursor']}"
            assert standing_shelf.json("GET", by_hand) == standing_shelf.json("GET", path)
    assert seen == whole


def test_pages_while_jobs_come_and_go(shelf):
    """A page is not moved by what is new, nor by what is gone."""
    first = shelf.request("GET", "/v1/jobs?limit=4")
    submit(shelf)
    shelf.request("DELETE", f"/v1/jobs/{shelf.jobs[9]}")
    second = shelf.json("GET", next_path(first))
    assert [shelf.jobs.index(job["id"]) for job in second["data"]] == [7, 6, 5, 4]


def test_a_listed_job_is_the_job(standing_shelf):
    for job in standing_shelf.json("GET", "/v1/jobs")["data"]:
        assert job == standing_shelf.json("GET", f"/v1/jobs/{job['id']}")


@pytest.mark.shares
@pytest.mark.parametrize("query, places", [
    ("?status=", ["status"]), ("?status=Queued", ["status"]), ("?status=queued,,failed", ["status"]), ("?limit=0", ["limit"]),
    ("?limit=201", ["limit"]), ("?limit=x", ["limit"]), ("?cursor=", ["cursor"]), ("?cursor=x", ["cursor"]),
    ("?cursor=%00", None), ("?sort=title", ["sort"]), ("?sort=", ["sort"]), ("?parent_id=x", ["parent_id"]), ("?tag=", ["tag"]),
    ("?q=", ["q"]), ("?q=" + "x" * 201, ["q"]), ("?backend=", ["backend"]), ("?metadata.=x", ["metadata."]),
    ("?metadata=x", ["metadata"]), ("?owner=", ["owner"]), ("?owning=me", ["owning"]), ("?status=x&limit=x", ["status", "limit"]),
    ("?" + "&".join(f"metadata.{n}=1" for n in range(5)), ["metadata.4"]), ("?tag=" + "x" * 65, ["tag"]),
])
def test_queries_that_are_none(gateway, query, places):
    answer = gateway.request("GET", f"/v1/jobs{query}", check=places is not None)
    assert answer.status == 400
    if places is not None:
        assert answer.problem() == ("invalid_parameter", places)


# ---- changing --------------------------------------------------------------------------------------------


def test_patch(gateway):
    job = submit(gateway, title="old", tags=["a"], metadata={"keep": "1", "drop": "2", "change": "3"})
    path = f"/v1/jobs/{job['id']}"
    answer = gateway.request("PATCH", path, json={"title": "new", "metadata": {"drop": None, "change": "4", "add": "5"}})
    assert answer.status == 200
    changed = answer.json()
    assert (changed["title"], changed["tags"]) == ("new", ["a"])
    assert changed["metadata"] == {"keep": "1", "change": "4", "add": "5"}
    assert changed["version"] == job["version"] + 1
    again = gateway.request("GET", path)
    assert again.json() == changed and again.header("ETag") == answer.header("ETag")
    assert gateway.json("PATCH", path, json={}) == changed, "nothing asked, nothing changed"
    assert gateway.json("PATCH", path, json={"title": "new"})["version"] == changed["version"]
    assert gateway.json("PATCH", path, json={"title": None, "tags": []})["title"] is None
    merge = gateway.request("PATCH", path, body=b'{"tags":["b"]}', headers={"Content-Type": "application/merge-patch+json"})
    assert merge.status == 200 and merge.json()["tags"] == ["b"]


def test_patch_of_an_ended_job(gateway):
    job = submit(gateway)
    cancel(gateway, job)
    answer = gateway.request("PATCH", f"/v1/jobs/{job['id']}", json={"tags": ["late"]})
    assert answer.status == 200 and answer.json()["tags"] == ["late"] and answer.json()["status"] == "canceled"


def test_if_match(gateway):
    job = submit(gateway)
    path = f"/v1/jobs/{job['id']}"
    old = gateway.request("GET", path).header("ETag")
    for field, status in ((old, 200), (old, 412), ('"x"', 412), ("*", 200), ("x", 412), ("", 412)):
        answer = gateway.request("PATCH", path, json={"title": str(time.monotonic())}, headers={"If-Match": field})
        assert answer.status == status, (field, answer)
        assert status == 200 or answer.problem()[0] == "precondition_failed"
    new = gateway.request("GET", path).header("ETag")
    assert gateway.request("PATCH", path, json={"title": "a"}, headers={"If-Match": f"W/{new}"}).status == 412
    assert gateway.request("PATCH", path, json={"title": "b"}, headers={"If-Match": f'"x", {new}'}).status == 200


def test_one_of_many_writers_wins(gateway):
    job = submit(gateway)
    path = f"/v1/jobs/{job['id']}"
    etag = gateway.request("GET", path).header("ETag")
    answers = in_parallel(20, lambda number: gateway.request(
        "PATCH", path, json={"title": f"writer {number}"}, headers={"If-Match": etag}))
    assert sorted(answer.status for answer in answers) == [200] + [412] * 19
    winner = next(answer for answer in answers if answer.status == 200)
    assert gateway.json("GET", path)["title"] == winner.json()["title"]


def test_metadata_ceiling(gateway):
    job = submit(gateway, metadata={f"k{number}": "v" for number in range(32)})
    answer = gateway.request("PATCH", f"/v1/jobs/{job['id']}", json={"metadata": {"one_more": "v"}})
    assert answer.status == 422 and answer.problem() == ("validation_error", ["/metadata"])
    answer = gateway.request("PATCH", f"/v1/jobs/{job['id']}", json={"metadata": {"one_more": "v", "k0": None}})
    assert answer.status == 200 and len(answer.json()["metadata"]) == 32


def test_cancel(gateway):
    first, second = submit(gateway), submit(gateway)
    answer = cancel(gateway, first)
    assert answer.status == 200 and answer.json()["status"] == "canceled" and answer.json()["completed_at"]
    assert cancel(gateway, first).json() == answer.json(), "repeating it is harmless"
    assert gateway.json("GET", f"/v1/jobs/{second['id']}")["queue_position"] == 1
    assert gateway.request("POST", f"/v1/jobs/{second['id']}/cancel", body=b"{}").status == 200
    answer = gateway.request("POST", f"/v1/jobs/{second['id']}/cancel", body=b'{"why": 1}')
    assert answer.status == 422 and answer.problem() == ("unknown_field", ["/why"])


def test_delete(gateway):
    job = submit(gateway)
    path = f"/v1/jobs/{job['id']}"
    answer = gateway.request("DELETE", path)
    assert answer.status == 409 and answer.problem()[0] == "job_active"
    cancel(gateway, job)
    answer = gateway.request("DELETE", path)
    assert (answer.status, answer.body) == (204, b"")
    for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/workflow"), ("GET", "/preview"), ("POST", "/retry")):
        assert gateway.request(method, path + rest).status == 404, (method, rest)
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_retry(gateway):
    job = submit(gateway, title="t", tags=["a"], metadata={"m": "1"}, priority=7, max_attempts=2, deadline_seconds=600)
    for body in (None, b"", b"{}", b" { } "):
        headers = {} if body else {"Content-Type": "text/plain"}  # without a body its type does not matter
        answer = gateway.request("POST", f"/v1/jobs/{job['id']}/retry", body=body or None, headers=headers)
        assert answer.status == 202, answer
        twin = answer.json()
        assert answer.header("Location") == f"/v1/jobs/{twin['id']}" and twin["id"] != job["id"]
        assert twin["parent_id"] == job["id"] and twin["status"] == "queued" and twin["attempt"] == 0
        for member in ("title", "tags", "metadata", "priority", "max_attempts"):
            assert twin[member] == job[member]
    assert gateway.json("GET", f"/v1/jobs/{job['id']}") == job, "the first stays as it is"
    children = gateway.json("GET", f"/v1/jobs?parent_id={job['id']}")["data"]
    assert len(children) == 4
    old = gateway.json("GET", f"/v1/jobs/{job['id']}/workflow")
    new = gateway.json("GET", f"/v1/jobs/{children[0]['id']}/workflow")
    assert new["1"] == old["1"]
    assert new["2"]["inputs"]["filename_prefix"] != old["2"]["inputs"]["filename_prefix"], "its files are its own"


@pytest.mark.parametrize("body, code, places", [
    (b'{"seed": "x"}', "validation_error", ["/seed"]), (b"[]", "validation_error", [""]), (b"{", "malformed_json", None),
    (b'{"a":1,"b":2}', "unknown_field", ["/a", "/b"]), (b"null", "validation_error", [""]),
])
def test_retry_bodies_that_are_none(gateway, body, code, places):
    job = submit(gateway)
    answer = gateway.request("POST", f"/v1/jobs/{job['id']}/retry", body=body)
    assert answer.problem()[0] == code and (places is None or answer.problem()[1] == places)
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 1


def test_retry_under_an_idempotency_key(gateway):
    job, other = submit(gateway), submit(gateway)
    key = {"Idempotency-Key": "again"}
    first = gateway.request("POST", f"/v1/jobs/{job['id']}/retry", headers=key)
    second = gateway.request("POST", f"/v1/jobs/{job['id']}/retry", headers=key)
    assert first.json()["id"] == second.json()["id"] and second.header("Idempotent-Replayed") == "true"
    answer = gateway.request("POST", f"/v1/jobs/{other['id']}/retry", headers=key)
    assert answer.status == 422 and answer.problem()[0] == "idempotency_key_reuse"


def test_retry_on_a_backend_that_is_gone(gateways):
    gateway = gateways()
    job = submit(gateway, backend="gpu0")
    gateway.restart(backends="other=http://127.0.0.1:9")
    answer = gateway.request("POST", f"/v1/jobs/{job['id']}/retry")
    assert answer.status == 422 and answer.problem() == ("validation_error", ["/backend"])


def test_preview_without_one(gateway):
    job = submit(gateway)
    answer = gateway.request("GET", f"/v1/jobs/{job['id']}/preview")
    assert (answer.status, answer.body) == (204, b"")


# ---- with a ComfyUI ----------------------------------------------------------------------------------------


def test_prefer_wait_with_a_picture(stages):
    stage = stages()
    stage.backend(lambda backend: backend["status"] == "up")
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers={"Prefer": "wait=30"})
    assert answer.status == 200 and answer.json()["status"] == "succeeded" and len(answer.json()["outputs"]) == 1
    assert answer.header("Preference-Applied") == "wait=30"
    assert stage.gateway.request("GET", f"/v1/jobs/{answer.json()['id']}").header("ETag") == answer.header("ETag")


def test_backend_filter_and_outputs_in_a_list(stages):
    stage = stages()
    jobs = [stage.finish(stage.submit(graphs.picture())) for _ in range(3)]
    listed = stage.gateway.json("GET", "/v1/jobs?backend=gpu0&status=succeeded&sort=created_at")["data"]
    assert listed == jobs and all(job["outputs"] for job in listed)
    assert stage.gateway.json("GET", "/v1/jobs?backend=gpu1")["data"] == []
    stage.gateway.restart()
    assert stage.gateway.json("GET", "/v1/jobs?sort=created_at")["data"] == jobs, "the same from the store alone"


def test_patch_while_it_runs(stages):
    """Changing the title of a running job disturbs nothing, and its ETag is honoured though it changes quickly."""
    stage = stages()
    job = stage.submit(graphs.steps(30, ms=50))
    stage.until(job, lambda seen: seen["status"] == "running")
    path = f"/v1/jobs/{job['id']}"
    changed = stage.gateway.request("PATCH", path, json={"title": "while it runs"})
    assert changed.status == 200 and changed.json()["title"] == "while it runs"

    def try_with_etag():
        etag = stage.gateway.request("GET", path).header("ETag")
        return stage.gateway.request("PATCH", path, json={"tags": ["t"]}, headers={"If-Match": etag}).status

    eventually(try_with_etag, lambda status: status == 200)
    assert stage.finish(job)["title"] == "while it runs"


def test_delete_while_it_runs(stages):
    stage = stages()
    job = stage.submit(graphs.steps(20, ms=50))
    stage.until(job, lambda seen: seen["status"] == "running")
    answer = stage.gateway.request("DELETE", f"/v1/jobs/{job['id']}")
    assert answer.status == 409 and answer.problem()[0] == "job_active"
    job = stage.finish(job)
    output = job["outputs"][0]
    assert stage.gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
    assert stage.gateway.request("GET", output["url"]).status == 404


def test_listing_while_everything_moves(stages):
    """Every page that is seen meanwhile is as documented (the gate looks), and no job is twice on it."""
    stage = stages(sim={"step_ms": 2})
    is_over = threading.Event()

    def look():
        while not is_over.is_set():
            page = stage.gateway.json("GET", "/v1/jobs?limit=200")
            ids = [job["id"] for job in page["data"]]
            assert len(ids) == len(set(ids)) and ids == sorted(ids, reverse=True)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        jobs = [stage.submit(graphs.steps(3, ms=5) if number % 2 else graphs.picture()) for number in range(30)]
        for job in jobs[::5]:
            stage.cancel(job)
        for number, job in enumerate(jobs):
            if number % 5:
                stage.finish(job)
        is_over.set()
        for looker in lookers:
            looker.result(20)


def test_json_of_a_job_is_the_same_from_hub_and_store(stages):
    stage = stages()
    job = stage.finish(stage.submit(graphs.picture(), title="\u2028 <b>&\"\\ \u0001", metadata={"k": "\U0001f3a8"}))
    stage.gateway.restart()
    assert stage.job(job) == job
    assert json.dumps(job["title"]) == json.dumps("\u2028 <b>&\"\\ \u0001")
