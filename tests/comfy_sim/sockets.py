"""WebSocket delivery: the table clientId -> one socket, and the ONE coroutine that writes to them all.

Both weaknesses of the original are kept, because the gateway has to live with them: closing any socket of a
clientId removes the table entry of that id, even if it belongs to a successor; and a socket that does not read
stops the delivery to every other one.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, Dict, List, Optional

from aiohttp import web

from comfy_sim.faults import FaultPlan, Subject
from comfy_sim.reorder import Shuffler

PREVIEW_IMAGE = 1
TEXT = 3
PREVIEW_IMAGE_WITH_METADATA = 4


class Message:
    """One message on its way: JSON (`type`, `data`) or a binary frame (`type` is then "preview" or "text")."""

    __slots__ = ("type", "data", "frame", "client_id", "prompt_id", "subject")

    def __init__(self, kind: str, data: Any, client_id: Optional[str], *, frame: Optional[bytes] = None,
                 prompt_id: Optional[str] = None, subject: Optional[Subject] = None) -> None:
        self.type = kind
        self.data = data
        self.frame = frame
        self.client_id = client_id
        self.prompt_id = prompt_id
        self.subject = subject


def preview_frame(image: bytes, image_format: str) -> bytes:
    return struct.pack(">II", PREVIEW_IMAGE, 2 if image_format == "PNG" else 1) + image


def preview_frame_with_metadata(image: bytes, metadata: Dict[str, Any]) -> bytes:
    head = json.dumps(metadata).encode()
    return struct.pack(">II", PREVIEW_IMAGE_WITH_METADATA, len(head)) + head + image


def text_frame(node_id: str, text: str) -> bytes:
    node = node_id.encode()
    return struct.pack(">II", TEXT, len(node)) + node + text.encode()


class Sockets:
    """Belongs to one life of the server: a restart makes a new one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, faults: FaultPlan) -> None:
        self._loop = loop
        self._faults = faults
        self._queue: "asyncio.Queue[Message]" = asyncio.Queue()
        self._shuffler = Shuffler(faults)
        self._sent: Dict[int, int] = {}
        self.table: Dict[str, web.WebSocketResponse] = {}
        self.flags: Dict[str, Dict[str, Any]] = {}

    def post(self, message: Message) -> None:
        """Queue a message; callable from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, message)
        except RuntimeError:
            pass  # the loop is closed: the process is ending

    def post_raw(self, client_id: Optional[str], text: str, frame: Optional[bytes]) -> None:
        """Queue a message that is not what it should be: any text, or any binary frame."""
        self.post(Message("junk", text, client_id, frame=frame))

    def register(self, client_id: str, socket: web.WebSocketResponse) -> None:
        self.table[client_id] = socket
        self.flags[client_id] = {}

    def unregister(self, client_id: str) -> None:
        self.table.pop(client_id, None)
        self.flags.pop(client_id, None)

    def wants_metadata(self, client_id: Optional[str]) -> bool:
        flags = self.flags.get(client_id, {}) if client_id is not None else {}
        return flags.get("supports_preview_metadata") is True

    async def deliver_forever(self) -> None:
        while True:
            message = await self._queue.get()
            for ready in self._shuffler.pass_through(message):
                await self.deliver(ready)

    async def deliver(self, message: Message) -> None:
        if message.client_id is None:
            targets = list(self.table.values())
        else:
            socket = self.table.get(message.client_id)
            targets = [socket] if socket is not None else []
        if not targets:
            return
        delay = self._strike("ws_delay_ms", message)
        if delay:
            await asyncio.sleep(delay.get("ms", 0) / 1000)
        text = self._text(message)
        for socket in targets:
            if self._strike("ws_swallow", message):
                continue
            for _ in range(2 if self._strike("ws_duplicate", message) else 1):
                await self._write(socket, message, text)

    @staticmethod
    def _text(message: Message) -> Optional[str]:
        if message.frame is not None:
            return None
        return message.data if message.type == "junk" else json.dumps({"type": message.type, "data": message.data})

    def _strike(self, kind: str, message: Message) -> Any:
        if not self._faults.has(kind):
            return None
        types = (lambda value: value in (None, "all") or message.type == value
                 or (isinstance(value, list) and message.type in value))
        return self._faults.strike(kind, message.subject, types=types)

    async def _write(self, socket: web.WebSocketResponse, message: Message, text: Optional[str]) -> None:
        try:
            if text is None:
                await socket.send_bytes(message.frame)
            else:
                await socket.send_str(text)
        except (ConnectionError, RuntimeError):
            return  # the peer is gone; its handler will notice
        if self._faults.has("ws_drop_after"):
            await self._drop_if_due(socket, message)

    async def _drop_if_due(self, socket: web.WebSocketResponse, message: Message) -> None:
        sent = self._sent[id(socket)] = self._sent.get(id(socket), 0) + 1
        fault = self._faults.strike(
            "ws_drop_after", message.subject,
            messages=lambda value: value is None or sent == value,
            event=lambda value: value is None or value == message.type,
        )
        if fault is None:
            return
        if fault.get("mode", "abort") == "close":
            await socket.close()
        else:
            self.cut(socket)

    def cut(self, socket: web.WebSocketResponse) -> None:
        """End the TCP connection without a close frame."""
        transport = socket._req.transport if socket._req is not None else None
        if transport is not None:
            transport.abort()

    def cut_all(self, client_id: Optional[str] = None) -> int:
        sockets: List[web.WebSocketResponse] = [
            socket for key, socket in self.table.items() if client_id in (None, key)
        ]
        for socket in sockets:
            self.cut(socket)
        return len(sockets)
