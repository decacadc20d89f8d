"""The schema gate: every answer that a test sees must be one that schema/openapi.yaml describes.

Each test hands what it sent and got to Gate.check(), which finds the operation and raises
AssertionError with an exact message when the answer is not documented: wrong status, media type,
header, or a body that breaks its schema. It also looks at what a schema cannot say: a problem's
status, title and request_id agree with the answer, 405 and OPTIONS name exactly the documented
methods, a request that was accepted is one that the document allows, and /openapi.json is the
document itself.

What was exercised is appended to the file named by COMFYGATE_GATE_LOG, one JSON object per line, so
that several pytest processes add up. At the end

    python3 schema_gate.py --verify LOGFILE

fails for operations that no test ever saw succeed, and for a document that breaks its own rules.

A Gate may be used by several threads. Needs only python3-jsonschema and python3-yaml.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import sys
import threading
import urllib.parse

import jsonschema
import yaml

DEFAULT_PATH = pathlib.Path(__file__).resolve().parents[2] / "schema" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
ANNOTATIONS = {"description", "title", "examples", "default", "$comment", "deprecated"}
NO_SHAPES = {"examples", "enum", "const", "required", "default", "x-problems",  # values
             "if", "then", "else"}  # conditions: they narrow what is described beside them
MEMO_MAX = 4096


class Breach(AssertionError):
    """An answer, or the document itself, is not as promised."""


# ---- reading -------------------------------------------------------------------------------


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a key appear twice and keeps the last; in a contract that is a mistake."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, count in collections.Counter(map(repr, keys)).items():
            if count > 1:
                raise Breach(f"{node.start_mark}: the key {key} appears twice")
        for key in keys:
            if not isinstance(key, str):
                raise Breach(f"{node.start_mark}: the key {key!r} is no text; put it in quotes")
        return super().construct_mapping(node, deep)


def load_document(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=_UniqueKeyLoader)


def _no_duplicates(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        names = collections.Counter(name for name, _ in pairs)
        raise ValueError(f"the member {names.most_common(1)[0][0]!r} appears twice in one object")
    return value


def _no_constant(text):
    raise ValueError(f"{text} is not JSON")


def strict_json(body):
    """JSON as RFC 8259 and I-JSON have it: UTF-8, no duplicate members, no NaN."""
    text = bytes(body).decode("utf-8") if not isinstance(body, str) else body
    value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    if "\\u" in text:  # a lone surrogate can only come from an escape
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


# ---- schemas -------------------------------------------------------------------------------


def lookup(document, ref):
    if not ref.startswith("#/"):
        raise Breach(f"$ref {ref!r} does not stay inside the document")
    node = document
    for token in ref[2:].split("/"):
        token = urllib.parse.unquote(token).replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or token not in node:
            raise Breach(f"$ref {ref!r} leads nowhere")
        node = node[token]
    return node


def inline(document, node, trail=()):
    """A copy in which each $ref is replaced by what it names: validating gets much faster."""
    if isinstance(node, list):
        return [inline(document, item, trail) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: inline(document, value, trail) for key, value in node.items() if key != "$ref"}
    ref = node.get("$ref")
    if not isinstance(ref, str):
        if "$ref" in node:
            rest["$ref"] = inline(document, ref, trail)  # a property of that name
        return rest
    if ref in trail:
        raise Breach(f"$ref {ref!r} contains itself; the gate needs a plain object there")
    target = inline(document, lookup(document, ref), trail + (ref,))
    if set(rest) <= ANNOTATIONS:
        return {**target, **rest}
    return {**rest, "allOf": [target, *rest.get("allOf", [])]}


def _is_integer(_checker, value):
    return isinstance(value, int) and not isinstance(value, bool)  # 7.0 is none: clients differ there


def _pattern(_validator, pattern, value, _schema):
    # In ECMA 262, which JSON Schema means, $ is the very end; Python also takes it before a newline.
    if isinstance(value, str) and not _regex(pattern).search(value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_regexes = {}


def _regex(pattern):
    if pattern not in _regexes:
        _regexes[pattern] = re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))
    return _regexes[pattern]


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer))


def _innermost(error):
    """Of an anyOf or oneOf that failed, the fault in the branch that was most likely meant."""
    while error.context:
        branches = collections.defaultdict(list)
        for inner in error.context:
            branches[inner.schema_path[0]].append(inner)
        meant = [errors for errors in branches.values()
                 if not any(e.validator == "type" and not e.path for e in errors)]
        error = min(meant or branches.values(), key=len)[0]
    return error


def explain(errors, limit=5):
    lines = []
    for error in map(_innermost, errors):
        place = "".join(f"/{token}" for token in error.absolute_path) or "(the whole)"
        message = error.message if len(error.message) < 400 else (
            error.message[:150] + " … " + error.message[-240:])
        lines.append(f"at {place}: {message}")
    lines.sort()
    more = [f"and {len(lines) - limit} more"] if len(lines) > limit else []
    return "; ".join(lines[:limit] + more)


# ---- the document --------------------------------------------------------------------------


class Operation:
    """One method of one path, with all references followed."""

    def __init__(self, document, template, method, node):
        self.template = template
        self.method = method
        self.id = node["operationId"]
        shared = document["paths"][template].get("parameters", [])
        parameters = inline(document, [*shared, *node.get("parameters", [])])
        self.query = {p["name"]: p for p in parameters if p["in"] == "query"}
        self.query_patterns = [
            (_regex(p["pattern"]), p) for p in inline(document, node.get("x-parameter-patterns", []))]
        self.request = inline(document, node["requestBody"]) if "requestBody" in node else None
        self.responses = {status: inline(document, response)
                          for status, response in node["responses"].items()}

    def response(self, status):
        """`default` speaks of failures only: a success must be documented by its own status."""
        return self.responses.get(str(status)) or (
            self.responses.get("default") if status >= 400 else None)

    def successes(self):
        return [status for status in self.responses if status.startswith("2")]


class Gate:
    def __init__(self, openapi_path=DEFAULT_PATH):
        self.document = load_document(openapi_path)
        self.operations = {}  # operationId -> Operation
        self.exercised = set()  # (operationId, method, status)
        self._paths = []  # (regex, template, {METHOD: Operation}), most literal first
        self._compiled = {}
        self._lock = threading.Lock()  # of exercised and _seen
        self._seen = collections.OrderedDict()  # answers that were found good lately
        self._problem = inline(self.document, self.document["components"]["responses"]["Problem"])
        self._problems = self.document["components"]["schemas"]["ProblemCode"]["x-problems"]
        for template, item in self.document["paths"].items():
            methods = {}
            for method in METHODS:
                if method in item:
                    operation = Operation(self.document, template, method.upper(), item[method])
                    if operation.id in self.operations:
                        raise Breach(f"the operationId {operation.id} appears twice")
                    methods[method.upper()] = self.operations[operation.id] = operation
            pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template.removesuffix("{path}")))
            rest = "[^/]+(/[^/]+)*" if template.endswith("{path}") else ""
            self._paths.append((re.compile(pattern + rest + r"\Z"), template, methods))
        self._paths.sort(key=lambda row: row[1].count("{"))

    # ---- one answer

    def check(self, method, url_path, status, headers, body_bytes, request_body=None):
        """Raises Breach unless the answer is as documented. Gives the operationId, or None for
        what no operation is (an unknown path or method, OPTIONS).

        `url_path` may be a path with or without query, or a whole URL. `headers` is a mapping or
        a list of pairs. `request_body` (bytes, text, or the value itself) is looked at only when
        the answer is a success: what the gateway accepts, the document must allow.
        """
        method = method.upper()
        url = urllib.parse.urlsplit(url_path)
        body = bytes(body_bytes or b"")
        headers = _Headers(headers)
        template, methods = self._find(url.path)
        operation = methods.get(method)
        is_plain_head = method == "HEAD" and operation is None and "GET" in methods
        if is_plain_head:
            operation = methods["GET"]
        where = f"{method} {url_path} ({operation.id if operation else template or 'no such path'})"
        where += f" answered {status}"
        try:
            if operation is None:
                self._check_no_operation(method, template, methods, status, headers, body)
                return None
            response = operation.response(status)
            if response is None:
                raise Breach(f"documented are only {', '.join(sorted(operation.responses))}"
                             " (default means failures)")
            self._check_response(operation.id, status, response, headers, body, method == "HEAD")
            if status == 405:
                self._check_allow(methods, headers)
            if 200 <= status < 300:
                self._check_query(operation, url.query)
                self._check_request(operation, request_body)
                if operation.id == "getOpenapi" and method == "GET":
                    self._check_document(body)
        except Breach as breach:
            raise Breach(f"{where}: {breach}") from None
        self._record(operation.id, method, status)
        return operation.id

    def _find(self, path):
        for regex, template, methods in self._paths:
            if regex.match(path):
                return template, methods
        return None, {}

    def _check_no_operation(self, method, template, methods, status, headers, body):
        if template and method == "OPTIONS" and status == 204:
            headers.one("X-Request-Id")
            self._check_allow(methods, headers)
            if body:
                raise Breach("204 has no body, but one came")
            return
        if status < 400:
            raise Breach("schema/openapi.yaml has no such "
                         + (f"method on {template}" if template else "path"))
        if template is None and status == 405:
            raise Breach("schema/openapi.yaml has no such path, so 405 should be 404")
        if template and method != "OPTIONS" and status == 404:
            raise Breach(f"{template} exists, so 404 should be 405")
        self._check_response("(none)", status, self._problem, headers, body, method == "HEAD")
        if status == 405:
            self._check_allow(methods, headers)

    def _check_response(self, name, status, response, headers, body, is_head):
        for header, description in response.get("headers", {}).items():
            self._check_header(header, description, headers)
        headers.one("X-Request-Id")
        content = response.get("content")
        if is_head or not content:
            if body:
                raise Breach(f"there must be no body, but {len(body)} bytes came")
            return
        media, schema = self._media(content, headers)
        if not _is_json(media):
            if status >= 400:
                raise Breach(f"a failure came as {media}")
            return
        is_problem = media == "application/problem+json"
        memo = (name, status, media, body)
        with self._lock:
            if not is_problem and memo in self._seen:
                self._seen.move_to_end(memo)
                return
        try:
            value = strict_json(body)
        except ValueError as error:
            raise Breach(f"the body is not valid JSON: {error}; it begins {body[:80]!r}") from None
        self._validate(schema, value, "body")
        if is_problem:
            self._check_problem(status, headers, value)
            return
        with self._lock:
            self._seen[memo] = True
            if len(self._seen) > MEMO_MAX:
                self._seen.popitem(last=False)

    def _media(self, content, headers):
        text = headers.one("Content-Type")
        media = text.split(";")[0].strip().lower()
        for candidate in (media, media.split("/")[0] + "/*", "*/*"):
            if candidate in content:
                return media, content[candidate].get("schema", True)
        raise Breach(f"Content-Type is {text!r}, documented is {', '.join(content)}")

    def _check_header(self, name, description, headers):
        values = headers.all(name)
        if not values:
            if description.get("required"):
                raise Breach(f"the header {name} is missing")
            return
        if len(values) > 1:
            raise Breach(f"the header {name} came {len(values)} times")
        self._validate(description["schema"], values[0], f"header {name}")

    def _check_problem(self, status, headers, problem):
        code = problem["code"]
        row = self._problems[code]
        expected = {"status": status, "type": f"/problems/{code}", "title": row["title"],
                    "request_id": headers.one("X-Request-Id")}
        for member, value in expected.items():
            if problem[member] != value:
                raise Breach(f"problem {code}: {member} is {problem[member]!r}, not {value!r}")
        if status != row["status"]:
            raise Breach(f"problem {code} belongs to status {row['status']}")
        if row.get("retry_after") and not headers.all("Retry-After"):
            raise Breach(f"problem {code} needs the header Retry-After")

    @staticmethod
    def _check_allow(methods, headers):
        documented = set(methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        told = {token.strip() for token in headers.one("Allow").split(",")}
        if told != documented:
            raise Breach(f"Allow names {', '.join(sorted(told))}; documented are "
                         + ", ".join(sorted(documented)))

    def _check_query(self, operation, query):
        counts = collections.Counter()
        for name, text in urllib.parse.parse_qsl(query, keep_blank_values=True):
            parameter = operation.query.get(name)
            key = name
            if parameter is None:
                for regex, candidate in operation.query_patterns:
                    if regex.search(name):
                        parameter, key = candidate, regex
            if parameter is None:
                raise Breach(f"the query parameter {name!r} is not documented and should be 400")
            counts[key] += 1
            if counts[key] > parameter.get("maxCount", 1):
                raise Breach(f"the query parameter {name!r} was accepted too often")
            value = _query_value(parameter["schema"], text)
            self._validate(parameter["schema"], value, f"accepted query parameter {name}")

    def _check_request(self, operation, request_body):
        if request_body is None or operation.request is None:
            return
        if isinstance(request_body, (bytes, bytearray, memoryview, str)):
            if not request_body:
                if operation.request.get("required"):
                    raise Breach("a request without a body was accepted")
                return
            if "application/json" not in operation.request["content"]:
                return  # a file: what is in it is for the tests to say
            try:
                request_body = strict_json(request_body)
            except ValueError as error:
                raise Breach(f"accepted a request body that is not valid JSON: {error}") from None
        schema = operation.request["content"]["application/json"]["schema"]
        self._validate(schema, request_body, "accepted request body")

    def _check_document(self, body):
        if json.loads(body) != self.document:
            raise Breach("this is not schema/openapi.yaml: the program was built from another one")

    def _validate(self, schema, value, what):
        validator = self._compiled.get(id(schema))  # schemas live as long as the gate
        if validator is None:
            validator = self._compiled[id(schema)] = Validator(schema)
        errors = list(validator.iter_errors(value))
        if errors:
            raise Breach(f"{what} {explain(errors)}")

    # ---- what was exercised

    def _record(self, operation_id, method, status):
        entry = (operation_id, method, status)
        with self._lock:
            if entry in self.exercised:
                return
            self.exercised.add(entry)
        log = os.environ.get("COMFYGATE_GATE_LOG")
        if log:
            line = json.dumps({"operation": operation_id, "method": method, "status": status})
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(file, line.encode() + b"\n")  # one write: lines of processes do not mix
            finally:
                os.close(file)

    def load_log(self, path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                self.exercised.add((entry["operation"], entry["method"], entry["status"]))

    def report_missing(self, min_ops=None):
        """The operationIds (of min_ops, or of all) that were never seen to succeed. A HEAD does
        not stand for its GET, and a 404 does not stand for a test."""
        seen = {operation for operation, method, status in self.exercised
                if 200 <= status < 300 and operation in self.operations
                and method == self.operations[operation].method}
        return sorted(set(self.operations if min_ops is None else min_ops) - seen)

    def report_unseen_statuses(self):
        """(operationId, status) pairs that are documented by their own status and never seen."""
        seen = {(operation, str(status)) for operation, _, status in self.exercised}
        return sorted((operation.id, status) for operation in self.operations.values()
                      for status in operation.responses
                      if status != "default" and (operation.id, status) not in seen)


class _Headers:
    def __init__(self, headers):
        pairs = headers.items() if hasattr(headers, "items") else headers
        self._values = collections.defaultdict(list)
        for name, value in pairs:
            self._values[name.lower()].append(value)

    def all(self, name):
        return self._values.get(name.lower(), [])

    def one(self, name):
        values = self.all(name)
        if len(values) != 1:
            raise Breach(f"the header {name} " + (f"came {len(values)} times" if values else "is missing"))
        return values[0]


def _is_json(media):
    return media == "application/json" or media.endswith("+json")


def _query_value(schema, text):
    if schema.get("type") == "array":
        return text.split(",")
    if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return text


# ---- the rules of the document itself ------------------------------------------------------

_KEYS = {
    "document": {"openapi", "jsonSchemaDialect", "info", "servers", "security", "tags", "paths", "components"},
    "path": {"parameters", "summary", "description", *METHODS},
    "operation": {"operationId", "tags", "summary", "description", "parameters", "requestBody",
                  "responses", "security", "deprecated"},
    "parameter": {"name", "in", "required", "description", "schema", "style", "explode", "example"},
    "header": {"description", "required", "schema", "example"},
    "response": {"description", "headers", "content"},
    "request": {"description", "required", "content"},
    "media": {"schema", "example", "examples"},
}


def document_faults(document):
    """Everything that is wrong with the document, as sentences. Empty when it is sound."""
    faults = []

    def keys(kind, node, where):
        for key in node:
            if key not in _KEYS[kind] and not key.startswith("x-"):
                faults.append(f"{where}: unknown member {key!r}")

    def schema(node, where):
        try:
            whole = inline(document, node)
            jsonschema.Draft202012Validator.check_schema(whole)
        except Breach as breach:
            faults.append(f"{where}: {breach}")
            return
        except jsonschema.SchemaError as error:
            faults.append(f"{where}: no valid JSON Schema: {error.message}")
            return
        for index, example in enumerate(node.get("examples", [])):
            errors = list(Validator(whole).iter_errors(example))
            if errors:
                faults.append(f"{where}: example {index + 1} breaks it: {explain(errors)}")

    def objects(node, where):
        """Closed or open on purpose, every member described and every required one known."""
        if isinstance(node, list):
            for index, item in enumerate(node):
                objects(item, f"{where}/{index}")
        if not isinstance(node, dict):
            return
        if node.get("type") == "object" and "additionalProperties" not in node:
            faults.append(f"{where}: says nothing about additionalProperties")
        if node.get("type") == "object":
            for name, member in node.get("properties", {}).items():
                if "description" not in member and "$ref" not in member:
                    faults.append(f"{where}: the member {name} has no description")
            if "properties" in node:
                for name in set(node.get("required", [])) - set(node["properties"]):
                    faults.append(f"{where}: requires {name!r}, which it does not describe")
        for key, value in node.items():
            if key not in NO_SHAPES:
                objects(value, f"{where}/{key}")

    def follow(node, where):
        try:
            return lookup(document, node["$ref"]) if "$ref" in node else node
        except Breach as breach:
            faults.append(f"{where}: {breach}")
            return None

    def response(node, where):
        node = follow(node, where)
        if node is None:
            return
        keys("response", node, where)
        if not node.get("description"):
            faults.append(f"{where}: no description")
        headers = node.get("headers", {})
        if "X-Request-Id" not in headers:
            faults.append(f"{where}: the header X-Request-Id is not documented")
        for name, header in headers.items():
            header = follow(header, f"{where}/{name}")
            if header is not None:
                keys("header", header, f"{where}/{name}")
                schema(header.get("schema", {}), f"{where}/{name}")
        for media, entry in node.get("content", {}).items():
            keys("media", entry, f"{where}/{media}")
            if "schema" in entry:
                schema(entry["schema"], f"{where}/{media}")

    def operation(template, method, item, node):
        where = f"{method.upper()} {template}"
        keys("operation", node, where)
        for member in ("operationId", "summary", "description", "tags", "responses"):
            if not node.get(member):
                faults.append(f"{where}: no {member}")
        name = node.get("operationId", "")
        if name and not re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", name):
            faults.append(f"{where}: the operationId {name!r} is not lowerCamel")
        names.append(name)
        for tag in node.get("tags", []):
            if tag not in tags:
                faults.append(f"{where}: the tag {tag!r} is not declared")
        in_path = set()
        for parameter in [*item.get("parameters", []), *node.get("parameters", [])]:
            parameter = follow(parameter, where)
            if parameter is None:
                continue
            at = f"{where}: parameter {parameter.get('name')}"
            keys("parameter", parameter, at)
            if not parameter.get("description") or "schema" not in parameter:
                faults.append(f"{at}: needs description and schema")
            schema(parameter.get("schema", {}), at)
            if parameter.get("in") == "path":
                in_path.add(parameter["name"])
                if parameter.get("required") is not True:
                    faults.append(f"{at}: is in the path, so it is required")
        if in_path != set(re.findall(r"\{([^}]*)\}", template)):
            faults.append(f"{where}: its path parameters are not those of the path")
        if "requestBody" in node:
            keys("request", node["requestBody"], f"{where}: requestBody")
            for media, entry in node["requestBody"].get("content", {}).items():
                schema(entry.get("schema", {}), f"{where}: requestBody {media}")
        responses = node.get("responses", {})
        for status, entry in responses.items():
            if not re.fullmatch(r"[1-5][0-9][0-9]|default", status):
                faults.append(f"{where}: {status!r} is no status")
            response(entry, f"{where}: {status}")
        if responses.get("default") != {"$ref": "#/components/responses/Problem"}:
            faults.append(f"{where}: its default response is not Problem")

    keys("document", document, "document")
    if not str(document.get("openapi", "")).startswith("3.1."):
        faults.append("document: openapi is not 3.1")
    tags = {tag["name"] for tag in document.get("tags", [])}
    names = []
    for template, item in document["paths"].items():
        keys("path", item, template)
        for method in METHODS:
            if method in item:
                operation(template, method, item, item[method])
    for name, count in collections.Counter(names).items():
        if count > 1:
            faults.append(f"the operationId {name!r} appears {count} times")
    for name, node in document["components"]["schemas"].items():
        if not node.get("description"):
            faults.append(f"schema {name}: no description")
        schema(node, f"schema {name}")
        objects(node, f"schema {name}")
    faults += _unused(document)
    return sorted(set(faults)) + [
        f"operation {name} has no schema for {status}" for name, status in unschemed(document)]


def _unused(document):
    used = set(re.findall(r'"\$ref": "(#/components/[^"]*)"', json.dumps(document)))
    used |= {f"#/components/securitySchemes/{scheme}" for item in document["paths"].values() for method in METHODS
             for way in item.get(method, {}).get("security", []) for scheme in way}
    return [f"components/{kind}/{name} is used nowhere"
            for kind, entries in document["components"].items() for name in entries
            if f"#/components/{kind}/{name}" not in used]


def unschemed(document):
    """(operationId, status) of each 2xx that has neither a schema nor, by its nature, a body."""
    result = []
    for item in document["paths"].values():
        for method in METHODS:
            for status, node in item.get(method, {}).get("responses", {}).items():
                if not status.startswith("2") or status == "204" or method == "head":
                    continue
                try:
                    content = (lookup(document, node["$ref"]) if "$ref" in node else node).get("content")
                except Breach:
                    continue  # told elsewhere
                if not content or any("schema" not in entry for entry in content.values()):
                    result.append((item[method].get("operationId", "?"), status))
    return result


# ---- the command ---------------------------------------------------------------------------


def main(argv=None):
    parser = argparse.ArgumentParser(description="Verify the API's contract, and that tests covered it.")
    parser.add_argument("--schema", default=DEFAULT_PATH, help="the OpenAPI document")
    parser.add_argument("--verify", metavar="LOGFILE",
                        help="coverage that test runs appended to COMFYGATE_GATE_LOG")
    parser.add_argument("--every-status", action="store_true",
                        help="also fail for a documented 2xx or 304 that no test saw")
    options = parser.parse_args(argv)
    try:
        document = load_document(options.schema)
        faults = document_faults(document)
        gate = Gate(options.schema) if not faults else None
    except Breach as breach:
        faults, gate = [str(breach)], None
    for fault in faults:
        print(f"schema: {fault}")
    if gate and options.verify:
        try:
            gate.load_log(options.verify)
        except FileNotFoundError:
            print(f"gate: {options.verify} does not exist: no test used the gate")
        for name in gate.report_missing():
            operation = gate.operations[name]
            faults.append(name)
            print(f"gate: never exercised: {name} ({operation.method} {operation.template})")
        for name, status in gate.report_unseen_statuses():
            is_fault = options.every_status and (status[0] == "2" or status == "304")
            if is_fault:
                faults.append(name)
            print(f"{'gate' if is_fault else 'note'}: never seen: {name} {status}")
        print(f"gate: {len(gate.operations) - len(gate.report_missing())} of {len(gate.operations)}"
              f" operations exercised, {len(gate.exercised)} kinds of answer seen")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
