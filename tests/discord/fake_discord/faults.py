"""What shall go wrong: faults by name, for once, for some times, or until they are taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

#: name -> help. Those of the Gateway strike `at`: "now" (the open connections), "hello", "identify", "ready",
#: "resume", "heartbeat" or "interaction".
GATEWAY: Dict[str, str] = {
    "no_hello": "connections are accepted and nothing is said",
    "no_ack": "heartbeats are not acknowledged",
    "refuse": "status=503: the handshake fails",
    "op1": "at: Discord asks for a heartbeat",
    "op7": "at: RECONNECT",
    "op9": "at, resumable=False: INVALID_SESSION",
    "close": "at, code=4000, reason: a close frame",
    "drop": "at: the connection ends without a close frame",
    "half_frame": "at: half a frame, then the connection ends",
    "junk": "at, text: something that is no JSON",
    "unknown_op": "at: an opcode that nobody knows",
    "unknown_event": "at: a DISPATCH of a kind that nobody knows",
    "big_ready": "bytes=2 MiB, fragments=64: READY is that large, in that many frames",
    "duplicate_interaction": "INTERACTION_CREATE comes twice, as two events",
    "replay_interaction": "after a RESUME all interactions of the session come once more",
    "unknown_type": "before an interaction comes one of type 99",
    "missing_data": "before an interaction comes one without data",
    "identify_exhausted": "reset_after=3600000: GET /gateway/bot tells session_start_limit.remaining 0",
}
#: name -> help. `route`: a text that must occur in "METHOD /template".
REST: Dict[str, str] = {
    "limited": "route, retry_after=1.0, json=True, scope='user'|'shared'|'global': 429",
    "remaining_0": "route, reset_after=2.0: the answer says Remaining: 0, and the bucket is empty until then",
    "status": "route, status=500, body: this status; done=True carries the request out before",
    "hang": "route, seconds=30: no answer that long, then the connection ends; done=True as above",
    "slow": "route, seconds=1: answered late",
    "reset": "route: the connection ends without an answer; done=True as above",
    "error": "route, status=400, code, message: an error of Discord's",
    "unknown_interaction": "the callback: 404, 10062",
    "invalid_token": "webhooks: 401, 50027",
    "webhook_gone": "webhooks: 404, 10015",
    "too_large": "route: 413, 40005",
    "missing_permissions": "route: 403, 50013",
    "missing_access": "route: 403, 50001",
    "cannot_dm": "messages in channels: 403, 50007",
    "unauthorized": "routes of the bot: 401",
    "blocked": "route: 403, 40333, as without User-Agent",
    "automod": "route: 400, 200000",
    "html": "route, status=200: a page instead of JSON",
    "cdn_expired": "status=404 or 403: a file is no longer there",
    "cdn_slow": "seconds=30, bytes=1000: so much comes, then nothing, then the rest",
    "cdn_cut": "bytes=1000: so much comes, then the connection ends",
    "cdn_html": "a page instead of the file",
    "cdn_huge": "bytes=256 MiB: it does not end where its size was told, and no length is told",
    "cdn_redirect": "url: 302",
}
ERRORS: Dict[str, tuple] = {
    "unknown_interaction": ("/callback", 404, 10062, "Unknown interaction"),
    "invalid_token": ("/webhooks/", 401, 50027, "Invalid Webhook Token"),
    "webhook_gone": ("/webhooks/", 404, 10015, "Unknown Webhook"),
    "too_large": ("", 413, 40005, "Request entity too large"),
    "missing_permissions": ("/channels/", 403, 50013, "Missing Permissions"),
    "missing_access": ("/channels/", 403, 50001, "Missing Access"),
    "cannot_dm": ("POST /channels/", 403, 50007, "Cannot send messages to this user"),
    "blocked": ("", 403, 40333, "internal network error"),
    "automod": ("", 400, 200000, "Message was blocked by automatic moderation"),
}


@dataclass
class Fault:
    name: str
    count: Optional[int]
    after: int
    params: Dict[str, Any]
    struck: int = 0
    chances: int = field(default=0)

    def get(self, key: str, default: Any = None) -> Any:
        value = self.params.get(key)
        return default if value is None else value

    @property
    def is_spent(self) -> bool:
        return self.count is not None and self.struck >= self.count


class Faults:
    """The plan. `count` None lasts; `after` lets so many chances pass first."""

    def __init__(self) -> None:
        self.plan: List[Fault] = []

    def add(self, name: str, count: Optional[int] = 1, after: int = 0, **params: Any) -> Fault:
        if name not in GATEWAY and name not in REST:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join([*GATEWAY, *REST])}")
        fault = Fault(name, count, after, params)
        self.plan.append(fault)
        return fault

    def clear(self, name: Optional[str] = None) -> None:
        self.plan = [fault for fault in self.plan if name is not None and fault.name != name]

    def strike(self, *names: str, route: str = "", at: Optional[str] = None) -> Optional[Fault]:
        """The first fault of these names that applies now; counted."""
        for fault in self.plan:
            if fault.name not in names or fault.is_spent:
                continue
            if at is not None and fault.get("at", "now") != at:
                continue
            if fault.get("route", ERRORS.get(fault.name, ("",))[0]) not in route:
                continue
            fault.chances += 1
            if fault.chances > fault.after:
                fault.struck += 1
                return fault
        return None

    def seen(self) -> List[Dict[str, Any]]:
        return [{"name": fault.name, "struck": fault.struck, "chances": fault.chances, **fault.params}
                for fault in self.plan]
