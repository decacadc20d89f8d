"""The second port: what tests tell the fake, and ask it. POST {"do": NAME, "with": {...}} gives {"result": ...}."""

from __future__ import annotations

import base64
import inspect
import traceback
from typing import Any, Dict, List, Optional

from aiohttp import web

from fake_discord.actions import Actions, Upload
from fake_discord.people import (BOT_DEFAULT, MEMBER_DEFAULT, MIB, MODERATOR, PUBLIC_THREAD, TEXT_CHANNEL, Channel,
                                 Guild, Member, User, permission_bits)
from fake_discord.state import Interaction, Message, NotPossible

WAIT_MAX = 60.0


class Control:
    def __init__(self, server: Any) -> None:
        self._server = server
        self._world = server.world
        self._actions = Actions(server.world)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            call = await request.json()
            method = getattr(self, "do_" + call["do"])
            result = method(**{name: self._given(value) for name, value in call.get("with", {}).items()})
            if inspect.isawaitable(result):
                result = await result
            return web.json_response({"result": result})
        except NotPossible as error:
            return web.json_response({"not_possible": str(error)}, status=409)
        except Exception:  # the test is told, whatever it is
            return web.json_response({"error": traceback.format_exc()}, status=500)

    def _given(self, value: Any) -> Any:
        """JSON, with files and users in it."""
        if isinstance(value, list):
            return [self._given(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$file" in value:
            return Upload(value["$file"], base64.b64decode(value["data"]), value.get("type"))
        if "$user" in value:
            return self._world.users[value["$user"]]
        return {name: self._given(item) for name, item in value.items()}

    # -- people ---------------------------------------------------------------------------------------------------

    def do_guild(self, name: str = "guild", has_bot: bool = True, attachment_limit: int = 10 * MIB,
                 locale: str = "en-US") -> str:
        guild = Guild(self._world.clock.new_id(), name, locale, has_bot, attachment_limit)
        self._world.guilds[guild.id] = guild
        return guild.id

    def do_channel(self, guild: str, name: str = "general", nsfw: bool = False, permissions: Any = None,
                   thread: bool = False, archived: bool = False) -> str:
        channel = Channel(self._world.clock.new_id(), PUBLIC_THREAD if thread else TEXT_CHANNEL, name,
                          self._world.guilds[guild], nsfw, archived, permission_bits(permissions, BOT_DEFAULT))
        self._world.channels[channel.id] = channel
        return channel.id

    def do_user(self, name: str = "user", guilds: Optional[List[str]] = None, roles: Optional[List[str]] = None,
                permissions: Any = None, dms: bool = True, installed: bool = False, locale: str = "en-US",
                attachment_limit: int = 10 * MIB, nick: Optional[str] = None, moderator: bool = False) -> str:
        world = self._world
        user = User(world.clock.new_id(), name.lower(), name, False, locale, dms, installed, attachment_limit)
        world.users[user.id] = user
        for guild in [world.guilds[key] for key in guilds or []]:
            ids = [guild.roles.setdefault(role, world.clock.new_id()) for role in roles or []]
            bits = permission_bits(permissions, MEMBER_DEFAULT) | (MODERATOR if moderator else 0)
            guild.members[user.id] = Member(user, ids, bits, nick)
        return user.id

    def do_role(self, guild: str, name: str) -> str:
        found = self._world.guilds[guild]
        return found.roles.setdefault(name, self._world.clock.new_id())

    def do_dm(self, user: str) -> str:
        return self._world.dm_with(self._world.users[user]).id

    def do_group(self, users: List[str]) -> str:
        """A group of users without the bot."""
        members = [self._world.users[key] for key in users]
        channel = Channel(self._world.clock.new_id(), 3, recipients=members)
        self._world.channels[channel.id] = channel
        return channel.id

    def do_change_channel(self, channel: str, permissions: Any = None, archived: Optional[bool] = None,
                          nsfw: Optional[bool] = None) -> None:
        found = self._world.channels[channel]
        found.permissions = permission_bits(permissions, found.permissions)
        found.is_archived = found.is_archived if archived is None else archived
        found.is_nsfw = found.is_nsfw if nsfw is None else nsfw

    def do_change_user(self, user: str, dms: Optional[bool] = None) -> None:
        if dms is not None:
            self._world.users[user].dms_open = dms

    def do_delete_channel(self, channel: str) -> None:
        self._world.channels.pop(channel)

    # -- what people do -------------------------------------------------------------------------------------------

    def do_command(self, user: str, channel: str, name: str, options: Dict[str, Any], forged: bool = False,
                   focused: Optional[str] = None) -> str:
        return self._actions.command(self._world.users[user], self._world.channels[channel], name, options, forged,
                                     focused).id

    def do_context_menu(self, user: str, target: str, name: str, channel: Optional[str] = None) -> str:
        world = self._world
        wanted = world.messages[target] if target in world.messages else world.users[target]
        place = wanted.channel if isinstance(wanted, Message) else world.channels[channel]
        return self._actions.context_menu(world.users[user], wanted, name, place).id

    def do_press(self, user: str, message: str, what: str, forged: bool = False) -> str:
        return self._actions.press(self._world.users[user], self._world.messages[message], what, forged).id

    def do_select(self, user: str, message: str, values: List[str], custom_id: Optional[str] = None,
                  forged: bool = False) -> str:
        return self._actions.select(self._world.users[user], self._world.messages[message], values, custom_id,
                                    forged).id

    def do_submit_modal(self, user: str, interaction: str, values: Dict[str, Any], forged: bool = False) -> str:
        return self._actions.submit_modal(self._world.users[user], self._world.interactions[interaction], values,
                                          forged).id

    def do_post(self, user: str, channel: str, content: str = "", files: Optional[List[Upload]] = None) -> str:
        return self._actions.post(self._world.users[user], self._world.channels[channel], content, files or []).id

    def do_delete_message(self, message: str) -> None:
        self._world.delete_message(self._world.messages[message], "a user")

    # -- what there is --------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> Dict[str, Any]:
        return {"id": message.id, "kind": message.kind, "deleted": message.is_deleted, "only_for": message.only_for,
                "author": message.author.id, "interaction": message.interaction.id if message.interaction else None,
                "changes": len(message.history), "json": self._world.message_json(message)}

    def _interaction(self, interaction: Interaction) -> Dict[str, Any]:
        return {"id": interaction.id, "token": interaction.token, "type": interaction.type,
                "version": interaction.version, "user": interaction.user.id, "channel": interaction.channel.id,
                "answers": interaction.answers, "sent": interaction.sent, "unanswered": interaction.is_over,
                "deferred": interaction.is_deferred, "expired": self._world.is_expired(interaction),
                "original": self._message(interaction.original) if interaction.original else None,
                "messages": [self._message(message) for message in interaction.messages]}

    def do_interaction(self, interaction: str) -> Dict[str, Any]:
        return self._interaction(self._world.interactions[interaction])

    def do_payload(self, interaction: str) -> Dict[str, Any]:
        return self._world.interactions[interaction].payload

    def do_name(self, user: str) -> str:
        found = self._world.users.get(user)
        return "unknown" if found is None else found.global_name or found.name

    def do_message(self, message: str) -> Dict[str, Any]:
        return self._message(self._world.messages[message])

    def do_history(self, message: str) -> List[Dict[str, Any]]:
        return self._world.messages[message].history

    def do_messages(self, channel: str, user: Optional[str] = None) -> List[Dict[str, Any]]:
        """Those that are there, oldest first; with `user`: what that one sees."""
        shown = self._world.channels[channel].messages.values()
        return [self._message(message) for message in shown if user is None or message.only_for in (None, user)]

    def do_file(self, attachment: str) -> Dict[str, Any]:
        found = self._world.attachments[attachment]
        return {"filename": found.filename, "type": found.content_type, "spoiler": found.is_spoiler,
                "data": base64.b64encode(found.data).decode()}

    async def do_wait(self, interaction: Optional[str] = None, since: int = 0, timeout: float = 10.0) -> Dict[str, Any]:
        """Until the interaction, or without one anything at all, has changed since that version."""
        timeout = min(timeout, WAIT_MAX)
        if interaction is None:
            await self._world.wait(lambda: self._world.version > since, timeout)
            return {"version": self._world.version}
        found = self._world.interactions[interaction]
        await self._world.wait(lambda: found.version > since, timeout)
        return self._interaction(found)

    def do_version(self) -> int:
        return self._world.version

    def do_commands(self, guild: str = "") -> List[Dict[str, Any]]:
        return self._world.commands.get(guild, [])

    # -- what was done --------------------------------------------------------------------------------------------

    def do_breaches(self, clear: bool = False) -> List[Dict[str, Any]]:
        shown = list(self._world.breaches)
        if clear:
            self._world.breaches.clear()
        return shown

    def do_requests(self, route: str = "", since: int = 0) -> List[Dict[str, Any]]:
        return [entry for entry in list(self._world.journal)[since:] if route in (entry["route"] or "")]

    def do_counts(self) -> Dict[str, Any]:
        world, limits = self._world, self._server.limits
        return {"requests": len(world.journal), "429": len(world.limits_429), "invalid": limits.invalid,
                "unanswered": list(world.unanswered), "breaches": len(world.breaches),
                "interactions": len(world.interactions)}

    def do_429s(self) -> List[Dict[str, Any]]:
        return self._world.limits_429

    def do_pings(self) -> List[Dict[str, Any]]:
        return self._world.pings

    def do_connections(self) -> List[Dict[str, Any]]:
        return self._server.gateway.log

    # -- time, faults, limits -------------------------------------------------------------------------------------

    def do_advance(self, seconds: float) -> None:
        self._world.clock.advance(seconds)
        self._world.touch()

    def do_fault(self, name: str, count: Optional[int] = 1, after: int = 0,
                 params: Optional[Dict[str, Any]] = None) -> int:
        """How many connections it has struck at once."""
        fault = self._world.faults.add(name, count, after, **(params or {}))
        return self._server.gateway.act_now(fault) if self._server.gateway.is_for_now(fault) else 0

    def do_clear_faults(self, name: Optional[str] = None) -> None:
        self._world.faults.clear(name)

    def do_faults_seen(self) -> List[Dict[str, Any]]:
        return self._world.faults.seen()

    def do_limit(self, route: str, limit: int, seconds: float) -> None:
        self._server.limits.set(route, limit, seconds)

    def do_limits(self, on: Optional[bool] = None, per_second: Optional[int] = None,
                  invalid_max: Optional[int] = None) -> None:
        limits = self._server.limits
        limits.is_on = limits.is_on if on is None else on
        limits.per_second = per_second or limits.per_second
        limits.invalid_max = limits.invalid_max if invalid_max is None else invalid_max

    def do_setting(self, name: str, value: Any) -> None:
        if name in self._world.settings:
            self._world.settings[name] = value
        elif name in ("interval_ms", "remaining", "max_concurrency", "identify_every", "session_life",
                      "shards_required"):
            setattr(self._server.gateway, name, value)
        else:
            raise ValueError(f"no setting {name!r}")

    def do_new_token(self, token: str) -> None:
        """The old one is no longer good for anything."""
        self._world.token = token

    async def do_gateway(self, on: bool) -> None:
        if on:
            await self._server.gateway_ports.open()
        else:
            self._server.gateway.abort_all()
            await self._server.gateway_ports.kill()

    async def do_rest(self, on: bool) -> None:
        await (self._server.rest_ports.open() if on else self._server.rest_ports.kill())

    def do_forget_sessions(self) -> None:
        self._server.gateway.forget_sessions()

    async def do_endpoint(self, url: Optional[str]) -> None:
        await self._server.endpoint.set(url)

    async def do_probe(self) -> Optional[str]:
        return await self._server.endpoint.probe()

    def do_sign(self, body: str, timestamp: Optional[str] = None) -> Dict[str, str]:
        return self._server.endpoint.signed(body.encode(), timestamp)
