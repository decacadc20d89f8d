"""Every setting that is a number: a limit of what a stranger brings, with the test that reaches it, or said to be none.

To add a limit: its row in gateway/base/config.def, a test that hits it, a line in REACHED_BY.
"""
import ast
import pathlib
import re
import socket

import pytest

import graphs
from stage import eventually

HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = HERE.parents[1] / "gateway" / "base" / "config.def"

# What nobody but the operator and the machine decides about: pauses, patience, threads, how long things are kept.
NO_LIMITS_OF_STRANGERS = set("""
    storage_cache_mb storage_sweep_seconds storage_orphan_seconds storage_link_seconds
    server_threads server_helpers server_shutdown_seconds
    webhook_pause_ms webhook_give_up_seconds queue_ageing_seconds idempotency_hours
    backend_status_ms backend_ping_ms backend_pong_ms backend_reconcile_ms backend_poll_ms backend_doubt_ms backend_worker_ms
    backend_cancel_ms backend_backoff_min_ms backend_backoff_max_ms backend_catalog_seconds
    job_retry_min_ms job_retry_max_ms retention_jobs_days retention_outputs_days retention_assets_days retention_events_hours
    events_heartbeat_ms
""".split())

REACHED_BY = {
    "storage_min_free_mb": "test_retention.py::test_too_little_room_refuses_new_work",
    "storage_max_mb": "test_limits.py::test_bytes_of_files_are_limited",
    "server_max_connections": "test_every_limit.py::test_connections",
    "server_max_per_address": "test_limits.py::test_connections_are_limited_by_address",
    "server_max_body": "test_http_basics.py::test_body_ceiling",
    "server_head_seconds": "test_http_hygiene.py",
    "server_min_rate": "test_http_hygiene.py",
    "server_max_waiters": "test_http_basics.py::test_waiters_ceiling",
    "rate_requests": "test_limits.py",
    "rate_submissions": "test_limits.py",
    "rate_wrong_keys": "test_limits.py",
    "keys_max": "test_keys.py",
    "fetch_timeout_ms": "test_every_limit.py::test_time_of_a_fetch",
    "webhook_timeout_ms": "test_webhooks.py",
    "assets_max_bytes": "test_assets.py",
    "assets_max_pixels": "test_assets.py",
    "preferences_max_bytes": "test_every_limit.py::test_bytes_of_a_preference",
    "preferences_max_keys": "test_preferences.py",
    "links_max_seconds": "test_every_limit.py::test_life_of_a_link",
    "json_max_depth": "test_every_limit.py::test_depth_of_a_body",
    "json_max_nodes": "test_every_limit.py::test_values_of_a_body",
    "graph_max_nodes": "test_every_limit.py::test_nodes_of_a_workflow",
    "queue_max_jobs": "test_jobs_api.py::test_queue_ceiling",
    "queue_max_jobs_per_key": "test_limits.py",
    "queue_max_running_per_key": "test_limits.py",
    "backend_slots": "test_backends.py",
    "backend_timeout_ms": "test_backends.py",
    "backend_stall_seconds": "test_faults.py",
    "backend_lost_seconds": "test_backends.py",
    "backend_max_faults": "test_trouble.py",
    "backend_max_text": "test_faults.py",
    "backend_max_binary": "test_faults.py",
    "backend_max_answer": "test_models.py",
    "backend_max_output": "test_every_limit.py::test_bytes_of_an_output",
    "job_timeout_seconds": "test_every_limit.py::test_time_of_a_job",
    "job_max_attempts": "test_trouble.py",
    "events_max_streams": "test_events.py",
    "events_stall_seconds": "test_events.py",
    "events_max_lag": "test_events.py",
}


def numbers():
    return set(re.findall(r"^INT\((\w+),", SETTINGS.read_text(), re.MULTILINE))


def words_of(test):
    """The names that a test, or a whole file of them, uses; {} when it is not there."""
    file, _, name = test.partition("::")
    tree = ast.parse((HERE / file).read_text())
    parts = [each for each in tree.body if not name or getattr(each, "name", None) == name]
    used = set()
    for node in (each for part in parts for each in ast.walk(part)):
        used |= {node.arg} if isinstance(node, ast.keyword) else set()
        used |= {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
    return used


def test_every_number_is_judged():
    assert NO_LIMITS_OF_STRANGERS | set(REACHED_BY) == numbers()
    assert not NO_LIMITS_OF_STRANGERS & set(REACHED_BY)


@pytest.mark.parametrize("setting", sorted(REACHED_BY))
def test_every_limit_has_its_test(setting):
    """One that sets it: the default is too far away to be reached."""
    assert setting in words_of(REACHED_BY[setting]), f"{REACHED_BY[setting]} does not set {setting}"


# ---- those that are reached nowhere else


def test_connections(gateways):
    """One more is closed, or waits, until one of those that are open goes; nobody that is served notices."""
    gateway = gateways(server_max_connections=16, server_threads=2)
    held = []

    def served(connection):
        try:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.settimeout(1)
            return connection.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    for _ in range(24):
        connection = gateway.connect()
        if served(connection):
            held.append(connection)
        else:
            connection.close()
            break
    assert 8 <= len(held) <= 16
    assert served(held[0]), "it is served as before"
    for connection in held:
        connection.close()
    eventually(lambda: served(gateway.connect()))


def test_time_of_a_fetch(stages):
    """A server that takes the connection and says nothing."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    stage = stages(inputs_urls="on", fetch_http="on", fetch_ports=str(port), fetch_allow="127.0.0.0/8", fetch_timeout_ms=300)
    answer = stage.gateway.request("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"http://127.0.0.1:{port}/a.png"}})
    assert answer.status == 422 and answer.problem()[0] == "url_fetch_failed", answer.json()
    silent.close()


def test_bytes_of_a_preference(gateways):
    gateway = gateways(preferences_max_bytes=64)
    fits, large = {"a": "x" * 55}, {"a": "x" * 56}
    assert gateway.request("PUT", "/v1/preferences/p", json=fits).status in (200, 201, 204)
    answer = gateway.request("PUT", "/v1/preferences/p", json=large)
    assert answer.status == 413 and answer.problem()[0] == "content_too_large"
    assert gateway.json("GET", "/v1/preferences/p") == fits


def test_life_of_a_link(stages):
    stage = stages(links_max_seconds=100)
    path = f"/v1/outputs/{stage.finish(stage.submit(graphs.picture()))['outputs'][0]['id']}/link"
    assert stage.gateway.request("POST", path, json={"expires_seconds": 100}).status in (200, 201)
    answer = stage.gateway.request("POST", path, json={"expires_seconds": 101})
    assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/expires_seconds"


def nested(levels):
    return "[" * levels + "]" * levels


def test_depth_of_a_body(gateways):
    gateway = gateways(json_max_depth=8)
    body = '{"workflow": {"1": {"class_type": "A", "inputs": {"x": %s}}}}'
    assert gateway.request("POST", "/v1/jobs", body=(body % nested(4)).encode(), headers={"Content-Type": "application/json"}).status == 202
    answer = gateway.request("POST", "/v1/jobs", body=(body % nested(5)).encode(), headers={"Content-Type": "application/json"})
    assert answer.status in (400, 413, 422), answer


def test_values_of_a_body(gateways):
    gateway = gateways(json_max_nodes=100)

    def submit(count):
        return gateway.request("POST", "/v1/jobs", json={"workflow": {"1": {"class_type": "A", "inputs": {"x": [1] * count}}}})

    assert submit(80).status == 202
    answer = submit(100)
    assert answer.status in (400, 413, 422), answer


def test_nodes_of_a_workflow(gateways):
    gateway = gateways(graph_max_nodes=3)

    def submit(count):
        return gateway.request("POST", "/v1/jobs", json={
            "workflow": {str(i): {"class_type": "SaveImage", "inputs": {}} for i in range(count)}})

    assert submit(3).status == 202
    answer = submit(4)
    assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/workflow", answer


def test_bytes_of_an_output(stages):
    stage = stages(backend_max_output=65536)
    fits = {"1": {"class_type": "SimBig", "inputs": {"size_bytes": 65536, "filename_prefix": "big", "seed": 1}}}
    large = {"1": {"class_type": "SimBig", "inputs": {"size_bytes": 65537, "filename_prefix": "big", "seed": 1}}}
    assert stage.finish(stage.submit(fits))["outputs"][0]["size_bytes"] == 65536
    job = stage.finish(stage.submit(large), "failed")
    assert job["error"]["code"] == "output_missing" and "backend_max_output" in job["error"]["message"]


def test_time_of_a_job(stages):
    stage = stages(job_timeout_seconds=1)
    job = stage.finish(stage.submit(graphs.steps(200, ms=50)), "failed")
    assert job["error"]["code"] == "timeout"
