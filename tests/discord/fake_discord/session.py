"""A session of the Gateway: what outlives a connection."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from fake_discord.clock import Clock


class Session:
    """Events with their numbers, kept for a RESUME."""

    def __init__(self, session_id: str, clock: Clock, shard: Tuple[int, int]) -> None:
        self.id = session_id
        self.shard = shard
        self.events: List[Dict[str, Any]] = []
        self.seq = 0
        self.connection: Any = None
        #: ended by a close 1000 or 1001 of the client
        self.ended_by: Optional[int] = None
        self.is_forgotten = False
        self.lost_at: Optional[float] = None
        self._clock = clock
        self._numbered_at: Dict[int, float] = {}

    def event(self, name: str, data: Any) -> Dict[str, Any]:
        self.seq += 1
        payload = {"op": 0, "t": name, "s": self.seq, "d": data}
        self.events.append(payload)
        self._numbered_at[self.seq] = self._clock.mono()
        return payload

    def missed_since(self, seq: int) -> List[Dict[str, Any]]:
        return [payload for payload in self.events if payload["s"] > seq]

    def covers(self, data: Dict[str, Any]) -> bool:
        """Does an event go to this session's shard?"""
        index, count = self.shard
        guild_id = data.get("guild_id")
        return index == ((int(guild_id) >> 22) % count if guild_id else 0)

    def is_stale(self, seq: Optional[int], grace: float) -> bool:
        """Does a heartbeat tell a number although a greater one was sent long ago?"""
        number = (seq or 0) + 1
        return number <= self.seq and self._numbered_at[number] < self._clock.mono() - grace
