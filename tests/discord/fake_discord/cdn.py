"""Files: what was sent up, under addresses that are signed and expire."""

from __future__ import annotations

import asyncio

from aiohttp import web

from fake_discord.faults import Fault
from fake_discord.state import Attachment, World

PATHS = ("/attachments/", "/ephemeral-attachments/")
GONE = b"This content is no longer available."


class Cdn:
    def __init__(self, world: World) -> None:
        self._world = world

    async def handle(self, request: web.Request) -> web.StreamResponse:
        entry = {"at": self._world.clock.real(), "virtual": self._world.clock.now(), "method": request.method,
                 "path": request.path, "query": dict(request.query), "route": "CDN", "status": None, "code": None,
                 "json": None, "files": []}
        self._world.journal.append(entry)
        response = await self._answer(request)
        entry["status"] = response.status
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self._world.breach("AUTHORIZATION", f"{request.path}: the bot's token has no business at the CDN")
        attachment = self._world.attachments.get(request.path.split("/")[3] if request.path.count("/") == 4 else "")
        fault = self._world.faults.strike("cdn_expired", "cdn_slow", "cdn_cut", "cdn_html", "cdn_huge",
                                          "cdn_redirect")
        if fault is not None and fault.name == "cdn_expired":
            return web.Response(status=fault.get("status", 404), body=GONE, content_type="text/plain")
        if attachment is None or not self._is_signed(request):
            return web.Response(status=404, body=GONE, content_type="text/plain")
        if fault is not None:
            return await self._misbehave(request, attachment, fault)
        return web.Response(body=attachment.data, content_type=attachment.content_type)

    def _is_signed(self, request: web.Request) -> bool:
        expires, issued = request.query.get("ex", ""), request.query.get("is", "")
        if request.query.get("hm") != self._world.signature(request.path, expires, issued):
            return False
        return int(expires, 16) > self._world.clock.now()

    @staticmethod
    async def _misbehave(request: web.Request, attachment: Attachment, fault: Fault) -> web.StreamResponse:
        if fault.name == "cdn_html":
            return web.Response(text="<html><body>Something is wrong here.</body></html>", content_type="text/html")
        if fault.name == "cdn_redirect":
            return web.Response(status=302, headers={"Location": fault.get("url", "http://127.0.0.1:1/elsewhere")})
        response = web.StreamResponse(headers={"Content-Type": attachment.content_type})
        if fault.name == "cdn_huge":
            response.enable_chunked_encoding()
            await response.prepare(request)
            left = int(fault.get("bytes", 256 << 20))
            while left > 0:
                await response.write(bytes(min(left, 1 << 16)))
                left -= 1 << 16
            return response
        response.content_length = len(attachment.data)
        await response.prepare(request)
        first = int(fault.get("bytes", 1000))
        await response.write(attachment.data[:first])
        if fault.name == "cdn_cut":
            request.transport and request.transport.abort()
            return response
        await asyncio.sleep(float(fault.get("seconds", 30)))
        await response.write(attachment.data[first:])
        return response
