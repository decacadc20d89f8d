"""The first answer to an interaction, whichever way it comes: by callback, or in the response of an endpoint."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from fake_discord.components import modal_problems, numbered
from fake_discord.errors import Refused, bad_form
from fake_discord.messages import check_sizes, create, draft_of, edit
from fake_discord.openapi import Problem
from fake_discord.rules import Draft, File, callback_problems, choices_problems, message_problems
from fake_discord.state import EPHEMERAL, LOADING, Interaction, Message, World

REPLY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


def focused_option(options: Optional[List[Dict[str, Any]]]) -> Dict[str, Any]:
    """The option that is being typed, at any depth."""
    for option in options or []:
        found = option if option.get("focused") else focused_option(option.get("options"))
        if found:
            return found
    return {}


def answer_problems(world: World, interaction: Interaction, body: Dict[str, Any], files: List[File]) -> List[Problem]:
    """Beyond the schema."""
    problems = list(callback_problems(interaction.type, body, interaction.source is not None))
    data = body.get("data") if isinstance(body.get("data"), dict) else {}
    kind = body.get("type")
    if kind in (REPLY, UPDATE) and data:
        problems += message_problems(_draft(world, interaction, body, files))
    elif kind == CHOICES:
        focused = focused_option(interaction.payload["data"].get("options"))
        problems += choices_problems(data.get("choices"), focused.get("type", 0))
    elif kind == MODAL:
        problems += modal_problems(data)
    return problems


def _draft(world: World, interaction: Interaction, body: Dict[str, Any], files: List[File]) -> Draft:
    is_edit = body.get("type") == UPDATE
    draft = draft_of(world, body.get("data") or {}, files, interaction.source if is_edit else None, is_edit=is_edit)
    return draft._replace(path=("data",))


def give(world: World, interaction: Interaction, body: Dict[str, Any], files: List[File], problems: List[Problem],
         via: str) -> Optional[Message]:
    """Checks and does it; the message that it made or changed. `problems`: what the schema has found."""
    if not any(problem.answered for problem in problems):
        problems = problems + answer_problems(world, interaction, body, files)
    for problem in problems:
        world.breach(problem.code, f"{via}: {problem.describe()}", interaction=interaction.id)
    if any(problem.answered for problem in problems):
        raise bad_form([problem for problem in problems if problem.answered])
    check_sizes(world, files, interaction.file_limit, via)
    message = _perform(world, interaction, body, files)
    interaction.answers.append({"type": body["type"], "data": body.get("data"), "at": world.clock.real(),
                                "after": world.clock.mono() - interaction.started, "via": via})
    if message is not None:
        interaction.original = message
        if body["type"] != UPDATE:  # which has said so itself
            world.remember(message, "callback")
    world.touch(interaction)
    return message


def _perform(world: World, interaction: Interaction, body: Dict[str, Any], files: List[File]) -> Optional[Message]:
    kind = body["type"]
    if kind == REPLY:
        return create(world, interaction.channel, world.bot, _draft(world, interaction, body, files), "callback",
                      interaction)
    if kind == DEFER:
        return _loading(world, interaction, (body.get("data") or {}).get("flags") or 0)
    if kind == UPDATE:
        source = _source(interaction)
        edit(world, source, _draft(world, interaction, body, files), "update")
        return source
    if kind == DEFER_UPDATE:
        interaction.original = _source(interaction)
    if kind == MODAL:
        numbered(body["data"]["components"])
    return None


def _source(interaction: Interaction) -> Message:
    if interaction.source is None or interaction.source.is_deleted:
        raise Refused(404, 10008, "Unknown Message")
    return interaction.source


def _loading(world: World, interaction: Interaction, flags: int) -> Message:
    message = world.new_message(interaction.channel, world.bot, "callback")
    message.interaction = interaction
    message.flags = LOADING | (flags & EPHEMERAL)
    if interaction.must_be_ephemeral:
        message.flags |= EPHEMERAL
    message.only_for = interaction.user.id if message.is_ephemeral else None
    interaction.messages.append(message)
    return message


def callback_json(world: World, interaction: Interaction, kind: int, message: Optional[Message]) -> Dict[str, Any]:
    """What with_response gives."""
    shown: Dict[str, Any] = {"id": interaction.id, "type": interaction.type, "channel_id": interaction.channel.id}
    if interaction.guild is not None:
        shown["guild_id"] = interaction.guild.id
    if message is None:
        return {"interaction": shown}
    shown.update(response_message_id=message.id, response_message_loading=bool(message.flags & LOADING),
                 response_message_ephemeral=message.is_ephemeral)
    # the file knows 4 and 7 only; a deferred one is a message, too
    return {"interaction": shown, "resource": {"type": UPDATE if kind == UPDATE else REPLY,
                                               "message": world.message_json(message)}}
