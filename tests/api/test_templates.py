"""Named workflows as the API serves them: where they come from, what breaks them, whether they can run."""
import json
import pathlib
import shutil
import threading

import pytest

from sim import Sim, wait_until
from template_folders import WORKFLOW, make, write_template

SHIPPED = sorted(path.parent.name for path in
                 (pathlib.Path(__file__).resolve().parents[2] / "templates").glob("*/manifest.json"))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mine"
    path.mkdir()
    return path


@pytest.fixture
def own(gateways, folder):
    """A gateway that serves that folder and nothing that is built in."""
    return gateways(templates_dir=folder, templates_shipped="off")


def reload(gateway):
    return gateway.json("POST", "/v1/templates/reload")


def listed(gateway, query=""):
    return {row["name"]: row for row in gateway.json("GET", f"/v1/templates{query}")["data"]}


def get(gateway, name, query=""):
    return gateway.json("GET", f"/v1/templates/{name}{query}")


# ---- where they come from


def test_those_that_come_with_it_are_served(gateway):
    rows = listed(gateway)
    assert sorted(rows) == SHIPPED
    for name, row in rows.items():
        assert row["source"] == "shipped" and row["broken"] is None
        detail = get(gateway, name)
        assert {key: detail[key] for key in row} == row
        assert detail["input_schema"]["type"] == "object"
        assert "x-comfy" not in json.dumps(detail)


def test_a_new_folder_works_after_reload(own, folder):
    assert listed(own) == {}
    assert own.request("GET", "/v1/templates/mine").problem() == ("not_found", [])
    write_template(folder, "mine", limits={"timeout_seconds": 30, "max_attempts": 2},
                   requires={"nodes": ["SaveImage"]})
    assert listed(own) == {}, "no folder is watched"
    assert reload(own) == {"loaded": 1, "broken": [], "added": ["mine"], "changed": [], "removed": []}
    row = listed(own)["mine"]
    assert row["title"] == "A plain picture" and row["tags"] == ["test"] and row["source"] == "folder"
    detail = get(own, "mine")
    assert detail["limits"] == {"timeout_seconds": 30, "max_attempts": 2}
    assert detail["requires"] == {"nodes": ["SaveImage"], "models": []}
    assert detail["examples"] == [{"title": "Small", "input": {"width": 16}}]
    assert detail["outputs"] == [{"node_id": "2", "title": "Save", "type": "image", "primary": True}]
    assert detail["input_schema"]["properties"]["width"]["default"] == 64
    assert str(folder) not in json.dumps(detail)
    assert [backend["name"] for backend in detail["backends"]] == ["gpu0"]


def test_the_data_folder_has_templates_too(gateways, tmp_path):
    gateway = gateways(templates_shipped="off")
    write_template(gateway.data_dir / "templates", "mine")
    assert reload(gateway)["added"] == ["mine"]
    gateway.restart()
    assert list(listed(gateway)) == ["mine"]


def test_changed_and_removed(own, folder):
    write_template(folder, "one")
    write_template(folder, "two")
    write_template(folder, "three")
    assert reload(own)["added"] == ["one", "three", "two"]
    write_template(folder, "two", title="Another")
    shutil.rmtree(folder / "one")
    assert reload(own) == {"loaded": 2, "broken": [], "added": [], "changed": ["two"], "removed": ["one"]}
    assert listed(own)["two"]["title"] == "Another"
    assert own.request("GET", "/v1/templates/one").status == 404
    assert reload(own) == {"loaded": 2, "broken": [], "added": [], "changed": [], "removed": []}


@pytest.mark.skipif(not SHIPPED, reason="none is built in")
def test_a_folder_replaces_what_is_built_in(gateways, folder):
    name = SHIPPED[0]
    gateway = gateways(templates_dir=folder)
    before = get(gateway, name)
    write_template(folder, name, title="My own")
    report = reload(gateway)
    assert report["changed"] == [name] and report["loaded"] == len(SHIPPED)
    assert (get(gateway, name)["title"], get(gateway, name)["source"]) == ("My own", "folder")
    shutil.rmtree(folder / name)
    assert reload(gateway)["changed"] == [name]
    assert get(gateway, name) == before


def test_a_later_folder_beats_an_earlier_one(gateways, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_template(first, "mine", title="first")
    write_template(first, "other", title="first")
    write_template(second, "mine", title="second")
    gateway = gateways(templates_dir=f"{first}:{second}", templates_shipped="off")
    assert {name: row["title"] for name, row in listed(gateway).items()} == {"mine": "second", "other": "first"}


# ---- what breaks them

WIDTH = "/input/properties/width"
FAULTS = {  # name: (what is changed, the fault's place, its code, a word of its detail)
    "no-such-node": ({f"{WIDTH}/x-comfy/title": "Nowhere"}, f"{WIDTH}/x-comfy/title", "no_such_node", "0 have this"),
    "no-such-input": ({f"{WIDTH}/x-comfy/input": "depth"}, f"{WIDTH}/x-comfy", "no_such_input", "EmptyImage"),
    "two-of-a-title": ({"/workflow/2/_meta/title": "Picture", "/outputs": [{"node": "2", "type": "image"}]},
                       f"{WIDTH}/x-comfy/title", "ambiguous", "2 have this"),
    "unknown-keyword": ({f"{WIDTH}/pattern": "x"}, f"{WIDTH}/pattern", None, ""),
    "unknown-member": ({"/colour": "red"}, "/colour", "unknown_field", ""),
    "bad-default": ({f"{WIDTH}/default": 1000}, f"{WIDTH}/default", None, "512"),
    "bad-example": ({"/examples": [{"input": {"width": 3}}]}, "/examples/0/input/width", None, "16"),
    "no-title": ({"/title": None}, "/title", "required", ""),
    "no-binding": ({f"{WIDTH}/x-comfy": None}, WIDTH, None, "x-comfy"),
    "bad-category": ({"/category": "art"}, "/category", None, "text-to-image"),
}


def check_fault(fault, pointer, code, word):
    assert fault["pointer"].startswith(pointer), fault
    assert code is None or fault["code"] == code, fault
    assert word in fault["detail"], fault


def test_each_broken_manifest_gives_its_own_reason(own, folder):
    for name, (swaps, *_) in FAULTS.items():
        write_template(folder, name, swaps)
    report = reload(own)
    assert report["loaded"] == 0 and [row["name"] for row in report["broken"]] == sorted(FAULTS)
    details = set()
    for row in report["broken"]:
        name = row["name"]
        _, pointer, code, word = FAULTS[name]
        check_fault(row["faults"][0], pointer, code, word)
        assert row["folder"] == str(folder / name) and row["serving"] == "none"
        details.add((row["faults"][0]["pointer"], row["faults"][0]["detail"]))
        shown = get(own, name)
        assert shown["broken"] == {"faults": row["faults"], "serving": "none"}
        assert shown["available"] is False and shown["unavailable_reasons"][0]["code"] == "broken"
        assert shown["input_schema"] is None and shown["title"] == name
        assert listed(own)[name]["broken"] == shown["broken"]
    assert len(details) == len(FAULTS)


def test_files_that_are_none(own, folder):
    whole = {name: write_template(folder, name) for name in
             ("no-json", "no-workflow", "ui-format", "too-large", "a-pipe", "loop")}
    (whole["no-json"] / "manifest.json").write_text('{"manifest": 1,}')
    (whole["no-workflow"] / "workflow.json").unlink()
    (whole["ui-format"] / "workflow.json").write_text(json.dumps({"nodes": [], "links": [], "version": 0.4}))
    (whole["too-large"] / "manifest.json").write_text(" " * ((1 << 20) + 1))
    (whole["a-pipe"] / "workflow.json").unlink()
    (whole["a-pipe"] / "workflow.json").symlink_to("/dev/zero")
    (whole["loop"] / "workflow.json").unlink()
    (whole["loop"] / "workflow.json").symlink_to("workflow.json")
    (folder / "only-workflow").mkdir()
    (folder / "only-workflow" / "workflow.json").write_text(json.dumps(WORKFLOW))
    write_template(folder, "Upper Case")
    write_template(folder, ".hidden")
    (folder / "notes.txt").write_text("no folder")
    (folder / "empty").mkdir()
    broken = {row["name"]: row["faults"][0] for row in reload(own)["broken"]}
    assert sorted(broken) == ["Upper Case", "a-pipe", "loop", "no-json", "no-workflow", "only-workflow", "too-large",
                              "ui-format"]
    assert {name: fault["code"] for name, fault in broken.items()} == {
        "Upper Case": "invalid_name", "a-pipe": "unreadable", "loop": "unreadable", "no-json": "malformed_json",
        "no-workflow": "missing_file", "only-workflow": "missing_file", "too-large": "too_large",
        "ui-format": "workflow_format_ui"}
    assert "manifest.json" in broken["no-json"]["detail"]
    assert "workflow.json" in broken["no-workflow"]["detail"]
    assert str(folder) not in json.dumps(own.json("GET", "/v1/templates"))
    assert "only-workflow" not in listed(own)


def test_a_broken_one_leaves_the_old_serving(own, folder):
    write_template(folder, "mine")
    reload(own)
    before = get(own, "mine")
    write_template(folder, "mine", {f"{WIDTH}/x-comfy/title": "Nowhere"}, title="Broken")
    report = reload(own)
    assert report["loaded"] == 1 and report["broken"][0]["serving"] == "previous"
    assert report["changed"] == report["removed"] == []
    after = get(own, "mine")
    assert after["broken"]["serving"] == "previous" and after["broken"]["faults"][0]["code"] == "no_such_node"
    assert {**after, "broken": None} == before
    write_template(folder, "mine", title="Mended")
    assert reload(own)["changed"] == ["mine"]
    assert get(own, "mine")["broken"] is None


def test_a_broken_folder_does_not_keep_it_from_starting(gateways, folder, tmp_path):
    write_template(folder, "bad", {"/colour": "red"})
    write_template(folder, "good")
    gateway = gateways(templates_dir=f"{tmp_path / 'nowhere'}:{folder}", templates_shipped="off")
    assert get(gateway, "good")["broken"] is None
    assert get(gateway, "bad")["broken"]["serving"] == "none"
    lines = [line for line in gateway.log().splitlines() if "_broken" in line]
    assert len(lines) == 2, lines
    assert "nowhere" in lines[0] and "template_folder_broken" in lines[0]
    assert "template=bad" in lines[1] and "/colour" in lines[1] and str(folder / "bad") in lines[1]
    missing = reload(gateway)["broken"][0]
    assert (missing["name"], missing["folder"]) == (None, str(tmp_path / "nowhere"))
    assert missing["faults"][0]["code"] == "missing_folder"


@pytest.mark.parametrize("value, word", [("a::b", "empty name"), (":".join("abcdefghijklmnopq"), "at most 16")])
def test_a_setting_that_makes_no_sense(gateways, value, word):
    with pytest.raises(AssertionError, match=word):
        gateways(templates_dir=value)


# ---- asking


def test_unknown_names(own, folder):
    for name in ("none", "None", "x" * 33, "..", "%2e%2e", "a%2Fb", "mine%00"):
        answer = own.request("GET", f"/v1/templates/{name}", check=name not in ("mine%00",))
        assert answer.status == (400 if name == "mine%00" else 404), name


def test_a_template_cannot_be_called_reload(own, folder):
    write_template(folder, "reload")
    assert reload(own)["broken"][0]["faults"][0]["code"] == "invalid_name"
    answer = own.request("GET", "/v1/templates/reload")
    assert (answer.status, answer.header("Allow")) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("path, place", [("?category=art", "category"), ("?available=maybe", "available"),
                                         ("?sort=name", "sort"), ("/mine?expand=all", "expand")])
def test_parameters_that_are_refused(own, path, place):
    assert own.request("GET", f"/v1/templates{path}").problem() == ("invalid_parameter", [place])


def test_reload_takes_no_body(own):
    assert own.request("POST", "/v1/templates/reload", json={}).status == 200
    assert own.request("POST", "/v1/templates/reload", json={"force": True}).problem() == ("unknown_field", ["/force"])
    assert own.request("POST", "/v1/templates/reload", body=b"{").problem()[0] == "malformed_json"


def test_categories(own, folder):
    for category in ("text-to-image", "image-edit", "upscale", "image-to-video", "other"):
        write_template(folder, category, category=category)
    write_template(folder, "bad", {"/colour": "red"})
    reload(own)
    assert len(listed(own)) == 6
    for category in ("text-to-image", "image-edit", "upscale", "image-to-video", "other"):
        assert list(listed(own, f"?category={category}")) == [category]


def test_etags(own, folder):
    write_template(folder, "mine")
    reload(own)
    for path in ("/v1/templates", "/v1/templates/mine", "/v1/templates/mine?expand=options"):
        first = own.request("GET", path)
        tag = {"If-None-Match": first.header("ETag")}
        again = own.request("GET", path, headers=tag)
        assert (again.status, again.body) == (304, b"") and again.header("ETag") == first.header("ETag")
        head = own.request("HEAD", path)
        assert (head.status, head.body, head.header("ETag")) == (200, b"", first.header("ETag"))
        assert head.header("Content-Length") == str(len(first.body))
        write_template(folder, "mine", title=f"After {path}")
        reload(own)
        assert own.request("GET", path, headers=tag).status == 200


def test_reading_while_it_is_reloaded(own, folder):
    write_template(folder, "mine", title="0")
    reload(own)
    over = threading.Event()
    wrong = []

    def read():
        while not over.is_set():
            answers = (own.request("GET", "/v1/templates/mine"), own.request("GET", "/v1/templates"))
            if [answer.status for answer in answers] != [200, 200] or not answers[0].json()["title"].isdigit():
                wrong.append(answers)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for number in range(25):
        write_template(folder, "mine", title=str(number))
        assert reload(own)["loaded"] == 1
    over.set()
    for reader in readers:
        reader.join()
    assert not wrong, wrong[0]
    assert get(own, "mine")["title"] == "24"


# ---- whether they can run


def test_nothing_is_known_without_a_comfyui(own, folder):
    write_template(folder, "mine")
    write_template(folder, "bad", {"/colour": "red"})
    reload(own)
    row = listed(own)["mine"]
    assert row["available"] is None and row["unavailable_reasons"] == []
    assert get(own, "mine")["backends"] == [{"name": "gpu0", "available": None, "reasons": []}]
    assert listed(own, "?available=true") == {}
    assert list(listed(own, "?available=false")) == ["bad"]


LORAS = {"type": "array", "maxItems": 4, "x-options": {"source": "models:nonsense"},
         "items": {"type": "object", "required": ["name"], "additionalProperties": False,
                   "properties": {"name": {"type": "string", "x-options": {"source": "models:loras"}}}},
         "x-comfy": {"op": "lora-chain", "loader": "LoraLoaderModelOnly", "model": {"title": "Model", "output": 0}}}
CHECKPOINT = {"class_type": "CheckpointLoaderSimple", "_meta": {"title": "Model"},
              "inputs": {"ckpt_name": "mine.safetensors"}}
URL = "https://example.com/mine.safetensors"


def tell(sim, change):
    """From now on the sim's /object_info is what `change` makes of it."""
    sim.faults({})
    info = sim.get("/object_info")
    change(info)
    sim.faults({"http_fail": {"path": "/object_info", "status": 200, "content_type": "application/json",
                              "body": json.dumps(info)}})


def ckpts(info):
    return info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]


@pytest.fixture
def sims():
    """Two of them."""
    with Sim() as first, Sim() as second:
        yield first, second


def until_available(gateway, name, wanted):
    return wait_until(lambda: next((row for row in listed(gateway).values()
                                    if row["name"] == name and row["available"] is wanted), None),
                      what=f"{name} is {wanted}")


def test_a_node_that_is_missing_and_comes(gateways, folder, sims):
    sim, _ = sims
    write_template(folder, "mine")
    write_template(folder, "needs", requires={"nodes": ["NobodyHasThis"]})
    tell(sim, lambda info: info.pop("EmptyImage"))
    gateway = gateways(templates_dir=folder, templates_shipped="off", backends=f"gpu0={sim.url}")
    row = until_available(gateway, "mine", False)
    assert row["unavailable_reasons"] == [{
        "pointer": "/workflow/1/class_type", "code": "missing_node",
        "detail": 'the connected ComfyUI has no node "EmptyImage"'}]
    assert get(gateway, "mine")["backends"] == [
        {"name": "gpu0", "available": False, "reasons": row["unavailable_reasons"]}]
    tag = {"If-None-Match": gateway.request("GET", "/v1/templates/mine").header("ETag")}
    assert gateway.request("GET", "/v1/templates/mine", headers=tag).status == 304

    sim.faults({})
    assert reload(gateway)["changed"] == [], "it is ComfyUI that has changed"
    assert until_available(gateway, "mine", True)["unavailable_reasons"] == []
    assert gateway.request("GET", "/v1/templates/mine", headers=tag).status == 200
    needs = until_available(gateway, "needs", False)
    assert needs["unavailable_reasons"][0]["pointer"] == "/requires/nodes/0"
    assert list(listed(gateway, "?available=true")) == ["mine"]
    assert list(listed(gateway, "?available=false")) == ["needs"]


def test_a_model_that_is_missing_is_told_with_its_address(gateways, folder, sims):
    sim, _ = sims
    write_template(folder, "mine", {"/workflow/3": CHECKPOINT}, requires={"models": [
        {"folder": "checkpoints", "name": "mine.safetensors", "url": URL}]})
    gateway = gateways(templates_dir=folder, templates_shipped="off", backends=f"gpu0={sim.url}")
    reason = until_available(gateway, "mine", False)["unavailable_reasons"][0]
    assert (reason["code"], reason["pointer"]) == ("missing_model", "/workflow/3/inputs/ckpt_name")
    assert "models/checkpoints" in reason["detail"] and URL in reason["detail"]
    tell(sim, lambda info: ckpts(info).append("mine.safetensors"))
    reload(gateway)
    until_available(gateway, "mine", True)


def test_one_backend_is_enough_and_the_reasons_are_those_of_the_best(gateways, folder, sims):
    poor, rich = sims
    write_template(folder, "mine")
    tell(poor, lambda info: (info.pop("EmptyImage"), info.pop("SaveImage")))
    tell(rich, lambda info: info.pop("EmptyImage"))
    gateway = gateways(templates_dir=folder, templates_shipped="off",
                       backends=f"poor={poor.url},rich={rich.url},gone=http://127.0.0.1:9")
    wait_until(lambda: [len(backend["reasons"]) for backend in get(gateway, "mine")["backends"]] == [2, 1, 0],
               what="both are known")
    row = listed(gateway)["mine"]
    assert row["available"] is False and len(row["unavailable_reasons"]) == 1
    assert [backend["available"] for backend in get(gateway, "mine")["backends"]] == [False, False, None]
    rich.faults({})
    reload(gateway)
    assert until_available(gateway, "mine", True)["unavailable_reasons"] == []
    assert [backend["available"] for backend in get(gateway, "mine")["backends"]] == [False, True, None]


def options(gateway, query):
    schema = get(gateway, "mine", query)["input_schema"]["properties"]["loras"]
    return schema["x-options"], schema["items"]["properties"]["name"]["x-options"]


def test_the_options_of_all_backends_together(gateways, folder, sims):
    first, second = sims
    known = sorted(first.get("/models/loras"))

    def with_more(info):
        info["LoraLoader"]["input"]["required"]["lora_name"][0].append("a/mine.safetensors")

    write_template(folder, "mine", {"/workflow/3": CHECKPOINT, "/input/properties/loras": LORAS,
                                    "/workflow/4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}}})
    gateway = gateways(templates_dir=folder, templates_shipped="off", backends="gone=http://127.0.0.1:9")
    assert options(gateway, "?expand=options") == ({"source": "models:nonsense"}, {"source": "models:loras"})
    tell(second, with_more)
    gateway = gateways(templates_dir=folder, templates_shipped="off", backends=f"one={first.url},two={second.url}")
    wait_until(lambda: options(gateway, "?expand=options")[1].get("values") == ["a/mine.safetensors", *known],
               what="both are known")
    assert options(gateway, "?expand=options")[0] == {"source": "models:nonsense"}
    assert options(gateway, "")[1] == {"source": "models:loras"}


@pytest.mark.skipif(not SHIPPED, reason="none is built in")
def test_those_that_need_no_model_run_on_the_simulator(gateways, sims):
    gateway = gateways(backends=f"gpu0={sims[0].url}")
    for name in (name for name in SHIPPED if name.startswith("test-")):
        until_available(gateway, name, True)


def test_made_templates_are_what_they_seem():
    manifest, workflow = make("x", {"/workflow/1/inputs/width": 8, "/title": None})
    assert workflow["1"]["inputs"]["width"] == 8 and "title" not in manifest and WORKFLOW["1"]["inputs"]["width"] == 64
