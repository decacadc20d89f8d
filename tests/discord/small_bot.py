"""A bot of the smallest kind: it speaks to the fake as a test tells it, rightly or wrongly."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
import urllib.parse
from typing import Any, Dict, Iterable, List, Optional, Tuple

import aiohttp

AGENT = "DiscordBot (https://example.org, 1.0)"
NOBODY = {"allowed_mentions": {"parse": []}}
BOUNDARY = "b7d1"


class Answer:
    def __init__(self, status: int, headers: Dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        return self.json()["code"]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:400]!r}>"


def form(payload: Any, files: Iterable[Tuple[str, str, bytes]], payload_type: str = "application/json") -> bytes:
    """multipart/form-data; files are (name of the part, name of the file, bytes)."""
    body = b""
    if payload is not None:
        body += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="payload_json"\r\n'
                 f"Content-Type: {payload_type}\r\n\r\n").encode() + json.dumps(payload).encode() + b"\r\n"
    for name, filename, data in files:
        body += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n").encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


class Bot:
    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self._host = urllib.parse.urlsplit(fake.rest_url).netloc

    def request(self, method: str, path: str, body: Any = None, files: Iterable[Tuple[str, bytes]] = (),
                auth: Optional[str] = "", agent: Optional[str] = AGENT, raw: Optional[bytes] = None,
                content_type: str = "application/json", base: str = "/api/v10", timeout: float = 20) -> Answer:
        """`auth`: "" = as the route wants it, None = without."""
        headers = {}
        if agent is not None:
            headers["User-Agent"] = agent
        if auth == "":
            auth = None if path.startswith(("/webhooks", "/interactions")) else f"Bot {self.fake.token}"
        if auth is not None:
            headers["Authorization"] = auth
        files = list(files)
        if files:
            raw = form(body, [(f"files[{index}]", name, data) for index, (name, data) in enumerate(files)])
            content_type = f"multipart/form-data; boundary={BOUNDARY}"
        elif body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPConnection(self._host, timeout=timeout)
        try:
            connection.putrequest(method, base + path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if raw is not None:
                connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def fetch(self, url: str, timeout: float = 10) -> Answer:
        """A file of the CDN."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    # -- what bots do ---------------------------------------------------------------------------------------------

    def register(self, *commands: Dict[str, Any]) -> Answer:
        return self.request("PUT", f"/applications/{self.fake.application_id}/commands", list(commands))

    def answer(self, interaction: Any, kind: int, data: Any = None, **more: Any) -> Answer:
        body = {"type": kind} if data is None else {"type": kind, "data": data}
        return self.request("POST", f"/interactions/{interaction.id}/{interaction.token}/callback", body, **more)

    def say(self, interaction: Any, content: str, **more: Any) -> Answer:
        return self.answer(interaction, 4, {"content": content, **NOBODY, **more})

    def original(self, interaction: Any) -> str:
        return f"/webhooks/{self.fake.application_id}/{interaction.token}/messages/@original"

    def edit(self, interaction: Any, body: Dict[str, Any], **more: Any) -> Answer:
        return self.request("PATCH", self.original(interaction), {**NOBODY, **body}, **more)

    def follow_up(self, interaction: Any, body: Dict[str, Any], **more: Any) -> Answer:
        return self.request("POST", f"/webhooks/{self.fake.application_id}/{interaction.token}", {**NOBODY, **body},
                            **more)

    def post(self, channel: str, body: Dict[str, Any], **more: Any) -> Answer:
        return self.request("POST", f"/channels/{channel}/messages", {**NOBODY, **body}, **more)

    def edit_in(self, channel: str, message: str, body: Dict[str, Any], **more: Any) -> Answer:
        return self.request("PATCH", f"/channels/{channel}/messages/{message}", {**NOBODY, **body}, **more)


class Socket:
    """A connection to the Gateway, read by a thread of its own."""

    def __init__(self, url: str, query: str = "/?v=10&encoding=json", agent: Optional[str] = AGENT) -> None:
        self.received: List[Dict[str, Any]] = []
        self.code: Optional[int] = None
        self.error: Optional[BaseException] = None
        self._url = url + query
        self._headers = {} if agent is None else {"User-Agent": agent}
        self._skip = ["User-Agent"] if agent is None else []
        self._loop = asyncio.new_event_loop()
        self._socket: Any = None
        self._parting: Any = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()
        self._opened.wait(10)
        if self.error is not None:
            raise self.error

    async def _run(self) -> None:
        try:
            async with aiohttp.ClientSession(skip_auto_headers=self._skip) as session:
                async with session.ws_connect(self._url, headers=self._headers, max_msg_size=0) as socket:
                    self._socket = socket
                    self._opened.set()
                    async for message in socket:
                        self._keep(message)
                    if self._parting is not None:
                        await self._parting
                    self.code = socket.close_code
        except aiohttp.ClientError as error:
            self.error = error
        finally:
            self._opened.set()

    def _keep(self, message: aiohttp.WSMessage) -> None:
        try:
            self.received.append(json.loads(message.data))
        except ValueError:
            self.received.append({"op": None, "raw": message.data})

    def send(self, payload: Any) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        asyncio.run_coroutine_threadsafe(self._socket.send_str(text), self._loop).result(10)

    def close(self, code: int = 4000) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._part, code)
        self._thread.join(10)

    def _part(self, code: int) -> None:
        self._parting = self._parting or self._loop.create_task(self._socket.close(code=code))

    def wait(self, op: Any = 0, event: Optional[str] = None, count: int = 1, timeout: float = 5.0) -> Dict[str, Any]:
        """The count-th payload of that kind."""
        until = time.monotonic() + timeout
        while True:
            found = [item for item in self.received if item["op"] == op and event in (None, item.get("t"))]
            if len(found) >= count:
                return found[count - 1]
            if time.monotonic() > until:
                raise TimeoutError(f"op {op} {event}: not within {timeout} s; {self.received}; closed {self.code}")
            time.sleep(0.005)

    def wait_closed(self, timeout: float = 10.0) -> Optional[int]:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the socket is still open"
        return self.code

    # -- what bots do ---------------------------------------------------------------------------------------------

    def identify(self, token: str, **more: Any) -> Dict[str, Any]:
        """READY's data."""
        self.wait(10)
        self.send({"op": 2, "d": {"token": token, "intents": 0, **more,
                                  "properties": {"os": "linux", "browser": "test", "device": "test"}}})
        return self.wait(0, "READY")["d"]

    def resume(self, token: str, session_id: str, seq: int) -> None:
        self.wait(10)
        self.send({"op": 6, "d": {"token": token, "session_id": session_id, "seq": seq}})

    def beat(self, seq: Optional[int] = None) -> None:
        self.send({"op": 1, "d": seq})
