"""Webhooks to receivers that fail, hang, hang up, ask for patience and want no more, while the gateway is killed again and again: of
each event that is in the store its receiver has got the message, signed, with the same bytes however often it came."""
import collections
import contextlib
import http.client
import sqlite3
import threading
import time
import uuid

import graphs
from receivers import SECRET, Receiver
from stage import eventually

EVENTS = ["job.queued", "job.started", "job.output", "job.succeeded"]
JOBS = 500  # four messages each
RECEIVERS = 6
KILLS = 25
CLIENTS = 4
MANNERS = [500, 502, 404, (429, {"Retry-After": "1"}), (503, {"Retry-After": "0"}), ("close",), ("reset",), ("hang",), (302, {"Location": "/"}),
           ("huge", 500, 1 << 20)]
PATIENCE = 240  # seconds until all has arrived


def manners(rng):
    """How a receiver treats the messages of one job: up to three mishaps, then it takes all; or it wants none."""
    if rng.random() < 0.05:
        return [410]
    return [rng.choice(MANNERS) for _ in range(rng.choice([0, 1, 1, 2, 3]))] + [200]


class Clients:
    """Each submits its share, and goes on asking until it is answered: the gateway dies meanwhile."""

    def __init__(self, stage, hooks):
        self.jobs = {}  # job -> (receiver, path)
        self.errors = []
        self._stage = stage
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(hooks[number::CLIENTS],), daemon=True) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self, hooks):
        try:
            for receiver, path in hooks:
                self._submit(receiver, path)
                time.sleep(0.01)
        except Exception as error:  # told by the test
            self.errors.append(error)

    def _submit(self, receiver, path):
        body = {"workflow": graphs.picture(), "webhook": {"url": receiver.url + path, "secret": SECRET, "events": EVENTS}}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self._stage.gateway.request("POST", "/v1/jobs", json=body, headers=key)
                if answer.status in (200, 202):
                    with self._lock:
                        self.jobs[answer.json()["id"]] = (receiver, path)
                    return
                assert answer.status == 503, answer
            assert time.monotonic() < until
            time.sleep(0.05)

    @property
    def are_done(self):
        return not any(thread.is_alive() for thread in self._threads)


def stored(stage):
    """Of each message: its job, type, state and the number of its event; and the events that jobs have had."""
    with contextlib.closing(sqlite3.connect(stage.gateway.data_dir / "comfygate.db")) as db:
        messages = {row[0]: row[1:] for row in db.execute("SELECT id, job_id, event_type, state, event_seq FROM delivery")}
        events = set(db.execute("SELECT job_id, seq FROM event WHERE job_id IS NOT NULL AND type IN (?, ?, ?, ?)", EVENTS))
    return messages, events


def check(messages, events, heard, jobs):
    """None missing, none made up."""
    assert {(job, seq) for job, _, _, seq in messages.values()} == events
    assert len(messages) == len(events), "an event has two messages"
    assert {job for job, _, _, _ in messages.values()} == set(jobs)
    for id_, (job, type_, state, _) in messages.items():
        copies = heard[id_]
        if state == "gone":
            continue
        assert state == "delivered" and copies, (id_, job, type_, state)
        assert len({message.body for message in copies}) == 1
        event = copies[-1].json()
        assert (event["job_id"], event["type"], copies[-1].path) == (job, type_, jobs[job][1])


def test_webhooks(campaign):
    rng = campaign.random
    count, kills = campaign.count(JOBS, least=20), campaign.count(KILLS, least=2)
    stage = campaign.stage(sim={"step_ms": 0}, backend_slots=4, webhook_allow="127.0.0.1", webhook_pause_ms=50, webhook_timeout_ms=1000)
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(Receiver()) for _ in range(RECEIVERS)]
        hooks = []
        for number in range(count):
            receiver = rng.choice(receivers)
            receiver.plan(f"/{number}", manners(rng))
            hooks.append((receiver, f"/{number}"))
        clients = Clients(stage, hooks)
        for _ in range(kills):
            time.sleep(rng.uniform(0.1, 1.0))
            stage.gateway.kill()
            stage.gateway.start()
        eventually(lambda: clients.are_done, timeout=PATIENCE)
        assert clients.errors == [] and len(clients.jobs) == count
        for job in clients.jobs:
            stage.finish({"id": job}, timeout=60)
        eventually(lambda: stage.gateway.json("GET", "/v1/deliveries?state=pending&limit=1")["data"], lambda data: data == [],
                   timeout=PATIENCE, every=0.2)
        heard = collections.defaultdict(list)
        for message in (message for receiver in receivers for message in receiver.all):
            message.verify()
            heard[message.id].append(message)
        messages, events = stored(stage)
        check(messages, events, heard, clients.jobs)
        assert stage.gateway.json("GET", "/v1/deliveries?state=failed")["data"] == []
    assert stage.gateway.stop() == 0
    campaign.report("messages", len(messages), jobs=count, kills=kills, tries=sum(map(len, heard.values())),
                    gone=sum(state == "gone" for _, _, state, _ in messages.values()))
