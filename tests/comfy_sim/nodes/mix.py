"""Core nodes that put pictures together: what the model-free templates are made of."""

from __future__ import annotations

import math
import random
from typing import Any, List, Optional

from PIL import Image, ImageChops, ImageOps

from comfy_sim.nodes.base import Result, Running, integer, node, number
from comfy_sim.nodes.image import _METHODS, _RESAMPLE, Batch

_SEED = integer(0, 0, 0xFFFFFFFFFFFFFFFF, control_after_generate=True)
_COLORS = {"white": "white", "black": "black", "red": "red", "green": "green", "blue": "blue"}
_BLENDS = {"normal": lambda under, over: over, "multiply": ImageChops.multiply, "screen": ImageChops.screen,
           "difference": ImageChops.difference}


@node("ImageAddNoise", category="image", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "seed": _SEED, "strength": number(0.5, 0.0, 1.0, step=0.01)})
def image_add_noise(run: Running, image: Batch, seed: int, strength: float) -> Result:
    return Result(([_noisy(each, random.Random(seed * 4099 + at), strength) for at, each in enumerate(image)],))


def _noisy(image: Image.Image, source: random.Random, strength: float) -> Image.Image:
    tile = (64, 64)  # of noise, repeated: quick enough for tests, and another one for each seed
    noise = Image.frombytes("RGB", tile, source.randbytes(tile[0] * tile[1] * 3))
    sheet = Image.new("RGB", image.size)
    for x in range(0, image.width, tile[0]):
        for y in range(0, image.height, tile[1]):
            sheet.paste(noise, (x, y))
    return Image.blend(image, sheet, strength / 2)


@node("RepeatImageBatch", category="image/batch", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "amount": integer(1, 1, 4096)})
def repeat_image_batch(run: Running, image: Batch, amount: int) -> Result:
    return Result((image * amount,))


@node("ImageScaleToTotalPixels", category="image/upscaling", output=("IMAGE",), required={
    "image": ["IMAGE", {}], "upscale_method": [_METHODS, {}], "megapixels": number(1.0, 0.01, 16.0, step=0.01),
    "resolution_steps": integer(1, 1, 256)})
def image_scale_to_total_pixels(run: Running, image: Batch, upscale_method: str, megapixels: float,
                                resolution_steps: int) -> Result:
    scale = math.sqrt(megapixels * 1024 * 1024 / (image[0].width * image[0].height))
    size = tuple(max(resolution_steps, round(side * scale / resolution_steps) * resolution_steps)
                 for side in image[0].size)
    return Result(([each.resize(size, _RESAMPLE[upscale_method]) for each in image],))


@node("ImageBlend", category="image/postprocessing", output=("IMAGE",), required={
    "image1": ["IMAGE", {}], "image2": ["IMAGE", {}], "blend_factor": number(0.5, 0.0, 1.0, step=0.01),
    "blend_mode": [list(_BLENDS), {}]})
def image_blend(run: Running, image1: Batch, image2: Batch, blend_factor: float, blend_mode: str) -> Result:
    return Result(([Image.blend(under, _BLENDS[blend_mode](under, ImageOps.fit(over, under.size)), blend_factor)
                    for under, over in zip(image1, image2)],))


@node("ImageCompositeMasked", category="image", output=("IMAGE",), required={
    "destination": ["IMAGE", {}], "source": ["IMAGE", {}], "x": integer(0, 0, 16384, step=1),
    "y": integer(0, 0, 16384, step=1), "resize_source": ["BOOLEAN", {"default": False}]},
    optional={"mask": ["MASK", {}]})
def image_composite_masked(run: Running, destination: Batch, source: Batch, x: int, y: int, resize_source: bool,
                           mask: Optional[List[Any]] = None) -> Result:
    placed = []
    for at, under in enumerate(destination):
        over = source[min(at, len(source) - 1)]
        over = over.resize(under.size) if resize_source else over
        result = under.copy()
        result.paste(over, (x, y), mask[0].resize(over.size) if mask else None)
        placed.append(result)
    return Result((placed,))


@node("ImageStitch", display_name="Image Stitch", category="image/transform", output=("IMAGE",), required={
    "image1": ["IMAGE", {}], "direction": [["right", "down", "left", "up"], {"default": "right"}],
    "match_image_size": ["BOOLEAN", {"default": True}], "spacing_width": integer(0, 0, 1024, step=2),
    "spacing_color": [list(_COLORS), {"default": "white"}]}, optional={"image2": ["IMAGE", {}]})
def image_stitch(run: Running, image1: Batch, direction: str, match_image_size: bool, spacing_width: int,
                 spacing_color: str, image2: Optional[Batch] = None) -> Result:
    if image2 is None:
        return Result((image1,))
    wide = direction in ("right", "left")
    return Result(([_stitched(first, second, wide, direction in ("left", "up"), match_image_size, spacing_width,
                              _COLORS[spacing_color]) for first, second in zip(image1, image2)],))


def _stitched(first: Image.Image, second: Image.Image, wide: bool, turned: bool, matched: bool, gap: int,
              color: str) -> Image.Image:
    if matched:
        size = (max(1, second.width * first.height // second.height), first.height) if wide else \
            (first.width, max(1, second.height * first.width // second.width))
        second = second.resize(size)
    if turned:
        first, second = second, first
    size = (first.width + gap + second.width, max(first.height, second.height)) if wide else \
        (max(first.width, second.width), first.height + gap + second.height)
    sheet = Image.new("RGB", size, color)
    sheet.paste(first, (0, 0))
    sheet.paste(second, (first.width + gap, 0) if wide else (0, first.height + gap))
    return sheet
