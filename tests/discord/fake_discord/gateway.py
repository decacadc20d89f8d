"""The Gateway: who connects, what they are told, and what they do wrong."""

from __future__ import annotations

import secrets
from collections import deque
from typing import Any, Deque, Dict, List, Optional

from aiohttp import web

from fake_discord.connection import Connection
from fake_discord.faults import GATEWAY, Fault
from fake_discord.session import Session
from fake_discord.state import Interaction, World

STORM = (30, 10.0)
RATIOS_KEPT = 4
#: actions of a fault that can strike at any moment
ACTIONS = ("op1", "op7", "op9", "close", "drop", "half_frame", "junk", "unknown_op", "unknown_event")
DAY_MS = 24 * 3600 * 1000


class Gateway:
    """Sessions and connections. The ports are the server's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.urls: Dict[str, str] = {"main": "", "resume": ""}
        self.resume_port = 0
        self.interval_ms = 41250
        self.remaining = 1000
        self.max_concurrency = 1
        self.identify_every = 5.0
        self.session_life = 180.0
        self.shards_required = 1
        self.sessions: Dict[str, Session] = {}
        self.connections: List[Connection] = []
        self.log: List[Dict[str, Any]] = []
        self._identified: Deque[Any] = deque(maxlen=16)
        self._opened: Deque[float] = deque(maxlen=STORM[0] + 1)
        self._ratios: Deque[float] = deque(maxlen=RATIOS_KEPT)

    # -- what REST tells of it ------------------------------------------------------------------------------------

    def info(self) -> Dict[str, Any]:
        fault = self.world.faults.strike("identify_exhausted")
        reset_after = DAY_MS if fault is None else int(fault.get("reset_after", 3_600_000))
        return {"url": self.urls["main"], "shards": self.shards_required,
                "session_start_limit": {"total": 1000, "remaining": 0 if fault else max(0, self.remaining),
                                        "reset_after": reset_after, "max_concurrency": self.max_concurrency}}

    # -- connections ----------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        refused = self.world.faults.strike("refuse")
        self._check_handshake(request)
        if refused is not None:
            return web.Response(status=refused.get("status", 503))
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426)
        connection = Connection(self, request)
        self.connections.append(connection)
        self.log.append(connection.record)
        self.world.touch()
        try:
            await connection.run()
        finally:
            self.connections.remove(connection)
            self.world.touch()
        return connection.socket

    def _check_handshake(self, request: web.Request) -> None:
        breach = self.world.breach
        if request.raw_path.split("?")[0] != "/":
            breach("GATEWAY_PATH", request.raw_path)
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            breach("GATEWAY_QUERY", request.query_string)
        if request.query.get("compress") not in (None, "zlib-stream"):
            breach("GATEWAY_QUERY", f"the fake does not know {request.query_string}")
        if not request.headers.get("User-Agent"):
            breach("USER_AGENT", "none in the handshake of the Gateway")
        now = self.world.clock.mono()
        self._opened.append(now)
        if len(self._opened) > STORM[0] and now - self._opened[0] < STORM[1]:
            breach("CONNECT_STORM", f"{len(self._opened)} connections within {now - self._opened[0]:.1f} s")
            self._opened.clear()

    def abort_all(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    # -- sessions -------------------------------------------------------------------------------------------------

    def may_identify(self, connection: Connection) -> bool:
        """Counts; false when it comes too soon."""
        world, now = self.world, self.world.clock.mono()
        self.remaining -= 1
        if self.remaining < 0:
            world.breach("IDENTIFY_EXHAUSTED", "IDENTIFY although session_start_limit.remaining was 0")
        recent = [before for at, before in self._identified if now - at < self.identify_every]
        self._identified.append((now, connection))
        if len(recent) < self.max_concurrency:
            return True
        # a process that begins anew, after a death or a farewell, cannot know of the one before
        if all(before.is_open or before.client_code not in (None, 1000, 1001) or before.record["server_close"]
               for before in recent):
            world.breach("IDENTIFY_TOO_SOON", f"{len(recent) + 1} within {self.identify_every} s")
        return False

    def new_session(self, connection: Connection, shard: Any) -> Session:
        session = Session(secrets.token_hex(16), self.world.clock, tuple(shard or (0, 1)))
        session.connection = connection
        self.sessions[session.id] = session
        return session

    def find_session(self, session_id: str) -> Optional[Session]:
        session = self.sessions.get(session_id)
        if session is None or session.is_forgotten:
            return None
        if session.ended_by is not None:
            self.world.breach("RESUME_AFTER_1000", f"the session was ended with close {session.ended_by}")
            return None
        lost = session.lost_at
        if lost is not None and self.world.clock.mono() - lost > self.session_life:
            return None
        return session

    def forget_sessions(self) -> None:
        """What a long outage does."""
        for session in self.sessions.values():
            session.is_forgotten = True

    def note_first_beat(self, ratio: float) -> None:
        """One proves nothing; several that are all alike do."""
        self._ratios.append(ratio)
        if len(self._ratios) == RATIOS_KEPT and max(self._ratios) - min(self._ratios) < 0.02:
            self.world.breach("HEARTBEAT_JITTER", f"first heartbeats at {[round(item, 3) for item in self._ratios]} "
                              "of the interval")
            self._ratios.clear()

    # -- events ---------------------------------------------------------------------------------------------------

    def dispatch(self, name: str, data: Dict[str, Any], interaction: Optional[Interaction] = None) -> bool:
        """To the newest session of the shard; false when there is none."""
        for session in reversed(list(self.sessions.values())):
            if session.is_forgotten or session.ended_by is not None or not session.covers(data):
                continue
            if session.connection is None and self.world.clock.mono() - (session.lost_at or 0) > self.session_life:
                continue
            payload = session.event(name, data)
            if session.connection is not None:
                session.connection.put(payload, interaction)
            return True
        return False

    def dispatch_interaction(self, interaction: Interaction) -> None:
        strike = self.world.faults.strike
        for fault in (strike("unknown_type"), strike("missing_data")):
            if fault is not None:
                self.dispatch("INTERACTION_CREATE", self._disfigured(interaction, fault.name))
        for action in ACTIONS:
            fault = strike(action, at="interaction")
            if fault is not None:
                for connection in list(self.connections):
                    connection.act(fault)
        self.dispatch("INTERACTION_CREATE", interaction.payload, interaction)
        if strike("duplicate_interaction"):
            self.dispatch("INTERACTION_CREATE", interaction.payload, interaction)

    def _disfigured(self, interaction: Interaction, how: str) -> Dict[str, Any]:
        """It may be answered, so it is known; it need not be."""
        world = self.world
        data = {**interaction.payload, "id": world.clock.new_id(), "token": secrets.token_urlsafe(96)}
        if how == "unknown_type":
            data["type"] = 99
        else:
            data.pop("data", None)
        twin = Interaction(data["id"], data["token"], interaction.type, interaction.user, interaction.channel,
                           interaction.guild, world.clock.now(), world.clock.mono(),
                           {**interaction.payload, "id": data["id"]}, interaction.file_limit)
        world.interactions[twin.id] = world.by_token[twin.token] = twin
        return data

    # -- faults ---------------------------------------------------------------------------------------------------

    def act_now(self, fault: Fault) -> int:
        """Upon all open connections; how many there were."""
        connections = [item for item in self.connections if item.is_open]
        for connection in connections:
            connection.act(fault)
        fault.struck += 1
        return len(connections)

    @staticmethod
    def is_for_now(fault: Fault) -> bool:
        return fault.name in GATEWAY and fault.name in ACTIONS and fault.get("at", "now") == "now"
