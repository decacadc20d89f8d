#!/usr/bin/env python3
"""Makes the files of this folder again: /usr/bin/python3 tests/media/make.py FOLDER

Needs Pillow and ffmpeg 5. What each file must be read as is in tests/unit/test_media.c, from
what is asked for here, not from what the gateway said. Other versions of the tools make other bytes
of the same sizes; the files are kept in the repository, so that no test needs the tools.
"""
import io
import json
import pathlib
import struct
import subprocess
import sys
import zlib

from PIL import Image, PngImagePlugin

FOLDER = pathlib.Path(sys.argv[1])


def keep(name, data):
    (FOLDER / name).write_bytes(data)
    print(f"{len(data):6} {name}")


def picture(mode, size):
    image = Image.new(mode, size)
    if mode in ("L", "RGB"):
        image.putdata([(x * 5 + y) % 256 if mode == "L" else (x % 256, y % 256, 90)
                       for y in range(size[1]) for x in range(size[0])])
    return image


def pillow(name, image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    keep(name, out.getvalue())


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def interlaced_png():
    """One colour, so that the order of the seven passes does not matter: 5 by 3, 8 bits of grey."""
    passes = [(1, 1), (1, 1), (2, 0), (1, 1), (3, 1), (2, 1), (5, 1)]
    rows = b"".join(b"\0" + b"\x55" * width for width, height in passes for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 3, 8, 0, 0, 0, 1))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def with_orientation(image, value):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = value
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, quality=30)
    return out.getvalue()


def big_endian_exif(value):
    """Behind a segment of JFIF, in the other order of bytes, with an entry of another kind before it."""
    tiff = struct.pack(">2sHIH", b"MM", 42, 8, 2) + struct.pack(">HHII", 0x0100, 4, 1, 7) + struct.pack(
        ">HHIHH", 0x0112, 3, 1, value, 0) + struct.pack(">I", 0)
    segment = b"Exif\0\0" + tiff
    out = io.BytesIO()
    picture("RGB", (30, 20)).save(out, "JPEG", quality=30)
    plain = out.getvalue()
    behind = 4 + struct.unpack(">H", plain[4:6])[0]
    return plain[:behind] + b"\xff\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[behind:]


def pictures():
    pillow("grey1.png", Image.new("1", (9, 7)), "PNG")
    pillow("rgb.png", picture("RGB", (33, 17)), "PNG")
    pillow("palette.png", picture("RGB", (12, 10)).quantize(4), "PNG")
    pillow("grey16.png", Image.new("I;16", (6, 11), 40000), "PNG")
    pillow("alpha.png", Image.new("RGBA", (1, 1)), "PNG")
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps({"1": {"class_type": "SaveImage"}}))
    info.add_itxt("workflow", "\u732b" * 40, zip=True)
    pillow("workflow.png", picture("RGB", (16, 8)), "PNG", pnginfo=info)
    keep("interlaced.png", interlaced_png())
    frames = [Image.new("RGB", (20, 10), (n * 60, 0, 0)) for n in range(4)]
    pillow("moving.png", frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[100, 200, 300, 50])
    pillow("still.gif", picture("RGB", (15, 9)).quantize(8), "GIF")
    pillow("moving.gif", frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300, 50])
    pillow("lossy.webp", picture("RGB", (35, 21)), "WEBP", quality=20)
    pillow("lossless.webp", picture("RGB", (35, 22)), "WEBP", lossless=True)
    pillow("extended.webp", Image.new("RGBA", (37, 23), (1, 2, 3, 128)), "WEBP", quality=20, exif=b"Exif\0\0II*\0\0\0\0\0")
    pillow("moving.webp", frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=[100, 200, 300, 50])
    pillow("baseline.jpg", picture("RGB", (41, 27)), "JPEG", quality=30)
    pillow("progressive.jpg", picture("RGB", (43, 29)), "JPEG", quality=30, progressive=True)
    pillow("grey.jpg", picture("L", (1, 13)), "JPEG", quality=30)
    pillow("cmyk.jpg", Image.new("CMYK", (24, 18)), "JPEG", quality=30)
    for value in (3, 6, 8):
        keep(f"turned{value}.jpg", with_orientation(picture("RGB", (30, 20)), value))
    keep("turned5-big-endian.jpg", big_endian_exif(5))


def with_turn(still):
    """The same AVIF with a quarter turn among its properties: all boxes around it grow."""
    turn = struct.pack(">I4sB", 9, b"irot", 1)
    data = bytearray(still)
    for name in (b"meta", b"iprp", b"ipco"):
        at = data.index(name) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(turn))
    where = struct.pack(">I", data.index(b"mdat") + 4)
    at = data.index(where, data.index(b"iloc"))
    struct.pack_into(">I", data, at, data.index(b"mdat") + 4 + len(turn))
    at = data.index(b"ipco") + 4
    data[at:at] = turn
    return bytes(data)


VIDEO = ["-f", "lavfi", "-i", "color=c=red:s=64x48:r=10:d=1.5"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:r=8000:d=1.2"]
SMALL = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "no-info=1", "-crf", "50", "-pix_fmt", "yuv420p"]


def ffmpeg(name, *options, pipe=None):
    target = FOLDER / name
    command = ["ffmpeg", "-v", "error", "-y", *options, *SMALL, *(["-f", pipe, "-"] if pipe else [str(target)])]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE if pipe else None)
    if pipe:
        target.write_bytes(made.stdout)
    print(f"{target.stat().st_size:6} {name}")


def films():
    ffmpeg("index-last.mp4", *VIDEO, *H264)
    ffmpeg("index-first.mp4", *VIDEO, *H264, "-movflags", "+faststart")
    ffmpeg("fragments.mp4", *VIDEO, *H264, "-movflags", "+frag_keyframe+empty_moov+default_base_moof")
    ffmpeg("both.mp4", *VIDEO, *SOUND, *H264, "-c:a", "aac", "-b:a", "8k")
    ffmpeg("sound.mp4", *SOUND, "-c:a", "aac", "-b:a", "8k")
    ffmpeg("sound.m4a", *SOUND, "-c:a", "aac", "-b:a", "8k")
    ffmpeg("film.mov", *VIDEO, *H264)
    straight = FOLDER / "index-first.mp4"
    data = bytearray(straight.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9I", data, at, 0, 0x10000, 0, 0xFFFF0000, 0, 0, 48 << 16, 0, 0x40000000)
    keep("turned.mp4", bytes(data))
    vp8 = ["-c:v", "libvpx", "-b:v", "20k", "-deadline", "realtime"]
    opus = ["-c:a", "libopus", "-b:a", "6k"]
    ffmpeg("vp8.webm", *VIDEO, *vp8)
    ffmpeg("vp9.webm", *VIDEO, "-c:v", "libvpx-vp9", "-b:v", "20k", "-deadline", "realtime")
    ffmpeg("both.webm", *VIDEO, *SOUND, *vp8, *opus)
    ffmpeg("live.webm", *VIDEO, *vp8, pipe="webm")
    ffmpeg("sound.webm", *SOUND, *opus)
    ffmpeg("film.mkv", *VIDEO, *H264)
    ffmpeg("wide.mkv", *VIDEO, *H264, "-aspect", "2:1")
    av1 = ["-c:v", "libaom-av1", "-crf", "60", "-cpu-used", "8"]
    ffmpeg("still.avif", "-f", "lavfi", "-i", "color=c=red:s=38x26", "-frames:v", "1", "-still-picture", "1", *av1)
    ffmpeg("moving.avif", "-f", "lavfi", "-i", "color=c=red:s=38x26:r=4:d=1.25", *av1)
    still = (FOLDER / "still.avif").read_bytes()
    keep("turned.avif", with_turn(still))
    ffmpeg("film.ogv", *VIDEO, "-c:v", "libtheora", "-q:v", "0")


def sounds():
    ffmpeg("sound.wav", "-f", "lavfi", "-i", "sine=f=440:r=2000:d=0.8", "-c:a", "pcm_u8")
    ffmpeg("piped.wav", "-f", "lavfi", "-i", "sine=f=440:r=2000:d=0.8", "-c:a", "pcm_u8", pipe="wav")
    ffmpeg("sound.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "1.2",
           "-metadata_header_padding", "16")
    ffmpeg("vorbis.ogg", *SOUND, "-c:a", "libvorbis", "-q:a", "-1")
    ffmpeg("opus.ogg", *SOUND, "-c:a", "libopus", "-b:a", "6k")
    mp3 = [*SOUND, "-c:a", "libmp3lame", "-b:a", "8k"]
    ffmpeg("info.mp3", *mp3)
    ffmpeg("plain.mp3", *mp3, "-write_xing", "0", "-id3v2_version", "0")
    ffmpeg("variable.mp3", *SOUND, "-c:a", "libmp3lame", "-q:a", "9")
    ffmpeg("stereo44.mp3", "-f", "lavfi", "-i", "sine=f=440:r=44100:d=0.7", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "32k")
    plain = (FOLDER / "plain.mp3").read_bytes()
    keep("two-tags.mp3", b"ID3\4\0\0\0\0\1\x00" + b"\xff" * 128 + b"\0" * 5 + plain + b"TAG" + b"\0" * 125)


pictures()
films()
sounds()
