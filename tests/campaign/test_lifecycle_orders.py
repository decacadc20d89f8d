"""All orders of the 8 lifecycle messages of a prompt, and all subsets of them, lead to the state that history tells.

The messages: status, execution_start, execution_cached, executing, progress, executed, the final one (execution_success,
_error or _interrupted) and `executing` of no node. The double runs the prompt, writes history as ever, and only the
messages are held back, shuffled or left out.

Orders run with a good prompt; subsets with one of each outcome; a sample of the orders with the bad outcomes too.
"""
import concurrent.futures
import itertools
import json
import math

import graphs
from stage import ENDED

LABELS = ("status", "execution_start", "execution_cached", "executing", "progress", "executed", "final", "done")
OUTCOMES = {
    "good": lambda mark: graphs.steps(1, ms=0, mark=mark),
    "failing": lambda mark: graphs.failing(message="as history tells", mark=mark),
    "interrupted": lambda mark: graphs.interrupting(mark),
}
PAIRS = 3  # doubles, each with a gateway of its own
BATCH = 64


def case(kind, values, outcome, number):
    """One prompt: its mark, its graph and its fault."""
    mark = f"case-{number}-"
    key = "order" if kind == "ws_reorder" else "labels"
    return {"mark": mark, "outcome": outcome, "graph": OUTCOMES[outcome](mark), "kind": kind, "values": list(values),
            "fault": {key: list(values), "match": mark, "count": 1}}


def all_cases(campaign):
    orders = list(itertools.permutations(LABELS))
    assert len(orders) == math.factorial(8)
    if campaign.scale < 1:
        orders = campaign.random.sample(orders, campaign.count(len(orders), least=2000))
    subsets = [subset for size in range(9) for subset in itertools.combinations(LABELS, size)]
    assert len(subsets) == 256
    plan = [("ws_reorder", order, "good") for order in orders]
    plan += [("ws_reorder", order, outcome) for outcome in ("failing", "interrupted")
             for order in campaign.random.sample(orders, min(len(orders), campaign.count(4000, least=100)))]
    plan += [("ws_only", subset, outcome) for outcome in OUTCOMES for subset in subsets]
    campaign.random.shuffle(plan)
    return [case(*each, number) for number, each in enumerate(plan)]


class Lane:
    """One gateway with one double, through which batches go."""

    def __init__(self, stage):
        self.stage = stage
        self._read_to = 0
        self._prompts = {}  # job id -> prompt ids under which it was accepted

    def _read_prompts(self):
        with open(self.stage.sim_log_path("gpu0"), encoding="utf-8") as file:
            file.seek(self._read_to)
            for line in file.readlines():
                entry = json.loads(line)
                if entry["event"] == "accepted":
                    job = entry["extra_data"]["comfygate"]["job_id"]
                    self._prompts.setdefault(job, []).append(entry["prompt_id"])
            self._read_to = file.tell()

    def as_history_tells(self, job):
        """The end that ComfyUI's own history entry means, computed here from scratch."""
        prompts = self._prompts.get(job["id"], [])
        assert len(prompts) == 1, f"the job was sent {len(prompts)} times"
        entry = self.stage.sim.get(f"/history/{prompts[0]}")[prompts[0]]
        last = entry["status"]["messages"][-1][0]
        names = sorted(each["filename"] for output in entry["outputs"].values() for each in output.get("images", []))
        return {"execution_success": ("succeeded", None, names),
                "execution_error": ("failed", "node_execution_error", []),
                "execution_interrupted": ("failed", "interrupted", [])}[last]

    def run(self, batch):
        plan = {}
        for each in batch:
            plan.setdefault(each["kind"], []).append(each["fault"])
        self.stage.sim.faults(plan)
        jobs = [self.stage.submit(each["graph"]) for each in batch]
        ended = [self.stage.gateway.json("GET", f"/v1/jobs/{job['id']}?wait=60") for job in jobs]
        self._read_prompts()
        for each, job in zip(batch, ended):
            self._check(each, job)
        struck = [fault["struck"] for faults in self.stage.sim.faults_seen().values() for fault in faults]
        assert struck == [1] * len(batch), "a fault did not strike"
        return len(batch)

    def _check(self, each, job):
        what = f"{each['kind']} {each['values']} ({each['outcome']})"
        assert job["status"] in ENDED, f"{what}: hangs as {job['status']}, {job['phase']}"
        seen = (job["status"], job["error"] and job["error"]["code"], sorted(o["name"] for o in job["outputs"]))
        assert seen == self.as_history_tells(job), f"{what}: ended as {seen}"
        assert job["attempt"] == 1, f"{what}: ran in {job['attempt']} attempts"


def test_lifecycle_orders(campaign):
    cases = all_cases(campaign)
    lanes = [Lane(campaign.stage(sim={"step_ms": 0}, backend_status_ms=5000)) for _ in range(PAIRS)]
    batches = [cases[start:start + BATCH] for start in range(0, len(cases), BATCH)]

    def run(share):
        return sum(lanes[share].run(batch) for batch in batches[share::PAIRS])

    with concurrent.futures.ThreadPoolExecutor(PAIRS) as pool:
        done = sum(pool.map(run, range(PAIRS)))
    assert done == len(cases)
    orders = sum(each["kind"] == "ws_reorder" for each in cases)
    sockets = [lane.stage.sim.log()["ws_opened"] for lane in lanes]
    campaign.report("prompts", done, orders=orders, subsets=done - orders, sockets=sockets)
