"""/view and /upload/*."""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import os
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from aiohttp import web
from PIL import Image

from comfy_sim.faults import Subject
from comfy_sim.folders import Folders
from comfy_sim.routes.base import Cut, Route, life_of

#: served as attachments by newer releases, because a browser would run what is in them
_ACTIVE = ("text/html", "text/html-sandboxed", "application/xhtml+xml", "text/javascript", "application/javascript",
           "text/css", "image/svg+xml", "application/xml", "text/xml")


def _locate(folders: Folders, query: Any) -> Tuple[Optional[Path], int]:
    """The file that a /view query means, or the status of the refusal."""
    if "filename" not in query:
        return None, 404
    name, kind = folders.annotated(query["filename"], query.get("type", "output"))
    if name.startswith("/") or ".." in name or kind not in folders.roots:
        return None, 400
    directory = folders.roots[kind]
    if "subfolder" in query:
        directory = directory / query["subfolder"]
        if not folders.contains(kind, directory):
            return None, 403
    path = directory / os.path.basename(name)
    return (path, 200) if path.is_file() else (None, 404)


async def view(request: web.Request) -> web.StreamResponse:
    life = life_of(request)
    path, status = _locate(life.folders, request.query)
    subject = Subject(request.query.get("filename", ""), request.query_string.encode())
    life.crash_point("view", subject)
    if path is None or life.faults.strike("view_404", subject):
        return web.Response(status=status if path is None else 404)
    disposition = {"Content-Disposition": f'filename="{path.name}"'}
    if "preview" in request.query:
        return _preview(path, request.query["preview"], disposition)
    if "channel" in request.query and request.query["channel"] in ("rgb", "a"):
        return _channel(path, request.query["channel"], disposition)
    truncation = life.faults.strike("view_truncate", subject)
    if truncation:
        return await _truncated(request, path, truncation.get("bytes", path.stat().st_size // 2), disposition)
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if life.traits.modern:
        disposition["X-Content-Type-Options"] = "nosniff"
        if content_type in _ACTIVE:
            content_type = "application/octet-stream"
            disposition["Content-Disposition"] = f'attachment; filename="{path.name}"'
    return web.FileResponse(path, headers={**disposition, "Content-Type": content_type})


def _preview(path: Path, wish: str, headers: Dict[str, str]) -> web.Response:
    """`webp;50`, `jpeg;90`: re-encoded, without validators."""
    parts = wish.split(";")
    image_format = parts[0] if parts[0] in ("webp", "jpeg") else "webp"
    quality = int(parts[-1]) if parts[-1].isdigit() else 90
    with Image.open(path) as image:
        buffer = io.BytesIO()
        image.convert("RGB" if image_format == "jpeg" else image.mode).save(buffer, image_format, quality=quality)
    return web.Response(body=buffer.getvalue(), content_type=f"image/{image_format}", headers=headers)


def _channel(path: Path, channel: str, headers: Dict[str, str]) -> web.Response:
    with Image.open(path) as image:
        if channel == "rgb":
            result = image.convert("RGB")
        else:
            alpha = image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, 255)
            result = Image.new("RGBA", image.size)
            result.putalpha(alpha)
        buffer = io.BytesIO()
        result.save(buffer, "PNG")
    return web.Response(body=buffer.getvalue(), content_type="image/png", headers=headers)


async def _truncated(request: web.Request, path: Path, count: int, headers: Dict[str, str]) -> web.StreamResponse:
    """Promise all, send some, end the connection."""
    contents = path.read_bytes()
    response = web.StreamResponse(headers={**headers, "Content-Type": "image/png"})
    response.content_length = len(contents)
    await response.prepare(request)
    await response.write(contents[:count])
    raise Cut("close")


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _place(directory: Path, name: str, contents: bytes, overwrite: bool) -> Tuple[Path, str, bool]:
    """Where an upload goes: (path, name, still to be written). Same bytes keep the name, others get ` (N)`."""
    path = directory / name
    stem, extension = os.path.splitext(name)
    count = 1
    while not overwrite and path.exists():
        if _digest(path) == hashlib.sha256(contents).digest():
            return path, name, False
        name = f"{stem} ({count}){extension}"
        path = directory / name
        count += 1
    return path, name, True


async def _upload(request: web.Request, save: Any) -> web.Response:
    life = life_of(request)
    failure = life.faults.strike("upload_fail")
    if failure:
        return web.Response(status=failure.get("status", 500))
    fields = await request.post()
    image = fields.get("image")
    if not image and not isinstance(image, web.FileField):
        return web.Response(status=400)
    kind = fields.get("type", "input")
    root = life.folders.roots[kind]
    name = image.filename
    if not name:
        raise ValueError("upload without a file name")
    subfolder = fields.get("subfolder", "")
    directory = Path(os.path.abspath(root / os.path.normpath(subfolder)))
    inside = life.folders.contains(kind, directory) and life.folders.contains(kind, directory / name.lstrip("/"))
    if not inside or ".." in Path(name).parts:
        return web.Response(status=400)
    directory.mkdir(parents=True, exist_ok=True)
    contents = image.file.read()
    overwrite = fields.get("overwrite") in ("true", "1")
    path, name, wanted = _place(directory, name.lstrip("/"), contents, overwrite)
    if wanted:
        save(life.folders, fields, contents, path)
    life.journal.note("uploaded", name=name, subfolder=subfolder, bytes=len(contents), is_new=wanted)
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


def _save_plain(folders: Folders, fields: Any, contents: bytes, path: Path) -> None:
    path.write_bytes(contents)


def _save_mask(folders: Folders, fields: Any, contents: bytes, path: Path) -> None:
    """The mask's alpha on the original picture. A missing original is no error: nothing is written."""
    reference = json.loads(fields["original_ref"])
    query = {key: reference[key] for key in ("filename", "subfolder", "type") if key in reference}
    original, _ = _locate(folders, query)
    if original is None:
        return
    with Image.open(original) as picture, Image.open(io.BytesIO(contents)) as mask:
        alpha = mask.convert("RGBA").getchannel("A").resize(picture.size)
        result = picture.convert("RGBA")
        result.putalpha(alpha)
        result.save(path, "PNG", compress_level=4)


async def upload_image(request: web.Request) -> web.Response:
    return await _upload(request, _save_plain)


async def upload_mask(request: web.Request) -> web.Response:
    return await _upload(request, _save_mask)


ROUTES = [
    Route("GET", "/view", view),
    Route("POST", "/upload/image", upload_image),
    Route("POST", "/upload/mask", upload_mask),
]
