"""A WebSocket client for synchronous tests: connects, keeps all that it is sent, answers questions about it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any, Callable, Dict, List, Optional

import aiohttp


class Listener:
    """One socket, read by a thread of its own. `messages` are dicts; binary frames have the type "binary"."""

    def __init__(self, url: str, client_id: str = "test", first: Optional[dict] = None) -> None:
        self.messages: List[Dict[str, Any]] = []
        self.close_code: Optional[int] = None
        self.error: Optional[BaseException] = None
        self._url = f"{url}/ws?clientId={client_id}"
        self._first = first
        self._opened = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._socket: Optional[aiohttp.ClientWebSocketResponse] = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()
        self._opened.wait(10)
        if self.error is not None:
            raise self.error

    async def _run(self) -> None:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(self._url, max_msg_size=0) as socket:
                self._socket = socket
                if self._first is not None:
                    await socket.send_json(self._first)
                self._opened.set()
                async for message in socket:
                    self._keep(message)
                self.close_code = socket.close_code
        except aiohttp.ClientError as error:
            self.error = error
        finally:
            self._opened.set()

    def _keep(self, message: aiohttp.WSMessage) -> None:
        if message.type == aiohttp.WSMsgType.BINARY:
            self.messages.append({"type": "binary", "data": message.data})
            return
        try:
            self.messages.append(json.loads(message.data))
        except ValueError:
            self.messages.append({"type": "junk", "data": message.data})

    @property
    def open(self) -> bool:
        return self._thread.is_alive()

    def types(self) -> List[str]:
        """Message types in order; the end of a job (`executing` of no node) is `done`."""
        return ["done" if message["type"] == "executing" and message["data"].get("node", "") is None
                else message["type"] for message in self.messages]

    def wait(self, condition: Callable[["Listener"], Any], timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s: {self.types()[-20:]}")
            time.sleep(0.005)

    def wait_for(self, kind: str, count: int = 1, timeout: float = 10.0) -> None:
        self.wait(lambda listener: listener.types().count(kind) >= count, timeout)

    def wait_closed(self, timeout: float = 10.0) -> None:
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError("the socket is still open")

    def close(self) -> None:
        if self._thread.is_alive() and self._socket is not None:
            asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop).result(10)
        self._thread.join(10)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
