"""Keys of the API: how they are made, listed and revoked, by the command line and by the API; what a request with one, with a bad one, and
with a browser's session is answered; by which names the gateway may be called."""
import concurrent.futures
import datetime
import http.client
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import databases
import gateway as gateway_module
from gateway import Gateway
from keys import Caller, keys_command, make_key
from stage import eventually

KEY = re.compile(r"cg_[A-Za-z0-9_-]{43}")
NOWHERE = "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"
RECALL = 4  # seconds after which every gateway has noticed what another program has revoked


@pytest.fixture
def asked(gateways):
    """A gateway that asks for keys."""
    return gateways(auth_mode="keys")


@pytest.fixture
def root(asked):
    return Caller(asked, make_key(asked.data_dir, "root", role="admin"))


def in_days(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(caller):
    return {key["name"]: key for key in caller.json("GET", "/v1/keys")["data"]}


# ---- the command line


@pytest.mark.one_thread
@databases.only_sqlite
def test_the_first_key_is_made_before_the_first_start(tmp_path):
    data = tmp_path / "data"
    code, out, err = keys_command(data, "create", "root", "--role", "admin", "--expires", "90d")
    assert code == 0 and KEY.fullmatch(out.strip()), (out, err)
    assert "is shown this once" in err and out.strip() not in err and "auth_mode is \"loopback\"" in err
    assert (data / "comfygate.db").stat().st_mode & 0o777 == 0o600
    gateway = Gateway(data, settings={"auth_mode": "keys"})
    gateway.start()
    try:
        assert Caller(gateway, out.strip()).json("GET", "/v1/session")["name"] == "root"
    finally:
        gateway.stop()
    assert "no_keys" not in gateway.log()


def test_a_gateway_that_asks_for_keys_and_has_none_says_so(asked):
    assert "no_keys" in asked.log() and "comfygate keys create" in asked.log()


def test_the_command_line_makes_lists_and_revokes_beside_the_gateway(asked):
    anna = Caller(asked, make_key(asked.data_dir, "anna", role="user", scopes=["metrics:read"]))
    told = anna.json("GET", "/v1/session")
    assert told["role"] == "user" and "metrics:read" in told["scopes"] and "jobs:raw" not in told["scopes"]
    code, out, _ = keys_command(asked.data_dir, "list")
    assert code == 0 and re.search(r"^anna +active +expires never +used never +user metrics:read$", out, re.MULTILINE), out
    code, out, _ = keys_command(asked.data_dir, "list", "--json")
    row = json.loads(out)["data"][0]
    assert row["name"] == "anna" and row["status"] == "active" and not KEY.search(out)
    code, out, _ = keys_command(asked.data_dir, "revoke", "anna", auth_mode="keys")
    assert (code, out) == (0, "anna is revoked\n")
    eventually(lambda: anna.request("GET", "/v1/jobs").status, lambda status: status == 401, timeout=RECALL)
    code, out, _ = keys_command(asked.data_dir, "revoke", "anna")
    assert (code, out) == (0, "anna was revoked before\n")
    assert "revoked" in keys_command(asked.data_dir, "list")[1]


@pytest.mark.one_thread
@pytest.mark.parametrize("words, says", [
    ([], "say what: comfygate keys create|list|revoke"),
    (["make", "anna"], "say what"),
    (["create"], "say the key's name"),
    (["revoke"], "say the key's name"),
    (["create", "anna"], "say what the key may do"),
    (["create", "anna", "--role", "root"], 'there is no role "root"'),
    (["create", "anna", "--scope", "jobs:eat"], 'there is no scope "jobs:eat"'),
    (["create", "Anna", "--role", "user"], "a key's name is 1 to 64"),
    (["create", "a" * 65, "--role", "user"], "a key's name is 1 to 64"),
    (["create", "a", "b", "--role", "user"], '"b" is one word too many'),
    (["list", "a"], '"a" is one word too many'),
    (["list", "--role", "user"], "belong to comfygate keys create"),
    (["create", "anna", "--role", "user", "--expires", "yesterday"], "--expires takes"),
    (["create", "anna", "--role", "user", "--expires", "2001-01-01"], "--expires takes"),
    (["create", "anna", "--role="], 'there is no role ""'),
    (["list", "--json=1"], "--json takes no value"),
    (["list", "--moon=1"], "--moon: there is no such setting"),
    (["list", "--keys-max=0"], "keys-max"),
])
def test_what_the_command_line_refuses(tmp_path, words, says):
    code, out, err = keys_command(tmp_path / "data", *words)
    assert code == 2 and out == "" and says in err, err
    assert not (tmp_path / "data").exists()


@pytest.mark.one_thread
def test_a_name_is_given_once(tmp_path):
    make_key(tmp_path, "anna", role="user")
    for _ in range(2):
        code, _, err = keys_command(tmp_path, "create", "anna", "--role=viewer")
        assert code == 1 and "a name is never given again" in err
        keys_command(tmp_path, "revoke", "anna")
    code, _, err = keys_command(tmp_path, "revoke", "ben")
    assert code == 1 and 'There is no key of the name "ben".' in err
    code, _, err = keys_command(tmp_path, "create", "carl", "--role=user", keys_max=1)
    assert code == 0, err  # who is revoked does not count
    code, _, err = keys_command(tmp_path, "create", "dora", "--role=user", keys_max=1)
    assert code == 1 and "as many as keys_max allows" in err


@pytest.mark.one_thread
def test_settings_come_from_the_file_of_the_service(tmp_path):
    (tmp_path / "comfygate.conf").write_text(f"[data]\ndir = {tmp_path / 'there'}\n[auth]\nmode = keys\n")
    command = [str(gateway_module.BIN), "keys", "create", "anna", "--role=user", "--config", str(tmp_path / "comfygate.conf"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=Gateway._environment())
    made = json.loads(done.stdout)
    assert KEY.fullmatch(made["key"]) and made["role"] == "user" and done.stderr == ""
    assert (tmp_path / "there" / "comfygate.db").exists()


@pytest.mark.one_thread
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@databases.only_sqlite
def test_what_root_makes_belongs_to_whom_the_folder_belongs_to(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 12345, 12346)
    make_key(data, "anna", role="user")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in data.iterdir()} == {(12345, 12346)}


@pytest.mark.one_thread
def test_the_key_itself_is_kept_nowhere(tmp_path):
    key = make_key(tmp_path, "anna", role="user")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes() and key[3:].encode() not in path.read_bytes()


# ---- the API


def test_made_by_the_api(root):
    end = in_days(1)
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user", "scopes": ["metrics:read"], "expires_at": end})
    assert KEY.fullmatch(made["key"]) and made["created_by"] == "root" and made["expires_at"].startswith(end[:19])
    anna = Caller(root.gateway, made["key"])
    told = anna.json("GET", "/v1/session")
    assert told["name"] == "anna" and set(told["scopes"]) == set(made["scopes"]) and told["key_expires_at"] == made["expires_at"]
    row = listed(root)["anna"]
    assert "key" not in row and row["last_used_at"] is not None and row["status"] == "active"
    again = root.request("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    assert again.status == 409 and again.problem()[0] == "key_exists"


@pytest.mark.parametrize("body, places", [
    ({}, ["/name"]),
    ({"name": "anna"}, ["/role"]),
    ({"name": "anna", "role": None, "scopes": []}, ["/role"]),
    ({"name": "Anna", "role": "user"}, ["/name"]),
    ({"name": 7, "role": "user"}, ["/name"]),
    ({"name": "a" * 65, "role": "user"}, ["/name"]),
    ({"name": "a\u0000b", "role": "user"}, ["/name"]),
    ({"name": "anna", "role": "root"}, ["/role"]),
    ({"name": "anna", "role": 1}, ["/role"]),
    ({"name": "anna", "scopes": ["jobs:read", "jobs:eat", 5]}, ["/scopes/1", "/scopes/2"]),
    ({"name": "anna", "scopes": "jobs:read"}, ["/scopes"]),
    ({"name": "anna", "role": "user", "expires_at": "2001-01-01"}, ["/expires_at"]),
    ({"name": "anna", "role": "user", "expires_at": "90d"}, ["/expires_at"]),
    ({"name": "anna", "role": "user", "expires_at": 5}, ["/expires_at"]),
])
def test_faulty_bodies(root, body, places):
    answer = root.request("POST", "/v1/keys", json=body)
    assert answer.status == 422 and answer.problem() == ("validation_error", places)
    assert set(listed(root)) == {"root"}


def test_unknown_members(root):
    assert root.request("POST", "/v1/keys", json={"name": "anna", "role": "user", "owner": "x"}).problem() == ("unknown_field", ["/owner"])
    assert root.request("POST", "/v1/keys", json=[]).status == 422
    assert root.request("POST", "/v1/keys", body=b"{").status == 400


def test_a_key_gives_no_more_than_it_has(asked, root):
    maker = Caller(asked, make_key(asked.data_dir, "maker", scopes=["keys:write", "jobs:read"], expires="2d"))
    for body, needed in (({"role": "user"}, "jobs:write"), ({"scopes": ["jobs:all"]}, "jobs:all"), ({"role": "admin"}, "jobs:write"),
                         ({"scopes": ["jobs:read", "metrics:read"]}, "metrics:read")):
        answer = maker.request("POST", "/v1/keys", json={"name": "x", "expires_at": in_days(1), **body})
        assert answer.status == 403 and needed in answer.json()["detail"], answer
    for end in ({}, {"expires_at": None}, {"expires_at": in_days(3)}):
        assert maker.request("POST", "/v1/keys", json={"name": "x", "scopes": ["jobs:read"], **end}).problem() == (
            "validation_error", ["/expires_at"])
    made = maker.json("POST", "/v1/keys", json={"name": "x", "scopes": ["jobs:read", "keys:write"], "expires_at": in_days(1)})
    assert made["created_by"] == "maker"
    assert set(listed(root)) == {"root", "maker", "x"}


def test_how_many_there_may_be(gateways):
    gateway = gateways(auth_mode="keys", keys_max=3)
    root = Caller(gateway, make_key(gateway.data_dir, "root", role="admin"))
    made = [root.json("POST", "/v1/keys", json={"name": name, "role": "user"}) for name in ("a", "b")]
    full = root.request("POST", "/v1/keys", json={"name": "c", "role": "user"})
    assert full.status == 429 and full.problem()[0] == "quota_exceeded"
    assert root.request("DELETE", f"/v1/keys/{made[0]['id']}").status == 204
    root.json("POST", "/v1/keys", json={"name": "c", "role": "user"})


def test_pages(root):
    for number in range(4):
        root.json("POST", "/v1/keys", json={"name": f"k{number}", "role": "viewer"})
    names, cursor = [], ""
    while cursor is not None:
        page = root.json("GET", "/v1/keys?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        names += [key["name"] for key in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
    assert names == ["k3", "k2", "k1", "k0", "root"]
    assert root.request("GET", "/v1/keys?limit=0").status == 400


def test_revoked_by_the_api_is_revoked_at_once(root):
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    anna = Caller(root.gateway, made["key"])
    assert anna.request("GET", "/v1/jobs").status == 200
    assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
    refused = anna.request("GET", "/v1/jobs")
    assert refused.status == 401 and refused.problem()[0] == "unauthorized"
    first = listed(root)["anna"]
    assert first["status"] == "revoked" and first["revoked_at"] is not None
    assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
    assert listed(root)["anna"]["revoked_at"] == first["revoked_at"]
    assert root.request("DELETE", f"/v1/keys/{NOWHERE}").status == 404
    assert root.request("DELETE", "/v1/keys/anna").status == 404
    # A key may revoke itself.
    assert root.request("DELETE", f"/v1/keys/{listed(root)['root']['id']}").status == 204
    assert root.request("GET", "/v1/keys").status == 401


def test_a_key_expires(asked):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    anna = Caller(asked, make_key(asked.data_dir, "anna", role="user", expires=soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")))
    assert anna.request("GET", "/v1/jobs").status == 200
    eventually(lambda: anna.request("GET", "/v1/jobs").status, lambda status: status == 401, timeout=4)
    assert "expired" in keys_command(asked.data_dir, "list")[1]


def test_keys_outlive_a_restart_and_jobs_their_keys(asked, root):
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    anna = Caller(asked, made["key"])
    job = anna.submit()
    asked.kill()
    asked.start()
    assert anna.json("GET", f"/v1/jobs/{job['id']}")["owner"] == "anna"
    assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
    assert root.json("GET", f"/v1/jobs/{job['id']}")["status"] == "queued"


def test_last_use_is_written_with_the_housekeeping(asked, root):
    assert root.request("GET", "/v1/jobs").status == 200

    def written():
        return asked.sql("SELECT last_used_at FROM api_key WHERE name = 'root'")[0][0]

    before = written()
    for _ in range(20):
        root.request("GET", "/v1/jobs")
    assert written() == before  # no request writes
    assert listed(root)["root"]["last_used_at"] is not None


def test_many_keys_at_once(asked, root):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: root.json("POST", "/v1/keys", json={"name": f"k{number}", "role": "user"}), range(40)))
        names = list(pool.map(lambda row: Caller(asked, row["key"]).json("GET", "/v1/session")["name"], made * 3))
        taken = list(pool.map(lambda _: root.request("POST", "/v1/keys", json={"name": "same", "role": "user"}).status, range(16)))
    assert names == [row["name"] for row in made] * 3
    assert sorted(taken) == [201] + [409] * 15


# ---- what is under way when a key is revoked


def read_until_end(response, deadline):
    while time.monotonic() < deadline:
        if response.read(4096) == b"":
            return True
    return False


def test_a_stream_of_events_ends_with_its_key(gateways):
    gateway = gateways(auth_mode="keys", events_heartbeat_ms=500)
    root = Caller(gateway, make_key(gateway.data_dir, "root", role="admin"))
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", "/v1/events", headers={"Authorization": f"Bearer {made['key']}", "Accept": "text/event-stream"})
    response = connection.getresponse()
    assert response.status == 200 and b"snapshot" in response.read1(65536)
    assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
    assert read_until_end(response, time.monotonic() + 5), "it tells on"
    connection.close()


def test_who_waits_is_not_told_after_his_key_was_revoked(asked, root):
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    anna = Caller(asked, made["key"])
    job = anna.submit()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(anna.request, "GET", f"/v1/jobs/{job['id']}?wait=30"),
                 pool.submit(anna.request, "GET", f"/v1/jobs/{job['id']}/events?after=999999&wait=30", {"Accept": "application/json"})]
        time.sleep(1.2)
        assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
        assert root.request("POST", f"/v1/jobs/{job['id']}/cancel").status in (200, 202)
        assert waits[0].result(20).status == 401
        assert waits[1].result(20).status in (200, 401)


# ---- fields that are none


def raw(gateway, *fields, target="/v1/jobs", method="GET"):
    """The status of a request with exactly these fields; 0 when the connection was closed."""
    text = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n" + "".join(field + "\r\n" for field in fields) + "Connection: close\r\n\r\n"
    with gateway.connect() as connection:
        connection.sendall(text.encode("latin-1"))
        data = b""
        while piece := connection.recv(65536):
            data += piece
    return int(data.split()[1]) if data else 0


def test_hostile_fields(asked, root):
    key, session = root.key, "comfygate_session="
    good = f"Authorization: Bearer {key}"
    assert raw(asked, good) == 200
    assert raw(asked, f"authorization:bearer {key}") == 200
    assert raw(asked, f"Authorization: Bearer   {key}  ") == 200
    for field in ("Authorization:", "Authorization: Bearer", "Authorization: Bearer ", f"Authorization: {key}", f"Authorization: Basic {key}",
                  f"Authorization: Bearer{key}", f"Authorization: Bearer {key}x", f"Authorization: Bearer {key[:-1]}",
                  f"Authorization: Bearer {key} {key}", f"Authorization: Bearer {key},", f"Authorization: Bearer {key.upper()}",
                  f'Authorization: Bearer "{key}"', "Authorization: Bearer cg_" + "a" * 43, "Authorization: Bearer " + "a" * 5000,
                  "Authorization: Bearer \xff\xfe", "Authorization: Bearer ' OR 1=1 --", f"X-Api-Key: {key}", f"Proxy-Authorization: Bearer {key}",
                  f"Cookie: {session}{key}", f"Cookie: {session}", f"Cookie: {session}{'A' * 107}", f"Cookie: {session}{'A' * 3000}",
                  f"Cookie: {session}\xff", f"Cookie: {';' * 50}", f"Cookie: key={key}"):
        assert raw(asked, field) == 401, field
    assert raw(asked, good, good) == 400
    assert raw(asked, good, "Authorization: Bearer x") == 400
    assert raw(asked, f"Authorization: Bearer {key[:20]}\x00{key[20:]}") in (0, 400, 401)
    assert raw(asked, target=f"/v1/jobs?key={key}") == 401
    assert raw(asked, target=f"/v1/jobs?access_token={key}") == 401
    # What is bad is not made good by something else.
    assert raw(asked, "Authorization: Bearer x", f"Cookie: {session}x") == 401


def test_no_key_is_in_the_log_or_in_an_answer(gateways):
    gateway = gateways(auth_mode="keys", log_level="debug")
    root = Caller(gateway, make_key(gateway.data_dir, "root", role="admin"))
    wrong = Caller(gateway, "cg_" + "w" * 43)
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    answers = [wrong.request("GET", "/v1/jobs"), wrong.request("POST", "/v1/session", json={"key": wrong.key}),
               root.request("POST", "/v1/keys", json={"name": wrong.key, "role": wrong.key}),
               Caller(gateway, made["key"]).request("GET", "/v1/keys"), root.request("POST", "/v1/session", json={"key": root.key})]
    cookie = answers[-1].header("Set-Cookie").split(";")[0].split("=", 1)[1]
    gateway.stop()
    texts = [gateway.log()] + [answer.body.decode() for answer in answers]
    for secret in (root.key, wrong.key, made["key"], cookie):
        assert not any(secret in text for text in texts), secret
    assert "key_created" in texts[0] and "key_name=root" in texts[0]


# ---- sessions of browsers


class Browser:
    """Keeps the cookie, and says of each request where it comes from, as browsers do."""

    def __init__(self, gateway, site="same-origin", origin=None):
        self.gateway = gateway
        self.site = site
        self.origin = origin or f"http://127.0.0.1:{gateway.port}"
        self.cookie = None

    def request(self, method, path, **what):
        headers = {"Host": f"127.0.0.1:{self.gateway.port}"}
        if self.site is not None:
            headers["Sec-Fetch-Site"] = self.site
        if method not in ("GET", "HEAD") and self.origin:
            headers["Origin"] = self.origin
        if self.cookie:
            headers["Cookie"] = f"theme=dark; comfygate_session={self.cookie}"
        answer = self.gateway.request(method, path, headers={**headers, **what.pop("headers", {})}, **what)
        told = answer.header("Set-Cookie")
        if told:
            self.cookie = told.split(";")[0].split("=", 1)[1]
        return answer

    def sign_in(self, key):
        answer = self.request("POST", "/v1/session", json={"key": key})
        assert answer.status == 200, answer
        return answer


def test_a_browser_signs_in_and_out(asked, root):
    browser = Browser(asked)
    assert browser.request("GET", "/").status == 200
    assert browser.request("GET", "/v1/session").status == 401
    answer = browser.sign_in(root.key)
    assert re.fullmatch(r"comfygate_session=[\w-]{107}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", answer.header("Set-Cookie"))
    told = browser.request("GET", "/v1/session").json()
    assert told["name"] == "root" and told["role"] == "admin" and told["auth_mode"] == "keys"
    left = datetime.datetime.fromisoformat(told["session_expires_at"].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
    assert 11.9 < left.total_seconds() / 3600 <= 12
    assert browser.request("PUT", "/v1/preferences/a", json={}).status == 201
    assert browser.request("GET", "/v1/events", headers={"Accept": "application/json"}).status == 200
    ended = browser.request("DELETE", "/v1/session")
    assert ended.status == 204 and "Max-Age=0" in ended.header("Set-Cookie") and browser.cookie == ""
    assert browser.request("GET", "/v1/session").status == 401


def test_a_session_outlives_a_restart_and_ends_with_its_key(asked, root):
    made = root.json("POST", "/v1/keys", json={"name": "anna", "role": "user"})
    browser = Browser(asked)
    browser.sign_in(made["key"])
    asked.restart()
    assert browser.request("GET", "/v1/session").json()["name"] == "anna"
    assert root.request("DELETE", f"/v1/keys/{made['id']}").status == 204
    assert browser.request("GET", "/v1/session").status == 401
    other = Browser(asked)
    other.sign_in(root.key)
    asked.stop()
    (pathlib.Path(asked.data_dir) / "link.key").unlink()
    asked.start()
    assert other.request("GET", "/v1/session").status == 401


def test_a_cookie_is_secure_when_the_page_came_by_https(asked, root):
    host = "gate.example"
    asked.restart(server_hosts=host)
    browser = Browser(asked, origin=f"https://{host}")
    answer = browser.request("POST", "/v1/session", json={"key": root.key}, headers={"Host": host})
    assert answer.header("Set-Cookie").endswith("; SameSite=Strict; Secure")


def test_sessions_write_from_our_pages_only(asked, root):
    page = Browser(asked)
    page.sign_in(root.key)

    def status(method, site, origin, path="/v1/preferences/a"):
        browser = Browser(asked, site=site)
        browser.origin, browser.cookie = origin, page.cookie
        return browser.request(method, path, **({"json": {}} if method == "PUT" else {})).status

    here, there = page.origin, "http://127.0.0.1:1"
    assert status("PUT", "same-origin", here) == 201
    assert status("PUT", None, here) == 200  # a browser from before Sec-Fetch-Site
    for site, origin in (("cross-site", here), ("same-site", here), ("none", None), (None, None), (None, there), ("same-origin", there),
                         ("cross-site", there), (None, "null"), ("", here)):
        assert status("PUT", site, origin) == 403, (site, origin)
        assert status("DELETE", site, origin, "/v1/preferences/nope") == 403, (site, origin)
    for site, expected in (("same-origin", 200), (None, 200), ("none", 200), ("same-site", 401), ("cross-site", 401)):
        assert status("GET", site, None, "/v1/jobs") == expected, site
    # Who has the key itself needs no page; a page of another origin may not write in any case.
    assert root.request("PUT", "/v1/preferences/b", json={}).status == 201
    assert root.request("PUT", "/v1/preferences/b", json={}, headers={"Origin": there}).status == 403


@pytest.mark.parametrize("body, status", [
    ({"key": "cg_" + "a" * 43}, 401), ({"key": ""}, 401), ({"key": "x" * 100000}, 401), ({"key": "\u0000"}, 401), ({}, 422),
    ({"key": 5}, 422), ({"key": None}, 422), ([], 422), ({"key": "x", "name": "y"}, 422)])
def test_nobody_signs_in_with_what_is_no_key(asked, body, status):
    answer = Browser(asked).request("POST", "/v1/session", json=body)
    assert answer.status == status and answer.header("Set-Cookie") is None


def test_where_no_keys_are_asked_for_everybody_is_nobody(gateway):
    told = gateway.json("GET", "/v1/session")
    assert told["name"] is None and told["role"] is None and "keys:write" in told["scopes"] and told["auth_mode"] == "loopback"
    answer = gateway.request("POST", "/v1/session", json={"key": "anything"})
    assert answer.status == 200 and answer.header("Set-Cookie") is None
    assert gateway.request("GET", "/v1/jobs", headers={"Authorization": "Bearer anything"}).status == 200
    made = gateway.json("POST", "/v1/keys", json={"name": "anna", "role": "admin"})
    assert made["created_by"] is None
    assert gateway.json("POST", "/v1/jobs", json={"template": "test-pattern"})["owner"] is None


# ---- by which name


def host_status(gateway, host, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.putrequest("GET", "/livez", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        assert json.loads(body)["code"] == "host_not_allowed"
    return response.status


def test_hosts(gateways):
    asked = gateways(auth_mode="keys", server_hosts="gate.example, other.example:8090")
    for host in ("localhost", f"127.0.0.1:{asked.port}", "[::1]", "gate.example", "GATE.example:443", "other.example"):
        assert host_status(asked, host) == 200, host
    for host in ("evil.example", "gate.example.evil.example", "192.168.1.5", "x.gate.example"):
        assert host_status(asked, host) == 403, host
    asked.restart(auth_mode="loopback")
    assert host_status(asked, "gate.example") == 200 and host_status(asked, "evil.example") == 403
    asked.restart(auth_mode="off")
    assert host_status(asked, "gate.example") == 200 and host_status(asked, "evil.example") == 403
    asked.restart(auth_mode="off", server_hosts="")
    assert host_status(asked, "evil.example") == 200
    asked.restart(auth_mode="keys", server_listen=f"0.0.0.0:{asked.port}")
    assert host_status(asked, "192.168.1.5") == 200 and host_status(asked, "evil.example") == 403


def test_hosts_that_are_none(gateways, tmp_path):
    gateway = Gateway(tmp_path / "x", settings={"server_hosts": "http://gate.example"})
    with pytest.raises(AssertionError, match="server_hosts"):
        gateway.start()


def test_loopback_listens_nowhere_else_and_keys_do(gateways, tmp_path):
    gateway = Gateway(tmp_path / "x", settings={"server_listen": "0.0.0.0:0"})
    with pytest.raises(AssertionError, match="asks nobody for a key"):
        gateway.start()
    gateways(auth_mode="keys", server_listen="0.0.0.0:0")


# ---- programs that have a key


def test_the_command_line_sends_its_key_and_says_what_is_wrong(asked, root):
    def run(*words, **env):
        done = subprocess.run([str(gateway_module.BIN), *words, "--url", asked.url], capture_output=True, text=True, timeout=30, check=False,
                              env={**Gateway._environment(), **env})
        return done.returncode, done.stdout, done.stderr

    viewer = make_key(asked.data_dir, "wall", role="viewer")
    assert run("list", COMFYGATE_API_KEY=root.key)[0] == 0
    path = pathlib.Path(asked.data_dir) / "the-key"
    path.write_text(root.key + "\n")
    assert run("list", COMFYGATE_API_KEY_FILE=str(path))[0] == 0
    code, _, err = run("list")
    assert code == 1 and "An API key is needed (401 unauthorized)" in err and "COMFYGATE_API_KEY" in err
    code, _, err = run("list", COMFYGATE_API_KEY="cg_wrong")
    assert code == 1 and "(401 unauthorized)" in err and "cg_wrong" not in err
    code, _, err = run("pause", COMFYGATE_API_KEY=viewer)
    assert code == 1 and '(403 insufficient_scope)' in err and 'This needs the scope backends:write, which the key "wall" does not have.' in err
    assert run("health")[0] == 0
