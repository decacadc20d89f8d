"""Many small jobs through one gateway and one ComfyUI: one socket, one run each, and no memory that grows."""
import concurrent.futures

import checker
import graphs

JOBS = 10000
USERS = 10


def memory_kib(pid, name):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {name}")


def is_sanitized(pid):
    """Sanitizers map terabytes of shadow, and keep freed memory in quarantine."""
    return memory_kib(pid, "VmSize") > 1 << 30


class Kept:
    """What checker wants to know of promises."""

    kind, is_cancel_asked = "picture", False

    def __init__(self, job):
        self.id = job["id"]
        self.end = (job["status"], job["error"] and job["error"]["code"], [])


class Users:
    def __init__(self, jobs):
        self.promises = {job["id"]: Kept(job) for job in jobs}


def test_many_jobs(campaign):
    count = campaign.count(JOBS, least=1000) // USERS
    stage = campaign.stage(sim={"step_ms": 0})

    def user(_number):
        jobs = [stage.submit(graphs.picture()) for _ in range(count)]
        return [stage.finish(job, timeout=600) for job in jobs]

    stage.finish(stage.submit(graphs.picture()))
    before = memory_kib(stage.gateway.pid, "VmRSS")
    with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
        ended = [job for jobs in pool.map(user, range(USERS)) for job in jobs]
    grown = memory_kib(stage.gateway.pid, "VmRSS") - before
    assert stage.sim.log()["ws_opened"] == 1
    assert grown < 65536 or is_sanitized(stage.gateway.pid), f"{grown} KiB more than before"
    assert stage.gateway.stop() == 0
    users = Users(ended)
    ran = checker.executions(stage, users)
    stored = checker.store(stage, users)
    checker.log(stage)
    campaign.report("jobs", len(ended), **ran, **stored, grown_kib=grown)
