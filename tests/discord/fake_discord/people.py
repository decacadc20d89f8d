"""Guilds, channels and users, and the shapes in which Discord shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

MIB = 1 << 20

#: names of the permission bits that matter here
PERMISSIONS = {
    "ADMINISTRATOR": 1 << 3, "VIEW_CHANNEL": 1 << 10, "SEND_MESSAGES": 1 << 11, "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14, "ATTACH_FILES": 1 << 15, "READ_MESSAGE_HISTORY": 1 << 16,
    "USE_APPLICATION_COMMANDS": 1 << 31, "SEND_MESSAGES_IN_THREADS": 1 << 38, "USE_EXTERNAL_APPS": 1 << 50,
}
#: what the README's invite link asks for
BOT_DEFAULT = 274878024704
MEMBER_DEFAULT = (PERMISSIONS["VIEW_CHANNEL"] | PERMISSIONS["SEND_MESSAGES"] | PERMISSIONS["EMBED_LINKS"]
                  | PERMISSIONS["ATTACH_FILES"] | PERMISSIONS["READ_MESSAGE_HISTORY"]
                  | PERMISSIONS["USE_APPLICATION_COMMANDS"] | PERMISSIONS["SEND_MESSAGES_IN_THREADS"]
                  | PERMISSIONS["USE_EXTERNAL_APPS"])
MODERATOR = PERMISSIONS["MANAGE_MESSAGES"]

TEXT_CHANNEL, DM_CHANNEL, PUBLIC_THREAD = 0, 1, 11
JOINED = "2024-05-01T12:00:00.000000+00:00"


def permission_bits(wish: Any, default: int) -> int:
    """A number, a list of names, or None for the default."""
    if wish is None:
        return default
    if isinstance(wish, int):
        return wish
    bits = 0
    for name in wish:
        bits |= PERMISSIONS[name]
    return bits


@dataclass
class User:
    id: str
    name: str
    global_name: Optional[str]
    is_bot: bool = False
    locale: str = "en-US"
    #: may the bot write to them?
    dms_open: bool = True
    #: have they installed the application for themselves?
    has_installed: bool = False
    #: of their own uploads and, with a user install, of answers to them
    attachment_limit: int = 10 * MIB

    def to_json(self) -> Dict[str, Any]:
        shown = {"id": self.id, "username": self.name, "global_name": self.global_name, "avatar": None,
                 "discriminator": "0", "public_flags": 0, "flags": 0, "primary_guild": None, "banner": None,
                 "accent_color": None, "avatar_decoration_data": None, "collectibles": None}
        return {**shown, "bot": True} if self.is_bot else shown


@dataclass
class Member:
    user: User
    roles: List[str]
    permissions: int
    nick: Optional[str] = None

    def to_json(self) -> Dict[str, Any]:
        return {"user": self.user.to_json(), "nick": self.nick, "avatar": None, "banner": None,
                "roles": list(self.roles), "joined_at": JOINED, "premium_since": None, "deaf": False, "mute": False,
                "pending": False, "flags": 0, "communication_disabled_until": None,
                "unusual_dm_activity_until": None, "permissions": str(self.permissions)}


@dataclass
class Guild:
    id: str
    name: str
    locale: str = "en-US"
    #: is the bot a member? Without, the application can be here for its users only.
    has_bot: bool = True
    attachment_limit: int = 10 * MIB
    roles: Dict[str, str] = field(default_factory=dict)
    members: Dict[str, Member] = field(default_factory=dict)


@dataclass
class Channel:
    id: str
    type: int
    name: str = ""
    guild: Optional[Guild] = None
    is_nsfw: bool = False
    is_archived: bool = False
    #: the bot's, here
    permissions: int = BOT_DEFAULT
    recipients: List[User] = field(default_factory=list)
    messages: Dict[str, Any] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        return self.type == PUBLIC_THREAD

    @property
    def last_message_id(self) -> Optional[str]:
        return next(reversed(self.messages), None)

    def to_json(self) -> Dict[str, Any]:
        """As the REST API shows it."""
        if self.guild is None:
            return {"id": self.id, "type": self.type, "flags": 0, "last_message_id": self.last_message_id,
                    "recipients": [user.to_json() for user in self.recipients]}
        shown = {"id": self.id, "type": self.type, "flags": 0, "guild_id": self.guild.id, "name": self.name,
                 "position": 0, "parent_id": None, "topic": None, "nsfw": self.is_nsfw, "rate_limit_per_user": 0,
                 "permission_overwrites": [], "last_message_id": self.last_message_id}
        if self.is_thread:
            shown["thread_metadata"] = {"archived": self.is_archived, "archive_timestamp": None,
                                        "auto_archive_duration": 1440, "locked": False}
        return shown

    def partial(self, member: Optional[Member]) -> Dict[str, Any]:
        """As an interaction shows it: with the user's permissions."""
        shown = self.to_json()
        shown.pop("permission_overwrites", None)
        if member is not None:
            shown["permissions"] = str(member.permissions)
        return shown
