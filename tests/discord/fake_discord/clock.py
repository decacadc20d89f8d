"""Two clocks: the real one, and the fake's own that a test can put forward.

What Discord measures in minutes goes by the fake's own: ages of tokens and messages, the life of CDN addresses. What
a client lives through goes by the real one: rate limits, heartbeats, the 3 seconds for an answer, and the time that
is in an id (a client whose clock is right must not see ids from the future).
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

DISCORD_EPOCH_MS = 1420070400000


class Clock:
    def __init__(self) -> None:
        self.offset = 0.0
        self._last_id = 0

    def now(self) -> float:
        """Seconds of the fake's own time since 1970."""
        return time.time() + self.offset

    @staticmethod
    def mono() -> float:
        return time.monotonic()

    @staticmethod
    def real() -> float:
        return time.time()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time goes forward only")
        self.offset += seconds

    def new_id(self) -> str:
        """A snowflake; each is greater than the one before."""
        fresh = (int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(fresh, self._last_id + 1)
        return str(self._last_id)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
