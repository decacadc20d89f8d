"""What the recordings do not replay: uploads, limits, versions, raw bodies, the odd ends of the protocol."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Iterator

import pytest
from PIL import Image

from sim import (PROGRAM, Answer, Sim, graph_fail, graph_image, graph_node, graph_sleep, graph_steps, graph_tiny,
                 wait_until)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comfy_sim.listener import Listener  # noqa: E402


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim(step_ms=2) as sim:
        yield sim


def png(color: str, size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), color).save(buffer, "PNG")
    return buffer.getvalue()


def upload(sim: Sim, name: str, contents: bytes, path: str = "/upload/image", **fields: str) -> Answer:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]
    parts.append(f'--b\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
                 f'Content-Type: image/png\r\n\r\n'.encode() + contents + b"\r\n--b--\r\n")
    return sim.request("POST", path, b"".join(parts), {"Content-Type": "multipart/form-data; boundary=b"})


# -- what reaches ComfyUI ---------------------------------------------------------------------------------------------

def test_raw_body_is_kept_byte_for_byte(sim: Sim) -> None:
    prompt_id = str(uuid.uuid4())
    raw = (b'{ "prompt":{"2":{"class_type":"SaveImage","inputs":{"filename_prefix":"\\u0061","images":["1",0]}},'
           b'"1":{"inputs":{"seed":18446744073709551615,"ms":0,"steps":1,"previews":false,"extra":7.0},'
           b'"class_type":"SimSteps"}}, "prompt_id":"' + prompt_id.encode() + b'","extra_data":{"z":1e400,"a":-0.0}}')
    assert sim.request("POST", "/prompt", raw).status == 200
    assert sim.raw(prompt_id) == raw
    assert sim.request("GET", f"/sim/posts/{sim.posts()[-1]['n']}/raw").body == raw


def test_refused_bodies_are_kept_too(sim: Sim) -> None:
    assert sim.request("POST", "/prompt", b"{nope").status == 500
    post = sim.posts()[-1]
    assert (post["status"], post["prompt_id"]) == (500, None)
    assert sim.request("GET", f"/sim/posts/{post['n']}/raw").body == b"{nope"


def test_log_tells_who_did_what(tmp_path: Path) -> None:
    with Sim(log_file=tmp_path / "log") as sim:
        with Listener(sim.url, "me"):
            prompt_id = sim.submit(graph_tiny(), client_id="me", extra_data={"comfygate": {"job": "j1"}})
            sim.history(prompt_id)
            assert sim.log()["ws_open"] == 1
        sim.request("GET", "/queue", headers={"Origin": sim.url})
        log = wait_until(lambda: sim.log()["ws_closes"] and sim.log())
        assert log["ws_closes"][0]["code"] == 1000 and log["ws_opened"] == 1
        assert log["requests"]["POST /prompt"] == 1 and log["origins"] == {sim.url: 1}
        prompt = log["prompts"][0]
        assert prompt["prompt_id"] == prompt_id and prompt["client_id"] == "me" and prompt["executions"] == 1
        assert prompt["received_at"] <= prompt["started_at"] <= prompt["finished_at"]
        events = [line["event"] for line in sim.log_lines()]
        assert events == ["ws_open", "accepted", "started", "finished", "ws_close"]
        assert sim.log_lines()[1]["extra_data"]["comfygate"] == {"job": "j1"}


# -- versions ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version,odd_id,jobs,cancel", [
    ("0.3.64", 200, 404, 405), ("0.5.1", 200, 404, 405), ("0.5.2", 200, 200, 405), ("0.24.0", 200, 200, 405),
    ("0.25.0", 400, 200, 405), ("0.26.0", 400, 200, 200), ("0.33.0", 400, 200, 200)])
def test_versions(version: str, odd_id: int, jobs: int, cancel: int) -> None:
    with Sim(comfyui_version=version) as sim:
        assert sim.get("/system_stats")["system"]["comfyui_version"] == version
        odd = {"prompt": graph_tiny(), "prompt_id": "my-id"}
        assert sim.request("POST", "/prompt", odd).status == odd_id
        assert sim.request("GET", "/api/jobs").status == jobs
        assert sim.request("POST", f"/api/jobs/{uuid.uuid4()}/cancel").status == cancel


def test_old_server_ignores_own_prompt_id_and_interrupt_target() -> None:
    with Sim(comfyui_version="0.3.40") as sim:
        wanted = str(uuid.uuid4())
        prompt_id = sim.submit(graph_steps(steps=200, ms=10), wanted)
        assert prompt_id != wanted
        wait_until(lambda: sim.get("/queue")["queue_running"])
        time.sleep(0.05)
        sim.request("POST", "/interrupt", {"prompt_id": "somebody else's"})
        assert sim.history(prompt_id)["status"]["messages"][-1][0] == "execution_interrupted"


def test_says_that_it_is_a_simulator(sim: Sim) -> None:
    stats = sim.get("/system_stats")
    assert "comfy-sim" in stats["system"]["os"] and stats["system"]["argv"][0] == "comfy-sim"
    assert "comfy-sim" in stats["devices"][0]["name"]


# -- jobs ------------------------------------------------------------------------------------------------------------

def test_text_to_image_differs_by_seed_and_has_its_size(sim: Sim) -> None:
    pictures = []
    for seed in (1, 2):
        prompt_id = sim.submit(graph_image(seed=seed, steps=2, width=384, height=256),
                               extra_data={"extra_pnginfo": {"workflow": {"id": "w"}}})
        file = sim.history(prompt_id)["outputs"]["9"]["images"][0]
        pictures.append(sim.request("GET", f"/view?filename={file['filename']}&type=output").body)
    first, second = (Image.open(io.BytesIO(body)) for body in pictures)
    assert first.size == (384, 256) and list(first.getdata()) != list(second.getdata())
    assert json.loads(first.text["prompt"])["3"]["inputs"]["seed"] == 1
    assert json.loads(first.text["workflow"]) == {"id": "w"}


def test_out_of_memory(sim: Sim) -> None:
    entry = sim.history(sim.submit(graph_fail("oom", "Allocation on device 0 would exceed allowed memory.")))
    kind, data = entry["status"]["messages"][-1]
    assert (kind, data["exception_type"]) == ("execution_error", "torch.OutOfMemoryError")
    assert data["exception_message"].endswith("memory.\n") and entry["status"]["completed"] is False


def test_nan_is_sent_bare(sim: Sim) -> None:
    prompt_id = sim.submit(graph_node("SimNaN", None, text="x"))
    sim.history(prompt_id)
    assert b'"score": [NaN, Infinity]' in sim.request("GET", f"/history/{prompt_id}").body


def test_other_nodes(sim: Sim) -> None:
    outputs = sim.history(sim.submit(graph_node("SimVideo", None, frames=4, frame_rate=8.0,
                                                filename_prefix="v/clip")))["outputs"]["1"]
    clip = outputs["gifs"][0]
    answer = sim.request("GET", f"/view?filename={clip['filename']}&subfolder=v&type=output")
    assert answer.headers["Content-Type"] == "video/mp4" and answer.body[4:8] == b"ftyp"
    big = sim.history(sim.submit(graph_node("SimBig", None, size_bytes=3_000_000, filename_prefix="big")))
    body = sim.request("GET", f"/view?filename={big['outputs']['1']['images'][0]['filename']}").body
    assert len(body) == 3_000_000 and Image.open(io.BytesIO(body)).size == (64, 64)
    own = sim.history(sim.submit(graph_node("SimInterrupt")))
    assert own["status"]["messages"][-1][0] == "execution_interrupted"
    named = sim.history(sim.submit(graph_node("SimNames", None, entries='[{"filename": "../x", "type": "output"}]')))
    assert named["outputs"]["1"]["images"][0]["filename"] == "../x"


def test_sleep_ends_before_the_interrupt_counts(sim: Sim) -> None:
    prompt_id = sim.submit(graph_sleep(200))
    wait_until(lambda: sim.get("/queue")["queue_running"])
    time.sleep(0.05)
    sim.request("POST", "/interrupt", {"prompt_id": prompt_id})
    kind, data = sim.history(prompt_id)["status"]["messages"][-1]
    assert (kind, data["node_id"]) == ("execution_interrupted", "2")


def test_deep_chains(sim: Sim) -> None:
    def chain(length: int) -> dict:
        graph = {"0": {"class_type": "EmptyImage",
                       "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": length}}}
        for index in range(1, length - 1):
            graph[str(index)] = {"class_type": "ImageInvert", "inputs": {"image": [str(index - 1), 0]}}
        graph["out"] = {"class_type": "PreviewImage", "inputs": {"images": [str(length - 2), 0]}}
        return graph

    assert sim.history(sim.submit(chain(960)), timeout=60)["status"]["completed"]
    refused = sim.request("POST", "/prompt", {"prompt": chain(1000)})
    kinds = {error["type"] for node in refused.json()["node_errors"].values() for error in node["errors"]}
    assert refused.status == 400 and kinds == {"exception_during_inner_validation"}


def test_body_limit() -> None:
    with Sim(max_upload_size=1) as sim:
        assert sim.get("/features")["max_upload_size"] == 1048576.0
        answer = sim.request("POST", "/prompt", b" " * 1049000)
        assert answer.status == 413
        assert answer.body == b"Maximum request body size 1048576 exceeded, actual body size 1049000"


def test_client_id_of_a_wrong_type_ends_the_process() -> None:
    with Sim() as sim:
        assert sim.request("POST", "/prompt", {"prompt": graph_tiny(), "client_id": ["a"]}).status == 200
        wait_until(lambda: not sim.alive)


def test_a_reader_that_sleeps_blocks_the_others(sim: Sim) -> None:
    sim.faults({"progress_storm": {"messages": 60000, "count": 1}})
    slow = _slow_socket(sim)
    with Listener(sim.url, "quick") as quick:
        sim.history(sim.submit(graph_tiny()))  # no client_id: its progress goes to everybody
        greeted = len(quick.messages)
        time.sleep(0.3)
        stalled = len(quick.messages)
        sim.submit(graph_tiny(), client_id="quick")
        time.sleep(0.2)
        assert greeted <= stalled < 60000 and len(quick.messages) == stalled
        slow.close()
        quick.wait_for("done", timeout=30)


def _slow_socket(sim: Sim) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", sim.port))
    peer.sendall(b"GET /ws?clientId=slow HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert b"101" in peer.recv(64)
    return peer


# -- files -----------------------------------------------------------------------------------------------------------

def test_upload_names(sim: Sim) -> None:
    assert upload(sim, "a.png", png("red")).json() == {"name": "a.png", "subfolder": "", "type": "input"}
    assert upload(sim, "a.png", png("red")).json()["name"] == "a.png"
    assert upload(sim, "a.png", png("blue")).json()["name"] == "a (1).png"
    assert upload(sim, "a.png", png("blue"), overwrite="true").json()["name"] == "a.png"
    assert upload(sim, "b.png", png("red"), subfolder="gw/1").json() == {
        "name": "b.png", "subfolder": "gw/1", "type": "input"}
    assert upload(sim, "./dot.png", png("red")).json()["name"] == "./dot.png"
    assert upload(sim, "höhe.png", png("red")).json()["name"] == "höhe.png"


@pytest.mark.parametrize("name,fields,status", [
    ("../x.png", {}, 400), ("..", {}, 400), ("x.png", {"subfolder": "../x"}, 400),
    ("x.png", {"subfolder": "/abs"}, 400), ("absent/x.png", {}, 500), ("/abs/x.png", {}, 500),
    ("x.png", {"type": "bogus"}, 500), ("", {}, 500), ("x" * 300 + ".png", {}, 500)])
def test_upload_refusals(sim: Sim, name: str, fields: dict, status: int) -> None:
    assert upload(sim, name, png("red"), **fields).status == status


def test_upload_is_used_and_noticed_when_it_changes(sim: Sim) -> None:
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "gw/in.png"}},
             "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    for color, size in (("red", 8), ("lime", 16)):
        upload(sim, "in.png", png(color, size), subfolder="gw", overwrite="1")
        entry = sim.history(sim.submit(graph))
        file = entry["outputs"]["2"]["images"][0]
        body = sim.request("GET", f"/view?filename={file['filename']}&type=temp").body
        assert Image.open(io.BytesIO(body)).size == (size, size)


def test_a_file_that_is_no_picture_fails_late(sim: Sim) -> None:
    assert upload(sim, "empty.png", b"").status == 200
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "empty.png"}},
             "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    assert sim.history(sim.submit(graph))["status"]["messages"][-1][0] == "execution_error"


def test_mask(sim: Sim) -> None:
    upload(sim, "base.png", png("red"))
    reference = json.dumps({"filename": "base.png", "subfolder": "", "type": "input"})
    assert upload(sim, "m.png", png("blue"), "/upload/mask", original_ref=reference).status == 200
    assert Image.open(io.BytesIO(sim.request("GET", "/view?filename=m.png&type=input").body)).mode == "RGBA"
    missing = json.dumps({"filename": "nosuch.png", "type": "input"})
    assert upload(sim, "m2.png", png("blue"), "/upload/mask", original_ref=missing).status == 200
    assert sim.request("GET", "/view?filename=m2.png&type=input").status == 404
    assert upload(sim, "m3.png", png("blue"), "/upload/mask").status == 500


# -- the process ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["term", "parent"])
def test_ends_cleanly(how: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, str(PROGRAM), "--listen", "127.0.0.1:0", "--exit-with-parent"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path,
                               env={**os.environ, "TMPDIR": str(tmp_path)})
    assert process.stdout.readline().startswith(b"comfy-sim listening on http://127.0.0.1:")
    process.terminate() if how == "term" else process.stdin.close()
    assert process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []
    process.stdout.close()


def test_help_names_every_fault() -> None:
    text = subprocess.run([str(PROGRAM), "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("ws_drop_after", "history_late_ms", "/sim/restart", "--step-ms"):
        assert word in text


def test_preview_frames_by_negotiation(sim: Sim) -> None:
    flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
    for first, event in ((None, 1), (flags, 4)):
        with Listener(sim.url, "p", first) as listener:
            listener.wait(lambda one: len(one.messages) >= (2 if first else 1))
            sim.submit(graph_steps(steps=2, ms=1, previews=True, seed=event), client_id="p")
            listener.wait_for("done")
            frames = [each["data"] for each in listener.messages if each["type"] == "binary"]
            assert [struct.unpack(">I", frame[:4])[0] for frame in frames] == [event, event]


# -- what it has ------------------------------------------------------------------------------------------------------

def test_models_come_and_go() -> None:
    """The loaders' choices, the lists of folders and the validation follow; both ways to declare a choice."""
    with Sim() as sim:
        sim.models(loras=["mine.safetensors"], upscale_models=["2x.pth"])
        info = sim.get("/object_info")
        assert info["LoraLoader"]["input"]["required"]["lora_name"][0] == ["mine.safetensors"]
        kind, options = info["UpscaleModelLoader"]["input"]["required"]["model_name"]
        assert (kind, options["options"]) == ("COMBO", ["2x.pth"])
        assert sim.get("/models/loras") == ["mine.safetensors"]
        graph = graph_image(steps=1)
        graph["10"] = {"class_type": "LoraLoaderModelOnly",
                       "inputs": {"model": ["4", 0], "lora_name": "watercolor.safetensors", "strength_model": 1.0}}
        graph["3"]["inputs"]["model"] = ["10", 0]
        refused = sim.request("POST", "/prompt", {"prompt": graph})
        assert refused.status == 400
        assert refused.json()["node_errors"]["10"]["errors"][0]["type"] == "value_not_in_list"
        graph["10"]["inputs"]["lora_name"] = "mine.safetensors"
        sim.history(sim.submit(graph))
        assert sim.request("POST", "/sim/models", {"nowhere": []}).status == 400
        assert sim.log()["requests"]["GET /object_info"] == 1


def test_a_choice_of_the_newer_form_is_checked() -> None:
    with Sim() as sim:
        graph = {"1": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "gone.pth"}},
                 "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}}
        refused = sim.request("POST", "/prompt", {"prompt": graph}).json()
        assert [each["type"] for each in refused["node_errors"]["1"]["errors"]] == ["value_not_in_list"]
        sim.models(upscale_models=["gone.pth"])
        sim.history(sim.submit(graph))


def test_classes_come_and_go() -> None:
    with Sim() as sim:
        sim.nodes(add={"MyImage": "EmptyImage"}, remove=["EmptyImage"])
        info = sim.get("/object_info")
        assert "EmptyImage" not in info and info["MyImage"]["name"] == "MyImage"
        assert sim.request("POST", "/prompt", {"prompt": graph_tiny()}).json()["error"]["type"] == "missing_node_type"
        graph = graph_tiny()
        graph["1"]["class_type"] = "MyImage"
        sim.history(sim.submit(graph))
        sim.nodes(add={"EmptyImage": None})
        sim.history(sim.submit(graph_tiny()))
        assert sim.request("POST", "/sim/nodes", {"remove": ["Nowhere"]}).status == 400
