"""Core nodes that make, load, change and save pictures. An IMAGE is a list of PIL images (the batch)."""

from __future__ import annotations

import hashlib
import json
import os
import random
import string
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from comfy_sim.folders import Folders
from comfy_sim.nodes.base import Result, Running, integer, node, number, text

Batch = List[Image.Image]

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tiff")
_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
_RESAMPLE = {"nearest-exact": Image.NEAREST, "bilinear": Image.BILINEAR, "area": Image.BOX,
             "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
_HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
_PREFIX_TIP = "The prefix for the file to save. It may contain a folder."


@node("EmptyImage", display_name="Empty Image", output=("IMAGE",), required={
    "width": integer(512, 1, 16384, step=1), "height": integer(512, 1, 16384, step=1),
    "batch_size": integer(1, 1, 4096), "color": integer(0, 0, 0xFFFFFF, step=1, display="color")})
def empty_image(run: Running, width: int, height: int, batch_size: int, color: int) -> Result:
    rgb = (color >> 16 & 255, color >> 8 & 255, color & 255)
    return Result(([Image.new("RGB", (width, height), rgb)] * batch_size,))


def _files(folders: Folders) -> list:
    return sorted(entry.name for entry in os.scandir(folders.roots["input"])
                  if entry.is_file() and entry.name.lower().endswith(_PICTURES))


def _exists(folders: Folders, inputs: Dict[str, Any]) -> Optional[Tuple[str, str]]:
    name = inputs.get("image")
    if isinstance(name, str) and not folders.input_file(name).exists():
        return "image", f"Invalid image file: {name}"
    return None


def _contents(folders: Folders, inputs: Dict[str, Any]) -> Any:
    name = inputs.get("image")
    return hashlib.sha256(folders.input_file(name).read_bytes()).hexdigest() if isinstance(name, str) else None


def _load(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).copy()


@node("LoadImage", display_name="Load Image", output=("IMAGE", "MASK"), validate=_exists, fingerprint=_contents,
      choices=_files, required={"image": [[], {"image_upload": True}]})
def load_image(run: Running, image: str) -> Result:
    loaded = _load(run.folders.input_file(image))
    mask = loaded.getchannel("A") if "A" in loaded.getbands() else Image.new("L", loaded.size, 255)
    return Result(([loaded.convert("RGB")], [mask]))


@node("LoadImageMask", display_name="Load Image (as Mask)", output=("MASK",), validate=_exists, fingerprint=_contents,
      choices=_files, required={"image": [[], {"image_upload": True}],
                                "channel": [["alpha", "red", "green", "blue"], {}]})
def load_image_mask(run: Running, image: str, channel: str) -> Result:
    loaded = _load(run.folders.input_file(image)).convert("RGBA")
    return Result(([loaded.getchannel(channel[0].upper())],))


@node("ImageInvert", display_name="Invert Image", output=("IMAGE",), required={"image": ["IMAGE", {}]})
def image_invert(run: Running, image: Batch) -> Result:
    return Result(([ImageOps.invert(each) for each in image],))


@node("ImageScale", display_name="Upscale Image", category="image/upscaling", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "upscale_method": [_METHODS, {}], "width": integer(512, 0, 16384, step=1),
    "height": integer(512, 0, 16384, step=1), "crop": [["disabled", "center"], {}]})
def image_scale(run: Running, image: Batch, upscale_method: str, width: int, height: int, crop: str) -> Result:
    if width == 0 and height == 0:
        return Result((image,))
    first = image[0]
    size = (width or max(1, first.width * height // first.height),
            height or max(1, first.height * width // first.width))
    method = _RESAMPLE[upscale_method]
    scaled = [ImageOps.fit(each, size, method) if crop == "center" else each.resize(size, method) for each in image]
    return Result((scaled,))


@node("ImageScaleBy", display_name="Upscale Image By", category="image/upscaling", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "upscale_method": [_METHODS, {}], "scale_by": number(1.0, 0.01, 8.0, step=0.01)})
def image_scale_by(run: Running, image: Batch, upscale_method: str, scale_by: float) -> Result:
    method = _RESAMPLE[upscale_method]
    return Result(([each.resize((max(1, round(each.width * scale_by)), max(1, round(each.height * scale_by))), method)
                    for each in image],))


@node("ImageBlur", display_name="Blur Image", category="image/postprocessing", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "blur_radius": integer(1, 1, 31, step=1), "sigma": number(1.0, 0.1, 10.0, step=0.1)})
def image_blur(run: Running, image: Batch, blur_radius: int, sigma: float) -> Result:
    return Result(([each.filter(ImageFilter.GaussianBlur(blur_radius)) for each in image],))


@node("ImageBatch", display_name="Batch Images", output=("IMAGE",),
      required={"image1": ["IMAGE", {}], "image2": ["IMAGE", {}]})
def image_batch(run: Running, image1: Batch, image2: Batch) -> Result:
    size = image1[0].size
    return Result((image1 + [each if each.size == size else ImageOps.fit(each, size) for each in image2],))


def metadata(run: Running) -> Optional[PngInfo]:
    """The prompt, and what the caller put into extra_pnginfo: how ComfyUI makes pictures reproducible."""
    if run.options.disable_metadata:
        return None
    info = PngInfo()
    info.add_text("prompt", json.dumps(run.prompt))
    for key, value in (run.extra_data.get("extra_pnginfo") or {}).items():
        info.add_text(key, json.dumps(value))
    return info


def save_pngs(run: Running, images: Batch, kind: str, prefix: str, compress_level: int) -> List[Dict[str, str]]:
    saved = []
    info = metadata(run)
    for image in images:
        path, name, subfolder = run.folders.next_file(kind, prefix, "png")
        image.save(path, pnginfo=info, compress_level=compress_level)
        saved.append({"filename": name, "subfolder": subfolder, "type": kind})
    return saved


@node("SaveImage", display_name="Save Image", output_node=True, hidden=_HIDDEN,
      description="Saves the input images to your ComfyUI output directory.",
      required={"images": ["IMAGE", {"tooltip": "The images to save."}],
                "filename_prefix": text("ComfyUI", tooltip=_PREFIX_TIP)})
def save_image(run: Running, images: Batch, filename_prefix: str) -> Result:
    return Result(ui={"images": save_pngs(run, images, "output", filename_prefix, 4)})


@node("PreviewImage", display_name="Preview Image", output_node=True, hidden=_HIDDEN,
      required={"images": ["IMAGE", {"tooltip": "The images to save."}]})
def preview_image(run: Running, images: Batch) -> Result:
    letters = "".join(random.choices(string.ascii_lowercase, k=5))
    return Result(ui={"images": save_pngs(run, images, "temp", f"ComfyUI_temp_{letters}", 1)})


@node("SaveAnimatedWEBP", output_node=True, hidden=_HIDDEN, category="image/animation", required={
    "images": ["IMAGE", {}], "filename_prefix": text("ComfyUI"), "fps": number(6.0, 0.01, 1000.0, step=0.01),
    "lossless": ["BOOLEAN", {"default": True}], "quality": integer(80, 0, 100),
    "method": [["default", "fastest", "slowest"], {}]})
def save_animated_webp(run: Running, images: Batch, filename_prefix: str, fps: float, lossless: bool, quality: int,
                       method: str) -> Result:
    path, name, subfolder = run.folders.next_file("output", filename_prefix, "webp")
    images[0].save(path, save_all=True, append_images=images[1:], duration=int(1000 / fps), lossless=lossless,
                   quality=quality, method={"default": 4, "fastest": 0, "slowest": 6}[method])
    return Result(ui={"images": [{"filename": name, "subfolder": subfolder, "type": "output"}], "animated": [True]})
