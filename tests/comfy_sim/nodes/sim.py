"""Nodes of comfy-sim's own: each shows one thing that real nodes do, or do wrong."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Dict, List, Optional

from PIL import Image

from comfy_sim import pictures
from comfy_sim.nodes.base import Interrupted, Result, Running, boolean, integer, node, number, seed, text
from comfy_sim.nodes.image import Batch, save_pngs

_OPTIONAL_IMAGE: Dict[str, list] = {"image": ["IMAGE", {}]}
_ANY: list = ["*", {}]
_SIM: Dict[str, Any] = {"category": "comfy-sim", "python_module": "custom_nodes.comfy_sim"}


@node("SimSteps", "WireSteps", output=("IMAGE",), **_SIM, required={
    "steps": integer(5, 1, 100000), "ms": integer(60, 0, 3600000), "previews": boolean(True), "seed": seed()},
    optional={**_OPTIONAL_IMAGE, "text": text(), "width": integer(512, 8, 8192), "height": integer(512, 8, 8192),
              "preview_format": [["JPEG", "PNG"], {}]})
def sim_steps(run: Running, steps: int, ms: int, previews: bool, seed: int, image: Optional[Batch] = None,
              text: str = "", width: int = 512, height: int = 512, preview_format: str = "JPEG") -> Result:
    """Steps of a known length with progress and previews; gives its input on, or a drawn picture."""
    picture = image[0] if image else pictures.paint(width, height, text or "SimSteps", seed)
    small = picture.copy()
    small.thumbnail((256, 256))
    for step in range(1, steps + 1):
        run.sleep(ms / 1000)
        run.progress(step, steps, pictures.emerging(small, step / steps) if previews else None, preview_format)
    return Result((image or [picture],))


@node("SimSleep", "WireSleep", output=("IMAGE",), **_SIM, required={"ms": integer(500, 0, 3600000)},
      optional={**_OPTIONAL_IMAGE, "seed": seed()})
def sim_sleep(run: Running, ms: int, image: Optional[Batch] = None, seed: int = 0) -> Result:
    """Takes time, reports nothing: an interrupt waits for its end."""
    run.sleep(ms / 1000)
    return Result((image or [Image.new("RGB", (64, 64), "gray")],))


@node("SimHang", output=("IMAGE",), **_SIM, optional={**_OPTIONAL_IMAGE})
def sim_hang(run: Running, image: Optional[Batch] = None) -> Result:
    """Never ends and never looks at an interrupt."""
    while True:
        run.sleep(3600)


@node("SimFail", output=("IMAGE",), **_SIM, required={
    "exception_type": text("ValueError"), "message": text("boom")}, optional={**_OPTIONAL_IMAGE})
def sim_fail(run: Running, exception_type: str, message: str, image: Optional[Batch] = None) -> Result:
    """Raises. `torch.OutOfMemoryError` (or `oom`) is how a full GPU looks."""
    if exception_type == "oom":
        exception_type = "torch.OutOfMemoryError"
    module, _, name = exception_type.rpartition(".")
    raise type(name, (Exception,), {"__module__": module or "builtins"})(message)


@node("SimInterrupt", output=("IMAGE",), **_SIM, optional={**_OPTIONAL_IMAGE})
def sim_interrupt(run: Running, image: Optional[Batch] = None) -> Result:
    """Ends the job as if somebody had interrupted it."""
    raise Interrupted


@node("SimText", output_node=True, output=("STRING",), **_SIM, required={"text": text("hello", multiline=True)},
      optional={"any": _ANY})
def sim_text(run: Running, text: str, any: Any = None) -> Result:
    return Result((text,), {"text": [text]})


@node("PreviewAny", display_name="Preview Any", output_node=True, output=("STRING",), category="utils",
      required={"source": _ANY})
def preview_any(run: Running, source: Any) -> Result:
    return Result((str(source),), {"text": [source if isinstance(source, str) else repr(source)]})


@node("SimNaN", output_node=True, **_SIM, required={"text": text("x")})
def sim_nan(run: Running, text: str) -> Result:
    """A user interface entry that Python writes as bare NaN and Infinity, which is not JSON."""
    return Result(ui={"text": [text], "score": [float("nan"), float("inf")]})


@node("SimVideo", output_node=True, **_SIM, required={
    "frames": integer(8, 1, 1000), "frame_rate": number(8.0, 0.1, 240.0), "filename_prefix": text("video/sim")},
    optional={**_OPTIONAL_IMAGE, "seed": seed()})
def sim_video(run: Running, frames: int, frame_rate: float, filename_prefix: str, image: Optional[Batch] = None,
              seed: int = 0) -> Result:
    """A file that begins like an mp4, listed under `gifs` as the custom video nodes do."""
    path, name, subfolder = run.folders.next_file("output", filename_prefix, "mp4")
    kind = b"ftypisom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"
    body = b"mdat" + bytes((seed + index) & 255 for index in range(frames * 256))
    path.write_bytes(b"".join(struct.pack(">I", len(box) + 4) + box for box in (kind, body)))
    return Result(ui={"gifs": [{"filename": name, "subfolder": subfolder, "type": "output", "format": "video/h264-mp4",
                                "frame_rate": frame_rate, "fullpath": str(path)}]})


@node("SimBig", output_node=True, **_SIM, required={
    "size_bytes": integer(1 << 20, 0, 1 << 31), "filename_prefix": text("big")}, optional={"seed": seed()})
def sim_big(run: Running, size_bytes: int, filename_prefix: str, seed: int = 0) -> Result:
    """A valid PNG of (at least) so many bytes: a small picture with a large private chunk before its end."""
    picture = pictures.paint(64, 64, "big", seed)
    saved = save_pngs(run, [picture], "output", filename_prefix, 1)
    path = run.folders.roots["output"] / saved[0]["subfolder"] / saved[0]["filename"]
    small = path.read_bytes()
    padding = bytes(max(0, size_bytes - len(small) - 12))
    chunk = b"siMf" + padding
    framed = struct.pack(">I", len(padding)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(small[:-12] + framed + small[-12:])
    return Result(ui={"images": saved})


@node("SimManyOutputs", output_node=True, **_SIM, required={
    "count": integer(10, 0, 100000), "filename_prefix": text("many")})
def sim_many(run: Running, count: int, filename_prefix: str) -> Result:
    """Many entries for few files: every name is listed, the first file is written."""
    saved = save_pngs(run, [Image.new("RGB", (16, 16), "teal")], "output", filename_prefix, 1) if count else []
    listed: List[Dict[str, str]] = saved * count
    return Result(ui={"images": listed})


@node("SimNames", output_node=True, **_SIM, required={"entries": text("[]", multiline=True)})
def sim_names(run: Running, entries: str) -> Result:
    """Lists whatever JSON it is given as its output entry: hostile file names, odd keys, wrong shapes."""
    value = json.loads(entries)
    return Result(ui=value if isinstance(value, dict) else {"images": value})
