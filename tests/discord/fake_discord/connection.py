"""One WebSocket of the Gateway."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple

from aiohttp import WSMsgType, web

from fake_discord.faults import Fault
from fake_discord.state import Interaction

MESSAGE_MAX = 4096
EVENTS_MAX, EVENTS_SECONDS = 120, 60.0
BEAT_GRACE = 1.5
STALE_GRACE = 2.0
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
INTENTS_MAX = 1 << 26
HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME = 1, 2, 3, 4, 6
RECONNECT, MEMBERS, INVALID, HELLO, ACK = 7, 8, 9, 10, 11


def frame(payload: bytes, opcode: int, is_last: bool) -> bytes:
    """An unmasked WebSocket frame."""
    head = bytes([(0x80 if is_last else 0) | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + bytes([126]) + size.to_bytes(2, "big") + payload
    return head + bytes([127]) + size.to_bytes(8, "big") + payload


class Connection:
    def __init__(self, gateway: Any, request: web.Request) -> None:
        self.gateway = gateway
        self.world = gateway.world
        self.request = request
        self.socket = web.WebSocketResponse(max_msg_size=0, timeout=2.0)
        self.session: Any = None
        self.is_open = True
        self.client_code: Optional[int] = None
        port = request.transport.get_extra_info("sockname")[1]
        #: what tests can look at
        self.record: Dict[str, Any] = {
            "at": self.world.clock.real(), "url": "resume" if port == gateway.resume_port else "main",
            "query": request.query_string, "agent": request.headers.get("User-Agent"), "identify": None,
            "resume": None, "replayed": 0, "heartbeats": 0, "first_beat": None, "client_close": None,
            "server_close": None, "ended": None}
        self._queue: "asyncio.Queue[Tuple]" = asyncio.Queue()
        #: done when our close frame is out and answered
        self._closing: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._received: Deque[float] = deque()
        self._hello_at = 0.0
        self._beat_due: Optional[float] = None
        self._asked_at: Optional[float] = None

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        await self.socket.prepare(self.request)
        tasks = [asyncio.ensure_future(self._write()), asyncio.ensure_future(self._watch())]
        try:
            await self._greet()
            await self._read()
            if self.record["server_close"] is not None:
                await asyncio.wait([self._closing], timeout=3.0)
        finally:
            self.is_open = False
            for task in tasks:
                task.cancel()
            self._part()

    def _part(self) -> None:
        self.record["ended"] = self.world.clock.real()
        self.record["client_close"] = self.client_code
        session = self.session
        if session is not None and session.connection is self:
            session.connection = None
            session.lost_at = self.world.clock.mono()
            if self.client_code in (1000, 1001) and self.record["server_close"] is None:
                session.ended_by = self.client_code

    def abort(self) -> None:
        self.is_open = False
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _greet(self) -> None:
        if self.world.faults.strike("no_hello"):
            return
        self._strike("hello")
        interval = self.gateway.interval_ms
        self.put({"op": HELLO, "s": None, "t": None, "d": {"heartbeat_interval": interval, "_trace": ["fake"]}})
        self._hello_at = self.world.clock.mono()
        self._beat_due = self._hello_at + interval / 1000

    async def _read(self) -> None:
        while True:
            message = await self.socket.receive()
            if message.type == WSMsgType.CLOSE:
                self.client_code = message.data
                return
            if message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) and not self._take(message.data):
                return

    def _take(self, data: Any) -> bool:
        """False when nothing more is to be read."""
        size = len(data.encode() if isinstance(data, str) else data)
        if size > MESSAGE_MAX:
            self._fail("MESSAGE_TOO_LARGE", f"{size} bytes", 4002, "Payload too large")
            return True
        now = self.world.clock.mono()
        self._received.append(now)
        while self._received[0] < now - EVENTS_SECONDS:
            self._received.popleft()
        if len(self._received) > EVENTS_MAX:
            self._fail("TOO_MANY_EVENTS", f"{len(self._received)} within {EVENTS_SECONDS} s", 4008, "Rate limited")
            return True
        try:
            payload = json.loads(data)
            op, body = payload["op"], payload.get("d")
        except (ValueError, KeyError, TypeError):
            self._fail("INVALID_PAYLOAD", f"{data[:200]!r}", 4002, "Error while decoding payload.")
            return True
        self._handle(op, body)
        self.world.touch()
        return True

    def _fail(self, rule: str, text: str, code: int, reason: str) -> None:
        self.world.breach(rule, text)
        self.close(code, reason)

    def _handle(self, op: Any, body: Any) -> None:
        if op == HEARTBEAT:
            self._beat(body)
        elif op in (IDENTIFY, RESUME):
            if self.session is not None:
                self._fail("IDENTIFIED_TWICE", f"op {op}", 4005, "Already authenticated.")
            elif not isinstance(body, dict):
                self._fail("INVALID_PAYLOAD", f"op {op}: {body!r}", 4002, "Error while decoding payload.")
            elif op == IDENTIFY:
                self._identify(body)
            else:
                self._resume(body)
        elif op in (PRESENCE, VOICE, MEMBERS):
            if self.session is None:
                self._fail("NOT_IDENTIFIED", f"op {op}", 4003, "Not authenticated.")
        else:
            self._fail("UNKNOWN_OPCODE", f"op {op!r}", 4001, "Unknown opcode.")

    # -- heartbeats -----------------------------------------------------------------------------------------------

    def _beat(self, seq: Any) -> None:
        now = self.world.clock.mono()
        interval = self.gateway.interval_ms / 1000
        if self._asked_at is not None:
            self._asked_at = None
        elif self.record["heartbeats"] == 0 and self._hello_at:
            ratio = (now - self._hello_at) / interval
            self.record["first_beat"] = ratio
            self.gateway.note_first_beat(ratio)
        self.record["heartbeats"] += 1
        self._beat_due = now + interval
        self._check_seq(seq)
        self._strike("heartbeat")
        if not self.world.faults.strike("no_ack"):
            self.put({"op": ACK, "s": None, "t": None, "d": None})

    def _check_seq(self, seq: Any) -> None:
        if seq is not None and not isinstance(seq, int):
            self.world.breach("HEARTBEAT_SEQ", f"{seq!r}")
        elif self.session is not None:
            if (seq or 0) > self.session.seq or self.session.is_stale(seq, STALE_GRACE):
                self.world.breach("HEARTBEAT_SEQ", f"told {seq}, the last event had {self.session.seq}")

    async def _watch(self) -> None:
        while self.is_open:
            await asyncio.sleep(0.1)
            now = self.world.clock.mono()
            if self._asked_at is not None and now > self._asked_at + BEAT_GRACE:
                self._asked_at = None
                self.world.breach("HEARTBEAT_ASKED", "op 1 was not answered with a heartbeat")
            if self._beat_due is not None and now > self._beat_due + BEAT_GRACE:
                self._beat_due = None
                self._fail("HEARTBEAT_LATE", f"none within {self.gateway.interval_ms} ms", 4009, "Session timed out.")

    # -- sessions -------------------------------------------------------------------------------------------------

    def _identify(self, body: Dict[str, Any]) -> None:
        self.record["identify"] = {name: value for name, value in body.items() if name != "token"}
        fine = self.gateway.may_identify(self)
        self._strike("identify")
        refusal = self._refusal(body)
        if refusal is not None:
            self.close(*refusal)
            return
        if not fine:
            self.put({"op": INVALID, "s": None, "t": None, "d": False})
            return
        self.session = self.gateway.new_session(self, body.get("shard"))
        self._ready()

    def _refusal(self, body: Dict[str, Any]) -> Optional[Tuple[int, str]]:
        intents, shard = body.get("intents"), body.get("shard")
        properties = body.get("properties")
        if not isinstance(properties, dict) or any(not isinstance(properties.get(name), str)
                                                   for name in ("os", "browser", "device")):
            self.world.breach("IDENTIFY_PROPERTIES", f"{properties!r}")
        if body.get("token") not in (self.world.token, f"Bot {self.world.token}"):
            return 4004, "Authentication failed."
        if not isinstance(intents, int) or not 0 <= intents < INTENTS_MAX:
            self.world.breach("IDENTIFY_INTENTS", f"{intents!r}")
            return 4013, "Invalid intent(s)."
        if intents & PRIVILEGED:
            self.world.breach("IDENTIFY_INTENTS", f"{intents} has privileged ones")
            return 4014, "Disallowed intent(s)."
        if shard is not None and not (isinstance(shard, list) and len(shard) == 2 and 0 <= shard[0] < shard[1]):
            self.world.breach("IDENTIFY_SHARD", f"{shard!r}")
            return 4010, "Invalid shard."
        if (shard or (0, 1))[1] < self.gateway.shards_required:
            return 4011, "Sharding required."
        return None

    def _ready(self) -> None:
        world = self.world
        self._strike("ready")
        data = {"v": 10, "user": {**world.bot.to_json(), "mfa_enabled": False, "verified": True, "email": None},
                "user_settings": {}, "session_type": "normal", "session_id": self.session.id,
                "resume_gateway_url": self.gateway.urls["resume"], "relationships": [], "private_channels": [],
                "presences": [], "guild_join_requests": [], "geo_ordered_rtc_regions": [], "auth": {},
                "guilds": [{"id": guild.id, "unavailable": True} for guild in world.guilds.values() if guild.has_bot],
                "application": {"id": world.application_id, "flags": 0}, "_trace": ["fake"]}
        if self.record["identify"].get("shard"):
            data["shard"] = self.record["identify"]["shard"]
        big = world.faults.strike("big_ready")
        if big is not None:
            data["geo_ordered_rtc_regions"] = ["x" * 1000] * (int(big.get("bytes", 2 << 20)) // 1000)
        payload = self.session.event("READY", data)
        if big is None:
            self.put(payload)
        else:
            self._queue.put_nowait(("fragments", payload, int(big.get("fragments", 64))))

    def _resume(self, body: Dict[str, Any]) -> None:
        self.record["resume"] = {name: value for name, value in body.items() if name != "token"}
        self._strike("resume")
        if body.get("token") not in (self.world.token, f"Bot {self.world.token}"):
            self.close(4004, "Authentication failed.")
            return
        session, seq = self.gateway.find_session(str(body.get("session_id"))), body.get("seq")
        if session is None:
            self.put({"op": INVALID, "s": None, "t": None, "d": False})
            return
        if not isinstance(seq, int) or not 0 <= seq <= session.seq:
            self.world.breach("RESUME_SEQ", f"{seq!r}; the last event had {session.seq}")
            self.close(4007, "Invalid seq.")
            return
        if session.connection is not None:
            session.connection.abort()
        session.connection, self.session = self, session
        missed = session.missed_since(seq)
        self._replay(missed)

    def _replay(self, missed: List[Dict[str, Any]]) -> None:
        for payload in missed:
            self.put(payload, self.world.interactions.get(payload["d"].get("id", "")))
        if self.world.faults.strike("replay_interaction"):
            for payload in [item for item in self.session.events if item["t"] == "INTERACTION_CREATE"]:
                if payload not in missed:
                    self.put(self.session.event("INTERACTION_CREATE", payload["d"]))
        self.record["replayed"] = len(missed)
        self.put(self.session.event("RESUMED", {"_trace": ["fake"]}))

    # -- sending --------------------------------------------------------------------------------------------------

    def put(self, payload: Dict[str, Any], interaction: Optional[Interaction] = None) -> None:
        self._queue.put_nowait(("payload", payload, interaction))

    def close(self, code: int, reason: str = "") -> None:
        self._queue.put_nowait(("close", code, reason))

    async def _write(self) -> None:
        while True:
            what, *more = await self._queue.get()
            try:
                await self._send(what, *more)
            except (ConnectionError, RuntimeError):
                return  # it has gone; reading notices

    async def _send(self, what: str, *more: Any) -> None:
        transport = self.request.transport
        if what == "payload":
            await self._send_text(json.dumps(more[0]))
            self._sent(more[1])
        elif what == "text":
            await self._send_text(more[0])
        elif what == "fragments" and self._zlib is not None:
            await self._send_text(json.dumps(more[0]))
        elif what == "fragments":
            self._send_fragments(json.dumps(more[0]).encode(), more[1])
        elif what == "close":
            self.record["server_close"] = more[0]
            self.is_open = False
            await self.socket.close(code=more[0], message=more[1].encode())
            self._closing.done() or self._closing.set_result(None)
        elif what == "half" and transport is not None:
            whole = frame(json.dumps({"op": 0, "s": None, "t": "HALF", "d": {"text": "x" * 500}}).encode(), 1, True)
            transport.write(whole[:len(whole) // 2])
            await asyncio.sleep(0.05)
            self.abort()
        elif what == "drop":
            self.abort()

    def _sent(self, interaction: Optional[Interaction]) -> None:
        if interaction is None:
            return
        interaction.sent += 1
        if self.world.clock.mono() - interaction.started < self.world.settings["answer_limit"] / 3:
            interaction.sent_to = self
        self.world.touch(interaction)

    async def _send_text(self, text: str) -> None:
        if self._zlib is None:
            await self.socket.send_str(text)
        else:
            data = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(data)

    def _send_fragments(self, data: bytes, count: int) -> None:
        size = max(1, len(data) // count)
        pieces = [data[at:at + size] for at in range(0, len(data), size)]
        for number, piece in enumerate(pieces):
            self.request.transport.write(frame(piece, 1 if number == 0 else 0, number == len(pieces) - 1))

    # -- on purpose -----------------------------------------------------------------------------------------------

    def _strike(self, at: str) -> None:
        for name in ("op1", "op7", "op9", "close", "drop", "half_frame", "junk", "unknown_op", "unknown_event"):
            fault = self.world.faults.strike(name, at=at)
            if fault is not None:
                self.act(fault)

    def act(self, fault: Fault) -> None:
        name = fault.name
        if name == "op1":
            self._asked_at = self.world.clock.mono()
            self.put({"op": HEARTBEAT, "s": None, "t": None, "d": None})
        elif name == "op7":
            self.put({"op": RECONNECT, "s": None, "t": None, "d": None})
        elif name == "op9":
            self._invalidate(bool(fault.get("resumable", False)))
        elif name == "close":
            if fault.get("code", 4000) in (4007, 4009) and self.session is not None:
                self.session.is_forgotten = True
            self.close(int(fault.get("code", 4000)), str(fault.get("reason", "on purpose")))
        elif name == "drop":
            self._queue.put_nowait(("drop",))
        elif name == "half_frame":
            self._queue.put_nowait(("half",))
        elif name == "junk":
            self._queue.put_nowait(("text", fault.get("text", "{this is no JSON")))
        elif name == "unknown_op":
            self.put({"op": 42, "s": None, "t": None, "d": {"what": "ever"}})
        elif name == "unknown_event" and self.session is not None:
            self.put(self.session.event("SOMETHING_NEW", {"what": ["ever"]}))

    def _invalidate(self, is_resumable: bool) -> None:
        if self.session is not None and not is_resumable:
            self.session.is_forgotten = True
        self.put({"op": INVALID, "s": None, "t": None, "d": is_resumable})
