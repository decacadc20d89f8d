"""Files of jobs on their way into a ComfyUI that is slow, loses its socket, or refuses: each node gets its own picture,
and nobody else's job suffers."""
import time

import files
import graphs
from stage import eventually, stages  # noqa: F401  (stages is a fixture)

RED, GREEN = (250, 0, 0), (0, 250, 0)


def pair(stage):
    """The assets of two pictures."""
    return [files.upload(stage.gateway, files.picture(color, size=(32, 32))) for color in (RED, GREEN)]


def submit(stage, first, second):
    answer = stage.gateway.request("POST", "/v1/jobs", json={
        "template": "test-edit",
        "input": {"image": f"asset:{first['id']}", "image2": f"asset:{second['id']}", "strength": 0}})
    assert answer.status == 202, answer
    return answer.json()


def colors(stage, job):
    """Of both pictures, side by side in the result."""
    done = stage.finish(job)
    sheet = files.look(stage.content(next(output for output in done["outputs"] if output["primary"])))
    assert sheet.size == (64, 32)
    return [sheet.getpixel((x, 16)) for x in (16, 48)]


def open_anew(stage):
    opened = stage.backend()["ws"]["connections_opened"]
    stage.sim.ws_drop()
    stage.backend(lambda b: b["ws"]["connections_opened"] > opened and b["ws"]["connected"])


def requests_held(stage):
    return stage.sim.faults_seen()["http_delay"][0]["struck"]


def test_two_jobs_that_bring_the_same_two_files_at_once(stages):
    stage = stages(backend_slots=2)
    first, second = pair(stage)
    stage.sim.faults({"http_delay": {"path": "/upload", "ms": 300}})
    jobs = [submit(stage, first, second) for _ in range(2)]
    assert [colors(stage, job) for job in jobs] == [[RED, GREEN]] * 2


def test_a_socket_that_opens_anew_during_an_upload(stages):
    """What is behind it may have lost all files: none that was sent before counts, and no name goes to another file."""
    stage = stages()
    first, second = pair(stage)
    stage.sim.faults({"http_delay": {"path": "/upload", "ms": 1500, "after": 1}})
    job = submit(stage, first, second)
    eventually(lambda: requests_held(stage) == 1)
    open_anew(stage)
    assert colors(stage, job) == [RED, GREEN]


def test_a_refusal_after_the_socket_has_opened_anew(stages):
    """ComfyUI does not take the prompt, and by then nothing is known to be inside."""
    stage = stages()
    first, second = pair(stage)
    stage.sim.faults({"http_delay": {"path": "/prompt", "method": "POST", "ms": 1500, "count": 1},
                      "prompt_refuse": {"status": 400, "count": 1}})
    job = submit(stage, first, second)
    eventually(lambda: requests_held(stage) == 1)
    open_anew(stage)
    assert colors(stage, job) == [RED, GREEN]


def test_cancel_during_an_upload(stages):
    """Nothing of the job is inside yet: it ends at once, and the ComfyUI is not blamed for what it was never asked."""
    stage = stages(backend_cancel_ms=1000)
    stage.sim.faults({"http_delay": {"path": "/upload", "ms": 8000}})
    other = stage.submit(graphs.steps(60, ms=50))
    job = submit(stage, *pair(stage))
    eventually(lambda: requests_held(stage) == 1)
    began = time.monotonic()
    stage.cancel(job)
    stage.finish(job, "canceled")
    assert time.monotonic() - began < 0.9
    assert stage.finish(other)["attempt"] == 1
    assert stage.gateway_log("backend_stalled") == [] and stage.backend()["status"] == "up"
