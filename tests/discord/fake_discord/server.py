"""The process: four ports (REST with the CDN, Gateway, Gateway for RESUME, control) around one world."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from typing import Awaitable, Callable, List, Optional

from aiohttp import web

from fake_discord.cdn import PATHS, Cdn
from fake_discord.control import Control
from fake_discord.endpoint import Endpoint
from fake_discord.gateway import Gateway
from fake_discord.limits import Limits
from fake_discord.openapi import Spec
from fake_discord.rest import Rest
from fake_discord.routes import Routes
from fake_discord.state import Interaction, World

BODY_MAX = 64 << 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ports:
    """Some ports with one handler; they can be closed as if the process had died, and opened again."""

    def __init__(self, handler: Handler, numbers: List[int]) -> None:
        self._handler = handler
        self.numbers = numbers
        self._runner: Optional[web.AppRunner] = None
        self._listeners: List[socket.socket] = []

    async def open(self) -> None:
        if self._runner is not None:
            return
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_route("*", "/{tail:.*}", self._handler)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=600)
        await self._runner.setup()
        for index, number in enumerate(self.numbers):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", number))
            self.numbers[index] = listener.getsockname()[1]
            self._listeners.append(listener)
            await web.SockSite(self._runner, listener, backlog=1024, shutdown_timeout=0.1).start()

    async def kill(self) -> None:
        """Nothing says goodbye. What was accepted but not yet set up is let in first, else it would hang for ever."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        for connection in list(runner.server.connections) if runner.server else []:
            if connection.transport is not None:
                connection.transport.abort()
        self._listeners = []
        await runner.cleanup()  # closes the listeners


class Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self.world = World(options.token, options.check_answers)
        self.spec = Spec()
        self.limits = Limits(self.world.clock)
        self.gateway = Gateway(self.world)
        self.endpoint = Endpoint(self.world, self.spec)
        self._cdn = Cdn(self.world)
        self._rest = Rest(self.world, self.spec, self.limits, Routes(self.world, self.gateway.info).handlers)
        self.rest_ports = Ports(self._handle_rest, [options.port])
        self.gateway_ports = Ports(self.gateway.handle, [0, 0])
        self.control_ports = Ports(Control(self).handle, [0])
        self.world.deliver = self._deliver

    async def start(self) -> None:
        for ports in (self.rest_ports, self.gateway_ports, self.control_ports):
            await ports.open()
        main, resume = self.gateway_ports.numbers
        self.world.rest_url = f"http://127.0.0.1:{self.rest_ports.numbers[0]}"
        self.gateway.urls = {"main": f"ws://127.0.0.1:{main}", "resume": f"ws://127.0.0.1:{resume}"}
        self.gateway.resume_port = resume

    def addresses(self) -> dict:
        return {"rest": self.world.rest_url + "/api/v10", "gateway": self.gateway.urls["main"],
                "resume": self.gateway.urls["resume"], "control": f"http://127.0.0.1:{self.control_ports.numbers[0]}",
                "token": self.world.token, "application_id": self.world.application_id,
                "bot_id": self.world.bot.id, "public_key": self.endpoint.public_key}

    async def _handle_rest(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(PATHS) and request.method in ("GET", "HEAD"):
            return await self._cdn.handle(request)
        return await self._rest.handle(request)

    def _deliver(self, interaction: Interaction) -> None:
        loop = asyncio.get_running_loop()
        if self.endpoint.url is not None:
            loop.create_task(self.endpoint.send(interaction))
        else:
            self.gateway.dispatch_interaction(interaction)
        loop.call_later(self.world.settings["answer_limit"] + 0.05, self._look_after, interaction)

    def _look_after(self, interaction: Interaction) -> None:
        """The user sees now that nobody has answered."""
        if interaction.answers:
            return
        self.world.unanswered.append(interaction.id)
        interaction.is_over = True
        if interaction.sent_to is not None and interaction.sent_to.is_open:
            self.world.breach("UNANSWERED", f"interaction {interaction.id}: {interaction.payload['data']}",
                              interaction=interaction.id)
        self.world.touch(interaction)

    async def stop(self) -> None:
        await self.endpoint.close()
        for ports in (self.gateway_ports, self.rest_ports, self.control_ports):
            await ports.kill()


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input ends when whoever holds its other end does."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        _watch_parent(loop, stop)
    server = Server(options)
    await server.start()
    print(json.dumps(server.addresses()), flush=True)
    await stop.wait()
    await server.stop()


def main(argv: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="fake_discord", description="A stand-in for Discord, on loopback, for tests. "
                                     "Prints its addresses as one line of JSON.")
    parser.add_argument("--port", type=int, default=0, help="of REST and CDN; 0 takes a free one")
    parser.add_argument("--token", default="MTA.fake.bot-token", help="the bot's")
    parser.add_argument("--check-answers", action="store_true", help="hold the fake's own answers to the OpenAPI file")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input reaches its end")
    options = parser.parse_args(sys.argv[1:] if argv is None else argv)
    for name in ("aiohttp.server", "aiohttp.web"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1 if not os.environ.get("FAKE_DISCORD_DEBUG") else 0)
    asyncio.run(serve(options))
    return 0
