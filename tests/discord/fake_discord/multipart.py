"""multipart/form-data as Discord takes it: payload_json and files[0] to files[9]."""

from __future__ import annotations

import json
import re
from email.message import Message as Headers
from email.parser import BytesHeaderParser
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from fake_discord.openapi import Problem
from fake_discord.rules import File

_FILE = re.compile(r"^files\[(\d)\]$")


class Form(NamedTuple):
    body: Any
    files: List[File]
    problems: List[Problem]


def _parts(data: bytes, boundary: bytes) -> Iterator[Tuple[Headers, bytes]]:
    """Raises ValueError when it is no multipart."""
    delimiter = b"\r\n--" + boundary
    data = b"\r\n" + data
    at = data.find(delimiter)
    while at >= 0:
        at += len(delimiter)
        if data[at:at + 2] == b"--":
            return
        if data[at:at + 2] != b"\r\n":
            raise ValueError("a boundary without its line's end")
        end = data.find(delimiter, at)
        head_end = data.find(b"\r\n\r\n", at)
        if end < 0 or head_end < 0 or head_end > end:
            raise ValueError("a part without its end")
        yield BytesHeaderParser().parsebytes(data[at + 2:head_end + 4]), data[head_end + 4:end]
        at = end
    raise ValueError("no closing boundary")


def parse_form(data: bytes, content_type: str) -> Form:
    """Raises ValueError for what Discord could not read at all."""
    header = Headers()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise ValueError("no boundary")
    body: Any = None
    files: List[File] = []
    problems: List[Problem] = []
    seen = set()
    for headers, content in _parts(data, boundary.encode()):
        name = str(headers.get_param("name", "", "content-disposition"))
        if name in seen:
            problems.append(Problem((name,), "PART_TWICE", "this part is there twice", False))
        seen.add(name)
        match = _FILE.match(name)
        if name == "payload_json":
            body = json.loads(content)
            if headers.get_content_type() != "application/json":
                problems.append(Problem((name,), "PART_TYPE", "payload_json is application/json", False))
        elif match:
            filename: Optional[str] = headers.get_filename()
            if not filename:
                problems.append(Problem((name,), "FILENAME", "a file without a name", False))
            files.append(File(int(match.group(1)), filename or "unknown", content))
        else:
            problems.append(Problem((name,), "PART_UNKNOWN", "neither payload_json nor files[n]", False))
    if body is None:
        problems.append(Problem((), "PAYLOAD_MISSING", "no payload_json", False))
    return Form({} if body is None else body, files, problems)
