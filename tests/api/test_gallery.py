"""The gallery, thumbnails, and renditions that fit a size: what is made of outputs, by a process of its own."""
import concurrent.futures
import os
import pathlib
import shutil
import struct
import threading
import time
import zlib

import pytest

import files
from stage import eventually


def submit(stage, template="test-pattern", **members):
    return stage.gateway.json("POST", "/v1/jobs", json={"template": template, **members})


def run(stage, template="test-pattern", **members):
    return stage.finish(submit(stage, template, **members))


def primary(job):
    return next(output for output in job["outputs"] if output["primary"])


def cached(stage):
    folder = pathlib.Path(stage.gateway.data_dir) / "renditions"
    return sorted(path.name for path in folder.rglob("*.webp"))


def from_asset(stage, data):
    """An output that holds these very bytes' picture, made anew by ComfyUI."""
    asset = files.upload(stage.gateway, data)
    return primary(run(stage, "test-edit", input={"image": f"asset:{asset['id']}", "strength": 0}))


# ---- the gallery ---------------------------------------------------------------------------------------


def test_pages_in_order_while_more_comes(stages):
    stage = stages()
    jobs = [submit(stage, input={"width": 128, "height": 128}) for _ in range(24)]
    made = [primary(stage.finish(job))["id"] for job in jobs]
    seen, cursor = [], ""
    while True:
        page = stage.gateway.json("GET", f"/v1/outputs?limit=5{cursor}")
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        run(stage, input={"width": 128, "height": 128})  # before the first page, so on none of the next
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(made) and seen == sorted(seen, reverse=True)
    oldest = stage.gateway.json("GET", "/v1/outputs?sort=created_at&limit=1")
    assert oldest["data"][0]["id"] == min(made) and oldest["has_more"]


def test_filters(stages):
    stage = stages()
    pattern = run(stage, title="Green meadow", input={"color": "green", "width": 128, "height": 128})
    picture = primary(pattern)
    moving = primary(run(stage, "test-animate", input={"image": f"output:{picture['id']}", "frames": 3}))
    text = primary(stage.finish(stage.submit({"1": {"class_type": "SimText", "inputs": {"text": "hello"}}})))

    def ids(query):
        return [each["id"] for each in stage.gateway.json("GET", f"/v1/outputs?{query}")["data"]]

    assert ids("") == [text["id"], moving["id"], picture["id"]]
    assert ids("type=text") == [text["id"]] and ids("type=video") == []
    assert ids("template=test-animate") == [moving["id"]]
    assert ids("q=MEADOW") == [picture["id"]] and ids("q=green") == [picture["id"]] and ids("q=nothing") == []
    assert ids("starred=true") == []
    stage.gateway.json("PATCH", f"/v1/jobs/{pattern['id']}", json={"starred": True})
    assert ids("starred=true") == [picture["id"]]
    entry = stage.gateway.json("GET", "/v1/outputs?template=test-pattern")["data"][0]
    assert (entry["job_title"], entry["template"], entry["starred"]) == ("Green meadow", "test-pattern", True)
    assert {key: entry[key] for key in picture} == picture


@pytest.mark.shares
@pytest.mark.parametrize("query", ["type=picture", "limit=0", "cursor=x", "starred=yes", "sort=size", "q=", "unknown=1"])
def test_queries_that_are_none(gateway, query):
    answer = gateway.request("GET", f"/v1/outputs?{query}")
    assert answer.status == 400 and answer.problem()[1] == [query.split("=")[0]]


# ---- thumbnails ----------------------------------------------------------------------------------------


def test_thumbnail(stages):
    stage = stages()
    output = primary(run(stage, input={"color": "red", "width": 1024, "height": 512, "strength": 0}))
    answer = stage.gateway.request("GET", output["thumbnail_url"])
    small = files.look(answer.body)
    assert answer.status == 200 and answer.header("Content-Type") == "image/webp" and small.size == (256, 128)
    original = files.look(stage.content(output))
    assert max(abs(a - b) for a, b in zip(small.getpixel((2, 2)), original.getpixel((8, 8)))) < 12
    assert cached(stage) == [f"{output['sha256']}-t256.webp"]
    again = stage.gateway.request("GET", output["thumbnail_url"], headers={"If-None-Match": answer.header("ETag")})
    assert again.status == 304
    head = stage.gateway.request("HEAD", output["thumbnail_url"])
    assert head.status == 200 and int(head.header("Content-Length")) == len(answer.body)
    large = stage.gateway.request("GET", output["thumbnail_url"] + "?size=512")
    assert files.look(large.body).size == (512, 256) and large.header("ETag") != answer.header("ETag")
    assert stage.gateway.request("GET", output["thumbnail_url"] + "?size=300").status == 400


def test_a_thumbnail_is_made_once(stages):
    stage = stages()
    output = primary(run(stage, input={"width": 512, "height": 512}))
    first = stage.gateway.request("GET", output["thumbnail_url"])
    path = next((pathlib.Path(stage.gateway.data_dir) / "renditions").rglob("*.webp"))
    before = path.stat().st_mtime_ns, path.stat().st_ino
    stage.gateway.restart()
    second = stage.gateway.request("GET", output["thumbnail_url"])
    assert second.body == first.body and (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_nothing_is_kept_when_room_is_short(stages):
    """New work still finds enough; what can be made again shall not be what takes it away."""
    stage = stages()
    output = primary(run(stage, input={"width": 512, "height": 512}))
    free_mb = shutil.disk_usage(stage.gateway.data_dir).free >> 20
    stage.gateway.restart(storage_min_free_mb=free_mb * 2 // 3)
    first = stage.gateway.request("GET", output["thumbnail_url"])
    assert first.status == 200 and files.look(first.body).size == (256, 256)
    assert [path for path in (pathlib.Path(stage.gateway.data_dir) / "renditions").rglob("*") if path.is_file()] == []
    assert stage.gateway.request("GET", output["thumbnail_url"]).body == first.body
    run(stage)


def test_of_an_animation_the_first_frame(stages):
    stage = stages()
    picture = primary(run(stage, input={"width": 256, "height": 256}))
    moving = primary(run(stage, "test-animate", input={"image": f"output:{picture['id']}", "frames": 4}))
    assert getattr(files.look(stage.gateway.request("GET", moving["thumbnail_url"]).body), "n_frames", 1) == 1


def test_what_has_no_thumbnail(stages):
    stage = stages()
    text = primary(stage.finish(stage.submit({"1": {"class_type": "SimText", "inputs": {"text": "hello"}}})))
    assert text["thumbnail_url"] is None
    answer = stage.gateway.request("GET", f"/v1/outputs/{text['id']}/thumbnail")
    assert answer.status == 404 and "text/plain" in answer.json()["detail"]
    assert stage.gateway.request("GET", "/v1/outputs/0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e/thumbnail").status == 404


def test_many_at_once(stages):
    stage = stages()
    jobs = [submit(stage, input={"width": 512, "height": 512}) for _ in range(12)]
    outputs = [primary(stage.finish(job)) for job in jobs]

    def look(output):
        return files.look(stage.gateway.request("GET", output["thumbnail_url"]).body).size

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert list(pool.map(look, outputs * 2)) == [(256, 256)] * 24
    assert len(cached(stage)) == 12


# ---- renditions ----------------------------------------------------------------------------------------


def test_a_large_picture_fits(stages):
    """Over 10 MB as it is, for chats that take 10 MB and less."""
    stage = stages()
    output = from_asset(stage, files.noise(2100, 1700))
    assert output["size_bytes"] > 10_000_000
    for limit in (10_000_000, 1_000_000, 100_000):
        answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition?max_bytes={limit}")
        assert answer.status == 200 and len(answer.body) <= limit, answer
        assert len(answer.body) > limit / 4, "no smaller than it has to be"
        assert files.look(answer.body).format == "WEBP" and answer.header("Content-Disposition").endswith(".webp\"")
    whole = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition?max_bytes=100000000")
    assert whole.body == stage.content(output) and whole.header("Content-Type") == "image/png"


def test_the_cache_is_not_filled_by_counting(stages):
    stage = stages()
    output = from_asset(stage, files.noise(500, 500))
    for limit in range(200_000, 200_040):
        answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition?max_bytes={limit}")
        assert answer.status == 200 and len(answer.body) <= limit
    assert len(cached(stage)) == 1


def test_what_cannot_be_made_to_fit(stages):
    stage = stages()
    picture = primary(run(stage, input={"width": 512, "height": 512}))
    moving = primary(run(stage, "test-animate", input={"image": f"output:{picture['id']}", "frames": 12}))
    for output, limit in ((moving, 2000), (from_asset(stage, files.noise(700, 700)), 1024)):
        answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition?max_bytes={limit}")
        assert answer.status == 409 and answer.problem()[0] == "rendition_impossible", answer
        assert answer.json()["detail"]


def test_a_video_is_never_made_anew(stages):
    """It is answered as it is where it fits; it stands under `gifs`, as custom nodes list it."""
    stage = stages()
    graph = {"1": {"class_type": "SimVideo", "inputs": {"frames": 1000, "frame_rate": 8.0, "filename_prefix": "v"}}}
    video = primary(stage.finish(stage.submit(graph)))
    assert video["type"] == "video" and video["thumbnail_url"] is None
    fits = stage.gateway.request("GET", f"/v1/outputs/{video['id']}/rendition?max_bytes=1000000")
    assert fits.status == 200 and fits.header("Content-Type") == "video/mp4" and fits.body == stage.content(video)
    answer = stage.gateway.request("GET", f"/v1/outputs/{video['id']}/rendition?max_bytes=2000")
    assert answer.status == 409 and "video/mp4" in answer.json()["detail"]
    assert stage.gateway.request("GET", f"/v1/outputs/{video['id']}/thumbnail").status == 404


@pytest.mark.shares
@pytest.mark.parametrize("query", ["", "?max_bytes=1023", "?max_bytes=x", "?max_bytes=268435457", "?max_bytes=-1"])
def test_sizes_that_are_none(stages, query):
    stage = stages()
    output = primary(run(stage, input={"width": 128, "height": 128}))
    answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition{query}")
    assert answer.status == 400 and answer.problem()[1] == ["max_bytes"]
    assert ("must be given" in answer.json()["detail"]) == (query == "")


def png(width, height, data):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", data) + chunk(b"IEND", b""))


@pytest.mark.parametrize("data", [
    png(60000, 60000, zlib.compress(bytes(100000))), png(100, 100, b"nonsense"), png(4000, 4000, zlib.compress(b"")),
    files.noise(300, 300)[:40000]], ids=["bomb", "nonsense", "empty", "truncated"])
def test_a_hostile_picture_gets_an_error(stages, data):
    """As an output of a ComfyUI that saves what it likes."""
    stage = stages()
    output = primary(run(stage, input={"width": 128, "height": 128}))
    path = next((pathlib.Path(stage.gateway.data_dir) / "files").rglob(output["sha256"]))
    os.chmod(path, 0o600)
    path.write_bytes(data)
    for what in ("thumbnail", "rendition?max_bytes=1024"):
        answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/{what}")
        assert answer.status == 409, answer
        assert answer.problem()[0] in ("picture_unreadable", "rendition_impossible") and answer.json()["detail"]
    assert cached(stage) == []
    assert stage.gateway.request("GET", "/livez").status == 200


def test_stops_while_a_rendition_is_made(stages):
    stage = stages()
    output = from_asset(stage, files.noise(3500, 3500))
    thread = threading.Thread(target=lambda: ask_and_forget(stage, output), daemon=True)
    thread.start()
    eventually(lambda: children(stage.gateway.pid))
    began = time.monotonic()
    assert stage.gateway.stop() == 0
    assert time.monotonic() - began < 5
    stage.gateway.start()
    thread.join(10)


def ask_and_forget(stage, output):
    try:
        stage.gateway.request("GET", f"/v1/outputs/{output['id']}/rendition?max_bytes=300000", check=False)
    except OSError:
        pass


def children(pid):
    return [each for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for each in (task / "children").read_text().split()]
