"""Who may do what: every operation with every scope, and with things that are one's own, another's, nobody's and nowhere. The tables are
made from the contract that the gateway itself tells, so that an operation that is added is tried without being named here."""
import itertools
import json
import pathlib
import re
import zlib

import pytest

from gateway import Gateway
from keys import Caller, make_key

NOWHERE = "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"
METHODS = ("get", "head", "put", "post", "patch", "delete")
MEDIA = pathlib.Path(__file__).resolve().parents[1] / "media"
CONTENTS = [(MEDIA / name).read_bytes() for name in ("alpha.png", "grey.jpg", "rgb.png", "palette.png", "interlaced.png")]
# What a request needs beside its address to get as far as its handler. Bodies are faulty on purpose: nothing shall come of them.
BODIES = {"application/json": b"{}", "application/merge-patch+json": b"{}"}
THINGS = {"/v1/jobs/{id}": "job", "/v1/outputs/{id}": "output", "/v1/assets/{id}": "asset"}


def operations(document):
    """(method, path, scope) of each; the scope is None when it is open to all, "" when any key will do."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                ways = item[method].get("security", [])
                scope = next((way["apiKey"] for way in ways if "apiKey" in way), None)
                yield method.upper(), path, scope if scope is None else "".join(scope)


def fill(path, thing=NOWHERE):
    return path.replace("{id}", thing).replace("{name}", "nothing").replace("{path}", "nothing")


def ask(caller, method, path, **more):
    """Events as a page, for a stream has no end; a body where one is taken."""
    headers = {"Accept": "application/json"} if path.endswith("/events") else {}
    if method in ("POST", "PUT", "PATCH"):
        more.setdefault("body", b"{}")
        headers["Content-Type"] = "application/json"
    return caller.request(method, path, headers=headers, **more)


def words(answer):
    """A problem without what is different each time."""
    problem = json.loads(answer.body or b"{}")
    problem.pop("request_id", None)
    return problem


@pytest.fixture(scope="module")
def scoped(tmp_path_factory):
    """A gateway that asks for keys, and a key for each scope that has nothing else."""
    gateway = Gateway(tmp_path_factory.mktemp("scopes") / "data", settings={"auth_mode": "keys"})
    gateway.start()
    document = gateway.request("GET", "/openapi.json").json()
    scopes = document["components"]["schemas"]["Scope"]["enum"]
    callers = {scope: Caller(gateway, make_key(gateway.data_dir, "only-" + scope.replace(":", "-"), scopes=[scope]))
               for scope in scopes}
    yield gateway, document, callers
    gateway.stop()


def test_every_operation_with_every_scope(scoped):
    _, document, callers = scoped
    table = list(operations(document))
    cells = 0
    for (method, path, needed), (scope, caller) in itertools.product(table, callers.items()):
        answer = ask(caller, method, fill(path))
        where = (method, path, scope, answer)
        if needed in (None, "", scope):
            assert answer.status not in (401, 403), where
        else:
            assert answer.status == 403, where
            assert answer.header("WWW-Authenticate").endswith(f'error="insufficient_scope", scope="{needed}"'), where
            if method != "HEAD":
                assert answer.problem()[0] == "insufficient_scope" and needed in answer.json()["detail"], where
        cells += 1
    assert len(table) > 45 and cells == len(table) * len(callers)
    # Each scope opens something, but for those that are asked for by what a request says.
    assert {scope for _, _, scope in table} - {None, ""} == set(callers) - {"jobs:raw", "jobs:all"}


def test_every_operation_without_a_key(scoped):
    gateway, document, _ = scoped
    nobody = Caller(gateway)
    for method, path, needed in operations(document):
        answer = ask(nobody, method, fill(path))
        if path == "/v1/session" and method == "POST":
            assert answer.status == 422, (method, path, answer)  # it is a key that is missing there
        elif needed is None:
            assert answer.status in (200, 204, 404), (method, path, answer)
        else:
            assert answer.status == 401, (method, path, answer)
            assert answer.header("WWW-Authenticate") == 'Bearer realm="comfygate"'


def test_what_is_not_there_is_told_to_nobody_without_a_key(scoped):
    gateway, _, callers = scoped
    nobody = Caller(gateway)
    for method, path in (("GET", "/nope"), ("GET", "/v1"), ("POST", "/v1/jobs/x/y"), ("DELETE", "/v1/jobs"), ("OPTIONS", "/v1/jobs"),
                         ("GET", "/v1/jobs?nope=1"), ("GET", "/v1/jobs/none-of-ours"), ("PUT", "/livez"), ("BREW", "/v1/jobs")):
        refused = nobody.request(method, path, check=False)
        assert refused.status == 401 and words(refused) == words(nobody.request("GET", "/v1/jobs")), (method, path)
        assert refused.header("Allow") is None
    some = callers["jobs:read"]
    assert some.request("GET", "/nope").status == 404
    assert some.request("DELETE", "/v1/jobs").status == 405
    assert some.request("OPTIONS", "/v1/jobs").status == 204


def test_roles_have_what_the_contract_says(scoped):
    gateway, _, callers = scoped
    every = list(callers)
    own = {"viewer": ["jobs:read", "events:read", "templates:read", "models:read", "backends:read"]}
    own["user"] = own["viewer"] + ["jobs:write", "assets:write"]
    own["operator"] = own["user"] + ["jobs:raw", "jobs:all", "templates:write", "backends:write", "metrics:read"]
    own["admin"] = every
    for role, scopes in own.items():
        told = Caller(gateway, make_key(gateway.data_dir, f"a-{role}", role=role)).json("GET", "/v1/session")
        assert told["role"] == role and told["name"] == f"a-{role}" and set(told["scopes"]) == set(scopes)


# ---- whose it is


class People:
    """Anna, Ben and an operator, each with a job, an output and an asset; and the same of nobody, from before there were keys."""

    def __init__(self, stage):
        self.gateway = stage.gateway
        self.nobody = Caller(self.gateway)
        self.contents = iter(CONTENTS)
        self.of_nobody = self.things_of(self.nobody)
        self.gateway.restart(auth_mode="keys")
        scopes = [scope for scope in self.gateway.request("GET", "/openapi.json").json()["components"]["schemas"]["Scope"]["enum"]
                  if scope != "jobs:all"]
        self.anna, self.ben = (Caller(self.gateway, make_key(self.gateway.data_dir, name, scopes=scopes)) for name in ("anna", "ben"))
        self.root = Caller(self.gateway, make_key(self.gateway.data_dir, "root", role="admin"))
        self.of_anna = self.things_of(self.anna)
        self.of_ben = self.things_of(self.ben)

    def things_of(self, caller):
        job = caller.make()
        output = next(output for output in job["outputs"] if output["primary"])
        return {"job": job["id"], "output": output["id"], "asset": caller.bring(next(self.contents))["id"]}


@pytest.fixture
def people(stages):
    return People(stages(auth_mode="loopback"))


def by_id(document):
    for method, path, scope in operations(document):
        kind = next((kind for begin, kind in THINGS.items() if path == begin or path.startswith(begin + "/")), None)
        if kind is not None:
            yield method, path, scope, kind


def test_others_things_are_not_there(people):
    document = people.gateway.request("GET", "/openapi.json").json()
    table = list(by_id(document))
    assert len(table) > 16 and {kind for *_, kind in table} == {"job", "output", "asset"}
    assert {path.split("/")[2] for _, path, scope in operations(document) if "{id}" in path} == {"jobs", "outputs", "assets", "keys"}
    for method, path, _, kind in table:
        nowhere = ask(people.ben, method, fill(path, NOWHERE))
        assert nowhere.status == 404, (method, path, nowhere)
        for things in (people.of_anna, people.of_nobody):
            foreign = ask(people.ben, method, fill(path, things[kind]))
            assert foreign.status == 404 and words(foreign) == words(nowhere), (method, path, foreign)
            # A conditional request and a faulty query say no more.
            again = people.ben.request(method, fill(path, things[kind]), headers={"If-None-Match": "*", "Accept": "application/json"},
                                       **({"body": b"{}"} if method in ("POST", "PATCH") else {}))
            assert again.status == 404 and words(again) == words(nowhere), (method, path, again)
        assert ask(people.nobody, method, fill(path, people.of_anna[kind])).status == 401
    # Nothing has come of it.
    for caller, things in ((people.anna, people.of_anna), (people.root, people.of_nobody)):
        assert caller.json("GET", f"/v1/jobs/{things['job']}")["status"] == "succeeded"
        assert caller.request("GET", f"/v1/outputs/{things['output']}/content").status == 200
        assert caller.request("GET", f"/v1/assets/{things['asset']}/content").status == 200


def test_ones_own_things_are_there_and_all_for_who_may_see_all(people):
    document = people.gateway.request("GET", "/openapi.json").json()
    # What deletes comes last, and jobs after what is theirs.
    table = sorted(by_id(document), key=lambda row: (row[0] == "DELETE", row[3] == "job"))
    for caller, things in ((people.anna, people.of_anna), (people.root, people.of_ben), (people.root, people.of_nobody)):
        for method, path, _, kind in table:
            answer = ask(caller, method, fill(path, things[kind]))
            assert answer.status not in (401, 403), (method, path, answer)
            # A part of it that has a name of its own need not be there.
            assert answer.status != 404 or ("{name}" in path and f"no {kind} of this id" not in answer.json()["detail"]), (method, path, answer)
        assert caller.request("GET", f"/v1/jobs/{things['job']}").status == 404
        assert caller.request("GET", f"/v1/assets/{things['asset']}").status == 404


def ids(page):
    return {entry["id"] for entry in page["data"]}


def test_lists_show_ones_own(people):
    jobs = {name: things["job"] for name, things in (("anna", people.of_anna), ("ben", people.of_ben), ("", people.of_nobody))}
    for name in ("anna", "ben"):
        caller = getattr(people, name)
        assert ids(caller.json("GET", "/v1/jobs")) == {jobs[name]}
        assert ids(caller.json("GET", f"/v1/jobs?owner={name}")) == {jobs[name]}
        assert ids(caller.json("GET", "/v1/jobs?owner=root")) == set()
        assert {entry["job_id"] for entry in caller.json("GET", "/v1/outputs")["data"]} == {jobs[name]}
        assert {entry["job_id"] for entry in caller.json("GET", "/v1/outputs?type=image&sort=created_at")["data"]} == {jobs[name]}
        assert caller.json("GET", "/v1/stats")["ended"]["succeeded"] == 1
        assert caller.json("GET", f"/v1/jobs/{jobs[name]}")["owner"] == name
    assert ids(people.root.json("GET", "/v1/jobs")) == set(jobs.values())
    assert ids(people.root.json("GET", "/v1/jobs?owner=anna")) == {jobs["anna"]}
    assert ids(people.ben.json("GET", "/v1/jobs?owner=anna")) == set()
    assert {entry["job_id"] for entry in people.root.json("GET", "/v1/outputs")["data"]} == set(jobs.values())
    assert people.root.json("GET", "/v1/stats")["ended"]["succeeded"] == 3
    assert people.root.json("GET", f"/v1/jobs/{jobs['']}")["owner"] is None


def test_an_etag_of_a_list_is_no_use_to_another(people):
    for path in ("/v1/jobs", "/v1/outputs"):
        tag = people.anna.request("GET", path).header("ETag")
        assert people.anna.request("GET", path, headers={"If-None-Match": tag}).status == 304
        assert people.ben.request("GET", path, headers={"If-None-Match": tag}).status == 200


def types_and_jobs(page):
    return [(event["type"], event["job_id"]) for event in page["data"]]


def test_events_are_of_ones_own_jobs(people):
    page = {"headers": {"Accept": "application/json"}}
    heard = types_and_jobs(people.ben.json("GET", "/v1/events?after=0", **page))
    assert {job for kind, job in heard if kind.startswith("job.")} == {people.of_ben["job"]}
    assert {job for kind, job in types_and_jobs(people.root.json("GET", "/v1/events?after=0", **page)) if kind.startswith("job.")} == {
        people.of_anna["job"], people.of_ben["job"], people.of_nobody["job"]}
    waiting = people.anna.submit(priority=5)
    snapshot = people.ben.json("GET", "/v1/events", **page)["data"][0]
    assert snapshot["type"] == "snapshot" and snapshot["data"]["jobs"] == [] and snapshot["data"]["backends"] is not None
    people.anna.finish(waiting)
    blind = Caller(people.gateway, make_key(people.gateway.data_dir, "blind", scopes=["events:read", "jobs:read"]))
    assert types_and_jobs(blind.json("GET", "/v1/events?after=0", **page)) == []
    assert blind.json("GET", "/v1/events", **page)["data"][0]["data"]["backends"] is None


def test_what_is_anothers_cannot_be_named(people):
    def refused(**members):
        answer = people.ben.request("POST", "/v1/jobs", json={"template": "test-pattern", **members})
        assert answer.status == 422, answer
        return answer.problem()

    for things in (people.of_anna, people.of_nobody, {"job": NOWHERE, "asset": NOWHERE, "output": NOWHERE}):
        assert refused(parent_id=things["job"]) == ("validation_error", ["/parent_id"])
        for reference in (f"asset:{things['asset']}", f"output:{things['output']}"):
            assert refused(template="test-edit", input={"image": reference}) == ("missing_asset", ["/input/image"])
    own = people.ben.json("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"output:{people.of_ben['output']}"}, "parent_id": people.of_ben["job"]})
    assert own["parent_id"] == people.of_ben["job"] and own["owner"] == "ben"
    foreign = people.root.json("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"asset:{people.of_anna['asset']}"}, "parent_id": people.of_nobody["job"]})
    assert foreign["owner"] == "root"


def test_what_is_repeated_belongs_to_who_repeats_it(people):
    again = people.root.json("POST", f"/v1/jobs/{people.of_anna['job']}/retry")
    assert again["owner"] == "root" and again["parent_id"] == people.of_anna["job"]
    assert people.anna.request("GET", f"/v1/jobs/{again['id']}").status == 404


def test_the_same_idempotency_key_of_two_is_two(people):
    head = {"Idempotency-Key": "order-1"}
    first = people.anna.request("POST", "/v1/jobs", json={"template": "test-pattern"}, headers=head)
    other = people.ben.request("POST", "/v1/jobs", json={"template": "test-pattern", "title": "another body"}, headers=head)
    again = people.anna.request("POST", "/v1/jobs", json={"template": "test-pattern"}, headers=head)
    assert (first.status, other.status) == (202, 202) and again.header("Idempotent-Replayed") == "true"
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]


def test_preferences_and_assets_are_each_ones_own(people):
    for caller, value in ((people.anna, 1), (people.ben, 2), (people.root, 3)):
        caller.json("PUT", "/v1/preferences/size", json={"value": value})
    for caller, value in ((people.anna, 1), (people.ben, 2), (people.root, 3)):
        assert caller.json("GET", "/v1/preferences/size") == {"value": value}
        assert [entry["value"] for entry in caller.json("GET", "/v1/preferences")["data"]] == [{"value": value}]
    assert people.ben.request("DELETE", "/v1/preferences/size").status == 204
    assert people.anna.json("GET", "/v1/preferences/size") == {"value": 1}
    # The same file of two is two assets, and one of them goes alone.
    mine, theirs = people.anna.bring(CONTENTS[4]), people.ben.bring(CONTENTS[4])
    assert mine["id"] != theirs["id"] and mine["sha256"] == theirs["sha256"]
    assert people.anna.request("DELETE", f"/v1/assets/{mine['id']}").status == 204
    assert zlib.crc32(people.ben.request("GET", f"/v1/assets/{theirs['id']}/content").body) == zlib.crc32(CONTENTS[4])


def test_a_signed_link_opens_without_a_key_and_opens_nothing_else(people):
    output = people.of_anna["output"]
    assert people.ben.request("POST", f"/v1/outputs/{output}/link").status == 404
    url = people.anna.json("POST", f"/v1/outputs/{output}/link")["url"]
    for caller in (people.nobody, people.ben, Caller(people.gateway, "cg_wrong")):
        assert caller.request("GET", url).status == 200 and caller.request("HEAD", url).status == 200
    assert people.nobody.request("GET", url.split("?")[0]).status == 401
    changed = re.sub("signature=.", "signature=x", url)
    assert people.nobody.request("GET", changed).status == 403
    assert people.nobody.request("GET", url.replace(output, people.of_ben["output"])).status == 403
    thumbnail = url.replace("/content?", "/thumbnail?")
    assert people.nobody.request("GET", thumbnail).status == 401


def test_workflows_of_ones_own_need_their_scope(people):
    graph = {"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}
    user = Caller(people.gateway, make_key(people.gateway.data_dir, "user", role="user"))
    for body in ({"workflow": graph}, {"workflow": graph, "dry_run": True}):
        answer = user.request("POST", "/v1/jobs", json=body)
        assert answer.status == 403 and answer.problem()[0] == "insufficient_scope" and "jobs:raw" in answer.json()["detail"]
    raw = people.anna.finish(people.anna.json("POST", "/v1/jobs", json={"workflow": graph}))
    assert people.anna.json("POST", f"/v1/jobs/{raw['id']}/retry")["parent_id"] == raw["id"]
    blunt = Caller(people.gateway, make_key(people.gateway.data_dir, "blunt", role="user", scopes=["jobs:all"]))
    assert blunt.request("POST", f"/v1/jobs/{raw['id']}/retry").status == 403
    assert user.submit()["owner"] == "user"
