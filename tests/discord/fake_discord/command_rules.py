"""What Discord minds about the registration of commands."""

from __future__ import annotations

import unicodedata
from typing import Any, Dict, Iterator, List, Tuple

from fake_discord.openapi import Problem

CHAT, USER, MESSAGE = 1, 2, 3
SUB, GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
MOST = {CHAT: 100, USER: 15, MESSAGE: 15}
SIZE_MAX = 8000
EXACT_MAX = 2 ** 53
LOCALES = {"id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl",
           "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW",
           "ko"}

Path = Tuple[Any, ...]


def is_name(name: Any) -> bool:
    """1 to 32 letters, digits, - ' _ in lower case, as far as there is one."""
    return (isinstance(name, str) and 1 <= len(name) <= 32 and name == name.lower()
            and all(char in "-_'" or unicodedata.category(char)[0] in "LNM" for char in name))


def _length(node: Dict[str, Any]) -> int:
    """Names, descriptions and values, with the longest of their translations."""
    total = 0
    for key in ("name", "description"):
        texts = [node.get(key), *(node.get(key + "_localizations") or {}).values()]
        total += max((len(text) for text in texts if isinstance(text, str)), default=0)
    total += len(node["value"]) if isinstance(node.get("value"), str) else 0
    for child in [*(node.get("options") or []), *(node.get("choices") or [])]:
        total += _length(child) if isinstance(child, dict) else 0
    return total


def commands_problems(commands: Any, is_guild: bool) -> List[Problem]:
    problems: List[Problem] = []
    items = [item for item in commands if isinstance(item, dict)] if isinstance(commands, list) else []
    for kind, most in MOST.items():
        count = sum(1 for item in items if item.get("type", CHAT) == kind)
        if count > most:
            problems.append(Problem((), "APPLICATION_COMMANDS_TOO_MANY", f"{count} of type {kind}, at most {most}"))
    seen = set()
    for index, command in enumerate(items):
        key = (command.get("type", CHAT), command.get("name"))
        if key in seen:
            problems.append(Problem((index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME",
                                    "Application command names must be unique"))
        seen.add(key)
        problems += _command(command, (index,), is_guild)
    return problems


def _command(command: Dict[str, Any], path: Path, is_guild: bool) -> Iterator[Problem]:
    kind = command.get("type", CHAT)
    if kind == CHAT:
        yield from _names(command, path)
    elif command.get("description") or command.get("options"):
        yield Problem(path + ("description",), "APPLICATION_COMMAND_CONTEXT_MENU",
                      "Context menu commands have no description and no options")
    if _length(command) > SIZE_MAX:
        yield Problem(path, "APPLICATION_COMMAND_TOO_LARGE",
                      f"Command exceeds maximum size ({_length(command)} of {SIZE_MAX})")
    if is_guild and (command.get("contexts") or command.get("integration_types")):
        yield Problem(path, "APPLICATION_COMMAND_GUILD_CONTEXTS",
                      "contexts and integration_types are for global commands")
    bits = command.get("default_member_permissions")
    if isinstance(bits, int):
        yield Problem(path + ("default_member_permissions",), "PERMISSIONS_NOT_TEXT",
                      "documented as a string of digits", False)
    yield from _options(command.get("options"), path, 0)


def _names(node: Dict[str, Any], path: Path) -> Iterator[Problem]:
    for locale, name in [("", node.get("name")), *(node.get("name_localizations") or {}).items()]:
        if not is_name(name):
            yield Problem(path + ("name",), "APPLICATION_COMMAND_INVALID_NAME", f"Command name is invalid: {name!r}")
        if locale and locale not in LOCALES:
            yield Problem(path + ("name_localizations",), "ENUM_TYPE_COERCE", f"{locale!r} is no locale of Discord")
    for locale in node.get("description_localizations") or {}:
        if locale not in LOCALES:
            yield Problem(path + ("description_localizations",), "ENUM_TYPE_COERCE", f"{locale!r} is no locale")
    if not (node.get("description") or "").strip():
        yield Problem(path + ("description",), "BASE_TYPE_REQUIRED", "This field is required")


def _options(options: Any, path: Path, depth: int) -> Iterator[Problem]:
    items = [item for item in options if isinstance(item, dict)] if isinstance(options, list) else []
    names = [item.get("name") for item in items]
    optional_seen = False
    for index, option in enumerate(items):
        here = path + ("options", index)
        yield from _names(option, here)
        if names.index(option.get("name")) != index:
            yield Problem(here + ("name",), "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED",
                          "Option names must be unique")
        if option.get("type") in (SUB, GROUP):
            if depth >= (1 if option["type"] == GROUP else 2):
                yield Problem(here, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands cannot nest like this")
            yield from _options(option.get("options"), here, depth + 1)
            continue
        if option.get("required") and optional_seen:
            yield Problem(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                          "Required options must be placed before non-required options")
        optional_seen = optional_seen or not option.get("required")
        yield from _option(option, here)
    kinds = {item.get("type") in (SUB, GROUP) for item in items}
    if len(kinds) > 1:
        yield Problem(path + ("options",), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                      "Sub-command and sub-command group option types are mutually exclusive to all other types")


def _option(option: Dict[str, Any], path: Path) -> Iterator[Problem]:
    choices = [item for item in option.get("choices") or [] if isinstance(item, dict)]
    if option.get("autocomplete") and choices:
        yield Problem(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE", "choices and autocomplete exclude each other")
    for key in ("name", "value"):
        values = [item.get(key) for item in choices]
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Problem(path + ("choices", index, key),
                              f"APPLICATION_COMMAND_OPTIONS_CHOICE_{key.upper()}_EXISTS",
                              f"Option choice {key}s must be unique")
    for item in choices:
        if option.get("type") == STRING and not 1 <= len(str(item.get("value"))) <= 100:
            yield Problem(path + ("choices",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    for low, high in (("min_value", "max_value"), ("min_length", "max_length")):
        least, most = option.get(low), option.get(high)
        if isinstance(least, (int, float)) and isinstance(most, (int, float)) and least > most:
            yield Problem(path + (low,), "APPLICATION_COMMAND_OPTIONS_RANGE", f"{low} is greater than {high}")
        if low == "min_value":
            for key, value in ((low, least), (high, most)):
                if isinstance(value, (int, float)) and abs(value) > EXACT_MAX:
                    yield Problem(path + (key,), "NUMBER_TYPE_MAX", "not within 2^53")
