"""Every request to the REST API: who may, how often, with what; then its handler; then what was broken on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional

from aiohttp import web

from fake_discord.errors import Refused, bad_form
from fake_discord.faults import ERRORS, Fault
from fake_discord.limits import Bucket, Limits
from fake_discord.messages import REQUEST_MAX
from fake_discord.multipart import parse_form
from fake_discord.openapi import Problem, Route, Spec
from fake_discord.rules import File
from fake_discord.state import World

BASE = "/api/v10"
AGENT = re.compile(r"^DiscordBot \(https?://[^\s,)]+, [^\s)]+\)")
SNOWFLAKE = re.compile(r"^(0|[1-9][0-9]{0,19})$")
IDS = ("channel_id", "message_id", "guild_id", "application_id", "webhook_id", "interaction_id")
ANYWAY = 8 << 20  # bytes read beyond the limit, so that the refusal can be read
_TOKEN_FAULTS = ("limited", "status", "hang", "slow", "reset", "error", "html", *ERRORS)
_FAULTS = (*_TOKEN_FAULTS, "unauthorized")


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: Dict[str, str] = field(default_factory=dict)
    raw: Optional[bytes] = None
    content_type: str = "application/json"


@dataclass
class Call:
    """A request that was understood."""

    route: Route
    ids: Dict[str, str]
    query: Dict[str, str]
    body: Any = None
    files: List[File] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")


Handler = Callable[[Call], Answer]


class Rest:
    def __init__(self, world: World, spec: Spec, limits: Limits, handlers: Dict[str, Handler]) -> None:
        self._world = world
        self._spec = spec
        self._limits = limits
        self._handlers = handlers
        self._refused_at = 0.0
        missing = {route.name for route in spec.routes} ^ set(handlers)
        if missing:
            raise RuntimeError(f"routes and handlers differ: {sorted(missing)}")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        entry: Dict[str, Any] = {"at": self._world.clock.real(), "virtual": self._world.clock.now(),
                                 "method": request.method, "path": request.path, "query": dict(request.query),
                                 "route": None, "status": None, "code": None, "json": None, "files": []}
        self._world.journal.append(entry)
        try:
            answer = await self._answer(request, entry)
        except Refused as refused:
            answer = Answer(refused.status, refused.body)
        except _CutOff:
            entry["status"] = 0
            request.transport and request.transport.abort()
            self._world.touch()
            raise ConnectionResetError from None
        entry["status"] = answer.status
        entry["code"] = answer.body.get("code") if isinstance(answer.body, dict) and answer.status >= 400 else None
        entry["ms"] = round((self._world.clock.real() - entry["at"]) * 1000, 1)
        if answer.status in (401, 403):
            self._limits.note_invalid()
        self._world.touch()
        return self._response(answer)

    @staticmethod
    def _response(answer: Answer) -> web.Response:
        data = answer.raw
        if data is None and answer.body is not None:
            data = json.dumps(answer.body).encode()
        headers = {"Via": "1.1 fake-discord", **answer.headers}
        kind = None if data is None else answer.content_type
        return web.Response(status=answer.status, body=data, headers=headers, content_type=kind)

    # -- in order -------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request, entry: Dict[str, Any]) -> Answer:
        route, ids = self._find(request)
        entry["route"] = route.name
        bucket = self._limits.bucket(route, ids)
        fault = self._world.faults.strike(*(_TOKEN_FAULTS if route.is_token_route else _FAULTS), route=route.name)
        if self._limits.is_early(bucket):
            self._world.breach("EARLY_AFTER_429", f"{route.name}: {bucket.wait_until - self._world.clock.mono():.2f} s"
                               " too early")
        data = await self._read(request, route)
        if fault is not None and fault.name != "slow" and not fault.get("done"):
            self._excuse(ids)
            return await self._misbehave(fault, bucket)
        if fault is not None and fault.name == "slow":
            await asyncio.sleep(float(fault.get("seconds", 1)))
            fault = None
        self._authorize(request, route)
        limited = self._limits.take(route, bucket)
        if limited is not None:
            return self._limited(route, bucket, *limited)
        answer = self._headed(self._do(request, route, ids, data, entry), bucket, route)
        self._check(route, answer)
        if fault is not None:
            return await self._misbehave(fault, bucket)
        return answer

    def _find(self, request: web.Request) -> Any:
        agent = request.headers.get("User-Agent", "")
        if not agent:
            self._world.breach("USER_AGENT", f"{request.method} {request.path}: none")
            raise Refused(403, 40333, "internal network error")
        if not AGENT.match(agent):
            self._world.breach("USER_AGENT", f"{agent!r} is not 'DiscordBot (url, version)'")
        path = request.raw_path.split("?")[0]
        if not path.startswith(BASE + "/"):
            self._world.breach("API_VERSION", f"{request.method} {path}: not below {BASE}")
            path = re.sub(r"^/api(/v\d+)?", BASE, path)
        route, ids, known = self._spec.find(request.method, path[len(BASE):])
        if route is None:
            self._world.breach("UNKNOWN_ROUTE", f"{request.method} {path}")
            raise Refused(405, 0, "405: Method Not Allowed") if known else Refused(404, 0, "404: Not Found")
        for name in IDS:
            if name in ids and not SNOWFLAKE.match(ids[name]):
                problem = Problem((name,), "NUMBER_TYPE_COERCE", f'Value "{ids[name]}" is not snowflake.')
                self._world.breach(problem.code, f"{route.name}: {problem.describe()}")
                raise bad_form([problem])
        return route, ids

    async def _read(self, request: web.Request, route: Route) -> bytes:
        length = request.content_length or 0
        data = b""
        if length <= REQUEST_MAX + ANYWAY:
            data = await request.read()
        if max(length, len(data)) > REQUEST_MAX:
            self._world.breach("REQUEST_TOO_LARGE", f"{route.name}: {max(length, len(data))} bytes")
            raise Refused(413, 40005, "Request entity too large")
        return data

    def _authorize(self, request: web.Request, route: Route) -> None:
        given = request.headers.get("Authorization")
        if route.is_token_route:
            if given is not None:
                self._world.breach("AUTHORIZATION", f"{route.name}: the bot's token has no business here")
            return
        if given != f"Bot {self._world.token}":
            self._refuse_token(route)
        self._refused_at = 0.0

    def _refuse_token(self, route: Route) -> None:
        now = self._world.clock.mono()
        if self._refused_at and now > self._refused_at + 1.0:
            self._world.breach("ON_AFTER_401", f"{route.name}: after a 401 the bot is to stop")
        self._refused_at = self._refused_at or now
        raise Refused(401, 0, "401: Unauthorized")

    def _limited(self, route: Route, bucket: Bucket, wait: float, scope: str, as_json: bool = True,
                 is_on_purpose: bool = False) -> Answer:
        self._limits.told(bucket, wait)
        if scope != "shared":
            self._limits.note_invalid()
        self._world.limits_429.append({"route": route.name, "at": self._world.clock.real(), "scope": scope,
                                       "retry_after": wait, "on_purpose": is_on_purpose})
        headers = {**self._limits.headers(bucket), "Retry-After": str(max(1, int(wait + 0.999))),
                   "X-RateLimit-Scope": scope, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{wait:.3f}"}
        if scope == "global":
            headers = {"Retry-After": headers["Retry-After"], "X-RateLimit-Global": "true",
                       "X-RateLimit-Scope": "global"}
        if not as_json or self._limits.invalid > self._limits.invalid_max:
            page = b"<html><body>You are being rate limited. error code: 1015</body></html>"
            return Answer(429, None, {"Retry-After": headers["Retry-After"]}, page, "text/html")
        return Answer(429, {"message": "You are being rate limited.", "retry_after": round(wait, 3),
                            "global": scope == "global"}, headers)

    # -- the request itself ---------------------------------------------------------------------------------------

    def _do(self, request: web.Request, route: Route, ids: Dict[str, str], data: bytes,
            entry: Dict[str, Any]) -> Answer:
        call = Call(route, ids, dict(request.query))
        for name in call.query:
            if name not in self._spec.query_names(route):
                self._world.breach("UNKNOWN_QUERY", f"{route.name}: {name}")
        self._parse(call, data, request.headers.get("Content-Type", ""))
        entry["json"] = call.body
        entry["files"] = [{"filename": file.filename, "size": len(file.data)} for file in call.files]
        if "requestBody" in route.operation or call.body is not None:
            call.problems += self._spec.check_body(route, call.body)
            if any(problem.answered for problem in call.problems):
                for problem in call.problems:
                    self._world.breach(problem.code, f"{route.name}: {problem.describe()}")
                raise bad_form([problem for problem in call.problems if problem.answered])
        try:
            return self._handlers[route.name](call)
        except Refused as refused:
            return Answer(refused.status, refused.body)

    def _parse(self, call: Call, data: bytes, content_type: str) -> None:
        if not data:
            return
        kind = content_type.split(";")[0].strip().lower()
        try:
            if kind == "multipart/form-data":
                form = parse_form(data, content_type)
                call.body, call.files = form.body, form.files
                call.problems += form.problems
            else:
                if kind != "application/json":
                    self._world.breach("CONTENT_TYPE", f"{call.route.name}: {content_type!r}")
                call.body = json.loads(data)
        except ValueError as error:
            self._world.breach("INVALID_BODY", f"{call.route.name}: {error}: {data[:200]!r}")
            raise Refused(400, 50109, "The request body contains invalid JSON.") from None

    def _headed(self, answer: Answer, bucket: Bucket, route: Route) -> Answer:
        if not route.template.endswith("/callback"):
            answer.headers = {**self._limits.headers(bucket), **answer.headers}
        emptied = self._world.faults.strike("remaining_0", route=route.name)
        if emptied is not None:
            bucket.used = bucket.limit
            bucket.until = self._world.clock.mono() + float(emptied.get("reset_after", 2.0))
            answer.headers.update(self._limits.headers(bucket))
        return answer

    def _check(self, route: Route, answer: Answer) -> None:
        """In the fake's own tests its answers are held to the file, too."""
        if self._world.check_answers and answer.raw is None:
            for problem in self._spec.check_answer(route, answer.status, answer.body):
                self._world.breach("FAKE_ANSWER", f"{route.name}: {answer.status}: {problem.describe()}")

    # -- on purpose -----------------------------------------------------------------------------------------------

    def _excuse(self, ids: Dict[str, str]) -> None:
        """An interaction whose answer was lost by us was not left unanswered by the client."""
        interaction = self._world.interactions.get(ids.get("interaction_id", ""))
        if interaction is not None:
            interaction.sent_to = None

    async def _misbehave(self, fault: Fault, bucket: Bucket) -> Answer:
        name = fault.name
        if name in ERRORS:
            _, status, code, text = ERRORS[name]
            return Answer(status, {"message": text, "code": code})
        if name == "unauthorized":
            return Answer(401, {"message": "401: Unauthorized", "code": 0})
        if name == "error":
            return Answer(fault.get("status", 400), {"message": fault.get("message", "An error on purpose"),
                                                     "code": fault.get("code", 0)})
        if name == "limited":
            route = Route("", fault.get("route", "any"), re.compile(""), {})
            return self._limited(route, bucket, float(fault.get("retry_after", 1.0)), fault.get("scope", "user"),
                                 fault.get("json", True), True)
        if name in ("status", "html"):
            page = fault.get("body", "<html><body>Something is wrong here.</body></html>")
            return Answer(fault.get("status", 500 if name == "status" else 200), None, {}, page.encode(), "text/html")
        if name == "hang":
            await asyncio.sleep(float(fault.get("seconds", 30)))
        raise _CutOff


class _CutOff(Exception):
    """The connection is to end here."""
