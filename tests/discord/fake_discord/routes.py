"""What each operation does."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from fake_discord.answers import callback_json, give
from fake_discord.command_rules import CHAT, commands_problems
from fake_discord.errors import Refused, bad_form
from fake_discord.messages import check_sizes, create, draft_of, edit
from fake_discord.openapi import Problem
from fake_discord.people import DM_CHANNEL, MIB, PERMISSIONS, Channel
from fake_discord.rest import Answer, Call, Handler
from fake_discord.rules import Draft, message_problems
from fake_discord.state import Interaction, Message, World

HOUR = 3600.0
DEAD_GRACE = 1.0  # seconds: what was on its way when a 401 or 404 went out
USER_INSTALL_FOLLOWUPS = 5
CREATES_A_DAY = 200


class Routes:
    def __init__(self, world: World, gateway_info: Any) -> None:
        self._world = world
        self._gateway_info = gateway_info
        self._creates: Dict[str, List[float]] = {}
        self._old_edits: Dict[str, List[float]] = {}
        commands = "/applications/{application_id}/commands"
        guild_commands = "/applications/{application_id}/guilds/{guild_id}/commands"
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        messages = "/channels/{channel_id}/messages"
        self.handlers: Dict[str, Handler] = {
            "GET /gateway/bot": lambda _: Answer(200, self._gateway_info()),
            "GET /applications/@me": self._application,
            "GET /oauth2/applications/@me": self._application,
            "GET /users/@me": self._me,
            "POST /users/@me/channels": self._open_dm,
            "GET " + commands: self._commands, "PUT " + commands: self._set_commands,
            "GET " + guild_commands: self._commands, "PUT " + guild_commands: self._set_commands,
            "POST /interactions/{interaction_id}/{interaction_token}/callback": self._callback,
            "POST " + webhook: self._follow_up,
            **{f"{method} {webhook}/messages/{which}": handler for which in ("@original", "{message_id}")
               for method, handler in (("GET", self._get_webhook), ("PATCH", self._edit_webhook),
                                       ("DELETE", self._delete_webhook))},
            "GET /channels/{channel_id}": self._get_channel,
            "POST " + messages: self._post,
            "GET " + messages + "/{message_id}": self._get_message,
            "PATCH " + messages + "/{message_id}": self._edit_message,
            "DELETE " + messages + "/{message_id}": self._delete_message,
        }

    def _judge(self, call: Call, problems: List[Problem]) -> None:
        """Keeps what is wrong, and refuses the request if Discord would."""
        problems = call.problems + problems
        for problem in problems:
            self._world.breach(problem.code, f"{call.route.name}: {problem.describe()}")
        if any(problem.answered for problem in problems):
            raise bad_form([problem for problem in problems if problem.answered])

    # -- about the application ------------------------------------------------------------------------------------

    def _application(self, call: Call) -> Answer:
        self._judge(call, [])
        world = self._world
        return Answer(200, {
            "id": world.application_id, "name": "comfygate", "icon": None, "description": "", "type": None,
            "bot": world.bot.to_json(), "bot_public": True, "bot_require_code_grant": False,
            "verify_key": world.settings.get("verify_key", "00" * 32), "flags": 0, "flags_new": "0",
            "redirect_uris": [], "interactions_endpoint_url": world.settings.get("interactions_endpoint"),
            "role_connections_verification_url": None, "owner": world.owner.to_json(),
            "approximate_guild_count": len(world.guilds), "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0, "explicit_content_filter": 0, "team": None,
            "eligible_oauth2_scopes": ["bot", "applications.commands"]})

    def _me(self, call: Call) -> Answer:
        self._judge(call, [])
        return Answer(200, {**self._world.bot.to_json(), "mfa_enabled": False, "locale": "en-US", "verified": True})

    def _open_dm(self, call: Call) -> Answer:
        self._judge(call, [])
        user = self._world.users.get(str(call.body.get("recipient_id")))
        if user is None or user.is_bot:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        return Answer(200, self._world.dm_with(user).to_json())

    # -- commands -------------------------------------------------------------------------------------------------

    def _scope(self, call: Call) -> str:
        if call.ids["application_id"] != self._world.application_id:
            self._world.breach("UNKNOWN_APPLICATION", f"{call.route.name}: {call.ids['application_id']}")
            raise Refused(403, 20012, "You are not authorized to perform this action on this application")
        guild_id = call.ids.get("guild_id", "")
        if guild_id and (guild_id not in self._world.guilds or not self._world.guilds[guild_id].has_bot):
            raise Refused(403, 50001, "Missing Access")
        return guild_id

    def _commands(self, call: Call) -> Answer:
        scope = self._scope(call)
        self._judge(call, [])
        shown = []
        for command in self._world.commands.get(scope, []):
            command = dict(command)
            if not call.flag("with_localizations"):
                command = _without_localizations(command)
            shown.append(command)
        return Answer(200, shown)

    def _set_commands(self, call: Call) -> Answer:
        scope = self._scope(call)
        self._judge(call, commands_problems(call.body, bool(scope)))
        old = {(command["type"], command["name"]): command for command in self._world.commands.get(scope, [])}
        fresh = [self._command(item, scope, old) for item in call.body or []]
        self._count_creates(scope, sum(1 for item in fresh if (item["type"], item["name"]) not in old))
        self._world.commands[scope] = fresh
        self._world.touch()
        return Answer(200, fresh)

    def _count_creates(self, scope: str, count: int) -> None:
        day_ago = self._world.clock.now() - 86400
        recent = [at for at in self._creates.get(scope, []) if at > day_ago]
        if len(recent) + count > CREATES_A_DAY:
            self._world.breach("COMMAND_CREATES", f"{len(recent) + count} new commands within a day")
            raise Refused(400, 30034, "Max number of daily application command creates has been reached (200)")
        self._creates[scope] = recent + [self._world.clock.now()] * count

    def _command(self, item: Dict[str, Any], scope: str, old: Dict[Any, Dict[str, Any]]) -> Dict[str, Any]:
        kind = item.get("type") or CHAT
        before = old.get((kind, item["name"]))
        bits = item.get("default_member_permissions")
        shown = {"id": before["id"] if before else self._world.clock.new_id(),
                 "application_id": self._world.application_id, "version": self._world.clock.new_id(), "type": kind,
                 "name": item["name"], "name_localizations": item.get("name_localizations"),
                 "description": item.get("description") or "",
                 "description_localizations": item.get("description_localizations"),
                 "default_member_permissions": None if bits is None else str(bits), "nsfw": bool(item.get("nsfw"))}
        if item.get("options"):
            shown["options"] = item["options"]
        if scope:
            shown["guild_id"] = scope
        else:
            shown["contexts"] = item.get("contexts")
            shown["integration_types"] = item.get("integration_types") or [0]
            shown["dm_permission"] = item.get("dm_permission") is not False
        return shown

    # -- interactions ---------------------------------------------------------------------------------------------

    def _callback(self, call: Call) -> Answer:
        world = self._world
        interaction = world.interactions.get(call.ids["interaction_id"])
        if interaction is None or interaction.token != call.ids["interaction_token"]:
            world.breach("UNKNOWN_INTERACTION", f"{call.ids['interaction_id']}: there is none, or not with this token")
            raise Refused(404, 10062, "Unknown interaction")
        if interaction.answers:
            world.breach("ANSWERED_TWICE", f"interaction {interaction.id}: {call.body}", interaction=interaction.id)
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        late = world.clock.mono() - interaction.started
        if late > world.settings["answer_limit"]:
            if interaction.sent_to is not None and interaction.sent_to.is_open:
                world.breach("LATE_ANSWER", f"interaction {interaction.id}: after {late:.2f} s",
                             interaction=interaction.id)
            raise Refused(404, 10062, "Unknown interaction")
        message = give(world, interaction, call.body, call.files, call.problems, call.route.name)
        if call.flag("with_response"):
            return Answer(200, callback_json(world, interaction, call.body["type"], message))
        return Answer(204)

    def _token(self, call: Call) -> Interaction:
        """The interaction whose token this is, if the token is good for anything."""
        world = self._world
        interaction = world.by_token.get(call.ids["webhook_token"])
        if interaction is None or call.ids["webhook_id"] != world.application_id:
            world.breach("UNKNOWN_WEBHOOK", f"{call.route.name}: no such application and token")
            raise Refused(404, 10015, "Unknown Webhook")
        target = call.ids.get("message_id", "@original") if "/messages/" in call.route.template else "POST"
        dead_at = min((at for key, at in interaction.dead.items() if key in ("token", target)), default=None)
        if dead_at is not None and world.clock.mono() > dead_at + DEAD_GRACE:
            world.breach("DEAD_WEBHOOK", f"{call.route.name}: it has answered 401 or 404 before",
                         interaction=interaction.id)
        if world.is_expired(interaction):
            interaction.dead.setdefault("token", world.clock.mono())
            raise Refused(401, 50027, "Invalid Webhook Token")
        if not interaction.answers:
            if interaction.sent_to is not None:
                world.breach("EDIT_BEFORE_ANSWER", f"{call.route.name}: nothing was answered yet",
                             interaction=interaction.id)
            raise Refused(404, 10015, "Unknown Webhook")
        return interaction

    def _webhook_message(self, call: Call) -> Message:
        interaction = self._token(call)
        wanted = call.ids.get("message_id")
        message: Optional[Message] = interaction.original
        if wanted is not None and (message is None or message.id != wanted):
            message = next((item for item in interaction.messages if item.id == wanted), None)
        if message is None or message.is_deleted:
            interaction.dead.setdefault(wanted or "@original", self._world.clock.mono())
            raise Refused(404, 10008, "Unknown Message")
        return message

    def _get_webhook(self, call: Call) -> Answer:
        message = self._webhook_message(call)
        self._judge(call, [])
        return Answer(200, self._world.message_json(message))

    def _edit_webhook(self, call: Call) -> Answer:
        message = self._webhook_message(call)
        interaction = self._world.by_token[call.ids["webhook_token"]]
        self._change(call, message, interaction.file_limit, "original" if message is interaction.original
                     else "followup")
        self._world.touch(interaction)
        return Answer(200, self._world.message_json(message))

    def _delete_webhook(self, call: Call) -> Answer:
        message = self._webhook_message(call)
        self._judge(call, [])
        self._world.delete_message(message, "the bot")
        return Answer(204)

    def _follow_up(self, call: Call) -> Answer:
        world = self._world
        interaction = self._token(call)
        if interaction.is_deferred:
            world.breach("FOLLOW_UP_BEFORE_EDIT", "the first follow-up after a deferral edits the original, which "
                         "is deprecated", interaction=interaction.id)
            self._change(call, interaction.original, interaction.file_limit, "original")
            return Answer(200, world.message_json(interaction.original))
        if interaction.is_user_install and interaction.followups >= USER_INSTALL_FOLLOWUPS:
            raise Refused(400, 40094, "Maximum number of follow-up messages has been reached")
        draft = draft_of(world, call.body, call.files)
        self._judge(call, message_problems(draft))
        check_sizes(world, call.files, interaction.file_limit, call.route.name)
        message = create(world, interaction.channel, world.bot, draft, "followup", interaction)
        interaction.followups += 1
        world.remember(message, "followup")
        return Answer(200, world.message_json(message))

    def _change(self, call: Call, message: Message, limit: int, via: str) -> None:
        draft = draft_of(self._world, call.body, call.files, message, is_edit=True)
        self._judge(call, message_problems(draft))
        check_sizes(self._world, call.files, limit, call.route.name)
        edit(self._world, message, draft, via)

    # -- channels -------------------------------------------------------------------------------------------------

    def _channel(self, call: Call, *needed: str) -> Channel:
        channel = self._world.channels.get(call.ids["channel_id"])
        if channel is None:
            raise Refused(404, 10003, "Unknown Channel")
        if channel.guild is None:
            return channel
        if not channel.guild.has_bot or not self._has(channel, "VIEW_CHANNEL"):
            raise Refused(403, 50001, "Missing Access")
        if any(not self._has(channel, name) for name in needed):
            raise Refused(403, 50013, "Missing Permissions")
        return channel

    @staticmethod
    def _has(channel: Channel, name: str) -> bool:
        return bool(channel.permissions & (PERMISSIONS[name] | PERMISSIONS["ADMINISTRATOR"]))

    def _message(self, call: Call, channel: Channel) -> Message:
        message = channel.messages.get(call.ids["message_id"])
        if message is None or message.is_ephemeral:
            raise Refused(404, 10008, "Unknown Message")
        return message

    def _own(self, call: Call, channel: Channel) -> Message:
        message = self._message(call, channel)
        if message.author is not self._world.bot:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        return message

    def _get_channel(self, call: Call) -> Answer:
        channel = self._channel(call)
        self._judge(call, [])
        return Answer(200, channel.to_json())

    def _get_message(self, call: Call) -> Answer:
        message = self._message(call, self._channel(call, "READ_MESSAGE_HISTORY"))
        self._judge(call, [])
        return Answer(200, self._world.message_json(message))

    def _delete_message(self, call: Call) -> Answer:
        message = self._own(call, self._channel(call))
        self._judge(call, [])
        self._world.delete_message(message, "the bot")
        return Answer(204)

    def _edit_message(self, call: Call) -> Answer:
        channel = self._channel(call)
        message = self._own(call, channel)
        if channel.is_archived:
            raise Refused(400, 50083, "Thread is archived")
        if self._world.clock.now() - message.created > HOUR:
            self._count_old_edit(channel)
        if call.files:
            self._channel(call, "ATTACH_FILES")
        self._change(call, message, self._limit(channel), "channel")
        return Answer(200, self._world.message_json(message))

    def _count_old_edit(self, channel: Channel) -> None:
        """Messages older than an hour have a limit of their own, which no header tells."""
        most, seconds = self._world.settings["old_edits"]
        now = self._world.clock.mono()
        recent = [at for at in self._old_edits.get(channel.id, []) if at > now - seconds]
        if len(recent) >= most:
            refused = Refused(429, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again "
                              "later")
            refused.body["retry_after"] = round(recent[0] + seconds - now, 3)
            raise refused
        self._old_edits[channel.id] = recent + [now]

    @staticmethod
    def _limit(channel: Channel) -> int:
        return 10 * MIB if channel.guild is None else channel.guild.attachment_limit

    def _post(self, call: Call) -> Answer:
        world = self._world
        channel = self._channel(call, *self._needed(call))
        draft = draft_of(world, call.body, call.files, may_be_ephemeral=False)
        reference = call.body.get("message_reference")
        self._judge(call, message_problems(draft) + self._post_problems(call.body, reference, channel))
        check_sizes(world, call.files, self._limit(channel), call.route.name)
        if channel.type == DM_CHANNEL:
            self._may_dm(channel)
        key = (channel.id, str(call.body.get("nonce")))
        known = world.nonces.get(key) if call.body.get("enforce_nonce") else None
        if known is not None and world.clock.now() - known.created < 300:
            return Answer(200, world.message_json(known))
        return Answer(200, world.message_json(self._create(call, channel, draft, reference, key)))

    def _create(self, call: Call, channel: Channel, draft: Draft, reference: Any, key: Any) -> Message:
        world = self._world
        message = create(world, channel, world.bot, draft, "channel")
        message.nonce = call.body.get("nonce")
        target = channel.messages.get(str(reference.get("message_id"))) if reference else None
        if target is not None:
            message.reference = {"type": 0, "channel_id": channel.id, "message_id": target.id,
                                 **({"guild_id": channel.guild.id} if channel.guild else {})}
        if message.nonce is not None:
            world.nonces[key] = message
        self._belongs(message, str((reference or {}).get("message_id")))
        world.remember(message, "channel")
        return message

    def _belongs(self, message: Message, referred: str) -> None:
        """A message about one that answered an interaction (also one that is gone) belongs to that, too."""
        about = self._world.messages.get(referred)
        if about is not None and about.interaction is not None:
            message.interaction = about.interaction
            about.interaction.messages.append(message)

    def _needed(self, call: Call) -> List[str]:
        channel = self._world.channels.get(call.ids["channel_id"])
        needed = ["SEND_MESSAGES_IN_THREADS" if channel is not None and channel.is_thread else "SEND_MESSAGES"]
        if call.files:
            needed.append("ATTACH_FILES")
        if isinstance(call.body, dict) and call.body.get("embeds"):
            needed.append("EMBED_LINKS")
        return needed

    def _post_problems(self, body: Dict[str, Any], reference: Any, channel: Channel) -> List[Problem]:
        problems = []
        if body.get("enforce_nonce") and body.get("nonce") is None:
            problems.append(Problem(("nonce",), "NONCE_MISSING", "enforce_nonce without a nonce", False))
        if isinstance(reference, dict):
            if channel.guild is not None and not self._has(channel, "READ_MESSAGE_HISTORY"):
                raise Refused(400, 160002, "Cannot reply without permission to read message history")
            is_there = str(reference.get("message_id")) in channel.messages
            if not is_there and reference.get("fail_if_not_exists") is not False:
                problems.append(Problem(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"))
        return problems

    def _may_dm(self, channel: Channel) -> None:
        user = channel.recipients[0]
        if not user.dms_open:
            raise Refused(403, 50007, "Cannot send messages to this user")
        shares = any(guild.has_bot and user.id in guild.members for guild in self._world.guilds.values())
        if not shares and not user.has_installed:
            raise Refused(403, 50278, "Cannot send messages to this user due to having no mutual guilds")


def _without_localizations(node: Dict[str, Any]) -> Dict[str, Any]:
    shown = {key: value for key, value in node.items() if not key.endswith("_localizations")}
    if isinstance(shown.get("options"), list):
        shown["options"] = [_without_localizations(option) for option in shown["options"]]
    return shown
