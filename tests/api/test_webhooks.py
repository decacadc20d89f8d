"""Webhooks: each event of a job reaches its receiver, signed, at least once; nothing else is ever connected to."""
import collections
import concurrent.futures
import datetime
import email.utils
import ipaddress
import pathlib
import re
import socket
import ssl
import subprocess
import time

import graphs
import pytest
from events import poll
from gateway import free_port
from receivers import SECRET, Receiver
from stage import eventually

LOCAL = {"webhook_allow": "127.0.0.1,::1", "webhook_pause_ms": 100, "log_format": "json"}
ENDS = ["job.succeeded", "job.failed", "job.canceled", "job.expired"]
OTHER_SECRET = "whsec_" + "QUJD" * 10


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made


@pytest.fixture
def gateway(gateways):
    return gateways(**LOCAL)


def submit(gateway, webhook, status=202, **members):
    answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "webhook": webhook, **members})
    assert answer.status == status, answer
    return answer.json()


def hook(receiver, path="/hook", events=("job.queued",), secret=SECRET):
    return {"url": receiver.url + path, "events": list(events), "secret": secret}


def deliveries(gateway, job, query=""):
    return gateway.json("GET", f"/v1/jobs/{job['id']}/deliveries{query}")["data"]


def until(gateway, job, state, count=1, **what):
    """The deliveries of a job, as soon as there are so many in that state."""
    return eventually(lambda: deliveries(gateway, job),
                      lambda all_: sum(each["state"] == state for each in all_) >= count, **what)


def cancel(gateway, job):
    assert gateway.request("POST", f"/v1/jobs/{job['id']}/cancel").status in (200, 202)


# ---- what a receiver gets


def test_the_end_of_a_job_is_told_and_signed(stages, receiver):
    stage = stages(**LOCAL)
    job = stage.submit(graphs.picture(), webhook={"url": receiver.url + "/hook", "secret": SECRET}, title="Für Anna")
    assert job["webhook"] == {"url": receiver.url + "/hook", "events": ENDS}
    ended = stage.finish(job)
    message = receiver.next()
    event = message.verify()
    assert set(event) == {"id", "type", "timestamp", "job_id", "data"}
    assert event["type"] == "job.succeeded" and event["job_id"] == job["id"] and event["data"]["title"] == "Für Anna"
    assert event["data"]["outputs"][0]["url"] == ended["outputs"][0]["url"]
    told = poll(stage.gateway, f"/v1/jobs/{job['id']}/events", after=0)["data"]
    assert event in told
    assert message.path == "/hook" and message.headers["content-type"] == "application/json"
    assert message.headers["user-agent"].startswith("comfygate/")
    (delivery,) = until(stage.gateway, job, "delivered")
    assert delivery["id"] == message.id and delivery["event_id"] == event["id"]
    assert (delivery["attempts"], delivery["last_status"], delivery["last_error"]) == (1, 200, None)
    assert delivery["next_attempt_at"] is None and delivery["completed_at"] is not None
    assert [each["status"] for each in delivery["tries"]] == [200]
    assert receiver.quiet()


def test_each_event_is_told_once_in_order(stages, receiver):
    stage = stages(**LOCAL)
    events = ["job.queued", "job.started", "job.output", "job.succeeded"]
    job = stage.submit(graphs.picture(), webhook=hook(receiver, events=events))
    stage.finish(job)
    until(stage.gateway, job, "delivered", 4)
    seen = sorted((message.verify() for message in receiver.all), key=lambda event: int(event["id"]))
    assert [event["type"] for event in seen] == events
    assert len({message.id for message in receiver.all}) == 4


def test_only_the_events_that_were_asked_for(gateway, receiver):
    job = submit(gateway, hook(receiver, events=["job.canceled"]))
    cancel(gateway, job)
    assert receiver.next().verify()["type"] == "job.canceled"
    assert receiver.quiet(0.3) and len(deliveries(gateway, job)) == 1


def test_a_job_without_a_webhook_tells_nobody(gateway):
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    assert job["webhook"] is None
    assert deliveries(gateway, job) == [] and gateway.json("GET", "/v1/deliveries")["data"] == []


def test_the_gateways_own_secret_signs_when_the_job_has_none(gateways, receiver):
    gateway = gateways(**LOCAL, webhook_secret=OTHER_SECRET)
    submit(gateway, {"url": receiver.url, "events": ["job.queued"]})
    message = receiver.next()
    message.verify(OTHER_SECRET)
    with pytest.raises(AssertionError):
        message.verify(SECRET)
    submit(gateway, hook(receiver))
    receiver.next().verify(SECRET)


DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


@pytest.mark.parametrize("language, program", [("python", ["/usr/bin/python3", "-B", "-"]),
                                               ("js", ["/usr/bin/node", "--input-type=module", "-"])])
def test_the_receivers_of_the_document(gateway, language, program):
    """They take what is genuine, once, and refuse everything else."""
    (text,) = re.findall(f"```{language}\n(.*?)```", DOCUMENT.read_text(), flags=re.S)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    env = {"PATH": "/usr/bin:/bin", "PORT": str(port), "WEBHOOK_SECRET": SECRET}
    child = subprocess.Popen(program, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        child.stdin.write(text)
        child.stdin.close()
        eventually(lambda: socket.socket().connect_ex(("127.0.0.1", port)), lambda code: code == 0)
        wrong = submit(gateway, {"url": url, "events": ["job.queued"], "secret": OTHER_SECRET})
        (delivery,) = eventually(lambda: deliveries(gateway, wrong), lambda all_: all_ and all_[0]["attempts"] > 0)
        assert delivery["last_status"] == 401
        right = submit(gateway, {"url": url, "events": ["job.queued", "job.canceled"], "secret": SECRET})
        (delivery,) = until(gateway, right, "delivered")
        gateway.json("POST", f"/v1/jobs/{right['id']}/deliveries/{delivery['id']}/redeliver")
        eventually(lambda: deliveries(gateway, right), lambda all_: all_[0]["attempts"] == 2 and all_[0]["state"] == "delivered")
        cancel(gateway, right)
        until(gateway, right, "delivered", 2)
        assert [child.stdout.readline().split() for _ in range(2)] == [["job.queued", right["id"]], ["job.canceled", right["id"]]]
    finally:
        child.kill()
        child.wait(10)


# ---- what a receiver does wrong


def test_what_fails_is_tried_again_with_the_same_message(gateway, receiver):
    receiver.plan("/hook", [500, 400, ("close",), 204])
    job = submit(gateway, hook(receiver))
    messages = [receiver.next() for _ in range(4)]
    assert len({message.id for message in messages}) == 1 and len({message.body for message in messages}) == 1
    for message in messages:
        message.verify()
    (delivery,) = until(gateway, job, "delivered")
    assert delivery["attempts"] == 4 and delivery["last_status"] == 204 and delivery["last_error"] is None
    assert [each["status"] for each in delivery["tries"]] == [500, 400, None, 204]
    assert delivery["tries"][0]["error"] == "The receiver has answered 500."
    assert delivery["tries"][2]["error"].startswith("No whole answer: ")
    gaps = [b.at - a.at for a, b in zip(messages, messages[1:])]
    assert 0.05 < gaps[0] < 1.5 and 0.4 < gaps[1] < 2.5 and 1.8 < gaps[2] < 5  # 0.1, 0.6, 2.4 s


def test_what_waits_is_told_with_its_next_try(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_pause_ms": 60000})
    receiver.plan("/hook", [503])
    job = submit(gateway, hook(receiver))
    (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] == 1)
    assert delivery["state"] == "pending" and delivery["last_status"] == 503 and delivery["completed_at"] is None
    wait = moment(delivery["next_attempt_at"]) - time.time()
    assert 40 < wait < 73


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("value, seconds", [("30", 30), (None, 40)], ids=["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(gateway, receiver, value, seconds, status):
    value = value or email.utils.formatdate(time.time() + seconds, usegmt=True)
    receiver.plan("/hook", [(status, {"Retry-After": value})])
    job = submit(gateway, hook(receiver))
    (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] == 1)
    assert seconds - 4 < moment(delivery["next_attempt_at"]) - time.time() < seconds + 1


def test_retry_after_has_an_end(gateway, receiver):
    receiver.plan("/hook", [(429, {"Retry-After": "99999999"})])
    job = submit(gateway, hook(receiver))
    (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] == 1)
    assert 5.9 * 3600 < moment(delivery["next_attempt_at"]) - time.time() <= 6 * 3600


def test_410_ends_it_for_the_job_and_for_no_other(gateway, receiver):
    receiver.plan("/hook", [410])
    job = submit(gateway, hook(receiver, events=["job.queued", "job.canceled"]))
    (delivery,) = until(gateway, job, "gone")
    assert delivery["last_status"] == 410 and "410" in delivery["last_error"]
    receiver.next()
    cancel(gateway, job)
    newest, _ = until(gateway, job, "gone", 2)
    assert newest["type"] == "job.canceled" and newest["attempts"] == 0 and "410" in newest["last_error"]
    assert receiver.quiet(0.4)
    submit(gateway, hook(receiver))
    receiver.next()


def test_it_is_given_up_when_its_time_is_over(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_give_up_seconds": 1})
    receiver.plan("/hook", [500])
    job = submit(gateway, hook(receiver))
    (delivery,) = until(gateway, job, "failed")
    assert delivery["attempts"] == 3 and delivery["next_attempt_at"] is None and delivery["completed_at"] is not None
    assert gateway.json("GET", "/v1/deliveries?state=failed")["data"] == [delivery]
    assert gateway.json("GET", "/v1/deliveries?state=delivered")["data"] == []


def test_a_redirect_is_not_followed(gateway, receiver):
    with Receiver() as secret_place:
        for status in (301, 302, 303, 307, 308):
            receiver.plan("/hook", [(status, {"Location": secret_place.url + "/inside"})])
            job = submit(gateway, hook(receiver))
            (delivery,) = eventually(lambda job=job: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] > 0)
            assert delivery["last_status"] == status
            assert delivery["last_error"] == f"The receiver has answered {status}; redirects are not followed."
        assert secret_place.connections == 0


def test_a_huge_answer_is_not_read(gateway, receiver):
    receiver.plan("/good", [("huge", 200, 50 << 20)])
    receiver.plan("/bad", [("huge", 500, 50 << 20), 200])
    good, bad = submit(gateway, hook(receiver, "/good")), submit(gateway, hook(receiver, "/bad"))
    assert until(gateway, good, "delivered")[0]["attempts"] == 1
    assert [each["status"] for each in until(gateway, bad, "delivered")[0]["tries"]] == [500, 200]


def test_an_answer_that_is_cut_is_none(gateway, receiver):
    receiver.plan("/hook", [("reset",), 200])
    job = submit(gateway, hook(receiver))
    (delivery,) = until(gateway, job, "delivered")
    assert [each["status"] for each in delivery["tries"]] == [None, 200]


def test_nobody_listens(gateway):
    job = submit(gateway, {"url": f"http://127.0.0.1:{free_port()}/", "events": ["job.queued"], "secret": SECRET})
    (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] > 0)
    assert delivery["last_status"] is None and delivery["last_error"].startswith("No connection: ")


def test_a_receiver_that_hangs_harms_no_other(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_timeout_ms": 6000})
    with Receiver() as hanging:
        hanging.plan("/hook", [("hang",)])
        slow = [submit(gateway, hook(hanging)) for _ in range(30)]
        eventually(lambda: len(hanging.all), lambda count: count >= 4)
        began = time.monotonic()
        jobs = [submit(gateway, hook(receiver)) for _ in range(20)]
        for job in jobs:
            until(gateway, job, "delivered", timeout=5)
        assert time.monotonic() - began < 5
        assert len(hanging.all) == 4  # no more at once
        (delivery,) = eventually(lambda: deliveries(gateway, slow[0]), lambda all_: all_[0]["attempts"] > 0)
        assert delivery["last_status"] is None and delivery["last_error"].startswith("No whole answer: ")
        assert 5900 < delivery["tries"][0]["duration_ms"] < 9000


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
                   check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


def test_a_certificate_is_checked(gateways, certificate):
    ca_file, context = certificate
    with Receiver(context=context) as receiver:
        gateway = gateways(**LOCAL)
        job = submit(gateway, {**hook(receiver), "url": f"https://localhost:{receiver.port}/hook"})
        (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] > 0)
        assert "certificate" in delivery["last_error"] and receiver.all == []
        trusting = gateways(**LOCAL, webhook_ca_file=ca_file)
        job = submit(trusting, {**hook(receiver), "url": f"https://localhost:{receiver.port}/hook"})
        until(trusting, job, "delivered")
        receiver.next().verify()
        other = submit(trusting, hook(receiver))  # 127.0.0.1 is not what the certificate names
        (delivery,) = eventually(lambda: deliveries(trusting, other), lambda all_: all_ and all_[0]["attempts"] > 0)
        assert delivery["state"] == "pending" and delivery["last_status"] is None


# ---- where no webhook leads


def forbidden_hosts():
    """Of tests/unit/forbidden_urls.h: one list for all that fetches."""
    text = (pathlib.Path(__file__).parents[1] / "unit" / "forbidden_urls.h").read_text()
    text = text.split("FORBIDDEN_HOSTS[] = {", 1)[1].split("};", 1)[0]
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r'"\s*\n\s*"', "", text)  # pieces of one
    hosts = [part.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
             for part in re.findall(r'"((?:[^"\\]|\\.)*)"', text)]
    assert len(hosts) > 100
    return hosts


PUBLIC = {"8.8.8.8", "134744072", "[2001:4860:4860::8888]"}


def test_no_spelling_of_the_inside_is_connected_to(gateways):
    """By default nothing but public addresses; all that is told at once is refused at once."""
    gateway = gateways(webhook_pause_ms=20, webhook_give_up_seconds=1, log_format="json")
    with Receiver() as v4, Receiver("::1", v4.port) as v6:
        urls = [f"{scheme}://{host}:{v4.port}/" for host in forbidden_hosts() if host not in PUBLIC
                for scheme in ("http", "https")]
        accepted, codes = [], collections.Counter()
        body = {"workflow": graphs.picture()}

        def ask(url):
            if any("\ud800" <= c <= "\udfff" for c in url):
                return url, None
            webhook = {"url": url, "events": ["job.queued"], "secret": SECRET}
            return url, gateway.request("POST", "/v1/jobs", json={**body, "webhook": webhook}, check=False)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for url, answer in pool.map(ask, urls):
                if answer is None:
                    continue
                if answer.status == 202:
                    accepted.append(answer.json())
                else:
                    assert answer.status in (403, 422), (url, answer)
                    codes[answer.problem()[0]] += 1
        assert codes["url_not_allowed"] > 150, codes
        for job in accepted:
            (delivery,) = until(gateway, job, "failed")
            assert delivery["last_status"] is None
        assert (v4.connections, v6.connections) == (0, 0)


def test_a_forbidden_address_is_told_with_the_setting(gateways, receiver):
    gateway = gateways()
    for url in (receiver.url, "http://192.168.0.7/", "https://[::1]/", "http://localhost:1/", "http://x.localhost/"):
        answer = gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(),
                                                           "webhook": {"url": url, "secret": SECRET}})
        assert answer.status == 403 and answer.problem() == ("url_not_allowed", ["/webhook/url"])
        assert "webhook_allow" in answer.json()["detail"]
    assert receiver.connections == 0


def test_a_name_that_leads_inside_is_told_at_each_try(gateways):
    name = socket.gethostname()
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, 80, proto=socket.IPPROTO_TCP)}
    except OSError:
        pytest.skip("this machine does not know its own name")
    if any(ipaddress.ip_address(each.split("%")[0]).is_global for each in found) or name == "localhost":
        pytest.skip("this machine's name leads to a public address")
    gateway = gateways(webhook_pause_ms=50)
    with Receiver("0.0.0.0") as receiver:
        job = submit(gateway, {"url": f"http://{name}:{receiver.port}/", "events": ["job.queued"], "secret": SECRET})
        (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_ and all_[0]["attempts"] > 1)
        assert delivery["last_error"] == ("The receiver's address is not public; the operator of this gateway can allow it "
                                          "by the setting webhook_allow.")
        assert receiver.connections == 0


def test_the_gateway_and_its_comfyui_are_never_receivers(stages):
    stage = stages(**LOCAL)
    for port in (stage.gateway.port, stage.sim.port):
        for host in ("127.0.0.1", "localhost"):
            job = stage.submit(graphs.picture(), webhook={"url": f"http://{host}:{port}/v1/jobs", "secret": SECRET,
                                                          "events": ["job.queued"]})
            (delivery,) = eventually(lambda job=job: deliveries(stage.gateway, job), lambda all_: all_ and all_[0]["attempts"] > 0)
            assert delivery["last_error"] == ("The receiver's address is the gateway's own, or that of one of its ComfyUI "
                                              "servers.")


# ---- what is refused

BAD = {
    "no object": ("http://a.example/", 422, "validation_error", ["/webhook"]),
    "no url": ({"secret": SECRET}, 422, "validation_error", ["/webhook"]),
    "an unknown member": ({"url": "https://a.example/", "secret": SECRET, "x": 1}, 422, "unknown_field", ["/webhook/x"]),
    "a url that is none": ({"url": "a.example", "secret": SECRET}, 403, "url_not_allowed", ["/webhook/url"]),
    "another scheme": ({"url": "ftp://a.example/", "secret": SECRET}, 403, "url_not_allowed", ["/webhook/url"]),
    "a file": ({"url": "file:///etc/passwd", "secret": SECRET}, 403, "url_not_allowed", ["/webhook/url"]),
    "a password": ({"url": "https://u:p@a.example/", "secret": SECRET}, 403, "url_not_allowed", ["/webhook/url"]),
    "a long url": ({"url": "https://a.example/" + "x" * 2048, "secret": SECRET}, 422, "validation_error", ["/webhook/url"]),
    "a url of another type": ({"url": 1, "secret": SECRET}, 422, "validation_error", ["/webhook/url"]),
    "no secret anywhere": ({"url": "https://a.example/"}, 422, "validation_error", ["/webhook/secret"]),
    "a secret without its prefix": ({"url": "https://a.example/", "secret": "A" * 32}, 422, "validation_error", ["/webhook/secret"]),
    "a short secret": ({"url": "https://a.example/", "secret": "whsec_" + "A" * 28}, 422, "validation_error", ["/webhook/secret"]),
    "a long secret": ({"url": "https://a.example/", "secret": "whsec_" + "A" * 88}, 422, "validation_error", ["/webhook/secret"]),
    "a secret that is no base64": ({"url": "https://a.example/", "secret": "whsec_" + "*" * 32}, 422, "validation_error", ["/webhook/secret"]),
    "a secret without padding": ({"url": "https://a.example/", "secret": "whsec_" + "A" * 34}, 422, "validation_error", ["/webhook/secret"]),
    "no event": ({"url": "https://a.example/", "secret": SECRET, "events": []}, 422, "validation_error", ["/webhook/events"]),
    "events that are no list": ({"url": "https://a.example/", "secret": SECRET, "events": "job.queued"}, 422, "validation_error", ["/webhook/events"]),
    "an unknown event": ({"url": "https://a.example/", "secret": SECRET, "events": ["job.done"]}, 422, "validation_error", ["/webhook/events/0"]),
    "an event that passes": ({"url": "https://a.example/", "secret": SECRET, "events": ["job.progress"]}, 422, "validation_error", ["/webhook/events/0"]),
    "the deletion": ({"url": "https://a.example/", "secret": SECRET, "events": ["job.deleted"]}, 422, "validation_error", ["/webhook/events/0"]),
    "an event of a backend": ({"url": "https://a.example/", "secret": SECRET, "events": ["backend.up"]}, 422, "validation_error", ["/webhook/events/0"]),
    "an event twice": ({"url": "https://a.example/", "secret": SECRET, "events": ["job.queued", "job.queued"]}, 422, "validation_error", ["/webhook/events/1"]),
}


@pytest.fixture
def plain(gateways):
    return gateways()


def test_what_is_wrong_is_told(plain):
    for name, (webhook, status, code, places) in BAD.items():
        answer = plain.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "webhook": webhook})
        assert answer.status == status and answer.problem() == (code, places), (name, answer)
        tried = plain.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "webhook": webhook, "dry_run": True})
        if code == "url_not_allowed" or name == "no secret anywhere":
            assert tried.status == 200 and tried.json()["problems"][0]["pointer"] == places[0], (name, tried)
        else:
            assert tried.status == status, (name, tried)
    assert plain.json("GET", "/v1/jobs")["data"] == []


def test_secrets_at_their_limits(gateway, receiver):
    for secret in ("whsec_" + "A" * 32, "whsec_" + "A" * 86 + "=="):
        submit(gateway, hook(receiver, secret=secret))
        receiver.next().verify(secret)


@pytest.mark.parametrize("setting, value", [("webhook_secret", "hunter2"), ("webhook_allow", "everything"),
                                            ("webhook_ca_file", "/nowhere/at/all")])
def test_a_bad_setting_keeps_it_from_starting(tmp_path, setting, value):
    from gateway import Gateway
    gateway = Gateway(tmp_path / "data", settings={setting: value})
    with pytest.raises(AssertionError):
        gateway.start()
    assert setting in gateway.log() and "hunter2" not in gateway.log()


# ---- by hand


def test_one_is_delivered_again(gateway, receiver):
    job = submit(gateway, hook(receiver))
    (delivery,) = until(gateway, job, "delivered")
    first = receiver.next()
    answer = gateway.request("POST", f"/v1/jobs/{job['id']}/deliveries/{delivery['id']}/redeliver")
    assert answer.status == 202 and answer.json()["id"] == delivery["id"]
    again = receiver.next()
    assert (again.id, again.body) == (first.id, first.body)
    (delivery,) = eventually(lambda: deliveries(gateway, job), lambda all_: all_[0]["attempts"] == 2)
    assert delivery["state"] == "delivered" and [each["status"] for each in delivery["tries"]] == [200, 200]


def test_what_was_given_up_or_gone_is_delivered_again(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_give_up_seconds": 1})
    for path, answer, state in (("/failed", 500, "failed"), ("/gone", 410, "gone")):
        receiver.plan(path, [answer])
        job = submit(gateway, hook(receiver, path))
        (delivery,) = until(gateway, job, state)
        receiver.plan(path, [200])
        gateway.json("POST", f"/v1/jobs/{job['id']}/deliveries/{delivery['id']}/redeliver")
        (now,) = until(gateway, job, "delivered")
        assert now["id"] == delivery["id"] and now["attempts"] == delivery["attempts"] + 1


def test_what_is_not_there_is_not_delivered_again(gateway, receiver):
    one, other = submit(gateway, hook(receiver)), submit(gateway, hook(receiver))
    (delivery,) = until(gateway, one, "delivered")
    nobody = "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"
    for path in (f"/v1/jobs/{other['id']}/deliveries/{delivery['id']}", f"/v1/jobs/{one['id']}/deliveries/{nobody}",
                 f"/v1/jobs/{one['id']}/deliveries/x", f"/v1/jobs/{nobody}/deliveries/{delivery['id']}"):
        assert gateway.request("POST", path + "/redeliver").problem()[0] == "not_found"
    answer = gateway.request("POST", f"/v1/jobs/{one['id']}/deliveries/{delivery['id']}/redeliver", json={"a": 1})
    assert answer.status == 422
    assert gateway.request("GET", f"/v1/jobs/{nobody}/deliveries").status == 404


def test_the_list_comes_in_pages(gateway, receiver):
    jobs = [submit(gateway, hook(receiver)) for _ in range(5)]
    for job in jobs:
        until(gateway, job, "delivered")
    path, seen, pages = "/v1/deliveries?limit=2", [], 0
    while path:
        answer = gateway.request("GET", path)
        page = answer.json()
        seen += [each["job_id"] for each in page["data"]]
        pages += 1
        path = f"/v1/deliveries?limit=2&cursor={page['next_cursor']}" if page["has_more"] else None
        assert page["has_more"] == (answer.header("Link") is not None)
    assert seen == [job["id"] for job in reversed(jobs)] and pages == 3
    states = ("pending", "delivered", "failed", "gone")
    assert [len(gateway.json("GET", f"/v1/deliveries?state={state}")["data"]) for state in states] == [0, 5, 0, 0]
    assert [len(deliveries(gateway, jobs[0], f"?state={state}")) for state in states] == [0, 1, 0, 0]
    assert gateway.request("GET", "/v1/deliveries?state=sent").problem() == ("invalid_parameter", ["state"])


# ---- over the life of a job and of the gateway


def test_a_retry_has_the_webhook_of_its_parent(gateway, receiver):
    job = submit(gateway, hook(receiver))
    receiver.next()
    path = f"/v1/jobs/{job['id']}/retry"
    again = gateway.json("POST", path)
    assert again["webhook"] == job["webhook"]
    message = receiver.next()
    assert message.verify()["job_id"] == again["id"]
    none = gateway.json("POST", path, json={"webhook": None})
    assert none["webhook"] is None and receiver.quiet(0.3)
    other = gateway.json("POST", path, json={"webhook": hook(receiver, "/other", secret=OTHER_SECRET)})
    message = receiver.next()
    assert message.path == "/other" and message.verify(OTHER_SECRET)["job_id"] == other["id"]
    bad = gateway.request("POST", path, json={"webhook": {"url": 1}})
    assert bad.status == 422 and bad.problem()[1] == ["/webhook/url"]


def test_a_deleted_job_takes_its_messages_along(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_pause_ms": 1000})
    receiver.plan("/hook", [500])
    job = submit(gateway, hook(receiver, events=["job.queued", "job.canceled"]))
    cancel(gateway, job)
    eventually(lambda: deliveries(gateway, job), lambda all_: sum(each["attempts"] for each in all_) >= 2)
    assert gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
    count = len(receiver.all)
    time.sleep(1.6)
    assert len(receiver.all) == count and gateway.json("GET", "/v1/deliveries")["data"] == []


def test_a_killed_gateway_forgets_no_message(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_pause_ms": 500})
    receiver.plan("/hook", [("hang",)] * 4 + [503] * 6 + [200])
    jobs = [submit(gateway, hook(receiver)) for _ in range(12)]
    eventually(lambda: len(receiver.all), lambda count: count >= 4)
    gateway.kill()
    gateway.start()
    for job in jobs:
        (delivery,) = until(gateway, job, "delivered")
        mine = [message for message in receiver.all if message.id == delivery["id"]]
        assert mine and len({message.body for message in mine}) == 1
        assert mine[0].verify()["job_id"] == job["id"]


def test_a_secret_is_never_told(gateways, receiver):
    gateway = gateways(**LOCAL, log_level="debug")
    receiver.plan("/hook", [500, 200])
    job = submit(gateway, hook(receiver))
    until(gateway, job, "delivered")
    path = f"/v1/jobs/{job['id']}"
    again = gateway.json("POST", path + "/retry")
    seen = [gateway.request("GET", each).body for each in
            (path, "/v1/jobs", path + "/deliveries", "/v1/deliveries",
             f"/v1/jobs/{again['id']}", path + "/workflow", "/metrics")]
    seen += [str(poll(gateway, each, after=0)).encode() for each in (path + "/events", "/v1/events")]
    seen += [message.body for message in receiver.all] + [gateway.log().encode()]
    secret = SECRET.removeprefix("whsec_").encode()
    assert not any(secret in each for each in seen)
    assert receiver.url.encode() not in gateway.log().encode()


def test_what_is_counted(gateways, receiver):
    gateway = gateways(**{**LOCAL, "webhook_give_up_seconds": 1})
    receiver.plan("/gone", [410])
    receiver.plan("/bad", [500])
    until(gateway, submit(gateway, hook(receiver)), "delivered")
    until(gateway, submit(gateway, hook(receiver, "/gone")), "gone")
    until(gateway, submit(gateway, hook(receiver, "/bad")), "failed")

    def counts():
        text = gateway.request("GET", "/metrics").body.decode()
        return {name: float(value) for name, value in re.findall(r"^comfygate_webhooks?_(\w+) (\S+)$", text, re.M)}

    eventually(counts, lambda seen: seen == {"delivered_total": 1, "failures_total": 4, "given_up_total": 1,
                                             "gone_total": 1, "pending": 0, "oldest_age_seconds": 0})
