"""What the ComfyUIs have: GET /v1/models, and when the gateway asks them for it."""
import json
import time
import urllib.parse

import pytest

import graphs
from sim import graph_image
from stage import eventually, stages  # noqa: F401  (stages is a fixture)
from template_folders import write_template

TWO = {"left": {}, "right": {}}
ASKED = "GET /object_info"


def asked(sim):
    return sim.log()["requests"].get(ASKED, 0)


def models(stage, folder, query=""):
    return stage.gateway.json("GET", f"/v1/models/{folder}{query}")


def names(stage, folder, query=""):
    return [each["name"] for each in models(stage, folder, query)["data"]]


def until_complete(stage):
    return eventually(lambda: models(stage, "loras"), lambda page: page["complete"])


def with_lora(name):
    graph = graph_image(steps=1)
    graph["10"] = {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "clip": ["4", 1], "lora_name": name,
                                                          "strength_model": 1.0, "strength_clip": 1.0}}
    graph["3"]["inputs"]["model"] = ["10", 0]
    return graph


# ---- the lists

def test_models_of_all_backends(stages):
    """Each name once, in order, with those who have it; both ways in which ComfyUI writes a list."""
    stage = stages(sims=TWO)
    until_complete(stage)
    stage.sims["left"].models(loras=["b.safetensors", "a/Ä 😀.safetensors", "sub\\w.pt"], upscale_models=["4x.pth"])
    stage.sims["right"].models(loras=["b.safetensors", "0.safetensors"], upscale_models=[], vae=[])
    stage.gateway.request("POST", "/v1/templates/reload")
    page = eventually(lambda: models(stage, "loras"),  # both have answered anew
                      lambda page: {"0.safetensors", "sub\\w.pt"} <= {each["name"] for each in page["data"]})
    assert page == {"data": [{"name": "0.safetensors", "backends": ["right"]},
                             {"name": "a/Ä 😀.safetensors", "backends": ["left"]},
                             {"name": "b.safetensors", "backends": ["left", "right"]},
                             {"name": "sub\\w.pt", "backends": ["left"]}],
                    "has_more": False, "next_cursor": None, "complete": True}
    assert models(stage, "upscale_models")["data"] == [{"name": "4x.pth", "backends": ["left"]}]
    assert names(stage, "unet") == names(stage, "diffusion_models") == ["flux1-dev.safetensors"]
    assert names(stage, "clip") == names(stage, "text_encoders") == ["t5xxl_fp16.safetensors"]
    assert names(stage, "gligen") == []
    folders = stage.gateway.json("GET", "/v1/models")
    assert folders["complete"] and [each["folder"] for each in folders["data"]] == sorted(
        each["folder"] for each in folders["data"])
    counts = {each["folder"]: each["count"] for each in folders["data"]}
    assert (counts["loras"], counts["upscale_models"], counts["gligen"], counts["vae"]) == (4, 1, 0, 2)
    assert "unet" not in counts


def test_pages_and_words(stages):
    stage = stages()
    until_complete(stage)
    every = [f"lora {number:03}.safetensors" for number in range(250)] + ["Ünder.pt"]
    stage.sim.models(loras=list(reversed(every)))
    stage.gateway.request("POST", "/v1/templates/reload")
    page = eventually(lambda: models(stage, "loras"), lambda page: page["has_more"])
    assert len(page["data"]) == 200
    seen, cursor, sizes = [], "", []
    while cursor is not None:
        page = models(stage, "loras", f"?limit=100{cursor and '&cursor='}{cursor}")
        seen += [each["name"] for each in page["data"]]
        sizes.append(len(page["data"]))
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
    assert seen == every and sizes == [100, 100, 51]
    assert names(stage, "loras", "?limit=1000") == every
    assert names(stage, "loras", "?q=RA%20007") == ["lora 007.safetensors"]
    assert names(stage, "loras", "?q=%C3%9CNDER") == ["Ünder.pt"]
    assert names(stage, "loras", "?q=nothing") == []
    assert names(stage, "loras", f"?q={urllib.parse.quote('Ü' * 200)}") == []
    page = models(stage, "loras", "?q=lora%2000&limit=4")
    assert [each["name"][:8] for each in page["data"]] == ["lora 000", "lora 001", "lora 002", "lora 003"]
    page = models(stage, "loras", f"?q=lora%2000&limit=6&cursor={page['next_cursor']}")
    assert [each["name"][:8] for each in page["data"]] == [f"lora 00{digit}" for digit in range(4, 10)]
    assert not page["has_more"]
    # What is gone between two pages does not move the rest.
    page = models(stage, "loras", "?limit=2")
    stage.sim.models(loras=every[3:])
    stage.gateway.request("POST", "/v1/templates/reload")
    eventually(lambda: names(stage, "loras", "?limit=1"), lambda seen: seen == every[3:4])
    assert names(stage, "loras", f"?limit=1&cursor={page['next_cursor']}") == every[3:4]


def test_asked_again_with_the_etag(stages):
    stage = stages()
    until_complete(stage)
    for path in ("/v1/models/loras", "/v1/models"):
        first = stage.gateway.request("GET", path)
        again = stage.gateway.request("GET", path, headers={"If-None-Match": first.header("ETag")})
        assert (first.status, again.status, again.body) == (200, 304, b"")


@pytest.mark.shares
@pytest.mark.parametrize("query, parameter", [
    ("?limit=0", "limit"), ("?limit=1001", "limit"), ("?limit=ten", "limit"), ("?q=", "q"),
    ("?q=" + "x" * 201, "q"), ("?cursor=", "cursor"), ("?cursor=%21", "cursor"), ("?cursor=bW9kZWxzOg", "cursor"),
    ("?cursor=bW9kZWxzOmEAYg", "cursor"), ("?cursor=am9iczph", "cursor"), ("?folder=loras", "folder"),
])
def test_queries_that_are_refused(stages, query, parameter):
    answer = stages().gateway.request("GET", "/v1/models/loras" + query)
    assert answer.status == 400
    assert [item["parameter"] for item in answer.json()["errors"]] == [parameter]


@pytest.mark.shares
@pytest.mark.parametrize("folder", ["lora", "LORAS", "custom_nodes", "..%2Floras", "%F0%9F%98%80"])
def test_unknown_folder(stages, folder):
    answer = stages().gateway.request("GET", f"/v1/models/{folder}")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    for known in ("audio_encoders", "checkpoints", "loras", "upscale_models", "vae."):
        assert known in answer.json()["detail"]


def test_while_nobody_has_told(stages):
    """Empty, and says that this is not all; so does a list that lacks one of two."""
    stage = stages(start_sim=False)
    assert models(stage, "loras") == {"data": [], "has_more": False, "next_cursor": None, "complete": False}
    folders = stage.gateway.json("GET", "/v1/models")
    assert not folders["complete"] and {each["count"] for each in folders["data"]} == {0}
    stage = stages(sims=TWO, start_sim=False)
    stage.sims["right"].start()
    page = eventually(lambda: models(stage, "vae"), lambda page: page["data"])
    assert not page["complete"] and {name for each in page["data"] for name in each["backends"]} == {"right"}
    stage.sims["left"].start()
    until_complete(stage)


# ---- when a ComfyUI is asked

def test_asked_once_per_connection(stages):
    stage = stages()
    until_complete(stage)
    for _ in range(5):
        stage.finish(stage.submit(graphs.picture()))
    assert (stage.sim.log()["ws_opened"], asked(stage.sim)) == (1, 1)
    for count in (2, 3):
        stage.sim.ws_drop()
        eventually(lambda: stage.sim.log()["ws_opened"], lambda opened: opened == count)
        eventually(lambda: asked(stage.sim), lambda seen: seen == count)
    stage.finish(stage.submit(graphs.picture()))
    assert asked(stage.sim) == 3
    read = stage.gateway_log("nodes_read")
    assert len(read) == 3 and read[0]["backend"] == "gpu0" and read[0]["classes"] > 20


def test_a_restart_with_other_models(stages):
    """What it told last stays while it is away; once it is back, it is asked again."""
    stage = stages()
    until_complete(stage)
    before = names(stage, "loras")
    stage.sim.models(loras=["new.safetensors"])
    stage.sim.restart(down_ms=1500, wait=False)
    stage.backend(lambda b: b["status"] == "down")
    assert names(stage, "loras") == before
    assert models(stage, "loras")["complete"]
    eventually(lambda: names(stage, "loras"), lambda seen: seen == ["new.safetensors"])


@pytest.mark.patient
def test_a_model_that_is_gone(stages):
    """ComfyUI refuses a prompt for what it was thought to have: it is asked anew, but not each time."""
    stage = stages()
    until_complete(stage)
    assert "watercolor.safetensors" in names(stage, "loras")
    stage.sim.models(loras=["other.safetensors"])
    began = time.monotonic()
    job = stage.finish(stage.submit(with_lora("watercolor.safetensors")), "failed")
    assert job["error"]["code"] == "missing_model"
    eventually(lambda: names(stage, "loras"), lambda seen: seen == ["other.safetensors"])
    for _ in range(3):
        stage.finish(stage.submit(with_lora("watercolor.safetensors")), "failed")
    stage.sim.models(loras=["third.safetensors"])
    assert asked(stage.sim) == 2
    eventually(lambda: asked(stage.sim), lambda seen: seen == 3)
    assert time.monotonic() - began >= 9.9
    eventually(lambda: names(stage, "loras"), lambda seen: seen == ["third.safetensors"])


def test_a_node_that_is_gone(stages):
    stage = stages()
    until_complete(stage)
    stage.sim.nodes(remove=["LoraLoader", "LoraLoaderModelOnly"])
    job = stage.finish(stage.submit(with_lora("watercolor.safetensors")), "failed")
    assert job["error"]["code"] == "missing_node"
    eventually(lambda: names(stage, "loras"), lambda seen: seen == [])
    stage.sim.nodes(add={"LoraLoader": None})
    stage.finish(stage.submit(with_lora("watercolor.safetensors")))
    assert names(stage, "loras") == []
    stage.gateway.request("POST", "/v1/templates/reload")
    eventually(lambda: names(stage, "loras"), lambda seen: "watercolor.safetensors" in seen)


def test_a_template_follows_what_is_there(stages, tmp_path):
    """Its model goes and comes, then one of its nodes."""
    folder = tmp_path / "templates"
    folder.mkdir()
    write_template(folder, "mine", {"/workflow/3": {"class_type": "UpscaleModelLoader",
                                                    "inputs": {"model_name": "4x-UltraSharp.pth"}}})
    stage = stages(templates_dir=folder, templates_shipped="off")

    def after_reload(available):
        stage.gateway.request("POST", "/v1/templates/reload")
        seen = eventually(lambda: stage.gateway.json("GET", "/v1/templates/mine"),
                          lambda seen: seen["available"] is available)
        return [(reason["code"], reason["pointer"]) for reason in seen["unavailable_reasons"]]

    assert after_reload(True) == []
    stage.sim.models(upscale_models=["other.pth"])
    assert after_reload(False) == [("missing_model", "/workflow/3/inputs/model_name")]
    stage.sim.models(upscale_models=["other.pth", "4x-UltraSharp.pth"])
    assert after_reload(True) == []
    stage.sim.nodes(remove=["EmptyImage"])
    assert after_reload(False) == [("missing_node", "/workflow/1/class_type")]
    stage.sim.nodes(add={"EmptyImage": None})
    assert after_reload(True) == []


@pytest.mark.patient
def test_asked_from_time_to_time(stages):
    stage = stages(backend_catalog_seconds=10)
    until_complete(stage)
    began = time.monotonic()
    stage.sim.models(loras=["new.safetensors"])
    eventually(lambda: names(stage, "loras"), lambda seen: seen == ["new.safetensors"])
    assert 8 <= time.monotonic() - began
    assert (asked(stage.sim), stage.sim.log()["ws_opened"]) == (2, 1)


# ---- answers that help nobody

@pytest.mark.parametrize("fault", [
    {"http_fail": {"path": "/object_info", "status": 404}},
    {"http_fail": {"path": "/object_info", "status": 500}},
    {"http_fail": {"path": "/object_info", "status": 200, "body": "<html>Log in</html>", "content_type": "text/html"}},
    {"http_fail": {"path": "/object_info", "status": 200, "body": "[1, 2"}},
    {"http_fail": {"path": "/object_info", "status": 200, "body": "[1, 2]"}},
    {"http_fail": {"path": "/object_info", "status": 200, "body": "[" * 1000 + "]" * 1000}},
    {"http_fail": {"path": "/object_info", "status": 200, "body": json.dumps({"A": "x" * 100000})}},
    {"http_fail": {"path": "/object_info", "mode": "reset"}},
], ids=["missing", "error", "page", "torn", "array", "deep", "huge", "reset"])
def test_useless_answers_harm_no_job(stages, fault):
    """It is asked again, with pauses; only the first failure is logged."""
    stage = stages(sim={"faults": fault}, backend_max_answer=65536)
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    for job in jobs:
        stage.finish(job)
    eventually(lambda: asked(stage.sim), lambda seen: seen >= 3)
    assert not models(stage, "loras")["complete"]
    assert len(stage.gateway_log("nodes_unknown")) == 1
    assert not stage.gateway_log("backend_down")
    stage.sim.clear_faults()
    until_complete(stage)
    assert "watercolor.safetensors" in names(stage, "loras")


@pytest.mark.patient
def test_a_slow_answer_delays_no_job(stages):
    stage = stages(sim={"faults": {"http_delay": {"path": "/object_info", "ms": 6000}}})
    eventually(lambda: asked(stage.sim), lambda seen: seen == 1)
    stage.finish(stage.submit(graphs.picture()))
    stage.gateway.request("POST", "/v1/templates/reload")
    stage.finish(stage.submit(graphs.picture()))
    assert (asked(stage.sim), models(stage, "loras")["complete"]) == (1, False), "one question at a time"
    until_complete(stage)
    # It was asked to ask while the answer was under way, which may be older.
    eventually(lambda: asked(stage.sim), lambda seen: seen == 2)


def test_a_large_answer(stages):
    """Tens of megabytes are read beside the jobs; the list is whole."""
    stage = stages()
    until_complete(stage)
    many = [f"collection {number % 100:02}/{'long ' * 10}{number:06}.safetensors" for number in range(100000)]
    stage.sim.models(loras=many)
    stage.gateway.request("POST", "/v1/templates/reload")
    jobs = [stage.submit(graphs.picture()) for _ in range(3)]
    for job in jobs:
        stage.finish(job)
    folders = eventually(lambda: stage.gateway.json("GET", "/v1/models")["data"],
                         lambda rows: {"folder": "loras", "count": 100000} in rows)
    assert len(folders) > 10
    read = eventually(lambda: stage.gateway_log("nodes_read"), lambda lines: len(lines) == 2)
    assert read[1]["bytes"] > 16 << 20
    assert names(stage, "loras", "?limit=1") == [min(many)]
    assert names(stage, "loras", "?q=099999.") == [many[-1]]
    assert not stage.gateway_log("backend_down")


def test_odd_declarations_are_skipped(stages):
    """Custom nodes write what they like; the rest is read all the same."""
    body = ('{"LoraLoader": {"input": {"required": {"lora_name": 7, "model": NaN}}}, "UNETLoader": [], "CLIPLoader": null,'
            '"VAELoader": {"input": {"required": {"vae_name": [["v.pt", 1, null, {"a": []}], {"default": -Infinity}]}}},'
            '"": {}, "😀": {"input": []}, "UpscaleModelLoader": {"input": {"optional": {"model_name": ["COMBO"]}}}}')
    stage = stages(sim={"faults": {"http_fail": {"path": "/object_info", "status": 200, "body": body}}})
    until_complete(stage)
    assert names(stage, "vae") == ["v.pt"]
    assert names(stage, "loras") == names(stage, "unet") == names(stage, "clip") == names(stage, "upscale_models") == []
    stage.finish(stage.submit(graphs.picture()))


def test_stopped_while_it_is_asked(stages):
    stage = stages(sim={"faults": {"http_hang": {"path": "/object_info"}}})
    eventually(lambda: asked(stage.sim), lambda seen: seen == 1)
    began = time.monotonic()
    assert stage.gateway.stop() == 0
    assert time.monotonic() - began < 5
