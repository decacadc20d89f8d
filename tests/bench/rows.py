"""What is measured. Each function measures one promise and tells it as rows."""
import dataclasses
import json
import statistics
import time
import urllib.request



from tests.bench import filling, stand

import graphs  # of tests/api, which stand.py has made known

ROUNDS = 3


@dataclasses.dataclass
class Effort:
    """How much time is spent to be sure."""

    seconds: int  # of a run with load
    rounds: int  # the gateway and its floor by turns; the medians count

    def by_turns(self, one, other):
        pairs = [(one(), other()) for _ in range(self.rounds)]
        return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


@dataclasses.dataclass
class Row:
    name: str
    value: float
    unit: str
    floor: float | None = None  # the same of the floor, when there is one
    limit: float = 0.0  # of the ratio, or of the value when there is no floor
    at_most: bool = False  # else at least

    @property
    def judged(self):
        return self.value / self.floor if self.floor else self.value

    @property
    def is_met(self):
        return self.judged <= self.limit if self.at_most else self.judged >= self.limit


def submission():
    """Most of what people send is their graph."""
    graph = graphs.picture()
    body = {"workflow": graph, "metadata": {"user": "somebody"}}
    graph["1"]["_meta"]["title"] = "x" * (stand.SUBMISSION_BYTES - len(json.dumps(body, separators=(",", ":"))))
    return json.dumps(body, separators=(",", ":"))


def submit(gateway, body=None):
    answer = gateway.request("POST", "/v1/jobs", body=(body or submission()).encode(),
                             headers={"Content-Type": "application/json"})
    assert answer.status == 202, answer
    return answer.json()


def ended_job(gateway):
    """One that was canceled before it ran: an ended job that no ComfyUI is needed for."""
    job = submit(gateway)
    gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
    return job["id"]


def script_of_paths(place, paths):
    """For wrk: each request asks for another of them."""
    listed = ",".join(f'"{path}"' for path in paths)
    return place.file(f"""local paths = {{{listed}}}
local at = 0
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
""", f"paths-{len(paths)}-{time.monotonic_ns()}.lua")


def script_of_post(place, body, path="/v1/jobs"):
    quoted = body.replace("\\", "\\\\").replace("'", "\\'")
    return place.file(f"""wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{quoted}'
""", f"post-{time.monotonic_ns()}.lua")


def reads(place, effort):
    """Open jobs, old jobs, and answers 304, against a floor that answers the same bytes."""
    gateway = place.gateway()
    opened = [submit(gateway)["id"] for _ in range(100)]
    body = gateway.request("GET", f"/v1/jobs/{opened[0]}").body
    etag = gateway.request("GET", f"/v1/jobs/{opened[0]}").header("ETag")
    floor = place.floor("answers", place.file(body))
    original = ended_job(gateway)
    gateway.stop()
    old = filling.fill(gateway.data_dir / "comfygate.db", original, 100_000)
    gateway.start()
    one_of_many = script_of_paths(place, [f"/v1/jobs/{each}" for each in opened])
    from_store = script_of_paths(place, [f"/v1/jobs/{each}" for each in old[::10]])
    rows = []
    for name, script, headers, path, limit in (
            ("read an open job", one_of_many, (), "", 0.7),
            ("read an old job from the store", from_store, (), "", 0.4),
            ("304 of an unchanged job", None, [("If-None-Match", etag)], f"/v1/jobs/{opened[0]}", 0.8)):
        value, base = effort.by_turns(lambda s=script, h=headers, p=path: stand.wrk(gateway.url + p, effort.seconds, s, h)[0],
                               lambda s=script, h=headers: stand.wrk(floor.url, effort.seconds, s, h)[0])
        rows.append(Row(name, value, "/s", base, limit))
    gateway.stop()
    return rows


def submissions(place, effort):
    """Durable submissions, against a floor that only commits them in groups."""
    gateway = place.gateway()
    body = submission()
    answer = json.dumps(submit(gateway)).encode()
    script = script_of_post(place, body)
    floor = place.floor("commits", place.path / "floor.db", place.file(answer))
    value, base = effort.by_turns(lambda: stand.wrk(gateway.url, effort.seconds, script)[0],
                           lambda: stand.wrk(floor.url, effort.seconds, script)[0])
    gateway.stop()
    return [Row("durable submissions of 2 KiB", value, "/s", base, 0.7)]


def whole_jobs(place, effort):
    """From the first byte sent to the last byte of the picture, against a program that speaks to ComfyUI itself."""
    sim = place.sim(step_ms=0)
    gateway = place.gateway(backends=f"gpu0={sim.url}")
    graph = graphs.picture(color=0)
    graph["1"]["inputs"]["color"] = "@N@"
    text = json.dumps(graph).replace('"@N@"', "@N@")
    graph_file = place.file(text.replace('"test"', '"direct/@N@"'))
    body_file = place.file(json.dumps({"workflow": "@G@"}).replace('"@G@"', text))
    count = 40 * effort.seconds

    def through(jobs, at_once):
        return stand.client("gateway", gateway.url, body_file, jobs, at_once)

    def direct(jobs, at_once):
        return stand.client("direct", sim.url, graph_file, jobs, at_once)

    through(20, 1)
    direct(20, 1)
    one = effort.by_turns(lambda: through(count // 2, 1)["p50"], lambda: direct(count // 2, 1)["p50"])
    many = effort.by_turns(lambda: count / through(count, 64)["seconds"], lambda: count / direct(count, 64)["seconds"])
    gateway.stop()
    return [Row("one job at a time", one[0] * 1000, "ms", one[1] * 1000, 1.5, at_most=True),
            Row("jobs, 64 at a time", many[0], "/s", many[1], 0.9)]


CROWD = 9000


def wait_for_crowd(pid):
    """Until the last of them is parked, which shows in processor time that stays."""
    seen = -1.0
    while seen != stand.cpu_seconds(pid):
        seen = stand.cpu_seconds(pid)
        time.sleep(1)


def crowd_of(place, server, request, text, go):
    """(bytes each, seconds from `go` to the last, processor seconds while they wait)"""
    before = stand.resident_kib(server.pid)
    crowd = stand.Crowd(server.port, CROWD, place.file(request), text)
    wait_for_crowd(server.pid)
    each = (stand.resident_kib(server.pid) - before) * 1024 / CROWD
    cpu = stand.cpu_seconds(server.pid)
    time.sleep(2)
    cpu = stand.cpu_seconds(server.pid) - cpu
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    go()
    return each, crowd.end()["last"] - began, cpu


def waiters(place, _effort):
    """Clients that wait for the end of one job."""
    gateway = place.gateway(server_max_waiters=CROWD + 100, server_max_connections=CROWD + 500)
    job = submit(gateway)
    request = f"GET /v1/jobs/{job['id']}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n"
    each, last, cpu = crowd_of(place, gateway, request, "HTTP/1.1 200",
                               lambda: gateway.request("POST", f"/v1/jobs/{job['id']}/cancel"))
    floor = place.floor("waits", place.file(json.dumps(job)))
    floor_each, floor_last, _ = crowd_of(
        place, floor, "GET / HTTP/1.1\r\nHost: floor\r\n\r\n", "HTTP/1.1 200",
        lambda: urllib.request.urlopen(urllib.request.Request(floor.url, data=b"go", method="POST")).read())
    gateway.stop()
    return [Row(f"{CROWD:,} waiting clients, each", each, "bytes", None, 8192, at_most=True),
            Row("the same, floor", floor_each, "bytes", None, 8192, at_most=True),
            Row(f"{CROWD:,} waiting clients, the last woken after", last, "s", None, 0.2, at_most=True),
            Row("the same, floor", floor_last, "s", None, 0.2, at_most=True),
            Row("processor while they wait 2 s", cpu, "s", None, 0.05, at_most=True)]


def streams(place, _effort):
    """Readers of events."""
    gateway = place.gateway(events_max_streams=CROWD + 100, server_max_connections=CROWD + 500)
    job = submit(gateway)
    request = f"GET /v1/jobs/{job['id']}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
    _, last, _ = crowd_of(place, gateway, request, "job.canceled",
                          lambda: gateway.request("POST", f"/v1/jobs/{job['id']}/cancel"))
    gateway.stop()
    return [Row(f"{CROWD:,} readers of events, the last told after", last, "s", None, 0.5, at_most=True)]


def start(place, effort):
    """With 100,000 jobs in the store, of which a tenth wait."""
    gateway = place.gateway()
    idle = stand.resident_kib(gateway.pid) / 1024
    waiting, ended = submit(gateway)["id"], ended_job(gateway)
    gateway.stop()
    database = gateway.data_dir / "comfygate.db"
    filling.fill(database, ended, 90_000)
    filling.fill(database, waiting, 10_000, older=False)
    took = []
    for _ in range(effort.rounds):
        began = time.monotonic()
        gateway.start()
        assert gateway.request("GET", f"/v1/jobs/{waiting}").status == 200
        took.append(time.monotonic() - began)
        gateway.stop()
    return [Row("start to the first answer, 100,000 jobs", statistics.median(took), "s", None, 0.1, at_most=True),
            Row("memory while idle", idle, "MiB", None, 20, at_most=True)]


def large_store(place, effort):
    """A million jobs: lists, and what a submission costs."""
    few = place.gateway()
    many = place.gateway()
    script = script_of_post(place, submission())
    for gateway, count in ((few, 1000), (many, 1_000_000)):
        original = ended_job(gateway)
        gateway.stop()
        filling.fill(gateway.data_dir / "comfygate.db", original, count)
        gateway.start()
    took = []
    for number in range(100):
        began = time.monotonic()
        path = ("/v1/jobs?status=canceled&limit=50", "/v1/jobs?metadata.user=nobody", "/v1/jobs?template=none")[number % 3]
        assert many.request("GET", path).status == 200
        took.append(time.monotonic() - began)
    cost, base = effort.by_turns(lambda: 1e6 / stand.wrk(many.url, effort.seconds, script)[0], lambda: 1e6 / stand.wrk(few.url, effort.seconds, script)[0])
    few.stop()
    many.stop()
    return [Row("list with a filter, 1,000,000 jobs", statistics.median(took) * 1000, "ms", None, 10, at_most=True),
            Row("a submission with 1,000,000 jobs stored, against 1,000", cost, "µs", base, 1.2, at_most=True)]


PARTS = {"reads": reads, "submissions": submissions, "jobs": whole_jobs, "waiters": waiters, "streams": streams,
         "start": start, "store": large_store}
