"""Interactions over HTTP: signed, posted to the application's address, answered in the response."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Dict, Optional, Tuple

import aiohttp
from nacl.signing import SigningKey

from fake_discord.answers import give
from fake_discord.errors import Refused
from fake_discord.multipart import parse_form
from fake_discord.openapi import Spec
from fake_discord.state import Interaction, NotPossible, World

AGENT = "Discord-Interactions/1.0 (+https://discord.com)"


class Endpoint:
    def __init__(self, world: World, spec: Spec) -> None:
        self._world = world
        self._spec = spec
        self._key = SigningKey.generate()
        self._session: Optional[aiohttp.ClientSession] = None
        self.url: Optional[str] = None
        self.public_key = self._key.verify_key.encode().hex()
        world.settings["verify_key"] = self.public_key

    def signed(self, body: bytes, timestamp: Optional[str] = None) -> Dict[str, str]:
        timestamp = timestamp or str(int(time.time()))
        signature = self._key.sign(timestamp.encode() + body).signature.hex()
        return {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": timestamp,
                "Content-Type": "application/json", "User-Agent": AGENT}

    async def _post(self, body: bytes, headers: Dict[str, str]) -> Tuple[int, str, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        async with self._session.post(self.url or "", data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), await answer.read()

    async def set(self, url: Optional[str]) -> None:
        """As in the portal: the address is taken when it passes PING with good and with bad signatures."""
        self.url = url
        self._world.settings["interactions_endpoint"] = url
        if url is None:
            return
        problem = await self.probe()
        if problem is not None:
            self.url = self._world.settings["interactions_endpoint"] = None
            raise NotPossible(f"Discord would not take this address: {problem}")

    async def probe(self) -> Optional[str]:
        """What is wrong with the address; None when nothing is."""
        body = json.dumps({"id": self._world.clock.new_id(), "application_id": self._world.application_id, "type": 1,
                           "token": "ping", "version": 1, "entitlements": [],
                           "user": self._world.owner.to_json()}).encode()
        bad = self.signed(body)
        bad["X-Signature-Ed25519"] = SigningKey.generate().sign(body).signature.hex()
        status, _, _ = await self._post(body, bad)
        if status != 401:
            return f"a bad signature was answered with {status}, not 401"
        status, kind, answer = await self._post(body, self.signed(body))
        if status != 200 or not kind.startswith("application/json") or json.loads(answer) != {"type": 1}:
            return f"PING was answered with {status} {kind} {answer[:200]!r}"
        return None

    async def send(self, interaction: Interaction) -> None:
        body = json.dumps(interaction.payload).encode()
        interaction.sent += 1
        interaction.sent_to = self
        try:
            limit = self._world.settings["answer_limit"]
            status, kind, answer = await asyncio.wait_for(self._post(body, self.signed(body)), limit)
            self._take(interaction, status, kind, answer)
        except asyncio.TimeoutError:
            pass  # whoever watches for unanswered ones will tell
        except aiohttp.ClientError:
            interaction.sent_to = None  # nobody was there to answer
        self._world.touch(interaction)

    @property
    def is_open(self) -> bool:
        return self.url is not None

    def _take(self, interaction: Interaction, status: int, kind: str, answer: bytes) -> None:
        world = self._world
        if status == 202:
            return
        if status != 200:
            world.breach("ENDPOINT", f"answered with {status}: {answer[:200]!r}", interaction=interaction.id)
            return
        route = next(item for item in self._spec.routes if item.template.endswith("/callback"))
        try:
            body, files, problems = ((json.loads(answer), [], []) if kind.startswith("application/json")
                                     else parse_form(answer, kind))
            problems = problems + self._spec.check_body(route, body)
            if interaction.answers:
                world.breach("ANSWERED_TWICE", f"interaction {interaction.id}: {body}", interaction=interaction.id)
                return
            give(world, interaction, body, files, problems, "endpoint")
        except (ValueError, Refused) as error:
            world.breach("ENDPOINT", f"{kind}: {error}: {answer[:200]!r}", interaction=interaction.id)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


