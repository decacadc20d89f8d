"""comfygate-imaging by itself: what it makes of good pictures, and that bad ones get nothing but an exit code."""
import functools
import io
import os
import random
import re
import signal
import struct
import subprocess
import time
import zlib

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

import gateway

pytestmark = pytest.mark.one_thread

PROGRAM = gateway.BIN.parent / "comfygate-imaging"
DONE, USAGE, UNREADABLE, NO_FIT, TOO_MANY = 0, 2, 3, 4, 5
REFUSALS = (UNREADABLE, TOO_MANY)
DEADLINE = 30  # seconds, the gateway's
MUTATIONS = 200  # of each fixture
DIFFERENCE = 1.5  # of 255, the mean over a picture, beyond what WebP loses
SLOW = 120  # seconds for a sanitizer's build, where the gateway's deadline means nothing


class Made:
    def __init__(self, code, output, words):
        self.code = code
        self.output = output
        self.words = words

    @property
    def picture(self):
        assert self.code == DONE, f"{self.code}: {self.words}"
        picture = Image.open(io.BytesIO(self.output))
        assert picture.format == "WEBP"
        picture.load()
        return picture


@pytest.fixture
def make(tmp_path):
    """Runs the program over bytes."""
    def run(content, *words):
        source = tmp_path / "in"
        target = tmp_path / "out"
        source.write_bytes(content)
        with open(source, "rb") as stdin, open(target, "wb") as stdout:
            ended = subprocess.run([PROGRAM, *map(str, words)], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                                   timeout=SLOW, check=False)
        made = Made(ended.returncode, target.read_bytes(), ended.stderr.decode())
        assert (made.code == DONE) == (made.words == ""), made.words
        assert (made.code == DONE) == (made.output != b"")
        assert made.words == "" or re.fullmatch(r"[A-Z/][ -~]{8,300}\.\n", made.words), made.words
        return made
    return run


@pytest.fixture
def thumbnail(make):
    return lambda content, edge=256, **more: make(content, "thumbnail", "--edge", edge, *options(more))


@pytest.fixture
def rendition(make):
    return lambda content, max_bytes, **more: make(content, "rendition", "--max-bytes", max_bytes, *options(more))


def options(more):
    return [word for name, value in more.items() for word in (f"--{name.replace('_', '-')}", value)]


def encode(picture, kind, **more):
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def scene(width=900, height=600, seed=1):
    """Gradients, edges, fine lines and some noise: what a bad filter spoils. No two corners are alike."""
    dice = random.Random(seed)
    x = Image.linear_gradient("L").resize((width, height))
    y = Image.linear_gradient("L").rotate(90).resize((width, height))
    noise = Image.frombytes("L", (width, height), dice.randbytes(width * height))
    lines = Image.new("L", (width, height))
    for at in range(0, width, 24):
        lines.paste(255, (at, height // 2, at + 2, height))
    picture = Image.merge("RGB", (x, y, Image.blend(ImageChops.lighter(x, lines), noise, 0.15)))
    picture.paste((255, 255, 0), (0, 0, width // 5, height // 5))
    picture.paste((255, 0, 255), (width - width // 6, height - height // 4, width, height))
    return picture


def with_alpha(picture):
    alpha = Image.radial_gradient("L").resize(picture.size)
    picture = picture.copy()
    picture.putalpha(alpha)
    return picture


@functools.cache
def noisy_png():
    """12 MB that hardly any coder makes smaller."""
    return encode(Image.frombytes("RGB", (2000, 2000), random.Random(5).randbytes(12_000_000)), "PNG", compress_level=1)


def png_16bit(width=300, height=200):
    rows = b"".join(b"\0" + b"".join(struct.pack(">HHH", x * 65535 // width, y * 65535 // height, 0x8000)
                                     for x in range(width)) for y in range(height))
    return png(width, height, 16, 2, rows)


def png(width, height, depth, color, rows):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def animation(kind):
    first = scene(400, 300)
    later = [ImageOps.invert(first), first.rotate(180)]
    return encode(first, kind, save_all=True, append_images=later, duration=100, loop=0)


def placed_gif():
    """A frame that fills a part of its canvas, interlaced."""
    body = encode(Image.new("P", (40, 30), 1), "GIF", interlace=1)
    canvas = bytearray(body)
    canvas[6:10] = struct.pack("<HH", 100, 50)
    at = canvas.index(b"\x2c", 13 + 3 * (2 << (canvas[10] & 7)))
    canvas[at + 1:at + 5] = struct.pack("<HH", 70, 30)  # reaches over the right and the lower edge
    return bytes(canvas)


@functools.cache
def fixtures():
    whole = scene()
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "png": encode(whole, "PNG"),
        "png-alpha": encode(with_alpha(whole), "PNG"),
        "png-palette": encode(whole.quantize(64), "PNG"),
        "png-palette-alpha": encode(whole.quantize(16), "PNG", transparency=0),
        "png-grey": encode(whole.convert("L"), "PNG"),
        "png-1bit": encode(whole.convert("1"), "PNG"),
        "png-16bit": png_16bit(),
        "jpeg": encode(whole, "JPEG", quality=90),
        "jpeg-progressive": encode(whole, "JPEG", quality=90, progressive=True),
        "jpeg-grey": encode(whole.convert("L"), "JPEG"),
        "jpeg-cmyk": encode(whole.convert("CMYK"), "JPEG"),
        "jpeg-turned": encode(whole, "JPEG", exif=exif.tobytes()),
        "gif": encode(whole.quantize(128), "GIF"),
        "gif-animated": animation("GIF"),
        "webp": encode(whole, "WEBP", quality=90),
        "webp-lossless": encode(with_alpha(whole), "WEBP", lossless=True),
        "webp-alpha": encode(with_alpha(whole), "WEBP", quality=90),
        "webp-animated": animation("WEBP"),
    }


def expected(content, edge):
    """What Pillow makes of it: upright, the first frame, one channel more for transparency."""
    picture = Image.open(io.BytesIO(content))
    if "P" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "I":
        raise AssertionError("Pillow has no such thumbnail")
    picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    picture.thumbnail((edge, edge), Image.BICUBIC)
    return picture


def over_grey(picture):
    back = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    back.alpha_composite(picture.convert("RGBA"))
    return back.convert("RGB")


def difference(a, b):
    return max(ImageStat.Stat(ImageChops.difference(over_grey(a), over_grey(b))).mean)


def loss_of_webp(picture):
    return difference(Image.open(io.BytesIO(encode(picture, "WEBP", quality=80))), picture)


# ---- thumbnails ---------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", [256, 512])
@pytest.mark.parametrize("name", sorted(fixtures()))
def test_a_thumbnail_looks_like_the_picture(thumbnail, name, edge):
    content = fixtures()[name]
    made = thumbnail(content, edge).picture
    wanted = expected(content, edge)
    assert abs(made.width - wanted.width) <= 1 and abs(made.height - wanted.height) <= 1
    assert max(made.size) == min(edge, max(wanted.size))
    assert not getattr(made, "is_animated", False)
    wanted = wanted.resize(made.size)
    assert difference(made, wanted) < loss_of_webp(wanted) + DIFFERENCE
    if "A" in wanted.getbands():
        alphas = made.convert("RGBA").getchannel("A"), wanted.getchannel("A")
        assert ImageStat.Stat(ImageChops.difference(*alphas)).mean[0] < DIFFERENCE
    else:
        assert made.mode == "RGB"


def test_a_frame_is_seen_where_it_lies_on_its_canvas(thumbnail):
    made = thumbnail(placed_gif()).picture
    assert made.size == (100, 50)
    alpha = made.getchannel("A").point(lambda value: 255 if value > 127 else 0)
    assert alpha.getbbox() == (70, 30, 100, 50)


def test_sixteen_bits_are_not_taken_for_linear_light(thumbnail):
    """Pillow reads them by the upper byte, which is what they mean."""
    assert thumbnail(png_16bit()).picture.getpixel((128, 85))[2] in range(124, 133)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_camera(thumbnail, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(scene(320, 200), "JPEG", quality=95, exif=exif.tobytes())
    made = thumbnail(content).picture
    assert made.size == ((160, 256) if orientation >= 5 else (256, 160))
    wanted = expected(content, 256)
    assert difference(made, wanted) < loss_of_webp(wanted) + DIFFERENCE


@pytest.mark.parametrize("tag", [0, 9, 65535])
def test_an_orientation_that_is_none_is_none(thumbnail, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    assert thumbnail(encode(scene(320, 200), "JPEG", exif=exif.tobytes())).picture.size == (256, 160)


def test_small_pictures_are_not_enlarged(thumbnail):
    for size in (1, 1), (1, 3), (16, 16), (255, 256):
        assert thumbnail(encode(Image.new("RGB", size, "teal"), "PNG")).picture.size == size


def test_thin_pictures_keep_a_pixel(thumbnail):
    assert thumbnail(encode(Image.new("RGB", (5000, 1), "teal"), "PNG")).picture.size == (256, 1)
    assert thumbnail(encode(Image.new("RGB", (1, 5000), "teal"), "JPEG")).picture.size == (1, 256)


def test_transparent_colours_do_not_bleed(thumbnail):
    """Red that is fully transparent beside opaque blue."""
    picture = Image.new("RGBA", (1024, 1024), (255, 0, 0, 0))
    for at in range(0, 1024, 8):
        picture.paste((0, 0, 255, 255), (at, 0, at + 4, 1024))
    made = thumbnail(encode(picture, "PNG")).picture.convert("RGBA").resize((1, 1), Image.BOX)
    assert made.getpixel((0, 0))[0] < 12
    assert abs(made.getpixel((0, 0))[3] - 128) < 6


def test_the_largest_picture_that_is_allowed(thumbnail):
    assert thumbnail(encode(Image.new("1", (8192, 8192), 1), "PNG"), 512).picture.size == (512, 512)


# ---- renditions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("max_bytes", [10_000_000, 1_000_000, 100_000])
def test_a_rendition_fits_and_gives_little_away(rendition, max_bytes):
    content = noisy_png()
    assert len(content) > 12_000_000
    made = rendition(content, max_bytes)
    assert made.picture.size[0] == made.picture.size[1] >= 512
    assert 0.6 * max_bytes <= len(made.output) <= max_bytes


def test_a_rendition_is_lossless_where_that_fits(rendition):
    picture = with_alpha(scene()).filter(ImageFilter.GaussianBlur(2))
    content = encode(picture, "PNG", compress_level=0)
    made = rendition(content, len(content) // 2).picture
    original = Image.open(io.BytesIO(content))
    assert ImageChops.difference(over_grey(made), over_grey(original)).getbbox() is None
    assert ImageChops.difference(made.getchannel("A"), original.getchannel("A")).getbbox() is None


def test_a_rendition_of_full_size_is_as_good_as_fits(rendition):
    content = encode(scene(1200, 900), "PNG")
    good, bad = rendition(content, 200_000), rendition(content, 60_000)
    original = Image.open(io.BytesIO(content))
    assert good.picture.size == bad.picture.size == original.size
    assert difference(good.picture, original) < difference(bad.picture, original) < 12
    assert len(good.output) > 150_000 and len(bad.output) > 40_000


def test_a_rendition_stands_as_the_original_is_seen(rendition):
    made = rendition(fixtures()["jpeg-turned"], 30_000).picture
    assert made.width < made.height
    assert difference(made, expected(fixtures()["jpeg-turned"], 900).resize(made.size)) < 10


def test_a_rendition_wider_than_webp_can_be(rendition):
    picture = scene(17000, 200)
    assert rendition(encode(picture, "PNG"), 500_000).picture.width in range(512, 16384)


def test_renditions_that_cannot_be(rendition):
    noise = rendition(noisy_png(), 1024)
    assert noise.code == NO_FIT and "1024 are allowed" in noise.words
    for name in "gif-animated", "webp-animated":
        assert rendition(fixtures()[name], 1024).code == NO_FIT
        assert "animation" in rendition(fixtures()[name], 1_000_000).words
    small = encode(Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000)), "PNG")
    assert "At 200 pixels" in rendition(small, 2000).words


@pytest.mark.parametrize("name", [name for name in sorted(fixtures()) if "animated" not in name])
def test_every_kind_has_a_rendition(rendition, name):
    made = rendition(fixtures()[name], 40_000)
    assert made.picture and len(made.output) <= 40_000


# ---- the arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [
    [], ["thumbnail"], ["rendition"], ["thumbnail", "--edge"], ["thumbnail", "--edge", "0"], ["thumbnail", "--edge", "15"],
    ["thumbnail", "--edge", "2049"], ["thumbnail", "--edge", "-1"], ["thumbnail", "--edge", " 256"],
    ["thumbnail", "--edge", "256x"], ["thumbnail", "--max-bytes", "4096"], ["rendition", "--edge", "256"],
    ["rendition", "--max-bytes", "1023"], ["rendition", "--max-bytes", "99999999999999999999"],
    ["thumbnail", "--edge", "256", "--max-pixels", "0"], ["thumbnail", "--edge", "256", "--max-pixels", "100000001"],
    ["thumbnail", "--edge", "256", "--deep"], ["frame", "--edge", "256"]])
def test_usage(make, words):
    assert make(fixtures()["png"], *words).code == USAGE


def test_help_and_version_tell_what_it_is():
    told = subprocess.run([PROGRAM, "--help"], capture_output=True, check=True, text=True)
    assert "not meant to be called by people" in told.stdout
    assert re.match(r"comfygate-imaging \d", subprocess.run([PROGRAM, "--version"], capture_output=True, check=True,
                                                            text=True).stdout)


def test_a_pipe_is_no_file():
    ended = subprocess.run([PROGRAM, "thumbnail", "--edge", "256"], input=fixtures()["png"], capture_output=True, check=False)
    assert ended.returncode == USAGE and b"must be a file" in ended.stderr


def test_a_full_disk(tmp_path):
    (tmp_path / "in").write_bytes(fixtures()["png"])
    with open(tmp_path / "in", "rb") as source, open("/dev/full", "wb") as full:
        ended = subprocess.run([PROGRAM, "thumbnail", "--edge", "256"], stdin=source, stdout=full, stderr=subprocess.PIPE,
                               check=False)
    assert ended.returncode == 6 and b"No space left" in ended.stderr


# ---- hostile files ------------------------------------------------------------------------------


def gif_bomb():
    return b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6) + \
        b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00;"


def webp_bomb(width, height):
    """The extended header says one size, the picture inside another."""
    body = encode(Image.new("RGB", (64, 64)), "WEBP", lossless=True)[12:]
    head = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(body)) + b"WEBP" + head + body


def jpeg_bomb(width, height):
    content = bytearray(fixtures()["jpeg"])
    at = content.index(b"\xff\xc0")
    content[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


BOMBS = {
    "png": png(100_000, 100_000, 8, 6, b""),
    "gif": gif_bomb(),
    "jpeg": jpeg_bomb(65500, 65500),
    "webp": webp_bomb(16_000_000, 200),
}


@pytest.mark.parametrize("name", BOMBS)
def test_too_many_pixels_are_refused_from_the_header(thumbnail, name):
    began = time.monotonic()
    made = thumbnail(BOMBS[name])
    assert made.code in REFUSALS and time.monotonic() - began < 10
    assert made.code == TOO_MANY or name == "webp"


def test_a_size_that_is_a_lie(thumbnail):
    assert thumbnail(webp_bomb(6000, 6000)).code == UNREADABLE
    assert thumbnail(png(8000, 8000, 8, 6, b"\0" * 1000)).code == UNREADABLE
    assert thumbnail(jpeg_bomb(8000, 8000)).code == UNREADABLE
    assert thumbnail(png(0, 5, 8, 6, b"")).code == UNREADABLE


def test_the_callers_limit_of_pixels(thumbnail):
    content = encode(Image.new("RGB", (100, 100)), "PNG")
    assert thumbnail(content, max_pixels=10_000).code == DONE
    refused = thumbnail(content, max_pixels=9_999)
    assert refused.code == TOO_MANY and "100 x 100" in refused.words and "9999" in refused.words


def test_a_jpeg_of_endless_scans(thumbnail):
    """Each scan refines nothing, and costs a pass over the whole picture."""
    content = encode(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    at = content.rindex(b"\xff\xda")
    scan = content[at:content.rindex(b"\xff\xd9")]
    began = time.monotonic()
    made = thumbnail(content[:at] + scan * 3000 + b"\xff\xd9")
    assert made.code == UNREADABLE and "scans" in made.words and time.monotonic() - began < DEADLINE


@pytest.mark.parametrize("content", [
    b"", b"\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM" + bytes(100),
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"<!DOCTYPE html><script>alert(1)</script>", b"%PDF-1.4", b"\0\0\0\x20ftypavif", b"II*\0" + bytes(100), b"\x7fELF" + bytes(100)])
def test_what_is_no_picture(thumbnail, rendition, content):
    assert thumbnail(content).code == UNREADABLE
    assert rendition(content, 100_000).code == UNREADABLE


def test_a_script_behind_a_picture_does_not_come_along(thumbnail):
    script = b"<script>alert(1)</script>"
    made = thumbnail(fixtures()["png"] + script)
    assert made.code in (DONE, UNREADABLE) and script not in made.output


def test_nothing_of_a_files_description_comes_along(thumbnail, rendition):
    """ComfyUI writes the whole workflow into its pictures; a thumbnail is for more eyes than that."""
    exif = Image.Exif()
    exif[0x010e] = "prompt: secret"
    content = encode(scene(), "JPEG", exif=exif.tobytes(), quality=95)
    assert b"secret" in content
    assert b"secret" not in thumbnail(content).output
    assert b"secret" not in rendition(content, 50_000).output


@pytest.mark.parametrize("name", sorted(fixtures()))
def test_truncated_files(thumbnail, name):
    content = fixtures()[name]
    lengths = {*range(0, 40, 3), *(len(content) * part // 20 for part in range(1, 20)), len(content) - 20}
    for length in sorted(lengths):
        code = thumbnail(content[:length]).code
        if code == DONE:
            assert "gif-animated" == name, f"{name}: {length} of {len(content)} bytes"
        else:
            assert code in REFUSALS


@pytest.mark.parametrize("name", sorted(fixtures()))
def test_mutated_files(make, name):
    """Either a picture or a refusal: no crash, no hang, no call that the filter has to stop."""
    dice = random.Random(name)
    content = fixtures()[name]
    for number in range(MUTATIONS):
        mutated = bytearray(content)
        for _ in range(dice.choice((1, 1, 2, 8, 64))):
            # Headers are where sizes and offsets are.
            at = dice.randrange(min(len(content), dice.choice((64, 1024, len(content)))))
            mutated[at] = dice.choice((0, 1, 0x7f, 0x80, 0xff, dice.randrange(256), mutated[at] ^ 1 << dice.randrange(8)))
        words = ("rendition", "--max-bytes", 8000) if number % 10 == 0 else ("thumbnail", "--edge", 64)
        code = make(bytes(mutated), *words, "--max-pixels", 4_000_000).code
        assert code in (DONE, UNREADABLE, NO_FIT, TOO_MANY), f"mutation {number}: {code}"


# ---- the sandbox --------------------------------------------------------------------------------


def status_of(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        return dict(line.split(":\t", 1) for line in text if ":\t" in line)[name].strip()


def limits_of(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as text:
        return {line[:26].strip(): line[26:].split()[:2] for line in text.readlines()[1:]}


@pytest.fixture
def busy(tmp_path):
    """The program, stopped by us while it works."""
    (tmp_path / "in").write_bytes(noisy_png())
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "other", "wb") as other:
        child = subprocess.Popen([PROGRAM, "rendition", "--max-bytes", "1000000"], stdin=source, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, pass_fds=[other.fileno()])
    try:
        deadline = time.monotonic() + 20
        while int(status_of(child.pid, "NoNewPrivs")) == 0 and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.05)
        child.send_signal(signal.SIGSTOP)
        yield child
    finally:
        child.kill()
        child.communicate()


def is_sanitized():
    with open(PROGRAM, "rb") as program:
        content = program.read()
    return b"__asan_init" in content or b"__tsan_init" in content


def test_what_the_program_may_do_while_it_reads(busy):
    limits = limits_of(busy.pid)
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max cpu time"] == ["30", "30"]
    assert limits["Max file size"] == ["1000000", "1000000"]
    assert limits["Max processes"] == ["0", "0"]
    assert int(limits["Max open files"][1]) <= 16
    assert status_of(busy.pid, "NoNewPrivs") == "1"
    if not is_sanitized():
        assert limits["Max address space"] == [str(1 << 30)] * 2
        assert status_of(busy.pid, "Seccomp") == "2"
    if os.geteuid() == 0:  # others may not look: it is not dumpable
        assert sorted(os.listdir(f"/proc/{busy.pid}/fd")) == ["0", "1", "2"]
        assert os.stat(f"/proc/{busy.pid}/environ").st_uid == 0
    else:
        with pytest.raises(PermissionError):
            os.listdir(f"/proc/{busy.pid}/fd")
