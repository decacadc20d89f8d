"""Preferences: small objects that a client keeps under keys of its choice."""
import concurrent.futures
import json

import pytest


def put(gateway, key, value):
    return gateway.request("PUT", f"/v1/preferences/{key}", json=value)


def keys(page):
    return [entry["key"] for entry in page["data"]]


def test_put_get_replace_delete(gateway):
    assert gateway.request("GET", "/v1/preferences/a").status == 404
    assert put(gateway, "a", {"model": "flux"}).status == 201
    answer = gateway.request("GET", "/v1/preferences/a")
    assert answer.status == 200 and answer.json() == {"model": "flux"}
    assert gateway.request("GET", "/v1/preferences/a", headers={"If-None-Match": answer.header("ETag")}).status == 304
    assert put(gateway, "a", {"model": "sdxl"}).status == 200
    assert gateway.json("GET", "/v1/preferences/a") == {"model": "sdxl"}
    assert gateway.request("DELETE", "/v1/preferences/a").status == 204
    assert gateway.request("DELETE", "/v1/preferences/a").status == 404
    assert gateway.request("GET", "/v1/preferences/a").status == 404


def test_it_is_kept_as_it_was_written(gateway):
    text = b'{ "seed": 18446744073709551615, "x": 7.0, "y": [1e400] }'
    answer = gateway.request("PUT", "/v1/preferences/exact", body=text, headers={"Content-Type": "application/json"})
    assert answer.status == 201
    assert gateway.request("GET", "/v1/preferences/exact").body == text


def test_it_outlives_a_kill(gateway):
    put(gateway, "kept", {"a": 1})
    gateway.kill()
    gateway.start()
    assert gateway.json("GET", "/v1/preferences/kept") == {"a": 1}


def test_only_what_has_not_changed_is_replaced(gateway):
    first = put(gateway, "a", {"n": 1}).header("ETag")
    assert first == gateway.request("GET", "/v1/preferences/a").header("ETag")
    second = gateway.request("PUT", "/v1/preferences/a", json={"n": 2}, headers={"If-Match": first})
    assert second.status == 200 and second.header("ETag") not in (None, first)
    late = gateway.request("PUT", "/v1/preferences/a", json={"n": 3}, headers={"If-Match": first})
    assert late.status == 412 and late.problem()[0] == "precondition_failed"
    weak = gateway.request("PUT", "/v1/preferences/a", json={"n": 3}, headers={"If-Match": "W/" + second.header("ETag")})
    assert weak.status == 412
    assert gateway.json("GET", "/v1/preferences/a") == {"n": 2}
    listed = f'"x", {second.header("ETag")}'
    assert gateway.request("PUT", "/v1/preferences/a", json={"n": 3}, headers={"If-Match": listed}).status == 200
    assert gateway.request("PUT", "/v1/preferences/a", json={"n": 4}, headers={"If-Match": "*"}).status == 200
    for tag in ("*", first):
        answer = gateway.request("PUT", "/v1/preferences/none", json={}, headers={"If-Match": tag})
        assert answer.status == 412, tag
    assert gateway.request("GET", "/v1/preferences/none").status == 404


def test_only_what_is_new_is_made(gateway):
    new = {"If-None-Match": "*"}
    assert gateway.request("PUT", "/v1/preferences/a", json={"n": 1}, headers=new).status == 201
    answer = gateway.request("PUT", "/v1/preferences/a", json={"n": 2}, headers=new)
    assert answer.status == 412 and answer.problem()[0] == "precondition_failed"
    assert gateway.json("GET", "/v1/preferences/a") == {"n": 1}


def test_only_what_has_not_changed_is_deleted(gateway):
    tag = put(gateway, "a", {"n": 1}).header("ETag")
    put(gateway, "a", {"n": 2})
    assert gateway.request("DELETE", "/v1/preferences/a", headers={"If-Match": tag}).status == 412
    tag = gateway.request("GET", "/v1/preferences/a").header("ETag")
    assert gateway.request("DELETE", "/v1/preferences/a", headers={"If-Match": tag}).status == 204
    for unknown in (tag, "*"):
        assert gateway.request("DELETE", "/v1/preferences/a", headers={"If-Match": unknown}).status == 404


def test_one_of_many_at_once_wins(gateway):
    """Those of one turn of the engine see each other."""
    tag = put(gateway, "a", {"n": 0}).header("ETag")

    def attempt(n):
        return (gateway.request("PUT", "/v1/preferences/a", json={"n": n}, headers={"If-Match": tag}).status,
                gateway.request("PUT", "/v1/preferences/b", json={"n": n}, headers={"If-None-Match": "*"}).status)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(attempt, range(1, 33)))
    assert sorted(status for status, _ in seen) == [200] + [412] * 31
    assert sorted(status for _, status in seen) == [201] + [412] * 31


def test_pages_of_a_prefix(gateway):
    for n in range(7):
        put(gateway, f"discord.1.user.{n}", {"n": n})
    put(gateway, "discord.1.zzz", {})
    put(gateway, "discord.10.user.1", {})
    seen, cursor = [], ""
    while True:
        page = gateway.json("GET", f"/v1/preferences?prefix=discord.1.user.&limit=3{cursor}")
        seen += keys(page)
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"discord.1.user.{n}" for n in range(7)]
    assert len(keys(gateway.json("GET", "/v1/preferences"))) == 9
    assert keys(gateway.json("GET", "/v1/preferences?prefix=discord.1.zzzz")) == []


@pytest.mark.parametrize("key", ["a" * 128, "A.b_c:d-9"])
def test_keys(gateway, key):
    assert put(gateway, key, {}).status == 201


@pytest.mark.shares
@pytest.mark.parametrize("key", ["a" * 129, "a%20b", "%C3%A9", "a%2Fb", "a'b", "a@b"])
def test_keys_that_are_none(gateway, key):
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        answer = gateway.request(method, f"/v1/preferences/{key}", json=body) if body is not None else \
            gateway.request(method, f"/v1/preferences/{key}")
        assert answer.status == 400 and answer.problem()[0] == "invalid_parameter", (method, answer)


@pytest.mark.shares
@pytest.mark.parametrize("body,status,code", [
    (b"[]", 422, "validation_error"), (b"1", 422, "validation_error"), (b"null", 422, "validation_error"),
    (b"{", 400, "malformed_json"), (b'{"a":1,"a":2}', 400, "duplicate_key"), (b"", 400, "malformed_json"),
    (json.dumps({"a": "x" * 8192}).encode(), 413, "content_too_large"),
])
def test_values_that_are_refused(gateway, body, status, code):
    answer = gateway.request("PUT", "/v1/preferences/x", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == status and answer.problem()[0] == code, answer
    assert gateway.request("GET", "/v1/preferences/x").status == 404


def test_the_largest(gateway):
    value = {"a": "x" * (8192 - len('{"a": ""}'))}
    text = json.dumps(value).encode()
    assert len(text) == 8192
    assert gateway.request("PUT", "/v1/preferences/x", body=text, headers={"Content-Type": "application/json"}).status == 201
    assert gateway.json("GET", "/v1/preferences/x") == value


def test_how_many(gateways):
    gateway = gateways(preferences_max_keys=3)
    for n in range(3):
        assert put(gateway, f"k{n}", {}).status == 201
    answer = put(gateway, "k3", {})
    assert answer.status == 429 and answer.problem()[0] == "quota_exceeded"
    assert put(gateway, "k0", {"a": 1}).status == 200
    gateway.request("DELETE", "/v1/preferences/k1")
    assert put(gateway, "k3", {}).status == 201


@pytest.mark.shares
@pytest.mark.parametrize("query", ["?prefix=", "?prefix=a%20b", "?limit=0", "?limit=201", "?limit=x", "?cursor=", "?cursor=%C3%A9", "?x=1"])
def test_queries_that_are_none(gateway, query):
    assert gateway.request("GET", "/v1/preferences" + query).status == 400
