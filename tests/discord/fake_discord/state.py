"""What the fake Discord knows: people, messages, files, interactions, commands, and what was done wrong.

It outlives every kill of the Gateway or of REST. One event loop, no locks.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import mimetypes
import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Callable, Deque, Dict, List, Optional

from PIL import Image

from fake_discord.clock import Clock, iso
from fake_discord.faults import Faults
from fake_discord.people import DM_CHANNEL, Channel, Guild, User

TOKEN_LIFE = 15 * 60
ANSWER_LIMIT = 3.0
CDN_LIFE = 24 * 3600
JOURNAL_SIZE = 200_000
EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15


class NotPossible(Exception):
    """A user of Discord's own client could not do this."""


@dataclass
class Attachment:
    id: str
    filename: str
    data: bytes = field(repr=False)
    content_type: str
    channel_id: str
    description: Optional[str] = None
    is_ephemeral: bool = False
    is_spoiler: bool = False
    width: Optional[int] = None
    height: Optional[int] = None


@dataclass
class Message:
    id: str
    channel: Channel
    author: User
    created: float
    content: str = ""
    embeds: List[Dict[str, Any]] = field(default_factory=list)
    components: List[Dict[str, Any]] = field(default_factory=list)
    attachments: List[Attachment] = field(default_factory=list)
    flags: int = 0
    edited: Optional[float] = None
    is_deleted: bool = False
    #: who alone sees it
    only_for: Optional[str] = None
    mentions: List[User] = field(default_factory=list)
    mention_everyone: bool = False
    reference: Optional[Dict[str, Any]] = None
    nonce: Any = None
    #: the interaction that it answers, or that the message it refers to answered
    interaction: Optional["Interaction"] = None
    #: "callback", "original", "followup", "channel", "user"
    kind: str = "channel"
    history: List[Dict[str, Any]] = field(default_factory=list)

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)


@dataclass
class Interaction:
    id: str
    token: str
    type: int
    user: User
    channel: Channel
    guild: Optional[Guild]
    created: float
    started: float
    payload: Dict[str, Any] = field(repr=False)
    file_limit: int = 0
    #: only because the user has installed the application
    is_user_install: bool = False
    must_be_ephemeral: bool = False
    #: the message that the pressed component is under
    source: Optional[Message] = None
    original: Optional[Message] = None
    answers: List[Dict[str, Any]] = field(default_factory=list)
    messages: List[Message] = field(default_factory=list)
    followups: int = 0
    sent: int = 0
    sent_to: Any = None
    is_over: bool = False
    version: int = 0
    #: target -> when it was answered with 401 or 404
    dead: Dict[str, float] = field(default_factory=dict)

    @property
    def is_deferred(self) -> bool:
        return bool(self.original and self.original.flags & LOADING)


class World:
    """All of it."""

    def __init__(self, token: str, check_answers: bool) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.token = token
        self.check_answers = check_answers
        self.bot = User(self.clock.new_id(), "comfygate", None, is_bot=True)
        self.application_id = self.clock.new_id()
        self.owner = User(self.clock.new_id(), "owner", "Owner")
        self.guilds: Dict[str, Guild] = {}
        self.channels: Dict[str, Channel] = {}
        self.users: Dict[str, User] = {self.bot.id: self.bot}
        self.messages: Dict[str, Message] = {}
        self.attachments: Dict[str, Attachment] = {}
        self.interactions: Dict[str, Interaction] = {}
        self.by_token: Dict[str, Interaction] = {}
        #: guild id or "" -> registered commands
        self.commands: Dict[str, List[Dict[str, Any]]] = {"": []}
        self.nonces: Dict[Any, Message] = {}
        self.breaches: List[Dict[str, Any]] = []
        self.unanswered: List[str] = []
        self.pings: List[Dict[str, Any]] = []
        self.journal: Deque[Dict[str, Any]] = deque(maxlen=JOURNAL_SIZE)
        self.limits_429: List[Dict[str, Any]] = []
        self.settings: Dict[str, Any] = {"token_life": TOKEN_LIFE, "answer_limit": ANSWER_LIMIT, "old_edits": (3, 20.0),
                                         "require_allowed_mentions": True}
        self.rest_url = ""
        #: grows with every change
        self.version = 0
        #: set by the server: sends an interaction on its way
        self.deliver: Callable[[Interaction], None] = lambda interaction: None
        self._cdn_key = secrets.token_bytes(16)
        self._waiters: "set[asyncio.Future[None]]" = set()

    # -- being told of changes ------------------------------------------------------------------------------------

    def touch(self, interaction: Optional[Interaction] = None) -> None:
        """Something has changed."""
        self.version += 1
        if interaction is not None:
            interaction.version += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while not condition():
            waiter: "asyncio.Future[None]" = loop.create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait_for(waiter, max(0.0, until - loop.time()))
            except asyncio.TimeoutError:
                self._waiters.discard(waiter)
                return condition()
        return True

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def breach(self, rule: str, text: str, **more: Any) -> None:
        self.breaches.append({"rule": rule, "text": text, "at": self.clock.real(), **more})
        self.touch()

    # -- files ----------------------------------------------------------------------------------------------------

    def add_attachment(self, channel: Channel, filename: str, data: bytes, content_type: Optional[str] = None,
                       is_ephemeral: bool = False, description: Optional[str] = None) -> Attachment:
        guessed = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
        attachment = Attachment(self.clock.new_id(), filename, data, guessed, channel.id, description, is_ephemeral)
        if guessed.startswith("image/"):
            try:
                attachment.width, attachment.height = Image.open(BytesIO(data)).size
            except (OSError, ValueError):
                pass  # Discord shows a broken picture as a file
        self.attachments[attachment.id] = attachment
        return attachment

    def signature(self, path: str, expires: str, issued: str) -> str:
        return hmac.new(self._cdn_key, f"{path}{expires}{issued}".encode(), hashlib.sha256).hexdigest()

    def attachment_json(self, attachment: Attachment) -> Dict[str, Any]:
        folder = "ephemeral-attachments" if attachment.is_ephemeral else "attachments"
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", attachment.filename)
        path = f"/{folder}/{attachment.channel_id}/{attachment.id}/{safe}"
        now = int(self.clock.now())
        expires, issued = f"{now + CDN_LIFE:x}", f"{now:x}"
        query = f"?ex={expires}&is={issued}&hm={self.signature(path, expires, issued)}&"
        shown: Dict[str, Any] = {"id": attachment.id, "filename": attachment.filename, "size": len(attachment.data),
                                 "url": self.rest_url + path + query, "proxy_url": self.rest_url + path + query,
                                 "content_type": attachment.content_type}
        if attachment.width is not None:
            shown.update(width=attachment.width, height=attachment.height)
        if attachment.description:
            shown["description"] = attachment.description
        if attachment.is_ephemeral:
            shown["ephemeral"] = True
        if attachment.is_spoiler:
            shown["flags"] = 1 << 3
        return shown

    # -- messages -------------------------------------------------------------------------------------------------

    def new_message(self, channel: Channel, author: User, kind: str) -> Message:
        message = Message(self.clock.new_id(), channel, author, self.clock.now(), kind=kind)
        self.messages[message.id] = message
        channel.messages[message.id] = message
        return message

    def delete_message(self, message: Message, by: str) -> None:
        message.is_deleted = True
        message.channel.messages.pop(message.id, None)
        self.remember(message, "deleted by " + by)

    def remember(self, message: Message, via: str) -> None:
        """A line in the message's history."""
        message.history.append({"at": self.clock.real(), "virtual": self.clock.now(), "via": via,
                                "deleted": message.is_deleted, "message": self.message_json(message)})
        self.touch(message.interaction)

    def message_json(self, message: Message) -> Dict[str, Any]:
        used = {_name_of(part.get("url")) for embed in message.embeds for part in _media(embed)}
        embeds = [self._embed_json(embed, message) for embed in message.embeds]
        shown: Dict[str, Any] = {
            "id": message.id, "type": 19 if message.reference else 0, "channel_id": message.channel.id,
            "content": message.content, "author": message.author.to_json(),
            "attachments": [self.attachment_json(item) for item in message.attachments if item.filename not in used],
            "embeds": embeds, "components": message.components,
            "mentions": [user.to_json() for user in message.mentions], "mention_roles": [],
            "mention_everyone": message.mention_everyone, "pinned": False, "tts": False, "flags": message.flags,
            "timestamp": iso(message.created),
            "edited_timestamp": None if message.edited is None else iso(message.edited)}
        if message.nonce is not None:
            shown["nonce"] = message.nonce
        if message.reference:
            shown["message_reference"] = message.reference
        if message.interaction is not None and message.kind in ("callback", "followup"):
            self._add_origin(shown, message, message.interaction)
        return shown

    def _add_origin(self, shown: Dict[str, Any], message: Message, interaction: Interaction) -> None:
        shown["application_id"] = shown["webhook_id"] = self.application_id
        owners = interaction.payload["authorizing_integration_owners"]
        metadata: Dict[str, Any] = {"id": interaction.id, "type": interaction.type,
                                    "user": interaction.user.to_json(), "authorizing_integration_owners": owners}
        if interaction.type == 2:
            metadata["name"] = interaction.payload["data"]["name"]
            metadata["command_type"] = interaction.payload["data"].get("type", 1)
            shown["type"] = 20 if message.kind == "callback" else 19
        elif interaction.source is not None:
            metadata["interacted_message_id"] = interaction.source.id
        shown["interaction_metadata"] = metadata

    def _embed_json(self, embed: Dict[str, Any], message: Message) -> Dict[str, Any]:
        """attachment:// becomes an address."""
        shown = {"type": "rich", **{name: value for name, value in embed.items() if value is not None}}
        for place in ("image", "thumbnail", "author", "footer"):
            part = shown.get(place)
            name = _name_of(part.get("url" if place in ("image", "thumbnail") else "icon_url")) if part else None
            found = next((item for item in message.attachments if item.filename == name), None)
            if found is not None:
                file = self.attachment_json(found)
                key = "url" if place in ("image", "thumbnail") else "icon_url"
                shown[place] = {**part, key: file["url"], "proxy_" + key: file["proxy_url"]}
                if key == "url" and "width" in file:
                    shown[place].update(width=file["width"], height=file["height"])
        return shown

    # -- interactions ---------------------------------------------------------------------------------------------

    def is_expired(self, interaction: Interaction) -> bool:
        return self.clock.now() - interaction.created >= self.settings["token_life"]

    def dm_with(self, user: User) -> Channel:
        for channel in self.channels.values():
            if channel.type == DM_CHANNEL and channel.recipients == [user]:
                return channel
        channel = Channel(self.clock.new_id(), DM_CHANNEL, recipients=[user])
        self.channels[channel.id] = channel
        return channel


def _media(embed: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [embed[place] for place in ("image", "thumbnail") if isinstance(embed.get(place), dict)]


def _name_of(url: Optional[str]) -> Optional[str]:
    return url[len("attachment://"):] if url and url.startswith("attachment://") else None
