"""comfygate templates list, show and reload, against a real gateway."""
import json

import pytest

from sim import Sim
from stage import eventually
from template_folders import write_template
from test_cli import Terminal, cli

PROMPT = "/input/properties/prompt"
PICTURE = {"type": "string", "description": "What to change.", "x-ui": {"order": 1},
           "x-comfy": {"title": "Load", "input": "image", "op": "asset"}}
LOAD = {"class_type": "LoadImage", "_meta": {"title": "Load"}, "inputs": {"image": "a.png"}}
SEED = {"type": "integer", "minimum": 0, "maximum": 18446744073709551615, "x-ui": {"order": 2},
        "x-comfy": {"op": "seed", "title": "Picture", "input": "color"}}
WIDTH = "/input/properties/width"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mine"
    path.mkdir()
    return path


@pytest.fixture
def own(gateways, folder):
    return gateways(templates_dir=folder, templates_shipped="off")


def test_reload_tells_what_moved(own, folder):
    assert cli(own, "templates", "reload").out == "nothing new; 0 templates are served\n"
    write_template(folder, "one")
    write_template(folder, "two")
    ran = cli(own, "templates", "reload")
    assert (ran.code, ran.out, ran.err) == (0, "added one\nadded two\n2 templates are served\n", "")
    write_template(folder, "one", title="Another")
    (folder / "two" / "manifest.json").unlink()
    (folder / "two" / "workflow.json").unlink()
    ran = cli(own, "templates", "reload")
    assert (ran.code, ran.out) == (0, "changed one\nremoved two\n1 template is served\n")


def test_reload_tells_every_fault_and_fails(own, folder):
    write_template(folder, "good")
    cli(own, "templates", "reload")
    write_template(folder, "good", {"/colour": "red", "/size": 1})
    write_template(folder, "bad", {f"{WIDTH}/x-comfy/title": "Nowhere"})
    ran = cli(own, "templates", "reload")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0] == f"broken bad ({folder / 'bad'})"
    assert lines[1].startswith(f"  {WIDTH}/x-comfy/title: must select exactly one node")
    assert lines[2] == f"broken good ({folder / 'good'}), what was served before still is"
    assert [line.split(":")[0] for line in lines[3:5]] == ["  /colour", "  /size"]
    assert lines[5] == "nothing new; 1 template is served"
    quiet = cli(own, "templates", "reload", "--quiet")
    assert quiet.code == 1 and quiet.out.splitlines() == lines[:5]
    as_json = cli(own, "templates", "reload", "--json")
    assert as_json.code == 1 and [row["name"] for row in json.loads(as_json.out)["broken"]] == ["bad", "good"]


def test_list(own, folder):
    assert cli(own, "templates", "list").err == "There are no such templates.\n"
    write_template(folder, "picture", title="Ünïcode", category="text-to-image")
    write_template(folder, "bad", {"/colour": "red"})
    own.json("POST", "/v1/templates/reload")
    ran = cli(own, "templates", "list")
    head, bad, picture = ran.out.splitlines()
    assert head.split() == ["NAME", "TITLE", "CATEGORY", "CAN", "RUN"]
    assert bad.split()[:4] == ["bad", "bad", "-", "broken:"]
    assert picture.split() == ["picture", "Ünïcode", "text-to-image", "not", "known", "yet"]
    assert len({line.index(word) for line, word in
                ((head, "CAN RUN"), (bad, "broken:"), (picture, "not known"))}) == 1, "columns"
    assert cli(own, "templates", "list", "--quiet", "--category", "text-to-image").out == "picture\n"
    refused = cli(own, "templates", "list", "--category", "art")
    assert refused.code == 1 and "text-to-image" in refused.err
    rows = json.loads(cli(own, "templates", "list", "--json").out)["data"]
    assert [row["name"] for row in rows] == ["bad", "picture"]


def test_list_counts_what_is_missing(gateways, folder):
    write_template(folder, "one", requires={"nodes": ["NobodyHasThis"]})
    write_template(folder, "two", {"/workflow/3": {"class_type": "CheckpointLoaderSimple",
                                                   "inputs": {"ckpt_name": "mine.safetensors"}}},
                   requires={"nodes": ["NobodyHasThis", "NorThat"]})
    with Sim() as sim:
        own = gateways(templates_dir=folder, templates_shipped="off", backends=f"gpu0={sim.url}")
        eventually(lambda: " no: " in cli(own, "templates", "list").out)
        lines = cli(own, "templates", "list").out.splitlines()
        assert [line.split(" no: ")[1] for line in lines[1:]] == ["1 node is missing", "2 nodes and 1 model are missing"]
        terminal = Terminal(own.url, "templates", "list", columns=110)
        while terminal.read(5):
            pass
        assert "2 nodes and 1 model are missing" in terminal.text, terminal.text


def test_the_list_fits_the_terminal(own, folder):
    write_template(folder, "bad", {"/colour": "red"}, title="x" * 90)
    own.json("POST", "/v1/templates/reload")
    terminal = Terminal(own.url, "templates", "list", columns=100)
    while terminal.read(5):
        pass
    lines = terminal.text.replace("\r", "").splitlines()
    assert len(lines) == 2, lines


def test_show(own, folder):
    write_template(
        folder, "edit", {"/workflow/3": LOAD, "/input/required": ["image"], "/input/properties/image": PICTURE,
                         "/input/properties/seed": SEED,
                         "/input/properties/shade": {"type": "string", "enum": ["dark", "light"], "default": "dark",
                                                     "x-comfy": {"op": "map", "map": {"dark": [], "light": []}}},
                         f"{WIDTH}/multipleOf": 2,
                         "/examples": [{"input": {"image": "output:0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"}}]})
    own.json("POST", "/v1/templates/reload")
    ran = cli(own, "templates", "show", "edit")
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    facts = dict(line.split(None, 1) for line in lines[:7])
    assert facts["title"] == "A plain picture" and facts["makes"] == "image" and facts["tags"] == "test"
    text = " ".join(ran.out.split())
    assert "can run not known yet" in text
    assert "integer, 0 to 18446744073709551615" in text, "no double has touched it"
    assert "width integer, 16 to 512, a multiple of 2 64 In pixels." in text
    assert "shade dark, light dark" in text
    assert "image* @FILE" in text and "* must be given" in text
    assert ran.out.index("image*") < ran.out.index("seed") < ran.out.index("width"), "in the order of x-ui"
    assert lines[-1] == "  comfygate submit edit -p image=@FILE --wait"
    assert json.loads(cli(own, "templates", "show", "edit", "--json").out)["name"] == "edit"


def test_show_of_a_broken_one(own, folder):
    write_template(folder, "mine", {"/colour": "red"})
    own.json("POST", "/v1/templates/reload")
    ran = cli(own, "templates", "show", "mine")
    assert ran.code == 0 and "nothing is served under this name" in ran.out and "/colour" in ran.out
    refused = cli(own, "submit", "mine", "-p", "width=64")
    assert refused.code == 1 and "cannot be loaded; comfygate templates show mine" in refused.err, refused
    answer = own.request("POST", "/v1/jobs", json={"template": "mine", "input": {}})
    assert answer.status == 422 and "cannot be loaded" in answer.json()["detail"], answer
    write_template(folder, "mine")
    own.json("POST", "/v1/templates/reload")
    write_template(folder, "mine", {"/colour": "red"})
    own.json("POST", "/v1/templates/reload")
    ran = cli(own, "templates", "show", "mine")
    assert "as it was before" in ran.out and "/colour" in ran.out and "comfygate submit mine" in ran.out


def test_what_is_refused(own):
    ran = cli(own, "templates", "show", "none")
    assert ran.code == 1 and "no template of this name" in ran.err
    assert cli(own, "templates", "show").code == 2
    assert cli(own, "templates", "show", "a", "b").code == 2
    assert cli(own, "templates", "list", "a").code == 2
    assert cli(own, "templates", "reload", "a").code == 2
    assert cli(own, "templates", "show", "a/b?c").code == 1
    assert cli("http://127.0.0.1:9", "templates", "list").code not in (0, 1, 2)


@pytest.mark.parametrize("part", ["list", "show", "reload"])
def test_help(own, part):
    for words in (("templates", part, "--help"), ("help", "templates", part)):
        ran = cli(own, *words)
        assert ran.code == 0 and f"comfygate templates {part}" in ran.out and "Example:" in ran.out
    assert f"  {part}" in cli(own, "templates", "--help").out
