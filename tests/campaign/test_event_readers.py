"""Very many listeners, one of each job, across two restarts of the gateway: each gets every durable event of its job
once and in order; ComfyUI does not notice them; those that stop reading harm nobody."""
import asyncio
import contextlib
import json
import resource
import socket
import sqlite3
import time

import graphs
from stage import ENDED

READERS = 1000
STOPPED = 50


def allow_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Reader:
    """What an EventSource does: reads, and comes back with the id of the last event whenever it is cut off."""

    def __init__(self, port, job):
        self.port = port
        self.job = job
        self.last_id = "0"
        self.events = []  # durable ones, as (id, type)
        self.connections = 0
        self.is_over = False

    async def listen(self):
        while not self.is_over:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._read_once()
            await asyncio.sleep(0 if self.is_over else 0.1)

    async def _read_once(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write((f"GET /v1/jobs/{self.job}/events HTTP/1.1\r\nHost: localhost\r\n"
                          f"Last-Event-ID: {self.last_id}\r\n\r\n").encode())
            status = await reader.readuntil(b"\r\n")
            if not status.startswith(b"HTTP/1.1 200"):
                assert b" 503 " in status, status  # it is stopping
                return
            await reader.readuntil(b"\r\n\r\n")
            self.connections += 1
            await self._read_events(reader)
        finally:
            writer.close()

    async def _read_events(self, reader):
        buffer = b""
        while True:
            size = int((await reader.readuntil(b"\r\n")), 16)
            buffer += (await reader.readexactly(size + 2))[:size]
            if size == 0:
                return
            *blocks, buffer = buffer.split(b"\n\n")
            for block in blocks:
                self._take(block.decode())

    def _take(self, block):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return
        event = json.loads(fields["data"])
        assert event["job_id"] == self.job and event["type"] == fields["event"] and event["type"] != "reset"
        if event["id"] is not None:
            self.events.append((int(event["id"]), event["type"]))
        self.is_over |= event["type"] == "end"


def stopped_reader(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def stored_events(stage):
    """job -> [(id, type)] as the store has them."""
    events = {}
    with contextlib.closing(sqlite3.connect(stage.gateway.data_dir / "comfygate.db")) as db:
        for seq, job, type_ in db.execute("SELECT seq, job_id, type FROM event WHERE job_id IS NOT NULL ORDER BY seq"):
            events.setdefault(job, []).append((seq, type_))
    return events


async def until_over(stage, readers, count, tasks):
    """Until so many readers have seen the end of their jobs."""
    while sum(reader.is_over for reader in readers) < count:
        for task in tasks:
            if task.done() and task.exception():
                raise task.exception()
        await asyncio.sleep(0.05)


async def listen_all(stage, readers, rng):
    """Starts and stops on the main thread: the kernel ends a gateway with the thread that started it."""
    tasks = [asyncio.create_task(reader.listen()) for reader in readers]
    await until_over(stage, readers, len(readers) // 4, tasks)
    stage.gateway.kill()
    await asyncio.sleep(rng.random())
    stage.gateway.start()
    await until_over(stage, readers, len(readers) * 3 // 5, tasks)
    stage.gateway.restart()
    await asyncio.gather(*tasks)


def test_event_readers(campaign):
    count = campaign.count(READERS, least=300)
    allow_descriptors()
    stage = campaign.stage(sim={"step_ms": 0}, backend_slots=4, events_stall_seconds=3)
    jobs = [stage.submit(graphs.steps(2, ms=10), metadata={"padding": "x" * 1000}) for _ in range(count)]
    stopped = [stopped_reader(stage.gateway.port) for _ in range(STOPPED)]
    readers = [Reader(stage.gateway.port, job["id"]) for job in jobs]
    began = time.monotonic()
    asyncio.run(listen_all(stage, readers, campaign.random))
    took = time.monotonic() - began
    stored = stored_events(stage)
    for reader in readers:
        assert reader.events == stored[reader.job], (reader.job, reader.events, stored[reader.job])
        types = [type_ for _, type_ in reader.events]
        assert types.count("job.queued") == types.count("job.succeeded") == 1 and types[-1] == "job.succeeded"
    assert all(stage.job(job)["status"] in ENDED for job in jobs)
    assert stage.sim.log()["ws_opened"] == 3, "one connection to ComfyUI in each life of the gateway"
    for sock in stopped:
        sock.close()
    assert stage.gateway.stop() == 0
    campaign.report("readers", count, connections=sum(reader.connections for reader in readers), stopped=STOPPED,
                    durable_events=sum(len(events) for events in stored.values()), seconds=round(took, 1))
