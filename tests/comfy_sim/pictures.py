"""Draws the pictures: a landscape whose colours, sun and hills follow from the seed, with the prompt under it."""

from __future__ import annotations

import colorsys
import hashlib
import math
import random
from functools import lru_cache
from typing import List, Tuple

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = Tuple[int, int, int]

_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_MAX_DRAWN = 1024


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.ImageFont:
    try:
        return ImageFont.truetype(_FONT, size)
    except OSError:
        return ImageFont.load_default()


def _gradient(size: Tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _hills(draw: ImageDraw.ImageDraw, size: Tuple[int, int], dice: random.Random, level: float, colour: Colour) -> None:
    width, height = size
    waves = [(dice.uniform(0.6, 3.5), dice.uniform(0, math.tau), dice.uniform(0.02, 0.07)) for _ in range(3)]
    step = max(2, width // 160)
    points: List[Tuple[float, float]] = [(0, height)]
    for x in range(0, width + step, step):
        y = level - sum(a * math.sin(f * math.tau * x / width + p) for f, p, a in waves)
        points.append((x, y * height))
    points.append((width, height))
    draw.polygon(points, fill=colour)


def _sky(image: Image.Image, dice: random.Random, hue: float) -> Image.Image:
    width, height = image.size
    short = min(width, height)
    x, y = dice.uniform(0.2, 0.8) * width, dice.uniform(0.18, 0.42) * height
    radius = short * dice.uniform(0.07, 0.13)
    light = Image.new("L", image.size, 0)
    ImageDraw.Draw(light).ellipse((x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius), fill=150)
    light = light.resize((max(1, width // 8), max(1, height // 8))).filter(
        ImageFilter.GaussianBlur(max(1, radius / 10))).resize(image.size, Image.BICUBIC)
    glow = Image.new("RGB", image.size, _colour(hue + 0.08, 0.25, 1.0))
    image = Image.composite(glow, image, light)
    draw = ImageDraw.Draw(image)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(hue + 0.1, 0.12, 1.0))
    for _ in range(dice.randint(8, 26)):
        sx, sy, r = dice.uniform(0, width), dice.uniform(0, height * 0.45), short * dice.uniform(0.0008, 0.003)
        draw.ellipse((sx - r, sy - r, sx + r, sy + r), fill=_colour(hue, 0.08, 1.0))
    return image


def _wrap(text: str, font: ImageFont.ImageFont, width: float, lines: int) -> List[str]:
    rows: List[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and font.getlength(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(word)
    if len(rows) > lines:
        rows = rows[:lines]
        rows[-1] = rows[-1].rstrip(" .,") + " …"
    return rows


def _caption(image: Image.Image, text: str, seed: int) -> Image.Image:
    width, height = image.size
    if min(width, height) < 160:
        return image
    font, small = _font(max(11, width // 30)), _font(max(9, width // 52))
    margin = width // 24
    rows = _wrap(text[:400], font, width - 2 * margin, 3) if isinstance(font, ImageFont.FreeTypeFont) else [text[:40]]
    line = int(font.size * 1.3) if isinstance(font, ImageFont.FreeTypeFont) else 14
    block = line * len(rows) + line
    shade = Image.new("L", (1, block + margin), 0)
    for y in range(shade.height):
        shade.putpixel((0, y), min(190, int(260 * y / shade.height)))
    top = height - shade.height
    image.paste((8, 10, 18), (0, top, width, height), shade.resize((width, shade.height)))
    draw = ImageDraw.Draw(image)
    y = height - block - margin // 4
    for row in rows:
        draw.text((margin, y), row, font=font, fill=(255, 255, 255))
        y += line
    draw.text((margin, y + line // 8), f"comfy-sim · seed {seed}", font=small, fill=(205, 212, 225))
    return image


def paint(width: int, height: int, text: str, seed: int) -> Image.Image:
    """The finished picture. The same text and seed give the same picture."""
    digest = hashlib.blake2b(f"{seed}|{text}".encode(), digest_size=8).digest()
    dice = random.Random(int.from_bytes(digest, "big"))
    scale = min(1.0, _MAX_DRAWN / max(width, height))
    size = max(1, int(width * scale)), max(1, int(height * scale))
    hue = dice.random()
    image = _gradient(size, _colour(hue, 0.75, dice.uniform(0.25, 0.5)), _colour(hue + 0.12, 0.5, 0.98))
    image = _sky(image, dice, hue)
    draw = ImageDraw.Draw(image)
    layers = 5
    for layer in range(layers):
        depth = layer / (layers - 1)
        colour = _colour(hue + 0.04 + 0.1 * depth, 0.35 + 0.35 * depth, 0.78 - 0.62 * depth)
        _hills(draw, size, dice, 0.5 + 0.42 * depth, colour)
    image = _caption(image, text, seed)
    return image if image.size == (width, height) else image.resize((width, height), Image.BICUBIC)


def emerging(picture: Image.Image, share: float) -> Image.Image:
    """The picture as a sampler's preview shows it: coarse and noisy first, clear at share 1."""
    width, height = picture.size
    cells = max(4, int(6 + share * share * 90))
    coarse = picture.resize((cells, max(1, cells * height // width)), Image.BILINEAR)
    coarse = coarse.resize(picture.size, Image.BICUBIC)
    noise = Image.effect_noise((max(1, width // 4), max(1, height // 4)), 90).resize(picture.size).convert("RGB")
    blurred = Image.blend(coarse, picture, share)
    return Image.blend(noise, blurred, min(1.0, 0.25 + 0.75 * share))
