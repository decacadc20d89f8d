"""What Discord minds about components, in messages and in modals."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from fake_discord.openapi import Problem

ROW, BUTTON, SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
SELECTS = (3, 5, 6, 7, 8)
ROWS_MAX, BUTTONS_MAX, ALL_MAX, MODAL_MAX = 5, 5, 40, 5
LINK, PREMIUM = 5, 6
SCHEMES = ("http://", "https://", "discord://")

Path = Tuple[Any, ...]


def walk(components: Any, path: Path) -> Iterator[Tuple[Path, Dict[str, Any]]]:
    """All components, at every depth."""
    if not isinstance(components, list):
        return
    for index, component in enumerate(components):
        if isinstance(component, dict):
            here = path + (index,)
            yield here, component
            yield from walk(component.get("components"), here + ("components",))
            for single in ("component", "accessory"):
                if isinstance(component.get(single), dict):
                    yield here + (single,), component[single]


def numbered(components: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """As Discord gives them back: each with an id."""
    for number, (_, component) in enumerate(walk(components, ()), 1):
        component.setdefault("id", number)
    return components


def _duplicates(components: Any) -> Iterator[Problem]:
    seen = set()
    for path, component in walk(components, ("components",)):
        custom_id = component.get("custom_id")
        if custom_id is not None and custom_id in seen:
            yield Problem(path + ("custom_id",), "COMPONENT_CUSTOM_ID_DUPLICATED",
                          "Component custom id cannot be duplicated")
        seen.add(custom_id)


def component_problems(components: Any, is_v2: bool) -> Iterator[Problem]:
    """Of a message."""
    if not isinstance(components, list):
        return
    yield from _duplicates(components)
    if is_v2 and sum(1 for _ in walk(components, ())) > ALL_MAX:
        yield Problem(("components",), "BASE_TYPE_BAD_LENGTH", f"Must be {ALL_MAX} or fewer in length.")
    if not is_v2:
        if len(components) > ROWS_MAX:
            yield Problem(("components",), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {ROWS_MAX} in length.")
        for index, component in enumerate(components):
            if isinstance(component, dict) and component.get("type") != ROW:
                yield Problem(("components", index, "type"), "BASE_TYPE_CHOICES",
                              "Value of field \"type\" must be one of (1,).")
    for path, component in walk(components, ("components",)):
        kind = component.get("type")
        if kind == ROW:
            yield from _row(component, path)
        elif kind == BUTTON:
            yield from _button(component, path)
        elif kind in SELECTS:
            yield from _select(component, path)


def _row(row: Dict[str, Any], path: Path) -> Iterator[Problem]:
    kinds = [item.get("type") for item in row.get("components") or [] if isinstance(item, dict)]
    if not kinds:
        yield Problem(path + ("components",), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {BUTTONS_MAX} in length.")
    elif any(kind in SELECTS for kind in kinds) and len(kinds) > 1:
        yield Problem(path + ("components",), "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
                      "The specified component exceeds the maximum width")
    elif len(kinds) > BUTTONS_MAX:
        yield Problem(path + ("components",), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {BUTTONS_MAX} in length.")


def _button(button: Dict[str, Any], path: Path) -> Iterator[Problem]:
    style = button.get("style")
    if style == LINK:
        url = button.get("url")
        if not url:
            yield Problem(path, "BUTTON_COMPONENT_URL_REQUIRED", "A url is required")
        elif not str(url).startswith(SCHEMES):
            yield Problem(path + ("url",), "URL_TYPE_INVALID_SCHEME", f"{url!r}: http, https or discord")
        if button.get("custom_id"):
            yield Problem(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                          "A custom id and url cannot both be specified")
    elif style != PREMIUM:
        if not button.get("custom_id"):
            yield Problem(path + ("custom_id",), "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id is required")
        if button.get("url"):
            yield Problem(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                          "A custom id and url cannot both be specified")
    if style != PREMIUM and not (button.get("label") or "").strip() and not button.get("emoji"):
        yield Problem(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or an emoji is required")
    yield from _emoji(button.get("emoji"), path)


def _emoji(emoji: Any, path: Path) -> Iterator[Problem]:
    if isinstance(emoji, dict) and not emoji.get("id"):
        name = emoji.get("name")
        if not isinstance(name, str) or not name or name.isascii() or not any(
                ord(char) >= 0x2000 or char in "\u00a9\u00ae" for char in name):
            yield Problem(path + ("emoji", "name"), "COMPONENT_INVALID_EMOJI", "Invalid emoji")


def _select(select: Dict[str, Any], path: Path) -> Iterator[Problem]:
    if not select.get("custom_id"):
        yield Problem(path + ("custom_id",), "BASE_TYPE_REQUIRED", "This field is required")
    least = select.get("min_values") if isinstance(select.get("min_values"), int) else 1
    most = select.get("max_values") if isinstance(select.get("max_values"), int) else 1
    if least > most:
        yield Problem(path + ("min_values",), "SELECT_COMPONENT_VALUES", "min_values is greater than max_values")
    if select.get("type") != SELECT:
        return
    options = [item for item in select.get("options") or [] if isinstance(item, dict)]
    values = [item.get("value") for item in options]
    if not 1 <= len(options) <= 25:
        yield Problem(path + ("options",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Problem(path + ("options", index, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                          "The specified option value is already used")
        if not (options[index].get("label") or "").strip() or value == "":
            yield Problem(path + ("options", index), "BASE_TYPE_REQUIRED", "This field is required")
        yield from _emoji(options[index].get("emoji"), path + ("options", index))
    if sum(1 for item in options if item.get("default")) > most:
        yield Problem(path + ("options",), "SELECT_COMPONENT_TOO_MANY_DEFAULTS", "more defaults than max_values")
    if least > len(options) or most > len(options):
        yield Problem(path + ("max_values",), "SELECT_COMPONENT_VALUES", "more values than options")


def modal_problems(data: Dict[str, Any]) -> Iterator[Problem]:
    components = data.get("components")
    if not isinstance(components, list):
        return
    for problem in _duplicates(components):
        yield problem._replace(path=("data",) + problem.path)
    base: Path = ("data", "components")
    if len(components) > MODAL_MAX:
        yield Problem(base, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {MODAL_MAX} in length.")
    for index, component in enumerate(components):
        kind = component.get("type") if isinstance(component, dict) else None
        if kind == ROW and len(component.get("components") or []) != 1:
            yield Problem(base + (index, "components"), "BASE_TYPE_BAD_LENGTH", "Must be 1 in length.")
    for path, component in walk(components, base):
        kind = component.get("type")
        is_labelled = path[-1] == "component"
        if kind == TEXT_INPUT:
            yield from _text_input(component, path, is_labelled)
        elif kind in SELECTS:
            yield from _select(component, path)
        if kind not in (ROW, LABEL, 10) and not component.get("custom_id"):
            yield Problem(path + ("custom_id",), "BASE_TYPE_REQUIRED", "This field is required")


def _text_input(field: Dict[str, Any], path: Path, is_labelled: bool) -> Iterator[Problem]:
    if is_labelled and field.get("label"):
        yield Problem(path + ("label",), "TEXT_INPUT_LABEL", "the Label component has the label")
    if not is_labelled and not (field.get("label") or "").strip():
        yield Problem(path + ("label",), "BASE_TYPE_REQUIRED", "This field is required")
    least = field.get("min_length") if isinstance(field.get("min_length"), int) else 0
    most = field.get("max_length") if isinstance(field.get("max_length"), int) else 4000
    if least > most:
        yield Problem(path + ("min_length",), "TEXT_INPUT_LENGTH", "min_length is greater than max_length")
    value = field.get("value")
    if isinstance(value, str) and value and not least <= len(value) <= most:
        yield Problem(path + ("value",), "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
