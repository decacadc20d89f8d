"""Clients that go on submitting while everything around them dies, and remember what they were promised."""
import http.client
import random
import threading
import time
import uuid

import graphs
from stage import ENDED

# What a client sees when the gateway is killed under it, or is not there.
GONE = (OSError, http.client.HTTPException)


class Promise:
    """A job that was answered with 202, and what must come of it."""

    def __init__(self, job, kind):
        self.id = job["id"]
        self.kind = kind
        self.is_cancel_asked = False
        self.end = None  # the first end that anybody saw

    def saw(self, job):
        """An end never changes, whoever dies meanwhile."""
        if job["status"] not in ENDED:
            assert self.end is None, f"{self.id} had ended as {self.end} and is {job['status']} now"
            return
        end = (job["status"], job["error"] and job["error"]["code"], [output["id"] for output in job["outputs"]])
        assert self.end in (None, end), f"{self.id} had ended as {self.end} and has ended as {end} now"
        self.end = end


class Load:
    """`clients` threads submit until stop(); each repeats a submission under its Idempotency-Key until it is answered."""

    def __init__(self, stage, seed, clients=4, open_jobs=12, kinds=("picture", "steps", "failing", "cancel")):
        self.stage = stage
        self.promises = {}
        self.replays = 0
        self.unanswered = 0
        self.errors = []
        self._kinds = kinds
        self._open_jobs = open_jobs // clients
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/{number}"),), daemon=True)
                         for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Ends the submitting. What is open stays open."""
        self._is_stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"
        self.check()

    def check(self):
        if self.errors:
            raise self.errors[0]

    def settle(self, timeout=60):
        """Waits until every promise is kept; then each must be what it was promised to be."""
        until = time.monotonic() + timeout
        for promise in list(self.promises.values()):
            while promise.end is None:
                left = until - time.monotonic()
                assert left > 0, f"{promise.id} ({promise.kind}) hangs: {self.stage.job({'id': promise.id})}"
                promise.saw(self.stage.job({"id": promise.id}, wait=max(1, min(10, int(left)))))

    # ---- one client

    def _run(self, rng):
        try:
            mine = []
            while not self._is_stopping.is_set():
                if len(mine) < self._open_jobs:
                    promise = self._submit(rng)
                    if promise is not None:
                        mine.append(promise)
                self._look(rng, mine)
                mine = [promise for promise in mine if promise.end is None]
        except BaseException as error:  # told by check(), in the main thread
            self.errors.append(error)

    def _graph(self, kind, rng):
        if kind == "steps" or kind == "cancel":
            return graphs.steps(rng.randint(1, 6), ms=rng.randint(1, 10))
        if kind == "failing":
            return graphs.failing(message="as it should")
        return graphs.picture()

    def _submit(self, rng):
        kind = rng.choice(self._kinds)
        body = {"workflow": self._graph(kind, rng), "max_attempts": 5, "priority": rng.randint(-2, 2)}
        headers = {"Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))}
        while not self._is_stopping.is_set():
            try:
                answer = self.stage.gateway.request("POST", "/v1/jobs", json=body, headers=headers)
            except GONE:
                self.unanswered += 1
                time.sleep(0.01)
                continue
            if answer.status == 503:
                time.sleep(0.01)
                continue
            assert answer.status in (200, 202), (answer.status, answer.body)
            job = answer.json()
            with self._lock:
                assert job["id"] not in self.promises, "two submissions got one job"
                self.replays += answer.header("Idempotent-Replayed") == "true"
                return self.promises.setdefault(job["id"], Promise(job, kind))
        return None

    def _look(self, rng, mine):
        if not mine:
            return
        promise = rng.choice(mine)
        try:
            if promise.kind == "cancel" and rng.random() < 0.3:
                promise.is_cancel_asked = True
                self.stage.gateway.request("POST", f"/v1/jobs/{promise.id}/cancel")
            answer = self.stage.gateway.request("GET", f"/v1/jobs/{promise.id}" + rng.choice(["", "?wait=1"]))
        except GONE:
            time.sleep(0.01)
            return
        if answer.status == 200:
            promise.saw(answer.json())
        else:
            assert answer.status == 503, (answer.status, answer.body)
