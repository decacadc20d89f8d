"""The contract is sound, agrees with the words in the code, and its gate lets nothing wrong through."""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import schema_gate

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = schema_gate.load_document(schema_gate.DEFAULT_PATH)
SCHEMAS = DOCUMENT["components"]["schemas"]
JOB = SCHEMAS["Job"]["examples"][0]
BACKEND = SCHEMAS["Backend"]["examples"][0]
BACKENDS = {"data": [BACKEND], "has_more": False, "next_cursor": None, "paused_since": None}
TEMPLATE = SCHEMAS["Template"]["examples"][0]
TEMPLATE_DETAIL = {**TEMPLATE, "input_schema": {"type": "object"}, "outputs": [], "examples": [], "backends": [],
                   "limits": {"timeout_seconds": None, "max_attempts": None}, "requires": {"nodes": [], "models": []}}
MODELS = {"data": [{"name": "sdxl/a.safetensors", "backends": ["gpu0", "gpu1"]}], "has_more": False,
          "next_cursor": None, "complete": True}
DELIVERY = SCHEMAS["Delivery"]["examples"][0]
RELOAD = SCHEMAS["TemplateReload"]["examples"][0]
PROBLEM = SCHEMAS["Problem"]["examples"][0]
SUBMISSION = SCHEMAS["Submission"]["examples"][0]
EVENT = {"id": "6", "type": "backend.up", "timestamp": "2026-11-22T23:07:01.000Z", "job_id": None,
         "data": {"name": "gpu0", "status": "up", "reason": None, "since": "2026-11-22T23:07:00.000Z"}}
KEY = {"id": JOB["id"], "name": "anna", "role": "user", "scopes": ["jobs:read"], "status": "active",
       "created_at": "2026-11-22T23:07:00.000Z", "created_by": None, "expires_at": None, "revoked_at": None, "last_used_at": None}
SESSION = {"auth_mode": "keys", "name": "anna", "role": None, "scopes": ["jobs:read"], "key_expires_at": None,
           "session_expires_at": "2026-11-22T23:07:00.000Z"}
JOB_PATH = f"/v1/jobs/{JOB['id']}"
OUTPUT_PATH = f"/v1/outputs/{JOB['id']}/content"


@pytest.fixture(autouse=True)
def no_log(monkeypatch):
    """What these tests make up must not count as coverage."""
    monkeypatch.delenv("COMFYGATE_GATE_LOG", raising=False)


@pytest.fixture(scope="module")
def gate():
    return schema_gate.Gate()


def changed(value, /, **members):
    return {**copy.deepcopy(value), **members}


def without(value, *names):
    return {name: member for name, member in value.items() if name not in names}


def ended(status, **members):
    return changed(JOB, status=status, phase=None, progress=None,
                   completed_at="2026-11-22T23:07:01.000Z", **members)


def headers(content_type="application/json", **more):
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"X-Request-Id": "r1", "ETag": '"5-0"', "Content-Type": content_type, **named}


def bare(**more):
    return without(headers(**more), "Content-Type")


def body(value):
    return json.dumps(value).encode()


def problem(code="not_found", **members):
    row = SCHEMAS["ProblemCode"]["x-problems"][code]
    return {"type": f"/problems/{code}", "title": row["title"], "status": row["status"],
            "detail": "There is no job of this id.", "code": code, "request_id": "r1", **members}


def problem_headers(**more):
    return without(headers("application/problem+json", **more), "ETag")


# ---- the document


def test_document_is_sound():
    assert schema_gate.document_faults(DOCUMENT) == []


def break_ref(d):
    d["paths"]["/livez"]["get"]["responses"]["default"] = {"$ref": "#/components/responses/Nope"}


def break_schema(d):
    d["components"]["schemas"]["Check"]["properties"]["detail"]["type"] = "text"


def break_open(d):
    del d["components"]["schemas"]["Check"]["additionalProperties"]


def break_example(d):
    d["components"]["schemas"]["Job"]["examples"][0]["status"] = "done"


def break_id(d):
    d["paths"]["/livez"]["get"]["operationId"] = "getJob"


def break_default(d):
    del d["paths"]["/livez"]["get"]["responses"]["default"]


def break_2xx(d):
    del d["paths"]["/livez"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]


def break_summary(d):
    del d["paths"]["/livez"]["get"]["summary"]


def break_key(d):
    d["paths"]["/livez"]["get"]["sumary"] = "x"


def break_required(d):
    d["components"]["schemas"]["Check"]["required"].append("reason")


def break_request_id(d):
    del d["paths"]["/livez"]["get"]["responses"]["200"]["headers"]["X-Request-Id"]


def break_path_parameter(d):
    d["paths"]["/v1/jobs/{job}"] = d["paths"].pop("/v1/jobs/{id}")


def break_unused(d):
    d["components"]["schemas"]["Left"] = {"description": "Nobody names it.", "type": "string"}


@pytest.mark.parametrize("spoil, says", [
    (break_ref, "leads nowhere"),
    (break_schema, "schema Check: no valid JSON Schema"),
    (break_open, "says nothing about additionalProperties"),
    (break_example, "schema Job: example 1 breaks it"),
    (break_id, "'getJob' appears 2 times"),
    (break_default, "its default response is not Problem"),
    (break_2xx, "operation getLiveness has no schema for 200"),
    (break_summary, "no summary"),
    (break_key, "unknown member 'sumary'"),
    (break_required, "requires 'reason'"),
    (break_request_id, "X-Request-Id is not documented"),
    (break_path_parameter, "path parameters are not those of the path"),
    (break_unused, "schemas/Left is used nowhere"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_document_is_refused(spoil, says):
    document = copy.deepcopy(DOCUMENT)
    spoil(document)
    assert says in "\n".join(schema_gate.document_faults(document))


@pytest.mark.parametrize("text, says", [
    ("paths:\n  a: 1\n  a: 2\n", "appears twice"),
    ("responses:\n  200: {}\n", "is no text"),
])
def test_yaml_that_means_something_else_is_refused(tmp_path, text, says):
    path = tmp_path / "openapi.yaml"
    path.write_text(text)
    with pytest.raises(schema_gate.Breach, match=says):
        schema_gate.load_document(path)


def test_json_for_the_program_is_the_document(tmp_path):
    target = tmp_path / "openapi.json"
    subprocess.run([sys.executable, ROOT / "schema/openapi_json.py", schema_gate.DEFAULT_PATH, target],
                   check=True)
    assert schema_gate.strict_json(target.read_bytes()) == DOCUMENT


# ---- the words that the code has too


def rows(path, macro):
    text = (ROOT / path).read_text()
    return [tuple(re.findall(r'"([^"]*)"|\b(\d+)\b|\b(true|false)\b', row))
            for row in re.findall(rf"^{macro}\((.*)\)", text, re.MULTILINE) if '"' in row]


def words(path, macro):
    return [next(text for text, _, _ in row if text) for row in rows(path, macro)]


def test_problem_codes_are_those_of_errors_def():
    in_code = {}
    for row in rows("gateway/base/errors.def", "E"):
        status, code, title = row[0][1], row[1][0], row[2][0]
        in_code[code] = (int(status), title)
    in_schema = {code: (row["status"], row["title"])
                 for code, row in SCHEMAS["ProblemCode"]["x-problems"].items()}
    assert in_schema == in_code
    assert SCHEMAS["ProblemCode"]["enum"] == list(in_code)


def test_states_phases_and_errors_are_those_of_job_def():
    path = "gateway/core/job.def"
    assert SCHEMAS["JobStatus"]["enum"] == words(path, "JOB_STATUS")
    assert SCHEMAS["Job"]["properties"]["phase"]["enum"] == [*words(path, "JOB_PHASE"), None]
    assert SCHEMAS["JobError"]["properties"]["code"]["enum"] == words(path, "JOB_ERROR")


def test_each_state_and_error_is_explained():
    for node in (SCHEMAS["JobStatus"], SCHEMAS["JobError"]["properties"]["code"]):
        assert re.findall(r"^- `(\w+)`", node["description"], re.MULTILINE) == node["enum"]


# ---- good answers pass


LIST = {"data": [JOB], "has_more": True, "next_cursor": "abc"}
READY = SCHEMAS["Readiness"]["examples"][0]
OUTPUT = {
    "id": JOB["id"], "job_id": JOB["id"], "index": 0, "node_id": "2", "name": "blue_00001_.png",
    "type": "image", "content_type": "image/png", "size_bytes": 100, "sha256": "0" * 64,
    "width": 64, "height": 64, "duration_ms": None, "text": None, "primary": True,
    "created_at": "2026-11-22T23:07:01.000Z", "url": OUTPUT_PATH, "thumbnail_url": None}
ERROR = {"code": "out_of_memory", "message": "CUDA out of memory", "node_id": "2",
         "class_type": "KSampler", "node_title": None, "retryable": True}
ASSET_PATH = "/v1/assets/" + JOB["id"]
ASSET = {
    "id": JOB["id"], "name": "a.png", "type": "image", "content_type": "image/png", "size_bytes": 100,
    "sha256": "0" * 64, "width": 64, "height": 64, "duration_ms": None, "created_at": "2026-11-22T23:07:01.000Z",
    "url": ASSET_PATH + "/content"}
FILE_HEADERS = {"Accept_Ranges": "bytes", "X_Content_Type_Options": "nosniff"}
GOOD = [
    ("submitJob", "POST", "/v1/jobs", 202, headers(Location=JOB_PATH), body(JOB)),
    ("submitJob", "POST", "/v1/jobs", 200, headers(Location=JOB_PATH, Idempotent_Replayed="true"),
     body(ended("succeeded", outputs=[OUTPUT]))),
    ("submitJob", "POST", "/v1/jobs", 200, headers(),
     body({"workflow": SUBMISSION["workflow"], "template": None, "input": {}, "seed": None, "problems": []})),
    ("submitJob", "POST", "/v1/jobs", 200, headers(),
     body({"workflow": None, "template": "flux", "input": {}, "seed": None, "problems": []})),
    ("createAsset", "POST", "/v1/assets?name=a.png", 201, headers(Location=ASSET_PATH), body(ASSET)),
    ("createAsset", "POST", "/v1/assets", 200, headers(Location=ASSET_PATH), body(ASSET)),
    ("getAsset", "GET", ASSET_PATH, 200, headers(), body(ASSET)),
    ("deleteAsset", "DELETE", ASSET_PATH, 204, bare(), b""),
    ("getAssetContent", "GET", ASSET_PATH + "/content", 200, headers("image/png", **FILE_HEADERS), b"1234"),
    ("headAssetContent", "HEAD", ASSET_PATH + "/content", 200, headers("image/png", **FILE_HEADERS), b""),
    ("submitJob", "POST", "/v1/jobs", 422, problem_headers(), body(PROBLEM | {"request_id": "r1"})),
    ("submitJob", "POST", "/v1/jobs", 503, problem_headers(Retry_After="5"), body(problem("queue_full"))),
    ("listJobs", "GET", "/v1/jobs?status=queued,running&limit=1&metadata.chat=42&metadata.user=7", 200,
     headers("application/json; charset=utf-8", Link='</v1/jobs?cursor=abc>; rel="next"'), body(LIST)),
    ("getJob", "GET", JOB_PATH + "?wait=60", 200, headers(), body(JOB)),
    ("getJob", "GET", JOB_PATH, 200, headers(), body(ended("failed", error=ERROR))),
    ("getJob", "GET", "http://127.0.0.1:8090" + JOB_PATH, 200, headers(), body(JOB)),
    ("getJob", "GET", JOB_PATH, 200, list(headers().items()), body(JOB)),
    ("getJob", "GET", JOB_PATH, 200, headers(), body(changed(JOB, seed=2**64 - 1))),
    ("getJob", "GET", JOB_PATH, 304, bare(), b""),
    ("getJob", "GET", "/v1/jobs/x", 404, problem_headers(), body(problem())),
    ("getJob", "GET", JOB_PATH, 406, problem_headers(), body(problem("not_acceptable"))),
    ("getJob", "HEAD", JOB_PATH, 200, headers(), b""),
    ("getJob", "HEAD", JOB_PATH, 404, problem_headers(), b""),
    ("updateJob", "PATCH", JOB_PATH, 200, headers(), body(JOB)),
    ("updateJob", "PATCH", JOB_PATH, 412, problem_headers(), body(problem("precondition_failed"))),
    ("deleteJob", "DELETE", JOB_PATH, 204, bare(), b""),
    ("cancelJob", "POST", JOB_PATH + "/cancel", 202, headers(), body(changed(JOB, status="canceling"))),
    ("cancelJob", "POST", JOB_PATH + "/cancel", 200, headers(), body(ended("canceled"))),
    ("retryJob", "POST", JOB_PATH + "/retry", 202, headers(Location=JOB_PATH), body(JOB)),
    ("listJobDeliveries", "GET", JOB_PATH + "/deliveries?state=failed&limit=1", 200,
     headers(Link='</v1/deliveries?cursor=a>; rel="next"'), body({"data": [DELIVERY], "has_more": True, "next_cursor": "a"})),
    ("listDeliveries", "GET", "/v1/deliveries?limit=1", 200, headers(),
     body({"data": [DELIVERY], "has_more": False, "next_cursor": None})),
    ("redeliver", "POST", JOB_PATH + f"/deliveries/{JOB['id']}/redeliver", 202, headers(), body(DELIVERY)),
    ("getJobPreview", "GET", JOB_PATH + "/preview", 200, headers("image/jpeg"), b"\xff\xd8"),
    ("getJobPreview", "GET", JOB_PATH + "/preview", 204, bare(), b""),
    ("getJobWorkflow", "GET", JOB_PATH + "/workflow", 200, headers(), body(SUBMISSION["workflow"])),
    ("listOutputs", "GET", "/v1/outputs?type=image&limit=1", 200, headers(Link='</v1/outputs?cursor=a>; rel="next"'),
     body({"data": [{**OUTPUT, "job_title": None, "template": "flux", "starred": False}], "has_more": True,
           "next_cursor": "a"})),
    ("getOutputThumbnail", "GET", OUTPUT_PATH.replace("content", "thumbnail?size=512"), 200,
     headers("image/webp", **FILE_HEADERS), b"RIFF"),
    ("getOutputRendition", "GET", OUTPUT_PATH.replace("content", "rendition?max_bytes=100000"), 200,
     headers("image/webp", **FILE_HEADERS), b"RIFF"),
    ("getOutputContent", "GET", OUTPUT_PATH + "?download=1", 200,
     headers("video/mp4", **FILE_HEADERS), b"1234"),
    ("getOutputContent", "GET", OUTPUT_PATH, 206,
     headers("image/png", Content_Range="bytes 0-3/100", **FILE_HEADERS), b"1234"),
    ("getOutputContent", "GET", OUTPUT_PATH, 416, problem_headers(Content_Range="bytes */100"),
     body(problem("range_not_satisfiable"))),
    ("headOutputContent", "HEAD", OUTPUT_PATH, 200, headers("image/png", **FILE_HEADERS), b""),
    ("listTemplates", "GET", "/v1/templates?available=true", 200, headers(),
     body({"data": [TEMPLATE], "has_more": False, "next_cursor": None})),
    ("getTemplate", "GET", "/v1/templates/sdxl?expand=options", 200, headers(), body(TEMPLATE_DETAIL)),
    ("reloadTemplates", "POST", "/v1/templates/reload", 200, headers(), body(RELOAD)),
    ("linkOutput", "POST", OUTPUT_PATH.replace("content", "link"), 200, headers(),
     body({"url": OUTPUT_PATH + "?expires=1&signature=a", "expires_at": "2026-11-22T23:07:00.123Z"})),
    ("listPreferences", "GET", "/v1/preferences?prefix=a&limit=2", 200, headers(),
     body({"data": [{"key": "a", "value": {}, "updated_at": "2026-11-22T23:07:00.123Z"}], "has_more": False, "next_cursor": None})),
    ("getPreference", "GET", "/v1/preferences/a", 200, headers(), body({"a": 1})),
    ("putPreference", "PUT", "/v1/preferences/a", 201, headers(), body({"a": 1})),
    ("deletePreference", "DELETE", "/v1/preferences/a", 204, headers(), b""),
    ("listModelFolders", "GET", "/v1/models", 200, headers(),
     body({"data": [{"folder": "loras", "count": 2}], "has_more": False, "next_cursor": None, "complete": True})),
    ("listModels", "GET", "/v1/models/loras?q=a&limit=2", 200, headers(), body(MODELS)),
    ("getEvents", "GET", "/v1/events?types=job.succeeded,backend.*&metadata.chat=7", 200, headers("text/event-stream"),
     b""),
    ("getJobEvents", "GET", JOB_PATH + "/events?after=5&wait=3", 200, headers(),
     body({"data": [EVENT], "next_after": "6", "has_more": False})),
    ("getStats", "GET", "/v1/stats?hours=2", 200, headers(), body(SCHEMAS["Stats"]["examples"][0])),
    ("getMetrics", "GET", "/metrics", 200, headers("text/plain; version=0.0.4; charset=utf-8"), b"comfygate_queue_paused 0\n"),
    ("listBackends", "GET", "/v1/backends", 200, headers(),
     body(BACKENDS)),
    ("drainBackend", "POST", "/v1/backends/gpu0/drain", 200, headers(), body(BACKENDS)),
    ("resumeBackend", "POST", "/v1/backends/gpu0/resume", 200, headers(), body(BACKENDS)),
    ("pauseQueue", "POST", "/v1/queue/pause", 200, headers(), body({**BACKENDS, "paused_since": JOB["created_at"]})),
    ("resumeQueue", "POST", "/v1/queue/resume", 200, headers(), body(BACKENDS)),
    ("listKeys", "GET", "/v1/keys?limit=2", 200, headers(), body({"data": [KEY], "has_more": False, "next_cursor": None})),
    ("createKey", "POST", "/v1/keys", 201, headers(), body({**KEY, "key": "cg_" + "a" * 43})),
    ("revokeKey", "DELETE", f"/v1/keys/{KEY['id']}", 204, headers(), b""),
    ("getSession", "GET", "/v1/session", 200, headers(), body(SESSION)),
    ("startSession", "POST", "/v1/session", 200,
     headers(Set_Cookie="comfygate_session=ab_-; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), body(SESSION)),
    ("endSession", "DELETE", "/v1/session", 204,
     headers(Set_Cookie="comfygate_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"), b""),
    ("getLiveness", "GET", "/livez", 200, headers(), body({"status": "ok"})),
    ("getReadiness", "GET", "/readyz", 200, headers(), body(READY)),
    ("getReadiness", "GET", "/readyz", 503, headers(), body(changed(READY, status="not_ready"))),
    ("getOpenapi", "GET", "/openapi.json", 200, headers(), body(DOCUMENT)),
    ("getDashboard", "GET", "/", 200, headers("text/html; charset=utf-8"), b"<!doctype html>"),
    ("getDashboardFile", "GET", "/ui/0/views/now.js", 200, headers("text/javascript; charset=utf-8"), b""),
    ("getDocs", "GET", "/docs", 200, headers("text/html; charset=utf-8"), b"<!doctype html>"),
    ("getDocsFile", "GET", "/docs/0/page.js", 200, headers("text/javascript; charset=utf-8"), b""),
    (None, "GET", "/v1/nothing", 404, problem_headers(), body(problem())),
    (None, "PUT", JOB_PATH, 405, problem_headers(Allow="GET, HEAD, PATCH, DELETE, OPTIONS"),
     body(problem("method_not_allowed"))),
    (None, "OPTIONS", JOB_PATH + "/cancel", 204, bare(Allow="POST, OPTIONS"), b""),
]


@pytest.mark.parametrize("name, method, path, status, head, data", GOOD)
def test_good_answers_pass(gate, name, method, path, status, head, data):
    assert gate.check(method, path, status, head, data) == name


def test_the_samples_touch_every_operation():
    gate = schema_gate.Gate()
    for _, method, path, status, head, data in GOOD:
        gate.check(method, path, status, head, data)
    assert gate.report_missing() == []


# ---- broken answers do not


def with_progress(**members):
    return changed(JOB, progress=changed(JOB["progress"], **members))


BAD_JOBS = [
    ("a member is missing", without(JOB, "phase"), "'phase' is a required property"),
    ("a member is not documented", changed(JOB, prompt_id="x"), "'prompt_id' was unexpected"),
    ("unknown state", changed(JOB, status="done"), "at /status: 'done' is not one of"),
    ("id in upper case", changed(JOB, id=JOB["id"].upper()), "at /id:"),
    ("id of version 4", changed(JOB, id="0193586e-9c1b-4d44-a3f0-5b1f0e9c2a77"), "at /id:"),
    ("time without milliseconds", changed(JOB, created_at="2026-11-22T23:07:00Z"), "at /created_at:"),
    ("time with an offset", changed(JOB, created_at="2026-11-22T23:07:00.123+00:00"), "at /created_at:"),
    ("newline after a time", changed(JOB, created_at=JOB["created_at"] + "\n"), "at /created_at:"),
    ("month 13", changed(JOB, created_at="2026-13-22T23:07:00.123Z"), "at /created_at:"),
    ("integer as a float", changed(JOB, priority=7.0), "at /priority: 7.0 is not of type 'integer'"),
    ("integer as a boolean", changed(JOB, attempt=True), "at /attempt: True is not of type 'integer'"),
    ("integer as text", changed(JOB, version="4"), "at /version:"),
    ("place 0", changed(JOB, queue_position=0), "at /queue_position: 0 is less than the minimum"),
    ("more than all", with_progress(value=1.01), "at /progress/value: 1.01 is greater"),
    ("half a progress", changed(JOB, progress={"value": 0.5}), "at /progress: "),
    ("absolute url", changed(JOB, urls=changed(JOB["urls"], self="http://h/v1/jobs/x")), "at /urls/self:"),
    ("ended without a time", changed(ended("canceled"), completed_at=None), "at /completed_at:"),
    ("ended, yet in a phase", changed(ended("succeeded"), phase="executing"), "at /phase:"),
    ("ended, yet in the queue", changed(ended("succeeded"), queue_position=1), "at /queue_position:"),
    ("open without a phase", changed(JOB, phase=None), "at /phase:"),
    ("open, yet completed", changed(JOB, completed_at=JOB["created_at"]), "at /completed_at:"),
    ("open, yet with outputs", changed(JOB, outputs=[OUTPUT]), "at /outputs:"),
    ("failed without a reason", ended("failed"), "at /error: None is not of type 'object'"),
    ("succeeded with an error", ended("succeeded", error=ERROR), "at /error:"),
    ("unknown error code", ended("failed", error=changed(ERROR, code="oops")), "at /error/code: 'oops'"),
    ("output of no type", ended("succeeded", outputs=[changed(OUTPUT, type="picture")]), "at /outputs/0/type"),
    ("output without its size", ended("succeeded", outputs=[without(OUTPUT, "size_bytes")]), "'size_bytes'"),
]


@pytest.mark.parametrize("job, says", [row[1:] for row in BAD_JOBS], ids=[row[0] for row in BAD_JOBS])
def test_broken_jobs_are_caught(gate, job, says):
    with pytest.raises(AssertionError) as caught:
        gate.check("GET", JOB_PATH, 200, headers(), body(job))
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"GET {JOB_PATH} (getJob) answered 200: ")


HTML = headers("text/html")
BAD = [
    ("undocumented status", "GET", JOB_PATH, 201, headers(), body(JOB), "documented are only"),
    ("a success is no default", "DELETE", JOB_PATH, 200, bare(), b"", "documented are only"),
    ("unknown path", "GET", "/v1/nothing", 200, headers(), b"{}", "has no such path"),
    ("unknown method", "PUT", JOB_PATH, 200, headers(), body(JOB), "has no such method on /v1/jobs/{id}"),
    ("404 for a method", "PUT", JOB_PATH, 404, problem_headers(), body(problem()), "should be 405"),
    ("405 for a path", "PUT", "/v1/nothing", 405, problem_headers(Allow="GET"),
     body(problem("method_not_allowed")), "should be 404"),
    ("405 without Allow", "PUT", JOB_PATH, 405, problem_headers(), body(problem("method_not_allowed")),
     "header Allow is missing"),
    ("Allow says too little", "OPTIONS", "/livez", 204, bare(Allow="GET, OPTIONS"), b"",
     "documented are GET, HEAD, OPTIONS"),
    ("unknown path without a problem", "GET", "/v1/nothing", 404, HTML, b"<h1>", "Content-Type is 'text/html'"),
    ("failure as a page", "GET", JOB_PATH, 500, HTML, b"<h1>", "Content-Type is 'text/html'"),
    ("no media type", "GET", JOB_PATH, 200, bare(), body(JOB), "Content-Type is missing"),
    ("wrong media type", "GET", JOB_PATH + "/preview", 200, headers("image/gif"), b"GIF", "'image/gif'"),
    ("no request id", "GET", "/livez", 200, without(headers(), "X-Request-Id"), b'{"status":"ok"}',
     "header X-Request-Id is missing"),
    ("two request ids", "GET", "/livez", 200, [*headers().items(), ("x-request-id", "r2")],
     b'{"status":"ok"}', "X-Request-Id came 2 times"),
    ("no ETag", "GET", JOB_PATH, 200, without(headers(), "ETag"), body(JOB), "header ETag is missing"),
    ("ETag without quotes", "GET", JOB_PATH, 200, headers(ETag="5"), body(JOB), "header ETag at"),
    ("weak ETag of bytes", "GET", OUTPUT_PATH, 200, headers("image/png", ETag='W/"1"', **FILE_HEADERS), b"1",
     "header ETag at"),
    ("no Location", "POST", "/v1/jobs", 202, headers(), body(JOB), "header Location is missing"),
    ("no Content-Range", "GET", OUTPUT_PATH, 206, headers("image/png", **FILE_HEADERS), b"1",
     "header Content-Range is missing"),
    ("body with 204", "DELETE", JOB_PATH, 204, bare(), b"gone", "must be no body"),
    ("body with 304", "GET", JOB_PATH, 304, headers(), body(JOB), "must be no body"),
    ("body with HEAD", "HEAD", JOB_PATH, 200, headers(), body(JOB), "must be no body"),
    ("cut JSON", "GET", JOB_PATH, 200, headers(), body(JOB)[:-1], "not valid JSON"),
    ("empty body", "GET", JOB_PATH, 200, headers(), b"", "not valid JSON"),
    ("not UTF-8", "GET", "/livez", 200, headers(), b'{"status":"\xff"}', "not valid JSON"),
    ("lone surrogate", "GET", "/livez", 200, headers(), b'{"status":"\\ud800"}', "not valid JSON"),
    ("duplicate member", "GET", "/livez", 200, headers(), b'{"status":"ok","status":"ok"}',
     "'status' appears twice"),
    ("NaN", "GET", JOB_PATH, 200, headers(), body(with_progress(value=float("nan"))), "NaN is not JSON"),
    ("problem of another status", "GET", JOB_PATH, 400, problem_headers(), body(problem()),
     "problem not_found: status is 404, not 400"),
    ("problem with a code of another status", "GET", JOB_PATH, 400, problem_headers(),
     body(problem(status=400)), "belongs to status 404"),
    ("problem of another type", "GET", JOB_PATH, 404, problem_headers(), body(problem(type="/problems/x")),
     "type is '/problems/x'"),
    ("problem with its own title", "GET", JOB_PATH, 404, problem_headers(), body(problem(title="Gone")),
     "title is 'Gone'"),
    ("problem of another request", "GET", JOB_PATH, 404, problem_headers(), body(problem(request_id="r2")),
     "request_id is 'r2'"),
    ("problem of unknown code", "GET", JOB_PATH, 404, problem_headers(), body(problem() | {"code": "gone"}),
     "at /code: 'gone'"),
    ("problem item without a place", "POST", "/v1/jobs", 422, problem_headers(),
     body(problem("validation_error", errors=[{"code": "x", "detail": "y"}])), "at /errors/0"),
    ("queue full without Retry-After", "POST", "/v1/jobs", 503, problem_headers(),
     body(problem("queue_full")), "needs the header Retry-After"),
    ("more, yet no cursor", "GET", "/v1/jobs", 200, headers(), body(changed(LIST, next_cursor=None)),
     "at /next_cursor"),
    ("no more, yet a cursor", "GET", "/v1/jobs", 200, headers(), body(changed(LIST, has_more=False)),
     "at /next_cursor"),
    ("ready with 503", "GET", "/readyz", 503, headers(), body(READY), "'not_ready' was expected"),
    ("not ready with 200", "GET", "/readyz", 200, headers(), body(changed(READY, status="not_ready")),
     "at /status"),
    ("template of a list with an unknown member", "GET", "/v1/templates", 200, headers(),
     body({"data": [changed(TEMPLATE, path="/srv")], "has_more": False, "next_cursor": None}), "path"),
    ("available, and why not", "GET", "/v1/templates", 200, headers(),
     body({"data": [changed(TEMPLATE, available=True)], "has_more": False, "next_cursor": None}),
     "at /data/0/unavailable_reasons"),
    ("template without its parameters", "GET", "/v1/templates/sdxl", 200, headers(), body(TEMPLATE), "input_schema"),
    ("reload that does not say why", "POST", "/v1/templates/reload", 200, headers(),
     body(changed(RELOAD, broken=[changed(RELOAD["broken"][0], faults=[])])), "at /broken/0/faults"),
    ("model that nobody has", "GET", "/v1/models/loras", 200, headers(),
     body(changed(MODELS, data=[{"name": "a.pt", "backends": []}])), "at /data/0/backends"),
    ("models, and not whether these are all", "GET", "/v1/models/loras", 200, headers(),
     body(without(MODELS, "complete")), "'complete' is a required property"),
    ("more models, yet no cursor", "GET", "/v1/models/loras", 200, headers(), body(changed(MODELS, has_more=True)),
     "at /next_cursor"),
    ("backend url with a password", "GET", "/v1/backends", 200, headers(),
     body({"data": [changed(BACKEND, url="http://u:p@h:1")], "has_more": False, "next_cursor": None}),
     "at /data/0/url"),
    ("neither job nor dry run", "POST", "/v1/jobs", 200, headers(), body(changed(JOB, status="done")),
     "at /status: 'done'"),
    ("another document", "GET", "/openapi.json", 200, headers(), body(changed(DOCUMENT, servers=[])),
     "not schema/openapi.yaml"),
    ("unknown parameter accepted", "GET", "/v1/jobs?foo=1", 200, headers(), body(LIST), "'foo' is not documented"),
    ("bad parameter accepted", "GET", "/v1/jobs?limit=500", 200, headers(), body(LIST), "500 is greater"),
    ("bad state accepted", "GET", "/v1/jobs?status=queued,done", 200, headers(), body(LIST), "'done'"),
    ("parameter accepted twice", "GET", "/v1/jobs?tag=a&tag=b", 200, headers(), body(LIST), "too often"),
    ("metadata without a key accepted", "GET", "/v1/jobs?metadata.=1", 200, headers(), body(LIST),
     "'metadata.' is not documented"),
    ("empty wait accepted", "GET", JOB_PATH + "?wait=", 200, headers(), body(JOB), "parameter wait"),
]


@pytest.mark.parametrize("method, path, status, head, data, says", [row[1:] for row in BAD],
                         ids=[row[0] for row in BAD])
def test_broken_answers_are_caught(gate, method, path, status, head, data, says):
    with pytest.raises(AssertionError) as caught:
        gate.check(method, path, status, head, data)
    assert says in str(caught.value)


@pytest.mark.parametrize("request_body, says", [
    (SUBMISSION, None),
    (body(SUBMISSION), None),
    (json.dumps(SUBMISSION), None),
    (b"", "without a body was accepted"),
    (b"{", "not valid JSON"),
    ({"template": "flux", "input": {"prompt": "a cat"}}, None),
    ({}, "'template' is a required property"),
    (changed(SUBMISSION, template="flux"), "should not be valid"),
    (changed(SUBMISSION, input={}), "should not be valid"),
    ({"template": "flux", "input": []}, "at /input"),
    (changed(SUBMISSION, priority=101), "at /priority"),
    (changed(SUBMISSION, tags=["a", "a"]), "non-unique"),
    (changed(SUBMISSION, title=""), "at /title"),
    (changed(SUBMISSION, metadata={"k": 1}), "at /metadata/k"),
    (changed(SUBMISSION, workflow={"1": {"inputs": {}}}), "'class_type' is a required property"),
], ids=str)
def test_what_was_accepted_is_checked(gate, request_body, says):
    answer = ("POST", "/v1/jobs", 202, headers(Location=JOB_PATH), body(JOB))
    if says is None:
        assert gate.check(*answer, request_body=request_body) == "submitJob"
        return
    with pytest.raises(AssertionError) as caught:
        gate.check(*answer, request_body=request_body)
    assert says in str(caught.value)


def test_what_was_refused_may_be_anything(gate):
    gate.check("POST", "/v1/jobs", 400, problem_headers(), body(problem("malformed_json")), b"{")


@pytest.mark.parametrize("request_body, says", [
    (None, None), (b"", None), ({}, None), ({"seed": 1}, None), ({"seed": "same", "input": {"a": None}}, None),
    ({"seed": "odd"}, "accepted request body"), ({"a": 1}, "accepted request body")], ids=str)
def test_retry_may_ask_for_changes(gate, request_body, says):
    answer = ("POST", JOB_PATH + "/retry", 202, headers(Location=JOB_PATH), body(JOB), request_body)
    if says is None:
        gate.check(*answer)
        return
    with pytest.raises(AssertionError, match=says):
        gate.check(*answer)


def test_an_answer_seen_before_is_still_checked_for_its_headers(gate):
    gate.check("GET", JOB_PATH, 200, headers(), body(JOB))
    with pytest.raises(AssertionError, match="header ETag is missing"):
        gate.check("GET", JOB_PATH, 200, without(headers(), "ETag"), body(JOB))


# ---- coverage


def test_only_a_success_of_its_own_method_counts():
    gate = schema_gate.Gate()
    gate.check("GET", JOB_PATH, 404, problem_headers(), body(problem()))
    gate.check("HEAD", JOB_PATH, 200, headers(), b"")
    assert gate.report_missing(["getJob"]) == ["getJob"]
    gate.check("GET", JOB_PATH, 200, headers(), body(JOB))
    assert gate.report_missing(["getJob"]) == []
    assert "submitJob" in gate.report_missing()
    assert ("getJob", "304") in gate.report_unseen_statuses()


def test_a_breach_is_no_coverage():
    gate = schema_gate.Gate()
    with pytest.raises(AssertionError):
        gate.check("GET", "/livez", 200, headers(), b"{}")
    assert "getLiveness" in gate.report_missing()


def verify(log, *options):
    return subprocess.run([sys.executable, schema_gate.__file__, "--verify", log, *options],
                          stdout=subprocess.PIPE, text=True, check=False)


def test_logs_of_several_processes_add_up(tmp_path, monkeypatch):
    log = tmp_path / "gate.jsonl"
    monkeypatch.setenv("COMFYGATE_GATE_LOG", str(log))
    outputs = []
    for part in (GOOD[:20], GOOD[20:]):
        gate = schema_gate.Gate()
        for _, method, path, status, head, data in part * 2:
            gate.check(method, path, status, head, data)
        outputs.append(verify(log))
    half, both = outputs
    assert half.returncode == 1
    assert "gate: never exercised: listBackends (GET /v1/backends)" in half.stdout
    assert both.returncode == 0, both.stdout
    lines = log.read_text().splitlines()
    assert len(lines) <= len(GOOD), "each kind of answer once per process"
    assert json.loads(lines[0]) == {"operation": "submitJob", "method": "POST", "status": 202}
    every = verify(log, "--every-status")
    assert every.returncode == 1
    assert "gate: never seen: getOutputContent 304" in every.stdout


def test_no_log_is_no_coverage(tmp_path):
    result = verify(tmp_path / "none")
    assert result.returncode == 1
    assert "no test used the gate" in result.stdout


def test_verify_names_a_success_without_a_schema(tmp_path):
    text = pathlib.Path(schema_gate.DEFAULT_PATH).read_text()
    spoiled = tmp_path / "openapi.yaml"
    spoiled.write_text(text.replace('schema: {$ref: "#/components/schemas/Liveness"}', "example: {}"))
    result = verify(os.devnull, "--schema", spoiled)
    assert result.returncode == 1
    assert "operation getLiveness has no schema for 200" in result.stdout
