"""W3C Trace Context: a trace that a request belongs to goes on to ComfyUI and into the log, and nowhere else."""
import re

import files
import graphs
from stage import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "b7ad6b7169203331"
FIELD = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def parent(trace=TRACE, flags="01"):
    return {"traceparent": f"00-{trace}-{SPAN}-{flags}"}


def calls(stage):
    """[(request, trace, span, flags)] of all that came to ComfyUI with a trace."""
    return [(each["request"], *FIELD.fullmatch(each["traceparent"]).groups()) for each in stage.sim_events("traced")]


def lines(stage, job):
    return [line for line in stage.gateway_log() if line.get("job") == job["id"]]


def test_it_goes_on_to_comfyui(stages):
    stage = stages()
    job = stage.finish(stage.submit(graphs.steps(3, 20), headers=parent()))
    seen = calls(stage)
    kinds = {re.sub(r"/(history)/.*", r"/\1", request) for request, *_ in seen}
    assert {"POST /prompt", "GET /history", "GET /view"} <= kinds <= {"POST /prompt", "GET /history", "GET /view"}
    assert {(trace, flags) for _, trace, _, flags in seen} == {(TRACE, "01")}
    spans = [span for _, _, span, _ in seen]
    assert len(set(spans)) == len(spans) and SPAN not in spans and "0" * 16 not in spans
    assert job["status"] == "succeeded"


def test_each_job_has_its_own(stages):
    """Also when another runs meanwhile, and what is not for a job belongs to no trace."""
    stage = stages(backend_slots=2)
    jobs = [stage.submit(graphs.steps(3, 20), headers=headers) for headers in (parent(), parent(OTHER, "00"), {})]
    for job in jobs:
        stage.finish(job)
    posts = [(trace, flags) for request, trace, _, flags in calls(stage) if request == "POST /prompt"]
    assert sorted(posts) == sorted([(TRACE, "01"), (OTHER, "00")])
    assert not [request for request, *_ in calls(stage) if request in ("GET /queue", "GET /system_stats", "GET /object_info")]
    assert {line.get("trace_id") for line in lines(stage, jobs[0])} == {TRACE}
    assert {line.get("trace_id") for line in lines(stage, jobs[1])} == {OTHER}
    assert {line.get("trace_id") for line in lines(stage, jobs[2])} == {None}


def test_files_and_stops_belong_to_it(stages):
    stage = stages(backend_slots=1)
    asset = stage.gateway.request("POST", "/v1/assets", body=files.picture(), headers={"Content-Type": "image/png"}).json()
    answer = stage.gateway.request("POST", "/v1/jobs", headers=parent(),
                                   json={"template": "test-edit", "input": {"image": f"asset:{asset['id']}"}})
    assert answer.status == 202, answer
    stage.finish(answer.json())
    assert "POST /upload/image" in [request for request, *_ in calls(stage)]
    running = stage.submit(graphs.steps(200, 50), headers=parent(OTHER))
    stage.until(running, lambda job: job["status"] == "running")
    stage.cancel(running)
    stage.finish(running, status="canceled")
    stops = [request for request, trace, *_ in calls(stage) if trace == OTHER and "history" not in request and request != "POST /prompt"]
    assert stops


def test_the_log_tells_it(stages):
    stage = stages(log_level="debug")
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers=parent())
    job = stage.finish(answer.json())
    request_id = answer.header("X-Request-Id")
    line = eventually(lambda: [line for line in stage.gateway_log("request") if line["request_id"] == request_id])[0]
    assert line["trace_id"] == TRACE and line["operation"] == "submitJob" and line["http_status"] == 202
    accepted = stage.gateway_log("job_accepted")[0]
    assert (accepted["job"], accepted["request_id"], accepted["trace_id"]) == (job["id"], request_id, TRACE)
    assert all(line["trace_id"] == TRACE for line in stage.gateway_log("job_moved"))


def test_it_is_told_to_no_client(stages):
    stage = stages()
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}, headers=parent())
    names = {name.lower() for name, _ in answer.headers}
    assert "x-request-id" in names and not names & {"traceparent", "traceresponse", "tracestate"}
    job = stage.finish(answer.json())
    for path in (f"/v1/jobs/{job['id']}", "/v1/jobs", "/v1/outputs", f"/v1/jobs/{job['id']}/workflow"):
        assert TRACE not in stage.gateway.request("GET", path).body.decode()
    events = stage.gateway.request("GET", f"/v1/jobs/{job['id']}/events?after=0", headers={"Accept": "application/json"})
    assert TRACE not in events.body.decode()


def test_it_outlives_a_crash(stages):
    """It is kept with the job: a gateway that was killed before the job ran sends it all the same."""
    stage = stages()
    stage.gateway.json("POST", "/v1/queue/pause")
    job = stage.submit(graphs.picture(), headers=parent(flags="03"))
    stage.gateway.kill()
    stage.gateway.start()
    stage.gateway.json("POST", "/v1/queue/resume")
    stage.finish(job)
    posts = [(trace, flags) for request, trace, _, flags in calls(stage) if request == "POST /prompt"]
    assert posts == [(TRACE, "03")]
    assert lines(stage, job)[-1]["trace_id"] == TRACE


def test_a_retry_belongs_to_who_asks_for_it(stages):
    stage = stages()
    first = stage.finish(stage.submit(graphs.picture(), headers=parent()))
    again = stage.gateway.json("POST", f"/v1/jobs/{first['id']}/retry", headers=parent(OTHER))
    stage.finish(again)
    plain = stage.gateway.json("POST", f"/v1/jobs/{first['id']}/retry")
    stage.finish(plain)
    assert {line.get("trace_id") for line in lines(stage, again)} == {OTHER}
    assert {line.get("trace_id") for line in lines(stage, plain)} == {None}


MALFORMED = [
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE}-{SPAN}",
    f"{TRACE}",
    "",
    "x" * 4000,
]


def test_what_is_malformed_is_as_if_it_had_not_come(stages):
    stage = stages(backend_slots=4)
    jobs = [stage.submit(graphs.picture(), headers={"traceparent": field}) for field in MALFORMED]
    for job in jobs:
        stage.finish(job)
    assert calls(stage) == []
    assert not [line for line in stage.gateway_log() if "trace_id" in line]


def test_two_say_nothing(stages):
    """Also when both are good: nobody knows which of them is meant."""
    stage = stages(log_level="debug")
    graph = '{"workflow": {"1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 7}},' \
        ' "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}}'
    with stage.gateway.connect() as sock:
        sock.sendall(("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
                      f"Content-Length: {len(graph)}\r\ntraceparent: 00-{TRACE}-{SPAN}-01\r\n"
                      f"traceparent: 00-{OTHER}-{SPAN}-01\r\n\r\n{graph}").encode())
        while sock.recv(65536):
            pass
    job = stage.gateway.json("GET", "/v1/jobs")["data"][0]
    stage.finish(job)
    assert calls(stage) == [] and not [line for line in stage.gateway_log() if "trace_id" in line]
