"""What people do: they call commands, type, press, choose, fill in forms, post and delete.

What Discord's own client would not let them do raises NotPossible, unless it is forged: a client of somebody's own
can send anything that Discord does not check.
"""

from __future__ import annotations

import secrets
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from fake_discord.components import BUTTON, LABEL, LINK, ROW, TEXT_INPUT, walk
from fake_discord.people import DM_CHANNEL, MIB, PERMISSIONS, Channel, User
from fake_discord.state import Attachment, Interaction, Message, NotPossible, World

COMMAND, COMPONENT, AUTOCOMPLETE, SUBMIT = 2, 3, 4, 5
STRING, INTEGER, BOOLEAN, USER, NUMBER, FILE = 3, 4, 5, 6, 10, 11
CHECKS = {21: "value", 23: "value"}
FILE_UPLOAD = 19


class Upload(NamedTuple):
    """A file that a user gives with a command or a form."""

    filename: str
    data: bytes
    content_type: Optional[str]


class Actions:
    def __init__(self, world: World) -> None:
        self._world = world

    # -- the interaction itself -----------------------------------------------------------------------------------

    def _begin(self, kind: int, user: User, channel: Channel, data: Dict[str, Any],
               source: Optional[Message] = None, **more: Any) -> Interaction:
        """Makes it and sends it on its way."""
        world, guild = self._world, channel.guild
        is_user_install = user.has_installed and (guild is not None and not guild.has_bot)
        interaction = Interaction(world.clock.new_id(), secrets.token_urlsafe(120), kind, user, channel, guild,
                                  world.clock.now(), world.clock.mono(), {}, source=source,
                                  is_user_install=is_user_install)
        member = guild.members.get(user.id) if guild is not None else None
        interaction.file_limit = max(guild.attachment_limit if guild is not None else 10 * MIB, user.attachment_limit)
        interaction.must_be_ephemeral = bool(is_user_install and member is not None
                                             and not member.permissions & PERMISSIONS["USE_EXTERNAL_APPS"])
        payload: Dict[str, Any] = {
            "id": interaction.id, "application_id": world.application_id, "type": kind, "token": interaction.token,
            "version": 1, "data": data, "channel_id": channel.id, "channel": channel.partial(member),
            "app_permissions": str(self._app_permissions(channel)), "locale": user.locale, "entitlements": [],
            "entitlement_sku_ids": [], "attachment_size_limit": interaction.file_limit,
            "authorizing_integration_owners": self._owners(user, channel),
            "context": 0 if guild is not None else 1 if channel.type == DM_CHANNEL else 2, **more}
        if guild is not None:
            payload.update(guild_id=guild.id, guild_locale=guild.locale, member=member.to_json(),
                           guild={"id": guild.id, "locale": guild.locale, "features": []})
        else:
            payload["user"] = user.to_json()
        interaction.payload = payload
        world.interactions[interaction.id] = world.by_token[interaction.token] = interaction
        world.deliver(interaction)
        return interaction

    @staticmethod
    def _app_permissions(channel: Channel) -> int:
        if channel.guild is None or not channel.guild.has_bot:
            return PERMISSIONS["ATTACH_FILES"] | PERMISSIONS["EMBED_LINKS"] | 1 << 17 | 1 << 18
        return channel.permissions

    @staticmethod
    def _owners(user: User, channel: Channel) -> Dict[str, str]:
        owners = {}
        if channel.guild is not None and channel.guild.has_bot:
            owners["0"] = channel.guild.id
        elif channel.type == DM_CHANNEL and not user.has_installed:
            owners["0"] = "0"
        if user.has_installed:
            owners["1"] = user.id
        return owners

    def _may_use(self, user: User, channel: Channel) -> None:
        if channel.guild is not None:
            if user.id not in channel.guild.members:
                raise NotPossible(f"{user.name} is not in {channel.guild.name}")
            if not channel.guild.has_bot and not user.has_installed:
                raise NotPossible(f"the application is neither in {channel.guild.name} nor with {user.name}")
        elif user not in channel.recipients:
            raise NotPossible(f"{user.name} is not in this conversation")

    # -- commands -------------------------------------------------------------------------------------------------

    def _registered(self, name: str, kind: int, channel: Channel) -> Optional[Dict[str, Any]]:
        scopes = ([channel.guild.id] if channel.guild is not None else []) + [""]
        for scope in scopes:
            for command in self._world.commands.get(scope, []):
                if command["name"] == name and command["type"] == kind:
                    contexts = command.get("contexts")
                    wanted = 0 if channel.guild is not None else 1
                    if contexts is None or wanted in contexts:
                        return command
        return None

    def command(self, user: User, channel: Channel, name: str, values: Dict[str, Any], forged: bool = False,
                focused: Optional[str] = None) -> Interaction:
        """`name` may have sub-commands: "settings show". Files are Upload. `focused`: an autocomplete."""
        self._may_use(user, channel)
        words = name.split()
        command = self._registered(words[0], 1, channel)
        if command is None and not forged:
            raise NotPossible(f"there is no /{words[0]} here")
        if command is not None and command.get("nsfw") and not channel.is_nsfw and not forged:
            raise NotPossible(f"/{words[0]} is for age-restricted channels")
        declared, levels = (command or {}).get("options") or [], []
        for word in words[1:]:
            level = next((item for item in declared if item["name"] == word), {"type": 1, "name": word})
            levels.append(level)
            declared = level.get("options") or []
        resolved: Dict[str, Any] = {}
        options = [self._option(declared, key, value, user, channel, resolved, forged or focused is not None)
                   for key, value in values.items()]
        for option in options:
            if option["name"] == focused:
                option["focused"] = True
        if focused is None and not forged:
            _require(declared, values)
        for level in reversed(levels):
            options = [{"type": level["type"], "name": level["name"], "options": options}]
        data: Dict[str, Any] = {"id": command["id"] if command else self._world.clock.new_id(), "name": words[0],
                                "type": 1}
        if options:
            data["options"] = options
        if resolved:
            data["resolved"] = resolved
        if command is not None and "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return self._begin(COMMAND if focused is None else AUTOCOMPLETE, user, channel, data)

    def _option(self, declared: List[Dict[str, Any]], name: str, value: Any, user: User, channel: Channel,
                resolved: Dict[str, Any], is_free: bool) -> Dict[str, Any]:
        wanted = next((item for item in declared if item["name"] == name), None)
        if wanted is None and not is_free:
            raise NotPossible(f"the command has no option {name!r}, only {[item['name'] for item in declared]}")
        kind = wanted["type"] if wanted else _kind_of(value)
        if wanted is not None and not is_free:
            _check_value(wanted, value)
        if isinstance(value, Upload):
            if len(value.data) > user.attachment_limit and not is_free:
                raise NotPossible("the file is too large for this user")
            attachment = self._upload(channel, value)
            resolved.setdefault("attachments", {})[attachment.id] = self._world.attachment_json(attachment)
            value = attachment.id
        elif isinstance(value, User):
            resolved.setdefault("users", {})[value.id] = value.to_json()
            value = value.id
        return {"type": kind, "name": name, "value": value}

    def _upload(self, channel: Channel, upload: Upload) -> Attachment:
        return self._world.add_attachment(channel, upload.filename, upload.data, upload.content_type, True)

    def context_menu(self, user: User, target: Any, name: str, channel: Channel) -> Interaction:
        self._may_use(user, channel)
        kind = 3 if isinstance(target, Message) else 2
        command = self._registered(name, kind, channel)
        if command is None:
            raise NotPossible(f"there is no {name!r} in this menu")
        shown = self._world.message_json(target) if kind == 3 else target.to_json()
        data = {"id": command["id"], "name": name, "type": kind, "target_id": target.id,
                "resolved": {"messages" if kind == 3 else "users": {target.id: shown}}}
        return self._begin(COMMAND, user, channel, data)

    # -- components -----------------------------------------------------------------------------------------------

    def _visible(self, user: User, message: Message, forged: bool) -> None:
        self._may_use(user, message.channel)
        if forged:
            return
        if message.is_deleted:
            raise NotPossible("the message was deleted")
        if message.only_for not in (None, user.id):
            raise NotPossible(f"only another user sees this message, not {user.name}")

    def press(self, user: User, message: Message, what: str, forged: bool = False) -> Interaction:
        """`what`: a label, a custom_id, or an emoji. Forged: the custom_id as it is."""
        self._visible(user, message, forged)
        custom_id = what
        if not forged:
            button = find_button(message, what)
            if button.get("disabled"):
                raise NotPossible(f"the button {what!r} is disabled")
            if button.get("style") == LINK:
                raise NotPossible(f"the button {what!r} is a link")
            custom_id = button["custom_id"]
        return self._component(user, message, {"component_type": BUTTON, "custom_id": custom_id})

    def select(self, user: User, message: Message, values: List[str], custom_id: Optional[str] = None,
               forged: bool = False) -> Interaction:
        """`values`: values or labels of options; without custom_id: of the first select that has them all."""
        self._visible(user, message, forged)
        if forged:
            return self._component(user, message, {"component_type": 3, "custom_id": custom_id, "values": values})
        for _, component in walk(message.components, ()):
            if component.get("type") == 3 and custom_id in (None, component["custom_id"]):
                chosen = _chosen(component, values)
                if chosen is not None and not component.get("disabled"):
                    data = {"component_type": 3, "custom_id": component["custom_id"], "values": chosen}
                    return self._component(user, message, data)
        raise NotPossible(f"no select takes {values}")

    def _component(self, user: User, message: Message, data: Dict[str, Any]) -> Interaction:
        data = {"id": 1, **data}
        return self._begin(COMPONENT, user, message.channel, data, source=message,
                           message=self._world.message_json(message))

    # -- modals ---------------------------------------------------------------------------------------------------

    def submit_modal(self, user: User, asked: Interaction, values: Dict[str, Any], forged: bool = False) -> Interaction:
        """Fills in the form that was the answer to `asked`, and sends it. What is not named keeps its value."""
        answer = asked.answers[0] if asked.answers else {}
        if answer.get("type") != 9:
            raise NotPossible("the interaction was not answered with a modal")
        if user is not asked.user and not forged:
            raise NotPossible("the form is another user's")
        data = answer["data"]
        resolved: Dict[str, Any] = {}
        left = dict(values)
        components = [self._filled(component, left, asked, resolved, forged) for component in data["components"]
                      if component["type"] in (ROW, LABEL)]
        if left and not forged:
            raise NotPossible(f"the form has no {', '.join(left)}")
        sent = {"custom_id": data["custom_id"], "components": components}
        if resolved:
            sent["resolved"] = resolved
        more = {"message": self._world.message_json(asked.source)} if asked.source is not None else {}
        return self._begin(SUBMIT, user, asked.channel, sent, source=asked.source, **more)

    def _filled(self, component: Dict[str, Any], values: Dict[str, Any], asked: Interaction,
                resolved: Dict[str, Any], forged: bool) -> Dict[str, Any]:
        if component["type"] == ROW:
            fields = [self._field(item, values, asked, resolved, forged) for item in component["components"]]
            return {"type": ROW, "id": component["id"], "components": fields}
        inner = self._field(component["component"], values, asked, resolved, forged)
        return {"type": LABEL, "id": component["id"], "component": inner}

    def _field(self, field: Dict[str, Any], values: Dict[str, Any], asked: Interaction, resolved: Dict[str, Any],
               forged: bool) -> Dict[str, Any]:
        kind, name = field["type"], field["custom_id"]
        shown: Dict[str, Any] = {"type": kind, "id": field.get("id", 1), "custom_id": name}
        if kind == TEXT_INPUT:
            shown["value"] = values.pop(name, field.get("value") or "")
            if not forged:
                _check_text(field, shown["value"])
        elif kind == FILE_UPLOAD:
            files = [self._upload(asked.channel, upload) for upload in values.pop(name, [])]
            for attachment in files:
                resolved.setdefault("attachments", {})[attachment.id] = self._world.attachment_json(attachment)
            shown["values"] = [attachment.id for attachment in files]
        elif kind in CHECKS:
            shown["value"] = values.pop(name, field.get("default") or (False if kind == 23 else None))
        else:
            defaults = [item["value"] for item in field.get("options") or [] if item.get("default")]
            wanted = values.pop(name, defaults)
            chosen = _chosen(field, wanted if isinstance(wanted, list) else [wanted]) if kind == 3 else wanted
            if chosen is None and not forged:
                raise NotPossible(f"{name} does not take {wanted}")
            shown["values"] = wanted if chosen is None else chosen
        return shown

    # -- messages of people ---------------------------------------------------------------------------------------

    def post(self, user: User, channel: Channel, content: str, uploads: List[Upload]) -> Message:
        self._may_use(user, channel) if channel.guild is None else None
        message = self._world.new_message(channel, user, "user")
        message.content = content
        message.attachments = [self._world.add_attachment(channel, item.filename, item.data, item.content_type)
                               for item in uploads]
        self._world.remember(message, "user")
        return message


def find_button(message: Message, what: str) -> Dict[str, Any]:
    """By custom_id, label, emoji, or a part of the label, in this order."""
    buttons = [component for _, component in walk(message.components, ()) if component.get("type") == BUTTON]
    emoji = [(item.get("emoji") or {}).get("name") for item in buttons]
    labels = [item.get("label") or "" for item in buttons]
    for fits in (lambda index: buttons[index].get("custom_id") == what, lambda index: labels[index] == what,
                 lambda index: emoji[index] == what, lambda index: what.lower() in labels[index].lower()):
        for index, button in enumerate(buttons):
            if fits(index):
                return button
    raise NotPossible(f"the message has no button {what!r}, only {labels}")


def _chosen(select: Dict[str, Any], wanted: List[str]) -> Optional[List[str]]:
    by_name = {item["label"]: item["value"] for item in select.get("options") or []}
    by_name.update({item["value"]: item["value"] for item in select.get("options") or []})
    if any(value not in by_name for value in wanted):
        return None
    least = 1 if select.get("min_values") is None else select["min_values"]
    if select.get("required") is False:
        least = 0
    if not least <= len(wanted) <= (select.get("max_values") or 1):
        return None
    return [by_name[value] for value in wanted]


def _require(declared: List[Dict[str, Any]], values: Dict[str, Any]) -> None:
    for option in declared:
        if option.get("required") and option["name"] not in values:
            raise NotPossible(f"the option {option['name']!r} is required")


def _kind_of(value: Any) -> int:
    if isinstance(value, bool):
        return BOOLEAN
    for kind, number in ((int, INTEGER), (float, NUMBER), (Upload, FILE), (User, USER)):
        if isinstance(value, kind):
            return number
    return STRING


def _check_value(option: Dict[str, Any], value: Any) -> None:
    """As Discord's client does before it sends."""
    kind, name = option["type"], option["name"]
    types: Dict[int, Tuple] = {STRING: (str,), INTEGER: (int,), BOOLEAN: (bool,), NUMBER: (int, float),
                               FILE: (Upload,), USER: (User,)}
    if kind in types and (not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != BOOLEAN)):
        raise NotPossible(f"{name} does not take {value!r}")
    choices = [item["value"] for item in option.get("choices") or []]
    if choices and value not in choices:
        raise NotPossible(f"{name} is one of {choices}, not {value!r}")
    size = len(value) if isinstance(value, str) else value
    low, high = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
    if kind in (STRING, INTEGER, NUMBER):
        least, most = option.get(low), option.get(high)
        if (least is not None and size < least) or size > (6000 if kind == STRING and most is None else
                                                           float("inf") if most is None else most):
            raise NotPossible(f"{name} is from {least} to {most}, not {size}")


def _check_text(field: Dict[str, Any], value: str) -> None:
    least, most = field.get("min_length") or 0, field.get("max_length") or 4000
    is_required = field.get("required") is not False
    if not value and is_required:
        raise NotPossible(f"{field['custom_id']} is required")
    if value and not least <= len(value) <= most:
        raise NotPossible(f"{field['custom_id']} has {least} to {most} characters, not {len(value)}")


