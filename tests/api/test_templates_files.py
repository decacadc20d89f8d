"""`comfygate templates init` and `check`: a workflow becomes a template that can be loaded, and no gateway is asked."""
import http.server
import json
import os
import pathlib
import socket
import stat
import threading

import pytest

from stage import stages  # noqa: F401  (a fixture)
from test_cli import Terminal, cli

DRAFTS = pathlib.Path(__file__).resolve().parent.parent / "unit" / "drafts"
SD15 = DRAFTS / "sd15.json"
INFO = DRAFTS / "object_info.json"
NOWHERE = "http://127.0.0.1:1"  # no gateway


def run(*words, cwd=None):
    return cli(NOWHERE, "templates", *words, cwd=cwd)


def files(folder):
    return sorted(entry.name for entry in folder.iterdir())


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture
def server():
    """server(status, body) serves one answer to every GET; gives its address and the paths it was asked for."""
    started = []

    def start(status, body):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        started.append((httpd, thread))
        return f"http://127.0.0.1:{httpd.server_address[1]}", asked

    yield start
    for httpd, thread in started:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


# ---- init ----------------------------------------------------------------------------------


def test_init_writes_a_template_that_check_likes(tmp_path):
    ran = run("init", SD15, "--name", "my-sd", cwd=tmp_path)
    assert ran.code == 0, ran
    folder = tmp_path / "my-sd"
    assert files(folder) == ["manifest.json", "workflow.json"]
    assert (folder / "workflow.json").read_bytes() == SD15.read_bytes()
    made = manifest(folder)
    assert made["name"] == "my-sd" and made["title"] == "My sd" and made["category"] == "text-to-image"
    assert list(made["input"]["properties"])[:2] == ["prompt", "negative"]
    rows = [line.split(None, 3) for line in ran.out.splitlines()]
    assert rows[0] == ["parameter", "node.input", "sure", "why"]
    assert ["prompt", "6.text", "likely", "the text that CLIPTextEncode takes as its prompt"] in rows
    assert "comfygate templates check my-sd" in ran.out and "templates reload" in ran.out
    checked = run("check", folder)
    assert (checked.code, checked.out) == (0, f"{folder}: can be loaded\n"), checked


@pytest.mark.parametrize("graph", sorted(DRAFTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_draft_can_be_loaded(tmp_path, graph):
    ran = run("init", graph, "--out", tmp_path / graph.stem.replace("_", "-"), "--object-info", INFO)
    if graph.stem in ("dangling", "object_info"):
        assert ran.code == 1 and not list(tmp_path.iterdir()), ran
        return
    assert ran.code == 0, ran
    assert run("check", tmp_path / graph.stem).code == 0


def test_the_name_comes_from_out_or_from_the_file(tmp_path):
    graph = tmp_path / "My SDXL (v2).json"
    graph.write_bytes(SD15.read_bytes())
    assert run("init", graph, cwd=tmp_path).code == 0
    assert manifest(tmp_path / "my-sdxl-v2")["name"] == "my-sdxl-v2"
    assert run("init", graph, "--out", tmp_path / "other/", cwd=tmp_path).code == 0
    assert manifest(tmp_path / "other")["name"] == "other"
    assert run("init", graph, "-q", "--name", "third", cwd=tmp_path).out == "third\n"


@pytest.mark.parametrize("words, part", [
    (["--name", "Bad Name"], "does not"),
    (["--name", "a" * 33], "1 to 32"),
    (["--name", "one", "--out", "two"], "--out .../one"),
    (["--out", "Two"], "--name"),
    (["--object-info", "a", "--comfyui", "http://b"], "one of them"),
    (["--comfyui", "ftp://b"], "http://127.0.0.1:8188"),
    (["more"], "one word too many"),
])
def test_usage_of_init(tmp_path, words, part):
    ran = run("init", SD15, *words, cwd=tmp_path)
    assert ran.code == 2 and part in ran.err, ran
    assert not list(tmp_path.iterdir())


def test_a_file_name_that_makes_no_name_asks_for_one(tmp_path):
    graph = tmp_path / "123.json"
    graph.write_bytes(SD15.read_bytes())
    ran = run("init", graph, cwd=tmp_path)
    assert ran.code == 2 and "--name" in ran.err, ran


def test_nothing_is_overwritten_without_force(tmp_path):
    assert run("init", SD15, "--name", "mine", cwd=tmp_path).code == 0
    edited = tmp_path / "mine" / "manifest.json"
    edited.write_text("mine")
    ran = run("init", SD15, "--name", "mine", cwd=tmp_path)
    assert ran.code == 1 and "--force" in ran.err, ran
    assert edited.read_text() == "mine"
    assert run("init", SD15, "--name", "mine", "--force", cwd=tmp_path).code == 0
    assert manifest(tmp_path / "mine")["name"] == "mine"
    # A folder with something else in it is fine, and keeps it.
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README").write_text("keep")
    assert run("init", SD15, "--name", "notes", cwd=tmp_path).code == 0
    assert files(tmp_path / "notes") == ["README", "manifest.json", "workflow.json"]


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").symlink_to(outside)
    assert run("init", SD15, "--name", "mine", cwd=tmp_path).code == 1
    assert run("init", SD15, "--name", "mine", "--force", cwd=tmp_path).code == 0
    assert outside.read_text() == "untouched" and not (tmp_path / "mine" / "manifest.json").is_symlink()


def test_what_cannot_be_drafted_leaves_nothing_behind(tmp_path):
    for name, content, part in [
        ("ui.json", b'{"nodes": [], "links": []}', "Workflow > Export (API)"),
        ("broken.json", b"{", "broken.json as JSON: the text ends too early at byte 1"),
        ("list.json", b"[]", "/workflow: "),
        ("gone.json", None, "cannot read the workflow"),
    ]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        ran = run("init", tmp_path / name, "--name", "x", cwd=tmp_path)
        assert ran.code == 1 and part in ran.err and ran.out == "", (name, ran)
        assert not (tmp_path / "x").exists()


def test_a_byte_order_mark_is_left_out(tmp_path):
    graph = tmp_path / "marked.json"
    graph.write_bytes(b"\xef\xbb\xbf" + SD15.read_bytes())
    assert run("init", graph, cwd=tmp_path).code == 0
    assert (tmp_path / "marked" / "workflow.json").read_bytes() == SD15.read_bytes()
    assert run("check", tmp_path / "marked").code == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    ran = run("init", SD15, "--out", tmp_path / "no" / "such" / "place")
    assert ran.code == 1 and "cannot make the folder" in ran.err, ran
    (tmp_path / "file").write_text("")
    ran = run("init", SD15, "--out", tmp_path / "file")
    assert ran.code == 1 and "cannot write" in ran.err, ran


def test_init_as_json(tmp_path):
    ran = cli(NOWHERE, "--json", "templates", "init", DRAFTS / "kontext.json", cwd=tmp_path)
    told = json.loads(ran.out)
    assert told["name"] == "kontext" and told["path"] == "kontext"
    assert {"parameter": "seed", "node": "31", "input": "seed", "confidence": "likely",
            "why": "seed of the sampler KSampler"} in told["findings"]
    left = [finding for finding in told["findings"] if finding["confidence"] == "left"]
    assert left and all(finding["parameter"] is None for finding in left)


def test_a_hostile_title_does_not_reach_the_terminal(tmp_path):
    graph = json.loads(SD15.read_text())
    graph["\x1b[2Jx"] = graph.pop("3")
    for node in graph.values():
        for name, value in node["inputs"].items():
            if value == ["3", 0]:
                node["inputs"][name] = ["\x1b[2Jx", 0]
    (tmp_path / "g.json").write_text(json.dumps(graph))
    ran = run("init", tmp_path / "g.json", cwd=tmp_path)
    assert ran.code == 0 and "\x1b" not in ran.out and ".seed" in ran.out, ran


def test_init_in_colour_for_a_person(tmp_path):
    shown = Terminal(NOWHERE, "templates", "init", str(SD15), "--out", str(tmp_path / "shown"), columns=120)
    assert shown.end() == 0
    assert "\x1b[" in shown.text and "Next:" in shown.text
    assert all(len(line) <= 140 for line in shown.text.splitlines() if "likely" in line)


def test_object_info_sharpens_the_draft(tmp_path, server):
    url, asked = server(200, INFO.read_bytes())
    graph = DRAFTS / "custom-node.json"
    assert run("init", graph, "--name", "by-file", "--object-info", INFO, cwd=tmp_path).code == 0
    assert run("init", graph, "--name", "by-url", "--comfyui", url + "/", cwd=tmp_path).code == 0
    assert asked == [("/object_info", None)]
    for name in ("by-file", "by-url"):
        style = manifest(tmp_path / name)["input"]["properties"]["style"]
        assert style["enum"] == ["film", "digital"]


def test_the_gateways_key_is_not_sent_to_comfyui(tmp_path, server):
    url, asked = server(200, INFO.read_bytes())
    ran = cli(NOWHERE, "templates", "init", SD15, "--name", "x", "--comfyui", url, cwd=tmp_path,
              COMFYGATE_API_KEY="secret")
    assert ran.code == 0 and asked == [("/object_info", None)], (ran, asked)


# ---- check ---------------------------------------------------------------------------------


def test_check_tells_every_fault_with_its_place(tmp_path):
    run("init", SD15, "--name", "mine", cwd=tmp_path)
    made = manifest(tmp_path / "mine")
    made["name"] = "other"
    made["input"]["properties"]["steps"]["x-comfy"]["node"] = "77"
    made["input"]["properties"]["cfg"]["x-comfy"]["input"] = "cgf"
    (tmp_path / "mine" / "manifest.json").write_text(json.dumps(made))
    ran = run("check", "mine", cwd=tmp_path)
    assert ran.code == 1, ran
    for part in ("mine: cannot be loaded", "/name: must be the name of the folder",
                 "/input/properties/steps/x-comfy/node: must select exactly one node",
                 "/input/properties/cfg/x-comfy/input: node \"3\" (KSampler) has no such input"):
        assert part in ran.out, (part, ran)


def test_check_tells_line_and_column_of_what_is_no_json(tmp_path):
    run("init", SD15, "--name", "mine", cwd=tmp_path)
    manifest = tmp_path / "mine" / "manifest.json"
    good = manifest.read_text()
    lines = good.splitlines()
    manifest.write_text(good.replace(lines[2], lines[2] + ","))
    at = good.index(lines[2]) + len(lines[2])
    ran = run("check", "mine", cwd=tmp_path)
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == [f"  manifest.json: a member's name is missing at byte {at} (line 3, column {len(lines[2]) + 1})"]
    manifest.write_text(good.replace(lines[2], lines[2] + "\n" + lines[2]))
    ran = run("check", "mine", cwd=tmp_path)
    assert len(ran.out.splitlines()) == 2
    assert ran.out.splitlines()[1].startswith("  manifest.json: /name: the name was used before"), ran


def test_check_of_several_folders_tells_of_each(tmp_path):
    run("init", SD15, "--name", "good", cwd=tmp_path)
    (tmp_path / "empty").mkdir()
    ran = run("check", "good", "empty", "missing", ".", cwd=tmp_path)
    assert ran.code == 1
    assert "good: can be loaded" in ran.out
    assert "empty: cannot be loaded\n  empty/manifest.json: No such file" in ran.out
    assert "missing: cannot be loaded" in ran.out and ".: cannot be loaded" in ran.out
    assert run("check", ".", cwd=tmp_path / "good").code == 0
    quiet = run("check", "-q", "good", "empty", cwd=tmp_path)
    assert quiet.code == 1 and "good" not in quiet.out and "empty" in quiet.out
    assert run("check", cwd=tmp_path).code == 2


def test_files_above_what_a_gateway_reads_are_told(tmp_path):
    run("init", SD15, "--name", "mine", cwd=tmp_path)
    for name, most in (("manifest.json", 1 << 20), ("workflow.json", 4 << 20)):
        before = (tmp_path / "mine" / name).read_bytes()
        (tmp_path / "mine" / name).write_bytes(before + b" " * (most - len(before)))
        assert run("check", "mine", cwd=tmp_path).code == 0
        (tmp_path / "mine" / name).write_bytes(before + b" " * (most - len(before) + 1))
        ran = run("check", "mine", cwd=tmp_path)
        assert ran.code == 1 and f"mine/{name} is larger than allowed" in ran.out, ran
        (tmp_path / "mine" / name).write_bytes(before)
    (tmp_path / "large.json").write_bytes(SD15.read_bytes() + b" " * (4 << 20))
    ran = run("init", "large.json", cwd=tmp_path)
    assert ran.code == 1 and "larger than allowed" in ran.err, ran


def test_check_as_json(tmp_path):
    run("init", SD15, "--name", "good", cwd=tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text("{}")
    (tmp_path / "bad" / "workflow.json").write_bytes(SD15.read_bytes())
    ran = run("check", "good", "bad", "--json", cwd=tmp_path)
    good, bad = json.loads(ran.out)["data"]
    assert ran.code == 1
    assert good == {"path": "good", "name": "good", "valid": True, "available": None, "detail": None, "errors": []}
    assert bad["valid"] is False and bad["available"] is None
    assert {"pointer", "code", "detail"} == set(bad["errors"][0])


def test_check_asks_a_comfyui_what_it_lacks(tmp_path, server):
    url, _ = server(200, INFO.read_bytes())
    run("init", SD15, "--name", "fine", cwd=tmp_path)
    run("init", DRAFTS / "img2img.json", "--name", "lacks", cwd=tmp_path)
    assert run("check", "fine", "--comfyui", url, cwd=tmp_path).out == "fine: can run\n"
    assert run("check", "fine", "--object-info", INFO, cwd=tmp_path).code == 0
    ran = run("check", "lacks", "--comfyui", url, "--json", cwd=tmp_path)
    told = json.loads(ran.out)["data"][0]
    assert ran.code == 1 and told["valid"] is True and told["available"] is False
    assert [error["pointer"] for error in told["errors"]] == ["/workflow/12/class_type"]
    ran = run("check", "lacks", "--comfyui", url, cwd=tmp_path)
    assert "lacks: cannot run on this ComfyUI" in ran.out and "VAEEncode" in ran.out


def test_a_comfyui_that_does_not_answer(tmp_path, server):
    run("init", SD15, "--name", "fine", cwd=tmp_path)
    with socket.socket() as held:  # bound, but it does not listen
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        ran = run("check", "fine", "--comfyui", url, cwd=tmp_path)
    assert ran.code == 69 and "no ComfyUI answers" in ran.err, ran
    for status, body, part in [(404, b"", "status 404"), (200, b"<html>", "not valid JSON"), (200, b"[]", "no object")]:
        url, _ = server(status, body)
        ran = run("check", "fine", "--comfyui", url, cwd=tmp_path)
        assert ran.code == 1 and part in ran.err, (part, ran)
    ran = run("check", "fine", "--object-info", "gone.json", cwd=tmp_path)
    assert ran.code == 1 and "cannot read the object info" in ran.err, ran


def test_a_real_answer_of_comfyui(tmp_path, stages):
    """comfy-sim answers /object_info as ComfyUI does; a template of its own nodes can run there."""
    stage = stages()
    url = f"http://127.0.0.1:{stage.sim.port}"
    graph = {"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"},
                   "_meta": {"title": "$prefix:filename_prefix"}}}
    (tmp_path / "tiny.json").write_text(json.dumps(graph))
    assert run("init", "tiny.json", "--comfyui", url, cwd=tmp_path).code == 0
    assert run("check", "tiny", "--comfyui", url, cwd=tmp_path).out == "tiny: can run\n"


# ---- the verb ------------------------------------------------------------------------------


def test_help():
    overview = cli(NOWHERE, "--help").out
    assert "  templates " in overview
    for words in (["help", "templates"], ["templates", "--help"]):
        ran = cli(NOWHERE, *words)
        assert ran.code == 0 and "init" in ran.out and "check" in ran.out, ran
    for part in ("init", "check"):
        for words in (["help", "templates", part], ["templates", part, "--help"]):
            ran = cli(NOWHERE, *words)
            assert ran.code == 0 and f"comfygate templates {part} " in ran.out and "--comfyui" in ran.out, ran


def test_unknown_parts_are_usage():
    assert run().code == 2
    ran = run("nonsense")
    assert ran.code == 2 and "nonsense" in ran.err


def test_files_are_for_all_to_read(tmp_path):
    mask = os.umask(0o022)
    try:
        run("init", SD15, "--name", "mine", cwd=tmp_path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "mine" / "manifest.json").stat().st_mode) == 0o644
