"""Limits of what one caller may ask: requests and submissions a minute, keys that are not valid, jobs that wait and that run."""
import concurrent.futures
import re
import time

import pytest

import files
import graphs
from keys import Caller, make_key
from stage import eventually

JOB = {"workflow": {"1": {"class_type": "SaveImage", "inputs": {}}}}
WINDOW = 60


def left(answer):
    """{what: (left, seconds until all are there)} of RateLimit."""
    return {what: (int(r), int(t)) for what, r, t in
            re.findall(r'"([a-z]+)";r=(\d+);t=(\d+)', answer.header("RateLimit") or "")}


def assert_limited(answer, per_minute):
    assert answer.status == 429 and answer.problem()[0] == "rate_limited", answer
    wait = int(answer.header("Retry-After"))
    assert 1 <= wait <= -(-WINDOW // per_minute) and f"again in {wait} s" in answer.json()["detail"], answer


@pytest.fixture
def asked(gateways):
    return lambda **settings: gateways(auth_mode="keys", **settings)


def test_requests_of_a_minute_are_counted_by_key(asked):
    gateway = asked(rate_requests=20)
    anna, berta = (Caller(gateway, make_key(gateway.data_dir, name, role="user")) for name in ("anna", "berta"))
    for i in range(20):
        answer = anna.request("GET", "/v1/jobs")
        assert answer.status == 200 and answer.header("RateLimit-Policy") == f'"requests";q=20;w={WINDOW}'
        # One comes back every three seconds.
        assert 19 - i <= left(answer)["requests"][0] <= 21 - i and 1 <= left(answer)["requests"][1] <= WINDOW
    refused = anna.request("GET", "/v1/jobs")
    assert_limited(refused, 20)
    assert left(refused)["requests"][0] == 0
    assert anna.request("GET", "/v1/nothing/here").status == 429, "what is not there is counted, too"
    assert berta.request("GET", "/v1/jobs").status == 200
    assert 'comfygate_http_rate_limited_total{limit="requests"} 2' in metrics(gateway)
    time.sleep(int(refused.header("Retry-After")))
    assert anna.request("GET", "/v1/jobs").status == 200, "who waits as told is let in"


def metrics(gateway):
    root = Caller(gateway, make_key(gateway.data_dir, "prometheus", scopes=["metrics:read"]))
    return root.request("GET", "/metrics").body.decode()


def test_submissions_of_a_minute_are_counted_by_key(asked):
    gateway = asked(rate_submissions=3)
    anna, berta = (Caller(gateway, make_key(gateway.data_dir, name, role="operator")) for name in ("anna", "berta"))
    jobs = [anna.json("POST", "/v1/jobs", json=JOB) for _ in range(2)]
    told = anna.request("POST", f"/v1/jobs/{jobs[0]['id']}/retry")
    assert told.status == 202 and left(told)["submissions"][0] == 0
    for path in ("/v1/jobs", f"/v1/jobs/{jobs[0]['id']}/retry"):
        assert_limited(anna.request("POST", path, json=JOB if path == "/v1/jobs" else None), 3)
    page = anna.request("GET", "/v1/jobs")
    assert len(page.json()["data"]) == 3, "what was refused is not there; what only looks is not counted with it"
    assert "submissions" not in left(page)
    assert berta.request("POST", "/v1/jobs", json=JOB).status == 202
    assert 'comfygate_http_rate_limited_total{limit="submissions"} 2' in metrics(gateway)


def test_wrong_keys_of_a_minute_are_counted_by_address(asked):
    gateway = asked(rate_wrong_keys=5)
    anna = Caller(gateway, make_key(gateway.data_dir, "anna", role="user"))
    stranger = Caller(gateway, "cg_" + "x" * 43)
    for _ in range(4):
        assert stranger.request("GET", "/v1/jobs").status == 401
    assert gateway.request("POST", "/v1/session", json={"key": "cg_no"}).status == 401
    assert_limited(stranger.request("GET", "/v1/jobs"), 5)
    assert_limited(gateway.request("POST", "/v1/session", json={"key": "cg_no"}), 5)
    assert anna.request("GET", "/v1/jobs").status == 200, "a valid key is let in from there all the same"
    assert gateway.request("GET", "/v1/jobs").status == 401, "who brings no key tries none"
    assert 'comfygate_http_rate_limited_total{limit="wrong_keys"} 2' in metrics(gateway)


def test_without_keys_addresses_are_counted_and_probes_are_not(gateways):
    gateway = gateways(auth_mode="off", rate_requests=2)
    for _ in range(2):
        assert gateway.request("GET", "/v1/jobs").status == 200
    assert_limited(gateway.request("GET", "/v1/jobs"), 2)
    for _ in range(5):
        answer = gateway.request("GET", "/livez")
        assert answer.status == 200 and answer.header("RateLimit") is None


def test_who_has_the_machine_to_himself_is_not_counted(gateways):
    gateway = gateways(rate_requests=1, rate_submissions=1)
    for _ in range(3):
        answer = gateway.request("POST", "/v1/jobs", json=JOB)
        assert answer.status == 202 and answer.header("RateLimit-Policy") is None


def test_0_counts_nothing(asked):
    gateway = asked(rate_requests=0, rate_submissions=0, rate_wrong_keys=0)
    anna = Caller(gateway, make_key(gateway.data_dir, "anna", role="operator"))
    for _ in range(70):
        assert Caller(gateway, "cg_" + "x" * 43).request("GET", "/v1/jobs").status == 401
    assert anna.request("POST", "/v1/jobs", json=JOB).header("RateLimit") is None


# ---- jobs that wait, and that run


def raw(caller, graph, **members):
    return caller.request("POST", "/v1/jobs", json={"workflow": graph, **members})


def test_jobs_that_wait_are_limited_by_key(asked):
    gateway = asked(queue_max_jobs_per_key=2)
    anna, berta = (Caller(gateway, make_key(gateway.data_dir, name, role="operator")) for name in ("anna", "berta"))
    first, _ = (raw(anna, graphs.picture()).json() for _ in range(2))
    again = {"Idempotency-Key": "one"}
    refused = anna.request("POST", "/v1/jobs", json=JOB, headers=again)
    assert refused.status == 429 and refused.problem()[0] == "quota_exceeded", refused
    assert anna.request("POST", f"/v1/jobs/{first['id']}/retry").status == 429
    assert raw(berta, graphs.picture()).status == 202, "another key has room of its own"
    gateway.kill()
    gateway.start()
    assert raw(anna, graphs.picture()).status == 429, "what waited before the start counts, too"
    assert anna.request("POST", f"/v1/jobs/{first['id']}/cancel").status == 200
    accepted = anna.request("POST", "/v1/jobs", json=JOB, headers=again)
    assert accepted.status == 202, "a refusal is not remembered under an Idempotency-Key"
    assert raw(anna, graphs.picture()).status == 429


def test_many_at_once_get_past_no_limit(asked):
    gateway = asked(queue_max_jobs_per_key=10)
    anna = Caller(gateway, make_key(gateway.data_dir, "anna", role="operator"))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = [answer.status for answer in pool.map(lambda _: raw(anna, graphs.picture()), range(60))]
    assert answers.count(202) == 10 and answers.count(429) == 50, answers


def test_jobs_that_run_are_limited_by_key(stages):
    stage = stages(auth_mode="keys", backend_slots=4, queue_max_running_per_key=1)
    anna, berta = (Caller(stage.gateway, make_key(stage.gateway.data_dir, name, role="operator")) for name in ("anna", "berta"))
    many = [raw(anna, graphs.sleep(150, mark=str(i))).json() for i in range(6)]
    few = [raw(berta, graphs.sleep(10, mark=f"b{i}")).json() for i in range(2)]
    root = Caller(stage.gateway, make_key(stage.gateway.data_dir, "root", role="admin"))
    insides = []

    def look():
        jobs = root.json("GET", "/v1/jobs?limit=50")["data"]
        inside = [job["owner"] for job in jobs if job["phase"] in ("submitted", "executing", "collecting")]
        insides.append((inside.count("anna"), inside.count("berta")))
        return all(job["status"] == "succeeded" for job in jobs)

    eventually(look)
    # One that is being collected has left its slot to the next.
    accepted = [each["extra_data"]["comfygate"]["job_id"] for each in stage.sim_events("accepted")]
    assert sorted(accepted) == sorted(job["id"] for job in [*many, *few])
    assert max(a for a, _ in insides) <= 2 and any(a and b for a, b in insides), insides
    assert max(accepted.index(job["id"]) for job in few) <= 4, "the second key's went before the first's, whose turn it was not"


def test_many_that_may_not_run_keep_nobody_from_a_free_slot(stages):
    """More than are looked at in one turn stand before the one that can go."""
    stage = stages(auth_mode="keys", backend_slots=2, queue_max_running_per_key=1, queue_ageing_seconds=0, rate_submissions=0)
    anna, berta = (Caller(stage.gateway, make_key(stage.gateway.data_dir, name, role="operator")) for name in ("anna", "berta"))
    slow = raw(anna, graphs.steps(400, 50), priority=2).json()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(answer.status == 202 for answer in pool.map(lambda _: raw(anna, graphs.picture(), priority=1), range(4500)))
    late = raw(berta, graphs.picture()).json()
    assert late["queue_position"] > 4500

    def is_inside():
        return berta.json("GET", f"/v1/jobs/{late['id']}")["phase"] != "waiting"

    eventually(is_inside)
    assert anna.json("GET", f"/v1/jobs/{slow['id']}")["status"] != "succeeded"


# ---- connections, and bytes of files


def test_connections_are_limited_by_address(gateways):
    gateway = gateways(server_max_per_address=3)
    held = []

    def opened():
        """A connection that is answered; None when it is closed without a word."""
        connection = gateway.connect()
        try:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if connection.recv(65536).startswith(b"HTTP/1.1 200"):
                held.append(connection)
                return connection
        except OSError:
            pass
        connection.close()
        return None

    def full():
        return opened() is None

    eventually(full)
    assert len(held) == 3 and opened() is None
    held.pop().close()
    eventually(opened)
    for connection in held:
        connection.close()


def test_bytes_of_files_are_limited(gateways):
    gateway = gateways(storage_max_mb=1, server_max_body=4 << 20)
    image = {"Content-Type": "image/png"}

    def bring(seed):
        # A picture whose end is padded is still one.
        return gateway.request("POST", "/v1/assets", body=files.picture() + bytes([seed]) * 700_000, headers=image)

    first, second = bring(1), bring(2)
    assert first.status == 201 and second.status == 201, (first, second)
    job = {"workflow": graphs.picture()}
    refused = eventually(lambda: gateway.request("POST", "/v1/jobs", json=job), lambda answer: answer.status == 507)
    assert refused.problem()[0] == "insufficient_storage" and "1 MiB" in refused.json()["detail"]
    assert bring(3).status == 507
    ready = gateway.request("GET", "/readyz")
    assert ready.status == 503 and "storage_max_mb" in ready.json()["checks"]["storage"]["detail"]
    assert gateway.request("GET", f"/v1/assets/{first.json()['id']}/content").status == 200
    assert gateway.request("DELETE", f"/v1/assets/{first.json()['id']}").status == 204
    eventually(lambda: gateway.request("POST", "/v1/jobs", json=job), lambda answer: answer.status == 202)
