"""Files that clients bring: uploaded raw or as a form, typed by their bytes, kept once, given back, deleted."""
import concurrent.futures
import hashlib
import os
import pathlib
import socket
import struct
import threading
import time
import wave
import io
import zlib

import pytest

import files
import raw_http
from stage import eventually

RAW = {"Content-Type": "application/octet-stream"}


def wav(seconds=2, rate=8000):
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(rate)
        sound.writeframes(b"\x80" * rate * seconds)
    return out.getvalue()


def stored_files(gateway):
    root = pathlib.Path(gateway.data_dir) / "files"
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def staged_files(gateway):
    return sorted(os.listdir(pathlib.Path(gateway.data_dir) / "staging"))


def test_upload_raw(gateway):
    data = files.picture(size=(64, 48))
    answer = gateway.request("POST", "/v1/assets?name=holiday.png", body=data, headers={"Content-Type": "image/png"})
    asset = answer.json()
    assert answer.status == 201 and answer.header("Location") == f"/v1/assets/{asset['id']}"
    assert (asset["name"], asset["type"], asset["content_type"]) == ("holiday.png", "image", "image/png")
    assert (asset["width"], asset["height"], asset["size_bytes"]) == (64, 48, len(data))
    assert asset["sha256"] == hashlib.sha256(data).hexdigest() and asset["duration_ms"] is None
    assert gateway.json("GET", f"/v1/assets/{asset['id']}") == asset
    content = gateway.request("GET", asset["url"])
    assert content.status == 200 and content.body == data and content.header("Content-Type") == "image/png"
    head = gateway.request("HEAD", asset["url"])
    assert head.status == 200 and head.body == b"" and int(head.header("Content-Length")) == len(data)
    part = gateway.request("GET", asset["url"], headers={"Range": "bytes=1-3"})
    assert part.status == 206 and part.body == b"PNG"


def test_upload_as_a_form(gateway):
    data = files.picture(kind="JPEG")
    body, headers = files.form([("file", "C:\\pictures\\cat.jpg", data)])
    answer = gateway.request("POST", "/v1/assets", body=body, headers=headers)
    assert answer.status == 201, answer
    assert answer.json()["name"] == "cat.jpg" and answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("data, content_type, kind", [
    (files.picture(), "image/png", "image"), (files.picture(kind="JPEG"), "image/jpeg", "image"),
    (files.picture(kind="WEBP"), "image/webp", "image"), (files.picture(kind="GIF"), "image/gif", "image"),
    (wav(), "audio/wav", "audio")])
def test_type_is_told_by_the_bytes(gateway, data, content_type, kind):
    asset = files.upload(gateway, data, name="wrong.mp4", content_type="video/mp4")
    assert (asset["content_type"], asset["type"]) == (content_type, kind)


def test_duration_is_told(gateway):
    assert files.upload(gateway, wav(seconds=3))["duration_ms"] == 3000


def test_same_bytes_are_kept_once(gateway):
    data = files.picture(color=(1, 2, 3))
    first = gateway.request("POST", "/v1/assets?name=a.png", body=data, headers=RAW)
    body, headers = files.form([("image", "b.png", data)])
    second = gateway.request("POST", "/v1/assets", body=body, headers=headers)
    assert (first.status, second.status) == (201, 200)
    assert second.json() == first.json()
    assert stored_files(gateway) == [first.json()["sha256"]] and staged_files(gateway) == []


def test_the_same_name_at_the_same_moment(gateway):
    pictures = [files.picture(color=(10 * at, 0, 0)) for at in range(16)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assets = list(pool.map(lambda data: files.upload(gateway, data, name="image.png"), pictures))
    for data, asset in zip(pictures, assets):
        assert gateway.request("GET", asset["url"]).body == data
    assert len({asset["id"] for asset in assets}) == 16


def test_the_same_bytes_at_the_same_moment(gateway):
    data = files.noise(200, 200)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assets = list(pool.map(lambda _: files.upload(gateway, data), range(16)))
    assert len({asset["id"] for asset in assets}) == 1
    assert len(stored_files(gateway)) == 1 and staged_files(gateway) == []


def test_delete(gateway):
    asset = files.upload(gateway, files.picture())
    assert gateway.request("DELETE", f"/v1/assets/{asset['id']}").status == 204
    assert gateway.request("GET", f"/v1/assets/{asset['id']}").status == 404
    assert gateway.request("GET", asset["url"]).status == 404
    assert gateway.request("DELETE", f"/v1/assets/{asset['id']}").status == 404
    eventually(lambda: stored_files(gateway) == [])


def test_an_asset_outlives_kill_and_restart(gateways):
    gateway = gateways()
    data = files.picture(color=(9, 9, 9))
    asset = files.upload(gateway, data)
    gateway.kill()
    gateway.start()
    assert gateway.json("GET", f"/v1/assets/{asset['id']}") == asset
    assert gateway.request("GET", asset["url"]).body == data


# ---- what is refused ---------------------------------------------------------------------------------


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.shares
@pytest.mark.parametrize("data, status", [
    (b"", 422), (b"hello", 415), (SVG, 415), (b"<html><script>alert(1)</script>", 415), (b"MZ" + bytes(100), 415),
    (b"%PDF-1.7\n", 415), (b"\x89PNG\r\n\x1a\n", 422), (b'{"a": 1}', 415), (b"GIF89a", 422)],
    ids=["empty", "text", "svg", "html", "exe", "pdf", "png-signature", "json", "gif-signature"])
def test_what_is_no_picture_is_refused(gateway, data, status):
    answer = gateway.request("POST", "/v1/assets", body=data, headers=RAW)
    assert answer.status == status, answer
    assert answer.json()["detail"]
    assert stored_files(gateway) == [] and staged_files(gateway) == []


def png_header(width, height):
    """A PNG that claims a size and holds nothing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.shares
def test_a_bomb_is_refused_by_its_header(gateway):
    for width, height in ((100000, 100000), (65535, 65535), (20000, 20000)):
        answer = gateway.request("POST", "/v1/assets", body=png_header(width, height), headers=RAW)
        assert answer.status in (413, 422), answer
    assert staged_files(gateway) == []


def test_pixels_have_a_limit(gateways):
    gateway = gateways(assets_max_pixels=1000000)
    assert gateway.request("POST", "/v1/assets", body=files.picture(size=(1000, 1000)), headers=RAW).status == 201
    answer = gateway.request("POST", "/v1/assets", body=files.picture(size=(1001, 1000)), headers=RAW)
    assert answer.status == 413 and "1001 x 1000" in answer.json()["detail"]


def test_bytes_have_a_limit(gateways):
    gateway = gateways(assets_max_bytes=100000)
    small, large = files.noise(100, 100), files.noise(250, 250)
    assert len(small) < 100000 < len(large)
    assert gateway.request("POST", "/v1/assets", body=small, headers=RAW).status == 201
    assert gateway.request("POST", "/v1/assets", body=large, headers=RAW).status == 413
    body, headers = files.form([("file", "x.png", large)])
    assert gateway.request("POST", "/v1/assets", body=body, headers=headers).status == 413
    body, headers = files.form([("file", "x.png", small)])
    assert gateway.request("POST", "/v1/assets", body=body, headers=headers).status == 200
    assert staged_files(gateway) == []


@pytest.mark.shares
@pytest.mark.parametrize("parts, status", [
    ([], 422), ([("file", None, b"x")], 422), ([("a", "a.png", files.picture()), ("b", "b.png", files.picture())], 400),
    ([("type", None, b"input"), ("file", "a.png", files.picture())], 422)],
    ids=["no-part", "field-only", "two-files", "field-first"])
def test_forms_that_are_refused(gateway, parts, status):
    body, headers = files.form(parts)
    answer = gateway.request("POST", "/v1/assets", body=body, headers=headers)
    assert answer.status == status, answer
    assert stored_files(gateway) == [] and staged_files(gateway) == []


@pytest.mark.parametrize("first", range(6))
def test_a_form_that_arrives_in_pieces(gateway, first):
    """Also when no byte of the file, or too few to tell them from a boundary, have come with what stands before it."""
    data = files.picture((first, 2, 3))
    body, headers = files.form([("file", "a.png", data)])
    begin = body.index(data) + first
    head = (f"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {headers['Content-Type']}\r\n\r\n").encode()
    received, _ = raw_http.talk(gateway, head, body[:begin], body[begin:begin + 1], body[begin + 1:], pause=0.1)
    assert raw_http.statuses(received) == [201], received


@pytest.mark.shares
def test_a_form_without_its_end(gateway):
    body, headers = files.form([("file", "a.png", files.picture())])
    assert gateway.request("POST", "/v1/assets", body=body[:-30], headers=headers).status == 400
    assert gateway.request("POST", "/v1/assets", body=body, headers={"Content-Type": "multipart/form-data"}).status == 400
    assert staged_files(gateway) == []


@pytest.mark.patient
def test_an_upload_that_breaks_off_leaves_nothing(gateway):
    for _ in range(20):
        with gateway.connect() as connection:
            connection.sendall(b"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                               b"Content-Length: 1000000\r\n\r\n" + files.noise(100, 100))
    # libmicrohttpd may see the end of a connection only when its silence has lasted too long (30 s).
    eventually(lambda: staged_files(gateway) == [], timeout=60)
    assert stored_files(gateway) == []


def test_clients_that_leave_while_their_upload_is_committed(gateways):
    """Nobody hears the answer: what was stored stays, what the answer would have been made of goes (LeakSanitizer)."""
    gateway = gateways()
    data = files.noise(20, 20)
    head = (f"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode()
    for attempt in range(100):
        with gateway.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(head + data)
            time.sleep(attempt * 0.00005)
    eventually(lambda: stored_files(gateway) == [hashlib.sha256(data).hexdigest()] and staged_files(gateway) == [])
    answer = gateway.request("POST", "/v1/assets", body=data, headers=RAW)
    assert answer.status == 200
    assert gateway.request("GET", f"/v1/assets/{answer.json()['id']}/content").body == data
    assert gateway.request("DELETE", f"/v1/assets/{answer.json()['id']}").status == 204
    eventually(lambda: stored_files(gateway) == [])
    gateway.stop()


def test_names_are_cleaned(gateway):
    for at, (name, kept) in enumerate([("../../etc/passwd", "passwd"), ("a%0d%0aX-Evil:1", "aX-Evil:1"), ("%e2%82%ac.png", "€.png"),
                                       ("..%2f", None)]):
        asset = files.upload(gateway, files.picture(color=(at, 7, 7)), name=name)
        assert asset["name"] == kept
        answer = gateway.request("GET", asset["url"] + "?download=1")
        assert answer.status == 200 and answer.header("X-Evil") is None


def test_a_truncated_picture_is_kept_and_harms_nobody(gateway):
    data = files.noise(300, 300)
    asset = files.upload(gateway, data[:len(data) // 2])
    assert asset["width"] == 300
    assert gateway.request("GET", asset["url"]).status == 200


def test_a_large_file_passes_through(gateway):
    """60 MB, without holding it in memory."""
    film = (pathlib.Path(__file__).parents[1] / "media" / "index-first.mp4").read_bytes()
    data = film + struct.pack(">I4s", 60_000_008, b"free") + os.urandom(1000) * 60_000
    before = rss(gateway.pid)
    asset = files.upload(gateway, data)
    assert (asset["type"], asset["content_type"], asset["size_bytes"]) == ("video", "video/mp4", len(data))
    assert gateway.request("GET", asset["url"]).body == data
    assert rss(gateway.pid) - before < 30_000_000


def rss(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such process")
