"""What holds for every operation: methods, addresses, request ids, headers, limits; and HTTP that is not quite HTTP."""
import http.client
import json
import pathlib
import socket
import subprocess
import threading
import time

import pytest
import yaml

import graphs
from gateway import BIN, Gateway
from raw_http import statuses, talk
from stage import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())
NO_JOB = "01935860-0000-7000-8000-000000000000"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
PATHS = sorted(DOCUMENT["paths"])
STREAMS = ("/v1/events",)  # these do not end
GETTABLE = [path for path in PATHS if "get" in DOCUMENT["paths"][path] and "{" not in path and path not in STREAMS]


def documented(path):
    methods = {method.upper() for method in DOCUMENT["paths"][path] if method in ("get", "post", "put", "patch", "delete", "head")}
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def allowed(answer):
    return set(answer.header("Allow").split(", "))


# ---- methods and addresses -----------------------------------------------------------------------


@pytest.mark.shares
def test_options_and_other_methods(gateway):
    for path in PATHS:
        address = path.replace("{id}", NO_JOB)
        answer = gateway.request("OPTIONS", address)
        assert (answer.status, answer.body) == (204, b"") and allowed(answer) == documented(path)
        for method in METHODS:
            if method not in documented(path):
                answer = gateway.request(method, address)
                assert answer.status == 405 and allowed(answer) == documented(path), (method, address)
                assert answer.problem()[0] == "method_not_allowed"


@pytest.mark.shares
@pytest.mark.parametrize("path", GETTABLE)
def test_head_is_get_without_the_body(gateway, path):
    headers = {"Accept": "application/json"}  # of what may be a stream without an end: test_events.py

    def comparable(answer):
        return {name: value for name, value in answer.headers if name not in ("X-Request-Id", "Date")}

    def look():
        get, head = (gateway.request(method, path, headers=headers) for method in ("GET", "HEAD"))
        assert head.status == get.status == 200 and head.body == b""
        return comparable(head), comparable(get)

    eventually(look, lambda seen: seen[0] == seen[1])  # right after the start, backends change in between


@pytest.mark.shares
@pytest.mark.parametrize("path", [
    "/nope", "/livez/", "//livez", "/LIVEZ", "/v1", "/v1/", "/v2/jobs", "/v1/job", "/v1/jobs/x/y/z",
    f"/v1/jobs/{NO_JOB}/cancel/", f"/v1/outputs/{NO_JOB}", "/v1%2Fjobs", "/v1/jobs/../backends", "/./livez",
    "/%2e%2e/%2e%2e/etc/passwd", "/../../../../etc/passwd", "/index.html", "/.git/config", "/a/b/c/d/e/f/g/h/i/j",
])
def test_no_such_address(gateway, path):
    answer = gateway.request("GET", path)
    assert answer.status == 404 and answer.problem()[0] == "not_found"


@pytest.mark.shares
@pytest.mark.parametrize("id", ["x", NO_JOB, NO_JOB.upper(), NO_JOB[:-1], NO_JOB + "0", "%20", "..", "0", "-1", "%C3%A9"])
def test_no_such_job(gateway, id):
    for method, rest, body in (("GET", "", None), ("GET", "?wait=1", None), ("PATCH", "", b"{}"), ("DELETE", "", None),
                               ("POST", "/cancel", None), ("POST", "/retry", None), ("GET", "/preview", None),
                               ("GET", "/workflow", None)):
        answer = gateway.request(method, f"/v1/jobs/{id}{rest}", body=body)
        assert answer.status == 404 and answer.problem()[0] == "not_found", (method, rest)
    answer = gateway.request("GET", f"/v1/outputs/{id}/content")
    assert answer.status == 404 and answer.problem()[0] == "not_found"


@pytest.mark.shares
@pytest.mark.parametrize("target", ["/livez?a=%00", "/a%00b", "/a%", "/a%zz", "/livez?a=%f", "/livez?%00=1"])
def test_broken_escapes(gateway, target):
    answer = gateway.request("GET", target, check=False)
    assert answer.status == 400 and answer.problem()[0] == "bad_request"


@pytest.mark.shares
@pytest.mark.parametrize("target", ["/%ff", "/livez?a=%C0%80", "/v1/jobs?q=%ED%A0%80", "/v1/jobs?%FE=1"])
def test_addresses_that_are_not_utf8(gateway, target):
    answer = gateway.request("GET", target, check=False)
    assert answer.status == 400 and answer.problem()[0] == "invalid_utf8"


@pytest.mark.shares
def test_unknown_query_parameters(gateway):
    for path in PATHS:
        for method in documented(path) - {"OPTIONS"}:
            body = b"{}" if method in ("POST", "PATCH") else None
            answer = gateway.request(method, path.replace("{id}", NO_JOB) + "?nonsense=1&limits=2", body=body)
            assert answer.status == 400, (method, path)
            if method != "HEAD":
                assert answer.problem() == ("invalid_parameter", ["nonsense", "limits"])


@pytest.mark.shares
def test_a_parameter_that_comes_twice(gateway):
    answer = gateway.request("GET", "/v1/jobs?limit=1&limit=2")
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", ["limit"])
    answer = gateway.request("GET", "/v1/jobs?metadata.a=1&metadata.a=1")
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", ["metadata.a"])


@pytest.mark.shares
def test_too_many_parameters(gateway):
    answer = gateway.request("GET", "/v1/jobs?" + "&".join(f"metadata.k{n}=1" for n in range(30)))
    assert answer.status == 400 and answer.problem()[0] == "invalid_parameter"


# ---- headers ---------------------------------------------------------------------------------------


@pytest.mark.shares
def test_request_ids(gateway):
    ids = {gateway.request("GET", path).header("X-Request-Id") for path in ("/livez", "/nope", "/v1/jobs?x=1") * 5}
    assert len(ids) == 15, "each request has its own"
    for given in ("a", "A-b_c.9", "x" * 64):
        for path in ("/livez", "/nope"):
            assert gateway.request("GET", path, headers={"X-Request-Id": given}).header("X-Request-Id") == given
    for given in ("", "x" * 65, "a b", "a/b", "<script>", "\u00e9"):
        answer = gateway.request("GET", "/livez", headers={"X-Request-Id": given.encode()})
        assert answer.header("X-Request-Id") not in (given, None)


def test_headers_of_every_answer(gateway):
    for method, path in (("GET", "/livez"), ("GET", "/v1/backends"), ("GET", "/nope"), ("PUT", "/v1/jobs"), ("OPTIONS", "/livez")):
        answer = gateway.request(method, path)
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Referrer-Policy") == "no-referrer"
        assert answer.header("Cache-Control") == "no-store"
        assert answer.header("Server") is None
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    for path in ("/v1/jobs", f"/v1/jobs/{job['id']}"):
        assert gateway.request("GET", path).header("Cache-Control") == "private, no-cache"


@pytest.mark.shares
def test_openapi_document(gateway):
    answer = gateway.request("GET", "/openapi.json")  # the gate compares it with schema/openapi.yaml
    assert answer.status == 200 and answer.header("Content-Type") == "application/json"
    etag = answer.header("ETag")
    for field in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = gateway.request("GET", "/openapi.json", headers={"If-None-Match": field})
        assert (same.status, same.body, same.header("ETag")) == (304, b"", etag)
    assert gateway.request("GET", "/openapi.json", headers={"If-None-Match": '"x"'}).status == 200


def test_readiness_without_a_comfyui(gateway):
    ready = gateway.json("GET", "/readyz")
    assert ready["status"] == "degraded"
    assert {name: check["status"] for name, check in ready["checks"].items()} == {
        "store": "ok", "storage": "ok", "backends": "warn", "queue": "ok"}
    backends = gateway.json("GET", "/v1/backends")["data"]
    assert [(backend["name"], backend["status"]) for backend in backends] == [("gpu0", "down")]


# ---- who asks whom -----------------------------------------------------------------------------------


@pytest.mark.shares
def test_hosts_in_loopback_mode(gateway):
    port = gateway.port
    for host in (f"localhost:{port}", "localhost", f"127.0.0.1:{port}", "[::1]", "[::1]:1", "LOCALHOST"):
        assert gateway.request("GET", "/livez", headers={"Host": host}).status == 200, host
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1", ":80"):
        for method, path in (("GET", "/livez"), ("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("OPTIONS", "/v1/jobs")):
            answer = gateway.request(method, path, headers={"Host": host})
            assert answer.status == 403 and answer.problem()[0] == "host_not_allowed", (method, host)


def test_origins(gateway):
    body = {"workflow": graphs.picture()}
    here = f"127.0.0.1:{gateway.port}"
    for origin in ("http://evil.example", "null", "file://", f"http://127.0.0.1:{gateway.port + 1}", "http://localhost"):
        answer = gateway.request("POST", "/v1/jobs", json=body, headers={"Origin": origin})
        assert answer.status == 403 and answer.problem()[0] == "host_not_allowed", origin
        assert gateway.request("GET", "/v1/jobs", headers={"Origin": origin}).status == 200, "reading changes nothing"
    assert gateway.request("POST", "/v1/jobs", json=body, headers={"Origin": f"http://{here}"}).status == 202
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 1


def test_other_hosts_without_loopback_mode(gateways):
    gateway = gateways(auth_mode="off")
    assert gateway.request("GET", "/livez", headers={"Host": "gate.example"}).status == 200
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()},
                             headers={"Host": "gate.example", "Origin": "https://gate.example"})
    assert answer.status == 202


# ---- bodies ------------------------------------------------------------------------------------------


@pytest.mark.shares
@pytest.mark.parametrize("media_type", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "json", "",
    "application/json; charset=latin1", "application/merge-patch+json", "application/problem+json", "*/*",
])
def test_media_types_that_are_not_understood(gateway, media_type):
    body = json.dumps({"workflow": graphs.picture()}).encode()
    answer = gateway.request("POST", "/v1/jobs", body=body, headers={"Content-Type": media_type})
    assert answer.status == 415 and answer.problem()[0] == "unsupported_media_type"
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_media_types_that_are_understood(gateway):
    body = json.dumps({"workflow": graphs.picture()}).encode()
    for media_type in ("application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"'):
        answer = gateway.request("POST", "/v1/jobs", body=body, headers={"Content-Type": media_type})
        assert answer.status == 202, media_type


@pytest.mark.shares
def test_a_compressed_body(gateway):
    answer = gateway.request("POST", "/v1/jobs", body=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


def large(size):
    return b'{"workflow":{}, "title":"' + b"x" * (size - 27) + b'"}'


def test_body_ceiling(gateways):
    gateway = gateways(server_max_body=20000)
    at_most = json.dumps({"workflow": graphs.picture()}).encode()
    at_most += b" " * (20000 - len(at_most))
    assert gateway.request("POST", "/v1/jobs", body=at_most).status == 202
    for body in (at_most + b" ", large(100_000), large(8_000_000)):
        answer = gateway.request("POST", "/v1/jobs", body=body)
        assert answer.status == 413 and answer.problem()[0] == "content_too_large"
    assert len(gateway.json("GET", "/v1/jobs")["data"]) == 1


def test_body_ceiling_in_chunks(gateways):
    gateway = gateways(server_max_body=20000)
    body = json.dumps({"workflow": graphs.picture()}).encode()

    def send(pieces):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        connection.request("POST", "/v1/jobs", body=iter(pieces), encode_chunked=True,
                           headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        status = connection.getresponse().status
        connection.close()
        return status

    assert send([body[:5], body[5:]]) == 202
    assert send([body, b" " * 20000]) == 413
    assert send([b" " * 1000] * 1000) == 413


def test_large_body_is_refused_before_it_is_sent(gateways):
    gateway = gateways(server_max_body=20000)
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    received, is_closed = talk(gateway, head + b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(received) == [413] and is_closed
    received, is_closed = talk(gateway, head + b"Content-Length: 50000000000\r\n\r\n")
    assert statuses(received) == [413] and is_closed
    received, is_closed = talk(gateway, head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", b"{}", answers=2)
    assert statuses(received) == [100, 422] and not is_closed


@pytest.mark.shares
def test_a_body_that_nobody_asked_for(gateway):
    assert gateway.request("GET", "/livez", body=b"x" * 1000).status == 200
    assert gateway.request("DELETE", f"/v1/jobs/{NO_JOB}", body=b"x").status == 404


@pytest.mark.shares
def test_address_ceiling(gateway):
    answer = gateway.request("GET", "/v1/jobs?q=" + "x" * 9000, check=False)
    assert answer.status == 431 and answer.problem()[0] == "headers_too_large"


# ---- HTTP that is not quite HTTP -----------------------------------------------------------------------

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /v1/backends HTTP/1.1\r\nHost: localhost\r\n\r\n"

CLOSED_AFTER_400 = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}",
    "one length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunked": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "length and chunked on GET": GET + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n{}",
    "empty encoding": POST + b"Transfer-Encoding:\r\n\r\n{}",
    "chunked in HTTP/1.0": POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": GET + b"Host: localhost\r\n\r\n",
    "two different hosts": GET + b"Host: evil.example\r\n\r\n",
    "two media types": POST + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    "two keys": POST + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 2\r\n\r\n{}",
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a carriage return in a value": GET + b"X: a\rb\r\n\r\n",
    "a control character in a value": GET + b"X: a\x01b\r\n\r\n",
    "a name that is no token": GET + b"X(y): a\r\n\r\n",
}


@pytest.mark.shares
@pytest.mark.parametrize("name", CLOSED_AFTER_400)
def test_framing_that_can_be_read_in_two_ways(gateway, name):
    """One answer, then nothing: what follows could be read differently by a proxy before us."""
    received, is_closed = talk(gateway, CLOSED_AFTER_400[name] + SMUGGLED)
    assert statuses(received) == [400] and is_closed
    assert b"application/problem+json" in received and b'"bad_request"' in received


REFUSED_BY_THE_LIBRARY = {
    "negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "length with a plus": POST + b"Content-Length: +2\r\n\r\n{}",
    "length with a list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length that overflows": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a chunk without a size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a huge chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    "a field without a colon": GET + b"nonsense\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "a wrong version": b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS \r\n\r\n",
    "40 KiB of header": GET + b"X: " + b"x" * 40960 + b"\r\n\r\n",
    "1,000 fields": GET + b"X: y\r\n" * 1000 + b"\r\n",
    "an address of 40 KiB": b"GET /" + b"x" * 40960 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.shares
@pytest.mark.parametrize("name", REFUSED_BY_THE_LIBRARY)
def test_http_that_the_library_refuses(gateway, name):
    """libmicrohttpd answers these itself, in its own words; what follows is never served."""
    received, is_closed = talk(gateway, REFUSED_BY_THE_LIBRARY[name], SMUGGLED)
    assert is_closed
    assert received == b"" or received.startswith(b"HTTP/1.1 4") or received.startswith(b"HTTP/1.1 505")
    assert b"gpu0" not in received
    assert gateway.request("GET", "/livez").status == 200


@pytest.mark.shares
def test_requests_in_a_row(gateway):
    """Pipelined requests are answered in order, and each body ends where it said."""
    bad = POST + b"Content-Length: 2\r\n\r\n{}"
    received, is_closed = talk(gateway, GET + b"\r\n" + bad + GET + b"\r\n" + bad + SMUGGLED, answers=5)
    assert statuses(received) == [200, 422, 200, 422, 200] and not is_closed


@pytest.mark.shares
def test_absolute_addresses(gateway):
    received, _ = talk(gateway, b"GET http://localhost:1/livez HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
    assert statuses(received) == [200]
    received, _ = talk(gateway, b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert statuses(received) == [400]


def test_a_client_that_hangs_up(gateway):
    """At every byte of a request; nothing is leaked (the sanitizers look) and nothing is stored."""
    body = json.dumps({"workflow": graphs.picture()}).encode()
    whole = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for length in range(0, len(whole), 7):
        with gateway.connect() as connection:
            connection.sendall(whole[:length])
    assert gateway.json("GET", "/v1/jobs")["data"] == []


# ---- limits, start and end ---------------------------------------------------------------------------


def hold(gateway, path, answers, **what):
    thread = threading.Thread(target=lambda: answers.append(gateway.request("GET", path, **what)), daemon=True)
    thread.start()
    return thread


def test_waiters_ceiling(gateways):
    gateway = gateways(server_max_waiters=2)
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    path, answers = f"/v1/jobs/{job['id']}?wait=60", []
    threads = [hold(gateway, path, answers) for _ in range(2)]
    time.sleep(0.5)
    refused = gateway.request("GET", path)
    assert refused.status == 429 and refused.problem()[0] == "rate_limited" and refused.header("Retry-After")
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers={"Prefer": "wait=20"})
    assert answer.status == 202 and answer.header("Preference-Applied") is None, "accepted, but not waited for"
    gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
    for thread in threads:
        thread.join(10)
    assert [answer.json()["status"] for answer in answers] == ["canceled"] * 2


def test_stopping_answers_who_waits(gateway):
    """A long poll is answered with the job as it is; the process ends in time."""
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    answers = []
    etag = gateway.request("GET", f"/v1/jobs/{job['id']}").header("ETag")
    threads = [hold(gateway, f"/v1/jobs/{job['id']}?wait=60", answers) for _ in range(5)]
    threads += [hold(gateway, f"/v1/jobs/{job['id']}?wait=60", answers, headers={"If-None-Match": etag}) for _ in range(5)]
    time.sleep(0.5)
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 5
    for thread in threads:
        thread.join(5)
    assert sorted(answer.status for answer in answers) == [200] * 5 + [304] * 5


def test_quiescing(gateways):
    """While what is open is still served: no new connection, 503 for what would be new work, not_ready."""
    gateway = gateways(server_shutdown_seconds=4)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", "/livez")
    assert connection.getresponse().read()
    gateway.stop()
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.request("GET", "/livez")
        connection.getresponse()
    with pytest.raises(OSError):
        gateway.connect()


@pytest.mark.parametrize("listen, says", [
    ("0.0.0.0:0", "can be reached from other machines"), (":0", "can be reached from other machines"),
    ("127.0.0.1", "is not host:port"), ("127.0.0.1:70000", "is not host:port"), ("no.such.host.invalid:1", "cannot be found"),
])
def test_addresses_that_are_refused_at_the_start(tmp_path, listen, says):
    done = subprocess.run([BIN, "serve", f"--server-listen={listen}", f"--data-dir={tmp_path / 'data'}"],
                          env=Gateway._environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr


@pytest.mark.shares
def test_an_address_that_is_taken(gateway, tmp_path):
    done = subprocess.run([BIN, "serve", f"--server-listen=127.0.0.1:{gateway.port}", f"--data-dir={tmp_path / 'data'}"],
                          env=Gateway._environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and f"127.0.0.1:{gateway.port}" in done.stderr, done.stderr


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no [::1]")
def test_ipv6(tmp_path):
    gateway = Gateway(tmp_path / "data", settings={"server_listen": "[::1]:0"})
    gateway.start()
    try:
        assert gateway.url.startswith("http://[::1]:")
        connection = http.client.HTTPConnection("::1", gateway.port, timeout=10)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        gateway.stop()


def test_nothing_of_a_request_is_logged(gateways):
    """Neither bodies nor keys nor queries, at no level."""
    gateway = gateways(log_level="debug")
    gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(mark="secret-prompt"), "title": "secret-title"},
                    headers={"Idempotency-Key": "secret-key"})
    gateway.request("GET", "/v1/jobs?q=secret-query")
    gateway.request("POST", "/v1/jobs", body=b'{"secret-member": 1}')
    assert "operation=submitJob" in gateway.log() and "secret" not in gateway.log()
