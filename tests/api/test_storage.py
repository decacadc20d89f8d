"""Files in an S3 bucket: brought before they are named, fetched when they are asked for, removed when nobody names them."""
import contextlib
import hashlib
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import files
import gateway as gateway_module
import graphs
from s3_server import S3Server, canonical_request, signature_of
from stage import eventually

SIZE = 300_000
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def s3():
    server = S3Server()
    yield server
    server.stop()


def big(stage, size=SIZE, seed=1):
    graph = {"1": {"class_type": "SimBig", "inputs": {"size_bytes": size, "filename_prefix": "big", "seed": seed}}}
    return stage.submit(graph)


def made(stage, content):
    """A job whose output has these bytes."""
    name = hashlib.sha256(content).hexdigest() + ".txt"
    (stage.directory / "sim-gpu0" / "output" / name).write_bytes(content)
    entries = json.dumps([{"filename": name, "subfolder": "", "type": "output"}])
    return stage.finish(stage.submit(graphs.lists(entries)))


def key_of(sha256, prefix=""):
    return f"{prefix}o/{sha256[:2]}/{sha256}"


def cached(gateway):
    return [path for path in (gateway.data_dir / "cache").rglob("*") if path.is_file()]


def cached_bytes(gateway):
    """What goes meanwhile counts no more."""
    total = 0
    for path in cached(gateway):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def empty_cache(gateway):
    for path in cached(gateway):
        path.unlink()


def refused_start(tmp_path, env=None, **settings):
    """What a comfygate says that cannot start."""
    words = [str(gateway_module.BIN), "serve", "--server-listen=127.0.0.1:0", f"--data-dir={tmp_path}/refused"]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False,
                           env={**gateway_module.Gateway._environment(), **(env or {})})
    assert ended.returncode in (1, 2) and "listening" not in ended.stdout, ended
    return ended.stderr


@pytest.mark.once
@pytest.mark.parametrize("target, headers, signature", [
    ("/test.txt", {"range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("/?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
])
def test_the_stand_in_signs_as_published(target, headers, signature):
    """The examples of the S3 documentation."""
    headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": EMPTY,
               "x-amz-date": "20130524T000000Z", **headers}
    canonical = canonical_request("GET", target, headers, ";".join(sorted(headers)), EMPTY)
    assert signature_of("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524/us-east-1/s3/aws4_request",
                        "20130524T000000Z", canonical) == signature


def test_an_output(stages, s3):
    stage = stages(**s3.settings())
    output = stage.finish(big(stage))["outputs"][0]
    assert s3.keys() == [key_of(output["sha256"])] and s3.refused == []
    assert len(stage.content(output)) == SIZE and s3.count("GET") <= 2  # of the start: what is at hand is not fetched
    empty_cache(stage.gateway)
    fetched = s3.count("GET")
    answer = stage.gateway.request("GET", output["url"], headers={"Range": "bytes=100-299"})
    assert answer.status == 206 and answer.header("Content-Range") == f"bytes 100-299/{SIZE}"
    data = stage.content(output)
    assert hashlib.sha256(data).hexdigest() == output["sha256"] and data[100:300] == answer.body
    head = stage.gateway.request("HEAD", output["url"])
    assert head.status == 200 and head.header("Content-Length") == str(SIZE)
    assert s3.count("GET") - fetched <= 3 and len(cached(stage.gateway)) == 1  # one, and looks whether it answers


def follow(link, headers=None):
    """(status, headers, bytes) of who has nothing but the link."""
    request = urllib.request.Request(link, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def test_who_asks_is_sent_to_the_bucket(stages, s3):
    """With a link that holds for this file, this type and this name alone, and is over when its time is."""
    stage = stages(**s3.settings(), storage_link_seconds=60)
    asset = files.upload(stage.gateway, files.picture())
    path = f"/v1/assets/{asset['id']}/content"
    answer = stage.gateway.request("GET", path)
    link = answer.header("Location")
    assert answer.status == 307 and answer.body == b"" and answer.header("Cache-Control") == "no-store"
    assert link.startswith(f"http://127.0.0.1:{s3.port}/") and "X-Amz-Expires=60" in link and s3.secret not in link
    status, headers, data = follow(link)
    assert (status, data, headers["Content-Type"]) == (200, files.picture(), "image/png")
    assert headers["Content-Disposition"].startswith("inline")
    assert follow(link, {"Range": "bytes=2-5"})[2] == files.picture()[2:6]
    saved = stage.gateway.request("GET", path + "?download=1").header("Location")
    assert follow(saved)[1]["Content-Disposition"].startswith("attachment")
    for wrong in (link.replace("image%2Fpng", "text%2Fhtml"), link.replace("Expires=60", "Expires=600"),
                  link.replace(asset["sha256"], EMPTY)):
        assert wrong != link and follow(wrong)[0] == 403
    s3.ahead = 61
    assert follow(link)[0] == 403
    assert s3.refused == ["SignatureDoesNotMatch"] * 3 + ["AccessDenied"]


def test_who_is_not_sent_to_the_bucket(stages, s3):
    stage = stages(**s3.settings(), storage_link_seconds=60)
    picture = f"/v1/assets/{files.upload(stage.gateway, files.picture())['id']}/content"
    ask = stage.gateway.request
    assert ask("HEAD", picture).status == 200
    assert ask("GET", picture, headers={"Sec-Fetch-Site": "same-origin"}).body == files.picture()  # our own pages
    assert ask("GET", picture + "?redirect=0").body == files.picture()
    assert ask("GET", picture + "?redirect=2").status == 400
    assert ask("GET", picture + "?redirect=1", headers={"Sec-Fetch-Site": "cross-site"}).status == 307
    etag = ask("HEAD", picture).header("ETag")
    assert ask("GET", picture, headers={"If-None-Match": etag}).status == 304
    page = made(stage, b"<!DOCTYPE html><script>alert(1)</script>")["outputs"][0]
    answer = ask("GET", page["url"])
    assert answer.status == 200 and "sandbox" in answer.header("Content-Security-Policy")  # what might run
    other = made(stage, bytes(range(256)))["outputs"][0]
    answer = ask("GET", other["url"])
    assert answer.status == 200 and answer.header("Content-Disposition").startswith("attachment")
    assert "sandbox" in answer.header("Content-Security-Policy")
    s3.fault = lambda handler: 503
    eventually(lambda: ask("GET", "/readyz").json()["status"] == "degraded", timeout=20)
    assert ask("GET", picture).body == files.picture()  # at hand, and the bucket is away


def test_links_lead_to_where_clients_reach_the_bucket(stages, s3, tmp_path):
    stage = stages(**s3.settings(), storage_link_seconds=60, storage_link_endpoint="https://Files.example:443")
    path = f"/v1/assets/{files.upload(stage.gateway, files.picture())['id']}/content"
    link = stage.gateway.request("GET", path).header("Location")
    assert link.startswith(f"https://files.example/{s3.bucket}/o/")
    for wrong in ("files.example", "https://files.example/path", "https://h&path_style=0", "ftp://h"):
        assert "storage_link_endpoint" in refused_start(tmp_path, **s3.settings(), storage_link_seconds=60,
                                                        storage_link_endpoint=wrong)


def test_an_asset_goes_to_comfyui_from_the_bucket(stages, s3):
    stage = stages(**s3.settings())
    asset = files.upload(stage.gateway, files.picture())
    assert s3.keys() == [key_of(asset["sha256"])]
    empty_cache(stage.gateway)
    content = stage.gateway.request("GET", f"/v1/assets/{asset['id']}/content")
    assert content.status == 200 and content.body == files.picture()
    empty_cache(stage.gateway)
    job = stage.gateway.request("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"asset:{asset['id']}", "strength": 0}})
    done = stage.finish(job.json())
    sheet = files.look(stage.content(next(output for output in done["outputs"] if output["primary"])))
    assert sheet.getpixel((10, 10)) == (200, 30, 40) and s3.refused == []


def test_a_file_that_cannot_be_fetched_for_comfyui_is_waited_for(stages, s3):
    stage = stages(**s3.settings())
    asset = files.upload(stage.gateway, files.picture())
    empty_cache(stage.gateway)
    s3.fault = lambda handler: 500 if "/o/" in handler.path else None
    job = stage.gateway.request("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"asset:{asset['id']}", "strength": 0}}).json()
    eventually(lambda: stage.gateway_log("input_file_not_fetched"))
    assert stage.job(job)["status"] == "queued" or stage.job(job)["phase"] == "submitting"
    s3.fault = None
    stage.finish(job)
    assert stage.job(job)["attempt"] == 1


def test_a_job_that_is_canceled_while_its_file_is_fetched(stages, s3):
    stage = stages(**s3.settings())
    asset = files.upload(stage.gateway, files.picture())
    empty_cache(stage.gateway)
    held = threading.Event()
    s3.fault = lambda handler: held.wait(10) and None if "/o/" in handler.path else None
    before = s3.count("GET")
    job = stage.gateway.request("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"asset:{asset['id']}", "strength": 0}}).json()
    eventually(lambda: s3.count("GET") > before)
    stage.cancel(job)
    stage.finish(job, "canceled")
    held.set()
    assert stage.executions(job) == 0 and stage.finish(big(stage))["outputs"]


def test_a_thumbnail_is_drawn_from_the_bucket(stages, s3):
    stage = stages(**s3.settings())
    output = stage.finish(stage.submit(graphs.picture()))["outputs"][0]
    empty_cache(stage.gateway)
    answer = stage.gateway.request("GET", f"/v1/outputs/{output['id']}/thumbnail")
    assert answer.status == 200 and files.look(answer.body).size[0] > 0


def test_what_the_server_may_be_called(stages):
    s3 = S3Server(region="eu-central-1", access_key="other", secret="x/y+z=")
    try:
        stage = stages(**{**s3.settings(), "storage_url": s3.url(prefix="/a/b-c/")})
        output = stage.finish(big(stage))["outputs"][0]
        assert s3.keys() == [key_of(output["sha256"], "a/b-c/")] and s3.refused == []
    finally:
        s3.stop()


def test_a_deleted_job_goes_from_the_bucket(stages, s3):
    stage = stages(**s3.settings())
    first, second, third = (made(stage, content) for content in (b"same", b"same", b"other"))
    assert len(s3.keys()) == 2
    assert stage.gateway.request("DELETE", f"/v1/jobs/{first['id']}").status == 204
    assert stage.gateway.request("DELETE", f"/v1/jobs/{third['id']}").status == 204
    eventually(s3.keys, lambda keys: keys == [key_of(second["outputs"][0]["sha256"])])
    empty_cache(stage.gateway)
    assert stage.content(second["outputs"][0]) == b"same"
    stage.gateway.request("DELETE", f"/v1/jobs/{second['id']}")
    eventually(s3.keys, lambda keys: keys == [])


@pytest.mark.patient
def test_the_sweep_takes_what_nobody_names(stages, s3):
    stage = stages(**s3.settings(), storage_sweep_seconds=1, storage_orphan_seconds=60)
    output = stage.finish(big(stage))["outputs"][0]
    kept = key_of(output["sha256"])
    s3.objects[kept] = (s3.objects[kept][0], time.time() - 3600)
    old = [key_of(hashlib.sha256(bytes([n])).hexdigest()) for n in range(5)]
    for key in old:
        s3.put(key, b"old", age=3600)
    young, strange = key_of(hashlib.sha256(b"young").hexdigest()), "o/no-hash"
    s3.put(young, b"young")
    s3.put(strange, b"strange", age=3600)
    s3.put("elsewhere", b"not ours", age=3600)
    eventually(s3.keys, lambda keys: not set(old) & set(keys))
    lists = s3.count("GET")
    eventually(lambda: s3.count("GET") > lists + 1)
    assert s3.keys() == sorted([kept, young, strange, "elsewhere"])
    empty_cache(stage.gateway)
    assert len(stage.content(output)) == SIZE


@pytest.mark.patient
def test_outputs_wait_while_the_bucket_is_away(stages, s3):
    stage = stages(**s3.settings())
    s3.fault = lambda handler: 503
    job = big(stage)
    eventually(lambda: stage.gateway_log("output_not_stored"))
    assert stage.job(job)["status"] == "running"
    asset = stage.gateway.request("POST", "/v1/assets", body=files.picture(), headers={"Content-Type": "image/png"})
    assert asset.status == 503 and asset.problem()[0] == "storage_unavailable", asset
    assert asset.header("Retry-After")
    ready = stage.gateway.request("GET", "/readyz")
    assert ready.status == 200 and ready.json()["status"] == "degraded"
    assert ready.json()["checks"]["storage"] == {"status": "warn", "detail": "The storage for files answered 503."}
    s3.fault = None
    output = stage.finish(job)["outputs"][0]
    assert s3.keys() == [key_of(output["sha256"])]
    assert stage.executions(job) == 1
    eventually(lambda: stage.gateway.json("GET", "/readyz"), lambda seen: seen["checks"]["storage"]["status"] == "ok")


def test_a_fetch_that_fails(stages, s3):
    stage = stages(**s3.settings())
    output = stage.finish(big(stage))["outputs"][0]
    for fault, detail in ((500, "answered 500"), ("other", "other bytes"), ("short", "other bytes"),
                          (403, "the access key may not do this")):
        empty_cache(stage.gateway)
        s3.fault = lambda handler, fault=fault: fault
        answer = stage.gateway.request("GET", output["url"])
        assert answer.status == 503 and answer.problem()[0] == "storage_unavailable", (fault, answer)
        assert detail in answer.json()["detail"], answer
        assert cached(stage.gateway) == []
    s3.fault = None
    assert len(stage.content(output)) == SIZE
    empty_cache(stage.gateway)
    s3.objects.clear()
    assert stage.gateway.request("GET", output["url"]).status == 500


def test_what_is_cut_is_tried_again(stages, s3):
    stage = stages(**s3.settings())
    cut = []

    def once(handler):
        if "/o/" in handler.path and (handler.command, handler.path) not in cut:
            cut.append((handler.command, handler.path))
            return "cut" if handler.command == "GET" else 500
        return None

    s3.fault = once
    output = stage.finish(big(stage))["outputs"][0]
    empty_cache(stage.gateway)
    assert len(stage.content(output)) == SIZE
    assert [method for method, _path in cut] == ["PUT", "GET"]


def test_a_stop_does_not_wait_for_a_bucket_that_hangs(stages, s3):
    stage = stages(**s3.settings())
    hangs = threading.Event()
    s3.fault = lambda handler: hangs.wait(30) and None if handler.command == "PUT" else None
    job = big(stage)
    eventually(lambda: s3.count("PUT"))
    begun = time.monotonic()
    stage.gateway.stop()
    assert time.monotonic() - begun < 15
    hangs.set()
    s3.fault = None
    stage.gateway.start()
    output = stage.finish(job)["outputs"][0]
    assert s3.keys() == [key_of(output["sha256"])] and stage.executions(job) == 1


@pytest.mark.parametrize("is_committed", [False, True])
def test_killed_between_the_bucket_and_the_row(stages, s3, is_committed):
    """Before the commit, the job is collected again; after it, the file is found in the bucket."""
    stage = stages(**s3.settings())
    if is_committed:
        job = big(stage)
        output = stage.finish(job)["outputs"][0]
        stage.gateway.kill()
        empty_cache(stage.gateway)
    else:
        def die(handler):
            if handler.command == "PUT":
                s3.put(handler.path.partition("?")[0].partition(f"/{s3.bucket}/")[2], b"nobody's")
                stage.gateway.kill()
                s3.fault = None
            return None

        s3.fault = die
        job = big(stage)
        eventually(lambda: not stage.gateway.alive)
    stage.gateway.start()
    output = stage.finish(job)["outputs"][0]
    assert hashlib.sha256(stage.content(output)).hexdigest() == output["sha256"]
    assert s3.keys() == [key_of(output["sha256"])] and len(s3.objects[s3.keys()[0]][0]) == SIZE
    assert stage.executions(job) == 1


def test_the_cache_stays_small(stages, s3):
    stage = stages(**s3.settings(), storage_cache_mb=1)
    outputs = [stage.finish(big(stage, 400_000, seed))["outputs"][0] for seed in range(5)]
    eventually(lambda: cached_bytes(stage.gateway), lambda size: size <= 1 << 20)
    assert len(s3.keys()) == 5
    for output in outputs:
        assert hashlib.sha256(stage.content(output)).hexdigest() == output["sha256"]
    eventually(lambda: cached_bytes(stage.gateway), lambda size: size <= 1 << 20)


def test_files_of_before_are_still_found(stages, s3):
    stage = stages()
    job = stage.finish(big(stage))
    stage.gateway.restart(**s3.settings())
    assert len(stage.content(job["outputs"][0])) == SIZE and s3.keys() == []
    stage.gateway.request("DELETE", f"/v1/jobs/{job['id']}")
    eventually(lambda: [path for path in (stage.gateway.data_dir / "files").rglob("*") if path.is_file()],
               lambda found: found == [])


def test_keys_of_the_environment(tmp_path, s3, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret)
    gateway = gateway_module.Gateway(tmp_path / "data", settings={"storage_url": s3.url()})
    gateway.start()
    gateway.stop()
    assert s3.refused == [] and s3.count("GET") == 1


@pytest.mark.parametrize("change, says", [
    ({"storage_secret_key": "wr0ng"}, "the secret key does not match the access key"),
    ({"storage_access_key": "nobody"}, "it does not know this access key"),
    ({"url": {"region": "eu-west-1"}}, "the region is another than the bucket's"),
    ({"bucket": "elsewhere"}, "there is no such bucket"),
    ({"ahead": 3600}, "the clock of this machine and that of the server differ too much"),
    ({"url": {"endpoint": "http://127.0.0.1:9"}}, "does not answer: Couldn't connect to server"),
    ({"storage_secret_key": ""}, "an access key and a secret key are needed"),
])
def test_a_start_that_is_refused(tmp_path, s3, change, says):
    s3.ahead = change.get("ahead", 0)
    settings = {**s3.settings(), **{name: value for name, value in change.items() if name.startswith("storage_")}}
    settings["storage_url"] = s3.url(**change.get("url", {}))
    s3.bucket = change.get("bucket", s3.bucket)
    text = refused_start(tmp_path, **settings)
    assert says in text and s3.secret not in text and "wr0ng" not in text, text
    assert "Files cannot be kept in the bucket pictures at http://" in text or "are needed" in text


@pytest.mark.parametrize("url", ["s4://pictures", "s3://", "s3://Pictures", "s3://pictures/a//b", "s3://pictures/../b",
                                 "s3://pictures?endpoint=ftp://host", "s3://pictures?endpoint=http://host/path",
                                 "s3://pictures?region=EU", "s3://pictures?path_style=2", "s3://pictures?colour=red",
                                 "s3://pictures/" + "a" * 255])
def test_a_storage_url_that_is_none(tmp_path, url):
    assert "storage_url: " in refused_start(tmp_path, storage_url=url, storage_access_key="a", storage_secret_key="b")
    assert not os.path.exists(tmp_path / "refused" / "cache")
