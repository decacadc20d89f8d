"""What happens to every request before its route: counting, HTTP faults, the origin check."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Optional
from urllib.parse import urlsplit

from aiohttp import web

from comfy_sim.execution import LifeEnded
from comfy_sim.faults import Fault, FaultPlan
from comfy_sim.routes.base import Cut, Handler, sim_of


def plain_path(path: str) -> str:
    """Without the /api prefix, so that a fault or a counter covers both forms. /api/jobs has only one form."""
    return path[4:] if path.startswith("/api/") and not path.startswith("/api/jobs") else path


def _counted_path(path: str) -> str:
    """/history/<id> and the like are one line of the statistics."""
    parts = plain_path(path).split("/")
    for index, part in enumerate(parts):
        if index >= 2 and parts[1] == "history" or index >= 3 and parts[2:3] == ["jobs"] and part != "cancel":
            parts[index] = "{id}"
    return "/".join(parts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def foreign_origin(request: web.Request) -> bool:
    """A page of another site asks this loopback server: the original refuses."""
    host = urlsplit("//" + request.headers.get("Host", ""))
    origin = urlsplit(request.headers.get("Origin", ""))
    if not host.hostname or not origin.hostname or not _is_loopback(host.hostname):
        return False
    return (origin.hostname, origin.port or 80) != (host.hostname, host.port or 80)


async def _http_fault(request: web.Request, faults: FaultPlan) -> Optional[web.Response]:
    path = plain_path(request.path)
    here = {
        "path": lambda value: path.startswith(plain_path(value or "/")),
        "method": lambda value: value is None or value == request.method,
    }
    delay: Optional[Fault] = faults.strike("http_delay", None, **here)
    if delay:
        await asyncio.sleep(delay.get("ms", 0) / 1000)
    hang = faults.strike("http_hang", None, **here)
    if hang:
        await asyncio.sleep(hang.get("ms", 3600000) / 1000)
        raise Cut("close")
    fail = faults.strike("http_fail", None, **here)
    if fail is None:
        return None
    if fail.get("mode"):
        raise Cut(fail.get("mode"))
    return web.Response(status=fail.get("status", 500), text=fail.get("body", "comfy-sim: fault plan\n"),
                        content_type=fail.get("content_type", "text/plain"))


def _cut(request: web.Request, how: str) -> None:
    """End the TCP connection: `reset` at once, `close` after what was written."""
    transport = request.transport
    if transport is not None:
        transport.abort() if how == "reset" else transport.close()


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    sim = sim_of(request)
    if foreign_origin(request):
        return web.Response(status=403)
    if sim.options.traits.fetch_site_check and request.headers.get("Sec-Fetch-Site") == "cross-site":
        return web.Response(status=403)
    faulty = await _http_fault(request, sim.faults)
    if faulty is not None:
        return faulty
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith("/sim/"):
        return await handler(request)
    sim = sim_of(request)
    path = _counted_path(request.path)
    sim.journal.request_begins(request.method, path, request.headers.get("Origin"), request.headers.get("traceparent"))
    status = "500"
    try:
        response = await _answer(request, handler)
        status = str(response.status)
        return response
    except (Cut, LifeEnded) as cut:
        status = "cut"
        _cut(request, getattr(cut, "how", "reset"))
        # Nothing of this reaches the peer, but aiohttp wants something to return.
        return web.Response(status=500)
    except web.HTTPException as error:
        status = str(error.status)
        raise
    except asyncio.CancelledError:
        status = "gone"
        raise
    finally:
        sim.journal.request_ends(request.method, path, status)
