"""What jobs made, as it is served: whole and in parts, conditionally, as a download; and harmless to a browser."""
import concurrent.futures
import hashlib
import json
import pathlib

import pytest

import graphs

SIZE = 300_000


@pytest.fixture
def stage(stages):
    return stages()


def make(stage, name, content):
    """An output of these bytes, under the name that ComfyUI gave it."""
    (stage.directory / "sim-gpu0" / "output" / name).write_bytes(content)
    entries = json.dumps([{"filename": name, "subfolder": "", "type": "output"}])
    return stage.finish(stage.submit(graphs.lists(entries)))["outputs"][0]


def picture(stage, size=SIZE):
    graph = {"1": {"class_type": "SimBig", "inputs": {"size_bytes": size, "filename_prefix": "big", "seed": 1}}}
    return stage.finish(stage.submit(graph))["outputs"][0]


def get(stage, output, method="GET", query="", **headers):
    return stage.gateway.request(method, output["url"] + query, headers={
        name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.shares
def test_whole(stage):
    output = picture(stage)
    answer = get(stage, output)
    assert answer.status == 200 and len(answer.body) == output["size_bytes"] == SIZE
    assert hashlib.sha256(answer.body).hexdigest() == output["sha256"]
    assert answer.header("ETag") == f'"{output["sha256"]}"' and answer.header("Accept-Ranges") == "bytes"
    assert answer.header("Content-Type") == output["content_type"] == "image/png"
    assert answer.header("Content-Disposition") == f'inline; filename="{output["name"]}"'
    assert answer.header("Cache-Control") == "private, max-age=31536000, immutable"
    assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Cross-Origin-Resource-Policy") == "same-origin"
    assert int(answer.header("Content-Length")) == SIZE


@pytest.mark.shares
def test_head(stage):
    output = picture(stage)
    for headers in ({}, {"Range": "bytes=10-19"}, {"If_None_Match": f'"{output["sha256"]}"'}, {"Range": "bytes=900000-"}):
        whole, head = get(stage, output, **headers), get(stage, output, "HEAD", **headers)
        assert head.status == whole.status and head.body == b""
        for name in ("Content-Length", "Content-Type", "Content-Range", "ETag", "Content-Disposition"):
            if name != "Content-Length" or whole.status != 416:  # the problem document names the request
                assert head.header(name) == whole.header(name), (headers, name)


@pytest.mark.shares
@pytest.mark.parametrize("field, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-", 100, SIZE - 1), (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
    ("bytes=-1", SIZE - 1, SIZE - 1), ("bytes=-100", SIZE - 100, SIZE - 1), (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
    (f"bytes=5-{SIZE * 2}", 5, SIZE - 1), (f"bytes=0-{SIZE - 1}", 0, SIZE - 1), ("bytes=70000-200000", 70000, 200000),
    ("Bytes=0-1", 0, 1),
])
def test_part(stage, field, first, last):
    output = picture(stage)
    whole = get(stage, output).body
    answer = get(stage, output, Range=field)
    assert answer.status == 206 and answer.body == whole[first:last + 1]
    assert answer.header("Content-Range") == f"bytes {first}-{last}/{SIZE}"
    assert answer.header("ETag") == f'"{output["sha256"]}"'


@pytest.mark.shares
@pytest.mark.parametrize("field", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=99999999999999999999-"])
def test_part_outside(stage, field):
    output = picture(stage)
    answer = get(stage, output, Range=field)
    assert answer.status == 416 and answer.header("Content-Range") == f"bytes */{SIZE}"
    assert answer.problem()[0] == "range_not_satisfiable"


@pytest.mark.shares
@pytest.mark.parametrize("field", ["bytes=5-3", "bytes=a-b", "bytes=", "bytes=-", "lines=0-1", "0-1", "bytes=0-1,5-6", "",
                                   "bytes=0-1, 5-", "bytes=+1-2", "bytes=0x1-2", "bytes=1-2x"])
def test_ranges_that_are_ignored(stage, field):
    """What is not understood, and several parts at once: the whole."""
    answer = get(stage, picture(stage), Range=field)
    assert answer.status == 200 and len(answer.body) == SIZE


@pytest.mark.shares
def test_if_range(stage):
    output = picture(stage)
    etag = f'"{output["sha256"]}"'
    assert get(stage, output, Range="bytes=0-9", If_Range=etag).status == 206
    for other in ('"x"', f"W/{etag}", "Sun, 22 Nov 2026 10:00:00 GMT"):
        answer = get(stage, output, Range="bytes=0-9", If_Range=other)
        assert answer.status == 200 and len(answer.body) == SIZE


def test_if_none_match(stage):
    output = picture(stage)
    etag = f'"{output["sha256"]}"'
    for field in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = get(stage, output, If_None_Match=field)
        assert (answer.status, answer.body, answer.header("ETag")) == (304, b"", etag)
        assert get(stage, output, If_None_Match=field, Range="bytes=0-1").status == 304
    assert get(stage, output, If_None_Match='"x"').status == 200


def test_download(stage):
    output = picture(stage)
    answer = get(stage, output, query="?download=1")
    assert answer.status == 200 and answer.header("Content-Disposition") == f'attachment; filename="{output["name"]}"'
    assert answer.header("Content-Type") == "image/png"
    assert get(stage, output, query="?download=0").header("Content-Disposition").startswith("inline;")
    for value in ("", "2", "true", "yes"):
        answer = get(stage, output, query=f"?download={value}")
        assert answer.status == 400 and answer.problem() == ("invalid_parameter", ["download"])


HARMLESS = {
    "a.png": (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "image/png"),
    "a.jpg": (b"\xff\xd8\xff\xe0" + b"x" * 50, "image/jpeg"),
    "a.gif": (b"GIF89a" + b"\1\0\1\0" + b"x" * 50, "image/gif"),
    "a.webp": (b"RIFF\x50\0\0\0WEBPVP8 " + b"x" * 50, "image/webp"),
    "a.mp4": (b"\0\0\0\x18ftypisom" + b"x" * 50, "video/mp4"),
    "a.webm": (b"\x1a\x45\xdf\xa3" + b"x" * 50, "video/webm"),
    "a.wav": (b"RIFF\x50\0\0\0WAVEfmt " + b"x" * 50, "audio/wav"),
    "a.flac": (b"fLaC" + b"x" * 50, "audio/flac"),
    "a.ogg": (b"OggS" + b"x" * 50, "audio/ogg"),
    "a.mp3": (b"ID3\4" + b"x" * 50, "audio/mpeg"),
}


def test_types_that_a_browser_may_show(stage):
    for name, (content, media_type) in HARMLESS.items():
        answer = get(stage, make(stage, name, content))
        assert answer.body == content and answer.header("Content-Type") == media_type
        assert answer.header("Content-Disposition") == f'inline; filename="{name}"'


HARMFUL = {
    "page.html": b"<html><script>alert(1)</script></html>",
    "page.png": b"<html><script>alert(1)</script></html>",
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "text.xml": b"<?xml version='1.0'?><a/>",
    "paper.pdf": b"%PDF-1.7 ...",
    "model.safetensors": b"\0" * 100,
    "empty.png": b"",
    "program.exe": b"MZ\x90\0",
    "archive.zip": b"PK\3\4",
}


def test_types_that_it_may_not(stage):
    """Whatever the name says: saved, not shown, as bytes of no type."""
    for name, content in HARMFUL.items():
        if not content:
            continue  # ComfyUI sends no empty file as an output that counts
        answer = get(stage, make(stage, name, content))
        assert answer.body == content
        assert answer.header("Content-Type") == "application/octet-stream", name
        assert answer.header("Content-Disposition") == f'attachment; filename="{name}"'
        assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"


def test_names(stage):
    """A name is told as it is to those who can read it, and breaks no header."""
    for name, ascii_name, is_plain in (("caf\u00e9 \u732b.png", "caf_ _.png", False), ("a b.png", "a b.png", True),
                                       ('q"u;o=te.png', "q_u;o=te.png", False), ("50%.png", "50_.png", False)):
        disposition = get(stage, make(stage, name, HARMLESS["a.png"][0])).header("Content-Disposition")
        kind, _, rest = disposition.partition("; filename=")
        assert kind == "inline" and rest.startswith(f'"{ascii_name}"')
        assert ("filename*=UTF-8''" in rest) == (not is_plain)


def test_text(stage):
    job = stage.finish(stage.submit({"1": {"class_type": "SimText", "inputs": {"text": "<b>h\u00e9llo</b>"}}}))
    output = job["outputs"][0]
    assert (output["type"], output["text"]) == ("text", "<b>h\u00e9llo</b>")
    answer = get(stage, output)
    assert answer.body.decode() == "<b>h\u00e9llo</b>" and answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("X-Content-Type-Options") == "nosniff"


def test_text_in_a_file(stage):
    """What reads as text is shown as text and never as anything more, and a short one is told with the job."""
    for name, content in (("notes.txt", "caf\u00e9\n\u732b\n"), ("code.js", "alert(1)"), ("long.txt", "a" * 65537)):
        output = make(stage, name, content.encode())
        assert (output["type"], output["text"]) == ("text", content if len(content) < 65537 else None)
        assert (output["width"], output["height"]) == (None, None)
        answer = get(stage, output)
        assert answer.body.decode() == content
        assert answer.header("Content-Type") == output["content_type"] == "text/plain; charset=utf-8"
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"
    output = make(stage, "facts.json", b'{"seed": 18446744073709551615}')
    assert (output["type"], output["content_type"]) == ("text", "application/json")
    assert output["text"] == '{"seed": 18446744073709551615}'
    assert get(stage, output).header("Content-Disposition").startswith("attachment;")


MEDIA = pathlib.Path(__file__).parents[1] / "media"


@pytest.mark.parametrize("name, kind, media_type, size", [
    ("turned6.jpg", "image", "image/jpeg", (20, 30)), ("moving.webp", "image", "image/webp", (20, 10)),
    ("still.avif", "image", "image/avif", (38, 26)), ("index-last.mp4", "video", "video/mp4", (64, 48)),
    ("vp9.webm", "video", "video/webm", (64, 48)), ("sound.m4a", "audio", "audio/mp4", (None, None)),
    ("plain.mp3", "audio", "audio/mpeg", (None, None))])
def test_size_of_what_is_shown(stage, name, kind, media_type, size):
    """Told from all of the file, wherever its header lies: a picture as it is turned, a film by its index at the end."""
    output = make(stage, name, (MEDIA / name).read_bytes())
    assert (output["type"], output["content_type"], output["text"]) == (kind, media_type, None)
    assert (output["width"], output["height"]) == size


def test_index_behind_a_large_film(stage):
    data = (MEDIA / "index-last.mp4").read_bytes()
    filling = (2 << 20).to_bytes(4, "big") + b"free" + bytes((2 << 20) - 8)
    at = data.index(b"free") - 4
    output = make(stage, "large.mp4", data[:at] + filling + data[at:])
    assert (output["type"], output["width"], output["height"]) == ("video", 64, 48)


def test_many_readers_of_one_file(stage):
    output = picture(stage, 2_000_000)

    def read(number):
        if number % 2:
            return get(stage, output, Range=f"bytes={number}-").body
        return get(stage, output).body[number:]

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        bodies = list(pool.map(read, range(40)))
    whole = get(stage, output).body
    assert all(body == whole[number:] for number, body in enumerate(bodies))


def test_a_reader_that_hangs_up(stage):
    """In the middle of a file; the descriptors are given back."""
    output = picture(stage, 5_000_000)
    for _ in range(30):
        with stage.gateway.connect() as connection:
            connection.sendall(f"GET {output['url']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(1000)
    assert get(stage, output).status == 200


def test_outputs_survive_a_restart(stage):
    output = picture(stage)
    before = get(stage, output).body
    stage.gateway.kill()
    stage.gateway.start()
    assert get(stage, output).body == before


def test_a_file_that_is_gone(stage):
    """Our own fault: said so, logged, and nothing about the disk is told."""
    output = picture(stage)
    for path in (stage.directory / "data" / "files").rglob(output["sha256"]):
        path.unlink()
    answer = get(stage, output)
    assert answer.status == 500 and answer.problem()[0] == "internal_error"
    assert str(stage.directory) not in answer.body.decode() and output["sha256"] not in answer.body.decode()
    assert [line["operation"] for line in stage.gateway_log("request_failed")] == ["getOutputContent"]


@pytest.mark.parametrize("named, primary", [("3", "3"), ("2", "2"), ("1", "2"), (None, "2")])
def test_the_one_that_is_shown_first(stages, named, primary):
    """The first of the node that the job names; when that made none, the first that was to be kept."""
    stage = stages(start_sim=False)
    graph = graphs.picture()
    graph["3"] = graphs.save("1", "other")
    graph["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    job = stage.submit(graph)
    stage.gateway.stop()
    stage.gateway.sql("UPDATE job SET primary_node = ?", named)
    stage.gateway.start()
    stage.sim.start()
    outputs = stage.finish(job)["outputs"]
    assert len(outputs) == 3
    assert [output["node_id"] for output in outputs if output["primary"]] == [primary]
