#!/usr/bin/python3
"""Makes fake_discord/data/openapi.json out of the official file: only what the fake serves.

    tests/discord/reduce_openapi.py OFFICIAL_FILE

Kept as they are: the operations of ROUTES and every schema that these can reach. Left out: prose, headers, and the
other content types of a body (multipart has the JSON as a part; the fake looks at that).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, Set

ROUTES: Dict[str, tuple] = {
    "/gateway/bot": ("get",),
    "/applications/@me": ("get",),
    "/oauth2/applications/@me": ("get",),  # what older clients ask instead
    "/users/@me": ("get",),
    "/users/@me/channels": ("post",),
    "/applications/{application_id}/commands": ("get", "put"),
    "/applications/{application_id}/guilds/{guild_id}/commands": ("get", "put"),
    "/interactions/{interaction_id}/{interaction_token}/callback": ("post",),
    "/webhooks/{webhook_id}/{webhook_token}": ("post",),
    "/webhooks/{webhook_id}/{webhook_token}/messages/@original": ("get", "patch", "delete"),
    "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}": ("get", "patch", "delete"),
    "/channels/{channel_id}": ("get",),
    "/channels/{channel_id}/messages": ("post",),
    "/channels/{channel_id}/messages/{message_id}": ("get", "patch", "delete"),
}
PREFIX = "#/components/schemas/"
TARGET = Path(__file__).resolve().parent / "fake_discord" / "data" / "openapi.json"


def without_prose(node: Any) -> Any:
    """A property that is called "description" holds a schema, never a text."""
    if isinstance(node, dict):
        return {key: without_prose(value) for key, value in node.items()
                if not (key in ("description", "title") and isinstance(value, str))}
    if isinstance(node, list):
        return [without_prose(value) for value in node]
    return node


def json_only(content: Dict[str, Any]) -> Dict[str, Any]:
    return {kind: body for kind, body in content.items() if kind == "application/json"}


def reduced_operation(operation: Dict[str, Any]) -> Dict[str, Any]:
    kept = {name: operation[name] for name in ("operationId", "parameters", "security") if name in operation}
    if "requestBody" in operation:
        body = operation["requestBody"]
        kept["requestBody"] = {**body, "content": json_only(body["content"])}
    kept["responses"] = {status: {"content": json_only(answer["content"])} if "content" in answer else {}
                         for status, answer in operation["responses"].items() if status.startswith("2")}
    return kept


def references(node: Any, found: Set[str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            found.add(node["$ref"])
        for value in node.values():
            references(value, found)
    elif isinstance(node, list):
        for value in node:
            references(value, found)


def reachable(paths: Any, schemas: Dict[str, Any]) -> Dict[str, Any]:
    todo: Set[str] = set()
    references(paths, todo)
    kept: Dict[str, Any] = {}
    while todo:
        name = todo.pop()
        if not name.startswith(PREFIX):
            raise SystemExit(f"{name} is no schema: this script has to learn of it")
        name = name[len(PREFIX):]
        if name not in kept:
            kept[name] = schemas[name]
            references(schemas[name], todo)
    return {name: kept[name] for name in sorted(kept)}


def reduced(official: Dict[str, Any]) -> Dict[str, Any]:
    paths = {}
    for path, methods in ROUTES.items():
        whole = official["paths"][path]
        paths[path] = {method: reduced_operation(whole[method]) for method in methods}
        if "parameters" in whole:
            paths[path]["parameters"] = whole["parameters"]
    schemas = reachable(paths, official["components"]["schemas"])
    info = {name: official["info"][name] for name in ("title", "license", "version")}
    return {"openapi": official["openapi"], "info": info, "paths": without_prose(paths),
            "components": {"schemas": without_prose(schemas)}}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    official = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(reduced(official), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
