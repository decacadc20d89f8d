"""GET /metrics: it counts what happened, its form is Prometheus', and what is shipped to watch it names what is there."""
import json
import re
import subprocess
import time

import files
import graphs
import pytest
from events import listen
from exposition import Exposition
from gateway import ROOT
from service_manager import Frozen, engine_in_poll
from stage import Stage, eventually, time_limit

PROMETHEUS = ROOT / "packaging" / "prometheus"
DASHBOARD = ROOT / "packaging" / "grafana" / "comfygate.json"
CHECK_LIMIT = 60  # seconds


def seen(stage):
    return Exposition(stage.gateway)


def settled(stage, is_right, timeout=20):
    """Levels are set a few times a second, what the machine is asked for once."""
    return eventually(lambda: seen(stage), is_right, timeout, every=0.05)


def promtool(*words, **options):
    result = subprocess.run(["promtool", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, timeout=CHECK_LIMIT, check=False, **options)
    assert result.returncode == 0, result.stdout
    return result.stdout


# ---- a busy one


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A gateway that has done a bit of everything, told in `did`."""
    with time_limit(110):
        stage = Stage(tmp_path_factory.mktemp("busy") / "stage", backend_slots=1)
        try:
            stage.did = be_busy(stage)
            yield stage
        finally:
            stage.close()


def be_busy(stage):
    gateway = stage.gateway
    picture = files.picture()
    assert gateway.request("POST", "/v1/assets?name=a.png", body=picture, headers={"Content-Type": "image/png"}).status == 201
    with listen(gateway, "/v1/events") as stream:
        assert stream.next().type == "snapshot"
        good = [stage.finish(stage.submit(graphs.steps(3, 20))) for _ in range(3)]
    made = gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "input": {"width": 128, "height": 128}})
    good.append(stage.finish(made))
    stage.finish(stage.submit(graphs.failing()), status="failed")
    running = stage.submit(graphs.steps(200, 50))
    stage.until(running, lambda job: job["status"] == "running")
    waiting = [stage.submit(graphs.steps(1, 1)) for _ in range(3)]
    canceled = stage.submit(graphs.steps(1, 1))
    stage.cancel(canceled)
    stage.finish(canceled, status="canceled")
    body = {"workflow": graphs.picture()}
    for _ in range(2):
        gateway.json("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": "once"})
    for path in ("/v1/nothing", "/v1/jobs/no-id", "/secret-of-mine"):
        assert gateway.request("GET", path).status == 404
    return {"good": good, "picture": picture, "running": running, "waiting": waiting}


def test_promtool_finds_nothing(busy):
    text = seen(busy).text
    assert promtool("check", "metrics", input=text) == ""


def test_every_family_is_explained_once(busy):
    exposition = seen(busy)
    helped = re.findall(r"^# HELP (\S+) \S.*\.$", exposition.text, re.MULTILINE)
    assert helped == list(exposition.types) and len(helped) == len(set(helped))


def test_every_family_has_been_seen(busy):
    """A busy gateway has a value of each but those of what did not happen."""
    exposition = settled(busy, lambda now: "comfygate_files" in now.names())
    families = {exposition.family(name) for name in exposition.names()}
    assert set(exposition.types) - families == set()


def test_jobs(busy):
    now = settled(busy, lambda now: now.value("comfygate_jobs", status="queued") == 4)
    assert now.value("comfygate_jobs_submitted_total", template="_workflow") == 3 + 1 + 1 + 3 + 1 + 1
    assert now.value("comfygate_jobs_submitted_total", template="test-pattern") == 1
    assert now.value("comfygate_jobs_ended_total", template="_workflow", status="succeeded") == 3
    assert now.value("comfygate_jobs_ended_total", template="test-pattern", status="succeeded") == 1
    assert now.value("comfygate_jobs_ended_total", status="failed") == 1
    assert now.value("comfygate_jobs_ended_total", status="canceled") == 1
    assert now.value("comfygate_jobs_ended_total", status="expired") == 0
    assert now.value("comfygate_job_errors_total", code="node_execution_error") == 1
    assert now.value("comfygate_job_errors_total") == 1
    assert now.value("comfygate_jobs", status="running") == 1 and now.value("comfygate_jobs", status="canceling") == 0
    assert now.value("comfygate_job_attempts_total", backend="gpu0") == 6
    assert now.value("comfygate_job_requeues_total") == 0 and now.value("comfygate_queue_paused") == 0


def test_times_of_jobs(busy):
    now, good = seen(busy), busy.did["good"]
    assert now.value("comfygate_job_run_seconds_count") == 5  # those that ran: the failed one too
    assert now.value("comfygate_job_total_seconds_count") == 6
    runs = [job["metrics"]["execution_ms"] / 1000 for job in good if job["template"] is None]
    queued = sum(job["metrics"]["queue_ms"] for job in good if job["template"]) / 1000
    assert now.value("comfygate_job_run_seconds_sum", template="_workflow") >= sum(runs) - 1e-6
    assert abs(now.value("comfygate_job_queue_seconds_sum", template="test-pattern") - queued) < 1e-6
    for name in ("comfygate_job_run_seconds", "comfygate_job_total_seconds", "comfygate_job_queue_seconds"):
        for labels, count in now.rows(name + "_count"):
            buckets = {each["le"]: value for each, value in now.rows(name + "_bucket") if each["template"] == labels["template"]}
            assert buckets["+Inf"] == count and list(buckets.values()) == sorted(buckets.values())
    # Of the first job nothing was known.
    assert now.value("comfygate_job_estimate_ratio_count") == now.value("comfygate_job_estimate_error_seconds_count") == 3


def test_the_comfyui(busy):
    # Its queue is told by the next look at it.
    now = settled(busy, lambda now: now.value("comfygate_backend_jobs") == 1 and now.value("comfygate_backend_queue_length", -1) == 1)
    assert now.rows("comfygate_backend_up") == [({"backend": "gpu0"}, 1)]
    assert now.value("comfygate_backend_slots") == 1
    assert now.value("comfygate_backend_draining") == 0
    assert now.value("comfygate_backend_ws_connected") == now.value("comfygate_backend_ws_opened_total") == 1
    assert now.value("comfygate_backend_ws_lost_total") == now.value("comfygate_backend_ws_deaf_total") == 0
    device = busy.gateway.json("GET", "/v1/backends")["data"][0]["devices"][0]
    assert now.value("comfygate_backend_vram_bytes") == device["vram_total"]
    assert now.value("comfygate_backend_vram_free_bytes") == device["vram_free"]
    assert now.value("comfygate_backend_requests_total", kind="prompt", result="ok") == 6
    assert now.value("comfygate_backend_requests_total", kind="view", result="ok") >= 4
    assert now.value("comfygate_backend_requests_total", kind="history", result="ok") >= 5
    for kind in ("queue", "system", "nodes"):
        assert now.value("comfygate_backend_requests_total", kind=kind, result="ok") >= 1
    assert now.value("comfygate_backend_requests_total", result="failed") == 0


def test_store_and_files(busy):
    outputs = [output for job in busy.did["good"] for output in job["outputs"]]
    stored = {output["sha256"]: output["size_bytes"] for output in outputs}
    now = settled(busy, lambda now: now.value("comfygate_files", 0) == len(stored) + 1)
    assert now.value("comfygate_files_bytes") == sum(stored.values()) + len(busy.did["picture"])
    assert now.value("comfygate_outputs_total") == len(outputs)
    assert now.value("comfygate_output_bytes_total") == sum(output["size_bytes"] for output in outputs)
    assert now.value("comfygate_assets_total") == 1
    assert now.value("comfygate_asset_bytes_total") == len(busy.did["picture"])
    disk = sum(path.stat().st_size for path in busy.gateway.data_dir.glob("comfygate.db*"))
    assert 0.5 < now.value("comfygate_store_bytes") / disk < 2
    assert now.value("comfygate_storage_free_bytes") > 0
    commits = now.value("comfygate_store_commit_seconds_count")
    assert commits == now.value("comfygate_store_commit_rows_count") >= 20
    assert now.value("comfygate_store_commit_rows_sum") >= commits + 2 * 11  # a submission is a job, its graph, an event
    assert now.value("comfygate_store_commit_failures_total") == 0


def test_requests(busy):
    now = seen(busy)
    submit = {"method": "POST", "route": "/v1/jobs"}
    assert now.value("comfygate_http_requests_total", code="2xx", **submit) == 12
    assert now.value("comfygate_http_request_duration_seconds_count", **submit) == 12
    assert 0 < now.value("comfygate_http_request_duration_seconds_sum", **submit) < 60
    assert now.value("comfygate_http_requests_total", method="GET", route="/v1/jobs/{id}", code="4xx") == 1
    assert now.value("comfygate_http_requests_total", route="_other", code="4xx") == 2
    assert now.value("comfygate_http_requests_total", code="5xx") == 0
    before = now.value("comfygate_http_requests_total", route="/metrics", code="2xx")
    assert seen(busy).value("comfygate_http_requests_total", route="/metrics", code="2xx") == before + 1
    assert now.value("comfygate_http_connections") >= 1
    assert now.value("comfygate_http_connections_limit") > now.value("comfygate_http_connections")


def test_nobody_makes_it_grow(busy):
    """Whatever is asked for, there are as many series as before."""
    before = {(name, labels) for name, labels in seen(busy).samples if name == "comfygate_http_requests_total"}
    for number in range(20):
        busy.gateway.request("GET", f"/v1/jobs/{number}")
        busy.gateway.request("GET", f"/{number}")
        busy.gateway.request("GET", f"/v1/templates/t{number}")
        busy.gateway.request("BREW", "/v1/jobs", check=False)
    after = seen(busy)
    assert {(name, labels) for name, labels in after.samples if name == "comfygate_http_requests_total"} == before
    assert "t19" not in after.text and "BREW" not in after.text


def test_it_names_no_secret(busy):
    text = seen(busy).text
    job = busy.did["good"][0]
    for word in (job["id"], job["outputs"][0]["sha256"], str(busy.gateway.data_dir), "secret", "127.0.0.1"):
        assert word not in text


def test_the_process(busy):
    now = settled(busy, lambda now: now.value("process_resident_memory_bytes", 0) > 0)
    assert abs(now.value("process_start_time_seconds") - time.time()) < 120
    assert 0 < now.value("process_cpu_seconds_total") < 120
    assert now.value("process_virtual_memory_bytes") >= now.value("process_resident_memory_bytes") > 1 << 20
    assert 5 < now.value("process_open_fds") < now.value("process_max_fds")
    version = (ROOT / "VERSION").read_text().strip()
    assert now.rows("comfygate_build_info") == [({"version": version}, 1)]


def test_head_and_queries(busy):
    assert busy.gateway.request("HEAD", "/metrics").body == b""
    assert busy.gateway.request("GET", "/metrics?name=x").problem()[0] == "invalid_parameter"
    assert busy.gateway.request("POST", "/metrics").status == 405


def test_waiters_and_listeners(busy):
    assert seen(busy).value("comfygate_event_listeners") == 0
    with listen(busy.gateway, "/v1/events") as stream:
        stream.next()
        with busy.gateway.connect() as sock:
            sock.sendall(f"GET /v1/jobs/{busy.did['waiting'][0]['id']}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            now = settled(busy, lambda now: now.value("comfygate_http_waiting_requests") == 1)
            assert now.value("comfygate_event_listeners") == 1 and now.value("comfygate_http_connections") >= 3
            left = now.value("comfygate_http_requests_unanswered_total")
    settled(busy, lambda now: now.value("comfygate_event_listeners") == 0)
    # Somebody who hangs up while he waits is noticed when the wait is over; one in the middle of his body at once.
    with busy.gateway.connect() as sock:
        sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.2)
    settled(busy, lambda now: now.value("comfygate_http_requests_unanswered_total") > left)


# ---- what goes wrong


def test_a_comfyui_goes_and_comes_back(stages):
    stage = stages(sims={"gpu0": {}, "gpu1": {}})
    settled(stage, lambda now: now.value("comfygate_backend_up") == 2)
    stage.sims["gpu1"].kill9()
    now = settled(stage, lambda now: now.value("comfygate_backend_up", backend="gpu1") == 0)
    assert now.value("comfygate_backend_up", backend="gpu0") == 1
    now = settled(stage, lambda now: now.value("comfygate_backend_ws_lost_total", backend="gpu1") == 1)
    assert now.value("comfygate_backend_ws_connected", backend="gpu1") == 0
    assert now.value("comfygate_backend_queue_length", -1, backend="gpu1") == -1, "nobody knows it"
    assert now.value("comfygate_backend_requests_total", kind="queue", result="failed") >= 1
    stage.sims["gpu1"].start()
    now = settled(stage, lambda now: now.value("comfygate_backend_up") == 2
                  and now.value("comfygate_backend_ws_opened_total", backend="gpu1") == 2)
    assert now.value("comfygate_backend_ws_lost_total", backend="gpu0") == 0
    stage.gateway.json("POST", "/v1/backends/gpu0/drain")
    stage.gateway.json("POST", "/v1/queue/pause")
    now = settled(stage, lambda now: now.value("comfygate_queue_paused") == 1)
    assert now.value("comfygate_backend_draining", backend="gpu0") == 1
    assert now.value("comfygate_backend_draining", backend="gpu1") == 0


def test_doubts_and_what_comes_of_them(stages):
    stage = stages(backend_doubt_ms=300, backend_slots=1)
    stage.sim.faults({"prompt_reply_lost": {"count": 1}})
    stage.finish(stage.submit(graphs.steps(5, ms=50)))
    now = seen(stage)
    assert now.value("comfygate_prompt_doubts_total", backend="gpu0") == 1
    assert now.value("comfygate_prompt_resent_total") == 0
    assert now.value("comfygate_backend_requests_total", kind="prompt", result="failed") == 1
    stage.sim.faults({"prompt_reply_lost_before": {"count": 1}})
    stage.finish(stage.submit(graphs.picture()))
    now = seen(stage)
    assert now.value("comfygate_prompt_doubts_total") == 2 and now.value("comfygate_prompt_resent_total") == 1
    stage.sim.faults({})
    job = stage.submit(graphs.steps(100, ms=50))
    stage.until(job, lambda job: job["status"] == "running")
    stage.sim.restart()
    stage.until(job, lambda job: job["attempt"] == 2)
    now = settled(stage, lambda now: now.value("comfygate_job_requeues_total", backend="gpu0") == 1)
    assert now.value("comfygate_prompt_gone_total") == 1 and now.value("comfygate_job_attempts_total") == 4
    stage.cancel(job)
    stage.finish(job, status="canceled")
    assert seen(stage).value("comfygate_backend_requests_total", kind="stop", result="ok") >= 1


def test_expired_and_refused(stages):
    stage = stages(backend_slots=1, queue_max_jobs=2)
    stage.gateway.json("POST", "/v1/queue/pause")
    late = stage.submit(graphs.picture(), deadline_seconds=1)
    stage.submit(graphs.picture())
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    assert answer.status == 503
    stage.finish(late, status="expired")
    now = seen(stage)
    assert now.value("comfygate_jobs_ended_total", status="expired") == 1
    assert now.value("comfygate_job_errors_total", code="deadline_exceeded") == 1
    assert now.value("comfygate_job_run_seconds_count", 0) == 0, "it never ran"
    assert now.value("comfygate_http_requests_total", method="POST", route="/v1/jobs", code="5xx") == 1


@pytest.mark.patient
def test_slow_readers_are_counted(stages):
    """One that falls too far behind is closed, and so is one that has stopped; before that it loses what passes."""
    stage = stages(backend_slots=1, events_stall_seconds=2)
    assert seen(stage).value("comfygate_events_dropped_total") == 0
    bulk = {str(number): "x" * 1000 for number in range(30)}
    with stage.gateway.connect() as slow:
        slow.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF
        slow.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(12):
            stage.submit(graphs.picture(), metadata=bulk)
        stage.finish(stage.submit(graphs.steps(60, ms=20, previews=True)), timeout=30)
        now = settled(stage, lambda now: now.value("comfygate_event_streams_closed_total") == 1)
        assert now.value("comfygate_events_dropped_total") > 0


def test_templates_come_and_go(stages, tmp_path):
    source = ROOT / "templates" / "test-pattern"
    folder = tmp_path / "templates" / "mine"
    make_folder(source, folder)
    stage = stages(templates_dir=tmp_path / "templates")
    assert seen(stage).value("comfygate_jobs_submitted_total", template="mine") == 0
    stage.finish(stage.gateway.json("POST", "/v1/jobs", json={"template": "mine", "input": {"width": 128, "height": 128}}))
    make_folder(source, tmp_path / "templates" / "second")
    stage.gateway.json("POST", "/v1/templates/reload")
    now = seen(stage)
    assert now.value("comfygate_jobs_ended_total", template="mine", status="succeeded") == 1
    assert now.value("comfygate_jobs_submitted_total", template="second") == 0
    # Whose template is gone at the next start is counted with all the others.
    stage.gateway.json("POST", "/v1/queue/pause")
    waiting = stage.gateway.json("POST", "/v1/jobs", json={"template": "mine", "input": {"width": 128, "height": 128}})
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    stage.gateway.restart()
    stage.gateway.json("POST", "/v1/queue/resume")
    stage.finish(waiting)
    now = seen(stage)
    assert now.value("comfygate_jobs_ended_total", template="_other", status="succeeded") == 1
    assert now.value("comfygate_jobs_ended_total", 0, template="mine") == 0 and "mine" not in now.text


def make_folder(source, folder):
    folder.mkdir(parents=True)
    for name in ("manifest.json", "workflow.json"):
        text = (source / name).read_text()
        if name == "manifest.json":
            text = json.dumps({**json.loads(text), "name": folder.name})
        (folder / name).write_text(text)


@pytest.mark.once
def test_it_does_not_wait_for_the_engine(stages):
    """With the engine's thread standing still, it answers from memory."""
    stage = stages()
    stage.finish(stage.submit(graphs.picture()))
    engine = eventually(lambda: engine_in_poll(stage.gateway.pid))
    with Frozen(engine):
        began = time.monotonic()
        for _ in range(20):
            assert seen(stage).value("comfygate_jobs_ended_total", status="succeeded") == 1
        assert time.monotonic() - began < 5


# ---- what is shipped to watch it


def metrics_of(text):
    """Names of metrics in an expression; what Prometheus makes itself is none of ours."""
    bare = re.sub(r'"[^"]*"', '""', text)
    return set(re.findall(r"\b(?:comfygate|process)_[a-z_]+", bare))


def expressions_of(dashboard):
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (each["expr"] for each in dashboard["annotations"]["list"])
    yield from (each["definition"] for each in dashboard["templating"]["list"] if each["type"] == "query")


def labels_of(expression):
    """(metric, labels that it is asked for by) of each selector."""
    for name, inside in re.findall(r"\b((?:comfygate|process)_[a-z_]+)(?:\{([^}]*(?:\{[a-z]+\}[^}]*)*)\})?", expression):
        yield name, set(re.findall(r'([a-z]+)\s*(?:=~|!~|!=|=)\s*"', inside))


OF_PROMETHEUS = {"job", "instance"}


def faults_of(expression, exposition):
    faults = []
    for name, labels in labels_of(expression):
        rows = exposition.rows(name)
        if not rows:
            faults.append(f"there is no {name}")
            continue
        unknown = labels - OF_PROMETHEUS - {label for row, _ in rows for label in row}
        faults += [f"{name} has no label {label}" for label in sorted(unknown)]
    return faults


def test_what_the_dashboard_asks_for_is_there(busy):
    dashboard = json.loads(DASHBOARD.read_text())
    exposition = settled(busy, lambda now: "comfygate_files" in now.names())
    expressions = list(expressions_of(dashboard))
    assert len(expressions) > 50
    assert {expression: faults for expression in expressions if (faults := faults_of(expression, exposition))} == {}
    # A name that is none would be seen.
    assert faults_of("rate(comfygate_no_such_total[5m])", exposition) == ["there is no comfygate_no_such_total"]
    assert faults_of('comfygate_jobs{state="x"}', exposition) == ["comfygate_jobs has no label state"]


def test_what_the_alerts_ask_for_is_there(busy):
    text = (PROMETHEUS / "alerts.yml").read_text() + (PROMETHEUS / "alerts_test.yml").read_text()
    exposition = settled(busy, lambda now: "process_open_fds" in now.names() and "comfygate_files" in now.names())
    names = metrics_of(text)
    assert len(names) > 12 and names - exposition.names() == set()


@pytest.mark.once
def test_the_dashboard_can_be_taken_in():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 39 and dashboard["id"] is None and dashboard["uid"] == "comfygate"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"]
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    for expression in expressions_of(dashboard):
        asked = expression.replace("$__rate_interval", "5m").replace("$instance", ".*")
        if not asked.startswith("label_values("):
            check_expression(asked)


def check_expression(expression):
    """promtool reads rules, not expressions: one is put into a rule."""
    rule = {"groups": [{"name": "x", "rules": [{"record": "x", "expr": expression}]}]}
    promtool("check", "rules", "/dev/stdin", input=json.dumps(rule))


@pytest.mark.once
def test_the_alerts_come_when_they_shall():
    """Each of them, for promtool does not mind one without a test."""
    assert "rules found" in promtool("check", "rules", "--lint-fatal", PROMETHEUS / "alerts.yml")
    promtool("check", "config", PROMETHEUS / "scrape.yml")
    assert "SUCCESS" in promtool("test", "rules", PROMETHEUS / "alerts_test.yml")
    alerts = re.findall(r"- alert: (\w+)", (PROMETHEUS / "alerts.yml").read_text())
    fires = set(re.findall(r"alertname: (\w+).*\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels",
                           (PROMETHEUS / "alerts_test.yml").read_text()))
    assert len(alerts) > 10 and set(alerts) == fires


# ---- what is logged


PAGE = ROOT / "docs" / "observability.md"
CALL = re.compile(r"\blog_(debug|info|warn|error)\(")


def call_text(text, begin):
    depth, at = 1, begin
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[begin:at - 1]


def logged():
    """{event: (levels, fields)} of every call in the gateway."""
    found = {}
    for path in sorted((ROOT / "gateway").rglob("*.c")):
        text = path.read_text()
        for match in CALL.finditer(text):
            call = call_text(text, match.end())
            head = call.split("LOG_")[0]
            fields = re.findall(r'LOG_[A-Z]+\("(\w+)"', call) + (["job", "trace_id"] if "LOG_JOB(" in call else [])
            for event in re.findall(r'"(\w+)"', head):
                levels, names = found.setdefault(event, (set(), set()))
                levels.add(match[1])
                names.update(fields)
    return found


def explained():
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    return {event: (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields))) for event, levels, fields in rows
            if set(levels.split(", ")) <= {"debug", "info", "warn", "error"}}


@pytest.mark.once
def test_every_line_of_the_log_is_explained():
    """The page has the events, their levels and their fields, and none that is not there."""
    in_code, on_page = logged(), explained()
    # Told by one call, whose event is a variable (gateway/engine/backend.c).
    for event in ("backend_up", "backend_down", "backend_stalled"):
        assert event not in in_code and f'"{event}"' in (ROOT / "gateway/engine/backend.c").read_text()
        in_code[event] = ({"info" if event == "backend_up" else "warn"}, {"backend", "reason"})
    assert len(in_code) > 35
    assert on_page == in_code


@pytest.mark.once
def test_fields_mean_one_thing():
    """One name, one type: what is a number in one line is none in another, so that a log store can index them."""
    kinds = {}
    for path in (ROOT / "gateway").rglob("*.c"):
        for kind, field in re.findall(r'LOG_(S|OPT|I)\("(\w+)"', path.read_text()):
            kinds.setdefault(field, set()).add("text" if kind in ("S", "OPT") else "number")
    assert {field: kind for field, kind in kinds.items() if len(kind) > 1} == {}


def test_log_lines_are_json_with_these_fields(busy):
    lines = busy.gateway_log()
    known = explained()
    assert len(lines) > 20
    for line in lines:
        _, fields = known[line["ev"]]
        assert set(line) - {"t", "lvl", "ev"} <= fields, line
    accepted = next(line for line in lines if line["ev"] == "job_accepted" and line.get("template") == "test-pattern")
    assert accepted["job"] and accepted["request_id"]
