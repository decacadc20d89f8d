"""Signed links: an output opens without a key until a moment, and nothing else does."""
import pathlib
import time

import pytest

NO_OUTPUT = "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"


def make(stage):
    job = stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "input": {"width": 128, "height": 128}})
    return next(output for output in stage.finish(job)["outputs"] if output["primary"])


def link(stage, output, **body):
    return stage.gateway.json("POST", f"/v1/outputs/{output['id']}/link", json=body)


def status(stage, url, method="GET"):
    return stage.gateway.request(method, url).status


def test_a_link_opens_its_output(stages):
    stage = stages()
    output = make(stage)
    made = link(stage, output, expires_seconds=60)
    answer = stage.gateway.request("GET", made["url"])
    assert answer.status == 200 and len(answer.body) == output["size_bytes"]
    assert status(stage, made["url"], "HEAD") == 200
    assert status(stage, made["url"] + "&download=1") == 200


def test_a_link_ends(stages):
    stage = stages()
    made = link(stage, make(stage), expires_seconds=1)
    deadline = time.monotonic() + 10
    while status(stage, made["url"]) == 200:
        assert time.monotonic() < deadline, "the link lives on"
        time.sleep(0.1)
    answer = stage.gateway.request("GET", made["url"])
    assert answer.status == 403 and answer.problem()[0] == "link_not_valid"


def test_a_changed_link_opens_nothing(stages):
    stage = stages()
    first, second = make(stage), make(stage)
    url = link(stage, first, expires_seconds=60)["url"]
    base, _, query = url.partition("?")
    expires, signature = query.split("&")
    moment = int(expires.removeprefix("expires="))
    for other in (
        url.replace(first["id"], second["id"]),
        f"{base}?expires={moment + 1}&{signature}",
        f"{base}?{expires}&signature={'0' * 64}",
        f"{base}?{expires}&{signature[:-1]}",
        f"{base}?{expires}",
        f"{base}?{signature}",
        f"{base}?expires=0{moment}&{signature}",
        f"{base}?expires=-{moment}&{signature}",
        f"{base}?expires={'9' * 30}&{signature}",
        f"{base}?expires=&signature=",
        f"{base}?{expires}&signature={signature.removeprefix('signature=').upper()}",
    ):
        answer = stage.gateway.request("GET", other)
        assert answer.status == 403 and answer.problem()[0] == "link_not_valid", other


def test_the_secret_outlives_a_restart_and_ends_all_links_with_it(stages):
    stage = stages()
    url = link(stage, make(stage))["url"]
    key = pathlib.Path(stage.gateway.data_dir) / "link.key"
    assert key.stat().st_mode & 0o777 == 0o600 and key.stat().st_size == 32
    stage.gateway.restart()
    assert status(stage, url) == 200
    stage.gateway.stop()
    key.unlink()
    stage.gateway.start()
    assert status(stage, url) == 403


def test_a_shared_secret_makes_no_file(stages):
    stage = stages(links_secret="sixteen characters and more")
    url = link(stage, make(stage))["url"]
    assert status(stage, url) == 200
    assert not (pathlib.Path(stage.gateway.data_dir) / "link.key").exists()


@pytest.mark.parametrize("body,code", [
    ({"expires_seconds": 0}, "validation_error"), ({"expires_seconds": -1}, "validation_error"),
    ({"expires_seconds": 1.5}, "validation_error"), ({"expires_seconds": "60"}, "validation_error"),
    ({"expires_seconds": 2592001}, "validation_error"), ({"seconds": 60}, "unknown_field"), ([], "validation_error"),
])
def test_bodies_that_are_refused(stages, body, code):
    stage = stages()
    answer = stage.gateway.request("POST", f"/v1/outputs/{NO_OUTPUT}/link", json=body)
    assert answer.status == 422 and answer.problem()[0] == code


def test_an_output_that_is_not_there(stages):
    stage = stages()
    assert status(stage, f"/v1/outputs/{NO_OUTPUT}/link", "POST") == 404


def test_a_start_that_was_killed_while_it_made_the_secret(gateways):
    gateway = gateways()
    gateway.stop()
    secret = pathlib.Path(gateway.data_dir) / "link.key"
    assert secret.stat().st_size == 32 and secret.stat().st_mode & 0o777 == 0o600
    secret.unlink()
    (secret.parent / "link.key.new").write_bytes(b"half")
    gateway.start()
    assert secret.stat().st_size == 32
    assert sorted(path.name for path in secret.parent.glob("link.key*")) == ["link.key"]
