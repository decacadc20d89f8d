"""GET /ws."""

from __future__ import annotations

import json
import uuid

from aiohttp import WSMsgType, web

from comfy_sim.routes.base import Cut, Route, life_of, sim_of
from comfy_sim.routes.info import feature_flags
from comfy_sim.sockets import Message


async def websocket(request: web.Request) -> web.StreamResponse:
    sim, life = sim_of(request), life_of(request)
    refusal = sim.faults.strike("ws_refuse")
    if refusal:
        sim.journal.ws_refusal()
        status = refusal.get("status", 403)
        if status == "reset":
            raise Cut("reset")
        return web.Response(status=status)
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    client_id = request.query.get("clientId", "")
    if client_id:
        life.sockets.unregister(client_id)
    else:
        client_id = uuid.uuid4().hex
    life.sockets.register(client_id, socket)
    sim.journal.ws_opens(id(socket), client_id)
    try:
        await _greet(request, client_id)
        await _listen(request, socket, client_id)
    finally:
        life.sockets.unregister(client_id)
        sim.journal.ws_closes(id(socket), socket.close_code, "peer" if not life.ended.is_set() else "restart")
    return socket


async def _greet(request: web.Request, client_id: str) -> None:
    life = life_of(request)
    await life.sockets.deliver(Message("status", {"status": life.status(), "sid": client_id}, client_id))
    if life.client_id == client_id and life.last_node_id is not None:
        await life.sockets.deliver(Message("executing", {"node": life.last_node_id}, client_id))


async def _listen(request: web.Request, socket: web.WebSocketResponse, client_id: str) -> None:
    """Only the first JSON object of a connection means anything, and only if it declares feature flags."""
    life = life_of(request)
    first = True
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            continue
        try:
            body = json.loads(message.data)
        except json.JSONDecodeError:
            continue
        if not isinstance(body, dict):
            continue
        if first and body.get("type") == "feature_flags" and life.traits.preview_metadata:
            if client_id in life.sockets.flags:
                life.sockets.flags[client_id] = body.get("data", {})
            await life.sockets.deliver(Message("feature_flags", feature_flags(life.options), client_id))
        first = False


ROUTES = [Route("GET", "/ws", websocket)]
