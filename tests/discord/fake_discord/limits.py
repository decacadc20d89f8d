"""Discord's rate limits: a bucket for each route and major parameter, 50 a second for the bot, invalid requests."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Any, Deque, Dict, Optional, Tuple

from fake_discord.clock import Clock
from fake_discord.openapi import Route

#: "METHOD /template" -> (requests, seconds)
DEFAULTS: Dict[str, Tuple[int, float]] = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (5, 5.0),
    "DELETE /channels/{channel_id}/messages/{message_id}": (5, 1.0),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original": (5, 5.0),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}": (5, 5.0),
    "POST /webhooks/{webhook_id}/{webhook_token}": (5, 2.0),
    "POST /users/@me/channels": (10, 10.0),
    "PUT /applications/{application_id}/commands": (5, 20.0),
}
OTHERS = (50, 1.0)
INVALID_WINDOW = 600.0
GRACE = 0.3  # seconds: what was on its way when a 429 went out


@dataclass
class Bucket:
    id: str
    limit: int
    seconds: float
    used: int = 0
    until: float = 0.0
    #: a 429 was given: nothing is to come before
    wait_until: float = 0.0
    told_at: float = 0.0

    def renew(self, now: float) -> None:
        if now >= self.until:
            self.used, self.until = 0, now + self.seconds


class Limits:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.routes = dict(DEFAULTS)
        self.others = OTHERS
        self.per_second = 50
        self.invalid_max = 10_000
        self.is_on = True
        self._buckets: Dict[Tuple[str, str], Bucket] = {}
        self._global = Bucket("global", self.per_second, 1.0)
        self._invalid: Deque[float] = deque()

    @staticmethod
    def _major(ids: Dict[str, str]) -> str:
        return "/".join(ids[name] for name in ("channel_id", "guild_id", "webhook_id", "webhook_token") if name in ids)

    def bucket(self, route: Route, ids: Dict[str, str]) -> Bucket:
        key = (route.name, self._major(ids))
        if key not in self._buckets:
            limit, seconds = self.routes.get(route.name, self.others)
            name = hashlib.sha1(route.name.encode()).hexdigest()[:32]
            self._buckets[key] = Bucket(name, limit, seconds)
        return self._buckets[key]

    def set(self, route: str, limit: int, seconds: float) -> None:
        self.routes[route] = (limit, seconds)
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] != route}

    def take(self, route: Route, bucket: Bucket) -> Optional[Tuple[float, str]]:
        """None: go on. Else how long to wait, and for which scope."""
        now = self._clock.mono()
        bucket.renew(now)
        if not self.is_on or route.template.endswith("/callback"):
            return None
        if not route.is_token_route:
            self._global.limit = self.per_second
            self._global.renew(now)
            if self._global.used >= self._global.limit:
                return self._global.until - now, "global"
        if bucket.used >= bucket.limit:
            return bucket.until - now, "user"
        bucket.used += 1
        self._global.used += 0 if route.is_token_route else 1
        return None

    def is_early(self, bucket: Bucket) -> bool:
        """Does a request come although a 429 has told to wait?"""
        now = self._clock.mono()
        return bucket.told_at + GRACE < now < bucket.wait_until - 0.05

    def told(self, bucket: Bucket, retry_after: float) -> None:
        now = self._clock.mono()
        if now >= bucket.wait_until:
            bucket.told_at = now
        bucket.wait_until = max(bucket.wait_until, now + retry_after)

    def headers(self, bucket: Bucket) -> Dict[str, str]:
        left = max(0.0, bucket.until - self._clock.mono())
        return {"X-RateLimit-Limit": str(bucket.limit),
                "X-RateLimit-Remaining": str(max(0, bucket.limit - bucket.used)),
                "X-RateLimit-Reset": f"{self._clock.real() + left:.3f}", "X-RateLimit-Reset-After": f"{left:.3f}",
                "X-RateLimit-Bucket": bucket.id}

    def note_invalid(self) -> None:
        self._invalid.append(self._clock.mono())

    @property
    def invalid(self) -> int:
        """401, 403 and 429 (but shared ones) of ten minutes."""
        while self._invalid and self._invalid[0] < self._clock.mono() - INVALID_WINDOW:
            self._invalid.popleft()
        return len(self._invalid)

    def describe(self) -> Dict[str, Any]:
        return {"invalid": self.invalid, "global_used": self._global.used}
