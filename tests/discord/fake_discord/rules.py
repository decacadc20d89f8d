"""What Discord minds about messages and the OpenAPI file does not tell."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from fake_discord.components import component_problems, walk
from fake_discord.openapi import Problem
from fake_discord.state import COMPONENTS_V2, EPHEMERAL, Attachment

CONTENT_MAX = 2000
EMBEDS_SUM_MAX = 6000
FILES_MAX = 10
PICTURE = re.compile(r"\.(png|jpe?g|webp|gif)$", re.IGNORECASE)
SAFE_NAME = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")
FLAGS_NEW = 1 << 2 | EPHEMERAL | 1 << 12 | COMPONENTS_V2
FLAGS_EDIT = 1 << 2 | COMPONENTS_V2


class File(NamedTuple):
    """A part files[n] of a multipart body."""

    index: int
    filename: str
    data: bytes


class Draft(NamedTuple):
    """A message that is asked for, and what it is to be put upon."""

    body: Dict[str, Any]
    files: List[File]
    path: Tuple[Any, ...] = ()
    #: those that the message has; None for a new message
    present: Optional[List[Attachment]] = None
    is_edit: bool = False
    #: may it be for one alone?
    may_be_ephemeral: bool = True
    was_v2: bool = False
    require_mentions: bool = True


def message_problems(draft: Draft) -> List[Problem]:
    problems: List[Problem] = []
    for rule in (_content, _embeds, _mentions, _attachments, _references, _flags, _components):
        problems += [problem._replace(path=draft.path + problem.path) for problem in rule(draft)]
    return problems


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _items(value: Any) -> List[Dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _content(draft: Draft) -> Iterator[Problem]:
    if len(_text(draft.body.get("content"))) > CONTENT_MAX:
        yield Problem(("content",), "BASE_TYPE_BAD_LENGTH", f"Must be {CONTENT_MAX} or fewer in length.")


def embed_length(embed: Dict[str, Any]) -> int:
    total = len(_text(embed.get("title"))) + len(_text(embed.get("description")))
    for name, part in (("footer", "text"), ("author", "name")):
        if isinstance(embed.get(name), dict):
            total += len(_text(embed[name].get(part)))
    return total + sum(len(_text(item.get("name"))) + len(_text(item.get("value")))
                       for item in _items(embed.get("fields")))


def _embeds(draft: Draft) -> Iterator[Problem]:
    embeds = _items(draft.body.get("embeds"))
    if sum(embed_length(embed) for embed in embeds) > EMBEDS_SUM_MAX:
        yield Problem(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBEDS_SUM_MAX}")
    for index, embed in enumerate(embeds):
        for number, item in enumerate(_items(embed.get("fields"))):
            for name in ("name", "value"):
                if not _text(item.get(name)).strip():
                    yield Problem(("embeds", index, "fields", number, name), "BASE_TYPE_REQUIRED",
                                  "This field is required")
        if not any(embed.get(part) for part in ("title", "description", "fields", "image", "thumbnail", "footer",
                                                "author")):
            yield Problem(("embeds", index), "EMPTY_EMBED", "an embed that shows nothing", False)


def _mentions(draft: Draft) -> Iterator[Problem]:
    mentions = draft.body.get("allowed_mentions")
    if not isinstance(mentions, dict):
        if draft.require_mentions:
            yield Problem(("allowed_mentions",), "HOUSE_MENTIONS",
                          "every create and edit tells whom it may ping", False)
        return
    parse = mentions.get("parse") or []
    for name in ("users", "roles"):
        if name in parse and mentions.get(name):
            yield Problem(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                          f'parse:["{name}"] and {name}: [ids...] are mutually exclusive.')
    for name in ("everyone", "roles"):
        if name in parse:
            yield Problem(("allowed_mentions", "parse"), "HOUSE_MENTIONS", f"would ping {name}", False)


def kept_attachments(draft: Draft) -> List[Attachment]:
    """Of those that the message has, those that stay."""
    listed = draft.body.get("attachments")
    present = draft.present or []
    if not isinstance(listed, list):
        return list(present)
    ids = {str(item.get("id")) for item in _items(listed)}
    return [attachment for attachment in present if attachment.id in ids]


def new_names(draft: Draft) -> Dict[int, str]:
    """files[n] -> the name that it gets."""
    names = {file.index: file.filename for file in draft.files}
    for item in _items(draft.body.get("attachments")):
        key = str(item.get("id"))
        if key.isdigit() and int(key) in names and item.get("filename"):
            names[int(key)] = item["filename"]
    return names


def _attachments(draft: Draft) -> Iterator[Problem]:
    listed = draft.body.get("attachments")
    indexes = {str(file.index) for file in draft.files}
    known = indexes | {attachment.id for attachment in draft.present or []}
    named = [str(item.get("id")) for item in _items(listed)]
    for number, key in enumerate(named):
        if key not in known:
            yield Problem(("attachments", number, "id"), "ATTACHMENT_NOT_FOUND",
                          f"{key} is no file of this request and no attachment of the message")
        elif named.index(key) != number:
            yield Problem(("attachments", number, "id"), "ATTACHMENT_DUPLICATED", f"{key} is listed twice", False)
    if isinstance(listed, list):
        for key in sorted(indexes - set(named)):
            yield Problem(("attachments",), "FILE_NOT_LISTED", f"files[{key}] is not in attachments", False)
    for name in [file.filename for file in draft.files] + list(new_names(draft).values()):
        if not SAFE_NAME.match(name):
            yield Problem(("attachments",), "UNSAFE_FILENAME", f"{name!r}", False)
    if len(kept_attachments(draft)) + len(draft.files) > FILES_MAX:
        yield Problem(("attachments",), "BASE_TYPE_BAD_LENGTH", f"Must be {FILES_MAX} or fewer in length.")


def _named_files(draft: Draft) -> Iterator[Tuple[Tuple[Any, ...], str, bool]]:
    """Where attachment:// stands, the name, and whether it must be a picture."""
    for index, embed in enumerate(_items(draft.body.get("embeds"))):
        for place, key in (("image", "url"), ("thumbnail", "url"), ("author", "icon_url"), ("footer", "icon_url")):
            url = embed[place].get(key) if isinstance(embed.get(place), dict) else None
            if isinstance(url, str) and url.startswith("attachment://"):
                yield ("embeds", index, place), url[len("attachment://"):], True
    for path, component in walk(draft.body.get("components"), ("components",)):
        for holder in [component, *_items(component.get("items"))]:
            media = holder.get("media") or holder.get("file")
            url = media.get("url") if isinstance(media, dict) else None
            if isinstance(url, str) and url.startswith("attachment://"):
                yield path, url[len("attachment://"):], False


def _references(draft: Draft) -> Iterator[Problem]:
    names = [attachment.filename for attachment in kept_attachments(draft)] + list(new_names(draft).values())
    for path, name, is_picture in _named_files(draft):
        if name not in names:
            yield Problem(path, "ATTACHMENT_NOT_THERE", f"attachment://{name}: the message has no such file", False)
        elif names.count(name) > 1:
            yield Problem(path, "ATTACHMENT_AMBIGUOUS", f"several files are called {name}", False)
        elif is_picture and not PICTURE.search(name):
            yield Problem(path, "ATTACHMENT_NO_PICTURE", f"an embed cannot show {name}", False)


def _flags(draft: Draft) -> Iterator[Problem]:
    flags = draft.body.get("flags")
    flags = flags if isinstance(flags, int) else 0
    if flags & EPHEMERAL and (draft.is_edit or not draft.may_be_ephemeral):
        yield Problem(("flags",), "EPHEMERAL_IGNORED", "64 has no effect here", False)
    elif flags & ~(FLAGS_EDIT if draft.is_edit else FLAGS_NEW):
        yield Problem(("flags",), "FLAGS", f"{flags} has bits that cannot be set here")
    if draft.was_v2 and "flags" in draft.body and not flags & COMPONENTS_V2:
        yield Problem(("flags",), "COMPONENTS_V2_KEPT", "IS_COMPONENTS_V2 cannot be taken away")
    if flags & COMPONENTS_V2 or draft.was_v2:
        for name in ("content", "embeds", "poll", "sticker_ids"):
            if draft.body.get(name):
                yield Problem((name,), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                              f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")


def _components(draft: Draft) -> Iterator[Problem]:
    flags = draft.body.get("flags")
    is_v2 = draft.was_v2 or bool(isinstance(flags, int) and flags & COMPONENTS_V2)
    yield from component_problems(draft.body.get("components"), is_v2)


def choices_problems(choices: Any, option_type: int) -> Iterator[Problem]:
    """Of an autocomplete's answer."""
    seen = set()
    for index, choice in enumerate(_items(choices)):
        path = ("data", "choices", index)
        value = choice.get("value")
        if not _text(choice.get("name")).strip():
            yield Problem(path + ("name",), "BASE_TYPE_REQUIRED", "This field is required")
        if not _VALUE_FITS.get(option_type, lambda _: True)(value):
            yield Problem(path + ("value",), "APPLICATION_COMMAND_OPTIONS_CHOICE_TYPE",
                          f"{value!r} does not fit an option of type {option_type}")
        if isinstance(value, str) and not 1 <= len(value) <= 100:
            yield Problem(path + ("value",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        if choice.get("name") in seen:
            yield Problem(path + ("name",), "CHOICE_TWICE", f"{choice.get('name')!r} is there twice", False)
        seen.add(choice.get("name"))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 2 ** 53


_VALUE_FITS: Dict[int, Callable[[Any], bool]] = {
    3: lambda value: isinstance(value, str),
    4: lambda value: _is_number(value) and isinstance(value, int),
    10: _is_number,
}


def callback_problems(kind: int, body: Dict[str, Any], has_source: bool) -> Iterator[Problem]:
    """May an interaction of this kind be answered like this?"""
    wish, data = body.get("type"), body.get("data")
    allowed = {2: {4, 5, 9}, 3: {4, 5, 6, 7, 9}, 4: {8}, 5: {4, 5} | ({6, 7} if has_source else set())}[kind]
    if wish not in allowed:
        yield Problem(("type",), "INTERACTION_CALLBACK_TYPE",
                      f"an interaction of type {kind} cannot be answered with {wish}")
    data = data if isinstance(data, dict) else {}
    if wish == 5:
        flags = data.get("flags") or 0
        if flags not in (0, EPHEMERAL):
            yield Problem(("data", "flags"), "FLAGS", "a deferred answer can only be ephemeral")
        for name in sorted(set(data) - {"flags"}):
            yield Problem(("data", name), "DEFERRED_WITH_MORE", "a deferred answer has flags only", False)
    if wish == 6 and data:
        yield Problem(("data",), "DEFERRED_WITH_MORE", "type 6 has no data", False)
    if wish in (4, 7, 8) and not data:
        yield Problem(("data",), "BASE_TYPE_REQUIRED", "This field is required")
