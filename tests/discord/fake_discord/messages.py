"""How a message is made and changed by what was sent."""

from __future__ import annotations

import copy
import re
from typing import Any, Dict, List, Optional

from fake_discord.components import numbered
from fake_discord.errors import Refused
from fake_discord.people import Channel, User
from fake_discord.rules import Draft, File, kept_attachments, new_names
from fake_discord.state import COMPONENTS_V2, EPHEMERAL, LOADING, Interaction, Message, World

REQUEST_MAX = 25 << 20
_MENTION = re.compile(r"<@!?(\d+)>")


def check_sizes(world: World, files: List[File], limit: int, route: str) -> None:
    for file in files:
        if len(file.data) > limit:
            world.breach("FILE_TOO_LARGE", f"{route}: {file.filename}: {len(file.data)} of {limit} bytes")
            raise Refused(413, 40005, "Request entity too large")


def draft_of(world: World, body: Dict[str, Any], files: List[File], message: Optional[Message] = None,
             **more: Any) -> Draft:
    return Draft(body, files, present=None if message is None else message.attachments,
                 was_v2=message is not None and bool(message.flags & COMPONENTS_V2),
                 require_mentions=world.settings["require_allowed_mentions"], **more)


def apply(world: World, message: Message, draft: Draft, via: str) -> None:
    """Puts a checked draft upon the message. Refuses when nothing would be left."""
    body = draft.body
    kept, names = kept_attachments(draft), new_names(draft)
    content = (body["content"] or "").strip() if "content" in body else message.content
    embeds = copy.deepcopy(body["embeds"] or []) if "embeds" in body else message.embeds
    components = numbered(copy.deepcopy(body["components"] or [])) if "components" in body else message.components
    is_v2 = bool(((body.get("flags") or 0) | message.flags) & COMPONENTS_V2)
    if not (content or embeds or kept or draft.files or body.get("poll") or (is_v2 and components)):
        world.breach("EMPTY_MESSAGE", f"{via}: nothing would be left of it")
        raise Refused(400, 50006, "Cannot send an empty message")
    described = {str(item.get("id")): item for item in body.get("attachments") or []}
    for file in draft.files:
        told = described.get(str(file.index), {})
        fresh = world.add_attachment(message.channel, names[file.index], file.data,
                                     is_ephemeral=message.is_ephemeral, description=told.get("description"))
        fresh.is_spoiler = bool(told.get("is_spoiler")) or fresh.filename.startswith("SPOILER_")
        kept.append(fresh)
    embeds = _fixed(world, message, embeds)
    message.content, message.embeds, message.components, message.attachments = content, embeds, components, kept
    message.flags = (message.flags & ~LOADING) | ((body.get("flags") or 0) & ~EPHEMERAL)
    _mention(world, message, body, is_new=not message.history)


def _fixed(world: World, message: Message, embeds: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """An address of one of the message's own files, given back to us, means that file."""
    for embed in embeds:
        for place in ("image", "thumbnail"):
            part = embed.get(place)
            if isinstance(part, dict) and str(part.get("url", "")).startswith(world.rest_url):
                for attachment in message.attachments:
                    if f"/{attachment.id}/" in part["url"]:
                        part["url"] = f"attachment://{attachment.filename}"
    return embeds


def _mention(world: World, message: Message, body: Dict[str, Any], is_new: bool) -> None:
    """Who is named, as far as allowed_mentions lets; who is pinged, which only a new message does."""
    allowed = body.get("allowed_mentions")
    named = [world.users[key] for key in dict.fromkeys(_MENTION.findall(message.content)) if key in world.users]
    everyone = "@everyone" in message.content or "@here" in message.content
    if isinstance(allowed, dict):
        parse, users = allowed.get("parse") or [], allowed.get("users") or []
        named = [user for user in named if "users" in parse or user.id in users]
        everyone = everyone and "everyone" in parse
    else:
        everyone = everyone and message.kind == "channel"
    message.mentions, message.mention_everyone = named, everyone
    if is_new and not message.is_ephemeral:
        for user in named:
            world.pings.append({"user": user.id, "message": message.id})
        if everyone:
            world.pings.append({"user": "everyone", "message": message.id})
            world.breach("PINGED_EVERYONE", message.content[:200])


def create(world: World, channel: Channel, author: User, draft: Draft, kind: str,
           interaction: Optional[Interaction] = None) -> Message:
    message = world.new_message(channel, author, kind)
    message.interaction = interaction
    flags = draft.body.get("flags") or 0
    if draft.may_be_ephemeral and (flags & EPHEMERAL or (interaction is not None and interaction.must_be_ephemeral)):
        message.flags |= EPHEMERAL
        message.only_for = interaction.user.id if interaction is not None else None
    try:
        apply(world, message, draft, kind)
    except Refused:
        world.messages.pop(message.id)
        channel.messages.pop(message.id)
        raise
    if interaction is not None:
        interaction.messages.append(message)
    return message


def edit(world: World, message: Message, draft: Draft, via: str) -> None:
    was_loading = bool(message.flags & LOADING)
    apply(world, message, draft, via)
    if not was_loading:
        message.edited = world.clock.now()
    world.remember(message, via)
