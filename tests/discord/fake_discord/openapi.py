"""Holds requests and answers to Discord's OpenAPI file (data/openapi.json).

jsonschema does the work; three things are ours. References are looked up in a table. Of a union whose branches tell
themselves apart by `type`, only the branch of that type is looked at: quicker, and the complaint names the fault and
not ten alternatives. And properties that the schema does not know are reported, which JSON Schema does not.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

FILE = Path(__file__).resolve().parent / "data" / "openapi.json"
PREFIX = "#/components/schemas/"
#: documented by Discord, but not in the file
KNOWN_LATER = {"file_types", "nsfw"}


class Problem(NamedTuple):
    """One thing that is wrong with a request. `answered`: Discord says so; else only the fake minds."""

    path: Tuple[Any, ...]
    code: str
    text: str
    answered: bool = True

    def describe(self) -> str:
        return f"{'.'.join(str(part) for part in self.path) or 'body'}: {self.code}: {self.text}"


class Route(NamedTuple):
    """An operation of the file."""

    method: str
    template: str
    pattern: "re.Pattern[str]"
    operation: Dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def is_token_route(self) -> bool:
        """Its token is in the path: no Authorization, no global limit."""
        return "token}" in self.template


def _type_of(schema: Dict[str, Any]) -> Optional[List[Any]]:
    """The values of `type` by which an object schema tells itself apart."""
    return schema.get("properties", {}).get("type", {}).get("enum")


class Spec:
    """The file, compiled."""

    def __init__(self) -> None:
        spec = json.loads(FILE.read_text(encoding="utf-8"))
        self._schemas = {PREFIX + name: schema for name, schema in spec["components"]["schemas"].items()}
        self._unions: Dict[int, Optional[Dict[Any, Dict[str, Any]]]] = {}
        rules = {"$ref": self._ref, "oneOf": self._union, "anyOf": self._union}
        self._class = extend(Draft202012Validator, rules)
        self._bodies: Dict[str, Any] = {}
        self._answers: Dict[Tuple[str, str], Any] = {}
        self.routes = [self._compile(template, method, operations)
                       for template, operations in spec["paths"].items()
                       for method in operations if method != "parameters"]
        self.routes.sort(key=lambda route: "@original" not in route.template)  # before {message_id}

    def _compile(self, template: str, method: str, operations: Dict[str, Any]) -> Route:
        operation = operations[method]
        pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "$")
        route = Route(method.upper(), template, pattern, operation)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            self._bodies[route.name] = self._class(body["schema"])
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json")
            self._answers[route.name, status] = None if schema is None else self._class(schema["schema"])
        return route

    def find(self, method: str, path: str) -> Tuple[Optional[Route], Dict[str, str], bool]:
        """The operation, the values of its path, and whether the path is known with another method."""
        known = False
        for route in self.routes:
            match = route.pattern.match(path)
            if match:
                known = True
                if route.method == method:
                    return route, match.groupdict(), True
        return None, {}, known

    # -- keywords -------------------------------------------------------------------------------------------------

    def _ref(self, validator: Any, ref: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        yield from validator.descend(instance, self._schemas[ref])

    def _resolve(self, schema: Dict[str, Any]) -> Dict[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"]]
        return schema

    def _by_type(self, branches: List[Dict[str, Any]]) -> Optional[Dict[Any, Dict[str, Any]]]:
        """type -> branch, when all branches that are objects name their own types."""
        key = id(branches)
        if key not in self._unions:
            table: Optional[Dict[Any, Dict[str, Any]]] = {}
            for branch in branches:
                schema = self._resolve(branch)
                types = _type_of(schema)
                if schema.get("type") == "object" and types is not None and table is not None:
                    table.update({value: schema for value in types})
                elif schema.get("type") == "object":
                    table = None
            self._unions[key] = table or None
        return self._unions[key]

    def _pick(self, branches: List[Dict[str, Any]], instance: Any) -> Optional[List[Dict[str, Any]]]:
        """The branches that can be meant; None when `type` names none of them."""
        if isinstance(instance, dict):
            table = self._by_type(branches)
            if table is not None:
                chosen = table.get(instance.get("type"))
                return None if chosen is None else [chosen]
        if instance is not None:
            branches = [branch for branch in branches if branch.get("type") != "null"]
        return branches

    def _union(self, validator: Any, branches: List[Dict[str, Any]], instance: Any,
               _schema: Any) -> Iterator[ValidationError]:
        chosen = self._pick(branches, instance)
        if chosen is None:
            known = sorted(str(key) for key in self._by_type(branches) or {})
            yield ValidationError(f"type must be one of {', '.join(known)}", path=["type"], validator="enum")
        elif len(chosen) == 1:
            yield from validator.descend(instance, chosen[0])
        else:
            complaints = [list(validator.descend(instance, branch)) for branch in chosen]
            if all(complaints):
                yield from _most_telling(complaints)

    # -- questions ------------------------------------------------------------------------------------------------

    def check_body(self, route: Route, body: Any) -> List[Problem]:
        validator = self._bodies.get(route.name)
        if validator is None:
            return [] if body is None else [Problem((), "BODY_UNEXPECTED", "this operation takes no body", False)]
        body = _as_the_file_wants(body)
        problems = [_problem(error) for error in validator.iter_errors(body)]
        problems += [Problem(path, "UNKNOWN_PROPERTY", "Discord has no such property", False)
                     for path in self._unknown([validator.schema], body, ())]
        return problems

    def check_answer(self, route: Route, status: int, body: Any) -> List[Problem]:
        """What the fake itself does wrong."""
        if not 200 <= status < 300:
            return []
        key = (route.name, str(status))
        if key not in self._answers:
            return [Problem((), "STATUS", f"{route.name} has no answer {status}")]
        validator = self._answers[key]
        return [] if validator is None else [_problem(error) for error in validator.iter_errors(body)]

    def query_names(self, route: Route) -> List[str]:
        return [item["name"] for item in route.operation.get("parameters", []) if item["in"] == "query"]

    # -- unknown properties ---------------------------------------------------------------------------------------

    def _flat(self, schemas: List[Dict[str, Any]], instance: Any) -> Iterator[Dict[str, Any]]:
        """All schemas that say something about the instance, without references and unions."""
        for schema in schemas:
            schema = self._resolve(schema)
            yield schema
            for word in ("allOf", "oneOf", "anyOf"):
                if word in schema:
                    chosen = schema[word] if word == "allOf" else self._pick(schema[word], instance)
                    yield from self._flat(chosen or [], instance)

    def _unknown(self, schemas: List[Dict[str, Any]], instance: Any, path: Tuple[Any, ...]) -> Iterator[Tuple]:
        if isinstance(instance, list):
            items = [schema["items"] for schema in self._flat(schemas, instance) if "items" in schema]
            for index, value in enumerate(instance):
                yield from self._unknown(items, value, path + (index,))
        elif isinstance(instance, dict):
            flat = list(self._flat(schemas, instance))
            free = [schema["additionalProperties"] for schema in flat if "additionalProperties" in schema]
            is_typed = any("properties" in schema for schema in flat)
            for name, value in instance.items():
                known = [schema["properties"][name] for schema in flat if name in schema.get("properties", {})]
                if known:
                    yield from self._unknown(known, value, path + (name,))
                elif is_typed and not free and name not in KNOWN_LATER:
                    yield path + (name,)


def _most_telling(complaints: List[List[ValidationError]]) -> List[ValidationError]:
    """Of the branch that was nearest: its complaints are deepest, and there are fewest."""
    return max(complaints, key=lambda errors: (min(len(error.absolute_path) for error in errors), -len(errors)))


def _as_the_file_wants(body: Any) -> Any:
    """Two false alarms of the file: ids of new attachments as numbers, permissions as strings."""
    if isinstance(body, list) or (isinstance(body, dict) and "data" not in body and "attachments" not in body):
        return _permissions_as_numbers(body)
    if isinstance(body, dict):
        holder = body.get("data") if isinstance(body.get("data"), dict) else body
        listed = holder.get("attachments")
        if isinstance(listed, list) and any(isinstance(item, dict) and isinstance(item.get("id"), int)
                                            for item in listed):
            body = copy.deepcopy(body)
            holder = body["data"] if isinstance(body.get("data"), dict) else body
            for item in holder["attachments"]:
                if isinstance(item, dict) and isinstance(item.get("id"), int):
                    item["id"] = str(item["id"])
    return body


def _permissions_as_numbers(body: Any) -> Any:
    if not isinstance(body, list):
        return body
    result = []
    for command in body:
        bits = command.get("default_member_permissions") if isinstance(command, dict) else None
        if isinstance(bits, str) and bits.isdigit():
            command = {**command, "default_member_permissions": int(bits)}
        result.append(command)
    return result


_CODES = {"maxLength": "BASE_TYPE_BAD_LENGTH", "minLength": "BASE_TYPE_BAD_LENGTH", "maxItems": "BASE_TYPE_BAD_LENGTH",
          "minItems": "BASE_TYPE_BAD_LENGTH", "required": "BASE_TYPE_REQUIRED", "enum": "BASE_TYPE_CHOICES",
          "const": "BASE_TYPE_CHOICES", "pattern": "NUMBER_TYPE_COERCE", "type": "BASE_TYPE_BAD_TYPE",
          "oneOf": "UNION_TYPE_CHOICES", "maximum": "NUMBER_TYPE_MAX", "minimum": "NUMBER_TYPE_MIN",
          "uniqueItems": "SET_TYPE_CONTAINS_DUPLICATES"}


def _problem(error: ValidationError) -> Problem:
    path = tuple(error.absolute_path)
    text = error.message if len(error.message) < 300 else error.message[:140] + " ... " + error.message[-140:]
    if error.validator == "required":
        missing = re.match(r"'([^']+)'", error.message)
        return Problem(path + ((missing.group(1),) if missing else ()), "BASE_TYPE_REQUIRED", "This field is required")
    return Problem(path, _CODES.get(str(error.validator), "BASE_TYPE_BAD"), text)


def error_tree(problems: List[Problem]) -> Dict[str, Any]:
    """The `errors` of a 50035."""
    tree: Dict[str, Any] = {}
    for problem in problems:
        node = tree
        for part in problem.path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": problem.code, "message": problem.text})
    return tree
