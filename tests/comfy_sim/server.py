"""The process: one listening socket, one aiohttp application, one life after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import Optional

from aiohttp import web

from comfy_sim.faults import FaultPlan
from comfy_sim.folders import Folders
from comfy_sim.journal import Journal
from comfy_sim.life import Life
from comfy_sim.middleware import around
from comfy_sim.options import Options
from comfy_sim.routes import add_routes

#: deep chains of nodes are walked recursively
_RECURSION_LIMIT = 20000
_WORKER_STACK = 64 * 1024 * 1024


class Sim:
    """What outlives a simulated restart: options, files, fault plan, journal and the port."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = FaultPlan(options.faults)
        self.journal = Journal(options.keep, options.log_file)
        self.folders = Folders(options)
        self.life: Life
        self._runner: web.AppRunner
        self._site: Optional[web.SockSite] = None
        self._listener: Optional[socket.socket] = None
        self._restarting: Optional["asyncio.Task[None]"] = None

    async def start(self) -> None:
        app = web.Application(client_max_size=self.options.max_body, middlewares=[around])
        app["sim"] = self
        add_routes(app, self.options.traits)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=3630)
        await self._runner.setup()
        self.life = Life(self, asyncio.get_running_loop())
        await self._listen()

    async def _listen(self) -> None:
        listener = socket.socket(socket.AF_INET6 if ":" in self.options.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.options.host, self.options.port))
        self.options.port = listener.getsockname()[1]
        self._listener = listener
        self._site = web.SockSite(self._runner, listener, backlog=1024, shutdown_timeout=0.1)
        await self._site.start()

    @property
    def url(self) -> str:
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"http://{host}:{self.options.port}"

    def restart_soon(self, down_ms: float, delay: float) -> None:
        """`delay` lets the answer of the admin request out."""
        self._restarting = asyncio.get_running_loop().create_task(self._restart(down_ms, delay))

    async def _restart(self, down_ms: float, delay: float) -> None:
        await asyncio.sleep(delay)
        self.life.end()
        await self._close_port()
        self.journal.restarted()
        await asyncio.sleep(down_ms / 1000)
        self.folders.reset()
        self.life = Life(self, asyncio.get_running_loop())
        await self._listen()

    async def _close_port(self) -> None:
        """Refuse new connections and cut the old ones.

        Accepting stops first and the accepted ones are let in: asyncio forgets, without closing it, a connection
        that it has accepted but not yet set up when its listener is closed, and the peer would wait for ever.
        """
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        self.cut_connections()
        await self._site.stop()
        self.cut_connections()

    def cut_connections(self) -> None:
        """Every TCP connection ends without a farewell, as when a process dies."""
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        self.life.end()
        self.cut_connections()
        await self._runner.cleanup()
        self.folders.close()


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input ends when whoever holds its other end does."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()


async def serve(options: Options) -> None:
    sys.setrecursionlimit(_RECURSION_LIMIT)
    threading.stack_size(_WORKER_STACK)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        _watch_parent(loop, stop)
    sim = Sim(options)
    try:
        await sim.start()
    except OSError:
        sim.folders.close()
        raise
    print(f"comfy-sim listening on {sim.url}", flush=True)
    await stop.wait()
    await sim.stop()
